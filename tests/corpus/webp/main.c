#include "workload.h"
#include <webp/decode.h>
#include <webp/encode.h>

enum { WIDTH = 1024, HEIGHT = 768 };

static void decode(const uint8_t *packed, size_t size)
{
    int width, height;
    uint8_t *rgb = WebPDecodeRGB(packed, size, &width, &height);
    require(rgb && width == WIDTH && height == HEIGHT, "decode");
    printf("  decoded %016llx\n", (unsigned long long)fnv1a(rgb, WIDTH * HEIGHT * 3));
    WebPFree(rgb);
}

static void encode(const uint8_t *rgb, int lossless, int quality, int method)
{
    WebPConfig config;
    WebPPicture picture;
    WebPMemoryWriter writer;
    require(WebPConfigInit(&config) && WebPPictureInit(&picture), "version");
    config.lossless = lossless;
    config.quality = quality;
    config.method = method;
    WebPMemoryWriterInit(&writer);
    picture.use_argb = lossless;
    picture.width = WIDTH;
    picture.height = HEIGHT;
    picture.writer = WebPMemoryWrite;
    picture.custom_ptr = &writer;
    require(WebPPictureImportRGB(&picture, rgb, WIDTH * 3), "import");
    require(WebPEncode(&config, &picture), "encode");
    printf("lossless %d, quality %d, method %d: %lu bytes, hash %016llx\n", lossless, quality,
           method, (unsigned long)writer.size, (unsigned long long)fnv1a(writer.mem, writer.size));
    decode(writer.mem, writer.size);
    WebPMemoryWriterClear(&writer);
    WebPPictureFree(&picture);
}

int main(void)
{
    uint8_t *rgb = allocate(WIDTH * HEIGHT * 3);
    fill_picture(rgb, WIDTH, HEIGHT, 1);
    encode(rgb, 0, 75, 4);
    encode(rgb, 0, 90, 6);
    encode(rgb, 1, 40, 3);
}
