/* Inside of the conversion between opset versions. A model walks one version at a time, up or down; where an operator's
 * definition changes, the rows of changes.c say how a node changes with it. What a row doesn't need to say: attributes and
 * inputs that the other version lacks are dropped when they have no effect, and refused by name when they have one; defaults
 * that differ are written out; types that the other version doesn't take are refused. */
#ifndef IG_CONVERT_CONVERT_H
#define IG_CONVERT_CONVERT_H

#include "graph/build.h"
#include "ops/schema.h"

typedef struct ig_change ig_change;

/* One node on its way over the border between versions `version - 1` and `version` of its operator. */
typedef struct ig_adapt {
    ig_model *model;
    ig_node *node;         /* its schema is the definition that it has now */
    const ig_schema *from; /* that definition, also when the node has the other one */
    const ig_schema *to;   /* the definition that it is to have; NULL: the other version has no such operator */
    const ig_change *row;  /* at work */
    bool up;
    int version;
    ig_build b;        /* in front of the node; nodes built are those of the other version */
    bool fixed_inputs; /* inputs with defaults are constants: there are no others before IR version 4 */
    bool built, gone;  /* nodes were made or erased; the node itself was replaced */
    ig_error *err;
    char reason[300]; /* of a refusal */
} ig_adapt;

/* Changes the node, or refuses. What it leaves as it is has to fit `to`. */
typedef ig_status (*ig_adapt_fn)(ig_adapt *a);

typedef enum ig_moved {                    /* what an attribute is as an input */
                        IG_MOVED_INTS,     /* list of int64 */
                        IG_MOVED_INT,      /* scalar int64 */
                        IG_MOVED_INT_LIST, /* an INT as a list of one */
                        IG_MOVED_FLOATS,   /* list of floats */
                        IG_MOVED_FLOAT,    /* scalar float */
                        IG_MOVED_SAME,     /* scalar of the type of input 0 */
} ig_moved;

struct ig_change {
    const char *domain, *op;
    int version;
    ig_adapt_fn up, down; /* NULL: nothing beyond the general rules */
    const char *attr;     /* for functions that several rows share */
    uint8_t input, moved; /* ig_moved */
    const char *text;     /* values of an attribute, replacement operator … */
};

/* Rows in the order in which they apply going up. */
extern const ig_change ig_changes[];
extern const size_t ig_change_count;

/* Brings the functions of a model to the opsets that the model itself imports. */
ig_status ig_convert_functions(ig_model *model, ig_error *err);
/* Brings nodes of ai.onnx that are pinned to versions of their own to that of the model, so that it can be written. */
ig_status ig_convert_pinned(ig_model *model, ig_error *err);

/* ---- tools.c: what adapters are made of */

/* Remembers why the node can't be converted; returns IG_E_UNSUPPORTED. */
ig_status ig_adapt_refuse(ig_adapt *a, const char *format, ...) IG_PRINTF(2, 3);
/* "before version 13" or "from version 13 on": the side that the node is going to. */
const char *ig_adapt_side(const ig_adapt *a, char out[40]);
ig_value *ig_adapt_in(const ig_adapt *a, uint32_t i);  /* NULL when absent or beyond */
ig_value *ig_adapt_out(const ig_adapt *a, uint32_t i); /* the same for outputs */
/* Element type, rank (IG_UNRANKED) and size of a dim (from the end when negative; IG_UNKNOWN) as far as they are known. */
ig_dtype ig_adapt_dtype(const ig_value *v);
int ig_adapt_rank(const ig_value *v);
int64_t ig_adapt_dim(const ig_value *v, int i);
/* The content of a value that is constant or follows from constants; NULL when it isn't. Owned by the model. */
const ig_tensor *ig_adapt_content(ig_adapt *a, const ig_value *v);
/* The same as a list of integers in the model's arena. */
bool ig_adapt_ints(ig_adapt *a, const ig_value *v, const int64_t **list, size_t *n);

/* Constants, as Constant nodes where they can be: functions have no initializers. `tensor` is taken over. */
ig_value *ig_adapt_tensor(ig_adapt *a, ig_tensor *tensor);
ig_value *ig_adapt_i64s(ig_adapt *a, const int64_t *list, size_t n);
ig_value *ig_adapt_i64(ig_adapt *a, int64_t v); /* scalar */
ig_value *ig_adapt_f32s(ig_adapt *a, const float *list, size_t n);
ig_value *ig_adapt_scalar(ig_adapt *a, ig_dtype dtype, double v);

