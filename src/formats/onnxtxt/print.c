/* Models, graphs, functions and nodes as text. */
#include "formats/onnxtxt/print.h"

#include "formats/onnx/encode.h"

#include <stdarg.h>
#include <stdio.h>

enum { STEP = 3, MOST_GRAPHS = 300 };

/* ---- text ---- */

static void flush(ig_txt_out *o) {
    if (o->status == IG_OK && o->n) o->status = o->sink.write(o->sink.user, o->buffer, o->n, o->err);
    o->n = 0;
}

void ig_txt_put(ig_txt_out *o, ig_str s) {
    if (s.n > sizeof o->buffer - o->n) flush(o);
    if (s.n > sizeof o->buffer) {
        if (o->status == IG_OK) o->status = o->sink.write(o->sink.user, s.s, s.n, o->err);
        return;
    }
    if (s.n) memcpy(o->buffer + o->n, s.s, s.n);
    o->n += s.n;
}

void ig_txt_printf(ig_txt_out *o, const char *format, ...) {
    char text[200];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n > 0) ig_txt_put(o, (ig_str){text, ig_min_size((size_t)n, sizeof text - 1)});
}

static void put_indent(ig_txt_out *o) {
    static const char spaces[] = "                                                                ";
    int n = o->indent;
    for (; n > (int)sizeof spaces - 1; n -= (int)sizeof spaces - 1) ig_txt_put(o, IG_STR(spaces));
    ig_txt_put(o, (ig_str){spaces, (size_t)n});
}

void *ig_txt_open(ig_txt_out *o, const ig_pb_message *type, ig_pb_head *head) {
    if (!head->lazy) return head;
    ig_pb_reader r = {&o->scratch, head->wire.p, o->model->context->limits.depth, o->err, NULL};
    void *message = ig_arena_alloc(&o->scratch, type->size);
    if (!message) o->status = ig_oom(o->err);
    if (o->status == IG_OK) o->status = ig_pb_read(&r, type, head->wire, message, NULL);
    return o->status == IG_OK ? message : NULL;
}

/* ---- names ---- */

static bool is_identifier(ig_str s) {
    for (size_t i = 0; i < s.n; i++) {
        char c = s.s[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9')) return false;
    }
    return s.n > 0;
}

bool ig_txt_is_plain(ig_str s) {
    static const char *const words[] = {"seq", "optional", "map", "sparse_tensor", "opaque"};
    if (!is_identifier(s)) return false;
    for (size_t i = 0; i < IG_COUNT_OF(words); i++)
        if (ig_str_is(s, words[i])) return false;
    for (int d = 1; d < IG_DTYPE_COUNT; d++)
        if (ig_str_is(s, ig_dtypes[d].name)) return false;
    return true;
}

void ig_txt_put_quoted(ig_txt_out *o, ig_str s) {
    ig_txt_put(o, IG_STR("\""));
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.s[i] != '"' && s.s[i] != '\\') continue;
        ig_txt_put(o, (ig_str){s.s + from, i - from});
        ig_txt_put(o, IG_STR("\\"));
        from = i;
    }
    ig_txt_put(o, (ig_str){s.s + from, s.n - from});
    ig_txt_put(o, IG_STR("\""));
}

void ig_txt_put_name(ig_txt_out *o, ig_str s) {
    if (ig_txt_is_plain(s))
        ig_txt_put(o, s);
    else
        ig_txt_put_quoted(o, s);
}

static void put_names(ig_txt_out *o, const ig_str *names, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (i) ig_txt_put(o, IG_STR(", "));
        ig_txt_put_name(o, names[i]);
    }
}

/* Each part between dots by itself; as one in quotes where a part is empty. */
static void put_domain(ig_txt_out *o, ig_str domain) {
    bool whole = domain.n == 0 || domain.s[0] == '.' || domain.s[domain.n - 1] == '.';
    for (size_t i = 1; i < domain.n; i++) whole |= domain.s[i] == '.' && domain.s[i - 1] == '.';
    if (whole) {
        ig_txt_put_quoted(o, domain);
        return;
    }
    for (size_t from = 0, i = 0; i <= domain.n; i++) {
        if (i < domain.n && domain.s[i] != '.') continue;
        ig_str part = {domain.s + from, i - from};
        if (is_identifier(part))
            ig_txt_put(o, part);
        else
            ig_txt_put_quoted(o, part);
        if (i < domain.n) ig_txt_put(o, IG_STR("."));
        from = i + 1;
    }
}

/* ONNX's reader takes a quoted word behind an attribute's "=" for a string, so names of inner graphs, which mean nothing, are
 * made plain. */
