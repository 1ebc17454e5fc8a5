/* Attention layers. Masks: those that the call gives, those that travel with query, value and key, and causal ones. */
#include "formats/keras/layers.h"

/* Smaller than any score, as Keras writes it. */
static double much_less(const ig_value *v) { return ig_k_dtype(v) == IG_F16 ? -3e4 : -1e9; }

static ig_value *both(ig_k *k, ig_value *a, ig_value *b) {
    if (!a || !b) return a ? a : b;
    ig_k_bind(k, "ma", a);
    ig_k_bind(k, "mb", b);
    return ig_k_v(k, "And(ma, mb)");
}

/* [T, S]: position i may look at those up to itself. */
static ig_value *causal(ig_k *k, ig_value *q, int q_axis, ig_value *v, int v_axis) {
    ig_k_bind(k, "t", ig_k_squeeze(k, ig_k_shape(k, q, q_axis, q_axis + 1), 0));
    ig_k_bind(k, "s", ig_k_squeeze(k, ig_k_shape(k, v, v_axis, v_axis + 1), 0));
    return ig_k_v(k, "GreaterOrEqual(Unsqueeze(Range(0i, t, 1i), [1]), Unsqueeze(Range(0i, s, 1i), [0]))");
}

static ig_value *as_bool(ig_k *k, ig_value *v) { return v ? ig_k_cast(k, v, IG_BOOL) : NULL; }

static bool flag(const ig_k *k, const char *name) {
    return ig_json_bool(ig_json_get(k->kwargs, name), ig_k_bool(k, name, false));
}

/* ------------------------------------------------------------------------------------------------ Attention, AdditiveAttention
 */

static ig_value *additive_scores(ig_k *k, ig_value *q, ig_value *key, ig_value *scale) {
    ig_k_bind(k, "q", ig_k_unsqueeze(k, q, -2));
    ig_k_bind(k, "key", ig_k_unsqueeze(k, key, -3));
    ig_k_bind(k, "scale", scale);
    return scale ? ig_k_v(k, "ReduceSum<keepdims=0>(scale * Tanh(q + key), [-1])")
                 : ig_k_v(k, "ReduceSum<keepdims=0>(Tanh(q + key), [-1])");
}

/* rule->arg 1: additive. Arguments: [query, value, key]; mask: [of query, of value]. */
ig_status ig_k_lower_attention(ig_k *k) {
    ig_value *v[3] = {NULL}, *scores, *masks[3] = {NULL}, *mask = NULL;
    bool additive = ig_k_arg_of(k) == 1, scaled = ig_k_bool(k, "use_scale", additive),
         concat = ig_k_is(k, "score_mode", "concat");
    size_t n = k->args ? ig_k_arg_tensors(k, "inputs", 0, v, 3) : 0;
    if (n < 2) {
        n = ig_min_size(k->n_in, 3);
        for (size_t i = 0; i < n; i++) v[i] = k->in[i];
    }
    if (n < 2) return ig_k_refuse(k, "it is called with %zu tensors", n);
    if (!v[2]) v[2] = v[1];
    for (int i = 0; i < 2; i++) masks[i] = ig_k_mask_of(k, v[i]);
    const ig_json *given = ig_json_get(k->kwargs, "mask");
    for (size_t i = 0; i < ig_json_count(given) && ig_json_is_kind(given, IG_JSON_LIST) && i < 2; i++)
        if (ig_k_tensor(k, &given->items[i])) masks[i] = ig_k_tensor(k, &given->items[i]);
    ig_value *scale = scaled ? ig_k_weight(k, "scale", 0) : NULL;
    ig_k_like(k, v[0]);
    if (additive) {
        scores = additive_scores(k, v[0], v[2], scale);
    } else if (concat) {
        ig_k_bind(k, "cw", ig_k_weight(k, "concat_score_weight", scaled ? 1 : 0));
        ig_k_bind(k, "q", ig_k_unsqueeze(k, v[0], -2));
        ig_k_bind(k, "key", ig_k_unsqueeze(k, v[2], -3));
        ig_k_bind(k, "scale", scale);
        scores = scale ? ig_k_v(k, "cw * ReduceSum<keepdims=0>(Tanh(scale * (q + key)), [-1])")
                       : ig_k_v(k, "cw * ReduceSum<keepdims=0>(Tanh(q + key), [-1])");
    } else {
        ig_k_bind(k, "q", v[0]);
        ig_k_bind(k, "key", v[2]);
        ig_k_bind(k, "scale", scale);
        scores = ig_k_v(k, "MatMul(q, Transpose<perm=[0, 2, 1]>(key))");
        ig_k_bind(k, "scores", scores);
        if (scale) scores = ig_k_v(k, "scores * scale");
    }
    if (masks[1]) mask = ig_k_unsqueeze(k, as_bool(k, masks[1]), -2);
    if (flag(k, "use_causal_mask") || ig_k_bool(k, "causal", false))
        mask = both(k, mask, ig_k_unsqueeze(k, causal(k, v[0], 1, v[2], 1), 0));
    if (mask) {
        ig_k_bind(k, "scores", scores);
        ig_k_bind(k, "no", ig_k_cast(k, ig_k_op(k, "Not", "", &mask, 1), ig_k_dtype(scores)));
        scores = ig_k_dtype(scores) == IG_F16 ? ig_k_v(k, "scores - 65504 * no") : ig_k_v(k, "scores - 1e9 * no");
    }
    ig_k_bind(k, "scores", scores);
    ig_k_bind(k, "weights", ig_k_v(k, "Softmax<axis=-1>(scores)"));
    ig_k_bind(k, "v", v[1]);
    ig_k_bind(k, "y", ig_k_v(k, "MatMul(weights, v)"));
    ig_value *y = ig_sketch_get(k->s, "y");
    if (masks[0]) {
        ig_k_bind(k, "m", ig_k_cast(k, ig_k_unsqueeze(k, masks[0], -1), ig_k_dtype(y)));
        y = ig_k_v(k, "y * m");
        if (k->n_out) k->out_mask[0] = masks[0];
    }
    ig_k_out(k, 0, y);
    ig_k_out(k, 1, ig_sketch_get(k->s, "weights"));
    return IG_OK;
}

