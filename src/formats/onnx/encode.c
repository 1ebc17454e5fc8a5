/* Writing models: the whole message is made first, of pointers into the model, then measured, then streamed. */
#include "formats/onnx/encode.h"
#include "formats/onnx/format.h"
#include "ops/schema.h"

/* ---- nodes ---- */

static ig_status make_names(ig_onnx_writer *w, ig_value *const *values, uint32_t n, void *pb) {
    IG_VEC(ig_str) out = {0};
    if (n == 0) return IG_OK;
    out.items = IG_NEW_ARRAY(w->arena, ig_str, n);
    if (!out.items) return ig_oom(w->err);
    out.n = out.cap = n;
    for (uint32_t i = 0; i < n; i++) out.items[i] = values[i] ? ig_onnx_written_name(w, values[i]) : IG_STR("");
    memcpy(pb, &out, sizeof out);
    return IG_OK;
}

/* Both are fields with their tags. */
static ig_status make_rest(ig_onnx_writer *w, const ig_node *n, ig_onnx_node *pb) {
    pb->head.unknown = ig_onnx_unknown(n->unknown);
    if (n->device_configurations.n == 0) return IG_OK;
    pb->head.unknown = ig_onnx_unknown(n->device_configurations);
    return n->unknown.n == 0 || ig_pb_append(w->arena, &pb->head.unknown, n->unknown) ? IG_OK : ig_oom(w->err);
}

static ig_status make_node(ig_onnx_writer *w, const ig_node *n, ig_pb_head **out) {
    ig_onnx_node *pb = IG_NEW(w->arena, ig_onnx_node);
    if (!pb) return ig_oom(w->err);
    *out = &pb->head;
    IG_TRY(make_names(w, n->in, n->n_in, &pb->input));
    IG_TRY(make_names(w, n->out, n->n_out, &pb->output));
    pb->name = ig_name_str(n->name);
    if (n->op && *n->op) pb->op_type = ig_name_str(n->op);
    pb->domain = ig_name_str(n->domain);
    pb->overload = ig_name_str(n->overload);
    pb->doc_string = n->doc;
    for (const ig_attr *a = n->attrs; a; a = a->next) {
        ig_pb_head *attr = NULL;
        IG_TRY(ig_onnx_make_attr(w, a, &attr));
        if (!IG_PUSH(w->arena, &pb->attribute, attr)) return ig_oom(w->err);
    }
    IG_TRY(ig_onnx_make_props(w, &n->props, &pb->metadata_props));
    return make_rest(w, n, pb);
}

static ig_status make_nodes(ig_onnx_writer *w, const ig_graph *g, void *pb) {
    IG_VEC(ig_pb_head *) out = {0};
    out.items = IG_NEW_ARRAY(w->arena, ig_pb_head *, g->n_nodes);
    if (!out.items) return ig_oom(w->err);
    out.cap = g->n_nodes;
    for (const ig_node *n = g->first; n; n = n->next) IG_TRY(make_node(w, n, &out.items[out.n++]));
    memcpy(pb, &out, sizeof out);
    return IG_OK;
}

/* ---- graphs ---- */

static ig_status make_infos(ig_onnx_writer *w, const ig_value_info *infos, size_t n, void *pb) {
    IG_VEC(ig_pb_head *) out = {0};
    if (n == 0) return IG_OK;
    out.items = IG_NEW_ARRAY(w->arena, ig_pb_head *, n);
    if (!out.items) return ig_oom(w->err);
    out.n = out.cap = n;
    for (size_t i = 0; i < n; i++) IG_TRY(ig_onnx_make_info(w, &infos[i], &out.items[i]));
    memcpy(pb, &out, sizeof out);
    return IG_OK;
}

static ig_status make_initializers(ig_onnx_writer *w, const ig_graph *g, ig_onnx_graph *pb) {
    for (size_t i = 0; i < g->initializers.n; i++) {
        const ig_value *v = g->initializers.items[i];
        ig_str name = ig_onnx_written_name(w, v);
        bool nameless = name.n == 0 && !v->constant->name;
        ig_pb_head *t = NULL;
        IG_TRY(ig_onnx_make_const(w, v->constant, nameless ? NULL : &name, &t));
        if (!(v->constant->sparse ? IG_PUSH(w->arena, &pb->sparse_initializer, t) : IG_PUSH(w->arena, &pb->initializer, t)))
            return ig_oom(w->err);
    }
    return IG_OK;
}

