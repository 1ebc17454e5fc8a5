/* Two operators of com.microsoft for sequence models: NGramRepeatBlock and DynamicTimeWarping. */
#include "ops/args.h"

#include <math.h>

/* ---------------------------------------------------------------------------------------------------- NGramRepeatBlock */

static ig_status infer_ngram(ig_infer *c) {
    ig_shape ids, scores;
    bool both = ig_infer_shape(c, 0, &ids) && ig_infer_shape(c, 1, &scores);
    if (both && (ids.rank != 2 || scores.rank != 2 || ig_dim_differ(ids.dims[0], scores.dims[0])))
        return ig_infer_fail(c, "input_ids and scores must be [batch, length] and [batch, vocabulary]");
    if (ig_attr_int(c->node, "ngram_size") < 1) return ig_infer_fail(c, "ngram_size isn't positive");
    return ig_infer_set_type(c, 0, c->n_in > 1 ? c->in[1] : NULL);
}

/* A token that would complete an n-gram which is already there gets the score -inf. */
static ig_status run_ngram(ig_call *c) {
    const ig_tensor *ids = c->in[0];
    IG_TRY(ig_call_copy(c, 1, 0));
    bool types = ids->kind == IG_KIND_TENSOR && ids->dtype == IG_I64 && c->out[0]->dtype == IG_F32;
    if (!types || ids->rank != 2 || c->out[0]->rank != 2 || ids->dims[0] != c->out[0]->dims[0])
        return ig_call_fail(c, "input_ids must be int64 [batch, length], scores float [batch, vocabulary]");
    int64_t n = ig_attr_int(c->node, "ngram_size"), length = ids->dims[1], vocabulary = c->out[0]->dims[1];
    for (int64_t b = 0; b < ids->dims[0]; b++) {
        const int64_t *row = (const int64_t *)ids->data + b * length, *tail = row + (length - (n - 1));
        float *scores = (float *)c->out[0]->data + b * vocabulary;
        for (int64_t i = 0; n <= length && i + n <= length; i++) {
            if (memcmp(row + i, tail, (size_t)(n - 1) * sizeof *row) != 0) continue;
            int64_t token = row[i + n - 1];
            if (token < 0 || token >= vocabulary)
                return ig_call_fail(c, "token %lld is outside the vocabulary of %lld", (long long)token, (long long)vocabulary);
            scores[token] = -INFINITY;
        }
    }
    return IG_OK;
}

const ig_op ig_op_ms_ngram_repeat_block = {
    .name = "NGramRepeatBlock", .domain = "com.microsoft", .since = 1, .infer = infer_ngram, .run = run_ngram};

/* -------------------------------------------------------------------------------------------------- DynamicTimeWarping */

static ig_status infer_time_warping(ig_infer *c) {
    ig_shape x, y = {2, {ig_dim_of(2), ig_dim_unknown()}};
    if (ig_infer_shape(c, 0, &x) && x.rank != 2 && (x.rank != 3 || ig_dim_differ(x.dims[0], ig_dim_of(1))))
        return ig_infer_fail(c, "the costs must be [M, N] or [1, M, N]");
    return ig_infer_set(c, 0, IG_I32, &y);
}

enum { DIAGONAL, UP, LEFT };

/* The cheapest way to each point from the points above and to the left; what came last is remembered for the way back. */
static void warp(const float *x, size_t rows, size_t columns, float *cost, uint8_t *trace) {
    size_t pitch = columns + 1;
    for (size_t i = 0; i <= rows; i++) trace[i * pitch] = UP;
    for (size_t j = 0; j <= columns; j++) {
        trace[j] = LEFT;
        cost[j] = INFINITY;
    }
    cost[0] = 0;
    for (size_t i = 1; i <= rows; i++) {
        float diagonal = cost[0];
        cost[0] = INFINITY;
        for (size_t j = 1; j <= columns; j++) {
            float up = cost[j], left = cost[j - 1], best = left;
            uint8_t from = LEFT;
            if (diagonal < up && diagonal < left) {
                best = diagonal;
                from = DIAGONAL;
            } else if (up < diagonal && up < left) {
                best = up;
                from = UP;
            }
            diagonal = up;
            cost[j] = x[(i - 1) * columns + j - 1] + best;
            trace[i * pitch + j] = from;
        }
    }
}

static ig_status run_time_warping(ig_call *c) {
    const ig_tensor *x = c->in[0];
    if (x->kind != IG_KIND_TENSOR || x->dtype != IG_F32 || x->rank < 2 || x->count == 0)
        return ig_call_fail(c, "there are no costs");
    size_t rows = (size_t)ig_tensor_dim(x, -2), columns = (size_t)ig_tensor_dim(x, -1), n = 0, cells;
    if (ig_mul_overflows(rows + 1, columns + 1, &cells)) return ig_oom(c->err);
    float *cost = ig_call_scratch(c, (columns + 1) * sizeof(float));
    uint8_t *trace = ig_call_scratch(c, cells);
    int32_t *path = ig_call_scratch(c, (rows + columns) * 2 * sizeof(int32_t)); /* from the end */
    if (!cost || !trace || !path) return ig_oom(c->err);
    warp(x->data, rows, columns, cost, trace);
    for (size_t i = rows, j = columns; i > 0 && j > 0; n++) {
        path[2 * n] = (int32_t)(i - 1);
        path[2 * n + 1] = (int32_t)(j - 1);
        uint8_t from = trace[i * (columns + 1) + j];
        i -= from != LEFT;
        j -= from != UP;
    }
    IG_TRY(ig_call_output(c, 0, IG_I32, 2, (int64_t[]){2, (int64_t)n}));
    int32_t *out = c->out[0]->data;
    for (size_t k = 0; k < n; k++) {
        out[k] = path[2 * (n - 1 - k)];
        out[n + k] = path[2 * (n - 1 - k) + 1];
    }
    return IG_OK;
}

const ig_op ig_op_ms_dynamic_time_warping = {.name = "DynamicTimeWarping",
                                             .domain = "com.microsoft",
                                             .since = 1,
                                             .flags = IG_OP_DYNAMIC,
                                             .infer = infer_time_warping,
                                             .run = run_time_warping};
