/* Convolutions. Kernels of Keras are [spatial…, in, out], those of ONNX [out, in, spatial…]. */
#include "formats/keras/layers.h"

static int spatial_dims(const ig_k *k) { return (int)(k->rule->arg & 15); }

static ig_status read_conv(ig_k *k, ig_k_conv *c) {
    *c = (ig_k_conv){.n = spatial_dims(k), .group = ig_k_int(k, "groups", 1)};
    size_t n = (size_t)c->n;
    bool ok = ig_k_ints(k, "kernel_size", c->kernel, n, 1) && ig_k_ints(k, "strides", c->strides, n, 1) &&
              ig_k_ints(k, "dilation_rate", c->dilation, n, 1);
    for (size_t i = 0; i < n; i++)
        ok &= c->kernel[i] >= 1 && c->kernel[i] < 1 << 20 && c->strides[i] >= 1 && c->dilation[i] >= 1 &&
              c->dilation[i] < 1 << 20;
    c->padding = ig_k_is(k, "padding", "same") ? "same" : ig_k_is(k, "padding", "causal") ? "causal" : "valid";
    return ok ? IG_OK : ig_k_refuse(k, "its kernel_size, strides or dilation_rate are no sizes");
}

/* "same" as TensorFlow has it: what is odd is added at the end. -1: it depends on a size that isn't known. */
static int64_t same_total(int64_t size, int64_t extent, int64_t stride) {
    if (stride == 1) return extent - 1;
    if (size < 0) return -1;
    int64_t out = (size + stride - 1) / stride, total = (out - 1) * stride + extent - size;
    return total > 0 ? total : 0;
}

static const char *paddings(ig_k *k, const ig_k_conv *c, const ig_value *x) {
    int64_t pads[6] = {0};
    bool known = true, any = false;
    for (int i = 0; i < c->n; i++) {
        int64_t extent = c->dilation[i] * (c->kernel[i] - 1) + 1, total = 0;
        if (c->padding[0] == 's') total = same_total(ig_k_dim(x, i + 2), extent, c->strides[i]);
        if (c->padding[0] == 'c') total = extent - 1;
        known &= total >= 0;
        pads[i] = c->padding[0] == 'c' ? total : total / 2;
        pads[i + c->n] = total - pads[i];
        any |= total != 0;
    }
    if (!known) return "auto_pad='SAME_UPPER'";
    const char *text = any ? ig_arena_printf(k->arena, "pads=[%s]", ig_k_list(k, pads, (size_t)c->n * 2)) : "pads=[]";
    return !any ? "" : text ? text : "";
}

ig_value *ig_k_convolve(ig_k *k, const ig_k_conv *c, ig_value *x, ig_value *kernel, ig_value *bias) {
    const char *pads = paddings(k, c, x);
    size_t n = (size_t)c->n;
    const char *attributes =
        ig_arena_printf(k->arena, "group=%lld, strides=[%s], dilations=[%s]%s%s", (long long)c->group,
                        ig_k_list(k, c->strides, n), ig_k_list(k, c->dilation, n), pads[0] ? ", " : "", pads);
    return attributes ? ig_k_op(k, "Conv", attributes, (ig_value *[]){x, kernel, bias}, bias ? 3 : 2) : NULL;
}

static ig_value *kernel_first(ig_k *k, ig_value *w, int n) {
    int64_t perm[5] = {n + 1, n, 0, 1, 2};
    return ig_k_transpose(k, w, perm, (size_t)n + 2);
}

/* [spatial…, in, multiplier] to [in * multiplier, 1, spatial…]. */
static ig_value *depthwise_first(ig_k *k, ig_value *w, int n) {
    int64_t perm[5] = {n, n + 1, 0, 1, 2}, dims[5] = {-1, 1};
    for (int i = 0; i < n; i++) dims[i + 2] = ig_k_dim(w, i);
    return ig_k_reshape(k, ig_k_transpose(k, w, perm, (size_t)n + 2), dims, (size_t)n + 2);
}

/* The layer's input with channels first. */
static ig_status input_first(ig_k *k, int n, ig_value **x) {
    int rank;
    if (!k->n_in) return ig_k_refuse(k, "it is called without a tensor");
    IG_TRY(ig_k_need_rank(k, k->in[0], &rank));
    if (rank != n + 2) return ig_k_refuse(k, "its input has %d dims, and not %d", rank, n + 2);
    *x = ig_k_is_float(k->in[0]) ? k->in[0] : ig_k_cast(k, k->in[0], k->dtype);
    if (!ig_k_channels_first(k)) *x = ig_k_first(k, *x);
    return IG_OK;
}

/* With the activation, which may look at channels. */
static ig_status finish(ig_k *k, ig_value *y) {
    const ig_json *activation = ig_k_get(k, "activation");
    if (ig_k_is_elementwise(activation) || ig_k_channels_first(k)) {
        ig_k_out_first(k, 0, ig_k_activate(k, activation, y));
    } else {
        ig_k_out(k, 0, ig_k_activate(k, activation, ig_k_last(k, y)));
    }
    return IG_OK;
}

