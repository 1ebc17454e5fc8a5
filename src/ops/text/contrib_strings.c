/* The plain string operators of ai.onnx.contrib (onnxruntime-extensions). */
#include "ops/args.h"
#include "ops/text/text.h"

#define CONTRIB_OP(symbol, text, rule, kernel)                                                                                 \
    const ig_op ig_op_contrib_##symbol = {.name = text, .domain = "ai.onnx.contrib", .since = 1, .infer = rule, .run = kernel};

static ig_status infer_numbers(ig_infer *c) {
    ig_shape x;
    return ig_infer_set(c, 0, IG_I64, ig_infer_shape(c, 0, &x) ? &x : NULL);
}

/* ----------------------------------------------------------------------------------------------- StringUpper, StringLower */

static ig_status change_case(ig_call *c, bool upper) {
    IG_TRY(ig_call_strings(c, 0));
    for (size_t i = 0; i < c->in[0]->count; i++) IG_TRY(ig_string_case(c, c->out[0], i, ig_tensor_strings(c->in[0])[i], upper));
    return IG_OK;
}

static ig_status run_upper(ig_call *c) { return change_case(c, true); }
static ig_status run_lower(ig_call *c) { return change_case(c, false); }

CONTRIB_OP(string_upper, "StringUpper", ig_infer_same, run_upper)
CONTRIB_OP(string_lower, "StringLower", ig_infer_same, run_lower)

/* ---------------------------------------------------------------------------------------------- StringLength, StringStrip */

static ig_status run_length(ig_call *c) {
    IG_TRY(ig_call_strings(c, 0));
    for (size_t i = 0; i < c->in[0]->count; i++)
        ((int64_t *)c->out[0]->data)[i] = (int64_t)ig_char_count(ig_tensor_strings(c->in[0])[i]);
    return IG_OK;
}

CONTRIB_OP(string_length, "StringLength", infer_numbers, run_length)

static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* A string of nothing but white space stays as it is, which is how the operator is defined. */
static ig_status run_strip(ig_call *c) {
    IG_TRY(ig_call_strings(c, 0));
    for (size_t i = 0; i < c->in[0]->count; i++) {
        ig_str s = ig_tensor_strings(c->in[0])[i], kept = s;
        while (kept.n && is_blank(kept.s[0])) kept = (ig_str){kept.s + 1, kept.n - 1};
        while (kept.n && is_blank(kept.s[kept.n - 1])) kept.n--;
        if (!ig_tensor_set_string(c->out[0], i, kept.n ? kept : s)) return ig_oom(c->err);
    }
    return IG_OK;
}

CONTRIB_OP(string_strip, "StringStrip", ig_infer_same, run_strip)

/* --------------------------------------------------------------------------------------------------------- StringJoin */

static ig_status infer_join(ig_infer *c) {
    ig_shape x, y = {.rank = 1, .dims = {ig_dim_of(1)}};
    int64_t given;
    int axis;
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, IG_STRING, NULL);
    bool known = ig_infer_int(c, 2, &given);
    if (x.rank > 0 && known) IG_TRY(ig_infer_axis(c, given, x.rank, false, &axis));
    if (x.rank > 1) y.rank = x.rank - 1;
    for (int k = 0; k < y.rank && x.rank > 1; k++) y.dims[k] = known ? x.dims[k + (k >= axis)] : ig_dim_unknown();
    return ig_infer_set(c, 0, IG_STRING, &y);
}

static ig_status run_join(ig_call *c) {
    ig_str separator;
    int64_t given;
    int axis = 0;
    IG_TRY(ig_call_strings(c, 0));
    IG_TRY(ig_call_made(c, 0));
    IG_TRY(ig_call_one_string(c, 1, &separator));
    IG_TRY(ig_call_number(c, NULL, 2, 0, &given));
    const ig_tensor *x = c->in[0];
    size_t inner = 1, n = 1;
    if (x->rank) {
        IG_TRY(ig_call_axis(c, given, x->rank, &axis));
        n = (size_t)x->dims[axis];
        for (int k = axis + 1; k < x->rank; k++) inner *= (size_t)x->dims[k];
    }
    for (size_t i = 0; i < c->out[0]->count; i++) {
        const ig_str *first = ig_tensor_strings(x) + i / inner * n * inner + i % inner;
        size_t total = n ? (n - 1) * separator.n : 0;
        for (size_t k = 0; k < n; k++) total += first[k * inner].n;
        char *room = ig_string_room(c->out[0], i, total);
        if (!room) return ig_oom(c->err);
        for (size_t k = 0; k < n; k++) {
            ig_str parts[2] = {k ? separator : IG_STR(""), first[k * inner]};
            for (int p = 0; p < 2; p++) {
                if (parts[p].n) memcpy(room, parts[p].s, parts[p].n);
                room += parts[p].n;
            }
        }
    }
    return IG_OK;
}

