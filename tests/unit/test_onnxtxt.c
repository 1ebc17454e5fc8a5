/* ONNX's textual syntax: what is read and printed again, and where the errors are. */
#include "cmocka_setup.h"
#include "fail_alloc.h"

#include "graph/graph.h"

#include <stdio.h>
#include <stdlib.h>

static const ig_open_options as_text = {IG_OPTIONS(ig_open_options), .format = "onnxtxt"};

typedef struct printed {
    char text[4096];
    size_t n;
} printed;

static bool take(void *user, const char *text, size_t n) {
    printed *p = user;
    if (n >= sizeof p->text - p->n) return false;
    memcpy(p->text + p->n, text, n);
    p->n += n;
    p->text[p->n] = 0;
    return true;
}

static void print_again(const char *text, printed *out) {
    ig_model *m;
    ig_error err;
    *out = (printed){0};
    ig_status status = ig_model_open_memory(&m, text, strlen(text), &as_text, &err);
    if (status != IG_OK) fail_msg("%s: %s", err.message, err.detail);
    assert_int_equal(ig_model_print(m, NULL, take, out, &err), IG_OK);
    ig_model_free(m);
}

#define HEAD "<\n   ir_version: 8,\n   opset_import: [\"\" : 17]\n>\n"

/* Texts in the printer's own layout come back as they are. */
static void test_same_text(void **state) {
    IG_UNUSED(state);
    static const char *const texts[] = {
        HEAD "g (float[n,3] x, seq(int64[]) s) => (float[n,3] y) \n   <float[3] w =  {1,-2.5,nan}, float[n,3] t>\n{\n"
             "   [first] t = Mul (x, w)\n   y = Identity (t)\n}\n",
        HEAD "g (float x) => (y) {\n   y, \"\" = a.b.Op:o <i: int = -3, f: float = 0.5, s: string = \"a\\\"\\\\b\", "
             "l: ints = [1, 2], e: floats = [], t: tensor = float16[2] {15360,0}> (x, \"\", \"x.1\")\n}\n",
        HEAD "g (bool c) => (y) {\n   y = If (c) <a: graph = t () => (p) {\n      p = Op ()\n   }, b: graph = e () => (q) {\n"
             "      q = Op ()\n   }>\n}\n",
        HEAD "g () => () \n   <int4[3] a =  {1,-8,7}, float4e2m1[3] b =  {1,15,3}, uint64 c =  {18446744073709551615}, "
             "string[2] d = {\"x\", \"\\\"\"}, complex64[1] e =  {1,2}, float[0] f =  {}, "
             "sparse_tensor(float[4,3]) h = float[2] {1.5,2} int64[2] {0,7}>\n{\n}\n",
        HEAD
        "g () => () {\n   y = local.f ()\n}\n<\n   domain: \"local\",\n   overload: \"o\",\n   opset_import: [\"\" : 17],\n"
        "   doc_string: \"d\"\n>\nf <k, j: float = 1.5> (a, \"b c\") => (z)\n   <float[2] a>\n{\n   z = Op <v: int = @k> "
        "(a)\n}\n",
    };
    for (size_t i = 0; i < IG_COUNT_OF(texts); i++) {
        printed out;
        print_again(texts[i], &out);
        assert_string_equal(out.text, texts[i]);
    }
}

static void test_lists(void **state) {
    IG_UNUSED(state);
    static const char text[] = HEAD
        "g () => () {\n   y = Op <a: type_proto = map(int64, float[?,\"a+b\"]), b: type_protos = [optional(seq(float[2])), "
        "opaque(a.b,c)], c: tensors = [float {1}, int8[1] n {-128}], d: int = @k, e: sparse_tensors = "
        "[sparse_tensor(float[2])  = float[1] {1} int64[1] {0}]> ()\n}\n";
    printed out;
    print_again(text, &out);
    assert_string_equal(out.text, text);
}

static void test_reading(void **state) {
    IG_UNUSED(state);
    printed out;
    print_again("\xEF\xBB\xBF# a comment\ng => () { = Op<b = inf, a=[1.0, 2], \"q r\" = 1>(,x,)#\n}", &out);
    assert_non_null(strstr(out.text, "   = Op") ? out.text : strstr(out.text, " = Op"));
    assert_non_null(strstr(out.text, "<b: float = inf, a: floats = [1, 2], \"q r\": int = 1> (\"\", x)"));
    print_again("g () => () <float16[2] a = {1.5, -inf}, complex64[1] b = {3}> {}", &out);
    assert_non_null(strstr(out.text, "float16[2] a =  {15872,64512}"));
    assert_non_null(strstr(out.text, "complex64[1] b =  {3,0}"));
    print_again("g () => () { y = If<a = seq_1 () => () {}, b = \"x-y\" () => () {}>() }", &out);
    assert_non_null(strstr(out.text, "b: graph = g_x_y ()"));
    assert_non_null(strstr(out.text, "# not in this text: names of inner graphs (1)"));
}

typedef struct wrong {
    const char *text, *message, *place;
} wrong;

