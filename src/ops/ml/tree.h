/* Ensembles of decision trees in one form for the three operators that have them.
 *
 * Nodes lie in one array, each tree in depth-first order. Every comparison but equality is turned into x <= t when the trees
 * are prepared (x < t is x <= the float before t; the others swap the children), so that the walk has no cases. What NaN does
 * is a bit of the node. A leaf points to itself: walks of several rows go in step until none moves any more. */
#ifndef IG_OPS_ML_TREE_H
#define IG_OPS_ML_TREE_H

#include "ops/ml/ml.h"

typedef enum ig_tree_mode { /* the numbers of TreeEnsemble's nodes_modes */
                            IG_TREE_LEQ,
                            IG_TREE_LT,
                            IG_TREE_GTE,
                            IG_TREE_GT,
                            IG_TREE_EQ,
                            IG_TREE_NEQ,
                            IG_TREE_MEMBER,
                            IG_TREE_LEAF,
} ig_tree_mode;

/* code = feature << 3 | test << 1 | whether NaN goes to child 1. */
enum { IG_TREE_TEST_LEQ, IG_TREE_TEST_EQ, IG_TREE_TEST_MEMBER };
#define IG_TREE_FEATURES (1 << 28)

typedef struct ig_tree_node_f32 {
    float t; /* threshold; of a leaf its first weight */
    uint32_t code;
    uint32_t child[2]; /* where to go when the test is false, true */
} ig_tree_node_f32;

typedef struct ig_tree_node_f64 {
    double t;
    uint32_t code;
    uint32_t child[2];
} ig_tree_node_f64;

typedef struct ig_tree_span {
    uint32_t first, n;
} ig_tree_span;

typedef struct ig_tree_weight {
    uint32_t target;
    double value; /* a float's unless the ensemble is wide */
} ig_tree_weight;

typedef enum ig_tree_aggregate { IG_TREE_AVERAGE, IG_TREE_SUM, IG_TREE_MIN, IG_TREE_MAX } ig_tree_aggregate;

typedef struct ig_trees {
    ig_arena arena;                                 /* of all arrays */
    bool wide;                                      /* thresholds and sums are doubles */
    bool plain;                                     /* all tests are x <= t, and NaN fails them */
    size_t n_nodes, n_trees, n_targets, n_features; /* features: largest number used + 1 */
    ig_tree_node_f32 *f32;                          /* n_nodes, of the one type or the other */
    ig_tree_node_f64 *f64;
    uint32_t *roots;       /* n_trees */
    ig_tree_span *weights; /* n_nodes: of leaves */
    ig_tree_weight *weight;
    ig_tree_span *sets; /* n_nodes: of membership tests; NULL: there are none */
    double *members;    /* each set ascending */
    const double *base; /* n_base */
    size_t n_base;
    ig_tree_aggregate aggregate;
    ig_post post;
    bool one_class, all_positive; /* the weights of a classifier: all of one class; none negative */
} ig_trees;

/* What the attributes of a node say, in arrays by node number. */
typedef struct ig_tree_source {
    size_t n;
    uint8_t *mode;
    int64_t *feature;
    double *value;
    uint32_t *when_true, *when_false; /* node numbers */
    uint8_t *nan_true;
    ig_tree_span *set; /* or NULL */
    size_t n_roots;
    uint32_t *roots;
    size_t n_weights; /* in the order in which a leaf's are added */
    uint32_t *weight_node;
    ig_tree_weight *weight;
} ig_tree_source;

/* tree.c: flattens. Refuses trees with cycles. */
ig_status ig_trees_build(ig_trees *t, const ig_tree_source *s, ig_error *err);
/* tree_attributes.c: reads nodes of the classifier's and the regressor's form (`of` is "class" or "target"), and
 * TreeEnsemble's. */
ig_status ig_trees_read(ig_prepare *p, ig_trees *t, const char *of);
ig_status ig_trees_read_5(ig_prepare *p, ig_trees *t);
/* tree_walk.c: adds up the leaves' weights for rows of features (floats, or doubles when wide). scores: rows * targets, of the
 * same type, zero; has: as many flags, zero, set where a tree said something. */
void ig_trees_score(const ig_trees *t, ig_threads *threads, const void *x, size_t rows, size_t columns, void *scores,
                    uint8_t *has);

#endif
