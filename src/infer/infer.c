#include "infer/engine.h"

#include <stdio.h>

/* Loops infer their body several times, so loops in loops multiply. When a hostile file uses up this many nodes, bodies and
 * functions are passed over and what they give is unknown. */
enum { BUDGET = 1 << 18, BUDGET_PER_NODE = 16 };

/* ----------------------------------------------------------------------------------------------------------- numbering */

static void number(ig_numbered *list, ig_value *v) {
    if (!v || list->failed || (v->slot < list->values.n && list->values.items[v->slot] == v)) return;
    if (list->values.n >= UINT32_MAX - 1 || !IG_PUSH(list->arena, &list->values, v)) {
        list->failed = true;
        return;
    }
    v->slot = (uint32_t)(list->values.n - 1);
}

static ig_status number_graph(ig_graph *g, void *user) {
    ig_numbered *list = user;
    for (size_t i = 0; i < g->inputs.n; i++) number(list, g->inputs.items[i].value);
    for (size_t i = 0; i < g->initializers.n; i++) number(list, g->initializers.items[i]);
    for (ig_node *n = g->first; n; n = n->next) {
        for (uint32_t i = 0; i < n->n_in; i++) number(list, n->in[i]);
        for (uint32_t i = 0; i < n->n_out; i++) number(list, n->out[i]);
    }
    for (size_t i = 0; i < g->outputs.n; i++) number(list, g->outputs.items[i].value);
    return IG_OK;
}

void ig_number_values(ig_numbered *list, ig_graph *graph) { ig_graph_each(graph, number_graph, list); }

bool ig_infer_frame_init(ig_infer_frame *f, ig_engine *e, const ig_numbered *list) {
    size_t n = list->values.n;
    f->e = e;
    f->declared = IG_NEW_ARRAY(&e->arena, const ig_type *, n);
    f->types = IG_NEW_ARRAY(&e->arena, const ig_type *, n);
    f->ints = IG_NEW_ARRAY(&e->arena, const ig_ints *, n);
    f->data = IG_NEW_ARRAY(&e->arena, const ig_tensor *, n);
    if (!f->declared || !f->types || !f->ints || !f->data) return false;
    for (size_t i = 0; i < n; i++) {
        f->declared[i] = ig_type_substitute(&e->arena, &e->model->syms, list->values.items[i]->type, e->options);
        f->types[i] = f->declared[i];
    }
    return true;
}

/* --------------------------------------------------------------------------------------------------------------- merge */

/* What was inferred and what was declared of a value together; a contradiction is reported and what was inferred holds. */
static ig_status settle(ig_infer_frame *f, const ig_value *v, const ig_type *inferred, const ig_node *node, const char *what,
                        size_t index) {
    ig_engine *e = f->e;
    ig_merge_problem problem;
    const ig_type *declared = f->declared[v->slot];
    const ig_type *t = ig_type_merge(&e->arena, inferred, declared, &problem);
    f->types[v->slot] = ig_type_freshen(&e->arena, &e->model->syms, t);
    if (!problem.rule) return IG_OK;
    /* A default that doesn't fit only matters when it is used: the graph is made for what is declared. */
    ig_severity severity = v->constant && v->is_input && strcmp(problem.rule, "shape") == 0 ? IG_WARNING : IG_ERROR;
    if (severity == IG_WARNING) f->types[v->slot] = declared;
    char a[300], b[300], which[160];
    ig_type_text(inferred, a, sizeof a);
    ig_type_text(declared, b, sizeof b);
    snprintf(which, sizeof which, "%s %zu '%.80s'", what, index, ig_name_text(v->name));
    return ig_infer_report(e, severity, problem.rule, v->graph, node, which, "", "'%.80s' is %s, but declared as %s",
                           ig_name_text(v->name), a, b);
}

