/* Diagonals and bands of matrices. All by index arithmetic on grids of rows and columns: the diagonal of an element is its
 * column minus its row. */
#include "formats/tensorflow/rules.h"

ig_status ig_tf_lower_band_part(ig_lower *l) {
    int64_t below, above;
    bool known = ig_tf_int(l, ig_tf_in(l, 1), &below) && ig_tf_int(l, ig_tf_in(l, 2), &above);
    if (known && below < 0 && above == 0) return ig_tf_text(l, "y = Trilu<upper=0>(x0)");
    if (known && above < 0 && below == 0) return ig_tf_text(l, "y = Trilu<upper=1>(x0)");
    return ig_tf_text(
        l, "s = Shape(x0); r = Unsqueeze(Range(0i, Gather(s, -2i), 1i), [1]); c = Range(0i, Gather(s, -1i), 1i);"
           "b = i64(x1); a = i64(x2); in = And(Or(Less(b, 0i), LessOrEqual(r - c, b)), Or(Less(a, 0i), LessOrEqual(c - r, a)));"
           "y = Where(in, x0, CastLike(0, x0))");
}

/* ------------------------------------------------------------------------------------------------------------ diagonals */

/* Which diagonals, and at which end the shorter ones are filled up. */
typedef struct band {
    int64_t low, high;
    bool one; /* a single diagonal, without a dim of its own */
    bool above_right, below_right;
} band;

static ig_status read_band(ig_lower *l, uint32_t input, band *b) {
    int64_t k[2];
    size_t n;
    *b = (band){.one = true};
    if (input < ig_tf_count_in(l)) {
        IG_TRY(ig_tf_need_ints(l, input, k, 2, &n));
        if (n == 0) return ig_lower_refuse(l, "it has no diagonals");
        b->low = k[0];
        b->high = k[n - 1];
        b->one = b->low == b->high;
    }
    ig_str align = ig_attr_str(l->node, "align"); /* for the diagonals above, then for those below; version 2 has none */
    b->above_right = ig_str_starts(align, "RIGHT");
    b->below_right = align.n >= 5 && memcmp(align.s + align.n - 5, "RIGHT", 5) == 0;
    if (b->low > b->high || b->high - b->low > 1 << 20) return ig_lower_refuse(l, "its diagonals are out of order");
    return IG_OK;
}

/* Of the matrix with `rows` and `cols` (int64 scalars): "most", the length of the longest diagonal. */
static void bind_most(ig_lower *l, const band *b) {
    ig_tf_bind(l, "most",
               ig_tf_v(l, "Min(rows + %lldi, cols - %lldi)", (long long)(b->high < 0 ? b->high : 0),
                       (long long)(b->low > 0 ? b->low : 0)));
}

/* For diagonals "d": how far their entries are moved to the right, "shift". */
static void bind_shift(ig_lower *l, const band *b) {
    ig_tf_bind(l, "length", ig_tf_v(l, "Min(rows + Min(d, 0i), cols - Max(d, 0i))"));
    ig_tf_bind(l, "gap", ig_tf_v(l, "most - length"));
    ig_tf_bind(l, "none", ig_tf_v(l, "gap - gap"));
    ig_tf_bind(
        l, "shift",
        ig_tf_v(l, "Where(GreaterOrEqual(d, 0i), %s, %s)", b->above_right ? "gap" : "none", b->below_right ? "gap" : "none"));
}

/* Entries of "diagonal" spread over a matrix of "rows" and "cols": "spread", and where there are any: "inside". */
static void bind_spread(ig_lower *l, const band *b) {
    bind_most(l, b);
    ig_tf_bind(l, "r", ig_tf_v(l, "Unsqueeze(Range(0i, rows, 1i), [1])"));
    ig_tf_bind(l, "c", ig_tf_v(l, "Unsqueeze(Range(0i, cols, 1i), [0])"));
    ig_tf_bind(l, "d", ig_tf_v(l, "c - r"));
    bind_shift(l, b);
    ig_tf_bind(l, "inside",
               ig_tf_v(l, "And(GreaterOrEqual(d, %lldi), LessOrEqual(d, %lldi))", (long long)b->low, (long long)b->high));
    ig_tf_bind(l, "place", ig_tf_v(l, "Where(inside, (%lldi - d) * most + Min(r, c) + shift, none)", (long long)b->high));
    if (!b->one) ig_tf_bind(l, "diagonal", ig_tf_v(l, "Reshape(diagonal, Concat<axis=0>(Shape<end=-2>(diagonal), [-1]))"));
    ig_tf_bind(l, "spread", ig_tf_v(l, "Gather<axis=-1>(diagonal, place)"));
}

