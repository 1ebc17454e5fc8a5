/* Layers: convolutions, pools, normalization. Images come with channels last, ONNX wants them first; transposes that meet
 * cancel each other in a pass. */
#include "formats/tensorflow/window.h"

/* Weights are brought into ONNX's order at once, however large. */
static ig_value *weights(ig_lower *l, ig_value *w, const int64_t *perm, size_t n, const char *shape) {
    ig_sketch *s = ig_tf_s(l);
    uint64_t fold = s->fold;
    s->fold = UINT64_MAX;
    w = ig_tf_transpose(l, w, perm, n);
    if (shape) {
        ig_tf_bind(l, "w", w);
        w = ig_tf_v(l, "Reshape(w, %s)", shape);
    }
    s->fold = fold;
    return w;
}

/* ------------------------------------------------------------------------------------------- what fused operators do after */

static bool is_fused(const ig_lower *l, size_t i, const char *name) {
    size_t n;
    const ig_str *ops = ig_attr_strs(l->node, "fused_ops", &n);
    return i < n && ig_str_is(ops[i], name);
}

/* Along channels. */
static ig_value *per_channel(ig_lower *l, ig_value *v, int rank) {
    int64_t axes[IG_MAX_RANK];
    if (!ig_tf_channels_first(l) || rank < 3 || ig_tf_rank_of(v) != 1) return v;
    for (int i = 0; i < rank - 2; i++) axes[i] = i + 1;
    ig_tf_bind(l, "v", v);
    return ig_tf_v(l, "Unsqueeze(v, [%s])", ig_tf_join(l, axes, (size_t)rank - 2));
}

static ig_value *fused_norm(ig_lower *l, ig_value *v, uint32_t *next, int rank) {
    static const char *const names[] = {"scale", "offset", "mean", "var"};
    for (uint32_t i = 0; i < 4; i++) ig_tf_bind(l, names[i], per_channel(l, ig_tf_in(l, *next + i), rank));
    *next += 4;
    ig_tf_bind(l, "n", v);
    return ig_tf_v(l, "(n - mean) * (scale / Sqrt(var + @epsilon)) + offset");
}

static const struct {
    const char *op, *text;
} activations[] = {
    {"Relu", "Relu(v)"},
    {"Relu6", "Clip(v, 0, 6)"},
    {"Elu", "Elu(v)"},
    {"LeakyRelu", "LeakyRelu<alpha=@leakyrelu_alpha>(v)"},
    {"Tanh", "Tanh(v)"},
    {"Sigmoid", "Sigmoid(v)"},
    {"_FusedHardSwish", "HardSwish(v)"},
    {"_MklSwish", "v * Sigmoid(v)"},
    {"_FusedSwish", "v * Sigmoid(v)"},
    {"_MklLeakyRelu", "LeakyRelu<alpha=@leakyrelu_alpha>(v)"},
    {"GeluExact", "Gelu<approximate='none'>(v)"},
    {"GeluApproximate", "Gelu<approximate='tanh'>(v)"},
};

/* The steps that the attribute fused_ops lists, with their arguments from input `next` on. */
static ig_status fused(ig_lower *l, ig_value *v, uint32_t next, ig_value **out) {
    size_t n;
    int rank = ig_tf_rank_of(v);
    const ig_str *ops = ig_attr_strs(l->node, "fused_ops", &n);
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        bool adds = is_fused(l, i, "BiasAdd") || is_fused(l, i, "Add") || is_fused(l, i, "BiasAddV1");
        ig_tf_bind(l, "v", v);
        if (adds) {
            ig_tf_bind(l, "a", per_channel(l, ig_tf_in(l, next++), rank));
            ig_tf_bind(l, "v", v);
            v = ig_tf_v(l, "v + a");
        } else if (is_fused(l, i, "FusedBatchNorm")) {
            v = fused_norm(l, v, &next, rank);
        } else if (is_fused(l, i, "Prelu")) {
            ig_tf_bind(l, "a", per_channel(l, ig_tf_in(l, next++), rank));
            ig_tf_bind(l, "v", v);
            v = ig_tf_v(l, "PRelu(v, a)");
        } else {
            while (k < IG_COUNT_OF(activations) && !ig_str_is(ops[i], activations[k].op)) k++;
            if (k == IG_COUNT_OF(activations))
                return ig_lower_refuse(l, "%.*s is fused into it", (int)ig_min_size(ops[i].n, 60), ops[i].s);
            v = ig_tf_v(l, "%s", activations[k].text);
        }
    }
    *out = v;
    return IG_OK;
}

