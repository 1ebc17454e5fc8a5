/* Tokenizer of com.microsoft: breaks strings apart at separators, or collects what a token expression matches, or takes single
 * characters. Rows are padded to the longest one. */
#include "ops/text/text.h"

static ig_status infer_tokenizer(ig_infer *c) {
    ig_shape x;
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, IG_STRING, NULL);
    if (x.rank != 1 && x.rank != 2) return ig_infer_fail(c, "the input has rank %d, [C] or [N, C] is wanted", x.rank);
    x.dims[x.rank++] = ig_dim_unknown();
    return ig_infer_set(c, 0, IG_STRING, &x);
}

typedef struct tokenizer {
    size_t n; /* expressions; 0: single characters */
    ig_regex *expressions[];
} tokenizer;

static void release_tokenizer(ig_context *context, void *state) {
    tokenizer *t = state;
    for (size_t i = 0; i < t->n; i++) ig_regex_free(t->expressions[i]);
    ig_release(context, t);
}

static ig_status prepare_tokenizer(ig_prepare *p) {
    size_t n;
    const ig_str *separators = ig_attr_strs(p->node, "separators", &n);
    ig_str expression = ig_attr_str(p->node, "tokenexp");
    if ((n > 0) == (expression.n > 0)) return ig_fail(p->err, IG_E_INPUT, "either separators or tokenexp is wanted");
    bool characters = n ? n == 1 && separators[0].n == 0 : ig_str_is(expression, ".");
    size_t wanted = characters ? 0 : n ? n : 1;
    tokenizer *t = ig_calloc(p->context, sizeof *t + wanted * sizeof(ig_regex *));
    if (!t) return ig_oom(p->err);
    for (; t->n < wanted; t->n++) {
        ig_str pattern = n ? separators[t->n] : expression;
        ig_status status = ig_regex_create(&t->expressions[t->n], p->context, pattern, 0, p->err);
        if (status == IG_OK) continue;
        release_tokenizer(p->context, t);
        return status;
    }
    p->state = t;
    return IG_OK;
}

typedef IG_VEC(ig_str) words;

/* What one call works with. */
typedef struct work {
    ig_call *c;
    ig_arena arena;
    const tokenizer *t;
    ig_matcher *matchers; /* one for each expression */
    int64_t shortest;
} work;

static ig_status add_word(work *w, words *out, ig_str s) {
    if (s.n == 0 || (int64_t)ig_char_count(s) < w->shortest) return IG_OK;
    return IG_PUSH(&w->arena, out, s) ? IG_OK : ig_oom(w->c->err);
}

static ig_status characters(work *w, ig_str text, words *out) {
    for (size_t at = 0, begin = 0; at < text.n; begin = at) {
        ig_char_next(text, &at);
        IG_TRY(add_word(w, out, (ig_str){text.s + begin, at - begin}));
    }
    return IG_OK;
}

/* The matches in `text`, or what lies between them. Empty matches count as none. */
static ig_status take(work *w, ig_matcher *m, ig_str text, bool between, words *out) {
    size_t from = 0, begin = 0;
    while (from < text.n) {
        ig_status status = ig_match(m, text, from, false, w->c->err);
        if (status == IG_NO) break;
        if (status != IG_OK) return status;
        size_t first = m->spans[0], last = m->spans[1];
        if (last <= first) {
            from = first;
            if (from < text.n) ig_char_next(text, &from);
            if (first >= text.n) break;
            continue;
        }
        IG_TRY(add_word(w, out, between ? (ig_str){text.s + begin, first - begin} : (ig_str){text.s + first, last - first}));
        from = begin = last;
    }
    return between ? add_word(w, out, (ig_str){text.s + begin, text.n - begin}) : IG_OK;
}

static ig_status tokens_of(work *w, ig_str text, bool between, words *out) {
    if (w->t->n == 0) return characters(w, text, out);
    if (!between) return take(w, &w->matchers[0], text, false, out);
    words now = {0};
    if (!IG_PUSH(&w->arena, &now, text)) return ig_oom(w->c->err);
    for (size_t i = 0; i < w->t->n; i++) {
        words next = {0};
        for (size_t k = 0; k < now.n; k++) IG_TRY(take(w, &w->matchers[i], now.items[k], true, &next));
        now = next;
    }
    *out = now;
    return IG_OK;
}

/* All tokens of all strings, then the output. */
static ig_status tokenize(work *w) {
    ig_call *c = w->c;
    const ig_tensor *x = c->in[0];
    size_t between, widest = 0, marks = ig_attr_int(c->node, "mark") ? 2 : 0;
    ig_attr_strs(c->node, "separators", &between);
    words *rows = IG_NEW_ARRAY(&w->arena, words, x->count);
    if (!rows) return ig_oom(c->err);
    for (size_t i = 0; i < x->count; i++) {
        IG_TRY(tokens_of(w, ig_tensor_strings(x)[i], between > 0, &rows[i]));
        widest = ig_max_size(widest, rows[i].n + marks);
    }
    int64_t dims[3] = {x->dims[0], x->rank == 2 ? x->dims[1] : 0};
    dims[x->rank] = (int64_t)widest;
    IG_TRY(ig_call_output(c, 0, IG_STRING, x->rank + 1, dims));
    ig_str padding = ig_attr_str(c->node, "pad_value");
    for (size_t i = 0; i < x->count * widest; i++) {
        size_t k = i % widest;
        const words *row = &rows[i / widest];
        ig_str s = padding;
        if (marks && k == 0) s = IG_STR("\x02");
        if (marks && k == row->n + 1) s = IG_STR("\x03");
        if (k >= marks / 2 && k < marks / 2 + row->n) s = row->items[k - marks / 2];
        if (!ig_tensor_set_string(c->out[0], i, s)) return ig_oom(c->err);
    }
    return IG_OK;
}

static ig_status run_tokenizer(ig_call *c) {
    IG_TRY(ig_call_strings(c, 0));
    if (c->in[0]->rank < 1 || c->in[0]->rank > 2) return ig_call_fail(c, "[C] or [N, C] is wanted");
    work w = {.c = c, .t = c->state, .shortest = ig_attr_int(c->node, "mincharnum")};
    ig_arena_init(&w.arena, c->context);
    w.matchers = IG_NEW_ARRAY(&w.arena, ig_matcher, w.t->n);
    ig_status status = w.matchers ? IG_OK : ig_oom(c->err);
    for (size_t i = 0; i < w.t->n && status == IG_OK; i++)
        status = ig_matcher_create(&w.matchers[i], w.t->expressions[i], c->err);
    if (status == IG_OK) status = tokenize(&w);
    for (size_t i = 0; w.matchers && i < w.t->n; i++) ig_matcher_free(&w.matchers[i]);
    ig_arena_free(&w.arena);
    return status;
}

const ig_op ig_op_ms_tokenizer = {.name = "Tokenizer",
                                  .domain = "com.microsoft",
                                  .since = 1,
                                  .flags = IG_OP_DYNAMIC,
                                  .infer = infer_tokenizer,
                                  .run = run_tokenizer,
                                  .prepare = prepare_tokenizer,
                                  .release = release_tokenizer};
