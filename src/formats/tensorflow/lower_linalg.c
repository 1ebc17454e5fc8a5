/* Systems of linear equations, by elimination in a loop whose rounds work on whole matrices. */
#include "formats/tensorflow/rules.h"

ig_status ig_tf_lower_determinant(ig_lower *l) {
    if (!l->rule->to) return ig_tf_text(l, "y = Det(x)");
    return ig_tf_text(l, "d = Det(x); y0 = Sign(d); y1 = Log(Abs(d))");
}

/* A loop with one state, run as often as "rounds" says; between begin and end the body is built, with "k" the round and "m" the
 * state. */
typedef struct rounds {
    ig_tf_elsewhere elsewhere;
    ig_node *node;
    ig_graph *body;
} rounds;

static ig_status begin_rounds(ig_lower *l, rounds *r, ig_value *count, ig_value *state) {
    ig_build b = ig_build_before(l->node);
    ig_arena *arena = &l->model->arena;
    const ig_shape scalar = {0};
    r->node = ig_build_node(&b, NULL, "Loop", (ig_value *[]){count, NULL, state}, 3, 1);
    r->body = r->node ? ig_graph_new(l->model, r->node->graph, r->node) : NULL;
    ig_attr a = {.name = ig_model_name(l->model, "body"), .kind = IG_ATTR_GRAPH, .g = r->body};
    if (!r->body || !a.name || !ig_attr_put(r->node, &a)) return ig_oom(l->err);
    ig_value *k = ig_value_new(r->body, NULL, ig_type_tensor(arena, IG_I64, &scalar));
    ig_value *going = ig_value_new(r->body, NULL, ig_type_tensor(arena, IG_BOOL, &scalar));
    ig_value *m = ig_value_new(r->body, NULL, state ? state->type : NULL);
    if (!k || !going || !m || !ig_graph_add_input(r->body, k) || !ig_graph_add_input(r->body, going) ||
        !ig_graph_add_input(r->body, m))
        return ig_oom(l->err);
    r->node->out[0]->type = state ? state->type : NULL;
    ig_tf_enter(l, &r->elsewhere, r->body, NULL);
    ig_tf_bind(l, "k", k);
    ig_tf_bind(l, "going", going);
    ig_tf_bind(l, "m", m);
    ig_tf_s(l)->principal = m;
    return IG_OK;
}

static ig_status end_rounds(ig_lower *l, rounds *r, ig_value *next, ig_value **out) {
    ig_value *going = ig_tf_v(l, "Identity(going)");
    IG_TRY(ig_tf_leave(l, &r->elsewhere));
    if (!going || !next || !ig_graph_add_output(r->body, going) || !ig_graph_add_output(r->body, next)) return ig_oom(l->err);
    *out = r->node->out[0];
    return IG_OK;
}

/* Gauss and Jordan: "a" [.., n, n] and "b" [.., n, c] side by side; in each round the row with the greatest entry changes
 * places with row k, and all others lose that entry. What is left of "a" in the end is the identity. */
static ig_status eliminate(ig_lower *l, ig_value **out) {
    rounds r;
    ig_value *m;
    ig_tf_bind(l, "n", ig_tf_v(l, "Gather(Shape(a), -1i)"));
    ig_tf_bind(l, "batch", ig_tf_v(l, "Shape<end=-2>(b)"));
    ig_tf_bind(l, "whole", ig_tf_v(l, "Concat<axis=-1>(a, b)"));
    ig_tf_bind(l, "state", ig_tf_v(l, "Reshape(whole, Concat<axis=0>([-1], Shape<start=-2>(whole)))"));
    ig_value *count = ig_sketch_get(ig_tf_s(l), "n"), *state = ig_sketch_get(ig_tf_s(l), "state");
    IG_TRY(begin_rounds(l, &r, count, state));
    ig_tf_bind(l, "n", count);
    ig_tf_bind(l, "rows", ig_tf_v(l, "Range(0i, n, 1i)"));
    ig_tf_bind(l, "column", ig_tf_v(l, "Gather<axis=2>(m, k)"));
    ig_tf_bind(l, "size", ig_tf_v(l, "Where(Less(rows, k), -1, Abs(column))"));
    ig_tf_bind(l, "p", ig_tf_v(l, "ArgMax<axis=1, keepdims=1>(size)"));
    ig_tf_bind(l, "place", ig_tf_v(l, "Where(Equal(rows, k), p, Where(Equal(rows, p), k, rows))"));
    ig_tf_bind(l, "m", ig_tf_v(l, "GatherND<batch_dims=1>(m, Unsqueeze(place, [2]))"));
    ig_tf_bind(l, "row", ig_tf_v(l, "Gather<axis=1>(m, Unsqueeze(k, [0]))"));
    ig_tf_bind(l, "row", ig_tf_v(l, "row / Gather<axis=2>(row, Unsqueeze(k, [0]))"));
    ig_tf_bind(l, "left", ig_tf_v(l, "m - Gather<axis=2>(m, Unsqueeze(k, [0])) * row"));
    IG_TRY(end_rounds(l, &r, ig_tf_v(l, "Where(Equal(Unsqueeze(rows, [1]), k), row, left)"), &m));
    ig_tf_bind(l, "m", m);
    ig_tf_bind(l, "right", ig_tf_v(l, "Slice(m, Reshape(n, [1]), [9223372036854775807], [2])"));
    *out = ig_tf_v(l, "Reshape(right, Concat<axis=0>(batch, Shape<start=1>(right)))");
    return ig_tf_s(l)->status;
}

