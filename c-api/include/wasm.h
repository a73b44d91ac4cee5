/*
 * The C interface to WebAssembly that embedders share ("wasm-c-api"), as
 * libwasm_aot provides it. Programs and bindings written against the common
 * interface compile and link with this header unchanged. What only this library
 * has is in wasm_aot.h.
 *
 * OWNERSHIP. `own` marks what somebody has to release, once, with the function
 * wasm_X_delete of its type:
 *
 *   own wasm_X_t *f(...)      the caller gets it and releases it
 *   f(own wasm_X_t *)         the callee takes it; the caller must not use it again
 *   f(own wasm_X_t *out)      named `out`: the callee fills in what the caller
 *                             then releases; what was there before is not read
 *
 * An owned vector owns its elements. What is returned without `own` belongs to
 * the object it was asked of, and is gone with it. Deleting NULL does nothing.
 *
 * HANDLES. References (functions, globals, tables, memories, externals,
 * instances, modules, traps, foreign objects) are handles: deleting one does not
 * end the object, and several can name the same object (wasm_X_same). Objects
 * live in a store, which lives until wasm_store_delete was called and every
 * handle to something in it was deleted.
 *
 * THREADS. A store, and everything in it, is used by one thread at a time; it may
 * be another thread each time. A second thread that comes in between is stopped
 * (the process aborts, with a message). An engine and a wasm_shared_module_t can
 * be used by any number of threads at once.
 *
 * ERRORS. A function that returns a pointer returns NULL when it fails, and a
 * function that returns bool returns false; wasm_aot_last_error() tells why.
 */
#ifndef WASM_H
#define WASM_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Stands before every function; define it to add attributes. */
#ifndef WASM_API_EXTERN
#define WASM_API_EXTERN
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define own

/* ------------------------------------------------------------------------- */
/* Building blocks                                                            */

typedef char byte_t;
typedef float float32_t;
typedef double float64_t;

/* wasm_X_t, and the function that releases one. */
#define WASM_OBJECT_(x) \
  typedef struct wasm_##x##_t wasm_##x##_t; \
  WASM_API_EXTERN void wasm_##x##_delete(own wasm_##x##_t *);

/*
 * wasm_X_vec_t: `size` elements of type `element` at `data`.
 *
 *   new_empty          no elements; `data` is NULL
 *   new_uninitialized  so many elements, for the caller to fill in. They are
 *                      zeros and NULLs until then, so that a vector that was
 *                      filled in part can be deleted.
 *   new                so many elements, moved from an array
 *   copy               copies of all elements
 *   delete             releases the elements and the array
 */
#define WASM_VECTOR_(x, element) \
  typedef struct wasm_##x##_vec_t { \
    size_t size; \
    element *data; \
  } wasm_##x##_vec_t; \
  WASM_API_EXTERN void wasm_##x##_vec_new_empty(own wasm_##x##_vec_t *out); \
  WASM_API_EXTERN void wasm_##x##_vec_new_uninitialized( \
      own wasm_##x##_vec_t *out, size_t size); \
  WASM_API_EXTERN void wasm_##x##_vec_new( \
      own wasm_##x##_vec_t *out, size_t size, own element const data[]); \
  WASM_API_EXTERN void wasm_##x##_vec_copy( \
      own wasm_##x##_vec_t *out, const wasm_##x##_vec_t *); \
  WASM_API_EXTERN void wasm_##x##_vec_delete(own wasm_##x##_vec_t *);

