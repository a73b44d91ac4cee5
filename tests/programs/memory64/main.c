// A program with 64-bit addresses, without a library: it works on both sides of the
// line at 4 GiB, and across it. What it computes does not depend on where things
// are, so a native build of the same source says what has to come out.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GIB ((size_t)1 << 30)
#define SIZE (6 * GIB)

#ifdef __wasm__
#define EXPORT __attribute__((export_name("run")))

// The compiler makes calls of these.
void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    __asm__("local.get %0\n local.get %1\n local.get %2\n memory.copy 0, 0"
            : : "r"(to), "r"(from), "r"(size) : "memory");
    return to;
}

void *memset(void *to, int byte, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((volatile char *)to)[i] = (char)byte;
    return to;
}

// Address space, of which hardly anything is touched.
static char *arena(void)
{
    size_t pages = __builtin_wasm_memory_grow(0, SIZE >> 16);
    return pages == (size_t)-1 ? NULL : (char *)(pages << 16);
}
#else
#define EXPORT
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static char *arena(void)
{
    void *space = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return space == MAP_FAILED ? NULL : space;
}
#endif

static uint64_t state;

static uint64_t next(void) // xorshift
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static uint64_t hash(uint64_t hash, const void *bytes, size_t size) // FNV-1a
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
    return hash;
}

// Where address 4 GiB is, or would be.
static char *line(char *arena)
{
    return arena + (4 * GIB - ((uintptr_t)arena & (GIB - 1)));
}

typedef bool less(uint64_t a, uint64_t b);
static bool ascending(uint64_t a, uint64_t b) { return a < b; }
static bool descending(uint64_t a, uint64_t b) { return a > b; }

static void sort(uint64_t *items, size_t count, less *before) // heap sort
{
    for (size_t start = count / 2, end = count; end > 1;) {
        uint64_t item;
        if (start > 0) {
            item = items[--start];
        } else {
            item = items[--end];
            items[end] = items[0];
        }
        size_t root = start;
        for (size_t child; (child = 2 * root + 1) < end; root = child) {
            if (child + 1 < end && before(items[child], items[child + 1]))
                child++;
            if (!before(item, items[child]))
                break;
            items[root] = items[child];
        }
        items[root] = item;
    }
}

// A search tree whose nodes lie far from each other.
typedef struct node {
    struct node *children[2];
    uint64_t key;
} node;

static node *insert(char *arena, size_t number, uint64_t key, node *root)
{
    // 5 MiB and a bit more apart: so many places in 6 GiB.
    node *new = (node *)(arena + number * (5 * GIB / 1024 + 4160) % (SIZE - 64));
    new->key = key;
    for (node **place = &root;; place = &(*place)->children[key > (*place)->key]) {
        if (*place == NULL) {
            *place = new;
            return root;
        }
    }
}

static uint64_t walk(const node *node, uint64_t sum)
{
    if (node == NULL)
        return sum;
    sum = walk(node->children[0], sum);
    sum = hash(sum, &node->key, sizeof node->key);
    return walk(node->children[1], sum);
}

EXPORT uint64_t run(uint64_t seed)
{
    char *start = arena();
    if (start == NULL)
        return 0;
    char *middle = line(start);
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    state = seed;

    // Sorted across the line, both ways.
    enum { COUNT = 20000 };
    uint64_t *items = (uint64_t *)middle - COUNT / 3;
    for (size_t i = 0; i < COUNT; i++)
        items[i] = next();
    sort(items, COUNT, ascending);
    sum = hash(sum, items, COUNT * sizeof *items);
    sort(items, COUNT, descending);
    sum = hash(sum, items, COUNT * sizeof *items);

    // Copied over it, from one side to the other, and filled.
    memcpy(middle + GIB, items, COUNT * sizeof *items);
    memcpy(start + 65536, middle + GIB + 5, 4096);
    memset(middle - 100, (int)next(), 200);
    sum = hash(sum, start + 65536, 4096);
    sum = hash(sum, middle - 1000, 2000);
    memset(items, 0, COUNT * sizeof *items);
    memset(middle + GIB, 0, COUNT * sizeof *items);
    memset(start + 65536, 0, 4096);

    node *root = NULL;
    for (size_t i = 0; i < 1000; i++)
        root = insert(start, i, next(), root);
    sum = walk(root, sum);

    // Signed distances of more than 4 GiB.
    ptrdiff_t distance = (char *)root - (middle + GIB);
    const node *back = (const node *)(middle + GIB + distance);
    return hash(sum, &back->key, sizeof back->key);
}

#ifndef __wasm__
int main(void)
{
    printf("%" PRId64 "\n", (int64_t)run(1));
}
#endif
