/* Attention of ai.onnx. */
#include "ops/attention/heads.h"
#include "ops/nn/reals.h"

#include <math.h>

/* ----------------------------------------------------------------------------------------------------------------- shapes */

/* Batch, heads, positions and size of a head of input i, as far as they are known; a tensor of rank 3 has its heads side by
 * side. */
typedef struct part {
    ig_dim batch, heads, rows, size;
} part;

static ig_status part_of(ig_infer *c, size_t i, int64_t heads, part *p, bool *known) {
    ig_shape s;
    *known = ig_infer_shape(c, i, &s);
    *p = (part){ig_dim_unknown(), ig_dim_unknown(), ig_dim_unknown(), ig_dim_unknown()};
    if (!*known) return IG_OK;
    if (s.rank == 4) {
        *p = (part){s.dims[0], s.dims[1], s.dims[2], s.dims[3]};
        return IG_OK;
    }
    if (s.rank != 3) return ig_infer_fail(c, "input %zu has rank %d, not 3 or 4", i, s.rank);
    if (heads < 1) return ig_infer_fail(c, "inputs of rank 3 need the attributes q_num_heads and kv_num_heads");
    if (ig_dim_known(s.dims[2]) && s.dims[2].value % heads)
        return ig_infer_fail(c, "input %zu has %lld elements for %lld heads", i, (long long)s.dims[2].value, (long long)heads);
    *p = (part){s.dims[0], ig_dim_of(heads), s.dims[1], ig_dim_floor_div(c->syms, s.dims[2], ig_dim_of(heads))};
    return IG_OK;
}

static ig_status set_y(ig_infer *c, const part *q, const part *v, int rank) {
    ig_shape y = {.rank = 4, .dims = {q->batch, q->heads, q->rows, v->size}};
    if (rank == 3) y = (ig_shape){.rank = 3, .dims = {q->batch, q->rows, ig_dim_mul(c->syms, q->heads, v->size)}};
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), rank < 0 ? NULL : &y);
}

static ig_status join_both(ig_infer *c, const char *what, ig_dim *a, ig_dim *b) {
    IG_TRY(ig_infer_join(c, what, *b, a));
    *b = *a;
    return IG_OK;
}

/* Keys or values of before have the batch, heads and size of those of now. */
static ig_status join_past(ig_infer *c, size_t i, const char *name, part *now, ig_dim *length) {
    ig_shape s;
    if (!ig_infer_has(c, i) || !ig_infer_shape(c, i, &s)) return IG_OK;
    if (s.rank != 4) return ig_infer_fail(c, "%s has rank %d, not 4", name, s.rank);
    IG_TRY(ig_infer_join(c, "batch sizes", s.dims[0], &now->batch));
    IG_TRY(ig_infer_join(c, "numbers of heads", s.dims[1], &now->heads));
    IG_TRY(ig_infer_join(c, "lengths of the past", s.dims[2], length));
    return ig_infer_join(c, "sizes of heads", s.dims[3], &now->size);
}

/* What goes together, and what the attributes may say. */
static ig_status check_use(ig_infer *c, int q_rank) {
    static const char *const windows[] = {"left_window_size", "right_window_size"};
    const ig_node *n = c->node;
    bool window = ig_schema_attr_find(n->schema, windows[0]) != NULL;
    for (int i = 0; window && i < 2; i++)
        if (ig_attr_int(n, windows[i]) < -1) return ig_infer_fail(c, "attribute %s is below -1", windows[i]);
    if (ig_infer_has(c, 4) != ig_infer_has(c, 5)) return ig_infer_fail(c, "past_key and past_value go together");
    bool key = c->n_out > 1 && n->out[1], value = c->n_out > 2 && n->out[2];
    if (window && key != value) return ig_infer_fail(c, "present_key and present_value go together");
    if (ig_infer_has(c, 6) && (ig_infer_has(c, 4) || (window && key)))
        return ig_infer_fail(c, "nonpad_kv_seqlen can't go with past or present keys");
    if (window && q_rank == 4 && (ig_attr_given(n, "q_num_heads") || ig_attr_given(n, "kv_num_heads")))
        return ig_infer_fail(c, "inputs of rank 4 say how many heads there are: the attributes must not");
    return IG_OK;
}

