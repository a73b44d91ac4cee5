/* What calling an export through the generated header costs, against a call of a
 * C function through a pointer. Prints the best of many runs of each. */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <time.h>

#include "calls.h"

/* Short runs, so that the best of them is not interrupted. */
enum { CALLS = 20000, RUNS = 3000 };

typedef uint32_t (*plain)(void *, int32_t, int32_t, int32_t *);
uint32_t plain_add(void *self, int32_t a, int32_t b, int32_t *result);
uint32_t plain_fetch(void *self, int32_t a, int32_t b, int32_t *result);
uint32_t plain_divide(void *self, int32_t a, int32_t b, int32_t *result);

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void print(const char *label, double time, double base)
{
    printf("%-32s %6.2f ns", label, time);
    if (base > 0) printf("  %5.2f times", time / base);
    printf("\n");
}

/* The time that `call`, which leaves its result in `sum`, takes at best. */
#define MEASURE(call, best)                              \
    do {                                                 \
        int run, i;                                      \
        best = 1e9;                                      \
        for (run = 0; run < RUNS; run++) {               \
            double start = now(), each;                  \
            int32_t sum = 0;                             \
            for (i = 1; i <= CALLS; i++) {               \
                if ((call) != WASM_AOT_OK) return 1;     \
            }                                            \
            each = (now() - start) / CALLS;              \
            if (each < best) best = each;                \
        }                                                \
    } while (0)

int main(void)
{
    plain volatile pointers[] = { plain_add, plain_fetch, plain_divide };
    plain add = pointers[0], fetch = pointers[1], divide = pointers[2];
    calls *self;
    double base, time;
    if (calls_create(NULL, &self) != WASM_AOT_OK) {
        fprintf(stderr, "%s\n", calls_error(NULL, WASM_AOT_ERROR));
        return 1;
    }
    MEASURE(add(NULL, sum, i, &sum), base);
    print("add, C through a pointer", base, 0);
    MEASURE(calls_add(self, sum, i, &sum), time);
    print("add, export (cannot trap)", time, base);
    MEASURE(fetch(NULL, sum, i, &sum), base);
    print("fetch, C through a pointer", base, 0);
    MEASURE(calls_fetch(self, sum, i, &sum), time);
    print("fetch, export (may trap)", time, base);
    MEASURE(divide(NULL, sum, i, &sum), base);
    print("divide, C through a pointer", base, 0);
    MEASURE(calls_divide(self, sum, i, &sum), time);
    print("divide, export (may trap)", time, base);
    calls_destroy(self);
    return 0;
}
