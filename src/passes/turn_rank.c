/* Transposes and dims of one.
 *
 *     y = Squeeze(axes=[1]; Transpose(0,2,3,1; x))     =>   y = Transpose(0,2,1; Squeeze(axes=[2]; x))
 *     y = Transpose(0,3,1,2; Unsqueeze(axes=[1]; x))   =>   y = Unsqueeze(axes=[2]; Transpose(0,2,1; x))
 *
 * Convolutions of one dim come as convolutions of two with a dim of one: their Transposes meet those of their neighbours only
 * where both have the same rank, the lower one. A Transpose that moves only dims of one is a Reshape, which costs nothing.
 * Right because dims of one have no influence on where elements lie. */
#include "passes/turn.h"

static const ig_shape *shape_of(const ig_value *v, ig_shape *s) {
    *s = ig_type_shape(v ? v->type : NULL);
    return v && v->type && v->type->kind == IG_KIND_TENSOR && s->rank >= 0 ? s : NULL;
}

/* The dims of `longer` that are ones and don't occur in `shorter`: *ones has a bit for each. False when more than that differs.
 */
static bool ones_between(const ig_value *longer, const ig_value *shorter, uint64_t *ones) {
    ig_shape a, b;
    if (!shape_of(longer, &a) || !shape_of(shorter, &b) || a.rank <= b.rank) return false;
    int j = 0;
    *ones = 0;
    for (int i = 0; i < a.rank; i++) {
        if (j < b.rank && ig_dim_equal(a.dims[i], b.dims[j]))
            j++;
        else if (ig_dim_is(a.dims[i], 1))
            *ones |= UINT64_C(1) << i;
        else
            return false;
    }
    return j == b.rank;
}

static bool is_view(const ig_node *n, const char *op) {
    return n && n->n_in && n->in[0] && n->n_out == 1 && n->out[0] && (ig_node_is(n, "", op) || ig_node_is(n, "", "Reshape"));
}

/* A node with these axes; `type` is the result's. */
static ig_value *with_axes(ig_build *b, const char *op, ig_value *x, uint64_t axes, const ig_type *type) {
    int64_t list[IG_MAX_RANK];
    size_t n = 0;
    for (int i = 0; i < IG_MAX_RANK; i++)
        if (axes >> i & 1) list[n++] = i;
    ig_value *y = IG_BUILD(b, op, x, ig_build_i64s(b, list, n));
    if (!y) return NULL;
    ig_node_resolve(b->last);
    y->type = type;
    return y;
}

static ig_value *transposed(ig_build *b, ig_value *x, const int64_t *perm, int rank, const ig_type *type) {
    ig_value *y = IG_BUILD(b, "Transpose", x);
    ig_build_ints(b, "perm", perm, (size_t)rank);
    if (!y) return NULL;
    ig_node_resolve(b->last);
    y->type = type;
    return y;
}

static const ig_type *type_of(ig_build *b, ig_dtype dtype, const ig_dim *dims, int rank) {
    ig_shape s = {.rank = rank};
    for (int i = 0; i < rank; i++) s.dims[i] = dims[i];
    const ig_type *type = ig_type_tensor(&b->graph->model->arena, dtype, &s);
    b->failed |= !type;
    return type;
}

/* The order of the dims that are left when those in `gone` (of the input) are taken out of a permutation. */
static int shrink(const int64_t *perm, int rank, uint64_t gone, int64_t *out) {
    int n = 0;
    for (int i = 0; i < rank; i++) {
        if (gone >> perm[i] & 1) continue;
        out[n++] = perm[i] - __builtin_popcountll(gone & ((UINT64_C(1) << perm[i]) - 1));
    }
    return n;
}

static bool replace(ig_build *b, ig_value *old, ig_value *with) {
    if (b->failed || !with) return false;
    ig_node *n = old->producer;
    ig_build_replace(b, old, with);
    if (!b->failed) ig_node_erase(n);
    return !b->failed;
}

/* An output of the graph has to keep its node and name. */
static bool is_output(const ig_value *v) {
    for (const ig_use *u = v->uses; u; u = u->next)
        if (!u->node) return true;
    return false;
}

