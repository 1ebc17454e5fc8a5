/* Ragged and sparse tensors, as the plain tensors that they consist of. */
#include "formats/tensorflow/rules.h"

/* ---------------------------------------------------------------------------------------------------------------- ragged */

/* For rows of "lengths" (int64): "starts" of each, "total"; for each element of all rows its "row" and its place "pos" in it.
 */
static void spread_rows(ig_lower *l) {
    ig_tf_bind(l, "ends", ig_tf_v(l, "CumSum(lengths, 0i)"));
    ig_tf_bind(l, "starts", ig_tf_v(l, "ends - lengths"));
    ig_tf_bind(l, "total", ig_tf_v(l, "ReduceSum<keepdims=0>(lengths)"));
    /* A mark where each row but the first starts; added up they number the rows. */
    ig_tf_bind(l, "later", ig_tf_v(l, "Slice(starts, [1], [9223372036854775807])"));
    ig_tf_bind(l, "marks",
               ig_tf_v(l, "ScatterND<reduction='add'>(Expand(0i, Reshape(total + 1i, [1])), Unsqueeze(later, [1]), Expand(1i, "
                          "Shape(later)))"));
    ig_tf_bind(l, "row", ig_tf_v(l, "CumSum(Slice(marks, [0], Reshape(total, [1])), 0i)"));
    ig_tf_bind(l, "pos", ig_tf_v(l, "Range(0i, total, 1i) - Gather(starts, row)"));
}

/* The lengths of "rows" (a number) out of the row of each value, "row"; and places. */
static void places_in_rows(ig_lower *l) {
    ig_tf_bind(
        l, "lengths",
        ig_tf_v(l, "ScatterND<reduction='add'>(Expand(0i, Reshape(rows, [1])), Unsqueeze(row, [1]), Expand(1i, Shape(row)))"));
    ig_tf_bind(l, "starts", ig_tf_v(l, "CumSum<exclusive=1>(lengths, 0i)"));
    ig_tf_bind(l, "pos", ig_tf_v(l, "Range(0i, Size(row), 1i) - Gather(starts, row)"));
}

/* Shape, values, filling, partitions. Each value's index is that of its row, and its place there. */
ig_status ig_tf_lower_ragged_to_tensor(ig_lower *l) {
    size_t n;
    const ig_str *kinds = ig_attr_strs(l->node, "row_partition_types", &n);
    uint32_t next = 3;
    bool first = true;
    if (n == 0 || ig_tf_count_in(l) < 3 + n) return ig_lower_refuse(l, "its partitions are missing");
    for (size_t i = 0; i < n; i++) {
        ig_tf_bind(l, "partition", ig_tf_i64(l, ig_tf_in(l, next++)));
        if (ig_str_is(kinds[i], "FIRST_DIM_SIZE")) {
            ig_tf_bind(l, "rows", ig_tf_v(l, "Reshape(partition, [])"));
            continue;
        }
        if (ig_str_is(kinds[i], "ROW_SPLITS")) {
            ig_tf_bind(l, "lengths", ig_tf_v(l, "Slice(partition, [1], [9223372036854775807]) - Slice(partition, [0], [-1])"));
            ig_tf_bind(l, "rows", ig_tf_v(l, "Size(lengths)"));
            spread_rows(l);
        } else if (ig_str_is(kinds[i], "VALUE_ROWIDS")) {
            ig_tf_bind(l, "row", ig_sketch_get(ig_tf_s(l), "partition"));
            places_in_rows(l);
        } else {
            return ig_lower_refuse(l, "its partitions are of an unknown kind");
        }
        ig_tf_bind(l, "widest", ig_tf_v(l, "ReduceMax<keepdims=1>(Concat<axis=0>(lengths, [0]), [0])"));
        ig_tf_bind(l, "sizes",
                   first ? ig_tf_v(l, "Concat<axis=0>(Reshape(rows, [1]), widest)")
                         : ig_tf_v(l, "Concat<axis=0>(sizes, widest)"));
        ig_tf_bind(l, "outer", first ? ig_tf_v(l, "Unsqueeze(row, [1])") : ig_tf_v(l, "Gather<axis=0>(index, row)"));
        ig_tf_bind(l, "index", ig_tf_v(l, "Concat<axis=1>(outer, Unsqueeze(pos, [1]))"));
        ig_tf_bind(l, "rows", ig_tf_v(l, "Size(row)"));
        first = false;
    }
    if (first) return ig_lower_refuse(l, "its partitions are missing");
    ig_tf_bind(l, "natural", ig_tf_v(l, "Concat<axis=0>(sizes, Shape<start=1>(x1))"));
    ig_tf_bind(l, "want",
               ig_tf_rank_of(ig_tf_in(l, 0)) == 0 ? ig_sketch_get(ig_tf_s(l), "natural")
                                                  : ig_tf_v(l, "Where(Less(i64(x0), 0i), natural, i64(x0))"));
    /* What lies beyond a given size is left out. */
    ig_tf_bind(l, "inside", ig_tf_v(l, "Less(index, Slice(want, [0], Shape(sizes)))"));
    ig_tf_bind(l, "keep", ig_tf_v(l, "Cast<to=bool>(ReduceMin<keepdims=0>(Cast<to=int32>(inside), [1]))"));
    return ig_tf_text(l, "y = ScatterND(Expand(x2, want), Compress<axis=0>(index, keep), Compress<axis=0>(x1, keep))");
}

