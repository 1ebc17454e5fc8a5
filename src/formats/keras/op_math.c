/* Operations of keras.ops, and functions of TensorFlow in graphs of Keras 2, that compute element by element or over axes.
 * Arguments come by position or by name, as tensors or as numbers; those that Keras keeps for itself stand in the config. */
#include "formats/keras/operations.h"

#include <stdio.h>

/* ------------------------------------------------------------------------------------------------------------ arguments */

static const ig_json *find_arg(const ig_k *k, int position, const char *names) {
    const ig_json *v = position >= 0 ? ig_json_at(k->args, (size_t)position) : NULL;
    char name[40];
    for (const char *p = names; !v && p && *p;) {
        size_t n = strcspn(p, " ");
        snprintf(name, sizeof name, "%.*s", (int)ig_min_size(n, 39), p);
        v = ig_json_get(k->kwargs, name);
        if (!v) v = ig_k_get(k, name);
        p += n + (p[n] == ' ');
    }
    return ig_json_is_kind(v, IG_JSON_NULL) ? NULL : v;
}

const ig_json *ig_k_op_arg(const ig_k *k, int position, const char *names) { return find_arg(k, position, names); }

/* A list that has tensors in it: a tensor of them and of the numbers beside them. */
static bool has_tensors(const ig_k *k, const ig_json *v) {
    for (size_t i = 0; i < ig_json_count(v); i++)
        if (ig_k_tensor(k, &v->items[i])) return true;
    return false;
}

static ig_value *stacked(ig_k *k, const ig_json *v, ig_dtype like) {
    ig_value **parts = IG_NEW_ARRAY(k->arena, ig_value *, v->n);
    if (!parts) return NULL;
    for (size_t i = 0; i < v->n; i++) {
        parts[i] = ig_k_tensor(k, &v->items[i]);
        if (!parts[i]) parts[i] = ig_k_constant(k, &v->items[i], like);
    }
    ig_k_same_type(k, parts, v->n);
    for (size_t i = 0; i < v->n; i++) parts[i] = ig_k_unsqueeze(k, parts[i], 0);
    return ig_k_concat(k, parts, v->n, 0);
}

ig_value *ig_k_operand(ig_k *k, int position, const char *names, ig_dtype like) {
    const ig_json *v = find_arg(k, position, names);
    ig_value *t = ig_k_tensor(k, v);
    if (!v && !k->args && position >= 0 && (size_t)position < k->n_in) return k->in[position];
    if (t || !v) return t;
    if (has_tensors(k, v)) return stacked(k, v, like);
    return ig_k_constant(k, v, like);
}

bool ig_k_op_ints(const ig_k *k, int position, const char *names, int64_t *out, size_t cap, size_t *n) {
    const ig_json *v = find_arg(k, position, names);
    *n = 0;
    if (!v || ig_k_tensor(k, v)) return false;
    if (!ig_json_is_kind(v, IG_JSON_LIST)) {
        if (v->kind != IG_JSON_INT || cap < 1) return false;
        out[(*n)++] = v->i;
        return true;
    }
    if (v->n > cap) return false;
    for (size_t i = 0; i < v->n; i++) {
        if (v->items[i].kind != IG_JSON_INT) return false;
        out[(*n)++] = v->items[i].i;
    }
    return true;
}

int64_t ig_k_op_int(const ig_k *k, int position, const char *names, int64_t otherwise) {
    return ig_json_int(find_arg(k, position, names), otherwise);
}
double ig_k_op_real(const ig_k *k, int position, const char *names, double otherwise) {
    return ig_json_real(find_arg(k, position, names), otherwise);
}
bool ig_k_op_bool(const ig_k *k, int position, const char *names, bool otherwise) {
    return ig_json_bool(find_arg(k, position, names), otherwise);
}

