/* Random numbers. Those with a state outside the graph are not TensorFlow's, but of the same distribution; stateless ones are
 * computed as TensorFlow does. */
#include "formats/tensorflow/rules.h"

static const char *seed_of(ig_lower *l) {
    uint64_t n = ig_tf_next_random(l);
    int64_t a = ig_tf_int_attr(l, "seed"), b = ig_tf_int_attr(l, "seed2");
    if (!a && !b) return "";
    uint64_t seed = ((uint64_t)a * 1000003 + (uint64_t)b + n) % 16777213;
    const char *text = ig_arena_printf(&ig_tf_s(l)->arena, ", seed=%llu.0", (unsigned long long)seed);
    return text ? text : "";
}

/* A text with a random tensor of shape "s". */
static ig_value *draw(ig_lower *l, const char *op, const char *attributes) {
    return ig_tf_v(l, "%s<dtype=float%s%s>(Expand(Cast<to=float>(0i), s))", op, attributes, seed_of(l));
}

/* Shape; rule->to: the distribution. With arg 1 also means, deviations and the ends of the range. */
ig_status ig_tf_lower_random(ig_lower *l) {
    ig_dtype out = ig_tf_attr_dtype(l, "dtype");
    const char *how = l->rule->to;
    ig_tf_bind(l, "s", ig_tf_i64(l, ig_tf_in(l, 0)));
    ig_tf_s(l)->principal = NULL;
    if (ig_tf_rule_arg(l) == 1) return ig_lower_refuse(l, "its range is computed");
    if (strcmp(how, "normal") == 0) {
        ig_tf_out(l, 0, ig_tf_cast(l, draw(l, "RandomNormalLike", ""), out));
    } else if (strcmp(how, "uniform") == 0) {
        ig_tf_out(l, 0, ig_tf_cast(l, draw(l, "RandomUniformLike", ""), out));
    } else if (strcmp(how, "int") == 0) {
        ig_tf_bind(l, "u", draw(l, "RandomUniformLike", ""));
        ig_tf_bind(l, "lo", ig_tf_v(l, "Cast<to=double>(x1)"));
        ig_tf_bind(l, "r", ig_tf_v(l, "Floor(lo + Cast<to=double>(u) * (Cast<to=double>(x2) - lo))"));
        ig_tf_out(l, 0, ig_tf_v(l, "CastLike(r, x1)"));
    } else { /* normal within two deviations: the inverse of the distribution of evenly spread numbers */
        ig_tf_bind(l, "u", draw(l, "RandomUniformLike", ", low=-0.9544997, high=0.9544997"));
        ig_tf_bind(l, "w", ig_tf_v(l, "-Log((1 - u) * (1 + u)) - 2.5"));
        ig_tf_bind(
            l, "p",
            ig_tf_v(l, "1.50140941 + w * (0.246640727 + w * (-0.00417768164 + w * (-0.00125372503 + w * (0.00021858087 + w *"
                       " (-4.39150654e-06 + w * (-3.5233877e-06 + w * (3.43273939e-07 + w * 2.81022636e-08)))))))"));
        ig_tf_out(l, 0, ig_tf_cast(l, ig_tf_v(l, "p * u * 1.41421356"), out));
    }
    return IG_OK;
}

ig_status ig_tf_lower_random_shuffle(ig_lower *l) {
    ig_tf_bind(l, "s", ig_tf_v(l, "Shape<end=1>(x)"));
    ig_value *in[] = {draw(l, "RandomUniformLike", ""), ig_sketch_get(ig_tf_s(l), "s")};
    ig_tf_bind(l, "order", ig_tf_nth(ig_sketch_node(ig_tf_s(l), NULL, "TopK", "axis=0", in, 2, 2), 1));
    return ig_tf_text(l, "y = Gather<axis=0>(x, order)");
}

ig_status ig_tf_lower_multinomial(ig_lower *l) {
    int64_t n;
    ig_dtype out = ig_tf_attr_dtype(l, "output_dtype");
    if (!ig_tf_int(l, ig_tf_in(l, 1), &n)) return ig_lower_refuse(l, "its number of samples is computed");
    ig_value *y = ig_tf_v(l, "Multinomial<sample_size=%lld, dtype=%d>(Cast<to=float>(x0))", (long long)n,
                          out == IG_I32 ? IG_I32 : IG_I64);
    ig_tf_out(l, 0, y);
    return IG_OK;
}

/* --------------------------------------------------------------------------------------------------------------- Philox */

/* Salmon and others, "Parallel random numbers: as easy as 1, 2, 3" (2011): ten rounds over four words of 32 bits, here each in
 * a uint64 tensor. Takes "c0" … "c3" and the key "k0", "k1", and leaves the result in the former. */
