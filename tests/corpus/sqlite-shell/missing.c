/* WASI has no modes of files, but the shell sets them with chmod, and SQLite
 * with what its table of system calls has for fchmod: in a build for WASI, a
 * null pointer. */
#include <errno.h>
#include <sqlite3.h>
#include <sys/types.h>

#ifdef __wasi__

int chmod(const char *path, mode_t mode)
{
    errno = ENOSYS;
    return -1;
}

static int no_fchmod(int fd, mode_t mode)
{
    errno = ENOSYS;
    return -1;
}

int fill_in_system_calls(const char *unused)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    return vfs->xSetSystemCall(vfs, "fchmod", (sqlite3_syscall_ptr)no_fchmod);
}

#else

int fill_in_system_calls(const char *unused)
{
    return SQLITE_OK;
}

#endif
