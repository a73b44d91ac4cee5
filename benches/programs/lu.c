// float: LU decomposition, columns innermost
#include "kernel.h"

enum { N = 400 };
static double a[N][N], original[N][N];

static void lu(void)
{
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < i; j++) {
            for (int k = 0; k < j; k++)
                a[i][j] -= a[i][k] * a[k][j];
            a[i][j] /= a[j][j];
        }
        for (int j = i; j < N; j++)
            for (int k = 0; k < i; k++)
                a[i][j] -= a[i][k] * a[k][j];
    }
}

int main(int argc, char **argv)
{
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            original[i][j] = random_unit() + (i == j ? N : 0);
    uint64_t sum = 0;
    for (int n = rounds(argc, argv, 14); n > 0; n--) {
        memcpy(a, original, sizeof a);
        a[0][0] += n;
        lu();
        for (int i = 0; i < N; i++)
            sum = mix_double(sum, a[i][i]);
    }
    print_sum(sum);
}
