/* What the operators on sequences share. */
#ifndef IG_OPS_SEQUENCE_SEQUENCE_H
#define IG_OPS_SEQUENCE_SEQUENCE_H

#include "ops/op.h"

/* The type of the entries of a sequence input; NULL when nothing is known. */
const ig_type *ig_infer_element(const ig_infer *c, size_t i);
/* Output 0 is a sequence of this type (NULL: unknown). */
ig_status ig_infer_set_sequence(ig_infer *c, const ig_type *of);

#endif
