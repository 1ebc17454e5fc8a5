/* Scan: version 8 (a batch in front, lengths per entry of the batch) and versions 9, 11, 16, 19, 21, 23, 24, 25. The graph runs
 * for each position along an axis of the scan inputs, carrying state values. */
#include "ops/control/control.h"

/* The node's inputs are states, then scan inputs; version 8 has the lengths before them. */
static size_t first_value(const ig_node *node) { return node->schema->since == 8 ? 1 : 0; }

/* Number of scan inputs; false when the attribute can't be right. */
static bool split(const ig_node *node, size_t n_in, size_t *n_states, size_t *n_scans) {
    int64_t n = ig_attr_int(node, "num_scan_inputs");
    size_t first = first_value(node);
    if (n < 1 || n_in < first || (uint64_t)n > n_in - first) return false;
    *n_scans = (size_t)n;
    *n_states = n_in - first - (size_t)n;
    return true;
}

/* Entry i of a list attribute, 0 when there is none. */
static int64_t entry(const ig_node *node, const char *name, size_t i) {
    size_t n;
    const int64_t *list = ig_attr_ints(node, name, &n);
    return i < n ? list[i] : 0;
}

static bool is_reversed(const ig_node *node, const char *name, size_t i) { return entry(node, name, i) != 0; }

/* ----------------------------------------------------------------------------------------------------------- inference */

typedef struct scan_types {
    ig_infer *c;
    size_t n_states, n_scans, first;
    int lead; /* batch axes in front: 1 in version 8 */
    ig_dim batch, length;
} scan_types;

/* The same dim seen in several inputs. */
static ig_status same_dim(scan_types *s, ig_dim *known, ig_dim d, size_t input, const char *what) {
    if (!ig_dim_merge(*known, d, known)) {
        char a[80], b[80];
        ig_dim_text(*known, a, sizeof a);
        ig_dim_text(d, b, sizeof b);
        return ig_infer_fail(s->c, "input %zu has %s %s, inputs before it have %s", input, what, b, a);
    }
    return IG_OK;
}

/* The type of input i without its batch and, for a scan input, without the scanned axis. */
static ig_status element_type(scan_types *s, size_t i, bool scanned, const ig_type **out) {
    ig_infer *c = s->c;
    size_t input = s->first + i;
    const ig_type *t = c->in[input];
    ig_shape shape;
    *out = t;
    if (!t || (!scanned && s->lead == 0)) return IG_OK;
    if (!ig_infer_shape(c, input, &shape)) {
        *out = ig_type_tensor(c->arena, t->dtype, NULL);
        return IG_OK;
    }
    if (shape.rank < s->lead + (scanned ? 1 : 0)) return ig_infer_fail(c, "input %zu has too few dimensions", input);
    if (s->lead) IG_TRY(same_dim(s, &s->batch, shape.dims[0], input, "batch"));
    int axis = s->lead;
    if (scanned && !s->lead)
        IG_TRY(ig_infer_axis(c, entry(c->node, "scan_input_axes", i - s->n_states), shape.rank, false, &axis));
    if (scanned) IG_TRY(same_dim(s, &s->length, shape.dims[axis], input, "scan length"));
    ig_shape element = {.rank = 0};
    for (int k = s->lead; k < shape.rank; k++) {
        if (!(scanned && k == axis)) element.dims[element.rank++] = shape.dims[k];
    }
    *out = ig_type_tensor(c->arena, t->dtype, &element);
    return IG_OK;
}

static ig_status set_output(scan_types *s, size_t o, const ig_type *element) {
    ig_infer *c = s->c;
    bool bad = false;
    const ig_type *t = element;
    if (o >= s->n_states) {
        int64_t axis = entry(c->node, "scan_output_axes", o - s->n_states);
        t = ig_type_stack(c->arena, t, axis, s->length, &bad);
        if (bad) return ig_infer_fail(c, "scan output axis %lld is outside of output %zu", (long long)axis, o);
    }
    if (s->lead) t = ig_type_stack(c->arena, t, 0, s->batch, &bad);
    return ig_infer_set_type(c, o, t);
}

