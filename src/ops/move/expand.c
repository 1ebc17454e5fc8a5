/* Expand (8, 13) and Tile (1 with one axis, 6, 13). */
#include "ops/args.h"
#include "ops/loops/cells.h"
#include "ops/loops/copy.h"

/* -------------------------------------------------------------------------------------------------------------- Expand */

static ig_status infer_expand(ig_infer *c) {
    ig_ints shape;
    ig_shape x, y;
    if (c->syms) IG_TRY(ig_infer_rank(c, 1, 1));
    if (!ig_infer_ints(c, 1, &shape)) return ig_infer_set(c, 0, ig_infer_dtype(c, 0), NULL);
    bool have = ig_infer_shape(c, 0, &x);
    if (!have || shape.n > IG_MAX_RANK) return ig_infer_set(c, 0, ig_infer_dtype(c, 0), NULL);
    y.rank = ig_max_i64(x.rank, (int64_t)shape.n) > x.rank ? (int)shape.n : x.rank;
    for (int k = 0; k < y.rank; k++) {
        int at = k - (y.rank - x.rank), wanted = k - (y.rank - (int)shape.n);
        ig_dim a = at < 0 ? ig_dim_of(1) : x.dims[at], b = wanted < 0 ? ig_dim_of(1) : shape.values[wanted];
        if (ig_dim_known(b) && b.value < 0) return ig_infer_fail(c, "dim %d of the shape is %lld", wanted, (long long)b.value);
        if (!ig_dim_broadcast(c->syms, a, b, &y.dims[k])) {
            char text[2][100];
            ig_dim_text(a, text[0], sizeof text[0]);
            ig_dim_text(b, text[1], sizeof text[1]);
            return ig_infer_fail(c, "a dim of %s can't be expanded to %s", text[0], text[1]);
        }
    }
    IG_TRY(ig_infer_set(c, 0, ig_infer_dtype(c, 0), &y));
    ig_ints value;
    bool small = c->out_ints && y.rank == 1 && ig_dim_known(y.dims[0]) && y.dims[0].value <= 2 * IG_MAX_RANK;
    if (!small || !ig_dtype_is_int(ig_infer_dtype(c, 0)) || !ig_infer_ints(c, 0, &value)) return IG_OK;
    ig_dim all[2 * IG_MAX_RANK];
    size_t n = (size_t)y.dims[0].value;
    if (value.n != 1 && value.n != n) return IG_OK;
    for (size_t i = 0; i < n; i++) all[i] = value.values[value.n == 1 ? 0 : i];
    return ig_infer_set_ints(c, 0, 1, all, n);
}

/* The output's dims may have been known before the shape was, and then nobody has compared them. */
static ig_status check_wanted(ig_call *c, const ig_tensor *y) {
    const int64_t *shape;
    size_t n;
    IG_TRY(ig_call_list(c, NULL, 1, &shape, &n));
    bool fits = n <= (size_t)y->rank;
    for (size_t k = 0; k < n && fits; k++) fits = shape[k] == 1 || shape[k] == y->dims[(size_t)y->rank - n + k];
    return fits ? IG_OK : ig_call_fail(c, "the input can't be expanded to the wanted shape");
}

static ig_status run_expand(ig_call *c) {
    const ig_tensor *x = c->in[0], *y = c->out[0];
    ig_cells from, to;
    IG_TRY(ig_call_like(c, 0, 0));
    IG_TRY(check_wanted(c, y));
    IG_TRY(ig_call_broadcasts(c, x, y));
    IG_TRY(ig_cells_in(c, x, &from));
    IG_TRY(ig_cells_out(c, y, &to));
    ig_copy r = {.rank = y->rank};
    memcpy(r.dims, y->dims, (size_t)y->rank * sizeof *r.dims);
    ig_steps_of(y->rank, y->dims, r.to);
    ig_steps_broadcast(x->rank, x->dims, y->rank, r.from);
    ig_copy_region(c->threads, &r, to.size, to.data, from.data);
    return ig_cells_done(c, c->out[0], &to);
}

