/* Types, value infos and attributes as messages. */
#include "formats/onnx/encode.h"

ig_status ig_onnx_make_props(ig_onnx_writer *w, const ig_props *props, void *pb) {
    IG_VEC(ig_onnx_prop *) out = {0};
    if (props->n == 0) return IG_OK;
    ig_onnx_prop *made = IG_NEW_ARRAY(w->arena, ig_onnx_prop, props->n);
    out.items = IG_NEW_ARRAY(w->arena, ig_onnx_prop *, props->n);
    if (!made || !out.items) return ig_oom(w->err);
    out.n = out.cap = props->n;
    for (size_t i = 0; i < props->n; i++) {
        made[i].key = props->items[i].key;
        made[i].value = props->items[i].value;
        made[i].head.unknown = ig_onnx_unknown(props->items[i].unknown);
        out.items[i] = &made[i];
    }
    memcpy(pb, &out, sizeof out);
    return IG_OK;
}

static ig_status make_dim(ig_onnx_writer *w, ig_dim d, ig_str denotation, ig_onnx_shape *shape) {
    ig_onnx_dim *pb = IG_NEW(w->arena, ig_onnx_dim);
    if (!pb || !IG_PUSH(w->arena, &shape->dim, pb)) return ig_oom(w->err);
    pb->denotation = denotation;
    if (ig_dim_known(d)) {
        pb->value_case = 1;
        pb->dim_value = d.value;
    } else if (d.sym) {
        char text[512];
        bool ok = true;
        ig_str name = ig_dim_name(d);
        if (!name.s) name = (ig_str){text, ig_dim_text(d, text, sizeof text)};
        pb->value_case = 2;
        pb->dim_param = ig_arena_str(w->arena, name, &ok);
        if (!ok) return ig_oom(w->err);
    }
    return IG_OK;
}

static ig_status make_tensor_type(ig_onnx_writer *w, const ig_type *type, ig_onnx_type_tensor **out) {
    ig_onnx_type_tensor *t = *out = IG_NEW(w->arena, ig_onnx_type_tensor);
    if (!t) return ig_oom(w->err);
    t->has_elem_type = type->dtype != IG_UNDEFINED;
    t->elem_type = (int32_t)type->dtype;
    if (type->rank < 0) return IG_OK;
    t->shape = IG_NEW(w->arena, ig_onnx_shape);
    if (!t->shape) return ig_oom(w->err);
    for (int i = 0; i < type->rank; i++) {
        ig_str denotation = type->dim_denotations ? type->dim_denotations[i] : (ig_str){0};
        IG_TRY(make_dim(w, type->dims[i], denotation, t->shape));
    }
    return IG_OK;
}

static ig_status make_type_of(ig_onnx_writer *w, const ig_type *type, ig_onnx_type_of **out) {
    *out = IG_NEW(w->arena, ig_onnx_type_of);
    return *out ? ig_onnx_make_type(w, type->of, &(*out)->elem_type) : ig_oom(w->err);
}

static ig_status make_map_type(ig_onnx_writer *w, const ig_type *type, ig_onnx_type_map **out) {
    ig_onnx_type_map *m = *out = IG_NEW(w->arena, ig_onnx_type_map);
    if (!m) return ig_oom(w->err);
    m->has_key_type = type->dtype != IG_UNDEFINED;
    m->key_type = (int32_t)type->dtype;
    return ig_onnx_make_type(w, type->of, &m->value_type);
}

static ig_status make_opaque_type(ig_onnx_writer *w, const ig_type *type, ig_onnx_type_opaque **out) {
    *out = IG_NEW(w->arena, ig_onnx_type_opaque);
    if (!*out) return ig_oom(w->err);
    (*out)->domain = type->opaque_domain;
    (*out)->name = type->opaque_name;
    return IG_OK;
}

