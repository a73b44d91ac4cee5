// aborts: a store is used by two threads at once
// A second thread that uses a store in the middle of a call is stopped.
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include "common.h"

static sem_t ready;

static wasm_trap_t *callback(const wasm_val_vec_t *args, wasm_val_vec_t *results) {
  (void)args, (void)results;
  sem_post(&ready);
  return NULL;
}

static void *call(void *func) {
  wasm_func_call(func, NULL, NULL);
  return NULL;
}

int main(void) {
  sem_init(&ready, 0, 0);
  wasm_engine_t *engine = wasm_engine_new();
  wasm_store_t *store = wasm_store_new(engine);
  wasm_module_t *module = wasm_aot_module_open(store, "two_threads.so");
  wasm_functype_t *type = wasm_functype_new_0_0();
  wasm_extern_t *externs[] = {wasm_func_as_extern(wasm_func_new(store, type, callback))};
  wasm_extern_vec_t imports = WASM_ARRAY_VEC(externs);
  wasm_instance_t *instance = wasm_instance_new(store, module, &imports, NULL);
  check(instance);
  wasm_func_t *run = export_func(instance, "run"), *nop = export_func(instance, "nop");
  pthread_t thread;
  check(pthread_create(&thread, NULL, call, run) == 0);
  sem_wait(&ready);
  usleep(100000);
  wasm_func_call(nop, NULL, NULL);
  puts("not stopped");
  return 0;
}
