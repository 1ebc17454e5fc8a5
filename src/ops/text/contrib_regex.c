/* The operators of ai.onnx.contrib with regular expressions: StringRegexReplace and StringRegexSplitWithOffsets (RE2 syntax),
 * StringECMARegexReplace and StringECMARegexSplitWithOffsets (ECMAScript's). */
#include "ops/args.h"
#include "ops/text/text.h"

static bool is_ecma(const ig_node *node) { return strncmp(node->op, "StringECMA", 10) == 0; }

/* The expression in input i. The caller frees both. */
static ig_status open_regex(ig_call *c, size_t i, unsigned flags, ig_regex **regex, ig_matcher *matcher) {
    ig_str pattern;
    *regex = NULL;
    IG_TRY(ig_call_one_string(c, i, &pattern));
    if (pattern.n == 0) return ig_call_fail(c, "the pattern is empty");
    if (is_ecma(c->node) && ig_attr_int(c->node, "ignore_case")) flags |= IG_REGEX_ICASE;
    IG_TRY(ig_regex_create(regex, c->context, pattern, flags, c->err));
    ig_status status = ig_matcher_create(matcher, *regex, c->err);
    if (status == IG_OK) return IG_OK;
    ig_regex_free(*regex);
    *regex = NULL;
    return status;
}

/* ------------------------------------------------------------------------------------------------------------- replace */

static ig_str group_of(const ig_matcher *m, ig_str text, size_t group) {
    if (group >= m->n || m->spans[2 * group] == SIZE_MAX) return (ig_str){0};
    return (ig_str){text.s + m->spans[2 * group], m->spans[2 * group + 1] - m->spans[2 * group]};
}

/* Adds the rewrite of a match: \0 to \9 and \\. */
static bool rewrite_re2(ig_text *out, const ig_matcher *m, ig_str text, size_t since, ig_str rewrite) {
    IG_UNUSED(since);
    for (size_t i = 0; i < rewrite.n; i++) {
        if (rewrite.s[i] != '\\') {
            ig_text_add(out, (ig_str){rewrite.s + i, 1});
            continue;
        }
        char next = ++i < rewrite.n ? rewrite.s[i] : '\0';
        if (next >= '0' && next <= '9') {
            ig_text_add(out, group_of(m, text, (size_t)(next - '0')));
        } else if (next == '\\') {
            ig_text_add(out, IG_STR("\\"));
        } else {
            return false;
        }
    }
    return true;
}

/* $1 to $99, $& for the match, $` for what lies between it and the match before (as in C++), $' for all behind it, $$. */
static bool rewrite_ecma(ig_text *out, const ig_matcher *m, ig_str text, size_t since, ig_str rewrite) {
    size_t groups = ig_regex_groups(m->regex);
    for (size_t i = 0; i < rewrite.n; i++) {
        char next = rewrite.s[i] == '$' && i + 1 < rewrite.n ? rewrite.s[i + 1] : '\0';
        ig_str piece = {rewrite.s + i, 1};
        size_t used = 1;
        if (next == '$') {
            piece = IG_STR("$");
        } else if (next == '&') {
            piece = group_of(m, text, 0);
        } else if (next == '`') {
            piece = (ig_str){text.s + since, m->spans[0] - since};
        } else if (next == '\'') {
            piece = (ig_str){text.s + m->spans[1], text.n - m->spans[1]};
        } else if (next >= '0' && next <= '9') {
            size_t group = (size_t)(next - '0');
            char third = i + 2 < rewrite.n ? rewrite.s[i + 2] : '\0';
            if (third >= '0' && third <= '9' && group * 10 + (size_t)(third - '0') <= groups) {
                group = group * 10 + (size_t)(third - '0');
                used++;
            }
            piece = group_of(m, text, group);
        } else {
            used--;
        }
        ig_text_add(out, piece);
        i += used;
    }
    return true;
}

