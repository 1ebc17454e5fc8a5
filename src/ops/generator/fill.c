/* ConstantOfShape, EyeLike, GivenTensorFill, and filling in general. */
#include "ops/generator/fill.h"

typedef struct fill_job {
    char *to;
    const char *unit; /* size bytes */
    size_t size;
} fill_job;

static void fill_range(void *arg, size_t begin, size_t end) {
    const fill_job *j = arg;
    char *to = j->to + begin * j->size;
    size_t bytes = (end - begin) * j->size, done = ig_min_size(bytes, j->size);
    memcpy(to, j->unit, done);
    for (; done < bytes; done *= 2) memcpy(to + done, to, ig_min_size(done, bytes - done));
}

void ig_fill(ig_threads *threads, ig_tensor *t, const void *value) {
    static const char zero[16];
    char packed[8]; /* 8 elements of a type smaller than a byte fill whole bytes */
    size_t size = ig_dtype_bytes(t->dtype);
    if (!t->bytes) return;
    if (!value || memcmp(value, zero, size ? size : 1) == 0) {
        memset(t->data, 0, t->bytes);
        return;
    }
    if (!size) {
        size = ig_dtypes[t->dtype].bits;
        memset(packed, 0, sizeof packed);
        for (size_t i = 0; i < 8; i++) ig_store_bits(t->dtype, packed, i, ig_load_bits(t->dtype, value, 0));
        value = packed;
    }
    fill_job j = {t->data, value, size};
    ig_parallel(threads, t->bytes / size, (1 << 16) / size, fill_range, &j);
    size_t rest = t->bytes % size;
    if (rest) memcpy((char *)t->data + t->bytes - rest, value, rest);
    for (size_t i = t->count; i < t->bytes * 8 / ig_dtypes[t->dtype].bits; i++) ig_store_bits(t->dtype, t->data, i, 0);
}

/* ----------------------------------------------------------------------------------------------------- ConstantOfShape */

/* Dims from the content of an input. */
static ig_status shape_from(ig_infer *c, size_t i, ig_shape *shape) {
    ig_ints dims;
    shape->rank = IG_UNRANKED;
    ig_shape own;
    if (ig_infer_shape(c, i, &own) && own.rank != 1) return ig_infer_fail(c, "the wanted shape has rank %d, not 1", own.rank);
    if (!ig_infer_ints(c, i, &dims)) return IG_OK;
    if (dims.n > IG_MAX_RANK) return ig_infer_fail(c, "input %zu asks for %zu dims, the limit is %d", i, dims.n, IG_MAX_RANK);
    for (size_t d = 0; d < dims.n; d++) {
        if (ig_dim_known(dims.values[d]) && dims.values[d].value < 0)
            return ig_infer_fail(c, "dim %zu of the wanted shape is %lld", d, (long long)dims.values[d].value);
        shape->dims[d] = dims.values[d];
    }
    shape->rank = (int)dims.n;
    return IG_OK;
}

/* The element to fill with; *tensor NULL: float zero. */
static ig_status fill_value(ig_model *model, const ig_node *node, ig_tensor **tensor, ig_error *err) {
    ig_const *value = ig_attr_const(node, "value");
    *tensor = NULL;
    if (!value) return IG_OK;
    if (value->count != 1)
        return ig_fail(err, IG_E_INPUT, "attribute 'value' has %lld elements, not one", (long long)value->count);
    return ig_const_tensor(model, value, tensor, err);
}

static ig_status infer_constant_of_shape(ig_infer *c) {
    enum { MOST = IG_MAX_RANK * 2 };
    ig_shape shape;
    ig_tensor *value;
    ig_dim values[MOST];
    IG_TRY(shape_from(c, 0, &shape));
    IG_TRY(fill_value(c->node->graph->model, c->node, &value, c->err));
    ig_dtype dtype = value ? value->dtype : IG_F32;
    IG_TRY(ig_infer_set(c, 0, dtype, shape.rank >= 0 ? &shape : NULL));
    if (!c->out_ints || !value || !(ig_dtype_is_int(dtype) || dtype == IG_BOOL) || shape.rank < 0 || shape.rank > 1)
        return IG_OK;
    int64_t n = shape.rank ? shape.dims[0].value : 1;
    if (n < 0 || n > MOST) return IG_OK; /* unknown is below 0 */
    for (int64_t i = 0; i < n; i++) values[i] = ig_dim_of(ig_load_as_i64(dtype, value->data, 0));
    return ig_infer_set_ints(c, 0, shape.rank, values, (size_t)n);
}

static ig_status prepare_constant_of_shape(ig_prepare *p) {
    ig_tensor *value;
    IG_TRY(fill_value(p->node->graph->model, p->node, &value, p->err));
    p->state = value;
    return IG_OK;
}

