/* LabelEncoder (versions 1, 2, 4) and CategoryMapper: a table from keys to values. Of equal keys the first counts in versions 2
 * and 4, the last in the others, as in onnxruntime. From version 4 on NaN is a key like others. */
#include "ops/ml/ml.h"

#include <stdio.h>

/* Keys or values, wherever the node has them. */
typedef struct list {
    ig_dtype dtype;
    size_t n;
    const ig_str *strings;
    const int64_t *ints;
    const float *floats;
    const ig_tensor *tensor;
    bool count; /* 0, 1, 2 … */
} list;

#define NAN_KEY INT64_MAX /* no float's bits */

typedef struct encoder {
    ig_arena arena;
    ig_dtype from, to;
    bool nan_is_key;
    ig_table table;
    size_t n;
    void *values; /* n + 1 of type `to`, the last one for what is in no key */
} encoder;

/* ------------------------------------------------------------------------------------------------------------ attributes */

static ig_str string_at(const list *l, size_t i) { return l->strings ? l->strings[i] : ig_tensor_strings(l->tensor)[i]; }

static int64_t int_at(const list *l, size_t i) {
    return l->count ? (int64_t)i : l->ints ? l->ints[i] : ig_load_as_i64(l->dtype, l->tensor->data, i);
}

static double float_at(const list *l, size_t i) {
    return l->floats ? (double)l->floats[i] : ig_load_as_f64(l->dtype, l->tensor->data, i);
}

