/* Runs a WASI command that wasm2c made C of, as the module `prog`: the functions
 * of WASI preview 1 that programs without files use, on the standard streams. A
 * module that imports another one does not link, and the linker names it. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <sys/random.h>

#include "prog.h"

#define WASI(name) Z_wasi_snapshot_preview1Z_##name

/* The generated code hands it back with every call. */
struct Z_wasi_snapshot_preview1_instance_t {
    wasm_rt_memory_t *memory;
    int argc;
    char **argv;
};
typedef struct Z_wasi_snapshot_preview1_instance_t host;

enum { SUCCESS = 0, BADF = 8, FAULT = 21, IO = 29, SPIPE = 70 };

/* The bytes at an address of the guest, or null. */
static void *guest(host *host, u32 address, u64 length)
{
    return address + length <= host->memory->size ? host->memory->data + address : NULL;
}

static u32 put(host *host, u32 address, const void *value, u32 length)
{
    void *to = guest(host, address, length);
    return to ? (memcpy(to, value, length), SUCCESS) : FAULT;
}

u32 WASI(args_sizes_get)(host *host, u32 count, u32 size)
{
    u32 arguments = host->argc, bytes = 0;
    for (u32 i = 0; i < arguments; i++)
        bytes += strlen(host->argv[i]) + 1;
    u32 failed = put(host, count, &arguments, 4);
    return failed ? failed : put(host, size, &bytes, 4);
}

u32 WASI(args_get)(host *host, u32 pointers, u32 buffer)
{
    for (int i = 0; i < host->argc; i++) {
        u32 length = strlen(host->argv[i]) + 1;
        if (put(host, pointers + 4 * i, &buffer, 4) || put(host, buffer, host->argv[i], length))
            return FAULT;
        buffer += length;
    }
    return SUCCESS;
}

u32 WASI(environ_sizes_get)(host *host, u32 count, u32 size)
{
    u32 none = 0, failed = put(host, count, &none, 4);
    return failed ? failed : put(host, size, &none, 4);
}

u32 WASI(environ_get)(host *host, u32 pointers, u32 buffer)
{
    (void)host, (void)pointers, (void)buffer;
    return SUCCESS;
}

u32 WASI(clock_time_get)(host *host, u32 id, u64 precision, u32 time)
{
    static const clockid_t clocks[] = {
        CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID,
    };
    (void)precision;
    struct timespec now;
    clock_gettime(clocks[id & 3], &now);
    u64 nanoseconds = (u64)now.tv_sec * 1000000000 + now.tv_nsec;
    return put(host, time, &nanoseconds, 8);
}

u32 WASI(random_get)(host *host, u32 buffer, u32 length)
{
    void *to = guest(host, buffer, length);
    return !to ? FAULT : getrandom(to, length, 0) == (ssize_t)length ? SUCCESS : IO;
}

/* Reads or writes a list of buffers. */
static u32 transfer(host *host, u32 fd, u32 vectors, u32 count, u32 done, int writes)
{
    u32 total = 0;
    if (fd > 2)
        return BADF;
    for (u32 i = 0; i < count; i++) {
        u32 *vector = guest(host, vectors + 8 * i, 8);
        void *bytes = vector ? guest(host, vector[0], vector[1]) : NULL;
        if (!bytes)
            return FAULT;
        ssize_t moved = writes ? write(fd, bytes, vector[1]) : read(fd, bytes, vector[1]);
        if (moved < 0)
            return IO;
        total += moved;
        if ((u32)moved < vector[1])
            break;
    }
    return put(host, done, &total, 4);
}

u32 WASI(fd_read)(host *host, u32 fd, u32 vectors, u32 count, u32 done)
{
    return transfer(host, fd, vectors, count, done, 0);
}

u32 WASI(fd_write)(host *host, u32 fd, u32 vectors, u32 count, u32 done)
{
    return transfer(host, fd, vectors, count, done, 1);
}

u32 WASI(fd_close)(host *host, u32 fd)
{
    (void)host;
    return fd > 2 ? BADF : SUCCESS;
}

u32 WASI(fd_seek)(host *host, u32 fd, u64 offset, u32 whence, u32 position)
{
    (void)host, (void)offset, (void)whence, (void)position;
    return fd > 2 ? BADF : SPIPE;
}

u32 WASI(fd_fdstat_get)(host *host, u32 fd, u32 stat)
{
    /* A character device with all rights but those to seek and to tell. */
    struct { uint8_t kind; uint16_t flags; u64 rights, inherited; } value = { 2, 0, ~(u64)36, 0 };
    return fd > 2 ? BADF : put(host, stat, &value, sizeof value);
}

u32 WASI(fd_fdstat_set_flags)(host *host, u32 fd, u32 flags)
{
    (void)host, (void)flags;
    return fd > 2 ? BADF : SUCCESS;
}

u32 WASI(fd_prestat_get)(host *host, u32 fd, u32 stat)
{
    (void)host, (void)fd, (void)stat;
    return BADF;
}

u32 WASI(fd_prestat_dir_name)(host *host, u32 fd, u32 path, u32 length)
{
    (void)host, (void)fd, (void)path, (void)length;
    return BADF;
}

void WASI(proc_exit)(host *host, u32 status)
{
    (void)host;
    exit(status);
}

int main(int argc, char **argv)
{
    Z_prog_instance_t instance;
    host host = { NULL, argc, argv };
    wasm_rt_init();
    Z_prog_init_module();
    Z_prog_instantiate(&instance, &host);
    host.memory = Z_progZ_memory(&instance);
    Z_progZ__start(&instance);
    return 0;
}
