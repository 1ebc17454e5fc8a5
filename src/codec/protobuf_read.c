#include "codec/protobuf.h"

#include <stdarg.h>
#include <stdio.h>

const ig_pb_type_info ig_pb_types[IG_PB_TYPE_COUNT] = {
    [IG_PB_BOOL] = {IG_PB_VARINT, sizeof(bool)},
    [IG_PB_INT32] = {IG_PB_VARINT, 4},
    [IG_PB_INT64] = {IG_PB_VARINT, 8},
    [IG_PB_UINT32] = {IG_PB_VARINT, 4},
    [IG_PB_UINT64] = {IG_PB_VARINT, 8},
    [IG_PB_SINT32] = {IG_PB_VARINT, 4},
    [IG_PB_SINT64] = {IG_PB_VARINT, 8},
    [IG_PB_ENUM] = {IG_PB_VARINT, 4},
    [IG_PB_FIXED32] = {IG_PB_FOUR, 4},
    [IG_PB_SFIXED32] = {IG_PB_FOUR, 4},
    [IG_PB_FLOAT] = {IG_PB_FOUR, 4},
    [IG_PB_FIXED64] = {IG_PB_EIGHT, 8},
    [IG_PB_SFIXED64] = {IG_PB_EIGHT, 8},
    [IG_PB_DOUBLE] = {IG_PB_EIGHT, 8},
    [IG_PB_STRING] = {IG_PB_LENGTH, sizeof(ig_str)},
    [IG_PB_BYTES] = {IG_PB_LENGTH, sizeof(ig_span)},
    [IG_PB_MESSAGE] = {IG_PB_LENGTH, sizeof(void *)},
};

/* Deep paths keep their ends: nobody reads the sixty levels in between. */
enum { PATH_FIRST = 4, PATH_LAST = 6 };

static size_t add_part(const ig_pb_path *p, char *out, size_t size) {
    int n = p->index == IG_PB_SINGLE ? snprintf(out, size, "%s", p->name) : snprintf(out, size, "%s[%zu]", p->name, p->index);
    return n < 0 ? 0 : ig_min_size((size_t)n, size - 1);
}

size_t ig_pb_path_text(const ig_pb_path *path, char *out, size_t size) {
    size_t depth = 0, used = 0;
    if (size == 0) return 0;
    out[0] = 0;
    for (const ig_pb_path *p = path; p; p = p->up) depth++;
    for (size_t level = 0; level < depth && used + 8 < size; level++) {
        const ig_pb_path *p = path;
        if (depth > PATH_FIRST + PATH_LAST && level == PATH_FIRST) {
            used += add_part(&(ig_pb_path){NULL, "...", IG_PB_SINGLE}, out + used, size - used);
            level = depth - PATH_LAST;
        }
        for (size_t up = depth - 1; up > level; up--) p = p->up;
        if (used) out[used++] = '.';
        used += add_part(p, out + used, size - used);
    }
    return used;
}

static ig_status IG_PRINTF(5, 6)
    fail(const ig_pb_reader *r, ig_status status, const ig_pb_path *path, const uint8_t *at, const char *format, ...) {
    char message[400], place[300];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    ig_pb_path_text(path, place, sizeof place);
    ig_fail(r->err, status, "%s", message);
    ig_error_at(r->err, "%s%sbyte %zu", place, place[0] ? " at " : "", (size_t)(at - r->base));
    return status;
}

const uint8_t *ig_pb_varint(const uint8_t *p, const uint8_t *end, uint64_t *value) {
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70 && p < end; shift += 7) {
        uint8_t b = *p++;
        if (shift < 64) v |= (uint64_t)(b & 0x7Fu) << shift;
        if (b < 0x80) {
            *value = v;
            return p;
        }
    }
    return NULL;
}

static ig_status bad_varint(const ig_pb_reader *r, const uint8_t *p, const uint8_t *end, const char *what,
                            const ig_pb_path *path) {
    if (end - p >= 10) return fail(r, IG_E_INPUT, path, p, "not a protobuf message: %s is a varint longer than 10 bytes", what);
    return fail(r, IG_E_INPUT, path, p, "truncated: unterminated varint in %s, the data ends first", what);
}

