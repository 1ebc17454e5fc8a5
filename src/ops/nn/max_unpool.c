/* MaxUnpool: the maxima of a MaxPool back to where they came from, zeros elsewhere. */
#include "ops/args.h"
#include "ops/nn/window.h"

/* The shape that the pool had, by its attributes. */
static bool pooled_shape(ig_syms *syms, const ig_window_rule *r, const ig_shape *x, ig_shape *out) {
    *out = *x;
    for (int k = 0; k < r->dims; k++) {
        ig_dim d = ig_dim_mul(syms, ig_dim_sub(syms, x->dims[k + 2], ig_dim_of(1)), ig_dim_of(r->stride[k]));
        out->dims[k + 2] = ig_dim_add(syms, d, ig_dim_of(r->kernel[k] - r->begin[k] - r->end[k]));
        if (ig_dim_known(out->dims[k + 2]) && out->dims[k + 2].value < 0) return false;
    }
    return true;
}

static ig_status infer(ig_infer *c) {
    ig_shape x, out;
    ig_ints want;
    ig_window_rule rule;
    char why[200];
    ig_dtype dtype = ig_infer_dtype(c, 0);
    bool known = ig_infer_shape(c, 0, &x);
    if (known && x.rank < 3) return ig_infer_fail(c, "the input has rank %d: images, channels and space are needed", x.rank);
    ig_shape index;
    IG_TRY(ig_infer_rank(c, 2, 1));
    if (ig_infer_shape(c, 1, &index) && (index.rank < 3 || (known && index.rank != x.rank)))
        return ig_infer_fail(c, "the indices have rank %d, not that of the input", index.rank);
    if (known && !ig_window_rule_of(&rule, c->node, x.rank - 2, NULL, why, sizeof why)) return ig_infer_fail(c, "%s", why);
    if (ig_infer_has(c, 2)) {
        if (!ig_infer_ints(c, 2, &want)) return ig_infer_set(c, 0, dtype, NULL);
        if (want.n > IG_MAX_RANK || (known && want.n != (size_t)x.rank))
            return ig_infer_fail(c, "output_shape has %zu entries", want.n);
        out.rank = (int)want.n;
        for (size_t k = 0; k < want.n; k++) {
            if (ig_dim_known(want.values[k]) && want.values[k].value < 0)
                return ig_infer_fail(c, "output_shape has a negative entry");
            out.dims[k] = want.values[k];
        }
        return ig_infer_set(c, 0, dtype, &out);
    }
    if (!known) return ig_infer_set(c, 0, dtype, NULL);
    if (!pooled_shape(c->syms, &rule, &x, &out)) return ig_infer_fail(c, "the padding is larger than what was pooled");
    return ig_infer_set(c, 0, dtype, &out);
}

static ig_status run(ig_call *c) {
    const ig_tensor *x = c->in[0], *index = c->in[1];
    IG_TRY(ig_call_made(c, 0));
    ig_tensor *y = c->out[0];
    ig_window_rule rule;
    char why[200];
    ig_shape in = {.rank = x->rank}, pooled;
    if (index->count != x->count) return ig_call_fail(c, "%zu indices for %zu values", index->count, x->count);
    if (!ig_window_rule_of(&rule, c->node, x->rank - 2, NULL, why, sizeof why)) return ig_call_fail(c, "%s", why);
    for (int k = 0; k < x->rank; k++) in.dims[k] = ig_dim_of(x->dims[k]);
    if (!pooled_shape(NULL, &rule, &in, &pooled)) return ig_call_fail(c, "the padding is larger than what was pooled");
    int64_t dims[IG_MAX_RANK], count;
    for (int k = 0; k < x->rank; k++) dims[k] = pooled.dims[k].value;
    if (!ig_dims_count(x->rank, dims, &count)) return ig_call_fail(c, "what was pooled is too large");
    size_t size = ig_dtype_bytes(x->dtype);
    if (y->bytes) memset(y->data, 0, y->bytes);
    for (size_t i = 0; i < x->count; i++) {
        int64_t at = ((const int64_t *)index->data)[i], place = 0, from[IG_MAX_RANK];
        if (at < 0 || at >= count)
            return ig_call_fail(c, "index %lld is outside of [0, %lld)", (long long)at, (long long)count);
        ig_window_place(x->rank, dims, (size_t)at, from);
        for (int k = 0; k < x->rank; k++) {
            if (from[k] >= y->dims[k]) return ig_call_fail(c, "index %lld is outside of output_shape", (long long)at);
            place = place * y->dims[k] + from[k];
        }
        memcpy((char *)y->data + (size_t)place * size, (const char *)x->data + i * size, size);
    }
    return IG_OK;
}

const ig_op ig_op_max_unpool = {"", "MaxUnpool", 9, 0, 0, infer, run, NULL, NULL};
