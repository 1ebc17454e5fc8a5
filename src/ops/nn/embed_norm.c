/* EmbedLayerNormalization and QEmbedLayerNormalization of onnxruntime: rows of up to three embedding tables added and
 * normalized. */
#include "ops/nn/norm.h"
#include "ops/nn/reals.h"

/* Inputs by number; -1: there is none. The quantized form has a scale and a zero point for each table. */
typedef struct form {
    int segment_table, gamma, beta, mask, positions;
    int scale, zero; /* of the word table; the others follow in the order word, position, segment, gamma, beta */
} form;

enum { WORD, POSITION, SEGMENT, GAMMA, BETA, TABLES };

static form form_of(const ig_node *node) {
    return node->schema->name[0] == 'Q' ? (form){4, 5, 6, 7, -1, 8, 13} : (form){4, 5, 6, 7, 8, -1, -1};
}

static ig_status infer(ig_infer *c) {
    ig_shape ids, table, out, mask = {.rank = 1};
    bool has_ids = ig_infer_shape(c, 0, &ids), has_table = ig_infer_shape(c, 2, &table);
    if (has_ids && ids.rank != 2) return ig_infer_fail(c, "input_ids has rank %d, not 2", ids.rank);
    if (has_table && table.rank != 2) return ig_infer_fail(c, "the word embedding has rank %d, not 2", table.rank);
    out.rank = 3;
    for (int k = 0; k < 2; k++) out.dims[k] = has_ids ? ids.dims[k] : ig_dim_unknown();
    out.dims[2] = has_table ? table.dims[1] : ig_dim_unknown();
    mask.dims[0] = out.dims[0];
    ig_dtype dtype = c->node->schema->name[0] == 'Q' ? IG_F32 : ig_infer_dtype(c, 2);
    IG_TRY(ig_infer_set(c, 0, dtype, &out));
    IG_TRY(ig_infer_set(c, 1, IG_I32, &mask));
    return ig_infer_set(c, 2, dtype, &out);
}

static const ig_tensor *input(const ig_call *c, int i) { return i >= 0 && (size_t)i < c->n_in ? c->in[i] : NULL; }

/* The elements of table t as floats. */
static ig_status table_of(ig_call *c, const form *f, int t, const float **data) {
    static const int inputs[TABLES] = {2, 3, 4, 5, 6};
    const ig_tensor *q = input(c, inputs[t]);
    *data = NULL;
    if (!q) return IG_OK;
    if (f->scale < 0) {
        const void *p;
        IG_TRY(ig_real_in(c, q, IG_F32, &p));
        *data = p;
        return IG_OK;
    }
    const ig_tensor *scale = input(c, f->scale + t), *zero = input(c, f->zero + t);
    if (!scale || !zero || !scale->count || !zero->count) return ig_call_fail(c, "table %d has no scale or zero point", t);
    float s = *(const float *)scale->data, z = (float)ig_load_as_i64(zero->dtype, zero->data, 0);
    float *out = ig_call_scratch(c, q->count * sizeof *out);
    if (!out) return ig_oom(c->err);
    ig_to_f32(q->dtype, q->data, 0, q->count, out);
    for (size_t i = 0; i < q->count; i++) out[i] = (out[i] - z) * s;
    *data = out;
    return IG_OK;
}

static ig_status check_table(ig_call *c, const ig_tensor *t, int rank, size_t hidden, const char *name) {
    if (t->rank != rank || (size_t)t->dims[rank - 1] != hidden)
        return ig_call_fail(c, "the %s doesn't fit the word embedding", name);
    return IG_OK;
}

/* Adds row `id` of a table to `sum`; false when there is no such row. */
static bool add_row(const ig_tensor *table, const float *data, int64_t id, size_t hidden, float *sum) {
    if (id < 0 || id >= table->dims[0]) return false;
    for (size_t i = 0; i < hidden; i++) sum[i] += data[(size_t)id * hidden + i];
    return true;
}