ig_status ig_tf_fused(ig_lower *l, ig_value *v, uint32_t next) {
    ig_value *y;
    IG_TRY(fused(l, v, next, &y));
    ig_tf_out(l, 0, y);
    return IG_OK;
}

/* A bias that the convolution itself can add; the rest of fused_ops starts one later. */
static ig_value *own_bias(ig_lower *l) {
    return is_fused(l, 0, "BiasAdd") && ig_tf_rank_of(ig_tf_in(l, 2)) == 1 ? ig_tf_in(l, 2) : NULL;
}

static ig_status finish(ig_lower *l, ig_value *v, int rank) { return ig_tf_fused(l, ig_tf_to_last(l, v, rank), 2); }

/* ---------------------------------------------------------------------------------------------------------- convolutions */

/* Weights [kernel…, in, out]; with rule->to "depthwise" [kernel…, channels, times]. */
static ig_status conv(ig_lower *l, ig_value *x, ig_tf_window *w, int rank) {
    bool depthwise = l->rule->to != NULL, bias = own_bias(l) != NULL && !depthwise;
    int64_t perm[IG_MAX_RANK], in = ig_tf_dim_of(ig_tf_in(l, 1), -2), out = ig_tf_dim_of(ig_tf_in(l, 1), -1),
                               channels = ig_tf_dim_of(x, 1), groups = 1;
    char attributes[400], shape[100];
    for (size_t i = 0; i < w->n; i++) {
        w->kernel[i] = ig_tf_dim_of(ig_tf_in(l, 1), (int)i);
        perm[2 + i] = (int64_t)i;
        if (w->kernel[i] < 0) return ig_lower_refuse(l, "the size of its kernel is unknown");
    }
    if (in < 1 || out < 1) return ig_lower_refuse(l, "the shape of its weights is unknown");
    perm[0] = depthwise ? (int64_t)w->n : (int64_t)w->n + 1;
    perm[1] = depthwise ? (int64_t)w->n + 1 : (int64_t)w->n;
    snprintf(shape, sizeof shape, "[%lld, 1, %s]", (long long)(in * out), ig_tf_join(l, w->kernel, w->n));
    if (depthwise)
        groups = in;
    else if (channels > 0 && channels % in == 0)
        groups = channels / in;
    ig_value *k = weights(l, ig_tf_in(l, 1), perm, w->n + 2, depthwise ? shape : NULL);
    snprintf(attributes, sizeof attributes, "%s, group=%lld", ig_tf_window_attributes(l, x, w, true), (long long)groups);
    ig_value *v = ig_tf_node1(l, NULL, "Conv", attributes, (ig_value *[]){x, k, bias ? own_bias(l) : NULL}, bias ? 3 : 2);
    if (!bias) return finish(l, v, rank);
    /* The bias is done; what is left is applied by hand. */
    v = ig_tf_to_last(l, v, rank);
    size_t n;
    const ig_str *ops = ig_attr_strs(l->node, "fused_ops", &n);
    ig_attr rest = {.name = ig_model_name(l->model, "fused_ops"), .kind = IG_ATTR_STRINGS, .strings = ops + 1, .n = n - 1};
    if (!rest.name || !ig_attr_put(l->node, &rest)) return ig_oom(l->err);
    return ig_tf_fused(l, v, 3);
}

ig_status ig_tf_lower_conv(ig_lower *l) {
    ig_tf_window w = {.n = 0};
    int rank;
    IG_TRY(ig_tf_need_rank(l, 0, &rank));
    if (ig_tf_rank_of(ig_tf_in(l, 1)) != rank)
        return ig_lower_refuse(l, "the rank of its weights is unknown or not its input's");
    IG_TRY(ig_tf_read_window(l, rank, "strides", "dilations", &w));
    return conv(l, ig_tf_to_first(l, ig_tf_in(l, 0), rank), &w, rank);
}

