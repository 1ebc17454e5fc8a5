/* Element types that the other version doesn't take: the node computes in a wider type, between casts. */
#include "convert/convert.h"

/* Operators whose results hang on the type itself, not on the values alone. */
static bool hangs_on_type(const ig_node *n) {
    static const char *const ops[] = {"Cast",
                                      "CastLike",
                                      "Constant",
                                      "QuantizeLinear",
                                      "DequantizeLinear",
                                      "DynamicQuantizeLinear",
                                      "QLinearConv",
                                      "QLinearMatMul",
                                      "ConvInteger",
                                      "MatMulInteger",
                                      "BitShift",
                                      "BitwiseAnd",
                                      "BitwiseOr",
                                      "BitwiseXor",
                                      "BitwiseNot",
                                      "If",
                                      "Loop",
                                      "Scan",
                                      "Optional",
                                      "OptionalHasElement",
                                      "OptionalGetElement",
                                      "RandomNormal",
                                      "RandomNormalLike",
                                      "RandomUniform",
                                      "RandomUniformLike",
                                      "Bernoulli",
                                      "Multinomial",
                                      "EyeLike",
                                      "ConstantOfShape",
                                      "SequenceConstruct",
                                      "SequenceInsert",
                                      "SequenceAt",
                                      "SequenceErase",
                                      "SequenceEmpty",
                                      "SplitToSequence",
                                      "ConcatFromSequence"};
    for (size_t i = 0; i < IG_COUNT_OF(ops); i++)
        if (strcmp(n->op, ops[i]) == 0) return true;
    return false;
}

static bool takes(const ig_type_set *set, ig_dtype dtype) { return set->tensor >> dtype & 1; }

/* A type that holds the values of another: exactly, but for whole numbers of 64 bits past 2^53. */
static ig_dtype wider(const ig_type_set *set, ig_dtype from) {
    static const ig_dtype whole[] = {IG_I32, IG_I64, IG_F32, IG_F64}, real[] = {IG_F32, IG_F64};
    unsigned bits = ig_dtypes[from].bits;
    if (ig_dtype_is_float(from) && bits <= 32) {
        for (size_t i = 0; i < IG_COUNT_OF(real); i++)
            if (takes(set, real[i])) return real[i];
    } else if (from == IG_BOOL && takes(set, IG_U8)) {
        return IG_U8; /* the least of its values is false, also that of a reduction of nothing */
    } else if (from == IG_BOOL || (ig_dtype_is_int(from) && bits < 32)) {
        for (size_t i = 0; i < IG_COUNT_OF(whole); i++)
            if (takes(set, whole[i])) return whole[i];
    } else if (ig_dtype_is_int(from)) {
        if (bits == 32 && takes(set, IG_I64)) return IG_I64;
        if (takes(set, IG_F64)) return IG_F64;
    }
    return IG_UNDEFINED;
}

/* True when the other version's Cast takes and gives elements of the type. */
static bool can_cast(const ig_adapt *a, ig_dtype dtype) {
    const ig_schema *cast = ig_schema_find("", "Cast", a->up ? a->version : a->version - 1);
    return cast && takes(&cast->types[ig_schema_input(cast, 0)->types], dtype) &&
           takes(&cast->types[ig_schema_output(cast, 0)->types], dtype);
}

static void cast_in(ig_adapt *a, uint32_t i, ig_dtype to) {
    ig_value *v = IG_BUILD(&a->b, "Cast", a->node->in[i]);
    ig_build_int(&a->b, "to", to);
    if (v) ig_adapt_set(a, i, v);
    a->built = true;
}

/* All inputs and outputs of one type parameter. */
static ig_status widen(ig_adapt *a, uint16_t parameter, ig_dtype from, ig_dtype to) {
    ig_node *n = a->node;
    for (uint32_t i = 0; i < n->n_in; i++) {
        const ig_formal *f = ig_schema_input(a->to, i);
        if (n->in[i] && f && f->types == parameter) cast_in(a, i, to);
    }
    for (uint32_t i = 0; i < n->n_out; i++) {
        const ig_formal *f = ig_schema_output(a->to, i);
        if (!f || f->types != parameter || !ig_adapt_behind(a, i, "Cast")) continue;
        ig_build_int(&a->b, "to", from);
    }
    return IG_OK;
}

ig_status ig_adapt_types(ig_adapt *a) {
    char side[40];
    for (uint32_t i = 0; i < a->node->n_in; i++) {
        const ig_formal *f = ig_schema_input(a->to, i);
        ig_dtype dtype = ig_adapt_dtype(a->node->in[i]);
        if (!f || dtype == IG_UNDEFINED || takes(&a->to->types[f->types], dtype)) continue;
        const ig_formal *old = ig_schema_input(a->from, i);
        if (old && !takes(&a->from->types[old->types], dtype)) continue; /* it was wrong before */
        ig_dtype to = hangs_on_type(a->node) || !can_cast(a, dtype) ? IG_UNDEFINED : wider(&a->to->types[f->types], dtype);
        if (to == IG_UNDEFINED)
            return ig_adapt_refuse(a, "its input %u can't have elements of type %s %s", i, ig_dtypes[dtype].name,
                                   ig_adapt_side(a, side));
        IG_TRY(widen(a, f->types, dtype, to));
    }
    return IG_OK;
}
