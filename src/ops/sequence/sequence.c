/* Sequences: SequenceConstruct, SequenceEmpty, SequenceAt, SequenceInsert, SequenceErase, SequenceLength (11). */
#include "ops/sequence/sequence.h"
#include "ops/args.h"
#include "ops/control/control.h"

const ig_type *ig_infer_element(const ig_infer *c, size_t i) {
    const ig_type *t = i < c->n_in ? c->in[i] : NULL;
    return t && t->kind == IG_KIND_SEQUENCE ? t->of : NULL;
}

ig_status ig_infer_set_sequence(ig_infer *c, const ig_type *of) {
    const ig_type *type = ig_type_of_kind(c->arena, IG_KIND_SEQUENCE, IG_UNDEFINED, of);
    return type ? ig_infer_set_type(c, 0, type) : ig_oom(c->err);
}

static ig_status not_sequence(ig_call *c) { return ig_call_fail(c, "input 0 is no sequence"); }

static ig_status different(ig_infer *c, const ig_type *a, const ig_type *b) {
    char text[2][200];
    ig_type_text(a, text[0], sizeof text[0]);
    ig_type_text(b, text[1], sizeof text[1]);
    return ig_infer_fail(c, "a sequence of %s can't hold %s", text[0], text[1]);
}

/* Appends a reference to a value; takes it over also on failure. */
static ig_status append(ig_call *c, ig_tensor *sequence, ig_tensor *item) {
    if (item && ig_tensor_append(sequence, item)) return IG_OK;
    ig_tensor_free(item);
    return ig_oom(c->err);
}

/* Appends entries [first, last) of a sequence. */
static ig_status append_range(ig_call *c, ig_tensor *to, const ig_tensor *from, size_t first, size_t last) {
    for (size_t i = first; i < last; i++) IG_TRY(append(c, to, ig_tensor_clone(from->items[i])));
    return IG_OK;
}

/* Hands a new sequence over when everything went well. */
static ig_status give(ig_call *c, ig_status status, ig_tensor *sequence) {
    if (status == IG_OK) return ig_call_set(c, 0, sequence);
    ig_tensor_free(sequence);
    return status;
}

/* ------------------------------------------------------------------------------------------------- Construct and Empty */

/* What is common to the values; of one that nothing is known of, their element type. */
static ig_status join_into(ig_infer *c, const ig_type *next, const ig_type **of) {
    const ig_type *have = *of;
    if (have && next) return ig_type_join(c->arena, have, next, of) ? IG_OK : different(c, have, next);
    ig_dtype dtype = have ? have->dtype : next ? next->dtype : IG_UNDEFINED;
    *of = dtype ? ig_type_tensor(c->arena, dtype, NULL) : NULL;
    return IG_OK;
}

static ig_status infer_construct(ig_infer *c) {
    const ig_type *of = c->n_in ? c->in[0] : NULL;
    for (size_t i = 1; i < c->n_in; i++) IG_TRY(join_into(c, c->in[i], &of));
    return ig_infer_set_sequence(c, of);
}

static ig_status run_construct(ig_call *c) {
    ig_tensor *s = ig_tensor_new_kind(c->context, IG_KIND_SEQUENCE);
    ig_status status = s ? IG_OK : ig_oom(c->err);
    for (size_t i = 0; i < c->n_in && status == IG_OK; i++) {
        bool same = c->in[i]->kind == c->in[0]->kind && c->in[i]->dtype == c->in[0]->dtype;
        status = same ? append(c, s, ig_call_keep(c, c->in[i])) : ig_call_fail(c, "the inputs differ in type");
    }
    return give(c, status, s);
}

const ig_op ig_op_sequence_construct = {
    .name = "SequenceConstruct", .domain = "", .since = 11, .infer = infer_construct, .run = run_construct};

static ig_status infer_empty(ig_infer *c) {
    int64_t dtype = ig_attr_given(c->node, "dtype") ? ig_attr_int(c->node, "dtype") : IG_F32;
    if (!ig_dtype_valid(dtype)) return ig_infer_fail(c, "dtype %lld is no element type", (long long)dtype);
    return ig_infer_set_sequence(c, ig_type_tensor(c->arena, (ig_dtype)dtype, NULL));
}

static ig_status run_empty(ig_call *c) { return ig_call_set(c, 0, ig_tensor_new_kind(c->context, IG_KIND_SEQUENCE)); }

