/* Models, graphs, functions and nodes. */
#include "formats/onnxtxt/parse.h"

/* ---- nodes ---- */

/* Names between commas; nothing, or "", stands for an absent one. A comma at the end adds none. */
static ig_status parse_names(ig_txt *t, void *pb) {
    IG_VEC(ig_str) out = {0};
    while (ig_txt_at_name(t) || ig_txt_peek(t) == ',') {
        ig_str name = IG_STR("");
        if (ig_txt_at_name(t)) IG_TRY(ig_txt_name(t, "a name", &name));
        if (!IG_PUSH(t->arena, &out, name)) return ig_oom(t->err);
        if (!ig_txt_match(t, ',')) break;
    }
    memcpy(pb, &out, sizeof out);
    return IG_OK;
}

/* domain.with.dots.Op: what stands before the last dot is the domain. */
static ig_status parse_operator(ig_txt *t, ig_onnx_node *n) {
    IG_TRY(ig_txt_name(t, "an operator", &n->op_type));
    ig_text domain;
    ig_text_init(&domain, t->arena);
    while (ig_txt_match(t, '.')) {
        if (domain.n) ig_text_add(&domain, IG_STR("."));
        ig_text_add(&domain, n->op_type);
        IG_TRY(ig_txt_name(t, "an operator behind '.'", &n->op_type));
    }
    if (domain.failed) return ig_oom(t->err);
    n->domain = (ig_str){domain.n ? domain.s : "", domain.n};
    return ig_txt_match(t, ':') ? ig_txt_name(t, "an overload", &n->overload) : IG_OK;
}

static ig_status parse_attrs(ig_txt *t, ig_onnx_node *n) {
    if (!ig_txt_match(t, '<')) return IG_OK;
    do {
        ig_onnx_attr *a;
        IG_TRY(ig_txt_attr(t, &a));
        if (!IG_PUSH(t->arena, &n->attribute, &a->head)) return ig_oom(t->err);
    } while (ig_txt_match(t, ','));
    return ig_txt_expect(t, '>', "behind the attributes");
}

static ig_status parse_node(ig_txt *t, ig_pb_head **out) {
    ig_onnx_node *n = IG_NEW(t->arena, ig_onnx_node);
    if (!n) return ig_oom(t->err);
    *out = &n->head;
    if (ig_txt_match(t, '[')) {
        if (ig_txt_peek(t) != ']') IG_TRY(ig_txt_name(t, "a node's name", &n->name));
        IG_TRY(ig_txt_expect(t, ']', "behind a node's name"));
    }
    IG_TRY(parse_names(t, &n->output));
    IG_TRY(ig_txt_expect(t, '=', "behind a node's outputs"));
    IG_TRY(parse_operator(t, n));
    IG_TRY(parse_attrs(t, n));
    IG_TRY(ig_txt_expect(t, '(', "before a node's inputs"));
    IG_TRY(parse_names(t, &n->input));
    IG_TRY(ig_txt_expect(t, ')', "behind a node's inputs"));
    return n->attribute.n ? IG_OK : parse_attrs(t, n);
}

static ig_status parse_nodes(ig_txt *t, void *pb) {
    IG_VEC(ig_pb_head *) out = {0};
    IG_TRY(ig_txt_expect(t, '{', "before the nodes"));
    while (!ig_txt_match(t, '}')) {
        ig_pb_head *node = NULL;
        IG_TRY(parse_node(t, &node));
        if (!IG_PUSH(t->arena, &out, node)) return ig_oom(t->err);
    }
    memcpy(pb, &out, sizeof out);
    return IG_OK;
}

/* ---- graphs ---- */

typedef IG_VEC(ig_pb_head *) heads;

static ig_status parse_info(ig_txt *t, ig_onnx_value_info **out) {
    *out = IG_NEW(t->arena, ig_onnx_value_info);
    if (!*out) return ig_oom(t->err);
    if (ig_txt_at_type(t)) IG_TRY(ig_txt_type(t, &(*out)->type));
    return ig_txt_name(t, "a value's name", &(*out)->name);
}

/* The constant behind "=" of a value. */
static ig_status parse_initializer(ig_txt *t, const ig_onnx_value_info *info, ig_onnx_graph *g) {
    ig_onnx_tensor *tensor;
    ig_onnx_sparse *sparse;
    if (!info->type) return ig_txt_fail(t, t->at, "a constant needs a type");
    if (info->type->value_case == 8) {
        IG_TRY(ig_txt_sparse_data(t, info->type, info->name, &sparse));
        return IG_PUSH(t->arena, &g->sparse_initializer, &sparse->head) ? IG_OK : ig_oom(t->err);
    }
    IG_TRY(ig_txt_tensor_data(t, info->type, info->name, &tensor));
    return IG_PUSH(t->arena, &g->initializer, &tensor->head) ? IG_OK : ig_oom(t->err);
}