/* Starts, limits, steps. */
ig_status ig_tf_lower_ragged_range(ig_lower *l) {
    ig_dtype splits = ig_tf_attr_dtype(l, "Tsplits");
    bool whole = ig_dtype_is_int(ig_tf_dtype_of(ig_tf_in(l, 0)));
    ig_tf_bind(l, "span", ig_tf_v(l, "Reshape(x1 - x0, [-1])"));
    ig_tf_bind(l, "lengths",
               whole ? ig_tf_v(l, "Max((i64(span) + i64(x2) - i64(Sign(x2))) / i64(x2), 0i)")
                     : ig_tf_v(l, "Max(i64(Ceil(span / x2)), 0i)"));
    spread_rows(l);
    ig_tf_out(l, 0, ig_tf_cast(l, ig_tf_v(l, "Concat<axis=0>([0], ends)"), splits ? splits : IG_I64));
    ig_tf_bind(l, "s", ig_tf_v(l, "Expand(x0, Shape(lengths))"));
    ig_tf_bind(l, "d", ig_tf_v(l, "Expand(x2, Shape(lengths))"));
    ig_tf_out(l, 1, ig_tf_v(l, "Gather(s, row) + CastLike(pos, x0) * Gather(d, row)"));
    return IG_OK;
}

/* Splits, values, indices of rows. */
ig_status ig_tf_lower_ragged_gather(ig_lower *l) {
    ig_dtype splits = ig_tf_dtype_of(ig_tf_in(l, 0));
    if (ig_tf_int_attr(l, "PARAMS_RAGGED_RANK") != 1 || ig_tf_rank_of(ig_tf_in(l, 2)) != 1)
        return ig_lower_refuse(l, "it gathers from several ragged dims");
    ig_tf_bind(l, "old", ig_tf_v(l, "i64(x0)"));
    ig_tf_bind(l, "first", ig_tf_v(l, "Gather(old, x2)"));
    ig_tf_bind(l, "lengths", ig_tf_v(l, "Gather(old, i64(x2) + 1i) - first"));
    spread_rows(l);
    ig_tf_out(l, 0, ig_tf_cast(l, ig_tf_v(l, "Concat<axis=0>([0], ends)"), splits));
    ig_tf_out(l, 1, ig_tf_v(l, "Gather<axis=0>(x1, Gather(first, row) + pos)"));
    return IG_OK;
}

ig_status ig_tf_lower_ragged_to_sparse(ig_lower *l) {
    if (ig_tf_int_attr(l, "RAGGED_RANK") != 1) return ig_lower_refuse(l, "it has several ragged dims");
    ig_tf_bind(l, "splits", ig_tf_v(l, "i64(x0)"));
    ig_tf_bind(l, "lengths", ig_tf_v(l, "Slice(splits, [1], [9223372036854775807]) - Slice(splits, [0], [-1])"));
    spread_rows(l);
    return ig_tf_text(l, "y0 = Concat<axis=1>(Unsqueeze(row, [1]), Unsqueeze(pos, [1])); y1 = Identity(x1);"
                         "y2 = Concat<axis=0>(Shape(lengths), ReduceMax<keepdims=1>(Concat<axis=0>(lengths, [0]), [0]))");
}

/* ---------------------------------------------------------------------------------------------------------------- sparse */

/* Indices (one for each value, or none for a single value), shape, values (one for each or for all), filling. */
ig_status ig_tf_lower_sparse_to_dense(ig_lower *l) {
    int rank = ig_tf_rank_of(ig_tf_in(l, 0));
    if (rank < 0) return ig_lower_refuse(l, "the rank of input 0 is unknown");
    ig_tf_bind(l, "i", ig_tf_v(l, rank == 2 ? "i64(x0)" : "Reshape(i64(x0), [-1, 1])"));
    return ig_tf_text(l, "y = ScatterND(Expand(x3, i64(x1)), i, Expand(x2, Shape<end=1>(i)))");
}

/* Indices, values, shape of a sparse matrix; a dense one. */
ig_status ig_tf_lower_sparse_mat_mul(ig_lower *l) {
    ig_tf_bind(l, "a", ig_tf_v(l, "ScatterND<reduction='add'>(Expand(CastLike(0, x1), i64(x2)), i64(x0), x1)"));
    ig_tf_bind(l, "b", ig_tf_in(l, 3));
    if (ig_tf_int_attr(l, "adjoint_a")) ig_tf_bind(l, "a", ig_tf_v(l, "Transpose<perm=[1, 0]>(a)"));
    if (ig_tf_int_attr(l, "adjoint_b")) ig_tf_bind(l, "b", ig_tf_v(l, "Transpose<perm=[1, 0]>(b)"));
    return ig_tf_text(l, "y = MatMul(a, b)");
}

