/* What the pooling operators share. */
#ifndef IG_OPS_NN_POOL_H
#define IG_OPS_NN_POOL_H

#include "ops/nn/window.h"

/* Outputs 0 and 1 of a pool over the spatial dims of input 0, as its attributes say. */
ig_status ig_pool_infer(ig_infer *c);
/* Output 0 of a pool over all of space: one element for each image and channel. */
ig_status ig_pool_global_infer(ig_infer *c);

/* For places along one dim, how many taps stand on the input (with `padding`, also on its padding). */
void ig_pool_counts(const ig_window *w, int dim, bool padding, int64_t *counts);

#endif