/* Squeeze behind a Transpose that nobody else reads. */
static bool sink(ig_node *squeeze, size_t *changes) {
    ig_node *t = squeeze->in[0]->producer;
    uint64_t ones, gone = 0;
    int64_t perm[IG_MAX_RANK];
    ig_shape x, y;
    if (!t || t->graph != squeeze->graph || is_output(squeeze->out[0]) || ig_match_only_reader(t->out[0]) != squeeze)
        return true;
    const int64_t *before = ig_turn_perm_of(t, ig_match_rank(t->out[0]));
    if (!before || !shape_of(t->in[0], &x) || !shape_of(squeeze->out[0], &y) ||
        !ones_between(t->out[0], squeeze->out[0], &ones))
        return true;
    for (int i = 0; i < x.rank; i++)
        if (ones >> i & 1) gone |= UINT64_C(1) << before[i];
    int rank = shrink(before, x.rank, gone, perm), n = 0;
    ig_build b = ig_build_before(squeeze);
    for (int i = 0; i < x.rank; i++)
        if (!(gone >> i & 1)) x.dims[n++] = x.dims[i];
    ig_value *v = with_axes(&b, "Squeeze", t->in[0], gone, type_of(&b, squeeze->out[0]->type->dtype, x.dims, n));
    v = transposed(&b, v, perm, rank, squeeze->out[0]->type);
    ++*changes;
    return replace(&b, squeeze->out[0], v);
}

/* Unsqueeze in front of a Transpose. *next is the new Transpose. */
static bool lift(ig_node *t, ig_node **next, size_t *changes) {
    ig_node *unsqueeze = t->in[0]->producer;
    int wide = ig_match_rank(t->out[0]);
    const int64_t *after = ig_turn_perm_of(t, wide);
    uint64_t ones, added = 0;
    int64_t perm[IG_MAX_RANK];
    ig_shape x;
    if (!after || !unsqueeze || unsqueeze->graph != t->graph || !is_view(unsqueeze, "Unsqueeze") || is_output(t->out[0]) ||
        !shape_of(unsqueeze->in[0], &x) || !ones_between(t->in[0], unsqueeze->in[0], &ones))
        return true;
    int rank = shrink(after, wide, ones, perm);
    ig_dim dims[IG_MAX_RANK];
    for (int i = 0; i < rank; i++) dims[i] = x.dims[perm[i]];
    for (int i = 0; i < wide; i++)
        if (ones >> after[i] & 1) added |= UINT64_C(1) << i;
    ig_build b = ig_build_before(t);
    ig_value *v = transposed(&b, unsqueeze->in[0], perm, rank, type_of(&b, t->out[0]->type->dtype, dims, rank));
    *next = b.last;
    v = with_axes(&b, "Unsqueeze", v, added, t->out[0]->type);
    ++*changes;
    return replace(&b, t->out[0], v);
}

bool ig_turn_ranks(ig_graph *g, size_t *changes) {
    if (ig_graph_opset(g, NULL) < 13) return true; /* axes are attributes */
    for (ig_node *n = g->first, *next; n; n = next) {
        next = n->next;
        if (is_view(n, "Squeeze") && !sink(n, changes)) return false;
    }
    for (ig_node *n = g->last, *next; n; n = next) {
        next = n->previous;
        if (ig_node_is(n, "", "Transpose") && n->n_in == 1 && n->in[0] && n->n_out == 1 && n->out[0] &&
            !lift(n, &next, changes))
            return false;
    }
    return true;
}

/* The dims other than ones keep their order, and at most one of all has to be computed. */
static bool moves_ones(const ig_node *n, ig_shape *out) {
    int64_t last = -1;
    int unknown = 0;
    if (!shape_of(n->out[0], out)) return false;
    const int64_t *perm = ig_turn_perm_of(n, out->rank);
    for (int i = 0; perm && i < out->rank; i++) {
        if (ig_dim_is(out->dims[i], 1)) continue;
        if (perm[i] < last || ig_dim_is(out->dims[i], 0)) return false;
        last = perm[i];
        unknown += !ig_dim_known(out->dims[i]);
    }
    return perm && unknown <= 1;
}

bool ig_turn_to_reshape(ig_node *n, size_t *changes) {
    ig_shape s;
    int64_t dims[IG_MAX_RANK];
    if (ig_graph_opset(n->graph, NULL) < 5 || !moves_ones(n, &s) || is_output(n->out[0])) return true;
    ig_build b = ig_build_before(n);
    for (int i = 0; i < s.rank; i++) dims[i] = ig_dim_known(s.dims[i]) ? s.dims[i].value : -1;
    ig_value *y = IG_BUILD(&b, "Reshape", n->in[0], ig_build_i64s(&b, dims, (size_t)s.rank));
    if (!y) return false;
    ig_node_resolve(b.last);
    y->type = n->out[0]->type;
    ++*changes;
    return replace(&b, n->out[0], y);
}
