/* onnxruntime's attentions on queries, keys and values that are projected already: MultiHeadAttention,
 * DecoderMaskedMultiHeadAttention (one query, beams) and PackedMultiHeadAttention (texts without padding). */
#include "ops/attention/heads.h"
#include "ops/nn/reals.h"

#include <math.h>

/* Inputs of an operator by number; -1: there is none. */
typedef struct form {
    int bias, mask, extra, past_key, past_value, past_length, beam, indirection, lengths;
} form;

static const form multi = {3, 4, 5, 6, 7, 8, -1, 9, -1};
static const form masked = {10, 3, 4, 5, 6, 7, 8, 9, -1};
static const form packed = {3, -1, 6, -1, -1, -1, -1, -1, 5};

static const form *form_of(const ig_node *node) {
    return node->schema->name[0] == 'D' ? &masked : node->schema->name[0] == 'P' ? &packed : &multi;
}

static const ig_tensor *input(const ig_call *c, int i) { return i >= 0 && (size_t)i < c->n_in ? c->in[i] : NULL; }

/* The cache's tensor is as long as it will ever be, and an input says how much of it is filled. */
static bool shares_buffer(const ig_node *node) {
    if (ig_schema_attr_find(node->schema, "past_present_share_buffer"))
        return ig_attr_int(node, "past_present_share_buffer") != 0;
    return node->n_in > 8 && node->in[8] != NULL;
}

/* ----------------------------------------------------------------------------------------------------------------- shapes */

/* What is known of queries (0), keys (1), values (2). */
typedef struct facts {
    ig_dim batch, rows, heads, size, hidden; /* size of a head; hidden: of all heads */
} facts;

static facts unknown_facts(int64_t heads) {
    return (facts){ig_dim_unknown(), ig_dim_unknown(), ig_dim_of(heads), ig_dim_unknown(), ig_dim_unknown()};
}

static ig_status facts_of(ig_infer *c, int64_t heads, facts *q, facts *k, facts *v) {
    ig_shape sq, sk, sv;
    ig_dim n = ig_dim_of(heads);
    *q = *k = *v = unknown_facts(heads);
    if (!ig_infer_shape(c, 0, &sq)) return IG_OK;
    bool has_key = ig_infer_has(c, 1), has_value = ig_infer_has(c, 2);
    if (sq.rank == 5) {
        *q = (facts){sq.dims[0], sq.dims[1], n, sq.dims[4], ig_dim_mul(c->syms, n, sq.dims[4])};
        *k = *v = *q;
        return IG_OK;
    }
    if (sq.rank != 3) return ig_infer_fail(c, "query has rank %d, not 3 or 5", sq.rank);
    *q = (facts){sq.dims[0], sq.dims[1], n, ig_dim_floor_div(c->syms, sq.dims[2], n), sq.dims[2]};
    if (!has_key) { /* queries, keys and values side by side */
        q->hidden = ig_dim_floor_div(c->syms, sq.dims[2], ig_dim_of(3));
        q->size = ig_dim_floor_div(c->syms, q->hidden, n);
        *k = *v = *q;
        return IG_OK;
    }
    if (!ig_infer_shape(c, 1, &sk)) return IG_OK;
    if (sk.rank == 5) {
        *k = (facts){sk.dims[0], sk.dims[1], n, sk.dims[4], ig_dim_mul(c->syms, n, sk.dims[4])};
        *v = *k;
    } else if (sk.rank == 4) {
        *k = (facts){sk.dims[0], sk.dims[2], n, sk.dims[3], ig_dim_mul(c->syms, n, sk.dims[3])};
    } else if (sk.rank == 3) {
        *k = (facts){sk.dims[0], sk.dims[1], n, ig_dim_floor_div(c->syms, sk.dims[2], n), sk.dims[2]};
    } else {
        return ig_infer_fail(c, "key has rank %d", sk.rank);
    }
    if (!has_value || !ig_infer_shape(c, 2, &sv)) return IG_OK;
    if (sv.rank == 4)
        *v = (facts){sv.dims[0], sv.dims[2], n, sv.dims[3], ig_dim_mul(c->syms, n, sv.dims[3])};
    else if (sv.rank == 3)
        *v = (facts){sv.dims[0], sv.dims[1], n, ig_dim_floor_div(c->syms, sv.dims[2], n), sv.dims[2]};
    else
        return ig_infer_fail(c, "value has rank %d", sv.rank);
    return IG_OK;
}