/* Input, pads, weights: a MirrorPad and a Conv2D in one. */
ig_status ig_tf_lower_padded_conv(ig_lower *l) {
    ig_tf_window w = {.n = 0};
    ig_value *weight = ig_tf_in(l, 2);
    bool symmetric = ig_tf_attr_is(l, "mode", "SYMMETRIC");
    if (symmetric) return ig_lower_refuse(l, "its padding is symmetric");
    ig_value *x = ig_tf_v(l, "Pad<mode='reflect'>(x0, Reshape(Transpose<perm=[1, 0]>(i64(x1)), [-1]))");
    IG_TRY(ig_tf_read_window(l, 4, "strides", "dilations", &w));
    if (!ig_node_set_input(l->node, 1, weight)) return ig_oom(l->err);
    return conv(l, ig_tf_to_first(l, x, 4), &w, 4);
}

/* What a convolution would have made of an image of a given size is brought back to it. All that the kernel reaches, and then
 * the part that the padding leaves. */
static ig_value *cut_to_size(ig_lower *l, ig_value *full, const ig_tf_window *w, ig_value *size) {
    int64_t axes[IG_TF_MAX_WINDOW], reach[IG_TF_MAX_WINDOW];
    for (size_t i = 0; i < w->n; i++) {
        axes[i] = (int64_t)i + 2;
        reach[i] = ig_tf_reach(w, i);
    }
    const char *list = ig_tf_join(l, axes, w->n);
    ig_tf_bind(l, "full", full);
    ig_tf_bind(l, "size", size);
    ig_tf_bind(l, "whole", ig_tf_v(l, "Shape<start=2>(full)"));
    if (w->same) {
        ig_tf_bind(l, "stride", ig_tf_i64s(l, w->stride, w->n));
        ig_tf_bind(l, "over", ig_tf_v(l, "Mod(size, stride)"));
        ig_tf_bind(l, "from",
                   ig_tf_v(l, "Max([%s] - Where(Equal(over, 0i), stride, over), 0i) / 2i", ig_tf_join(l, reach, w->n)));
    } else {
        ig_tf_bind(l, "from", ig_tf_i64s(l, w->before, w->n));
    }
    ig_tf_bind(l, "none", ig_tf_v(l, "from - from"));
    ig_tf_bind(l, "wide", ig_tf_v(l, "Pad(full, Concat<axis=0>(none, Max(from + size - whole, 0i)), _, [%s])", list));
    return ig_tf_v(l, "Slice(wide, from, from + size, [%s])", list);
}

/* rule->to: input 0 is the size of the result ("sizes"), or has it ("like"). Weights [kernel…, out, in]. */
ig_status ig_tf_lower_conv_transpose(ig_lower *l) {
    ig_tf_window w = {.n = 0};
    bool depthwise = ig_tf_rule_arg(l) == 1, like = strcmp(l->rule->to, "like") == 0;
    int64_t perm[IG_MAX_RANK], total[IG_MAX_RANK], pads[2 * IG_TF_MAX_WINDOW] = {0}, extra[IG_TF_MAX_WINDOW];
    int rank;
    size_t n_total;
    char attributes[400], shape[100];
    ig_value *filter = ig_tf_in(l, 1);
    IG_TRY(ig_tf_need_rank(l, 2, &rank));
    IG_TRY(ig_tf_read_window(l, rank, "strides", "dilations", &w));
    for (size_t i = 0; i < w.n; i++) {
        w.kernel[i] = ig_tf_dim_of(filter, (int)i);
        perm[2 + i] = (int64_t)i;
        if (w.kernel[i] < 0) return ig_lower_refuse(l, "the size of its kernel is unknown");
    }
    perm[0] = depthwise ? (int64_t)w.n : (int64_t)w.n + 1;
    perm[1] = depthwise ? (int64_t)w.n + 1 : (int64_t)w.n;
    int64_t channels = ig_tf_dim_of(filter, -2), times = ig_tf_dim_of(filter, -1);
    snprintf(shape, sizeof shape, "[%lld, 1, %s]", (long long)(channels * times), ig_tf_join(l, w.kernel, w.n));
    ig_value *k = weights(l, filter, perm, w.n + 2, depthwise ? shape : NULL);
    ig_value *x = ig_tf_to_first(l, ig_tf_in(l, 2), rank);
    ig_tf_bind(l, "size", ig_tf_v(l, like ? "Shape(x0)" : "i64(x0)"));
    ig_value *size =
        ig_tf_v(l, "Slice(size, [%d], [%d])", ig_tf_channels_first(l) ? 2 : 1, ig_tf_channels_first(l) ? rank : rank - 1);
    if (ig_tf_dim_of(ig_sketch_get(ig_tf_s(l), "size"), 0) == (int64_t)w.n) size = ig_sketch_get(ig_tf_s(l), "size");
    bool exact = ig_tf_ints(l, size, total, IG_MAX_RANK, &n_total) && n_total == w.n;
    for (size_t i = 0; i < w.n && exact; i++) {
        int64_t in = ig_tf_dim_of(x, (int)i + 2), reach = ig_tf_reach(&w, i), over;
        if (in < 0) exact = false;
        if (w.same) {
            over = reach - (total[i] % w.stride[i] ? total[i] % w.stride[i] : w.stride[i]);
            w.before[i] = over > 0 ? over / 2 : 0;
        }
        /* Behind, whatever is missing: as padding when there is too much. */
        extra[i] = total[i] - ((in - 1) * w.stride[i] + reach - w.before[i]);
        pads[i] = w.before[i];
        pads[w.n + i] = extra[i] < 0 ? -extra[i] : 0;
        extra[i] = extra[i] < 0 ? 0 : extra[i];
        exact = exact && extra[i] < ig_max_i64(w.stride[i], w.dilation[i]);
    }
    if (!exact) memset(pads, 0, sizeof pads);
    snprintf(attributes, sizeof attributes, "kernel_shape=[%s], strides=[%s], dilations=[%s], pads=[%s], group=%lld",
             ig_tf_join(l, w.kernel, w.n), ig_tf_join(l, w.stride, w.n), ig_tf_join(l, w.dilation, w.n),
             ig_tf_join(l, pads, 2 * w.n), depthwise ? (long long)channels : 1LL);
    if (exact) {
        size_t used = strlen(attributes);
        snprintf(attributes + used, sizeof attributes - used, ", output_padding=[%s]", ig_tf_join(l, extra, w.n));
    }
    ig_value *v = ig_tf_node1(l, NULL, "ConvTranspose", attributes, (ig_value *[]){x, k}, 2);
    if (!exact) v = cut_to_size(l, v, &w, size);
    ig_tf_out(l, 0, ig_tf_to_last(l, v, rank));
    return IG_OK;
}

