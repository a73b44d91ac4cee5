// float: how soon points of the plane escape
#include "kernel.h"

enum { SIZE = 256, LIMIT = 200 };

int main(int argc, char **argv)
{
    uint64_t sum = 0;
    for (int n = rounds(argc, argv, 40); n > 0; n--)
        for (int py = 0; py < SIZE; py++)
            for (int px = 0; px < SIZE; px++) {
                double cx = 3.0 * px / SIZE - 2.0 + n * 1e-3, cy = 2.4 * py / SIZE - 1.2;
                double x = 0, y = 0;
                int count = 0;
                while (count < LIMIT && x * x + y * y < 4) {
                    double next = x * x - y * y + cx;
                    y = 2 * x * y + cy;
                    x = next;
                    count++;
                }
                sum += (uint64_t)count * (px + 1);
            }
    print_sum(sum);
}
