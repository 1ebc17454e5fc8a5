/* HDF5: the content of datasets and attributes. */
#include "codec/hdf5_file.h"

static ig_status too_large(const ig_hdf5_object *o, ig_error *err) {
    ig_fail(err, IG_E_LIMIT, "an HDF5 dataset of %lld elements passes the memory limit", (long long)o->count);
    return IG_E_LIMIT;
}

/* ---------------------------------------------------------------------------------------------------------- whole pieces */

static bool content_bytes(const ig_hdf5_object *o, size_t *bytes) {
    return !ig_mul_overflows((size_t)o->count, o->type.size, bytes);
}

/* A contiguous or compact content; an empty span when it was never written. */
static ig_status one_piece(const ig_hdf5 *h, const ig_hdf5_object *o, size_t bytes, ig_span *out, ig_error *err) {
    const ig_hdf5_layout *l = o->layout;
    *out = (ig_span){0};
    if (l->storage == IG_HDF5_COMPACT) {
        if (l->compact.n < bytes) return ig_hdf5_bad(h, o->address, err, "the content of a dataset is shorter than its shape");
        *out = l->compact;
    } else if (l->address != IG_HDF5_NOWHERE) {
        if (l->size < bytes) return ig_hdf5_bad(h, o->address, err, "the content of a dataset is shorter than its shape");
        IG_TRY(ig_hdf5_bytes(h, l->address, bytes, out, err));
    }
    return IG_OK;
}

bool ig_hdf5_map(ig_hdf5 *h, const ig_hdf5_object *o, ig_span *content) {
    const ig_hdf5_layout *l = o->layout;
    size_t bytes;
    bool plain =
        o->type.kind == IG_HDF5_OPAQUE || (o->type.kind == IG_HDF5_NUMBER && (!o->type.big_endian || o->type.size == 1));
    if (!plain || l->external || l->storage != IG_HDF5_CONTIGUOUS || !content_bytes(o, &bytes)) return false;
    if (one_piece(h, o, bytes, content, NULL) != IG_OK || !content->p) return false;
    content->n = bytes;
    return true;
}

/* --------------------------------------------------------------------------------------------------------------- chunks */

typedef struct filling {
    ig_hdf5 *h;
    const ig_hdf5_object *o;
    uint8_t *out, *chunk; /* all of it; room for one chunk */
    size_t chunk_bytes;
    uint64_t left; /* chunks that there can still be */
} filling;

/* Copies the part of a chunk that lies inside the dataset, a run along the last axis at a time. */
static void place_chunk(const filling *f, const ig_hdf5_chunk *k, const uint8_t *from) {
    const ig_hdf5_object *o = f->o;
    const uint64_t *chunk = o->layout->chunk;
    int rank = o->rank;
    uint64_t count[IG_MAX_RANK], i[IG_MAX_RANK] = {0};
    for (int a = 0; a < rank; a++)
        count[a] = (uint64_t)ig_min_i64((int64_t)chunk[a], o->dims[a] - (int64_t)(k->at[a] * chunk[a]));
    size_t width = o->type.size, run = rank ? (size_t)count[rank - 1] * width : width;
    for (;;) {
        size_t to = 0, at = 0;
        for (int a = 0; a < rank; a++) {
            to = to * (size_t)o->dims[a] + (size_t)(k->at[a] * chunk[a] + i[a]);
            at = at * (size_t)chunk[a] + (size_t)i[a];
        }
        memcpy(f->out + to * width, from + at * width, run);
        int a = rank - 2;
        while (a >= 0 && ++i[a] == count[a]) i[a--] = 0;
        if (a < 0) return;
    }
}

static bool passes_edge(const ig_hdf5_object *o, const ig_hdf5_chunk *k) {
    for (int a = 0; a < o->rank; a++)
        if ((k->at[a] + 1) * o->layout->chunk[a] > (uint64_t)o->dims[a]) return true;
    return false;
}

static ig_status take_chunk(void *user, const ig_hdf5_chunk *k, ig_error *err) {
    filling *f = user;
    const ig_hdf5_layout *l = f->o->layout;
    ig_span raw;
    for (int a = 0; a < f->o->rank; a++) /* left over from when the dataset was larger */
        if (k->at[a] > (uint64_t)f->o->dims[a] / l->chunk[a] || k->at[a] * l->chunk[a] >= (uint64_t)f->o->dims[a]) return IG_OK;
    if (f->left-- == 0) return ig_hdf5_bad(f->h, f->o->address, err, "a dataset has more chunks than room for them");
    IG_TRY(ig_hdf5_bytes(f->h, k->address, k->size ? k->size : f->chunk_bytes, &raw, err));
    bool plain = l->n_filters == 0 || (l->partial_unfiltered && passes_edge(f->o, k));
    if (plain && raw.n != f->chunk_bytes) return ig_hdf5_bad(f->h, k->address, err, "a chunk has the wrong length");
    if (!plain) IG_TRY(ig_hdf5_unfilter(f->h, l, k->mask, raw, f->chunk, f->chunk_bytes, err));
    place_chunk(f, k, plain ? raw.p : f->chunk);
    return IG_OK;
}

