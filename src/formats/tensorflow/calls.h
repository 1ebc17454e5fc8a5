/* What calls.c (functions, branches) and loops.c share. */
#ifndef IG_FORMATS_TENSORFLOW_CALLS_H
#define IG_FORMATS_TENSORFLOW_CALLS_H

#include "formats/tensorflow/rules.h"

/* What all variables and tables hold at one moment. */
typedef struct ig_tf_snapshot {
    ig_tf_resource *saved;
    size_t n;
} ig_tf_snapshot;

ig_status ig_tf_save_state(ig_lower *l, ig_arena *arena, ig_tf_snapshot *snapshot);
void ig_tf_restore_state(ig_lower *l, const ig_tf_snapshot *snapshot);

/* A function of so many inputs and at least so many outputs; refuses when there is none. */
ig_status ig_tf_need_function(ig_lower *l, ig_str name, size_t n_in, size_t n_out, const ig_function **out);
/* The body of function `name` in place of the node, given its inputs from `first` on. */
ig_status ig_tf_call_function(ig_lower *l, ig_str name, uint32_t first);
/* True for what a refused node should have made, and for nothing. */
bool ig_tf_is_broken(const ig_lower *l, const ig_value *v);
/* The output can't be had, because of something that was refused elsewhere. */
ig_status ig_tf_break(ig_lower *l, uint32_t output);
/* The plain values that a value consists of: one, two for complex numbers, the sequence of a list; none for handles. They are
 * made where the sketch stands. */
ig_status ig_tf_take_apart(ig_lower *l, ig_value *v, ig_value **part, size_t *n);
/* The same kind of value as `like`, made of these parts. NULL when memory runs out. */
ig_value *ig_tf_put_together(ig_lower *l, ig_graph *g, const ig_value *like, ig_value *const *part);
/* What is true of both types; NULL when nothing is, or memory runs out. */
const ig_type *ig_tf_common_type(ig_arena *arena, const ig_type *a, const ig_type *b);
/* Makes the value the next output of a graph of a node, by a node of its own where it is made outside or is an output already.
 */
ig_status ig_tf_add_output(ig_lower *l, ig_graph *g, ig_value *v);
/* Past nodes that only hand on, within a function's body. */
const ig_value *ig_tf_origin(const ig_value *v);

#endif
