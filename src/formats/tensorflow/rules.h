/* What the lowering rules of TensorFlow's operators share. Rules stand in rules.def, as a sketch (ops/sketch.h) where that says
 * it all, else as a function in lower_<family>.c.
 *
 * A rule finds the node's inputs bound in its sketch as x0, x1, … (x is x0), its attributes complete, and hands over results
 * with ig_tf_out or as y0, y1, … (y is y0) of a text. Everything is typed as it is made, what depends on constants only is
 * computed at once, and what is known of shapes is carried along; so a rule may ask for ranks, dims and contents.
 *
 * Values that ONNX has no word for are things (below): an output of a TensorFlow node that stands for one stays without
 * producer, and whoever reads it asks for the thing. */
#ifndef IG_FORMATS_TENSORFLOW_RULES_H
#define IG_FORMATS_TENSORFLOW_RULES_H

#include "formats/lower.h"
#include "formats/tensorflow/decode.h"
#include "ops/sketch.h"

#include <stdio.h>

/* -------------------------------------------------------------------------------------------------------------- things */

typedef enum ig_tf_kind {
    IG_TF_BROKEN,   /* its node was refused: who reads it isn't looked at */
    IG_TF_COMPLEX,  /* part: real, imaginary */
    IG_TF_VARIABLE, /* resource */
    IG_TF_TABLE,    /* resource */
    IG_TF_LIST,     /* a TensorList, or the flow of a TensorArray: form, part[0] */
    IG_TF_ARRAY,    /* the handle of a TensorArray; what is in it goes with its flow */
} ig_tf_kind;

typedef enum ig_tf_form {
    IG_TF_SEQUENCE, /* part[0] is an ONNX sequence */
    IG_TF_STACK,    /* part[0] is a tensor whose rows are the elements */
    IG_TF_RESERVED, /* part[0] is the number (int64 scalar) of elements that nobody has set */
    IG_TF_SCAN,     /* inside a loop that sets one element each time: part[0] is that, once it is set */
} ig_tf_form;

/* What outlives a node: a variable or a table. */
typedef struct ig_tf_resource {
    ig_name name;
    bool table;
    bool reference;            /* a variable of TensorFlow 1, which is read by being an input */
    ig_value *value;           /* variable: what it holds now, in the graph at hand; NULL: nothing. Table: its keys */
    ig_value *values;          /* table: one for each key */
    ig_dtype key_dtype, dtype; /* table: of keys, of values */
} ig_tf_resource;

typedef struct ig_tf_thing {
    ig_tf_kind kind;
    ig_tf_form form;
    ig_value *part[2];
    ig_tf_resource *resource;
    ig_dtype dtype;         /* of a list's elements */
    const ig_type *element; /* of a list, as far as it is known; may be NULL */
    bool grows;             /* of an array: its size isn't fixed */
} ig_tf_thing;

/* --------------------------------------------------------------------------------------------------------------- state */

/* The functions of a file. */
typedef struct ig_tf_functions {
    ig_model *model;
    ig_map functions; /* name -> ig_function */
    ig_map effects;   /* ig_function -> whether running it changes variables or tables */
    ig_error *err;
} ig_tf_functions;

typedef struct ig_tf_result {
    ig_value *value;
    ig_tf_thing *thing;
} ig_tf_result;

typedef struct ig_tf_state {
    ig_arena arena;
    ig_tf_functions library;
    ig_map things; /* value -> ig_tf_thing */
    ig_map known;  /* value -> ig_ints: content of shapes */
    IG_VEC(ig_tf_resource *) resources;
    ig_sketch *s;          /* of the rule at hand */
    ig_tf_result *results; /* of its outputs */
    uint32_t depth;        /* of calls, branches and loops */
    uint64_t n_random;     /* nodes with random numbers, for their seeds */
} ig_tf_state;

static inline ig_tf_state *ig_tf_state_of(const ig_lower *l) { return l->state; }
static inline ig_sketch *ig_tf_s(const ig_lower *l) { return ig_tf_state_of(l)->s; }

/* -------------------------------------------------------------------------------------------------------------- asking */

