/* Operators of one's own: registration, versions, precedence over igata's, states, errors, failing allocations. */
#include "cmocka_setup.h"
#include "fail_alloc.h"

#include "graph/build.h"
#include "ops/custom.h"

typedef struct counts {
    int prepared, released, ran, freed;
} counts;

/* y = x * factor (attribute, 1 when absent). */
static ig_status scale_infer(ig_custom_types *types, void *user, ig_error *err) {
    (void)user;
    return ig_custom_types_same(types, 0, 0, err);
}

static ig_status scale_prepare(const ig_custom_node *node, void **state, void *user, ig_error *err) {
    float *factor = malloc(sizeof *factor);
    if (!factor) return ig_custom_fail(err, IG_E_MEMORY, "out of memory");
    *factor = 1;
    ig_custom_attr_float(node, "factor", factor);
    *state = factor;
    ((counts *)user)->prepared++;
    return *factor < 0 ? ig_custom_fail(err, IG_E_INPUT, "factor is %g", (double)*factor) : IG_OK;
}

static void scale_release(void *state, void *user) {
    free(state);
    ((counts *)user)->released++;
}

static ig_status scale_run(ig_custom_call *call, void *state, void *user, ig_error *err) {
    const ig_tensor *x = ig_custom_call_input(call, 0);
    ig_tensor *y;
    ((counts *)user)->ran++;
    ig_status status = ig_custom_call_output(&y, call, 0, IG_F32, ig_tensor_rank(x), ig_tensor_dims(x), err);
    for (size_t i = 0; status == IG_OK && i < ig_tensor_count(x); i++)
        ((float *)ig_tensor_data_mut(y))[i] = ((const float *)ig_tensor_data(x))[i] * *(float *)state;
    return status;
}

static void count_free(void *user) { ((counts *)user)->freed++; }

static ig_custom_op scale_op(counts *c, const char *domain, const char *name) {
    return (ig_custom_op){
        IG_OPTIONS(ig_custom_op), .domain = domain,         .name = name,     .min_inputs = 1, .infer = scale_infer,
        .prepare = scale_prepare, .release = scale_release, .run = scale_run, .user = c,       .free_user = count_free};
}

/* y = domain.op(x) <factor> with x float[3]. */
static ig_status build_model(ig_model **out, ig_context *context, const char *domain, const char *op, int64_t opset,
                             float factor, ig_error *err) {
    ig_model *m;
    IG_TRY(ig_model_new(&m, context, err));
    ig_shape shape = {.rank = 1, .dims = {ig_dim_of(3)}};
    ig_opset import = {.domain = ig_model_name(m, domain), .version = opset};
    ig_type *type = ig_type_tensor(&m->arena, IG_F32, &shape);
    ig_name name = ig_model_name(m, "x");
    ig_build b = ig_build_end(m->graph);
    ig_value *x = type && name ? ig_value_new(m->graph, name, type) : NULL;
    bool ok = x && import.domain && IG_PUSH(&m->arena, &m->opsets, import) && ig_graph_add_input(m->graph, x);
    ig_node *n = ok ? ig_build_node(&b, domain, op, &x, 1, 1) : NULL;
    if (n) ig_build_float(&b, "factor", factor);
    ok = n && !b.failed && ig_graph_add_output(m->graph, n->out[0]);
    if (!ok) {
        ig_model_free(m);
        return ig_oom(err);
    }
    *out = m;
    return IG_OK;
}

static ig_status run_model(ig_model *m, float *y, ig_error *err) {
    ig_session *s;
    float data[3] = {1, 2, 3};
    ig_tensor *out = NULL, *x = NULL;
    IG_TRY(ig_session_create(&s, m, NULL, err));
    ig_status status = ig_tensor_create(&x, ig_session_context(s), IG_F32, 1, (int64_t[]){3}, err);
    if (status == IG_OK) memcpy(ig_tensor_data_mut(x), data, sizeof data);
    if (status == IG_OK)
        status = ig_session_run(s, (const char *[]){"x"}, (const ig_tensor *[]){x}, 1, NULL, &out, 1, NULL, err);
    if (status == IG_OK) memcpy(y, ig_tensor_data(out), sizeof data);
    ig_tensor_free(x);
    ig_tensor_free(out);
    ig_session_free(s);
    return status;
}

