/* Operators that call other subgraphs, and what outlives a call: variables and hash tables.
 *
 * Subgraphs are copied to where they are called. Resources have no place in ONNX: a variable is followed through the graph in
 * the order of execution, so that reading one gives the value written last; loops carry those that they write. */
#include "formats/tflite/rules.h"

#include <stdio.h>

static ig_value *out_of(const ig_lower *l, uint32_t o) { return o < l->node->n_out ? l->node->out[o] : NULL; }

/* --------------------------------------------------------------------------------------------------------------- calls */

static ig_function *subgraph(const ig_lower *l, int64_t number) {
    return number < 0 ? NULL : ig_map_get(&ig_tfl_state_of(l)->subgraphs, (uint64_t)number + 1);
}

static ig_status enter(ig_lower *l) {
    const ig_limits *limits = &l->model->context->limits;
    ig_tfl_state *state = ig_tfl_state_of(l);
    if (state->depth >= limits->depth) {
        ig_fail(l->err, IG_E_LIMIT, "subgraphs call one another more than %u deep", limits->depth);
        ig_error_at(l->err, "subgraph operator %.80s", l->node->op);
        return IG_E_LIMIT;
    }
    if (l->model->n_nodes > limits->nodes)
        return ig_fail(l->err, IG_E_LIMIT, "copies of subgraphs have more than %llu operators",
                       (unsigned long long)limits->nodes);
    state->depth++;
    return IG_OK;
}

/* Lowers what has been put behind `previous`, at the end of the graph or before a node, and follows the results: a node that
 * reads them sees what rules replace them by. */
static ig_status lower_body(ig_lower *l, ig_graph *g, ig_node *previous, ig_node *before, ig_value **results, size_t n) {
    ig_name op = ig_model_name(l->model, "hold");
    ig_node *hold = op ? ig_node_new(g, op, op, (uint32_t)n, 0) : NULL;
    if (!hold) return ig_oom(l->err);
    if (before) ig_node_move(hold, before);
    for (size_t i = 0; i < n; i++)
        if (results[i] && !ig_node_set_input(hold, (uint32_t)i, results[i])) return ig_oom(l->err);
    IG_TRY(ig_lower_range(l, previous ? previous->next : g->first, hold));
    for (size_t i = 0; i < n; i++) results[i] = hold->in[i];
    ig_node_erase(hold);
    return IG_OK;
}

/* Copies a subgraph to the end of `g`, or before a node, and lowers it. `args` and `results`: as many as it has. */
static ig_status call(ig_lower *l, ig_graph *g, ig_node *before, const ig_function *f, ig_value *const *args,
                      ig_value **results) {
    IG_TRY(enter(l));
    ig_node *previous = before ? before->previous : g->last;
    IG_TRY(ig_graph_splice(g, before, f->body, args, results, NULL, NULL, l->err));
    IG_TRY(lower_body(l, g, previous, before, results, f->body->outputs.n));
    ig_tfl_state_of(l)->depth--;
    return IG_OK;
}

static ig_value **list_of(ig_lower *l, size_t n) { return IG_NEW_ARRAY(&ig_tfl_state_of(l)->arena, ig_value *, n + 1); }

/* A subgraph in place of the node that calls it: rule->to names the option that says which. */
ig_status ig_tfl_lower_call(ig_lower *l) {
    const ig_function *f = subgraph(l, ig_tfl_attr(l, l->rule->to));
    if (!f || f->body->inputs.n != l->node->n_in || f->body->outputs.n < l->node->n_out)
        return ig_lower_refuse(l, "it calls a subgraph that is not there or has other inputs and outputs");
    ig_value **results = list_of(l, f->body->outputs.n);
    if (!results) return ig_oom(l->err);
    IG_TRY(call(l, l->node->graph, l->node, f, l->node->in, results));
    for (uint32_t o = 0; o < l->node->n_out; o++) ig_tfl_out(l, o, results[o]);
    return IG_OK;
}

/* Runs a subgraph that fills resources, the first time only. */
ig_status ig_tfl_lower_call_once(ig_lower *l) {
    ig_tfl_state *state = ig_tfl_state_of(l);
    const ig_function *f = subgraph(l, ig_tfl_attr(l, "init_subgraph_index"));
    if (!f || f->body->inputs.n) return ig_lower_refuse(l, "it calls a subgraph that is not there or has inputs");
    for (size_t i = 0; i < state->initialized.n; i++)
        if (state->initialized.items[i] == f->overload) return IG_OK;
    if (!IG_PUSH(&state->arena, &state->initialized, f->overload)) return ig_oom(l->err);
    ig_value **results = list_of(l, f->body->outputs.n);
    return results ? call(l, l->node->graph, l->node, f, NULL, results) : ig_oom(l->err);
}

