/* What the operators of ai.onnx.ml share. Where the specification is silent they do what onnxruntime does, because models are
 * exported and tested against it. */
#ifndef IG_OPS_ML_ML_H
#define IG_OPS_ML_ML_H

#include "ops/op.h"
#include "ops/table.h"

#define IG_ML "ai.onnx.ml"

typedef enum ig_post { IG_POST_NONE, IG_POST_SOFTMAX, IG_POST_LOGISTIC, IG_POST_SOFTMAX_ZERO, IG_POST_PROBIT } ig_post;

/* From the attribute post_transform; false for a word that is none. */
bool ig_post_of(const ig_node *node, ig_post *post);

/* How one score of a binary classifier becomes two. */
typedef enum ig_second {
    IG_SECOND_NONE = -1, /* it doesn't */
    IG_SECOND_ONE_MINUS, /* probabilities: 1 - s, s */
    IG_SECOND_NEGATED,   /* margins: -s, s; logistic of both when that is the transform */
} ig_second;

/* Transforms n scores in place. One score becomes two (room for them is there) as `second` says. Returns how many there are. */
size_t ig_post_apply(float *scores, size_t n, ig_post post, ig_second second);

float ig_logistic(float x);

/* Rows and columns of an input matrix; a vector is one row. False for other ranks. Further dims are folded into columns only
 * for operators that say so. */
bool ig_ml_matrix(const ig_tensor *x, size_t *rows, size_t *columns);
/* All elements as floats: the tensor's own or converted into scratch memory. NULL: out of memory. */
const float *ig_ml_floats(ig_call *c, const ig_tensor *x);
float ig_dot(const float *a, const float *b, size_t n);

/* Shape of outputs of classifiers and regressors: rows of input 0. False when unknown. */
bool ig_ml_rows(ig_infer *c, ig_dim *rows);
/* Fails for a model whose input 0 has a rank outside [least, 2]. */
ig_status ig_ml_check_rank(ig_infer *c, int least);
ig_status ig_ml_set_rows(ig_infer *c, size_t o, ig_dtype dtype, ig_dim rows);
ig_status ig_ml_set_matrix(ig_infer *c, size_t o, ig_dtype dtype, ig_dim rows, int64_t columns);

/* Class labels: strings or integers. */
typedef struct ig_labels {
    const ig_str *strings;
    const int64_t *ints;
    size_t n;
} ig_labels;
ig_labels ig_labels_of(const ig_node *node, const char *strings, const char *ints);
/* Sets label k of a tensor; false when memory runs out. */
bool ig_label_set(ig_tensor *t, size_t k, const ig_labels *labels, size_t label);

#endif
