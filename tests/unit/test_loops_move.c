/* The loops for copies, reductions and lanes against the plainest code for the same thing, on random shapes. */
#include "cmocka_setup.h"
#include "ops/call.h"
#include "ops/loops/cells.h"
#include "ops/loops/copy.h"
#include "ops/loops/lanes.h"
#include "ops/loops/reduce.h"

#include <math.h>
#include <stdlib.h>

typedef struct fixture {
    ig_context *context;
    ig_threads *threads;
    ig_scratch scratch;
    ig_call_env env;
    ig_call call;
    ig_error err;
    uint64_t random;
} fixture;

static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    *state = f;
    if (!f || ig_context_create(&f->context, NULL, NULL) != IG_OK) return -1;
    if (ig_threads_create(&f->threads, f->context, 4, NULL) != IG_OK) return -1;
    ig_scratch_init(&f->scratch, f->context);
    f->env.scratch = &f->scratch;
    f->call = (ig_call){.context = f->context, .threads = f->threads, .err = &f->err, .env = &f->env};
    f->random = 42;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    ig_scratch_free(&f->scratch);
    ig_threads_free(f->threads);
    ig_context_free(f->context);
    free(f);
    return 0;
}

static int64_t pick(fixture *f, int64_t low, int64_t high) {
    f->random = f->random * 6364136223846793005u + 1442695040888963407u;
    return low + (int64_t)((f->random >> 33) % (uint64_t)(high - low + 1));
}

static ig_tensor *new_tensor(fixture *f, ig_dtype dtype, int rank, const int64_t *dims) {
    ig_tensor *t = NULL;
    assert_int_equal(ig_tensor_create(&t, f->context, dtype, rank, dims, &f->err), IG_OK);
    return t;
}

/* ----------------------------------------------------------------------------------------------------------------- copy */

static void plain_copy(const ig_copy *r, size_t size, char *to, const char *from, int dim) {
    if (dim == r->rank) {
        memcpy(to, from, size);
        return;
    }
    for (int64_t i = 0; i < r->dims[dim]; i++) {
        plain_copy(r, size, to + i * r->to[dim] * (int64_t)size, from + i * r->from[dim] * (int64_t)size, dim + 1);
    }
}

/* A region with a permuted, partly repeated and partly reversed source and a target with gaps. */
static void random_region(fixture *f, ig_copy *r, int64_t *to_cells, int64_t *from_cells, int64_t *from_start) {
    static const int64_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 16, 31, 33, 40};
    int order[8];
    r->rank = (int)pick(f, 0, 5);
    for (int k = 0; k < r->rank; k++) {
        r->dims[k] = sizes[pick(f, 0, r->rank > 3 ? 6 : 10)];
        int at = (int)pick(f, 0, k);
        for (int j = k; j > at; j--) order[j] = order[j - 1];
        order[at] = k;
    }
    *to_cells = *from_cells = 1;
    *from_start = 0;
    for (int k = r->rank - 1; k >= 0; k--) {
        int64_t gap = pick(f, 0, 3) == 0 ? 2 : 0;
        r->to[k] = *to_cells;
        *to_cells *= r->dims[k] + gap;
        int source = order[k];
        int64_t kind = pick(f, 0, 7);
        r->from[source] = kind == 0 ? 0 : kind == 1 ? -*from_cells : *from_cells;
        if (kind == 1) *from_start += (r->dims[source] - 1) * *from_cells;
        if (kind > 0) *from_cells *= r->dims[source];
    }
}

static void copies_are_right(void **state) {
    fixture *f = *state;
    for (int round = 0; round < 400; round++) {
        ig_copy r;
        int64_t to_cells, from_cells, start;
        random_region(f, &r, &to_cells, &from_cells, &start);
        for (size_t size = 1; size <= 16; size *= 2) {
            size_t n = (size_t)to_cells * size;
            char *from = malloc((size_t)from_cells * size), *to = calloc(1, n), *wanted = calloc(1, n);
            assert_true(from && to && wanted);
            for (size_t i = 0; i < (size_t)from_cells * size; i++) from[i] = (char)pick(f, 0, 255);
            plain_copy(&r, size, wanted, from + start * (int64_t)size, 0);
            ig_copy_region(round % 2 ? f->threads : NULL, &r, size, to, from + start * (int64_t)size);
            assert_memory_equal(to, wanted, n);
            free(from);
            free(to);
            free(wanted);
        }
    }
}

