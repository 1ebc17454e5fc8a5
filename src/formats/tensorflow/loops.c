/* While as ONNX's Loop.
 *
 * The body's function has an input and a result for each loop variable. Those that it hands on unchanged are no variables of
 * the Loop: the body sees the values outside, constants as constants. A list that the body only writes, one element in each
 * iteration at the place of a counter, becomes a scan output. Everything else is carried, lists as sequences.
 *
 * What types carried values have, and which resources the body changes, shows when the body has been lowered. When that isn't
 * what was assumed, the attempt is thrown away and made again with what is known now; dims only ever become unknown, resources
 * are only added, so it ends. */
#include "formats/tensorflow/calls.h"

#include <stdio.h>

typedef enum role { CARRIED, INVARIANT, SCANNED } role;

typedef struct variable {
    role role;
    ig_value *initial;  /* of the loop */
    ig_value *start[2]; /* its parts, before the loop */
    size_t n;
    const ig_type *type[2]; /* that the parts are taken to have in all iterations */
    ig_value *in;           /* in the body: of this iteration */
    ig_value *part[2];      /* graph inputs */
    ig_value *out;          /* in the body: for the next */
    ig_value *end[2];       /* parts of that */
    ig_value *after[2];     /* outputs of the Loop */
    bool appended;          /* scanned: by TensorListPushBack */
    uint32_t counter;       /* scanned: the variable that says where */
} variable;

typedef struct changed {
    size_t resource; /* index in the state */
    const ig_type *type;
    ig_value *start, *end, *after;
} changed;

typedef struct loop {
    ig_lower *l;
    ig_arena *arena;
    const ig_graph *cond, *body;
    variable *vars;
    uint32_t n;
    IG_VEC(changed) changed;
    ig_tf_snapshot before;
    ig_node *node;
    ig_graph *graph;
    bool again, broken;
} loop;

/* ------------------------------------------------------------------------------------------------------------- analysis */

static bool is_op(const ig_node *n, const char *op) { return n && strcmp(n->op, op) == 0; }

static const ig_value *body_in(const loop *w, uint32_t i) { return w->body->inputs.items[i].value; }
static const ig_value *body_out(const loop *w, uint32_t i) { return w->body->outputs.items[i].value; }

/* Variable i starts at 0 and goes up by one. */
static bool is_counter(const loop *w, uint32_t i) {
    int64_t start, step = 0;
    const ig_value *next = ig_tf_origin(body_out(w, i));
    const ig_node *add = next ? next->producer : NULL;
    if (!is_op(add, "AddV2") && !is_op(add, "Add")) return false;
    if (!ig_tf_int(w->l, w->vars[i].initial, &start) || start != 0 || add->n_in < 2) return false;
    for (uint32_t k = 0; k < 2; k++)
        if (ig_tf_origin(add->in[k]) == body_in(w, i) && add->in[1 - k]) {
            const ig_value *one = ig_tf_origin(add->in[1 - k]);
            ig_tensor *t;
            if (one->constant && ig_const_tensor(w->l->model, one->constant, &t, NULL) == IG_OK && t->count == 1 &&
                ig_dtype_is_int(t->dtype))
                step = ig_load_as_i64(t->dtype, t->data, 0);
        }
    return step == 1;
}

/* The only reader of a value, through nodes that hand on; NULL when there are several. */
static const ig_node *only_reader(const ig_value *v) {
    for (int steps = 0; v && v->n_uses == 1 && v->uses->node && steps < 64; steps++) {
        const ig_node *n = v->uses->node;
        if (!is_op(n, "Identity")) return n;
        v = n->out[0];
    }
    return NULL;
}

/* Whoever reads the list after the loop wants it stacked. */
static bool is_only_stacked(const ig_value *v) {
    for (const ig_use *u = v ? v->uses : NULL; u; u = u->next) {
        if (!u->node) return false;
        if (is_op(u->node, "Identity") || is_op(u->node, "Exit")) {
            if (!is_only_stacked(u->node->out[0])) return false;
        } else if (!is_op(u->node, "TensorListStack") && !is_op(u->node, "TensorArrayGatherV3") &&
                   !is_op(u->node, "TensorArraySizeV3") && !is_op(u->node, "TensorListGetItem") &&
                   !is_op(u->node, "TensorListLength")) {
            return false;
        }
    }
    return true;
}

