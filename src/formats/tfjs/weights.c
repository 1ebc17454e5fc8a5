/* Weights. The files of a group are one run of bytes, cut anywhere; weights follow each other in it without gaps. */
#include "formats/tfjs/tfjs.h"

#include "formats/keras/keras.h"

#include <math.h>

enum { MAX_FILES = 1 << 16 };

/* One file of a group and where it begins in the run. */
typedef struct piece {
    ig_buffer *file;
    uint64_t from;
} piece;

typedef struct group {
    piece *pieces;
    size_t n;
    uint64_t size, at;
} group;

/* What a constant goes by: bytes as they are stored, and what makes numbers of them. In the model's arena. */
typedef struct origin {
    ig_span content;
    ig_dtype stored;
    double scale, min;
    bool scaled;
} origin;

/* --------------------------------------------------------------------------------------------------------------- content */

static ig_status unpack_strings(ig_tensor *t, ig_span content, ig_error *err) {
    ig_reader reader = {.span = content};
    for (size_t i = 0; i < t->count; i++) {
        uint32_t n = ig_read_u32(&reader);
        ig_span text = ig_read_bytes(&reader, n);
        if (reader.failed) return ig_fail(err, IG_E_INPUT, "a weight of strings is cut short");
        if (!ig_tensor_set_string(t, i, ig_str_of(text))) return ig_oom(err);
    }
    return IG_OK;
}

static void unpack_numbers(ig_tensor *t, const origin *o) {
    for (size_t i = 0; i < t->count; i++) {
        double x = ig_load_as_f64(o->stored, o->content.p, i);
        if (o->scaled) x = x * o->scale + o->min;
        if (ig_dtype_is_float(t->dtype))
            ig_store_f64(t->dtype, t->data, i, x);
        else
            ig_store_i64(t->dtype, t->data, i, (int64_t)floor(x + 0.5));
    }
}

static ig_status decode(ig_model *model, ig_const *c, ig_error *err) {
    origin o;
    ig_tensor *t = NULL;
    memcpy(&o, c->origin.p, sizeof o);
    ig_buffer *buffer =
        o.stored == c->dtype && !o.scaled && c->dtype != IG_STRING ? ig_model_buffer_of(model, o.content.p) : NULL;
    bool aligned = (uintptr_t)o.content.p % ig_max_size(ig_dtype_bytes(c->dtype), 1) == 0;
    ig_status status = IG_OK;
    if (buffer && aligned) {
        t = ig_tensor_over(model->context, c->dtype, c->rank, c->dims, buffer, o.content.p);
        if (!t) return ig_oom(err);
    } else {
        IG_TRY(ig_tensor_new(&t, model->context, c->dtype, c->rank, c->dims, err));
        if (c->dtype == IG_STRING)
            status = unpack_strings(t, o.content, err);
        else if (o.stored == c->dtype && !o.scaled)
            memcpy(t->data, o.content.p, t->bytes);
        else
            unpack_numbers(t, &o);
    }
    if (status != IG_OK) {
        ig_tensor_free(t);
        return status;
    }
    c->tensor = t;
    return IG_OK;
}

/* ----------------------------------------------------------------------------------------------------------------- files */

static bool is_url(ig_str path) {
    for (size_t i = 0; i + 3 <= path.n; i++)
        if (memcmp(path.s + i, "://", 3) == 0) return true;
    return false;
}

