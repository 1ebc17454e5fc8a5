/* Values in files of their own. A sequence or optional is read by what it holds; its elem_type counts only when it holds
 * nothing. */
#include "formats/onnx/onnx.h"
#include "formats/onnx/tensor.h"

enum { ELEM_UNDEFINED, ELEM_TENSOR, ELEM_SPARSE, ELEM_SEQUENCE, ELEM_MAP, ELEM_OPTIONAL };

/* ------------------------------------------------------------------------------------------------------------- reading */

typedef struct reader {
    ig_context *context;
    ig_buffer *buffer;
    ig_arena *arena;
    ig_error *err;
} reader;

static ig_status read_sequence(reader *r, const ig_onnx_sequence *pb, ig_tensor **out);
static ig_status read_map(reader *r, const ig_onnx_map *pb, ig_tensor **out);
static ig_status read_optional(reader *r, const ig_onnx_optional *pb, ig_tensor **out);

static ig_status read_tensor(reader *r, const ig_onnx_tensor *pb, ig_tensor **out) {
    ig_onnx_facts f;
    IG_TRY(ig_onnx_facts_of(r->arena, pb, true, &f, r->err));
    return ig_onnx_content(out, r->context, r->buffer, pb, &f, r->err);
}

static ig_status read_sparse(reader *r, const ig_onnx_sparse *pb, ig_tensor **out) {
    return ig_onnx_sparse_content(out, r->context, r->buffer, r->arena, pb, r->err);
}

/* Appends what was just read, if it was. */
static ig_status add(reader *r, ig_tensor *sequence, ig_status status, ig_tensor *const *item) {
    if (status != IG_OK) return status;
    if (ig_tensor_append(sequence, *item)) return IG_OK;
    ig_tensor_free(*item);
    return ig_oom(r->err);
}

/* Depth of values in values is bounded by the codec, which has read them all. */
static ig_status fill_sequence(reader *r, const ig_onnx_sequence *pb, ig_tensor *sequence) {
    ig_tensor *item = NULL;
    const size_t counts[] = {pb->tensor_values.n, pb->sparse_tensor_values.n, pb->sequence_values.n, pb->map_values.n,
                             pb->optional_values.n};
    size_t kinds = 0;
    for (size_t i = 0; i < IG_COUNT_OF(counts); i++) kinds += counts[i] > 0;
    if (kinds > 1) return ig_fail(r->err, IG_E_INPUT, "a sequence holds values of %zu kinds", kinds);
    for (size_t i = 0; i < pb->tensor_values.n; i++)
        IG_TRY(add(r, sequence, read_tensor(r, pb->tensor_values.items[i], &item), &item));
    for (size_t i = 0; i < pb->sparse_tensor_values.n; i++)
        IG_TRY(add(r, sequence, read_sparse(r, pb->sparse_tensor_values.items[i], &item), &item));
    for (size_t i = 0; i < pb->sequence_values.n; i++)
        IG_TRY(add(r, sequence, read_sequence(r, pb->sequence_values.items[i], &item), &item));
    for (size_t i = 0; i < pb->map_values.n; i++) IG_TRY(add(r, sequence, read_map(r, pb->map_values.items[i], &item), &item));
    for (size_t i = 0; i < pb->optional_values.n; i++)
        IG_TRY(add(r, sequence, read_optional(r, pb->optional_values.items[i], &item), &item));
    return IG_OK;
}

static ig_status read_sequence(reader *r, const ig_onnx_sequence *pb, ig_tensor **out) {
    *out = NULL;
    ig_tensor *sequence = ig_tensor_new_kind(r->context, IG_KIND_SEQUENCE);
    if (!sequence) return ig_oom(r->err);
    ig_status status = fill_sequence(r, pb, sequence);
    if (status != IG_OK) {
        ig_tensor_free(sequence);
        return status;
    }
    *out = sequence;
    return IG_OK;
}

