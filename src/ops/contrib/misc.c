/* com.microsoft: SampleOp, SparseToDenseMatMul, Inverse, CDist. */
#include "ops/args.h"

#include <math.h>

#define MS "com.microsoft"

static ig_status run_echo(ig_call *c) { return ig_call_copy(c, 0, 0); }

/* -------------------------------------------------------------------------------------------------- SparseToDenseMatMul */

static ig_status infer_sparse(ig_infer *c) {
    ig_shape a, b;
    ig_dtype dtype = ig_infer_dtype(c, 1);
    bool ta = ig_attr_int(c->node, "transA") != 0, tb = ig_attr_int(c->node, "transB") != 0;
    if (!ig_infer_shape(c, 0, &a) || !ig_infer_shape(c, 1, &b)) return dtype ? ig_infer_set(c, 0, dtype, NULL) : IG_OK;
    if (a.rank != 2 || b.rank != 2) return ig_infer_fail(c, "both inputs must be matrices");
    ig_shape y = {.rank = 2};
    y.dims[0] = a.dims[ta ? 1 : 0];
    y.dims[1] = b.dims[tb ? 0 : 1];
    if (ig_dim_differ(a.dims[ta ? 0 : 1], b.dims[tb ? 1 : 0])) return ig_infer_fail(c, "the matrices' inner dims differ");
    return ig_infer_set(c, 0, dtype, &y);
}

/* Entry k of a sparse matrix: its row and column, from linear positions or pairs. False when it lies outside. */
static bool entry(const ig_tensor *a, size_t k, int64_t *row, int64_t *col) {
    const ig_tensor *indices = a->items[1];
    const int64_t *at = indices->data;
    if (indices->rank == 2) {
        *row = at[2 * k];
        *col = at[2 * k + 1];
    } else {
        if (at[k] < 0 || a->dims[1] == 0) return false;
        *row = at[k] / a->dims[1];
        *col = at[k] % a->dims[1];
    }
    return *row >= 0 && *row < a->dims[0] && *col >= 0 && *col < a->dims[1];
}

static bool is_coo(const ig_tensor *a) {
    if (a->kind != IG_KIND_SPARSE || a->rank != 2 || a->n_items != 2 || a->items[1]->dtype != IG_I64) return false;
    const ig_tensor *indices = a->items[1];
    return indices->count == a->items[0]->count * (indices->rank == 2 ? 2 : 1);
}

static ig_status run_sparse(ig_call *c) {
    const ig_tensor *a = c->in[0], *b = c->in[1];
    bool ta = ig_attr_int(c->node, "transA") != 0, tb = ig_attr_int(c->node, "transB") != 0;
    double alpha = (double)ig_attr_float(c->node, "alpha");
    if (!is_coo(a)) return ig_call_fail(c, "the first input must be a sparse matrix in coordinate form");
    ig_tensor *y = c->out[0];
    size_t n = (size_t)y->dims[1], inner = (size_t)b->dims[tb ? 1 : 0];
    double *sums = ig_call_scratch(c, y->count * sizeof *sums);
    if (!sums) return ig_oom(c->err);
    memset(sums, 0, y->count * sizeof *sums);
    for (size_t k = 0; k < a->items[0]->count; k++) {
        int64_t row, col;
        if (!entry(a, k, &row, &col)) return ig_call_fail(c, "entry %zu of the sparse matrix lies outside of it", k);
        size_t i = (size_t)(ta ? col : row), j = (size_t)(ta ? row : col);
        if (j >= inner) return ig_call_fail(c, "the matrices' inner dims differ");
        double v = ig_load_as_f64(a->items[0]->dtype, a->items[0]->data, k);
        for (size_t m = 0; m < n; m++) sums[i * n + m] += v * ig_load_as_f64(b->dtype, b->data, tb ? m * inner + j : j * n + m);
    }
    for (size_t i = 0; i < y->count; i++) ig_store_f64(y->dtype, y->data, i, alpha * sums[i]);
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------------------------- Inverse */

/* Gauss and Jordan with row pivoting. False for a singular matrix. */
static bool invert(double *a, double *out, size_t n) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) out[i * n + j] = i == j;
    for (size_t k = 0; k < n; k++) {
        size_t best = k;
        for (size_t i = k + 1; i < n; i++) best = fabs(a[i * n + k]) > fabs(a[best * n + k]) ? i : best;
        double pivot = a[best * n + k];
        if (!(fabs(pivot) > 0)) return false;
        for (size_t j = 0; j < n; j++) {
            double x = a[best * n + j], y = out[best * n + j];
            a[best * n + j] = a[k * n + j];
            out[best * n + j] = out[k * n + j];
            a[k * n + j] = x / pivot;
            out[k * n + j] = y / pivot;
        }
        for (size_t i = 0; i < n; i++) {
            double f = i == k ? 0 : a[i * n + k];
            for (size_t j = 0; j < n && f != 0; j++) {
                a[i * n + j] -= f * a[k * n + j];
                out[i * n + j] -= f * out[k * n + j];
            }
        }
    }
    return true;
}

