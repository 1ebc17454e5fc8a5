/* Operators that pad, interleave or overwrite: Pad, blocks of space to depth or batch, diagonals, dilation. */
#include "formats/tflite/rules.h"

/* ----------------------------------------------------------------------------------------------------------------- pads */

/* [n,2] pairs of before and after to ONNX's list: all befores, then all afters. */
static ig_value *pads_of(ig_lower *l, ig_value *pairs) {
    int64_t given[2 * IG_MAX_RANK], pads[2 * IG_MAX_RANK];
    size_t n;
    if (ig_tfl_ints(l, pairs, given, IG_COUNT_OF(given), &n)) {
        for (size_t i = 0; i < n; i++) pads[i % 2 * (n / 2) + i / 2] = given[i];
        return ig_tfl_list(l, pads, n);
    }
    ig_value *turned = ig_tfl_transpose(l, ig_tfl_i64(l, pairs), (int64_t[]){1, 0}, 2);
    return ig_tfl_reshape(l, turned, (int64_t[]){-1}, 1);
}

/* The number that stands for zero. */
static ig_value *zero_of(ig_lower *l, const ig_value *x) {
    ig_dtype dtype = ig_tfl_type(x);
    int64_t zero = ig_tfl_quantized(x) && x->quant->zero_points ? x->quant->zero_points[0] : 0;
    return ig_build_scalar(&l->b, dtype == IG_UNDEFINED ? IG_F32 : dtype, (double)zero);
}

/* Few engines pad int16. */
static ig_value *padded(ig_lower *l, ig_value *x, ig_dtype dtype, const char *mode, ig_value *pads, ig_value *value) {
    bool narrow = dtype == IG_I16 || dtype == IG_U16;
    if (narrow) {
        x = ig_build_cast(&l->b, x, IG_I32);
        value = value ? ig_build_cast(&l->b, value, IG_I32) : NULL;
    }
    ig_value *y = IG_TFL_OP(l, "Pad", mode, x, pads, value);
    return narrow ? ig_build_cast(&l->b, y, dtype) : y;
}

ig_status ig_tfl_lower_pad(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *value = ig_lower_in(l, 2);
    if (!value) value = zero_of(l, x);
    ig_tfl_out_moved(l, 0, padded(l, x, ig_tfl_type(x), NULL, pads_of(l, ig_lower_in(l, 1)), value), x);
    return IG_OK;
}

/* The elements at one end of an axis, mirrored with the edge itself. */
static ig_value *mirrored(ig_lower *l, ig_value *x, int64_t axis, int64_t from, int64_t to) {
    return IG_BUILD(&l->b, "Slice", x, ig_tfl_ints1(l, from), ig_tfl_ints1(l, to), ig_tfl_ints1(l, axis), ig_tfl_ints1(l, -1));
}

ig_status ig_tfl_lower_mirror_pad(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *y = x;
    int64_t pads[2 * IG_MAX_RANK];
    size_t n;
    if (!ig_tfl_attr_is(l, "mode", "SYMMETRIC")) {
        ig_tfl_out_moved(l, 0, padded(l, x, ig_tfl_type(x), "mode=reflect", pads_of(l, ig_lower_in(l, 1)), NULL), x);
        return IG_OK;
    }
    if (!ig_tfl_ints(l, ig_lower_in(l, 1), pads, IG_COUNT_OF(pads), &n))
        return ig_lower_refuse(l, "its pads are computed by the model");
    for (size_t i = 0; i < n / 2; i++) {
        ig_value *parts[3];
        size_t k = 0;
        if (pads[2 * i] > 0) parts[k++] = mirrored(l, y, (int64_t)i, pads[2 * i] - 1, INT64_MIN);
        parts[k++] = y;
        if (pads[2 * i + 1] > 0) parts[k++] = mirrored(l, y, (int64_t)i, -1, -pads[2 * i + 1] - 1);
        if (k > 1) y = ig_tfl_concat(l, parts, k, (int64_t)i);
    }
    ig_tfl_out_moved(l, 0, y, x);
    return IG_OK;
}

/* --------------------------------------------------------------------------------------------------------------- blocks */

