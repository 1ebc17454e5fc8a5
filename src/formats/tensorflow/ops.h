/* What TensorFlow's operators are, as far as reading their nodes needs it, and its element types. */
#ifndef IG_FORMATS_TENSORFLOW_OPS_H
#define IG_FORMATS_TENSORFLOW_OPS_H

#include "base/base.h"

/* Numbers of TensorFlow's DataType (types.proto) that are no element types of tensors here. */
enum { IG_TF_STRING = 7, IG_TF_RESOURCE = 20, IG_TF_VARIANT = 21, IG_TF_REF = 100 };

/* The element type; IG_UNDEFINED for resources, variants and unknown numbers. Types of references (numbers above 100) are the
 * types of what they refer to, quantized ones those of their integers. */
ig_dtype ig_tf_dtype(int32_t type);
/* TensorFlow's name ("float32", "resource"); NULL for unknown numbers. References are "float32_ref". */
const char *ig_tf_type_name(int32_t type);
/* The other way; 0 for unknown names. */
int32_t ig_tf_type_of(ig_str name);
/* Bytes of one element in TensorFlow's memory and files, where the types of less than a byte take one; 0 for strings, resources
 * and variants. */
size_t ig_tf_type_bytes(int32_t type);

/* One operator: a row of ops.inc, explained in tools/make_tf_ops.py. */
typedef struct ig_tf_op_row {
    const char *name;
    uint8_t least_inputs;
    const char *outputs, *defaults;
    bool stateful;
} ig_tf_op_row;

extern const ig_tf_op_row ig_tf_ops[];
extern const size_t ig_tf_op_count;
/* NULL when it isn't known. */
const ig_tf_op_row *ig_tf_op_find(const char *name);

/* One of a row's outputs, taken apart. Texts point into the row and are absent where there is none. */
typedef struct ig_tf_output {
    ig_str name;
    ig_str count;      /* attribute with the number of tensors */
    ig_str list;       /* attribute with a list of types, one tensor each */
    ig_str type_attr;  /* attribute with the type */
    ig_str type_fixed; /* name of the type */
} ig_tf_output;

/* Takes the next part off `*outputs` (at first row->outputs); false at the end. */
bool ig_tf_next_output(const char **outputs, ig_tf_output *out);

/* One default of a row: a name and its value behind a letter for the kind. */
typedef struct ig_tf_default {
    ig_str name, value;
    char kind;
} ig_tf_default;

/* Takes the next part off `*defaults` (at first row->defaults); false at the end. */
bool ig_tf_next_default(const char **defaults, ig_tf_default *out);

#endif
