/* A small Forth. What stands on standard input is compiled word by word to
 * threaded code: cells of which each instruction is a function pointer, so that
 * running it is one indirect call after another.
 *
 *   arithmetic   + - * / mod negate abs min max and or xor invert lshift rshift
 *   comparison   = <> < > 0= 0<
 *   stack        dup drop swap over rot nip 2dup 2drop >r r> r@
 *   memory       variable NAME, constant NAME, array NAME (n cells), @ ! +! cells
 *   control      if else then, begin until, begin while repeat, do loop +loop,
 *                i j, exit, recurse, : NAME ... ;
 *   output       . emit cr space ." text"     comments   ( ... )  \ ...
 */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CODE = 1 << 14, DATA = 1 << 20, STACK = 1 << 10, WORDS = 512, NAME = 32 };

typedef int32_t Cell;
typedef void (*Instruction)(void);

typedef struct {
    char name[NAME];
    Instruction run;  /* what executing it does */
    Cell operand;     /* of a defined word: where its code begins, or its value */
    int immediate;    /* runs while a definition is being compiled */
} Word;

typedef union {
    Instruction run;
    Cell operand;
} Code;

static Word words[WORDS];
static int word_count, current, compiling;
static Code code[CODE];
static int here, pc;
static Cell data[DATA];
static int data_used;
static Cell stack[STACK], returns[STACK];
static int sp, rp;
static int line = 1;

static void fail(const char *message, const char *detail)
{
    fflush(stdout);
    fprintf(stderr, "line %d: %s %s\n", line, message, detail);
    exit(1);
}

/* -- stacks and memory -- */

static void push(Cell value)
{
    if (sp == STACK)
        fail("stack overflow", "");
    stack[sp++] = value;
}

static Cell pop(void)
{
    if (sp == 0)
        fail("stack underflow", "");
    return stack[--sp];
}

static void push_return(Cell value)
{
    if (rp == STACK)
        fail("return stack overflow", "");
    returns[rp++] = value;
}

static Cell pop_return(void)
{
    if (rp == 0)
        fail("return stack underflow", "");
    return returns[--rp];
}

static Cell *cell(Cell address)
{
    if (address < 0 || address >= data_used)
        fail("address outside of the data", "");
    return &data[address];
}

/* -- words that run: wrap-around arithmetic on 32 bits -- */

#define BINARY(name, expression)                \
    static void name(void)                      \
    {                                           \
        Cell b = pop(), a = pop();              \
        uint32_t ua = (uint32_t)a;              \
        uint32_t ub = (uint32_t)b;              \
        (void)ua, (void)ub;                     \
        push((Cell)(expression));               \
    }
#define UNARY(name, expression)                 \
    static void name(void)                      \
    {                                           \
        Cell a = pop();                         \
        push((Cell)(expression));               \
    }

static Cell divide(Cell a, Cell b, int remainder)
{
    if (b == 0)
        fail("division by zero", "");
    if (b == -1)
        return remainder ? 0 : (Cell)(0 - (uint32_t)a);
    return remainder ? a % b : a / b;
}

BINARY(f_add, ua + ub)
BINARY(f_subtract, ua - ub)
BINARY(f_multiply, ua * ub)
BINARY(f_divide, divide(a, b, 0))
BINARY(f_modulo, divide(a, b, 1))
BINARY(f_min, a < b ? a : b)
BINARY(f_max, a > b ? a : b)
BINARY(f_and, ua & ub)
BINARY(f_or, ua | ub)
BINARY(f_xor, ua ^ ub)
BINARY(f_left, ua << (ub & 31))
BINARY(f_right, ua >> (ub & 31))
BINARY(f_arithmetic_right, a >> (ub & 31))
BINARY(f_equal, -(a == b))
BINARY(f_different, -(a != b))
BINARY(f_less, -(a < b))
BINARY(f_greater, -(a > b))
UNARY(f_negate, 0 - (uint32_t)a)
UNARY(f_abs, a < 0 ? 0 - (uint32_t)a : (uint32_t)a)
UNARY(f_invert, ~a)
UNARY(f_zero, -(a == 0))
UNARY(f_negative, -(a < 0))
UNARY(f_fetch, *cell(a))