/* How messages call a field: by its name where the table has one. */
typedef struct field_text {
    char s[64];
} field_text;

static field_text text_of(const ig_pb_message *m, uint32_t number) {
    field_text t;
    snprintf(t.s, sizeof t.s, "field %u", number);
    for (size_t i = 0; m && i < m->n; i++)
        if (m->fields[i].number == number) snprintf(t.s, sizeof t.s, "field '%.50s'", m->fields[i].name);
    return t;
}

/* Sets *end_at to behind the end tag of group `number`, whose content starts at p. */
static ig_status skip_group(const ig_pb_reader *r, const uint8_t *p, const uint8_t *end, uint32_t number, uint32_t depth,
                            const ig_pb_path *path, const uint8_t **end_at);

enum { LONG = 1 << 20 };

/* A system may bring much around a touched byte into memory, 2 MiB and more: with it most of a file whose weights are only
 * passed over would count as memory in use. */
static void pass_long(const ig_pb_reader *r, const uint8_t *p, size_t n) {
    size_t before = ig_min_size((size_t)(p - r->file->data), 4 * LONG);
    ig_buffer_forget(r->file, p - before, before + n);
}

/* Takes the field at *at; a group's end comes back as wire type IG_PB_GROUP_END. */
static ig_status next_field(const ig_pb_reader *r, const ig_pb_message *m, const uint8_t **at, const uint8_t *end,
                            uint32_t depth, ig_pb_tag *tag, const ig_pb_path *path) {
    const uint8_t *start = *at, *p = start;
    uint64_t key = *p < 0x80 ? *p : 0;
    p = key ? p + 1 : ig_pb_varint(p, end, &key);
    if (!p) return bad_varint(r, start, end, "a field's tag", path);
    if (key > UINT32_MAX)
        return fail(r, IG_E_INPUT, path, start, "not a protobuf message: a field number has more than 29 bits");
    tag->number = (uint32_t)(key >> 3);
    unsigned wire = key & 7;
    tag->varint = 0;
    if (tag->number == 0) return fail(r, IG_E_INPUT, path, start, "not a protobuf message: field number 0 is invalid");
    const uint8_t *content = p;
    size_t left = (size_t)(end - p), need = 0;
    tag->wire = (ig_pb_wire)wire;
    switch (wire) {
    case IG_PB_VARINT: {
        p = ig_pb_varint(p, end, &tag->varint);
        if (!p) return bad_varint(r, content, end, text_of(m, tag->number).s, path);
        need = (size_t)(p - content);
        break;
    }
    case IG_PB_EIGHT: need = 8; break;
    case IG_PB_FOUR: need = 4; break;
    case IG_PB_LENGTH: {
        uint64_t n;
        p = ig_pb_varint(p, end, &n);
        if (!p) return bad_varint(r, content, end, "a length", path);
        content = p;
        left = (size_t)(end - p);
        if (n > left)
            return fail(r, IG_E_INPUT, path, start, "truncated: %s needs %llu bytes, %zu are left", text_of(m, tag->number).s,
                        (unsigned long long)n, left);
        need = (size_t)n;
        if (r->file && need >= LONG) pass_long(r, p, need);
        break;
    }
    case IG_PB_GROUP: {
        const uint8_t *group_end = NULL;
        IG_TRY(skip_group(r, content, end, tag->number, depth, path, &group_end));
        need = (size_t)(group_end - content);
        break;
    }
    case IG_PB_GROUP_END: break;
    default:
        return fail(r, IG_E_INPUT, path, start, "not a protobuf message: unknown wire type %u of %s", wire,
                    text_of(m, tag->number).s);
    }
    if (need > left)
        return fail(r, IG_E_INPUT, path, start, "truncated: %s needs %zu bytes, %zu are left", text_of(m, tag->number).s, need,
                    left);
    tag->payload = (ig_span){content, need};
    tag->whole = (ig_span){start, (size_t)(content - start) + need};
    *at = content + need;
    return IG_OK;
}

