/* Number types: every code of every small float, halves against the compiler's own, packing of sub-byte elements. */
#include "cmocka_setup.h"

#include "base/base.h"

#include <math.h>

static void small_floats_decode_and_encode_back(void **state) {
    IG_UNUSED(state);
    static const ig_dtype types[] = {IG_F8E4M3FN, IG_F8E4M3FNUZ, IG_F8E5M2, IG_F8E5M2FNUZ,
                                     IG_F4E2M1,   IG_F6E2M3,     IG_F6E3M2, IG_F8E8M0};
    for (size_t t = 0; t < IG_COUNT_OF(types); t++)
        for (unsigned code = 0; code < 1u << ig_dtypes[types[t]].bits; code++) {
            float v = ig_small_float_decode(types[t], (uint8_t)code);
            uint8_t back = ig_small_float_encode(types[t], v, false);
            if (isnan(v))
                assert_true(isnan(ig_small_float_decode(types[t], back)));
            else
                assert_int_equal(back, code);
        }
}

static void small_floats_know_their_limits(void **state) {
    IG_UNUSED(state);
    assert_float_equal(ig_small_float_decode(IG_F8E4M3FN, 0x7E), 448, 0);
    assert_float_equal(ig_small_float_decode(IG_F8E4M3FNUZ, 0x7F), 240, 0);
    assert_float_equal(ig_small_float_decode(IG_F8E5M2, 0x7B), 57344, 0);
    assert_float_equal(ig_small_float_decode(IG_F8E5M2FNUZ, 0x7F), 57344, 0);
    assert_float_equal(ig_small_float_decode(IG_F4E2M1, 7), 6, 0);
    assert_float_equal(ig_small_float_decode(IG_F6E2M3, 0x1F), 7.5, 0);
    assert_float_equal(ig_small_float_decode(IG_F6E3M2, 0x1F), 28, 0);
    assert_int_equal(ig_small_float_encode(IG_F8E4M3FN, 1e6f, true), 0x7E);
    assert_int_equal(ig_small_float_encode(IG_F8E4M3FN, 1e6f, false), 0x7F);
    assert_int_equal(ig_small_float_encode(IG_F8E5M2, INFINITY, false), 0x7C);
    assert_int_equal(ig_small_float_encode(IG_F8E5M2, -INFINITY, true), 0xFB);
    assert_int_equal(ig_small_float_encode(IG_F8E4M3FNUZ, -0.0f, true), 0);
    assert_int_equal(ig_small_float_encode(IG_F4E2M1, 2.5f, true), 4); /* tie to even */
    assert_int_equal(ig_small_float_encode(IG_F4E2M1, 3.5f, true), 6);
}

#ifdef __FLT16_MAX__ /* clang has half floats on x86 from version 15 on */
static void halves_agree_with_the_compiler(void **state) {
    IG_UNUSED(state);
    for (unsigned code = 0; code < 0x10000; code++) {
        _Float16 h;
        uint16_t bits = (uint16_t)code;
        memcpy(&h, &bits, 2);
        float f = ig_f16_to_f32(bits);
        if (isnan(f)) {
            assert_true(isnan((float)h));
            continue;
        }
        assert_true(f == (float)h);
        assert_int_equal(ig_f32_to_f16(f), code);
        if (isinf(f)) continue;
        float next = nextafterf(f, INFINITY), middle = f + (ig_f16_to_f32((uint16_t)(code + 1)) - f) / 2;
        const float tries[] = {next, middle, nextafterf(middle, INFINITY), nextafterf(middle, -INFINITY)};
        for (size_t i = 0; i < IG_COUNT_OF(tries); i++) {
            _Float16 want = (_Float16)tries[i];
            uint16_t want_bits;
            memcpy(&want_bits, &want, 2);
            if (!isnan(tries[i])) assert_int_equal(ig_f32_to_f16(tries[i]), want_bits);
        }
    }
}
#else
static void halves_agree_with_the_compiler(void **state) {
    IG_UNUSED(state);
    skip();
}
#endif

static void sub_byte_elements_pack_from_the_low_bits(void **state) {
    IG_UNUSED(state);
    static const ig_dtype types[] = {IG_U2, IG_U4, IG_F6E2M3, IG_U8};
    for (size_t t = 0; t < IG_COUNT_OF(types); t++) {
        uint8_t data[64] = {0};
        unsigned mask = (1u << ig_dtypes[types[t]].bits) - 1;
        for (size_t i = 0; i < 37; i++) ig_store_bits(types[t], data, i, (uint8_t)(i * 7 & mask));
        for (size_t i = 0; i < 37; i++) assert_int_equal(ig_load_bits(types[t], data, i), i * 7 & mask);
    }
    const uint8_t int4[] = {0x8F};
    assert_int_equal(ig_load_as_i64(IG_I4, int4, 0), -1);
    assert_int_equal(ig_load_as_i64(IG_I4, int4, 1), -8);
}

static void sizes_round_up_and_refuse_overflow(void **state) {
    IG_UNUSED(state);
    size_t bytes;
    assert_true(ig_dtype_size(IG_I4, 5, &bytes));
    assert_int_equal(bytes, 3);
    assert_true(ig_dtype_size(IG_F6E2M3, 5, &bytes));
    assert_int_equal(bytes, 4);
    assert_false(ig_dtype_size(IG_F64, INT64_MAX, &bytes));
    const int64_t wraps[] = {1LL << 32, 1LL << 32}, negative[] = {-1}, zero[] = {0, INT64_MAX};
    int64_t count;
    assert_false(ig_dims_count(2, wraps, &count));
    assert_false(ig_dims_count(1, negative, &count));
    assert_true(ig_dims_count(2, zero, &count));
    assert_int_equal(count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_floats_decode_and_encode_back), cmocka_unit_test(small_floats_know_their_limits),
        cmocka_unit_test(halves_agree_with_the_compiler),      cmocka_unit_test(sub_byte_elements_pack_from_the_low_bits),
        cmocka_unit_test(sizes_round_up_and_refuse_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
