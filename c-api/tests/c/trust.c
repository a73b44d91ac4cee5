// What is checked of artefacts, in a file and in memory.
#include <string.h>

#include "common.h"

/* Whether they open with this policy; prints why not. */
static void open_both(const char *what, wasm_aot_verify_t verify, const char *key,
                      const char *path) {
  wasm_config_t *config = wasm_config_new();
  check(wasm_aot_config_set_verify(config, verify));
  if (key) check(wasm_aot_config_trust_key(config, key) == wasm_aot_has_signatures());
  wasm_engine_t *engine = wasm_engine_new_with_config(config);
  wasm_store_t *store = wasm_store_new(engine);
  wasm_module_t *module = wasm_aot_module_open(store, path);
  if (module) {
    wasm_trap_t *trap;
    wasm_instance_t *instance = wasm_aot_instance_new(store, module, NULL, &trap);
    check(instance && !trap);
    wasm_val_t results[1];
    wasm_val_vec_t in = WASM_EMPTY_VEC, out = WASM_ARRAY_VEC(results);
    wasm_func_t *f = export_func(instance, "f");
    check(!wasm_func_call(f, &in, &out));
    wasm_func_delete(f);
    printf("%s: opened, returns %d\n", what, (int)results[0].of.i32);
    wasm_instance_delete(instance);
    wasm_module_delete(module);
  } else {
    printf("%s: refused\n", what);
  }
  wasm_byte_vec_t bytes;
  read_file(path, &bytes);
  wasm_module_t *copy = wasm_module_deserialize(store, &bytes);
  check(!copy == !module);
  if (copy) wasm_module_delete(copy);
  wasm_byte_vec_delete(&bytes);
  wasm_store_delete(store);
  wasm_engine_delete(engine);
}

int main(void) {
  static const char key[] =
      "-----BEGIN PUBLIC KEY-----\n"
      "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
      "-----END PUBLIC KEY-----\n";

  open_both("full", WASM_AOT_VERIFY_FULL, NULL, "trust.so");
  open_both("cached", WASM_AOT_VERIFY_CACHED, NULL, "trust.so");
  open_both("cached again", WASM_AOT_VERIFY_CACHED, NULL, "trust.so");
  open_both("trusted", WASM_AOT_VERIFY_TRUSTED_PATH, NULL, "trust.so");
  /* Nobody has signed it. */
  open_both("full, by a key", WASM_AOT_VERIFY_FULL, key, "trust.so");
  open_both("cached, by a key", WASM_AOT_VERIFY_CACHED, key, "trust.so");
  open_both("trusted, by a key", WASM_AOT_VERIFY_TRUSTED_PATH, key, "trust.so");

  /* The last byte is one of a section header, which nothing needs to run. */
  wasm_byte_vec_t bytes;
  read_file("trust.so", &bytes);
  bytes.data[bytes.size - 1] ^= 1;
  FILE *file = fopen("damaged.so", "wb");
  check(file && fwrite(bytes.data, 1, bytes.size, file) == bytes.size && !fclose(file));
  wasm_byte_vec_delete(&bytes);
  open_both("damaged, full", WASM_AOT_VERIFY_FULL, NULL, "damaged.so");
  check(strstr(wasm_aot_last_error(), "its digest is wrong"));
  open_both("damaged, cached", WASM_AOT_VERIFY_CACHED, NULL, "damaged.so");
  open_both("damaged, trusted", WASM_AOT_VERIFY_TRUSTED_PATH, NULL, "damaged.so");

  wasm_config_t *config = wasm_config_new();
  check(!wasm_aot_config_set_verify(config, 3));
  printf("%s\n", wasm_aot_last_error());
  check(!wasm_aot_config_trust_key(config, NULL));
  check(!wasm_aot_config_trust_key(config, "no key"));
  wasm_config_delete(config);
  return 0;
}
