/* The plain form of the tiles of 8-bit integers: x unsigned, weights signed, sums modulo 2^32. */
#include "kernels/blocked/tile.h"

#include <math.h>

static inline uint8_t finish(const ig_blocked_tile *t, int32_t sum, size_t i) {
    float low = t->is_signed ? -128 : 0, x = nearbyintf((float)sum * t->scale[i]) + t->zero;
    x = x > low ? x : low; /* NaN too */
    return (uint8_t)(int32_t)(x < low + 255 ? x : low + 255);
}

static inline void tile(const ig_blocked_tile *t, size_t rows) {
    uint32_t acc[4][IG_BLOCK];
    for (size_t r = 0; r < rows; r++) memcpy(acc[r], t->bias, sizeof acc[r]);
    const int8_t *w = (const int8_t *)t->w;
    for (size_t b = 0; b < t->blocks; b++)
        for (size_t tap = 0; tap < t->rows * t->cols; tap++) {
            const uint8_t *p = (const uint8_t *)t->x + b * t->block + tap / t->cols * t->row + tap % t->cols * t->col;
            size_t depth = b + 1 == t->blocks ? t->last : t->depth;
            for (size_t c = 0; c < 4 * depth; c++)
                for (size_t r = 0; r < rows; r++)
                    for (size_t i = 0; i < IG_BLOCK; i++)
                        acc[r][i] += (uint32_t)(p[r * t->pixel + c] * w[c / 4 * 64 + i * 4 + c % 4]);
            w += depth * 64;
        }
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < IG_BLOCK; i++) t->y[r * IG_BLOCK + i] = (char)finish(t, (int32_t)acc[r][i], i);
}

static void tile_1(const ig_blocked_tile *t) { tile(t, 1); }
static void tile_2(const ig_blocked_tile *t) { tile(t, 2); }
static void tile_3(const ig_blocked_tile *t) { tile(t, 3); }
static void tile_4(const ig_blocked_tile *t) { tile(t, 4); }

/* Filters are int32 here, in [-128, 127]. */
static void depthwise(const ig_blocked_tile *t, size_t n) {
    for (size_t r = 0; r < n; r++) {
        uint32_t acc[IG_BLOCK];
        memcpy(acc, t->bias, sizeof acc);
        for (size_t tap = 0; tap < t->rows * t->cols; tap++) {
            const uint8_t *p = (const uint8_t *)t->x + r * t->pixel + tap / t->cols * t->row + tap % t->cols * t->col;
            for (size_t i = 0; i < IG_BLOCK; i++) acc[i] += (uint32_t)(p[i] * ((const int32_t *)t->w)[tap * IG_BLOCK + i]);
        }
        for (size_t i = 0; i < IG_BLOCK; i++) t->y[r * IG_BLOCK + i] = (char)finish(t, (int32_t)acc[i], i);
    }
}

static void max(const ig_blocked_tile *t, size_t n) {
    for (size_t r = 0; r < n; r++) {
        uint8_t acc[IG_BLOCK] = {0};
        for (size_t tap = 0; tap < t->rows * t->cols; tap++) {
            const uint8_t *p = (const uint8_t *)t->x + r * t->pixel + tap / t->cols * t->row + tap % t->cols * t->col;
            for (size_t i = 0; i < IG_BLOCK; i++) acc[i] = p[i] > acc[i] ? p[i] : acc[i];
        }
        memcpy(t->y + r * IG_BLOCK, acc, sizeof acc);
    }
}

const ig_blocked ig_qblocked_c = {
    .fast = false, .most = {0, 4}, .tile = {[1] = {NULL, tile_1, tile_2, tile_3, tile_4}}, .depthwise = depthwise, .max = max};
