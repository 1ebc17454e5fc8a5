/* onnxruntime's attentions that project their input to queries, keys and values themselves: Attention,
 * DecoderMaskedSelfAttention, PackedAttention on texts without padding, and QAttention on quantized ones. */
#include "ops/attention/heads.h"
#include "ops/matrix/integer.h"
#include "ops/nn/reals.h"

#include <math.h>

/* Inputs of an operator by number; -1: there is none. */
typedef struct form {
    int bias, mask, past, extra, past_length; /* past_length: of a shared buffer */
    int a_scale, b_scale, a_zero, b_zero;     /* quantized */
    int offsets, lengths;                     /* packed */
} form;

static const form plain = {2, 3, 4, 5, 6, -1, -1, -1, -1, -1, -1};
static const form quantized = {2, 5, 8, -1, -1, 3, 4, 6, 7, -1, -1};
static const form packed = {2, -1, -1, 5, -1, -1, -1, -1, -1, 3, 4};

static const form *form_of(const ig_node *node) {
    return node->schema->name[0] == 'Q' ? &quantized : node->schema->name[0] == 'P' ? &packed : &plain;
}

static const ig_tensor *input(const ig_call *c, int i) { return i >= 0 && (size_t)i < c->n_in ? c->in[i] : NULL; }

static bool shares_buffer(const ig_node *node) {
    return ig_schema_attr_find(node->schema, "past_present_share_buffer") && ig_attr_int(node, "past_present_share_buffer");
}

/* Sizes of queries, keys and values from the attribute, else thirds of the weight. False when they don't make sense. */
static bool sizes_of(const ig_node *node, int64_t total, int64_t *sizes) {
    size_t n = 0;
    const int64_t *list =
        ig_schema_attr_find(node->schema, "qkv_hidden_sizes") ? ig_attr_ints(node, "qkv_hidden_sizes", &n) : NULL;
    int64_t heads = ig_attr_int(node, "num_heads");
    for (int i = 0; i < 3; i++) sizes[i] = n ? (n == 3 ? list[i] : -1) : total / 3;
    if (heads < 1) return false;
    for (int i = 0; i < 3; i++)
        if (sizes[i] < 1 || sizes[i] > total || sizes[i] % heads) return false;
    return sizes[0] == sizes[1] && sizes[0] + sizes[1] + sizes[2] == total;
}

/* ----------------------------------------------------------------------------------------------------------------- shapes */

static ig_status infer_present(ig_infer *c, const form *f, const ig_shape *x, int64_t head) {
    ig_shape past, present = {.rank = 5,
                              .dims = {ig_dim_of(2), x->dims[0], ig_dim_of(ig_attr_int(c->node, "num_heads")), x->dims[1],
                                       head > 0 ? ig_dim_of(head) : ig_dim_unknown()}};
    size_t dtype_from = f->a_scale >= 0 ? (size_t)f->bias : 0;
    if (f->past >= 0 && ig_infer_has(c, (size_t)f->past)) {
        bool known = ig_infer_shape(c, (size_t)f->past, &past);
        if (known && past.rank != 5) return ig_infer_fail(c, "past has rank %d, not 5", past.rank);
        if (known && shares_buffer(c->node)) present = past;
        present.dims[3] = !known                   ? ig_dim_unknown()
                          : shares_buffer(c->node) ? past.dims[3]
                                                   : ig_dim_add(c->syms, past.dims[3], x->dims[1]);
    }
    return ig_infer_set(c, 1, ig_infer_dtype(c, dtype_from), &present);
}

static ig_status infer(ig_infer *c) {
    const form *f = form_of(c->node);
    ig_shape x, w;
    int64_t sizes[3] = {-1, -1, -1};
    bool has_x = ig_infer_shape(c, 0, &x), has_w = ig_infer_shape(c, 1, &w), tokens = f == &packed;
    int rank = tokens ? 2 : 3;
    ig_dtype dtype = ig_infer_dtype(c, f == &quantized ? (size_t)f->bias : 0);
    if (has_x && x.rank != rank) return ig_infer_fail(c, "the input has rank %d, not %d", x.rank, rank);
    if (has_w && w.rank != 2) return ig_infer_fail(c, "the weight has rank %d, not 2", w.rank);
    if (has_x && has_w && ig_dim_differ(x.dims[rank - 1], w.dims[0]))
        return ig_infer_fail(c, "the weight doesn't have a row for each element of the input");
    if (has_w && ig_dim_known(w.dims[1]) && !sizes_of(c->node, w.dims[1].value, sizes))
        return ig_infer_fail(c, "a weight of %lld columns can't be split into heads of queries, keys and values",
                             (long long)w.dims[1].value);
    if (!has_x) {
        x.rank = rank;
        for (int k = 0; k < rank; k++) x.dims[k] = ig_dim_unknown();
    }
    x.dims[rank - 1] = sizes[2] > 0 ? ig_dim_of(sizes[2]) : ig_dim_unknown();
    IG_TRY(ig_infer_set(c, 0, dtype, &x));
    return tokens ? IG_OK : infer_present(c, f, &x, sizes[0] > 0 ? sizes[0] / ig_attr_int(c->node, "num_heads") : -1);
}

