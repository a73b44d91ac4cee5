/* What generated headers call, for Windows on x86-64, where libwasm_aot is not:
 * instances of modules that are linked into a program, made from the ABI's documents
 * (runtime-abi/src) alone. See README.md for what it can and cannot do. */
#include "instance.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "wasm_aot_linked.h"

enum { TARGET = 6, STACK_RESERVE = 16 * 1024, MEMORY = 2, GLOBAL = 3, REF_NULL = 2 };

/* An imported function: what the ABI says, then what generated headers say. */
typedef struct host {
    store_context *store;
    const pointer *builtins;
    wasm_aot_status (*call)(wasm_aot_host *, wasm_aot_value *);
    const wasm_aot_callee *callee;
    wasm_aot_callee storage;
} host;

/* Why there is no instance. */
static const char *reason = "";

static instance *of(void *vmctx) { return ((vm_context *)vmctx)->instance; }

static void *trampoline(const instance *self, uint32_t kind, uint32_t ty)
{
    const descriptor *module = self->module;
    for (uint32_t i = 0; i < module->trampolines.count; i++) {
        const trampoline_record *found = AT(trampoline_record, trampolines, i);
        if (found->kind == kind && found->ty == ty)
            return self->text + found->code;
    }
    return NULL;
}

/* The services of the host. */

static void raise_status(store_context *from, uint32_t status)
{
    raise_in((instance *)((char *)from - offsetof(instance, store)), status);
}

static uint64_t memory_grow(vm_context *ctx, uint32_t index, uint64_t delta)
{
    instance *self = of(ctx);
    uint64_t old = self->length;
    (void)index;
    if (delta > (self->limit - old) >> 16
        || (delta > 0 && !VirtualAlloc(self->memory + old, delta << 16, MEM_COMMIT, PAGE_READWRITE)))
        return UINT64_MAX;
    self->length = old + (delta << 16);
    return old >> 16;
}

static void memory_copy(uint8_t *to, const uint8_t *from, uint64_t len) { memmove(to, from, len); }
static void memory_fill(uint8_t *to, uint32_t byte, uint64_t len) { memset(to, (int)byte, len); }

static bool memory_init(vm_context *ctx, uint32_t index, uint32_t segment, uint64_t to,
                        uint32_t from, uint32_t len)
{
    instance *self = of(ctx);
    const descriptor *module = self->module;
    slice bytes = AT(data_record, data, segment)->bytes;
    uint32_t count = self->dropped[segment] ? 0 : bytes.count;
    (void)index;
    if (from > count || len > count - from || to > self->length || len > self->length - to)
        return false;
    if (len > 0)
        memcpy(self->memory + to, (const uint8_t *)at(module, bytes, 0, 1) + from, len);
    return true;
}

static void data_drop(vm_context *ctx, uint32_t segment) { of(ctx)->dropped[segment] = 1; }

static func_ref *make_func_ref(vm_context *ctx, uint32_t slot)
{
    instance *self = of(ctx);
    const descriptor *module = self->module;
    func_ref *reference = SLOT(func_ref, module->funcref_slots) + slot;
    uint32_t index = *AT(uint32_t, funcrefs, slot);
    uint32_t own = module->imports.count; /* all of functions */
    uint32_t ty = 0;
    if (reference->type_id != 0)
        return reference;
    if (index >= own) {
        const function_record *function = AT(function_record, functions, index - own);
        ty = function->ty;
        reference->code = self->text + function->code;
        reference->ctx = self->vmctx;
        reference->entry = trampoline(self, ENTRY, ty);
    } else {
        const import_record *import = AT(import_record, imports, index);
        ty = import->ty.ty;
        reference->code = SLOT(function_import, import->slot)->code;
        reference->ctx = SLOT(function_import, import->slot)->ctx;
    }
    reference->type_id = ty + 1; /* of one module: equal types have one record */
    return reference;
}