/* Values up to `close`. Those with a constant become initializers of `g` (NULL: none may have one), and are listed only with
 * `both`. */
static ig_status parse_infos(ig_txt *t, char close, ig_onnx_graph *g, bool both, void *pb) {
    heads out;
    memcpy(&out, pb, sizeof out);
    if (!ig_txt_match(t, close)) {
        do {
            ig_onnx_value_info *info;
            IG_TRY(parse_info(t, &info));
            bool constant = g && ig_txt_match(t, '=');
            if (constant) IG_TRY(parse_initializer(t, info, g));
            if ((!constant || both) && !IG_PUSH(t->arena, &out, &info->head)) return ig_oom(t->err);
        } while (ig_txt_match(t, ','));
        IG_TRY(ig_txt_expect(t, close, "behind a list of values"));
    }
    memcpy(pb, &out, sizeof out);
    return IG_OK;
}

static ig_status parse_graph(ig_txt *t, ig_onnx_graph *g) {
    IG_TRY(ig_txt_name(t, "a graph's name", &g->name));
    if (ig_txt_match(t, '(')) IG_TRY(parse_infos(t, ')', g, true, &g->input));
    IG_TRY(ig_txt_arrow(t));
    IG_TRY(ig_txt_expect(t, '(', "before the outputs"));
    IG_TRY(parse_infos(t, ')', NULL, false, &g->output));
    if (ig_txt_match(t, '<')) IG_TRY(parse_infos(t, '>', g, false, &g->value_info));
    return parse_nodes(t, &g->node);
}

ig_status ig_txt_graph(ig_txt *t, ig_onnx_graph **out) {
    *out = IG_NEW(t->arena, ig_onnx_graph);
    if (!*out) return ig_oom(t->err);
    IG_TRY(ig_txt_enter(t));
    ig_status status = parse_graph(t, *out);
    ig_txt_leave(t);
    return status;
}

/* ---- headers ---- */

static ig_status parse_opsets(ig_txt *t, void *pb) {
    IG_VEC(ig_onnx_opset *) out = {0};
    IG_TRY(ig_txt_expect(t, '[', "before the opsets"));
    if (!ig_txt_match(t, ']')) {
        do {
            ig_onnx_opset *o = IG_NEW(t->arena, ig_onnx_opset);
            if (!o || !IG_PUSH(t->arena, &out, o)) return ig_oom(t->err);
            IG_TRY(ig_txt_string(t, "a domain in quotes", &o->domain));
            IG_TRY(ig_txt_expect(t, ':', "behind a domain"));
            IG_TRY(ig_txt_int(t, "an opset version", &o->version));
            o->has_version = true;
        } while (ig_txt_match(t, ','));
        IG_TRY(ig_txt_expect(t, ']', "behind the opsets"));
    }
    memcpy(pb, &out, sizeof out);
    return IG_OK;
}

/* One "key: value" of a header; each key's reader. */
typedef struct header_key {
    const char *word;
    ig_status (*read)(ig_txt *t, void *message);
} header_key;

#define STRING_KEY(name, message, field)                                                                                       \
    static ig_status name(ig_txt *t, void *m) { return ig_txt_string(t, "a text in quotes", &((message *)m)->field); }
#define INT_KEY(name, message, field)                                                                                          \
    static ig_status name(ig_txt *t, void *m) {                                                                                \
        ((message *)m)->has_##field = true;                                                                                    \
        return ig_txt_int(t, "a number", &((message *)m)->field);                                                              \
    }
INT_KEY(read_ir_version, ig_onnx_model, ir_version)
INT_KEY(read_model_version, ig_onnx_model, model_version)
STRING_KEY(read_producer_name, ig_onnx_model, producer_name)
STRING_KEY(read_producer_version, ig_onnx_model, producer_version)
STRING_KEY(read_domain, ig_onnx_model, domain)
STRING_KEY(read_doc, ig_onnx_model, doc_string)
STRING_KEY(read_function_domain, ig_onnx_function, domain)
STRING_KEY(read_function_overload, ig_onnx_function, overload)
STRING_KEY(read_function_doc, ig_onnx_function, doc_string)
static ig_status read_opsets(ig_txt *t, void *m) { return parse_opsets(t, &((ig_onnx_model *)m)->opset_import); }
static ig_status read_metadata(ig_txt *t, void *m) { return ig_txt_props(t, &((ig_onnx_model *)m)->metadata_props); }
static ig_status read_function_opsets(ig_txt *t, void *m) { return parse_opsets(t, &((ig_onnx_function *)m)->opset_import); }