static ig_status prepare(ig_prepare *p) {
    const form *f = form_of(p->node);
    if (f == &quantized) return ig_int_product_prepare(p, 1, (ig_stack_options){0}, f->b_zero);
    return ig_product_prepare(p, 0, (ig_stack_options){0}, 1, (ig_stack_options){0});
}

/* ------------------------------------------------------------------------------------------------------------- projection */

typedef struct projection {
    int64_t sizes[3];
    size_t rows, total;
    float *data; /* rows of queries, keys and values side by side */
} projection;

static ig_status project_quantized(ig_call *c, const form *f, ig_stack x, ig_stack w, const void *bias, projection *p) {
    const ig_tensor *as = c->in[f->a_scale], *bs = c->in[f->b_scale];
    const void *scales;
    if (as->count != 1 || (bs->count != 1 && bs->count != p->total))
        return ig_call_fail(c, "scales don't fit input and weight");
    ig_int_product job = {.a = x, .b = w, .a_tensor = c->in[0], .b_tensor = c->in[1], .a_data = c->in[0]->data};
    job.a_signed = c->in[0]->dtype == IG_I8;
    job.a_zero = input(c, f->a_zero);
    job.b_zero = input(c, f->b_zero);
    job.state = c->state;
    job.base = (ig_requantize){
        .scale = (float)ig_load_as_f64(as->dtype, as->data, 0), .dtype = IG_F32, .out_row = p->total, .out_col = 1};
    IG_TRY(ig_real_in(c, bs, IG_F32, &scales));
    if (bs->count == 1)
        job.base.scale *= *(const float *)scales;
    else
        job.base.col_scale = scales;
    job.base.float_bias = bias;
    job.base.out = p->data;
    return ig_int_product_run(c, &job);
}

static ig_status project(ig_call *c, const form *f, projection *p) {
    const ig_tensor *x = c->in[0], *w = c->in[1], *bias = input(c, f->bias);
    const void *px, *pw = NULL, *pb;
    p->total = (size_t)w->dims[1];
    p->rows = w->dims[0] ? x->count / (size_t)w->dims[0] : 0;
    if (!sizes_of(c->node, w->dims[1], p->sizes))
        return ig_call_fail(c, "the weight can't be split into queries, keys and values");
    if (bias && bias->count != p->total)
        return ig_call_fail(c, "the bias has %zu entries for %zu columns", bias->count, p->total);
    p->data = ig_call_scratch(c, p->rows * p->total * sizeof *p->data);
    if (!p->data) return ig_oom(c->err);
    IG_TRY(ig_real_in(c, bias, IG_F32, &pb));
    int64_t rows[2] = {(int64_t)p->rows, w->dims[0]};
    ig_stack sx = ig_stack_of(2, rows, (ig_stack_options){0}), sw = ig_stack_of(2, w->dims, (ig_stack_options){.right = true});
    if (f == &quantized) return project_quantized(c, f, sx, sw, pb, p);
    IG_TRY(ig_real_in(c, x, IG_F32, &px));
    if (!c->state) IG_TRY(ig_real_in(c, w, IG_F32, &pw));
    ig_product job = {.dtype = IG_F32,
                      .a = sx,
                      .b = sw,
                      .a_data = px,
                      .b_data = pw,
                      .state = c->state,
                      .out = p->data,
                      .tail = ig_gemm_of(0, 0, 0)};
    job.tail.bias_cols = pb;
    return ig_product_run(c, &job);
}

/* Part 0, 1, 2: queries, keys, values of `batch` texts of `rows` rows from row `first`. */
static ig_head_operand part(const projection *p, int which, size_t heads, size_t first, size_t batch, size_t rows) {
    ig_head_operand o = {.batch = batch, .heads = heads, .rows = rows, .size = (size_t)p->sizes[which] / heads};
    size_t at = 0;
    for (int i = 0; i < which; i++) at += (size_t)p->sizes[i];
    o.step = (ig_heads){rows * p->total, o.size, p->total};
    o.data = p->data + first * p->total + at;
    return o;
}

