/* Float matrix products C = f(alpha * A * B + beta * D + bias), and what is built on them. Nothing here allocates: the caller
 * asks how much scratch memory a run needs, and constant operands are packed once. */
#ifndef IG_KERNELS_GEMM_GEMM_H
#define IG_KERNELS_GEMM_GEMM_H

#include "base/threads.h"
#include "kernels/kernels.h"

/* Where the driver gets B from when it is no matrix in memory (a convolution's window columns): writes rows [k0, k0 + kn) of
 * columns [n0, n0 + nn) as kn steps of `width` floats, zeros behind column nn. Called from several threads. */
typedef void (*ig_gemm_source_fn)(const void *arg, size_t k0, size_t kn, size_t n0, size_t nn, size_t width, float *out);
/* Applied to n results in place, for activations that are no clamp. Called from several threads. */
typedef void (*ig_gemm_post_fn)(const void *arg, float *c, size_t n);

/* One product. Element (i, p) of A is a[i * a_row + p * a_col], so a transposed matrix has its steps swapped; the same for B.
 * C is row-major and overlaps nothing but, exactly, `add`. */
typedef struct ig_gemm {
    size_t m, n, k;
    const float *a, *b;
    size_t a_row, a_col, b_row, b_col;
    const float *a_packed, *b_packed; /* from ig_gemm_pack_a, _b, instead of a, b */
    ig_gemm_source_fn source;         /* instead of b */
    const void *source_arg;
    float *c;
    size_t c_row;
    float alpha;
    const float *add; /* m x n, added times beta; add_row 0: one row for all; NULL: none */
    size_t add_row;
    float beta;
    const float *bias_rows, *bias_cols; /* m, n of them; NULL: none */
    float min, max;
    ig_gemm_post_fn post; /* after the clamp; NULL: none */
    const void *post_arg;
} ig_gemm;

/* Row-major A, B and C without anything else; fill in the pointers. */
ig_gemm ig_gemm_of(size_t m, size_t n, size_t k);

/* Floats that a packed A (m x k) or B (k x n) takes; false on overflow. */
bool ig_gemm_packed_a(const ig_kernels *kernels, size_t m, size_t k, size_t *floats);
bool ig_gemm_packed_b(const ig_kernels *kernels, size_t k, size_t n, size_t *floats);
/* Packs a constant operand; steps as in ig_gemm. The source needs no alignment. */
void ig_gemm_pack_a(const ig_kernels *kernels, ig_threads *threads, const void *a, size_t a_row, size_t a_col, size_t m,
                    size_t k, float *out);
void ig_gemm_pack_b(const ig_kernels *kernels, ig_threads *threads, const void *b, size_t b_row, size_t b_col, size_t k,
                    size_t n, float *out);

/* Bytes of scratch memory, 64-byte aligned, that ig_gemm_run wants for products of this size and kind. */
size_t ig_gemm_scratch(const ig_kernels *kernels, const ig_threads *threads, const ig_gemm *g);
/* What is enough on one thread for every product with at most so many columns and so long a sum. */
size_t ig_gemm_scratch_most(const ig_kernels *kernels, size_t n, size_t k);
/* Computes `count` products of one size and kind (the same operands packed or not), which differ in their pointers. */
void ig_gemm_run(const ig_kernels *kernels, ig_threads *threads, const ig_gemm *products, size_t count, void *scratch);

#endif
