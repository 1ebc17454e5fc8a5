/* Variables and hash tables: what they hold is followed from operator to operator, so that nothing of them is left in the end.
 * A variable starts with its value in the checkpoint. */
#include "formats/tensorflow/rules.h"

#include <stdio.h>

static ig_tf_resource *resource_named(ig_lower *l, ig_name name, bool table) {
    ig_tf_state *st = ig_tf_state_of(l);
    for (size_t i = 0; i < st->resources.n; i++)
        if (st->resources.items[i]->name == name && st->resources.items[i]->table == table) return st->resources.items[i];
    ig_tf_resource *r = IG_NEW(&st->arena, ig_tf_resource);
    if (!r || !IG_PUSH(&st->arena, &st->resources, r)) return NULL;
    r->name = name;
    r->table = table;
    return r;
}

/* Nodes of one shared name mean one resource. */
static ig_status make_resource(ig_lower *l, ig_tf_kind kind, ig_tf_resource **out) {
    ig_str shared = ig_attr_str(l->node, "shared_name");
    bool ok = true;
    ig_name name = shared.n ? ig_intern(&l->model->names, shared, &ok) : l->node->name;
    ig_tf_thing *t = ig_tf_new_thing(l, kind);
    ig_tf_resource *r = *out = ok && t ? resource_named(l, name, kind == IG_TF_TABLE) : NULL;
    if (!r) return ig_oom(l->err);
    t->resource = r;
    ig_tf_out_thing(l, 0, t);
    return IG_OK;
}

static ig_status need(ig_lower *l, uint32_t i, ig_tf_kind kind, ig_tf_resource **out) {
    const ig_tf_thing *t = ig_tf_thing_of(l, ig_tf_in(l, i));
    *out = t ? t->resource : NULL;
    if (t && t->kind == kind) return IG_OK;
    return ig_lower_refuse(l, "its input %u is no %s that igata has followed", i, kind == IG_TF_TABLE ? "table" : "variable");
}

static ig_status need_value(ig_lower *l, uint32_t i, ig_tf_resource **out) {
    IG_TRY(need(l, i, IG_TF_VARIABLE, out));
    if ((*out)->value) return IG_OK;
    return ig_lower_refuse(l, "variable '%.80s' has no value: freeze the graph, or open it with its checkpoint",
                           ig_name_text((*out)->name));
}

/* ----------------------------------------------------------------------------------------------------------- variables */

/* arg 1: a variable of TensorFlow 1. */
ig_status ig_tf_lower_variable(ig_lower *l) {
    ig_tf_resource *r;
    IG_TRY(make_resource(l, IG_TF_VARIABLE, &r));
    r->reference = ig_tf_rule_arg(l) == 1;
    if (!r->value && ig_tf_count_in(l)) r->value = ig_tf_in(l, 0);
    return IG_OK;
}

ig_status ig_tf_lower_read_variable(ig_lower *l) {
    ig_tf_resource *r;
    IG_TRY(need_value(l, 0, &r));
    ig_tf_out(l, 0, r->value);
    return IG_OK;
}

/* A new value; operators of TensorFlow 1 give the variable back. */
static void assign(ig_lower *l, ig_tf_resource *r, ig_value *v) {
    if (v) r->value = v;
    if (ig_tf_count_out(l)) ig_tf_out_thing(l, 0, ig_tf_thing_of(l, ig_tf_in(l, 0)));
}

ig_status ig_tf_lower_assign(ig_lower *l) {
    ig_tf_resource *r;
    IG_TRY(need(l, 0, IG_TF_VARIABLE, &r));
    const ig_tf_thing *source = ig_tf_thing_of(l, ig_tf_in(l, 1));
    assign(l, r, source && source->resource ? source->resource->value : ig_tf_in(l, 1));
    return IG_OK;
}

/* rule->to is what becomes of the old value v and the operand x1. */
ig_status ig_tf_lower_update(ig_lower *l) {
    ig_tf_resource *r;
    IG_TRY(need_value(l, 0, &r));
    ig_tf_bind(l, "v", r->value);
    ig_tf_s(l)->principal = r->value;
    assign(l, r, ig_tf_v(l, "%s", l->rule->to));
    return IG_OK;
}

