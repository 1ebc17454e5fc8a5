/* The format "savedmodel": a folder with saved_model.pb, the values of its variables and files with vocabularies. */
#include "codec/protobuf_text.h"
#include "formats/tensorflow/text.h"
#include "formats/tensorflow/variables.h"

#include <stdio.h>

/* --------------------------------------------------------------------------------------------------------------- probe */

static bool has_file(const char *folder, const char *name) {
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    return n > 0 && (size_t)n < sizeof path && ig_path_kind_of(path) == IG_PATH_FILE;
}

/* A version and messages, nothing else. */
static int probe(const ig_source *s) {
    if (!s->file)
        return has_file(s->folder, "saved_model.pb") || has_file(s->folder, "saved_model.pbtxt") ? IG_PROBE_CERTAIN : 0;
    ig_span file = ig_buffer_span(s->file), rest = file;
    ig_pb_reader r = {.base = file.p, .depth = s->context->limits.depth};
    ig_pb_tag tag = {0}, meta = {0};
    if (ig_pb_text_probe(&ig_tf_saved_model_pb, file)) return IG_PROBE_LIKELY;
    if (ig_pb_next(&r, &rest, &tag, NULL) != IG_OK || tag.number != 1 || tag.wire != IG_PB_VARINT || tag.varint != 1)
        return IG_PROBE_NO;
    if (ig_pb_next(&r, &rest, &meta, NULL) != IG_OK || meta.number != 2 || meta.wire != IG_PB_LENGTH) return IG_PROBE_NO;
    rest = meta.payload;
    ig_status status = ig_pb_next(&r, &rest, &tag, NULL);
    return status == IG_OK && tag.wire == IG_PB_LENGTH && tag.number <= 7 ? IG_PROBE_LIKELY : IG_PROBE_NO;
}

/* ---------------------------------------------------------------------------------------------------------- signatures */

#define INIT_OP "__saved_model_init_op" /* the entry among the signatures that names the initialization */

static bool is_signature(const ig_tf_signature_entry *e) { return e->value && !ig_str_starts(e->key, "__saved_model"); }

static const ig_tf_signature_entry *find_signature(const ig_tf_meta_graph *meta, const char *wanted) {
    const ig_tf_signature_entry *only = NULL;
    size_t n = 0;
    for (size_t i = 0; i < meta->signature_def.n; i++) {
        const ig_tf_signature_entry *e = meta->signature_def.items[i];
        if (!is_signature(e)) continue;
        if (ig_str_is(e->key, wanted ? wanted : "serving_default")) return e;
        only = e;
        n++;
    }
    return !wanted && n == 1 ? only : NULL;
}

static bool has_tag(const ig_tf_meta_graph *meta, const char *tag) {
    for (size_t i = 0; meta->meta_info_def && i < meta->meta_info_def->tags.n; i++)
        if (ig_str_is(meta->meta_info_def->tags.items[i], tag)) return true;
    return false;
}

typedef struct saved_model {
    ig_tf_reader *r;
    const ig_source *source;
    const char *wanted; /* signature that the caller names, or NULL */
    ig_tf_meta_graph *meta;
    const ig_tf_signature_entry *signature;
    IG_VEC(ig_node *) roots; /* initialization */
} saved_model;

static ig_status no_signature(saved_model *s, ig_tf_meta_graph *const *metas, size_t n) {
    ig_tf_reader *r = s->r;
    ig_text list;
    ig_text_init(&list, &r->arena);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < metas[i]->signature_def.n && list.n < 400; k++) {
            const ig_tf_signature_entry *e = metas[i]->signature_def.items[k];
            if (is_signature(e))
                ig_text_printf(&list, "%s%.*s", list.n ? ", " : "", (int)ig_min_size(e->key.n, 80), e->key.s ? e->key.s : "");
        }
    if (list.failed) return ig_oom(r->err);
    if (s->wanted)
        ig_fail(r->err, IG_E_ARGUMENT, "the model has no signature '%.80s'", s->wanted);
    else
        ig_fail(r->err, IG_E_ARGUMENT,
                list.n ? "the model has several signatures, none of them is the default" : "the model has no signature");
    ig_error_hint(r->err, list.n ? "choose one with --signature: %s" : "save it with signatures (tf.saved_model.save)", list.s);
    return IG_E_ARGUMENT;
}

