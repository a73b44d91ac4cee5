// The versions of the header and the library; errors of each thread.
#include <pthread.h>

#include "common.h"

static void *no_error(void *unused) {
  check(!wasm_aot_last_error());
  return unused;
}

int main(void) {
  check(strcmp(wasm_aot_version(), WASM_AOT_VERSION) == 0);
  char version[32];
  snprintf(version, sizeof version, "%d.%d.%d", WASM_AOT_VERSION_MAJOR, WASM_AOT_VERSION_MINOR,
           WASM_AOT_VERSION_PATCH);
  check(strcmp(version, WASM_AOT_VERSION) == 0);
  uint32_t major = 99, minor = 99;
  wasm_aot_abi_version(&major, &minor);
  check(major != 99 && minor != 99);
  wasm_aot_abi_version(NULL, NULL);

  check(!wasm_aot_last_error());
  check(!wasm_valtype_new(50));
  check(wasm_aot_last_error());
  pthread_t thread;
  check(pthread_create(&thread, NULL, no_error, NULL) == 0);
  pthread_join(thread, NULL);

  wasm_config_delete(wasm_config_new());
  wasm_config_delete(NULL);
  wasm_engine_delete(NULL);
  wasm_store_delete(NULL);
  puts("ok");
  return 0;
}
