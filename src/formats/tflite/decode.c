/* The model, its signatures, and its subgraphs: one becomes the main graph, the others functions. */
#include "formats/tflite/decode.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    TOLD = 100, /* findings */
    SCHEMA_VERSION = 3,
};

void ig_tfl_find(ig_tfl_reader *r, ig_severity severity, const char *rule, const char *where, const char *format, ...) {
    char message[600];
    if (r->n_findings++ >= TOLD) return;
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (!ig_model_find(r->model, severity, rule, where, NULL, "%s", message)) r->failed = true;
}

ig_status ig_tfl_sound(const ig_tfl_reader *r) { return ig_fb_fail(&r->fb, r->err); }

/* ---------------------------------------------------------------------------------------------------------- signatures */

ig_status ig_tfl_note(ig_tfl_reader *r, const char *key, ig_str value) {
    bool ok = true;
    ig_model *m = r->model;
    ig_prop p = {.key = ig_arena_str(&m->arena, ig_str_c(key), &ok), .value = ig_arena_str(&m->arena, value, &ok)};
    for (size_t i = 0; ok && i < m->props.n; i++)
        if (ig_str_eq(m->props.items[i].key, p.key)) { /* converters that add to a file leave older entries in it */
            m->props.items[i] = p;
            return IG_OK;
        }
    return ok && IG_PUSH(&m->arena, &m->props, p) ? IG_OK : ig_oom(r->err);
}

/* "x=serving_default_x:0, y=…" */
static void list_names(ig_tfl_reader *r, ig_text *text, ig_fb_table signature, unsigned field, ig_fb_table subgraph) {
    ig_fb_vector maps = ig_fb_tables(&r->fb, signature, field);
    ig_fb_vector tensors = ig_fb_tables(&r->fb, subgraph, IG_TFL_SUB_GRAPH_TENSORS);
    for (uint32_t i = 0; i < maps.n; i++) {
        ig_fb_table map = ig_fb_item(&r->fb, maps, i);
        ig_fb_table tensor = ig_fb_item(&r->fb, tensors, ig_fb_u32(&r->fb, map, IG_TFL_TENSOR_MAP_TENSOR_INDEX, 0));
        if (i) ig_text_add(text, IG_STR(", "));
        ig_text_add(text, ig_fb_str(&r->fb, map, IG_TFL_TENSOR_MAP_NAME));
        ig_text_add(text, IG_STR("="));
        ig_text_add(text, ig_fb_str(&r->fb, tensor, IG_TFL_TENSOR_NAME));
    }
}

/* Each signature as a property: which inputs and outputs it names. */
static ig_status note_signatures(ig_tfl_reader *r) {
    r->signatures = ig_fb_tables(&r->fb, r->root, IG_TFL_MODEL_SIGNATURE_DEFS);
    for (uint32_t i = 0; i < r->signatures.n; i++) {
        ig_fb_table s = ig_fb_item(&r->fb, r->signatures, i);
        ig_fb_table subgraph = ig_fb_item(&r->fb, r->subgraphs, ig_fb_u32(&r->fb, s, IG_TFL_SIGNATURE_DEF_SUBGRAPH_INDEX, 0));
        ig_str key = ig_fb_str(&r->fb, s, IG_TFL_SIGNATURE_DEF_SIGNATURE_KEY);
        char name[120];
        ig_text text;
        ig_text_init(&text, &r->arena);
        snprintf(name, sizeof name, "signature %.*s", (int)ig_min_size(key.n, 80), key.n ? key.s : "");
        list_names(r, &text, s, IG_TFL_SIGNATURE_DEF_INPUTS, subgraph);
        ig_text_add(&text, IG_STR(" -> "));
        list_names(r, &text, s, IG_TFL_SIGNATURE_DEF_OUTPUTS, subgraph);
        if (text.failed) return ig_oom(r->err);
        IG_TRY(ig_tfl_note(r, name, (ig_str){text.s, text.n}));
    }
    return ig_tfl_sound(r);
}