static ig_status too_deep(const ig_pb_reader *r, const ig_pb_path *path, const uint8_t *at) {
    fail(r, IG_E_LIMIT, path, at, "messages are nested deeper than the limit allows");
    ig_error_hint(r->err, "raise the depth limit if the file is trusted");
    return IG_E_LIMIT;
}

static ig_status skip_group(const ig_pb_reader *r, const uint8_t *p, const uint8_t *end, uint32_t number, uint32_t depth,
                            const ig_pb_path *path, const uint8_t **end_at) {
    if (depth == 0) return too_deep(r, path, p);
    const uint8_t *start = p;
    while (p < end) {
        ig_pb_tag tag = {0};
        const uint8_t *at = p;
        IG_TRY(next_field(r, NULL, &p, end, depth - 1, &tag, path));
        if (tag.wire != IG_PB_GROUP_END) continue;
        if (tag.number != number)
            return fail(r, IG_E_INPUT, path, at, "not a protobuf message: group %u ends as group %u", number, tag.number);
        *end_at = p;
        return IG_OK;
    }
    return fail(r, IG_E_INPUT, path, start, "truncated: unterminated group, field %u", number);
}

ig_status ig_pb_next(const ig_pb_reader *r, ig_span *in, ig_pb_tag *tag, const ig_pb_path *path) {
    if (in->n == 0) return IG_NO;
    const uint8_t *p = in->p, *end = in->p + in->n;
    IG_TRY(next_field(r, NULL, &p, end, r->depth, tag, path));
    if (tag->wire == IG_PB_GROUP_END)
        return fail(r, IG_E_INPUT, path, in->p, "not a protobuf message: field %u ends a group that never began", tag->number);
    *in = (ig_span){p, (size_t)(end - p)};
    return IG_OK;
}

bool ig_pb_append(ig_arena *arena, ig_pb_bytes *b, ig_span more) {
    if (b->n == 0 && b->cap == 0) {
        *b = (ig_pb_bytes){more.p, more.n, 0};
        return true;
    }
    if (b->cap == 0 && b->p + b->n == more.p) {
        b->n += more.n;
        return true;
    }
    if (b->cap < b->n || b->cap - b->n < more.n) {
        size_t cap;
        if (ig_add_overflows(b->n, more.n, &cap) || ig_mul_overflows(cap, 2, &cap)) return false;
        cap = ig_max_size(cap, 32);
        uint8_t *p = ig_arena_alloc(arena, cap);
        if (!p) return false;
        memcpy(p, b->p, b->n);
        *b = (ig_pb_bytes){p, b->n, cap};
    }
    if (more.n) memcpy((uint8_t *)(uintptr_t)b->p + b->n, more.p, more.n);
    b->n += more.n;
    return true;
}

/* All vectors of pointers and of views in message structs look like these; they are copied out and in because their item types
 * differ. */
typedef IG_VEC(void *) pointers;
typedef IG_VEC(ig_span) views;

static bool push_pointer(ig_arena *arena, char *at, void *item) {
    pointers v;
    memcpy(&v, at, sizeof v);
    bool ok = IG_PUSH(arena, &v, item);
    memcpy(at, &v, sizeof v);
    return ok;
}

static bool push_view(ig_arena *arena, char *at, ig_span item) {
    views v;
    memcpy(&v, at, sizeof v);
    bool ok = IG_PUSH(arena, &v, item);
    memcpy(at, &v, sizeof v);
    return ok;
}

static void store_varint(ig_pb_type type, uint64_t v, void *at) {
    int32_t i32 = (int32_t)(uint32_t)v;
    switch (type) {
    case IG_PB_BOOL: *(bool *)at = v != 0; break;
    case IG_PB_SINT32:
        i32 = (int32_t)((uint32_t)v >> 1) ^ -(int32_t)(v & 1);
        memcpy(at, &i32, 4);
        break;
    case IG_PB_SINT64:
        v = (v >> 1) ^ (0 - (v & 1));
        memcpy(at, &v, 8);
        break;
    case IG_PB_INT64:
    case IG_PB_UINT64: memcpy(at, &v, 8); break;
    default: memcpy(at, &i32, 4); break;
    }
}

