// Traps: why, where, and of whom.
#include "common.h"

static wasm_store_t *store;
static wasm_func_t *divide;
static wasm_trap_t *kept;

/* Fails in the way that it is asked for. */
static wasm_trap_t *fail(const wasm_val_vec_t *args, wasm_val_vec_t *results) {
  (void)results;
  wasm_message_t message;
  switch (args->data[0].of.i32) {
    case 0: { /* With a trap of its own, which it keeps a handle to. */
      wasm_name_new_from_string_nt(&message, "out of luck");
      wasm_trap_t *trap = wasm_trap_new(store, &message);
      wasm_byte_vec_delete(&message);
      kept = wasm_trap_copy(trap);
      return trap;
    }
    case 1: { /* With that of an inner call. */
      wasm_val_t as[] = {WASM_I32_VAL(1), WASM_I32_VAL(0)}, rs[1];
      wasm_val_vec_t inner = WASM_ARRAY_VEC(as), out = WASM_ARRAY_VEC(rs);
      return wasm_func_call(divide, &inner, &out);
    }
    default: return NULL;
  }
}

static void print_frames(const wasm_trap_t *trap) {
  wasm_frame_vec_t trace;
  wasm_trap_trace(trap, &trace);
  wasm_frame_t *origin = wasm_trap_origin(trap);
  check((origin != NULL) == (trace.size > 0));
  if (origin) {
    check(wasm_frame_func_index(origin) == wasm_frame_func_index(trace.data[0]));
    check(wasm_frame_module_offset(origin) == wasm_frame_module_offset(trace.data[0]));
    wasm_frame_delete(origin);
  }
  for (size_t i = 0; i < trace.size; ++i) {
    wasm_frame_t *frame = wasm_frame_copy(trace.data[i]);
    wasm_name_t name, module;
    bool named = wasm_aot_frame_func_name(frame, &name);
    wasm_aot_frame_module_name(frame, &module);
    printf("  %.*s!%.*s = %u, at %#zx, %#zx\n", (int)module.size, module.data,
           named ? (int)name.size : 1, named ? name.data : "?", wasm_frame_func_index(frame),
           wasm_frame_module_offset(frame), wasm_frame_func_offset(frame));
    check(wasm_frame_instance(frame));
    wasm_name_delete(&name);
    wasm_name_delete(&module);
    wasm_frame_delete(frame);
  }
  wasm_frame_vec_delete(&trace);
}

static void call(const wasm_instance_t *instance, const char *name, size_t count) {
  wasm_val_t as[2] = {WASM_I32_VAL(INT32_MIN), WASM_I32_VAL(count == 2 ? -1 : 0)};
  wasm_val_vec_t args = {count, as}, results = WASM_EMPTY_VEC;
  if (count == 1) as[0].of.i32 = 1;
  wasm_func_t *func = export_func(instance, name);
  wasm_trap_t *trap = wasm_func_call(func, &args, &results);
  wasm_func_delete(func);
  check(trap);
  printf("code %u\n", wasm_aot_trap_code(trap));
  if (strcmp(name, "forever")) print_frames(trap);
  print_trap(name, trap);
}

int main(void) {
  wasm_config_t *config = wasm_config_new();
  wasm_aot_config_set_max_wasm_stack(config, 100000);
  wasm_engine_t *engine = wasm_engine_new_with_config(config);
  store = wasm_store_new(engine);
  wasm_module_t *module = wasm_aot_module_open(store, "traps.so");
  check(module);
  wasm_functype_t *type = wasm_functype_new_1_0(wasm_valtype_new_i32());
  wasm_extern_t *externs[] = {wasm_func_as_extern(wasm_func_new(store, type, fail))};
  wasm_functype_delete(type);
  wasm_extern_vec_t imports = WASM_ARRAY_VEC(externs);
  wasm_instance_t *instance = wasm_instance_new(store, module, &imports, NULL);
  check(instance);
  wasm_extern_delete(externs[0]);
  divide = export_func(instance, "divide");

  call(instance, "unreachable", 0);
  call(instance, "outer", 0);
  call(instance, "divide", 2);
  call(instance, "forever", 0);
  call(instance, "fails", 1);

  /* The trap of a function of the host arrives as the very same. */
  wasm_func_t *fails = export_func(instance, "fails");
  wasm_val_t as[] = {WASM_I32_VAL(0)};
  wasm_val_vec_t args = WASM_ARRAY_VEC(as), results = WASM_EMPTY_VEC;
  wasm_trap_t *trap = wasm_func_call(fails, &args, &results);
  check(trap && kept && trap != kept && wasm_trap_same(trap, kept));
  check(wasm_ref_as_trap(wasm_trap_as_ref(trap)) == trap);
  check(wasm_aot_trap_code(trap) == WASM_AOT_TRAP_NONE);
  check(!wasm_aot_trap_exit_status(trap, NULL));
  wasm_trap_set_host_info(trap, &as);
  check(wasm_trap_get_host_info(kept) == &as);
  print_frames(kept);
  wasm_message_t text;
  wasm_aot_trap_backtrace(kept, &text);
  printf("%s\n", text.data);
  wasm_byte_vec_delete(&text);
  wasm_trap_delete(kept);
  print_trap("fails", trap);
  wasm_func_delete(fails);

  /* A message without a NUL, with one, and none. */
  wasm_message_t message;
  wasm_name_new_from_string(&message, "plain");
  print_trap("message", wasm_trap_new(store, &message));
  wasm_byte_vec_delete(&message);
  wasm_name_new_empty(&message);
  print_trap("message", wasm_trap_new(store, &message));
  trap = wasm_trap_new(store, NULL);
  check(!wasm_trap_origin(trap));
  print_frames(trap);
  print_trap("message", trap);

  /* With two instances of a module a frame does not tell which one it is of. */
  wasm_functype_t *again = wasm_functype_new_1_0(wasm_valtype_new_i32());
  externs[0] = wasm_func_as_extern(wasm_func_new(store, again, fail));
  wasm_functype_delete(again);
  wasm_instance_t *second = wasm_instance_new(store, module, &imports, NULL);
  wasm_extern_delete(externs[0]);
  wasm_func_t *unreachable = export_func(second, "unreachable");
  trap = wasm_func_call(unreachable, NULL, NULL);
  wasm_frame_t *origin = wasm_trap_origin(trap);
  check(origin && !wasm_frame_instance(origin));
  wasm_frame_delete(origin);
  wasm_trap_delete(trap);
  wasm_func_delete(unreachable);
  wasm_instance_delete(second);

  wasm_module_delete(module);
  wasm_func_delete(divide);
  wasm_instance_delete(instance);
  wasm_store_delete(store);
  wasm_engine_delete(engine);
  return 0;
}
