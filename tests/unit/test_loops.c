/* Elementwise loops against the obvious way, over random shapes and element types; conversions between all number types. */
#include "cmocka_setup.h"

#include "ops/call.h"
#include "ops/loops/convert.h"
#include "ops/loops/map.h"

#include <math.h>

IG_LOOP_2(sub_f32, float, float, float, x - y)
IG_LOOP_2(sub_i8, int8_t, int8_t, int8_t, x - y)
IG_LOOP_2(less_f32, bool, float, float, x < y)
IG_LOOP_3(mad_f32, float, float, float, float, x *y + z)
IG_LOOP_1(halve_f32, float, float, x / 2)

static const ig_loop sub[] = {IG_LOOP_ROW(sub_f32, IG_F32, IG_F32, IG_F32), IG_LOOP_ROW(sub_i8, IG_I8, IG_I8, IG_I8)};
static const ig_loop less[] = {IG_LOOP_ROW(less_f32, IG_BOOL, IG_F32, IG_F32)};
static const ig_loop mad[] = {IG_LOOP_ROW(mad_f32, IG_F32, IG_F32, IG_F32, IG_F32)};

static uint32_t seed = 1;
static uint32_t draw(uint32_t n) { return (seed = seed * 1664525u + 1013904223u) / 65536u % n; }

typedef struct fixture {
    ig_context *context;
    ig_threads *threads;
    ig_scratch scratch;
    ig_call_env env;
    ig_call call;
    ig_error err;
} fixture;

static void start(fixture *f) {
    memset(f, 0, sizeof *f);
    assert_int_equal(ig_context_create(&f->context, NULL, NULL), IG_OK);
    assert_int_equal(ig_threads_create(&f->threads, f->context, 3, NULL), IG_OK);
    ig_scratch_init(&f->scratch, f->context);
    f->env.scratch = &f->scratch;
    f->call = (ig_call){.context = f->context, .threads = f->threads, .err = &f->err, .env = &f->env};
}

static void stop(fixture *f) {
    ig_scratch_free(&f->scratch);
    ig_threads_free(f->threads);
    ig_context_free(f->context);
}

/* Index into an operand of these dims for element i of the output. */
static size_t index_of(const ig_tensor *out, const ig_tensor *in, size_t i) {
    size_t index = 0, unit = 1;
    for (int d = out->rank - 1; d >= 0; d--) {
        size_t coord = i % (size_t)out->dims[d];
        i /= (size_t)out->dims[d];
        int own = d - (out->rank - in->rank);
        if (own < 0) continue;
        if (in->dims[own] != 1) index += coord * unit;
        unit *= (size_t)in->dims[own];
    }
    return index;
}

static ig_tensor *random_tensor(fixture *f, ig_dtype dtype, int rank, const int64_t *dims) {
    ig_tensor *t;
    assert_int_equal(ig_tensor_new(&t, f->context, dtype, rank, dims, NULL), IG_OK);
    memset(t->data, 0, t->bytes);
    for (size_t i = 0; i < t->count; i++) ig_store_i64(dtype, t->data, i, (int64_t)draw(7) - 3);
    return t;
}

static ig_tensor *random_operand(fixture *f, ig_dtype dtype, const ig_tensor *out) {
    int64_t dims[IG_MAX_RANK] = {0};
    int rank = (int)draw((uint32_t)out->rank + 1);
    for (int d = 0; d < rank; d++) dims[d] = draw(3) ? out->dims[d + out->rank - rank] : 1;
    return random_tensor(f, dtype, rank, dims);
}

static double value(const ig_tensor *t, const ig_tensor *out, size_t i) {
    return ig_load_as_f64(t->dtype, t->data, index_of(out, t, i));
}

static double expected(const ig_loop *loop, ig_tensor *const *in, const ig_tensor *out, size_t n_in, bool fold, size_t i) {
    double x = value(in[0], out, i), y = n_in > 1 ? value(in[1], out, i) : 0;
    if (loop == less) return x < y;
    if (loop == mad) return x * y + value(in[2], out, i);
    for (size_t k = 1; k < n_in; k++) x -= value(in[k], out, i);
    return fold ? x / 2 : x;
}

static void check_once(fixture *f, const ig_loop *loop, ig_dtype dtype, ig_dtype result, size_t n_in, bool fold) {
    int64_t dims[IG_MAX_RANK] = {0};
    int rank = (int)draw(5);
    bool large = draw(8) == 0;
    for (int d = 0; d < rank; d++) dims[d] = draw(20) == 0 ? 0 : 1 + draw(large && d == rank - 1 ? 3000 : 9);
    ig_tensor *out = random_tensor(f, result, rank, dims), *in[6];
    ig_operand operands[6];
    for (size_t k = 0; k < n_in; k++) {
        in[k] = random_operand(f, dtype, out);
        operands[k] = ig_operand_of(in[k]);
    }
    const ig_loop_job job = {.loop = loop,
                             .out = ig_operand_of(out),
                             .in = operands,
                             .n_in = n_in,
                             .fold = fold,
                             .finish = fold ? halve_f32 : NULL,
                             .grain = 1};
    assert_int_equal(ig_loop_run(&f->call, &job), IG_OK);
    for (size_t i = 0; i < out->count; i++)
        assert_true(ig_load_as_f64(result, out->data, i) == expected(loop, in, out, n_in, fold, i));
    for (size_t k = 0; k < n_in; k++) ig_tensor_free(in[k]);
    ig_tensor_free(out);
    ig_scratch_reset(&f->scratch);
}

