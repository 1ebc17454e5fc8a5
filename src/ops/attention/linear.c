/* LinearAttention of ai.onnx and of onnxruntime: a state for each head that every token reads and changes. */
#include "ops/attention/heads.h"
#include "ops/nn/reals.h"

#include <math.h>

enum { QUERY, KEY, VALUE, PAST, DECAY, BETA };

static const ig_tensor *input(const ig_call *c, size_t i) { return i < c->n_in ? c->in[i] : NULL; }

static bool heads_of(const ig_node *node, int64_t *q, int64_t *kv) {
    *q = ig_attr_int(node, "q_num_heads");
    *kv = ig_attr_int(node, "kv_num_heads");
    if (*q < 1 || *kv < 1) return false;
    return *q % *kv == 0 || (node->schema->domain[0] && *kv % *q == 0); /* onnxruntime shares queries, too */
}

/* Which of decay and update rate the rule wants, and that they are there. */
static ig_status check_rule(ig_infer *c) {
    ig_str rule = ig_attr_str(c->node, "update_rule");
    bool gated = ig_str_is(rule, "gated") || ig_str_is(rule, "gated_delta");
    bool delta = ig_str_is(rule, "delta") || ig_str_is(rule, "gated_delta");
    if (!gated && !delta && !ig_str_is(rule, "linear"))
        return ig_infer_fail(c, "update_rule '%.*s' is not known: it may be linear, gated, delta or gated_delta",
                             (int)ig_min_size(rule.n, 40), rule.s);
    if (gated && !ig_infer_has(c, DECAY))
        return ig_infer_fail(c, "update_rule '%.*s' needs the input decay", (int)rule.n, rule.s);
    if (delta && !ig_infer_has(c, BETA))
        return ig_infer_fail(c, "update_rule '%.*s' needs the input beta", (int)rule.n, rule.s);
    return IG_OK;
}

/* What heads side by side say of the size of one. */
static ig_status head_size(ig_infer *c, const char *what, ig_dim packed, int64_t heads, ig_dim *size) {
    if (ig_dim_known(packed) && packed.value % heads)
        return ig_infer_fail(c, "%lld elements of %s are not those of %lld heads", (long long)packed.value, what,
                             (long long)heads);
    *size = ig_dim_floor_div(c->syms, packed, ig_dim_of(heads));
    return IG_OK;
}

typedef struct sizes {
    ig_dim batch, rows, size, v_size;
} sizes;

static ig_status join_packed(ig_infer *c, size_t i, const char *name, int64_t heads, sizes *z, ig_dim *size) {
    ig_shape s;
    ig_dim own = ig_dim_unknown();
    if (!ig_infer_has(c, i) || !ig_infer_shape(c, i, &s)) return IG_OK;
    if (s.rank != 3) return ig_infer_fail(c, "%s has rank %d, not 3", name, s.rank);
    IG_TRY(ig_infer_join(c, "batch sizes", s.dims[0], &z->batch));
    IG_TRY(ig_infer_join(c, "lengths", s.dims[1], &z->rows));
    if (!size) return IG_OK;
    IG_TRY(head_size(c, name, s.dims[2], heads, &own));
    return ig_infer_join(c, "sizes of heads", own, size);
}

static ig_status join_past(ig_infer *c, int64_t heads, sizes *z) {
    ig_shape s;
    ig_dim own = ig_dim_of(heads);
    if (!ig_infer_has(c, PAST) || !ig_infer_shape(c, PAST, &s)) return IG_OK;
    if (s.rank != 4) return ig_infer_fail(c, "past_state has rank %d, not 4", s.rank);
    IG_TRY(ig_infer_join(c, "batch sizes", s.dims[0], &z->batch));
    IG_TRY(ig_infer_join(c, "numbers of heads", s.dims[1], &own));
    IG_TRY(ig_infer_join(c, "sizes of heads", s.dims[2], &z->size));
    return ig_infer_join(c, "sizes of heads", s.dims[3], &z->v_size);
}

/* decay is for each head or for each element of a key, beta for each head or for all. */
static ig_status check_rates(ig_infer *c, int64_t heads, const sizes *z) {
    ig_shape s;
    if (ig_infer_has(c, DECAY) && ig_infer_shape(c, DECAY, &s) && ig_dim_known(s.dims[2]) && !ig_dim_is(s.dims[2], heads) &&
        ig_dim_differ(s.dims[2], ig_dim_mul(c->syms, ig_dim_of(heads), z->size)))
        return ig_infer_fail(c, "decay has %lld entries, neither one for each of %lld heads nor one for each element of keys",
                             (long long)s.dims[2].value, (long long)heads);
    if (ig_infer_has(c, BETA) && ig_infer_shape(c, BETA, &s) && ig_dim_known(s.dims[2]) && !ig_dim_is(s.dims[2], heads) &&
        !ig_dim_is(s.dims[2], 1))
        return ig_infer_fail(c, "beta has %lld entries, not 1 or one for each of %lld heads", (long long)s.dims[2].value,
                             (long long)heads);
    return IG_OK;
}

