/* JSON trees: what Python's json module writes, and what nobody should. */
#include "cmocka_setup.h"
#include "codec/json.h"

#include <math.h>
#include <stdlib.h>

static ig_context *context_new(void) {
    ig_context *context;
    assert_int_equal(ig_context_create(&context, NULL, NULL), IG_OK);
    return context;
}

static void test_values(void **state) {
    IG_UNUSED(state);
    static const char text[] =
        "{\"a\": [1, -2.5, NaN, -Infinity, 1e400, 12345678901234567890], \"b\\u00e9\": \"x\\n\\ud83d\\ude00\", "
        "\"c\": {\"d\": null, \"e\": true}}";
    ig_context *context = context_new();
    ig_arena arena;
    ig_arena_init(&arena, context);
    const ig_json *v;
    ig_error err = {0};
    assert_int_equal(ig_json_parse(&v, &arena, ig_str_c(text), &err), IG_OK);
    const ig_json *a = ig_json_get(v, "a");
    assert_int_equal(ig_json_count(a), 6);
    assert_int_equal(ig_json_int(ig_json_at(a, 0), 0), 1);
    assert_true(ig_json_real(ig_json_at(a, 1), 0) == -2.5);
    assert_true(isnan(ig_json_real(ig_json_at(a, 2), 0)));
    assert_true(ig_json_real(ig_json_at(a, 3), 0) < 0 && isinf(ig_json_real(ig_json_at(a, 3), 0)));
    assert_true(isinf(ig_json_real(ig_json_at(a, 4), 0)));
    assert_true(ig_json_at(a, 5)->kind == IG_JSON_REAL);
    assert_null(ig_json_at(a, 6));
    assert_true(ig_json_is(ig_json_get(v, "b\xc3\xa9"), "x\n\xf0\x9f\x98\x80"));
    assert_null(ig_json_get(ig_json_get(v, "c"), "d")); /* null is as good as absent */
    assert_true(ig_json_bool(ig_json_get(ig_json_get(v, "c"), "e"), false));
    assert_true(ig_str_is(a->items[1].source, "-2.5"));
    ig_arena_free(&arena);
    ig_context_free(context);
}

static void test_malformed(void **state) {
    IG_UNUSED(state);
    static const char *const texts[] = {"",    "{",    "[1,",    "[1 2]", "{\"a\" 1}", "\"\\u12\"", "nul",
                                        "01x", "[1]]", "{1: 2}", "-",     "\"abc",     "[1,]",      "{\"a\": 1,}"};
    ig_context *context = context_new();
    for (size_t i = 0; i < IG_COUNT_OF(texts); i++) {
        ig_arena arena;
        ig_arena_init(&arena, context);
        const ig_json *v;
        ig_error err = {0};
        if (ig_json_parse(&v, &arena, ig_str_c(texts[i]), &err) == IG_OK) fail_msg("'%s' was taken for JSON", texts[i]);
        ig_arena_free(&arena);
    }
    ig_context_free(context);
}

static void test_deep(void **state) {
    IG_UNUSED(state);
    enum { N = 1000000 };
    char *text = malloc(N + 1);
    assert_non_null(text);
    memset(text, '[', N);
    text[N] = 0;
    ig_context *context = context_new();
    ig_arena arena;
    ig_arena_init(&arena, context);
    const ig_json *v;
    ig_error err = {0};
    assert_int_not_equal(ig_json_parse(&v, &arena, ig_str_c(text), &err), IG_OK);
    ig_arena_free(&arena);
    ig_context_free(context);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_deep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
