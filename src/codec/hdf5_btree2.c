/* HDF5: B-trees of version 2 (section III.A.2), which index links, attributes, huge objects and chunks. */
#include "codec/hdf5_file.h"

enum { MAX_DEPTH = 16, NODE_OVERHEAD = 4 + 1 + 1 + 4 };

typedef struct tree {
    ig_hdf5 *h;
    unsigned type;
    size_t node_size, record_size;
    size_t count_bytes;                /* of a child's number of records */
    size_t total_bytes[MAX_DEPTH + 1]; /* of the number of records below a child of a node at this depth */
    ig_hdf5_record_fn visit;
    void *user;
    ig_error *err;
} tree;

static size_t bytes_for(uint64_t x) { return ((size_t)ig_hdf5_bits(x) + 7) / 8; }

/* How wide the counts in inner nodes are follows from how many records fit into nodes of each depth. */
static bool plan_widths(tree *t, unsigned depth) {
    uint64_t most = (t->node_size - NODE_OVERHEAD) / t->record_size, below = most;
    t->count_bytes = bytes_for(most);
    t->total_bytes[0] = 0;
    for (unsigned d = 1; d <= depth; d++) {
        size_t pointer = t->h->offset_size + t->count_bytes + t->total_bytes[d - 1];
        if (t->node_size < NODE_OVERHEAD + pointer) return false;
        most = (t->node_size - NODE_OVERHEAD - pointer) / (t->record_size + pointer);
        if (__builtin_mul_overflow(below, most + 1, &below) || __builtin_add_overflow(below, most, &below)) return false;
        t->total_bytes[d] = bytes_for(below);
    }
    return true;
}

/* Records and children of a node in turn. Depth falls, so it ends; the budget bounds what a web of nodes may cost. */
static ig_status walk(tree *t, uint64_t address, uint64_t n, unsigned depth) {
    ig_reader r, children;
    IG_TRY(ig_hdf5_block(t->h, address, depth ? "BTIN" : "BTLF", &r, t->err));
    ig_read_u8(&r);
    unsigned type = ig_read_u8(&r);
    if (r.failed || type != t->type || n > t->node_size / t->record_size)
        return ig_hdf5_bad(t->h, address, t->err, "a node of a tree is impossible");
    IG_TRY(ig_hdf5_spend(t->h, n + 1, t->err));
    children = r;
    ig_read_bytes(&children, (size_t)n * t->record_size);
    for (uint64_t i = 0; i <= n; i++) {
        if (depth) {
            uint64_t child = ig_hdf5_offset(t->h, &children), count = ig_hdf5_uint(&children, t->count_bytes);
            ig_read_bytes(&children, t->total_bytes[depth - 1]);
            if (children.failed) return ig_hdf5_bad(t->h, address, t->err, "a node of a tree is cut off");
            IG_TRY(walk(t, child, count, depth - 1));
        }
        if (i == n) break;
        ig_span record = ig_read_bytes(&r, t->record_size);
        if (r.failed) return ig_hdf5_bad(t->h, address, t->err, "a node of a tree is cut off");
        IG_TRY(t->visit(t->user, t->type, record, t->err));
    }
    return IG_OK;
}

ig_status ig_hdf5_btree2(ig_hdf5 *h, uint64_t address, ig_hdf5_record_fn visit, void *user, ig_error *err) {
    tree t = {.h = h, .visit = visit, .user = user, .err = err};
    ig_reader r;
    if (address == IG_HDF5_NOWHERE) return IG_OK;
    IG_TRY(ig_hdf5_block(h, address, "BTHD", &r, err));
    ig_read_u8(&r);
    t.type = ig_read_u8(&r);
    t.node_size = ig_read_u32(&r);
    t.record_size = ig_read_u16(&r);
    unsigned depth = ig_read_u16(&r);
    ig_read_u16(&r);
    uint64_t root = ig_hdf5_offset(h, &r), n = ig_read_u16(&r);
    if (r.failed || t.record_size == 0 || t.node_size < NODE_OVERHEAD + t.record_size || depth > MAX_DEPTH ||
        !plan_widths(&t, depth))
        return ig_hdf5_bad(h, address, err, "a tree is impossible");
    if (root == IG_HDF5_NOWHERE) return IG_OK;
    ig_status status = walk(&t, root, n, depth);
    return status == IG_NO ? IG_OK : status;
}
