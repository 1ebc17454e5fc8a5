#include "ops/matrix/few_bits.h"

static ig_nbits packed_of(const ig_few_bits *m) {
    size_t words = 32 / m->bits;
    /* A single block may be far longer than the column. */
    size_t block = m->blocks == 1 ? ig_min_size(m->block, ig_round_up(m->k, words)) : m->block;
    return (ig_nbits){.n = m->n, .k = m->k, .block = block, .bits = m->bits, .zeros = m->zeros, .table = m->table};
}

static bool plain_bytes(const ig_few_bits *m, size_t *bytes) {
    return !ig_mul_overflows(m->n, m->k, bytes) && !ig_mul_overflows(*bytes, sizeof(float), bytes);
}

typedef struct filling {
    const ig_few_bits *m;
    float *out;
} filling;

static void fill(void *arg, size_t begin, size_t end) {
    const filling *f = arg;
    for (size_t n = begin; n < end; n++)
        for (size_t k = 0; k < f->m->k; k++) f->out[n * f->m->k + k] = f->m->value(f->m, n, k);
}

static void make_plain(ig_threads *threads, const ig_few_bits *m, float *out) {
    filling f = {m, out};
    ig_parallel(threads, m->n, 1 + 4096 / (m->k + 1), fill, &f);
}

ig_status ig_few_bits_prepare(ig_prepare *p, const ig_few_bits *m, void **form) {
    const ig_kernels *kernels = ig_kernels_of(p->context);
    ig_nbits w = {0};
    size_t bytes, all;
    if (!m->plain) w = packed_of(m);
    if (!(m->plain ? plain_bytes(m, &bytes) : ig_nbits_bytes(kernels, &w, &bytes)) ||
        ig_add_overflows(bytes, sizeof(ig_few_bits_form), &all))
        return ig_oom(p->err);
    ig_few_bits_form *f = ig_alloc(p->context, all);
    if (!f) return ig_oom(p->err);
    f->plain = m->plain;
    if (m->plain) {
        make_plain(p->threads, m, (float *)(void *)f->memory);
    } else {
        void *scratch = ig_alloc(p->context, ig_nbits_pack_scratch(p->threads, &w));
        if (!scratch) {
            ig_release(p->context, f);
            return ig_oom(p->err);
        }
        ig_nbits_pack(kernels, p->threads, &w, f->memory, scratch, m->read, m);
        ig_release(p->context, scratch);
        f->packed = w;
    }
    *form = f;
    return IG_OK;
}

static ig_status run_plain(ig_call *c, const ig_few_bits *m, const float *b, const ig_few_bits_product *p) {
    const ig_kernels *kernels = ig_kernels_of(c->context);
    ig_gemm g = ig_gemm_of(p->m, p->turned ? m->k : m->n, p->turned ? m->n : m->k);
    g.a = p->a, g.b = b, g.c = p->c;
    g.b_row = p->turned ? m->k : 1;
    g.b_col = p->turned ? 1 : m->k;
    g.bias_cols = p->bias;
    void *scratch = ig_call_scratch(c, ig_gemm_scratch(kernels, c->threads, &g));
    if (!scratch) return ig_oom(c->err);
    ig_gemm_run(kernels, c->threads, &g, 1, scratch);
    return IG_OK;
}

static ig_status run_packed(ig_call *c, const ig_nbits *w, const ig_few_bits_product *p) {
    const ig_kernels *kernels = ig_kernels_of(c->context);
    ig_nbits_product product = {p->m, p->a, p->c, p->bias, p->whole};
    size_t bytes;
    if (!ig_nbits_scratch(kernels, c->threads, w, &product, &bytes)) return ig_oom(c->err);
    void *scratch = ig_call_scratch(c, bytes);
    if (!scratch) return ig_oom(c->err);
    ig_nbits_run(kernels, c->threads, w, &product, scratch);
    return IG_OK;
}

ig_status ig_few_bits_run(ig_call *c, const ig_few_bits *m, const ig_few_bits_form *form, const ig_few_bits_product *p) {
    if (form && form->plain) return run_plain(c, m, (const float *)(const void *)form->memory, p);
    if (form) return run_packed(c, &form->packed, p);
    const ig_kernels *kernels = ig_kernels_of(c->context);
    ig_nbits w = {0};
    size_t bytes;
    if (!m->plain) w = packed_of(m);
    if (!(m->plain ? plain_bytes(m, &bytes) : ig_nbits_bytes(kernels, &w, &bytes))) return ig_oom(c->err);
    void *memory = ig_call_scratch(c, bytes), *scratch = NULL;
    if (!m->plain) scratch = ig_call_scratch(c, ig_nbits_pack_scratch(c->threads, &w));
    if (!memory || (!m->plain && !scratch)) return ig_oom(c->err);
    if (m->plain) {
        make_plain(c->threads, m, memory);
        return run_plain(c, m, memory, p);
    }
    ig_nbits_pack(kernels, c->threads, &w, memory, scratch, m->read, m);
    return run_packed(c, &w, p);
}
