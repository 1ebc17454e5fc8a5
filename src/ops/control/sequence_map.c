/* SequenceMap: version 17. Runs a graph for each entry of a sequence; further inputs are sequences of the same length or
 * tensors that every run gets. */
#include "ops/control/control.h"

static ig_status infer(ig_infer *c) {
    ig_graph *body = ig_attr_graph(c->node, "body");
    size_t n;
    if (!c->body || !body) return IG_OK;
    if (body->inputs.n != c->n_in)
        return ig_infer_fail(c, "the body takes %zu inputs, the node gives %zu", (size_t)body->inputs.n, c->n_in);
    const ig_type **in = IG_NEW_ARRAY(c->arena, const ig_type *, c->n_in);
    const ig_type *const *out;
    if (!in) return ig_oom(c->err);
    for (size_t i = 0; i < c->n_in; i++) in[i] = c->in[i] && c->in[i]->kind == IG_KIND_SEQUENCE ? c->in[i]->of : c->in[i];
    IG_TRY(c->body(c, body, in, c->n_in, &out, &n));
    if (n != c->n_out) return ig_infer_fail(c, "the body gives %zu values, the node has %zu outputs", n, c->n_out);
    for (size_t o = 0; o < n; o++) {
        const ig_type *t = ig_type_of_kind(c->arena, IG_KIND_SEQUENCE, IG_UNDEFINED, out[o]);
        if (!t) return ig_oom(c->err);
        IG_TRY(ig_infer_set_type(c, o, t));
    }
    return IG_OK;
}

static ig_status check_inputs(ig_call *c, const ig_graph *body) {
    if (!body) return ig_call_fail(c, "attribute 'body' with a graph is missing");
    if (body->inputs.n != c->n_in || body->outputs.n < c->n_out)
        return ig_call_fail(c, "the body has %zu inputs and %zu outputs, the node %zu and %zu", (size_t)body->inputs.n,
                            (size_t)body->outputs.n, c->n_in, c->n_out);
    if (!c->in[0] || c->in[0]->kind != IG_KIND_SEQUENCE) return ig_call_fail(c, "the first input must be a sequence");
    for (size_t i = 1; i < c->n_in; i++) {
        if (!c->in[i]) return ig_call_fail(c, "input %zu is not given", i);
        if (c->in[i]->kind == IG_KIND_SEQUENCE && c->in[i]->n_items != c->in[0]->n_items)
            return ig_call_fail(c, "input %zu has %zu entries, the first input has %zu", i, c->in[i]->n_items,
                                c->in[0]->n_items);
    }
    return IG_OK;
}

/* Results go to the end of the sequences; all are handed over or freed. */
static bool take(ig_call *c, ig_tensor **out, size_t n) {
    bool ok = true;
    for (size_t o = 0; o < n; o++) {
        bool taken = ok && o < c->n_out && c->out[o] && ig_tensor_append(c->out[o], out[o]);
        ok &= taken || o >= c->n_out || !c->out[o];
        if (!taken) ig_tensor_free(out[o]);
    }
    return ok;
}

static ig_status run(ig_call *c) {
    const ig_graph *body = ig_attr_graph(c->node, "body");
    IG_TRY(check_inputs(c, body));
    ig_tensor **in = ig_call_scratch(c, (c->n_in + body->outputs.n) * sizeof *in), **out = in + c->n_in;
    if (!in) return ig_oom(c->err);
    for (size_t o = 0; o < c->n_out; o++)
        if (c->wanted[o]) IG_TRY(ig_call_set(c, o, ig_tensor_new_kind(c->context, IG_KIND_SEQUENCE)));
    for (size_t k = 0; k < c->in[0]->n_items; k++) {
        for (size_t i = 0; i < c->n_in; i++) {
            const ig_tensor *t = c->in[i];
            in[i] = t->kind == IG_KIND_SEQUENCE ? t->items[k] : (ig_tensor *)(uintptr_t)t;
        }
        IG_TRY(ig_call_graph(c, "body", in, c->n_in, out));
        if (!take(c, out, body->outputs.n)) return ig_oom(c->err);
    }
    return IG_OK;
}

const ig_op ig_op_sequence_map = {"", "SequenceMap", 17, 0, IG_OP_DYNAMIC | IG_OP_GRAPHS, infer, run, NULL, NULL};
