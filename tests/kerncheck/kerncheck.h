/* What the checks of the kernels share: random numbers, buffers with canaries, comparison, timing. */
#ifndef IG_TESTS_KERNCHECK_H
#define IG_TESTS_KERNCHECK_H

#include "base/threads.h"
#include "kernels/kernels.h"

typedef struct kc {
    const ig_kernels *kernels;
    const char *level;
    ig_threads *threads;
    uint64_t random;
    size_t cases, failures;
    size_t n_cases; /* wanted of each kernel */
} kc;

uint32_t kc_random(kc *k, uint32_t below);
float kc_float(kc *k); /* in [-1, 1) */
/* n elements between canaries, from malloc; kc_free checks the canaries. */
float *kc_floats(kc *k, size_t n);
void kc_free(kc *k, float *p, size_t n);
void kc_fail(kc *k, const char *format, ...) IG_PRINTF(2, 3);
double kc_now(void);

/* One check and one timing for each kernel: a row of the table in kerncheck.c. */
void kc_check_gemm(kc *k);
void kc_time_gemm(kc *k);
void kc_check_conv(kc *k);
void kc_time_conv(kc *k);
void kc_check_blocked(kc *k);
void kc_time_blocked(kc *k);
void kc_check_qblocked(kc *k);
void kc_time_qblocked(kc *k);
void kc_check_igemm(kc *k);
void kc_time_igemm(kc *k);
void kc_check_nbits(kc *k);
void kc_time_nbits(kc *k);
void kc_check_loops(kc *k);
void kc_time_loops(kc *k);
void kc_check_folds(kc *k);
void kc_time_folds(kc *k);

#endif
