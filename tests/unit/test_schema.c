/* The schema tables and what is looked up in them; the list of operators against the tables. */
#include "cmocka_setup.h"

#include "ops/op.h"

static ig_model *model;

static int setup(void **state) {
    IG_UNUSED(state);
    ig_context *context;
    assert_int_equal(ig_context_create(&context, NULL, NULL), IG_OK);
    assert_int_equal(ig_model_new(&model, context, NULL), IG_OK);
    ig_context_free(context);
    model->ir_version = 8;
    return 0;
}

static int teardown(void **state) {
    IG_UNUSED(state);
    ig_model_free(model);
    return 0;
}

static void import(const char *domain, int64_t version) {
    ig_opset opset = {.domain = ig_model_name(model, domain), .domain_given = true, .version = version};
    assert_true(IG_PUSH(&model->arena, &model->opsets, opset));
}

static ig_node *node(ig_graph *graph, const char *op, const char *domain) {
    ig_node *n = ig_node_new(graph, ig_model_name(model, op), ig_model_name(model, domain), 1, 1);
    assert_non_null(n);
    return n;
}

static void tables_are_sorted_and_sound(void **state) {
    IG_UNUSED(state);
    for (size_t i = 0; i < ig_schema_count; i++) {
        const ig_schema *s = &ig_schemas[i];
        if (i) {
            const ig_schema *b = s - 1;
            int order = strcmp(b->domain, s->domain);
            if (order == 0) order = strcmp(b->name, s->name);
            assert_true(order < 0 || (order == 0 && b->since < s->since));
        }
        assert_true(s->min_in <= s->max_in && s->min_out <= s->max_out);
        for (size_t k = 0; k < s->n_in; k++) assert_true(s->in[k].types < s->n_types);
        for (size_t k = 0; k < s->n_out; k++) assert_true(s->out[k].types < s->n_types);
        for (size_t k = 0; k < s->n_attrs; k++) {
            const ig_schema_attr *a = &s->attrs[k];
            assert_true(a->kind > IG_ATTR_UNDEFINED && a->kind < IG_ATTR_KIND_COUNT);
            assert_true(!a->n || a->list);
            assert_true(a->kind != IG_ATTR_STRING || !a->has_default || a->s);
            assert_ptr_equal(ig_schema_attr_find(s, a->name), a);
        }
        assert_ptr_equal(ig_schema_find(s->domain, s->name, s->since), s);
    }
}

static void versions_are_found(void **state) {
    IG_UNUSED(state);
    assert_int_equal(ig_schema_find("", "Relu", 13)->since, 13);
    assert_int_equal(ig_schema_find("ai.onnx", "Relu", 12)->since, 6);
    assert_int_equal(ig_schema_find("", "Relu", 1000)->since, 14);
    assert_null(ig_schema_find("", "Relu", 0));
    assert_null(ig_schema_find("", "Gelu", 19));
    assert_int_equal(ig_schema_newest("", "Gelu")->since, 20);
    assert_null(ig_schema_newest("", "NoSuchOperator"));
    assert_null(ig_schema_newest("no.such.domain", "Relu"));
    assert_true(ig_schema_find("", "Upsample", 10)->deprecated);
    assert_int_equal(ig_schema_find("com.microsoft", "FusedMatMul", 1)->since, 1);
    assert_non_null(ig_schema_find("ai.onnx.ml", "TreeEnsemble", 5));
    assert_non_null(ig_schema_find("ai.onnx.preview.training", "Adam", 1));
    assert_non_null(ig_schema_find("", "SimplifiedLayerNormalization", 13));
    assert_int_equal(ig_schema_find("", "LayerNormalization", 16)->since, 1);
    assert_true(ig_domain_newest("") >= 26);
    assert_int_equal(ig_domain_newest("com.microsoft"), 1);
    assert_int_equal(ig_domain_newest("no.such.domain"), 0);
}