/* ----------------------------------------------------------------------------------------------------------- variables */

static ig_tfl_resource *find_resource(ig_lower *l, const char *name) {
    ig_tfl_state *state = ig_tfl_state_of(l);
    ig_name key = ig_model_name(l->model, name);
    if (!key) return NULL;
    for (size_t i = 0; i < state->resources.n; i++)
        if (state->resources.items[i]->name == key) return state->resources.items[i];
    ig_tfl_resource *r = IG_NEW(&state->arena, ig_tfl_resource);
    if (!r) return NULL;
    r->name = key;
    return IG_PUSH(&state->arena, &state->resources, r) ? r : NULL;
}

static ig_tfl_resource *resource_of(const ig_lower *l, const ig_value *handle) {
    return handle ? ig_map_get(&ig_tfl_state_of(l)->handles, IG_KEY(handle)) : NULL;
}

static ig_status make_handle(ig_lower *l, const char *name) {
    ig_tfl_resource *r = find_resource(l, name);
    if (!r || (out_of(l, 0) && !ig_map_set(&ig_tfl_state_of(l)->handles, IG_KEY(out_of(l, 0)), r))) return ig_oom(l->err);
    return IG_OK;
}

ig_status ig_tfl_lower_var_handle(ig_lower *l) {
    char name[300];
    ig_str container = ig_attr_str(l->node, "container"), shared = ig_attr_str(l->node, "shared_name");
    snprintf(name, sizeof name, "variable %.*s/%.*s", (int)ig_min_size(container.n, 120), container.n ? container.s : "",
             (int)ig_min_size(shared.n, 160), shared.n ? shared.s : "");
    return make_handle(l, name);
}

/* What nobody has written is zero. */
ig_status ig_tfl_lower_read_variable(ig_lower *l) {
    ig_tfl_resource *r = resource_of(l, ig_lower_in(l, 0));
    const ig_value *out = out_of(l, 0);
    if (!r) return ig_lower_refuse(l, "it is not known which variable it reads");
    if (!r->value && !ig_tfl_static(out)) return ig_lower_refuse(l, "it reads a variable before it is written");
    ig_value *v = r->value;
    if (!v) v = ig_tfl_filled(l, ig_tfl_shape(l, out_of(l, 0), 0, INT64_MAX), ig_tfl_type(out), 0);
    ig_tfl_out(l, 0, v);
    return IG_OK;
}

ig_status ig_tfl_lower_assign_variable(ig_lower *l) {
    ig_tfl_resource *r = resource_of(l, ig_lower_in(l, 0));
    if (!r) return ig_lower_refuse(l, "it is not known which variable it writes");
    r->value = ig_lower_in(l, 1);
    return IG_OK;
}

/* ---------------------------------------------------------------------------------------------------------- hash tables */

ig_status ig_tfl_lower_hashtable(ig_lower *l) {
    char name[40];
    snprintf(name, sizeof name, "table %lld", (long long)ig_tfl_attr(l, "table_id"));
    return make_handle(l, name);
}

/* The first import counts. */
ig_status ig_tfl_lower_hashtable_import(ig_lower *l) {
    ig_tfl_resource *r = resource_of(l, ig_lower_in(l, 0));
    if (!r) return ig_lower_refuse(l, "it is not known which table it fills");
    if (r->value) return IG_OK;
    r->value = ig_lower_in(l, 1);
    r->values = ig_lower_in(l, 2);
    return IG_OK;
}

ig_status ig_tfl_lower_hashtable_size(ig_lower *l) {
    ig_tfl_resource *r = resource_of(l, ig_lower_in(l, 0));
    if (!r) return ig_lower_refuse(l, "it is not known which table it asks");
    ig_value *size = r->value ? IG_BUILD(&l->b, "Size", r->value) : ig_build_i64(&l->b, 0);
    ig_tfl_out_cast(l, 0, ig_tfl_reshape(l, size, (int64_t[]){1}, 1));
    return IG_OK;
}

/* A constant as the attribute `name` of the node made last. */
static bool put_tensor(ig_lower *l, const char *name, ig_const *c) {
    ig_attr a = {.name = ig_model_name(l->model, name), .kind = IG_ATTR_TENSOR, .t = c};
    return l->b.last && a.name && ig_attr_put(l->b.last, &a);
}

