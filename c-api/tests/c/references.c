// References: handles to objects, what the host attaches to them, and their way
// through WebAssembly.
#include "common.h"

static int finalized;

static void finalize(void *info) {
  ++finalized;
  printf("finalized %d\n", *(int *)info);
}

static wasm_trap_t *pass(const wasm_val_vec_t *args, wasm_val_vec_t *results) {
  check(args->data[0].kind == WASM_EXTERNREF && args->data[1].kind == WASM_FUNCREF);
  check(!results->data[0].of.ref && !results->data[1].of.ref);
  if (args->data[0].of.ref) {
    printf("passing %d\n", *(int *)wasm_ref_get_host_info(args->data[0].of.ref));
  }
  wasm_val_copy(&results->data[0], &args->data[0]);
  wasm_val_copy(&results->data[1], &args->data[1]);
  return NULL;
}

/* All that every type of references has. Takes the handle, whose object is of no
 * other type; `other` is a reference to something else. */
#define EXERCISE(x, handle, other) \
  do { \
    static int info = __LINE__; \
    wasm_##x##_t *a = (handle); \
    check(a); \
    wasm_##x##_t *b = wasm_##x##_copy(a); \
    check(a != b && wasm_##x##_same(a, b)); \
    wasm_##x##_set_host_info(a, &info); \
    check(wasm_##x##_get_host_info(b) == &info); \
    wasm_##x##_set_host_info_with_finalizer(b, NULL, NULL); \
    check(wasm_##x##_get_host_info(a) == NULL); \
    wasm_ref_t *ref = wasm_##x##_as_ref(a); \
    const wasm_ref_t *const_ref = wasm_##x##_as_ref_const(b); \
    check(wasm_ref_same(ref, const_ref)); \
    check(wasm_ref_as_##x(ref) == a && wasm_ref_as_##x##_const(const_ref) == b); \
    check(!wasm_ref_as_##x(other) && !wasm_ref_as_##x##_const(other)); \
    check(!wasm_ref_as_##x(NULL) && !wasm_##x##_as_ref(NULL) && !wasm_##x##_copy(NULL)); \
    check(!wasm_ref_same(ref, other)); \
    wasm_##x##_delete(a); \
    wasm_##x##_delete(b); \
    wasm_##x##_delete(NULL); \
    puts(#x); \
  } while (0)

int main(void) {
  wasm_engine_t *engine = wasm_engine_new();
  wasm_store_t *store = wasm_store_new(engine);
  static int one = 1, two = 2, three = 3, four = 4;

  wasm_functype_t *type = wasm_functype_new_2_2(
      wasm_valtype_new_externref(), wasm_valtype_new_funcref(), wasm_valtype_new_externref(),
      wasm_valtype_new_funcref());
  wasm_func_t *func = wasm_func_new(store, type, pass);
  wasm_functype_delete(type);
  wasm_module_t *module = wasm_aot_module_open(store, "references.so");
  check(module && func);
  wasm_extern_t *externs[] = {wasm_func_as_extern(func)};
  wasm_extern_vec_t imports = WASM_ARRAY_VEC(externs);
  wasm_instance_t *instance = wasm_instance_new(store, module, &imports, NULL);
  check(instance);

  wasm_limits_t limits = {1, 1};
  wasm_val_t zero = WASM_I32_VAL(0);
  wasm_globaltype_t *globaltype = wasm_globaltype_new(wasm_valtype_new_i32(), WASM_VAR);
  wasm_tabletype_t *tabletype = wasm_tabletype_new(wasm_valtype_new_funcref(), &limits);
  wasm_memorytype_t *memorytype = wasm_memorytype_new(&limits);
  wasm_ref_t *instance_ref = wasm_instance_as_ref(instance);
  wasm_ref_t *module_ref = wasm_module_as_ref(module);
  EXERCISE(func, wasm_func_copy(func), instance_ref);
  EXERCISE(global, wasm_global_new(store, globaltype, &zero), instance_ref);
  EXERCISE(table, wasm_table_new(store, tabletype, NULL), instance_ref);
  EXERCISE(memory, wasm_memory_new(store, memorytype), instance_ref);
  EXERCISE(extern, wasm_memory_as_extern(wasm_memory_new(store, memorytype)), instance_ref);
  EXERCISE(instance, wasm_instance_copy(instance), module_ref);
  EXERCISE(module, wasm_module_copy(module), instance_ref);
  EXERCISE(trap, wasm_trap_new(store, NULL), instance_ref);
  EXERCISE(foreign, wasm_foreign_new(store), instance_ref);
  wasm_globaltype_delete(globaltype);
  wasm_tabletype_delete(tabletype);
  wasm_memorytype_delete(memorytype);

  /* Handles of type wasm_ref_t. Null references are the same. */
  wasm_ref_t *ref = wasm_ref_copy(instance_ref);
  check(wasm_ref_same(ref, instance_ref) && !wasm_ref_same(ref, NULL) && wasm_ref_same(NULL, NULL));
  wasm_ref_set_host_info_with_finalizer(ref, &four, finalize);
  check(wasm_instance_get_host_info(instance) == &four);
  wasm_ref_set_host_info(ref, &one);
  check(finalized == 1 && wasm_ref_get_host_info(instance_ref) == &one);
  wasm_ref_delete(ref);

  /* An object that never saw WebAssembly dies with its last handle. */
  wasm_foreign_t *foreign = wasm_foreign_new(store);
  wasm_foreign_set_host_info_with_finalizer(foreign, &three, finalize);
  wasm_foreign_t *copy = wasm_foreign_copy(foreign);
  wasm_foreign_delete(foreign);
  check(finalized == 1);
  wasm_foreign_delete(copy);
  check(finalized == 2);

  /* One that WebAssembly keeps lives on, and is still itself. */
  wasm_func_t *swap = export_func(instance, "swap");
  foreign = wasm_foreign_new(store);
  wasm_foreign_set_host_info_with_finalizer(foreign, &two, finalize);
  wasm_val_t as[2] = {WASM_REF_VAL(wasm_foreign_as_ref(foreign))}, rs[2];
  wasm_val_vec_t args = {1, as}, results = {1, rs};
  check(!wasm_func_call(swap, &args, &results) && !rs[0].of.ref);
  wasm_foreign_delete(foreign);
  as[0] = (wasm_val_t)WASM_REF_VAL(module_ref);
  check(!wasm_func_call(swap, &args, &results));
  ref = rs[0].of.ref;
  check(wasm_ref_as_foreign(ref) && wasm_ref_get_host_info(ref) == &two);
  as[0] = (wasm_val_t)WASM_INIT_VAL;
  check(!wasm_func_call(swap, &args, &results));
  check(wasm_ref_same(rs[0].of.ref, module_ref));
  wasm_val_delete(&rs[0]);

  /* Through a function of the host, and null. */
  wasm_func_t *through = export_func(instance, "pass");
  as[0] = (wasm_val_t)WASM_REF_VAL(ref);
  as[1] = (wasm_val_t){.kind = WASM_FUNCREF, .of = {.ref = wasm_func_as_ref(swap)}};
  args.size = results.size = 2;
  check(!wasm_func_call(through, &args, &results));
  check(rs[0].kind == WASM_EXTERNREF && wasm_ref_same(rs[0].of.ref, ref));
  check(rs[1].kind == WASM_FUNCREF && wasm_ref_same(rs[1].of.ref, wasm_func_as_ref(swap)));
  wasm_val_delete(&rs[0]);
  wasm_val_delete(&rs[1]);
  as[0].of.ref = as[1].of.ref = NULL;
  check(!wasm_func_call(through, &args, &results) && !rs[0].of.ref && !rs[1].of.ref);
  as[1] = (wasm_val_t){.kind = WASM_FUNCREF, .of = {.ref = ref}};
  print_trap("foreign for funcref", wasm_func_call(through, &args, &results));

  /* Stores do not mix. */
  wasm_store_t *other = wasm_store_new(engine);
  wasm_foreign_t *stranger = wasm_foreign_new(other);
  as[0] = (wasm_val_t)WASM_REF_VAL(wasm_foreign_as_ref(stranger));
  as[1].of.ref = NULL;
  print_trap("stranger", wasm_func_call(through, &args, &results));
  wasm_foreign_delete(stranger);
  wasm_store_delete(other);

  wasm_func_delete(swap);
  wasm_func_delete(through);
  wasm_func_delete(func);
  wasm_module_delete(module);
  wasm_instance_delete(instance);
  wasm_store_delete(store);
  check(finalized == 2);
  puts("the last handle");
  wasm_ref_delete(ref);
  check(finalized == 3);
  wasm_engine_delete(engine);
  return 0;
}
