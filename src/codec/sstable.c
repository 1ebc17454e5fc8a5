#include "codec/sstable.h"

#include "codec/crc32c.h"
#include "codec/protobuf.h"

#include <snappy-c.h>

/* A table is blocks of entries, a block that says where they are (the index), and a footer of fixed size that says where that
 * is. A block is followed by one byte for its compression and the masked CRC of both. In a block keys share prefixes with their
 * predecessors; the positions of keys that don't (restarts) stand at its end, for binary searches that nobody does here. */
enum { FOOTER = 48, TRAILER = 5, MAGIC = 8, PLAIN = 0, SNAPPY = 1 };
static const uint64_t magic = 0xdb4775248b80fb57u;

/* Snappy's densest form is copies of 64 bytes in 3: what claims to be denser is malformed. */
enum { DENSEST = 22 };

typedef struct handle {
    uint64_t offset, size;
} handle;

typedef struct table {
    ig_arena *arena;
    ig_span file;
    ig_sstable_visit visit;
    void *user;
    uint64_t end; /* of the data block that was read last: blocks stand in order, each once */
    ig_error *err;
} table;

bool ig_sstable_probe(ig_span file) { return file.n >= FOOTER && ig_load_u64(file.p + file.n - MAGIC) == magic; }

static ig_status malformed(const table *t, const char *what, uint64_t offset) {
    ig_fail(t->err, IG_E_INPUT, "malformed table: %s", what);
    ig_error_at(t->err, "block at byte %llu", (unsigned long long)offset);
    return IG_E_INPUT;
}

/* Takes a handle off the front of `in`. */
static bool take_handle(ig_span *in, handle *h) {
    const uint8_t *end = in->p + in->n, *p = ig_pb_varint(in->p, end, &h->offset);
    if (p) p = ig_pb_varint(p, end, &h->size);
    if (!p) return false;
    *in = (ig_span){p, (size_t)(end - p)};
    return true;
}

static ig_status unpack(const table *t, handle h, ig_span *block) {
    size_t n = 0;
    const char *packed = (const char *)block->p;
    if (snappy_uncompressed_length(packed, block->n, &n) != SNAPPY_OK || n / DENSEST > block->n)
        return malformed(t, "its compressed content is damaged", h.offset);
    char *plain = ig_arena_alloc(t->arena, n);
    if (!plain) return ig_oom(t->err);
    if (snappy_uncompress(packed, block->n, plain, &n) != SNAPPY_OK)
        return malformed(t, "its compressed content is damaged", h.offset);
    *block = (ig_span){(const uint8_t *)plain, n};
    return IG_OK;
}

static ig_status read_block(const table *t, handle h, ig_span *block) {
    ig_span whole;
    if (h.size > SIZE_MAX - TRAILER || h.offset > t->file.n || !ig_span_sub(t->file, h.offset, h.size + TRAILER, &whole))
        return malformed(t, "the block ends past the end of the file; the file is truncated", h.offset);
    uint8_t kind = whole.p[h.size];
    uint32_t said = ig_load_u32(whole.p + h.size + 1);
    if (ig_crc32c_mask(ig_crc32c(0, whole.p, h.size + 1)) != said)
        return malformed(t, "the checksum is wrong; the file is damaged", h.offset);
    *block = (ig_span){whole.p, h.size};
    if (kind == PLAIN) return IG_OK;
    return kind == SNAPPY ? unpack(t, h, block) : malformed(t, "its compression is unknown", h.offset);
}

/* A key while it grows and shrinks from entry to entry. */
typedef struct key {
    uint8_t *p;
    size_t n, cap;
} key;

static bool set_key(ig_arena *arena, key *k, size_t shared, ig_span rest) {
    if (shared + rest.n > k->cap) {
        size_t cap = ig_max_size(2 * k->cap, ig_max_size(shared + rest.n, 64));
        uint8_t *p = ig_arena_alloc(arena, cap);
        if (!p) return false;
        if (shared) memcpy(p, k->p, shared);
        k->p = p;
        k->cap = cap;
    }
    if (rest.n) memcpy(k->p + shared, rest.p, rest.n);
    k->n = shared + rest.n;
    return true;
}

static ig_status each_entry(const table *t, handle h, ig_sstable_visit visit, void *user) {
    ig_span block;
    IG_TRY(read_block(t, h, &block));
    uint64_t restarts = block.n >= 4 ? ig_load_u32(block.p + block.n - 4) : 0;
    if (block.n < 4 || restarts > (block.n - 4) / 4) return malformed(t, "its list of restarts is too long", h.offset);
    const uint8_t *p = block.p, *end = block.p + block.n - 4 - 4 * restarts;
    key k = {0};
    while (p < end) {
        uint64_t shared = 0, own = 0, size = 0;
        if ((p = ig_pb_varint(p, end, &shared)) != NULL && (p = ig_pb_varint(p, end, &own)) != NULL)
            p = ig_pb_varint(p, end, &size);
        if (!p || shared > k.n || own > (uint64_t)(end - p) || size > (uint64_t)(end - p) - own)
            return malformed(t, "an entry's lengths are wrong", h.offset);
        if (!set_key(t->arena, &k, shared, (ig_span){p, own})) return ig_oom(t->err);
        p += own;
        IG_TRY(visit(user, (ig_span){k.p, k.n}, (ig_span){p, size}, t->err));
        p += size;
    }
    return IG_OK;
}

static ig_status visit_index(void *user, ig_span last_key, ig_span value, ig_error *err) {
    table *t = user;
    handle h;
    IG_UNUSED(last_key);
    IG_UNUSED(err);
    if (!take_handle(&value, &h)) return malformed(t, "the index has an entry that names no block", t->end);
    if (h.offset < t->end) return malformed(t, "the index names blocks out of order", h.offset);
    t->end = h.offset + ig_min_size(h.size, t->file.n);
    return each_entry(t, h, t->visit, t->user);
}

ig_status ig_sstable_each(ig_arena *arena, ig_span file, ig_sstable_visit visit, void *user, ig_error *err) {
    table t = {.arena = arena, .file = file, .visit = visit, .user = user, .err = err};
    handle metaindex, index;
    if (file.n < FOOTER) return ig_fail(err, IG_E_INPUT, "truncated: a table has at least %d bytes", FOOTER);
    if (!ig_sstable_probe(file))
        return ig_fail(err, IG_E_INPUT, "not a table, or truncated: the magic number at its end is missing");
    ig_span footer = {file.p + file.n - FOOTER, FOOTER - MAGIC};
    if (!take_handle(&footer, &metaindex) || !take_handle(&footer, &index))
        return malformed(&t, "the footer names no index", file.n - FOOTER);
    return each_entry(&t, index, visit_index, &t);
}
