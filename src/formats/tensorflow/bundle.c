/* Checkpoints of version 2: an index of BundleEntryProtos and data files with the elements as memory has them. */
#include "formats/tensorflow/bundle.h"

#include "codec/crc32c.h"
#include "codec/sstable.h"

#include <stdio.h>

/* --------------------------------------------------------------------------------------------------------------- index */

enum { MOST_SHARDS = 99999 };

static ig_status read_header(ig_tf_bundle *b, ig_span value, ig_error *err) {
    ig_tf_bundle_header header = {0};
    ig_pb_reader reader = {&b->r->arena, value.p, b->r->model->context->limits.depth, err, NULL};
    IG_TRY(ig_pb_read(&reader, &ig_tf_bundle_header_pb, value, &header, NULL));
    if (header.version && header.version->min_consumer > 1)
        return ig_fail(err, IG_E_UNSUPPORTED, "a checkpoint for readers of version %d; igata reads version 1",
                       header.version->min_consumer);
    if (header.num_shards < 0 || header.num_shards > MOST_SHARDS)
        return ig_fail(err, IG_E_INPUT, "the checkpoint claims to have %d data files", header.num_shards);
    b->big = header.endianness == 1;
    b->n_shards = (size_t)header.num_shards;
    b->shards = IG_NEW_ARRAY(&b->r->arena, ig_buffer *, b->n_shards);
    return b->shards ? IG_OK : ig_oom(err);
}

static ig_status visit(void *user, ig_span key, ig_span value, ig_error *err) {
    ig_tf_bundle *b = user;
    ig_tf_reader *r = b->r;
    if (key.n == 0) return read_header(b, value, err);
    ig_tf_bundle_entry *pb = IG_NEW(&r->arena, ig_tf_bundle_entry);
    ig_name name = ig_tf_name(r, ig_str_of(key));
    if (!pb || !name) return ig_oom(err);
    ig_pb_reader reader = {&r->arena, value.p, r->model->context->limits.depth, err, NULL};
    IG_TRY(ig_pb_read(&reader, &ig_tf_bundle_entry_pb, value, pb, NULL));
    bool slice = key.p[0] == 0; /* names of tensors don't start with a zero */
    ig_tf_entry entry = {name, pb};
    bool ok = ig_map_set(&b->by_key, IG_KEY(name), pb) && (slice || IG_PUSH(&r->arena, &b->entries, entry));
    return ok ? IG_OK : ig_oom(err);
}

ig_status ig_tf_bundle_read(ig_tf_bundle *b, ig_tf_reader *r, ig_span index, const char *folder, const char *prefix) {
    *b = (ig_tf_bundle){.r = r, .folder = folder, .prefix = prefix};
    ig_map_init(&b->by_key, &r->arena);
    IG_TRY(ig_sstable_each(&r->arena, index, visit, b, r->err));
    return b->shards ? IG_OK : ig_fail(r->err, IG_E_INPUT, "the checkpoint's index has no header");
}

/* ------------------------------------------------------------------------------------------------------------- content */

/* Where a constant's content lies: what ig_const.origin holds. */
typedef struct piece {
    const uint8_t *data;
    size_t size;
    uint32_t crc; /* masked */
    ig_tf_box box;
} piece;

typedef struct stored {
    int32_t type;
    bool big, whole; /* whole: one piece, which is all of the constant */
    size_t n;
    int rank;
    ig_tf_box box; /* that the constant is of the tensor */
    piece pieces[];
} stored;

static ig_status damaged(const ig_const *c, ig_error *err) {
    ig_fail(err, IG_E_INPUT, "the checksum of tensor '%.80s' is wrong", ig_name_text(c->name));
    ig_error_hint(err, "the data file is damaged, or belongs to another index: copy both again");
    return IG_E_INPUT;
}

/* Lengths as varints, the masked checksum of the lengths, the characters. The checksum of the whole covers lengths as numbers
 * of 4 bytes (8 where they need it), the bytes of the other checksum, and the characters. */
