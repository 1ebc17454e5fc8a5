#include "formats/tensorflow/ops.h"

const ig_tf_op_row ig_tf_ops[] = {
#include "formats/tensorflow/ops.inc"
};

const size_t ig_tf_op_count = IG_COUNT_OF(ig_tf_ops);

const ig_tf_op_row *ig_tf_op_find(const char *name) {
    size_t low = 0, high = ig_tf_op_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int c = strcmp(name, ig_tf_ops[middle].name);
        if (c == 0) return &ig_tf_ops[middle];
        if (c < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* ---- element types ---- */

typedef struct type_row {
    const char *name, *reference;
    uint8_t dtype, bytes;
} type_row;

#define ROW(name, dtype, bytes)                                                                                                \
    { name, name "_ref", dtype, bytes }

static const type_row types[] = {
    {NULL, NULL, IG_UNDEFINED, 0},
    ROW("float32", IG_F32, 4),
    ROW("float64", IG_F64, 8),
    ROW("int32", IG_I32, 4),
    ROW("uint8", IG_U8, 1),
    ROW("int16", IG_I16, 2),
    ROW("int8", IG_I8, 1),
    ROW("string", IG_STRING, 0),
    ROW("complex64", IG_C64, 8),
    ROW("int64", IG_I64, 8),
    ROW("bool", IG_BOOL, 1),
    ROW("qint8", IG_I8, 1),
    ROW("quint8", IG_U8, 1),
    ROW("qint32", IG_I32, 4),
    ROW("bfloat16", IG_BF16, 2),
    ROW("qint16", IG_I16, 2),
    ROW("quint16", IG_U16, 2),
    ROW("uint16", IG_U16, 2),
    ROW("complex128", IG_C128, 16),
    ROW("float16", IG_F16, 2),
    ROW("resource", IG_UNDEFINED, 0),
    ROW("variant", IG_UNDEFINED, 0),
    ROW("uint32", IG_U32, 4),
    ROW("uint64", IG_U64, 8),
    ROW("float8_e5m2", IG_F8E5M2, 1),
    ROW("float8_e4m3fn", IG_F8E4M3FN, 1),
    ROW("float8_e4m3fnuz", IG_F8E4M3FNUZ, 1),
    ROW("float8_e4m3b11fnuz", IG_UNDEFINED, 1),
    ROW("float8_e5m2fnuz", IG_F8E5M2FNUZ, 1),
    ROW("int4", IG_I4, 1),
    ROW("uint4", IG_U4, 1),
    ROW("int2", IG_I2, 1),
    ROW("uint2", IG_U2, 1),
    ROW("float4_e2m1fn", IG_F4E2M1, 1),
};

static const type_row *row_of(int32_t type) {
    if (type > IG_TF_REF) type -= IG_TF_REF;
    return type > 0 && (size_t)type < IG_COUNT_OF(types) ? &types[type] : &types[0];
}

ig_dtype ig_tf_dtype(int32_t type) { return (ig_dtype)row_of(type)->dtype; }
size_t ig_tf_type_bytes(int32_t type) { return row_of(type)->bytes; }

const char *ig_tf_type_name(int32_t type) {
    const type_row *row = row_of(type);
    return type > IG_TF_REF ? row->reference : row->name;
}

int32_t ig_tf_type_of(ig_str name) {
    for (size_t i = 1; i < IG_COUNT_OF(types); i++) {
        if (ig_str_is(name, types[i].name)) return (int32_t)i;
        if (ig_str_is(name, types[i].reference)) return (int32_t)i + IG_TF_REF;
    }
    return 0;
}

/* ---- parts of a row ---- */

static ig_str take_until(const char **p, const char *stop) {
    size_t n = strcspn(*p, stop);
    ig_str s = {*p, n};
    *p += n;
    return s;
}

bool ig_tf_next_output(const char **outputs, ig_tf_output *out) {
    const char *p = *outputs;
    while (*p == ' ') p++;
    if (!*p) return false;
    *out = (ig_tf_output){.name = take_until(&p, "*@:= ")};
    while (*p && *p != ' ') {
        char mark = *p++;
        ig_str text = take_until(&p, "*@:= ");
        *(mark == '*' ? &out->count : mark == '@' ? &out->list : mark == ':' ? &out->type_attr : &out->type_fixed) = text;
    }
    *outputs = p;
    return true;
}

bool ig_tf_next_default(const char **defaults, ig_tf_default *out) {
    const char *p = *defaults;
    while (*p == ' ') p++;
    if (!*p) return false;
    out->name = take_until(&p, "=");
    p++;
    out->kind = *p++;
    out->value = take_until(&p, " ");
    *defaults = p;
    return true;
}
