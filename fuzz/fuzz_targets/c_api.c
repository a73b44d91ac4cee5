/* A program that does with the C API what its input says: any order of calls, any sizes,
 * indices, kinds and values, with handles of two stores. What the headers ask of callers
 * it does: it owns what it is given, and uses no handle after deleting it. */
#include <stdlib.h>
#include <string.h>
#include <wasm.h>
#include <wasm_aot.h>

enum { HANDLES = 16, STEPS = 200 };

/* The input that is left; zeros after its end. */
static const uint8_t *rest;
static size_t left;

static uint8_t byte(void) {
  if (left == 0)
    return 0;
  left--;
  return *rest++;
}

static uint64_t number(void) {
  uint8_t kind = byte();
  uint64_t value = 0;
  if (kind < 200)
    return kind % 12;
  for (int i = 0; i < (kind < 230 ? 2 : 8); i++)
    value = value << 8 | byte();
  return value;
}

/* What a store has. */
typedef struct {
  wasm_store_t *store;
  wasm_module_t *module;
  wasm_extern_t *externs[HANDLES];
  wasm_ref_t *refs[HANDLES];
  wasm_instance_t *instance;
  wasm_trap_t *trap;
} world_t;

static wasm_byte_vec_t artefact;

static wasm_valkind_t kind(void) {
  static const wasm_valkind_t kinds[] = {WASM_I32, WASM_I64, WASM_F32, WASM_F64,
      WASM_EXTERNREF, WASM_FUNCREF};
  return kinds[byte() % 6];
}

/* Borrows its reference. */
static wasm_val_t value(world_t *w) {
  wasm_val_t val;
  memset(&val, 0, sizeof val);
  val.kind = kind();
  switch (val.kind) {
  case WASM_I32: val.of.i32 = (int32_t)number(); break;
  case WASM_I64: val.of.i64 = (int64_t)number(); break;
  case WASM_F32: val.of.f32 = (float)number(); break;
  case WASM_F64: val.of.f64 = (double)number(); break;
  default: val.of.ref = w->refs[byte() % HANDLES]; break;
  }
  return val;
}

static void set_trap(world_t *w, wasm_trap_t *trap) {
  if (!trap)
    return;
  if (w->trap)
    wasm_trap_delete(w->trap);
  w->trap = trap;
}

static void put(world_t *w, wasm_extern_t *item) {
  wasm_extern_t **place = &w->externs[byte() % HANDLES];
  if (!item)
    return;
  if (*place)
    wasm_extern_delete(*place);
  *place = item;
}

static void put_ref(world_t *w, wasm_ref_t *ref) {
  wasm_ref_t **place = &w->refs[byte() % HANDLES];
  if (*place)
    wasm_ref_delete(*place);
  *place = ref;
}

static wasm_extern_t *get(world_t *w) { return w->externs[byte() % HANDLES]; }

/* A host function: traps, or returns what is asked of it. */
static wasm_trap_t *callback(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results) {
  world_t *w = env;
  if (args->size > 0 && args->data[0].kind == WASM_I32 && args->data[0].of.i32 == 7) {
    wasm_message_t message;
    wasm_byte_vec_new(&message, 4, "no!");
    wasm_trap_t *trap = wasm_trap_new(w->store, &message);
    wasm_byte_vec_delete(&message);
    return trap;
  }
  /* It may use the store meanwhile. */
  wasm_extern_t *item = get(w);
  if (item && wasm_extern_as_memory(item))
    wasm_memory_grow(wasm_extern_as_memory(item), 1);
  for (size_t i = 0; i < results->size; i++) {
    memset(&results->data[i], 0, sizeof results->data[i]);
    results->data[i].kind = WASM_I32;
    results->data[i].of.i32 = (int32_t)number();
  }
  return NULL;
}

static void new_func(world_t *w) {
  wasm_valtype_vec_t params, results;
  wasm_valtype_vec_new_uninitialized(&params, byte() % 4);
  for (size_t i = 0; i < params.size; i++)
    params.data[i] = wasm_valtype_new(i == 0 ? WASM_I32 : kind());
  wasm_valtype_vec_new_uninitialized(&results, byte() % 3);
  for (size_t i = 0; i < results.size; i++)
    results.data[i] = wasm_valtype_new(WASM_I32);
  wasm_functype_t *type = wasm_functype_new(&params, &results);
  wasm_func_t *func = wasm_func_new_with_env(w->store, type, callback, w, NULL);
  wasm_functype_delete(type);
  if (func)
    put(w, wasm_func_as_extern(func));
}

