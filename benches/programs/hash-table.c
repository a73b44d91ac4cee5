// integer: words counted in a hash table with open addressing
#include "kernel.h"

enum { SLOTS = 1 << 15, WORDS = 20000, LENGTH = 12 };
static char words[WORDS][LENGTH];
static struct slot { const char *word; uint32_t hash, count; } slots[SLOTS];

static uint32_t hash(const char *word)
{
    uint32_t value = 2166136261u;
    for (; *word; word++)
        value = (value ^ (uint8_t)*word) * 16777619u;
    return value;
}

static struct slot *find(const char *word)
{
    uint32_t value = hash(word);
    for (uint32_t at = value % SLOTS;; at = (at + 1) % SLOTS) {
        struct slot *slot = &slots[at];
        if (!slot->word) {
            *slot = (struct slot){ word, value, 0 };
            return slot;
        }
        if (slot->hash == value && strcmp(slot->word, word) == 0)
            return slot;
    }
}

int main(int argc, char **argv)
{
    for (int i = 0; i < WORDS; i++) {
        int length = 3 + random32() % (LENGTH - 4);
        for (int k = 0; k < length; k++)
            words[i][k] = 'a' + random32() % 26;
    }
    int total = rounds(argc, argv, 10) * 1000000;
    for (int n = 0; n < total; n++)
        find(words[random32() % WORDS])->count++;
    uint64_t sum = 0, found = 0;
    for (int i = 0; i < SLOTS; i++)
        sum = mix(sum, slots[i].count), found += slots[i].count;
    expect(found == (uint64_t)total, "all are counted");
    print_sum(sum);
}