static bool has_bias(const ig_k *k) { return ig_k_bool(k, "use_bias", true); }

ig_status ig_k_lower_conv(ig_k *k) {
    ig_k_conv c;
    ig_value *x;
    IG_TRY(read_conv(k, &c));
    IG_TRY(input_first(k, c.n, &x));
    ig_value *w = ig_k_weight(k, "kernel", 0), *b = has_bias(k) ? ig_k_weight(k, "bias", 1) : NULL;
    if (w && ig_k_rank(w) != c.n + 2) return ig_k_refuse(k, "its kernel has %d dims", ig_k_rank(w));
    return finish(k, ig_k_convolve(k, &c, x, kernel_first(k, w, c.n), b));
}

ig_status ig_k_lower_depthwise_conv(ig_k *k) {
    ig_k_conv c;
    ig_value *x;
    IG_TRY(read_conv(k, &c));
    IG_TRY(input_first(k, c.n, &x));
    ig_value *w = ig_k_find_weight(k, "kernel", 0), *b = has_bias(k) ? ig_k_weight(k, "bias", 1) : NULL;
    w = w && k->weights->by_path                     ? ig_k_weight(k, "kernel", 0)
        : ig_k_find_weight(k, "depthwise_kernel", 0) ? ig_k_weight(k, "depthwise_kernel", 0)
                                                     : ig_k_weight(k, "kernel", 0);
    if (!w || ig_k_rank(w) != c.n + 2) return ig_k_refuse(k, "its kernel doesn't fit");
    c.group = ig_k_dim(w, c.n);
    return finish(k, ig_k_convolve(k, &c, x, depthwise_first(k, w, c.n), b));
}

ig_status ig_k_lower_separable_conv(ig_k *k) {
    ig_k_conv c, point;
    ig_value *x;
    IG_TRY(read_conv(k, &c));
    IG_TRY(input_first(k, c.n, &x));
    ig_value *w = ig_k_weight(k, "depthwise_kernel", 0), *p = ig_k_weight(k, "pointwise_kernel", 1),
             *b = has_bias(k) ? ig_k_weight(k, "bias", 2) : NULL;
    if (!w || !p || ig_k_rank(w) != c.n + 2 || ig_k_rank(p) != c.n + 2) return ig_k_refuse(k, "its kernels don't fit");
    c.group = ig_k_dim(w, c.n);
    point =
        (ig_k_conv){.n = c.n, .kernel = {1, 1, 1}, .strides = {1, 1, 1}, .dilation = {1, 1, 1}, .group = 1, .padding = "valid"};
    x = ig_k_convolve(k, &c, x, depthwise_first(k, w, c.n), NULL);
    return finish(k, ig_k_convolve(k, &point, x, kernel_first(k, p, c.n), b));
}

/* How much longer the full result is than the one that Keras wants; negative: zeros are to be added. */
static int64_t excess(const ig_k_conv *c, int i, int64_t output_padding) {
    int64_t extent = c->dilation[i] * (c->kernel[i] - 1) + 1;
    bool same = c->padding[0] == 's';
    if (output_padding >= 0) return (same ? extent / 2 * 2 : 0) - output_padding;
    if (same) return extent - c->strides[i];
    return extent < c->strides[i] ? extent - c->strides[i] : 0;
}

ig_status ig_k_lower_conv_transpose(ig_k *k) {
    ig_k_conv c;
    ig_value *x;
    int64_t given[3], pads[6] = {0}, more[3] = {0};
    IG_TRY(read_conv(k, &c));
    IG_TRY(input_first(k, c.n, &x));
    size_t n = (size_t)c.n;
    if (!ig_k_ints(k, "output_padding", given, n, -1)) return ig_k_refuse(k, "its output_padding is no size");
    for (int i = 0; i < c.n; i++) {
        int64_t total = excess(&c, i, given[i]);
        if (total < 0) more[i] = -total;
        if (total > 0) {
            pads[i] = total / 2;
            pads[i + c.n] = total - total / 2;
        }
    }
    ig_value *w = ig_k_weight(k, "kernel", 0), *b = has_bias(k) ? ig_k_weight(k, "bias", 1) : NULL;
    if (!w || ig_k_rank(w) != c.n + 2) return ig_k_refuse(k, "its kernel doesn't fit");
    const char *attributes = ig_arena_printf(
        k->arena, "group=%lld, strides=[%s], dilations=[%s], pads=[%s], output_padding=[%s]", (long long)c.group,
        ig_k_list(k, c.strides, n), ig_k_list(k, c.dilation, n), ig_k_list(k, pads, 2 * n), ig_k_list(k, more, n));
    if (!attributes) return ig_oom(k->l->err);
    return finish(k, ig_k_op(k, "ConvTranspose", attributes, (ig_value *[]){x, kernel_first(k, w, c.n), b}, b ? 3 : 2));
}

