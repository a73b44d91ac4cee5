// features: !wasi
// What a library without WASI says when it is asked for it.
#include "common.h"

int main(void) {
  check(!wasm_aot_has_wasi());
  wasm_aot_imports_t *imports = wasm_aot_imports_new();
  check(!wasm_aot_imports_define_wasi(imports));
  check(!wasm_aot_wasi_config_new());
  printf("%s\n", wasm_aot_last_error());
  wasm_aot_imports_delete(imports);
  return 0;
}
