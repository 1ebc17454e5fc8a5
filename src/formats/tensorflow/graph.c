/* GraphDef: nodes, edges and functions. */
#include "formats/tensorflow/decode.h"

#include <stdarg.h>
#include <stdio.h>

enum { TOLD = 100 }; /* findings that are told */

void ig_tf_find(ig_tf_reader *r, ig_severity severity, const char *rule, const char *where, const char *format, ...) {
    char message[600], place[200];
    if (r->n_findings++ >= TOLD) return;
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    snprintf(place, sizeof place, where && where[0] ? "node '%.150s'" : "%s", where ? where : "");
    if (!ig_model_find(r->model, severity, rule, place, NULL, "%s", message)) r->failed = true;
}

ig_name ig_tf_name(ig_tf_reader *r, ig_str text) {
    bool ok = true;
    ig_name name = ig_intern(&r->model->names, text.s ? text : IG_STR(""), &ok);
    if (!ok) r->failed = true;
    return ok ? name : NULL;
}

static const ig_type *opaque(ig_model *m, const char *name) {
    ig_type *t = ig_type_of_kind(&m->arena, IG_KIND_OPAQUE, IG_UNDEFINED, NULL);
    if (!t) return NULL;
    t->opaque_domain = IG_STR(IG_TF_DOMAIN);
    t->opaque_name = ig_str_c(name);
    return t;
}

ig_status ig_tf_reader_init(ig_tf_reader *r, ig_model *model, ig_buffer *file, ig_error *err) {
    *r = (ig_tf_reader){.model = model, .err = err, .file = file};
    ig_arena_init(&r->arena, model->context);
    ig_map_init(&r->library, &r->arena);
    ig_map_init(&r->decoded, &r->arena);
    ig_map_init(&r->nodes, &r->arena);
    r->control = opaque(model, "control");
    r->resource = opaque(model, "resource");
    r->variant = opaque(model, "variant");
    return r->control && r->resource && r->variant ? IG_OK : ig_oom(err);
}

void ig_tf_reader_free(ig_tf_reader *r) { ig_arena_free(&r->arena); }

bool ig_tf_is_control(const ig_value *v) {
    return v && v->type && v->type->kind == IG_KIND_OPAQUE && ig_str_is(v->type->opaque_name, "control");
}

uint32_t ig_tf_n_in(const ig_node *n) {
    uint32_t count = n->n_in;
    while (count && (!n->in[count - 1] || ig_tf_is_control(n->in[count - 1]))) count--;
    return count;
}

uint32_t ig_tf_n_out(const ig_node *n) { return n->n_out && ig_tf_is_control(n->out[n->n_out - 1]) ? n->n_out - 1 : n->n_out; }

/* --------------------------------------------------------------------------------------------------------------- nodes */

/* A graph under way: the main one or a function's body. */
typedef struct scope {
    ig_graph *graph;
    ig_map *places; /* name -> ig_tf_place */
    bool function;  /* its nodes name outputs, not numbers */
    IG_VEC(struct pending {
        ig_node *node;
        const ig_str *inputs;
        size_t n;
    }) pending; /* nodes whose inputs are still to be connected */
} scope;

static ig_name value_name(ig_tf_reader *r, ig_str node, uint32_t output) {
    char text[400];
    if (node.n < 300) {
        int n = snprintf(text, sizeof text, "%.*s:%u", (int)node.n, node.s, output);
        return ig_tf_name(r, (ig_str){text, (size_t)n});
    }
    const char *longer = ig_arena_printf(&r->arena, "%.*s:%u", (int)node.n, node.s, output);
    return longer ? ig_tf_name(r, ig_str_c(longer)) : NULL;
}

static ig_tf_place *note_place(ig_tf_reader *r, scope *s, ig_str name) {
    ig_name key = ig_tf_name(r, name);
    ig_tf_place *p = key ? ig_map_get(s->places, IG_KEY(key)) : NULL;
    if (p) ig_tf_find(r, IG_ERROR, "ssa", key, "there are two nodes of this name");
    p = key ? IG_NEW(&r->arena, ig_tf_place) : NULL;
    return p && ig_map_set(s->places, IG_KEY(key), p) ? p : NULL;
}