/* An empty match right behind another match isn't replaced. */
static ig_status replace(ig_call *c, ig_matcher *m, ig_str text, ig_str rewrite, bool all, ig_text *out) {
    size_t from = 0, copied = 0, last = SIZE_MAX;
    while (from <= text.n) {
        ig_status status = ig_match(m, text, from, false, c->err);
        if (status == IG_NO) break;
        if (status != IG_OK) return status;
        size_t begin = m->spans[0], end = m->spans[1];
        if (end < begin) return ig_call_fail(c, "a match ends before it begins");
        if (begin == end && begin == last) {
            from = begin;
            if (from == text.n) break;
            ig_char_next(text, &from);
            continue;
        }
        ig_text_add(out, (ig_str){text.s + copied, begin - copied});
        if (!(is_ecma(c->node) ? rewrite_ecma : rewrite_re2)(out, m, text, copied, rewrite))
            return ig_call_fail(c, "the rewrite has a backslash without a digit behind it");
        from = copied = last = end;
        if (!all) break;
    }
    ig_text_add(out, (ig_str){text.s + copied, text.n - copied});
    return out->failed ? ig_oom(c->err) : IG_OK;
}

static ig_status replace_all(ig_call *c, ig_matcher *m, ig_arena *arena) {
    ig_str rewrite;
    bool all = ig_attr_int(c->node, "global_replace") != 0;
    IG_TRY(ig_call_one_string(c, 2, &rewrite));
    for (size_t i = 0; i < c->in[0]->count; i++) {
        ig_text out;
        ig_arena_reset(arena);
        ig_text_init(&out, arena);
        IG_TRY(replace(c, m, ig_tensor_strings(c->in[0])[i], rewrite, all, &out));
        if (!ig_tensor_set_string(c->out[0], i, (ig_str){out.s, out.n})) return ig_oom(c->err);
    }
    return IG_OK;
}

static ig_status run_replace(ig_call *c) {
    ig_regex *regex;
    ig_matcher m;
    ig_arena arena;
    IG_TRY(ig_call_strings(c, 0));
    IG_TRY(open_regex(c, 1, 0, &regex, &m));
    ig_arena_init(&arena, c->context);
    ig_status status = replace_all(c, &m, &arena);
    ig_arena_free(&arena);
    ig_matcher_free(&m);
    ig_regex_free(regex);
    return status;
}

const ig_op ig_op_contrib_string_regex_replace = {
    .name = "StringRegexReplace", .domain = "ai.onnx.contrib", .since = 1, .infer = ig_infer_same, .run = run_replace};
const ig_op ig_op_contrib_string_ecma_regex_replace = {
    .name = "StringECMARegexReplace", .domain = "ai.onnx.contrib", .since = 1, .infer = ig_infer_same, .run = run_replace};

/* ------------------------------------------------------------------------------------------------- split with offsets */

/* Outputs: tokens, their begins and ends in bytes, and where each row's tokens begin (one more than rows). */
static ig_status infer_split(ig_infer *c) {
    ig_shape x, rows = {1, {ig_dim_unknown()}};
    ig_shape tokens = {1, {c->syms ? ig_dim_fresh(c->syms) : ig_dim_unknown()}};
    if (ig_infer_shape(c, 0, &x) && x.rank == 1) rows.dims[0] = ig_dim_add(c->syms, x.dims[0], ig_dim_of(1));
    IG_TRY(ig_infer_set(c, 0, IG_STRING, &tokens));
    IG_TRY(ig_infer_set(c, 1, IG_I64, &tokens));
    IG_TRY(ig_infer_set(c, 2, IG_I64, &tokens));
    return ig_infer_set(c, 3, IG_I64, &rows);
}

typedef struct token {
    ig_str text;
    int64_t begin;
} token;

typedef struct splitter {
    ig_call *c;
    ig_arena arena;
    ig_matcher delimiter, keep;
    bool keeps;
    IG_VEC(token) tokens;
} splitter;

static ig_status add_token(splitter *s, ig_str text, size_t begin, size_t end) {
    if (end <= begin) return IG_OK;
    token t = {{text.s + begin, end - begin}, (int64_t)begin};
    return IG_PUSH(&s->arena, &s->tokens, t) ? IG_OK : ig_oom(s->c->err);
}