static const ig_type *type_of_constant(ig_engine *e, const ig_const *c) {
    ig_shape shape = {.rank = c->rank};
    if (c->bad || c->rank < 0 || c->rank > IG_MAX_RANK) return NULL;
    for (int i = 0; i < c->rank; i++) shape.dims[i] = ig_dim_of(c->dims[i]);
    ig_type *t = ig_type_tensor(&e->arena, c->dtype, &shape);
    if (t && c->sparse) t->kind = IG_KIND_SPARSE;
    return t;
}

/* ---------------------------------------------------------------------------------------------------------------- nodes */

static const ig_op no_op;

static const ig_op *operator_of(ig_engine *e, const ig_node *node) {
    const ig_op *op = ig_map_get(&e->operators, IG_KEY(node->schema));
    if (!op) {
        op = ig_op_of(node);
        ig_map_set(&e->operators, IG_KEY(node->schema), (void *)(op ? op : &no_op));
    }
    return op == &no_op ? NULL : op;
}

/* For operators with graphs (If, Loop, Scan). */
static ig_status infer_body(ig_infer *c, ig_graph *body, const ig_type *const *in, size_t n, const ig_type *const **out,
                            size_t *n_out) {
    ig_infer_frame *f = c->engine;
    ig_engine *e = f->e;
    uint32_t n_syms = e->model->syms.n_syms;
    const ig_type **types = IG_NEW_ARRAY(&e->arena, const ig_type *, body->outputs.n);
    if (!types) return ig_oom(e->err);
    *out = types;
    *n_out = body->outputs.n;
    if (e->n_nodes > e->budget) return IG_OK;
    ig_status status = ig_infer_graph(f, body, in, n);
    if (status != IG_OK) return e->stopped = status;
    for (size_t i = 0; i < body->outputs.n; i++) {
        const ig_value *v = body->outputs.items[i].value;
        types[i] = v ? ig_type_forget(&e->arena, f->types[v->slot], ig_dim_made_since, n_syms) : NULL;
    }
    return IG_OK;
}

static const char *missing_attribute(const ig_node *node) {
    for (size_t i = 0; i < node->schema->n_attrs; i++)
        if (node->schema->attrs[i].required && !ig_attr_given(node, node->schema->attrs[i].name))
            return node->schema->attrs[i].name;
    return NULL;
}

static ig_status infer_operator(ig_infer_frame *f, ig_step_types *s) {
    ig_engine *e = f->e;
    char problem[200];
    const char *lacks = e->options->strict ? missing_attribute(s->node) : NULL; /* as below */
    if (lacks)
        return ig_infer_report(e, IG_ERROR, "attribute", s->node->graph, s->node, "", "", "%.80s lacks the attribute '%s'",
                               s->node->op, lacks);
    if (!ig_node_arity(s->node, problem, sizeof problem)) {
        if (!e->options->strict) return IG_OK; /* the check reports it with its hint */
        return ig_infer_report(e, IG_ERROR, "arity", s->node->graph, s->node, "", "", "%.80s %s", s->node->op, problem);
    }
    IG_TRY(ig_infer_check_inputs(f, s));
    const ig_op *op = operator_of(e, s->node);
    if (op && op->infer) {
        ig_infer c = {.node = s->node,
                      .n_in = s->node->n_in,
                      .n_out = s->node->n_out,
                      .in = s->in,
                      .data = s->data,
                      .ints = s->ints,
                      .out = s->out,
                      .out_ints = s->out_ints,
                      .syms = &e->model->syms,
                      .arena = &e->arena,
                      .err = &e->why,
                      .body = infer_body,
                      .engine = f};
        e->why.status = IG_OK;
        e->why.hint[0] = '\0';
        ig_status status = op->infer(&c);
        if (status == IG_E_MEMORY) return ig_oom(e->err);
        if (e->stopped) return e->stopped;
        if (status != IG_OK) {
            for (uint32_t i = 0; i < s->node->n_out; i++) {
                s->out[i] = NULL;
                if (s->out_ints) s->out_ints[i] = NULL;
            }
            IG_TRY(ig_infer_report(e, IG_ERROR, "shape", s->node->graph, s->node, "", e->why.hint, "%s", e->why.message));
        }
    }
    ig_infer_fill_outputs(f, s);
    return ig_infer_evaluate(f, s, op);
}