/* Types nest as deep as inference or a reader made them; both bound that. */
ig_status ig_onnx_make_type(ig_onnx_writer *w, const ig_type *type, ig_onnx_type **out) {
    *out = NULL;
    if (!type) return IG_OK;
    ig_onnx_type *t = *out = type->wire.p ? ig_onnx_verbatim(w, type->wire) : IG_NEW(w->arena, ig_onnx_type);
    if (!t) return ig_oom(w->err);
    if (type->wire.p) return IG_OK;
    t->denotation = type->denotation;
    switch (type->kind) {
    case IG_KIND_TENSOR: t->value_case = 1; return make_tensor_type(w, type, &t->tensor_type);
    case IG_KIND_SPARSE: t->value_case = 8; return make_tensor_type(w, type, &t->sparse_tensor_type);
    case IG_KIND_SEQUENCE: t->value_case = 4; return make_type_of(w, type, &t->sequence_type);
    case IG_KIND_OPTIONAL: t->value_case = 9; return make_type_of(w, type, &t->optional_type);
    case IG_KIND_MAP: t->value_case = 5; return make_map_type(w, type, &t->map_type);
    case IG_KIND_OPAQUE: t->value_case = 7; return make_opaque_type(w, type, &t->opaque_type);
    default: return IG_OK;
    }
}

/* A type that the file doesn't declare is written only when it is news: found out by inference. */
static const ig_type *type_of(const ig_value_info *info) {
    const ig_value *v = info->value;
    if (info->type || !v || !v->type) return info->type;
    return v->type->wire.p || v->constant ? NULL : v->type;
}

ig_status ig_onnx_make_info(ig_onnx_writer *w, const ig_value_info *info, ig_pb_head **out) {
    ig_onnx_value_info *v = IG_NEW(w->arena, ig_onnx_value_info);
    if (!v) return ig_oom(w->err);
    *out = &v->head;
    v->name = info->value ? ig_onnx_written_name(w, info->value) : ig_name_str(info->name);
    if (v->name.n == 0 && !info->name) v->name = (ig_str){0};
    v->doc_string = info->doc;
    v->head.unknown = ig_onnx_unknown(info->unknown);
    IG_TRY(ig_onnx_make_props(w, &info->props, &v->metadata_props));
    return ig_onnx_make_type(w, type_of(info), &v->type);
}

/* ---- attributes ---- */

static ig_status make_tensors(ig_onnx_writer *w, const ig_attr *a, ig_onnx_attr *pb) {
    bool sparse = a->kind == IG_ATTR_SPARSES;
    pb->tensors.n = pb->sparse_tensors.n = 0;
    for (size_t i = 0; i < a->n; i++) {
        ig_pb_head *t = NULL;
        IG_TRY(ig_onnx_make_const(w, a->tensors[i], NULL, &t));
        if (!(sparse ? IG_PUSH(w->arena, &pb->sparse_tensors, t) : IG_PUSH(w->arena, &pb->tensors, t))) return ig_oom(w->err);
    }
    return IG_OK;
}

static ig_status make_tensor(ig_onnx_writer *w, const ig_attr *a, ig_onnx_attr *pb) {
    ig_pb_head *t = NULL;
    if (!a->t) return IG_OK;
    IG_TRY(ig_onnx_make_const(w, (ig_const *)(uintptr_t)a->t, NULL, &t));
    if (a->kind == IG_ATTR_TENSOR)
        pb->t = (ig_onnx_tensor *)(void *)t;
    else
        pb->sparse_tensor = (ig_onnx_sparse *)(void *)t;
    return IG_OK;
}

static ig_status make_graphs(ig_onnx_writer *w, const ig_attr *a, ig_onnx_attr *pb) {
    if (a->kind == IG_ATTR_GRAPH) return a->g ? ig_onnx_make_graph(w, a->g, &pb->g) : IG_OK;
    for (size_t i = 0; i < a->n; i++) {
        ig_onnx_graph *g = NULL;
        IG_TRY(ig_onnx_make_graph(w, a->graphs[i], &g));
        if (!IG_PUSH(w->arena, &pb->graphs, g)) return ig_oom(w->err);
    }
    return IG_OK;
}