static void f_dup(void) { Cell a = pop(); push(a); push(a); }
static void f_drop(void) { pop(); }
static void f_swap(void) { Cell b = pop(), a = pop(); push(b); push(a); }
static void f_over(void) { Cell b = pop(), a = pop(); push(a); push(b); push(a); }
static void f_rot(void) { Cell c = pop(), b = pop(), a = pop(); push(b); push(c); push(a); }
static void f_nip(void) { Cell b = pop(); pop(); push(b); }
static void f_2dup(void) { f_over(); f_over(); }
static void f_2drop(void) { pop(); pop(); }
static void f_to_return(void) { push_return(pop()); }
static void f_from_return(void) { push(pop_return()); }
static void f_copy_return(void) { Cell a = pop_return(); push_return(a); push(a); }
static void f_store(void) { Cell *at = cell(pop()); *at = pop(); }
static void f_add_store(void) { Cell *at = cell(pop()); *at = (Cell)((uint32_t)*at + (uint32_t)pop()); }
static void f_nothing(void) { }
static void f_dot(void) { printf("%d ", (int)pop()); }
static void f_emit(void) { putchar(pop()); }
static void f_newline(void) { putchar('\n'); }
static void f_space(void) { putchar(' '); }
static void f_bye(void) { exit(pop() & 255); }

/* -- instructions that take an operand from the code -- */

static void f_literal(void) { push(code[pc++].operand); }
static void f_call(void) { push_return(pc + 1); pc = code[pc].operand; }
static void f_exit(void)
{
    pc = pop_return();
    if (pc < 0 || pc >= CODE)
        fail("returned to a place outside of the program", "");
}

static void f_jump(void) { pc = code[pc].operand; }
static void f_jump_if_zero(void) { pc = pop() ? pc + 1 : code[pc].operand; }
static void f_print_text(void) { fputs(words[code[pc++].operand].name, stdout); }
static void f_do(void) { Cell from = pop(); push_return(pop()); push_return(from); }

static Cell loop_index(int outer)
{
    if (rp < 2 + 2 * outer)
        fail("no loop here", "");
    return returns[rp - 1 - 2 * outer];
}

static void f_i(void) { push(loop_index(0)); }
static void f_j(void) { push(loop_index(1)); }

static void step(Cell by)
{
    Cell index = pop_return(), limit = pop_return();
    int64_t next = (int64_t)index + by;
    int done = by < 0 ? next < limit : next >= limit;
    if (done) {
        pc++;
    } else {
        push_return(limit);
        push_return((Cell)next);
        pc = code[pc].operand;
    }
}

static void f_loop(void) { step(1); }
static void f_plus_loop(void) { step(pop()); }

/* -- compiling -- */

static Code *emit(void)
{
    if (here == CODE)
        fail("program too long", "");
    return &code[here++];
}

static void emit_run(Instruction run) { emit()->run = run; }
static void emit_operand(Cell operand) { emit()->operand = operand; }

/* Reads up to white space, or up to `close`. Gives 0 at the end of the input. */
static int read_token(char *out, int close)
{
    int c = getchar(), size = 0;
    while (!close && c != EOF && isspace(c)) {
        line += c == '\n';
        c = getchar();
    }
    for (; c != EOF && (close ? c != close : !isspace(c)); c = getchar()) {
        line += c == '\n';
        if (size < NAME - 1)
            out[size++] = (char)(close ? c : tolower(c));
        else if (!close)
            fail("name too long", "");
    }
    line += c == '\n';
    out[size] = 0;
    return size > 0 || c != EOF;
}

static Word *define(Instruction run, Cell operand, int immediate)
{
    if (word_count == WORDS)
        fail("too many words", "");
    Word *word = &words[word_count++];
    word->run = run;
    word->operand = operand;
    word->immediate = immediate;
    return word;
}

static Word *define_next(Instruction run, Cell operand)
{
    Word *word = define(run, operand, 0);
    if (!read_token(word->name, 0))
        fail("name expected", "");
    return word;
}

static void c_colon(void) { define_next(f_call, here); current = word_count - 1; compiling = 1; }
static void c_semicolon(void) { emit_run(f_exit); compiling = 0; }
static void c_recurse(void) { emit_run(f_call); emit_operand(words[current].operand); }
static void c_if(void) { emit_run(f_jump_if_zero); push(here); emit_operand(0); }
static void c_then(void) { code[pop()].operand = here; }

static void c_else(void)
{
    Cell test = pop();
    emit_run(f_jump);
    push(here);
    emit_operand(0);
    code[test].operand = here;
}

static void c_begin(void) { push(here); }
static void c_until(void) { emit_run(f_jump_if_zero); emit_operand(pop()); }
static void c_while(void) { c_if(); f_swap(); }
static void c_repeat(void) { emit_run(f_jump); emit_operand(pop()); c_then(); }
static void c_do(void) { emit_run(f_do); push(here); }
static void c_loop(void) { emit_run(f_loop); emit_operand(pop()); }
static void c_plus_loop(void) { emit_run(f_plus_loop); emit_operand(pop()); }
static void c_comment(void) { char text[NAME]; read_token(text, ')'); }
static void c_line_comment(void) { char text[NAME]; read_token(text, '\n'); }
static void c_constant(void) { Cell value = pop(); define_next(f_literal, value); }