static double scale_of(const ig_node *node, size_t size) {
    float scale = ig_attr_given(node, "scale") ? ig_attr_float(node, "scale") : 0;
    return scale != 0 ? (double)scale : 1 / sqrt((double)size);
}

/* -------------------------------------------------------------------------------------------------------------------- run */

/* Angles of positions `first` … as they are usual: dim elements of a head turn by position / 10000^(2i / dim). */
static ig_status rotate(ig_call *c, ig_head_operand *o, size_t dim, size_t first) {
    float *table = ig_call_scratch(c, dim * sizeof *table);
    if (!table) return ig_oom(c->err);
    for (size_t r = 0; r < o->rows; r++) {
        for (size_t i = 0; i < dim / 2; i++) {
            double angle = (double)(first + r) * pow(10000, -2.0 * (double)i / (double)dim);
            table[i] = (float)cos(angle), table[dim / 2 + i] = (float)sin(angle);
        }
        for (size_t b = 0; b < o->batch; b++)
            for (size_t h = 0; h < o->heads; h++)
                ig_rotate((float *)(uintptr_t)o->data + b * o->step.batch + h * o->step.head + r * o->step.row, dim, table,
                          table + dim / 2, false);
    }
    return IG_OK;
}

/* How many positions the past has; with a shared buffer an input says so. */
static ig_status past_of(ig_call *c, const form *f, size_t *past) {
    const ig_tensor *t = input(c, f->past), *length = input(c, f->past_length);
    *past = 0;
    if (!t) return IG_OK;
    if (t->rank != 5 || t->dims[0] != 2) return ig_call_fail(c, "past should be 2 x batch x heads x positions x size");
    *past = (size_t)t->dims[3];
    if (!shares_buffer(c->node)) return IG_OK;
    if (!length || length->count != 1) return ig_call_fail(c, "a shared buffer needs past_sequence_length");
    int64_t n = ig_load_as_i64(length->dtype, length->data, 0);
    if (n < 0 || n > t->dims[3])
        return ig_call_fail(c, "past_sequence_length is %lld, the past has %lld", (long long)n, (long long)t->dims[3]);
    *past = (size_t)n;
    return IG_OK;
}

/* Keys and values behind those of the past; both lie in output 1, keys first. */
static ig_status join(ig_call *c, const form *f, size_t past, ig_head_operand *k, ig_head_operand *v) {
    const ig_tensor *t = input(c, f->past);
    bool kept = c->n_out > 1 && c->out[1];
    const void *old = NULL;
    void *all = NULL;
    if (!t && !kept) return IG_OK;
    if (k->size != v->size) return ig_call_fail(c, "a past needs keys and values of one size");
    if (t && (t->dims[1] != (int64_t)k->batch || t->dims[2] != (int64_t)k->heads || t->dims[4] != (int64_t)k->size))
        return ig_call_fail(c, "the past has another shape than what follows it");
    IG_TRY(ig_real_in(c, t, IG_F32, &old));
    size_t old_rows = t ? (size_t)t->dims[3] : 0, room = past + k->rows;
    if (kept) {
        IG_TRY(ig_real_out(c, 1, IG_F32, &all));
        room = (size_t)c->out[1]->dims[3];
    }
    size_t half = k->batch * k->heads * k->size;
    IG_TRY(ig_heads_append(c, old, old_rows, past, all, room, IG_F32, k));
    IG_TRY(ig_heads_append(c, old ? (const float *)old + half * old_rows : NULL, old_rows, past,
                           all ? (float *)all + half * room : NULL, room, IG_F32, v));
    if (kept) ig_real_done(c, 1, IG_F32, all);
    return IG_OK;
}

