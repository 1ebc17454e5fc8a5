/* Convolutions of quantized tensors: ConvInteger, QLinearConv, and onnxruntime's QLinearConv with channels last. The product of
 * integers asks for the columns that a window sees, as floats do (kernels/conv). */
#include "kernels/conv/columns.h"
#include "ops/matrix/integer.h"
#include "ops/nn/conv.h"

/* Where the inputs of an operator are; -1: there is none. */
typedef struct form {
    int w, x_zero, w_zero, x_scale, w_scale, y_scale, y_zero, bias;
} form;

static const form integer = {1, 2, 3, -1, -1, -1, -1, -1}, linear = {3, 2, 5, 1, 4, 6, 7, 8};

static const form *form_of(const ig_node *node) { return node->schema->name[0] == 'C' ? &integer : &linear; }

static bool is_last(const ig_node *node) {
    return ig_schema_attr_find(node->schema, "channels_last") && ig_attr_int(node, "channels_last");
}

static ig_status infer(ig_infer *c) {
    const form *f = form_of(c->node);
    ig_dtype dtype = f->y_zero < 0 ? IG_I32 : ig_infer_dtype(c, (size_t)f->y_zero);
    if (!dtype) dtype = ig_infer_dtype(c, 0);
    return ig_conv_infer(c, 0, (size_t)f->w, dtype, is_last(c->node));
}

static const ig_tensor *input(const ig_call *c, int i) { return i >= 0 && (size_t)i < c->n_in ? c->in[i] : NULL; }

/* ---------------------------------------------------------------------------------------------------------------- weights */

static ig_status prepare(ig_prepare *p) {
    const form *f = form_of(p->node);
    const ig_tensor *w = p->in[f->w], *z = NULL;
    int64_t groups = ig_attr_int(p->node, "group");
    if (!w || w->kind != IG_KIND_TENSOR || (w->dtype != IG_U8 && w->dtype != IG_I8) || w->rank < 3 || w->count == 0 ||
        groups < 1 || w->dims[0] % groups || p->in[0])
        return IG_OK;
    if ((size_t)f->w_zero < p->n_in && p->node->in[f->w_zero]) {
        z = p->in[f->w_zero];
        if (!z || (z->count != 1 && z->count != (size_t)w->dims[0])) return IG_OK;
    }
    const ig_kernels *kernels = ig_kernels_of(p->context);
    size_t filters = (size_t)(w->dims[0] / groups), k = w->count / (size_t)w->dims[0], count, bytes;
    if (!ig_igemm_packed_a(kernels, filters, k, &count) || ig_mul_overflows(count, (size_t)groups * sizeof(int16_t), &bytes))
        return ig_oom(p->err);
    ig_int_state *state = ig_alloc(p->context, sizeof *state + bytes);
    int32_t *zeros = ig_alloc(p->context, (size_t)w->dims[0] * sizeof *zeros);
    if (!state || !zeros) {
        ig_release(p->context, state);
        ig_release(p->context, zeros);
        return ig_oom(p->err);
    }
    for (size_t i = 0; i < (size_t)w->dims[0]; i++)
        zeros[i] = z ? (int32_t)ig_load_as_i64(z->dtype, z->data, z->count == 1 ? 0 : i) : 0;
    state->count = count;
    for (size_t g = 0; g < (size_t)groups; g++) {
        ig_imatrix m = {.data = (const uint8_t *)w->data + g * filters * k,
                        .row = k,
                        .col = 1,
                        .is_signed = w->dtype == IG_I8,
                        .zero = zeros + g * filters,
                        .zero_step = 1};
        ig_igemm_pack_a(kernels, &m, filters, k, state->data + g * count);
    }
    ig_release(p->context, zeros);
    p->taken[f->w] = true;
    p->state = state;
    return IG_OK;
}

/* ---------------------------------------------------------------------------------------------------------------- columns */

/* One image, one group: elements with the zero point taken away, so that padding is 0. */
typedef struct columns {
    const ig_window *window;
    const int16_t *x;
    size_t channels;
    size_t place, plane; /* elements from one place of space to the next, from one channel to the next */
} columns;

