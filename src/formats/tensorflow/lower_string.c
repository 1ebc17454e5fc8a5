/* Texts. Where ONNX has no operator, those of onnxruntime's extensions (ai.onnx.contrib) are used. */
#include "formats/tensorflow/rules.h"

#define CONTRIB "ai.onnx.contrib"

static ig_status import(ig_lower *l, const char *name) {
    ig_model *m = l->model;
    ig_name domain = ig_model_name(m, name);
    for (size_t i = 0; i < m->opsets.n; i++)
        if (m->opsets.items[i].domain == domain) return IG_OK;
    ig_opset o = {.domain = domain, .domain_given = true, .version_given = true, .version = 1};
    return domain && IG_PUSH(&m->arena, &m->opsets, o) ? IG_OK : ig_oom(l->err);
}

static ig_value *text(ig_lower *l, ig_str s) {
    ig_tensor *t = NULL;
    if (ig_tensor_new(&t, l->model->context, IG_STRING, 0, NULL, NULL) == IG_OK && !ig_tensor_set_string(t, 0, s)) {
        ig_tensor_free(t);
        t = NULL;
    }
    return ig_sketch_constant(ig_tf_s(l), t);
}

/* An operator of the extensions whose result has the shape of its first input. */
static ig_status extension(ig_lower *l, const char *op, const char *attributes, ig_value *const *in, size_t n, ig_dtype made,
                           ig_dtype wanted) {
    ig_shape shape = ig_type_shape(in[0] ? in[0]->type : NULL);
    IG_TRY(import(l, CONTRIB));
    ig_value *y = ig_tf_node1(l, CONTRIB, op, attributes, in, n);
    if (y && !y->type && !(y->type = ig_type_tensor(&l->model->arena, made, &shape))) return ig_oom(l->err);
    ig_tf_out(l, 0, ig_tf_cast(l, y, wanted));
    return IG_OK;
}

ig_status ig_tf_lower_string_case(ig_lower *l) {
    return ig_tf_text(l,
                      "y = Reshape(StringNormalizer<case_change_action='%s', is_case_sensitive=1>(Reshape(x, [-1])), Shape(x))",
                      l->rule->to);
}

ig_status ig_tf_lower_string_map(ig_lower *l) {
    bool length = strcmp(l->rule->to, "StringLength") == 0;
    ig_value *x = ig_tf_in(l, 0);
    return extension(l, l->rule->to, "", &x, 1, length ? IG_I64 : IG_STRING, length ? IG_I32 : IG_STRING);
}

/* The rest of a fingerprint by the number of buckets. With rule->to "key" it is one that only the key's owner can foresee. */
ig_status ig_tf_lower_string_fingerprint(ig_lower *l) {
    size_t n;
    const int64_t *key = ig_attr_ints(l->node, "key", &n);
    const char *attributes = "";
    IG_TRY(import(l, "igata"));
    if (l->rule->to && n != 2) return ig_lower_refuse(l, "its key isn't two numbers");
    if (l->rule->to) attributes = ig_arena_printf(&ig_tf_s(l)->arena, "key=[%s]", ig_tf_join(l, key, n));
    if (!attributes) return ig_oom(l->err);
    ig_value *x = ig_tf_in(l, 0);
    ig_tf_bind(l, "h", ig_tf_node1(l, "igata", "StringFingerprint", attributes, &x, 1));
    return ig_tf_text(l, "y = Cast<to=int64>(Mod(h, Cast<to=uint64>(%lldi)))", (long long)ig_tf_int_attr(l, "num_buckets"));
}

ig_status ig_tf_lower_regex_replace(ig_lower *l) {
    bool inputs = l->rule->to != NULL;
    char attributes[40];
    ig_value *pattern = inputs ? ig_tf_in(l, 1) : text(l, ig_attr_str(l->node, "pattern"));
    ig_value *with = inputs ? ig_tf_in(l, 2) : text(l, ig_attr_str(l->node, "rewrite"));
    ig_tf_bind(l, "p", pattern);
    ig_tf_bind(l, "w", with);
    ig_value *in[] = {ig_tf_in(l, 0), ig_tf_v(l, "Reshape(p, [1])"), ig_tf_v(l, "Reshape(w, [1])")};
    snprintf(attributes, sizeof attributes, "global_replace=%d", ig_tf_int_attr(l, "replace_global") != 0);
    return extension(l, "StringRegexReplace", attributes, in, 3, IG_STRING, IG_STRING);
}

/* A node with a text as attribute, which a sketch has no words for. */
static ig_node *node_with_text(ig_lower *l, const char *op, const char *name, ig_str value, ig_value *x, size_t n_out) {
    ig_sketch *s = ig_tf_s(l);
    uint64_t fold = s->fold;
    bool ok = true;
    s->fold = 0; /* not before it has its attribute */
    ig_node *n = ig_sketch_node(s, NULL, op, "", &x, 1, n_out);
    s->fold = fold;
    ig_attr a = {
        .name = ig_model_name(l->model, name), .kind = IG_ATTR_STRING, .s = ig_arena_str(&l->model->arena, value, &ok)};
    if (n && (!ok || !a.name || !ig_attr_put(n, &a))) l->b.failed = true;
    return n;
}

