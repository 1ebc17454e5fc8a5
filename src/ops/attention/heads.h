/* What attention operators share around the core: tensors as heads, caches that grow, masks of onnxruntime, rotary positions.
 */
#ifndef IG_OPS_ATTENTION_HEADS_H
#define IG_OPS_ATTENTION_HEADS_H

#include "ops/attention/core.h"

/* Queries, keys or values as the core sees them. */
typedef struct ig_head_operand {
    size_t batch, heads, rows, size;
    ig_heads step;
    const void *data;
} ig_head_operand;

/* Of a tensor of rank 4 (batch x heads x rows x size) or 3 (batch x rows x heads * size); data stays unset. */
ig_head_operand ig_head_operand_of(const ig_tensor *t, size_t heads);

/* Puts the operand behind the first `before` rows of a cache, which has heads first (NULL: there is none), and makes it all of
 * them. They come to lie in output `out` when that is wanted (SIZE_MAX: never), of which rows behind the last keep what the
 * cache had. */
ig_status ig_heads_join(ig_call *c, const ig_tensor *cache, size_t before, size_t out, ig_dtype type, ig_head_operand *o);

/* The same on plain memory: the cache has old_rows rows for each head (old NULL: none), the result `room`; `all` NULL: in
 * scratch memory. */
ig_status ig_heads_append(ig_call *c, const void *old, size_t old_rows, size_t before, void *all, size_t room, ig_dtype type,
                          ig_head_operand *o);

/* Copies an operand's elements to `to`, heads first with `total` rows each, from row `at`. */
void ig_heads_put(ig_call *c, const ig_head_operand *o, size_t total, size_t at, size_t size, void *to);

/* Adds one number to each element of all rows: `bias` has heads * size of them. The operand then lies in scratch memory. NULL:
 * nothing to do. Floats only. */
ig_status ig_heads_add_bias(ig_call *c, ig_head_operand *o, const float *bias);

/* The operands of an attention, which must fit each other. */
ig_status ig_heads_set(ig_call *c, ig_attention *a, const ig_head_operand *q, const ig_head_operand *k,
                       const ig_head_operand *v);

/* onnxruntime's masks: lengths of texts (batch), or their ends and begins (2 * batch), or 0 and 1 for keys (batch x keys), for
 * queries and keys (batch x queries x keys), or for all positions (batch x 1 x most x most), as a bias that is `hide` where a
 * key is masked. `extra`: something more to add, broadcastable to batch x heads x queries x keys, or NULL. Floats only. */
ig_status ig_heads_mask(ig_call *c, ig_attention *a, const ig_tensor *mask, const ig_tensor *extra, float hide, size_t past);

/* Rotates the first `dim` elements of a head by the angles of a position: dim / 2 cosines and sines. Interleaved: pairs are
 * neighbours, else halves apart. */
void ig_rotate(float *x, size_t dim, const float *cosines, const float *sines, bool interleaved);

#endif
