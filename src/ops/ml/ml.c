#include "ops/ml/ml.h"

bool ig_ml_matrix(const ig_tensor *x, size_t *rows, size_t *columns) {
    if (!x || x->kind != IG_KIND_TENSOR || x->rank < 1 || x->rank > 2) return false;
    *rows = x->rank == 1 ? 1 : (size_t)x->dims[0];
    *columns = (size_t)x->dims[x->rank - 1];
    return true;
}

const float *ig_ml_floats(ig_call *c, const ig_tensor *x) {
    if (x->dtype == IG_F32) return x->data;
    float *f = x->count > SIZE_MAX / sizeof *f ? NULL : ig_call_scratch(c, x->count * sizeof *f);
    if (f) ig_to_f32(x->dtype, x->data, 0, x->count, f);
    return f;
}

/* Eight sums at once, which a compiler turns into vector code without being allowed to reorder floats itself. */
float ig_dot(const float *a, const float *b, size_t n) {
    float sums[8] = {0};
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (size_t k = 0; k < 8; k++) sums[k] += a[i + k] * b[i + k];
    float sum = ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
    for (; i < n; i++) sum += a[i] * b[i];
    return sum;
}

bool ig_ml_rows(ig_infer *c, ig_dim *rows) {
    ig_shape x;
    if (!ig_infer_shape(c, 0, &x) || x.rank == 0) return false;
    *rows = x.rank == 1 ? ig_dim_of(1) : x.dims[0];
    return true;
}

ig_status ig_ml_check_rank(ig_infer *c, int least) {
    ig_shape x;
    if (!c->syms || !ig_infer_shape(c, 0, &x) || (x.rank >= least && x.rank <= 2)) return IG_OK;
    return ig_infer_fail(c, "the input has rank %d, %s wanted", x.rank, least == 2 ? "2 is" : "1 or 2 are");
}

ig_status ig_ml_set_rows(ig_infer *c, size_t o, ig_dtype dtype, ig_dim rows) {
    ig_shape shape = {.rank = 1};
    shape.dims[0] = rows;
    return ig_infer_set(c, o, dtype, &shape);
}

ig_status ig_ml_set_matrix(ig_infer *c, size_t o, ig_dtype dtype, ig_dim rows, int64_t columns) {
    ig_shape shape = {.rank = 2};
    shape.dims[0] = rows;
    shape.dims[1] = ig_dim_of(columns);
    return ig_infer_set(c, o, dtype, &shape);
}

ig_labels ig_labels_of(const ig_node *node, const char *strings, const char *ints) {
    ig_labels labels = {0};
    labels.strings = ig_attr_strs(node, strings, &labels.n);
    if (labels.n) return labels;
    labels.strings = NULL;
    labels.ints = ig_attr_ints(node, ints, &labels.n);
    return labels;
}

bool ig_label_set(ig_tensor *t, size_t k, const ig_labels *labels, size_t label) {
    if (labels->strings) return ig_tensor_set_string(t, k, labels->strings[label]);
    ((int64_t *)t->data)[k] = labels->ints[label];
    return true;
}
