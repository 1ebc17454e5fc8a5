/* Rows made to have mean 0 and variance 1, or a mean square of 1: what all normalizations come down to. */
#ifndef IG_OPS_NN_NORM_H
#define IG_OPS_NN_NORM_H

#include "ops/op.h"

typedef struct ig_moments {
    double mean;  /* 0 when not centered */
    double scale; /* 1 / sqrt(variance + epsilon) */
} ig_moments;

/* Of a row of n elements. Not centered: the variance is the mean square. */
ig_moments ig_moments_f32(const float *x, size_t n, bool center, double epsilon);
ig_moments ig_moments_f64(const double *x, size_t n, bool center, double epsilon);
/* y[i] = (x[i] - mean) * scale * weight[i] + bias[i]; weight and bias may be NULL; y may be x. */
void ig_normalize_f32(const float *x, float *y, size_t n, ig_moments m, const float *weight, const float *bias);
void ig_normalize_f64(const double *x, double *y, size_t n, ig_moments m, const double *weight, const double *bias);

/* The elements of `t` as `type` (IG_F32 or IG_F64), broadcast to these dims: its own memory when it has that shape already. A
 * NULL tensor gives NULL. */
ig_status ig_broadcast_real(ig_call *c, const ig_tensor *t, ig_dtype type, int rank, const int64_t *dims, const void **data);

#endif