const ig_op ig_op_sequence_empty = {.name = "SequenceEmpty", .domain = "", .since = 11, .infer = infer_empty, .run = run_empty};

/* ------------------------------------------------------------------------------------------------------ At, Erase, Insert */

/* The position input, `preset` when it is absent, counted from the end when negative; an entry of n, or n itself if past_end.
 */
static ig_status position(ig_call *c, size_t input, int64_t preset, size_t n, bool past_end, size_t *out) {
    int64_t at, end = (int64_t)n;
    IG_TRY(ig_call_number(c, NULL, input, preset, &at));
    if (at < -end || at >= end + past_end)
        return ig_call_fail(c, "position %lld is outside [%lld, %lld] of a sequence of %zu", (long long)at, (long long)-end,
                            (long long)(end - !past_end), n);
    *out = (size_t)(at < 0 ? at + end : at);
    return IG_OK;
}

static ig_status infer_at(ig_infer *c) { return ig_infer_set_type(c, 0, ig_infer_element(c, 0)); }

static ig_status run_at(ig_call *c) {
    size_t at;
    if (c->in[0]->kind != IG_KIND_SEQUENCE) return not_sequence(c);
    IG_TRY(position(c, 1, 0, c->in[0]->n_items, false, &at));
    return ig_call_set(c, 0, ig_tensor_clone(c->in[0]->items[at]));
}

const ig_op ig_op_sequence_at = {.name = "SequenceAt", .domain = "", .since = 11, .infer = infer_at, .run = run_at};

static ig_status infer_erase(ig_infer *c) { return ig_infer_set_type(c, 0, c->in[0]); }

static ig_status run_erase(ig_call *c) {
    const ig_tensor *x = c->in[0];
    size_t at;
    if (x->kind != IG_KIND_SEQUENCE) return not_sequence(c);
    IG_TRY(position(c, 1, -1, x->n_items, false, &at));
    ig_tensor *s = ig_tensor_new_kind(c->context, IG_KIND_SEQUENCE);
    ig_status status = s ? append_range(c, s, x, 0, at) : ig_oom(c->err);
    if (status == IG_OK) status = append_range(c, s, x, at + 1, x->n_items);
    return give(c, status, s);
}

const ig_op ig_op_sequence_erase = {.name = "SequenceErase", .domain = "", .since = 11, .infer = infer_erase, .run = run_erase};

static ig_status infer_insert(ig_infer *c) {
    const ig_type *of = ig_infer_element(c, 0);
    IG_TRY(join_into(c, c->n_in > 1 ? c->in[1] : NULL, &of));
    return ig_infer_set_sequence(c, of);
}

static ig_status run_insert(ig_call *c) {
    const ig_tensor *x = c->in[0], *item = c->in[1];
    size_t at;
    if (x->kind != IG_KIND_SEQUENCE) return not_sequence(c);
    if (x->n_items && (x->items[0]->kind != item->kind || x->items[0]->dtype != item->dtype))
        return ig_call_fail(c, "the value has another type than those in the sequence");
    IG_TRY(position(c, 2, (int64_t)x->n_items, x->n_items, true, &at));
    ig_tensor *s = ig_tensor_new_kind(c->context, IG_KIND_SEQUENCE);
    ig_status status = s ? append_range(c, s, x, 0, at) : ig_oom(c->err);
    if (status == IG_OK) status = append(c, s, ig_call_keep(c, item));
    if (status == IG_OK) status = append_range(c, s, x, at, x->n_items);
    return give(c, status, s);
}

const ig_op ig_op_sequence_insert = {
    .name = "SequenceInsert", .domain = "", .since = 11, .infer = infer_insert, .run = run_insert};

/* -------------------------------------------------------------------------------------------------------------- Length */

static ig_status infer_length(ig_infer *c) { return ig_infer_set(c, 0, IG_I64, &(ig_shape){.rank = 0}); }

static ig_status run_length(ig_call *c) {
    if (c->in[0]->kind != IG_KIND_SEQUENCE) return not_sequence(c);
    *(int64_t *)c->out[0]->data = (int64_t)c->in[0]->n_items;
    return IG_OK;
}

const ig_op ig_op_sequence_length = {
    .name = "SequenceLength", .domain = "", .since = 11, .infer = infer_length, .run = run_length};
