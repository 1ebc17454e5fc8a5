/* InstanceNormalization and GroupNormalization: mean and variance of each group of channels of each image, then a scale and a
 * bias. onnxruntime's GroupNorm and SkipGroupNorm: with channels last, something added before and an activation behind. */
#include "ops/nn/activate.h"
#include "ops/nn/norm.h"
#include "ops/nn/reals.h"

static bool is_ms(const ig_node *node) { return node->schema->domain[0] != 0; }
static bool is_skip(const ig_node *node) { return node->schema->name[0] == 'S'; }
static bool is_last(const ig_node *node) { return is_ms(node) && ig_attr_int(node, "channels_last") != 0; }

static int64_t groups_of(const ig_node *node, int64_t channels) {
    if (is_ms(node)) return ig_attr_int(node, "groups");
    return node->schema->name[0] == 'G' ? ig_attr_int(node, "num_groups") : channels;
}

static ig_status infer(ig_infer *c) {
    ig_shape x, s;
    IG_TRY(ig_infer_same(c));
    if (is_skip(c->node)) IG_TRY(ig_infer_set_type(c, 1, c->in[0]));
    if (!ig_infer_shape(c, 0, &x)) return IG_OK;
    if (x.rank < 2) return ig_infer_fail(c, "the input has rank %d: images and channels are needed", x.rank);
    ig_dim channels = x.dims[is_last(c->node) ? x.rank - 1 : 1];
    if (!ig_dim_known(channels)) return IG_OK;
    int64_t groups = groups_of(c->node, channels.value);
    if (groups < 1 && channels.value == 0) return IG_OK;
    if (groups < 1 || channels.value % groups)
        return ig_infer_fail(c, "%lld channels can't be split into %lld groups", (long long)channels.value, (long long)groups);
    bool of_groups = !is_ms(c->node) && c->node->schema->name[0] == 'G' && c->node->schema->since < 21;
    for (size_t i = 1; i < 3; i++) {
        if (!ig_infer_shape(c, i, &s)) continue;
        int64_t want = of_groups ? groups : channels.value;
        if (s.rank != 1 || ig_dim_differ(s.dims[0], ig_dim_of(want)))
            return ig_infer_fail(c, "input %zu should have one dim of %lld", i, (long long)want);
    }
    return IG_OK;
}

typedef struct norm {
    size_t groups, channels, inner; /* channels of a group; places of a channel */
    bool last;                      /* channels are the last dim */
    bool of_groups;                 /* one weight for each group */
    double epsilon;
    const void *x, *weight, *bias;
    void *y;
    ig_activation activation;
} norm;

/* One group of one image; channels come first here. */
#define GROUPS(name, TYPE, type)                                                                                               \
    static void name(void *arg, size_t begin, size_t end) {                                                                    \
        const norm *j = arg;                                                                                                   \
        for (size_t item = begin; item < end; item++) {                                                                        \
            size_t group = item % j->groups, n = j->channels * j->inner;                                                       \
            const TYPE *x = (const TYPE *)j->x + item * n, *w = j->weight, *b = j->bias;                                       \
            TYPE *y = (TYPE *)j->y + item * n;                                                                                 \
            ig_moments m = ig_moments_##type(x, n, true, j->epsilon);                                                          \
            for (size_t k = 0; k < j->channels; k++) {                                                                         \
                size_t at = j->of_groups ? group : group * j->channels + k;                                                    \
                const TYPE a = (TYPE)m.scale * w[at], mean = (TYPE)m.mean, bias = b[at];                                       \
                for (size_t i = 0; i < j->inner; i++) y[k * j->inner + i] = (x[k * j->inner + i] - mean) * a + bias;           \
            }                                                                                                                  \
            ig_activate_##type(&j->activation, y, n);                                                                          \
        }                                                                                                                      \
    }
GROUPS(groups_f32, float, f32)
GROUPS(groups_f64, double, f64)

/* images x space x channels to images x channels x space, or back. */
static void swap(const float *from, float *to, size_t images, size_t rows, size_t cols) {
    for (size_t n = 0; n < images; n++)
        for (size_t r = 0; r < rows; r++)
            for (size_t k = 0; k < cols; k++) to[(n * cols + k) * rows + r] = from[(n * rows + r) * cols + k];
}

/* The sum of input, skip and bias, in the layout of the input. skip: of the input's shape, or one value for each image and
 * channel. */
