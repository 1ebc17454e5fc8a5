#include "tensorio/tensorio.h"

struct ig_tensors {
    ig_context *context; /* retained */
    ig_arena arena;
    ig_names names;
    ig_map by_name; /* name -> position + 1 */
    IG_VEC(ig_tensor *) tensors;
    IG_VEC(ig_name) keys;
};

ig_status ig_tensors_create(ig_tensors **out, ig_context *context, ig_error *err) {
    *out = NULL;
    if (context)
        ig_context_retain(context);
    else
        IG_TRY(ig_context_create(&context, NULL, err));
    ig_tensors *t = ig_calloc(context, sizeof *t);
    if (t) {
        t->context = context;
        ig_arena_init(&t->arena, context);
        ig_names_init(&t->names, &t->arena);
        ig_map_init(&t->by_name, &t->arena);
        *out = t;
        return IG_OK;
    }
    ig_context_free(context);
    return ig_oom(err);
}

void ig_tensors_free(ig_tensors *t) {
    if (!t) return;
    for (size_t i = 0; i < t->tensors.n; i++) ig_tensor_free(t->tensors.items[i]);
    ig_context *context = t->context;
    ig_arena_free(&t->arena);
    ig_release(context, t);
    ig_context_free(context);
}

ig_status ig_tensors_set(ig_tensors *t, const char *name, ig_tensor *tensor, ig_error *err) {
    bool ok = true;
    ig_name key = ig_intern(&t->names, ig_str_c(name), &ok);
    if (!ok) return ig_oom(err);
    uintptr_t at = (uintptr_t)ig_map_get(&t->by_name, IG_KEY(key));
    if (at) {
        ig_tensor_free(t->tensors.items[at - 1]);
        t->tensors.items[at - 1] = ig_tensor_clone(tensor);
        return IG_OK;
    }
    if (!ig_map_set(&t->by_name, IG_KEY(key), (void *)(t->tensors.n + 1)) || !IG_PUSH(&t->arena, &t->keys, key) ||
        !IG_PUSH(&t->arena, &t->tensors, tensor))
        return ig_oom(err);
    ig_tensor_clone(tensor);
    return IG_OK;
}

ig_context *ig_tensors_context(const ig_tensors *t) { return t->context; }
size_t ig_tensors_count(const ig_tensors *t) { return t->tensors.n; }
const char *ig_tensors_name(const ig_tensors *t, size_t i) { return i < t->keys.n ? t->keys.items[i] : NULL; }
ig_tensor *ig_tensors_at(const ig_tensors *t, size_t i) { return i < t->tensors.n ? t->tensors.items[i] : NULL; }

ig_tensor *ig_tensors_get(const ig_tensors *t, const char *name) {
    ig_name key = ig_names_find(&t->names, ig_str_c(name));
    uintptr_t at = key ? (uintptr_t)ig_map_get(&t->by_name, IG_KEY(key)) : 0;
    return at ? t->tensors.items[at - 1] : NULL;
}

/* --------------------------------------------------------------------------------------------------------- flattening */

static bool same_content(const ig_tensor *a, const ig_tensor *b) {
    if (a == b) return true;
    if (a->dtype != b->dtype || a->count != b->count) return false;
    if (a->dtype != IG_STRING) return a->bytes == 0 || memcmp(a->data, b->data, a->bytes) == 0;
    for (size_t i = 0; i < a->count; i++)
        if (!ig_str_eq(ig_tensor_strings(a)[i], ig_tensor_strings(b)[i])) return false;
    return true;
}

/* Maps of the same keys to numbers of one type, such as ZipMap makes for each row: they become a table. */
static bool is_table(const ig_tensor *sequence) {
    const ig_tensor *first = sequence->n_items ? sequence->items[0] : NULL;
    for (size_t i = 0; i < sequence->n_items; i++) {
        const ig_tensor *map = sequence->items[i];
        if (map->kind != IG_KIND_MAP) return false;
        const ig_tensor *values = map->items[1], *first_values = first->items[1];
        if (values->kind != IG_KIND_TENSOR || values->rank != 1 || values->dtype != first_values->dtype ||
            ig_dtype_bytes(values->dtype) == 0 || !same_content(map->items[0], first->items[0]))
            return false;
    }
    return sequence->n_items > 0;
}

