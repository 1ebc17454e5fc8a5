/* The rules of the check, each on a small model that breaks it, and a right model that breaks none. */
#include "cmocka_setup.h"
#include "failing_allocator.h"

#include "graph/graph.h"

#include <stdio.h>

static ig_model *model;
static ig_report *report;

static void import(ig_opsets *list, const char *domain, int64_t version) {
    ig_opset opset = {.domain = ig_model_name(model, domain), .domain_given = true, .version = version};
    assert_true(IG_PUSH(&model->arena, list, opset));
}

static failing_allocator allocator;

static int setup(void **state) {
    IG_UNUSED(state);
    ig_context *context;
    ig_context_options options = {IG_OPTIONS(ig_context_options), .allocator = {failing_resize, &allocator}};
    allocator = (failing_allocator){0};
    assert_int_equal(ig_context_create(&context, &options, NULL), IG_OK);
    assert_int_equal(ig_model_new(&model, context, NULL), IG_OK);
    ig_context_free(context);
    model->ir_version = 8;
    model->ir_version_given = true;
    import(&model->opsets, "", 17);
    return 0;
}

static int teardown(void **state) {
    IG_UNUSED(state);
    ig_report_free(report);
    report = NULL;
    ig_model_free(model);
    assert_int_equal(allocator.live, 0);
    return 0;
}

static const ig_type *floats(int64_t a, int64_t b) {
    ig_shape shape = {.rank = 2, .dims = {ig_dim_of(a), ig_dim_of(b)}};
    return ig_type_tensor(&model->arena, IG_F32, &shape);
}

static ig_value *value(ig_graph *g, const char *name) { return ig_value_new(g, ig_model_name(model, name), NULL); }

static ig_value *input(ig_graph *g, const char *name) {
    ig_value *v = ig_value_new(g, ig_model_name(model, name), floats(2, 3));
    assert_true(ig_graph_add_input(g, v));
    return v;
}

static ig_value *output(ig_value *v) {
    if (!v->type) v->type = floats(2, 3);
    assert_true(ig_graph_add_output(v->graph, v));
    return v;
}

static ig_node *node(ig_graph *g, const char *op, const char *domain, ig_value *a, ig_value *b, ig_value *out) {
    ig_node *n = ig_node_new(g, ig_model_name(model, op), ig_model_name(model, domain), b ? 2 : 1, 1);
    ig_node_set_input(n, 0, a);
    if (b) ig_node_set_input(n, 1, b);
    ig_node_set_output(n, 0, out);
    return n;
}

static ig_node *relu(ig_graph *g, ig_value *a, ig_value *out) { return node(g, "Relu", "", a, NULL, out); }

static void check(void) {
    ig_report_free(report);
    assert_int_equal(ig_model_check(&report, model, NULL, NULL), IG_OK);
}

static void finds(const char *rule, const char *where, const char *message) {
    for (size_t i = 0; i < ig_report_count(report); i++) {
        ig_report_item item = ig_report_at(report, i);
        if (strcmp(item.rule, rule) == 0 && strcmp(item.where, where) == 0 && strcmp(item.message, message) == 0) return;
    }
    for (size_t i = 0; i < ig_report_count(report); i++) {
        ig_report_item item = ig_report_at(report, i);
        print_message("%s: %s: %s\n", item.rule, item.where, item.message);
    }
    fail_msg("not found: %s: %s: %s", rule, where, message);
}

static void right_model_passes(void **state) {
    IG_UNUSED(state);
    ig_graph *g = model->graph;
    relu(g, input(g, "x"), output(value(g, "y")));
    check();
    for (size_t i = 0; i < ig_report_count(report); i++) print_message("%s\n", ig_report_at(report, i).message);
    assert_int_equal(ig_report_count(report), 0);
    assert_int_equal(ig_report_errors(report), 0);
}

static void versions(void **state) {
    IG_UNUSED(state);
    model->ir_version = 99;
    import(&model->opsets, "", 9999);
    import(&model->opsets, "my", 0);
    check();
    finds("ir-version", "model", "unsupported IR version 99, the newest known is 14");
    finds("opset", "model", "opset 9999 of domain 'ai.onnx' is unknown, the newest known is 28");
    finds("opset", "model", "invalid opset version 0 of domain 'my'");
    model->opsets.n = 0;
    check();
    finds("opset", "model", "opset_import is missing");
}

static void values_are_computed_before(void **state) {
    IG_UNUSED(state);
    ig_graph *g = model->graph;
    ig_value *x = input(g, "x"), *a = value(g, "a"), *b = value(g, "b");
    relu(g, a, b);
    relu(g, x, a);
    relu(g, value(g, "nothing"), value(g, "c"));
    output(value(g, "missing"));
    check();
    finds("order", "graph.node[0] (Relu), input 0 'a'", "'a' is used before it is computed");
    finds("undefined", "graph.node[2] (Relu), input 0 'nothing'", "'nothing' is not defined");
    finds("undefined", "graph, output 0 'missing'", "output 'missing' is not produced by the graph");
}

static void cycles_are_named(void **state) {
    IG_UNUSED(state);
    ig_graph *g = model->graph;
    ig_value *a = value(g, "a"), *b = value(g, "b"), *c = value(g, "c");
    relu(g, b, a);
    relu(g, a, b);
    relu(g, c, c);
    check();
    finds("cycle", "graph.node[0] (Relu)", "cycle: the node needs 'b' from '' (Relu), which needs 'a' from '' (Relu)");
    ig_node_set_input(g->first, 0, input(g, "x"));
    check();
    finds("cycle", "graph.node[2] (Relu)", "the node uses its own output: it needs 'c' from '' (Relu)");
}

