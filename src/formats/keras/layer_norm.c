/* Normalizations. Statistics are computed in float at least, as Keras does it. */
#include "formats/keras/layers.h"

static ig_status need_input(ig_k *k, int *rank) {
    if (!k->n_in) return ig_k_refuse(k, "it is called without a tensor");
    return ig_k_need_rank(k, k->in[0], rank);
}

/* Axes made non-negative and sorted. */
static ig_status read_axes(ig_k *k, const char *key, int rank, int64_t otherwise, int64_t *axes, size_t *n) {
    const ig_json *v = ig_k_get(k, key);
    bool list = ig_json_is_kind(v, IG_JSON_LIST);
    *n = list ? v->n : 1;
    if (*n < 1 || *n > (size_t)rank) return ig_k_refuse(k, "its axes don't fit an input of %d dims", rank);
    for (size_t i = 0; i < *n; i++) {
        axes[i] = ig_json_int(list ? &v->items[i] : v, otherwise);
        if (axes[i] < 0) axes[i] += rank;
        if (axes[i] < 0 || axes[i] >= rank) return ig_k_refuse(k, "its axes don't fit an input of %d dims", rank);
        for (size_t j = i; j > 0 && axes[j] < axes[j - 1]; j--) {
            int64_t other = axes[j];
            axes[j] = axes[j - 1];
            axes[j - 1] = other;
        }
    }
    return IG_OK;
}

/* A parameter over some axes, with dims of 1 for the others behind the first. */
static ig_value *spread(ig_k *k, ig_value *v, const ig_value *x, const int64_t *axes, size_t n) {
    int64_t dims[IG_MAX_RANK];
    int rank = ig_k_rank(x);
    if (!v || rank < 0) return v;
    if (n == 1 && axes[0] == rank - 1) return v;
    for (int i = 0; i < rank; i++) dims[i] = 1;
    for (size_t i = 0; i < n; i++) dims[axes[i]] = ig_k_rank(v) == rank ? ig_k_dim(v, (int)axes[i]) : ig_k_dim(v, (int)i);
    for (size_t i = 0; i < n; i++)
        if (dims[axes[i]] < 0) return v;
    return ig_k_reshape(k, v, dims, (size_t)rank);
}

static bool is_small(ig_dtype t) { return t == IG_F16 || t == IG_BF16; }

static ig_value *as_float(ig_k *k, ig_value *v) { return is_small(ig_k_dtype(v)) ? ig_k_cast(k, v, IG_F32) : v; }

/* A variable in the type that statistics have. */
static ig_value *parameter(ig_k *k, const char *name, int number) {
    ig_value *v = ig_k_find_weight(k, name, number);
    if (!v) return ig_k_weight(k, name, number); /* notes what is missing */
    return ig_k_cast(k, v, is_small(k->dtype) ? IG_F32 : k->dtype);
}

/* With channels first it is ONNX's BatchNormalization, which folds into convolutions; elsewhere a product and a sum. */
ig_status ig_k_lower_batch_norm(ig_k *k) {
    int rank, at = 0;
    int64_t axes[IG_MAX_RANK];
    size_t n;
    IG_TRY(need_input(k, &rank));
    IG_TRY(read_axes(k, "axis", rank, -1, axes, &n));
    double epsilon = ig_k_real(k, "epsilon", 1e-3);
    bool scale = ig_k_bool(k, "scale", true), center = ig_k_bool(k, "center", true);
    ig_value *gamma = scale ? parameter(k, "gamma", at++) : NULL, *beta = center ? parameter(k, "beta", at++) : NULL;
    ig_value *mean = parameter(k, "moving_mean", at), *variance = parameter(k, "moving_variance", at + 1);
    if (!mean || !variance) return IG_E_UNSUPPORTED;
    ig_value *x = k->in[0];
    bool last = n == 1 && axes[0] == rank - 1 && rank > 2, twin = last && ig_k_has_first(k, x);
    bool onnx = n == 1 && (twin || axes[0] == 1 || (rank == 2 && axes[0] == 1)) && !is_small(ig_k_dtype(x));
    if (twin) x = ig_k_first(k, x);
    ig_k_like(k, mean);
    ig_k_bind(k, "mean", mean);
    ig_k_bind(k, "variance", variance);
    ig_k_bind(k, "gamma", gamma);
    ig_k_bind(k, "beta", beta);
    if (onnx) {
        ig_k_bind(k, "x", x);
        if (!gamma) ig_k_bind(k, "gamma", ig_k_v(k, "ones(mean)"));
        if (!beta) ig_k_bind(k, "beta", ig_k_v(k, "zeros(mean)"));
        ig_value *y = ig_k_v(k, "BatchNormalization<epsilon=%.9e>(x, gamma, beta, mean, variance)", epsilon);
        ig_k_out(k, 0, twin ? ig_k_last(k, y) : y);
        return IG_OK;
    }
    ig_k_bind(k, "a",
              gamma ? ig_k_v(k, "gamma / Sqrt(variance + %.9e)", epsilon) : ig_k_v(k, "1 / Sqrt(variance + %.9e)", epsilon));
    ig_value *b = beta ? ig_k_v(k, "beta - mean * a") : ig_k_v(k, "-mean * a");
    int64_t channel = 1;
    ig_k_bind(k, "b", spread(k, b, x, twin ? &channel : axes, n));
    ig_k_bind(k, "a", spread(k, ig_sketch_get(k->s, "a"), x, twin ? &channel : axes, n));
    ig_k_bind(k, "x", as_float(k, x));
    ig_value *y = ig_k_cast(k, ig_k_v(k, "x * a + b"), ig_k_dtype(x));
    ig_k_out(k, 0, twin ? ig_k_last(k, y) : y);
    return IG_OK;
}

