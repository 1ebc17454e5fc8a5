/* The inner loops of products with matrices of 2, 4 or 8 bits a number, as data: what nbits.c drives and what each instruction
 * set provides. The matrix lies in panels of `lanes` columns. A word of 32 bits holds 32 / bits steps of k of one column: field
 * f of byte j is step 4 * f + j, so that four steps side by side are one byte field of the word. */
#ifndef IG_KERNELS_NBITS_TILE_H
#define IG_KERNELS_NBITS_TILE_H

#include "base/def.h"

enum { IG_NBITS_MAX_ROWS = 8 };

/* rows x cols of C = A * B + bias, where an element of B is scale * (stands_for(number) + shift). */
typedef struct ig_nbits_tile {
    size_t blocks, words;  /* of k; of a block */
    const uint32_t *data;  /* for each block, for each word: that of every lane */
    const float *scales;   /* for each block: that of every lane */
    const float *shifts;   /* likewise; NULL: 0 */
    const float *table;    /* what 16 numbers stand for; those of 2 bits repeat. Not for 8 bits. */
    float center;          /* an element of 8 bits, and any for `whole`, stands for itself less this */
    const float *a;        /* rows a_step apart, of blocks * words * 32 / bits floats */
    const int8_t *a_whole; /* the same, for `whole` */
    size_t a_step;
    const float *sums;     /* of each row, for each block: the sum of A there; rows `blocks` apart */
    const float *a_scales; /* likewise: what A is divided by, for `whole` */
    const float *bias;     /* or NULL */
    float *c;              /* rows c_step apart; only cols of each are written */
    size_t c_step, cols;
} ig_nbits_tile;

typedef void (*ig_nbits_tile_fn)(const ig_nbits_tile *t);

typedef struct ig_nbits_loops {
    size_t lanes; /* divides the width of a panel of gemm_f32 on the same level */
    /* [log2 of bits][rows]; NULL: not there. `whole` takes A as whole numbers. Rows 1 to `rows`, to `whole_rows`. */
    ig_nbits_tile_fn tile[4][IG_NBITS_MAX_ROWS + 1], whole[4][IG_NBITS_MAX_ROWS + 1];
    size_t rows, whole_rows;
    /* Elements of B for one panel and kn steps of k from k0, which is not before the tile's first: out[i * width + lane]. */
    void (*expand[4])(const ig_nbits_tile *t, size_t k0, size_t kn, size_t width, float *out);
    /* A block of n floats as whole numbers: q * scale is near a, |q| <= 127. n is a multiple of 4. Values that aren't finite
     * make the scale NaN. Returns the sum of q. */
    float (*quantize)(const float *a, size_t n, int8_t *q, float *scale);
} ig_nbits_loops;

#endif
