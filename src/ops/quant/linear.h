/* What QuantizeLinear and DequantizeLinear share: which scale and zero point belongs to which element. Input 1 holds the
 * scales, input 2 the zero points (or is absent: zeros). One number serves all elements; a row of numbers serves the positions
 * along `axis`; numbers of the input's rank serve blocks of `block_size` elements along `axis`. */
#ifndef IG_OPS_QUANT_LINEAR_H
#define IG_OPS_QUANT_LINEAR_H

#include "ops/loops/map.h"

/* Errors when the shapes of scales and zero points don't suit the input. */
ig_status ig_linear_check(ig_infer *c);
/* Applies a loop of three inputs (element, scale, zero point) to all elements of input 0. */
ig_status ig_linear_run(ig_call *c, const ig_loop *loop, const void *params, ig_operand out);

#endif
