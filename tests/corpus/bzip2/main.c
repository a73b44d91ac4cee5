#include "workload.h"
#include <bzlib.h>

enum { SIZE = 4 << 20 };

/* Called by the library instead of abort(), as it is built without stdio. */
void bz_internal_error(int code)
{
    printf("failed: bzip2 assertion %d\n", code);
    exit(1);
}

int main(void)
{
    unsigned bound = SIZE + SIZE / 100 + 600;
    char *text = allocate(SIZE), *packed = allocate(bound), *back = allocate(SIZE);
    for (uint64_t seed = 1; seed <= 2; seed++) {
        unsigned size = bound, length = SIZE;
        fill_text(text, SIZE, seed);
        require(BZ2_bzBuffToBuffCompress(packed, &size, text, SIZE, 9, 0, 30) == BZ_OK, "compress");
        require(BZ2_bzBuffToBuffDecompress(back, &length, packed, size, 0, 0) == BZ_OK, "decompress");
        require(length == SIZE && memcmp(text, back, SIZE) == 0, "round trip");
        printf("seed %d: %u bytes, hash %016llx\n", (int)seed, size,
               (unsigned long long)fnv1a(packed, size));
    }
}