/* Of the graphs in the file the one for serving, unless only another one has the wanted signature. */
static ig_status choose_graph(saved_model *s, const ig_tf_saved_model *pb) {
    ig_tf_reader *r = s->r;
    size_t n = pb->meta_graphs.n;
    ig_tf_meta_graph **metas = IG_NEW_ARRAY(&r->arena, ig_tf_meta_graph *, n);
    ig_pb_reader reader = ig_tf_pb(r, &r->arena);
    if (!metas) return ig_oom(r->err);
    for (size_t i = 0; i < n; i++) {
        ig_pb_path here = {NULL, "meta_graphs", i};
        if (!(metas[i] = IG_NEW(&r->arena, ig_tf_meta_graph))) return ig_oom(r->err);
        IG_TRY(ig_pb_read(&reader, &ig_tf_meta_graph_pb, pb->meta_graphs.items[i]->wire, metas[i], &here));
    }
    for (size_t pass = 0; pass < 2 && !s->signature; pass++)
        for (size_t i = 0; i < n && !s->signature; i++) {
            if (!pass && !has_tag(metas[i], "serve")) continue;
            s->signature = find_signature(metas[i], s->wanted);
            if (s->signature) s->meta = metas[i];
        }
    return s->signature ? IG_OK : no_signature(s, metas, n);
}

/* "x=serving_default_x:0 y=…" */
static void list_tensors(ig_text *text, ig_tf_tensor_entry *const *entries, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (i) ig_text_add(text, IG_STR(" "));
        ig_text_add(text, entries[i]->key);
        ig_text_add(text, IG_STR("="));
        if (entries[i]->value) ig_text_add(text, entries[i]->value->name);
    }
}

static ig_status note(ig_tf_reader *r, const char *key, ig_str value) {
    bool ok = true;
    ig_prop p = {.key = ig_arena_str(&r->model->arena, ig_str_c(key), &ok),
                 .value = ig_arena_str(&r->model->arena, value, &ok)};
    return ok && IG_PUSH(&r->model->arena, &r->model->props, p) ? IG_OK : ig_oom(r->err);
}

