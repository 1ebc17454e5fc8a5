/* The bare bytes of a tensor, row-major and little-endian: what they mean must come from elsewhere. */
#include "tensorio/tensorio.h"

ig_status ig_raw_load(ig_tensor **out, const ig_load *load) {
    const ig_read_options *want = load->want;
    size_t n = load->file->size, bits = ig_dtype_bits(want->dtype), bytes;
    int64_t dims[IG_MAX_RANK] = {0}, known, count;
    int free_at = -1;
    if (bits == 0 || !want->dims) {
        ig_fail(load->err, IG_E_ARGUMENT, "a raw file needs an element type and a shape to be read");
        ig_error_hint(load->err, "use .npy, which says them, or a model whose input fixes them");
        return IG_E_ARGUMENT;
    }
    for (int i = 0; i < want->rank; i++) {
        dims[i] = want->dims[i] < 0 ? 1 : want->dims[i];
        if (want->dims[i] >= 0) continue;
        if (free_at >= 0) return ig_fail(load->err, IG_E_ARGUMENT, "the shape leaves more than one dimension open");
        free_at = i;
    }
    bool ok = ig_dims_count(want->rank, dims, &known);
    if (ok && free_at >= 0 && known > 0) dims[free_at] = (int64_t)(n * 8 / bits / (size_t)known);
    if (!ok || !ig_dims_count(want->rank, dims, &count) || !ig_dtype_size(want->dtype, count, &bytes) || bytes != n)
        return ig_fail(load->err, IG_E_INPUT, "a raw file of %zu bytes, which is not what the shape takes", n);
    *out = ig_tensor_over(load->context, want->dtype, want->rank, dims, load->file, load->file->data);
    return *out ? IG_OK : ig_oom(load->err);
}

ig_status ig_raw_store(const ig_store *store, const ig_tensor *t) {
    if (t->dtype == IG_STRING) return ig_fail(store->err, IG_E_UNSUPPORTED, "strings have no raw form; use npy, json or csv");
    ig_file_write(store->file, t->data, t->bytes);
    return IG_OK;
}
