/* HDF5: the indexes that say where the chunks of a dataset lie (sections III.A.1, III.A.2, VII). */
#include "codec/hdf5_file.h"

enum { MAX_LEVELS = 32 };

typedef struct chunks {
    ig_hdf5 *h;
    const ig_hdf5_object *o;
    const ig_hdf5_layout *l;
    int order[IG_MAX_RANK];      /* axes from the slowest to the fastest, as arrays number chunks */
    uint64_t along[IG_MAX_RANK]; /* chunks along each axis, as arrays number them: at the dataset's largest size */
    uint64_t total;              /* numbers to look at */
    uint64_t bytes;              /* of an unfiltered chunk */
    ig_hdf5_chunk_fn visit;
    void *user;
    ig_error *err;
} chunks;

static uint64_t divide_up(uint64_t size, uint64_t unit) { return size / unit + (size % unit != 0); }

/* Arrays number chunks by the largest size that the dataset may have, an axis without limit first. */
static ig_status plan_numbers(chunks *c) {
    const ig_hdf5_object *o = c->o;
    int n = 0;
    c->total = 1;
    for (int pass = 0; pass < 2; pass++)
        for (int a = 0; a < o->rank; a++)
            if ((c->l->max_dims[a] == IG_HDF5_NOWHERE) == (pass == 0)) c->order[n++] = a;
    for (int i = n; i-- > 0;) {
        int a = c->order[i];
        uint64_t size = (uint64_t)o->dims[a], most = c->l->max_dims[a];
        c->along[a] = divide_up(most == IG_HDF5_NOWHERE || most < size ? size : most, c->l->chunk[a]);
        if (__builtin_mul_overflow(c->total, c->along[a], &c->total))
            return ig_hdf5_bad(c->h, o->address, c->err, "a dataset has too many chunks");
    }
    return IG_OK;
}

static ig_status visit_number(chunks *c, uint64_t i, uint64_t address, uint64_t size, uint32_t mask) {
    ig_hdf5_chunk k = {.address = address, .size = size, .mask = mask};
    if (address == IG_HDF5_NOWHERE || i >= c->total) return IG_OK;
    for (int n = c->o->rank; n-- > 0;) {
        int a = c->order[n];
        k.at[a] = i % c->along[a];
        i /= c->along[a];
    }
    return c->visit(c->user, &k, c->err);
}

/* -------------------------------------------------------------------------------------------------- B-tree of version 1 */