static ig_status fill_graph(ig_onnx_writer *w, const ig_graph *g, ig_onnx_graph *pb) {
    pb->name = ig_name_str(g->name);
    pb->doc_string = g->doc;
    pb->head.unknown = ig_onnx_unknown(g->unknown);
    IG_TRY(ig_onnx_make_props(w, &g->props, &pb->metadata_props));
    for (size_t i = 0; i < g->quantization_annotations.n; i++) {
        ig_pb_head *a = ig_onnx_verbatim(w, g->quantization_annotations.items[i]);
        if (!a || !IG_PUSH(w->arena, &pb->quantization_annotation, a)) return ig_oom(w->err);
    }
    IG_TRY(make_infos(w, g->inputs.items, g->inputs.n, &pb->input));
    IG_TRY(make_infos(w, g->outputs.items, g->outputs.n, &pb->output));
    IG_TRY(make_infos(w, g->value_infos.items, g->value_infos.n, &pb->value_info));
    IG_TRY(make_initializers(w, g, pb));
    return make_nodes(w, g, &pb->node);
}

ig_status ig_onnx_make_graph(ig_onnx_writer *w, ig_graph *g, ig_onnx_graph **out) {
    *out = IG_NEW(w->arena, ig_onnx_graph);
    if (!*out) return ig_oom(w->err);
    if (w->depth == IG_ONNX_MAX_GRAPHS)
        return ig_fail(w->err, IG_E_LIMIT, "more than %d graphs in one another can't be written", IG_ONNX_MAX_GRAPHS);
    w->depth++;
    ig_status status = fill_graph(w, g, *out);
    w->depth--;
    return status;
}

/* ---- the names that callers know ---- */

typedef struct name_search {
    ig_name name;
    const ig_graph *skip;
    bool found;
} name_search;

static ig_status search_name(ig_graph *g, void *user) {
    name_search *s = user;
    if (g != s->skip && ig_map_get(&g->values, IG_KEY(s->name))) s->found = true;
    return IG_OK;
}

static bool alive(const ig_value *v) { return v->producer || v->is_input || v->constant || v->uses; }

/* Lets output value `v` be written as `name`. False when it can't: it has to keep another one. */
static ig_status claim(ig_onnx_writer *w, ig_value *v, ig_name name, bool *ok) {
    ig_graph *g = w->model->graph;
    name_search s = {name, g, false};
    *ok = false;
    if (v->graph != g || v->is_input || ig_map_get(&w->renamed, IG_KEY(v))) return IG_OK;
    IG_TRY(ig_graph_each(g, search_name, &s));
    ig_value *other = ig_map_get(&g->values, IG_KEY(name));
    bool taken = other && other != v && alive(other);
    if (s.found || (taken && (other->is_input || ig_map_get(&w->renamed, IG_KEY(other))))) return IG_OK;
    if (taken) {
        ig_name fresh = ig_model_fresh_name(w->model, name);
        if (!fresh || !ig_map_set(&w->renamed, IG_KEY(other), (void *)(uintptr_t)fresh)) return ig_oom(w->err);
    }
    *ok = ig_map_set(&w->renamed, IG_KEY(v), (void *)(uintptr_t)name);
    return *ok ? IG_OK : ig_oom(w->err);
}

/* Edits may make another value an output; the model's interface keeps its name all the same: by writing the value under it, or
 * by a copy where one value is several outputs, or an input. */
static ig_status keep_output_names(ig_onnx_writer *w, bool *copies) {
    ig_graph *g = w->model->graph;
    for (size_t i = 0; i < g->outputs.n; i++) {
        ig_value_info *info = &g->outputs.items[i];
        bool ok;
        if (!info->value || !info->name || info->name == info->value->name) continue;
        IG_TRY(claim(w, info->value, info->name, &ok));
        copies[i] = !ok;
    }
    return IG_OK;
}

