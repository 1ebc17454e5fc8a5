/* The inference engine: declared and inferred types, schema constraints, functions, named dims, findings. */
#include "cmocka_setup.h"

#include "infer/infer.h"
#include "ops/schema.h"

#include <stdio.h>

static ig_model *model;
static char findings[4096];

static int setup(void **state) {
    IG_UNUSED(state);
    ig_context *context;
    assert_int_equal(ig_context_create(&context, NULL, NULL), IG_OK);
    assert_int_equal(ig_model_new(&model, context, NULL), IG_OK);
    ig_context_free(context);
    model->ir_version = 8;
    ig_opset opset = {.domain = ig_model_name(model, ""), .domain_given = true, .version = 17};
    assert_true(IG_PUSH(&model->arena, &model->opsets, opset));
    findings[0] = '\0';
    return 0;
}

static int teardown(void **state) {
    IG_UNUSED(state);
    ig_model_free(model);
    return 0;
}

static ig_dim dim(const char *text) { return ig_dim_named(&model->syms, ig_str_c(text)); }

static const ig_type *type2(ig_dtype dtype, const char *a, const char *b) {
    ig_shape shape = {.rank = 2, .dims = {dim(a), dim(b)}};
    return ig_type_tensor(&model->arena, dtype, &shape);
}

static ig_value *value(ig_graph *g, const char *name, const ig_type *type) {
    return ig_value_new(g, ig_model_name(model, name), type);
}

static ig_value *input(ig_graph *g, const char *name, const ig_type *type) {
    ig_value *v = value(g, name, type);
    assert_true(ig_graph_add_input(g, v));
    return v;
}

static ig_node *node(ig_graph *g, const char *op, const char *domain, ig_value *a, ig_value *b, ig_value *out) {
    ig_node *n = ig_node_new(g, ig_model_name(model, op), ig_model_name(model, domain), b ? 2 : 1, 1);
    ig_node_set_input(n, 0, a);
    if (b) ig_node_set_input(n, 1, b);
    ig_node_set_output(n, 0, out);
    return n;
}

static void collect(void *user, const ig_finding *f) {
    IG_UNUSED(user);
    size_t n = strlen(findings);
    snprintf(findings + n, sizeof findings - n, "%s: %s: %s\n", f->rule, f->where, f->message);
}

static const char *text_of(const ig_type *t) {
    static char text[256];
    ig_type_text(t, text, sizeof text);
    return text;
}

static void infer(void) { assert_int_equal(ig_model_infer(model, &(ig_infer_options){.found = collect}, NULL), IG_OK); }

static void element_types_follow_the_schema(void **state) {
    IG_UNUSED(state);
    ig_graph *g = model->graph;
    ig_value *x = input(g, "x", type2(IG_F16, "batch", "3")), *y = value(g, "y", NULL), *z = value(g, "z", NULL);
    node(g, "Erf", "", x, NULL, y);
    node(g, "NonZero", "", y, NULL, z);
    infer();
    assert_string_equal(findings, "");
    assert_int_equal(y->type->dtype, IG_F16);
    assert_int_equal(z->type->dtype, IG_I64);
}

static void contradictions_are_findings(void **state) {
    IG_UNUSED(state);
    ig_graph *g = model->graph;
    ig_value *a = input(g, "a", type2(IG_F32, "2", "3")), *b = input(g, "b", type2(IG_I64, "2", "3"));
    ig_value *s = input(g, "s", type2(IG_STRING, "2", "3"));
    ig_value *y = value(g, "y", type2(IG_I64, "2", "3"));
    node(g, "Add", "", a, b, value(g, "sum", NULL));
    node(g, "Relu", "", s, NULL, value(g, "r", NULL));
    ig_node *last = node(g, "Erf", "", a, NULL, y);
    last->name = ig_model_name(model, "last");
    infer();
    assert_non_null(
        strstr(findings, "input-type: graph.node[0] (Add), input 1 'b': Add needs one type T for several inputs, but they are "
                         "float[2,3] and int64[2,3]\n"));
    assert_non_null(strstr(findings, "input-type: graph.node[1] (Relu), input 0 's': Relu of version 14 takes for X: "));
    assert_non_null(strstr(findings, "type: graph.node[2] 'last' (Erf), output 0 'y': 'y' is float["));
    assert_int_equal(y->type->dtype, IG_F32);
    ig_error err;
    y->type = type2(IG_I64, "2", "3");
    assert_int_equal(ig_model_infer(model, &(ig_infer_options){.strict = true}, &err), IG_E_INPUT);
    assert_string_equal(err.detail, "graph.node[2] 'last' (Erf), output 0 'y'");
}

