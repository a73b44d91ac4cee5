// Values: initialised, copied, deleted; pointers as values.
#include "common.h"

int main(void) {
  wasm_engine_t *engine = wasm_engine_new();
  wasm_store_t *store = wasm_store_new(engine);
  wasm_engine_delete(engine);

  wasm_val_t i32 = WASM_I32_VAL(-7), i64 = WASM_I64_VAL(INT64_MIN);
  wasm_val_t f32 = WASM_F32_VAL(0.5f), f64 = WASM_F64_VAL(-0.25), init = WASM_INIT_VAL;
  check(init.kind == WASM_EXTERNREF && !init.of.ref);
  wasm_val_t copy;
  wasm_val_copy(&copy, &i32);
  check(copy.kind == WASM_I32 && copy.of.i32 == -7);
  wasm_val_copy(&copy, &i64);
  check(copy.kind == WASM_I64 && copy.of.i64 == INT64_MIN);
  wasm_val_copy(&copy, &f32);
  check(copy.kind == WASM_F32 && copy.of.f32 == 0.5f);
  wasm_val_copy(&copy, &f64);
  check(copy.kind == WASM_F64 && copy.of.f64 == -0.25);
  wasm_val_copy(&copy, &init);
  check(copy.kind == WASM_EXTERNREF && !copy.of.ref);
  wasm_val_delete(&copy);
  wasm_val_delete(&i32);
  wasm_val_delete(NULL);

  /* A copy has a handle of its own. */
  wasm_val_t ref = WASM_REF_VAL(wasm_foreign_as_ref(wasm_foreign_new(store)));
  wasm_val_copy(&copy, &ref);
  check(copy.of.ref != ref.of.ref && wasm_ref_same(copy.of.ref, ref.of.ref));
  wasm_val_delete(&ref);
  check(wasm_ref_as_foreign(copy.of.ref));
  wasm_val_delete(&copy);

  wasm_val_t pointer;
  wasm_val_init_ptr(&pointer, &pointer);
  check(wasm_val_ptr(&pointer) == &pointer);
  check(wasm_valkind_is_num(pointer.kind) && !wasm_valkind_is_ref(pointer.kind));

  wasm_store_delete(store);
  puts("ok");
  return 0;
}
