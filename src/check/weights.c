/* Numerical health of weights, when it is asked for: it takes reading them all. */
#include "check/check.h"

#include <math.h>
#include <stdio.h>

void ig_check_weights(ig_check *c);

typedef struct tally {
    size_t nan, infinite, denormal, zero;
} tally;

/* Classes of a float's bits, which is faster than asking libm, and the same for every type of this form. */
#define COUNT(name, TYPE, EXPONENT, FRACTION)                                                                                  \
    static void count_##name(const void *data, size_t n, tally *t) {                                                           \
        const unsigned char *p = data; /* bytes of a file need not be aligned */                                               \
        for (size_t i = 0; i < n; i++) {                                                                                       \
            TYPE bits;                                                                                                         \
            memcpy(&bits, p + i * sizeof bits, sizeof bits);                                                                   \
            TYPE exponent = bits & EXPONENT, fraction = bits & FRACTION;                                                       \
            t->zero += !exponent && !fraction;                                                                                 \
            t->denormal += !exponent && fraction;                                                                              \
            t->infinite += exponent == EXPONENT && !fraction;                                                                  \
            t->nan += exponent == EXPONENT && fraction;                                                                        \
        }                                                                                                                      \
    }

COUNT(f64, uint64_t, UINT64_C(0x7ff0000000000000), UINT64_C(0x000fffffffffffff))
COUNT(f32, uint32_t, UINT32_C(0x7f800000), UINT32_C(0x007fffff))
COUNT(f16, uint16_t, 0x7c00, 0x03ff)
COUNT(bf16, uint16_t, 0x7f80, 0x007f)

static bool count(const ig_tensor *t, tally *out) {
    *out = (tally){0};
    switch (t->dtype) {
    case IG_F64: count_f64(t->data, t->count, out); return true;
    case IG_F32: count_f32(t->data, t->count, out); return true;
    case IG_F16: count_f16(t->data, t->count, out); return true;
    case IG_BF16: count_bf16(t->data, t->count, out); return true;
    default: break;
    }
    if (ig_dtype_number(t->dtype) != IG_NUMBER_FLOAT) return false;
    for (size_t i = 0; i < t->count; i++) { /* 8 bits and less */
        double x = ig_load_as_f64(t->dtype, t->data, i);
        out->nan += isnan(x) != 0;
        out->infinite += isinf(x) != 0;
        out->zero += x == 0;
    }
    return true;
}

static void report(ig_check *c, const ig_graph *g, const char *which, const ig_tensor *t, const tally *k) {
    size_t n = t->count;
    if (k->nan)
        ig_report_graph(c, IG_WARNING, "weights", g, which, "the training diverged, or the file is damaged",
                        "%zu of %zu elements are NaN", k->nan, n);
    if (k->infinite)
        ig_report_graph(c, IG_NOTE, "weights", g, which, "fine for masks, not for weights", "%zu of %zu elements are infinite",
                        k->infinite, n);
    if (k->denormal)
        ig_report_graph(c, IG_NOTE, "weights", g, which, "they are slow on many processors; round them to zero",
                        "%zu of %zu elements are denormal", k->denormal, n);
    if (n > 1 && k->zero == n) ig_report_graph(c, IG_NOTE, "weights", g, which, "", "all %zu elements are zero", n);
}

static void check_constant(ig_check *c, const ig_graph *g, ig_const *k, const char *what, size_t i) {
    char which[160];
    ig_tensor *t;
    tally found;
    if (!k || k->bad || ig_dtype_number(k->dtype) != IG_NUMBER_FLOAT) return;
    snprintf(which, sizeof which, "%s %zu '%.80s'", what, i, ig_name_text(k->name));
    ig_status status = ig_const_tensor(c->model, k, &t, NULL);
    if (status == IG_E_MEMORY) c->report->failed = true;
    if (status != IG_OK) return;
    const ig_tensor *values = t->kind == IG_KIND_SPARSE ? t->items[0] : t;
    if (count(values, &found)) report(c, g, which, values, &found);
}

static void check_graph(ig_check *c, ig_graph *g) {
    for (size_t i = 0; i < g->initializers.n; i++) check_constant(c, g, g->initializers.items[i]->constant, "initializer", i);
    size_t at = 0;
    for (const ig_node *n = g->first; n; n = n->next, at++)
        for (const ig_attr *a = n->attrs; a; a = a->next)
            if (a->kind == IG_ATTR_TENSOR && !a->ref) check_constant(c, g, a->t, "constant of node", at);
}

void ig_check_weights(ig_check *c) {
    if (c->options->weights) ig_check_each_graph(c, check_graph);
}
