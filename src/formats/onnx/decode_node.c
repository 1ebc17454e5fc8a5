/* Reading nodes and attributes. */
#include "formats/onnx/decode.h"

ig_status ig_onnx_resolve(ig_onnx_reader *r, ig_graph *g, ig_name name, ig_value **out) {
    *out = ig_graph_find(g, name);
    if (!*out) *out = ig_value_new(g, name, NULL); /* nobody makes it: the check floor says so */
    return *out ? IG_OK : ig_oom(r->err);
}

static ig_status read_node(ig_onnx_reader *r, const ig_pb_head *head, ig_arena *scratch, const ig_pb_path *path,
                           ig_onnx_node *pb) {
    ig_pb_reader reader = ig_onnx_pb(r, scratch);
    *pb = (ig_onnx_node){0};
    IG_TRY(ig_pb_read(&reader, &ig_onnx_node_pb, head->wire, pb, path));
    if (pb->input.n <= UINT32_MAX / 2 && pb->output.n <= UINT32_MAX / 2) return IG_OK;
    return ig_fail(r->err, IG_E_LIMIT, "a node with more than two billion inputs or outputs");
}

/* What stands in the way of a node's output having this name. */
static const char *taken_by(const ig_value *v) {
    if (v->is_input) return "is a graph input and a node's output";
    if (v->constant) return "is an initializer and a node's output";
    return "is assigned twice";
}

static ig_status begin_output(ig_onnx_reader *r, ig_node *node, uint32_t i, ig_str text, const ig_pb_path *path) {
    ig_graph *g = node->graph;
    ig_name name;
    if (text.n == 0) return IG_OK; /* an output that nobody wants */
    IG_TRY(ig_onnx_name(r, text, "an output's name", path, &name));
    const ig_value *other = ig_map_get(&g->values, IG_KEY(name));
    if (other) {
        ig_onnx_find(r, IG_ERROR, "ssa", path, node->name, "every value has one source: rename one of them", "value '%.80s' %s",
                     name, taken_by(other));
    }
    ig_value *v = ig_value_new(g, name, NULL);
    if (!v) return ig_oom(r->err);
    ig_node_set_output(node, i, v);
    return IG_OK;
}

ig_status ig_onnx_begin_node(ig_onnx_reader *r, ig_graph *g, const ig_pb_head *head, ig_arena *scratch,
                             const ig_pb_path *path) {
    ig_onnx_node pb;
    ig_model *m = r->model;
    ig_name op, domain;
    IG_TRY(read_node(r, head, scratch, path, &pb));
    if (m->n_nodes >= m->context->limits.nodes) {
        ig_fail(r->err, IG_E_LIMIT, "the model has more than %llu nodes", (unsigned long long)m->context->limits.nodes);
        ig_error_hint(r->err, "raise the limit of nodes if the file is trusted");
        return IG_E_LIMIT;
    }
    IG_TRY(ig_onnx_name(r, pb.op_type.s ? pb.op_type : IG_STR(""), "op_type", path, &op));
    IG_TRY(ig_onnx_name(r, pb.domain, "a domain", path, &domain));
    ig_node *node = ig_node_new(g, op, domain, (uint32_t)pb.input.n, (uint32_t)pb.output.n);
    if (!node) return ig_oom(r->err);
    IG_TRY(ig_onnx_name(r, pb.name, "a node's name", path, &node->name));
    if (pb.op_type.n == 0) ig_onnx_find(r, IG_ERROR, "node", path, node->name, NULL, "node without op_type");
    for (uint32_t i = 0; i < node->n_out; i++) IG_TRY(begin_output(r, node, i, pb.output.items[i], path));
    return IG_OK;
}

/* Field 10 with its tags, as ig_node keeps it. */
static ig_status read_devices(ig_onnx_reader *r, const ig_onnx_node *pb, ig_arena *scratch, ig_node *node) {
    if (pb->device_configurations.n == 0) return IG_OK;
    ig_onnx_node only = {.device_configurations = {pb->device_configurations.items, pb->device_configurations.n, 0}};
    ig_span bytes;
    IG_TRY(ig_pb_encode(scratch, &ig_onnx_node_pb, &only, &bytes, r->err));
    return ig_onnx_keep(r, (ig_pb_bytes){bytes.p, bytes.n, bytes.n}, &node->device_configurations);
}

