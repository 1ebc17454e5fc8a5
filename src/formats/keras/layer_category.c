/* Numbers and texts as categories: discretization, encoding, hashing, lookup in vocabularies, and texts split into tokens. */
#include "formats/keras/layers.h"

#include <stdio.h>

enum { MAX_VOCABULARY = 1 << 24 };

static ig_status need_input(ig_k *k) { return k->n_in ? IG_OK : ig_k_refuse(k, "it is called without a tensor"); }

static bool mode_is(const ig_k *k, const char *mode) {
    return ig_k_is(k, "output_mode", mode) || ig_k_is(k, "output_mode", mode[0] == 'm' ? "binary" : mode);
}

/* ------------------------------------------------------------------------------------------------------------- encoding */

/* Numbers of categories (int64) as the layer's output_mode wants them. `valid` (may be NULL): which count. `weights`: of count.
 */
static ig_status encode(ig_k *k, ig_value *ids, int64_t depth, ig_value *valid, ig_value *weights) {
    int rank;
    ig_dtype dtype = ig_dtype_is_float(k->dtype) ? k->dtype : IG_F32;
    bool count = mode_is(k, "count") || mode_is(k, "tf_idf"), multi = mode_is(k, "multi_hot");
    IG_TRY(ig_k_need_rank(k, ids, &rank));
    if (depth < 1) return ig_k_refuse(k, "its number of categories isn't known");
    if (ig_k_bool(k, "sparse", false)) return ig_k_refuse(k, "its output is sparse");
    if (!count && !multi && mode_is(k, "one_hot") && rank > 1 && ig_k_dim(ids, -1) == 1) ids = ig_k_squeeze(k, ids, -1);
    if (rank == 0) ids = ig_k_unsqueeze(k, ids, 0);
    ig_k_bind(k, "ids", ig_k_cast(k, ids, IG_I64));
    ig_value *hot = ig_k_cast(k, ig_k_v(k, "Equal(Unsqueeze(ids, [-1]), Range(0i, %lldi, 1i))", (long long)depth), dtype);
    if (!count && !multi) {
        ig_k_out(k, 0, hot);
        return IG_OK;
    }
    ig_k_like(k, hot);
    ig_k_bind(k, "hot", hot);
    if (valid) {
        ig_k_bind(k, "valid", ig_k_unsqueeze(k, ig_k_cast(k, valid, dtype), -1));
        ig_k_bind(k, "hot", ig_k_v(k, "hot * valid"));
    }
    if (weights) {
        ig_k_bind(k, "weights", ig_k_unsqueeze(k, ig_k_cast(k, weights, dtype), -1));
        ig_k_bind(k, "hot", ig_k_v(k, "hot * weights"));
    }
    int axis = rank > 2 && multi ? rank - 1 : rank > 1 ? 1 : 0;
    ig_k_out(k, 0, ig_k_v(k, "%s<keepdims=0>(hot, [%d])", count ? "ReduceSum" : "ReduceMax", axis));
    return IG_OK;
}

static bool wants_ids(const ig_k *k) { return !ig_k_get(k, "output_mode") || mode_is(k, "int"); }

ig_status ig_k_lower_category_encoding(ig_k *k) {
    IG_TRY(need_input(k));
    ig_value *weights = ig_k_arg_tensor(k, "count_weights", k->args ? 1 : -1);
    if (!ig_k_get(k, "output_mode")) return ig_k_refuse(k, "it has no output_mode");
    return encode(k, k->in[0], ig_k_int(k, "num_tokens", ig_k_int(k, "max_tokens", -1)), NULL, weights);
}

ig_status ig_k_lower_discretization(ig_k *k) {
    IG_TRY(need_input(k));
    const ig_json *list = ig_k_get(k, "bin_boundaries");
    if (!ig_json_is_kind(list, IG_JSON_LIST)) return ig_k_refuse(k, "it has no bin_boundaries");
    ig_k_like(k, k->in[0]);
    ig_k_bind(k, "x", ig_k_cast(k, k->in[0], IG_F32));
    ig_k_bind(k, "bounds", ig_k_cast(k, ig_k_constant(k, list, IG_F32), IG_F32));
    ig_k_bind(k, "past", ig_k_cast(k, ig_k_v(k, "GreaterOrEqual(Unsqueeze(x, [-1]), bounds)"), IG_I64));
    ig_value *ids = ig_k_v(k, "ReduceSum<keepdims=0>(past, [-1])");
    if (wants_ids(k)) {
        ig_k_out(k, 0, ids);
        return IG_OK;
    }
    return encode(k, ids, (int64_t)list->n + 1, NULL, NULL);
}