static ig_status no_signature(ig_tfl_reader *r, const char *wanted) {
    ig_text list;
    ig_text_init(&list, &r->arena);
    for (uint32_t i = 0; i < r->signatures.n && list.n < 400; i++) {
        ig_str key = ig_fb_str(&r->fb, ig_fb_item(&r->fb, r->signatures, i), IG_TFL_SIGNATURE_DEF_SIGNATURE_KEY);
        ig_text_printf(&list, "%s%.*s", i ? ", " : "", (int)ig_min_size(key.n, 80), key.n ? key.s : "");
    }
    if (list.failed) return ig_oom(r->err);
    ig_fail(r->err, IG_E_ARGUMENT, "the model has no signature '%.80s'", wanted);
    ig_error_hint(r->err, list.n ? "its signatures: %s" : "it has none", list.n ? list.s : "");
    return IG_E_ARGUMENT;
}

/* The signature that the caller wants; *out absent when none is wanted. */
static ig_status find_signature(ig_tfl_reader *r, const char *wanted, ig_fb_table *out) {
    *out = (ig_fb_table){0};
    if (!wanted) return IG_OK;
    for (uint32_t i = 0; i < r->signatures.n; i++) {
        ig_fb_table s = ig_fb_item(&r->fb, r->signatures, i);
        if (!ig_str_is(ig_fb_str(&r->fb, s, IG_TFL_SIGNATURE_DEF_SIGNATURE_KEY), wanted)) continue;
        *out = s;
        return ig_tfl_sound(r);
    }
    IG_TRY(ig_tfl_sound(r));
    return no_signature(r, wanted);
}

/* Names that a signature gives to the tensors of its subgraph. The first name of a tensor becomes that of its value. */
static ig_status name_tensors(ig_tfl_reader *r, ig_tfl_subgraph *s, ig_fb_table signature, unsigned field) {
    ig_fb_vector maps = ig_fb_tables(&r->fb, signature, field);
    for (uint32_t i = 0; i < maps.n; i++) {
        ig_fb_table map = ig_fb_item(&r->fb, maps, i);
        uint32_t tensor = ig_fb_u32(&r->fb, map, IG_TFL_TENSOR_MAP_TENSOR_INDEX, 0);
        ig_str text = ig_fb_str(&r->fb, map, IG_TFL_TENSOR_MAP_NAME);
        bool ok = true;
        if (tensor >= s->tensors.n || !text.n || s->names[tensor]) continue;
        s->names[tensor] = ig_intern(&r->model->names, text, &ok);
        if (!ok) return ig_oom(r->err);
    }
    return ig_tfl_sound(r);
}

/* ----------------------------------------------------------------------------------------------------------- subgraphs */

static ig_status read_inputs(ig_tfl_reader *r, ig_tfl_subgraph *s, ig_fb_table table, const char *where) {
    ig_fb_vector list = ig_fb_scalars(&r->fb, table, IG_TFL_SUB_GRAPH_INPUTS, 4);
    for (uint32_t i = 0; i < list.n; i++) {
        ig_value *v;
        IG_TRY(ig_tfl_value(r, s, (int32_t)ig_load_u32(list.p + 4 * (size_t)i), IG_TFL_GIVEN, where, &v));
        if (!v) continue;
        if (v->is_input)
            ig_tfl_find(r, IG_ERROR, "ssa", where, "tensor '%.80s' is an input twice", v->name);
        else if (!ig_graph_add_input(s->graph, v))
            return ig_oom(r->err);
    }
    return IG_OK;
}

/* The name of output i when its value has another one already: a second name from the signature, or one with the number. */
static ig_status name_output(ig_tfl_reader *r, ig_tfl_subgraph *s, ig_fb_table signature, int32_t tensor, uint32_t i,
                             ig_value_info *info) {
    const ig_graph *g = s->graph;
    bool again = false, ok = true;
    for (uint32_t k = 0; k < i && k < g->outputs.n; k++) again |= g->outputs.items[k].value == info->value;
    if (!again) return IG_OK;
    ig_fb_vector maps = ig_fb_tables(&r->fb, signature, IG_TFL_SIGNATURE_DEF_OUTPUTS);
    for (uint32_t k = 0; k < maps.n; k++) {
        ig_fb_table map = ig_fb_item(&r->fb, maps, k);
        if (ig_fb_u32(&r->fb, map, IG_TFL_TENSOR_MAP_TENSOR_INDEX, 0) != (uint32_t)tensor) continue;
        ig_name name = ig_intern(&r->model->names, ig_fb_str(&r->fb, map, IG_TFL_TENSOR_MAP_NAME), &ok);
        bool used = !name;
        for (uint32_t o = 0; o < i && o < g->outputs.n; o++) used |= g->outputs.items[o].name == name;
        if (!ok) return ig_oom(r->err);
        if (used) continue;
        info->name = name;
        return IG_OK;
    }
    char text[300];
    snprintf(text, sizeof text, "%.200s#%u", info->value->name, i);
    info->name = ig_model_name(r->model, text);
    return info->name ? IG_OK : ig_oom(r->err);
}

