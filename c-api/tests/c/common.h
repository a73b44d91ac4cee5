/* What the programs share. */
#ifndef COMMON_H
#define COMMON_H

#include <stdio.h>
#include <stdlib.h>

#include "wasm_aot.h"

/* Ends the program, unless the condition holds. */
#define check(condition) \
  do { \
    if (!(condition)) { \
      printf("%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      if (wasm_aot_last_error()) printf("last error: %s\n", wasm_aot_last_error()); \
      exit(1); \
    } \
  } while (0)

/* The bytes of a file. */
static inline void read_file(const char *path, wasm_byte_vec_t *out) {
  FILE *file = fopen(path, "rb");
  check(file);
  check(fseek(file, 0, SEEK_END) == 0);
  size_t size = (size_t)ftell(file);
  rewind(file);
  wasm_byte_vec_new_uninitialized(out, size);
  check(fread(out->data, 1, size, file) == size);
  fclose(file);
}

/* The artefact in a file, without imports. */
static inline wasm_instance_t *load(wasm_store_t *store, const char *path) {
  wasm_module_t *module = wasm_aot_module_open(store, path);
  check(module);
  wasm_trap_t *trap;
  wasm_instance_t *instance = wasm_aot_instance_new(store, module, NULL, &trap);
  check(instance && !trap);
  wasm_module_delete(module);
  return instance;
}

/* The module in a file, compiled, and an instance of it without imports. */
static inline wasm_instance_t *compile(wasm_store_t *store, const char *path) {
  wasm_byte_vec_t bytes;
  read_file(path, &bytes);
  wasm_module_t *module = wasm_module_new(store, &bytes);
  check(module);
  wasm_byte_vec_delete(&bytes);
  wasm_extern_vec_t imports = WASM_EMPTY_VEC;
  wasm_instance_t *instance = wasm_instance_new(store, module, &imports, NULL);
  check(instance);
  wasm_module_delete(module);
  return instance;
}

/* That a file's artefact cannot have an instance, and why. */
static inline void print_refusal(wasm_store_t *store, const char *path) {
  wasm_module_t *module = wasm_aot_module_open(store, path);
  check(module);
  wasm_extern_vec_t imports = WASM_EMPTY_VEC;
  check(!wasm_instance_new(store, module, &imports, NULL));
  printf("%s\n", wasm_aot_last_error());
  wasm_module_delete(module);
}

/* An exported function. */
static inline wasm_func_t *export_func(const wasm_instance_t *instance, const char *name) {
  wasm_func_t *func = wasm_extern_as_func(wasm_aot_instance_export(instance, name));
  check(func);
  return func;
}

/* Calls an exported function of an integer, without results. */
static inline wasm_trap_t *call_with(const wasm_instance_t *instance, const char *name, int32_t arg) {
  wasm_func_t *func = export_func(instance, name);
  wasm_val_t as[] = {WASM_I32_VAL(arg)};
  wasm_val_vec_t args = WASM_ARRAY_VEC(as), results = WASM_EMPTY_VEC;
  wasm_trap_t *trap = wasm_func_call(func, &args, &results);
  wasm_func_delete(func);
  return trap;
}

/* Prints the message of a trap, and deletes it. */
static inline void print_trap(const char *what, wasm_trap_t *trap) {
  check(trap);
  wasm_message_t message;
  wasm_trap_message(trap, &message);
  check(message.size > 0 && message.data[message.size - 1] == '\0');
  printf("%s: %s\n", what, message.data);
  wasm_byte_vec_delete(&message);
  wasm_trap_delete(trap);
}

#endif
