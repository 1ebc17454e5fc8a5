/* The tiles of the integer product for any instruction set that kernels/vector.h speaks. */
#ifndef IG_KERNELS_IGEMM_SIMD_H
#define IG_KERNELS_IGEMM_SIMD_H

#include "kernels/igemm/tile.h"
#include "kernels/vector.h"

IG_INLINE void tile(const ig_igemm_tile *t, const int rows, const int vecs) {
    vi acc[IG_ITILE_MAX_ROWS][IG_ITILE_MAX_VECS];
    IG_UNROLL for (int r = 0; r < rows; r++) { IG_UNROLL for (int v = 0; v < vecs; v++) acc[r][v] = vi_zero(); }
    const int16_t *a = t->a, *b = t->b;
    for (size_t p = 0; p < t->pairs; p++) {
        vi row[IG_ITILE_MAX_VECS];
        IG_UNROLL for (int v = 0; v < vecs; v++) row[v] = vi_load(b + 2 * VF_LANES * v);
        IG_UNROLL for (int r = 0; r < rows; r++) {
            vi x = vi_set_pair(a + 2 * r);
            IG_UNROLL for (int v = 0; v < vecs; v++) acc[r][v] = vi_add_dot(acc[r][v], x, row[v]);
        }
        a += 2 * rows;
        b += 2 * VF_LANES * IG_ITILE_MAX_VECS;
    }
    bool full = t->cols == (size_t)(vecs * VF_LANES);
    IG_UNROLL for (int r = 0; r < rows; r++) {
        int32_t *c = t->c + (size_t)r * t->c_step;
        IG_UNROLL for (int v = 0; v < vecs; v++) {
            size_t before = (size_t)(VF_LANES * v);
            if (full)
                vi_store(c + before, acc[r][v]);
            else
                vi_store_some(c + before, vf_first(t->cols > before ? t->cols - before : 0), acc[r][v]);
        }
    }
}

#define TILE(rows, vecs)                                                                                                       \
    static void tile_##rows##x##vecs(const ig_igemm_tile *t) { tile(t, rows, vecs); }
#define TILES(rows) TILE(rows, 1) TILE(rows, 2)
#define ROW(rows)   [rows] = {[1] = tile_##rows##x1, [2] = tile_##rows##x2}

#endif