static ig_status read_outputs(ig_tfl_reader *r, ig_tfl_subgraph *s, ig_fb_table table, ig_fb_table signature,
                              const char *where) {
    ig_fb_vector list = ig_fb_scalars(&r->fb, table, IG_TFL_SUB_GRAPH_OUTPUTS, 4);
    for (uint32_t i = 0; i < list.n; i++) {
        int32_t tensor = (int32_t)ig_load_u32(list.p + 4 * (size_t)i);
        ig_value *v;
        IG_TRY(ig_tfl_value(r, s, tensor, IG_TFL_READ, where, &v));
        if (!v) continue;
        if (!ig_graph_add_output(s->graph, v)) return ig_oom(r->err);
        ig_value_info *info = &s->graph->outputs.items[s->graph->outputs.n - 1];
        IG_TRY(name_output(r, s, signature, tensor, (uint32_t)s->graph->outputs.n - 1, info));
    }
    return IG_OK;
}

static ig_status read_subgraph(ig_tfl_reader *r, uint32_t number, ig_graph *g, ig_fb_table signature) {
    ig_fb_table table = ig_fb_item(&r->fb, r->subgraphs, number);
    ig_tfl_subgraph s = {.number = number, .graph = g, .tensors = ig_fb_tables(&r->fb, table, IG_TFL_SUB_GRAPH_TENSORS)};
    char where[48];
    bool ok = true;
    snprintf(where, sizeof where, "subgraphs[%u]", number);
    g->name = ig_intern(&r->model->names, ig_fb_str(&r->fb, table, IG_TFL_SUB_GRAPH_NAME), &ok);
    s.values = IG_NEW_ARRAY(&r->arena, ig_value *, s.tensors.n);
    if (!ok || !s.values) return ig_oom(r->err);
    if (signature.at) {
        s.names = IG_NEW_ARRAY(&r->arena, ig_name, s.tensors.n);
        if (!s.names) return ig_oom(r->err);
        IG_TRY(name_tensors(r, &s, signature, IG_TFL_SIGNATURE_DEF_INPUTS));
        IG_TRY(name_tensors(r, &s, signature, IG_TFL_SIGNATURE_DEF_OUTPUTS));
    }
    IG_TRY(read_inputs(r, &s, table, where));
    IG_TRY(ig_tfl_read_nodes(r, &s, ig_fb_tables(&r->fb, table, IG_TFL_SUB_GRAPH_OPERATORS)));
    IG_TRY(read_outputs(r, &s, table, signature, where));
    return ig_tfl_sound(r);
}

static ig_status add_function(ig_tfl_reader *r, uint32_t number) {
    ig_model *m = r->model;
    char text[64];
    ig_function *f = IG_NEW(&m->arena, ig_function);
    if (!f || !(f->body = ig_graph_new(m, NULL, NULL))) return ig_oom(r->err);
    f->body->function = f;
    snprintf(text, sizeof text, "%u", number);
    f->overload = ig_model_name(m, text);
    f->domain = ig_model_name(m, IG_TFL_SUBGRAPH_DOMAIN);
    ig_opset opset = {.domain = ig_model_name(m, IG_TFL_DOMAIN), .domain_given = true, .version = SCHEMA_VERSION};
    if (!f->overload || !f->domain || !opset.domain || !IG_PUSH(&m->arena, &f->opsets, opset) ||
        !IG_PUSH(&m->arena, &m->functions, f))
        return ig_oom(r->err);
    IG_TRY(read_subgraph(r, number, f->body, (ig_fb_table){0}));
    f->name = ig_name_len(f->body->name) ? f->body->name : ig_model_name(m, "subgraph");
    return f->name ? IG_OK : ig_oom(r->err);
}

