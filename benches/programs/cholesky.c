// float: Cholesky decomposition: dot products of rows, divisions, square roots
#include "kernel.h"
#include <math.h>

enum { N = 500 };
static double a[N][N], original[N][N];

static void cholesky(void)
{
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < i; j++) {
            for (int k = 0; k < j; k++)
                a[i][j] -= a[i][k] * a[j][k];
            a[i][j] /= a[j][j];
        }
        for (int k = 0; k < i; k++)
            a[i][i] -= a[i][k] * a[i][k];
        a[i][i] = sqrt(a[i][i]);
    }
}

int main(int argc, char **argv)
{
    for (int i = 0; i < N; i++)
        for (int j = 0; j <= i; j++)
            original[i][j] = original[j][i] = random_unit() + (i == j ? N : 0);
    uint64_t sum = 0;
    for (int n = rounds(argc, argv, 14); n > 0; n--) {
        memcpy(a, original, sizeof a);
        a[0][0] += n;
        cholesky();
        for (int i = 0; i < N; i++)
            sum = mix_double(sum, a[i][i]);
    }
    print_sum(sum);
}
