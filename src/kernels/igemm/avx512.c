#include "kernels/igemm/simd.h"

TILES(1)
TILES(2)
TILES(3)
TILES(4)
TILES(5)
TILES(6)
TILES(7)
TILES(8)
TILES(9)
TILES(10)
TILES(11)
TILES(12)
TILES(13)
TILES(14)

const ig_igemm_i16 ig_igemm_i16_avx512 = {.lanes = VF_LANES,
                                          .rows = 14,
                                          .vecs = 2,
                                          .tile = {ROW(1), ROW(2), ROW(3), ROW(4), ROW(5), ROW(6), ROW(7), ROW(8), ROW(9),
                                                   ROW(10), ROW(11), ROW(12), ROW(13), ROW(14)}};
