/*
 * WebAssembly in a C program: a function of the host, a function of the module, and
 * memory that both see. wasm.h is common to many runtimes; opening an artefact by
 * its path, imports by name and wasm_aot_last_error are this one's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <wasm_aot.h>

/* Prints bytes of the module's memory; `env` is where the memory will be. */
static wasm_trap_t *print(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results) {
  wasm_memory_t *memory = *(wasm_memory_t **)env;
  size_t offset = (uint32_t)args->data[0].of.i32, size = (uint32_t)args->data[1].of.i32;
  (void)results;
  if (offset + size <= wasm_memory_data_size(memory)) {
    printf("%.*s\n", (int)size, wasm_memory_data(memory) + offset);
  }
  return NULL;
}

/* Ends the program with why something has failed. */
static void fail(const char *what) {
  const char *why = wasm_aot_last_error();
  fprintf(stderr, "%s: %s\n", what, why ? why : "failed");
  exit(1);
}

int main(int argc, char **argv) {
  const char *path = argc > 1 ? argv[1] : "embed.so";
  wasm_engine_t *engine = wasm_engine_new();
  wasm_store_t *store = wasm_store_new(engine);

  /* The artefact, which `wasm-aot compile` has made. */
  wasm_module_t *module = wasm_aot_module_open(store, path);
  if (!module) fail(path);

  /* What it imports. */
  wasm_memory_t *memory = NULL;
  wasm_functype_t *type = wasm_functype_new_2_0(wasm_valtype_new_i32(), wasm_valtype_new_i32());
  wasm_func_t *printer = wasm_func_new_with_env(store, type, print, &memory, NULL);
  wasm_aot_imports_t *imports = wasm_aot_imports_new();
  wasm_aot_imports_define(imports, "host", "print", wasm_func_as_extern(printer));
  wasm_instance_t *instance = wasm_aot_instance_new(store, module, imports, NULL);
  if (!instance) fail("cannot instantiate");

  /* What it exports. */
  wasm_extern_t *exported_memory = wasm_aot_instance_export(instance, "memory");
  wasm_extern_t *greet = wasm_aot_instance_export(instance, "greet");
  memory = wasm_extern_as_memory(exported_memory);
  if (!memory || !wasm_extern_as_func(greet)) fail("cannot find the exports");

  wasm_trap_t *trap = wasm_func_call(wasm_extern_as_func(greet), NULL, NULL);
  if (trap) {
    wasm_message_t message;
    wasm_trap_message(trap, &message);
    fprintf(stderr, "trap: %s\n", message.data);
    return 1;
  }

  wasm_extern_delete(greet);
  wasm_extern_delete(exported_memory);
  wasm_instance_delete(instance);
  wasm_aot_imports_delete(imports);
  wasm_func_delete(printer);
  wasm_functype_delete(type);
  wasm_module_delete(module);
  wasm_store_delete(store);
  wasm_engine_delete(engine);
  return 0;
}
