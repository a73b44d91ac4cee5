#include "workload.h"
#include <brotli/decode.h>
#include <brotli/encode.h>

enum { SIZE = 4 << 20 };

int main(void)
{
    static const int qualities[] = {2, 5, 9};
    size_t bound = BrotliEncoderMaxCompressedSize(SIZE);
    uint8_t *text = allocate(SIZE), *packed = allocate(bound), *back = allocate(SIZE);
    fill_text((char *)text, SIZE, 5);
    for (int i = 0; i < 3; i++) {
        size_t size = bound, length = SIZE;
        require(BrotliEncoderCompress(qualities[i], 22, BROTLI_MODE_TEXT, SIZE, text, &size, packed), "encode");
        require(BrotliDecoderDecompress(size, packed, &length, back) == BROTLI_DECODER_RESULT_SUCCESS, "decode");
        require(length == SIZE && memcmp(text, back, SIZE) == 0, "round trip");
        printf("quality %d: %lu bytes, hash %016llx\n", qualities[i], (unsigned long)size,
               (unsigned long long)fnv1a(packed, size));
    }
}
