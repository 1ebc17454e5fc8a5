/* Normalizations by means and variances. */
#include "ops/expand/expand.h"

#include <stdio.h>

static bool is_short_float(const ig_value *v) {
    ig_dtype t = v && v->type ? v->type->dtype : IG_UNDEFINED;
    return t != IG_F32 && t != IG_F64;
}

/* stash_type 1: short floats are computed on as floats. "f" is the input to compute on, which numbers go with from here. */
static void stash(ig_sketch *s, const ig_node *node) {
    bool wanted = ig_attr_int(node, "stash_type") == 1 && is_short_float(ig_sketch_get(s, "x"));
    ig_sketch_bind(s, "f", wanted ? ig_sketch_value(s, "Cast<to=float>(x)") : ig_sketch_get(s, "x"));
    s->principal = ig_sketch_get(s, "f");
}

/* Rows are everything before the axis, columns the axis and what follows: the matrix "n" of "f". */
void ig_expand_layer_norm(ig_sketch *s, const ig_node *node) {
    ig_shape x;
    int64_t axis = ig_attr_int(node, "axis");
    stash(s, node);
    ig_sketch_run(s, "n = Flatten<axis=@axis>(f); m = ReduceMean<keepdims=1>(n, [1]); d = n - m;"
                     "i = 1 / Sqrt(ReduceMean<keepdims=1>(d * d, [1]) + @epsilon);"
                     "z = Reshape(CastLike(d * i, x), Shape(x)) * x1");
    ig_sketch_run(s, ig_sketch_has(s, "x2") ? "y0 = z + x2" : "y0 = z");
    bool statistics = node->n_out > 1;
    if (!statistics) return;
    if (!ig_sketch_shape(s, "x", &x)) {
        ig_sketch_unsupported(s, "mean and deviation are wanted and the rank is unknown");
        return;
    }
    if (axis < 0) axis += x.rank;
    ig_sketch_run(s,
                  "k = Concat<axis=0>(Slice(Shape(x), [0], [%lld]), Expand(1i, [%lld]));"
                  "y1 = Reshape(m, k); y2 = Reshape(i, k)",
                  (long long)axis, (long long)(x.rank - axis));
}

void ig_expand_rms_norm(ig_sketch *s, const ig_node *node) {
    stash(s, node);
    ig_sketch_run(s, "n = Flatten<axis=@axis>(f); i = 1 / Sqrt(ReduceMean<keepdims=1>(n * n, [1]) + @epsilon);"
                     "y = Reshape(CastLike(n * i, x), Shape(x)) * x1");
}

/* "c": per-channel values as [1, C, 1, …], for an input of known rank. */
static bool bind_channel_shape(ig_sketch *s) {
    ig_shape x;
    if (!ig_sketch_shape(s, "x", &x) || x.rank < 2 || x.rank > 16) {
        ig_sketch_unsupported(s, "the rank of the input is unknown or less than 2");
        return false;
    }
    ig_sketch_run(s, "c = Concat<axis=0>([1, -1], Expand(1i, [%d]))", x.rank - 2);
    return true;
}

/* The list of all axes but 1 and, for per-instance statistics, 0. */
static void bind_reduced_axes(ig_sketch *s, bool instance) {
    ig_shape x;
    char text[128] = "";
    ig_sketch_shape(s, "x", &x);
    size_t n = 0;
    for (int i = 0; i < x.rank; i++)
        if (i > 1 || (i == 0 && !instance)) n += (size_t)snprintf(text + n, sizeof text - n, "%d, ", i);
    ig_sketch_bind(s, "a", ig_sketch_value(s, "[%s]", text));
}

void ig_expand_batch_norm(ig_sketch *s, const ig_node *node) {
    if (!bind_channel_shape(s)) return;
    if (ig_attr_int(node, "training_mode")) {
        bind_reduced_axes(s, false);
        ig_sketch_run(s, "m = ReduceMean<keepdims=0>(x, a); e = x - Reshape(m, c); v = ReduceMean<keepdims=0>(e * e, a);"
                         "y1 = CastLike(x3 * CastLike(@momentum, x3) + CastLike(m * (1 - @momentum), x3), x3);"
                         "y2 = CastLike(x4 * CastLike(@momentum, x4) + CastLike(v * (1 - @momentum), x4), x4)");
    } else {
        ig_sketch_run(s, "m = CastLike(x3, x); v = CastLike(x4, x); e = x - Reshape(m, c)");
    }
    ig_sketch_run(s, "y0 = e * Reshape(CastLike(x1, x) / Sqrt(v + @epsilon), c) + Reshape(CastLike(x2, x), c)");
}

void ig_expand_instance_norm(ig_sketch *s, const ig_node *node) {
    IG_UNUSED(node);
    if (!bind_channel_shape(s)) return;
    bind_reduced_axes(s, true);
    ig_sketch_run(s, "e = x - ReduceMean<keepdims=1>(x, a); v = ReduceMean<keepdims=1>(e * e, a);"
                     "y = e / Sqrt(v + @epsilon) * Reshape(x1, c) + Reshape(x2, c)");
}

/* Until version 20 scale and bias are per group, later per channel. */
void ig_expand_group_norm(ig_sketch *s, const ig_node *node) {
    bool per_group = node->schema->since < 21;
    if (!per_group) stash(s, node);
    if (per_group) ig_sketch_bind(s, "f", ig_sketch_get(s, "x"));
    ig_sketch_run(s, "n = Reshape(f, Concat<axis=0>([0], Reshape(@num_groups i, [1]), [-1]));"
                     "e = n - ReduceMean<keepdims=1>(n, [2]); v = ReduceMean<keepdims=1>(e * e, [2]);"
                     "z = CastLike(e / Sqrt(v + @epsilon), x)");
    if (per_group)
        ig_sketch_run(s, "y = Reshape(z * Reshape(x1, [1, -1, 1]) + Reshape(x2, [1, -1, 1]), Shape(x))");
    else if (bind_channel_shape(s))
        ig_sketch_run(s, "y = Reshape(z, Shape(x)) * Reshape(x1, c) + Reshape(x2, c)");
}

/* A vector of zeros stays what it is. */
void ig_expand_lp_norm(ig_sketch *s, const ig_node *node) {
    ig_sketch_run(s, ig_attr_int(node, "p") == 1 ? "t = ReduceSum<keepdims=1>(Abs(x), Reshape(@axis i, [1]))"
                                                 : "t = Sqrt(ReduceSum<keepdims=1>(x * x, Reshape(@axis i, [1])))");
    ig_sketch_run(s, "y = x / Where(Equal(t, 0), 1, t)");
}
