/* Types, constants and attributes as text. */
#include "formats/onnxtxt/print.h"

#include "formats/onnx/tensor.h"

#include <stdio.h>

/* ---- types ---- */

static void put_dtype(ig_txt_out *o, int32_t number) {
    ig_txt_put(o, ig_str_c(ig_dtype_valid(number) ? ig_dtypes[number].name : "undefined"));
}

static void put_tensor_type(ig_txt_out *o, const ig_onnx_type_tensor *t) {
    put_dtype(o, t->elem_type);
    if (!t->shape) ig_txt_put(o, IG_STR("[]"));
    if (!t->shape || t->shape->dim.n == 0) return;
    for (size_t i = 0; i < t->shape->dim.n; i++) {
        const ig_onnx_dim *d = t->shape->dim.items[i];
        ig_txt_put(o, i ? IG_STR(",") : IG_STR("["));
        if (d->value_case == 1)
            ig_txt_printf(o, "%lld", (long long)d->dim_value);
        else if (d->value_case == 2 && d->dim_param.n)
            ig_txt_put_name(o, d->dim_param);
        else
            ig_txt_put(o, IG_STR("?"));
        ig_txt_lose(o, IG_TXT_LOST_METADATA, d->denotation.n);
    }
    ig_txt_put(o, IG_STR("]"));
}

static void put_element(ig_txt_out *o, const char *kind, const ig_onnx_type *element) {
    ig_txt_printf(o, "%s(", kind);
    ig_txt_put_type(o, element);
    ig_txt_put(o, IG_STR(")"));
}

/* The codec's depth limit bounds the recursion. */
void ig_txt_put_type(ig_txt_out *o, const ig_onnx_type *in) {
    static const ig_onnx_type none;
    const ig_onnx_type *t = in ? ig_txt_open(o, &ig_onnx_type_pb, (ig_pb_head *)(uintptr_t)in) : &none;
    if (!t) return;
    ig_txt_lose(o, IG_TXT_LOST_METADATA, t->denotation.n);
    switch (t->value_case) {
    case 1: put_tensor_type(o, t->tensor_type); return;
    case 4: put_element(o, "seq", t->sequence_type->elem_type); return;
    case 9: put_element(o, "optional", t->optional_type->elem_type); return;
    case 5:
        ig_txt_put(o, IG_STR("map("));
        put_dtype(o, t->map_type->key_type);
        ig_txt_put(o, IG_STR(", "));
        ig_txt_put_type(o, t->map_type->value_type);
        break;
    case 8:
        ig_txt_put(o, IG_STR("sparse_tensor("));
        put_tensor_type(o, t->sparse_tensor_type);
        break;
    case 7:
        ig_txt_put(o, IG_STR("opaque("));
        ig_txt_put(o, t->opaque_type->domain);
        if (t->opaque_type->domain.n) ig_txt_put(o, IG_STR(","));
        ig_txt_put(o, t->opaque_type->name);
        break;
    default: return;
    }
    ig_txt_put(o, IG_STR(")"));
}

/* ---- constants ---- */

/* Whole numbers as they are, small floats by their bits, as the syntax has them. */
static void put_element_text(ig_txt_out *o, ig_dtype dtype, const void *data, size_t i) {
    char text[40];
    size_t n;
    if (dtype == IG_F32 || dtype == IG_F64)
        n = ig_number_text(text, sizeof text, dtype, ig_load_as_f64(dtype, data, i));
    else if (dtype == IG_U64)
        n = (size_t)snprintf(text, sizeof text, "%llu", (unsigned long long)ig_load_u64((const uint8_t *)data + 8 * i));
    else if (ig_dtype_is_float(dtype))
        n = (size_t)snprintf(text, sizeof text, "%u",
                             ig_dtypes[dtype].bits == 16 ? ig_load_u16((const uint8_t *)data + 2 * i)
                                                         : ig_load_bits(dtype, data, i));
    else
        n = (size_t)snprintf(text, sizeof text, "%lld", (long long)ig_load_as_i64(dtype, data, i));
    ig_txt_put(o, (ig_str){text, n});
}

