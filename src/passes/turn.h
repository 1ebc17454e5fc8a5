/* What operators do when the dims of their values change order: how each takes part, under which conditions, and which of its
 * attributes and lists name dims. For cancel_transposes.c. */
#ifndef IG_PASSES_TURN_H
#define IG_PASSES_TURN_H

#include "passes/match.h"

/* A change of order: every value v of this rank that takes part is replaced by the v' with v = Transpose(perm; v'). */
typedef struct ig_turn {
    ig_graph *graph;
    int rank;
    int64_t perm[IG_MAX_RANK], inverse[IG_MAX_RANK];
} ig_turn;

/* How an operator takes part. */
typedef enum ig_turn_kind {
    IG_TURN_NONE,
    IG_TURN_UNARY,      /* input 0 and output 0; other inputs are scalars or lists that name no axes */
    IG_TURN_NARY,       /* all inputs broadcast */
    IG_TURN_QUANTIZE,   /* input 0; an axis when the scale has one */
    IG_TURN_AXIS,       /* input 0, all outputs; attribute axis */
    IG_TURN_CONCAT,     /* all inputs; attribute axis */
    IG_TURN_ARG,        /* input 0; attribute axis, dims kept */
    IG_TURN_CUMSUM,     /* input 0; the axis as input 1 */
    IG_TURN_PER_DIM,    /* input 0; a list with a number for each dim as input 1 */
    IG_TURN_PADS,       /* input 0; a list of 2·rank numbers as input 1 */
    IG_TURN_SLICE,      /* input 0; axes as input 3, or in order */
    IG_TURN_REDUCE,     /* input 0; axes as input 1 or attribute, dims kept */
    IG_TURN_RESIZE,     /* input 0; scales or sizes of all dims */
    IG_TURN_ENDS,       /* reads a region, and what comes out is outside: a reduction that drops dims */
    IG_TURN_SHAPE_ENDS, /* Shape: dims are read in another order */
} ig_turn_kind;

/* How the node takes part, with all conditions. */
ig_turn_kind ig_turn_kind_of(const ig_turn *r, const ig_node *n);
/* True when the input is of those that are turned with the node. */
bool ig_turn_is_data(ig_turn_kind k, uint32_t input);
/* Constants can be turned where they are; one element needs no turning. */
bool ig_turn_in_place(const ig_value *v);
/* Rewrites the attributes and lists of a node that name dims. False when memory runs out. */
bool ig_turn_words(const ig_turn *r, ig_node *n, ig_turn_kind k);

/* The permutation of a Transpose of values of this rank; NULL for other nodes. */
const int64_t *ig_turn_perm_of(const ig_node *n, int rank);

/* turn_rank.c: Transposes go to where the rank is lowest. False when memory runs out. */
bool ig_turn_ranks(ig_graph *g, size_t *changes);
/* Makes a Transpose that moves only dims of one a Reshape. */
bool ig_turn_to_reshape(ig_node *n, size_t *changes);

#endif