ig_dtype ig_k_op_dtype(const ig_k *k, int position, const char *names, ig_dtype otherwise) {
    const ig_json *v = find_arg(k, position, names);
    ig_str text = ig_json_text(v);
    if (!text.s) text = ig_json_text(ig_json_get(ig_json_get(v, "config"), "name"));
    for (size_t i = 0; i < text.n; i++) /* "tf.float32" */
        if (text.s[i] == '.') {
            text = (ig_str){text.s + i + 1, text.n - i - 1};
            i = 0;
        }
    ig_dtype dtype = ig_keras_dtype(text);
    return dtype ? dtype : otherwise;
}

ig_value *ig_k_as_float(ig_k *k, ig_value *v) { return ig_k_is_float(v) ? v : ig_k_cast(k, v, IG_F32); }

/* --------------------------------------------------------------------------------------------------------- elementwise */

/* rule->to is the sketch, rule->arg what becomes of types. */
ig_status ig_k_lower_op_text(ig_k *k) {
    int how = (int)ig_k_arg_of(k) & 15;
    ig_value *v[2] = {ig_k_operand(k, 0, "x x1 a input features tensor values", IG_UNDEFINED), NULL};
    bool binary = ig_k_arg_of(k) & IG_K_TWO;
    if (!v[0]) return ig_k_refuse(k, "it has no first argument");
    if (binary) {
        v[1] = ig_k_operand(k, 1, "y x2 b other", ig_k_dtype(v[0]));
        if (!v[1]) return ig_k_refuse(k, "it has no second argument");
        const ig_json *first = find_arg(k, 0, "x x1 a");
        if (first && !ig_k_tensor(k, first) && !has_tensors(k, first))
            v[0] = ig_k_operand(k, 0, "x x1 a", ig_k_dtype(v[1])); /* 1 - x */
        if (how != IG_K_TYPES_BOOL) ig_k_same_type(k, v, 2);
    }
    for (int i = 0; i <= binary; i++) {
        if (how == IG_K_TYPES_FLOAT) v[i] = ig_k_as_float(k, v[i]);
        if (how == IG_K_TYPES_BOOL) v[i] = ig_k_cast(k, v[i], IG_BOOL);
        if (how == IG_K_TYPES_NUMBER && ig_k_dtype(v[i]) == IG_BOOL) v[i] = ig_k_cast(k, v[i], IG_I32);
    }
    bool twin = !binary && ig_k_has_first(k, v[0]);
    if (twin) v[0] = ig_k_first(k, v[0]);
    ig_k_like(k, v[0]);
    ig_k_bind(k, "x", v[0]);
    ig_k_bind(k, "y", v[1]);
    ig_value *y = ig_k_v(k, "%s", k->rule->to);
    ig_k_out(k, 0, twin ? ig_k_last(k, y) : y);
    return IG_OK;
}