static ig_status make_types(ig_onnx_writer *w, const ig_attr *a, ig_onnx_attr *pb) {
    for (size_t i = 0; i < a->n; i++) {
        ig_onnx_type *t = NULL;
        IG_TRY(ig_onnx_make_type(w, a->types[i], &t));
        if (!IG_PUSH(w->arena, &pb->type_protos, &t->head)) return ig_oom(w->err);
    }
    return IG_OK;
}

static ig_status make_strings(ig_onnx_writer *w, const ig_attr *a, ig_onnx_attr *pb) {
    for (size_t i = 0; i < a->n; i++)
        if (!IG_PUSH(w->arena, &pb->strings, ig_span_of(a->strings[i]))) return ig_oom(w->err);
    return IG_OK;
}

static ig_status make_value(ig_onnx_writer *w, const ig_attr *a, ig_onnx_attr *pb) {
    bool ok = true;
    switch (a->kind) {
    case IG_ATTR_FLOAT:
        pb->has_f = true;
        pb->f = a->f;
        return IG_OK;
    case IG_ATTR_INT:
        pb->has_i = true;
        pb->i = a->i;
        return IG_OK;
    case IG_ATTR_STRING: pb->s = a->s.s ? ig_span_of(a->s) : ig_span_of(IG_STR("")); return IG_OK;
    case IG_ATTR_FLOATS: pb->floats = (ig_pb_bytes){(const uint8_t *)a->floats, a->n * sizeof(float), 0}; return IG_OK;
    case IG_ATTR_INTS: pb->ints = ig_pb_pack(w->arena, IG_PB_INT64, a->ints, a->n, &ok); return ok ? IG_OK : ig_oom(w->err);
    case IG_ATTR_STRINGS: return make_strings(w, a, pb);
    case IG_ATTR_TENSOR:
    case IG_ATTR_SPARSE: return make_tensor(w, a, pb);
    case IG_ATTR_TENSORS:
    case IG_ATTR_SPARSES: return make_tensors(w, a, pb);
    case IG_ATTR_GRAPH:
    case IG_ATTR_GRAPHS: return make_graphs(w, a, pb);
    case IG_ATTR_TYPE: return ig_onnx_make_type(w, a->type, &pb->tp);
    case IG_ATTR_TYPES: return make_types(w, a, pb);
    default: return IG_OK;
    }
}

static bool moves(const ig_onnx_writer *w, const ig_attr *a) {
    if (a->kind == IG_ATTR_TENSOR) return ig_onnx_moves(w, a->t);
    for (size_t i = 0; a->kind == IG_ATTR_TENSORS && i < a->n; i++)
        if (ig_onnx_moves(w, a->tensors[i])) return true;
    return false;
}

ig_status ig_onnx_make_attr(ig_onnx_writer *w, const ig_attr *a, ig_pb_head **out) {
    if (a->wire.p && !moves(w, a)) {
        *out = ig_onnx_verbatim(w, a->wire);
        return *out ? IG_OK : ig_oom(w->err);
    }
    ig_onnx_attr *pb = IG_NEW(w->arena, ig_onnx_attr);
    if (!pb) return ig_oom(w->err);
    *out = &pb->head;
    if (a->wire.p) { /* all but the tensors stays as it was read */
        ig_pb_reader r = {w->arena, a->wire.p, w->model->context->limits.depth, w->err, NULL};
        IG_TRY(ig_pb_read(&r, &ig_onnx_attr_pb, a->wire, pb, NULL));
        return a->kind == IG_ATTR_TENSOR ? make_tensor(w, a, pb) : make_tensors(w, a, pb);
    }
    pb->name = ig_name_str(a->name);
    pb->ref_attr_name = ig_name_str(a->ref);
    pb->doc_string = a->doc;
    pb->has_type = a->kind != IG_ATTR_UNDEFINED;
    pb->type = (int32_t)a->kind;
    pb->head.unknown = ig_onnx_unknown(a->unknown);
    return a->ref ? IG_OK : make_value(w, a, pb);
}
