// Modules from artefacts: what they import and export, their bytes, other stores.
#include "common.h"

static const char *const kinds[] = {"func", "global", "table", "memory"};

static void describe(const wasm_module_t *module) {
  wasm_importtype_vec_t imports;
  wasm_module_imports(module, &imports);
  for (size_t i = 0; i < imports.size; ++i) {
    const wasm_name_t *namespace = wasm_importtype_module(imports.data[i]);
    const wasm_name_t *name = wasm_importtype_name(imports.data[i]);
    printf("import %.*s.%.*s %s\n", (int)namespace->size, namespace->data, (int)name->size,
           name->data, kinds[wasm_externtype_kind(wasm_importtype_type(imports.data[i]))]);
  }
  const wasm_functype_t *func =
      wasm_externtype_as_functype_const(wasm_importtype_type(imports.data[0]));
  check(wasm_functype_params(func)->size == 2 && wasm_functype_results(func)->size == 2);
  const wasm_globaltype_t *global =
      wasm_externtype_as_globaltype_const(wasm_importtype_type(imports.data[1]));
  check(wasm_globaltype_mutability(global) == WASM_VAR);
  const wasm_tabletype_t *table =
      wasm_externtype_as_tabletype_const(wasm_importtype_type(imports.data[2]));
  check(wasm_tabletype_limits(table)->min == 1 && wasm_tabletype_limits(table)->max == 10);
  wasm_importtype_vec_delete(&imports);

  wasm_exporttype_vec_t exports;
  wasm_module_exports(module, &exports);
  for (size_t i = 0; i < exports.size; ++i) {
    const wasm_name_t *name = wasm_exporttype_name(exports.data[i]);
    printf("export %.*s %s\n", (int)name->size, name->data,
           kinds[wasm_externtype_kind(wasm_exporttype_type(exports.data[i]))]);
  }
  const wasm_limits_t *limits = wasm_tabletype_limits(
      wasm_externtype_as_tabletype_const(wasm_exporttype_type(exports.data[2])));
  check(limits->min == 3 && limits->max == wasm_limits_max_default);
  wasm_exporttype_vec_delete(&exports);
}

static int finalized;

static void finalize(void *info) {
  check(info == &finalized);
  ++finalized;
}

int main(void) {
  wasm_engine_t *engine = wasm_engine_new();
  wasm_store_t *store = wasm_store_new(engine);

  wasm_byte_vec_t artefact, bytes;
  read_file("modules.so", &artefact);
  wasm_module_t *module = wasm_module_deserialize(store, &artefact);
  check(module);
  describe(module);

  /* What is serialised is what was deserialised, be it from bytes or a file. */
  wasm_module_serialize(module, &bytes);
  check(bytes.size == artefact.size && memcmp(bytes.data, artefact.data, bytes.size) == 0);
  wasm_byte_vec_delete(&bytes);
  wasm_module_t *opened = wasm_aot_module_open(store, "modules.so");
  check(opened);
  wasm_module_serialize(opened, &bytes);
  check(bytes.size == artefact.size && memcmp(bytes.data, artefact.data, bytes.size) == 0);
  wasm_byte_vec_delete(&bytes);
  wasm_byte_vec_delete(&artefact);
  wasm_module_delete(opened);

  /* Copies are the same module; one that went through another store is not. */
  wasm_module_t *copy = wasm_module_copy(module);
  check(wasm_module_same(copy, module));
  wasm_module_set_host_info_with_finalizer(copy, &finalized, finalize);
  wasm_module_delete(copy);
  check(finalized == 0 && wasm_module_get_host_info(module) == &finalized);
  wasm_shared_module_t *shared = wasm_module_share(module);
  wasm_module_delete(module);
  check(finalized == 1);
  wasm_store_t *other = wasm_store_new(engine);
  module = wasm_module_obtain(other, shared);
  check(module && !wasm_module_get_host_info(module));
  wasm_module_t *again = wasm_module_obtain(other, shared);
  check(!wasm_module_same(module, again));
  wasm_module_delete(again);
  wasm_shared_module_delete(shared);
  wasm_store_delete(store);
  describe(module);
  wasm_module_delete(module);

  /* What is no artefact. */
  check(!wasm_aot_module_open(other, "absent.so"));
  printf("absent: %s\n", wasm_aot_last_error());
  check(!wasm_aot_module_open(other, NULL));
  check(!wasm_module_deserialize(other, NULL));
  check(!wasm_module_new(other, NULL) && !wasm_module_validate(other, NULL));
  wasm_byte_vec_new(&bytes, 7, "garbage");
  check(!wasm_module_deserialize(other, &bytes));
  printf("garbage: %s\n", wasm_aot_last_error());
  wasm_byte_vec_delete(&bytes);
  wasm_byte_vec_new_empty(&bytes);
  check(!wasm_module_deserialize(other, &bytes));
  printf("nothing: %s\n", wasm_aot_last_error());
  read_file("modules.wasm", &bytes);
  check(!wasm_module_deserialize(other, &bytes));
  printf("wasm: %s\n", wasm_aot_last_error());
  wasm_byte_vec_delete(&bytes);

  wasm_store_delete(other);
  wasm_engine_delete(engine);
  return 0;
}
