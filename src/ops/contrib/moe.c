/* com.microsoft MoE, QMoE: per token the k best of several small networks, by a router's scores. Tokens are taken together by
 * expert, so that each weight is read once however many tokens want it. */
#include "ops/op.h"

#include <float.h>
#include <math.h>

#define MS "com.microsoft"

enum { CHUNK = 256, TOKENS = 16 }; /* elements of a weight row, and tokens, that are worked on at once */

typedef enum act { RELU, GELU, SILU, IDENTITY, SWIGLU } act;

/* Experts' matrices [experts, rows, columns], of floats or of few bits with scales per row or block. */
typedef struct weights {
    const ig_tensor *data, *scales, *zeros, *bias, *global;
    size_t rows, columns, bits; /* bits 0: numbers of data's own type */
    size_t block, blocks;       /* columns per scale, scales per row */
    size_t square;              /* float8: rows and columns per scale; 0: one scale per expert */
} weights;

typedef struct moe {
    ig_call *c;
    size_t tokens, hidden, inter, experts, k;
    weights fc[3];
    act act;
    int fusion;
    float alpha, beta, limit;
    const float *x, *router, *choice; /* router: for aggregation; choice: for selection */
    bool normalize, given_weights;
    float *y;
    uint32_t *of_expert; /* tokens of each expert, k * tokens in all */
    float *share;        /* their weights */
    size_t *first;       /* experts + 1 */
} moe;

/* ----------------------------------------------------------------------------------------------------- reading a weight row */

static float scale_at(const weights *w, size_t expert, size_t row, size_t block) {
    return (float)ig_load_as_f64(w->scales->dtype, w->scales->data, (expert * w->rows + row) * w->blocks + block);
}

static unsigned bits_at(const uint8_t *p, size_t i, size_t bits) {
    size_t at = i * bits;
    return (unsigned)p[at / 8] >> (at % 8) & ((1u << bits) - 1);
}

static float zero_at(const weights *w, size_t expert, size_t row, size_t block) {
    if (!w->zeros) return (float)(1u << (w->bits - 1));
    size_t per_row = (w->blocks * w->bits + 7) / 8;
    const uint8_t *p = w->zeros->data;
    if (w->zeros->rank == 2) { /* one per row, rows side by side */
        size_t per_expert = (w->rows * w->bits + 7) / 8;
        return (float)bits_at(p + expert * per_expert, row, w->bits);
    }
    return (float)bits_at(p + (expert * w->rows + row) * per_row, block, w->bits);
}

/* Elements [from, from + n) of a row as floats. */
static void read_row(const weights *w, size_t expert, size_t row, size_t from, size_t n, float *out) {
    size_t at = expert * w->rows + row;
    if (w->bits == 0) {
        ig_to_f32(w->data->dtype, w->data->data, at * w->columns + from, n, out);
        if (!w->scales && !w->global) return;
        size_t across = w->square ? (w->columns + w->square - 1) / w->square : 1;
        size_t down = w->square ? (w->rows + w->square - 1) / w->square : 1;
        for (size_t i = 0; i < n; i++) {
            size_t s = w->square ? (expert * down + row / w->square) * across + (from + i) / w->square : expert;
            const ig_tensor *scales = w->square ? w->scales : w->global;
            out[i] *= (float)ig_load_as_f64(scales->dtype, scales->data, s);
        }
        return;
    }
    const uint8_t *p = (const uint8_t *)w->data->data + at * (w->columns * w->bits / 8);
    for (size_t i = 0; i < n;) {
        size_t block = (from + i) / w->block, end = ig_min_size(n, (block + 1) * w->block - from);
        float scale = scale_at(w, expert, row, block), zero = zero_at(w, expert, row, block);
        for (; i < end; i++) out[i] = ((float)bits_at(p, from + i, w->bits) - zero) * scale;
    }
}

/* ------------------------------------------------------------------------------------------------------------- products */

typedef struct product {
    const weights *w;
    size_t expert, n;
    const float *x; /* [n, columns] */
    float *y;       /* [n, rows] */
} product;