/* The delimiter is the first group of the expression when it has one, else the whole match. */
static ig_status split_row(splitter *s, ig_str text) {
    size_t from = 0, begin = 0, group = ig_regex_groups(s->delimiter.regex) ? 1 : 0;
    while (from <= text.n) {
        ig_status status = ig_match(&s->delimiter, text, from, false, s->c->err);
        if (status == IG_NO) break;
        if (status != IG_OK) return status;
        size_t end = s->delimiter.spans[1];
        if (end <= s->delimiter.spans[0]) { /* nothing to split at */
            if (end >= text.n) break;
            from = end;
            ig_char_next(text, &from);
            continue;
        }
        bool part = group < s->delimiter.n && s->delimiter.spans[2 * group] != SIZE_MAX;
        size_t first = s->delimiter.spans[part ? 2 * group : 0], last = s->delimiter.spans[part ? 2 * group + 1 : 1];
        IG_TRY(add_token(s, text, begin, first));
        if (s->keeps && last >= first) {
            status = ig_match(&s->keep, (ig_str){text.s + first, last - first}, 0, false, s->c->err);
            if (status == IG_OK) IG_TRY(add_token(s, text, first, last));
            if (status != IG_OK && status != IG_NO) return status;
        }
        from = begin = end;
    }
    return add_token(s, text, begin, text.n);
}

static ig_status split_all(splitter *s) {
    ig_call *c = s->c;
    const ig_tensor *x = c->in[0];
    int64_t rows = (int64_t)x->count + 1;
    IG_TRY(ig_call_output(c, 3, IG_I64, 1, &rows));
    for (size_t i = 0; i < x->count; i++) {
        if (c->n_out > 3) ((int64_t *)c->out[3]->data)[i] = (int64_t)s->tokens.n;
        IG_TRY(split_row(s, ig_tensor_strings(x)[i]));
    }
    int64_t n = (int64_t)s->tokens.n;
    if (c->n_out > 3) ((int64_t *)c->out[3]->data)[x->count] = n;
    for (size_t o = 0; o < 3; o++) IG_TRY(ig_call_output(c, o, o ? IG_I64 : IG_STRING, 1, &n));
    for (size_t i = 0; i < s->tokens.n; i++) {
        const token *t = &s->tokens.items[i];
        if (!ig_tensor_set_string(c->out[0], i, t->text)) return ig_oom(c->err);
        if (c->n_out > 1) ((int64_t *)c->out[1]->data)[i] = t->begin;
        if (c->n_out > 2) ((int64_t *)c->out[2]->data)[i] = t->begin + (int64_t)t->text.n;
    }
    return IG_OK;
}

static ig_status run_split(ig_call *c) {
    ig_regex *delimiter, *keep = NULL;
    splitter s = {.c = c};
    IG_TRY(ig_call_strings(c, 0));
    IG_TRY(ig_call_strings(c, 2));
    s.keeps = c->in[2]->count == 1 && ig_tensor_strings(c->in[2])[0].n > 0;
    if (c->in[2]->count > 1) return ig_call_fail(c, "input 2 has %zu patterns, at most one is wanted", c->in[2]->count);
    IG_TRY(open_regex(c, 1, 0, &delimiter, &s.delimiter));
    ig_status status = s.keeps ? open_regex(c, 2, IG_REGEX_WHOLE, &keep, &s.keep) : IG_OK;
    ig_arena_init(&s.arena, c->context);
    if (status == IG_OK) status = split_all(&s);
    ig_arena_free(&s.arena);
    if (keep) ig_matcher_free(&s.keep);
    ig_regex_free(keep);
    ig_matcher_free(&s.delimiter);
    ig_regex_free(delimiter);
    return status;
}

#define SPLIT_OP(symbol, text)                                                                                                 \
    const ig_op ig_op_contrib_##symbol = {.name = text,                                                                        \
                                          .domain = "ai.onnx.contrib",                                                         \
                                          .since = 1,                                                                          \
                                          .flags = IG_OP_DYNAMIC,                                                              \
                                          .infer = infer_split,                                                                \
                                          .run = run_split};

SPLIT_OP(string_regex_split, "StringRegexSplitWithOffsets")
SPLIT_OP(string_ecma_regex_split, "StringECMARegexSplitWithOffsets")