static ig_status walk_tree(chunks *c, uint64_t address, int level) {
    ig_reader r;
    ig_hdf5 *h = c->h;
    IG_TRY(ig_hdf5_block(h, address, "TREE", &r, c->err));
    unsigned type = ig_read_u8(&r);
    int own = ig_read_u8(&r);
    size_t n = ig_read_u16(&r);
    if (type != 1 || own >= MAX_LEVELS || (level >= 0 && own != level))
        return ig_hdf5_bad(h, address, c->err, "a tree of chunks is impossible");
    IG_TRY(ig_hdf5_spend(h, n + 1, c->err));
    ig_hdf5_offset(h, &r);
    ig_hdf5_offset(h, &r);
    for (size_t i = 0; i < n; i++) {
        ig_hdf5_chunk k = {.size = ig_read_u32(&r), .mask = ig_read_u32(&r)};
        for (int a = 0; a < c->o->rank; a++) k.at[a] = ig_read_u64(&r) / c->l->chunk[a];
        ig_read_u64(&r);
        k.address = ig_hdf5_offset(h, &r);
        if (r.failed) return ig_hdf5_bad(h, address, c->err, "a tree of chunks is cut off");
        IG_TRY(own == 0 ? c->visit(c->user, &k, c->err) : walk_tree(c, k.address, own - 1));
    }
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------- entries of the arrays */

typedef struct entries {
    size_t bytes;      /* of one */
    size_t size_bytes; /* of a filtered chunk's size; 0: unfiltered */
} entries;

static bool plan_entries(const chunks *c, unsigned client, size_t bytes, entries *e) {
    *e = (entries){.bytes = bytes};
    if (client == 0) return bytes == c->h->offset_size;
    if (client != 1 || bytes <= c->h->offset_size + 4u || bytes > c->h->offset_size + 12u) return false;
    e->size_bytes = bytes - c->h->offset_size - 4;
    return true;
}

/* n entries from `r` on are those of chunks `first` and following. */
static ig_status take_entries(chunks *c, const entries *e, ig_reader *r, uint64_t first, uint64_t n) {
    IG_TRY(ig_hdf5_spend(c->h, n, c->err));
    for (uint64_t i = 0; i < n; i++) {
        uint64_t address = ig_hdf5_offset(c->h, r), size = 0;
        uint32_t mask = 0;
        if (e->size_bytes) {
            size = ig_hdf5_uint(r, e->size_bytes);
            mask = ig_read_u32(r);
        }
        if (r->failed) return ig_hdf5_bad(c->h, 0, c->err, "an index of chunks is cut off");
        IG_TRY(visit_number(c, first + i, address, size, mask));
    }
    return IG_OK;
}

/* Entries in pages of 2^bits, each with a checksum behind it. Bit p of the bitmap (from the top of each byte): page p was
 * written. */
static ig_status take_pages(chunks *c, const entries *e, ig_reader *r, ig_span bitmap, size_t first_bit, unsigned bits,
                            uint64_t first, uint64_t n) {
    for (uint64_t done = 0, page = 0; done < n; page++) {
        uint64_t here = ig_hdf5_bits(n - done) > bits ? UINT64_C(1) << bits : n - done, bit = first_bit + page;
        IG_TRY(ig_hdf5_spend(c->h, 1, c->err));
        if (bit / 8 < bitmap.n && bitmap.p[bit / 8] & (0x80 >> bit % 8)) {
            ig_reader in = *r;
            IG_TRY(take_entries(c, e, &in, first + done, here));
        }
        ig_read_bytes(r, (size_t)here * e->bytes + 4);
        done += here;
    }
    return IG_OK;
}

/* ----------------------------------------------------------------------------------------------------------- fixed array */

static ig_status fixed_array(chunks *c) {
    ig_hdf5 *h = c->h;
    ig_reader r;
    entries e;
    IG_TRY(ig_hdf5_block(h, c->l->address, "FAHD", &r, c->err));
    ig_read_u8(&r);
    unsigned client = ig_read_u8(&r), bytes = ig_read_u8(&r), page_bits = ig_read_u8(&r);
    uint64_t n = ig_hdf5_length(h, &r), block = ig_hdf5_offset(h, &r);
    if (r.failed || page_bits > 31 || !plan_entries(c, client, bytes, &e))
        return ig_hdf5_bad(h, c->l->address, c->err, "an array of chunks is impossible");
    if (block == IG_HDF5_NOWHERE) return IG_OK;
    IG_TRY(ig_hdf5_block(h, block, "FADB", &r, c->err));
    ig_read_bytes(&r, 2u + h->offset_size);
    if (n <= UINT64_C(1) << page_bits) return take_entries(c, &e, &r, 0, n);
    uint64_t pages = ((n - 1) >> page_bits) + 1;
    ig_span bitmap = ig_read_bytes(&r, (size_t)((pages + 7) / 8));
    ig_read_u32(&r); /* checksum */
    if (r.failed) return ig_hdf5_bad(h, block, c->err, "an index of chunks is cut off");
    return take_pages(c, &e, &r, bitmap, 0, page_bits, 0, n);
}

/* ------------------------------------------------------------------------------------------------------ extensible array */

typedef struct extensible {
    chunks *c;
    entries e;
    unsigned max_bits, in_index, min_elements, min_pointers, page_bits;
    uint64_t first; /* number of the next data block's first chunk */
} extensible;

static size_t block_offset_bytes(const extensible *x) { return (x->max_bits + 7u) / 8; }

/* One data block of n entries. `bitmap` has a bit for each of its pages, from first_bit on. */
static ig_status data_block(extensible *x, uint64_t address, uint64_t n, ig_span bitmap, size_t first_bit) {
    ig_reader r;
    uint64_t first = x->first;
    x->first += n;
    if (address == IG_HDF5_NOWHERE || first >= x->c->total) return IG_OK;
    IG_TRY(ig_hdf5_block(x->c->h, address, "EADB", &r, x->c->err));
    ig_read_bytes(&r, 2u + x->c->h->offset_size + block_offset_bytes(x));
    bool paged = n > UINT64_C(1) << x->page_bits;
    if (!paged) return take_entries(x->c, &x->e, &r, first, n < x->c->total - first ? n : x->c->total - first);
    ig_read_u32(&r); /* checksum */
    return take_pages(x->c, &x->e, &r, bitmap, first_bit, x->page_bits, first, n);
}

/* Data blocks of super block s: 2^(s/2) of them, each of 2^((s+1)/2) times the smallest number of entries. */
static uint64_t blocks_of(unsigned s) { return UINT64_C(1) << s / 2; }
static uint64_t entries_of(const extensible *x, unsigned s) { return (uint64_t)x->min_elements << (s + 1) / 2; }

static ig_status super_block(extensible *x, uint64_t address, unsigned s) {
    ig_hdf5 *h = x->c->h;
    ig_reader r;
    uint64_t blocks = blocks_of(s), n = entries_of(x, s);
    if (address == IG_HDF5_NOWHERE) {
        x->first += blocks * n;
        return IG_OK;
    }
    IG_TRY(ig_hdf5_block(h, address, "EASB", &r, x->c->err));
    ig_read_bytes(&r, 2u + h->offset_size + block_offset_bytes(x));
    bool paged = n > UINT64_C(1) << x->page_bits;
    size_t pages = paged ? (size_t)(n >> x->page_bits) : 0;
    ig_span bitmap = ig_read_bytes(&r, (pages + 7) / 8 * (size_t)blocks);
    for (uint64_t b = 0; b < blocks && x->first < x->c->total; b++) {
        IG_TRY(ig_hdf5_spend(h, 1, x->c->err));
        uint64_t block = ig_hdf5_offset(h, &r);
        if (r.failed) return ig_hdf5_bad(h, address, x->c->err, "an index of chunks is cut off");
        IG_TRY(data_block(x, block, n, bitmap, (size_t)b * pages));
    }
    return IG_OK;
}

static ig_status extensible_array(chunks *c) {
    ig_hdf5 *h = c->h;
    ig_reader r;
    extensible x = {.c = c};
    IG_TRY(ig_hdf5_block(h, c->l->address, "EAHD", &r, c->err));
    ig_read_u8(&r);
    unsigned client = ig_read_u8(&r), bytes = ig_read_u8(&r);
    x.max_bits = ig_read_u8(&r);
    x.in_index = ig_read_u8(&r);
    x.min_elements = ig_read_u8(&r);
    x.min_pointers = ig_read_u8(&r);
    x.page_bits = ig_read_u8(&r);
    for (int i = 0; i < 6; i++) ig_hdf5_length(h, &r);
    uint64_t index = ig_hdf5_offset(h, &r);
    bool powers = x.min_elements && !(x.min_elements & (x.min_elements - 1)) && x.min_pointers &&
                  !(x.min_pointers & (x.min_pointers - 1));
    if (r.failed || !powers || x.max_bits > 64 || x.page_bits > 31 || x.max_bits < ig_hdf5_bits(x.min_elements) - 1 ||
        !plan_entries(c, client, bytes, &x.e))
        return ig_hdf5_bad(h, c->l->address, c->err, "an array of chunks is impossible");
    if (index == IG_HDF5_NOWHERE) return IG_OK;
    IG_TRY(ig_hdf5_block(h, index, "EAIB", &r, c->err));
    ig_read_bytes(&r, 2u + h->offset_size);
    IG_TRY(take_entries(c, &x.e, &r, 0, x.in_index));
    x.first = x.in_index;
    unsigned supers = 1 + x.max_bits - (ig_hdf5_bits(x.min_elements) - 1),
             inline_supers = 2 * (ig_hdf5_bits(x.min_pointers) - 1), s = 0;
    for (; s < inline_supers && s < supers; s++) /* the data blocks of the first ones are named by the index itself */
        for (uint64_t b = 0; b < blocks_of(s); b++) {
            uint64_t block = ig_hdf5_offset(h, &r);
            if (r.failed) return ig_hdf5_bad(h, index, c->err, "an index of chunks is cut off");
            IG_TRY(ig_hdf5_spend(h, 1, c->err));
            IG_TRY(data_block(&x, block, entries_of(&x, s), (ig_span){0}, 0));
        }
    for (; s < supers && x.first < c->total; s++) {
        uint64_t block = ig_hdf5_offset(h, &r);
        if (r.failed) return ig_hdf5_bad(h, index, c->err, "an index of chunks is cut off");
        IG_TRY(super_block(&x, block, s));
    }
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------------- B-tree of version 2 */

static ig_status take_record(void *user, unsigned type, ig_span record, ig_error *err) {
    chunks *c = user;
    ig_reader r = {.span = record};
    ig_hdf5_chunk k = {.address = ig_hdf5_offset(c->h, &r)};
    size_t rank = (size_t)c->o->rank, fixed = c->h->offset_size + 8 * rank + (type == 11 ? 4 : 0);
    if ((type != 10 && type != 11) || record.n < fixed || record.n > fixed + 8)
        return ig_hdf5_bad(c->h, 0, err, "a tree of chunks is of an unknown kind");
    if (type == 11) {
        k.size = ig_hdf5_uint(&r, record.n - fixed);
        k.mask = ig_read_u32(&r);
    }
    for (size_t a = 0; a < rank; a++) k.at[a] = ig_read_u64(&r);
    return c->visit(c->user, &k, err);
}

/* ------------------------------------------------------------------------------------------------------------------- all */

static ig_status implicit(chunks *c) {
    uint64_t at = c->l->address;
    IG_TRY(ig_hdf5_spend(c->h, c->total, c->err));
    for (uint64_t i = 0; i < c->total; i++, at += c->bytes) IG_TRY(visit_number(c, i, at, 0, 0));
    return IG_OK;
}

ig_status ig_hdf5_chunks(ig_hdf5 *h, const ig_hdf5_object *o, ig_hdf5_chunk_fn visit, void *user, ig_error *err) {
    const ig_hdf5_layout *l = o->layout;
    chunks c = {.h = h, .o = o, .l = l, .visit = visit, .user = user, .err = err};
    c.bytes = o->type.size;
    for (int a = 0; a < o->rank; a++) c.bytes *= l->chunk[a];
    if (l->address == IG_HDF5_NOWHERE || o->count == 0) return IG_OK;
    IG_TRY(plan_numbers(&c));
    switch (l->index) {
    case IG_HDF5_BTREE1: return walk_tree(&c, l->address, -1);
    case IG_HDF5_SINGLE: return visit_number(&c, 0, l->address, l->single_size, l->single_mask);
    case IG_HDF5_IMPLICIT: return implicit(&c);
    case IG_HDF5_FIXED_ARRAY: return fixed_array(&c);
    case IG_HDF5_EXTENSIBLE_ARRAY: return extensible_array(&c);
    default: return ig_hdf5_btree2(h, l->address, take_record, &c, err);
    }
}
