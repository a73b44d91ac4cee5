// As much of a C++ runtime as exceptions need, for WebAssembly: what libc++abi and
// libunwind are elsewhere. No threads, no nested catches of one exception.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

extern "C" {

// What a landing pad tells the personality routine, and gets from it.
struct {
    uintptr_t pad;
    const uint8_t *lsda;
    uintptr_t selector;
} __wasm_lpad_context;

struct exception {
    const void *type;
    void *(*destroy)(void *); // destructors return the object here
    int handlers;
    alignas(16) char object[];
};

static exception *caught;

// Types that the compiler describes without a definition: their addresses are all
// that counts.
const void *int_type[2] __asm__("_ZTIi");
const void *double_type[2] __asm__("_ZTId");
// The first word of a class's description is a bit behind one of these: of a class
// without bases, and of one with a single base, which is the third word.
const void *class_kind[4] __asm__("_ZTVN10__cxxabiv117__class_type_infoE");
const void *derived_kind[4] __asm__("_ZTVN10__cxxabiv120__si_class_type_infoE");

static bool is(const void *type, const void *wanted) {
    while (type != wanted) {
        const void *const *words = (const void *const *)type;
        if (words[0] != &derived_kind[2]) return false;
        type = words[2];
    }
    return true;
}

static uintptr_t unsigned_leb(const uint8_t *&at) {
    uintptr_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint8_t byte = *at++;
        value |= (uintptr_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return value;
    }
}

static intptr_t signed_leb(const uint8_t *&at) {
    intptr_t value = 0;
    for (unsigned shift = 0;;) {
        uint8_t byte = *at++;
        value |= (intptr_t)(byte & 0x7f) << shift;
        shift += 7;
        if (byte & 0x80) continue;
        if (shift < 32 && byte & 0x40) value |= -((intptr_t)1 << shift);
        return value;
    }
}

// Finds the clause of the landing pad that is for the exception: its number among the
// types, 0 if none is.
int _Unwind_CallPersonality(void *thrown) {
    __wasm_lpad_context.selector = 0;
    const uint8_t *at = __wasm_lpad_context.lsda;
    if (*at++ != 0xff) abort(); // landing pads are numbers
    uint8_t encoding = *at++;
    const uint8_t *types = nullptr;
    if (encoding != 0xff) {
        uintptr_t size = unsigned_leb(at);
        types = at + size;
    }
    at++;
    uintptr_t size = unsigned_leb(at);
    const uint8_t *actions = at + size;
    uintptr_t action = 0;
    for (uintptr_t pad = 0; pad <= __wasm_lpad_context.pad; pad++) {
        unsigned_leb(at);
        action = unsigned_leb(at);
    }
    while (action) {
        at = actions + action - 1;
        intptr_t number = signed_leb(at);
        const uint8_t *link = at;
        intptr_t next = signed_leb(at);
        if (number > 0) {
            const void *wanted = ((const void *const *)types)[-number];
            if (!wanted || is(((exception *)thrown)->type, wanted)) {
                __wasm_lpad_context.selector = number;
                break;
            }
        }
        if (!next) break;
        action = link + next - actions + 1;
    }
    return 0;
}

int __gxx_wasm_personality_v0(...) { abort(); }

void *__cxa_allocate_exception(size_t size) {
    return ((exception *)malloc(sizeof(exception) + size))->object;
}

static exception *header(void *object) {
    return (exception *)((char *)object - offsetof(exception, object));
}

void __cxa_free_exception(void *object) { free(header(object)); }

__attribute__((noinline, noreturn)) void __cxa_throw(void *object, void *type, void *(*destroy)(void *)) {
    exception *thrown = header(object);
    thrown->type = type;
    thrown->destroy = destroy;
    thrown->handlers = 0;
    __builtin_wasm_throw(0, thrown);
}

void *__cxa_begin_catch(void *thrown) {
    caught = (exception *)thrown;
    caught->handlers = 1;
    return caught->object;
}

void __cxa_end_catch() {
    exception *done = caught;
    if (!done || !done->handlers) return; // thrown on
    caught = nullptr;
    if (done->destroy) done->destroy(done->object);
    free(done);
}

__attribute__((noinline, noreturn)) void __cxa_rethrow() {
    exception *thrown = caught;
    thrown->handlers = 0;
    __builtin_wasm_throw(0, thrown);
}

[[noreturn]] void terminate() __asm__("_ZSt9terminatev");
void terminate() { abort(); }
}
