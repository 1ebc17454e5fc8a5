/* Sorting: elements of any real number type as 64-bit keys that sort like them. */
#ifndef IG_OPS_INDEX_ORDER_H
#define IG_OPS_INDEX_ORDER_H

#include "ops/op.h"

/* Element i of a real number type as a key: smaller elements have smaller keys, equal ones (also 0 and -0, and all NaNs) the
 * same; NaN is the largest. */
uint64_t ig_order_key(ig_dtype dtype, const void *data, size_t i);
/* Keys of n elements `step` apart from index `first`. */
void ig_order_keys(ig_dtype dtype, const void *data, size_t first, size_t step, size_t n, uint64_t *keys);

/* Sorts indices by what they stand for, stable. `room` has as many entries. The order is negative, zero or positive. */
typedef int (*ig_order_fn)(const void *arg, size_t a, size_t b);
void ig_order_indices(size_t *indices, size_t n, size_t *room, ig_order_fn order, const void *arg);

#endif