/* A type of types: an object that is a value, with vectors and copies of it. */
#define WASM_TYPE_(x) \
  WASM_OBJECT_(x) \
  WASM_VECTOR_(x, wasm_##x##_t *) \
  WASM_API_EXTERN own wasm_##x##_t *wasm_##x##_copy(const wasm_##x##_t *);

/*
 * A type of handles.
 *
 *   copy            another handle to the same object
 *   same            whether both handles name the same object
 *   get_host_info   what was last set with one of the next two; NULL at first.
 *                   It belongs to the object, not to the handle.
 *   set_host_info   attaches a pointer of the embedder's
 *   set_host_info_with_finalizer
 *                   as well; `finalizer`, unless it is NULL, is called with the
 *                   pointer when another takes its place or the object dies (that
 *                   of a store's object: when the store does)
 */
#define WASM_HANDLE_(x) \
  WASM_OBJECT_(x) \
  WASM_API_EXTERN own wasm_##x##_t *wasm_##x##_copy(const wasm_##x##_t *); \
  WASM_API_EXTERN bool wasm_##x##_same(const wasm_##x##_t *, const wasm_##x##_t *); \
  WASM_API_EXTERN void *wasm_##x##_get_host_info(const wasm_##x##_t *); \
  WASM_API_EXTERN void wasm_##x##_set_host_info(wasm_##x##_t *, void *info); \
  WASM_API_EXTERN void wasm_##x##_set_host_info_with_finalizer( \
      wasm_##x##_t *, void *info, void (*finalizer)(void *));

/*
 * A type of handles that can be seen as wasm_ref_t. The views are the same
 * handle under another type: nothing is made, so nothing is to be deleted twice.
 * wasm_ref_as_X is NULL if the object is no X.
 */
#define WASM_REFERENCE_(x) \
  WASM_HANDLE_(x) \
  WASM_API_EXTERN wasm_ref_t *wasm_##x##_as_ref(wasm_##x##_t *); \
  WASM_API_EXTERN wasm_##x##_t *wasm_ref_as_##x(wasm_ref_t *); \
  WASM_API_EXTERN const wasm_ref_t *wasm_##x##_as_ref_const(const wasm_##x##_t *); \
  WASM_API_EXTERN const wasm_##x##_t *wasm_ref_as_##x##_const(const wasm_ref_t *);

/* ------------------------------------------------------------------------- */
/* Bytes and names                                                            */

typedef byte_t wasm_byte_t;
WASM_VECTOR_(byte, wasm_byte_t)

/* UTF-8, not terminated unless it says so. */
typedef wasm_byte_vec_t wasm_name_t;

#define wasm_name wasm_byte_vec
#define wasm_name_new wasm_byte_vec_new
#define wasm_name_new_empty wasm_byte_vec_new_empty
#define wasm_name_new_uninitialized wasm_byte_vec_new_uninitialized
#define wasm_name_new_new_uninitialized wasm_byte_vec_new_uninitialized
#define wasm_name_copy wasm_byte_vec_copy
#define wasm_name_delete wasm_byte_vec_delete

/* A name from a C string, without its NUL. */
static inline void wasm_name_new_from_string(own wasm_name_t *out, const char *s) {
  wasm_name_new(out, strlen(s), s);
}

/* A name from a C string, with its NUL. */
static inline void wasm_name_new_from_string_nt(own wasm_name_t *out, const char *s) {
  wasm_name_new(out, strlen(s) + 1, s);
}

/* ------------------------------------------------------------------------- */
/* Engine and store                                                           */

/* What can be chosen about an engine; see wasm_aot.h. */
WASM_OBJECT_(config)
WASM_API_EXTERN own wasm_config_t *wasm_config_new(void);

/* What stores have in common. It lives until its last user is gone. */
WASM_OBJECT_(engine)
WASM_API_EXTERN own wasm_engine_t *wasm_engine_new(void);
WASM_API_EXTERN own wasm_engine_t *wasm_engine_new_with_config(own wasm_config_t *);

/* Owns everything that exists at run time. */
WASM_OBJECT_(store)
WASM_API_EXTERN own wasm_store_t *wasm_store_new(wasm_engine_t *);

/* ------------------------------------------------------------------------- */
/* Types                                                                      */

typedef uint8_t wasm_mutability_t;
enum wasm_mutability_enum { WASM_CONST, WASM_VAR };

/* In pages of memories, in elements of tables; what is larger reads as 0xffffffff.
 * The type of an import or export keeps what cannot be seen of it here: addresses of
 * 64 bits, pages of another size. A type that is made here has neither. */
typedef struct wasm_limits_t {
  uint32_t min;
  uint32_t max; /* wasm_limits_max_default if there is none */
} wasm_limits_t;

static const uint32_t wasm_limits_max_default = 0xffffffff;

/*
 * Types of values. A vector has a kind of its own, WASM_AOT_V128. Types of references
 * have the kind of their values: any type of functions that of funcref. A type that a
 * module gives says more than its kind, and values are compared with all of it: null
 * or a function of another type is refused where it does not belong.
 */
WASM_TYPE_(valtype)

typedef uint8_t wasm_valkind_t;
enum wasm_valkind_enum {
  WASM_I32,
  WASM_I64,
  WASM_F32,
  WASM_F64,
  WASM_EXTERNREF = 128,
  WASM_FUNCREF
};

/* NULL if there is no such kind. */
WASM_API_EXTERN own wasm_valtype_t *wasm_valtype_new(wasm_valkind_t);
WASM_API_EXTERN wasm_valkind_t wasm_valtype_kind(const wasm_valtype_t *);

static inline bool wasm_valkind_is_num(wasm_valkind_t kind) { return kind < WASM_EXTERNREF; }
static inline bool wasm_valkind_is_ref(wasm_valkind_t kind) { return kind >= WASM_EXTERNREF; }

static inline bool wasm_valtype_is_num(const wasm_valtype_t *type) {
  return wasm_valkind_is_num(wasm_valtype_kind(type));
}
static inline bool wasm_valtype_is_ref(const wasm_valtype_t *type) {
  return wasm_valkind_is_ref(wasm_valtype_kind(type));
}

/* Types of functions. */
WASM_TYPE_(functype)
WASM_API_EXTERN own wasm_functype_t *wasm_functype_new(
    own wasm_valtype_vec_t *params, own wasm_valtype_vec_t *results);
WASM_API_EXTERN const wasm_valtype_vec_t *wasm_functype_params(const wasm_functype_t *);
WASM_API_EXTERN const wasm_valtype_vec_t *wasm_functype_results(const wasm_functype_t *);

/* Types of globals. */
WASM_TYPE_(globaltype)
WASM_API_EXTERN own wasm_globaltype_t *wasm_globaltype_new(
    own wasm_valtype_t *, wasm_mutability_t);
WASM_API_EXTERN const wasm_valtype_t *wasm_globaltype_content(const wasm_globaltype_t *);
WASM_API_EXTERN wasm_mutability_t wasm_globaltype_mutability(const wasm_globaltype_t *);

/* Types of tables. */
WASM_TYPE_(tabletype)
WASM_API_EXTERN own wasm_tabletype_t *wasm_tabletype_new(
    own wasm_valtype_t *, const wasm_limits_t *);
WASM_API_EXTERN const wasm_valtype_t *wasm_tabletype_element(const wasm_tabletype_t *);
WASM_API_EXTERN const wasm_limits_t *wasm_tabletype_limits(const wasm_tabletype_t *);

/* Types of memories. */
WASM_TYPE_(memorytype)
WASM_API_EXTERN own wasm_memorytype_t *wasm_memorytype_new(const wasm_limits_t *);
WASM_API_EXTERN const wasm_limits_t *wasm_memorytype_limits(const wasm_memorytype_t *);

/* Types of what is imported and exported: one of the four above. */
WASM_TYPE_(externtype)

typedef uint8_t wasm_externkind_t;
enum wasm_externkind_enum {
  WASM_EXTERN_FUNC,
  WASM_EXTERN_GLOBAL,
  WASM_EXTERN_TABLE,
  WASM_EXTERN_MEMORY
};

WASM_API_EXTERN wasm_externkind_t wasm_externtype_kind(const wasm_externtype_t *);

/* Views of the same object; those of another kind are NULL. */
#define WASM_EXTERNTYPE_VIEWS_(x) \
  WASM_API_EXTERN wasm_externtype_t *wasm_##x##_as_externtype(wasm_##x##_t *); \
  WASM_API_EXTERN wasm_##x##_t *wasm_externtype_as_##x(wasm_externtype_t *); \
  WASM_API_EXTERN const wasm_externtype_t *wasm_##x##_as_externtype_const( \
      const wasm_##x##_t *); \
  WASM_API_EXTERN const wasm_##x##_t *wasm_externtype_as_##x##_const( \
      const wasm_externtype_t *);
