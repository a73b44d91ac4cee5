// float: heat spreads in a cube
#include "kernel.h"

enum { N = 80 };
static double a[N][N][N], b[N][N][N];

static void step(double to[N][N][N], double from[N][N][N])
{
    for (int i = 1; i < N - 1; i++)
        for (int j = 1; j < N - 1; j++)
            for (int k = 1; k < N - 1; k++) {
                double here = from[i][j][k];
                to[i][j][k] = 0.125 * (from[i + 1][j][k] - 2 * here + from[i - 1][j][k])
                            + 0.125 * (from[i][j + 1][k] - 2 * here + from[i][j - 1][k])
                            + 0.125 * (from[i][j][k + 1] - 2 * here + from[i][j][k - 1]) + here;
            }
}

int main(int argc, char **argv)
{
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            for (int k = 0; k < N; k++)
                a[i][j][k] = b[i][j][k] = random_unit();
    for (int n = rounds(argc, argv, 500); n > 0; n--) {
        step(b, a);
        step(a, b);
    }
    uint64_t sum = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            for (int k = 0; k < N; k++)
                sum = mix_double(sum, a[i][j][k]);
    print_sum(sum);
}
