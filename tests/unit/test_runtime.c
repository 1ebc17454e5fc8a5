/* The engine: shapes that change, views and in-place results, concurrent runs, failing allocations, cancelling, clear errors.
 */
#include "cmocka_setup.h"
#include "fail_alloc.h"

#include "graph/build.h"
#include "runtime/runtime.h"

#include <pthread.h>

/* y = Max(Reshape(x + 1, [-1]), 0) + 2;  n = Shape(x) */
static ig_status build_model(ig_model **out, ig_context *context, ig_error *err) {
    ig_model *m;
    IG_TRY(ig_model_new(&m, context, err));
    ig_shape shape = {.rank = 2, .dims = {ig_dim_named(&m->syms, IG_STR("rows")), ig_dim_of(3)}};
    ig_opset onnx = {.domain = ig_model_name(m, ""), .version = 21};
    ig_type *type = ig_type_tensor(&m->arena, IG_F32, &shape);
    ig_build b = ig_build_end(m->graph);
    ig_name name = ig_model_name(m, "x");
    ig_value *x = type && name ? ig_value_new(m->graph, name, type) : NULL;
    bool ok = x && onnx.domain && IG_PUSH(&m->arena, &m->opsets, onnx) && ig_graph_add_input(m->graph, x);
    ig_value *n = ok ? IG_BUILD(&b, "Shape", x) : NULL;
    ig_value *sum = ok ? IG_BUILD(&b, "Add", x, ig_build_f32(&b, 1)) : NULL;
    ig_value *flat = ok ? IG_BUILD(&b, "Reshape", sum, ig_build_i64s(&b, (int64_t[]){-1}, 1)) : NULL;
    ig_value *relu = ok ? IG_BUILD(&b, "Max", flat, ig_build_f32(&b, 0)) : NULL;
    ig_value *y = ok ? IG_BUILD(&b, "Add", relu, ig_build_f32(&b, 2)) : NULL;
    ok = ok && !b.failed && ig_graph_add_output(m->graph, y) && ig_graph_add_output(m->graph, n);
    if (!ok) {
        ig_model_free(m);
        return ig_oom(err);
    }
    *out = m;
    return IG_OK;
}

static ig_status run_rows(ig_session *s, int64_t rows, ig_tensor **outputs, ig_error *err) {
    float data[64 * 3];
    for (int64_t i = 0; i < rows * 3; i++) data[i] = (float)(i - 4);
    ig_tensor *x = NULL;
    IG_TRY(ig_tensor_create(&x, ig_session_context(s), IG_F32, 2, (int64_t[]){rows, 3}, err));
    memcpy(ig_tensor_data_mut(x), data, (size_t)rows * 3 * sizeof(float));
    ig_status status = ig_session_run(s, (const char *[]){"x"}, (const ig_tensor *[]){x}, 1, NULL, outputs, 2, NULL, err);
    ig_tensor_free(x);
    return status;
}

static bool right(int64_t rows, ig_tensor *const *outputs) {
    const float *y = ig_tensor_data(outputs[0]);
    bool ok = ig_tensor_rank(outputs[0]) == 1 && ig_tensor_count(outputs[0]) == (size_t)rows * 3;
    for (int64_t i = 0; ok && i < rows * 3; i++) ok = y[i] == (float)(i - 3 > 0 ? i - 3 : 0) + 2;
    return ok && ig_tensor_get_i64(outputs[1], 0) == rows && ig_tensor_get_i64(outputs[1], 1) == 3;
}

static ig_status open_session(ig_session **s, ig_context *context, const ig_session_options *options, ig_error *err) {
    ig_model *m;
    IG_TRY(build_model(&m, context, err));
    ig_status status = ig_session_create(s, m, options, err);
    ig_model_free(m);
    return status;
}

static ig_session *new_session(const ig_session_options *options) {
    ig_context *context;
    ig_session *s;
    assert_int_equal(ig_context_create(&context, NULL, NULL), IG_OK);
    assert_int_equal(open_session(&s, context, options, NULL), IG_OK);
    ig_context_free(context);
    return s;
}

