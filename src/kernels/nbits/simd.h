/* The tiles of products with few bits a number for any instruction set that kernels/vector.h speaks. */
#ifndef IG_KERNELS_NBITS_SIMD_H
#define IG_KERNELS_NBITS_SIMD_H

#include "kernels/nbits/quantize.h"
#include "kernels/nbits/tile.h"
#include "kernels/vector.h"

/* The number in the lowest bits of each lane; what lies above it is not looked at. */
IG_INLINE vf number(const int bits, const vf_table *table, vf center, vi x) {
    return bits == 8 ? vf_sub(vf_from_int(vi_and(x, vi_set(255))), center) : vf_lookup(table, x);
}

IG_INLINE void store_row(const ig_nbits_tile *t, int r, vf x) {
    vf_mask mask = vf_first(t->cols);
    if (t->bias) x = vf_add(x, vf_load_some(t->bias, mask));
    if (t->cols >= VF_LANES)
        vf_store(t->c + (size_t)r * t->c_step, x);
    else
        vf_store_some(t->c + (size_t)r * t->c_step, mask, x);
}

IG_INLINE void tile(const ig_nbits_tile *t, const int bits, const int rows) {
    const int fields = 8 / bits;
    vf total[IG_NBITS_MAX_ROWS], center = vf_set(t->center);
    vf_table table = {0};
    if (bits < 8) table = vf_table_load(t->table);
    IG_UNROLL for (int r = 0; r < rows; r++) total[r] = vf_zero();
    const uint32_t *data = t->data;
    const float *a = t->a;
    for (size_t b = 0; b < t->blocks; b++) {
        vf acc[2][IG_NBITS_MAX_ROWS];
        IG_UNROLL for (int r = 0; r < rows; r++) acc[0][r] = acc[1][r] = vf_zero();
        for (size_t w = 0; w < t->words; w++, data += VF_LANES, a += 4 * fields) {
            vi x = vi_load(data);
            IG_UNROLL for (int f = 0; f < fields; f++) {
                IG_UNROLL for (int j = 0; j < 4; j++) {
                    vf y = number(bits, &table, center, vi_shift_right(x, 8 * j + bits * f));
                    IG_UNROLL for (int r = 0; r < rows; r++) {
                        acc[j % 2][r] = vf_fma(vf_set(a[(size_t)r * t->a_step + (size_t)(4 * f + j)]), y, acc[j % 2][r]);
                    }
                }
            }
        }
        vf scale = vf_load(t->scales + b * VF_LANES);
        IG_UNROLL for (int r = 0; r < rows; r++) {
            vf sum = vf_add(acc[0][r], acc[1][r]);
            if (t->shifts) sum = vf_fma(vf_load(t->shifts + b * VF_LANES), vf_set(t->sums[(size_t)r * t->blocks + b]), sum);
            total[r] = vf_fma(scale, sum, total[r]);
        }
    }
    IG_UNROLL for (int r = 0; r < rows; r++) store_row(t, r, total[r]);
}

IG_INLINE void whole(const ig_nbits_tile *t, const int bits, const int rows) {
    const int fields = 8 / bits;
    const vi mask = vi_set((int)(0x01010101u * ((1u << bits) - 1)));
    vf total[IG_NBITS_MAX_ROWS];
    IG_UNROLL for (int r = 0; r < rows; r++) total[r] = vf_zero();
    const uint32_t *data = t->data;
    const int8_t *a = t->a_whole;
    for (size_t b = 0; b < t->blocks; b++) {
        vi acc[IG_NBITS_MAX_ROWS];
        IG_UNROLL for (int r = 0; r < rows; r++) acc[r] = vi_zero();
        for (size_t w = 0; w < t->words; w++, data += VF_LANES, a += 4 * fields) {
            vi x = vi_load(data);
            IG_UNROLL for (int f = 0; f < fields; f++) {
                vi y = bits == 8 ? x : vi_and(vi_shift_right(x, bits * f), mask);
                IG_UNROLL for (int r = 0; r < rows; r++) {
                    acc[r] = vi_add_dot_bytes(acc[r], y, vi_set_quad(a + (size_t)r * t->a_step + 4 * f));
                }
            }
        }
        vf scale = vf_load(t->scales + b * VF_LANES), shift = vf_set(-t->center);
        if (t->shifts) shift = vf_add(shift, vf_load(t->shifts + b * VF_LANES));
        IG_UNROLL for (int r = 0; r < rows; r++) {
            size_t i = (size_t)r * t->blocks + b;
            vf sum = vf_fma(shift, vf_set(t->sums[i]), vf_from_int(acc[r]));
            total[r] = vf_fma(vf_mul(scale, vf_set(t->a_scales[i])), sum, total[r]);
        }
    }
    IG_UNROLL for (int r = 0; r < rows; r++) store_row(t, r, total[r]);
}

IG_INLINE void expand(const ig_nbits_tile *t, size_t k0, size_t kn, size_t width, float *out, const int bits) {
    const size_t per_word = 32 / (size_t)bits, block = t->words * per_word;
    vf center = vf_set(t->center);
    vf_table table = {0};
    if (bits < 8) table = vf_table_load(t->table);
    for (size_t k = k0; k < k0 + kn; k++, out += width) {
        size_t b = k / block, step = k % per_word;
        vi x = vi_load(t->data + k / per_word * VF_LANES);
        vf y = number(bits, &table, center, vi_shift_right(x, (int)(8 * (step % 4) + step / 4 * (size_t)bits)));
        if (t->shifts) y = vf_add(y, vf_load(t->shifts + b * VF_LANES));
        vf_store(out, vf_mul(y, vf_load(t->scales + b * VF_LANES)));
    }
}

#define TILE(kind, bits, rows)                                                                                                 \
    static void kind##_##bits##_##rows(const ig_nbits_tile *t) { kind(t, bits, rows); }
#define EXPAND(bits)                                                                                                           \
    static void expand_##bits(const ig_nbits_tile *t, size_t k0, size_t kn, size_t width, float *out) {                        \
        expand(t, k0, kn, width, out, bits);                                                                                   \
    }
#define TILES_4(kind, bits) TILE(kind, bits, 1) TILE(kind, bits, 2) TILE(kind, bits, 3) TILE(kind, bits, 4)
#define TILES_8(kind, bits) TILES_4(kind, bits) TILE(kind, bits, 5) TILE(kind, bits, 6) TILE(kind, bits, 7) TILE(kind, bits, 8)
#define ROWS_4(kind, bits)  NULL, kind##_##bits##_1, kind##_##bits##_2, kind##_##bits##_3, kind##_##bits##_4
#define ROWS_8(kind, bits)  ROWS_4(kind, bits), kind##_##bits##_5, kind##_##bits##_6, kind##_##bits##_7, kind##_##bits##_8

#endif
