// integer: words are looked for in a text, by Horspool's method and by brute force
#include "kernel.h"

enum { TEXT = 1 << 20 };
static char text[TEXT];

static int horspool(const char *word, int length)
{
    int skip[256], found = 0;
    for (int c = 0; c < 256; c++)
        skip[c] = length;
    for (int i = 0; i < length - 1; i++)
        skip[(uint8_t)word[i]] = length - 1 - i;
    for (int at = 0; at + length <= TEXT; at += skip[(uint8_t)text[at + length - 1]]) {
        int i = length - 1;
        while (i >= 0 && text[at + i] == word[i])
            i--;
        found += i < 0;
    }
    return found;
}

static int brute(const char *word, int length)
{
    int found = 0;
    for (int at = 0; at + length <= TEXT; at++) {
        int i = 0;
        while (i < length && text[at + i] == word[i])
            i++;
        found += i == length;
    }
    return found;
}

int main(int argc, char **argv)
{
    for (int i = 0; i < TEXT; i++)
        text[i] = "etaoin shrdlu"[random32() % 13 * (random32() % 13) / 12];
    uint64_t sum = 0;
    for (int n = rounds(argc, argv, 60); n > 0; n--) {
        int at = random32() % (TEXT - 16), length = 4 + n % 9;
        int found = horspool(text + at, length);
        expect(found == brute(text + at, length) && found > 0, "both find the same");
        sum = mix(sum, found);
    }
    print_sum(sum);
}
