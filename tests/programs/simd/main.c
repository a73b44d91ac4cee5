/* Kernels on 128-bit vectors, each beside its scalar form: both must give the
 * same bits. Without SIMD (a native build) only the scalar forms run, and the
 * program prints the same. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#ifdef __wasm_simd128__
#include <wasm_simd128.h>
#endif

enum { SIZE = 1 << 14, WIDTH = 192, HEIGHT = 96, LIMIT = 200 };

static uint8_t bytes[SIZE], other[SIZE];
static int16_t samples[SIZE];
static double numbers[SIZE];

static uint64_t fnv1a(const void *data, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const uint8_t *p = data, *end = p + size; p < end; p++)
        hash = (hash ^ *p) * 0x100000001b3u;
    return hash;
}

/* -- the Mandelbrot set: four points at a time, with lanes that leave early -- */

static void mandelbrot_scalar(uint8_t *out)
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            float cr = (float)x * (3.0f / WIDTH) - 2.0f, ci = (float)y * (2.0f / HEIGHT) - 1.0f;
            float zr = 0, zi = 0;
            int i = 0;
            for (; i < LIMIT && zr * zr + zi * zi <= 4.0f; i++) {
                float next = zr * zr - zi * zi + cr;
                zi = (zr + zr) * zi + ci;
                zr = next;
            }
            *out++ = (uint8_t)i;
        }
}

/* -- alpha blending with rounding: a + (b - a) * 77 / 256 in 16 bits -- */

static void blend_scalar(uint8_t *out)
{
    for (int i = 0; i < SIZE; i++)
        out[i] = (uint8_t)((bytes[i] * 179 + other[i] * 77 + 128) >> 8);
}

/* -- saturating differences and their maximum -- */

static void difference_scalar(uint8_t *out)
{
    for (int i = 0; i < SIZE; i++)
        out[i] = bytes[i] > other[i] ? bytes[i] - other[i] : other[i] - bytes[i];
}

/* -- dot product of 16-bit samples with wrap-around 32-bit sums -- */

static int32_t dot_scalar(void)
{
    uint32_t sum = 0;
    for (int i = 0; i < SIZE; i++)
        sum += (uint32_t)(samples[i] * samples[SIZE - 1 - i]);
    return (int32_t)sum;
}

/* -- hexadecimal digits by table look-up -- */

static void hex_scalar(uint8_t *out)
{
    for (int i = 0; i < SIZE / 2; i++) {
        out[2 * i] = (uint8_t)"0123456789abcdef"[bytes[i] >> 4];
        out[2 * i + 1] = (uint8_t)"0123456789abcdef"[bytes[i] & 15];
    }
}

/* -- how many bytes are letters -- */

static int letters_scalar(void)
{
    int count = 0;
    for (int i = 0; i < SIZE; i++)
        count += (uint8_t)((bytes[i] | 32) - 'a') < 26;
    return count;
}

/* -- two running sums of square roots, clamped -- */

static double roots_scalar(void)
{
    double even = 0, odd = 0;
    for (int i = 0; i < SIZE; i += 2) {
        double a = __builtin_sqrt(numbers[i]), b = __builtin_sqrt(numbers[i + 1]);
        even += a < 900 ? a : 900;
        odd += b < 900 ? b : 900;
    }
    return even - odd;
}

#ifdef __wasm_simd128__

static void mandelbrot(uint8_t *out)
{
    const v128_t four = wasm_f32x4_splat(4.0f);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x += 4) {
            v128_t column = wasm_i32x4_add(wasm_i32x4_splat(x), wasm_i32x4_make(0, 1, 2, 3));
            v128_t cr = wasm_f32x4_sub(wasm_f32x4_mul(wasm_f32x4_convert_i32x4(column),
                                                      wasm_f32x4_splat(3.0f / WIDTH)),
                                       wasm_f32x4_splat(2.0f));
            v128_t ci = wasm_f32x4_splat((float)y * (2.0f / HEIGHT) - 1.0f);
            v128_t zr = wasm_f32x4_splat(0), zi = zr, count = wasm_i32x4_splat(0);
            for (int i = 0; i < LIMIT; i++) {
                v128_t rr = wasm_f32x4_mul(zr, zr), ii = wasm_f32x4_mul(zi, zi);
                v128_t inside = wasm_f32x4_le(wasm_f32x4_add(rr, ii), four);
                if (!wasm_v128_any_true(inside))
                    break;
                v128_t next = wasm_f32x4_add(wasm_f32x4_sub(rr, ii), cr);
                v128_t imaginary = wasm_f32x4_add(wasm_f32x4_mul(wasm_f32x4_add(zr, zr), zi), ci);
                count = wasm_i32x4_sub(count, inside);
                zi = wasm_v128_bitselect(imaginary, zi, inside);
                zr = wasm_v128_bitselect(next, zr, inside);
            }
            v128_t narrow = wasm_i16x8_narrow_i32x4(count, count);
            wasm_v128_store32_lane(out, wasm_u8x16_narrow_i16x8(narrow, narrow), 0);
            out += 4;
        }
}

