#include "graph/tensor.h"

#include <math.h>

/* A dense tensor's struct without content; NULL when memory runs out. */
static ig_tensor *tensor_struct(ig_context *context, ig_kind kind) {
    ig_tensor *t = ig_calloc(context, sizeof *t);
    if (!t) return NULL;
    t->context = ig_context_retain(context);
    atomic_init(&t->references, 1);
    t->kind = kind;
    return t;
}

static ig_status shape_tensor(ig_tensor *t, ig_dtype dtype, int rank, const int64_t *dims, ig_error *err) {
    int64_t count;
    if (!ig_dtype_valid(dtype)) return ig_fail(err, IG_E_ARGUMENT, "%d is no element type", (int)dtype);
    if (rank < 0 || rank > IG_MAX_RANK) {
        ig_fail(err, IG_E_UNSUPPORTED, "a tensor of rank %d; at most %d dimensions are supported", rank, IG_MAX_RANK);
        return IG_E_UNSUPPORTED;
    }
    if (!ig_dims_count(rank, dims, &count) || !ig_dtype_size(dtype, count, &t->bytes) || t->bytes > PTRDIFF_MAX)
        return ig_fail(err, IG_E_LIMIT, "a tensor's dimensions multiply to more elements than memory can hold");
    t->kind = IG_KIND_TENSOR;
    t->dtype = dtype;
    t->rank = rank;
    if (rank) memcpy(t->dims, dims, (size_t)rank * sizeof *dims);
    t->count = (size_t)count;
    return IG_OK;
}

static ig_status new_dense(ig_tensor **out, ig_context *context, ig_dtype dtype, int rank, const int64_t *dims, bool zeroed,
                           ig_error *err) {
    *out = NULL;
    ig_tensor *t = tensor_struct(context, IG_KIND_TENSOR);
    if (!t) return ig_oom(err);
    ig_status status = shape_tensor(t, dtype, rank, dims, err);
    if (status == IG_OK) {
        t->buffer = ig_buffer_create(context, t->bytes, zeroed || dtype == IG_STRING);
        if (!t->buffer) {
            status = t->bytes > context->limits.memory / 2
                         ? ig_fail(err, IG_E_LIMIT, "a tensor of %zu bytes passes the memory limit", t->bytes)
                         : ig_oom(err);
            ig_error_hint(err, "raise the memory limit, or run with smaller shapes");
        }
    }
    if (status != IG_OK) {
        ig_tensor_free(t);
        return status;
    }
    t->data = t->buffer->data;
    if (dtype == IG_STRING)
        for (size_t i = 0; i < t->count; i++) ((ig_str *)t->data)[i].s = "";
    *out = t;
    return IG_OK;
}

ig_status ig_tensor_new(ig_tensor **out, ig_context *context, ig_dtype dtype, int rank, const int64_t *dims, ig_error *err) {
    return new_dense(out, context, dtype, rank, dims, false, err);
}

ig_status ig_tensor_create(ig_tensor **out, ig_context *context, ig_dtype dtype, int rank, const int64_t *dims, ig_error *err) {
    return new_dense(out, context, dtype, rank, dims, true, err);
}

ig_tensor *ig_tensor_over(ig_context *context, ig_dtype dtype, int rank, const int64_t *dims, ig_buffer *buffer,
                          const void *data) {
    ig_tensor *t = tensor_struct(context, IG_KIND_TENSOR);
    if (!t) return NULL;
    if (shape_tensor(t, dtype, rank, dims, NULL) != IG_OK) {
        ig_tensor_free(t);
        return NULL;
    }
    t->buffer = ig_buffer_retain(buffer);
    t->data = (void *)(uintptr_t)data;
    return t;
}

ig_tensor *ig_tensor_borrow(ig_dtype dtype, int rank, const int64_t *dims, void *data) {
    ig_context *context;
    if (dtype == IG_STRING || ig_context_create(&context, NULL, NULL) != IG_OK) return NULL;
    ig_tensor *t = ig_tensor_over(context, dtype, rank, dims, NULL, data);
    ig_context_free(context);
    return t;
}

ig_tensor *ig_tensor_view(ig_tensor *tensor, int rank, const int64_t *dims) {
    ig_tensor *t = ig_tensor_over(tensor->context, tensor->dtype, rank, dims, tensor->buffer, tensor->data);
    if (!t) return NULL;
    t->source = ig_buffer_retain(tensor->source);
    if (tensor->strings) { /* the characters belong to the first tensor: keep that alive */
        t->items = ig_alloc(tensor->context, sizeof(ig_tensor *));
        if (!t->items) {
            ig_tensor_free(t);
            return NULL;
        }
        t->items[0] = ig_tensor_clone(tensor);
        t->n_items = 1;
    }
    return t;
}