/* Makes the value of an output that the node has room for. */
static ig_status make_output(ig_tf_reader *r, scope *s, ig_node *node, uint32_t index, ig_name name, const ig_type *type) {
    ig_value *v = name ? ig_value_new(s->graph, name, type) : NULL;
    if (!v) return ig_oom(r->err);
    ig_node_set_output(node, index, v);
    return IG_OK;
}

static ig_status add_output(ig_tf_reader *r, scope *s, ig_node *node, ig_name name, const ig_type *type) {
    uint32_t n = node->n_out;
    if (!ig_node_resize(node, node->n_in, n + 1)) return ig_oom(r->err);
    return make_output(r, s, node, n, name, type);
}

/* A constant that nothing comes before. */
static ig_status read_const_node(ig_tf_reader *r, scope *s, const ig_tf_node *pb, const ig_tf_tensor *tensor) {
    ig_name name = value_name(r, pb->name, 0), where = ig_tf_name(r, pb->name);
    ig_const *c;
    ig_tf_place *p = note_place(r, s, pb->name);
    if (!name || !where || !p) return ig_oom(r->err);
    IG_TRY(ig_tf_read_const(r, tensor, name, where, &c));
    p->value = ig_graph_add_initializer(s->graph, c);
    return p->value ? IG_OK : ig_oom(r->err);
}

static const ig_tf_tensor *constant_of(const ig_tf_node *pb) {
    if (!ig_str_is(pb->op, "Const") || pb->input.n) return NULL;
    for (size_t i = 0; i < pb->attr.n; i++) {
        const ig_tf_value *v = pb->attr.items[i]->value;
        if (v && v->value_case == 8 && ig_str_is(pb->attr.items[i]->key, "value")) return v->tensor;
    }
    return NULL;
}

/* A node whose operator is the name of a function is a call of it. */
static ig_status make_call(ig_tf_reader *r, scope *s, ig_node *node, const ig_tf_op *signature) {
    ig_attr f = {.name = ig_model_name(r->model, "f"), .kind = IG_ATTR_STRING, .s = ig_name_str(node->op)};
    if (!IG_PUSH(&r->arena, &r->called, node->op)) return ig_oom(r->err);
    node->op = ig_model_name(r->model, "PartitionedCall");
    if (!node->op || !f.name || !ig_attr_put(node, &f)) return ig_oom(r->err);
    uint32_t n = (uint32_t)ig_min_size(signature->output_arg.n, UINT16_MAX);
    if (!ig_node_resize(node, node->n_in, n)) return ig_oom(r->err);
    for (uint32_t i = 0; i < n; i++) IG_TRY(make_output(r, s, node, i, value_name(r, ig_name_str(node->name), i), NULL));
    return IG_OK;
}

/* A short attribute can promise thousands of outputs: values are made of the first ones, and of others when they are read. */
enum { OUTPUTS_AT_ONCE = 64 };

/* The row's output that tensor `index` of a node belongs to. */
static bool output_at(const ig_node *node, const ig_tf_op_row *row, uint32_t index, ig_tf_output *o, uint32_t *k) {
    const char *outputs = row ? row->outputs : "output";
    uint32_t base = 0;
    while (ig_tf_next_output(&outputs, o)) {
        uint32_t n = ig_tf_output_count(node, o);
        *k = index - base;
        if (*k < n) return true;
        base += n;
    }
    return false;
}

static ig_status make_row_output(ig_tf_reader *r, scope *s, ig_node *node, const ig_tf_op_row *row, uint32_t index) {
    ig_tf_output o = {0};
    uint32_t k = 0;
    const ig_type *type = row && output_at(node, row, index, &o, &k) ? ig_tf_output_type(r, node, &o, k) : NULL;
    return make_output(r, s, node, index, value_name(r, ig_name_str(node->name), index), type);
}

