// features: compiler
// Compiling and validating, where the library has the compiler.
#include "common.h"

int main(void) {
  check(wasm_aot_has_compiler());
  wasm_config_t *config = wasm_config_new();
  check(wasm_aot_config_set_cpu(config, "native"));
  check(wasm_aot_config_set_opt_level(config, "s"));
  check(!wasm_aot_config_set_cpu(config, "z80"));
  check(strstr(wasm_aot_last_error(), "unknown cpu `z80`"));
  check(!wasm_aot_config_set_opt_level(config, NULL));
  check(!wasm_aot_config_set_opt_level(config, "11"));
  printf("level: %s\n", wasm_aot_last_error());
  wasm_engine_t *engine = wasm_engine_new_with_config(config);
  wasm_store_t *store = wasm_store_new(engine);

  wasm_byte_vec_t bytes;
  read_file("compiler.wasm", &bytes);
  check(wasm_module_validate(store, &bytes));
  wasm_module_t *module = wasm_module_new(store, &bytes);
  check(module);
  wasm_extern_vec_t imports = WASM_EMPTY_VEC;
  wasm_instance_t *instance = wasm_instance_new(store, module, &imports, NULL);
  check(instance);
  wasm_func_t *add = export_func(instance, "add");
  wasm_val_t as[] = {WASM_I32_VAL(40), WASM_I32_VAL(2)}, rs[1];
  wasm_val_vec_t args = WASM_ARRAY_VEC(as), results = WASM_ARRAY_VEC(rs);
  check(!wasm_func_call(add, &args, &results));
  printf("%d\n", rs[0].of.i32);
  wasm_func_delete(add);
  wasm_instance_delete(instance);
  wasm_module_delete(module);

  bytes.data[bytes.size - 2] ^= 0x55;
  check(!wasm_module_validate(store, &bytes));
  check(!wasm_module_new(store, &bytes));
  printf("damaged: %s\n", wasm_aot_last_error());
  wasm_byte_vec_delete(&bytes);

  wasm_byte_vec_new(&bytes, 8, "(module)");
  check(!wasm_module_validate(store, &bytes));
  check(!wasm_module_new(store, &bytes));
  printf("text: %s\n", wasm_aot_last_error());
  wasm_byte_vec_delete(&bytes);
  read_file("compiler.so", &bytes);
  check(!wasm_module_new(store, &bytes));
  printf("artefact: %s\n", wasm_aot_last_error());
  wasm_byte_vec_delete(&bytes);

  wasm_store_delete(store);
  wasm_engine_delete(engine);
  return 0;
}
