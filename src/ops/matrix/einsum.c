/* Einsum: sums of products by a rule in letters. */
#include "ops/matrix/einsum.h"

#include <stdio.h>

static int label_of(char c) { return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : -1; }

bool ig_einsum_begin(ig_einsum *e, ig_str equation, char *why, size_t size) {
    *e = (ig_einsum){.inputs = equation};
    for (size_t i = 0; i + 1 < equation.n; i++)
        if (equation.s[i] == '-' && equation.s[i + 1] == '>') {
            e->inputs.n = i;
            e->output = (ig_str){equation.s + i + 2, equation.n - i - 2};
            break;
        }
    e->n = 1;
    for (size_t i = 0; i < e->inputs.n; i++) e->n += e->inputs.s[i] == ',';
    if (equation.s) return true;
    snprintf(why, size, "attribute equation is missing");
    return false;
}

/* Letters of a term without spaces, where an ellipsis stands (-1: none), and how many letters there are. */
static bool read_term(ig_str text, uint8_t *letters, int *n, int *dots, char *why, size_t size) {
    *n = 0;
    *dots = -1;
    for (size_t i = 0; i < text.n; i++) {
        if (text.s[i] == ' ') continue;
        int label = label_of(text.s[i]);
        if (label >= 0 && *n < IG_MAX_RANK) {
            letters[(*n)++] = (uint8_t)label;
        } else if (*dots < 0 && i + 2 < text.n && memcmp(text.s + i, "...", 3) == 0) {
            *dots = *n;
            i += 2;
        } else {
            snprintf(why, size, "the equation's term '%.*s' is malformed", (int)ig_min_size(text.n, 60), text.s);
            return false;
        }
    }
    return true;
}

static void build_term(ig_einsum_term *term, const uint8_t *letters, int n, int dots, int extra) {
    term->rank = 0;
    for (int i = 0; i <= n; i++) {
        for (int k = 0; i == dots && k < extra; k++) term->labels[term->rank++] = (uint8_t)(IG_EINSUM_DOTS + extra - 1 - k);
        if (i < n) term->labels[term->rank++] = letters[i];
    }
}

bool ig_einsum_input(ig_einsum *e, size_t index, int rank, ig_einsum_term *term, char *why, size_t size) {
    ig_str text = e->inputs;
    for (size_t i = 0, at = 0; i <= index; i++) {
        size_t end = at;
        while (end < e->inputs.n && e->inputs.s[end] != ',') end++;
        text = (ig_str){e->inputs.s + at, end - at};
        at = end + 1;
    }
    uint8_t letters[IG_MAX_RANK];
    int n, dots;
    if (!read_term(text, letters, &n, &dots, why, size)) return false;
    if (dots < 0 ? n != rank : n > rank) {
        snprintf(why, size, "the equation's term '%.*s' doesn't fit an input of rank %d", (int)ig_min_size(text.n, 60), text.s,
                 rank);
        return false;
    }
    build_term(term, letters, n, dots, rank - n);
    for (int i = 0; i < n; i++)
        if (e->seen[letters[i]] < 2) e->seen[letters[i]]++;
    if (rank - n > e->dots) e->dots = rank - n;
    return true;
}

bool ig_einsum_output(ig_einsum *e, ig_einsum_term *term, char *why, size_t size) {
    uint8_t letters[IG_MAX_RANK], used[IG_EINSUM_DOTS] = {0};
    int n = 0, dots = 0;
    if (e->output.s) {
        if (!read_term(e->output, letters, &n, &dots, why, size)) return false;
    } else {
        for (int i = 0; i < IG_EINSUM_DOTS; i++)
            if (e->seen[i] == 1 && n < IG_MAX_RANK) letters[n++] = (uint8_t)i;
    }
    for (int i = 0; i < n; i++) {
        if (e->seen[letters[i]] && !used[letters[i]]++) continue;
        snprintf(why, size, "the output of the equation has a letter twice or one that no input has");
        return false;
    }
    if (n + e->dots > IG_MAX_RANK) {
        snprintf(why, size, "the equation's result has too many dims");
        return false;
    }
    build_term(term, letters, n, dots, dots < 0 ? 0 : e->dots);
    return true;
}

/* Dims of all labels, 1 where nothing is known of a label yet. */
static ig_status infer(ig_infer *c) {
    ig_einsum e;
    ig_einsum_term term;
    ig_dim dims[IG_EINSUM_LABELS];
    char why[200];
    ig_dtype dtype = ig_infer_dtype(c, 0);
    for (size_t i = 0; i < IG_EINSUM_LABELS; i++) dims[i] = ig_dim_of(1);
    if (!ig_einsum_begin(&e, ig_attr_str(c->node, "equation"), why, sizeof why)) return ig_infer_fail(c, "%s", why);
    if (e.n != c->n_in) return ig_infer_fail(c, "the equation has %zu terms for %zu inputs", e.n, c->n_in);
    for (size_t i = 0; i < c->n_in; i++) {
        ig_shape s;
        if (!ig_infer_shape(c, i, &s)) return ig_infer_set(c, 0, dtype, NULL);
        if (!ig_einsum_input(&e, i, s.rank, &term, why, sizeof why)) return ig_infer_fail(c, "%s", why);
        for (int k = 0; k < s.rank; k++) {
            ig_dim *d = &dims[term.labels[k]];
            if (!ig_dim_broadcast(c->syms, *d, s.dims[k], d))
                return ig_infer_fail(c, "input %zu has another size along dim %d than the equation asks for", i, k);
        }
    }
    if (!ig_einsum_output(&e, &term, why, sizeof why)) return ig_infer_fail(c, "%s", why);
    ig_shape out = {.rank = term.rank};
    for (int k = 0; k < term.rank; k++) out.dims[k] = dims[term.labels[k]];
    return ig_infer_set(c, 0, dtype, &out);
}

const ig_op ig_op_einsum = {"", "Einsum", 12, 0, 0, infer, ig_einsum_run, NULL, NULL};