static void add_chunk(const float *x, size_t stride, size_t n, const float *w, size_t count, float *sums) {
    for (size_t t = 0; t < n; t++) {
        const float *v = x + t * stride;
        float part[8] = {0};
        size_t i = 0;
        for (; i + 8 <= count; i += 8)
            for (size_t k = 0; k < 8; k++) part[k] += v[i + k] * w[i + k];
        float sum = ((part[0] + part[4]) + (part[2] + part[6])) + ((part[1] + part[5]) + (part[3] + part[7]));
        for (; i < count; i++) sum += v[i] * w[i];
        sums[t] += sum;
    }
}

static void product_rows(void *arg, size_t begin, size_t end) {
    const product *p = arg;
    const weights *w = p->w;
    for (size_t row = begin; row < end; row++) {
        float bias = w->bias ? (float)ig_load_as_f64(w->bias->dtype, w->bias->data, p->expert * w->rows + row) : 0;
        for (size_t t = 0; t < p->n; t += TOKENS) {
            size_t n = ig_min_size(TOKENS, p->n - t);
            float sums[TOKENS] = {0}, chunk[CHUNK];
            for (size_t from = 0; from < w->columns; from += CHUNK) {
                size_t count = ig_min_size(CHUNK, w->columns - from);
                read_row(w, p->expert, row, from, count, chunk);
                add_chunk(p->x + t * w->columns + from, w->columns, n, chunk, count, sums);
            }
            for (size_t i = 0; i < n; i++) p->y[(t + i) * w->rows + row] = sums[i] + bias;
        }
    }
}

static void multiply(const moe *m, const weights *w, size_t expert, size_t n, const float *x, float *y) {
    product p = {w, expert, n, x, y};
    ig_parallel(m->c->threads, w->rows, 1 + 32768 / (1 + n * w->columns), product_rows, &p);
}

/* ----------------------------------------------------------------------------------------------------------- activations */

static float activate(act a, float x) {
    switch (a) {
    case RELU: return x > 0 ? x : 0;
    case GELU: return 0.5f * x * (1 + tanhf(0.79788456f * (x + 0.044715f * x * x * x)));
    case SILU: return x / (1 + expf(-x));
    default: return x;
    }
}

static float gated(const moe *m, float gate, float linear) {
    if (m->act != SWIGLU) return activate(m->act, gate) * linear;
    gate = fminf(gate, m->limit);
    linear = fminf(fmaxf(linear, -m->limit), m->limit);
    return gate / (1 + expf(-m->alpha * gate)) * (linear + m->beta);
}

/* h: [n, rows of fc1], g: [n, rows of fc3] or NULL; the result [n, inter] goes to `out`. */
static void activate_all(const moe *m, size_t n, const float *h, const float *g, float *out) {
    size_t inter = m->inter;
    for (size_t t = 0; t < n; t++) {
        for (size_t i = 0; i < inter; i++) {
            float *y = &out[t * inter + i];
            if (m->fusion == 1)
                *y = gated(m, h[(t * inter + i) * 2], h[(t * inter + i) * 2 + 1]);
            else if (m->fusion == 2)
                *y = gated(m, h[t * 2 * inter + i], h[t * 2 * inter + inter + i]);
            else if (g)
                *y = gated(m, h[t * inter + i], g[t * inter + i]);
            else
                *y = activate(m->act, h[t * inter + i]);
        }
    }
}

/* --------------------------------------------------------------------------------------------------------------- routing */

/* The k best experts of a token and their weights: probabilities over all experts, or what router_weights says. */
static void choose(const moe *m, size_t token, uint32_t *best, float *weight) {
    const float *score = m->choice + token * m->experts, *by = m->router + token * m->experts;
    float max = -FLT_MAX, sum = 0, chosen = 0;
    for (size_t e = 0; e < m->experts; e++) max = fmaxf(max, score[e]);
    for (size_t e = 0; e < m->experts; e++) sum += expf(score[e] - max);
    for (size_t i = 0; i < m->k; i++) {
        size_t at = SIZE_MAX;
        for (size_t e = 0; e < m->experts; e++) {
            bool taken = false;
            for (size_t j = 0; j < i; j++) taken |= best[j] == e;
            if (!taken && (at == SIZE_MAX || score[e] > score[at])) at = e;
        }
        best[i] = (uint32_t)at;
        weight[i] = m->given_weights ? by[at] : expf(score[at] - max) / sum;
        chosen += weight[i];
    }
    for (size_t i = 0; i < m->k && m->normalize && chosen > 0; i++) weight[i] /= chosen;
}

