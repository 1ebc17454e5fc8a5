/* Operators that bring an axis together, or number its elements. */
#include "formats/tensorflow/rules.h"

#include <float.h>

static bool is_small_int(ig_dtype t) { return ig_dtype_is_int(t) && t != IG_I32 && t != IG_I64; }

/* ONNX's sums want 32 bits or more; the wrapped low bits are the same. */
ig_status ig_tf_lower_reduce(ig_lower *l) {
    const char *op = l->rule->to;
    ig_dtype t = ig_tf_dtype_of(ig_tf_in(l, 0));
    bool extreme = strcmp(op, "ReduceMax") == 0 || strcmp(op, "ReduceMin") == 0;
    bool wide = is_small_int(t) && (!extreme || (t != IG_I8 && t != IG_U8));
    ig_tf_bind(l, "v", wide ? ig_tf_v(l, "Cast<to=int64>(x0)") : ig_tf_in(l, 0));
    ig_tf_bind(l, "r", ig_tf_v(l, "%s<keepdims=@keep_dims, noop_with_empty_axes=1>(v, Reshape(i64(x1), [-1]))", op));
    return ig_tf_text(l, wide ? "y = CastLike(r, x0)" : "y = Identity(r)");
}

ig_status ig_tf_lower_arg_extreme(ig_lower *l) {
    int rank, axis = 0;
    ig_dtype out = ig_tf_attr_dtype(l, "output_type"), t = ig_tf_dtype_of(ig_tf_in(l, 0));
    IG_TRY(ig_tf_need_rank(l, 0, &rank));
    IG_TRY(ig_tf_need_axis(l, 1, rank, &axis));
    ig_tf_bind(l, "v", t == IG_BOOL ? ig_tf_v(l, "Cast<to=int32>(x0)") : ig_tf_in(l, 0));
    return ig_tf_text(l, "y = Cast<to=%d>(%s<axis=%d, keepdims=0>(v))", (int)(out ? out : IG_I64), l->rule->to, axis);
}

/* -------------------------------------------------------------------------------------------------------------- cumulative */

ig_status ig_tf_lower_cumulative(ig_lower *l) {
    ig_dtype t = ig_tf_dtype_of(ig_tf_in(l, 0));
    bool wide = is_small_int(t), product = strcmp(l->rule->to, "CumProd") == 0;
    if (product) ig_tf_need_opset(l, 26);
    ig_tf_bind(l, "v", wide ? ig_tf_v(l, "Cast<to=int64>(x0)") : ig_tf_in(l, 0));
    ig_tf_bind(l, "r", ig_tf_v(l, "%s<exclusive=@exclusive, reverse=@reverse>(v, Reshape(x1, []))", l->rule->to));
    return ig_tf_text(l, wide ? "y = CastLike(r, x0)" : "y = Identity(r)");
}

