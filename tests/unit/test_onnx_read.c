/* The ONNX reader and writer from the inside: how names resolve, where content lies, what is found wrong, what an edited model
 * looks like in the file, and what happens when memory runs out. tests/conformance/test_roundtrip.py compares with onnx. */
#include "cmocka_setup.h"

#include "fail_alloc.h"
#include "formats/onnx/format.h"
#include "onnx_builder.h"

#include <stdio.h>
#include <unistd.h>

typedef struct fixture {
    ig_context *context;
    ig_arena arena;
    ig_error err;
    builder b;
    char folder[64];
} fixture;

static int set_up(void **state) {
    static fixture f;
    assert_int_equal(ig_context_create(&f.context, NULL, NULL), IG_OK);
    ig_arena_init(&f.arena, f.context);
    build_begin(&f.b, &f.arena);
    snprintf(f.folder, sizeof f.folder, "/tmp/igata-test-XXXXXX");
    assert_non_null(mkdtemp(f.folder));
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    ig_arena_free(&f->arena);
    assert_int_equal(ig_context_memory(f->context, NULL), 0);
    ig_context_free(f->context);
    assert_int_equal(rmdir(f->folder), 0); /* each test leaves its folder empty */
    return 0;
}

static ig_status open_span(fixture *f, ig_span bytes, ig_context *context, ig_model **m) {
    ig_open_options options = {IG_OPTIONS(ig_open_options), .context = context};
    ig_error_clear(&f->err);
    return ig_model_open_memory(m, bytes.p, bytes.n, &options, &f->err);
}

static ig_model *open_built(fixture *f) {
    ig_model *m;
    if (open_span(f, build_end(&f->b), f->context, &m) != IG_OK) fail_msg("%s (%s)", f->err.message, f->err.detail);
    return m;
}

static ig_value *value(const ig_model *m, const char *name) {
    ig_name n = ig_names_find(&m->names, ig_str_c(name));
    return n ? ig_map_get(&m->graph->values, IG_KEY(n)) : NULL;
}

static bool found(const ig_model *m, const char *text) {
    for (size_t i = 0; i < m->findings.n; i++) {
        const ig_finding *x = &m->findings.items[i];
        if (strstr(x->message, text) || strstr(x->where, text)) return true;
    }
    return false;
}

static void print_findings(const ig_model *m) {
    for (size_t i = 0; i < m->findings.n; i++)
        print_message("%s (%s)\n", m->findings.items[i].message, m->findings.items[i].where);
}

static const ig_tensor *content(fixture *f, ig_model *m, const char *name) {
    ig_tensor *t;
    if (ig_const_tensor(m, value(m, name)->constant, &t, &f->err) != IG_OK) fail_msg("%s", f->err.message);
    return t;
}

/* ---- names ---- */

static void names_resolve_in_any_order(void **state) {
    fixture *f = *state;
    builder *b = &f->b;
    build_input(b, "x");
    build_node(b, "Add", "late,x", "y");
    build_node(b, "Relu", "x", "late");
    build_node(b, "Concat", "x,,nowhere", "z,,");
    build_output(b, "y");
    ig_model *m = open_built(f);
    assert_int_equal(m->findings.n, 0);
    ig_node *add = m->graph->first, *relu = add->next, *concat = relu->next;
    assert_ptr_equal(add->in[0], relu->out[0]);
    assert_ptr_equal(relu->out[0]->producer, relu);
    assert_int_equal(relu->out[0]->n_uses, 1);
    assert_int_equal(value(m, "x")->n_uses, 3);
    assert_int_equal(concat->n_in, 3);
    assert_null(concat->in[1]);
    assert_int_equal(concat->n_out, 3);
    assert_null(concat->out[1]);
    const ig_value *nowhere = concat->in[2];
    assert_true(!nowhere->producer && !nowhere->is_input && !nowhere->constant);
    assert_ptr_equal(m->graph->outputs.items[0].value, add->out[0]);
    assert_int_equal(ig_model_validate(m, &f->err), IG_OK);
    ig_model_free(m);
}

