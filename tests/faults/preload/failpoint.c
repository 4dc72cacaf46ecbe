/* Counts the calls that change files below FAILPOINT_BELOW, notes each in FAILPOINT_LOG, and at number FAILPOINT_AT has
 * the process killed: FAILPOINT_HOW says before the call, after it, or, where it writes bytes, after half of them. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum how { BEFORE = 'b', TORN = 't', AFTER = 'a' };

static const char *below;
static long at;
static enum how how;
static int noted = -1;
static atomic_long calls;
static ssize_t (*original_write)(int, const void *, size_t);

#define ORIGINAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void arm(void) {
    original_write = ORIGINAL(write);
    below = getenv("FAILPOINT_BELOW");
    at = atol(getenv("FAILPOINT_AT"));
    how = getenv("FAILPOINT_HOW")[0];
    noted = ORIGINAL(open)(getenv("FAILPOINT_LOG"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

/* The path of `name` in the directory open as `directory`, or of the open file itself where there is no name. */
static int path_of(int directory, const char *name, char *path) {
    char link[64], base[PATH_MAX] = "";
    if (name && name[0] == '/')
        return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX;
    if (directory == AT_FDCWD)
        snprintf(link, sizeof link, "/proc/self/cwd");
    else
        snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
    if (readlink(link, base, sizeof base - 1) < 0)
        return 0;
    return snprintf(path, PATH_MAX, name ? "%s/%s" : "%s", base, name) < PATH_MAX;
}

/* Whether this is the call to die at; where that is to be before it, it dies here. */
static int reached(const char *call, int directory, const char *name) {
    char path[PATH_MAX], line[PATH_MAX + 64];
    int saved = errno;
    if (noted < 0 || !path_of(directory, name, path) || strncmp(path, below, strlen(below)) != 0) {
        errno = saved;
        return 0;
    }
    long number = atomic_fetch_add(&calls, 1) + 1;
    int length = snprintf(line, sizeof line, "%ld %s %s\n", number, call, path + strlen(below));
    original_write(noted, line, length);
    if (number == at && how == BEFORE)
        die();
    errno = saved;
    return number == at;
}

#define THEN(hit, result)                                                                                              \
    do {                                                                                                               \
        if (hit)                                                                                                       \
            die();                                                                                                     \
        return result;                                                                                                 \
    } while (0)

#define ON_A_FILE(type, name, parameters, arguments)                                                                   \
    type name parameters {                                                                                             \
        int hit = reached(#name, file, NULL);                                                                          \
        type result = ORIGINAL(name) arguments;                                                                        \
        THEN(hit, result);                                                                                             \
    }

/* Half of the bytes may have come down when the power goes. */
#define OF_BYTES(name, parameters, arguments)                                                                          \
    ssize_t name parameters {                                                                                          \
        int hit = reached(#name, file, NULL);                                                                          \
        if (hit && how == TORN)                                                                                        \
            size /= 2;                                                                                                 \
        ssize_t result = ORIGINAL(name) arguments;                                                                     \
        THEN(hit, result);                                                                                             \
    }

OF_BYTES(write, (int file, const void *data, size_t size), (file, data, size))
OF_BYTES(pwrite, (int file, const void *data, size_t size, off_t where), (file, data, size, where))
OF_BYTES(pwrite64, (int file, const void *data, size_t size, off64_t where), (file, data, size, where))
OF_BYTES(sendfile, (int file, int from, off_t *where, size_t size), (file, from, where, size))
OF_BYTES(sendfile64, (int file, int from, off64_t *where, size_t size), (file, from, where, size))
ON_A_FILE(ssize_t, writev, (int file, const struct iovec *parts, int count), (file, parts, count))
ON_A_FILE(int, fsync, (int file), (file))
ON_A_FILE(int, fdatasync, (int file), (file))
ON_A_FILE(int, ftruncate, (int file, off_t size), (file, size))
ON_A_FILE(int, ftruncate64, (int file, off64_t size), (file, size))

#define ON_A_NAME(name, directory, parameters, arguments)                                                              \
    int name parameters {                                                                                              \
        int hit = reached(#name, directory, path);                                                                     \
        int result = ORIGINAL(name) arguments;                                                                         \
        THEN(hit, result);                                                                                             \
    }

ON_A_NAME(rename, AT_FDCWD, (const char *from, const char *path), (from, path))
ON_A_NAME(renameat, there, (int here, const char *from, int there, const char *path), (here, from, there, path))
ON_A_NAME(link, AT_FDCWD, (const char *from, const char *path), (from, path))
ON_A_NAME(symlink, AT_FDCWD, (const char *target, const char *path), (target, path))
ON_A_NAME(unlink, AT_FDCWD, (const char *path), (path))
ON_A_NAME(unlinkat, here, (int here, const char *path, int flags), (here, path, flags))
ON_A_NAME(mkdir, AT_FDCWD, (const char *path, mode_t mode), (path, mode))
ON_A_NAME(mkdirat, here, (int here, const char *path, mode_t mode), (here, path, mode))
ON_A_NAME(rmdir, AT_FDCWD, (const char *path), (path))

/* Opening a file changes something only where it is made or emptied by that. */
#define OPENING(name, directory, parameters, arguments)                                                                \
    int name parameters {                                                                                              \
        mode_t mode = 0;                                                                                               \
        int hit = 0;                                                                                                   \
        if (flags & (O_CREAT | __O_TMPFILE)) {                                                                         \
            va_list more;                                                                                              \
            va_start(more, flags);                                                                                     \
            mode = va_arg(more, mode_t);                                                                               \
            va_end(more);                                                                                              \
        }                                                                                                              \
        if (flags & O_TRUNC || (flags & O_CREAT && faccessat(directory, path, F_OK, 0) != 0))                          \
            hit = reached(#name, directory, path);                                                                     \
        int result = ORIGINAL(name) arguments;                                                                         \
        THEN(hit, result);                                                                                             \
    }

OPENING(open, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
OPENING(open64, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
OPENING(openat, here, (int here, const char *path, int flags, ...), (here, path, flags, mode))
OPENING(openat64, here, (int here, const char *path, int flags, ...), (here, path, flags, mode))