/* ---------------------------------------------------------------------------------------------------- MultiHeadAttention */

/* x · kernel over the last `n_in` dims of x and the first of the kernel, plus a bias: an EinsumDense, whose weights may be
 * quantized. */
static ig_value *dense(ig_k *k, const char *path, const char *scope, ig_value *x, const char *equation, const char *bias_axes) {
    ig_k part = ig_k_part(k, path, scope, k->nth);
    const char *other = ig_arena_printf(k->arena, "_%s", path); /* GroupQueryAttention hides its layers */
    if (other && k->weights->by_path && !ig_k_find_weight(&part, "kernel", 0)) part = ig_k_part(k, other, scope, k->nth);
    ig_value *y = NULL;
    const char *text =
        ig_arena_printf(k->arena, "{\"class_name\": \"EinsumDense\", \"config\": {\"equation\": \"%s\"%s%s%s}}", equation,
                        bias_axes[0] ? ", \"bias_axes\": \"" : "", bias_axes, bias_axes[0] ? "\"" : "");
    const ig_json *layer;
    if (!text || k->s->status != IG_OK) return NULL;
    if (ig_json_parse(&layer, k->arena, ig_str_c(text), k->l->err) != IG_OK) return NULL;
    /* the policy of the layer holds for its parts */
    const ig_json *policy = ig_k_get(k, "dtype"), *config = ig_json_get(layer, "config");
    ig_json *items = IG_NEW_ARRAY(k->arena, ig_json, 3), *changed = IG_NEW_ARRAY(k->arena, ig_json, 2),
            *object = IG_NEW(k->arena, ig_json);
    ig_str *keys = IG_NEW_ARRAY(k->arena, ig_str, 3);
    if (!items || !changed || !object || !keys) return NULL;
    size_t n = config->n;
    for (size_t i = 0; i < n; i++) {
        items[i] = config->items[i];
        keys[i] = config->keys[i];
    }
    if (policy) {
        items[n] = *policy;
        keys[n++] = IG_STR("dtype");
    }
    changed[0] = layer->items[0];
    changed[1] = (ig_json){.kind = IG_JSON_OBJECT, .n = n, .items = items, .keys = keys};
    *object = (ig_json){.kind = IG_JSON_OBJECT, .n = 2, .items = changed, .keys = layer->keys};
    ig_k_inner inner = {.layer = object, .nth = k->nth};
    return ig_k_call(&part, &inner, &x, 1, &y, 1) == IG_OK ? y : NULL;
}

