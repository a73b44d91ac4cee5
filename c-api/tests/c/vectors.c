// Every type of vectors: empty, zeroed, moved in, copied, deleted.
#include "common.h"

/* Makes vectors of a type in all ways, of elements that `element` makes, and deletes
 * them. */
#define EXERCISE(x, type, element) \
  do { \
    wasm_##x##_vec_t empty, zeroed, vec, copy; \
    wasm_##x##_vec_new_empty(&empty); \
    check(empty.size == 0 && empty.data == NULL); \
    wasm_##x##_vec_new_uninitialized(&zeroed, 3); \
    check(zeroed.size == 3 && zeroed.data != NULL); \
    zeroed.data[1] = element; \
    type elements[2] = {element, element}; \
    wasm_##x##_vec_new(&vec, 2, elements); \
    check(vec.size == 2 && vec.data != elements); \
    wasm_##x##_vec_copy(&copy, &vec); \
    check(copy.size == 2 && copy.data != vec.data); \
    wasm_##x##_vec_delete(&vec); \
    check(vec.size == 0 && vec.data == NULL); \
    wasm_##x##_vec_delete(&vec); \
    wasm_##x##_vec_delete(&copy); \
    wasm_##x##_vec_delete(&zeroed); \
    wasm_##x##_vec_delete(&empty); \
    wasm_##x##_vec_new(&vec, 0, NULL); \
    check(vec.size == 0 && vec.data == NULL); \
    wasm_##x##_vec_copy(&copy, &vec); \
    check(copy.size == 0); \
    wasm_##x##_vec_new_uninitialized(&vec, 0); \
    check(vec.size == 0); \
    puts(#x); \
  } while (0)

static const wasm_limits_t limits = {1, 2};

static wasm_externtype_t *memory_type(void) {
  return wasm_memorytype_as_externtype(wasm_memorytype_new(&limits));
}

static wasm_importtype_t *import_type(void) {
  wasm_name_t module, name;
  wasm_name_new_from_string(&module, "m");
  wasm_name_new_from_string(&name, "n");
  return wasm_importtype_new(&module, &name, memory_type());
}

static wasm_exporttype_t *export_type(void) {
  wasm_name_t name;
  wasm_name_new_from_string(&name, "n");
  return wasm_exporttype_new(&name, memory_type());
}

static wasm_store_t *store;

static wasm_extern_t *item(void) {
  wasm_memorytype_t *type = wasm_memorytype_new(&limits);
  wasm_extern_t *made = wasm_memory_as_extern(wasm_memory_new(store, type));
  wasm_memorytype_delete(type);
  return made;
}

static wasm_val_t reference(void) {
  wasm_val_t value = WASM_REF_VAL(wasm_foreign_as_ref(wasm_foreign_new(store)));
  return value;
}

static wasm_frame_t *frame(void) {
  wasm_instance_t *instance = load(store, "vectors.so");
  wasm_func_t *func = export_func(instance, "trap");
  wasm_trap_t *trap = wasm_func_call(func, NULL, NULL);
  check(trap);
  wasm_frame_t *origin = wasm_trap_origin(trap);
  check(origin);
  wasm_trap_delete(trap);
  wasm_func_delete(func);
  wasm_instance_delete(instance);
  return origin;
}

int main(void) {
  wasm_engine_t *engine = wasm_engine_new();
  store = wasm_store_new(engine);

  EXERCISE(byte, wasm_byte_t, 'x');
  EXERCISE(valtype, wasm_valtype_t *, wasm_valtype_new_i32());
  EXERCISE(functype, wasm_functype_t *, wasm_functype_new_1_0(wasm_valtype_new_f64()));
  EXERCISE(globaltype, wasm_globaltype_t *, wasm_globaltype_new(wasm_valtype_new_i64(), WASM_VAR));
  EXERCISE(tabletype, wasm_tabletype_t *, wasm_tabletype_new(wasm_valtype_new_funcref(), &limits));
  EXERCISE(memorytype, wasm_memorytype_t *, wasm_memorytype_new(&limits));
  EXERCISE(externtype, wasm_externtype_t *, memory_type());
  EXERCISE(importtype, wasm_importtype_t *, import_type());
  EXERCISE(exporttype, wasm_exporttype_t *, export_type());
  EXERCISE(val, wasm_val_t, reference());
  EXERCISE(frame, wasm_frame_t *, frame());
  EXERCISE(extern, wasm_extern_t *, item());

  /* Deleting nothing does nothing. */
  wasm_byte_vec_delete(NULL);
  wasm_val_vec_delete(NULL);
  wasm_extern_vec_delete(NULL);
  wasm_valtype_delete(NULL);
  wasm_importtype_delete(NULL);
  wasm_func_delete(NULL);
  wasm_ref_delete(NULL);

  wasm_store_delete(store);
  wasm_engine_delete(engine);
  return 0;
}
