/* A compiled module, opened as any shared object. The program was not linked with
 * it; the header has the types. */
#include <dlfcn.h>
#include <stdio.h>

#include "counter.h"

int main(int count, char **arguments)
{
    counter_library exports;
    counter *first, *second;
    counter_status status;
    int32_t value = 0;
    int i;
    void *library;

    if (count != 2) {
        fprintf(stderr, "usage: %s ./counter.so\n", arguments[0]);
        return 2;
    }
    library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    if (counter_library_find(&exports, library, dlsym) != 0) {
        fprintf(stderr, "%s is not a counter\n", arguments[1]);
        return 1;
    }

    /* Instances share the code, and nothing else. */
    status = counter_create_from(exports.Zmodule, NULL, &first);
    if (status == WASM_AOT_OK) {
        status = counter_create_from(exports.Zmodule, NULL, &second);
    }
    if (status != WASM_AOT_OK) {
        fprintf(stderr, "%s\n", counter_error(NULL, status));
        return 1;
    }
    for (i = 0; i < 3; i++) {
        status = exports.next(first, &value);
    }
    printf("first: %d\n", (int)value);
    status = exports.next(second, &value);
    printf("second: %d\n", (int)value);
    status = exports.fail(second);
    printf("fail: %s\n", counter_error(second, status));

    counter_destroy(first);
    counter_destroy(second);
    /* After the last instance. */
    dlclose(library);
    return 0;
}
