/* Sketches: small graphs written as text, for operators that are explained by others (expand.h) and for gradients
 * (src/autodiff).
 *
 *     y = Where(Greater(x, 0), x, @alpha * (Exp(x / @alpha) - 1))
 *     v, i = TopK<axis=@axis, largest=1>(x, [3]);  d0 = like(g * v, x)
 *
 * A sketch is a list of assignments with ";" between them. Expressions: names bound by the caller or assigned before; calls of
 * ai.onnx operators (of opset 21, or of the newest that has them) with attributes in <>; + - * / and unary minus for Add, Sub,
 * Mul, Div, Neg; numbers, which are scalars of the element type of the principal value; 3i, an int64 scalar; [1, 2], an int64
 * vector; _ for an absent argument; @name, an attribute of the node at hand (or its default): a number of the principal type,
 * with i behind it (@axis i) an int64 scalar, a list as an int64 vector. Attributes take numbers, [lists], 'texts', names of
 * element types, T for the principal one, or @name for the same as that attribute of the node (left out when it has none).
 * Functions that are no operators: like(g, x) sums g over what broadcasting x to it repeated; zeros(x), ones(x) have x's shape;
 * i64(x) is x, cast to int64 unless it is known to be that.
 *
 * Every node is resolved and its types are inferred as it is made. */
#ifndef IG_OPS_SKETCH_H
#define IG_OPS_SKETCH_H

#include "graph/build.h"
#include "ops/op.h"

typedef struct ig_sketch {
    ig_build build;
    const ig_node *node; /* whose attributes @name reads */
    ig_value *principal; /* whose element type numbers have; NULL: float */
    IG_VEC(struct ig_sketch_name {
        ig_str name;
        ig_value *value;
    }) names;
    ig_map ints;        /* value -> ig_ints: known content of shapes made by the sketch */
    ig_map *known;      /* when set: such a map of the caller's, instead of `ints`, that outlives the sketch */
    uint64_t fold;      /* what depends on constants only is computed at once when it takes at most so many bytes; 0: never */
    ig_arena arena;     /* of the above */
    const bool *wanted; /* when set: d<k> is only computed for wanted[k] */
    size_t n_wanted;
    ig_error *err;
    ig_status status; /* the first failure; everything after it does nothing */
} ig_sketch;

/* New nodes go in front of `before` in the same graph. */
void ig_sketch_init(ig_sketch *s, ig_node *before, const ig_node *node, ig_value *principal, ig_error *err);
/* The same at the end of a graph, whose model's element type for numbers is float unless `principal` says so. */
void ig_sketch_init_end(ig_sketch *s, ig_graph *graph, const ig_node *node, ig_value *principal, ig_error *err);
void ig_sketch_free(ig_sketch *s);
/* A bound NULL value is an absent one. */
void ig_sketch_bind(ig_sketch *s, const char *name, ig_value *value);
/* NULL when there is no such name. */
ig_value *ig_sketch_get(const ig_sketch *s, const char *name);
/* Runs a text made by printf; the caller's texts are constants, so that a malformed one is IG_E_INTERNAL. Returns s->status. */
ig_status ig_sketch_run(ig_sketch *s, const char *format, ...) IG_PRINTF(2, 3);
/* The value of one expression; NULL after a failure. */
ig_value *ig_sketch_value(ig_sketch *s, const char *format, ...) IG_PRINTF(2, 3);
/* A copy of the node (its operator, version and attributes, but no graphs) on other inputs. NULL after a failure. */
ig_node *ig_sketch_copy(ig_sketch *s, const ig_node *node, ig_value *const *in, size_t n_in);
/* A node of any domain; `attributes` as between <> ("" for none). NULL after a failure; its outputs stay readable when it was
 * computed at once and is no longer in the graph. */
ig_node *ig_sketch_node(ig_sketch *s, const char *domain, const char *op, const char *attributes, ig_value *const *in,
                        size_t n_in, size_t n_out);
/* A new constant, whose type is set; takes over the reference. */
ig_value *ig_sketch_constant(ig_sketch *s, ig_tensor *tensor);
/* What is known of the content of a value: false when it is no short list of integers or nothing is known. */
bool ig_sketch_ints(const ig_sketch *s, const ig_value *v, ig_ints *ints);
/* Sums g over the axes along which a value of x's shape was repeated to get g's. */
ig_value *ig_sketch_like(ig_sketch *s, ig_value *g, ig_value *x);

#endif
