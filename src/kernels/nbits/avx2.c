#include "kernels/nbits/simd.h"

TILES_4(tile, 2)
TILES_4(tile, 4)
TILES_4(tile, 8)
TILES_4(whole, 2)
TILES_4(whole, 4)
EXPAND(2)
EXPAND(4)
EXPAND(8)

/* Sums of products of bytes and bytes of 8 bits would not fit the 16 bits that this set adds pairs in. */
const ig_nbits_loops ig_nbits_avx2 = {
    .lanes = VF_LANES,
    .tile = {{0}, {ROWS_4(tile, 2)}, {ROWS_4(tile, 4)}, {ROWS_4(tile, 8)}},
    .whole = {{0}, {ROWS_4(whole, 2)}, {ROWS_4(whole, 4)}, {0}},
    .rows = 4,
    .whole_rows = 4,
    .expand = {NULL, expand_2, expand_4, expand_8},
    .quantize = quantize,
};