static ig_status infer(ig_infer *c) {
    int64_t q_heads, kv_heads;
    if (!heads_of(c->node, &q_heads, &kv_heads))
        return ig_infer_fail(c, "%lld heads of queries can't share %lld heads of keys", (long long)q_heads,
                             (long long)kv_heads);
    bool onnx = !c->node->schema->domain[0];
    sizes z = {ig_dim_unknown(), ig_dim_unknown(), ig_dim_unknown(), ig_dim_unknown()};
    if (onnx) IG_TRY(check_rule(c));
    IG_TRY(join_packed(c, QUERY, "query", q_heads, &z, &z.size));
    IG_TRY(join_packed(c, KEY, "key", kv_heads, &z, &z.size));
    IG_TRY(join_packed(c, VALUE, "value", kv_heads, &z, &z.v_size));
    IG_TRY(join_past(c, kv_heads, &z));
    if (onnx) {
        IG_TRY(join_packed(c, DECAY, "decay", 1, &z, NULL));
        IG_TRY(join_packed(c, BETA, "beta", 1, &z, NULL));
        IG_TRY(check_rates(c, kv_heads, &z));
    }
    ig_shape y = {.rank = 3, .dims = {z.batch, z.rows}}, state = {.rank = 4, .dims = {z.batch, ig_dim_of(kv_heads), z.size}};
    y.dims[2] = ig_dim_mul(c->syms, z.v_size, ig_dim_of(q_heads > kv_heads ? q_heads : kv_heads));
    state.dims[3] = z.v_size;
    ig_dtype dtype = ig_infer_dtype(c, QUERY), of_state = ig_infer_has(c, PAST) ? ig_infer_dtype(c, PAST) : dtype;
    IG_TRY(ig_infer_set(c, 0, dtype, &y));
    return ig_infer_set(c, 1, of_state, &state);
}

typedef struct work {
    size_t rows, q_heads, kv_heads, out_heads, size, v_size;
    const float *q, *k, *v, *decay, *beta;
    size_t decays, betas; /* numbers of a row */
    bool delta;
    float scale;
    float *state, *y;
    float *room; /* v_size of them for each head of each text */
} work;

/* One head of one text, token by token. */
static void run_head(void *arg, size_t begin, size_t end) {
    const work *j = arg;
    size_t readers = j->out_heads / j->kv_heads;
    for (size_t unit = begin; unit < end; unit++) {
        size_t b = unit / j->kv_heads, head = unit % j->kv_heads;
        float *state = j->state + unit * j->size * j->v_size, *change = j->room + unit * j->v_size;
        for (size_t t = 0; t < j->rows; t++) {
            size_t row = b * j->rows + t;
            const float *k = j->k + (row * j->kv_heads + head) * j->size, *v = j->v + (row * j->kv_heads + head) * j->v_size;
            for (size_t i = 0; j->decay && i < j->size; i++) {
                const float *g = j->decay + row * j->decays + (j->decays == j->kv_heads ? head : head * j->size + i);
                const float by = expf(*g);
                for (size_t p = 0; p < j->v_size; p++) state[i * j->v_size + p] *= by;
            }
            memcpy(change, v, j->v_size * sizeof *v);
            if (j->delta) {
                const float beta = j->beta[row * j->betas + (j->betas == 1 ? 0 : head)];
                for (size_t i = 0; i < j->size; i++)
                    for (size_t p = 0; p < j->v_size; p++) change[p] -= state[i * j->v_size + p] * k[i];
                for (size_t p = 0; p < j->v_size; p++) change[p] *= beta;
            }
            for (size_t i = 0; i < j->size; i++)
                for (size_t p = 0; p < j->v_size; p++) state[i * j->v_size + p] += k[i] * change[p];
            for (size_t r = 0; r < readers; r++) {
                size_t out = head * readers + r, from = j->q_heads >= j->kv_heads ? out : out / (j->kv_heads / j->q_heads);
                const float *q = j->q + (row * j->q_heads + from) * j->size;
                float *y = j->y + (row * j->out_heads + out) * j->v_size;
                memset(y, 0, j->v_size * sizeof *y);
                for (size_t i = 0; i < j->size; i++)
                    for (size_t p = 0; p < j->v_size; p++) y[p] += j->scale * q[i] * state[i * j->v_size + p];
            }
        }
    }
}

