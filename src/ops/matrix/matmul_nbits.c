/* MatMulNBits, MatMulBnb4 and MatMulFpQ4 of com.microsoft: products with matrices that have few bits a number and a scale for
 * each block. */
#include "ops/matrix/few_bits.h"
#include "ops/nn/reals.h"

static const ig_tensor *input(const ig_call *c, size_t i) { return i < c->n_in ? c->in[i] : NULL; }
static const ig_tensor *constant(const ig_prepare *p, size_t i) { return i < p->n_in ? p->in[i] : NULL; }

static float scale_at(const ig_tensor *t, size_t i) {
    float x;
    ig_to_f32(t->dtype, t->data, i, 1, &x);
    return x;
}

/* Number i of those that are packed from the low bits of `bytes` up. */
static uint32_t bits_at(const uint8_t *bytes, size_t i, uint32_t bits) {
    size_t at = i * bits;
    uint32_t x = bytes[at / 8];
    if (at % 8 + bits > 8) x |= (uint32_t)bytes[at / 8 + 1] << 8;
    return x >> (at % 8) & ((1u << bits) - 1);
}

/* ------------------------------------------------------------------------------------------------------------ MatMulNBits */

/* Output 0: input 0 with another last dim. */
static ig_status infer_columns(ig_infer *c, ig_dim depth, ig_dim columns) {
    ig_shape x;
    if (!ig_infer_shape(c, 0, &x)) return ig_infer_set(c, 0, ig_infer_dtype(c, 0), NULL);
    if (x.rank == 0) return ig_infer_fail(c, "a matrix product takes no scalar");
    if (ig_dim_differ(x.dims[x.rank - 1], depth))
        return ig_infer_fail(c, "the last dim of A is %lld, the matrix has %lld rows", (long long)x.dims[x.rank - 1].value,
                             (long long)depth.value);
    x.dims[x.rank - 1] = columns;
    return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &x);
}

static ig_status infer_nbits(ig_infer *c) {
    int64_t k = ig_attr_int(c->node, "K"), n = ig_attr_int(c->node, "N");
    if (k < 0 || n < 0) return ig_infer_fail(c, "K = %lld and N = %lld must not be negative", (long long)k, (long long)n);
    return infer_columns(c, ig_dim_of(k), ig_dim_of(n));
}

static void nbits_block(const void *arg, size_t n, size_t b, uint8_t *numbers, float *scale, float *zero) {
    const ig_few_bits *m = arg;
    size_t blob = m->block * m->bits / 8, used = ig_min_size(m->block, m->k - b * m->block);
    const uint8_t *from = (const uint8_t *)m->numbers->data + (n * m->blocks + b) * blob;
    for (size_t i = 0; i < used; i++) numbers[i] = (uint8_t)bits_at(from, i, m->bits);
    *scale = scale_at(m->scales, n * m->blocks + b);
    if (!m->zero) return;
    size_t row = (m->blocks * m->bits + 7) / 8;
    *zero = m->zero->dtype == IG_U8 ? (float)bits_at((const uint8_t *)m->zero->data + n * row, b, m->bits)
                                    : scale_at(m->zero, n * m->blocks + b);
}

static float nbits_value(const ig_few_bits *m, size_t n, size_t k) {
    size_t blob = m->block * m->bits / 8, b = k / m->block, row = (m->blocks * m->bits + 7) / 8;
    const uint8_t *from = (const uint8_t *)m->numbers->data + (n * m->blocks + b) * blob;
    float x = (float)bits_at(from, k % m->block, m->bits), zero = (float)(1u << (m->bits - 1));
    if (m->groups) b = (size_t)((const int32_t *)m->groups->data)[k];
    if (m->zero)
        zero = m->zero->dtype == IG_U8 ? (float)bits_at((const uint8_t *)m->zero->data + n * row, b, m->bits)
                                       : scale_at(m->zero, n * m->blocks + b);
    return (x - zero) * scale_at(m->scales, n * m->blocks + b);
}

