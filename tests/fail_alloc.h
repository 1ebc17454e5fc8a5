/* An allocator that fails the n-th request, once or from then on, and counts what is still allocated. */
#ifndef IG_TESTS_FAIL_ALLOC_H
#define IG_TESTS_FAIL_ALLOC_H

#include <igata/igata.h>
#include <stdlib.h>

typedef struct fail_alloc {
    long countdown; /* requests that still succeed; negative: never fail */
    bool forever;   /* fail all after that, not only one */
    bool failed;
    long live;
} fail_alloc;

static inline void *fail_alloc_resize(void *user, void *p, size_t old_size, size_t new_size) {
    fail_alloc *f = user;
    (void)old_size;
    if (new_size == 0) {
        f->live -= p != NULL;
        free(p);
        return NULL;
    }
    if (f->countdown == 0 && (f->forever || !f->failed)) {
        f->failed = true;
        return NULL;
    }
    if (f->countdown > 0) f->countdown--;
    void *q = realloc(p, new_size);
    f->live += q && !p;
    return q;
}

/* Runs `work` with a fresh context whose n-th allocation fails, for n = 0, 1, 2 … until it succeeds. `work` returns the status
 * of the first call that failed, having freed everything. Returns the number of allocations, or -1 when something leaked or a
 * failure was reported as something other than IG_E_MEMORY. */
static inline long fail_each_allocation(ig_status (*work)(ig_context *context), bool forever) {
    for (long n = 0;; n++) {
        fail_alloc f = {.countdown = n, .forever = forever};
        ig_context *context;
        ig_context_options options = {IG_OPTIONS(ig_context_options), .allocator = {fail_alloc_resize, &f}};
        ig_status status = ig_context_create(&context, &options, NULL);
        if (status == IG_OK) {
            status = work(context);
            ig_context_free(context);
        }
        if (f.live != 0 || (status != IG_OK && status != IG_E_MEMORY)) return -1;
        if (status == IG_OK && !f.failed) return n;
    }
}

#endif
