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
  print_trap(name, call_with(instance, name, 0));
}

int main(void) {
  for (int i = 0; i < COUNT; i++) signal(signals[i], unexpected);
  wasm_config_t *config = wasm_config_new();
  wasm_aot_config_set_signals(config, false);
  wasm_engine_t *engine = wasm_engine_new_with_config(config);
  wasm_store_t *store = wasm_store_new(engine);
  wasm_instance_t *instance = compile(store, "no_signals.wasm");
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
  print_refusal(store, "no_signals.so");
  wasm_instance_delete(instance);
  wasm_store_delete(store);
  wasm_engine_delete(engine);
  return 0;
}
