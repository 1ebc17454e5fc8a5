/* StringNormalizer (10): takes out stop words, then changes the case. Names of locales change nothing: case mapping is
 * Unicode's. */
#include "ops/text/text.h"

static ig_status infer_normalizer(ig_infer *c) {
    ig_shape x;
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, IG_STRING, NULL);
    if (x.rank != 1 && (x.rank != 2 || ig_dim_differ(x.dims[0], ig_dim_of(1))))
        return ig_infer_fail(c, "the input must be [C] or [1, C]");
    x.dims[x.rank - 1] = ig_dim_unknown();
    if (x.rank == 2) x.dims[0] = ig_dim_of(1);
    return ig_infer_set(c, 0, IG_STRING, &x);
}

typedef enum change { NONE, LOWER, UPPER } change;

static ig_status read_change(ig_call *c, change *how) {
    static const char *const names[] = {"NONE", "LOWER", "UPPER"};
    for (int i = 0; i < 3; i++) {
        *how = (change)i;
        if (ig_attr_is(c->node, "case_change_action", names[i])) return IG_OK;
    }
    return ig_call_fail(c, "unknown case_change_action");
}

/* A tensor of the same strings in lower case, owned by the caller: what is compared when case doesn't count. */
static ig_status lowered(ig_call *c, const ig_str *strings, size_t n, ig_tensor **out) {
    IG_TRY(ig_tensor_new(out, c->context, IG_STRING, 1, (int64_t[]){(int64_t)n}, c->err));
    for (size_t i = 0; i < n; i++) {
        ig_status status = ig_string_case(c, *out, i, strings[i], false);
        if (status == IG_OK) continue;
        ig_tensor_free(*out);
        *out = NULL;
        return status;
    }
    return IG_OK;
}

static ig_status insert(ig_call *c, ig_names *set, const ig_str *strings, size_t n) {
    bool ok = true;
    for (size_t i = 0; i < n; i++) ig_intern(set, strings[i], &ok);
    return ok ? IG_OK : ig_oom(c->err);
}

/* Indices of the strings that stay; returns how many. */
static size_t filter(const ig_names *stops, const ig_str *strings, size_t n, size_t *kept) {
    size_t n_kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (!ig_names_find(stops, strings[i])) kept[n_kept++] = i;
    }
    return n_kept;
}

static ig_status select_strings(ig_call *c, ig_arena *arena, size_t *kept, size_t *n_kept) {
    const ig_tensor *x = c->in[0];
    size_t n;
    const ig_str *words = ig_attr_strs(c->node, "stopwords", &n);
    ig_names stops;
    ig_names_init(&stops, arena);
    if (ig_attr_int(c->node, "is_case_sensitive")) {
        IG_TRY(insert(c, &stops, words, n));
        *n_kept = filter(&stops, x->data, x->count, kept);
        return IG_OK;
    }
    ig_tensor *low_words = NULL, *low = NULL;
    ig_status status = lowered(c, words, n, &low_words);
    if (status == IG_OK) status = lowered(c, x->data, x->count, &low);
    if (status == IG_OK) status = insert(c, &stops, low_words->data, n);
    if (status == IG_OK) *n_kept = filter(&stops, low->data, x->count, kept);
    ig_tensor_free(low_words);
    ig_tensor_free(low);
    return status;
}

static ig_status run_normalizer(ig_call *c) {
    IG_TRY(ig_call_strings(c, 0));
    const ig_tensor *x = c->in[0];
    change how;
    size_t n = 0, bytes;
    IG_TRY(read_change(c, &how));
    if (x->rank < 1 || x->rank > 2 || (x->rank == 2 && x->dims[0] != 1))
        return ig_call_fail(c, "the input must be [C] or [1, C]");
    size_t *kept = ig_mul_overflows(x->count, sizeof(size_t), &bytes) ? NULL : ig_call_scratch(c, bytes);
    if (!kept) return ig_oom(c->err);
    ig_arena arena;
    ig_arena_init(&arena, c->context);
    ig_status status = select_strings(c, &arena, kept, &n);
    ig_arena_free(&arena);
    IG_TRY(status);
    int64_t dims[2] = {1, 1}; /* one "" when nothing is left */
    dims[x->rank - 1] = n ? (int64_t)n : 1;
    IG_TRY(ig_call_output(c, 0, IG_STRING, x->rank, dims));
    for (size_t i = 0; i < n; i++) {
        ig_str s = ig_tensor_strings(x)[kept[i]];
        if (how != NONE) {
            IG_TRY(ig_string_case(c, c->out[0], i, s, how == UPPER));
        } else if (!ig_tensor_set_string(c->out[0], i, s)) {
            return ig_oom(c->err);
        }
    }
    return IG_OK;
}

const ig_op ig_op_string_normalizer = {.name = "StringNormalizer",
                                       .domain = "",
                                       .since = 10,
                                       .flags = IG_OP_DYNAMIC,
                                       .infer = infer_normalizer,
                                       .run = run_normalizer};