/* Trailing axes: ONNX's LayerNormalization; others by hand. */
ig_status ig_k_lower_layer_norm(ig_k *k) {
    int rank, at = 0;
    int64_t axes[IG_MAX_RANK];
    size_t n;
    IG_TRY(need_input(k, &rank));
    IG_TRY(read_axes(k, "axis", rank, -1, axes, &n));
    double epsilon = ig_k_real(k, "epsilon", 1e-3);
    bool rms = ig_k_bool(k, "rms_scaling", false);
    ig_value *gamma = ig_k_bool(k, "scale", true) || rms ? parameter(k, "gamma", at++) : NULL,
             *beta = ig_k_bool(k, "center", true) && !rms ? parameter(k, "beta", at++) : NULL;
    ig_value *x = as_float(k, k->in[0]), *y;
    ig_dtype dtype = ig_k_dtype(k->in[0]);
    bool trailing = true;
    for (size_t i = 0; i < n; i++) trailing &= axes[i] == rank - (int64_t)n + (int64_t)i;
    ig_k_like(k, x);
    ig_k_bind(k, "x", x);
    ig_k_bind(k, "beta", beta && !trailing ? spread(k, beta, x, axes, n) : beta);
    ig_k_bind(k, "gamma", gamma && !trailing ? spread(k, gamma, x, axes, n) : gamma);
    const char *list = ig_k_list(k, axes, n);
    if (trailing && !rms && gamma) {
        y = ig_k_v(k, "LayerNormalization<axis=%lld, epsilon=%.9e>(x, gamma, %s)", (long long)axes[0], epsilon,
                   beta ? "beta" : "_");
    } else if (rms) { /* the variance, not the mean square, as Keras has it */
        ig_sketch_run(k->s, "d = x - ReduceMean<keepdims=1>(x, [%s]); v = ReduceMean<keepdims=1>(d * d, [%s])", list, list);
        y = ig_k_v(k, "x / Sqrt(v + %.9e) * gamma", epsilon);
    } else {
        ig_sketch_run(k->s, "d = x - ReduceMean<keepdims=1>(x, [%s]); v = ReduceMean<keepdims=1>(d * d, [%s])", list, list);
        y = ig_k_v(k, "d / Sqrt(v + %.9e)%s%s", epsilon, gamma ? " * gamma" : "", beta ? " + beta" : "");
    }
    ig_k_out(k, 0, ig_k_cast(k, y, dtype));
    return IG_OK;
}

ig_status ig_k_lower_rms_norm(ig_k *k) {
    int rank;
    int64_t axes[IG_MAX_RANK];
    size_t n;
    IG_TRY(need_input(k, &rank));
    IG_TRY(read_axes(k, "axis", rank, -1, axes, &n));
    ig_value *x = as_float(k, k->in[0]), *scale = parameter(k, "scale", 0);
    ig_k_like(k, x);
    ig_k_bind(k, "x", x);
    ig_k_bind(k, "s", spread(k, scale, x, axes, n));
    ig_value *y = ig_k_v(k, "x / Sqrt(ReduceMean<keepdims=1>(x * x, [%s]) + %.9e) * s", ig_k_list(k, axes, n),
                         ig_k_real(k, "epsilon", 1e-6));
    ig_k_out(k, 0, ig_k_cast(k, y, ig_k_dtype(k->in[0])));
    return IG_OK;
}

