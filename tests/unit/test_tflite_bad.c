/* Damaged TFLite files: cut short or with bytes changed, they are refused or read, checked and lowered without harm. */
#include "cmocka_setup.h"
#include "formats/lower.h"
#include "passes/passes.h"

#include <stdio.h>

static const char *const files[] = {"control",       "conv_quantized", "detection", "lookup",
                                    "movement_int8", "recurrent",      "stablehlo"};

static uint64_t next(uint64_t *state) { /* xorshift64 (Marsaglia 2003) */
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static bool try_lowering(ig_model *m) {
    for (size_t i = 0; i < m->findings.n; i++)
        if (m->findings.items[i].severity == IG_ERROR) return false;
    ig_model *copy;
    ig_error err = {0};
    if (ig_model_clone(&copy, m, &err) != IG_OK) return false;
    bool lowered = ig_model_lower(copy, &err) == IG_OK && ig_graph_sort(copy->graph, &err) == IG_OK;
    if (lowered) {
        assert_int_equal(ig_model_validate(copy, &err), IG_OK);
        if (ig_model_tidy(copy, &err) == IG_OK) assert_int_equal(ig_model_validate(copy, &err), IG_OK);
    }
    ig_model_free(copy);
    return lowered;
}

static bool try_file(ig_context *context, const void *data, size_t size) {
    ig_model *m;
    ig_error err = {0};
    ig_report *report;
    const ig_open_options options = {IG_OPTIONS(ig_open_options), .context = context, .format = "tflite"};
    if (ig_model_open_memory(&m, data, size, &options, &err) != IG_OK) {
        assert_true(err.message[0] != 0);
        return false;
    }
    if (ig_model_check(&report, m, NULL, &err) == IG_OK) ig_report_free(report);
    bool lowered = try_lowering(m);
    ig_model_free(m);
    return lowered;
}

static void damage(const char *name) {
    const ig_context_options limits = {IG_OPTIONS(ig_context_options), .limits = {.memory = 64 << 20}};
    ig_context *context;
    ig_buffer *file;
    ig_error err = {0};
    char path[200];
    snprintf(path, sizeof path, "fixtures/tflite/files/%s.tflite", name);
    assert_int_equal(ig_context_create(&context, &limits, &err), IG_OK);
    assert_int_equal(ig_buffer_map(&file, context, NULL, ig_str_c(path), &err), IG_OK);
    uint8_t *copy = ig_alloc(context, file->size);
    assert_non_null(copy);
    memcpy(copy, file->data, file->size);
    assert_true(try_file(context, copy, file->size));
    for (size_t i = 0; i < 24; i++) try_file(context, copy, file->size * i / 24);
    uint64_t random = 88172645463325252u;
    for (int i = 0; i < 60; i++) {
        memcpy(copy, file->data, file->size);
        for (uint64_t k = next(&random) % 4 + 1; k > 0; k--)
            copy[next(&random) % file->size] = next(&random) % 3 ? (uint8_t)next(&random) : (uint8_t)(next(&random) % 2 * 255);
        try_file(context, copy, file->size);
    }
    ig_release(context, copy);
    ig_buffer_release(file);
    assert_int_equal(ig_context_memory(context, NULL), 0);
    ig_context_free(context);
}

static void test_damaged(void **state) {
    IG_UNUSED(state);
    for (size_t i = 0; i < IG_COUNT_OF(files); i++) damage(files[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_damaged)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
