/* What the CPU can do, as an ordered list of levels that kernels are written for. */
#ifndef IG_BASE_CPU_H
#define IG_BASE_CPU_H

#include <stdbool.h>

/* Order matters: a level includes those before it of the same architecture. */
typedef enum ig_cpu {
    IG_CPU_C = 0,
    IG_CPU_AVX2,        /* AVX2, FMA, F16C */
    IG_CPU_AVX512,      /* F, BW, DQ, VL */
    IG_CPU_AVX512_VNNI, /* and VNNI */
    IG_CPU_AVX512_BF16, /* and BF16 */
    IG_CPU_AMX,         /* and AMX tiles with int8 and bf16 */
    IG_CPU_NEON,        /* AArch64 */
    IG_CPU_COUNT
} ig_cpu;

ig_cpu ig_cpu_detect(void);
const char *ig_cpu_name(ig_cpu cpu);
/* False when no level has this name. */
bool ig_cpu_from_name(const char *name, ig_cpu *cpu);

#endif
