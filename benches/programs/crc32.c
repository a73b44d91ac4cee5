// integer: CRC-32 by tables, eight bytes at a time, and byte by byte
#include "kernel.h"

static uint32_t table[8][256];
static uint8_t bytes[1 << 20];

static uint32_t by_one(uint32_t crc, const uint8_t *at, size_t length)
{
    for (; length > 0; length--)
        crc = table[0][(crc ^ *at++) & 255] ^ crc >> 8;
    return crc;
}

static uint32_t by_eight(uint32_t crc, const uint8_t *at, size_t length)
{
    for (; length >= 8; length -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        word ^= crc;
        crc = 0;
        for (int i = 0; i < 8; i++)
            crc ^= table[7 - i][word >> 8 * i & 255];
    }
    return by_one(crc, at, length);
}

int main(int argc, char **argv)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
        table[0][i] = crc;
    }
    for (int k = 1; k < 8; k++)
        for (int i = 0; i < 256; i++)
            table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 255];
    expect(~by_one(~0u, (const uint8_t *)"123456789", 9) == 0xcbf43926, "the check value");
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = random32();
    uint32_t crc = 0;
    for (int n = rounds(argc, argv, 80); n > 0; n--) {
        uint32_t slow = by_one(crc, bytes, sizeof bytes);
        crc = by_eight(crc, bytes, sizeof bytes);
        expect(crc == slow, "both ways");
    }
    print_sum(crc);
}