WASM_EXTERNTYPE_VIEWS_(functype)
WASM_EXTERNTYPE_VIEWS_(globaltype)
WASM_EXTERNTYPE_VIEWS_(tabletype)
WASM_EXTERNTYPE_VIEWS_(memorytype)

/* What a module wants, and under which two names. */
WASM_TYPE_(importtype)
WASM_API_EXTERN own wasm_importtype_t *wasm_importtype_new(
    own wasm_name_t *module, own wasm_name_t *name, own wasm_externtype_t *);
WASM_API_EXTERN const wasm_name_t *wasm_importtype_module(const wasm_importtype_t *);
WASM_API_EXTERN const wasm_name_t *wasm_importtype_name(const wasm_importtype_t *);
WASM_API_EXTERN const wasm_externtype_t *wasm_importtype_type(const wasm_importtype_t *);

/* What a module offers, and under which name. */
WASM_TYPE_(exporttype)
WASM_API_EXTERN own wasm_exporttype_t *wasm_exporttype_new(
    own wasm_name_t *, own wasm_externtype_t *);
WASM_API_EXTERN const wasm_name_t *wasm_exporttype_name(const wasm_exporttype_t *);
WASM_API_EXTERN const wasm_externtype_t *wasm_exporttype_type(const wasm_exporttype_t *);

