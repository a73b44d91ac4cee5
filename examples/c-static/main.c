/* A WebAssembly module as a part of a C program: no file to load, no start-up. */
#include <stdio.h>

#include "fib.h"

/* What the module imports as "host" "log". */
static wasm_aot_status print(void *self, int32_t value)
{
    const char *prefix = (const char *)self;
    printf("%s%d\n", prefix, (int)value);
    return WASM_AOT_OK;
}

int main(void)
{
    fib_imports imports = { { (void *)"  ", print } };
    fib *instance;
    fib_status status;
    int32_t result = 0;
    size_t size;

    status = fib_create(&imports, &instance);
    if (status != WASM_AOT_OK) {
        fprintf(stderr, "%s\n", fib_error(NULL, status));
        return 1;
    }

    status = fib_run(instance, 5, &result);
    if (status != WASM_AOT_OK) {
        fprintf(stderr, "%s\n", fib_error(instance, status));
        return 1;
    }
    printf("fib(5) = %d\n", (int)result);

    /* A trap ends the call and nothing else. */
    status = fib_run(instance, -1, &result);
    printf("fib(-1): status %u: %s\n", (unsigned)status, fib_error(instance, status));

    /* Memory and globals are where they are: no copies. */
    printf("%s: %d calls", (const char *)fib_memory(instance, &size) + 16, (int)*fib_calls(instance));
    printf(", %u bytes of memory\n", (unsigned)size);

    fib_destroy(instance);
    return 0;
}
