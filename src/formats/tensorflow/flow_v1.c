/* TensorFlow 1's control flow (Switch, Merge, Enter, Exit, NextIteration, LoopCond) turned into While and If, whose parts are
 * new functions. How the operators play together: "Implementation of Control Flow in TensorFlow" (2017).
 *
 * A loop is a frame, which nodes Enter makes. Each of its variables is a Merge of what enters and of the NextIteration; a
 * Switch by the LoopCond sends it into the body or to an Exit. Constant Enters are what the loop uses of its surroundings. The
 * part of the graph behind the LoopCond's input and that behind the NextIterations become functions. Innermost frames go first.
 *
 * A condition is a Merge of two values, behind which lie Switches by one truth value. Again those go first that hold no others.
 */
#include "formats/tensorflow/rules.h"

#include <stdio.h>

/* ------------------------------------------------------------------------------------------------------------- regions */

/* What two functions to be made out of a graph share: nodes behind some values, up to a border. */
typedef struct region {
    ig_tf_functions *library;
    ig_arena *arena;
    ig_map border;                /* value -> the value outside that it stands for: an input of the functions */
    IG_VEC(ig_value *) captured;  /* values outside, each an input behind the variables */
    IG_VEC(ig_value *) variables; /* value that stands for the variable, by number; border of its own */
    ig_name frame;                /* of a loop; NULL: of a condition */
    const ig_value *predicate;    /* of a condition: found by the first Switch */
    int *side;                    /* of a condition: which outputs of Switches the values lie behind; -1: none seen */
} region;

typedef IG_VEC(ig_node *) nodes;

static bool is_op(const ig_node *n, const char *op) { return n && strcmp(n->op, op) == 0; }
static bool is_switch(const ig_node *n) { return is_op(n, "Switch") || is_op(n, "RefSwitch") || is_op(n, "_SwitchN"); }
static bool is_merge(const ig_node *n) { return is_op(n, "Merge") || is_op(n, "RefMerge"); }
static bool is_enter(const ig_node *n) { return is_op(n, "Enter") || is_op(n, "RefEnter"); }
static bool is_next(const ig_node *n) { return is_op(n, "NextIteration") || is_op(n, "RefNextIteration"); }
static bool is_exit(const ig_node *n) { return is_op(n, "Exit") || is_op(n, "RefExit"); }

static ig_status oom(const region *r) { return ig_oom(r->library->err); }

static const ig_value *origin(const ig_value *v) {
    for (int steps = 0; v && is_op(v->producer, "Identity") && v->producer->n_in && steps < 64; steps++) v = v->producer->in[0];
    return v;
}

static ig_status capture(region *r, const ig_value *v, ig_value *outside) {
    if (!outside) return ig_fail(r->library->err, IG_E_INPUT, "a node of the control flow has no input");
    if (ig_map_get(&r->border, IG_KEY(v))) return IG_OK;
    bool ok = ig_map_set(&r->border, IG_KEY(v), outside);
    for (size_t i = 0; i < r->captured.n; i++)
        if (r->captured.items[i] == outside) return ok ? IG_OK : oom(r);
    return ok && IG_PUSH(r->arena, &r->captured, outside) ? IG_OK : oom(r);
}

static bool is_at_border(const region *r, const ig_node *n) {
    for (uint32_t i = 0; r->frame && i < n->n_out; i++)
        if (n->out[i] && ig_map_get(&r->border, IG_KEY(n->out[i]))) return true;
    return false;
}

