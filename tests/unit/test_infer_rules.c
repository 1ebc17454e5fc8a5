/* What inference functions are written with, on hand-made inputs. */
#include "cmocka_setup.h"

#include "ops/op.h"

enum { MOST = 4 };

static ig_model *model;
static ig_node *node;
static ig_infer c;
static const ig_type *in[MOST], *out[MOST];
static const ig_tensor *data[MOST];
static const ig_ints *ints[MOST], *out_ints[MOST];
static ig_error err;

static int setup(void **state) {
    IG_UNUSED(state);
    ig_context *context;
    assert_int_equal(ig_context_create(&context, NULL, NULL), IG_OK);
    assert_int_equal(ig_model_new(&model, context, NULL), IG_OK);
    ig_context_free(context);
    node = ig_node_new(model->graph, ig_model_name(model, "Op"), NULL, MOST, MOST);
    for (uint32_t i = 0; i < MOST; i++) {
        in[i] = out[i] = NULL;
        data[i] = NULL;
        ints[i] = out_ints[i] = NULL;
        ig_node_set_input(node, i, ig_value_new(model->graph, ig_model_name(model, (char[]){(char)('a' + i), 0}), NULL));
    }
    c = (ig_infer){.node = node,
                   .n_in = MOST,
                   .n_out = MOST,
                   .in = in,
                   .data = data,
                   .ints = ints,
                   .out = out,
                   .out_ints = out_ints,
                   .syms = &model->syms,
                   .arena = &model->arena,
                   .err = &err};
    return 0;
}

static int teardown(void **state) {
    IG_UNUSED(state);
    ig_model_free(model);
    return 0;
}

/* "2,batch,?" */
static const ig_type *type(ig_dtype dtype, const char *dims) {
    ig_shape shape = {.rank = 0};
    for (const char *p = dims; *p; p++) {
        size_t n = strcspn(p, ",");
        shape.dims[shape.rank++] = *p == '?' ? ig_dim_unknown() : ig_dim_named(&model->syms, (ig_str){p, n});
        p += n - (p[n] == '\0');
    }
    return ig_type_tensor(&model->arena, dtype, &shape);
}

static const char *text_of(const ig_type *t) {
    static char text[256];
    ig_type_text(t, text, sizeof text);
    return text;
}

static void broadcasting(void **state) {
    IG_UNUSED(state);
    static const struct {
        const char *a, *b, *result;
    } cases[] = {
        {"2,3", "3", "float[2,3]"},
        {"", "2,3", "float[2,3]"},
        {"batch,1", "1,4", "float[batch,4]"},
        {"batch,4", "batch,1", "float[batch,4]"},
        {"?,4", "2,1", "float[2,4]"},
        {"n", "m", "float[?]"},
        {"5,1,3", "7,1", "float[5,7,3]"},
        {"0", "1", "float[0]"},
        {"2,3", "4", NULL},
        {"n + 3", "2", NULL},
    };
    for (size_t i = 0; i < IG_COUNT_OF(cases); i++) {
        in[0] = type(IG_F32, cases[i].a);
        in[1] = type(IG_F32, cases[i].b);
        c.n_in = 2;
        ig_status status = ig_infer_broadcast(&c);
        assert_int_equal(status, cases[i].result ? IG_OK : IG_E_INPUT);
        if (cases[i].result) assert_string_equal(text_of(out[0]), cases[i].result);
    }
    assert_string_equal(err.message, "inputs 'a' float[n + 3] and 'b' float[2] can't be broadcast to one shape");
    in[1] = ig_type_tensor(&model->arena, IG_F32, NULL);
    assert_int_equal(ig_infer_broadcast_bool(&c), IG_OK);
    assert_string_equal(text_of(out[0]), "bool[...]");
    in[0] = NULL;
    assert_int_equal(ig_infer_broadcast(&c), IG_OK);
    assert_string_equal(text_of(out[0]), "float[...]");
}

