// valgrind: no, an access that traps is a fault, which it reports
// Memories: shared with WebAssembly, grown from both sides, at one address.
#include "common.h"

static wasm_memory_t *new_memory(wasm_store_t *store, uint32_t min, uint32_t max) {
  wasm_limits_t limits = {min, max};
  wasm_memorytype_t *type = wasm_memorytype_new(&limits);
  wasm_memory_t *memory = wasm_memory_new(store, type);
  wasm_memorytype_delete(type);
  return memory;
}

static wasm_trap_t *call(const wasm_instance_t *instance, const char *name, size_t count,
                         int32_t a, int32_t b, int32_t *result) {
  wasm_val_t as[] = {WASM_I32_VAL(a), WASM_I32_VAL(b)}, rs[1] = {WASM_I32_VAL(0)};
  wasm_val_vec_t args = {count, as}, results = WASM_ARRAY_VEC(rs);
  wasm_func_t *func = export_func(instance, name);
  wasm_trap_t *trap = wasm_func_call(func, &args, &results);
  wasm_func_delete(func);
  *result = rs[0].of.i32;
  return trap;
}

int main(void) {
  wasm_engine_t *engine = wasm_engine_new();
  wasm_store_t *store = wasm_store_new(engine);
  int32_t result;

  wasm_memory_t *memory = new_memory(store, 1, 4);
  check(memory && wasm_memory_size(memory) == 1);
  check(wasm_memory_data_size(memory) == MEMORY_PAGE_SIZE);
  wasm_module_t *module = wasm_aot_module_open(store, "memories.so");
  check(module);
  wasm_extern_t *externs[] = {wasm_memory_as_extern(memory)};
  wasm_extern_vec_t imports = WASM_ARRAY_VEC(externs);
  wasm_instance_t *instance = wasm_instance_new(store, module, &imports, NULL);
  check(instance);
  wasm_module_delete(module);

  byte_t *data = wasm_memory_data(memory);
  printf("%.5s\n", data + 16);
  data[17] = 'a';
  check(!call(instance, "load", 1, 17, 0, &result) && result == 'a');
  check(!call(instance, "store", 2, 17, 'u', &result) && data[17] == 'u');
  print_trap("load", call(instance, "load", 1, 65536, 0, &result));

  check(wasm_memory_grow(memory, 1) && wasm_memory_size(memory) == 2);
  check(!call(instance, "grow", 1, 1, 0, &result) && result == 2);
  check(wasm_memory_size(memory) == 3 && wasm_memory_data_size(memory) == 3 * MEMORY_PAGE_SIZE);
  check(wasm_memory_data(memory) == data && data[3 * MEMORY_PAGE_SIZE - 1] == 0);
  check(!wasm_memory_grow(memory, 2));
  check(wasm_memory_grow(memory, 0));

  wasm_memorytype_t *type = wasm_memory_type(memory);
  check(wasm_memorytype_limits(type)->min == 3 && wasm_memorytype_limits(type)->max == 4);
  wasm_memorytype_delete(type);

  /* The export is the import. */
  wasm_memory_t *exported = wasm_extern_as_memory(wasm_aot_instance_export(instance, "memory"));
  check(exported && wasm_memory_same(exported, memory));
  wasm_memory_t *copy = wasm_memory_copy(exported);
  wasm_memory_delete(exported);
  check(wasm_memory_same(copy, memory));
  wasm_memory_delete(copy);

  check(!new_memory(store, 2, 1));
  printf("2 to 1 pages: %s\n", wasm_aot_last_error());
  check(!new_memory(store, 65537, wasm_limits_max_default));

  wasm_memory_delete(memory);
  wasm_instance_delete(instance);
  wasm_store_delete(store);
  wasm_engine_delete(engine);
  return 0;
}
