/* Attributes of nodes, and what they say of the outputs. */
#include "formats/tensorflow/decode.h"

/* ---- attributes ---- */

static ig_str type_text(int32_t type) {
    const char *name = ig_tf_type_name(type);
    return name ? ig_str_c(name) : IG_STR("unknown");
}

/* Shapes stand without an element type, which other attributes have. */
static const ig_type *shape_type(ig_tf_reader *r, const ig_tf_shape *shape) { return ig_tf_make_type(r, 0, shape); }

static bool note_call(ig_tf_reader *r, ig_str name) {
    ig_name n = ig_tf_name(r, name);
    return n && IG_PUSH(&r->arena, &r->called, n);
}

/* A list of numbers as n elements of C type `type`. */
static ig_status numbers(ig_tf_reader *r, ig_pb_type type, ig_pb_bytes packed, const void **out, size_t *n) {
    bool bad;
    *out = ig_pb_unpack(&r->model->arena, type, packed, n, &bad);
    if (*out || !bad) return *out ? IG_OK : ig_oom(r->err);
    return ig_fail(r->err, IG_E_INPUT, "not a protobuf message: a list holds a number of more than 10 bytes");
}

static ig_status read_ints(ig_tf_reader *r, ig_attr *a, ig_pb_type type, ig_pb_bytes packed) {
    const void *list;
    IG_TRY(numbers(r, type, packed, &list, &a->n));
    a->kind = IG_ATTR_INTS;
    if (type == IG_PB_INT64) {
        a->ints = list;
        return IG_OK;
    }
    int64_t *ints = IG_NEW_ARRAY(&r->model->arena, int64_t, a->n);
    for (size_t i = 0; ints && i < a->n; i++) ints[i] = ((const bool *)list)[i];
    a->ints = ints;
    return ints ? IG_OK : ig_oom(r->err);
}

static ig_status read_type_list(ig_tf_reader *r, ig_attr *a, ig_pb_bytes packed) {
    const void *list;
    IG_TRY(numbers(r, IG_PB_ENUM, packed, &list, &a->n));
    ig_str *names = IG_NEW_ARRAY(&r->model->arena, ig_str, a->n);
    for (size_t i = 0; names && i < a->n; i++) names[i] = type_text(((const int32_t *)list)[i]);
    a->kind = IG_ATTR_STRINGS;
    a->strings = names;
    return names ? IG_OK : ig_oom(r->err);
}

static ig_status read_shape_list(ig_tf_reader *r, ig_attr *a, const ig_tf_list *list) {
    const ig_type **types = IG_NEW_ARRAY(&r->model->arena, const ig_type *, list->shape.n);
    for (size_t i = 0; types && i < list->shape.n; i++) types[i] = shape_type(r, list->shape.items[i]);
    a->kind = IG_ATTR_TYPES;
    a->types = types;
    a->n = list->shape.n;
    return types && !r->failed ? IG_OK : ig_oom(r->err);
}

static ig_status read_tensor_list(ig_tf_reader *r, ig_attr *a, const ig_tf_list *list, const char *where) {
    ig_const **tensors = IG_NEW_ARRAY(&r->model->arena, ig_const *, list->tensor.n);
    if (!tensors) return ig_oom(r->err);
    for (size_t i = 0; i < list->tensor.n; i++) IG_TRY(ig_tf_read_const(r, list->tensor.items[i], a->name, where, &tensors[i]));
    a->kind = IG_ATTR_TENSORS;
    a->tensors = tensors;
    a->n = list->tensor.n;
    return IG_OK;
}

/* Texts, and names of functions. */
static ig_status read_text_list(ig_tf_reader *r, ig_attr *a, const ig_tf_list *list) {
    size_t n = list->func.n ? list->func.n : list->s.n;
    ig_str *strings = IG_NEW_ARRAY(&r->model->arena, ig_str, n);
    if (!strings) return ig_oom(r->err);
    for (size_t i = 0; i < n; i++) {
        strings[i] = list->func.n ? list->func.items[i]->name : ig_str_of(list->s.items[i]);
        if (list->func.n && !note_call(r, strings[i])) return ig_oom(r->err);
    }
    a->kind = IG_ATTR_STRINGS;
    a->strings = strings;
    a->n = n;
    return IG_OK;
}

