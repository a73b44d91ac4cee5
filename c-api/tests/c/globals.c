// Globals of the host and of WebAssembly: read, written, refused.
#include "common.h"

static wasm_global_t *new_global(wasm_store_t *store, wasm_valtype_t *content,
                                 wasm_mutability_t mutability, const wasm_val_t *value) {
  wasm_globaltype_t *type = wasm_globaltype_new(content, mutability);
  wasm_global_t *global = wasm_global_new(store, type, value);
  wasm_globaltype_delete(type);
  return global;
}

static wasm_global_t *export_global(const wasm_instance_t *instance, const char *name) {
  wasm_global_t *global = wasm_extern_as_global(wasm_aot_instance_export(instance, name));
  check(global);
  return global;
}

static wasm_val_t get(const wasm_global_t *global) {
  wasm_val_t value;
  wasm_global_get(global, &value);
  return value;
}

static wasm_val_t call(const wasm_instance_t *instance, const char *name) {
  wasm_val_t rs[1];
  wasm_val_vec_t results = WASM_ARRAY_VEC(rs);
  wasm_func_t *func = export_func(instance, name);
  check(!wasm_func_call(func, NULL, &results));
  wasm_func_delete(func);
  return rs[0];
}

int main(void) {
  wasm_engine_t *engine = wasm_engine_new();
  wasm_store_t *store = wasm_store_new(engine);
  wasm_val_t seven = WASM_I32_VAL(7), half = WASM_F64_VAL(0.5), eight = WASM_I32_VAL(8);

  wasm_global_t *i = new_global(store, wasm_valtype_new_i32(), WASM_VAR, &seven);
  wasm_global_t *c = new_global(store, wasm_valtype_new_f64(), WASM_CONST, &half);
  check(i && c && !wasm_global_same(i, c));
  check(!new_global(store, wasm_valtype_new_i64(), WASM_CONST, &seven));
  printf("i32 for i64: %s\n", wasm_aot_last_error());

  wasm_module_t *module = wasm_aot_module_open(store, "globals.so");
  check(module);
  wasm_extern_t *externs[] = {wasm_global_as_extern(i), wasm_global_as_extern(c)};
  wasm_extern_vec_t imports = WASM_ARRAY_VEC(externs);
  wasm_instance_t *instance = wasm_instance_new(store, module, &imports, NULL);
  check(instance);

  check(call(instance, "i").of.i32 == 7 && call(instance, "c").of.f64 == 0.5);
  wasm_global_set(i, &eight);
  check(get(i).of.i32 == 8 && call(instance, "i").of.i32 == 8);
  wasm_val_t as[] = {WASM_I32_VAL(9)};
  wasm_val_vec_t args = WASM_ARRAY_VEC(as);
  wasm_func_t *set = export_func(instance, "set");
  check(!wasm_func_call(set, &args, NULL));
  check(get(i).of.i32 == 9 && get(i).kind == WASM_I32);

  /* What may not be set stays. */
  wasm_global_set(c, &half);
  printf("constant: %s\n", wasm_aot_last_error());
  wasm_global_set(i, &half);
  printf("f64 for i32: %s\n", wasm_aot_last_error());
  check(get(i).of.i32 == 9);

  wasm_global_t *f = export_global(instance, "f"), *k = export_global(instance, "k");
  check(get(f).kind == WASM_F32 && get(f).of.f32 == 1.5f && get(k).of.i64 == 7);
  wasm_globaltype_t *type = wasm_global_type(f);
  check(wasm_globaltype_mutability(type) == WASM_VAR);
  check(wasm_valtype_kind(wasm_globaltype_content(type)) == WASM_F32);
  wasm_globaltype_delete(type);
  wasm_externtype_t *external = wasm_extern_type(wasm_global_as_extern(k));
  check(wasm_externtype_kind(external) == WASM_EXTERN_GLOBAL);
  wasm_externtype_delete(external);
  wasm_global_t *copy = wasm_global_copy(f);
  check(wasm_global_same(f, copy));
  wasm_global_delete(copy);
  wasm_global_delete(f);
  wasm_global_delete(k);

  /* A reference to a function. */
  wasm_global_t *r = export_global(instance, "r");
  check(get(r).kind == WASM_FUNCREF && !get(r).of.ref);
  wasm_val_t ref = {.kind = WASM_FUNCREF, .of = {.ref = wasm_func_as_ref(set)}};
  wasm_global_set(r, &ref);
  wasm_val_t got = get(r);
  check(got.kind == WASM_FUNCREF && wasm_ref_same(got.of.ref, wasm_func_as_ref(set)));
  wasm_val_delete(&got);
  ref.of.ref = wasm_global_as_ref(r);
  wasm_global_set(r, &ref);
  printf("global for funcref: %s\n", wasm_aot_last_error());
  ref.of.ref = NULL;
  wasm_global_set(r, &ref);
  check(!get(r).of.ref);
  wasm_global_delete(r);

  /* A vector is seen as its type only. */
  wasm_global_t *v = export_global(instance, "v");
  check(get(v).kind == WASM_AOT_V128);
  wasm_global_delete(v);
  wasm_func_t *vector = export_func(instance, "vector");
  print_trap("vector", wasm_func_call(vector, NULL, NULL));
  wasm_func_delete(vector);

  wasm_func_delete(set);
  wasm_global_delete(i);
  wasm_global_delete(c);
  wasm_module_delete(module);
  wasm_instance_delete(instance);
  wasm_store_delete(store);
  wasm_engine_delete(engine);
  return 0;
}
