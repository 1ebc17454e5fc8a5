/* Complex numbers and random ones. A spectrum is a float tensor with real and imaginary part in a dim of its own, which is
 * possible as long as only operators read it that take it apart. */
#include "formats/tflite/rules.h"

static ig_value *out_of(const ig_lower *l, uint32_t o) { return o < l->node->n_out ? l->node->out[o] : NULL; }

static bool takes_apart(const ig_value *v) {
    static const char *const ops[] = {"REAL", "IMAG", "COMPLEX_ABS"};
    for (const ig_use *u = v->uses; u; u = u->next) {
        bool known = false;
        for (size_t i = 0; u->node && i < IG_COUNT_OF(ops); i++) known |= strcmp(u->node->op, ops[i]) == 0;
        if (!known) return false;
    }
    return true;
}

/* Along the last dim, of which only the first half comes out, then along the one before. */
ig_status ig_tfl_lower_rfft2d(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *length = ig_tfl_i64(l, ig_lower_in(l, 1)), *out = out_of(l, 0);
    int rank = ig_tfl_rank(x);
    if (rank < 2) return ig_lower_refuse(l, "the rank of its input is not known");
    if (!out || !takes_apart(out))
        return ig_lower_refuse(l, "its complex result is read by other operators than REAL, IMAG and COMPLEX_ABS");
    ig_value *columns = ig_tfl_squeeze(l, ig_tfl_slice(l, length, 0, 1, 2), 0),
             *rows = ig_tfl_squeeze(l, ig_tfl_slice(l, length, 0, 0, 1), 0);
    ig_value *y = IG_BUILD(&l->b, "DFT", ig_tfl_unsqueeze(l, x, rank), columns, ig_build_i64(&l->b, rank - 1));
    ig_build_int(&l->b, "onesided", 1);
    y = IG_BUILD(&l->b, "DFT", y, rows, ig_build_i64(&l->b, rank - 2));
    ig_shape shape = {.rank = rank + 1};
    for (int i = 0; i <= rank; i++) shape.dims[i] = i == rank ? ig_dim_of(2) : ig_dim_unknown();
    if (y && !(y->type = ig_type_tensor(&l->model->arena, IG_F32, &shape))) l->b.failed = true;
    ig_lower_out(l, 0, y);
    return IG_OK;
}

/* rule->arg: 0 the real part, 1 the imaginary one, 2 the length. */
ig_status ig_tfl_lower_complex_part(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *y;
    if (!ig_tfl_is_float(x)) return ig_lower_refuse(l, "its complex numbers don't come from RFFT2D");
    if (l->rule->arg == 2) {
        y = IG_TFL_OP(l, "ReduceL2", "keepdims=0", x, ig_tfl_ints1(l, -1));
    } else {
        y = IG_BUILD(&l->b, "Gather", x, ig_build_i64(&l->b, l->rule->arg));
        ig_build_int(&l->b, "axis", -1);
    }
    ig_tfl_out(l, 0, y);
    return IG_OK;
}

/* rule->to: RandomNormalLike or RandomUniformLike. The numbers are not TensorFlow's. */
ig_status ig_tfl_lower_random(ig_lower *l) {
    ig_value *shape = ig_tfl_i64(l, ig_lower_in(l, 0));
    ig_value *y = IG_BUILD(&l->b, l->rule->to, ig_tfl_filled(l, shape, IG_F32, 0));
    int64_t seed = ig_tfl_attr(l, "seed"), seed2 = ig_tfl_attr(l, "seed2");
    if (seed || seed2) ig_build_float(&l->b, "seed", (float)(seed * 1000003 % 16777213 + seed2 % 65536));
    ig_tfl_out(l, 0, y);
    return IG_OK;
}

ig_status ig_tfl_lower_multinomial(ig_lower *l) {
    int64_t n;
    size_t count;
    if (!ig_tfl_ints(l, ig_lower_in(l, 1), &n, 1, &count) || count != 1)
        return ig_lower_refuse(l, "its number of samples is computed by the model");
    ig_value *y = IG_BUILD(&l->b, "Multinomial", ig_lower_in(l, 0));
    ig_build_int(&l->b, "sample_size", n);
    ig_build_int(&l->b, "dtype", IG_I64 == ig_tfl_type(out_of(l, 0)) ? IG_I64 : IG_I32);
    ig_tfl_out_cast(l, 0, y);
    return IG_OK;
}
