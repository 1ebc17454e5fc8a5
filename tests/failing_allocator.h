/* An allocator that fails once: `fail_at` is the number of the allocation that fails, 0: none. Counts what is in use, so that
 * leaks show without a sanitizer. */
#ifndef IG_TESTS_FAILING_ALLOCATOR_H
#define IG_TESTS_FAILING_ALLOCATOR_H

#include <igata/igata.h>
#include <stdlib.h>

typedef struct failing_allocator {
    size_t fail_at, calls, live;
} failing_allocator;

static inline void *failing_resize(void *user, void *p, size_t old_size, size_t new_size) {
    failing_allocator *f = user;
    (void)old_size;
    if (new_size == 0) {
        f->live -= p != NULL;
        free(p);
        return NULL;
    }
    if (++f->calls == f->fail_at) return NULL;
    void *q = realloc(p, new_size);
    f->live += q && !p;
    return q;
}

#endif
