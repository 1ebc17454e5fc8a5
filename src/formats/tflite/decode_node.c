/* Operators as nodes: the builtin operator's name or the custom code, options as attributes by the schema's tables. */
#include "formats/tflite/decode.h"

#include <stdio.h>

/* ------------------------------------------------------------------------------------------------------ operator codes */

static ig_status name_code(ig_tfl_reader *r, uint32_t i, ig_fb_table code, ig_name *name) {
    ig_model *m = r->model;
    /* Files from before 2020 have only the first field, which ends at 127. */
    int32_t old = ig_fb_i8(&r->fb, code, IG_TFL_OPERATOR_CODE_DEPRECATED_BUILTIN_CODE, 0);
    int32_t builtin = ig_fb_i32(&r->fb, code, IG_TFL_OPERATOR_CODE_BUILTIN_CODE, 0);
    ig_str custom = ig_fb_str(&r->fb, code, IG_TFL_OPERATOR_CODE_CUSTOM_CODE);
    char text[120], where[48];
    bool ok = true;
    if (old > builtin) builtin = old;
    if (builtin == IG_TFL_OP_CUSTOM && custom.n) {
        *name = ig_intern(&m->names, custom, &ok);
        for (uint32_t k = 0; ok && k < ig_tfl_ops.n; k++) /* a custom operator that is called like a builtin one */
            if (ig_tfl_ops.names[k] && ig_str_is(custom, ig_tfl_ops.names[k])) {
                snprintf(text, sizeof text, "CUSTOM.%s", ig_tfl_ops.names[k]);
                *name = ig_model_name(m, text);
                ok = *name != NULL;
            }
        return ok ? IG_OK : ig_oom(r->err);
    }
    snprintf(where, sizeof where, "operator_codes[%u]", i);
    bool known = builtin >= 0 && (uint32_t)builtin < ig_tfl_ops.n && ig_tfl_ops.names[builtin];
    if (!known) {
        snprintf(text, sizeof text, "BUILTIN_%d", builtin);
        ig_tfl_find(r, IG_WARNING, "unknown-op", where, "builtin operator %d is newer than the known schema", builtin);
    }
    *name = ig_model_name(m, known ? ig_tfl_ops.names[builtin] : text);
    return *name ? IG_OK : ig_oom(r->err);
}

ig_status ig_tfl_read_codes(ig_tfl_reader *r) {
    r->codes = ig_fb_tables(&r->fb, r->root, IG_TFL_MODEL_OPERATOR_CODES);
    r->op_names = IG_NEW_ARRAY(&r->arena, ig_name, r->codes.n);
    if (!r->op_names) return ig_oom(r->err);
    for (uint32_t i = 0; i < r->codes.n; i++) IG_TRY(name_code(r, i, ig_fb_item(&r->fb, r->codes, i), &r->op_names[i]));
    return ig_tfl_sound(r);
}

/* ------------------------------------------------------------------------------------------------------------- options */

/* A number as the name that its enum has for it; numbers without one stay numbers. */
static bool put_enum(ig_node *node, const ig_tfl_field *f, int64_t number) {
    const ig_tfl_enum *e = f->names;
    bool named = number >= 0 && number < e->n && e->names[number];
    return named ? ig_attr_put_str(node, f->name, e->names[number]) : ig_attr_put_int(node, f->name, number);
}

static bool put_bytes(ig_node *node, const char *name, ig_span bytes) {
    ig_attr a = {.name = ig_model_name(node->graph->model, name), .kind = IG_ATTR_STRING, .s = ig_str_of(bytes)};
    if (!a.s.s) a.s.s = "";
    return a.name && ig_attr_put(node, &a);
}

static bool put_floats(ig_node *node, const char *name, const float *values, size_t n) {
    ig_attr a = {.name = ig_model_name(node->graph->model, name), .kind = IG_ATTR_FLOATS, .floats = values, .n = n};
    return a.name && ig_attr_put(node, &a);
}