/* ----------------------------------------------------------------------------------------------------------------- pools */

static ig_status read_pool(ig_lower *l, int *rank, ig_tf_window *w) {
    size_t n = 0;
    int64_t size[IG_MAX_RANK], stride[IG_MAX_RANK];
    IG_TRY(ig_tf_need_rank(l, 0, rank));
    if (ig_tf_rule_arg(l) == 1) { /* MaxPoolV2: both are inputs */
        IG_TRY(ig_tf_need_ints(l, 1, size, IG_MAX_RANK, &n));
        IG_TRY(ig_tf_need_ints(l, 2, stride, IG_MAX_RANK, &n));
        if (!ig_attr_put_ints(l->node, "ksize", size, n) || !ig_attr_put_ints(l->node, "strides", stride, n))
            return ig_oom(l->err);
    }
    IG_TRY(ig_tf_read_window(l, *rank, "ksize", "dilations", w));
    memcpy(w->kernel, w->stride, sizeof w->kernel);
    return ig_tf_read_window(l, *rank, "strides", "dilations", w);
}

/* Pools all over the channels, which ONNX can't: [1, 1, 1, k]. */
ig_status ig_tf_lower_pool(ig_lower *l) {
    ig_tf_window w = {.n = 0};
    int rank;
    IG_TRY(read_pool(l, &rank, &w));
    ig_value *x = ig_tf_to_first(l, ig_tf_in(l, 0), rank);
    const char *attributes = ig_tf_window_attributes(l, x, &w, false);
    ig_tf_out(l, 0, ig_tf_to_last(l, ig_tf_node1(l, NULL, l->rule->to, attributes, &x, 1), rank));
    return IG_OK;
}

