// features: compiler
// Code stops when it has executed as many operators as it may.
#include "common.h"

static wasm_trap_t *count(const wasm_instance_t *instance, int32_t times) {
  wasm_func_t *func = export_func(instance, "count");
  wasm_val_t as[] = {WASM_I32_VAL(times)};
  wasm_val_vec_t args = WASM_ARRAY_VEC(as), results = WASM_EMPTY_VEC;
  wasm_trap_t *trap = wasm_func_call(func, &args, &results);
  wasm_func_delete(func);
  return trap;
}

int main(void) {
  wasm_config_t *config = wasm_config_new();
  wasm_aot_config_set_fuel(config, 1000000);
  wasm_engine_t *engine = wasm_engine_new_with_config(config);
  wasm_store_t *store = wasm_store_new(engine);
  wasm_byte_vec_t bytes;
  read_file("fuel.wasm", &bytes);
  wasm_module_t *module = wasm_module_new(store, &bytes);
  check(module);
  wasm_byte_vec_delete(&bytes);
  wasm_extern_vec_t imports = WASM_EMPTY_VEC;
  wasm_instance_t *instance = wasm_instance_new(store, module, &imports, NULL);
  check(instance);
  check(!count(instance, 10));
  uint64_t ten = 1000000 - wasm_aot_store_fuel(store);
  check(!count(instance, 20));
  uint64_t twenty = 1000000 - ten - wasm_aot_store_fuel(store);
  check(ten > 10 && twenty > ten);

  wasm_aot_store_set_fuel(store, ten);
  check(!count(instance, 10));
  check(wasm_aot_store_fuel(store) == 0);
  wasm_aot_store_set_fuel(store, ten - 1);
  wasm_trap_t *trap = count(instance, 10);
  check(trap && wasm_aot_trap_code(trap) == WASM_AOT_TRAP_OUT_OF_FUEL);
  wasm_trap_delete(trap);

  wasm_module_t *other = wasm_aot_module_open(store, "fuel.so");
  check(other);
  check(!wasm_instance_new(store, other, &imports, NULL));
  printf("%s\n", wasm_aot_last_error());
  wasm_module_delete(other);
  wasm_instance_delete(instance);
  wasm_module_delete(module);
  wasm_store_delete(store);
  wasm_engine_delete(engine);
  return 0;
}