static void named_dims_get_values(void **state) {
    IG_UNUSED(state);
    ig_graph *g = model->graph;
    ig_value *x = input(g, "x", type2(IG_F32, "batch", "2*batch + 1"));
    ig_dim_value dims[] = {{"batch", 4}};
    assert_int_equal(ig_model_infer(model, &(ig_infer_options){.dims = dims, .n_dims = 1}, NULL), IG_OK);
    assert_string_equal(text_of(x->type), "float[4,9]");
}

static void unknown_dims_get_symbols(void **state) {
    IG_UNUSED(state);
    ig_graph *g = model->graph;
    ig_value *x = input(g, "x", type2(IG_F32, "", "3"));
    infer();
    assert_string_equal(text_of(x->type), "float[unk__0,3]");
    infer();
    assert_string_equal(text_of(x->type), "float[unk__0,3]");
}

static ig_function *function(const char *name) {
    ig_function *f = IG_NEW(&model->arena, ig_function);
    f->name = ig_model_name(model, name);
    f->domain = ig_model_name(model, "f");
    f->body = ig_graph_new(model, NULL, NULL);
    f->body->function = f;
    ig_opset opsets[] = {{.domain = ig_model_name(model, ""), .version = 17}, {.domain = f->domain, .version = 1}};
    for (int i = 0; i < 2; i++) assert_true(IG_PUSH(&model->arena, &f->opsets, opsets[i]));
    assert_true(IG_PUSH(&model->arena, &model->functions, f));
    return f;
}

/* f0 erfs; f<k> calls f<k-1> twice: 2^40 erfs, unless equal calls share their result. */
static void functions_are_inferred_per_call(void **state) {
    IG_UNUSED(state);
    char name[16];
    for (int k = 0; k <= 40; k++) {
        snprintf(name, sizeof name, "f%d", k);
        ig_graph *g = function(name)->body;
        ig_value *in = input(g, "in", NULL), *mid = value(g, "mid", NULL), *out = value(g, "out", NULL);
        snprintf(name, sizeof name, "f%d", k - 1);
        if (k == 0) {
            node(g, "Erf", "", in, NULL, out);
        } else {
            node(g, name, "f", in, NULL, mid);
            node(g, name, "f", mid, NULL, out);
        }
        assert_true(ig_graph_add_output(g, out));
    }
    ig_graph *g = model->graph;
    ig_value *x = input(g, "x", type2(IG_F32, "2", "3")), *h = input(g, "h", type2(IG_F16, "2", "3"));
    ig_value *y = value(g, "y", NULL), *z = value(g, "z", NULL), *wrong = value(g, "w", NULL);
    node(g, "f40", "f", x, NULL, y);
    node(g, "f40", "f", h, NULL, z);
    node(g, "f3", "f", input(g, "s", type2(IG_STRING, "1", "1")), NULL, wrong);
    infer();
    assert_int_equal(y->type->dtype, IG_F32);
    assert_int_equal(z->type->dtype, IG_F16);
    assert_int_equal(strncmp(findings, "input-type: function 'f.f0'.node[0] (Erf), input 0 'in': ", 57), 0);
    assert_ptr_equal(strchr(findings, '\n')[1], '\0'); /* said once */
}

static void recursion_ends(void **state) {
    IG_UNUSED(state);
    ig_function *f = function("self");
    ig_value *in = input(f->body, "in", NULL), *out = value(f->body, "out", NULL);
    node(f->body, "self", "f", in, NULL, out);
    assert_true(ig_graph_add_output(f->body, out));
    ig_value *y = value(model->graph, "y", NULL);
    node(model->graph, "self", "f", input(model->graph, "x", type2(IG_F32, "2", "3")), NULL, y);
    ig_error err;
    assert_int_equal(ig_model_infer(model, NULL, &err), IG_E_INPUT);
    assert_string_equal(err.message, "function 'self' calls itself");
    assert_int_equal(ig_model_infer(model, &(ig_infer_options){.tolerant = true}, &err), IG_OK);
    assert_null(y->type);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(element_types_follow_the_schema, setup, teardown),
        cmocka_unit_test_setup_teardown(contradictions_are_findings, setup, teardown),
        cmocka_unit_test_setup_teardown(named_dims_get_values, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_dims_get_symbols, setup, teardown),
        cmocka_unit_test_setup_teardown(functions_are_inferred_per_call, setup, teardown),
        cmocka_unit_test_setup_teardown(recursion_ends, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
