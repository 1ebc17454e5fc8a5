/* Running a program: one frame, step by step. */
#include "runtime/runtime.h"

/* The program of a graph attribute of a step. */
static ig_program *graph_of(const ig_step *step, const char *attr) {
    size_t k = 0;
    for (const ig_attr *a = step->node->attrs; a; a = a->next) {
        if (a->kind != IG_ATTR_GRAPH || !a->g) continue;
        if (strcmp(a->name, attr) == 0) return step->graphs[k];
        k++;
    }
    return NULL;
}

/* Which step a call belongs to: the environment carries the frame, whose counter is the step. */
typedef struct step_env {
    ig_call_env env;
    const ig_step *step;
    ig_frame *frame;
} step_env;

static ig_status run_graph(ig_call *c, const char *attr, ig_tensor *const *in, size_t n, ig_tensor **out) {
    step_env *e = c->env->frame;
    ig_program *p = graph_of(e->step, attr);
    if (!p) return ig_fail(c->err, IG_E_INPUT, "attribute '%s' with a graph is missing", attr);
    if (n != p->n_inputs)
        return ig_fail(c->err, IG_E_INPUT, "graph '%s' takes %zu inputs, %zu are given", attr, p->n_inputs, n);
    size_t total = n + p->captures.n;
    ig_tensor *few[32], **given = total <= IG_COUNT_OF(few) ? few : ig_alloc(c->context, total * sizeof *given);
    if (!given) return ig_oom(c->err);
    for (size_t i = 0; i < n; i++) given[i] = in[i];
    for (size_t i = 0; i < p->captures.n; i++) given[n + i] = e->frame->slots[p->captures.items[i].outer];
    for (size_t i = 0; i < p->n_outputs; i++) out[i] = NULL;
    ig_status status = ig_program_run(p, e->frame->run, e->frame, given, out);
    if (given != few) ig_release(c->context, given);
    return status;
}

/* A view of a value that keeps its own memory alive (not of an arena's or the caller's). */
static bool can_share(const ig_step *step, const ig_call *c) {
    return (step->op->flags & IG_OP_VIEW) && step->n_in && c->in[0] && c->in[0]->kind == IG_KIND_TENSOR && c->in[0]->buffer &&
           step->wanted[0];
}

/* Types and new tensors for the outputs of a step that has no place for them. */
static ig_status make_outputs(ig_frame *f, const ig_step *step, ig_call *c) {
    ig_arena_reset(&f->infer);
    for (uint32_t i = 0; i < step->n_in; i++) {
        f->in_types[i] = NULL;
        if (f->in[i] && !(f->in_types[i] = ig_tensor_type(&f->infer, f->in[i]))) return ig_oom(c->err);
    }
    IG_TRY(ig_step_infer(step->op, step->node, f->in_types, f->in, f->out_types, &f->infer, c->err));
    for (uint32_t o = 0; o < step->n_out; o++) {
        const ig_type *type = f->out_types[o];
        if (!step->wanted[o] || !ig_type_static(type) || !type->dtype || type->rank > IG_MAX_RANK) continue;
        int64_t dims[IG_MAX_RANK];
        for (int k = 0; k < type->rank; k++) dims[k] = type->dims[k].value;
        if (o == 0 && can_share(step, c)) {
            c->env->made[0] = ig_tensor_view((ig_tensor *)(uintptr_t)f->in[0], type->rank, dims);
            if (!c->env->made[0]) return ig_oom(c->err);
            c->out[0] = c->env->made[0];
            continue;
        }
        ig_status status = ig_call_output(c, o, type->dtype, type->rank, dims);
        if (status != IG_OK) {
            ig_error_at_node(c->err, step->node);
            return status;
        }
    }
    return IG_OK;
}

static ig_status check_inputs(ig_frame *f, const ig_step *step, ig_error *err) {
    for (uint32_t i = 0; i < step->n_in; i++)
        if (step->in[i] != IG_NO_SLOT && !f->in[i]) {
            ig_fail(err, IG_E_INPUT, "input %u '%.80s' has no value", i, ig_name_text(step->node->in[i]->name));
            ig_error_at_node(err, step->node);
            return IG_E_INPUT;
        }
    return IG_OK;
}

