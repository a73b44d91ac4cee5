// Instantiation: exports in order, imports that do not match, a start function that
// fails; and the same with imports by name.
#include "common.h"

static wasm_trap_t *start(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results) {
  (void)args, (void)results;
  wasm_store_t *store = env;
  if (!store) return NULL;
  wasm_message_t message;
  wasm_name_new_from_string_nt(&message, "no start");
  wasm_trap_t *trap = wasm_trap_new(store, &message);
  wasm_byte_vec_delete(&message);
  return trap;
}

static void fails(const char *what, wasm_store_t *store, const wasm_module_t *module, size_t count,
                  wasm_extern_t **externs) {
  wasm_extern_vec_t imports = {count, externs};
  wasm_trap_t *trap = NULL;
  check(!wasm_instance_new(store, module, &imports, &trap));
  print_trap(what, trap);
  /* Whoever does not ask for the trap does not get it. */
  check(!wasm_instance_new(store, module, &imports, NULL));
  check(wasm_aot_last_error());
}

int main(void) {
  wasm_engine_t *engine = wasm_engine_new();
  wasm_store_t *store = wasm_store_new(engine), *other = wasm_store_new(engine);
  wasm_module_t *module = wasm_aot_module_open(store, "instances.so");
  check(module);
  wasm_functype_t *type = wasm_functype_new_0_0();
  wasm_extern_t *good = wasm_func_as_extern(wasm_func_new_with_env(store, type, start, NULL, NULL));
  wasm_extern_t *bad = wasm_func_as_extern(wasm_func_new_with_env(store, type, start, store, NULL));
  wasm_extern_t *foreign =
      wasm_func_as_extern(wasm_func_new_with_env(other, type, start, NULL, NULL));
  wasm_functype_delete(type);
  wasm_val_t value = WASM_I32_VAL(12);
  wasm_globaltype_t *globaltype = wasm_globaltype_new(wasm_valtype_new_i32(), WASM_CONST);
  wasm_extern_t *global = wasm_global_as_extern(wasm_global_new(store, globaltype, &value));
  wasm_globaltype_delete(globaltype);

  wasm_extern_t *externs[] = {good, global, good};
  wasm_extern_vec_t imports = {2, externs};
  wasm_trap_t *trap = (wasm_trap_t *)&trap;
  wasm_instance_t *instance = wasm_instance_new(store, module, &imports, &trap);
  check(instance && !trap);
  wasm_extern_vec_t exports;
  wasm_instance_exports(instance, &exports);
  check(exports.size == 6);
  check(wasm_extern_as_func(exports.data[0]) && wasm_extern_as_func_const(exports.data[0]));
  check(wasm_extern_as_global(exports.data[1]) && wasm_extern_as_global_const(exports.data[1]));
  check(wasm_extern_as_memory(exports.data[2]) && wasm_extern_as_memory_const(exports.data[2]));
  check(wasm_extern_as_table(exports.data[3]) && wasm_extern_as_table_const(exports.data[3]));
  static const wasm_externkind_t kinds[] = {WASM_EXTERN_FUNC, WASM_EXTERN_GLOBAL,
                                            WASM_EXTERN_MEMORY, WASM_EXTERN_TABLE};
  for (size_t i = 0; i < 4; ++i) {
    check(wasm_extern_kind(exports.data[i]) == kinds[i]);
    wasm_externtype_t *externtype = wasm_extern_type(exports.data[i]);
    check(wasm_externtype_kind(externtype) == kinds[i]);
    wasm_externtype_delete(externtype);
    check((wasm_extern_as_func(exports.data[i]) != NULL) == (i == 0));
    check((wasm_extern_as_table(exports.data[i]) != NULL) == (i == 3));
  }
  const wasm_extern_t *constant =
      wasm_func_as_extern_const(wasm_extern_as_func_const(exports.data[0]));
  check(constant == exports.data[0]);
  check(wasm_global_as_extern_const(wasm_extern_as_global(exports.data[1])) == exports.data[1]);
  check(wasm_memory_as_extern_const(wasm_extern_as_memory(exports.data[2])) == exports.data[2]);
  check(wasm_table_as_extern_const(wasm_extern_as_table(exports.data[3])) == exports.data[3]);
  check(wasm_table_as_extern(wasm_extern_as_table(exports.data[3])) == exports.data[3]);
  /* What is imported and exported again is itself. */
  check(wasm_extern_same(exports.data[1], global) && !wasm_extern_same(exports.data[0], good));

  fails("none", store, module, 0, NULL);
  fails("too many", store, module, 3, externs);
  externs[1] = NULL;
  fails("null", store, module, 2, externs);
  externs[1] = good;
  fails("another kind", store, module, 2, externs);
  externs[1] = global, externs[0] = foreign;
  fails("another store", store, module, 2, externs);
  externs[0] = exports.data[0];
  fails("another type", store, module, 2, externs);
  externs[0] = bad;
  fails("start", store, module, 2, externs);

  /* By name. */
  wasm_aot_imports_t *named = wasm_aot_imports_new();
  wasm_instance_t *second = wasm_aot_instance_new(store, module, NULL, &trap);
  check(!second);
  print_trap("by no name", trap);
  check(wasm_aot_imports_define(named, "host", "start", bad));
  check(wasm_aot_imports_define(named, "host", "start", good));
  check(wasm_aot_imports_define_instance(named, "host", instance));
  check(!wasm_aot_imports_define(named, "host", NULL, good));
  check(!wasm_aot_imports_define(named, "\xff", "x", good));
  printf("bad name: %s\n", wasm_aot_last_error());
  second = wasm_aot_instance_new(store, module, named, &trap);
  check(second && !trap && !wasm_instance_same(instance, second));
  wasm_aot_imports_delete(named);
  wasm_func_t *f = export_func(second, "f");
  wasm_val_t rs[1];
  wasm_val_vec_t results = WASM_ARRAY_VEC(rs);
  check(!wasm_func_call(f, NULL, &results));
  printf("f() = %d\n", rs[0].of.i32);
  wasm_func_delete(f);
  check(!wasm_aot_instance_initialize(second));
  f = export_func(second, "times");
  check(!wasm_func_call(f, NULL, &results));
  printf("initialised %d time\n", rs[0].of.i32);
  wasm_func_delete(f);
  check(!wasm_aot_instance_export(second, "absent"));
  printf("absent: %s\n", wasm_aot_last_error());
  uint32_t status;
  print_trap("no program", wasm_aot_instance_run(second, &status));

  wasm_extern_vec_delete(&exports);
  wasm_instance_delete(second);
  wasm_instance_delete(instance);
  wasm_extern_delete(good);
  wasm_extern_delete(bad);
  wasm_extern_delete(foreign);
  wasm_extern_delete(global);
  wasm_module_delete(module);
  wasm_store_delete(other);
  wasm_store_delete(store);
  wasm_engine_delete(engine);
  return 0;
}