/* ------------------------------------------------------------------------- */
/* References and values                                                      */

WASM_HANDLE_(ref)

typedef struct wasm_val_t {
  wasm_valkind_t kind;
  union {
    int32_t i32;
    int64_t i64;
    float32_t f32;
    float64_t f64;
    struct wasm_ref_t *ref; /* NULL is the null reference */
  } of;
} wasm_val_t;

/* Releases what the value refers to. The wasm_val_t itself is the caller's. */
WASM_API_EXTERN void wasm_val_delete(own wasm_val_t *);
WASM_API_EXTERN void wasm_val_copy(own wasm_val_t *out, const wasm_val_t *);
WASM_VECTOR_(val, wasm_val_t)

/* A place in a backtrace. */
WASM_OBJECT_(frame)
WASM_VECTOR_(frame, wasm_frame_t *)
WASM_API_EXTERN own wasm_frame_t *wasm_frame_copy(const wasm_frame_t *);
/* The instance whose code it is. Belongs to the frame. NULL if the store has
 * several instances of the module: the frame does not tell them apart. */
WASM_API_EXTERN struct wasm_instance_t *wasm_frame_instance(const wasm_frame_t *);
/* Index of the function in its module, imports first. */
WASM_API_EXTERN uint32_t wasm_frame_func_index(const wasm_frame_t *);
/* The instruction, in bytes from the start of the function's body in the source
 * module; 0 if it is not known. */
WASM_API_EXTERN size_t wasm_frame_func_offset(const wasm_frame_t *);
/* The instruction, in bytes from the start of the source module; 0 if it is not
 * known. */
WASM_API_EXTERN size_t wasm_frame_module_offset(const wasm_frame_t *);

/* With a NUL at the end, which counts. */
typedef wasm_name_t wasm_message_t;

/* Why a call, or an instantiation, did not end as it should. */
WASM_REFERENCE_(trap)
WASM_API_EXTERN own wasm_trap_t *wasm_trap_new(wasm_store_t *, const wasm_message_t *);
WASM_API_EXTERN void wasm_trap_message(const wasm_trap_t *, own wasm_message_t *out);
/* The youngest frame; NULL if no WebAssembly code ran. */
WASM_API_EXTERN own wasm_frame_t *wasm_trap_origin(const wasm_trap_t *);
/* All frames, youngest first. */
WASM_API_EXTERN void wasm_trap_trace(const wasm_trap_t *, own wasm_frame_vec_t *out);

