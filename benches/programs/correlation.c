// float: means, deviations and correlations of the columns of a table
#include "kernel.h"
#include <math.h>

enum { ROWS = 400, COLUMNS = 320 };
static double table[ROWS][COLUMNS], data[ROWS][COLUMNS], mean[COLUMNS], deviation[COLUMNS];
static double result[COLUMNS][COLUMNS];

static void correlate(void)
{
    for (int j = 0; j < COLUMNS; j++) {
        mean[j] = deviation[j] = 0;
        for (int i = 0; i < ROWS; i++)
            mean[j] += data[i][j];
        mean[j] /= ROWS;
        for (int i = 0; i < ROWS; i++)
            deviation[j] += (data[i][j] - mean[j]) * (data[i][j] - mean[j]);
        deviation[j] = sqrt(deviation[j] / ROWS);
        if (deviation[j] <= 0.1)
            deviation[j] = 1;
    }
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++)
            data[i][j] = (data[i][j] - mean[j]) / (sqrt(ROWS) * deviation[j]);
    for (int i = 0; i < COLUMNS; i++)
        for (int j = i; j < COLUMNS; j++) {
            double sum = 0;
            for (int k = 0; k < ROWS; k++)
                sum += data[k][i] * data[k][j];
            result[i][j] = result[j][i] = sum;
        }
}

int main(int argc, char **argv)
{
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++)
            table[i][j] = random_unit() + i * j % 7;
    uint64_t sum = 0;
    for (int n = rounds(argc, argv, 12); n > 0; n--) {
        memcpy(data, table, sizeof data);
        data[0][0] += n;
        correlate();
        for (int i = 0; i < COLUMNS; i++)
            sum = mix_double(sum, result[i][COLUMNS - 1 - i]);
    }
    print_sum(sum);
}