/* -------------------------------------------------------------------------------------------------------------- hashing */

static ig_value *as_texts(ig_k *k, ig_value *v) {
    if (ig_k_is_float(v)) v = ig_k_cast(k, v, IG_I64);
    return ig_k_cast(k, v, IG_STRING);
}

/* A salt is two numbers, or one that stands for both. */
static const char *salt_text(ig_k *k) {
    const ig_json *salt = ig_k_get(k, "salt");
    if (!salt || salt->kind == IG_JSON_NULL) return "";
    const ig_json *a = ig_json_is_kind(salt, IG_JSON_LIST) ? ig_json_at(salt, 0) : salt,
                  *b = ig_json_is_kind(salt, IG_JSON_LIST) ? ig_json_at(salt, 1) : salt;
    return ig_arena_printf(k->arena, "key=[%lld, %lld]", (long long)ig_json_int(a, 0), (long long)ig_json_int(b, 0));
}

static ig_value *u64(ig_k *k, uint64_t x) {
    ig_tensor *t;
    if (k->s->status != IG_OK) return NULL;
    if (ig_tensor_new(&t, k->l->model->context, IG_U64, 0, NULL, k->l->err) != IG_OK) {
        k->s->status = IG_E_MEMORY;
        return NULL;
    }
    memcpy(t->data, &x, sizeof x);
    return ig_sketch_constant(k->s, t);
}

static ig_value *fingerprints(ig_k *k, ig_value *v, const char *salt) {
    v = as_texts(k, v);
    ig_node *n = salt ? ig_k_foreign(k, "igata", "StringFingerprint", salt, &v, 1, 1) : NULL;
    return ig_build_out(n, 0);
}

static ig_value *bucket(ig_k *k, ig_value *hash, int64_t buckets) {
    ig_k_bind(k, "hash", hash);
    ig_k_bind(k, "n", u64(k, (uint64_t)buckets));
    return ig_k_cast(k, ig_k_v(k, "Mod<fmod=0>(hash, n)"), IG_I64);
}

ig_status ig_k_lower_hashing(ig_k *k) {
    IG_TRY(need_input(k));
    int64_t bins = ig_k_int(k, "num_bins", 0), used = bins;
    const ig_json *mask = ig_k_get(k, "mask_value");
    bool masked = mask && mask->kind != IG_JSON_NULL && bins > 1;
    if (bins < 1) return ig_k_refuse(k, "it has no bins");
    if (masked) used--;
    ig_value *x = k->in[0], *ids = bucket(k, fingerprints(k, x, salt_text(k)), used);
    if (masked) {
        ig_k_bind(k, "x", x);
        ig_k_bind(k, "mask", ig_k_constant(k, mask, ig_k_dtype(x)));
        ig_k_bind(k, "ids", ids);
        ids = ig_k_v(k, "Where(Equal(x, mask), 0i, ids + 1i)");
    }
    if (!wants_ids(k)) return encode(k, ids, bins, NULL, NULL);
    ig_k_out(k, 0, ids);
    return IG_OK;
}

/* As TensorFlow's SparseCross: fingerprints (numbers stand for themselves) put together one after the other. */
ig_status ig_k_lower_hashed_crossing(ig_k *k) {
    const uint64_t m = 0xC6A4A7935BD1E995u;
    int64_t bins = ig_k_int(k, "num_bins", 0);
    if (bins < 1 || k->n_in < 2) return ig_k_refuse(k, "it has no bins, or less than two inputs");
    ig_value *hash = u64(k, 0xDECAFCAFFEu);
    ig_k_bind(k, "m", u64(k, m));
    ig_k_bind(k, "s", u64(k, 47));
    for (size_t i = 0; i < k->n_in; i++) {
        ig_value *x = k->in[i];
        if (ig_k_dtype(x) != IG_STRING && ig_k_is_float(x)) return ig_k_refuse(k, "it crosses real numbers");
        ig_k_bind(k, "f", ig_k_dtype(x) == IG_STRING ? fingerprints(k, x, "") : ig_k_cast(k, ig_k_cast(k, x, IG_I64), IG_U64));
        ig_k_bind(k, "h", hash);
        ig_sketch_run(
            k->s,
            "a = f * m; b = BitwiseXor(a, BitShift<direction='RIGHT'>(a, s)) * m; c = BitwiseXor(BitwiseXor(h, m), b) * m;"
            "d = BitwiseXor(c, BitShift<direction='RIGHT'>(c, s)) * m");
        hash = ig_k_v(k, "BitwiseXor(d, BitShift<direction='RIGHT'>(d, s))");
    }
    ig_value *ids = bucket(k, hash, bins);
    if (!wants_ids(k)) return encode(k, ids, bins, NULL, NULL);
    ig_k_out(k, 0, ids);
    return IG_OK;
}

