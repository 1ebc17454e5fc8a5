#include "formats/onnx/tensor.h"

#include <stdarg.h>
#include <stdio.h>

/* Up to here opening a file counts the varints of a tensor. */
enum { COUNT_LIMIT = 16 << 20 };

/* Which typed field holds which element types (onnx.proto, comments at TensorProto's fields). */
typedef struct data_field {
    const char *name;
    uint16_t offset; /* of the ig_pb_bytes in ig_onnx_tensor */
    ig_pb_type type;
    uint32_t dtypes; /* bit t: ig_dtype t */
} data_field;

#define BIT(dtype) (UINT32_C(1) << (dtype))

static const data_field data_fields[] = {
    {"float_data", offsetof(ig_onnx_tensor, float_data), IG_PB_FLOAT, BIT(IG_F32) | BIT(IG_C64)},
    {"int32_data", offsetof(ig_onnx_tensor, int32_data), IG_PB_INT32,
     BIT(IG_I32) | BIT(IG_I16) | BIT(IG_I8) | BIT(IG_I4) | BIT(IG_I2) | BIT(IG_U16) | BIT(IG_U8) | BIT(IG_U4) | BIT(IG_U2) |
         BIT(IG_BOOL) | BIT(IG_F16) | BIT(IG_BF16) | BIT(IG_F8E4M3FN) | BIT(IG_F8E4M3FNUZ) | BIT(IG_F8E5M2) |
         BIT(IG_F8E5M2FNUZ) | BIT(IG_F8E8M0) | BIT(IG_F4E2M1) | BIT(IG_F6E2M3) | BIT(IG_F6E3M2)},
    {"int64_data", offsetof(ig_onnx_tensor, int64_data), IG_PB_INT64, BIT(IG_I64)},
    {"double_data", offsetof(ig_onnx_tensor, double_data), IG_PB_DOUBLE, BIT(IG_F64) | BIT(IG_C128)},
    {"uint64_data", offsetof(ig_onnx_tensor, uint64_data), IG_PB_UINT64, BIT(IG_U32) | BIT(IG_U64)},
};

static ig_pb_bytes field_bytes(const ig_onnx_tensor *t, const data_field *f) {
    ig_pb_bytes b;
    memcpy(&b, (const char *)t + f->offset, sizeof b);
    return b;
}

/* Values that a typed field has for `count` elements: types of 4 and 2 bits come as whole bytes, complex ones as two numbers,
 * all others, those of 6 bits included, one by one. */
static int64_t field_values(ig_dtype dtype, int64_t count) {
    unsigned bits = ig_dtypes[dtype].bits;
    if (bits < 5) return count / (8 / bits) + (count % (8 / bits) != 0);
    return ig_dtype_number(dtype) == IG_NUMBER_COMPLEX ? 2 * count : count;
}

static ig_status IG_PRINTF(3, 4) no(ig_error *err, const ig_onnx_tensor *t, const char *format, ...) {
    char text[600];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    bool named = t->name.n > 0;
    ig_fail(err, IG_NO, "tensor%s%.*s%s %s", named ? " '" : "", (int)ig_min_size(t->name.n, 80), named ? t->name.s : "",
            named ? "'" : "", text);
    return IG_NO;
}

static ig_status read_dims(ig_arena *arena, const ig_onnx_tensor *t, ig_onnx_facts *f, ig_error *err) {
    bool malformed;
    size_t n;
    f->dims = ig_pb_unpack(arena, IG_PB_INT64, t->dims, &n, &malformed);
    if (malformed) return ig_fail(err, IG_E_INPUT, "a tensor's dims hold a varint longer than 10 bytes");
    if (!f->dims) return ig_oom(err);
    if (n > IG_MAX_RANK) return no(err, t, "has %zu dimensions; at most %d are supported", n, IG_MAX_RANK);
    f->rank = (int)n;
    for (size_t i = 0; i < n; i++)
        if (f->dims[i] < 0) return no(err, t, "has the negative dimension %lld", (long long)f->dims[i]);
    if (!ig_dims_count(f->rank, f->dims, &f->count)) return no(err, t, "has dimensions whose product overflows 64 bits");
    return IG_OK;
}

