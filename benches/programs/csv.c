// integer: fields of a CSV text, some quoted, are split and added up by column
#include "kernel.h"

enum { TEXT = 1 << 20, COLUMNS = 6 };
static char text[TEXT], unquoted[256];
static long long total[COLUMNS];

/* Takes one field; returns what ends it. */
static const char *field(const char *at, char *to, int *length)
{
    char *start = to;
    if (*at == '"') {
        for (at++;; at++) {
            if (*at == '"') {
                if (at[1] != '"')
                    break;
                at++;
            }
            *to++ = *at;
        }
        at++;
    } else {
        while (*at != ',' && *at != '\n')
            *to++ = *at++;
    }
    *length = (int)(to - start);
    return at;
}

static long long value(const char *bytes, int length)
{
    long long number = 0;
    for (int i = 0; i < length; i++) {
        if (bytes[i] < '0' || bytes[i] > '9')
            return length;
        number = number * 10 + (bytes[i] - '0');
    }
    return number;
}

int main(int argc, char **argv)
{
    char *to = text;
    int rows = 0;
    for (; to < text + TEXT - 200; rows++) {
        uint32_t a = random32(), b = random32();
        to += sprintf(to, "%d,%u,name %u,\"said \"\"%u\"\", twice\",%u,\"%u\"\n", rows, (unsigned)a,
                      (unsigned)b % 100, (unsigned)b, (unsigned)a % 1000, (unsigned)a % 10);
    }
    *to = 0;
    for (int n = rounds(argc, argv, 400); n > 0; n--) {
        int column = 0, seen = 0;
        for (const char *at = text; *at; at++) {
            int length;
            at = field(at, unquoted, &length);
            total[column] += value(unquoted, length);
            column = *at == ',' ? column + 1 : 0;
            seen += *at == '\n';
        }
        expect(seen == rows, "the number of rows");
    }
    uint64_t sum = 0;
    for (int i = 0; i < COLUMNS; i++)
        sum = mix(sum, total[i]);
    print_sum(sum);
}
