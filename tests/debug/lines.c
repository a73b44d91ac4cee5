// What tests of debug information look at. They know these lines by their numbers.

struct point {
    int x, y;
    struct point *next;
};

static inline __attribute__((always_inline)) int twice(int value) {
    return value + value;
}

static inline __attribute__((always_inline)) int divide(int a, int b) {
    return a / b;
}

__attribute__((noinline)) int work(struct point *point, int count) {
    int sum = 0;
    for (int i = 0; i < count; i++) {
        sum += twice(point->x);
        sum += divide(point->y, count - i - 2);
    }
    return sum;
}

// Traps: a division by zero, in a function that is inlined.
__attribute__((export_name("fail"))) int fail(int count) {
    struct point point = {count, 7, 0};
    return work(&point, count) + 1;
}

// Does not. The C symbol may have a copy of its code.
__attribute__((export_name("add"))) int add(int a, int b) {
    return twice(a) + b;
}

// Never called: its entries are there, its code is not.
int gone(int a) {
    return divide(a, 3);
}