static ig_status read_chunks(ig_hdf5 *h, const ig_hdf5_object *o, uint8_t *out, ig_error *err) {
    const ig_hdf5_layout *l = o->layout;
    filling f = {.h = h, .o = o, .out = out, .left = 1};
    size_t bytes = o->type.size;
    if (l->chunk_rank != o->rank) return ig_hdf5_bad(h, o->address, err, "the chunks of a dataset have another rank");
    for (int a = 0; a < o->rank; a++) {
        if (l->chunk[a] == 0 || l->chunk[a] > UINT32_MAX || ig_mul_overflows(bytes, (size_t)l->chunk[a], &bytes) ||
            bytes > UINT32_MAX)
            return ig_hdf5_bad(h, o->address, err, "the size of a dataset's chunks is impossible");
        f.left *= (uint64_t)o->dims[a] / l->chunk[a] + ((uint64_t)o->dims[a] % l->chunk[a] != 0);
    }
    f.chunk_bytes = bytes;
    if (bytes > h->arena->context->limits.memory) return too_large(o, err);
    f.chunk = ig_alloc(h->arena->context, bytes);
    if (!f.chunk) return ig_oom(err);
    ig_status status = ig_hdf5_chunks(h, o, take_chunk, &f, err);
    ig_release(h->arena->context, f.chunk);
    return status;
}

/* ----------------------------------------------------------------------------------------------------------------- all */

static void fill(const ig_hdf5_object *o, uint8_t *out, size_t bytes) {
    ig_span value = o->layout->fill;
    size_t width = o->type.size;
    if (value.n != width) {
        memset(out, 0, bytes);
        return;
    }
    for (size_t i = 0; i < bytes; i += width) memcpy(out + i, value.p, width);
}

/* The elements as they stand in the file. */
static ig_status read_raw(ig_hdf5 *h, const ig_hdf5_object *o, uint8_t *out, size_t bytes, ig_error *err) {
    const ig_hdf5_layout *l = o->layout;
    ig_span piece = {0};
    if (bytes == 0) return IG_OK;
    if (l->external || l->storage == IG_HDF5_VIRTUAL)
        return ig_fail(err, IG_E_UNSUPPORTED, "the content of an HDF5 dataset lies in other files, which aren't opened");
    if (l->storage == IG_HDF5_CHUNKED) {
        fill(o, out, bytes);
        return read_chunks(h, o, out, err);
    }
    IG_TRY(one_piece(h, o, bytes, &piece, err));
    if (piece.p)
        memcpy(out, piece.p, bytes);
    else
        fill(o, out, bytes);
    return IG_OK;
}

static void swap_bytes(uint8_t *p, size_t bytes, size_t width) {
    for (size_t i = 0; i < bytes; i += width)
        for (size_t k = 0; k < width / 2; k++) {
            uint8_t t = p[i + k];
            p[i + k] = p[i + width - 1 - k];
            p[i + width - 1 - k] = t;
        }
}

ig_status ig_hdf5_read(ig_hdf5 *h, const ig_hdf5_object *o, void *out, ig_error *err) {
    size_t bytes;
    if (o->type.kind != IG_HDF5_NUMBER && o->type.kind != IG_HDF5_OPAQUE)
        return ig_fail(err, IG_E_UNSUPPORTED, "an HDF5 dataset has elements of a kind that isn't read");
    if (!content_bytes(o, &bytes)) return too_large(o, err);
    IG_TRY(read_raw(h, o, out, bytes, err));
    if (o->type.big_endian) swap_bytes(out, bytes, o->type.size);
    return IG_OK;
}

/* --------------------------------------------------------------------------------------------------------------- texts */

static ig_status texts_of(ig_hdf5 *h, const ig_hdf5_type *type, int64_t count, const uint8_t *data, ig_str **out,
                          ig_error *err) {
    ig_str *texts = *out = IG_NEW_ARRAY(h->arena, ig_str, (size_t)count);
    if (!texts) return ig_oom(err);
    for (int64_t i = 0; i < count; i++) {
        ig_reader r = {.span = {data + (size_t)i * type->size, type->size}};
        ig_span text = r.span;
        if (type->kind == IG_HDF5_VARIABLE) { /* length, address of a collection, number in it */
            uint32_t n = ig_read_u32(&r);
            uint64_t address = ig_hdf5_offset(h, &r);
            uint32_t number = ig_read_u32(&r);
            text = (ig_span){(const uint8_t *)"", 0};
            if (r.failed) return ig_hdf5_bad(h, 0, err, "a text is cut off");
            if (n) IG_TRY(ig_hdf5_global_get(h, address, number, &text, err));
            text.n = ig_min_size(text.n, n);
        }
        const uint8_t *end = text.n ? memchr(text.p, 0, text.n) : NULL;
        if (end) text.n = (size_t)(end - text.p);
        while (type->space_padded && text.n && text.p[text.n - 1] == ' ') text.n--;
        texts[i] = ig_str_of(text);
    }
    return IG_OK;
}

static bool is_text(const ig_hdf5_type *t) { return t->kind == IG_HDF5_TEXT || t->kind == IG_HDF5_VARIABLE; }

ig_status ig_hdf5_attr_texts(ig_hdf5 *h, const ig_hdf5_attr *a, ig_str **out, ig_error *err) {
    *out = NULL;
    if (!is_text(&a->type))
        return ig_fail(err, IG_E_INPUT, "HDF5 attribute '%.*s' is no text", (int)ig_min_size(a->name.n, 80), a->name.s);
    return texts_of(h, &a->type, a->count, a->data.p, out, err);
}

ig_status ig_hdf5_texts(ig_hdf5 *h, const ig_hdf5_object *o, ig_str **out, ig_error *err) {
    size_t bytes;
    *out = NULL;
    if (!is_text(&o->type)) return ig_fail(err, IG_E_INPUT, "an HDF5 dataset has no texts where texts should be");
    if (!content_bytes(o, &bytes) || bytes > h->arena->context->limits.memory) return too_large(o, err);
    uint8_t *raw = ig_arena_alloc(h->arena, bytes);
    if (!raw) return ig_oom(err);
    IG_TRY(read_raw(h, o, raw, bytes, err));
    return texts_of(h, &o->type, o->count, raw, out, err);
}