/* For a shape "s": how many elements each step of a dim is worth, "steps". */
static void bind_steps(ig_lower *l) {
    ig_tf_need_opset(l, 26);
    ig_tf_bind(l, "steps", ig_tf_v(l, "CumProd<exclusive=1, reverse=1>(s, 0i)"));
}

/* Indices, values, shape: in the order of memory. */
ig_status ig_tf_lower_sparse_reorder(ig_lower *l) {
    ig_tf_bind(l, "s", ig_tf_i64(l, ig_tf_in(l, 2)));
    bind_steps(l);
    ig_tf_bind(l, "at", ig_tf_v(l, "ReduceSum<keepdims=0>(i64(x0) * steps, [1])"));
    ig_value *in[] = {ig_sketch_get(ig_tf_s(l), "at"), ig_tf_v(l, "Shape(at)")};
    ig_tf_bind(l, "order", ig_tf_nth(ig_sketch_node(ig_tf_s(l), NULL, "TopK", "axis=0, largest=0", in, 2, 2), 1));
    return ig_tf_text(l, "y0 = Gather<axis=0>(x0, order); y1 = Gather<axis=0>(x1, order)");
}

/* Indices, shape, new shape (one size may be -1). */
ig_status ig_tf_lower_sparse_reshape(ig_lower *l) {
    ig_tf_bind(l, "s", ig_tf_i64(l, ig_tf_in(l, 1)));
    bind_steps(l);
    ig_tf_bind(l, "at", ig_tf_v(l, "ReduceSum<keepdims=1>(i64(x0) * steps, [1])"));
    ig_tf_bind(l, "all", ig_tf_v(l, "ReduceProd<keepdims=0>(s)"));
    ig_tf_bind(l, "n", ig_tf_i64(l, ig_tf_in(l, 2)));
    ig_tf_bind(l, "left", ig_tf_v(l, "all / Max(Abs(ReduceProd<keepdims=0>(n)), 1i)"));
    ig_tf_bind(l, "s", ig_tf_v(l, "Where(Less(n, 0i), left, n)"));
    bind_steps(l);
    return ig_tf_text(l, "y0 = Mod(at / steps, s); y1 = Identity(s)");
}

/* Indices [n, rank], values, shape, filling: a value for each row that has none; which rows that were; where the old ones are.
 */
ig_status ig_tf_lower_sparse_fill(ig_lower *l) {
    int64_t rank = ig_tf_dim_of(ig_tf_in(l, 0), 1);
    if (rank < 1) return ig_lower_refuse(l, "the rank of the sparse tensor is unknown");
    ig_tf_bind(l, "rows", ig_tf_v(l, "Gather(i64(x2), 0i)"));
    ig_tf_bind(l, "own", ig_tf_v(l, "Squeeze(Slice(i64(x0), [0], [1], [1]), [1])"));
    ig_tf_bind(
        l, "count",
        ig_tf_v(l, "ScatterND<reduction='add'>(Expand(0i, Reshape(rows, [1])), Unsqueeze(own, [1]), Expand(1i, Shape(own)))"));
    ig_tf_bind(l, "empty", ig_tf_v(l, "Equal(count, 0i)"));
    ig_tf_bind(l, "new", ig_tf_v(l, "Reshape(NonZero(empty), [-1])"));
    ig_tf_bind(l, "more", ig_tf_v(l, "Pad(Unsqueeze(new, [1]), [0, 0, 0, %lld])", (long long)rank - 1));
    ig_tf_bind(l, "index", ig_tf_v(l, "Concat<axis=0>(i64(x0), more)"));
    ig_tf_bind(l, "values", ig_tf_v(l, "Concat<axis=0>(x1, Expand(x3, Shape(new)))"));
    ig_tf_bind(l, "lead", ig_tf_v(l, "Concat<axis=0>(own, new)"));
    /* By row, and within a row as it was. */
    ig_tf_bind(l, "rank", ig_tf_v(l, "lead * Size(lead) + Range(0i, Size(lead), 1i)"));
    ig_value *in[] = {ig_sketch_get(ig_tf_s(l), "rank"), ig_tf_v(l, "Shape(lead)")};
    ig_tf_bind(l, "order", ig_tf_nth(ig_sketch_node(ig_tf_s(l), NULL, "TopK", "axis=0, largest=0", in, 2, 2), 1));
    return ig_tf_text(l, "y0 = Gather<axis=0>(index, order); y1 = Gather<axis=0>(values, order); y2 = Identity(empty);"
                         "y3 = Slice(ScatterElements<axis=0>(order, order, Range(0i, Size(order), 1i)), [0], Shape(own))");
}