static void call(world_t *w) {
  wasm_extern_t *item = get(w);
  wasm_func_t *func = item ? wasm_extern_as_func(item) : NULL;
  if (!func)
    return;
  wasm_val_t values[8], out[8];
  wasm_val_vec_t args = {byte() % 8, values}, results = {byte() % 8, out};
  wasm_functype_t *type = wasm_func_type(func);
  const wasm_valtype_vec_t *params = wasm_functype_params(type);
  for (size_t i = 0; i < 8; i++) {
    values[i] = value(w);
    memset(&out[i], 0, sizeof out[i]);
    out[i].kind = WASM_I32;
  }
  /* Mostly what fits. */
  if (byte() % 8 != 0 && params->size <= 8) {
    args.size = params->size;
    for (size_t i = 0; i < params->size; i++) {
      wasm_valkind_t wanted = wasm_valtype_kind(params->data[i]);
      if (values[i].kind != wanted)
        memset(&values[i].of, 0, sizeof values[i].of);
      values[i].kind = wanted;
    }
    results.size = 8;
  }
  wasm_functype_delete(type);
  wasm_trap_t *trap = wasm_func_call(func, &args, &results);
  if (!trap)
    for (size_t i = 0; i < results.size; i++)
      wasm_val_delete(&out[i]);
  set_trap(w, trap);
}

static void new_item(world_t *w) {
  wasm_limits_t limits = {(uint32_t)number(), (uint32_t)number()};
  if (byte() % 2)
    limits.max = wasm_limits_max_default;
  switch (byte() % 3) {
  case 0: {
    wasm_memorytype_t *type = wasm_memorytype_new(&limits);
    wasm_memory_t *memory = wasm_memory_new(w->store, type);
    wasm_memorytype_delete(type);
    if (memory)
      put(w, wasm_memory_as_extern(memory));
    break;
  }
  case 1: {
    wasm_tabletype_t *type = wasm_tabletype_new(wasm_valtype_new(kind()), &limits);
    wasm_table_t *table =
        type ? wasm_table_new(w->store, type, w->refs[byte() % HANDLES]) : NULL;
    if (type)
      wasm_tabletype_delete(type);
    if (table)
      put(w, wasm_table_as_extern(table));
    break;
  }
  default: {
    wasm_val_t val = value(w);
    wasm_valkind_t content = byte() % 4 ? val.kind : kind();
    wasm_globaltype_t *type = wasm_globaltype_new(wasm_valtype_new(content), byte() % 2);
    wasm_global_t *global = wasm_global_new(w->store, type, &val);
    wasm_globaltype_delete(type);
    if (global)
      put(w, wasm_global_as_extern(global));
  }
  }
}

static void use_item(world_t *w) {
  wasm_extern_t *item = get(w);
  if (!item)
    return;
  wasm_externtype_t *type = wasm_extern_type(item);
  wasm_externtype_t *copy = wasm_externtype_copy(type);
  wasm_externtype_delete(type);
  wasm_externtype_delete(copy);
  wasm_memory_t *memory = wasm_extern_as_memory(item);
  wasm_table_t *table = wasm_extern_as_table(item);
  wasm_global_t *global = wasm_extern_as_global(item);
  if (memory) {
    size_t size = wasm_memory_data_size(memory);
    uint64_t at = number();
    if (at < size)
      wasm_memory_data(memory)[at] = (byte_t)byte();
    if (byte() % 2 && wasm_memory_grow(memory, (wasm_memory_pages_t)number()) &&
        wasm_memory_data_size(memory) < size)
      abort();
  } else if (table) {
    wasm_table_size_t size = wasm_table_size(table), at = (wasm_table_size_t)number();
    wasm_ref_t *ref = w->refs[byte() % HANDLES];
    bool set = wasm_table_set(table, at, ref);
    if (set && at >= size)
      abort();
    wasm_ref_t *found = wasm_table_get(table, at);
    if (set && (found == NULL) != (ref == NULL))
      abort();
    if (byte() % 2)
      wasm_table_grow(table, (wasm_table_size_t)(number() % 100000), ref);
    /* Deletes another one, perhaps this. */
    put_ref(w, found);
  } else if (global) {
    wasm_val_t val = value(w), found;
    wasm_global_set(global, &val);
    wasm_global_get(global, &found);
    wasm_val_delete(&found);
  } else {
    put_ref(w, wasm_ref_copy(wasm_func_as_ref(wasm_extern_as_func(item))));
  }
}