static void source(const void *arg, size_t n0, size_t nn, size_t width, int16_t *out) {
    const columns *c = arg;
    const ig_window *w = c->window;
    ig_columns_row rows[IG_COLUMNS_MOST];
    ig_conv_piece pieces[IG_COLUMNS_MOST];
    size_t taps = ig_window_product(w, w->kernel), stride = (size_t)w->stride[w->dims - 1] * c->place;
    size_t n_rows = ig_columns_cut(w, n0, nn, rows);
    memset(out, 0, (c->channels * taps + 1) / 2 * width * 2 * sizeof *out);
    for (size_t tap = 0; tap < taps; tap++) {
        size_t n = ig_columns_tap(w, rows, n_rows, tap, pieces);
        for (size_t channel = 0; channel < c->channels; channel++) {
            size_t k = channel * taps + tap;
            const int16_t *x = c->x + channel * c->plane;
            int16_t *to = out + k / 2 * width * 2 + k % 2;
            for (size_t i = 0; i < n; i++) {
                const int16_t *from = x + pieces[i].from * (ptrdiff_t)c->place;
                for (size_t q = 0; q < pieces[i].n; q++) to[2 * (pieces[i].at + q)] = from[q * stride];
            }
        }
    }
}

/* -------------------------------------------------------------------------------------------------------------------- run */

typedef struct work {
    const form *f;
    ig_conv conv;
    bool last;
    const int16_t *x;   /* all of the input without its zero point */
    int32_t *w_zeros;   /* of all filters */
    float *scales;      /* of all filters */
    ig_requantize post; /* what all have in common */
} work;

static ig_status subtract_zero(ig_call *c, work *j) {
    const ig_tensor *x = c->in[0], *zero = input(c, j->f->x_zero);
    if (zero && zero->count != 1) return ig_call_fail(c, "the zero point of the input has %zu entries, not 1", zero->count);
    int16_t *out = ig_call_scratch(c, x->count * sizeof *out),
            z = zero ? (int16_t)ig_load_as_i64(zero->dtype, zero->data, 0) : 0;
    if (!out) return ig_oom(c->err);
    if (x->dtype == IG_I8)
        for (size_t i = 0; i < x->count; i++) out[i] = (int16_t)(((const int8_t *)x->data)[i] - z);
    else
        for (size_t i = 0; i < x->count; i++) out[i] = (int16_t)(((const uint8_t *)x->data)[i] - z);
    j->x = out;
    return IG_OK;
}

static float scalar(const ig_tensor *t) { return (float)ig_load_as_f64(t->dtype, t->data, 0); }

static ig_status per_filter(ig_call *c, const work *j, const ig_tensor *t, const char *what) {
    size_t filters = j->conv.groups * j->conv.filters;
    if (t && t->count != 1 && t->count != filters)
        return ig_call_fail(c, "the %s has %zu entries for %zu filters", what, t->count, filters);
    return IG_OK;
}

static ig_status read_parameters(ig_call *c, work *j) {
    const form *f = j->f;
    const ig_tensor *zero = input(c, f->w_zero), *w_scale = input(c, f->w_scale), *bias = input(c, f->bias);
    size_t filters = j->conv.groups * j->conv.filters;
    IG_TRY(per_filter(c, j, zero, "zero point of the weight"));
    IG_TRY(per_filter(c, j, w_scale, "scale of the weight"));
    j->w_zeros = ig_call_scratch(c, filters * sizeof *j->w_zeros);
    j->scales = ig_call_scratch(c, filters * sizeof *j->scales);
    if (!j->w_zeros || !j->scales) return ig_oom(c->err);
    for (size_t i = 0; i < filters; i++)
        j->w_zeros[i] = zero ? (int32_t)ig_load_as_i64(zero->dtype, zero->data, zero->count == 1 ? 0 : i) : 0;
    if (f->y_scale < 0) return IG_OK;
    const ig_tensor *x_scale = c->in[f->x_scale], *y_scale = c->in[f->y_scale], *y_zero = c->in[f->y_zero];
    if (x_scale->count != 1 || y_scale->count != 1 || y_zero->count != 1)
        return ig_call_fail(c, "input and result need one scale and one zero point each");
    for (size_t i = 0; i < filters; i++)
        j->scales[i] = scalar(x_scale) * ((const float *)w_scale->data)[w_scale->count == 1 ? 0 : i] / scalar(y_scale);
    if (bias && bias->count != filters)
        return ig_call_fail(c, "the bias has %zu entries for %zu filters", bias->count, filters);
    j->post = (ig_requantize){.scale = 1, .dtype = c->out[0]->dtype, .zero = scalar(y_zero)};
    j->post.row_bias = bias ? bias->data : NULL;
    return IG_OK;
}

