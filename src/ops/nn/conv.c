/* Conv. */
#include "ops/nn/conv.h"

#include "ops/nn/reals.h"

#include <math.h>

static ig_status check_channels(ig_infer *c, const ig_shape *x, const ig_shape *w, int64_t group) {
    if (group < 1) return ig_infer_fail(c, "attribute group is %lld", (long long)group);
    ig_dim want = ig_dim_mul(c->syms, w->dims[1], ig_dim_of(group));
    if (x->rank > 1 && ig_dim_known(x->dims[1]) && ig_dim_known(want) && x->dims[1].value != want.value)
        return ig_infer_fail(c, "the weight has %lld input channels (%lld groups of %lld), the input has %lld",
                             (long long)want.value, (long long)group, (long long)w->dims[1].value, (long long)x->dims[1].value);
    if (ig_dim_known(w->dims[0]) && w->dims[0].value % group != 0)
        return ig_infer_fail(c, "%lld filters can't be split into %lld groups", (long long)w->dims[0].value, (long long)group);
    return IG_OK;
}

ig_status ig_conv_infer(ig_infer *c, size_t x_index, size_t w_index, ig_dtype dtype) {
    ig_shape x, w, out;
    bool has_x = ig_infer_shape(c, x_index, &x), has_w = ig_infer_shape(c, w_index, &w);
    if (!has_x && !has_w) return ig_infer_set(c, 0, dtype, NULL);
    int rank = has_x ? x.rank : w.rank;
    if (rank < 3)
        return ig_infer_fail(c, "input %zu has rank %d: images, channels and at least one dim of space are needed",
                             has_x ? x_index : w_index, rank);
    if (has_x && has_w && x.rank != w.rank)
        return ig_infer_fail(c, "the input has rank %d, the weight has rank %d", x.rank, w.rank);
    if (has_x && has_w) IG_TRY(check_channels(c, &x, &w, ig_attr_int(c->node, "group")));
    int64_t kernel[IG_MAX_RANK];
    for (int k = 0; k < rank - 2; k++) kernel[k] = has_w ? w.dims[k + 2].value : IG_UNKNOWN;
    char why[200];
    ig_window_rule rule;
    if (!ig_window_rule_of(&rule, c->node, rank - 2, kernel, why, sizeof why)) return ig_infer_fail(c, "%s", why);
    out.rank = rank;
    out.dims[0] = has_x ? x.dims[0] : ig_dim_unknown();
    out.dims[1] = has_w ? w.dims[0] : ig_dim_unknown();
    for (int k = 0; k < rank - 2; k++) {
        out.dims[k + 2] = has_x ? ig_window_positions(c->syms, &rule, k, x.dims[k + 2]) : ig_dim_unknown();
        if (ig_dim_known(out.dims[k + 2]) && out.dims[k + 2].value < 0)
            return ig_infer_fail(c, "the window is larger than the padded input along dim %d", k + 2);
    }
    return ig_infer_set(c, 0, dtype, &out);
}

ig_status ig_conv_of_call(ig_call *c, ig_conv *conv, const ig_tensor *x, const ig_tensor *w) {
    int64_t group = ig_attr_int(c->node, "group");
    *conv = (ig_conv){.images = (size_t)x->dims[0],
                      .groups = (size_t)group,
                      .channels = (size_t)w->dims[1],
                      .filters = (size_t)(w->dims[0] / group),
                      .min = -INFINITY,
                      .max = INFINITY};
    return ig_window_of_call(c, &conv->window, x->rank - 2, x->dims + 2, w->dims + 2);
}

ig_status ig_conv_prepare(ig_prepare *p, size_t input) {
    const ig_tensor *w = p->in[input];
    int64_t group = ig_attr_int(p->node, "group");
    if (!w || w->kind != IG_KIND_TENSOR || w->dtype != IG_F32 || w->rank < 3 || w->count == 0 || group < 1 || p->in[0])
        return IG_OK;
    if (w->dims[0] % group != 0) return IG_OK; /* inference says so */
    ig_conv conv = {.groups = (size_t)group, .channels = (size_t)w->dims[1], .filters = (size_t)(w->dims[0] / group)};
    conv.window.dims = w->rank - 2;
    for (int k = 0; k < conv.window.dims; k++) conv.window.kernel[k] = w->dims[k + 2];
    const ig_kernels *kernels = ig_kernels_of(p->context);
    size_t floats;
    if (!ig_conv_packed(kernels, &conv, &floats)) return ig_oom(p->err);
    ig_conv_state *state = ig_alloc(p->context, sizeof *state + floats * sizeof(float));
    if (!state) return ig_oom(p->err);
    state->floats = floats;
    ig_conv_pack(kernels, p->threads, &conv, w->data, state->packed);
    p->taken[input] = true;
    p->state = state;
    return IG_OK;
}

static ig_status infer(ig_infer *c) {
    ig_dtype dtype = ig_infer_dtype(c, 0);
    return ig_conv_infer(c, 0, 1, dtype ? dtype : ig_infer_dtype(c, 1));
}

static ig_status prepare(ig_prepare *p) { return ig_conv_prepare(p, 1); }

static ig_status run_f64(ig_call *c, const ig_conv *conv) {
    const ig_tensor *bias = c->n_in > 2 ? c->in[2] : NULL;
    ig_conv_plain(c->threads, conv, IG_F64, c->in[0]->data, c->in[1]->data, bias ? bias->data : NULL, c->out[0]->data);
    return IG_OK;
}

static ig_status run(ig_call *c) {
    const ig_tensor *x = c->in[0], *w = c->in[1], *bias = c->n_in > 2 ? c->in[2] : NULL;
    const ig_conv_state *state = c->state;
    ig_conv conv;
    IG_TRY(ig_conv_of_call(c, &conv, x, w));
    if (bias && bias->count != (size_t)w->dims[0])
        return ig_call_fail(c, "the bias has %zu entries for %lld filters", bias->count, (long long)w->dims[0]);
    if (x->dtype == IG_F64) return run_f64(c, &conv);
    const void *px, *pw = NULL, *pb;
    void *py;
    IG_TRY(ig_real_in(c, x, IG_F32, &px));
    if (!state) IG_TRY(ig_real_in(c, w, IG_F32, &pw));
    IG_TRY(ig_real_in(c, bias, IG_F32, &pb));
    IG_TRY(ig_real_out(c, 0, IG_F32, &py));
    conv.x = px, conv.w = pw, conv.bias = pb, conv.y = py;
    if (state) conv.packed = state->packed;
    const ig_kernels *kernels = ig_kernels_of(c->context);
    size_t bytes;
    void *scratch = NULL;
    if (ig_conv_scratch(kernels, c->threads, &conv, &bytes)) scratch = ig_call_scratch(c, bytes);
    if (!scratch) return ig_oom(c->err);
    ig_conv_run(kernels, c->threads, &conv, scratch);
    ig_real_done(c, 0, IG_F32, py);
    return IG_OK;
}

const ig_op ig_op_conv = {"", "Conv", 1, 0, 0, infer, run, prepare, NULL};
