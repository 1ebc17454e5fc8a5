/* Any bytes as the index of a checkpoint, or a checkpoint of version 1: the table, its blocks and its messages. Its shards are
 * elsewhere and missing here. */
#include "formats/format.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ig_context *context;
    ig_context_options limits = {IG_OPTIONS(ig_context_options), .limits = {.memory = 256 << 20, .depth = 16}};
    if (size == 0 || ig_context_create(&context, &limits, NULL) != IG_OK) return 0;
    ig_open_options options = {IG_OPTIONS(ig_open_options), .context = context, .format = "tf-checkpoint"};
    ig_model *m;
    ig_tensor *t;
    if (ig_model_open_memory(&m, data, size, &options, NULL) == IG_OK) {
        for (size_t i = 0; i < m->graph->initializers.n; i++) {
            ig_const *c = m->graph->initializers.items[i]->constant;
            if (!c->bad) ig_const_tensor(m, c, &t, NULL);
        }
        ig_model_free(m);
    }
    if (ig_context_memory(context, NULL) != 0) abort();
    ig_context_free(context);
    return 0;
}
