#include "workload.h"
#include <jpeglib.h>

enum { WIDTH = 1600, HEIGHT = 1200, STRIDE = WIDTH * 3 };

static void end(j_common_ptr info)
{
    char message[JMSG_LENGTH_MAX];
    info->err->format_message(info, message);
    require(0, message);
}

static void encode(uint8_t *rgb, int quality, int profile, unsigned char **packed, unsigned long *size)
{
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    info.err = jpeg_std_error(&errors);
    errors.error_exit = end;
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, packed, size);
    info.image_width = WIDTH;
    info.image_height = HEIGHT;
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_c_set_int_param(&info, JINT_COMPRESS_PROFILE, profile);
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, quality, TRUE);
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < HEIGHT) {
        JSAMPROW row = rgb + info.next_scanline * STRIDE;
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
}

static void decode(unsigned char *packed, unsigned long size, uint8_t *rgb)
{
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr errors;
    info.err = jpeg_std_error(&errors);
    errors.error_exit = end;
    jpeg_create_decompress(&info);
    jpeg_mem_src(&info, packed, size);
    jpeg_read_header(&info, TRUE);
    jpeg_start_decompress(&info);
    require(info.output_width == WIDTH && info.output_height == HEIGHT, "size");
    while (info.output_scanline < HEIGHT) {
        JSAMPROW row = rgb + info.output_scanline * STRIDE;
        jpeg_read_scanlines(&info, &row, 1);
    }
    jpeg_finish_decompress(&info);
    jpeg_destroy_decompress(&info);
}

int main(void)
{
    uint8_t *rgb = allocate(HEIGHT * STRIDE), *back = allocate(HEIGHT * STRIDE);
    fill_picture(rgb, WIDTH, HEIGHT, 2);
    for (int quality = 60; quality <= 90; quality += 30)
        for (int small = 0; small <= 1; small++) {
            unsigned char *packed = NULL;
            unsigned long size = 0;
            encode(rgb, quality, small ? JCP_MAX_COMPRESSION : JCP_FASTEST, &packed, &size);
            decode(packed, size, back);
            printf("quality %d, %s: %lu bytes, hash %016llx, decoded %016llx\n", quality,
                   small ? "small" : "fast", size,
                   (unsigned long long)fnv1a(packed, size),
                   (unsigned long long)fnv1a(back, HEIGHT * STRIDE));
            free(packed);
        }
}