/* A list that the body sets one element of, at the counter, or appends one to, and that nobody reads in the body. */
static bool is_scanned(const loop *w, uint32_t i, uint32_t *counter, bool *appended) {
    const ig_tf_thing *t = ig_tf_thing_of(w->l, w->vars[i].initial);
    const ig_node *set = only_reader(body_in(w, i));
    int64_t length;
    if (!t || t->kind != IG_TF_LIST || t->form != IG_TF_RESERVED || !set) return false;
    const ig_value *made = ig_tf_origin(body_out(w, i));
    if (!made || made->producer != set || made->index != 0 || !is_only_stacked(w->l->node->out[i])) return false;
    bool write = is_op(set, "TensorArrayWriteV3"); /* handle, index, value, flow */
    if (is_op(set, "TensorListPushBack")) {
        *appended = true;
        return ig_tf_int(w->l, t->part[0], &length) && length == 0 && ig_tf_origin(set->in[0]) == body_in(w, i);
    }
    if (!write && !is_op(set, "TensorListSetItem")) return false;
    if (set->n_in < (write ? 4u : 3u) || ig_tf_origin(set->in[write ? 3 : 0]) != body_in(w, i)) return false;
    for (uint32_t k = 0; k < w->n; k++)
        if (ig_tf_origin(set->in[1]) == body_in(w, k) && is_counter(w, k)) {
            *counter = k;
            return true;
        }
    return false;
}