static bool is_given(ig_lower *l, uint32_t i) {
    int64_t n;
    return i < ig_tf_count_in(l) && !(ig_tf_int(l, ig_tf_in(l, i), &n) && n < 0);
}

/* Diagonal; then k, rows, columns, padding. */
ig_status ig_tf_lower_matrix_diag(ig_lower *l) {
    band b;
    IG_TRY(read_band(l, 1, &b));
    ig_tf_bind(l, "diagonal", ig_tf_in(l, 0));
    long long down = (long long)(b.high < 0 ? -b.high : 0), right = (long long)(b.low > 0 ? b.low : 0);
    bool rows = is_given(l, 2), cols = is_given(l, 3);
    ig_tf_bind(l, "n", ig_tf_v(l, "Gather(Shape(x0), -1i)"));
    /* What isn't given is as small as the diagonal allows, or square. */
    if (rows) ig_tf_bind(l, "rows", ig_tf_i64(l, ig_tf_in(l, 2)));
    if (cols) ig_tf_bind(l, "cols", ig_tf_i64(l, ig_tf_in(l, 3)));
    if (!rows && !cols) {
        ig_tf_bind(l, "rows", ig_tf_v(l, "n + %lldi", down > right ? down : right));
        ig_tf_bind(l, "cols", ig_sketch_get(ig_tf_s(l), "rows"));
    } else if (!rows) {
        ig_tf_bind(l, "rows", ig_tf_v(l, "n + %lldi", down));
    } else if (!cols) {
        ig_tf_bind(l, "cols", ig_tf_v(l, "n + %lldi", right));
    }
    bind_spread(l, &b);
    ig_tf_bind(l, "filling", ig_tf_count_in(l) > 4 ? ig_tf_in(l, 4) : ig_tf_scalar(l, ig_tf_dtype_of(ig_tf_in(l, 0)), 0));
    return ig_tf_text(l, "y = Where(inside, spread, filling)");
}

/* Matrix, diagonal, k. */
ig_status ig_tf_lower_matrix_set_diag(ig_lower *l) {
    band b;
    IG_TRY(read_band(l, 2, &b));
    ig_tf_bind(l, "diagonal", ig_tf_in(l, 1));
    ig_tf_bind(l, "rows", ig_tf_v(l, "Gather(Shape(x0), -2i)"));
    ig_tf_bind(l, "cols", ig_tf_v(l, "Gather(Shape(x0), -1i)"));
    bind_spread(l, &b);
    return ig_tf_text(l, "y = Where(inside, spread, x0)");
}

/* Matrix, k, padding. */
ig_status ig_tf_lower_matrix_diag_part(ig_lower *l) {
    band b;
    IG_TRY(read_band(l, 1, &b));
    ig_tf_bind(l, "rows", ig_tf_v(l, "Gather(Shape(x0), -2i)"));
    ig_tf_bind(l, "cols", ig_tf_v(l, "Gather(Shape(x0), -1i)"));
    bind_most(l, &b);
    ig_tf_bind(
        l, "d",
        ig_tf_v(l, b.one ? "%lldi" : "Unsqueeze(Range(%lldi, %lldi, -1i), [1])", (long long)b.high, (long long)b.low - 1));
    bind_shift(l, &b);
    ig_tf_bind(l, "i", ig_tf_v(l, "Range(0i, most, 1i) - shift"));
    ig_tf_bind(l, "inside", ig_tf_v(l, "And(GreaterOrEqual(i, 0i), Less(i, length))"));
    ig_tf_bind(l, "place", ig_tf_v(l, "Where(inside, (i - Min(d, 0i)) * cols + i + Max(d, 0i), i - i)"));
    ig_tf_bind(l, "flat", ig_tf_v(l, "Reshape(x0, Concat<axis=0>(Shape<end=-2>(x0), [-1]))"));
    ig_tf_bind(l, "filling", ig_tf_count_in(l) > 2 ? ig_tf_in(l, 2) : ig_tf_scalar(l, ig_tf_dtype_of(ig_tf_in(l, 0)), 0));
    return ig_tf_text(l, "y = Where(inside, Gather<axis=-1>(flat, place), filling)");
}

/* The entries whose first indices are their last: [n, m, n, m] gives [n, m]. */
ig_status ig_tf_lower_diag_part(ig_lower *l) {
    int rank;
    IG_TRY(ig_tf_need_rank(l, 0, &rank));
    return ig_tf_text(l,
                      "s = Shape<end=%d>(x); n = ReduceProd<keepdims=0>(s); y = Reshape(Gather(Reshape(x, [-1]), Range(0i, n, "
                      "1i) * (n + 1i)), s)",
                      rank / 2);
}
