/* ONNX's textual syntax as a format of models. */
#include "formats/format.h"
#include "formats/onnx/encode.h"
#include "formats/onnx/format.h"
#include "formats/onnxtxt/parse.h"
#include "formats/onnxtxt/print.h"

/* A header with one of its keys, or a graph's name and inputs with "=>" soon after. */
static int probe(const ig_source *source) {
    enum { LOOKED_AT = 4096 };
    static const char *const keys[] = {"ir_version", "opset_import",  "producer_name", "producer_version",
                                       "domain",     "model_version", "doc_string",    "metadata_props"};
    ig_txt t = {.text = {(const char *)source->file->data, ig_min_size(source->file->size, LOOKED_AT)}};
    if (ig_str_starts(t.text, "\xEF\xBB\xBF")) t.at = 3;
    if (ig_txt_match(&t, '<')) {
        ig_str key = ig_txt_peek_id(&t);
        for (size_t i = 0; i < IG_COUNT_OF(keys); i++) {
            if (!ig_str_is(key, keys[i])) continue;
            t.at += key.n;
            return ig_txt_match(&t, ':') ? IG_PROBE_LIKELY : IG_PROBE_NO;
        }
        return IG_PROBE_NO;
    }
    ig_str name = ig_txt_peek_id(&t);
    t.at += name.n;
    if (name.n == 0 || !ig_txt_match(&t, '(')) return IG_PROBE_NO;
    for (size_t i = t.at; i + 1 < t.text.n; i++)
        if (t.text.s[i] == '=' && t.text.s[i + 1] == '>') return IG_PROBE_MAYBE;
    return IG_PROBE_NO;
}

static ig_status append(void *user, const void *data, size_t n, ig_error *err) {
    IG_UNUSED(err);
    uint8_t **at = user;
    memcpy(*at, data, n);
    *at += n;
    return IG_OK;
}

/* The message as the bytes of an ONNX file. */
static ig_status encode(ig_context *context, ig_onnx_model *message, ig_buffer **out, ig_error *err) {
    uint64_t size;
    IG_TRY(ig_pb_size(&ig_onnx_model_pb, message, &size, err));
    *out = size <= PTRDIFF_MAX ? ig_buffer_create(context, (size_t)size, false) : NULL;
    if (!*out) return ig_oom(err);
    uint8_t *at = (*out)->data;
    return ig_pb_write(&ig_onnx_model_pb, message, (ig_pb_sink){append, &at}, err);
}

static ig_status read(ig_model *model, const ig_source *source, ig_error *err) {
    ig_source bytes = *source;
    ig_onnx_model message = {0};
    ig_arena arena;
    ig_arena_init(&arena, model->context);
    ig_txt t = {.text = ig_str_of(ig_buffer_span(source->file)),
                .arena = &arena,
                .err = err,
                .most_depth = model->context->limits.depth};
    bytes.file = NULL;
    ig_c_locale locale = ig_c_locale_enter();
    ig_status status = ig_txt_model(&t, &message);
    ig_c_locale_leave(locale);
    if (status == IG_OK) status = encode(model->context, &message, &bytes.file, err);
    ig_arena_free(&arena);
    if (status == IG_OK && !ig_model_keep(model, ig_buffer_retain(bytes.file))) status = ig_oom(err);
    if (status == IG_OK) status = ig_onnx_read(model, &bytes, err);
    ig_buffer_release(bytes.file);
    return status;
}

typedef struct text_body {
    ig_model *model;
    ig_onnx_model *message;
} text_body;

static ig_status write_body(void *user, ig_pb_sink sink, ig_error *err) {
    const text_body *b = user;
    return ig_txt_print(b->model, b->message, UINT64_MAX, sink, err);
}

static ig_status write(ig_model *model, const ig_target *target, ig_error *err) {
    ig_arena arena;
    ig_onnx_writer w;
    ig_onnx_model message;
    text_body body = {model, &message};
    ig_arena_init(&arena, model->context);
    ig_status status = ig_onnx_writer_init(&w, model, &arena, target, err);
    if (status == IG_OK) status = ig_onnx_make_model(&w, &message);
    if (status == IG_OK) status = ig_onnx_write_files(&w, target, write_body, &body);
    ig_arena_free(&arena);
    return status;
}

const ig_format ig_format_onnxtxt = {
    .name = "onnxtxt",
    .title = "ONNX text",
    .extensions = "onnxtxt txt",
    .probe = probe,
    .read = read,
    .write = write,
};
