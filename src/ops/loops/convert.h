/* Elements of one number type to another, by the block. The rules are those of ONNX Cast with its defaults: floats go to whole
 * numbers by truncation, whole numbers keep their low bits, everything but zero is true, floats round to nearest even, small
 * floats saturate. What ONNX leaves undefined: a float out of the range of int64, uint64 or int32 becomes the
 * nearest number there, for smaller types it is first made an int64; NaN is 0. */
#ifndef IG_OPS_LOOPS_CONVERT_H
#define IG_OPS_LOOPS_CONVERT_H

#include "kernels/loops/loops.h"

/* n elements from index `first` of `src` to index `at` of `dst`; real number types (no strings, no complex numbers), or any
 * type to itself. Element types of a byte or more are aligned. The blocks may not overlap. */
void ig_convert(ig_dtype from, const void *src, size_t first, ig_dtype to, void *dst, size_t at, size_t n);
/* The same with the loops of an instruction set (ig_kernels_of(context)->loops), which are faster for half floats. */
void ig_convert_on(const ig_loops *loops, ig_dtype from, const void *src, size_t first, ig_dtype to, void *dst, size_t at,
                   size_t n);

#endif
