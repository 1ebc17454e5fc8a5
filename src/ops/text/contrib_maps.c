/* StringMapping, StringToVector and VectorToString of ai.onnx.contrib: tables in the text of the attribute `map`, one entry a
 * line, key and value apart by a tab, numbers apart by spaces. */
#include "ops/text/text.h"

typedef struct table {
    ig_arena arena;
    ig_names names; /* keys: strings, or the bytes of int64 numbers */
    ig_map values;  /* name -> ig_str, or an array of `width` numbers */
    size_t width;
    int64_t *unknown;
} table;

typedef enum content { STRINGS, TO_VECTOR, FROM_VECTOR } content;

/* The next piece that isn't empty; false at the end. */
static bool next_piece(ig_str *rest, char separator, ig_str *piece) {
    while (rest->n) {
        const char *end = memchr(rest->s, separator, rest->n);
        *piece = (ig_str){rest->s, end ? (size_t)(end - rest->s) : rest->n};
        size_t used = ig_min_size(piece->n + 1, rest->n);
        *rest = (ig_str){rest->s + used, rest->n - used};
        if (piece->n) return true;
    }
    return false;
}

static bool key_and_value(ig_str line, ig_str *key, ig_str *value) {
    ig_str more;
    return next_piece(&line, '\t', key) && next_piece(&line, '\t', value) && !next_piece(&line, '\t', &more);
}

static size_t count_numbers(ig_str text) {
    ig_str piece;
    size_t n = 0;
    while (next_piece(&text, ' ', &piece)) n++;
    return n;
}

/* Numbers in the first line; 0 when there is none. */
static size_t vector_width(const ig_node *node) {
    ig_str map = ig_attr_str(node, "map"), line, key, value;
    return next_piece(&map, '\n', &line) && key_and_value(line, &key, &value) ? count_numbers(value) : 0;
}

static ig_status bad_line(ig_prepare *p, ig_str line) {
    return ig_fail(p->err, IG_E_INPUT, "the table has a malformed line '%.*s'", (int)ig_min_size(line.n, 80), line.s);
}

/* `width` numbers of a text. */
static ig_status parse_numbers(ig_prepare *p, table *t, ig_str text, int64_t **out) {
    ig_str rest = text, piece;
    *out = IG_NEW_ARRAY(&t->arena, int64_t, t->width);
    if (!*out) return ig_oom(p->err);
    for (size_t i = 0; i < t->width; i++) {
        if (!next_piece(&rest, ' ', &piece) || !ig_str_to_i64(piece, &(*out)[i])) return bad_line(p, text);
    }
    return next_piece(&rest, ' ', &piece) ? bad_line(p, text) : IG_OK;
}

static ig_status add_line(ig_prepare *p, table *t, ig_str line, content kind) {
    ig_str key, text;
    int64_t *numbers = NULL;
    if (!key_and_value(line, &key, &text)) return bad_line(p, line);
    if (kind != STRINGS) IG_TRY(parse_numbers(p, t, text, &numbers));
    void *value = numbers;
    if (kind == FROM_VECTOR) {
        text = key;
        key = (ig_str){(const char *)numbers, t->width * sizeof *numbers};
    }
    if (kind != TO_VECTOR) {
        ig_str *copy = value = IG_NEW(&t->arena, ig_str);
        if (copy) *copy = text; /* the attribute outlives the state */
    }
    bool ok = true;
    ig_name name = ig_intern(&t->names, key, &ok);
    return ok && value && ig_map_set(&t->values, IG_KEY(name), value) ? IG_OK : ig_oom(p->err);
}

static void release_table(ig_context *context, void *state) {
    table *t = state;
    ig_arena_free(&t->arena);
    ig_release(context, t);
}

static ig_status fill(ig_prepare *p, table *t, content kind) {
    ig_str rest = ig_attr_str(p->node, "map"), line;
    if (kind != STRINGS && (t->width = vector_width(p->node)) == 0)
        return ig_fail(p->err, IG_E_INPUT, "the table's first line has no numbers");
    if (kind == TO_VECTOR) IG_TRY(parse_numbers(p, t, ig_attr_str(p->node, "unk"), &t->unknown));
    while (next_piece(&rest, '\n', &line)) IG_TRY(add_line(p, t, line, kind));
    return IG_OK;
}

