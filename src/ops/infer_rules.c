/* What inference functions of operators are written with. Used before the first run with symbolic dims, and between the nodes
 * of a run with numbers, where every microsecond counts. */
#include "ops/op.h"

#include <stdarg.h>
#include <stdio.h>

/* Longer contents are data, not shapes. */
enum { MAX_INTS = IG_MAX_RANK * 2 };

bool ig_infer_has(const ig_infer *c, size_t i) { return i < c->n_in && c->node->in[i] != NULL; }

static bool is_tensor(const ig_type *t) { return t && (t->kind == IG_KIND_TENSOR || t->kind == IG_KIND_SPARSE); }

ig_dtype ig_infer_dtype(const ig_infer *c, size_t i) {
    return i < c->n_in && is_tensor(c->in[i]) ? c->in[i]->dtype : IG_UNDEFINED;
}

bool ig_infer_shape(const ig_infer *c, size_t i, ig_shape *shape) {
    const ig_type *t = i < c->n_in ? c->in[i] : NULL;
    if (!is_tensor(t) || t->rank < 0 || t->rank > IG_MAX_RANK) {
        shape->rank = IG_UNRANKED;
        return false;
    }
    shape->rank = t->rank;
    if (t->rank) memcpy(shape->dims, t->dims, (size_t)t->rank * sizeof *t->dims);
    return true;
}

/* The input's content when it is a constant of whole numbers. */
static const ig_tensor *whole_numbers(const ig_infer *c, size_t i) {
    const ig_tensor *t = c->data && i < c->n_in ? c->data[i] : NULL;
    if (!t || t->kind != IG_KIND_TENSOR || !t->data) return NULL;
    return ig_dtype_is_int(t->dtype) || t->dtype == IG_BOOL ? t : NULL;
}

bool ig_infer_ints(const ig_infer *c, size_t i, ig_ints *ints) {
    *ints = (ig_ints){0};
    if (i >= c->n_in) return false;
    const ig_tensor *t = whole_numbers(c, i);
    if (!t && c->ints && c->ints[i]) {
        *ints = *c->ints[i];
        return true;
    }
    const ig_type *type = c->in[i];
    int64_t n = 0;
    int rank = 0;
    if (t) {
        n = (int64_t)t->count;
        rank = t->rank;
    } else if (is_tensor(type) && (type->rank == 0 || (type->rank == 1 && ig_dim_known(type->dims[0])))) {
        n = type->rank ? type->dims[0].value : 1;
        rank = type->rank;
    } else {
        return false;
    }
    if (n < 0 || n > MAX_INTS || rank > 1) return false;
    ig_dim *values = IG_NEW_ARRAY(c->arena, ig_dim, (size_t)n);
    if (!values) return false;
    for (size_t k = 0; k < (size_t)n; k++) {
        values[k] = t ? ig_dim_of(ig_load_as_i64(t->dtype, t->data, k)) : ig_dim_unknown();
    }
    *ints = (ig_ints){rank, (size_t)n, values};
    return true;
}

bool ig_infer_int(const ig_infer *c, size_t i, int64_t *value) {
    const ig_tensor *t = whole_numbers(c, i);
    if (t) {
        if (t->count != 1) return false;
        *value = ig_load_as_i64(t->dtype, t->data, 0);
        return true;
    }
    const ig_ints *known = c->ints && i < c->n_in ? c->ints[i] : NULL;
    if (!known || known->n != 1 || !ig_dim_known(known->values[0])) return false;
    *value = known->values[0].value;
    return true;
}

ig_status ig_infer_set(ig_infer *c, size_t i, ig_dtype dtype, const ig_shape *shape) {
    if (i >= c->n_out) return IG_OK;
    c->out[i] = ig_type_tensor(c->arena, dtype, shape);
    return c->out[i] ? IG_OK : ig_oom(c->err);
}

ig_status ig_infer_set_type(ig_infer *c, size_t i, const ig_type *type) {
    if (i < c->n_out) c->out[i] = type;
    return IG_OK;
}

ig_status ig_infer_set_ints(ig_infer *c, size_t i, int rank, const ig_dim *values, size_t n) {
    if (!c->out_ints || i >= c->n_out || n > MAX_INTS) return IG_OK;
    ig_ints *ints = IG_NEW(c->arena, ig_ints);
    ig_dim *copy = IG_NEW_ARRAY(c->arena, ig_dim, n);
    if (!ints || !copy) return ig_oom(c->err);
    if (n) memcpy(copy, values, n * sizeof *copy);
    *ints = (ig_ints){rank, n, copy};
    c->out_ints[i] = ints;
    return IG_OK;
}

ig_status ig_infer_fail(ig_infer *c, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return ig_fail(c->err, IG_E_INPUT, "%s", text);
}