CONTRIB_OP(string_join, "StringJoin", infer_join, run_join)

/* -------------------------------------------------------------------------------------------------------- StringSplit */

/* Outputs: [parts, 2] rows and columns, the parts, and the shape of a matrix that holds them. */
static ig_status infer_split(ig_infer *c) {
    ig_dim n = c->syms ? ig_dim_fresh(c->syms) : ig_dim_unknown();
    IG_TRY(ig_infer_set(c, 0, IG_I64, &(ig_shape){2, {n, ig_dim_of(2)}}));
    IG_TRY(ig_infer_set(c, 1, IG_STRING, &(ig_shape){1, {n}}));
    return ig_infer_set(c, 2, IG_I64, &(ig_shape){1, {ig_dim_of(2)}});
}

typedef struct parts {
    int64_t *at; /* rows and columns, or NULL: only counted */
    ig_tensor *text;
    size_t n;
    int64_t widest;
} parts;

static ig_status add_part(ig_call *c, parts *p, int64_t row, int64_t *column, ig_str s) {
    if (p->at) {
        p->at[2 * p->n] = row;
        p->at[2 * p->n + 1] = *column;
        if (!ig_tensor_set_string(p->text, p->n, s)) return ig_oom(c->err);
    }
    p->n++;
    p->widest = ig_max_i64(p->widest, ++*column);
    return IG_OK;
}

/* Any character of `separators` ends a part; without separators each character is one. */
static ig_status split_all(ig_call *c, ig_str separators, bool skip_empty, parts *p) {
    for (size_t row = 0; row < c->in[0]->count; row++) {
        ig_str s = ig_tensor_strings(c->in[0])[row];
        int64_t column = 0;
        size_t begin = 0;
        for (size_t at = 0; at < s.n && separators.n == 0; begin = at) {
            ig_char_next(s, &at);
            IG_TRY(add_part(c, p, (int64_t)row, &column, (ig_str){s.s + begin, at - begin}));
        }
        for (size_t at = 0; s.n && separators.n && at <= s.n; at++) {
            if (at < s.n && !memchr(separators.s, s.s[at], separators.n)) continue;
            if (at > begin || !skip_empty) IG_TRY(add_part(c, p, (int64_t)row, &column, (ig_str){s.s + begin, at - begin}));
            begin = at + 1;
        }
    }
    return IG_OK;
}

static ig_status run_split(ig_call *c) {
    ig_str separators;
    IG_TRY(ig_call_strings(c, 0));
    IG_TRY(ig_call_one_string(c, 1, &separators));
    const ig_tensor *x = c->in[0], *flag = c->in[2];
    if (x->rank != 1) return ig_call_fail(c, "the input has rank %d, 1 is wanted", x->rank);
    if (flag->kind != IG_KIND_TENSOR || flag->dtype != IG_BOOL || flag->count != 1)
        return ig_call_fail(c, "input 2 is no bool");
    bool skip_empty = *(const uint8_t *)flag->data != 0;
    parts p = {0};
    IG_TRY(split_all(c, separators, skip_empty, &p));
    int64_t n = (int64_t)p.n, shape[2] = {x->dims[0], p.widest};
    IG_TRY(ig_call_output(c, 0, IG_I64, 2, (int64_t[]){n, 2}));
    IG_TRY(ig_call_output(c, 1, IG_STRING, 1, &n));
    IG_TRY(ig_call_output(c, 2, IG_I64, 1, (int64_t[]){2}));
    if (c->n_out < 3) return ig_call_fail(c, "three outputs are wanted");
    p = (parts){.at = c->out[0]->data, .text = c->out[1]};
    memcpy(c->out[2]->data, shape, sizeof shape);
    return split_all(c, separators, skip_empty, &p);
}

