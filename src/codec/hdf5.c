/* HDF5: the superblock (section II), finding objects, and reading numbers out of the file. */
#include "codec/hdf5_file.h"

static const uint8_t signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'};

/* The signature stands at the start or, behind a block of the user's, at 512, 1024, 2048 ... */
static bool find_signature(ig_span file, size_t *at) {
    ig_span s;
    for (size_t i = 0; ig_span_sub(file, i, sizeof signature, &s); i = i ? 2 * i : 512) {
        *at = i;
        if (memcmp(s.p, signature, sizeof signature) == 0) return true;
        if (i > SIZE_MAX / 4) break;
    }
    return false;
}

bool ig_hdf5_probe(ig_span file) {
    size_t at;
    return find_signature(file, &at);
}

ig_status ig_hdf5_bad(const ig_hdf5 *h, uint64_t at, ig_error *err, const char *what) {
    IG_UNUSED(h);
    ig_fail(err, IG_E_INPUT, "malformed HDF5 file: %s", what);
    ig_error_at(err, "HDF5 address %llu", (unsigned long long)at);
    return IG_E_INPUT;
}

ig_status ig_hdf5_bytes(const ig_hdf5 *h, uint64_t address, uint64_t n, ig_span *out, ig_error *err) {
    if (address > h->file.n || n > h->file.n - address)
        return ig_hdf5_bad(h, address, err, "it is cut off, or an address points behind its end");
    *out = (ig_span){h->file.p + address, (size_t)n};
    return IG_OK;
}

ig_status ig_hdf5_block(const ig_hdf5 *h, uint64_t address, const char *magic, ig_reader *out, ig_error *err) {
    ig_span s;
    IG_TRY(ig_hdf5_bytes(h, address, 4, &s, err));
    if (memcmp(s.p, magic, 4) != 0) {
        char what[64] = "there is no block '....' where one should be";
        memcpy(what + 19, magic, 4);
        return ig_hdf5_bad(h, address, err, what);
    }
    *out = (ig_reader){.span = {s.p + 4, h->file.n - (size_t)address - 4}};
    return IG_OK;
}

uint64_t ig_hdf5_uint(ig_reader *r, size_t n) {
    ig_span s = ig_read_bytes(r, n);
    uint64_t x = 0;
    for (size_t i = 0; i < s.n && i < 8; i++) x |= (uint64_t)s.p[i] << 8 * i;
    return x;
}

uint64_t ig_hdf5_offset(const ig_hdf5 *h, ig_reader *r) {
    uint64_t x = ig_hdf5_uint(r, h->offset_size);
    return h->offset_size < 8 && x == (UINT64_C(1) << 8 * h->offset_size) - 1 ? IG_HDF5_NOWHERE : x;
}

uint64_t ig_hdf5_length(const ig_hdf5 *h, ig_reader *r) { return ig_hdf5_uint(r, h->length_size); }

ig_status ig_hdf5_spend(ig_hdf5 *h, uint64_t n, ig_error *err) {
    if (n > h->budget) return ig_hdf5_bad(h, 0, err, "its indexes have more entries than fit into it");
    h->budget -= n;
    return IG_OK;
}

static bool good_size(uint8_t n) { return n == 2 || n == 4 || n == 8; }

/* Versions 0 and 1 (section II.A). */
static void old_superblock(ig_hdf5 *h, ig_reader *r, unsigned version) {
    ig_read_bytes(r, 4); /* versions of parts, one reserved */
    h->offset_size = ig_read_u8(r);
    h->length_size = ig_read_u8(r);
    if (!good_size(h->offset_size) || !good_size(h->length_size)) return;
    ig_read_bytes(r, 1 + 2 + 2 + 4 + (version == 1 ? 4 : 0));
    for (int i = 0; i < 4; i++) ig_hdf5_offset(h, r); /* base, free space, end, driver */
    ig_hdf5_offset(h, r);                             /* the root's name */
    h->root = ig_hdf5_offset(h, r);
}

/* Versions 2 and 3 (section II.B). */
static void new_superblock(ig_hdf5 *h, ig_reader *r) {
    h->offset_size = ig_read_u8(r);
    h->length_size = ig_read_u8(r);
    ig_read_u8(r);
    if (!good_size(h->offset_size) || !good_size(h->length_size)) return;
    for (int i = 0; i < 3; i++) ig_hdf5_offset(h, r); /* base, extension, end */
    h->root = ig_hdf5_offset(h, r);
}

ig_status ig_hdf5_open(ig_hdf5 **out, ig_arena *arena, ig_span file, ig_error *err) {
    size_t at;
    *out = NULL;
    if (!find_signature(file, &at)) return ig_fail(err, IG_E_INPUT, "this is no HDF5 file");
    ig_hdf5 *h = IG_NEW(arena, ig_hdf5);
    if (!h) return ig_oom(err);
    h->arena = arena;
    h->file = (ig_span){file.p + at, file.n - at};
    h->budget = h->file.n;
    h->root = IG_HDF5_NOWHERE;
    ig_map_init(&h->objects, arena);
    ig_map_init(&h->collections, arena);
    ig_reader r = {.span = h->file, .at = sizeof signature};
    unsigned version = ig_read_u8(&r);
    if (version > 3) return ig_fail(err, IG_E_UNSUPPORTED, "HDF5 file of an unknown version (superblock %u)", version);
    if (version < 2)
        old_superblock(h, &r, version);
    else
        new_superblock(h, &r);
    if (r.failed || h->root == IG_HDF5_NOWHERE) return ig_hdf5_bad(h, 0, err, "its superblock is cut off or impossible");
    *out = h;
    return IG_OK;
}

ig_status ig_hdf5_root(ig_hdf5 *h, const ig_hdf5_object **out, ig_error *err) {
    return ig_hdf5_object_at(h, h->root, out, err);
}

static const ig_hdf5_link *find_link(const ig_hdf5_object *o, ig_str name) {
    for (size_t i = 0; i < o->links.n; i++)
        if (ig_str_eq(o->links.items[i].name, name)) return &o->links.items[i];
    return NULL;
}

ig_status ig_hdf5_find(ig_hdf5 *h, const ig_hdf5_object *from, ig_str path, const ig_hdf5_object **out, ig_error *err) {
    *out = NULL;
    for (size_t at = 0; at <= path.n && from;) {
        const char *slash = at < path.n ? memchr(path.s + at, '/', path.n - at) : NULL;
        size_t end = slash ? (size_t)(slash - path.s) : path.n;
        if (end > at) {
            const ig_hdf5_link *link = find_link(from, (ig_str){path.s + at, end - at});
            if (!link) return IG_OK;
            IG_TRY(ig_hdf5_object_at(h, link->address, &from, err));
        }
        at = end + 1;
    }
    *out = from;
    return IG_OK;
}

const ig_hdf5_attr *ig_hdf5_attr_find(const ig_hdf5_object *o, const char *name) {
    for (size_t i = 0; i < o->attrs.n; i++)
        if (ig_str_is(o->attrs.items[i].name, name)) return &o->attrs.items[i];
    return NULL;
}
