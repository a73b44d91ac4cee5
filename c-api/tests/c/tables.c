// Tables of the host and of WebAssembly: read, written, grown, called through.
#include "common.h"

static wasm_trap_t *call(const wasm_func_t *func, int32_t index, int32_t *result) {
  wasm_val_t as[] = {WASM_I32_VAL(index)}, rs[1];
  wasm_val_vec_t args = WASM_ARRAY_VEC(as), results = WASM_ARRAY_VEC(rs);
  wasm_trap_t *trap = wasm_func_call(func, &args, &results);
  if (!trap) *result = rs[0].of.i32;
  return trap;
}

static wasm_trap_t *multiply(const wasm_val_vec_t *args, wasm_val_vec_t *results) {
  results->data[0] = (wasm_val_t)WASM_I32_VAL(args->data[0].of.i32 * args->data[1].of.i32);
  return NULL;
}

int main(void) {
  wasm_engine_t *engine = wasm_engine_new();
  wasm_store_t *store = wasm_store_new(engine);
  wasm_instance_t *instance = load(store, "tables.so");
  wasm_table_t *table = wasm_extern_as_table(wasm_aot_instance_export(instance, "table"));
  check(table);
  wasm_func_t *through = export_func(instance, "call");
  wasm_func_t *add = export_func(instance, "add"), *sub = export_func(instance, "sub");
  int32_t result;

  check(wasm_table_size(table) == 3);
  wasm_ref_t *first = wasm_table_get(table, 0);
  check(first && wasm_ref_same(first, wasm_func_as_ref(add)) && wasm_ref_as_func(first));
  wasm_ref_delete(first);
  check(!wasm_table_get(table, 1) && !wasm_table_get(table, 77));
  check(!call(through, 0, &result) && result == 42);
  print_trap("null", call(through, 1, &result));

  check(wasm_table_set(table, 1, wasm_func_as_ref(sub)));
  check(!call(through, 1, &result) && result == 18);
  check(!wasm_table_set(table, 3, NULL));
  printf("beyond: %s\n", wasm_aot_last_error());
  check(!wasm_table_set(table, 0, wasm_table_as_ref(table)));
  printf("table for funcref: %s\n", wasm_aot_last_error());
  check(wasm_table_set(table, 0, NULL));
  print_trap("null again", call(through, 0, &result));

  /* A function of the host. */
  wasm_functype_t *type =
      wasm_functype_new_2_1(wasm_valtype_new_i32(), wasm_valtype_new_i32(), wasm_valtype_new_i32());
  wasm_func_t *mul = wasm_func_new(store, type, multiply);
  wasm_functype_delete(type);
  check(wasm_table_grow(table, 2, wasm_func_as_ref(mul)));
  check(wasm_table_size(table) == 5);
  check(!call(through, 4, &result) && result == 360);
  wasm_ref_t *last = wasm_table_get(table, 4);
  check(wasm_ref_same(last, wasm_func_as_ref(mul)));
  wasm_ref_delete(last);
  check(!wasm_table_grow(table, 1, NULL));
  check(wasm_table_grow(table, 0, NULL));
  wasm_func_delete(mul);

  wasm_tabletype_t *now = wasm_table_type(table);
  check(wasm_tabletype_limits(now)->min == 5 && wasm_tabletype_limits(now)->max == 5);
  check(wasm_valtype_kind(wasm_tabletype_element(now)) == WASM_FUNCREF);
  wasm_tabletype_delete(now);
  wasm_table_t *copy = wasm_table_copy(table);
  check(wasm_table_same(copy, table));
  wasm_table_delete(copy);

  /* One of the host, of external references. */
  wasm_limits_t limits = {2, wasm_limits_max_default};
  wasm_tabletype_t *external = wasm_tabletype_new(wasm_valtype_new_externref(), &limits);
  wasm_table_t *own = wasm_table_new(store, external, wasm_instance_as_ref(instance));
  check(own && !wasm_table_same(own, table));
  wasm_ref_t *element = wasm_table_get(own, 1);
  wasm_instance_t *same = wasm_ref_as_instance(element);
  check(same && wasm_instance_same(same, instance));
  wasm_ref_delete(element);
  check(wasm_table_grow(own, 1, NULL) && !wasm_table_get(own, 2));
  wasm_tabletype_delete(external);
  wasm_table_delete(own);

  /* Ones that cannot be. */
  limits.min = 3, limits.max = 2;
  wasm_tabletype_t *inverted = wasm_tabletype_new(wasm_valtype_new_funcref(), &limits);
  check(!wasm_table_new(store, inverted, NULL));
  wasm_tabletype_delete(inverted);
  limits.min = 1;
  inverted = wasm_tabletype_new(wasm_valtype_new_funcref(), &limits);
  check(!wasm_table_new(store, inverted, wasm_instance_as_ref(instance)));
  wasm_tabletype_delete(inverted);

  wasm_func_delete(add);
  wasm_func_delete(sub);
  wasm_func_delete(through);
  wasm_table_delete(table);
  wasm_instance_delete(instance);
  wasm_store_delete(store);
  wasm_engine_delete(engine);
  puts("ok");
  return 0;
}