static ig_status add_outputs(ig_tf_reader *r, scope *s, ig_node *node, const ig_tf_op_row *row) {
    const ig_tf_function *called = row ? NULL : ig_map_get(&r->library, IG_KEY(node->op));
    if (called) return make_call(r, s, node, called->signature);
    const char *outputs = row ? row->outputs : "output";
    ig_tf_output o;
    uint32_t total = 0;
    while (ig_tf_next_output(&outputs, &o)) total += ig_tf_output_count(node, &o);
    if (!ig_node_resize(node, node->n_in, total)) return ig_oom(r->err);
    for (uint32_t i = 0; i < total && i < OUTPUTS_AT_ONCE; i++) IG_TRY(make_row_output(r, s, node, row, i));
    return IG_OK;
}

static ig_status read_node(ig_tf_reader *r, scope *s, const ig_tf_node *pb, ig_arena *scratch) {
    const ig_tf_tensor *tensor = constant_of(pb);
    if (tensor) return read_const_node(r, s, pb, tensor);
    ig_model *m = r->model;
    if (m->n_nodes >= m->context->limits.nodes)
        return ig_fail(r->err, IG_E_LIMIT, "the model has more than %llu nodes", (unsigned long long)m->context->limits.nodes);
    ig_name op = ig_tf_name(r, pb->op), domain = ig_model_name(m, IG_TF_DOMAIN), name = ig_tf_name(r, pb->name);
    ig_tf_place *p = note_place(r, s, pb->name);
    ig_node *node = op && domain && name && p ? ig_node_new(s->graph, op, domain, (uint32_t)pb->input.n, 0) : NULL;
    ig_str *inputs = IG_NEW_ARRAY(&r->arena, ig_str, pb->input.n);
    if (!node || !inputs) return ig_oom(r->err);
    if (pb->input.n) memcpy(inputs, pb->input.items, pb->input.n * sizeof *inputs);
    node->name = name;
    p->node = node;
    p->row = ig_tf_op_find(op);
    struct pending pending = {node, inputs, pb->input.n};
    if (!IG_PUSH(&r->arena, &s->pending, pending)) return ig_oom(r->err);
    IG_TRY(ig_tf_read_attrs(r, node, pb->attr.items, pb->attr.n, scratch));
    return add_outputs(r, s, node, p->row);
}

/* ---- edges ---- */

/* The output of a node that comes after it; nothing for what isn't a node. */
static ig_status control_of(ig_tf_reader *r, scope *s, const ig_tf_place *p, ig_str name, ig_value **out) {
    *out = NULL;
    if (!p->node) return IG_OK;
    if (p->node->n_out == 0 || !ig_tf_is_control(p->node->out[p->node->n_out - 1])) {
        const char *text = ig_arena_printf(&r->arena, "^%.*s", (int)name.n, name.s);
        IG_TRY(add_output(r, s, p->node, text ? ig_tf_name(r, ig_str_c(text)) : NULL, r->control));
    }
    *out = p->node->out[p->node->n_out - 1];
    return IG_OK;
}

/* Splits off what stands behind the last colon when that is a number. */
static bool split_number(ig_str *text, int64_t *number) {
    size_t n = text->n;
    while (n && text->s[n - 1] != ':') n--;
    if (n == 0 || !ig_str_to_i64((ig_str){text->s + n, text->n - n}, number)) return false;
    text->n = n - 1;
    return true;
}

/* "node:output:2" in a function: the first tensor of the named output, plus 2. */
static int64_t flat_output(const ig_tf_place *p, ig_str output, int64_t k) {
    const char *outputs = p->row ? p->row->outputs : "";
    ig_tf_output o;
    int64_t base = 0;
    while (ig_tf_next_output(&outputs, &o)) {
        if (ig_str_eq(o.name, output)) return base + k;
        base += ig_tf_output_count(p->node, &o);
    }
    return p->row ? -1 : k;
}