static ig_status infer(ig_infer *c) {
    const form *f = form_of(c->node);
    int64_t heads = ig_attr_int(c->node, "num_heads");
    if (heads < 1) return ig_infer_fail(c, "attribute num_heads is %lld", (long long)heads);
    facts q, k, v;
    IG_TRY(facts_of(c, heads, &q, &k, &v));
    ig_shape y = {.rank = 3, .dims = {q.batch, q.rows, v.hidden}}, past;
    ig_dtype dtype = ig_infer_dtype(c, 0);
    IG_TRY(ig_infer_set(c, 0, dtype, &y));
    ig_dim total = k.rows, room = k.rows;
    if (f->past_key >= 0 && ig_infer_has(c, (size_t)f->past_key)) {
        bool known = ig_infer_shape(c, (size_t)f->past_key, &past) && past.rank == 4;
        room = !known ? ig_dim_unknown() : shares_buffer(c->node) ? past.dims[2] : ig_dim_add(c->syms, past.dims[2], k.rows);
        total = room;
        int64_t n;
        if (shares_buffer(c->node))
            total = ig_infer_int(c, (size_t)f->past_length, &n) ? ig_dim_add(c->syms, k.rows, ig_dim_of(n)) : ig_dim_unknown();
    }
    ig_shape key = {.rank = 4, .dims = {k.batch, k.heads, room, k.size}},
             value = {.rank = 4, .dims = {v.batch, v.heads, room, v.size}};
    ig_shape qk = {.rank = 4, .dims = {q.batch, q.heads, q.rows, total}};
    IG_TRY(ig_infer_set(c, 1, dtype, &key));
    IG_TRY(ig_infer_set(c, 2, dtype, &value));
    return ig_infer_set(c, 3, dtype, ig_dim_known(total) || total.sym ? &qk : NULL);
}

static ig_status infer_packed(ig_infer *c) {
    ig_shape q, v, y = {.rank = 2, .dims = {ig_dim_unknown(), ig_dim_unknown()}};
    if (ig_infer_shape(c, 0, &q)) {
        if (q.rank != 2 && q.rank != 4) return ig_infer_fail(c, "query has rank %d, not 2 or 4", q.rank);
        y.dims[0] = q.dims[0];
        if (q.rank == 4) y.dims[1] = ig_dim_mul(c->syms, q.dims[1], q.dims[3]);
    }
    if (ig_infer_shape(c, 2, &v) && v.rank == 2) y.dims[1] = v.dims[1];
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &y);
}

/* --------------------------------------------------------------------------------------------------------------- operands */

/* Part `which` of `parts` that lie side by side in every head of every row. */
static ig_head_operand slice(const void *data, size_t batch, size_t rows, size_t heads, size_t size, size_t parts,
                             size_t which) {
    ig_head_operand o = {
        .batch = batch, .heads = heads, .rows = rows, .size = size, .data = (const float *)data + which * size};
    o.step = (ig_heads){rows * heads * parts * size, parts * size, heads * parts * size};
    return o;
}