/* --------------------------------------------------------------------------------------------------------------- lookup */

typedef struct vocabulary {
    ig_str *texts;    /* of tokens alone */
    int64_t *numbers; /* the same, in IntegerLookup */
    size_t n;
    bool whole_numbers, has_mask;
    ig_str mask_text, oov_text;
    int64_t mask_number, oov_number;
    int64_t n_oov, first_oov, first_token;
    bool found_special; /* the file's list begins with the special tokens */
} vocabulary;

static bool is_null(const ig_json *v) { return !v || v->kind == IG_JSON_NULL; }

static bool set_token(vocabulary *v, size_t i, ig_str text, const ig_json *json) {
    v->texts[i] = text;
    if (!v->whole_numbers) return text.s != NULL;
    if (json) {
        v->numbers[i] = ig_json_int(json, 0);
        return true;
    }
    return ig_str_to_i64(text, &v->numbers[i]);
}

/* From the config, from the text file beside the weights, or from weights of a table of older files. */
static ig_status read_tokens(ig_k *k, vocabulary *v) {
    const ig_json *list = ig_k_get(k, "vocabulary");
    ig_value *asset = ig_k_asset(k, "vocabulary.txt");
    ig_tensor *t = NULL;
    bool given = ig_json_is_kind(list, IG_JSON_LIST);
    if (!given && !asset) return ig_k_refuse(k, "its vocabulary isn't in the file");
    if (!given) IG_TRY(ig_const_tensor(k->l->model, asset->constant, &t, k->l->err));
    v->n = given ? list->n : t->count;
    while (t && v->n && ig_tensor_strings(t)[v->n - 1].n == 0) v->n--;
    if (v->n > MAX_VOCABULARY) return ig_k_refuse(k, "its vocabulary has %zu entries", v->n);
    v->texts = IG_NEW_ARRAY(k->arena, ig_str, v->n + 1);
    v->numbers = IG_NEW_ARRAY(k->arena, int64_t, v->n + 1);
    if (!v->texts || !v->numbers) return ig_oom(k->l->err);
    for (size_t i = 0; i < v->n; i++) {
        ig_str text = given ? ig_json_text(&list->items[i]) : ig_tensor_strings(t)[i];
        if (!set_token(v, i, text, given ? &list->items[i] : NULL))
            return ig_k_refuse(k, "entry %zu of its vocabulary isn't of its type", i);
    }
    return IG_OK;
}

static bool token_is(const vocabulary *v, size_t i, ig_str text, int64_t number) {
    return i < v->n && (v->whole_numbers ? v->numbers[i] == number : ig_str_eq(v->texts[i], text));
}

/* Special tokens at the start of a given list aren't counted twice. */
static void drop_special(vocabulary *v) {
    size_t at = 0;
    if (v->first_oov == 1 && token_is(v, 0, v->mask_text, v->mask_number)) at = 1;
    if (at != (size_t)v->first_oov) return;
    for (int64_t i = 0; i < v->n_oov; i++, at++)
        if (!token_is(v, at, v->oov_text, v->oov_number)) return;
    if (at == 0) return;
    v->texts += at;
    v->numbers += at;
    v->n -= at;
    v->found_special = true;
}

