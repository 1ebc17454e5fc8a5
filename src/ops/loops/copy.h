/* Copies between strided layouts: what Transpose, Slice, Concat, Expand, Pad and their kin come down to. */
#ifndef IG_OPS_LOOPS_COPY_H
#define IG_OPS_LOOPS_COPY_H

#include "ops/op.h"

/* An n-d region: how many elements along each dim, and how far apart neighbours lie in the target and in the source, counted
 * in elements. Source steps may be zero (repeat) or negative (backwards); target steps must not make places coincide. */
typedef struct ig_copy {
    int rank;
    int64_t dims[IG_MAX_RANK], to[IG_MAX_RANK], from[IG_MAX_RANK];
} ig_copy;

/* Copies elements of `size` bytes (1, 2, 4, 8 or 16). `to` and `from` point to the element at coordinate 0. The regions don't
 * overlap. Dims of 0 copy nothing. */
void ig_copy_region(ig_threads *threads, const ig_copy *region, size_t size, void *to, const void *from);
/* n elements next to each other, all set to the one at `value`. */
void ig_copy_fill(ig_threads *threads, size_t n, size_t size, void *to, const void *value);
/* Row-major steps of a contiguous tensor of these dims. */
void ig_steps_of(int rank, const int64_t *dims, int64_t *steps);
/* Steps of a tensor of these dims along the dims of one that it is broadcast to, which has rank `to`: 0 where it repeats. */
void ig_steps_broadcast(int rank, const int64_t *dims, int to, int64_t *steps);

#endif