/* Tables change in few programs of C. */
static void unsupported(vm_context *ctx) { raise_in(of(ctx), WASM_AOT_ERROR); }

/* Where the stack of this thread is. Below the limit are the pages by which the system
 * notices that it ends, and room for its own handling of exceptions. */
static uint32_t attach(store_context *store)
{
    ULONG_PTR low, high;
    GetCurrentThreadStackLimits(&low, &high);
    store->stack_limit = low + 64 * 1024 + STACK_RESERVE;
    store->stack_size = high - store->stack_limit;
    return 0;
}

#define F(name) {.function = (void (*)(void))name}
static const pointer builtins[] = {
    F(raise_status), F(memory_grow), F(memory_copy), F(memory_fill), F(memory_init), F(data_drop),
    F(unsupported), F(unsupported), F(unsupported), F(unsupported), /* table grow fill copy init */
    F(unsupported), F(make_func_ref), F(attach), /* elem.drop, ref.func */
};

/* From a descriptor to an instance (core, 4.5.4). Each returns why not, or NULL. */

static uint64_t evaluate(const instance *self, const const_expr *expr)
{
    uint64_t number;
    memcpy(&number, expr->value, 8);
    if (expr->kind == REF_FUNC)
        return (uintptr_t)make_func_ref(self->vmctx, expr->index);
    return expr->kind == VALUE ? number : 0; /* see `is_plain` */
}

static const char *check(const descriptor *module, const uint8_t *hash)
{
    uint64_t features = module->cpu_features;
    if (memcmp(module->magic, "wasm-aot", 8) != 0 || module->major != 1 || module->minor > 0)
        return "it is of another version of the ABI";
    if (module->target != TARGET || module->required != 1 || module->convention != 1)
        return "it needs another host";
    if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt"))
        features &= ~UINT64_C(0x1001f); /* cmpxchg16b is older than sse4.2 */
    if (features != 0)
        return "it needs CPU features that are missing here, or not looked for";
    if (hash != NULL && memcmp(module->source_hash, hash, 32) != 0)
        return "the header was generated from another module";
    return NULL;
}

static const char *bind(instance *self, const wasm_aot_import *imports, size_t count)
{
    const descriptor *module = self->module;
    if (module->imports.count != count)
        return "the imports are missing";
    self->hosts = calloc(count + 1, sizeof *self->hosts);
    for (uint32_t i = 0; i < count; i++) {
        const import_record *import = AT(import_record, imports, i);
        host *host = &self->hosts[i];
        if (import->ty.kind != FUNC || imports[i].callee.function == NULL)
            return "it imports something other than functions, or one is not set";
        host->store = &self->store;
        host->builtins = builtins;
        host->call = imports[i].call;
        host->storage = imports[i].callee;
        host->callee = &host->storage;
        *SLOT(function_import, import->slot) =
            (function_import){trampoline(self, EXIT, import->ty.ty), host};
    }
    return NULL;
}

static const char *make_memory(instance *self)
{
    const descriptor *module = self->module;
    const memory_record *record = AT(memory_record, memories, 0);
    if (module->memories.count == 0)
        return NULL;
    if (module->memories.count > 1 || record->ty.flags & 2 || record->ty.ty != 16)
        return "it has several memories, or one of 64 bits or of other pages";
    uint64_t space = module->reservation + module->guard;
    self->memory = VirtualAlloc(NULL, space, MEM_RESERVE, PAGE_NOACCESS);
    self->limit = (record->ty.flags & 1 && record->ty.max < 65536 ? record->ty.max : 65536) << 16;
    if (self->memory == NULL || memory_grow(self->vmctx, 0, record->ty.min) != 0)
        return "there is no memory for it";
    if (module->image_size > 0)
        memcpy(self->memory + module->image_offset, (const uint8_t *)module + module->image,
               module->image_size);
    *SLOT(memory_slot, record->slot) = (memory_slot){self->memory, &self->length};
    return NULL;
}

