/* The plain form of the tiles: what the others are compared with. */
#include "kernels/blocked/tile.h"

#include <math.h>

static inline float at(const char *p, size_t i) {
    float x;
    memcpy(&x, p + i * sizeof x, sizeof x);
    return x;
}

static inline float finish(const ig_blocked_tile *t, float x, size_t b, size_t r, size_t i) {
    size_t place = b * t->y_block + (r * IG_BLOCK + i) * sizeof(float);
    x += ((const float *)t->bias)[b * IG_BLOCK + i];
    if (t->add) x += at(t->add + place, 0);
    x = x < t->min ? t->min : x;
    return x > t->max ? t->max : x;
}

static inline void tile(const ig_blocked_tile *t, size_t rows) {
    float acc[4][IG_BLOCK] = {{0}};
    const char *w = t->w;
    for (size_t b = 0; b < t->blocks; b++)
        for (size_t tap = 0; tap < t->rows * t->cols; tap++) {
            const char *p = t->x + b * t->block + tap / t->cols * t->row + tap % t->cols * t->col;
            size_t depth = b + 1 == t->blocks ? t->last : t->depth;
            for (size_t c = 0; c < depth; c++, w += IG_BLOCK * sizeof(float))
                for (size_t r = 0; r < rows; r++)
                    for (size_t i = 0; i < IG_BLOCK; i++) acc[r][i] += at(p + r * t->pixel, c) * at(w, i);
        }
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < IG_BLOCK; i++) ((float *)t->y)[r * IG_BLOCK + i] = finish(t, acc[r][i], 0, r, i);
}

static void tile_1(const ig_blocked_tile *t) { tile(t, 1); }
static void tile_2(const ig_blocked_tile *t) { tile(t, 2); }
static void tile_3(const ig_blocked_tile *t) { tile(t, 3); }
static void tile_4(const ig_blocked_tile *t) { tile(t, 4); }

static void depthwise(const ig_blocked_tile *t, size_t n) {
    for (size_t r = 0; r < n; r++) {
        float acc[IG_BLOCK] = {0};
        for (size_t tap = 0; tap < t->rows * t->cols; tap++) {
            const char *p = t->x + r * t->pixel + tap / t->cols * t->row + tap % t->cols * t->col;
            for (size_t i = 0; i < IG_BLOCK; i++) acc[i] += at(p, i) * at(t->w, tap * IG_BLOCK + i);
        }
        for (size_t i = 0; i < IG_BLOCK; i++) ((float *)t->y)[r * IG_BLOCK + i] = finish(t, acc[i], 0, r, i);
    }
}

static void max(const ig_blocked_tile *t, size_t n) {
    for (size_t r = 0; r < n; r++) {
        float acc[IG_BLOCK];
        for (size_t i = 0; i < IG_BLOCK; i++) acc[i] = -INFINITY;
        for (size_t tap = 0; tap < t->rows * t->cols; tap++) {
            const char *p = t->x + r * t->pixel + tap / t->cols * t->row + tap % t->cols * t->col;
            for (size_t i = 0; i < IG_BLOCK; i++) {
                float x = at(p, i);
                acc[i] = x > acc[i] || x != x ? x : acc[i];
            }
        }
        memcpy(t->y + r * IG_BLOCK * sizeof(float), acc, sizeof acc);
    }
}

const ig_blocked ig_blocked_c = {
    .fast = false, .most = {0, 4}, .tile = {[1] = {NULL, tile_1, tile_2, tile_3, tile_4}}, .depthwise = depthwise, .max = max};