ig_tf_thing *ig_tf_thing_of(const ig_lower *l, const ig_value *v); /* NULL for plain values and NULL */
ig_tf_thing *ig_tf_new_thing(ig_lower *l, ig_tf_kind kind);
/* Makes the value stand for the thing. */
ig_status ig_tf_set_thing(ig_lower *l, const ig_value *v, ig_tf_thing *thing);
/* Data input i; NULL beyond. */
ig_value *ig_tf_in(const ig_lower *l, uint32_t i);
uint32_t ig_tf_count_in(const ig_lower *l);
uint32_t ig_tf_count_out(const ig_lower *l);
bool ig_tf_wanted(const ig_lower *l, uint32_t output);

ig_dtype ig_tf_dtype_of(const ig_value *v);        /* IG_UNDEFINED when unknown */
int ig_tf_rank_of(const ig_value *v);              /* -1 when unknown */
int64_t ig_tf_dim_of(const ig_value *v, int axis); /* -1 when unknown; axes count from the end when negative */
bool ig_tf_is_float(const ig_value *v);
/* The content of a constant; NULL for anything else, and when it can't be read. */
const ig_tensor *ig_tf_const(ig_lower *l, const ig_value *v);
/* Integers that are known, at most `cap`; false when they aren't (all) known. */
bool ig_tf_ints(ig_lower *l, const ig_value *v, int64_t *out, size_t cap, size_t *n);
bool ig_tf_int(ig_lower *l, const ig_value *v, int64_t *out);
/* A constant of one number of any real type. */
bool ig_tf_number(ig_lower *l, const ig_value *v, double *out);
ig_dtype ig_tf_attr_dtype(const ig_lower *l, const char *name);
bool ig_tf_attr_is(const ig_lower *l, const char *name, const char *text);
static inline int64_t ig_tf_int_attr(const ig_lower *l, const char *name) { return ig_attr_int(l->node, name); }
/* True where attribute `name` (data_format unless it says otherwise) has channels behind N. */
bool ig_tf_channels_first(const ig_lower *l);

/* Refuses when the rank of input i is unknown. */
ig_status ig_tf_need_rank(ig_lower *l, uint32_t i, int *rank);
/* The axis that input i says, made non-negative for a value of `rank`; refuses when it isn't a constant. */
ig_status ig_tf_need_axis(ig_lower *l, uint32_t i, int rank, int *axis);
ig_status ig_tf_need_ints(ig_lower *l, uint32_t i, int64_t *out, size_t cap, size_t *n);

/* ------------------------------------------------------------------------------------------------------------- results */

void ig_tf_out(ig_lower *l, uint32_t output, ig_value *v);
void ig_tf_out_thing(ig_lower *l, uint32_t output, ig_tf_thing *thing);
void ig_tf_out_complex(ig_lower *l, uint32_t output, ig_value *real, ig_value *imaginary);
/* Results y0, y1, … of what the sketch has run. Returns the sketch's status. */
ig_status ig_tf_take(ig_lower *l);
/* Runs a text and takes its results. */
ig_status ig_tf_text(ig_lower *l, const char *format, ...) IG_PRINTF(2, 3);

/* ------------------------------------------------------------------------------------------------------------ building */

/* All harmless after a failure. `ig_tf_v` is the value of an expression over the names that are bound. */
#define ig_tf_v(l, ...)          ig_sketch_value(ig_tf_s(l), __VA_ARGS__)
#define ig_tf_bind(l, name, ...) ig_sketch_bind(ig_tf_s(l), (name), (__VA_ARGS__))
/* "1, 2, 3" in memory of the rule. */
const char *ig_tf_join(ig_lower *l, const int64_t *list, size_t n);
/* As int64, as ONNX wants sizes; and as the integer type that TensorFlow wants. Through casts that were made before. */
ig_value *ig_tf_i64(ig_lower *l, ig_value *v);
ig_value *ig_tf_cast(ig_lower *l, ig_value *v, ig_dtype dtype);
ig_value *ig_tf_transpose(ig_lower *l, ig_value *v, const int64_t *perm, size_t n); /* nothing when it is the identity */
/* Between channels last and channels first, for values of known rank; nothing when the node's data_format has them first. */
ig_value *ig_tf_to_first(ig_lower *l, ig_value *v, int rank);
ig_value *ig_tf_to_last(ig_lower *l, ig_value *v, int rank);
/* int64 constants. */
ig_value *ig_tf_i64s(ig_lower *l, const int64_t *list, size_t n);
/* A number of a type. */
ig_value *ig_tf_scalar(ig_lower *l, ig_dtype dtype, double value);
/* Output i of a node made by ig_sketch_node. */
static inline ig_value *ig_tf_nth(const ig_node *n, uint32_t i) { return n && i < n->n_out ? n->out[i] : NULL; }
/* A one-output node of a domain. */
ig_value *ig_tf_node1(ig_lower *l, const char *domain, const char *op, const char *attributes, ig_value *const *in, size_t n);

