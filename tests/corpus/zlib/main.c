#include "workload.h"
#include <zlib.h>

enum { SIZE = 6 << 20 };

int main(void)
{
    char *text = allocate(SIZE), *back = allocate(SIZE);
    uLong bound = compressBound(SIZE);
    Bytef *packed = allocate(bound);
    fill_text(text, SIZE, 1);
    for (int level = 1; level <= 9; level += 4) {
        uLongf size = bound, length = SIZE;
        require(compress2(packed, &size, (Bytef *)text, SIZE, level) == Z_OK, "deflate");
        require(uncompress((Bytef *)back, &length, packed, size) == Z_OK, "inflate");
        require(length == SIZE && memcmp(text, back, SIZE) == 0, "round trip");
        printf("level %d: %lu bytes, hash %016llx, adler %08lx, crc %08lx\n", level,
               (unsigned long)size, (unsigned long long)fnv1a(packed, size),
               (unsigned long)adler32(1, packed, size), (unsigned long)crc32(0, packed, size));
    }
}
