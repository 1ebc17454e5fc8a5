/* Calls of functions of the model: the body is inferred once for each combination of argument types, contents and attributes,
 * which bounds the work for functions that call functions many times. */
#include "infer/engine.h"

typedef struct call_result {
    struct call_result *next;
    const ig_node *call; /* with attributes that have values */
    const ig_type **in, **out;
    const ig_tensor **data, **out_data;
    const ig_ints **ints, **out_ints;
} call_result;

struct ig_engine_function {
    ig_numbered values;
    call_result *results;
};

/* ---------------------------------------------------------------------------------------------------------- attributes */

static const ig_attr *find_attr(const ig_attr *list, ig_name name) {
    for (; list; list = list->next)
        if (list->name == name) return list;
    return NULL;
}

/* The attributes of a node in a function's body with the values of the call. */
static bool bind_attrs(ig_infer_frame *f, const ig_node *node, ig_attr **out) {
    const ig_function *function = f->call->function;
    ig_attr **link = out;
    for (const ig_attr *a = node->attrs; a; a = a->next) {
        const ig_attr *value = a;
        if (a->ref) {
            value = find_attr(f->call->attrs, a->ref);
            if (!value) value = find_attr(function->default_attributes, a->ref);
            if (!value) continue;
        }
        ig_attr *copy = IG_NEW(&f->e->arena, ig_attr);
        if (!copy) return false;
        *copy = *value;
        copy->name = a->name;
        copy->ref = NULL;
        copy->next = NULL;
        *link = copy;
        link = &copy->next;
    }
    *link = NULL;
    return true;
}

const ig_node *ig_infer_bound_node(ig_infer_frame *f, const ig_node *node) {
    if (!f->call) return node;
    bool refers = false, lacks = false;
    for (const ig_attr *a = node->attrs; a; a = a->next) refers |= a->ref != NULL;
    for (uint32_t i = 0; i < node->n_in; i++) lacks |= node->in[i] && f->absent[node->in[i]->slot];
    if (!refers && !lacks) return node;
    ig_node *copy = IG_NEW(&f->e->arena, ig_node);
    if (!copy) return NULL;
    *copy = *node;
    if (refers && !bind_attrs(f, node, &copy->attrs)) return NULL;
    if (!lacks) return copy;
    copy->in = IG_NEW_ARRAY(&f->e->arena, ig_value *, node->n_in);
    if (!copy->in) return NULL;
    for (uint32_t i = 0; i < node->n_in; i++) copy->in[i] = node->in[i] && f->absent[node->in[i]->slot] ? NULL : node->in[i];
    return copy;
}

static bool same_attr(const ig_attr *a, const ig_attr *b) {
    if (a->name != b->name || a->kind != b->kind || a->n != b->n) return false;
    switch (a->kind) {
    case IG_ATTR_INT: return a->i == b->i;
    case IG_ATTR_FLOAT: return memcmp(&a->f, &b->f, sizeof a->f) == 0;
    case IG_ATTR_STRING: return ig_str_eq(a->s, b->s);
    case IG_ATTR_TENSOR: return a->t == b->t;
    case IG_ATTR_INTS: return a->n == 0 || memcmp(a->ints, b->ints, a->n * sizeof *a->ints) == 0;
    case IG_ATTR_FLOATS: return a->n == 0 || memcmp(a->floats, b->floats, a->n * sizeof *a->floats) == 0;
    default: return a->ints == b->ints; /* the same pointer */
    }
}

static bool same_attrs(const ig_attr *a, const ig_attr *b) {
    for (; a && b; a = a->next, b = b->next)
        if (!same_attr(a, b)) return false;
    return a == b;
}

/* ------------------------------------------------------------------------------------------------------------- results */

static bool same_ints(const ig_ints *a, const ig_ints *b) {
    if (!a || !b || a == b) return a == b;
    if (a->rank != b->rank || a->n != b->n) return false;
    for (size_t i = 0; i < a->n; i++)
        if (a->values[i].value != b->values[i].value || a->values[i].sym != b->values[i].sym) return false;
    return true;
}

static bool same_call(const call_result *r, const ig_step_types *s) {
    if (r->call->n_in != s->node->n_in || r->call->n_out != s->node->n_out || !same_attrs(r->call->attrs, s->node->attrs))
        return false;
    for (uint32_t i = 0; i < s->node->n_in; i++) {
        if (!r->call->in[i] != !s->node->in[i] || r->data[i] != s->data[i]) return false;
        if (!ig_type_equal(r->in[i], s->in[i]) || !same_ints(r->ints[i], s->ints[i])) return false;
    }
    return true;
}

static void *copy_of(ig_arena *arena, const void *list, size_t n) {
    void *copy = ig_arena_array(arena, n, sizeof(void *));
    if (copy && n) memcpy(copy, list, n * sizeof(void *));
    return copy;
}

static void use_result(const call_result *r, ig_step_types *s) {
    for (uint32_t i = 0; i < s->node->n_out; i++) {
        s->out[i] = r->out[i];
        s->out_data[i] = r->out_data[i];
        if (s->out_ints) s->out_ints[i] = r->out_ints[i];
    }
}