static void allot(Cell cells)
{
    if (cells < 0 || cells > DATA - data_used)
        fail("no memory for", "an array");
    define_next(f_literal, data_used);
    data_used += cells;
}

static void c_variable(void) { allot(1); }
static void c_array(void) { allot(pop()); }

/* Text is kept as the name of a word that no token can match. */
static void c_text(void)
{
    Word *word = define(NULL, 0, 0);
    read_token(word->name, '"');
    if (!compiling) {
        fputs(word->name, stdout);
        word_count--;
        return;
    }
    emit_run(f_print_text);
    emit_operand((Cell)(word - words));
}

static const struct { const char *name; Instruction run; int immediate; } primitives[] = {
    {"+", f_add, 0}, {"-", f_subtract, 0}, {"*", f_multiply, 0}, {"/", f_divide, 0}, {"mod", f_modulo, 0},
    {"min", f_min, 0}, {"max", f_max, 0}, {"negate", f_negate, 0}, {"abs", f_abs, 0}, {"and", f_and, 0},
    {"or", f_or, 0}, {"xor", f_xor, 0}, {"invert", f_invert, 0}, {"lshift", f_left, 0}, {"rshift", f_right, 0},
    {"arshift", f_arithmetic_right, 0}, {"=", f_equal, 0}, {"<>", f_different, 0}, {"<", f_less, 0},
    {">", f_greater, 0}, {"0=", f_zero, 0}, {"0<", f_negative, 0}, {"dup", f_dup, 0}, {"drop", f_drop, 0},
    {"swap", f_swap, 0}, {"over", f_over, 0}, {"rot", f_rot, 0}, {"nip", f_nip, 0}, {"2dup", f_2dup, 0},
    {"2drop", f_2drop, 0}, {">r", f_to_return, 0}, {"r>", f_from_return, 0}, {"r@", f_copy_return, 0},
    {"@", f_fetch, 0}, {"!", f_store, 0}, {"+!", f_add_store, 0}, {"cells", f_nothing, 0}, {".", f_dot, 0},
    {"emit", f_emit, 0}, {"cr", f_newline, 0}, {"space", f_space, 0}, {"bye", f_bye, 0}, {"i", f_i, 0},
    {"j", f_j, 0}, {"exit", f_exit, 0}, {":", c_colon, 1}, {";", c_semicolon, 1}, {"recurse", c_recurse, 1},
    {"if", c_if, 1}, {"else", c_else, 1}, {"then", c_then, 1}, {"begin", c_begin, 1}, {"until", c_until, 1},
    {"while", c_while, 1}, {"repeat", c_repeat, 1}, {"do", c_do, 1}, {"loop", c_loop, 1},
    {"+loop", c_plus_loop, 1}, {"(", c_comment, 1}, {"\\", c_line_comment, 1}, {".\"", c_text, 1},
    {"constant", c_constant, 1}, {"variable", c_variable, 1}, {"array", c_array, 1},
};

static Word *find(const char *name)
{
    for (int i = word_count; i-- > 0;)
        if (words[i].run && strcmp(words[i].name, name) == 0)
            return &words[i];
    return NULL;
}

/* Runs one instruction, and the definition it may call to its end. */
static void execute(Instruction run, Cell operand)
{
    int start = here, depth = rp;
    emit_run(run);
    emit_operand(operand);
    here = start;
    pc = start + 1;
    run();
    while (rp > depth)
        code[pc++].run();
}

static void interpret(const char *token)
{
    char *end;
    Word *word = find(token);
    int takes_operand = word && (word->run == f_call || word->run == f_literal);
    long number = 0;
    if (!word) {
        number = strtol(token, &end, 0);
        if (*end || end == token)
            fail("unknown word:", token);
    }
    if (word && word->immediate) {
        word->run();
    } else if (!compiling) {
        word ? execute(word->run, word->operand) : push((Cell)number);
    } else if (!word) {
        emit_run(f_literal);
        emit_operand((Cell)number);
    } else {
        emit_run(word->run);
        if (takes_operand)
            emit_operand(word->operand);
    }
}

int main(void)
{
    char token[NAME];
    for (size_t i = 0; i < sizeof primitives / sizeof *primitives; i++)
        strcpy(define(primitives[i].run, 0, primitives[i].immediate)->name, primitives[i].name);
    while (read_token(token, 0))
        if (*token)
            interpret(token);
}
