/* What the programs here share. Each is one file; its first line says of which
 * group it is and what it does. It prints what it computed, which must be the same
 * on every side, so it calls nothing of libm but sqrt and fabs, which are exact. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How often to do the work: the first argument, or `usual`, which takes a third of
 * a second or so natively. */
static int rounds(int argc, char **argv, int usual)
{
    return argc > 1 ? atoi(argv[1]) : usual;
}

static uint64_t random_state = 88172645463325252u;

/* The same numbers everywhere (xorshift64). */
static inline uint32_t random32(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32);
}

/* Between 0 and 1. */
static inline double random_unit(void)
{
    return random32() / 4294967296.0;
}

/* Mixes a value into a sum that is printed. */
static inline uint64_t mix(uint64_t sum, uint64_t value)
{
    sum = (sum ^ value) * 0x9e3779b97f4a7c15u;
    return sum ^ sum >> 29;
}

static inline uint64_t mix_double(uint64_t sum, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return mix(sum, bits);
}

static inline void print_sum(uint64_t sum)
{
    printf("%016llx\n", (unsigned long long)sum);
}

/* Ends the program if a result that is known beforehand is not right. */
static inline void expect(int right, const char *what)
{
    if (!right) {
        printf("wrong: %s\n", what);
        exit(1);
    }
}
