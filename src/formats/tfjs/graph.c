/* Graph models: a GraphDef in protobuf's JSON form, without the contents of its constants, which the manifest has under the
 * names of their nodes. It is written down in protobuf's text form, and read by TensorFlow's reader like any other. Tables are
 * filled by a second graph, modelInitializer, whose nodes get names of their own here. */
#include "formats/tfjs/tfjs.h"

#include "formats/tensorflow/decode.h"
#include "formats/tensorflow/text.h"

#include <ctype.h>

#define INITIALIZER "initializer/"

typedef struct writer {
    ig_tfjs_reader *r;
    ig_text text;
    const char *prefix; /* of names of nodes */
    bool bad;
} writer;

/* --------------------------------------------------------------------------------------------------------------- writing */

static bool is_one_of(ig_str name, const char *const *list) {
    for (; *list; list++)
        if (ig_str_is(name, *list)) return true;
    return false;
}

/* Fields whose texts are numbers or names of enums, and those that are bytes in base64. */
static const char *const bare[] = {"i",          "f",          "b",         "size",         "type",          "dtype",
                                   "int_val",    "int64_val",  "float_val", "double_val",   "bool_val",      "half_val",
                                   "uint32_val", "uint64_val", "producer",  "min_consumer", "bad_consumers", "version_number",
                                   NULL};
static const char *const bytes[] = {"s", "tensor_content", "string_val", NULL};
static const char *const maps[] = {"attr", "ret", "control_ret", "arg_attr", NULL};

static ig_str snake_case(writer *w, ig_str name) {
    char *out = IG_NEW_ARRAY(&w->r->arena, char, 2 * name.n + 1);
    size_t n = 0;
    if (!out) {
        w->text.failed = true;
        return IG_STR("");
    }
    for (size_t i = 0; i < name.n; i++) {
        char c = name.s[i];
        bool word = isalnum((unsigned char)c) || c == '_';
        w->bad |= !word;
        if (isupper((unsigned char)c)) out[n++] = '_';
        if (word) out[n++] = (char)tolower((unsigned char)c);
    }
    return (ig_str){out, n};
}

static void put_quoted(writer *w, const uint8_t *s, size_t n) {
    ig_text_printf(&w->text, "\"");
    for (size_t i = 0; i < n; i++) {
        if (isprint(s[i]) && s[i] != '"' && s[i] != '\\')
            ig_text_add(&w->text, (ig_str){(const char *)s + i, 1});
        else
            ig_text_printf(&w->text, "\\%03o", s[i]);
    }
    ig_text_printf(&w->text, "\"");
}

