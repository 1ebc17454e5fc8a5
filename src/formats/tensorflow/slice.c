/* Slices of tensors: partitioned variables are stored as several of them. */
#include "formats/tensorflow/bundle.h"

bool ig_tf_box_fits(const ig_tf_box *box, int rank, const int64_t *dims, int64_t *count) {
    if (rank > IG_TF_SLICE_RANK) return false;
    for (int i = 0; i < rank; i++)
        if (box->start[i] < 0 || box->size[i] < 0 || box->start[i] > dims[i] || box->size[i] > dims[i] - box->start[i])
            return false;
    return ig_dims_count(rank, box->size, count);
}

bool ig_tf_box_of(const ig_tf_slice *pb, int rank, const int64_t *dims, ig_tf_box *box) {
    int64_t count;
    if (rank > IG_TF_SLICE_RANK || pb->extent.n != (size_t)rank) return false;
    for (int i = 0; i < rank; i++) {
        const ig_tf_extent *e = pb->extent.items[i];
        box->start[i] = e->has_length ? e->start : 0;
        box->size[i] = e->has_length ? e->length : dims[i];
    }
    return ig_tf_box_fits(box, rank, dims, &count);
}

/* The next part of `text` up to `stop`. */
static ig_str take_part(ig_str *text, char stop) {
    size_t n = 0;
    while (n < text->n && text->s[n] != stop) n++;
    ig_str part = {text->s, n};
    size_t skip = n < text->n ? n + 1 : n;
    *text = (ig_str){text->s + skip, text->n - skip};
    return part;
}

bool ig_tf_parse_slice(ig_str text, int rank, const int64_t *dims, ig_tf_box *box) {
    int64_t n, count;
    if (rank > IG_TF_SLICE_RANK) return false;
    for (int i = 0; i < rank; i++) {
        ig_str part = take_part(&text, ' ');
        if (!ig_str_to_i64(part, &n) || n != dims[i]) return false;
    }
    for (int i = 0; i < rank; i++) {
        ig_str part = take_part(&text, ':');
        box->start[i] = 0;
        box->size[i] = dims[i];
        if (ig_str_is(part, "-")) continue;
        ig_str start = take_part(&part, ',');
        if (!ig_str_to_i64(start, &box->start[i]) || !ig_str_to_i64(part, &box->size[i])) return false;
    }
    return text.n == 0 && ig_tf_box_fits(box, rank, dims, &count);
}

int64_t ig_tf_copy_box(const ig_tf_box *from, const void *source, const ig_tf_box *to, void *target, int rank, size_t size) {
    int64_t at[IG_TF_SLICE_RANK] = {0}, low[IG_TF_SLICE_RANK + 1] = {0}, n[IG_TF_SLICE_RANK + 1] = {0}, copied = 0;
    for (int i = 0; i < rank; i++) {
        low[i] = ig_max_i64(from->start[i], to->start[i]);
        n[i] = ig_min_i64(from->start[i] + from->size[i], to->start[i] + to->size[i]) - low[i];
        if (n[i] <= 0) return 0;
    }
    int rows = rank ? rank - 1 : 0; /* the last dim is copied as a run */
    int64_t run = rank ? n[rows] : 1;
    for (;;) {
        int64_t a = 0, b = 0;
        for (int i = 0; i < rank; i++) {
            int64_t x = low[i] + (i < rows ? at[i] : 0);
            a = a * from->size[i] + x - from->start[i];
            b = b * to->size[i] + x - to->start[i];
        }
        memcpy((uint8_t *)target + (size_t)b * size, (const uint8_t *)source + (size_t)a * size, (size_t)run * size);
        copied += run;
        int i = rows;
        while (i-- > 0 && ++at[i] == n[i]) at[i] = 0;
        if (i < 0) return copied;
    }
}

/* ---- keys: numbers and texts so encoded that their order is that of the bytes (TensorFlow's OrderedCode) ---- */

typedef struct code {
    uint8_t *p;
    size_t n;
} code;

/* How many bytes, then the bytes from the high ones down. */
static void put_number(code *c, uint64_t value) {
    uint8_t n = 0;
    for (uint64_t v = value; v; v >>= 8) n++;
    c->p[c->n++] = n;
    while (n--) c->p[c->n++] = (uint8_t)(value >> (8 * n));
}

/* A prefix of ones tells how many bytes follow; a negative number is the complement of that. */
static void put_signed(code *c, int64_t value) {
    uint64_t magnitude = value < 0 ? ~(uint64_t)value : (uint64_t)value;
    uint8_t bytes[10];
    size_t n = 1;
    while (n < 10 && 7 * n - 1 < 64 && magnitude >> (7 * n - 1)) n++;
    for (size_t i = 0; i < n; i++) { /* sign-extended, big-endian */
        size_t shift = 8 * (n - 1 - i);
        bytes[i] = (uint8_t)(shift < 64 ? (uint64_t)(value >> shift) : value < 0 ? 0xff : 0);
    }
    for (size_t bit = 0; bit < n; bit++) bytes[bit / 8] ^= (uint8_t)(0x80u >> (bit % 8));
    memcpy(c->p + c->n, bytes, n);
    c->n += n;
}

/* The bytes 0 and 255 are escaped, 0 1 ends it. */
static void put_text(code *c, ig_str text) {
    for (size_t i = 0; i < text.n; i++) {
        uint8_t b = (uint8_t)text.s[i];
        c->p[c->n++] = b;
        if (b == 0) c->p[c->n++] = 0xff;
        if (b == 0xff) c->p[c->n++] = 0;
    }
    c->p[c->n++] = 0;
    c->p[c->n++] = 1;
}

ig_name ig_tf_slice_key(ig_tf_reader *r, ig_name name, const ig_tf_slice *pb) {
    code c = {.p = ig_arena_alloc(&r->arena, 2 * ig_name_len(name) + 20 * pb->extent.n + 32)};
    if (!c.p) return NULL;
    put_number(&c, 0);
    put_text(&c, ig_name_str(name));
    put_number(&c, pb->extent.n);
    for (size_t i = 0; i < pb->extent.n; i++) {
        const ig_tf_extent *e = pb->extent.items[i];
        put_signed(&c, e->has_length ? e->start : 0);
        put_signed(&c, e->has_length ? e->length : -1);
    }
    return ig_tf_name(r, (ig_str){(const char *)c.p, c.n});
}