/* The product of one group of one image. */
static void set_item(const ig_call *c, const work *j, size_t item, ig_igemm *g, columns *from, ig_requantize *post) {
    const ig_conv *v = &j->conv;
    const ig_window *w = &v->window;
    const ig_tensor *weight = c->in[j->f->w];
    const ig_int_state *state = c->state;
    size_t image = item / v->groups, group = item % v->groups, k = v->channels * ig_window_product(w, w->kernel);
    size_t in = ig_window_product(w, w->in), n = ig_window_product(w, w->out), all = v->groups * v->channels;
    *from = (columns){.window = w, .channels = v->channels, .place = j->last ? all : 1, .plane = j->last ? 1 : in};
    from->x = j->x + image * all * in + group * v->channels * from->plane;
    *g = (ig_igemm){.m = v->filters, .n = n, .k = k, .source = source, .source_arg = from};
    if (state)
        g->a.packed = state->data + group * state->count;
    else
        g->a = (ig_imatrix){.data = (const uint8_t *)weight->data + group * v->filters * k,
                            .row = k,
                            .col = 1,
                            .is_signed = weight->dtype == IG_I8,
                            .zero = j->w_zeros + group * v->filters,
                            .zero_step = 1};
    if (j->f->y_scale < 0) {
        g->c = (int32_t *)c->out[0]->data + item * v->filters * n;
        g->c_row = n;
        return;
    }
    size_t filters = v->groups * v->filters;
    *post = j->post;
    post->row_scale = j->scales + group * v->filters;
    if (post->row_bias) post->row_bias += group * v->filters;
    post->out_row = j->last ? 1 : n;
    post->out_col = j->last ? filters : 1;
    post->out = (uint8_t *)c->out[0]->data + image * filters * n + group * v->filters * post->out_row;
    g->post = ig_requantize_row;
    g->post_arg = post;
}

static ig_status run(ig_call *c) {
    const ig_kernels *kernels = ig_kernels_of(c->context);
    work j = {.f = form_of(c->node), .last = is_last(c->node)};
    IG_TRY(ig_conv_of_call(c, &j.conv, c->in[0], c->in[j.f->w], j.last));
    if (c->out[0]->count == 0) return IG_OK;
    IG_TRY(subtract_zero(c, &j));
    IG_TRY(read_parameters(c, &j));
    size_t n = j.conv.images * j.conv.groups, bytes;
    ig_igemm *items = ig_call_scratch(c, n * sizeof *items);
    columns *from = ig_call_scratch(c, n * sizeof *from);
    ig_requantize *posts = ig_call_scratch(c, n * sizeof *posts);
    if (!items || !from || !posts) return ig_oom(c->err);
    for (size_t i = 0; i < n; i++) set_item(c, &j, i, &items[i], &from[i], &posts[i]);
    void *scratch = NULL;
    if (ig_igemm_scratch(kernels, c->threads, items, &bytes)) scratch = ig_call_scratch(c, bytes);
    if (!scratch) return ig_oom(c->err);
    ig_igemm_run(kernels, c->threads, items, n, scratch);
    return IG_OK;
}

const ig_op ig_op_conv_integer = {"", "ConvInteger", 10, 0, 0, infer, run, prepare, NULL};
const ig_op ig_op_qlinear_conv = {"", "QLinearConv", 10, 0, 0, infer, run, prepare, NULL};
const ig_op ig_op_ms_qlinear_conv = {"com.microsoft", "QLinearConv", 1, 0, 0, infer, run, prepare, NULL};
