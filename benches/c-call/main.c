/* What calling an export through the generated header costs, against a call of a
 * C function through a pointer. Prints the best of several runs of each. */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <time.h>

#include "add.h"

/* Short runs, so that the best of them is not interrupted. */
enum { CALLS = 20000, RUNS = 3000 };

/* The same as the export, with the same signature; in a file of its own. */
uint32_t plain_add(void *self, int32_t a, int32_t b, int32_t *result);

typedef uint32_t (*function)(void *, int32_t, int32_t, int32_t *);

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* Nanoseconds per call. */
static double measure_plain(function volatile *pointer)
{
    double best = 1e9;
    int run;
    for (run = 0; run < RUNS; run++) {
        function call = *pointer;
        double start = now(), time;
        int32_t sum = 0;
        int i;
        for (i = 0; i < CALLS; i++) {
            if (call(NULL, sum, i, &sum) != 0) return -1;
        }
        time = (now() - start) / CALLS;
        if (time < best) best = time;
    }
    return best;
}

static double measure_export(add *instance)
{
    double best = 1e9;
    int run;
    for (run = 0; run < RUNS; run++) {
        double start = now(), time;
        int32_t sum = 0;
        int i;
        for (i = 0; i < CALLS; i++) {
            if (add_add(instance, sum, i, &sum) != WASM_AOT_OK) return -1;
        }
        time = (now() - start) / CALLS;
        if (time < best) best = time;
    }
    return best;
}

int main(void)
{
    function volatile pointer = plain_add;
    add *instance;
    double plain, export;
    if (add_create(NULL, &instance) != WASM_AOT_OK) {
        fprintf(stderr, "%s\n", add_error(NULL, WASM_AOT_ERROR));
        return 1;
    }
    plain = measure_plain(&pointer);
    export = measure_export(instance);
    printf("C function through a pointer %6.2f ns\n", plain);
    printf("export through the header    %6.2f ns\n", export);
    printf("ratio                        %6.2f\n", export / plain);
    add_destroy(instance);
    return 0;
}
