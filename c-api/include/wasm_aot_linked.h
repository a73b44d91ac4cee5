/*
 * What the headers that `wasm-aot compile --header` generates are made of. They
 * use it; programs use them, and from here what stands before "For generated
 * headers", and wasm_aot_export.
 *
 * The functions are in libwasm_aot, on Linux. Exported functions of a module are not: they
 * are symbols of the module itself, and calling them is a call and no more.
 */
#ifndef WASM_AOT_LINKED_H
#define WASM_AOT_LINKED_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "wasm_aot_trap.h"

/* How the functions are linked to, as in wasm.h. */
#ifndef WASM_API_EXTERN
#define WASM_API_EXTERN
#endif

#ifdef __cplusplus
extern "C" {
#endif

/*
 * How a call has ended: 0 if it returned, a wasm_aot_trap_code_t if the code
 * trapped, WASM_AOT_ERROR if something else was wrong. A function that a module
 * imports may also return numbers above that, which then come out of the call
 * into the module as they are.
 */
typedef uint32_t wasm_aot_status;

#define WASM_AOT_OK 0u
#define WASM_AOT_ERROR 0x100u

/* A vector: 16 bytes, of any alignment. */
typedef struct wasm_aot_v128 {
    uint8_t bytes[16];
} wasm_aot_v128;

/* Something that an instance exports: the instance, of any module, and the position
 * among its exports. */
typedef struct wasm_aot_extern {
    void *instance;
    uint32_t position;
} wasm_aot_extern;

/* The export of a name; its instance is NULL if there is none. An instance that
 * imports it becomes part of the same store: none of them may be used while code
 * of another runs on another thread. The exporting instance stays until the
 * importing ones are destroyed too. */
WASM_API_EXTERN wasm_aot_extern wasm_aot_export_named(void *instance, const char *name);

/* Grows an exported memory by `delta` pages: of 64 KiB, or of the size that the
 * module says. Returns its size before, in pages, or -1. */
WASM_API_EXTERN int64_t wasm_aot_linked_memory_grow(void *instance, const char *name, uint64_t delta);

/* A list of what the program makes itself, for instances to import. All of it, and the
 * instances that import any of it, are one store, as above. */
typedef struct wasm_aot_items wasm_aot_items;
WASM_API_EXTERN wasm_aot_items *wasm_aot_items_create(void);

/* Ends the list, which may be NULL. What instances have imported stays until these are
 * destroyed too. */
WASM_API_EXTERN void wasm_aot_items_destroy(wasm_aot_items *items);

/* Adds a memory of zeros, of `min` pages of 64 KiB at first and `max` at most; or a
 * table of functions, all null, of as many elements. The instance of what is returned
 * is NULL if that cannot be: wasm_aot_linked_error(NULL, WASM_AOT_ERROR) tells why. */
#define WASM_AOT_NO_MAX UINT64_MAX
WASM_API_EXTERN wasm_aot_extern wasm_aot_items_memory(
    wasm_aot_items *items, uint64_t min, uint64_t max);
WASM_API_EXTERN wasm_aot_extern wasm_aot_items_table(
    wasm_aot_items *items, uint64_t min, uint64_t max);

/* The bytes of a memory, and how many there are, unless `size` is NULL. They stay where
 * they are. NULL if it is no memory. */
static inline uint8_t *wasm_aot_memory_data(wasm_aot_extern memory, size_t *size);

/* As wasm_aot_linked_memory_grow. */
WASM_API_EXTERN int64_t wasm_aot_memory_grow(wasm_aot_extern memory, uint64_t delta);

/* Runs a module that is linked in as a program, as `wasm-aot run` does, and returns the
 * status for the end of the process: that of the program, 134 if it trapped, 1 if it
 * could not be run, both after a message on standard error. `descriptor` is the address
 * of NAME_Zmodule; `config`, of wasm_aot.h, is used up. Needs a library with WASI.
 * `wasm-aot compile --emit exe` writes a `main` with it. */
struct wasm_aot_wasi_config_t;
WASM_API_EXTERN int wasm_aot_linked_run(
    const void *descriptor, struct wasm_aot_wasi_config_t *config);

/* ------------------------------------------------------------------------- */
/* For generated headers                                                      */

/* A value on its way to an imported function, or back. */
typedef union wasm_aot_value {
    int32_t i32;
    int64_t i64;
    float f32;
    double f64;
    /* What WebAssembly gave; or NULL, unless the type excludes it. A function must be
     * of the type that it is passed as: nothing checks that here. */
    void *ref;
    wasm_aot_v128 v128;
} wasm_aot_value;

/* An imported function. */
typedef struct wasm_aot_callee {
    void (*function)(void);
    void *self;
} wasm_aot_callee;

/* What compiled code calls an imported function with. */
typedef struct wasm_aot_host {
    void *reserved[3];
    const wasm_aot_callee *callee;
} wasm_aot_host;

/* One import of a module: a function, or something else. */
typedef struct wasm_aot_import {
    wasm_aot_status (*call)(wasm_aot_host *, wasm_aot_value *);
    wasm_aot_callee callee;
    wasm_aot_extern item;
} wasm_aot_import;

static inline wasm_aot_import wasm_aot_import_function(
    wasm_aot_status (*call)(wasm_aot_host *, wasm_aot_value *), void (*function)(void), void *self)
{
    wasm_aot_import import;
    memset(&import, 0, sizeof import);
    import.call = call;
    import.callee.function = function;
    import.callee.self = self;
    return import;
}

static inline wasm_aot_import wasm_aot_import_extern(wasm_aot_extern item)
{
    wasm_aot_import import;
    memset(&import, 0, sizeof import);
    import.item = item;
    return import;
}

static inline wasm_aot_extern wasm_aot_export(void *instance, uint32_t position)
{
    wasm_aot_extern item;
    item.instance = instance;
    item.position = position;
    return item;
}

/* Makes an instance of the module with this descriptor, which was made of the
 * WebAssembly binary with this SHA-256; NULL for the latter stands for any. */
WASM_API_EXTERN wasm_aot_status wasm_aot_linked_create(
    const void *descriptor, const uint8_t *hash, const wasm_aot_import *imports, size_t count,
    void **instance);

/* Ends an instance, which may be NULL. */
WASM_API_EXTERN void wasm_aot_linked_destroy(void *instance);

/* A status in words. */
WASM_API_EXTERN const char *wasm_aot_linked_error(void *instance, wasm_aot_status status);

/* The memory at a position among the exports. */
WASM_API_EXTERN uint8_t *wasm_aot_linked_memory(void *instance, uint32_t position, size_t *size);

static inline uint8_t *wasm_aot_memory_data(wasm_aot_extern memory, size_t *size)
{
    if (memory.instance == NULL) {
        return NULL;
    }
    return wasm_aot_linked_memory(memory.instance, memory.position, size);
}

/* The value of the global at a position among the exports. */
WASM_API_EXTERN void *wasm_aot_linked_global(void *instance, uint32_t position);

#ifdef __cplusplus
}
#endif

#endif
