#include "kernels/gemm/gemm.h"
#include "kerncheck.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct operand {
    float *data;
    size_t n, row, col;
} operand;

/* rows x cols in memory of its own with random steps: row-major, column-major, with gaps. */
static operand make(kc *k, size_t rows, size_t cols) {
    operand o;
    size_t gap = kc_random(k, 3) == 0 ? kc_random(k, 20) : 0;
    if (kc_random(k, 2)) {
        o.row = cols + gap;
        o.col = 1;
        if (kc_random(k, 8) == 0) o.col = 3, o.row = cols * 3 + gap;
    } else {
        o.col = rows + gap;
        o.row = 1;
    }
    o.n = rows && cols ? (rows - 1) * o.row + (cols - 1) * o.col + 1 : 0;
    o.data = kc_floats(k, o.n);
    return o;
}

static void post(const void *arg, float *c, size_t n) {
    for (size_t i = 0; i < n; i++) c[i] += *(const float *)arg;
}

static void compare(kc *k, const ig_gemm *g, const float *before, const char *how) {
    for (size_t i = 0; i < g->m; i++)
        for (size_t j = 0; j < g->n; j++) {
            double sum = 0, size = 0;
            for (size_t p = 0; p < g->k; p++) {
                double x = (double)g->a[i * g->a_row + p * g->a_col] * (double)g->b[p * g->b_row + j * g->b_col];
                sum += x;
                size += fabs(x);
            }
            sum *= (double)g->alpha;
            if (g->add) sum += (double)g->beta * (double)(g->add == g->c ? before : g->add)[i * g->add_row + j];
            if (g->bias_rows) sum += (double)g->bias_rows[i];
            if (g->bias_cols) sum += (double)g->bias_cols[j];
            sum = fmin(fmax(sum, (double)g->min), (double)g->max);
            if (g->post) sum += (double)*(const float *)g->post_arg;
            double have = (double)g->c[i * g->c_row + j];
            if (fabs(have - sum) <= 1e-6 * (size + 8)) continue;
            kc_fail(k, "gemm %zu x %zu x %zu (%s) at %zu,%zu: %g, expected %g", g->m, g->n, g->k, how, i, j, have, sum);
            return;
        }
}

static void one(kc *k, size_t m, size_t n, size_t depth) {
    operand a = make(k, m, depth), b = make(k, depth, n);
    ig_gemm g = ig_gemm_of(m, n, depth);
    g.a = a.data, g.a_row = a.row, g.a_col = a.col;
    g.b = b.data, g.b_row = b.row, g.b_col = b.col;
    g.c_row = n + kc_random(k, 2) * kc_random(k, 9);
    size_t nc = m * g.c_row, nadd = 0;
    g.c = kc_floats(k, nc);
    float *before = malloc((nc + 1) * sizeof *before), *add = NULL, *rows = NULL, *cols = NULL, *pa = NULL, *pb = NULL,
          x = 0.5f;
    if (kc_random(k, 3) == 0) g.alpha = kc_float(k);
    switch (kc_random(k, 4)) {
    case 0: g.add = g.c, g.add_row = g.c_row, g.beta = kc_float(k); break;
    case 1:
        g.add_row = kc_random(k, 2) ? 0 : n + 2;
        nadd = m * n + 2 * m + n;
        g.add = add = kc_floats(k, nadd);
        break;
    default: break;
    }
    if (kc_random(k, 3) == 0) g.bias_rows = rows = kc_floats(k, m);
    if (kc_random(k, 3) == 0) g.bias_cols = cols = kc_floats(k, n);
    if (kc_random(k, 4) == 0) g.min = 0;
    if (kc_random(k, 4) == 0) g.max = 0.5f;
    if (kc_random(k, 8) == 0) g.post = post, g.post_arg = &x;
    memcpy(before, g.c, nc * sizeof *before);
    uint32_t packed = kc_random(k, 4);
    ig_gemm run = g;
    size_t na = 0, nb = 0;
    if (packed & 1 && ig_gemm_packed_a(k->kernels, m, depth, &na)) {
        pa = kc_floats(k, na);
        ig_gemm_pack_a(k->kernels, k->threads, g.a, g.a_row, g.a_col, m, depth, pa);
        run.a_packed = pa, run.a = NULL;
    }
    if (packed & 2 && ig_gemm_packed_b(k->kernels, depth, n, &nb)) {
        pb = kc_floats(k, nb);
        ig_gemm_pack_b(k->kernels, k->threads, g.b, g.b_row, g.b_col, depth, n, pb);
        run.b_packed = pb, run.b = NULL;
    }
    size_t ns = ig_gemm_scratch(k->kernels, k->threads, &run) / sizeof(float);
    float *scratch = kc_floats(k, ns);
    ig_gemm_run(k->kernels, k->threads, &run, 1, scratch);
    compare(k, &g, before, (const char *[]){"plain", "A packed", "B packed", "both packed"}[packed]);
    kc_free(k, scratch, ns);
    kc_free(k, a.data, a.n);
    kc_free(k, b.data, b.n);
    kc_free(k, g.c, nc);
    kc_free(k, add, nadd);
    kc_free(k, rows, m);
    kc_free(k, cols, n);
    kc_free(k, pa, na);
    kc_free(k, pb, nb);
    free(before);
    k->cases++;
}

