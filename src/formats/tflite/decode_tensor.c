/* Tensors: element types, shapes, quantization, contents. Dense contents stay where they are in the file. */
#include "formats/tflite/decode.h"

#include <stdio.h>

ig_dtype ig_tfl_dtype(int64_t type) {
    static const uint8_t dtypes[IG_TFL_TYPE_COUNT] = {
        [IG_TFL_TYPE_FLOAT32] = IG_F32,        [IG_TFL_TYPE_FLOAT16] = IG_F16,
        [IG_TFL_TYPE_INT32] = IG_I32,          [IG_TFL_TYPE_UINT8] = IG_U8,
        [IG_TFL_TYPE_INT64] = IG_I64,          [IG_TFL_TYPE_STRING] = IG_STRING,
        [IG_TFL_TYPE_BOOL] = IG_BOOL,          [IG_TFL_TYPE_INT16] = IG_I16,
        [IG_TFL_TYPE_COMPLEX64] = IG_C64,      [IG_TFL_TYPE_INT8] = IG_I8,
        [IG_TFL_TYPE_FLOAT64] = IG_F64,        [IG_TFL_TYPE_COMPLEX128] = IG_C128,
        [IG_TFL_TYPE_UINT64] = IG_U64,         [IG_TFL_TYPE_UINT32] = IG_U32,
        [IG_TFL_TYPE_UINT16] = IG_U16,         [IG_TFL_TYPE_INT4] = IG_I4,
        [IG_TFL_TYPE_BFLOAT16] = IG_BF16,      [IG_TFL_TYPE_INT2] = IG_I2,
        [IG_TFL_TYPE_UINT4] = IG_U4,           [IG_TFL_TYPE_FLOAT8_E4M3FN] = IG_F8E4M3FN,
        [IG_TFL_TYPE_FLOAT8_E5M2] = IG_F8E5M2,
    };
    return type >= 0 && type < IG_TFL_TYPE_COUNT ? (ig_dtype)dtypes[type] : IG_UNDEFINED;
}

/* ------------------------------------------------------------------------------------------------------------- buffers */

/* A buffer's bytes stand in the structure, or, in files past 2 GB, behind it at an offset. Offsets 0 and 1 mean "not there". */
ig_status ig_tfl_read_buffers(ig_tfl_reader *r) {
    ig_fb_vector buffers = ig_fb_tables(&r->fb, r->root, IG_TFL_MODEL_BUFFERS);
    r->buffers = IG_NEW_ARRAY(&r->arena, ig_span, buffers.n);
    if (!r->buffers) return ig_oom(r->err);
    r->n_buffers = buffers.n;
    for (uint32_t i = 0; i < buffers.n; i++) {
        ig_fb_table b = ig_fb_item(&r->fb, buffers, i);
        uint64_t offset = ig_fb_u64(&r->fb, b, IG_TFL_BUFFER_OFFSET, 0), size = ig_fb_u64(&r->fb, b, IG_TFL_BUFFER_SIZE, 0);
        r->buffers[i] = ig_fb_bytes(&r->fb, b, IG_TFL_BUFFER_DATA);
        if (offset <= 1) continue;
        if (offset > SIZE_MAX || size > SIZE_MAX ||
            !ig_span_sub(ig_buffer_span(r->file), (size_t)offset, (size_t)size, &r->buffers[i])) {
            char where[64];
            snprintf(where, sizeof where, "buffers[%u]", i);
            ig_tfl_find(r, IG_ERROR, "buffer", where, "%llu bytes at offset %llu pass the end of the file, which has %zu bytes",
                        (unsigned long long)size, (unsigned long long)offset, r->file->size);
        }
    }
    return ig_tfl_sound(r);
}

