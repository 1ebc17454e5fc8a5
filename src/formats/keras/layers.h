/* What the lowering rules of Keras's layers share. Rules stand in layer_<family>.c and op_<family>.c, one line each in
 * rules.def.
 *
 * A rule gets one call of a layer (ig_k): its config, the tensors of the call, its weights. It builds with sketches
 * (ops/sketch.h): everything is typed as it is made, what depends on constants only is computed at once, and what is known of
 * shapes is carried along, so a rule may ask for ranks and dims. Layers inside layers (TimeDistributed, Bidirectional, RNN) are
 * calls of their own.
 *
 * Channels. Keras keeps them last, ONNX's convolutions first. A rule that has its result with channels first hands it over with
 * ig_k_out_first, which adds the transpose that later rules read; a rule that wants channels first asks ig_k_first, which gives
 * the value from before that transpose. So between convolutions, poolings and what works on each element no transpose is left.
 *
 * Masks go along with values (ig_k_set_mask); what a layer does with them says its row.
 *
 * Rules build on after failures: values may be NULL, passing them on is harmless. */
#ifndef IG_FORMATS_KERAS_LAYERS_H
#define IG_FORMATS_KERAS_LAYERS_H

#include "formats/keras/keras.h"
#include "formats/lower.h"
#include "ops/sketch.h"

enum { IG_K_MAX = 64 /* inputs, outputs, parts of one call, where rules keep them in arrays */ };

typedef struct ig_k_state {
    ig_arena arena;
    ig_map known; /* value -> ig_ints: content of shapes */
    ig_map masks; /* value -> its mask */
    ig_map first; /* value -> the same with channels first */
    uint32_t depth;
    int version; /* of Keras */
} ig_k_state;

/* Weights of a node. */
typedef struct ig_k_weights {
    const ig_str *names;
    ig_value *const *values;
    size_t n;
    bool by_path; /* "cell/vars/0"; otherwise "lstm/lstm_cell/kernel" */
} ig_k_weights;

typedef struct ig_k {
    ig_lower *l;
    ig_k_state *state;
    ig_sketch *s;
    ig_arena *arena; /* until the node is lowered */
    const ig_lower_rule *rule;
    int version;
    ig_str name;
    const ig_json *config, *args, *kwargs; /* args and kwargs may be NULL */
    ig_value **in, **mask;                 /* tensors of the call, in order of appearance, and their masks */
    size_t n_in;
    const ig_k_weights *weights;
    ig_str path;    /* of the layer below the node's, in Keras 3's tree: "", "cell" */
    ig_str scope;   /* what the names of its weights have in them ("query"); absent: anything */
    int nth;        /* which of the weights of one name are its, when layers of the same kind are side by side */
    ig_dtype dtype; /* that it computes in */
    ig_value **out; /* results, n_out of them; NULL: nothing */
    ig_value **out_mask;
    size_t n_out;
} ig_k;

typedef ig_status (*ig_k_rule)(ig_k *k);

/* What a layer does with masks: in rule->arg, beside a number below 65536. */
enum {
    IG_K_MASK = 1 << 16,     /* hands on the mask of its first tensor */
    IG_K_OWN_MASK = 1 << 17, /* sets the masks of its results itself */
    IG_K_RAW = 1 << 18,      /* tensors come as they are, not cast to the layer's type */
};
static inline int64_t ig_k_arg_of(const ig_k *k) { return k->rule->arg & 0xffff; }

/* -------------------------------------------------------------------------------------------------------------- asking */

ig_dtype ig_k_dtype(const ig_value *v);        /* IG_UNDEFINED when unknown */
int ig_k_rank(const ig_value *v);              /* -1 when unknown */
int64_t ig_k_dim(const ig_value *v, int axis); /* -1 when unknown; counted from the end when negative */
bool ig_k_is_float(const ig_value *v);
/* Refuses when the rank isn't known. */
ig_status ig_k_need_rank(ig_k *k, const ig_value *v, int *rank);
/* Numbers of a constant, at most cap; false when it isn't one. */
bool ig_k_numbers(ig_k *k, const ig_value *v, double *out, size_t cap, size_t *n);
ig_status ig_k_refuse(ig_k *k, const char *format, ...) IG_PRINTF(2, 3);