/* Objects that only the host looks into: it gives them meaning with host info. */
WASM_REFERENCE_(foreign)
WASM_API_EXTERN own wasm_foreign_t *wasm_foreign_new(wasm_store_t *);

/* ------------------------------------------------------------------------- */
/* Modules                                                                    */

WASM_REFERENCE_(module)

/* Compiles a binary WebAssembly module. NULL if it is invalid, or if the library
 * was built without the compiler (wasm_aot_has_compiler). */
WASM_API_EXTERN own wasm_module_t *wasm_module_new(
    wasm_store_t *, const wasm_byte_vec_t *binary);
/* Whether it would compile. Always false without the compiler. */
WASM_API_EXTERN bool wasm_module_validate(wasm_store_t *, const wasm_byte_vec_t *binary);

WASM_API_EXTERN void wasm_module_imports(const wasm_module_t *, own wasm_importtype_vec_t *out);
WASM_API_EXTERN void wasm_module_exports(const wasm_module_t *, own wasm_exporttype_vec_t *out);

/* The artefact: what `wasm-aot compile` writes to a file. */
WASM_API_EXTERN void wasm_module_serialize(const wasm_module_t *, own wasm_byte_vec_t *out);
/* A module from an artefact, whoever has compiled it. An artefact is native code:
 * it can do to the process whatever it wants, so it has to be trusted. The bytes
 * are copied. */
WASM_API_EXTERN own wasm_module_t *wasm_module_deserialize(
    wasm_store_t *, const wasm_byte_vec_t *);

/* A module on its way to another store, which may be another thread's. */
WASM_OBJECT_(shared_module)
WASM_API_EXTERN own wasm_shared_module_t *wasm_module_share(const wasm_module_t *);
WASM_API_EXTERN own wasm_module_t *wasm_module_obtain(
    wasm_store_t *, const wasm_shared_module_t *);

/* ------------------------------------------------------------------------- */
/* Functions                                                                  */

WASM_REFERENCE_(func)

/*
 * A function of the host. `args` are borrowed for the time of the call.
 * `results` has an element for each result of the type, zero or null, which the
 * function replaces; what it puts there is `own`. It returns NULL, or a trap,
 * which ends the call into WebAssembly that led to it.
 *
 * It may call anything, also into the same store. It must not leave by longjmp or
 * an exception.
 */
typedef own wasm_trap_t *(*wasm_func_callback_t)(
    const wasm_val_vec_t *args, own wasm_val_vec_t *results);
typedef own wasm_trap_t *(*wasm_func_callback_with_env_t)(
    void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results);

WASM_API_EXTERN own wasm_func_t *wasm_func_new(
    wasm_store_t *, const wasm_functype_t *, wasm_func_callback_t);
/* `finalizer`, unless it is NULL, is called with `env` when the store dies, or at once
 * if this fails. NULL is returned for types that have WASM_AOT_V128 in them. */
WASM_API_EXTERN own wasm_func_t *wasm_func_new_with_env(
    wasm_store_t *, const wasm_functype_t *, wasm_func_callback_with_env_t, void *env,
    void (*finalizer)(void *));

WASM_API_EXTERN own wasm_functype_t *wasm_func_type(const wasm_func_t *);
WASM_API_EXTERN size_t wasm_func_param_arity(const wasm_func_t *);
WASM_API_EXTERN size_t wasm_func_result_arity(const wasm_func_t *);

/* Calls it. Results are written to `results`, over what is there, which is not
 * released; those that it has no room for are dropped. If a trap is returned, it is
 * untouched. The vectors may be NULL, for none. */