/* Activations, by the name in rule->to. */
ig_status ig_k_lower_op_activation(ig_k *k) {
    const ig_json name = {.kind = IG_JSON_TEXT, .s = ig_str_c(k->rule->to)};
    ig_value *x = ig_k_operand(k, 0, "x features logits", IG_UNDEFINED);
    if (!x) return ig_k_refuse(k, "it has no argument");
    x = ig_k_as_float(k, x);
    ig_k_like(k, x);
    ig_k_bind(k, "x", x);
    int64_t axis = ig_k_op_int(k, 1, "axis", -1);
    double alpha = ig_k_op_real(k, 1, "alpha negative_slope threshold b", -1),
           other = ig_k_op_real(k, 2, "default_value value", 0);
    if (ig_str_is(name.s, "softmax") || ig_str_is(name.s, "log_softmax")) {
        bool all = !find_arg(k, 1, "axis") && ig_json_get(k->config, "axis") && k->version >= 3;
        if (all) return ig_k_refuse(k, "it goes over all axes");
        ig_k_out(k, 0, ig_k_v(k, "%s<axis=%lld>(x)", ig_str_is(name.s, "softmax") ? "Softmax" : "LogSoftmax", (long long)axis));
    } else if (ig_str_is(name.s, "elu") && alpha >= 0) {
        ig_k_out(k, 0, ig_k_v(k, "Elu<alpha=%.9e>(x)", alpha));
    } else if (ig_str_is(name.s, "celu") && alpha >= 0) {
        ig_k_out(k, 0, ig_k_v(k, "Celu<alpha=%.9e>(x)", alpha));
    } else if (ig_str_is(name.s, "leaky_relu")) {
        ig_k_out(k, 0, ig_k_v(k, "LeakyRelu<alpha=%.9e>(x)", alpha >= 0 ? alpha : 0.2));
    } else if (ig_str_is(name.s, "hard_shrink") && alpha >= 0) {
        ig_k_out(k, 0, ig_k_v(k, "Shrink<lambd=%.9e, bias=0.0>(x)", alpha));
    } else if (ig_str_is(name.s, "soft_shrink") && alpha >= 0) {
        ig_k_out(k, 0, ig_k_v(k, "Shrink<lambd=%.9e, bias=%.9e>(x)", alpha, alpha));
    } else if (ig_str_is(name.s, "squareplus") && alpha >= 0) {
        ig_k_out(k, 0, ig_k_v(k, "0.5 * (x + Sqrt(x * x + %.9e))", alpha));
    } else if (ig_str_is(name.s, "threshold")) {
        ig_k_bind(k, "other", ig_k_scalar(k, ig_k_dtype(x), other));
        ig_k_out(k, 0, ig_k_v(k, "Where(Greater(x, %.9e), x, other)", ig_k_op_real(k, 1, "threshold", 0)));
    } else if (ig_str_is(name.s, "gelu")) {
        bool approximate = ig_k_op_bool(k, 1, "approximate", k->version >= 3);
        ig_k_out(k, 0, approximate ? ig_k_v(k, "Gelu<approximate='tanh'>(x)") : ig_k_v(k, "Gelu(x)"));
    } else if (axis != -1 && axis != ig_k_rank(x) - 1 && (ig_str_is(name.s, "glu") || ig_str_is(name.s, "sparsemax"))) {
        return ig_k_refuse(k, "it goes over an axis that isn't the last");
    } else {
        ig_k_out(k, 0, ig_k_activate(k, &name, x));
    }
    return IG_OK;
}

ig_status ig_k_lower_op_clip(ig_k *k) {
    ig_value *x = ig_k_operand(k, 0, "x t value", IG_UNDEFINED), *low, *high;
    if (!x) return ig_k_refuse(k, "it has no argument");
    low = ig_k_operand(k, 1, "x_min clip_value_min min", ig_k_dtype(x));
    high = ig_k_operand(k, 2, "x_max clip_value_max max", ig_k_dtype(x));
    if (low) ig_k_same_type(k, (ig_value *[]){x, low}, 2);
    ig_k_bind(k, "y", x);
    if (low) {
        ig_value *v[] = {x, low};
        ig_k_same_type(k, v, 2);
        x = ig_k_op(k, "Max", "", v, 2);
    }
    if (high) {
        ig_value *v[] = {x, high};
        ig_k_same_type(k, v, 2);
        x = ig_k_op(k, "Min", "", v, 2);
    }
    ig_k_out(k, 0, x);
    return IG_OK;
}

ig_status ig_k_lower_op_where(ig_k *k) {
    ig_value *condition = ig_k_operand(k, 0, "condition", IG_BOOL), *v[2];
    const ig_json *first = find_arg(k, 1, "x1 x"), *second = find_arg(k, 2, "x2 y");
    if (!condition || !first || !second) return ig_k_refuse(k, "it has no values to choose from");
    v[0] = ig_k_tensor(k, first);
    v[1] = ig_k_tensor(k, second);
    if (!v[0]) v[0] = ig_k_operand(k, 1, "x1 x", ig_k_dtype(v[1]));
    if (!v[1]) v[1] = ig_k_operand(k, 2, "x2 y", ig_k_dtype(v[0]));
    ig_k_same_type(k, v, 2);
    ig_k_out(k, 0, IG_K_OP(k, "Where", "", ig_k_cast(k, condition, IG_BOOL), v[0], v[1]));
    return IG_OK;
}

