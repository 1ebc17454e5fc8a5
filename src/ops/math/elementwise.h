/* What elementwise operators share: inference with contents, the broadcasting of old operator versions, and how a row of a list
 * becomes an operator. */
#ifndef IG_OPS_MATH_ELEMENTWISE_H
#define IG_OPS_MATH_ELEMENTWISE_H

#include "ops/loops/map.h"

/* Content of an output element from the contents of the inputs' elements; unknown when it can't be said. */
typedef ig_dim (*ig_content_1)(ig_syms *syms, ig_dim x);
typedef ig_dim (*ig_content_2)(ig_syms *syms, ig_dim x, ig_dim y);

/* Sets what is known of output 0's content when the inputs are whole numbers; `content` may be NULL. Contents that the output's
 * type does not hold are unknown. */
ig_status ig_infer_content_1(ig_infer *c, ig_content_1 content);
ig_status ig_infer_content_2(ig_infer *c, ig_content_2 content);

/* Output 0 like input 0, and content. */
ig_status ig_infer_unary(ig_infer *c, ig_content_1 content);
/* Two inputs, broadcast by numpy's rules or, before opset 7, by the attributes `broadcast` and `axis`. dtype 0: of input 0. */
ig_status ig_infer_binary(ig_infer *c, ig_dtype dtype, ig_content_2 content);

/* The kernel of such an operator with two inputs: the loop for the type of input 0. */
ig_status ig_binary_call(ig_call *c, const ig_loop *loops, size_t n, const void *params, size_t grain);
/* Inputs 0 and 1 as operands; `dims` holds those of input 1 under the old rules. */
ig_status ig_binary_operands(ig_call *c, ig_operand *in, int64_t dims[IG_MAX_RANK]);

/* ig_op_<symbol> for all versions of an operator of ai.onnx. */
#define IG_ELEMENTWISE(symbol, text, since_, flags_, infer_, run_)                                                             \
    const ig_op ig_op_##symbol = {.domain = "", .name = text, .since = since_, .flags = flags_, .infer = infer_, .run = run_};

#define IG_UNARY_OP(symbol, text, since, flags, infer, loops, grain)                                                           \
    static ig_status run_##symbol(ig_call *c) { return ig_loop_call(c, loops, IG_COUNT_OF(loops), NULL, grain); }              \
    IG_ELEMENTWISE(symbol, text, since, flags, infer, run_##symbol)

#define IG_BINARY_OP(symbol, text, since, flags, infer, loops, grain)                                                          \
    static ig_status run_##symbol(ig_call *c) { return ig_binary_call(c, loops, IG_COUNT_OF(loops), NULL, grain); }            \
    IG_ELEMENTWISE(symbol, text, since, flags, infer, run_##symbol)

/* Rows of a table: a loop whose inputs have type T, and whose output has it too or is true or false. */
#define IG_ROW_1(fn, T)      IG_LOOP_ROW(fn, T, T)
#define IG_ROW_2(fn, T)      IG_LOOP_ROW(fn, T, T, T)
#define IG_ROW_1_BOOL(fn, T) IG_LOOP_ROW(fn, IG_BOOL, T)
#define IG_ROW_2_BOOL(fn, T) IG_LOOP_ROW(fn, IG_BOOL, T, T)

/* Rows for loops name_u8, name_i8, … */
#define IG_UNSIGNED_ROWS(ROW, name)                                                                                            \
    ROW(name##_u8, IG_U8), ROW(name##_u16, IG_U16), ROW(name##_u32, IG_U32), ROW(name##_u64, IG_U64)
#define IG_SIGNED_ROWS(ROW, name)                                                                                              \
    ROW(name##_i8, IG_I8), ROW(name##_i16, IG_I16), ROW(name##_i32, IG_I32), ROW(name##_i64, IG_I64)

/* Rows for both loops of a line of kernels/loops/loops.def. */
#define IG_REAL_ROW(name, R, ...)                                                                                              \
    { .out = R, .in = {__VA_ARGS__}, .real = IG_REAL_##name }
#define IG_REAL_ROWS_1(name) IG_REAL_ROW(name##_f32, IG_F32, IG_F32), IG_REAL_ROW(name##_f64, IG_F64, IG_F64)
#define IG_REAL_ROWS_2(name) IG_REAL_ROW(name##_f32, IG_F32, IG_F32, IG_F32), IG_REAL_ROW(name##_f64, IG_F64, IG_F64, IG_F64)
#define IG_REAL_ROWS_3(name)                                                                                                   \
    IG_REAL_ROW(name##_f32, IG_F32, IG_F32, IG_F32, IG_F32), IG_REAL_ROW(name##_f64, IG_F64, IG_F64, IG_F64, IG_F64)

/* Rows for loops name_f32 and name_f64 of the file. */
#define IG_F32_F64_ROWS(ROW, name) ROW(name##_f32, IG_F32), ROW(name##_f64, IG_F64)
#define IG_WHOLE_ROWS(ROW, name)   IG_SIGNED_ROWS(ROW, name), IG_UNSIGNED_ROWS(ROW, name)
#define IG_NUMBER_ROWS(ROW, name)  IG_F32_F64_ROWS(ROW, name), IG_WHOLE_ROWS(ROW, name)

/* Loops for all types of a kind. */
#define IG_UNSIGNED_LOOPS_2(name, expr)                                                                                        \
    IG_LOOP_2(name##_u8, uint8_t, uint8_t, uint8_t, expr)                                                                      \
    IG_LOOP_2(name##_u16, uint16_t, uint16_t, uint16_t, expr)                                                                  \
    IG_LOOP_2(name##_u32, uint32_t, uint32_t, uint32_t, expr)                                                                  \
    IG_LOOP_2(name##_u64, uint64_t, uint64_t, uint64_t, expr)
#define IG_SIGNED_LOOPS_2(name, expr)                                                                                          \
    IG_LOOP_2(name##_i8, int8_t, int8_t, int8_t, expr)                                                                         \
    IG_LOOP_2(name##_i16, int16_t, int16_t, int16_t, expr)                                                                     \
    IG_LOOP_2(name##_i32, int32_t, int32_t, int32_t, expr)                                                                     \
    IG_LOOP_2(name##_i64, int64_t, int64_t, int64_t, expr)
#define IG_F32_F64_LOOPS_1(name, expr)                                                                                         \
    IG_LOOP_1(name##_f32, float, float, expr)                                                                                  \
    IG_LOOP_1(name##_f64, double, double, expr)
#define IG_WHOLE_LOOPS_2(name, expr)                                                                                           \
    IG_UNSIGNED_LOOPS_2(name, expr)                                                                                            \
    IG_SIGNED_LOOPS_2(name, expr)

#endif