static ig_status run_inverse(ig_call *c) {
    const ig_tensor *x = c->in[0];
    if (x->rank < 2 || x->dims[x->rank - 1] != x->dims[x->rank - 2]) return ig_call_fail(c, "the matrices must be square");
    size_t n = (size_t)x->dims[x->rank - 1], size = n * n;
    double *a = ig_call_scratch(c, 2 * size * sizeof *a);
    if (!a) return ig_oom(c->err);
    for (size_t m = 0; size && m < x->count / size; m++) {
        for (size_t i = 0; i < size; i++) a[i] = ig_load_as_f64(x->dtype, x->data, m * size + i);
        if (!invert(a, a + size, n)) return ig_call_fail(c, "matrix %zu has no inverse", m);
        for (size_t i = 0; i < size; i++) ig_store_f64(c->out[0]->dtype, c->out[0]->data, m * size + i, a[size + i]);
    }
    return IG_OK;
}

/* ---------------------------------------------------------------------------------------------------------------- CDist */

static ig_status infer_cdist(ig_infer *c) {
    ig_shape a, b, y = {.rank = 2};
    if (!ig_infer_shape(c, 0, &a) || !ig_infer_shape(c, 1, &b)) return IG_OK;
    if (a.rank != 2 || b.rank != 2) return ig_infer_fail(c, "both inputs must be matrices");
    if (ig_dim_differ(a.dims[1], b.dims[1])) return ig_infer_fail(c, "the inputs have rows of different lengths");
    y.dims[0] = a.dims[0];
    y.dims[1] = b.dims[0];
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &y);
}

typedef struct distances {
    const ig_tensor *a, *b;
    ig_tensor *y;
    bool root;
} distances;

static void distance_rows(void *arg, size_t begin, size_t end) {
    const distances *d = arg;
    size_t n = (size_t)d->a->dims[1], m = (size_t)d->b->dims[0];
    for (size_t i = begin; i < end; i++) {
        for (size_t j = 0; j < m; j++) {
            double sum = 0;
            for (size_t k = 0; k < n; k++) {
                double v =
                    ig_load_as_f64(d->a->dtype, d->a->data, i * n + k) - ig_load_as_f64(d->b->dtype, d->b->data, j * n + k);
                sum += v * v;
            }
            ig_store_f64(d->y->dtype, d->y->data, i * m + j, d->root ? sqrt(sum) : sum);
        }
    }
}

static ig_status run_cdist(ig_call *c) {
    distances d = {c->in[0], c->in[1], c->out[0], ig_attr_is(c->node, "metric", "euclidean")};
    if (!d.root && !ig_attr_is(c->node, "metric", "sqeuclidean"))
        return ig_fail(c->err, IG_E_UNSUPPORTED, "CDist: only the metrics euclidean and sqeuclidean are known");
    if (d.a->rank != 2 || d.b->rank != 2 || d.a->dims[1] != d.b->dims[1])
        return ig_call_fail(c, "the inputs have rows of different lengths");
    ig_parallel(c->threads, (size_t)d.a->dims[0], 1 + 8192 / (1 + d.b->count), distance_rows, &d);
    return IG_OK;
}

const ig_op ig_op_ms_sample_op = {MS, "SampleOp", 1, 0, IG_OP_VIEW, ig_infer_same, run_echo, NULL, NULL};
const ig_op ig_op_ms_sparse_to_dense_matmul = {MS, "SparseToDenseMatMul", 1, 0, 0, infer_sparse, run_sparse, NULL, NULL};
const ig_op ig_op_ms_inverse = {MS, "Inverse", 1, 0, 0, ig_infer_same, run_inverse, NULL, NULL};
const ig_op ig_op_ms_cdist = {MS, "CDist", 1, 0, 0, infer_cdist, run_cdist, NULL, NULL};
