// Eight threads with a mutex, a condition and thread-local variables of their own
// making: no library that Debian has for WebAssembly knows threads. The exit status
// says which check has failed.

#define THREADS 8
#define ROUNDS 4000
#define STACK 16384

typedef unsigned int u32;

__attribute__((import_module("wasi"), import_name("thread-spawn"))) int spawn(void *start);
__attribute__((import_module("wasi_snapshot_preview1"), import_name("proc_exit"), noreturn))
void proc_exit(int status);

void __wasm_init_tls(void *);

// A mutex: 0 free, 1 taken, 2 taken and waited for.
static void lock(int *mutex) {
    int was = 0;
    if (__atomic_compare_exchange_n(mutex, &was, 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return;
    if (was != 2) was = __atomic_exchange_n(mutex, 2, __ATOMIC_SEQ_CST);
    while (was != 0) {
        __builtin_wasm_memory_atomic_wait32(mutex, 2, -1);
        was = __atomic_exchange_n(mutex, 2, __ATOMIC_SEQ_CST);
    }
}

static void unlock(int *mutex) {
    if (__atomic_exchange_n(mutex, 0, __ATOMIC_SEQ_CST) == 2)
        __builtin_wasm_memory_atomic_notify(mutex, 1);
}

struct thread {
    char *stack; // its upper end
    char *tls;
    int number;
    int tid; // as wasi_thread_start was told
    int done;
    char tls_bytes[64] __attribute__((aligned(16)));
    char stack_bytes[STACK] __attribute__((aligned(16)));
};

static struct thread threads[THREADS];
static int mutex, turn_mutex, turn;
static u32 locked_count, atomic_count;
static unsigned long long wide_count;
static unsigned char byte_count;
static unsigned short short_count;

static _Thread_local u32 own_count = 1000;
static _Thread_local u32 own_sum;

// Something that needs a stack.
static __attribute__((noinline)) u32 depth(u32 n, volatile u32 *sum) {
    volatile u32 here[4] = {n, n + 1, n + 2, n + 3};
    *sum += here[n % 4];
    return n == 0 ? *sum : depth(n - 1, here) + *sum;
}

static __attribute__((noinline)) void thread_main(int tid, struct thread *self) {
    volatile u32 sum = 0;
    u32 expected = depth(20, &sum);
    self->tid = tid;
    for (int round = 0; round < ROUNDS; round++) {
        lock(&mutex);
        locked_count++;
        unlock(&mutex);
        __atomic_fetch_add(&atomic_count, 1, __ATOMIC_SEQ_CST);
        __atomic_fetch_add(&wide_count, 0x100000001, __ATOMIC_SEQ_CST);
        __atomic_fetch_add(&byte_count, 1, __ATOMIC_SEQ_CST);
        __atomic_fetch_sub(&short_count, 1, __ATOMIC_SEQ_CST);
        own_count++;
        own_sum += own_count;
        if (round % 64 == 0) {
            sum = 0;
            if (depth(20, &sum) != expected) proc_exit(2); // somebody else's stack
        }
        if (round % 256 == 0 && __builtin_wasm_memory_grow(0, 0) == (u32)-1) proc_exit(3);
    }
    if (own_count != 1000 + ROUNDS) proc_exit(4);
    // In turn, the last one first.
    lock(&turn_mutex);
    while (turn != self->number) {
        int now = turn;
        unlock(&turn_mutex);
        __builtin_wasm_memory_atomic_wait32(&turn, now, -1);
        lock(&turn_mutex);
    }
    turn--;
    unlock(&turn_mutex);
    __builtin_wasm_memory_atomic_notify(&turn, -1);
    __atomic_store_n(&self->done, 1, __ATOMIC_SEQ_CST);
    __builtin_wasm_memory_atomic_notify(&self->done, 1);
}

// The stack pointer and the place of thread-local variables are globals of the new
// instance, which has the main thread's. This function itself needs no stack.
void wasi_thread_start(int tid, struct thread *self) {
    __asm__ volatile("local.get %0\n"
                     "global.set __stack_pointer\n"
                     :
                     : "r"(self->stack));
    __wasm_init_tls(self->tls);
    thread_main(tid, self);
}

static void check(int holds, int status) {
    if (!holds) proc_exit(status);
}

void _start(void) {
    turn = THREADS - 1;
    own_count = 7;
    int tids[THREADS];
    for (int i = 0; i < THREADS; i++) {
        threads[i].stack = threads[i].stack_bytes + STACK;
        threads[i].tls = threads[i].tls_bytes;
        threads[i].number = i;
        tids[i] = spawn(&threads[i]);
        check(tids[i] > 0 && tids[i] < 1 << 29, 10);
        for (int j = 0; j < i; j++) check(tids[i] != tids[j], 11);
    }
    for (int i = 0; i < THREADS; i++) {
        while (!__atomic_load_n(&threads[i].done, __ATOMIC_SEQ_CST))
            __builtin_wasm_memory_atomic_wait32(&threads[i].done, 0, -1);
        check(threads[i].tid == tids[i], 12);
    }
    check(locked_count == THREADS * ROUNDS, 13);
    check(atomic_count == THREADS * ROUNDS, 14);
    check(wide_count == 0x100000001ull * THREADS * ROUNDS, 15);
    check(byte_count == (unsigned char)(THREADS * ROUNDS), 16);
    check(short_count == (unsigned short)-(THREADS * ROUNDS), 17);
    check(own_count == 7, 18);
    proc_exit(42);
}
