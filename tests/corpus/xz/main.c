#include "workload.h"
#include <lzma.h>

enum { SIZE = 2 << 20 };

int main(void)
{
    static const lzma_check checks[] = {LZMA_CHECK_CRC64, LZMA_CHECK_SHA256};
    size_t bound = lzma_stream_buffer_bound(SIZE);
    uint8_t *text = allocate(SIZE), *packed = allocate(bound), *back = allocate(SIZE);
    for (int preset = 1; preset <= 6; preset += 5) {
        size_t size = 0, at = 0, length = 0;
        uint64_t limit = UINT64_MAX;
        lzma_check check = checks[preset == 6];
        fill_text((char *)text, SIZE, preset);
        require(lzma_easy_buffer_encode(preset, check, NULL, text, SIZE, packed, &size, bound) == LZMA_OK,
                "encode");
        require(lzma_stream_buffer_decode(&limit, 0, NULL, packed, &at, size, back, &length, SIZE) == LZMA_OK,
                "decode");
        require(length == SIZE && memcmp(text, back, SIZE) == 0, "round trip");
        printf("preset %d: %lu bytes, hash %016llx\n", preset, (unsigned long)size,
               (unsigned long long)fnv1a(packed, size));
    }
}