/* Digits only. */
static bool parse_size(ig_str s, int64_t *value) {
    for (size_t i = 0; i < s.n; i++)
        if (s.s[i] < '0' || s.s[i] > '9') return false;
    return ig_str_to_i64(s, value);
}

static ig_status read_external(const ig_onnx_tensor *t, ig_onnx_facts *f, ig_error *err) {
    bool located = false;
    f->external.length = -1;
    for (size_t i = 0; i < t->external_data.n; i++) {
        const ig_onnx_prop *p = t->external_data.items[i];
        int64_t *number = ig_str_is(p->key, "offset")   ? &f->external.offset
                          : ig_str_is(p->key, "length") ? &f->external.length
                                                        : NULL;
        if (ig_str_is(p->key, "location")) {
            f->external.location = p->value;
            located = true;
        } else if (ig_str_is(p->key, "checksum")) {
            f->external.checksum = p->value;
        } else if (number && !parse_size(p->value, number)) {
            return no(err, t, "has external data with the bad %.*s '%.*s'", (int)p->key.n, p->key.s,
                      (int)ig_min_size(p->value.n, 40), p->value.n ? p->value.s : "");
        }
    }
    if (!located) return no(err, t, "has external data without a location");
    f->place = IG_ONNX_OUTSIDE;
    if (f->external.length >= 0 && (uint64_t)f->external.length != f->bytes)
        return no(err, t, "needs %zu bytes, its external data has the length %lld", f->bytes, (long long)f->external.length);
    return IG_OK;
}

/* Element counts of varint fields are only taken when that is cheap, or wanted. */
static bool count_fits(const data_field *f, ig_pb_bytes b, int64_t values, bool deep, size_t *have) {
    *have = b.n;
    if (!deep && b.n > COUNT_LIMIT && ig_pb_types[f->type].wire == IG_PB_VARINT)
        return b.n >= (uint64_t)values && b.n / 10 <= (uint64_t)values;
    *have = ig_pb_count(f->type, b);
    return *have == (uint64_t)values;
}

static ig_status check_typed(const ig_onnx_tensor *t, const data_field *field, bool deep, ig_onnx_facts *f, ig_error *err) {
    ig_pb_bytes b = field_bytes(t, field);
    int64_t values = field_values(f->dtype, f->count);
    size_t have;
    if (!(field->dtypes & BIT(f->dtype)))
        return no(err, t, "has elements of type %s in %s", ig_dtypes[f->dtype].name, field->name);
    if (!count_fits(field, b, values, deep, &have))
        return no(err, t, "has %zu values in %s, needs %lld", have, field->name, (long long)values);
    f->place = ig_pb_types[field->type].wire == IG_PB_VARINT ? IG_ONNX_VARINTS : IG_ONNX_BYTES;
    f->content = b;
    return IG_OK;
}

static ig_status check_raw(const ig_onnx_tensor *t, ig_onnx_facts *f, ig_error *err) {
    if (f->dtype == IG_STRING) return no(err, t, "holds strings, which must not be in raw_data");
    if (t->raw_data.n != f->bytes) {
        return no(err, t, "has %zu bytes of raw_data, %lld elements of type %s need %zu", t->raw_data.n, (long long)f->count,
                  ig_dtypes[f->dtype].name, f->bytes);
    }
    f->place = IG_ONNX_BYTES;
    f->content = (ig_pb_bytes){t->raw_data.p, t->raw_data.n, 0};
    return IG_OK;
}

static ig_status check_strings(const ig_onnx_tensor *t, ig_onnx_facts *f, ig_error *err) {
    if (f->dtype != IG_STRING) return no(err, t, "has elements of type %s in string_data", ig_dtypes[f->dtype].name);
    if (t->string_data.n != (uint64_t)f->count)
        return no(err, t, "has %zu strings, needs %lld", t->string_data.n, (long long)f->count);
    f->place = IG_ONNX_STRINGS;
    return IG_OK;
}

