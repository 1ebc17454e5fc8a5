/* From a program and the shapes of one run to a plan: what every slot's type is, what can be computed ahead, and where results
 * lie in one arena. */
#include "infer/work.h"
#include "runtime/runtime.h"

#include <stdlib.h>

enum { KNOWN_BYTES = 1 << 16, DATA_BYTES = 1 << 12 }; /* results computed ahead; contents that inference may look at */

/* ------------------------------------------------------------------------------------------------------------ signature */

/* The words that tell signatures apart: kind, element type, rank and dims of each given value. */
static size_t key_words(ig_tensor *const *given, size_t n) {
    size_t words = 0;
    for (size_t i = 0; i < n; i++) words += 1 + (given[i] && given[i]->kind == IG_KIND_TENSOR ? (size_t)given[i]->rank : 0);
    return words;
}

static void write_key(int64_t *key, ig_tensor *const *given, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const ig_tensor *t = given[i];
        bool dense = t && t->kind == IG_KIND_TENSOR;
        *key++ = !t ? -1 : (int64_t)t->kind << 32 | (int64_t)t->dtype << 16 | (dense ? t->rank : 0);
        for (int k = 0; dense && k < t->rank; k++) *key++ = t->dims[k];
    }
}

/* ---------------------------------------------------------------------------------------------------------------- types */

typedef struct planner {
    ig_plan *plan;
    ig_program *p;
    ig_error *err;
    const ig_type **in_types, **out_types;
    const ig_tensor **in_data;
    bool open; /* shapes of given values are left open: a plan for all signatures */
} planner;

static const ig_tensor *known_content(const planner *w, uint32_t slot) {
    return slot == IG_NO_SLOT ? NULL : w->plan->known[slot] ? w->plan->known[slot] : w->p->constants[slot];
}

static ig_status type_given(planner *w, ig_tensor *const *given) {
    ig_program *p = w->p;
    for (size_t i = 0; i < p->n_inputs + p->captures.n; i++) {
        uint32_t slot = i < p->n_inputs ? p->inputs[i] : p->captures.items[i - p->n_inputs].slot;
        w->plan->place[slot] = IG_PLACE_GIVEN;
        if (!given[i] || p->constants[slot]) continue;
        bool hide = w->open && given[i]->kind == IG_KIND_TENSOR;
        ig_type *type =
            hide ? ig_type_tensor(&w->plan->arena, given[i]->dtype, NULL) : ig_tensor_type(&w->plan->arena, given[i]);
        if (!type) return ig_oom(w->err);
        w->plan->types[slot] = type;
    }
    for (uint32_t i = 0; i < p->n_slots; i++) {
        if (!p->constants[i]) continue;
        w->plan->place[i] = IG_PLACE_CONSTANT;
        w->plan->types[i] = ig_tensor_type(&w->plan->arena, p->constants[i]);
        if (!w->plan->types[i]) return ig_oom(w->err);
    }
    return IG_OK;
}

/* Dims, element count and bytes of a dense type that says everything; false otherwise. */
static bool measure(const ig_type *type, int64_t *dims, size_t *count, size_t *bytes) {
    int64_t n;
    if (!ig_type_static(type) || !type->dtype || type->rank > IG_MAX_RANK) return false;
    for (int k = 0; k < type->rank; k++) dims[k] = type->dims[k].value;
    if (!ig_dims_count(type->rank, dims, &n) || !ig_dtype_size(type->dtype, n, bytes)) return false;
    *count = (size_t)n;
    return true;
}

/* The inputs of a step when all are known ahead (a shape suffices where the operator reads nothing else). */
static bool inputs_known(planner *w, const ig_step *step, ig_tensor *shape_only) {
    for (uint32_t i = 0; i < step->n_in; i++) {
        w->in_data[i] = known_content(w, step->in[i]);
        if (step->in[i] == IG_NO_SLOT || w->in_data[i]) continue;
        if (i > 0 || !(step->op->flags & IG_OP_SHAPE_ONLY)) return false;
        if (!measure(w->in_types[0], shape_only->dims, &shape_only->count, &shape_only->bytes)) return false;
        shape_only->dtype = w->in_types[0]->dtype;
        shape_only->rank = w->in_types[0]->rank;
        w->in_data[0] = shape_only;
    }
    return true;
}

