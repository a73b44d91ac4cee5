// module: ../../../tests/debug/c5-O2.wasm
// features: lines

// Places in the source, of frames and of what is inlined in them.
#include "common.h"

int main(void) {
  wasm_engine_t *engine = wasm_engine_new();
  wasm_store_t *store = wasm_store_new(engine);
  wasm_instance_t *instance = load(store, "lines.so");
  wasm_func_t *fail = export_func(instance, "fail");
  wasm_val_t as[] = {WASM_I32_VAL(3)}, rs[1];
  wasm_val_vec_t args = WASM_ARRAY_VEC(as), results = WASM_ARRAY_VEC(rs);
  wasm_trap_t *trap = wasm_func_call(fail, &args, &results);
  check(trap);
  wasm_frame_vec_t trace;
  wasm_trap_trace(trap, &trace);
  for (size_t i = 0; i < trace.size; ++i) {
    wasm_name_t function, file;
    uint32_t line, column;
    for (size_t j = 0;
         wasm_aot_frame_symbol(trace.data[i], j, &function, &file, &line, &column); ++j) {
      printf("%zu.%zu %.*s %.*s:%u:%u\n", i, j, (int)function.size, function.data,
             (int)file.size, file.data, line, column);
      wasm_name_delete(&function);
      wasm_name_delete(&file);
    }
    check(function.size == 0 && file.size == 0 && line == 0 && column == 0);
  }
  wasm_frame_vec_delete(&trace);
  wasm_message_t text;
  wasm_aot_trap_backtrace(trap, &text);
  printf("%s\n", text.data);
  wasm_byte_vec_delete(&text);
  wasm_trap_delete(trap);
  wasm_func_delete(fail);
  wasm_instance_delete(instance);
  wasm_store_delete(store);
  wasm_engine_delete(engine);
  return 0;
}
