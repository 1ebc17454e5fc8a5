/* Arguments that moved: lists of whole numbers (axes, pads, starts …) which older versions of an operator have as an attribute
 * and newer ones as an input, and axis attributes. */
#ifndef IG_OPS_ARGS_H
#define IG_OPS_ARGS_H

#include "ops/op.h"

typedef enum ig_known { IG_ABSENT, IG_NOT_KNOWN, IG_IS_KNOWN } ig_known;

/* During inference: the attribute `attr` when this version of the operator has one of that name, else input `input`. With
 * IG_IS_KNOWN the length is known; entries may still be unknown. */
ig_known ig_infer_list(ig_infer *c, const char *attr, size_t input, ig_ints *list);
/* A single known number of any real type, truncated: some old operators take counts as floats. */
bool ig_infer_number(ig_infer *c, size_t i, int64_t *value);
/* The same as ig_infer_list for a kernel, where everything is known: a list in the call's scratch memory, NULL when it is
 * absent. */
ig_status ig_call_list(ig_call *c, const char *attr, size_t input, const int64_t **list, size_t *n);
/* The only number of such a list, or `preset` when it is absent. */
ig_status ig_call_number(ig_call *c, const char *attr, size_t input, int64_t preset, int64_t *value);

/* Every entry made an axis in [0, rank): a mask of them. Errors: unknown entries give false with IG_OK. */
bool ig_infer_axes(ig_infer *c, const ig_ints *list, int rank, uint32_t *mask, ig_status *status);
/* The same for a kernel. `axes` gets the entries in their order; it and `mask` may be NULL. Repeated entries are an error. */
ig_status ig_call_axes(ig_call *c, const int64_t *list, size_t n, int rank, int *axes, uint32_t *mask);
/* One axis in [-rank, rank), made non-negative. */
ig_status ig_call_axis(ig_call *c, int64_t axis, int rank, int *out);

/* Product of dims; unknown ones make it unknown. */
ig_dim ig_dim_product(ig_syms *syms, const ig_dim *dims, size_t n);
/* Sum and product of two sizes; an error when they are known and pass 63 bits. */
ig_status ig_infer_plus(ig_infer *c, ig_dim a, ig_dim b, ig_dim *out);
ig_status ig_infer_times(ig_infer *c, ig_dim a, ig_dim b, ig_dim *out);
/* All content of input i to output `o` of the same type and count. */
ig_status ig_call_copy(ig_call *c, size_t i, size_t o);
/* An error unless output `o` was made: its shape follows from the inputs, but they make no sense (a list of another rank than
 * 1, a sequence for a tensor). */
ig_status ig_call_made(ig_call *c, size_t o);
/* An error unless input i is a tensor with elements like those of output `o`. */
ig_status ig_call_like(ig_call *c, size_t i, size_t o);
/* An error unless the input can be broadcast to the output, or has its very dims along all axes but `except` (-1: along all).
 * A plan may know an output's dims before those of all inputs: a kernel whose output follows from several inputs looks. */
ig_status ig_call_broadcasts(ig_call *c, const ig_tensor *x, const ig_tensor *y);
ig_status ig_call_fits(ig_call *c, const ig_tensor *x, const ig_tensor *y, int except);
/* Says that output 0 has the content of input 0, as far as it is known, under this rank (0 or 1). */
ig_status ig_infer_pass_ints(ig_infer *c, int rank);

#endif