/* What is wrong with the operands, or NULL. */
static const char *nbits_of(const ig_node *node, const ig_tensor *numbers, const ig_tensor *scales, const ig_tensor *zero,
                            const ig_tensor *groups, ig_few_bits *m) {
    int64_t k = ig_attr_int(node, "K"), n = ig_attr_int(node, "N"), bits = ig_attr_int(node, "bits"),
            block = ig_attr_int(node, "block_size");
    if (bits < 2 || bits > 8) return "2 to 8 bits are supported";
    if (ig_attr_int(node, "weight_prepacked")) return "B is packed for a GPU (weight_prepacked)";
    if (k < 0 || n < 0 || block < 16 || block > INT32_MAX || (block & (block - 1)))
        return "block_size must be a power of two, 16 or more";
    *m = (ig_few_bits){.n = (size_t)n, .k = (size_t)k, .block = (size_t)block, .bits = (uint32_t)bits};
    m->blocks = (m->k + m->block - 1) / m->block;
    m->plain = groups || !(bits == 2 || bits == 4 || bits == 8);
    m->zeros = zero;
    m->numbers = numbers, m->scales = scales, m->zero = zero, m->groups = groups;
    m->read = nbits_block;
    m->value = nbits_value;
    size_t entries, bytes;
    if (ig_mul_overflows(m->n, m->blocks, &entries) || ig_mul_overflows(entries, m->block * m->bits / 8, &bytes) ||
        numbers->count != bytes || scales->count != entries)
        return "B and scales must have the sizes that K, N, bits and block_size say";
    size_t row = (m->blocks * m->bits + 7) / 8;
    if (zero && zero->count != (zero->dtype == IG_U8 ? m->n * row : entries))
        return "zero_points must have an entry for each block";
    for (size_t i = 0; groups && i < m->k; i++) {
        int32_t g = i < groups->count ? ((const int32_t *)groups->data)[i] : -1;
        if (g < 0 || (size_t)g >= m->blocks) return "g_idx must name a block for each of K";
    }
    return NULL;
}

static ig_status prepare_nbits(ig_prepare *p) {
    ig_few_bits m;
    if (!constant(p, 1) || !constant(p, 2)) return IG_OK;
    for (size_t i = 3; i < 5 && i < p->n_in; i++)
        if (p->node->in[i] && !p->in[i]) return IG_OK;                                           /* computed at run time */
    if (nbits_of(p->node, p->in[1], p->in[2], constant(p, 3), constant(p, 4), &m)) return IG_OK; /* the run says so */
    IG_TRY(ig_few_bits_prepare(p, &m, &p->state));
    for (size_t i = 1; i < 5 && i < p->n_in; i++) p->taken[i] = p->in[i] != NULL;
    return IG_OK;
}

static ig_status run_product(ig_call *c, const ig_few_bits *m, ig_few_bits_product p, const ig_tensor *bias) {
    const ig_tensor *a = c->in[0];
    const void *x, *b;
    void *out;
    size_t depth = p.turned ? m->n : m->k, columns = p.turned ? m->k : m->n;
    if (a->rank == 0 || a->dims[a->rank - 1] != (int64_t)depth) return ig_call_fail(c, "the last dim of A must be %zu", depth);
    if (bias && bias->count != columns)
        return ig_call_fail(c, "the bias has %zu entries for %zu columns", bias->count, columns);
    if (c->out[0]->count == 0) return IG_OK;
    IG_TRY(ig_real_in(c, a, IG_F32, &x));
    IG_TRY(ig_real_in(c, bias, IG_F32, &b));
    IG_TRY(ig_real_out(c, 0, IG_F32, &out));
    p.m = c->out[0]->count / columns;
    p.a = x, p.bias = b, p.c = out;
    IG_TRY(ig_few_bits_run(c, m, c->state, &p));
    ig_real_done(c, 0, IG_F32, out);
    return IG_OK;
}

static ig_status run_nbits(ig_call *c) {
    ig_few_bits m = {.n = (size_t)ig_attr_int(c->node, "N"), .k = (size_t)ig_attr_int(c->node, "K")};
    if (!c->state) {
        const char *wrong = nbits_of(c->node, c->in[1], c->in[2], input(c, 3), input(c, 4), &m);
        if (wrong) return ig_call_fail(c, "%s", wrong);
    }
    return run_product(c, &m, (ig_few_bits_product){.whole = ig_attr_int(c->node, "accuracy_level") == 4}, input(c, 5));
}