ig_status ig_onnx_end_node(ig_onnx_reader *r, ig_node *node, const ig_pb_head *head, ig_arena *scratch,
                           const ig_pb_path *path) {
    ig_onnx_node pb;
    IG_TRY(read_node(r, head, scratch, path, &pb));
    for (uint32_t i = 0; i < node->n_in; i++) {
        ig_name name;
        ig_value *v;
        if (pb.input.items[i].n == 0) continue; /* an optional input that isn't given */
        IG_TRY(ig_onnx_name(r, pb.input.items[i], "an input's name", path, &name));
        IG_TRY(ig_onnx_resolve(r, node->graph, name, &v));
        if (!ig_node_set_input(node, i, v)) return ig_oom(r->err);
    }
    ig_attr **end = &node->attrs;
    for (size_t i = 0; i < pb.attribute.n; i++) {
        ig_pb_path here = {path, "attribute", i};
        IG_TRY(ig_onnx_read_attr(r, node->graph, node, pb.attribute.items[i], scratch, &here, &end));
    }
    IG_TRY(ig_onnx_name(r, pb.overload, "an overload", path, &node->overload));
    node->doc = pb.doc_string;
    IG_TRY(ig_onnx_read_props(r, &pb.metadata_props, &node->props));
    IG_TRY(read_devices(r, &pb, scratch, node));
    return ig_onnx_keep(r, pb.head.unknown, &node->unknown);
}

/* ---- attributes ---- */

/* For each kind the field that holds its value, and whether the message has it. */
static bool has_value(const ig_onnx_attr *pb, ig_attr_kind kind) {
    switch (kind) {
    case IG_ATTR_FLOAT: return pb->has_f;
    case IG_ATTR_INT: return pb->has_i;
    case IG_ATTR_STRING: return pb->s.p != NULL;
    case IG_ATTR_TENSOR: return pb->t != NULL;
    case IG_ATTR_GRAPH: return pb->g != NULL;
    case IG_ATTR_FLOATS: return pb->floats.n > 0;
    case IG_ATTR_INTS: return pb->ints.n > 0;
    case IG_ATTR_STRINGS: return pb->strings.n > 0;
    case IG_ATTR_TENSORS: return pb->tensors.n > 0;
    case IG_ATTR_GRAPHS: return pb->graphs.n > 0;
    case IG_ATTR_SPARSE: return pb->sparse_tensor != NULL;
    case IG_ATTR_SPARSES: return pb->sparse_tensors.n > 0;
    case IG_ATTR_TYPE: return pb->tp != NULL;
    case IG_ATTR_TYPES: return pb->type_protos.n > 0;
    default: return false;
    }
}

ig_attr_kind ig_onnx_attr_holds(const ig_onnx_attr *pb) {
    for (int k = 1; k < IG_ATTR_KIND_COUNT; k++)
        if (has_value(pb, (ig_attr_kind)k)) return (ig_attr_kind)k;
    return IG_ATTR_UNDEFINED;
}

/* The declared kind; files of IR version 1 don't declare it. */
static ig_attr_kind kind_of(ig_onnx_reader *r, const ig_onnx_attr *pb, const ig_pb_path *path, ig_name name) {
    ig_attr_kind found = ig_onnx_attr_holds(pb);
    if (!pb->type) return found;
    if (pb->type < 0 || pb->type >= IG_ATTR_KIND_COUNT) {
        ig_onnx_find(r, IG_ERROR, "attribute", path, name, NULL, "unknown attribute type %d", pb->type);
        return IG_ATTR_UNDEFINED;
    }
    ig_attr_kind kind = (ig_attr_kind)pb->type;
    if (found && !has_value(pb, kind)) {
        ig_onnx_find(r, IG_ERROR, "attribute", path, name, NULL, "attribute of type %s holds a value of type %s",
                     ig_attr_kind_name(kind), ig_attr_kind_name(found));
    }
    return kind;
}

static ig_status malformed(ig_onnx_reader *r, const ig_pb_path *path) {
    char place[300];
    ig_pb_path_text(path, place, sizeof place);
    ig_fail(r->err, IG_E_INPUT, "not a protobuf message: a list of integers holds a varint longer than 10 bytes");
    ig_error_at(r->err, "%s", place);
    return IG_E_INPUT;
}

