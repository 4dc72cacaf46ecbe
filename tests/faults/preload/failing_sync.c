/* Syncing the file or directory that FAILING_SYNC names fails, as it does on a disk that is worn out. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int fsync(int file) {
    char link[64], path[PATH_MAX] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    if (readlink(link, path, sizeof path - 1) > 0 && strcmp(path, getenv("FAILING_SYNC")) == 0) {
        errno = EIO;
        return -1;
    }
    return ((__typeof__(&fsync))dlsym(RTLD_NEXT, "fsync"))(file);
}
