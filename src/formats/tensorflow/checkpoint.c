/* The format "tf-checkpoint": weights without a graph. Opened by its index file, by the prefix of its files, by a folder with a
 * file "checkpoint" that names the newest one, or, in version 1, as one file. */
#include "codec/protobuf_text.h"
#include "codec/sstable.h"
#include "formats/tensorflow/bundle.h"

#include <stdio.h>

#define OBJECT_GRAPH "_CHECKPOINTABLE_OBJECT_GRAPH" /* describes the objects that the weights belonged to: no weight */

static int probe(const ig_source *s) {
    if (s->file) return ig_sstable_probe(ig_buffer_span(s->file)) ? IG_PROBE_LIKELY : IG_PROBE_NO;
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/checkpoint", s->folder);
    return n > 0 && (size_t)n < sizeof path && ig_path_kind_of(path) == IG_PATH_FILE ? IG_PROBE_LIKELY : IG_PROBE_NO;
}

static ig_status add_weights(ig_tf_reader *r, ig_tf_bundle *b) {
    ig_model *m = r->model;
    for (size_t i = 0; i < b->entries.n; i++) {
        const ig_tf_entry *e = &b->entries.items[i];
        ig_const *c;
        if (ig_str_is(ig_name_str(e->name), OBJECT_GRAPH)) continue;
        IG_TRY(ig_tf_bundle_const(b, ig_name_str(e->name), (ig_str){0}, e->name, &c));
        if (c && !ig_graph_add_initializer(m->graph, c)) return ig_oom(r->err);
    }
    return r->failed ? ig_oom(r->err) : IG_OK;
}

/* Name of the files without what tells them apart: "model.ckpt-7" for "dir/model.ckpt-7.index". */
static const char *prefix_of(ig_tf_reader *r, const char *path) {
    ig_str name = ig_str_c(ig_path_name(path));
    if (ig_str_ends(name, ".index")) name.n -= strlen(".index");
    bool ok = true;
    const char *prefix = ig_arena_str(&r->arena, name, &ok).s;
    return ok ? prefix : NULL;
}

static ig_status read_file(ig_tf_reader *r, const ig_source *s, const char *path, ig_span index) {
    if (ig_tf_is_v1(s->context, index)) return ig_tf_read_v1(r, index);
    ig_tf_bundle bundle;
    const char *prefix = path ? prefix_of(r, path) : "";
    if (!prefix) return ig_oom(r->err);
    if (!s->folder) {
        ig_fail(r->err, IG_E_ARGUMENT, "a checkpoint in several files can't be opened from memory");
        ig_error_hint(r->err, "open it by its path");
        return IG_E_ARGUMENT;
    }
    IG_TRY(ig_tf_bundle_read(&bundle, r, index, s->folder, prefix));
    return add_weights(r, &bundle);
}

/* The file name behind the last slash of the path that the text names: folders are moved after they were written. */
static ig_status newest_prefix(ig_tf_reader *r, ig_span text, const char **prefix) {
    ig_pb_text how = {.context = r->model->context, .depth = r->model->context->limits.depth, .err = r->err};
    ig_tf_checkpoint_state state = {0};
    ig_buffer *encoded;
    IG_TRY(ig_pb_text_encode(&how, &ig_tf_checkpoint_state_pb, text, &encoded));
    ig_pb_reader reader = {&r->arena, encoded->data, how.depth, r->err, NULL};
    ig_status status = ig_pb_read(&reader, &ig_tf_checkpoint_state_pb, ig_buffer_span(encoded), &state, NULL);
    bool ok = status == IG_OK;
    ig_str path = state.model_checkpoint_path;
    size_t start = path.n;
    while (ok && start && path.s[start - 1] != '/') start--;
    *prefix = ok && path.n > start ? ig_arena_str(&r->arena, (ig_str){path.s + start, path.n - start}, &ok).s : NULL;
    ig_buffer_release(encoded);
    if (status != IG_OK) return status;
    if (!ok) return ig_oom(r->err);
    return *prefix ? IG_OK : ig_fail(r->err, IG_E_INPUT, "the file 'checkpoint' names no checkpoint");
}

static ig_status read_folder(ig_tf_reader *r, const ig_source *s) {
    ig_buffer *state, *index;
    const char *prefix;
    IG_TRY(ig_buffer_map(&state, s->context, s->folder, IG_STR("checkpoint"), r->err));
    ig_status status = newest_prefix(r, ig_buffer_span(state), &prefix);
    ig_buffer_release(state);
    if (status != IG_OK) return status;
    const char *path = ig_arena_printf(&r->arena, "%s.index", prefix);
    if (!path) return ig_oom(r->err);
    if (ig_buffer_map(&index, s->context, s->folder, ig_str_c(path), r->err) != IG_OK) /* version 1 is one file */
        IG_TRY(ig_buffer_map(&index, s->context, s->folder, ig_str_c(prefix), r->err));
    if (!ig_model_keep(r->model, index)) return ig_oom(r->err);
    r->model->file_size = index->size;
    return read_file(r, s, path, ig_buffer_span(index));
}

static ig_status read(ig_model *model, const ig_source *s, ig_error *err) {
    ig_tf_reader r;
    ig_status status = ig_tf_reader_init(&r, model, s->file, err);
    if (status == IG_OK) status = s->file ? read_file(&r, s, s->path, ig_buffer_span(s->file)) : read_folder(&r, s);
    ig_tf_reader_free(&r);
    return status;
}

const ig_format ig_format_tf_checkpoint = {
    .name = "tf-checkpoint",
    .title = "TensorFlow checkpoint",
    .extensions = "index ckpt",
    .ending = ".index",
    .flags = IG_FORMAT_FOLDER,
    .probe = probe,
    .read = read,
};
