/* HDF5: the links of groups in their three forms: symbol tables (sections III.A.1, III.B, III.D), link messages (IV.A.2.g), and
 * link messages kept in a fractal heap. */
#include "codec/hdf5_file.h"

enum { MAX_LEVELS = 32 };

static ig_status add_link(ig_hdf5 *h, ig_hdf5_object *o, ig_str name, uint64_t address, ig_error *err) {
    return IG_PUSH(h->arena, &o->links, ((ig_hdf5_link){name, address})) ? IG_OK : ig_oom(err);
}

/* -------------------------------------------------------------------------------------------------------- symbol tables */

typedef struct symbols {
    ig_hdf5 *h;
    ig_hdf5_object *o;
    ig_span names; /* data segment of the local heap */
    ig_error *err;
} symbols;

static ig_status open_names(symbols *s, uint64_t heap) {
    ig_reader r;
    IG_TRY(ig_hdf5_block(s->h, heap, "HEAP", &r, s->err));
    ig_read_bytes(&r, 4);
    uint64_t size = ig_hdf5_length(s->h, &r);
    ig_hdf5_length(s->h, &r);
    uint64_t address = ig_hdf5_offset(s->h, &r);
    if (r.failed) return ig_hdf5_bad(s->h, heap, s->err, "a local heap is cut off");
    return ig_hdf5_bytes(s->h, address, size, &s->names, s->err);
}

static ig_status read_node(symbols *s, uint64_t address) {
    ig_reader r;
    ig_hdf5 *h = s->h;
    IG_TRY(ig_hdf5_block(h, address, "SNOD", &r, s->err));
    ig_read_bytes(&r, 2);
    size_t n = ig_read_u16(&r);
    IG_TRY(ig_hdf5_spend(h, n + 1, s->err));
    for (size_t i = 0; i < n; i++) {
        uint64_t name = ig_hdf5_offset(h, &r), object = ig_hdf5_offset(h, &r);
        uint32_t cache = ig_read_u32(&r);
        ig_read_bytes(&r, 4 + 16);
        if (r.failed) return ig_hdf5_bad(h, address, s->err, "a symbol table node is cut off");
        ig_span text;
        const uint8_t *end = NULL;
        if (ig_span_sub(s->names, name, 1, &text)) end = memchr(text.p, 0, s->names.n - name);
        if (!end) return ig_hdf5_bad(h, address, s->err, "the name of a link is not in the heap of names");
        if (cache == 2) {
            s->o->n_soft++;
            continue;
        }
        IG_TRY(add_link(h, s->o, (ig_str){(const char *)text.p, (size_t)(end - text.p)}, object, s->err));
    }
    return IG_OK;
}

/* A node of the tree; `level` is what it must have, -1 at the root. The depth is bounded, for levels fall. */
static ig_status walk_tree(symbols *s, uint64_t address, int level) {
    ig_reader r;
    ig_hdf5 *h = s->h;
    IG_TRY(ig_hdf5_block(h, address, "TREE", &r, s->err));
    unsigned type = ig_read_u8(&r);
    int own = ig_read_u8(&r);
    size_t n = ig_read_u16(&r);
    if (type != 0 || own >= MAX_LEVELS || (level >= 0 && own != level))
        return ig_hdf5_bad(h, address, s->err, "a tree of links is impossible");
    IG_TRY(ig_hdf5_spend(h, n + 1, s->err));
    ig_hdf5_offset(h, &r);
    ig_hdf5_offset(h, &r);
    for (size_t i = 0; i < n; i++) {
        ig_hdf5_length(h, &r); /* key */
        uint64_t child = ig_hdf5_offset(h, &r);
        if (r.failed) return ig_hdf5_bad(h, address, s->err, "a tree of links is cut off");
        IG_TRY(own == 0 ? read_node(s, child) : walk_tree(s, child, own - 1));
    }
    return IG_OK;
}

ig_status ig_hdf5_read_symbols(ig_hdf5 *h, ig_hdf5_object *o, uint64_t tree, uint64_t heap, ig_error *err) {
    symbols s = {.h = h, .o = o, .err = err};
    if (tree == IG_HDF5_NOWHERE) return IG_OK;
    IG_TRY(open_names(&s, heap));
    return walk_tree(&s, tree, -1);
}

/* -------------------------------------------------------------------------------------------------------- link messages */

ig_status ig_hdf5_read_link(ig_hdf5 *h, ig_hdf5_object *o, ig_span message, ig_error *err) {
    ig_reader r = {.span = message};
    unsigned version = ig_read_u8(&r), flags = ig_read_u8(&r), type = flags & 8 ? ig_read_u8(&r) : 0;
    if (flags & 4) ig_read_u64(&r); /* creation order */
    if (flags & 16) ig_read_u8(&r); /* character set */
    uint64_t n = ig_hdf5_uint(&r, (size_t)1 << (flags & 3));
    if (version != 1 || n > ig_reader_left(&r))
        return ig_hdf5_bad(h, o->address, err, "a link is cut off or of an unknown version");
    ig_str name = ig_str_of(ig_read_bytes(&r, (size_t)n));
    if (type != 0) {
        o->n_soft++;
        return IG_OK;
    }
    uint64_t address = ig_hdf5_offset(h, &r);
    if (r.failed) return ig_hdf5_bad(h, o->address, err, "a link is cut off");
    return add_link(h, o, name, address, err);
}

/* -------------------------------------------------------------------------------------------------------- dense storage */

enum { RECORD_LINK_NAME = 5, RECORD_LINK_ORDER = 6, RECORD_ATTR_NAME = 8, RECORD_ATTR_ORDER = 9 };

typedef struct dense {
    ig_hdf5 *h;
    ig_hdf5_object *o;
    ig_hdf5_heap heap;
    bool attributes;
} dense;

static ig_status take_record(void *user, unsigned type, ig_span record, ig_error *err) {
    dense *d = user;
    ig_span id, object;
    size_t at = type == RECORD_LINK_NAME ? 4 : type == RECORD_LINK_ORDER ? 8 : 0;
    bool fits = d->attributes ? type == RECORD_ATTR_NAME || type == RECORD_ATTR_ORDER
                              : type == RECORD_LINK_NAME || type == RECORD_LINK_ORDER;
    if (!fits || !ig_span_sub(record, at, d->attributes ? 8 : 7, &id))
        return ig_hdf5_bad(d->h, d->o->address, err, "an index of links or attributes is of an unknown kind");
    if (d->attributes && record.n > 8 && record.p[8] & 2) return IG_OK; /* shared attributes aren't written by anyone */
    IG_TRY(ig_hdf5_heap_get(d->h, &d->heap, id, &object, err));
    return d->attributes ? ig_hdf5_read_attr(d->h, d->o, object, err) : ig_hdf5_read_link(d->h, d->o, object, err);
}

ig_status ig_hdf5_read_dense(ig_hdf5 *h, ig_hdf5_object *o, uint64_t heap, uint64_t tree, bool attributes, ig_error *err) {
    dense d = {.h = h, .o = o, .attributes = attributes};
    IG_TRY(ig_hdf5_heap_open(h, heap, &d.heap, err));
    return ig_hdf5_btree2(h, tree, take_record, &d, err);
}
