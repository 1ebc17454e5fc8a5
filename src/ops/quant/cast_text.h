/* Numbers as text and back, for Cast. */
#ifndef IG_OPS_QUANT_CAST_TEXT_H
#define IG_OPS_QUANT_CAST_TEXT_H

#include "ops/op.h"

/* Whole numbers in decimal, true as 1, floats with as few digits as read back to the same number but 8 if that many are right
 * ("0.1", "1e+10", "314.15926"), "NaN", "INF", "-INF". */
ig_status ig_cast_to_text(ig_call *c, const ig_tensor *from, ig_tensor *to);
/* Elements of `from` as doubles or, when `to` is a whole number type, as 64-bit integers stored in `to`. Text that is no number
 * is an error. `store` puts one real number. */
ig_status ig_cast_from_text(ig_call *c, const ig_tensor *from, ig_tensor *to, void (*store)(void *user, size_t i, double value),
                            void *user);

#endif
