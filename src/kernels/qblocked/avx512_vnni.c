/* Tiles of 8-bit integers: four products of each lane in one instruction. */
#include "kernels/blocked/tile.h"
#include "kernels/vector.h"

enum { UNIT = 4, PLACE = IG_BLOCK };

typedef vi accumulators[IG_BLOCKED_ROWS][IG_BLOCKED_BLOCKS];

IG_INLINE vi set_unit(const char *p) {
    int32_t x;
    memcpy(&x, p, sizeof x);
    return _mm512_set1_epi32(x);
}

/* The sum of four products of an unsigned and a signed byte, added to each lane. As the instruction itself: around the
 * intrinsic gcc 12 keeps sums in memory. */
IG_INLINE vi add_dot(vi sum, vi x, vi w) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(w));
    return sum;
}

IG_INLINE void step(accumulators acc, const char *const *p, const size_t pixel, const size_t c, const char *w,
                    const size_t filter, const int rows, const int blocks) {
    vi weight[IG_BLOCKED_BLOCKS];
    IG_UNROLL for (int b = 0; b < blocks; b++) weight[b] = vi_load(w + (size_t)b * filter + c * 64);
    IG_UNROLL for (int r = 0; r < rows; r++) {
        vi x = set_unit((pixel ? p[0] + (size_t)r * pixel : p[r]) + c * UNIT);
        IG_UNROLL for (int b = 0; b < blocks; b++) acc[r][b] = add_dot(acc[r][b], x, weight[b]);
    }
}

/* To the next units of every row. */
IG_INLINE void advance(const char **p, const size_t pixel, const int rows, size_t bytes) {
    IG_UNROLL for (int r = 0; r < rows; r++) {
        if (r == 0 || !pixel) p[r] += bytes;
    }
}

IG_INLINE void multiply(const ig_blocked_tile *t, accumulators acc, const size_t pixel, const int rows, const int blocks) {
    const char *w = t->w;
    for (size_t b = 0; b < t->blocks; b++) {
        const size_t depth = b + 1 == t->blocks ? t->last : t->depth;
        for (size_t y = 0; y < t->rows; y++) {
            for (size_t x = 0; x < t->cols; x++) {
                const char *p[IG_BLOCKED_ROWS];
                p[0] = t->x + b * t->block + y * t->row + x * t->col;
                if (!pixel) {
                    IG_UNROLL for (int r = 1; r < rows; r++) p[r] = p[r - 1] + t->pixel;
                }
                for (size_t c = 0; c < depth; c++) {
                    step(acc, p, pixel, 0, w, t->filter, rows, blocks);
                    advance(p, pixel, rows, (size_t)UNIT);
                    w += (size_t)64;
                }
            }
        }
    }
}

/* 16 sums to 8 bits: scaled, rounded to the nearest even, moved by the zero point, cut. */
IG_INLINE void store(const ig_blocked_tile *t, char *y, vi sum, vf scale) {
    vf x = _mm512_roundscale_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sum), scale), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    float low = t->is_signed ? -128.0f : 0.0f;
    x = _mm512_add_ps(x, vf_set(t->zero));
    x = vf_min(vf_max(x, vf_set(low)), vf_set(low + 255.0f));
    _mm_storeu_si128((__m128i *)y, _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(x)));
}

/* pixel: PLACE, or 0 for any other step. */
IG_INLINE void tile(const ig_blocked_tile *t, const size_t pixel, const int rows, const int blocks) {
    accumulators acc;
    IG_UNROLL for (int r = 0; r < rows; r++) {
        IG_UNROLL for (int b = 0; b < blocks; b++) acc[r][b] = vi_load((const int32_t *)t->bias + b * IG_BLOCK);
    }
    multiply(t, acc, pixel, rows, blocks);
    IG_UNROLL for (int b = 0; b < blocks; b++) {
        vf scale = vf_load(t->scale + b * IG_BLOCK);
        IG_UNROLL for (int r = 0; r < rows; r++) {
            store(t, t->y + (size_t)b * t->y_block + (size_t)(r * PLACE), acc[r][b], scale);
        }
    }
}

