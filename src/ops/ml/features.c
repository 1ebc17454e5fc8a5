/* ArrayFeatureExtractor, Binarizer, FeatureVectorizer, Imputer, Normalizer, OneHotEncoder, Scaler: preparing features. */
#include "ops/ml/ml.h"

#include <math.h>

/* Sizes of the work along the last axis: rows of n elements. */
static void last_axis(const ig_tensor *x, size_t *rows, size_t *n) {
    *n = x->rank ? (size_t)x->dims[x->rank - 1] : 1;
    *rows = *n ? x->count / *n : 0;
}

static ig_status infer_float_same(ig_infer *c) {
    ig_shape shape;
    bool known = ig_infer_shape(c, 0, &shape);
    return ig_infer_set(c, 0, IG_F32, known ? &shape : NULL);
}

/* ------------------------------------------------------------------------------------------------ ArrayFeatureExtractor */

static ig_status infer_extract(ig_infer *c) {
    ig_shape x, y, out = {.rank = 2};
    ig_dtype dtype = ig_infer_dtype(c, 0);
    if (!ig_infer_shape(c, 0, &x)) return dtype ? ig_infer_set(c, 0, dtype, NULL) : IG_OK;
    if (x.rank == 0) return ig_infer_fail(c, "the input is a scalar; a vector or more is needed");
    out.dims[0] = ig_dim_of(1); /* a vector counts as one row */
    if (x.rank > 1) out = x;
    ig_dim n = ig_dim_unknown();
    if (ig_infer_shape(c, 1, &y)) {
        n = ig_dim_of(1);
        for (int i = 0; i < y.rank; i++) n = ig_dim_mul(c->syms, n, y.dims[i]);
    }
    out.dims[out.rank - 1] = n;
    return ig_infer_set(c, 0, dtype, &out);
}

