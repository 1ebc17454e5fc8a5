/* Moves whole regions of a graph into the layout of their neighbours, where that removes more Transposes than it makes.
 *
 *     a = Transpose(0,2,3,1; x); b = Add(a, c); y = Transpose(0,3,1,2; Relu(b))   =>   y = Relu(Add(x, c'))
 *
 * Models whose framework has channels last come with a Transpose on both sides of each convolution. Between two of them stand
 * operators that don't mind the order of dims: elementwise ones, and those that name axes, which can be renamed (turn.c). Such
 * operators and the values between them form a region. Seen from a Transpose with the permutation p that feeds it, a region can
 * be turned: every value v in it is replaced by the v' with v = Transpose(p; v'). That saves the Transposes with p at its
 * inputs and those with the inverse of p at its outputs; everything else at its border needs a new one. A region is turned when
 * the elements that no longer move are more than those that have to. Right because each operator computes the same elements in
 * another order. */
#include "passes/turn.h"

typedef struct region {
    ig_turn turn;
    ig_arena *scratch;
    ig_map values; /* of the region -> what replaces them (themselves until they are turned) */
    ig_map nodes;
    IG_VEC(ig_value *) list;
    IG_VEC(ig_node *) members;
    double saved, cost; /* elements moved */
    bool failed;        /* memory */
} region;

static bool same_perm(const int64_t *a, const int64_t *b, int rank) { return a && memcmp(a, b, (size_t)rank * sizeof *a) == 0; }

/* Elements that a Transpose of the value moves. */
static double weight(const ig_value *v) {
    ig_shape s = ig_type_shape(v->type);
    double w = 1;
    for (int i = 0; i < s.rank; i++) w *= ig_dim_known(s.dims[i]) ? (double)s.dims[i].value : 1;
    return w > 0 ? w : 1;
}

/* -------------------------------------------------------------------------------------------------------------- growing */

static void add_value(region *r, ig_value *v) {
    if (r->failed || !v || ig_map_get(&r->values, IG_KEY(v))) return;
    r->failed = !ig_map_set(&r->values, IG_KEY(v), v) || !IG_PUSH(r->scratch, &r->list, v);
}

static void add_node(region *r, ig_node *n, ig_turn_kind k) {
    if (r->failed || ig_map_get(&r->nodes, IG_KEY(n))) return;
    r->failed = !ig_map_set(&r->nodes, IG_KEY(n), n) || !IG_PUSH(r->scratch, &r->members, n);
    for (uint32_t i = 0; i < n->n_in; i++)
        if (n->in[i] && ig_turn_is_data(k, i) && !ig_turn_in_place(n->in[i]) && ig_match_rank(n->in[i]) == r->turn.rank)
            add_value(r, n->in[i]);
    for (uint32_t o = 0; o < n->n_out; o++) add_value(r, n->out[o]);
}

static bool is_member(ig_turn_kind k) { return k != IG_TURN_NONE && k != IG_TURN_ENDS && k != IG_TURN_SHAPE_ENDS; }

/* A Transpose of the value by `perm` that is there already. */
static ig_node *reader_with(const region *r, const ig_value *v, const int64_t *perm) {
    for (const ig_use *u = v->uses; u; u = u->next)
        if (u->node && u->node->graph == r->turn.graph && same_perm(ig_turn_perm_of(u->node, r->turn.rank), perm, r->turn.rank))
            return u->node;
    return NULL;
}

/* A Transpose in the region's graph that makes the value, also the seed's kind. */
static const int64_t *perm_before(const region *r, const ig_value *v) {
    const ig_node *p = v->producer;
    return p && p->graph == r->turn.graph ? ig_turn_perm_of(p, r->turn.rank) : NULL;
}

static bool within(const region *r, const ig_value *v) { return ig_map_get(&r->values, IG_KEY(v)) != NULL; }

/* The value comes out of a Transpose by the region's permutation that is outside of it. */
static bool is_undone(const region *r, const ig_value *v) {
    return same_perm(perm_before(r, v), r->turn.perm, r->turn.rank) && !within(r, v->producer->in[0]);
}

/* The value's producer and readers join when they can. */
static void look_at(region *r, ig_value *v) {
    ig_turn_kind k = v->producer ? ig_turn_kind_of(&r->turn, v->producer) : IG_TURN_NONE;
    if (is_member(k)) add_node(r, v->producer, k);
    for (const ig_use *u = v->uses; u; u = u->next) {
        k = u->node ? ig_turn_kind_of(&r->turn, u->node) : IG_TURN_NONE;
        if (is_member(k) && ig_turn_is_data(k, u->index)) add_node(r, u->node, k);
    }
}