/* --------------------------------------------------------------------------------------------------------------- calls */

static ig_engine_function *function_of(ig_engine *e, const ig_function *function) {
    ig_engine_function *known = ig_map_get(&e->functions, IG_KEY(function));
    if (known) return known;
    known = IG_NEW(&e->arena, ig_engine_function);
    if (!known) return NULL;
    known->values.arena = &e->arena;
    ig_number_values(&known->values, function->body);
    return !known->values.failed && ig_map_set(&e->functions, IG_KEY(function), known) ? known : NULL;
}

static bool under_way(const ig_infer_frame *f, const ig_function *function) {
    for (; f; f = f->caller)
        if (f->call && f->call->function == function) return true;
    return false;
}

/* Names of dims in a function's body are its own: two calls may mean different sizes by one. */
static bool is_symbolic(ig_dim d, uint32_t unused) {
    IG_UNUSED(unused);
    return !ig_dim_known(d) && d.sym;
}

static void bind_inputs(ig_infer_frame *f, const ig_graph *body, const ig_step_types *s) {
    for (size_t i = 0; i < body->inputs.n; i++) {
        const ig_value *v = body->inputs.items[i].value;
        if (!v) continue;
        if (i >= s->node->n_in || !s->node->in[i]) {
            f->absent[v->slot] = true;
            continue;
        }
        f->types[v->slot] = s->in[i];
        f->data[v->slot] = s->data[i];
        f->ints[v->slot] = s->ints[i];
    }
}

/* What the body gives. Symbols made inside are not those of another call. */
static bool take_outputs(ig_infer_frame *f, const ig_graph *body, uint32_t n_syms, call_result *r) {
    ig_arena *arena = &f->e->arena;
    size_t n = ig_min_size(body->outputs.n, r->call->n_out);
    r->out = IG_NEW_ARRAY(arena, const ig_type *, r->call->n_out);
    r->out_data = IG_NEW_ARRAY(arena, const ig_tensor *, r->call->n_out);
    r->out_ints = IG_NEW_ARRAY(arena, const ig_ints *, r->call->n_out);
    if (!r->out || !r->out_data || !r->out_ints) return false;
    for (size_t i = 0; i < n; i++) {
        const ig_value *v = body->outputs.items[i].value;
        if (!v) continue;
        r->out[i] = ig_type_forget(arena, f->types[v->slot], ig_dim_made_since, n_syms);
        r->out_data[i] = f->data[v->slot];
        const ig_ints *ints = f->ints[v->slot];
        if (!ints) continue;
        ig_dim *values = IG_NEW_ARRAY(arena, ig_dim, ints->n);
        ig_ints *copy = IG_NEW(arena, ig_ints);
        if (!values || !copy) return false;
        for (size_t k = 0; k < ints->n; k++)
            values[k] = ig_dim_made_since(ints->values[k], n_syms) ? ig_dim_unknown() : ints->values[k];
        *copy = (ig_ints){ints->rank, ints->n, values};
        r->out_ints[i] = copy;
    }
    return true;
}

ig_status ig_infer_call(ig_infer_frame *f, ig_step_types *s) {
    ig_engine *e = f->e;
    ig_function *function = s->node->function;
    const ig_graph *body = function->body;
    if (!body || e->n_nodes > e->budget) return IG_OK;
    if (under_way(f, function)) {
        if (e->options->tolerant) return IG_OK;
        ig_fail(e->err, IG_E_INPUT, "function '%.80s' calls itself", ig_name_text(function->name));
        ig_error_hint(e->err, "functions can't be recursive; use Loop");
        return IG_E_INPUT;
    }
    ig_engine_function *known = function_of(e, function);
    if (!known) return ig_oom(e->err);
    for (const call_result *r = known->results; r; r = r->next) {
        if (!same_call(r, s)) continue;
        use_result(r, s);
        return IG_OK;
    }
    ig_infer_frame frame = {.call = s->node, .caller = f};
    call_result *r = IG_NEW(&e->arena, call_result);
    if (!r || !ig_infer_frame_init(&frame, e, &known->values)) return ig_oom(e->err);
    frame.absent = IG_NEW_ARRAY(&e->arena, bool, known->values.values.n);
    if (!frame.absent) return ig_oom(e->err);
    for (size_t i = 0; i < known->values.values.n; i++)
        frame.declared[i] = ig_type_forget(&e->arena, frame.declared[i], is_symbolic, 0);
    bind_inputs(&frame, body, s);
    uint32_t n_syms = e->model->syms.n_syms;
    IG_TRY(ig_infer_graph(&frame, function->body, NULL, 0));
    r->call = s->node;
    r->in = copy_of(&e->arena, s->in, s->node->n_in);
    r->data = copy_of(&e->arena, s->data, s->node->n_in);
    r->ints = copy_of(&e->arena, s->ints, s->node->n_in);
    if (!r->in || !r->data || !r->ints || !take_outputs(&frame, body, n_syms, r)) return ig_oom(e->err);
    r->next = known->results;
    known->results = r;
    use_result(r, s);
    return IG_OK;
}