static void instantiate(world_t *w) {
  wasm_extern_t *items[8];
  wasm_extern_vec_t imports = {byte() % 8, items}, exports;
  for (size_t i = 0; i < 8; i++)
    items[i] = get(w);
  wasm_importtype_vec_t wanted;
  wasm_module_imports(w->module, &wanted);
  /* What is missing is an error, as is what has no place. */
  if (imports.size > wanted.size)
    imports.size = wanted.size;
  /* Mostly there are some that fit. */
  if (byte() % 4 != 0) {
    imports.size = wanted.size;
    for (size_t i = 0; i < wanted.size; i++)
      for (size_t j = 0; j < HANDLES; j++)
        if (w->externs[j] && wasm_extern_kind(w->externs[j]) ==
                wasm_externtype_kind(wasm_importtype_type(wanted.data[i])))
          items[i] = w->externs[j];
  }
  wasm_importtype_vec_delete(&wanted);
  wasm_trap_t *trap = NULL;
  wasm_instance_t *instance = wasm_instance_new(w->store, w->module, &imports, &trap);
  set_trap(w, trap);
  if (!instance)
    return;
  wasm_instance_exports(instance, &exports);
  for (size_t i = 0; i < exports.size; i++) {
    put(w, exports.data[i]);
    exports.data[i] = NULL;
  }
  wasm_extern_vec_delete(&exports);
  if (w->instance)
    wasm_instance_delete(w->instance);
  w->instance = instance;
}

static void look_at_trap(world_t *w) {
  if (!w->trap)
    return;
  wasm_message_t message;
  wasm_trap_message(w->trap, &message);
  if (message.size == 0 || message.data[message.size - 1] != 0)
    abort();
  wasm_byte_vec_delete(&message);
  wasm_aot_trap_backtrace(w->trap, &message);
  wasm_byte_vec_delete(&message);
  wasm_frame_vec_t frames;
  wasm_trap_trace(w->trap, &frames);
  for (size_t i = 0; i < frames.size; i++)
    wasm_frame_func_offset(frames.data[i]);
  wasm_frame_vec_delete(&frames);
  wasm_frame_t *origin = wasm_trap_origin(w->trap);
  if (origin)
    wasm_frame_delete(origin);
  wasm_aot_trap_code(w->trap);
}

static void any_bytes(world_t *w) {
  wasm_byte_vec_t bytes;
  wasm_byte_vec_new_uninitialized(&bytes, number() % 64);
  for (size_t i = 0; i < bytes.size; i++)
    bytes.data[i] = (byte_t)byte();
  bool valid = wasm_module_validate(w->store, &bytes);
  wasm_module_t *module = wasm_module_new(w->store, &bytes);
  if (valid != (module != NULL) || (!module && !wasm_aot_last_error()))
    abort();
  if (module)
    wasm_module_delete(module);
  module = wasm_module_deserialize(w->store, &bytes);
  if (module)
    abort();
  wasm_byte_vec_delete(&bytes);
}

static void step(world_t *w) {
  switch (byte() % 10) {
  case 0: new_func(w); break;
  case 1: case 2: new_item(w); break;
  case 3: case 4: use_item(w); break;
  case 5: instantiate(w); break;
  case 6: call(w); break;
  case 7: look_at_trap(w); break;
  case 8: {
    wasm_foreign_t *foreign = wasm_foreign_new(w->store);
    put_ref(w, foreign ? wasm_foreign_as_ref(foreign) : NULL);
    break;
  }
  default: any_bytes(w); break;
  }
}

static void open(world_t *w, wasm_engine_t *engine) {
  memset(w, 0, sizeof *w);
  w->store = wasm_store_new(engine);
  w->module = wasm_module_deserialize(w->store, &artefact);
  if (!w->module)
    abort();
}

static void close(world_t *w) {
  for (size_t i = 0; i < HANDLES; i++) {
    if (w->externs[i])
      wasm_extern_delete(w->externs[i]);
    if (w->refs[i])
      wasm_ref_delete(w->refs[i]);
  }
  if (w->instance)
    wasm_instance_delete(w->instance);
  if (w->trap)
    wasm_trap_delete(w->trap);
  wasm_module_delete(w->module);
  wasm_store_delete(w->store);
}

void fuzz_c_api(const uint8_t *data, size_t size, const uint8_t *wasm, size_t wasm_size);

void fuzz_c_api(const uint8_t *data, size_t size, const uint8_t *wasm, size_t wasm_size) {
  rest = data;
  left = size;
  wasm_config_t *config = wasm_config_new();
  wasm_aot_config_set_max_memory_bytes(config, 1 << 26);
  wasm_aot_config_set_max_table_elements(config, 1 << 16);
  wasm_aot_config_set_max_wasm_stack(config, 1 << 17);
  wasm_engine_t *engine = wasm_engine_new_with_config(config);
  if (!artefact.data) {
    wasm_store_t *store = wasm_store_new(engine);
    wasm_byte_vec_t bytes = {wasm_size, (byte_t *)wasm};
    wasm_module_t *module = wasm_module_new(store, &bytes);
    if (!module)
      abort();
    wasm_module_serialize(module, &artefact);
    wasm_module_delete(module);
    wasm_store_delete(store);
  }
  world_t worlds[2];
  open(&worlds[0], engine);
  open(&worlds[1], engine);
  for (int i = 0; i < STEPS && left > 0; i++)
    step(&worlds[byte() % 8 == 0]);
  close(&worlds[0]);
  close(&worlds[1]);
  wasm_engine_delete(engine);
}
