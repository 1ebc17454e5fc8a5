/* onnxruntime's GroupQueryAttention: heads of queries share heads of keys; a cache, rotary positions, windows. */
#include "ops/attention/heads.h"
#include "ops/loops/real.h"
#include "ops/nn/norm.h"
#include "ops/nn/reals.h"

#include <math.h>

enum {
    QUERY,
    KEY,
    VALUE,
    PAST_KEY,
    PAST_VALUE,
    LENGTHS,
    TOTAL,
    COSINES,
    SINES,
    POSITIONS,
    BIAS,
    SINK,
    K_SCALE,
    V_SCALE,
    Q_NORM,
    K_NORM
};

static const ig_tensor *input(const ig_call *c, size_t i) { return i < c->n_in ? c->in[i] : NULL; }
static ig_tensor *output(const ig_call *c, size_t o) { return o < c->n_out ? c->out[o] : NULL; }

static bool has_attr(const ig_node *node, const char *name) {
    return ig_schema_attr_find(node->schema, name) && ig_attr_given(node, name);
}

/* ----------------------------------------------------------------------------------------------------------------- shapes */

static ig_status infer(ig_infer *c) {
    int64_t heads = ig_attr_int(c->node, "num_heads"), kv_heads = ig_attr_int(c->node, "kv_num_heads"), total = -1;
    ig_shape q, past, y = {.rank = 3, .dims = {ig_dim_unknown(), ig_dim_unknown(), ig_dim_unknown()}};
    ig_dim size = ig_dim_unknown(), rows = ig_dim_unknown(), last = ig_dim_unknown();
    if (heads < 1 || kv_heads < 1 || heads % kv_heads)
        return ig_infer_fail(c, "%lld heads of queries can't share %lld heads of keys", (long long)heads, (long long)kv_heads);
    if (ig_infer_shape(c, QUERY, &q)) {
        if (q.rank != 3) return ig_infer_fail(c, "query has rank %d, not 3", q.rank);
        bool packed = !ig_infer_has(c, KEY);
        size = ig_dim_floor_div(c->syms, q.dims[2], ig_dim_of(packed ? heads + 2 * kv_heads : heads));
        y = q;
        if (packed) y.dims[2] = ig_dim_mul(c->syms, size, ig_dim_of(heads));
    }
    ig_infer_int(c, TOTAL, &total);
    if (ig_infer_has(c, PAST_KEY)) {
        if (ig_infer_shape(c, PAST_KEY, &past) && past.rank == 4) {
            last = past.dims[3];
            if (ig_attr_int(c->node, "sliding_window_cache"))
                rows = past.dims[2];
            else if (total >= 0)
                rows = ig_dim_max(c->syms, past.dims[2], ig_dim_of(total));
        }
    } else {
        last = size;
        rows = total >= 0 ? ig_dim_of(total) : ig_dim_unknown();
    }
    ig_dtype dtype = ig_infer_dtype(c, QUERY), cache = ig_infer_has(c, PAST_KEY) ? ig_infer_dtype(c, PAST_KEY) : dtype;
    ig_shape present = {.rank = 4, .dims = {y.dims[0], ig_dim_of(kv_heads), rows, last}};
    ig_shape qk = {.rank = 4,
                   .dims = {y.dims[0], ig_dim_of(heads), y.dims[1], total >= 0 ? ig_dim_of(total) : ig_dim_unknown()}};
    IG_TRY(ig_infer_set(c, 0, dtype, &y));
    IG_TRY(ig_infer_set(c, 1, cache, &present));
    IG_TRY(ig_infer_set(c, 2, cache, &present));
    return ig_infer_set(c, 3, dtype, &qk);
}

/* --------------------------------------------------------------------------------------------------------------- operands */

typedef struct work {
    size_t batch, rows, heads, kv_heads, size;
    size_t total;   /* the longest text with its past */
    int64_t *past;  /* of each text */
    int64_t *valid; /* positions of each text with what is new */
    bool prompt;    /* nothing came before */
    ig_head_operand q, k, v;
} work;

static ig_head_operand side_by_side(const float *data, const work *j, size_t heads, size_t at, size_t width) {
    ig_head_operand o = {.batch = j->batch, .heads = heads, .rows = j->rows, .size = j->size, .data = data + at};
    o.step = (ig_heads){j->rows * width, j->size, width};
    return o;
}

