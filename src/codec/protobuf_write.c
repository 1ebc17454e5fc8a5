#include "codec/protobuf.h"

enum { MAX_DEPTH = 1000, BUFFER = 16384 };

/* A scalar as the number that is encoded. */
static uint64_t scalar_bits(ig_pb_type type, const void *at) {
    uint64_t u64;
    uint32_t u32;
    switch (type) {
    case IG_PB_BOOL: return *(const bool *)at;
    case IG_PB_INT32:
    case IG_PB_ENUM: return (uint64_t)(int64_t)(int32_t)ig_load_u32(at); /* negative numbers take 10 bytes */
    case IG_PB_SINT32: u32 = ig_load_u32(at); return (u32 << 1) ^ (u32 >> 31 ? UINT32_MAX : 0);
    case IG_PB_SINT64: u64 = ig_load_u64(at); return (u64 << 1) ^ (u64 >> 63 ? UINT64_MAX : 0);
    default: return ig_pb_types[type].size == 8 ? ig_load_u64(at) : ig_load_u32(at);
    }
}

static unsigned varint_size(uint64_t v) { return (unsigned)(70 - __builtin_clzll(v | 1)) / 7; }

static size_t put_varint(uint8_t *p, uint64_t v) {
    size_t n = 0;
    for (; v >= 0x80; v >>= 7) p[n++] = (uint8_t)(v | 0x80);
    p[n++] = (uint8_t)v;
    return n;
}

static size_t bits_size(ig_pb_type type, uint64_t bits) {
    return ig_pb_types[type].wire == IG_PB_VARINT ? varint_size(bits) : ig_pb_types[type].size;
}

/* Fixed sizes are little-endian, as memory is. */
static size_t put_bits(uint8_t *p, ig_pb_type type, uint64_t bits) {
    if (ig_pb_types[type].wire == IG_PB_VARINT) return put_varint(p, bits);
    memcpy(p, &bits, ig_pb_types[type].size);
    return ig_pb_types[type].size;
}

/* Where a field's output goes: only counted, or handed to the sink through a buffer. */
typedef struct writer {
    ig_pb_sink sink;
    ig_error *err;
    bool counting;
    uint64_t total;
    size_t used;
    uint8_t buffer[BUFFER];
} writer;

static ig_status flush(writer *w) {
    size_t n = w->used;
    w->used = 0;
    return n ? w->sink.write(w->sink.user, w->buffer, n, w->err) : IG_OK;
}

static ig_status put(writer *w, const void *data, size_t n) {
    w->total += n;
    if (w->counting || n == 0) return IG_OK;
    if (n > BUFFER - w->used || n > BUFFER / 2) IG_TRY(flush(w));
    if (n > BUFFER / 2) return w->sink.write(w->sink.user, data, n, w->err);
    memcpy(w->buffer + w->used, data, n);
    w->used += n;
    return IG_OK;
}

static ig_status put_number(writer *w, uint64_t v) {
    if (w->counting) {
        w->total += varint_size(v);
        return IG_OK;
    }
    uint8_t bytes[10];
    return put(w, bytes, put_varint(bytes, v));
}

static ig_status put_tag(writer *w, const ig_pb_field *f, unsigned wire) {
    return put_number(w, (uint64_t)f->number << 3 | wire);
}

static ig_status put_view(writer *w, const ig_pb_field *f, ig_span s) {
    IG_TRY(put_tag(w, f, IG_PB_LENGTH));
    IG_TRY(put_number(w, s.n));
    return put(w, s.p, s.n);
}

static ig_status put_scalar(writer *w, const ig_pb_field *f, const void *at) {
    uint8_t bytes[10];
    IG_TRY(put_tag(w, f, ig_pb_types[f->type].wire));
    return put(w, bytes, put_bits(bytes, (ig_pb_type)f->type, scalar_bits((ig_pb_type)f->type, at)));
}

/* Values whose packed encoding is at hand, written one by one. */
static ig_status put_unpacked(writer *w, const ig_pb_field *f, ig_pb_bytes b) {
    const ig_pb_type_info *type = &ig_pb_types[f->type];
    uint64_t bits;
    if (b.n == 0) return IG_OK; /* p may be NULL */
    for (const uint8_t *p = b.p, *end = p + b.n; p < end;) {
        const uint8_t *next =
            type->wire == IG_PB_VARINT ? ig_pb_varint(p, end, &bits) : p + ig_min_size(type->size, (size_t)(end - p));
        if (!next) return ig_fail(w->err, IG_E_INPUT, "malformed values in field '%s'", f->name);
        IG_TRY(put_tag(w, f, type->wire));
        IG_TRY(put(w, p, (size_t)(next - p)));
        p = next;
    }
    return IG_OK;
}

static ig_status put_fields(writer *w, const ig_pb_message *m, ig_pb_head *in, unsigned depth);

/* A submessage: counting records its size in its head, writing takes it from there. */
static ig_status put_message(writer *w, const ig_pb_field *f, ig_pb_head *sub, unsigned depth) {
    IG_TRY(put_tag(w, f, IG_PB_LENGTH));
    if (sub->lazy) {
        IG_TRY(put_number(w, sub->wire.n));
        return put(w, sub->wire.p, sub->wire.n);
    }
    if (!w->counting) {
        IG_TRY(put_number(w, sub->size));
        return put_fields(w, f->sub, sub, depth + 1);
    }
    uint64_t before = w->total;
    IG_TRY(put_fields(w, f->sub, sub, depth + 1));
    sub->size = w->total - before;
    return put_number(w, sub->size);
}

