/* Folds a BatchNormalization behind a Conv into the Conv's weight and bias.
 *
 *     t = Conv(x, w, b); y = BatchNormalization(t, s, o, m, v)   =>   y = Conv(x, w * k, (b - m) * k + o),  k = s / sqrt(v +
 * eps)
 *
 * Right because both are linear per output channel: Ioffe, Szegedy: Batch Normalization (2015), section 3.1. All of w, b, s, o,
 * m, v must be constants of floats, and the Conv's result must have no other reader. */
#include "passes/match.h"

#include <math.h>

typedef struct parts {
    const ig_tensor *w, *b, *scale, *offset, *mean, *variance;
    float epsilon;
} parts;

/* A float constant with `n` elements (any number when n is 0). */
static const ig_tensor *floats(ig_node *n, uint32_t i, size_t count) {
    ig_tensor *t;
    ig_value *v = i < n->n_in ? n->in[i] : NULL;
    if (!v || !v->constant || v->is_input || ig_const_tensor(v->graph->model, v->constant, &t, NULL) != IG_OK) return NULL;
    return t->kind == IG_KIND_TENSOR && t->dtype == IG_F32 && (!count || t->count == count) ? t : NULL;
}

static bool match(ig_node *conv, ig_node *norm, parts *p) {
    if (!norm || !ig_node_is(norm, "", "BatchNormalization") || !norm->schema || norm->in[0] != conv->out[0]) return false;
    for (uint32_t o = 1; o < norm->n_out; o++)
        if (norm->out[o] && norm->out[o]->n_uses) return false;
    if (norm->schema->since < 7 ? ig_attr_int(norm, "is_test") == 0
                                : norm->schema->since >= 14 && ig_attr_int(norm, "training_mode"))
        return false;
    if (norm->schema->since < 9 && !ig_attr_int(norm, "spatial")) return false;
    p->w = floats(conv, 1, 0);
    if (!p->w || p->w->rank < 3) return false;
    size_t n = (size_t)p->w->dims[0];
    bool has_bias = conv->n_in > 2 && conv->in[2];
    p->b = has_bias ? floats(conv, 2, n) : NULL;
    p->scale = floats(norm, 1, n);
    p->offset = floats(norm, 2, n);
    p->mean = floats(norm, 3, n);
    p->variance = floats(norm, 4, n);
    p->epsilon = ig_attr_float(norm, "epsilon");
    return n && (p->b || !has_bias) && p->scale && p->offset && p->mean && p->variance;
}

static float at(const ig_tensor *t, size_t i) { return ig_load_f32((const char *)t->data + i * sizeof(float)); }

static bool fold(ig_node *conv, ig_node *norm, const parts *p) {
    ig_build b = ig_build_before(conv);
    ig_tensor *w = NULL, *bias = NULL;
    ig_context *context = conv->graph->model->context;
    size_t n = (size_t)p->w->dims[0], each = p->w->count / n;
    if (ig_tensor_new(&w, context, IG_F32, p->w->rank, p->w->dims, NULL) != IG_OK) return false;
    if (ig_tensor_new(&bias, context, IG_F32, 1, p->w->dims, NULL) != IG_OK) {
        ig_tensor_free(w);
        return false;
    }
    float *to = w->data, *shift = bias->data;
    for (size_t i = 0; i < n; i++) {
        double k = (double)at(p->scale, i) / sqrt((double)at(p->variance, i) + (double)p->epsilon);
        for (size_t j = 0; j < each; j++) to[i * each + j] = (float)((double)at(p->w, i * each + j) * k);
        shift[i] = (float)(((p->b ? (double)at(p->b, i) : 0) - (double)at(p->mean, i)) * k + (double)at(p->offset, i));
    }
    ig_value *new_w = ig_build_tensor(&b, w), *new_b = ig_build_tensor(&b, bias);
    ig_node *folded = ig_build_node(&b, conv->domain, conv->op, (ig_value *const[]){conv->in[0], new_w, new_b}, 3, 1);
    if (!folded || !ig_node_copy_attributes(folded, conv)) return false;
    folded->name = conv->name;
    ig_node_resolve(folded);
    ig_node_take_over(folded, norm->out[0], (ig_node *const[]){norm, conv}, 2);
    return true;
}

static ig_status visit(ig_graph *g, void *user) {
    ig_pass_env *env = user;
    for (ig_node *n = g->first, *next; n; n = next) {
        next = n->next;
        if (!ig_node_is(n, "", "Conv") || n->n_out != 1) continue;
        ig_node *norm = ig_match_only_reader(n->out[0]);
        parts p;
        if (!match(n, norm, &p)) continue;
        if (next == norm) next = norm->next;
        if (!fold(n, norm, &p)) return ig_oom(env->err);
        env->changes++;
    }
    return IG_OK;
}

ig_status ig_pass_fold_batch_norm(ig_model *model, ig_pass_env *env) { return ig_graph_each(model->graph, visit, env); }
