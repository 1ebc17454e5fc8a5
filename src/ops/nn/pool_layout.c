/* Pools of quantized tensors in com.microsoft, with the channels first or last: QLinearAveragePool, QLinearGlobalAveragePool,
 * NhwcMaxPool. */
#include "ops/loops/real.h"
#include "ops/nn/pool.h"

static bool is_last(const ig_node *node) { return ig_attr_int(node, "channels_last") != 0; }

/* How input 0 lies: images of `channels` planes of `places`. */
typedef struct layout {
    bool last;
    size_t images, channels, places;
    int dims;
    int64_t space[IG_MAX_RANK];
} layout;

static ig_status layout_of(ig_call *c, bool last, layout *l) {
    const ig_tensor *x = c->in[0];
    if (x->rank < 3) return ig_call_fail(c, "the input has rank %d: images, channels and space are needed", x->rank);
    *l = (layout){.last = last, .images = (size_t)x->dims[0], .places = 1, .dims = x->rank - 2};
    l->channels = (size_t)x->dims[last ? x->rank - 1 : 1];
    for (int k = 0; k < l->dims; k++) {
        l->space[k] = x->dims[k + (last ? 1 : 2)];
        l->places *= (size_t)l->space[k];
    }
    return IG_OK;
}

/* Element `place` of a plane of a tensor with `places` of them. */
static size_t element(const layout *l, size_t places, size_t plane, size_t place) {
    return l->last ? (plane / l->channels * places + place) * l->channels + plane % l->channels : plane * places + place;
}

typedef struct scaling {
    float scale, zero;
} scaling;

static ig_status scaling_of(ig_call *c, size_t at, scaling *s) {
    *s = (scaling){1, 0};
    for (size_t i = at; i < at + 2 && i < c->n_in; i++) {
        const ig_tensor *t = c->in[i];
        if (!t) continue;
        if (t->count != 1) return ig_call_fail(c, "input %zu has %zu elements, one number is expected", i, t->count);
        *(i == at ? &s->scale : &s->zero) = (float)ig_load_as_f64(t->dtype, t->data, 0);
    }
    return IG_OK;
}

typedef struct job {
    layout l;
    const ig_tensor *x;
    ig_tensor *y;
    size_t out; /* places of a plane of y */
    float *in, *mean;
    const uint8_t *bytes_in; /* of NhwcMaxPool */
    uint8_t *bytes;
    scaling a, b;
} job;

static void load(void *arg, size_t begin, size_t end) {
    const job *j = arg;
    bool sign = j->x->dtype == IG_I8;
    const uint8_t *data = j->x->data;
    for (size_t plane = begin; plane < end; plane++)
        for (size_t i = 0; i < j->l.places; i++) {
            uint8_t v = data[element(&j->l, j->l.places, plane, i)];
            j->in[plane * j->l.places + i] = ((sign ? (float)(int8_t)v : (float)v) - j->a.zero) * j->a.scale;
        }
}

static void store(void *arg, size_t begin, size_t end) {
    const job *j = arg;
    bool sign = j->y->dtype == IG_I8;
    float low = sign ? -128 : 0, high = sign ? 127 : 255;
    for (size_t plane = begin; plane < end; plane++)
        for (size_t i = 0; i < j->out; i++) {
            float q = ig_round_f32(j->mean[plane * j->out + i] / j->b.scale) + j->b.zero;
            q = q > low ? q < high ? q : high : low; /* NaN: the lowest */
            ((uint8_t *)j->y->data)[element(&j->l, j->out, plane, i)] = (uint8_t)(int32_t)q;
        }
}

