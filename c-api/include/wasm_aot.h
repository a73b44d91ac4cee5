/*
 * What libwasm_aot has beyond the common interface, wasm.h. What that header says
 * of ownership, handles, threads and errors holds here as well.
 */
#ifndef WASM_AOT_H
#define WASM_AOT_H

#include "wasm.h"
#include "wasm_aot_trap.h"

#ifdef __cplusplus
extern "C" {
#endif

#define own

/* ------------------------------------------------------------------------- */
/* The library                                                                */

/* The version that this header is of. */
#define WASM_AOT_VERSION "0.1.0"
#define WASM_AOT_VERSION_MAJOR 0
#define WASM_AOT_VERSION_MINOR 1
#define WASM_AOT_VERSION_PATCH 0

/* The version of the library that runs, as "0.1.0". Belongs to the library. */
WASM_API_EXTERN const char *wasm_aot_version(void);

/* The version of the ABI of artefacts that it loads: those of the same major and
 * at most this minor. Either pointer may be NULL. */
WASM_API_EXTERN void wasm_aot_abi_version(uint32_t *major, uint32_t *minor);

/* Whether it was built with the compiler: wasm_module_new and wasm_module_validate
 * work, and the choices that concern compiling. */
WASM_API_EXTERN bool wasm_aot_has_compiler(void);

/* Whether it was built with WASI. */
WASM_API_EXTERN bool wasm_aot_has_wasi(void);

/* Why the last function that failed on this thread did. Belongs to the library,
 * until the next failure on this thread. NULL if nothing has failed yet. */
WASM_API_EXTERN const char *wasm_aot_last_error(void);

/* ------------------------------------------------------------------------- */
/* Configuration                                                              */

/* How much stack, in bytes, a call into a store may use together with the
 * functions of the host that it leads to; 1 MiB at first. Code that needs more
 * traps. */
WASM_API_EXTERN void wasm_aot_config_set_max_wasm_stack(wasm_config_t *, size_t bytes);

/* How much each store may have: bytes of a linear memory, elements of a table, and
 * how many of them and of instances are made in it, by modules and by the host. All
 * of this is unlimited at first; UINT64_MAX and SIZE_MAX stand for that. What would
 * exceed a limit is not made: functions return NULL, wasm_aot_last_error says why, or
 * an instance's trap, and no code of that has run. What would grow beyond a limit stays
 * as it is: wasm_memory_grow and wasm_table_grow return false, the instructions -1.
 * Imports do not count again; a store never drops a part of what it has. */
WASM_API_EXTERN void wasm_aot_config_set_max_memory_bytes(wasm_config_t *, uint64_t bytes);
WASM_API_EXTERN void wasm_aot_config_set_max_table_elements(wasm_config_t *, uint64_t elements);
WASM_API_EXTERN void wasm_aot_config_set_max_instances(wasm_config_t *, size_t count);
WASM_API_EXTERN void wasm_aot_config_set_max_memories(wasm_config_t *, size_t count);
WASM_API_EXTERN void wasm_aot_config_set_max_tables(wasm_config_t *, size_t count);

/* Whether all code in a store must be one that wasm_aot_interrupt can stop; no at
 * first. wasm_module_new then makes such code, and modules that were compiled without
 * `--interruptible` cannot be instantiated. */
WASM_API_EXTERN void wasm_aot_config_set_interruptible(wasm_config_t *, bool);

/* How many operators all code in a store may execute together, at first: then it traps
 * with WASM_AOT_TRAP_OUT_OF_FUEL. wasm_module_new then makes code that counts, and modules
 * that were compiled without `--fuel` cannot be instantiated. */
WASM_API_EXTERN void wasm_aot_config_set_fuel(wasm_config_t *, uint64_t units);

/* Whether code in a store may trap by signals (SIGSEGV, SIGILL, SIGFPE), for which handlers
 * are installed in the process with the first instance; yes at first.
 * Without, wasm_module_new makes code that compares instead, no handler is ever installed
 * for the store, and modules that were compiled without `--no-signals` cannot be
 * instantiated. */
WASM_API_EXTERN void wasm_aot_config_set_signals(wasm_config_t *, bool);

/* What wasm_module_new compiles for: a name as for `wasm-aot compile --cpu`, as
 * "x86-64-v3", or "native" for all that this machine has. False if there is no such
 * processor, or no compiler. */
WASM_API_EXTERN bool wasm_aot_config_set_cpu(wasm_config_t *, const char *name);

/* How hard wasm_module_new optimises: "0", "1", "2" (at first) or "s". False if
 * there is no such level, or no compiler. */
WASM_API_EXTERN bool wasm_aot_config_set_opt_level(wasm_config_t *, const char *level);

/* What is checked of artefacts before they are mapped, by wasm_aot_module_open and
 * wasm_module_deserialize. Their structure always is.
 *
 * FULL (at first): the digest, every time; what runs is a copy of the file in memory,
 *   so it stays what was checked whoever writes to the file.
 * CACHED: the digest, once in the process as long as the file does not change; what
 *   runs is the file itself. What is in memory is checked as for FULL.
 * TRUSTED_PATH: not the digest.
 *
 * False for another number. */
typedef uint32_t wasm_aot_verify_t;
enum wasm_aot_verify_enum {
  WASM_AOT_VERIFY_FULL = 0,
  WASM_AOT_VERIFY_CACHED = 1,
  WASM_AOT_VERIFY_TRUSTED_PATH = 2,
};
WASM_API_EXTERN bool wasm_aot_config_set_verify(wasm_config_t *, wasm_aot_verify_t);

/* Refuses artefacts that are not signed by this public key, or by one that another call
 * has added: the text of a file of `wasm-aot keygen` or `openssl pkey -pubout`, PEM. Does
 * not go with TRUSTED_PATH, which refuses all of them then. False if that is no key, or if
 * the library was built without signatures: then all artefacts are refused. */
WASM_API_EXTERN bool wasm_aot_config_trust_key(wasm_config_t *, const char *pem);

/* Whether this library can check signatures. */
WASM_API_EXTERN bool wasm_aot_has_signatures(void);

/* ------------------------------------------------------------------------- */
/* Interruption                                                               */

/* What stops the code of a store. It may outlive the store. */
typedef struct wasm_aot_interrupt_t wasm_aot_interrupt_t;

WASM_API_EXTERN own wasm_aot_interrupt_t *wasm_aot_interrupt_new(wasm_store_t *);
WASM_API_EXTERN void wasm_aot_interrupt_delete(own wasm_aot_interrupt_t *);

/* Lets code that runs in the store end with the trap WASM_AOT_TRAP_INTERRUPTED, and
 * code that is called later, until wasm_aot_interrupt_take_back: code that was compiled
 * to be interruptible wherever it comes to a loop or a function that calls others, and
 * any code where it waits in a shared memory. Functions of the host are not stopped.
 * To be called from any thread. */
WASM_API_EXTERN void wasm_aot_interrupt(const wasm_aot_interrupt_t *);
WASM_API_EXTERN void wasm_aot_interrupt_take_back(const wasm_aot_interrupt_t *);

/* A counter, by which stores have deadlines. It may be counted from any thread, and
 * deleted at any time: then it counts no more. */
typedef struct wasm_aot_epoch_t wasm_aot_epoch_t;

WASM_API_EXTERN own wasm_aot_epoch_t *wasm_aot_epoch_new(void);
WASM_API_EXTERN void wasm_aot_epoch_delete(own wasm_aot_epoch_t *);
WASM_API_EXTERN void wasm_aot_epoch_increment(const wasm_aot_epoch_t *);

/* Gives a store a deadline, `ticks` from now, in place of the one that there was; none
 * if the epoch is NULL. When it is there, code that was compiled to be interruptible
 * ends as by wasm_aot_interrupt, until there is another deadline, or none. */
WASM_API_EXTERN void wasm_aot_store_set_deadline(
    wasm_store_t *, const wasm_aot_epoch_t *, uint64_t ticks);

/* Has `callback` asked, at deadlines, for how many more ticks the code goes on; 0 for
 * none. `finalizer` is as for wasm_aot_store_set_limiter. Neither function may use the
 * store or its handles. */
typedef uint64_t (*wasm_aot_deadline_callback_t)(void *env);

WASM_API_EXTERN void wasm_aot_store_at_deadline(
    wasm_store_t *, wasm_aot_deadline_callback_t callback, void *env,
    void (*finalizer)(void *));

/* How many operators the code of a store may still execute, of what counts them; and says
 * how many it may execute from now on. */
WASM_API_EXTERN uint64_t wasm_aot_store_fuel(const wasm_store_t *);
WASM_API_EXTERN void wasm_aot_store_set_fuel(wasm_store_t *, uint64_t units);

/* ------------------------------------------------------------------------- */
/* Limiters                                                                   */

/* A memory or table that is to be made or to grow. Sizes are bytes of a memory and
 * elements of a table. */
typedef struct wasm_aot_growth_t {
  wasm_externkind_t kind; /* WASM_EXTERN_MEMORY or WASM_EXTERN_TABLE */
  uint64_t current;       /* 0 if it is being made */
  uint64_t desired;       /* never less */
  uint64_t maximum;       /* of its type; UINT64_MAX if that has none */
} wasm_aot_growth_t;

/* Whether that may be. `growth` is borrowed until it returns. */
typedef bool (*wasm_aot_limiter_callback_t)(void *env, const wasm_aot_growth_t *growth);

/* Has `callback` asked, from now on, whenever a memory or table is to be made in the
 * store or to grow, in place of the one that there was; NULL has nobody asked. If it
 * returns false, that does not happen, as if a limit of the configuration were reached.
 * It is not asked about what limits of the configuration or of the type forbid anyway,
 * nor about growth by nothing. What it allows may still fail.
 *
 * `finalizer`, unless it is NULL, is called with `env` when the store has no use for it
 * any more: it got another limiter, or has died; at once if `callback` is NULL. Neither
 * function may use the store or its handles. */
WASM_API_EXTERN void wasm_aot_store_set_limiter(
    wasm_store_t *, wasm_aot_limiter_callback_t callback, void *env,
    void (*finalizer)(void *));

/* ------------------------------------------------------------------------- */
/* Modules and instances                                                      */

/* Opens the artefact in a file. It is mapped, not read: any number of processes
 * share its pages. Like wasm_module_deserialize, this trusts the artefact. NULL if
 * it cannot be used. */
WASM_API_EXTERN own wasm_module_t *wasm_aot_module_open(wasm_store_t *, const char *path);

/* Imports by their two names. */
typedef struct wasm_aot_imports_t wasm_aot_imports_t;

/* No imports. */
WASM_API_EXTERN own wasm_aot_imports_t *wasm_aot_imports_new(void);
WASM_API_EXTERN void wasm_aot_imports_delete(own wasm_aot_imports_t *);

/* Defines an import, in place of the one of these names that there was. The
 * external is borrowed; it has to be of the store that is instantiated in. False if
 * a name is not UTF-8. */
WASM_API_EXTERN bool wasm_aot_imports_define(
    wasm_aot_imports_t *, const char *module, const char *name, const wasm_extern_t *);

/* Defines every export of an instance, with `module` as the first name. False if
 * that is not UTF-8. */
WASM_API_EXTERN bool wasm_aot_imports_define_instance(
    wasm_aot_imports_t *, const char *module, const wasm_instance_t *);

/* Defines what WASI preview 1 has. The store needs to be told what the program may
 * see: wasm_aot_store_set_wasi. False if the library has no WASI. */
WASM_API_EXTERN bool wasm_aot_imports_define_wasi(wasm_aot_imports_t *);

/* As wasm_instance_new, with imports by name. NULL stands for none. */
WASM_API_EXTERN own wasm_instance_t *wasm_aot_instance_new(
    wasm_store_t *, const wasm_module_t *, const wasm_aot_imports_t *, own wasm_trap_t **trap);

/* The export of a name. NULL if there is none. */
WASM_API_EXTERN own wasm_extern_t *wasm_aot_instance_export(
    const wasm_instance_t *, const char *name);

/* Initialises a library, which WASI calls a reactor: calls its export `_initialize`,
 * if it has one. To be done once, before anything else of it is called. Returns NULL,
 * or why it did not end well. */
WASM_API_EXTERN own wasm_trap_t *wasm_aot_instance_initialize(const wasm_instance_t *);

/* Runs a program, which WASI calls a command: calls its export `_start`. Returns NULL if the program ended, be
 * it by returning or by exiting, and writes its status to `*status` unless that is
 * NULL. Otherwise returns why it did not. */
WASM_API_EXTERN own wasm_trap_t *wasm_aot_instance_run(
    const wasm_instance_t *, uint32_t *status);

/* ------------------------------------------------------------------------- */
/* WASI preview 1                                                             */

/*
 * What a program may see of the world: nothing but the clocks and randomness at
 * first. Its standard input is empty; what it writes is dropped.
 *
 * Writing to a closed pipe raises SIGPIPE, as in every C program: whoever inherits
 * the standard streams may want to ignore that signal.
 */
typedef struct wasm_aot_wasi_config_t wasm_aot_wasi_config_t;

/* NULL if the library has no WASI. */
WASM_API_EXTERN own wasm_aot_wasi_config_t *wasm_aot_wasi_config_new(void);
WASM_API_EXTERN void wasm_aot_wasi_config_delete(own wasm_aot_wasi_config_t *);

/* Adds one argument; the first is the program's name. Strings are copied. */
WASM_API_EXTERN void wasm_aot_wasi_config_add_arg(wasm_aot_wasi_config_t *, const char *arg);
/* Adds `argc` arguments. */
WASM_API_EXTERN void wasm_aot_wasi_config_add_args(
    wasm_aot_wasi_config_t *, size_t argc, const char *const argv[]);

/* Sets an environment variable, in place of the one that there was. */
WASM_API_EXTERN void wasm_aot_wasi_config_set_env(
    wasm_aot_wasi_config_t *, const char *name, const char *value);
/* Sets all environment variables of the process. */
WASM_API_EXTERN void wasm_aot_wasi_config_inherit_env(wasm_aot_wasi_config_t *);

/* Gives it the three standard streams of the process. They are used directly: flush
 * those of C before. */
WASM_API_EXTERN void wasm_aot_wasi_config_inherit_stdio(wasm_aot_wasi_config_t *);
/* Gives it these bytes as standard input; they are copied. */
WASM_API_EXTERN void wasm_aot_wasi_config_set_stdin(
    wasm_aot_wasi_config_t *, const wasm_byte_vec_t *bytes);
/* Gives it a file as a standard stream; files to write are created or emptied.
 * False if the file cannot be opened. */
WASM_API_EXTERN bool wasm_aot_wasi_config_stdin_file(wasm_aot_wasi_config_t *, const char *path);
WASM_API_EXTERN bool wasm_aot_wasi_config_stdout_file(wasm_aot_wasi_config_t *, const char *path);
WASM_API_EXTERN bool wasm_aot_wasi_config_stderr_file(wasm_aot_wasi_config_t *, const char *path);
/* Keeps what it writes: see wasm_aot_store_take_stdout. */
WASM_API_EXTERN void wasm_aot_wasi_config_capture_stdout(wasm_aot_wasi_config_t *);
WASM_API_EXTERN void wasm_aot_wasi_config_capture_stderr(wasm_aot_wasi_config_t *);

/* Shows the directory `host` to it as `guest`, with everything beneath. False if it
 * cannot be opened. */
WASM_API_EXTERN bool wasm_aot_wasi_config_preopen_dir(
    wasm_aot_wasi_config_t *, const char *host, const char *guest, bool writable);

/* Makes this what programs in the store see. False if an argument or variable
 * cannot be represented. */
WASM_API_EXTERN bool wasm_aot_store_set_wasi(wasm_store_t *, own wasm_aot_wasi_config_t *);

/* What was written to captured streams since the last call; empty if they are not
 * captured. */
WASM_API_EXTERN void wasm_aot_store_take_stdout(wasm_store_t *, own wasm_byte_vec_t *out);
WASM_API_EXTERN void wasm_aot_store_take_stderr(wasm_store_t *, own wasm_byte_vec_t *out);

/* ------------------------------------------------------------------------- */
/* Types, traps and frames                                                    */

/* The kind of a 128-bit vector: a wasm_valkind_t. It is seen in types only; wasm_val_t
 * has no room for one. Functions that take or return one cannot be called, and a
 * global that holds one is read as zero. */
enum { WASM_AOT_V128 = 4 };

/* Why code has trapped: see wasm_aot_trap.h. */
WASM_API_EXTERN wasm_aot_trap_code_t wasm_aot_trap_code(const wasm_trap_t *);

/* Whether it is the end of a program that has exited (WASI's proc_exit). Its status
 * goes to `*status`, unless that is NULL. */
WASM_API_EXTERN bool wasm_aot_trap_exit_status(const wasm_trap_t *, uint32_t *status);

/* The frames as text, one a line, each with the lines of the source that are known of
 * it below; with a NUL at the end. */
WASM_API_EXTERN void wasm_aot_trap_backtrace(const wasm_trap_t *, own wasm_message_t *out);

/* The function's name; false, and empty, if the module has none for it. */
WASM_API_EXTERN bool wasm_aot_frame_func_name(const wasm_frame_t *, own wasm_name_t *out);
/* The module's name; may be empty. */
WASM_API_EXTERN void wasm_aot_frame_module_name(const wasm_frame_t *, own wasm_name_t *out);

/* Where in the program's source the code of a frame is from, if its artefact has debug
 * information (`wasm-aot compile -g`) and the library can read it (its feature `lines`).
 * Symbol 0 is the innermost of the functions that are inlined at this place, the last
 * one is the frame's function itself. False if there are no more; then, and where
 * something is unknown, the names are empty, and line and column, which start from 1,
 * are 0. */
WASM_API_EXTERN bool wasm_aot_frame_symbol(const wasm_frame_t *, size_t index,
                                           own wasm_name_t *function, own wasm_name_t *file,
                                           uint32_t *line, uint32_t *column);

#undef own

#ifdef __cplusplus
}
#endif

#endif
