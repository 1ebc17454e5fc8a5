/* A region is brought to its shortest form (no dims of 1, dims joined that lie in one piece on both sides, the last one the one
 * that is densest in the target), then cut into tiles of its last two dims, which threads share. Inside, all steps are in
 * bytes. */
#include "ops/loops/copy.h"

enum {
    TILE_BYTES = 1 << 15, /* what one tile moves, about: fits the first-level cache */
    TRANSPOSE = 32,       /* edge of a transposed tile in elements */
};

typedef void (*tile_fn)(char *to, const char *from, const int64_t *n, const int64_t *to_step, const int64_t *from_step);

typedef struct plan {
    int rank; /* of the outer dims */
    size_t dims[IG_MAX_RANK];
    int64_t to[IG_MAX_RANK], from[IG_MAX_RANK];
    int64_t plane[2], plane_to[2], plane_from[2]; /* rows, columns */
    int64_t tile[2];
    size_t tiles[2], grain;
    tile_fn fn;
    char *to_base;
    const char *from_base;
} plan;

/* ---------------------------------------------------------------------------------------------------------------- tiles */

static void tile_runs(char *to, const char *from, const int64_t *n, const int64_t *to_step, const int64_t *from_step) {
    for (int64_t i = 0; i < n[0]; i++) memcpy(to + i * to_step[0], from + i * from_step[0], (size_t)n[1]);
}

/* Elements are read and written by memcpy of a constant size, which becomes one instruction and wants no alignment. */
#define TILES(size)                                                                                                            \
    static void tile_steps_##size(char *to, const char *from, const int64_t *n, const int64_t *to_step,                        \
                                  const int64_t *from_step) {                                                                  \
        for (int64_t i = 0; i < n[0]; i++) {                                                                                   \
            char *t = to + i * to_step[0];                                                                                     \
            const char *f = from + i * from_step[0];                                                                           \
            int64_t t1 = to_step[1], f1 = from_step[1];                                                                        \
            for (int64_t j = 0; j < n[1]; j++) memcpy(t + j * t1, f + j * f1, size);                                           \
        }                                                                                                                      \
    }                                                                                                                          \
    static void tile_fill_##size(char *to, const char *from, const int64_t *n, const int64_t *to_step,                         \
                                 const int64_t *from_step) {                                                                   \
        for (int64_t i = 0; i < n[0]; i++) {                                                                                   \
            char value[size], *t = to + i * to_step[0];                                                                        \
            memcpy(value, from + i * from_step[0], size);                                                                      \
            for (int64_t j = 0; j < n[1]; j++) memcpy(t + j * (size), value, size);                                            \
        }                                                                                                                      \
    }                                                                                                                          \
    /* Rows lie densely in the source, columns in the target. Through a small buffer with an odd pitch, because large powers   \
     * of two as steps would put a whole tile into a few sets of the cache. */                                                 \
    static void tile_transpose_##size(char *to, const char *from, const int64_t *n, const int64_t *to_step,                    \
                                      const int64_t *from_step) {                                                              \
        enum { PITCH = (TRANSPOSE + 1) * (size) };                                                                             \
        char buffer[TRANSPOSE * PITCH];                                                                                        \
        for (int64_t j = 0; j < n[1]; j++) memcpy(buffer + j * PITCH, from + j * from_step[1], (size_t)n[0] * (size));         \
        for (int64_t i = 0; i < n[0]; i++) {                                                                                   \
            char *t = to + i * to_step[0];                                                                                     \
            const char *b = buffer + i * (size);                                                                               \
            for (int64_t j = 0; j < n[1]; j++) memcpy(t + j * (size), b + j * PITCH, size);                                    \
        }                                                                                                                      \
    }

/* Four rows of four 32-bit elements to four columns. */
typedef uint32_t four __attribute__((vector_size(16)));
typedef uint32_t four_unaligned __attribute__((vector_size(16), aligned(4), may_alias));

static void turn_four(char *to, int64_t to_step, const char *from, size_t from_step) {
    four a = *(const four_unaligned *)(const void *)from, b = *(const four_unaligned *)(const void *)(from + from_step);
    four c = *(const four_unaligned *)(const void *)(from + 2 * from_step),
         d = *(const four_unaligned *)(const void *)(from + 3 * from_step);
    four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    four ef = __builtin_shufflevector(a, b, 2, 6, 3, 7), gh = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(four_unaligned *)(void *)to = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    *(four_unaligned *)(void *)(to + to_step) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    *(four_unaligned *)(void *)(to + 2 * to_step) = __builtin_shufflevector(ef, gh, 0, 1, 4, 5);
    *(four_unaligned *)(void *)(to + 3 * to_step) = __builtin_shufflevector(ef, gh, 2, 3, 6, 7);
}

