/* LayerNormalization, RMSNormalization (SimplifiedLayerNormalization to onnxruntime), and their fused forms that add two inputs
 * first: every row of the last dims is normalized. */
#include "ops/args.h"
#include "ops/nn/norm.h"
#include "ops/nn/reals.h"

/* What an operator of this family is. Outputs are -1 when there are none. */
typedef struct form {
    bool center;              /* takes the mean away */
    bool skip;                /* inputs 0 and 1 are added, and perhaps a bias */
    int weight, bias, addend; /* inputs */
    int mean, scale, sum;     /* outputs */
} form;

static form form_of(const ig_node *node) {
    const char *name = node->schema->name;
    if (strcmp(name, "LayerNormalization") == 0) return (form){true, false, 1, 2, -1, 1, 2, -1};
    if (strcmp(name, "RMSNormalization") == 0) return (form){false, false, 1, -1, -1, -1, -1, -1};
    if (strcmp(name, "SimplifiedLayerNormalization") == 0) return (form){false, false, 1, -1, -1, -1, 1, -1};
    if (strcmp(name, "SkipLayerNormalization") == 0) return (form){true, true, 2, 3, 4, 1, 2, 3};
    return (form){false, true, 2, -1, 3, 1, 2, 3};
}

static int64_t axis_of(const ig_node *node) {
    return ig_schema_attr_find(node->schema, "axis") ? ig_attr_int(node, "axis") : -1;
}

static ig_dtype stash_of(const ig_node *node) {
    if (!ig_schema_attr_find(node->schema, "stash_type")) return IG_F32;
    int64_t type = ig_attr_int(node, "stash_type");
    return type == IG_BF16 || type == IG_F16 || type == IG_F64 ? (ig_dtype)type : IG_F32;
}

static ig_status infer(ig_infer *c) {
    form f = form_of(c->node);
    ig_shape x;
    ig_dtype dtype = ig_infer_dtype(c, 0), own = f.skip ? dtype : ig_infer_dtype(c, (size_t)f.weight);
    if (strcmp(c->node->schema->name, "LayerNormalization") == 0 && c->node->schema->since >= 17) own = dtype;
    bool known = ig_infer_shape(c, 0, &x);
    if (f.sum >= 0 && c->n_out > (size_t)f.sum && c->node->out[f.sum])
        IG_TRY(ig_infer_set(c, (size_t)f.sum, dtype, known ? &x : NULL));
    IG_TRY(ig_infer_set(c, 0, own, known ? &x : NULL));
    int axis = 0;
    if (known && x.rank == 0) return ig_infer_fail(c, "a scalar can't be normalized");
    if (known) IG_TRY(ig_infer_axis(c, axis_of(c->node), x.rank, false, &axis));
    for (int k = axis; known && k < x.rank; k++) x.dims[k] = ig_dim_of(1);
    for (size_t o = 1; o < c->n_out && o < 3; o++)
        if ((int)o == f.mean || (int)o == f.scale) IG_TRY(ig_infer_set(c, o, stash_of(c->node), known ? &x : NULL));
    return IG_OK;
}

typedef struct rows {
    size_t n;           /* elements of a row */
    size_t period;      /* rows after which the weights repeat: 1, or all rows */
    size_t skip_period; /* elements after which what is added repeats */
    bool center, f64;
    double epsilon;
    const void *x, *skip, *addend, *weight, *bias;
    void *y, *sum;
    ig_tensor *mean, *scale;
} rows;

#define ROWS(name, TYPE, type)                                                                                                 \
    static void name(void *arg, size_t begin, size_t end) {                                                                    \
        const rows *j = arg;                                                                                                   \
        for (size_t r = begin; r < end; r++) {                                                                                 \
            const TYPE *x = (const TYPE *)j->x + r * j->n;                                                                     \
            size_t w = r % j->period * j->n;                                                                                   \
            if (j->skip) {                                                                                                     \
                const TYPE *skip = (const TYPE *)j->skip + r * j->n % j->skip_period, *addend = j->addend;                     \
                TYPE *sum = (TYPE *)j->sum + r * j->n;                                                                         \
                for (size_t i = 0; i < j->n; i++) sum[i] = x[i] + skip[i] + (addend ? addend[i] : 0);                          \
                x = sum;                                                                                                       \
            }                                                                                                                  \
            ig_moments m = ig_moments_##type(x, j->n, j->center, j->epsilon);                                                  \
            ig_normalize_##type(x, (TYPE *)j->y + r * j->n, j->n, m, j->weight ? (const TYPE *)j->weight + w : NULL,           \
                                j->bias ? (const TYPE *)j->bias + w : NULL);                                                   \
            if (j->mean) ig_store_f64(j->mean->dtype, j->mean->data, r, m.mean);                                               \
            if (j->scale) ig_store_f64(j->scale->dtype, j->scale->data, r, m.scale);                                           \
        }                                                                                                                      \
    }
ROWS(rows_f32, float, f32)
ROWS(rows_f64, double, f64)

