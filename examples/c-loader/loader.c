/* Runs a compiled WebAssembly module from plain C, with nothing but the ABI's
 * documents (runtime-abi/src) to go by: `loader FILE.so [EXPORT [ARGUMENT...]]`.
 * See README.md for what it can and cannot do. */
#define _GNU_SOURCE /* the names of registers in <ucontext.h> */
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "wasi.h"

/* The machine: its number in an artefact, and the registers that a trap changes. */
#if defined(__x86_64__)
#define TARGET 1
#define PC(machine) (machine)->gregs[REG_RIP]
#define SP(machine) (machine)->gregs[REG_RSP]
#define FP(machine) (machine)->gregs[REG_RBP]
#define RESULT(machine) (machine)->gregs[REG_RAX]
#elif defined(__aarch64__)
#define TARGET 2
#define PC(machine) (machine)->pc
#define SP(machine) (machine)->sp
#define FP(machine) (machine)->regs[29]
#define RESULT(machine) (machine)->regs[0]
#elif defined(__riscv)
#define TARGET 3
#define PC(machine) (machine)->__gregs[0]
#define SP(machine) (machine)->__gregs[2]
#define FP(machine) (machine)->__gregs[8]
#define RESULT(machine) (machine)->__gregs[10]
#endif

/* One module, one instance: this is a small loader. */
static const descriptor *module;
static uint8_t *text;
static vm_context *vmctx;
static store_context store;
uint8_t *memory; /* the first one */
uint64_t length;
static uint64_t limit;
static uint8_t *dropped; /* for each data segment */
static uint32_t raised;  /* what `raise` was asked for, while the signal is on its way */
int exit_code;
int argument_count;
char **arguments;

static void die(const char *format, const char *what)
{
    fprintf(stderr, format, what);
    fputc('\n', stderr);
    exit(1);
}

static const void *at(slice records, uint32_t index, size_t size)
{
    return (const uint8_t *)module + records.offset + index * size;
}
#define AT(type, table, index) ((const type *)at(module->table, (index), sizeof(type)))
#define SLOT(type, offset) ((type *)((uint8_t *)vmctx + (offset)))

static bool is(slice chars, const char *name)
{
    return strlen(name) == chars.count && memcmp(at(chars, 0, 1), name, chars.count) == 0;
}

static void *trampoline(uint32_t kind, uint32_t ty)
{
    for (uint32_t i = 0; i < module->trampolines.count; i++) {
        const trampoline_record *found = AT(trampoline_record, trampolines, i);
        if (found->kind == kind && found->ty == ty)
            return text + found->code;
    }
    return NULL;
}

/* Traps: hardware faults at places that the site table knows. */

static uint64_t leb(const uint8_t **bytes, bool is_signed)
{
    uint64_t number = 0;
    int shift = 0;
    uint8_t byte;
    do {
        byte = *(*bytes)++;
        number |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80);
    if (is_signed && byte & 0x40)
        number |= ~UINT64_C(0) << shift;
    return number;
}

/* The trap code of the instruction at an offset in the text, or 0. */
static uint32_t trap_at(uint64_t code)
{
    for (uint32_t i = 0; i < module->functions.count; i++) {
        const function_record *function = AT(function_record, functions, i);
        if (code < function->code || code - function->code >= function->size)
            continue;
        bool last = i + 1 == module->functions.count;
        const uint8_t *bytes = at(module->sites, function->sites, 1);
        const uint8_t *end = at(module->sites, last ? module->sites.count : function[1].sites, 1);
        uint64_t here = function->code;
        while (bytes < end) {
            uint64_t head = leb(&bytes, false);
            uint32_t trap = head & 3;
            if (trap == 1)
                trap = MEMORY_OUT_OF_BOUNDS;
            else if (trap == 2)
                trap = *bytes++;
            leb(&bytes, true); /* where it comes from in the source */
            here += head >> 2;
            if (here == code && trap != 0)
                return trap;
        }
    }
    return 0;
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    mcontext_t *machine = &((ucontext_t *)context)->uc_mcontext;
    uintptr_t pc = (uintptr_t)PC(machine);
    uint32_t status = raised;
    if (status == 0 && pc - (uintptr_t)text < module->text_size)
        status = trap_at(pc - (uintptr_t)text);
    if (number == SIGSEGV && raised == 0) {
        uintptr_t distance = (uintptr_t)info->si_addr - (uintptr_t)memory;
        if (memory == NULL || distance >= module->reservation + module->guard)
            status = 0;
    }
    if (status == 0 || store.entry == NULL) {
        signal(number, SIG_DFL); /* not ours: happens again, and kills */
        return;
    }
    raised = 0;
    const entry *resume = store.entry;
    PC(machine) = (uintptr_t)resume->handler;
    SP(machine) = (uintptr_t)resume->sp;
    FP(machine) = (uintptr_t)resume->fp;
    RESULT(machine) = status;
}

