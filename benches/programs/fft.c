// float: fast Fourier transform there and back
#include "kernel.h"
#include <math.h>

enum { LOG = 14, N = 1 << LOG };
static double re[N], im[N], cosine[N / 2], sine[N / 2];

/* The roots of unity by halving angles, as sin and cos differ between libraries. */
static void make_roots(void)
{
    cosine[0] = 1, sine[0] = 0;
    double c = -1; /* the cosine of half a turn */
    for (int step = N / 2; step >= 1; step /= 2) {
        double s = step == N / 2 ? 0 : sqrt((1 - c) * (1 + c));
        if (step < N / 2)
            for (int i = 0; i < N / 2; i += 2 * step) {
                cosine[i + step] = cosine[i] * c - sine[i] * s;
                sine[i + step] = sine[i] * c + cosine[i] * s;
            }
        c = step == N / 2 ? 0 : sqrt((1 + c) / 2);
    }
}

static void transform(double direction)
{
    for (int i = 1, j = 0; i < N; i++) {
        int bit = N >> 1;
        for (; j & bit; bit >>= 1)
            j ^= bit;
        j ^= bit;
        if (i < j) {
            double x = re[i], y = im[i];
            re[i] = re[j], im[i] = im[j];
            re[j] = x, im[j] = y;
        }
    }
    for (int half = 1; half < N; half *= 2)
        for (int start = 0; start < N; start += 2 * half)
            for (int k = 0; k < half; k++) {
                int low = start + k, high = low + half;
                double c = cosine[k * (N / 2 / half)], s = direction * sine[k * (N / 2 / half)];
                double x = re[high] * c - im[high] * s, y = re[high] * s + im[high] * c;
                re[high] = re[low] - x, im[high] = im[low] - y;
                re[low] += x, im[low] += y;
            }
}

int main(int argc, char **argv)
{
    make_roots();
    for (int i = 0; i < N; i++)
        re[i] = random_unit(), im[i] = 0;
    double first = re[1];
    for (int n = rounds(argc, argv, 400); n > 0; n--) {
        transform(1);
        transform(-1);
        for (int i = 0; i < N; i++)
            re[i] /= N, im[i] /= N;
    }
    expect(fabs(re[1] - first) < 1e-6, "the way back");
    uint64_t sum = 0;
    for (int i = 0; i < N; i++)
        sum = mix_double(sum, re[i]);
    print_sum(sum);
}