WASM_API_EXTERN own wasm_trap_t *wasm_func_call(
    const wasm_func_t *, const wasm_val_vec_t *args, wasm_val_vec_t *results);

/* ------------------------------------------------------------------------- */
/* Globals                                                                    */

WASM_REFERENCE_(global)

WASM_API_EXTERN own wasm_global_t *wasm_global_new(
    wasm_store_t *, const wasm_globaltype_t *, const wasm_val_t *);
WASM_API_EXTERN own wasm_globaltype_t *wasm_global_type(const wasm_global_t *);
WASM_API_EXTERN void wasm_global_get(const wasm_global_t *, own wasm_val_t *out);
/* Does nothing if the global is immutable or of another type. */
WASM_API_EXTERN void wasm_global_set(wasm_global_t *, const wasm_val_t *);

/* ------------------------------------------------------------------------- */
/* Tables                                                                     */

WASM_REFERENCE_(table)

typedef uint32_t wasm_table_size_t;

/* Every element is `init`, which is borrowed; NULL is the null reference. */
WASM_API_EXTERN own wasm_table_t *wasm_table_new(
    wasm_store_t *, const wasm_tabletype_t *, wasm_ref_t *init);
/* The minimum of the type is the present size. */
WASM_API_EXTERN own wasm_tabletype_t *wasm_table_type(const wasm_table_t *);

/* NULL for a null reference, and beyond the end. */
WASM_API_EXTERN own wasm_ref_t *wasm_table_get(const wasm_table_t *, wasm_table_size_t index);
/* False beyond the end, or if the reference is of another type. */
WASM_API_EXTERN bool wasm_table_set(wasm_table_t *, wasm_table_size_t index, wasm_ref_t *);
WASM_API_EXTERN wasm_table_size_t wasm_table_size(const wasm_table_t *);
/* False if the maximum does not allow it, or the reference is of another type. */
WASM_API_EXTERN bool wasm_table_grow(
    wasm_table_t *, wasm_table_size_t delta, wasm_ref_t *init);

/* ------------------------------------------------------------------------- */
/* Memories                                                                   */

WASM_REFERENCE_(memory)

typedef uint32_t wasm_memory_pages_t;

static const size_t MEMORY_PAGE_SIZE = 0x10000;

WASM_API_EXTERN own wasm_memory_t *wasm_memory_new(wasm_store_t *, const wasm_memorytype_t *);
/* The minimum of the type is the present size. */
WASM_API_EXTERN own wasm_memorytype_t *wasm_memory_type(const wasm_memory_t *);

/* The bytes: wasm_memory_data_size() of them. In this library they stay where
 * they are when the memory grows, as long as the store lives. */
WASM_API_EXTERN byte_t *wasm_memory_data(wasm_memory_t *);
WASM_API_EXTERN size_t wasm_memory_data_size(const wasm_memory_t *);

WASM_API_EXTERN wasm_memory_pages_t wasm_memory_size(const wasm_memory_t *);
/* False if the maximum or the system does not allow it. */
WASM_API_EXTERN bool wasm_memory_grow(wasm_memory_t *, wasm_memory_pages_t delta);

/* ------------------------------------------------------------------------- */
/* Externals                                                                  */

/* What can be imported and exported: one of the four above. */
WASM_REFERENCE_(extern)
WASM_VECTOR_(extern, wasm_extern_t *)

WASM_API_EXTERN wasm_externkind_t wasm_extern_kind(const wasm_extern_t *);
WASM_API_EXTERN own wasm_externtype_t *wasm_extern_type(const wasm_extern_t *);

/* Views of the same handle; those of another kind are NULL. */
#define WASM_EXTERN_VIEWS_(x) \
  WASM_API_EXTERN wasm_extern_t *wasm_##x##_as_extern(wasm_##x##_t *); \
  WASM_API_EXTERN wasm_##x##_t *wasm_extern_as_##x(wasm_extern_t *); \
  WASM_API_EXTERN const wasm_extern_t *wasm_##x##_as_extern_const(const wasm_##x##_t *); \
  WASM_API_EXTERN const wasm_##x##_t *wasm_extern_as_##x##_const(const wasm_extern_t *);