static ig_status open_group(ig_tfjs_reader *r, const ig_json *paths, group *g) {
    *g = (group){.n = ig_json_count(paths)};
    if (g->n > MAX_FILES) return ig_fail(r->err, IG_E_LIMIT, "a group of weights has more than %d files", MAX_FILES);
    g->pieces = IG_NEW_ARRAY(&r->arena, piece, g->n);
    if (!g->pieces) return ig_oom(r->err);
    if (!r->source->folder) {
        ig_fail(r->err, IG_E_ARGUMENT,
                "a TensorFlow.js model can't be opened from memory: its weights are in files of their own");
        ig_error_hint(r->err, "open it by its path");
        return IG_E_ARGUMENT;
    }
    for (size_t i = 0; i < g->n; i++) {
        ig_str path = ig_json_text(&paths->items[i]);
        if (!path.s) return ig_fail(r->err, IG_E_INPUT, "the weights manifest has a path that is no text");
        if (is_url(path)) {
            ig_fail(r->err, IG_E_INPUT, "weights are at the URL '%.*s', which igata never follows",
                    (int)ig_min_size(path.n, 80), path.s);
            ig_error_hint(r->err, "fetch the file, put it beside model.json, and name it in the manifest by its name alone");
            return IG_E_INPUT;
        }
        ig_buffer *file;
        IG_TRY(ig_buffer_map(&file, r->source->context, r->source->folder, path, r->err));
        if (!ig_model_keep(r->model, file)) return ig_oom(r->err);
        g->pieces[i] = (piece){file, g->size};
        g->size += file->size;
    }
    return IG_OK;
}

/* The next n bytes: where they lie, or, when they are in several files, a copy. */
static ig_status take(ig_tfjs_reader *r, group *g, uint64_t n, ig_str name, ig_span *out) {
    if (n > g->size - g->at)
        return ig_fail(r->err, IG_E_INPUT, "weight '%.*s' takes %llu bytes, and the files have %llu more",
                       (int)ig_min_size(name.n, 80), name.s, (unsigned long long)n, (unsigned long long)(g->size - g->at));
    uint64_t from = g->at;
    uint8_t *copy = NULL;
    size_t done = 0;
    g->at += n;
    *out = (ig_span){(const uint8_t *)"", 0};
    for (size_t i = 0; i < g->n && n; i++) {
        const piece *p = &g->pieces[i];
        uint64_t begin = from > p->from ? from : p->from,
                 end = from + n < p->from + p->file->size ? from + n : p->from + p->file->size;
        if (begin >= end) continue;
        size_t length = (size_t)(end - begin);
        if (length == n) {
            *out = (ig_span){p->file->data + (begin - p->from), length};
            return IG_OK;
        }
        if (!copy) {
            ig_buffer *b = ig_buffer_create(r->source->context, (size_t)n, false);
            if (!b || !ig_model_keep(r->model, b)) return ig_oom(r->err);
            copy = b->data;
            *out = (ig_span){copy, (size_t)n};
        }
        memcpy(copy + done, p->file->data + (begin - p->from), length);
        done += length;
    }
    return IG_OK;
}

/* Strings say their lengths as they go. */
static ig_status string_bytes(ig_tfjs_reader *r, const group *g, int64_t count, uint64_t *bytes) {
    uint64_t at = g->at;
    for (int64_t k = 0; k < count; k++) {
        uint8_t length[4];
        for (int b = 0; b < 4; b++) {
            size_t i = 0;
            while (i + 1 < g->n && at >= g->pieces[i + 1].from) i++;
            if (at >= g->size) return ig_fail(r->err, IG_E_INPUT, "a weight of strings is cut short");
            length[b] = g->pieces[i].file->data[at - g->pieces[i].from];
            at++;
        }
        if (ig_load_u32(length) > g->size - at) return ig_fail(r->err, IG_E_INPUT, "a weight of strings is cut short");
        at += ig_load_u32(length);
    }
    *bytes = at - g->at;
    return IG_OK;
}

/* -------------------------------------------------------------------------------------------------------------- manifest */