/* Sets an input, making room for it; NULL drops it. What nobody uses any more goes. */
void ig_adapt_set(ig_adapt *a, uint32_t i, ig_value *v);
/* Cuts absent inputs (and outputs that nobody names) off the end. */
void ig_adapt_trim(ig_adapt *a);
/* Gives the node's output i to output k of a node built here. */
void ig_adapt_give(ig_adapt *a, uint32_t i, ig_node *to, uint32_t k);
/* The same for the only output of a value's producer. */
void ig_adapt_give_value(ig_adapt *a, uint32_t i, ig_value *made);
/* A node behind this one that makes what this one's output i was: `op` of the output's new value. NULL when output i is absent
 * or memory ran out. Attributes by ig_build_int(&a->b, …). */
ig_node *ig_adapt_behind(ig_adapt *a, uint32_t i, const char *op);
/* Drops the node, whose outputs have other producers by now. */
void ig_adapt_erase(ig_adapt *a);
/* Copies of attributes to a node built here. */
void ig_adapt_copy_attrs(ig_adapt *a, ig_node *to);

/* ---- arguments.c: the general rules, and functions that rows share */
ig_status ig_adapt_fit(ig_adapt *a); /* applies the general rules */
ig_status ig_adapt_to_input(ig_adapt *a);
ig_status ig_adapt_to_attr(ig_adapt *a);
ig_status ig_adapt_count_axes(ig_adapt *a);    /* negative axes of `attr` become positive ones */
ig_status ig_adapt_drop_attr(ig_adapt *a);     /* `attr` is of no importance any more */
ig_status ig_adapt_not_text(ig_adapt *a);      /* refuses when `attr` is one of the words in `text` */
ig_status ig_adapt_to_text(ig_adapt *a);       /* renames the operator to `text` */
ig_status ig_adapt_no_such(ig_adapt *a);       /* refuses: `text` says why */
ig_status ig_adapt_write_default(ig_adapt *a); /* writes the default of `attr` out that the schema doesn't name: `text` */

/* ---- types.c */
ig_status ig_adapt_types(ig_adapt *a); /* casts to types that the node's new schema takes, and back */

/* ---- the files of adapters */
/* clang-format off */
#define IG_ADAPTERS(X)                                                                                                         \
    X(axis_broadcast_down) X(axis_broadcast_up) X(batch_norm_down) X(batch_norm_training_down)                                 \
    X(batch_norm_training_up) X(batch_norm_up) X(cast_down) X(cast_up) X(castlike_down) X(celu_down) X(constant_down)          \
    X(constant_of_shape_down) X(constant_type_down) X(dequantize_dtype_down) X(dft_down) X(dft_up) X(dropout_down)             \
    X(dropout_mask_down) X(dropout_mask_up) X(dropout_training_down) X(dropout_up) X(expand_down) X(gather_down)               \
    X(gelu_down) X(gemm_bias_down) X(gemm_down) X(gemm_up) X(grid_sample_down) X(grid_sample_up) X(group_norm_down)            \
    X(group_norm_new_down) X(group_norm_up) X(hard_swish_down) X(label_encoder_down) X(label_encoder_up)                       \
    X(label_tensor_down) X(layer_norm_down) X(layout_down) X(lp_pool_down) X(lp_pool_up) X(mish_down) X(mod_down)              \
    X(mvn_down) X(one_hot_down) X(or_equal_down) X(output_sequence_down) X(output_sequence_up) X(pad_axes_down)                \
    X(pad_down) X(pad_up) X(pool_ceil_down) X(pow_down) X(prelu_down) X(prelu_up) X(quantize_axis_down)                        \
    X(quantize_dtype_down) X(reduce_noop_down) X(reshape_zero_down) X(resize_10_down) X(resize_11_down)                        \
    X(resize_11_up) X(resize_13_down) X(resize_13_up) X(resize_18_down) X(roi_align_down) X(scan_down) X(scan_up)              \
    X(scatter_down) X(scatter_up) X(shape_down) X(sign_down) X(slice_steps_down) X(softmax_down) X(softmax_up)                 \
    X(split_count_down) X(split_count_up) X(split_input_up) X(swish_down) X(thresholded_relu_down) X(tile_down)                \
    X(tile_up) X(top_k_down) X(trees_down) X(upsample_down) X(upsample_up) X(variadic_down)
/* clang-format on */
#define IG_ADAPTER(name) ig_status ig_adapt_##name(ig_adapt *a);
IG_ADAPTERS(IG_ADAPTER)
#undef IG_ADAPTER

#endif
