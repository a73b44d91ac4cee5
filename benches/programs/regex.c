// integer: a backtracking matcher of regular expressions, compiled to nodes
#include "kernel.h"

/* A sequence of items, each a set of bytes with a repetition. */
struct item { uint8_t set[32]; char times; /* 1, '?', '*' or '+' */ };

static int compile(struct item *items, const char *pattern)
{
    int count = 0;
    for (; *pattern; count++) {
        struct item *item = &items[count];
        memset(item, 0, sizeof *item);
        if (*pattern == '[') {
            for (pattern++; *pattern != ']'; pattern++) {
                int first = (uint8_t)*pattern, last = first;
                if (pattern[1] == '-')
                    last = (uint8_t)*(pattern += 2);
                for (int c = first; c <= last; c++)
                    item->set[c / 8] |= 1 << c % 8;
            }
        } else if (*pattern == '.') {
            memset(item->set, 255, sizeof item->set);
            item->set['\n' / 8] &= ~(1 << '\n' % 8);
        } else {
            item->set[(uint8_t)*pattern / 8] |= 1 << (uint8_t)*pattern % 8;
        }
        pattern++;
        item->times = 1;
        if (*pattern && strchr("?*+", *pattern))
            item->times = *pattern++;
    }
    return count;
}

static int in_set(const struct item *item, char c)
{
    return c && item->set[(uint8_t)c / 8] >> (uint8_t)c % 8 & 1;
}

/* The end of a match of the items at `text`, or null. */
static const char *match(const struct item *item, const struct item *end, const char *text)
{
    for (; item < end; item++) {
        const char *start = text;
        if (item->times == 1) {
            if (!in_set(item, *text++))
                return 0;
            continue;
        }
        int most = item->times == '?' ? 1 : 1 << 30;
        while (most-- > 0 && in_set(item, *text))
            text++;
        for (const char *least = start + (item->times == '+'); text >= least; text--) {
            const char *rest = match(item + 1, end, text);
            if (rest)
                return rest;
        }
        return 0;
    }
    return text;
}

enum { TEXT = 1 << 17 };
static char text[TEXT + 1];

int main(int argc, char **argv)
{
    static const char letters[] = "aaeeiioostrnl.@-0123456789    \n";
    static const char *const patterns[] = {
        "[a-z]+@[a-z]+.[a-z]+", "[0-9]+-[0-9]+", "[aeiou]+[rst]*n[0-9]?", "s[a-z ]*t[0-9]", ".*@.*@.*-",
    };
    for (int i = 0; i < TEXT; i++)
        text[i] = letters[random32() % (sizeof letters - 1)];
    uint64_t sum = 0;
    struct item items[16];
    expect(match(items, items + compile(items, "a[b-d]*d"), "abcdd!") != 0, "a match");
    expect(match(items, items + compile(items, "a[b-d]+e"), "abcdd!") == 0, "no match");
    for (int n = rounds(argc, argv, 12); n > 0; n--)
        for (unsigned p = 0; p < sizeof patterns / sizeof *patterns; p++) {
            int count = compile(items, patterns[p]);
            for (const char *at = text; *at;) {
                const char *end = match(items, items + count, at);
                if (end && end > at)
                    sum = mix(sum, end - at);
                at = end && end > at ? end : at + 1;
            }
        }
    print_sum(sum);
}
