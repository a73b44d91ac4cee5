// Exceptions of C++: types, destructors on the way, catching all, throwing on, and a
// great many of them.
#include "runtime.h"
#include <stdio.h>

static int alive;

struct guard {
    int id;
    explicit guard(int id) : id(id) { alive++; }
    ~guard() {
        alive--;
        if (id < 0) printf("  guard %d\n", id);
    }
};

struct failure {
    int code;
};

struct late : failure {
    double when;
};

struct tracked {
    int id;
    tracked(int id) : id(id) { alive++; }
    tracked(const tracked &other) : id(other.id) { alive++; }
    ~tracked() { alive--; }
};

__attribute__((noinline)) static int throws(int what) {
    guard here(what);
    switch (what % 6) {
    case 0: return what;
    case 1: throw what;
    case 2: throw 0.5 * what;
    case 3: throw failure{what};
    case 4: throw late{{what}, 2.0 * what};
    default: throw tracked(what);
    }
}

__attribute__((noinline)) static int deep(int depth, int what) {
    guard here(depth + 1);
    return depth ? deep(depth - 1, what) + 1 : throws(what);
}

__attribute__((noinline)) static int selects(int depth, int what) {
    try {
        return deep(depth, what);
    } catch (int value) {
        return value + 1000;
    } catch (const late &error) {
        return (int)error.when + 2000;
    } catch (const failure &error) {
        return error.code + 3000;
    } catch (double value) {
        return (int)value + 4000;
    } catch (...) {
        return 5000;
    }
}

__attribute__((noinline)) static int throws_on(int what) {
    try {
        return deep(2, what);
    } catch (const failure &error) {
        if (error.code < 100) throw;
        return -error.code;
    } catch (...) {
        guard here(1);
        throw;
    }
}

// Inlined into main, clang 14 crashes on it.
__attribute__((noinline)) static int judge(int what) {
    try {
        return throws_on(what);
    } catch (int value) {
        return value * 2;
    } catch (const failure &error) {
        return error.code * 3;
    } catch (...) {
        return 1;
    }
}

__attribute__((noinline)) static void cleans() {
    try {
        guard a(-1), b(-2);
        deep(50, 7);
    } catch (...) {
        puts("caught");
    }
}

int main() {
    for (int what = 0; what < 12; what++) printf("%d: %d\n", what, selects(what, what));
    for (int what = 96; what < 108; what++) printf("%d: %d\n", what, judge(what));
    cleans();
    long long sum = 0;
    for (int what = 0; what < 200000; what++) sum += selects(what % 8, what);
    printf("%lld, %d alive\n", sum, alive);
    return alive;
}
