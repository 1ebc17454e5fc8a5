/* The operators of blocked tensors (kernels/blocked), which the pass block-layout makes of convolutions and pools: Block and
 * Unblock change the order of channels, the others compute in it. Weights and all quantization are constants.
 *
 *     X  images x channels x height x width          blocked  images x blocks x height x width x channels of a block */
#include "kernels/blocked/winograd.h"
#include "ops/nn/activate.h"
#include "ops/nn/window.h"

#include <math.h>

static ig_dim blocks_of(const ig_dim channels, int64_t width) {
    return ig_dim_known(channels) ? ig_dim_of((channels.value + width - 1) / width) : ig_dim_unknown();
}

static ig_status infer_block(ig_infer *c) {
    ig_shape x;
    int64_t width = ig_attr_int(c->node, "width");
    if (width != IG_BLOCK && width != 4) return ig_infer_fail(c, "attribute width is %lld", (long long)width);
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, ig_infer_dtype(c, 0), NULL);
    if (x.rank != 4) return ig_infer_fail(c, "the input has rank %d, not 4", x.rank);
    ig_shape y = {.rank = 5, .dims = {x.dims[0], blocks_of(x.dims[1], width), x.dims[2], x.dims[3], ig_dim_of(width)}};
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &y);
}

static ig_status infer_unblock(ig_infer *c) {
    ig_shape x;
    int64_t channels = ig_attr_int(c->node, "channels");
    if (channels < 0) return ig_infer_fail(c, "attribute channels is %lld", (long long)channels);
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, ig_infer_dtype(c, 0), NULL);
    if (x.rank != 5) return ig_infer_fail(c, "the input has rank %d, not 5", x.rank);
    if (ig_dim_known(x.dims[1]) && ig_dim_known(x.dims[4]) &&
        (x.dims[4].value < 1 || blocks_of(ig_dim_of(channels), x.dims[4].value).value != x.dims[1].value))
        return ig_infer_fail(c, "%lld channels don't fill %lld blocks", (long long)channels, (long long)x.dims[1].value);
    ig_shape y = {.rank = 4, .dims = {x.dims[0], ig_dim_of(channels), x.dims[2], x.dims[3]}};
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &y);
}

static ig_status run_order(ig_call *c, const ig_tensor *plain, const ig_tensor *blocked) {
    size_t size = ig_dtype_bytes(plain->dtype), places = (size_t)(plain->dims[2] * plain->dims[3]),
           width = (size_t)blocked->dims[4];
    bool to = plain == c->out[0];
    if (c->out[0]->count == 0) return IG_OK;
    (to ? ig_blocked_to : ig_blocked_from)(c->threads, size, (size_t)plain->dims[0], (size_t)plain->dims[1], places, width,
                                           c->in[0]->data, c->out[0]->data);
    return IG_OK;
}

static ig_status run_block(ig_call *c) { return run_order(c, c->in[0], c->out[0]); }
static ig_status run_unblock(ig_call *c) { return run_order(c, c->out[0], c->in[0]); }

/* ------------------------------------------------------------------------------------------------------------ convolution */

/* Where the weight and its company are among the inputs. */
static size_t weight_of(const ig_node *node) { return node->schema->name[7] == 'Q' ? 3 : 1; }
static bool is_bytes(const ig_node *node) { return weight_of(node) == 3; }

/* Rank 5 with places as the window has them. */
static ig_status infer_window(ig_infer *c, const ig_shape *x, const int64_t *kernel, ig_dim blocks, ig_dtype dtype) {
    char why[200];
    ig_window_rule rule;
    if (!ig_window_rule_of(&rule, c->node, 2, kernel, why, sizeof why)) return ig_infer_fail(c, "%s", why);
    ig_shape y = {.rank = 5, .dims = {x->dims[0], blocks}};
    for (int k = 0; k < 2; k++) {
        y.dims[k + 2] = ig_window_positions(c->syms, &rule, k, x->dims[k + 2]);
        if (ig_dim_known(y.dims[k + 2]) && y.dims[k + 2].value < 0)
            return ig_infer_fail(c, "the window is larger than the padded input along dim %d", k + 2);
    }
    y.dims[4] = ig_dim_of(IG_BLOCK);
    return ig_infer_set(c, 0, dtype, &y);
}

