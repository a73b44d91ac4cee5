// Functions of the host and of WebAssembly: types, calls, calls within calls,
// environments and what becomes of them.
#include "common.h"

static int finalized;

static void finalize(void *env) {
  check(*(int *)env == 5);
  ++finalized;
}

/* Gives its ten arguments back in the opposite order. */
static wasm_trap_t *many(const wasm_val_vec_t *args, wasm_val_vec_t *results) {
  check(args->size == 10 && results->size == 10);
  for (size_t i = 0; i < 10; ++i) {
    wasm_val_copy(&results->data[i], &args->data[9 - i]);
  }
  return NULL;
}

struct world {
  wasm_store_t *store;
  wasm_func_t *func;
  wasm_memory_t *memory;
  int calls;
};

/* Uses the store that it is called in: in every way, and by calling itself through
 * WebAssembly until its argument is 0. */
static wasm_trap_t *deeper(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results) {
  struct world *world = env;
  int32_t depth = args->data[0].of.i32;
  ++world->calls;
  check(results->data[0].kind == WASM_I32 && results->data[0].of.i32 == 0);
  wasm_memory_data(world->memory)[depth] = 'x';
  wasm_functype_t *type = wasm_func_type(world->func);
  check(wasm_functype_params(type)->size == 1);
  wasm_functype_delete(type);
  if (depth == 3) {
    check(wasm_memory_grow(world->memory, 1));
  }
  if (depth == 0) {
    results->data[0] = (wasm_val_t)WASM_I32_VAL(100);
    return NULL;
  }
  /* A function that is made in the middle of a call. */
  wasm_functype_t *none = wasm_functype_new_0_0();
  static int five = 5;
  wasm_func_t *made = wasm_func_new_with_env(world->store, none, deeper, &five, finalize);
  check(made);
  wasm_functype_delete(none);
  wasm_func_delete(made);

  wasm_val_t as[] = {WASM_I32_VAL(depth - 1)};
  wasm_val_vec_t inner = WASM_ARRAY_VEC(as);
  return wasm_func_call(world->func, &inner, results);
}

/* Deletes what it is called by. */
static wasm_trap_t *ungrateful(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results) {
  wasm_func_t **func = env;
  (void)args, (void)results;
  wasm_func_delete(*func);
  *func = NULL;
  return NULL;
}

static wasm_trap_t *wrong_result(const wasm_val_vec_t *args, wasm_val_vec_t *results) {
  (void)args;
  results->data[0] = (wasm_val_t)WASM_F64_VAL(1);
  return NULL;
}

