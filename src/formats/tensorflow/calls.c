/* Calls of functions, branches and loops. Bodies of functions go where they are called; branches and loops become subgraphs,
 * which see the values around them, so that only what changes is handed in and out. */
#include "formats/tensorflow/calls.h"

#include <stdio.h>

/* ------------------------------------------------------------------------------------------------------------ elsewhere */

void ig_tf_enter(ig_lower *l, ig_tf_elsewhere *e, ig_graph *graph, ig_node *before) {
    ig_tf_state *st = ig_tf_state_of(l);
    e->outer = st->s;
    ig_sketch_init_end(&e->sketch, graph, l->node, NULL, l->err);
    e->sketch.build.before = before;
    e->sketch.known = e->outer->known;
    e->sketch.fold = e->outer->fold;
    st->s = &e->sketch;
}

ig_status ig_tf_leave(ig_lower *l, ig_tf_elsewhere *e) {
    ig_status status = e->sketch.status;
    ig_tf_state_of(l)->s = e->outer;
    ig_sketch_free(&e->sketch);
    return status;
}

/* --------------------------------------------------------------------------------------------------------------- bodies */

static ig_status splice(ig_lower *l, const ig_graph *body, ig_graph *to, ig_node *holder, ig_value *const *in) {
    ig_arena scratch;
    size_t n = body->outputs.n;
    ig_arena_init(&scratch, l->model->context);
    ig_value **out = IG_NEW_ARRAY(&scratch, ig_value *, n + 1);
    ig_status status = out ? ig_graph_splice(to, holder, body, in, out, l->node, NULL, l->err) : ig_oom(l->err);
    for (size_t i = 0; i < n && status == IG_OK; i++)
        if (!ig_node_set_input(holder, (uint32_t)i, out[i])) status = ig_oom(l->err);
    ig_arena_free(&scratch);
    return status;
}

static ig_status check_size(ig_lower *l, const ig_graph *body) {
    const ig_limits *limits = &l->model->context->limits;
    if (ig_tf_state_of(l)->depth >= limits->depth)
        return ig_fail(l->err, IG_E_LIMIT, "functions call each other more than %u deep", limits->depth);
    if (l->model->n_nodes + body->n_nodes > limits->nodes)
        return ig_fail(l->err, IG_E_LIMIT, "the model's functions expand to more than %llu nodes",
                       (unsigned long long)limits->nodes);
    return IG_OK;
}

/* A node that reads the results holds on to them while they are lowered, and with them replaced. */
ig_status ig_tf_inline(ig_lower *l, const ig_graph *body, ig_graph *to, ig_node *before, ig_value *const *in, ig_value **out) {
    ig_tf_state *st = ig_tf_state_of(l);
    uint32_t n = (uint32_t)body->outputs.n;
    IG_TRY(check_size(l, body));
    ig_name op = ig_model_name(l->model, "Identity");
    ig_node *holder = op ? ig_node_new(to, op, NULL, n, 0) : NULL, *last;
    if (!holder) return ig_oom(l->err);
    if (before) ig_node_move(holder, before);
    last = holder->previous;
    IG_TRY(splice(l, body, to, holder, in));
    st->depth++;
    ig_status status = ig_lower_range(l, last ? last->next : to->first, holder);
    st->depth--;
    for (uint32_t i = 0; i < n; i++) out[i] = holder->in[i];
    ig_node_erase(holder);
    return status;
}

void ig_tf_out_any(ig_lower *l, uint32_t o, ig_value *v) {
    ig_tf_thing *t = ig_tf_thing_of(l, v);
    if (t)
        ig_tf_out_thing(l, o, t);
    else
        ig_tf_out(l, o, v);
}

bool ig_tf_is_broken(const ig_lower *l, const ig_value *v) {
    const ig_tf_thing *t = ig_tf_thing_of(l, v);
    return !v || (t && t->kind == IG_TF_BROKEN) || (v->producer && strcmp(ig_node_domain(v->producer), IG_TF_DOMAIN) == 0);
}

ig_status ig_tf_break(ig_lower *l, uint32_t output) {
    ig_tf_thing *t = ig_tf_new_thing(l, IG_TF_BROKEN);
    if (!t) return ig_oom(l->err);
    ig_tf_out_thing(l, output, t);
    return IG_OK;
}