static void subgraphs_see_the_graphs_around_them(void **state) {
    fixture *f = *state;
    builder *b = &f->b;
    build_input(b, "c");
    ig_onnx_node *loop = build_node(b, "If", "c", "y");
    ig_onnx_graph *then = build_subgraph(b, loop, "then_branch");
    build_node_in(b, then, "Add", "late,own", "r"); /* of the graph around, made after this node; and of its own */
    build_node_in(b, then, "Neg", "late", "own");
    build_output_in(b, then, "r");
    ig_onnx_graph *other = build_subgraph(b, loop, "else_branch");
    build_output_in(b, other, "late"); /* straight from the graph around */
    build_node(b, "Relu", "c", "late");
    build_output(b, "y");
    ig_model *m = open_built(f);
    print_findings(m);
    ig_graph *g = ig_attr_find(m->graph->first, "then_branch")->g, *h = ig_attr_find(m->graph->first, "else_branch")->g;
    const ig_value *late = value(m, "late");
    assert_ptr_equal(g->outer, m->graph);
    assert_ptr_equal(g->owner, m->graph->first);
    assert_ptr_equal(g->first->in[0], late);
    assert_ptr_equal(g->first->in[1], g->last->out[0]);
    assert_ptr_equal(h->outputs.items[0].value, late);
    assert_int_equal(late->n_uses, 3);
    assert_int_equal(ig_model_validate(m, &f->err), IG_OK);
    ig_model_free(m);
}

static void what_is_there_twice_is_found_and_written_back(void **state) {
    fixture *f = *state;
    builder *b = &f->b;
    build_input(b, "x");
    build_input(b, "x");
    for (int i = 0; i < 2; i++) build_initializer(b, "w", IG_F32, 0)->doc_string = i ? IG_STR("second") : IG_STR("first");
    build_node(b, "Relu", "x", "y,y");
    build_node(b, "Relu", "x", "x");
    build_node(b, "Relu", "x", "w");
    for (int i = 0; i < 2; i++) {
        ig_onnx_function *fn = IG_NEW(&f->arena, ig_onnx_function);
        fn->name = IG_STR("F");
        fn->domain = IG_STR("d");
        ADD(b, &b->model.functions, &fn->head);
    }
    build_opset(b, "", 20);
    ig_span bytes = build_end(b);
    ig_model *m = open_built(f);
    static const char *const wanted[] = {"graph input 'x' is declared twice",
                                         "initializer 'w' occurs twice",
                                         "'y' is assigned twice",
                                         "'x' is a graph input and a node's output",
                                         "'w' is an initializer and a node",
                                         "function d.F is defined twice",
                                         "versions 21 and 20"};
    for (size_t i = 0; i < IG_COUNT_OF(wanted); i++)
        if (!found(m, wanted[i])) fail_msg("not found: %s", wanted[i]);
    assert_int_equal(m->findings.n, IG_COUNT_OF(wanted));
    ig_span out;
    assert_int_equal(ig_onnx_write_memory(m, &f->arena, &out, &f->err), IG_OK);
    assert_int_equal(out.n, bytes.n);
    assert_memory_equal(out.p, bytes.p, out.n);
    ig_model_free(m);
}

static void a_million_findings_are_counted_not_kept(void **state) {
    fixture *f = *state;
    for (int i = 0; i < 1000; i++) build_node(&f->b, "", "", "");
    ig_model *m = open_built(f);
    assert_int_equal(m->findings.n, 51);
    assert_true(found(m, "950 more findings of this kind"));
    ig_model_free(m);
}

/* ---- tensors ---- */

static void content_stays_where_it_is(void **state) {
    fixture *f = *state;
    static const float numbers[3] = {1, 2, 3};
    ig_onnx_tensor *raw = build_initializer(&f->b, "raw", IG_F32, 3), *typed = build_initializer(&f->b, "typed", IG_F32, 3);
    raw->raw_data = (ig_span){(const uint8_t *)numbers, sizeof numbers};
    typed->float_data = (ig_pb_bytes){(const uint8_t *)numbers, sizeof numbers, 0};
    ig_span bytes = build_end(&f->b);
    ig_model *m;
    assert_int_equal(open_span(f, bytes, f->context, &m), IG_OK);
    assert_int_equal(m->findings.n, 0);
    static const char *const names[] = {"raw", "typed"};
    for (size_t i = 0; i < 2; i++) {
        assert_null(value(m, names[i])->constant->tensor);
        const ig_tensor *t = content(f, m, names[i]);
        assert_memory_equal(t->data, numbers, sizeof numbers);
        assert_in_range((uintptr_t)t->data, (uintptr_t)bytes.p, (uintptr_t)bytes.p + bytes.n);
        assert_ptr_equal(content(f, m, names[i]), t); /* decoded once */
    }
    ig_tensor *kept = ig_tensor_clone((ig_tensor *)(uintptr_t)content(f, m, "raw"));
    ig_model_free(m); /* the tensor keeps what it needs */
    assert_memory_equal(kept->data, numbers, sizeof numbers);
    ig_tensor_free(kept);
}

