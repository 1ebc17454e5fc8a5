/* Normalization, dropout, softmax, quantization. */
#include "convert/convert.h"

/* ---- BatchNormalization, Dropout: how training is said ---- */

/* Before version 7 `is_test` says it (its default 0 is training), from then on the outputs do: one output is no training.
 * Models for inference left it out all the same, so only a 0 that is written counts. */
static ig_status test_up(ig_adapt *a) {
    const ig_attr *test = ig_attr_find(a->node, "is_test");
    if (test && test->i == 0) return ig_adapt_refuse(a, "is_test = 0 asks for training, which later versions say otherwise");
    ig_attr_remove(a->node, "is_test");
    return IG_OK;
}

static ig_status test_down(ig_adapt *a) {
    if (a->node->n_out > 1 && ig_adapt_out(a, 1) && ig_adapt_out(a, 1)->uses)
        return ig_adapt_refuse(a, "outputs of training can't be said before version 7");
    if (!ig_node_resize(a->node, a->node->n_in, 1)) return ig_oom(a->err);
    return ig_attr_put_int(a->node, "is_test", 1) ? IG_OK : ig_oom(a->err);
}

ig_status ig_adapt_batch_norm_up(ig_adapt *a) { return test_up(a); }
ig_status ig_adapt_batch_norm_down(ig_adapt *a) { return test_down(a); }
ig_status ig_adapt_dropout_up(ig_adapt *a) { return test_up(a); }
ig_status ig_adapt_dropout_down(ig_adapt *a) { return test_down(a); }

static bool is_used(const ig_adapt *a, uint32_t i) { return ig_adapt_out(a, i) && ig_adapt_out(a, i)->uses; }

/* Keeps this many outputs; those behind are of no use to anyone. */
static ig_status drop_outputs(ig_adapt *a, uint32_t n) {
    return a->node->n_out <= n || ig_node_resize(a->node, a->node->n_in, n) ? IG_OK : ig_oom(a->err);
}

/* More than one output was training before version 14; then there is an attribute, and saved_mean and saved_var are gone. */
ig_status ig_adapt_batch_norm_training_up(ig_adapt *a) {
    bool training = false;
    for (uint32_t i = 1; i < a->node->n_out; i++) training |= ig_adapt_out(a, i) != NULL;
    if (is_used(a, 3) || is_used(a, 4))
        return ig_adapt_refuse(a, "its outputs saved_mean and saved_var are used, which are gone");
    IG_TRY(drop_outputs(a, 3));
    return !training || ig_attr_put_int(a->node, "training_mode", 1) ? IG_OK : ig_oom(a->err);
}

ig_status ig_adapt_batch_norm_training_down(ig_adapt *a) {
    bool training = ig_attr_int(a->node, "training_mode") != 0;
    ig_attr_remove(a->node, "training_mode");
    if (!training) return IG_OK;
    if (!ig_node_resize(a->node, a->node->n_in, 5)) return ig_oom(a->err);
    for (uint32_t i = 1; i < 5; i++) {
        if (a->node->out[i]) continue;
        ig_value *v = ig_value_new(a->node->graph, NULL, NULL);
        if (!v) return ig_oom(a->err);
        ig_node_set_output(a->node, i, v);
    }
    return IG_OK;
}

/* The mask has the data's type before version 10, bool from then on. */
ig_status ig_adapt_dropout_mask_up(ig_adapt *a) {
    if (!is_used(a, 1)) return drop_outputs(a, 1);
    ig_dtype dtype = ig_adapt_dtype(ig_adapt_in(a, 0));
    if (dtype == IG_UNDEFINED) return ig_adapt_refuse(a, "the type of its mask, which is used, is not known");
    if (ig_adapt_behind(a, 1, "Cast")) ig_build_int(&a->b, "to", dtype);
    return IG_OK;
}

ig_status ig_adapt_dropout_mask_down(ig_adapt *a) {
    if (!is_used(a, 1)) return drop_outputs(a, 1);
    if (ig_adapt_behind(a, 1, "Cast")) ig_build_int(&a->b, "to", IG_BOOL);
    return IG_OK;
}

ig_status ig_adapt_dropout_training_down(ig_adapt *a) {
    ig_value *mode = ig_adapt_in(a, 2);
    const ig_tensor *t = ig_adapt_content(a, mode);
    if (mode && (!t || t->count != 1 || ig_load_as_i64(t->dtype, t->data, 0) != 0))
        return ig_adapt_refuse(a, "its training_mode has to be constant and false before version 12");
    ig_adapt_set(a, 2, NULL);
    ig_attr_remove(a->node, "seed");
    return IG_OK;
}

