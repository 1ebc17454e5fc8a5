/* What the operators that run graphs share: types of values that come from several places, slices of inputs, and results
 * stacked over iterations. */
#ifndef IG_OPS_CONTROL_CONTROL_H
#define IG_OPS_CONTROL_CONTROL_H

#include "ops/op.h"

/* The closest type that both are: dims that aren't proved equal become unknown, different ranks no shape. NULL says nothing.
 * False (and *out NULL) when no value can be of both. */
bool ig_type_join(ig_arena *arena, const ig_type *a, const ig_type *b, const ig_type **out);

/* A tensor type with `dim` put in front of axis `axis` of an element type; NULL when the element's is unknown. Sets *bad when
 * the axis is out of range. */
const ig_type *ig_type_stack(ig_arena *arena, const ig_type *element, int64_t axis, ig_dim dim, bool *bad);

/* Positions along one axis of a tensor, one after the other, as tensors without that axis. */
typedef struct ig_slicer {
    const ig_tensor *of;
    size_t outer, inner; /* elements: runs, and their length */
    int64_t length;      /* of the axis */
    ig_tensor item;      /* what ig_slicer_at returns; references == 0: whoever keeps it copies it */
    void *room;          /* for a slice that is no run of whole bytes */
} ig_slicer;

/* `axis` may be negative. */
ig_status ig_slicer_init(ig_call *c, ig_slicer *s, const ig_tensor *of, int64_t axis);
/* Valid until the next call with the same slicer. */
ig_tensor *ig_slicer_at(ig_slicer *s, int64_t t);

/* Results of iterations stacked along a new axis. The room doubles when it is full, so that no row is copied more than a few
 * times however many there are. */
typedef struct ig_rows {
    ig_tensor *store; /* [room, dims of a row]; NULL before the first */
    int64_t n, room;
    int64_t expected; /* rows, or 0: not known; how much room to begin with */
    int64_t owed;     /* rows of zeros that came before the first one said what a row is */
} ig_rows;

ig_status ig_rows_add(ig_call *c, ig_rows *rows, const ig_tensor *row);
/* A row of zeros (empty strings). */
ig_status ig_rows_add_zeros(ig_call *c, ig_rows *rows);
/* Makes output `o` of the rows, stacked along `axis` of the result and in reverse order when asked. Without rows the result is
 * empty, of the element type and shape that the body declares for `value`, unknown dims being 0. */
ig_status ig_rows_finish(ig_call *c, ig_rows *rows, size_t o, int64_t axis, bool reversed, const ig_value_info *value);
void ig_rows_free(ig_rows *rows);

#endif
