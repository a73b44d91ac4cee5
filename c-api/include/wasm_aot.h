/*
 * What libwasm_aot has beyond the common interface, wasm.h. What that header says
 * of ownership, handles, threads and errors holds here as well.
 */
#ifndef WASM_AOT_H
#define WASM_AOT_H

#include "wasm.h"

#ifdef __cplusplus
extern "C" {
#endif

#define own

/* ------------------------------------------------------------------------- */
/* The library                                                                */

/* Why the last function that failed on this thread did. Belongs to the library,
 * until the next failure on this thread. NULL if nothing has failed. */
WASM_API_EXTERN const char *wasm_aot_last_error(void);

/* Whether wasm_module_new and wasm_module_validate work. */
WASM_API_EXTERN bool wasm_aot_has_compiler(void);

/* ------------------------------------------------------------------------- */
/* Configuration                                                              */

/* How much stack, in bytes, a call into a store may use together with the
 * functions of the host that it leads to; 1 MiB at first. Code that needs more
 * traps. */
WASM_API_EXTERN void wasm_aot_config_set_max_wasm_stack(wasm_config_t *, size_t bytes);

/* ------------------------------------------------------------------------- */
/* Modules                                                                    */

/* Opens the artefact in a file. It is mapped, not read: any number of processes
 * share its pages. Like wasm_module_deserialize, this trusts the artefact. NULL if
 * it cannot be used. */
WASM_API_EXTERN own wasm_module_t *wasm_aot_module_open(wasm_store_t *, const char *path);

#undef own

#ifdef __cplusplus
}
#endif

#endif
