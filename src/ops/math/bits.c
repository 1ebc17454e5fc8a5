/* BitShift, BitwiseAnd, BitwiseOr, BitwiseXor, BitwiseNot, BitCast. */
#include "ops/math/elementwise.h"

/* Shifts by a negative amount or by the width of the type and more leave only copies of the sign. The amount is compared as an
 * unsigned number of 64 bits, so that negative ones are huge. */
#define AMOUNT(y, width) ((uint64_t)(y) < (width))
#define LEFT(T, width)   AMOUNT(y, width) ? (T)((uint64_t)x << ((unsigned)y & 63)) : 0
#define RIGHT(T, width)  AMOUNT(y, width) ? (T)(x >> ((unsigned)y & (width - 1))) : (T)((x >> (width - 1)) >> 1)

#define SHIFT_LOOPS(name, EXPR)                                                                                                \
    IG_LOOP_2(name##_u8, uint8_t, uint8_t, uint8_t, EXPR(uint8_t, 8))                                                          \
    IG_LOOP_2(name##_u16, uint16_t, uint16_t, uint16_t, EXPR(uint16_t, 16))                                                    \
    IG_LOOP_2(name##_u32, uint32_t, uint32_t, uint32_t, EXPR(uint32_t, 32))                                                    \
    IG_LOOP_2(name##_u64, uint64_t, uint64_t, uint64_t, EXPR(uint64_t, 64))                                                    \
    IG_LOOP_2(name##_i8, int8_t, int8_t, int8_t, EXPR(int8_t, 8))                                                              \
    IG_LOOP_2(name##_i16, int16_t, int16_t, int16_t, EXPR(int16_t, 16))                                                        \
    IG_LOOP_2(name##_i32, int32_t, int32_t, int32_t, EXPR(int32_t, 32))                                                        \
    IG_LOOP_2(name##_i64, int64_t, int64_t, int64_t, EXPR(int64_t, 64))                                                        \
    static const ig_loop name##_loops[] = {IG_UNSIGNED_ROWS(IG_ROW_2, name), IG_SIGNED_ROWS(IG_ROW_2, name)};

SHIFT_LOOPS(left, LEFT)
SHIFT_LOOPS(right, RIGHT)

static ig_status infer_shift(ig_infer *c) {
    if (!ig_attr_is(c->node, "direction", "LEFT") && !ig_attr_is(c->node, "direction", "RIGHT")) {
        ig_str direction = ig_attr_str(c->node, "direction");
        return ig_infer_fail(c, "attribute 'direction' is '%.*s', not LEFT or RIGHT", (int)ig_min_size(direction.n, 40),
                             direction.s ? direction.s : "");
    }
    return ig_infer_broadcast(c);
}

static ig_status run_shift(ig_call *c) {
    if (ig_attr_is(c->node, "direction", "LEFT")) return ig_loop_call(c, left_loops, IG_COUNT_OF(left_loops), NULL, 0);
    return ig_loop_call(c, right_loops, IG_COUNT_OF(right_loops), NULL, 0);
}

IG_ELEMENTWISE(bit_shift, "BitShift", 11, IG_OP_INPLACE | IG_OP_INPLACE_1, infer_shift, run_shift)

/* Bits have no sign: one loop for each size. */
#define BITS_ROWS(ROW, name)                                                                                                   \
    ROW(name##_8, IG_U8), ROW(name##_8, IG_I8), ROW(name##_16, IG_U16), ROW(name##_16, IG_I16), ROW(name##_32, IG_U32),        \
        ROW(name##_32, IG_I32), ROW(name##_64, IG_U64), ROW(name##_64, IG_I64)

#define BITS_OP(symbol, text, since, op)                                                                                       \
    IG_LOOP_2(symbol##_8, uint8_t, uint8_t, uint8_t, x op y)                                                                   \
    IG_LOOP_2(symbol##_16, uint16_t, uint16_t, uint16_t, x op y)                                                               \
    IG_LOOP_2(symbol##_32, uint32_t, uint32_t, uint32_t, x op y)                                                               \
    IG_LOOP_2(symbol##_64, uint64_t, uint64_t, uint64_t, x op y)                                                               \
    static const ig_loop symbol##_loops[] = {BITS_ROWS(IG_ROW_2, symbol)};                                                     \
    IG_BINARY_OP(symbol, text, since, IG_OP_INPLACE | IG_OP_INPLACE_1, ig_infer_broadcast, symbol##_loops, 0)

BITS_OP(bitwise_and, "BitwiseAnd", 18, &)
BITS_OP(bitwise_or, "BitwiseOr", 18, |)
BITS_OP(bitwise_xor, "BitwiseXor", 18, ^)

IG_LOOP_1(bitwise_not_8, uint8_t, uint8_t, ~x)
IG_LOOP_1(bitwise_not_16, uint16_t, uint16_t, ~x)
IG_LOOP_1(bitwise_not_32, uint32_t, uint32_t, ~x)
IG_LOOP_1(bitwise_not_64, uint64_t, uint64_t, ~x)
static const ig_loop bitwise_not_loops[] = {BITS_ROWS(IG_ROW_1, bitwise_not)};
IG_UNARY_OP(bitwise_not, "BitwiseNot", 18, IG_OP_INPLACE, ig_infer_same, bitwise_not_loops, 0)

static ig_status infer_bit_cast(ig_infer *c) {
    int64_t to = ig_attr_int(c->node, "to");
    ig_dtype from = ig_infer_dtype(c, 0);
    ig_shape shape;
    if (!ig_dtype_valid(to) || to == IG_STRING)
        return ig_infer_fail(c, "attribute 'to' is %lld, which is no element type of fixed size", (long long)to);
    if (from && ig_dtypes[from].bits != ig_dtypes[to].bits)
        return ig_infer_fail(c, "elements of %s have %u bits, those of %s have %u", ig_dtype_name(from), ig_dtypes[from].bits,
                             ig_dtype_name((ig_dtype)to), ig_dtypes[to].bits);
    return ig_infer_set(c, 0, (ig_dtype)to, ig_infer_shape(c, 0, &shape) ? &shape : NULL);
}

static ig_status run_bit_cast(ig_call *c) {
    if (c->out[0] && c->in[0]->bytes) memmove(c->out[0]->data, c->in[0]->data, c->in[0]->bytes);
    return IG_OK;
}

IG_ELEMENTWISE(bit_cast, "BitCast", 26, IG_OP_INPLACE, infer_bit_cast, run_bit_cast)