static ig_status get(ig_call *c, work *j) {
    const ig_tensor *tq = c->in[QUERY], *tk = input(c, KEY), *tv = input(c, VALUE);
    const void *q, *k, *v;
    j->batch = (size_t)tq->dims[0], j->rows = (size_t)tq->dims[1];
    size_t width = (size_t)tq->dims[2], parts = tk ? j->heads : j->heads + 2 * j->kv_heads;
    if (width % parts || !tk != !tv) return ig_call_fail(c, "%zu elements can't be split into %zu heads", width, parts);
    j->size = width / parts;
    IG_TRY(ig_real_in(c, tq, IG_F32, &q));
    j->q = side_by_side(q, j, j->heads, 0, width);
    if (!tk) {
        j->k = side_by_side(q, j, j->kv_heads, j->heads * j->size, width);
        j->v = side_by_side(q, j, j->kv_heads, (j->heads + j->kv_heads) * j->size, width);
        return IG_OK;
    }
    size_t kv_width = j->kv_heads * j->size;
    for (int i = 0; i < 2; i++) {
        const ig_tensor *t = i ? tv : tk;
        if (t->rank != 3 || t->dims[0] != tq->dims[0] || t->dims[1] != tq->dims[1] || (size_t)t->dims[2] != kv_width)
            return ig_call_fail(c, "key and value should be batch x rows x %zu", kv_width);
    }
    IG_TRY(ig_real_in(c, tk, IG_F32, &k));
    IG_TRY(ig_real_in(c, tv, IG_F32, &v));
    j->k = side_by_side(k, j, j->kv_heads, 0, kv_width);
    j->v = side_by_side(v, j, j->kv_heads, 0, kv_width);
    return IG_OK;
}

static ig_status get_lengths(ig_call *c, work *j) {
    const ig_tensor *lengths = c->in[LENGTHS], *total = c->in[TOTAL];
    j->past = ig_call_scratch(c, j->batch * sizeof *j->past);
    j->valid = ig_call_scratch(c, j->batch * sizeof *j->valid);
    if (!j->past || !j->valid) return ig_oom(c->err);
    if (lengths->count != j->batch || total->count != 1)
        return ig_call_fail(c, "seqlens_k has %zu entries for %zu texts", lengths->count, j->batch);
    int64_t n = ig_load_as_i64(total->dtype, total->data, 0);
    if (n < (int64_t)j->rows)
        return ig_call_fail(c, "total_sequence_length is %lld with %zu new positions", (long long)n, j->rows);
    j->total = (size_t)n;
    j->prompt = j->total == j->rows;
    for (size_t b = 0; b < j->batch; b++) {
        int64_t last = (int64_t)((const int32_t *)lengths->data)[b] + 1;
        if (last < 1 || last > n || (!j->prompt && last < (int64_t)j->rows))
            return ig_call_fail(c, "seqlens_k of text %zu is %lld with total_sequence_length %lld", b, (long long)last - 1,
                                (long long)n);
        j->valid[b] = last;
        j->past[b] = j->prompt ? 0 : last - (int64_t)j->rows;
    }
    return IG_OK;
}

/* A copy with rows side by side that may be changed. */
static ig_status own(ig_call *c, ig_head_operand *o) {
    float *copy = ig_call_scratch(c, o->batch * o->heads * o->rows * o->size * sizeof *copy);
    if (!copy) return ig_oom(c->err);
    ig_heads_put(c, o, o->rows, 0, sizeof *copy, copy);
    o->data = copy;
    o->step = ig_heads_first(o->heads, o->rows, o->size);
    return IG_OK;
}

static float *row_of(const ig_head_operand *o, size_t b, size_t h, size_t r) {
    return (float *)(uintptr_t)o->data + b * o->step.batch + h * o->step.head + r * o->step.row;
}

static ig_status normalize(ig_call *c, ig_head_operand *o, const ig_tensor *weight) {
    const void *w;
    double epsilon = (double)ig_attr_float(c->node, "qk_norm_epsilon");
    if (!weight) return IG_OK;
    if (weight->count != o->size)
        return ig_call_fail(c, "a norm's weight has %zu entries for heads of %zu", weight->count, o->size);
    IG_TRY(ig_real_in(c, weight, IG_F32, &w));
    IG_TRY(own(c, o));
    for (size_t i = 0; i < o->batch * o->heads * o->rows; i++) {
        float *x = (float *)(uintptr_t)o->data + i * o->size;
        ig_normalize_f32(x, x, o->size, ig_moments_f32(x, o->size, false, epsilon), w, NULL);
    }
    return IG_OK;
}