static ig_status add_copies(ig_onnx_writer *w, const bool *copies, ig_onnx_graph *pb) {
    const ig_graph *g = w->model->graph;
    for (size_t i = 0; i < g->outputs.n; i++) {
        const ig_value_info *info = &g->outputs.items[i];
        if (!copies[i]) continue;
        ig_onnx_node *n = IG_NEW(w->arena, ig_onnx_node);
        if (!n || !IG_PUSH(w->arena, &n->input, ig_onnx_written_name(w, info->value)) ||
            !IG_PUSH(w->arena, &n->output, ig_name_str(info->name)) || !IG_PUSH(w->arena, &pb->node, &n->head))
            return ig_oom(w->err);
        n->op_type = IG_STR("Identity");
        ((ig_onnx_value_info *)(void *)pb->output.items[i])->name = ig_name_str(info->name);
    }
    return IG_OK;
}

static ig_status make_main_graph(ig_onnx_writer *w, ig_onnx_graph **out) {
    bool *copies = IG_NEW_ARRAY(w->arena, bool, w->model->graph->outputs.n);
    if (!copies) return ig_oom(w->err);
    IG_TRY(keep_output_names(w, copies));
    IG_TRY(ig_onnx_make_graph(w, w->model->graph, out));
    return add_copies(w, copies, *out);
}

/* ---- functions ---- */

static ig_status make_opsets(ig_onnx_writer *w, const ig_opsets *opsets, void *pb) {
    IG_VEC(ig_onnx_opset *) out = {0};
    for (size_t i = 0; i < opsets->n; i++) {
        const ig_opset *o = &opsets->items[i];
        ig_onnx_opset *m = IG_NEW(w->arena, ig_onnx_opset);
        if (!m || !IG_PUSH(w->arena, &out, m)) return ig_oom(w->err);
        if (o->domain_given || *o->domain) m->domain = ig_name_str(o->domain);
        m->has_version = o->version_given || o->version;
        m->version = o->version;
        m->head.unknown = ig_onnx_unknown(o->unknown);
    }
    memcpy(pb, &out, sizeof out);
    return IG_OK;
}

static ig_status make_value_names(ig_onnx_writer *w, const ig_value_info *infos, size_t n, void *pb) {
    IG_VEC(ig_str) out = {0};
    for (size_t i = 0; i < n; i++) {
        ig_str name = infos[i].value ? ig_onnx_written_name(w, infos[i].value) : ig_name_str(infos[i].name);
        if (!IG_PUSH(w->arena, &out, name)) return ig_oom(w->err);
    }
    memcpy(pb, &out, sizeof out);
    return IG_OK;
}

static ig_status make_function(ig_onnx_writer *w, const ig_function *f, ig_pb_head **out) {
    const ig_graph *g = f->body;
    ig_onnx_function *pb = IG_NEW(w->arena, ig_onnx_function);
    if (!pb) return ig_oom(w->err);
    *out = &pb->head;
    pb->name = ig_name_str(f->name);
    pb->domain = ig_name_str(f->domain);
    pb->overload = ig_name_str(f->overload);
    pb->doc_string = f->doc;
    pb->head.unknown = ig_onnx_unknown(f->unknown);
    IG_TRY(make_value_names(w, g->inputs.items, g->inputs.n, &pb->input));
    IG_TRY(make_value_names(w, g->outputs.items, g->outputs.n, &pb->output));
    for (size_t i = 0; i < f->attributes.n; i++)
        if (!IG_PUSH(w->arena, &pb->attribute, ig_name_str(f->attributes.items[i]))) return ig_oom(w->err);
    for (const ig_attr *a = f->default_attributes; a; a = a->next) {
        ig_pb_head *attr = NULL;
        IG_TRY(ig_onnx_make_attr(w, a, &attr));
        if (!IG_PUSH(w->arena, &pb->attribute_proto, attr)) return ig_oom(w->err);
    }
    IG_TRY(make_opsets(w, &f->opsets, &pb->opset_import));
    IG_TRY(make_infos(w, g->value_infos.items, g->value_infos.n, &pb->value_info));
    IG_TRY(ig_onnx_make_props(w, &f->props, &pb->metadata_props));
    if (g->initializers.n)
        return ig_fail(w->err, IG_E_UNSUPPORTED, "function '%.80s' has initializers, which ONNX functions can't have",
                       ig_name_text(f->name));
    return make_nodes(w, g, &pb->node);
}

