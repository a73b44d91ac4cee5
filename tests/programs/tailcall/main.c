// An interpreter whose operations call each other instead of returning: with
// ordinary calls, the stack would not suffice for a thousandth of this. And a
// lexer whose states do, with more arguments than there are registers.
#include <stdint.h>
#include <stdio.h>

struct machine;
typedef int64_t operation(struct machine *, const int32_t *pc, int64_t a, int64_t b);

struct machine {
    operation *const *table;
    int64_t steps;
};

#define NEXT(a, b) \
    __attribute__((musttail)) return machine->table[*pc](machine, pc + 1, (a), (b))

static int64_t halt(struct machine *machine, const int32_t *pc, int64_t a, int64_t b) {
    (void)pc, (void)b;
    machine->steps++;
    return a;
}

static int64_t add(struct machine *machine, const int32_t *pc, int64_t a, int64_t b) {
    machine->steps++;
    NEXT(a + b, b);
}

static int64_t decrement(struct machine *machine, const int32_t *pc, int64_t a, int64_t b) {
    machine->steps++;
    NEXT(a, b - 1);
}

static int64_t jump_if_set(struct machine *machine, const int32_t *pc, int64_t a, int64_t b) {
    machine->steps++;
    pc += b ? *pc : 1;
    NEXT(a, b);
}

static operation *const operations[] = {halt, add, decrement, jump_if_set};

// A state takes what it has counted so far with it: ten parameters.
typedef struct { int letters, digits, blanks, others; } counts;
typedef counts state(const char *at, const char *end, int64_t depth, double weight, float unit,
                     int letters, int digits, int blanks, int others, int previous);

static state letter, digit, blank, other;

static state *of(char c) {
    if (c >= '0' && c <= '9') return digit;
    if ((c | 32) >= 'a' && (c | 32) <= 'z') return letter;
    return c == ' ' ? blank : other;
}

#define GO(l, d, b, o, kind)                                                          \
    if (at == end) return (counts){letters + l, digits + d, blanks + b, others + o};  \
    __attribute__((musttail)) return of(*at)(at + 1, end, depth + 1, weight + unit,   \
        unit, letters + l, digits + d, blanks + b, others + o, kind)

#define STATE(name, l, d, b, o)                                                       \
    static counts name(const char *at, const char *end, int64_t depth, double weight, \
                       float unit, int letters, int digits, int blanks, int others,   \
                       int previous) {                                                \
        (void)previous;                                                               \
        GO(l, d, b, o, l + 2 * d + 4 * b + 8 * o);                                    \
    }

STATE(letter, 1, 0, 0, 0)
STATE(digit, 0, 1, 0, 0)
STATE(blank, 0, 0, 1, 0)
STATE(other, 0, 0, 0, 1)

static char text[1 << 20];

int main(void) {
    static const int32_t sum[] = {1, 2, 3, -3, 0};
    struct machine machine = {operations, 0};
    int64_t total = operations[sum[0]](&machine, sum + 1, 0, 3000000);
    printf("%lld in %lld steps\n", (long long)total, (long long)machine.steps);

    static const char pattern[] = "Call me 7 times, or 42.";
    for (unsigned i = 0; i < sizeof text; i++) text[i] = pattern[i % (sizeof pattern - 1)];
    counts c = of(text[0])(text + 1, text + sizeof text, 0, 0.5, 0.25f, 0, 0, 0, 0, 0);
    printf("%d letters, %d digits, %d blanks, %d others\n", c.letters, c.digits, c.blanks, c.others);
    return 0;
}