static void put_elements(ig_txt_out *o, const ig_tensor *t) {
    ig_dtype dtype = t->dtype == IG_C64 ? IG_F32 : t->dtype == IG_C128 ? IG_F64 : t->dtype;
    size_t n = dtype == t->dtype ? t->count : 2 * t->count;
    ig_txt_put(o, IG_STR("{"));
    for (size_t i = 0; i < n && o->status == IG_OK; i++) {
        if (i) ig_txt_put(o, dtype == IG_STRING ? IG_STR(", ") : IG_STR(","));
        if (dtype == IG_STRING)
            ig_txt_put_quoted(o, ig_tensor_strings(t)[i]);
        else
            put_element_text(o, dtype, t->data, i);
    }
    ig_txt_put(o, IG_STR("}"));
}

/* The content, or "..." where it is too long or no content of the type. */
static void put_content(ig_txt_out *o, const ig_onnx_tensor *t) {
    ig_onnx_facts f;
    ig_tensor *content = NULL;
    ig_status status = ig_onnx_facts_of(&o->scratch, t, true, &f, NULL);
    if (status == IG_OK && f.place != IG_ONNX_OUTSIDE && (uint64_t)f.count <= o->most)
        status = ig_onnx_content(&content, o->model->context, ig_model_buffer_of(o->model, t->head.wire.p), t, &f, NULL);
    if (status == IG_E_MEMORY) o->status = ig_oom(o->err);
    if (content) {
        put_elements(o, content);
    } else {
        ig_txt_put(o, IG_STR("..."));
        ig_txt_lose(o, IG_TXT_LOST_CONTENT, 1);
    }
    ig_tensor_free(content);
}

static void put_tensor_head(ig_txt_out *o, int32_t dtype, ig_pb_bytes packed, ig_str name) {
    size_t n;
    bool malformed;
    const int64_t *dims = ig_pb_unpack(&o->scratch, IG_PB_INT64, packed, &n, &malformed);
    put_dtype(o, dtype);
    for (size_t i = 0; dims && i < n; i++) ig_txt_printf(o, i ? ",%lld" : "[%lld", (long long)dims[i]);
    if (dims && n) ig_txt_put(o, IG_STR("]"));
    if (name.n == 0) return;
    ig_txt_put(o, IG_STR(" "));
    ig_txt_put_name(o, name);
}

void ig_txt_put_tensor(ig_txt_out *o, ig_onnx_tensor *in, bool is_initializer) {
    ig_onnx_tensor *t = ig_txt_open(o, &ig_onnx_tensor_pb, &in->head);
    if (!t) return;
    bool outside = t->data_location == IG_ONNX_EXTERNAL;
    ig_str name = is_initializer && t->name.n == 0 ? IG_STR("") : t->name;
    put_tensor_head(o, t->data_type, t->dims, name);
    if (is_initializer && name.n == 0) ig_txt_put(o, IG_STR(" \"\""));
    ig_txt_put(o, is_initializer || outside ? IG_STR(" = ") : IG_STR(""));
    if (outside) {
        ig_txt_put_props(o, t->external_data.items, t->external_data.n);
    } else {
        if (t->data_type != IG_STRING) ig_txt_put(o, IG_STR(" ")); /* as ONNX's printer does */
        put_content(o, t);
    }
    ig_txt_lose(o, IG_TXT_LOST_DOCS, t->doc_string.n);
    ig_txt_lose(o, IG_TXT_LOST_METADATA, t->metadata_props.n);
}

/* Values and indices, each with its type: an extension, see README.md. */
void ig_txt_put_sparse(ig_txt_out *o, ig_onnx_sparse *in) {
    ig_onnx_sparse *s = ig_txt_open(o, &ig_onnx_sparse_pb, &in->head);
    if (!s || !s->values || !s->indices) return;
    ig_onnx_tensor *values = ig_txt_open(o, &ig_onnx_tensor_pb, &s->values->head);
    if (!values) return;
    ig_str name = values->name;
    ig_txt_put(o, IG_STR("sparse_tensor("));
    put_tensor_head(o, values->data_type, s->dims, (ig_str){0});
    ig_txt_put(o, IG_STR(") "));
    if (name.n) ig_txt_put_name(o, name);
    ig_txt_put(o, IG_STR(" = "));
    values->name = (ig_str){0};
    ig_txt_put_tensor(o, values, false);
    values->name = name;
    ig_txt_put(o, IG_STR(" "));
    ig_txt_put_tensor(o, s->indices, false);
}

/* ---- attributes ---- */

