/* Any bytes as a Keras model, read and lowered. The first byte says as what: an archive, an HDF5 file, or the text of a config
 * by itself (of Keras 2 or 3), which gets past the containers. */
#include "formats/keras/keras.h"
#include "formats/lower.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ig_status read_config(ig_model *m, int version, ig_str text) {
    ig_keras_reader r;
    const ig_json *config;
    IG_TRY(ig_keras_reader_init(&r, m, NULL));
    r.version = version;
    ig_status status = ig_json_parse(&config, &r.arena, text, NULL);
    if (status == IG_OK) status = ig_keras_read_model(&r, config);
    ig_keras_reader_free(&r);
    return status;
}

static void look(ig_model *m) {
    ig_error err = {0};
    ig_tensor *t;
    for (size_t i = 0; i < m->graph->initializers.n; i++) {
        ig_const *c = m->graph->initializers.items[i]->constant;
        if (c && !c->bad && c->bytes < 1 << 20) ig_const_tensor(m, c, &t, NULL);
    }
    if (ig_model_lower(m, &err) == IG_OK && ig_model_validate(m, &err) != IG_OK) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const ig_context_options limits = {IG_OPTIONS(ig_context_options), .limits = {.memory = 256 << 20, .depth = 32}};
    static const char *const formats[] = {"keras", "keras-h5"};
    ig_context *context;
    ig_model *m;
    if (size < 2 || ig_context_create(&context, &limits, NULL) != IG_OK) return 0;
    unsigned kind = data[0] & 3;
    if (kind < 2) {
        ig_open_options options = {IG_OPTIONS(ig_open_options), .context = context, .format = formats[kind]};
        if (ig_model_open_memory(&m, data + 1, size - 1, &options, NULL) == IG_OK) {
            look(m);
            ig_model_free(m);
        }
    } else if (ig_model_new(&m, context, NULL) == IG_OK) {
        if (read_config(m, (int)kind, (ig_str){(const char *)data + 1, size - 1}) == IG_OK) look(m);
        ig_model_free(m);
    }
    ig_context_free(context);
    return 0;
}