/* ------------------------------------------------------------------------------------------------------------- MatMulBnb4 */

/* FP4 and NF4 of bitsandbytes (Dettmers et al., QLoRA, 2023, appendix E): what the 16 numbers stand for. */
static const float bnb_table[2][16] = {
    {0, 0.005208333333f, 0.66666667f, 1, 0.33333333f, 0.5f, 0.16666667f, 0.25f, 0, -0.005208333333f, -0.66666667f, -1,
     -0.33333333f, -0.5f, -0.16666667f, -0.25f},
    {-1, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f, -0.18477343022823334f,
     -0.09105003625154495f, 0, 0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f,
     0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1},
};

static ig_status infer_bnb4(ig_infer *c) {
    int64_t k = ig_attr_int(c->node, "K"), n = ig_attr_int(c->node, "N");
    if (k < 0 || n < 0) return ig_infer_fail(c, "K = %lld and N = %lld must not be negative", (long long)k, (long long)n);
    bool turned = !ig_attr_int(c->node, "transB");
    return infer_columns(c, ig_dim_of(turned ? n : k), ig_dim_of(turned ? k : n));
}

/* The first of two numbers in a byte is in its high bits. */
static uint8_t bnb_at(const ig_few_bits *m, size_t i) {
    uint8_t pair = ((const uint8_t *)m->numbers->data)[i / 2];
    return i % 2 ? pair & 15 : pair >> 4;
}

static void bnb_block(const void *arg, size_t n, size_t b, uint8_t *numbers, float *scale, float *zero) {
    const ig_few_bits *m = arg;
    size_t at = n * m->k + b * m->block;
    IG_UNUSED(zero);
    for (size_t i = 0; i < m->block; i++) numbers[i] = bnb_at(m, at + i);
    *scale = scale_at(m->scales, at / m->block);
}

static float bnb_value(const ig_few_bits *m, size_t n, size_t k) {
    size_t at = n * m->k + k;
    return m->table[bnb_at(m, at)] * scale_at(m->scales, at / m->block);
}

static const char *bnb_of(const ig_node *node, const ig_tensor *numbers, const ig_tensor *scales, ig_few_bits *m) {
    int64_t k = ig_attr_int(node, "K"), n = ig_attr_int(node, "N"), type = ig_attr_int(node, "quant_type"),
            block = ig_attr_int(node, "block_size");
    if (k < 0 || n < 0 || block < 16 || block > INT32_MAX || (block & (block - 1)))
        return "block_size must be a power of two, 16 or more";
    if (ig_dtype_bits(numbers->dtype) != 8) return "B must hold bytes";
    if (type != 0 && type != 1) return "quant_type must be 0 (FP4) or 1 (NF4)";
    *m = (ig_few_bits){.n = (size_t)n, .k = (size_t)k, .block = (size_t)block, .bits = 4, .table = bnb_table[type]};
    m->numbers = numbers, m->scales = scales;
    m->read = bnb_block;
    m->value = bnb_value;
    /* Blocks run through all columns; those that hold parts of two are for `value`. */
    m->plain = !ig_attr_int(node, "transB") || m->k % m->block;
    m->blocks = m->k / m->block;
    size_t count;
    if (ig_mul_overflows(m->n, m->k, &count) || numbers->count != count / 2 + count % 2 ||
        scales->count != count / m->block + (count % m->block != 0))
        return "B and absmax must have the sizes that K, N and block_size say";
    return NULL;
}

static ig_status prepare_bnb4(ig_prepare *p) {
    ig_few_bits m;
    if (!constant(p, 1) || !constant(p, 2) || bnb_of(p->node, p->in[1], p->in[2], &m)) return IG_OK;
    IG_TRY(ig_few_bits_prepare(p, &m, &p->state));
    p->taken[1] = p->taken[2] = true;
    return IG_OK;
}

static ig_status run_bnb4(ig_call *c) {
    ig_few_bits m = {.n = (size_t)ig_attr_int(c->node, "N"), .k = (size_t)ig_attr_int(c->node, "K")};
    if (!c->state) {
        const char *wrong = bnb_of(c->node, c->in[1], c->in[2], &m);
        if (wrong) return ig_call_fail(c, "%s", wrong);
    }
    return run_product(c, &m, (ig_few_bits_product){.turned = !ig_attr_int(c->node, "transB")}, NULL);
}

