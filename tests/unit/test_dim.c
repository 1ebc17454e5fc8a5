/* Symbolic dims: normal form, parsing, text that reads back, proofs, limits. */
#include "cmocka_setup.h"

#include "graph/dim.h"

#include <stdio.h>

static ig_context *context;
static ig_arena arena;
static ig_syms syms;

static int setup(void **state) {
    IG_UNUSED(state);
    assert_int_equal(ig_context_create(&context, NULL, NULL), IG_OK);
    ig_arena_init(&arena, context);
    ig_syms_init(&syms, &arena);
    return 0;
}

static int teardown(void **state) {
    IG_UNUSED(state);
    ig_arena_free(&arena);
    assert_int_equal(ig_context_memory(context, NULL), 0);
    ig_context_free(context);
    return 0;
}

static ig_dim dim(const char *text) { return ig_dim_named(&syms, ig_str_c(text)); }

static const char *text_of(ig_dim d) {
    static char text[4096];
    ig_dim_text(d, text, sizeof text);
    return text;
}

static void equal_expressions_are_one(void **state) {
    IG_UNUSED(state);
    static const char *const pairs[][2] = {
        {"2*batch + 1", "1 + batch + batch"},
        {"(a + b)", "b + a"},
        {"(a + b)*(a - b)", "a*a - b*b"},
        {"(a+1)**2", "a**2 + 2*a + 1"},
        {"floor((2*a)/2)", "a"},
        {"floor((h + 2)/2)", "floor(h/2) + 1"},
        {"s0 // 2", "floor(s0/2)"},
        {"(s0 // 2) // 3", "s0 // 6"},
        {"((s0 // 2) + 1) // 3", "(s0 + 2) // 6"},
        {"FloorDiv(s0, 2)", "s0//2"},
        {"ceil(h/2)", "floor((h + 1)/2)"},
        {"ceiling(h/4) - 1", "(h - 1)//4"},
        {"(4*a + 2*b + 3)//6", "(2*a + b + 1)//3"},
        {"3*h//2", "h + h//2"},
        {"max(a, b)", "Max(b, a)"},
        {"max(a, a)", "a"},
        {"max(a, 0)", "a"},
        {"max(a + 1, a)", "a + 1"},
        {"min(a + b, b)", "b"},
        {"(a*b*768)//(a*64)", "12*b"},
        {"(b*(s + 1)*64)//((s + 1)*8)", "8*b"},
        {"a*0 + 3", "3"},
        {"10 - 3", "7"},
        {"Mod(a, 4)", "a - 4*(a//4)"},
        {"a % 4", "a - 4*floor(a/4)"},
        {"-(a - b)", "b - a"},
        {"a//-1", "-a"},
        {"floor(h/2 + 1/2)", "(h+1)//2"},
    };
    for (size_t i = 0; i < IG_COUNT_OF(pairs); i++) {
        ig_dim a = dim(pairs[i][0]), b = dim(pairs[i][1]);
        if (!ig_dim_equal(a, b)) {
            char text[256];
            ig_dim_text(a, text, sizeof text);
            fail_msg("%s is %s, %s is %s", pairs[i][0], text, pairs[i][1], text_of(b));
        }
    }
}

static void different_expressions_differ(void **state) {
    IG_UNUSED(state);
    assert_false(ig_dim_equal(dim("a"), dim("b")));
    assert_false(ig_dim_differ(dim("a"), dim("b")));
    assert_true(ig_dim_differ(dim("a"), dim("a + 1")));
    assert_true(ig_dim_differ(dim("a + 5"), dim("3")));
    assert_false(ig_dim_differ(dim("a + 3"), dim("3")));
    assert_false(ig_dim_differ(dim("a - 3"), dim("3")));
    assert_true(ig_dim_differ(dim("2"), dim("3")));
    assert_false(ig_dim_equal(ig_dim_unknown(), ig_dim_unknown()));
    assert_false(ig_dim_differ(ig_dim_unknown(), dim("3")));
    assert_false(ig_dim_equal(dim("a//2"), dim("(a+1)//2")));
    assert_false(ig_dim_equal(dim("max(a, b)"), dim("min(a, b)")));
}

