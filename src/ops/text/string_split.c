/* StringSplit (20): as Python's str.split. */
#include "ops/text/text.h"

static ig_status infer_string_split(ig_infer *c) {
    ig_shape x;
    if (!ig_infer_shape(c, 0, &x)) {
        IG_TRY(ig_infer_set(c, 0, IG_STRING, NULL));
        return ig_infer_set(c, 1, IG_I64, NULL);
    }
    IG_TRY(ig_infer_set(c, 1, IG_I64, &x));
    if (x.rank == IG_MAX_RANK) return ig_infer_fail(c, "the result would pass rank %d", IG_MAX_RANK);
    x.dims[x.rank++] = ig_dim_unknown();
    return ig_infer_set(c, 0, IG_STRING, &x);
}

typedef struct splitter {
    ig_str delimiter; /* n == 0: white space */
    int64_t most;     /* parts before the rest */
} splitter;

/* The next part of text from *at; false when there is none. The last one takes all that is left when `rest`. */
static bool next_part(const splitter *s, ig_str text, size_t *at, bool rest, ig_str *part) {
    if (*at == SIZE_MAX) return false;
    if (s->delimiter.n) {
        size_t end = rest ? SIZE_MAX : ig_string_find(text, s->delimiter, *at);
        *part = (ig_str){text.s + *at, (end == SIZE_MAX ? text.n : end) - *at};
        *at = end == SIZE_MAX ? SIZE_MAX : end + s->delimiter.n;
        return true;
    }
    size_t begin = *at, next = begin;
    while (begin < text.n && ig_char_is_space(ig_char_next(text, &next))) begin = next;
    if (begin == text.n) return false;
    size_t end = rest ? text.n : begin;
    for (next = end; end < text.n && !ig_char_is_space(ig_char_next(text, &next));) end = next;
    *part = (ig_str){text.s + begin, end - begin};
    *at = end;
    return true;
}

/* Counts the parts, and copies them to elements from `first` of y unless that is NULL. */
static ig_status split(ig_call *c, const splitter *s, ig_str text, ig_tensor *y, size_t first, size_t *n) {
    size_t at = 0;
    ig_str part;
    for (*n = 0; next_part(s, text, &at, (int64_t)*n == s->most, &part); (*n)++) {
        if (y && !ig_tensor_set_string(y, first + *n, part)) return ig_oom(c->err);
    }
    return IG_OK;
}

static ig_status run_string_split(ig_call *c) {
    IG_TRY(ig_call_strings(c, 0));
    const ig_tensor *x = c->in[0];
    splitter s = {ig_attr_str(c->node, "delimiter"), INT64_MAX};
    if (ig_attr_given(c->node, "maxsplit") && ig_attr_int(c->node, "maxsplit") >= 0) s.most = ig_attr_int(c->node, "maxsplit");
    int64_t dims[IG_MAX_RANK];
    size_t widest = 0, n;
    IG_TRY(ig_call_output(c, 1, IG_I64, x->rank, x->dims));
    for (size_t i = 0; i < x->count; i++) {
        IG_TRY(split(c, &s, ig_tensor_strings(x)[i], NULL, 0, &n));
        if (c->n_out > 1) ((int64_t *)c->out[1]->data)[i] = (int64_t)n;
        widest = ig_max_size(widest, n);
    }
    memcpy(dims, x->dims, (size_t)x->rank * sizeof *dims);
    dims[x->rank] = (int64_t)widest;
    IG_TRY(ig_call_output(c, 0, IG_STRING, x->rank + 1, dims)); /* all "" */
    for (size_t i = 0; i < x->count; i++) IG_TRY(split(c, &s, ig_tensor_strings(x)[i], c->out[0], i * widest, &n));
    return IG_OK;
}

const ig_op ig_op_string_split = {.name = "StringSplit",
                                  .domain = "",
                                  .since = 20,
                                  .flags = IG_OP_DYNAMIC,
                                  .infer = infer_string_split,
                                  .run = run_string_split};