static ig_status read_numbers(ig_onnx_reader *r, ig_pb_type type, ig_pb_bytes packed, const ig_pb_path *path, const void **out,
                              size_t *n) {
    bool bad;
    *out = ig_pb_unpack(&r->model->arena, type, packed, n, &bad);
    if (*out) return IG_OK;
    return bad ? malformed(r, path) : ig_oom(r->err);
}

static ig_status read_strings(ig_onnx_reader *r, const ig_onnx_attr *pb, ig_attr *a) {
    ig_str *strings = IG_NEW_ARRAY(&r->model->arena, ig_str, pb->strings.n);
    if (!strings) return ig_oom(r->err);
    for (size_t i = 0; i < pb->strings.n; i++) strings[i] = ig_str_of(pb->strings.items[i]);
    a->n = pb->strings.n;
    a->strings = strings;
    return IG_OK;
}

static ig_status read_tensors(ig_onnx_reader *r, const ig_onnx_attr *pb, ig_arena *scratch, const ig_pb_path *path,
                              ig_attr *a) {
    bool sparse = a->kind == IG_ATTR_SPARSES;
    size_t n = sparse ? pb->sparse_tensors.n : pb->tensors.n;
    ig_const **tensors = IG_NEW_ARRAY(&r->model->arena, ig_const *, n);
    if (!tensors) return ig_oom(r->err);
    ig_pb_reader reader = ig_onnx_pb(r, scratch);
    for (size_t i = 0; i < n; i++) {
        ig_pb_path here = {path, sparse ? "sparse_tensors" : "tensors", i};
        if (sparse) {
            ig_onnx_sparse s = {0};
            IG_TRY(ig_pb_read(&reader, &ig_onnx_sparse_pb, pb->sparse_tensors.items[i]->wire, &s, &here));
            IG_TRY(ig_onnx_read_sparse(r, &s, scratch, &here, &tensors[i]));
        } else {
            ig_onnx_tensor t = {0};
            IG_TRY(ig_pb_read(&reader, &ig_onnx_tensor_pb, pb->tensors.items[i]->wire, &t, &here));
            IG_TRY(ig_onnx_read_const(r, &t, scratch, &here, &tensors[i]));
        }
    }
    a->n = n;
    a->tensors = tensors;
    return IG_OK;
}

static ig_status read_types(ig_onnx_reader *r, const ig_onnx_attr *pb, ig_arena *scratch, const ig_pb_path *path, ig_attr *a) {
    size_t n = pb->type_protos.n;
    const ig_type **types = IG_NEW_ARRAY(&r->model->arena, const ig_type *, n);
    if (!types) return ig_oom(r->err);
    ig_pb_reader reader = ig_onnx_pb(r, scratch);
    for (size_t i = 0; i < n; i++) {
        ig_pb_path here = {path, "type_protos", i};
        ig_onnx_type t = {0};
        IG_TRY(ig_pb_read(&reader, &ig_onnx_type_pb, pb->type_protos.items[i]->wire, &t, &here));
        IG_TRY(ig_onnx_read_type(r, &t, &here, &types[i]));
    }
    a->n = n;
    a->types = types;
    return IG_OK;
}

/* Graph `pb` of an attribute, in the scope of `outer`. */
static ig_status read_graph(ig_onnx_reader *r, ig_graph *outer, ig_node *node, const ig_onnx_graph *pb, const ig_pb_path *path,
                            ig_graph **out) {
    *out = ig_graph_new(r->model, outer, node);
    if (!*out) return ig_oom(r->err);
    return ig_onnx_read_graph(r, *out, pb, path);
}