static ig_status read_vocabulary(ig_k *k, vocabulary *v, bool whole_numbers) {
    const ig_json *mask = ig_k_get(k, "mask_token"), *oov = ig_k_get(k, "oov_token");
    *v = (vocabulary){.whole_numbers = whole_numbers, .n_oov = ig_k_int(k, "num_oov_indices", 1)};
    if (k->version < 3 && !mask) mask = ig_k_get(k, "mask_value");
    if (k->version < 3 && !oov) oov = ig_k_get(k, "oov_value");
    v->has_mask = !is_null(mask);
    v->mask_text = ig_json_text(mask);
    v->mask_number = ig_json_int(mask, 0);
    v->oov_text = is_null(oov) ? IG_STR("[UNK]") : ig_json_text(oov);
    v->oov_number = ig_json_int(oov, -1);
    if (v->n_oov < 0 || v->n_oov > 1 << 20) return ig_k_refuse(k, "its num_oov_indices is no size");
    v->first_oov = v->has_mask && wants_ids(k) ? 1 : 0;
    v->first_token = v->first_oov + v->n_oov;
    IG_TRY(read_tokens(k, v));
    drop_special(v);
    return IG_OK;
}

static ig_attr list_attr(ig_k *k, const char *name) {
    ig_attr a = {.name = ig_model_name(k->l->model, name)};
    if (!a.name) k->s->build.failed = true;
    return a;
}

/* LabelEncoder with keys of the vocabulary, or with values of it (inverse). Lists go to the model's arena. */
static ig_value *label_encoder(ig_k *k, const vocabulary *v, ig_value *x, int64_t first, int64_t otherwise, bool inverse) {
    ig_arena *arena = &k->l->model->arena;
    int64_t *ids = IG_NEW_ARRAY(arena, int64_t, v->n), *numbers = IG_NEW_ARRAY(arena, int64_t, v->n);
    ig_str *texts = IG_NEW_ARRAY(arena, ig_str, v->n);
    bool ok = ids && numbers && texts;
    for (size_t i = 0; ok && i < v->n; i++) {
        ids[i] = first + (int64_t)i;
        numbers[i] = v->numbers[i];
        texts[i] = v->whole_numbers ? (ig_str){0} : ig_arena_str(arena, v->texts[i], &ok);
    }
    if (!ok || k->s->status != IG_OK) {
        k->s->build.failed |= !ok;
        return NULL;
    }
    /* not through the sketch, which would look at it before its lists are set */
    ig_node *n = ig_k_import(k, "ai.onnx.ml", 4) ? ig_build_node(&k->s->build, "ai.onnx.ml", "LabelEncoder", &x, 1, 1) : NULL;
    if (!n) {
        k->s->build.failed = true;
        return NULL;
    }
    ig_attr keys = list_attr(k, v->whole_numbers || inverse ? "keys_int64s" : "keys_strings"),
            values = list_attr(k, !inverse || v->whole_numbers ? "values_int64s" : "values_strings"),
            text = list_attr(k, "default_string");
    bool text_keys = !v->whole_numbers && !inverse, text_values = !v->whole_numbers && inverse;
    keys.kind = text_keys ? IG_ATTR_STRINGS : IG_ATTR_INTS;
    values.kind = text_values ? IG_ATTR_STRINGS : IG_ATTR_INTS;
    keys.n = values.n = v->n;
    if (text_keys)
        keys.strings = texts;
    else
        keys.ints = inverse ? ids : numbers;
    if (text_values)
        values.strings = texts;
    else
        values.ints = inverse ? numbers : ids;
    text.kind = IG_ATTR_STRING;
    text.s = ig_arena_str(arena, v->oov_text.s ? v->oov_text : IG_STR(""), &ok);
    ok = ok && ig_attr_put(n, &keys) && ig_attr_put(n, &values) &&
         (text_values ? ig_attr_put(n, &text) : ig_attr_put_int(n, "default_int64", otherwise));
    if (!ok) k->s->build.failed = true;
    n->out[0]->type = ig_type_tensor(arena, text_values ? IG_STRING : IG_I64, &(ig_shape){.rank = IG_UNRANKED});
    ig_shape shape = ig_type_shape(x->type);
    if (shape.rank >= 0) n->out[0]->type = ig_type_tensor(arena, text_values ? IG_STRING : IG_I64, &shape);
    return n->out[0];
}

/* Where tokens that aren't in the vocabulary go when there are several places. */
static ig_value *oov_ids(ig_k *k, const vocabulary *v, ig_value *x) {
    if (!v->whole_numbers || ig_k_is(k, "oov_method", "farmhash")) return bucket(k, fingerprints(k, x, salt_text(k)), v->n_oov);
    ig_k_bind(k, "x", ig_k_cast(k, x, IG_I64));
    return ig_k_v(k, "Mod<fmod=0>(x, %lldi)", (long long)v->n_oov);
}

