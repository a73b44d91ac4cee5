/* Host functions: a little of WASI preview 1, enough for a program that reads
 * standard input and writes standard output. What else one asks for is not there,
 * and it is told so. */
#define _XOPEN_SOURCE 700
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "wasi.h"

enum { SUCCESS = 0, EBADF_ = 8, EFAULT_ = 21, EIO_ = 29, ENOSYS_ = 52, ESPIPE_ = 70 };

static bool fits(uint64_t address, uint64_t size)
{
    return size <= length && address <= length - size;
}

static uint32_t get(uint32_t address)
{
    uint32_t word = 0;
    if (fits(address, 4))
        memcpy(&word, memory + address, 4);
    return word;
}

static bool put(uint32_t address, uint64_t word, size_t size)
{
    if (fits(address, size))
        memcpy(memory + address, &word, size);
    return fits(address, size);
}

static uint32_t args_sizes_get(value *v)
{
    size_t size = 0;
    for (int i = 0; i < argument_count; i++)
        size += strlen(arguments[i]) + 1;
    bool ok = put(v[0].i32, (uint64_t)argument_count, 4) && put(v[1].i32, size, 4);
    return ok ? SUCCESS : EFAULT_;
}

static uint32_t args_get(value *v)
{
    uint32_t list = v[0].i32, text_ = v[1].i32;
    for (int i = 0; i < argument_count; i++) {
        size_t size = strlen(arguments[i]) + 1;
        if (!put(list + 4 * (uint32_t)i, text_, 4) || !fits(text_, size))
            return EFAULT_;
        memcpy(memory + text_, arguments[i], size);
        text_ += (uint32_t)size;
    }
    return SUCCESS;
}

static uint32_t environ_sizes_get(value *v)
{
    return put(v[0].i32, 0, 4) && put(v[1].i32, 0, 4) ? SUCCESS : EFAULT_;
}

static uint32_t transfer(value *v, ssize_t (*call)(int, uint8_t *, size_t))
{
    uint32_t done = 0;
    if (v[0].i32 > 2)
        return EBADF_;
    for (uint32_t i = 0; i < v[2].i32; i++) {
        uint32_t address = get(v[1].i32 + 8 * i), size = get(v[1].i32 + 8 * i + 4);
        if (!fits(address, size))
            return EFAULT_;
        ssize_t count = call((int)v[0].i32, memory + address, size);
        if (count < 0)
            return EIO_;
        done += (uint32_t)count;
        if ((uint32_t)count < size)
            break;
    }
    return put(v[3].i32, done, 4) ? SUCCESS : EFAULT_;
}

static ssize_t read_bytes(int fd, uint8_t *bytes, size_t size) { return read(fd, bytes, size); }
static ssize_t write_bytes(int fd, uint8_t *bytes, size_t size) { return write(fd, bytes, size); }
static uint32_t fd_write(value *v) { return transfer(v, write_bytes); }
static uint32_t fd_read(value *v) { return transfer(v, read_bytes); }
static uint32_t fd_seek(value *v) { return v[0].i32 > 2 ? EBADF_ : ESPIPE_; }
static uint32_t fd_close(value *v) { return v[0].i32 > 2 ? EBADF_ : SUCCESS; }
static uint32_t fd_prestat_get(value *v) { return (void)v, EBADF_; }

static uint32_t fd_fdstat_get(value *v)
{
    if (v[0].i32 > 2)
        return EBADF_;
    /* A character device, without flags, with all rights. */
    bool ok = put(v[1].i32, 2, 8) && put(v[1].i32 + 8, UINT64_MAX, 8)
        && put(v[1].i32 + 16, UINT64_MAX, 8);
    return ok ? SUCCESS : EFAULT_;
}

static uint32_t nothing(value *v) { return (void)v, SUCCESS; }
static uint32_t absent(value *v) { return (void)v, ENOSYS_; }

static uint32_t call(host_context *ctx, value *values)
{
    if (ctx->body == NULL) { /* proc_exit */
        exit_code = (int)values[0].i32;
        return STATUS_EXIT;
    }
    values[0].i32 = ctx->body(values);
    return 0;
}

static const struct { const char *name; uint32_t (*body)(value *); } WASI[] = {
    {"args_sizes_get", args_sizes_get}, {"args_get", args_get},
    {"environ_sizes_get", environ_sizes_get}, {"environ_get", nothing},
    {"fd_write", fd_write}, {"fd_read", fd_read}, {"fd_seek", fd_seek}, {"fd_close", fd_close},
    {"fd_fdstat_get", fd_fdstat_get}, {"fd_prestat_get", fd_prestat_get},
    {"proc_exit", NULL},
};

void wasi_bind(host_context *host, const char *name, size_t size)
{
    host->call = call;
    host->body = absent;
    for (size_t i = 0; i < sizeof WASI / sizeof *WASI; i++)
        if (strlen(WASI[i].name) == size && memcmp(WASI[i].name, name, size) == 0)
            host->body = WASI[i].body;
}
