// valgrind: no, an access that traps is a fault, which it reports
// 64-bit addresses and pages of one byte, which the types of imports and exports keep.
#include "common.h"

static const wasm_memorytype_t *memory_type(const wasm_externtype_t *type) {
  const wasm_memorytype_t *memory = wasm_externtype_as_memorytype_const(type);
  check(memory);
  return memory;
}

int main(void) {
  wasm_engine_t *engine = wasm_engine_new();
  wasm_store_t *store = wasm_store_new(engine);
  wasm_module_t *module = wasm_aot_module_open(store, "addresses64.so");
  check(module);
  wasm_importtype_vec_t types;
  wasm_module_imports(module, &types);
  const wasm_memorytype_t *type = memory_type(wasm_importtype_type(types.data[0]));
  const wasm_tabletype_t *table_type =
      wasm_externtype_as_tabletype_const(wasm_importtype_type(types.data[1]));
  /* What 32 bits do not hold is no maximum. */
  const wasm_limits_t *limits = wasm_memorytype_limits(type);
  check(limits->min == 1 && limits->max == wasm_limits_max_default);

  /* The same limits alone are another type. */
  wasm_memorytype_t *plain = wasm_memorytype_new(limits);
  wasm_memory_t *small = wasm_memory_new(store, plain);
  wasm_memory_t *memory = wasm_memory_new(store, type);
  wasm_table_t *table = wasm_table_new(store, table_type, NULL);
  check(small && memory && table);
  wasm_extern_t *wrong[] = {wasm_memory_as_extern(small), wasm_table_as_extern(table)};
  wasm_extern_t *right[] = {wasm_memory_as_extern(memory), wasm_table_as_extern(table)};
  wasm_extern_vec_t imports = WASM_ARRAY_VEC(wrong);
  check(!wasm_instance_new(store, module, &imports, NULL));
  printf("%s\n", wasm_aot_last_error());
  imports.data = right;
  wasm_instance_t *instance = wasm_instance_new(store, module, &imports, NULL);
  check(instance);

  /* 4 GiB and a page. */
  check(wasm_memory_grow(memory, 0x10000) && wasm_memory_size(memory) == 0x10001);
  check(wasm_memory_data_size(memory) == 0x100010000);
  wasm_memory_data(memory)[0x100000000] = 'x';
  wasm_func_t *load = export_func(instance, "load");
  wasm_val_t as[] = {WASM_I64_VAL(0x100000000)}, rs[1];
  wasm_val_vec_t args = WASM_ARRAY_VEC(as), results = WASM_ARRAY_VEC(rs);
  check(!wasm_func_call(load, &args, &results) && rs[0].of.i32 == 'x');
  as[0].of.i64 = 0x100010000;
  print_trap("load", wasm_func_call(load, &args, &results));
  wasm_func_delete(load);

  wasm_memory_t *bytes = wasm_extern_as_memory(wasm_aot_instance_export(instance, "bytes"));
  check(wasm_memory_size(bytes) == 100 && wasm_memory_data_size(bytes) == 100);
  check(wasm_memory_grow(bytes, 200) && !wasm_memory_grow(bytes, 1));
  check(wasm_memory_data_size(bytes) == 300);

  wasm_memory_delete(bytes);
  wasm_instance_delete(instance);
  wasm_table_delete(table);
  wasm_memory_delete(memory);
  wasm_memory_delete(small);
  wasm_memorytype_delete(plain);
  wasm_importtype_vec_delete(&types);
  wasm_module_delete(module);
  wasm_store_delete(store);
  wasm_engine_delete(engine);
  return 0;
}