static ig_status note_signatures(saved_model *s) {
    const ig_tf_meta_info *info = s->meta->meta_info_def;
    ig_tf_reader *r = s->r;
    r->model->producer_name = IG_STR("TensorFlow");
    if (info) r->model->producer_version = info->tensorflow_version;
    for (size_t i = 0; info && i < info->tags.n; i++) IG_TRY(note(r, "tag", info->tags.items[i]));
    for (size_t i = 0; i < s->meta->signature_def.n; i++) {
        const ig_tf_signature_entry *e = s->meta->signature_def.items[i];
        char name[120];
        ig_text text;
        if (!is_signature(e)) continue;
        ig_text_init(&text, &r->arena);
        list_tensors(&text, e->value->inputs.items, e->value->inputs.n);
        ig_text_add(&text, IG_STR(" -> "));
        list_tensors(&text, e->value->outputs.items, e->value->outputs.n);
        if (text.failed) return ig_oom(r->err);
        snprintf(name, sizeof name, "signature %.*s", (int)ig_min_size(e->key.n, 80), e->key.s ? e->key.s : "");
        IG_TRY(note(r, name, (ig_str){text.s, text.n}));
    }
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------ inputs, outputs */

/* One tensor that a signature names, or each part of a composite one. */
typedef ig_status (*visit_tensor)(saved_model *s, ig_str name, const ig_tf_tensor_info *info);

static ig_status visit_part(saved_model *s, ig_str key, const char *part, const ig_tf_tensor_info *info, visit_tensor visit) {
    const char *name = ig_arena_printf(&s->r->arena, "%.*s.%s", (int)key.n, key.s ? key.s : "", part);
    return name ? visit(s, ig_str_c(name), info) : ig_oom(s->r->err);
}

static ig_status visit_entry(saved_model *s, const ig_tf_tensor_entry *e, visit_tensor visit) {
    const ig_tf_tensor_info *info = e->value;
    if (!info) return IG_OK;
    if (info->coo_sparse) {
        ig_tf_tensor_info values = {.name = info->coo_sparse->values_tensor_name, .dtype = info->dtype};
        ig_tf_tensor_info indices = {.name = info->coo_sparse->indices_tensor_name, .dtype = 9};
        ig_tf_tensor_info shape = {.name = info->coo_sparse->dense_shape_tensor_name, .dtype = 9};
        IG_TRY(visit_part(s, e->key, "indices", &indices, visit));
        IG_TRY(visit_part(s, e->key, "values", &values, visit));
        return visit_part(s, e->key, "dense_shape", &shape, visit);
    }
    if (!info->composite_tensor) return visit(s, e->key, info);
    for (size_t i = 0; i < info->composite_tensor->components.n; i++) {
        char part[24];
        snprintf(part, sizeof part, "%zu", i);
        IG_TRY(visit_part(s, e->key, part, info->composite_tensor->components.items[i], visit));
    }
    return IG_OK;
}

static ig_status no_tensor(saved_model *s, ig_str key, ig_str name) {
    return ig_fail(s->r->err, IG_E_INPUT, "the signature's tensor '%.*s' (%.*s) isn't in the graph",
                   (int)ig_min_size(key.n, 80), key.s ? key.s : "", (int)ig_min_size(name.n, 80), name.s ? name.s : "");
}

static ig_status make_input(saved_model *s, ig_str key, const ig_tf_tensor_info *info) {
    ig_tf_reader *r = s->r;
    ig_value *v, *input;
    ig_name name = ig_tf_name(r, key);
    IG_TRY(ig_tf_find_value(r, info->name, &v));
    if (!v) return no_tensor(s, key, info->name);
    const ig_type *type = ig_tf_make_type(r, info->dtype, info->tensor_shape);
    if (!type || !name) return ig_oom(r->err);
    return ig_tf_make_input(r, v, name, type, &input);
}

static ig_status make_output(saved_model *s, ig_str key, const ig_tf_tensor_info *info) {
    ig_tf_reader *r = s->r;
    ig_value *v;
    ig_name name = ig_tf_name(r, key);
    IG_TRY(ig_tf_find_value(r, info->name, &v));
    if (!v) return no_tensor(s, key, info->name);
    const ig_type *type = ig_tf_make_type(r, info->dtype, info->tensor_shape);
    if (!type || !name || !ig_graph_add_output(r->model->graph, v)) return ig_oom(r->err);
    ig_value_info *out = &r->model->graph->outputs.items[r->model->graph->outputs.n - 1];
    out->name = name;
    out->type = type;
    return IG_OK;
}

static ig_status connect_signature(saved_model *s) {
    const ig_tf_signature *pb = s->signature->value;
    /* Outputs first: they name tensors as the graph does, which inputs then rename. */
    for (size_t i = 0; i < pb->outputs.n; i++) IG_TRY(visit_entry(s, pb->outputs.items[i], make_output));
    for (size_t i = 0; i < pb->inputs.n; i++) IG_TRY(visit_entry(s, pb->inputs.items[i], make_input));
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------ initialization */

static ig_node *node_named(const saved_model *s, ig_str name) {
    if (name.n > 2 && name.s[name.n - 2] == ':') name.n -= 2;
    ig_name key = ig_names_find(&s->r->model->names, name);
    const ig_tf_place *p = key ? ig_map_get(&s->r->nodes, IG_KEY(key)) : NULL;
    return p ? p->node : NULL;
}

static ig_status add_root(saved_model *s, ig_str name) {
    ig_node *n = node_named(s, name);
    return !n || IG_PUSH(&s->r->arena, &s->roots, n) ? IG_OK : ig_oom(s->r->err);
}

/* Tables are filled by operators that a signature-like entry names (TensorFlow 2) or a collection (1). */
static ig_status find_initialization(saved_model *s) {
    static const char *const collections[] = {"saved_model_main_op", "legacy_init_op", "table_initializer"};
    for (size_t i = 0; i < s->meta->signature_def.n; i++) {
        const ig_tf_signature_entry *e = s->meta->signature_def.items[i];
        bool init = ig_str_is(e->key, INIT_OP) && e->value && e->value->outputs.n && e->value->outputs.items[0]->value;
        if (init) IG_TRY(add_root(s, e->value->outputs.items[0]->value->name));
    }
    for (size_t i = 0; i < s->meta->collection_def.n; i++) {
        const ig_tf_collection_entry *e = s->meta->collection_def.items[i];
        bool known = false;
        for (size_t k = 0; k < IG_COUNT_OF(collections); k++) known |= ig_str_is(e->key, collections[k]);
        if (!known || !e->value || !e->value->node_list) continue;
        for (size_t k = 0; k < e->value->node_list->value.n; k++) IG_TRY(add_root(s, e->value->node_list->value.items[k]));
    }
    return IG_OK;
}

/* Reads a resource that a node of the initialization makes. */
static bool uses_initialized(const ig_node *n) {
    for (uint32_t i = 0; i < n->n_in; i++) {
        const ig_value *v = n->in[i];
        if (v && v->producer && v->producer->mark && v->type && v->type->kind == IG_KIND_OPAQUE && !ig_tf_is_control(v))
            return true;
    }
    return false;
}

static ig_status wait_for_roots(saved_model *s, ig_node *n) {
    for (size_t i = 0; i < s->roots.n; i++) {
        ig_value *control;
        uint32_t at = n->n_in;
        IG_TRY(ig_tf_control_output(s->r, s->roots.items[i], &control));
        if (!ig_node_resize(n, at + 1, n->n_out) || !ig_node_set_input(n, at, control)) return ig_oom(s->r->err);
    }
    return IG_OK;
}

/* Tables are filled before they are read, which no edge of the file says. */
static ig_status order_initialization(saved_model *s) {
    ig_graph *g = s->r->model->graph;
    IG_VEC(ig_node *) stack = {0};
    for (ig_node *n = g->first; n; n = n->next) n->mark = 0;
    for (size_t i = 0; i < s->roots.n; i++)
        if (!IG_PUSH(&s->r->arena, &stack, s->roots.items[i])) return ig_oom(s->r->err);
    while (stack.n) {
        ig_node *n = stack.items[--stack.n];
        if (n->mark) continue;
        n->mark = 1;
        for (uint32_t i = 0; i < n->n_in; i++)
            if (n->in[i] && n->in[i]->producer && !IG_PUSH(&s->r->arena, &stack, n->in[i]->producer)) return ig_oom(s->r->err);
    }
    for (ig_node *n = g->first; n; n = n->next)
        if (!n->mark && uses_initialized(n)) IG_TRY(wait_for_roots(s, n));
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------------------------- reading */

static ig_status read_variables(saved_model *s) {
    ig_tf_reader *r = s->r;
    ig_buffer *index;
    ig_tf_bundle bundle;
    if (!s->source->folder) return IG_OK;
    if (!has_file(s->source->folder[0] ? s->source->folder : ".", "variables/variables.index")) return IG_OK;
    IG_TRY(ig_buffer_map(&index, s->source->context, s->source->folder, IG_STR("variables/variables.index"), r->err));
    ig_status status = ig_tf_bundle_read(&bundle, r, ig_buffer_span(index), s->source->folder, "variables/variables");
    const ig_node *restore = s->meta->saver_def ? node_named(s, s->meta->saver_def->restore_op_name) : NULL;
    if (status == IG_OK) status = ig_tf_bind_variables(r, &bundle, restore);
    ig_buffer_release(index);
    return status;
}

/* Hashes by which versions of a model are told apart. */
static ig_status read_fingerprint(saved_model *s) {
    ig_tf_reader *r = s->r;
    ig_buffer *file;
    const char *folder = s->source->folder;
    if (!folder || !has_file(folder[0] ? folder : ".", "fingerprint.pb")) return IG_OK;
    IG_TRY(ig_buffer_map(&file, s->source->context, folder, IG_STR("fingerprint.pb"), r->err));
    ig_tf_fingerprint pb = {0};
    ig_pb_reader reader = {&r->arena, file->data, r->model->context->limits.depth, NULL, NULL};
    char text[32];
    ig_status status = IG_OK;
    if (ig_pb_read(&reader, &ig_tf_fingerprint_pb, ig_buffer_span(file), &pb, NULL) == IG_OK) {
        int n = snprintf(text, sizeof text, "%llu", (unsigned long long)pb.saved_model_checksum);
        status = note(r, "fingerprint", (ig_str){text, (size_t)n});
        if (status == IG_OK && pb.uuid.n) status = note(r, "fingerprint uuid", pb.uuid);
    }
    ig_buffer_release(file);
    return status;
}

static ig_status read_model(saved_model *s) {
    ig_tf_reader *r = s->r;
    ig_tf_saved_model pb = {0};
    ig_pb_reader reader = ig_tf_pb(r, &r->arena);
    IG_TRY(ig_pb_read(&reader, &ig_tf_saved_model_pb, ig_buffer_span(r->file), &pb, NULL));
    IG_TRY(choose_graph(s, &pb));
    if (!s->meta->graph_def) return ig_fail(r->err, IG_E_INPUT, "the SavedModel has no graph");
    IG_TRY(note_signatures(s));
    IG_TRY(ig_tf_read_graph(r, s->meta->graph_def));
    IG_TRY(ig_tf_bind_assets(r, s->meta->asset_file_def.items, s->meta->asset_file_def.n));
    IG_TRY(find_initialization(s));
    IG_TRY(connect_signature(s));
    IG_TRY(read_variables(s));
    IG_TRY(ig_tf_prune(r, s->roots.items, s->roots.n));
    IG_TRY(order_initialization(s));
    IG_TRY(read_fingerprint(s));
    return r->failed ? ig_oom(r->err) : IG_OK;
}

/* The file of a folder, kept by the model. */
static ig_status open_file(ig_tf_reader *r, const ig_source *s) {
    bool binary = has_file(s->folder[0] ? s->folder : ".", "saved_model.pb");
    ig_str name = binary ? IG_STR("saved_model.pb") : IG_STR("saved_model.pbtxt");
    IG_TRY(ig_buffer_map(&r->file, s->context, s->folder, name, r->err));
    if (!ig_model_keep(r->model, r->file)) return ig_oom(r->err);
    r->model->file_size = r->file->size;
    return IG_OK;
}

static ig_status read(ig_model *model, const ig_source *source, ig_error *err) {
    ig_tf_reader r;
    saved_model s = {.r = &r, .source = source, .wanted = source->options.signature};
    ig_status status = ig_tf_reader_init(&r, model, source->file, err);
    if (status == IG_OK && !r.file) status = open_file(&r, source);
    if (status == IG_OK) status = ig_tf_from_text(&r, &ig_tf_saved_model_pb);
    if (status == IG_OK) status = read_model(&s);
    ig_tf_reader_free(&r);
    return status;
}

const ig_format ig_format_savedmodel = {
    .name = "savedmodel",
    .title = "TensorFlow SavedModel",
    .extensions = "pb pbtxt",
    .flags = IG_FORMAT_FOLDER,
    .domain = "tensorflow",
    .probe = probe,
    .read = read,
};