static void loops_broadcast(void **state) {
    IG_UNUSED(state);
    fixture f;
    start(&f);
    for (int i = 0; i < 100; i++) {
        check_once(&f, &sub[0], IG_F32, IG_F32, 2, false);
        check_once(&f, &sub[0], IG_F16, IG_F16, 2, false);
        check_once(&f, ig_loop_pick(sub, 2, IG_I4), IG_I4, IG_I8, 2, false);
        check_once(&f, less, IG_BF16, IG_BOOL, 2, false);
        check_once(&f, mad, IG_F32, IG_F64, 3, false);
        check_once(&f, &sub[0], IG_F16, IG_F32, 1 + draw(6), true);
        check_once(&f, &sub[0], IG_F32, IG_F32, 1 + draw(6), true);
    }
    stop(&f);
}

static void loops_work_in_place(void **state) {
    IG_UNUSED(state);
    fixture f;
    start(&f);
    const int64_t dims[] = {5, 1001};
    for (int swap = 0; swap < 2; swap++) {
        ig_tensor *a = random_tensor(&f, IG_F32, 2, dims), *b = random_tensor(&f, IG_F32, 1, dims + 1), *copy;
        assert_int_equal(ig_tensor_copy(&copy, f.context, a, NULL), IG_OK);
        ig_operand in[] = {ig_operand_of(swap ? b : a), ig_operand_of(swap ? a : b)};
        const ig_loop_job job = {.loop = &sub[0], .out = ig_operand_of(a), .in = in, .n_in = 2};
        assert_int_equal(ig_loop_run(&f.call, &job), IG_OK);
        for (size_t i = 0; i < a->count; i++) {
            double want = value(copy, copy, i) - value(b, copy, i);
            assert_true(value(a, a, i) == (swap ? -want : want));
        }
        ig_tensor_free(a);
        ig_tensor_free(b);
        ig_tensor_free(copy);
    }
    stop(&f);
}

static void wrong_dims_are_refused(void **state) {
    IG_UNUSED(state);
    fixture f;
    start(&f);
    float data[6] = {0};
    const int64_t six[] = {6}, three[] = {3};
    ig_operand in[] = {{IG_F32, 1, six, data}, {IG_F32, 1, three, data}};
    const ig_loop_job job = {.loop = &sub[0], .out = {IG_F32, 1, six, data}, .in = in, .n_in = 2};
    assert_int_equal(ig_loop_run(&f.call, &job), IG_E_INPUT);
    assert_non_null(strstr(f.err.message, "input 1 has 3 elements along its axis 0"));
    stop(&f);
}

static bool is_number(ig_dtype t) {
    ig_number n = ig_dtype_number(t);
    return n != IG_NUMBER_NONE && n != IG_NUMBER_COMPLEX;
}

/* Small whole numbers survive every conversion between types that hold them. */
static void numbers_convert(void **state) {
    IG_UNUSED(state);
    enum { N = 600 };
    static uint64_t a[N + 8], b[N + 8];
    for (int from = 1; from < IG_DTYPE_COUNT; from++)
        for (int to = 1; to < IG_DTYPE_COUNT; to++) {
            if (!is_number((ig_dtype)from) || !is_number((ig_dtype)to)) continue;
            size_t first = draw(8), at = draw(8);
            for (size_t i = 0; i < N; i++) ig_store_i64((ig_dtype)from, a, first + i, 1 - (int64_t)(i & 1));
            ig_convert((ig_dtype)from, a, first, (ig_dtype)to, b, at, N);
            for (size_t i = 0; i < N; i++) {
                double zero = from == IG_F8E8M0 || to == IG_F8E8M0 ? 0x1p-126 : 0; /* that type has no zero */
                if (to != IG_BOOL && !(i & 1)) assert_true(ig_load_as_f64((ig_dtype)to, b, at + i) == 1);
                if (to != IG_BOOL && (i & 1)) assert_true(fabs(ig_load_as_f64((ig_dtype)to, b, at + i)) <= zero);
            }
        }
}

static void conversions_round_once_and_wrap(void **state) {
    IG_UNUSED(state);
    const int64_t big[] = {(1LL << 24) + 1, (1LL << 53) + (1LL << 29) + 1, -1, 300};
    float f[4];
    uint8_t u[4];
    ig_convert(IG_I64, big, 0, IG_F32, f, 0, 4);
    for (int i = 0; i < 4; i++) assert_true(f[i] == (float)big[i]);
    ig_convert(IG_I64, big, 0, IG_U8, u, 0, 4);
    assert_int_equal(u[2], 255);
    assert_int_equal(u[3], 44);
    const float odd[] = {NAN, 1e30f, -1e30f, 1.9e19f, -2.9f, 0.5f};
    int64_t i64[6];
    uint64_t u64[6];
    uint8_t flag[6];
    ig_convert(IG_F32, odd, 0, IG_I64, i64, 0, 6);
    ig_convert(IG_F32, odd, 0, IG_U64, u64, 0, 6);
    ig_convert(IG_F32, odd, 0, IG_BOOL, flag, 0, 6);
    assert_true(i64[0] == 0 && i64[1] == INT64_MAX && i64[2] == INT64_MIN && i64[4] == -2 && i64[5] == 0);
    assert_true(u64[1] == UINT64_MAX && u64[3] == UINT64_MAX && u64[5] == 0);
    assert_true(flag[0] && flag[4] && flag[5]);
    const double d = 1.0 + 0x1p-11 + 0x1p-40; /* rounding to float first would make it a tie */
    uint16_t h;
    ig_convert(IG_F64, &d, 0, IG_F16, &h, 0, 1);
    assert_int_equal(h, 0x3C01);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loops_broadcast),
        cmocka_unit_test(loops_work_in_place),
        cmocka_unit_test(wrong_dims_are_refused),
        cmocka_unit_test(numbers_convert),
        cmocka_unit_test(conversions_round_once_and_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
