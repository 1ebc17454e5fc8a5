/* The inner loops of convolutions, as data. */
#ifndef IG_KERNELS_CONV_LOOPS_H
#define IG_KERNELS_CONV_LOOPS_H

#include "base/def.h"

/* `n` output places from `at` that read the input at from, from + stride, … */
typedef struct ig_conv_piece {
    ptrdiff_t from;
    uint32_t at, n;
} ig_conv_piece;

/* For each of `channels` planes, `plane` floats apart: a row of `width` floats (rows are out_step apart) that is 0 but for the
 * runs. */
typedef void (*ig_conv_gather_fn)(const ig_conv_piece *runs, size_t n_runs, size_t stride, const float *x, size_t plane,
                                  size_t channels, float *out, size_t out_step, size_t width);

/* One row of results of a convolution of one channel. The row of x is padded: up to IG_CONV_SLACK floats behind the last one
 * that counts are read. */
typedef struct ig_depthwise {
    const float *x, *w; /* w: rows x cols taps */
    size_t rows, cols;
    size_t row_step, col_step; /* floats from one tap to the next */
    size_t stride;
    float *out;
    const float *add; /* n of them, or NULL; may be out */
    size_t n;
    float bias, min, max;
} ig_depthwise;

typedef void (*ig_depthwise_fn)(const ig_depthwise *row);

enum { IG_CONV_SLACK = 64 };

typedef struct ig_conv_f32 {
    ig_conv_gather_fn gather;
    ig_depthwise_fn depthwise;
} ig_conv_f32;

#endif