/* Numbers of a typed field, and the bytes that the tensor has to have. */
typedef struct typed_case {
    ig_dtype dtype;
    int64_t n;
    size_t n_values;
    int64_t values[4];
    size_t n_bytes;
    const char *bytes;
} typed_case;

static void varint_fields_become_elements(void **state) {
    fixture *f = *state;
    static const typed_case cases[] = {
        {IG_I32, 2, 2, {-1, 7}, 8, "\xff\xff\xff\xff\x07\0\0"},
        {IG_I8, 2, 2, {-1, 127}, 2, "\xff\x7f"},
        {IG_U8, 2, 2, {255, 1}, 2, "\xff\x01"},
        {IG_U16, 2, 2, {65535, 1}, 4, "\xff\xff\x01"},
        {IG_I16, 1, 1, {-2}, 2, "\xfe\xff"},
        {IG_F16, 1, 1, {0x3c00}, 2, "\x00\x3c"},
        {IG_BF16, 1, 1, {0x3f80}, 2, "\x80\x3f"},
        {IG_BOOL, 3, 3, {1, 0, 256}, 3, "\x01\x00\x01"},
        {IG_F8E4M3FN, 2, 2, {0x7e, 0xff}, 2, "\x7e\xff"},
        {IG_I4, 3, 2, {0x21, 0x03}, 2, "\x21\x03"},
        {IG_U4, 4, 2, {0x21, 0xff}, 2, "\x21\xff"},
        {IG_U2, 5, 2, {0xe4, 0x01}, 2, "\xe4\x01"},
        {IG_F4E2M1, 1, 1, {0x07}, 1, "\x07"},
        {IG_F6E2M3, 4, 4, {1, 2, 3, 63}, 3, "\x81\x30\xfc"},
        {IG_F6E3M2, 1, 1, {0x7f}, 1, "\x3f"},
        {IG_I64, 1, 1, {INT64_MIN}, 8, "\0\0\0\0\0\0\0\x80"},
        {IG_U32, 1, 1, {UINT32_MAX}, 4, "\xff\xff\xff\xff"},
        {IG_U64, 1, 1, {-1}, 8, "\xff\xff\xff\xff\xff\xff\xff\xff"},
    };
    for (size_t i = 0; i < IG_COUNT_OF(cases); i++) {
        const typed_case *c = &cases[i];
        bool ok = true;
        build_begin(&f->b, &f->arena);
        ig_onnx_tensor *t = build_initializer(&f->b, "w", c->dtype, c->n);
        ig_pb_bytes packed = ig_pb_pack(&f->arena, IG_PB_INT64, c->values, c->n_values, &ok);
        *(c->dtype == IG_I64                         ? &t->int64_data
          : c->dtype == IG_U32 || c->dtype == IG_U64 ? &t->uint64_data
                                                     : &t->int32_data) = packed;
        ig_model *m = open_built(f);
        print_findings(m);
        assert_int_equal(m->findings.n, 0);
        const ig_tensor *w = content(f, m, "w");
        assert_int_equal(w->bytes, c->n_bytes);
        assert_memory_equal(w->data, c->bytes, c->n_bytes);
        ig_model_free(m);
    }
}

static void strings_point_into_the_file(void **state) {
    fixture *f = *state;
    ig_onnx_tensor *t = build_initializer(&f->b, "s", IG_STRING, 2);
    ADD(&f->b, &t->string_data, ig_span_of(IG_STR("one")));
    ADD(&f->b, &t->string_data, ig_span_of(IG_STR("")));
    ig_model *m = open_built(f);
    const ig_tensor *s = content(f, m, "s");
    assert_true(ig_str_is(ig_tensor_string(s, 0), "one"));
    assert_int_equal(ig_tensor_string(s, 1).n, 0);
    ig_model_free(m);
}

static ig_onnx_sparse *build_sparse(builder *b, const int64_t *indices, int64_t n) {
    static const float ones[4] = {1, 1, 1, 1};
    ig_onnx_sparse *s = IG_NEW(b->arena, ig_onnx_sparse);
    int64_t size = 5;
    bool ok = true;
    s->values = build_tensor(b, "sp", IG_F32, n);
    s->values->raw_data = (ig_span){(const uint8_t *)ones, (size_t)n * sizeof *ones};
    s->indices = build_tensor(b, "", IG_I64, n);
    s->indices->raw_data = (ig_span){(const uint8_t *)indices, (size_t)n * sizeof *indices};
    s->dims = ig_pb_pack(b->arena, IG_PB_INT64, &size, 1, &ok);
    ADD(b, &b->graph->sparse_initializer, &s->head);
    return s;
}