const ig_op ig_op_contrib_string_split = {.name = "StringSplit",
                                          .domain = "ai.onnx.contrib",
                                          .since = 1,
                                          .flags = IG_OP_DYNAMIC,
                                          .infer = infer_split,
                                          .run = run_split};

/* ---------------------------------------------------------------------------------------------------- string hashes */

/* MurmurHash64A (Austin Appleby), which both operators use with seeds of their own. One mixes a tail in even when there is
 * none.
 */
static uint64_t murmur64(ig_str s, uint64_t seed, bool empty_tail) {
    const uint64_t m = 0xC6A4A7935BD1E995u;
    uint64_t h = seed ^ s.n * m, tail = 0;
    size_t i = 0;
    for (; i + 8 <= s.n; i += 8) {
        uint64_t k = ig_load_u64(s.s + i) * m;
        h = (h ^ (k ^ k >> 47) * m) * m;
    }
    for (size_t k = s.n; k-- > i;) tail = tail << 8 | (uint8_t)s.s[k];
    if (i < s.n || empty_tail) h = (h ^ tail) * m;
    h = (h ^ h >> 47) * m;
    return h ^ h >> 47;
}

static ig_status hash_to_buckets(ig_call *c, uint64_t seed, bool empty_tail) {
    int64_t buckets;
    IG_TRY(ig_call_strings(c, 0));
    IG_TRY(ig_call_number(c, NULL, 1, 0, &buckets));
    if (buckets < 1) return ig_call_fail(c, "%lld buckets", (long long)buckets);
    for (size_t i = 0; i < c->in[0]->count; i++)
        ((int64_t *)c->out[0]->data)[i] =
            (int64_t)(murmur64(ig_tensor_strings(c->in[0])[i], seed, empty_tail) % (uint64_t)buckets);
    return IG_OK;
}

static ig_status run_hash(ig_call *c) { return hash_to_buckets(c, 0xDECAFCAFFEu, true); }
/* The fast one is whatever the C++ library hashes strings with: this is GNU's, on 64-bit systems. */
static ig_status run_hash_fast(ig_call *c) { return hash_to_buckets(c, 0xC70F6907u, false); }

CONTRIB_OP(string_to_hash_bucket, "StringToHashBucket", infer_numbers, run_hash)
CONTRIB_OP(string_to_hash_bucket_fast, "StringToHashBucketFast", infer_numbers, run_hash_fast)
CONTRIB_OP(string_hash, "StringHash", infer_numbers, run_hash)
CONTRIB_OP(string_hash_fast, "StringHashFast", infer_numbers, run_hash_fast)

/* -------------------------------------------------------------------------------------------------------- MaskedFill */

static ig_status infer_masked(ig_infer *c) {
    ig_shape x, mask;
    if (ig_infer_shape(c, 0, &x) && ig_infer_shape(c, 1, &mask)) {
        bool differ = x.rank != mask.rank || x.rank > 1 || (x.rank == 1 && ig_dim_differ(x.dims[0], mask.dims[0]));
        if (differ) return ig_infer_fail(c, "value and mask must be scalars or vectors of the same length");
    }
    return ig_infer_set(c, 0, IG_STRING, &(ig_shape){1, {ig_dim_unknown()}});
}

/* Keeps the strings whose mask is set. */
static ig_status run_masked(ig_call *c) {
    const ig_tensor *mask = c->in[1];
    IG_TRY(ig_call_strings(c, 0));
    if (mask->kind != IG_KIND_TENSOR || mask->dtype != IG_BOOL || mask->count != c->in[0]->count)
        return ig_call_fail(c, "the mask doesn't fit the strings");
    const uint8_t *keep = mask->data;
    int64_t n = 0;
    for (size_t i = 0; i < mask->count; i++) n += keep[i] != 0;
    IG_TRY(ig_call_output(c, 0, IG_STRING, 1, &n));
    for (size_t i = 0, at = 0; i < mask->count; i++) {
        if (keep[i] && !ig_tensor_set_string(c->out[0], at++, ig_tensor_strings(c->in[0])[i])) return ig_oom(c->err);
    }
    return IG_OK;
}

const ig_op ig_op_contrib_masked_fill = {.name = "MaskedFill",
                                         .domain = "ai.onnx.contrib",
                                         .since = 1,
                                         .flags = IG_OP_DYNAMIC,
                                         .infer = infer_masked,
                                         .run = run_masked};