ig_status ig_tf_lower_regex_match(ig_lower *l) {
    ig_str pattern = ig_attr_str(l->node, "pattern");
    if (l->rule->to) {
        const ig_tensor *t = ig_tf_const(l, ig_tf_in(l, 1));
        if (!t || t->dtype != IG_STRING || t->count != 1) return ig_lower_refuse(l, "its pattern is computed");
        pattern = ig_tensor_string(t, 0);
    }
    ig_tf_out(l, 0, ig_tf_nth(node_with_text(l, "RegexFullMatch", "pattern", pattern, ig_tf_in(l, 0), 1), 0));
    return IG_OK;
}

/* Texts and a separator, which is blanks when it is empty: where each part belongs, the parts, and the shape of all. */
ig_status ig_tf_lower_string_split(ig_lower *l) {
    int64_t most = l->rule->to ? -1 : ig_tf_int_attr(l, "maxsplit");
    const ig_tensor *t = ig_tf_const(l, ig_tf_in(l, 1));
    if (!t || t->dtype != IG_STRING || t->count != 1) return ig_lower_refuse(l, "its separator is computed");
    ig_str separator = ig_tensor_string(t, 0);
    if (l->rule->to && ig_str_is(separator, " ")) separator = (ig_str){0};
    if (l->rule->to && separator.n) return ig_lower_refuse(l, "its separator isn't blanks");
    ig_node *n = node_with_text(l, "StringSplit", "delimiter", separator, ig_tf_in(l, 0), 2);
    if (n && most > 0 && !ig_attr_put_int(n, "maxsplit", most)) return ig_oom(l->err);
    ig_tf_bind(l, "parts", ig_tf_nth(n, 0));
    ig_tf_bind(l, "count", ig_tf_nth(n, 1));
    return ig_tf_text(l, "n = Shape<start=1>(parts); there = Less(Range(0i, Squeeze(n, [0]), 1i), Unsqueeze(count, [1]));"
                         "y0 = Transpose<perm=[1, 0]>(NonZero(there)); y1 = Compress(Reshape(parts, [-1]), Reshape(there, "
                         "[-1])); y2 = Shape(parts)");
}

ig_status ig_tf_lower_string_join(ig_lower *l) {
    ig_str separator = ig_attr_str(l->node, "separator");
    ig_value *v = ig_tf_in(l, 0), *between = separator.n ? text(l, separator) : NULL;
    if (!v) return ig_lower_refuse(l, "it has no inputs");
    for (uint32_t i = 1; i < ig_tf_count_in(l); i++) {
        if (between) v = ig_tf_node1(l, NULL, "StringConcat", "", (ig_value *[]){v, between}, 2);
        v = ig_tf_node1(l, NULL, "StringConcat", "", (ig_value *[]){v, ig_tf_in(l, i)}, 2);
    }
    ig_tf_out(l, 0, v);
    return IG_OK;
}

/* Along one axis or all: one after the other, as many as there are. */
ig_status ig_tf_lower_reduce_join(ig_lower *l) {
    int64_t axes[IG_MAX_RANK], size;
    size_t n;
    int rank;
    ig_str separator = ig_attr_str(l->node, "separator");
    IG_TRY(ig_tf_need_rank(l, 0, &rank));
    IG_TRY(ig_tf_need_ints(l, 1, axes, IG_MAX_RANK, &n));
    if (n != 1) return ig_lower_refuse(l, "it joins along several axes");
    if (axes[0] < 0) axes[0] += rank;
    size = ig_tf_dim_of(ig_tf_in(l, 0), (int)axes[0]);
    if (size < 1 || size > 1024) return ig_lower_refuse(l, "the number of texts to join is unknown, or large");
    ig_value *between = separator.n ? text(l, separator) : NULL,
             *v = ig_tf_v(l, "Gather<axis=%lld>(x0, 0i)", (long long)axes[0]);
    for (int64_t i = 1; i < size; i++) {
        if (between) v = ig_tf_node1(l, NULL, "StringConcat", "", (ig_value *[]){v, between}, 2);
        v = ig_tf_node1(l, NULL, "StringConcat", "",
                        (ig_value *[]){v, ig_tf_v(l, "Gather<axis=%lld>(x0, %lldi)", (long long)axes[0], (long long)i)}, 2);
    }
    ig_tf_bind(l, "v", v);
    return ig_tf_text(l, ig_tf_int_attr(l, "keep_dims") ? "y = Unsqueeze(v, [%lld])" : "y = Identity(v)", (long long)axes[0]);
}

ig_status ig_tf_lower_string_number(ig_lower *l) {
    ig_dtype out = ig_tf_attr_dtype(l, "out_type");
    ig_tf_out(l, 0, ig_tf_cast(l, ig_tf_in(l, 0), out ? out : IG_F32));
    return IG_OK;
}

ig_status ig_tf_lower_as_string(ig_lower *l) {
    ig_dtype t = ig_tf_dtype_of(ig_tf_in(l, 0));
    int64_t width = ig_tf_int_attr(l, "width");
    if (t == IG_STRING) return ig_tf_text(l, "y = Identity(x)");
    if (width > 1) return ig_lower_refuse(l, "it has a width");
    if (t == IG_BOOL) {
        ig_tf_bind(l, "t", text(l, IG_STR("true")));
        ig_tf_bind(l, "f", text(l, IG_STR("false")));
        return ig_tf_text(l, "y = Where(x, t, f)");
    }
    if (!ig_dtype_is_int(t)) return ig_lower_refuse(l, "its numbers aren't whole");
    return ig_tf_text(l, "y = Cast<to=string>(x)");
}
