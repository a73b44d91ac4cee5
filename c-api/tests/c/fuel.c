// features: compiler
// Code stops when it has executed as many operators as it may.
#include "common.h"

int main(void) {
  wasm_config_t *config = wasm_config_new();
  wasm_aot_config_set_fuel(config, 1000000);
  wasm_engine_t *engine = wasm_engine_new_with_config(config);
  wasm_store_t *store = wasm_store_new(engine);
  wasm_instance_t *instance = compile(store, "fuel.wasm");
  check(!call_with(instance, "count", 10));
  uint64_t ten = 1000000 - wasm_aot_store_fuel(store);
  check(!call_with(instance, "count", 20));
  uint64_t twenty = 1000000 - ten - wasm_aot_store_fuel(store);
  check(ten > 10 && twenty > ten);

  wasm_aot_store_set_fuel(store, ten);
  check(!call_with(instance, "count", 10));
  check(wasm_aot_store_fuel(store) == 0);
  wasm_aot_store_set_fuel(store, ten - 1);
  wasm_trap_t *trap = call_with(instance, "count", 10);
  check(trap && wasm_aot_trap_code(trap) == WASM_AOT_TRAP_OUT_OF_FUEL);
  wasm_trap_delete(trap);

  print_refusal(store, "fuel.so");
  wasm_instance_delete(instance);
  wasm_store_delete(store);
  wasm_engine_delete(engine);
  return 0;
}