static bool block_size(ig_lower *l, int64_t *block) {
    *block = ig_tfl_attr(l, "block_size");
    return *block > 0 && *block < 1 << 15;
}

/* Blocks of channels become blocks of pixels, all within NHWC. */
ig_status ig_tfl_lower_depth_to_space(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0);
    int64_t b, c = ig_tfl_dim(x, 3);
    if (!block_size(l, &b) || ig_tfl_rank(x) != 4 || c < 0 || c % (b * b))
        return ig_lower_refuse(l, "its block size doesn't fit its channels");
    ig_tfl_size n = ig_tfl_size_of(l, x, 0), h = ig_tfl_size_of(l, x, 1), w = ig_tfl_size_of(l, x, 2);
    ig_tfl_size size = {b, NULL}, depth = {c / (b * b), NULL};
    ig_value *y = ig_tfl_resize(l, x, (ig_tfl_size[]){n, h, w, size, size, depth}, 6);
    y = ig_tfl_transpose(l, y, (int64_t[]){0, 1, 3, 2, 4, 5}, 6);
    h = ig_tfl_size_times(l, h, b, 1);
    w = ig_tfl_size_times(l, w, b, 1);
    ig_tfl_out_moved(l, 0, ig_tfl_resize(l, y, (ig_tfl_size[]){n, h, w, depth}, 4), x);
    return IG_OK;
}

ig_status ig_tfl_lower_space_to_depth(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0);
    int64_t b, c = ig_tfl_dim(x, 3);
    if (!block_size(l, &b) || ig_tfl_rank(x) != 4 || c < 0) return ig_lower_refuse(l, "its block size or shape is impossible");
    ig_tfl_size n = ig_tfl_size_of(l, x, 0), h = ig_tfl_size_times(l, ig_tfl_size_of(l, x, 1), 1, b),
                w = ig_tfl_size_times(l, ig_tfl_size_of(l, x, 2), 1, b), size = {b, NULL}, depth = {c, NULL};
    ig_value *y = ig_tfl_resize(l, x, (ig_tfl_size[]){n, h, size, w, size, depth}, 6);
    y = ig_tfl_transpose(l, y, (int64_t[]){0, 1, 3, 2, 4, 5}, 6);
    ig_tfl_out_moved(l, 0, ig_tfl_resize(l, y, (ig_tfl_size[]){n, h, w, {c * b * b, NULL}}, 4), x);
    return IG_OK;
}

/* The constant arguments of the two operators that follow: block sizes of the spatial dims, and pads or crops. */
typedef struct blocks {
    size_t n; /* spatial dims */
    int64_t size[IG_MAX_RANK], ends[2 * IG_MAX_RANK], product;
    int rank;
} blocks;

static ig_status read_blocks(ig_lower *l, blocks *b) {
    size_t n;
    IG_TRY(ig_tfl_need_rank(l, ig_lower_in(l, 0), &b->rank));
    if (!ig_tfl_ints(l, ig_lower_in(l, 1), b->size, IG_MAX_RANK / 2, &b->n) ||
        !ig_tfl_ints(l, ig_lower_in(l, 2), b->ends, 2 * IG_MAX_RANK, &n) || n != 2 * b->n)
        return ig_lower_refuse(l, "its blocks are computed by the model");
    b->product = 1;
    for (size_t i = 0; i < b->n; i++)
        if (b->size[i] < 1 || __builtin_mul_overflow(b->product, b->size[i], &b->product))
            return ig_lower_refuse(l, "a block size is impossible");
    return (int)b->n < b->rank && b->rank + (int)b->n <= IG_MAX_RANK ? IG_OK : ig_lower_refuse(l, "it has too many dims");
}

/* [b0,b1,N,s0,s1,…] -> [N,s0,b0,s1,b1,…] and the other way round. */
static void interleave(const blocks *b, bool back, int64_t *perm) {
    int64_t forward[IG_MAX_RANK], m = (int64_t)b->n;
    size_t k = 0;
    forward[k++] = m;
    for (int64_t i = 0; i < m; i++) {
        forward[k++] = m + 1 + i;
        forward[k++] = i;
    }
    for (int64_t i = m + 1; i < b->rank; i++) forward[k++] = m + i;
    for (size_t i = 0; i < k; i++) {
        if (back)
            perm[forward[i]] = (int64_t)i;
        else
            perm[i] = forward[i];
    }
}