/* Rows (or with arg 1: elements) at indices of a variable; rule->to is ScatterND's reduction. */
ig_status ig_tf_lower_scatter_variable(ig_lower *l) {
    ig_tf_resource *r;
    int index_rank = ig_tf_rank_of(ig_tf_in(l, 1)), rank;
    IG_TRY(need_value(l, 0, &r));
    rank = ig_tf_rank_of(r->value);
    bool elements = ig_tf_rule_arg(l) == 1;
    if (index_rank < 0 || rank < 0) return ig_lower_refuse(l, "a rank is unknown");
    ig_tf_bind(l, "v", r->value);
    ig_tf_s(l)->principal = r->value;
    ig_tf_bind(l, "i", ig_tf_i64(l, ig_tf_in(l, 1)));
    if (!elements) {
        /* The updates may be one number for all. */
        ig_tf_bind(l, "u", ig_tf_v(l, "Expand(x2, Concat<axis=0>(Shape(i), Shape<start=1>(v)))"));
        ig_tf_bind(l, "i", ig_tf_v(l, "Unsqueeze(i, [%d])", index_rank));
    } else {
        ig_tf_bind(l, "u", ig_tf_in(l, 2));
    }
    const char *how = l->rule->to;
    if (strcmp(how, "sub") == 0) {
        ig_tf_bind(l, "u", ig_tf_v(l, "0 - u"));
        how = "add";
    } else if (strcmp(how, "div") == 0) {
        ig_tf_bind(l, "u", ig_tf_v(l, "1 / u"));
        how = "mul";
    }
    assign(l, r, ig_tf_v(l, "ScatterND<reduction='%s'>(v, i, u)", how));
    return IG_OK;
}

/* Whether it has a value is known. */
ig_status ig_tf_lower_is_initialized(ig_lower *l) {
    ig_tf_resource *r;
    IG_TRY(need(l, 0, IG_TF_VARIABLE, &r));
    ig_tf_out(l, 0, ig_tf_scalar(l, IG_BOOL, r->value != NULL));
    return IG_OK;
}

ig_status ig_tf_lower_variable_shape(ig_lower *l) {
    ig_tf_resource *r;
    IG_TRY(need_value(l, 0, &r));
    ig_tf_bind(l, "v", r->value);
    ig_tf_out(l, 0, ig_tf_cast(l, ig_tf_v(l, "Shape(v)"), ig_tf_attr_dtype(l, "out_type")));
    return IG_OK;
}

ig_status ig_tf_lower_variable_gather(ig_lower *l) {
    ig_tf_resource *r;
    IG_TRY(need_value(l, 0, &r));
    ig_tf_bind(l, "v", r->value);
    if (ig_tf_int_attr(l, "batch_dims") != 0) return ig_lower_refuse(l, "batch_dims isn't 0");
    return ig_tf_text(l, "y = Gather<axis=0>(v, x1)");
}

ig_status ig_tf_lower_variable_gather_nd(ig_lower *l) {
    ig_tf_resource *r;
    IG_TRY(need_value(l, 0, &r));
    ig_tf_bind(l, "v", r->value);
    ig_tf_bind(l, "i", ig_tf_i64(l, ig_tf_in(l, 1)));
    return ig_tf_text(l, "y = GatherND(v, i)");
}

