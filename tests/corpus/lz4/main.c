#include "workload.h"
#include <lz4.h>
#include <lz4hc.h>
#include <xxhash.h>

enum { SIZE = 8 << 20, ROUNDS = 8 };

int main(void)
{
    int bound = LZ4_compressBound(SIZE);
    char *text = allocate(SIZE), *packed = allocate(bound), *back = allocate(SIZE);
    fill_text(text, SIZE, 4);
    for (int level = 0; level <= 9; level += 3) {
        int size = 0;
        for (int round = 0; round < (level ? 1 : ROUNDS); round++)
            size = level ? LZ4_compress_HC(text, packed, SIZE, bound, level)
                         : LZ4_compress_fast(text, packed, SIZE, bound, 1 + round);
        require(size > 0, "compress");
        for (int round = 0; round < ROUNDS; round++)
            require(LZ4_decompress_safe(packed, back, size, SIZE) == SIZE, "decompress");
        require(memcmp(text, back, SIZE) == 0, "round trip");
        if (level == 0) /* the hash table depends on the width of a pointer, and so does the output */
            printf("level 0: xxh64 of the text %016llx\n", (unsigned long long)XXH64(back, SIZE, 0));
        else
            printf("level %d: %d bytes, xxh64 %016llx\n", level, size,
                   (unsigned long long)XXH64(packed, size, 0));
    }
}