static ig_value *mask_constant(ig_k *k, const vocabulary *v) {
    return v->whole_numbers ? ig_k_scalar(k, IG_I64, (double)v->mask_number) : ig_k_texts(k, &v->mask_text, 1, 0);
}

/* Tokens to numbers. */
static ig_value *lookup(ig_k *k, const vocabulary *v, ig_value *x) {
    x = v->whole_numbers ? ig_k_cast(k, x, IG_I64) : x;
    int64_t otherwise = v->n_oov == 1 ? v->first_oov : -1;
    ig_value *ids = label_encoder(k, v, x, v->first_token, otherwise, false);
    if (v->has_mask) { /* 0, and in the other modes, which have no place for it, nowhere */
        ig_k_bind(k, "x", x);
        ig_k_bind(k, "token", mask_constant(k, v));
        ig_k_bind(k, "ids", ids);
        ids = wants_ids(k) ? ig_k_v(k, "Where(Equal(x, token), 0i, ids)") : ig_k_v(k, "Where(Equal(x, token), -1i, ids)");
    }
    if (v->n_oov > 1) {
        ig_k_bind(k, "other", oov_ids(k, v, x));
        ig_k_bind(k, "ids", ids);
        ids = ig_k_v(k, "Where(Less(ids, 0i), other + %lldi, ids)", (long long)v->first_oov);
    }
    return ids;
}

static ig_value *inverse_lookup(ig_k *k, const vocabulary *v, ig_value *x) {
    x = ig_k_cast(k, x, IG_I64);
    ig_value *y = label_encoder(k, v, x, v->first_token, v->oov_number, true);
    if (!v->has_mask) return y;
    ig_k_bind(k, "x", x);
    ig_k_bind(k, "token", mask_constant(k, v));
    ig_k_bind(k, "y", y);
    return ig_k_v(k, "Where(Equal(x, 0i), token, y)");
}

/* The weights of tf_idf: one for each place; those before the first token have the mean when the file doesn't say. */
static ig_value *idf_weights(ig_k *k, const vocabulary *v, int64_t depth) {
    const ig_json *list = ig_k_get(k, "idf_weights");
    ig_value *saved = NULL;
    for (size_t i = 0; i < k->weights->n; i++)
        if (ig_str_ends(k->weights->names[i], "idf_weights")) saved = k->weights->values[i];
    if (saved) return ig_k_cast(k, saved, k->dtype);
    if (!ig_json_is_kind(list, IG_JSON_LIST) || list->n < v->n) {
        ig_k_refuse(k, "it has no idf_weights");
        return NULL;
    }
    ig_tensor *t;
    double sum = 0;
    if (ig_tensor_new(&t, k->l->model->context, IG_F32, 1, &depth, k->l->err) != IG_OK) {
        k->s->status = IG_E_MEMORY;
        return NULL;
    }
    size_t front = list->n == v->n ? (size_t)v->first_token : 0;
    for (size_t i = 0; i < list->n; i++) sum += ig_json_real(&list->items[i], 0);
    for (size_t i = 0; i < (size_t)depth; i++) {
        double w = i < front ? sum / (double)list->n : i - front < list->n ? ig_json_real(&list->items[i - front], 0) : 0;
        ig_store_f64(IG_F32, t->data, i, w);
    }
    return ig_sketch_constant(k->s, t);
}

static ig_status encode_tokens(ig_k *k, const vocabulary *v, ig_value *ids, ig_value *valid) {
    int64_t depth = v->first_token + (int64_t)v->n, most = ig_k_int(k, "max_tokens", 0);
    if (ig_k_bool(k, "pad_to_max_tokens", false) && most > depth) depth = most;
    IG_TRY(encode(k, ids, depth, valid, NULL));
    if (!mode_is(k, "tf_idf")) return IG_OK;
    ig_k_bind(k, "y", k->out[0]);
    ig_k_bind(k, "idf", idf_weights(k, v, depth));
    ig_k_out(k, 0, ig_k_v(k, "y * idf"));
    return IG_OK;
}