static void bits_pack_and_unpack(void **state) {
    IG_UNUSED(state);
    static const ig_dtype types[] = {IG_U4, IG_I4, IG_U2, IG_I2, IG_F4E2M1, IG_F6E2M3, IG_F6E3M2};
    for (size_t t = 0; t < IG_COUNT_OF(types); t++) {
        for (size_t n = 0; n < 20; n++) {
            uint8_t bytes[20], packed[20], plain[20] = {0}, again[20];
            size_t total;
            for (size_t i = 0; i < n; i++) {
                bytes[i] = (uint8_t)((i * 7 + 3) & ((1u << ig_dtypes[types[t]].bits) - 1));
                ig_store_bits(types[t], plain, i, bytes[i]);
            }
            assert_true(ig_dtype_size(types[t], (int64_t)n, &total));
            memset(packed, 0xFF, sizeof packed);
            ig_pack_bits(types[t], packed, n, bytes);
            assert_memory_equal(packed, plain, total);
            assert_true(packed[total] == 0xFF);
            ig_unpack_bits(types[t], packed, n, again);
            assert_memory_equal(again, bytes, n);
        }
    }
}

/* ----------------------------------------------------------------------------------------------------------- reductions */

static double plain_fold(ig_fold fold, double a, double x) {
    switch (fold) {
    case IG_FOLD_SUM: return a + x;
    case IG_FOLD_SUM_ABS: return a + fabs(x);
    case IG_FOLD_SUM_SQUARE: return a + x * x;
    case IG_FOLD_SUM_EXP: return a + exp(x);
    case IG_FOLD_PROD: return a * x;
    case IG_FOLD_MIN: return x < a ? x : a;
    default: return x > a ? x : a;
    }
}

static double plain_empty(ig_fold fold) {
    return fold == IG_FOLD_PROD ? 1 : fold == IG_FOLD_MIN ? (double)INFINITY : fold == IG_FOLD_MAX ? -(double)INFINITY : 0;
}

static void check_reduction(fixture *f, ig_fold fold, ig_dtype dtype, int rank, const int64_t *dims, uint32_t axes) {
    int64_t kept[8], steps[8];
    int n = 0;
    for (int k = 0; k < rank; k++) {
        if (!(axes >> k & 1)) kept[n++] = dims[k];
    }
    ig_tensor *x = new_tensor(f, dtype, rank, dims), *y = new_tensor(f, dtype, n, kept);
    double *wanted = malloc((y->count + 1) * sizeof *wanted);
    assert_non_null(wanted);
    for (size_t i = 0; i < y->count; i++) wanted[i] = plain_empty(fold);
    ig_steps_of(n, kept, steps);
    for (size_t i = 0; i < x->count; i++) {
        ig_store_f64(dtype, x->data, i, fold == IG_FOLD_PROD ? (double)pick(f, 0, 2) - 0.75 : (double)pick(f, -40, 40) / 4);
        size_t at = 0, rest = i;
        for (int k = rank - 1, m = n - 1; k >= 0; k--) {
            size_t here = rest % (size_t)dims[k];
            rest /= (size_t)dims[k];
            if (!(axes >> k & 1)) at += here * (size_t)steps[m--];
        }
        wanted[at] = plain_fold(fold, wanted[at], ig_load_as_f64(dtype, x->data, i));
    }
    ig_reduce_rule rule = {fold, NULL};
    ig_scratch_reset(&f->scratch);
    assert_int_equal(ig_reduce(&f->call, &rule, x, axes, y), IG_OK);
    for (size_t i = 0; i < y->count; i++) {
        double w = fold == IG_FOLD_SUM_EXP ? log(wanted[i]) : wanted[i], got = ig_load_as_f64(dtype, y->data, i);
        if (ig_dtype_is_int(dtype) && isinf(w)) continue;
        assert_true(w == got || fabs(w - got) <= 1e-5 * fabs(w) + 1e-6);
    }
    free(wanted);
    ig_tensor_free(x);
    ig_tensor_free(y);
}

static void reductions_are_right(void **state) {
    static const int64_t sizes[] = {1, 2, 3, 5, 17, 40, 0};
    fixture *f = *state;
    for (int round = 0; round < 300; round++) {
        int64_t dims[5];
        int rank = (int)pick(f, 0, 5);
        for (int k = 0; k < rank; k++) dims[k] = sizes[pick(f, 0, rank > 3 ? 3 : 6)];
        uint32_t axes = (uint32_t)pick(f, 0, (1 << rank) - 1);
        for (int fold = 0; fold < IG_FOLD_COUNT; fold++) {
            check_reduction(f, (ig_fold)fold, IG_F32, rank, dims, axes);
            check_reduction(f, (ig_fold)fold, IG_F64, rank, dims, axes);
            if (fold != IG_FOLD_PROD && fold != IG_FOLD_SUM_EXP) check_reduction(f, (ig_fold)fold, IG_I64, rank, dims, axes);
        }
    }
    static const int64_t long_dims[] = {3, 100003}, tall_dims[] = {100003, 3};
    for (int fold = 0; fold < IG_FOLD_COUNT; fold++) {
        if (fold == IG_FOLD_PROD) continue;
        check_reduction(f, (ig_fold)fold, IG_F32, 2, long_dims, 2);
        check_reduction(f, (ig_fold)fold, IG_F32, 2, tall_dims, 1);
        check_reduction(f, (ig_fold)fold, IG_F32, 2, tall_dims, 3);
    }
}