static bool put_list(ig_fb *fb, ig_node *node, ig_fb_table t, const ig_tfl_field *f) {
    static const uint8_t sizes[] = {
        [IG_TFL_I32S] = 4, [IG_TFL_ENUMS32] = 4, [IG_TFL_F32S] = 4, [IG_TFL_I64S] = 8, [IG_TFL_BOOLS] = 1};
    ig_fb_vector v = ig_fb_scalars(fb, t, f->number, sizes[f->kind]);
    ig_arena *arena = &node->graph->model->arena;
    if (f->kind == IG_TFL_F32S) {
        float *floats = IG_NEW_ARRAY(arena, float, v.n);
        for (size_t i = 0; floats && i < v.n; i++) floats[i] = ig_load_f32(v.p + 4 * i);
        return floats && put_floats(node, f->name, floats, v.n);
    }
    int64_t *ints = IG_NEW_ARRAY(arena, int64_t, v.n);
    if (!ints) return false;
    for (size_t i = 0; i < v.n; i++)
        ints[i] = f->kind == IG_TFL_I64S    ? (int64_t)ig_load_u64(v.p + 8 * i)
                  : f->kind == IG_TFL_BOOLS ? v.p[i]
                                            : (int32_t)ig_load_u32(v.p + 4 * i);
    ig_attr a = {.name = ig_model_name(node->graph->model, f->name), .kind = IG_ATTR_INTS, .ints = ints, .n = v.n};
    return a.name && ig_attr_put(node, &a);
}

static bool put_option(ig_fb *fb, ig_node *node, ig_fb_table t, const ig_tfl_field *f) {
    unsigned k = f->number;
    switch ((ig_tfl_kind)f->kind) {
    case IG_TFL_BOOL: return ig_attr_put_int(node, f->name, ig_fb_bool(fb, t, k, f->otherwise));
    case IG_TFL_I8: return ig_attr_put_int(node, f->name, ig_fb_i8(fb, t, k, (int8_t)f->otherwise));
    case IG_TFL_U8: return ig_attr_put_int(node, f->name, ig_fb_u8(fb, t, k, (uint8_t)f->otherwise));
    case IG_TFL_I32: return ig_attr_put_int(node, f->name, ig_fb_i32(fb, t, k, f->otherwise));
    case IG_TFL_U32: return ig_attr_put_int(node, f->name, ig_fb_u32(fb, t, k, (uint32_t)f->otherwise));
    case IG_TFL_I64: return ig_attr_put_int(node, f->name, ig_fb_i64(fb, t, k, f->otherwise));
    case IG_TFL_U64: return ig_attr_put_int(node, f->name, (int64_t)ig_fb_u64(fb, t, k, (uint64_t)f->otherwise));
    case IG_TFL_F32: return ig_attr_put_float(node, f->name, ig_fb_f32(fb, t, k, 0));
    case IG_TFL_STR: return put_bytes(node, f->name, ig_span_of(ig_fb_str(fb, t, k)));
    case IG_TFL_BYTES: return put_bytes(node, f->name, ig_fb_bytes(fb, t, k));
    case IG_TFL_ENUM8: return put_enum(node, f, ig_fb_i8(fb, t, k, (int8_t)f->otherwise));
    case IG_TFL_ENUM32: return put_enum(node, f, ig_fb_i32(fb, t, k, f->otherwise));
    case IG_TFL_I32S:
    case IG_TFL_I64S:
    case IG_TFL_F32S:
    case IG_TFL_BOOLS:
    case IG_TFL_ENUMS32: return put_list(fb, node, t, f);
    }
    return true;
}

