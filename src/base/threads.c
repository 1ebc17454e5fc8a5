#include "base/threads.h"
#include "base/error.h"

#include <pthreadpool.h>

struct ig_threads {
    ig_context *context;
    pthreadpool_t pool;
    unsigned n;
};

ig_status ig_threads_create(ig_threads **out, ig_context *context, unsigned n, ig_error *err) {
    *out = NULL;
    ig_threads *t = ig_calloc(context, sizeof *t);
    if (!t) return ig_oom(err);
    t->context = context;
    if (n != 1) {
        t->pool = pthreadpool_create(n);
        if (!t->pool) {
            ig_release(context, t);
            return ig_fail(err, IG_E_MEMORY, "can't start %u threads", n);
        }
    }
    t->n = t->pool ? (unsigned)pthreadpool_get_threads_count(t->pool) : 1;
    *out = t;
    return IG_OK;
}

void ig_threads_free(ig_threads *t) {
    if (!t) return;
    if (t->pool) pthreadpool_destroy(t->pool);
    ig_release(t->context, t);
}

unsigned ig_threads_count(const ig_threads *t) { return t ? t->n : 1; }

typedef struct job {
    ig_range_fn fn;
    void *arg;
} job;

static void run_tile(void *context, size_t start, size_t count) {
    const job *j = context;
    j->fn(j->arg, start, start + count);
}

void ig_parallel(ig_threads *t, size_t n, size_t grain, ig_range_fn fn, void *arg) {
    if (n == 0) return;
    if (grain == 0) grain = 1;
    if (!t || t->n == 1 || n <= grain) {
        fn(arg, 0, n);
        return;
    }
    /* About four ranges a thread: enough to even out unequal cores, few enough to cost nothing. */
    size_t pieces = ig_min_size((n + grain - 1) / grain, (size_t)t->n * 4);
    size_t tile = (n + pieces - 1) / pieces;
    job j = {fn, arg};
    pthreadpool_parallelize_1d_tile_1d(t->pool, run_tile, &j, n, tile, 0);
}

typedef struct items_job {
    ig_worker_fn fn;
    void *arg;
    size_t n;
    atomic_size_t next;
} items_job;

static void run_worker(void *context, size_t worker) {
    items_job *j = context;
    for (;;) {
        size_t item = atomic_fetch_add_explicit(&j->next, 1, memory_order_relaxed);
        if (item >= j->n) return;
        j->fn(j->arg, worker, item);
    }
}

void ig_parallel_items(ig_threads *t, size_t n, ig_worker_fn fn, void *arg) {
    if (!t || t->n == 1 || n <= 1) {
        for (size_t i = 0; i < n; i++) fn(arg, 0, i);
        return;
    }
    items_job j = {.fn = fn, .arg = arg, .n = n};
    pthreadpool_parallelize_1d(t->pool, run_worker, &j, ig_min_size(n, t->n), 0);
}