static void text_reads_back(void **state) {
    IG_UNUSED(state);
    static const char *const texts[][2] = {
        {"batch", "batch"},
        {"7", "7"},
        {"1 + 2*batch", "2*batch + 1"},
        {"b - a", "b - a"},
        {"-a", "-a"},
        {"3 - a", "-a + 3"},
        {"(h + 1)//2", "floor((h + 1)/2)"},
        {"(2*h)//3", "floor(2*h/3)"},
        {"h//(2*w)", "floor(h/(2*w))"},
        {"h//(w + 1)", "floor(h/(w + 1))"},
        {"max(h, 3)*w", "w*max(h, 3)"},
        {"a*a*b - 2*c", "a*a*b - 2*c"},
        {"some name", "some name"},
        {"batch-size", "batch-size"},
        {"a +", "a +"},
        {"h/2", "h/2"},
        {"f(x)", "f(x)"},
        {"0x10", "0x10"},
        {"99999999999999999999", "99999999999999999999"},
        {"a//0", "a//0"},
    };
    for (size_t i = 0; i < IG_COUNT_OF(texts); i++) {
        ig_dim d = dim(texts[i][0]);
        assert_string_equal(text_of(d), texts[i][1]);
        assert_true(ig_dim_equal(dim(text_of(d)), d));
    }
    assert_string_equal(text_of(ig_dim_unknown()), "?");
    char small[4];
    assert_int_equal(ig_dim_text(dim("batch"), small, sizeof small), 3);
    assert_string_equal(small, "bat");
}

/* Random expressions: arithmetic agrees with the numbers that substitution gives. */
static int64_t value_of(void *user, ig_str name) {
    const int64_t *values = user;
    return name.n == 1 && name.s[0] >= 'a' && name.s[0] < 'e' ? values[name.s[0] - 'a'] : IG_UNKNOWN;
}

static uint64_t next_random(uint64_t *seed) {
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

static void arithmetic_agrees_with_numbers(void **state) {
    IG_UNUSED(state);
    static const char *const names[] = {"a", "b", "c", "d"};
    uint64_t seed = 7;
    for (int round = 0; round < 3000; round++) {
        int64_t values[4];
        for (int i = 0; i < 4; i++) values[i] = 1 + (int64_t)(next_random(&seed) % 50);
        ig_dim d = dim(names[next_random(&seed) % 4]);
        int64_t number = ig_dim_substitute(&syms, d, value_of, values).value;
        for (int step = 0; step < 8; step++) {
            int64_t k = 1 + (int64_t)(next_random(&seed) % 9), v = values[k % 4];
            ig_dim other = next_random(&seed) % 2 ? ig_dim_of(k) : dim(names[k % 4]);
            int64_t o = ig_dim_known(other) ? k : v;
            ig_dim before = d;
            switch (next_random(&seed) % 7) {
            case 0: d = ig_dim_add(&syms, d, other), number += o; break;
            case 1: d = ig_dim_sub(&syms, d, other), number -= o; break;
            case 2: d = ig_dim_mul(&syms, d, other), number *= o; break;
            case 3: d = ig_dim_floor_div(&syms, d, other), number = number / o - (number % o != 0 && number < 0); break;
            case 4: d = ig_dim_ceil_div(&syms, d, other), number = number / o + (number % o != 0 && number > 0); break;
            case 5: d = ig_dim_max(&syms, d, other), number = number > o ? number : o; break;
            default: d = ig_dim_min(&syms, d, other), number = number < o ? number : o; break;
            }
            if (!ig_dim_known(d) && !d.sym) break; /* grew too large */
            ig_dim got = ig_dim_substitute(&syms, d, value_of, values);
            if (got.value != number) fail_msg("%s is %lld, not %lld", text_of(d), (long long)got.value, (long long)number);
            char text[4000];
            if (ig_dim_text(d, text, sizeof text) < 1000 && !ig_dim_equal(dim(text), d)) fail_msg("%s doesn't read back", text);
            assert_false(ig_dim_differ(d, before) && got.value == ig_dim_substitute(&syms, before, value_of, values).value);
        }
    }
}

static void growth_has_bounds(void **state) {
    IG_UNUSED(state);
    ig_dim sum = ig_dim_of(0), deep = dim("x"), big = dim("y");
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        sum = ig_dim_add(&syms, sum, dim(name));
        deep = ig_dim_floor_div(&syms, ig_dim_add(&syms, deep, dim(name)), dim("y"));
        big = ig_dim_mul(&syms, big, ig_dim_of(1000));
    }
    assert_string_equal(text_of(sum), "?");
    assert_string_equal(text_of(deep), "?");
    assert_string_equal(text_of(big), "?");
    assert_string_equal(text_of(ig_dim_mul(&syms, ig_dim_of(INT64_MAX), ig_dim_of(2))), "?");
    assert_string_equal(text_of(ig_dim_sub(&syms, ig_dim_of(-INT64_MAX), ig_dim_of(1))), "?");
    assert_string_equal(text_of(ig_dim_floor_div(&syms, ig_dim_of(5), ig_dim_of(0))), "?");
    char nested[200];
    memset(nested, '(', sizeof nested);
    assert_true(ig_dim_named(&syms, (ig_str){nested, sizeof nested}).sym != NULL);
    memset(nested, '-', sizeof nested);
    assert_true(ig_dim_named(&syms, (ig_str){nested, sizeof nested}).sym != NULL);
}