/* Whether it is a number or a reference, and no arithmetic and no global of others. */
static bool is_plain(const const_expr *expr)
{
    return expr->kind == VALUE || expr->kind == REF_NULL || expr->kind == REF_FUNC;
}

static const char *initialise(instance *self)
{
    const descriptor *module = self->module;
    for (uint32_t i = 0; i < module->types.count; i++)
        SLOT(uint32_t, module->type_ids)[i] = i + 1;
    for (uint32_t i = 0; i < module->globals.count; i++) {
        const global_record *global = AT(global_record, globals, i);
        if (!is_plain(&global->init))
            return "a global starts with more than a number";
        uint64_t low = evaluate(self, &global->init);
        memcpy(SLOT(uint8_t, global->slot), global->init.value, global->ty == V128 ? 16 : 8);
        memcpy(SLOT(uint8_t, global->slot), &low, 8);
    }
    for (uint32_t i = 0; i < module->tables.count; i++) {
        const table_record *table = AT(table_record, tables, i);
        if (table->init.kind != REF_NULL)
            return "a table starts with more than null";
        if (table->def != NONE)
            *SLOT(table_def, table->def) = (table_def){
                calloc(table->ty.min + 1, sizeof(table_element)), table->ty.min};
    }
    for (uint32_t i = 0; i < module->elements.count; i++) {
        const element_record *segment = AT(element_record, elements, i);
        if (segment->mode != ACTIVE)
            continue;
        table_def *table = SLOT(table_def, AT(table_record, tables, segment->table)->def);
        uint64_t to = evaluate(self, &segment->offset);
        if (segment->encoding != 0 || segment->ty != FUNCREF || !is_plain(&segment->offset))
            return "its tables are not of plain functions";
        if (to > table->len || segment->items.count > table->len - to)
            return "an element segment does not fit";
        for (uint32_t j = 0; j < segment->items.count; j++) {
            uint32_t slot = *(const uint32_t *)at(module, segment->items, j, 4);
            func_ref *f = slot == NONE ? NULL : make_func_ref(self->vmctx, slot);
            if (f != NULL)
                table->elements[to + j] = (table_element){f->code, f->ctx, f->type_id, 0, f};
        }
    }
    self->dropped = calloc(module->data.count + 1, 1);
    for (uint32_t i = 0; i < module->data.count; i++) {
        const data_record *segment = AT(data_record, data, i);
        if (segment->mode == ACTIVE
            && (!is_plain(&segment->offset)
                || !memory_init(self->vmctx, 0, i, evaluate(self, &segment->offset), 0,
                                segment->bytes.count)))
            return "a data segment does not fit";
        self->dropped[i] = segment->mode != PASSIVE;
    }
    return NULL;
}

static uint32_t start(instance *self)
{
    const descriptor *module = self->module;
    value none[1];
    uint32_t own = module->start - module->imports.count;
    if (module->start == NONE)
        return 0;
    if (module->start < module->imports.count)
        return WASM_AOT_ERROR; /* a function of the program */
    const function_record *function = AT(function_record, functions, own);
    pointer code = {trampoline(self, ENTRY, function->ty)};
    attach(&self->store);
    return code.enter(self->text + function->code, self->vmctx, none);
}

wasm_aot_status wasm_aot_linked_create(const void *descriptor_, const uint8_t *hash,
                                       const wasm_aot_import *imports, size_t count, void **out)
{
    const descriptor *module = descriptor_;
    *out = NULL;
    reason = check(module, hash);
    if (reason != NULL)
        return WASM_AOT_ERROR;
    catch_exceptions();
    instance *self = calloc(1, sizeof *self);
    self->module = module;
    self->text = (uint8_t *)module + module->text;
    self->vmctx = _aligned_malloc(module->vmctx_size, 64);
    memset(self->vmctx, 0, module->vmctx_size);
    *self->vmctx = (vm_context){&self->store, builtins, self, NULL, NULL, 0};
    AcquireSRWLockExclusive(&lock);
    self->next = instances;
    instances = self;
    ReleaseSRWLockExclusive(&lock);
    uint32_t status = WASM_AOT_ERROR;
    if ((reason = bind(self, imports, count)) == NULL && (reason = make_memory(self)) == NULL
        && (reason = initialise(self)) == NULL)
        status = start(self);
    if (status == 0)
        *out = self->vmctx;
    else
        wasm_aot_linked_destroy(self->vmctx);
    return status;
}