/* Output `index` of a node. Operators that the table doesn't have get as many as somebody reads. */
static ig_status node_output(ig_tf_reader *r, scope *s, const ig_tf_place *p, int64_t index, ig_value **out) {
    ig_node *node = p->node;
    bool fixed = p->row || ig_tf_n_out(node) != node->n_out;
    if (index < 0 || index >= (fixed ? ig_tf_n_out(node) : OUTPUTS_AT_ONCE)) return IG_OK;
    if (index >= node->n_out && !ig_node_resize(node, node->n_in, (uint32_t)index + 1)) return ig_oom(r->err);
    if (!node->out[index]) IG_TRY(make_row_output(r, s, node, p->row, (uint32_t)index));
    *out = node->out[index];
    return IG_OK;
}

/* The value that a text means; NULL when it means none. */
static ig_status find_value(ig_tf_reader *r, scope *s, ig_str text, ig_value **out) {
    ig_str name = text, output = {0};
    int64_t index = 0;
    *out = NULL;
    bool control = name.n && name.s[0] == '^';
    if (control) name = (ig_str){name.s + 1, name.n - 1};
    bool numbered = !control && split_number(&name, &index);
    const char *colon = s->function && name.n ? memchr(name.s, ':', name.n) : NULL;
    if (colon) {
        output = (ig_str){colon + 1, name.n - (size_t)(colon + 1 - name.s)};
        name.n = (size_t)(colon - name.s);
    }
    ig_name key = ig_names_find(&r->model->names, name);
    const ig_tf_place *p = key ? ig_map_get(s->places, IG_KEY(key)) : NULL;
    if (!p) return IG_OK;
    if (control) return control_of(r, s, p, name, out);
    if (!p->node) {
        *out = index == 0 ? p->value : NULL;
        return IG_OK;
    }
    if (numbered && output.n) index = flat_output(p, output, index);
    return node_output(r, s, p, index, out);
}

static ig_status connect_node(ig_tf_reader *r, scope *s, ig_node *node, const ig_str *inputs, size_t n) {
    uint32_t at = 0;
    for (size_t i = 0; i < n; i++) {
        ig_value *v;
        IG_TRY(find_value(r, s, inputs[i], &v));
        bool control = inputs[i].n && inputs[i].s[0] == '^';
        if (!v && !control)
            ig_tf_find(r, IG_ERROR, "ssa", node->name, "input '%.*s' is made by no node", (int)ig_min_size(inputs[i].n, 80),
                       inputs[i].s);
        if (!v && control) continue;
        if (!ig_node_set_input(node, at++, v)) return ig_oom(r->err);
    }
    return ig_node_resize(node, at, node->n_out) ? IG_OK : ig_oom(r->err);
}

typedef IG_VEC(ig_pb_head *) heads;

static ig_status read_nodes(ig_tf_reader *r, scope *s, const void *lazy, const ig_pb_path *path) {
    heads nodes;
    ig_arena scratch;
    ig_status status = IG_OK;
    memcpy(&nodes, lazy, sizeof nodes);
    ig_arena_init(&scratch, r->model->context);
    ig_pb_reader reader = ig_tf_pb(r, &scratch);
    for (size_t i = 0; i < nodes.n && status == IG_OK; i++, ig_arena_reset(&scratch)) {
        ig_pb_path here = {path, "node", i};
        ig_tf_node pb = {0};
        status = ig_pb_read(&reader, &ig_tf_node_pb, nodes.items[i]->wire, &pb, &here);
        if (status == IG_OK) status = read_node(r, s, &pb, &scratch);
    }
    ig_arena_free(&scratch);
    for (size_t i = 0; i < s->pending.n && status == IG_OK; i++) {
        const struct pending *p = &s->pending.items[i];
        status = connect_node(r, s, p->node, p->inputs, p->n);
    }
    return status;
}