/* One of the two unions of options. Every field becomes an attribute, those with their default too. */
static ig_status read_union(ig_tfl_reader *r, ig_node *node, ig_fb_table op, unsigned field, const ig_tfl_options *tables,
                            uint32_t n, const char *where) {
    uint8_t kind = ig_fb_u8(&r->fb, op, field - 1, 0);
    if (kind == 0) return IG_OK;
    ig_fb_table t = ig_fb_sub(&r->fb, op, field);
    if (kind >= n || !tables[kind].name) {
        ig_tfl_find(r, IG_WARNING, "unknown-op", where, "options of the unknown kind %u", kind);
        return IG_OK;
    }
    for (uint32_t i = 0; i < tables[kind].n_fields; i++)
        if (!put_option(&r->fb, node, t, &tables[kind].fields[i])) return ig_oom(r->err);
    return IG_OK;
}

/* Options of a custom operator stand in the structure, or in files past 2 GB behind it. */
static ig_status read_custom(ig_tfl_reader *r, ig_node *node, ig_fb_table op, const char *where) {
    ig_span bytes = ig_fb_bytes(&r->fb, op, IG_TFL_OPERATOR_CUSTOM_OPTIONS);
    uint64_t offset = ig_fb_u64(&r->fb, op, IG_TFL_OPERATOR_LARGE_CUSTOM_OPTIONS_OFFSET, 0);
    uint64_t size = ig_fb_u64(&r->fb, op, IG_TFL_OPERATOR_LARGE_CUSTOM_OPTIONS_SIZE, 0);
    bool inside = offset <= SIZE_MAX && size <= SIZE_MAX;
    if (offset > 1 && !(inside && ig_span_sub(ig_buffer_span(r->file), (size_t)offset, (size_t)size, &bytes)))
        ig_tfl_find(r, IG_ERROR, "buffer", where, "custom options pass the end of the file");
    if (!bytes.p) return IG_OK;
    return put_bytes(node, IG_TFL_ATTR_CUSTOM, bytes) ? IG_OK : ig_oom(r->err);
}

/* Tensors that a kernel keeps between its stages have no content in the file, only a quantization, which results depend on. */
static ig_status read_intermediates(ig_tfl_reader *r, ig_tfl_subgraph *s, ig_node *node, ig_fb_table op, const char *where) {
    ig_fb_vector list = ig_fb_scalars(&r->fb, op, IG_TFL_OPERATOR_INTERMEDIATES, 4);
    if (list.n == 0) return IG_OK;
    ig_arena *arena = &r->model->arena;
    float *scales = IG_NEW_ARRAY(arena, float, list.n);
    int64_t *zeros = IG_NEW_ARRAY(arena, int64_t, list.n);
    if (!scales || !zeros) return ig_oom(r->err);
    for (uint32_t i = 0; i < list.n; i++) {
        uint32_t tensor = ig_load_u32(list.p + 4 * (size_t)i);
        const ig_quant *q = NULL;
        if (tensor < s->tensors.n) IG_TRY(ig_tfl_read_quant(r, s, ig_fb_item(&r->fb, s->tensors, tensor), where, &q));
        if (!q) continue;
        scales[i] = q->scales[0];
        zeros[i] = q->zero_points ? q->zero_points[0] : 0;
    }
    ig_attr a = {.name = ig_model_name(r->model, IG_TFL_ATTR_INTER_ZERO), .kind = IG_ATTR_INTS, .ints = zeros, .n = list.n};
    bool ok = a.name && ig_attr_put(node, &a) && put_floats(node, IG_TFL_ATTR_INTER_SCALE, scales, list.n);
    return ok ? IG_OK : ig_oom(r->err);
}

/* --------------------------------------------------------------------------------------------------------------- nodes */

static void place(char *out, size_t size, const ig_tfl_subgraph *s, uint32_t i, ig_name op) {
    snprintf(out, size, "subgraphs[%u].operators[%u] (%.80s)", s->number, i, op);
}

