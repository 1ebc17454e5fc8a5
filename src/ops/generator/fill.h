/* Filling tensors. */
#ifndef IG_OPS_GENERATOR_FILL_H
#define IG_OPS_GENERATOR_FILL_H

#include "ops/op.h"

/* Every element of the tensor (not strings) becomes the same: the first of `value`, of the tensor's type; NULL: zero. */
void ig_fill(ig_threads *threads, ig_tensor *tensor, const void *value);

#endif
