/* What the convolution operators share. */
#ifndef IG_OPS_NN_CONV_H
#define IG_OPS_NN_CONV_H

#include "kernels/conv/conv.h"
#include "ops/nn/window.h"

/* Inputs x and w by number (images x channels x space…, filters x channels / group x window…) to output 0 of `dtype`. last: x
 * and the output have their channels last. */
ig_status ig_conv_infer(ig_infer *c, size_t x, size_t w, ig_dtype dtype, bool last);
/* Sizes and window of a call; pointers stay unset. */
ig_status ig_conv_of_call(ig_call *c, ig_conv *conv, const ig_tensor *x, const ig_tensor *w, bool last);
/* Packs a constant weight of floats; p->state becomes an ig_conv_state. */
ig_status ig_conv_prepare(ig_prepare *p, size_t w);

typedef struct ig_conv_state {
    size_t floats;
    _Alignas(64) float packed[];
} ig_conv_state;

/* The convolution in other number types, without haste: y = bias + sum of x * w. type: IG_F64 or IG_I32 (which wraps) for x, w,
 * bias and y alike. */
void ig_conv_plain(ig_threads *threads, const ig_conv *shape, ig_dtype type, const void *x, const void *w, const void *bias,
                   void *y);

#endif
