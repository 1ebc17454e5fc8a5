/* What the pooling operators share. */
#ifndef IG_OPS_NN_POOL_H
#define IG_OPS_NN_POOL_H

#include "ops/nn/window.h"

/* Outputs 0 and 1 of a pool over the spatial dims of input 0, as its attributes say; `last`: the channels are its last dim. */
ig_status ig_pool_infer_layout(ig_infer *c, bool last);
ig_status ig_pool_infer(ig_infer *c);
/* Output 0 of a pool over all of space: one element for each image and channel. */
ig_status ig_pool_global_infer(ig_infer *c);

/* What input 0 and the result are said to be when the channels are the last dim. */
void ig_pool_channels_last(ig_shape *s);
void ig_pool_channels_first(ig_shape *s);

/* For places along one dim, how many taps stand on the input (with `padding`, also on its padding). */
void ig_pool_counts(const ig_window *w, int dim, bool padding, int64_t *counts);

/* Pools of `planes` planes, one after the other: the mean of floats, the largest of 8-bit numbers. */
ig_status ig_pool_mean(ig_call *c, const ig_window *w, bool padding, size_t planes, const float *x, float *y);
ig_status ig_pool_max(ig_call *c, const ig_window *w, ig_dtype dtype, size_t planes, const void *x, void *y);

#endif
