/* Folds: every variant against plain sums and comparisons in double, with the odd numbers among the elements. */
#include "kernels/folds/folds.h"
#include "kerncheck.h"

#include <math.h>
#include <stdio.h>

enum { MOST = 3000, MOST_COLUMNS = 600 };

static void sprinkle(kc *k, float *x, size_t n) {
    static const float odd[] = {INFINITY, -INFINITY, NAN, -NAN, 0.0f, -0.0f, 1e-40f, -1e18f};
    for (size_t i = 0; i < n; i++) x[i] *= kc_random(k, 20) ? 4.0f : 0.0f;
    for (uint32_t i = kc_random(k, 3) ? 0 : kc_random(k, 4); i > 0 && n; i--)
        x[kc_random(k, (uint32_t)n)] = odd[kc_random(k, IG_COUNT_OF(odd))];
}

/* What stands for `size`: how large the terms are that were added up. */
static void compare(kc *k, const char *name, double got, double want, double size) {
    bool same = (isnan(got) && isnan(want)) || got == want || fabs(got - want) <= 2e-6 * size + 1e-12;
    if (!same) kc_fail(k, "%s: %.9g, plainly %.9g", name, got, want);
}

static double plain_max(const float *x, size_t n, double sign) {
    double m = -(double)INFINITY;
    for (size_t i = 0; i < n; i++) {
        double v = sign * (double)x[i];
        if (v > m || isnan(v)) m = v;
        if (isnan(m)) return m;
    }
    return sign * m;
}

static void check_runs(kc *k) {
    const ig_folds *f = k->kernels->folds;
    size_t n = kc_random(k, kc_random(k, 3) ? 100 : MOST);
    float *x = kc_floats(k, n);
    sprinkle(k, x, n);
    double sum = 0, size = 0, square = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)x[i];
        size += fabs((double)x[i]);
        square += (double)(x[i] * x[i]);
    }
    compare(k, "max", (double)f->max(x, n), plain_max(x, n, 1), 0);
    compare(k, "min", (double)f->min(x, n), n ? plain_max(x, n, -1) : (double)INFINITY, 0);
    compare(k, "sum", f->sum(x, n), sum, size);
    compare(k, "sum_abs", f->sum_abs(x, n), size, size);
    compare(k, "sum_square", f->sum_square(x, n), square, square);
    k->cases++;
    kc_free(k, x, n);
}

static void check_rows(kc *k) {
    static double want[5][MOST_COLUMNS], got[5][MOST_COLUMNS + 1];
    static const double start[5] = {0.5, 0, 2, -(double)INFINITY, (double)INFINITY};
    const ig_folds *f = k->kernels->folds;
    size_t columns = 1 + kc_random(k, kc_random(k, 4) ? 40 : MOST_COLUMNS), rows = kc_random(k, 40);
    size_t step = columns + kc_random(k, 5), n = rows ? (rows - 1) * step + columns : 0;
    float *x = kc_floats(k, n);
    sprinkle(k, x, n);
    for (size_t i = 0; i < columns; i++) {
        double size = 1;
        for (size_t w = 0; w < 5; w++) want[w][i] = got[w][i] = start[w];
        for (size_t r = 0; r < rows; r++) {
            double v = (double)x[r * step + i];
            want[0][i] += v;
            want[1][i] += fabs(v);
            want[2][i] += (double)((float)v * (float)v);
            if (v > want[3][i] || isnan(v)) want[3][i] = v;
            if (v < want[4][i] || isnan(v)) want[4][i] = v;
            size += fabs(v) + v * v;
        }
        got[0][columns] = size;
    }
    f->sum_rows(got[0], x, step, rows, columns);
    f->sum_abs_rows(got[1], x, step, rows, columns);
    f->sum_square_rows(got[2], x, step, rows, columns);
    f->max_rows(got[3], x, step, rows, columns);
    f->min_rows(got[4], x, step, rows, columns);
    static const char *const names[] = {"sum_rows", "sum_abs_rows", "sum_square_rows", "max_rows", "min_rows"};
    for (size_t w = 0; w < 5; w++) {
        for (size_t i = 0; i < columns; i++) compare(k, names[w], got[w][i], want[w][i], w < 3 ? 20.0 * (double)(rows + 1) : 0);
    }
    k->cases++;
    kc_free(k, x, n);
}

static void check_exponentials(kc *k) {
    const ig_folds *f = k->kernels->folds;
    size_t n = 1 + kc_random(k, 2100);
    float *x = kc_floats(k, n), *y = kc_floats(k, n), spread = kc_random(k, 4) ? 5.0f : 60.0f, most = -INFINITY;
    double sum = 0;
    for (size_t i = 0; i < n; i++) x[i] = kc_random(k, 30) ? x[i] * spread : -INFINITY;
    for (size_t i = 0; i < n; i++) most = x[i] > most ? x[i] : most;
    if (!isfinite(most)) x[0] = most = 0;
    bool in_place = kc_random(k, 2);
    if (in_place) memcpy(y, x, n * sizeof *x);
    double got = f->exp_sum(in_place ? y : x, y, n, most);
    for (size_t i = 0; i < n; i++) {
        double want = exp((double)(x[i] - most));
        sum += want;
        if (fabs((double)y[i] - want) > 4e-7 * want + 2e-38)
            kc_fail(k, "exp of %.9g: %.9g", (double)(x[i] - most), (double)y[i]);
    }
    compare(k, "exp_sum", got, sum, sum);
    f->scale(y, n, 0.5f);
    f->less(x, y, n, most, 1.0f);
    for (size_t i = 0; i < n; i++) compare(k, "less", (double)y[i], (double)(x[i] - most - 1.0f), 0);
    k->cases++;
    kc_free(k, x, n);
    kc_free(k, y, n);
}

void kc_check_folds(kc *k) {
    while (k->cases < k->n_cases) {
        check_runs(k);
        check_rows(k);
        check_exponentials(k);
    }
}

void kc_time_folds(kc *k) {
    enum { N = 1 << 12, TIMES = 200, WHICH = 5 };
    static const char *const names[WHICH] = {"max", "sum", "sum_rows", "exp_sum", "scale"};
    const ig_folds *f = k->kernels->folds;
    float *x = kc_floats(k, N), *y = kc_floats(k, N);
    double acc[256] = {0};
    for (int w = 0; w < WHICH; w++) {
        double start = kc_now(), sink = 0;
        for (size_t i = 0; i < TIMES; i++) {
            if (w == 0) sink += (double)f->max(x, N);
            if (w == 1) sink += f->sum(x, N);
            if (w == 2) f->sum_rows(acc, x, 256, N / 256, 256);
            if (w == 3) sink += f->exp_sum(x, y, N, 1.0f);
            if (w == 4) f->scale(y, N, 1.0f);
        }
        printf("%-12s %-14s %7.3f ns an element%s\n", k->level, names[w], (kc_now() - start) * 1e9 / TIMES / N,
               isnan(sink) ? " " : "");
    }
    kc_free(k, x, N);
    kc_free(k, y, N);
}
