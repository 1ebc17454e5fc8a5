/* Inside of symbolic dims, shared by dim.c (arithmetic), dim_parse.c and dim_text.c: the normal form.
 *
 * An expression is a sum of terms plus a constant; a term is a coefficient times a product of atoms; an atom is a name, a floor
 * of a quotient, a maximum or a minimum. Terms are in graded lexicographic order of their atoms' ids, largest first, like terms
 * are merged, and every expression is interned, so two expressions that multiply out to the same are one pointer. */
#ifndef IG_GRAPH_SYM_H
#define IG_GRAPH_SYM_H

#include "graph/dim.h"

enum {
    IG_SYM_TERMS = 64, /* a larger expression says nothing useful: it becomes unknown */
    IG_SYM_FACTORS = 8,
    IG_SYM_DEPTH = 16,
};

typedef enum ig_sym_kind { IG_SYM_NAME, IG_SYM_FLOOR, IG_SYM_MAX, IG_SYM_MIN, IG_SYM_SUM } ig_sym_kind;

typedef struct ig_term {
    int64_t factor; /* not 0 */
    uint32_t n;     /* atoms, 1 or more, ascending by id */
    const ig_sym *atoms[IG_SYM_FACTORS];
} ig_term;

struct ig_sym {
    const ig_sym *next; /* of the same hash */
    uint32_t id;        /* order of creation */
    uint8_t kind, depth;
    bool fresh;    /* a name that igata made up */
    bool positive; /* never negative */
    ig_str name;
    ig_dim a, b; /* floor(a/b), max(a, b), min(a, b) */
    int64_t constant;
    uint32_t n;
    const ig_term *terms; /* IG_SYM_SUM */
};

#endif
