/* Arithmetic on dims that may be unknown or symbolic. With a table the results are expressions in normal form; without one
 * (NULL) anything that is not a known number becomes unknown. Results that overflow are unknown. Symbols stand for sizes: they
 * are never negative. */
#ifndef IG_GRAPH_DIM_H
#define IG_GRAPH_DIM_H

#include "graph/type.h"

typedef struct ig_syms {
    ig_arena *arena;
    ig_map table;     /* hash of the normal form -> chain of ig_sym */
    uint32_t n_syms;  /* in the table */
    uint32_t n_fresh; /* unnamed symbols made so far */
} ig_syms;

void ig_syms_init(ig_syms *syms, ig_arena *arena);

/* The dim named by a file ("batch", or an expression such as "2*batch + 1", which is parsed). Unknown for "". */
ig_dim ig_dim_named(ig_syms *syms, ig_str name);
/* The symbol of exactly this name, whatever characters it has. Unknown for "". */
ig_dim ig_dim_symbol(ig_syms *syms, ig_str name);
/* A dim of which only the identity is known, different from all others: "unk__0". */
ig_dim ig_dim_fresh(ig_syms *syms);
bool ig_dim_is_fresh(ig_dim d);
/* True when the expression has a fresh symbol made after the table had `n_syms` symbols. */
bool ig_dim_made_since(ig_dim d, uint32_t n_syms);

ig_dim ig_dim_add(ig_syms *syms, ig_dim a, ig_dim b);
ig_dim ig_dim_sub(ig_syms *syms, ig_dim a, ig_dim b);
ig_dim ig_dim_mul(ig_syms *syms, ig_dim a, ig_dim b);
/* Rounded toward minus infinity; unknown when b is 0. */
ig_dim ig_dim_floor_div(ig_syms *syms, ig_dim a, ig_dim b);
ig_dim ig_dim_ceil_div(ig_syms *syms, ig_dim a, ig_dim b);
ig_dim ig_dim_max(ig_syms *syms, ig_dim a, ig_dim b);
ig_dim ig_dim_min(ig_syms *syms, ig_dim a, ig_dim b);

/* Proved equal for all values of the symbols; proved different for all values (both false: depends, or can't tell). */
bool ig_dim_equal(ig_dim a, ig_dim b);
bool ig_dim_differ(ig_dim a, ig_dim b);
/* The one of two dims of the same thing that says more. False (and *out = a) when they are proved different. */
bool ig_dim_merge(ig_dim a, ig_dim b, ig_dim *out);
/* Numpy's broadcasting of one dim. False when no values of the symbols make them fit. */
bool ig_dim_broadcast(ig_syms *syms, ig_dim a, ig_dim b, ig_dim *out);

/* Replaces named symbols by values: `value_of` returns IG_UNKNOWN to keep a symbol. */
ig_dim ig_dim_substitute(ig_syms *syms, ig_dim d, int64_t (*value_of)(void *user, ig_str name), void *user);

/* "7", "batch", "2*batch", "floor((h + 2)/2)", "?". Returns the length; cut to size. */
size_t ig_dim_text(ig_dim d, char *out, size_t size);
/* The name when the dim is a plain named symbol, absent otherwise. */
ig_str ig_dim_name(ig_dim d);

#endif