ig_status ig_onnx_facts_of(ig_arena *arena, const ig_onnx_tensor *t, bool deep, ig_onnx_facts *f, ig_error *err) {
    *f = (ig_onnx_facts){.place = IG_ONNX_NOWHERE};
    if (ig_dtype_valid(t->data_type)) f->dtype = (ig_dtype)t->data_type;
    IG_TRY(read_dims(arena, t, f, err));
    if (t->data_type == 0) return no(err, t, "has no element type");
    if (f->dtype == IG_UNDEFINED) return no(err, t, "has the unknown element type %d", t->data_type);
    if (!ig_dtype_size(f->dtype, f->count, &f->bytes) || f->bytes > PTRDIFF_MAX)
        return no(err, t, "has dimensions that multiply to more bytes than memory can hold");
    if (t->segment) return no(err, t, "is one segment of a larger tensor; segments are not supported");

    const data_field *typed = NULL;
    const char *first = t->string_data.n ? "string_data" : NULL, *second = NULL;
    for (size_t i = 0; i < IG_COUNT_OF(data_fields); i++) {
        if (field_bytes(t, &data_fields[i]).n == 0) continue;
        typed = &data_fields[i];
        *(first ? &second : &first) = typed->name;
    }
    if (t->raw_data.p && (t->raw_data.n || !first)) *(first ? &second : &first) = "raw_data";
    bool outside = t->data_location == IG_ONNX_EXTERNAL;
    if (outside && first && (t->raw_data.n || strcmp(first, "raw_data") != 0)) second = "external data";
    if (second) return no(err, t, "has two kinds of data, %s and %s", first, second);
    if (outside && f->dtype == IG_STRING) return no(err, t, "holds strings, which must not be external data");
    if (outside) return read_external(t, f, err);
    if (typed) return check_typed(t, typed, deep, f, err);
    if (t->string_data.n) return check_strings(t, f, err);
    if (t->raw_data.p) return check_raw(t, f, err);
    if (f->count > 0)
        return no(err, t, "has no data, %lld elements of type %s are due", (long long)f->count, ig_dtypes[f->dtype].name);
    return IG_OK;
}

/* One number of int32_data, int64_data or uint64_data as element i. */
static void store_varint(ig_tensor *out, size_t i, uint64_t v) {
    uint8_t *data = out->data;
    switch (out->dtype) {
    case IG_BOOL: data[i] = (uint32_t)v != 0; break;
    case IG_F6E2M3:
    case IG_F6E3M2: ig_store_bits(out->dtype, data, i, v & 63); break;
    default: { /* whole elements, or bytes of packed ones: the low bits */
        size_t unit = ig_max_size(ig_dtype_bytes(out->dtype), 1);
        memcpy(data + i * unit, &v, unit);
    }
    }
}

static ig_status fill_varints(ig_tensor *out, const ig_onnx_facts *f, ig_error *err) {
    size_t n = (size_t)field_values(f->dtype, f->count);
    const uint8_t *p = f->content.p, *end = p + f->content.n;
    if (ig_dtypes[f->dtype].bits == 6) memset(out->data, 0, out->bytes);
    for (size_t i = 0; i < n; i++) {
        uint64_t v;
        p = ig_pb_varint(p, end, &v);
        if (!p) return ig_fail(err, IG_E_INPUT, "tensor data hold a varint longer than 10 bytes");
        store_varint(out, i, v);
    }
    return IG_OK;
}

static void fill_strings(ig_tensor *out, ig_buffer *buffer, const ig_onnx_tensor *t) {
    ig_str *strings = out->data;
    for (size_t i = 0; i < t->string_data.n; i++) strings[i] = ig_str_of(t->string_data.items[i]);
    out->source = ig_buffer_retain(buffer);
}

