// float: a picture of single floats through a 5x5 filter
#include "kernel.h"

enum { WIDTH = 640, HEIGHT = 480 };
static float from[HEIGHT][WIDTH], to[HEIGHT][WIDTH];
static const float filter[5][5] = {
    { 1, 4, 6, 4, 1 }, { 4, 16, 24, 16, 4 }, { 6, 24, 36, 24, 6 }, { 4, 16, 24, 16, 4 }, { 1, 4, 6, 4, 1 },
};

static void blur(void)
{
    for (int y = 2; y < HEIGHT - 2; y++)
        for (int x = 2; x < WIDTH - 2; x++) {
            float sum = 0;
            for (int i = 0; i < 5; i++)
                for (int j = 0; j < 5; j++)
                    sum += filter[i][j] * from[y + i - 2][x + j - 2];
            to[y][x] = sum * (1.0f / 256);
        }
    memcpy(from, to, sizeof from);
}

int main(int argc, char **argv)
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            from[y][x] = (float)random_unit();
    for (int n = rounds(argc, argv, 100); n > 0; n--)
        blur();
    uint64_t sum = 0;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            sum = mix_double(sum, to[y][x]);
    print_sum(sum);
}