/* The services of the host. `raise` goes the way of a fault, which needs no
 * assembly. */

static void raise_status(store_context *from, uint32_t status)
{
    (void)from;
    raised = status;
    raise(SIGILL);
    abort();
}

static uint64_t memory_grow(vm_context *ctx, uint32_t index, uint64_t delta)
{
    (void)ctx, (void)index;
    uint64_t old = length;
    if (delta > (limit - old) >> 16
        || (delta > 0 && mprotect(memory + old, delta << 16, PROT_READ | PROT_WRITE) != 0))
        return UINT64_MAX;
    length = old + (delta << 16);
    return old >> 16;
}

static void memory_copy(uint8_t *to, const uint8_t *from, uint64_t len) { memmove(to, from, len); }
static void memory_fill(uint8_t *to, uint32_t byte, uint64_t len) { memset(to, (uint8_t)byte, len); }

static bool memory_init(vm_context *ctx, uint32_t index, uint32_t segment, uint64_t to,
                        uint32_t from, uint32_t len)
{
    (void)ctx, (void)index;
    slice bytes = AT(data_record, data, segment)->bytes;
    uint32_t count = dropped[segment] ? 0 : bytes.count;
    if (from > count || len > count - from || to > length || len > length - to)
        return false;
    if (len > 0)
        memcpy(memory + to, (const uint8_t *)at(bytes, 0, 1) + from, len);
    return true;
}

static void data_drop(vm_context *ctx, uint32_t segment) { (void)ctx, dropped[segment] = 1; }

static func_ref *make_func_ref(vm_context *ctx, uint32_t slot)
{
    (void)ctx;
    func_ref *reference = SLOT(func_ref, module->funcref_slots) + slot;
    uint32_t index = *AT(uint32_t, funcrefs, slot);
    uint32_t own = module->imports.count; /* all of functions */
    uint32_t ty = 0;
    if (reference->type_id != 0)
        return reference;
    if (index >= own) {
        const function_record *function = AT(function_record, functions, index - own);
        ty = function->ty;
        reference->code = text + function->code;
        reference->ctx = vmctx;
        reference->entry = trampoline(ENTRY, ty);
    } else {
        const import_record *import = AT(import_record, imports, index);
        ty = import->ty.ty;
        reference->code = SLOT(function_import, import->slot)->code;
        reference->ctx = SLOT(function_import, import->slot)->ctx;
    }
    reference->type_id = ty + 1; /* of one module: equal types have one record */
    return reference;
}

enum { STATUS_UNSUPPORTED = 0x101 };

/* Tables change in few programs of C: those need a larger loader. */
static void unsupported(vm_context *ctx) { raise_status(ctx->store, STATUS_UNSUPPORTED); }

#define F(name) {.function = (void (*)(void))name}
static const pointer builtins[] = {
    F(raise_status), F(memory_grow), F(memory_copy), F(memory_fill), F(memory_init), F(data_drop),
    F(unsupported), F(unsupported), F(unsupported), F(unsupported), /* table grow fill copy init */
    F(unsupported), F(make_func_ref), /* elem.drop, ref.func */
};

/* From a file to an instance (core, 4.5.4). */