static ig_status rotate(ig_call *c, const work *j, ig_head_operand *o) {
    const ig_tensor *cosines = input(c, COSINES), *sines = input(c, SINES), *positions = input(c, POSITIONS);
    const void *pc, *ps;
    bool interleaved = ig_attr_int(c->node, "rotary_interleaved");
    if (!cosines || !sines || cosines->rank != 2 || sines->count != cosines->count)
        return ig_call_fail(c, "do_rotary needs cos_cache and sin_cache");
    size_t half = (size_t)cosines->dims[1];
    if (2 * half > j->size) return ig_call_fail(c, "the caches have %zu angles for heads of %zu", half, j->size);
    if (positions && positions->count != j->batch * j->rows && positions->count != 1)
        return ig_call_fail(c, "position_ids has %zu entries", positions->count);
    IG_TRY(ig_real_in(c, cosines, IG_F32, &pc));
    IG_TRY(ig_real_in(c, sines, IG_F32, &ps));
    IG_TRY(own(c, o));
    for (size_t b = 0; b < o->batch; b++)
        for (size_t r = 0; r < o->rows; r++) {
            int64_t at = j->past[b] + (int64_t)r;
            if (positions) {
                const int64_t *p = positions->data;
                at = positions->count == 1 ? p[0] + (int64_t)r : p[b * j->rows + r];
            }
            if (at < 0 || at >= cosines->dims[0])
                return ig_call_fail(c, "position %lld is outside of the cos_cache of %lld", (long long)at,
                                    (long long)cosines->dims[0]);
            const float *cos_row = (const float *)pc + (size_t)at * half, *sin_row = (const float *)ps + (size_t)at * half;
            for (size_t h = 0; h < o->heads; h++) ig_rotate(row_of(o, b, h, r), 2 * half, cos_row, sin_row, interleaved);
        }
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------------ cache */

/* A cache of numbers: batch x heads x rows x size; quantized ones have a scale for all or for each channel of each head. */
typedef struct cache {
    ig_dtype dtype;
    unsigned bits; /* of a number; 4: two in a byte */
    const float *scale;
    bool each; /* channel has its own scale */
    size_t heads, size;
} cache;

static ig_status cache_of(ig_call *c, const work *j, const ig_tensor *past, size_t out, const char *quant, size_t scale_input,
                          cache *k) {
    const ig_tensor *scale = input(c, scale_input), *any = past ? past : output(c, out);
    *k = (cache){.dtype = any ? any->dtype : IG_F32, .bits = 8, .heads = j->kv_heads, .size = j->size};
    if (k->dtype == IG_F32 || k->dtype == IG_F16 || k->dtype == IG_BF16) return IG_OK;
    if (has_attr(c->node, "kv_cache_bit_width") && ig_attr_int(c->node, "kv_cache_bit_width") == 4) k->bits = 4;
    k->each = ig_attr_is(c->node, quant, "PER_CHANNEL");
    if (!scale || scale->count != (k->each ? j->kv_heads * j->size : 1))
        return ig_call_fail(c, "a quantized cache needs its scale");
    k->scale = scale->data;
    return IG_OK;
}

static float scale_at(const cache *k, size_t head, size_t i) { return k->each ? k->scale[head * k->size + i] : k->scale[0]; }

/* Row number `row` of all rows of all heads and texts. */
static void load_row(const cache *k, const void *data, size_t row, size_t head, float *out) {
    if (k->bits == 4) {
        const uint8_t *p = (const uint8_t *)data + row * ((k->size + 1) / 2);
        for (size_t i = 0; i < k->size; i++) out[i] = (float)((int)(p[i / 2] >> (i % 2 * 4) & 15) - 8);
    } else {
        ig_to_f32(k->dtype, data, row * k->size, k->size, out);
        for (size_t i = 0; k->dtype == IG_U8 && i < k->size; i++) out[i] -= 128;
    }
    for (size_t i = 0; k->scale && i < k->size; i++) out[i] *= scale_at(k, head, i);
}

static void store_row(const cache *k, void *data, size_t row, size_t head, const float *in) {
    if (!k->scale) {
        ig_from_f32(k->dtype, data, row * k->size, k->size, in);
        return;
    }
    float low = k->bits == 4 ? -8 : -128, high = -low - 1;
    uint8_t *packed = (uint8_t *)data + row * ((k->size + 1) / 2);
    if (k->bits == 4) memset(packed, 0, (k->size + 1) / 2);
    for (size_t i = 0; i < k->size; i++) {
        float v = in[i] / scale_at(k, head, i), q = ig_round_f32(v);
        q = q < low ? low : q > high ? high : q;
        if (k->bits == 4)
            packed[i / 2] |= (uint8_t)((unsigned)((int)q + 8) << (i % 2 * 4));
        else if (k->dtype == IG_F8E4M3FN)
            ig_from_f32(k->dtype, data, row * k->size + i, 1, &v);
        else
            ((uint8_t *)data)[row * k->size + i] = (uint8_t)((int)q + (k->dtype == IG_U8 ? 128 : 0));
    }
}

/* The past and what is new behind it, text by text; what the output keeps is what the attention sees. */
static ig_status join(ig_call *c, const work *j, size_t past_input, size_t out, const char *quant, size_t scale_input,
                      ig_head_operand *o) {
    const ig_tensor *past = input(c, past_input);
    ig_tensor *kept = output(c, out);
    cache k;
    IG_TRY(cache_of(c, j, past, out, quant, scale_input, &k));
    size_t old = past && past->rank == 4 ? (size_t)past->dims[2] : 0,
           room = kept ? (size_t)kept->dims[2] : ig_max_size(old, j->total);
    size_t last = k.bits == 4 ? (j->size + 1) / 2 : j->size;
    if (past && (past->rank != 4 || past->dims[0] != (int64_t)j->batch || past->dims[1] != (int64_t)j->kv_heads ||
                 past->dims[3] != (int64_t)last))
        return ig_call_fail(c, "the past has another shape than what follows it");
    if (room < j->total) return ig_call_fail(c, "a cache of %zu positions has no room for %zu", room, j->total);
    float *all = ig_call_scratch(c, j->batch * j->kv_heads * room * j->size * sizeof *all),
          *row = ig_call_scratch(c, j->size * sizeof *row);
    if (!all || !row) return ig_oom(c->err);
    for (size_t b = 0; b < j->batch; b++)
        for (size_t h = 0; h < j->kv_heads; h++) {
            size_t unit = b * j->kv_heads + h, before = (size_t)j->past[b];
            if (before > old) return ig_call_fail(c, "text %zu has %zu past positions, the cache %zu", b, before, old);
            for (size_t r = 0; r < room; r++) {
                float *to = all + (unit * room + r) * j->size;
                bool new = r >= before &&r < before + j->rows;
                if (new)
                    memcpy(to, row_of(o, b, h, r - before), j->size * sizeof *to);
                else if (r < old)
                    load_row(&k, past->data, unit * old + r, h, to);
                else
                    memset(to, 0, j->size * sizeof *to);
                if (kept) store_row(&k, kept->data, unit * room + r, h, to);
                if (!new || !k.scale) continue;
                store_row(&k, row, 0, h, to); /* what is new is seen as it will be found again */
                load_row(&k, row, 0, h, to);
            }
        }
    o->rows = room;
    o->step = ig_heads_first(j->kv_heads, room, j->size);
    o->data = all;
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------------------------------- run */

static ig_status make_outputs(ig_call *c, const work *j) {
    const ig_tensor *past = input(c, PAST_KEY);
    ig_dtype dtype = c->in[QUERY]->dtype;
    int64_t rows = ig_max_i64((int64_t)j->total, past && past->rank == 4 ? past->dims[2] : 0),
            last = past && past->rank == 4 ? past->dims[3] : (int64_t)j->size;
    for (size_t o = 1; o < 3; o++)
        if (o < c->n_out && c->wanted[o])
            IG_TRY(ig_call_output(c, o, past ? past->dtype : dtype, 4,
                                  (int64_t[]){(int64_t)j->batch, (int64_t)j->kv_heads, rows, last}));
    if (c->n_out > 3 && c->wanted[3])
        IG_TRY(ig_call_output(c, 3, dtype, 4,
                              (int64_t[]){(int64_t)j->batch, (int64_t)j->heads, (int64_t)j->rows, (int64_t)j->total}));
    return ig_call_output(c, 0, dtype, 3, (int64_t[]){(int64_t)j->batch, (int64_t)j->rows, (int64_t)(j->heads * j->size)});
}

static ig_status set_sink(ig_call *c, ig_attention *a) {
    const ig_tensor *sink = input(c, SINK);
    const void *data;
    if (sink) {
        if (sink->count != a->heads) return ig_call_fail(c, "head_sink has %zu entries for %zu heads", sink->count, a->heads);
        IG_TRY(ig_real_in(c, sink, IG_F32, &data));
        a->sink = data;
    } else if (has_attr(c->node, "smooth_softmax") && ig_attr_int(c->node, "smooth_softmax") > 0) {
        float *zeros = ig_call_scratch(c, a->heads * sizeof *zeros);
        if (!zeros) return ig_oom(c->err);
        memset(zeros, 0, a->heads * sizeof *zeros);
        a->sink = zeros;
    }
    return IG_OK;
}

static ig_status run(ig_call *c) {
    const ig_node *node = c->node;
    work j = {.heads = (size_t)ig_attr_int(node, "num_heads"), .kv_heads = (size_t)ig_attr_int(node, "kv_num_heads")};
    ig_attention a = {.type = IG_F32};
    void *y, *scores = NULL;
    if (ig_attr_int(node, "sliding_window_cache")) {
        ig_fail(c->err, IG_E_UNSUPPORTED, "GroupQueryAttention with sliding_window_cache is not supported");
        ig_error_hint(c->err, "export the model with a cache of the whole sequence");
        return IG_E_UNSUPPORTED;
    }
    IG_TRY(get(c, &j));
    IG_TRY(get_lengths(c, &j));
    IG_TRY(make_outputs(c, &j));
    IG_TRY(normalize(c, &j.q, input(c, Q_NORM)));
    IG_TRY(normalize(c, &j.k, input(c, K_NORM)));
    if (ig_attr_int(node, "do_rotary")) {
        IG_TRY(rotate(c, &j, &j.q));
        IG_TRY(rotate(c, &j, &j.k));
    }
    IG_TRY(join(c, &j, PAST_KEY, 1, "k_quant_type", K_SCALE, &j.k));
    IG_TRY(join(c, &j, PAST_VALUE, 2, "v_quant_type", V_SCALE, &j.v));
    j.k.rows = j.v.rows = j.total;
    IG_TRY(ig_heads_set(c, &a, &j.q, &j.k, &j.v));
    float scale = ig_attr_given(node, "scale") ? ig_attr_float(node, "scale") : 0;
    a.scale = scale != 0 ? (double)scale : 1 / sqrt((double)j.size);
    a.softcap = (double)ig_attr_float(node, "softcap");
    a.causal = ig_attr_int(node, "causal") != 0;
    a.offset = j.past;
    a.valid = j.valid;
    int64_t window = ig_attr_int(node, "local_window_size");
    if (window > 0) a.left = ig_min_i64(window, INT32_MAX) - 1;
    if (input(c, BIAS)) IG_TRY(ig_attention_mask(c, &a, input(c, BIAS)));
    IG_TRY(set_sink(c, &a));
    IG_TRY(ig_real_out(c, 0, IG_F32, &y));
    if (output(c, 3)) {
        IG_TRY(ig_real_out(c, 3, IG_F32, &scores));
        a.scores = scores;
        a.scores_stage = ig_attr_int(node, "qk_output") == 2 ? IG_SCORES_SOFTMAX : IG_SCORES_BIASED;
    }
    a.y = y;
    a.y_step = ig_heads_last(j.heads, j.rows, j.size);
    IG_TRY(ig_attention_run(c, &a));
    ig_real_done(c, 0, IG_F32, y);
    if (scores) ig_real_done(c, 3, IG_F32, scores);
    return IG_OK;
}

const ig_op ig_op_ms_group_query_attention = {"com.microsoft", "GroupQueryAttention", 1, 0, 0, infer, run, NULL, NULL};