static const ig_tensor *input(const ig_call *c, int i) { return i >= 0 && (size_t)i < c->n_in ? c->in[i] : NULL; }
static ig_tensor *output(const ig_call *c, int o) { return o >= 0 && (size_t)o < c->n_out ? c->out[o] : NULL; }

/* Weights of a row, or when they differ between rows, of all rows. */
static ig_status get_weights(ig_call *c, rows *j, const form *f, ig_dtype type, int axis) {
    const ig_tensor *x = c->in[0], *w = input(c, f->weight), *b = input(c, f->bias);
    bool of_row = true;
    for (int i = 0; i < 2; i++) {
        const ig_tensor *t = i ? b : w;
        for (int k = 0; t && k < t->rank; k++) of_row &= t->dims[k] == 1 || k - t->rank + x->rank >= axis;
        of_row &= !t || t->rank <= x->rank - axis;
    }
    int from = of_row ? axis : 0;
    j->period = of_row || j->n == 0 ? 1 : x->count / j->n;
    IG_TRY(ig_broadcast_real(c, w, type, x->rank - from, x->dims + from, &j->weight));
    return ig_broadcast_real(c, b, type, x->rank - from, x->dims + from, &j->bias);
}

static ig_status get_skip(ig_call *c, rows *j, const form *f, ig_dtype type, void **sum) {
    const ig_tensor *x = c->in[0], *skip = c->in[1], *addend = input(c, f->addend);
    if (skip->count == 0 || skip->rank > x->rank) return ig_call_fail(c, "skip has another shape than the input");
    for (int k = 1; k <= skip->rank; k++) { /* right-aligned, missing only whole batches */
        bool all_before = true;
        for (int i = k; i <= skip->rank; i++) all_before &= skip->dims[skip->rank - i] == 1;
        if (skip->dims[skip->rank - k] != x->dims[x->rank - k] && !(all_before && k > 1))
            return ig_call_fail(c, "skip has another shape than the input");
    }
    if (addend && addend->count != j->n)
        return ig_call_fail(c, "the bias has %zu entries for rows of %zu", addend->count, j->n);
    IG_TRY(ig_real_in(c, skip, type, &j->skip));
    IG_TRY(ig_real_in(c, addend, type, &j->addend));
    j->skip_period = skip->count;
    ig_tensor *t = output(c, f->sum);
    if (t) {
        IG_TRY(ig_real_out(c, (size_t)f->sum, type, sum));
    } else {
        *sum = ig_call_scratch(c, x->count * ig_dtype_bytes(type));
        if (!*sum) return ig_oom(c->err);
    }
    j->sum = *sum;
    return IG_OK;
}

static ig_status run(ig_call *c) {
    form f = form_of(c->node);
    const ig_tensor *x = c->in[0];
    ig_dtype type = ig_real_type(x->dtype);
    int axis;
    void *y, *sum = NULL;
    if (!c->out[0]) IG_TRY(ig_call_output(c, 0, x->dtype, x->rank, x->dims));
    if (x->rank == 0) return ig_call_fail(c, "a scalar can't be normalized");
    IG_TRY(ig_call_axis(c, axis_of(c->node), x->rank, &axis));
    rows j = {.n = 1, .center = f.center, .epsilon = (double)ig_attr_float(c->node, "epsilon")};
    for (int k = axis; k < x->rank; k++) j.n *= (size_t)x->dims[k];
    j.mean = output(c, f.mean);
    j.scale = output(c, f.scale);
    if (j.n == 0 || x->count == 0) {
        for (size_t o = 1; o < c->n_out; o++)
            if (c->out[o] && c->out[o]->bytes) memset(c->out[o]->data, 0, c->out[o]->bytes);
        return IG_OK;
    }
    IG_TRY(ig_real_in(c, x, type, &j.x));
    IG_TRY(get_weights(c, &j, &f, type, axis));
    if (f.skip) IG_TRY(get_skip(c, &j, &f, type, &sum));
    IG_TRY(ig_real_out(c, 0, type, &y));
    j.y = y;
    ig_parallel(c->threads, x->count / j.n, 1 + 4096 / j.n, type == IG_F64 ? rows_f64 : rows_f32, &j);
    ig_real_done(c, 0, type, y);
    if (f.skip && output(c, f.sum)) ig_real_done(c, (size_t)f.sum, type, sum);
    return IG_OK;
}

const ig_op ig_op_layer_normalization = {"", "LayerNormalization", 1, 0, 0, infer, run, NULL, NULL};
const ig_op ig_op_rms_normalization = {"", "RMSNormalization", 23, 0, 0, infer, run, NULL, NULL};
const ig_op ig_op_simplified_layer_normalization = {"", "SimplifiedLayerNormalization", 1, 0, 0, infer, run, NULL, NULL};
const ig_op ig_op_ms_skip_layer_normalization = {"com.microsoft", "SkipLayerNormalization", 1, 0, 0, infer, run, NULL, NULL};
const ig_op ig_op_ms_skip_simplified_layer_normalization = {
    "com.microsoft", "SkipSimplifiedLayerNormalization", 1, 0, 0, infer, run, NULL, NULL};