static ig_status infer_conv(ig_infer *c) {
    ig_shape x, w;
    ig_dtype dtype = ig_infer_dtype(c, is_bytes(c->node) ? 7 : 0);
    int64_t group = ig_attr_int(c->node, "group");
    if (!ig_infer_shape(c, 0, &x) || !ig_infer_shape(c, weight_of(c->node), &w)) return ig_infer_set(c, 0, dtype, NULL);
    if (x.rank != 5 || w.rank != 4)
        return ig_infer_fail(c, "input and weight have ranks %d and %d, not 5 and 4", x.rank, w.rank);
    for (int k = 0; k < 4; k++)
        if (!ig_dim_known(w.dims[k]) || w.dims[k].value < 1) return ig_infer_fail(c, "the weight has no fixed shape");
    if (group < 1 || w.dims[0].value % group) return ig_infer_fail(c, "attribute group is %lld", (long long)group);
    int64_t channels;
    if (__builtin_mul_overflow(w.dims[1].value, group, &channels)) return ig_infer_fail(c, "too many channels");
    if (!ig_blocked_fits((size_t)group, (size_t)w.dims[1].value, (size_t)(w.dims[0].value / group)))
        return ig_infer_fail(c, "groups don't come in whole blocks");
    if (ig_dim_known(x.dims[4]) && x.dims[4].value != IG_BLOCK && (x.dims[4].value != 4 || channels > 4))
        return ig_infer_fail(c, "blocks have %lld channels", (long long)x.dims[4].value);
    int64_t width = ig_dim_known(x.dims[4]) ? x.dims[4].value : IG_BLOCK;
    if (ig_dim_known(x.dims[1]) && x.dims[1].value != (channels + width - 1) / width)
        return ig_infer_fail(c, "the weight has %lld channels, the input has %lld blocks", (long long)channels,
                             (long long)x.dims[1].value);
    int64_t kernel[2] = {w.dims[2].value, w.dims[3].value};
    return infer_window(c, &x, kernel, blocks_of(w.dims[0], IG_BLOCK), dtype);
}

/* Everything in whole blocks, weights last. */
typedef struct state {
    size_t bias, scale, packed; /* offsets; scale 0: floats */
    float zero;
    int fill;
    bool winograd;
    _Alignas(64) char data[];
} state;

static bool is_constant(const ig_prepare *p, size_t i, size_t count, size_t also) {
    const ig_tensor *t = i < p->n_in ? p->in[i] : NULL;
    return t && t->kind == IG_KIND_TENSOR && (t->count == count || t->count == also);
}

/* Inputs of the quantized form are all constant and fit filters: scales, zero points; weights can be int8 without zero point.
 */
static bool can_quantize(const ig_prepare *p, size_t filters) {
    bool fits = is_constant(p, 1, 1, 1) && is_constant(p, 2, 1, 1) && is_constant(p, 4, filters, 1) &&
                is_constant(p, 5, filters, 1) && is_constant(p, 6, 1, 1) && is_constant(p, 7, 1, 1) && p->in[2]->dtype == IG_U8;
    return fits && (p->n_in < 9 || !p->node->in[8] || is_constant(p, 8, filters, filters));
}

static double entry(const ig_tensor *t, size_t i) { return ig_load_as_f64(t->dtype, t->data, t->count == 1 ? 0 : i); }

/* Weights less their zero points, which must stay in 8 bits; the bias takes up the input's zero point. */
static bool quantized_weights(const ig_prepare *p, int8_t *w, int32_t *bias, float *scale) {
    const ig_tensor *t = p->in[3];
    size_t filters = (size_t)t->dims[0], each = t->count / filters;
    uint32_t zero = (uint32_t)(int32_t)entry(p->in[2], 0);
    for (size_t f = 0; f < filters; f++) {
        int64_t own = (int64_t)entry(p->in[5], f), sum = 0;
        for (size_t i = f * each; i < (f + 1) * each; i++) {
            int64_t v = ig_load_as_i64(t->dtype, t->data, i) - own;
            if (v < -128 || v > 127) return false;
            w[i] = (int8_t)v;
            sum += v;
        }
        uint32_t b = p->n_in > 8 && p->in[8] ? (uint32_t)(int32_t)entry(p->in[8], f) : 0;
        bias[f] = (int32_t)(b - zero * (uint32_t)sum);
        scale[f] = (float)entry(p->in[1], 0) * (float)entry(p->in[4], f) / (float)entry(p->in[6], 0);
    }
    return true;
}