const ig_op ig_op_expand = {.name = "Expand", .domain = "", .since = 8, .infer = infer_expand, .run = run_expand};

/* ---------------------------------------------------------------------------------------------------------------- Tile */

static ig_status set_tiled(ig_infer *c, const ig_shape *x, const ig_dim *repeats) {
    ig_shape y = {.rank = x->rank};
    for (int k = 0; k < x->rank; k++) {
        if (ig_dim_known(repeats[k]) && repeats[k].value < 0)
            return ig_infer_fail(c, "axis %d is repeated %lld times", k, (long long)repeats[k].value);
        IG_TRY(ig_infer_times(c, x->dims[k], repeats[k], &y.dims[k]));
    }
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &y);
}

static ig_status infer_tile(ig_infer *c) {
    ig_shape x;
    ig_ints repeats;
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, ig_infer_dtype(c, 0), NULL);
    ig_dim each[IG_MAX_RANK];
    for (int k = 0; k < x.rank; k++) each[k] = ig_dim_unknown();
    if (ig_infer_ints(c, 1, &repeats)) {
        if (repeats.n != (size_t)x.rank)
            return ig_infer_fail(c, "%zu repeats are given for an input of rank %d", repeats.n, x.rank);
        if (repeats.n) memcpy(each, repeats.values, repeats.n * sizeof *each);
    }
    return set_tiled(c, &x, each);
}

/* Version 1 repeats one axis: inputs `tiles` and `axis`. */
static ig_status infer_tile_1(ig_infer *c) {
    ig_shape x;
    int64_t tiles, axis;
    int at;
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, ig_infer_dtype(c, 0), NULL);
    ig_dim each[IG_MAX_RANK];
    bool have = ig_infer_number(c, 2, &axis);
    if (have) IG_TRY(ig_infer_axis(c, axis, x.rank, false, &at));
    for (int k = 0; k < x.rank; k++) each[k] = have ? ig_dim_of(1) : ig_dim_unknown();
    if (have) each[at] = ig_infer_number(c, 1, &tiles) ? ig_dim_of(tiles) : ig_dim_unknown();
    return set_tiled(c, &x, each);
}

/* How often each axis is repeated stands in the dims of input and output, whatever the version. */
static ig_status run_tile(ig_call *c) {
    const ig_tensor *x = c->in[0], *y = c->out[0];
    ig_cells from, to;
    ig_copy r = {.rank = 0};
    int64_t in_steps[IG_MAX_RANK], out_steps[IG_MAX_RANK];
    IG_TRY(ig_call_like(c, 0, 0));
    IG_TRY(ig_cells_in(c, x, &from));
    IG_TRY(ig_cells_out(c, y, &to));
    ig_steps_of(x->rank, x->dims, in_steps);
    ig_steps_of(y->rank, y->dims, out_steps);
    for (int k = 0; k < x->rank && y->count; k++) {
        int64_t times = y->dims[k] / x->dims[k];
        int64_t parts[2][3] = {{times, out_steps[k] * x->dims[k], 0}, {x->dims[k], out_steps[k], in_steps[k]}};
        for (int p = 0; p < 2; p++) {
            if (parts[p][0] == 1) continue;
            if (r.rank == IG_MAX_RANK)
                return ig_fail(c->err, IG_E_UNSUPPORTED, "more than %d axes are repeated", IG_MAX_RANK / 2);
            r.dims[r.rank] = parts[p][0];
            r.to[r.rank] = parts[p][1];
            r.from[r.rank++] = parts[p][2];
        }
    }
    if (y->count) ig_copy_region(c->threads, &r, to.size, to.data, from.data);
    return ig_cells_done(c, c->out[0], &to);
}

const ig_op ig_op_tile_1 = {.name = "Tile", .domain = "", .since = 1, .until = 5, .infer = infer_tile_1, .run = run_tile};
const ig_op ig_op_tile = {.name = "Tile", .domain = "", .since = 6, .infer = infer_tile, .run = run_tile};
