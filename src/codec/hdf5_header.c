/* HDF5: object headers (section IV.A) and the messages that make an object. */
#include "codec/hdf5_file.h"

enum {
    MESSAGE_SPACE = 0x01,
    MESSAGE_LINK_INFO = 0x02,
    MESSAGE_TYPE = 0x03,
    MESSAGE_OLD_FILL = 0x04,
    MESSAGE_FILL = 0x05,
    MESSAGE_LINK = 0x06,
    MESSAGE_EXTERNAL = 0x07,
    MESSAGE_LAYOUT = 0x08,
    MESSAGE_FILTERS = 0x0B,
    MESSAGE_ATTR = 0x0C,
    MESSAGE_CONTINUATION = 0x10,
    MESSAGE_SYMBOLS = 0x11,
    MESSAGE_ATTR_INFO = 0x15,
    FLAG_SHARED = 2,
};

/* ------------------------------------------------------------------------------------------------------------- messages */

/* Where messages go on. */
typedef struct part {
    uint64_t at, size;
} part;

typedef struct walk {
    ig_hdf5 *h;
    bool new_form, ordered; /* version 2; its messages have a creation order */
    IG_VEC(part) parts;
    ig_hdf5_message_fn visit;
    void *user;
    ig_error *err;
} walk;

static ig_status add_part(walk *w, uint64_t at, uint64_t size) {
    return IG_PUSH(w->h->arena, &w->parts, ((part){at, size})) ? IG_OK : ig_oom(w->err);
}

/* Messages of one part of the header, which a continuation block is too. */
static ig_status walk_part(walk *w, uint64_t at, uint64_t size) {
    ig_reader r = {0};
    IG_TRY(ig_hdf5_bytes(w->h, at, size, &r.span, w->err));
    size_t head = w->new_form ? (w->ordered ? 6 : 4) : 8;
    while (ig_reader_left(&r) >= head) {
        IG_TRY(ig_hdf5_spend(w->h, 1, w->err));
        unsigned type = w->new_form ? ig_read_u8(&r) : ig_read_u16(&r), n = ig_read_u16(&r), flags = ig_read_u8(&r);
        ig_read_bytes(&r, head - (w->new_form ? 4 : 5));
        ig_span body = ig_read_bytes(&r, n);
        if (r.failed) return ig_hdf5_bad(w->h, at, w->err, "a message is longer than its object header");
        if (type == MESSAGE_CONTINUATION) {
            ig_reader c = {.span = body};
            uint64_t next = ig_hdf5_offset(w->h, &c), length = ig_hdf5_length(w->h, &c);
            if (c.failed) return ig_hdf5_bad(w->h, at, w->err, "a continuation message is cut off");
            IG_TRY(add_part(w, next, length));
        } else if (type) {
            IG_TRY(w->visit(w->user, type, flags, body, w->err));
        }
    }
    return IG_OK;
}

static ig_status begin_new(walk *w, uint64_t address) {
    ig_reader r;
    IG_TRY(ig_hdf5_block(w->h, address, "OHDR", &r, w->err));
    unsigned version = ig_read_u8(&r), flags = ig_read_u8(&r);
    if (flags & 0x20) ig_read_bytes(&r, 16);
    if (flags & 0x10) ig_read_bytes(&r, 4);
    uint64_t size = ig_hdf5_uint(&r, (size_t)1 << (flags & 3));
    if (r.failed || version != 2) return ig_hdf5_bad(w->h, address, w->err, "an object header is impossible");
    w->new_form = true;
    w->ordered = flags & 4;
    return add_part(w, address + 4 + r.at, size);
}

static ig_status begin_old(walk *w, uint64_t address) {
    ig_reader r = {0};
    IG_TRY(ig_hdf5_bytes(w->h, address, 16, &r.span, w->err));
    unsigned version = ig_read_u8(&r);
    ig_read_bytes(&r, 7);
    uint64_t size = ig_read_u32(&r);
    if (version != 1) return ig_hdf5_bad(w->h, address, w->err, "there is no object header where one should be");
    return add_part(w, address + 16, size);
}

