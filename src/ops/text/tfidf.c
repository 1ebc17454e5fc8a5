/* TfIdfVectorizer (9): how often each n-gram of a pool occurs in a row of tokens. The pool is kept as a tree of tokens. */
#include "ops/text/text.h"

typedef struct gram {
    uint32_t node;  /* of the tree */
    int64_t number; /* of the n-gram that ends here, in the order of the pool; -1: none does */
} gram;

typedef struct pool {
    ig_arena arena;
    ig_names names; /* tokens that are strings */
    ig_map tokens;  /* integer or name -> number of the token, from 1 */
    ig_map grams;   /* parent node and token -> gram */
    uint32_t n_tokens, n_nodes;
    size_t n_grams;
    int64_t columns;
    bool strings;
} pool;

/* Number of columns: the largest of the indices and one; 0 when there are none or they are bad. */
static int64_t count_columns(const ig_node *node) {
    size_t n;
    const int64_t *indices = ig_attr_ints(node, "ngram_indexes", &n);
    int64_t columns = 0;
    for (size_t i = 0; i < n; i++) {
        if (indices[i] < 0 || indices[i] >= INT32_MAX) return 0;
        columns = ig_max_i64(columns, indices[i] + 1);
    }
    return columns;
}

static ig_status infer_tfidf(ig_infer *c) {
    ig_shape x, y = {.rank = 0};
    int64_t columns = count_columns(c->node);
    if (columns == 0) return ig_infer_fail(c, "ngram_indexes has no or negative or too large entries");
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, IG_F32, NULL);
    if (x.rank > 2 || x.rank == 0) return ig_infer_fail(c, "the input has rank %d, [C] or [N, C] is wanted", x.rank);
    if (x.rank == 2) y.dims[y.rank++] = x.dims[0];
    y.dims[y.rank++] = ig_dim_of(columns);
    return ig_infer_set(c, 0, IG_F32, &y);
}

/* ---------------------------------------------------------------------------------------------------------------- pool */

/* The number of a token; 0: it isn't in the pool. */
static uint32_t find_token(const pool *p, uint64_t key) { return (uint32_t)(uintptr_t)ig_map_get(&p->tokens, key); }

static uint32_t add_token(pool *p, uint64_t key) {
    uint32_t have = find_token(p, key);
    if (have) return have;
    uint32_t number = p->n_tokens + 1;
    if (!ig_map_set(&p->tokens, key, (void *)(uintptr_t)number)) return 0;
    p->n_tokens = number;
    return number;
}

static gram *find_gram(const pool *p, uint32_t parent, uint32_t token) {
    return ig_map_get(&p->grams, (uint64_t)parent << 32 | token);
}

static gram *add_gram(pool *p, uint32_t parent, uint32_t token) {
    gram *g = find_gram(p, parent, token);
    if (g) return g;
    g = IG_NEW(&p->arena, gram);
    if (!g || !ig_map_set(&p->grams, (uint64_t)parent << 32 | token, g)) return NULL;
    *g = (gram){++p->n_nodes, -1};
    return g;
}

/* Token i of the attribute. */
static uint32_t pool_token(pool *p, const int64_t *ints, const ig_str *strings, size_t i) {
    bool ok = true;
    uint64_t key = strings ? IG_KEY(ig_intern(&p->names, strings[i], &ok)) : (uint64_t)ints[i];
    return ok ? add_token(p, key) : 0;
}

static ig_status bad_pool(ig_prepare *p, const char *what) {
    return ig_fail(p->err, IG_E_INPUT, "the n-grams are malformed: %s", what);
}

static ig_status fill_pool(ig_prepare *prepare, pool *p) {
    const ig_node *node = prepare->node;
    size_t n_counts, n_indices, n_ints, n_strings, n_weights, ngram = 0;
    const int64_t *counts = ig_attr_ints(node, "ngram_counts", &n_counts);
    ig_attr_ints(node, "ngram_indexes", &n_indices);
    const int64_t *ints = ig_attr_ints(node, "pool_int64s", &n_ints);
    const ig_str *strings = ig_attr_strs(node, "pool_strings", &n_strings);
    ig_attr_floats(node, "weights", &n_weights);
    p->strings = n_strings > 0;
    p->columns = count_columns(node);
    size_t total = p->strings ? n_strings : n_ints;
    for (size_t k = 0; k < n_counts; k++) {
        int64_t begin = counts[k], end = k + 1 < n_counts ? counts[k + 1] : (int64_t)total, size = (int64_t)k + 1;
        if (begin < 0 || end < begin || end > (int64_t)total || (end - begin) % size)
            return bad_pool(prepare, "ngram_counts doesn't fit the pool");
        for (int64_t i = begin; i < end; i += size, ngram++) {
            gram *g = NULL;
            for (int64_t t = i; t < i + size; t++) {
                uint32_t token = pool_token(p, ints, p->strings ? strings : NULL, (size_t)t);
                g = token ? add_gram(p, g ? g->node : 0, token) : NULL;
                if (!g) return ig_oom(prepare->err);
            }
            if (ngram >= n_indices) return bad_pool(prepare, "there are fewer ngram_indexes than n-grams");
            g->number = (int64_t)ngram;
        }
    }
    p->n_grams = ngram;
    return n_weights && n_weights < ngram ? bad_pool(prepare, "there are fewer weights than n-grams") : IG_OK;
}