void kc_check_gemm(kc *k) {
    static const uint32_t most[] = {3, 9, 20, 70, 150};
    for (size_t i = 0; i < k->n_cases; i++) {
        size_t m = kc_random(k, most[kc_random(k, 5)]) + 1, n = kc_random(k, most[kc_random(k, 5)]) + 1;
        size_t depth = kc_random(k, kc_random(k, 20) ? most[kc_random(k, 5)] : 700);
        one(k, m, n, depth);
    }
    one(k, 130, 1100, 530);
    one(k, 3, 700, 9000);
    one(k, 700, 3, 900);
}

static void time_one(kc *k, size_t m, size_t n, size_t depth, bool transposed, int packed) {
    ig_gemm g = ig_gemm_of(m, n, depth);
    size_t na = 0, nb = 0;
    float *a = kc_floats(k, m * depth), *b = kc_floats(k, depth * n), *c = kc_floats(k, m * n), *pa = NULL, *pb = NULL;
    g.a = a, g.b = b, g.c = c;
    if (transposed) g.b_row = 1, g.b_col = depth;
    if (packed & 1) {
        ig_gemm_packed_a(k->kernels, m, depth, &na);
        pa = kc_floats(k, na);
        ig_gemm_pack_a(k->kernels, k->threads, g.a, g.a_row, g.a_col, m, depth, pa);
        g.a_packed = pa;
    }
    if (packed & 2) {
        ig_gemm_packed_b(k->kernels, depth, n, &nb);
        pb = kc_floats(k, nb);
        ig_gemm_pack_b(k->kernels, k->threads, g.b, g.b_row, g.b_col, depth, n, pb);
        g.b_packed = pb;
    }
    size_t ns = ig_gemm_scratch(k->kernels, k->threads, &g) / sizeof(float);
    float *scratch = kc_floats(k, ns);
    double best = 1e9, work = (double)m * (double)n * (double)depth;
    int runs = (int)fmin(1000, fmax(3, 2e9 / work));
    for (int i = 0; i < runs; i++) {
        double t = kc_now();
        ig_gemm_run(k->kernels, k->threads, &g, 1, scratch);
        best = fmin(best, kc_now() - t);
    }
    printf("%-8s gemm %5zu x %5zu x %5zu %s %-8s %9.1f us %7.1f GFLOP/s\n", k->level, m, n, depth, transposed ? "A*B'" : "A*B ",
           (const char *[]){"", "A packed", "B packed", "packed"}[packed], best * 1e6, 2 * work / best * 1e-9);
    kc_free(k, scratch, ns);
    kc_free(k, a, m * depth);
    kc_free(k, b, depth * n);
    kc_free(k, c, m * n);
    kc_free(k, pa, na);
    kc_free(k, pb, nb);
}

void kc_time_gemm(kc *k) {
    static const struct {
        size_t m, n, k;
        bool transposed;
        int packed;
    } rows[] = {
        {1024, 1024, 1024, false, 0}, {1024, 1024, 1024, true, 0}, {1024, 1024, 1024, false, 1}, {1024, 1024, 1024, false, 2},
        {1024, 1024, 1024, false, 3}, {128, 768, 768, false, 2},   {128, 3072, 768, false, 2},   {64, 3136, 576, false, 1},
        {512, 49, 4608, false, 1},    {256, 196, 2304, false, 1},  {128, 128, 64, true, 0},      {128, 64, 128, false, 0},
        {1, 4096, 4096, false, 0},    {1, 4096, 4096, true, 0},    {1, 4096, 4096, false, 2},    {4, 4096, 1024, false, 0},
        {4, 4096, 1024, true, 0},     {4, 4096, 1024, false, 2},   {4096, 1, 1024, false, 0},    {4096, 8, 1024, false, 0},
        {16, 16, 16, false, 0},       {32, 32, 32, false, 0},
    };
    for (size_t i = 0; i < IG_COUNT_OF(rows); i++)
        time_one(k, rows[i].m, rows[i].n, rows[i].k, rows[i].transposed, rows[i].packed);
}