enum { STEP_ROOM = 48 };

/* Arrays for the node in `own`, if they fit there: most do, and a large model has many nodes. */
static bool step_alloc(ig_engine *e, ig_step_types *s, void **own) {
    size_t n_in = s->node->n_in, n_out = s->node->n_out, n = 3 * (n_in + n_out);
    void **room = n <= STEP_ROOM ? own : IG_NEW_ARRAY(&e->arena, void *, n);
    if (!room) return false;
    s->in = (const ig_type **)room;
    s->data = (const ig_tensor **)(room + n_in);
    s->ints = (const ig_ints **)(room + 2 * n_in);
    room += 3 * n_in;
    s->out = (const ig_type **)room;
    s->out_data = (const ig_tensor **)(room + n_out);
    s->out_ints = (const ig_ints **)(room + 2 * n_out);
    return true;
}

/* A sparse initializer is a dense tensor to the operators that read it, stored in another form. */
static const ig_type *dense(ig_engine *e, const ig_type *type) {
    ig_type *t = type && type->kind == IG_KIND_SPARSE ? IG_NEW(&e->arena, ig_type) : NULL;
    if (!t) return type;
    *t = *type;
    t->kind = IG_KIND_TENSOR;
    return t;
}

static ig_status infer_node(ig_infer_frame *f, const ig_node *original) {
    ig_engine *e = f->e;
    e->n_nodes++;
    ig_step_types s = {.node = ig_infer_bound_node(f, original)};
    void *own[STEP_ROOM] = {0};
    if (!s.node || !step_alloc(e, &s, own)) return ig_oom(e->err);
    for (uint32_t i = 0; i < s.node->n_in; i++) {
        const ig_value *v = s.node->in[i];
        if (!v) continue;
        if (v->constant && v->constant->bad && e->options->strict)
            return ig_infer_report(e, IG_ERROR, "tensor", original->graph, original, "", "",
                                   "the initializer '%.80s' is malformed", ig_name_text(v->name));
        s.in[i] = v->constant && v->constant->sparse ? dense(e, f->types[v->slot]) : f->types[v->slot];
        s.data[i] = ig_infer_content(f, v);
        s.ints[i] = f->ints[v->slot];
    }
    if (e->options->no_propagation) s.out_ints = NULL;
    if (s.node->function) {
        IG_TRY(ig_infer_call(f, &s));
    } else if (s.node->schema) {
        IG_TRY(infer_operator(f, &s));
    }
    for (uint32_t i = 0; i < s.node->n_out; i++) {
        const ig_value *v = s.node->out[i];
        if (!v) continue;
        f->ints[v->slot] = s.out_ints ? s.out_ints[i] : NULL;
        f->data[v->slot] = s.out_data[i];
        IG_TRY(settle(f, v, s.out[i], s.node, "output", i));
    }
    return IG_OK;
}

/* ---------------------------------------------------------------------------------------------------------------- graph */

/* `in` (n of them): types for the graph's inputs, or NULL for those that are set already. */
ig_status ig_infer_graph(ig_infer_frame *f, ig_graph *graph, const ig_type *const *in, size_t n) {
    ig_engine *e = f->e;
    if (e->depth >= e->model->context->limits.depth * 2)
        return ig_fail(e->err, IG_E_LIMIT, "graphs and calls are nested more than %u deep", (unsigned)e->depth);
    for (size_t i = 0; i < graph->initializers.n; i++) {
        const ig_value *v = graph->initializers.items[i];
        if (v->constant) IG_TRY(settle(f, v, type_of_constant(e, v->constant), NULL, "initializer", i));
    }
    bool bound = graph->function && !graph->outer; /* by ig_infer_call */
    for (size_t i = 0; i < graph->inputs.n && !bound; i++) {
        const ig_value *v = graph->inputs.items[i].value;
        if (!v || v->constant) continue;
        f->ints[v->slot] = NULL;
        f->data[v->slot] = NULL;
        IG_TRY(settle(f, v, i < n && in ? in[i] : NULL, NULL, "input", i));
    }
    e->depth++;
    ig_status status = IG_OK;
    for (const ig_node *node = graph->first; node && status == IG_OK; node = node->next) status = infer_node(f, node);
    e->depth--;
    return status;
}