static void philox(ig_lower *l) {
    ig_tf_bind(l, "half", ig_tf_v(l, "Cast<to=uint64>(32i)"));
    ig_tf_bind(l, "low", ig_tf_v(l, "Cast<to=uint64>(4294967295i)"));
    ig_tf_bind(l, "m0", ig_tf_v(l, "Cast<to=uint64>(3528531795i)"));
    ig_tf_bind(l, "m1", ig_tf_v(l, "Cast<to=uint64>(3449720151i)"));
    ig_tf_bind(l, "w0", ig_tf_v(l, "Cast<to=uint64>(2654435769i)"));
    ig_tf_bind(l, "w1", ig_tf_v(l, "Cast<to=uint64>(3144134277i)"));
    for (int round = 0; round < 10; round++) {
        ig_tf_bind(l, "p0", ig_tf_v(l, "c0 * m0"));
        ig_tf_bind(l, "p1", ig_tf_v(l, "c2 * m1"));
        ig_tf_bind(l, "c0", ig_tf_v(l, "BitwiseXor(BitwiseXor(BitShift<direction='RIGHT'>(p1, half), c1), k0)"));
        ig_tf_bind(l, "c2", ig_tf_v(l, "BitwiseXor(BitwiseXor(BitShift<direction='RIGHT'>(p0, half), c3), k1)"));
        ig_tf_bind(l, "c1", ig_tf_v(l, "BitwiseAnd(p1, low)"));
        ig_tf_bind(l, "c3", ig_tf_v(l, "BitwiseAnd(p0, low)"));
        ig_tf_bind(l, "k0", ig_tf_v(l, "BitwiseAnd(k0 + w0, low)"));
        ig_tf_bind(l, "k1", ig_tf_v(l, "BitwiseAnd(k1 + w1, low)"));
    }
}

/* The low and the high half of uint64 "name", as "<out>0" and "<out>1". */
static void halves(ig_lower *l, const char *value, const char *low, const char *high) {
    ig_tf_bind(l, "whole", ig_tf_v(l, "%s", value));
    ig_tf_bind(l, low, ig_tf_v(l, "BitwiseAnd(whole, Cast<to=uint64>(4294967295i))"));
    ig_tf_bind(l, high, ig_tf_v(l, "BitShift<direction='RIGHT'>(whole, Cast<to=uint64>(32i))"));
}

/* A seed is mixed once with a fixed key, so that any two seeds are as good as random ones. Key "k0", "k1" and counter "c0" … */
static void mix_seed(ig_lower *l, const char *seed) {
    char part[64];
    snprintf(part, sizeof part, "Cast<to=uint64>(Gather(%s, 0i))", seed);
    halves(l, part, "c0", "c1");
    snprintf(part, sizeof part, "Cast<to=uint64>(Gather(%s, 1i))", seed);
    halves(l, part, "c2", "c3");
    ig_tf_bind(l, "k0", ig_tf_v(l, "Cast<to=uint64>(1053357856i)"));
    ig_tf_bind(l, "k1", ig_tf_v(l, "Cast<to=uint64>(38149673i)"));
    philox(l);
    ig_tf_bind(l, "k0", ig_sketch_get(ig_tf_s(l), "c0"));
    ig_tf_bind(l, "k1", ig_sketch_get(ig_tf_s(l), "c1"));
    ig_tf_bind(l, "c0", ig_tf_v(l, "Cast<to=uint64>(0i)"));
    ig_tf_bind(l, "c1", ig_tf_v(l, "Cast<to=uint64>(0i)"));
}

ig_status ig_tf_lower_random_algorithm(ig_lower *l) {
    ig_tf_out(l, 0, ig_tf_scalar(l, IG_I32, 1));
    return IG_OK;
}

ig_status ig_tf_lower_random_key(ig_lower *l) {
    mix_seed(l, "x0");
    ig_tf_bind(l, "shift", ig_tf_v(l, "Cast<to=uint64>(32i)"));
    return ig_tf_text(l, "y0 = Reshape(k0 + BitShift<direction='LEFT'>(k1, shift), [1]);"
                         "y1 = Concat<axis=0>(Reshape(c0, [1]), Reshape(c2 + BitShift<direction='LEFT'>(c3, shift), [1]))");
}

/* Shape, seed; or shape, key, counter, algorithm. Four numbers from each count. */
ig_status ig_tf_lower_stateless_random(ig_lower *l) {
    ig_dtype out = ig_tf_attr_dtype(l, "dtype");
    if (out && out != IG_F32) return ig_lower_refuse(l, "its element type isn't float");
    if (strcmp(l->rule->to, "seed") == 0) {
        mix_seed(l, "x1");
    } else {
        halves(l, "Gather(x1, 0i)", "k0", "k1");
        halves(l, "Gather(x2, 0i)", "c0", "c1");
        halves(l, "Gather(x2, 1i)", "c2", "c3");
    }
    ig_tf_bind(l, "s", ig_tf_i64(l, ig_tf_in(l, 0)));
    ig_tf_bind(l, "n", ig_tf_v(l, "ReduceProd<keepdims=0>(s)"));
    ig_tf_bind(l, "count", ig_tf_v(l, "Cast<to=uint64>(Range(0i, (n + 3i) / 4i, 1i))"));
    ig_tf_bind(l, "first", ig_tf_v(l, "c0 + count"));
    ig_tf_bind(l, "zero", ig_tf_v(l, "count - count"));
    ig_tf_bind(l, "c0", ig_tf_v(l, "BitwiseAnd(first, Cast<to=uint64>(4294967295i))"));
    ig_tf_bind(l, "c1", ig_tf_v(l, "c1 + BitShift<direction='RIGHT'>(first, Cast<to=uint64>(32i))"));
    ig_tf_bind(l, "c2", ig_tf_v(l, "c2 + zero"));
    ig_tf_bind(l, "c3", ig_tf_v(l, "c3 + zero"));
    philox(l);
    ig_tf_s(l)->principal = NULL;
    return ig_tf_text(l, "all = Concat<axis=1>(Unsqueeze(c0, [1]), Unsqueeze(c1, [1]), Unsqueeze(c2, [1]), Unsqueeze(c3, [1]));"
                         "bits = BitwiseAnd(Slice(Reshape(all, [-1]), [0], Reshape(n, [1])), Cast<to=uint64>(8388607i));"
                         "y = Reshape(Cast<to=float>(bits) * 1.1920928955078125e-07, s)");
}
