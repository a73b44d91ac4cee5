// Limits of a store, and a limiter.
#include "common.h"

/* What a limiter is asked with. */
typedef struct {
  bool allow;
  int asked;
  int finalized;
} env_t;

static bool limiter(void *env, const wasm_aot_growth_t *growth) {
  env_t *state = env;
  state->asked++;
  check(growth->kind == WASM_EXTERN_MEMORY || growth->kind == WASM_EXTERN_TABLE);
  printf("%s from %llu to %llu", growth->kind == WASM_EXTERN_MEMORY ? "memory" : "table",
         (unsigned long long)growth->current, (unsigned long long)growth->desired);
  if (growth->maximum != UINT64_MAX) printf(" of %llu", (unsigned long long)growth->maximum);
  printf("%s\n", state->allow ? "" : ": no");
  return state->allow;
}

static void finalize(void *env) { ((env_t *)env)->finalized++; }

static int32_t grow(const wasm_instance_t *instance, const char *name, int32_t delta) {
  wasm_val_t as[] = {WASM_I32_VAL(delta)}, rs[1] = {WASM_I32_VAL(0)};
  wasm_val_vec_t args = WASM_ARRAY_VEC(as), results = WASM_ARRAY_VEC(rs);
  wasm_func_t *func = export_func(instance, name);
  check(!wasm_func_call(func, &args, &results));
  wasm_func_delete(func);
  return rs[0].of.i32;
}

static wasm_memory_t *new_memory(wasm_store_t *store, uint32_t min) {
  wasm_limits_t limits = {min, wasm_limits_max_default};
  wasm_memorytype_t *type = wasm_memorytype_new(&limits);
  wasm_memory_t *memory = wasm_memory_new(store, type);
  wasm_memorytype_delete(type);
  return memory;
}

static wasm_table_t *new_table(wasm_store_t *store, uint32_t min) {
  wasm_limits_t limits = {min, wasm_limits_max_default};
  wasm_tabletype_t *type = wasm_tabletype_new(wasm_valtype_new_externref(), &limits);
  wasm_table_t *table = wasm_table_new(store, type, NULL);
  wasm_tabletype_delete(type);
  return table;
}

static void bounds(void) {
  wasm_config_t *config = wasm_config_new();
  wasm_aot_config_set_max_memory_bytes(config, 3 * MEMORY_PAGE_SIZE);
  wasm_aot_config_set_max_table_elements(config, 4);
  wasm_aot_config_set_max_instances(config, 1);
  wasm_aot_config_set_max_memories(config, 2);
  wasm_aot_config_set_max_tables(config, 2);
  wasm_engine_t *engine = wasm_engine_new_with_config(config);
  wasm_store_t *store = wasm_store_new(engine);

  wasm_instance_t *instance = load(store, "limits.so");
  check(grow(instance, "memory_grow", 3) == -1 && grow(instance, "memory_grow", 2) == 1);
  check(grow(instance, "table_grow", 4) == -1 && grow(instance, "table_grow", 3) == 1);
  check(!new_memory(store, 4));
  puts(wasm_aot_last_error());
  check(!new_table(store, 5));
  puts(wasm_aot_last_error());
  wasm_memory_t *memory = new_memory(store, 1);
  check(memory && !wasm_memory_grow(memory, 3));
  puts(wasm_aot_last_error());
  check(wasm_memory_size(memory) == 1 && wasm_memory_grow(memory, 2));
  check(!new_memory(store, 0));
  puts(wasm_aot_last_error());
  wasm_table_t *table = new_table(store, 1);
  check(table && !wasm_table_grow(table, 4, NULL) && wasm_table_grow(table, 3, NULL));
  check(!new_table(store, 0));
  puts(wasm_aot_last_error());

  wasm_module_t *module = wasm_aot_module_open(store, "limits.so");
  wasm_trap_t *trap = NULL;
  check(!wasm_aot_instance_new(store, module, NULL, &trap));
  print_trap("instance", trap);
  wasm_module_delete(module);

  wasm_table_delete(table);
  wasm_memory_delete(memory);
  wasm_instance_delete(instance);
  wasm_store_delete(store);
  wasm_engine_delete(engine);
}

int main(void) {
  bounds();

  wasm_engine_t *engine = wasm_engine_new();
  wasm_store_t *store = wasm_store_new(engine);
  env_t env = {.allow = true}, other = {.allow = true};
  wasm_aot_store_set_limiter(store, limiter, &env, finalize);
  wasm_instance_t *instance = load(store, "limits.so");
  check(env.asked == 2);
  check(grow(instance, "memory_grow", 1) == 1 && grow(instance, "table_grow", 2) == 1);
  env.allow = false;
  check(grow(instance, "memory_grow", 1) == -1 && grow(instance, "table_grow", 2) == -1);
  check(grow(instance, "memory_grow", 100) == -1 && grow(instance, "memory_grow", 0) == 2);
  check(!new_memory(store, 1));
  puts(wasm_aot_last_error());
  check(env.asked == 7 && env.finalized == 0);

  /* Another one, none, and none again. */
  wasm_aot_store_set_limiter(store, limiter, &other, finalize);
  check(env.finalized == 1);
  wasm_memory_t *memory = new_memory(store, 1);
  check(memory && other.asked == 1);
  wasm_aot_store_set_limiter(store, NULL, NULL, NULL);
  check(other.finalized == 1);
  wasm_aot_store_set_limiter(store, NULL, &other, finalize);
  check(other.finalized == 2);
  check(wasm_memory_grow(memory, 1) && other.asked == 1);

  /* One that the store has in the end. */
  wasm_aot_store_set_limiter(store, limiter, &env, finalize);
  wasm_memory_delete(memory);
  wasm_instance_delete(instance);
  wasm_store_delete(store);
  check(env.finalized == 2);
  wasm_engine_delete(engine);
  return 0;
}