/* ---- the model ---- */

static ig_status make_training(ig_onnx_writer *w, const ig_training *t, ig_pb_head **out) {
    ig_onnx_training *pb = IG_NEW(w->arena, ig_onnx_training);
    if (!pb) return ig_oom(w->err);
    *out = &pb->head;
    pb->head.unknown = ig_onnx_unknown(t->unknown);
    if (t->initialization) IG_TRY(ig_onnx_make_graph(w, t->initialization, &pb->initialization));
    if (t->algorithm) IG_TRY(ig_onnx_make_graph(w, t->algorithm, &pb->algorithm));
    IG_TRY(ig_onnx_make_props(w, &t->initialization_binding, &pb->initialization_binding));
    return ig_onnx_make_props(w, &t->update_binding, &pb->update_binding);
}

ig_status ig_onnx_make_model(ig_onnx_writer *w, ig_onnx_model *pb) {
    const ig_model *m = w->model;
    bool ours = m->format != &ig_format_onnx;
    const ig_graph *g = m->graph;
    *pb = (ig_onnx_model){0};
    pb->has_ir_version = m->ir_version_given || m->ir_version || ours;
    pb->ir_version =
        !m->ir_version_given && !m->ir_version && ours ? ig_ir_of_opset(ig_graph_opset(m->graph, NULL)) : m->ir_version;
    pb->has_model_version = m->model_version_given || m->model_version;
    pb->model_version = m->model_version;
    pb->producer_name = m->producer_name;
    pb->producer_version = m->producer_version;
    pb->domain = m->domain;
    pb->doc_string = m->doc;
    pb->head.unknown = ig_onnx_unknown(m->unknown);
    IG_TRY(make_opsets(w, &m->opsets, &pb->opset_import));
    IG_TRY(ig_onnx_make_props(w, &m->props, &pb->metadata_props));
    bool graph = ours || m->graph_given || g->first || g->inputs.n || g->outputs.n || g->initializers.n;
    if (graph) IG_TRY(make_main_graph(w, &pb->graph));
    for (size_t i = 0; i < m->functions.n; i++) {
        ig_pb_head *f = NULL;
        IG_TRY(make_function(w, m->functions.items[i], &f));
        if (!IG_PUSH(w->arena, &pb->functions, f)) return ig_oom(w->err);
    }
    for (size_t i = 0; i < m->trainings.n; i++) {
        ig_pb_head *t = NULL;
        IG_TRY(make_training(w, &m->trainings.items[i], &t));
        if (!IG_PUSH(w->arena, &pb->training_info, t)) return ig_oom(w->err);
    }
    for (size_t i = 0; i < m->configurations.n; i++) {
        ig_pb_head *c = ig_onnx_verbatim(w, m->configurations.items[i]);
        if (!c || !IG_PUSH(w->arena, &pb->configuration, c)) return ig_oom(w->err);
    }
    return IG_OK;
}

void ig_onnx_write_bytes(const ig_model *model, ig_file *file, const void *data, size_t n) {
    enum { PIECE = 4 << 20 };
    const ig_buffer *source = n >= PIECE / 4 ? ig_model_buffer_of(model, data) : NULL;
    for (size_t at = 0, size; source && at < n; at += size) {
        size = ig_min_size(n - at, PIECE);
        ig_file_write(file, (const char *)data + at, size);
        ig_buffer_forget(source, (const char *)data + at, size);
    }
    if (!source) ig_file_write(file, data, n);
}

typedef struct output {
    const ig_model *model;
    ig_file *file;
} output;

static ig_status write_bytes(void *user, const void *data, size_t n, ig_error *err) {
    const output *o = user;
    IG_UNUSED(err);
    ig_onnx_write_bytes(o->model, o->file, data, n); /* a failure shows when the file is committed */
    return IG_OK;
}

