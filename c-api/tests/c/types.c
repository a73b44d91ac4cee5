// Types as objects: made, read, copied, seen as external types and back.
#include "common.h"

static const char *kind_name(wasm_valkind_t kind) {
  switch (kind) {
    case WASM_I32: return "i32";
    case WASM_I64: return "i64";
    case WASM_F32: return "f32";
    case WASM_F64: return "f64";
    case WASM_EXTERNREF: return "externref";
    case WASM_FUNCREF: return "funcref";
    case WASM_AOT_V128: return "v128";
    default: return "?";
  }
}

static void print_types(const wasm_valtype_vec_t *types) {
  printf("(");
  for (size_t i = 0; i < types->size; ++i) {
    printf("%s%s", i ? " " : "", kind_name(wasm_valtype_kind(types->data[i])));
  }
  printf(")");
}

static void print_functype(const wasm_functype_t *type) {
  print_types(wasm_functype_params(type));
  printf(" -> ");
  print_types(wasm_functype_results(type));
  printf("\n");
}

static void value_types(void) {
  struct {
    wasm_valtype_t *type;
    bool ref;
  } all[] = {
      {wasm_valtype_new_i32(), false},     {wasm_valtype_new_i64(), false},
      {wasm_valtype_new_f32(), false},     {wasm_valtype_new_f64(), false},
      {wasm_valtype_new_externref(), true}, {wasm_valtype_new_funcref(), true},
      {wasm_valtype_new(WASM_AOT_V128), false},
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) {
    wasm_valtype_t *copy = wasm_valtype_copy(all[i].type);
    check(wasm_valtype_kind(copy) == wasm_valtype_kind(all[i].type));
    check(wasm_valtype_is_ref(copy) == all[i].ref);
    check(wasm_valtype_is_num(copy) == !all[i].ref);
    printf("%s ", kind_name(wasm_valtype_kind(copy)));
    wasm_valtype_delete(copy);
    wasm_valtype_delete(all[i].type);
  }
  printf("\n");
  check(!wasm_valtype_new(77));
  printf("77: %s\n", wasm_aot_last_error());
}

#define I wasm_valtype_new_i32()
#define L wasm_valtype_new_i64()
#define F wasm_valtype_new_f32()

static void function_types(void) {
  wasm_functype_t *all[] = {
      wasm_functype_new_0_0(),           wasm_functype_new_1_0(I),
      wasm_functype_new_2_0(I, L),       wasm_functype_new_3_0(I, L, F),
      wasm_functype_new_0_1(F),          wasm_functype_new_1_1(I, F),
      wasm_functype_new_2_1(I, L, F),    wasm_functype_new_3_1(I, L, F, F),
      wasm_functype_new_0_2(F, I),       wasm_functype_new_1_2(L, F, I),
      wasm_functype_new_2_2(I, L, F, I), wasm_functype_new_3_2(I, L, F, F, I),
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) {
    wasm_functype_t *copy = wasm_functype_copy(all[i]);
    wasm_functype_delete(all[i]);
    print_functype(copy);
    wasm_functype_delete(copy);
  }
}

