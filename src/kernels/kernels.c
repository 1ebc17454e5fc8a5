#include "kernels/kernels.h"

/* The variants of one line as this architecture has them. */
#if defined(__x86_64__)
#define LEVELS(c, avx2, avx512, vnni, bf16, amx, neon) c, avx2, avx512, vnni, bf16, amx, c
#elif defined(__aarch64__)
#define LEVELS(c, avx2, avx512, vnni, bf16, amx, neon) c, c, c, c, c, c, neon
#else
#define LEVELS(c, avx2, avx512, vnni, bf16, amx, neon) c, c, c, c, c, c, c
#endif

#define DECLARE_(type, kernel, a, b, c, d, e, f, g)                                                                            \
    extern const type ig_##kernel##_##a, ig_##kernel##_##b, ig_##kernel##_##c, ig_##kernel##_##d, ig_##kernel##_##e,           \
        ig_##kernel##_##f, ig_##kernel##_##g;
#define DECLARE(...)                 DECLARE_(__VA_ARGS__)
#define IG_KERNEL(type, kernel, ...) DECLARE(type, kernel, LEVELS(__VA_ARGS__))
#include "kernels/kernels.def"
#undef IG_KERNEL

#define SYMBOL_(kernel, variant)     &ig_##kernel##_##variant
#define SYMBOL(kernel, variant)      SYMBOL_(kernel, variant)
#define CALL(pick, ...)              pick(__VA_ARGS__)
#define IG_KERNEL(type, kernel, ...) .kernel = SYMBOL(kernel, CALL(PICK, LEVELS(__VA_ARGS__))),

static const ig_kernels tables[IG_CPU_COUNT] = {
#define PICK(a, b, c, d, e, f, g) a
    [IG_CPU_C] =
        {
#include "kernels/kernels.def"
        },
#undef PICK
#define PICK(a, b, c, d, e, f, g) b
    [IG_CPU_AVX2] =
        {
#include "kernels/kernels.def"
        },
#undef PICK
#define PICK(a, b, c, d, e, f, g) c
    [IG_CPU_AVX512] =
        {
#include "kernels/kernels.def"
        },
#undef PICK
#define PICK(a, b, c, d, e, f, g) d
    [IG_CPU_AVX512_VNNI] =
        {
#include "kernels/kernels.def"
        },
#undef PICK
#define PICK(a, b, c, d, e, f, g) e
    [IG_CPU_AVX512_BF16] =
        {
#include "kernels/kernels.def"
        },
#undef PICK
#define PICK(a, b, c, d, e, f, g) f
    [IG_CPU_AMX] =
        {
#include "kernels/kernels.def"
        },
#undef PICK
#define PICK(a, b, c, d, e, f, g) g
    [IG_CPU_NEON] =
        {
#include "kernels/kernels.def"
        },
#undef PICK
};

const ig_kernels *ig_kernels_at(ig_cpu level) { return &tables[level]; }
