/* Sparse tensors in COO form (ONNX IR: SparseTensorProto): values of rank 1 and indices, linear (rank 1) or one row of
 * coordinates each (rank 2). */
#include "graph/tensor.h"

/* The linear position of entry i; false when it lies outside. */
static bool position(const ig_tensor *sparse, const ig_tensor *indices, size_t i, size_t *at) {
    if (indices->rank == 1) {
        int64_t k = ig_load_as_i64(indices->dtype, indices->data, i);
        *at = (size_t)k;
        return k >= 0 && (size_t)k < sparse->count;
    }
    size_t linear = 0, rank = (size_t)sparse->rank;
    for (size_t d = 0; d < rank; d++) {
        int64_t k = ig_load_as_i64(indices->dtype, indices->data, i * rank + d);
        if (k < 0 || k >= sparse->dims[d]) return false;
        linear = linear * (size_t)sparse->dims[d] + (size_t)k;
    }
    *at = linear;
    return true;
}

static void put(ig_tensor *dense, size_t at, const ig_tensor *values, size_t i) {
    size_t bytes = ig_dtype_bytes(dense->dtype);
    if (bytes)
        memcpy((char *)dense->data + at * bytes, (const char *)values->data + i * bytes, bytes);
    else
        ig_store_bits(dense->dtype, dense->data, at, ig_load_bits(dense->dtype, values->data, i));
}

ig_status ig_tensor_densify(ig_tensor **out, ig_context *context, const ig_tensor *sparse, ig_error *err) {
    const ig_tensor *values = sparse->items[0], *indices = sparse->items[1];
    bool linear = indices->rank == 1, rows = indices->rank == 2 && indices->dims[1] == sparse->rank;
    bool fits = values->rank == 1 && (linear || rows) && (size_t)indices->dims[0] == values->count;
    if (!fits || values->dtype == IG_STRING || !ig_dtype_is_int(indices->dtype))
        return ig_fail(err, IG_E_INPUT, "a sparse tensor's values and indices don't fit together");
    IG_TRY(ig_tensor_create(out, context, values->dtype, sparse->rank, sparse->dims, err));
    for (size_t i = 0; i < values->count; i++) {
        size_t at;
        if (position(sparse, indices, i, &at)) {
            put(*out, at, values, i);
            continue;
        }
        ig_tensor_free(*out);
        *out = NULL;
        return ig_fail(err, IG_E_INPUT, "index %zu of a sparse tensor lies outside of it", i);
    }
    return IG_OK;
}
