/* Operators of com.microsoft on hidden states that come in several streams (hyper-connections): BranchwiseRMSNorm,
 * GatedRMSNorm, HyperConnectionPreMix, HyperConnectionPostMix, EngramGate. All compute in float. */
#include "ops/loops/real.h"
#include "ops/nn/reals.h"

static const ig_tensor *input(const ig_call *c, size_t i) { return i < c->n_in ? c->in[i] : NULL; }

/* `rows` times `branches` streams of n numbers each, one behind the other. */
typedef struct streams {
    size_t rows, branches, n;
} streams;

/* Streams are the dim before the last, or parts of the last one when num_branches says how many. */
static ig_status streams_of(ig_call *c, const ig_tensor *x, streams *s) {
    int64_t count = ig_attr_int(c->node, "num_branches"), last = x->rank ? x->dims[x->rank - 1] : 0;
    if (x->rank < (count ? 1 : 2) || count < 0) return ig_call_fail(c, "an input of rank %d has no streams", x->rank);
    s->branches = (size_t)(count ? count : x->dims[x->rank - 2]);
    if (count && last % count)
        return ig_call_fail(c, "%lld numbers can't be cut in %lld streams", (long long)last, (long long)count);
    s->n = (size_t)(count ? last / count : last);
    s->rows = x->count && s->n ? x->count / (s->branches * s->n) : 0;
    return IG_OK;
}

typedef struct job {
    streams s;
    size_t rows; /* of what is done in parallel */
    const float *x, *gate, *scale, *value, *mix, *y_in;
    size_t gate_n; /* numbers of the gate for a stream: 1 or n */
    float *y, *normed;
    float factor, epsilon;
    bool silu;
} job;

static float inverse_root(const float *x, size_t n, float epsilon) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    return (float)(1 / sqrt(sum / (double)n + (double)epsilon));
}

/* Inputs [0, n) as floats, room for output 0; the work goes over `items`. */
static ig_status run_job(ig_call *c, job *j, const float **in[], size_t n, size_t items, ig_range_fn fn) {
    for (size_t i = 0; i < n; i++) {
        const void *data;
        IG_TRY(ig_real_in(c, input(c, i), IG_F32, &data));
        *in[i] = data;
    }
    void *y;
    IG_TRY(ig_real_out(c, 0, IG_F32, &y));
    j->y = y;
    size_t per_item = items ? c->in[0]->count / items : 1;
    ig_parallel(c->threads, items, 1 + 4096 / (per_item + 1), fn, j);
    ig_real_done(c, 0, IG_F32, y);
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------------ norms */

static void branch_norm(void *arg, size_t begin, size_t end) {
    const job *j = arg;
    size_t n = j->s.n;
    for (size_t i = begin; i < end; i++) {
        const float *x = j->x + i * n, *scale = j->scale ? j->scale + i % j->s.branches * j->gate_n : NULL;
        float by = inverse_root(x, n, j->epsilon);
        for (size_t k = 0; k < n; k++) j->y[i * n + k] = x[k] * by * (scale ? scale[k] : 1);
    }
}

static ig_status run_branch_norm(ig_call *c) {
    const ig_tensor *scale = input(c, 1);
    job j = {.epsilon = ig_attr_float(c->node, "epsilon")};
    IG_TRY(streams_of(c, c->in[0], &j.s));
    if (scale && scale->count != j.s.n && scale->count != j.s.n * j.s.branches)
        return ig_call_fail(c, "the scale has %zu entries for %zu streams of %zu", scale->count, j.s.branches, j.s.n);
    j.gate_n = scale && scale->count != j.s.n ? j.s.n : 0; /* one scale for all streams */
    return run_job(c, &j, (const float **[]){&j.x, &j.scale}, 2, j.s.rows * j.s.branches, branch_norm);
}

static void gated_norm(void *arg, size_t begin, size_t end) {
    const job *j = arg;
    size_t n = j->s.n;
    for (size_t i = begin; i < end; i++) {
        const float *x = j->x + i * n, *gate = j->gate + i * n;
        float by = inverse_root(x, n, j->epsilon);
        for (size_t k = 0; k < n; k++) {
            float g = IG_SIGMOID(gate[k]);
            j->y[i * n + k] = x[k] * by * j->scale[k] * (j->silu ? gate[k] * g : g);
        }
    }
}

static ig_status run_gated_norm(ig_call *c) {
    const ig_tensor *x = c->in[0];
    job j = {.epsilon = ig_attr_float(c->node, "epsilon"), .silu = !ig_attr_is(c->node, "activation", "sigmoid")};
    if (j.silu && !ig_attr_is(c->node, "activation", "silu") && !ig_attr_is(c->node, "activation", "swish"))
        return ig_call_fail(c, "activation must be silu, swish or sigmoid");
    j.s.n = c->in[1]->count;
    if (x->rank == 0 || j.s.n == 0 || (size_t)x->dims[x->rank - 1] % j.s.n || c->in[2]->count != x->count)
        return ig_call_fail(c, "the gate must have the shape of X, whose last dim is a multiple of the scale's length");
    return run_job(c, &j, (const float **[]){&j.x, &j.scale, &j.gate}, 3, x->count / j.s.n, gated_norm);
}

/* ------------------------------------------------------------------------------------------------------------------ mixes */

static ig_status infer_pre_mix(ig_infer *c) {
    ig_shape x;
    int64_t count = ig_attr_int(c->node, "num_branches");
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, ig_infer_dtype(c, 0), NULL);
    if (x.rank < (count ? 1 : 2)) return ig_infer_fail(c, "an input of rank %d has no streams", x.rank);
    if (count) {
        x.dims[x.rank - 1] = ig_dim_floor_div(c->syms, x.dims[x.rank - 1], ig_dim_of(count));
    } else {
        x.dims[x.rank - 2] = x.dims[x.rank - 1];
        x.rank--;
    }
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &x);
}

