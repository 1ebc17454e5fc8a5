#include "ops/loops/lanes.h"
#include "ops/loops/convert.h"
#include "ops/loops/work.h"

enum {
    SIDE = 16,      /* neighbouring lanes that are read together, because they share cache lines */
    SOME = 1 << 13, /* elements worth a thread's while */
};

ig_lanes ig_lanes_of(int rank, const int64_t *dims, int axis) {
    ig_lanes l = {1, 1, 1};
    for (int k = 0; k < rank; k++) {
        size_t *part = k < axis ? &l.outer : k == axis ? &l.length : &l.inner;
        *part *= (size_t)dims[k];
    }
    return l;
}

ig_lanes ig_lanes_coerced(int rank, const int64_t *dims, int axis) {
    ig_lanes l = {1, 1, 1};
    for (int k = 0; k < rank; k++) {
        size_t *part = k < axis ? &l.outer : &l.length;
        *part *= (size_t)dims[k];
    }
    return l;
}

/* --------------------------------------------------------------------------------------------------------- lane by lane */

/* The lanes in as many pieces as threads can use; each piece has scratch memory of its own. */
typedef struct pieces {
    const ig_lanes *lanes;
    ig_lane_fn fn;
    void *arg;
    char *rooms;
    size_t n, pieces, room;
} pieces;

static void each_range(void *arg, size_t begin, size_t end) {
    const pieces *p = arg;
    for (size_t piece = begin; piece < end; piece++) {
        size_t first = p->n / p->pieces * piece + ig_min_size(piece, p->n % p->pieces);
        size_t last = first + p->n / p->pieces + (piece < p->n % p->pieces);
        for (size_t lane = first; lane < last; lane++) p->fn(p->arg, lane, p->rooms + piece * p->room);
    }
}

static size_t count_pieces(ig_threads *threads, size_t items, size_t work) {
    size_t most = ig_threads_count(threads) == 1 ? 1 : ig_threads_count(threads) * 4;
    return ig_min_size(ig_min_size(items, most), work / SOME + 1);
}

ig_status ig_lanes_each(ig_call *c, const ig_lanes *lanes, size_t room, ig_lane_fn fn, void *arg) {
    pieces p = {.lanes = lanes, .fn = fn, .arg = arg, .n = lanes->outer * lanes->inner};
    if (p.n == 0) return IG_OK;
    size_t bytes;
    p.pieces = count_pieces(c->threads, p.n, p.n * lanes->length);
    if (ig_add_overflows(room, 63, &p.room)) return ig_oom(c->err);
    p.room = p.room / 64 * 64;
    if (ig_mul_overflows(p.room, p.pieces, &bytes)) return ig_oom(c->err);
    if (bytes && !(p.rooms = ig_call_scratch(c, bytes))) return ig_oom(c->err);
    ig_parallel(c->threads, p.pieces, 1, each_range, &p);
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------- lanes in a work type */

typedef struct mapping {
    const ig_lane_map *map;
    const void *arg;
    ig_lanes lanes;
    const ig_tensor *x;
    ig_tensor *y;
    ig_dtype work;
    size_t side;   /* lanes taken together */
    size_t groups; /* of lanes in one outer index */
    bool direct;   /* the elements lie as the function wants them */
} mapping;

static void call(const mapping *m, const void *in, void *out) {
    switch (m->work) {
    case IG_F32: m->map->f32(m->arg, in, out, m->lanes.length); return;
    case IG_F64: m->map->f64(m->arg, in, out, m->lanes.length); return;
    default: m->map->i64(m->arg, in, out, m->lanes.length);
    }
}

/* A row of `side` elements to where it belongs in as many lanes, which are `step` apart, or back. */
#define SPREAD(bits)                                                                                                           \
    static void spread_##bits(void *lanes, size_t step, const void *row, size_t side) {                                        \
        for (size_t k = 0; k < side; k++) ((uint##bits##_t *)lanes)[k * step] = ((const uint##bits##_t *)row)[k];              \
    }                                                                                                                          \
    static void collect_##bits(void *row, const void *lanes, size_t step, size_t side) {                                       \
        for (size_t k = 0; k < side; k++) ((uint##bits##_t *)row)[k] = ((const uint##bits##_t *)lanes)[k * step];              \
    }
SPREAD(32)
SPREAD(64)

/* `side` neighbouring lanes: their rows are loaded and spread, the lanes computed, and the rows collected and stored. */
static void map_group(const mapping *m, size_t first, size_t side, char *room) {
    size_t n = m->lanes.length, unit = ig_dtype_bytes(m->work);
    char *row = room + n * m->side * unit;
    for (size_t i = 0; i < n; i++) {
        ig_convert(m->x->dtype, m->x->data, first + i * m->lanes.inner, m->work, row, 0, side);
        (unit == 4 ? spread_32 : spread_64)(room + i * unit, n, row, side);
    }
    for (size_t k = 0; k < side; k++) call(m, room + k * n * unit, room + k * n * unit);
    for (size_t i = 0; i < n; i++) {
        (unit == 4 ? collect_32 : collect_64)(row, room + i * unit, n, side);
        ig_convert(m->work, row, 0, m->y->dtype, m->y->data, first + i * m->lanes.inner, side);
    }
}

static void map_lane(void *arg, size_t item, void *room) {
    const mapping *m = arg;
    size_t n = m->lanes.length, unit = ig_dtype_bytes(m->work);
    if (m->direct) {
        call(m, (const char *)m->x->data + item * n * unit, (char *)m->y->data + item * n * unit);
        return;
    }
    if (m->lanes.inner == 1) {
        ig_convert(m->x->dtype, m->x->data, item * n, m->work, room, 0, n);
        call(m, room, room);
        ig_convert(m->work, room, 0, m->y->dtype, m->y->data, item * n, n);
        return;
    }
    size_t inner = item % m->groups * m->side;
    map_group(m, item / m->groups * n * m->lanes.inner + inner, ig_min_size(m->side, m->lanes.inner - inner), room);
}

/* Whether the tensor's content is an array of the work type. */
static bool is_work_type(ig_dtype work, ig_dtype dtype) {
    return (work == IG_F32 && dtype == IG_F32) || (work == IG_F64 && dtype == IG_F64) ||
           (work == IG_I64 && (dtype == IG_I64 || dtype == IG_U64));
}

ig_status ig_lanes_map(ig_call *c, const ig_lanes *lanes, const ig_tensor *x, ig_tensor *y, const ig_lane_map *map,
                       const void *arg) {
    mapping m = {.map = map, .arg = arg, .lanes = *lanes, .x = x, .y = y, .work = ig_work_type(x->dtype)};
    bool defined = (m.work == IG_F32 && map->f32) || (m.work == IG_F64 && map->f64) || (m.work == IG_I64 && map->i64);
    if (!defined) return ig_call_no_kernel(c, x->dtype);
    if (lanes->outer * lanes->length * lanes->inner == 0) return IG_OK;
    size_t unit = ig_dtype_bytes(m.work), room;
    m.direct = lanes->inner == 1 && is_work_type(m.work, x->dtype) && is_work_type(m.work, y->dtype);
    m.side = ig_min_size(SIDE, lanes->inner);
    m.groups = (lanes->inner + m.side - 1) / m.side;
    if (ig_mul_overflows(lanes->length + 1, m.side * unit, &room)) return ig_oom(c->err);
    ig_lanes items = {lanes->outer, lanes->length * m.side, m.groups};
    return ig_lanes_each(c, &items, m.direct ? 0 : room, map_lane, &m);
}