/* Two functions, because compilers keep the sums of only one loop in registers. */
#define TILE(rows, blocks)                                                                                                     \
    static void near_##rows##x##blocks(const ig_blocked_tile *t) { tile(t, PLACE, rows, blocks); }                             \
    static void far_##rows##x##blocks(const ig_blocked_tile *t) { tile(t, 0, rows, blocks); }                                  \
    static void tile_##rows##x##blocks(const ig_blocked_tile *t) {                                                             \
        (t->pixel == PLACE ? near_##rows##x##blocks : far_##rows##x##blocks)(t);                                               \
    }
#define COLUMN(blocks)                                                                                                         \
    TILE(1, blocks)                                                                                                            \
    TILE(2, blocks)                                                                                                            \
    TILE(3, blocks)                                                                                                            \
    TILE(4, blocks)                                                                                                            \
    TILE(5, blocks)                                                                                                            \
    TILE(6, blocks)                                                                                                            \
    TILE(7, blocks)                                                                                                            \
    TILE(8, blocks) TILE(9, blocks) TILE(10, blocks) TILE(11, blocks) TILE(12, blocks) TILE(13, blocks) TILE(14, blocks)
COLUMN(1)
COLUMN(2)
TILE(1, 4)
TILE(2, 4)
TILE(3, 4)
TILE(4, 4)
TILE(5, 4)
TILE(6, 4)

/* Every lane of x is a byte, every lane of the filter a 16-bit number whose other half doesn't count: one of the pair's
 * products is 0. */
IG_INLINE void depthwise_some(const ig_blocked_tile *t, const char *x, char *out, const int rows) {
    vi acc[8];
    IG_UNROLL for (int r = 0; r < rows; r++) acc[r] = vi_load(t->bias);
    const int32_t *w = (const int32_t *)t->w;
    for (size_t y = 0; y < t->rows; y++) {
        const char *p = x + y * t->row;
        for (size_t c = 0; c < t->cols; c++) {
            vi weight = vi_load(w);
            IG_UNROLL for (int r = 0; r < rows; r++) {
                vi bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(p + (size_t)r * t->pixel)));
                acc[r] = vi_add_dot(acc[r], bytes, weight);
            }
            w += IG_BLOCK;
            p += t->col;
        }
    }
    vf scale = vf_load(t->scale);
    IG_UNROLL for (int r = 0; r < rows; r++) store(t, out + r * PLACE, acc[r], scale);
}

static void depthwise(const ig_blocked_tile *t, size_t n) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8) depthwise_some(t, t->x + i * t->pixel, t->y + i * PLACE, 8);
    for (; i + 4 <= n; i += 4) depthwise_some(t, t->x + i * t->pixel, t->y + i * PLACE, 4);
    for (; i < n; i++) depthwise_some(t, t->x + i * t->pixel, t->y + i * PLACE, 1);
}

static void max(const ig_blocked_tile *t, size_t n) {
    for (size_t r = 0; r < n; r++) {
        __m128i acc = _mm_setzero_si128();
        for (size_t y = 0; y < t->rows; y++)
            for (size_t x = 0; x < t->cols; x++)
                acc = _mm_max_epu8(acc, _mm_loadu_si128((const __m128i *)(t->x + r * t->pixel + y * t->row + x * t->col)));
        _mm_storeu_si128((__m128i *)(t->y + r * PLACE), acc);
    }
}

const ig_blocked ig_qblocked_avx512_vnni = {
    .fast = true,
    .most = {0, 14, 14, 0, 6},
    .tile = {[1] = {NULL, tile_1x1, tile_2x1, tile_3x1, tile_4x1, tile_5x1, tile_6x1, tile_7x1, tile_8x1, tile_9x1, tile_10x1,
                    tile_11x1, tile_12x1, tile_13x1, tile_14x1},
             [2] = {NULL, tile_1x2, tile_2x2, tile_3x2, tile_4x2, tile_5x2, tile_6x2, tile_7x2, tile_8x2, tile_9x2, tile_10x2,
                    tile_11x2, tile_12x2, tile_13x2, tile_14x2},
             [4] = {NULL, tile_1x4, tile_2x4, tile_3x4, tile_4x4, tile_5x4, tile_6x4}},
    .depthwise = depthwise,
    .max = max};