/* What turning saves and costs at a value, when all of the region is known. */
static void weigh(region *r, const ig_value *v) {
    const int64_t *before = perm_before(r, v);
    bool made_here = v->producer && ig_map_get(&r->nodes, IG_KEY(v->producer)), undone = is_undone(r, v), outside = false;
    if (!made_here && !before && !reader_with(r, v, r->turn.inverse))
        r->cost += weight(v); /* other Transposes take the turn along */
    for (const ig_use *u = v->uses; u; u = u->next) {
        const ig_node *n = u->node;
        bool here = n && n->graph == r->turn.graph;
        const int64_t *perm = here ? ig_turn_perm_of(n, r->turn.rank) : NULL;
        ig_turn_kind k = here ? ig_turn_kind_of(&r->turn, n) : IG_TURN_NONE;
        if (here && ig_map_get(&r->nodes, IG_KEY(n)) && ig_turn_is_data(k, u->index)) continue;
        if ((k == IG_TURN_ENDS || k == IG_TURN_SHAPE_ENDS) && u->index == 0) continue;
        if (same_perm(perm, r->turn.inverse, r->turn.rank) && (made_here || undone) && !within(r, n->out[0]))
            r->saved += weight(v);
        else if (!perm)
            outside = true;
    }
    if (outside && made_here) r->cost += weight(v);
    if (undone && !outside) r->saved += weight(v);
}

static void grow(region *r, ig_node *seed) {
    add_value(r, seed->out[0]);
    for (size_t i = 0; i < r->list.n && !r->failed; i++) look_at(r, r->list.items[i]);
    for (size_t i = 0; i < r->list.n && !r->failed; i++) weigh(r, r->list.items[i]);
}

/* -------------------------------------------------------------------------------------------------------------- turning */

/* A new node is asked about like any other from here on. */
static ig_value *resolved(ig_build *b, ig_value *v) {
    if (v) ig_node_resolve(b->last);
    return v;
}

static ig_value *transpose(const region *r, ig_build *b, ig_value *x, const int64_t *perm) {
    ig_value *y = IG_BUILD(b, "Transpose", x);
    ig_build_ints(b, "perm", perm, (size_t)r->turn.rank);
    return resolved(b, y);
}

static const ig_type *turned_type(const region *r, const ig_type *type) {
    ig_shape from = ig_type_shape(type), to = from;
    for (int i = 0; i < from.rank && from.rank == r->turn.rank; i++) to.dims[i] = from.dims[r->turn.inverse[i]];
    return ig_type_tensor(&r->turn.graph->model->arena, type->dtype, &to);
}

/* Constants broadcast from the last dim: dims of 1 are put in front first. */
static ig_value *turned_constant(region *r, ig_build *b, ig_value *v) {
    int64_t dims[IG_MAX_RANK];
    int rank = v->constant->rank;
    if (v->constant->count == 1 && rank <= 1) return v;
    for (int i = 0; i < r->turn.rank; i++) dims[i] = i < r->turn.rank - rank ? 1 : v->constant->dims[i - (r->turn.rank - rank)];
    ig_value *wide =
        rank == r->turn.rank ? v : resolved(b, IG_BUILD(b, "Reshape", v, ig_build_i64s(b, dims, (size_t)r->turn.rank)));
    return transpose(r, b, wide, r->turn.inverse);
}

/* What replaces a value that comes into the region from outside. */
static bool turn_entry(region *r, ig_value *v) {
    ig_node *p = v->producer, *same = reader_with(r, v, r->turn.inverse);
    const int64_t *before = perm_before(r, v);
    ig_value *turned;
    int64_t both[IG_MAX_RANK];
    if (p && ig_map_get(&r->nodes, IG_KEY(p))) return true; /* its node is turned and keeps it */
    if (is_undone(r, v)) {
        turned = p->in[0];
    } else if (!before && same) {
        turned = same->out[0];
    } else {
        ig_build b = {.graph = r->turn.graph, .before = p && p->graph == r->turn.graph ? p->next : r->turn.graph->first};
        for (int i = 0; i < r->turn.rank; i++) both[i] = before ? before[r->turn.inverse[i]] : r->turn.inverse[i];
        turned = transpose(r, &b, before ? p->in[0] : v, both);
        if (b.failed) return false;
        turned->type = turned_type(r, v->type);
        if (!turned->type) return false;
    }
    return ig_map_set(&r->values, IG_KEY(v), turned);
}