/* Queries, keys and values as floats; `projected`: keys and values get a bias. */
static ig_status get(ig_call *c, size_t heads, ig_head_operand *q, ig_head_operand *k, ig_head_operand *v, bool *projected) {
    const ig_tensor *tq = c->in[0], *tk = input(c, 1), *tv = input(c, 2);
    const void *pq, *pk, *pv;
    *projected = true;
    IG_TRY(ig_real_in(c, tq, IG_F32, &pq));
    IG_TRY(ig_real_in(c, tk, IG_F32, &pk));
    IG_TRY(ig_real_in(c, tv, IG_F32, &pv));
    size_t batch = (size_t)tq->dims[0], rows = (size_t)tq->dims[1];
    if (tq->rank == 5) {
        if (tq->dims[2] != (int64_t)heads || tq->dims[3] != 3)
            return ig_call_fail(c, "a query of rank 5 should be batch x rows x heads x 3 x size");
        for (size_t i = 0; i < 3; i++)
            *(i == 0 ? q : i == 1 ? k : v) = slice(pq, batch, rows, heads, (size_t)tq->dims[4], 3, i);
        return IG_OK;
    }
    size_t hidden = (size_t)tq->dims[2];
    if (hidden % heads) return ig_call_fail(c, "%zu elements can't be split into %zu heads", hidden, heads);
    if (!tk) {
        if (hidden % (3 * heads)) return ig_call_fail(c, "%zu elements can't be split into queries, keys and values", hidden);
        size_t size = hidden / 3 / heads;
        for (size_t i = 0; i < 3; i++) {
            ig_head_operand o = {
                .batch = batch, .heads = heads, .rows = rows, .size = size, .data = (const float *)pq + i * heads * size};
            o.step = (ig_heads){rows * hidden, size, hidden};
            *(i == 0 ? q : i == 1 ? k : v) = o;
        }
        return IG_OK;
    }
    *q = ig_head_operand_of(tq, heads);
    q->data = pq;
    if (tk->rank == 5) {
        if (tk->dims[2] != (int64_t)heads || tk->dims[3] != 2)
            return ig_call_fail(c, "a key of rank 5 should be batch x rows x heads x 2 x size");
        *k = slice(pk, (size_t)tk->dims[0], (size_t)tk->dims[1], heads, (size_t)tk->dims[4], 2, 0);
        *v = slice(pk, (size_t)tk->dims[0], (size_t)tk->dims[1], heads, (size_t)tk->dims[4], 2, 1);
        return IG_OK;
    }
    if (!tv) return ig_call_fail(c, "a key without a value");
    if ((tk->rank == 3 && (size_t)tk->dims[2] % heads) || (tv->rank == 3 && (size_t)tv->dims[2] % heads))
        return ig_call_fail(c, "key or value can't be split into %zu heads", heads);
    *projected = tk->rank == 3;
    *k = ig_head_operand_of(tk, heads);
    *v = ig_head_operand_of(tv, heads);
    k->data = pk, v->data = pv;
    return IG_OK;
}

static ig_status add_biases(ig_call *c, const form *f, ig_head_operand *q, ig_head_operand *k, ig_head_operand *v,
                            bool projected) {
    const ig_tensor *t = input(c, f->bias);
    const void *data;
    if (!t) return IG_OK;
    size_t nq = q->heads * q->size, nk = k->heads * k->size, nv = v->heads * v->size;
    if (t->count != nq + nk + nv) return ig_call_fail(c, "the bias has %zu entries, not %zu", t->count, nq + nk + nv);
    IG_TRY(ig_real_in(c, t, IG_F32, &data));
    const float *bias = data;
    IG_TRY(ig_heads_add_bias(c, q, bias));
    if (!projected) return IG_OK;
    IG_TRY(ig_heads_add_bias(c, k, bias + nq));
    return ig_heads_add_bias(c, v, bias + nq + nk);
}

/* Filled positions of the cache. */
static ig_status past_of(ig_call *c, const form *f, size_t *past) {
    const ig_tensor *key = input(c, f->past_key), *value = input(c, f->past_value), *length = input(c, f->past_length);
    *past = 0;
    if (!key != !value) return ig_call_fail(c, "past_key and past_value go together");
    if (!key) return IG_OK;
    if (key->rank != 4 || value->rank != 4 || key->dims[2] != value->dims[2])
        return ig_call_fail(c, "past_key and past_value don't fit each other");
    *past = (size_t)key->dims[2];
    if (!shares_buffer(c->node)) return IG_OK;
    int64_t n = length && length->count == 1 ? ig_load_as_i64(length->dtype, length->data, 0) : -1;
    if (n < 0 || n > key->dims[2])
        return ig_call_fail(c, "past_sequence_length is not within the cache of %lld positions", (long long)key->dims[2]);
    *past = (size_t)n;
    return IG_OK;
}

