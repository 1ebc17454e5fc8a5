/* Reading models, graphs and functions. */
#include "formats/onnx/decode.h"
#include "formats/onnx/format.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- findings ---- */

static ig_onnx_count *count_of(ig_onnx_reader *r, const char *rule, ig_severity severity) {
    for (size_t i = 0; i < r->n_counts; i++)
        if (strcmp(r->counts[i].rule, rule) == 0 && r->counts[i].severity == severity) return &r->counts[i];
    if (r->n_counts == IG_COUNT_OF(r->counts)) return &r->counts[r->n_counts - 1];
    r->counts[r->n_counts] = (ig_onnx_count){rule, severity, 0};
    return &r->counts[r->n_counts++];
}

void ig_onnx_find(ig_onnx_reader *r, ig_severity severity, const char *rule, const ig_pb_path *path, const char *name,
                  const char *hint, const char *format, ...) {
    if (count_of(r, rule, severity)->n++ >= IG_ONNX_TOLD) return;
    char message[1000], place[400], where[500];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    ig_pb_path_text(path, place, sizeof place);
    snprintf(where, sizeof where, name && *name ? "%s '%.80s'" : "%s", place, name);
    if (!ig_model_find(r->model, severity, rule, where, hint, "%s", message)) r->failed = true;
}

void ig_onnx_find_rest(ig_onnx_reader *r) {
    for (size_t i = 0; i < r->n_counts; i++) {
        const ig_onnx_count *c = &r->counts[i];
        if (c->n <= IG_ONNX_TOLD) continue;
        if (!ig_model_find(r->model, c->severity, c->rule, "", NULL, "%zu more findings of this kind", c->n - IG_ONNX_TOLD))
            r->failed = true;
    }
}

/* ---- graphs ---- */

/* Names of values are never NULL: an absent one is "". */
static ig_name name_or_empty(ig_onnx_reader *r, ig_name name) { return name ? name : ig_model_name(r->model, ""); }

static ig_status add_input(ig_onnx_reader *r, ig_graph *g, ig_value_info info, const ig_pb_path *path) {
    ig_name name = name_or_empty(r, info.name);
    if (name && ig_map_get(&g->values, IG_KEY(name)))
        ig_onnx_find(r, IG_ERROR, "ssa", path, NULL, NULL, "graph input '%.80s' is declared twice", name);
    ig_value *v = name ? ig_value_new(g, name, info.type) : NULL;
    if (!v) return ig_oom(r->err);
    info.value = v;
    v->is_input = true;
    v->index = (uint32_t)g->inputs.n;
    return IG_PUSH(&r->model->arena, &g->inputs, info) ? IG_OK : ig_oom(r->err);
}

static ig_status add_output(ig_onnx_reader *r, ig_graph *g, ig_value_info info) {
    ig_name name = name_or_empty(r, info.name);
    if (!name) return ig_oom(r->err);
    IG_TRY(ig_onnx_resolve(r, g, name, &info.value));
    if (!info.value->type) info.value->type = info.type;
    if (!ig_graph_add_output(g, info.value)) return ig_oom(r->err);
    g->outputs.items[g->outputs.n - 1] = info;
    return IG_OK;
}

static ig_status add_value_info(ig_onnx_reader *r, ig_graph *g, ig_value_info info) {
    info.value = info.name ? ig_map_get(&g->values, IG_KEY(info.name)) : NULL;
    if (info.value && !info.value->type) info.value->type = info.type;
    return IG_PUSH(&r->model->arena, &g->value_infos, info) ? IG_OK : ig_oom(r->err);
}

static ig_status add_initializer(ig_onnx_reader *r, ig_graph *g, ig_const *c, const ig_pb_path *path) {
    ig_name name = name_or_empty(r, c->name);
    if (!name) return ig_oom(r->err);
    ig_value *v = ig_map_get(&g->values, IG_KEY(name));
    if (*name == 0) ig_onnx_find(r, IG_ERROR, "name", path, NULL, NULL, "initializer without a name");
    if (v && v->constant) {
        ig_onnx_find(r, IG_ERROR, "ssa", path, NULL, NULL, "initializer '%.80s' occurs twice", name);
        v = NULL;
    }
    if (!v) v = ig_value_new(g, name, NULL);
    if (!v || !IG_PUSH(&r->model->arena, &g->initializers, v)) return ig_oom(r->err);
    v->constant = c;
    if (v->type || c->bad) return IG_OK;
    ig_shape shape = {.rank = c->rank};
    for (int i = 0; i < c->rank; i++) shape.dims[i] = ig_dim_of(c->dims[i]);
    ig_type *type = ig_type_tensor(&r->model->arena, c->dtype, &shape);
    if (!type) return ig_oom(r->err);
    if (c->sparse) type->kind = IG_KIND_SPARSE;
    v->type = type;
    return IG_OK;
}

