/* The inner loops of convolutions and pools over blocked tensors, as data: what blocked.c drives and what each instruction set
 * provides.
 *
 * A blocked tensor has its channels in blocks that lie together at each place: images x blocks x height x width x IG_BLOCK. The
 * last block is filled up with channels that mean nothing. Vectors run over channels of the result, so that no place of a small
 * picture is wasted and nothing has to be packed while running (Georganas et al., "Anatomy of high-performance deep learning
 * convolutions on SIMD architectures", 2018).
 *
 * A unit is what one step of the product takes of a place: 4 bytes, one float or four 8-bit integers. Steps between things are
 * in bytes. */
#ifndef IG_KERNELS_BLOCKED_TILE_H
#define IG_KERNELS_BLOCKED_TILE_H

#include "base/def.h"

enum { IG_BLOCK = 16, IG_BLOCKED_ROWS = 14, IG_BLOCKED_BLOCKS = 4 };

typedef struct ig_blocked_tile {
    const char *x;               /* what tap 0 of the first place reads */
    size_t pixel;                /* from what one place of the result reads to the next */
    size_t blocks, block;        /* of channels, and the step between them */
    size_t depth, last;          /* units of a block, and of the last one */
    size_t rows, row, cols, col; /* taps and the steps between them */
    const char *w;               /* for each block of channels, tap and unit: 64 bytes for the filters of a block */
    size_t filter;               /* from one block of filters to the next */
    char *y;                     /* places next to each other */
    const char *add;             /* floats only: added, lies like y; NULL: none */
    size_t y_block;              /* from one block of filters to the next */
    const void *bias;            /* IG_BLOCK floats or int32 for each block of filters */
    float min, max;              /* floats: of the result */
    const float *scale;          /* 8-bit integers: IG_BLOCK for each block of filters, what sums are multiplied with */
    float zero;                  /* added before results are cut to 8 bits */
    bool is_signed;              /* the results are */
} ig_blocked_tile;

typedef void (*ig_blocked_fn)(const ig_blocked_tile *t);
/* The same for n places of one block of channels, each with its own filter (64 bytes for each tap). */
typedef void (*ig_blocked_line_fn)(const ig_blocked_tile *t, size_t n);

/* From a transformed tile (winograd.c) to at most 4 x 4 places. Steps are in floats. */
typedef struct ig_blocked_from_tile {
    const float *m; /* 36 blocks, m_step apart */
    size_t m_step;
    const float *bias;
    float *y;
    const float *add; /* lies like y; NULL: none */
    size_t row;       /* of y */
    size_t rows, cols;
    float min, max;
} ig_blocked_from_tile;

typedef struct ig_blocked {
    bool fast;                                                      /* better than other ways to compute the same */
    uint8_t most[IG_BLOCKED_BLOCKS + 1];                            /* rows of a tile, by blocks of filters; 0: there is none */
    ig_blocked_fn tile[IG_BLOCKED_BLOCKS + 1][IG_BLOCKED_ROWS + 1]; /* [blocks][rows] */
    ig_blocked_line_fn depthwise, max;                              /* max: no filter, bias, scale, or add */
    /* 6 x 6 places, rows `row` apart, to 36 blocks v_step apart; NULL: there is none, and no from_tile. In floats. */
    void (*to_tile)(const float *x, size_t row, float *v, size_t v_step);
    void (*from_tile)(const ig_blocked_from_tile *t);
} ig_blocked;

#endif