ig_status ig_hdf5_messages(ig_hdf5 *h, uint64_t address, ig_hdf5_message_fn visit, void *user, ig_error *err) {
    walk w = {.h = h, .visit = visit, .user = user, .err = err};
    ig_span s;
    IG_TRY(ig_hdf5_bytes(h, address, 4, &s, err));
    IG_TRY(memcmp(s.p, "OHDR", 4) == 0 ? begin_new(&w, address) : begin_old(&w, address));
    for (size_t i = 0; i < w.parts.n; i++) { /* grows on the way; the budget ends it */
        part p = w.parts.items[i];
        if (i && w.new_form) { /* "OCHK" before, a checksum behind */
            ig_reader r;
            IG_TRY(ig_hdf5_block(h, p.at, "OCHK", &r, err));
            if (p.size < 8) return ig_hdf5_bad(h, p.at, err, "a continuation block is too small");
            p = (part){p.at + 4, p.size - 8};
        }
        IG_TRY(walk_part(&w, p.at, p.size));
    }
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------ shared messages */

typedef struct shared {
    unsigned type;
    ig_span body;
    bool found;
} shared;

static ig_status take_shared(void *user, unsigned type, unsigned flags, ig_span body, ig_error *err) {
    shared *s = user;
    IG_UNUSED(err);
    if (type != s->type || flags & FLAG_SHARED || s->found) return IG_OK;
    s->body = body;
    s->found = true;
    return IG_OK;
}

/* A message may say only in which other header it stands (section IV.A.2, "shared message"). */
static ig_status resolve_shared(ig_hdf5 *h, unsigned type, ig_span *body, ig_error *err) {
    ig_reader r = {.span = *body};
    unsigned version = ig_read_u8(&r), kind = ig_read_u8(&r);
    if (version == 1) ig_read_bytes(&r, 6);
    if (version == 3 && kind == 1)
        return ig_fail(err, IG_E_UNSUPPORTED, "the HDF5 file keeps messages in a shared heap, which isn't read");
    shared s = {.type = type};
    uint64_t address = ig_hdf5_offset(h, &r);
    if (r.failed || version < 1 || version > 3) return ig_hdf5_bad(h, 0, err, "a shared message is impossible");
    IG_TRY(ig_hdf5_messages(h, address, take_shared, &s, err));
    if (!s.found) return ig_hdf5_bad(h, address, err, "a shared message is not where it should be");
    *body = s.body;
    return IG_OK;
}

/* ----------------------------------------------------------------------------------------------------------- attributes */

ig_status ig_hdf5_read_attr(ig_hdf5 *h, ig_hdf5_object *o, ig_span message, ig_error *err) {
    ig_reader r = {.span = message};
    ig_hdf5_attr a = {0};
    unsigned version = ig_read_u8(&r), flags = ig_read_u8(&r);
    size_t name_n = ig_read_u16(&r), type_n = ig_read_u16(&r), space_n = ig_read_u16(&r), unit = version == 1 ? 8 : 1;
    if (version == 3) ig_read_u8(&r); /* character set */
    ig_span name = ig_read_bytes(&r, ig_round_up(name_n, unit)), type = ig_read_bytes(&r, ig_round_up(type_n, unit)),
            space = ig_read_bytes(&r, ig_round_up(space_n, unit));
    if (r.failed || version < 1 || version > 3)
        return ig_hdf5_bad(h, 0, err, "an attribute is cut off or of an unknown version");
    a.name = ig_str_of(name);
    const char *end = a.name.n ? memchr(a.name.s, 0, a.name.n) : NULL;
    if (end) a.name.n = (size_t)(end - a.name.s);
    if (version > 1 && flags & 1) IG_TRY(resolve_shared(h, MESSAGE_TYPE, &type, err));
    if (version > 1 && flags & 2) IG_TRY(resolve_shared(h, MESSAGE_SPACE, &space, err));
    IG_TRY(ig_hdf5_read_type(h, type, &a.type, err));
    IG_TRY(ig_hdf5_read_space(h, space, &a.rank, a.dims, &a.count, err));
    size_t bytes;
    if (ig_mul_overflows((size_t)a.count, a.type.size, &bytes)) return ig_hdf5_bad(h, 0, err, "an attribute is too large");
    a.data = ig_read_bytes(&r, bytes);
    if (r.failed) return ig_hdf5_bad(h, 0, err, "the content of an attribute is cut off");
    return IG_PUSH(h->arena, &o->attrs, a) ? IG_OK : ig_oom(err);
}

/* -------------------------------------------------------------------------------------------------------------- layouts */

static ig_status read_old_layout(ig_hdf5 *h, ig_hdf5_layout *l, ig_reader *r, ig_error *err) {
    unsigned rank = ig_read_u8(r), class = ig_read_u8(r);
    ig_read_bytes(r, 5);
    if (class > 2 || rank > IG_MAX_RANK + 1) return ig_hdf5_bad(h, 0, err, "a layout is impossible");
    if (class) l->address = ig_hdf5_offset(h, r);
    uint64_t size = 1;
    for (unsigned i = 0; i < rank; i++) {
        l->chunk[i] = ig_read_u32(r);
        if (__builtin_mul_overflow(size, l->chunk[i], &size)) size = UINT64_MAX;
    }
    l->storage = class == 0 ? IG_HDF5_COMPACT : class == 1 ? IG_HDF5_CONTIGUOUS : IG_HDF5_CHUNKED;
    if (class == 2) {
        ig_read_u32(r); /* bytes of an element */
        l->chunk_rank = (int)rank - 1;
    } else if (class == 0) {
        l->compact = ig_read_bytes(r, ig_read_u32(r));
    } else {
        l->size = UINT64_MAX; /* as many as the shape says */
    }
    return IG_OK;
}

static ig_status read_new_chunks(ig_hdf5 *h, ig_hdf5_layout *l, ig_reader *r, ig_error *err) {
    unsigned flags = ig_read_u8(r), rank = ig_read_u8(r), width = ig_read_u8(r);
    if (rank < 1 || rank > IG_MAX_RANK + 1 || width < 1 || width > 8) return ig_hdf5_bad(h, 0, err, "a layout is impossible");
    l->partial_unfiltered = flags & 1;
    l->chunk_rank = (int)rank - 1;
    for (unsigned i = 0; i < rank; i++) l->chunk[i] = ig_hdf5_uint(r, width);
    l->index = (ig_hdf5_index)ig_read_u8(r);
    switch (l->index) {
    case IG_HDF5_SINGLE:
        if (flags & 2) {
            l->single_size = ig_hdf5_length(h, r);
            l->single_mask = ig_read_u32(r);
        }
        break;
    case IG_HDF5_IMPLICIT: break;
    case IG_HDF5_FIXED_ARRAY: ig_read_bytes(r, 1); break;
    case IG_HDF5_EXTENSIBLE_ARRAY: ig_read_bytes(r, 5); break;
    case IG_HDF5_BTREE2: ig_read_bytes(r, 6); break;
    default: return ig_hdf5_bad(h, 0, err, "a chunk index is of an unknown kind");
    }
    l->address = ig_hdf5_offset(h, r);
    return IG_OK;
}

/* Section IV.A.2.i. */
static ig_status read_layout(ig_hdf5 *h, ig_hdf5_layout *l, ig_span body, ig_error *err) {
    ig_reader r = {.span = body};
    unsigned version = ig_read_u8(&r);
    ig_status status = IG_OK;
    if (version == 1 || version == 2) {
        status = read_old_layout(h, l, &r, err);
    } else if (version >= 3 && version <= 5) { /* 5: chunks may be larger; written where 4 would be */
        unsigned class = ig_read_u8(&r);
        l->storage = class <= 3 ? (ig_hdf5_storage)(class + 1) : IG_HDF5_NONE;
        if (l->storage == IG_HDF5_NONE) return ig_hdf5_bad(h, 0, err, "a layout is of an unknown kind");
        if (l->storage == IG_HDF5_COMPACT) l->compact = ig_read_bytes(&r, ig_read_u16(&r));
        if (l->storage == IG_HDF5_CONTIGUOUS) {
            l->address = ig_hdf5_offset(h, &r);
            l->size = ig_hdf5_length(h, &r);
        }
        if (l->storage == IG_HDF5_CHUNKED && version >= 4) status = read_new_chunks(h, l, &r, err);
        if (l->storage == IG_HDF5_CHUNKED && version == 3) {
            unsigned rank = ig_read_u8(&r);
            if (rank < 1 || rank > IG_MAX_RANK + 1) return ig_hdf5_bad(h, 0, err, "a layout is impossible");
            l->chunk_rank = (int)rank - 1;
            l->address = ig_hdf5_offset(h, &r);
            for (unsigned i = 0; i < rank; i++) l->chunk[i] = ig_read_u32(&r);
        }
    } else {
        return ig_fail(err, IG_E_UNSUPPORTED, "HDF5 dataset with a layout of version %u", version);
    }
    if (status == IG_OK && r.failed) return ig_hdf5_bad(h, 0, err, "a layout is cut off");
    return status;
}

/* Section IV.A.2.l. */
static ig_status read_filters(ig_hdf5 *h, ig_hdf5_layout *l, ig_span body, ig_error *err) {
    ig_reader r = {.span = body};
    unsigned version = ig_read_u8(&r), n = ig_read_u8(&r);
    if (version == 1) ig_read_bytes(&r, 6);
    if (r.failed || version < 1 || version > 2) return ig_hdf5_bad(h, 0, err, "a list of filters is impossible");
    if (n > IG_HDF5_MAX_FILTERS) return ig_fail(err, IG_E_UNSUPPORTED, "HDF5 dataset with %u filters", n);
    for (unsigned i = 0; i < n; i++) {
        ig_hdf5_filter *f = &l->filters[i];
        f->id = ig_read_u16(&r);
        size_t name = version == 1 || f->id >= 256 ? ig_read_u16(&r) : 0;
        f->optional = ig_read_u16(&r) & 1;
        size_t values = ig_read_u16(&r);
        ig_read_bytes(&r, version == 1 ? ig_round_up(name, 8) : name);
        for (size_t k = 0; k < values && !r.failed; k++) {
            uint32_t v = ig_read_u32(&r);
            if (k < IG_COUNT_OF(f->values)) f->values[f->n++] = v;
        }
        if (version == 1 && values % 2) ig_read_u32(&r);
    }
    l->n_filters = n;
    return r.failed ? ig_hdf5_bad(h, 0, err, "a list of filters is cut off") : IG_OK;
}

/* Sections IV.A.2.e and f. */
static ig_status read_fill(ig_hdf5 *h, ig_hdf5_layout *l, ig_span body, bool old, ig_error *err) {
    ig_reader r = {.span = body};
    bool defined = true;
    if (!old) {
        unsigned version = ig_read_u8(&r);
        unsigned flags = ig_read_u8(&r);
        if (version < 3) {
            ig_read_u8(&r);
            defined = ig_read_u8(&r) || version == 1;
        } else {
            defined = flags & 0x20;
        }
    }
    if (defined && ig_reader_left(&r) >= 4) l->fill = ig_read_bytes(&r, ig_read_u32(&r));
    return r.failed ? ig_hdf5_bad(h, 0, err, "a fill value is cut off") : IG_OK;
}

/* -------------------------------------------------------------------------------------------------------------- objects */

typedef struct loading {
    ig_hdf5 *h;
    ig_hdf5_object *o;
    bool has_type, has_space;
} loading;

static ig_status read_link_info(ig_hdf5 *h, ig_hdf5_object *o, ig_span body, ig_error *err) {
    ig_reader r = {.span = body};
    ig_read_u8(&r);
    if (ig_read_u8(&r) & 1) ig_read_u64(&r);
    uint64_t heap = ig_hdf5_offset(h, &r), tree = ig_hdf5_offset(h, &r);
    if (r.failed) return ig_hdf5_bad(h, 0, err, "a link info message is cut off");
    o->is_group = true;
    return heap == IG_HDF5_NOWHERE ? IG_OK : ig_hdf5_read_dense(h, o, heap, tree, false, err);
}

static ig_status read_attr_info(ig_hdf5 *h, ig_hdf5_object *o, ig_span body, ig_error *err) {
    ig_reader r = {.span = body};
    ig_read_u8(&r);
    if (ig_read_u8(&r) & 1) ig_read_u16(&r);
    uint64_t heap = ig_hdf5_offset(h, &r), tree = ig_hdf5_offset(h, &r);
    if (r.failed) return ig_hdf5_bad(h, 0, err, "an attribute info message is cut off");
    return heap == IG_HDF5_NOWHERE ? IG_OK : ig_hdf5_read_dense(h, o, heap, tree, true, err);
}

static ig_status take_message(void *user, unsigned type, unsigned flags, ig_span body, ig_error *err) {
    loading *w = user;
    ig_hdf5 *h = w->h;
    ig_hdf5_object *o = w->o;
    if (flags & FLAG_SHARED) {
        bool wanted = type == MESSAGE_SPACE || type == MESSAGE_TYPE || type == MESSAGE_FILTERS || type == MESSAGE_FILL;
        if (!wanted) return IG_OK;
        IG_TRY(resolve_shared(h, type, &body, err));
    }
    switch (type) {
    case MESSAGE_SPACE:
        w->has_space = true;
        ig_hdf5_read_max_dims(h, body, o->layout->max_dims);
        return ig_hdf5_read_space(h, body, &o->rank, o->dims, &o->count, err);
    case MESSAGE_TYPE: w->has_type = true; return ig_hdf5_read_type(h, body, &o->type, err);
    case MESSAGE_OLD_FILL: return o->layout->fill.n ? IG_OK : read_fill(h, o->layout, body, true, err);
    case MESSAGE_FILL: return read_fill(h, o->layout, body, false, err);
    case MESSAGE_EXTERNAL: o->layout->external = true; return IG_OK;
    case MESSAGE_LAYOUT: return read_layout(h, o->layout, body, err);
    case MESSAGE_FILTERS: return read_filters(h, o->layout, body, err);
    case MESSAGE_ATTR: return ig_hdf5_read_attr(h, o, body, err);
    case MESSAGE_ATTR_INFO: return read_attr_info(h, o, body, err);
    case MESSAGE_LINK: o->is_group = true; return ig_hdf5_read_link(h, o, body, err);
    case MESSAGE_LINK_INFO: return read_link_info(h, o, body, err);
    case MESSAGE_SYMBOLS: {
        ig_reader r = {.span = body};
        uint64_t tree = ig_hdf5_offset(h, &r), heap = ig_hdf5_offset(h, &r);
        if (r.failed) return ig_hdf5_bad(h, o->address, err, "a symbol table message is cut off");
        o->is_group = true;
        return ig_hdf5_read_symbols(h, o, tree, heap, err);
    }
    default: return IG_OK;
    }
}

ig_status ig_hdf5_object_at(ig_hdf5 *h, uint64_t address, const ig_hdf5_object **out, ig_error *err) {
    *out = ig_map_get(&h->objects, address + 1);
    if (*out) return IG_OK;
    ig_hdf5_object *o = IG_NEW(h->arena, ig_hdf5_object);
    ig_hdf5_layout *l = IG_NEW(h->arena, ig_hdf5_layout);
    if (!o || !l) return ig_oom(err);
    o->address = address;
    o->layout = l;
    o->rank = -1;
    loading w = {.h = h, .o = o};
    IG_TRY(ig_hdf5_messages(h, address, take_message, &w, err));
    o->is_dataset = l->storage != IG_HDF5_NONE;
    if (o->is_dataset && (!w.has_type || !w.has_space))
        return ig_hdf5_bad(h, address, err, "a dataset has no type or no shape");
    if (!ig_map_set(&h->objects, address + 1, o)) return ig_oom(err);
    *out = o;
    return IG_OK;
}