static void formals_and_types(void **state) {
    IG_UNUSED(state);
    const ig_schema *concat = ig_schema_find("", "Concat", 13);
    assert_string_equal(ig_schema_input(concat, 7)->name, "inputs");
    assert_int_equal(ig_schema_input(concat, 0)->min_arity, 1);
    assert_null(ig_schema_output(concat, 1));
    assert_int_equal(concat->max_in, UINT16_MAX);
    const ig_schema *reshape = ig_schema_find("", "Reshape", 14);
    const ig_type_set *t = &reshape->types[ig_schema_input(reshape, 1)->types];
    assert_string_equal(t->name, "tensor(int64)");
    const ig_type i64 = {.kind = IG_KIND_TENSOR, .dtype = IG_I64}, f32 = {.kind = IG_KIND_TENSOR, .dtype = IG_F32};
    const ig_type any = {.kind = IG_KIND_TENSOR}, sequence = {.kind = IG_KIND_SEQUENCE, .of = &f32};
    const ig_type map = {.kind = IG_KIND_MAP, .dtype = IG_I64, .of = &f32}, maps = {.kind = IG_KIND_SEQUENCE, .of = &map};
    const ig_type odd = {.kind = IG_KIND_MAP, .dtype = IG_U8, .of = &f32},
                  optional = {.kind = IG_KIND_OPTIONAL, .of = &sequence};
    assert_true(ig_type_set_has(t, &i64) && ig_type_set_has(t, &any) && ig_type_set_has(t, NULL));
    assert_false(ig_type_set_has(t, &f32) || ig_type_set_has(t, &sequence) || ig_type_set_has(t, &map));
    const ig_schema *zip = ig_schema_find("ai.onnx.ml", "ZipMap", 1), *has = ig_schema_find("", "OptionalHasElement", 18);
    t = &zip->types[zip->out[0].types];
    assert_true(ig_type_set_has(t, &maps) && !ig_type_set_has(t, &map) && !ig_type_set_has(t, &sequence));
    const ig_schema *cast = ig_schema_find("ai.onnx.ml", "CastMap", 1);
    t = &cast->types[cast->in[0].types];
    assert_true(ig_type_set_has(t, &map) && !ig_type_set_has(t, &odd));
    t = &has->types[has->in[0].types];
    assert_true(ig_type_set_has(t, &optional) && ig_type_set_has(t, &f32));
    char text[64];
    ig_type_set_text(&cast->types[cast->in[0].types], text, sizeof text);
    assert_string_equal(text, "map(int64,float) map(int64,string)");
    assert_int_equal(ig_type_set_text(&reshape->types[0], text, 12), 11);
}

static void nodes_are_resolved(void **state) {
    IG_UNUSED(state);
    import("", 13);
    ig_node *relu = node(model->graph, "Relu", NULL), *gelu = node(model->graph, "Gelu", "ai.onnx");
    ig_node *fused = node(model->graph, "FusedMatMul", "com.microsoft"), *call = node(model->graph, "Relu", "my");
    ig_function *f = IG_NEW(&model->arena, ig_function);
    f->name = ig_model_name(model, "Relu");
    f->domain = ig_model_name(model, "my");
    f->body = ig_graph_new(model, NULL, NULL);
    f->body->function = f;
    assert_true(IG_PUSH(&model->arena, &f->opsets, ((ig_opset){.domain = ig_model_name(model, ""), .version = 6})));
    ig_node *inner = node(f->body, "Relu", "");
    assert_true(IG_PUSH(&model->arena, &model->functions, f));
    ig_model_resolve(model);
    assert_int_equal(relu->schema->since, 13);
    assert_null(gelu->schema);
    assert_non_null(fused->schema);
    assert_ptr_equal(call->function, f);
    assert_null(call->schema);
    assert_int_equal(inner->schema->since, 6);
    call->overload = ig_model_name(model, "other");
    ig_node_resolve(call);
    assert_null(call->function);
}

static void attributes_have_defaults(void **state) {
    IG_UNUSED(state);
    import("", 13);
    ig_node *gemm = node(model->graph, "Gemm", ""), *lstm = node(model->graph, "LSTM", "");
    ig_node *dropout = node(model->graph, "Conv", "");
    ig_model_resolve(model);
    assert_true(ig_attr_float(gemm, "alpha") == 1.0f && ig_attr_int(gemm, "transA") == 0 && !ig_attr_given(gemm, "alpha"));
    assert_true(ig_attr_put_float(gemm, "alpha", 0.5f));
    assert_true(ig_attr_float(gemm, "alpha") == 0.5f && ig_attr_given(gemm, "alpha"));
    assert_int_equal(ig_attr_int(gemm, "alpha"), 0); /* of another kind */
    assert_true(ig_attr_is(lstm, "direction", "forward"));
    size_t n = 9;
    assert_null(ig_attr_ints(dropout, "pads", &n));
    assert_int_equal(n, 0);
    assert_true(ig_attr_is(dropout, "auto_pad", "NOTSET"));
    const ig_schema_attr *a = ig_schema_attr_find(ig_schema_find("", "LSTM", 1), "activations");
    assert_int_equal(a->kind, IG_ATTR_STRINGS);
    assert_null(ig_attr_graph(gemm, "body"));
}

static void operators_belong_to_schemas(void **state) {
    IG_UNUSED(state);
    for (size_t i = 0; i < ig_op_count; i++) {
        const ig_op *op = ig_ops[i];
        const ig_schema *newest = ig_schema_newest(op->domain, op->name);
        if (!newest) fail_msg("%s.%s has no schema", op->domain, op->name);
        const ig_schema *first = ig_schema_find(op->domain, op->name, op->since);
        if (!first || first->since != op->since) fail_msg("%s.%s has no version %d", op->domain, op->name, op->since);
        if (op->until && op->until < op->since) fail_msg("%s.%s ends before it starts", op->domain, op->name);
        if (ig_op_find(op->domain, op->name, op->since) != op)
            fail_msg("%s.%s %d is listed twice", op->domain, op->name, op->since);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tables_are_sorted_and_sound, setup, teardown),
        cmocka_unit_test_setup_teardown(versions_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(formals_and_types, setup, teardown),
        cmocka_unit_test_setup_teardown(nodes_are_resolved, setup, teardown),
        cmocka_unit_test_setup_teardown(attributes_have_defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(operators_belong_to_schemas, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