static ig_status prepare_table(ig_prepare *p, content kind) {
    table *t = ig_calloc(p->context, sizeof *t);
    if (!t) return ig_oom(p->err);
    ig_arena_init(&t->arena, p->context);
    ig_names_init(&t->names, &t->arena);
    ig_map_init(&t->values, &t->arena);
    ig_status status = fill(p, t, kind);
    if (status == IG_OK)
        p->state = t;
    else
        release_table(p->context, t);
    return status;
}

static ig_status prepare_strings(ig_prepare *p) { return prepare_table(p, STRINGS); }
static ig_status prepare_to_vector(ig_prepare *p) { return prepare_table(p, TO_VECTOR); }
static ig_status prepare_from_vector(ig_prepare *p) { return prepare_table(p, FROM_VECTOR); }

static void *find(const table *t, ig_str key) {
    ig_name name = ig_names_find(&t->names, key);
    return name ? ig_map_get(&t->values, IG_KEY(name)) : NULL;
}

/* ------------------------------------------------------------------------------------------------------- StringMapping */

static ig_status run_mapping(ig_call *c) {
    IG_TRY(ig_call_strings(c, 0));
    for (size_t i = 0; i < c->in[0]->count; i++) {
        ig_str s = ig_tensor_strings(c->in[0])[i];
        const ig_str *to = find(c->state, s);
        if (!ig_tensor_set_string(c->out[0], i, to ? *to : s)) return ig_oom(c->err);
    }
    return IG_OK;
}

const ig_op ig_op_contrib_string_mapping = {.name = "StringMapping",
                                            .domain = "ai.onnx.contrib",
                                            .since = 1,
                                            .infer = ig_infer_same,
                                            .run = run_mapping,
                                            .prepare = prepare_strings,
                                            .release = release_table};

/* ------------------------------------------------------------------------------------------------------ StringToVector */

static ig_status infer_to_vector(ig_infer *c) {
    ig_shape x;
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, IG_I64, NULL);
    if (x.rank == IG_MAX_RANK) return ig_infer_fail(c, "the result would pass rank %d", IG_MAX_RANK);
    x.dims[x.rank++] = ig_dim_of((int64_t)vector_width(c->node));
    return ig_infer_set(c, 0, IG_I64, &x);
}

static ig_status run_to_vector(ig_call *c) {
    const table *t = c->state;
    IG_TRY(ig_call_strings(c, 0));
    for (size_t i = 0; i < c->in[0]->count; i++) {
        const int64_t *found = find(t, ig_tensor_strings(c->in[0])[i]);
        memcpy((int64_t *)c->out[0]->data + i * t->width, found ? found : t->unknown, t->width * sizeof *found);
    }
    return IG_OK;
}

const ig_op ig_op_contrib_string_to_vector = {.name = "StringToVector",
                                              .domain = "ai.onnx.contrib",
                                              .since = 1,
                                              .infer = infer_to_vector,
                                              .run = run_to_vector,
                                              .prepare = prepare_to_vector,
                                              .release = release_table};

/* ------------------------------------------------------------------------------------------------------ VectorToString */

static ig_status infer_from_vector(ig_infer *c) {
    ig_shape x;
    int64_t width = (int64_t)vector_width(c->node);
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, IG_STRING, NULL);
    if (width == 1 && x.rank <= 1) return ig_infer_set(c, 0, IG_STRING, &x);
    if (x.rank == 0 || ig_dim_differ(x.dims[x.rank - 1], ig_dim_of(width)))
        return ig_infer_fail(c, "vectors of %lld numbers are wanted", (long long)width);
    x.rank--;
    return ig_infer_set(c, 0, IG_STRING, &x);
}

static ig_status run_from_vector(ig_call *c) {
    const table *t = c->state;
    const ig_tensor *x = c->in[0];
    ig_str unknown = ig_attr_str(c->node, "unk");
    if (!c->out[0] || x->dtype != IG_I64 || x->count != c->out[0]->count * t->width)
        return ig_call_fail(c, "vectors of %zu numbers of type int64 are wanted", t->width);
    for (size_t i = 0; i < c->out[0]->count; i++) {
        ig_str key = {(const char *)x->data + i * t->width * sizeof(int64_t), t->width * sizeof(int64_t)};
        const ig_str *found = find(t, key);
        if (!ig_tensor_set_string(c->out[0], i, found ? *found : unknown)) return ig_oom(c->err);
    }
    return IG_OK;
}

const ig_op ig_op_contrib_vector_to_string = {.name = "VectorToString",
                                              .domain = "ai.onnx.contrib",
                                              .since = 1,
                                              .infer = infer_from_vector,
                                              .run = run_from_vector,
                                              .prepare = prepare_from_vector,
                                              .release = release_table};
