// float: electromagnetic waves by finite differences
#include "kernel.h"

enum { X = 400, Y = 480 };
static double ex[X][Y], ey[X][Y], hz[X][Y];

static void step(int time)
{
    for (int j = 0; j < Y; j++)
        ey[0][j] = time;
    for (int i = 1; i < X; i++)
        for (int j = 0; j < Y; j++)
            ey[i][j] -= 0.5 * (hz[i][j] - hz[i - 1][j]);
    for (int i = 0; i < X; i++)
        for (int j = 1; j < Y; j++)
            ex[i][j] -= 0.5 * (hz[i][j] - hz[i][j - 1]);
    for (int i = 0; i < X - 1; i++)
        for (int j = 0; j < Y - 1; j++)
            hz[i][j] -= 0.7 * (ex[i][j + 1] - ex[i][j] + ey[i + 1][j] - ey[i][j]);
}

int main(int argc, char **argv)
{
    for (int i = 0; i < X; i++)
        for (int j = 0; j < Y; j++)
            ex[i][j] = random_unit(), ey[i][j] = random_unit(), hz[i][j] = random_unit();
    for (int n = rounds(argc, argv, 2000); n > 0; n--)
        step(n % 16);
    uint64_t sum = 0;
    for (int i = 0; i < X; i++)
        for (int j = 0; j < Y; j++)
            sum = mix_double(sum, hz[i][j]);
    print_sum(sum);
}
