/* Conv, onnxruntime's FusedConv (with something added and an activation), and both with channels last. */
#include "ops/nn/conv.h"

#include "ops/loops/copy.h"
#include "ops/nn/activate.h"
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

/* images, space…, channels to images, channels, space… */
static void channels_first(ig_shape *s) {
    if (s->rank < 3) return;
    ig_dim channels = s->dims[s->rank - 1];
    memmove(s->dims + 2, s->dims + 1, (size_t)(s->rank - 2) * sizeof *s->dims);
    s->dims[1] = channels;
}

static void channels_last(ig_shape *s) {
    ig_dim channels = s->dims[1];
    memmove(s->dims + 1, s->dims + 2, (size_t)(s->rank - 2) * sizeof *s->dims);
    s->dims[s->rank - 1] = channels;
}

ig_status ig_conv_infer(ig_infer *c, size_t x_index, size_t w_index, ig_dtype dtype, bool last) {
    ig_shape x, w, out;
    bool has_x = ig_infer_shape(c, x_index, &x), has_w = ig_infer_shape(c, w_index, &w);
    if (has_x && last) channels_first(&x);
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
    for (int k = 0; k < rank - 2 && c->syms; k++) /* the kernels could do it, but the specification forbids it */
        if (rule.begin[k] < 0 || rule.end[k] < 0) return ig_infer_fail(c, "attribute pads has an entry below 0");
    out.rank = rank;
    out.dims[0] = has_x ? x.dims[0] : ig_dim_unknown();
    out.dims[1] = has_w ? w.dims[0] : ig_dim_unknown();
    for (int k = 0; k < rank - 2; k++) {
        out.dims[k + 2] = has_x ? ig_window_positions(c->syms, &rule, k, x.dims[k + 2]) : ig_dim_unknown();
        if (ig_dim_known(out.dims[k + 2]) && out.dims[k + 2].value < 0)
            return ig_infer_fail(c, "the window is larger than the padded input along dim %d", k + (last ? 1 : 2));
    }
    if (last) channels_last(&out);
    return ig_infer_set(c, 0, dtype, &out);
}