ig_status ig_k_lower_op_cast(ig_k *k) {
    ig_value *x = ig_k_operand(k, 0, "x tensor", IG_UNDEFINED);
    ig_dtype dtype = ig_k_op_dtype(k, 1, "dtype", IG_UNDEFINED);
    if (!x || !dtype) return ig_k_refuse(k, "it doesn't say to which type");
    ig_value *y = ig_k_cast(k, x, dtype);
    ig_k_bind(k, "y", y);
    ig_k_out(k, 0, y == x ? ig_k_v(k, "Identity(y)") : y);
    return IG_OK;
}

ig_status ig_k_lower_op_round(ig_k *k) {
    int64_t decimals = ig_k_op_int(k, 1, "decimals", 0);
    ig_value *x = ig_k_operand(k, 0, "x", IG_UNDEFINED);
    if (!x || decimals < -30 || decimals > 30) return ig_k_refuse(k, "it has no argument");
    double factor = 1;
    for (int64_t i = 0; i < (decimals < 0 ? -decimals : decimals); i++) factor *= 10;
    ig_k_like(k, x);
    ig_k_bind(k, "x", x);
    ig_k_out(k, 0,
             !ig_k_is_float(x) ? ig_k_v(k, "Identity(x)")
             : decimals == 0   ? ig_k_v(k, "Round(x)")
             : decimals > 0    ? ig_k_v(k, "Round(x * %.17g) / %.17g", factor, factor)
                               : ig_k_v(k, "Round(x / %.17g) * %.17g", factor, factor));
    return IG_OK;
}

/* ----------------------------------------------------------------------------------------------------------- reductions */

/* Axes as a constant, or NULL for all of them. */
static ig_status read_axes(ig_k *k, int position, const ig_value *x, ig_value **axes, const char **list) {
    int64_t found[IG_MAX_RANK];
    size_t n;
    *axes = NULL;
    *list = "";
    const ig_json *v = find_arg(k, position, "axis axes");
    if (!v) return IG_OK;
    if (!ig_k_op_ints(k, position, "axis axes", found, IG_MAX_RANK, &n)) return ig_k_refuse(k, "its axes aren't numbers");
    for (size_t i = 0; i < n; i++)
        if (ig_k_rank(x) >= 0 && (found[i] < -ig_k_rank(x) || found[i] >= ig_k_rank(x)))
            return ig_k_refuse(k, "its axes don't fit an input of %d dims", ig_k_rank(x));
    *axes = ig_k_i64s(k, found, n);
    *list = ig_k_list(k, found, n);
    return IG_OK;
}

/* rule->to: ReduceSum, … */
ig_status ig_k_lower_op_reduce(ig_k *k) {
    ig_value *x = ig_k_operand(k, 0, "x input_tensor input a", IG_UNDEFINED), *axes;
    const char *list;
    int how = (int)ig_k_arg_of(k) & 15;
    if (!x) return ig_k_refuse(k, "it has no argument");
    IG_TRY(read_axes(k, 1, x, &axes, &list));
    ig_dtype dtype = ig_k_dtype(x), wanted = ig_k_op_dtype(k, -1, "dtype", IG_UNDEFINED);
    if (how == IG_K_TYPES_BOOL) x = ig_k_cast(k, ig_k_cast(k, x, IG_BOOL), IG_I32);
    if (how == IG_K_TYPES_FLOAT) x = ig_k_as_float(k, x);
    if (how == IG_K_TYPES_NUMBER && dtype == IG_BOOL) x = ig_k_cast(k, x, IG_I32);
    if (how == IG_K_TYPES_NUMBER && wanted && k->version >= 3) x = ig_k_cast(k, x, wanted);
    const char *attributes = ig_arena_printf(k->arena, "keepdims=%d", ig_k_op_bool(k, 2, "keepdims keep_dims", false));
    if (!attributes) return ig_oom(k->l->err);
    ig_value *y = ig_k_op(k, k->rule->to, attributes, (ig_value *[]){x, axes}, axes ? 2 : 1);
    ig_k_out(k, 0, how == IG_K_TYPES_BOOL ? ig_k_cast(k, y, IG_BOOL) : y);
    return IG_OK;
}