static void external_types(void) {
  const wasm_limits_t limits = {1, wasm_limits_max_default};
  wasm_functype_t *func = wasm_functype_new_0_0();
  wasm_globaltype_t *global = wasm_globaltype_new(wasm_valtype_new_f64(), WASM_VAR);
  wasm_tabletype_t *table = wasm_tabletype_new(wasm_valtype_new_externref(), &limits);
  wasm_memorytype_t *memory = wasm_memorytype_new(&limits);

  check(wasm_globaltype_mutability(global) == WASM_VAR);
  check(wasm_valtype_kind(wasm_globaltype_content(global)) == WASM_F64);
  check(wasm_valtype_kind(wasm_tabletype_element(table)) == WASM_EXTERNREF);
  check(wasm_tabletype_limits(table)->min == 1);
  check(wasm_memorytype_limits(memory)->max == wasm_limits_max_default);
  check(!wasm_tabletype_new(wasm_valtype_new_i32(), &limits));
  printf("table of i32: %s\n", wasm_aot_last_error());

  wasm_externtype_t *views[] = {
      wasm_functype_as_externtype(func),
      wasm_globaltype_as_externtype(global),
      wasm_tabletype_as_externtype(table),
      wasm_memorytype_as_externtype(memory),
  };
  const wasm_externtype_t *const_views[] = {
      wasm_functype_as_externtype_const(func),
      wasm_globaltype_as_externtype_const(global),
      wasm_tabletype_as_externtype_const(table),
      wasm_memorytype_as_externtype_const(memory),
  };
  for (wasm_externkind_t i = 0; i < 4; ++i) {
    check(wasm_externtype_kind(views[i]) == i);
    check(views[i] == const_views[i]);
    wasm_externtype_t *copy = wasm_externtype_copy(views[i]);
    check((wasm_externtype_as_functype(copy) != NULL) == (i == WASM_EXTERN_FUNC));
    check((wasm_externtype_as_globaltype(copy) != NULL) == (i == WASM_EXTERN_GLOBAL));
    check((wasm_externtype_as_tabletype(copy) != NULL) == (i == WASM_EXTERN_TABLE));
    check((wasm_externtype_as_memorytype(copy) != NULL) == (i == WASM_EXTERN_MEMORY));
    check((wasm_externtype_as_functype_const(copy) != NULL) == (i == WASM_EXTERN_FUNC));
    check((wasm_externtype_as_globaltype_const(copy) != NULL) == (i == WASM_EXTERN_GLOBAL));
    check((wasm_externtype_as_tabletype_const(copy) != NULL) == (i == WASM_EXTERN_TABLE));
    check((wasm_externtype_as_memorytype_const(copy) != NULL) == (i == WASM_EXTERN_MEMORY));
    wasm_externtype_delete(copy);
  }
  wasm_globaltype_t *global_copy = wasm_globaltype_copy(global);
  wasm_tabletype_t *table_copy = wasm_tabletype_copy(table);
  wasm_memorytype_t *memory_copy = wasm_memorytype_copy(memory);
  wasm_globaltype_delete(global_copy);
  wasm_tabletype_delete(table_copy);
  wasm_memorytype_delete(memory_copy);
  wasm_functype_delete(func);
  wasm_globaltype_delete(global);
  wasm_tabletype_delete(table);
  wasm_memorytype_delete(memory);
}

static void import_and_export_types(void) {
  wasm_name_t module, name, copied;
  wasm_name_new_from_string(&module, "env");
  wasm_name_new_from_string_nt(&name, "f");
  check(module.size == 3 && name.size == 2);
  wasm_name_copy(&copied, &module);
  check(copied.size == 3 && memcmp(copied.data, "env", 3) == 0);
  wasm_name_delete(&copied);
  wasm_name_new_empty(&copied);
  wasm_name_new_uninitialized(&copied, 4);
  wasm_name_delete(&copied);

  wasm_importtype_t *import = wasm_importtype_new(
      &module, &name, wasm_functype_as_externtype(wasm_functype_new_0_0()));
  wasm_importtype_t *import_copy = wasm_importtype_copy(import);
  wasm_importtype_delete(import);
  check(wasm_importtype_module(import_copy)->size == 3);
  check(wasm_importtype_name(import_copy)->size == 2);
  printf("%.3s %s %d\n", wasm_importtype_module(import_copy)->data,
         wasm_importtype_name(import_copy)->data,
         wasm_externtype_kind(wasm_importtype_type(import_copy)));
  wasm_importtype_delete(import_copy);

  wasm_name_new_from_string(&name, "run");
  wasm_exporttype_t *export = wasm_exporttype_new(
      &name, wasm_functype_as_externtype(wasm_functype_new_0_0()));
  wasm_exporttype_t *export_copy = wasm_exporttype_copy(export);
  wasm_exporttype_delete(export);
  printf("%.3s %d\n", wasm_exporttype_name(export_copy)->data,
         wasm_externtype_kind(wasm_exporttype_type(export_copy)));
  wasm_exporttype_delete(export_copy);
}

int main(void) {
  value_types();
  function_types();
  external_types();
  import_and_export_types();
  return 0;
}