static ig_status build_and_run(ig_context *context, const char *domain, const char *op, int64_t opset, float factor, float *y,
                               ig_error *err) {
    ig_model *m;
    IG_TRY(build_model(&m, context, domain, op, opset, factor, err));
    ig_status status = run_model(m, y, err);
    ig_model_free(m);
    return status;
}

static void runs_and_frees(void **unused) {
    (void)unused;
    counts c = {0};
    ig_context *context;
    ig_error err;
    float y[3];
    assert_int_equal(ig_context_create(&context, NULL, &err), IG_OK);
    ig_custom_op op = scale_op(&c, "my", "Scale");
    assert_int_equal(ig_context_add_op(context, &op, &err), IG_OK);
    assert_int_equal(build_and_run(context, "my", "Scale", 1, 2, y, &err), IG_OK);
    assert_true(y[0] == 2 && y[1] == 4 && y[2] == 6);
    assert_int_equal(c.prepared, 1);
    assert_int_equal(c.released, 1);
    assert_int_equal(c.ran, 1);
    assert_int_equal(c.freed, 0);
    ig_context_free(context);
    assert_int_equal(c.freed, 1);
}

static void comes_before_igatas_own(void **unused) {
    (void)unused;
    counts c = {0};
    ig_context *context;
    ig_error err;
    float y[3];
    assert_int_equal(ig_context_create(&context, NULL, &err), IG_OK);
    ig_custom_op op = scale_op(&c, "", "Neg");
    op.until = 12;
    assert_int_equal(ig_context_add_op(context, &op, &err), IG_OK);
    assert_int_equal(build_and_run(context, "", "Neg", 12, 3, y, &err), IG_OK);
    assert_true(y[2] == 9);
    ig_model *m; /* past `until` igata's own is meant, which has no attribute factor */
    assert_int_equal(build_model(&m, context, "", "Neg", 13, 3, &err), IG_OK);
    ig_model_resolve(m);
    assert_false(ig_schema_is_custom(m->graph->first->schema));
    ig_model_free(m);
    ig_context_free(context);
}

static void says_what_is_wrong(void **unused) {
    (void)unused;
    counts c = {0};
    ig_context *context;
    ig_error err;
    float y[3];
    assert_int_equal(ig_context_create(&context, NULL, &err), IG_OK);
    assert_int_equal(build_and_run(context, "my", "Scale", 1, 2, y, &err), IG_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "my.Scale"));
    assert_non_null(strstr(err.hint, "ig_context_add_op"));
    ig_custom_op op = scale_op(&c, "my", "Scale");
    assert_int_equal(ig_context_add_op(context, &op, &err), IG_OK);
    assert_int_equal(build_and_run(context, "my", "Scale", 1, -2, y, &err), IG_E_INPUT);
    assert_string_equal(err.message, "factor is -2");
    assert_non_null(strstr(err.detail, "Scale"));
    assert_int_equal(c.released, c.prepared);
    op.run = NULL;
    assert_int_equal(ig_context_add_op(context, &op, &err), IG_E_ARGUMENT);
    assert_int_equal(ig_context_load_ops(context, "/nowhere.so", &err), IG_E_INPUT);
    assert_non_null(strstr(err.hint, IG_OPS_ENTRY));
    ig_context_free(context);
}

static counts failing;

static ig_status all(ig_context *context) {
    ig_error err;
    float y[3];
    ig_custom_op op = scale_op(&failing, "my", "Scale");
    op.free_user = NULL;
    ig_status status = ig_context_add_op(context, &op, &err);
    return status == IG_OK ? build_and_run(context, "my", "Scale", 1, 2, y, &err) : status;
}

static void survives_failing_allocations(void **unused) {
    (void)unused;
    assert_true(fail_each_allocation(all, false) > 20);
    assert_true(fail_each_allocation(all, true) > 20);
    assert_int_equal(failing.prepared, failing.released);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_and_frees),
        cmocka_unit_test(comes_before_igatas_own),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