static ig_status read_keys(reader *r, const ig_onnx_map *pb, ig_tensor **out) {
    ig_dtype type = ig_dtype_valid(pb->key_type) ? (ig_dtype)pb->key_type : IG_UNDEFINED;
    if (type == IG_STRING) {
        int64_t n = (int64_t)pb->string_keys.n;
        IG_TRY(ig_tensor_new(out, r->context, IG_STRING, 1, &n, r->err));
        for (size_t i = 0; i < pb->string_keys.n; i++) ((ig_str *)(*out)->data)[i] = ig_str_of(pb->string_keys.items[i]);
        (*out)->source = ig_buffer_retain(r->buffer);
        return IG_OK;
    }
    if (!ig_dtype_is_int(type) || ig_dtypes[type].bits < 8)
        return ig_fail(r->err, IG_E_INPUT, "a map with keys of the impossible element type %d", pb->key_type);
    size_t n;
    bool malformed;
    const int64_t *keys = ig_pb_unpack(r->arena, IG_PB_INT64, pb->keys, &n, &malformed);
    if (malformed) return ig_fail(r->err, IG_E_INPUT, "a map's keys hold a varint longer than 10 bytes");
    if (!keys) return ig_oom(r->err);
    int64_t dim = (int64_t)n;
    IG_TRY(ig_tensor_new(out, r->context, type, 1, &dim, r->err));
    for (size_t i = 0; i < n; i++) ig_store_i64(type, (*out)->data, i, keys[i]);
    return IG_OK;
}

/* Scalars of one type become one tensor; anything else stays a sequence. */
static bool all_scalars(const ig_tensor *s) {
    for (size_t i = 0; i < s->n_items; i++) {
        const ig_tensor *t = s->items[i];
        if (t->kind != IG_KIND_TENSOR || t->count != 1 || t->rank > 1 || t->dtype != s->items[0]->dtype) return false;
    }
    return s->n_items > 0 && ig_dtypes[s->items[0]->dtype].bits >= 8;
}

static ig_status join_scalars(reader *r, ig_tensor **values) {
    ig_tensor *s = *values, *joined;
    int64_t n = (int64_t)s->n_items;
    ig_dtype type = s->items[0]->dtype;
    size_t unit = ig_dtype_bytes(type);
    IG_TRY(ig_tensor_new(&joined, r->context, type, 1, &n, r->err));
    for (size_t i = 0; i < s->n_items; i++) memcpy((char *)joined->data + i * unit, s->items[i]->data, unit);
    if (type == IG_STRING) joined->source = ig_buffer_retain(r->buffer);
    ig_tensor_free(s);
    *values = joined;
    return IG_OK;
}

static ig_status read_map(reader *r, const ig_onnx_map *pb, ig_tensor **out) {
    ig_tensor *keys = NULL, *values = NULL;
    *out = NULL;
    static const ig_onnx_sequence nothing;
    ig_status status = read_keys(r, pb, &keys);
    if (status == IG_OK) status = read_sequence(r, pb->values ? pb->values : &nothing, &values);
    if (status == IG_OK && all_scalars(values)) status = join_scalars(r, &values);
    if (status == IG_OK && keys && values->count != keys->count)
        status = ig_fail(r->err, IG_E_INPUT, "a map has %zu keys and %zu values", keys->count, values->count);
    if (status == IG_OK) status = ig_tensor_create_map(out, r->context, keys, values, r->err);
    ig_tensor_free(keys);
    ig_tensor_free(values);
    return status;
}

static ig_status read_optional(reader *r, const ig_onnx_optional *pb, ig_tensor **out) {
    if (pb->tensor_value) return read_tensor(r, pb->tensor_value, out);
    if (pb->sparse_tensor_value) return read_sparse(r, pb->sparse_tensor_value, out);
    if (pb->sequence_value) return read_sequence(r, pb->sequence_value, out);
    if (pb->map_value) return read_map(r, pb->map_value, out);
    if (pb->optional_value) return read_optional(r, pb->optional_value, out);
    return ig_tensor_create_none(out, r->context, r->err);
}

