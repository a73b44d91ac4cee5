/* Reads JSON documents from standard input, one after another, and prints each
 * with two-space indentation and sorted keys (`-c`: compact). Text that is not
 * JSON (RFC 8259) ends it with status 1 and a message with line and column. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 256 };

typedef enum { NUL, FALSE, TRUE, NUMBER, STRING, ARRAY, OBJECT } Kind;

typedef struct Value Value;
struct Value {
    Kind kind;
    const char *key, *text; /* key within an object; text of a string or number */
    size_t key_size, text_size;
    Value *first, *next;
    unsigned count;
};

typedef struct {
    const char *at, *end, *line;
    unsigned number, depth;
} Reader;

static void *allocate(size_t size)
{
    enum { BLOCK = 1 << 16 };
    static char *free_space, *limit;
    size = (size + 15) & ~(size_t)15;
    if ((size_t)(limit - free_space) < size) {
        size_t block = size > BLOCK ? size : BLOCK;
        if (!(free_space = malloc(block))) {
            fputs("out of memory\n", stderr);
            exit(2);
        }
        limit = free_space + block;
    }
    void *result = free_space;
    free_space += size;
    return result;
}

static void fail(const Reader *r, const char *message)
{
    fflush(stdout);
    fprintf(stderr, "%u:%u: %s\n", r->number, (unsigned)(r->at - r->line) + 1, message);
    exit(1);
}

static void skip_space(Reader *r)
{
    for (; r->at < r->end; r->at++) {
        if (*r->at == '\n') {
            r->number++;
            r->line = r->at + 1;
        } else if (*r->at != ' ' && *r->at != '\t' && *r->at != '\r') {
            return;
        }
    }
}

static int peek(const Reader *r)
{
    return r->at < r->end ? (unsigned char)*r->at : -1;
}

static int accept(Reader *r, char c)
{
    if (peek(r) != c)
        return 0;
    r->at++;
    return 1;
}

static unsigned hex4(Reader *r)
{
    unsigned code = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        int c = peek(r), digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
        if (digit < 0 || digit > 15 || (digit > 9 && c < 'A'))
            fail(r, "four hexadecimal digits expected");
        code = code * 16 + (unsigned)digit;
    }
    return code;
}

static char *put_utf8(char *out, unsigned code)
{
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xc0 | code >> 6);
        *out++ = (char)(0x80 | (code & 63));
    } else if (code < 0x10000) {
        *out++ = (char)(0xe0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 63));
        *out++ = (char)(0x80 | (code & 63));
    } else {
        *out++ = (char)(0xf0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 63));
        *out++ = (char)(0x80 | (code >> 6 & 63));
        *out++ = (char)(0x80 | (code & 63));
    }
    return out;
}

static char *read_escape(Reader *r, char *out)
{
    int c = peek(r);
    r->at++;
    switch (c) {
    case '"': case '\\': case '/': *out++ = (char)c; return out;
    case 'b': *out++ = '\b'; return out;
    case 'f': *out++ = '\f'; return out;
    case 'n': *out++ = '\n'; return out;
    case 'r': *out++ = '\r'; return out;
    case 't': *out++ = '\t'; return out;
    case 'u': break;
    default: r->at--; fail(r, "unknown escape");
    }
    unsigned code = hex4(r);
    if (code >= 0xd800 && code < 0xdc00) {
        if (!accept(r, '\\') || !accept(r, 'u'))
            fail(r, "second half of a surrogate pair expected");
        unsigned low = hex4(r);
        if (low < 0xdc00 || low > 0xdfff)
            fail(r, "second half of a surrogate pair expected");
        code = 0x10000 + ((code - 0xd800) << 10 | (low - 0xdc00));
    } else if (code >= 0xdc00 && code < 0xe000) {
        fail(r, "surrogate without its first half");
    }
    return put_utf8(out, code);
}

static const char *read_string(Reader *r, size_t *size)
{
    if (!accept(r, '"'))
        fail(r, "string expected");
    const char *close = r->at;
    while (close < r->end && *close != '"')
        close += *close == '\\' ? 2 : 1;
    /* No escape is shorter than what it stands for. */
    char *text = allocate((size_t)(close - r->at) + 1), *out = text;
    while (!accept(r, '"')) {
        int c = peek(r);
        if (c < 0)
            fail(r, "string without an end");
        if (c < 0x20)
            fail(r, "control character in a string");
        r->at++;
        if (c == '\\')
            out = read_escape(r, out);
        else
            *out++ = (char)c;
    }
    *size = (size_t)(out - text);
    return text;
}

static void read_digits(Reader *r)
{
    if (peek(r) < '0' || peek(r) > '9')
        fail(r, "digit expected");
    while (peek(r) >= '0' && peek(r) <= '9')
        r->at++;
}

