/* The types that kernels compute in: others are converted to one of three work types by the block (loops/convert.h), and
 * results are rounded once, when they are stored. */
#ifndef IG_OPS_LOOPS_WORK_H
#define IG_OPS_LOOPS_WORK_H

#include "base/base.h"

/* float for floats of 32 bits or less, double, int64 for integers and bool (uint64 as the same bits); undefined for strings and
 * complex numbers. */
static inline ig_dtype ig_work_type(ig_dtype dtype) {
    switch (ig_dtype_number(dtype)) {
    case IG_NUMBER_BOOL:
    case IG_NUMBER_UNSIGNED:
    case IG_NUMBER_SIGNED: return IG_I64;
    case IG_NUMBER_FLOAT: return dtype == IG_F64 ? IG_F64 : IG_F32;
    default: return IG_UNDEFINED;
    }
}

#endif
