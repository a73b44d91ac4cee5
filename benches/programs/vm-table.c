// integer: a virtual machine that calls its instructions through a table
#include "kernel.h"

struct machine { int64_t stack[64]; int top; uint32_t counter; const uint8_t *code; };

static void push(struct machine *m, int64_t value) { m->stack[m->top++ & 63] = value; }
static int64_t pop(struct machine *m) { return m->stack[--m->top & 63]; }
static int operand(struct machine *m) { return m->code[m->counter++]; }

static int constant(struct machine *m) { push(m, operand(m)); return 1; }
static int load(struct machine *m) { push(m, m->stack[operand(m)]); return 1; }
static int store(struct machine *m) { int to = operand(m); m->stack[to] = pop(m); return 1; }
static int add(struct machine *m) { int64_t b = pop(m); push(m, (int64_t)((uint64_t)pop(m) + b)); return 1; }
static int subtract(struct machine *m) { int64_t b = pop(m); push(m, (int64_t)((uint64_t)pop(m) - b)); return 1; }
static int multiply(struct machine *m) { int64_t b = pop(m); push(m, (int64_t)((uint64_t)pop(m) * b)); return 1; }
static int xor_shift(struct machine *m) { uint64_t a = pop(m); push(m, (int64_t)(a ^ a >> 7)); return 1; }
static int loop(struct machine *m) { int back = operand(m); if (pop(m) != 0) m->counter -= back; return 1; }
static int halt(struct machine *m) { (void)m; return 0; }

enum { CONSTANT, LOAD, STORE, ADD, SUBTRACT, MULTIPLY, XOR_SHIFT, LOOP, HALT };
/* Not constant, so that the compiler cannot see what is called. */
static int (*instructions[])(struct machine *) = {
    constant, load, store, add, subtract, multiply, xor_shift, loop, halt,
};

/* Local 0 counts down; local 1 collects. */
static const uint8_t program[] = {
    LOAD, 1, CONSTANT, 31, MULTIPLY, LOAD, 0, ADD, XOR_SHIFT, STORE, 1,
    LOAD, 0, CONSTANT, 1, SUBTRACT, STORE, 0, LOAD, 0, LOOP, 22, HALT,
};

int main(int argc, char **argv)
{
    static struct machine m;
    m.code = program;
    int64_t start = rounds(argc, argv, 12) * 1000000;
    m.stack[0] = start, m.stack[1] = 1, m.top = 2;
    while (instructions[m.code[m.counter++]](&m))
        ;
    uint64_t expected = 1;
    for (int64_t i = start; i > 0; i--) {
        expected = expected * 31 + i;
        expected ^= expected >> 7;
    }
    expect((uint64_t)m.stack[1] == expected, "what the program computes");
    print_sum(m.stack[1]);
}
