/* A WebAssembly module as a part of a C program for Windows. */
#include <windows.h>

#include <stdio.h>

#include "machine.h"

/* Where `main` returns to. */
static void *beginning;

/* What the module imports. Debuggers see through it: the stack can be walked. */
static wasm_aot_status print(void *self, int32_t start, int32_t length)
{
    machine *instance = *(machine **)self;
    void *frames[32];
    int count = CaptureStackBackTrace(0, 32, frames, NULL), found = 0;
    while (found < count && frames[found] != beginning)
        found++;
    printf("log: %.*s\n", (int)length, (const char *)machine_tape(instance, NULL) + start);
    printf("%s\n", found < count ? "called by main" : "called by nobody");
    return WASM_AOT_OK;
}

/* Refuses to halve nothing. */
static wasm_aot_status halve(void *self, int32_t a, int64_t b, float c, double d, int32_t e,
                             int64_t f, float g, double h, double *sum, int32_t *count)
{
    (void)self;
    if (a == 0)
        return WASM_AOT_ERROR + 7;
    *sum = (a + (double)b + c + d + e + (double)f + g + h) / 2;
    *count = 8;
    return WASM_AOT_OK;
}

static void report(const char *what, machine *instance, machine_status status)
{
    printf("%s: status %u: %s\n", what, (unsigned)status, machine_error(instance, status));
}

int main(void)
{
    machine *instance;
    machine_imports imports = { { &instance, print, halve } };
    wasm_aot_v128 vector = { { 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0 } };
    double sum = 0;
    int32_t result = 0, count = 0;
    size_t size;
    machine_status status = machine_create(&imports, &instance);

    beginning = __builtin_return_address(0);
    if (status != WASM_AOT_OK) {
        report("create", NULL, status);
        return 1;
    }
    status = machine_hello(instance, &result);
    printf("hello: %u, '%c', %d step\n", (unsigned)status, (char)result,
           (int)*machine_steps(instance));
    status = machine_mix(instance, 1, 2, 3.5f, 4.25, 5, 6, 7.5f, 8.75, &sum, &count);
    printf("mix: %u, %g of %d\n", (unsigned)status, sum, (int)count);
    status = machine_apply(instance, 1, 12, &result);
    printf("apply: %u, %d\n", (unsigned)status, (int)result);
    status = machine_vector(instance, &vector, &vector);
    printf("vector: %u, %d %d %d %d\n", (unsigned)status, vector.bytes[0], vector.bytes[4],
           vector.bytes[8], vector.bytes[12]);

    /* A trap ends the call and nothing else. */
    report("peek", instance, machine_peek(instance, 65536, &result));
    machine_grow(instance, 1, &result);
    machine_tape(instance, &size);
    printf("grown from %d page to %u bytes\n", (int)result, (unsigned)size);
    report("peek", instance, machine_peek(instance, 65536, &result));
    machine_grow(instance, 9, &result);
    printf("grown too far: %d\n", (int)result);
    report("mix", instance, machine_mix(instance, 0, 2, 3, 4, 5, 6, 7, 8, &sum, &count));
    report("apply", instance, machine_apply(instance, 2, 12, &result));
    report("apply", instance, machine_apply(instance, 3, 12, &result));
    report("apply", instance, machine_apply(instance, 4, 12, &result));
    report("divide", instance, machine_divide(instance, 1, 0, &result));
    report("endless", instance, machine_endless(instance));
    report("endless", instance, machine_endless(instance));
    status = machine_divide(instance, -9, 2, &result);
    printf("divide: %u, %d\n", (unsigned)status, (int)result);
    machine_destroy(instance);
    return 0;
}