static ig_status infer(ig_infer *c) {
    int64_t q_heads = ig_attr_int(c->node, "q_num_heads"), kv_heads = ig_attr_int(c->node, "kv_num_heads");
    part q, k, v;
    bool has_q, has_k, has_v;
    ig_dim past = ig_dim_unknown();
    IG_TRY(part_of(c, 0, q_heads, &q, &has_q));
    IG_TRY(part_of(c, 1, kv_heads, &k, &has_k));
    IG_TRY(part_of(c, 2, kv_heads, &v, &has_v));
    ig_shape s;
    IG_TRY(join_past(c, 4, "past_key", &k, &past));
    IG_TRY(join_past(c, 5, "past_value", &v, &past));
    IG_TRY(ig_infer_join(c, "sizes of heads", k.size, &q.size));
    IG_TRY(join_both(c, "batch sizes", &k.batch, &v.batch));
    IG_TRY(join_both(c, "lengths", &k.rows, &v.rows));
    IG_TRY(join_both(c, "numbers of heads", &k.heads, &v.heads));
    IG_TRY(join_both(c, "batch sizes", &q.batch, &k.batch));
    v.batch = k.batch, k.size = q.size;
    if (ig_dim_known(q.heads) && ig_dim_known(k.heads) && (k.heads.value < 1 || q.heads.value % k.heads.value))
        return ig_infer_fail(c, "%lld heads of Q can't share %lld heads of K", (long long)q.heads.value,
                             (long long)k.heads.value);
    int rank = has_q && ig_infer_shape(c, 0, &s) ? s.rank : IG_UNRANKED;
    IG_TRY(check_use(c, rank));
    IG_TRY(set_y(c, &q, &v, rank));
    ig_dim total = ig_infer_has(c, 4) ? ig_dim_add(c->syms, k.rows, past) : k.rows;
    ig_shape key = {.rank = 4, .dims = {k.batch, k.heads, total, k.size}},
             value = {.rank = 4, .dims = {v.batch, v.heads, total, v.size}};
    ig_shape scores = {.rank = 4, .dims = {q.batch, q.heads, q.rows, total}};
    IG_TRY(ig_infer_set(c, 1, ig_infer_dtype(c, 1), &key));
    IG_TRY(ig_infer_set(c, 2, ig_infer_dtype(c, 2), &value));
    return ig_infer_set(c, 3, ig_infer_dtype(c, 0), &scores);
}

/* ----------------------------------------------------------------------------------------------------------------- kernel */

static const ig_tensor *input(const ig_call *c, size_t i) { return i < c->n_in ? c->in[i] : NULL; }
static ig_tensor *output(const ig_call *c, size_t o) { return o < c->n_out ? c->out[o] : NULL; }

/* Where queries stand among the keys, and how many keys each text has. */
static ig_status set_positions(ig_call *c, ig_attention *a, size_t past) {
    const ig_tensor *valid = input(c, 6);
    int64_t *offset = ig_call_scratch(c, a->batch * sizeof *offset);
    if (!offset) return ig_oom(c->err);
    if (valid && valid->count != a->batch)
        return ig_call_fail(c, "nonpad_kv_seqlen has %zu entries, not %zu", valid->count, a->batch);
    if (valid && input(c, 4)) return ig_call_fail(c, "nonpad_kv_seqlen and past_key can't go together");
    a->valid = valid ? valid->data : NULL;
    for (size_t b = 0; b < a->batch; b++)
        offset[b] = valid ? ig_clamp_i64(a->valid[b], 0, (int64_t)a->kv_len) - (int64_t)a->q_len : (int64_t)past;
    a->offset = offset;
    a->causal = ig_attr_int(c->node, "is_causal") != 0;
    bool windows = ig_schema_attr_find(c->node->schema, "left_window_size") != NULL;
    a->left = windows ? ig_clamp_i64(ig_attr_int(c->node, "left_window_size"), -1, INT32_MAX) : -1;
    a->right = windows ? ig_clamp_i64(ig_attr_int(c->node, "right_window_size"), -1, INT32_MAX) : -1;
    return IG_OK;
}