static ig_status route(moe *m) {
    ig_call *c = m->c;
    size_t n = m->tokens * m->k;
    uint32_t *best = ig_call_scratch(c, n * sizeof *best);
    float *weight = ig_call_scratch(c, n * sizeof *weight);
    size_t *at = ig_call_scratch(c, (m->experts + 1) * sizeof *at);
    m->of_expert = ig_call_scratch(c, n * sizeof *m->of_expert);
    m->share = ig_call_scratch(c, n * sizeof *m->share);
    m->first = ig_call_scratch(c, (m->experts + 1) * sizeof *m->first);
    if (!best || !weight || !at || !m->of_expert || !m->share || !m->first) return ig_oom(c->err);
    memset(m->first, 0, (m->experts + 1) * sizeof *m->first);
    for (size_t t = 0; t < m->tokens; t++) choose(m, t, best + t * m->k, weight + t * m->k);
    for (size_t i = 0; i < n; i++) m->first[best[i] + 1]++;
    for (size_t e = 0; e < m->experts; e++) m->first[e + 1] += m->first[e];
    memcpy(at, m->first, (m->experts + 1) * sizeof *at);
    for (size_t i = 0; i < n; i++) {
        size_t to = at[best[i]]++;
        m->of_expert[to] = (uint32_t)(i / m->k);
        m->share[to] = weight[i];
    }
    return IG_OK;
}