/* Sizes that are known before the first run decide which way to convolve. */
static bool suits_winograd(const ig_prepare *p, ig_blocked_conv *conv) {
    const ig_type *x = p->types[0];
    ig_window_rule rule;
    char why[200];
    if (!x || !ig_type_static(x) || x->rank != 5 || x->dims[4].value != IG_BLOCK) return false;
    int64_t in[2] = {x->dims[2].value, x->dims[3].value};
    conv->images = (size_t)x->dims[0].value;
    int64_t kernel[2] = {conv->window.kernel[0], conv->window.kernel[1]};
    ig_blocked_conv with = *conv;
    if (!ig_window_rule_of(&rule, p->node, 2, kernel, why, sizeof why) || !ig_window_on(&with.window, &rule, in)) return false;
    return ig_winograd_suits(&with);
}

static ig_status prepare_conv(ig_prepare *p) {
    size_t wi = weight_of(p->node), bi = wi == 3 ? 8 : 2;
    const ig_tensor *w = p->in[wi], *b = bi < p->n_in ? p->in[bi] : NULL;
    bool bytes = wi == 3, has_bias = bi < p->n_in && p->node->in[bi];
    int64_t group = ig_attr_int(p->node, "group");
    if (!w || w->kind != IG_KIND_TENSOR || w->rank != 4 || w->count == 0 || group < 1 || w->dims[0] % group) return IG_OK;
    size_t filters = (size_t)w->dims[0], size;
    if (bytes ? !can_quantize(p, filters) || (w->dtype != IG_I8 && w->dtype != IG_U8) : w->dtype != IG_F32) return IG_OK;
    if (has_bias && (!b || b->count != filters || b->dtype != (bytes ? IG_I32 : IG_F32))) return IG_OK;
    ig_blocked_conv conv = {
        .bytes = bytes, .groups = (size_t)group, .channels = (size_t)w->dims[1], .filters = filters / (size_t)group};
    conv.window = (ig_window){.dims = 2, .kernel = {w->dims[2], w->dims[3]}};
    const ig_kernels *kernels = ig_kernels_of(p->context);
    conv.tiles = bytes ? kernels->qblocked : kernels->blocked;
    conv.winograd = suits_winograd(p, &conv);
    if (!ig_blocked_fits(conv.groups, conv.channels, conv.filters) || !ig_blocked_packed(&conv, &size)) return IG_OK;
    size_t room = ig_round_up(ig_blocks(filters) * IG_BLOCK * 4, 64);
    state *s = ig_calloc(p->context, sizeof *s + 2 * room + size);
    int8_t *narrow = bytes ? ig_alloc(p->context, w->count) : NULL;
    if (!s || (bytes && !narrow)) {
        ig_release(p->context, s);
        ig_release(p->context, narrow);
        return ig_oom(p->err);
    }
    s->packed = 2 * room;
    s->winograd = conv.winograd;
    if (bytes) {
        s->scale = room;
        s->zero = (float)entry(p->in[7], 0);
        s->fill = (int)entry(p->in[2], 0);
        if (!quantized_weights(p, narrow, (int32_t *)(void *)s->data, (float *)(void *)(s->data + room))) {
            ig_release(p->context, s);
            ig_release(p->context, narrow);
            return IG_OK; /* the run says so */
        }
    } else if (b)
        for (size_t i = 0; i < filters; i++)
            ((float *)(void *)s->data)[i] = ig_load_f32((const char *)b->data + i * sizeof(float));
    ig_blocked_pack(&conv, bytes ? narrow : w->data, s->data + s->packed);
    ig_release(p->context, narrow);
    p->taken[wi] = true;
    p->state = s;
    return IG_OK;
}

static void set_activation(ig_blocked_conv *conv, const ig_activation *a) {
    conv->min = -INFINITY;
    conv->max = INFINITY;
    if (a->kind == IG_ACT_RELU)
        conv->min = 0;
    else if (a->kind == IG_ACT_CLIP)
        conv->min = a->alpha, conv->max = a->beta;
    else if (a->kind != IG_ACT_NONE) {
        conv->post = ig_activate_f32;
        conv->post_arg = a;
    }
}

