#define _GNU_SOURCE
#include "base/context.h"
#include "base/platform.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Walks the path part by part without following links, so that nothing can leave the folder (openat2's RESOLVE_BENEATH does
 * the same in one call, but only on newer Linux kernels). */
static int open_beneath(const char *root, const char *path) {
    int dir = open(root[0] ? root : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (dir >= 0) {
        size_t n = strcspn(path, "/");
        char part[256];
        if (n == 0 || n >= sizeof part || (n == 2 && path[0] == '.' && path[1] == '.')) {
            close(dir);
            errno = n >= sizeof part ? ENAMETOOLONG : EXDEV;
            return -1;
        }
        memcpy(part, path, n);
        part[n] = 0;
        bool last = path[n] == 0;
        int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | (last ? 0 : O_DIRECTORY);
        int next = openat(dir, part, flags);
        int problem = errno;
        close(dir);
        errno = problem;
        if (last) return next;
        dir = next;
        path += n + 1;
    }
    return -1;
}

static int file_open(void *user, const char *root, const char *path, void **handle, uint64_t *size) {
    IG_UNUSED(user);
    int fd = root ? open_beneath(root, path) : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return errno;
    struct stat st;
    int problem = fstat(fd, &st) ? errno : S_ISDIR(st.st_mode) ? EISDIR : S_ISREG(st.st_mode) ? 0 : EINVAL;
    if (problem) {
        close(fd);
        return problem;
    }
    *handle = (void *)(intptr_t)fd;
    *size = (uint64_t)st.st_size;
    return 0;
}

static const void *file_map(void *user, void *handle, uint64_t size) {
    IG_UNUSED(user);
    if (size == 0) return "";
    void *p = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, (int)(intptr_t)handle, 0);
    return p == MAP_FAILED ? NULL : p;
}

static void file_unmap(void *user, const void *data, uint64_t size) {
    IG_UNUSED(user);
    if (size) munmap((void *)(uintptr_t)data, (size_t)size);
}

static void file_close(void *user, void *handle) {
    IG_UNUSED(user);
    close((int)(intptr_t)handle);
}

ig_io ig_platform_io(void) { return (ig_io){file_open, file_map, file_unmap, file_close, NULL}; }

void ig_platform_forget(const void *data, size_t size) {
    long page = sysconf(_SC_PAGESIZE);
    if (page <= 0) return;
    uintptr_t first = ig_round_up((uintptr_t)data, (size_t)page),
              end = ((uintptr_t)data + size) / (uintptr_t)page * (uintptr_t)page;
    if (first < end) madvise((void *)first, end - first, MADV_DONTNEED); /* only a wish: failure changes nothing */
}

uint64_t ig_platform_memory(void) {
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : (uint64_t)4 << 30;
}

uint64_t ig_clock_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void *ig_platform_load(const char *path, const char *symbol, void **function, char *problem, size_t size) {
    char here[4096];
    if (!strchr(path, '/')) { /* a plain name means a file in this folder, not one of the system's */
        snprintf(here, sizeof here, "./%s", path);
        path = here;
    }
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    *function = library ? dlsym(library, symbol) : NULL;
    if (*function) return library;
    const char *text = dlerror();
    snprintf(problem, size, "%s", text ? text : "unknown problem");
    if (library) dlclose(library);
    return NULL;
}

void ig_platform_unload(void *library) { dlclose(library); }