/* Runs a step now when all that it depends on is known and its results are small. */
static ig_status compute_ahead(planner *w, size_t s) {
    const ig_step *step = &w->p->steps[s];
    ig_plan *plan = w->plan;
    int64_t dims[IG_MAX_RANK];
    size_t count, bytes;
    if (step->op->flags & (IG_OP_RANDOM | IG_OP_GRAPHS)) return IG_OK;
    for (uint32_t o = 0; o < step->n_out; o++)
        if (step->out[o] != IG_NO_SLOT && (!measure(w->out_types[o], dims, &count, &bytes) || bytes > KNOWN_BYTES))
            return IG_OK;
    ig_tensor shape_only = {.kind = IG_KIND_TENSOR};
    if (!inputs_known(w, step, &shape_only)) return IG_OK;
    ig_tensor **out = IG_NEW_ARRAY(&plan->arena, ig_tensor *, step->n_out);
    if (!out) return ig_oom(w->err);
    IG_TRY(ig_node_evaluate(step->op, step->node, w->p->session->context, w->in_data, out, UINT64_MAX, w->err));
    for (uint32_t o = 0; o < step->n_out; o++) {
        if (step->out[o] == IG_NO_SLOT) continue;
        plan->known[step->out[o]] = out[o];
        plan->place[step->out[o]] = IG_PLACE_CONSTANT;
    }
    plan->skip[s] = true;
    return IG_OK;
}

static ig_status type_step(planner *w, size_t s) {
    const ig_step *step = &w->p->steps[s];
    for (uint32_t i = 0; i < step->n_in; i++) {
        w->in_types[i] = step->in[i] == IG_NO_SLOT ? NULL : w->plan->types[step->in[i]];
        const ig_tensor *t = known_content(w, step->in[i]);
        w->in_data[i] = t && t->kind == IG_KIND_TENSOR && t->bytes <= DATA_BYTES ? t : NULL;
    }
    IG_TRY(ig_step_infer(step->op, step->node, w->in_types, w->in_data, w->out_types, &w->plan->arena, w->err));
    for (uint32_t o = 0; o < step->n_out; o++)
        if (step->out[o] != IG_NO_SLOT) w->plan->types[step->out[o]] = w->out_types[o];
    IG_TRY(compute_ahead(w, s));
    if (w->plan->skip[s]) return IG_OK;
    uint64_t work = ig_node_multiply_adds(step->node, w->in_types, step->n_in, w->out_types, step->n_out);
    if (__builtin_add_overflow(w->plan->multiply_adds, work, &w->plan->multiply_adds)) w->plan->multiply_adds = UINT64_MAX;
    return IG_OK;
}

/* --------------------------------------------------------------------------------------------------------------- places */

/* A piece of the arena: the storage of one slot, and of others that take it over in place. */
typedef struct piece {
    uint32_t slot, first, last;
    size_t bytes, offset;
} piece;

typedef struct packer {
    planner *w;
    uint32_t *piece_of; /* slot -> piece + 1 */
    piece *pieces;
    size_t n;
    bool *is_output; /* slots */
} packer;

/* Output 0 of step s takes over the memory of a dying input when the operator allows it. */
static bool place_over_input(packer *k, size_t s, uint32_t out, size_t bytes) {
    const ig_program *p = k->w->p;
    const ig_step *step = &p->steps[s];
    for (uint32_t i = 0; i < 2 && i < step->n_in; i++) {
        if (!(step->op->flags & (i ? IG_OP_INPLACE_1 : IG_OP_INPLACE)) || step->in[i] == IG_NO_SLOT) continue;
        uint32_t root = p->alias[step->in[i]], index = k->piece_of[root];
        int64_t dims[IG_MAX_RANK];
        size_t count, input_bytes;
        if (!index || p->last[root] != s || k->pieces[index - 1].slot != root) continue;
        if (!measure(k->w->plan->types[step->in[i]], dims, &count, &input_bytes) || input_bytes != bytes) continue;
        bool twice = false; /* the same memory as another input too */
        for (uint32_t j = 0; j < step->n_in; j++) twice |= j != i && step->in[j] != IG_NO_SLOT && p->alias[step->in[j]] == root;
        if (twice) continue;
        k->piece_of[out] = index;
        k->pieces[index - 1].last = p->last[p->alias[out]];
        k->pieces[index - 1].slot = out; /* who owns it now; others may take it over from there */
        return true;
    }
    return false;
}

static void place_output(packer *k, size_t s, uint32_t o) {
    ig_plan *plan = k->w->plan;
    const ig_program *p = k->w->p;
    uint32_t slot = p->steps[s].out[o];
    int64_t dims[IG_MAX_RANK];
    size_t count, bytes;
    if (slot == IG_NO_SLOT || !p->steps[s].wanted[o]) return;
    bool known = measure(plan->types[slot], dims, &count, &bytes) && plan->types[slot]->dtype != IG_STRING;
    if (!known || (p->steps[s].op->flags & IG_OP_DYNAMIC))
        plan->is_static[s] = false;
    else if (p->alias[slot] != slot)
        plan->place[slot] = IG_PLACE_ALIAS;
    else if (k->is_output[slot])
        plan->place[slot] = IG_PLACE_OUTPUT;
    else {
        plan->place[slot] = IG_PLACE_ARENA;
        if (o == 0 && place_over_input(k, s, slot, bytes)) return;
        k->pieces[k->n] = (piece){slot, (uint32_t)s, p->last[slot], ig_round_up(bytes, 64), 0};
        k->piece_of[slot] = (uint32_t)++k->n;
    }
}