/* ----------------------------------------------------------------------------------------------------------- functions */

static ig_status index_library(ig_tf_reader *r, const ig_tf_library *library) {
    ig_pb_reader reader = ig_tf_pb(r, &r->arena);
    for (size_t i = 0; library && i < library->function.n; i++) {
        ig_pb_path here = {NULL, "library.function", i};
        ig_tf_function *f = IG_NEW(&r->arena, ig_tf_function);
        if (!f) return ig_oom(r->err);
        IG_TRY(ig_pb_read(&reader, &ig_tf_function_pb, library->function.items[i]->wire, f, &here));
        if (!f->signature) continue;
        ig_name name = ig_tf_name(r, f->signature->name);
        if (!name || !ig_map_set(&r->library, IG_KEY(name), f)) return ig_oom(r->err);
    }
    return IG_OK;
}

static ig_status add_function_inputs(ig_tf_reader *r, scope *s, const ig_tf_op *signature) {
    for (size_t i = 0; i < signature->input_arg.n; i++) {
        const ig_tf_arg *arg = signature->input_arg.items[i];
        ig_name name = ig_tf_name(r, arg->name);
        ig_tf_place *p = note_place(r, s, arg->name);
        const ig_type *type = arg->type ? ig_tf_make_type(r, arg->type, NULL) : NULL;
        ig_value *v = name && p ? ig_value_new(s->graph, name, type) : NULL;
        if (!v || !ig_graph_add_input(s->graph, v)) return ig_oom(r->err);
        p->value = v;
    }
    return IG_OK;
}

static ig_str find_entry(ig_tf_string_entry *const *entries, size_t n, ig_str key) {
    for (size_t i = 0; i < n; i++)
        if (ig_str_eq(entries[i]->key, key)) return entries[i]->value;
    return (ig_str){0};
}

/* Results first, then the nodes that run though nobody reads them, as outputs of control. */
static ig_status add_function_outputs(ig_tf_reader *r, scope *s, const ig_tf_function *pb, ig_name function) {
    const ig_tf_op *signature = pb->signature;
    for (size_t i = 0; i < signature->output_arg.n; i++) {
        ig_str name = signature->output_arg.items[i]->name;
        ig_str from = find_entry(pb->ret.items, pb->ret.n, name);
        ig_value *v = NULL;
        if (from.s) IG_TRY(find_value(r, s, from, &v));
        if (!v) {
            ig_tf_find(r, IG_ERROR, "ssa", "", "function '%.80s' doesn't make its result '%.*s'", function,
                       (int)ig_min_size(name.n, 80), name.n ? name.s : "");
            if (!(v = ig_value_new(s->graph, NULL, NULL))) return ig_oom(r->err);
        }
        ig_name label = ig_tf_name(r, name);
        if (!label || !ig_graph_add_output(s->graph, v)) return ig_oom(r->err);
        s->graph->outputs.items[i].name = label;
    }
    for (size_t i = 0; i < pb->control_ret.n; i++) {
        ig_name key = ig_tf_name(r, pb->control_ret.items[i]->value);
        const ig_tf_place *p = key ? ig_map_get(s->places, IG_KEY(key)) : NULL;
        ig_value *v = NULL;
        if (p) IG_TRY(control_of(r, s, p, ig_name_str(key), &v));
        if (v && !ig_graph_add_output(s->graph, v)) return ig_oom(r->err);
    }
    return IG_OK;
}

static ig_status add_opset(ig_tf_reader *r, ig_opsets *opsets, int64_t version) {
    ig_opset o = {
        .domain = ig_model_name(r->model, IG_TF_DOMAIN), .domain_given = true, .version_given = true, .version = version};
    return o.domain && IG_PUSH(&r->model->arena, opsets, o) ? IG_OK : ig_oom(r->err);
}

