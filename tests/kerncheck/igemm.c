#include "kernels/igemm/igemm.h"
#include "kerncheck.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct operand {
    ig_imatrix x;
    uint8_t *data;
    int32_t *zeros;
} operand;

static operand make(kc *k, size_t rows, size_t cols, size_t lanes) {
    operand o = {0};
    bool turned = kc_random(k, 2);
    o.x.row = turned ? 1 : cols + 3;
    o.x.col = turned ? rows + 2 : 1;
    size_t n = (rows + 3) * (cols + 3);
    o.data = malloc(n);
    o.zeros = malloc((lanes + 1) * sizeof *o.zeros);
    for (size_t i = 0; i < n; i++) o.data[i] = (uint8_t)kc_random(k, 256);
    o.x.is_signed = kc_random(k, 2);
    for (size_t i = 0; i <= lanes; i++) o.zeros[i] = (int32_t)kc_random(k, 256) - (o.x.is_signed ? 128 : 0);
    o.x.data = o.data;
    if (kc_random(k, 3)) o.x.zero = o.zeros, o.x.zero_step = kc_random(k, 2);
    return o;
}

static int32_t at(const ig_imatrix *x, size_t row, size_t col, size_t lane) {
    uint8_t v = ((const uint8_t *)x->data)[row * x->row + col * x->col];
    return (x->is_signed ? (int8_t)v : v) - (x->zero ? x->zero[lane * x->zero_step] : 0);
}

typedef struct sums {
    int32_t *c;
    size_t row;
} sums;

static void keep(const void *arg, const int32_t *from, size_t row, size_t col, size_t n) {
    const sums *s = arg;
    memcpy(s->c + row * s->row + col, from, n * sizeof *from);
}

static void one(kc *k, size_t m, size_t n, size_t depth) {
    operand a = make(k, m, depth, m), b = make(k, depth, n, n);
    ig_igemm g = {.m = m, .n = n, .k = depth, .a = a.x, .b = b.x, .c_row = n};
    int32_t *c = (int32_t *)(void *)kc_floats(k, m * n);
    sums s = {c, n};
    g.c = kc_random(k, 2) ? c : NULL;
    if (!g.c) g.post = keep, g.post_arg = &s;
    int16_t *pa = NULL, *pb = NULL;
    size_t count, bytes;
    if (kc_random(k, 2) && ig_igemm_packed_a(k->kernels, m, depth, &count)) {
        g.a.packed = pa = malloc(count * sizeof *pa + 1);
        ig_igemm_pack_a(k->kernels, &a.x, m, depth, pa);
    }
    if (kc_random(k, 2) && ig_igemm_packed_b(k->kernels, depth, n, &count)) {
        g.b.packed = pb = malloc(count * sizeof *pb + 1);
        ig_igemm_pack_b(k->kernels, &b.x, depth, n, pb);
    }
    if (!ig_igemm_scratch(k->kernels, k->threads, &g, &bytes)) exit(2);
    void *scratch = aligned_alloc(64, bytes + 64);
    ig_igemm_run(k->kernels, k->threads, &g, 1, scratch);
    for (size_t i = 0; i < m * n; i++) {
        int32_t want = 0;
        for (size_t p = 0; p < depth; p++) want += at(&a.x, i / n, p, i / n) * at(&b.x, p, i % n, i % n);
        if (c[i] == want) continue;
        kc_fail(k, "igemm %zu x %zu x %zu at %zu: %d, expected %d", m, n, depth, i, c[i], want);
        break;
    }
    free(scratch);
    free(pa);
    free(pb);
    free(a.data);
    free(a.zeros);
    free(b.data);
    free(b.zeros);
    kc_free(k, (float *)(void *)c, m * n);
    k->cases++;
}

void kc_check_igemm(kc *k) {
    static const uint32_t most[] = {3, 9, 20, 70, 150};
    for (size_t i = 0; i < k->n_cases; i++)
        one(k, kc_random(k, most[kc_random(k, 5)]) + 1, kc_random(k, most[kc_random(k, 5)]) + 1,
            kc_random(k, most[kc_random(k, 5)]));
    one(k, 65, 900, 1300);
}

void kc_time_igemm(kc *k) {
    static const size_t sizes[][3] = {{1024, 1024, 1024}, {64, 3136, 576}, {128, 768, 768}, {1, 4096, 4096}};
    for (size_t i = 0; i < IG_COUNT_OF(sizes); i++) {
        size_t m = sizes[i][0], n = sizes[i][1], depth = sizes[i][2], count, bytes;
        uint8_t *data = calloc(m * depth + depth * n + 1, 1);
        int32_t *c = calloc(m * n, sizeof *c);
        ig_igemm g = {.m = m, .n = n, .k = depth, .c = c, .c_row = n};
        g.a = (ig_imatrix){.data = data, .row = depth, .col = 1};
        g.b = (ig_imatrix){.data = data, .row = n, .col = 1};
        if (!ig_igemm_packed_b(k->kernels, depth, n, &count)) exit(2);
        int16_t *packed = malloc(count * sizeof *packed);
        ig_igemm_pack_b(k->kernels, &g.b, depth, n, packed);
        g.b.packed = packed;
        if (!ig_igemm_scratch(k->kernels, k->threads, &g, &bytes)) exit(2);
        void *scratch = aligned_alloc(64, bytes + 64);
        double best = 1e9, work = (double)m * (double)n * (double)depth;
        for (int r = 0; r < 10; r++) {
            double t = kc_now();
            ig_igemm_run(k->kernels, k->threads, &g, 1, scratch);
            best = fmin(best, kc_now() - t);
        }
        printf("%-8s igemm %5zu x %5zu x %5zu %9.1f us %7.1f GOP/s\n", k->level, m, n, depth, best * 1e6,
               2 * work / best * 1e-9);
        free(data);
        free(c);
        free(packed);
        free(scratch);
    }
}