static void store_scalar(ig_pb_type type, const ig_pb_tag *tag, void *at) {
    if (ig_pb_types[type].wire == IG_PB_VARINT)
        store_varint(type, tag->varint, at);
    else
        memcpy(at, tag->payload.p, ig_pb_types[type].size); /* little-endian, as memory is */
}

/* ig_str and ig_span are both a pointer and a length. */
_Static_assert(sizeof(ig_str) == sizeof(ig_span), "views look the same");

static ig_status read_message(const ig_pb_reader *r, const ig_pb_message *m, ig_span in, void *out, uint32_t depth,
                              const ig_pb_path *path);

static ig_status store_message(const ig_pb_reader *r, const ig_pb_field *f, const ig_pb_tag *tag, char *out, uint32_t depth,
                               const ig_pb_path *path) {
    char *at = out + f->offset;
    ig_pb_path here = {path, f->name, IG_PB_SINGLE};
    void *sub = NULL;
    if (f->label == IG_PB_LAZY) {
        ig_pb_head *head = IG_NEW(r->arena, ig_pb_head);
        if (!head || !push_pointer(r->arena, at, head)) return ig_oom(r->err);
        *head = (ig_pb_head){.wire = tag->payload, .lazy = true, .parts = 1};
        return IG_OK;
    }
    if (depth == 0) return too_deep(r, path, tag->whole.p);
    if (f->label == IG_PB_REPEATED) {
        pointers v;
        memcpy(&v, at, sizeof v);
        here.index = v.n;
    } else if (f->label == IG_PB_OPTIONAL || *(uint32_t *)(void *)(out + f->mark) == f->number) {
        memcpy(&sub, at, sizeof sub);
    }
    if (!sub) {
        sub = ig_arena_alloc(r->arena, f->sub->size);
        if (!sub) return ig_oom(r->err);
        if (f->label == IG_PB_REPEATED) {
            if (!push_pointer(r->arena, at, sub)) return ig_oom(r->err);
        } else {
            memcpy(at, &sub, sizeof sub);
        }
    }
    if (f->label == IG_PB_ONEOF) *(uint32_t *)(void *)(out + f->mark) = f->number;
    return read_message(r, f->sub, tag->payload, sub, depth - 1, &here);
}

/* Packed values: whole ones only. */
static ig_status check_packed(const ig_pb_reader *r, const ig_pb_field *f, const ig_pb_tag *tag, const ig_pb_path *path) {
    size_t n = tag->payload.n, unit = ig_pb_types[f->type].wire == IG_PB_VARINT ? 1 : ig_pb_types[f->type].size;
    if (n % unit == 0 && (unit > 1 || n == 0 || tag->payload.p[n - 1] < 0x80)) return IG_OK;
    if (unit == 1) return fail(r, IG_E_INPUT, path, tag->whole.p, "truncated: unterminated varint at the end of '%s'", f->name);
    return fail(r, IG_E_INPUT, path, tag->whole.p, "truncated: '%s' has %zu bytes, not a multiple of %zu", f->name, n, unit);
}

/* *known false: the wire type doesn't suit the field. */
static ig_status store(const ig_pb_reader *r, const ig_pb_field *f, const ig_pb_tag *tag, char *out, uint32_t depth,
                       const ig_pb_path *path, bool *known) {
    char *at = out + f->offset;
    bool many = f->label == IG_PB_REPEATED || f->label == IG_PB_PACKED;
    bool scalar = ig_pb_types[f->type].wire != IG_PB_LENGTH;
    *known = tag->wire == ig_pb_types[f->type].wire || (tag->wire == IG_PB_LENGTH && many);
    if (!*known) return IG_OK;
    if (f->type == IG_PB_MESSAGE) return store_message(r, f, tag, out, depth, path);
    if (many && scalar) {
        if (tag->wire == IG_PB_LENGTH) IG_TRY(check_packed(r, f, tag, path));
        ig_pb_bytes b;
        memcpy(&b, at, sizeof b);
        bool ok = ig_pb_append(r->arena, &b, tag->payload);
        memcpy(at, &b, sizeof b);
        return ok ? IG_OK : ig_oom(r->err);
    }
    if (many) return push_view(r->arena, at, tag->payload) ? IG_OK : ig_oom(r->err);
    if (scalar)
        store_scalar((ig_pb_type)f->type, tag, at);
    else
        memcpy(at, &tag->payload, sizeof tag->payload);
    if (f->label == IG_PB_ONEOF)
        *(uint32_t *)(void *)(out + f->mark) = f->number;
    else if (f->mark)
        *(bool *)(out + f->mark) = true;
    return IG_OK;
}

