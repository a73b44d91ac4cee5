#include "workload.h"
#include <zdict.h>
#include <zstd.h>

enum { SIZE = 8 << 20, SAMPLE = 1024, SAMPLES = 1024 };

static void report(const char *what, const void *data, size_t size)
{
    require(!ZSTD_isError(size), what);
    printf("%s: %lu bytes, hash %016llx\n", what, (unsigned long)size,
           (unsigned long long)fnv1a(data, size));
}

static void train(const char *text)
{
    size_t sizes[SAMPLES], capacity = 16 << 10;
    char *dictionary = allocate(capacity);
    for (int i = 0; i < SAMPLES; i++)
        sizes[i] = SAMPLE;
    size_t size = ZDICT_trainFromBuffer(dictionary, capacity, text, sizes, SAMPLES);
    require(!ZDICT_isError(size), "train");
    report("dictionary", dictionary, size);
    free(dictionary);
}

int main(void)
{
    size_t bound = ZSTD_compressBound(SIZE);
    char *text = allocate(SIZE), *packed = allocate(bound), *back = allocate(SIZE);
    fill_text(text, SIZE, 3);
    static const int levels[] = {1, 3, 9};
    ZSTD_CCtx *context = ZSTD_createCCtx();
    for (int i = 0; i < 3; i++) {
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, levels[i]);
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
        size_t size = ZSTD_compress2(context, packed, bound, text, SIZE);
        report("frame", packed, size);
        require(ZSTD_decompress(back, SIZE, packed, size) == SIZE, "decompress");
        require(memcmp(text, back, SIZE) == 0, "round trip");
    }
    ZSTD_freeCCtx(context);
    train(text);
}