/* The places of the greatest are numbers of elements of an image with channels last. */
ig_status ig_tf_lower_pool_argmax(ig_lower *l) {
    ig_tf_window w = {.n = 0};
    int rank;
    ig_dtype index = ig_tf_attr_dtype(l, "Targmax");
    IG_TRY(read_pool(l, &rank, &w));
    if (rank != 4) return ig_lower_refuse(l, "its input is no batch of images");
    int64_t perm[] = {0, 3, 1, 2}, back[] = {0, 2, 3, 1};
    ig_value *x = ig_tf_transpose(l, ig_tf_in(l, 0), perm, 4);
    ig_node *n = ig_sketch_node(ig_tf_s(l), NULL, "MaxPool", ig_tf_window_attributes(l, x, &w, false), &x, 1, 2);
    ig_tf_out(l, 0, ig_tf_transpose(l, ig_tf_nth(n, 0), back, 4));
    ig_tf_bind(l, "i", ig_tf_transpose(l, ig_tf_nth(n, 1), back, 4));
    ig_tf_bind(l, "s", ig_tf_v(l, "Shape(x0)"));
    ig_tf_bind(l, "c", ig_tf_v(l, "Gather(s, 3i)"));
    ig_tf_bind(l, "area", ig_tf_v(l, "Gather(s, 1i) * Gather(s, 2i)"));
    ig_tf_bind(l, "at", ig_tf_v(l, "Mod(i, area) * c + Range(0i, c, 1i)"));
    if (ig_tf_int_attr(l, "include_batch_in_index"))
        ig_tf_bind(l, "at", ig_tf_v(l, "at + Reshape(Range(0i, Gather(s, 0i), 1i), [-1, 1, 1, 1]) * (area * c)"));
    ig_tf_out(l, 1, ig_tf_cast(l, ig_tf_v(l, "Identity(at)"), index ? index : IG_I64));
    return IG_OK;
}

/* The places that each element of the kernel sees, one after the other: the value (padded, channels first) from an offset on.
 */
static ig_value *seen_by(ig_lower *l, const ig_tf_window *w, const int64_t *at) {
    int64_t from[IG_TF_MAX_WINDOW], to[IG_TF_MAX_WINDOW], axes[IG_TF_MAX_WINDOW];
    for (size_t i = 0; i < w->n; i++) {
        int64_t behind = ig_tf_reach(w, i) - 1 - at[i] * w->dilation[i];
        from[i] = at[i] * w->dilation[i];
        to[i] = behind ? -behind : INT64_MAX;
        axes[i] = (int64_t)i + 2;
    }
    return ig_tf_v(l, "Slice(padded, [%s], [%s], [%s], [%s])", ig_tf_join(l, from, w->n), ig_tf_join(l, to, w->n),
                   ig_tf_join(l, axes, w->n), ig_tf_join(l, w->stride, w->n));
}

/* The next element of the kernel; false after the last. */
static bool next_place(const ig_tf_window *w, int64_t *at) {
    for (size_t i = w->n; i-- > 0;) {
        if (++at[i] < w->kernel[i]) return true;
        at[i] = 0;
    }
    return false;
}

enum { MOST_PLACES = 1024 };

static bool is_too_large(const ig_tf_window *w) {
    int64_t n = 1;
    for (size_t i = 0; i < w->n; i++) n = n > MOST_PLACES || w->kernel[i] > MOST_PLACES ? MOST_PLACES + 1 : n * w->kernel[i];
    return n > MOST_PLACES;
}

/* Greatest sum of image and filter [kernel…, channels]. */
ig_status ig_tf_lower_dilation(ig_lower *l) {
    ig_tf_window w = {.n = 0};
    int64_t at[IG_TF_MAX_WINDOW] = {0};
    ig_value *best = NULL;
    IG_TRY(ig_tf_read_window(l, 4, "strides", "rates", &w));
    for (size_t i = 0; i < w.n; i++)
        if ((w.kernel[i] = ig_tf_dim_of(ig_tf_in(l, 1), (int)i)) < 1)
            return ig_lower_refuse(l, "the size of its filter is unknown");
    if (is_too_large(&w)) return ig_lower_refuse(l, "its filter is very large");
    ig_dtype t = ig_tf_dtype_of(ig_tf_in(l, 0));
    ig_value *x = ig_tf_to_first(l, ig_tf_in(l, 0), 4);
    ig_tf_bind(l, "padded", ig_tf_pad_window(l, x, &w, ig_tf_scalar(l, t, t == IG_F16 ? -65504 : -3e38)));
    do {
        ig_tf_bind(l, "seen", seen_by(l, &w, at));
        ig_tf_bind(l, "sum",
                   ig_tf_v(l, "seen + Reshape(Slice(x1, [%lld, %lld], [%lld, %lld], [0, 1]), [-1, 1, 1])", (long long)at[0],
                           (long long)at[1], (long long)at[0] + 1, (long long)at[1] + 1));
        ig_tf_bind(l, "best", best);
        best = best ? ig_tf_v(l, "Max(best, sum)") : ig_sketch_get(ig_tf_s(l), "sum");
    } while (next_place(&w, at));
    ig_tf_out(l, 0, ig_tf_to_last(l, best, 4));
    return IG_OK;
}