static ig_status read_initializers(ig_onnx_reader *r, ig_graph *g, const ig_onnx_graph *pb, ig_arena *scratch,
                                   const ig_pb_path *path) {
    ig_pb_reader reader = ig_onnx_pb(r, scratch);
    ig_const *c;
    for (size_t i = 0; i < pb->initializer.n; i++, ig_arena_reset(scratch)) {
        ig_pb_path here = {path, "initializer", i};
        ig_onnx_tensor t = {0};
        IG_TRY(ig_pb_read(&reader, &ig_onnx_tensor_pb, pb->initializer.items[i]->wire, &t, &here));
        IG_TRY(ig_onnx_read_const(r, &t, scratch, &here, &c));
        IG_TRY(add_initializer(r, g, c, &here));
    }
    for (size_t i = 0; i < pb->sparse_initializer.n; i++, ig_arena_reset(scratch)) {
        ig_pb_path here = {path, "sparse_initializer", i};
        ig_onnx_sparse s = {0};
        IG_TRY(ig_pb_read(&reader, &ig_onnx_sparse_pb, pb->sparse_initializer.items[i]->wire, &s, &here));
        IG_TRY(ig_onnx_read_sparse(r, &s, scratch, &here, &c));
        IG_TRY(add_initializer(r, g, c, &here));
    }
    return IG_OK;
}

typedef IG_VEC(ig_pb_head *) heads;

/* Two passes: an input may name an output of a later node, or, in a subgraph, of any node around it. */
static ig_status read_nodes(ig_onnx_reader *r, ig_graph *g, const void *lazy, ig_arena *scratch, const ig_pb_path *path,
                            bool begin) {
    heads nodes;
    memcpy(&nodes, lazy, sizeof nodes);
    ig_node *node = g->first;
    for (size_t i = 0; i < nodes.n; i++, ig_arena_reset(scratch)) {
        ig_pb_path here = {path, "node", i};
        if (begin) {
            IG_TRY(ig_onnx_begin_node(r, g, nodes.items[i], scratch, &here));
        } else {
            IG_TRY(ig_onnx_end_node(r, node, nodes.items[i], scratch, &here));
            node = node->next;
        }
    }
    return IG_OK;
}

typedef enum info_list { INPUTS, OUTPUTS, VALUE_INFOS } info_list;

static ig_status read_infos(ig_onnx_reader *r, ig_graph *g, const void *lazy, info_list list, ig_arena *scratch,
                            const ig_pb_path *path) {
    static const char *const names[] = {"input", "output", "value_info"};
    heads infos;
    memcpy(&infos, lazy, sizeof infos);
    for (size_t i = 0; i < infos.n; i++, ig_arena_reset(scratch)) {
        ig_pb_path here = {path, names[list], i};
        ig_value_info info;
        IG_TRY(ig_onnx_read_info(r, infos.items[i], scratch, &here, &info));
        IG_TRY(list == INPUTS    ? add_input(r, g, info, &here)
               : list == OUTPUTS ? add_output(r, g, info)
                                 : add_value_info(r, g, info));
    }
    return IG_OK;
}

static ig_status read_graph_parts(ig_onnx_reader *r, ig_graph *g, const ig_onnx_graph *pb, ig_arena *scratch,
                                  const ig_pb_path *path) {
    IG_TRY(ig_onnx_name(r, pb->name, "a graph's name", path, &g->name));
    g->doc = pb->doc_string;
    IG_TRY(ig_onnx_read_props(r, &pb->metadata_props, &g->props));
    IG_TRY(ig_onnx_keep(r, pb->head.unknown, &g->unknown));
    for (size_t i = 0; i < pb->quantization_annotation.n; i++)
        if (!IG_PUSH(&r->model->arena, &g->quantization_annotations, pb->quantization_annotation.items[i]->wire))
            return ig_oom(r->err);
    IG_TRY(read_infos(r, g, &pb->input, INPUTS, scratch, path));
    IG_TRY(read_initializers(r, g, pb, scratch, path));
    IG_TRY(read_nodes(r, g, &pb->node, scratch, path, true));
    IG_TRY(read_infos(r, g, &pb->value_info, VALUE_INFOS, scratch, path));
    IG_TRY(read_infos(r, g, &pb->output, OUTPUTS, scratch, path));
    return read_nodes(r, g, &pb->node, scratch, path, false);
}

