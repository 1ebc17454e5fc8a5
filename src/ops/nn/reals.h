/* Inputs and outputs of kernels that compute in float or double, whatever the tensors hold: other types are converted on the
 * way in, and results are rounded once on the way out. */
#ifndef IG_OPS_NN_REALS_H
#define IG_OPS_NN_REALS_H

#include "ops/op.h"

/* The type that a kernel computes in for tensors of this type: double for double, else float. */
static inline ig_dtype ig_real_type(ig_dtype dtype) { return dtype == IG_F64 ? IG_F64 : IG_F32; }

/* The elements of a tensor as `type` (IG_F32 or IG_F64): its own memory or a copy in scratch memory. A NULL tensor gives NULL
 * data. */
ig_status ig_real_in(ig_call *c, const ig_tensor *t, ig_dtype type, const void **data);
/* Room for the elements of output o: its own memory or scratch memory. Output o must be wanted. */
ig_status ig_real_out(ig_call *c, size_t o, ig_dtype type, void **data);
/* Stores what was computed in the room from ig_real_out. */
void ig_real_done(ig_call *c, size_t o, ig_dtype type, const void *data);

#endif