static void put_graph_name(ig_txt_out *o, ig_str name, bool in_attribute) {
    double number;
    if (!in_attribute || (ig_txt_is_plain(name) && !ig_str_to_f64(name, &number))) {
        ig_txt_put_name(o, name);
        return;
    }
    ig_txt_lose(o, IG_TXT_LOST_NAMES, name.n);
    ig_txt_put(o, IG_STR("g_"));
    for (size_t i = 0; i < name.n; i++)
        ig_txt_put(o, is_identifier((ig_str){name.s + i, 1}) || (name.s[i] >= '0' && name.s[i] <= '9') ? (ig_str){name.s + i, 1}
                                                                                                       : IG_STR("_"));
}

/* ---- what is left out ---- */

void ig_txt_lose(ig_txt_out *o, ig_txt_lost what, size_t n) { o->lost[what] += n > 0; }

static void put_lost(ig_txt_out *o) {
    static const char *const what[IG_TXT_LOST_COUNT] = {"doc strings of nodes, graphs, values, attributes or constants",
                                                        "metadata and denotations below the model",
                                                        "quantization annotations and device configurations",
                                                        "training graphs",
                                                        "contents of constants, shown as ...",
                                                        "names of inner graphs"};
    for (size_t i = 0; i < IG_TXT_LOST_COUNT; i++)
        if (o->lost[i]) ig_txt_printf(o, "# not in this text: %s (%zu)\n", what[i], o->lost[i]);
}

/* ---- nodes ---- */

static bool has_graphs(const ig_onnx_node *n) {
    for (size_t i = 0; i < n->attribute.n; i++) {
        const ig_pb_head *head = n->attribute.items[i];
        const ig_onnx_attr *a = (const ig_onnx_attr *)(const void *)head; /* those with graphs come decoded */
        if (!head->lazy && (a->g || a->graphs.n)) return true;
    }
    return false;
}

static void put_attrs(ig_txt_out *o, const ig_onnx_node *n) {
    if (n->attribute.n == 0) return;
    o->indent += STEP;
    for (size_t i = 0; i < n->attribute.n; i++) {
        ig_txt_put(o, i ? IG_STR(", ") : IG_STR(" <"));
        ig_onnx_attr *a = ig_txt_open(o, &ig_onnx_attr_pb, n->attribute.items[i]);
        if (a) ig_txt_put_attr(o, a);
    }
    o->indent -= STEP;
    ig_txt_put(o, IG_STR(">"));
}

static void put_node(ig_txt_out *o, const ig_onnx_node *n) {
    bool graphs = has_graphs(n);
    put_indent(o);
    if (n->name.n) {
        ig_txt_put(o, IG_STR("["));
        ig_txt_put_name(o, n->name);
        ig_txt_put(o, IG_STR("] "));
    }
    put_names(o, n->output.items, n->output.n);
    ig_txt_put(o, IG_STR(" = "));
    if (n->domain.n) {
        put_domain(o, n->domain);
        ig_txt_put(o, IG_STR("."));
    }
    ig_txt_put_name(o, n->op_type);
    if (n->overload.n) {
        ig_txt_put(o, IG_STR(":"));
        ig_txt_put_name(o, n->overload);
    }
    if (!graphs) put_attrs(o, n);
    ig_txt_put(o, IG_STR(" ("));
    put_names(o, n->input.items, n->input.n);
    ig_txt_put(o, IG_STR(")"));
    if (graphs) put_attrs(o, n);
    ig_txt_put(o, IG_STR("\n"));
    ig_txt_lose(o, IG_TXT_LOST_DOCS, n->doc_string.n);
    ig_txt_lose(o, IG_TXT_LOST_METADATA, n->metadata_props.n);
    ig_txt_lose(o, IG_TXT_LOST_ANNOTATIONS, n->device_configurations.n);
}

static void put_nodes(ig_txt_out *o, ig_pb_head *const *nodes, size_t n) {
    ig_txt_put(o, IG_STR("{\n"));
    for (size_t i = 0; i < n && o->status == IG_OK; i++) {
        put_node(o, (const ig_onnx_node *)(const void *)nodes[i]);
        if (o->depth <= 1) ig_arena_reset(&o->scratch);
    }
    o->indent -= STEP;
    put_indent(o);
    o->indent += STEP;
    ig_txt_put(o, IG_STR("}"));
}

/* ---- graphs ---- */

