/* Complex numbers and random ones. A complex tensor becomes a float tensor of its shape with a last dim of two, the real and
 * the imaginary part: a pair. What only moves elements, and sums, is lowered once for each part. */
#include "formats/tflite/rules.h"

static ig_value *out_of(const ig_lower *l, uint32_t o) { return o < l->node->n_out ? l->node->out[o] : NULL; }

bool ig_tfl_is_pair(const ig_lower *l, const ig_value *v) {
    return v && ig_map_get(&ig_tfl_state_of(l)->pairs, IG_KEY(v)) != NULL;
}

/* `y` has the parts of the node's output o. */
static ig_status out_pair(ig_lower *l, uint32_t o, ig_value *y) {
    const ig_value *out = out_of(l, o);
    ig_shape shape = ig_type_shape(out ? out->type : NULL);
    if (!out || !y) return IG_OK;
    bool ranked = shape.rank >= 0 && shape.rank < IG_MAX_RANK;
    if (ranked) shape.dims[shape.rank++] = ig_dim_of(2);
    y->type = ig_type_tensor(&l->model->arena, IG_F32, ranked ? &shape : NULL);
    if (!y->type || !ig_map_set(&ig_tfl_state_of(l)->pairs, IG_KEY(y), y)) return ig_oom(l->err);
    ig_lower_out(l, o, y);
    return IG_OK;
}

static ig_value *join(ig_lower *l, ig_value *re, ig_value *im) {
    return ig_tfl_concat(l, (ig_value *[]){ig_tfl_unsqueeze(l, re, -1), ig_tfl_unsqueeze(l, im, -1)}, 2, -1);
}

/* Part 0 or 1 of a pair, with its type. */
static ig_value *part_of(ig_lower *l, ig_value *pair, int64_t part) {
    ig_shape shape = ig_type_shape(pair->type);
    ig_value *y = IG_BUILD(&l->b, "Gather", pair, ig_build_i64(&l->b, part));
    ig_build_int(&l->b, "axis", -1);
    if (shape.rank > 0) shape.rank--;
    if (y && !(y->type = ig_type_tensor(&l->model->arena, IG_F32, shape.rank >= 0 ? &shape : NULL))) l->b.failed = true;
    return y;
}

/* The node again, for one part; its output is still to be lowered. */
static ig_value *again(ig_lower *l, int64_t part) {
    const ig_node *from = l->node;
    ig_value *in[IG_TFL_PAIR_INPUTS];
    for (uint32_t i = 0; i < from->n_in; i++)
        in[i] = ig_tfl_is_pair(l, from->in[i]) ? part_of(l, from->in[i], part) : from->in[i];
    ig_node *n = ig_build_node(&l->b, IG_TFL_DOMAIN, from->op, in, from->n_in, 1);
    for (const ig_attr *a = from->attrs; n && a; a = a->next)
        if (!ig_attr_put(n, a)) l->b.failed = true;
    if (!n) return NULL;
    ig_shape shape = ig_type_shape(from->out[0]->type);
    n->out[0]->type = ig_type_tensor(&l->model->arena, IG_F32, shape.rank >= 0 ? &shape : NULL);
    if (!n->out[0]->type) l->b.failed = true;
    return n->out[0];
}

static ig_status by_parts(ig_lower *l) {
    ig_value *re = again(l, 0), *im = again(l, 1), *y = join(l, re, im);
    if (l->b.failed || !y) return ig_oom(l->err);
    IG_TRY(out_pair(l, 0, y));
    return ig_lower_range(l, re->producer, l->node);
}

static ig_status product(ig_lower *l) {
    ig_build *b = &l->b;
    ig_value *x = ig_lower_in(l, 0), *y = ig_lower_in(l, 1);
    if (!ig_tfl_is_pair(l, x) || !ig_tfl_is_pair(l, y)) return ig_lower_refuse(l, "one of its factors is not complex");
    ig_value *a = part_of(l, x, 0), *c = part_of(l, x, 1), *d = part_of(l, y, 0), *e = part_of(l, y, 1);
    ig_value *re = IG_BUILD(b, "Sub", IG_BUILD(b, "Mul", a, d), IG_BUILD(b, "Mul", c, e));
    ig_value *im = IG_BUILD(b, "Add", IG_BUILD(b, "Mul", a, e), IG_BUILD(b, "Mul", c, d));
    return out_pair(l, 0, join(l, re, im));
}

ig_status ig_tfl_lower_pair(ig_lower *l) {
    static const char *const each[] = {"ADD",     "BROADCAST_TO",  "CONCATENATION", "EXPAND_DIMS", "GATHER",
                                       "NEG",     "PACK",          "RESHAPE",       "REVERSE_V2",  "SLICE",
                                       "SQUEEZE", "STRIDED_SLICE", "SUB",           "TILE",        "TRANSPOSE"};
    const char *op = l->node->op;
    if (strcmp(op, "MUL") == 0) return product(l);
    if (strcmp(op, "CAST") == 0) {
        ig_tfl_out_cast(l, 0, part_of(l, ig_lower_in(l, 0), 0));
        return IG_OK;
    }
    for (size_t i = 0; i < IG_COUNT_OF(each); i++)
        if (strcmp(op, each[i]) == 0 && l->node->n_in <= IG_TFL_PAIR_INPUTS && out_of(l, 0)) return by_parts(l);
    return ig_lower_refuse(l, "it has complex numbers");
}

ig_status ig_tfl_to_pair(ig_lower *l, ig_value *x) {
    ig_value *re = ig_build_cast(&l->b, x, IG_F32);
    return out_pair(l, 0, join(l, re, IG_BUILD(&l->b, "Mul", re, ig_build_f32(&l->b, 0))));
}

/* Along the last dim, of which only the first half comes out, then along the one before. */
ig_status ig_tfl_lower_rfft2d(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *length = ig_tfl_i64(l, ig_lower_in(l, 1));
    int rank = ig_tfl_rank(x);
    if (rank < 2) return ig_lower_refuse(l, "the rank of its input is not known");
    ig_value *columns = ig_tfl_squeeze(l, ig_tfl_slice(l, length, 0, 1, 2), 0),
             *rows = ig_tfl_squeeze(l, ig_tfl_slice(l, length, 0, 0, 1), 0);
    ig_value *y = IG_BUILD(&l->b, "DFT", ig_tfl_unsqueeze(l, x, rank), columns, ig_build_i64(&l->b, rank - 1));
    ig_build_int(&l->b, "onesided", 1);
    return out_pair(l, 0, IG_BUILD(&l->b, "DFT", y, rows, ig_build_i64(&l->b, rank - 2)));
}

/* rule->arg: 0 the real part, 1 the imaginary one, 2 the length. */
ig_status ig_tfl_lower_complex_part(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0);
    if (!ig_tfl_is_pair(l, x)) return ig_lower_refuse(l, "its complex numbers don't come from RFFT2D");
    ig_tfl_out(
        l, 0, l->rule->arg == 2 ? IG_TFL_OP(l, "ReduceL2", "keepdims=0", x, ig_tfl_ints1(l, -1)) : part_of(l, x, l->rule->arg));
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