static ig_status run_step(ig_frame *f, size_t s) {
    const ig_plan *plan = f->plan;
    const ig_step *step = &plan->program->steps[s];
    ig_session *session = plan->program->session;
    step_env e = {.env = {.scratch = &f->scratch, .made = f->made, .graph = run_graph}, .step = step, .frame = f};
    e.env.frame = &e;
    e.env.seed = session->options.seed + f->run->number * 0x9E3779B97F4A7C15u + (uint64_t)s * 0xBF58476D1CE4E5B9u + f->counter;
    ig_call c = {.node = step->node,
                 .state = step->state,
                 .n_in = step->n_in,
                 .n_out = step->n_out,
                 .in = f->in,
                 .out = f->out,
                 .wanted = step->wanted,
                 .context = session->context,
                 .threads = session->threads,
                 .err = f->run->err,
                 .env = &e.env};
    for (uint32_t i = 0; i < step->n_in; i++) f->in[i] = step->in[i] == IG_NO_SLOT ? NULL : f->slots[step->in[i]];
    IG_TRY(check_inputs(f, step, c.err));
    for (uint32_t o = 0; o < step->n_out; o++) {
        f->made[o] = NULL;
        f->out[o] = step->wanted[o] && plan->is_static[s] ? f->slots[step->out[o]] : NULL;
    }
    ig_scratch_reset(&f->scratch);
    ig_status status = IG_OK;
    if (!plan->is_static[s]) status = make_outputs(f, step, &c);
    bool alias = plan->is_static[s] && step->n_out && step->wanted[0] && plan->place[step->out[0]] == IG_PLACE_ALIAS;
    if (alias) f->tensors[step->out[0]].data = f->in[0]->data;
    bool shared = alias || (!plan->is_static[s] && step->n_out && f->made[0] && can_share(step, &c));
    uint64_t start = session->options.profile ? ig_clock_ns() : 0;
    if (status == IG_OK && !shared) status = ig_step_run(step->op, &c);
    if (session->options.profile)
        ig_profile_add(session, step, step->n_out ? f->out[0] : NULL, start, ig_clock_ns(), f->run->number);
    for (uint32_t o = 0; o < step->n_out; o++) {
        if (!f->made[o]) continue;
        if (status != IG_OK || step->out[o] == IG_NO_SLOT || !step->wanted[o]) {
            ig_tensor_free(f->made[o]);
            continue;
        }
        f->slots[step->out[o]] = f->made[o];
        f->owned[step->out[o]] = true;
    }
    return status;
}

static void release_dead(ig_frame *f, const ig_step *step) {
    for (uint32_t i = 0; i < step->n_dies; i++) {
        uint32_t slot = step->dies[i];
        if (!f->owned[slot]) continue;
        ig_tensor_free(f->slots[slot]);
        f->slots[slot] = NULL;
        f->owned[slot] = false;
    }
}

static bool same_shape(const ig_tensor *a, const ig_tensor *b) {
    return a->kind == b->kind && a->dtype == b->dtype && a->rank == b->rank &&
           (a->rank == 0 || memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) == 0);
}

static ig_status wrong_output(const ig_run *run, const ig_program *p, size_t o) {
    return ig_fail(run->err, IG_E_ARGUMENT, "the tensor given for output '%.80s' has another type or shape",
                   ig_name_text(p->graph->outputs.items[o].name));
}

