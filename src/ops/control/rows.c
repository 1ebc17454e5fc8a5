#include "ops/control/control.h"

/* A run of elements; types smaller than a byte need not begin at a byte. False when memory runs out. */
static bool copy_run(ig_tensor *to, size_t at, const ig_tensor *from, size_t first, size_t n) {
    size_t bytes = ig_dtype_bytes(to->dtype);
    if (to->dtype == IG_STRING) {
        const ig_str *strings = ig_tensor_strings(from);
        for (size_t i = 0; i < n; i++) {
            if (!ig_tensor_set_string(to, at + i, strings[first + i])) return false;
        }
    } else if (bytes) {
        if (n) memcpy((char *)to->data + at * bytes, (const char *)from->data + first * bytes, n * bytes);
    } else {
        for (size_t i = 0; i < n; i++) {
            ig_store_bits(to->dtype, to->data, at + i, ig_load_bits(from->dtype, from->data, first + i));
        }
    }
    return true;
}

/* --------------------------------------------------------------------------------------------------------------- slices */

ig_status ig_slicer_init(ig_call *c, ig_slicer *s, const ig_tensor *of, int64_t axis) {
    *s = (ig_slicer){.of = of, .outer = 1, .inner = 1};
    if (of->kind != IG_KIND_TENSOR) return ig_call_fail(c, "a value that is scanned must be a tensor");
    if (axis < -of->rank || axis >= of->rank)
        return ig_call_fail(c, "scan axis %lld is outside of an input of rank %d", (long long)axis, of->rank);
    if (axis < 0) axis += of->rank;
    s->length = of->dims[axis];
    s->item.context = of->context;
    s->item.kind = IG_KIND_TENSOR;
    s->item.dtype = of->dtype;
    for (int i = 0; i < of->rank; i++) {
        if (i == axis) continue;
        *(i < axis ? &s->outer : &s->inner) *= (size_t)of->dims[i];
        s->item.dims[s->item.rank++] = of->dims[i];
    }
    s->item.count = s->outer * s->inner;
    ig_dtype_size(of->dtype, (int64_t)s->item.count, &s->item.bytes);
    bool whole = s->inner * ig_dtypes[of->dtype].bits % 8 == 0;
    if (s->length == 0 || (s->outer == 1 && whole)) return IG_OK;
    s->room = ig_call_scratch(c, s->item.bytes);
    return s->room ? IG_OK : ig_oom(c->err);
}

ig_tensor *ig_slicer_at(ig_slicer *s, int64_t t) {
    size_t bits = ig_dtypes[s->of->dtype].bits, start = (size_t)t * s->inner, step = (size_t)s->length * s->inner;
    if (!s->room) {
        s->item.data = (char *)s->of->data + start * bits / 8;
        return &s->item;
    }
    s->item.data = s->room;
    for (size_t o = 0; o < s->outer; o++) {
        if (s->of->dtype == IG_STRING) /* the characters stay where they are */
            memcpy((ig_str *)s->room + o * s->inner, ig_tensor_strings(s->of) + o * step + start, s->inner * sizeof(ig_str));
        else
            copy_run(&s->item, o * s->inner, s->of, o * step + start, s->inner);
    }
    return &s->item;
}

/* ----------------------------------------------------------------------------------------------------------------- rows */

enum { FIRST_BYTES = 1 << 20 }; /* of room at the start, when that many rows are expected */

static size_t row_count(const ig_rows *rows) {
    size_t n = 1;
    for (int i = 1; i < rows->store->rank; i++) n *= (size_t)rows->store->dims[i];
    return n;
}

static ig_status new_store(ig_call *c, ig_tensor **store, const ig_tensor *row, int64_t room) {
    int64_t dims[IG_MAX_RANK];
    if (row->rank >= IG_MAX_RANK) return ig_call_fail(c, "a value of rank %d can't be stacked", row->rank);
    dims[0] = room;
    if (row->rank) memcpy(dims + 1, row->dims, (size_t)row->rank * sizeof *dims);
    return ig_tensor_new(store, c->context, row->dtype, row->rank + 1, dims, c->err);
}

static ig_status first_row(ig_call *c, ig_rows *rows, const ig_tensor *row) {
    int64_t fit = FIRST_BYTES / (int64_t)ig_max_size(row->bytes, 1);
    rows->room = ig_clamp_i64(rows->expected, 1, ig_max_i64(fit, 4));
    return new_store(c, &rows->store, row, rows->room);
}

/* Makes room for another row like the ones before. */
static ig_status grow(ig_call *c, ig_rows *rows) {
    if (rows->n < rows->room) return IG_OK;
    ig_tensor like = *rows->store, *larger;
    like.rank--;
    memmove(like.dims, like.dims + 1, (size_t)like.rank * sizeof *like.dims);
    int64_t room = rows->room * 2;
    if (rows->expected > rows->room) room = ig_min_i64(room, rows->expected);
    IG_TRY(new_store(c, &larger, &like, room));
    if (!copy_run(larger, 0, rows->store, 0, (size_t)rows->n * row_count(rows))) {
        ig_tensor_free(larger);
        return ig_oom(c->err);
    }
    ig_tensor_free(rows->store);
    rows->store = larger;
    rows->room = room;
    return IG_OK;
}