/* A state keeps its shape, the specification demands it: what is known before or after the body holds for both. */
static ig_status keep_shape(ig_infer *c, const ig_type *before, const ig_type *after, const ig_type **t) {
    bool tensors = before && after && before->kind == IG_KIND_TENSOR && after->kind == IG_KIND_TENSOR;
    if (tensors && before->rank < 0) *t = after;
    if (!tensors || before->rank < 0 || before->rank != after->rank || before->rank > IG_MAX_RANK) return IG_OK;
    ig_shape shape = {.rank = before->rank};
    for (int k = 0; k < shape.rank; k++)
        if (!ig_dim_merge(before->dims[k], after->dims[k], &shape.dims[k])) shape.dims[k] = ig_dim_unknown();
    *t = ig_type_tensor(c->arena, after->dtype, &shape);
    return *t ? IG_OK : ig_oom(c->err);
}

static ig_status infer(ig_infer *c) {
    ig_graph *body = ig_attr_graph(c->node, "body");
    scan_types s = {.c = c, .first = first_value(c->node), .batch = ig_dim_unknown(), .length = ig_dim_unknown()};
    if (!c->body || !body) return IG_OK;
    s.lead = (int)s.first;
    if (!split(c->node, c->n_in, &s.n_states, &s.n_scans))
        return ig_infer_fail(c, "num_scan_inputs is %lld of %zu inputs", (long long)ig_attr_int(c->node, "num_scan_inputs"),
                             c->n_in);
    size_t n_values = s.n_states + s.n_scans, n;
    if (body->inputs.n != n_values)
        return ig_infer_fail(c, "the body takes %zu inputs, the node gives %zu", body->inputs.n, n_values);
    if (c->n_out < s.n_states)
        return ig_infer_fail(c, "%zu states are carried, but the node has %zu outputs", s.n_states, c->n_out);
    const ig_type **in = IG_NEW_ARRAY(c->arena, const ig_type *, n_values);
    const ig_type *const *out;
    if (!in) return ig_oom(c->err);
    for (size_t i = 0; i < n_values; i++) IG_TRY(element_type(&s, i, i >= s.n_states, &in[i]));
    IG_TRY(c->body(c, body, in, n_values, &out, &n));
    if (n != c->n_out) return ig_infer_fail(c, "the body gives %zu values, the node has %zu outputs", n, c->n_out);
    for (size_t o = 0; o < n; o++) {
        const ig_type *t = out[o];
        if (o < s.n_states && in[o] && !ig_type_join(c->arena, in[o], out[o], &t))
            return ig_infer_fail(c, "state %zu has another type after the body than before", o);
        if (o < s.n_states) IG_TRY(keep_shape(c, in[o], out[o], &t));
        IG_TRY(set_output(&s, o, t ? t : out[o]));
    }
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------------------------- running */

typedef struct scan {
    ig_call *c;
    const ig_graph *body;
    size_t n_states, n_scans, n_rows;
    ig_tensor **in;     /* of the body */
    ig_tensor **out;    /* of the body */
    ig_slicer *slicers; /* one per scan input */
    ig_rows *rows;      /* one per scan output */
    bool own;           /* states are results of the body */
} scan;

static ig_status start(ig_call *c, scan *s) {
    *s = (scan){.c = c, .body = ig_attr_graph(c->node, "body")};
    if (!s->body) return ig_call_fail(c, "attribute 'body' with a graph is missing");
    if (!split(c->node, c->n_in, &s->n_states, &s->n_scans))
        return ig_call_fail(c, "num_scan_inputs is %lld of %zu inputs", (long long)ig_attr_int(c->node, "num_scan_inputs"),
                            c->n_in);
    size_t n_in = s->n_states + s->n_scans, n_out = s->body->outputs.n;
    if (s->body->inputs.n != n_in || n_out < s->n_states)
        return ig_call_fail(c, "%zu states and %zu scan inputs are given, but the body has %zu inputs and %zu outputs",
                            s->n_states, s->n_scans, (size_t)s->body->inputs.n, n_out);
    for (size_t i = first_value(c->node); i < c->n_in; i++)
        if (!c->in[i]) return ig_call_fail(c, "input %zu is not given", i);
    s->n_rows = n_out - s->n_states;
    s->in = ig_call_scratch(c, (n_in + n_out) * sizeof *s->in);
    s->slicers = ig_call_scratch(c, s->n_scans * sizeof *s->slicers);
    s->rows = ig_call_scratch(c, s->n_rows * sizeof *s->rows);
    if (!s->in || !s->slicers || !s->rows) {
        s->n_rows = 0;
        return ig_oom(c->err);
    }
    s->out = s->in + n_in;
    memset(s->rows, 0, s->n_rows * sizeof *s->rows);
    return IG_OK;
}

static ig_status step(scan *s, int64_t t) {
    ig_call *c = s->c;
    ig_status status = IG_OK;
    for (size_t i = 0; i < s->n_scans; i++) {
        const char *list = c->node->schema->since == 8 ? "directions" : "scan_input_directions";
        int64_t at = is_reversed(c->node, list, i) ? s->slicers[i].length - 1 - t : t;
        s->in[s->n_states + i] = ig_slicer_at(&s->slicers[i], at);
    }
    IG_TRY(ig_call_graph(c, "body", s->in, s->n_states + s->n_scans, s->out));
    for (size_t i = 0; i < s->n_states; i++) {
        if (s->own) ig_tensor_free(s->in[i]);
        s->in[i] = s->out[i];
    }
    s->own = true;
    for (size_t i = 0; i < s->n_rows; i++) {
        ig_tensor *row = s->out[s->n_states + i];
        size_t o = s->n_states + i;
        if (status == IG_OK && o < c->n_out && c->wanted[o]) status = ig_rows_add(c, &s->rows[i], row);
        ig_tensor_free(row);
    }
    return status;
}

static ig_status steps(scan *s, int64_t n) {
    uint64_t limit = s->c->context->limits.loop_iterations;
    if ((uint64_t)n > limit) {
        ig_fail(s->c->err, IG_E_LIMIT, "a scan over %lld positions passes the limit of %llu iterations", (long long)n,
                (unsigned long long)limit);
        ig_error_hint(s->c->err, "raise the context's limit of loop iterations if the model is to be trusted");
        return IG_E_LIMIT;
    }
    for (int64_t t = 0; t < n; t++) IG_TRY(step(s, t));
    return IG_OK;
}

static void free_states(scan *s) {
    for (size_t i = 0; s->own && i < s->n_states; i++) ig_tensor_free(s->in[i]);
    s->own = false;
}

static ig_status slice_inputs(scan *s, int64_t *length) {
    ig_call *c = s->c;
    for (size_t i = 0; i < s->n_scans; i++) {
        IG_TRY(ig_slicer_init(c, &s->slicers[i], c->in[s->n_states + i], entry(c->node, "scan_input_axes", i)));
        if (i && s->slicers[i].length != *length)
            return ig_call_fail(c, "scan input %zu has length %lld, the first has %lld", i, (long long)s->slicers[i].length,
                                (long long)*length);
        *length = s->slicers[i].length;
    }
    for (size_t i = 0; i < s->n_rows; i++) s->rows[i].expected = *length;
    return IG_OK;
}

static ig_status run_all(scan *s) {
    ig_call *c = s->c;
    int64_t length = 0;
    IG_TRY(slice_inputs(s, &length));
    for (size_t i = 0; i < s->n_states; i++) s->in[i] = (ig_tensor *)(uintptr_t)c->in[i];
    IG_TRY(steps(s, length));
    for (size_t i = 0; i < s->n_states && i < c->n_out; i++) {
        if (!c->wanted[i]) continue;
        IG_TRY(ig_call_set(c, i, s->own ? ig_tensor_clone(s->in[i]) : ig_call_keep(c, s->in[i])));
    }
    for (size_t i = 0; i < s->n_rows; i++) {
        size_t o = s->n_states + i;
        IG_TRY(ig_rows_finish(c, &s->rows[i], o, entry(c->node, "scan_output_axes", i),
                              is_reversed(c->node, "scan_output_directions", i), &s->body->outputs.items[o]));
    }
    return IG_OK;
}

static ig_status run(ig_call *c) {
    scan s;
    ig_status status = start(c, &s);
    if (status == IG_OK) status = run_all(&s);
    free_states(&s);
    for (size_t i = 0; i < s.n_rows; i++) ig_rows_free(&s.rows[i]);
    return status;
}

/* ------------------------------------------------------------------------------------------------------------ version 8 */

typedef struct batch {
    int64_t size, length;
    const ig_tensor *lengths;
    ig_slicer *slicers; /* over the batch: one per input after the lengths */
    ig_rows *finals;    /* states of each entry */
} batch;

static ig_status measure(scan *s, batch *b) {
    ig_call *c = s->c;
    b->lengths = c->in[0];
    for (size_t i = 0; i < s->n_states + s->n_scans; i++) {
        const ig_tensor *t = c->in[i + 1];
        IG_TRY(ig_slicer_init(c, &b->slicers[i], t, 0));
        if (i && b->slicers[i].length != b->size) return ig_call_fail(c, "input %zu has another batch than the first", i + 1);
        b->size = b->slicers[i].length;
        if (i < s->n_states) continue;
        if (t->rank < 2) return ig_call_fail(c, "a scan input needs a batch and a sequence axis");
        if (i > s->n_states && t->dims[1] != b->length) return ig_call_fail(c, "scan inputs have different lengths");
        b->length = t->dims[1];
    }
    if (!b->lengths) return IG_OK;
    if (b->lengths->dtype != IG_I64 || b->lengths->count != (size_t)b->size)
        return ig_call_fail(c, "sequence_lens has %zu entries, the batch %lld", b->lengths->count, (long long)b->size);
    for (int64_t i = 0; i < b->size; i++) {
        int64_t n = ((const int64_t *)b->lengths->data)[i];
        if (n < 0 || n > b->length)
            return ig_call_fail(c, "sequence_lens[%lld] is %lld, the sequences have %lld positions", (long long)i, (long long)n,
                                (long long)b->length);
    }
    return IG_OK;
}

/* One entry of the batch; rows past its length are zero. */
static ig_status run_entry(scan *s, batch *b, int64_t at) {
    ig_call *c = s->c;
    int64_t length = b->lengths ? ((const int64_t *)b->lengths->data)[at] : b->length;
    for (size_t i = 0; i < s->n_states; i++) s->in[i] = ig_slicer_at(&b->slicers[i], at);
    for (size_t i = 0; i < s->n_scans; i++)
        IG_TRY(ig_slicer_init(c, &s->slicers[i], ig_slicer_at(&b->slicers[s->n_states + i], at), 0));
    for (size_t i = 0; i < s->n_scans; i++) s->slicers[i].length = length; /* backward begins at the last valid one */
    IG_TRY(steps(s, length));
    for (size_t i = 0; i < s->n_states; i++) IG_TRY(ig_rows_add(c, &b->finals[i], s->in[i]));
    free_states(s);
    for (size_t i = 0; i < s->n_rows; i++)
        for (int64_t t = length; t < b->length; t++) IG_TRY(ig_rows_add_zeros(c, &s->rows[i]));
    return IG_OK;
}

static ig_status finish_batch(scan *s, batch *b) {
    ig_call *c = s->c;
    for (size_t i = 0; i < s->n_states; i++) IG_TRY(ig_rows_finish(c, &b->finals[i], i, 0, false, &s->body->outputs.items[i]));
    for (size_t i = 0; i < s->n_rows; i++) {
        size_t o = s->n_states + i;
        if (o >= c->n_out || !c->wanted[o]) continue;
        IG_TRY(ig_rows_finish(c, &s->rows[i], o, 0, false, &s->body->outputs.items[o]));
        ig_tensor *flat = c->out[o];
        int64_t dims[IG_MAX_RANK] = {b->size, flat->dims[0] ? b->length : 0};
        if (flat->rank >= IG_MAX_RANK) return ig_call_fail(c, "a value of rank %d can't be stacked", flat->rank);
        memcpy(dims + 2, flat->dims + 1, (size_t)(flat->rank - 1) * sizeof *dims);
        IG_TRY(ig_call_set(c, o, ig_tensor_view(flat, flat->rank + 1, dims)));
    }
    return IG_OK;
}

static ig_status run_batch(scan *s, batch *b) {
    ig_call *c = s->c;
    size_t n = s->n_states + s->n_scans;
    b->slicers = ig_call_scratch(c, n * sizeof *b->slicers);
    b->finals = ig_call_scratch(c, s->n_states * sizeof *b->finals);
    if (!b->slicers || !b->finals) {
        b->finals = NULL;
        return ig_oom(c->err);
    }
    memset(b->finals, 0, s->n_states * sizeof *b->finals);
    IG_TRY(measure(s, b));
    for (int64_t at = 0; at < b->size; at++) IG_TRY(run_entry(s, b, at));
    return finish_batch(s, b);
}

static ig_status run_8(ig_call *c) {
    scan s;
    batch b = {0};
    ig_status status = start(c, &s);
    if (status == IG_OK) status = run_batch(&s, &b);
    free_states(&s);
    for (size_t i = 0; i < s.n_rows; i++) ig_rows_free(&s.rows[i]);
    for (size_t i = 0; b.finals && i < s.n_states; i++) ig_rows_free(&b.finals[i]);
    return status;
}

const ig_op ig_op_scan_8 = {"", "Scan", 8, 8, IG_OP_DYNAMIC | IG_OP_GRAPHS, infer, run_8, NULL, NULL};
const ig_op ig_op_scan = {"", "Scan", 9, 0, IG_OP_DYNAMIC | IG_OP_GRAPHS, infer, run, NULL, NULL};