/* True when an operator of some subgraph calls this one: an option that names a subgraph has its number. */
static bool is_called(const ig_model *m, uint32_t number) {
    for (size_t i = 0; i <= m->functions.n; i++) {
        const ig_graph *g = i ? m->functions.items[i - 1]->body : m->graph;
        for (const ig_node *n = g->first; n; n = n->next)
            for (const ig_attr *a = n->attrs; a; a = a->next) {
                bool list = a->kind == IG_ATTR_INTS, named = strstr(a->name, "subgraph") != NULL;
                for (size_t k = 0; named && list && k < a->n; k++)
                    if (a->ints[k] == number) return true;
                if (named && a->kind == IG_ATTR_INT && a->i == number) return true;
            }
    }
    return false;
}

/* ------------------------------------------------------------------------------------------------------------ the model */

static void see_ranks(ig_tfl_reader *r) {
    for (uint32_t g = 0; g < r->subgraphs.n && !r->ranks_given; g++) {
        ig_fb_vector tensors = ig_fb_tables(&r->fb, ig_fb_item(&r->fb, r->subgraphs, g), IG_TFL_SUB_GRAPH_TENSORS);
        for (uint32_t i = 0; i < tensors.n && !r->ranks_given; i++)
            r->ranks_given = ig_fb_bool(&r->fb, ig_fb_item(&r->fb, tensors, i), IG_TFL_TENSOR_HAS_RANK, false);
    }
}

static ig_status read_model(ig_tfl_reader *r, const char *wanted) {
    ig_model *m = r->model;
    ig_fb_table signature;
    uint32_t version = ig_fb_u32(&r->fb, r->root, IG_TFL_MODEL_VERSION, 0);
    m->doc = ig_fb_str(&r->fb, r->root, IG_TFL_MODEL_DESCRIPTION);
    r->subgraphs = ig_fb_tables(&r->fb, r->root, IG_TFL_MODEL_SUBGRAPHS);
    IG_TRY(ig_tfl_sound(r));
    if (version != SCHEMA_VERSION) {
        ig_fail(r->err, IG_E_UNSUPPORTED, "TFLite schema version %u; version 3 is supported", version);
        ig_error_hint(r->err, "only files from before 2017 have another one: convert the model again");
        return IG_E_UNSUPPORTED;
    }
    if (r->subgraphs.n == 0) return ig_fail(r->err, IG_E_INPUT, "the model has no subgraph");
    ig_opset opset = {.domain = ig_model_name(m, IG_TFL_DOMAIN), .domain_given = true, .version = SCHEMA_VERSION};
    if (!opset.domain || !IG_PUSH(&m->arena, &m->opsets, opset)) return ig_oom(r->err);
    see_ranks(r);
    IG_TRY(ig_tfl_read_buffers(r));
    IG_TRY(ig_tfl_read_codes(r));
    IG_TRY(note_signatures(r));
    IG_TRY(find_signature(r, wanted, &signature));
    uint32_t entry = ig_fb_u32(&r->fb, signature, IG_TFL_SIGNATURE_DEF_SUBGRAPH_INDEX, 0);
    if (entry >= r->subgraphs.n)
        return ig_fail(r->err, IG_E_INPUT, "the signature '%.80s' is of subgraph %u; there are %u", wanted, entry,
                       r->subgraphs.n);
    IG_TRY(read_subgraph(r, entry, m->graph, signature));
    for (uint32_t i = 0; i < r->subgraphs.n; i++)
        if (i != entry) IG_TRY(add_function(r, i));
    if (is_called(m, entry)) IG_TRY(add_function(r, entry));
    return ig_tfl_read_metadata(r);
}

ig_status ig_tfl_read(ig_model *model, const ig_source *source, ig_error *err) {
    ig_tfl_reader r = {.model = model, .err = err, .file = source->file}; /* must not move: it holds its arena */
    ig_arena_init(&r.arena, model->context);
    ig_map_init(&r.files, &r.arena);
    r.fb = ig_fb_open(ig_buffer_span(source->file));
    r.root = ig_fb_root(&r.fb);
    ig_status status = ig_tfl_sound(&r);
    if (status == IG_OK) status = read_model(&r, source->options.signature);
    if (status == IG_OK && r.n_findings > TOLD)
        r.failed |= !ig_model_find(model, IG_ERROR, "tflite", "", NULL, "%zu more findings", r.n_findings - TOLD);
    if (status == IG_OK && r.failed) status = ig_oom(err);
    ig_arena_free(&r.arena);
    return status;
}
