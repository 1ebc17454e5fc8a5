/* The HDF5 reader on files in every form of the format (fixtures/hdf5/make.py says what is in them). */
#include "cmocka_setup.h"
#include "codec/hdf5.h"
#include "fail_alloc.h"

#include <stdio.h>

typedef struct opened {
    ig_context *context;
    ig_buffer *file;
    ig_arena arena;
    ig_hdf5 *h;
    const ig_hdf5_object *root;
} opened;

static ig_status open_in(opened *f, ig_context *context, const char *name, ig_error *err) {
    char path[200];
    snprintf(path, sizeof path, "fixtures/hdf5/%s", name);
    *f = (opened){.context = context};
    IG_TRY(ig_buffer_map(&f->file, context, NULL, ig_str_c(path), err));
    ig_arena_init(&f->arena, context);
    ig_status status = ig_hdf5_open(&f->h, &f->arena, ig_buffer_span(f->file), err);
    if (status == IG_OK) status = ig_hdf5_root(f->h, &f->root, err);
    return status;
}

static void close_in(opened *f) {
    if (!f->file) return;
    ig_arena_free(&f->arena);
    ig_buffer_release(f->file);
}

static const ig_hdf5_object *get(opened *f, const char *path) {
    ig_error err = {0};
    const ig_hdf5_object *o = NULL;
    if (ig_hdf5_find(f->h, f->root, ig_str_c(path), &o, &err) != IG_OK) fail_msg("%s: %s", path, err.message);
    if (!o) fail_msg("no %s", path);
    return o;
}

static ig_status read_plain(opened *f, ig_str name, ig_error *err) {
    char path[100];
    const ig_hdf5_object *o;
    snprintf(path, sizeof path, "plain/%.*s", (int)name.n, name.s);
    IG_TRY(ig_hdf5_find(f->h, f->root, ig_str_c(path), &o, err));
    size_t bytes = (size_t)o->count * o->type.size;
    uint8_t *data = ig_alloc(f->context, bytes + 1);
    if (!data) return ig_oom(err);
    ig_status status = ig_hdf5_read(f->h, o, data, err);
    for (int64_t i = 0; i < o->count && status == IG_OK; i++)
        if (ig_load_as_f64(o->type.dtype, data, (size_t)i) != (double)((3 * i + 1) % 251)) {
            print_error("%s: element %lld is wrong\n", path, (long long)i);
            status = IG_E_INTERNAL;
        }
    ig_span mapped;
    if (status == IG_OK && ig_hdf5_map(f->h, o, &mapped) && (mapped.n != bytes || memcmp(mapped.p, data, bytes) != 0))
        status = IG_E_INTERNAL;
    ig_release(f->context, data);
    return status;
}

static ig_status read_all(ig_context *context, const char *name, ig_error *err) {
    opened f;
    ig_status status = open_in(&f, context, name, err);
    const ig_hdf5_object *plain = NULL;
    if (status == IG_OK) status = ig_hdf5_find(f.h, f.root, IG_STR("plain"), &plain, err);
    for (size_t i = 0; status == IG_OK && i < plain->links.n; i++) status = read_plain(&f, plain->links.items[i].name, err);
    if (status == IG_OK && plain->links.n < 24) status = IG_E_INTERNAL;
    close_in(&f);
    return status;
}

static const char *const files[] = {"earliest.h5", "v110.h5", "latest.h5", "block_first.h5", "ordered.h5"};

static void test_content(void **state) {
    IG_UNUSED(state);
    for (size_t i = 0; i < IG_COUNT_OF(files); i++) {
        ig_context *context;
        ig_error err = {0};
        assert_int_equal(ig_context_create(&context, NULL, NULL), IG_OK);
        if (read_all(context, files[i], &err) != IG_OK) fail_msg("%s: %s (%s)", files[i], err.message, err.detail);
        ig_context_free(context);
    }
}

static void expect_texts(opened *f, const ig_hdf5_attr *a, const char *prefix) {
    ig_str *texts;
    assert_non_null(a);
    assert_int_equal(ig_hdf5_attr_texts(f->h, a, &texts, NULL), IG_OK);
    assert_int_equal(a->count, 30);
    for (int i = 0; i < 30; i++) {
        char want[16];
        snprintf(want, sizeof want, "%s%d", prefix, i);
        assert_true(ig_str_is(texts[i], want));
    }
}