/* ---- Softmax and its kin: over all axes from `axis` on before version 13, over one axis from then on ---- */

ig_status ig_adapt_softmax_up(ig_adapt *a) {
    ig_value *x = ig_adapt_in(a, 0);
    const ig_attr *given = ig_attr_find(a->node, "axis");
    int rank = ig_adapt_rank(x);
    if (given && given->ref) return ig_adapt_refuse(a, "its axis is an attribute of the function");
    int64_t axis = ig_attr_int(a->node, "axis");
    if (axis != -1 && rank == IG_UNRANKED) return ig_adapt_refuse(a, "the rank of its input is not known");
    if (axis == -1 || axis == rank - 1) return ig_attr_put_int(a->node, "axis", -1) ? IG_OK : ig_oom(a->err);
    if (axis < 0) axis += rank;
    ig_value *shape = IG_BUILD(&a->b, "Shape", x), *flat = IG_BUILD(&a->b, "Flatten", x);
    ig_build_int(&a->b, "axis", axis);
    ig_value *soft = IG_BUILD(&a->b, a->node->op, flat);
    ig_build_int(&a->b, "axis", -1);
    ig_adapt_give_value(a, 0, IG_BUILD(&a->b, "Reshape", soft, shape));
    ig_adapt_erase(a);
    return IG_OK;
}

ig_status ig_adapt_softmax_down(ig_adapt *a) {
    ig_value *x = ig_adapt_in(a, 0);
    const ig_attr *given = ig_attr_find(a->node, "axis");
    int rank = ig_adapt_rank(x);
    int64_t axis = given ? given->i : -1;
    if (given && given->ref) return ig_adapt_refuse(a, "its axis is an attribute of the function");
    if (axis == -1 || axis == rank - 1) return ig_attr_put_int(a->node, "axis", -1) ? IG_OK : ig_oom(a->err);
    if (rank == IG_UNRANKED) return ig_adapt_refuse(a, "the rank of its input is not known");
    int64_t perm[IG_MAX_RANK];
    for (int i = 0; i < rank; i++) perm[i] = i;
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank) return ig_adapt_refuse(a, "its axis lies outside its input");
    perm[axis] = rank - 1;
    perm[rank - 1] = axis;
    ig_value *turned = IG_BUILD(&a->b, "Transpose", x);
    ig_build_ints(&a->b, "perm", perm, (size_t)rank);
    ig_value *soft = IG_BUILD(&a->b, a->node->op, turned);
    ig_build_int(&a->b, "axis", -1);
    ig_value *back = IG_BUILD(&a->b, "Transpose", soft);
    ig_build_ints(&a->b, "perm", perm, (size_t)rank);
    ig_adapt_give_value(a, 0, back);
    ig_adapt_erase(a);
    return IG_OK;
}

/* ---- normalizations that are new, from older operators ---- */

/* Casts to the type that the numbers are computed in, float32 for anything smaller. */
static ig_value *cast(ig_adapt *a, ig_value *v, ig_dtype from, ig_dtype to) {
    if (from == to || !v) return v;
    ig_value *out = IG_BUILD(&a->b, "Cast", v);
    ig_build_int(&a->b, "to", to);
    return out;
}

/* A reduction keeping its axes; they are an input of ReduceSum and of everything from version 18 on. */
static ig_value *reduce(ig_adapt *a, const char *op, ig_value *v, const int64_t *axes, size_t n) {
    const ig_schema *schema = ig_schema_find("", op, a->version - 1);
    bool input = schema && !ig_schema_attr_find(schema, "axes");
    ig_value *out = input ? IG_BUILD(&a->b, op, v, ig_adapt_i64s(a, axes, n)) : IG_BUILD(&a->b, op, v);
    if (!input) ig_build_ints(&a->b, "axes", axes, n);
    ig_build_int(&a->b, "keepdims", 1);
    return out;
}

/* (x - mean) / sqrt(variance + epsilon) over axes; without mean for RMSNormalization. The optional results of
 * LayerNormalization are outputs 1 and 2. */