/* Graphs nest through attributes. Each level has its own scratch memory, because the level around it is still being read. */
static ig_status enter(ig_onnx_reader *r, const ig_pb_path *path) {
    if (r->depth < r->model->context->limits.depth) {
        r->depth++;
        return IG_OK;
    }
    char place[300];
    ig_pb_path_text(path, place, sizeof place);
    ig_fail(r->err, IG_E_LIMIT, "nesting too deep: more than %u graphs in one another", r->depth);
    ig_error_at(r->err, "%s", place);
    ig_error_hint(r->err, "raise the depth limit if the file is trusted");
    return IG_E_LIMIT;
}

ig_status ig_onnx_read_graph(ig_onnx_reader *r, ig_graph *g, const ig_onnx_graph *pb, const ig_pb_path *path) {
    ig_arena scratch;
    IG_TRY(enter(r, path));
    ig_arena_init(&scratch, r->model->context);
    ig_status status = read_graph_parts(r, g, pb, &scratch, path);
    ig_arena_free(&scratch);
    r->depth--;
    return status;
}

/* ---- functions ---- */

/* `seen` maps domains to the imports before this one. */
static ig_status note_opset(ig_onnx_reader *r, ig_map *seen, const ig_opset *opset, const ig_pb_path *path) {
    ig_name domain = ig_model_name(r->model, ig_domain_canonical(opset->domain));
    ig_opset *copy = domain ? IG_NEW(&r->arena, ig_opset) : NULL;
    if (!copy) return ig_oom(r->err);
    *copy = *opset;
    const ig_opset *other = ig_map_get(seen, IG_KEY(domain));
    if (other) {
        bool same = other->version == opset->version;
        ig_onnx_find(r, same ? IG_WARNING : IG_ERROR, "opset", path, NULL, NULL,
                     same ? "domain %.80s is imported twice" : "domain %.80s is imported twice, with versions %lld and %lld",
                     *domain ? domain : "ai.onnx", (long long)other->version, (long long)opset->version);
    }
    return ig_map_set(seen, IG_KEY(domain), copy) ? IG_OK : ig_oom(r->err);
}

static ig_status read_opsets(ig_onnx_reader *r, const void *pb, const ig_pb_path *path, ig_opsets *out) {
    IG_VEC(ig_onnx_opset *) in;
    ig_map seen;
    memcpy(&in, pb, sizeof in);
    ig_map_init(&seen, &r->arena);
    for (size_t i = 0; i < in.n; i++) {
        ig_pb_path here = {path, "opset_import", i};
        const ig_onnx_opset *o = in.items[i];
        ig_opset opset = {.domain_given = o->domain.s != NULL, .version_given = o->has_version, .version = o->version};
        IG_TRY(ig_onnx_name(r, o->domain.s ? o->domain : IG_STR(""), "a domain", &here, &opset.domain));
        IG_TRY(ig_onnx_keep(r, o->head.unknown, &opset.unknown));
        IG_TRY(note_opset(r, &seen, &opset, &here));
        if (!IG_PUSH(&r->model->arena, out, opset)) return ig_oom(r->err);
    }
    return IG_OK;
}

static ig_status read_default_attrs(ig_onnx_reader *r, ig_function *f, const ig_onnx_function *pb, ig_arena *scratch,
                                    const ig_pb_path *path) {
    ig_attr **end = &f->default_attributes;
    for (size_t i = 0; i < pb->attribute_proto.n; i++) {
        ig_pb_path here = {path, "attribute_proto", i};
        IG_TRY(ig_onnx_read_attr(r, f->body, NULL, pb->attribute_proto.items[i], scratch, &here, &end));
    }
    return IG_OK;
}