/* For bfloat16, Q and K are scaled and rounded before they meet, as in the function body. */
static ig_status scale_brain(ig_call *c, ig_attention *a, size_t nq, size_t nk) {
    float root = ig_bf16_to_f32(ig_f32_to_bf16(sqrtf((float)a->scale)));
    const void **data[] = {&a->q, &a->k};
    const size_t n[] = {nq, nk};
    for (int i = 0; i < 2; i++) {
        float *scaled = ig_call_scratch(c, n[i] * sizeof *scaled);
        if (!scaled) return ig_oom(c->err);
        for (size_t k = 0; k < n[i]; k++) scaled[k] = ig_bf16_to_f32(ig_f32_to_bf16(((const float *)*data[i])[k] * root));
        *data[i] = scaled;
    }
    a->brain = true;
    a->scale = 1;
    return IG_OK;
}

/* Past positions. */
static ig_status past_of(ig_call *c, size_t *past) {
    const ig_tensor *key = input(c, 4), *value = input(c, 5);
    *past = 0;
    if (!key != !value) return ig_call_fail(c, "past_key and past_value go together");
    if (!key) return IG_OK;
    if (key->rank != 4 || value->rank != 4 || key->dims[2] != value->dims[2])
        return ig_call_fail(c, "past_key and past_value have shapes that don't fit");
    *past = (size_t)key->dims[2];
    return IG_OK;
}

static ig_status run(ig_call *c) {
    const ig_tensor *tq = c->in[0], *tk = c->in[1], *tv = c->in[2], *mask = input(c, 3);
    size_t kv_heads = (size_t)ig_attr_int(c->node, "kv_num_heads"), past;
    ig_head_operand q = ig_head_operand_of(tq, (size_t)ig_attr_int(c->node, "q_num_heads"));
    ig_head_operand k = ig_head_operand_of(tk, kv_heads), v = ig_head_operand_of(tv, kv_heads);
    ig_attention a = {.type = tq->dtype == IG_F64 || tv->dtype == IG_F64 ? IG_F64 : IG_F32};
    void *y, *scores = NULL;
    if (!output(c, 0)) {
        int64_t dims[4] = {(int64_t)q.batch, (int64_t)q.heads, (int64_t)q.rows, (int64_t)v.size};
        if (tq->rank == 3) dims[1] = (int64_t)q.rows, dims[2] = (int64_t)(q.heads * v.size);
        IG_TRY(ig_call_output(c, 0, tq->dtype, tq->rank, dims));
    }
    IG_TRY(ig_real_in(c, tq, a.type, &q.data));
    IG_TRY(ig_real_in(c, tk, a.type, &k.data));
    IG_TRY(ig_real_in(c, tv, a.type, &v.data));
    IG_TRY(past_of(c, &past));
    IG_TRY(ig_heads_join(c, input(c, 4), past, 1, a.type, &k));
    IG_TRY(ig_heads_join(c, input(c, 5), past, 2, a.type, &v));
    IG_TRY(ig_heads_set(c, &a, &q, &k, &v));
    a.y_step = tq->rank == 4 ? ig_heads_first(q.heads, q.rows, v.size) : ig_heads_last(q.heads, q.rows, v.size);
    a.scale = ig_attr_given(c->node, "scale") ? (double)ig_attr_float(c->node, "scale") : 1 / sqrt((double)q.size);
    a.softcap = (double)ig_attr_float(c->node, "softcap");
    IG_TRY(set_positions(c, &a, past));
    if (mask) IG_TRY(ig_attention_mask(c, &a, mask));
    IG_TRY(ig_real_out(c, 0, a.type, &y));
    a.y = y;
    if (output(c, 3)) {
        IG_TRY(ig_real_out(c, 3, a.type, &scores));
        a.scores = scores;
        a.scores_stage = (unsigned)ig_clamp_i64(ig_attr_int(c->node, "qk_matmul_output_mode"), 0, 3);
    }
    if (tq->dtype == IG_BF16 && a.type == IG_F32) IG_TRY(scale_brain(c, &a, tq->count, k.batch * k.heads * k.rows * k.size));
    IG_TRY(ig_attention_run(c, &a));
    ig_real_done(c, 0, a.type, y);
    if (scores) ig_real_done(c, 3, a.type, scores);
    return IG_OK;
}

const ig_op ig_op_attention = {"", "Attention", 23, 0, 0, infer, run, NULL, NULL};
