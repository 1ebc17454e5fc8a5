/* The format "tfjs": which of the two kinds of model it is, and layers models. */
#include "formats/keras/keras.h"
#include "formats/tfjs/tfjs.h"

#include "base/file.h"

#include <stdio.h>

static bool contains(ig_span s, const char *text) {
    size_t n = strlen(text);
    for (size_t at = 0; at + n <= s.n; at++)
        if (s.p[at] == (uint8_t)text[0] && memcmp(s.p + at, text, n) == 0) return true;
    return false;
}

/* model.json of a folder. */
static bool folder_file(const ig_source *s) {
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/model.json", s->folder[0] ? s->folder : ".");
    return n > 0 && (size_t)n < sizeof path && ig_path_kind_of(path) == IG_PATH_FILE;
}

static int probe(const ig_source *s) {
    if (!s->file) return folder_file(s) ? IG_PROBE_MAYBE : IG_PROBE_NO;
    ig_span file = ig_buffer_span(s->file), head, tail;
    size_t i = 0;
    while (i < file.n && (file.p[i] == ' ' || file.p[i] == '\n' || file.p[i] == '\r' || file.p[i] == '\t')) i++;
    if (i == file.n || file.p[i] != '{') return IG_PROBE_NO;
    head = (ig_span){file.p, ig_min_size(file.n, 1 << 16)};
    tail = (ig_span){file.p + file.n - head.n, head.n};
    bool manifest = contains(head, "\"weightsManifest\"") || contains(tail, "\"weightsManifest\"");
    bool topology = contains(head, "\"modelTopology\"") || contains(tail, "\"modelTopology\"");
    bool named = contains(head, "\"layers-model\"") || contains(head, "\"graph-model\"");
    return topology && (manifest || named) ? IG_PROBE_CERTAIN : manifest ? IG_PROBE_LIKELY : IG_PROBE_NO;
}

static ig_status parse(ig_tfjs_reader *r) {
    ig_buffer *file = r->source->file;
    if (!file) {
        IG_TRY(ig_buffer_map(&file, r->source->context, r->source->folder, IG_STR("model.json"), r->err));
        if (!ig_model_keep(r->model, file)) return ig_oom(r->err);
        r->model->file_size = file->size;
    }
    return ig_json_parse(&r->json, &r->arena, (ig_str){(const char *)file->data, file->size}, r->err);
}

static ig_status add_weights(ig_tfjs_reader *r) {
    for (size_t i = 0; i < r->weights.n; i++)
        if (!ig_graph_add_initializer(r->model->graph, r->weights.items[i]->constant)) return ig_oom(r->err);
    return IG_OK;
}

/* Keras's reader, with weights by name. */
static ig_status read_layers(ig_tfjs_reader *r, const ig_json *topology) {
    ig_keras_reader keras;
    const ig_json *config = ig_json_get(topology, "model_config");
    if (!config) config = topology;
    IG_TRY(ig_keras_reader_init(&keras, r->model, r->err));
    keras.version = ig_keras_major(ig_json_text(ig_json_get(topology, "keras_version")));
    ig_status status = IG_OK;
    for (size_t i = 0; i < r->weights.n && status == IG_OK; i++) {
        ig_value *v = ig_graph_add_initializer(r->model->graph, r->weights.items[i]->constant);
        ig_keras_array array = {.name = r->weights.items[i]->name, .as = r->weights.items[i]->name, .value = v};
        if (!v || !IG_PUSH(&keras.arena, &keras.arrays, array)) status = ig_oom(r->err);
    }
    if (status == IG_OK) status = ig_keras_read_model(&keras, config);
    ig_keras_reader_free(&keras);
    return status;
}

static ig_status read_all(ig_tfjs_reader *r) {
    IG_TRY(parse(r));
    const ig_json *topology = ig_json_get(r->json, "modelTopology");
    ig_str by = ig_json_text(ig_json_get(r->json, "generatedBy"));
    bool ok = true;
    r->model->producer_name = ig_arena_str(&r->model->arena, by, &ok);
    if (!ok) return ig_oom(r->err);
    if (ig_json_is_kind(r->json, IG_JSON_LIST)) return ig_fail(r->err, IG_E_INPUT, "a weights manifest without a model");
    IG_TRY(ig_tfjs_read_weights(r));
    bool graph = ig_json_get(topology, "node") || ig_json_is(ig_json_get(r->json, "format"), "graph-model");
    if (!topology) return add_weights(r);
    return graph ? ig_tfjs_read_graph(r) : read_layers(r, topology);
}

static ig_status read(ig_model *model, const ig_source *source, ig_error *err) {
    ig_tfjs_reader r = {.model = model, .source = source, .err = err};
    ig_arena_init(&r.arena, model->context);
    ig_names_init(&r.names, &r.arena);
    ig_map_init(&r.by_name, &r.arena);
    ig_status status = read_all(&r);
    ig_arena_free(&r.arena);
    return status;
}

const ig_format ig_format_tfjs = {
    .name = "tfjs",
    .title = "TensorFlow.js model",
    .extensions = "json",
    .flags = IG_FORMAT_FOLDER,
    .probe = probe,
    .read = read,
};