/* Variance and standard deviation (rule->to 's'). */
ig_status ig_k_lower_op_variance(ig_k *k) {
    ig_value *x = ig_k_operand(k, 0, "x input_tensor", IG_UNDEFINED), *axes;
    const char *list;
    bool keep = ig_k_op_bool(k, 2, "keepdims", false);
    if (!x) return ig_k_refuse(k, "it has no argument");
    IG_TRY(read_axes(k, 1, x, &axes, &list));
    x = ig_k_as_float(k, x);
    ig_k_like(k, x);
    ig_k_bind(k, "x", x);
    ig_k_bind(k, "axes", axes);
    ig_sketch_run(k->s, axes ? "d = x - ReduceMean<keepdims=1>(x, axes)" : "d = x - ReduceMean<keepdims=1>(x)");
    ig_k_bind(k, "v",
              axes ? ig_k_v(k, "ReduceMean<keepdims=%d>(d * d, axes)", keep)
                   : ig_k_v(k, "ReduceMean<keepdims=%d>(d * d)", keep));
    ig_k_out(k, 0, k->rule->to[0] == 's' ? ig_k_v(k, "Sqrt(v)") : ig_k_v(k, "Identity(v)"));
    return IG_OK;
}

/* Both results of nn.moments. */
ig_status ig_k_lower_op_moments(ig_k *k) {
    ig_value *x = ig_k_operand(k, 0, "x", IG_UNDEFINED), *axes;
    const char *list;
    bool keep = ig_k_op_bool(k, 2, "keepdims", false);
    if (!x) return ig_k_refuse(k, "it has no argument");
    IG_TRY(read_axes(k, 1, x, &axes, &list));
    if (!axes) return ig_k_refuse(k, "it has no axes");
    ig_k_bind(k, "x", x);
    ig_k_bind(k, "axes", axes);
    ig_sketch_run(k->s, "d = x - ReduceMean<keepdims=1>(x, axes)");
    ig_k_out(k, 0, ig_k_v(k, "ReduceMean<keepdims=%d>(x, axes)", keep));
    ig_k_out(k, 1, ig_k_v(k, "ReduceMean<keepdims=%d>(d * d, axes)", keep));
    return IG_OK;
}

/* ArgMax, ArgMin (rule->to). */
ig_status ig_k_lower_op_arg(ig_k *k) {
    ig_value *x = ig_k_operand(k, 0, "x input", IG_UNDEFINED);
    bool tensorflow = k->rule->op[0] == 't';
    const ig_json *axis = find_arg(k, 1, "axis");
    if (!x) return ig_k_refuse(k, "it has no argument");
    if (!axis && !tensorflow) x = ig_k_reshape(k, x, (int64_t[]){-1}, 1);
    if (ig_k_dtype(x) == IG_BOOL) x = ig_k_cast(k, x, IG_I32);
    const char *attributes = ig_arena_printf(k->arena, "axis=%lld, keepdims=%d", (long long)ig_json_int(axis, 0),
                                             axis ? ig_k_op_bool(k, 2, "keepdims", false) : 0);
    if (!attributes) return ig_oom(k->l->err);
    ig_value *y = ig_k_op(k, k->rule->to, attributes, &x, 1);
    ig_k_out(k, 0, ig_k_cast(k, y, ig_k_op_dtype(k, -1, "output_type", tensorflow ? IG_I64 : IG_I32)));
    return IG_OK;
}