/* Results that the plan has a place for outside of the arena are made before the run. */
static ig_status bind_outputs(ig_frame *f, ig_tensor **outputs) {
    const ig_plan *plan = f->plan;
    const ig_program *p = plan->program;
    for (size_t o = 0; o < p->n_outputs; o++) {
        uint32_t slot = p->outputs[o];
        if (plan->place[slot] != IG_PLACE_OUTPUT || f->slots[slot]) continue;
        const ig_type *type = plan->types[slot];
        int64_t dims[IG_MAX_RANK];
        for (int k = 0; k < type->rank; k++) dims[k] = type->dims[k].value;
        if (outputs[o]) {
            ig_tensor *t = outputs[o];
            bool fits = t->kind == IG_KIND_TENSOR && t->dtype == type->dtype && t->rank == type->rank &&
                        (t->rank == 0 || memcmp(t->dims, dims, (size_t)t->rank * sizeof *dims) == 0);
            if (!fits) return wrong_output(f->run, p, o);
            if ((uintptr_t)t->data % 8 == 0) {
                f->slots[slot] = ig_tensor_clone(t);
                f->owned[slot] = true;
                continue;
            }
        }
        IG_TRY(ig_tensor_new(&f->slots[slot], p->session->context, type->dtype, type->rank, dims, f->run->err));
        f->owned[slot] = true;
    }
    return IG_OK;
}

/* Hands results over: shared when they are values of their own, copied when they lie in the arena, in a constant's file or in
 * memory of the caller. */
static ig_status deliver(ig_frame *f, ig_tensor **outputs) {
    const ig_program *p = f->plan->program;
    const ig_run *run = f->run;
    for (size_t o = 0; o < p->n_outputs; o++) {
        ig_tensor *t = f->slots[p->outputs[o]];
        if (!t)
            return ig_fail(run->err, IG_E_INPUT, "output '%.80s' was not computed",
                           ig_name_text(p->graph->outputs.items[o].name));
        if (outputs[o] == t) continue;
        if (outputs[o]) {
            if (!same_shape(outputs[o], t) || t->dtype == IG_STRING || t->kind != IG_KIND_TENSOR)
                return wrong_output(run, p, o);
            if (t->bytes) memcpy(outputs[o]->data, t->data, t->bytes);
            continue;
        }
        bool own = f->owned[p->outputs[o]] || (p->outer && atomic_load_explicit(&t->references, memory_order_relaxed) > 0);
        if (own)
            outputs[o] = ig_tensor_clone(t);
        else
            IG_TRY(ig_tensor_copy(&outputs[o], p->session->context, t, run->err));
    }
    return IG_OK;
}

static ig_status run_frame(ig_frame *f, ig_tensor *const *given, ig_tensor **outputs) {
    ig_program *p = f->plan->program;
    for (size_t i = 0; i < p->n_inputs + p->captures.n; i++) {
        uint32_t slot = i < p->n_inputs ? p->inputs[i] : p->captures.items[i - p->n_inputs].slot;
        if (f->plan->place[slot] == IG_PLACE_GIVEN) f->slots[slot] = given[i];
    }
    IG_TRY(bind_outputs(f, outputs));
    for (size_t s = 0; s < p->n_steps; s++) {
        if (f->run->cancel && *f->run->cancel) return ig_fail(f->run->err, IG_E_CANCELLED, "the run was cancelled");
        if (!f->plan->skip[s]) IG_TRY(run_step(f, s));
        release_dead(f, &p->steps[s]);
    }
    return deliver(f, outputs);
}

ig_status ig_program_run(ig_program *p, const ig_run *run, ig_frame *outer, ig_tensor *const *given, ig_tensor **outputs) {
    ig_plan *plan;
    ig_frame *f;
    IG_TRY(ig_plan_get(&plan, p, given, run->err));
    IG_TRY(ig_frame_get(&f, plan, run->err));
    f->outer = outer;
    f->run = run;
    if (outer) /* a body adds to its run */
        atomic_fetch_add(&run->session->multiply_adds, plan->multiply_adds);
    else
        atomic_store(&run->session->multiply_adds, plan->multiply_adds);
    f->counter = outer ? outer->counter * 31 + outer->plan->program->n_steps + f->counter + 1 : 0;
    for (size_t o = 0; o < p->n_outputs; o++) f->lent[o] = outputs[o] != NULL;
    ig_status status = run_frame(f, given, outputs);
    for (size_t o = 0; status != IG_OK && o < p->n_outputs; o++) {
        if (f->lent[o]) continue;
        ig_tensor_free(outputs[o]);
        outputs[o] = NULL;
    }
    ig_frame_put(f);
    return status;
}
