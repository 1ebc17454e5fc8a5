/* TensorProto: types, shapes and constants. */
#include "formats/tensorflow/decode.h"

/* What has to be unpacked is decoded when it is wanted, from this size on. */
enum { LATER = 4096 };

const ig_type *ig_tf_make_type(ig_tf_reader *r, int32_t type, const ig_tf_shape *pb) {
    if (type == IG_TF_RESOURCE) return r->resource;
    if (type == IG_TF_VARIANT) return r->variant;
    ig_shape shape = {.rank = IG_UNRANKED};
    if (pb && !pb->unknown_rank && pb->dim.n <= IG_MAX_RANK) {
        shape.rank = (int)pb->dim.n;
        for (int i = 0; i < shape.rank; i++)
            shape.dims[i] = pb->dim.items[i]->size < 0 ? ig_dim_unknown() : ig_dim_of(pb->dim.items[i]->size);
    }
    const ig_type *t = ig_type_tensor(&r->model->arena, ig_tf_dtype(type), &shape);
    if (!t) r->failed = true;
    return t;
}

bool ig_tf_dims(ig_model *model, const ig_tf_shape *pb, int *rank, int64_t **dims) {
    size_t n = pb ? pb->dim.n : 0;
    if ((pb && pb->unknown_rank) || n > IG_MAX_RANK) return false;
    *rank = (int)n;
    *dims = IG_NEW_ARRAY(&model->arena, int64_t, n);
    for (size_t i = 0; *dims && i < n; i++) (*dims)[i] = pb->dim.items[i]->size;
    return *dims != NULL;
}

void ig_tf_pack_bits(ig_dtype dtype, void *to, const uint8_t *from, size_t n) {
    for (size_t i = 0; i < n; i++) ig_store_bits(dtype, to, i, from[i]);
}

/* ---- content ---- */

/* The field of typed values that a type's elements are in. */
static ig_pb_bytes values_of(const ig_tf_tensor *t, ig_pb_type *type) {
    const ig_pb_bytes f8 = {t->float8_val.p, t->float8_val.n, 0};
    switch (t->dtype) {
    case 1: *type = IG_PB_FLOAT; return t->float_val;
    case 2: *type = IG_PB_DOUBLE; return t->double_val;
    case 8: *type = IG_PB_FLOAT; return t->scomplex_val;
    case 9: *type = IG_PB_INT64; return t->int64_val;
    case 10: *type = IG_PB_BOOL; return t->bool_val;
    case 14:
    case 19: *type = IG_PB_INT32; return t->half_val;
    case 18: *type = IG_PB_DOUBLE; return t->dcomplex_val;
    case 22: *type = IG_PB_UINT32; return t->uint32_val;
    case 23: *type = IG_PB_UINT64; return t->uint64_val;
    case 24:
    case 25:
    case 26:
    case 28: *type = IG_PB_TYPE_COUNT; return f8;
    default: *type = IG_PB_INT32; return t->int_val;
    }
}

/* Element i of the content from typed value v; halves come as their bits. */
static void put_value(ig_tensor *out, int32_t type, size_t i, ig_pb_type from, const void *values, size_t v) {
    size_t size = ig_tf_type_bytes(type);
    uint8_t *to = out->data;
    if (from == IG_PB_INT32) {
        int32_t x = ((const int32_t *)values)[v];
        if (ig_dtype_bits(out->dtype) < 8)
            ig_store_bits(out->dtype, to, i, (uint8_t)x);
        else
            memcpy(to + i * size, &x, size); /* little-endian: the low bytes come first */
    } else {
        memcpy(to + i * size, (const uint8_t *)values + v * size, size);
    }
}

/* Elements beyond the last value repeat it; without any they are zeros. */
static ig_status fill_typed(ig_tensor *out, const ig_tf_tensor *t, ig_arena *scratch, ig_error *err) {
    ig_pb_type type;
    size_t n = 0;
    bool bad = false;
    ig_pb_bytes packed = values_of(t, &type);
    const void *values = packed.p;
    if (type == IG_PB_TYPE_COUNT)
        n = packed.n;
    else
        values = ig_pb_unpack(scratch, type, packed, &n, &bad);
    if (bad) return ig_fail(err, IG_E_INPUT, "the tensor holds a number of more than 10 bytes");
    if (!values && packed.n) return ig_oom(err);
    if (t->dtype == 8 || t->dtype == 18) n /= 2; /* pairs */
    if (n == 0 && out->bytes) memset(out->data, 0, out->bytes);
    for (size_t i = 0; n && i < out->count; i++) put_value(out, t->dtype, i, type, values, i < n ? i : n - 1);
    return IG_OK;
}

/* Lengths as varints, then the characters. */
static ig_status fill_string_list(ig_str *out, size_t n, ig_span list, ig_error *err) {
    const uint8_t *p = list.p, *end = list.p + list.n;
    uint64_t length;
    for (size_t i = 0; i < n; i++) {
        if (!(p = ig_pb_varint(p, end, &length)) || length > list.n)
            return ig_fail(err, IG_E_INPUT, "the tensor's list of strings is truncated");
        out[i].n = length;
    }
    for (size_t i = 0; i < n; i++) {
        if (out[i].n > (size_t)(end - p)) return ig_fail(err, IG_E_INPUT, "the tensor's list of strings is truncated");
        out[i].s = (const char *)p;
        p += out[i].n;
    }
    return IG_OK;
}

