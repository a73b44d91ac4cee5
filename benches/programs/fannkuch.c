// integer: flips of pancakes over all permutations
#include "kernel.h"

static uint64_t fannkuch(int n)
{
    int order[16], work[16], count[16], most = 0, check = 0, parity = 0, r = n;
    for (int i = 0; i < n; i++)
        order[i] = i;
    for (;;) {
        for (; r > 1; r--)
            count[r - 1] = r;
        memcpy(work, order, sizeof work);
        int flips = 0;
        for (int first; (first = work[0]) != 0; flips++)
            for (int low = 0, high = first; low < high; low++, high--) {
                int value = work[low];
                work[low] = work[high];
                work[high] = value;
            }
        if (flips > most)
            most = flips;
        check += parity ? -flips : flips;
        for (parity ^= 1;; r++) {
            if (r == n)
                return (uint64_t)(uint32_t)check << 32 | (uint32_t)most;
            int first = order[0];
            for (int i = 0; i < r; i++)
                order[i] = order[i + 1];
            order[r] = first;
            if (--count[r] > 0)
                break;
        }
    }
}

int main(int argc, char **argv)
{
    volatile int pancakes = 9; /* read each time, so that nothing is computed once */
    expect(fannkuch(7) == ((uint64_t)228 << 32 | 16), "seven pancakes");
    uint64_t sum = 0;
    for (int n = rounds(argc, argv, 16); n > 0; n--)
        sum = mix(sum, fannkuch(pancakes));
    print_sum(sum);
}