static ig_status run_conv(ig_call *c) {
    const ig_tensor *x = c->in[0], *w = c->in[weight_of(c->node)], *add = !is_bytes(c->node) && c->n_in > 3 ? c->in[3] : NULL;
    const state *s = c->state;
    ig_tensor *y = c->out[0];
    ig_activation activation;
    if (!s) return ig_call_fail(c, "weights, bias and quantization must be constants that fit");
    if (x->rank != 5 || w->rank != 4) return ig_call_fail(c, "the input has rank %d, not 5", x->rank);
    if (s->winograd && x->dims[4] != IG_BLOCK) return ig_call_fail(c, "blocks have %lld channels", (long long)x->dims[4]);
    size_t group = (size_t)ig_attr_int(c->node, "group");
    bool bytes = is_bytes(c->node);
    if (x->dtype != (bytes ? IG_U8 : IG_F32)) return ig_call_no_kernel(c, x->dtype);
    if (add && (add->rank != y->rank || memcmp(add->dims, y->dims, (size_t)y->rank * sizeof *y->dims) != 0))
        return ig_call_fail(c, "what is added has another shape than the result");
    const ig_kernels *kernels = ig_kernels_of(c->context);
    ig_blocked_conv conv = {.tiles = bytes ? kernels->qblocked : kernels->blocked,
                            .bytes = bytes,
                            .winograd = s->winograd,
                            .images = (size_t)x->dims[0],
                            .groups = group,
                            .channels = (size_t)w->dims[1],
                            .filters = (size_t)w->dims[0] / group,
                            .x_width = (size_t)x->dims[4],
                            .x = x->data,
                            .packed = s->data + s->packed,
                            .bias = s->data,
                            .add = add ? add->data : NULL,
                            .scale = s->scale ? (const float *)(const void *)(s->data + s->scale) : NULL,
                            .zero = s->zero,
                            .is_signed = y->dtype == IG_I8,
                            .fill = s->fill,
                            .y = y->data};
    IG_TRY(ig_window_of_call(c, &conv.window, 2, x->dims + 2, w->dims + 2));
    IG_TRY(ig_activation_of_call(c, &activation));
    set_activation(&conv, &activation);
    if (y->count == 0) return IG_OK;
    size_t room;
    void *scratch = NULL;
    if (ig_blocked_scratch(c->threads, &conv, &room)) scratch = ig_call_scratch(c, room);
    if (!scratch) return ig_oom(c->err);
    ig_blocked_run(c->threads, &conv, scratch);
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------------- pool */

static ig_status infer_pool(ig_infer *c) {
    ig_shape x;
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, ig_infer_dtype(c, 0), NULL);
    if (x.rank != 5 || (ig_dim_known(x.dims[4]) && x.dims[4].value != IG_BLOCK))
        return ig_infer_fail(c, "the input isn't in blocks of %d channels", IG_BLOCK);
    return infer_window(c, &x, NULL, x.dims[1], ig_infer_dtype(c, 0));
}

static ig_status run_pool(ig_call *c) {
    const ig_tensor *x = c->in[0];
    const ig_kernels *kernels = ig_kernels_of(c->context);
    if (x->dtype != IG_F32 && x->dtype != IG_U8) return ig_call_no_kernel(c, x->dtype);
    size_t channels = (size_t)x->dims[1] * IG_BLOCK, room;
    ig_blocked_conv pool = {.tiles = x->dtype == IG_U8 ? kernels->qblocked : kernels->blocked,
                            .bytes = x->dtype == IG_U8,
                            .images = (size_t)x->dims[0],
                            .groups = 1,
                            .channels = channels,
                            .filters = channels,
                            .x_width = IG_BLOCK,
                            .x = x->data,
                            .float_fill = -INFINITY,
                            .y = c->out[0]->data};
    IG_TRY(ig_window_of_call(c, &pool.window, 2, x->dims + 2, NULL));
    if (c->out[0]->count == 0) return IG_OK;
    void *scratch = NULL;
    if (ig_blocked_max_scratch(c->threads, &pool, &room)) scratch = ig_call_scratch(c, room);
    if (!scratch) return ig_oom(c->err);
    ig_blocked_max(c->threads, &pool, scratch);
    return IG_OK;
}

const ig_op ig_op_own_block = {"igata", "Block", 1, 0, 0, infer_block, run_block, NULL, NULL};
const ig_op ig_op_own_unblock = {"igata", "Unblock", 1, 0, 0, infer_unblock, run_unblock, NULL, NULL};
const ig_op ig_op_own_conv = {"igata", "BlockedConv", 1, 0, 0, infer_conv, run_conv, prepare_conv, NULL};
const ig_op ig_op_own_qlinear_conv = {"igata", "BlockedQLinearConv", 1, 0, 0, infer_conv, run_conv, prepare_conv, NULL};
const ig_op ig_op_own_max_pool = {"igata", "BlockedMaxPool", 1, 0, 0, infer_pool, run_pool, NULL, NULL};