static ig_status decode_strings(const ig_const *c, const piece *p, ig_str *out, size_t n, ig_error *err) {
    const uint8_t *at = p->data, *end = p->data + p->size;
    uint32_t crc = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t length = 0;
        at = ig_pb_varint(at, end, &length);
        if (!at || length > p->size) return ig_fail(err, IG_E_INPUT, "tensor '%.80s' is truncated", ig_name_text(c->name));
        crc = ig_crc32c(crc, &length, length > UINT32_MAX ? 8 : 4);
        out[i].n = (size_t)length;
    }
    if (end - at < 4 || ig_load_u32(at) != ig_crc32c_mask(crc)) return damaged(c, err);
    crc = ig_crc32c(crc, at, 4);
    at += 4;
    for (size_t i = 0; i < n; i++) {
        if (out[i].n > (size_t)(end - at))
            return ig_fail(err, IG_E_INPUT, "tensor '%.80s' is truncated", ig_name_text(c->name));
        out[i].s = out[i].n ? (const char *)at : "";
        crc = ig_crc32c(crc, at, out[i].n);
        at += out[i].n;
    }
    return ig_crc32c_mask(crc) == p->crc ? IG_OK : damaged(c, err);
}

static ig_status check_piece(const ig_const *c, const piece *p, ig_error *err) {
    return ig_crc32c_mask(ig_crc32c(0, p->data, p->size)) == p->crc ? IG_OK : damaged(c, err);
}

static void swap_bytes(void *data, size_t count, size_t size) {
    uint8_t *p = data;
    for (size_t i = 0; i < count; i++, p += size)
        for (size_t k = 0; k < size / 2; k++) {
            uint8_t byte = p[k];
            p[k] = p[size - 1 - k];
            p[size - 1 - k] = byte;
        }
}

/* One piece into the new tensor. */
static ig_status copy_piece(const ig_const *c, const stored *s, const piece *p, ig_tensor *t, ig_arena *scratch,
                            int64_t *copied, ig_error *err) {
    size_t size = c->dtype == IG_STRING ? sizeof(ig_str) : ig_tf_type_bytes(s->type);
    const void *source = p->data;
    int64_t count = c->count;
    if (!s->whole) ig_dims_count(s->rank, p->box.size, &count);
    if (c->dtype == IG_STRING) {
        ig_str *strings = IG_NEW_ARRAY(scratch, ig_str, (size_t)count);
        if (!strings) return ig_oom(err);
        IG_TRY(decode_strings(c, p, strings, (size_t)count, err));
        source = strings;
    } else {
        IG_TRY(check_piece(c, p, err));
    }
    *copied += s->whole ? count : ig_tf_copy_box(&p->box, source, &s->box, t->data, s->rank, size);
    if (!s->whole) return IG_OK;
    if (ig_dtype_bits(c->dtype) < 8 && c->dtype != IG_STRING)
        ig_tf_pack_bits(c->dtype, t->data, source, (size_t)count);
    else if (count)
        memcpy(t->data, source, (size_t)count * size);
    return IG_OK;
}

static ig_status copy_pieces(ig_model *m, const ig_const *c, const stored *s, ig_tensor *t, ig_error *err) {
    ig_arena scratch;
    ig_arena_init(&scratch, m->context);
    ig_status status = IG_OK;
    int64_t copied = 0;
    if (t->bytes) memset(t->data, 0, t->bytes);
    for (size_t i = 0; i < s->n && status == IG_OK; i++) status = copy_piece(c, s, &s->pieces[i], t, &scratch, &copied, err);
    ig_arena_free(&scratch);
    if (status == IG_OK && copied < c->count)
        status = ig_fail(err, IG_E_INPUT, "slices of tensor '%.80s' are missing", ig_name_text(c->name));
    if (status != IG_OK) return status;
    const ig_str *strings =
        c->dtype == IG_STRING && !s->whole ? t->data : NULL; /* of several files: they get their own memory */
    for (size_t i = 0; strings && i < t->count; i++)
        if (!ig_tensor_set_string(t, i, strings[i])) return ig_oom(err);
    bool complex = ig_dtype_number(c->dtype) == IG_NUMBER_COMPLEX;
    size_t size = ig_dtype_bytes(c->dtype);
    if (s->big && c->dtype != IG_STRING) swap_bytes(t->data, t->count * (complex ? 2 : 1), complex ? size / 2 : size);
    return IG_OK;
}

