/* Reading and writing tensor files when memory runs out, and what only the C interface shows. */
#include "cmocka_setup.h"

#include "failing_allocator.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const files[] = {"words.npy",   "numbers.npy", "numbers.json", "numbers.csv", "numbers.pb",
                                    "numbers.raw", "both.json",   "both.pb",      "both.npz"};
enum { FILES = sizeof files / sizeof *files };

typedef struct place {
    char folder[64], path[160];
} place;

static const char *in(place *p, const char *name) {
    snprintf(p->path, sizeof p->path, "%s/%s", p->folder, name);
    return p->path;
}

static int make_place(void **state) {
    place *p = calloc(1, sizeof *p);
    *state = p;
    if (!p) return -1;
    strcpy(p->folder, "/tmp/igata-test-XXXXXX");
    return mkdtemp(p->folder) ? 0 : -1;
}

static int remove_place(void **state) {
    place *p = *state;
    for (size_t i = 0; i < FILES; i++) unlink(in(p, files[i]));
    int left = rmdir(p->folder); /* nothing else may be there, temporary files neither */
    free(p);
    return left;
}

/* What each file holds: text, numbers of a type that NumPy lacks, or a sequence of both. */
static ig_tensor *sample(ig_context *context, const char *file) {
    const ig_str text[] = {{"a", 1}, {"l\xc3\xa4nger", 7}, {"", 0}};
    int64_t n = 3, dims[] = {2, 40};
    ig_tensor *items[2], *both;
    assert_int_equal(ig_tensor_create_strings(&items[0], context, 1, &n, text, NULL), IG_OK);
    assert_int_equal(ig_tensor_create(&items[1], context, IG_BF16, 2, dims, NULL), IG_OK);
    uint16_t *data = ig_tensor_data_mut(items[1]);
    for (uint16_t i = 0; i < 80; i++) data[i] = (uint16_t)(0x3F80 + i);
    assert_int_equal(ig_tensor_create_sequence(&both, context, items, 2, NULL), IG_OK);
    ig_tensor *wanted = file[0] == 'w' ? items[0] : file[0] == 'n' ? items[1] : both;
    ig_tensor_clone(wanted);
    ig_tensor_free(items[0]);
    ig_tensor_free(items[1]);
    ig_tensor_free(both);
    return wanted;
}

static ig_status write_one(ig_context *context, place *p, const char *file, failing_allocator *f, size_t fail_at) {
    const ig_write_options options = {IG_OPTIONS(ig_write_options), .overwrite = true};
    ig_error err = {0};
    f->fail_at = 0;
    ig_tensor *t = sample(context, file);
    f->calls = 0;
    f->fail_at = fail_at;
    ig_status status = ig_tensor_write(t, "x", in(p, file), &options, &err);
    f->fail_at = 0;
    assert_int_equal(status, err.status);
    ig_tensor_free(t);
    return status;
}

static ig_status read_one(ig_context *context, place *p, const char *file) {
    const int64_t dims[] = {2, -1};
    ig_read_options options = {IG_OPTIONS(ig_read_options), .context = context, .dtype = IG_BF16, .rank = 2, .dims = dims};
    ig_error err = {0};
    ig_status status;
    if (file[0] != 'n') options.dtype = IG_UNDEFINED, options.dims = NULL, options.rank = 0;
    if (file[0] == 'b') options.kind = IG_KIND_SEQUENCE;
    if (strstr(file, ".npz")) {
        ig_tensors *all;
        status = ig_tensors_read(&all, in(p, file), &options, &err);
        if (status == IG_OK) assert_int_equal(ig_tensors_count(all), 2);
        ig_tensors_free(all);
    } else {
        ig_tensor *t = NULL;
        status = ig_tensor_read(&t, in(p, file), &options, &err);
        assert_int_equal(t != NULL, status == IG_OK);
        ig_tensor_free(t);
    }
    assert_int_equal(status, err.status);
    return status;
}