/* As tile_transpose_4, which does what is left over. */
static void tile_turn_4(char *to, const char *from, const int64_t *n, const int64_t *to_step, const int64_t *from_step) {
    enum { PITCH = (TRANSPOSE + 4) * 4 };
    char buffer[TRANSPOSE * PITCH];
    for (int64_t j = 0; j < n[1]; j++) memcpy(buffer + j * PITCH, from + j * from_step[1], (size_t)n[0] * 4);
    int64_t rows = n[0] / 4 * 4, columns = n[1] / 4 * 4;
    for (int64_t i = 0; i < rows; i += 4) {
        for (int64_t j = 0; j < columns; j += 4)
            turn_four(to + i * to_step[0] + j * 4, to_step[0], buffer + j * PITCH + i * 4, PITCH);
    }
    for (int64_t i = 0; i < n[0]; i++) {
        for (int64_t j = i < rows ? columns : 0; j < n[1]; j++)
            memcpy(to + i * to_step[0] + j * 4, buffer + j * PITCH + i * 4, 4);
    }
}

TILES(1)
TILES(2)
TILES(4)
TILES(8)
TILES(16)

static tile_fn choose(size_t size, bool fill, bool transpose) {
#define ROW(s)                                                                                                                 \
    case s: return transpose ? tile_transpose_##s : fill ? tile_fill_##s : tile_steps_##s
    if (transpose && size == 4) return tile_turn_4;
    switch (size) {
        ROW(1);
        ROW(2);
        ROW(4);
        ROW(8);
    default: return transpose ? tile_transpose_16 : fill ? tile_fill_16 : tile_steps_16;
    }
#undef ROW
}

/* -------------------------------------------------------------------------------------------------------- shortest form */

static int64_t magnitude(int64_t step) { return step < 0 ? -step : step; }

/* Drops dims of 1 and sorts the others by the target's steps, largest first. */
static int order_dims(const ig_copy *region, size_t size, ig_copy *out) {
    int rank = 0;
    for (int k = 0; k < region->rank; k++) {
        if (region->dims[k] == 1) continue;
        int at = rank++;
        for (; at > 0 && magnitude(out->to[at - 1]) < magnitude(region->to[k]) * (int64_t)size; at--) {
            out->dims[at] = out->dims[at - 1];
            out->to[at] = out->to[at - 1];
            out->from[at] = out->from[at - 1];
        }
        out->dims[at] = region->dims[k];
        out->to[at] = region->to[k] * (int64_t)size;
        out->from[at] = region->from[k] * (int64_t)size;
    }
    return rank;
}

static void join_dims(ig_copy *r) {
    int rank = 0;
    for (int k = 0; k < r->rank; k++) {
        bool joins = rank > 0 && r->to[rank - 1] == r->to[k] * r->dims[k] && r->from[rank - 1] == r->from[k] * r->dims[k];
        if (joins) {
            r->dims[rank - 1] *= r->dims[k];
        } else {
            r->dims[rank++] = r->dims[k];
        }
        r->to[rank - 1] = r->to[k];
        r->from[rank - 1] = r->from[k];
    }
    r->rank = rank;
}

/* A last dim that is one short run on both sides makes a larger element. Returns the element's size then. */
static size_t widen(ig_copy *r, size_t size) {
    int last = r->rank - 1;
    if (last < 1 || r->to[last] != (int64_t)size || r->from[last] != (int64_t)size) return size;
    if (r->dims[last] > 16 / (int64_t)size) return size;
    size_t run = (size_t)r->dims[last] * size;
    if (run != 2 && run != 4 && run != 8 && run != 16) return size;
    r->rank--;
    return run;
}

/* The dim that is dense in the source when the last one isn't: -1 when a transposition wouldn't help. */
static int dense_source(const ig_copy *r, size_t size) {
    int last = r->rank - 1;
    if (r->dims[last] < 4 || r->to[last] != (int64_t)size || magnitude(r->from[last]) <= (int64_t)size) return -1;
    for (int k = 0; k < last; k++) {
        if (r->from[k] == (int64_t)size && r->dims[k] >= 4) return k;
    }
    return -1;
}

/* The rows of a tile when nothing is transposed: the next dim, or when that is short the longest one. */
static int longest_rows(const ig_copy *r) {
    int rows = r->rank - 2;
    for (int k = rows; k >= 0; k--) {
        if (r->dims[rows] < 16 && r->dims[k] > r->dims[rows]) rows = k;
    }
    return rows;
}

/* Splits the dims into the plane (rows, columns) and the outer ones. */
static void set_plane(plan *p, const ig_copy *r, int rows) {
    int last = r->rank - 1;
    for (int side = 0; side < 2; side++) {
        int k = side ? last : rows;
        p->plane[side] = k < 0 ? 1 : r->dims[k];
        p->plane_to[side] = k < 0 ? 0 : r->to[k];
        p->plane_from[side] = k < 0 ? 0 : r->from[k];
    }
    p->rank = 0;
    for (int k = 0; k < last; k++) {
        if (k == rows) continue;
        p->dims[p->rank] = (size_t)r->dims[k];
        p->to[p->rank] = r->to[k];
        p->from[p->rank++] = r->from[k];
    }
}