ig_status ig_onnx_content(ig_tensor **out, ig_context *context, ig_buffer *buffer, const ig_onnx_tensor *t,
                          const ig_onnx_facts *f, ig_error *err) {
    *out = NULL;
    if (f->place == IG_ONNX_OUTSIDE)
        return ig_fail(err, IG_E_INPUT,
                       "external data is for the tensors of a model only, and has to be there when it is opened");
    if (f->place == IG_ONNX_BYTES && f->content.cap == 0 && f->bytes) {
        *out = ig_tensor_over(context, f->dtype, f->rank, f->dims, buffer, f->content.p);
        return *out ? IG_OK : ig_oom(err);
    }
    ig_tensor *made;
    ig_status status = ig_tensor_new(&made, context, f->dtype, f->rank, f->dims, err);
    if (status != IG_OK) return status;
    if (f->place == IG_ONNX_BYTES && f->bytes) memcpy(made->data, f->content.p, f->bytes);
    if (f->place == IG_ONNX_STRINGS) fill_strings(made, buffer, t);
    if (f->place == IG_ONNX_VARINTS) status = fill_varints(made, f, err);
    if (status != IG_OK) {
        ig_tensor_free(made);
        return status;
    }
    *out = made;
    return IG_OK;
}

/* ---- sparse ---- */

ig_status ig_onnx_sparse_facts(ig_arena *arena, const ig_onnx_sparse *s, ig_onnx_facts *f, ig_error *err) {
    static const ig_onnx_tensor nameless;
    ig_onnx_tensor shape = s->values ? *s->values : nameless;
    *f = (ig_onnx_facts){0};
    if (!s->values || !s->indices) return no(err, &shape, "is sparse and lacks its %s", s->values ? "indices" : "values");
    if (ig_dtype_valid(shape.data_type)) f->dtype = (ig_dtype)shape.data_type;
    shape.dims = s->dims;
    IG_TRY(read_dims(arena, &shape, f, err));
    if (f->rank == 0) return no(err, &shape, "is sparse and has no dimensions");
    return IG_OK;
}

/* Each index lies inside, and they ascend (onnx.proto: SparseTensorProto.indices). */
static ig_status check_indices(const ig_onnx_sparse *s, const ig_onnx_facts *f, const ig_tensor *values,
                               const ig_tensor *indices, ig_error *err) {
    const ig_onnx_tensor *t = s->values;
    bool linear = indices->rank == 1;
    size_t nnz = values->count, width = linear ? 1 : (size_t)f->rank;
    if (values->rank != 1) return no(err, t, "is sparse and has values of rank %d; they form a list", values->rank);
    if (indices->dtype != IG_I64) return no(err, t, "is sparse and has indices that are not int64");
    if (!linear && (indices->rank != 2 || indices->dims[1] != f->rank))
        return no(err, t, "is sparse and has indices that are neither a list nor [%zu,%d]", nnz, f->rank);
    if ((uint64_t)indices->dims[0] != nnz)
        return no(err, t, "is sparse and has %zu values but %lld indices", nnz, (long long)indices->dims[0]);
    int64_t previous = -1;
    for (size_t i = 0; i < nnz; i++) {
        int64_t at = 0;
        for (size_t k = 0; k < width; k++) {
            int64_t index = ig_load_as_i64(IG_I64, indices->data, i * width + k), size = linear ? f->count : f->dims[k];
            if (index < 0 || index >= size)
                return no(err, t, "is sparse and has the index %lld outside its shape", (long long)index);
            at = linear ? index : at * size + index;
        }
        if (at <= previous) return no(err, t, "is sparse and its indices do not ascend");
        previous = at;
    }
    return IG_OK;
}

static ig_status part_content(ig_tensor **out, ig_context *context, ig_buffer *buffer, ig_arena *arena, const ig_onnx_tensor *t,
                              ig_error *err) {
    ig_onnx_facts f;
    *out = NULL;
    IG_TRY(ig_onnx_facts_of(arena, t, true, &f, err));
    if (f.place == IG_ONNX_OUTSIDE) return no(err, t, "is part of a sparse tensor in another file, which is not supported");
    return ig_onnx_content(out, context, buffer, t, &f, err);
}