static ig_status read_function(ig_tf_reader *r, ig_name name, const ig_tf_function *pb) {
    ig_model *m = r->model;
    ig_function *f = IG_NEW(&m->arena, ig_function);
    ig_map places;
    ig_map_init(&places, &r->arena);
    if (!f || !(f->body = ig_graph_new(m, NULL, NULL))) return ig_oom(r->err);
    f->name = f->body->name = name;
    f->domain = ig_model_name(m, IG_TF_FUNCTION_DOMAIN);
    f->body->function = f;
    if (!f->domain || !ig_map_set(&r->decoded, IG_KEY(name), f) || !IG_PUSH(&m->arena, &m->functions, f)) return ig_oom(r->err);
    IG_TRY(add_opset(r, &f->opsets, m->opsets.n ? m->opsets.items[0].version : 1));
    scope s = {.graph = f->body, .places = &places, .function = true};
    ig_pb_path path = {NULL, "library.function", IG_PB_SINGLE};
    IG_TRY(add_function_inputs(r, &s, pb->signature));
    IG_TRY(read_nodes(r, &s, &pb->node_def, &path));
    return add_function_outputs(r, &s, pb, name);
}

/* Bodies call more functions; each is decoded once. */
static ig_status read_called(ig_tf_reader *r) {
    while (r->called.n) {
        ig_name name = r->called.items[--r->called.n];
        const ig_tf_function *pb = ig_map_get(&r->library, IG_KEY(name));
        if (pb && !ig_map_get(&r->decoded, IG_KEY(name))) IG_TRY(read_function(r, name, pb));
    }
    return IG_OK;
}

ig_status ig_tf_read_graph(ig_tf_reader *r, const ig_tf_graph *pb) {
    scope s = {.graph = r->model->graph, .places = &r->nodes};
    int64_t version = pb->versions ? pb->versions->producer : pb->version;
    IG_TRY(add_opset(r, &r->model->opsets, version ? version : 1));
    IG_TRY(index_library(r, pb->library));
    IG_TRY(read_nodes(r, &s, &pb->node, NULL));
    IG_TRY(read_called(r));
    if (r->n_findings > TOLD)
        r->failed |= !ig_model_find(r->model, IG_ERROR, "tensorflow", "", NULL, "%zu more findings", r->n_findings - TOLD);
    return r->failed ? ig_oom(r->err) : IG_OK;
}

/* ---------------------------------------------------------------------------------------------------- inputs and pruning */

ig_status ig_tf_find_value(ig_tf_reader *r, ig_str name, ig_value **out) {
    scope s = {.graph = r->model->graph, .places = &r->nodes};
    return find_value(r, &s, name, out);
}

ig_status ig_tf_control_output(ig_tf_reader *r, ig_node *node, ig_value **out) {
    scope s = {.graph = r->model->graph, .places = &r->nodes};
    ig_tf_place p = {.node = node};
    return control_of(r, &s, &p, ig_name_str(node->name), out);
}

static bool drop_value(ig_value *v) {
    while (v->uses && v->uses->node)
        if (!ig_node_set_input(v->uses->node, v->uses->index, NULL)) return false;
    return true;
}

ig_status ig_tf_make_input(ig_tf_reader *r, ig_value *v, ig_name name, const ig_type *type, ig_value **out) {
    ig_graph *g = r->model->graph;
    ig_node *node = v->producer;
    *out = v;
    if (!node || v->is_input || v->constant) { /* a second name of an input, or a constant that is to be given */
        ig_value *input = name ? ig_value_new(g, name, type ? type : v->type) : NULL;
        *out = input;
        return input && ig_graph_add_input(g, input) && (v->is_input || ig_value_replace(v, input)) ? IG_OK : ig_oom(r->err);
    }
    node->out[v->index] = NULL;
    v->producer = NULL;
    if (ig_str_starts(ig_name_str(node->op), "Placeholder")) {
        for (uint32_t i = 0; i < node->n_out; i++)
            if (node->out[i] && !drop_value(node->out[i])) return ig_oom(r->err);
        ig_node_erase(node);
    }
    ig_map_remove(&g->values, IG_KEY(v->name));
    v->name = name;
    if (type) v->type = type;
    return ig_map_set(&g->values, IG_KEY(name), v) && ig_graph_add_input(g, v) ? IG_OK : ig_oom(r->err);
}