ig_status ig_tf_need_function(ig_lower *l, ig_str name, size_t n_in, size_t n_out, const ig_function **out) {
    const ig_function *f = *out = ig_tf_find_function(&ig_tf_state_of(l)->library, name);
    int len = (int)ig_min_size(name.n, 80);
    if (!f) return ig_lower_refuse(l, "there is no function '%.*s'", len, name.s ? name.s : "");
    if (f->body->inputs.n == n_in && f->body->outputs.n >= n_out) return IG_OK;
    return ig_lower_refuse(l, "function '%.*s' has %zu inputs and %zu outputs, not %zu and %zu", len, name.s, f->body->inputs.n,
                           f->body->outputs.n, n_in, n_out);
}

/* The body of function `name` in place of the node, given its inputs from `first` on. */
ig_status ig_tf_call_function(ig_lower *l, ig_str name, uint32_t first) {
    const ig_function *f;
    uint32_t n_out = ig_tf_count_out(l);
    IG_TRY(ig_tf_need_function(l, name, ig_tf_count_in(l) - first, n_out, &f));
    ig_value **out = IG_NEW_ARRAY(&ig_tf_s(l)->arena, ig_value *, f->body->outputs.n + 1);
    if (!out) return ig_oom(l->err);
    IG_TRY(ig_tf_inline(l, f->body, l->node->graph, l->node, l->node->in + first, out));
    for (uint32_t o = 0; o < n_out; o++) {
        if (ig_tf_is_broken(l, out[o]))
            IG_TRY(ig_tf_break(l, o));
        else
            ig_tf_out_any(l, o, out[o]);
    }
    return IG_OK;
}

ig_status ig_tf_lower_call(ig_lower *l) { return ig_tf_call_function(l, ig_attr_str(l->node, "f"), 0); }

/* --------------------------------------------------------------------------------------------------------------- values */

/* The plain values that a value consists of: one, two for complex numbers, the sequence of a list; none for handles. They are
 * made at the place where the sketch stands. */
ig_status ig_tf_take_apart(ig_lower *l, ig_value *v, ig_value **part, size_t *n) {
    ig_tf_thing *t = ig_tf_thing_of(l, v);
    *n = 0;
    if (!t) {
        part[(*n)++] = v;
    } else if (t->kind == IG_TF_COMPLEX) {
        part[(*n)++] = t->part[0];
        part[(*n)++] = t->part[1];
    } else if (t->kind == IG_TF_LIST) {
        part[(*n)++] = ig_tf_list_sequence(l, t);
    }
    return ig_tf_s(l)->status == IG_OK && !l->b.failed ? IG_OK
           : ig_tf_s(l)->status != IG_OK               ? ig_tf_s(l)->status
                                                       : ig_oom(l->err);
}

/* The same kind of value as `like`, made of these parts. NULL when memory runs out. */
ig_value *ig_tf_put_together(ig_lower *l, ig_graph *g, const ig_value *like, ig_value *const *part) {
    const ig_tf_thing *of = ig_tf_thing_of(l, like);
    if (!of) return part[0];
    if (of->kind != IG_TF_COMPLEX && of->kind != IG_TF_LIST) return (ig_value *)(uintptr_t)like;
    ig_value *v = ig_value_new(g, NULL, NULL);
    ig_tf_thing *t = ig_tf_new_thing(l, of->kind);
    if (!v || !t) return NULL;
    *t = *of;
    t->form = IG_TF_SEQUENCE;
    t->part[0] = part[0];
    t->part[1] = of->kind == IG_TF_COMPLEX ? part[1] : NULL;
    return ig_tf_set_thing(l, v, t) == IG_OK ? v : NULL;
}

/* What is true of both types; NULL when nothing is, or memory runs out. */
const ig_type *ig_tf_common_type(ig_arena *arena, const ig_type *a, const ig_type *b) {
    if (!a || !b) return NULL;
    if (a->kind != b->kind) return NULL;
    if (a->kind == IG_KIND_SEQUENCE) {
        const ig_type *of = ig_tf_common_type(arena, a->of, b->of);
        return ig_type_of_kind(arena, IG_KIND_SEQUENCE, IG_UNDEFINED, of);
    }
    ig_shape x = ig_type_shape(a), y = ig_type_shape(b);
    if (a->dtype != b->dtype) return NULL;
    if (x.rank != y.rank) x.rank = IG_UNRANKED;
    for (int i = 0; i < x.rank; i++)
        if (!ig_dim_equal(x.dims[i], y.dims[i])) x.dims[i] = ig_dim_unknown();
    return ig_type_tensor(arena, a->dtype, &x);
}