static void shapes_may_change_from_run_to_run(void **state) {
    IG_UNUSED(state);
    for (int optimize = -1; optimize <= 0; optimize++) {
        ig_session *s = new_session(&(ig_session_options){IG_OPTIONS(ig_session_options), .threads = 1, .optimize = optimize});
        for (int64_t i = 0; i < 60; i++) { /* more shapes than plans are kept for */
            ig_tensor *out[2] = {NULL, NULL};
            int64_t rows = i * 7 % 30;
            assert_int_equal(run_rows(s, rows, out, NULL), IG_OK);
            assert_true(right(rows, out));
            ig_tensor_free(out[0]);
            ig_tensor_free(out[1]);
        }
        ig_session_free(s);
    }
}

static void results_can_go_to_the_callers_memory(void **state) {
    IG_UNUSED(state);
    ig_session *s = new_session(NULL);
    float y[6];
    ig_tensor *mine = ig_tensor_borrow(IG_F32, 1, (int64_t[]){6}, y), *out[2] = {mine, NULL};
    assert_int_equal(run_rows(s, 2, out, NULL), IG_OK);
    assert_ptr_equal(out[0], mine);
    assert_true(right(2, out));
    assert_true(y[5] == 4);
    ig_tensor_free(out[1]);
    out[1] = NULL;
    ig_error err;
    assert_int_equal(run_rows(s, 3, out, &err), IG_E_ARGUMENT);
    assert_non_null(strstr(err.message, "another type or shape"));
    assert_null(out[1]);
    ig_tensor_free(mine);
    ig_session_free(s);
}

static void a_second_run_allocates_only_its_results(void **state) {
    IG_UNUSED(state);
    fail_alloc f = {.countdown = -1};
    ig_context *context;
    ig_context_options options = {IG_OPTIONS(ig_context_options), .allocator = {fail_alloc_resize, &f}};
    assert_int_equal(ig_context_create(&context, &options, NULL), IG_OK);
    ig_session *s;
    assert_int_equal(open_session(&s, context, &(ig_session_options){IG_OPTIONS(ig_session_options), .threads = 1}, NULL),
                     IG_OK);
    float xs[6] = {0}, ys[6];
    int64_t ns[2];
    ig_tensor *x = ig_tensor_borrow(IG_F32, 2, (int64_t[]){2, 3}, xs);
    ig_tensor *out[2] = {ig_tensor_borrow(IG_F32, 1, (int64_t[]){6}, ys), ig_tensor_borrow(IG_I64, 1, (int64_t[]){2}, ns)};
    for (int i = 0; i < 5; i++) {
        if (i == 2) f.countdown = 0, f.forever = true; /* from here on nothing may be allocated */
        assert_int_equal(ig_session_run(s, (const char *[]){"x"}, (const ig_tensor *[]){x}, 1, NULL, out, 2, NULL, NULL),
                         IG_OK);
    }
    assert_false(f.failed);
    ig_tensor_free(x);
    ig_tensor_free(out[0]);
    ig_tensor_free(out[1]);
    ig_session_free(s);
    ig_context_free(context);
    assert_int_equal(f.live, 0);
}

static void *run_often(void *session) {
    for (int64_t i = 0; i < 200; i++) {
        ig_tensor *out[2] = {NULL, NULL};
        int64_t rows = 1 + i % 5;
        if (run_rows(session, rows, out, NULL) != IG_OK || !right(rows, out)) return session;
        ig_tensor_free(out[0]);
        ig_tensor_free(out[1]);
    }
    return NULL;
}

