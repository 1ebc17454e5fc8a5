/* BatchNormalization: y = (x - mean) / sqrt(variance + epsilon) * scale + bias, one set of numbers for each channel. */
#include "ops/nn/reals.h"

#include <math.h>

/* How often the operator learns: outputs 1 … are then statistics. Until version 9 their presence says so, and there are five.
 */
static bool trains(const ig_node *node) {
    if (node->schema->since >= 14) return ig_attr_int(node, "training_mode") != 0;
    bool more = false;
    for (uint32_t o = 1; o < node->n_out; o++) more |= node->out[o] != NULL;
    return more && !(node->schema->since < 7 && ig_attr_int(node, "is_test"));
}

/* Before version 9 every element of an image could be a channel of its own. */
static bool spatial(const ig_node *node) { return node->schema->since >= 9 || ig_attr_int(node, "spatial") != 0; }

static ig_status infer(ig_infer *c) {
    ig_shape x, channel = {.rank = 1, .dims = {ig_dim_unknown()}};
    bool known = ig_infer_shape(c, 0, &x), one = spatial(c->node);
    bool modes = ig_schema_attr_find(c->node->schema, "training_mode") != NULL;
    if (modes && c->syms && c->n_out != (ig_attr_int(c->node, "training_mode") ? 3 : 1))
        return ig_infer_fail(c, "there are %zu outputs: while training 3 are due, otherwise 1", c->n_out);
    if (known && x.rank == 0) return ig_infer_fail(c, "a scalar can't be normalized");
    if (known && one) channel.dims[0] = x.rank > 1 ? x.dims[1] : ig_dim_of(1);
    for (size_t i = 1; i < 5; i++) {
        ig_shape s;
        if (!ig_infer_shape(c, i, &s)) continue;
        if (one && s.rank != 1) return ig_infer_fail(c, "input %zu has rank %d, not 1", i, s.rank);
        if (one && ig_dim_differ(s.dims[0], channel.dims[0]))
            return ig_infer_fail(c, "input %zu has %lld entries for %lld channels", i, (long long)s.dims[0].value,
                                 (long long)channel.dims[0].value);
        if (one && !ig_dim_merge(channel.dims[0], s.dims[0], &channel.dims[0])) continue;
        if (!one) channel = s;
    }
    IG_TRY(ig_infer_same(c));
    ig_dtype dtype = ig_infer_dtype(c, 3);
    bool shape = one || channel.dims[0].value != IG_UNKNOWN;
    for (size_t o = 1; o < c->n_out; o++)
        if (c->node->out[o]) IG_TRY(ig_infer_set(c, o, dtype, shape ? &channel : NULL));
    return IG_OK;
}

typedef struct norm {
    size_t images, channels, inner;
    const void *x;
    void *y;
    double *a, *b;           /* y = a * x + b, for each channel */
    double *mean, *variance; /* of this batch */
} norm;

#define APPLY(name, TYPE)                                                                                                      \
    static void name(void *arg, size_t begin, size_t end) {                                                                    \
        const norm *j = arg;                                                                                                   \
        for (size_t p = begin; p < end; p++) {                                                                                 \
            const TYPE *x = (const TYPE *)j->x + p * j->inner, a = (TYPE)j->a[p % j->channels],                                \
                       b = (TYPE)j->b[p % j->channels];                                                                        \
            TYPE *y = (TYPE *)j->y + p * j->inner;                                                                             \
            for (size_t i = 0; i < j->inner; i++) y[i] = a * x[i] + b;                                                         \
        }                                                                                                                      \
    }
APPLY(apply_f32, float)
APPLY(apply_f64, double)