/* Which of decay and update rate the rule wants, and that they are there. */
static ig_status read_rule(ig_call *c, work *j, size_t rows) {
    ig_str rule = ig_attr_str(c->node, "update_rule");
    bool gated = ig_str_is(rule, "gated") || ig_str_is(rule, "gated_delta");
    const ig_tensor *decay = input(c, DECAY), *beta = input(c, BETA);
    const void *pd, *pb;
    j->delta = ig_str_is(rule, "delta") || ig_str_is(rule, "gated_delta");
    if (!gated && !j->delta && !ig_str_is(rule, "linear"))
        return ig_call_fail(c, "update_rule '%.*s' is not known", (int)ig_min_size(rule.n, 40), rule.s);
    if (gated != (decay != NULL) || j->delta != (beta != NULL))
        return ig_call_fail(c, "update_rule '%.*s' has other inputs than decay %s and beta %s", (int)ig_min_size(rule.n, 40),
                            rule.s, decay ? "yes" : "no", beta ? "yes" : "no");
    if (decay) {
        j->decays = rows ? decay->count / rows : 0;
        if (rows && (decay->rank != 3 || (j->decays != j->kv_heads && j->decays != j->kv_heads * j->size)))
            return ig_call_fail(c, "decay has another shape than keys");
    }
    if (beta) {
        j->betas = rows ? beta->count / rows : 0;
        if (rows && (beta->rank != 3 || (j->betas != 1 && j->betas != j->kv_heads)))
            return ig_call_fail(c, "beta has another shape than keys");
    }
    IG_TRY(ig_real_in(c, decay, IG_F32, &pd));
    IG_TRY(ig_real_in(c, beta, IG_F32, &pb));
    j->decay = pd, j->beta = pb;
    return IG_OK;
}

static ig_status run(ig_call *c) {
    const ig_tensor *q = c->in[QUERY], *k = c->in[KEY], *v = c->in[VALUE], *past = input(c, PAST);
    int64_t q_heads, kv_heads;
    const void *pq, *pk, *pv, *pp;
    void *y;
    heads_of(c->node, &q_heads, &kv_heads);
    work j = {.rows = (size_t)q->dims[1], .q_heads = (size_t)q_heads, .kv_heads = (size_t)kv_heads};
    if (ig_schema_attr_find(c->node->schema, "state_window") && ig_attr_int(c->node, "state_window"))
        return ig_fail(c->err, IG_E_UNSUPPORTED, "LinearAttention with state_window is not supported");
    j.out_heads = ig_max_size(j.q_heads, j.kv_heads);
    j.size = (size_t)q->dims[2] / j.q_heads, j.v_size = (size_t)v->dims[2] / j.kv_heads;
    size_t batch = (size_t)q->dims[0], rows = batch * j.rows, units = batch * j.kv_heads, n = units * j.size * j.v_size;
    if (k->rank != 3 || k->count != rows * j.kv_heads * j.size || v->count != rows * j.kv_heads * j.v_size ||
        q->count != rows * j.q_heads * j.size)
        return ig_call_fail(c, "query, key and value have shapes that don't fit");
    if (past && past->count != n) return ig_call_fail(c, "past_state has %zu elements, not %zu", past->count, n);
    IG_TRY(read_rule(c, &j, rows));
    IG_TRY(ig_real_in(c, q, IG_F32, &pq));
    IG_TRY(ig_real_in(c, k, IG_F32, &pk));
    IG_TRY(ig_real_in(c, v, IG_F32, &pv));
    IG_TRY(ig_real_in(c, past, IG_F32, &pp));
    if (!c->out[0])
        IG_TRY(ig_call_output(c, 0, q->dtype, 3, (int64_t[]){q->dims[0], q->dims[1], (int64_t)(j.out_heads * j.v_size)}));
    IG_TRY(ig_real_out(c, 0, IG_F32, &y));
    j.q = pq, j.k = pk, j.v = pv, j.y = y;
    j.state = ig_call_scratch(c, n * sizeof *j.state);
    j.room = ig_call_scratch(c, units * j.v_size * sizeof *j.room);
    if (!j.state || !j.room) return ig_oom(c->err);
    if (n && pp)
        memcpy(j.state, pp, n * sizeof *j.state);
    else if (n)
        memset(j.state, 0, n * sizeof *j.state);
    float scale = ig_attr_float(c->node, "scale");
    j.scale = scale != 0 ? scale : 1 / sqrtf((float)j.size);
    ig_parallel(c->threads, units, 1, run_head, &j);
    ig_real_done(c, 0, IG_F32, y);
    if (c->n_out > 1 && c->out[1]) ig_from_f32(c->out[1]->dtype, c->out[1]->data, 0, n, j.state);
    return IG_OK;
}

const ig_op ig_op_linear_attention = {"", "LinearAttention", 27, 0, 0, infer, run, NULL, NULL};
const ig_op ig_op_ms_linear_attention = {"com.microsoft", "LinearAttention", 1, 0, 0, infer, run, NULL, NULL};