static void make_plan(plan *p, const ig_copy *region, size_t size) {
    ig_copy r;
    r.rank = order_dims(region, size, &r);
    join_dims(&r);
    size = widen(&r, size);
    int last = r.rank - 1, dense = last > 0 ? dense_source(&r, size) : -1;
    if (last < 0) {
        r.dims[0] = 1;
        r.to[0] = r.from[0] = (int64_t)size;
        r.rank = 1;
    }
    set_plane(p, &r, dense >= 0 ? dense : last > 0 ? longest_rows(&r) : -1);
    int64_t unit = (int64_t)size;
    if (p->plane_to[1] == unit && p->plane_from[1] == unit) {
        p->fn = tile_runs; /* columns are bytes */
        p->plane[1] *= unit;
        p->plane_to[1] = p->plane_from[1] = unit = 1;
    } else {
        p->fn = choose(size, p->plane_from[1] == 0 && p->plane_to[1] == unit, dense >= 0);
    }
    if (dense >= 0) {
        p->tile[0] = p->tile[1] = TRANSPOSE;
    } else {
        p->tile[1] = ig_min_i64(p->plane[1], TILE_BYTES / unit);
        p->tile[0] = ig_clamp_i64(TILE_BYTES / unit / p->tile[1], 1, p->plane[0]);
    }
    p->grain = (size_t)(2 * TILE_BYTES / (p->tile[0] * p->tile[1] * unit)) + 1;
    for (int side = 0; side < 2; side++) p->tiles[side] = (size_t)((p->plane[side] + p->tile[side] - 1) / p->tile[side]);
}

/* ---------------------------------------------------------------------------------------------------------------- doing */

static void copy_plane(const plan *p, size_t tile, char *to, const char *from) {
    int64_t row = (int64_t)(tile / p->tiles[1]) * p->tile[0], column = (int64_t)(tile % p->tiles[1]) * p->tile[1];
    int64_t n[2] = {ig_min_i64(p->tile[0], p->plane[0] - row), ig_min_i64(p->tile[1], p->plane[1] - column)};
    p->fn(to + row * p->plane_to[0] + column * p->plane_to[1], from + row * p->plane_from[0] + column * p->plane_from[1], n,
          p->plane_to, p->plane_from);
}

static void copy_range(void *arg, size_t begin, size_t end) {
    const plan *p = arg;
    size_t per_plane = p->tiles[0] * p->tiles[1], outer = begin / per_plane, tile = begin % per_plane, at[IG_MAX_RANK];
    char *to = p->to_base;
    const char *from = p->from_base;
    for (int k = p->rank - 1; k >= 0; k--) {
        at[k] = outer % p->dims[k];
        outer /= p->dims[k];
        to += (int64_t)at[k] * p->to[k];
        from += (int64_t)at[k] * p->from[k];
    }
    for (size_t item = begin; item < end; item++) {
        copy_plane(p, tile, to, from);
        if (++tile < per_plane) continue;
        tile = 0;
        for (int k = p->rank - 1; k >= 0; k--) {
            to += p->to[k];
            from += p->from[k];
            if (++at[k] < p->dims[k]) break;
            to -= (int64_t)p->dims[k] * p->to[k];
            from -= (int64_t)p->dims[k] * p->from[k];
            at[k] = 0;
        }
    }
}

void ig_copy_region(ig_threads *threads, const ig_copy *region, size_t size, void *to, const void *from) {
    for (int k = 0; k < region->rank; k++) {
        if (region->dims[k] <= 0) return;
    }
    plan p = {.to_base = to, .from_base = from};
    make_plan(&p, region, size);
    size_t items = p.tiles[0] * p.tiles[1];
    for (int k = 0; k < p.rank; k++) items *= p.dims[k];
    ig_parallel(threads, items, p.grain, copy_range, &p);
}

void ig_copy_fill(ig_threads *threads, size_t n, size_t size, void *to, const void *value) {
    ig_copy region = {.rank = 1, .dims = {(int64_t)n}, .to = {1}};
    ig_copy_region(threads, &region, size, to, value);
}

void ig_steps_of(int rank, const int64_t *dims, int64_t *steps) {
    int64_t step = 1;
    for (int k = rank - 1; k >= 0; k--) {
        steps[k] = step;
        step = step * (dims[k] > 0 ? dims[k] : 1);
    }
}

void ig_steps_broadcast(int rank, const int64_t *dims, int to, int64_t *steps) {
    int64_t own[IG_MAX_RANK];
    ig_steps_of(rank, dims, own);
    for (int k = 0; k < to; k++) {
        int at = k - (to - rank);
        steps[k] = at < 0 || dims[at] == 1 ? 0 : own[at];
    }
}