static bool turn_member(region *r, ig_node *n) {
    ig_turn_kind k = ig_turn_kind_of(&r->turn, n);
    if (!ig_turn_words(&r->turn, n, k)) return false;
    for (uint32_t i = 0; i < n->n_in; i++) {
        ig_value *v = n->in[i];
        if (!v || !ig_turn_is_data(k, i)) continue;
        ig_build b = ig_build_before(n);
        ig_value *with = ig_turn_in_place(v) ? turned_constant(r, &b, v) : ig_map_get(&r->values, IG_KEY(v));
        if (b.failed) return false;
        if (with && with != v && !ig_node_set_input(n, i, with)) return false; /* scalars aren't in the map */
    }
    return true;
}

/* Shape of the turned value, with its dims in the old order. */
static bool turn_shape(region *r, ig_node *n, ig_value *turned) {
    int64_t start = ig_attr_int(n, "start"), end = ig_attr_find(n, "end") ? ig_attr_int(n, "end") : r->turn.rank;
    if (start < 0) start += r->turn.rank;
    if (end < 0) end += r->turn.rank;
    start = ig_clamp_i64(start, 0, r->turn.rank);
    end = ig_clamp_i64(end, start, r->turn.rank);
    ig_build b = ig_build_before(n);
    ig_value *dims = resolved(&b, IG_BUILD(&b, "Shape", turned));
    dims = resolved(&b, IG_BUILD(&b, "Gather", dims, ig_build_i64s(&b, r->turn.perm + start, (size_t)(end - start))));
    if (b.failed) return false;
    dims->type = n->out[0]->type;
    if (!ig_value_replace(n->out[0], dims)) return false;
    ig_node_erase(n);
    return true;
}

/* A reader outside of the region: a Transpose takes the turn along, others get the value as it was. */
static bool turn_reader(region *r, ig_value *v, ig_value *turned, const ig_use *u, ig_value **original) {
    ig_node *n = u->node;
    bool here = n && n->graph == r->turn.graph;
    const int64_t *perm = here ? ig_turn_perm_of(n, r->turn.rank) : NULL;
    ig_turn_kind k = here ? ig_turn_kind_of(&r->turn, n) : IG_TURN_NONE;
    if (here && ig_map_get(&r->nodes, IG_KEY(n)) && ig_turn_is_data(k, u->index)) return true;
    if (perm) {
        int64_t both[IG_MAX_RANK];
        for (int i = 0; i < r->turn.rank; i++) both[i] = r->turn.perm[perm[i]];
        return ig_attr_put_ints(n, "perm", both, (size_t)r->turn.rank) && ig_node_set_input(n, u->index, turned);
    }
    if (k == IG_TURN_ENDS && u->index == 0) return ig_turn_words(&r->turn, n, k) && ig_node_set_input(n, 0, turned);
    if (k == IG_TURN_SHAPE_ENDS) return turn_shape(r, n, turned);
    if (turned != v) return true;
    if (!*original) {
        ig_build b = {.graph = r->turn.graph, .before = v->producer->next};
        *original = transpose(r, &b, v, r->turn.perm);
        if (b.failed) return false;
        (*original)->type = v->type;
    }
    return n ? ig_node_set_input(n, u->index, *original) : ig_graph_set_output(u->graph, u->index, *original);
}

static bool turn_exits(region *r, ig_value *v) {
    ig_value *turned = ig_map_get(&r->values, IG_KEY(v)), *original = NULL;
    IG_VEC(ig_use) uses = {0};
    if (turned != v && turned->producer && turned->producer->in[0] == v) return true; /* others read it as it is */
    for (const ig_use *u = v->uses; u; u = u->next)
        if (!IG_PUSH(r->scratch, &uses, *u)) return false;
    for (size_t i = 0; i < uses.n; i++)
        if (!turn_reader(r, v, turned, &uses.items[i], &original)) return false;
    return true;
}

/* A graph output keeps its name when what makes it changes. */
static bool swap_names(ig_value *a, ig_value *b) {
    ig_map *values = &a->graph->values;
    ig_name name = a->name;
    a->name = b->name;
    b->name = name;
    return ig_map_set(values, IG_KEY(a->name), a) && ig_map_set(values, IG_KEY(b->name), b);
}

static bool turn(region *r) {
    bool ok = true;
    for (size_t i = 0; ok && i < r->list.n; i++) ok = turn_entry(r, r->list.items[i]);
    for (size_t i = 0; ok && i < r->list.n; i++) ok = turn_exits(r, r->list.items[i]);
    for (size_t i = 0; ok && i < r->members.n; i++) ok = turn_member(r, r->members.items[i]);
    for (size_t i = 0; ok && i < r->list.n; i++) {
        ig_value *v = r->list.items[i];
        if (!v->producer || !ig_map_get(&r->nodes, IG_KEY(v->producer))) continue;
        v->type = turned_type(r, v->type);
        ok = v->type != NULL;
        for (ig_use *u = v->uses; ok && u; u = u->next) { /* the Transpose made for an output takes its name */
            const ig_value *y = u->node && ig_turn_perm_of(u->node, r->turn.rank) ? u->node->out[0] : NULL;
            bool output = false;
            for (const ig_use *q = y ? y->uses : NULL; q; q = q->next)
                output |= !q->node && q->graph->outputs.items[q->index].name == v->name;
            if (output) ok = swap_names(v, (ig_value *)(uintptr_t)y);
        }
    }
    return ok;
}