static ig_status run_mean(ig_call *c, const layout *l, const ig_window *w, bool padding) {
    size_t planes = l->images * l->channels;
    job j = {.l = *l, .x = c->in[0], .y = c->out[0], .out = ig_window_product(w, w->out)};
    if (j.x->dtype != IG_U8 && j.x->dtype != IG_I8) return ig_call_no_kernel(c, j.x->dtype);
    IG_TRY(scaling_of(c, 1, &j.a));
    IG_TRY(scaling_of(c, 3, &j.b));
    if (j.y->count == 0) return IG_OK;
    j.in = ig_call_scratch(c, j.x->count * sizeof(float));
    j.mean = ig_call_scratch(c, j.y->count * sizeof(float));
    if (!j.in || !j.mean) return ig_oom(c->err);
    size_t grain = 1 + 8192 / (l->places + 1);
    ig_parallel(c->threads, planes, grain, load, &j);
    IG_TRY(ig_pool_mean(c, w, padding, planes, j.in, j.mean));
    ig_parallel(c->threads, planes, grain, store, &j);
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------ QLinearAveragePool */

static ig_status infer_average(ig_infer *c) { return ig_pool_infer_layout(c, is_last(c->node)); }

static ig_status run_average(ig_call *c) {
    layout l;
    ig_window w;
    IG_TRY(layout_of(c, is_last(c->node), &l));
    IG_TRY(ig_window_of_call(c, &w, l.dims, l.space, NULL));
    return run_mean(c, &l, &w, ig_attr_int(c->node, "count_include_pad") != 0);
}

static ig_status infer_global(ig_infer *c) {
    ig_shape x;
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, ig_infer_dtype(c, 0), NULL);
    if (x.rank < 3) return ig_infer_fail(c, "the input has rank %d: images, channels and space are needed", x.rank);
    int first = is_last(c->node) ? 1 : 2;
    for (int k = 0; k < x.rank - 2; k++) x.dims[first + k] = ig_dim_of(1);
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &x);
}

static ig_status run_global(ig_call *c) {
    layout l;
    IG_TRY(layout_of(c, is_last(c->node), &l));
    ig_window w = {.dims = l.dims};
    for (int k = 0; k < l.dims; k++) {
        w.in[k] = l.space[k];
        w.kernel[k] = l.space[k] > 0 ? l.space[k] : 1;
        w.out[k] = w.stride[k] = w.dilation[k] = 1;
    }
    return run_mean(c, &l, &w, false);
}

/* ------------------------------------------------------------------------------------------------------------- NhwcMaxPool */

static ig_status infer_max(ig_infer *c) { return ig_pool_infer_layout(c, true); }

static void take(void *arg, size_t begin, size_t end) {
    const job *j = arg;
    for (size_t plane = begin; plane < end; plane++)
        for (size_t i = 0; i < j->l.places; i++)
            j->bytes[plane * j->l.places + i] = ((const uint8_t *)j->x->data)[element(&j->l, j->l.places, plane, i)];
}

static void give(void *arg, size_t begin, size_t end) {
    const job *j = arg;
    for (size_t plane = begin; plane < end; plane++)
        for (size_t i = 0; i < j->out; i++)
            ((uint8_t *)j->y->data)[element(&j->l, j->out, plane, i)] = j->bytes_in[plane * j->out + i];
}

static ig_status run_max(ig_call *c) {
    layout l;
    ig_window w;
    IG_TRY(layout_of(c, true, &l));
    IG_TRY(ig_window_of_call(c, &w, l.dims, l.space, NULL));
    size_t planes = l.images * l.channels, grain = 1 + 8192 / (l.places + 1);
    job j = {.l = l, .x = c->in[0], .y = c->out[0], .out = ig_window_product(&w, w.out)};
    if (j.x->dtype != IG_U8 && j.x->dtype != IG_I8) return ig_call_no_kernel(c, j.x->dtype);
    if (j.y->count == 0) return IG_OK;
    uint8_t *most = ig_call_scratch(c, j.y->count);
    j.bytes = ig_call_scratch(c, j.x->count);
    j.bytes_in = most;
    if (!j.bytes || !most) return ig_oom(c->err);
    ig_parallel(c->threads, planes, grain, take, &j);
    IG_TRY(ig_pool_max(c, &w, j.x->dtype, planes, j.bytes, most));
    ig_parallel(c->threads, planes, grain, give, &j);
    return IG_OK;
}

const ig_op ig_op_ms_qlinear_average_pool = {"com.microsoft", "QLinearAveragePool", 1,    0,   0,
                                             infer_average,   run_average,          NULL, NULL};
const ig_op ig_op_ms_qlinear_global_average_pool = {
    "com.microsoft", "QLinearGlobalAveragePool", 1, 0, 0, infer_global, run_global, NULL, NULL};
const ig_op ig_op_ms_nhwc_max_pool = {"com.microsoft", "NhwcMaxPool", 1, 0, 0, infer_max, run_max, NULL, NULL};