/* ai.onnx.ml's LabelEncoder is a table of constants. Keys are flattened. */
static ig_value *encode(ig_lower *l, const ig_tfl_resource *r, ig_value *x, ig_value *otherwise) {
    ig_node *n = ig_build_node(&l->b, "ai.onnx.ml", "LabelEncoder", &x, 1, 1);
    const ig_tensor *t = ig_tfl_const(l, otherwise);
    ig_tensor *flat = t ? ig_tensor_view((ig_tensor *)(uintptr_t)t, 1, (int64_t[]){1}) : NULL;
    ig_const *c = flat ? ig_const_create(l->model, NULL, flat) : NULL;
    bool ok = n && c && put_tensor(l, "keys_tensor", r->value->constant) &&
              put_tensor(l, "values_tensor", r->values->constant) && put_tensor(l, "default_tensor", c);
    if (!ok) l->b.failed = true;
    return ig_build_out(n, 0);
}

static ig_status import_ml(ig_lower *l) {
    ig_model *m = l->model;
    for (size_t i = 0; i < m->opsets.n; i++)
        if (strcmp(m->opsets.items[i].domain, "ai.onnx.ml") == 0) return IG_OK;
    ig_opset ml = {.domain = ig_model_name(m, "ai.onnx.ml"), .domain_given = true, .version = 4, .version_given = true};
    return ml.domain && IG_PUSH(&m->arena, &m->opsets, ml) ? IG_OK : ig_oom(l->err);
}

