/* Reading what has no nodes in it: names, properties, types, value infos, constants. */
#include "formats/onnx/decode.h"

ig_status ig_onnx_name(ig_onnx_reader *r, ig_str text, const char *what, const ig_pb_path *path, ig_name *name) {
    bool ok = true;
    *name = ig_intern(&r->model->names, text, &ok);
    if (!ok) return ig_oom(r->err);
    if (text.n && !ig_utf8_valid(text)) {
        char clean[200];
        ig_text_clean(clean, sizeof clean, (ig_str){text.s, ig_min_size(text.n, 80)});
        ig_onnx_find(r, IG_ERROR, "utf8", path, NULL, NULL, "invalid UTF-8 in %s '%s'", what, clean);
    }
    return IG_OK;
}

ig_status ig_onnx_keep(ig_onnx_reader *r, ig_pb_bytes bytes, ig_span *out) {
    *out = (ig_span){bytes.p, bytes.n};
    if (bytes.cap == 0) return IG_OK; /* in the file */
    uint8_t *copy = ig_arena_alloc(&r->model->arena, bytes.n);
    if (!copy) return ig_oom(r->err);
    memcpy(copy, bytes.p, bytes.n);
    out->p = copy;
    return IG_OK;
}

ig_status ig_onnx_read_props(ig_onnx_reader *r, const void *pb, ig_props *out) {
    ig_onnx_props in;
    memcpy(&in, pb, sizeof in);
    if (in.n == 0) return IG_OK;
    out->items = IG_NEW_ARRAY(&r->model->arena, ig_prop, in.n);
    if (!out->items) return ig_oom(r->err);
    out->n = out->cap = in.n;
    for (size_t i = 0; i < in.n; i++) {
        out->items[i].key = in.items[i]->key;
        out->items[i].value = in.items[i]->value;
        IG_TRY(ig_onnx_keep(r, in.items[i]->head.unknown, &out->items[i].unknown));
    }
    return IG_OK;
}

/* ---- types ---- */

static ig_status read_dim(ig_onnx_reader *r, const ig_onnx_dim *pb, const ig_pb_path *path, ig_dim *out) {
    *out = ig_dim_unknown();
    if (pb->value_case == 1 && pb->dim_value >= 0) {
        *out = ig_dim_of(pb->dim_value);
    } else if (pb->value_case == 1) {
        ig_onnx_find(r, IG_WARNING, "dim", path, NULL, "give a dimension that isn't fixed a name instead of a number",
                     "negative dimension %lld, taken as unknown", (long long)pb->dim_value);
    } else if (pb->value_case == 2 && pb->dim_param.n) {
        *out = ig_dim_named(&r->model->syms, pb->dim_param);
        if (!ig_dim_known(*out) && !out->sym) *out = ig_dim_symbol(&r->model->syms, pb->dim_param); /* no expression we know */
        if (!ig_dim_known(*out) && !out->sym) return ig_oom(r->err);
    }
    return IG_OK;
}

static ig_dtype read_dtype(ig_onnx_reader *r, int32_t number, const ig_pb_path *path) {
    if (ig_dtype_valid(number)) return (ig_dtype)number;
    if (number) ig_onnx_find(r, IG_ERROR, "type", path, NULL, NULL, "unknown element type %d", number);
    return IG_UNDEFINED;
}