ig_status ig_tf_lower_strided_assign(ig_lower *l) {
    ig_tf_resource *r;
    IG_TRY(need_value(l, 0, &r));
    ig_value *v = ig_tf_slice_update(l, r->value, ig_tf_in(l, 4));
    if (!v) return ig_tf_s(l)->status != IG_OK ? ig_tf_s(l)->status : IG_E_UNSUPPORTED;
    assign(l, r, v);
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------------------------- tables */

ig_status ig_tf_lower_table(ig_lower *l) {
    ig_tf_resource *r;
    IG_TRY(make_resource(l, IG_TF_TABLE, &r));
    if (!r->value && ig_tf_count_in(l) > 1) {
        r->value = ig_tf_in(l, 0);
        r->values = ig_tf_in(l, 1);
    }
    r->key_dtype = ig_tf_attr_dtype(l, "key_dtype");
    r->dtype = ig_tf_attr_dtype(l, "value_dtype");
    return IG_OK;
}

/* table, keys, values; the table then holds just these. */
ig_status ig_tf_lower_table_import(ig_lower *l) {
    ig_tf_resource *r;
    IG_TRY(need(l, 0, IG_TF_TABLE, &r));
    r->value = ig_tf_in(l, 1);
    r->values = ig_tf_in(l, 2);
    return IG_OK;
}

/* One key and value more, where both were constants. */
ig_status ig_tf_lower_table_insert(ig_lower *l) {
    ig_tf_resource *r;
    IG_TRY(need(l, 0, IG_TF_TABLE, &r));
    ig_tf_bind(l, "k", ig_tf_v(l, "Reshape(x1, [-1])"));
    ig_tf_bind(l, "v", ig_tf_v(l, "Reshape(x2, [-1])"));
    ig_tf_bind(l, "old_k", r->value);
    ig_tf_bind(l, "old_v", r->values);
    r->value = r->value ? ig_tf_v(l, "Concat<axis=0>(k, old_k)") : ig_sketch_get(ig_tf_s(l), "k");
    r->values = r->values ? ig_tf_v(l, "Concat<axis=0>(v, old_v)") : ig_sketch_get(ig_tf_s(l), "v");
    return IG_OK;
}

/* ---- a table out of a text file ---- */

typedef struct column {
    int64_t index; /* -2: the whole line, -1: its number, else between delimiters */
    ig_dtype dtype;
    ig_tensor *tensor;
} column;

/* The column of a line; absent when there are too few. */
static ig_str part_of(ig_str line, int64_t index, char delimiter) {
    size_t start = 0, at = 0;
    for (int64_t i = 0; i <= index; i++) {
        if (i && at >= line.n) return (ig_str){0};
        start = i ? at + 1 : 0;
        for (at = start; at < line.n && line.s[at] != delimiter;) at++;
    }
    return (ig_str){line.s + start, at - start};
}

static ig_status put_cell(ig_lower *l, column *c, int64_t row, ig_str line, char delimiter) {
    int64_t number = row;
    ig_str text = c->index == -2 ? line : part_of(line, c->index, delimiter);
    if (c->index != -1 && !text.s)
        return ig_lower_refuse(l, "line %lld of its file has no column %lld", (long long)row + 1, (long long)c->index);
    if (c->dtype == IG_STRING) return ig_tensor_set_string(c->tensor, (size_t)row, text) ? IG_OK : ig_oom(l->err);
    if (c->index != -1 && !ig_str_to_i64(text, &number))
        return ig_lower_refuse(l, "line %lld of its file holds no number", (long long)row + 1);
    ig_store_i64(c->dtype, c->tensor->data, (size_t)row, number);
    return IG_OK;
}

/* Calls put_cell for both columns of all lines; with no tensors yet only counts. */
static ig_status each_line(ig_lower *l, ig_span file, int64_t limit, column *keys, column *values, char delimiter, int64_t *n) {
    const char *p = (const char *)file.p, *end = p + file.n;
    for (*n = 0; p < end && (limit < 0 || *n < limit); ++*n) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        ig_str line = {p, (size_t)((newline ? newline : end) - p)};
        if (line.n && line.s[line.n - 1] == '\r') line.n--;
        if (keys->tensor) IG_TRY(put_cell(l, keys, *n, line, delimiter));
        if (keys->tensor) IG_TRY(put_cell(l, values, *n, line, delimiter));
        p = newline ? newline + 1 : end;
    }
    return IG_OK;
}

