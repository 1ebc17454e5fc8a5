/* The format "keras-h5": HDF5 files of Keras, whole models (model_config as an attribute, weights under model_weights) and
 * weights alone (of Keras 1 and 2 with lists of names, of Keras 3 as a tree of objects). */
#include "formats/keras/keras.h"

static int probe(const ig_source *s) {
    if (!s->file) return IG_PROBE_NO;
    return ig_hdf5_probe(ig_buffer_span(s->file)) ? IG_PROBE_LIKELY : IG_PROBE_NO;
}

static ig_status text_attr(ig_keras_reader *r, const ig_hdf5_object *o, const char *name, ig_str *out) {
    const ig_hdf5_attr *a = ig_hdf5_attr_find(o, name);
    ig_str *texts;
    *out = (ig_str){0};
    if (!a || a->count != 1) return IG_OK;
    IG_TRY(ig_hdf5_attr_texts(r->h, a, &texts, r->err));
    *out = texts[0];
    return IG_OK;
}

static ig_status add_weights(ig_keras_reader *r, const ig_hdf5_object *group) {
    bool listed = ig_hdf5_attr_find(group, "layer_names") || ig_hdf5_attr_find(group, "layer_names0");
    r->by_path = !listed;
    return listed ? ig_keras_add_listed(r, group) : ig_keras_add_datasets(r, group, (ig_str){0});
}

static ig_status read_all(ig_keras_reader *r, const ig_source *s) {
    const ig_hdf5_object *root, *weights;
    ig_str config, version;
    const ig_json *json;
    bool ok = true;
    IG_TRY(ig_keras_open_hdf5(r, s->file, ig_buffer_span(s->file)));
    IG_TRY(ig_hdf5_root(r->h, &root, r->err));
    IG_TRY(text_attr(r, root, "model_config", &config));
    IG_TRY(text_attr(r, root, "keras_version", &version));
    IG_TRY(ig_hdf5_find(r->h, root, IG_STR("model_weights"), &weights, r->err));
    r->model->producer_name = IG_STR("keras");
    r->model->producer_version = ig_arena_str(&r->model->arena, version, &ok);
    if (!ok) return ig_oom(r->err);
    r->version = version.s ? ig_keras_major(version) : 3;
    if (!config.s) {
        IG_TRY(ig_keras_add_datasets(r, root, (ig_str){0})); /* by the paths that h5py's users see */
        return ig_keras_add_all(r);
    }
    if (weights && weights->is_group) IG_TRY(add_weights(r, weights));
    ig_status status = ig_json_parse(&json, &r->arena, config, r->err);
    if (status == IG_E_INPUT) ig_error_at(r->err, "model_config");
    return status == IG_OK ? ig_keras_read_model(r, json) : status;
}

static ig_status read(ig_model *model, const ig_source *s, ig_error *err) {
    ig_keras_reader r;
    IG_TRY(ig_keras_reader_init(&r, model, err));
    ig_status status = read_all(&r, s);
    ig_keras_reader_free(&r);
    return status;
}

const ig_format ig_format_keras_h5 = {
    .name = "keras-h5",
    .title = "Keras model or weights in HDF5",
    .extensions = "h5 hdf5 keras",
    .domain = "keras",
    .probe = probe,
    .read = read,
};
