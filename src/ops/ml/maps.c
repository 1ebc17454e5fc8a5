/* CastMap, DictVectorizer, ZipMap: between maps and tensors. */
#include "ops/ml/ml.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static ig_status check_map(ig_call *c) {
    const ig_tensor *x = c->in[0];
    bool is = x->kind == IG_KIND_MAP && x->n_items == 2 && x->items[0]->count == x->items[1]->count;
    return is ? IG_OK : ig_call_fail(c, "the input must be a map");
}

/* -------------------------------------------------------------------------------------------------------------- CastMap */

static ig_dtype cast_dtype(const ig_node *node) {
    return ig_attr_is(node, "cast_to", "TO_FLOAT")    ? IG_F32
           : ig_attr_is(node, "cast_to", "TO_STRING") ? IG_STRING
           : ig_attr_is(node, "cast_to", "TO_INT64")  ? IG_I64
                                                      : IG_UNDEFINED;
}

static ig_status infer_cast(ig_infer *c) {
    ig_dtype dtype = cast_dtype(c->node);
    if (!dtype) return ig_infer_fail(c, "cast_to must be TO_FLOAT, TO_STRING or TO_INT64");
    ig_shape shape = {.rank = 2};
    shape.dims[0] = ig_dim_of(1);
    shape.dims[1] = ig_dim_unknown();
    if (ig_attr_is(c->node, "map_form", "SPARSE")) shape.dims[1] = ig_dim_of(ig_attr_int(c->node, "max_map"));
    return ig_infer_set(c, 0, dtype, &shape);
}

/* A text as a number, with nothing else around it. */
static bool parse(ig_str s, bool whole, double *f, int64_t *i) {
    char text[64], *end;
    if (s.n == 0 || s.n >= sizeof text) return false;
    memcpy(text, s.s, s.n);
    text[s.n] = '\0';
    if (whole)
        *i = strtoll(text, &end, 10);
    else
        *f = (double)strtof(text, &end);
    return *end == '\0';
}

static ig_status cast_entry(ig_call *c, const ig_tensor *from, size_t k, size_t to) {
    ig_tensor *y = c->out[0];
    double f = 0;
    int64_t i = 0;
    char text[64];
    if (from->dtype == IG_STRING) {
        ig_str s = ig_tensor_strings(from)[k];
        if (y->dtype == IG_STRING) return ig_tensor_set_string(y, to, s) ? IG_OK : ig_oom(c->err);
        if (!parse(s, y->dtype == IG_I64, &f, &i)) return ig_call_fail(c, "'%.80s' is no number", s.s);
    } else {
        f = ig_load_as_f64(from->dtype, from->data, k);
        i = ig_load_as_i64(from->dtype, from->data, k);
        snprintf(text, sizeof text, "%f", f);
        if (y->dtype == IG_STRING) return ig_tensor_set_string(y, to, ig_str_c(text)) ? IG_OK : ig_oom(c->err);
    }
    if (y->dtype == IG_I64)
        ig_store_i64(IG_I64, y->data, to, i);
    else
        ig_store_f64(IG_F32, y->data, to, f);
    return IG_OK;
}

typedef struct entry {
    int64_t key;
    size_t at;
} entry;

static int by_key(const void *a, const void *b) {
    const entry *x = a, *y = b;
    return x->key < y->key ? -1 : x->key > y->key;
}

