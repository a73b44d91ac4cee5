// integer: edit distances of words, by dynamic programming
#include "kernel.h"

enum { LENGTH = 1000 };
static char a[LENGTH], b[LENGTH];
static int row[LENGTH + 1];

static int least(int x, int y) { return x < y ? x : y; }

static int distance(const char *x, int x_length, const char *y, int y_length)
{
    for (int j = 0; j <= y_length; j++)
        row[j] = j;
    for (int i = 1; i <= x_length; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= y_length; j++) {
            int above = row[j];
            row[j] = least(least(above, row[j - 1]) + 1, diagonal + (x[i - 1] != y[j - 1]));
            diagonal = above;
        }
    }
    return row[y_length];
}

int main(int argc, char **argv)
{
    expect(distance("kitten", 6, "sitting", 7) == 3, "kitten and sitting");
    uint64_t sum = 0;
    for (int n = rounds(argc, argv, 120); n > 0; n--) {
        for (int i = 0; i < LENGTH; i++)
            a[i] = 'a' + random32() % 8, b[i] = 'a' + random32() % 8;
        sum = mix(sum, distance(a, LENGTH, b, LENGTH));
    }
    print_sum(sum);
}