static void sparse_indices_are_checked(void **state) {
    fixture *f = *state;
    static const int64_t good[] = {1, 4}, outside[] = {1, 5}, negative[] = {-1, 2}, twice[] = {2, 2};
    static const struct {
        const int64_t *indices;
        const char *problem;
    } cases[] = {{good, NULL}, {outside, "index 5 outside"}, {negative, "index -1 outside"}, {twice, "do not ascend"}};
    for (size_t i = 0; i < IG_COUNT_OF(cases); i++) {
        build_begin(&f->b, &f->arena);
        build_sparse(&f->b, cases[i].indices, 2);
        ig_model *m = open_built(f);
        const ig_const *c = value(m, "sp")->constant;
        assert_true(c->sparse);
        if (cases[i].problem) {
            assert_true(c->bad && found(m, cases[i].problem));
        } else {
            const ig_tensor *t = content(f, m, "sp");
            assert_true(t->kind == IG_KIND_SPARSE && t->count == 5 && t->items[1]->count == 2);
        }
        ig_model_free(m);
    }
}

static void broken_tensors_are_found(void **state) {
    fixture *f = *state;
    static const uint8_t bytes[64] = {0};
    enum { SHORT, LONG, TWO, WRONG, NO_DATA, STRINGS_RAW, SEGMENT, TYPE, NO_TYPE, EXTERNAL, N };
    static const char *const wanted[N] = {
        "44 bytes of raw_data", "52 bytes of raw_data", "two kinds of data", "float in int64_data",
        "has no data",          "must not be in raw",   "segments are not",  "unknown element type 99",
        "no element type",      "no folder to look in"};
    for (int i = 0; i < N; i++) {
        build_begin(&f->b, &f->arena);
        ig_onnx_tensor *t = build_initializer(&f->b, "w", i == STRINGS_RAW ? IG_STRING : IG_F32, 12);
        if (i != NO_DATA && i != WRONG && i != EXTERNAL) t->raw_data = (ig_span){bytes, i == SHORT ? 44 : i == LONG ? 52 : 48};
        if (i == TWO) t->float_data = (ig_pb_bytes){bytes, 48, 0};
        if (i == WRONG) t->int64_data = (ig_pb_bytes){bytes, 12, 0};
        if (i == SEGMENT) t->segment = IG_NEW(&f->arena, ig_onnx_segment);
        if (i == TYPE) t->data_type = 99;
        if (i == NO_TYPE) t->has_data_type = false;
        t->has_data_location = i == EXTERNAL;
        t->data_location = i == EXTERNAL;
        if (i == EXTERNAL) ADD(&f->b, &t->external_data, build_prop(&f->b, "location", "w.bin"));
        ig_model *m = open_built(f);
        if (m->findings.n != 1 || !found(m, wanted[i])) print_findings(m);
        assert_true(m->findings.n == 1 && found(m, wanted[i]) && found(m, "graph.initializer[0]"));
        ig_tensor *none;
        assert_int_equal(ig_const_tensor(m, value(m, "w")->constant, &none, &f->err), IG_E_INPUT);
        ig_span out; /* what is wrong is carried along all the same */
        assert_int_equal(ig_onnx_write_memory(m, &f->arena, &out, &f->err), IG_OK);
        ig_span in = build_end(&f->b);
        assert_int_equal(out.n, in.n);
        assert_memory_equal(out.p, in.p, out.n);
        ig_model_free(m);
    }
}

/* ---- limits ---- */

static void limits_hold(void **state) {
    fixture *f = *state;
    builder *b = &f->b;
    ig_context *small;
    ig_context_options limits = {IG_OPTIONS(ig_context_options), .limits = {.depth = 4, .nodes = 10}};
    assert_int_equal(ig_context_create(&small, &limits, NULL), IG_OK);
    ig_model *m;
    for (int i = 0; i < 11; i++) {
        assert_int_equal(open_span(f, build_end(b), small, &m), IG_OK);
        ig_model_free(m);
        build_node(b, "Relu", "x", "");
    }
    assert_int_equal(open_span(f, build_end(b), small, &m), IG_E_LIMIT);
    assert_null(m);
    build_begin(b, &f->arena);
    ig_onnx_graph *g = b->graph;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(open_span(f, build_end(b), small, &m), IG_OK);
        ig_model_free(m);
        g = build_subgraph(b, build_node_in(b, g, "If", "c", ""), "then_branch");
    }
    assert_int_equal(open_span(f, build_end(b), small, &m), IG_E_LIMIT);
    assert_non_null(strstr(f->err.message, "nesting too deep"));
    assert_int_equal(ig_context_memory(small, NULL), 0);
    ig_context_free(small);
}