/* How many numbers of a gate belong to one stream: 1 or n. */
static ig_status gate_of(ig_call *c, const ig_tensor *gate, job *j) {
    size_t all = j->s.rows * j->s.branches;
    j->gate_n = gate->count == all ? 1 : j->s.n;
    if (gate->count != all * j->gate_n)
        return ig_call_fail(c, "the gate has %zu entries for %zu streams of %zu", gate->count, all, j->s.n);
    return IG_OK;
}

static void pre_mix(void *arg, size_t begin, size_t end) {
    const job *j = arg;
    size_t n = j->s.n, branches = j->s.branches, step = j->gate_n > 1 ? 1 : 0;
    for (size_t row = begin; row < end; row++)
        for (size_t k = 0; k < n; k++) {
            float sum = 0;
            for (size_t b = 0; b < branches; b++) {
                size_t i = row * branches + b;
                sum += j->x[i * n + k] * j->gate[i * j->gate_n + k * step];
            }
            j->y[row * n + k] = sum * j->factor;
        }
}

static ig_status run_pre_mix(ig_call *c) {
    job j = {.factor = ig_attr_float(c->node, "reduction_scale")};
    IG_TRY(streams_of(c, c->in[0], &j.s));
    IG_TRY(gate_of(c, c->in[1], &j));
    if (c->out[0]->count != j.s.rows * j.s.n) return ig_call_fail(c, "the streams are empty");
    return run_job(c, &j, (const float **[]){&j.x, &j.gate}, 2, j.s.rows, pre_mix);
}

static void post_mix(void *arg, size_t begin, size_t end) {
    const job *j = arg;
    size_t n = j->s.n, branches = j->s.branches, step = j->gate_n > 1 ? 1 : 0;
    for (size_t row = begin; row < end; row++) {
        const float *x = j->x + row * branches * n, *mix = j->mix ? j->mix + row * branches * branches : NULL;
        for (size_t b = 0; b < branches; b++) {
            size_t i = row * branches + b;
            for (size_t k = 0; k < n; k++) {
                float sum = mix ? 0 : x[b * n + k];
                for (size_t from = 0; mix && from < branches; from++) sum += mix[from * branches + b] * x[from * n + k];
                j->y[i * n + k] = sum + j->gate[i * j->gate_n + k * step] * j->value[row * n + k];
            }
        }
    }
}

static ig_status run_post_mix(ig_call *c) {
    job j = {0};
    const ig_tensor *mix = input(c, 3);
    IG_TRY(streams_of(c, c->in[0], &j.s));
    IG_TRY(gate_of(c, c->in[2], &j));
    if (c->in[1]->count != j.s.rows * j.s.n || (mix && mix->count != j.s.rows * j.s.branches * j.s.branches))
        return ig_call_fail(c, "block_output and stream_mix must fit the streams");
    return run_job(c, &j, (const float **[]){&j.x, &j.value, &j.gate, &j.mix}, 4, j.s.rows, post_mix);
}

