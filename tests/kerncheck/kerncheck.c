/* igata-kerncheck: compares every variant of every kernel that this machine can run with a plain computation on random shapes,
 * strides and values, and with --time measures it.
 *
 *     igata-kerncheck --peak                          GFLOP/s of the best tile of the float product on one thread
 *     igata-kerncheck [--time] [--cases N] [--threads N] [--seed N] [--cpu LEVEL] [NAME…] */
#include "kerncheck.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const struct check {
    const char *name;
    void (*check)(kc *k), (*time)(kc *k);
} checks[] = {
    {"gemm", kc_check_gemm, kc_time_gemm},          {"conv", kc_check_conv, kc_time_conv},
    {"igemm", kc_check_igemm, kc_time_igemm},       {"nbits", kc_check_nbits, kc_time_nbits},
    {"blocked", kc_check_blocked, kc_time_blocked}, {"qblocked", kc_check_qblocked, kc_time_qblocked},
    {"loops", kc_check_loops, kc_time_loops},       {"folds", kc_check_folds, kc_time_folds},
};

enum { CANARY = 64 };
static const float canary = -1.2345678e30f;

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t next(kc *k) {
    uint64_t z = k->random += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

uint32_t kc_random(kc *k, uint32_t below) { return (uint32_t)((next(k) >> 32) * below >> 32); }

float kc_float(kc *k) { return (float)((double)(next(k) >> 40) * 0x1p-23 - 1); }

float *kc_floats(kc *k, size_t n) {
    float *p = malloc((n + 2 * CANARY) * sizeof *p);
    if (!p) exit(2);
    for (size_t i = 0; i < n + 2 * CANARY; i++) p[i] = i < CANARY || i >= n + CANARY ? canary : kc_float(k);
    return p + CANARY;
}

void kc_free(kc *k, float *p, size_t n) {
    if (!p) return;
    p -= CANARY;
    for (size_t i = 0; i < CANARY; i++)
        if (memcmp(&p[i], &canary, sizeof canary) != 0 || memcmp(&p[n + CANARY + i], &canary, sizeof canary) != 0) {
            kc_fail(k, "memory beside an operand was written");
            break;
        }
    free(p);
}

void kc_fail(kc *k, const char *format, ...) {
    va_list args;
    va_start(args, format);
    if (k->failures++ < 10) {
        printf("FAIL %s: ", k->level);
        vprintf(format, args);
        printf("\n");
    }
    va_end(args);
}

double kc_now(void) { return (double)ig_clock_ns() * 1e-9; }

static bool wanted(const char *name, char **names, int n) {
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0) return true;
    return n == 0;
}

static int run_level(ig_cpu level, kc *k, bool time, char **names, int n) {
    int bad = 0;
    k->kernels = ig_kernels_at(level);
    k->level = ig_cpu_name(level);
    for (size_t c = 0; c < IG_COUNT_OF(checks); c++) {
        if (!wanted(checks[c].name, names, n)) continue;
        k->cases = k->failures = 0;
        if (time)
            checks[c].time(k);
        else
            checks[c].check(k);
        if (!time) printf("%-12s %-12s %zu cases, %zu failures\n", k->level, checks[c].name, k->cases, k->failures);
        bad += k->failures != 0;
    }
    return bad;
}

/* The tile with most sums on operands that stay in the first cache. */
static int print_peak(void) {
    ig_context *context;
    if (ig_context_create(&context, NULL, NULL) != IG_OK) return 2;
    const ig_gemm_f32 *g = ig_kernels_of(context)->gemm_f32;
    kc k = {.random = 1};
    size_t cols = g->vecs * g->lanes, depth = 128;
    float *a = kc_floats(&k, g->rows * depth), *b = kc_floats(&k, cols * depth), *c = kc_floats(&k, g->rows * cols);
    const ig_gemm_tile t = {
        .k = depth, .a = a, .b = b, .b_step = cols, .c = c, .c_step = cols, .cols = cols, .alpha = 1, .max = 1};
    double best = 1e9;
    for (int r = 0; r < 2000; r++) {
        double start = kc_now();
        for (int i = 0; i < 20; i++) g->tile[g->rows][g->vecs](&t);
        double each = (kc_now() - start) / 20;
        best = each < best ? each : best;
    }
    printf("%.1f GFLOP/s\n", 2 * (double)(g->rows * cols * depth) / best * 1e-9);
    kc_free(&k, a, g->rows * depth), kc_free(&k, b, cols * depth), kc_free(&k, c, g->rows * cols);
    ig_context_free(context);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--peak") == 0) return print_peak();
    unsigned threads = 1;
    bool time = false;
    ig_cpu only = IG_CPU_COUNT;
    kc k = {.random = 1, .n_cases = 2000};
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--time") == 0)
            time = true;
        else if (strcmp(argv[i], "--cases") == 0 && i + 1 < argc)
            k.n_cases = strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
            threads = (unsigned)strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            k.random = strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--cpu") == 0 && i + 1 < argc && ig_cpu_from_name(argv[i + 1], &only))
            i++;
        else {
            fprintf(stderr, "usage: igata-kerncheck [--time] [--cases N] [--threads N] [--seed N] [--cpu LEVEL] [NAME...]\n");
            return 2;
        }
    }
    ig_context *context;
    if (ig_context_create(&context, NULL, NULL) != IG_OK || ig_threads_create(&k.threads, context, threads, NULL) != IG_OK)
        return 2;
    int bad = 0;
    const ig_kernels *before = NULL;
    for (int level = 0; level <= (int)context->cpu; level++) {
        if (only != IG_CPU_COUNT && level != (int)only) continue;
        const ig_kernels *table = ig_kernels_at((ig_cpu)level);
        if (only == IG_CPU_COUNT && before && memcmp(before, table, sizeof *table) == 0) continue; /* nothing new */
        before = table;
        bad += run_level((ig_cpu)level, &k, time, argv + i, argc - i);
    }
    ig_threads_free(k.threads);
    ig_context_free(context);
    return bad != 0;
}
