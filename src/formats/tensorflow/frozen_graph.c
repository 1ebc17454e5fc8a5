/* The format "frozen-graph": a GraphDef by itself, binary or text, with its weights as constants. It doesn't say what its
 * inputs and outputs are: placeholders are inputs, and what nobody reads is an output. */
#include "codec/protobuf_text.h"
#include "formats/tensorflow/text.h"

#include <ctype.h>

/* A GraphDef starts with its nodes, and a node with its name and operator. */
static int probe(const ig_source *s) {
    ig_span file = ig_buffer_span(s->file), rest = file;
    ig_pb_reader r = {.base = file.p, .depth = s->context->limits.depth};
    ig_pb_tag node, name, op;
    if (ig_pb_text_probe(&ig_tf_graph_pb, file)) return IG_PROBE_MAYBE;
    if (ig_pb_next(&r, &rest, &node, NULL) != IG_OK || node.number != 1 || node.wire != IG_PB_LENGTH) return IG_PROBE_NO;
    rest = node.payload;
    if (ig_pb_next(&r, &rest, &name, NULL) != IG_OK || name.number != 1 || name.wire != IG_PB_LENGTH) return IG_PROBE_NO;
    if (ig_pb_next(&r, &rest, &op, NULL) != IG_OK || op.number != 2 || op.wire != IG_PB_LENGTH) return IG_PROBE_NO;
    bool word = op.payload.n > 0 && op.payload.n < 100 && (isupper(op.payload.p[0]) || op.payload.p[0] == '_');
    for (size_t i = 0; word && i < op.payload.n; i++)
        word = isalnum(op.payload.p[i]) || op.payload.p[i] == '_' || op.payload.p[i] == '>';
    char text[100] = "";
    if (word) memcpy(text, op.payload.p, op.payload.n);
    return !word ? IG_PROBE_NO : ig_tf_op_find(text) ? IG_PROBE_LIKELY : IG_PROBE_MAYBE;
}

ig_status ig_tf_make_inputs(ig_tf_reader *r) {
    ig_graph *g = r->model->graph;
    for (ig_node *n = g->first, *next; n; n = next) {
        next = n->next;
        if (!ig_str_starts(ig_name_str(n->op), "Placeholder") || n->n_out == 0 || !n->out[0] || !n->out[0]->n_uses) continue;
        const ig_attr *dtype = ig_attr_find(n, "dtype"), *shape = ig_attr_find(n, "shape");
        ig_value *v = n->out[0], *input;
        ig_const *preset = n->n_in && n->in[0] ? n->in[0]->constant : NULL;
        if (strcmp(n->op, "PlaceholderWithDefault") == 0 && !preset) continue; /* its default is computed */
        int32_t type = dtype && dtype->kind == IG_ATTR_STRING ? ig_tf_type_of(dtype->s) : 0;
        ig_type *t = ig_type_clone(&r->model->arena, ig_tf_make_type(r, type, NULL));
        if (!t) return ig_oom(r->err);
        if (shape && shape->kind == IG_ATTR_TYPE && t->kind == IG_KIND_TENSOR) {
            t->rank = shape->type->rank;
            t->dims = shape->type->dims;
        }
        IG_TRY(ig_tf_make_input(r, v, v->name, t, &input));
        if (!preset) continue;
        input->constant = preset;
        if (!IG_PUSH(&r->model->arena, &g->initializers, input)) return ig_oom(r->err);
    }
    return IG_OK;
}

/* Operators whose results are for people or files, or belong to a loop, not to readers of the graph. */
static bool is_no_result(const ig_node *n) {
    static const char *const ops[] = {"NoOp",
                                      "Assert",
                                      "Print",
                                      "PrintV2",
                                      "SaveV2",
                                      "MergeSummary",
                                      "ScalarSummary",
                                      "HistogramSummary",
                                      "Const",
                                      "Enter",
                                      "Exit",
                                      "NextIteration",
                                      "Switch",
                                      "Merge",
                                      "LoopCond",
                                      "TensorArrayV3",
                                      "TensorArrayWriteV3",
                                      "TensorArrayScatterV3",
                                      "VarHandleOp",
                                      "VariableV2"};
    for (size_t i = 0; i < IG_COUNT_OF(ops); i++)
        if (strcmp(n->op, ops[i]) == 0) return true;
    ig_str op = ig_name_str(n->op);
    return ig_str_starts(op, "Assign") || ig_str_starts(op, "Placeholder") || ig_str_starts(op, "HashTable");
}

/* Batch normalization has results for training only, behind the first. */
ig_status ig_tf_make_outputs(ig_tf_reader *r) {
    ig_graph *g = r->model->graph;
    for (ig_node *n = g->first; n; n = n->next) {
        uint32_t count = ig_tf_n_out(n), used = 0;
        for (uint32_t i = 0; i < n->n_out; i++) used += n->out[i] ? n->out[i]->n_uses : 0;
        if (used || is_no_result(n)) continue;
        if (ig_str_starts(ig_name_str(n->op), "FusedBatchNorm")) count = 1;
        for (uint32_t i = 0; i < count; i++)
            if (n->out[i] && !ig_graph_add_output(g, n->out[i])) return ig_oom(r->err);
    }
    return IG_OK;
}

static ig_status read_model(ig_tf_reader *r) {
    ig_tf_graph pb = {0};
    ig_pb_reader reader = ig_tf_pb(r, &r->arena);
    IG_TRY(ig_pb_read(&reader, &ig_tf_graph_pb, ig_buffer_span(r->file), &pb, NULL));
    IG_TRY(ig_tf_read_graph(r, &pb));
    IG_TRY(ig_tf_make_inputs(r));
    IG_TRY(ig_tf_make_outputs(r));
    r->model->producer_name = IG_STR("TensorFlow");
    return ig_tf_prune(r, NULL, 0);
}

static ig_status read(ig_model *model, const ig_source *source, ig_error *err) {
    ig_tf_reader r;
    ig_status status = ig_tf_reader_init(&r, model, source->file, err);
    if (status == IG_OK) status = ig_tf_from_text(&r, &ig_tf_graph_pb);
    if (status == IG_OK) status = read_model(&r);
    ig_tf_reader_free(&r);
    return status;
}

const ig_format ig_format_frozen_graph = {
    .name = "frozen-graph",
    .title = "TensorFlow GraphDef",
    .extensions = "pb pbtxt graphdef",
    .domain = "tensorflow",
    .probe = probe,
    .read = read,
};