/* rule->arg 1: of whole numbers. */
ig_status ig_k_lower_lookup(ig_k *k) {
    vocabulary v;
    bool whole_numbers = ig_k_arg_of(k) == 1;
    IG_TRY(need_input(k));
    if (ig_k_is(k, "vocabulary_dtype", "int64") || ig_k_is(k, "vocabulary_dtype", "int32")) whole_numbers = true;
    IG_TRY(read_vocabulary(k, &v, whole_numbers));
    if (ig_k_bool(k, "invert", false)) {
        ig_k_out(k, 0, inverse_lookup(k, &v, k->in[0]));
        return IG_OK;
    }
    ig_value *ids = lookup(k, &v, k->in[0]);
    if (!wants_ids(k)) return encode_tokens(k, &v, ids, NULL);
    ig_k_out(k, 0, ids);
    return IG_OK;
}

/* ---------------------------------------------------------------------------------------------------- TextVectorization */

static ig_value *contrib(ig_k *k, const char *op, ig_value *const *in, size_t n) {
    return ig_build_out(ig_k_foreign(k, "ai.onnx.contrib", op, "", in, n, 1), 0);
}

static ig_value *replaced(ig_k *k, ig_value *x, const char *pattern, const char *by) {
    ig_str a = ig_str_c(pattern), b = ig_str_c(by);
    return contrib(k, "StringRegexReplace", (ig_value *[]){x, ig_k_texts(k, &a, 1, 1), ig_k_texts(k, &b, 1, 1)}, 3);
}

static ig_status standardize(ig_k *k, ig_value **x) {
    const ig_json *how = ig_k_get(k, "standardize");
    ig_str text = ig_json_text(how);
    bool both = ig_str_is(text, "lower_and_strip_punctuation"), lower = both || ig_str_is(text, "lower"),
         strip = both || ig_str_is(text, "strip_punctuation");
    if (!is_null(how) && !lower && !strip)
        return ig_k_refuse(k, "its standardize is a function in Python, which igata never executes");
    if (lower) *x = contrib(k, "StringLower", x, 1);
    if (strip) *x = replaced(k, *x, "[!\"#$%&()\\*\\+,\\-\\./:;<=>?@\\[\\\\\\]^_`{|}~']", "");
    return IG_OK;
}

/* [B] to [B, most] and how many there are of each. */
static ig_status split(ig_k *k, ig_value *x, ig_value **tokens, ig_value **counts) {
    const ig_json *how = ig_k_get(k, "split");
    bool characters = ig_json_is(how, "character");
    if (!characters && !ig_json_is(how, "whitespace"))
        return ig_k_refuse(k, "its split is a function in Python, which igata never executes");
    if (characters) x = replaced(k, x, "(?s)(.)", "\\1\x1f");
    ig_node *n = ig_sketch_node(k->s, NULL, "StringSplit", characters ? "delimiter='\x1f'" : "", &x, 1, 2);
    if (!n) return k->s->status;
    *tokens = n->out[0];
    *counts = n->out[1];
    if (!characters) return IG_OK;
    ig_k_bind(k, "counts", *counts); /* behind the last separator nothing comes */
    *tokens = ig_k_slice(k, *tokens, 1, 0, -1, 1);
    *counts = ig_k_v(k, "counts - 1i");
    return IG_OK;
}

/* Which of [B, L] tokens there are: those before the count. */
static ig_value *before_count(ig_k *k, ig_value *tokens, ig_value *counts, int64_t less) {
    ig_k_bind(k, "tokens", tokens);
    ig_k_bind(k, "counts", counts);
    return ig_k_v(
        k, "Less(Unsqueeze(Range(0i, Squeeze(Shape<start=1, end=2>(tokens), [0]), 1i), [0]), Unsqueeze(counts - %lldi, [1]))",
        (long long)less);
}

/* Runs of tokens with spaces between them: those of one length behind those of the length before. */
static ig_status make_ngrams(ig_k *k, ig_value **tokens, ig_value **valid, ig_value *counts) {
    const ig_json *given = ig_k_get(k, "ngrams");
    ig_value *all[16], *flags[16], *run = NULL;
    ig_str space = IG_STR(" ");
    size_t n = 0;
    int64_t widest = ig_json_int(given, 0);
    for (size_t i = 0; i < ig_json_count(given); i++)
        widest = ig_json_int(&given->items[i], 0) > widest ? ig_json_int(&given->items[i], 0) : widest;
    if (widest < 1 || widest > 16) return ig_k_refuse(k, "its ngrams are no sizes");
    for (int64_t w = 1; w <= widest; w++) {
        ig_value *tail = ig_k_slice(k, *tokens, 1, w - 1, INT64_MAX, 1);
        run = w == 1
                  ? *tokens
                  : IG_K_OP(k, "StringConcat", "",
                            IG_K_OP(k, "StringConcat", "", ig_k_slice(k, run, 1, 0, -1, 1), ig_k_texts(k, &space, 1, 1)), tail);
        bool wanted = !ig_json_is_kind(given, IG_JSON_LIST);
        for (size_t i = 0; i < ig_json_count(given); i++) wanted |= ig_json_int(&given->items[i], 0) == w;
        if (!wanted) continue;
        all[n] = run;
        flags[n++] = before_count(k, run, counts, w - 1);
    }
    *tokens = ig_k_concat(k, all, n, 1);
    *valid = ig_k_concat(k, flags, n, 1);
    return IG_OK;
}

