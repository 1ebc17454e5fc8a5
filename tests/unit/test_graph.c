/* The graph floor: building, editing, sorting, cloning, splicing; the validator notices what is broken. */
#include "cmocka_setup.h"

#include "graph/graph.h"

#include <stdio.h>

static ig_model *new_model(void) {
    ig_context *context;
    ig_model *m;
    assert_int_equal(ig_context_create(&context, NULL, NULL), IG_OK);
    assert_int_equal(ig_model_new(&m, context, NULL), IG_OK);
    ig_context_free(context);
    return m;
}

static ig_node *add_node(ig_graph *g, const char *op, ig_value *a, ig_value *b, const char *out) {
    ig_node *n = ig_node_new(g, ig_model_name(g->model, op), NULL, b ? 2 : 1, 1);
    ig_name name = ig_model_name(g->model, out);
    ig_value *v = ig_map_get(&g->values, IG_KEY(name));
    if (a) assert_true(ig_node_set_input(n, 0, a));
    if (b) assert_true(ig_node_set_input(n, 1, b));
    ig_node_set_output(n, 0, v ? v : ig_value_new(g, name, NULL));
    return n;
}

/* x -> Relu -> a; Add(a, x) -> y */
static ig_model *small_model(void) {
    ig_model *m = new_model();
    ig_graph *g = m->graph;
    ig_value *x = ig_value_new(g, ig_model_name(m, "x"), NULL);
    assert_true(ig_graph_add_input(g, x));
    ig_node *relu = add_node(g, "Relu", x, NULL, "a");
    ig_node *add = add_node(g, "Add", relu->out[0], x, "y");
    assert_true(ig_graph_add_output(g, add->out[0]));
    assert_int_equal(ig_model_validate(m, NULL), IG_OK);
    return m;
}

static void uses_follow_edits(void **state) {
    IG_UNUSED(state);
    ig_model *m = small_model();
    ig_node *relu = m->graph->first, *add = m->graph->last;
    ig_value *x = relu->in[0], *a = relu->out[0];
    assert_int_equal(x->n_uses, 2);
    assert_int_equal(a->n_uses, 1);
    assert_true(ig_value_replace(a, x));
    assert_int_equal(a->n_uses, 0);
    assert_int_equal(x->n_uses, 3);
    assert_ptr_equal(add->in[0], x);
    assert_int_equal(ig_graph_remove_dead(m->graph), 1);
    assert_ptr_equal(m->graph->first, add);
    assert_int_equal(ig_model_validate(m, NULL), IG_OK);
    assert_true(ig_value_replace(add->out[0], x));
    assert_ptr_equal(m->graph->outputs.items[0].value, x);
    assert_int_equal(ig_graph_remove_dead(m->graph), 1);
    assert_int_equal(m->graph->n_nodes, 0);
    assert_int_equal(ig_model_validate(m, NULL), IG_OK);
    ig_model_free(m);
}

static void validator_notices_damage(void **state) {
    IG_UNUSED(state);
    ig_model *m = small_model();
    ig_value *x = m->graph->first->in[0];
    x->n_uses++;
    assert_int_equal(ig_model_validate(m, NULL), IG_E_INTERNAL);
    x->n_uses--;
    m->graph->last->in[1] = m->graph->first->out[0];
    assert_int_equal(ig_model_validate(m, NULL), IG_E_INTERNAL);
    ig_model_free(m);
}

static void sorting_keeps_a_good_order_and_finds_cycles(void **state) {
    IG_UNUSED(state);
    ig_model *m = small_model();
    ig_node *relu = m->graph->first, *add = m->graph->last;
    ig_node_move(relu, NULL);
    assert_ptr_equal(m->graph->first, add);
    assert_int_equal(ig_graph_sort(m->graph, NULL), IG_OK);
    assert_ptr_equal(m->graph->first, relu);
    assert_int_equal(ig_model_validate(m, NULL), IG_OK);
    assert_true(ig_node_set_input(relu, 0, add->out[0]));
    ig_error err;
    assert_int_equal(ig_graph_sort(m->graph, &err), IG_NO);
    assert_non_null(strstr(err.message, "cycle"));
    ig_model_free(m);
}

