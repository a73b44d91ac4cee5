// integer: Fibonacci numbers by plain recursion
#include "kernel.h"

static __attribute__((noinline)) uint32_t fib(uint32_t n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

int main(int argc, char **argv)
{
    volatile uint32_t number = 32; /* read each time, so that nothing is computed once */
    expect(fib(20) == 6765, "the twentieth");
    uint64_t sum = 0;
    for (int n = rounds(argc, argv, 60); n > 0; n--)
        sum = mix(sum, fib(number));
    print_sum(sum);
}