/* The characters stay in the file, or are copied when they lie in memory that nobody counts references to. */
static ig_status fill_strings(const ig_model *m, ig_tensor *out, const ig_tf_tensor *t, ig_error *err) {
    ig_str *strings = out->data;
    size_t n = t->string_val.n;
    ig_buffer *buffer = NULL;
    if (t->tensor_content.n) IG_TRY(fill_string_list(strings, out->count, t->tensor_content, err));
    for (size_t i = 0; n && !t->tensor_content.n && i < out->count; i++)
        strings[i] = ig_str_of(t->string_val.items[i < n ? i : n - 1]);
    for (size_t i = 0; i < out->count; i++) {
        if (strings[i].n == 0)
            strings[i] = IG_STR("");
        else if (!buffer)
            buffer = ig_model_buffer_of(m, strings[i].s);
    }
    out->source = buffer ? ig_buffer_retain(buffer) : NULL;
    for (size_t i = 0; !buffer && i < out->count; i++)
        if (!ig_tensor_set_string(out, i, strings[i])) return ig_oom(err);
    return IG_OK;
}

static ig_status decode(ig_tensor **out, const ig_model *m, const ig_const *c, const ig_tf_tensor *t, ig_arena *scratch,
                        ig_error *err) {
    IG_TRY(ig_tensor_new(out, m->context, c->dtype, c->rank, c->dims, err));
    ig_status status;
    if (c->dtype == IG_STRING) {
        status = fill_strings(m, *out, t, err);
    } else if (t->tensor_content.n) { /* of a type smaller than a byte */
        ig_tf_pack_bits(c->dtype, (*out)->data, t->tensor_content.p, (*out)->count);
        status = IG_OK;
    } else {
        status = fill_typed(*out, t, scratch, err);
    }
    if (status == IG_OK) return IG_OK;
    ig_tensor_free(*out);
    *out = NULL;
    return status;
}

static ig_status decode_later(ig_model *m, ig_const *c, ig_error *err) {
    ig_arena scratch;
    ig_tf_tensor t = {0};
    ig_arena_init(&scratch, m->context);
    ig_pb_reader reader = {&scratch, c->origin.p, m->context->limits.depth, err, NULL};
    ig_status status = ig_pb_read(&reader, &ig_tf_tensor_pb, c->origin, &t, NULL);
    if (status == IG_OK) status = decode(&c->tensor, m, c, &t, &scratch, err);
    ig_arena_free(&scratch);
    return status;
}

/* ---- constants ---- */

/* What is wrong with a tensor of this type and shape; NULL: nothing. */
static const char *problem_of(ig_tf_reader *r, const ig_tf_tensor *t, ig_const *c) {
    int64_t *dims;
    size_t bytes;
    if (!ig_tf_dims(r->model, t->tensor_shape, &c->rank, &dims)) return "its shape is unknown or has too many dims";
    c->dims = dims;
    c->dtype = ig_tf_dtype(t->dtype);
    if (c->dtype == IG_UNDEFINED) return "its element type can't be a constant's";
    if (!ig_dims_count(c->rank, c->dims, &c->count) || !ig_dtype_size(c->dtype, c->count, &bytes))
        return "its dims are negative or too large";
    c->bytes = bytes;
    size_t n = ig_tf_type_bytes(t->dtype);
    if (n && t->tensor_content.n && t->tensor_content.n != (size_t)c->count * n)
        return "its content has another size than its shape";
    return NULL;
}

/* The content where it lies, when its bytes are those of memory: elements of whole bytes, all of them there. */
static ig_span plain_content(const ig_tf_tensor *t, const ig_const *c) {
    ig_pb_type type;
    if (c->dtype == IG_STRING || ig_dtype_bits(c->dtype) < 8) return (ig_span){0};
    if (t->tensor_content.n) return t->tensor_content;
    ig_pb_bytes values = values_of(t, &type);
    bool raw = type == IG_PB_FLOAT || type == IG_PB_DOUBLE || type == IG_PB_TYPE_COUNT;
    return raw && values.n && values.n == c->bytes ? (ig_span){values.p, values.n} : (ig_span){0};
}

ig_status ig_tf_read_const(ig_tf_reader *r, const ig_tf_tensor *pb, ig_name name, const char *where, ig_const **out) {
    ig_model *m = r->model;
    ig_const *c = *out = IG_NEW(&m->arena, ig_const);
    if (!c) return ig_oom(r->err);
    c->name = name;
    const char *problem = problem_of(r, pb, c);
    if (problem) {
        ig_tf_find(r, IG_ERROR, "tensor-data", where, "tensor '%.80s': %s", ig_name_text(name), problem);
        c->bad = true;
        c->rank = 0;
        return IG_OK;
    }
    ig_span plain = plain_content(pb, c);
    ig_buffer *buffer = plain.n ? ig_model_buffer_of(m, plain.p) : NULL;
    if (buffer) {
        c->tensor = ig_tensor_over(m->context, c->dtype, c->rank, c->dims, buffer, plain.p);
        if (!c->tensor) return ig_oom(r->err);
    } else if (pb->head.wire.n && c->bytes >= LATER) {
        c->origin = pb->head.wire;
        c->decode = decode_later;
        return IG_OK;
    } else {
        ig_status status = decode(&c->tensor, m, c, pb, &r->arena, r->err);
        if (status == IG_E_INPUT) {
            ig_tf_find(r, IG_ERROR, "tensor-data", where, "tensor '%.80s': %s", ig_name_text(name),
                       r->err ? r->err->message : "malformed");
            c->bad = true;
            return IG_OK;
        }
        IG_TRY(status);
    }
    if (IG_PUSH(&m->arena, &m->tensors, c->tensor)) return IG_OK;
    ig_tensor_free(c->tensor);
    return ig_oom(r->err);
}