ig_status ig_tfl_lower_batch_to_space(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0);
    blocks b;
    IG_TRY(read_blocks(l, &b));
    ig_tfl_size apart[IG_MAX_RANK], joined[IG_MAX_RANK];
    int64_t perm[IG_MAX_RANK];
    size_t rank = (size_t)b.rank;
    for (size_t i = 0; i < b.n; i++) apart[i] = (ig_tfl_size){b.size[i], NULL};
    for (size_t i = 0; i < rank; i++) {
        ig_tfl_size size = ig_tfl_size_of(l, x, (int)i);
        bool spatial = i > 0 && i <= b.n;
        apart[b.n + i] = i ? size : ig_tfl_size_times(l, size, 1, b.product);
        joined[i] = i ? ig_tfl_size_times(l, size, spatial ? b.size[i - 1] : 1, 1) : apart[b.n];
    }
    interleave(&b, false, perm);
    ig_value *y = ig_tfl_transpose(l, ig_tfl_resize(l, x, apart, rank + b.n), perm, rank + b.n);
    y = ig_tfl_resize(l, y, joined, rank);
    for (size_t i = 0; i < b.n; i++) {
        int64_t from = b.ends[2 * i], to = b.ends[2 * i + 1];
        if (from || to) y = ig_tfl_slice(l, y, (int64_t)i + 1, from, to ? -to : INT64_MAX);
    }
    ig_tfl_out_moved(l, 0, y, x);
    return IG_OK;
}