WASM_EXTERN_VIEWS_(func)
WASM_EXTERN_VIEWS_(global)
WASM_EXTERN_VIEWS_(table)
WASM_EXTERN_VIEWS_(memory)

/* ------------------------------------------------------------------------- */
/* Instances                                                                  */

WASM_REFERENCE_(instance)

/*
 * Instantiates a module. `imports` has one element for each of its imports, in
 * their order; they are borrowed. If it fails, and `trap` is not NULL, `*trap`
 * says why: a trap, a failed import, or that imports do not match.
 */
WASM_API_EXTERN own wasm_instance_t *wasm_instance_new(
    wasm_store_t *, const wasm_module_t *, const wasm_extern_vec_t *imports,
    own wasm_trap_t **trap);
/* In the order of wasm_module_exports. */
WASM_API_EXTERN void wasm_instance_exports(const wasm_instance_t *, own wasm_extern_vec_t *out);

/* ------------------------------------------------------------------------- */
/* Short-hands                                                                */

#define WASM_EMPTY_VEC {0, NULL}
#define WASM_ARRAY_VEC(array) {sizeof(array) / sizeof(*(array)), array}

#define WASM_I32_VAL(value) {.kind = WASM_I32, .of = {.i32 = value}}
#define WASM_I64_VAL(value) {.kind = WASM_I64, .of = {.i64 = value}}
#define WASM_F32_VAL(value) {.kind = WASM_F32, .of = {.f32 = value}}
#define WASM_F64_VAL(value) {.kind = WASM_F64, .of = {.f64 = value}}
#define WASM_REF_VAL(value) {.kind = WASM_EXTERNREF, .of = {.ref = value}}
#define WASM_INIT_VAL {.kind = WASM_EXTERNREF, .of = {.ref = NULL}}

#define WASM_VALTYPE_NEW_(x, kind) \
  static inline own wasm_valtype_t *wasm_valtype_new_##x(void) { return wasm_valtype_new(kind); }
WASM_VALTYPE_NEW_(i32, WASM_I32)
WASM_VALTYPE_NEW_(i64, WASM_I64)
WASM_VALTYPE_NEW_(f32, WASM_F32)
WASM_VALTYPE_NEW_(f64, WASM_F64)
WASM_VALTYPE_NEW_(externref, WASM_EXTERNREF)
WASM_VALTYPE_NEW_(funcref, WASM_FUNCREF)

/* A function type from arrays of types. */
static inline own wasm_functype_t *wasm_functype_new_of_(
    size_t params, own wasm_valtype_t *const *ps, size_t results,
    own wasm_valtype_t *const *rs) {
  wasm_valtype_vec_t p, r;
  wasm_valtype_vec_new(&p, params, ps);
  wasm_valtype_vec_new(&r, results, rs);
  return wasm_functype_new(&p, &r);
}