void ig_txt_put_props(ig_txt_out *o, ig_onnx_prop *const *props, size_t n) {
    ig_txt_put(o, IG_STR("["));
    for (size_t i = 0; i < n; i++) {
        if (i) ig_txt_put(o, IG_STR(", "));
        ig_txt_put_quoted(o, props[i]->key);
        ig_txt_put(o, IG_STR(": "));
        ig_txt_put_quoted(o, props[i]->value);
    }
    ig_txt_put(o, IG_STR("]"));
}

static void put_float(ig_txt_out *o, float v) { put_element_text(o, IG_F32, &v, 0); }

static void comma(ig_txt_out *o, size_t i) {
    if (i) ig_txt_put(o, IG_STR(", "));
}

static void put_numbers(ig_txt_out *o, const ig_onnx_attr *a) {
    size_t n;
    bool malformed, whole = a->type == IG_ATTR_INTS;
    const void *list =
        ig_pb_unpack(&o->scratch, whole ? IG_PB_INT64 : IG_PB_FLOAT, whole ? a->ints : a->floats, &n, &malformed);
    for (size_t i = 0; list && i < n; i++) {
        comma(o, i);
        if (whole)
            ig_txt_printf(o, "%lld", (long long)((const int64_t *)list)[i]);
        else
            put_float(o, ((const float *)list)[i]);
    }
}

static void put_list(ig_txt_out *o, const ig_onnx_attr *a) {
    ig_txt_put(o, IG_STR("["));
    put_numbers(o, a);
    for (size_t i = 0; i < a->strings.n; i++) comma(o, i), ig_txt_put_quoted(o, ig_str_of(a->strings.items[i]));
    for (size_t i = 0; i < a->tensors.n; i++) {
        comma(o, i);
        ig_txt_put_tensor(o, (ig_onnx_tensor *)(void *)a->tensors.items[i], false);
    }
    for (size_t i = 0; i < a->sparse_tensors.n; i++)
        comma(o, i), ig_txt_put_sparse(o, (ig_onnx_sparse *)(void *)a->sparse_tensors.items[i]);
    for (size_t i = 0; i < a->type_protos.n; i++)
        comma(o, i), ig_txt_put_type(o, (const ig_onnx_type *)(const void *)a->type_protos.items[i]);
    for (size_t i = 0; i < a->graphs.n; i++) comma(o, i), ig_txt_put_graph(o, a->graphs.items[i], true);
    ig_txt_put(o, IG_STR("]"));
}

static void put_value(ig_txt_out *o, const ig_onnx_attr *a) {
    switch (a->type) {
    case IG_ATTR_FLOAT: put_float(o, a->f); return;
    case IG_ATTR_INT: ig_txt_printf(o, "%lld", (long long)a->i); return;
    case IG_ATTR_STRING: ig_txt_put_quoted(o, ig_str_of(a->s)); return;
    case IG_ATTR_TENSOR:
        if (a->t) ig_txt_put_tensor(o, a->t, false);
        return;
    case IG_ATTR_SPARSE:
        if (a->sparse_tensor) ig_txt_put_sparse(o, a->sparse_tensor);
        return;
    case IG_ATTR_GRAPH:
        if (a->g) ig_txt_put_graph(o, a->g, true);
        return;
    case IG_ATTR_TYPE:
        if (a->tp) ig_txt_put_type(o, a->tp);
        return;
    default: put_list(o, a);
    }
}

static const char *const kind_words[IG_ATTR_KIND_COUNT] = {
    "undefined", "float",   "int",    "string",        "tensor",         "graph",      "floats",     "ints",
    "strings",   "tensors", "graphs", "sparse_tensor", "sparse_tensors", "type_proto", "type_protos"};

void ig_txt_put_attr(ig_txt_out *o, ig_onnx_attr *a) {
    if (!a->type) a->type = (int32_t)ig_onnx_attr_holds(a); /* files of IR version 1 don't say it */
    bool known = a->type > 0 && a->type < IG_ATTR_KIND_COUNT;
    ig_txt_put_name(o, a->name);
    if (known) ig_txt_printf(o, ": %s", kind_words[a->type]);
    ig_txt_put(o, IG_STR(" = "));
    ig_txt_lose(o, IG_TXT_LOST_DOCS, a->doc_string.n);
    if (a->ref_attr_name.n) {
        ig_txt_put(o, IG_STR("@"));
        ig_txt_put_name(o, a->ref_attr_name);
    } else if (known) {
        put_value(o, a);
    }
}
