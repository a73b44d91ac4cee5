// float: the spectral norm of a matrix whose elements are quotients
#include "kernel.h"
#include <math.h>

enum { N = 500 };
static double u[N], v[N], t[N];

static double element(int i, int j)
{
    return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1);
}

static void times(double to[N], const double from[N])
{
    for (int i = 0; i < N; i++) {
        double sum = 0;
        for (int j = 0; j < N; j++)
            sum += element(i, j) * from[j];
        to[i] = sum;
    }
}

static void times_transposed(double to[N], const double from[N])
{
    for (int i = 0; i < N; i++) {
        double sum = 0;
        for (int j = 0; j < N; j++)
            sum += element(j, i) * from[j];
        to[i] = sum;
    }
}

int main(int argc, char **argv)
{
    for (int i = 0; i < N; i++)
        u[i] = 1;
    for (int n = rounds(argc, argv, 150); n > 0; n--) {
        times(t, u), times_transposed(v, t);
        times(t, v), times_transposed(u, t);
        double scale = 1 / u[0];
        for (int i = 0; i < N; i++)
            u[i] *= scale, v[i] *= scale;
    }
    double uv = 0, vv = 0;
    for (int i = 0; i < N; i++)
        uv += u[i] * v[i], vv += v[i] * v[i];
    printf("%.9f\n", sqrt(uv / vv));
}
