/* The context: where memory, files, limits, logging and the choice of CPU kernels come from. */
#ifndef IG_BASE_CONTEXT_H
#define IG_BASE_CONTEXT_H

#include "base/cpu.h"
#include "base/def.h"

#include <stdatomic.h>

struct ig_context {
    ig_allocator allocator;
    ig_limits limits; /* no field is 0 here: defaults are filled in */
    ig_io io;
    void (*log)(void *user, ig_log_level level, const char *text);
    void *log_user;
    ig_cpu cpu; /* the level that kernels may use */
    atomic_int references;
    atomic_uint_least64_t memory, memory_peak;
    struct ig_custom_ops *ops; /* operators that the user registered; see ops/custom.h */
    void (*free_ops)(struct ig_context *context);
};

ig_context *ig_context_retain(ig_context *context);

/* Memory of the context: 64-byte aligned, counted against limits.memory. NULL when refused. */
void *ig_alloc(ig_context *context, size_t size);  /* uninitialized */
void *ig_calloc(ig_context *context, size_t size); /* zeroed */
/* Like realloc; a NULL p allocates. The old block stays valid when NULL is returned. */
void *ig_resize(ig_context *context, void *p, size_t size);
void ig_release(ig_context *context, void *p); /* p may be NULL */

void ig_log(ig_context *context, ig_log_level level, const char *format, ...) IG_PRINTF(3, 4);

/* Monotonic nanoseconds. */
uint64_t ig_clock_ns(void);

#endif