static ig_status read_table(ig_lower *l, ig_tf_resource *r, ig_span file) {
    column keys = {.index = ig_tf_int_attr(l, "key_index"), .dtype = r->key_dtype};
    column values = {.index = ig_tf_int_attr(l, "value_index"), .dtype = r->dtype};
    int64_t limit = ig_tf_int_attr(l, "vocab_size"), n;
    ig_str delimiter = ig_attr_str(l->node, "delimiter");
    char c = delimiter.n ? delimiter.s[0] : '\t';
    if (ig_str_is(delimiter, "\\t")) c = '\t';
    IG_TRY(each_line(l, file, limit, &keys, &values, c, &n));
    IG_TRY(ig_tensor_new(&keys.tensor, l->model->context, keys.dtype, 1, &n, l->err));
    ig_status status = ig_tensor_new(&values.tensor, l->model->context, values.dtype, 1, &n, l->err);
    if (status == IG_OK) status = each_line(l, file, limit, &keys, &values, c, &n);
    if (status != IG_OK) {
        ig_tensor_free(keys.tensor);
        ig_tensor_free(values.tensor);
        return status;
    }
    r->value = ig_sketch_constant(ig_tf_s(l), keys.tensor);
    r->values = ig_sketch_constant(ig_tf_s(l), values.tensor);
    return IG_OK;
}

ig_status ig_tf_lower_table_from_file(ig_lower *l) {
    ig_tf_resource *r;
    ig_buffer *file;
    IG_TRY(need(l, 0, IG_TF_TABLE, &r));
    const ig_tensor *name = ig_tf_const(l, ig_tf_in(l, 1));
    if (!name || name->dtype != IG_STRING || name->count != 1) return ig_lower_refuse(l, "the name of its file is computed");
    if (!l->model->folder) return ig_lower_refuse(l, "its file can't be opened for a model from memory");
    IG_TRY(ig_buffer_map(&file, l->model->context, l->model->folder, ig_tensor_string(name, 0), l->err));
    ig_status status = read_table(l, r, ig_buffer_span(file));
    ig_buffer_release(file);
    return status;
}

/* ---- reading tables ---- */

static ig_status need_content(ig_lower *l, uint32_t i, ig_tf_resource **r) {
    IG_TRY(need(l, i, IG_TF_TABLE, r));
    if ((*r)->value && (*r)->values) return IG_OK;
    return ig_lower_refuse(l, "the content of table '%.80s' isn't known", ig_name_text((*r)->name));
}

static const char *keys_attribute(ig_dtype t, bool keys) {
    if (t == IG_STRING) return keys ? "keys_strings" : "values_strings";
    if (ig_dtype_is_int(t)) return keys ? "keys_int64s" : "values_int64s";
    return keys ? "keys_floats" : "values_floats";
}

/* The elements of a constant as an attribute of the node made last. */
static bool put_elements(ig_lower *l, ig_node *node, const ig_tensor *t, bool keys) {
    ig_arena *arena = &l->model->arena;
    ig_attr a = {.name = ig_model_name(l->model, keys_attribute(t->dtype, keys)), .n = t->count};
    bool ok = a.name != NULL;
    if (t->dtype == IG_STRING) {
        ig_str *list = IG_NEW_ARRAY(arena, ig_str, t->count);
        for (size_t i = 0; list && i < t->count; i++) list[i] = ig_arena_str(arena, ig_tensor_string(t, i), &ok);
        a.kind = IG_ATTR_STRINGS;
        a.strings = list;
    } else if (ig_dtype_is_int(t->dtype)) {
        int64_t *list = IG_NEW_ARRAY(arena, int64_t, t->count);
        for (size_t i = 0; list && i < t->count; i++) list[i] = ig_load_as_i64(t->dtype, t->data, i);
        a.kind = IG_ATTR_INTS;
        a.ints = list;
    } else {
        float *list = IG_NEW_ARRAY(arena, float, t->count);
        for (size_t i = 0; list && i < t->count; i++) list[i] = (float)ig_load_as_f64(t->dtype, t->data, i);
        a.kind = IG_ATTR_FLOATS;
        a.floats = list;
    }
    return ok && a.ints && ig_attr_put(node, &a);
}

static bool put_default(ig_node *node, ig_dtype dtype, const ig_tensor *t) {
    if (dtype == IG_STRING) {
        ig_attr a = {
            .name = ig_model_name(node->graph->model, "default_string"), .kind = IG_ATTR_STRING, .s = ig_tensor_string(t, 0)};
        bool ok = true;
        a.s = ig_arena_str(&node->graph->model->arena, a.s, &ok);
        return ok && a.name && ig_attr_put(node, &a);
    }
    if (ig_dtype_is_int(dtype)) return ig_attr_put_int(node, "default_int64", ig_load_as_i64(t->dtype, t->data, 0));
    return ig_attr_put_float(node, "default_float", (float)ig_load_as_f64(t->dtype, t->data, 0));
}