/* Makes the value the next output of a graph of a node, by a node of its own where it is made outside or is an output already.
 */
ig_status ig_tf_add_output(ig_lower *l, ig_graph *g, ig_value *v) {
    bool own = v->graph == g && v->producer;
    for (size_t i = 0; i < g->outputs.n; i++) own &= g->outputs.items[i].value != v;
    if (!own) {
        ig_build b = ig_build_end(g);
        ig_value *copy = IG_BUILD(&b, "Identity", v);
        if (!copy) return ig_oom(l->err);
        copy->type = v->type;
        v = copy;
    }
    return ig_graph_add_output(g, v) ? IG_OK : ig_oom(l->err);
}

/* ------------------------------------------------------------------------------------------------------------ resources */

ig_status ig_tf_save_state(ig_lower *l, ig_arena *arena, ig_tf_snapshot *s) {
    const ig_tf_state *st = ig_tf_state_of(l);
    s->n = st->resources.n;
    s->saved = IG_NEW_ARRAY(arena, ig_tf_resource, s->n);
    if (!s->saved) return ig_oom(l->err);
    for (size_t i = 0; i < s->n; i++) s->saved[i] = *st->resources.items[i];
    return IG_OK;
}

void ig_tf_restore_state(ig_lower *l, const ig_tf_snapshot *s) {
    const ig_tf_state *st = ig_tf_state_of(l);
    for (size_t i = 0; i < s->n; i++) *st->resources.items[i] = s->saved[i];
}

/* ------------------------------------------------------------------------------------------------------------- branches */

typedef struct branch {
    const ig_graph *body;
    uint32_t first; /* input of the node that is the body's first */
    ig_graph *graph;
    ig_value **out;       /* results of the function */
    ig_tf_snapshot after; /* resources */
} branch;

typedef struct choice {
    ig_node *node; /* the ONNX If */
    branch way[2]; /* then, else */
    ig_tf_snapshot before;
} choice;

static ig_status lower_branch(ig_lower *l, choice *c, size_t which, ig_arena *arena) {
    branch *w = &c->way[which];
    w->graph = ig_graph_new(l->model, c->node->graph, c->node);
    w->out = IG_NEW_ARRAY(arena, ig_value *, w->body->outputs.n + 1);
    if (!w->graph || !w->out) return ig_oom(l->err);
    ig_attr a = {.name = ig_model_name(l->model, which ? "else_branch" : "then_branch"), .kind = IG_ATTR_GRAPH, .g = w->graph};
    if (!a.name || !ig_attr_put(c->node, &a)) return ig_oom(l->err);
    ig_tf_restore_state(l, &c->before);
    ig_status status = ig_tf_inline(l, w->body, w->graph, NULL, l->node->in + w->first, w->out);
    if (status == IG_OK) status = ig_tf_save_state(l, arena, &w->after);
    ig_tf_restore_state(l, &c->before);
    return status;
}

/* A pair of parts as the next output of the If; *out is that. */
static ig_status join_parts(ig_lower *l, choice *c, ig_value *a, ig_value *b, ig_value **out) {
    IG_TRY(ig_tf_add_output(l, c->way[0].graph, a));
    IG_TRY(ig_tf_add_output(l, c->way[1].graph, b));
    uint32_t n = c->node->n_out;
    if (!ig_node_resize(c->node, c->node->n_in, n + 1)) return ig_oom(l->err);
    *out = ig_value_new(c->node->graph, NULL, ig_tf_common_type(&l->model->arena, a->type, b->type));
    if (!*out) return ig_oom(l->err);
    ig_node_set_output(c->node, n, *out);
    return IG_OK;
}

static ig_status take_apart_in(ig_lower *l, ig_graph *g, ig_value *v, ig_value **part, size_t *n) {
    ig_tf_elsewhere e;
    ig_tf_enter(l, &e, g, NULL);
    ig_status status = ig_tf_take_apart(l, v, part, n), left = ig_tf_leave(l, &e);
    return status == IG_OK ? left : status;
}

