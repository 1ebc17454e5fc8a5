/* Det: determinants of the square matrices in the last two dims, by elimination with partial pivoting. */
#include "ops/op.h"

#include <math.h>

static ig_status infer(ig_infer *c) {
    ig_shape shape;
    if (!ig_infer_shape(c, 0, &shape)) return IG_OK;
    if (shape.rank < 2) return ig_infer_fail(c, "the input has rank %d, matrices need 2", shape.rank);
    if (ig_dim_differ(shape.dims[shape.rank - 2], shape.dims[shape.rank - 1]))
        return ig_infer_fail(c, "the matrices are not square");
    shape.rank -= 2;
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &shape);
}

static double determinant(double *a, size_t n) {
    double det = 1;
    for (size_t k = 0; k < n; k++) {
        size_t pivot = k;
        for (size_t i = k + 1; i < n; i++)
            if (fabs(a[i * n + k]) > fabs(a[pivot * n + k])) pivot = i;
        double p = a[pivot * n + k];
        if (pivot != k) {
            det = -det;
            for (size_t j = 0; j < n; j++) {
                double t = a[k * n + j];
                a[k * n + j] = a[pivot * n + j];
                a[pivot * n + j] = t;
            }
        }
        det *= p;
        if (p == 0) return det;
        for (size_t i = k + 1; i < n; i++) {
            double f = a[i * n + k] / p;
            for (size_t j = k + 1; j < n; j++) a[i * n + j] -= f * a[k * n + j];
        }
    }
    return det;
}

static ig_status run(ig_call *c) {
    const ig_tensor *x = c->in[0];
    if (!c->out[0]) return IG_OK;
    size_t n = (size_t)ig_tensor_dim(x, -1), cells = n * n;
    if (ig_tensor_dim(x, -2) != ig_tensor_dim(x, -1)) return ig_call_fail(c, "the matrices are not square");
    double *a = ig_call_scratch(c, cells * sizeof *a);
    if (!a) return ig_oom(c->err);
    for (size_t m = 0; m < c->out[0]->count; m++) {
        for (size_t i = 0; i < cells; i++) a[i] = ig_load_as_f64(x->dtype, x->data, m * cells + i);
        ig_store_f64(x->dtype, c->out[0]->data, m, determinant(a, n));
    }
    return IG_OK;
}

const ig_op ig_op_det = {.domain = "", .name = "Det", .since = 11, .infer = infer, .run = run};
