// integer: the ChaCha20 stream cipher
#include "kernel.h"

static uint32_t rotate(uint32_t x, int by)
{
    return x << by | x >> (32 - by);
}

static void quarter(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    *a += *b, *d = rotate(*d ^ *a, 16);
    *c += *d, *b = rotate(*b ^ *c, 12);
    *a += *b, *d = rotate(*d ^ *a, 8);
    *c += *d, *b = rotate(*b ^ *c, 7);
}

static void block(uint32_t out[16], const uint32_t in[16])
{
    uint32_t x[16];
    memcpy(x, in, sizeof x);
    for (int i = 0; i < 10; i++) {
        quarter(&x[0], &x[4], &x[8], &x[12]);
        quarter(&x[1], &x[5], &x[9], &x[13]);
        quarter(&x[2], &x[6], &x[10], &x[14]);
        quarter(&x[3], &x[7], &x[11], &x[15]);
        quarter(&x[0], &x[5], &x[10], &x[15]);
        quarter(&x[1], &x[6], &x[11], &x[12]);
        quarter(&x[2], &x[7], &x[8], &x[13]);
        quarter(&x[3], &x[4], &x[9], &x[14]);
    }
    for (int i = 0; i < 16; i++)
        out[i] = x[i] + in[i];
}

static uint32_t data[1 << 18];

int main(int argc, char **argv)
{
    /* Key, counter and nonce of RFC 8439, section 2.3.2. */
    uint32_t state[16] = {
        0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, 0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c,
        0x13121110, 0x17161514, 0x1b1a1918, 0x1f1e1d1c, 0x00000001, 0x09000000, 0x4a000000, 0x00000000,
    };
    uint32_t stream[16];
    block(stream, state);
    expect(stream[0] == 0xe4e7f110 && stream[15] == 0x4e3c50a2, "the block of the RFC");
    for (int n = rounds(argc, argv, 150); n > 0; n--)
        for (size_t at = 0; at < sizeof data / sizeof *data; at += 16) {
            block(stream, state);
            state[12]++;
            for (int i = 0; i < 16; i++)
                data[at + i] ^= stream[i];
        }
    uint64_t sum = 0;
    for (size_t i = 0; i < sizeof data / sizeof *data; i++)
        sum = mix(sum, data[i]);
    print_sum(sum);
}