/* wasm_functype_new_P_R: so many parameters, then so many results. */
static inline own wasm_functype_t *wasm_functype_new_0_0(void) {
  return wasm_functype_new_of_(0, NULL, 0, NULL);
}
static inline own wasm_functype_t *wasm_functype_new_1_0(own wasm_valtype_t *p) {
  return wasm_functype_new_of_(1, &p, 0, NULL);
}
static inline own wasm_functype_t *wasm_functype_new_2_0(
    own wasm_valtype_t *p1, own wasm_valtype_t *p2) {
  wasm_valtype_t *ps[2];
  ps[0] = p1, ps[1] = p2;
  return wasm_functype_new_of_(2, ps, 0, NULL);
}
static inline own wasm_functype_t *wasm_functype_new_3_0(
    own wasm_valtype_t *p1, own wasm_valtype_t *p2, own wasm_valtype_t *p3) {
  wasm_valtype_t *ps[3];
  ps[0] = p1, ps[1] = p2, ps[2] = p3;
  return wasm_functype_new_of_(3, ps, 0, NULL);
}
static inline own wasm_functype_t *wasm_functype_new_0_1(own wasm_valtype_t *r) {
  return wasm_functype_new_of_(0, NULL, 1, &r);
}
static inline own wasm_functype_t *wasm_functype_new_1_1(
    own wasm_valtype_t *p, own wasm_valtype_t *r) {
  return wasm_functype_new_of_(1, &p, 1, &r);
}
static inline own wasm_functype_t *wasm_functype_new_2_1(
    own wasm_valtype_t *p1, own wasm_valtype_t *p2, own wasm_valtype_t *r) {
  wasm_valtype_t *ps[2];
  ps[0] = p1, ps[1] = p2;
  return wasm_functype_new_of_(2, ps, 1, &r);
}
static inline own wasm_functype_t *wasm_functype_new_3_1(
    own wasm_valtype_t *p1, own wasm_valtype_t *p2, own wasm_valtype_t *p3,
    own wasm_valtype_t *r) {
  wasm_valtype_t *ps[3];
  ps[0] = p1, ps[1] = p2, ps[2] = p3;
  return wasm_functype_new_of_(3, ps, 1, &r);
}
static inline own wasm_functype_t *wasm_functype_new_0_2(
    own wasm_valtype_t *r1, own wasm_valtype_t *r2) {
  wasm_valtype_t *rs[2];
  rs[0] = r1, rs[1] = r2;
  return wasm_functype_new_of_(0, NULL, 2, rs);
}
static inline own wasm_functype_t *wasm_functype_new_1_2(
    own wasm_valtype_t *p, own wasm_valtype_t *r1, own wasm_valtype_t *r2) {
  wasm_valtype_t *rs[2];
  rs[0] = r1, rs[1] = r2;
  return wasm_functype_new_of_(1, &p, 2, rs);
}
static inline own wasm_functype_t *wasm_functype_new_2_2(
    own wasm_valtype_t *p1, own wasm_valtype_t *p2, own wasm_valtype_t *r1,
    own wasm_valtype_t *r2) {
  wasm_valtype_t *ps[2], *rs[2];
  ps[0] = p1, ps[1] = p2, rs[0] = r1, rs[1] = r2;
  return wasm_functype_new_of_(2, ps, 2, rs);
}
static inline own wasm_functype_t *wasm_functype_new_3_2(
    own wasm_valtype_t *p1, own wasm_valtype_t *p2, own wasm_valtype_t *p3,
    own wasm_valtype_t *r1, own wasm_valtype_t *r2) {
  wasm_valtype_t *ps[3], *rs[2];
  ps[0] = p1, ps[1] = p2, ps[2] = p3, rs[0] = r1, rs[1] = r2;
  return wasm_functype_new_of_(3, ps, 2, rs);
}

/* A pointer of the host as an integer value. */
static inline void wasm_val_init_ptr(own wasm_val_t *out, void *p) {
#if UINTPTR_MAX == UINT32_MAX
  out->kind = WASM_I32;
  out->of.i32 = (int32_t)(intptr_t)p;
#else
  out->kind = WASM_I64;
  out->of.i64 = (int64_t)(intptr_t)p;
#endif
}

/* The pointer that wasm_val_init_ptr has put there. */
static inline void *wasm_val_ptr(const wasm_val_t *value) {
#if UINTPTR_MAX == UINT32_MAX
  return (void *)(intptr_t)value->of.i32;
#else
  return (void *)(intptr_t)value->of.i64;
#endif
}

#undef WASM_OBJECT_
#undef WASM_VECTOR_
#undef WASM_TYPE_
#undef WASM_HANDLE_
#undef WASM_REFERENCE_
#undef WASM_EXTERNTYPE_VIEWS_
#undef WASM_EXTERN_VIEWS_
#undef WASM_VALTYPE_NEW_
#undef own

#ifdef __cplusplus
}
#endif

#endif
