#include "ops/loops/fold.h"

#include <math.h>

/* ---------------------------------------------------------------------------------------------------- float: the kernels */

#define SUM_F32(name)                                                                                                          \
    static void along_##name##_f32(const ig_folds *k, void *acc, const void *x, size_t n) { *(double *)acc += k->name(x, n); } \
    static void across_##name##_f32(const ig_folds *k, void *acc, const void *x, size_t step, size_t rows, size_t width) {     \
        k->name##_rows(acc, x, step, rows, width);                                                                             \
    }
#define EXTREME_F32(name, better)                                                                                              \
    static void along_##name##_f32(const ig_folds *k, void *acc, const void *x, size_t n) {                                    \
        double v = (double)k->name(x, n), *a = acc;                                                                            \
        if (v better * a || isnan(v)) *a = v;                                                                                  \
    }                                                                                                                          \
    static void across_##name##_f32(const ig_folds *k, void *acc, const void *x, size_t step, size_t rows, size_t width) {     \
        k->name##_rows(acc, x, step, rows, width);                                                                             \
    }
SUM_F32(sum)
SUM_F32(sum_abs)
SUM_F32(sum_square)
EXTREME_F32(max, >)
EXTREME_F32(min, <)

/* --------------------------------------------------------------------------------------------------------- other types */

/* The accumulator becomes step(accumulator, element). */
#define STEPS(name, type, result, step_of)                                                                                     \
    static void along_##name(const ig_folds *k, void *acc, const void *p, size_t n) {                                          \
        const type *x = p;                                                                                                     \
        result a = *(result *)acc;                                                                                             \
        IG_UNUSED(k);                                                                                                          \
        for (size_t i = 0; i < n; i++) a = step_of(a, (result)x[i]);                                                           \
        *(result *)acc = a;                                                                                                    \
    }                                                                                                                          \
    static void across_##name(const ig_folds *k, void *acc, const void *p, size_t step, size_t rows, size_t width) {           \
        const type *restrict x = p;                                                                                            \
        result *restrict a = acc;                                                                                              \
        IG_UNUSED(k);                                                                                                          \
        for (size_t r = 0; r < rows; r++, x += step) {                                                                         \
            for (size_t i = 0; i < width; i++) a[i] = step_of(a[i], (result)x[i]);                                             \
        }                                                                                                                      \
    }

/* Long sums of doubles lose less in several parts. */
#define SUM_F64(name, term)                                                                                                    \
    static void along_##name##_f64(const ig_folds *k, void *acc, const void *p, size_t n) {                                    \
        const double *x = p;                                                                                                   \
        double lanes[8] = {0};                                                                                                 \
        size_t i = 0;                                                                                                          \
        IG_UNUSED(k);                                                                                                          \
        for (; i + 8 <= n; i += 8) {                                                                                           \
            for (size_t j = 0; j < 8; j++) lanes[j] += term(x[i + j]);                                                         \
        }                                                                                                                      \
        for (; i < n; i++) lanes[i % 8] += term(x[i]);                                                                         \
        for (size_t j = 0; j < 8; j++) *(double *)acc += lanes[j];                                                             \
    }                                                                                                                          \
    static void across_##name##_f64(const ig_folds *k, void *acc, const void *p, size_t step, size_t rows, size_t width) {     \
        const double *restrict x = p;                                                                                          \
        double *restrict a = acc;                                                                                              \
        IG_UNUSED(k);                                                                                                          \
        for (size_t r = 0; r < rows; r++, x += step) {                                                                         \
            for (size_t i = 0; i < width; i++) a[i] += term(x[i]);                                                             \
        }                                                                                                                      \
    }

#define ITSELF(x)         (x)
#define SQUARE(x)         ((x) * (x))
#define PLUS(a, x)        ((a) + (x))
#define PLUS_SQUARE(a, x) ((a) + (x) * (x))
/* Integers wrap: unsigned arithmetic. */
#define PLUS_ABS(a, x)    ((a) + ((x) >> 63 ? 0 - (x) : (x)))
#define TIMES(a, x)       ((a) * (x))
#define GREATER(a, x)     ((((x) > (a)) | ((x) != (x))) ? (x) : (a))
#define LESS(a, x)        ((((x) < (a)) | ((x) != (x))) ? (x) : (a))
#define INT_GREATER(a, x) ((x) > (a) ? (x) : (a))
#define INT_LESS(a, x)    ((x) < (a) ? (x) : (a))

STEPS(prod_f32, float, double, TIMES)
SUM_F64(sum, ITSELF)
SUM_F64(sum_abs, fabs)
SUM_F64(sum_square, SQUARE)
STEPS(prod_f64, double, double, TIMES)
STEPS(max_f64, double, double, GREATER)
STEPS(min_f64, double, double, LESS)
STEPS(sum_i64, uint64_t, uint64_t, PLUS)
STEPS(sum_abs_i64, uint64_t, uint64_t, PLUS_ABS)
STEPS(sum_square_i64, uint64_t, uint64_t, PLUS_SQUARE)
STEPS(prod_i64, uint64_t, uint64_t, TIMES)
STEPS(max_i64, int64_t, int64_t, INT_GREATER)
STEPS(min_i64, int64_t, int64_t, INT_LESS)

#define FOLDER(name, type)                                                                                                     \
    { along_##name##_##type, across_##name##_##type }
#define FOLDERS(type)                                                                                                          \
    {                                                                                                                          \
        FOLDER(sum, type), FOLDER(sum_abs, type), FOLDER(sum_square, type), FOLDER(sum, type), FOLDER(prod, type),             \
            FOLDER(min, type), FOLDER(max, type)                                                                               \
    }
/* In the order of ig_fold. */
static const ig_folder folders[][IG_FOLD_COUNT] = {FOLDERS(f32), FOLDERS(f64), FOLDERS(i64)};

ig_folder ig_folder_of(ig_fold fold, ig_dtype work) { return folders[work == IG_F32 ? 0 : work == IG_F64 ? 1 : 2][fold]; }

ig_folder ig_folder_join(ig_fold fold, ig_dtype work) {
    return ig_folder_of(fold >= IG_FOLD_PROD ? fold : IG_FOLD_SUM, work == IG_F32 ? IG_F64 : work);
}