/* Valid ones to the front, in order. */
static ig_value *compacted(ig_k *k, ig_value *ids, ig_value *valid) {
    ig_k_bind(k, "ids", ids);
    ig_k_bind(k, "last", ig_k_cast(k, ig_k_op(k, "Not", "", &valid, 1), IG_I64));
    ig_sketch_run(
        k->s,
        "length = Shape<start=1, end=2>(ids); place = last * length + Unsqueeze(Range(0i, Squeeze(length, [0]), 1i), [0]);"
        "sorted, order = TopK<axis=1, largest=0>(place, length)");
    return ig_k_v(k, "GatherElements<axis=1>(ids, order)");
}

/* [B, L] cut or filled up with zeros to the length that the layer gives its output. */
static ig_value *fitted(ig_k *k, ig_value *ids) {
    int64_t length = ig_k_int(k, "output_sequence_length", 0);
    if (length < 1) return ids;
    ig_k_bind(k, "ids", ids);
    ig_k_bind(k, "more", ig_k_v(k, "Expand(0i, Concat<axis=0>(Shape<end=1>(ids), [%lld]))", (long long)length));
    ig_value *both[] = {ids, ig_sketch_get(k->s, "more")};
    return ig_k_slice(k, ig_k_concat(k, both, 2, 1), 1, 0, length, 1);
}

ig_status ig_k_lower_text_vectorization(ig_k *k) {
    vocabulary v;
    int rank;
    ig_value *tokens = NULL, *counts = NULL, *valid = NULL, *ids;
    IG_TRY(need_input(k));
    if (ig_k_bool(k, "ragged", false)) return ig_k_refuse(k, "its output is ragged");
    bool text_in = ig_k_get(k, "mask_token") != NULL;
    IG_TRY(read_vocabulary(k, &v, false));
    if (!text_in) {
        v.has_mask = true;
        v.mask_text = IG_STR("");
        v.first_oov = wants_ids(k) ? 1 : 0;
        v.first_token = v.first_oov + v.n_oov;
        drop_special(&v);
    }
    ig_value *x = k->in[0];
    IG_TRY(ig_k_need_rank(k, x, &rank));
    IG_TRY(standardize(k, &x));
    if (is_null(ig_k_get(k, "split"))) {
        if (!is_null(ig_k_get(k, "ngrams"))) return ig_k_refuse(k, "it makes ngrams of texts that it doesn't split");
        ids = lookup(k, &v, x);
        if (!wants_ids(k)) return encode_tokens(k, &v, ids, NULL);
        ig_k_out(k, 0, rank > 1 ? fitted(k, ids) : ids);
        return IG_OK;
    }
    if (rank > 2) return ig_k_refuse(k, "its input has %d dims", rank);
    if (rank == 2) x = ig_k_squeeze(k, x, 1);
    if (rank == 0) x = ig_k_unsqueeze(k, x, 0);
    IG_TRY(split(k, x, &tokens, &counts));
    bool ngrams = !is_null(ig_k_get(k, "ngrams"));
    if (ngrams)
        IG_TRY(make_ngrams(k, &tokens, &valid, counts));
    else
        valid = before_count(k, tokens, counts, 0);
    ids = lookup(k, &v, tokens);
    if (!wants_ids(k)) return encode_tokens(k, &v, ids, valid);
    ig_k_bind(k, "ids", ids);
    ig_k_bind(k, "valid", valid);
    ids = ig_k_v(k, "Where(valid, ids, 0i)");
    ig_k_out(k, 0, fitted(k, ngrams ? compacted(k, ids, valid) : ids));
    return IG_OK;
}
