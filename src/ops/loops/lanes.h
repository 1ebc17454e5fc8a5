/* Work along one dim: a tensor as outer x length x inner, whose lanes are the runs of `length` elements `inner` apart. */
#ifndef IG_OPS_LOOPS_LANES_H
#define IG_OPS_LOOPS_LANES_H

#include "ops/op.h"

typedef struct ig_lanes {
    size_t outer, length, inner;
} ig_lanes;

/* The lanes along dim `axis`. rank 0 is one lane of one element. */
ig_lanes ig_lanes_of(int rank, const int64_t *dims, int axis);
/* As if the dims before `axis` were one and the others another: softmax and its kin before opset 13. */
ig_lanes ig_lanes_coerced(int rank, const int64_t *dims, int axis);
/* Index of the first element of lane number `lane`. */
static inline size_t ig_lane_first(const ig_lanes *l, size_t lane) {
    return lane / l->inner * l->length * l->inner + lane % l->inner;
}

/* Calls fn for every lane, in parallel. `room` is scratch memory for that call, 64-byte aligned. */
typedef void (*ig_lane_fn)(void *arg, size_t lane, void *room);
ig_status ig_lanes_each(ig_call *c, const ig_lanes *lanes, size_t room, ig_lane_fn fn, void *arg);

/* y = f(x) lane by lane. The lanes come as contiguous blocks in a work type (loops/work.h); `in` and `out` may be the same. A
 * function left NULL means that the operator isn't defined on such types. */
typedef struct ig_lane_map {
    void (*f32)(const void *arg, const float *in, float *out, size_t n);
    void (*f64)(const void *arg, const double *in, double *out, size_t n);
    void (*i64)(const void *arg, const int64_t *in, int64_t *out, size_t n); /* uint64 as the same bits */
} ig_lane_map;
ig_status ig_lanes_map(ig_call *c, const ig_lanes *lanes, const ig_tensor *x, ig_tensor *y, const ig_lane_map *map,
                       const void *arg);

#endif