static void clones_are_equal_and_apart(void **state) {
    IG_UNUSED(state);
    ig_model *m = small_model(), *copy;
    assert_true(ig_attr_put_int(m->graph->first, "axis", -2));
    assert_int_equal(ig_model_clone(&copy, m, NULL), IG_OK);
    assert_int_equal(ig_model_validate(copy, NULL), IG_OK);
    ig_model_free(m);
    assert_int_equal(copy->graph->n_nodes, 2);
    assert_string_equal(copy->graph->last->op, "Add");
    assert_int_equal(ig_attr_find(copy->graph->first, "axis")->i, -2);
    ig_model_free(copy);
}

static void splicing_renames_and_binds_attributes(void **state) {
    IG_UNUSED(state);
    ig_model *m = small_model();
    ig_graph *body = ig_graph_new(m, NULL, NULL);
    ig_value *p = ig_value_new(body, ig_model_name(m, "x"), NULL), *missing = ig_value_new(body, ig_model_name(m, "q"), NULL);
    assert_true(ig_graph_add_input(body, p) && ig_graph_add_input(body, missing));
    ig_node *inner = add_node(body, "Clip", p, missing, "a");
    ig_attr ref = {.name = ig_model_name(m, "min"), .kind = IG_ATTR_INT, .ref = ig_model_name(m, "low")};
    assert_true(ig_attr_put(inner, &ref));
    assert_true(ig_graph_add_output(body, inner->out[0]));

    ig_node *call = m->graph->first;
    assert_true(ig_attr_put_int(call, "low", 7));
    ig_value *in[2] = {call->in[0], NULL}, *out[1] = {NULL};
    assert_int_equal(ig_graph_splice(m->graph, call, body, in, out, call, NULL, NULL), IG_OK);
    ig_node *copy = m->graph->first;
    assert_string_equal(copy->op, "Clip");
    assert_ptr_equal(copy->in[0], call->in[0]);
    assert_null(copy->in[1]);
    assert_int_equal(ig_attr_find(copy, "min")->i, 7);
    assert_null(ig_attr_find(copy, "min")->ref);
    assert_ptr_equal(out[0], copy->out[0]);
    assert_string_not_equal(out[0]->name, "a"); /* taken by the graph already */
    assert_int_equal(ig_model_validate(m, NULL), IG_OK);
    ig_model_free(m);
}

static void names_are_interned(void **state) {
    IG_UNUSED(state);
    ig_model *m = new_model();
    bool ok = true;
    ig_name a = ig_model_intern(m, IG_STR("conv\0x"), &ok), b = ig_model_intern(m, IG_STR("conv"), &ok);
    assert_true(ok && a != b);
    assert_int_equal(ig_name_len(a), 6);
    assert_ptr_equal(b, ig_model_name(m, "conv"));
    assert_null(ig_model_intern(m, (ig_str){0}, &ok));
    assert_int_equal(ig_name_len(ig_model_intern(m, IG_STR(""), &ok)), 0);
    for (int i = 0; i < 1000; i++) {
        char text[16];
        snprintf(text, sizeof text, "n%d", i);
        assert_ptr_equal(ig_model_name(m, text), ig_model_name(m, text));
    }
    ig_model_free(m);
}

static void types_have_texts(void **state) {
    IG_UNUSED(state);
    ig_model *m = new_model();
    ig_shape shape = {.rank = 3, .dims = {ig_dim_of(1), ig_dim_named(&m->syms, IG_STR("batch")), ig_dim_unknown()}};
    ig_type *t = ig_type_tensor(&m->arena, IG_F32, &shape);
    char text[64];
    ig_type_text(t, text, sizeof text);
    assert_string_equal(text, "float[1,batch,?]");
    ig_type_text(ig_type_of_kind(&m->arena, IG_KIND_SEQUENCE, IG_UNDEFINED, t), text, sizeof text);
    assert_string_equal(text, "seq(float[1,batch,?])");
    assert_int_equal(ig_type_text(t, text, 6), 5);
    assert_string_equal(text, "float");
    assert_true(ig_type_equal(t, ig_type_clone(&m->arena, t)));
    ig_model_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uses_follow_edits),
        cmocka_unit_test(validator_notices_damage),
        cmocka_unit_test(sorting_keeps_a_good_order_and_finds_cycles),
        cmocka_unit_test(clones_are_equal_and_apart),
        cmocka_unit_test(splicing_renames_and_binds_attributes),
        cmocka_unit_test(names_are_interned),
        cmocka_unit_test(types_have_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