static void merging_and_broadcasting(void **state) {
    IG_UNUSED(state);
    ig_dim out, fresh = ig_dim_fresh(&syms), unknown = ig_dim_unknown();
    assert_true(ig_dim_merge(unknown, dim("a"), &out) && ig_dim_equal(out, dim("a")));
    assert_true(ig_dim_merge(dim("a"), dim("3"), &out) && ig_dim_is(out, 3));
    assert_true(ig_dim_merge(dim("3"), dim("a"), &out) && ig_dim_is(out, 3));
    assert_true(ig_dim_merge(fresh, dim("a"), &out) && ig_dim_equal(out, dim("a")));
    assert_true(ig_dim_merge(dim("a"), fresh, &out) && ig_dim_equal(out, dim("a")));
    assert_false(ig_dim_merge(dim("3"), dim("4"), &out));
    assert_false(ig_dim_merge(dim("a + 4"), dim("3"), &out));
    assert_true(ig_dim_broadcast(&syms, dim("1"), dim("a"), &out) && ig_dim_equal(out, dim("a")));
    assert_true(ig_dim_broadcast(&syms, dim("a"), dim("1"), &out) && ig_dim_equal(out, dim("a")));
    assert_true(ig_dim_broadcast(&syms, dim("a"), dim("5"), &out) && ig_dim_is(out, 5));
    assert_true(ig_dim_broadcast(&syms, dim("5"), unknown, &out) && ig_dim_is(out, 5));
    assert_true(ig_dim_broadcast(&syms, dim("a"), dim("a"), &out) && ig_dim_equal(out, dim("a")));
    assert_true(ig_dim_broadcast(&syms, dim("a"), dim("b"), &out) && !ig_dim_known(out) && !out.sym);
    assert_true(ig_dim_broadcast(&syms, dim("a + 2"), dim("b"), &out) && ig_dim_equal(out, dim("a + 2")));
    assert_true(ig_dim_broadcast(&syms, dim("min(a, 512)"), dim("a"), &out) && ig_dim_equal(out, dim("a")));
    assert_true(ig_dim_broadcast(&syms, dim("a"), dim("min(a, 512)"), &out) && ig_dim_equal(out, dim("a")));
    assert_true(ig_dim_broadcast(&syms, dim("a"), dim("min(a, b)"), &out) && !out.sym);
    assert_false(ig_dim_broadcast(&syms, dim("2"), dim("3"), &out));
    assert_false(ig_dim_broadcast(&syms, dim("a + 4"), dim("3"), &out));
    assert_string_equal(text_of(ig_dim_fresh(&syms)), "unk__1");
    assert_true(ig_dim_is_fresh(fresh) && !ig_dim_is_fresh(dim("a")));
    assert_true(ig_str_is(ig_dim_name(dim("batch")), "batch"));
    assert_null(ig_dim_name(dim("2*batch")).s);
}

static void without_a_table_only_numbers(void **state) {
    IG_UNUSED(state);
    ig_dim a = dim("a");
    assert_true(ig_dim_is(ig_dim_add(NULL, ig_dim_of(2), ig_dim_of(3)), 5));
    assert_null(ig_dim_add(NULL, a, ig_dim_of(3)).sym);
    assert_ptr_equal(ig_dim_add(NULL, a, ig_dim_of(0)).sym, a.sym);
    assert_null(ig_dim_floor_div(NULL, a, ig_dim_of(3)).sym);
    assert_null(ig_dim_max(NULL, a, ig_dim_of(3)).sym);
    assert_null(ig_dim_named(NULL, IG_STR("x")).sym);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_expressions_are_one),
        cmocka_unit_test(different_expressions_differ),
        cmocka_unit_test(text_reads_back),
        cmocka_unit_test(arithmetic_agrees_with_numbers),
        cmocka_unit_test(growth_has_bounds),
        cmocka_unit_test(merging_and_broadcasting),
        cmocka_unit_test(without_a_table_only_numbers),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