static ig_status run(ig_call *c) {
    const form *f = form_of(c->node);
    const ig_tensor *x = c->in[0];
    size_t heads = (size_t)ig_attr_int(c->node, "num_heads"), past, batch = (size_t)x->dims[0], rows = (size_t)x->dims[1];
    projection p;
    ig_attention a = {.type = IG_F32};
    void *y;
    IG_TRY(project(c, f, &p));
    IG_TRY(past_of(c, f, &past));
    ig_head_operand q = part(&p, 0, heads, 0, batch, rows), k = part(&p, 1, heads, 0, batch, rows),
                    v = part(&p, 2, heads, 0, batch, rows);
    if (ig_attr_int(c->node, "do_rotary")) {
        int64_t wanted =
            ig_schema_attr_find(c->node->schema, "rotary_embedding_dim") ? ig_attr_int(c->node, "rotary_embedding_dim") : 0;
        size_t dim = wanted > 0 ? ig_min_size((size_t)wanted, q.size) : q.size;
        IG_TRY(rotate(c, &q, dim / 2 * 2, past));
        IG_TRY(rotate(c, &k, dim / 2 * 2, past));
    }
    IG_TRY(join(c, f, past, &k, &v));
    IG_TRY(ig_heads_set(c, &a, &q, &k, &v));
    a.scale = scale_of(c->node, q.size);
    a.causal = ig_schema_attr_find(c->node->schema, "unidirectional") && ig_attr_int(c->node, "unidirectional");
    int64_t *offset = ig_call_scratch(c, batch * sizeof *offset);
    if (!offset) return ig_oom(c->err);
    for (size_t b = 0; b < batch; b++) offset[b] = (int64_t)past;
    a.offset = offset;
    float hide = ig_attr_given(c->node, "mask_filter_value") ? ig_attr_float(c->node, "mask_filter_value") : -10000;
    IG_TRY(ig_heads_mask(c, &a, input(c, f->mask), input(c, f->extra), hide, past));
    if (!c->out[0])
        IG_TRY(ig_call_output(c, 0, f == &quantized ? c->in[f->bias]->dtype : x->dtype, 3,
                              (int64_t[]){x->dims[0], x->dims[1], p.sizes[2]}));
    IG_TRY(ig_real_out(c, 0, IG_F32, &y));
    a.y = y;
    a.y_step = ig_heads_last(heads, rows, v.size);
    IG_TRY(ig_attention_run(c, &a));
    ig_real_done(c, 0, IG_F32, y);
    return IG_OK;
}

/* Texts one after the other, without padding between them. */
static ig_status run_packed(ig_call *c) {
    const form *f = form_of(c->node);
    const ig_tensor *lengths = c->in[f->lengths], *extra = input(c, f->extra);
    size_t heads = (size_t)ig_attr_int(c->node, "num_heads");
    projection p;
    ig_attention a = {.type = IG_F32}, mask;
    void *y;
    IG_TRY(project(c, f, &p));
    IG_TRY(ig_real_out(c, 0, IG_F32, &y));
    if (lengths->count < 1) return ig_call_fail(c, "cumulative_sequence_length is empty");
    size_t batch = lengths->count - 1, v_size = (size_t)p.sizes[2];
    if (extra) {
        if (extra->rank != 4) return ig_call_fail(c, "attention_bias has rank %d, not 4", extra->rank);
        mask = (ig_attention){
            .type = IG_F32, .batch = batch, .heads = heads, .q_len = (size_t)extra->dims[2], .kv_len = (size_t)extra->dims[3]};
        IG_TRY(ig_attention_mask(c, &mask, extra));
    }
    for (size_t b = 0; b < batch; b++) {
        int64_t first = ((const int32_t *)lengths->data)[b], last = ((const int32_t *)lengths->data)[b + 1];
        if (first < 0 || last < first || last > (int64_t)p.rows)
            return ig_call_fail(c, "cumulative_sequence_length is not ascending");
        size_t rows = (size_t)(last - first), at = (size_t)first;
        if (extra && (rows > mask.q_len || rows > mask.kv_len)) return ig_call_fail(c, "attention_bias is smaller than a text");
        ig_head_operand q = part(&p, 0, heads, at, 1, rows), k = part(&p, 1, heads, at, 1, rows),
                        v = part(&p, 2, heads, at, 1, rows);
        IG_TRY(ig_heads_set(c, &a, &q, &k, &v));
        a.scale = scale_of(c->node, q.size);
        if (extra) {
            a.bias = (const float *)mask.bias + b * mask.bias_step.batch;
            a.bias_step = mask.bias_step;
        }
        a.y = (float *)y + at * v_size;
        a.y_step = ig_heads_last(heads, rows, v.size);
        IG_TRY(ig_attention_run(c, &a));
    }
    ig_real_done(c, 0, IG_F32, y);
    return IG_OK;
}

const ig_op ig_op_ms_attention = {"com.microsoft", "Attention", 1, 0, 0, infer, run, prepare, NULL};
const ig_op ig_op_ms_q_attention = {"com.microsoft", "QAttention", 1, 0, 0, infer, run, prepare, NULL};
const ig_op ig_op_ms_decoder_masked_self_attention = {
    "com.microsoft", "DecoderMaskedSelfAttention", 1, 0, 0, infer, run, prepare, NULL};
const ig_op ig_op_ms_packed_attention = {"com.microsoft", "PackedAttention", 1, 0, 0, infer, run_packed, prepare, NULL};