/* Floats by their bits: both zeros are one key, and so are all NaNs. */
static int64_t float_key(double x) {
    int64_t bits;
    if (x == 0) x = 0;
    if (x != x) return NAN_KEY;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static ig_dtype list_dtype(const ig_node *node, const char *side) {
    static const struct {
        const char *suffix;
        ig_dtype dtype;
    } forms[] = {{"strings", IG_STRING}, {"int64s", IG_I64}, {"floats", IG_F32}};
    char name[32];
    snprintf(name, sizeof name, "%s_tensor", side);
    const ig_const *t = ig_attr_const(node, name);
    if (t) return t->dtype;
    for (size_t i = 0; i < IG_COUNT_OF(forms); i++) {
        snprintf(name, sizeof name, "%s_%s", side, forms[i].suffix);
        if (ig_attr_given(node, name)) return forms[i].dtype;
    }
    return IG_UNDEFINED;
}

static ig_status read_list(ig_prepare *p, const char *side, list *l) {
    char name[32];
    const ig_node *node = p->node;
    *l = (list){.dtype = list_dtype(node, side)};
    snprintf(name, sizeof name, "%s_tensor", side);
    ig_const *t = ig_attr_const(node, name);
    if (t) {
        ig_tensor *tensor;
        IG_TRY(ig_const_tensor(node->graph->model, t, &tensor, p->err));
        l->tensor = tensor;
        l->n = tensor->count;
        return tensor->kind == IG_KIND_TENSOR ? IG_OK : ig_fail(p->err, IG_E_UNSUPPORTED, "%s is a sparse tensor", name);
    }
    snprintf(name, sizeof name, "%s_strings", side);
    if (l->dtype == IG_STRING) l->strings = ig_attr_strs(node, name, &l->n);
    snprintf(name, sizeof name, "%s_int64s", side);
    if (l->dtype == IG_I64) l->ints = ig_attr_ints(node, name, &l->n);
    snprintf(name, sizeof name, "%s_floats", side);
    if (l->dtype == IG_F32) l->floats = ig_attr_floats(node, name, &l->n);
    return l->dtype ? IG_OK : ig_fail(p->err, IG_E_INPUT, "the node has no attribute %s_strings, %s_int64s, …", side, side);
}

/* ------------------------------------------------------------------------------------------------------------ preparing */

static bool fill_values(encoder *e, const list *values) {
    size_t n = e->n;
    if (e->to == IG_STRING) {
        ig_str *out = e->values = IG_NEW_ARRAY(&e->arena, ig_str, n + 1);
        for (size_t i = 0; out && i < n; i++) out[i] = string_at(values, i);
        return out != NULL;
    }
    e->values = ig_arena_array(&e->arena, n + 1, ig_dtype_bytes(e->to));
    for (size_t i = 0; e->values && i < n; i++) {
        if (ig_dtype_is_float(e->to))
            ig_store_f64(e->to, e->values, i, float_at(values, i));
        else
            ig_store_i64(e->to, e->values, i, int_at(values, i));
    }
    return e->values != NULL;
}

static bool fill_table(encoder *e, const list *keys, bool last_wins) {
    void *memory = ig_arena_alloc(&e->arena, ig_table_bytes(e->n));
    if (!memory) return false;
    ig_table_init(&e->table, memory, e->n);
    for (size_t k = 0; k < e->n; k++) {
        size_t i = last_wins ? e->n - 1 - k : k;
        if (e->from == IG_STRING)
            ig_table_add_string(&e->table, string_at(keys, i), i);
        else
            ig_table_add_number(&e->table, ig_dtype_is_float(e->from) ? float_key(float_at(keys, i)) : int_at(keys, i), i);
    }
    return true;
}

static void release(ig_context *context, void *state) {
    encoder *e = state;
    ig_arena_free(&e->arena);
    ig_release(context, e);
}

static ig_status build(ig_prepare *p, const list *keys, const list *values, bool last_wins) {
    if (keys->n != values->n) return ig_fail(p->err, IG_E_INPUT, "%zu keys, but %zu values", keys->n, values->n);
    bool can = (keys->dtype == IG_STRING || ig_dtype_bytes(keys->dtype)) && keys->dtype != IG_C64 && keys->dtype != IG_C128 &&
               (values->dtype == IG_STRING || ig_dtype_bytes(values->dtype)) && values->dtype != IG_C64 &&
               values->dtype != IG_C128;
    if (!can) return ig_fail(p->err, IG_E_UNSUPPORTED, "keys or values of this type");
    encoder *e = p->state = ig_calloc(p->context, sizeof *e);
    if (!e) return ig_oom(p->err);
    ig_arena_init(&e->arena, p->context);
    e->from = keys->dtype;
    e->to = values->dtype;
    e->n = keys->n;
    e->nan_is_key = p->node->schema->since >= 4;
    return fill_values(e, values) && fill_table(e, keys, last_wins) ? IG_OK : ig_oom(p->err);
}

static ig_status set_default(ig_prepare *p) {
    encoder *e = p->state;
    const ig_node *node = p->node;
    ig_const *t = ig_attr_const(node, "default_tensor");
    ig_tensor *tensor = NULL;
    if (t) {
        IG_TRY(ig_const_tensor(node->graph->model, t, &tensor, p->err));
        if (tensor->kind != IG_KIND_TENSOR || tensor->count != 1 || tensor->dtype != e->to)
            return ig_fail(p->err, IG_E_INPUT, "default_tensor must have one element of the type of the values");
    }
    if (e->to == IG_STRING)
        ((ig_str *)e->values)[e->n] = tensor ? ig_tensor_strings(tensor)[0] : ig_attr_str(node, "default_string");
    else if (ig_dtype_is_float(e->to))
        ig_store_f64(e->to, e->values, e->n,
                     tensor ? ig_load_as_f64(e->to, tensor->data, 0) : (double)ig_attr_float(node, "default_float"));
    else
        ig_store_i64(e->to, e->values, e->n,
                     tensor ? ig_load_as_i64(e->to, tensor->data, 0) : ig_attr_int(node, "default_int64"));
    return IG_OK;
}

static ig_status prepare_2(ig_prepare *p) {
    list keys, values;
    IG_TRY(read_list(p, "keys", &keys));
    IG_TRY(read_list(p, "values", &values));
    IG_TRY(build(p, &keys, &values, false));
    return set_default(p);
}

/* The direction of the older operators is that of the input: known only while running, so both are prepared. */
typedef struct both {
    encoder *forward, *backward; /* from strings, from integers */
} both;

static void release_both(ig_context *context, void *state) {
    both *b = state;
    if (b->forward) release(context, b->forward);
    if (b->backward) release(context, b->backward);
    ig_release(context, b);
}

static ig_status prepare_both(ig_prepare *p, const list *strings, const list *ints) {
    both *b = ig_calloc(p->context, sizeof *b);
    if (!b) return ig_oom(p->err);
    ig_status status = build(p, strings, ints, true);
    if (status == IG_OK) status = set_default(p);
    b->forward = p->state;
    p->state = NULL;
    if (status == IG_OK) status = build(p, ints, strings, true);
    if (status == IG_OK) status = set_default(p);
    b->backward = p->state;
    p->state = b;
    return status;
}

static ig_status prepare_1(ig_prepare *p) {
    list strings = {.dtype = IG_STRING}, ints = {.dtype = IG_I64, .count = true};
    strings.strings = ig_attr_strs(p->node, "classes_strings", &strings.n);
    ints.n = strings.n;
    return prepare_both(p, &strings, &ints);
}

static ig_status prepare_mapper(ig_prepare *p) {
    list strings = {.dtype = IG_STRING}, ints = {.dtype = IG_I64};
    strings.strings = ig_attr_strs(p->node, "cats_strings", &strings.n);
    ints.ints = ig_attr_ints(p->node, "cats_int64s", &ints.n);
    return prepare_both(p, &strings, &ints);
}

/* -------------------------------------------------------------------------------------------------------------- running */

static size_t look_up(const encoder *e, const ig_tensor *x, size_t i) {
    size_t found;
    if (e->from == IG_STRING) {
        found = ig_table_string(&e->table, ig_tensor_strings(x)[i]);
    } else if (ig_dtype_is_float(e->from)) {
        int64_t key = float_key(ig_load_as_f64(e->from, x->data, i));
        found = key == NAN_KEY && !e->nan_is_key ? SIZE_MAX : ig_table_number(&e->table, key);
    } else {
        found = ig_table_number(&e->table, ig_load_as_i64(e->from, x->data, i));
    }
    return found == SIZE_MAX ? e->n : found;
}

static ig_status encode(ig_call *c, const encoder *e) {
    const ig_tensor *x = c->in[0];
    if (x->dtype != e->from)
        return ig_call_fail(c, "the keys are of type %s, the input is %s", ig_dtype_name(e->from), ig_dtype_name(x->dtype));
    IG_TRY(ig_call_output(c, 0, e->to, x->rank, x->dims));
    ig_tensor *y = c->out[0];
    size_t bytes = ig_dtype_bytes(e->to);
    for (size_t i = 0; i < x->count; i++) {
        size_t at = look_up(e, x, i);
        if (e->to != IG_STRING)
            memcpy((char *)y->data + i * bytes, (const char *)e->values + at * bytes, bytes);
        else if (!ig_tensor_set_string(y, i, ((const ig_str *)e->values)[at]))
            return ig_oom(c->err);
    }
    return IG_OK;
}

static ig_status run_2(ig_call *c) { return encode(c, c->state); }

static ig_status run_both(ig_call *c) {
    const both *b = c->state;
    return encode(c, c->in[0]->dtype == IG_STRING ? b->forward : b->backward);
}

/* ----------------------------------------------------------------------------------------------------------- inference */

static ig_status infer_both(ig_infer *c) {
    ig_shape shape;
    size_t n_ints, n_strings;
    ig_attr_ints(c->node, "cats_int64s", &n_ints);
    ig_attr_strs(c->node, "cats_strings", &n_strings);
    if (c->syms && c->node->schema->name[0] == 'C' && (n_ints != n_strings || n_ints == 0))
        return ig_infer_fail(c, "cats_int64s has %zu entries, cats_strings has %zu", n_ints, n_strings);
    ig_dtype from = ig_infer_dtype(c, 0);
    bool known = ig_infer_shape(c, 0, &shape);
    ig_dtype to = from == IG_STRING ? IG_I64 : from == IG_I64 ? IG_STRING : IG_UNDEFINED;
    return to ? ig_infer_set(c, 0, to, known ? &shape : NULL) : IG_OK;
}

/* Exactly one list of keys and one of values; their lengths. */
static ig_status check_lists(ig_infer *c, const char *prefix, size_t *length) {
    static const char *const ends[] = {"strings", "int64s", "floats", "tensor"};
    int n = 0;
    for (size_t i = 0; i < IG_COUNT_OF(ends); i++) {
        char name[32];
        snprintf(name, sizeof name, "%s_%s", prefix, ends[i]);
        if (!ig_attr_given(c->node, name)) continue;
        const ig_attr *a = ig_attr_find(c->node, name);
        *length = a && a->kind != IG_ATTR_TENSOR ? a->n : *length;
        n++;
    }
    return n == 1 ? IG_OK : ig_infer_fail(c, "%d attributes %s_* are given, not one", n, prefix);
}

static ig_status infer_2(ig_infer *c) {
    ig_shape shape;
    size_t n_keys = SIZE_MAX, n_values = SIZE_MAX;
    if (c->syms) IG_TRY(check_lists(c, "keys", &n_keys));
    if (c->syms) IG_TRY(check_lists(c, "values", &n_values));
    if (n_keys != n_values && n_keys != SIZE_MAX && n_values != SIZE_MAX)
        return ig_infer_fail(c, "%zu keys, but %zu values", n_keys, n_values);
    ig_dtype from = list_dtype(c->node, "keys"), to = list_dtype(c->node, "values"), given = ig_infer_dtype(c, 0);
    if (from && given && from != given)
        return ig_infer_fail(c, "the keys are of type %s, the input is %s", ig_dtype_name(from), ig_dtype_name(given));
    const ig_const *keys = ig_attr_const(c->node, "keys_tensor"), *values = ig_attr_const(c->node, "values_tensor"),
                   *preset = ig_attr_const(c->node, "default_tensor");
    if (keys && values && keys->count != values->count)
        return ig_infer_fail(c, "%lld keys, but %lld values", (long long)keys->count, (long long)values->count);
    if (preset && to && preset->dtype != to)
        return ig_infer_fail(c, "default_tensor is of type %s, the values are %s", ig_dtype_name(preset->dtype),
                             ig_dtype_name(to));
    if (preset && (preset->rank != 1 || preset->count != 1))
        return ig_infer_fail(c, "default_tensor must be a vector of one element");
    bool known = ig_infer_shape(c, 0, &shape);
    return to ? ig_infer_set(c, 0, to, known ? &shape : NULL) : IG_OK;
}

const ig_op ig_op_label_encoder_1 = {IG_ML, "LabelEncoder", 1, 1, 0, infer_both, run_both, prepare_1, release_both};
const ig_op ig_op_label_encoder = {IG_ML, "LabelEncoder", 2, 0, 0, infer_2, run_2, prepare_2, release};
const ig_op ig_op_category_mapper = {IG_ML, "CategoryMapper", 1, 0, 0, infer_both, run_both, prepare_mapper, release_both};