/* -------------------------------------------------------------------------------------------------------------- pooling */

/* MaxPool or AveragePool (rule->to). */
ig_status ig_k_lower_pool(ig_k *k) {
    ig_k_conv c = {.n = spatial_dims(k), .dilation = {1, 1, 1}, .group = 1};
    ig_value *x;
    size_t n = (size_t)c.n;
    const char *size = ig_k_get(k, "pool_size") ? "pool_size" : "pool_length";
    if (!ig_k_ints(k, size, c.kernel, n, 2)) return ig_k_refuse(k, "its pool_size is no size");
    const char *strides = ig_k_get(k, "strides") ? "strides" : size;
    if (!ig_k_ints(k, strides, c.strides, n, 2)) return ig_k_refuse(k, "its strides are no sizes");
    for (size_t i = 0; i < n; i++)
        if (c.kernel[i] < 1 || c.strides[i] < 1) return ig_k_refuse(k, "its pool_size or strides are no sizes");
    c.padding = ig_k_is(k, "padding", "same") ? "same" : "valid";
    IG_TRY(input_first(k, c.n, &x));
    const char *pads = paddings(k, &c, x);
    const char *attributes = ig_arena_printf(k->arena, "kernel_shape=[%s], strides=[%s]%s%s", ig_k_list(k, c.kernel, n),
                                             ig_k_list(k, c.strides, n), pads[0] ? ", " : "", pads);
    if (!attributes) return ig_oom(k->l->err);
    ig_k_out_first(k, 0, ig_k_op(k, k->rule->to, attributes, (ig_value *[]){x}, 1));
    return IG_OK;
}

/* The mean of the steps that aren't masked. */
static ig_value *masked_mean(ig_k *k, ig_value *x, ig_value *mask, bool keep, bool first) {
    ig_k_bind(k, "x", x);
    ig_k_bind(k, "m", ig_k_unsqueeze(k, ig_k_cast(k, mask, ig_k_dtype(x)), first ? 1 : 2));
    int axis = first ? 2 : 1;
    return ig_k_v(k, "ReduceSum<keepdims=%d>(x * m, [%d]) / ReduceSum<keepdims=%d>(m, [%d])", keep, axis, keep, axis);
}

/* ReduceMean or ReduceMax (rule->to) of all spatial dims. */
ig_status ig_k_lower_global_pool(ig_k *k) {
    int n = spatial_dims(k);
    ig_value *x;
    bool keep = ig_k_bool(k, "keepdims", false), first = ig_k_channels_first(k);
    ig_value *mask = n == 1 && k->rule->to[6] == 'M' && k->rule->to[7] == 'e' && k->n_in ? k->mask[0] : NULL;
    if (mask) {
        ig_k_out(k, 0, masked_mean(k, k->in[0], mask, keep, first));
        return IG_OK;
    }
    IG_TRY(input_first(k, n, &x));
    ig_k_bind(k, "x", x);
    ig_value *y = ig_k_v(k, "%s<keepdims=%d>(x, [%s])", k->rule->to, keep, n == 1 ? "2" : n == 2 ? "2, 3" : "2, 3, 4");
    if (keep)
        ig_k_out_first(k, 0, y);
    else
        ig_k_out(k, 0, y);
    return IG_OK;
}

/* Windows of nearly equal sizes along one axis, each reduced to one. */
static ig_value *adaptive_axis(ig_k *k, ig_value *x, int axis, int64_t out) {
    int64_t size = ig_k_dim(x, axis);
    ig_value **parts = IG_NEW_ARRAY(k->arena, ig_value *, (size_t)out);
    if (size < 1 || !parts) {
        ig_k_refuse(k, "the size of its input isn't known");
        return NULL;
    }
    if (size % out == 0 && size == out) return x;
    for (int64_t i = 0; i < out; i++) {
        int64_t from = i * size / out, to = ((i + 1) * size + out - 1) / out;
        ig_k_bind(k, "w", ig_k_slice(k, x, axis, from, to, 1));
        parts[i] = ig_k_v(k, "%s<keepdims=1>(w, [%d])", k->rule->to, axis);
    }
    return ig_k_concat(k, parts, (size_t)out, axis);
}

ig_status ig_k_lower_adaptive_pool(ig_k *k) {
    int n = spatial_dims(k);
    int64_t out[3];
    ig_value *x;
    if (!ig_k_ints(k, "output_size", out, (size_t)n, 1)) return ig_k_refuse(k, "its output_size is no size");
    IG_TRY(input_first(k, n, &x));
    for (int i = 0; i < n; i++) {
        if (out[i] < 1 || out[i] > 4096) return ig_k_refuse(k, "its output_size is no size");
        x = adaptive_axis(k, x, i + 2, out[i]);
    }
    ig_k_out_first(k, 0, x);
    return IG_OK;
}