/* The state is a tensor of the model. */
static void release_nothing(ig_context *context, void *state) {
    IG_UNUSED(context);
    IG_UNUSED(state);
}

static ig_status run_constant_of_shape(ig_call *c) {
    const ig_tensor *value = c->state;
    if (!c->out[0]) return IG_OK;
    if (c->out[0]->dtype == IG_STRING) return ig_call_no_kernel(c, IG_STRING);
    ig_fill(c->threads, c->out[0], value ? value->data : NULL);
    return IG_OK;
}

const ig_op ig_op_constant_of_shape = {.domain = "",
                                       .name = "ConstantOfShape",
                                       .since = 9,
                                       .infer = infer_constant_of_shape,
                                       .run = run_constant_of_shape,
                                       .prepare = prepare_constant_of_shape,
                                       .release = release_nothing};

/* ------------------------------------------------------------------------------------------------------------- EyeLike */

static ig_status infer_eye_like(ig_infer *c) {
    ig_shape shape;
    int64_t dtype = ig_attr_given(c->node, "dtype") ? ig_attr_int(c->node, "dtype") : (int64_t)ig_infer_dtype(c, 0);
    if (ig_attr_given(c->node, "dtype") && (!ig_dtype_valid(dtype) || dtype == IG_STRING))
        return ig_infer_fail(c, "attribute 'dtype' is %lld, which is no type of numbers", (long long)dtype);
    bool known = ig_infer_shape(c, 0, &shape);
    if (known && shape.rank != 2) return ig_infer_fail(c, "the input has rank %d, a matrix has 2", shape.rank);
    return known || dtype ? ig_infer_set(c, 0, (ig_dtype)dtype, known ? &shape : NULL) : IG_OK;
}

static ig_status run_eye_like(ig_call *c) {
    ig_tensor *out = c->out[0];
    int64_t k = ig_attr_int(c->node, "k");
    if (!out) return IG_OK;
    ig_fill(c->threads, out, NULL);
    int64_t first = k < 0 ? (k < -out->dims[0] ? out->dims[0] : -k) : 0;
    for (int64_t row = first; row < out->dims[0]; row++) {
        if (k > out->dims[1] - row - 1) break;
        ig_store_i64(out->dtype, out->data, (size_t)(row * out->dims[1] + row + k), 1);
    }
    return IG_OK;
}

const ig_op ig_op_eye_like = {.domain = "", .name = "EyeLike", .since = 9, .infer = infer_eye_like, .run = run_eye_like};

/* ----------------------------------------------------------------------------------------------------- GivenTensorFill */

/* Of the first opset only: `values` in the shape of attribute `shape` or, with `input_as_shape`, of the input's content, or of
 * the input's shape; followed by `extra_shape`. */
static ig_status infer_given(ig_infer *c) {
    size_t n;
    ig_shape shape = {.rank = 0};
    const int64_t *dims = ig_attr_ints(c->node, "shape", &n);
    if (!ig_infer_has(c, 0)) {
        for (size_t d = 0; d < n && d < IG_MAX_RANK; d++) shape.dims[shape.rank++] = ig_dim_of(dims[d]);
    } else if (ig_attr_int(c->node, "input_as_shape"))
        IG_TRY(shape_from(c, 0, &shape));
    else
        ig_infer_shape(c, 0, &shape);
    dims = ig_attr_ints(c->node, "extra_shape", &n);
    for (size_t d = 0; d < n && shape.rank >= 0 && shape.rank < IG_MAX_RANK; d++) shape.dims[shape.rank++] = ig_dim_of(dims[d]);
    for (int d = 0; d < shape.rank; d++)
        if (ig_dim_known(shape.dims[d]) && shape.dims[d].value < 0)
            return ig_infer_fail(c, "dim %d of the wanted shape is %lld", d, (long long)shape.dims[d].value);
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0) ? ig_infer_dtype(c, 0) : IG_F32, shape.rank >= 0 ? &shape : NULL);
}

static ig_status run_given(ig_call *c) {
    size_t n;
    const float *values = ig_attr_floats(c->node, "values", &n);
    if (!c->out[0]) return IG_OK;
    if (c->out[0]->count != n)
        return ig_call_fail(c, "attribute 'values' has %zu elements, the shape %zu", n, c->out[0]->count);
    ig_from_f32(c->out[0]->dtype, c->out[0]->data, 0, n, values);
    return IG_OK;
}

const ig_op ig_op_given_tensor_fill = {
    .domain = "", .name = "GivenTensorFill", .since = 1, .until = 1, .infer = infer_given, .run = run_given};
