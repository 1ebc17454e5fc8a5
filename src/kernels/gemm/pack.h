/* The packed forms of operands, shared by gemm.c and pack.c. */
#ifndef IG_KERNELS_GEMM_PACK_H
#define IG_KERNELS_GEMM_PACK_H

#include "kernels/gemm/gemm.h"

/* A sum over k is cut into blocks, and rows into panels, as evenly as can be: parts differ by one at most. */
static inline size_t ig_part_begin(size_t n, size_t parts, size_t i) { return n / parts * i + n % parts * i / parts; }

typedef struct ig_gemm_shape {
    const ig_gemm_f32 *tiles;
    size_t width;    /* columns of a panel of B */
    size_t k_blocks; /* 1 or more */
    size_t row_panels, col_panels;
} ig_gemm_shape;

ig_gemm_shape ig_gemm_shape_of(const ig_gemm_f32 *tiles, size_t m, size_t n, size_t k);

/* out[p * width + i] = src[i * lane_step + p * k_step] for i < n, p < kn; 0 for n <= i < width. */
void ig_gemm_pack_lanes(float *out, size_t width, const void *src, size_t lane_step, size_t k_step, size_t n, size_t kn);

#endif