static void check_others(opened *f, bool latest) {
    const ig_hdf5_object *g = get(f, "others"), *o = get(f, "others/sparse");
    ig_str *texts;
    float sparse[81];
    assert_int_equal(ig_hdf5_read(f->h, o, sparse, NULL), IG_OK);
    for (int i = 0; i < 81; i++) assert_true(sparse[i] == (i == 5 * 9 + 6 ? 1.0f : 3.5f));
    o = get(f, "others/bool");
    assert_int_equal(o->type.dtype, IG_BOOL);
    o = get(f, "others/empty");
    assert_int_equal(o->rank, -1);
    assert_int_equal(ig_hdf5_read(f->h, o, NULL, NULL), IG_OK);
    assert_int_equal(ig_hdf5_texts(f->h, get(f, "others/variable"), &texts, NULL), IG_OK);
    assert_true(ig_str_is(texts[0], "hello") && ig_str_is(texts[1], "w\303\266rld") && texts[2].n == 0);
    assert_int_equal(ig_hdf5_texts(f->h, get(f, "others/fixed"), &texts, NULL), IG_OK);
    assert_true(ig_str_is(texts[0], "abc") && ig_str_is(texts[1], "de"));
    o = get(f, "others/opaque");
    assert_true(o->type.kind == IG_HDF5_OPAQUE && o->type.size == 2);
    assert_int_equal(get(f, "others/compound")->type.kind, IG_HDF5_OTHER);
    assert_int_equal(ig_hdf5_read(f->h, get(f, "others/compound"), sparse, NULL), IG_E_UNSUPPORTED);
    assert_int_equal(g->n_soft, 2);
    assert_ptr_equal(get(f, "others/hard"), get(f, "plain/scalar"));
    assert_ptr_equal(get(f, "others/circle/others/circle"), f->root);
    assert_int_equal(get(f, "others/many")->links.n, 20);
    assert_int_equal(g->attrs.n, 15);
    expect_texts(f, ig_hdf5_attr_find(g, "list"), "n");
    expect_texts(f, ig_hdf5_attr_find(g, "variable"), "a");
    assert_int_equal(ig_load_u64(ig_hdf5_attr_find(g, "number")->data.p), 7);
    assert_int_equal(ig_hdf5_attr_texts(f->h, ig_hdf5_attr_find(g, "number"), &texts, NULL), IG_E_INPUT);
    if (!latest) return;
    assert_int_equal(ig_hdf5_attr_texts(f->h, ig_hdf5_attr_find(f->root, "huge"), &texts, NULL), IG_OK);
    assert_int_equal(texts[0].n, 66000);
}

static void test_others(void **state) {
    IG_UNUSED(state);
    for (size_t i = 0; i < IG_COUNT_OF(files); i++) {
        ig_context *context;
        opened f;
        assert_int_equal(ig_context_create(&context, NULL, NULL), IG_OK);
        assert_int_equal(open_in(&f, context, files[i], NULL), IG_OK);
        check_others(&f, strcmp(files[i], "latest.h5") == 0);
        const ig_hdf5_object *none;
        assert_int_equal(ig_hdf5_find(f.h, f.root, IG_STR("plain/none"), &none, NULL), IG_OK);
        assert_null(none);
        close_in(&f);
        ig_context_free(context);
    }
}

/* Files cut off anywhere give errors, never more. */
static void test_truncated(void **state) {
    IG_UNUSED(state);
    for (size_t i = 0; i < IG_COUNT_OF(files); i++) {
        ig_context *context;
        opened f;
        assert_int_equal(ig_context_create(&context, NULL, NULL), IG_OK);
        assert_int_equal(open_in(&f, context, files[i], NULL), IG_OK);
        for (size_t n = 0; n < f.file->size; n += n < 2048 ? 16 : 1021) {
            ig_arena arena;
            ig_arena_init(&arena, context);
            ig_hdf5 *h;
            const ig_hdf5_object *root, *o;
            ig_span part = {f.file->data, n};
            float data[77];
            if (ig_hdf5_open(&h, &arena, part, NULL) == IG_OK && ig_hdf5_root(h, &root, NULL) == IG_OK &&
                ig_hdf5_find(h, root, IG_STR("plain/chunks"), &o, NULL) == IG_OK && o)
                ig_hdf5_read(h, o, data, NULL);
            ig_arena_free(&arena);
        }
        close_in(&f);
        ig_context_free(context);
    }
}

static ig_status work_v110(ig_context *context) { return read_all(context, "v110.h5", NULL); }
static ig_status work_earliest(ig_context *context) { return read_all(context, "earliest.h5", NULL); }

static void test_allocation_failures(void **state) {
    IG_UNUSED(state);
    assert_true(fail_each_allocation(work_v110, false) > 10);
    assert_true(fail_each_allocation(work_earliest, true) > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_content),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
