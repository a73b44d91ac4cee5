// features: compiler
// Code that would run for ever is stopped by another thread, until that takes it back.
#include <pthread.h>
#include <time.h>

#include "common.h"

static void *stop(void *interrupt) {
  nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
  wasm_aot_interrupt(interrupt);
  return NULL;
}

// One more tick, as often as `env` says.
static uint64_t more(void *env) {
  uint64_t *left = env;
  return *left ? (--*left, 1) : 0;
}

static void done(void *env) {
  (void)env;
  puts("nobody asks any more");
}

int main(void) {
  wasm_config_t *config = wasm_config_new();
  wasm_aot_config_set_interruptible(config, true);
  wasm_engine_t *engine = wasm_engine_new_with_config(config);
  wasm_store_t *store = wasm_store_new(engine);
  wasm_instance_t *instance = compile(store, "interruption.wasm");
  check(!call_with(instance, "count", 1000));

  wasm_aot_interrupt_t *interrupt = wasm_aot_interrupt_new(store);
  pthread_t thread;
  check(pthread_create(&thread, NULL, stop, interrupt) == 0);
  wasm_trap_t *trap = call_with(instance, "count", 0);
  check(trap && wasm_aot_trap_code(trap) == WASM_AOT_TRAP_INTERRUPTED);
  wasm_trap_delete(trap);
  check(pthread_join(thread, NULL) == 0);
  trap = call_with(instance, "count", 1000);
  check(trap);
  wasm_trap_delete(trap);
  wasm_aot_interrupt_take_back(interrupt);
  check(!call_with(instance, "count", 1000));
  puts("stopped");

  // What was compiled without cannot be stopped, so it is not taken.
  print_refusal(store, "interruption.so");

  // Ends when its time is over, after somebody has given it some more.
  wasm_aot_epoch_t *epoch = wasm_aot_epoch_new();
  wasm_aot_store_set_deadline(store, epoch, 1);
  check(!call_with(instance, "count", 1000));
  wasm_aot_epoch_increment(epoch);
  trap = call_with(instance, "count", 1000);
  check(trap && wasm_aot_trap_code(trap) == WASM_AOT_TRAP_INTERRUPTED);
  wasm_trap_delete(trap);
  uint64_t left = 3;
  wasm_aot_store_at_deadline(store, more, &left, done);
  check(!call_with(instance, "count", 1000) && left == 2);
  wasm_aot_epoch_increment(epoch);
  check(!call_with(instance, "count", 1000) && left == 1);
  left = 0;
  wasm_aot_epoch_increment(epoch);
  trap = call_with(instance, "count", 0);
  check(trap && wasm_aot_trap_code(trap) == WASM_AOT_TRAP_INTERRUPTED);
  wasm_trap_delete(trap);
  wasm_aot_store_set_deadline(store, NULL, 0);
  check(!call_with(instance, "count", 1000));
  wasm_aot_epoch_delete(epoch);

  wasm_instance_delete(instance);
  wasm_store_delete(store);
  wasm_aot_interrupt(interrupt);
  wasm_aot_interrupt_delete(interrupt);
  wasm_engine_delete(engine);
  return 0;
}