/* Result o of both branches as one value. */
static ig_status join_result(ig_lower *l, choice *c, uint32_t o, ig_value **out) {
    ig_value *v[2] = {c->way[0].out[o], c->way[1].out[o]}, *part[2][2] = {{NULL}}, *joined[2] = {NULL};
    size_t n[2];
    const ig_tf_thing *a = ig_tf_thing_of(l, v[0]), *b = ig_tf_thing_of(l, v[1]);
    if (ig_tf_is_broken(l, v[0]) || ig_tf_is_broken(l, v[1])) {
        *out = NULL;
        return IG_OK;
    }
    if (v[0] == v[1] || (a && b && a->resource && a->resource == b->resource)) {
        *out = v[0];
        return IG_OK;
    }
    for (size_t k = 0; k < 2; k++) IG_TRY(take_apart_in(l, c->way[k].graph, v[k], part[k], &n[k]));
    if (n[0] != n[1] || n[0] == 0) return ig_lower_refuse(l, "its branches give different kinds of results");
    for (size_t k = 0; k < n[0]; k++) IG_TRY(join_parts(l, c, part[0][k], part[1][k], &joined[k]));
    *out = ig_tf_put_together(l, c->node->graph, v[0], joined);
    return *out ? IG_OK : ig_oom(l->err);
}

/* Variables that a branch has changed. */
static ig_status join_state(ig_lower *l, choice *c) {
    ig_tf_state *st = ig_tf_state_of(l);
    for (size_t i = 0; i < c->before.n; i++) {
        ig_value *a = c->way[0].after.saved[i].value, *b = c->way[1].after.saved[i].value;
        if (a == b) {
            st->resources.items[i]->value = a;
            continue;
        }
        if (!a || !b || st->resources.items[i]->table)
            return ig_lower_refuse(l, "a branch gives a resource its first value, or changes a table");
        IG_TRY(join_parts(l, c, a, b, &st->resources.items[i]->value));
    }
    return IG_OK;
}

static ig_status finish_choice(ig_lower *l, choice *c, ig_value **out) {
    uint32_t n = ig_tf_count_out(l);
    for (uint32_t o = 0; o < n; o++) {
        out[o] = NULL;
        if (ig_tf_wanted(l, o)) IG_TRY(join_result(l, c, o, &out[o]));
    }
    IG_TRY(join_state(l, c));
    if (c->node->n_out == 0) ig_node_erase(c->node);
    return IG_OK;
}

static ig_status make_choice(ig_lower *l, ig_value *condition, const ig_function *then, const ig_function *otherwise,
                             uint32_t first_otherwise) {
    ig_arena *arena = &ig_tf_s(l)->arena;
    choice c = {.way = {{.body = then->body, .first = 1}, {.body = otherwise->body, .first = first_otherwise}}};
    ig_value **out = IG_NEW_ARRAY(arena, ig_value *, (size_t)l->node->n_out + 1);
    ig_build b = ig_build_before(l->node);
    c.node = ig_build_node(&b, NULL, "If", &condition, 1, 0);
    if (!out || !c.node) return ig_oom(l->err);
    IG_TRY(ig_tf_save_state(l, arena, &c.before));
    IG_TRY(lower_branch(l, &c, 0, arena));
    IG_TRY(lower_branch(l, &c, 1, arena));
    IG_TRY(finish_choice(l, &c, out));
    for (uint32_t o = 0; o < ig_tf_count_out(l); o++) {
        if (out[o])
            ig_tf_out_any(l, o, out[o]);
        else
            IG_TRY(ig_tf_break(l, o));
    }
    return IG_OK;
}

/* What counts as true: other than zero, a text that isn't empty, a tensor with elements. */
static ig_value *condition_of(ig_lower *l, ig_value *v) {
    ig_tf_bind(l, "c", v);
    if (ig_tf_rank_of(v) > 0) return ig_tf_v(l, "Greater(Size(c), 0i)");
    if (ig_tf_dtype_of(v) == IG_BOOL || ig_tf_dtype_of(v) == IG_UNDEFINED) return v;
    return ig_tf_cast(l, v, IG_BOOL);
}