static ig_status decode(ig_model *m, ig_const *c, ig_error *err) {
    const stored *s = (const void *)c->origin.p;
    ig_buffer *buffer = s->n ? ig_model_buffer_of(m, s->pieces[0].data) : NULL;
    bool small = ig_dtype_bits(c->dtype) < 8;
    if (s->whole && buffer && !s->big && c->dtype != IG_STRING && !small) {
        IG_TRY(check_piece(c, &s->pieces[0], err));
        c->tensor = ig_tensor_over(m->context, c->dtype, c->rank, c->dims, buffer, s->pieces[0].data);
        return c->tensor ? IG_OK : ig_oom(err);
    }
    ig_tensor *t;
    IG_TRY(ig_tensor_new(&t, m->context, c->dtype, c->rank, c->dims, err));
    ig_status status = copy_pieces(m, c, s, t, err);
    if (status != IG_OK) {
        ig_tensor_free(t);
        return status;
    }
    if (c->dtype == IG_STRING && s->whole && buffer) t->source = ig_buffer_retain(buffer);
    c->tensor = t;
    return IG_OK;
}

/* ----------------------------------------------------------------------------------------------------------- constants */

static ig_status open_shard(ig_tf_bundle *b, int32_t id, const char *where, ig_buffer **out) {
    ig_tf_reader *r = b->r;
    *out = NULL;
    if (id < 0 || (size_t)id >= b->n_shards) {
        ig_tf_find(r, IG_ERROR, "checkpoint", where, "it is in data file %d; there are %zu", id, b->n_shards);
        return IG_OK;
    }
    if (b->shards[id]) {
        *out = b->shards[id];
        return IG_OK;
    }
    const char *path = ig_arena_printf(&r->arena, "%s.data-%05d-of-%05zu", b->prefix, id, b->n_shards);
    if (!path) return ig_oom(r->err);
    ig_error why;
    ig_status status = ig_buffer_map(out, r->model->context, b->folder, ig_str_c(path), &why);
    if (status == IG_E_MEMORY || status == IG_E_LIMIT) return ig_fail(r->err, status, "%s", why.message);
    if (status != IG_OK) {
        *out = NULL;
        ig_tf_find(r, IG_ERROR, "checkpoint", where, "%s", why.message);
        return IG_OK;
    }
    b->shards[id] = *out;
    return ig_model_keep(r->model, *out) ? IG_OK : ig_oom(r->err);
}

/* The bytes of an entry; *ok false with a finding when they aren't there. */
static ig_status find_bytes(ig_tf_bundle *b, const ig_tf_bundle_entry *pb, const char *where, piece *p, bool *ok) {
    ig_buffer *shard;
    ig_span span = {0};
    IG_TRY(open_shard(b, pb->shard_id, where, &shard));
    *ok = shard && pb->offset >= 0 && pb->size >= 0 &&
          ig_span_sub(ig_buffer_span(shard), (size_t)pb->offset, (size_t)pb->size, &span);
    if (shard && !*ok)
        ig_tf_find(b->r, IG_ERROR, "checkpoint", where, "its %lld bytes at %lld are not all in the data file of %zu",
                   (long long)pb->size, (long long)pb->offset, shard->size);
    if (!*ok) return IG_OK;
    p->data = span.p;
    p->size = span.n;
    p->crc = pb->crc32c;
    return IG_OK;
}

/* Type and shape of an entry, into the constant; NULL or what is wrong. */
static const char *header_problem(ig_tf_bundle *b, const ig_tf_bundle_entry *pb, ig_const *c, int64_t **dims) {
    size_t bytes;
    c->dtype = ig_tf_dtype(pb->dtype);
    if (pb->dtype == IG_TF_VARIANT) return "it is a variant, an object of TensorFlow's own, which igata doesn't read";
    if (c->dtype == IG_UNDEFINED) return "its element type can't be read";
    if (!ig_tf_dims(b->r->model, pb->shape, &c->rank, dims)) return "its shape is unknown or has too many dims";
    if (!ig_dims_count(c->rank, *dims, &c->count) || !ig_dtype_size(c->dtype, c->count, &bytes))
        return "its dims are negative or too large";
    return NULL;
}