/* ---------------------------------------------------------------------------------------------------------------- the pass */

/* Two Transposes in a row are one, or none. */
static bool join(ig_node *n, int rank, size_t *changes) {
    const int64_t *perm = ig_turn_perm_of(n, rank);
    ig_node *p = n->in[0]->producer;
    const int64_t *before = p && p->graph == n->graph ? ig_turn_perm_of(p, rank) : NULL;
    int64_t both[IG_MAX_RANK];
    if (!perm || !before) return true;
    for (int i = 0; i < rank; i++) both[i] = before[perm[i]];
    ++*changes;
    return ig_attr_put_ints(n, "perm", both, (size_t)rank) && ig_node_set_input(n, 0, p->in[0]);
}

static bool is_valid(const int64_t *perm, int rank) {
    uint64_t seen = 0;
    for (int i = 0; i < rank; i++) {
        if (perm[i] < 0 || perm[i] >= rank || seen >> perm[i] & 1) return false;
        seen |= UINT64_C(1) << perm[i];
    }
    return true;
}

static ig_status try_seed(ig_graph *g, ig_node *n, ig_map *tried, ig_arena *scratch, ig_pass_env *env) {
    int rank = n->in[0] && n->out[0] ? ig_match_rank(n->out[0]) : IG_UNRANKED;
    const int64_t *perm = rank > 1 ? ig_turn_perm_of(n, rank) : NULL;
    if (!perm || !is_valid(perm, rank) || ig_turn_in_place(n->in[0]) || ig_map_get(tried, IG_KEY(n))) return IG_OK;
    region r = {.turn = {.graph = g, .rank = rank}, .scratch = scratch};
    for (int i = 0; i < rank; i++) {
        r.turn.perm[i] = perm[i];
        r.turn.inverse[perm[i]] = i;
    }
    ig_map_init(&r.values, scratch);
    ig_map_init(&r.nodes, scratch);
    grow(&r, n);
    for (size_t i = 0; i < r.list.n && !r.failed; i++) { /* every seed of the region would find the same */
        ig_node *p = r.list.items[i]->producer;
        if (p && same_perm(ig_turn_perm_of(p, rank), r.turn.perm, rank)) r.failed = !ig_map_set(tried, IG_KEY(p), p);
    }
    if (r.failed) return ig_oom(env->err);
    if (r.saved <= r.cost) return IG_OK;
    env->changes++;
    return turn(&r) ? IG_OK : ig_oom(env->err);
}

static bool is_transpose(const ig_node *n) {
    return ig_node_is(n, "", "Transpose") && n->n_in == 1 && n->in[0] && n->n_out == 1 && n->out[0];
}

static ig_status turn_all(ig_graph *g, ig_arena *scratch, ig_pass_env *env) {
    ig_map tried;
    ig_map_init(&tried, scratch);
    if (!ig_turn_ranks(g, &env->changes)) return ig_oom(env->err);
    IG_VEC(ig_node *) seeds = {0};
    for (ig_node *n = g->first; n; n = n->next)
        if (is_transpose(n) && !IG_PUSH(scratch, &seeds, n)) return ig_oom(env->err);
    for (size_t i = 0; i < seeds.n; i++) IG_TRY(try_seed(g, seeds.items[i], &tried, scratch, env));
    for (ig_node *n = g->first; n; n = n->next)
        if (is_transpose(n) && !join(n, ig_match_rank(n->out[0]), &env->changes)) return ig_oom(env->err);
    for (ig_node *n = g->first, *next; n; n = next) {
        next = n->next;
        if (is_transpose(n) && !ig_turn_to_reshape(n, &env->changes)) return ig_oom(env->err);
    }
    return IG_OK;
}

static ig_status visit(ig_graph *g, void *user) {
    ig_arena scratch;
    ig_arena_init(&scratch, g->model->context);
    ig_status status = turn_all(g, &scratch, user);
    ig_arena_free(&scratch);
    return status;
}

ig_status ig_pass_cancel_transposes(ig_model *model, ig_pass_env *env) {
    IG_TRY(ig_graph_each(model->graph, visit, env));
    return ig_graph_sort(model->graph, env->err);
}