ig_status ig_tf_lower_if(ig_lower *l) {
    const ig_function *then, *otherwise;
    uint32_t n_in = ig_tf_count_in(l), n_out = ig_tf_count_out(l);
    ig_str names[2] = {ig_attr_str(l->node, "then_branch"), ig_attr_str(l->node, "else_branch")};
    double known;
    if (n_in == 0) return ig_lower_refuse(l, "it has no condition");
    IG_TRY(ig_tf_need_function(l, names[0], n_in - 1, n_out, &then));
    IG_TRY(ig_tf_need_function(l, names[1], n_in - 1, n_out, &otherwise));
    ig_value *c = condition_of(l, l->node->in[0]);
    if (ig_tf_number(l, c, &known)) return ig_tf_call_function(l, names[known != 0 ? 0 : 1], 1);
    return c ? make_choice(l, c, then, otherwise, 1) : ig_tf_s(l)->status;
}

/* A function that chooses between the last n branches: a Case again. It has the node's inputs. */
static ig_status rest_of_case(ig_lower *l, const ig_str *names, size_t n, const ig_function **out) {
    ig_model *m = l->model;
    ig_function *f = IG_NEW(&m->arena, ig_function);
    ig_graph *g = ig_graph_new(m, NULL, NULL);
    uint32_t n_in = ig_tf_count_in(l), n_out = ig_tf_count_out(l);
    ig_node *node = g ? ig_node_new(g, l->node->op, l->node->domain, n_in, n_out) : NULL;
    ig_attr branches = {.name = ig_model_name(m, "branches"), .kind = IG_ATTR_STRINGS, .strings = names, .n = n};
    if (!f || !node || !branches.name || !ig_attr_put(node, &branches)) return ig_oom(l->err);
    for (uint32_t i = 0; i < n_in; i++) {
        ig_value *v = ig_value_new(g, NULL, NULL);
        if (!v || !ig_graph_add_input(g, v) || !ig_node_set_input(node, i, v)) return ig_oom(l->err);
    }
    for (uint32_t o = 0; o < n_out; o++) {
        ig_value *v = ig_value_new(g, NULL, l->node->out[o] ? l->node->out[o]->type : NULL);
        if (!v) return ig_oom(l->err);
        ig_node_set_output(node, o, v);
        if (!ig_graph_add_output(g, v)) return ig_oom(l->err);
    }
    f->body = g;
    f->name = l->node->op;
    *out = f;
    return IG_OK;
}

ig_status ig_tf_lower_case(ig_lower *l) {
    size_t n;
    int64_t index;
    const ig_str *names = ig_attr_strs(l->node, "branches", &n);
    const ig_function *first, *rest;
    if (n == 0 || ig_tf_count_in(l) == 0) return ig_lower_refuse(l, "it has no branches");
    if (ig_tf_int(l, l->node->in[0], &index)) /* what is out of range means the last one */
        return ig_tf_call_function(l, names[index < 0 || (size_t)index >= n ? n - 1 : (size_t)index], 1);
    if (n == 1) return ig_tf_call_function(l, names[0], 1);
    uint32_t n_in = ig_tf_count_in(l) - 1, n_out = ig_tf_count_out(l);
    IG_TRY(ig_tf_need_function(l, names[0], n_in, n_out, &first));
    IG_TRY(n == 2 ? ig_tf_need_function(l, names[1], n_in, n_out, &rest) : rest_of_case(l, names + 1, n - 1, &rest));
    ig_tf_bind(l, "i", ig_tf_i64(l, l->node->in[0]));
    ig_value *c = ig_tf_v(l, "Equal(i, 0i)"), *down = ig_tf_v(l, "i - 1i"); /* the rest counts from its own first one */
    if (!c || !down) return ig_tf_s(l)->status;
    if (!ig_node_set_input(l->node, 0, down)) return ig_oom(l->err);
    return make_choice(l, c, first, rest, n == 2 ? 1 : 0);
}

const ig_value *ig_tf_origin(const ig_value *v) {
    for (int steps = 0; v && v->producer && strcmp(v->producer->op, "Identity") == 0 && steps < 64; steps++) {
        if (v->producer->n_in == 0) break;
        v = v->producer->in[0];
    }
    return v;
}