/* What an empty list would hold, nobody knows: it becomes one of integers. */
static ig_status read_list(ig_tf_reader *r, ig_attr *a, const ig_tf_list *list, const char *where) {
    if (list->s.n || list->func.n) return read_text_list(r, a, list);
    if (list->type.n) return read_type_list(r, a, list->type);
    if (list->shape.n) return read_shape_list(r, a, list);
    if (list->tensor.n) return read_tensor_list(r, a, list, where);
    if (list->b.n) return read_ints(r, a, IG_PB_BOOL, list->b);
    if (!list->f.n) return read_ints(r, a, IG_PB_INT64, list->i);
    const void *floats;
    IG_TRY(numbers(r, IG_PB_FLOAT, list->f, &floats, &a->n));
    a->kind = IG_ATTR_FLOATS;
    a->floats = floats;
    return IG_OK;
}

static ig_status read_value(ig_tf_reader *r, ig_attr *a, const ig_tf_value *v, const char *where) {
    a->kind = IG_ATTR_INT;
    switch (v->value_case) {
    case 1: return v->list ? read_list(r, a, v->list, where) : IG_OK;
    case 3: a->i = v->i; return IG_OK;
    case 4:
        a->kind = IG_ATTR_FLOAT;
        a->f = v->f;
        return IG_OK;
    case 5: a->i = v->b; return IG_OK;
    case 7:
        a->kind = IG_ATTR_TYPE;
        a->type = shape_type(r, v->shape);
        return IG_OK;
    case 8: a->kind = IG_ATTR_TENSOR; return v->tensor ? ig_tf_read_const(r, v->tensor, a->name, where, &a->t) : IG_OK;
    case 9: a->ref = ig_tf_name(r, v->placeholder); return IG_OK;
    default: break;
    }
    a->kind = IG_ATTR_STRING;
    a->s = v->value_case == 2 ? ig_str_of(v->s) : v->value_case == 6 ? type_text(v->type) : (ig_str){0};
    if (v->value_case == 10 && v->func) {
        a->s = v->func->name;
        if (!note_call(r, a->s)) return ig_oom(r->err);
    }
    if (!a->s.s) a->s = IG_STR("");
    return IG_OK;
}

ig_status ig_tf_read_attrs(ig_tf_reader *r, ig_node *node, ig_tf_attr *const *attrs, size_t n, ig_arena *scratch) {
    ig_attr **end = &node->attrs;
    IG_UNUSED(scratch);
    for (size_t i = 0; i < n; i++) {
        ig_attr *a = IG_NEW(&r->model->arena, ig_attr);
        if (!a) return ig_oom(r->err);
        a->name = ig_tf_name(r, attrs[i]->key.s ? attrs[i]->key : IG_STR(""));
        if (attrs[i]->value) IG_TRY(read_value(r, a, attrs[i]->value, ig_name_text(node->name)));
        *end = a;
        end = &a->next;
    }
    return r->failed ? ig_oom(r->err) : IG_OK;
}

/* ---- outputs ---- */

static const ig_attr *attr_of(const ig_node *node, ig_str name) {
    for (const ig_attr *a = node->attrs; a; a = a->next)
        if (ig_str_eq(ig_name_str(a->name), name)) return a;
    return NULL;
}

enum { MOST = 16384 };

uint32_t ig_tf_output_count(const ig_node *node, const ig_tf_output *o) {
    const ig_attr *a = o->count.n ? attr_of(node, o->count) : o->list.n ? attr_of(node, o->list) : NULL;
    if (!o->count.n && !o->list.n) return 1;
    int64_t n = !a ? 0 : a->kind == IG_ATTR_INT ? a->i : a->kind == IG_ATTR_STRINGS ? (int64_t)a->n : 0;
    return (uint32_t)ig_clamp_i64(n, 0, MOST);
}

const ig_type *ig_tf_output_type(ig_tf_reader *r, const ig_node *node, const ig_tf_output *o, uint32_t k) {
    ig_str name = o->type_fixed;
    const ig_attr *a = o->list.n ? attr_of(node, o->list) : o->type_attr.n ? attr_of(node, o->type_attr) : NULL;
    if (a && a->kind == IG_ATTR_STRINGS && k < a->n) name = a->strings[k];
    if (a && a->kind == IG_ATTR_STRING) name = a->s;
    int32_t type = ig_tf_type_of(name);
    return type ? ig_tf_make_type(r, type, NULL) : NULL;
}
