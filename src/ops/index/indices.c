#include "ops/index/indices.h"

static ig_status check_type(ig_call *c, size_t i) {
    const ig_tensor *t = c->in[i];
    if (t && t->kind == IG_KIND_TENSOR && (t->dtype == IG_I64 || t->dtype == IG_I32)) return IG_OK;
    return ig_call_fail(c, "input %zu is no tensor of indices", i);
}

static ig_status out_of_range(ig_call *c, int64_t index, int64_t n) {
    return ig_call_fail(c, "index %lld is outside [%lld, %lld]", (long long)index, (long long)-n, (long long)(n - 1));
}

ig_status ig_call_indices(ig_call *c, size_t i, int64_t n, const int64_t **indices) {
    IG_TRY(check_type(c, i));
    const ig_tensor *t = c->in[i];
    bool as_is = t->dtype == IG_I64;
    for (size_t k = 0; k < t->count && as_is; k++) as_is = (uint64_t)((const int64_t *)t->data)[k] < (uint64_t)n;
    *indices = t->data;
    if (as_is) return IG_OK;
    size_t bytes;
    int64_t *own = ig_mul_overflows(t->count, sizeof(int64_t), &bytes) ? NULL : ig_call_scratch(c, bytes);
    if (!own) return ig_oom(c->err);
    for (size_t k = 0; k < t->count; k++) {
        int64_t index = t->dtype == IG_I64 ? ((const int64_t *)t->data)[k] : ((const int32_t *)t->data)[k];
        if (index < -n || index >= n) return out_of_range(c, index, n);
        own[k] = index < 0 ? index + n : index;
    }
    *indices = own;
    return IG_OK;
}

ig_status ig_call_offsets(ig_call *c, size_t i, size_t groups, const int64_t *limits, const int64_t *steps,
                          const int64_t **offsets) {
    IG_TRY(check_type(c, i));
    const ig_tensor *t = c->in[i];
    size_t n = groups ? t->count / groups : 1, bytes;
    for (int k = 0; k < t->rank - 1 && !groups; k++) n *= (size_t)t->dims[k];
    int64_t *own = ig_mul_overflows(n, sizeof(int64_t), &bytes) ? NULL : ig_call_scratch(c, bytes);
    if (!own) return ig_oom(c->err);
    for (size_t k = 0; k < n; k++) {
        own[k] = 0;
        for (size_t g = 0; g < groups; g++) {
            size_t at = k * groups + g;
            int64_t index = t->dtype == IG_I64 ? ((const int64_t *)t->data)[at] : ((const int32_t *)t->data)[at];
            if (index < -limits[g] || index >= limits[g]) return out_of_range(c, index, limits[g]);
            own[k] += (index < 0 ? index + limits[g] : index) * steps[g];
        }
    }
    *offsets = own;
    return IG_OK;
}

ig_status ig_call_inside(ig_call *c, const ig_tensor *indices, const ig_tensor *x, int axis) {
    bool inside = indices->kind == IG_KIND_TENSOR && indices->rank == x->rank;
    for (int k = 0; k < x->rank && inside; k++) inside = k == axis || indices->dims[k] <= x->dims[k];
    return inside ? IG_OK : ig_call_fail(c, "the indices have another rank or larger dims than the data");
}

/* A constant size makes each copy one instruction. */
void ig_gather_blocks(char *to, const char *from, const int64_t *at, size_t n, size_t size) {
#define ROW(s)                                                                                                                 \
    case s:                                                                                                                    \
        for (size_t i = 0; i < n; i++) memcpy(to + i * (s), from + at[i] * (s), s);                                            \
        return
    switch (size) {
        ROW(1);
        ROW(2);
        ROW(4);
        ROW(8);
        ROW(16);
    default:
        for (size_t i = 0; i < n; i++) memcpy(to + i * size, from + (size_t)at[i] * size, size);
    }
#undef ROW
}