static void put_info(ig_txt_out *o, ig_pb_head *head) {
    const ig_onnx_value_info *v = ig_txt_open(o, &ig_onnx_value_info_pb, head);
    if (!v) return;
    if (v->type) {
        ig_txt_put_type(o, v->type);
        ig_txt_put(o, IG_STR(" "));
    }
    ig_txt_put_name(o, v->name);
    ig_txt_lose(o, IG_TXT_LOST_DOCS, v->doc_string.n);
    ig_txt_lose(o, IG_TXT_LOST_METADATA, v->metadata_props.n);
}

static void put_infos(ig_txt_out *o, ig_pb_head *const *infos, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (i) ig_txt_put(o, IG_STR(", "));
        put_info(o, infos[i]);
        if (o->depth <= 1) ig_arena_reset(&o->scratch);
    }
}

static void put_initializers(ig_txt_out *o, const ig_onnx_graph *g) {
    const char *between = "";
    for (size_t i = 0; i < g->initializer.n && o->status == IG_OK; i++, between = ", ") {
        ig_txt_put(o, ig_str_c(between));
        ig_txt_put_tensor(o, (ig_onnx_tensor *)(void *)g->initializer.items[i], true);
        if (o->depth <= 1) ig_arena_reset(&o->scratch);
    }
    for (size_t i = 0; i < g->sparse_initializer.n && o->status == IG_OK; i++, between = ", ") {
        ig_txt_put(o, ig_str_c(between));
        ig_txt_put_sparse(o, (ig_onnx_sparse *)(void *)g->sparse_initializer.items[i]);
    }
    if (g->value_info.n) ig_txt_put(o, ig_str_c(between));
}

void ig_txt_put_graph(ig_txt_out *o, ig_onnx_graph *g, bool in_attribute) {
    if (o->depth == MOST_GRAPHS) {
        o->status = ig_fail(o->err, IG_E_LIMIT, "more than %d graphs in one another can't be printed", MOST_GRAPHS);
        return;
    }
    o->depth++;
    put_graph_name(o, g->name, in_attribute);
    ig_txt_put(o, IG_STR(" ("));
    put_infos(o, g->input.items, g->input.n);
    ig_txt_put(o, IG_STR(") => ("));
    put_infos(o, g->output.items, g->output.n);
    ig_txt_put(o, IG_STR(") "));
    if (g->initializer.n || g->sparse_initializer.n || g->value_info.n) {
        ig_txt_put(o, IG_STR("\n"));
        put_indent(o);
        ig_txt_put(o, IG_STR("<"));
        put_initializers(o, g);
        put_infos(o, g->value_info.items, g->value_info.n);
        ig_txt_put(o, IG_STR(">\n"));
    }
    put_nodes(o, g->node.items, g->node.n);
    o->depth--;
    ig_txt_lose(o, IG_TXT_LOST_DOCS, g->doc_string.n);
    ig_txt_lose(o, IG_TXT_LOST_METADATA, g->metadata_props.n);
    ig_txt_lose(o, IG_TXT_LOST_ANNOTATIONS, g->quantization_annotation.n);
}

/* ---- models ---- */

static void put_opsets(ig_txt_out *o, ig_onnx_opset *const *opsets, size_t n) {
    ig_txt_put(o, IG_STR("["));
    for (size_t i = 0; i < n; i++) {
        if (i) ig_txt_put(o, IG_STR(", "));
        ig_txt_put_quoted(o, opsets[i]->domain);
        ig_txt_printf(o, " : %lld", (long long)opsets[i]->version);
    }
    ig_txt_put(o, IG_STR("]"));
}

static void put_key(ig_txt_out *o, const char *key, bool *first) {
    ig_txt_printf(o, "%s   %s: ", *first ? "<\n" : ",\n", key);
    *first = false;
}

static void put_text_key(ig_txt_out *o, const char *key, ig_str text, bool *first) {
    if (!text.s) return;
    put_key(o, key, first);
    ig_txt_put_quoted(o, text);
}

