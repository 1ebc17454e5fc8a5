/* From a graph to a program: slots, steps, constants, lifetimes. Done once per session. */
#include "runtime/runtime.h"

typedef struct builder {
    ig_program *p;
    ig_arena *arena; /* the session's */
    ig_error *err;
} builder;

static uint32_t slot_get(const ig_program *p, const ig_value *v) {
    uintptr_t n = (uintptr_t)ig_map_get(&p->slot_of, IG_KEY(v));
    return n ? (uint32_t)(n - 1) : IG_NO_SLOT;
}

static bool slot_new(ig_program *p, const ig_value *v, uint32_t *slot) {
    *slot = p->n_slots++;
    return ig_map_set(&p->slot_of, IG_KEY(v), (void *)(uintptr_t)(*slot + 1));
}

/* The slot of a value that a node or output of this program reads; captures from outer programs get one on first use. */
static ig_status slot_read(builder *b, const ig_value *v, uint32_t *slot) {
    ig_program *p = b->p;
    *slot = slot_get(p, v);
    if (*slot != IG_NO_SLOT) return IG_OK;
    if (v->graph == p->graph || !p->outer)
        return ig_fail(b->err, IG_E_INPUT, "value '%.80s' is read but never made", ig_name_text(v->name));
    builder outer = {p->outer, b->arena, b->err};
    ig_capture capture;
    IG_TRY(slot_read(&outer, v, &capture.outer));
    if (!slot_new(p, v, slot)) return ig_oom(b->err);
    capture.slot = *slot;
    return IG_PUSH(b->arena, &p->captures, capture) ? IG_OK : ig_oom(b->err);
}

static ig_status slot_define(builder *b, const ig_value *v, uint32_t *slot) {
    if (slot_get(b->p, v) != IG_NO_SLOT)
        return ig_fail(b->err, IG_E_INPUT, "value '%.80s' is defined twice", ig_name_text(v->name));
    return slot_new(b->p, v, slot) ? IG_OK : ig_oom(b->err);
}

/* Slots for what the graph defines: inputs, initializers, node outputs. */
static ig_status number_slots(builder *b) {
    ig_program *p = b->p;
    const ig_graph *g = p->graph;
    uint32_t slot;
    for (size_t i = 0; i < g->inputs.n; i++) IG_TRY(slot_define(b, g->inputs.items[i].value, &p->inputs[p->n_inputs++]));
    for (size_t i = 0; i < g->initializers.n; i++)
        if (!g->initializers.items[i]->is_input) IG_TRY(slot_define(b, g->initializers.items[i], &slot));
    for (const ig_node *n = g->first; n; n = n->next)
        for (uint32_t o = 0; o < n->n_out; o++)
            if (n->out[o]) IG_TRY(slot_define(b, n->out[o], &slot));
    return IG_OK;
}

static size_t count_graphs(const ig_node *n) {
    size_t count = 0;
    for (const ig_attr *a = n->attrs; a; a = a->next) count += a->kind == IG_ATTR_GRAPH && a->g;
    return count;
}

static ig_status bind_step(builder *b, ig_step *s, const ig_node *n) {
    ig_program *p = b->p;
    uint32_t *in = IG_NEW_ARRAY(b->arena, uint32_t, n->n_in), *out = IG_NEW_ARRAY(b->arena, uint32_t, n->n_out);
    bool *wanted = IG_NEW_ARRAY(b->arena, bool, n->n_out);
    *s = (ig_step){.node = n, .op = ig_op_of(n), .n_in = n->n_in, .n_out = n->n_out, .in = in, .out = out, .wanted = wanted};
    s->graphs = IG_NEW_ARRAY(b->arena, ig_program *, count_graphs(n));
    if (!in || !out || !wanted || !s->graphs) return ig_oom(b->err);
    for (uint32_t i = 0; i < n->n_in; i++) {
        in[i] = IG_NO_SLOT;
        if (n->in[i]) IG_TRY(slot_read(b, n->in[i], &in[i]));
    }
    for (uint32_t i = 0; i < n->n_out; i++) {
        out[i] = n->out[i] ? slot_get(p, n->out[i]) : IG_NO_SLOT;
        wanted[i] = n->out[i] && n->out[i]->n_uses > 0;
    }
    p->max_in = ig_max_size(p->max_in, n->n_in);
    p->max_out = ig_max_size(p->max_out, n->n_out);
    for (const ig_attr *a = n->attrs; a; a = a->next) {
        if (a->kind != IG_ATTR_GRAPH || !a->g) continue;
        ig_status status = ig_program_create(&s->graphs[s->n_graphs], p->session, a->g, p, b->err);
        if (s->graphs[s->n_graphs]) s->n_graphs++; /* freed with this program also when it failed half-way */
        if (status != IG_OK) {
            ig_error_at_node(b->err, n);
            return status;
        }
    }
    return IG_OK;
}

