// integer: bytes to base64 and back
#include "kernel.h"

enum { BYTES = 3 << 18 };
static uint8_t bytes[BYTES], back[BYTES], decode_table[256];
static char encoded[BYTES / 3 * 4 + 1];
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void encode(const uint8_t *from, size_t length, char *to)
{
    for (size_t i = 0; i < length; i += 3) {
        uint32_t group = (uint32_t)from[i] << 16 | from[i + 1] << 8 | from[i + 2];
        *to++ = alphabet[group >> 18];
        *to++ = alphabet[group >> 12 & 63];
        *to++ = alphabet[group >> 6 & 63];
        *to++ = alphabet[group & 63];
    }
    *to = 0;
}

static void decode(const char *from, uint8_t *to)
{
    for (; *from; from += 4) {
        uint32_t group = 0;
        for (int i = 0; i < 4; i++)
            group = group << 6 | decode_table[(uint8_t)from[i]];
        *to++ = group >> 16;
        *to++ = group >> 8;
        *to++ = group;
    }
}

int main(int argc, char **argv)
{
    for (int i = 0; i < 64; i++)
        decode_table[(uint8_t)alphabet[i]] = i;
    encode((const uint8_t *)"Man", 3, encoded);
    expect(strcmp(encoded, "TWFu") == 0, "the example of the RFC");
    for (int i = 0; i < BYTES; i++)
        bytes[i] = random32();
    uint64_t sum = 0;
    for (int n = rounds(argc, argv, 400); n > 0; n--) {
        bytes[n] ^= n;
        encode(bytes, BYTES, encoded);
        decode(encoded, back);
        expect(memcmp(bytes, back, BYTES) == 0, "what comes back");
        sum = mix(sum, encoded[n]);
    }
    print_sum(sum);
}