static void read_number(Reader *r, Value *value)
{
    value->kind = NUMBER;
    value->text = r->at;
    accept(r, '-');
    if (!accept(r, '0'))
        read_digits(r);
    if (accept(r, '.'))
        read_digits(r);
    if (accept(r, 'e') || accept(r, 'E')) {
        if (!accept(r, '+'))
            accept(r, '-');
        read_digits(r);
    }
    value->text_size = (size_t)(r->at - value->text);
}

static void read_word(Reader *r, Value *value, Kind kind, const char *word)
{
    for (value->kind = kind; *word; word++)
        if (!accept(r, *word))
            fail(r, "value expected");
}

static Value *read_value(Reader *r);

static void read_members(Reader *r, Value *parent, char close)
{
    Value **link = &parent->first;
    if (++r->depth > DEEPEST)
        fail(r, "nested too deeply");
    skip_space(r);
    if (!accept(r, close)) {
        do {
            const char *key = NULL;
            size_t size = 0;
            skip_space(r);
            if (parent->kind == OBJECT) {
                key = read_string(r, &size);
                skip_space(r);
                if (!accept(r, ':'))
                    fail(r, "':' expected");
            }
            *link = read_value(r);
            (*link)->key = key;
            (*link)->key_size = size;
            link = &(*link)->next;
            parent->count++;
            skip_space(r);
        } while (accept(r, ','));
        if (!accept(r, close))
            fail(r, close == '}' ? "',' or '}' expected" : "',' or ']' expected");
    }
    r->depth--;
}

static Value *read_value(Reader *r)
{
    Value *value = allocate(sizeof *value);
    memset(value, 0, sizeof *value);
    skip_space(r);
    switch (peek(r)) {
    case 'n': read_word(r, value, NUL, "null"); break;
    case 'f': read_word(r, value, FALSE, "false"); break;
    case 't': read_word(r, value, TRUE, "true"); break;
    case '"':
        value->kind = STRING;
        value->text = read_string(r, &value->text_size);
        break;
    case '[':
        r->at++;
        value->kind = ARRAY;
        read_members(r, value, ']');
        break;
    case '{':
        r->at++;
        value->kind = OBJECT;
        read_members(r, value, '}');
        break;
    default:
        read_number(r, value);
    }
    return value;
}

static void print_string(const char *text, size_t size)
{
    putchar('"');
    for (; size--; text++) {
        const char *short_escapes = "\"\"\\\\\bb\ff\nn\rr\tt";
        const char *escape = *text ? strchr(short_escapes, *text) : NULL;
        if (escape && (escape - short_escapes) % 2 == 0)
            printf("\\%c", escape[1]);
        else if ((unsigned char)*text < 0x20)
            printf("\\u%04x", (unsigned)*text);
        else
            putchar(*text);
    }
    putchar('"');
}

static int by_key(const void *left, const void *right)
{
    const Value *a = *(Value *const *)left, *b = *(Value *const *)right;
    size_t size = a->key_size < b->key_size ? a->key_size : b->key_size;
    int order = memcmp(a->key, b->key, size);
    return order ? order : (a->key_size > b->key_size) - (a->key_size < b->key_size);
}

static void print_value(const Value *value, int compact, int indent)
{
    static const char *words[] = {"null", "false", "true"};
    if (value->kind <= TRUE) {
        fputs(words[value->kind], stdout);
        return;
    }
    if (value->kind == NUMBER) {
        fwrite(value->text, 1, value->text_size, stdout);
        return;
    }
    if (value->kind == STRING) {
        print_string(value->text, value->text_size);
        return;
    }
    Value **members = allocate(value->count * sizeof *members);
    unsigned count = 0;
    for (Value *member = value->first; member; member = member->next)
        members[count++] = member;
    if (value->kind == OBJECT)
        qsort(members, count, sizeof *members, by_key);
    putchar(value->kind == ARRAY ? '[' : '{');
    for (unsigned i = 0; i < count; i++) {
        if (i)
            putchar(',');
        if (!compact)
            printf("\n%*s", indent + 2, "");
        if (value->kind == OBJECT) {
            print_string(members[i]->key, members[i]->key_size);
            fputs(compact ? ":" : ": ", stdout);
        }
        print_value(members[i], compact, indent + 2);
    }
    if (count && !compact)
        printf("\n%*s", indent, "");
    putchar(value->kind == ARRAY ? ']' : '}');
}

static char *read_all(size_t *size)
{
    size_t capacity = 1 << 12;
    char *text = malloc(capacity);
    for (*size = 0; text;) {
        size_t got = fread(text + *size, 1, capacity - *size, stdin);
        *size += got;
        if (got == 0)
            return text;
        if (*size == capacity)
            text = realloc(text, capacity *= 2);
    }
    fputs("out of memory\n", stderr);
    exit(2);
}

int main(int argc, char **argv)
{
    int compact = argc > 1 && strcmp(argv[1], "-c") == 0;
    size_t size;
    char *text = read_all(&size);
    Reader reader = {text, text + size, text, 1, 0};
    for (skip_space(&reader); reader.at < reader.end; skip_space(&reader)) {
        print_value(read_value(&reader), compact, 0);
        putchar('\n');
    }
}
