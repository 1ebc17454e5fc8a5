/* What the lowering rules of TFLite's operators share. Rules stand in lower_<family>.c, one line each in rules.def.
 *
 * Quantized tensors are lowered to integers between DequantizeLinear and QuantizeLinear: `ig_tfl_real` reads an input as real
 * numbers and `ig_tfl_out_real` writes an output from them, so that most rules are written once for floats. Operators that only
 * move elements take the integers as they are (`ig_tfl_out_moved`).
 *
 * Rules build on failure like everything else (graph/build.h): values may be NULL, passing them on is harmless. */
#ifndef IG_FORMATS_TFLITE_RULES_H
#define IG_FORMATS_TFLITE_RULES_H

#include "formats/lower.h"
#include "formats/tflite/decode.h"
#include "ops/schema.h"

/* A resource of the file: a variable or a hash table. */
typedef struct ig_tfl_resource {
    ig_name name;
    ig_value *value;  /* variable: what it holds now; table: its keys */
    ig_value *values; /* table: one for each key */
    ig_dtype dtype;   /* of a table's values */
} ig_tfl_resource;

typedef struct ig_tfl_state {
    ig_arena arena;
    ig_map subgraphs; /* number + 1 -> ig_function */
    ig_map handles;   /* ig_value of a handle -> ig_tfl_resource */
    IG_VEC(ig_tfl_resource *) resources;
    IG_VEC(ig_name) initialized; /* subgraphs that CALL_ONCE has run */
    uint32_t depth;              /* calls under way, one in the other */
    ig_map pairs;                /* values that hold complex numbers as pairs of floats -> themselves */
} ig_tfl_state;

static inline ig_tfl_state *ig_tfl_state_of(const ig_lower *l) { return l->state; }

/* ------------------------------------------------------------------------------------------------------------- asking */

/* Of a value; IG_UNDEFINED, -1 when unknown (also for NULL). Axes may be negative. */
ig_dtype ig_tfl_type(const ig_value *v);
int ig_tfl_rank(const ig_value *v);
int64_t ig_tfl_dim(const ig_value *v, int axis);
bool ig_tfl_static(const ig_value *v); /* all dims are known */
bool ig_tfl_is_float(const ig_value *v);
bool ig_tfl_is_complex(const ig_value *v);
/* The numbers stand for others: a small integer type with scales. */
bool ig_tfl_quantized(const ig_value *v);
bool ig_tfl_same_quant(const ig_value *a, const ig_value *b);
/* The content of a constant; NULL for anything else. */
const ig_tensor *ig_tfl_const(ig_lower *l, const ig_value *v);
/* The content of a constant of at most `cap` integers; false for anything else. */
bool ig_tfl_ints(ig_lower *l, const ig_value *v, int64_t *out, size_t cap, size_t *n);
/* A constant of one number. */
bool ig_tfl_number(ig_lower *l, const ig_value *v, double *out);
static inline int64_t ig_tfl_attr(const ig_lower *l, const char *name) { return ig_attr_int(l->node, name); }
static inline bool ig_tfl_attr_is(const ig_lower *l, const char *name, const char *text) {
    return ig_attr_is(l->node, name, text);
}
/* An axis of a value made non-negative; refuses when the rank is not known. */
ig_status ig_tfl_axis(ig_lower *l, const ig_value *v, int64_t axis, int *out);
ig_status ig_tfl_need_rank(ig_lower *l, const ig_value *v, int *rank);

/* The model imports at least this version of ai.onnx: for operators that are younger than IG_LOWER_OPSET. */
ig_status ig_tfl_need_opset(ig_lower *l, int64_t version);

/* ----------------------------------------------------------------------------------------------------------- in and out */

/* Real numbers that a value stands for: dequantized, half precision widened when the node's output isn't. */
ig_value *ig_tfl_dequantize(ig_lower *l, ig_value *v);
ig_value *ig_tfl_real(ig_lower *l, uint32_t input);
/* The dims of a value reordered, as real numbers: the integers are moved, which is less work, and leaves what one quantized
 * operator hands to the next in one piece. */
