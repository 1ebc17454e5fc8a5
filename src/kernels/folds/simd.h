/* The folds as C with vectors of 16 floats, which compilers take apart into those of the instruction set, and loops that they
 * turn into vectors themselves. Makes a descriptor named IG_FOLDS_VARIANT. */
#include "kernels/folds/folds.h"
#include "kernels/loops/loop.h"
#include "ops/loops/real.h"

#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX2__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif

enum {
    SUMS = 4,   /* vectors that are added to in turn: an addition takes some cycles */
    RUN = 1024, /* floats that add up in float */
    ROWS = 8,   /* rows that add up in float */
    WIDTH = 256,
};

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef float unaligned __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float)), may_alias));
typedef uint32_t bits __attribute__((vector_size(LANES * sizeof(uint32_t))));

/* Macros, because functions that take such vectors have another ABI on each instruction set. */
#define LOAD(p)     (*(const unaligned *)(p))
#define ITSELF(x)   (x)
#define ABSOLUTE(x) ((lanes)((bits)(x)&0x7FFFFFFFu))
#define SQUARE(x)   ((x) * (x))

/* The sum of term(x) of at most RUN floats. */
#define RUN_SUM(name, term, term_1)                                                                                            \
    static double run_##name(const float *x, size_t n) {                                                                       \
        lanes s[SUMS] = {{0}};                                                                                                 \
        size_t i = 0;                                                                                                          \
        for (; i + SUMS * LANES <= n; i += SUMS * LANES) {                                                                     \
            s[0] += term(LOAD(x + i));                                                                                         \
            s[1] += term(LOAD(x + i + LANES));                                                                                 \
            s[2] += term(LOAD(x + i + 2 * LANES));                                                                             \
            s[3] += term(LOAD(x + i + 3 * LANES));                                                                             \
        }                                                                                                                      \
        for (; i + LANES <= n; i += LANES) s[0] += term(LOAD(x + i));                                                          \
        lanes all = (s[0] + s[1]) + (s[2] + s[3]);                                                                             \
        double sum = 0;                                                                                                        \
        for (size_t k = 0; k < LANES; k++) sum += (double)all[k];                                                              \
        for (; i < n; i++) sum += (double)(term_1);                                                                            \
        return sum;                                                                                                            \
    }                                                                                                                          \
    static double fold_##name(const float *x, size_t n) {                                                                      \
        double sum = 0;                                                                                                        \
        for (size_t i = 0; i < n; i += RUN) sum += run_##name(x + i, n - i < RUN ? n - i : RUN);                               \
        return sum;                                                                                                            \
    }                                                                                                                          \
    static void rows_##name(double *acc, const float *p, size_t step, size_t rows, size_t columns) {                           \
        float some[WIDTH];                                                                                                     \
        for (size_t c = 0; c < columns; c += WIDTH) {                                                                          \
            size_t n = columns - c < WIDTH ? columns - c : WIDTH;                                                              \
            for (size_t r = 0; r < rows; r += ROWS) {                                                                          \
                const float *x = p + r * step + c;                                                                             \
                IG_EACH (i, n) {                                                                                               \
                    some[i] = term_1;                                                                                          \
                }                                                                                                              \
                for (size_t k = 1; k < ROWS && r + k < rows; k++) {                                                            \
                    x += step;                                                                                                 \
                    IG_EACH (i, n) {                                                                                           \
                        some[i] += term_1;                                                                                     \
                    }                                                                                                          \
                }                                                                                                              \
                IG_EACH (i, n) {                                                                                               \
                    acc[c + i] += (double)some[i];                                                                             \
                }                                                                                                              \
            }                                                                                                                  \
        }                                                                                                                      \
    }

RUN_SUM(sum, ITSELF, x[i])
RUN_SUM(sum_abs, ABSOLUTE, fabsf(x[i]))
RUN_SUM(sum_square, SQUARE, (x[i] * x[i]))

