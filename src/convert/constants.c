/* Constant's forms, and constants made of shapes. */
#include "convert/convert.h"

static ig_status put_value(ig_adapt *a, const char *old, ig_tensor *tensor) {
    ig_const *c = tensor ? ig_const_create(a->model, NULL, tensor) : NULL;
    ig_attr attr = {.name = ig_model_name(a->model, "value"), .kind = IG_ATTR_TENSOR, .t = c};
    if (!c || !attr.name) return ig_oom(a->err);
    ig_attr_remove(a->node, old);
    return ig_attr_put(a->node, &attr) ? IG_OK : ig_oom(a->err);
}

static ig_status strings_value(ig_adapt *a, const ig_attr *attr, int rank, const int64_t *dims, ig_tensor **out) {
    IG_TRY(ig_tensor_new(out, a->model->context, IG_STRING, rank, dims, a->err));
    const ig_str *strings = attr->kind == IG_ATTR_STRING ? &attr->s : attr->strings;
    for (size_t i = 0; i < (*out)->count; i++)
        if (!ig_tensor_set_string(*out, i, strings[i])) {
            ig_tensor_free(*out);
            return ig_oom(a->err);
        }
    return IG_OK;
}

/* Which form a Constant has: version 11 brought sparse_value, version 12 the lists and numbers. */
ig_status ig_adapt_constant_down(ig_adapt *a) {
    const ig_attr *attr = a->node->attrs;
    ig_tensor *t = NULL;
    if (!attr || strcmp(attr->name, "value") == 0) return IG_OK;
    if (attr->ref) return ig_adapt_refuse(a, "it takes an attribute of the function, which its attribute 'value' can't");
    if (attr->kind == IG_ATTR_SPARSE) {
        ig_tensor *sparse;
        if (a->version != 11) return IG_OK;
        IG_TRY(ig_const_tensor(a->model, attr->t, &sparse, a->err));
        IG_TRY(ig_tensor_densify(&t, a->model->context, sparse, a->err));
        return put_value(a, attr->name, t);
    }
    bool list = attr->kind == IG_ATTR_INTS || attr->kind == IG_ATTR_FLOATS || attr->kind == IG_ATTR_STRINGS;
    int64_t dims[1] = {(int64_t)attr->n};
    if (attr->kind == IG_ATTR_STRING || attr->kind == IG_ATTR_STRINGS) {
        IG_TRY(strings_value(a, attr, list, dims, &t));
    } else {
        bool whole = attr->kind == IG_ATTR_INT || attr->kind == IG_ATTR_INTS;
        IG_TRY(ig_tensor_new(&t, a->model->context, whole ? IG_I64 : IG_F32, list, dims, a->err));
        const void *from = list ? (const void *)attr->ints : (const void *)&attr->i;
        if (t->bytes) memcpy(t->data, from, t->bytes); /* the union's members start at one place */
    }
    return put_value(a, attr->name, t);
}

/* Floats only before version 9: other constants become initializers of the main graph, which inner graphs see too. */
ig_status ig_adapt_constant_type_down(ig_adapt *a) {
    ig_value *v = ig_adapt_out(a, 0);
    ig_const *c = ig_attr_const(a->node, "value");
    ig_graph *g = a->node->graph;
    if (!c || !v || c->dtype == IG_F32 || c->dtype == IG_F16 || c->dtype == IG_F64) return IG_OK;
    if (g->function)
        return ig_adapt_refuse(a, "it has elements of type %s, which it can't have before version 9", ig_dtypes[c->dtype].name);
    while (g->outer) g = g->outer;
    ig_tensor *t;
    IG_TRY(ig_const_tensor(a->model, c, &t, a->err));
    ig_name name = g == v->graph ? v->name : ig_model_fresh_name(a->model, v->name);
    ig_const *copy = name ? ig_const_create(a->model, name, ig_tensor_clone(t)) : NULL;
    if (!copy) return ig_oom(a->err);
    ig_node_set_output(a->node, 0, NULL);
    v->producer = NULL;
    if (g == v->graph) {
        v->constant = copy;
        if (!IG_PUSH(&a->model->arena, &g->initializers, v)) return ig_oom(a->err);
    } else {
        ig_value *made = ig_graph_add_initializer(g, copy);
        if (!made || !ig_value_replace(v, made)) return ig_oom(a->err);
        ig_value_remove(v);
    }
    ig_adapt_erase(a);
    return IG_OK;
}

/* Expand(value, shape) */
ig_status ig_adapt_constant_of_shape_down(ig_adapt *a) {
    ig_const *c = ig_attr_const(a->node, "value");
    ig_tensor *t = NULL;
    ig_value *value;
    if (c) {
        IG_TRY(ig_const_tensor(a->model, c, &t, a->err));
        value = ig_adapt_tensor(a, ig_tensor_clone(t));
    } else {
        value = ig_adapt_scalar(a, IG_F32, 0);
    }
    ig_adapt_give_value(a, 0, IG_BUILD(&a->b, "Expand", value, ig_adapt_in(a, 0)));
    ig_adapt_erase(a);
    return IG_OK;
}

/* Repetition along axes that have to be grown from 1, and are known. */
ig_status ig_adapt_expand_down(ig_adapt *a) {
    ig_value *x = ig_adapt_in(a, 0);
    const int64_t *shape;
    size_t n;
    int rank = ig_adapt_rank(x);
    if (!ig_adapt_ints(a, ig_adapt_in(a, 1), &shape, &n) || rank == IG_UNRANKED || n > IG_MAX_RANK)
        return ig_adapt_refuse(a, "there is no Expand before version 8, and its shape is not constant");
    int64_t from[IG_MAX_RANK], repeats[IG_MAX_RANK];
    int wide = (int)n > rank ? (int)n : rank;
    for (int i = 0; i < wide; i++) {
        int own = i - (wide - rank), other = i - (wide - (int)n);
        from[i] = own < 0 ? 1 : ig_adapt_dim(x, own);
        int64_t want = other < 0 ? 1 : shape[other];
        if (from[i] == IG_UNKNOWN)
            return ig_adapt_refuse(a, "there is no Expand before version 8, and its input's sizes are not known");
        repeats[i] = from[i] == 1 ? want : 1;
    }
    ig_value *full = wide == rank ? x : IG_BUILD(&a->b, "Reshape", x, ig_adapt_i64s(a, from, (size_t)wide));
    ig_adapt_give_value(a, 0, IG_BUILD(&a->b, "Tile", full, ig_adapt_i64s(a, repeats, (size_t)wide)));
    ig_adapt_erase(a);
    return IG_OK;
}