void wasm_aot_linked_destroy(void *vmctx)
{
    if (vmctx == NULL)
        return;
    instance *self = of(vmctx);
    const descriptor *module = self->module;
    AcquireSRWLockExclusive(&lock);
    instance **link = &instances;
    while (*link != self)
        link = &(*link)->next;
    *link = self->next;
    ReleaseSRWLockExclusive(&lock);
    for (uint32_t i = 0; i < module->tables.count; i++) {
        uint32_t def = AT(table_record, tables, i)->def;
        if (def != NONE)
            free(SLOT(table_def, def)->elements);
    }
    if (self->memory != NULL)
        VirtualFree(self->memory, 0, MEM_RELEASE);
    free(self->hosts);
    free(self->dropped);
    _aligned_free(self->vmctx);
    free(self);
}

const char *wasm_aot_linked_error(void *vmctx, wasm_aot_status status)
{
    static const char *const TRAPS[] = {
        "no error", "call stack exhausted", "out of bounds memory access", "unaligned atomic",
        "out of bounds table access", "undefined element", "uninitialized element",
        "indirect call type mismatch", "integer overflow", "integer divide by zero",
        "invalid conversion to integer", "unreachable", "null reference", "interrupted",
        "out of fuel",
    };
    if (status < sizeof TRAPS / sizeof *TRAPS)
        return TRAPS[status];
    if (vmctx == NULL)
        return reason != NULL ? reason : "the start function has failed";
    if (status == WASM_AOT_ERROR)
        return "it did what is not supported here";
    return "an imported function failed";
}

/* What is exported at a position, if it is of a kind and defined here. */
static uint32_t exported(const instance *self, uint32_t position, uint32_t kind)
{
    const descriptor *module = self->module;
    const export_record *export = AT(export_record, exports, position);
    return position < module->exports.count && export->kind == kind ? export->index : NONE;
}

uint8_t *wasm_aot_linked_memory(void *vmctx, uint32_t position, size_t *size)
{
    const instance *self = of(vmctx);
    if (exported(self, position, MEMORY) == NONE)
        return NULL;
    if (size != NULL)
        *size = self->length;
    return self->memory;
}

void *wasm_aot_linked_global(void *vmctx, uint32_t position)
{
    const instance *self = of(vmctx);
    const descriptor *module = self->module;
    uint32_t index = exported(self, position, GLOBAL);
    return index == NONE ? NULL : SLOT(void, AT(global_record, globals, index)->slot);
}

wasm_aot_extern wasm_aot_export_named(void *vmctx, const char *name)
{
    const instance *self = of(vmctx);
    const descriptor *module = self->module;
    for (uint32_t i = 0; i < module->exports.count; i++) {
        slice found = AT(export_record, exports, i)->name;
        if (found.count == strlen(name) && memcmp(at(module, found, 0, 1), name, found.count) == 0)
            return wasm_aot_export(vmctx, i);
    }
    return wasm_aot_export(NULL, 0);
}

int64_t wasm_aot_linked_memory_grow(void *vmctx, const char *name, uint64_t delta)
{
    wasm_aot_extern memory = wasm_aot_export_named(vmctx, name);
    if (memory.instance == NULL || exported(of(vmctx), memory.position, MEMORY) == NONE)
        return -1;
    return (int64_t)memory_grow(vmctx, 0, delta);
}
