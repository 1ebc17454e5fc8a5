/* The plain form of the loops: what the others are compared with. */
#include "kernels/nbits/quantize.h"
#include "kernels/nbits/tile.h"

enum { LANES = 4 };

static float number(const ig_nbits_tile *t, uint32_t bits, uint32_t word, size_t step) {
    uint32_t q = word >> (8 * (step % 4) + step / 4 * bits) & ((1u << bits) - 1);
    return bits == 8 ? (float)q - t->center : t->table[q];
}

static void tile(const ig_nbits_tile *t, uint32_t bits) {
    float total[LANES] = {0};
    size_t steps = 32 / bits;
    for (size_t b = 0; b < t->blocks; b++) {
        for (size_t lane = 0; lane < LANES; lane++) {
            float sum = 0;
            for (size_t w = 0; w < t->words; w++)
                for (size_t i = 0; i < steps; i++)
                    sum +=
                        t->a[(b * t->words + w) * steps + i] * number(t, bits, t->data[(b * t->words + w) * LANES + lane], i);
            if (t->shifts) sum += t->shifts[b * LANES + lane] * t->sums[b];
            total[lane] += t->scales[b * LANES + lane] * sum;
        }
    }
    for (size_t lane = 0; lane < t->cols; lane++) t->c[lane] = total[lane] + (t->bias ? t->bias[lane] : 0);
}

static void whole(const ig_nbits_tile *t, uint32_t bits) {
    float total[LANES] = {0};
    size_t steps = 32 / bits;
    for (size_t b = 0; b < t->blocks; b++) {
        for (size_t lane = 0; lane < LANES; lane++) {
            int32_t sum = 0;
            for (size_t i = 0; i < t->words * steps; i++) {
                uint32_t word = t->data[(b * t->words + i / steps) * LANES + lane], step = (uint32_t)(i % steps);
                uint32_t q = word >> (8 * (step % 4) + step / 4 * bits) & ((1u << bits) - 1);
                sum += t->a_whole[b * t->words * steps + i] * (int32_t)q;
            }
            float shift = (t->shifts ? t->shifts[b * LANES + lane] : 0) - t->center;
            total[lane] += t->scales[b * LANES + lane] * t->a_scales[b] * ((float)sum + shift * t->sums[b]);
        }
    }
    for (size_t lane = 0; lane < t->cols; lane++) t->c[lane] = total[lane] + (t->bias ? t->bias[lane] : 0);
}

static void expand(const ig_nbits_tile *t, size_t k0, size_t kn, size_t width, float *out, uint32_t bits) {
    size_t steps = 32 / bits;
    for (size_t k = k0; k < k0 + kn; k++, out += width)
        for (size_t lane = 0; lane < LANES; lane++) {
            size_t at = k / (t->words * steps) * LANES + lane;
            float x = number(t, bits, t->data[k / steps * LANES + lane], k % steps);
            out[lane] = t->scales[at] * (x + (t->shifts ? t->shifts[at] : 0));
        }
}

#define BITS(bits)                                                                                                             \
    static void tile_##bits(const ig_nbits_tile *t) { tile(t, bits); }                                                         \
    static void whole_##bits(const ig_nbits_tile *t) { whole(t, bits); }                                                       \
    static void expand_##bits(const ig_nbits_tile *t, size_t k0, size_t kn, size_t width, float *out) {                        \
        expand(t, k0, kn, width, out, bits);                                                                                   \
    }
BITS(2)
BITS(4)
BITS(8)

const ig_nbits_loops ig_nbits_c = {
    .lanes = LANES,
    .tile = {{0}, {NULL, tile_2}, {NULL, tile_4}, {NULL, tile_8}},
    .whole = {{0}, {NULL, whole_2}, {NULL, whole_4}, {NULL, whole_8}},
    .rows = 1,
    .whole_rows = 1,
    .expand = {NULL, expand_2, expand_4, expand_8},
    .quantize = quantize,
};