static ig_status open_external(ig_tfl_reader *r, ig_str name, const char *where, ig_buffer **out) {
    bool ok = true;
    ig_error why;
    ig_name key = ig_intern(&r->model->names, name.s ? name : IG_STR(""), &ok);
    if (!ok) return ig_oom(r->err);
    *out = ig_map_get(&r->files, IG_KEY(key));
    if (*out) return IG_OK;
    if (!r->model->folder) {
        ig_tfl_find(r, IG_ERROR, "external-data", where,
                    "weights lie in the file '%.80s', but a model in memory has no folder to look in", key);
        return IG_OK;
    }
    ig_status status = ig_buffer_map(out, r->model->context, r->model->folder, ig_name_str(key), &why);
    if (status == IG_E_MEMORY) return ig_oom(r->err);
    if (status != IG_OK) {
        *out = NULL;
        ig_tfl_find(r, IG_ERROR, "external-data", where, "%s", why.message);
        return IG_OK;
    }
    return ig_model_keep(r->model, *out) && ig_map_set(&r->files, IG_KEY(key), *out) ? IG_OK : ig_oom(r->err);
}

/* The content that an ExternalBuffer entry names; absent when it can't be had. */
static ig_status external_content(ig_tfl_reader *r, uint32_t id, const char *where, ig_span *content, ig_buffer **file) {
    ig_fb *fb = &r->fb;
    ig_fb_vector list = ig_fb_tables(fb, r->root, IG_TFL_MODEL_EXTERNAL_BUFFERS);
    ig_fb_vector groups = ig_fb_tables(fb, r->root, IG_TFL_MODEL_EXTERNAL_BUFFER_GROUPS);
    ig_fb_table entry = {0};
    for (uint32_t i = 0; i < list.n && !entry.at; i++) {
        ig_fb_table e = ig_fb_item(fb, list, i);
        if (ig_fb_u32(fb, e, IG_TFL_EXTERNAL_BUFFER_ID, 0) == id) entry = e;
    }
    uint32_t group = ig_fb_u32(fb, entry, IG_TFL_EXTERNAL_BUFFER_GROUP, 0);
    uint64_t offset = ig_fb_u64(fb, entry, IG_TFL_EXTERNAL_BUFFER_OFFSET, 0);
    uint64_t length = ig_fb_u64(fb, entry, IG_TFL_EXTERNAL_BUFFER_LENGTH, 0);
    ig_str packing = ig_fb_str(fb, entry, IG_TFL_EXTERNAL_BUFFER_PACKING);
    if (!entry.at || group >= groups.n) {
        ig_tfl_find(r, IG_ERROR, "external-data", where, "there is no external buffer %u", id);
        return IG_OK;
    }
    if (packing.n && !ig_str_is(packing, "unpacked")) {
        ig_tfl_find(r, IG_ERROR, "external-data", where, "external buffer %u has the unknown packing '%.*s'", id,
                    (int)ig_min_size(packing.n, 40), packing.s);
        return IG_OK;
    }
    ig_str name = ig_fb_str(fb, ig_fb_item(fb, groups, group), IG_TFL_EXTERNAL_BUFFER_GROUP_NAME);
    IG_TRY(open_external(r, name, where, file));
    if (!*file) return IG_OK;
    if (offset > SIZE_MAX || length > SIZE_MAX || !ig_span_sub(ig_buffer_span(*file), (size_t)offset, (size_t)length, content))
        ig_tfl_find(r, IG_ERROR, "external-data", where, "%llu bytes at offset %llu pass the end of '%.*s'",
                    (unsigned long long)length, (unsigned long long)offset, (int)ig_min_size(name.n, 80), name.s);
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------------------- quantization */

/* Scales and zero points that are tensors themselves: the block-wise form. */
static ig_status read_blocks(ig_tfl_reader *r, const ig_tfl_subgraph *s, ig_fb_table details, const char *where, ig_quant *q,
                             bool *known) {
    ig_fb *fb = &r->fb;
    int32_t scales = ig_fb_i32(fb, details, IG_TFL_BLOCKWISE_QUANTIZATION_SCALES, 0);
    int32_t zeros = ig_fb_i32(fb, details, IG_TFL_BLOCKWISE_QUANTIZATION_ZERO_POINTS, 0);
    int32_t block = ig_fb_i32(fb, details, IG_TFL_BLOCKWISE_QUANTIZATION_BLOCK_SIZE, 0);
    *known = false;
    if (scales < 0 || (uint32_t)scales >= s->tensors.n || block < 1) return IG_OK;
    ig_fb_table t = ig_fb_item(fb, s->tensors, (uint32_t)scales);
    uint32_t buffer = ig_fb_u32(fb, t, IG_TFL_TENSOR_BUFFER, 0);
    ig_dtype dtype = ig_tfl_dtype(ig_fb_i8(fb, t, IG_TFL_TENSOR_TYPE, 0));
    if (buffer >= r->n_buffers || !ig_dtype_is_float(dtype) || ig_dtypes[dtype].bits < 8) return IG_OK;
    ig_span content = r->buffers[buffer];
    size_t n = content.n / ig_dtype_bytes(dtype);
    float *values = IG_NEW_ARRAY(&r->model->arena, float, n);
    if (!values) return ig_oom(r->err);
    ig_to_f32(dtype, content.p, 0, n, values);
    *q = (ig_quant){.n = n, .scales = values, .block = block};
    *known = n > 0;
    if (zeros > 0 && (uint32_t)zeros < s->tensors.n && zeros != scales) {
        t = ig_fb_item(fb, s->tensors, (uint32_t)zeros);
        buffer = ig_fb_u32(fb, t, IG_TFL_TENSOR_BUFFER, 0);
        dtype = ig_tfl_dtype(ig_fb_i8(fb, t, IG_TFL_TENSOR_TYPE, 0));
        size_t bytes;
        if (buffer >= r->n_buffers || !ig_dtype_is_int(dtype) || !ig_dtype_size(dtype, (int64_t)n, &bytes)) return IG_OK;
        if (r->buffers[buffer].n == 0) return IG_OK;
        int64_t *zero_points = IG_NEW_ARRAY(&r->model->arena, int64_t, n);
        if (!zero_points) return ig_oom(r->err);
        if (r->buffers[buffer].n < bytes) {
            ig_tfl_find(r, IG_ERROR, "quantization", where, "there are fewer zero points than scales");
            return IG_OK;
        }
        for (size_t i = 0; i < n; i++) zero_points[i] = ig_load_as_i64(dtype, r->buffers[buffer].p, i);
        q->zero_points = zero_points;
    }
    return IG_OK;
}

static ig_status read_affine(ig_tfl_reader *r, ig_fb_table params, const char *where, ig_quant *q) {
    ig_fb_vector scale = ig_fb_scalars(&r->fb, params, IG_TFL_QUANTIZATION_PARAMETERS_SCALE, 4);
    ig_fb_vector zero = ig_fb_scalars(&r->fb, params, IG_TFL_QUANTIZATION_PARAMETERS_ZERO_POINT, 8);
    float *scales = IG_NEW_ARRAY(&r->model->arena, float, scale.n);
    int64_t *zero_points = zero.n ? IG_NEW_ARRAY(&r->model->arena, int64_t, scale.n) : NULL;
    if (!scales || (zero.n && !zero_points)) return ig_oom(r->err);
    bool all_zero = true;
    for (uint32_t i = 0; i < scale.n; i++) {
        scales[i] = ig_load_f32(scale.p + 4 * (size_t)i);
        if (!zero.n) continue;
        zero_points[i] = (int64_t)ig_load_u64(zero.p + 8 * (size_t)(zero.n == scale.n ? i : 0));
        all_zero &= zero_points[i] == 0;
    }
    if (zero.n > 1 && zero.n != scale.n)
        ig_tfl_find(r, IG_ERROR, "quantization", where, "there are %u scales and %u zero points", scale.n, zero.n);
    q->n = scale.n;
    q->scales = scales;
    q->zero_points = all_zero ? NULL : zero_points;
    q->axis = ig_fb_i32(&r->fb, params, IG_TFL_QUANTIZATION_PARAMETERS_QUANTIZED_DIMENSION, 0);
    return IG_OK;
}

ig_status ig_tfl_read_quant(ig_tfl_reader *r, const ig_tfl_subgraph *s, ig_fb_table tensor, const char *where,
                            const ig_quant **out) {
    enum { CUSTOM = 1, BLOCKWISE = 2 };
    ig_fb *fb = &r->fb;
    ig_fb_table params = ig_fb_sub(fb, tensor, IG_TFL_TENSOR_QUANTIZATION);
    uint8_t kind = ig_fb_u8(fb, params, IG_TFL_QUANTIZATION_PARAMETERS_DETAILS - 1, 0);
    *out = NULL;
    if (!params.at) return IG_OK;
    ig_quant q = {0};
    bool known = true;
    if (kind == BLOCKWISE)
        IG_TRY(read_blocks(r, s, ig_fb_sub(fb, params, IG_TFL_QUANTIZATION_PARAMETERS_DETAILS), where, &q, &known));
    else
        IG_TRY(read_affine(r, params, where, &q));
    if (!known || kind > BLOCKWISE || kind == CUSTOM)
        ig_tfl_find(r, IG_WARNING, "quantization", where, "a quantization of kind %u can't be understood", kind);
    if (q.n == 0) return IG_OK; /* only the range is noted, for training */
    ig_quant *copy = IG_NEW(&r->model->arena, ig_quant);
    if (!copy) return ig_oom(r->err);
    *copy = q;
    *out = copy;
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------------------------- values */

/* The shape in a vector of int32: negative numbers are unknown dims. False when there are too many. */
static bool read_shape(ig_fb_vector v, ig_shape *shape) {
    if (v.n > IG_MAX_RANK) return false;
    shape->rank = (int)v.n;
    for (uint32_t i = 0; i < v.n; i++) {
        int32_t d = (int32_t)ig_load_u32(v.p + 4 * (size_t)i);
        shape->dims[i] = d < 0 ? ig_dim_unknown() : ig_dim_of(d);
    }
    return true;
}

/* A signature with unknown dims comes before the shape, in which they are 1. No dims mean a scalar, or in files that don't say
 * has_rank, for what operators make, that nothing is known. */
static ig_status read_type(ig_tfl_reader *r, ig_fb_table t, ig_tfl_role role, bool constant, const char *where,
                           const ig_type **type, ig_shape *shape) {
    ig_fb_vector dims = ig_fb_scalars(&r->fb, t, IG_TFL_TENSOR_SHAPE, 4);
    ig_fb_vector signature = ig_fb_scalars(&r->fb, t, IG_TFL_TENSOR_SHAPE_SIGNATURE, 4);
    ig_dtype dtype = ig_tfl_dtype(ig_fb_i8(&r->fb, t, IG_TFL_TENSOR_TYPE, 0));
    bool ranked = constant || ig_fb_bool(&r->fb, t, IG_TFL_TENSOR_HAS_RANK, false) || (role == IG_TFL_GIVEN && !r->ranks_given);
    *type = NULL;
    *shape = (ig_shape){.rank = IG_UNRANKED};
    if (!read_shape(!constant && signature.n && signature.n == dims.n ? signature : dims, shape)) {
        ig_tfl_find(r, IG_ERROR, "shape", where, "a tensor of rank %u; at most %d dimensions are supported", dims.n,
                    IG_MAX_RANK);
        return IG_OK;
    }
    if (dtype == IG_UNDEFINED) return IG_OK; /* a handle */
    if (shape->rank == 0 && !ranked) shape->rank = IG_UNRANKED;
    *type = ig_type_tensor(&r->model->arena, dtype, shape);
    return *type ? IG_OK : ig_oom(r->err);
}

/* Strings: their count, count + 1 offsets from the start, the characters. */
static ig_status read_strings(ig_tfl_reader *r, ig_span content, int rank, const int64_t *dims, int64_t count,
                              const char *where, ig_tensor **out) {
    bool good = content.n >= 4 && (int64_t)ig_load_u32(content.p) == count && (uint64_t)count < (content.n - 4) / 4;
    if (!good) {
        ig_tfl_find(r, IG_ERROR, "buffer", where, "the buffer doesn't hold %lld strings", (long long)count);
        return IG_OK;
    }
    IG_TRY(ig_tensor_new(out, r->model->context, IG_STRING, rank, dims, r->err));
    ig_str *strings = (*out)->data;
    (*out)->source = ig_buffer_retain(r->file);
    for (size_t i = 0; i < (size_t)count; i++) {
        uint32_t from = ig_load_u32(content.p + 4 + 4 * i), to = ig_load_u32(content.p + 8 + 4 * i);
        if (from > to || to > content.n) {
            ig_tfl_find(r, IG_ERROR, "buffer", where, "string %zu lies outside of its buffer", i);
            break;
        }
        strings[i] = (ig_str){(const char *)content.p + from, to - from};
    }
    return IG_OK;
}

/* What kind of content a tensor has that nobody computes. */
typedef struct content {
    ig_span bytes;
    ig_buffer *file;
    bool variable;
} content;

static ig_status read_tensor(ig_tfl_reader *r, ig_fb_table t, const ig_type *type, const ig_quant *quant, const content *c,
                             const char *where, ig_tensor **out) {
    int64_t dims[IG_MAX_RANK], count;
    size_t bytes;
    for (int i = 0; i < type->rank; i++) dims[i] = ig_dim_known(type->dims[i]) ? type->dims[i].value : 1;
    if (!ig_dims_count(type->rank, dims, &count) || !ig_dtype_size(type->dtype, count, &bytes)) {
        ig_tfl_find(r, IG_ERROR, "shape", where, "the dimensions multiply to more than 63 bits can hold");
        return IG_OK;
    }
    if (c->variable || count == 0) { /* a state of int8 starts at the number that means zero (TFLite's ResetVariableTensors) */
        IG_TRY(ig_tensor_create(out, r->model->context, type->dtype, type->rank, dims, r->err));
        int64_t zero = quant && quant->zero_points && type->dtype == IG_I8 ? quant->zero_points[0] : 0;
        if (zero && count) memset((*out)->data, (int)(uint8_t)zero, bytes);
        return IG_OK;
    }
    ig_fb_table sparsity = ig_fb_sub(&r->fb, t, IG_TFL_TENSOR_SPARSITY);
    if (sparsity.at) return ig_tfl_densify(r, sparsity, type->dtype, type->rank, dims, c->bytes, where, out);
    if (type->dtype == IG_STRING) return read_strings(r, c->bytes, type->rank, dims, count, where, out);
    if (c->bytes.n < bytes) {
        ig_tfl_find(r, IG_ERROR, "buffer", where, "%lld elements of type %s need %zu bytes, the buffer has %zu",
                    (long long)count, ig_dtypes[type->dtype].name, bytes, c->bytes.n);
        return IG_OK;
    }
    *out = ig_tensor_over(r->model->context, type->dtype, type->rank, dims, c->file, c->bytes.p);
    return *out ? IG_OK : ig_oom(r->err);
}

/* Makes the value an initializer. */
static ig_status set_constant(ig_tfl_reader *r, ig_value *v, ig_fb_table t, const content *c, const char *where) {
    ig_tensor *tensor = NULL;
    IG_TRY(read_tensor(r, t, v->type, v->quant, c, where, &tensor));
    ig_const *k;
    if (tensor) {
        k = ig_const_create(r->model, v->name, tensor);
    } else {
        k = IG_NEW(&r->model->arena, ig_const);
        if (k) *k = (ig_const){.name = v->name, .dtype = v->type->dtype, .bad = true};
    }
    if (!k || !IG_PUSH(&r->model->arena, &v->graph->initializers, v)) return ig_oom(r->err);
    if (c->variable) k->doc = IG_STR("a variable: it starts with this content in every run");
    v->constant = k;
    return IG_OK;
}

static ig_status find_content(ig_tfl_reader *r, ig_fb_table t, const char *where, content *c) {
    uint32_t buffer = ig_fb_u32(&r->fb, t, IG_TFL_TENSOR_BUFFER, 0);
    uint32_t external = ig_fb_u32(&r->fb, t, IG_TFL_TENSOR_EXTERNAL_BUFFER, 0);
    *c = (content){.file = r->file, .variable = ig_fb_bool(&r->fb, t, IG_TFL_TENSOR_IS_VARIABLE, false)};
    if (external) return external_content(r, external, where, &c->bytes, &c->file);
    if (buffer < r->n_buffers)
        c->bytes = r->buffers[buffer];
    else
        ig_tfl_find(r, IG_ERROR, "buffer", where, "there is no buffer %u", buffer);
    return IG_OK;
}

/* A name of its own: a signature's, the tensor's, or one made of the tensor's and its number. */
static ig_status name_value(ig_tfl_reader *r, const ig_tfl_subgraph *s, uint32_t tensor, ig_fb_table t, ig_name *out) {
    ig_model *m = r->model;
    bool ok = true;
    ig_str text = ig_fb_str(&r->fb, t, IG_TFL_TENSOR_NAME);
    if (s->names && s->names[tensor]) {
        *out = s->names[tensor];
        return IG_OK;
    }
    *out = ig_intern(&m->names, text.n ? text : IG_STR("tensor"), &ok);
    bool taken = !text.n || (ok && ig_map_get(&s->graph->values, IG_KEY(*out)));
    for (uint32_t i = 0; s->names && ok && !taken && i < s->tensors.n; i++) taken = s->names[i] == *out;
    if (taken && ok) {
        char unique[300];
        int n = snprintf(unique, sizeof unique, "%.*s#%u", (int)ig_min_size(ig_name_len(*out), 200), *out, tensor);
        *out = ig_intern(&m->names, (ig_str){unique, (size_t)n}, &ok);
        if (ok && ig_map_get(&s->graph->values, IG_KEY(*out))) *out = ig_model_fresh_name(m, unique);
    }
    return ok && *out ? IG_OK : ig_oom(r->err);
}

ig_status ig_tfl_value(ig_tfl_reader *r, ig_tfl_subgraph *s, int32_t tensor, ig_tfl_role role, const char *where,
                       ig_value **out) {
    *out = NULL;
    if (tensor == -1) return IG_OK;
    if (tensor < 0 || (uint32_t)tensor >= s->tensors.n) {
        ig_tfl_find(r, IG_ERROR, "tensor", where, "there is no tensor %d in the subgraph, which has %u", tensor, s->tensors.n);
        return IG_OK;
    }
    *out = s->values[tensor];
    if (*out) return IG_OK;
    ig_fb_table t = ig_fb_item(&r->fb, s->tensors, (uint32_t)tensor);
    char place[160];
    snprintf(place, sizeof place, "subgraphs[%u].tensors[%d]", s->number, tensor);
    content c = {0};
    const ig_type *type;
    const ig_quant *quant;
    ig_shape shape;
    ig_name name;
    if (role == IG_TFL_READ) IG_TRY(find_content(r, t, place, &c));
    bool constant = c.bytes.n || c.variable;
    IG_TRY(read_type(r, t, role, constant, place, &type, &shape));
    IG_TRY(ig_tfl_read_quant(r, s, t, place, &quant));
    IG_TRY(name_value(r, s, (uint32_t)tensor, t, &name));
    IG_TRY(ig_tfl_sound(r));
    ig_value *v = *out = s->values[tensor] = ig_value_new(s->graph, name, type);
    if (!v) return ig_oom(r->err);
    v->quant = quant;
    for (int i = 0; i < shape.rank && role == IG_TFL_READ; i++) constant |= ig_dim_is(shape.dims[i], 0);
    return constant && type ? set_constant(r, v, t, &c, place) : IG_OK;
}