typedef IG_VEC(ig_pb_head *) heads;
typedef IG_VEC(ig_span) views;

static ig_status put_many(writer *w, const ig_pb_field *f, const void *at, unsigned depth) {
    if (f->type == IG_PB_MESSAGE) {
        heads v;
        memcpy(&v, at, sizeof v);
        for (size_t i = 0; i < v.n; i++) IG_TRY(put_message(w, f, v.items[i], depth));
    } else if (f->type == IG_PB_STRING || f->type == IG_PB_BYTES) {
        views v;
        memcpy(&v, at, sizeof v);
        for (size_t i = 0; i < v.n; i++) IG_TRY(put_view(w, f, v.items[i]));
    } else {
        ig_pb_bytes b;
        memcpy(&b, at, sizeof b);
        if (b.n && f->label == IG_PB_PACKED) return put_view(w, f, (ig_span){b.p, b.n});
        return put_unpacked(w, f, b);
    }
    return IG_OK;
}

static ig_status put_field(writer *w, const ig_pb_field *f, const char *in, unsigned depth) {
    const void *at = in + f->offset;
    if (f->label == IG_PB_REPEATED || f->label == IG_PB_PACKED || f->label == IG_PB_LAZY) return put_many(w, f, at, depth);
    bool member = f->label == IG_PB_ONEOF;
    if (member && *(const uint32_t *)(const void *)(in + f->mark) != f->number) return IG_OK;
    if (f->type == IG_PB_MESSAGE) {
        ig_pb_head *sub;
        memcpy(&sub, at, sizeof sub);
        return sub ? put_message(w, f, sub, depth) : IG_OK;
    }
    if (f->type == IG_PB_STRING || f->type == IG_PB_BYTES) {
        ig_span s;
        memcpy(&s, at, sizeof s);
        bool present = member || (f->label == IG_PB_IMPLICIT ? s.n > 0 : s.p != NULL);
        return present ? put_view(w, f, s) : IG_OK;
    }
    bool present =
        member || (f->label == IG_PB_IMPLICIT ? scalar_bits((ig_pb_type)f->type, at) != 0 : *(const bool *)(in + f->mark));
    return present ? put_scalar(w, f, at) : IG_OK;
}

static ig_status put_fields(writer *w, const ig_pb_message *m, ig_pb_head *in, unsigned depth) {
    if (depth > MAX_DEPTH)
        return ig_fail(w->err, IG_E_LIMIT, "%s: messages are nested deeper than %d levels", m->name, MAX_DEPTH);
    if (in->lazy) return put(w, in->wire.p, in->wire.n);
    for (size_t i = 0; i < m->n; i++) IG_TRY(put_field(w, &m->fields[i], (const char *)in, depth));
    return put(w, in->unknown.p, in->unknown.n);
}

ig_status ig_pb_size(const ig_pb_message *m, void *in, uint64_t *size, ig_error *err) {
    writer w;
    w.counting = true;
    w.total = 0;
    w.used = 0;
    w.err = err;
    IG_TRY(put_fields(&w, m, in, 0));
    *size = ((ig_pb_head *)in)->size = w.total;
    return IG_OK;
}

ig_status ig_pb_write(const ig_pb_message *m, const void *in, ig_pb_sink sink, ig_error *err) {
    writer w;
    w.counting = false;
    w.total = 0;
    w.used = 0;
    w.sink = sink;
    w.err = err;
    IG_TRY(put_fields(&w, m, (ig_pb_head *)(uintptr_t)in, 0));
    return flush(&w);
}

static ig_status write_memory(void *user, const void *data, size_t n, ig_error *err) {
    IG_UNUSED(err);
    uint8_t **at = user;
    memcpy(*at, data, n);
    *at += n;
    return IG_OK;
}

ig_status ig_pb_encode(ig_arena *arena, const ig_pb_message *m, void *in, ig_span *out, ig_error *err) {
    uint64_t size;
    IG_TRY(ig_pb_size(m, in, &size, err));
    uint8_t *bytes = size <= SIZE_MAX ? ig_arena_alloc(arena, (size_t)size) : NULL, *end = bytes;
    if (!bytes) return ig_oom(err);
    *out = (ig_span){bytes, (size_t)size};
    return ig_pb_write(m, in, (ig_pb_sink){write_memory, &end}, err);
}

ig_pb_bytes ig_pb_pack(ig_arena *arena, ig_pb_type type, const void *values, size_t n, bool *ok) {
    size_t total = 0, unit = ig_pb_types[type].size;
    const char *at = values;
    for (size_t i = 0; i < n; i++) total += bits_size(type, scalar_bits(type, at + i * unit));
    uint8_t *p = ig_arena_alloc(arena, total), *end = p;
    if (!p) {
        *ok = false;
        return (ig_pb_bytes){0};
    }
    for (size_t i = 0; i < n; i++) end += put_bits(end, type, scalar_bits(type, at + i * unit));
    return (ig_pb_bytes){p, total, total};
}