static void release_tfidf(ig_context *context, void *state) {
    pool *p = state;
    ig_arena_free(&p->arena);
    ig_release(context, p);
}

static ig_status prepare_tfidf(ig_prepare *prepare) {
    pool *p = ig_calloc(prepare->context, sizeof *p);
    if (!p) return ig_oom(prepare->err);
    ig_arena_init(&p->arena, prepare->context);
    ig_names_init(&p->names, &p->arena);
    ig_map_init(&p->tokens, &p->arena);
    ig_map_init(&p->grams, &p->arena);
    ig_status status = fill_pool(prepare, p);
    if (status == IG_OK)
        prepare->state = p;
    else
        release_tfidf(prepare->context, p);
    return status;
}

/* ------------------------------------------------------------------------------------------------------------ counting */

typedef struct counter {
    const pool *pool;
    int64_t shortest, longest, skips;
} counter;

/* Counts the n-grams of one row. Tokens of an n-gram are 1 + skip apart; single tokens are counted once only. */
static void count_row(const counter *k, const uint32_t *tokens, size_t n, uint32_t *counts) {
    int64_t shortest = k->shortest;
    memset(counts, 0, k->pool->n_grams * sizeof *counts);
    for (int64_t skip = 0; skip <= k->skips && (uint64_t)skip < n + 1; skip++) {
        for (size_t start = 0; start < n; start++) {
            uint32_t node = 0;
            int64_t size = 1;
            for (size_t at = start; at < n && size <= k->longest; at += (size_t)skip + 1, size++) {
                const gram *g = tokens[at] ? find_gram(k->pool, node, tokens[at]) : NULL;
                if (!g) break;
                if (size >= shortest && g->number >= 0) counts[g->number]++;
                node = g->node;
            }
        }
        if (shortest == 1 && ++shortest > k->longest) break;
    }
}

/* Counts to a row of the output: how often, whether (times the weight), or how often times the weight. */
static void write_row(const ig_node *node, const uint32_t *counts, size_t n, float *out) {
    size_t n_weights, n_indices;
    const float *weights = ig_attr_floats(node, "weights", &n_weights);
    const int64_t *columns = ig_attr_ints(node, "ngram_indexes", &n_indices);
    bool tf = ig_attr_is(node, "mode", "TF"), idf = ig_attr_is(node, "mode", "IDF");
    for (size_t i = 0; i < n; i++) {
        float weight = n_weights && !tf ? weights[i] : 1;
        if (counts[i]) out[columns[i]] += weight * (idf ? 1 : (float)counts[i]);
    }
}

static ig_status run_tfidf(ig_call *c) {
    const ig_tensor *x = c->in[0];
    const pool *p = c->state;
    counter k = {p, ig_attr_int(c->node, "min_gram_length"), ig_attr_int(c->node, "max_gram_length"),
                 ig_attr_int(c->node, "max_skip_count")};
    bool strings = x->dtype == IG_STRING;
    if (!c->out[0] || (strings ? !p->strings : p->strings) || (!strings && x->dtype != IG_I32 && x->dtype != IG_I64))
        return ig_call_fail(c, "the input's type isn't that of the pool");
    size_t bytes, rows = x->rank == 2 ? (size_t)x->dims[0] : 1, length = rows ? x->count / rows : 0;
    uint32_t *tokens = ig_mul_overflows(x->count, sizeof(uint32_t), &bytes) ? NULL : ig_call_scratch(c, bytes);
    uint32_t *counts = ig_call_scratch(c, p->n_grams * sizeof(uint32_t));
    if (!tokens || !counts) return ig_oom(c->err);
    for (size_t i = 0; i < x->count; i++) {
        ig_name name = strings ? ig_names_find(&p->names, ig_tensor_strings(x)[i]) : NULL;
        tokens[i] =
            strings && !name ? 0 : find_token(p, strings ? IG_KEY(name) : (uint64_t)ig_load_as_i64(x->dtype, x->data, i));
    }
    float *out = c->out[0]->data;
    memset(out, 0, c->out[0]->bytes);
    for (size_t r = 0; r < rows; r++) {
        count_row(&k, tokens + r * length, length, counts);
        write_row(c->node, counts, p->n_grams, out + r * (size_t)p->columns);
    }
    return IG_OK;
}

const ig_op ig_op_tfidf_vectorizer = {.name = "TfIdfVectorizer",
                                      .domain = "",
                                      .since = 9,
                                      .infer = infer_tfidf,
                                      .run = run_tfidf,
                                      .prepare = prepare_tfidf,
                                      .release = release_tfidf};
