/* HannWindow, HammingWindow, BlackmanWindow, MelWeightMatrix. */
#include "ops/op.h"

#include <math.h>

static const double PI = 0x1.921fb54442d18p+1;

/* ------------------------------------------------------------------------------------------------------------- windows */

static ig_status result_type(ig_infer *c, ig_dtype *out) {
    int64_t dtype = ig_attr_int(c->node, "output_datatype");
    if (!ig_dtype_valid(dtype) || ig_dtype_number((ig_dtype)dtype) == IG_NUMBER_NONE)
        return ig_infer_fail(c, "attribute 'output_datatype' is %lld, which is no type of numbers", (long long)dtype);
    *out = (ig_dtype)dtype;
    return IG_OK;
}

static ig_status infer_window(ig_infer *c) {
    ig_dtype dtype = IG_UNDEFINED;
    ig_ints size;
    ig_shape shape = {.rank = 1, .dims = {ig_dim_unknown()}};
    IG_TRY(result_type(c, &dtype));
    if (ig_infer_ints(c, 0, &size) && size.n == 1) shape.dims[0] = size.values[0];
    if (ig_dim_known(shape.dims[0]) && shape.dims[0].value < 0)
        return ig_infer_fail(c, "the window's size is %lld", (long long)shape.dims[0].value);
    return ig_infer_set(c, 0, dtype, &shape);
}

/* a - b cos(2 pi i / n) + d cos(4 pi i / n), where n is one less when the window is symmetric. A window of one element, of
 * which the formula has nothing to say, is 1. */
static ig_status run_cosines(ig_call *c, double a, double b, double d) {
    ig_tensor *out = c->out[0];
    if (!out) return IG_OK;
    double n = (double)out->count - (ig_attr_int(c->node, "periodic") ? 0 : 1);
    for (size_t i = 0; i < out->count; i++) {
        double at = 2 * PI * (double)i / n;
        ig_store_f64(out->dtype, out->data, i, n > 0 ? a - b * cos(at) + d * cos(2 * at) : 1);
    }
    return IG_OK;
}

static ig_status run_hann(ig_call *c) { return run_cosines(c, 0.5, 0.5, 0); }
static ig_status run_hamming(ig_call *c) { return run_cosines(c, 25.0 / 46, 21.0 / 46, 0); }
static ig_status run_blackman(ig_call *c) { return run_cosines(c, 0.42, 0.5, 0.08); }

const ig_op ig_op_hann_window = {.domain = "", .name = "HannWindow", .since = 17, .infer = infer_window, .run = run_hann};
const ig_op ig_op_hamming_window = {
    .domain = "", .name = "HammingWindow", .since = 17, .infer = infer_window, .run = run_hamming};
const ig_op ig_op_blackman_window = {
    .domain = "", .name = "BlackmanWindow", .since = 17, .infer = infer_window, .run = run_blackman};

/* ---------------------------------------------------------------------------------------------------- MelWeightMatrix */

static ig_status infer_mel(ig_infer *c) {
    ig_dtype dtype = IG_UNDEFINED;
    ig_ints v;
    ig_shape shape = {.rank = 2, .dims = {ig_dim_unknown(), ig_dim_unknown()}};
    IG_TRY(result_type(c, &dtype));
    if (ig_infer_ints(c, 1, &v) && v.n == 1)
        shape.dims[0] = ig_dim_add(c->syms, ig_dim_floor_div(c->syms, v.values[0], ig_dim_of(2)), ig_dim_of(1));
    if (ig_infer_ints(c, 0, &v) && v.n == 1) shape.dims[1] = v.values[0];
    for (int d = 0; d < 2; d++)
        if (ig_dim_known(shape.dims[d]) && shape.dims[d].value < 0)
            return ig_infer_fail(c, "dim %d of the matrix would be %lld", d, (long long)shape.dims[d].value);
    return ig_infer_set(c, 0, dtype, &shape);
}

typedef struct mel {
    double low, step, bins, rate; /* in mel; of the DFT, plus 1; samples per second */
} mel;

/* The DFT bin where band edge i lies. */
static double edge(const mel *m, size_t i) {
    double hertz = 700 * expm1((m->low + m->step * (double)i) / 2595 * log(10));
    return floor(m->bins * hertz / m->rate);
}

static double to_mel(double hertz) { return 2595 * log1p(hertz / 700) / log(10); }

/* Triangles that rise from one edge to the next and fall to the one after. */
static void put_band(ig_tensor *out, size_t band, const double *edges) {
    size_t bands = (size_t)out->dims[1];
    int64_t last = out->dims[0] - 1;
    double rise = edges[1] - edges[0], fall = edges[2] - edges[1];
    if (edges[0] > (double)last) return;
    for (int64_t j = (int64_t)edges[0]; j <= last && (double)j < edges[2]; j++) {
        double at = (double)j, v = at <= edges[1] && rise > 0 ? (at - edges[0]) / rise : 0;
        if (rise == 0 && at == edges[1]) v = 1;
        if (at >= edges[1] && fall > 0) v = (edges[2] - at) / fall;
        ig_store_f64(out->dtype, out->data, (size_t)j * bands + band, v);
    }
    if (fall == 0 && edges[1] <= (double)last) ig_store_f64(out->dtype, out->data, (size_t)edges[1] * bands + band, 1);
}

static ig_status run_mel(ig_call *c) {
    ig_tensor *out = c->out[0];
    double v[5];
    if (!out) return IG_OK;
    for (size_t i = 0; i < 5; i++) {
        if (c->in[i]->count != 1) return ig_call_fail(c, "input %zu is not a single number", i);
        v[i] = ig_load_as_f64(c->in[i]->dtype, c->in[i]->data, 0);
    }
    if (!(v[3] >= 0) || !(v[4] >= v[3]) || !(v[2] > 0) || v[4] > 1e9)
        return ig_call_fail(c, "edges of %g and %g Hz at %g samples per second make no bands", v[3], v[4], v[2]);
    mel m = {.low = to_mel(v[3]), .bins = v[1] + 1, .rate = v[2]};
    m.step = (to_mel(v[4]) - m.low) / (v[0] + 2);
    if (out->bytes) memset(out->data, 0, out->bytes);
    for (size_t band = 0; band < (size_t)out->dims[1]; band++) {
        const double edges[3] = {edge(&m, band), edge(&m, band + 1), edge(&m, band + 2)};
        put_band(out, band, edges);
    }
    return IG_OK;
}

const ig_op ig_op_mel_weight_matrix = {
    .domain = "", .name = "MelWeightMatrix", .since = 17, .infer = infer_mel, .run = run_mel};
