// features: compiler
// A host with handlers of its own, which nobody touches: code traps without signals.
#include <signal.h>
#include <unistd.h>

#include "common.h"

static void unexpected(int signal) {
  static const char message[] = "a signal has come\n";
  ssize_t written = write(1, message, sizeof message - 1);
  _exit(written < 0 ? 1 : signal);
}

static const int signals[] = {SIGSEGV, SIGILL, SIGFPE, SIGBUS, SIGTRAP};
enum { COUNT = sizeof signals / sizeof *signals };

static void trap(const wasm_instance_t *instance, const char *name) {
  wasm_func_t *func = export_func(instance, name);
  wasm_val_t as[] = {WASM_I32_VAL(0)};
  wasm_val_vec_t args = WASM_ARRAY_VEC(as), results = WASM_EMPTY_VEC;
  print_trap(name, wasm_func_call(func, &args, &results));
  wasm_func_delete(func);
}

int main(void) {
  for (int i = 0; i < COUNT; i++) signal(signals[i], unexpected);
  wasm_config_t *config = wasm_config_new();
  wasm_aot_config_set_signals(config, false);
  wasm_engine_t *engine = wasm_engine_new_with_config(config);
  wasm_store_t *store = wasm_store_new(engine);
  wasm_byte_vec_t bytes;
  read_file("no_signals.wasm", &bytes);
  wasm_module_t *module = wasm_module_new(store, &bytes);
  check(module);
  wasm_byte_vec_delete(&bytes);
  wasm_extern_vec_t imports = WASM_EMPTY_VEC;
  wasm_instance_t *instance = wasm_instance_new(store, module, &imports, NULL);
  check(instance);
  trap(instance, "load");
  trap(instance, "divide");
  trap(instance, "stop");
  trap(instance, "recurse");
  for (int i = 0; i < COUNT; i++) {
    struct sigaction action;
    check(sigaction(signals[i], NULL, &action) == 0);
    check(action.sa_handler == unexpected);
  }

  // What was compiled otherwise is not taken.
  wasm_module_t *other = wasm_aot_module_open(store, "no_signals.so");
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
