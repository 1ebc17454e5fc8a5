/* If: versions 1, 11, 13, 16, 19, 21, 23, 24, 25. Runs one of two graphs. */
#include "ops/control/control.h"

static ig_status infer_branch(ig_infer *c, const char *attr, const ig_type *const **types, bool *known) {
    ig_graph *g = ig_attr_graph(c->node, attr);
    size_t n = 0;
    *known = false;
    if (!g) return ig_infer_fail(c, "attribute '%s' with a graph is missing", attr);
    IG_TRY(c->body(c, g, NULL, 0, types, &n));
    if (n != c->n_out) return ig_infer_fail(c, "%s gives %zu values, the node has %zu outputs", attr, n, c->n_out);
    *known = true;
    return IG_OK;
}

/* Both branches are inferred even if the condition is known, for the values in them. */
static ig_status infer(ig_infer *c) {
    const ig_type *const *then_types, *const *else_types;
    bool then_known, else_known;
    int64_t cond;
    if (!c->body) return IG_OK; /* at run time the branch that runs says it */
    IG_TRY(infer_branch(c, "then_branch", &then_types, &then_known));
    IG_TRY(infer_branch(c, "else_branch", &else_types, &else_known));
    bool decided = ig_infer_int(c, 0, &cond);
    for (size_t i = 0; i < c->n_out; i++) {
        const ig_type *t;
        if (!ig_type_join(c->arena, then_types[i], else_types[i], &t)) {
            char a[300], b[300];
            ig_type_text(then_types[i], a, sizeof a);
            ig_type_text(else_types[i], b, sizeof b);
            return ig_infer_fail(c, "output %zu is %s of then_branch, but %s of else_branch", i, a, b);
        }
        IG_TRY(ig_infer_set_type(c, i, !decided ? t : cond ? then_types[i] : else_types[i]));
    }
    return IG_OK;
}

static ig_status run(ig_call *c) {
    const ig_tensor *cond = c->in[0];
    if (!cond || cond->dtype != IG_BOOL || cond->count != 1)
        return ig_call_fail(c, "the condition must be one boolean, it has %zu elements", cond ? cond->count : 0);
    const char *attr = *(const bool *)cond->data ? "then_branch" : "else_branch";
    const ig_graph *g = ig_attr_graph(c->node, attr);
    if (!g) return ig_call_fail(c, "attribute '%s' with a graph is missing", attr);
    ig_tensor **out = ig_call_scratch(c, (g->outputs.n + 1) * sizeof *out);
    if (!out) return ig_oom(c->err);
    IG_TRY(ig_call_graph(c, attr, NULL, 0, out));
    ig_status status = IG_OK;
    for (size_t i = 0; i < g->outputs.n; i++) {
        if (status == IG_OK && i < c->n_out && c->wanted[i])
            status = ig_call_set(c, i, out[i]);
        else
            ig_tensor_free(out[i]);
    }
    return status;
}

const ig_op ig_op_if = {"", "If", 1, 0, IG_OP_DYNAMIC | IG_OP_GRAPHS, infer, run, NULL, NULL};
