/* One vocabulary of float vectors for the files that are compiled for an instruction set. Not for plain C files. */
#ifndef IG_KERNELS_VECTOR_H
#define IG_KERNELS_VECTOR_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Loops over rows and vectors of a tile must be unrolled for arrays of vectors to become registers. */
#define IG_UNROLL _Pragma("GCC unroll 32")
#define IG_INLINE static inline __attribute__((always_inline))

#if defined(__AVX512F__)

enum { VF_LANES = 16 };
typedef __m512 vf;
typedef __mmask16 vf_mask;

IG_INLINE vf vf_zero(void) { return _mm512_setzero_ps(); }
IG_INLINE vf vf_set(float x) { return _mm512_set1_ps(x); }
IG_INLINE vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
IG_INLINE void vf_store(float *p, vf x) { _mm512_storeu_ps(p, x); }
/* The first n lanes; all of them when n is larger. */
IG_INLINE vf_mask vf_first(size_t n) { return (vf_mask)(n >= 16 ? 0xFFFFu : (1u << n) - 1); }
/* Lanes outside the mask are 0 and their memory is not touched. */
IG_INLINE vf vf_load_some(const float *p, vf_mask m) { return _mm512_maskz_loadu_ps(m, p); }
IG_INLINE void vf_store_some(float *p, vf_mask m, vf x) { _mm512_mask_storeu_ps(p, m, x); }
IG_INLINE vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
IG_INLINE vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
IG_INLINE vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
IG_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
/* b when one of them is a NaN, as for the instructions. */
IG_INLINE vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
IG_INLINE vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
/* NaN when one of them is. */
IG_INLINE vf vf_max_nan(vf a, vf b) {
    return _mm512_mask_mov_ps(_mm512_max_ps(a, b), _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), a);
}
IG_INLINE float vf_sum(vf x) { return _mm512_reduce_add_ps(x); }
/* p[0], p[2], … of n lanes; nothing behind p[2 * n - 2] is touched. */
IG_INLINE vf vf_load_even(const float *p, size_t n) {
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    size_t last = 2 * n - 1;
    return _mm512_permutex2var_ps(vf_load_some(p, vf_first(last)), even,
                                  vf_load_some(p + 16, vf_first(last > 16 ? last - 16 : 0)));
}

typedef __m512i vi; /* lanes of int32, or pairs of int16 */
IG_INLINE vi vi_zero(void) { return _mm512_setzero_si512(); }
IG_INLINE vi vi_load(const void *p) { return _mm512_loadu_si512(p); }
IG_INLINE void vi_store(int32_t *p, vi x) { _mm512_storeu_si512(p, x); }
IG_INLINE void vi_store_some(int32_t *p, vf_mask m, vi x) { _mm512_mask_storeu_epi32(p, m, x); }
/* The pair at p in every lane. */
IG_INLINE vi vi_set_pair(const int16_t *p) {
    int32_t pair;
    memcpy(&pair, p, sizeof pair);
    return _mm512_set1_epi32(pair);
}
/* Adds the products of pairs to each lane. */
IG_INLINE vi vi_add_dot(vi sum, vi a, vi b) {
#if defined(__AVX512VNNI__)
    __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b)); /* around the intrinsic gcc 12 keeps sums in memory */
    return sum;
#else
    return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
#endif
}

/* 16 floats to choose from, and for each lane the one that its lowest 4 bits name. */
typedef vf vf_table;
IG_INLINE vf_table vf_table_load(const float *p) { return vf_load(p); }
IG_INLINE vf vf_lookup(const vf_table *t, vi i) { return _mm512_permutexvar_ps(i, *t); }
IG_INLINE vf vf_from_int(vi x) { return _mm512_cvtepi32_ps(x); }
IG_INLINE vi vi_set(int x) { return _mm512_set1_epi32(x); }
IG_INLINE vi vi_and(vi a, vi b) { return _mm512_and_si512(a, b); }
IG_INLINE vi vi_shift_right(vi x, int n) { return (vi)((uint32_t __attribute__((vector_size(64))))x >> n); }
/* The four bytes at p in every lane. */
IG_INLINE vi vi_set_quad(const int8_t *p) {
    int32_t quad;
    memcpy(&quad, p, sizeof quad);
    return _mm512_set1_epi32(quad);
}
/* Adds the products of four bytes, those of a without sign, to each lane. Without VNNI two such products must fit 16 bits. */
IG_INLINE vi vi_add_dot_bytes(vi sum, vi a, vi b) {
#if defined(__AVX512VNNI__)
    return _mm512_dpbusd_epi32(sum, a, b);
#else
    return _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_maddubs_epi16(a, b), _mm512_set1_epi16(1)));