static ig_status read_value(reader *r, ig_kind kind, ig_str *name, ig_tensor **out) {
    ig_pb_reader pb = {r->arena, r->buffer->data, r->context->limits.depth, r->err, NULL};
    ig_span in = ig_buffer_span(r->buffer);
    switch (kind) {
    case IG_KIND_TENSOR: {
        ig_onnx_tensor m = {0};
        IG_TRY(ig_pb_read(&pb, &ig_onnx_tensor_pb, in, &m, NULL));
        *name = m.name;
        return read_tensor(r, &m, out);
    }
    case IG_KIND_SPARSE: {
        ig_onnx_sparse m = {0};
        IG_TRY(ig_pb_read(&pb, &ig_onnx_sparse_pb, in, &m, NULL));
        *name = m.values ? m.values->name : (ig_str){0};
        return read_sparse(r, &m, out);
    }
    case IG_KIND_SEQUENCE: {
        ig_onnx_sequence m = {0};
        IG_TRY(ig_pb_read(&pb, &ig_onnx_sequence_pb, in, &m, NULL));
        *name = m.name;
        return read_sequence(r, &m, out);
    }
    case IG_KIND_MAP: {
        ig_onnx_map m = {0};
        IG_TRY(ig_pb_read(&pb, &ig_onnx_map_pb, in, &m, NULL));
        *name = m.name;
        return read_map(r, &m, out);
    }
    case IG_KIND_OPTIONAL: {
        ig_onnx_optional m = {0};
        IG_TRY(ig_pb_read(&pb, &ig_onnx_optional_pb, in, &m, NULL));
        *name = m.name;
        return read_optional(r, &m, out);
    }
    default: return ig_fail(r->err, IG_E_ARGUMENT, "values of this kind are not in .pb files");
    }
}

ig_status ig_onnx_value_read(ig_tensor **out, ig_str *name, ig_context *context, ig_buffer *buffer, ig_kind kind,
                             ig_error *err) {
    ig_arena arena;
    ig_str ignored;
    *out = NULL;
    ig_arena_init(&arena, context);
    reader r = {context, buffer, &arena, err};
    ig_status status = read_value(&r, kind, name ? name : &ignored, out);
    ig_arena_free(&arena);
    if (status == IG_NO) { /* a tensor that contradicts itself */
        status = IG_E_INPUT;
        if (err) err->status = status;
    }
    return status;
}

/* ------------------------------------------------------------------------------------------------------------- writing */

typedef struct writer {
    ig_arena *arena;
    ig_error *err;
} writer;

enum { MAX_DEPTH = 200 };

static ig_status make_sequence(writer *w, const ig_tensor *v, unsigned depth, ig_onnx_sequence **out);
static ig_status make_map(writer *w, const ig_tensor *v, unsigned depth, ig_onnx_map **out);
static ig_status make_optional(writer *w, const ig_tensor *v, unsigned depth, ig_onnx_optional **out);

static ig_status make_tensor(writer *w, const ig_tensor *v, ig_onnx_tensor **out) {
    *out = ig_onnx_from_tensor(w->arena, v);
    return *out ? IG_OK : ig_oom(w->err);
}

static ig_status make_sparse(writer *w, const ig_tensor *v, ig_onnx_sparse **out) {
    *out = ig_onnx_from_sparse(w->arena, v);
    return *out ? IG_OK : ig_oom(w->err);
}

static int elem_type_of(const ig_tensor *v) {
    switch (v->kind) {
    case IG_KIND_TENSOR: return ELEM_TENSOR;
    case IG_KIND_SPARSE: return ELEM_SPARSE;
    case IG_KIND_SEQUENCE: return ELEM_SEQUENCE;
    case IG_KIND_MAP: return ELEM_MAP;
    default: return ELEM_OPTIONAL;
    }
}

static ig_status add_item(writer *w, ig_onnx_sequence *s, const ig_tensor *v, unsigned depth) {
    switch (s->elem_type) {
    case ELEM_TENSOR: {
        ig_onnx_tensor *m;
        IG_TRY(make_tensor(w, v, &m));
        return IG_PUSH(w->arena, &s->tensor_values, m) ? IG_OK : ig_oom(w->err);
    }
    case ELEM_SPARSE: {
        ig_onnx_sparse *m;
        IG_TRY(make_sparse(w, v, &m));
        return IG_PUSH(w->arena, &s->sparse_tensor_values, m) ? IG_OK : ig_oom(w->err);
    }
    case ELEM_SEQUENCE: {
        ig_onnx_sequence *m;
        IG_TRY(make_sequence(w, v, depth + 1, &m));
        return IG_PUSH(w->arena, &s->sequence_values, m) ? IG_OK : ig_oom(w->err);
    }
    case ELEM_MAP: {
        ig_onnx_map *m;
        IG_TRY(make_map(w, v, depth + 1, &m));
        return IG_PUSH(w->arena, &s->map_values, m) ? IG_OK : ig_oom(w->err);
    }
    default: {
        ig_onnx_optional *m;
        IG_TRY(make_optional(w, v, depth + 1, &m));
        return IG_PUSH(w->arena, &s->optional_values, m) ? IG_OK : ig_oom(w->err);
    }
    }
}

