#include "infer/work.h"

typedef struct work {
    const ig_node *node;
    const ig_type *const *in;
    const ig_type *const *out;
    size_t n_in, n_out;
} work;

/* Shapes whose dims are all known; false otherwise. */
static bool shape_of(const ig_type *type, ig_shape *shape) {
    *shape = ig_type_shape(type);
    if (!type || !ig_type_static(type)) return false;
    return shape->rank >= 0;
}

static bool in_shape(const work *w, size_t i, ig_shape *shape) { return i < w->n_in && shape_of(w->in[i], shape); }
static bool out_shape(const work *w, size_t i, ig_shape *shape) { return i < w->n_out && shape_of(w->out[i], shape); }

/* Saturates: shapes from a file may multiply to anything. */
static uint64_t times(uint64_t a, uint64_t b) {
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static uint64_t plus(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }

static uint64_t product(const ig_shape *s, int from) {
    uint64_t n = 1;
    for (int i = from; i < s->rank; i++) n = times(n, (uint64_t)s->dims[i].value);
    return n;
}

static int64_t dim(const ig_shape *s, int i) { return s->dims[i < 0 ? i + s->rank : i].value; }

static int64_t int_attr(const work *w, const char *name) {
    const ig_attr *a = ig_attr_find(w->node, name);
    return a && a->kind == IG_ATTR_INT ? a->i : 0;
}

/* Every output element sums over the weight's input channels and kernel: W is [M, C/group, k...]. */
static uint64_t conv_with(const work *w, size_t weight) {
    ig_shape y, k;
    return out_shape(w, 0, &y) && in_shape(w, weight, &k) && k.rank > 1 ? times(product(&y, 0), product(&k, 1)) : 0;
}

static uint64_t conv(const work *w) { return conv_with(w, 1); }
static uint64_t qlinear_conv(const work *w) { return conv_with(w, 3); }

/* The same where channels lie in blocks, which may be filled up: every place of the result meets the whole weight of its group.
 */
static uint64_t blocked_with(const work *w, size_t weight) {
    ig_shape y, k;
    if (!out_shape(w, 0, &y) || !in_shape(w, weight, &k) || y.rank != 5) return 0;
    return times(times((uint64_t)y.dims[0].value, times((uint64_t)y.dims[2].value, (uint64_t)y.dims[3].value)), product(&k, 0));
}

static uint64_t blocked_conv(const work *w) { return blocked_with(w, 1); }
static uint64_t blocked_qlinear_conv(const work *w) { return blocked_with(w, 3); }

/* Every input element goes to the weight's output channels and kernel: W is [C, M/group, k...]. */
static uint64_t conv_transpose(const work *w) {
    ig_shape x, k;
    return in_shape(w, 0, &x) && in_shape(w, 1, &k) && k.rank > 1 ? times(product(&x, 0), product(&k, 1)) : 0;
}

static uint64_t matmul(const work *w) {
    ig_shape y, a;
    if (!out_shape(w, 0, &y) || !in_shape(w, 0, &a) || a.rank == 0) return 0;
    bool transposed = a.rank > 1 && int_attr(w, "transA");
    return times(product(&y, 0), (uint64_t)dim(&a, transposed ? -2 : -1));
}

static uint64_t matmul_by_attr_k(const work *w) {
    ig_shape y;
    int64_t k = int_attr(w, "K");
    return out_shape(w, 0, &y) && k > 0 ? times(product(&y, 0), (uint64_t)k) : 0;
}

/* X [sequence, batch, in], W [directions, gates * hidden, in], R [directions, gates * hidden, hidden]. */
static uint64_t recurrent(const work *w) {
    ig_shape x, k, r;
    if (!in_shape(w, 0, &x) || !in_shape(w, 1, &k) || !in_shape(w, 2, &r) || x.rank != 3) return 0;
    uint64_t steps = times((uint64_t)x.dims[0].value, (uint64_t)x.dims[1].value);
    return times(steps, plus(product(&k, 0), product(&r, 0)));
}

/* Product of the sizes of all letters, with those of the ellipsis taken from the operand that has most of it. */
static uint64_t einsum(const work *w) {
    const ig_attr *a = ig_attr_find(w->node, "equation");
    if (!a || a->kind != IG_ATTR_STRING || w->n_in < 2) return 0;
    uint64_t size_of[128] = {0}, n = 1, ellipsis = 1;
    size_t at = 0;
    for (size_t i = 0; i < w->n_in; i++, at++) {
        ig_shape x;
        int letters = 0, axis = 0;
        if (!in_shape(w, i, &x)) return 0;
        for (size_t k = at; k < a->s.n && a->s.s[k] != ',' && a->s.s[k] != '-'; k++)
            letters += a->s.s[k] != ' ' && a->s.s[k] != '.';
        for (; at < a->s.n && a->s.s[at] != ',' && a->s.s[at] != '-'; at++) {
            unsigned char c = (unsigned char)a->s.s[at];
            if (c == ' ' || c >= 128) continue;
            if (c == '.') { /* three of them for all dims without a letter */
                uint64_t here = 1;
                for (; axis < x.rank - letters; axis++) here = times(here, (uint64_t)x.dims[axis].value);
                if (here > ellipsis) ellipsis = here;
                continue;
            }
            letters--;
            if (axis >= x.rank) return 0;
            uint64_t size = (uint64_t)x.dims[axis++].value;
            if (size > size_of[c]) size_of[c] = size;
        }
    }
    for (size_t c = 0; c < IG_COUNT_OF(size_of); c++)
        if (size_of[c]) n = times(n, size_of[c]);
    return times(n, ellipsis);
}

/* Q · K^T over the keys of now and before, then the weights · V: both take every element of Q and Y once a key. */
static uint64_t attention_with(const work *w, size_t past) {
    ig_shape q, k, y, p;
    if (!in_shape(w, 0, &q) || !in_shape(w, 1, &k) || !out_shape(w, 0, &y) || k.rank < 3) return 0;
    uint64_t keys = (uint64_t)dim(&k, -2);
    if (in_shape(w, past, &p) && p.rank == 4) keys = plus(keys, (uint64_t)dim(&p, 2));
    return plus(times(product(&q, 0), keys), times(product(&y, 0), keys));
}

static uint64_t attention(const work *w) { return attention_with(w, 4); }
static uint64_t multi_head_attention(const work *w) { return attention_with(w, 6); }
static uint64_t group_query_attention(const work *w) { return attention_with(w, 3); }

/* com.microsoft.Attention: X [batch, length, in] times W [in, 3 * hidden], then attention over the length. */
static uint64_t packed_attention(const work *w) {
    ig_shape x, k, y;
    if (!in_shape(w, 0, &x) || !in_shape(w, 1, &k) || !out_shape(w, 0, &y) || x.rank != 3 || k.rank != 2) return 0;
    uint64_t rows = times((uint64_t)x.dims[0].value, (uint64_t)x.dims[1].value), length = (uint64_t)x.dims[1].value;
    return plus(times(rows, product(&k, 0)), times(times(product(&y, 0), length), 2));
}

static const struct {
    const char *domain, *op;
    uint64_t (*count)(const work *w);
} counted[] = {
    {"", "Conv", conv},
    {"", "ConvInteger", conv},
    {"", "DeformConv", conv},
    {"", "QLinearConv", qlinear_conv},
    {"", "ConvTranspose", conv_transpose},
    {"", "MatMul", matmul},
    {"", "MatMulInteger", matmul},
    {"", "QLinearMatMul", matmul},
    {"", "Gemm", matmul},
    {"", "Einsum", einsum},
    {"", "LSTM", recurrent},
    {"", "GRU", recurrent},
    {"", "RNN", recurrent},
    {"", "Attention", attention},
    {"com.microsoft", "FusedConv", conv},
    {"com.microsoft", "FusedMatMul", matmul},
    {"com.microsoft", "FusedGemm", matmul},
    {"com.microsoft", "QGemm", matmul},
    {"com.microsoft", "MatMulNBits", matmul_by_attr_k},
    {"com.microsoft", "DynamicQuantizeMatMul", matmul},
    {"com.microsoft", "MatMulIntegerToFloat", matmul},
    {"com.microsoft", "Attention", packed_attention},
    {"com.microsoft", "MultiHeadAttention", multi_head_attention},
    {"com.microsoft", "GroupQueryAttention", group_query_attention},
    {"igata", "BlockedConv", blocked_conv},
    {"igata", "BlockedQLinearConv", blocked_qlinear_conv},
    {"igata", "FusedMatMul", matmul},
};

static size_t find(const ig_node *node) {
    size_t i = 0;
    while (i < IG_COUNT_OF(counted) && !ig_node_is(node, counted[i].domain, counted[i].op)) i++;
    return i;
}

bool ig_node_has_work(const ig_node *node) { return find(node) < IG_COUNT_OF(counted); }

uint64_t ig_node_multiply_adds(const ig_node *node, const ig_type *const *in, size_t n_in, const ig_type *const *out,
                               size_t n_out) {
    const work w = {.node = node, .in = in, .out = out, .n_in = n_in, .n_out = n_out};
    size_t i = find(node);
    return i < IG_COUNT_OF(counted) ? counted[i].count(&w) : 0;
}
