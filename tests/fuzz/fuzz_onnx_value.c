/* Any bytes as a value in a file of its own; the first byte chooses the kind. What is read can be looked at to the last
 * element. */
#include "formats/onnx/onnx.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Depth is bounded by the reader. */
static size_t touch(const ig_tensor *t) {
    size_t sum = 0;
    for (size_t i = 0; i < t->n_items; i++) sum += touch(t->items[i]);
    if (t->kind != IG_KIND_TENSOR) return sum;
    if (t->dtype == IG_STRING)
        for (size_t i = 0; i < t->count; i++) sum += ig_hash(ig_tensor_string(t, i).s, ig_tensor_string(t, i).n, 0);
    else
        sum += ig_hash(t->data, t->bytes, 0);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const ig_kind kinds[] = {IG_KIND_TENSOR, IG_KIND_SPARSE, IG_KIND_SEQUENCE, IG_KIND_OPTIONAL, IG_KIND_MAP};
    ig_context *context;
    ig_context_options limits = {IG_OPTIONS(ig_context_options), .limits = {.memory = 256 << 20, .depth = 16}};
    if (size == 0 || ig_context_create(&context, &limits, NULL) != IG_OK) return 0;
    ig_buffer *buffer = ig_buffer_borrow(context, data + 1, size - 1);
    ig_tensor *t;
    ig_str name;
    if (ig_onnx_value_read(&t, &name, context, buffer, kinds[data[0] % IG_COUNT_OF(kinds)], NULL) == IG_OK) {
        if (touch(t) == 1) abort(); /* uses the sum */
        ig_tensor_free(t);
    }
    ig_buffer_release(buffer);
    if (ig_context_memory(context, NULL) != 0) abort();
    ig_context_free(context);
    return 0;
}
