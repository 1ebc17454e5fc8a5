/* Operators that hand on what they get, or do nothing that a model's outputs show. */
#include "formats/tensorflow/rules.h"

ig_status ig_tf_lower_pass(ig_lower *l) {
    for (uint32_t i = 0; i < ig_tf_count_out(l) && i < ig_tf_count_in(l); i++) ig_tf_out_any(l, i, ig_tf_in(l, i));
    return IG_OK;
}

/* Outputs that nobody should need. */
ig_status ig_tf_lower_nothing(ig_lower *l) {
    for (uint32_t i = 0; i < ig_tf_count_out(l); i++)
        if (ig_tf_wanted(l, i)) return ig_lower_refuse(l, "its output %u is read", i);
    return IG_OK;
}

ig_status ig_tf_lower_print(ig_lower *l) {
    ig_tf_out_any(l, 0, ig_tf_in(l, 0));
    return IG_OK;
}

/* A constant that had to stay a node, for what it waits for. */
ig_status ig_tf_lower_constant(ig_lower *l) {
    const ig_attr *a = ig_attr_find(l->node, "value");
    ig_build b = ig_build_before(l->node);
    if (!a || a->kind != IG_ATTR_TENSOR || !a->t) return ig_lower_refuse(l, "it has no value");
    ig_value *v = ig_graph_add_initializer(b.graph, a->t);
    if (!v) return ig_oom(l->err);
    ig_tf_out(l, 0, v);
    return IG_OK;
}

/* Stands for the result of a branch that has none: never read when it counts. */
ig_status ig_tf_lower_fake_param(ig_lower *l) {
    const ig_type *shape = ig_attr_type(l->node, "shape");
    ig_shape dims = ig_type_shape(shape);
    int64_t list[IG_MAX_RANK];
    ig_dtype t = ig_tf_attr_dtype(l, "dtype");
    if (t == IG_UNDEFINED) {
        ig_tf_out_thing(l, 0, ig_tf_list_of(l, IG_TF_RESERVED, ig_tf_scalar(l, IG_I64, 0), IG_F32, NULL));
        return IG_OK;
    }
    for (int i = 0; i < dims.rank; i++) list[i] = ig_dim_known(dims.dims[i]) ? dims.dims[i].value : 0;
    ig_tf_bind(l, "zero", ig_tf_scalar(l, t, 0));
    ig_tf_bind(l, "s", ig_tf_i64s(l, list, dims.rank > 0 ? (size_t)dims.rank : 0));
    return ig_tf_text(l, "y = Expand(zero, s)");
}
