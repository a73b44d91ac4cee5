/* The ABI in C, from runtime-abi/src: what is in an artefact, and what its code
 * reads and writes. */
#ifndef ABI_H
#define ABI_H

#include <stdbool.h>
#include <stdint.h>

/* The metadata: records are little-endian and without padding, as on the machines
 * that this is for. */

typedef struct { uint32_t offset, count; } slice;
typedef struct { uint32_t kind, ty, flags, reserved; uint64_t min, max; } extern_type;
typedef struct { uint32_t kind, index; uint8_t value[16]; } const_expr;
typedef struct { slice params, results; } func_type;
typedef struct { slice module, name; extern_type ty; uint32_t slot, reserved; } import_record;
typedef struct { slice name; uint32_t kind, index, symbol, reserved; } export_record;
typedef struct { uint32_t code, size, ty, body, sites; } function_record;
typedef struct { uint32_t kind, ty, code, size; } trampoline_record;
typedef struct { extern_type ty; uint32_t def, reserved; const_expr init; } table_record;
typedef struct { extern_type ty; uint32_t slot, reserved; } memory_record;
typedef struct { uint32_t ty, is_mutable, slot; const_expr init; } global_record;
typedef struct {
    uint32_t mode, table;
    const_expr offset;
    uint32_t ty, encoding;
    slice items;
} element_record;
typedef struct { uint32_t mode, memory; const_expr offset; slice bytes; } data_record;

typedef struct {
    char magic[8];
    uint16_t major, minor;
    uint32_t size, metadata_size, target;
    uint64_t required, optional, cpu_features, wasm_features;
    uint32_t convention, start;
    int32_t text, image;
    uint64_t text_size, image_size, image_offset, reservation, guard;
    uint32_t vmctx_size, type_ids, funcref_slots, reserved;
    slice types, imports, exports, functions, trampolines, funcrefs, tables, memories, globals;
    slice elements, data, sites, function_names, custom_sections, name, producer, options;
    uint8_t source_hash[32];
} descriptor;

enum { FUNC };
enum { VALUE, REF_FUNC = 3 };
enum { ENTRY, EXIT };
enum { PASSIVE, ACTIVE };
enum { I32 = 0x7f, F32 = 0x7d, F64 = 0x7c, V128 = 0x7b, FUNCREF = 0x70 };
enum { MEMORY_OUT_OF_BOUNDS = 2 };
#define NONE UINT32_MAX

/* What compiled code reads and writes. */

typedef union { uint32_t i32; uint64_t i64; float f32; double f64; uint8_t bytes[16]; } value;
typedef struct entry { struct entry *previous; void *exit_fp, *sp, *fp, *handler; } entry;
typedef struct { uintptr_t stack_limit; entry *entry; void *exit_fp; uintptr_t stack_size; } store_context;
typedef struct { void *code, *ctx; } function_import;
typedef struct { void *code, *ctx; uint32_t type_id, reserved; void *entry; } func_ref;
typedef struct { void *code, *ctx; uint32_t type_id, reserved; func_ref *funcref; } table_element;
typedef struct { table_element *elements; uint64_t len; } table_def;
typedef struct { uint8_t *base; uint64_t *length; } memory_slot;

/* ISO C does not convert between pointers to data and to functions. */
typedef union {
    void *data;
    void (*function)(void);
    uint32_t (*enter)(void *code, void *ctx, value *values);
} pointer;

typedef struct {
    store_context *store;
    const pointer *builtins;
    void *instance, *embedder, *heap;
    uint32_t *interrupt;
} vm_context;

typedef struct host_context {
    store_context *store;
    const pointer *builtins;
    uint32_t (*call)(struct host_context *, value *);
    uint32_t (*body)(value *); /* ours: behind what the ABI says, there may be more */
} host_context;

#endif