/* ------------------------------------------------------------------------------------------------------------- EngramGate */

static ig_status infer_engram(ig_infer *c) {
    ig_shape x;
    bool known = ig_infer_shape(c, 0, &x);
    if (known && x.rank != 4) return ig_infer_fail(c, "key has rank %d, 4 is wanted", x.rank);
    for (size_t i = 0; i < c->n_out; i++) IG_TRY(ig_infer_set(c, i, ig_infer_dtype(c, 0), known ? &x : NULL));
    return IG_OK;
}

static void engram(void *arg, size_t begin, size_t end) {
    const job *j = arg;
    size_t n = j->s.n;
    for (size_t i = begin; i < end; i++) {
        size_t stream = i % j->s.branches;
        const float *key = j->x + i * n, *query = j->y_in + i * n, *value = j->value + i / j->s.branches * n;
        const float *key_scale = j->scale + stream * n, *query_scale = j->gate + stream * n;
        float by = inverse_root(key, n, j->epsilon) * inverse_root(query, n, j->epsilon), dot = 0;
        for (size_t k = 0; k < n; k++) dot += key[k] * key_scale[k] * query[k] * query_scale[k];
        dot = dot * by / sqrtf((float)n);
        float size = sqrtf(fmaxf(fabsf(dot), 1e-6f)), gate = IG_SIGMOID(dot > 0 ? size : dot < 0 ? -size : 0 * dot);
        for (size_t k = 0; k < n; k++) j->y[i * n + k] = gate * value[k];
        if (!j->normed) continue;
        by = inverse_root(j->y + i * n, n, j->epsilon);
        for (size_t k = 0; k < n; k++) j->normed[i * n + k] = j->y[i * n + k] * by * j->mix[stream * n + k];
    }
}

static ig_status run_engram(ig_call *c) {
    const ig_tensor *key = c->in[0], *conv = input(c, 5);
    if (key->rank != 4) return ig_call_fail(c, "key has rank %d, 4 is wanted", key->rank);
    job j = {.s = {(size_t)(key->dims[0] * key->dims[1]), (size_t)key->dims[2], (size_t)key->dims[3]},
             .epsilon = ig_attr_float(c->node, "epsilon")};
    size_t scales = j.s.branches * j.s.n;
    bool wants = c->n_out > 1 && c->out[1];
    if (c->in[1]->count != key->count || c->in[2]->count != j.s.rows * j.s.n || c->in[3]->count != scales ||
        c->in[4]->count != scales || (conv && conv->count != scales) || (wants && !conv))
        return ig_call_fail(c, "query, value and the scales must fit the key's shape");
    if (!c->out[0]) IG_TRY(ig_call_output(c, 0, key->dtype, key->rank, key->dims));
    void *normed = NULL;
    if (wants) IG_TRY(ig_real_out(c, 1, IG_F32, &normed));
    j.normed = normed;
    IG_TRY(run_job(c, &j, (const float **[]){&j.x, &j.y_in, &j.value, &j.scale, &j.gate, &j.mix}, 6, j.s.rows * j.s.branches,
                   engram));
    if (wants) ig_real_done(c, 1, IG_F32, normed);
    return IG_OK;
}

#define MS "com.microsoft"
const ig_op ig_op_ms_branchwise_rms_norm = {MS, "BranchwiseRMSNorm", 1, 0, 0, ig_infer_same, run_branch_norm, NULL, NULL};
const ig_op ig_op_ms_gated_rms_norm = {MS, "GatedRMSNorm", 1, 0, 0, ig_infer_same, run_gated_norm, NULL, NULL};
const ig_op ig_op_ms_hyper_connection_pre_mix = {MS, "HyperConnectionPreMix", 1, 0, 0, infer_pre_mix, run_pre_mix, NULL, NULL};
const ig_op ig_op_ms_hyper_connection_post_mix = {MS,  "HyperConnectionPostMix", 1, 0, 0, ig_infer_same, run_post_mix, NULL,
                                                  NULL};
const ig_op ig_op_ms_engram_gate = {MS, "EngramGate", 1, 0, 0, infer_engram, run_engram, NULL, NULL};