int main(void) {
  wasm_engine_t *engine = wasm_engine_new();
  wasm_store_t *store = wasm_store_new(engine);
  wasm_module_t *module = wasm_aot_module_open(store, "functions.so");
  check(module);

  wasm_importtype_vec_t imports;
  wasm_module_imports(module, &imports);
  struct world world = {store, NULL, NULL, 0};
  const wasm_functype_t *many_type =
      wasm_externtype_as_functype_const(wasm_importtype_type(imports.data[0]));
  const wasm_functype_t *deeper_type =
      wasm_externtype_as_functype_const(wasm_importtype_type(imports.data[1]));
  wasm_extern_t *externs[] = {
      wasm_func_as_extern(wasm_func_new(store, many_type, many)),
      wasm_func_as_extern(wasm_func_new_with_env(store, deeper_type, deeper, &world, NULL)),
  };
  wasm_importtype_vec_delete(&imports);
  wasm_extern_vec_t supplied = WASM_ARRAY_VEC(externs);
  wasm_instance_t *instance = wasm_instance_new(store, module, &supplied, NULL);
  check(instance);
  wasm_module_delete(module);
  wasm_extern_delete(externs[1]);

  /* Ten parameters and results of all kinds, to WebAssembly and back. */
  wasm_func_t *func = export_func(instance, "many");
  check(wasm_func_param_arity(func) == 10 && wasm_func_result_arity(func) == 10);
  wasm_val_t as[] = {WASM_I32_VAL(1),    WASM_I64_VAL(-2), WASM_F32_VAL(3.5f), WASM_F64_VAL(4.5),
                     WASM_I32_VAL(5),    WASM_I64_VAL(-6), WASM_F32_VAL(7.5f), WASM_F64_VAL(8.5),
                     WASM_I32_VAL(-999), WASM_I64_VAL(1)};
  wasm_val_t rs[10];
  wasm_val_vec_t args = WASM_ARRAY_VEC(as), results = WASM_ARRAY_VEC(rs);
  check(!wasm_func_call(func, &args, &results));
  printf("%lld %d %g %g %lld %d %g %g %lld %d\n", (long long)rs[0].of.i64, rs[1].of.i32,
         rs[2].of.f64, (double)rs[3].of.f32, (long long)rs[4].of.i64, rs[5].of.i32, rs[6].of.f64,
         (double)rs[7].of.f32, (long long)rs[8].of.i64, rs[9].of.i32);
  /* The host's function by itself. */
  check(!wasm_func_call(wasm_extern_as_func(externs[0]), &args, &results));
  check(rs[9].kind == WASM_I32 && rs[9].of.i32 == 1);
  /* Without room for results they are dropped. */
  check(!wasm_func_call(func, &args, NULL));

  /* Results over the arguments. */
  wasm_val_t both[10];
  memcpy(both, as, sizeof both);
  wasm_val_vec_t shared = WASM_ARRAY_VEC(both);
  check(!wasm_func_call(func, &shared, &shared));
  check(both[0].kind == WASM_I64 && both[0].of.i64 == 1 && both[1].of.i32 == -999);

  /* Arguments that do not fit. */
  print_trap("none", wasm_func_call(func, NULL, &results));
  as[3] = (wasm_val_t)WASM_I32_VAL(0);
  print_trap("i32 for f64", wasm_func_call(func, &args, &results));
  as[3].kind = 99;
  print_trap("no kind", wasm_func_call(func, &args, &results));
  wasm_func_delete(func);
  wasm_extern_delete(externs[0]);

  /* Calls within calls. */
  world.func = export_func(instance, "deeper");
  world.memory = wasm_extern_as_memory(wasm_aot_instance_export(instance, "memory"));
  wasm_val_t depth[] = {WASM_I32_VAL(20)}, sum[1];
  args = (wasm_val_vec_t)WASM_ARRAY_VEC(depth);
  results = (wasm_val_vec_t)WASM_ARRAY_VEC(sum);
  check(!wasm_func_call(world.func, &args, &results));
  printf("%d calls: %d\n", world.calls, sum[0].of.i32);
  printf("%.22s, %u pages\n", wasm_memory_data(world.memory), wasm_memory_size(world.memory));
  wasm_memory_delete(world.memory);
  wasm_func_delete(world.func);

  /* A function that deletes its own handle. */
  wasm_functype_t *type = wasm_functype_new_0_0();
  wasm_func_t *suicidal = NULL;
  suicidal = wasm_func_new_with_env(store, type, ungrateful, &suicidal, NULL);
  check(!wasm_func_call(suicidal, NULL, NULL) && !suicidal);
  wasm_functype_delete(type);

  /* A result of another type than was promised. */
  type = wasm_functype_new_0_1(wasm_valtype_new_i32());
  func = wasm_func_new(store, type, wrong_result);
  wasm_functype_delete(type);
  print_trap("wrong result", wasm_func_call(func, NULL, &results));
  wasm_func_t *copy = wasm_func_copy(func);
  check(wasm_func_same(copy, func));
  wasm_func_delete(copy);
  wasm_func_delete(func);

  /* Vectors have no room in a wasm_val_t. */
  type = wasm_functype_new_0_1(wasm_valtype_new(WASM_AOT_V128));
  check(!wasm_func_new(store, type, wrong_result));
  printf("v128: %s\n", wasm_aot_last_error());
  wasm_functype_delete(type);

  /* The store lives as long as something of it is in use. */
  wasm_store_delete(store);
  check(finalized == 0);
  wasm_instance_delete(instance);
  printf("finalized %d\n", finalized);
  wasm_engine_delete(engine);
  return 0;
}
