// integer: quicksort and merge sort of the same numbers
#include "kernel.h"

enum { N = 200000 };
static uint32_t numbers[N], quick[N], merged[N], spare[N];

static void quicksort(uint32_t *first, uint32_t *last)
{
    while (last - first > 16) {
        uint32_t pivot = first[(last - first) / 2], *low = first, *high = last;
        while (low <= high) {
            while (*low < pivot)
                low++;
            while (*high > pivot)
                high--;
            if (low <= high) {
                uint32_t value = *low;
                *low++ = *high;
                *high-- = value;
            }
        }
        quicksort(first, high);
        first = low;
    }
    for (uint32_t *at = first + 1; at <= last; at++) {
        uint32_t value = *at, *to = at;
        for (; to > first && to[-1] > value; to--)
            *to = to[-1];
        *to = value;
    }
}

static void merge_sort(uint32_t *from, uint32_t *to)
{
    for (int width = 1; width < N; width *= 2) {
        for (int start = 0; start < N; start += 2 * width) {
            int middle = start + width < N ? start + width : N;
            int end = start + 2 * width < N ? start + 2 * width : N;
            for (int i = start, j = middle, k = start; k < end; k++)
                to[k] = j >= end || (i < middle && from[i] <= from[j]) ? from[i++] : from[j++];
        }
        uint32_t *other = from;
        from = to, to = other;
    }
    if (from != merged)
        memcpy(merged, from, sizeof merged);
}

int main(int argc, char **argv)
{
    uint64_t sum = 0;
    for (int n = rounds(argc, argv, 8); n > 0; n--) {
        for (int i = 0; i < N; i++)
            numbers[i] = random32();
        memcpy(quick, numbers, sizeof quick);
        memcpy(merged, numbers, sizeof merged);
        quicksort(quick, quick + N - 1);
        merge_sort(merged, spare);
        expect(memcmp(quick, merged, sizeof quick) == 0, "the two agree");
        sum = mix(sum, quick[N / 3]);
    }
    print_sum(sum);
}