static ig_value *transposed(ig_lower *l, const char *name) {
    ig_value *v = ig_sketch_get(ig_tf_s(l), name);
    int64_t perm[IG_MAX_RANK];
    int rank = ig_tf_rank_of(v);
    for (int i = 0; i < rank; i++) perm[i] = i == rank - 1 ? rank - 2 : i == rank - 2 ? rank - 1 : i;
    return ig_tf_transpose(l, v, perm, (size_t)ig_max_i64(rank, 0));
}

static ig_status solve(ig_lower *l) {
    ig_value *x;
    IG_TRY(eliminate(l, &x));
    ig_tf_out(l, 0, x);
    return IG_OK;
}

ig_status ig_tf_lower_inverse(ig_lower *l) {
    int rank;
    IG_TRY(ig_tf_need_rank(l, 0, &rank));
    ig_tf_bind(l, "a", ig_tf_in(l, 0));
    if (ig_tf_int_attr(l, "adjoint")) ig_tf_bind(l, "a", transposed(l, "a"));
    ig_tf_bind(l, "i", ig_tf_v(l, "Range(0i, Gather(Shape(x), -1i), 1i)"));
    ig_tf_bind(l, "b", ig_tf_v(l, "Expand(CastLike(Equal(Unsqueeze(i, [1]), i), x), Shape(x))"));
    return solve(l);
}

/* Batches of both may be broadcast. */
static ig_status bind_system(ig_lower *l, bool adjoint, const char *a) {
    int rank, other = ig_tf_rank_of(ig_tf_in(l, 1));
    IG_TRY(ig_tf_need_rank(l, 0, &rank));
    if (other < 2) return ig_lower_refuse(l, "the rank of input 1 is unknown");
    ig_tf_bind(l, "a", ig_tf_v(l, "%s", a));
    if (adjoint) ig_tf_bind(l, "a", transposed(l, "a"));
    ig_tf_bind(l, "b", ig_tf_in(l, 1));
    if (rank == 2 && other == 2) return IG_OK;
    ig_tf_bind(l, "one", ig_tf_v(l, "Concat<axis=0>(Shape<end=-2>(x1), [1, 1])"));
    ig_tf_bind(l, "two", ig_tf_v(l, "Concat<axis=0>(Shape<end=-2>(x0), [1, 1])"));
    ig_tf_bind(l, "a", ig_tf_v(l, "Expand(a, one)"));
    ig_tf_bind(l, "b", ig_tf_v(l, "Expand(b, two)"));
    return IG_OK;
}

ig_status ig_tf_lower_solve(ig_lower *l) {
    IG_TRY(bind_system(l, ig_tf_int_attr(l, "adjoint") != 0, "x0"));
    return solve(l);
}

ig_status ig_tf_lower_triangular_solve(ig_lower *l) {
    IG_TRY(bind_system(l, ig_tf_int_attr(l, "adjoint") != 0,
                       ig_tf_int_attr(l, "lower") ? "Trilu<upper=0>(x0)" : "Trilu<upper=1>(x0)"));
    return solve(l);
}

/* Column by column: what is left of it without the columns before, by the root of its diagonal entry. */
ig_status ig_tf_lower_cholesky(ig_lower *l) {
    rounds r;
    ig_value *m;
    ig_tf_bind(l, "n", ig_tf_v(l, "Gather(Shape(x), -1i)"));
    ig_tf_bind(l, "a", ig_tf_v(l, "Reshape(x, Concat<axis=0>([-1], Shape<start=-2>(x)))"));
    ig_value *count = ig_sketch_get(ig_tf_s(l), "n"), *a = ig_sketch_get(ig_tf_s(l), "a");
    IG_TRY(begin_rounds(l, &r, count, ig_tf_v(l, "a - a")));
    ig_tf_bind(l, "n", count);
    ig_tf_bind(l, "a", a);
    ig_tf_bind(l, "rows", ig_tf_v(l, "Range(0i, n, 1i)"));
    ig_tf_bind(l, "row", ig_tf_v(l, "Gather<axis=1>(m, k)"));
    ig_tf_bind(l, "v", ig_tf_v(l, "Gather<axis=2>(a, k) - Squeeze(MatMul(m, Unsqueeze(row, [2])), [2])"));
    ig_tf_bind(l, "c", ig_tf_v(l, "v / Sqrt(Gather<axis=1>(v, Unsqueeze(k, [0])))"));
    ig_tf_bind(l, "c", ig_tf_v(l, "Where(Less(rows, k), 0, c)"));
    IG_TRY(end_rounds(l, &r, ig_tf_v(l, "Where(Equal(rows, k), Unsqueeze(c, [2]), m)"), &m));
    ig_tf_bind(l, "m", m);
    return ig_tf_text(l, "y = Reshape(m, Shape(x))");
}
