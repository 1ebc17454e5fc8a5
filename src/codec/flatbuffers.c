#include "codec/flatbuffers.h"

/* Times the file's size that may be looked at. Readers look at a part a few times; honest writers share only strings and
 * vtables. */
enum { SHARING = 64, SPARE = 1 << 16 };

ig_fb ig_fb_open(ig_span file) {
    /* Offsets have 32 bits; what lies behind is not part of the structure. */
    uint64_t n = file.n > UINT32_MAX ? UINT32_MAX : file.n;
    return (ig_fb){.file = {file.p, (size_t)n}, .budget = n * SHARING + SPARE};
}

bool ig_fb_has_identifier(ig_span file, const char *identifier) {
    return file.n >= 8 && memcmp(file.p + 4, identifier, 4) == 0;
}

static void wrong(ig_fb *fb, const char *what, size_t at) {
    if (fb->wrong) return;
    fb->wrong = what;
    fb->wrong_at = at;
}

ig_status ig_fb_fail(const ig_fb *fb, ig_error *err) {
    if (!fb->wrong) return IG_OK;
    ig_fail(err, IG_E_INPUT, "malformed FlatBuffers data: %s", fb->wrong);
    ig_error_at(err, "byte %zu", fb->wrong_at);
    ig_error_hint(err, "the file is damaged or cut off");
    return IG_E_INPUT;
}

/* True when n bytes at an offset may be read; they are paid for. */
static bool inside(ig_fb *fb, size_t at, uint64_t n, const char *what) {
    if (at > fb->file.n || n > fb->file.n - at) {
        wrong(fb, what, at);
        return false;
    }
    if (n > fb->budget) {
        fb->budget = 0;
        wrong(fb, "its parts are shared so often that it would never end", at);
        return false;
    }
    fb->budget -= n;
    return true;
}

/* The table at an offset. */
static ig_fb_table table_at(ig_fb *fb, size_t at) {
    const uint8_t *p = fb->file.p;
    if (at == 0 || !inside(fb, at, 4, "a table passes the end of the file")) {
        if (at == 0) wrong(fb, "a table at offset 0", 0);
        return (ig_fb_table){0};
    }
    int64_t vtable = (int64_t)at - (int32_t)ig_load_u32(p + at);
    if (vtable < 0 || !inside(fb, (size_t)vtable, 4, "a vtable lies outside of the file")) {
        wrong(fb, "a vtable lies outside of the file", at);
        return (ig_fb_table){0};
    }
    ig_fb_table t = {(uint32_t)at, (uint32_t)vtable, ig_load_u16(p + vtable), ig_load_u16(p + vtable + 2)};
    if (t.vtable_size < 4 || t.vtable_size % 2 || !inside(fb, t.vtable, t.vtable_size, "a vtable passes the end of the file")) {
        wrong(fb, "a vtable has an impossible size", t.vtable);
        return (ig_fb_table){0};
    }
    if (t.size < 4 || !inside(fb, at, t.size, "a table passes the end of the file")) {
        wrong(fb, "a table has an impossible size", at);
        return (ig_fb_table){0};
    }
    return t;
}

/* Follows the offset at a place that is known to be inside; 0 when it leads outside. */
static size_t follow(ig_fb *fb, size_t at) {
    uint32_t offset = ig_load_u32(fb->file.p + at);
    size_t to;
    if (offset == 0 || ig_add_overflows(at, offset, &to) || to >= fb->file.n) {
        wrong(fb, "an offset leads outside of the file", at);
        return 0;
    }
    return to;
}

ig_fb_table ig_fb_root(ig_fb *fb) {
    if (!inside(fb, 0, 8, "the file is too short")) return (ig_fb_table){0};
    size_t at = follow(fb, 0);
    return at ? table_at(fb, at) : (ig_fb_table){0};
}

/* Where a field of `size` bytes lies; 0 when it has its default. */
static size_t field_at(ig_fb *fb, ig_fb_table t, unsigned field, size_t size) {
    size_t slot = 4 + 2 * (size_t)field;
    if (t.at == 0 || slot + 2 > t.vtable_size) return 0;
    uint16_t offset = ig_load_u16(fb->file.p + t.vtable + slot);
    if (offset == 0) return 0;
    if (offset < 4 || offset + size > t.size) {
        wrong(fb, "a field lies outside of its table", t.vtable + slot);
        return 0;
    }
    return t.at + (size_t)offset;
}