static ig_status stack_rows(ig_tensor **out, const ig_tensor *sequence, ig_error *err) {
    const ig_tensor *first = sequence->items[0]->items[1];
    int64_t dims[2] = {(int64_t)sequence->n_items, (int64_t)first->count};
    IG_TRY(ig_tensor_new(out, sequence->context, first->dtype, 2, dims, err));
    for (size_t i = 0; i < sequence->n_items; i++) {
        const ig_tensor *row = sequence->items[i]->items[1];
        for (size_t k = 0; k < row->count && row->dtype == IG_STRING; k++)
            if (!ig_tensor_set_string(*out, i * row->count + k, ig_tensor_strings(row)[k])) {
                ig_tensor_free(*out);
                return ig_oom(err);
            }
        if (row->dtype != IG_STRING && row->bytes) memcpy((uint8_t *)(*out)->data + i * row->bytes, row->data, row->bytes);
    }
    return IG_OK;
}

/* A reference to a part of a value: the content is shared, only the count of references changes. */
static ig_tensor *shared(const ig_tensor *t) { return (ig_tensor *)(uintptr_t)t; }

static ig_status flatten(ig_tensors *out, const char *name, const ig_tensor *t, uint32_t depth, ig_error *err) {
    if (t->kind == IG_KIND_NONE) return IG_OK;
    if (t->kind == IG_KIND_TENSOR) return ig_tensors_set(out, name, shared(t), err);
    if (depth == 0) return ig_fail(err, IG_E_LIMIT, "'%.80s' is nested too deeply", name);
    bool table = t->kind == IG_KIND_SEQUENCE && is_table(t);
    for (size_t i = 0; i < t->n_items && !table; i++) {
        static const char *const map_parts[] = {"keys", "values"}, *const sparse_parts[] = {"values", "indices"};
        char *part = t->kind == IG_KIND_SEQUENCE ? ig_arena_printf(&out->arena, "%s.%zu", name, i)
                     : i > 1                     ? NULL
                     : t->kind == IG_KIND_MAP    ? ig_arena_printf(&out->arena, "%s.%s", name, map_parts[i])
                                                 : ig_arena_printf(&out->arena, "%s.%s", name, sparse_parts[i]);
        if (!part) return ig_oom(err);
        IG_TRY(flatten(out, part, t->items[i], depth - 1, err));
    }
    if (t->kind == IG_KIND_SPARSE) {
        ig_tensor *shape;
        char *part = ig_arena_printf(&out->arena, "%s.shape", name);
        if (!part) return ig_oom(err);
        IG_TRY(ig_tensor_new(&shape, t->context, IG_I64, 1, (int64_t[]){t->rank}, err));
        memcpy(shape->data, t->dims, shape->bytes);
        ig_status status = ig_tensors_set(out, part, shape, err);
        ig_tensor_free(shape);
        return status;
    }
    if (!table) return IG_OK;
    char *keys = ig_arena_printf(&out->arena, "%s.keys", name), *values = ig_arena_printf(&out->arena, "%s.values", name);
    ig_tensor *rows;
    if (!keys || !values) return ig_oom(err);
    IG_TRY(ig_tensors_set(out, keys, t->items[0]->items[0], err));
    IG_TRY(stack_rows(&rows, t, err));
    ig_status status = ig_tensors_set(out, values, rows, err);
    ig_tensor_free(rows);
    return status;
}

ig_status ig_tensors_flatten(ig_tensors *out, const char *name, const ig_tensor *tensor, ig_error *err) {
    return flatten(out, name, tensor, out->context->limits.depth, err);
}
