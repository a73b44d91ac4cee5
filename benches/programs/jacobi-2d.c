// float: five-point stencil on a square
#include "kernel.h"

enum { N = 500 };
static double a[N][N], b[N][N];

static void step(double to[N][N], double from[N][N])
{
    for (int i = 1; i < N - 1; i++)
        for (int j = 1; j < N - 1; j++)
            to[i][j] = 0.2 * (from[i][j] + from[i][j - 1] + from[i][j + 1] + from[i + 1][j] + from[i - 1][j]);
}

int main(int argc, char **argv)
{
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            a[i][j] = b[i][j] = random_unit();
    for (int n = rounds(argc, argv, 2000); n > 0; n--) {
        step(b, a);
        step(a, b);
    }
    uint64_t sum = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            sum = mix_double(sum, a[i][j]);
    print_sum(sum);
}