bool ig_tensor_set_string(ig_tensor *t, size_t i, ig_str text) {
    if (!t->strings) {
        t->strings = ig_alloc(t->context, sizeof *t->strings);
        if (!t->strings) return false;
        ig_arena_init(t->strings, t->context);
    }
    bool ok = true;
    ig_str copy = text.n ? ig_arena_str(t->strings, text, &ok) : IG_STR("");
    if (ok) ((ig_str *)t->data)[i] = copy;
    return ok;
}

ig_status ig_tensor_create_strings(ig_tensor **out, ig_context *context, int rank, const int64_t *dims, const ig_str *strings,
                                   ig_error *err) {
    IG_TRY(ig_tensor_new(out, context, IG_STRING, rank, dims, err));
    for (size_t i = 0; i < (*out)->count; i++) {
        if (ig_tensor_set_string(*out, i, strings[i])) continue;
        ig_tensor_free(*out);
        *out = NULL;
        return ig_oom(err);
    }
    return IG_OK;
}

ig_tensor *ig_tensor_new_kind(ig_context *context, ig_kind kind) { return tensor_struct(context, kind); }

bool ig_tensor_append(ig_tensor *sequence, ig_tensor *item) {
    if (sequence->n_items == sequence->items_cap) {
        size_t cap = sequence->items_cap ? sequence->items_cap * 2 : 4;
        ig_tensor **items = ig_resize(sequence->context, sequence->items, cap * sizeof(ig_tensor *));
        if (!items) return false;
        sequence->items = items;
        sequence->items_cap = cap;
    }
    sequence->items[sequence->n_items++] = item;
    sequence->count = sequence->n_items;
    return true;
}

/* A value of some kind that retains its items. */
static ig_status create_of(ig_tensor **out, ig_context *context, ig_kind kind, ig_tensor *const *items, size_t n,
                           ig_error *err) {
    *out = NULL;
    ig_tensor *t = tensor_struct(context, kind);
    bool ok = t != NULL;
    for (size_t i = 0; i < n && ok; i++) {
        ok = ig_tensor_append(t, items[i]);
        if (ok) ig_tensor_clone(items[i]);
    }
    if (!ok) {
        ig_tensor_free(t);
        return ig_oom(err);
    }
    *out = t;
    return IG_OK;
}

ig_status ig_tensor_create_sequence(ig_tensor **out, ig_context *context, ig_tensor *const *items, size_t n, ig_error *err) {
    return create_of(out, context, IG_KIND_SEQUENCE, items, n, err);
}

ig_status ig_tensor_create_none(ig_tensor **out, ig_context *context, ig_error *err) {
    return create_of(out, context, IG_KIND_NONE, NULL, 0, err);
}

ig_status ig_tensor_create_map(ig_tensor **out, ig_context *context, ig_tensor *keys, ig_tensor *values, ig_error *err) {
    bool key_type = ig_dtype_is_int(keys->dtype) || keys->dtype == IG_STRING;
    if (keys->kind != IG_KIND_TENSOR || keys->rank != 1 || !key_type)
        return ig_fail(err, IG_E_ARGUMENT, "the keys of a map are a rank-1 tensor of integers or strings");
    if (values->kind == IG_KIND_TENSOR ? values->rank < 1 || values->dims[0] != keys->dims[0]
                                       : values->kind != IG_KIND_SEQUENCE || values->count != keys->count)
        return ig_fail(err, IG_E_ARGUMENT, "a map needs as many values as keys");
    ig_tensor *items[2] = {keys, values};
    IG_TRY(create_of(out, context, IG_KIND_MAP, items, 2, err));
    (*out)->dtype = keys->dtype;
    (*out)->count = keys->count;
    return IG_OK;
}

ig_status ig_tensor_create_sparse(ig_tensor **out, ig_context *context, int rank, const int64_t *dims, ig_tensor *values,
                                  ig_tensor *indices, ig_error *err) {
    int64_t count;
    if (rank < 0 || rank > IG_MAX_RANK || !ig_dims_count(rank, dims, &count))
        return ig_fail(err, IG_E_ARGUMENT, "a sparse tensor with impossible dimensions");
    ig_tensor *items[2] = {values, indices};
    IG_TRY(create_of(out, context, IG_KIND_SPARSE, items, 2, err));
    (*out)->dtype = values->dtype;
    (*out)->rank = rank;
    (*out)->count = (size_t)count;
    if (rank) memcpy((*out)->dims, dims, (size_t)rank * sizeof *dims);
    return IG_OK;
}

