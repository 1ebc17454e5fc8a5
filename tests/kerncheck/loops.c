/* Elementwise loops over reals: every variant against plain C, over all steps and the odd numbers; halves against the plain
 * conversions, every code of them. */
#include "kernels/loops/loops.h"
#include "kerncheck.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct row {
    const char *name;
    size_t n_in;
    bool is_f64;
} row;

#define IG_REAL_1(name, expr)    {#name, 1, false}, {#name, 1, true},
#define IG_REAL_2(name, expr)    {#name, 2, false}, {#name, 2, true},
#define IG_REAL_3(name, expr)    {#name, 3, false}, {#name, 3, true},
#define IG_REAL_1P(name, expr)   {#name, 1, false}, {#name, 1, true},
#define IG_REAL_2P(name, expr)   {#name, 2, false}, {#name, 2, true},
#define IG_REAL(form, name, ...) {#name, 0, false}, /* of several types: the checks of operators cover them */
static const row rows[IG_REAL_COUNT] = {
#include "kernels/loops/loops.def"
};

enum { MOST = 200 };

static double draw(kc *k) {
    static const double odd[] = {0, -0.0, 1, -1, (double)INFINITY, -(double)INFINITY, (double)NAN, 1e-40, 88, -104, 1e30, 0.5};
    return kc_random(k, 8) == 0 ? odd[kc_random(k, IG_COUNT_OF(odd))] : 10 * (double)kc_float(k);
}

static double get(const row *r, const void *p, size_t i) {
    return r->is_f64 ? ((const double *)p)[i] : (double)((const float *)p)[i];
}

static bool near(const row *r, double a, double b) {
    double ulp = r->is_f64 ? 1e-13 : 2e-6;
    if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
    return a == b || fabs(a - b) <= ulp * fmax(fabs(b), 1);
}

static void check_loop(kc *k, size_t index) {
    const row *r = &rows[index];
    const ig_loops *plain = ig_kernels_at(IG_CPU_C)->loops, *tried = k->kernels->loops;
    const ig_params_f64 p64 = {1.5, 0.25, 0.75};
    const ig_params_f32 p32 = {1.5f, 0.25f, 0.75f};
    const void *params = r->is_f64 ? (const void *)&p64 : &p32;
    size_t n = 1 + kc_random(k, MOST), step[3];
    double in[3][MOST], want[MOST], got[MOST];
    const void *from[3] = {in[0], in[1], in[2]};
    for (size_t j = 0; j < 3; j++) {
        step[j] = kc_random(k, 4) != 0;
        for (size_t i = 0; i < n; i++)
            if (r->is_f64)
                in[j][i] = draw(k);
            else
                ((float *)in[j])[i] = (float)draw(k);
    }
    plain->real[index](params, n, want, from, step);
    if (kc_random(k, 2) && step[0]) { /* in place */
        memcpy(got, in[0], sizeof got);
        from[0] = got;
    }
    tried->real[index](params, n, got, from, step);
    k->cases++;
    for (size_t i = 0; i < n; i++)
        if (!near(r, get(r, got, i), get(r, want, i))) {
            kc_fail(k, "%s_%s of %.9g %.9g: %.9g, plain C has %.9g", r->name, r->is_f64 ? "f64" : "f32",
                    get(r, in[0], i * step[0]), get(r, in[1], i * step[1]), get(r, got, i), get(r, want, i));
            return;
        }
}

static bool same_f32(float a, float b) { return isnan(a) ? isnan(b) : memcmp(&a, &b, sizeof a) == 0; }

static void check_halves(kc *k) {
    enum { N = 1 << 16 };
    const ig_loops *l = k->kernels->loops;
    uint16_t *codes = malloc(N * sizeof *codes), *back = malloc(N * sizeof *back);
    float *f = malloc(N * sizeof *f);
    if (!codes || !back || !f) exit(2);
    for (size_t i = 0; i < N; i++) codes[i] = (uint16_t)i;
    l->f16_to_f32(codes, N, f);
    for (size_t i = 0; i < N; i++)
        if (!same_f32(f[i], ig_f16_to_f32(codes[i]))) kc_fail(k, "f16_to_f32 of %zx", i);
    l->bf16_to_f32(codes, N, f);
    for (size_t i = 0; i < N; i++)
        if (!same_f32(f[i], ig_bf16_to_f32(codes[i]))) kc_fail(k, "bf16_to_f32 of %zx", i);
    for (size_t i = 0; i < N; i++) { /* of all sizes, many of them halfway between two halves */
        uint32_t bits = kc_random(k, UINT32_MAX);
        if (kc_random(k, 2)) bits &= 0xFFFFF000u;
        memcpy(&f[i], &bits, sizeof bits);
    }
    l->f32_to_f16(f, N, back);
    for (size_t i = 0; i < N; i++)
        if (back[i] != ig_f32_to_f16(f[i])) kc_fail(k, "f32_to_f16 of %a: %x", (double)f[i], back[i]);
    l->f32_to_bf16(f, N, back);
    for (size_t i = 0; i < N; i++)
        if (back[i] != ig_f32_to_bf16(f[i])) kc_fail(k, "f32_to_bf16 of %a: %x", (double)f[i], back[i]);
    free(codes);
    free(back);
    free(f);
}

void kc_check_loops(kc *k) {
    while (k->cases < k->n_cases)
        for (size_t i = 0; i < IG_REAL_COUNT; i++)
            if (rows[i].n_in) check_loop(k, i);
    check_halves(k);
}

void kc_time_loops(kc *k) {
    enum { N = 1 << 14, TIMES = 50 };
    static const size_t which[] = {IG_REAL_add_f32,      IG_REAL_relu_f32, IG_REAL_exp_f32, IG_REAL_log_f32,
                                   IG_REAL_sigmoid_f32,  IG_REAL_tanh_f32, IG_REAL_erf_f32, IG_REAL_gelu_f32,
                                   IG_REAL_softplus_f32, IG_REAL_sin_f32};
    float *x = kc_floats(k, N), *y = kc_floats(k, N);
    const void *in[] = {x, x};
    const size_t step[] = {1, 1};
    for (size_t j = 0; j < IG_COUNT_OF(which); j++) {
        double start = kc_now();
        for (size_t i = 0; i < TIMES; i++) k->kernels->loops->real[which[j]](NULL, N, y, in, step);
        printf("%-12s %-14s %7.3f ns an element\n", k->level, rows[which[j]].name, (kc_now() - start) * 1e9 / TIMES / N);
    }
    kc_free(k, x, N);
    kc_free(k, y, N);
}
