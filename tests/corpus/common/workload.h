/* Deterministic input for the drivers of the corpus, and ways to sum up output.
 *
 * Everything here is integer arithmetic of fixed width, so that a native build
 * and every wasm build see the same bytes. */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* splitmix64 */
static inline uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* 64-bit FNV-1a */
static inline uint64_t fnv1a(const void *data, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const unsigned char *p = data, *end = p + size; p < end; p++)
        hash = (hash ^ *p) * 0x100000001b3u;
    return hash;
}

/* Ends the program unless `condition` holds: a library that misbehaves must
 * not look like one that works. */
static inline void require(int condition, const char *what)
{
    if (!condition) {
        printf("failed: %s\n", what);
        exit(1);
    }
}

static inline void *allocate(size_t size)
{
    void *memory = malloc(size);
    require(memory != NULL, "out of memory");
    return memory;
}

/* Prose of a small vocabulary in which low-numbered words are frequent: about
 * as compressible as English. */
static inline void fill_text(char *out, size_t size, uint64_t seed)
{
    enum { WORDS = 2048, LONGEST = 12 };
    static char words[WORDS][LONGEST + 1];
    uint64_t vocabulary = 42;
    for (int i = 0; i < WORDS && !words[WORDS - 1][0]; i++) {
        int length = 2 + next_random(&vocabulary) % (i < 64 ? 4 : LONGEST - 2);
        for (int j = 0; j < length; j++)
            words[i][j] = "etaoinshrdlucmfwypvbgk"[next_random(&vocabulary) % (j % 2 ? 8 : 22)];
        words[i][length] = 0;
    }
    size_t at = 0, column = 0;
    while (at < size) {
        uint64_t r = next_random(&seed);
        const char *word = words[r % WORDS * ((r >> 20) % WORDS) / WORDS * ((r >> 40) % WORDS) / WORDS];
        for (; *word && at < size; column++)
            out[at++] = *word++;
        if (at < size)
            out[at++] = column > 70 ? '\n' : (r >> 60) ? ' ' : ',';
        column = column > 70 ? 0 : column + 1;
    }
}

/* An RGB picture with gradients, edges and a little noise. */
static inline void fill_picture(uint8_t *rgb, int width, int height, uint64_t seed)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++, rgb += 3) {
            int dx = x - width / 2, dy = y - height / 2;
            int inside = dx * dx + dy * dy < width * height / 9;
            int stripe = (x / 24 + y / 40) % 3 * 40;
            int noise = next_random(&seed) % 9;
            rgb[0] = (inside ? 200 - y * 100 / height : x * 180 / width) + noise;
            rgb[1] = (inside ? stripe + 60 : y * 180 / height) + noise;
            rgb[2] = (x ^ y) % 256 * (inside ? 1 : 2) / 3 + stripe / 2 + noise;
        }
}

#endif