static const header_key model_keys[] = {
    {"ir_version", read_ir_version},
    {"opset_import", read_opsets},
    {"producer_name", read_producer_name},
    {"producer_version", read_producer_version},
    {"domain", read_domain},
    {"model_version", read_model_version},
    {"doc_string", read_doc},
    {"metadata_props", read_metadata},
};

static const header_key function_keys[] = {
    {"domain", read_function_domain},
    {"overload", read_function_overload},
    {"opset_import", read_function_opsets},
    {"doc_string", read_function_doc},
};

static ig_status unknown_key(ig_txt *t, const header_key *keys, size_t n) {
    char list[200] = "", shown[32];
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(keys[i].word);
        if (i) memcpy(list + used, ", ", 2), used += 2;
        memcpy(list + used, keys[i].word, len);
        used += len;
    }
    return ig_txt_fail(t, t->at, "expected one of %.*s, found %s", (int)used, list, ig_txt_shown(t, shown));
}

static ig_status parse_header(ig_txt *t, const header_key *keys, size_t n, void *message) {
    if (!ig_txt_match(t, '<')) return IG_OK;
    do {
        ig_str word = ig_txt_peek_id(t);
        size_t i = 0;
        while (i < n && !ig_str_is(word, keys[i].word)) i++;
        if (i == n) return unknown_key(t, keys, n);
        t->at += word.n;
        IG_TRY(ig_txt_expect(t, ':', "behind a key"));
        IG_TRY(keys[i].read(t, message));
    } while (ig_txt_match(t, ','));
    return ig_txt_expect(t, '>', "behind the header");
}

/* ---- functions, models ---- */

/* Attributes of a function: names, and names with a default. */
static ig_status parse_function_attrs(ig_txt *t, ig_onnx_function *f) {
    if (!ig_txt_match(t, '<')) return IG_OK;
    do {
        size_t from = t->at;
        ig_str name;
        IG_TRY(ig_txt_name(t, "an attribute's name", &name));
        int next = ig_txt_peek(t);
        if (next == ':' || next == '=') {
            ig_onnx_attr *a;
            t->at = from;
            IG_TRY(ig_txt_attr(t, &a));
            if (!IG_PUSH(t->arena, &f->attribute_proto, &a->head)) return ig_oom(t->err);
        } else if (!IG_PUSH(t->arena, &f->attribute, name)) {
            return ig_oom(t->err);
        }
    } while (ig_txt_match(t, ','));
    return ig_txt_expect(t, '>', "behind a function's attributes");
}

/* Inputs or outputs of a function; those with a type are also value infos. */
static ig_status parse_function_values(ig_txt *t, ig_onnx_function *f, void *pb) {
    IG_VEC(ig_str) names = {0};
    heads all = {0};
    IG_TRY(ig_txt_expect(t, '(', "before a function's values"));
    IG_TRY(parse_infos(t, ')', NULL, false, &all));
    for (size_t i = 0; i < all.n; i++) {
        const ig_onnx_value_info *info = (const ig_onnx_value_info *)(const void *)all.items[i];
        if (!IG_PUSH(t->arena, &names, info->name)) return ig_oom(t->err);
        if (info->type && !IG_PUSH(t->arena, &f->value_info, all.items[i])) return ig_oom(t->err);
    }
    memcpy(pb, &names, sizeof names);
    return IG_OK;
}

static ig_status parse_function(ig_txt *t, ig_pb_head **out) {
    ig_onnx_function *f = IG_NEW(t->arena, ig_onnx_function);
    if (!f) return ig_oom(t->err);
    *out = &f->head;
    IG_TRY(parse_header(t, function_keys, IG_COUNT_OF(function_keys), f));
    IG_TRY(ig_txt_name(t, "a function's name", &f->name));
    IG_TRY(parse_function_attrs(t, f));
    IG_TRY(parse_function_values(t, f, &f->input));
    IG_TRY(ig_txt_arrow(t));
    IG_TRY(parse_function_values(t, f, &f->output));
    if (ig_txt_match(t, '<')) IG_TRY(parse_infos(t, '>', NULL, false, &f->value_info));
    return parse_nodes(t, &f->node);
}

ig_status ig_txt_model(ig_txt *t, ig_onnx_model *out) {
    if (ig_str_starts(t->text, "\xEF\xBB\xBF")) t->at = 3; /* a byte order mark */
    IG_TRY(parse_header(t, model_keys, IG_COUNT_OF(model_keys), out));
    IG_TRY(ig_txt_graph(t, &out->graph));
    while (ig_txt_peek(t) >= 0) {
        ig_pb_head *f = NULL;
        IG_TRY(parse_function(t, &f));
        if (!IG_PUSH(t->arena, &out->functions, f)) return ig_oom(t->err);
    }
    return IG_OK;
}