/* Mean first, then the mean square of what is left: two passes lose no digits. */
#define STATISTICS(name, TYPE)                                                                                                 \
    static void name(void *arg, size_t begin, size_t end) {                                                                    \
        const norm *j = arg;                                                                                                   \
        double n = (double)j->images * (double)j->inner;                                                                       \
        for (size_t channel = begin; channel < end; channel++) {                                                               \
            double sum = 0, squares = 0;                                                                                       \
            for (size_t k = 0; k < j->images; k++)                                                                             \
                for (size_t i = 0; i < j->inner; i++)                                                                          \
                    sum += (double)((const TYPE *)j->x)[(k * j->channels + channel) * j->inner + i];                           \
            double mean = sum / n;                                                                                             \
            for (size_t k = 0; k < j->images; k++)                                                                             \
                for (size_t i = 0; i < j->inner; i++) {                                                                        \
                    double d = (double)((const TYPE *)j->x)[(k * j->channels + channel) * j->inner + i] - mean;                \
                    squares += d * d;                                                                                          \
                }                                                                                                              \
            j->mean[channel] = mean;                                                                                           \
            j->variance[channel] = squares / n;                                                                                \
        }                                                                                                                      \
    }
STATISTICS(statistics_f32, float)
STATISTICS(statistics_f64, double)

static double channel_of(const ig_tensor *t, size_t i) { return ig_load_as_f64(t->dtype, t->data, i); }

/* The outputs behind y: running statistics, and until version 9 those of the batch. */
static void store_statistics(ig_call *c, const norm *j) {
    double momentum = (double)ig_attr_float(c->node, "momentum");
    for (size_t o = 1; o < c->n_out && o < 5; o++) {
        ig_tensor *t = c->out[o];
        const double *now = o % 2 ? j->mean : j->variance;
        for (size_t i = 0; t && i < j->channels; i++) {
            double v = o < 3 ? channel_of(c->in[o + 2], i) * momentum + now[i] * (1 - momentum) : now[i];
            ig_store_f64(t->dtype, t->data, i, v);
        }
    }
}

static ig_status run(ig_call *c) {
    const ig_tensor *x = c->in[0];
    ig_dtype type = ig_real_type(x->dtype);
    norm j = {.images = (size_t)x->dims[0], .channels = c->in[1]->count};
    size_t elements = j.images * j.channels;
    for (size_t i = 2; i < 5; i++)
        if (c->in[i]->count != j.channels)
            return ig_call_fail(c, "input %zu has %zu entries, the scale %zu", i, c->in[i]->count, j.channels);
    if (elements && x->count % elements) return ig_call_fail(c, "%zu channels don't fit the input", j.channels);
    j.inner = elements ? x->count / elements : 0;
    double *room = ig_call_scratch(c, 4 * j.channels * sizeof *room);
    void *y;
    if (!room) return ig_oom(c->err);
    j.a = room, j.b = room + j.channels, j.mean = room + 2 * j.channels, j.variance = room + 3 * j.channels;
    if (!c->out[0]) IG_TRY(ig_call_output(c, 0, x->dtype, x->rank, x->dims));
    IG_TRY(ig_real_in(c, x, type, &j.x));
    IG_TRY(ig_real_out(c, 0, type, &y));
    j.y = y;
    bool training = trains(c->node);
    if (training)
        ig_parallel(c->threads, j.channels, 1 + 8192 / (j.images * j.inner + 1),
                    type == IG_F64 ? statistics_f64 : statistics_f32, &j);
    double epsilon = (double)ig_attr_float(c->node, "epsilon");
    for (size_t i = 0; i < j.channels; i++) {
        double mean = training ? j.mean[i] : channel_of(c->in[3], i),
               variance = training ? j.variance[i] : channel_of(c->in[4], i);
        j.a[i] = channel_of(c->in[1], i) / sqrt(variance + epsilon);
        j.b[i] = channel_of(c->in[2], i) - mean * j.a[i];
    }
    ig_parallel(c->threads, elements, 1 + 8192 / (j.inner + 1), type == IG_F64 ? apply_f64 : apply_f32, &j);
    if (training) store_statistics(c, &j);
    ig_real_done(c, 0, type, y);
    return IG_OK;
}

const ig_op ig_op_batch_normalization = {"", "BatchNormalization", 1, 0, IG_OP_INPLACE, infer, run, NULL, NULL};