static void place_step(packer *k, size_t s) {
    ig_plan *plan = k->w->plan;
    const ig_step *step = &k->w->p->steps[s];
    plan->is_static[s] = true;
    for (uint32_t o = 0; o < step->n_out; o++) place_output(k, s, o);
    bool view = (step->op->flags & IG_OP_VIEW) && step->n_in && step->in[0] != IG_NO_SLOT;
    if (view && plan->place[step->in[0]] == IG_PLACE_NONE) plan->is_static[s] = false;
    if (plan->is_static[s]) return;
    for (uint32_t o = 0; o < step->n_out; o++) { /* all outputs alike; a piece that was placed already goes unused */
        if (step->out[o] == IG_NO_SLOT) continue;
        plan->place[step->out[o]] = IG_PLACE_NONE;
        plan->types[step->out[o]] = NULL;
    }
}

static int larger_first(const void *a, const void *b) {
    const piece *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* Greedy by size (Pisarchyk, Lee: Efficient Memory Management for Deep Neural Net Inference, 2020): each piece, largest first,
 * goes to the smallest gap between pieces that live at the same time. */
static ig_status pack(packer *k) {
    piece **placed = IG_NEW_ARRAY(&k->w->plan->arena, piece *, k->n); /* sorted by offset */
    if (!placed) return ig_oom(k->w->err);
    size_t total = 0;
    qsort(k->pieces, k->n, sizeof(piece), larger_first);
    for (size_t i = 0; i < k->n; i++) {
        piece *x = &k->pieces[i];
        size_t end = 0, best = SIZE_MAX, best_gap = SIZE_MAX;
        for (size_t j = 0; j < i; j++) {
            const piece *y = placed[j];
            if (y->last < x->first || x->last < y->first) continue;
            if (y->offset >= end && y->offset - end >= x->bytes && y->offset - end < best_gap) {
                best = end;
                best_gap = y->offset - end;
            }
            end = ig_max_size(end, y->offset + y->bytes);
        }
        x->offset = best == SIZE_MAX ? end : best;
        if (ig_add_overflows(x->offset, x->bytes, &end))
            return ig_fail(k->w->err, IG_E_LIMIT, "intermediate values pass all memory");
        total = ig_max_size(total, end);
        size_t at = i;
        for (; at > 0 && placed[at - 1]->offset > x->offset; at--) placed[at] = placed[at - 1];
        placed[at] = x;
    }
    k->w->plan->arena_bytes = total;
    return IG_OK;
}

static ig_status place_all(planner *w) {
    ig_program *p = w->p;
    ig_arena *arena = &w->plan->arena;
    packer k = {.w = w,
                .piece_of = IG_NEW_ARRAY(arena, uint32_t, p->n_slots),
                .pieces = IG_NEW_ARRAY(arena, piece, p->n_slots),
                .is_output = IG_NEW_ARRAY(arena, bool, p->n_slots)};
    uint32_t *begun_by = IG_NEW_ARRAY(arena, uint32_t, p->n_slots); /* piece -> its number before sorting + 1 */
    if (!k.piece_of || !k.pieces || !k.is_output || !begun_by) return ig_oom(w->err);
    for (size_t o = 0; o < p->n_outputs; o++) k.is_output[p->outputs[o]] = true;
    for (size_t s = 0; s < p->n_steps; s++)
        if (!w->plan->skip[s]) place_step(&k, s);
    for (size_t i = 0; i < k.n; i++) k.pieces[i].slot = (uint32_t)i; /* from here on: the piece's own number */
    IG_TRY(pack(&k));
    size_t *offset_of = IG_NEW_ARRAY(arena, size_t, k.n);
    if (!offset_of) return ig_oom(w->err);
    for (size_t i = 0; i < k.n; i++) offset_of[k.pieces[i].slot] = k.pieces[i].offset;
    for (uint32_t i = 0; i < p->n_slots; i++)
        if (k.piece_of[i]) w->plan->offset[i] = offset_of[k.piece_of[i] - 1];
    return IG_OK;
}

/* ---------------------------------------------------------------------------------------------------------------- plans */

static bool alloc_plan(ig_plan *plan, planner *w) {
    ig_program *p = w->p;
    ig_arena *arena = &plan->arena;
    plan->types = IG_NEW_ARRAY(arena, const ig_type *, p->n_slots);
    plan->known = IG_NEW_ARRAY(arena, ig_tensor *, p->n_slots);
    plan->place = IG_NEW_ARRAY(arena, uint8_t, p->n_slots);
    plan->offset = IG_NEW_ARRAY(arena, size_t, p->n_slots);
    plan->skip = IG_NEW_ARRAY(arena, bool, p->n_steps);
    plan->is_static = IG_NEW_ARRAY(arena, bool, p->n_steps);
    w->in_types = IG_NEW_ARRAY(arena, const ig_type *, p->max_in);
    w->in_data = IG_NEW_ARRAY(arena, const ig_tensor *, p->max_in);
    w->out_types = IG_NEW_ARRAY(arena, const ig_type *, p->max_out);
    return plan->types && plan->known && plan->place && plan->offset && plan->skip && plan->is_static && w->in_types &&
           w->in_data && w->out_types;
}

static ig_status plan_create(ig_plan **out, ig_program *p, ig_tensor *const *given, const int64_t *key, size_t n_key,
                             uint64_t signature, bool open, ig_error *err) {
    ig_plan *plan = *out = ig_calloc(p->session->context, sizeof *plan);
    if (!plan) return ig_oom(err);
    plan->program = p;
    ig_arena_init(&plan->arena, p->session->context);
    planner w = {.plan = plan, .p = p, .err = err, .open = open};
    int64_t *key_copy = IG_NEW_ARRAY(&plan->arena, int64_t, n_key);
    ig_status status = key_copy && alloc_plan(plan, &w) ? type_given(&w, given) : ig_oom(err);
    for (size_t s = 0; status == IG_OK && s < p->n_steps; s++) status = type_step(&w, s);
    if (status == IG_OK) status = place_all(&w);
    if (status != IG_OK) {
        ig_plan_free(plan);
        *out = NULL;
        return status;
    }
    if (n_key) memcpy(key_copy, key, n_key * sizeof *key);
    plan->key = key_copy;
    plan->n_key = n_key;
    plan->signature = signature;
    return IG_OK;
}

void ig_plan_free(ig_plan *plan) {
    for (ig_frame *f = plan->free_frames, *next; f; f = next) {
        next = f->next;
        ig_frame_free(f);
    }
    for (uint32_t i = 0; plan->known && i < plan->program->n_slots; i++) ig_tensor_free(plan->known[i]);
    ig_context *context = plan->program->session->context;
    ig_arena_free(&plan->arena);
    ig_release(context, plan);
}

static ig_plan *find_plan(ig_program *p, uint64_t signature, const int64_t *key, size_t n_key) {
    for (ig_plan *plan = p->plans; plan; plan = plan->next)
        if (plan->signature == signature && plan->n_key == n_key &&
            (n_key == 0 || memcmp(plan->key, key, n_key * sizeof *key) == 0))
            return plan;
    return NULL;
}

/* The key of the plan for all shapes: only what kind and type of values are given. */
static size_t open_key(int64_t *key, ig_tensor *const *given, size_t n) {
    for (size_t i = 0; i < n; i++)
        key[i] = !given[i] ? -1 : (int64_t)given[i]->kind << 32 | (int64_t)given[i]->dtype << 16 | 0xFFFF;
    return n;
}

ig_status ig_plan_get(ig_plan **out, ig_program *p, ig_tensor *const *given, ig_error *err) {
    size_t n = p->n_inputs + p->captures.n, n_key = key_words(given, n);
    int64_t few[64], *key = n_key <= IG_COUNT_OF(few) ? few : ig_alloc(p->session->context, n_key * sizeof *key);
    if (!key) return ig_oom(err);
    write_key(key, given, n);
    uint64_t signature = ig_hash(key, n_key * sizeof *key, 0);
    ig_status status = IG_OK;
    pthread_mutex_lock(&p->lock);
    *out = find_plan(p, signature, key, n_key);
    bool open = !*out && p->n_plans >= IG_MAX_PLANS; /* shapes that never come back don't deserve a plan each */
    if (open) {
        n_key = open_key(key, given, n);
        signature = ig_hash(key, n_key * sizeof *key, 0);
        *out = find_plan(p, signature, key, n_key);
    }
    if (!*out) {
        status = plan_create(out, p, given, key, n_key, signature, open, err);
        if (status == IG_OK) {
            (*out)->next = p->plans;
            p->plans = *out;
            p->n_plans++;
        }
    }
    pthread_mutex_unlock(&p->lock);
    if (key != few) ig_release(p->session->context, key);
    return status;
}