ig_status ig_tfl_lower_hashtable_find(ig_lower *l) {
    ig_tfl_resource *r = resource_of(l, ig_lower_in(l, 0));
    ig_value *x = ig_lower_in(l, 1), *otherwise = ig_lower_in(l, 2);
    if (!r || !r->value) return ig_lower_refuse(l, "it is not known which table it asks, or nothing has filled it");
    const ig_tensor *t = ig_tfl_const(l, otherwise);
    if (ig_tfl_const(l, r->value) && ig_tfl_const(l, r->values) && t && t->count == 1) {
        IG_TRY(import_ml(l));
        ig_tfl_out(l, 0, encode(l, r, x, otherwise));
        return IG_OK;
    }
    ig_value *match = ig_build_cast(&l->b, IG_BUILD(&l->b, "Equal", ig_tfl_unsqueeze(l, x, -1), r->value), IG_I32);
    ig_value *hit = ig_build_cast(&l->b, IG_TFL_OP(l, "ReduceMax", "keepdims=0", match, ig_tfl_ints1(l, -1)), IG_BOOL);
    ig_value *found = IG_BUILD(&l->b, "Gather", r->values, IG_TFL_OP(l, "ArgMax", "axis=-1 keepdims=0", match));
    ig_tfl_out(l, 0, IG_BUILD(&l->b, "Where", hit, found, ig_tfl_reshape(l, otherwise, NULL, 0)));
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------ branches, loops */

static ig_value *as_scalar(ig_build *b, ig_value *condition) {
    return ig_tfl_rank(condition) == 0 ? condition : IG_BUILD(b, "Reshape", condition, ig_build_i64s(b, NULL, 0));
}

/* Results of a body are made by nodes of its own. */
static bool own_output(ig_graph *g, ig_value *v) {
    ig_build b = ig_build_end(g);
    bool own = v && v->graph == g && v->producer;
    for (size_t i = 0; own && i < g->outputs.n; i++) own = g->outputs.items[i].value != v;
    if (!own) {
        ig_value *copy = v ? IG_BUILD(&b, "Identity", v) : NULL;
        if (copy) copy->type = v->type;
        v = copy;
    }
    return v && ig_graph_add_output(g, v);
}

bool ig_tfl_put_graph(ig_node *n, const char *name, ig_graph *g) {
    ig_attr a = {.name = ig_model_name(n->graph->model, name), .kind = IG_ATTR_GRAPH, .g = g};
    g->name = a.name; /* ONNX wants one */
    return a.name && ig_attr_put(n, &a);
}

/* What all variables hold. */
static ig_value **remember(ig_lower *l) {
    const ig_tfl_state *state = ig_tfl_state_of(l);
    ig_value **values = list_of(l, state->resources.n);
    for (size_t i = 0; values && i < state->resources.n; i++) values[i] = state->resources.items[i]->value;
    return values;
}

static void restore(ig_lower *l, ig_value *const *values, size_t n) {
    const ig_tfl_state *state = ig_tfl_state_of(l);
    for (size_t i = 0; i < state->resources.n; i++) state->resources.items[i]->value = i < n ? values[i] : NULL;
}

/* One way of an If: a subgraph, or what is left of the branches of a STABLEHLO_CASE. */
typedef struct way {
    const ig_function *f;
    const int64_t *rest;
    size_t n_rest;
    ig_value *index; /* of the CASE */
    ig_graph *graph;
    ig_value **results, **after; /* of the graph, and what variables hold then */
} way;

/* A CASE of the branches that are left, with the index counted from the first of them. */
static ig_status smaller_case(ig_lower *l, ig_graph *g, const way *w, ig_value *const *args, ig_value **results) {
    const ig_node *n = l->node;
    ig_build b = ig_build_end(g);
    ig_value *index = IG_BUILD(&b, "Sub", w->index, ig_build_scalar(&b, ig_tfl_type(w->index), 1));
    ig_node *previous = g->last, *node = index ? ig_node_new(g, n->op, n->domain, n->n_in, n->n_out) : NULL;
    if (!node || !ig_node_set_input(node, 0, index)) return ig_oom(l->err);
    index->type = w->index->type;
    for (uint32_t i = 1; i < n->n_in; i++)
        if (args[i - 1] && !ig_node_set_input(node, i, args[i - 1])) return ig_oom(l->err);
    for (uint32_t o = 0; o < n->n_out; o++) {
        results[o] = ig_value_new(g, NULL, n->out[o] ? n->out[o]->type : NULL);
        if (!results[o]) return ig_oom(l->err);
        results[o]->quant = n->out[o] ? n->out[o]->quant : NULL;
        ig_node_set_output(node, o, results[o]);
    }
    if (!ig_attr_put_ints(node, "branch_subgraph_indices", w->rest, w->n_rest)) return ig_oom(l->err);
    return lower_body(l, g, previous, NULL, results, n->n_out);
}

static ig_status build_way(ig_lower *l, ig_node *owner, ig_value *const *args, way *w) {
    size_t n = ig_tfl_state_of(l)->resources.n;
    ig_value **before = remember(l);
    w->graph = ig_graph_new(l->model, owner->graph, owner);
    w->results = list_of(l, w->f ? w->f->body->outputs.n : l->node->n_out);
    if (!before || !w->graph || !w->results) return ig_oom(l->err);
    IG_TRY(w->f ? call(l, w->graph, NULL, w->f, args, w->results) : smaller_case(l, w->graph, w, args, w->results));
    w->after = remember(l);
    restore(l, before, n);
    return w->after ? IG_OK : ig_oom(l->err);
}

/* If with both ways; outputs of the node, then the variables that one of them writes. */
static ig_status build_if(ig_lower *l, ig_value *condition, way *yes, way *no, ig_value *const *args) {
    const ig_tfl_state *state = ig_tfl_state_of(l);
    uint32_t n = l->node->n_out;
    size_t known = state->resources.n; /* what else a way makes lives there only */
    condition = as_scalar(&l->b, condition);
    ig_node *node = ig_build_node(&l->b, NULL, "If", &condition, 1, n);
    if (!node) return IG_OK;
    IG_TRY(build_way(l, node, args, yes));
    IG_TRY(build_way(l, node, args, no));
    for (uint32_t o = 0; o < n; o++)
        if (!own_output(yes->graph, yes->results[o]) || !own_output(no->graph, no->results[o])) return ig_oom(l->err);
    for (size_t r = 0; r < known; r++) {
        ig_tfl_resource *resource = state->resources.items[r];
        if (!resource->value || (yes->after[r] == resource->value && no->after[r] == resource->value)) continue;
        ig_value *v = ig_value_new(node->graph, NULL, resource->value->type);
        if (!v || !own_output(yes->graph, yes->after[r]) || !own_output(no->graph, no->after[r])) return ig_oom(l->err);
        if (!ig_node_resize(node, 1, node->n_out + 1)) return ig_oom(l->err);
        ig_node_set_output(node, node->n_out - 1, v);
        resource->value = v;
    }
    if (!ig_tfl_put_graph(node, "then_branch", yes->graph) || !ig_tfl_put_graph(node, "else_branch", no->graph))
        return ig_oom(l->err);
    for (uint32_t o = 0; o < n; o++) ig_tfl_out(l, o, node->out[o]);
    return IG_OK;
}

static bool fits(const ig_function *f, size_t n_in, size_t n_out) {
    return f && f->body->inputs.n == n_in && f->body->outputs.n == n_out;
}

ig_status ig_tfl_lower_if(ig_lower *l) {
    const ig_node *n = l->node;
    const ig_function *yes = subgraph(l, ig_tfl_attr(l, "then_subgraph_index"));
    const ig_function *no = subgraph(l, ig_tfl_attr(l, "else_subgraph_index"));
    if (n->n_in < 1 || !fits(yes, n->n_in - 1, n->n_out) || !fits(no, n->n_in - 1, n->n_out))
        return ig_lower_refuse(l, "a branch is not there or has other inputs and outputs");
    return build_if(l, n->in[0], &(way){.f = yes}, &(way){.f = no}, n->in + 1);
}

/* True when a subgraph, or one that it calls, writes a variable. */
static bool writes(const ig_lower *l, const ig_function *f, uint32_t depth) {
    if (!f || depth == 0) return false;
    for (const ig_node *n = f->body->first; n; n = n->next) {
        if (strcmp(n->op, "ASSIGN_VARIABLE") == 0) return true;
        for (const ig_attr *a = n->attrs; a; a = a->next)
            if (a->kind == IG_ATTR_INT && strstr(a->name, "subgraph") && writes(l, subgraph(l, a->i), depth - 1)) return true;
    }
    return false;
}

/* What a loop carries: its arguments, handles excepted, and variables. */
typedef struct loop {
    const ig_function *condition, *body;
    ig_node *node;
    ig_graph *graph;
    ig_value **args;    /* of the subgraphs, inside the graph */
    ig_value **results; /* of the body */
    ig_value **carried; /* values that enter */
    int64_t *argument;  /* of each carried value: which argument it is, or -1 - (number of the resource) */
    size_t n;
} loop;

static ig_status plan_loop(ig_lower *l, loop *p) {
    const ig_tfl_state *state = ig_tfl_state_of(l);
    const ig_node *n = l->node;
    bool variables = writes(l, p->body, 16) || writes(l, p->condition, 16);
    p->args = list_of(l, n->n_in);
    p->results = list_of(l, n->n_in);
    p->carried = list_of(l, n->n_in + state->resources.n);
    p->argument = IG_NEW_ARRAY(&ig_tfl_state_of(l)->arena, int64_t, n->n_in + state->resources.n);
    if (!p->args || !p->results || !p->carried || !p->argument) return ig_oom(l->err);
    for (uint32_t i = 0; i < n->n_in; i++) {
        if (resource_of(l, n->in[i])) continue;
        p->argument[p->n] = i;
        p->carried[p->n++] = n->in[i];
    }
    for (size_t r = 0; variables && r < state->resources.n; r++) {
        if (!state->resources.items[r]->value) continue;
        p->argument[p->n] = -1 - (int64_t)r;
        p->carried[p->n++] = state->resources.items[r]->value;
    }
    return IG_OK;
}

/* The inputs of the loop's body: the iteration, the condition, what is carried. */
static ig_status loop_inputs(ig_lower *l, loop *p) {
    const ig_tfl_state *state = ig_tfl_state_of(l);
    ig_shape scalar = {.rank = 0};
    ig_arena *arena = &l->model->arena;
    const ig_type *count = ig_type_tensor(arena, IG_I64, &scalar), *flag = ig_type_tensor(arena, IG_BOOL, &scalar);
    ig_value *iteration = count ? ig_value_new(p->graph, NULL, count) : NULL;
    ig_value *going = flag ? ig_value_new(p->graph, NULL, flag) : NULL;
    if (!iteration || !going || !ig_graph_add_input(p->graph, iteration) || !ig_graph_add_input(p->graph, going))
        return ig_oom(l->err);
    for (uint32_t i = 0; i < l->node->n_in; i++) p->args[i] = l->node->in[i]; /* handles stay what they are */
    for (size_t k = 0; k < p->n; k++) {
        int64_t i = p->argument[k];
        const ig_value *like = i >= 0 ? p->body->body->inputs.items[i].value : p->carried[k];
        ig_value *v = ig_value_new(p->graph, NULL, like->type);
        if (!v || !ig_graph_add_input(p->graph, v)) return ig_oom(l->err);
        v->quant = like->quant;
        if (i >= 0)
            p->args[i] = v;
        else
            state->resources.items[-1 - i]->value = v;
    }
    return IG_OK;
}

static ig_status loop_body(ig_lower *l, loop *p) {
    const ig_tfl_state *state = ig_tfl_state_of(l);
    ig_build end = ig_build_end(p->graph);
    ig_value *going;
    IG_TRY(call(l, p->graph, NULL, p->body, p->args, p->results));
    IG_TRY(call(l, p->graph, NULL, p->condition, p->results, &going));
    going = as_scalar(&end, going);
    if (!going || !own_output(p->graph, going)) return ig_oom(l->err);
    for (size_t k = 0; k < p->n; k++) {
        int64_t i = p->argument[k];
        if (!own_output(p->graph, i >= 0 ? p->results[i] : state->resources.items[-1 - i]->value)) return ig_oom(l->err);
    }
    return IG_OK;
}

/* While condition(args): args = body(args). ONNX's Loop asks at the end of a round, so the condition stands in front of it too.
 */
ig_status ig_tfl_lower_while(ig_lower *l) {
    ig_tfl_state *state = ig_tfl_state_of(l);
    ig_node *n = l->node;
    loop p = {.condition = subgraph(l, ig_tfl_attr(l, "cond_subgraph_index")),
              .body = subgraph(l, ig_tfl_attr(l, "body_subgraph_index"))};
    if (!fits(p.condition, n->n_in, 1) || !fits(p.body, n->n_in, n->n_in) || n->n_out > n->n_in)
        return ig_lower_refuse(l, "its condition or body is not there or has other inputs and outputs");
    ig_value *first;
    IG_TRY(call(l, n->graph, n, p.condition, n->in, &first));
    IG_TRY(plan_loop(l, &p));
    ig_value **in = list_of(l, p.n + 2);
    if (!in) return ig_oom(l->err);
    in[1] = as_scalar(&l->b, first);
    for (size_t k = 0; k < p.n; k++) in[2 + k] = p.carried[k];
    p.node = ig_build_node(&l->b, NULL, "Loop", in, p.n + 2, p.n);
    if (!p.node) return IG_OK;
    p.graph = ig_graph_new(l->model, n->graph, p.node);
    if (!p.graph) return ig_oom(l->err);
    size_t known = state->resources.n;
    IG_TRY(loop_inputs(l, &p));
    IG_TRY(loop_body(l, &p));
    if (!ig_tfl_put_graph(p.node, "body", p.graph)) return ig_oom(l->err);
    for (size_t r = known; r < state->resources.n; r++) state->resources.items[r]->value = NULL; /* live in the body only */
    for (size_t k = 0; k < p.n; k++) {
        int64_t i = p.argument[k];
        ig_value *v = p.node->out[k];
        if (i < 0) {
            v->type = p.carried[k]->type;
            state->resources.items[-1 - i]->value = v;
        } else if (i < (int64_t)n->n_out) {
            ig_tfl_out(l, (uint32_t)i, v);
        }
    }
    for (uint32_t i = 0; i < n->n_out; i++) {
        ig_tfl_resource *r = resource_of(l, n->in[i]);
        if (r && n->out[i] && !ig_map_set(&state->handles, IG_KEY(n->out[i]), r)) return ig_oom(l->err);
    }
    return IG_OK;
}

/* STABLEHLO_CASE: branch number `index`; a number out of range means the last. */
ig_status ig_tfl_lower_case(ig_lower *l) {
    ig_node *n = l->node;
    size_t n_ways;
    const int64_t *ways = ig_attr_ints(n, "branch_subgraph_indices", &n_ways);
    if (n_ways == 0 || n->n_in < 1) return ig_lower_refuse(l, "it has no branches");
    for (size_t i = 0; i < n_ways; i++)
        if (!fits(subgraph(l, ways[i]), n->n_in - 1, n->n_out))
            return ig_lower_refuse(l, "a branch is not there or has other inputs and outputs");
    way first = {.f = subgraph(l, ways[0])}, rest = {.rest = ways + 1, .n_rest = n_ways - 1, .index = n->in[0]};
    if (n_ways == 2) rest.f = subgraph(l, ways[1]);
    if (n_ways == 1) rest.f = first.f;
    ig_value *condition = IG_BUILD(&l->b, "Equal", ig_build_cast(&l->b, n->in[0], IG_I64), ig_build_i64(&l->b, 0));
    return build_if(l, condition, &first, &rest, n->in + 1);
}