static ig_status run_extract(ig_call *c) {
    const ig_tensor *x = c->in[0], *y = c->in[1];
    ig_tensor *z = c->out[0];
    size_t rows, n, bytes = ig_dtype_bytes(x->dtype);
    const int64_t *at = y->data;
    last_axis(x, &rows, &n);
    if (y->count == 0) return ig_call_fail(c, "no index is given");
    for (size_t k = 0; k < y->count; k++)
        if (at[k] < 0 || (uint64_t)at[k] >= n) return ig_call_fail(c, "index %lld is outside of [0, %zu)", (long long)at[k], n);
    for (size_t r = 0; r < rows; r++) {
        for (size_t k = 0; k < y->count; k++) {
            size_t from = r * n + (size_t)at[k], to = r * y->count + k;
            if (x->dtype != IG_STRING)
                memcpy((char *)z->data + to * bytes, (const char *)x->data + from * bytes, bytes);
            else if (!ig_tensor_set_string(z, to, ig_tensor_strings(x)[from]))
                return ig_oom(c->err);
        }
    }
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------ Binarizer */

static ig_status run_binarize(ig_call *c) {
    const ig_tensor *x = c->in[0];
    ig_tensor *y = c->out[0];
    float threshold = ig_attr_float(c->node, "threshold");
    if (x->dtype == IG_F32) {
        const float *from = x->data;
        float *to = y->data;
        for (size_t i = 0; i < x->count; i++) to[i] = from[i] > threshold ? 1 : 0;
        return IG_OK;
    }
    for (size_t i = 0; i < x->count; i++) {
        bool above = ig_load_as_f64(x->dtype, x->data, i) > (double)threshold;
        ig_store_i64(y->dtype, y->data, i, above);
    }
    return IG_OK;
}

/* ---------------------------------------------------------------------------------------------------- FeatureVectorizer */

/* Each input gives as many columns as inputdimensions says: cut or filled with zeros. */
static ig_status infer_vectorize(ig_infer *c) {
    size_t n;
    const int64_t *dims = ig_attr_ints(c->node, "inputdimensions", &n);
    int64_t total = 0;
    ig_dim rows = ig_dim_unknown();
    if (n != c->n_in) return ig_infer_fail(c, "inputdimensions has %zu entries for %zu inputs", n, c->n_in);
    for (size_t i = 0; i < n; i++)
        if (dims[i] < 0 || __builtin_add_overflow(total, dims[i], &total))
            return ig_infer_fail(c, "inputdimensions[%zu] is %lld", i, (long long)dims[i]);
    ig_ml_rows(c, &rows);
    return ig_ml_set_matrix(c, 0, IG_F32, rows, total);
}

static ig_status run_vectorize(ig_call *c) {
    ig_tensor *y = c->out[0];
    size_t n_dims, n_rows = (size_t)y->dims[0], total = (size_t)y->dims[1], column = 0;
    const int64_t *dims = ig_attr_ints(c->node, "inputdimensions", &n_dims);
    float *out = y->data;
    if (y->bytes) memset(out, 0, y->bytes);
    for (size_t i = 0; i < c->n_in; i++) {
        const ig_tensor *x = c->in[i];
        size_t rows, columns, take;
        if (!ig_ml_matrix(x, &rows, &columns) || rows != n_rows)
            return ig_call_fail(c, "input %zu must have %zu rows", i, n_rows);
        take = ig_min_size(columns, (size_t)dims[i]);
        for (size_t r = 0; r < rows; r++) ig_to_f32(x->dtype, x->data, r * columns, take, out + r * total + column);
        column += (size_t)dims[i];
    }
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------------------------- Imputer */

static ig_status run_impute(ig_call *c) {
    const ig_tensor *x = c->in[0];
    ig_tensor *y = c->out[0];
    size_t rows, n, n_values;
    bool whole = ig_dtype_is_int(x->dtype);
    const float *floats = ig_attr_floats(c->node, "imputed_value_floats", &n_values);
    const int64_t *ints = NULL;
    if (whole) ints = ig_attr_ints(c->node, "imputed_value_int64s", &n_values);
    float replaced = ig_attr_float(c->node, "replaced_value_float");
    int64_t replaced_int = ig_attr_int(c->node, "replaced_value_int64");
    last_axis(x, &rows, &n);
    if (n_values != 1 && n_values != n) return ig_call_fail(c, "%zu imputed values for %zu features", n_values, n);
    if (x->bytes) memcpy(y->data, x->data, x->bytes);
    for (size_t i = 0; i < x->count; i++) {
        size_t v = n_values == 1 ? 0 : i % n;
        if (whole) {
            if (ig_load_as_i64(x->dtype, x->data, i) == replaced_int) ig_store_i64(y->dtype, y->data, i, ints[v]);
            continue;
        }
        double value = ig_load_as_f64(x->dtype, x->data, i);
        bool hit = isnan(replaced) ? isnan(value) : value == (double)replaced;
        if (hit) ig_store_f64(y->dtype, y->data, i, (double)floats[v]);
    }
    return IG_OK;
}

/* ----------------------------------------------------------------------------------------------------------- Normalizer */

static void normalize(const float *x, float *y, size_t n, char norm) {
    float sum = norm == 'M' ? -INFINITY : 0;
    for (size_t i = 0; i < n; i++) {
        float v = x[i];
        sum = norm == 'M' ? (v > sum ? v : sum) : sum + (norm == '1' ? fabsf(v) : v * v);
    }
    float root = norm == '2' ? sqrtf(sum) : sum;
    for (size_t i = 0; i < n; i++) y[i] = root != 0 ? x[i] / root : x[i];
}

/* Rows are the first axis, or the whole of a vector; deeper inputs are normalized along axis 1 by onnxruntime. */
static ig_status run_normalize(ig_call *c) {
    const ig_tensor *x = c->in[0];
    ig_str name = ig_attr_str(c->node, "norm");
    char norm = ig_str_is(name, "MAX") ? 'M' : ig_str_is(name, "L1") ? '1' : ig_str_is(name, "L2") ? '2' : 0;
    if (!norm) return ig_call_fail(c, "norm must be MAX, L1 or L2");
    if (x->rank < 1) return ig_call_fail(c, "the input is a scalar; a vector or more is needed");
    const float *from = ig_ml_floats(c, x);
    float *to = c->out[0]->data;
    if (!from) return ig_oom(c->err);
    size_t n = (size_t)(x->rank == 1 ? x->dims[0] : x->dims[1]), inner = 1;
    for (int i = 2; i < x->rank; i++) inner *= (size_t)x->dims[i];
    if (inner == 1) {
        for (size_t i = 0; n && i < x->count / n; i++) normalize(from + i * n, to + i * n, n, norm);
        return IG_OK;
    }
    float *row = ig_call_scratch(c, 2 * n * sizeof *row);
    if (!row) return ig_oom(c->err);
    for (size_t o = 0; n && inner && o < x->count / (n * inner); o++) {
        for (size_t k = 0; k < inner; k++) {
            size_t at = o * n * inner + k;
            for (size_t i = 0; i < n; i++) row[i] = from[at + i * inner];
            normalize(row, row + n, n, norm);
            for (size_t i = 0; i < n; i++) to[at + i * inner] = row[n + i];
        }
    }
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------------------- OneHotEncoder */

static ig_status infer_one_hot(ig_infer *c) {
    ig_labels cats = ig_labels_of(c->node, "cats_strings", "cats_int64s");
    ig_shape shape;
    if (ig_attr_given(c->node, "cats_strings") == ig_attr_given(c->node, "cats_int64s"))
        return ig_infer_fail(c, "exactly one of cats_strings and cats_int64s must be given");
    if (!ig_infer_shape(c, 0, &shape) || shape.rank >= IG_MAX_RANK) return ig_infer_set(c, 0, IG_F32, NULL);
    shape.dims[shape.rank++] = ig_dim_of((int64_t)cats.n);
    return ig_infer_set(c, 0, IG_F32, &shape);
}

static ig_status prepare_one_hot(ig_prepare *p) {
    ig_labels cats = ig_labels_of(p->node, "cats_strings", "cats_int64s");
    ig_table *table = p->state = ig_alloc(p->context, ig_round_up(sizeof *table, 16) + ig_table_bytes(cats.n));
    if (!table) return ig_oom(p->err);
    ig_table_init(table, (char *)table + ig_round_up(sizeof *table, 16), cats.n);
    for (size_t i = 0; i < cats.n; i++) {
        if (cats.strings)
            ig_table_add_string(table, cats.strings[i], i);
        else
            ig_table_add_number(table, cats.ints[i], i);
    }
    return IG_OK;
}

static ig_status run_one_hot(ig_call *c) {
    const ig_tensor *x = c->in[0];
    ig_labels cats = ig_labels_of(c->node, "cats_strings", "cats_int64s");
    bool zeros = ig_attr_int(c->node, "zeros") != 0;
    float *out = c->out[0]->data;
    if ((x->dtype == IG_STRING) != (cats.strings != NULL))
        return ig_call_fail(c, "the input is %s, but the categories are not", ig_dtype_name(x->dtype));
    if (c->out[0]->bytes) memset(out, 0, c->out[0]->bytes);
    for (size_t i = 0; i < x->count; i++) {
        size_t at = cats.strings ? ig_table_string(c->state, ig_tensor_strings(x)[i])
                                 : ig_table_number(c->state, ig_load_as_i64(x->dtype, x->data, i));
        if (at != SIZE_MAX)
            out[i * cats.n + at] = 1;
        else if (!zeros)
            return ig_call_fail(c, "element %zu is in no category, and the attribute zeros forbids that", i);
    }
    return IG_OK;
}

/* --------------------------------------------------------------------------------------------------------------- Scaler */

static ig_status run_scale(ig_call *c) {
    const ig_tensor *x = c->in[0];
    size_t n_scale, n_offset, rows, n;
    const float *scale = ig_attr_floats(c->node, "scale", &n_scale), *offset = ig_attr_floats(c->node, "offset", &n_offset);
    const float *from = ig_ml_floats(c, x);
    float *to = c->out[0]->data;
    last_axis(x, &rows, &n);
    if (!from) return ig_oom(c->err);
    if (n_scale != n_offset || (n_scale != 1 && n_scale != n))
        return ig_call_fail(c, "%zu offsets and %zu scales for %zu features", n_offset, n_scale, n);
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < n; i++) {
            size_t k = n_scale == 1 ? 0 : i;
            to[r * n + i] = (from[r * n + i] - offset[k]) * scale[k];
        }
    }
    return IG_OK;
}

const ig_op ig_op_array_feature_extractor = {IG_ML, "ArrayFeatureExtractor", 1, 0, 0, infer_extract, run_extract, NULL, NULL};
const ig_op ig_op_binarizer = {IG_ML, "Binarizer", 1, 0, IG_OP_INPLACE, ig_infer_same, run_binarize, NULL, NULL};
const ig_op ig_op_feature_vectorizer = {IG_ML, "FeatureVectorizer", 1, 0, 0, infer_vectorize, run_vectorize, NULL, NULL};
const ig_op ig_op_imputer = {IG_ML, "Imputer", 1, 0, 0, ig_infer_same, run_impute, NULL, NULL};
const ig_op ig_op_normalizer = {IG_ML, "Normalizer", 1, 0, 0, infer_float_same, run_normalize, NULL, NULL};
const ig_op ig_op_one_hot_encoder = {IG_ML, "OneHotEncoder", 1, 0, 0, infer_one_hot, run_one_hot, prepare_one_hot, NULL};
const ig_op ig_op_scaler = {IG_ML, "Scaler", 1, 0, 0, infer_float_same, run_scale, NULL, NULL};