/* Content of initializers, and of captured constants. */
static ig_status load_constants(builder *b) {
    ig_program *p = b->p;
    p->constants = IG_NEW_ARRAY(b->arena, ig_tensor *, p->n_slots);
    if (!p->constants) return ig_oom(b->err);
    for (size_t i = 0; i < p->graph->initializers.n; i++) {
        const ig_value *v = p->graph->initializers.items[i];
        if (v->is_input && (p->session->defaults_are_inputs || p->outer)) continue;
        ig_tensor *t;
        IG_TRY(ig_const_tensor(p->session->model, v->constant, &t, b->err));
        ig_tensor **constant = &p->constants[slot_get(p, v)];
        if (t->kind == IG_KIND_SPARSE) /* stored sparse, used as the dense tensor it stands for */
            IG_TRY(ig_tensor_densify(constant, p->session->context, t, b->err));
        else
            *constant = ig_tensor_clone(t);
    }
    for (size_t i = 0; i < p->captures.n; i++) {
        const ig_capture *c = &p->captures.items[i];
        if (p->outer->constants[c->outer]) p->constants[c->slot] = ig_tensor_clone(p->outer->constants[c->outer]);
    }
    return IG_OK;
}

/* Views share their input's storage; a step's reading of a slot, also by its graphs, keeps the storage alive. */
static ig_status find_lifetimes(builder *b) {
    ig_program *p = b->p;
    p->alias = IG_NEW_ARRAY(b->arena, uint32_t, p->n_slots);
    p->last = IG_NEW_ARRAY(b->arena, uint32_t, p->n_slots);
    if (!p->alias || !p->last) return ig_oom(b->err);
    for (uint32_t i = 0; i < p->n_slots; i++) p->alias[i] = i;
    for (size_t s = 0; s < p->n_steps; s++) {
        const ig_step *step = &p->steps[s];
        bool view = (step->op->flags & IG_OP_VIEW) && step->n_in && step->n_out;
        if (view && step->in[0] != IG_NO_SLOT && step->out[0] != IG_NO_SLOT) p->alias[step->out[0]] = p->alias[step->in[0]];
        for (uint32_t i = 0; i < step->n_in; i++)
            if (step->in[i] != IG_NO_SLOT) p->last[p->alias[step->in[i]]] = (uint32_t)s;
        for (uint32_t o = 0; o < step->n_out; o++) /* what nobody reads dies where it was made */
            if (step->out[o] != IG_NO_SLOT) p->last[p->alias[step->out[o]]] = (uint32_t)s;
        for (size_t k = 0; k < step->n_graphs; k++)
            for (size_t c = 0; c < step->graphs[k]->captures.n; c++)
                p->last[p->alias[step->graphs[k]->captures.items[c].outer]] = (uint32_t)s;
    }
    for (size_t o = 0; o < p->n_outputs; o++) p->last[p->alias[p->outputs[o]]] = UINT32_MAX;
    return IG_OK;
}

/* Lists for each step the slots whose storage it is the last to read. */
static ig_status list_deaths(builder *b) {
    ig_program *p = b->p;
    uint32_t *lists = IG_NEW_ARRAY(b->arena, uint32_t, p->n_slots);
    if (!lists) return ig_oom(b->err);
    for (uint32_t i = 0; i < p->n_slots; i++)
        if (p->last[p->alias[i]] < p->n_steps) p->steps[p->last[p->alias[i]]].n_dies++;
    for (size_t s = 0; s < p->n_steps; s++) {
        p->steps[s].dies = lists;
        lists += p->steps[s].n_dies;
        p->steps[s].n_dies = 0;
    }
    for (uint32_t i = 0; i < p->n_slots; i++) {
        uint32_t last = p->last[p->alias[i]];
        if (last < p->n_steps) p->steps[last].dies[p->steps[last].n_dies++] = i;
    }
    return IG_OK;
}

/* A file's bytes lie anywhere; kernels load whole elements. */
static ig_status align_constant(builder *b, uint32_t slot) {
    ig_tensor *t = b->p->constants[slot], *copy;
    size_t element = t->dtype == IG_STRING ? 1 : ig_dtype_bytes(t->dtype);
    size_t align = ig_min_size(element ? element : 1, 8);
    if (t->kind != IG_KIND_TENSOR || (uintptr_t)t->data % align == 0) return IG_OK;
    IG_TRY(ig_tensor_copy(&copy, b->p->session->context, t, b->err));
    b->p->constants[slot] = copy;
    ig_tensor_free(t);
    return IG_OK;
}