static ig_status run_experts(moe *m) {
    ig_call *c = m->c;
    size_t most = 0, rows = m->fc[0].rows;
    for (size_t e = 0; e < m->experts; e++) most = ig_max_size(most, m->first[e + 1] - m->first[e]);
    float *x = ig_call_scratch(c, most * m->hidden * sizeof *x), *h = ig_call_scratch(c, most * rows * sizeof *h);
    float *g = m->fc[2].data ? ig_call_scratch(c, most * m->inter * sizeof *g) : NULL;
    float *a = ig_call_scratch(c, most * m->inter * sizeof *a), *y = ig_call_scratch(c, most * m->hidden * sizeof *y);
    if (!x || !h || (m->fc[2].data && !g) || !a || !y) return ig_oom(c->err);
    for (size_t e = 0; e < m->experts; e++) {
        size_t first = m->first[e], n = m->first[e + 1] - first;
        if (n == 0) continue;
        for (size_t i = 0; i < n; i++)
            memcpy(x + i * m->hidden, m->x + m->of_expert[first + i] * m->hidden, m->hidden * sizeof *x);
        multiply(m, &m->fc[0], e, n, x, h);
        if (g) multiply(m, &m->fc[2], e, n, x, g);
        activate_all(m, n, h, g, a);
        multiply(m, &m->fc[1], e, n, a, y);
        for (size_t i = 0; i < n; i++) {
            float *out = m->y + m->of_expert[first + i] * m->hidden, share = m->share[first + i];
            for (size_t j = 0; j < m->hidden; j++) out[j] += share * y[i * m->hidden + j];
        }
    }
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------- arguments */

static const ig_tensor *input(const ig_call *c, size_t i) { return i < c->n_in ? c->in[i] : NULL; }

static const float *as_floats(ig_call *c, const ig_tensor *t) {
    if (t->dtype == IG_F32) return t->data;
    float *f = ig_call_scratch(c, t->count * sizeof *f);
    if (f) ig_to_f32(t->dtype, t->data, 0, t->count, f);
    return f;
}

static ig_status read_common(moe *m, size_t rows_of_fc1) {
    static const char *const names[] = {"relu", "gelu", "silu", "identity", "swiglu"};
    ig_call *c = m->c;
    const ig_tensor *x = c->in[0], *router = c->in[1];
    size_t a = 0;
    while (a < IG_COUNT_OF(names) && !ig_attr_is(c->node, "activation_type", names[a])) a++;
    if (a == IG_COUNT_OF(names)) return ig_call_fail(c, "activation_type has an unknown value");
    m->act = (act)a;
    m->fusion = m->act == SWIGLU ? (int)ig_attr_int(c->node, "swiglu_fusion") : 0;
    if (m->fusion < 0 || m->fusion > 2) return ig_call_fail(c, "swiglu_fusion is %d", m->fusion);
    if (m->act == SWIGLU && m->fusion == 0 && !m->fc[2].data) return ig_call_fail(c, "swiglu without fusion needs fc3");
    if (x->rank < 2 || router->rank != 2 || x->count == 0)
        return ig_call_fail(c, "the input needs tokens, the router a matrix");
    if (ig_attr_int(c->node, "use_sparse_mixer"))
        return ig_fail(c->err, IG_E_UNSUPPORTED, "%.80s: the sparse mixer is not known", ig_name_text(c->node->op));
    m->hidden = (size_t)x->dims[x->rank - 1];
    m->tokens = x->count / m->hidden;
    m->experts = (size_t)router->dims[1];
    m->k = (size_t)ig_attr_int(c->node, "k");
    m->inter = m->fusion ? rows_of_fc1 / 2 : rows_of_fc1;
    if ((size_t)router->dims[0] != m->tokens || m->k < 1 || m->k > m->experts)
        return ig_call_fail(c, "%zu tokens, router scores [%lld, %lld], k %zu", m->tokens, (long long)router->dims[0],
                            (long long)router->dims[1], m->k);
    m->alpha = ig_attr_float(c->node, "activation_alpha");
    m->beta = ig_attr_float(c->node, "activation_beta");
    m->limit = ig_attr_given(c->node, "swiglu_limit") ? ig_attr_float(c->node, "swiglu_limit") : INFINITY;
    m->normalize = ig_attr_int(c->node, "normalize_routing_weights") != 0;
    m->x = as_floats(c, x);
    m->choice = m->router = as_floats(c, router);
    return m->x && m->choice ? IG_OK : ig_oom(c->err);
}

/* Counts of everything that is read of a matrix, against its sizes. */
static bool fits(const moe *m, const weights *w) {
    size_t rows = m->experts * w->rows, values = rows * w->columns;
    if (w->bias && w->bias->count != rows) return false;
    if (w->bits == 0) {
        if (w->data->count != values) return false;
        if (w->global && w->global->count < m->experts) return false;
        if (!w->square) return true;
        size_t across = (w->columns + w->square - 1) / w->square, down = (w->rows + w->square - 1) / w->square;
        return w->scales && w->scales->count == m->experts * across * down;
    }
    if (w->columns * w->bits % 8 || w->data->dtype != IG_U8 || w->data->count != values * w->bits / 8) return false;
    if (!w->scales || w->columns % w->block || w->scales->count != rows * w->blocks) return false;
    if (!w->zeros) return true;
    size_t due = w->zeros->rank == 2 ? m->experts * ((w->rows * w->bits + 7) / 8) : rows * ((w->blocks * w->bits + 7) / 8);
    return w->zeros->dtype == IG_U8 && w->zeros->count == due && (w->zeros->rank != 2 || w->blocks == 1);
}

static ig_status finish(moe *m) {
    ig_call *c = m->c;
    ig_tensor *out = c->out[0];
    m->fc[0].columns = m->fc[2].columns = m->hidden;
    m->fc[1].rows = m->hidden;
    m->fc[1].columns = m->fc[2].rows = m->inter;
    for (size_t i = 0; i < 3; i++) {
        weights *w = &m->fc[i];
        if (!w->data) continue;
        if (w->bits && w->block == 0) w->block = w->columns;
        if (w->bits && w->block) w->blocks = w->columns / w->block;
        if (!fits(m, w)) return ig_call_fail(c, "weights, scales or biases of fc%zu have other sizes than due", i + 1);
    }
    m->y = out->dtype == IG_F32 ? out->data : ig_call_scratch(c, out->count * sizeof *m->y);
    if (!m->y) return ig_oom(c->err);
    memset(m->y, 0, out->count * sizeof *m->y);
    IG_TRY(route(m));
    IG_TRY(run_experts(m));
    if (out->dtype != IG_F32) ig_from_f32(out->dtype, out->data, 0, out->count, m->y);
    return IG_OK;
}

static ig_status run_moe(ig_call *c) {
    moe m = {.c = c};
    for (size_t i = 0; i < 3; i++) m.fc[i] = (weights){.data = input(c, 2 + 2 * i), .bias = input(c, 3 + 2 * i)};
    if (!m.fc[0].data || !m.fc[1].data || m.fc[0].data->rank != 3)
        return ig_call_fail(c, "weights [experts, rows, columns] are due");
    m.fc[0].rows = (size_t)m.fc[0].data->dims[1];
    IG_TRY(read_common(&m, m.fc[0].rows));
    return finish(&m);
}

static ig_status run_qmoe(ig_call *c) {
    static const char *const bits[] = {"fc1_expert_weight_bits", "fc2_expert_weight_bits", "fc3_expert_weight_bits"};
    moe m = {.c = c};
    bool whole = ig_attr_is(c->node, "quant_type", "int"), small = ig_attr_is(c->node, "quant_type", "fp8");
    int64_t block = ig_attr_int(c->node, "block_size");
    if (!whole && !small) return ig_fail(c->err, IG_E_UNSUPPORTED, "QMoE: only the quantization types int and fp8 are known");
    if (ig_attr_int(c->node, "weights_prepacked") == 1)
        return ig_fail(c->err, IG_E_UNSUPPORTED, "QMoE: weights in another engine's own layout");
    for (size_t i = 0; i < 3; i++) {
        int64_t n =
            ig_attr_given(c->node, bits[i]) ? ig_attr_int(c->node, bits[i]) : ig_attr_int(c->node, "expert_weight_bits");
        if (whole && n != 2 && n != 4 && n != 8) return ig_call_fail(c, "weights of %lld bits", (long long)n);
        m.fc[i] = (weights){.data = input(c, 2 + 3 * i),
                            .scales = input(c, 3 + 3 * i),
                            .bias = input(c, 4 + 3 * i),
                            .zeros = input(c, 11 + i),
                            .bits = whole ? (size_t)n : 0};
        if (whole) m.fc[i].block = block > 0 ? (size_t)block : 0;
        if (small && block > 0) m.fc[i].square = (size_t)block;
        if (small && block <= 0) m.fc[i].global = i < 2 ? input(c, 15 + i) : NULL;
    }
    if (!m.fc[0].data || !m.fc[1].data || m.fc[0].data->rank != 3)
        return ig_call_fail(c, "weights [experts, rows, columns] are due");
    m.fc[0].rows = (size_t)m.fc[0].data->dims[1];
    IG_TRY(read_common(&m, m.fc[0].rows));
    /* onnxruntime's CPU kernel takes the softmax of the chosen experts only, whatever normalize_routing_weights says. */
    if (!input(c, 14)) m.normalize = true;
    if (input(c, 14)) {
        if (input(c, 14)->count != m.tokens * m.experts)
            return ig_call_fail(c, "router_weights doesn't fit the router's scores");
        m.router = as_floats(c, input(c, 14));
        m.given_weights = true;
        if (!m.router) return ig_oom(c->err);
    }
    return finish(&m);
}

const ig_op ig_op_ms_moe = {MS, "MoE", 1, 0, 0, ig_infer_same, run_moe, NULL, NULL};
const ig_op ig_op_ms_qmoe = {MS, "QMoE", 1, 0, 0, ig_infer_same, run_qmoe, NULL, NULL};