static void test_errors(void **state) {
    IG_UNUSED(state);
    static const wrong cases[] = {
        {"", "expected a graph's name, found the end of the text", "line 1, column 1"},
        {"<ir_version: 8,\n opset: [] > g () => () {}", "expected one of ir_version, opset_import", "line 2, column 2"},
        {"g () => () {\n  y = Add (a b)\n}", "expected ')' behind a node's inputs, found 'b'\n  y = Add (a b)\n             ^",
         "line 2, column 14"},
        {"g () = > () {}", "expected '=>' and the outputs, found '='", "line 1, column 6"},
        {"g () => () <float[3] w = {1, 2}> {}", "2 numbers where the type has 3 elements", "line 1, column 26"},
        {"g () => () <float[n] w = {1}> {}", "a constant's dimensions are numbers", "line 1, column 26"},
        {"g () => () <int8[1] w = {128}> {}", "no element of type int8 has this value", "line 1, column 26"},
        {"g () => () <uint4[1] w = {-1}> {}", "no element of type uint4", "line 1, column 27"},
        {"g () => () <int32[1] w = {1.0}> {}", "elements of type int32 are whole numbers", "line 1, column 27"},
        {"g () => () <float[1] w = ...> {}", "left out when this text was written", "line 1, column 26"},
        {"g () => () <w = {1}> {}", "a constant needs a type", "line 1, column 17"},
        {"g () => () { y = Op<a = [1, 2.0]>() }", "expected a value of kind int, this is one of kind float",
         "line 1, column 29"},
        {"g () => () { y = Op<a: int = [1]>() }", "a value of kind int is no list", "line 1, column 30"},
        {"g () => () { y = Op<a = []>() }", "the kind of an empty list has to be said", "line 1, column 25"},
        {"g () => () { y = Op<a = 99999999999999999999>() }", "more than 64 bits", "line 1, column 25"},
        {"g () => () { y = Op<a = 1.2.3>() }", "this is no number", "line 1, column 25"},
        {"g () => () { y = Op<a = 0x10>() }", "this is no number", "line 1, column 25"},
        {"g () => () { y = Op(\"abc", "this string does not end", "line 1, column 21"},
        {"g (map(n, float) m) => () {}", "element type of the map's keys", "line 1, column 8"},
        {"g () => () {} f (x) =>", "expected '(' before a function's values", "line 1, column 23"},
        {"g () => () {} \x01", "expected a function's name, found byte 0x01", "line 1, column 15"},
    };
    for (size_t i = 0; i < IG_COUNT_OF(cases); i++) {
        ig_model *m;
        ig_error err;
        assert_int_equal(ig_model_open_memory(&m, cases[i].text, strlen(cases[i].text), &as_text, &err), IG_E_INPUT);
        if (!strstr(err.message, cases[i].message) || strcmp(err.detail, cases[i].place) != 0)
            fail_msg("%s\ngives: %s\nat %s", cases[i].text, err.message, err.detail);
    }
}

static void test_depth(void **state) {
    IG_UNUSED(state);
    enum { DEEP = 20000 };
    static const char *const parts[][2] = {{"g (", "seq("}, {"", "g () => () { = If <a = "}};
    for (size_t i = 0; i < IG_COUNT_OF(parts); i++) {
        size_t head = strlen(parts[i][0]), step = strlen(parts[i][1]), n = head + DEEP * step;
        char *text = malloc(n);
        assert_non_null(text);
        memcpy(text, parts[i][0], head);
        for (size_t k = 0; k < DEEP; k++) memcpy(text + head + k * step, parts[i][1], step);
        ig_model *m;
        ig_error err;
        assert_int_equal(ig_model_open_memory(&m, text, n, &as_text, &err), IG_E_LIMIT);
        free(text);
    }
}

static void test_probe(void **state) {
    IG_UNUSED(state);
    static const char *const texts[] = {"# c\n<ir_version: 8> g () => () {}", "agraph (float x) => (float y) { y = Op(x) }"};
    for (size_t i = 0; i < IG_COUNT_OF(texts); i++) {
        ig_model *m;
        ig_error err;
        assert_int_equal(ig_model_open_memory(&m, texts[i], strlen(texts[i]), NULL, &err), IG_OK);
        ig_model_free(m);
    }
}

static bool ignore(void *user, const char *text, size_t n) { return IG_UNUSED(user), IG_UNUSED(text), n > 0; }

static ig_status read_and_print(ig_context *context) {
    static const char text[] =
        HEAD "g (float[n,3] x) => (y) <float[3] w = {1,2,3}> { y = If (x) <a = b () => (c) { c = Mul(x, w) }, "
             "k = [\"a\\\"b\"], t = int4[3] {1,2,3}> } f <k> (a) => (b) { b = Op (a) }";
    ig_open_options options = as_text;
    ig_model *m;
    options.context = context;
    IG_TRY(ig_model_open_memory(&m, text, sizeof text - 1, &options, NULL));
    ig_status status = ig_model_print(m, NULL, ignore, NULL, NULL);
    ig_model_free(m);
    return status;
}

static void test_failing_memory(void **state) {
    IG_UNUSED(state);
    assert_true(fail_each_allocation(read_and_print, false) > 0);
    assert_true(fail_each_allocation(read_and_print, true) > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_text),      cmocka_unit_test(test_lists), cmocka_unit_test(test_reading),
        cmocka_unit_test(test_errors),         cmocka_unit_test(test_depth), cmocka_unit_test(test_probe),
        cmocka_unit_test(test_failing_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