static ig_status import_ml(ig_lower *l) {
    ig_model *m = l->model;
    ig_name ml = ig_model_name(m, "ai.onnx.ml");
    for (size_t i = 0; i < m->opsets.n; i++)
        if (m->opsets.items[i].domain == ml) return IG_OK;
    ig_opset o = {.domain = ml, .domain_given = true, .version_given = true, .version = 4};
    return ml && IG_PUSH(&m->arena, &m->opsets, o) ? IG_OK : ig_oom(l->err);
}

/* Keys and values that are constants and fit ai.onnx.ml's LabelEncoder. */
static ig_status find_by_encoder(ig_lower *l, const ig_tensor *keys, const ig_tensor *values, const ig_tensor *preset) {
    ig_build b = ig_build_before(l->node);
    ig_value *x = ig_tf_in(l, 1);
    if (ig_dtype_is_int(keys->dtype)) x = ig_tf_cast(l, x, IG_I64);
    IG_TRY(import_ml(l));
    ig_node *node = ig_build_node(&b, "ai.onnx.ml", "LabelEncoder", &x, 1, 1);
    ig_dtype out = values->dtype == IG_STRING ? IG_STRING : ig_dtype_is_int(values->dtype) ? IG_I64 : IG_F32;
    if (!node || !put_elements(l, node, keys, true) || !put_elements(l, node, values, false) || !put_default(node, out, preset))
        return ig_oom(l->err);
    ig_shape shape = ig_type_shape(x ? x->type : NULL);
    node->out[0]->type = ig_type_tensor(&l->model->arena, out, &shape);
    ig_tf_out(l, 0, ig_tf_cast(l, node->out[0], values->dtype));
    return IG_OK;
}

/* By comparing each element with all keys. */
static ig_status find_by_comparing(ig_lower *l, const ig_tf_resource *r) {
    int rank;
    IG_TRY(ig_tf_need_rank(l, 1, &rank));
    ig_tf_bind(l, "k", r->value);
    ig_tf_bind(l, "v", r->values);
    ig_tf_bind(l, "hit", ig_tf_v(l, "Equal(Unsqueeze(x1, [%d]), k)", rank));
    ig_tf_bind(l, "any", ig_tf_v(l, "Cast<to=bool>(ReduceMax<keepdims=0>(Cast<to=int64>(hit), [%d]))", rank));
    return ig_tf_text(l, "y = Where(any, Gather<axis=0>(v, ArgMax<axis=%d, keepdims=0>(Cast<to=int64>(hit))), x2)", rank);
}

ig_status ig_tf_lower_table_find(ig_lower *l) {
    ig_tf_resource *r;
    IG_TRY(need_content(l, 0, &r));
    const ig_tensor *keys = ig_tf_const(l, r->value), *values = ig_tf_const(l, r->values),
                    *preset = ig_tf_const(l, ig_tf_in(l, 2));
    bool constant = keys && values && preset && preset->count == 1 && keys->count == values->count && keys->count > 0;
    bool doubles = constant && (keys->dtype == IG_F64 || values->dtype == IG_F64 || values->dtype == IG_BOOL);
    return constant && !doubles && values->rank <= 1 ? find_by_encoder(l, keys, values, preset) : find_by_comparing(l, r);
}

ig_status ig_tf_lower_table_size(ig_lower *l) {
    ig_tf_resource *r;
    IG_TRY(need_content(l, 0, &r));
    ig_tf_bind(l, "k", r->value);
    return ig_tf_text(l, "y = Size(k)");
}

ig_status ig_tf_lower_table_export(ig_lower *l) {
    ig_tf_resource *r;
    IG_TRY(need_content(l, 0, &r));
    ig_tf_out(l, 0, r->value);
    ig_tf_out(l, 1, r->values);
    return IG_OK;
}