static ig_value *combined_mask(ig_k *k, ig_value *q, ig_value *v, ig_value *key, bool same_key) {
    ig_value *mask = NULL, *qm = ig_k_arg_tensor(k, "query_mask", -1), *vm = ig_k_arg_tensor(k, "value_mask", -1),
             *km = ig_k_arg_tensor(k, "key_mask", -1),
             *am = ig_k_arg_tensor(k, "attention_mask",
                                   !k->args          ? -1
                                   : k->version >= 3 ? 6
                                                     : 3);
    if (!qm) qm = ig_k_mask_of(k, q);
    if (!vm) vm = ig_k_mask_of(k, v);
    if (!km && !same_key) km = ig_k_mask_of(k, key);
    if (qm) mask = ig_k_unsqueeze(k, as_bool(k, qm), -1);
    if (vm) mask = both(k, mask, ig_k_unsqueeze(k, as_bool(k, vm), -2));
    if (km) mask = both(k, mask, ig_k_unsqueeze(k, as_bool(k, km), -2));
    if (flag(k, "use_causal_mask")) mask = both(k, mask, ig_k_unsqueeze(k, causal(k, q, 1, v, 1), 0));
    return both(k, mask, as_bool(k, am));
}

/* Positions farther than the window, on both sides. */
static ig_value *window(ig_k *k, ig_value *q, ig_value *v, int64_t size) {
    ig_k_bind(k, "t", ig_k_squeeze(k, ig_k_shape(k, q, 1, 2), 0));
    ig_k_bind(k, "s", ig_k_squeeze(k, ig_k_shape(k, v, 1, 2), 0));
    return ig_k_v(k, "Less(Abs(Unsqueeze(Range(0i, t, 1i), [1]) - Unsqueeze(Range(0i, s, 1i), [0])), %lldi)", (long long)size);
}

static ig_value *masked_softmax(ig_k *k, ig_value *scores, ig_value *mask) {
    ig_k_like(k, scores);
    ig_k_bind(k, "scores", scores);
    if (mask) {
        for (int r = ig_k_rank(mask); r > 0 && r < ig_k_rank(scores); r++) mask = ig_k_unsqueeze(k, mask, 1);
        ig_k_bind(k, "m", ig_k_cast(k, mask, ig_k_dtype(scores)));
        ig_k_bind(k, "scores", ig_k_v(k, "scores + (1 - m) * %.1f", much_less(scores)));
    }
    return ig_k_v(k, "Softmax<axis=-1>(scores)");
}

/* Query, value, key by position or name; key is value when absent. */
static ig_status read_qvk(ig_k *k, ig_value **q, ig_value **v, ig_value **key) {
    *q = ig_k_arg_tensor(k, "query", 0);
    *v = ig_k_arg_tensor(k, "value", 1);
    *key = ig_k_arg_tensor(k, "key", 2);
    if (!*q || !*v) return ig_k_refuse(k, "it is called without query or value");
    if (!*key) *key = *v;
    if (ig_k_rank(*q) != 3 || ig_k_rank(*v) != 3 || ig_k_rank(*key) != 3)
        return ig_k_refuse(k, "it attends over more than one axis, or over an unknown number of them");
    return IG_OK;
}

/* Keras 2 has one name for every layer of its own inside, Keras 3 "query_dense". */
typedef struct part {
    const char *path, *scope;
} part;

ig_status ig_k_lower_multi_head_attention(ig_k *k) {
    static const part parts[] = {
        {"query_dense", "query"}, {"key_dense", "key"}, {"value_dense", "value"}, {"output_dense", "attention_output"}};
    ig_value *q, *v, *key, *x[3];
    IG_TRY(read_qvk(k, &q, &v, &key));
    const char *bias = ig_k_bool(k, "use_bias", true) ? "cd" : "";
    ig_value *in[] = {q, key, v}, *mask = combined_mask(k, q, v, key, key == v);
    const ig_json *axes = ig_k_get(k, "attention_axes");
    if (ig_json_count(axes) > 1) return ig_k_refuse(k, "it attends over more than one axis");
    double key_dim = ig_k_real(k, "key_dim", 1);
    for (int i = 0; i < 3; i++) x[i] = dense(k, parts[i].path, parts[i].scope, in[i], "abx,xcd->abcd", bias);
    int64_t size = ig_k_int(k, "sliding_window", 0);
    if (size > 0) mask = both(k, mask, ig_k_unsqueeze(k, window(k, q, v, size), 0));
    ig_k_like(k, x[0]);
    ig_k_bind(k, "q", x[0]);
    ig_k_bind(k, "key", x[1]);
    ig_k_bind(k, "value", x[2]);
    ig_value *scores = ig_k_v(k, "MatMul(Transpose<perm=[0, 2, 1, 3]>(q * %.9e), Transpose<perm=[0, 2, 3, 1]>(key))",
                              1 / __builtin_sqrt(key_dim));
    ig_value *weights = masked_softmax(k, scores, mask);
    ig_k_bind(k, "weights", weights);
    ig_value *y = ig_k_v(k, "Transpose<perm=[0, 2, 1, 3]>(MatMul(weights, Transpose<perm=[0, 2, 1, 3]>(value)))");
    if (ig_k_bool(k, "use_gate", false)) {
        ig_value *gate = dense(k, "gate_dense", "gate", q, "abx,xcd->abcd", bias);
        ig_k_bind(k, "gate", gate);
        ig_k_bind(k, "y", y);
        y = ig_k_v(k, "y * Sigmoid(gate)");
    }
    size_t out_rank = ig_json_count(ig_k_get(k, "output_shape"));
    const char *equation = out_rank > 1 ? "abcd,cdxy->abxy" : "abcd,cdx->abx";
    if (out_rank > 2) return ig_k_refuse(k, "its output_shape has %zu dims", out_rank);
    y = dense(k, parts[3].path, parts[3].scope, y, equation, bias[0] ? out_rank > 1 ? "xy" : "x" : "");
    ig_k_out(k, 0, y);
    ig_k_out(k, 1, weights);
    if (k->n_out) k->out_mask[0] = ig_k_mask_of(k, q);
    return IG_OK;
}

