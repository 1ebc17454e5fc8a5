/* Products of 8-bit integers with 32-bit sums: C = (A - a_zero) * (B - b_zero). Nothing here allocates. */
#ifndef IG_KERNELS_IGEMM_IGEMM_H
#define IG_KERNELS_IGEMM_IGEMM_H

#include "base/threads.h"
#include "kernels/kernels.h"

/* Elements are uint8_t or int8_t. Element (i, p) is data[i * row + p * col]. */
typedef struct ig_imatrix {
    const void *data;
    size_t row, col;
    bool is_signed;
    const int32_t
        *zero; /* what is subtracted: entry i * zero_step for row i of A, column i of B; NULL: nothing. In [-256, 256]. */
    size_t zero_step;
    const int16_t *packed; /* from ig_igemm_pack_a, _b, instead of the rest */
} ig_imatrix;

/* Instead of B: writes columns [n0, n0 + nn), all of k, as pairs: out[(p / 2 * width + j) * 2 + p % 2], zeros behind column nn
 * and behind k. Called from several threads. */
typedef void (*ig_igemm_source_fn)(const void *arg, size_t n0, size_t nn, size_t width, int16_t *out);
/* Gets the finished sums of n places of row `row` from column `col`. Called from several threads. */
typedef void (*ig_igemm_post_fn)(const void *arg, const int32_t *sums, size_t row, size_t col, size_t n);

typedef struct ig_igemm {
    size_t m, n, k;
    ig_imatrix a, b;
    ig_igemm_source_fn source;
    const void *source_arg;
    int32_t *c; /* row-major; NULL: only `post` gets the sums */
    size_t c_row;
    ig_igemm_post_fn post;
    const void *post_arg;
} ig_igemm;

/* int16 elements of a packed A (m x k) or B (k x n); false on overflow. */
bool ig_igemm_packed_a(const ig_kernels *kernels, size_t m, size_t k, size_t *count);
bool ig_igemm_packed_b(const ig_kernels *kernels, size_t k, size_t n, size_t *count);
void ig_igemm_pack_a(const ig_kernels *kernels, const ig_imatrix *a, size_t m, size_t k, int16_t *out);
void ig_igemm_pack_b(const ig_kernels *kernels, const ig_imatrix *b, size_t k, size_t n, int16_t *out);

/* Bytes of scratch memory, 64-byte aligned. False on overflow. */
bool ig_igemm_scratch(const ig_kernels *kernels, const ig_threads *threads, const ig_igemm *g, size_t *bytes);
/* Computes `count` products of one size and kind. */
void ig_igemm_run(const ig_kernels *kernels, ig_threads *threads, const ig_igemm *products, size_t count, void *scratch);

#endif
