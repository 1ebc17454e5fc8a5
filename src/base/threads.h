/* Work in parallel. A pool of n threads counts the caller as one; NULL or a pool of 1 runs everything in place. */
#ifndef IG_BASE_THREADS_H
#define IG_BASE_THREADS_H

#include "base/context.h"

typedef struct ig_threads ig_threads;

/* n = 0: one per core that the process may use. */
ig_status ig_threads_create(ig_threads **threads, ig_context *context, unsigned n, ig_error *err);
void ig_threads_free(ig_threads *threads);
unsigned ig_threads_count(const ig_threads *threads); /* 1 for NULL */

/* Work on items [begin, end). Called at once from several threads with disjoint ranges that cover [0, n). */
typedef void (*ig_range_fn)(void *arg, size_t begin, size_t end);
/* Splits n items into ranges of at least `grain` items; small work stays on the caller's thread. Returns when all is done.
 * Not to be called from inside a range function. */
void ig_parallel(ig_threads *threads, size_t n, size_t grain, ig_range_fn fn, void *arg);

/* Work on one item by a worker, 0 ... ig_threads_count - 1: calls of one worker follow each other, so it may have its own
 * memory. */
typedef void (*ig_worker_fn)(void *arg, size_t worker, size_t item);
/* Calls fn for every item below n; a worker that is done with one takes the next. For items that are few and large. */
void ig_parallel_items(ig_threads *threads, size_t n, ig_worker_fn fn, void *arg);

#endif
