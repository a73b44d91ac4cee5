/*
 * Why WebAssembly code stopped. Part of wasm_aot.h and of wasm_aot_linked.h.
 */
#ifndef WASM_AOT_TRAP_H
#define WASM_AOT_TRAP_H

#include <stdint.h>

/* More may be added. */
typedef uint32_t wasm_aot_trap_code_t;
/* No trap of WebAssembly code: one of a function of the host, or an error. */
#define WASM_AOT_TRAP_NONE 0u
#define WASM_AOT_TRAP_STACK_OVERFLOW 1u
#define WASM_AOT_TRAP_MEMORY_OUT_OF_BOUNDS 2u
#define WASM_AOT_TRAP_UNALIGNED_ATOMIC 3u
#define WASM_AOT_TRAP_TABLE_OUT_OF_BOUNDS 4u
#define WASM_AOT_TRAP_UNDEFINED_ELEMENT 5u
#define WASM_AOT_TRAP_UNINITIALIZED_ELEMENT 6u
#define WASM_AOT_TRAP_INDIRECT_CALL_TYPE_MISMATCH 7u
#define WASM_AOT_TRAP_INTEGER_OVERFLOW 8u
#define WASM_AOT_TRAP_INTEGER_DIVISION_BY_ZERO 9u
#define WASM_AOT_TRAP_INVALID_CONVERSION_TO_INTEGER 10u
#define WASM_AOT_TRAP_UNREACHABLE 11u
#define WASM_AOT_TRAP_NULL_REFERENCE 12u
#define WASM_AOT_TRAP_INTERRUPTED 13u
#define WASM_AOT_TRAP_OUT_OF_FUEL 14u
#define WASM_AOT_TRAP_NULL_FUNCTION_REFERENCE 15u

#endif
