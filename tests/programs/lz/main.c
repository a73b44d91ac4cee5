/* A small compressor: LZ77 with hash chains and lazy matching, its decisions
 * coded by an adaptive binary range coder, as LZMA does it. Compresses several
 * kinds of data, expands the result and checks that it is the same. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SIZE = 1 << 18,
    HASH_BITS = 15,
    CHAIN = 48,          /* candidates tried for a match */
    SHORTEST = 3,
    LONGEST = SHORTEST + 255,
    PROBABILITY_BITS = 11,
    ADAPT = 5,
    SLOTS = 20,          /* a distance is coded as its bit length and the bits */
};

typedef uint16_t Bit; /* the probability of a zero, in 1/2048 */

typedef struct {
    Bit is_match[3], literal[256][256], length[256], slot[32], distance[SLOTS][32];
} Model;

typedef struct {
    uint8_t *out;
    size_t size;
    uint64_t low;
    uint32_t range;
    uint8_t cache;
    size_t pending;
} Encoder;

typedef struct {
    const uint8_t *in;
    uint32_t range, code;
} Decoder;

static void reset(Model *model)
{
    Bit *bits = (Bit *)model;
    for (size_t i = 0; i < sizeof *model / sizeof *bits; i++)
        bits[i] = 1 << (PROBABILITY_BITS - 1);
}

/* -- range coder -- */

static void shift_low(Encoder *e)
{
    if (e->low < 0xff000000u || e->low >> 32) {
        uint8_t carry = (uint8_t)(e->low >> 32);
        for (; e->pending; e->pending--, e->cache = 0xff)
            e->out[e->size++] = (uint8_t)(e->cache + carry);
        e->cache = (uint8_t)(e->low >> 24);
    }
    e->pending++;
    e->low = (e->low & 0x00ffffff) << 8;
}

static void encode_bit(Encoder *e, Bit *bit, int value)
{
    uint32_t bound = (e->range >> PROBABILITY_BITS) * *bit;
    if (value) {
        e->low += bound;
        e->range -= bound;
        *bit -= *bit >> ADAPT;
    } else {
        e->range = bound;
        *bit += ((1 << PROBABILITY_BITS) - *bit) >> ADAPT;
    }
    for (; e->range < 1u << 24; e->range <<= 8)
        shift_low(e);
}

static int decode_bit(Decoder *d, Bit *bit)
{
    uint32_t bound = (d->range >> PROBABILITY_BITS) * *bit;
    int value = d->code >= bound;
    if (value) {
        d->code -= bound;
        d->range -= bound;
        *bit -= *bit >> ADAPT;
    } else {
        d->range = bound;
        *bit += ((1 << PROBABILITY_BITS) - *bit) >> ADAPT;
    }
    for (; d->range < 1u << 24; d->range <<= 8)
        d->code = d->code << 8 | *d->in++;
    return value;
}

/* A number of `width` bits, each bit predicted from those before it. */
static void encode_tree(Encoder *e, Bit *bits, int width, unsigned value)
{
    for (unsigned node = 1; width--; node = node * 2 + (value >> width & 1))
        encode_bit(e, &bits[node], value >> width & 1);
}

static unsigned decode_tree(Decoder *d, Bit *bits, int width)
{
    unsigned node = 1;
    for (int i = 0; i < width; i++)
        node = node * 2 + (unsigned)decode_bit(d, &bits[node]);
    return node - (1u << width);
}

/* Only the top bits of a distance are worth a prediction. */
static void encode_distance(Encoder *e, Model *m, uint32_t distance)
{
    int width = 31 - __builtin_clz(distance);
    encode_tree(e, m->slot, 5, (unsigned)width);
    for (int i = width - 1, seen = 1; i >= 0; i--) {
        int value = distance >> i & 1;
        Bit even = 1 << (PROBABILITY_BITS - 1);
        encode_bit(e, seen < 16 ? &m->distance[width][seen] : &even, value);
        seen = seen * 2 + value;
    }
}

static uint32_t decode_distance(Decoder *d, Model *m)
{
    int width = (int)decode_tree(d, m->slot, 5);
    uint32_t distance = 1;
    for (int i = 0; i < width; i++) {
        Bit even = 1 << (PROBABILITY_BITS - 1);
        distance = distance * 2 + (uint32_t)decode_bit(d, distance < 16 ? &m->distance[width][distance] : &even);
    }
    return distance;
}

/* -- matching -- */

static int32_t heads[1 << HASH_BITS], previous[SIZE];

static uint32_t hash(const uint8_t *p)
{
    return (p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16) * 2654435761u >> (32 - HASH_BITS);
}

static void insert(const uint8_t *data, size_t at, size_t size)
{
    if (at + SHORTEST > size)
        return;
    uint32_t h = hash(data + at);
    previous[at] = heads[h];
    heads[h] = (int32_t)at;
}