/* The axis is split in two: groups, and what each holds. */
ig_status ig_k_lower_group_norm(ig_k *k) {
    int rank, at = 0;
    int64_t axes[IG_MAX_RANK], dims[IG_MAX_RANK + 1], inner[IG_MAX_RANK];
    size_t n, n_inner = 0;
    IG_TRY(need_input(k, &rank));
    IG_TRY(read_axes(k, "axis", rank, -1, axes, &n));
    int axis = (int)axes[0];
    int64_t groups = ig_k_int(k, "groups", 32), size = ig_k_dim(k->in[0], axis);
    if (n != 1 || size < 1 || axis == 0 || rank >= IG_MAX_RANK) return ig_k_refuse(k, "the size of its axis isn't known");
    if (groups == -1) groups = size;
    if (groups < 1 || size % groups) return ig_k_refuse(k, "%lld channels aren't so many groups", (long long)size);
    double epsilon = ig_k_real(k, "epsilon", 1e-3);
    ig_value *gamma = ig_k_bool(k, "scale", true) ? parameter(k, "gamma", at++) : NULL,
             *beta = ig_k_bool(k, "center", true) ? parameter(k, "beta", at++) : NULL;
    ig_value *x = as_float(k, k->in[0]);
    for (int i = 0, o = 0; i < rank; i++) {
        if (i == axis) {
            dims[o++] = groups;
            inner[n_inner++] = o;
            dims[o++] = size / groups;
            continue;
        }
        if (i > 0) inner[n_inner++] = o;
        dims[o++] = i < axis ? 0 : ig_k_dim(x, i);
    }
    int unknown = 0; /* behind the axis a 0 would mean another dim */
    for (int i = axis + 2; i <= rank; i++) unknown += dims[i] < 0;
    if (unknown > 1) return ig_k_refuse(k, "more than one size behind its axis isn't known");
    const char *list = ig_k_list(k, inner, n_inner);
    ig_k_like(k, x);
    ig_k_bind(k, "x", x);
    ig_k_bind(k, "g", ig_k_reshape(k, x, dims, (size_t)rank + 1));
    ig_sketch_run(k->s, "d = g - ReduceMean<keepdims=1>(g, [%s]); v = ReduceMean<keepdims=1>(d * d, [%s])", list, list);
    ig_sketch_run(k->s, "y = Reshape<allowzero=1>(d / Sqrt(v + %.9e), Shape(x))", epsilon);
    ig_k_bind(k, "gamma", spread(k, gamma, x, axes, 1));
    ig_k_bind(k, "beta", spread(k, beta, x, axes, 1));
    ig_value *y = ig_k_v(k, "y%s%s", gamma ? " * gamma" : "", beta ? " + beta" : "");
    ig_k_out(k, 0, ig_k_cast(k, y, ig_k_dtype(k->in[0])));
    return IG_OK;
}

ig_status ig_k_lower_unit_norm(ig_k *k) {
    int rank;
    int64_t axes[IG_MAX_RANK];
    size_t n;
    IG_TRY(need_input(k, &rank));
    IG_TRY(read_axes(k, "axis", rank, -1, axes, &n));
    ig_k_bind(k, "x", k->in[0]);
    ig_k_out(k, 0, ig_k_v(k, "x / Sqrt(Max(ReduceSumSquare<keepdims=1>(x, [%s]), 1e-12))", ig_k_list(k, axes, n)));
    return IG_OK;
}

/* The layer inside keeps its kernel as it was normalized last. */
ig_status ig_k_lower_spectral_norm(ig_k *k) {
    ig_k_inner inner = {.layer = ig_k_get(k, "layer"), .path = "layer"};
    if (!k->n_out) return IG_OK;
    return ig_k_call(k, &inner, k->in, k->n_in, k->out, k->n_out);
}

/* (x - mean) / max(sqrt(variance), epsilon), by what the layer was given or has learned. */
ig_status ig_k_lower_normalization(ig_k *k) {
    int rank;
    int64_t axes[IG_MAX_RANK];
    size_t n = 0;
    IG_TRY(need_input(k, &rank));
    const ig_json *axis = ig_k_get(k, "axis"), *given = ig_k_get(k, "mean"), *given_variance = ig_k_get(k, "variance");
    bool none = !axis || (ig_json_is_kind(axis, IG_JSON_LIST) && axis->n == 0);
    if (!none) IG_TRY(read_axes(k, "axis", rank, -1, axes, &n));
    ig_value *x = ig_k_cast(k, k->in[0], k->dtype), *mean, *variance;
    if (given && given_variance) {
        mean = ig_k_constant(k, given, k->dtype);
        variance = ig_k_constant(k, given_variance, k->dtype);
    } else {
        mean = ig_k_weight(k, "mean", 0);
        variance = ig_k_weight(k, "variance", 1);
    }
    ig_k_like(k, x);
    ig_k_bind(k, "x", x);
    if (ig_k_rank(mean) > 0 && n) mean = spread(k, mean, x, axes, n);
    if (ig_k_rank(variance) > 0 && n) variance = spread(k, variance, x, axes, n);
    ig_k_bind(k, "m", mean);
    ig_k_bind(k, "s", variance);
    ig_k_bind(k, "s", ig_k_v(k, "Max(Sqrt(s), 1e-7)"));
    ig_k_out(k, 0, ig_k_bool(k, "invert", false) ? ig_k_v(k, "m + x * s") : ig_k_v(k, "(x - m) / s"));
    return IG_OK;
}

/* ConvNeXt's own layer: a factor for each channel. */
ig_status ig_k_lower_layer_scale(ig_k *k) {
    if (!k->n_in) return ig_k_refuse(k, "it is called without a tensor");
    ig_value *gamma = ig_k_weight(k, "gamma", 0);
    bool twin = ig_k_has_first(k, k->in[0]);
    ig_k_bind(k, "x", twin ? ig_k_first(k, k->in[0]) : k->in[0]);
    ig_k_bind(k, "g", twin ? ig_k_reshape(k, gamma, (int64_t[]){-1, 1, 1}, 3) : gamma);
    ig_value *y = ig_k_v(k, "x * g");
    ig_k_out(k, 0, twin ? ig_k_last(k, y) : y);
    return IG_OK;
}