static void extremes_keep_nan_and_type(void **state) {
    fixture *f = *state;
    ig_reduce_rule max = {IG_FOLD_MAX, NULL}, min = {IG_FOLD_MIN, NULL};
    ig_tensor *x = new_tensor(f, IG_F32, 1, (int64_t[]){100}), *y = new_tensor(f, IG_F32, 0, NULL);
    ((float *)x->data)[3] = NAN;
    assert_int_equal(ig_reduce(&f->call, &max, x, 1, y), IG_OK);
    assert_true(isnan(*(float *)y->data));
    ig_tensor_free(x);
    ig_tensor_free(y);
    x = new_tensor(f, IG_U64, 1, (int64_t[]){2});
    y = new_tensor(f, IG_U64, 0, NULL);
    ((uint64_t *)x->data)[0] = UINT64_MAX;
    ((uint64_t *)x->data)[1] = 5;
    assert_int_equal(ig_reduce(&f->call, &max, x, 1, y), IG_OK);
    assert_true(*(uint64_t *)y->data == UINT64_MAX);
    assert_int_equal(ig_reduce(&f->call, &min, x, 1, y), IG_OK);
    assert_true(*(uint64_t *)y->data == 5);
    ig_tensor_free(x);
    x = new_tensor(f, IG_U64, 1, (int64_t[]){0});
    assert_int_equal(ig_reduce(&f->call, &max, x, 1, y), IG_OK);
    assert_true(*(uint64_t *)y->data == 0);
    assert_int_equal(ig_reduce(&f->call, &min, x, 1, y), IG_OK);
    assert_true(*(uint64_t *)y->data == UINT64_MAX);
    ig_tensor_free(x);
    ig_tensor_free(y);
}

/* ---------------------------------------------------------------------------------------------------------------- lanes */

static void running_f32(const void *arg, const float *in, float *out, size_t n) {
    IG_UNUSED(arg);
    float sum = 0;
    for (size_t i = 0; i < n; i++) out[i] = sum += in[i];
}

static void running_i64(const void *arg, const int64_t *in, int64_t *out, size_t n) {
    IG_UNUSED(arg);
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++) out[i] = sum += in[i];
}

static void lanes_are_right(void **state) {
    static const ig_lane_map map = {.f32 = running_f32, .i64 = running_i64};
    static const ig_dtype types[] = {IG_F32, IG_I32, IG_I64, IG_F16};
    fixture *f = *state;
    for (int round = 0; round < 120; round++) {
        int64_t dims[3] = {pick(f, 0, 5), pick(f, 1, 9), pick(f, 1, 40)};
        int axis = (int)pick(f, 0, 2);
        ig_dtype dtype = types[pick(f, 0, 3)];
        ig_tensor *x = new_tensor(f, dtype, 3, dims), *y = new_tensor(f, dtype, 3, dims);
        for (size_t i = 0; i < x->count; i++) ig_store_i64(dtype, x->data, i, pick(f, -9, 9));
        ig_lanes l = ig_lanes_of(3, dims, axis);
        ig_scratch_reset(&f->scratch);
        assert_int_equal(ig_lanes_map(&f->call, &l, x, y, &map, NULL), IG_OK);
        for (size_t lane = 0; lane < l.outer * l.inner; lane++) {
            int64_t sum = 0;
            for (size_t i = 0; i < l.length; i++) {
                sum += ig_load_as_i64(dtype, x->data, ig_lane_first(&l, lane) + i * l.inner);
                assert_int_equal(ig_load_as_i64(dtype, y->data, ig_lane_first(&l, lane) + i * l.inner), sum);
            }
        }
        ig_tensor_free(x);
        ig_tensor_free(y);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_are_right),     cmocka_unit_test(bits_pack_and_unpack),
        cmocka_unit_test(reductions_are_right), cmocka_unit_test(extremes_keep_nan_and_type),
        cmocka_unit_test(lanes_are_right),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