static unsigned find(const uint8_t *data, size_t at, size_t size, uint32_t *distance)
{
    unsigned best = 0, limit = size - at < LONGEST ? (unsigned)(size - at) : LONGEST;
    if (limit < SHORTEST)
        return 0;
    int32_t candidate = heads[hash(data + at)];
    for (int tries = CHAIN; candidate >= 0 && tries--; candidate = previous[candidate]) {
        unsigned length = 0;
        while (length < limit && data[candidate + length] == data[at + length])
            length++;
        if (length > best) {
            best = length;
            *distance = (uint32_t)(at - (size_t)candidate);
        }
    }
    return best >= SHORTEST ? best : 0;
}

static size_t compress(const uint8_t *data, size_t size, uint8_t *out)
{
    static Model model;
    Encoder e = {.out = out, .range = UINT32_MAX, .pending = 1};
    int state = 0;
    reset(&model);
    memset(heads, -1, sizeof heads);
    for (size_t at = 0; at < size;) {
        uint32_t distance = 0, later;
        unsigned length = find(data, at, size, &distance);
        insert(data, at, size);
        if (length && length < 32 && find(data, at + 1, size, &later) > length)
            length = 0; /* a literal now makes room for a longer match */
        encode_bit(&e, &model.is_match[state], length != 0);
        if (length == 0) {
            encode_tree(&e, model.literal[at ? data[at - 1] : 0], 8, data[at]);
            at++;
            state = 0;
            continue;
        }
        encode_tree(&e, model.length, 8, length - SHORTEST);
        encode_distance(&e, &model, distance);
        for (size_t end = at + length; ++at < end;)
            insert(data, at, size);
        state = length > 16 ? 2 : 1;
    }
    for (int i = 0; i < 5; i++)
        shift_low(&e);
    return e.size;
}

static void expand(const uint8_t *in, uint8_t *data, size_t size)
{
    static Model model;
    Decoder d = {.in = in + 1, .range = UINT32_MAX};
    int state = 0;
    reset(&model);
    for (int i = 0; i < 4; i++)
        d.code = d.code << 8 | *d.in++;
    for (size_t at = 0; at < size;) {
        if (!decode_bit(&d, &model.is_match[state])) {
            data[at] = (uint8_t)decode_tree(&d, model.literal[at ? data[at - 1] : 0], 8);
            at++;
            state = 0;
            continue;
        }
        unsigned length = SHORTEST + decode_tree(&d, model.length, 8);
        uint32_t distance = decode_distance(&d, &model);
        if (distance > at || length > size - at) {
            puts("damaged");
            exit(1);
        }
        for (unsigned i = 0; i < length; i++, at++)
            data[at] = data[at - distance];
        state = length > 16 ? 2 : 1;
    }
}

/* -- data -- */

static uint32_t random_state;

static uint32_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    return random_state ^= random_state << 5;
}

static void fill_zeros(uint8_t *data) { memset(data, 0, SIZE); }

static void fill_noise(uint8_t *data)
{
    for (int i = 0; i < SIZE; i++)
        data[i] = (uint8_t)(next_random() >> 11);
}

static void fill_prose(uint8_t *data)
{
    static const char *words[] = {"the ", "module ", "reads ", "writes ", "a ", "table ", "and ",
                                  "memory ", "grows, ", "then ", "it ", "traps.\n"};
    for (int at = 0; at < SIZE;)
        for (const char *word = words[next_random() % 12]; *word && at < SIZE;)
            data[at++] = (uint8_t)*word++;
}

static void fill_table(uint8_t *data)
{
    uint32_t record[4] = {0};
    for (int at = 0; at < SIZE; at += sizeof record) {
        record[0]++;
        record[1] += next_random() % 16;
        record[2] = record[0] * record[0];
        memcpy(data + at, record, sizeof record);
    }
}

static uint32_t crc32(const uint8_t *data, size_t size)
{
    uint32_t crc = ~0u;
    while (size--) {
        crc ^= *data++;
        for (int i = 0; i < 8; i++)
            crc = crc >> 1 ^ (0xedb88320u & -(crc & 1));
    }
    return ~crc;
}

int main(void)
{
    static const struct {
        const char *name;
        void (*fill)(uint8_t *);
    } kinds[] = {{"zeros", fill_zeros}, {"noise", fill_noise}, {"prose", fill_prose}, {"table", fill_table}};
    static uint8_t data[SIZE], packed[SIZE + SIZE / 8 + 64], back[SIZE];
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        random_state = 2463534242u;
        kinds[i].fill(data);
        size_t size = compress(data, SIZE, packed);
        memset(back, 0xaa, SIZE);
        expand(packed, back, SIZE);
        printf("%s: %d -> %lu bytes, crc %08x, %s\n", kinds[i].name, SIZE, (unsigned long)size,
               (unsigned)crc32(packed, size), memcmp(data, back, SIZE) ? "different" : "same");
    }
}