/* ---- edited models ---- */

static ig_onnx_model *write_and_read(fixture *f, ig_model *m) {
    ig_span out;
    ig_onnx_model *pb = IG_NEW(&f->arena, ig_onnx_model);
    if (ig_onnx_write_memory(m, &f->arena, &out, &f->err) != IG_OK) fail_msg("%s", f->err.message);
    ig_pb_reader r = {&f->arena, out.p, 64, &f->err, NULL};
    assert_int_equal(ig_pb_read(&r, &ig_onnx_model_pb, out, pb, NULL), IG_OK);
    return pb;
}

static ig_onnx_node *node_at(fixture *f, const ig_onnx_graph *g, size_t i) {
    ig_onnx_node *n = IG_NEW(&f->arena, ig_onnx_node);
    ig_pb_reader r = {&f->arena, g->node.items[i]->wire.p, 64, &f->err, NULL};
    assert_int_equal(ig_pb_read(&r, &ig_onnx_node_pb, g->node.items[i]->wire, n, NULL), IG_OK);
    return n;
}

static void outputs_keep_their_names_when_edited(void **state) {
    fixture *f = *state;
    builder *b = &f->b;
    build_input(b, "x");
    build_node(b, "Relu", "x", "a");
    build_node(b, "Neg", "a", "y");
    build_node(b, "Abs", "a", "z");
    build_output(b, "y");
    build_output(b, "z");
    ig_model *m = open_built(f);
    ig_node *neg = m->graph->first->next, *abs = neg->next;
    assert_true(ig_value_replace(neg->out[0], m->graph->first->out[0])); /* y is now what a was */
    ig_node_erase(neg);
    const ig_onnx_model *pb = write_and_read(f, m);
    assert_int_equal(pb->graph->node.n, 2);
    assert_true(ig_str_is(node_at(f, pb->graph, 0)->output.items[0], "y"));
    assert_true(ig_str_is(node_at(f, pb->graph, 1)->input.items[0], "y"));
    assert_true(ig_value_replace(abs->out[0], m->graph->first->out[0])); /* and so is z: one value is two outputs */
    pb = write_and_read(f, m);
    assert_int_equal(pb->graph->node.n, 3);
    const ig_onnx_node *copy = node_at(f, pb->graph, 2);
    assert_true(ig_str_is(copy->op_type, "Identity") && ig_str_is(copy->input.items[0], "y") &&
                ig_str_is(copy->output.items[0], "z"));
    assert_true(ig_value_replace(m->graph->first->out[0], value(m, "x"))); /* both outputs are an input now */
    pb = write_and_read(f, m);
    copy = node_at(f, pb->graph, pb->graph->node.n - 1);
    assert_true(ig_str_is(copy->input.items[0], "x") && ig_str_is(copy->output.items[0], "z"));
    ig_model_free(m);
}

static void a_claimed_name_pushes_its_holder_aside(void **state) {
    fixture *f = *state;
    builder *b = &f->b;
    build_input(b, "x");
    build_node(b, "Relu", "x", "a");
    build_node(b, "Neg", "a", "y");
    build_node(b, "Abs", "y", "z");
    build_output(b, "y");
    build_output(b, "z");
    ig_model *m = open_built(f);
    assert_true(ig_graph_set_output(m->graph, 0, m->graph->first->out[0])); /* output y is a; the value y is still read */
    const ig_onnx_model *pb = write_and_read(f, m);
    const ig_onnx_node *relu = node_at(f, pb->graph, 0), *neg = node_at(f, pb->graph, 1), *abs = node_at(f, pb->graph, 2);
    assert_true(ig_str_is(relu->output.items[0], "y") && ig_str_is(neg->input.items[0], "y"));
    assert_false(ig_str_is(neg->output.items[0], "y"));
    assert_true(ig_str_eq(neg->output.items[0], abs->input.items[0]));
    ig_model_free(m);
}

