/* Products of float matrices with matrices of 2, 4 or 8 bits a number, which have a scale, and perhaps a zero point, for each
 * block of a column. Nothing here allocates. */
#ifndef IG_KERNELS_NBITS_NBITS_H
#define IG_KERNELS_NBITS_NBITS_H

#include "base/threads.h"
#include "kernels/gemm/gemm.h"

/* A matrix of k rows and n columns in the form that the loops want. Set n, k, bits, block and table, ask for the memory, pack.
 */
typedef struct ig_nbits {
    size_t n, k, block; /* block: steps of k with one scale; a multiple of 32 / bits */
    uint32_t bits;      /* 2, 4 or 8 */
    bool zeros;         /* blocks have zero points of their own, not half of what bits can say */
    const float *table; /* what 16 numbers of 4 bits stand for; NULL: themselves, less the zero point */
    size_t blocks;
    float numbers[16];
    uint32_t *data;
    float *scales, *shifts;
} ig_nbits;

/* One block of column n: `block` numbers (those behind k are not looked at), the scale and, with `zeros`, the zero point. */
typedef void (*ig_nbits_block_fn)(const void *arg, size_t n, size_t block, uint8_t *numbers, float *scale, float *zero);

/* Bytes of the packed matrix, 64-byte aligned; false on overflow. Sets w->blocks. */
bool ig_nbits_bytes(const ig_kernels *kernels, ig_nbits *w, size_t *bytes);
/* Bytes that ig_nbits_pack wants besides. */
size_t ig_nbits_pack_scratch(const ig_threads *threads, const ig_nbits *w);
void ig_nbits_pack(const ig_kernels *kernels, ig_threads *threads, ig_nbits *w, void *memory, void *scratch,
                   ig_nbits_block_fn block, const void *arg);

typedef struct ig_nbits_product {
    size_t m;
    const float *a;    /* row-major m x k */
    float *c;          /* row-major m x n */
    const float *bias; /* n; NULL: none */
    bool whole;        /* A may be rounded to whole numbers of 8 bits and a scale for each block */
} ig_nbits_product;

/* Bytes of scratch memory, 64-byte aligned; false on overflow. */
bool ig_nbits_scratch(const ig_kernels *kernels, const ig_threads *threads, const ig_nbits *w, const ig_nbits_product *p,
                      size_t *bytes);
void ig_nbits_run(const ig_kernels *kernels, ig_threads *threads, const ig_nbits *w, const ig_nbits_product *p, void *scratch);

#endif
