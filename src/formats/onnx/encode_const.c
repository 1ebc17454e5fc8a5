/* Constants as messages, and the side file that holds the content of big ones. */
#include "formats/onnx/encode.h"

#include <stdio.h>

enum { PAGE = 4096, LINE = 64 }; /* alignment of big contents, so that they can be mapped, and of small ones */

static bool lies_outside(const ig_onnx_writer *w, const ig_const *c) {
    if (c->bad || c->sparse || c->dtype == IG_STRING || c->bytes == 0 || w->inline_external || w->keep_external) return false;
    return c->external || (w->external && c->bytes >= w->external_from);
}

bool ig_onnx_moves(const ig_onnx_writer *w, const ig_const *c) {
    return c && !c->bad && !w->keep_external && (c->external || lies_outside(w, c));
}

static ig_status make_entry(ig_onnx_writer *w, ig_onnx_tensor *t, const char *key, ig_str value) {
    ig_onnx_prop *p = IG_NEW(w->arena, ig_onnx_prop);
    if (!p || !IG_PUSH(w->arena, &t->external_data, p)) return ig_oom(w->err);
    p->key = ig_str_c(key);
    p->value = value;
    return IG_OK;
}

static ig_status make_number_entry(ig_onnx_writer *w, ig_onnx_tensor *t, const char *key, uint64_t number) {
    const char *text = ig_arena_printf(w->arena, "%llu", (unsigned long long)number);
    return text ? make_entry(w, t, key, ig_str_c(text)) : ig_oom(w->err);
}

/* Gives the content its place in the side file. */
static ig_status put_outside(ig_onnx_writer *w, ig_onnx_tensor *t, ig_const *c) {
    uint64_t unit = c->bytes >= PAGE ? PAGE : LINE, offset = (w->side_size + unit - 1) / unit * unit;
    ig_onnx_outside o = {c, offset};
    if (!IG_PUSH(w->arena, &w->outside, o)) return ig_oom(w->err);
    w->side_size = offset + c->bytes;
    t->has_data_location = true;
    t->data_location = IG_ONNX_EXTERNAL;
    IG_TRY(make_entry(w, t, "location", ig_str_c(w->location)));
    IG_TRY(make_number_entry(w, t, "offset", offset));
    return make_number_entry(w, t, "length", c->bytes);
}

/* What the message says apart from the content: as it was read, or from the constant's fields. */
static ig_status make_base(ig_onnx_writer *w, const ig_const *c, ig_onnx_tensor **out) {
    ig_onnx_tensor *t = *out = IG_NEW(w->arena, ig_onnx_tensor);
    bool ok = true;
    if (!t) return ig_oom(w->err);
    if (c->wire.p) {
        ig_pb_reader r = {w->arena, c->wire.p, w->model->context->limits.depth, w->err, NULL};
        return ig_pb_read(&r, &ig_onnx_tensor_pb, c->wire, t, NULL);
    }
    t->dims = ig_pb_pack(w->arena, IG_PB_INT64, c->dims, (size_t)c->rank, &ok);
    t->has_data_type = true;
    t->data_type = (int32_t)c->dtype;
    t->doc_string = c->doc;
    t->name = ig_name_str(c->name);
    return ok ? ig_onnx_make_props(w, &c->props, &t->metadata_props) : ig_oom(w->err);
}

static void clear_content(ig_onnx_tensor *t) {
    t->float_data = t->int32_data = t->int64_data = t->double_data = t->uint64_data = (ig_pb_bytes){0};
    t->raw_data = (ig_span){0};
    t->string_data.n = t->external_data.n = 0;
    t->has_data_location = false;
}

static ig_status make_dense(ig_onnx_writer *w, ig_const *c, const ig_str *name, ig_onnx_tensor **out) {
    IG_TRY(make_base(w, c, out));
    ig_onnx_tensor *t = *out;
    if (name) t->name = *name;
    if (c->bad || (c->wire.p && !ig_onnx_moves(w, c))) return IG_OK; /* content as it was read */
    clear_content(t);
    if (lies_outside(w, c)) return put_outside(w, t, c);
    ig_tensor *tensor;
    IG_TRY(ig_const_tensor(w->model, c, &tensor, w->err));
    const ig_onnx_tensor *content = ig_onnx_from_tensor(w->arena, tensor);
    if (!content) return ig_oom(w->err);
    t->raw_data = content->raw_data;
    t->string_data.items = content->string_data.items;
    t->string_data.n = t->string_data.cap = content->string_data.n;
    return IG_OK;
}

static ig_status make_sparse(ig_onnx_writer *w, ig_const *c, const ig_str *name, ig_onnx_sparse **out) {
    if (c->wire.p) {
        ig_pb_reader r = {w->arena, c->wire.p, w->model->context->limits.depth, w->err, NULL};
        ig_onnx_sparse *s = *out = IG_NEW(w->arena, ig_onnx_sparse);
        if (!s) return ig_oom(w->err);
        IG_TRY(ig_pb_read(&r, &ig_onnx_sparse_pb, c->wire, s, NULL));
    } else {
        ig_tensor *tensor;
        IG_TRY(ig_const_tensor(w->model, c, &tensor, w->err));
        if (!(*out = ig_onnx_from_sparse(w->arena, tensor))) return ig_oom(w->err);
        (*out)->values->doc_string = c->doc;
        (*out)->values->name = ig_name_str(c->name);
    }
    if (name && (*out)->values) (*out)->values->name = *name;
    return IG_OK;
}

ig_status ig_onnx_make_const(ig_onnx_writer *w, ig_const *c, const ig_str *name, ig_pb_head **out) {
    bool same_name = !name || ig_str_eq(*name, ig_name_str(c->name));
    if (c->wire.p && same_name && !ig_onnx_moves(w, c)) {
        *out = ig_onnx_verbatim(w, c->wire);
        return *out ? IG_OK : ig_oom(w->err);
    }
    if (same_name) name = NULL;
    ig_onnx_tensor *dense = NULL;
    ig_onnx_sparse *sparse = NULL;
    ig_status status = c->sparse ? make_sparse(w, c, name, &sparse) : make_dense(w, c, name, &dense);
    *out = c->sparse ? (ig_pb_head *)(void *)sparse : (ig_pb_head *)(void *)dense;
    return status;
}

ig_status ig_onnx_write_outside(ig_onnx_writer *w, ig_file *file) {
    static const uint8_t zeros[PAGE];
    uint64_t at = 0;
    for (size_t i = 0; i < w->outside.n; i++) {
        const ig_onnx_outside *o = &w->outside.items[i];
        ig_tensor *tensor;
        IG_TRY(ig_const_tensor(w->model, o->constant, &tensor, w->err));
        if (tensor->bytes != o->constant->bytes)
            return ig_fail(w->err, IG_E_INTERNAL, "tensor '%.80s' has another size than said", ig_name_text(o->constant->name));
        ig_file_write(file, zeros, (size_t)(o->offset - at));
        ig_onnx_write_bytes(w->model, file, tensor->data, tensor->bytes);
        at = o->offset + tensor->bytes;
    }
    return IG_OK;
}