static ig_status find_roles(loop *w) {
    for (uint32_t i = 0; i < w->n; i++) {
        variable *v = &w->vars[i];
        v->initial = w->l->node->in[i];
        const ig_value *origin = ig_tf_origin(body_out(w, i));
        if (origin == body_in(w, i)) v->role = INVARIANT;
    }
    for (uint32_t i = 0; i < w->n; i++) {
        variable *v = &w->vars[i];
        if (v->role == CARRIED && is_scanned(w, i, &v->counter, &v->appended)) v->role = SCANNED;
    }
    for (uint32_t i = 0; i < w->n; i++) {
        variable *v = &w->vars[i];
        if (v->role != CARRIED) continue;
        IG_TRY(ig_tf_take_apart(w->l, v->initial, v->start, &v->n));
        if (v->n == 0) return ig_lower_refuse(w->l, "it exchanges a resource for another");
        for (size_t k = 0; k < v->n; k++) v->type[k] = v->start[k] ? v->start[k]->type : NULL;
    }
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------ an attempt */

/* Unknown dims get symbols in the body, so that equal ones are known to be equal there. */
static ig_value *add_input(loop *w, const ig_type *type) {
    ig_model *m = w->l->model;
    ig_shape shape = ig_type_shape(type);
    ig_value *v = ig_value_new(w->graph, NULL, type);
    if (!v || !ig_graph_add_input(w->graph, v)) return NULL;
    for (int i = 0; i < shape.rank; i++)
        if (!ig_dim_known(shape.dims[i]) && !shape.dims[i].sym) shape.dims[i] = ig_dim_fresh(&m->syms);
    if (shape.rank > 0) v->type = ig_type_tensor(&m->arena, type->dtype, &shape);
    return v->type || !type ? v : NULL;
}

/* The Loop node and its body's inputs: iteration, condition, what is carried. */
static ig_status begin_body(loop *w) {
    ig_lower *l = w->l;
    ig_arena *arena = &l->model->arena;
    ig_build b = ig_build_before(l->node);
    const ig_shape scalar = {0};
    w->node = ig_build_node(&b, NULL, "Loop", NULL, 0, 0);
    w->graph = w->node ? ig_graph_new(l->model, w->node->graph, w->node) : NULL;
    ig_attr a = {.name = ig_model_name(l->model, "body"), .kind = IG_ATTR_GRAPH, .g = w->graph};
    if (!w->graph || !a.name || !ig_attr_put(w->node, &a)) return ig_oom(l->err);
    if (!add_input(w, ig_type_tensor(arena, IG_I64, &scalar)) || !add_input(w, ig_type_tensor(arena, IG_BOOL, &scalar)))
        return ig_oom(l->err);
    for (uint32_t i = 0; i < w->n; i++) {
        variable *v = &w->vars[i];
        v->in = v->initial;
        for (size_t k = 0; v->role == CARRIED && k < v->n; k++)
            if (!(v->part[k] = add_input(w, v->type[k]))) return ig_oom(l->err);
        if (v->role == CARRIED) v->in = ig_tf_put_together(l, w->graph, v->initial, v->part);
        if (!v->in) return ig_oom(l->err);
        if (v->role != SCANNED) continue;
        ig_tf_thing *t = ig_tf_new_thing(l, IG_TF_LIST);
        v->in = ig_value_new(w->graph, NULL, NULL);
        if (!t || !v->in) return ig_oom(l->err);
        *t = *ig_tf_thing_of(l, v->initial);
        t->form = IG_TF_SCAN;
        t->part[0] = NULL;
        IG_TRY(ig_tf_set_thing(l, v->in, t));
    }
    for (size_t i = 0; i < w->changed.n; i++) {
        changed *c = &w->changed.items[i];
        ig_tf_resource *r = ig_tf_state_of(l)->resources.items[c->resource];
        c->start = r->value;
        if (!(r->value = add_input(w, c->type))) return ig_oom(l->err);
    }
    return IG_OK;
}

static ig_status lower_bodies(loop *w, ig_value **condition) {
    ig_lower *l = w->l;
    ig_value **in = IG_NEW_ARRAY(w->arena, ig_value *, w->n + 1),
             **out = IG_NEW_ARRAY(w->arena, ig_value *, w->body->outputs.n + 1);
    ig_value **test = IG_NEW_ARRAY(w->arena, ig_value *, w->cond->outputs.n + 1);
    if (!in || !out || !test) return ig_oom(l->err);
    for (uint32_t i = 0; i < w->n; i++) in[i] = w->vars[i].in;
    IG_TRY(ig_tf_inline(l, w->body, w->graph, NULL, in, out));
    for (uint32_t i = 0; i < w->n; i++) {
        variable *v = &w->vars[i];
        v->out = v->role == INVARIANT ? v->initial : out[i];
        in[i] = v->role == SCANNED ? v->in : v->out;
        w->broken |= v->role == CARRIED && ig_tf_is_broken(l, v->out);
    }
    if (w->broken) return IG_OK;
    IG_TRY(ig_tf_inline(l, w->cond, w->graph, NULL, in, test));
    *condition = test[0];
    w->broken |= ig_tf_is_broken(l, test[0]);
    return IG_OK;
}

/* The assumed type without what isn't true of the next iteration's; *less when that is less than before. NULL: out of memory.
 */
static const ig_type *weaken(ig_arena *arena, const ig_type *assumed, const ig_type *next, bool *less) {
    ig_shape a = ig_type_shape(assumed), b = ig_type_shape(next);
    if (assumed->kind == IG_KIND_SEQUENCE && assumed->of) {
        bool same = next && next->kind == IG_KIND_SEQUENCE && next->of;
        const ig_type *of = same ? weaken(arena, assumed->of, next->of, less) : NULL;
        if (!same) *less = true;
        return ig_type_of_kind(arena, IG_KIND_SEQUENCE, IG_UNDEFINED, of);
    }
    if (assumed->kind != IG_KIND_TENSOR || a.rank < 0) return assumed;
    if (a.rank != b.rank) {
        *less = true;
        a.rank = IG_UNRANKED;
    }
    for (int i = 0; i < a.rank; i++) {
        bool unknown = !ig_dim_known(a.dims[i]) && !a.dims[i].sym;
        if (unknown || ig_dim_equal(a.dims[i], b.dims[i])) continue;
        a.dims[i] = ig_dim_unknown();
        *less = true;
    }
    return ig_type_tensor(arena, assumed->dtype, &a);
}

/* What the next iteration gets must be of the type that was assumed. */
static ig_status check_type(loop *w, const ig_type **type, const ig_value *end) {
    ig_dtype a = *type ? (*type)->dtype : IG_UNDEFINED, b = ig_tf_dtype_of(end);
    if (a && b && a != b) return ig_lower_refuse(w->l, "a loop variable changes its element type");
    if (*type) *type = weaken(&w->l->model->arena, *type, end ? end->type : NULL, &w->again);
    return IG_OK;
}

static ig_status finish_variables(loop *w) {
    ig_lower *l = w->l;
    ig_tf_elsewhere e;
    ig_status status = IG_OK;
    ig_tf_enter(l, &e, w->graph, NULL);
    for (uint32_t i = 0; i < w->n && status == IG_OK; i++) {
        variable *v = &w->vars[i];
        size_t n = 0;
        if (v->role == INVARIANT) continue;
        if (v->role == SCANNED) {
            const ig_tf_thing *t = ig_tf_thing_of(l, v->out);
            v->end[0] = t ? t->part[0] : NULL;
            if (!v->end[0]) status = ig_lower_refuse(l, "a list isn't set in each iteration");
            continue;
        }
        status = ig_tf_take_apart(l, v->out, v->end, &n);
        if (status == IG_OK && n != v->n) status = ig_lower_refuse(l, "a loop variable changes its kind");
        for (size_t k = 0; k < n && status == IG_OK; k++) status = check_type(w, &v->type[k], v->end[k]);
    }
    ig_status left = ig_tf_leave(l, &e);
    return status == IG_OK ? left : status;
}

/* Resources that the body has changed and that weren't carried. */
static ig_status find_changed(loop *w) {
    ig_tf_state *st = ig_tf_state_of(w->l);
    for (size_t i = 0; i < w->changed.n; i++) {
        changed *c = &w->changed.items[i];
        c->end = st->resources.items[c->resource]->value;
        IG_TRY(check_type(w, &c->type, c->end));
    }
    for (size_t i = 0; i < w->before.n; i++) {
        const ig_tf_resource *r = st->resources.items[i], *old = &w->before.saved[i];
        bool carried = false;
        for (size_t k = 0; k < w->changed.n; k++) carried |= w->changed.items[k].resource == i;
        if (carried || (r->value == old->value && r->values == old->values)) continue;
        if (!old->value || r->table)
            return ig_lower_refuse(w->l, "its body gives a resource its first value, or changes a table");
        changed c = {.resource = i, .type = old->value->type};
        if (!IG_PUSH(w->arena, &w->changed, c)) return ig_oom(w->l->err);
        w->again = true;
    }
    return IG_OK;
}

static ig_status attempt(loop *w, ig_value **condition) {
    w->again = w->broken = false;
    IG_TRY(begin_body(w));
    ig_status status = lower_bodies(w, condition);
    if (status == IG_OK && !w->broken) status = finish_variables(w);
    if (status == IG_OK && !w->broken) status = find_changed(w);
    ig_tf_restore_state(w->l, &w->before);
    return status;
}

/* --------------------------------------------------------------------------------------------------------------- result */

static ig_status connect(loop *w, ig_value *start, ig_value *end, const ig_type *type, ig_value **after) {
    ig_lower *l = w->l;
    uint32_t n_in = w->node->n_in, n_out = w->node->n_out;
    IG_TRY(ig_tf_add_output(l, w->graph, end));
    if (!ig_node_resize(w->node, n_in + (start != NULL), n_out + 1)) return ig_oom(l->err);
    if (start && !ig_node_set_input(w->node, n_in, start)) return ig_oom(l->err);
    *after = ig_value_new(w->node->graph, NULL, type);
    if (!*after) return ig_oom(l->err);
    ig_node_set_output(w->node, n_out, *after);
    return IG_OK;
}

static ig_status connect_scan(loop *w, variable *v) {
    const ig_type *item = v->end[0]->type;
    ig_shape shape = ig_type_shape(item);
    for (int i = shape.rank; i > 0 && shape.rank < IG_MAX_RANK; i--) shape.dims[i] = shape.dims[i - 1];
    shape.dims[0] = ig_dim_unknown();
    if (shape.rank >= 0) shape.rank++;
    return connect(w, NULL, v->end[0], ig_type_tensor(&w->l->model->arena, item ? item->dtype : IG_UNDEFINED, &shape),
                   &v->after[0]);
}

/* The condition, variables, scans: in ONNX's order. The scans come last. */
static ig_status connect_all(loop *w, ig_value *first, ig_value *condition) {
    ig_lower *l = w->l;
    if (!ig_node_resize(w->node, 2, 0) || !ig_node_set_input(w->node, 1, first)) return ig_oom(l->err);
    IG_TRY(ig_tf_add_output(l, w->graph, condition));
    for (uint32_t i = 0; i < w->n; i++) {
        variable *v = &w->vars[i];
        for (size_t k = 0; v->role == CARRIED && k < v->n; k++)
            IG_TRY(connect(w, v->start[k], v->end[k], v->type[k], &v->after[k]));
    }
    for (size_t i = 0; i < w->changed.n; i++) {
        changed *c = &w->changed.items[i];
        IG_TRY(connect(w, c->start, c->end, c->type, &c->after));
    }
    for (uint32_t i = 0; i < w->n; i++)
        if (w->vars[i].role == SCANNED) IG_TRY(connect_scan(w, &w->vars[i]));
    for (size_t i = 0; i < w->changed.n; i++)
        ig_tf_state_of(l)->resources.items[w->changed.items[i].resource]->value = w->changed.items[i].after;
    return IG_OK;
}

/* A list of a known length of which the loop may have set fewer elements: the rest are zeros. */
static ig_value *padded(ig_lower *l, ig_value *rows, const ig_tf_thing *list) {
    int rank = ig_tf_rank_of(rows);
    if (rank < 1) return rows;
    ig_tf_bind(l, "r", rows);
    ig_tf_bind(l, "n", list->part[0]);
    ig_tf_bind(l, "missing", ig_tf_v(l, "Reshape(n, [1]) - Shape<start=0, end=1>(r)"));
    ig_tf_bind(l, "none", ig_tf_v(l, "Max(missing, [0])"));
    ig_tf_bind(l, "more", ig_tf_v(l, "Concat<axis=0>(none, Shape<start=1>(r))"));
    ig_value *v = ig_tf_v(l, "Concat<axis=0>(r, Expand(CastLike(0, r), more))");
    return v;
}

static ig_status hand_over(loop *w) {
    ig_lower *l = w->l;
    for (uint32_t i = 0; i < w->n; i++) {
        variable *v = &w->vars[i];
        if (w->broken) {
            IG_TRY(ig_tf_break(l, i));
        } else if (v->role == INVARIANT) {
            ig_tf_out_any(l, i, v->initial);
        } else if (v->role == CARRIED) {
            ig_value *whole = ig_tf_put_together(l, l->node->graph, v->out, v->after);
            if (!whole) return ig_oom(l->err);
            ig_tf_out_any(l, i, whole);
        } else {
            const ig_tf_thing *list = ig_tf_thing_of(l, v->initial);
            ig_value *rows = v->appended ? v->after[0] : padded(l, v->after[0], list);
            ig_tf_thing *t = ig_tf_list_of(l, IG_TF_STACK, rows, list->dtype, v->end[0]->type);
            ig_tf_out_thing(l, i, t);
        }
    }
    return IG_OK;
}

enum { ATTEMPTS = 40 };

static ig_status lower_loop(loop *w) {
    ig_lower *l = w->l;
    ig_value *first[1] = {NULL}, *condition = NULL;
    ig_value **test = IG_NEW_ARRAY(w->arena, ig_value *, w->cond->outputs.n + 1);
    if (!test) return ig_oom(l->err);
    IG_TRY(find_roles(w));
    IG_TRY(ig_tf_save_state(l, w->arena, &w->before));
    IG_TRY(ig_tf_inline(l, w->cond, l->node->graph, l->node, l->node->in, test));
    first[0] = test[0];
    if (ig_tf_is_broken(l, first[0])) w->broken = true;
    for (int tries = 0; !w->broken; tries++) {
        IG_TRY(attempt(w, &condition));
        if (!w->again) break;
        ig_node_erase(w->node);
        if (tries == ATTEMPTS) return ig_lower_refuse(l, "the types of its variables don't settle");
    }
    if (!w->broken) IG_TRY(connect_all(w, first[0], condition));
    return hand_over(w);
}

ig_status ig_tf_lower_while(ig_lower *l) {
    loop w = {.l = l, .arena = &ig_tf_s(l)->arena, .n = ig_tf_count_in(l)};
    const ig_function *cond, *body;
    IG_TRY(ig_tf_need_function(l, ig_attr_str(l->node, "cond"), w.n, 1, &cond));
    IG_TRY(ig_tf_need_function(l, ig_attr_str(l->node, "body"), w.n, w.n, &body));
    if (l->node->n_out < w.n) return ig_lower_refuse(l, "it has fewer outputs than variables");
    w.cond = cond->body;
    w.body = body->body;
    w.vars = IG_NEW_ARRAY(w.arena, variable, w.n + 1);
    return w.vars ? lower_loop(&w) : ig_oom(l->err);
}