static ig_status add_slices(ig_tf_bundle *b, const ig_tf_bundle_entry *pb, ig_name key, const int64_t *dims, stored *s,
                            bool *ok) {
    for (size_t i = 0; i < pb->slices.n && *ok; i++) {
        ig_name slice = ig_tf_slice_key(b->r, key, pb->slices.items[i]);
        if (!slice) return ig_oom(b->r->err);
        const ig_tf_bundle_entry *part = ig_map_get(&b->by_key, IG_KEY(slice));
        piece *p = &s->pieces[s->n];
        int64_t count;
        *ok =
            part && ig_tf_box_of(pb->slices.items[i], s->rank, dims, &p->box) && ig_tf_box_fits(&p->box, s->rank, dims, &count);
        if (!*ok) ig_tf_find(b->r, IG_ERROR, "checkpoint", key, "slice %zu of it is missing or doesn't fit", i);
        if (!*ok) return IG_OK;
        IG_TRY(find_bytes(b, part, key, p, ok));
        size_t size = ig_tf_type_bytes(s->type);
        if (*ok && size && p->size != (size_t)count * size) {
            ig_tf_find(b->r, IG_ERROR, "checkpoint", key, "slice %zu of it has another size than its shape", i);
            *ok = false;
        }
        s->n++;
    }
    return IG_OK;
}

/* Finds the bytes of the constant; c->dims are those of the whole tensor on entry, of the wanted slice afterwards. */
static ig_status locate(ig_tf_bundle *b, const ig_tf_bundle_entry *pb, ig_name key, ig_str slice, ig_const *c, int64_t *dims) {
    ig_tf_reader *r = b->r;
    size_t n = ig_max_size(pb->slices.n, 1), bytes = sizeof(stored) + n * sizeof(piece);
    stored *s = ig_arena_alloc(&r->model->arena, bytes);
    bool ok = true;
    if (!s) return ig_oom(r->err);
    *s = (stored){.type = pb->dtype, .big = b->big, .rank = c->rank, .whole = pb->slices.n == 0 && slice.n == 0};
    c->origin = (ig_span){(const uint8_t *)s, bytes};
    c->decode = decode;
    if (!s->whole && (c->rank > IG_TF_SLICE_RANK || ig_dtype_bits(c->dtype) < 8) && c->dtype != IG_STRING) {
        ig_tf_find(r, IG_ERROR, "checkpoint", key, "slices of tensors of this type or of more than %d dims can't be read",
                   IG_TF_SLICE_RANK);
        c->bad = true;
        return IG_OK;
    }
    if (pb->slices.n) {
        IG_TRY(add_slices(b, pb, key, dims, s, &ok));
    } else {
        for (int i = 0; i < c->rank && i < IG_TF_SLICE_RANK; i++) s->pieces[0].box.size[i] = dims[i];
        IG_TRY(find_bytes(b, pb, key, &s->pieces[0], &ok));
        s->n = 1;
        size_t size = ig_tf_type_bytes(pb->dtype);
        if (ok && size && s->pieces[0].size != (size_t)c->count * size) {
            ig_tf_find(r, IG_ERROR, "checkpoint", key, "its content has another size than its shape");
            ok = false;
        }
    }
    if (!s->whole) {
        for (int i = 0; i < c->rank; i++) s->box.size[i] = dims[i];
        if (ok && slice.n && !ig_tf_parse_slice(slice, c->rank, dims, &s->box)) {
            ig_tf_find(r, IG_ERROR, "checkpoint", key, "the slice '%.*s' doesn't fit", (int)ig_min_size(slice.n, 80), slice.s);
            ok = false;
        }
        for (int i = 0; i < c->rank; i++) dims[i] = s->box.size[i];
    }
    c->bad = !ok;
    return IG_OK;
}

ig_status ig_tf_bundle_const(ig_tf_bundle *b, ig_str key, ig_str slice, ig_name name, ig_const **out) {
    ig_tf_reader *r = b->r;
    *out = NULL;
    ig_name k = ig_names_find(&r->model->names, key);
    const ig_tf_bundle_entry *pb = k ? ig_map_get(&b->by_key, IG_KEY(k)) : NULL;
    if (!pb) return IG_OK;
    ig_const *c = *out = IG_NEW(&r->model->arena, ig_const);
    int64_t *dims = NULL;
    if (!c) return ig_oom(r->err);
    c->name = name;
    const char *problem = header_problem(b, pb, c, &dims);
    if (problem) {
        ig_tf_find(r, pb->dtype == IG_TF_VARIANT ? IG_WARNING : IG_ERROR, "checkpoint", k, "%s", problem);
        c->bad = true;
        c->rank = 0;
        return IG_OK;
    }
    c->dims = dims;
    IG_TRY(locate(b, pb, k, slice, c, dims));
    size_t size = 0;
    if (ig_dims_count(c->rank, c->dims, &c->count)) ig_dtype_size(c->dtype, c->count, &size);
    c->bytes = size;
    return IG_OK;
}
