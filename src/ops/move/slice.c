/* Slice (1 with attributes, 10 with inputs, 11, 13), and DynamicSlice of the first opset, which had inputs already. */
#include "ops/args.h"
#include "ops/loops/cells.h"
#include "ops/loops/copy.h"

/* What one axis is cut to. */
typedef struct cut {
    int64_t begin, step, n;
} cut;

/* Numbers out of range are clamped to what the axis has. */
static cut cut_of(int64_t dim, int64_t start, int64_t end, int64_t step) {
    int64_t low = step < 0 ? -1 : 0, high = step < 0 ? dim - 1 : dim;
    start = ig_clamp_i64(start < 0 ? start + dim : start, low, high);
    end = ig_clamp_i64(end < 0 ? end + dim : end, low, high);
    int64_t distance = step < 0 ? start - end : end - start;
    uint64_t stride = step < 0 ? 0 - (uint64_t)step : (uint64_t)step;
    cut c = {start, step, distance > 0 ? (int64_t)((uint64_t)(distance - 1) / stride) + 1 : 0};
    if (c.n <= 1) c.step = 1; /* a step may be huge where nothing is stepped over */
    return c;
}

/* ----------------------------------------------------------------------------------------------------------- inference */

typedef struct arguments {
    ig_ints starts, ends, axes, steps;
    bool all_axes, has_steps, known;
} arguments;

static void read_arguments(ig_infer *c, arguments *a) {
    *a = (arguments){0};
    a->known = ig_infer_list(c, "starts", 1, &a->starts) == IG_IS_KNOWN;
    a->known &= ig_infer_list(c, "ends", 2, &a->ends) == IG_IS_KNOWN;
    ig_known axes = ig_infer_list(c, "axes", 3, &a->axes), steps = ig_infer_list(c, NULL, 4, &a->steps);
    a->all_axes = axes == IG_ABSENT;
    a->has_steps = steps == IG_IS_KNOWN;
    a->known &= axes != IG_NOT_KNOWN && steps != IG_NOT_KNOWN;
}

enum { TO_THE_END = INT32_MAX }; /* exporters write the largest number they have */

static bool is_size(ig_dim d) {
    return ig_dim_known(d) ? d.value >= 0 : d.sym && ig_dim_equal(ig_dim_max(NULL, d, ig_dim_of(0)), d);
}

/* How far from the beginning a start or an end is, between 0 and the dim; unknown when its sign isn't known. A distance from
 * the end is written as what is left of the dim, so that the parts of a dim that is cut in two add up to it. */
static ig_dim place(ig_infer *c, ig_dim dim, ig_dim at) {
    bool known = ig_dim_known(at);
    if (known && at.value <= -TO_THE_END) return ig_dim_of(0);
    if (known && at.value < 0) return ig_dim_sub(c->syms, dim, ig_dim_min(c->syms, dim, ig_dim_of(-at.value)));
    if (!is_size(at)) return ig_dim_unknown();
    return known && at.value >= TO_THE_END ? dim : ig_dim_min(c->syms, at, dim);
}

/* The size of an axis when some of the numbers aren't known. */
static ig_dim cut_dim(ig_infer *c, ig_dim dim, ig_dim start, ig_dim end, int64_t step) {
    if (step < 0) {
        bool whole = (ig_dim_is(start, -1) || (ig_dim_known(start) && start.value >= TO_THE_END)) && ig_dim_known(end) &&
                     end.value <= -TO_THE_END;
        return whole ? ig_dim_ceil_div(c->syms, dim, ig_dim_of(step == INT64_MIN ? INT64_MAX : -step)) : ig_dim_unknown();
    }
    ig_dim low = place(c, dim, start), high = place(c, dim, end), size = ig_dim_sub(c->syms, high, low);
    if (!ig_dim_equal(high, dim) && !ig_dim_is(low, 0)) size = ig_dim_max(c->syms, size, ig_dim_of(0));
    return ig_dim_ceil_div(c->syms, size, ig_dim_of(step));
}

static ig_status cut_axis(ig_infer *c, const arguments *a, size_t i, ig_dim *dim) {
    ig_dim start = a->starts.values[i], end = a->ends.values[i], step = a->has_steps ? a->steps.values[i] : ig_dim_of(1);
    if (ig_dim_is(step, 0)) return ig_infer_fail(c, "the step of slice %zu is 0", i);
    if (!ig_dim_known(step)) {
        *dim = ig_dim_unknown();
    } else if (ig_dim_known(*dim) && ig_dim_known(start) && ig_dim_known(end)) {
        *dim = ig_dim_of(cut_of(dim->value, start.value, end.value, step.value).n);
    } else {
        *dim = cut_dim(c, *dim, start, end, step.value);
    }
    return IG_OK;
}

