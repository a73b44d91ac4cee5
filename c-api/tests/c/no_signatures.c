// features: !signatures
// What a library without signatures says when it is asked for one.
#include "common.h"

int main(void) {
  check(!wasm_aot_has_signatures());
  wasm_config_t *config = wasm_config_new();
  check(!wasm_aot_config_trust_key(config, "-----BEGIN PUBLIC KEY-----\n"));
  printf("%s\n", wasm_aot_last_error());
  wasm_config_delete(config);
  return 0;
}
