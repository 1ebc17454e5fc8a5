/* Any bytes: reading never fails in a bad way, and what was read is written so that reading it again gives the same bytes. */
#include "codec/protobuf.h"

#include "codec/protobuf_structs.h"
#include "unit/protobuf_messages.def"

#include "codec/protobuf_tables.h"
#include "unit/protobuf_messages.def"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool once(ig_arena *arena, ig_span in, ig_span *out) {
    ig_error err;
    ig_pb_reader r = {arena, in.p, 32, &err, NULL};
    t_all m = {0};
    if (ig_pb_read(&r, &t_all_pb, in, &m, NULL) != IG_OK) return false;
    return ig_pb_encode(arena, &t_all_pb, &m, out, &err) == IG_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ig_context *context;
    if (ig_context_create(&context, NULL, NULL) != IG_OK) return 0;
    ig_arena arena;
    ig_arena_init(&arena, context);
    ig_span first, second;
    if (once(&arena, (ig_span){data, size}, &first)) {
        if (!once(&arena, first, &second)) abort();
        if (first.n != second.n || memcmp(first.p, second.p, first.n) != 0) abort();
    }
    ig_arena_free(&arena);
    ig_context_free(context);
    return 0;
}