/* What the kernel sees, as channels: element by element, each with all channels. */
ig_status ig_tf_lower_patches(ig_lower *l) {
    ig_tf_window w = {.n = 0};
    int rank;
    int64_t at[IG_TF_MAX_WINDOW] = {0};
    ig_value *parts[MOST_PLACES];
    size_t n = 0;
    IG_TRY(ig_tf_need_rank(l, 0, &rank));
    IG_TRY(ig_tf_read_window(l, rank, l->rule->to, "rates", &w));
    memcpy(w.kernel, w.stride, sizeof w.kernel);
    IG_TRY(ig_tf_read_window(l, rank, "strides", "rates", &w));
    if (is_too_large(&w)) return ig_lower_refuse(l, "its patches are very large");
    ig_value *x = ig_tf_to_first(l, ig_tf_in(l, 0), rank);
    ig_tf_bind(l, "padded", ig_tf_pad_window(l, x, &w, ig_tf_scalar(l, ig_tf_dtype_of(x), 0)));
    do parts[n++] = seen_by(l, &w, at);
    while (next_place(&w, at));
    ig_tf_out(l, 0, ig_tf_to_last(l, n == 1 ? parts[0] : ig_tf_node1(l, NULL, "Concat", "axis=1", parts, n), rank));
    return IG_OK;
}

/* --------------------------------------------------------------------------------------------------------- normalization */

ig_status ig_tf_lower_bias_add(ig_lower *l) {
    int rank = ig_tf_rank_of(ig_tf_in(l, 0));
    if (ig_tf_channels_first(l) && rank < 0) return ig_lower_refuse(l, "the rank of input 0 is unknown");
    ig_tf_bind(l, "b", per_channel(l, ig_tf_in(l, 1), rank));
    return ig_tf_text(l, "y = x0 + b");
}

/* In training the batch says mean and variance; the variance that comes out is that of a sample. */
static ig_status norm_of_batch(ig_lower *l, int rank) {
    int64_t axes[IG_MAX_RANK];
    size_t n = 0;
    for (int i = 0; i < rank; i++)
        if (i != (ig_tf_channels_first(l) ? 1 : rank - 1)) axes[n++] = i;
    const char *list = ig_tf_join(l, axes, n);
    ig_tf_bind(l, "v", ig_tf_v(l, "CastLike(x0, x1)"));
    ig_tf_bind(l, "mean", ig_tf_v(l, "ReduceMean(v, [%s])", list));
    ig_tf_bind(l, "d", ig_tf_v(l, "v - mean"));
    ig_tf_bind(l, "var", ig_tf_v(l, "ReduceMean(d * d, [%s])", list));
    ig_tf_bind(l, "scale", per_channel(l, ig_tf_in(l, 1), rank));
    ig_tf_bind(l, "offset", per_channel(l, ig_tf_in(l, 2), rank));
    ig_tf_bind(l, "n", ig_tf_v(l, "CastLike(Size(x0) / Size(mean), x1)"));
    return ig_tf_text(
        l, "y0 = CastLike(d / Sqrt(var + CastLike(@epsilon, x1)) * scale + offset, x0); y1 = Reshape(mean, [-1]);"
           "y2 = Reshape(var * (n / Max(n - CastLike(1, x1), CastLike(1, x1))), [-1]); y3 = Identity(y1); y4 = Identity(y2)");
}

/* Input, scale, offset, mean, variance. */
ig_status ig_tf_lower_batch_norm(ig_lower *l) {
    int rank;
    char attributes[64];
    ig_value *in[5], *y;
    IG_TRY(ig_tf_need_rank(l, 0, &rank));
    if (ig_tf_int_attr(l, "num_side_inputs") > 0) return ig_lower_refuse(l, "it has a side input");
    if (ig_tf_int_attr(l, "is_training")) return norm_of_batch(l, rank);
    for (uint32_t i = 1; i < 5; i++) in[i] = ig_tf_in(l, i);
    in[0] = ig_tf_to_first(l, ig_tf_in(l, 0), rank);
    snprintf(attributes, sizeof attributes, "epsilon=%#.9g", (double)ig_attr_float(l->node, "epsilon"));
    y = ig_tf_to_last(l, ig_tf_node1(l, NULL, "BatchNormalization", attributes, in, 5), rank);
    ig_tf_bind(l, "v", y);
    if (ig_tf_attr_is(l, "activation_mode", "Relu")) y = ig_tf_v(l, "Relu(v)");
    ig_tf_out(l, 0, y);
    for (uint32_t i = 1; i < 5; i++)
        if (ig_tf_wanted(l, i)) ig_tf_out(l, i, ig_tf_v(l, i % 2 ? "Identity(x3)" : "Identity(x4)"));
    return IG_OK;
}