/* First pass: the node with its outputs, so that everything else is known to be a constant. */
static ig_status begin_node(ig_tfl_reader *r, ig_tfl_subgraph *s, uint32_t i, ig_fb_table op) {
    char where[160];
    uint32_t code = ig_fb_u32(&r->fb, op, IG_TFL_OPERATOR_OPCODE_INDEX, 0);
    ig_name name = code < r->codes.n ? r->op_names[code] : ig_model_name(r->model, "UNKNOWN");
    ig_name domain = ig_model_name(r->model, IG_TFL_DOMAIN);
    ig_fb_vector in = ig_fb_scalars(&r->fb, op, IG_TFL_OPERATOR_INPUTS, 4);
    ig_fb_vector out = ig_fb_scalars(&r->fb, op, IG_TFL_OPERATOR_OUTPUTS, 4);
    IG_TRY(ig_tfl_sound(r));
    if (r->model->n_nodes >= r->model->context->limits.nodes)
        return ig_fail(r->err, IG_E_LIMIT, "the model has more than %llu operators",
                       (unsigned long long)r->model->context->limits.nodes);
    ig_node *node = name && domain ? ig_node_new(s->graph, name, domain, in.n, out.n) : NULL;
    if (!node) return ig_oom(r->err);
    place(where, sizeof where, s, i, name);
    if (code >= r->codes.n) ig_tfl_find(r, IG_ERROR, "unknown-op", where, "there is no operator code %u", code);
    for (uint32_t o = 0; o < out.n; o++) {
        ig_value *v;
        IG_TRY(ig_tfl_value(r, s, (int32_t)ig_load_u32(out.p + 4 * (size_t)o), IG_TFL_MADE, where, &v));
        if (v && (v->producer || v->is_input)) {
            ig_tfl_find(r, IG_ERROR, "ssa", where, "tensor '%.80s' has a content already", v->name);
            v = NULL;
        }
        if (v) ig_node_set_output(node, o, v);
    }
    return IG_OK;
}

static ig_status end_node(ig_tfl_reader *r, ig_tfl_subgraph *s, uint32_t i, ig_fb_table op, ig_node *node) {
    char where[160];
    place(where, sizeof where, s, i, node->op);
    uint32_t code = ig_fb_u32(&r->fb, op, IG_TFL_OPERATOR_OPCODE_INDEX, 0);
    ig_fb_vector in = ig_fb_scalars(&r->fb, op, IG_TFL_OPERATOR_INPUTS, 4);
    for (uint32_t k = 0; k < in.n; k++) {
        ig_value *v;
        IG_TRY(ig_tfl_value(r, s, (int32_t)ig_load_u32(in.p + 4 * (size_t)k), IG_TFL_READ, where, &v));
        if (v && !ig_node_set_input(node, k, v)) return ig_oom(r->err);
    }
    IG_TRY(read_union(r, node, op, IG_TFL_OPERATOR_BUILTIN_OPTIONS, ig_tfl_options_1, ig_tfl_n_options_1, where));
    IG_TRY(read_union(r, node, op, IG_TFL_OPERATOR_BUILTIN_OPTIONS_2, ig_tfl_options_2, ig_tfl_n_options_2, where));
    IG_TRY(read_custom(r, node, op, where));
    IG_TRY(read_intermediates(r, s, node, op, where));
    int32_t version =
        code < r->codes.n ? ig_fb_i32(&r->fb, ig_fb_item(&r->fb, r->codes, code), IG_TFL_OPERATOR_CODE_VERSION, 1) : 1;
    if (!ig_attr_put_int(node, IG_TFL_ATTR_OP_VERSION, version)) return ig_oom(r->err);
    return ig_tfl_sound(r);
}

ig_status ig_tfl_read_nodes(ig_tfl_reader *r, ig_tfl_subgraph *s, ig_fb_vector operators) {
    for (uint32_t i = 0; i < operators.n; i++) IG_TRY(begin_node(r, s, i, ig_fb_item(&r->fb, operators, i)));
    ig_node *node = s->graph->first;
    for (uint32_t i = 0; i < operators.n; i++, node = node->next)
        IG_TRY(end_node(r, s, i, ig_fb_item(&r->fb, operators, i), node));
    return IG_OK;
}
