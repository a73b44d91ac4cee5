// One module in the stores of many threads; and a store that goes from thread to
// thread.
#include <pthread.h>

#include "common.h"

enum { THREADS = 8, TIMES = 25 };

static wasm_trap_t *add(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results) {
  (void)results;
  *(int *)env += args->data[0].of.i32;
  return NULL;
}

struct job {
  wasm_engine_t *engine;
  const wasm_shared_module_t *module;
  wasm_store_t *store;
  int sum;
};

static void run(struct job *job, wasm_store_t *store, const wasm_module_t *module) {
  wasm_functype_t *type = wasm_functype_new_1_0(wasm_valtype_new_i32());
  wasm_extern_t *externs[] = {
      wasm_func_as_extern(wasm_func_new_with_env(store, type, add, &job->sum, NULL))};
  wasm_functype_delete(type);
  wasm_extern_vec_t imports = WASM_ARRAY_VEC(externs);
  wasm_instance_t *instance = wasm_instance_new(store, module, &imports, NULL);
  check(instance);
  wasm_extern_delete(externs[0]);
  wasm_func_t *func = export_func(instance, "run");
  wasm_val_t as[] = {WASM_I32_VAL(2)};
  wasm_val_vec_t args = WASM_ARRAY_VEC(as);
  check(!wasm_func_call(func, &args, NULL));
  wasm_func_delete(func);
  wasm_instance_delete(instance);
}

static void *own_store(void *argument) {
  struct job *job = argument;
  for (int i = 0; i < TIMES; ++i) {
    wasm_store_t *store = wasm_store_new(job->engine);
    wasm_module_t *module = wasm_module_obtain(store, job->module);
    run(job, store, module);
    wasm_module_delete(module);
    wasm_store_delete(store);
  }
  return NULL;
}

static void *given_store(void *argument) {
  struct job *job = argument;
  wasm_module_t *module = wasm_module_obtain(job->store, job->module);
  run(job, job->store, module);
  wasm_module_delete(module);
  return NULL;
}

int main(void) {
  wasm_engine_t *engine = wasm_engine_new();
  wasm_store_t *store = wasm_store_new(engine);
  wasm_module_t *module = wasm_aot_module_open(store, "threads.so");
  check(module);
  wasm_shared_module_t *shared = wasm_module_share(module);
  wasm_module_delete(module);

  pthread_t threads[THREADS];
  struct job jobs[THREADS];
  int sum = 0;
  for (int i = 0; i < THREADS; ++i) {
    jobs[i] = (struct job){engine, shared, store, 0};
    check(pthread_create(&threads[i], NULL, own_store, &jobs[i]) == 0);
  }
  for (int i = 0; i < THREADS; ++i) {
    pthread_join(threads[i], NULL);
    sum += jobs[i].sum;
  }
  printf("%d\n", sum);

  for (int i = 0; i < THREADS; ++i) {
    jobs[i].sum = 0;
    check(pthread_create(&threads[i], NULL, given_store, &jobs[i]) == 0);
    pthread_join(threads[i], NULL);
    check(jobs[i].sum == 2);
  }
  wasm_shared_module_delete(shared);
  wasm_engine_delete(engine);
  wasm_store_delete(store);
  return 0;
}