/* The number of a node with random results among its like, for seeds. */
uint64_t ig_tf_next_random(ig_lower *l);
/* At least this opset version of ai.onnx is imported. */
void ig_tf_need_opset(ig_lower *l, int64_t version);

/* ---- lists.c: TensorLists and TensorArrays ---- */

ig_value *ig_tf_list_sequence(ig_lower *l, ig_tf_thing *list); /* as an ONNX sequence, whatever its form */
ig_tf_thing *ig_tf_list_of(ig_lower *l, ig_tf_form form, ig_value *part, ig_dtype dtype, const ig_type *element);

/* ---- lower_nn.c ---- */

/* Output 0 is the value after the steps that the attribute fused_ops lists, with their arguments from input `next` on. */
ig_status ig_tf_fused(ig_lower *l, ig_value *v, uint32_t next);

/* ---- lower_slice.c ---- */

/* What the node's begin, end, strides (inputs from `first` on) and masks select of a value; NULL after a refusal. */
ig_value *ig_tf_slice_like(ig_lower *l, ig_value *v, uint32_t first);
/* The value with `with` in the places that ig_tf_slice_like would take; NULL after a refusal. */
ig_value *ig_tf_slice_update(ig_lower *l, ig_value *v, ig_value *with);

/* ---- prepare.c ---- */

/* Function `name` of the library; NULL when there is none. */
ig_function *ig_tf_find_function(const ig_tf_functions *library, ig_str name);
/* Gets a graph ready: without the control flow of TensorFlow 1, sorted, without control edges, without what nobody needs. */
ig_status ig_tf_prepare(ig_tf_functions *library, ig_graph *graph);
/* Turns Switch, Merge, Enter, Exit, NextIteration and LoopCond of a graph into If and While with new functions. */
ig_status ig_tf_functionalize(ig_tf_functions *library, ig_graph *graph);

/* ---- calls.c: functions, branches, loops ---- */

/* Puts a function's body into a graph, in front of `before` (NULL: at the end), lowered. `out` gets its results, as many as the
 * body has: values, or values that stand for things. */
ig_status ig_tf_inline(ig_lower *l, const ig_graph *body, ig_graph *to, ig_node *before, ig_value *const *in, ig_value **out);
/* Hands over a value, or the thing that it stands for. */
void ig_tf_out_any(ig_lower *l, uint32_t output, ig_value *v);

/* Building elsewhere than in front of the node: until ig_tf_leave, everything goes to the end of `graph`, or in front of
 * `before` in it. */
typedef struct ig_tf_elsewhere {
    ig_sketch sketch, *outer;
} ig_tf_elsewhere;
void ig_tf_enter(ig_lower *l, ig_tf_elsewhere *e, ig_graph *graph, ig_node *before);
ig_status ig_tf_leave(ig_lower *l, ig_tf_elsewhere *e);

/* --------------------------------------------------------------------------------------------------------------- rules */

/* Flags of a rule (in rule->arg, beside a number below 65536 for rules that many operators share). */
enum {
    IG_TF_LINEAR = 1 << 16,     /* a complex number goes through it as its two parts, one by one */
    IG_TF_THINGS = 1 << 17,     /* looks after things among its inputs and outputs itself */
    IG_TF_REFERENCES = 1 << 18, /* wants variables of TensorFlow 1 themselves, not what they hold */
};
static inline int64_t ig_tf_rule_arg(const ig_lower *l) { return l->rule->arg & 0xffff; }

ig_status ig_tf_lower_text(ig_lower *l); /* rule->to is the sketch */

#define IG_TF_TEXT(op, text)
#define IG_TF_LINEAR_TEXT(op, text)
#define IG_TF_RULE(op, function, to, arg) ig_status ig_tf_lower_##function(ig_lower *l);
#include "formats/tensorflow/rules.def"
#undef IG_TF_TEXT
#undef IG_TF_LINEAR_TEXT
#undef IG_TF_RULE

#endif
