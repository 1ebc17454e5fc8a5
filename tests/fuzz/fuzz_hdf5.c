/* Any bytes as an HDF5 file: every object, attribute and dataset that can be reached is read. */
#include "codec/hdf5.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_OBJECTS = 200, MAX_BYTES = 1 << 20 };

static void look(ig_hdf5 *h, const ig_hdf5_object *o, unsigned *n, int depth) {
    ig_str *texts;
    size_t bytes;
    ig_span content;
    if (++*n > MAX_OBJECTS || depth > 8) return;
    for (size_t i = 0; i < o->attrs.n; i++) {
        uint64_t sum = 0;
        if (ig_hdf5_attr_texts(h, &o->attrs.items[i], &texts, NULL) == IG_OK)
            for (int64_t k = 0; k < o->attrs.items[i].count; k++) sum = ig_hash(texts[k].s, texts[k].n, sum);
    }
    if (o->is_dataset && ig_hdf5_map(h, o, &content) && content.n) ig_hash(content.p, content.n, 0);
    if (o->is_dataset && ig_hdf5_texts(h, o, &texts, NULL) == IG_OK && o->count) ig_hash(texts[0].s, texts[0].n, 0);
    if (o->is_dataset && !ig_mul_overflows((size_t)o->count, o->type.size, &bytes) && bytes <= MAX_BYTES) {
        void *room = malloc(bytes + 1);
        ig_hdf5_read(h, o, room, NULL);
        free(room);
    }
    for (size_t i = 0; i < o->links.n; i++) {
        const ig_hdf5_object *child;
        if (ig_hdf5_object_at(h, o->links.items[i].address, &child, NULL) == IG_OK) look(h, child, n, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const ig_context_options limits = {IG_OPTIONS(ig_context_options), .limits = {.memory = 256 << 20}};
    ig_context *context;
    if (ig_context_create(&context, &limits, NULL) != IG_OK) return 0;
    ig_arena arena;
    ig_arena_init(&arena, context);
    ig_hdf5 *h;
    const ig_hdf5_object *root;
    unsigned n = 0;
    if (ig_hdf5_open(&h, &arena, (ig_span){data, size}, NULL) == IG_OK && ig_hdf5_root(h, &root, NULL) == IG_OK)
        look(h, root, &n, 0);
    ig_arena_free(&arena);
    ig_context_free(context);
    return 0;
}
