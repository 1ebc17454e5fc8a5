/* The inner loops of the product of small integers, as data. Operands are packed as pairs of int16, two steps of k each, zero
 * points already subtracted: what multiply-add instructions of 16-bit pairs take, whatever the signs of the operands. */
#ifndef IG_KERNELS_IGEMM_TILE_H
#define IG_KERNELS_IGEMM_TILE_H

#include "base/def.h"

enum { IG_ITILE_MAX_ROWS = 14, IG_ITILE_MAX_VECS = 2 };

/* rows x cols sums of products, modulo 2^32. a: pairs steps of `rows` pairs; b: pairs steps of a panel's pairs. */
typedef struct ig_igemm_tile {
    size_t pairs;
    const int16_t *a, *b;
    int32_t *c; /* rows c_step apart; only cols of each are written */
    size_t c_step, cols;
} ig_igemm_tile;

typedef void (*ig_igemm_tile_fn)(const ig_igemm_tile *t);

typedef struct ig_igemm_i16 {
    size_t lanes, rows, vecs;                                            /* int32 lanes of a vector; of the best tile */
    ig_igemm_tile_fn tile[IG_ITILE_MAX_ROWS + 1][IG_ITILE_MAX_VECS + 1]; /* [rows][vecs] */
} ig_igemm_i16;

#endif