static ig_status read_tensor_type(ig_onnx_reader *r, const ig_onnx_type_tensor *pb, const ig_pb_path *path, ig_type *t) {
    t->dtype = read_dtype(r, pb->elem_type, path);
    t->rank = IG_UNRANKED;
    if (!pb->shape) return IG_OK;
    size_t n = pb->shape->dim.n;
    if (n > IG_MAX_RANK) {
        ig_onnx_find(r, IG_WARNING, "dim", path, NULL, NULL, "%zu dimensions, at most %d are supported: taken as unknown", n,
                     IG_MAX_RANK);
        return IG_OK;
    }
    ig_dim *dims = IG_NEW_ARRAY(&r->model->arena, ig_dim, n);
    ig_str *denotations = NULL;
    if (!dims) return ig_oom(r->err);
    for (size_t i = 0; i < n; i++) {
        const ig_onnx_dim *d = pb->shape->dim.items[i];
        IG_TRY(read_dim(r, d, path, &dims[i]));
        if (!d->denotation.s) continue;
        if (!denotations) denotations = IG_NEW_ARRAY(&r->model->arena, ig_str, n);
        if (!denotations) return ig_oom(r->err);
        denotations[i] = d->denotation;
    }
    t->rank = (int)n;
    t->dims = dims;
    t->dim_denotations = denotations;
    return IG_OK;
}

/* The codec's depth limit bounds the recursion. */
ig_status ig_onnx_read_type(ig_onnx_reader *r, const ig_onnx_type *pb, const ig_pb_path *path, const ig_type **out) {
    *out = NULL;
    if (!pb) return IG_OK;
    ig_type *t = IG_NEW(&r->model->arena, ig_type);
    if (!t) return ig_oom(r->err);
    t->wire = pb->head.wire;
    t->denotation = pb->denotation;
    t->rank = IG_UNRANKED;
    *out = t;
    switch (pb->value_case) {
    case 1: t->kind = IG_KIND_TENSOR; return read_tensor_type(r, pb->tensor_type, path, t);
    case 8: t->kind = IG_KIND_SPARSE; return read_tensor_type(r, pb->sparse_tensor_type, path, t);
    case 4: t->kind = IG_KIND_SEQUENCE; return ig_onnx_read_type(r, pb->sequence_type->elem_type, path, &t->of);
    case 9: t->kind = IG_KIND_OPTIONAL; return ig_onnx_read_type(r, pb->optional_type->elem_type, path, &t->of);
    case 5:
        t->kind = IG_KIND_MAP;
        t->dtype = read_dtype(r, pb->map_type->key_type, path);
        return ig_onnx_read_type(r, pb->map_type->value_type, path, &t->of);
    case 7:
        t->kind = IG_KIND_OPAQUE;
        t->opaque_domain = pb->opaque_type->domain;
        t->opaque_name = pb->opaque_type->name;
        return IG_OK;
    default: return IG_OK;
    }
}

ig_status ig_onnx_read_info(ig_onnx_reader *r, const ig_pb_head *head, ig_arena *scratch, const ig_pb_path *path,
                            ig_value_info *info) {
    ig_onnx_value_info pb = {0};
    ig_pb_reader reader = ig_onnx_pb(r, scratch);
    *info = (ig_value_info){0};
    IG_TRY(ig_pb_read(&reader, &ig_onnx_value_info_pb, head->wire, &pb, path));
    IG_TRY(ig_onnx_name(r, pb.name, "a value's name", path, &info->name));
    IG_TRY(ig_onnx_read_type(r, pb.type, path, &info->type));
    info->doc = pb.doc_string;
    IG_TRY(ig_onnx_read_props(r, &pb.metadata_props, &info->props));
    return ig_onnx_keep(r, pb.head.unknown, &info->unknown);
}

/* ---- constants ---- */

/* What the facts say, and the message's texts; the tensor's error when they are wrong. */
static ig_status begin_const(ig_onnx_reader *r, const ig_onnx_tensor *pb, const ig_onnx_facts *f, ig_span wire,
                             ig_status status, const ig_error *problem, const ig_pb_path *path, ig_const *c) {
    ig_arena *arena = &r->model->arena;
    IG_TRY(ig_onnx_name(r, pb->name, "a tensor's name", path, &c->name));
    c->dtype = f->dtype;
    c->rank = f->rank;
    int64_t *dims = IG_NEW_ARRAY(arena, int64_t, (size_t)f->rank);
    if (!dims) return ig_oom(r->err);
    if (f->rank) memcpy(dims, f->dims, (size_t)f->rank * sizeof *dims);
    c->dims = dims;
    c->count = f->count;
    c->bytes = f->bytes;
    c->doc = pb->doc_string;
    c->wire = wire;
    IG_TRY(ig_onnx_read_props(r, &pb->metadata_props, &c->props));
    if (status == IG_OK) return IG_OK;
    c->bad = true;
    ig_onnx_find(r, IG_ERROR, "tensor", path, NULL, NULL, "%s", problem->message);
    return IG_OK;
}