ig_status ig_conv_of_call(ig_call *c, ig_conv *conv, const ig_tensor *x, const ig_tensor *w, bool last) {
    int64_t group = ig_attr_int(c->node, "group");
    *conv = (ig_conv){.images = (size_t)x->dims[0],
                      .groups = (size_t)group,
                      .channels = (size_t)w->dims[1],
                      .filters = (size_t)(w->dims[0] / group),
                      .min = -INFINITY,
                      .max = INFINITY};
    return ig_window_of_call(c, &conv->window, x->rank - 2, x->dims + (last ? 1 : 2), w->dims + 2);
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

/* The operators with channels last begin with Nhwc. */
static bool is_last(const ig_node *node) { return node->schema->name[0] == 'N'; }

static ig_status infer(ig_infer *c) {
    ig_dtype dtype = ig_infer_dtype(c, 0);
    return ig_conv_infer(c, 0, 1, dtype ? dtype : ig_infer_dtype(c, 1), is_last(c->node));
}

static ig_status prepare(ig_prepare *p) { return ig_conv_prepare(p, 1); }

/* Elements of a tensor with channels last (to_first) or first, laid out the other way round. */
static void swap_channels(ig_call *c, int rank, const int64_t *dims, bool to_first, size_t size, void *to, const void *from) {
    int64_t space = 1, channels = dims[to_first ? rank - 1 : 1];
    for (int k = 0; k < rank - 2; k++) space *= dims[to_first ? k + 1 : k + 2];
    ig_copy r = {.rank = 3, .dims = {dims[0], channels, space}};
    r.to[0] = r.from[0] = channels * space;
    r.to[1] = to_first ? space : 1, r.to[2] = to_first ? 1 : channels;
    r.from[1] = to_first ? 1 : space, r.from[2] = to_first ? channels : 1;
    ig_copy_region(c->threads, &r, size, to, from);
}

/* What the kernels see: channels first. */
typedef struct operands {
    const void *x, *w, *bias, *add;
    void *y;
} operands;

static ig_status run_f64(ig_call *c, const ig_conv *conv, const operands *o, const ig_activation *activation) {
    size_t n = c->out[0]->count;
    double *y = o->y;
    ig_conv_plain(c->threads, conv, IG_F64, o->x, o->w, o->bias, y);
    for (size_t i = 0; o->add && i < n; i++) y[i] += ((const double *)o->add)[i];
    ig_activate_f64(activation, y, n);
    return IG_OK;
}

static ig_status run_f32(ig_call *c, ig_conv *conv, const operands *o, const ig_activation *activation) {
    const ig_conv_state *state = c->state;
    conv->x = o->x, conv->w = o->w, conv->bias = o->bias, conv->add = o->add, conv->y = o->y;
    if (state) conv->packed = state->packed;
    if (activation->kind == IG_ACT_RELU) {
        conv->min = 0;
    } else if (activation->kind != IG_ACT_NONE) {
        conv->post = ig_activate_f32;
        conv->post_arg = activation;
    }
    const ig_kernels *kernels = ig_kernels_of(c->context);
    size_t bytes;
    void *scratch = NULL;
    if (ig_conv_scratch(kernels, c->threads, conv, &bytes)) scratch = ig_call_scratch(c, bytes);
    if (!scratch) return ig_oom(c->err);
    ig_conv_run(kernels, c->threads, conv, scratch);
    return IG_OK;
}

/* A tensor of the input's kind in the type and layout that the kernel wants. */
static ig_status get(ig_call *c, const ig_tensor *t, ig_dtype type, bool last, const void **data) {
    IG_TRY(ig_real_in(c, t, type, data));
    if (!t || !last) return IG_OK;
    void *first = ig_call_scratch(c, t->count * ig_dtype_bytes(type));
    if (!first) return ig_oom(c->err);
    swap_channels(c, t->rank, t->dims, true, ig_dtype_bytes(type), first, *data);
    *data = first;
    return IG_OK;
}

static ig_status check(ig_call *c, const ig_tensor *w) {
    const ig_tensor *bias = c->n_in > 2 ? c->in[2] : NULL, *add = c->n_in > 3 ? c->in[3] : NULL, *y = c->out[0];
    if (bias && bias->count != (size_t)w->dims[0])
        return ig_call_fail(c, "the bias has %zu entries for %lld filters", bias->count, (long long)w->dims[0]);
    if (add && (add->rank != y->rank || memcmp(add->dims, y->dims, (size_t)y->rank * sizeof *y->dims) != 0))
        return ig_call_fail(c, "what is added has another shape than the result");
    return IG_OK;
}

static ig_status run(ig_call *c) {
    const ig_tensor *x = c->in[0], *w = c->in[1];
    bool last = is_last(c->node);
    ig_dtype type = ig_real_type(x->dtype);
    ig_conv conv;
    ig_activation activation;
    operands o = {0};
    void *y;
    IG_TRY(ig_conv_of_call(c, &conv, x, w, last));
    IG_TRY(check(c, w));
    IG_TRY(ig_activation_of_call(c, &activation));
    IG_TRY(get(c, x, type, last, &o.x));
    IG_TRY(get(c, c->n_in > 3 ? c->in[3] : NULL, type, last, &o.add));
    if (!c->state) IG_TRY(ig_real_in(c, w, type, &o.w));
    IG_TRY(ig_real_in(c, c->n_in > 2 ? c->in[2] : NULL, type, &o.bias));
    IG_TRY(ig_real_out(c, 0, type, &y));
    o.y = last ? ig_call_scratch(c, c->out[0]->count * ig_dtype_bytes(type)) : y;
    if (!o.y) return ig_oom(c->err);
    IG_TRY(type == IG_F64 ? run_f64(c, &conv, &o, &activation) : run_f32(c, &conv, &o, &activation));
    if (last) {
        int rank = x->rank;
        int64_t dims[IG_MAX_RANK] = {c->out[0]->dims[0], c->out[0]->dims[rank - 1]};
        memcpy(dims + 2, c->out[0]->dims + 1, (size_t)(rank - 2) * sizeof *dims);
        swap_channels(c, rank, dims, false, ig_dtype_bytes(type), y, o.y);
    }
    ig_real_done(c, 0, type, y);
    return IG_OK;
}

const ig_op ig_op_conv = {"", "Conv", 1, 0, 0, infer, run, prepare, NULL};
const ig_op ig_op_ms_fused_conv = {"com.microsoft", "FusedConv", 1, 0, 0, infer, run, prepare, NULL};
const ig_op ig_op_ms_nhwc_conv = {"com.microsoft", "NhwcConv", 1, 0, 0, infer, run, prepare, NULL};
const ig_op ig_op_ms_nhwc_fused_conv = {"com.microsoft", "NhwcFusedConv", 1, 0, 0, infer, run, prepare, NULL};
