/* HDF5: fractal heaps (section III.G), which keep many small objects, and global heaps (III.E), which keep texts. */
#include "codec/hdf5_file.h"

enum { MAX_LEVELS = 32, MANAGED = 0, HUGE_OBJECT = 1, TINY = 2 };

static bool power_of_two(uint64_t x) { return x && (x & (x - 1)) == 0; }

ig_status ig_hdf5_heap_open(ig_hdf5 *h, uint64_t address, ig_hdf5_heap *heap, ig_error *err) {
    ig_reader r;
    IG_TRY(ig_hdf5_block(h, address, "FRHP", &r, err));
    *heap = (ig_hdf5_heap){0};
    ig_read_u8(&r);
    heap->id_bytes = ig_read_u16(&r);
    heap->filtered = ig_read_u16(&r) != 0;
    heap->checksums = ig_read_u8(&r) & 2;
    uint64_t max_managed = ig_read_u32(&r);
    ig_hdf5_length(h, &r);
    heap->huge_tree = ig_hdf5_offset(h, &r);
    ig_hdf5_length(h, &r);
    ig_hdf5_offset(h, &r);
    for (int i = 0; i < 8; i++) ig_hdf5_length(h, &r); /* statistics */
    heap->width = ig_read_u16(&r);
    heap->start = ig_hdf5_length(h, &r);
    heap->max_direct = ig_hdf5_length(h, &r);
    heap->max_bits = ig_read_u16(&r);
    ig_read_u16(&r);
    heap->root = ig_hdf5_offset(h, &r);
    heap->rows = ig_read_u16(&r);
    if (r.failed || heap->max_bits > 64 || !power_of_two(heap->width) || !power_of_two(heap->start) ||
        !power_of_two(heap->max_direct) || heap->start > heap->max_direct || heap->max_direct > UINT32_MAX)
        return ig_hdf5_bad(h, address, err, "a fractal heap is impossible");
    heap->offset_bytes = (heap->max_bits + 7) / 8;
    /* as many bytes as the largest direct block, or the largest object, needs for its size */
    unsigned by_block = (ig_hdf5_bits(heap->max_direct) - 1 + 7) / 8, by_object = (ig_hdf5_bits(max_managed) - 1) / 8 + 1;
    heap->length_bytes = max_managed && by_object < by_block ? by_object : by_block;
    return IG_OK;
}

/* Bytes of one block in a row of the doubling table. */
static uint64_t row_block(const ig_hdf5_heap *heap, uint64_t row) { return row < 2 ? heap->start : heap->start << (row - 1); }

/* An entry of an indirect block: address, and for direct blocks that are filtered their size and mask. */
static size_t entry_bytes(const ig_hdf5 *h, const ig_hdf5_heap *heap, bool direct) {
    return h->offset_size + (direct && heap->filtered ? h->length_size + 4u : 0);
}

/* The address of the direct block that holds an offset, and where the block begins in the heap. */
static ig_status find_block(ig_hdf5 *h, const ig_hdf5_heap *heap, uint64_t offset, uint64_t *address, uint64_t *begin,
                            uint64_t *size, ig_error *err) {
    uint64_t direct_rows = ig_hdf5_bits(heap->max_direct) - ig_hdf5_bits(heap->start) + 2, rows = heap->rows;
    *address = heap->root;
    *begin = 0;
    *size = heap->start;
    for (int level = 0; rows; level++) {
        uint64_t row = 0, at = *begin, skipped = 0;
        if (level == MAX_LEVELS || rows > 64) return ig_hdf5_bad(h, heap->root, err, "a fractal heap is too deep");
        for (; row < rows; row++) {
            uint64_t span = row_block(heap, row) * heap->width;
            if (offset - at < span) break;
            at += span;
        }
        if (row == rows) return ig_hdf5_bad(h, *address, err, "an object lies behind its fractal heap");
        uint64_t block = row_block(heap, row), column = (offset - at) / block;
        for (uint64_t i = 0; i < row; i++) skipped += heap->width * entry_bytes(h, heap, i < direct_rows);
        skipped += column * entry_bytes(h, heap, row < direct_rows);
        ig_reader r;
        IG_TRY(ig_hdf5_block(h, *address, "FHIB", &r, err));
        ig_read_bytes(&r, 1 + h->offset_size + heap->offset_bytes);
        ig_read_bytes(&r, (size_t)skipped);
        uint64_t parent = *address;
        *address = ig_hdf5_offset(h, &r);
        *begin = at + column * block;
        *size = block;
        if (r.failed) return ig_hdf5_bad(h, parent, err, "a fractal heap is cut off");
        if (row < direct_rows) return IG_OK;
        rows = ig_hdf5_bits(block) - ig_hdf5_bits(heap->start * heap->width) + 1;
    }
    return IG_OK;
}

static ig_status managed(ig_hdf5 *h, const ig_hdf5_heap *heap, ig_reader *id, ig_span *out, ig_error *err) {
    uint64_t offset = ig_hdf5_uint(id, heap->offset_bytes), n = ig_hdf5_uint(id, heap->length_bytes), address, begin, size;
    if (id->failed) return ig_hdf5_bad(h, heap->root, err, "the id of an object in a heap is too short");
    if (heap->filtered) return ig_fail(err, IG_E_UNSUPPORTED, "the HDF5 file has compressed heaps, which aren't read");
    IG_TRY(find_block(h, heap, offset, &address, &begin, &size, err));
    ig_reader r;
    IG_TRY(ig_hdf5_block(h, address, "FHDB", &r, err));
    if (offset < begin || offset - begin > size || n > size - (offset - begin))
        return ig_hdf5_bad(h, address, err, "an object is longer than its block of a heap");
    return ig_hdf5_bytes(h, address + (offset - begin), n, out, err);
}