/* Rows of the past that came from other beams of the same text are fetched from them. */
static ig_status follow_beams(ig_call *c, const form *f, size_t past, ig_head_operand *o) {
    const ig_tensor *from = input(c, f->indirection), *width = input(c, f->beam);
    if (!from || past == 0) return IG_OK;
    size_t beams = from->rank == 3 ? (size_t)from->dims[1] : 0;
    if (width && (width->count != 1 || ig_load_as_i64(width->dtype, width->data, 0) != (int64_t)beams))
        return ig_call_fail(c, "beam_width doesn't fit cache_indirection");
    if (beams <= 1) return IG_OK;
    size_t texts = (size_t)from->dims[0], most = (size_t)from->dims[2];
    if (texts * beams != o->batch || most < past) return ig_call_fail(c, "cache_indirection doesn't fit the cache");
    float *all = ig_call_scratch(c, o->batch * o->heads * o->rows * o->size * sizeof *all);
    if (!all) return ig_oom(c->err);
    ig_heads step = ig_heads_first(o->heads, o->rows, o->size);
    for (size_t b = 0; b < o->batch; b++)
        for (size_t r = 0; r < o->rows; r++) {
            int32_t beam = r < past ? ((const int32_t *)from->data)[b * most + r] : (int32_t)(b % beams);
            if (beam < 0 || (size_t)beam >= beams)
                return ig_call_fail(c, "cache_indirection names beam %d of %zu", beam, beams);
            for (size_t h = 0; h < o->heads; h++)
                memcpy(all + b * step.batch + h * step.head + r * step.row,
                       (const float *)o->data + (b / beams * beams + (size_t)beam) * o->step.batch + h * o->step.head +
                           r * o->step.row,
                       o->size * sizeof *all);
        }
    o->data = all;
    o->step = step;
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------------------------------- run */

static double scale_of(const ig_node *node, size_t size) {
    float scale = ig_attr_given(node, "scale") ? ig_attr_float(node, "scale") : 0;
    return scale != 0 ? (double)scale : 1 / sqrt((double)size);
}

static ig_status run(ig_call *c) {
    const form *f = form_of(c->node);
    size_t heads = (size_t)ig_attr_int(c->node, "num_heads"), past;
    ig_head_operand q, k, v;
    ig_attention a = {.type = IG_F32};
    bool projected;
    void *y, *scores = NULL;
    IG_TRY(get(c, heads, &q, &k, &v, &projected));
    IG_TRY(add_biases(c, f, &q, &k, &v, projected));
    IG_TRY(past_of(c, f, &past));
    IG_TRY(ig_heads_join(c, input(c, f->past_key), past, 1, IG_F32, &k));
    IG_TRY(ig_heads_join(c, input(c, f->past_value), past, 2, IG_F32, &v));
    IG_TRY(follow_beams(c, f, past, &k));
    IG_TRY(follow_beams(c, f, past, &v));
    IG_TRY(ig_heads_set(c, &a, &q, &k, &v));
    a.scale = scale_of(c->node, q.size);
    a.causal = ig_schema_attr_find(c->node->schema, "unidirectional") && ig_attr_int(c->node, "unidirectional");
    int64_t *offset = ig_call_scratch(c, a.batch * sizeof *offset);
    if (!offset) return ig_oom(c->err);
    for (size_t b = 0; b < a.batch; b++) offset[b] = (int64_t)past;
    a.offset = offset;
    float hide = ig_attr_given(c->node, "mask_filter_value") ? ig_attr_float(c->node, "mask_filter_value") : -10000;
    IG_TRY(ig_heads_mask(c, &a, input(c, f->mask), input(c, f->extra), hide, past));
    IG_TRY(ig_call_output(c, 0, c->in[0]->dtype, 3, (int64_t[]){(int64_t)q.batch, (int64_t)q.rows, (int64_t)(heads * v.size)}));
    IG_TRY(ig_real_out(c, 0, IG_F32, &y));
    if (c->n_out > 3 && c->wanted[3]) {
        IG_TRY(ig_call_output(c, 3, c->in[0]->dtype, 4,
                              (int64_t[]){(int64_t)q.batch, (int64_t)heads, (int64_t)q.rows, (int64_t)a.kv_len}));
        IG_TRY(ig_real_out(c, 3, IG_F32, &scores));
        a.scores = scores;
        a.scores_stage = IG_SCORES_BIASED;
    }
    a.y = y;
    a.y_step = ig_heads_last(heads, q.rows, v.size);
    IG_TRY(ig_attention_run(c, &a));
    ig_real_done(c, 0, IG_F32, y);
    if (scores) ig_real_done(c, 3, IG_F32, scores);
    return IG_OK;
}

/* ----------------------------------------------------------------------------------------------------------------- packed */

/* Rows [first, first + rows) of all tokens as a text of its own. */
static ig_head_operand text_of(const ig_head_operand *all, size_t first, size_t rows) {
    ig_head_operand o = *all;
    o.data = (const float *)all->data + first * all->step.row;
    o.rows = rows;
    return o;
}

static ig_status get_packed(ig_call *c, size_t heads, ig_head_operand *q, ig_head_operand *k, ig_head_operand *v) {
    const ig_tensor *tq = c->in[0], *tk = input(c, 1), *tv = input(c, 2);
    const void *pq, *pk, *pv;
    size_t rows = (size_t)tq->dims[0];
    IG_TRY(ig_real_in(c, tq, IG_F32, &pq));
    if (tq->rank == 4) {
        if (tq->dims[1] != (int64_t)heads || tq->dims[2] != 3)
            return ig_call_fail(c, "a query of rank 4 should be tokens x heads x 3 x size");
        for (size_t i = 0; i < 3; i++) *(i == 0 ? q : i == 1 ? k : v) = slice(pq, 1, rows, heads, (size_t)tq->dims[3], 3, i);
        return IG_OK;
    }
    if (tq->rank != 2 || !tk || !tv || tk->rank != 2 || tv->rank != 2 || tk->dims[0] != tq->dims[0] ||
        tv->dims[0] != tq->dims[0] || tq->dims[1] % (int64_t)heads || tk->dims[1] % (int64_t)heads ||
        tv->dims[1] % (int64_t)heads)
        return ig_call_fail(c, "query, key and value should be tokens x heads * size");
    IG_TRY(ig_real_in(c, tk, IG_F32, &pk));
    IG_TRY(ig_real_in(c, tv, IG_F32, &pv));
    *q = slice(pq, 1, rows, heads, (size_t)tq->dims[1] / heads, 1, 0);
    *k = slice(pk, 1, rows, heads, (size_t)tk->dims[1] / heads, 1, 0);
    *v = slice(pv, 1, rows, heads, (size_t)tv->dims[1] / heads, 1, 0);
    return IG_OK;
}

static ig_status run_packed(ig_call *c) {
    const form *f = form_of(c->node);
    const ig_tensor *lengths = c->in[f->lengths], *extra = input(c, f->extra);
    size_t heads = (size_t)ig_attr_int(c->node, "num_heads");
    ig_head_operand q, k, v;
    ig_attention a = {.type = IG_F32}, mask = {.type = IG_F32};
    void *y;
    if (heads < 1 || lengths->count < 1) return ig_call_fail(c, "num_heads and cumulative_sequence_length are needed");
    IG_TRY(get_packed(c, heads, &q, &k, &v));
    IG_TRY(add_biases(c, f, &q, &k, &v, true));
    size_t batch = lengths->count - 1;
    if (extra) {
        if (extra->rank != 4) return ig_call_fail(c, "attention_bias has rank %d, not 4", extra->rank);
        mask = (ig_attention){
            .type = IG_F32, .batch = batch, .heads = heads, .q_len = (size_t)extra->dims[2], .kv_len = (size_t)extra->dims[3]};
        IG_TRY(ig_attention_mask(c, &mask, extra));
    }
    IG_TRY(ig_real_out(c, 0, IG_F32, &y));
    if (c->out[0]->bytes) memset(y, 0, c->out[0]->count * sizeof(float));
    for (size_t b = 0; b < batch; b++) {
        int64_t first = ((const int32_t *)lengths->data)[b], last = ((const int32_t *)lengths->data)[b + 1];
        if (first < 0 || last < first || last > (int64_t)q.rows)
            return ig_call_fail(c, "cumulative_sequence_length is not ascending");
        size_t rows = (size_t)(last - first), at = (size_t)first;
        if (extra && (rows > mask.q_len || rows > mask.kv_len)) return ig_call_fail(c, "attention_bias is smaller than a text");
        ig_head_operand tq = text_of(&q, at, rows), tk = text_of(&k, at, rows), tv = text_of(&v, at, rows);
        IG_TRY(ig_heads_set(c, &a, &tq, &tk, &tv));
        a.scale = scale_of(c->node, q.size);
        if (extra) {
            a.bias = (const float *)mask.bias + b * mask.bias_step.batch;
            a.bias_step = mask.bias_step;
        }
        a.y = (float *)y + at * heads * v.size;
        a.y_step = ig_heads_last(heads, rows, v.size);
        IG_TRY(ig_attention_run(c, &a));
    }
    ig_real_done(c, 0, IG_F32, y);
    return IG_OK;
}

const ig_op ig_op_ms_multi_head_attention = {"com.microsoft", "MultiHeadAttention", 1, 0, 0, infer, run, NULL, NULL};
const ig_op ig_op_ms_decoder_masked_multi_head_attention = {
    "com.microsoft", "DecoderMaskedMultiHeadAttention", 1, 0, 0, infer, run, NULL, NULL};
const ig_op ig_op_ms_packed_multi_head_attention = {
    "com.microsoft", "PackedMultiHeadAttention", 1, 0, 0, infer_packed, run_packed, NULL, NULL};