/* Keys and values have fewer heads, each used by several of the query's. */
ig_status ig_k_lower_grouped_query_attention(ig_k *k) {
    ig_value *q, *v, *key;
    IG_TRY(read_qvk(k, &q, &v, &key));
    int64_t heads = ig_k_int(k, "num_query_heads", 0), kv = ig_k_int(k, "num_key_value_heads", 0),
            dim = ig_k_int(k, "head_dim", 0);
    if (heads < 1 || kv < 1 || heads % kv || dim < 1) return ig_k_refuse(k, "its numbers of heads don't fit");
    bool use_bias = ig_k_bool(k, "use_bias", true);
    const char *bias = use_bias ? "cd" : "";
    ig_value *mask = combined_mask(k, q, v, key, key == v);
    int64_t size = ig_k_int(k, "sliding_window", 0);
    if (size > 0) mask = both(k, mask, ig_k_unsqueeze(k, window(k, q, v, size), 0));
    ig_value *xq = dense(k, "query_dense", "query", q, "abx,xcd->abcd", bias),
             *xk = dense(k, "key_dense", "key", key, "abx,xcd->abcd", bias),
             *xv = dense(k, "value_dense", "value", v, "abx,xcd->abcd", bias);
    long long repeat = (long long)(heads / kv);
    ig_k_like(k, xq);
    ig_k_bind(k, "q", xq);
    ig_k_bind(k, "key", xk);
    ig_k_bind(k, "value", xv);
    /* [B,S,G,D] -> [B,S,G*n,D], each head n times in a row */
    for (int i = 0; i < 2 && repeat > 1; i++) {
        ig_k_bind(k, "z", i ? xv : xk);
        ig_k_bind(k, i ? "value" : "key",
                  ig_k_v(k,
                         "Reshape(Tile(Unsqueeze(z, [3]), [1, 1, 1, %lld, 1]), Concat<axis=0>(Shape<end=2>(z), [%lld, %lld]))",
                         repeat, (long long)heads, (long long)dim));
    }
    ig_value *scores = ig_k_v(k, "MatMul(Transpose<perm=[0, 2, 1, 3]>(q * %.9e), Transpose<perm=[0, 2, 3, 1]>(key))",
                              1 / __builtin_sqrt((double)dim));
    ig_value *weights = masked_softmax(k, scores, mask);
    ig_k_bind(k, "weights", weights);
    ig_value *y = ig_k_v(k, "Transpose<perm=[0, 2, 1, 3]>(MatMul(weights, Transpose<perm=[0, 2, 1, 3]>(value)))");
    if (ig_k_bool(k, "use_gate", false)) {
        ig_k_bind(k, "y", y);
        ig_k_bind(k, "gate", dense(k, "gate_dense", "gate", q, "abx,xcd->abcd", bias));
        y = ig_k_v(k, "y * Sigmoid(gate)");
    }
    y = dense(k, "output_dense", "attention_output", y, "abcd,cdx->abx", use_bias ? "x" : "");
    ig_k_out(k, 0, y);
    ig_k_out(k, 1, weights);
    if (k->n_out) k->out_mask[0] = ig_k_mask_of(k, q);
    return IG_OK;
}