bool ig_fb_has(const ig_fb *fb, ig_fb_table t, unsigned field) {
    size_t slot = 4 + 2 * (size_t)field;
    return t.at != 0 && slot + 2 <= t.vtable_size && ig_load_u16(fb->file.p + t.vtable + slot) != 0;
}

bool ig_fb_bool(ig_fb *fb, ig_fb_table t, unsigned field, bool otherwise) {
    size_t at = field_at(fb, t, field, 1);
    return at ? fb->file.p[at] != 0 : otherwise;
}

#define SCALAR(name, type, load)                                                                                               \
    type ig_fb_##name(ig_fb *fb, ig_fb_table t, unsigned field, type otherwise) {                                              \
        size_t at = field_at(fb, t, field, sizeof(type));                                                                      \
        return at ? (type)load(fb->file.p + at) : otherwise;                                                                   \
    }
#define FIRST(p) (*(p))
SCALAR(i8, int8_t, FIRST)
SCALAR(u8, uint8_t, FIRST)
SCALAR(i32, int32_t, ig_load_u32)
SCALAR(u32, uint32_t, ig_load_u32)
SCALAR(i64, int64_t, ig_load_u64)
SCALAR(u64, uint64_t, ig_load_u64)
SCALAR(f32, float, ig_load_f32)
SCALAR(f64, double, ig_load_f64)

ig_fb_table ig_fb_sub(ig_fb *fb, ig_fb_table t, unsigned field) {
    size_t at = field_at(fb, t, field, 4);
    if (!at || !(at = follow(fb, at))) return (ig_fb_table){0};
    return table_at(fb, at);
}

/* A vector at an offset: its length, then the elements. */
static ig_fb_vector vector_at(ig_fb *fb, size_t at, size_t size) {
    if (!inside(fb, at, 4, "a vector passes the end of the file")) return (ig_fb_vector){0};
    uint32_t n = ig_load_u32(fb->file.p + at);
    if (!inside(fb, at + 4, (uint64_t)n * size, "a vector passes the end of the file")) return (ig_fb_vector){0};
    return (ig_fb_vector){fb->file.p + at + 4, n, (uint32_t)at + 4};
}

ig_fb_vector ig_fb_scalars(ig_fb *fb, ig_fb_table t, unsigned field, size_t size) {
    size_t at = field_at(fb, t, field, 4);
    if (!at || !(at = follow(fb, at))) return (ig_fb_vector){0};
    return vector_at(fb, at, size);
}

ig_fb_vector ig_fb_tables(ig_fb *fb, ig_fb_table t, unsigned field) { return ig_fb_scalars(fb, t, field, 4); }

/* Characters at an offset. The NUL behind them must be there, as every writer puts one. */
static ig_str str_at(ig_fb *fb, size_t at) {
    ig_fb_vector v = vector_at(fb, at, 1);
    if (!v.p) return (ig_str){0};
    if (v.at + (size_t)v.n >= fb->file.n || v.p[v.n] != 0) {
        wrong(fb, "a string doesn't end in a NUL", at);
        return (ig_str){0};
    }
    return (ig_str){(const char *)v.p, v.n};
}

ig_str ig_fb_str(ig_fb *fb, ig_fb_table t, unsigned field) {
    size_t at = field_at(fb, t, field, 4);
    if (!at || !(at = follow(fb, at))) return (ig_str){0};
    return str_at(fb, at);
}

ig_fb_table ig_fb_item(ig_fb *fb, ig_fb_vector tables, uint32_t i) {
    size_t at = i < tables.n ? follow(fb, tables.at + 4 * (size_t)i) : 0;
    return at ? table_at(fb, at) : (ig_fb_table){0};
}

ig_str ig_fb_item_str(ig_fb *fb, ig_fb_vector strings, uint32_t i) {
    size_t at = i < strings.n ? follow(fb, strings.at + 4 * (size_t)i) : 0;
    return at ? str_at(fb, at) : (ig_str){0};
}