/* Whether a value is at the border; then it is noted as captured. */
static ig_status at_border(region *r, ig_value *v, int branch, bool *stop) {
    ig_node *n = v->producer;
    *stop = ig_map_get(&r->border, IG_KEY(v)) != NULL;
    if (*stop && !(n && is_switch(n) && !r->frame)) return IG_OK;
    if (ig_tf_is_control(v) && (!n || is_enter(n) || is_at_border(r, n))) {
        *stop = true;
        return IG_OK;
    }
    if (!n) {
        *stop = true;
        return v->constant && !v->is_input ? IG_OK : capture(r, v, v);
    }
    if (r->frame && is_enter(n)) {
        *stop = true;
        return capture(r, v, n->in[0]);
    }
    if (r->frame || !is_switch(n) || n->n_in < 2 || !n->in[1]) return IG_OK;
    const ig_value *predicate = origin(n->in[1]);
    if (!r->predicate) r->predicate = predicate;
    if (r->predicate != predicate) return IG_OK; /* of another condition around: goes on behind it */
    *stop = true;
    if (r->side[branch] < 0) r->side[branch] = (int)v->index;
    return capture(r, v, n->in[0]);
}

static ig_status push_value(region *r, ig_value *v, int branch, nodes *list, ig_map *seen) {
    bool stop;
    if (!v) return IG_OK;
    IG_TRY(at_border(r, v, branch, &stop));
    if (stop || !v->producer || ig_map_get(seen, IG_KEY(v->producer))) return IG_OK;
    return ig_map_set(seen, IG_KEY(v->producer), v->producer) && IG_PUSH(r->arena, list, v->producer) ? IG_OK : oom(r);
}