ig_status ig_tfl_lower_space_to_batch(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *y = x;
    blocks b;
    IG_TRY(read_blocks(l, &b));
    ig_tfl_size apart[IG_MAX_RANK], joined[IG_MAX_RANK];
    int64_t perm[IG_MAX_RANK], pads[2 * IG_MAX_RANK] = {0};
    size_t rank = (size_t)b.rank, k = 0;
    bool any = false;
    for (size_t i = 0; i < b.n; i++) {
        pads[1 + i] = b.ends[2 * i];
        pads[rank + 1 + i] = b.ends[2 * i + 1];
        any |= b.ends[2 * i] || b.ends[2 * i + 1];
    }
    if (any) y = padded(l, x, ig_tfl_type(x), NULL, ig_tfl_list(l, pads, 2 * rank), zero_of(l, x));
    for (size_t i = 0; i < rank; i++) {
        ig_tfl_size size = ig_tfl_size_of(l, x, (int)i);
        bool spatial = i > 0 && i <= b.n;
        int64_t more = spatial ? pads[i] + pads[rank + i] : 0;
        if (more && size.computed) size.computed = IG_BUILD(&l->b, "Add", size.computed, ig_tfl_ints1(l, more));
        if (!size.computed) size.value += more;
        joined[i] = i ? ig_tfl_size_times(l, size, 1, spatial ? b.size[i - 1] : 1) : ig_tfl_size_times(l, size, b.product, 1);
        apart[k++] = i ? joined[i] : size;
        if (spatial) apart[k++] = (ig_tfl_size){b.size[i - 1], NULL};
    }
    interleave(&b, true, perm);
    y = ig_tfl_transpose(l, ig_tfl_resize(l, y, apart, k), perm, k);
    ig_tfl_out_moved(l, 0, ig_tfl_resize(l, y, joined, rank), x);
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------ overwrite */

/* The update is padded to the operand's shape, and so is a mask of where it is. */
ig_status ig_tfl_lower_dynamic_update_slice(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *update = ig_lower_in(l, 1), *start = ig_tfl_i64(l, ig_lower_in(l, 2));
    ig_value *sizes = ig_tfl_shape(l, update, 0, INT64_MAX);
    ig_value *room = IG_BUILD(&l->b, "Sub", ig_tfl_shape(l, x, 0, INT64_MAX), sizes);
    start = IG_BUILD(&l->b, "Max", IG_BUILD(&l->b, "Min", start, room), ig_build_i64(&l->b, 0));
    ig_value *pads = ig_tfl_concat(l, (ig_value *[]){start, IG_BUILD(&l->b, "Sub", room, start)}, 2, 0);
    ig_value *mask = IG_BUILD(&l->b, "Pad", ig_tfl_filled(l, sizes, IG_BOOL, 1), pads, ig_build_scalar(&l->b, IG_BOOL, 0));
    ig_value *wide = IG_BUILD(&l->b, "Pad", update, pads, zero_of(l, update));
    ig_tfl_out_moved(l, 0, IG_BUILD(&l->b, "Where", mask, wide, x), x);
    return IG_OK;
}

/* True on the diagonal of the last two dims of a shape (int64, rank 1). */
static ig_value *diagonal(ig_lower *l, ig_value *rows, ig_value *columns) {
    ig_value *zero = ig_build_i64(&l->b, 0), *one = ig_build_i64(&l->b, 1);
    ig_value *down = IG_BUILD(&l->b, "Range", zero, ig_tfl_squeeze(l, rows, 0), one);
    ig_value *along = IG_BUILD(&l->b, "Range", zero, ig_tfl_squeeze(l, columns, 0), one);
    return IG_BUILD(&l->b, "Equal", ig_tfl_unsqueeze(l, down, 1), along);
}

ig_status ig_tfl_lower_matrix_diag(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *n = ig_tfl_shape(l, x, -1, INT64_MAX);
    ig_value *y = IG_BUILD(&l->b, "Where", diagonal(l, n, n), ig_tfl_unsqueeze(l, x, -1), zero_of(l, x));
    ig_tfl_out_moved(l, 0, y, x);
    return IG_OK;
}

ig_status ig_tfl_lower_matrix_set_diag(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *values = ig_lower_in(l, 1);
    int64_t rows = ig_tfl_dim(x, -2), columns = ig_tfl_dim(x, -1);
    if (rows < 0 || columns < 0) return ig_lower_refuse(l, "the size of its matrices is not known");
    values = ig_tfl_unsqueeze(l, values, rows <= columns ? -1 : -2);
    ig_value *mask = diagonal(l, ig_tfl_ints1(l, rows), ig_tfl_ints1(l, columns));
    ig_tfl_out_moved(l, 0, IG_BUILD(&l->b, "Where", mask, values, x), x);
    return IG_OK;
}

/* Puts copies of a value between the elements: each gets a dim of its own, which is padded and joined again. */
ig_status ig_tfl_lower_dilate(ig_lower *l) {
    ig_value *x = ig_lower_in(l, 0), *value = ig_lower_in(l, 2), *y = x;
    int64_t by[IG_MAX_RANK];
    size_t n;
    if (!ig_tfl_ints(l, ig_lower_in(l, 1), by, IG_MAX_RANK - 1, &n))
        return ig_lower_refuse(l, "its dilations are computed by the model");
    ig_tfl_size sizes[IG_MAX_RANK];
    for (size_t i = 0; i < n; i++) sizes[i] = ig_tfl_size_of(l, x, (int)i);
    if (value) value = ig_tfl_reshape(l, value, NULL, 0);
    for (size_t i = 0; i < n; i++) {
        if (by[i] <= 1) continue;
        int64_t pads[2 * IG_MAX_RANK] = {0};
        pads[n + 1 + i + 1] = by[i] - 1;
        y = IG_BUILD(&l->b, "Pad", ig_tfl_unsqueeze(l, y, (int64_t)i + 1), ig_tfl_list(l, pads, 2 * (n + 1)), value);
        ig_tfl_size joined = ig_tfl_size_times(l, sizes[i], by[i], 1), more = {1 - by[i], NULL};
        sizes[i] = joined;
        y = ig_tfl_slice(l, ig_tfl_resize(l, y, sizes, n), (int64_t)i, 0, more.value);
        if (joined.computed)
            sizes[i].computed = IG_BUILD(&l->b, "Add", joined.computed, ig_tfl_ints1(l, more.value));
        else
            sizes[i].value += more.value;
    }
    ig_tfl_out_moved(l, 0, y, x);
    return IG_OK;
}
