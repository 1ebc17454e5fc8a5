/* Discrete Fourier transforms of any length in double: powers of two by Cooley and Tukey's algorithm (1965), other lengths as a
 * convolution with a chirp (Bluestein 1970). */
#ifndef IG_OPS_SIGNAL_FFT_H
#define IG_OPS_SIGNAL_FFT_H

#include "ops/loops/lanes.h"

typedef struct ig_complex {
    double re, im;
} ig_complex;

typedef struct ig_fft {
    size_t n;
    size_t power;             /* of two: n itself, or long enough for the convolution */
    const ig_complex *roots;  /* exp(-2 pi i k / power), k < power / 2 */
    const ig_complex *chirp;  /* exp(-pi i k^2 / n), k < n; NULL: n is the power of two */
    const ig_complex *filter; /* transform of the conjugate chirp */
} ig_fft;

/* Tables in the call's scratch memory. Fails for lack of memory, or when n passes 2^40. */
ig_status ig_fft_prepare(ig_call *c, size_t n, ig_fft *f);
/* In place; x has room for f->power numbers of which the first n count. Neither direction divides by n. */
void ig_fft_run(const ig_fft *f, ig_complex *x, bool inverse);

typedef enum ig_dft_kind {
    IG_DFT_WHOLE,     /* n complex numbers from real or complex ones */
    IG_DFT_HALF,      /* the first n / 2 + 1 of them */
    IG_DFT_INVERSE,   /* n complex numbers, divided by n */
    IG_DFT_FROM_HALF, /* n real numbers out of the first half of their transform, divided by n */
} ig_dft_kind;

/* How many elements come out along the axis for a transform of length n. */
static inline size_t ig_dft_length(ig_dft_kind kind, size_t n) { return kind == IG_DFT_HALF ? n / 2 + 1 : n; }

/* Transforms of length n along one axis of x, whose elements are `parts` (1 or 2) numbers each; missing elements are zeros. y
 * has pairs, or single numbers for IG_DFT_FROM_HALF. */
ig_status ig_dft_lanes(ig_call *c, ig_dft_kind kind, size_t n, const ig_lanes *lanes, size_t parts, const double *x, double *y);

#endif