/* Every element with all those up to it, as a matrix: sums of exponentials don't add up along the way without loss. */
ig_status ig_tf_lower_cumulative_log(ig_lower *l) {
    int rank, axis;
    bool reverse = ig_tf_int_attr(l, "reverse") != 0, exclusive = ig_tf_int_attr(l, "exclusive") != 0;
    int64_t perm[IG_MAX_RANK];
    IG_TRY(ig_tf_need_rank(l, 0, &rank));
    IG_TRY(ig_tf_need_axis(l, 1, rank, &axis));
    for (int i = 0; i < rank; i++) perm[i] = i == axis ? rank - 1 : i == rank - 1 ? axis : i;
    ig_tf_bind(l, "v", ig_tf_transpose(l, ig_tf_in(l, 0), perm, (size_t)rank));
    ig_tf_bind(l, "n", ig_tf_v(l, "Range(0i, Gather(Shape(v), -1i), 1i)"));
    ig_tf_bind(
        l, "seen",
        ig_tf_v(l, "%s(Unsqueeze(n, [%d]), Unsqueeze(n, [%d]))", exclusive ? "Greater" : "GreaterOrEqual", !reverse, reverse));
    ig_tf_bind(l, "grid", ig_tf_v(l, "Where(seen, Unsqueeze(v, [-2]), Log(0))"));
    ig_tf_out(l, 0, ig_tf_transpose(l, ig_tf_v(l, "ReduceLogSumExp<keepdims=0>(grid, [-1])"), perm, (size_t)rank));
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------ the best of */

/* rule->to: where k is. */
ig_status ig_tf_lower_top_k(ig_lower *l) {
    ig_dtype index = ig_tf_attr_dtype(l, "index_type");
    bool input = strcmp(l->rule->to, "input") == 0;
    ig_value *v = ig_tf_in(l, 0), *k = input ? ig_tf_v(l, "Reshape(i64(x1), [1])") : ig_tf_v(l, "Reshape(@k i, [1])");
    ig_dtype t = ig_tf_dtype_of(v);
    if (is_small_int(t)) v = ig_tf_v(l, "Cast<to=int64>(x0)");
    ig_node *n = ig_sketch_node(ig_tf_s(l), NULL, "TopK", "axis=-1, largest=1, sorted=1", (ig_value *[]){v, k}, 2, 2);
    ig_tf_out(l, 0, ig_tf_cast(l, ig_tf_nth(n, 0), t));
    ig_tf_out(l, 1, ig_tf_cast(l, ig_tf_nth(n, 1), index ? index : IG_I32));
    return IG_OK;
}

/* Predictions [b, classes], targets [b]: fewer than k classes are better than the target's. Out of range, infinite: no. */
ig_status ig_tf_lower_in_top_k(ig_lower *l) {
    ig_tf_bind(l, "k", strcmp(l->rule->to, "input") == 0 ? ig_tf_v(l, "i64(x2)") : ig_tf_v(l, "@k i"));
    return ig_tf_text(l, "t = i64(x1); n = Gather(Shape(x0), 1i); ok = And(GreaterOrEqual(t, 0i), Less(t, n));"
                         "p = GatherElements<axis=1>(x0, Unsqueeze(Where(ok, t, t - t), [1]));"
                         "c = ReduceSum<keepdims=0>(Cast<to=int64>(Greater(x0, p)), [1]); f = Squeeze(p, [1]);"
                         "y = And(And(ok, Less(c, k)), Not(Or(IsNaN(f), IsInf(f))))");
}

ig_status ig_tf_lower_nth_element(ig_lower *l) {
    bool reverse = ig_tf_int_attr(l, "reverse") != 0;
    ig_tf_bind(l, "k", ig_tf_v(l, "Reshape(i64(x1) + 1i, [1])"));
    char attributes[64];
    snprintf(attributes, sizeof attributes, "axis=-1, largest=%d, sorted=1", reverse);
    ig_node *n = ig_sketch_node(ig_tf_s(l), NULL, "TopK", attributes,
                                (ig_value *[]){ig_tf_in(l, 0), ig_sketch_get(ig_tf_s(l), "k")}, 2, 2);
    ig_tf_bind(l, "best", ig_tf_nth(n, 0));
    return ig_tf_text(l, "y = Gather<axis=-1>(best, -1i)");
}

/* In order of first appearance; outputs: values, the place of each element in them, counts. */
ig_status ig_tf_lower_unique(ig_lower *l) {
    char attributes[64] = "sorted=0";
    int64_t axis[2];
    size_t n = 0;
    ig_dtype index = ig_tf_attr_dtype(l, "out_idx");
    if (l->rule->to && ig_tf_count_in(l) > 1) IG_TRY(ig_tf_need_ints(l, 1, axis, 2, &n));
    if (n) snprintf(attributes, sizeof attributes, "sorted=0, axis=%lld", (long long)axis[0]);
    ig_value *v = ig_tf_in(l, 0);
    ig_node *node = ig_sketch_node(ig_tf_s(l), NULL, "Unique", attributes, &v, 1, 4);
    ig_tf_out(l, 0, ig_tf_nth(node, 0));
    ig_tf_out(l, 1, ig_tf_cast(l, ig_tf_nth(node, 2), index ? index : IG_I32));
    ig_tf_out(l, 2, ig_tf_cast(l, ig_tf_nth(node, 3), index ? index : IG_I32));
    return IG_OK;
}

/* What is in x0 and not in x1, and where. */
ig_status ig_tf_lower_list_diff(ig_lower *l) {
    ig_dtype index = ig_tf_attr_dtype(l, "out_idx");
    ig_tf_bind(l, "hits", ig_tf_v(l, "Cast<to=int64>(Equal(Unsqueeze(x0, [1]), Unsqueeze(x1, [0])))"));
    ig_tf_bind(l, "new", ig_tf_v(l, "Equal(ReduceSum<keepdims=0>(hits, [1]), 0i)"));
    ig_tf_bind(l, "at", ig_tf_v(l, "Reshape(NonZero(new), [-1])"));
    ig_tf_out(l, 0, ig_tf_v(l, "Gather(x0, at)"));
    ig_tf_out(l, 1, ig_tf_cast(l, ig_sketch_get(ig_tf_s(l), "at"), index ? index : IG_I32));
    return IG_OK;
}

/* For rows of sorted numbers: how many of them are less (or not greater) than each value. */
ig_status ig_tf_lower_search_sorted(ig_lower *l) {
    ig_dtype out = ig_tf_attr_dtype(l, "out_type");
    return ig_tf_text(l, "y = ReduceSum<keepdims=0>(Cast<to=%d>(%s(Unsqueeze(x0, [1]), Unsqueeze(x1, [2]))), [2])",
                      (int)(out ? out : IG_I32), l->rule->to);
}

ig_status ig_tf_lower_bucketize(ig_lower *l) {
    size_t n;
    const float *edges = ig_attr_floats(l->node, "boundaries", &n);
    ig_tensor *t = NULL;
    int64_t dims[1] = {(int64_t)n};
    if (ig_tensor_new(&t, l->model->context, IG_F32, 1, dims, NULL) == IG_OK && n) memcpy(t->data, edges, n * sizeof *edges);
    ig_tf_bind(l, "edges", ig_sketch_constant(ig_tf_s(l), t));
    return ig_tf_text(
        l, "y = ReduceSum<keepdims=0>(Cast<to=int32>(GreaterOrEqual(Unsqueeze(Cast<to=float>(x), [-1]), edges)), [-1])");
}

/* How often 0, 1, …, size - 1 are there; with weights: their sums. arr, size, weights. */
ig_status ig_tf_lower_bincount(ig_lower *l) {
    bool dense = strcmp(l->rule->to, "dense") == 0;
    int rank = ig_tf_rank_of(ig_tf_in(l, 0));
    if (rank < 0) return ig_lower_refuse(l, "the rank of input 0 is unknown");
    bool rows = dense && rank == 2, binary = ig_tf_int_attr(l, "binary_output") != 0;
    bool weighted = ig_tf_dim_of(ig_tf_in(l, 2), 0) != 0 && ig_tf_count_in(l) > 2;
    ig_tf_bind(l, "v", rows ? ig_tf_v(l, "i64(x0)") : ig_tf_v(l, "Reshape(i64(x0), [1, -1])"));
    ig_tf_bind(l, "hit", ig_tf_v(l, "Equal(Unsqueeze(v, [2]), Range(0i, i64(x1), 1i))"));
    ig_tf_bind(l, "zero", ig_tf_scalar(l, ig_tf_dtype_of(ig_tf_in(l, 2)), 0));
    if (weighted) { /* none at all mean ones */
        ig_tf_bind(l, "n", ig_tf_v(l, "Reshape(Size(x0), [1])"));
        ig_tf_bind(l, "each", ig_tf_v(l, "Slice(Concat<axis=0>(Reshape(x2, [-1]), Expand(CastLike(1, x2), n)), [0], n)"));
    }
    if (binary)
        ig_tf_bind(l, "sum", ig_tf_v(l, "CastLike(ReduceMax<keepdims=0>(hit, [1]), zero)"));
    else if (weighted)
        ig_tf_bind(l, "sum",
                   ig_tf_v(l, "ReduceSum<keepdims=0>(Where(hit, Unsqueeze(Reshape(each, Shape(v)), [2]), zero), [1])"));
    else
        ig_tf_bind(l, "sum", ig_tf_v(l, "CastLike(ReduceSum<keepdims=0>(Cast<to=int64>(hit), [1]), zero)"));
    return ig_tf_text(l, rows ? "y = Identity(sum)" : "y = Squeeze(sum, [0])");
}

/* ---------------------------------------------------------------------------------------------------------------- segments */

/* What a segment without elements holds. */
static double neutral(const char *how, ig_dtype t, bool unsorted) {
    static const struct {
        ig_dtype t;
        double low, high;
    } edges[] = {{IG_F32, -(double)FLT_MAX, (double)FLT_MAX},
                 {IG_F64, -DBL_MAX, DBL_MAX},
                 {IG_F16, -65504, 65504},
                 {IG_I32, INT32_MIN, INT32_MAX},
                 {IG_BF16, -3.3895313892515355e38, 3.3895313892515355e38},
                 {IG_I64, (double)INT64_MIN, (double)INT64_MAX},
                 {IG_I16, INT16_MIN, INT16_MAX},
                 {IG_I8, INT8_MIN, INT8_MAX},
                 {IG_U8, 0, UINT8_MAX},
                 {IG_U16, 0, UINT16_MAX},
                 {IG_U32, 0, UINT32_MAX}};
    if (strcmp(how, "mul") == 0) return 1;
    if (!unsorted || strcmp(how, "add") == 0) return 0;
    for (size_t i = 0; i < IG_COUNT_OF(edges); i++)
        if (edges[i].t == t) return strcmp(how, "max") == 0 ? edges[i].low : edges[i].high;
    return 0;
}

/* "data" and the segment of each of its rows, "id" (int64, negative ones belong to none), to "n" segments: "sum". */
static void reduce_rows(ig_lower *l, const char *how, ig_dtype t, double start) {
    ig_tf_bind(l, "start", ig_tf_scalar(l, t, start));
    ig_tf_bind(l, "row", ig_tf_v(l, "Shape<start=1>(data)"));
    ig_tf_bind(l, "count", ig_tf_v(l, "Reshape(n, [1])"));
    /* One segment more, for what belongs to none. */
    ig_tf_bind(l, "to", ig_tf_v(l, "Where(Or(Less(id, 0i), GreaterOrEqual(id, n)), n, id)"));
    ig_tf_bind(l, "all",
               ig_tf_v(l,
                       "ScatterND<reduction='%s'>(Expand(start, Concat<axis=0>(count + [1], row)), Unsqueeze(to, [1]), data)",
                       how));
    ig_tf_bind(l, "sum", ig_tf_v(l, "Slice(all, [0], count, [0])"));
}

/* How many rows each segment has, with dims of 1 behind: "size". */
static void count_rows(ig_lower *l, ig_dtype t, int rank) {
    int64_t ones[IG_MAX_RANK];
    for (int i = 0; i < rank; i++) ones[i] = i == 0 ? -1 : 1;
    ig_tf_bind(l, "hits", ig_tf_v(l, "Cast<to=int64>(Equal(Unsqueeze(Range(0i, n, 1i), [1]), Unsqueeze(id, [0])))"));
    ig_tf_bind(l, "each", ig_tf_v(l, "Reshape(ReduceSum<keepdims=0>(hits, [1]), [%s])", ig_tf_join(l, ones, (size_t)rank)));
    ig_tf_bind(l, "size", ig_tf_cast(l, ig_sketch_get(ig_tf_s(l), "each"), t));
}

static ig_status reduce_segments(ig_lower *l, bool unsorted, int rank) {
    const char *how = l->rule->to;
    bool mean = strcmp(how, "mean") == 0, root = strcmp(how, "sqrtn") == 0;
    ig_dtype t = ig_tf_dtype_of(ig_sketch_get(ig_tf_s(l), "data"));
    bool extreme = strcmp(how, "max") == 0 || strcmp(how, "min") == 0;
    /* Sorted segments that are skipped are zeros, but others start from their extreme. */
    reduce_rows(l, mean || root ? "add" : how, t, neutral(how, t, unsorted || extreme));
    if (mean || root || (extreme && !unsorted)) count_rows(l, t, rank);
    if (mean) return ig_tf_text(l, "y = sum / Max(size, CastLike(1, size))");
    if (root) return ig_tf_text(l, "y = sum / Sqrt(Max(size, CastLike(1, size)))");
    if (extreme && !unsorted) return ig_tf_text(l, "y = Where(Equal(each, 0i), CastLike(0, sum), sum)");
    return ig_tf_text(l, "y = Identity(sum)");
}

/* Data, ids; with arg 1 the ids are in any order, and input 2 says how many segments there are. */
ig_status ig_tf_lower_segment(ig_lower *l) {
    bool unsorted = ig_tf_rule_arg(l) == 1;
    int rank = ig_tf_rank_of(ig_tf_in(l, 1)), of = ig_tf_rank_of(ig_tf_in(l, 0));
    if (rank < 0 || of < rank) return ig_lower_refuse(l, "a rank is unknown, or they don't fit together");
    ig_tf_bind(l, "id", ig_tf_v(l, "Reshape(i64(x1), [-1])"));
    ig_tf_bind(l, "data",
               rank == 1 ? ig_tf_in(l, 0) : ig_tf_v(l, "Reshape(x0, Concat<axis=0>([-1], Shape<start=%d>(x0)))", rank));
    ig_tf_bind(l, "n",
               unsorted ? ig_tf_v(l, "Reshape(i64(x2), [])")
                        : ig_tf_v(l, "ReduceMax<keepdims=0>(Concat<axis=0>(id, [-1])) + 1i"));
    return reduce_segments(l, unsorted, of - rank + 1);
}

/* Data, indices of its rows, the segment of each index; with arg 1 also the number of segments. */
ig_status ig_tf_lower_sparse_segment(ig_lower *l) {
    int rank;
    IG_TRY(ig_tf_need_rank(l, 0, &rank));
    ig_tf_bind(l, "data", ig_tf_v(l, "Gather(x0, x1)"));
    ig_tf_bind(l, "id", ig_tf_v(l, "i64(x2)"));
    ig_tf_bind(l, "n",
               ig_tf_rule_arg(l) == 1 ? ig_tf_v(l, "i64(x3)")
                                      : ig_tf_v(l, "ReduceMax<keepdims=0>(Concat<axis=0>(id, [-1])) + 1i"));
    return reduce_segments(l, false, rank);
}

/* --------------------------------------------------------------------------------------------------------------- gathering */

/* With batch dims: the indices of one batch, one after the other, as places in both batch and axis. */
static ig_status gather_in_batches(ig_lower *l, int batch, int axis) {
    int rank, index_rank = ig_tf_rank_of(ig_tf_in(l, 1));
    IG_TRY(ig_tf_need_rank(l, 0, &rank));
    if (index_rank < 0) return ig_lower_refuse(l, "the rank of input 1 is unknown");
    if (batch < 0) batch += index_rank;
    if (axis < batch || axis >= rank || batch > index_rank) return ig_lower_refuse(l, "its axes don't fit together");
    /* [batch…, between…, axis, rest…] to [B, between, axis, rest…] */
    ig_tf_bind(l, "s", ig_tf_v(l, "Shape(x0)"));
    ig_tf_bind(l, "batch", ig_tf_v(l, "Slice(s, [0], [%d])", batch));
    ig_tf_bind(l, "b", ig_tf_v(l, "ReduceProd<keepdims=1>(batch, [0])"));
    ig_tf_bind(l, "m", ig_tf_v(l, "ReduceProd<keepdims=1>(Slice(s, [%d], [%d]), [0])", batch, axis));
    ig_tf_bind(l, "n", ig_tf_v(l, "Gather(s, [%d])", axis));
    ig_tf_bind(l, "rest", ig_tf_v(l, "Slice(s, [%d], [%d])", axis + 1, rank));
    ig_tf_bind(l, "flat", ig_tf_v(l, "Reshape<allowzero=1>(x0, Concat<axis=0>(b * m * n, rest))"));
    ig_tf_bind(
        l, "i",
        ig_tf_v(l, "Reshape<allowzero=1>(i64(x1), Concat<axis=0>(b, [1], ReduceProd<keepdims=1>(Shape<start=%d>(x1), [0])))",
                batch));
    ig_tf_bind(l, "i", ig_tf_v(l, "Where(Less(i, 0i), i + n, i)"));
    ig_tf_bind(l, "before", ig_tf_v(l, "Reshape(Range(0i, Squeeze(b * m, [0]), 1i) * n, Concat<axis=0>(b, m, [1]))"));
    ig_tf_bind(l, "rows", ig_tf_v(l, "Gather<axis=0>(flat, i + before)"));
    return ig_tf_text(l,
                      "y = Reshape<allowzero=1>(rows, Concat<axis=0>(batch, Slice(s, [%d], [%d]), Shape<start=%d>(x1), rest))",
                      batch, axis, batch);
}

ig_status ig_tf_lower_gather(ig_lower *l) {
    int64_t axis = 0, batch = ig_tf_int_attr(l, "batch_dims");
    if (ig_tf_count_in(l) > 2 && !ig_tf_int(l, ig_tf_in(l, 2), &axis))
        return ig_lower_refuse(l, "its axis is computed at run time");
    int rank = ig_tf_rank_of(ig_tf_in(l, 0));
    if (axis < 0 && rank >= 0) axis += rank;
    if (batch) return gather_in_batches(l, (int)batch, (int)axis);
    ig_tf_bind(l, "i", ig_tf_dtype_of(ig_tf_in(l, 1)) == IG_I32 ? ig_tf_in(l, 1) : ig_tf_i64(l, ig_tf_in(l, 1)));
    return ig_tf_text(l, "y = Gather<axis=%lld>(x0, i)", (long long)axis);
}

ig_status ig_tf_lower_gather_nd(ig_lower *l) {
    int64_t depth = ig_tf_dim_of(ig_tf_in(l, 1), -1);
    if (depth != 0) return ig_tf_text(l, "y = GatherND(x0, i64(x1))");
    return ig_tf_text(l, "y = Expand(x0, Concat<axis=0>(Shape<end=-1>(x1), Shape(x0)))"); /* no index: all of it, each time */
}

/* Rows of x0 at x1. */
ig_status ig_tf_lower_inplace(ig_lower *l) {
    ig_tf_bind(l, "i", ig_tf_v(l, "Reshape(i64(x1), [-1, 1])"));
    ig_tf_out(l, 0, ig_tf_v(l, "%s", l->rule->to));
    return IG_OK;
}