static int base64_digit(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

static void put_base64(writer *w, ig_str s) {
    uint8_t *out = IG_NEW_ARRAY(&w->r->arena, uint8_t, s.n + 1);
    size_t n = 0;
    uint32_t bits = 0, have = 0;
    if (!out) {
        w->text.failed = true;
        return;
    }
    for (size_t i = 0; i < s.n && s.s[i] != '='; i++) {
        int d = base64_digit(s.s[i]);
        w->bad |= d < 0;
        bits = bits << 6 | (uint32_t)(d & 63);
        have += 6;
        if (have < 8) continue;
        have -= 8;
        out[n++] = (uint8_t)(bits >> have);
    }
    put_quoted(w, out, n);
}

/* A number, or an enum's name, that stands in quotes in JSON. */
static void put_bare(writer *w, ig_str s) {
    bool word = s.n > 0;
    for (size_t i = 0; i < s.n; i++) word &= isalnum((unsigned char)s.s[i]) || strchr("_-+.", s.s[i]);
    w->bad |= !word;
    if (ig_str_is(s, "Infinity") || ig_str_is(s, "-Infinity"))
        ig_text_printf(&w->text, s.s[0] == '-' ? "-inf" : "inf");
    else if (ig_str_is(s, "NaN"))
        ig_text_printf(&w->text, "nan");
    else if (word)
        ig_text_add(&w->text, s);
}

static void put_members(writer *w, const ig_json *v, bool node);

static void put_map(writer *w, ig_str field, const ig_json *v) {
    int n = (int)field.n;
    for (size_t i = 0; ig_json_is_kind(v, IG_JSON_OBJECT) && i < v->n; i++) {
        ig_text_printf(&w->text, "%.*s { key: ", n, field.s);
        if (ig_str_is(field, "arg_attr"))
            put_bare(w, v->keys[i]);
        else
            put_quoted(w, (const uint8_t *)v->keys[i].s, v->keys[i].n);
        const ig_json *value = &v->items[i];
        if (value->kind == IG_JSON_TEXT) {
            ig_text_printf(&w->text, " value: ");
            put_quoted(w, (const uint8_t *)value->s.s, value->s.n);
        } else {
            ig_text_printf(&w->text, " value { ");
            put_members(w, value, false);
            ig_text_printf(&w->text, " }");
        }
        ig_text_printf(&w->text, " }\n");
    }
}

static void put_text(writer *w, ig_str field, ig_str s, bool node) {
    bool renamed = node && w->prefix[0] && (ig_str_is(field, "name") || ig_str_is(field, "input"));
    if (is_one_of(field, bytes)) {
        put_base64(w, s);
    } else if (is_one_of(field, bare)) {
        put_bare(w, s);
    } else if (renamed) {
        bool control = s.n && s.s[0] == '^';
        const char *text =
            ig_arena_printf(&w->r->arena, "%s%s%.*s", control ? "^" : "", w->prefix, (int)(s.n - control), s.s + control);
        if (!text) w->text.failed = true;
        if (text) put_quoted(w, (const uint8_t *)text, strlen(text));
    } else {
        put_quoted(w, (const uint8_t *)s.s, s.n);
    }
}

static void put_field(writer *w, ig_str field, const ig_json *v, bool node) {
    if (v->kind == IG_JSON_NULL) return;
    if (v->kind == IG_JSON_LIST) {
        for (size_t i = 0; i < v->n; i++) put_field(w, field, &v->items[i], node);
        return;
    }
    ig_text_add(&w->text, field);
    if (v->kind == IG_JSON_OBJECT) {
        ig_text_printf(&w->text, " { ");
        put_members(w, v, ig_str_is(field, "node"));
        ig_text_printf(&w->text, " }\n");
        return;
    }
    ig_text_printf(&w->text, ": ");
    if (v->kind == IG_JSON_TEXT)
        put_text(w, field, v->s, node);
    else if (v->kind == IG_JSON_BOOL)
        ig_text_printf(&w->text, v->b ? "true" : "false");
    else
        ig_text_add(&w->text, v->source);
    ig_text_printf(&w->text, "\n");
}

/* As deep as the JSON parser lets a tree be. `node`: of the graph, whose names get the prefix. */
static void put_members(writer *w, const ig_json *v, bool node) {
    for (size_t i = 0; ig_json_is_kind(v, IG_JSON_OBJECT) && i < v->n; i++) {
        ig_str field = snake_case(w, v->keys[i]);
        if (is_one_of(field, maps) && v->items[i].kind == IG_JSON_OBJECT)
            put_map(w, field, &v->items[i]);
        else
            put_field(w, field, &v->items[i], node);
    }
}

/* ---- tables ---- */

/* The node of the initializer that makes the resource which a placeholder stands for. */
static ig_str resource_of(const ig_tfjs_reader *r, const ig_json *node) {
    ig_str name = ig_json_text(ig_json_get(node, "name"));
    const ig_json *inputs = ig_json_get(ig_json_get(r->json, "signature"), "inputs"),
                  *outputs = ig_json_get(ig_json_get(r->json, "initializerSignature"), "outputs");
    if (!ig_json_is(ig_json_get(node, "op"), "Placeholder")) return (ig_str){0};
    for (size_t i = 0; ig_json_is_kind(inputs, IG_JSON_OBJECT) && i < inputs->n; i++) {
        ig_str tensor = ig_json_text(ig_json_get(&inputs->items[i], "name"));
        const ig_json *id = ig_json_get(&inputs->items[i], "resourceId");
        if (!id || !ig_str_starts(tensor, "") || tensor.n < name.n || memcmp(tensor.s, name.s, name.n) != 0) continue;
        if (tensor.n != name.n && tensor.s[name.n] != ':') continue;
        for (size_t k = 0; ig_json_is_kind(outputs, IG_JSON_OBJECT) && k < outputs->n; k++)
            if (ig_json_int(ig_json_get(&outputs->items[k], "resourceId"), -1) == ig_json_int(id, -2))
                return ig_json_text(ig_json_get(&outputs->items[k], "name"));
    }
    return (ig_str){0};
}

static void put_nodes(writer *w, const ig_json *graph) {
    const ig_json *nodes = ig_json_get(graph, "node");
    for (size_t i = 0; ig_json_is_kind(nodes, IG_JSON_LIST) && i < nodes->n; i++) {
        ig_str made = w->prefix[0] ? (ig_str){0} : resource_of(w->r, &nodes->items[i]),
               name = ig_json_text(ig_json_get(&nodes->items[i], "name"));
        if (!made.s) {
            put_field(w, IG_STR("node"), &nodes->items[i], false);
            continue;
        }
        const char *from = ig_arena_printf(&w->r->arena, INITIALIZER "%.*s", (int)made.n, made.s);
        if (!from) w->text.failed = true;
        ig_text_printf(&w->text, "node { op: \"Identity\" attr { key: \"T\" value { type: DT_RESOURCE } } name: ");
        put_quoted(w, (const uint8_t *)name.s, name.n);
        ig_text_printf(&w->text, " input: ");
        if (from) put_quoted(w, (const uint8_t *)from, strlen(from));
        ig_text_printf(&w->text, " }\n");
    }
}

static ig_status write_graph(ig_tfjs_reader *r, ig_buffer **out) {
    writer w = {.r = r, .prefix = INITIALIZER};
    const ig_json *topology = ig_json_get(r->json, "modelTopology"), *library = ig_json_get(topology, "library"),
                  *versions = ig_json_get(topology, "versions");
    ig_text_init(&w.text, &r->arena);
    put_nodes(&w, ig_json_get(r->json, "modelInitializer"));
    w.prefix = "";
    put_nodes(&w, topology);
    if (library) put_field(&w, IG_STR("library"), library, false);
    if (versions) put_field(&w, IG_STR("versions"), versions, false);
    if (w.text.failed) return ig_oom(r->err);
    if (w.bad)
        return ig_fail(r->err, IG_E_INPUT,
                       "modelTopology has a field that no graph has, or text that is neither number nor base64");
    if (w.text.n == 0) return ig_fail(r->err, IG_E_INPUT, "modelTopology has no nodes");
    *out = ig_buffer_create(r->source->context, w.text.n, false);
    if (!*out) return ig_oom(r->err);
    memcpy((*out)->data, w.text.s, w.text.n);
    return IG_OK;
}

/* --------------------------------------------------------------------------------------------------------------- weights */

static ig_const *weight_of(const ig_tfjs_reader *r, ig_name name) {
    ig_str s = ig_name_str(name);
    if (s.n > 2 && s.s[s.n - 2] == ':') s.n -= 2;
    if (ig_str_starts(s, INITIALIZER)) s = (ig_str){s.s + strlen(INITIALIZER), s.n - strlen(INITIALIZER)};
    ig_tfjs_weight *w = ig_tfjs_find(r, s);
    return w ? w->constant : NULL;
}

/* A constant with the weight's content and the name that the graph has for it. */
static ig_const *renamed(const ig_tfjs_reader *r, const ig_const *weight, ig_name name) {
    ig_const *c = IG_NEW(&r->model->arena, ig_const);
    if (!c) return NULL;
    *c = *weight;
    c->name = name;
    return c;
}

static ig_status fill_graph(ig_graph *g, void *user) {
    ig_tfjs_reader *r = user;
    for (size_t i = 0; i < g->initializers.n; i++) {
        ig_value *v = g->initializers.items[i];
        const ig_const *w = weight_of(r, v->name);
        if (w && !(v->constant = renamed(r, w, v->name))) return ig_oom(r->err);
        if (!w) continue;
        ig_shape shape = {.rank = w->rank};
        for (int d = 0; d < w->rank; d++) shape.dims[d] = ig_dim_of(w->dims[d]);
        v->type = ig_type_tensor(&r->model->arena, w->dtype, &shape);
        if (!v->type) return ig_oom(r->err);
    }
    for (ig_node *n = g->first; n; n = n->next) {
        const ig_const *w = strcmp(ig_name_text(n->op), "Const") == 0 ? weight_of(r, n->name) : NULL;
        ig_attr *a = w ? ig_attr_find(n, "value") : NULL;
        if (a && a->kind == IG_ATTR_TENSOR && !(a->t = renamed(r, w, a->t->name))) return ig_oom(r->err);
    }
    return IG_OK;
}

/* --------------------------------------------------------------------------------------------------------------- the ends */

static ig_str node_of(ig_str tensor) {
    for (size_t i = 0; i < tensor.n; i++)
        if (tensor.s[i] == ':') return (ig_str){tensor.s, i};
    return tensor;
}

/* Outputs are named by their nodes, as TensorFlow.js names them; further results of a node keep their number. */
static ig_status add_outputs(ig_tf_reader *tf, const ig_json *outputs) {
    ig_graph *g = tf->model->graph;
    for (size_t i = 0; ig_json_is_kind(outputs, IG_JSON_OBJECT) && i < outputs->n; i++) {
        ig_str tensor = ig_json_text(ig_json_get(&outputs->items[i], "name"));
        ig_value *v = NULL;
        if (tensor.s) IG_TRY(ig_tf_find_value(tf, tensor, &v));
        if (!v)
            return ig_fail(tf->err, IG_E_INPUT, "the signature names an output '%.*s' that the graph doesn't have",
                           (int)ig_min_size(tensor.n, 80), tensor.s ? tensor.s : "");
        if (!ig_graph_add_output(g, v)) return ig_oom(tf->err);
        bool first = tensor.n < 2 || tensor.s[tensor.n - 2] != ':' || tensor.s[tensor.n - 1] == '0';
        ig_name name = ig_tf_name(tf, first ? node_of(tensor) : tensor);
        if (!name) return ig_oom(tf->err);
        g->outputs.items[g->outputs.n - 1].name = name;
    }
    return IG_OK;
}

/* Inputs too: "x", and not "x:0". */
static ig_status name_inputs(ig_tf_reader *tf) {
    ig_graph *g = tf->model->graph;
    for (size_t i = 0; i < g->inputs.n; i++) {
        ig_value_info *info = &g->inputs.items[i];
        ig_name name = ig_tf_name(tf, node_of(ig_name_str(info->value->name)));
        if (!name) return ig_oom(tf->err);
        if (ig_graph_find(g, name)) continue;
        ig_map_remove(&g->values, IG_KEY(info->value->name));
        info->value->name = info->name = name;
        if (!ig_map_set(&g->values, IG_KEY(name), info->value)) return ig_oom(tf->err);
    }
    return IG_OK;
}

static ig_status read_graph(ig_tfjs_reader *r, ig_tf_reader *tf) {
    ig_tf_graph pb = {0};
    const ig_json *signature = ig_json_get(r->json, "signature"), *outputs = ig_json_get(signature, "outputs");
    if (!signature) {
        signature = ig_json_get(ig_json_get(r->json, "userDefinedMetadata"), "signature");
        outputs = ig_json_get(signature, "outputs");
    }
    IG_TRY(ig_tf_from_text(tf, &ig_tf_graph_pb));
    ig_pb_reader reader = ig_tf_pb(tf, &tf->arena);
    IG_TRY(ig_pb_read(&reader, &ig_tf_graph_pb, ig_buffer_span(tf->file), &pb, NULL));
    IG_TRY(ig_tf_read_graph(tf, &pb));
    IG_TRY(fill_graph(r->model->graph, r));
    for (size_t i = 0; i < r->model->functions.n; i++) IG_TRY(fill_graph(r->model->functions.items[i]->body, r));
    if (ig_json_count(outputs)) {
        IG_TRY(add_outputs(tf, outputs));
        IG_TRY(ig_tf_make_inputs(tf));
    } else {
        IG_TRY(ig_tf_make_inputs(tf));
        IG_TRY(ig_tf_make_outputs(tf));
    }
    IG_TRY(name_inputs(tf));
    IG_TRY(ig_tf_prune(tf, NULL, 0));
    return tf->failed ? ig_oom(r->err) : IG_OK;
}

ig_status ig_tfjs_read_graph(ig_tfjs_reader *r) {
    ig_buffer *text = NULL;
    ig_tf_reader tf;
    IG_TRY(write_graph(r, &text));
    if (!ig_model_keep(r->model, text)) return ig_oom(r->err);
    ig_status status = ig_tf_reader_init(&tf, r->model, text, r->err);
    if (status == IG_OK) status = read_graph(r, &tf);
    ig_tf_reader_free(&tf);
    return status;
}