static ig_status embed(ig_call *c, const form *f, const float *const *tables, size_t hidden, float *sums) {
    const ig_tensor *ids = c->in[0], *segments = c->in[1], *positions = input(c, f->positions);
    size_t length = (size_t)ids->dims[1];
    if (segments && segments->count != ids->count) return ig_call_fail(c, "segment_ids has another shape than input_ids");
    if (segments && !tables[SEGMENT]) return ig_call_fail(c, "segment_ids are given, a segment embedding is not");
    if (positions && positions->count != ids->count && positions->count != length)
        return ig_call_fail(c, "position_ids has %zu entries for %zu words", positions->count, ids->count);
    for (size_t i = 0; i < ids->count; i++) {
        float *sum = sums + i * hidden;
        int64_t word = ((const int32_t *)ids->data)[i], position = (int64_t)(i % length);
        int64_t segment = segments ? ((const int32_t *)segments->data)[i] : 0;
        if (positions) position = ((const int32_t *)positions->data)[positions->count == length ? i % length : i];
        memset(sum, 0, hidden * sizeof *sum);
        if (!add_row(c->in[2], tables[WORD], word, hidden, sum))
            return ig_call_fail(c, "word %lld is not in the table", (long long)word);
        if (!add_row(c->in[3], tables[POSITION], position, hidden, sum))
            return ig_call_fail(c, "position %lld is not in the table", (long long)position);
        if (segments && !add_row(c->in[4], tables[SEGMENT], segment, hidden, sum))
            return ig_call_fail(c, "segment %lld is not in the table", (long long)segment);
    }
    return IG_OK;
}

/* How many words of each text count. */
static ig_status store_mask_index(ig_call *c, const form *f) {
    const ig_tensor *ids = c->in[0], *mask = input(c, f->mask);
    ig_tensor *t = c->n_out > 1 ? c->out[1] : NULL;
    if (mask && mask->count != ids->count) return ig_call_fail(c, "the mask has another shape than input_ids");
    size_t length = (size_t)ids->dims[1];
    for (size_t b = 0; t && b < (size_t)ids->dims[0]; b++) {
        int32_t n = 0;
        for (size_t i = 0; mask && i < length; i++) n += ((const int32_t *)mask->data)[b * length + i] == 1;
        ((int32_t *)t->data)[b] = n;
    }
    return IG_OK;
}

static ig_status run(ig_call *c) {
    form f = form_of(c->node);
    const float *tables[TABLES];
    size_t hidden = (size_t)c->in[2]->dims[1], rows = c->in[0]->count;
    void *y, *kept = NULL;
    IG_TRY(check_table(c, c->in[3], 2, hidden, "position embedding"));
    if (input(c, f.segment_table)) IG_TRY(check_table(c, input(c, f.segment_table), 2, hidden, "segment embedding"));
    IG_TRY(check_table(c, c->in[f.gamma], 1, hidden, "gamma"));
    IG_TRY(check_table(c, c->in[f.beta], 1, hidden, "beta"));
    for (int t = 0; t < TABLES; t++) IG_TRY(table_of(c, &f, t, &tables[t]));
    IG_TRY(store_mask_index(c, &f));
    if (!c->out[0])
        IG_TRY(ig_call_output(c, 0, f.scale < 0 ? c->in[2]->dtype : IG_F32, 3,
                              (int64_t[]){c->in[0]->dims[0], c->in[0]->dims[1], (int64_t)hidden}));
    IG_TRY(ig_real_out(c, 0, IG_F32, &y));
    IG_TRY(embed(c, &f, tables, hidden, y));
    if (c->n_out > 2 && c->out[2]) {
        IG_TRY(ig_real_out(c, 2, IG_F32, &kept));
        if (c->out[2]->bytes) memcpy(kept, y, rows * hidden * sizeof(float));
        ig_real_done(c, 2, IG_F32, kept);
    }
    for (size_t r = 0; r < rows; r++) {
        float *row = (float *)y + r * hidden;
        ig_moments m = ig_moments_f32(row, hidden, true, (double)ig_attr_float(c->node, "epsilon"));
        ig_normalize_f32(row, row, hidden, m, tables[GAMMA], tables[BETA]);
    }
    ig_real_done(c, 0, IG_F32, y);
    return IG_OK;
}

const ig_op ig_op_ms_embed_layer_normalization = {"com.microsoft", "EmbedLayerNormalization", 1, 0, 0, infer, run, NULL, NULL};
const ig_op ig_op_ms_q_embed_layer_normalization = {
    "com.microsoft", "QEmbedLayerNormalization", 1, 0, 0, infer, run, NULL, NULL};
