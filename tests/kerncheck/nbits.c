#include "kernels/nbits/nbits.h"
#include "kerncheck.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct matrix {
    const ig_nbits *w;
    const uint8_t *numbers; /* n x blocks x block */
    const float *scales, *zeros;
} matrix;

static void block_of(const void *arg, size_t n, size_t block, uint8_t *numbers, float *scale, float *zero) {
    const matrix *m = arg;
    size_t at = n * m->w->blocks + block;
    memcpy(numbers, m->numbers + at * m->w->block, m->w->block);
    *scale = m->scales[at];
    if (m->w->zeros) *zero = m->zeros[at];
}

static double element(const matrix *m, size_t n, size_t k) {
    const ig_nbits *w = m->w;
    size_t at = n * w->blocks + k / w->block;
    uint8_t q = m->numbers[at * w->block + k % w->block];
    double zero = w->zeros ? (double)m->zeros[at] : (double)(1u << (w->bits - 1));
    double x = w->table ? (double)w->table[q] : (double)q - zero;
    return x * (double)m->scales[at];
}

static void compare(kc *k, const matrix *m, const ig_nbits_product *p, bool rounded) {
    const ig_nbits *w = m->w;
    for (size_t i = 0; i < p->m; i++)
        for (size_t j = 0; j < w->n; j++) {
            double sum = p->bias ? (double)p->bias[j] : 0, size = fabs(sum), lost = 0;
            for (size_t s = 0; s < w->k; s++) {
                double x = (double)p->a[i * w->k + s] * element(m, j, s);
                sum += x;
                size += fabs(x) + fabs((double)p->a[i * w->k + s]) * (double)(1u << w->bits) / 8;
                lost += fabs(element(m, j, s)) / 254; /* numbers of A are at most 1 */
            }
            double have = (double)p->c[i * w->n + j];
            if (fabs(have - sum) <= (rounded ? lost : 0) + 3e-6 * (size + 1)) continue;
            kc_fail(k, "nbits %zu x %zu x %zu, %u bits in blocks of %zu at %zu,%zu: %g, expected %g", p->m, w->n, w->k, w->bits,
                    w->block, i, j, have, sum);
            return;
        }
}

static void *room(size_t bytes) {
    void *p = aligned_alloc(64, ig_round_up(bytes + 1, 64));
    if (!p) exit(2);
    return p;
}

static void one(kc *k, size_t m, size_t n, size_t depth, bool time) {
    float table[16];
    for (size_t i = 0; i < 16; i++) table[i] = kc_float(k);
    ig_nbits w = {.n = n, .k = depth, .bits = 2u << kc_random(k, 3), .block = (size_t)16 << kc_random(k, 4)};
    if (time) w.bits = 4, w.block = 32;
    w.zeros = !time && kc_random(k, 2);
    if (!time && w.bits == 4 && !w.zeros && kc_random(k, 2)) w.table = table;
    size_t bytes, scratch_bytes;
    if (!ig_nbits_bytes(k->kernels, &w, &bytes)) exit(2);
    size_t entries = n * w.blocks;
    matrix matrix = {.w = &w};
    uint8_t *numbers = room(entries * w.block);
    float *scales = kc_floats(k, entries), *zeros = kc_floats(k, entries), *a = kc_floats(k, m * depth),
          *c = kc_floats(k, m * n), *bias = kc_floats(k, n);
    for (size_t i = 0; i < entries * w.block; i++) numbers[i] = (uint8_t)kc_random(k, 1u << w.bits);
    for (size_t i = 0; i < entries; i++) zeros[i] = (float)kc_random(k, 1u << w.bits);
    matrix.numbers = numbers, matrix.scales = scales, matrix.zeros = zeros;
    void *memory = room(bytes), *packing = room(ig_nbits_pack_scratch(k->threads, &w));
    ig_nbits_pack(k->kernels, k->threads, &w, memory, packing, block_of, &matrix);
    for (int whole = 0; whole < 2; whole++) {
        ig_nbits_product p = {m, a, c, kc_random(k, 2) ? bias : NULL, whole};
        if (!ig_nbits_scratch(k->kernels, k->threads, &w, &p, &scratch_bytes)) exit(2);
        void *scratch = room(scratch_bytes);
        double best = 1e9;
        for (int i = 0; i < (time ? 20 : 1); i++) {
            double start = kc_now();
            ig_nbits_run(k->kernels, k->threads, &w, &p, scratch);
            best = fmin(best, kc_now() - start);
        }
        if (time)
            printf("%-12s nbits  %zu x %zu x %zu %s: %.3f ms, %.1f GB/s\n", k->level, m, n, depth, whole ? "whole" : "float",
                   best * 1e3, (double)bytes / best * 1e-9);
        else
            compare(k, &matrix, &p, whole && !w.table);
        free(scratch);
    }
    k->cases++;
    free(memory);
    free(packing);
    free(numbers);
    kc_free(k, scales, entries);
    kc_free(k, zeros, entries);
    kc_free(k, a, m * depth);
    kc_free(k, c, m * n);
    kc_free(k, bias, n);
}

void kc_check_nbits(kc *k) {
    while (k->cases < k->n_cases) one(k, 1 + kc_random(k, 16), 1 + kc_random(k, 40), 1 + kc_random(k, 150), false);
}

void kc_time_nbits(kc *k) {
    one(k, 1, 4096, 4096, true);
    one(k, 8, 4096, 4096, true);
    one(k, 64, 2048, 2048, true);
}
