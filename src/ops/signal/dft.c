/* DFT: axis as an attribute (17) or an input (20). */
#include "ops/args.h"
#include "ops/nn/reals.h"
#include "ops/signal/fft.h"

static ig_dft_kind kind_of(const ig_node *node) {
    bool inverse = ig_attr_int(node, "inverse"), half = ig_attr_int(node, "onesided");
    return inverse ? (half ? IG_DFT_FROM_HALF : IG_DFT_INVERSE) : half ? IG_DFT_HALF : IG_DFT_WHOLE;
}

/* [-rank, -2] and [0, rank - 2]: the last dim holds the parts of a number. */
static bool axis_of(int64_t axis, int rank, int *out) {
    axis += axis < 0 ? rank : 0;
    *out = (int)axis;
    return axis >= 0 && axis < rank - 1;
}

static ig_status infer_dft(ig_infer *c) {
    ig_shape x;
    int64_t axis = c->node->schema->since < 20 ? ig_attr_int(c->node, "axis") : -2;
    ig_dft_kind kind = kind_of(c->node);
    int k;
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, ig_infer_dtype(c, 0), NULL);
    if (x.rank < 2) return ig_infer_fail(c, "the signal needs a dim to transform and one for the parts of a number");
    ig_dim parts = x.dims[x.rank - 1];
    if (ig_dim_known(parts) && parts.value != 1 && parts.value != 2)
        return ig_infer_fail(c, "the last dim of the signal is %lld, neither 1 nor 2", (long long)parts.value);
    if (c->syms && ig_dim_is(parts, kind == IG_DFT_HALF ? 2 : kind == IG_DFT_FROM_HALF ? 1 : 0))
        return ig_infer_fail(c, "one side of a transform is for real signals, and its inverse for complex ones");
    x.dims[x.rank - 1] = ig_dim_of(kind == IG_DFT_FROM_HALF ? 1 : 2);
    if (ig_infer_has(c, 2) && !ig_infer_int(c, 2, &axis)) { /* a whole transform without a new length keeps all dims */
        bool keeps = !ig_infer_has(c, 1) && (kind == IG_DFT_WHOLE || kind == IG_DFT_INVERSE);
        for (int i = 0; i < x.rank - 1 && !keeps; i++) x.dims[i] = ig_dim_unknown();
        return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &x);
    }
    if (!axis_of(axis, x.rank, &k))
        return ig_infer_fail(c, "axis %lld is none that a signal of rank %d can be transformed along", (long long)axis, x.rank);
    ig_dim length = x.dims[k];
    if (ig_infer_has(c, 1)) {
        ig_ints given;
        length = ig_infer_ints(c, 1, &given) && given.n == 1 ? given.values[0] : ig_dim_unknown();
        if (ig_dim_known(length) && length.value < 1) return ig_infer_fail(c, "dft_length is %lld", (long long)length.value);
    } else if (kind == IG_DFT_FROM_HALF) {
        length = ig_dim_mul(c->syms, ig_dim_of(2), ig_dim_sub(c->syms, length, ig_dim_of(1)));
        if (ig_dim_known(length) && length.value < 1) return ig_infer_fail(c, "half a transform of one number has no length");
    }
    if (kind == IG_DFT_HALF) length = ig_dim_add(c->syms, ig_dim_floor_div(c->syms, length, ig_dim_of(2)), ig_dim_of(1));
    x.dims[k] = length;
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &x);
}

/* Dims before and after the axis, without the last one. */
static ig_lanes lanes_of(const ig_tensor *x, int axis) { return ig_lanes_of(x->rank - 1, x->dims, axis); }

static ig_status run_dft(ig_call *c) {
    const ig_tensor *x = c->in[0];
    ig_dft_kind kind = kind_of(c->node);
    int64_t axis, n, parts = x->rank ? x->dims[x->rank - 1] : 0;
    int k;
    IG_TRY(ig_call_number(c, "axis", 2, -2, &axis));
    if (x->rank < 2 || (parts != 1 && parts != 2) || !axis_of(axis, x->rank, &k))
        return ig_call_fail(c, "a signal of rank %d can't be transformed along axis %lld", x->rank, (long long)axis);
    int64_t preset = kind == IG_DFT_FROM_HALF ? 2 * (x->dims[k] - 1) : x->dims[k];
    IG_TRY(ig_call_number(c, "dft_length", 1, preset, &n));
    if (n < 1 && x->count) return ig_call_fail(c, "the transform's length is %lld", (long long)n);
    int64_t dims[IG_MAX_RANK];
    memcpy(dims, x->dims, (size_t)x->rank * sizeof *dims);
    dims[k] = n < 1 ? 0 : (int64_t)ig_dft_length(kind, (size_t)n);
    dims[x->rank - 1] = kind == IG_DFT_FROM_HALF ? 1 : 2;
    IG_TRY(ig_call_output(c, 0, x->dtype, x->rank, dims));
    const void *in;
    void *out;
    IG_TRY(ig_real_in(c, x, IG_F64, &in));
    IG_TRY(ig_real_out(c, 0, IG_F64, &out));
    ig_lanes lanes = lanes_of(x, k);
    IG_TRY(ig_dft_lanes(c, kind, n < 1 ? 0 : (size_t)n, &lanes, (size_t)parts, in, out));
    ig_real_done(c, 0, IG_F64, out);
    return IG_OK;
}

const ig_op ig_op_dft = {.name = "DFT", .domain = "", .since = 17, .flags = IG_OP_DYNAMIC, .infer = infer_dft, .run = run_dft};