static void put_function(ig_txt_out *o, const ig_onnx_function *f) {
    bool first = true;
    put_text_key(o, "domain", f->domain.s ? f->domain : IG_STR(""), &first);
    if (f->overload.n) put_text_key(o, "overload", f->overload, &first);
    put_key(o, "opset_import", &first);
    put_opsets(o, f->opset_import.items, f->opset_import.n);
    put_text_key(o, "doc_string", f->doc_string, &first);
    ig_txt_put(o, IG_STR("\n>\n"));
    ig_txt_put_name(o, f->name);
    ig_txt_put(o, IG_STR(" "));
    if (f->attribute.n || f->attribute_proto.n) ig_txt_put(o, IG_STR("<"));
    put_names(o, f->attribute.items, f->attribute.n);
    for (size_t i = 0; i < f->attribute_proto.n; i++) {
        if (i || f->attribute.n) ig_txt_put(o, IG_STR(", "));
        ig_onnx_attr *a = ig_txt_open(o, &ig_onnx_attr_pb, f->attribute_proto.items[i]);
        if (a) ig_txt_put_attr(o, a);
    }
    if (f->attribute.n || f->attribute_proto.n) ig_txt_put(o, IG_STR("> "));
    ig_txt_put(o, IG_STR("("));
    put_names(o, f->input.items, f->input.n);
    ig_txt_put(o, IG_STR(") => ("));
    put_names(o, f->output.items, f->output.n);
    ig_txt_put(o, IG_STR(")\n"));
    if (f->value_info.n) {
        ig_txt_put(o, IG_STR("   <"));
        put_infos(o, f->value_info.items, f->value_info.n);
        ig_txt_put(o, IG_STR(">\n"));
    }
    o->depth++;
    put_nodes(o, f->node.items, f->node.n);
    o->depth--;
    ig_txt_put(o, IG_STR("\n"));
    ig_txt_lose(o, IG_TXT_LOST_METADATA, f->metadata_props.n);
}

static void put_model(ig_txt_out *o, ig_onnx_model *m) {
    ig_onnx_graph none = {0};
    bool first = true;
    if (m->has_ir_version) {
        put_key(o, "ir_version", &first);
        ig_txt_printf(o, "%lld", (long long)m->ir_version);
    }
    put_key(o, "opset_import", &first);
    put_opsets(o, m->opset_import.items, m->opset_import.n);
    put_text_key(o, "producer_name", m->producer_name, &first);
    put_text_key(o, "producer_version", m->producer_version, &first);
    put_text_key(o, "domain", m->domain, &first);
    if (m->has_model_version) {
        put_key(o, "model_version", &first);
        ig_txt_printf(o, "%lld", (long long)m->model_version);
    }
    put_text_key(o, "doc_string", m->doc_string, &first);
    if (m->metadata_props.n) {
        put_key(o, "metadata_props", &first);
        ig_txt_put_props(o, m->metadata_props.items, m->metadata_props.n);
    }
    ig_txt_put(o, IG_STR("\n>\n"));
    ig_txt_put_graph(o, m->graph ? m->graph : &none, false);
    ig_txt_put(o, IG_STR("\n"));
    for (size_t i = 0; i < m->functions.n && o->status == IG_OK; i++)
        put_function(o, (const ig_onnx_function *)(const void *)m->functions.items[i]);
    ig_txt_lose(o, IG_TXT_LOST_TRAINING, m->training_info.n);
    ig_txt_lose(o, IG_TXT_LOST_ANNOTATIONS, m->configuration.n);
    put_lost(o);
}

ig_status ig_txt_print(ig_model *model, ig_onnx_model *message, uint64_t most, ig_pb_sink sink, ig_error *err) {
    ig_txt_out o = {.model = model, .sink = sink, .err = err, .most = most, .indent = STEP};
    ig_arena_init(&o.scratch, model->context);
    ig_c_locale locale = ig_c_locale_enter();
    put_model(&o, message);
    flush(&o);
    ig_c_locale_leave(locale);
    ig_arena_free(&o.scratch);
    return o.status;
}

/* ---- the public face ---- */

typedef struct print_user {
    bool (*write)(void *user, const char *text, size_t n);
    void *user;
} print_user;

static ig_status write_text(void *user, const void *data, size_t n, ig_error *err) {
    const print_user *u = user;
    return u->write(u->user, data, n) ? IG_OK : ig_fail(err, IG_E_IO, "the text can't be written");
}

ig_status ig_model_print(ig_model *model, const ig_print_options *options,
                         bool (*write)(void *user, const char *text, size_t n), void *user, ig_error *err) {
    ig_print_options o = {0};
    ig_target target = {.context = model->context, .path = ""};
    print_user u = {write, user};
    ig_onnx_writer w;
    ig_onnx_model message;
    ig_arena arena;
    ig_error_clear(err);
    ig_options_copy(&o, sizeof o, options);
    ig_arena_init(&arena, model->context);
    ig_status status = ig_onnx_writer_init(&w, model, &arena, &target, err);
    w.keep_external = true;
    if (status == IG_OK) status = ig_onnx_make_model(&w, &message);
    if (status == IG_OK)
        status = ig_txt_print(model, &message, o.short_constants ? 8 : UINT64_MAX, (ig_pb_sink){write_text, &u}, err);
    ig_arena_free(&arena);
    return status;
}