static ig_status read_graphs(ig_onnx_reader *r, ig_graph *g, ig_node *node, ig_onnx_attr *pb, ig_arena *scratch,
                             const ig_pb_path *path, ig_attr *a) {
    if (a->kind == IG_ATTR_GRAPH && pb->g) {
        ig_pb_path here = {path, "g", IG_PB_SINGLE};
        IG_TRY(read_graph(r, g, node, pb->g, &here, &a->g));
    } else if (a->kind == IG_ATTR_GRAPHS) {
        ig_graph **graphs = IG_NEW_ARRAY(&r->model->arena, ig_graph *, pb->graphs.n);
        if (!graphs) return ig_oom(r->err);
        for (size_t i = 0; i < pb->graphs.n; i++) {
            ig_pb_path here = {path, "graphs", i};
            IG_TRY(read_graph(r, g, node, pb->graphs.items[i], &here, &graphs[i]));
        }
        a->n = pb->graphs.n;
        a->graphs = graphs;
    }
    /* What else the message holds goes with its unknown fields: it is written back, though nobody reads it. */
    pb->name = pb->ref_attr_name = pb->doc_string = (ig_str){0};
    pb->has_type = false;
    if (a->kind == IG_ATTR_GRAPH) pb->g = NULL;
    if (a->kind == IG_ATTR_GRAPHS) pb->graphs.n = 0;
    ig_span rest;
    IG_TRY(ig_pb_encode(scratch, &ig_onnx_attr_pb, pb, &rest, r->err));
    return ig_onnx_keep(r, (ig_pb_bytes){rest.p, rest.n, rest.n}, &a->unknown);
}

ig_status ig_onnx_read_attr(ig_onnx_reader *r, ig_graph *g, ig_node *node, const ig_pb_head *head, ig_arena *scratch,
                            const ig_pb_path *path, ig_attr ***end) {
    ig_onnx_attr pb = {0};
    ig_pb_reader reader = ig_onnx_pb(r, scratch);
    IG_TRY(ig_pb_read(&reader, &ig_onnx_attr_pb, head->wire, &pb, path));
    ig_attr *a = IG_NEW(&r->model->arena, ig_attr);
    if (!a) return ig_oom(r->err);
    **end = a;
    *end = &a->next;
    ig_str name = pb.name.s ? pb.name : IG_STR("");
    IG_TRY(ig_onnx_name(r, name, "an attribute's name", path, &a->name));
    IG_TRY(ig_onnx_name(r, pb.ref_attr_name, "an attribute's name", path, &a->ref));
    if (name.n == 0) ig_onnx_find(r, IG_ERROR, "attribute", path, NULL, NULL, "attribute without a name");
    a->doc = pb.doc_string;
    a->kind = kind_of(r, &pb, path, a->name);
    if (a->kind == IG_ATTR_GRAPH || a->kind == IG_ATTR_GRAPHS) return read_graphs(r, g, node, &pb, scratch, path, a);
    a->wire = head->wire;
    const void *numbers = NULL;
    switch (a->kind) {
    case IG_ATTR_FLOAT: a->f = pb.f; break;
    case IG_ATTR_INT: a->i = pb.i; break;
    case IG_ATTR_STRING: a->s = pb.s.p ? ig_str_of(pb.s) : IG_STR(""); break;
    case IG_ATTR_FLOATS:
        IG_TRY(read_numbers(r, IG_PB_FLOAT, pb.floats, path, &numbers, &a->n));
        a->floats = numbers;
        break;
    case IG_ATTR_INTS:
        IG_TRY(read_numbers(r, IG_PB_INT64, pb.ints, path, &numbers, &a->n));
        a->ints = numbers;
        break;
    case IG_ATTR_STRINGS: return read_strings(r, &pb, a);
    case IG_ATTR_TENSORS:
    case IG_ATTR_SPARSES: return read_tensors(r, &pb, scratch, path, a);
    case IG_ATTR_TYPES: return read_types(r, &pb, scratch, path, a);
    case IG_ATTR_TENSOR:
    case IG_ATTR_SPARSE: {
        ig_pb_path here = {path, a->kind == IG_ATTR_TENSOR ? "t" : "sparse_tensor", IG_PB_SINGLE};
        ig_const *c = NULL;
        if (a->kind == IG_ATTR_TENSOR && pb.t) IG_TRY(ig_onnx_read_const(r, pb.t, scratch, &here, &c));
        if (a->kind == IG_ATTR_SPARSE && pb.sparse_tensor) IG_TRY(ig_onnx_read_sparse(r, pb.sparse_tensor, scratch, &here, &c));
        a->t = c;
        break;
    }
    case IG_ATTR_TYPE: return ig_onnx_read_type(r, pb.tp, path, &a->type);
    default: break;
    }
    return IG_OK;
}
