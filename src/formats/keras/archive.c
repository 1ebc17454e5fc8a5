/* The format "keras": a zip of config.json, metadata.json and model.weights.h5. */
#include "formats/keras/keras.h"

static bool contains(ig_span s, const char *text) {
    size_t n = strlen(text);
    for (size_t at = 0; at + n <= s.n; at++)
        if (s.p[at] == (uint8_t)text[0] && memcmp(s.p + at, text, n) == 0) return true;
    return false;
}

static int probe(const ig_source *s) {
    if (!s->file) return IG_PROBE_NO;
    ig_span file = ig_buffer_span(s->file);
    if (!ig_zip_probe(file)) return IG_PROBE_NO;
    /* Names of entries stand in the directory at the end, which is read without allocating anything. */
    size_t n = ig_min_size(file.n, 1 << 16);
    ig_span tail = {file.p + file.n - n, n};
    bool has_config = contains(tail, "config.json"), has_metadata = contains(tail, "metadata.json"),
         has_weights = contains(tail, "model.weights.");
    return has_config && has_metadata && has_weights     ? IG_PROBE_CERTAIN
           : has_config && (has_metadata || has_weights) ? IG_PROBE_LIKELY
                                                         : IG_PROBE_NO;
}

static ig_status read_json(ig_keras_reader *r, const char *name, const ig_json **out) {
    size_t i;
    ig_buffer *content;
    *out = NULL;
    if (!ig_zip_find(r->zip, name, &i)) return IG_OK;
    IG_TRY(ig_zip_read(&content, r->zip, i, r->err));
    bool ok = true;
    ig_str text = ig_arena_str(&r->arena, (ig_str){(const char *)content->data, content->size}, &ok);
    ig_buffer_release(content);
    if (!ok) return ig_oom(r->err);
    ig_status status = ig_json_parse(out, &r->arena, text, r->err);
    if (status == IG_E_INPUT) ig_error_at(r->err, "%s", name);
    return status;
}

/* Stored weights stay in the mapped file. */
static ig_status open_weights(ig_keras_reader *r, const ig_source *s) {
    size_t i;
    ig_span content;
    ig_buffer *unpacked;
    if (!ig_zip_find(r->zip, "model.weights.h5", &i)) {
        if (ig_zip_find(r->zip, "model.weights.json", &i))
            return ig_fail(r->err, IG_E_UNSUPPORTED,
                           "the weights are in several shards (model.weights.json), which igata doesn't read");
        return IG_OK;
    }
    if (ig_zip_map(&content, r->zip, i)) return ig_keras_open_hdf5(r, s->file, content);
    IG_TRY(ig_zip_read(&unpacked, r->zip, i, r->err));
    if (!ig_model_keep(r->model, unpacked)) return ig_oom(r->err);
    return ig_keras_open_hdf5(r, unpacked, ig_buffer_span(unpacked));
}

static ig_status read_all(ig_keras_reader *r, const ig_source *s) {
    const ig_json *config, *metadata;
    const ig_hdf5_object *root;
    IG_TRY(ig_zip_open(&r->zip, s->context, s->file, r->err));
    IG_TRY(read_json(r, "metadata.json", &metadata));
    IG_TRY(read_json(r, "config.json", &config));
    if (!config) return ig_fail(r->err, IG_E_INPUT, "the archive has no config.json, which describes the model");
    ig_str version = ig_json_text(ig_json_get(metadata, "keras_version"));
    bool ok = true;
    r->by_path = true;
    r->model->producer_name = IG_STR("keras");
    r->model->producer_version = ig_arena_str(&r->model->arena, version, &ok);
    if (!ok) return ig_oom(r->err);
    r->version = version.s ? ig_keras_major(version) : 3;
    IG_TRY(open_weights(r, s));
    if (r->h) {
        IG_TRY(ig_hdf5_root(r->h, &root, r->err));
        IG_TRY(ig_keras_add_datasets(r, root, (ig_str){0}));
    }
    return ig_keras_read_model(r, config);
}

static ig_status read(ig_model *model, const ig_source *s, ig_error *err) {
    ig_keras_reader r;
    IG_TRY(ig_keras_reader_init(&r, model, err));
    ig_status status = read_all(&r, s);
    ig_keras_reader_free(&r);
    return status;
}

const ig_format ig_format_keras = {
    .name = "keras",
    .title = "Keras model archive",
    .extensions = "keras",
    .domain = "keras",
    .probe = probe,
    .read = read,
};
