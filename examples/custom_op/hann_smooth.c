/* Two operators of one's own, in a shared library for `igata run --ops` or ig_context_load_ops:
 *
 *   my.audio.Smooth(x, width) -> y    each element of the last axis becomes the mean of its `width` neighbours, weighted by a
 *                                     Hann window; the attribute `edge` ("keep" or "zero") says what lies past the ends
 *   my.audio.Peaks(x) -> positions    the positions of the local maxima of a vector: how many is known only while running
 *
 * The header is all that is needed; the functions are found in the program that loads the library. */
#include <igata/igata.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* -------------------------------------------------------------------------------------------------------------- Smooth */

/* What is computed once per node. */
typedef struct window {
    size_t n;
    bool keep;
    float weights[];
} window;

static ig_status smooth_infer(ig_custom_types *types, void *user, ig_error *err) {
    ig_dtype dtype;
    int rank;
    int64_t dims[IG_MAX_RANK];
    (void)user;
    if (ig_custom_types_input(types, 0, &dtype, &rank, dims)) {
        if (dtype != IG_UNDEFINED && dtype != IG_F32)
            return ig_custom_fail(err, IG_E_UNSUPPORTED, "Smooth works on float, not on %s", ig_dtype_name(dtype));
        if (rank == 0) return ig_custom_fail(err, IG_E_INPUT, "Smooth needs an axis to work along, the input is a scalar");
    }
    return ig_custom_types_same(types, 0, 0, err);
}

static ig_status smooth_prepare(const ig_custom_node *node, void **state, void *user, ig_error *err) {
    int64_t n = 5;
    ig_str edge = {"keep", 4};
    (void)user;
    ig_custom_attr_int(node, "width", &n);
    ig_custom_attr_str(node, "edge", &edge);
    if (n < 1 || n > 10001 || n % 2 == 0)
        return ig_custom_fail(err, IG_E_INPUT, "width must be an odd number up to 10001, it is %lld", (long long)n);
    window *w = malloc(sizeof *w + (size_t)n * sizeof w->weights[0]);
    if (!w) return ig_custom_fail(err, IG_E_MEMORY, "out of memory");
    float sum = 0;
    w->n = (size_t)n;
    w->keep = edge.n == 4 && memcmp(edge.s, "keep", 4) == 0;
    for (size_t i = 0; i < w->n; i++) sum += w->weights[i] = 0.5f - 0.5f * cosf(6.2831853f * (float)(i + 1) / (float)(n + 1));
    for (size_t i = 0; i < w->n; i++) w->weights[i] /= sum;
    *state = w;
    return IG_OK;
}

static void smooth_release(void *state, void *user) {
    (void)user;
    free(state);
}

typedef struct smoothing {
    const window *w;
    const float *x;
    float *y;
    size_t length;
} smoothing;

static void smooth_rows(void *arg, size_t begin, size_t end) {
    const smoothing *s = arg;
    size_t half = s->w->n / 2;
    for (size_t row = begin; row < end; row++) {
        const float *x = s->x + row * s->length;
        for (size_t i = 0; i < s->length; i++) {
            float sum = 0;
            for (size_t k = 0; k < s->w->n; k++) {
                size_t at = i + k; /* shifted by half */
                bool inside = at >= half && at - half < s->length;
                float v = inside ? x[at - half] : !s->w->keep ? 0 : at < half ? x[0] : x[s->length - 1];
                sum += s->w->weights[k] * v;
            }
            s->y[row * s->length + i] = sum;
        }
    }
}

static ig_status smooth_run(ig_custom_call *call, void *state, void *user, ig_error *err) {
    const ig_tensor *x = ig_custom_call_input(call, 0);
    int rank = ig_tensor_rank(x);
    ig_tensor *y;
    (void)user;
    ig_status status = ig_custom_call_output(&y, call, 0, IG_F32, rank, ig_tensor_dims(x), err);
    if (status != IG_OK) return status;
    smoothing s = {state, ig_tensor_data(x), ig_tensor_data_mut(y), (size_t)ig_tensor_dims(x)[rank - 1]};
    size_t rows = s.length ? ig_tensor_count(x) / s.length : 0;
    ig_custom_call_parallel(call, rows, 1 + 4096 / (1 + s.length * s.w->n), smooth_rows, &s);
    return IG_OK;
}

/* --------------------------------------------------------------------------------------------------------------- Peaks */

static ig_status peaks_infer(ig_custom_types *types, void *user, ig_error *err) {
    int64_t unknown = -1;
    (void)user;
    return ig_custom_types_set(types, 0, IG_I64, 1, &unknown, err);
}

static ig_status peaks_run(ig_custom_call *call, void *state, void *user, ig_error *err) {
    const ig_tensor *x = ig_custom_call_input(call, 0);
    const float *data = ig_tensor_data(x);
    size_t n = ig_tensor_count(x), found = 0;
    ig_tensor *y;
    (void)state;
    (void)user;
    if (ig_tensor_dtype(x) != IG_F32 || ig_tensor_rank(x) != 1)
        return ig_custom_fail(err, IG_E_INPUT, "Peaks works on a vector of floats");
    int64_t *positions = ig_custom_call_scratch(call, n * sizeof *positions);
    if (!positions) return ig_custom_fail(err, IG_E_MEMORY, "out of memory");
    for (size_t i = 1; i + 1 < n; i++)
        if (data[i] > data[i - 1] && data[i] >= data[i + 1]) positions[found++] = (int64_t)i;
    int64_t dims[1] = {(int64_t)found};
    ig_status status = ig_custom_call_output(&y, call, 0, IG_I64, 1, dims, err);
    if (status == IG_OK && found) memcpy(ig_tensor_data_mut(y), positions, found * sizeof *positions);
    return status;
}

/* --------------------------------------------------------------------------------------------------------------- entry */

/* Called once when the library is loaded (IG_OPS_ENTRY). */
IG_API ig_status igata_register_ops(ig_context *context, ig_error *err);

ig_status igata_register_ops(ig_context *context, ig_error *err) {
    const ig_custom_op smooth = {IG_OPTIONS(ig_custom_op),  .domain = "my.audio",  .name = "Smooth",
                                 .min_inputs = 1,           .infer = smooth_infer, .prepare = smooth_prepare,
                                 .release = smooth_release, .run = smooth_run};
    const ig_custom_op peaks = {IG_OPTIONS(ig_custom_op), .domain = "my.audio", .name = "Peaks",
                                .min_inputs = 1,          .infer = peaks_infer, .run = peaks_run};
    ig_status status = ig_context_add_op(context, &smooth, err);
    return status != IG_OK ? status : ig_context_add_op(context, &peaks, err);
}