/* A sequence in which some entry is absent is one of optionals. */
static ig_status make_sequence(writer *w, const ig_tensor *v, unsigned depth, ig_onnx_sequence **out) {
    ig_onnx_sequence *s = *out = IG_NEW(w->arena, ig_onnx_sequence);
    if (!s) return ig_oom(w->err);
    if (depth > MAX_DEPTH) return ig_fail(w->err, IG_E_LIMIT, "values are nested deeper than %d levels", MAX_DEPTH);
    s->has_elem_type = true;
    s->elem_type = v->n_items ? elem_type_of(v->items[0]) : ELEM_TENSOR;
    for (size_t i = 1; i < v->n_items; i++)
        if (elem_type_of(v->items[i]) != s->elem_type) s->elem_type = ELEM_OPTIONAL;
    for (size_t i = 0; i < v->n_items; i++) IG_TRY(add_item(w, s, v->items[i], depth));
    return IG_OK;
}

/* Entry i of a tensor of values, without its first dimension. */
static ig_status make_entry(writer *w, const ig_tensor *values, size_t i, ig_onnx_tensor **out) {
    ig_tensor entry = *values; /* shares the content, lives in this function */
    size_t n = values->count / (size_t)values->dims[0], unit = ig_dtype_bytes(values->dtype);
    entry.rank--;
    memmove(entry.dims, values->dims + 1, (size_t)entry.rank * sizeof *entry.dims);
    entry.count = n;
    if (!ig_dtype_size(values->dtype, (int64_t)n, &entry.bytes)) return ig_oom(w->err);
    if (unit) {
        entry.data = (char *)values->data + i * n * unit;
    } else { /* elements smaller than a byte start anywhere in it */
        entry.data = ig_arena_alloc(w->arena, entry.bytes);
        if (!entry.data) return ig_oom(w->err);
        for (size_t k = 0; k < n; k++)
            ig_store_bits(values->dtype, entry.data, k, ig_load_bits(values->dtype, values->data, i * n + k));
    }
    return make_tensor(w, &entry, out);
}

static ig_status make_values(writer *w, const ig_tensor *values, unsigned depth, ig_onnx_sequence **out) {
    if (values->kind != IG_KIND_TENSOR) return make_sequence(w, values, depth + 1, out);
    ig_onnx_sequence *s = *out = IG_NEW(w->arena, ig_onnx_sequence);
    if (!s) return ig_oom(w->err);
    s->has_elem_type = true;
    s->elem_type = ELEM_TENSOR;
    for (size_t i = 0; i < (size_t)values->dims[0]; i++) {
        ig_onnx_tensor *entry;
        IG_TRY(make_entry(w, values, i, &entry));
        if (!IG_PUSH(w->arena, &s->tensor_values, entry)) return ig_oom(w->err);
    }
    return IG_OK;
}

static ig_status make_map(writer *w, const ig_tensor *v, unsigned depth, ig_onnx_map **out) {
    ig_onnx_map *m = *out = IG_NEW(w->arena, ig_onnx_map);
    const ig_tensor *keys = v->items[0];
    if (!m) return ig_oom(w->err);
    if (depth > MAX_DEPTH) return ig_fail(w->err, IG_E_LIMIT, "values are nested deeper than %d levels", MAX_DEPTH);
    m->has_key_type = true;
    m->key_type = (int32_t)keys->dtype;
    if (keys->dtype == IG_STRING) {
        for (size_t i = 0; i < keys->count; i++)
            if (!IG_PUSH(w->arena, &m->string_keys, ig_span_of(ig_tensor_strings(keys)[i]))) return ig_oom(w->err);
    } else {
        int64_t *numbers = IG_NEW_ARRAY(w->arena, int64_t, keys->count);
        bool ok = numbers != NULL;
        for (size_t i = 0; ok && i < keys->count; i++) numbers[i] = ig_load_as_i64(keys->dtype, keys->data, i);
        if (ok) m->keys = ig_pb_pack(w->arena, IG_PB_INT64, numbers, keys->count, &ok);
        if (!ok) return ig_oom(w->err);
    }
    return make_values(w, v->items[1], depth, &m->values);
}