static ig_status read_function_body(ig_onnx_reader *r, ig_function *f, const ig_onnx_function *pb, ig_arena *scratch,
                                    const ig_pb_path *path) {
    ig_graph *g = f->body;
    for (size_t i = 0; i < pb->input.n; i++) {
        ig_pb_path here = {path, "input", i};
        ig_value_info info = {0};
        IG_TRY(ig_onnx_name(r, pb->input.items[i], "an input's name", &here, &info.name));
        IG_TRY(add_input(r, g, info, &here));
    }
    IG_TRY(read_nodes(r, g, &pb->node, scratch, path, true));
    IG_TRY(read_infos(r, g, &pb->value_info, VALUE_INFOS, scratch, path));
    for (size_t i = 0; i < pb->output.n; i++) {
        ig_pb_path here = {path, "output", i};
        ig_value_info info = {0};
        IG_TRY(ig_onnx_name(r, pb->output.items[i], "an output's name", &here, &info.name));
        IG_TRY(add_output(r, g, info));
    }
    IG_TRY(read_nodes(r, g, &pb->node, scratch, path, false));
    return read_default_attrs(r, f, pb, scratch, path);
}

/* One function per domain, name and overload: the three in one text, interned in a table of their own. */
static ig_status note_function(ig_onnx_reader *r, const ig_function *f, const ig_pb_path *path) {
    size_t before = r->functions.n;
    bool ok = true;
    ig_text id;
    ig_text_init(&id, &r->arena);
    ig_text_add(&id, ig_str_c(ig_domain_canonical(f->domain)));
    ig_text_add(&id, (ig_str){"", 1});
    ig_text_add(&id, ig_name_str(f->name));
    ig_text_add(&id, (ig_str){"", 1});
    ig_text_add(&id, ig_name_str(f->overload));
    if (!id.failed) ig_intern(&r->functions, (ig_str){id.s, id.n}, &ok);
    if (!ok || id.failed) return ig_oom(r->err);
    if (r->functions.n == before)
        ig_onnx_find(r, IG_ERROR, "function", path, NULL, "rename one, or give it an overload name",
                     "function %.80s.%.80s is defined twice", ig_name_text(f->domain), ig_name_text(f->name));
    return IG_OK;
}

static ig_status read_function(ig_onnx_reader *r, const ig_pb_head *head, ig_arena *scratch, const ig_pb_path *path) {
    ig_onnx_function pb = {0};
    ig_model *m = r->model;
    ig_pb_reader reader = ig_onnx_pb(r, &r->arena);
    IG_TRY(ig_pb_read(&reader, &ig_onnx_function_pb, head->wire, &pb, path));
    ig_function *f = IG_NEW(&m->arena, ig_function);
    if (!f || !(f->body = ig_graph_new(m, NULL, NULL))) return ig_oom(r->err);
    f->body->function = f;
    IG_TRY(ig_onnx_name(r, pb.name, "a function's name", path, &f->name));
    IG_TRY(ig_onnx_name(r, pb.domain, "a domain", path, &f->domain));
    IG_TRY(ig_onnx_name(r, pb.overload, "an overload", path, &f->overload));
    if (!ig_name_len(f->name)) ig_onnx_find(r, IG_ERROR, "function", path, NULL, NULL, "function without a name");
    IG_TRY(note_function(r, f, path));
    f->doc = pb.doc_string;
    IG_TRY(read_opsets(r, &pb.opset_import, path, &f->opsets));
    IG_TRY(ig_onnx_read_props(r, &pb.metadata_props, &f->props));
    IG_TRY(ig_onnx_keep(r, pb.head.unknown, &f->unknown));
    for (size_t i = 0; i < pb.attribute.n; i++) {
        ig_name name;
        IG_TRY(ig_onnx_name(r, pb.attribute.items[i], "an attribute's name", path, &name));
        if (!IG_PUSH(&m->arena, &f->attributes, name)) return ig_oom(r->err);
    }
    if (!IG_PUSH(&m->arena, &m->functions, f)) return ig_oom(r->err);
    return read_function_body(r, f, &pb, scratch, path);
}

/* ---- the model ---- */