/* Content that can't be decoded later: in another file, or in a message that isn't in one piece. */
static ig_status decode_now(ig_onnx_reader *r, const ig_onnx_tensor *pb, const ig_onnx_facts *f, const ig_pb_path *path,
                            ig_const *c) {
    ig_model *m = r->model;
    if (f->place != IG_ONNX_OUTSIDE)
        IG_TRY(ig_onnx_content(&c->tensor, m->context, r->file, pb, f, r->err));
    else {
        ig_external *e = IG_NEW(&m->arena, ig_external);
        if (!e) return ig_oom(r->err);
        *e = f->external;
        c->external = e;
        IG_TRY(ig_onnx_map_external(r, f, path, ig_name_text(c->name), &c->tensor));
        c->bad = !c->tensor;
        if (c->bad) return IG_OK;
    }
    if (IG_PUSH(&m->arena, &m->tensors, c->tensor)) return IG_OK;
    ig_tensor_free(c->tensor);
    c->tensor = NULL;
    return ig_oom(r->err);
}

ig_status ig_onnx_read_const(ig_onnx_reader *r, const ig_onnx_tensor *pb, ig_arena *scratch, const ig_pb_path *path,
                             ig_const **out) {
    ig_const *c = *out = IG_NEW(&r->model->arena, ig_const);
    if (!c) return ig_oom(r->err);
    ig_onnx_facts f;
    ig_error problem;
    ig_status status = ig_onnx_facts_of(scratch, pb, false, &f, &problem);
    if (status != IG_OK && status != IG_NO) {
        if (r->err) *r->err = problem;
        return status;
    }
    IG_TRY(begin_const(r, pb, &f, pb->head.wire, status, &problem, path, c));
    if (c->bad) return IG_OK;
    if (f.place == IG_ONNX_OUTSIDE || !c->wire.p) return decode_now(r, pb, &f, path, c);
    c->decode = ig_onnx_decode_const;
    return IG_OK;
}

ig_status ig_onnx_read_sparse(ig_onnx_reader *r, const ig_onnx_sparse *pb, ig_arena *scratch, const ig_pb_path *path,
                              ig_const **out) {
    static const ig_onnx_tensor nameless;
    ig_const *c = *out = IG_NEW(&r->model->arena, ig_const);
    if (!c) return ig_oom(r->err);
    ig_onnx_facts f;
    ig_error problem;
    ig_model *m = r->model;
    ig_tensor *tensor = NULL;
    ig_status status = ig_onnx_sparse_facts(scratch, pb, &f, &problem);
    if (status == IG_OK) /* small, and only its content shows whether it is right */
        status = ig_onnx_sparse_content(&tensor, m->context, r->file, scratch, pb, &problem);
    if (status != IG_OK && status != IG_NO) {
        if (r->err) *r->err = problem;
        return status;
    }
    c->sparse = true;
    if (tensor && !IG_PUSH(&m->arena, &m->tensors, tensor)) {
        ig_tensor_free(tensor);
        return ig_oom(r->err);
    }
    c->tensor = tensor;
    IG_TRY(begin_const(r, pb->values ? pb->values : &nameless, &f, pb->head.wire, status, &problem, path, c));
    if (tensor) c->bytes = tensor->items[0]->bytes + tensor->items[1]->bytes;
    return IG_OK;
}