static ig_status make_optional(writer *w, const ig_tensor *v, unsigned depth, ig_onnx_optional **out) {
    ig_onnx_optional *o = *out = IG_NEW(w->arena, ig_onnx_optional);
    if (!o) return ig_oom(w->err);
    if (depth > MAX_DEPTH) return ig_fail(w->err, IG_E_LIMIT, "values are nested deeper than %d levels", MAX_DEPTH);
    o->has_elem_type = true;
    o->elem_type = v->kind == IG_KIND_NONE ? ELEM_UNDEFINED : elem_type_of(v);
    switch (v->kind) {
    case IG_KIND_TENSOR: return make_tensor(w, v, &o->tensor_value);
    case IG_KIND_SPARSE: return make_sparse(w, v, &o->sparse_tensor_value);
    case IG_KIND_SEQUENCE: return make_sequence(w, v, depth + 1, &o->sequence_value);
    case IG_KIND_MAP: return make_map(w, v, depth + 1, &o->map_value);
    default: return IG_OK;
    }
}

static ig_status write_to_file(void *user, const void *data, size_t n, ig_error *err) {
    IG_UNUSED(err);
    ig_file_write(user, data, n); /* remembers a failure, which shows when the file is committed */
    return IG_OK;
}

static ig_status write_message(writer *w, const ig_pb_message *type, void *m, ig_file *file) {
    uint64_t size;
    IG_TRY(ig_pb_size(type, m, &size, w->err));
    return ig_pb_write(type, m, (ig_pb_sink){write_to_file, file}, w->err);
}

static ig_status write_value(writer *w, const ig_tensor *v, ig_kind kind, ig_str name, ig_file *file) {
    if (kind != IG_KIND_OPTIONAL && kind != v->kind)
        return ig_fail(w->err, IG_E_ARGUMENT, "the value is of another kind than the file is to hold");
    switch (kind) {
    case IG_KIND_TENSOR: {
        ig_onnx_tensor *m;
        IG_TRY(make_tensor(w, v, &m));
        m->name = name;
        return write_message(w, &ig_onnx_tensor_pb, m, file);
    }
    case IG_KIND_SPARSE: {
        ig_onnx_sparse *m;
        IG_TRY(make_sparse(w, v, &m));
        m->values->name = name;
        return write_message(w, &ig_onnx_sparse_pb, m, file);
    }
    case IG_KIND_SEQUENCE: {
        ig_onnx_sequence *m;
        IG_TRY(make_sequence(w, v, 0, &m));
        m->name = name;
        return write_message(w, &ig_onnx_sequence_pb, m, file);
    }
    case IG_KIND_MAP: {
        ig_onnx_map *m;
        IG_TRY(make_map(w, v, 0, &m));
        m->name = name;
        return write_message(w, &ig_onnx_map_pb, m, file);
    }
    case IG_KIND_OPTIONAL: {
        ig_onnx_optional *m;
        IG_TRY(make_optional(w, v, 0, &m));
        m->name = name;
        return write_message(w, &ig_onnx_optional_pb, m, file);
    }
    default: return ig_fail(w->err, IG_E_ARGUMENT, "values of this kind are not in .pb files");
    }
}

ig_status ig_onnx_value_write(const ig_tensor *value, ig_kind kind, const char *name, ig_file *file, ig_error *err) {
    ig_arena arena;
    ig_arena_init(&arena, value->context);
    writer w = {&arena, err};
    ig_status status = write_value(&w, value, kind, ig_str_c(name), file);
    ig_arena_free(&arena);
    return status;
}