/* x / max(norm, epsilon): L2 of TensorFlow, order of Keras. */
ig_status ig_k_lower_op_normalize(ig_k *k) {
    ig_value *x = ig_k_operand(k, 0, "x", IG_UNDEFINED), *axes;
    const char *list;
    double order = ig_k_op_real(k, -1, "order", 2), epsilon = ig_k_op_real(k, 2, "epsilon", 1e-12);
    if (!x) return ig_k_refuse(k, "it has no argument");
    IG_TRY(read_axes(k, 1, x, &axes, &list));
    x = ig_k_as_float(k, x);
    ig_k_like(k, x);
    ig_k_bind(k, "x", x);
    ig_k_bind(k, "axes", axes ? axes : ig_k_i64s(k, (int64_t[]){-1}, k->rule->to[0] == 't' ? 0 : 1));
    if (k->rule->to[0] == 't')
        ig_k_out(k, 0, ig_k_v(k, "x / Sqrt(Max(ReduceSumSquare<keepdims=1>(x, axes), %.9e))", epsilon));
    else if (order == 2)
        ig_k_out(k, 0,
                 ig_k_v(k, "x / Sqrt(Max(ReduceSumSquare<keepdims=1>(x, axes), %.9e))",
                        epsilon * epsilon < 1e-38 ? epsilon : epsilon));
    else if (order == 1)
        ig_k_out(k, 0, ig_k_v(k, "x / Max(ReduceL1<keepdims=1>(x, axes), %.9e)", epsilon));
    else
        ig_k_out(
            k, 0,
            ig_k_v(k, "x / Max(Pow(ReduceSum<keepdims=1>(Pow(Abs(x), %.9e), axes), %.9e), %.9e)", order, 1 / order, epsilon));
    return IG_OK;
}

ig_status ig_k_lower_op_norm(ig_k *k) {
    ig_value *x = ig_k_operand(k, 0, "x tensor", IG_UNDEFINED), *axes;
    const char *list;
    const ig_json *order = find_arg(k, 1, "ord");
    if (!x) return ig_k_refuse(k, "it has no argument");
    IG_TRY(read_axes(k, 2, x, &axes, &list));
    bool keep = ig_k_op_bool(k, 3, "keepdims", false);
    double p = ig_json_real(order, 2);
    bool text = order && order->kind == IG_JSON_TEXT && !ig_str_is(order->s, "euclidean") && !ig_str_is(order->s, "fro");
    if (text || (p != 1 && p != 2)) return ig_k_refuse(k, "its order is neither 1 nor 2");
    x = ig_k_as_float(k, x);
    const char *attributes = keep ? "keepdims=1" : "keepdims=0";
    ig_k_out(k, 0, ig_k_op(k, p == 1 ? "ReduceL1" : "ReduceL2", attributes, (ig_value *[]){x, axes}, axes ? 2 : 1));
    return IG_OK;
}