static void contents(void **state) {
    IG_UNUSED(state);
    ig_ints got;
    int64_t value;
    assert_false(ig_infer_ints(&c, 0, &got));
    in[0] = type(IG_I64, "3");
    assert_true(ig_infer_ints(&c, 0, &got));
    assert_int_equal(got.n, 3);
    assert_false(ig_dim_known(got.values[2]));
    in[0] = type(IG_I64, "n");
    assert_false(ig_infer_ints(&c, 0, &got));
    in[0] = type(IG_I64, "");
    assert_true(ig_infer_ints(&c, 0, &got));
    assert_true(got.n == 1 && got.rank == 0);
    assert_false(ig_infer_int(&c, 0, &value));
    int32_t numbers[] = {-7, 8};
    ig_tensor *two = ig_tensor_borrow(IG_I32, 1, (int64_t[]){2}, numbers), *one = ig_tensor_borrow(IG_I32, 0, NULL, numbers);
    data[0] = two;
    assert_true(ig_infer_ints(&c, 0, &got));
    assert_true(got.n == 2 && got.values[0].value == -7 && got.values[1].value == 8);
    assert_false(ig_infer_int(&c, 0, &value));
    data[0] = one;
    assert_true(ig_infer_int(&c, 0, &value));
    assert_int_equal(value, -7);
    const ig_dim batch = ig_dim_named(&model->syms, IG_STR("batch"));
    ints[1] = &(ig_ints){1, 1, &batch};
    assert_true(ig_infer_ints(&c, 1, &got));
    assert_ptr_equal(got.values[0].sym, batch.sym);
    assert_false(ig_infer_int(&c, 1, &value));
    assert_int_equal(ig_infer_set_ints(&c, 2, 1, &batch, 1), IG_OK);
    assert_ptr_equal(out_ints[2]->values[0].sym, batch.sym);
    c.out_ints = NULL;
    assert_int_equal(ig_infer_set_ints(&c, 2, 1, &batch, 1), IG_OK);
    float f = 1;
    ig_tensor *real = ig_tensor_borrow(IG_F32, 0, NULL, &f);
    data[3] = real;
    assert_false(ig_infer_int(&c, 3, &value));
    ig_tensor_free(one);
    ig_tensor_free(two);
    ig_tensor_free(real);
}

static void axes(void **state) {
    IG_UNUSED(state);
    int axis;
    assert_int_equal(ig_infer_axis(&c, -1, 3, false, &axis), IG_OK);
    assert_int_equal(axis, 2);
    assert_int_equal(ig_infer_axis(&c, 3, 3, true, &axis), IG_OK);
    assert_int_equal(ig_infer_axis(&c, -4, 3, true, &axis), IG_OK);
    assert_int_equal(axis, 0);
    assert_int_equal(ig_infer_axis(&c, 3, 3, false, &axis), IG_E_INPUT);
    assert_string_equal(err.message, "axis 3 is outside [-3, 2] of an input of rank 3");
    assert_int_equal(ig_infer_axis(&c, INT64_MIN, 3, false, &axis), IG_E_INPUT);
    assert_int_equal(ig_infer_axis(&c, 0, 0, false, &axis), IG_E_INPUT);
}

static void inputs_and_outputs(void **state) {
    IG_UNUSED(state);
    ig_shape shape;
    ig_node_set_input(node, 1, NULL);
    assert_true(ig_infer_has(&c, 0) && !ig_infer_has(&c, 1) && !ig_infer_has(&c, MOST));
    assert_false(ig_infer_shape(&c, 0, &shape));
    in[0] = type(IG_F16, "2,n");
    assert_true(ig_infer_shape(&c, 0, &shape));
    assert_int_equal(shape.rank, 2);
    assert_int_equal(ig_infer_dtype(&c, 0), IG_F16);
    assert_int_equal(ig_infer_dtype(&c, 1), IG_UNDEFINED);
    assert_int_equal(ig_infer_set(&c, MOST + 1, IG_F32, &shape), IG_OK); /* an output that isn't there */
    assert_int_equal(ig_infer_same(&c), IG_OK);
    assert_ptr_equal(out[0], in[0]);
    ig_type *sequence = ig_type_of_kind(&model->arena, IG_KIND_SEQUENCE, IG_UNDEFINED, in[0]);
    in[2] = sequence;
    assert_false(ig_infer_shape(&c, 2, &shape));
    assert_int_equal(ig_infer_dtype(&c, 2), IG_UNDEFINED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(broadcasting, setup, teardown),
        cmocka_unit_test_setup_teardown(contents, setup, teardown),
        cmocka_unit_test_setup_teardown(axes, setup, teardown),
        cmocka_unit_test_setup_teardown(inputs_and_outputs, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