typedef struct pruner {
    ig_arena *arena;
    IG_VEC(ig_node *) stack;
    bool failed;
} pruner;

static void want(pruner *p, ig_node *n) {
    if (!n || n->mark) return;
    n->mark = 1;
    if (!IG_PUSH(p->arena, &p->stack, n)) p->failed = true;
}

/* Marks what the outputs and roots need. */
static bool mark_needed(pruner *p, const ig_graph *g, ig_node *const *roots, size_t n) {
    for (ig_node *node = g->first; node; node = node->next) node->mark = 0;
    for (size_t i = 0; i < n; i++) want(p, roots[i]);
    for (size_t i = 0; i < g->outputs.n; i++) want(p, g->outputs.items[i].value->producer);
    while (p->stack.n) {
        const ig_node *node = p->stack.items[--p->stack.n];
        for (uint32_t i = 0; i < node->n_in; i++)
            if (node->in[i]) want(p, node->in[i]->producer);
    }
    return !p->failed;
}

/* Functions that the graph names in its nodes' attributes, and those that they name. */
static bool mark_functions(ig_tf_reader *r, const ig_graph *g, ig_map *needed, ig_function **list, size_t *n) {
    for (const ig_node *node = g->first; node; node = node->next)
        for (const ig_attr *a = node->attrs; a; a = a->next) {
            const ig_str *names = a->kind == IG_ATTR_STRING ? &a->s : a->kind == IG_ATTR_STRINGS ? a->strings : NULL;
            for (size_t i = 0; names && i < (a->kind == IG_ATTR_STRING ? 1 : a->n); i++) {
                ig_name name = ig_names_find(&r->model->names, names[i]);
                ig_function *f = name ? ig_map_get(&r->decoded, IG_KEY(name)) : NULL;
                if (!f || ig_map_get(needed, IG_KEY(f))) continue;
                if (!ig_map_set(needed, IG_KEY(f), f)) return false;
                list[(*n)++] = f;
            }
        }
    return true;
}

static ig_status prune_functions(ig_tf_reader *r) {
    ig_model *m = r->model;
    ig_map needed;
    size_t n = 0;
    ig_map_init(&needed, &r->arena);
    ig_function **list = IG_NEW_ARRAY(&r->arena, ig_function *, m->functions.n);
    bool ok = list && mark_functions(r, m->graph, &needed, list, &n);
    for (size_t i = 0; ok && i < n; i++) ok = mark_functions(r, list[i]->body, &needed, list, &n);
    if (!ok) return ig_oom(r->err);
    for (size_t i = 0; i < m->functions.n; i++)
        if (!ig_map_get(&needed, IG_KEY(m->functions.items[i]))) m->n_nodes -= m->functions.items[i]->body->n_nodes;
    for (size_t i = 0; i < n; i++) m->functions.items[i] = list[i];
    m->functions.n = n;
    return IG_OK;
}

ig_status ig_tf_prune(ig_tf_reader *r, ig_node *const *roots, size_t n) {
    ig_graph *g = r->model->graph;
    pruner p = {.arena = &r->arena};
    if (!mark_needed(&p, g, roots, n)) return ig_oom(r->err);
    for (ig_node *node = g->first, *next; node; node = next) {
        next = node->next;
        if (!node->mark) ig_node_erase(node);
    }
    size_t kept = 0;
    for (size_t i = 0; i < g->initializers.n; i++) {
        ig_value *v = g->initializers.items[i];
        if (v->n_uses || v->is_input)
            g->initializers.items[kept++] = v;
        else
            ig_map_remove(&g->values, IG_KEY(v->name));
    }
    g->initializers.n = kept;
    return prune_functions(r);
}