static ig_status read_training(ig_onnx_reader *r, const ig_pb_head *head, const ig_pb_path *path) {
    ig_onnx_training pb = {0};
    ig_model *m = r->model;
    ig_pb_reader reader = ig_onnx_pb(r, &r->arena);
    IG_TRY(ig_pb_read(&reader, &ig_onnx_training_pb, head->wire, &pb, path));
    ig_training t = {0};
    if (pb.initialization) {
        ig_pb_path here = {path, "initialization", IG_PB_SINGLE};
        if (!(t.initialization = ig_graph_new(m, NULL, NULL))) return ig_oom(r->err);
        IG_TRY(ig_onnx_read_graph(r, t.initialization, pb.initialization, &here));
    }
    if (pb.algorithm) { /* may read the main graph's initializers */
        ig_pb_path here = {path, "algorithm", IG_PB_SINGLE};
        if (!(t.algorithm = ig_graph_new(m, m->graph, NULL))) return ig_oom(r->err);
        IG_TRY(ig_onnx_read_graph(r, t.algorithm, pb.algorithm, &here));
    }
    IG_TRY(ig_onnx_read_props(r, &pb.initialization_binding, &t.initialization_binding));
    IG_TRY(ig_onnx_read_props(r, &pb.update_binding, &t.update_binding));
    IG_TRY(ig_onnx_keep(r, pb.head.unknown, &t.unknown));
    return IG_PUSH(&m->arena, &m->trainings, t) ? IG_OK : ig_oom(r->err);
}

static ig_status read_model_parts(ig_onnx_reader *r, const ig_onnx_model *pb, ig_arena *scratch) {
    ig_model *m = r->model;
    m->ir_version = pb->ir_version;
    m->ir_version_given = pb->has_ir_version;
    m->model_version = pb->model_version;
    m->model_version_given = pb->has_model_version;
    m->graph_given = pb->graph != NULL;
    m->producer_name = pb->producer_name;
    m->producer_version = pb->producer_version;
    m->domain = pb->domain;
    m->doc = pb->doc_string;
    if (!pb->has_ir_version) ig_onnx_find(r, IG_ERROR, "model", NULL, NULL, NULL, "ir_version is missing");
    if (!pb->graph) ig_onnx_find(r, IG_ERROR, "model", NULL, NULL, NULL, "the model has no graph");
    IG_TRY(read_opsets(r, &pb->opset_import, NULL, &m->opsets));
    IG_TRY(ig_onnx_read_props(r, &pb->metadata_props, &m->props));
    IG_TRY(ig_onnx_keep(r, pb->head.unknown, &m->unknown));
    for (size_t i = 0; i < pb->configuration.n; i++)
        if (!IG_PUSH(&m->arena, &m->configurations, pb->configuration.items[i]->wire)) return ig_oom(r->err);
    for (size_t i = 0; i < pb->functions.n; i++) {
        ig_pb_path here = {NULL, "functions", i};
        IG_TRY(read_function(r, pb->functions.items[i], scratch, &here));
    }
    ig_pb_path graph = {NULL, "graph", IG_PB_SINGLE};
    if (pb->graph) IG_TRY(ig_onnx_read_graph(r, m->graph, pb->graph, &graph));
    for (size_t i = 0; i < pb->training_info.n; i++) {
        ig_pb_path here = {NULL, "training_info", i};
        IG_TRY(read_training(r, pb->training_info.items[i], &here));
    }
    return IG_OK;
}

ig_status ig_onnx_read(ig_model *model, const ig_source *source, ig_error *err) {
    ig_onnx_reader r = {.model = model, .err = err, .file = source->file}; /* must not move: it holds its arena */
    ig_onnx_model pb = {0};
    ig_arena scratch;
    ig_arena_init(&r.arena, model->context);
    ig_arena_init(&scratch, model->context);
    ig_map_init(&r.files, &r.arena);
    ig_names_init(&r.functions, &r.arena);
    ig_pb_reader reader = ig_onnx_pb(&r, &r.arena);
    ig_status status = ig_pb_read(&reader, &ig_onnx_model_pb, ig_buffer_span(source->file), &pb, NULL);
    if (status == IG_OK) status = read_model_parts(&r, &pb, &scratch);
    if (status == IG_OK) ig_onnx_find_rest(&r);
    if (status == IG_OK && r.failed) status = ig_oom(err);
    ig_arena_free(&scratch);
    ig_arena_free(&r.arena);
    return status;
}
