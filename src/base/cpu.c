#include "base/cpu.h"

#include <stddef.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

static const char *const names[IG_CPU_COUNT] = {
    [IG_CPU_C] = "c",
    [IG_CPU_AVX2] = "avx2",
    [IG_CPU_AVX512] = "avx512",
    [IG_CPU_AVX512_VNNI] = "avx512-vnni",
    [IG_CPU_AVX512_BF16] = "avx512-bf16",
    [IG_CPU_AMX] = "amx",
    [IG_CPU_NEON] = "neon",
};

const char *ig_cpu_name(ig_cpu cpu) { return names[cpu]; }

bool ig_cpu_from_name(const char *name, ig_cpu *cpu) {
    for (int i = 0; i < IG_CPU_COUNT; i++)
        if (strcmp(names[i], name) == 0) {
            *cpu = (ig_cpu)i;
            return true;
        }
    return false;
}

#if defined(__x86_64__)
/* AMX (leaf 7, EDX bits 22, 24, 25) is usable only after the operating system grants it, which the kernels' floor asks for. */
static bool has_amx(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
    unsigned need = (1u << 22) | (1u << 24) | (1u << 25);
    return (d & need) == need;
}

ig_cpu ig_cpu_detect(void) {
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return IG_CPU_C;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512dq") ||
        !__builtin_cpu_supports("avx512vl"))
        return IG_CPU_AVX2;
    if (!__builtin_cpu_supports("avx512vnni")) return IG_CPU_AVX512;
    if (!__builtin_cpu_supports("avx512bf16")) return IG_CPU_AVX512_VNNI;
    return has_amx() ? IG_CPU_AMX : IG_CPU_AVX512_BF16;
}
#elif defined(__aarch64__)
ig_cpu ig_cpu_detect(void) { return IG_CPU_NEON; }
#else
ig_cpu ig_cpu_detect(void) { return IG_CPU_C; }
#endif