static ig_status prepare_step(builder *b, ig_step *s, bool *aligned) {
    ig_program *p = b->p;
    const ig_tensor **in = IG_NEW_ARRAY(b->arena, const ig_tensor *, s->n_in);
    const ig_type **types = IG_NEW_ARRAY(b->arena, const ig_type *, s->n_in);
    bool *taken = IG_NEW_ARRAY(b->arena, bool, s->n_in);
    if (!in || !types || !taken) return ig_oom(b->err);
    for (uint32_t i = 0; i < s->n_in; i++) {
        if (s->in[i] == IG_NO_SLOT) continue;
        in[i] = p->constants[s->in[i]];
        types[i] = s->node->in[i]->type;
    }
    if (s->op->prepare) {
        ig_prepare prepare = {.node = s->node,
                              .context = p->session->context,
                              .threads = p->session->threads,
                              .n_in = s->n_in,
                              .in = in,
                              .types = types,
                              .taken = taken,
                              .err = b->err};
        ig_status status = s->op->prepare(&prepare);
        s->state = prepare.state;
        if (status != IG_OK) {
            ig_error_at_node(b->err, s->node);
            return status;
        }
    }
    for (uint32_t i = 0; i < s->n_in; i++) {
        if (!in[i]) continue;
        const ig_buffer *file = taken[i] ? ig_model_buffer_of(p->session->model, in[i]->data) : NULL;
        if (file) ig_buffer_forget(file, in[i]->data, in[i]->bytes);
        if (!taken[i]) aligned[s->in[i]] = true;
    }
    for (size_t k = 0; k < s->n_graphs; k++)
        for (size_t c = 0; c < s->graphs[k]->captures.n; c++) aligned[s->graphs[k]->captures.items[c].outer] = true;
    return IG_OK;
}

static ig_status prepare_steps(builder *b) {
    ig_program *p = b->p;
    bool *aligned = IG_NEW_ARRAY(b->arena, bool, p->n_slots);
    if (!aligned) return ig_oom(b->err);
    for (size_t s = 0; s < p->n_steps; s++) IG_TRY(prepare_step(b, &p->steps[s], aligned));
    for (size_t o = 0; o < p->n_outputs; o++) aligned[p->outputs[o]] = true;
    for (uint32_t i = 0; i < p->n_slots; i++)
        if (aligned[i] && p->constants[i]) IG_TRY(align_constant(b, i));
    return IG_OK;
}

static ig_status build(builder *b) {
    ig_program *p = b->p;
    const ig_graph *g = p->graph;
    p->inputs = IG_NEW_ARRAY(b->arena, uint32_t, g->inputs.n);
    p->outputs = IG_NEW_ARRAY(b->arena, uint32_t, g->outputs.n);
    p->steps = IG_NEW_ARRAY(b->arena, ig_step, g->n_nodes);
    if (!p->inputs || !p->outputs || !p->steps) return ig_oom(b->err);
    IG_TRY(number_slots(b));
    for (const ig_node *n = g->first; n; n = n->next) IG_TRY(bind_step(b, &p->steps[p->n_steps++], n));
    for (size_t i = 0; i < g->outputs.n; i++) {
        if (!g->outputs.items[i].value)
            return ig_fail(b->err, IG_E_INPUT, "graph output '%.80s' is never made", ig_name_text(g->outputs.items[i].name));
        IG_TRY(slot_read(b, g->outputs.items[i].value, &p->outputs[p->n_outputs++]));
    }
    return IG_OK;
}

/* What needs all slots, which subgraphs add to by capturing. Constants go from outer programs to inner ones; an outer program's
 * constants are aligned only after the inner ones have taken theirs, so inner programs go first and align their own. */
static ig_status finish(builder *b) {
    IG_TRY(load_constants(b));
    for (size_t s = 0; s < b->p->n_steps; s++)
        for (size_t k = 0; k < b->p->steps[s].n_graphs; k++) {
            builder inner = {b->p->steps[s].graphs[k], b->arena, b->err};
            IG_TRY(finish(&inner));
        }
    IG_TRY(find_lifetimes(b));
    IG_TRY(list_deaths(b));
    return prepare_steps(b);
}

ig_status ig_program_create(ig_program **out, ig_session *session, ig_graph *graph, ig_program *outer, ig_error *err) {
    ig_program *p = *out = IG_NEW(&session->arena, ig_program);
    if (!p) return ig_oom(err);
    p->session = session;
    p->graph = graph;
    p->outer = outer;
    ig_map_init(&p->slot_of, &session->arena);
    pthread_mutex_init(&p->lock, NULL);
    builder b = {p, &session->arena, err};
    IG_TRY(build(&b));
    return outer ? IG_OK : finish(&b);
}

void ig_program_free(ig_program *p) {
    if (!p) return;
    for (ig_plan *plan = p->plans, *next; plan; plan = next) {
        next = plan->next;
        ig_plan_free(plan);
    }
    for (size_t s = 0; s < p->n_steps; s++) {
        ig_step *step = &p->steps[s];
        for (size_t k = 0; k < step->n_graphs; k++) ig_program_free(step->graphs[k]);
        if (!step->state) continue;
        if (step->op->release)
            step->op->release(p->session->context, step->state);
        else
            ig_release(p->session->context, step->state);
    }
    for (uint32_t i = 0; p->constants && i < p->n_slots; i++) ig_tensor_free(p->constants[i]);
    pthread_mutex_destroy(&p->lock);
}