/* A slice of known integers. */
static ig_status cut_ints(ig_infer *c, const arguments *a) {
    ig_ints ints;
    if (!c->out_ints || !ig_dtype_is_int(ig_infer_dtype(c, 0)) || !ig_infer_ints(c, 0, &ints) || ints.rank != 1) return IG_OK;
    ig_dim step = a->has_steps ? a->steps.values[0] : ig_dim_of(1), out[2 * IG_MAX_RANK];
    if (a->starts.n != 1 || ints.n > IG_COUNT_OF(out)) return IG_OK;
    if (!ig_dim_known(a->starts.values[0]) || !ig_dim_known(a->ends.values[0]) || !ig_dim_known(step)) return IG_OK;
    cut k = cut_of((int64_t)ints.n, a->starts.values[0].value, a->ends.values[0].value, step.value);
    for (int64_t i = 0; i < k.n; i++) out[i] = ints.values[k.begin + i * k.step];
    return ig_infer_set_ints(c, 0, 1, out, (size_t)k.n);
}

static ig_status infer_slice(ig_infer *c) {
    ig_shape x;
    arguments a;
    read_arguments(c, &a);
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, ig_infer_dtype(c, 0), NULL);
    if (!a.known) {
        for (int k = 0; k < x.rank; k++) x.dims[k] = ig_dim_unknown();
        return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &x);
    }
    size_t n = a.starts.n;
    if (a.ends.n != n || (!a.all_axes && a.axes.n != n) || (a.has_steps && a.steps.n != n) || n > (size_t)x.rank)
        return ig_infer_fail(c, "%zu starts, %zu ends, %zu axes and %zu steps are given for an input of rank %d", n, a.ends.n,
                             a.axes.n, a.steps.n, x.rank);
    uint32_t mask;
    ig_status status;
    if (!a.all_axes && !ig_infer_axes(c, &a.axes, x.rank, &mask, &status)) {
        for (int k = 0; k < x.rank; k++) x.dims[k] = ig_dim_unknown();
        return status != IG_OK ? status : ig_infer_set(c, 0, ig_infer_dtype(c, 0), &x);
    }
    for (size_t i = 0; i < n; i++) {
        int64_t axis = a.all_axes ? (int64_t)i : a.axes.values[i].value;
        IG_TRY(cut_axis(c, &a, i, &x.dims[axis < 0 ? axis + x.rank : axis]));
    }
    IG_TRY(ig_infer_set(c, 0, ig_infer_dtype(c, 0), &x));
    return x.rank == 1 ? cut_ints(c, &a) : IG_OK;
}

/* -------------------------------------------------------------------------------------------------------------- kernel */

static ig_status run_slice(ig_call *c) {
    const ig_tensor *x = c->in[0];
    const int64_t *starts, *ends, *axes, *steps;
    size_t n[4];
    int at[IG_MAX_RANK];
    ig_cells from, to;
    IG_TRY(ig_call_like(c, 0, 0));
    IG_TRY(ig_call_list(c, "starts", 1, &starts, &n[0]));
    IG_TRY(ig_call_list(c, "ends", 2, &ends, &n[1]));
    IG_TRY(ig_call_list(c, "axes", 3, &axes, &n[2]));
    IG_TRY(ig_call_list(c, NULL, 4, &steps, &n[3]));
    if (n[1] != n[0] || (axes && n[2] != n[0]) || (steps && n[3] != n[0]) || n[0] > (size_t)x->rank)
        return ig_call_fail(c, "starts, ends, axes and steps differ in length");
    if (axes) IG_TRY(ig_call_axes(c, axes, n[2], x->rank, at, NULL));
    IG_TRY(ig_cells_in(c, x, &from));
    IG_TRY(ig_cells_out(c, c->out[0], &to));
    ig_copy r = {.rank = x->rank};
    int64_t begin = 0;
    memcpy(r.dims, x->dims, (size_t)x->rank * sizeof *r.dims);
    ig_steps_of(x->rank, x->dims, r.from);
    for (size_t i = 0; i < n[0]; i++) {
        int axis = axes ? at[i] : (int)i;
        if (steps && steps[i] == 0) return ig_call_fail(c, "the step of slice %zu is 0", i);
        cut k = cut_of(x->dims[axis], starts[i], ends[i], steps ? steps[i] : 1);
        begin += k.n ? k.begin * r.from[axis] : 0;
        r.from[axis] *= k.step;
        r.dims[axis] = k.n;
    }
    for (int k = 0; k < r.rank; k++) {
        if (r.dims[k] != c->out[0]->dims[k]) return ig_call_fail(c, "axis %d isn't cut to the size it was planned for", k);
    }
    ig_steps_of(r.rank, r.dims, r.to);
    if (to.count) ig_copy_region(c->threads, &r, to.size, to.data, from.data + begin * (int64_t)from.size);
    return ig_cells_done(c, c->out[0], &to);
}

const ig_op ig_op_slice = {.name = "Slice", .domain = "", .since = 1, .infer = infer_slice, .run = run_slice};
const ig_op ig_op_dynamic_slice = {.name = "DynamicSlice", .domain = "", .since = 1, .infer = infer_slice, .run = run_slice};