ig_status ig_adapt_layer_norm_down(ig_adapt *a) {
    ig_build *b = &a->b;
    ig_value *x = ig_adapt_in(a, 0);
    int rank = ig_adapt_rank(x);
    bool centred = strcmp(a->node->op, "LayerNormalization") == 0;
    ig_dtype dtype = ig_adapt_dtype(x), stash = (ig_dtype)ig_attr_int(a->node, "stash_type");
    if (rank == IG_UNRANKED || dtype == IG_UNDEFINED)
        return ig_adapt_refuse(a, "there is no %s before version %d, and the type of its input is not known", a->node->op,
                               a->version);
    ig_dtype wide = dtype == IG_F64 || stash != IG_F32 ? dtype : IG_F32;
    int64_t axis = ig_attr_int(a->node, "axis"), axes[IG_MAX_RANK];
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank) return ig_adapt_refuse(a, "its axis lies outside its input");
    for (int64_t i = axis; i < rank; i++) axes[i - axis] = i;
    size_t n = (size_t)(rank - axis);
    ig_value *wx = cast(a, x, dtype, wide), *mean = centred ? reduce(a, "ReduceMean", wx, axes, n) : NULL;
    ig_value *centre = centred ? IG_BUILD(b, "Sub", wx, mean) : wx;
    ig_value *variance = reduce(a, "ReduceMean", IG_BUILD(b, "Mul", centre, centre), axes, n);
    ig_value *epsilon = ig_adapt_scalar(a, wide, (double)ig_attr_float(a->node, "epsilon"));
    ig_value *deviation = IG_BUILD(b, "Sqrt", IG_BUILD(b, "Add", variance, epsilon));
    ig_value *normal = cast(a, IG_BUILD(b, "Div", centre, deviation), wide, dtype);
    ig_value *y = IG_BUILD(b, "Mul", normal, ig_adapt_in(a, 1));
    if (centred && ig_adapt_in(a, 2)) y = IG_BUILD(b, "Add", y, ig_adapt_in(a, 2));
    if (ig_adapt_out(a, 2)) ig_adapt_give_value(a, 2, IG_BUILD(b, "Div", ig_adapt_scalar(a, wide, 1), deviation));
    if (ig_adapt_out(a, 1)) ig_adapt_give_value(a, 1, mean);
    ig_adapt_give_value(a, 0, y);
    ig_adapt_erase(a);
    return IG_OK;
}

ig_status ig_adapt_mvn_down(ig_adapt *a) {
    static const int64_t preset[] = {0, 2, 3};
    ig_build *b = &a->b;
    ig_value *x = ig_adapt_in(a, 0);
    ig_dtype dtype = ig_adapt_dtype(x);
    size_t n;
    const int64_t *axes = ig_attr_ints(a->node, "axes", &n);
    if (n == 0) axes = preset, n = 3;
    if (dtype == IG_UNDEFINED)
        return ig_adapt_refuse(a, "there is no %s before version 9, and the type of its input is not known", a->node->op);
    ig_value *centre = IG_BUILD(b, "Sub", x, reduce(a, "ReduceMean", x, axes, n));
    ig_value *variance = reduce(a, "ReduceMean", IG_BUILD(b, "Mul", centre, centre), axes, n);
    ig_value *deviation = IG_BUILD(b, "Add", IG_BUILD(b, "Sqrt", variance), ig_adapt_scalar(a, dtype, 1e-9));
    ig_adapt_give_value(a, 0, IG_BUILD(b, "Div", centre, deviation));
    ig_adapt_erase(a);
    return IG_OK;
}

/* ---- GroupNormalization: scale and bias have one number for each group before version 21, for each channel from then on ----
 */

static ig_value *per_channel(ig_adapt *a, ig_value *v, int64_t groups, int64_t channels) {
    const int64_t last[] = {1}, flat[] = {-1}, shape[] = {groups, channels / groups};
    ig_value *column = IG_BUILD(&a->b, "Unsqueeze", v, ig_adapt_i64s(a, last, 1));
    ig_value *wide = IG_BUILD(&a->b, "Expand", column, ig_adapt_i64s(a, shape, 2));
    return IG_BUILD(&a->b, "Reshape", wide, ig_adapt_i64s(a, flat, 1));
}

ig_status ig_adapt_group_norm_up(ig_adapt *a) {
    int64_t groups = ig_attr_int(a->node, "num_groups"), channels = ig_adapt_dim(ig_adapt_in(a, 0), 1);
    if (channels < 1 || groups < 1 || channels % groups)
        return ig_adapt_refuse(a, "its number of channels is not known, or no multiple of its groups");
    ig_adapt_set(a, 1, per_channel(a, ig_adapt_in(a, 1), groups, channels));
    ig_adapt_set(a, 2, per_channel(a, ig_adapt_in(a, 2), groups, channels));
    return IG_OK;
}

