/* Arguments of operations, which come by position, by name (several, with spaces between them, are tried) or from the config.
 */
#ifndef IG_FORMATS_KERAS_OPERATIONS_H
#define IG_FORMATS_KERAS_OPERATIONS_H

#include "formats/keras/layers.h"

/* In rule->arg of elementwise operations and reductions: what becomes of types. */
enum {
    IG_K_TYPES_KEPT = 0,
    IG_K_TYPES_FLOAT = 1,  /* whole numbers become float */
    IG_K_TYPES_BOOL = 2,   /* everything becomes bool */
    IG_K_TYPES_NUMBER = 3, /* bool becomes int32 */
    IG_K_TWO = 16,         /* two operands */
};

const ig_json *ig_k_op_arg(const ig_k *k, int position, const char *names);
/* The argument as a value: numbers take the type `like` when it can hold them. NULL when absent. */
ig_value *ig_k_operand(ig_k *k, int position, const char *names, ig_dtype like);
bool ig_k_op_ints(const ig_k *k, int position, const char *names, int64_t *out, size_t cap, size_t *n);
int64_t ig_k_op_int(const ig_k *k, int position, const char *names, int64_t otherwise);
double ig_k_op_real(const ig_k *k, int position, const char *names, double otherwise);
bool ig_k_op_bool(const ig_k *k, int position, const char *names, bool otherwise);
ig_dtype ig_k_op_dtype(const ig_k *k, int position, const char *names, ig_dtype otherwise);
ig_value *ig_k_as_float(ig_k *k, ig_value *v);

#endif