static void runs_are_reentrant(void **state) {
    IG_UNUSED(state);
    ig_session *s = new_session(&(ig_session_options){IG_OPTIONS(ig_session_options), .threads = 2});
    pthread_t threads[4];
    for (size_t i = 0; i < IG_COUNT_OF(threads); i++) assert_int_equal(pthread_create(&threads[i], NULL, run_often, s), 0);
    for (size_t i = 0; i < IG_COUNT_OF(threads); i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    ig_session_free(s);
}

static void a_run_can_be_cancelled(void **state) {
    IG_UNUSED(state);
    ig_session *s = new_session(NULL);
    bool cancel = true;
    float xs[3] = {0};
    ig_tensor *x = ig_tensor_borrow(IG_F32, 2, (int64_t[]){1, 3}, xs), *out[2] = {NULL, NULL};
    ig_run_options options = {IG_OPTIONS(ig_run_options), .cancel = &cancel};
    assert_int_equal(ig_session_run(s, (const char *[]){"x"}, (const ig_tensor *[]){x}, 1, NULL, out, 2, &options, NULL),
                     IG_E_CANCELLED);
    ig_tensor_free(x);
    ig_session_free(s);
}

static void wrong_inputs_are_explained(void **state) {
    IG_UNUSED(state);
    ig_session *s = new_session(NULL);
    float xs[4] = {0};
    ig_tensor *x = ig_tensor_borrow(IG_F32, 2, (int64_t[]){1, 4}, xs), *out[2] = {NULL, NULL};
    ig_error err;
    assert_int_equal(ig_session_run(s, (const char *[]){"x"}, (const ig_tensor *[]){x}, 1, NULL, out, 2, NULL, &err),
                     IG_E_ARGUMENT);
    assert_string_equal(err.message, "input 'x' is float[1,4], the model wants float[rows,3]");
    assert_int_equal(ig_session_run(s, (const char *[]){"z"}, (const ig_tensor *[]){x}, 1, NULL, out, 2, NULL, &err),
                     IG_E_ARGUMENT);
    assert_non_null(strstr(err.message, "no input 'z'"));
    assert_int_equal(ig_session_run(s, NULL, NULL, 0, NULL, out, 2, NULL, &err), IG_E_ARGUMENT);
    assert_non_null(strstr(err.message, "'x' float[rows,3] is not given"));
    ig_tensor_free(x);
    ig_session_free(s);
}

static void missing_operators_are_listed_together(void **state) {
    IG_UNUSED(state);
    ig_context *context;
    ig_model *m;
    ig_session *s;
    ig_error err;
    assert_int_equal(ig_context_create(&context, NULL, NULL), IG_OK);
    assert_int_equal(build_model(&m, context, NULL), IG_OK);
    ig_build b = ig_build_end(m->graph);
    ig_value *y = m->graph->outputs.items[0].value;
    ig_value *a = ig_build_out(ig_build_node(&b, "acme", "Frob", &y, 1, 1), 0);
    ig_value *c = ig_build_out(ig_build_node(&b, "acme", "Nicate", &a, 1, 1), 0);
    assert_true(ig_graph_set_output(m->graph, 0, c));
    assert_int_equal(ig_session_create(&s, m, NULL, &err), IG_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "acme.Frob"));
    assert_non_null(strstr(err.message, "acme.Nicate"));
    ig_model_free(m);
    ig_context_free(context);
}

static ig_status open_and_run(ig_context *context) {
    ig_session *s;
    IG_TRY(open_session(&s, context, &(ig_session_options){IG_OPTIONS(ig_session_options), .threads = 1}, NULL));
    ig_status status = IG_OK;
    for (int64_t rows = 1; status == IG_OK && rows < 3; rows++) {
        ig_tensor *out[2] = {NULL, NULL};
        status = run_rows(s, rows, out, NULL);
        if (status == IG_OK && !right(rows, out)) status = IG_NO;
        ig_tensor_free(out[0]);
        ig_tensor_free(out[1]);
    }
    ig_session_free(s);
    return status;
}

static void every_allocation_may_fail(void **state) {
    IG_UNUSED(state);
    assert_true(fail_each_allocation(open_and_run, false) > 50);
    assert_true(fail_each_allocation(open_and_run, true) > 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_may_change_from_run_to_run),
        cmocka_unit_test(results_can_go_to_the_callers_memory),
        cmocka_unit_test(a_second_run_allocates_only_its_results),
        cmocka_unit_test(runs_are_reentrant),
        cmocka_unit_test(a_run_can_be_cancelled),
        cmocka_unit_test(wrong_inputs_are_explained),
        cmocka_unit_test(missing_operators_are_listed_together),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