/* Floats compare like their bits do once those of negative ones are turned round; integers have fast vectors without rules for
 * NaN, which is looked for on the side. */
static inline int32_t order_of(uint32_t b) { return (int32_t)(b ^ ((uint32_t)((int32_t)b >> 31) & 0x7FFFFFFFu)); }

static inline float of_order(int32_t order) { return ig_bits_f32((uint32_t)order ^ ((uint32_t)(order >> 31) & 0x7FFFFFFFu)); }

#define EXTREME(name, start, better)                                                                                           \
    static float fold_##name(const float *x, size_t n) {                                                                       \
        int32_t best = order_of(ig_f32_bits(start));                                                                           \
        uint32_t largest = 0;                                                                                                  \
        for (size_t i = 0; i < n; i++) {                                                                                       \
            uint32_t b = ig_f32_bits(x[i]), magnitude = b & 0x7FFFFFFFu;                                                       \
            int32_t o = order_of(b);                                                                                           \
            best = o better best ? o : best;                                                                                   \
            largest = magnitude > largest ? magnitude : largest;                                                               \
        }                                                                                                                      \
        return largest > 0x7F800000u ? NAN : of_order(best);                                                                   \
    }                                                                                                                          \
    static void rows_##name(double *acc, const float *x, size_t step, size_t rows, size_t columns) {                           \
        for (size_t r = 0; r < rows; r++, x += step) {                                                                         \
            IG_EACH (i, columns) {                                                                                             \
                double v = (double)x[i];                                                                                       \
                acc[i] = ((v better acc[i]) | (v != v)) ? v : acc[i];                                                          \
            }                                                                                                                  \
        }                                                                                                                      \
    }

EXTREME(max, -INFINITY, >)
EXTREME(min, INFINITY, <)

/* e^x for x <= 0: as ig_exp_f32, but no result is larger than 1, and one below the smallest normal number is 0. */
static inline float exp_down(float x) {
    float shifted = x * 0x1.715476p+0f + 0x1.8p23f, n = shifted - 0x1.8p23f;
    float r = (x - n * 0x1.62ep-1f) - n * 0x1.0bfbe8p-15f, p = 0x1.6a243ap-10f;
    p = p * r + 0x1.1239ep-7f;
    p = p * r + 0x1.5558f2p-5f;
    p = p * r + 0x1.555492p-3f;
    p = p * r + 0x1.fffffcp-2f;
    p = p * r * r + r + 1;
    float y = p * ig_bits_f32((ig_f32_bits(shifted) + 127) << 23); /* the shift leaves nothing of the constant */
    return x < -87.0f ? 0 : y;
}

static double exp_sum(const float *in, float *out, size_t n, float most) {
    double sum = 0;
    for (size_t begin = 0; begin < n; begin += RUN) {
        size_t some = n - begin < RUN ? n - begin : RUN;
        const float *x = in + begin;
        float *y = out + begin;
        IG_EACH (i, some) {
            y[i] = exp_down(x[i] - most);
        }
        sum += run_sum(y, some);
    }
    return sum;
}

static void scale(float *x, size_t n, float by) {
    IG_EACH (i, n) {
        x[i] *= by;
    }
}

static void less(const float *in, float *out, size_t n, float a, float b) {
    IG_EACH (i, n) {
        out[i] = in[i] - a - b;
    }
}

const ig_folds IG_FOLDS_VARIANT = {
    .max = fold_max,
    .min = fold_min,
    .sum = fold_sum,
    .sum_abs = fold_sum_abs,
    .sum_square = fold_sum_square,
    .sum_rows = rows_sum,
    .sum_abs_rows = rows_sum_abs,
    .sum_square_rows = rows_sum_square,
    .max_rows = rows_max,
    .min_rows = rows_min,
    .exp_sum = exp_sum,
    .scale = scale,
    .less = less,
};