/* Members of the config. */
static inline const ig_json *ig_k_get(const ig_k *k, const char *key) { return ig_json_get(k->config, key); }
static inline int64_t ig_k_int(const ig_k *k, const char *key, int64_t otherwise) {
    return ig_json_int(ig_k_get(k, key), otherwise);
}
static inline double ig_k_real(const ig_k *k, const char *key, double otherwise) {
    return ig_json_real(ig_k_get(k, key), otherwise);
}
static inline bool ig_k_bool(const ig_k *k, const char *key, bool otherwise) {
    return ig_json_bool(ig_k_get(k, key), otherwise);
}
static inline bool ig_k_is(const ig_k *k, const char *key, const char *text) { return ig_json_is(ig_k_get(k, key), text); }
/* A number or a list of n numbers. False when it is neither. */
bool ig_k_ints(const ig_k *k, const char *key, int64_t *out, size_t n, int64_t otherwise);
bool ig_k_channels_first(const ig_k *k);
/* Argument of the call by name or position (-1: only by name); also a member of the config. NULL when absent or null. */
const ig_json *ig_k_arg(const ig_k *k, const char *name, int position);
/* The tensor that an argument is; NULL when it is none. */
ig_value *ig_k_tensor(const ig_k *k, const ig_json *v);
ig_value *ig_k_arg_tensor(const ig_k *k, const char *name, int position);
/* All tensors in an argument that is one or a list of them. */
size_t ig_k_arg_tensors(const ig_k *k, const char *name, int position, ig_value **out, size_t cap);
ig_value *ig_k_mask_of(const ig_k *k, const ig_value *v);

/* ------------------------------------------------------------------------------------------------------------- weights */

/* The layer's variable: by name in older files, by number in Keras 3's, in the type that the layer computes in. NULL with a
 * refusal noted when it is missing; ig_k_find_weight says nothing, and leaves the type. */
ig_value *ig_k_weight(ig_k *k, const char *name, int number);
ig_value *ig_k_find_weight(const ig_k *k, const char *name, int number);
/* The text file `name` that came with the layer. */
ig_value *ig_k_asset(const ig_k *k, const char *name);

/* ------------------------------------------------------------------------------------------------------------ building */

#define ig_k_v(k, ...)          ig_sketch_value((k)->s, __VA_ARGS__)
#define ig_k_bind(k, name, ...) ig_sketch_bind((k)->s, (name), (__VA_ARGS__))
/* Numbers in sketches have this value's type from here on. */
static inline void ig_k_like(ig_k *k, ig_value *v) { k->s->principal = v; }
ig_value *ig_k_op(ig_k *k, const char *op, const char *attributes, ig_value *const *in, size_t n);
#define IG_K_OP(k, op, attributes, ...)                                                                                        \
    ig_k_op((k), (op), (attributes), (ig_value *const[]){__VA_ARGS__}, IG_COUNT_OF(((ig_value *const[]){__VA_ARGS__})))
ig_value *ig_k_i64s(ig_k *k, const int64_t *list, size_t n);
ig_value *ig_k_scalar(ig_k *k, ig_dtype dtype, double value);
ig_value *ig_k_cast(ig_k *k, ig_value *v, ig_dtype dtype);
ig_value *ig_k_transpose(ig_k *k, ig_value *v, const int64_t *perm, size_t n);
ig_value *ig_k_reshape(ig_k *k, ig_value *v, const int64_t *dims, size_t n); /* -1: the rest, 0: as before */
ig_value *ig_k_unsqueeze(ig_k *k, ig_value *v, int64_t axis);
ig_value *ig_k_squeeze(ig_k *k, ig_value *v, int64_t axis);
ig_value *ig_k_slice(ig_k *k, ig_value *v, int64_t axis, int64_t from, int64_t to, int64_t step);
ig_value *ig_k_concat(ig_k *k, ig_value *const *v, size_t n, int64_t axis);
/* Dims [from, to) as int64. */
ig_value *ig_k_shape(ig_k *k, ig_value *v, int64_t from, int64_t to);
/* A constant of texts: rank 1, or 0 for one alone. */
ig_value *ig_k_texts(ig_k *k, const ig_str *texts, size_t n, int rank);
bool ig_k_import(ig_k *k, const char *domain, int64_t version);
/* A node of another domain than ai.onnx's, which is imported. */
ig_node *ig_k_foreign(ig_k *k, const char *domain, const char *op, const char *attributes, ig_value *const *in, size_t n,
                      size_t n_out);