static void blend(uint8_t *out)
{
    const v128_t a = wasm_u8x16_splat(179), b = wasm_u8x16_splat(77), half = wasm_u16x8_splat(128);
    for (int i = 0; i < SIZE; i += 16) {
        v128_t x = wasm_v128_load(bytes + i), y = wasm_v128_load(other + i);
        v128_t low = wasm_i16x8_add(wasm_u16x8_extmul_low_u8x16(x, a), wasm_u16x8_extmul_low_u8x16(y, b));
        v128_t high = wasm_i16x8_add(wasm_u16x8_extmul_high_u8x16(x, a), wasm_u16x8_extmul_high_u8x16(y, b));
        low = wasm_u16x8_shr(wasm_i16x8_add(low, half), 8);
        high = wasm_u16x8_shr(wasm_i16x8_add(high, half), 8);
        wasm_v128_store(out + i, wasm_u8x16_narrow_i16x8(low, high));
    }
}

static void difference(uint8_t *out)
{
    for (int i = 0; i < SIZE; i += 16) {
        v128_t x = wasm_v128_load(bytes + i), y = wasm_v128_load(other + i);
        wasm_v128_store(out + i, wasm_v128_or(wasm_u8x16_sub_sat(x, y), wasm_u8x16_sub_sat(y, x)));
    }
}

static int32_t dot(void)
{
    v128_t sum = wasm_i32x4_splat(0);
    for (int i = 0; i < SIZE; i += 8) {
        v128_t x = wasm_v128_load(samples + i), y = wasm_v128_load(samples + SIZE - 8 - i);
        v128_t reversed = wasm_i16x8_shuffle(y, y, 7, 6, 5, 4, 3, 2, 1, 0);
        sum = wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(x, reversed));
    }
    return (int32_t)((uint32_t)wasm_i32x4_extract_lane(sum, 0) + (uint32_t)wasm_i32x4_extract_lane(sum, 1) +
                     (uint32_t)wasm_i32x4_extract_lane(sum, 2) + (uint32_t)wasm_i32x4_extract_lane(sum, 3));
}

static void hex(uint8_t *out)
{
    const v128_t digits = wasm_v128_load("0123456789abcdef"), low = wasm_u8x16_splat(15);
    for (int i = 0; i < SIZE / 2; i += 16, out += 32) {
        v128_t x = wasm_v128_load(bytes + i);
        v128_t h = wasm_i8x16_swizzle(digits, wasm_u8x16_shr(x, 4));
        v128_t l = wasm_i8x16_swizzle(digits, wasm_v128_and(x, low));
        wasm_v128_store(out, wasm_i8x16_shuffle(h, l, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
        wasm_v128_store(out + 16,
                        wasm_i8x16_shuffle(h, l, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31));
    }
}

static int letters(void)
{
    int count = 0;
    for (int i = 0; i < SIZE; i += 16) {
        v128_t x = wasm_v128_or(wasm_v128_load(bytes + i), wasm_u8x16_splat(32));
        v128_t from_a = wasm_i8x16_sub(x, wasm_u8x16_splat('a'));
        count += __builtin_popcount(wasm_i8x16_bitmask(wasm_u8x16_lt(from_a, wasm_u8x16_splat(26))));
    }
    return count;
}

static double roots(void)
{
    v128_t sum = wasm_f64x2_splat(0), most = wasm_f64x2_splat(900);
    for (int i = 0; i < SIZE; i += 2)
        sum = wasm_f64x2_add(sum, wasm_f64x2_pmin(most, wasm_f64x2_sqrt(wasm_v128_load(numbers + i))));
    return wasm_f64x2_extract_lane(sum, 0) - wasm_f64x2_extract_lane(sum, 1);
}

#else
#define mandelbrot mandelbrot_scalar
#define blend blend_scalar
#define difference difference_scalar
#define dot dot_scalar
#define hex hex_scalar
#define letters letters_scalar
#define roots roots_scalar
#endif

static uint8_t scalar_out[WIDTH * HEIGHT], vector_out[WIDTH * HEIGHT];

static void compare(const char *name, void (*scalar)(uint8_t *), void (*vector)(uint8_t *), size_t size)
{
    scalar(scalar_out);
    vector(vector_out);
    printf("%-10s %016llx %s\n", name, (unsigned long long)fnv1a(scalar_out, size),
           memcmp(scalar_out, vector_out, size) ? "differs" : "same");
}

int main(void)
{
    uint32_t state = 1;
    for (int i = 0; i < SIZE; i++) {
        state = state * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(state >> 24);
        other[i] = (uint8_t)(state >> 16);
        samples[i] = (int16_t)(state >> 13);
        numbers[i] = (double)(state >> 12);
    }
    compare("mandelbrot", mandelbrot_scalar, mandelbrot, WIDTH * HEIGHT);
    compare("blend", blend_scalar, blend, SIZE);
    compare("difference", difference_scalar, difference, SIZE);
    compare("hex", hex_scalar, hex, SIZE);
    printf("dot        %d %s\n", (int)dot_scalar(), dot_scalar() == dot() ? "same" : "differs");
    printf("letters    %d %s\n", letters_scalar(), letters_scalar() == letters() ? "same" : "differs");
    double a = roots_scalar(), b = roots();
    printf("roots      %.9f %s\n", a, memcmp(&a, &b, sizeof a) ? "differs" : "same");
}