/* ---- huge objects: a tree of ids to places in the file ---- */

typedef struct huge {
    ig_hdf5 *h;
    uint64_t id, address, size;
} huge;

static ig_status take_huge(void *user, unsigned type, ig_span record, ig_error *err) {
    huge *g = user;
    ig_reader r = {.span = record};
    if (type != 1) return ig_fail(err, IG_E_UNSUPPORTED, "the HDF5 file has huge objects of a kind that isn't read");
    uint64_t address = ig_hdf5_offset(g->h, &r), size = ig_hdf5_length(g->h, &r), id = ig_hdf5_length(g->h, &r);
    if (r.failed) return ig_hdf5_bad(g->h, 0, err, "an index of huge objects is cut off");
    if (id != g->id) return IG_OK;
    g->address = address;
    g->size = size;
    return IG_NO;
}

static ig_status huge_object(ig_hdf5 *h, const ig_hdf5_heap *heap, ig_reader *id, ig_span *out, ig_error *err) {
    size_t direct = (size_t)h->offset_size + h->length_size, left = ig_reader_left(id);
    if (left >= direct) { /* the id itself says where */
        uint64_t address = ig_hdf5_offset(h, id);
        return ig_hdf5_bytes(h, address, ig_hdf5_length(h, id), out, err);
    }
    huge g = {.h = h, .id = ig_hdf5_uint(id, ig_min_size(left, h->length_size)), .address = IG_HDF5_NOWHERE};
    IG_TRY(ig_hdf5_btree2(h, heap->huge_tree, take_huge, &g, err));
    if (g.address == IG_HDF5_NOWHERE) return ig_hdf5_bad(h, heap->huge_tree, err, "a huge object is not in its index");
    return ig_hdf5_bytes(h, g.address, g.size, out, err);
}

ig_status ig_hdf5_heap_get(ig_hdf5 *h, const ig_hdf5_heap *heap, ig_span id, ig_span *out, ig_error *err) {
    ig_reader r = {.span = id};
    IG_TRY(ig_hdf5_spend(h, 1, err));
    r.span.n = ig_min_size(id.n, heap->id_bytes);
    unsigned head = ig_read_u8(&r), type = head >> 4 & 3;
    if (type == MANAGED) return managed(h, heap, &r, out, err);
    if (type == HUGE_OBJECT) return huge_object(h, heap, &r, out, err);
    if (type == TINY) {
        *out = ig_read_bytes(&r, (head & 15u) + 1);
        if (!r.failed) return IG_OK;
    }
    return ig_hdf5_bad(h, heap->root, err, "the id of an object in a heap is impossible");
}

/* --------------------------------------------------------------------------------------------------------- global heaps */

/* One collection: its objects by their numbers. */
typedef struct collection {
    ig_span *objects;
    size_t n;
} collection;

/* The next object; false at the end. */
static bool next_object(const ig_hdf5 *h, ig_reader *r, uint32_t *number, ig_span *body) {
    if (ig_reader_left(r) < 8u + h->length_size) return false;
    *number = ig_read_u16(r);
    ig_read_bytes(r, 6);
    uint64_t n = ig_hdf5_length(h, r);
    if (*number == 0 || n > ig_reader_left(r)) return false; /* number 0: the free space */
    *body = ig_read_bytes(r, (size_t)n);
    ig_read_bytes(r, ig_min_size((size_t)(-n & 7), ig_reader_left(r)));
    return true;
}

static ig_status load_collection(ig_hdf5 *h, uint64_t address, collection **out, ig_error *err) {
    ig_reader r;
    uint32_t number;
    ig_span body;
    IG_TRY(ig_hdf5_block(h, address, "GCOL", &r, err));
    ig_read_bytes(&r, 4);
    uint64_t size = ig_hdf5_length(h, &r), used = 8 + (uint64_t)h->length_size;
    if (r.failed || size < used || size > h->file.n - address)
        return ig_hdf5_bad(h, address, err, "a heap of texts is cut off");
    r.span.n = (size_t)size - 4;
    collection *c = *out = IG_NEW(h->arena, collection);
    if (!c) return ig_oom(err);
    for (ig_reader count = r; next_object(h, &count, &number, &body);) {
        IG_TRY(ig_hdf5_spend(h, 1, err));
        c->n = ig_max_size(c->n, (size_t)number + 1);
    }
    IG_TRY(ig_hdf5_spend(h, c->n, err));
    c->objects = IG_NEW_ARRAY(h->arena, ig_span, c->n);
    if (!c->objects) return ig_oom(err);
    while (next_object(h, &r, &number, &body)) c->objects[number] = body;
    return ig_map_set(&h->collections, address + 1, c) ? IG_OK : ig_oom(err);
}

ig_status ig_hdf5_global_get(ig_hdf5 *h, uint64_t address, uint32_t number, ig_span *out, ig_error *err) {
    collection *c = ig_map_get(&h->collections, address + 1);
    if (!c) IG_TRY(load_collection(h, address, &c, err));
    if (number >= c->n || !c->objects[number].p) return ig_hdf5_bad(h, address, err, "a text is not in its heap");
    *out = c->objects[number];
    return IG_OK;
}