/* "1, 2, 3" */
const char *ig_k_list(ig_k *k, const int64_t *list, size_t n);
/* A real number as attributes want it. */
const char *ig_k_float(ig_k *k, double x);
/* The values in one type: that of the widest, as NumPy and JAX promote. */
ig_dtype ig_k_promote(ig_dtype a, ig_dtype b);
void ig_k_same_type(ig_k *k, ig_value **v, size_t n);
/* A constant from a number, truth value, text or nested lists of them; `like`: the type that numbers take, when it can hold
 * them. */
ig_value *ig_k_constant(ig_k *k, const ig_json *v, ig_dtype like);
/* Building in another graph: until ig_k_leave everything goes to its end. */
typedef struct ig_k_elsewhere {
    ig_sketch sketch, *outer;
} ig_k_elsewhere;
void ig_k_enter(ig_k *k, ig_k_elsewhere *e, ig_graph *graph);
void ig_k_leave(ig_k *k, ig_k_elsewhere *e);

/* ------------------------------------------------------------------------------------------------------------- results */

void ig_k_out(ig_k *k, size_t i, ig_value *v);
void ig_k_set_mask(ig_k *k, ig_value *v, ig_value *mask);
/* The value with channels behind the batch, and back. */
ig_value *ig_k_first(ig_k *k, ig_value *v);
ig_value *ig_k_last(ig_k *k, ig_value *v);
bool ig_k_has_first(const ig_k *k, const ig_value *v);
/* A result with channels first, when the layer has them last. */
void ig_k_out_first(ig_k *k, size_t i, ig_value *v);

/* ------------------------------------------------------------------------------------------------------- layers in layers */

/* Calls a layer that the config of this one describes. */
typedef struct ig_k_inner {
    const ig_json *layer;
    const char *path; /* below this layer, in Keras 3's tree */
    ig_str scope;     /* in names of weights; absent: as this layer's */
    int nth;
    const ig_json *args, *kwargs;
} ig_k_inner;
ig_status ig_k_call(ig_k *k, const ig_k_inner *inner, ig_value *const *in, size_t n_in, ig_value **out, size_t n_out);
/* A copy of k for a part of the layer (MultiHeadAttention's query_dense): only weights differ. */
ig_k ig_k_part(ig_k *k, const char *path, const char *scope, int nth);

/* ---- layer_core.c: activations ---- */

/* By the config's value (a name, an object, null). Refuses what it doesn't know. `elementwise` (may be NULL) is set when the
 * order of elements doesn't matter. */
ig_value *ig_k_activate(ig_k *k, const ig_json *activation, ig_value *v);
bool ig_k_is_elementwise(const ig_json *activation);

/* ---- layer_conv.c ---- */

/* A convolution on channels first by the config's strides, padding and dilation_rate; `filters_first` is the kernel as ONNX has
 * it. */
typedef struct ig_k_conv {
    int n; /* spatial dims */
    int64_t kernel[3], strides[3], dilation[3];
    int64_t group;
    const char *padding; /* "valid", "same", "causal" */
} ig_k_conv;
ig_value *ig_k_convolve(ig_k *k, const ig_k_conv *c, ig_value *x, ig_value *kernel, ig_value *bias);

/* ---- rules ---- */

#define IG_K_RULE(op, rule, to, arg) ig_status ig_k_lower_##rule(ig_k *k);
#include "formats/keras/rules.def"
#undef IG_K_RULE

#endif