/* All nodes behind the values. Those without data inputs belong to where their control inputs say. */
static ig_status collect(region *r, ig_value *const *from, size_t n, int branch, nodes *list) {
    ig_map seen;
    ig_map_init(&seen, r->arena);
    for (size_t i = 0; i < n; i++) IG_TRY(push_value(r, from[i], branch, list, &seen));
    for (size_t at = 0; at < list->n; at++) {
        ig_node *node = list->items[at];
        uint32_t data = ig_tf_n_in(node);
        for (uint32_t i = 0; i < (data ? data : node->n_in); i++) IG_TRY(push_value(r, node->in[i], branch, list, &seen));
    }
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------- functions */

typedef struct writer {
    region *r;
    ig_graph *g;
    ig_map values; /* old -> new */
} writer;

static ig_status copy_node(writer *w, const ig_node *from) {
    ig_node *to = ig_node_new(w->g, from->op, from->domain, from->n_in, from->n_out);
    if (!to) return oom(w->r);
    to->name = from->name;
    for (const ig_attr *a = from->attrs; a; a = a->next) {
        ig_attr copy = *a;
        copy.next = NULL;
        if (!ig_attr_put(to, &copy)) return oom(w->r);
    }
    for (uint32_t o = 0; o < from->n_out; o++) {
        const ig_value *old = from->out[o];
        if (!old) continue;
        ig_value *v = ig_value_new(w->g, ig_map_get(&w->g->values, IG_KEY(old->name)) ? NULL : old->name, old->type);
        if (!v || !ig_map_set(&w->values, IG_KEY(old), v)) return oom(w->r);
        ig_node_set_output(to, o, v);
    }
    if (!ig_map_set(&w->values, IG_KEY(from), to)) return oom(w->r);
    return IG_OK;
}

static ig_status mapped(writer *w, ig_value *old, ig_value **out) {
    *out = old ? ig_map_get(&w->values, IG_KEY(old)) : NULL;
    if (*out || !old || ig_tf_is_control(old)) return IG_OK;
    ig_value *outside = ig_map_get(&w->r->border, IG_KEY(old));
    if (outside) *out = ig_map_get(&w->values, IG_KEY(outside));
    if (!*out && old->constant && !old->is_input) {
        *out = ig_graph_add_initializer(w->g, old->constant);
        if (!*out || !ig_map_set(&w->values, IG_KEY(old), *out)) return oom(w->r);
    }
    return IG_OK; /* nothing: a control input from outside */
}

static ig_status add_input(writer *w, const ig_value *of, const ig_type *type) {
    ig_value *v = ig_value_new(w->g, NULL, type);
    return v && ig_graph_add_input(w->g, v) && ig_map_set(&w->values, IG_KEY(of), v) ? IG_OK : oom(w->r);
}

/* A function of the variables and of what is captured, with these results (and with `hand_on`, what is captured). */
static ig_status make_function(region *r, const char *name, const nodes *list, ig_value *const *results, size_t n, bool hand_on,
                               ig_name *out) {
    ig_model *m = r->library->model;
    ig_function *f = IG_NEW(&m->arena, ig_function);
    writer w = {.r = r, .g = ig_graph_new(m, NULL, NULL)};
    bool ok = true;
    const char *whole = ig_arena_printf(r->arena, "%s#%zu", name, r->library->functions.n);
    if (!f || !w.g || !whole) return oom(r);
    *out = f->name = ig_model_intern(m, ig_str_c(whole), &ok);
    f->body = w.g;
    ig_map_init(&w.values, r->arena);
    for (size_t i = 0; i < r->variables.n; i++) IG_TRY(add_input(&w, r->variables.items[i], r->variables.items[i]->type));
    for (size_t i = 0; i < r->captured.n; i++) IG_TRY(add_input(&w, r->captured.items[i], r->captured.items[i]->type));
    for (size_t i = 0; i < list->n; i++) IG_TRY(copy_node(&w, list->items[i]));
    for (size_t i = 0; i < list->n; i++) {
        const ig_node *from = list->items[i];
        ig_node *to = ig_map_get(&w.values, IG_KEY(from));
        for (uint32_t k = 0; k < from->n_in; k++) {
            ig_value *v;
            IG_TRY(mapped(&w, from->in[k], &v));
            if (!ig_node_set_input(to, k, v)) return oom(r);
        }
    }
    for (size_t i = 0; i < n; i++) {
        ig_value *v;
        IG_TRY(mapped(&w, results[i], &v));
        if (!v) return ig_fail(r->library->err, IG_E_INPUT, "a value of the control flow comes from nowhere");
        if (!ig_graph_add_output(w.g, v)) return oom(r);
    }
    for (size_t i = 0; hand_on && i < r->captured.n; i++)
        if (!ig_graph_add_output(w.g, ig_map_get(&w.values, IG_KEY(r->captured.items[i])))) return oom(r);
    return ok && ig_map_set(&r->library->functions, IG_KEY(f->name), f) ? IG_OK : oom(r);
}

static bool put_name(ig_node *n, const char *attribute, ig_name name) {
    ig_attr a = {.name = ig_model_name(n->graph->model, attribute), .kind = IG_ATTR_STRING, .s = ig_name_str(name)};
    return a.name && ig_attr_put(n, &a);
}

/* A call in place of what the functions were made of: `first` inputs, then what is captured. */
static ig_status make_call(region *r, ig_graph *g, const char *op, ig_name name, ig_value *const *first, size_t n,
                           const ig_value *const *like, size_t n_out, ig_node **out) {
    ig_model *m = r->library->model;
    ig_node *node = *out =
        ig_node_new(g, ig_model_name(m, op), ig_model_name(m, IG_TF_DOMAIN), (uint32_t)(n + r->captured.n), (uint32_t)n_out);
    if (!node || !node->op || !node->domain) return oom(r);
    node->name = name;
    for (size_t i = 0; i < n + r->captured.n; i++)
        if (!ig_node_set_input(node, (uint32_t)i, i < n ? first[i] : r->captured.items[i - n])) return oom(r);
    for (size_t i = 0; i < n_out; i++) {
        ig_value *v = ig_value_new(g, NULL, like[i] ? like[i]->type : NULL);
        if (!v) return oom(r);
        ig_node_set_output(node, (uint32_t)i, v);
    }
    return IG_OK;
}

/* What has moved into functions, but for what may have other readers. Both lists may name a node. */
static ig_status erase_all(region *r, const nodes *a, const nodes *b) {
    ig_map gone;
    ig_map_init(&gone, r->arena);
    for (size_t i = 0; i < a->n + b->n; i++) {
        ig_node *n = i < a->n ? a->items[i] : b->items[i - a->n];
        if (!ig_tf_n_in(n) || ig_map_get(&gone, IG_KEY(n))) continue;
        if (!ig_map_set(&gone, IG_KEY(n), n)) return oom(r);
    }
    for (size_t i = 0; i < gone.n; i++) ig_node_erase(gone.entries[i].value);
    return IG_OK;
}

/* ----------------------------------------------------------------------------------------------------------------- loops */

typedef struct variable {
    ig_node *merge, *enter, *next, *leave;
} variable;

typedef struct frame {
    region r;
    ig_name name;
    IG_VEC(variable) vars;
    ig_node *condition; /* LoopCond */
} frame;

static ig_name frame_name(ig_model *m, const ig_node *enter, bool *ok) {
    return ig_intern(&m->names, ig_attr_str(enter, "frame_name"), ok);
}

/* The Merge of a loop variable: one input enters, the other comes from the iteration before. */
static bool is_loop_merge(const ig_node *n, ig_node **enter, ig_node **next) {
    *enter = *next = NULL;
    if (!is_merge(n)) return false;
    for (uint32_t i = 0; i < ig_tf_n_in(n); i++) {
        ig_node *p = n->in[i] ? n->in[i]->producer : NULL;
        if (is_enter(p)) *enter = p;
        if (is_next(p)) *next = p;
    }
    return *enter && *next;
}

static bool switches(const ig_node *n, const frame *f, const variable *v) {
    return is_switch(n) && n->n_in > 1 && origin(n->in[0]) == v->merge->out[0] && n->in[1] &&
           origin(n->in[1])->producer == f->condition;
}

/* The LoopCond that the Switch of a variable goes by, and the Exit behind it. */
static void find_switch(frame *f, variable *v) {
    for (const ig_use *u = v->merge->out[0]->uses; u; u = u->next) {
        ig_node *s = u->node;
        if (!is_switch(s) || u->index != 0 || s->n_in < 2 || !s->in[1]) continue;
        const ig_value *by = origin(s->in[1]);
        if (!f->condition && by && is_op(by->producer, "LoopCond")) f->condition = by->producer;
        if (!switches(s, f, v) || !s->out[0]) continue;
        for (const ig_use *e = s->out[0]->uses; e; e = e->next)
            if (is_exit(e->node)) v->leave = e->node;
    }
}

static ig_status read_frame(frame *f, ig_graph *g, ig_name name) {
    bool ok = true;
    f->name = name;
    for (ig_node *n = g->first; n; n = n->next) {
        variable v = {.merge = n};
        if (!is_loop_merge(n, &v.enter, &v.next) || frame_name(g->model, v.enter, &ok) != name) continue;
        if (!v.enter->n_in || !v.next->n_in || !v.enter->in[0] || !v.next->in[0] || !n->out[0])
            return ig_fail(f->r.library->err, IG_E_INPUT, "loop '%.80s' has a variable without value", ig_name_text(name));
        find_switch(f, &v);
        if (!IG_PUSH(f->r.arena, &f->vars, v)) return oom(&f->r);
    }
    if (!ok) return oom(&f->r);
    if (f->condition && f->condition->n_in && f->condition->in[0]) return IG_OK;
    return ig_fail(f->r.library->err, IG_E_INPUT, "loop '%.80s' has no condition", ig_name_text(name));
}

/* The values that stand for variable i, in the condition and in the body, are inputs of the functions. */
static ig_status set_border(frame *f) {
    for (size_t i = 0; i < f->vars.n; i++) {
        const variable *v = &f->vars.items[i];
        ig_value *at = v->merge->out[0];
        if (!ig_map_set(&f->r.border, IG_KEY(at), at) || !IG_PUSH(f->r.arena, &f->r.variables, at)) return oom(&f->r);
        for (const ig_use *u = at->uses; u; u = u->next)
            if (switches(u->node, f, v) && u->node->n_out > 1 && u->node->out[1] &&
                !ig_map_set(&f->r.border, IG_KEY(u->node->out[1]), at))
                return oom(&f->r);
    }
    return IG_OK;
}

static bool holds_another(const nodes *list) {
    ig_node *enter, *next;
    for (size_t i = 0; i < list->n; i++)
        if (is_loop_merge(list->items[i], &enter, &next)) return true;
    return false;
}

static ig_status replace_frame(frame *f, ig_graph *g, const nodes *cond, const nodes *body, ig_name cond_name,
                               ig_name body_name) {
    size_t n = f->vars.n;
    ig_value **first = IG_NEW_ARRAY(f->r.arena, ig_value *, n + 1);
    const ig_value **like = IG_NEW_ARRAY(f->r.arena, const ig_value *, n + f->r.captured.n + 1);
    ig_node *call;
    if (!first || !like) return oom(&f->r);
    for (size_t i = 0; i < n; i++) {
        first[i] = f->vars.items[i].enter->in[0];
        like[i] = f->vars.items[i].merge->out[0];
    }
    for (size_t i = 0; i < f->r.captured.n; i++) like[n + i] = f->r.captured.items[i];
    IG_TRY(make_call(&f->r, g, "While", f->condition->name, first, n, like, n + f->r.captured.n, &call));
    if (!put_name(call, "cond", cond_name) || !put_name(call, "body", body_name)) return oom(&f->r);
    for (size_t i = 0; i < n; i++) {
        const variable *v = &f->vars.items[i];
        for (ig_use *u = v->merge->out[0]->uses, *after; u; u = after) { /* all Exits of all its Switches */
            after = u->next;
            if (!switches(u->node, f, v) || !u->node->out[0]) continue;
            for (ig_use *e = u->node->out[0]->uses, *later; e; e = later) {
                later = e->next;
                if (is_exit(e->node) && e->node->out[0] && !ig_value_replace(e->node->out[0], call->out[i])) return oom(&f->r);
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        ig_node_erase(f->vars.items[i].next);
        ig_node_erase(f->vars.items[i].merge);
    }
    return erase_all(&f->r, cond, body);
}

/* *done: the frame was innermost and is a While now. */
static ig_status convert_frame(ig_tf_functions *library, ig_arena *arena, ig_graph *g, ig_name name, bool *done) {
    frame f = {.r = {.library = library, .arena = arena, .frame = name}};
    nodes cond = {0}, body = {0};
    ig_name cond_name, body_name;
    ig_map_init(&f.r.border, arena);
    IG_TRY(read_frame(&f, g, name));
    IG_TRY(set_border(&f));
    ig_value **results = IG_NEW_ARRAY(arena, ig_value *, f.vars.n + 1);
    if (!results) return oom(&f.r);
    for (size_t i = 0; i < f.vars.n; i++) results[i] = f.vars.items[i].next->in[0];
    IG_TRY(collect(&f.r, &f.condition->in[0], 1, 0, &cond));
    IG_TRY(collect(&f.r, results, f.vars.n, 0, &body));
    *done = !holds_another(&cond) && !holds_another(&body);
    if (!*done) return IG_OK;
    IG_TRY(make_function(&f.r, "cond", &cond, &f.condition->in[0], 1, false, &cond_name));
    IG_TRY(make_function(&f.r, "body", &body, results, f.vars.n, true, &body_name));
    return replace_frame(&f, g, &cond, &body, cond_name, body_name);
}

/* One innermost frame; *found false when there is none left. */
static ig_status convert_a_frame(ig_tf_functions *library, ig_arena *arena, ig_graph *g, bool *found) {
    ig_map tried;
    bool ok = true, done = false;
    ig_map_init(&tried, arena);
    *found = false;
    for (ig_node *n = g->first, *enter, *next; n && !done; n = n->next) {
        if (!is_loop_merge(n, &enter, &next)) continue;
        ig_name name = frame_name(g->model, enter, &ok);
        if (!ok) return ig_oom(library->err);
        *found = true;
        if (ig_map_get(&tried, IG_KEY(name))) continue;
        if (!ig_map_set(&tried, IG_KEY(name), n)) return ig_oom(library->err);
        IG_TRY(convert_frame(library, arena, g, name, &done));
        if (done) return IG_OK;
    }
    return *found ? ig_fail(library->err, IG_E_INPUT, "the graph's loops lie in each other") : IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------- conditions */

static bool holds_merge(const nodes *list) {
    for (size_t i = 0; i < list->n; i++)
        if (is_merge(list->items[i])) return true;
    return false;
}

static ig_str scope_of(const ig_node *n) {
    ig_str name = ig_name_str(n->name);
    while (name.n && name.s[name.n - 1] != '/') name.n--;
    return name;
}

typedef struct choice {
    region r;
    IG_VEC(ig_node *) merges;
    nodes *branch; /* what lies behind each input of the merges */
    uint32_t n;
} choice;

static ig_status choice_init(choice *c, ig_tf_functions *library, ig_arena *arena, uint32_t n) {
    *c = (choice){.r = {.library = library, .arena = arena, .side = IG_NEW_ARRAY(arena, int, n)},
                  .branch = IG_NEW_ARRAY(arena, nodes, n),
                  .n = n};
    ig_map_init(&c->r.border, arena);
    for (uint32_t i = 0; c->r.side && i < n; i++) c->r.side[i] = -1;
    return c->r.side && c->branch ? IG_OK : oom(&c->r);
}

static ig_status look_behind(choice *c) {
    ig_value **from = IG_NEW_ARRAY(c->r.arena, ig_value *, c->merges.n + 1);
    if (!from) return oom(&c->r);
    for (uint32_t k = 0; k < c->n; k++) {
        for (size_t i = 0; i < c->merges.n; i++) from[i] = c->merges.items[i]->in[k];
        IG_TRY(collect(&c->r, from, c->merges.n, (int)k, &c->branch[k]));
    }
    return IG_OK;
}

/* The merges alone, looked behind. *ready: nothing else has to go first. */
static ig_status look_at(choice *c, ig_tf_functions *library, ig_arena *arena, ig_node *merge, bool *ready) {
    IG_TRY(choice_init(c, library, arena, ig_tf_n_in(merge)));
    if (!IG_PUSH(arena, &c->merges, merge)) return oom(&c->r);
    IG_TRY(look_behind(c));
    *ready = true;
    for (uint32_t k = 0; k < c->n; k++) *ready &= !holds_merge(&c->branch[k]);
    return IG_OK;
}

/* names: of the functions, in the order of the Switch's outputs. */
static ig_status replace_choice(choice *c, ig_graph *g, const ig_str *names) {
    size_t n = c->merges.n;
    const ig_value **like = IG_NEW_ARRAY(c->r.arena, const ig_value *, n + 1);
    ig_value *predicate = (ig_value *)(uintptr_t)c->r.predicate;
    ig_node *call;
    bool by_number = predicate->type && predicate->type->dtype != IG_BOOL && c->n > 2;
    if (!like) return oom(&c->r);
    for (size_t i = 0; i < n; i++) like[i] = c->merges.items[i]->out[0];
    IG_TRY(make_call(&c->r, g, by_number || c->n > 2 ? "Case" : "If", c->merges.items[0]->name, &predicate, 1, like, n, &call));
    ig_attr list = {.name = ig_model_name(g->model, "branches"), .kind = IG_ATTR_STRINGS, .strings = names, .n = c->n};
    ig_attr t = {.name = ig_model_name(g->model, "then_branch"), .kind = IG_ATTR_STRING, .s = names[c->n > 1]};
    ig_attr f = {.name = ig_model_name(g->model, "else_branch"), .kind = IG_ATTR_STRING, .s = names[0]};
    if (!list.name || !t.name || !f.name || !ig_attr_put(call, &list) || !ig_attr_put(call, &t) || !ig_attr_put(call, &f))
        return oom(&c->r);
    for (size_t i = 0; i < n; i++) {
        ig_node *merge = c->merges.items[i];
        if (merge->out[0] && !ig_value_replace(merge->out[0], call->out[i])) return oom(&c->r);
        ig_node_erase(merge);
    }
    return IG_OK;
}

/* Input k comes from the branch of number k unless Switches say else, which they do of all or of none. */
static ig_status convert_choice(choice *c, ig_graph *g) {
    size_t n = c->merges.n;
    ig_value **results = IG_NEW_ARRAY(c->r.arena, ig_value *, n + 1);
    ig_str *names = IG_NEW_ARRAY(&g->model->arena, ig_str, c->n);
    if (!results || !names) return oom(&c->r);
    bool swapped = c->n == 2 && (c->r.side[0] == 1 || c->r.side[1] == 0);
    for (uint32_t k = 0; k < c->n; k++) {
        ig_name name;
        int side = c->r.side[k] >= 0 && (uint32_t)c->r.side[k] < c->n ? c->r.side[k] : (int)k;
        if (c->n == 2) side = (int)(swapped ? 1 - k : k);
        for (size_t i = 0; i < n; i++) results[i] = c->merges.items[i]->in[k];
        IG_TRY(make_function(&c->r, "branch", &c->branch[k], results, n, false, &name));
        names[side] = ig_name_str(name);
    }
    for (uint32_t k = 0; k < c->n; k++)
        if (!names[k].n) return ig_fail(c->r.library->err, IG_E_INPUT, "a branch of the control flow is missing");
    return replace_choice(c, g, names);
}

/* Merges of the same scope by the same truth value belong together. */
static ig_status convert_a_merge(ig_tf_functions *library, ig_arena *arena, ig_graph *g, ig_node *merge, bool *done) {
    choice one, all;
    IG_TRY(look_at(&one, library, arena, merge, done));
    if (!*done) return IG_OK;
    if (!one.r.predicate)
        return ig_fail(library->err, IG_E_UNSUPPORTED,
                       "no lowering to ONNX for tensorflow.Merge (node '%.80s'): no Switch lies behind it",
                       ig_name_text(merge->name));
    IG_TRY(choice_init(&all, library, arena, one.n));
    all.r.predicate = one.r.predicate;
    for (ig_node *n = g->first; n; n = n->next) {
        choice other;
        bool ready;
        if (!is_merge(n) || ig_tf_n_in(n) != one.n || !ig_str_eq(scope_of(n), scope_of(merge))) continue;
        IG_TRY(look_at(&other, library, arena, n, &ready));
        bool fits = n == merge || (other.r.predicate == one.r.predicate && ready);
        if (fits && !IG_PUSH(arena, &all.merges, n)) return oom(&all.r);
    }
    IG_TRY(look_behind(&all));
    return convert_choice(&all, g);
}

static ig_status convert_merges(ig_tf_functions *library, ig_arena *arena, ig_graph *g, bool *found) {
    bool done = false;
    *found = false;
    for (ig_node *n = g->first; n; n = n->next) {
        if (!is_merge(n)) continue;
        *found = true;
        uint32_t k = 0;
        while (k < ig_tf_n_in(n) && n->in[k]) k++;
        if (k < 2 || k < ig_tf_n_in(n))
            return ig_fail(library->err, IG_E_UNSUPPORTED,
                           "no lowering to ONNX for tensorflow.Merge (node '%.80s') of %u values", ig_name_text(n->name),
                           ig_tf_n_in(n));
        IG_TRY(convert_a_merge(library, arena, g, n, &done));
        if (done) return IG_OK;
    }
    return *found ? ig_fail(library->err, IG_E_INPUT, "the graph's conditions lie in each other") : IG_OK;
}

ig_status ig_tf_functionalize(ig_tf_functions *library, ig_graph *g) {
    ig_arena arena;
    bool found = true;
    ig_status status = IG_OK;
    ig_arena_init(&arena, library->model->context);
    while (found && status == IG_OK) status = convert_a_frame(library, &arena, g, &found);
    for (found = true; found && status == IG_OK;) status = convert_merges(library, &arena, g, &found);
    ig_arena_free(&arena);
    return status;
}