static uint64_t evaluate(const const_expr *expr)
{
    uint64_t number;
    memcpy(&number, expr->value, 8);
    if (expr->kind == REF_FUNC)
        return (uintptr_t)make_func_ref(vmctx, expr->index);
    return expr->kind == VALUE ? number : 0;
}

static void bind_imports(void)
{
    for (uint32_t i = 0; i < module->imports.count; i++) {
        const import_record *import = AT(import_record, imports, i);
        if (import->ty.kind != FUNC || !is(import->module, "wasi_snapshot_preview1"))
            die("%s", "it imports something other than functions of WASI");
        host_context *host = calloc(1, sizeof *host);
        *host = (host_context){&store, builtins, NULL, NULL};
        wasi_bind(host, at(import->name, 0, 1), import->name.count);
        *SLOT(function_import, import->slot) =
            (function_import){trampoline(EXIT, import->ty.ty), host};
    }
}

static void make_memory(void)
{
    const memory_record *record = AT(memory_record, memories, 0);
    if (module->memories.count > 1)
        die("%s", "it has several memories");
    if (module->memories.count == 0)
        return;
    memory = mmap(NULL, module->reservation + module->guard, PROT_NONE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    limit = (record->ty.flags & 1 && record->ty.max < 65536 ? record->ty.max : 65536) << 16;
    if (memory == MAP_FAILED || memory_grow(vmctx, 0, record->ty.min) != 0)
        die("no memory: %s", strerror(errno));
    if (module->image_size > 0)
        memcpy(memory + module->image_offset, (const uint8_t *)module + module->image,
               module->image_size);
    *SLOT(memory_slot, record->slot) = (memory_slot){memory, &length};
}

static void initialise(void)
{
    for (uint32_t i = 0; i < module->types.count; i++)
        SLOT(uint32_t, module->type_ids)[i] = i + 1;
    for (uint32_t i = 0; i < module->globals.count; i++) {
        const global_record *global = AT(global_record, globals, i);
        uint8_t *place = SLOT(uint8_t, global->slot);
        memcpy(place, global->init.value, global->ty == V128 ? 16 : 8);
        *(uint64_t *)(void *)place = evaluate(&global->init);
    }
    for (uint32_t i = 0; i < module->tables.count; i++) {
        const table_record *table = AT(table_record, tables, i);
        if (table->def != NONE)
            *SLOT(table_def, table->def) = (table_def){
                calloc(table->ty.min + 1, sizeof(table_element)), table->ty.min};
    }
    for (uint32_t i = 0; i < module->elements.count; i++) {
        const element_record *segment = AT(element_record, elements, i);
        if (segment->mode != ACTIVE)
            continue;
        table_def *table = SLOT(table_def, AT(table_record, tables, segment->table)->def);
        uint64_t to = evaluate(&segment->offset);
        if (segment->encoding != 0 || segment->ty != FUNCREF)
            die("%s", "its tables are not of plain functions");
        if (to > table->len || segment->items.count > table->len - to)
            die("%s", "an element segment does not fit");
        for (uint32_t j = 0; j < segment->items.count; j++) {
            uint32_t slot = *(const uint32_t *)at(segment->items, j, 4);
            func_ref *f = slot == NONE ? NULL : make_func_ref(vmctx, slot);
            if (f != NULL)
                table->elements[to + j] = (table_element){f->code, f->ctx, f->type_id, 0, f};
        }
    }
    dropped = calloc(module->data.count + 1, 1);
    for (uint32_t i = 0; i < module->data.count; i++) {
        const data_record *segment = AT(data_record, data, i);
        if (segment->mode == ACTIVE && !memory_init(vmctx, 0, i, evaluate(&segment->offset), 0,
                                                    segment->bytes.count))
            die("%s", "a data segment does not fit");
        dropped[i] = segment->mode != PASSIVE;
    }
}

/* Whether this machine has what code needs beyond its target's least. */
static bool has_cpu_features(uint64_t features)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt"))
        features &= ~UINT64_C(0x1001f); /* cmpxchg16b is older than sse4.2 */
#elif defined(__riscv)
    if (getauxval(AT_HWCAP) & 1 << ('C' - 'A'))
        features &= ~(UINT64_C(1) << 40);
#endif
    return features == 0;
}