/* Input, mean, variance, beta, gamma. */
ig_status ig_tf_lower_global_norm(ig_lower *l) {
    if (!ig_tf_int_attr(l, "scale_after_normalization"))
        return ig_tf_text(l, "y = (x0 - x1) / Sqrt(x2 + @variance_epsilon) + x3");
    return ig_tf_text(l, "y = (x0 - x1) * (x4 / Sqrt(x2 + @variance_epsilon)) + x3");
}

ig_status ig_tf_lower_lrn(ig_lower *l) {
    char attributes[160];
    int64_t radius = ig_tf_int_attr(l, "depth_radius"), size = 2 * radius + 1, perm[] = {0, 3, 1, 2}, back[] = {0, 2, 3, 1};
    if (radius < 0 || radius > 1 << 20) return ig_lower_refuse(l, "its depth_radius is out of range");
    snprintf(attributes, sizeof attributes, "size=%lld, bias=%#.9g, alpha=%#.9g, beta=%#.9g", (long long)size,
             (double)ig_attr_float(l->node, "bias"), (double)ig_attr_float(l->node, "alpha") * (double)size,
             (double)ig_attr_float(l->node, "beta"));
    ig_value *x = ig_tf_transpose(l, ig_tf_in(l, 0), perm, 4);
    ig_tf_out(l, 0, ig_tf_transpose(l, ig_tf_node1(l, NULL, "LRN", attributes, &x, 1), back, 4));
    return IG_OK;
}

/* Scores [time, batch, classes] and lengths to the best class of each step, without blanks and repetitions. */
ig_status ig_tf_lower_ctc_greedy(ig_lower *l) {
    bool merge = ig_tf_int_attr(l, "merge_repeated") != 0;
    ig_tf_bind(l, "n", ig_tf_v(l, "Gather(Shape(x0), 0i)"));
    ig_tf_bind(l, "blank",
               ig_tf_v(l, "%lldi + Where(Less(%lldi, 0i), Gather(Shape(x0), 2i), 0i)",
                       (long long)ig_tf_int_attr(l, "blank_index"), (long long)ig_tf_int_attr(l, "blank_index")));
    ig_tf_bind(l, "best", ig_tf_v(l, "Transpose<perm=[1, 0]>(ArgMax<axis=2, keepdims=0>(x0))"));
    ig_tf_bind(l, "before", ig_tf_v(l, "Slice(Pad(best, [0, 1, 0, 0], -1i), [0], [-1], [1])"));
    ig_tf_bind(l, "in", ig_tf_v(l, "Less(Range(0i, n, 1i), Unsqueeze(i64(x1), [1]))"));
    ig_tf_bind(l, "keep", ig_tf_v(l, "And(in, Not(Equal(best, blank)))"));
    if (merge) ig_tf_bind(l, "keep", ig_tf_v(l, "And(keep, Not(Equal(best, before)))"));
    return ig_tf_text(
        l, "count = Cast<to=int64>(keep); place = CumSum<exclusive=1>(count, 1i);"
           "row = Expand(Unsqueeze(Range(0i, Gather(Shape(best), 0i), 1i), [1]), Shape(best)); flat = Reshape(keep, [-1]);"
           "y0 = Concat<axis=1>(Unsqueeze(Compress(row, flat), [1]), Unsqueeze(Compress(place, flat), [1]));"
           "y1 = Compress(best, flat); most = ReduceMax<keepdims=1>(ReduceSum<keepdims=0>(count, [1]), [0]);"
           "y2 = Concat<axis=0>(Shape<end=1>(best), most);"
           "score = Transpose<perm=[1, 0]>(ReduceMax<keepdims=0>(x0, [2])); y3 = -ReduceSum<keepdims=1>(Where(in, score, 0), "
           "[1])");
}