/* ------------------------------------------------------------------------------------------------------------- MatMulFpQ4 */

static ig_status infer_fpq4(ig_infer *c) {
    ig_ints shape;
    if (!ig_infer_ints(c, 2, &shape) || shape.n != 2) {
        ig_shape x;
        if (ig_infer_shape(c, 0, &x) && x.rank > 0) {
            x.dims[x.rank - 1] = ig_dim_unknown();
            return ig_infer_set(c, 0, ig_infer_dtype(c, 0), &x);
        }
        return ig_infer_set(c, 0, ig_infer_dtype(c, 0), NULL);
    }
    return infer_columns(c, shape.values[0], shape.values[1]);
}

/* A block is its scale (float), a zero point (a byte) when it has one, and pairs of numbers i and i + 16 of each 32. */
static size_t fpq4_bytes(const ig_few_bits *m) { return 4 + m->zeros + m->block / 2; }

static void fpq4_block(const void *arg, size_t n, size_t b, uint8_t *numbers, float *scale, float *zero) {
    const ig_few_bits *m = arg;
    const uint8_t *from = (const uint8_t *)m->numbers->data + (n * m->blocks + b) * fpq4_bytes(m);
    memcpy(scale, from, sizeof *scale);
    if (m->zeros) *zero = (float)from[4];
    from += 4 + m->zeros;
    for (size_t i = 0; i < m->block; i++) {
        uint8_t pair = from[i / 32 * 16 + i % 16];
        numbers[i] = i % 32 < 16 ? pair & 15 : pair >> 4;
    }
}

static ig_status run_fpq4(ig_call *c) {
    const ig_tensor *shape = c->in[2];
    int64_t type = ig_attr_int(c->node, "blk_quant_type");
    if (shape->count != 2 || shape->dtype != IG_I64) return ig_call_fail(c, "B_shape must have two entries");
    int64_t k = ((const int64_t *)shape->data)[0], n = ((const int64_t *)shape->data)[1];
    if (type < 0 || type > 2) return ig_call_fail(c, "blk_quant_type must be 0, 1 or 2, is %lld", (long long)type);
    if (k < 0 || n < 0) return ig_call_fail(c, "B_shape must not be negative");
    ig_few_bits m = {.n = (size_t)n, .k = (size_t)k, .block = type == 2 ? 64 : 32, .bits = 4, .zeros = type == 1};
    m.blocks = m.k / m.block + (m.k % m.block != 0);
    m.numbers = c->in[1];
    m.read = fpq4_block;
    size_t entries, bytes;
    if (ig_mul_overflows(m.n, m.blocks, &entries) || ig_mul_overflows(entries, fpq4_bytes(&m), &bytes) ||
        m.numbers->count != bytes)
        return ig_call_fail(c, "B has %zu bytes for a matrix of %zu x %zu", m.numbers->count, m.k, m.n);
    int64_t dims[IG_MAX_RANK];
    const ig_tensor *a = c->in[0];
    if (a->rank == 0) return ig_call_fail(c, "a matrix product takes no scalar");
    for (int i = 0; i < a->rank; i++) dims[i] = a->dims[i];
    dims[a->rank - 1] = n;
    IG_TRY(ig_call_output(c, 0, a->dtype, a->rank, dims));
    return run_product(c, &m, (ig_few_bits_product){0}, NULL);
}

const ig_op ig_op_ms_mat_mul_nbits = {"com.microsoft", "MatMulNBits", 1, 0, 0, infer_nbits, run_nbits, prepare_nbits, NULL};
const ig_op ig_op_ms_mat_mul_bnb4 = {"com.microsoft", "MatMulBnb4", 1, 0, 0, infer_bnb4, run_bnb4, prepare_bnb4, NULL};
const ig_op ig_op_ms_mat_mul_fpq4 = {"com.microsoft", "MatMulFpQ4", 1, 0, IG_OP_DYNAMIC, infer_fpq4, run_fpq4, NULL, NULL};