/* Writers mostly keep the table's order, so the search starts where the last one ended. */
static const ig_pb_field *find_field(const ig_pb_message *m, uint32_t number, size_t *hint) {
    for (size_t k = 0; k < m->n; k++) {
        size_t i = *hint + k < m->n ? *hint + k : *hint + k - m->n;
        if (m->fields[i].number != number) continue;
        *hint = i;
        return &m->fields[i];
    }
    return NULL;
}

static ig_status read_message(const ig_pb_reader *r, const ig_pb_message *m, ig_span in, void *out, uint32_t depth,
                              const ig_pb_path *path) {
    ig_pb_head *head = out;
    size_t hint = 0;
    head->wire = head->parts ? (ig_span){0} : in;
    if (head->parts < 2) head->parts++;
    if (in.n == 0) return IG_OK; /* in.p may be NULL */
    const uint8_t *p = in.p, *end = in.p + in.n;
    while (p < end) {
        ig_pb_tag tag = {0};
        const uint8_t *at = p;
        bool known = false;
        IG_TRY(next_field(r, m, &p, end, depth, &tag, path));
        if (tag.wire == IG_PB_GROUP_END)
            return fail(r, IG_E_INPUT, path, at, "not a protobuf message: field %u ends a group that never began", tag.number);
        const ig_pb_field *f = find_field(m, tag.number, &hint);
        if (f) IG_TRY(store(r, f, &tag, out, depth, path, &known));
        if (!known && !ig_pb_append(r->arena, &head->unknown, tag.whole)) return ig_oom(r->err);
    }
    return IG_OK;
}

ig_status ig_pb_read(const ig_pb_reader *r, const ig_pb_message *m, ig_span in, void *out, const ig_pb_path *path) {
    return read_message(r, m, in, out, r->depth, path);
}

/* Every varint has one byte without the top bit: eight bytes are looked at together. */
static size_t count_varints(const uint8_t *p, size_t n) {
    size_t count = 0, i = 0;
    for (; i + 8 <= n; i += 8) count += (size_t)__builtin_popcountll(~ig_load_u64(p + i) & 0x8080808080808080u);
    for (; i < n; i++) count += p[i] < 0x80;
    return count;
}

size_t ig_pb_count(ig_pb_type type, ig_pb_bytes packed) {
    return ig_pb_types[type].wire == IG_PB_VARINT ? count_varints(packed.p, packed.n) : packed.n / ig_pb_types[type].size;
}

void *ig_pb_unpack(ig_arena *arena, ig_pb_type type, ig_pb_bytes packed, size_t *n, bool *malformed) {
    size_t unit = ig_pb_types[type].size;
    *malformed = false;
    *n = ig_pb_count(type, packed);
    char *out = ig_arena_array(arena, *n, unit);
    if (!out || *n == 0) return out;
    if (ig_pb_types[type].wire != IG_PB_VARINT) return memcpy(out, packed.p, *n * unit);
    const uint8_t *p = packed.p, *end = p + packed.n;
    for (size_t i = 0; i < *n; i++) {
        uint64_t v;
        p = ig_pb_varint(p, end, &v);
        if (!p) {
            *malformed = true;
            return NULL;
        }
        store_varint(type, v, out + i * unit);
    }
    return out;
}
