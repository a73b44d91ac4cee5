/* What shell.c calls and wasi-libc does not have: WASI has no modes of files. */
#ifdef __wasi__
#include <errno.h>
#include <sys/types.h>

int chmod(const char *path, mode_t mode)
{
    errno = ENOSYS;
    return -1;
}
#endif