static void operators_and_attributes(void **state) {
    IG_UNUSED(state);
    ig_graph *g = model->graph;
    ig_value *x = input(g, "x");
    relu(g, x, value(g, "r"))->op = ig_model_name(model, "Relux");
    node(g, "Gelu", "", x, NULL, value(g, "g"));
    node(g, "Anything", "acme", x, NULL, value(g, "h"));
    node(g, "Add", "", x, NULL, value(g, "s"));
    node(g, "Cast", "", x, NULL, value(g, "k"));
    assert_true(ig_attr_put_float(relu(g, x, value(g, "q")), "gamma", 1));
    assert_true(ig_attr_put_int(node(g, "Elu", "", x, NULL, value(g, "e")), "alpha", 1));
    node(g, "", "", x, NULL, value(g, "n"));
    ig_node *absent = node(g, "Add", "", x, x, value(g, "u"));
    ig_node_set_input(absent, 0, NULL);
    node(g, "Upsample", "", x, x, value(g, "up"));
    check();
    finds("unknown-op", "graph.node[0] (Relux)", "unknown operator Relux in domain 'ai.onnx'");
    assert_string_equal(ig_report_at(report, 0).hint, "did you mean Relu?");
    finds("unknown-op", "graph.node[1] (Gelu)", "Gelu came with opset 20 of domain 'ai.onnx', the model imports 17");
    finds("opset", "graph.node[2] (Anything)", "domain 'acme' is not imported");
    finds("arity", "graph.node[3] (Add)", "Add of version 14 takes 2 inputs, has 1");
    finds("attribute", "graph.node[4] (Cast)", "Cast lacks the attribute 'to' (INT)");
    finds("attribute", "graph.node[5] (Relu)", "Relu of version 14 has no attribute 'gamma'");
    finds("attribute", "graph.node[6] (Elu)", "attribute 'alpha' has to be of kind FLOAT, is INT");
    finds("arity", "graph.node[8] (Add)", "Add of version 14 lacks input 0 'A'");
    finds("deprecated-op", "graph.node[9] (Upsample)", "Upsample is deprecated since opset 10 of domain 'ai.onnx'");
}

static ig_function *function(const char *name) {
    ig_function *f = IG_NEW(&model->arena, ig_function);
    f->name = ig_model_name(model, name);
    f->domain = ig_model_name(model, "f");
    f->body = ig_graph_new(model, NULL, NULL);
    f->body->function = f;
    import(&f->opsets, "", 17);
    import(&f->opsets, "f", 1);
    assert_true(IG_PUSH(&model->arena, &model->functions, f));
    return f;
}

static void functions(void **state) {
    IG_UNUSED(state);
    static const char *const calls[][2] = {{"A", "A"}, {"B", "C"}, {"C", "B"}, {"C", "D"}, {"D", NULL}};
    for (size_t i = 0; i < IG_COUNT_OF(calls); i++) {
        ig_graph *g = function(calls[i][0])->body;
        ig_value *x = input(g, "x");
        if (calls[i][1]) node(g, calls[i][1], "f", x, NULL, output(value(g, "y")));
    }
    ig_graph *d = model->functions.items[4]->body;
    output(value(d, "Y"));
    ig_attr refers = {.name = ig_model_name(model, "alpha"), .kind = IG_ATTR_FLOAT, .ref = ig_model_name(model, "a")};
    assert_true(ig_attr_put(relu(d, d->inputs.items[0].value, value(d, "r")), &refers));
    check();
    finds("function-recursion", "function 'f.A'", "function f.A calls itself");
    finds("function-recursion", "function 'f.B'", "functions call each other: f.B -> f.C -> f.B");
    finds("undefined", "function 'f.D', output 0 'Y'", "output 'Y' is not produced by the function");
    finds("attribute", "function 'f.D'.node[0] (Relu)",
          "attribute 'alpha' refers to the attribute 'a', which the function doesn't declare");
}

static void a_million_findings_are_counted(void **state) {
    IG_UNUSED(state);
    ig_graph *g = model->graph;
    ig_value *x = input(g, "x");
    for (int i = 0; i < 5000; i++) ig_node_set_input(ig_node_new(g, ig_model_name(model, "Nonsense"), NULL, 1, 0), 0, x);
    check();
    assert_int_equal(ig_report_errors(report), 5000);
    assert_int_equal(ig_report_count(report), 101);
    finds("unknown-op", "", "4900 more findings of this kind are not listed");
}

/* A model with everything wrong, checked while the n-th allocation fails. */
static void every_allocation_may_fail(void **state) {
    IG_UNUSED(state);
    size_t fail_at = 1;
    for (ig_status status = IG_E_MEMORY; status != IG_OK; fail_at++) {
        functions(NULL);
        cycles_are_named(NULL);
        ig_report_free(report);
        report = NULL;
        allocator.fail_at = allocator.calls + fail_at;
        status = ig_model_check(&report, model, NULL, NULL);
        bool failed = allocator.calls >= allocator.fail_at;
        allocator.fail_at = 0;
        if (status != IG_E_MEMORY) assert_int_equal(status, IG_OK);
        if (status == IG_OK && failed) status = IG_E_MEMORY; /* it could do without */
        teardown(NULL);
        setup(NULL);
    }
    assert_true(fail_at > 4); /* arenas allocate seldom */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(right_model_passes, setup, teardown),
        cmocka_unit_test_setup_teardown(versions, setup, teardown),
        cmocka_unit_test_setup_teardown(values_are_computed_before, setup, teardown),
        cmocka_unit_test_setup_teardown(cycles_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(operators_and_attributes, setup, teardown),
        cmocka_unit_test_setup_teardown(functions, setup, teardown),
        cmocka_unit_test_setup_teardown(a_million_findings_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(every_allocation_may_fail, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