static ig_status run_cast(ig_call *c) {
    IG_TRY(check_map(c));
    const ig_tensor *keys = c->in[0]->items[0], *values = c->in[0]->items[1];
    bool sparse = ig_attr_is(c->node, "map_form", "SPARSE");
    int64_t most = ig_attr_int(c->node, "max_map");
    if (keys->dtype == IG_STRING) return ig_call_fail(c, "the map's keys must be integers");
    if (sparse && most < 1) return ig_call_fail(c, "max_map is %lld", (long long)most);
    size_t n = keys->count;
    entry *entries = ig_call_scratch(c, n * sizeof *entries);
    if (!entries) return ig_oom(c->err);
    for (size_t k = 0; k < n; k++) entries[k] = (entry){ig_load_as_i64(keys->dtype, keys->data, k), k};
    qsort(entries, n, sizeof *entries, by_key);
    int64_t dims[2] = {1, sparse ? most : (int64_t)n};
    IG_TRY(ig_call_output(c, 0, cast_dtype(c->node), 2, dims));
    ig_tensor *y = c->out[0];
    if (y->dtype != IG_STRING && y->bytes) memset(y->data, 0, y->bytes);
    for (int64_t k = 0; sparse && y->dtype == IG_STRING && k < most; k++) /* what onnxruntime puts into gaps */
        if (!ig_tensor_set_string(y, (size_t)k, IG_STR("0.f"))) return ig_oom(c->err);
    for (size_t k = 0; k < n; k++) {
        int64_t to = sparse ? entries[k].key : (int64_t)k;
        if (to < 0) return ig_call_fail(c, "a key of a sparse map is %lld", (long long)to);
        if (to < dims[1]) IG_TRY(cast_entry(c, values, entries[k].at, (size_t)to));
    }
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------- DictVectorizer */

static ig_status infer_vectorize(ig_infer *c) {
    ig_labels words = ig_labels_of(c->node, "string_vocabulary", "int64_vocabulary");
    if (ig_attr_given(c->node, "string_vocabulary") == ig_attr_given(c->node, "int64_vocabulary"))
        return ig_infer_fail(c, "exactly one of string_vocabulary and int64_vocabulary must be given");
    const ig_type *map = c->n_in ? c->in[0] : NULL;
    ig_dtype dtype = map && map->kind == IG_KIND_MAP && map->of ? map->of->dtype : IG_UNDEFINED;
    return ig_ml_set_matrix(c, 0, dtype, ig_dim_of(1), (int64_t)words.n);
}

static ig_status run_vectorize(ig_call *c) {
    IG_TRY(check_map(c));
    const ig_tensor *keys = c->in[0]->items[0], *values = c->in[0]->items[1];
    ig_labels words = ig_labels_of(c->node, "string_vocabulary", "int64_vocabulary");
    if ((keys->dtype == IG_STRING) != (words.strings != NULL))
        return ig_call_fail(c, "the vocabulary and the map's keys are of different types");
    IG_TRY(ig_call_output(c, 0, values->dtype, 2, (int64_t[]){1, (int64_t)words.n}));
    ig_tensor *y = c->out[0];
    ig_table table;
    void *memory = ig_call_scratch(c, ig_table_bytes(keys->count));
    if (!memory) return ig_oom(c->err);
    ig_table_init(&table, memory, keys->count);
    for (size_t k = 0; k < keys->count; k++) {
        if (words.strings)
            ig_table_add_string(&table, ig_tensor_strings(keys)[k], k);
        else
            ig_table_add_number(&table, ig_load_as_i64(keys->dtype, keys->data, k), k);
    }
    size_t bytes = ig_dtype_bytes(values->dtype);
    if (values->dtype != IG_STRING && y->bytes) memset(y->data, 0, y->bytes);
    for (size_t w = 0; w < words.n; w++) {
        size_t k = words.strings ? ig_table_string(&table, words.strings[w]) : ig_table_number(&table, words.ints[w]);
        if (k == SIZE_MAX) continue;
        if (values->dtype != IG_STRING)
            memcpy((char *)y->data + w * bytes, (const char *)values->data + k * bytes, bytes);
        else if (!ig_tensor_set_string(y, w, ig_tensor_strings(values)[k]))
            return ig_oom(c->err);
    }
    return IG_OK;
}

/* --------------------------------------------------------------------------------------------------------------- ZipMap */

static ig_status infer_zip(ig_infer *c) {
    ig_labels labels = ig_labels_of(c->node, "classlabels_strings", "classlabels_int64s");
    if (ig_attr_given(c->node, "classlabels_strings") == ig_attr_given(c->node, "classlabels_int64s"))
        return ig_infer_fail(c, "exactly one of classlabels_strings and classlabels_int64s must be given");
    IG_TRY(ig_ml_check_rank(c, 1));
    const ig_shape scalar = {.rank = 0};
    const ig_type *value = ig_type_tensor(c->arena, IG_F32, &scalar);
    const ig_type *map = value ? ig_type_of_kind(c->arena, IG_KIND_MAP, labels.strings ? IG_STRING : IG_I64, value) : NULL;
    const ig_type *t = map ? ig_type_of_kind(c->arena, IG_KIND_SEQUENCE, IG_UNDEFINED, map) : NULL;
    return t ? ig_infer_set_type(c, 0, t) : ig_oom(c->err);
}

/* One tensor with the content of all maps; each map looks at its row. */
static ig_status add_map(ig_call *c, ig_tensor *sequence, ig_tensor *keys, const ig_tensor *all, size_t row) {
    const float *data = (const float *)all->data + row * keys->count;
    ig_tensor *map, *values = ig_tensor_over(c->context, IG_F32, 1, keys->dims, all->buffer, data);
    if (!values) return ig_oom(c->err);
    ig_status status = ig_tensor_create_map(&map, c->context, keys, values, c->err);
    ig_tensor_free(values);
    IG_TRY(status);
    if (ig_tensor_append(sequence, map)) return IG_OK;
    ig_tensor_free(map);
    return ig_oom(c->err);
}

static ig_status make_keys(ig_call *c, const ig_labels *labels, ig_tensor **keys) {
    int64_t n = (int64_t)labels->n;
    IG_TRY(ig_tensor_new(keys, c->context, labels->strings ? IG_STRING : IG_I64, 1, &n, c->err));
    for (size_t i = 0; i < labels->n; i++)
        if (!ig_label_set(*keys, i, labels, i)) {
            ig_tensor_free(*keys);
            return ig_oom(c->err);
        }
    return IG_OK;
}

static ig_status run_zip(ig_call *c) {
    const ig_tensor *x = c->in[0];
    ig_labels labels = ig_labels_of(c->node, "classlabels_strings", "classlabels_int64s");
    size_t rows, columns;
    ig_tensor *keys, *all = NULL;
    if (x->dtype != IG_F32 || !ig_ml_matrix(x, &rows, &columns)) return ig_call_fail(c, "the input must be a matrix of floats");
    if (columns != labels.n) return ig_call_fail(c, "the input has %zu columns, but there are %zu labels", columns, labels.n);
    IG_TRY(ig_call_set(c, 0, ig_tensor_new_kind(c->context, IG_KIND_SEQUENCE)));
    IG_TRY(make_keys(c, &labels, &keys));
    ig_status status = ig_tensor_copy(&all, c->context, x, c->err);
    for (size_t r = 0; status == IG_OK && r < rows; r++) status = add_map(c, c->out[0], keys, all, r);
    ig_tensor_free(keys);
    ig_tensor_free(all);
    return status;
}

const ig_op ig_op_cast_map = {IG_ML, "CastMap", 1, 0, IG_OP_DYNAMIC, infer_cast, run_cast, NULL, NULL};
const ig_op ig_op_dict_vectorizer = {IG_ML, "DictVectorizer", 1, 0, IG_OP_DYNAMIC, infer_vectorize, run_vectorize, NULL, NULL};
const ig_op ig_op_zip_map = {IG_ML, "ZipMap", 1, 0, IG_OP_DYNAMIC, infer_zip, run_zip, NULL, NULL};