static bool fits(const ig_rows *rows, const ig_tensor *row) {
    const ig_tensor *store = rows->store;
    return row->dtype == store->dtype && row->rank + 1 == store->rank &&
           (row->rank == 0 || memcmp(row->dims, store->dims + 1, (size_t)row->rank * sizeof *row->dims) == 0);
}

ig_status ig_rows_add(ig_call *c, ig_rows *rows, const ig_tensor *row) {
    if (row->kind != IG_KIND_TENSOR) return ig_call_fail(c, "a scan output of the body is no tensor");
    if (!rows->store) {
        IG_TRY(first_row(c, rows, row));
        for (; rows->owed; rows->owed--) IG_TRY(ig_rows_add_zeros(c, rows));
    }
    if (!fits(rows, row))
        return ig_call_fail(c, "a scan output of the body has another type or shape in iteration %lld than in the first",
                            (long long)rows->n);
    IG_TRY(grow(c, rows));
    if (!copy_run(rows->store, (size_t)rows->n * row->count, row, 0, row->count)) return ig_oom(c->err);
    rows->n++;
    return IG_OK;
}

ig_status ig_rows_add_zeros(ig_call *c, ig_rows *rows) {
    if (!rows->store) {
        rows->owed++;
        return IG_OK;
    }
    IG_TRY(grow(c, rows));
    ig_tensor *store = rows->store;
    size_t count = row_count(rows), first = (size_t)rows->n++ * count, bytes = ig_dtype_bytes(store->dtype);
    if (store->dtype == IG_STRING) return IG_OK; /* new ones are empty */
    if (bytes) {
        if (count) memset((char *)store->data + first * bytes, 0, count * bytes);
        return IG_OK;
    }
    for (size_t i = 0; i < count; i++) ig_store_bits(store->dtype, store->data, first + i, 0);
    return IG_OK;
}

/* Shape of the result: the row's dims with n put in at the axis. */
static ig_status stacked_dims(ig_call *c, const int64_t *row, int rank, int64_t n, int64_t *axis, int64_t *dims) {
    if (*axis < -rank - 1 || *axis > rank)
        return ig_call_fail(c, "scan output axis %lld is outside of a result of rank %d", (long long)*axis, rank + 1);
    if (*axis < 0) *axis += rank + 1;
    for (int i = 0, k = 0; i <= rank; i++) dims[i] = i == *axis ? n : row[k++];
    return IG_OK;
}

static ig_status finish_empty(ig_call *c, size_t o, int64_t axis, const ig_value_info *value) {
    const ig_type *type = value->value && value->value->type ? value->value->type : value->type;
    ig_shape shape = ig_type_shape(type);
    int64_t row[IG_MAX_RANK], dims[IG_MAX_RANK + 1];
    if (!type || type->kind != IG_KIND_TENSOR || !type->dtype)
        return ig_call_fail(c, "the body never runs, so that the type of its output '%.80s' must be declared",
                            ig_name_text(value->name));
    if (shape.rank >= IG_MAX_RANK) return ig_call_fail(c, "a value of rank %d can't be stacked", shape.rank);
    for (int i = 0; i < shape.rank; i++) row[i] = ig_dim_known(shape.dims[i]) ? shape.dims[i].value : 0;
    int rank = shape.rank < 0 ? 0 : shape.rank;
    IG_TRY(stacked_dims(c, row, rank, 0, &axis, dims));
    return ig_call_output(c, o, type->dtype, rank + 1, dims);
}

ig_status ig_rows_finish(ig_call *c, ig_rows *rows, size_t o, int64_t axis, bool reversed, const ig_value_info *value) {
    if (o >= c->n_out || !c->wanted[o]) return IG_OK;
    if (!rows->store) return finish_empty(c, o, axis, value);
    ig_tensor *store = rows->store;
    int64_t dims[IG_MAX_RANK];
    IG_TRY(stacked_dims(c, store->dims + 1, store->rank - 1, rows->n, &axis, dims));
    if (axis == 0 && !reversed && rows->n == rows->room) {
        rows->store = NULL;
        return ig_call_set(c, o, store);
    }
    size_t n = (size_t)rows->n, outer = 1, inner = row_count(rows);
    for (int64_t i = 0; i < axis; i++) outer *= (size_t)dims[i];
    if (inner) inner /= outer;
    IG_TRY(ig_call_output(c, o, store->dtype, store->rank, dims));
    if (axis == 0 && !reversed) return copy_run(c->out[o], 0, store, 0, n * inner) ? IG_OK : ig_oom(c->err);
    for (size_t t = 0; t < n && inner; t++) {
        size_t at = reversed ? n - 1 - t : t;
        for (size_t i = 0; i < outer; i++)
            if (!copy_run(c->out[o], (i * n + at) * inner, store, (t * outer + i) * inner, inner)) return ig_oom(c->err);
    }
    return IG_OK;
}

void ig_rows_free(ig_rows *rows) { ig_tensor_free(rows->store); }
