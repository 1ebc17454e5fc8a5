/* Weights in other files. They are only mapped, each file once, and never outside the model's folder (ig_buffer_map). */
#include "formats/onnx/decode.h"

typedef struct ig_onnx_file {
    ig_buffer *buffer; /* kept by the model; NULL: can't be opened */
    ig_error *why;
} ig_onnx_file;

static ig_status open_file(ig_onnx_reader *r, ig_name location, ig_onnx_file **out) {
    ig_model *m = r->model;
    ig_onnx_file *f = ig_map_get(&r->files, IG_KEY(location));
    *out = f;
    if (f) return IG_OK;
    f = *out = IG_NEW(&r->arena, ig_onnx_file);
    if (!f || !ig_map_set(&r->files, IG_KEY(location), f)) return ig_oom(r->err);
    f->why = IG_NEW(&r->arena, ig_error);
    if (!f->why) return ig_oom(r->err);
    if (!m->folder) {
        ig_fail(f->why, IG_E_INPUT, "weights lie in the file '%.80s', but a model in memory has no folder to look in",
                location);
        ig_error_hint(f->why, "open the model by its path");
        return IG_OK;
    }
    ig_status status = ig_buffer_map(&f->buffer, m->context, m->folder, ig_name_str(location), f->why);
    if (status == IG_OK) {
        if (ig_model_keep(m, f->buffer)) return IG_OK;
        f->buffer = NULL;
        return ig_oom(r->err);
    }
    if (status == IG_E_MEMORY) return ig_oom(r->err);
    ig_error_hint(f->why, "weights of this model are in a file of their own: put it where the model is");
    return IG_OK;
}

ig_status ig_onnx_map_external(ig_onnx_reader *r, const ig_onnx_facts *facts, const ig_pb_path *path, const char *name,
                               ig_tensor **out) {
    const ig_external *e = &facts->external;
    bool ok = true;
    ig_name location = ig_intern(&r->model->names, e->location.s ? e->location : IG_STR(""), &ok);
    ig_onnx_file *f;
    ig_span content;
    *out = NULL;
    if (!ok) return ig_oom(r->err);
    IG_TRY(open_file(r, location, &f));
    if (!f->buffer) {
        ig_onnx_find(r, IG_ERROR, "external-data", path, name, f->why->hint, "%s", f->why->message);
        return IG_OK;
    }
    bool inside =
        (uint64_t)e->offset <= SIZE_MAX && ig_span_sub(ig_buffer_span(f->buffer), (size_t)e->offset, facts->bytes, &content);
    if (!inside) {
        ig_onnx_find(r, IG_ERROR, "external-data", path, name, "the file is cut off, or belongs to another model",
                     "%zu bytes at offset %lld pass the end of '%.80s', which has %zu bytes", facts->bytes,
                     (long long)e->offset, location, f->buffer->size);
        return IG_OK;
    }
    *out = ig_tensor_over(r->model->context, facts->dtype, facts->rank, facts->dims, f->buffer, content.p);
    return *out ? IG_OK : ig_oom(r->err);
}