#endif
}

#elif defined(__AVX2__)

enum { VF_LANES = 8 };
typedef __m256 vf;
typedef __m256i vf_mask;

IG_INLINE vf vf_zero(void) { return _mm256_setzero_ps(); }
IG_INLINE vf vf_set(float x) { return _mm256_set1_ps(x); }
IG_INLINE vf vf_load(const float *p) { return _mm256_loadu_ps(p); }
IG_INLINE void vf_store(float *p, vf x) { _mm256_storeu_ps(p, x); }
IG_INLINE vf_mask vf_first(size_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n >= 8 ? 8 : (int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
IG_INLINE vf vf_load_some(const float *p, vf_mask m) { return _mm256_maskload_ps(p, m); }
IG_INLINE void vf_store_some(float *p, vf_mask m, vf x) { _mm256_maskstore_ps(p, m, x); }
IG_INLINE vf vf_add(vf a, vf b) { return _mm256_add_ps(a, b); }
IG_INLINE vf vf_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
IG_INLINE vf vf_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
IG_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
IG_INLINE vf vf_max(vf a, vf b) { return _mm256_max_ps(a, b); }
IG_INLINE vf vf_min(vf a, vf b) { return _mm256_min_ps(a, b); }
IG_INLINE vf vf_max_nan(vf a, vf b) { return _mm256_blendv_ps(_mm256_max_ps(a, b), a, _mm256_cmp_ps(a, a, _CMP_UNORD_Q)); }
IG_INLINE float vf_sum(vf x) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
IG_INLINE vf vf_load_even(const float *p, size_t n) {
    size_t last = 2 * n - 1;
    vf a = n == 8 ? vf_load(p) : vf_load_some(p, vf_first(last));
    vf b = vf_load_some(p + 8, vf_first(last > 8 ? last - 8 : 0));
    __m256 mixed = _mm256_shuffle_ps(a, b, 0x88); /* a0 a2 b0 b2 a4 a6 b4 b6 */
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(mixed), 0xD8));
}

typedef __m256i vi;
IG_INLINE vi vi_zero(void) { return _mm256_setzero_si256(); }
IG_INLINE vi vi_load(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }
IG_INLINE void vi_store(int32_t *p, vi x) { _mm256_storeu_si256((__m256i *)p, x); }
IG_INLINE void vi_store_some(int32_t *p, vf_mask m, vi x) { _mm256_maskstore_epi32(p, m, x); }
IG_INLINE vi vi_set_pair(const int16_t *p) {
    int32_t pair;
    memcpy(&pair, p, sizeof pair);
    return _mm256_set1_epi32(pair);
}
IG_INLINE vi vi_add_dot(vi sum, vi a, vi b) { return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b)); }

typedef struct vf_table {
    vf low, high;
} vf_table;
IG_INLINE vf_table vf_table_load(const float *p) { return (vf_table){vf_load(p), vf_load(p + 8)}; }
IG_INLINE vf vf_lookup(const vf_table *t, vi i) {
    return _mm256_blendv_ps(_mm256_permutevar8x32_ps(t->low, i), _mm256_permutevar8x32_ps(t->high, i),
                            _mm256_castsi256_ps(_mm256_slli_epi32(i, 28)));
}
IG_INLINE vf vf_from_int(vi x) { return _mm256_cvtepi32_ps(x); }
IG_INLINE vi vi_set(int x) { return _mm256_set1_epi32(x); }
IG_INLINE vi vi_and(vi a, vi b) { return _mm256_and_si256(a, b); }
IG_INLINE vi vi_shift_right(vi x, int n) { return (vi)((uint32_t __attribute__((vector_size(32))))x >> n); }
IG_INLINE vi vi_set_quad(const int8_t *p) {
    int32_t quad;
    memcpy(&quad, p, sizeof quad);
    return _mm256_set1_epi32(quad);
}
IG_INLINE vi vi_add_dot_bytes(vi sum, vi a, vi b) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1)));
}

#else
#error "this file needs the flags of an instruction set; see cmake/isa.cmake"
#endif

#endif