static void memory_runs_out(void **state) {
    place *p = *state;
    failing_allocator f = {0};
    const ig_context_options options = {IG_OPTIONS(ig_context_options), .allocator = {failing_resize, &f}};
    ig_context *context;
    assert_int_equal(ig_context_create(&context, &options, NULL), IG_OK);
    for (size_t i = 0; i < FILES; i++) {
        ig_status status = IG_E_MEMORY;
        size_t at = 1;
        for (; status != IG_OK; at++) {
            status = write_one(context, p, files[i], &f, at);
            if (status == IG_OK) break;
            assert_int_equal(status, IG_E_MEMORY);
            assert_int_equal(access(in(p, files[i]), F_OK), -1);
            assert_int_equal(f.live, 1); /* the context */
        }
        assert_true(at > 2);
        for (at = 1, status = IG_E_MEMORY; status != IG_OK; at++) {
            f.calls = 0;
            f.fail_at = at;
            status = read_one(context, p, files[i]);
            f.fail_at = 0;
            assert_true(status == IG_OK || status == IG_E_MEMORY);
            assert_int_equal(f.live, 1);
        }
        assert_true(at > 2);
    }
    ig_context_free(context);
    assert_int_equal(f.live, 0);
}

static void limits_hold(void **state) {
    place *p = *state;
    failing_allocator f = {0};
    ig_context *context;
    assert_int_equal(ig_context_create(&context, NULL, NULL), IG_OK);
    for (size_t i = 0; i < FILES; i++) assert_int_equal(write_one(context, p, files[i], &f, 0), IG_OK);
    ig_context_free(context);
    const ig_context_options options = {IG_OPTIONS(ig_context_options), .limits = {.memory = 400}};
    assert_int_equal(ig_context_create(&context, &options, NULL), IG_OK);
    for (size_t i = 0; i < FILES; i++) {
        ig_status status = read_one(context, p, files[i]);
        assert_true(status == IG_E_MEMORY || status == IG_E_LIMIT);
    }
    assert_int_equal(ig_context_memory(context, NULL), 0);
    ig_context_free(context);
}

static void tensors_replace(void **state) {
    (void)state;
    ig_tensors *all;
    float v[2] = {1, 2};
    int64_t n = 2, one = 1;
    ig_tensor *a = ig_tensor_borrow(IG_F32, 1, &n, v), *b = ig_tensor_borrow(IG_F32, 1, &one, v);
    assert_int_equal(ig_tensors_create(&all, NULL, NULL), IG_OK);
    assert_int_equal(ig_tensors_set(all, "x", a, NULL), IG_OK);
    assert_int_equal(ig_tensors_set(all, "y", a, NULL), IG_OK);
    assert_int_equal(ig_tensors_set(all, "x", b, NULL), IG_OK);
    assert_int_equal(ig_tensors_count(all), 2);
    assert_ptr_equal(ig_tensors_get(all, "x"), b);
    assert_string_equal(ig_tensors_name(all, 1), "y");
    assert_null(ig_tensors_get(all, "z"));
    assert_null(ig_tensors_at(all, 2));
    ig_tensor_free(a);
    ig_tensor_free(b);
    ig_tensors_free(all);
}

static void casts(void **state) {
    (void)state;
    int64_t n = 3;
    float v[] = {1, 2.5f, -3};
    uint64_t big[] = {1, UINT64_MAX, 3};
    ig_error err;
    ig_tensor *t = ig_tensor_borrow(IG_F32, 1, &n, v), *u = ig_tensor_borrow(IG_U64, 1, &n, big), *out;
    assert_int_equal(ig_tensor_cast(&out, t, IG_F32, &err), IG_OK);
    assert_ptr_equal(out, t);
    ig_tensor_free(out);
    assert_int_equal(ig_tensor_cast(&out, t, IG_I32, &err), IG_E_INPUT);
    assert_string_equal(err.message, "element 1 is 2.5, which int32 can't hold");
    assert_null(out);
    assert_int_equal(ig_tensor_cast(&out, t, IG_F16, &err), IG_OK);
    assert_true(ig_tensor_get_f64(out, 1) == 2.5);
    ig_tensor_free(out);
    assert_int_equal(ig_tensor_cast(&out, u, IG_I64, &err), IG_E_INPUT);
    assert_int_equal(ig_tensor_cast(&out, u, IG_F64, &err), IG_OK);
    assert_true(ig_tensor_get_f64(out, 1) == 0x1p64);
    ig_tensor_free(out);
    assert_int_equal(ig_tensor_cast(&out, t, IG_STRING, &err), IG_E_INPUT);
    assert_int_equal(ig_tensor_cast(&out, t, IG_C64, &err), IG_OK);
    assert_true(((const float *)ig_tensor_data(out))[2] == 2.5f);
    ig_tensor_free(out);
    ig_tensor_free(t);
    ig_tensor_free(u);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(memory_runs_out, make_place, remove_place),
        cmocka_unit_test_setup_teardown(limits_hold, make_place, remove_place),
        cmocka_unit_test(tensors_replace),
        cmocka_unit_test(casts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
