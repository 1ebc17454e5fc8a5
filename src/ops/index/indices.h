/* What the operators that look up by index share. */
#ifndef IG_OPS_INDEX_INDICES_H
#define IG_OPS_INDEX_INDICES_H

#include "ops/op.h"

/* The content of input i (int32 or int64) as indices into n entries: negative ones counted from the end, all checked. Points
 * into the input when that is right as it is, otherwise to scratch memory. */
ig_status ig_call_indices(ig_call *c, size_t i, int64_t n, const int64_t **indices);
/* The same for `count` indices of `groups` dims each: entry k of each group is checked against limits[k]. Comes out as the
 * offsets that the steps give. */
ig_status ig_call_offsets(ig_call *c, size_t i, size_t groups, const int64_t *limits, const int64_t *steps,
                          const int64_t **offsets);
/* An error unless the indices have the data's rank and no larger dims, but along `axis`. */
ig_status ig_call_inside(ig_call *c, const ig_tensor *indices, const ig_tensor *x, int axis);
/* to[i] = from[at[i]] for n blocks of `size` bytes. */
void ig_gather_blocks(char *to, const char *from, const int64_t *at, size_t n, size_t size);

#endif