ig_value *ig_tfl_real_moved(ig_lower *l, ig_value *moved, const ig_value *from); /* with the scale of `from`, one for all */
ig_value *ig_tfl_real_transposed(ig_lower *l, ig_value *v, const int64_t *perm, size_t n);
ig_value *ig_tfl_real_channels_first(ig_lower *l, uint32_t input);
/* Numbers for real ones, with the type and quantization of `like`; ties go away from zero. */
#define IG_TFL_AWAY (1 - 0x1p-21f)
ig_value *ig_tfl_quantize(ig_lower *l, ig_value *real, const ig_value *like);
/* Output o is `v`, which has the output's element type, or none is known. */
void ig_tfl_out(ig_lower *l, uint32_t o, ig_value *v);
/* Cast to the output's element type. */
void ig_tfl_out_cast(ig_lower *l, uint32_t o, ig_value *v);
/* Quantized when the output is. */
void ig_tfl_out_real(ig_lower *l, uint32_t o, ig_value *v);
/* The same for a value with channels first. */
void ig_tfl_out_channels_first(ig_lower *l, uint32_t o, ig_value *v, int rank);
/* Elements that were moved from a value with the quantization of `from`. */
void ig_tfl_out_moved(ig_lower *l, uint32_t o, ig_value *v, const ig_value *from);
/* With the activation that the attribute fused_activation_function names. */
ig_value *ig_tfl_activate(ig_lower *l, ig_value *v);
/* A state tensor has a new content: later readers of input i in this graph read it. */
void ig_tfl_set_state(ig_lower *l, uint32_t input, ig_value *v);

/* ------------------------------------------------------------------------------------------------------------- building */

/* A node of this operator with one output; `attrs` like "axis=1 mode=linear perm=0,2,3,1": ints, lists of ints, words. */
ig_value *ig_tfl_op(ig_lower *l, const char *op, const char *attrs, ig_value *const *in, size_t n);
#define IG_TFL_OP(l, op, attrs, ...)                                                                                           \
    ig_tfl_op((l), (op), (attrs), (ig_value *const[]){__VA_ARGS__}, IG_COUNT_OF(((ig_value *const[]){__VA_ARGS__})))
ig_value *ig_tfl_ints1(ig_lower *l, int64_t value); /* [1] of int64 */
ig_value *ig_tfl_list(ig_lower *l, const int64_t *values, size_t n);
/* A scalar of the type of a value (float when unknown). */
ig_value *ig_tfl_scalar(ig_lower *l, const ig_value *like, double value);
/* int64, as ONNX wants axes, shapes and the like; constants are converted at once. */
ig_value *ig_tfl_i64(ig_lower *l, ig_value *v);
ig_value *ig_tfl_reshape(ig_lower *l, ig_value *v, const int64_t *dims, size_t n);   /* -1: what is left */
ig_value *ig_tfl_reshape_to(ig_lower *l, ig_value *v, ig_value *shape);              /* int64; zeros are sizes */
ig_value *ig_tfl_transpose(ig_lower *l, ig_value *v, const int64_t *perm, size_t n); /* none when it is the identity */
ig_value *ig_tfl_squeeze(ig_lower *l, ig_value *v, int64_t axis);
ig_value *ig_tfl_unsqueeze(ig_lower *l, ig_value *v, int64_t axis);
/* Elements from..to of an axis (to INT64_MAX: the rest). */
ig_value *ig_tfl_slice(ig_lower *l, ig_value *v, int64_t axis, int64_t from, int64_t to);
ig_value *ig_tfl_concat(ig_lower *l, ig_value *const *in, size_t n, int64_t axis);
/* Shape of v, dims [from, to) (to INT64_MAX: the rest); a constant where they are known. */
ig_value *ig_tfl_shape(ig_lower *l, ig_value *v, int64_t from, int64_t to);
/* One size of a shape: a number, or [1] of int64 computed by the model. */
typedef struct ig_tfl_size {
    int64_t value;
    ig_value *computed; /* NULL: known */
} ig_tfl_size;
ig_tfl_size ig_tfl_size_of(ig_lower *l, ig_value *v, int axis);
ig_tfl_size ig_tfl_size_times(ig_lower *l, ig_tfl_size size, int64_t factor, int64_t divisor);
ig_value *ig_tfl_sizes(ig_lower *l, const ig_tfl_size *sizes, size_t n);
/* Reshape to sizes of which any may be computed. */
ig_value *ig_tfl_resize(ig_lower *l, ig_value *v, const ig_tfl_size *sizes, size_t n);
/* A tensor of this shape (int64) filled with a number. */
ig_value *ig_tfl_filled(ig_lower *l, ig_value *shape, ig_dtype dtype, double value);

/* lower_signal.c: complex numbers, which are floats with a last dim of two. */
enum { IG_TFL_PAIR_INPUTS = 16 };
bool ig_tfl_is_pair(const ig_lower *l, const ig_value *v);
ig_status ig_tfl_lower_pair(ig_lower *l); /* any node that reads some */
ig_status ig_tfl_to_pair(ig_lower *l, ig_value *x);

/* A body as attribute of the node. False when memory runs out. */
bool ig_tfl_put_graph(ig_node *n, const char *name, ig_graph *g);

/* ---------------------------------------------------------------------------------------------------------------- rules */

/* rules.def: which operator is lowered by which rule. */
#define IG_TFL_RULE(op, rule, to, arg) ig_status ig_tfl_lower_##rule(ig_lower *l);
#include "formats/tflite/rules.def"
#undef IG_TFL_RULE

#endif
