/* And, Or, Xor, Not; Equal, Greater, Less and their kin. */
#include "ops/math/elementwise.h"

/* Anything but 0 is true, also where a file's bytes say 2. */
#define LOGIC_OP(symbol, text, since, expr, content)                                                                           \
    IG_LOOP_2(symbol, bool, uint8_t, uint8_t, expr)                                                                            \
    static const ig_loop symbol##_loops[] = {IG_LOOP_ROW(symbol, IG_BOOL, IG_BOOL, IG_BOOL)};                                  \
    static ig_status infer_##symbol(ig_infer *c) { return ig_infer_binary(c, IG_BOOL, content); }                              \
    IG_BINARY_OP(symbol, text, since, IG_OP_INPLACE | IG_OP_INPLACE_1, infer_##symbol, symbol##_loops, 0)

static ig_dim truth(bool known, bool value) { return known ? ig_dim_of(value) : ig_dim_unknown(); }

static ig_dim content_and(ig_syms *syms, ig_dim x, ig_dim y) {
    IG_UNUSED(syms);
    if (ig_dim_is(x, 0) || ig_dim_is(y, 0)) return ig_dim_of(0);
    return truth(ig_dim_known(x) && ig_dim_known(y), true);
}
static ig_dim content_or(ig_syms *syms, ig_dim x, ig_dim y) {
    IG_UNUSED(syms);
    if (ig_dim_is(x, 1) || ig_dim_is(y, 1)) return ig_dim_of(1);
    return truth(ig_dim_known(x) && ig_dim_known(y), false);
}
static ig_dim content_xor(ig_syms *syms, ig_dim x, ig_dim y) {
    IG_UNUSED(syms);
    return truth(ig_dim_known(x) && ig_dim_known(y), x.value != y.value);
}
static ig_dim content_not(ig_syms *syms, ig_dim x) {
    IG_UNUSED(syms);
    return truth(ig_dim_known(x), x.value == 0);
}

LOGIC_OP(and, "And", 1, x &&y, content_and)
LOGIC_OP(or, "Or", 1, x || y, content_or)
LOGIC_OP(xor, "Xor", 1, !x != !y, content_xor)

IG_LOOP_1(not, bool, uint8_t, !x)
static const ig_loop not_loops[] = {IG_LOOP_ROW(not, IG_BOOL, IG_BOOL)};
static ig_status infer_not(ig_infer *c) { return ig_infer_unary(c, content_not); }
IG_UNARY_OP(not, "Not", 1, IG_OP_INPLACE, infer_not, not_loops, 0)

/* -------------------------------------------------------------------------------------------------------- comparisons */

static ig_dim content_equal(ig_syms *syms, ig_dim x, ig_dim y) {
    IG_UNUSED(syms);
    return truth(ig_dim_equal(x, y) || ig_dim_differ(x, y), ig_dim_equal(x, y));
}
static ig_dim content_greater(ig_syms *syms, ig_dim x, ig_dim y) {
    ig_dim d = ig_dim_sub(syms, x, y);
    return truth(ig_dim_known(d), d.value > 0);
}
static ig_dim content_less(ig_syms *syms, ig_dim x, ig_dim y) { return content_greater(syms, y, x); }
static ig_dim content_less_or_equal(ig_syms *syms, ig_dim x, ig_dim y) {
    return content_not(syms, content_greater(syms, x, y));
}
static ig_dim content_greater_or_equal(ig_syms *syms, ig_dim x, ig_dim y) {
    return content_not(syms, content_greater(syms, y, x));
}

#define COMPARE_LOOPS(name, op)                                                                                                \
    IG_LOOP_2(name##_u8, bool, uint8_t, uint8_t, x op y)                                                                       \
    IG_LOOP_2(name##_u16, bool, uint16_t, uint16_t, x op y)                                                                    \
    IG_LOOP_2(name##_u32, bool, uint32_t, uint32_t, x op y)                                                                    \
    IG_LOOP_2(name##_u64, bool, uint64_t, uint64_t, x op y)                                                                    \
    IG_LOOP_2(name##_i8, bool, int8_t, int8_t, x op y)                                                                         \
    IG_LOOP_2(name##_i16, bool, int16_t, int16_t, x op y)                                                                      \
    IG_LOOP_2(name##_i32, bool, int32_t, int32_t, x op y)                                                                      \
    IG_LOOP_2(name##_i64, bool, int64_t, int64_t, x op y)                                                                      \
    IG_LOOP_2(name##_f32, bool, float, float, x op y)                                                                          \
    IG_LOOP_2(name##_f64, bool, double, double, x op y)

#define COMPARE_OP(symbol, text, since, op)                                                                                    \
    COMPARE_LOOPS(symbol, op)                                                                                                  \
    static const ig_loop symbol##_loops[] = {IG_NUMBER_ROWS(IG_ROW_2_BOOL, symbol)};                                           \
    static ig_status infer_##symbol(ig_infer *c) { return ig_infer_binary(c, IG_BOOL, content_##symbol); }                     \
    IG_BINARY_OP(symbol, text, since, 0, infer_##symbol, symbol##_loops, 0)

COMPARE_OP(greater, "Greater", 1, >)
COMPARE_OP(greater_or_equal, "GreaterOrEqual", 12, >=)
COMPARE_OP(less, "Less", 1, <)
COMPARE_OP(less_or_equal, "LessOrEqual", 12, <=)

COMPARE_LOOPS(equal, ==)
IG_LOOP_2(equal_bool, bool, uint8_t, uint8_t, !x == !y)
IG_LOOP_2(equal_string, bool, ig_str, ig_str, ig_str_eq(x, y))
static const ig_loop equal_loops[] = {IG_NUMBER_ROWS(IG_ROW_2_BOOL, equal), IG_ROW_2_BOOL(equal_bool, IG_BOOL),
                                      IG_ROW_2_BOOL(equal_string, IG_STRING)};
static ig_status infer_equal(ig_infer *c) { return ig_infer_binary(c, IG_BOOL, content_equal); }
IG_BINARY_OP(equal, "Equal", 1, 0, infer_equal, equal_loops, 0)
