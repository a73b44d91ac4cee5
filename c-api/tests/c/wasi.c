// features: wasi
// WASI: what a program is given, what it writes, and how it ends.
#include "common.h"

/* Prints bytes, with a bar for each NUL. */
static void print(const char *what, wasm_byte_vec_t *bytes) {
  printf("%s: ", what);
  for (size_t i = 0; i < bytes->size; ++i) {
    putchar(bytes->data[i] ? bytes->data[i] : '|');
  }
  puts("");
  wasm_byte_vec_delete(bytes);
}

static void print_output(wasm_store_t *store) {
  wasm_byte_vec_t out;
  wasm_aot_store_take_stdout(store, &out);
  print("stdout", &out);
  wasm_aot_store_take_stderr(store, &out);
  print("stderr", &out);
}

static void write_file(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  check(file && fputs(text, file) >= 0);
  fclose(file);
}

int main(void) {
  check(wasm_aot_has_wasi());
  wasm_engine_t *engine = wasm_engine_new();
  wasm_store_t *store = wasm_store_new(engine);
  wasm_module_t *module = wasm_aot_module_open(store, "wasi.so");
  wasm_aot_imports_t *imports = wasm_aot_imports_new();
  check(module && wasm_aot_imports_define_wasi(imports));
  wasm_trap_t *trap;
  wasm_instance_t *instance = wasm_aot_instance_new(store, module, imports, &trap);
  check(instance && !trap);
  uint32_t status = 77;

  /* Without a configuration it cannot run. */
  print_trap("nothing", wasm_aot_instance_run(instance, &status));
  check(status == 77);
  print_output(store);

  /* With one that shows nothing it can. */
  check(wasm_aot_store_set_wasi(store, wasm_aot_wasi_config_new()));
  check(!wasm_aot_instance_run(instance, &status));
  printf("status %u\n", status);

  /* With everything. */
  write_file("input.txt", "from a file");
  static const char *const args[] = {"program", "a b", ""};
  wasm_aot_wasi_config_t *config = wasm_aot_wasi_config_new();
  wasm_aot_wasi_config_add_args(config, 3, args);
  wasm_aot_wasi_config_add_arg(config, "last");
  wasm_aot_wasi_config_set_env(config, "A", "replaced");
  wasm_aot_wasi_config_set_env(config, "A", "1");
  wasm_byte_vec_t input;
  wasm_byte_vec_new(&input, 9, "from host");
  wasm_aot_wasi_config_set_stdin(config, &input);
  wasm_byte_vec_delete(&input);
  wasm_aot_wasi_config_capture_stdout(config);
  wasm_aot_wasi_config_capture_stderr(config);
  check(wasm_aot_wasi_config_preopen_dir(config, ".", "/", false));
  check(!wasm_aot_wasi_config_preopen_dir(config, "absent", "/absent", true));
  printf("preopen: %s\n", wasm_aot_last_error());
  check(!wasm_aot_wasi_config_preopen_dir(config, "input.txt", "/file", true));
  printf("preopen: %s\n", wasm_aot_last_error());
  check(!wasm_aot_wasi_config_stdin_file(config, "absent"));
  check(wasm_aot_store_set_wasi(store, config));
  check(!wasm_aot_instance_run(instance, &status));
  printf("status %u\n", status);
  print_output(store);
  print_output(store);

  /* A call that exits ends with a trap. */
  wasm_func_t *start = export_func(instance, "_start");
  trap = wasm_func_call(start, NULL, NULL);
  wasm_func_delete(start);
  status = 0;
  check(trap && wasm_aot_trap_exit_status(trap, &status) && status == 4);
  print_trap("exit", trap);

  /* Files in place of the standard streams. */
  config = wasm_aot_wasi_config_new();
  wasm_aot_wasi_config_add_arg(config, "files");
  wasm_aot_wasi_config_inherit_env(config);
  check(wasm_aot_wasi_config_stdin_file(config, "input.txt"));
  check(wasm_aot_wasi_config_stdout_file(config, "out.txt"));
  check(wasm_aot_wasi_config_stderr_file(config, "err.txt"));
  check(!wasm_aot_wasi_config_stdout_file(config, "absent/out.txt"));
  check(wasm_aot_store_set_wasi(store, config));
  check(!wasm_aot_instance_run(instance, NULL));
  read_file("err.txt", &input);
  print("err.txt", &input);

  /* What cannot be shown to a program. */
  config = wasm_aot_wasi_config_new();
  wasm_aot_wasi_config_set_env(config, "A=B", "1");
  check(!wasm_aot_store_set_wasi(store, config));
  printf("environment: %s\n", wasm_aot_last_error());
  check(!wasm_aot_store_set_wasi(store, NULL));

  /* The streams of the process. */
  config = wasm_aot_wasi_config_new();
  wasm_aot_wasi_config_add_arg(config, "inherited\n");
  wasm_aot_wasi_config_inherit_stdio(config);
  check(wasm_aot_store_set_wasi(store, config));
  fflush(stdout);
  check(!wasm_aot_instance_run(instance, &status));

  config = wasm_aot_wasi_config_new();
  wasm_aot_wasi_config_delete(config);
  wasm_aot_wasi_config_delete(NULL);
  wasm_aot_imports_delete(imports);
  wasm_module_delete(module);
  wasm_instance_delete(instance);
  wasm_store_delete(store);
  wasm_engine_delete(engine);
  return 0;
}