ig_status ig_onnx_sparse_content(ig_tensor **out, ig_context *context, ig_buffer *buffer, ig_arena *arena,
                                 const ig_onnx_sparse *s, ig_error *err) {
    ig_onnx_facts f;
    ig_tensor *values = NULL, *indices = NULL;
    *out = NULL;
    IG_TRY(ig_onnx_sparse_facts(arena, s, &f, err));
    ig_status status = part_content(&values, context, buffer, arena, s->values, err);
    if (status == IG_OK) status = part_content(&indices, context, buffer, arena, s->indices, err);
    if (status == IG_OK && indices) status = check_indices(s, &f, values, indices, err);
    if (status == IG_OK) status = ig_tensor_create_sparse(out, context, f.rank, f.dims, values, indices, err);
    ig_tensor_free(values);
    ig_tensor_free(indices);
    return status;
}

/* ---- constants of a model ---- */

static ig_status decode_wire(ig_model *m, ig_const *c, ig_arena *scratch, ig_error *err) {
    ig_pb_reader r = {scratch, c->wire.p, m->context->limits.depth, err, NULL};
    ig_buffer *buffer = ig_model_buffer_of(m, c->wire.p);
    if (c->sparse) {
        ig_onnx_sparse s = {0};
        IG_TRY(ig_pb_read(&r, &ig_onnx_sparse_pb, c->wire, &s, NULL));
        return ig_onnx_sparse_content(&c->tensor, m->context, buffer, scratch, &s, err);
    }
    ig_onnx_tensor t = {0};
    ig_onnx_facts f;
    IG_TRY(ig_pb_read(&r, &ig_onnx_tensor_pb, c->wire, &t, NULL));
    IG_TRY(ig_onnx_facts_of(scratch, &t, true, &f, err));
    return ig_onnx_content(&c->tensor, m->context, buffer, &t, &f, err);
}

ig_status ig_onnx_decode_const(ig_model *m, ig_const *c, ig_error *err) {
    ig_arena scratch;
    ig_arena_init(&scratch, m->context);
    ig_status status = decode_wire(m, c, &scratch, err);
    ig_arena_free(&scratch);
    if (status == IG_NO) { /* an answer when a file is opened, a failure here */
        status = IG_E_INPUT;
        if (err) err->status = status;
    }
    return status;
}

/* ---- tensors as messages ---- */

ig_onnx_tensor *ig_onnx_from_tensor(ig_arena *arena, const ig_tensor *tensor) {
    ig_onnx_tensor *t = IG_NEW(arena, ig_onnx_tensor);
    bool ok = t != NULL;
    if (!ok) return NULL;
    t->dims = ig_pb_pack(arena, IG_PB_INT64, tensor->dims, (size_t)tensor->rank, &ok);
    t->has_data_type = true;
    t->data_type = (int32_t)tensor->dtype;
    if (tensor->dtype == IG_STRING) {
        const ig_str *strings = ig_tensor_strings(tensor);
        t->string_data.items = IG_NEW_ARRAY(arena, ig_span, tensor->count);
        if (!t->string_data.items) return NULL;
        t->string_data.n = t->string_data.cap = tensor->count;
        for (size_t i = 0; i < tensor->count; i++) t->string_data.items[i] = ig_span_of(strings[i]);
    } else {
        t->raw_data = (ig_span){tensor->bytes ? tensor->data : (const uint8_t *)"", tensor->bytes};
    }
    return ok ? t : NULL;
}

ig_onnx_sparse *ig_onnx_from_sparse(ig_arena *arena, const ig_tensor *tensor) {
    ig_onnx_sparse *s = IG_NEW(arena, ig_onnx_sparse);
    bool ok = s != NULL;
    if (!ok) return NULL;
    s->values = ig_onnx_from_tensor(arena, tensor->items[0]);
    s->indices = ig_onnx_from_tensor(arena, tensor->items[1]);
    s->dims = ig_pb_pack(arena, IG_PB_INT64, tensor->dims, (size_t)tensor->rank, &ok);
    return ok && s->values && s->indices ? s : NULL;
}