/* Sets value->type to copies in the model's arena; types that values share stay shared. */
static ig_status write_back(const ig_infer_frame *f, const ig_numbered *list) {
    ig_engine *e = f->e;
    ig_map copies;
    ig_map_init(&copies, &e->arena);
    for (size_t i = 0; i < list->values.n; i++) {
        ig_value *v = list->values.items[i];
        const ig_type *t = f->types[i];
        if (!t || t == v->type || ig_type_equal(t, v->type)) continue;
        ig_type *copy = ig_map_get(&copies, IG_KEY(t));
        if (!copy) {
            copy = ig_type_clone(&e->model->arena, t);
            if (!copy || !ig_map_set(&copies, IG_KEY(t), copy)) return ig_oom(e->err);
        }
        v->type = copy;
    }
    return IG_OK;
}

ig_status ig_model_infer(ig_model *model, const ig_infer_options *options, ig_error *err) {
    ig_engine e = {.model = model, .options = options ? options : &(ig_infer_options){0}, .err = err};
    ig_error unwanted;
    if (!err) e.err = &unwanted;
    ig_error_clear(e.err);
    e.budget = BUDGET + model->n_nodes * BUDGET_PER_NODE;
    ig_arena_init(&e.arena, model->context);
    ig_map_init(&e.operators, &e.arena);
    ig_map_init(&e.functions, &e.arena);
    ig_map_init(&e.reported, &e.arena);
    ig_model_resolve(model);
    ig_numbered list = {.arena = &e.arena};
    ig_number_values(&list, model->graph);
    ig_infer_frame frame = {0};
    ig_status status = !list.failed && ig_infer_frame_init(&frame, &e, &list) ? IG_OK : ig_oom(e.err);
    if (status == IG_OK) status = ig_infer_graph(&frame, model->graph, NULL, 0);
    if (status == IG_OK && !e.options->only_findings) status = write_back(&frame, &list);
    for (size_t i = 0; i < e.made.n; i++) ig_tensor_free(e.made.items[i]);
    ig_arena_free(&e.arena);
    return status;
}

/* --------------------------------------------------------------------------------------------------------------- record */

static ig_status record_graph(ig_graph *g, void *user) {
    ig_error *err = user;
    ig_model *model = g->model;
    for (size_t i = 0; i < g->value_infos.n; i++) {
        ig_value_info *info = &g->value_infos.items[i];
        if (info->value && info->value->type) info->type = info->value->type;
        if (info->value) info->value->slot = UINT32_MAX;
    }
    for (size_t i = 0; i < g->outputs.n; i++) {
        ig_value_info *info = &g->outputs.items[i];
        if (info->value && info->value->type) info->type = info->value->type;
        if (info->value) info->value->slot = UINT32_MAX;
    }
    for (ig_node *n = g->first; n; n = n->next)
        for (uint32_t i = 0; i < n->n_out; i++) {
            ig_value *v = n->out[i];
            if (!v || !v->type || v->slot == UINT32_MAX) continue;
            ig_value_info info = {.value = v, .name = v->name, .type = v->type};
            v->slot = UINT32_MAX;
            if (!IG_PUSH(&model->arena, &g->value_infos, info)) return ig_oom(err);
        }
    return IG_OK;
}

ig_status ig_model_record_types(ig_model *model, ig_error *err) { return ig_graph_each(model->graph, record_graph, err); }
