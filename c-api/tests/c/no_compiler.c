// features: !compiler
// What a library without the compiler says when it is asked to compile.
#include "common.h"

int main(void) {
  check(!wasm_aot_has_compiler());
  wasm_config_t *config = wasm_config_new();
  check(!wasm_aot_config_set_cpu(config, "native"));
  check(!wasm_aot_config_set_opt_level(config, "2"));
  wasm_engine_t *engine = wasm_engine_new_with_config(config);
  wasm_store_t *store = wasm_store_new(engine);
  wasm_byte_vec_t bytes;
  wasm_byte_vec_new(&bytes, 8, "\0asm\1\0\0");
  check(!wasm_module_validate(store, &bytes));
  check(!wasm_module_new(store, &bytes));
  printf("%s\n", wasm_aot_last_error());
  wasm_byte_vec_delete(&bytes);
  wasm_store_delete(store);
  wasm_engine_delete(engine);
  return 0;
}