static ig_status add_skip(ig_call *c, norm *j, size_t images) {
    const ig_tensor *x = c->in[0], *skip = c->in[3], *bias = c->n_in > 4 ? c->in[4] : NULL;
    size_t channels = j->groups * j->channels;
    const void *ps, *pb;
    const float *px = j->x;
    void *sum;
    if (skip->count != x->count && skip->count != images * channels)
        return ig_call_fail(c, "skip has %zu elements, the input %zu", skip->count, x->count);
    if (bias && bias->count != channels)
        return ig_call_fail(c, "the bias has %zu entries for %zu channels", bias->count, channels);
    IG_TRY(ig_real_in(c, skip, IG_F32, &ps));
    IG_TRY(ig_real_in(c, bias, IG_F32, &pb));
    if (c->n_out > 1 && c->out[1])
        IG_TRY(ig_real_out(c, 1, IG_F32, &sum));
    else if (!(sum = ig_call_scratch(c, x->count * sizeof(float))))
        return ig_oom(c->err);
    bool whole = skip->count == x->count;
    for (size_t i = 0; i < x->count; i++) {
        size_t image = i / (channels * j->inner), rest = i % (channels * j->inner),
               channel = j->last ? rest % channels : rest / j->inner;
        ((float *)sum)[i] =
            px[i] + ((const float *)ps)[whole ? i : image * channels + channel] + (pb ? ((const float *)pb)[channel] : 0);
    }
    if (c->n_out > 1 && c->out[1]) ig_real_done(c, 1, IG_F32, sum);
    j->x = sum;
    return IG_OK;
}

static ig_status run(ig_call *c) {
    const ig_tensor *x = c->in[0];
    const ig_node *node = c->node;
    ig_dtype type = ig_real_type(x->dtype);
    norm j = {.last = is_last(node), .epsilon = (double)ig_attr_float(node, "epsilon")};
    size_t images = (size_t)x->dims[0], channels = (size_t)x->dims[j.last ? x->rank - 1 : 1];
    void *y;
    if (!c->out[0]) IG_TRY(ig_call_output(c, 0, x->dtype, x->rank, x->dims));
    if (x->count == 0) return IG_OK;
    j.groups = (size_t)groups_of(node, (int64_t)channels);
    j.channels = channels / j.groups;
    j.inner = x->count / images / channels;
    j.of_groups = c->in[1]->count == j.groups && j.groups != channels;
    if (c->in[1]->count != c->in[2]->count || (c->in[1]->count != channels && !j.of_groups))
        return ig_call_fail(c, "scale and bias have %zu and %zu entries for %zu channels", c->in[1]->count, c->in[2]->count,
                            channels);
    if (is_ms(node) && ig_attr_int(node, "activation") == 1) j.activation = (ig_activation){IG_ACT_SILU, 1, 0, NULL};
    IG_TRY(ig_real_in(c, x, type, &j.x));
    IG_TRY(ig_real_in(c, c->in[1], type, &j.weight));
    IG_TRY(ig_real_in(c, c->in[2], type, &j.bias));
    if (is_skip(node)) IG_TRY(add_skip(c, &j, images));
    IG_TRY(ig_real_out(c, 0, type, &y));
    j.y = y;
    float *first = NULL;
    if (j.last) { /* float only */
        first = ig_call_scratch(c, x->count * sizeof *first);
        if (!first) return ig_oom(c->err);
        swap(j.x, first, images, j.inner, channels);
        j.x = j.y = first;
    }
    ig_parallel(c->threads, images * j.groups, 1 + 4096 / (j.channels * j.inner), type == IG_F64 ? groups_f64 : groups_f32, &j);
    if (j.last) swap(first, y, images, channels, j.inner);
    ig_real_done(c, 0, type, y);
    return IG_OK;
}

const ig_op ig_op_instance_normalization = {"", "InstanceNormalization", 1, 0, 0, infer, run, NULL, NULL};
const ig_op ig_op_group_normalization = {"", "GroupNormalization", 18, 0, 0, infer, run, NULL, NULL};
const ig_op ig_op_ms_group_norm = {"com.microsoft", "GroupNorm", 1, 0, 0, infer, run, NULL, NULL};
const ig_op ig_op_ms_skip_group_norm = {"com.microsoft", "SkipGroupNorm", 1, 0, 0, infer, run, NULL, NULL};