ig_status ig_k_lower_op_cumulative(ig_k *k) {
    ig_value *x = ig_k_operand(k, 0, "x", IG_UNDEFINED);
    const ig_json *axis = find_arg(k, 1, "axis");
    if (!x) return ig_k_refuse(k, "it has no argument");
    if (!axis && k->rule->op[0] != 't') x = ig_k_reshape(k, x, (int64_t[]){-1}, 1);
    ig_dtype dtype = ig_k_op_dtype(k, 2, "dtype", IG_UNDEFINED);
    if (dtype && k->version >= 3) x = ig_k_cast(k, x, dtype);
    if (k->rule->to[0] == 'P') { /* exp of sums doesn't do for negative numbers: products of slices */
        int64_t n = ig_k_dim(x, (int)ig_json_int(axis, 0));
        ig_value *parts[256];
        if (n < 1 || n > 256) return ig_k_refuse(k, "the size of its axis isn't known, or too large");
        for (int64_t i = 0; i < n; i++) {
            parts[i] = ig_k_slice(k, x, ig_json_int(axis, 0), i, i + 1, 1);
            if (i) parts[i] = IG_K_OP(k, "Mul", "", parts[i - 1], parts[i]);
        }
        ig_k_out(k, 0, ig_k_concat(k, parts, (size_t)n, ig_json_int(axis, 0)));
        return IG_OK;
    }
    const char *attributes = ig_arena_printf(k->arena, "exclusive=%d, reverse=%d", ig_k_op_bool(k, 2, "exclusive", false),
                                             ig_k_op_bool(k, 3, "reverse", false));
    if (!attributes) return ig_oom(k->l->err);
    ig_k_out(k, 0, IG_K_OP(k, "CumSum", attributes, x, ig_k_scalar(k, IG_I64, (double)ig_json_int(axis, 0))));
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------- products */

ig_status ig_k_lower_op_matmul(ig_k *k) {
    ig_value *v[2] = {ig_k_operand(k, 0, "x1 a x", IG_UNDEFINED), ig_k_operand(k, 1, "x2 b y", IG_UNDEFINED)};
    if (!v[0] || !v[1]) return ig_k_refuse(k, "it has less than two arguments");
    ig_k_same_type(k, v, 2);
    for (int i = 0; i < 2; i++) {
        int64_t perm[IG_MAX_RANK];
        int rank = ig_k_rank(v[i]);
        if (!ig_k_op_bool(k, 2 + i, i ? "transpose_b" : "transpose_a", false) || k->rule->op[0] != 't') continue;
        if (rank < 2) return ig_k_refuse(k, "the rank of what it reads isn't known");
        for (int d = 0; d < rank; d++) perm[d] = d < rank - 2 ? d : 2 * rank - 3 - d;
        v[i] = ig_k_transpose(k, v[i], perm, (size_t)rank);
    }
    ig_k_out(k, 0, ig_k_op(k, "MatMul", "", v, 2));
    return IG_OK;
}

/* numpy.dot: the last axis of the first with the last but one of the second. */
ig_status ig_k_lower_op_dot(ig_k *k) {
    ig_value *v[2] = {ig_k_operand(k, 0, "x1 x", IG_UNDEFINED), ig_k_operand(k, 1, "x2 y", IG_UNDEFINED)};
    static const char letters[] = "abcdefghijklmnopqrstuvw";
    char equation[120];
    if (!v[0] || !v[1]) return ig_k_refuse(k, "it has less than two arguments");
    int ra = ig_k_rank(v[0]), rb = ig_k_rank(v[1]);
    if (ra < 0 || rb < 0 || ra + rb > 20) return ig_k_refuse(k, "the rank of what it reads isn't known");
    ig_k_same_type(k, v, 2);
    if (ra == 0 || rb == 0) {
        ig_k_out(k, 0, ig_k_op(k, "Mul", "", v, 2));
        return IG_OK;
    }
    if (ra <= 2 && rb <= 2) {
        ig_k_out(k, 0, ig_k_op(k, "MatMul", "", v, 2));
        return IG_OK;
    }
    int summed = rb >= 2 ? rb - 2 : 0;
    char b[24], out[24];
    int n = 0;
    for (int i = 0; i < rb; i++) b[i] = i == summed ? 'z' : letters[ra + i];
    b[rb] = 0;
    for (int i = 0; i < ra - 1; i++) out[n++] = letters[i];
    for (int i = 0; i < rb; i++)
        if (i != summed) out[n++] = b[i];
    out[n] = 0;
    snprintf(equation, sizeof equation, "equation='%.*sz,%s->%s'", ra - 1, letters, b, out);
    ig_k_out(k, 0, ig_k_op(k, "Einsum", equation, v, 2));
    return IG_OK;
}

/* With what is left out on the right of "->" written down. */
ig_status ig_k_lower_op_einsum(ig_k *k) {
    ig_str subscripts = ig_json_text(find_arg(k, -1, "subscripts equation"));
    bool first = !subscripts.s; /* tf.einsum(equation, *inputs) */
    if (first) subscripts = ig_json_text(ig_json_at(k->args, 0));
    char text[200];
    size_t n = 0;
    if (!subscripts.s || subscripts.n > 190 || !k->n_in) return ig_k_refuse(k, "it has no equation");
    for (size_t i = 0; i < subscripts.n; i++)
        if (subscripts.s[i] != ' ' && subscripts.s[i] != '\'') text[n++] = subscripts.s[i];
    text[n] = 0;
    const char *attributes = ig_arena_printf(k->arena, "equation='%s'", text);
    if (!attributes) return ig_oom(k->l->err);
    ig_k_same_type(k, k->in, k->n_in);
    ig_k_out(k, 0, ig_k_op(k, "Einsum", attributes, k->in, k->n_in));
    return IG_OK;
}

ig_status ig_k_lower_op_tensordot(ig_k *k) {
    ig_value *v[2] = {ig_k_operand(k, 0, "x1 a", IG_UNDEFINED), ig_k_operand(k, 1, "x2 b", IG_UNDEFINED)};
    const ig_json *axes = find_arg(k, 2, "axes");
    char a[16], b[16], out[32], equation[120];
    if (!v[0] || !v[1]) return ig_k_refuse(k, "it has less than two arguments");
    int ra = ig_k_rank(v[0]), rb = ig_k_rank(v[1]), n = 0;
    if (ra < 0 || rb < 0 || ra > 10 || rb > 10) return ig_k_refuse(k, "the rank of what it reads isn't known");
    for (int i = 0; i < ra; i++) a[i] = (char)('a' + i);
    for (int i = 0; i < rb; i++) b[i] = (char)('k' + i);
    int64_t count = ig_json_int(axes, 2);
    bool lists = ig_json_is_kind(axes, IG_JSON_LIST);
    const ig_json *la = ig_json_at(axes, 0), *lb = ig_json_at(axes, 1);
    if (lists) count = ig_json_is_kind(la, IG_JSON_LIST) ? (int64_t)la->n : 1;
    for (int64_t i = 0; i < count; i++) {
        int64_t x = lists ? ig_json_int(ig_json_is_kind(la, IG_JSON_LIST) ? ig_json_at(la, (size_t)i) : la, -1)
                          : ra - count + i,
                y = lists ? ig_json_int(ig_json_is_kind(lb, IG_JSON_LIST) ? ig_json_at(lb, (size_t)i) : lb, -1) : i;
        if (x < 0) x += ra;
        if (y < 0) y += rb;
        if (x < 0 || x >= ra || y < 0 || y >= rb) return ig_k_refuse(k, "its axes don't fit its arguments");
        b[y] = a[x];
        a[x] = (char)(a[x] - 'a' + 'A'); /* summed */
    }
    for (int i = 0; i < ra; i++)
        if (a[i] >= 'a') out[n++] = a[i];
    for (int i = 0; i < rb; i++)
        if (b[i] >= 'k') out[n++] = b[i];
    out[n] = 0;
    for (int i = 0; i < ra; i++)
        if (a[i] < 'a') a[i] = (char)(a[i] - 'A' + 'a');
    snprintf(equation, sizeof equation, "equation='%.*s,%.*s->%s'", ra, a, rb, b, out);
    ig_k_same_type(k, v, 2);
    ig_k_out(k, 0, ig_k_op(k, "Einsum", equation, v, 2));
    return IG_OK;
}