static void new_parts_are_written_from_their_fields(void **state) {
    fixture *f = *state;
    builder *b = &f->b;
    build_input(b, "x");
    ig_onnx_node *n = build_node(b, "LeakyRelu", "x", "y");
    ig_onnx_attr *alpha = build_attr(b, n, "alpha", 1);
    alpha->has_f = true;
    alpha->f = 0.5f;
    build_output(b, "y");
    ig_model *m = open_built(f);
    ig_tensor *t;
    int64_t dim = 2;
    assert_int_equal(ig_tensor_create(&t, f->context, IG_I16, 1, &dim, &f->err), IG_OK);
    ((int16_t *)t->data)[1] = -2;
    ig_const *c = ig_const_create(m, ig_model_name(m, "new"), t);
    ig_value *v = ig_graph_add_initializer(m->graph, c);
    assert_true(ig_attr_put_float(m->graph->first, "alpha", 0.25f));
    v->name = ig_model_name(m, "other"); /* the initializer is written under its value's name */
    const ig_onnx_model *pb = write_and_read(f, m);
    assert_int_equal(pb->graph->initializer.n, 1);
    ig_onnx_tensor w = {0};
    ig_onnx_attr a = {0};
    ig_pb_reader r = {&f->arena, NULL, 64, &f->err, NULL};
    assert_int_equal(ig_pb_read(&r, &ig_onnx_tensor_pb, pb->graph->initializer.items[0]->wire, &w, NULL), IG_OK);
    assert_true(ig_str_is(w.name, "other") && w.data_type == IG_I16 && w.raw_data.n == 4);
    assert_memory_equal(w.raw_data.p, "\0\0\xfe\xff", 4);
    assert_int_equal(ig_pb_read(&r, &ig_onnx_attr_pb, node_at(f, pb->graph, 0)->attribute.items[0]->wire, &a, NULL), IG_OK);
    assert_true(a.type == IG_ATTR_FLOAT && a.f == 0.25f && ig_str_is(a.name, "alpha"));
    ig_model_free(m);
}

static void a_model_made_here_gets_an_ir_version(void **state) {
    fixture *f = *state;
    ig_model *m;
    assert_int_equal(ig_model_new(&m, f->context, &f->err), IG_OK);
    ig_opset opset = {.domain = ig_model_name(m, ""), .version = 17};
    assert_true(IG_PUSH(&m->arena, &m->opsets, opset));
    const ig_onnx_model *pb = write_and_read(f, m);
    assert_true(pb->has_ir_version && pb->ir_version == 8);
    assert_true(pb->graph && pb->opset_import.n == 1 && pb->opset_import.items[0]->version == 17);
    ig_model_free(m);
}

/* ---- a model with something of everything, for clones and for memory that runs out ---- */

static ig_span build_rich(fixture *f) {
    builder *b = &f->b;
    static const uint8_t bytes[16] = {1, 2, 3};
    static const int64_t indices[] = {0, 3}, ints[] = {1, -2, 3};
    static const float floats[] = {1, 2};
    bool ok = true;
    build_begin(b, &f->arena);
    build_input(b, "x");
    build_initializer(b, "raw", IG_F32, 4)->raw_data = (ig_span){bytes, 16};
    build_initializer(b, "typed", IG_I64, 3)->int64_data = ig_pb_pack(&f->arena, IG_PB_INT64, ints, 3, &ok);
    ig_onnx_tensor *strings = build_initializer(b, "strings", IG_STRING, 1);
    ADD(b, &strings->string_data, ig_span_of(IG_STR("text")));
    ADD(b, &strings->metadata_props, build_prop(b, "k", "v"));
    build_initializer(b, "bad", IG_F32, 7);
    build_sparse(b, indices, 2);
    ig_onnx_node *n = build_node(b, "Anything", "x,raw,,nowhere", "y,");
    build_attr(b, n, "ints", 7)->ints = ig_pb_pack(&f->arena, IG_PB_INT64, ints, 3, &ok);
    build_attr(b, n, "floats", 6)->floats = ig_pb_pack(&f->arena, IG_PB_FLOAT, floats, 2, &ok);
    ig_onnx_attr *a = build_attr(b, n, "strings", 8);
    ADD(b, &a->strings, ig_span_of(IG_STR("s")));
    build_attr(b, n, "t", 4)->t = build_tensor(b, "inner", IG_F32, 0);
    a = build_attr(b, n, "ts", 9);
    ADD(b, &a->tensors, &build_tensor(b, "inner", IG_F32, 0)->head);
    build_attr(b, n, "tp", 13)->tp = build_type(b, IG_F16);
    a = build_attr(b, n, "tps", 14);
    ADD(b, &a->type_protos, &build_type(b, IG_F16)->head);
    ig_onnx_opaque *device = IG_NEW(&f->arena, ig_onnx_opaque);
    device->head.unknown = (ig_pb_bytes){(const uint8_t *)"\x18\x01", 2, 0};
    ADD(b, &n->device_configurations, &device->head);
    n->head.unknown = (ig_pb_bytes){(const uint8_t *)"\xa0\x3e\x01", 3, 0};
    ig_onnx_graph *g = build_subgraph(b, n, "body");
    build_node_in(b, g, "Add", "x,y", "z");
    build_output_in(b, g, "z");
    ADD(b, &n->metadata_props, build_prop(b, "key", "value"));
    build_output(b, "y");
    ig_onnx_type *sequence = IG_NEW(&f->arena, ig_onnx_type);
    sequence->value_case = 4;
    sequence->sequence_type = IG_NEW(&f->arena, ig_onnx_type_of);
    sequence->sequence_type->elem_type = build_type(b, IG_F32);
    ig_onnx_value_info *info = build_value(b, "y");
    info->type = sequence;
    ADD(b, &b->graph->value_info, &info->head);
    ADD(b, &b->graph->quantization_annotation, &device->head);
    ADD(b, &b->model.metadata_props, build_prop(b, "author", "somebody"));
    ig_onnx_function *fn = IG_NEW(&f->arena, ig_onnx_function);
    fn->name = IG_STR("F");
    build_names(b, &fn->input, "X");
    build_names(b, &fn->output, "Y");
    build_names(b, &fn->attribute, "alpha");
    ig_onnx_graph body = {0};
    ig_onnx_node *leaky = build_node_in(b, &body, "LeakyRelu", "X", "Y");
    build_attr(b, leaky, "alpha", 1)->ref_attr_name = IG_STR("alpha");
    ADD(b, &fn->node, &leaky->head);
    ADD(b, &fn->attribute_proto, leaky->attribute.items[0]);
    ADD(b, &b->model.functions, &fn->head);
    ig_onnx_training *training = IG_NEW(&f->arena, ig_onnx_training);
    training->algorithm = IG_NEW(&f->arena, ig_onnx_graph);
    build_node_in(b, training->algorithm, "Add", "raw,raw", "raw2");
    ADD(b, &training->update_binding, build_prop(b, "raw", "raw2"));
    ADD(b, &b->model.training_info, &training->head);
    ADD(b, &b->model.configuration, &device->head);
    return build_end(b);
}