/* Normalizes [N, groups, rest] as instances, then scales: `scale` and `bias` have shape [groups, 1] or [channels, 1, …]. */
static ig_status group_norm_from_instances(ig_adapt *a, bool per_group) {
    ig_build *b = &a->b;
    ig_value *x = ig_adapt_in(a, 0);
    ig_dtype dtype = ig_adapt_dtype(x);
    int rank = ig_adapt_rank(x);
    int64_t groups = ig_attr_int(a->node, "num_groups");
    if (dtype == IG_UNDEFINED || rank < 2 || groups < 1)
        return ig_adapt_refuse(a, "it can't be said %s, and the type of its input is not known", "with older operators");
    ig_dtype wide = dtype == IG_F64 ? IG_F64 : IG_F32;
    const int64_t grouped[] = {0, groups, -1}, one[] = {1};
    int64_t axes[IG_MAX_RANK];
    int n_axes = per_group ? 1 : rank - 2;
    for (int i = 0; i < n_axes; i++) axes[i] = i + 1;
    ig_value *shape = IG_BUILD(b, "Shape", x);
    ig_value *parts = IG_BUILD(b, "Reshape", cast(a, x, dtype, wide), ig_adapt_i64s(a, grouped, 3));
    ig_value *count = ig_adapt_i64s(a, &groups, 1);
    ig_value *ones =
        IG_BUILD(b, "Expand", IG_BUILD(b, "Reshape", ig_adapt_scalar(a, wide, 1), ig_adapt_i64s(a, one, 1)), count);
    ig_value *zeros = IG_BUILD(b, "Sub", ones, ones);
    ig_value *normal = IG_BUILD(b, "InstanceNormalization", parts, ones, zeros);
    ig_build_float(b, "epsilon", ig_attr_float(a->node, "epsilon"));
    ig_value *scale = ig_adapt_in(a, 1), *bias = ig_adapt_in(a, 2);
    if (n_axes) {
        scale = IG_BUILD(b, "Unsqueeze", scale, ig_adapt_i64s(a, axes, (size_t)n_axes));
        bias = IG_BUILD(b, "Unsqueeze", bias, ig_adapt_i64s(a, axes, (size_t)n_axes));
    }
    normal = cast(a, normal, wide, dtype);
    if (!per_group) normal = IG_BUILD(b, "Reshape", normal, shape);
    ig_value *y = IG_BUILD(b, "Add", IG_BUILD(b, "Mul", normal, scale), bias);
    if (per_group) y = IG_BUILD(b, "Reshape", y, shape);
    ig_adapt_give_value(a, 0, y);
    ig_adapt_erase(a);
    return IG_OK;
}

ig_status ig_adapt_group_norm_down(ig_adapt *a) { return group_norm_from_instances(a, false); }
ig_status ig_adapt_group_norm_new_down(ig_adapt *a) { return group_norm_from_instances(a, true); }

/* ---- quantization ---- */

/* Before version 13 there is one scale for the whole tensor. */
ig_status ig_adapt_quantize_axis_down(ig_adapt *a) {
    ig_value *scale = ig_adapt_in(a, 1);
    int rank = ig_adapt_rank(scale);
    if (rank != 0 && !(rank == 1 && ig_adapt_dim(scale, 0) == 1))
        return ig_adapt_refuse(a, "its scale is not known to be one number, as it has to be before version 13");
    ig_attr_remove(a->node, "axis");
    return IG_OK;
}

/* output_dtype came with version 21; the zero point's type says the same. */
ig_status ig_adapt_quantize_dtype_down(ig_adapt *a) {
    ig_dtype dtype = (ig_dtype)ig_attr_int(a->node, "output_dtype");
    ig_value *scale = ig_adapt_in(a, 1);
    if (dtype == IG_UNDEFINED || !ig_dtype_valid(dtype)) return IG_OK;
    if (!ig_adapt_in(a, 2)) {
        int rank = ig_adapt_rank(scale);
        ig_tensor *zero = NULL;
        int64_t dims[IG_MAX_RANK] = {0};
        for (int i = 0; i < rank; i++)
            if ((dims[i] = ig_adapt_dim(scale, i)) < 0) rank = IG_UNRANKED;
        if (rank == IG_UNRANKED)
            return ig_adapt_refuse(a,
                                   "its output_dtype has to be said by a zero point, and the shape of its scale is not known");
        IG_TRY(ig_tensor_create(&zero, a->model->context, dtype, rank, dims, a->err));
        ig_adapt_set(a, 2, ig_adapt_tensor(a, zero));
    }
    ig_attr_remove(a->node, "output_dtype");
    return IG_OK;
}

/* output_dtype came with version 23; before, the scale's type is the result's. */
ig_status ig_adapt_dequantize_dtype_down(ig_adapt *a) {
    int64_t dtype = ig_attr_int(a->node, "output_dtype");
    if (dtype == 0 || dtype == (int64_t)ig_adapt_dtype(ig_adapt_in(a, 1))) ig_attr_remove(a->node, "output_dtype");
    return IG_OK;
}
