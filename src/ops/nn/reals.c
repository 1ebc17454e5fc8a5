#include "ops/nn/reals.h"

typedef struct conversion {
    ig_dtype dtype, type;
    const void *data; /* of the tensor */
    void *real;
} conversion;

static void load(void *arg, size_t begin, size_t end) {
    const conversion *j = arg;
    if (j->type == IG_F32)
        ig_to_f32(j->dtype, j->data, begin, end - begin, (float *)j->real + begin);
    else
        for (size_t i = begin; i < end; i++) ((double *)j->real)[i] = ig_load_as_f64(j->dtype, j->data, i);
}

static void store(void *arg, size_t begin, size_t end) {
    const conversion *j = arg;
    void *to = (void *)(uintptr_t)j->data;
    if (j->type == IG_F32)
        ig_from_f32(j->dtype, to, begin, end - begin, (const float *)j->real + begin);
    else
        for (size_t i = begin; i < end; i++) ig_store_f64(j->dtype, to, i, ((const double *)j->real)[i]);
}

enum { GRAIN = 1 << 14 }; /* a whole number of bytes also for elements smaller than one */

ig_status ig_real_in(ig_call *c, const ig_tensor *t, ig_dtype type, const void **data) {
    *data = t ? t->data : NULL;
    if (!t || t->dtype == type) return IG_OK;
    conversion j = {t->dtype, type, t->data, ig_call_scratch(c, t->count * ig_dtype_bytes(type))};
    if (!j.real) return ig_oom(c->err);
    ig_parallel(c->threads, t->count, GRAIN, load, &j);
    *data = j.real;
    return IG_OK;
}

ig_status ig_real_out(ig_call *c, size_t o, ig_dtype type, void **data) {
    ig_tensor *t = c->out[o];
    *data = t->dtype == type ? t->data : ig_call_scratch(c, t->count * ig_dtype_bytes(type));
    return *data ? IG_OK : ig_oom(c->err);
}

void ig_real_done(ig_call *c, size_t o, ig_dtype type, const void *data) {
    ig_tensor *t = c->out[o];
    if (t->dtype == type) return;
    conversion j = {t->dtype, type, t->data, (void *)(uintptr_t)data};
    /* Elements smaller than a byte share bytes: ranges would meet in one. */
    if (ig_dtype_bytes(t->dtype))
        ig_parallel(c->threads, t->count, GRAIN, store, &j);
    else
        store(&j, 0, t->count);
}
