/* Loops that make one number of many floats, or add up rows, for every instruction set: simd.h makes them, <variant>.c compiles
 * that for one set. Sums are taken in short runs of float that add up in double. Memory need not be aligned. */
#ifndef IG_KERNELS_FOLDS_FOLDS_H
#define IG_KERNELS_FOLDS_FOLDS_H

#include "base/base.h"

typedef struct ig_folds {
    /* Of n floats. The largest and the smallest are a NaN when one of the elements is; of none they are -inf and inf. */
    float (*max)(const float *x, size_t n), (*min)(const float *x, size_t n);
    double (*sum)(const float *x, size_t n), (*sum_abs)(const float *x, size_t n), (*sum_square)(const float *x, size_t n);
    /* Of each column of rows that are `step` apart, on top of what stands in the accumulators. */
    void (*sum_rows)(double *acc, const float *x, size_t step, size_t rows, size_t columns);
    void (*sum_abs_rows)(double *acc, const float *x, size_t step, size_t rows, size_t columns);
    void (*sum_square_rows)(double *acc, const float *x, size_t step, size_t rows, size_t columns);
    void (*max_rows)(double *acc, const float *x, size_t step, size_t rows, size_t columns);
    void (*min_rows)(double *acc, const float *x, size_t step, size_t rows, size_t columns);
    /* out[i] = e^(in[i] - most), where no element is larger than `most`; returns the sum. `out` may be `in`. */
    double (*exp_sum)(const float *in, float *out, size_t n, float most);
    void (*scale)(float *x, size_t n, float by);
    /* out[i] = in[i] - a - b; `out` may be `in`. */
    void (*less)(const float *in, float *out, size_t n, float a, float b);
} ig_folds;

#endif