static void a_clone_outlives_its_source(void **state) {
    fixture *f = *state;
    ig_span in = build_rich(f), out;
    uint8_t *bytes = malloc(in.n); /* the clone may keep the file, not the model */
    memcpy(bytes, in.p, in.n);
    ig_model *m, *clone;
    assert_int_equal(open_span(f, (ig_span){bytes, in.n}, f->context, &m), IG_OK);
    assert_int_equal(ig_model_clone(&clone, m, &f->err), IG_OK);
    ig_model_free(m);
    assert_int_equal(ig_onnx_write_memory(clone, &f->arena, &out, &f->err), IG_OK);
    assert_int_equal(out.n, in.n);
    assert_memory_equal(out.p, in.p, in.n);
    assert_int_equal(content(f, clone, "typed")->count, 3);
    ig_model_free(clone);
    free(bytes);
}

static ig_status decode_all(ig_model *m, ig_error *err) {
    for (size_t i = 0; i < m->graph->initializers.n; i++) {
        ig_tensor *t;
        ig_const *c = m->graph->initializers.items[i]->constant;
        if (!c->bad) IG_TRY(ig_const_tensor(m, c, &t, err));
    }
    return IG_OK;
}

static ig_status open_and_save(ig_context *context, ig_span in, const char *path, bool external, ig_error *err) {
    ig_open_options options = {IG_OPTIONS(ig_open_options), .context = context};
    ig_save_options save = {IG_OPTIONS(ig_save_options), .external = external, .external_from = 1, .overwrite = true};
    ig_model *m;
    IG_TRY(ig_model_open_memory(&m, in.p, in.n, &options, err));
    ig_status status = decode_all(m, err);
    if (status == IG_OK) status = ig_model_save(m, path, &save, err);
    ig_model_free(m);
    return status;
}

static void assert_file_is(fixture *f, const char *path, ig_span want) {
    ig_buffer *file;
    assert_int_equal(ig_buffer_map(&file, f->context, NULL, ig_str_c(path), &f->err), IG_OK);
    assert_int_equal(file->size, want.n);
    assert_memory_equal(file->data, want.p, want.n);
    ig_buffer_release(file);
}

/* Every allocation of opening, decoding and saving fails once: nothing leaks, nothing is left behind, and the status says why;
 * or the failure did no harm, and the file is what it should be. */
