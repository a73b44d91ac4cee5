/*
 * Why WebAssembly code stopped. Part of wasm_aot.h and of wasm_aot_linked.h.
 */
#ifndef WASM_AOT_TRAP_H
#define WASM_AOT_TRAP_H

#include <stdint.h>

typedef uint32_t wasm_aot_trap_code_t;
enum wasm_aot_trap_code_enum {
  /* No trap of WebAssembly code: one of a function of the host, or an error. */
  WASM_AOT_TRAP_NONE = 0,
  WASM_AOT_TRAP_STACK_OVERFLOW = 1,
  WASM_AOT_TRAP_MEMORY_OUT_OF_BOUNDS = 2,
  WASM_AOT_TRAP_UNALIGNED_ATOMIC = 3,
  WASM_AOT_TRAP_TABLE_OUT_OF_BOUNDS = 4,
  WASM_AOT_TRAP_UNDEFINED_ELEMENT = 5,
  WASM_AOT_TRAP_UNINITIALIZED_ELEMENT = 6,
  WASM_AOT_TRAP_INDIRECT_CALL_TYPE_MISMATCH = 7,
  WASM_AOT_TRAP_INTEGER_OVERFLOW = 8,
  WASM_AOT_TRAP_INTEGER_DIVISION_BY_ZERO = 9,
  WASM_AOT_TRAP_INVALID_CONVERSION_TO_INTEGER = 10,
  WASM_AOT_TRAP_UNREACHABLE = 11,
  WASM_AOT_TRAP_NULL_REFERENCE = 12,
  WASM_AOT_TRAP_INTERRUPTED = 13,
  WASM_AOT_TRAP_OUT_OF_FUEL = 14
};

#endif