static ig_status read_dims(ig_tfjs_reader *r, const ig_json *shape, ig_const *c) {
    int64_t *dims = IG_NEW_ARRAY(&r->model->arena, int64_t, ig_json_count(shape));
    if (!dims) return ig_oom(r->err);
    c->rank = (int)ig_json_count(shape);
    c->dims = dims;
    c->count = 1;
    for (int i = 0; i < c->rank; i++) {
        dims[i] = ig_json_int(&shape->items[i], -1);
        if (dims[i] < 0 || (dims[i] && c->count > INT64_MAX / 64 / dims[i]))
            return ig_fail(r->err, IG_E_INPUT, "weight '%.80s' has a malformed shape", c->name);
        c->count *= dims[i];
    }
    return IG_OK;
}

static ig_status read_weight(ig_tfjs_reader *r, group *g, const ig_json *entry) {
    const ig_json *quantization = ig_json_get(entry, "quantization"), *shape = ig_json_get(entry, "shape");
    ig_str name = ig_json_text(ig_json_get(entry, "name"));
    bool ok = true;
    ig_const *c = IG_NEW(&r->model->arena, ig_const);
    origin *o = IG_NEW(&r->model->arena, origin);
    ig_tfjs_weight *w = IG_NEW(&r->arena, ig_tfjs_weight);
    if (!c || !o || !w) return ig_oom(r->err);
    if (!name.s || !ig_json_is_kind(shape, IG_JSON_LIST) || shape->n > IG_MAX_RANK)
        return ig_fail(r->err, IG_E_INPUT, "the weights manifest has an entry without name or shape");
    c->name = ig_model_intern(r->model, name, &ok);
    if (!ok || !c->name) return ok ? ig_fail(r->err, IG_E_INPUT, "a weight has no name") : ig_oom(r->err);
    IG_TRY(read_dims(r, shape, c));
    c->dtype = ig_keras_dtype(ig_json_text(ig_json_get(entry, "dtype")));
    o->stored = quantization ? ig_keras_dtype(ig_json_text(ig_json_get(quantization, "dtype"))) : c->dtype;
    if (!c->dtype || !o->stored || (o->stored == IG_STRING) != (c->dtype == IG_STRING))
        return ig_fail(r->err, IG_E_UNSUPPORTED, "weight '%.80s' is of a type that igata doesn't know", c->name);
    o->scaled = quantization && ig_json_get(quantization, "scale");
    o->scale = ig_json_real(ig_json_get(quantization, "scale"), 1);
    o->min = ig_json_real(ig_json_get(quantization, "min"), 0);
    uint64_t bytes = (uint64_t)c->count * ig_dtype_bytes(o->stored);
    if (c->dtype == IG_STRING) IG_TRY(string_bytes(r, g, c->count, &bytes));
    IG_TRY(take(r, g, bytes, name, &o->content));
    c->bytes = c->dtype == IG_STRING ? (uint64_t)c->count * sizeof(ig_str) : (uint64_t)c->count * ig_dtype_bytes(c->dtype);
    c->origin = (ig_span){(const uint8_t *)o, sizeof *o};
    c->decode = decode;
    *w = (ig_tfjs_weight){name, c};
    ig_name key = ig_intern(&r->names, name, &ok);
    return ok && ig_map_set(&r->by_name, IG_KEY(key), w) && IG_PUSH(&r->arena, &r->weights, w) ? IG_OK : ig_oom(r->err);
}

ig_status ig_tfjs_read_weights(ig_tfjs_reader *r) {
    const ig_json *manifest = ig_json_get(r->json, "weightsManifest");
    for (size_t i = 0; i < ig_json_count(manifest); i++) {
        const ig_json *entry = &manifest->items[i], *weights = ig_json_get(entry, "weights");
        group g;
        IG_TRY(open_group(r, ig_json_get(entry, "paths"), &g));
        for (size_t k = 0; k < ig_json_count(weights); k++) IG_TRY(read_weight(r, &g, &weights->items[k]));
    }
    return IG_OK;
}

ig_tfjs_weight *ig_tfjs_find(const ig_tfjs_reader *r, ig_str name) {
    ig_name key = ig_names_find(&r->names, name);
    return key ? ig_map_get(&r->by_name, IG_KEY(key)) : NULL;
}