static void every_failed_allocation_is_reported(void **state) {
    fixture *f = *state;
    ig_span in = build_rich(f);
    char path[128], side[160];
    snprintf(path, sizeof path, "%s/m.onnx", f->folder);
    snprintf(side, sizeof side, "%s.data", path);
    for (int external = 0; external < 2; external++) {
        fail_alloc allocator = {.failed = true};
        long n = 0;
        for (; allocator.failed; n++) {
            allocator = (fail_alloc){.countdown = n};
            ig_context *context;
            ig_context_options options = {IG_OPTIONS(ig_context_options), .allocator = {fail_alloc_resize, &allocator}};
            ig_status status = ig_context_create(&context, &options, &f->err);
            if (status == IG_OK) status = open_and_save(context, in, path, external, &f->err);
            ig_context_free(context);
            assert_int_equal(allocator.live, 0);
            if (status == IG_OK) {
                if (!external) assert_file_is(f, path, in);
                assert_int_equal(unlink(path), 0);
                if (external) assert_int_equal(unlink(side), 0);
            } else {
                assert_int_equal(status, IG_E_MEMORY);
                assert_int_equal(f->err.status, IG_E_MEMORY);
                assert_int_not_equal(access(path, F_OK), 0);
                assert_int_not_equal(access(side, F_OK), 0);
            }
        }
        assert_true(n > 20);
    }
}

/* ---- files ---- */

static void existing_files_are_kept_unless_asked(void **state) {
    fixture *f = *state;
    static const uint8_t bytes[16] = {0};
    build_initializer(&f->b, "w", IG_F32, 4)->raw_data = (ig_span){bytes, 16};
    ig_model *m = open_built(f);
    char path[128], side[160], hidden[128];
    snprintf(path, sizeof path, "%s/m.onnx", f->folder);
    snprintf(side, sizeof side, "%s.data", path);
    snprintf(hidden, sizeof hidden, "%s/no/such/folder/m.onnx", f->folder);
    assert_int_equal(ig_model_save(m, path, NULL, &f->err), IG_OK);
    assert_int_equal(ig_model_save(m, path, NULL, &f->err), IG_E_ARGUMENT);
    assert_non_null(strstr(f->err.message, "exists"));
    assert_int_equal(ig_model_save(m, path, &(ig_save_options){IG_OPTIONS(ig_save_options), .overwrite = true}, &f->err),
                     IG_OK);
    assert_int_equal(ig_model_save(m, hidden, NULL, &f->err), IG_E_IO);
    assert_int_equal(unlink(path), 0);
    FILE *other = fopen(side, "w"); /* somebody else's file where the side file would go */
    assert_non_null(other);
    fclose(other);
    ig_save_options external = {IG_OPTIONS(ig_save_options), .external = true, .external_from = 1};
    assert_int_equal(ig_model_save(m, path, &external, &f->err), IG_E_ARGUMENT);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(unlink(side), 0);
    assert_int_equal(ig_model_save(m, "model.unknown", NULL, &f->err), IG_E_ARGUMENT);
    assert_int_equal(ig_model_save(m, "model", &(ig_save_options){IG_OPTIONS(ig_save_options), .format = "nope"}, &f->err),
                     IG_E_ARGUMENT);
    ig_model_free(m);
}

static void formats_are_listed(void **state) {
    IG_UNUSED(state);
    bool onnx = false;
    for (size_t i = 0; i < ig_format_count(); i++) {
        ig_format_info info = ig_format_at(i);
        assert_true(info.name && info.title && info.extensions);
        onnx |= strcmp(info.name, "onnx") == 0 && info.reads && info.writes;
    }
    assert_true(onnx);
    assert_null(ig_format_at(ig_format_count()).name);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(names_resolve_in_any_order),
        TEST(subgraphs_see_the_graphs_around_them),
        TEST(what_is_there_twice_is_found_and_written_back),
        TEST(a_million_findings_are_counted_not_kept),
        TEST(content_stays_where_it_is),
        TEST(varint_fields_become_elements),
        TEST(strings_point_into_the_file),
        TEST(sparse_indices_are_checked),
        TEST(broken_tensors_are_found),
        TEST(limits_hold),
        TEST(outputs_keep_their_names_when_edited),
        TEST(a_claimed_name_pushes_its_holder_aside),
        TEST(new_parts_are_written_from_their_fields),
        TEST(a_model_made_here_gets_an_ir_version),
        TEST(a_clone_outlives_its_source),
        TEST(every_failed_allocation_is_reported),
        TEST(existing_files_are_kept_unless_asked),
        TEST(formats_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