static void open_module(const char *path)
{
    char *whole = realpath(path, NULL);
    void *library = whole != NULL ? dlopen(whole, RTLD_NOW) : NULL;
    module = library != NULL ? dlsym(library, "wasm_aot_module") : NULL;
    if (module == NULL)
        die("cannot load it: %s", whole != NULL ? dlerror() : strerror(errno));
    if (memcmp(module->magic, "wasm-aot", 8) != 0 || module->major != 1 || module->minor > 0)
        die("%s", "it is of another version of the ABI");
    if (module->target != TARGET || module->required != 1 || module->convention != 1)
        die("%s", "it needs another loader");
    if (!has_cpu_features(module->cpu_features))
        die("%s", "it needs CPU features that are missing here, or not looked for");
    text = (uint8_t *)module + module->text;
    free(whole);
}

/* Calls a function with arguments in decimal, and prints its results. */
static int invoke(uint32_t index, int count, char **words)
{
    value values[64] = {{0}};
    uint32_t own = module->imports.count;
    if (index < own)
        die("%s", "it is a function of ours");
    const function_record *function = AT(function_record, functions, index - own);
    const func_type *ty = AT(func_type, types, function->ty);
    if (ty->params.count != (uint32_t)count || ty->params.count + ty->results.count > 64)
        die("%s", "it takes another number of arguments");
    for (int i = 0; i < count; i++) {
        uint32_t kind = *(const uint32_t *)at(ty->params, (uint32_t)i, 4);
        if (kind == F32)
            values[i].f32 = strtof(words[i], NULL);
        else if (kind == F64)
            values[i].f64 = strtod(words[i], NULL);
        else
            values[i].i64 = (uint64_t)strtoll(words[i], NULL, 0);
    }
    pointer entry_code = {trampoline(ENTRY, function->ty)};
    uint32_t status = entry_code.enter(text + function->code, vmctx, values);
    if (status == STATUS_EXIT)
        exit(exit_code);
    if (status != 0) {
        fprintf(stderr, "trap %" PRIu32 "\n", status);
        exit(134);
    }
    for (uint32_t i = 0; i < ty->results.count; i++) {
        uint32_t kind = *(const uint32_t *)at(ty->results, i, 4);
        if (kind == I32)
            printf("%" PRId32 "\n", (int32_t)values[i].i32);
        else if (kind == F32 || kind == F64)
            printf("%.17g\n", kind == F32 ? (double)values[i].f32 : values[i].f64);
        else
            printf("%" PRId64 "\n", (int64_t)values[i].i64);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        die("usage: %s FILE.so [EXPORT [ARGUMENT...]]", argv[0]);
    open_module(argv[1]);
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    for (int i = 0; i < 3; i++)
        sigaction((int[]){SIGILL, SIGFPE, SIGSEGV}[i], &action, NULL);
    size_t size = (module->vmctx_size + 127) & ~(size_t)63;
    if (posix_memalign((void **)&vmctx, 64, size) != 0)
        die("%s", "no memory");
    memset(vmctx, 0, size);
    *vmctx = (vm_context){&store, builtins, NULL, NULL, NULL, 0};
    store.stack_limit = (uintptr_t)&action - 512 * 1024;
    argument_count = argc - 1; /* of WASI: the first one is the program */
    arguments = argv + 1;
    bind_imports();
    make_memory();
    initialise();
    if (module->start != NONE)
        invoke(module->start, 0, NULL);
    const char *name = argc > 2 ? argv[2] : "_start";
    for (uint32_t i = 0; i < module->exports.count; i++) {
        const export_record *export = AT(export_record, exports, i);
        if (export->kind == FUNC && is(export->name, name))
            return invoke(export->index, argc > 3 ? argc - 3 : 0, argv + 3);
    }
    die("it has no function %s", name);
}