ig_status ig_tensor_copy(ig_tensor **out, ig_context *context, const ig_tensor *t, ig_error *err) {
    if (t->kind != IG_KIND_TENSOR) { /* content of the other kinds is shared: it never changes */
        IG_TRY(create_of(out, context, t->kind, t->items, t->n_items, err));
        (*out)->dtype = t->dtype;
        (*out)->rank = t->rank;
        memcpy((*out)->dims, t->dims, sizeof t->dims);
        (*out)->count = t->count;
        return IG_OK;
    }
    if (t->dtype == IG_STRING) return ig_tensor_create_strings(out, context, t->rank, t->dims, t->data, err);
    IG_TRY(ig_tensor_new(out, context, t->dtype, t->rank, t->dims, err));
    if (t->bytes) memcpy((*out)->data, t->data, t->bytes);
    return IG_OK;
}

ig_tensor *ig_tensor_clone(ig_tensor *t) {
    if (t) atomic_fetch_add_explicit(&t->references, 1, memory_order_relaxed);
    return t;
}

/* Depth is that of the value's type, which readers bound. */
void ig_tensor_free(ig_tensor *t) {
    if (!t || atomic_fetch_sub_explicit(&t->references, 1, memory_order_acq_rel) != 1) return;
    ig_context *context = t->context;
    for (size_t i = 0; i < t->n_items; i++) ig_tensor_free(t->items[i]);
    ig_release(context, t->items);
    ig_buffer_release(t->buffer);
    ig_buffer_release(t->source);
    if (t->strings) {
        ig_arena_free(t->strings);
        ig_release(context, t->strings);
    }
    ig_release(context, t);
    ig_context_free(context);
}

ig_type *ig_tensor_type(ig_arena *arena, const ig_tensor *t) {
    if (t->kind == IG_KIND_SEQUENCE) {
        ig_type *of = t->n_items ? ig_tensor_type(arena, t->items[0]) : NULL;
        if (of && of->kind == IG_KIND_TENSOR) { /* the entries' shapes may differ */
            for (size_t i = 1; i < t->n_items && of->rank >= 0; i++) {
                const ig_tensor *item = t->items[i];
                ig_shape shape = ig_type_shape(of);
                if (item->rank != shape.rank)
                    shape.rank = IG_UNRANKED;
                else
                    for (int k = 0; k < shape.rank; k++)
                        if (!ig_dim_is(shape.dims[k], item->dims[k])) shape.dims[k] = ig_dim_unknown();
                of = ig_type_tensor(arena, of->dtype, &shape);
                if (!of) return NULL;
            }
        }
        return ig_type_of_kind(arena, IG_KIND_SEQUENCE, IG_UNDEFINED, of);
    }
    if (t->kind == IG_KIND_MAP) return ig_type_of_kind(arena, IG_KIND_MAP, t->dtype, ig_tensor_type(arena, t->items[1]));
    if (t->kind == IG_KIND_NONE) return ig_type_of_kind(arena, IG_KIND_OPTIONAL, IG_UNDEFINED, NULL);
    ig_shape shape = {.rank = t->rank};
    for (int i = 0; i < t->rank; i++) shape.dims[i] = ig_dim_of(t->dims[i]);
    ig_type *type = ig_type_tensor(arena, t->dtype, &shape);
    if (type) type->kind = t->kind;
    return type;
}

ig_kind ig_tensor_kind(const ig_tensor *t) { return t->kind; }
ig_dtype ig_tensor_dtype(const ig_tensor *t) { return t->dtype; }
int ig_tensor_rank(const ig_tensor *t) { return t->rank; }
const int64_t *ig_tensor_dims(const ig_tensor *t) { return t->dims; }
size_t ig_tensor_count(const ig_tensor *t) { return t->count; }
size_t ig_tensor_bytes(const ig_tensor *t) { return t->kind == IG_KIND_TENSOR && t->dtype != IG_STRING ? t->bytes : 0; }
const void *ig_tensor_data(const ig_tensor *t) { return t->dtype == IG_STRING ? NULL : t->data; }
void *ig_tensor_data_mut(ig_tensor *t) { return t->dtype == IG_STRING ? NULL : t->data; }

ig_str ig_tensor_string(const ig_tensor *t, size_t i) {
    bool have = t->kind == IG_KIND_TENSOR && t->dtype == IG_STRING && i < t->count;
    return have ? ig_tensor_strings(t)[i] : (ig_str){0};
}

ig_tensor *ig_tensor_item(const ig_tensor *t, size_t i) { return i < t->n_items ? t->items[i] : NULL; }

double ig_tensor_get_f64(const ig_tensor *t, size_t i) {
    return t->kind == IG_KIND_TENSOR && i < t->count ? ig_load_as_f64(t->dtype, t->data, i) : (double)NAN;
}

int64_t ig_tensor_get_i64(const ig_tensor *t, size_t i) {
    return t->kind == IG_KIND_TENSOR && i < t->count ? ig_load_as_i64(t->dtype, t->data, i) : 0;
}