ig_status ig_infer_same(ig_infer *c) { return c->n_in ? ig_infer_set_type(c, 0, c->in[0]) : IG_OK; }

/* The type as far as messages need it: with the value's name. */
static void describe(const ig_infer *c, size_t i, char *out, size_t size) {
    char type[256];
    ig_type_text(c->in[i], type, sizeof type);
    snprintf(out, size, "'%.80s' %.160s", c->node->in[i] ? ig_name_text(c->node->in[i]->name) : "", type);
}

static ig_status cannot_broadcast(ig_infer *c, size_t first, size_t i) {
    char text[4][300];
    size_t n = 0;
    for (size_t k = first; k <= i && n < 3; k++) {
        if (is_tensor(c->in[k]) && c->in[k]->rank >= 0 && k < i) describe(c, k, text[n++], sizeof text[0]);
    }
    describe(c, i, text[3], sizeof text[3]);
    if (n == 1) return ig_infer_fail(c, "inputs %s and %s can't be broadcast to one shape", text[0], text[3]);
    return ig_infer_fail(c, "input %s can't be broadcast with the inputs before it", text[3]);
}

bool ig_infer_broadcast_shape(ig_infer *c, size_t first, size_t last, ig_shape *shape, ig_status *status) {
    bool all = true;
    *status = IG_OK;
    shape->rank = 0;
    for (size_t i = first; i < last && i < c->n_in; i++) {
        if (!c->in[i] && !ig_infer_has(c, i)) continue;
        const ig_type *t = c->in[i];
        if (!is_tensor(t) || t->rank < 0 || t->rank > IG_MAX_RANK) {
            all = false;
            continue;
        }
        int grow = t->rank - shape->rank;
        if (grow > 0) {
            memmove(shape->dims + grow, shape->dims, (size_t)shape->rank * sizeof shape->dims[0]);
            for (int d = 0; d < grow; d++) shape->dims[d] = ig_dim_of(1);
            shape->rank = t->rank;
        }
        int skip = shape->rank - t->rank;
        for (int d = 0; d < t->rank; d++) {
            ig_dim *into = &shape->dims[skip + d];
            if (ig_dim_broadcast(c->syms, *into, t->dims[d], into)) continue;
            *status = cannot_broadcast(c, first, i);
            return false;
        }
    }
    if (!all) shape->rank = IG_UNRANKED;
    return all;
}

static ig_status broadcast_all(ig_infer *c, ig_dtype dtype) {
    ig_shape shape;
    ig_status status;
    bool known = ig_infer_broadcast_shape(c, 0, c->n_in, &shape, &status);
    if (status != IG_OK) return status;
    return known || dtype ? ig_infer_set(c, 0, dtype, known ? &shape : NULL) : IG_OK;
}

ig_status ig_infer_broadcast(ig_infer *c) {
    ig_dtype dtype = IG_UNDEFINED;
    for (size_t i = 0; i < c->n_in && !dtype; i++) dtype = ig_infer_dtype(c, i);
    return broadcast_all(c, dtype);
}

ig_status ig_infer_broadcast_bool(ig_infer *c) { return broadcast_all(c, IG_BOOL); }

ig_status ig_infer_axis(ig_infer *c, int64_t axis, int rank, bool past_end, int *out) {
    int64_t end = (int64_t)rank + (past_end ? 1 : 0);
    if (axis < -end || axis >= end) {
        if (end == 0) return ig_infer_fail(c, "axis %lld is given, but the input is a scalar", (long long)axis);
        return ig_infer_fail(c, "axis %lld is outside [%lld, %lld] of an input of rank %d", (long long)axis, (long long)-end,
                             (long long)(end - 1), rank);
    }
    *out = (int)(axis < 0 ? axis + end : axis);
    return IG_OK;
}

ig_status ig_infer_rank(ig_infer *c, size_t i, int rank) {
    ig_shape s;
    if (!ig_infer_has(c, i) || !ig_infer_shape(c, i, &s) || s.rank == rank) return IG_OK;
    const ig_formal *formal = c->node->schema ? ig_schema_input(c->node->schema, i) : NULL;
    return ig_infer_fail(c, "input %zu '%.80s' has rank %d, not %d", i, formal ? formal->name : "", s.rank, rank);
}

ig_status ig_infer_join(ig_infer *c, const char *what, ig_dim said, ig_dim *known) {
    char a[100], b[100];
    if (ig_dim_merge(*known, said, known)) return IG_OK;
    ig_dim_text(*known, a, sizeof a);
    ig_dim_text(said, b, sizeof b);
    return ig_infer_fail(c, "the inputs have different %s: %s and %s", what, a, b);
}