ig_status ig_onnx_write_files(ig_onnx_writer *w, const ig_target *t,
                              ig_status (*body)(void *user, ig_pb_sink sink, ig_error *err), void *user) {
    ig_file *files[2] = {NULL, NULL};
    size_t n = 0;
    ig_status status = IG_OK;
    if (w->outside.n) {
        const char *side = ig_arena_printf(w->arena, "%s.data", t->path);
        status = side ? ig_file_create(&files[n], t->context, side, t->options.overwrite, w->err) : ig_oom(w->err);
        if (status == IG_OK) n++;
        if (status == IG_OK) status = ig_onnx_write_outside(w, files[0]);
    }
    if (status == IG_OK) status = ig_file_create(&files[n], t->context, t->path, t->options.overwrite, w->err);
    if (status == IG_OK) n++;
    output o = {w->model, n ? files[n - 1] : NULL};
    if (status == IG_OK) status = body(user, (ig_pb_sink){write_bytes, &o}, w->err);
    if (status == IG_OK) return ig_file_commit_all(files, n, w->err);
    for (size_t i = 0; i < n; i++) ig_file_discard(files[i]);
    return status;
}

/* Protobuf's own limit: sizes are 32-bit signed numbers in most of its implementations. */
enum { LARGEST_FILE = INT32_MAX, EXTERNAL_FROM = 1024 };

static ig_status measure(ig_onnx_writer *w, ig_onnx_model *pb, uint64_t *size) {
    w->outside.n = 0;
    w->side_size = 0;
    ig_map_clear(&w->renamed);
    IG_TRY(ig_onnx_make_model(w, pb));
    return ig_pb_size(&ig_onnx_model_pb, pb, size, w->err);
}

static ig_status too_large(ig_onnx_writer *w, uint64_t size) {
    ig_fail(w->err, IG_E_LIMIT, "the model has %llu bytes, an ONNX file can't pass 2 GB", (unsigned long long)size);
    ig_error_hint(w->err, "put smaller tensors into the side file as well (external_from)");
    return IG_E_LIMIT;
}

ig_status ig_onnx_writer_init(ig_onnx_writer *w, ig_model *model, ig_arena *arena, const ig_target *t, ig_error *err) {
    *w = (ig_onnx_writer){.model = model, .arena = arena, .err = err};
    ig_map_init(&w->renamed, arena);
    w->external = t->options.external;
    w->inline_external = t->options.inline_external;
    w->external_from = t->options.external_from ? t->options.external_from : EXTERNAL_FROM;
    w->location = ig_arena_printf(arena, "%s.data", ig_path_name(t->path));
    return w->location ? IG_OK : ig_oom(err);
}

static ig_status write_message(void *user, ig_pb_sink sink, ig_error *err) {
    return ig_pb_write(&ig_onnx_model_pb, user, sink, err);
}

static ig_status write_model(ig_onnx_writer *w, const ig_target *t) {
    ig_onnx_model pb;
    uint64_t size;
    IG_TRY(measure(w, &pb, &size));
    if (size > LARGEST_FILE && (!w->external || w->inline_external)) {
        w->external = true;
        w->inline_external = false;
        IG_TRY(measure(w, &pb, &size));
    }
    return size > LARGEST_FILE ? too_large(w, size) : ig_onnx_write_files(w, t, write_message, &pb);
}

static ig_status write_memory(ig_onnx_writer *w, ig_arena *arena, ig_span *out) {
    ig_onnx_model pb;
    uint64_t size;
    w->inline_external = true;
    IG_TRY(measure(w, &pb, &size));
    return size > LARGEST_FILE ? too_large(w, size) : ig_pb_encode(arena, &ig_onnx_model_pb, &pb, out, w->err);
}

ig_status ig_onnx_write(ig_model *model, const ig_target *target, ig_error *err) {
    ig_arena arena;
    ig_onnx_writer w;
    ig_arena_init(&arena, model->context);
    ig_status status = ig_onnx_writer_init(&w, model, &arena, target, err);
    if (status == IG_OK) status = write_model(&w, target);
    ig_arena_free(&arena);
    return status;
}

ig_status ig_onnx_write_memory(ig_model *model, ig_arena *out_arena, ig_span *out, ig_error *err) {
    ig_arena arena;
    ig_arena_init(&arena, model->context);
    ig_onnx_writer w = {.model = model, .arena = &arena, .err = err};
    ig_map_init(&w.renamed, &arena);
    ig_status status = write_memory(&w, out_arena, out);
    ig_arena_free(&arena);
    return status;
}
