#include "cmocka_setup.h"

#include <igata/igata.h>
#include <math.h>
#include <string.h>

static ig_tensor *floats(const float *v, int64_t n) { return ig_tensor_borrow(IG_F32, 1, &n, (void *)(uintptr_t)v); }

static ig_difference diff(ig_tensor *a, ig_tensor *e, double rtol, double atol) {
    ig_difference d;
    ig_tensor_compare(&d, a, e, rtol, atol);
    ig_tensor_free(a);
    ig_tensor_free(e);
    return d;
}

static void floats_within(void **state) {
    (void)state;
    const float a[] = {1.0f, 2.001f, NAN, INFINITY, -INFINITY}, e[] = {1.0f, 2.0f, NAN, INFINITY, -INFINITY};
    ig_difference d = diff(floats(a, 5), floats(e, 5), 1e-3, 0);
    assert_true(d.equal);
    assert_int_equal(d.total, 5);
    assert_true(d.max_abs > 0.0009 && d.max_abs < 0.0011);
    d = diff(floats(a, 5), floats(e, 5), 1e-4, 0);
    assert_false(d.equal);
    assert_int_equal(d.differing, 1);
    assert_string_equal(d.reason, "1 of 5 values differ, the most at [1]: 2.00099993, expected 2");
}

static void special_values_differ(void **state) {
    (void)state;
    const float a[] = {NAN, 1, INFINITY, INFINITY, 1}, e[] = {1, NAN, -INFINITY, 1, INFINITY};
    ig_difference d = diff(floats(a, 5), floats(e, 5), 1e9, 1e9);
    assert_false(d.equal);
    assert_int_equal(d.differing, 5);
}

static void integers(void **state) {
    (void)state;
    int64_t n = 2, a[] = {INT64_MAX, -5}, e[] = {INT64_MAX - 1, -5};
    ig_difference d = diff(ig_tensor_borrow(IG_I64, 1, &n, a), ig_tensor_borrow(IG_I64, 1, &n, e), 1, 0.5);
    assert_false(d.equal);
    assert_int_equal(d.differing, 1);
    assert_true(diff(ig_tensor_borrow(IG_I64, 1, &n, a), ig_tensor_borrow(IG_I64, 1, &n, e), 0, 1).equal);
    uint8_t p[] = {255, 0}, q[] = {254, 1};
    assert_true(diff(ig_tensor_borrow(IG_U8, 1, &n, p), ig_tensor_borrow(IG_U8, 1, &n, q), 0, 1).equal);
    uint8_t t[] = {1, 0}, f[] = {1, 1};
    assert_false(diff(ig_tensor_borrow(IG_BOOL, 1, &n, t), ig_tensor_borrow(IG_BOOL, 1, &n, f), 1, 1).equal);
}

static void types_and_shapes(void **state) {
    (void)state;
    float v[6] = {0};
    int64_t a[] = {2, 3}, e[] = {3, 2};
    ig_difference d = diff(ig_tensor_borrow(IG_F32, 2, a, v), ig_tensor_borrow(IG_F32, 2, e, v), 0, 0);
    assert_string_equal(d.reason, "shape float[2,3], expected float[3,2]");
    d = diff(ig_tensor_borrow(IG_F32, 2, a, v), ig_tensor_borrow(IG_I32, 2, a, v), 0, 0);
    assert_string_equal(d.reason, "type float[2,3], expected int32[2,3]");
}

static void other_kinds(void **state) {
    (void)state;
    ig_context *context;
    assert_int_equal(ig_context_create(&context, NULL, NULL), IG_OK);
    const float one = 1, two = 2;
    const ig_str words[] = {{"a\x1b[31m", 6}, {"b", 1}}, others[] = {{"a\x1b[31m", 6}, {"c\x1b", 2}};
    int64_t n = 2;
    ig_tensor *items[] = {floats(&one, 1), NULL}, *expected[] = {floats(&one, 1), NULL}, *a, *e;
    assert_int_equal(ig_tensor_create_strings(&items[1], context, 1, &n, words, NULL), IG_OK);
    assert_int_equal(ig_tensor_create_strings(&expected[1], context, 1, &n, others, NULL), IG_OK);
    assert_int_equal(ig_tensor_create_sequence(&a, context, items, 2, NULL), IG_OK);
    assert_int_equal(ig_tensor_create_sequence(&e, context, expected, 2, NULL), IG_OK);
    ig_difference d;
    ig_tensor_compare(&d, a, a, 0, 0);
    assert_true(d.equal);
    ig_tensor_compare(&d, a, e, 0, 0);
    assert_false(d.equal);
    assert_string_equal(d.reason, "entry 1: 1 of 2 values differ, the most at [1]: 'b', expected 'c\\x1b'");
    ig_tensor_compare(&d, a, items[0], 0, 0);
    assert_string_equal(d.reason, "a sequence, expected a tensor");
    ig_tensor *none = NULL, *other = floats(&two, 1);
    assert_int_equal(ig_tensor_create_none(&none, context, NULL), IG_OK);
    ig_tensor_compare(&d, none, none, 0, 0);
    assert_true(d.equal);
    ig_tensor_compare(&d, other, none, 0, 0);
    assert_string_equal(d.reason, "a tensor, expected absent");
    for (int i = 0; i < 2; i++) {
        ig_tensor_free(items[i]);
        ig_tensor_free(expected[i]);
    }
    ig_tensor_free(a);
    ig_tensor_free(e);
    ig_tensor_free(none);
    ig_tensor_free(other);
    assert_int_equal(ig_context_memory(context, NULL), 0);
    ig_context_free(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_within),    cmocka_unit_test(special_values_differ), cmocka_unit_test(integers),
        cmocka_unit_test(types_and_shapes), cmocka_unit_test(other_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
