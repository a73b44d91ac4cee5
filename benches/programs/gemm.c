// float: C := alpha A B + beta C, dense, rows innermost
#include "kernel.h"

enum { N = 320 };
static double a[N][N], b[N][N], c[N][N];

static void gemm(double alpha, double beta)
{
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++)
            c[i][j] *= beta;
        for (int k = 0; k < N; k++)
            for (int j = 0; j < N; j++)
                c[i][j] += alpha * a[i][k] * b[k][j];
    }
}

int main(int argc, char **argv)
{
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            a[i][j] = random_unit(), b[i][j] = random_unit(), c[i][j] = random_unit();
    for (int n = rounds(argc, argv, 100); n > 0; n--)
        gemm(0.25, 0.5);
    uint64_t sum = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            sum = mix_double(sum, c[i][j]);
    print_sum(sum);
}
