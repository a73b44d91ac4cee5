// integer: a JSON text is parsed into a tree and written again
#include "kernel.h"

enum kind { NUMBER, STRING, ARRAY, OBJECT };
struct node { enum kind kind; int length; long long number; const char *text; struct node *first, *next; };

enum { TEXT = 1 << 20, NODES = 1 << 18 };
static char text[TEXT], again[TEXT];
static struct node nodes[NODES];
static int used;
static const char *at;

static void skip(void)
{
    while (*at == ' ' || *at == '\n' || *at == ',' || *at == ':')
        at++;
}

static struct node *parse(void)
{
    skip();
    struct node *node = &nodes[used++];
    *node = (struct node){ 0 };
    if (*at == '"') {
        node->kind = STRING;
        node->text = ++at;
        while (*at != '"')
            at += *at == '\\' ? 2 : 1;
        node->length = (int)(at++ - node->text);
    } else if (*at == '[' || *at == '{') {
        node->kind = *at == '[' ? ARRAY : OBJECT;
        char end = *at++ == '[' ? ']' : '}';
        struct node **link = &node->first;
        for (skip(); *at != end; skip()) {
            *link = parse();
            link = &(*link)->next;
        }
        at++;
    } else {
        int negative = *at == '-';
        for (at += negative; *at >= '0' && *at <= '9'; at++)
            node->number = node->number * 10 + (*at - '0');
        if (negative)
            node->number = -node->number;
    }
    return node;
}

static char *write_node(char *to, const struct node *node)
{
    switch (node->kind) {
    case NUMBER: {
        char digits[24];
        int count = 0;
        unsigned long long value = node->number < 0 ? -node->number : node->number;
        do
            digits[count++] = '0' + value % 10;
        while (value /= 10);
        if (node->number < 0)
            *to++ = '-';
        while (count > 0)
            *to++ = digits[--count];
        return to;
    }
    case STRING:
        *to++ = '"';
        for (int i = 0; i < node->length; i++)
            *to++ = node->text[i];
        *to++ = '"';
        return to;
    default:
        *to++ = node->kind == ARRAY ? '[' : '{';
        int index = 0;
        for (const struct node *child = node->first; child; child = child->next, index++) {
            if (index > 0)
                *to++ = node->kind == OBJECT && index % 2 ? ':' : ',';
            to = write_node(to, child);
        }
        *to++ = node->kind == ARRAY ? ']' : '}';
        return to;
    }
}

int main(int argc, char **argv)
{
    char *to = text;
    *to++ = '[';
    for (int i = 0; to < text + TEXT - 200; i++) {
        uint32_t a = random32(), b = random32();
        to += sprintf(to, "%s{\"id\":%d,\"name\":\"item \\\"%u\\\"\",\"at\":[%d,%u],\"tags\":[\"a\",\"bc\",\"%u\"]}",
                      i ? "," : "", i, (unsigned)a, (int)b, (unsigned)b % 1000, (unsigned)(a ^ b));
    }
    strcpy(to, "]");
    uint64_t sum = 0;
    for (int n = rounds(argc, argv, 150); n > 0; n--) {
        used = 0;
        at = text;
        char *end = write_node(again, parse());
        *end = 0;
        expect(strcmp(text, again) == 0, "what is written is what was read");
        sum = mix(sum, used);
    }
    print_sum(sum);
}
