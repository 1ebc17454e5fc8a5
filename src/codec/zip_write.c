#include "codec/zip.h"

#include <zlib.h>

/* PKWARE's APPNOTE 6.3: sections 4.3.7 (local header), 4.3.12 (directory), 4.3.14 (zip64 end), 4.5.3 (zip64 extra field). */
struct ig_zip_entry {
    ig_str name;
    uint64_t offset, size, written;
    uint32_t crc;
};

enum {
    LOCAL = 0x04034B50,
    CENTRAL = 0x02014B50,
    END = 0x06054B50,
    END_64 = 0x06064B50,
    LOCATOR_64 = 0x07064B50,
    UTF8_NAME = 1 << 11,
    DATE_1980 = 1 << 5 | 1, /* the first of January 1980, the earliest that can be said */
    EXTRA_64 = 0x0001,
    EXTRA_PADDING = 0xD935, /* the id that Android's zipalign uses for alignment */
    CRC_OFFSET = 14,
};
#define MAX_32 0xFFFFFFFFu

typedef struct fields {
    uint8_t bytes[128];
    size_t n;
} fields;

static void put(fields *f, uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; i++) f->bytes[f->n++] = (uint8_t)(value >> (8 * i));
}

static bool is_large(const ig_zip_entry *e) { return e->size >= MAX_32; }

/* What local header and directory have in common: versions up to the length of the name. */
static void put_common(fields *f, const ig_zip_entry *e, bool large) {
    bool ascii = true;
    for (size_t i = 0; i < e->name.n; i++) ascii &= (uint8_t)e->name.s[i] < 0x80;
    put(f, large ? 45 : 20, 2);
    put(f, ascii ? 0 : UTF8_NAME, 2);
    put(f, 0, 2); /* stored */
    put(f, 0, 2); /* time 00:00 */
    put(f, DATE_1980, 2);
    put(f, e->crc, 4);
    put(f, is_large(e) ? MAX_32 : e->size, 4);
    put(f, is_large(e) ? MAX_32 : e->size, 4);
    put(f, e->name.n, 2);
}

void ig_zip_begin(ig_zip_out *zip, ig_arena *arena, ig_file *file) { *zip = (ig_zip_out){.file = file, .arena = arena}; }

void ig_zip_entry_begin(ig_zip_out *zip, ig_str name, uint64_t size, unsigned align) {
    ig_zip_entry *e = IG_NEW(zip->arena, ig_zip_entry);
    bool ok = e && name.n <= UINT16_MAX;
    if (ok) e->name = ig_arena_str(zip->arena, name.s ? name : IG_STR(""), &ok);
    if (!ok || !IG_PUSH(zip->arena, &zip->entries, e)) {
        zip->failed = true;
        return;
    }
    e->size = size;
    e->offset = ig_file_tell(zip->file);
    zip->open = e;
    fields f = {0}, extra = {0};
    if (is_large(e)) {
        put(&extra, EXTRA_64, 2);
        put(&extra, 16, 2);
        put(&extra, size, 8);
        put(&extra, size, 8);
    }
    uint64_t start = e->offset + 30 + e->name.n + extra.n;
    size_t padding = (size_t)(-start & (align - 1));
    if (padding && padding < 4) padding += ig_max_size(align, 4); /* the field itself takes 4 bytes */
    put(&f, LOCAL, 4);
    put_common(&f, e, is_large(e));
    put(&f, extra.n + padding, 2);
    ig_file_write(zip->file, f.bytes, f.n);
    ig_file_write(zip->file, e->name.s, e->name.n);
    if (padding) {
        put(&extra, EXTRA_PADDING, 2);
        put(&extra, padding - 4, 2);
        padding -= 4;
    }
    ig_file_write(zip->file, extra.bytes, extra.n);
    static const uint8_t zeros[4096];
    ig_file_write(zip->file, zeros, padding);
}

void ig_zip_put(ig_zip_out *zip, const void *data, size_t n) {
    ig_zip_entry *e = zip->open;
    if (!e) return;
    e->crc = (uint32_t)crc32_z(e->crc, data, n);
    e->written += n;
    ig_file_write(zip->file, data, n);
}

void ig_zip_entry_end(ig_zip_out *zip) {
    ig_zip_entry *e = zip->open;
    if (!e) return;
    zip->open = NULL;
    if (e->written != e->size) zip->wrong = true;
    uint64_t end = ig_file_tell(zip->file);
    fields f = {0};
    put(&f, e->crc, 4);
    ig_file_seek(zip->file, e->offset + CRC_OFFSET);
    ig_file_write(zip->file, f.bytes, f.n);
    ig_file_seek(zip->file, end);
}

static void directory_entry(ig_zip_out *zip, const ig_zip_entry *e) {
    fields f = {0}, extra = {0};
    bool far = e->offset >= MAX_32;
    if (is_large(e) || far) {
        put(&extra, EXTRA_64, 2);
        put(&extra, (is_large(e) ? 16u : 0u) + (far ? 8u : 0u), 2);
        if (is_large(e)) {
            put(&extra, e->size, 8);
            put(&extra, e->size, 8);
        }
        if (far) put(&extra, e->offset, 8);
    }
    put(&f, CENTRAL, 4);
    put(&f, 3 << 8 | 45, 2); /* made by a Unix */
    put_common(&f, e, extra.n > 0);
    put(&f, extra.n, 2);
    put(&f, 0, 2);                /* comment */
    put(&f, 0, 2);                /* disk */
    put(&f, 0, 2);                /* internal attributes */
    put(&f, 0100644ull << 16, 4); /* a regular file, rw-r--r-- */
    put(&f, far ? MAX_32 : e->offset, 4);
    ig_file_write(zip->file, f.bytes, f.n);
    ig_file_write(zip->file, e->name.s, e->name.n);
    ig_file_write(zip->file, extra.bytes, extra.n);
}

ig_status ig_zip_finish(ig_zip_out *zip, ig_error *err) {
    uint64_t start = ig_file_tell(zip->file), n = zip->entries.n;
    for (size_t i = 0; i < zip->entries.n; i++) directory_entry(zip, zip->entries.items[i]);
    uint64_t end = ig_file_tell(zip->file), size = end - start;
    fields f = {0};
    bool large = start >= MAX_32 || size >= MAX_32 || n >= 0xFFFF;
    if (large) {
        put(&f, END_64, 4);
        put(&f, 44, 8);
        put(&f, 3 << 8 | 45, 2);
        put(&f, 45, 2);
        put(&f, 0, 8); /* two disk numbers */
        put(&f, n, 8);
        put(&f, n, 8);
        put(&f, size, 8);
        put(&f, start, 8);
        put(&f, LOCATOR_64, 4);
        put(&f, 0, 4);
        put(&f, end, 8);
        put(&f, 1, 4);
    }
    put(&f, END, 4);
    put(&f, 0, 4); /* two disk numbers */
    put(&f, large ? 0xFFFF : n, 2);
    put(&f, large ? 0xFFFF : n, 2);
    put(&f, large ? MAX_32 : size, 4);
    put(&f, large ? MAX_32 : start, 4);
    put(&f, 0, 2); /* comment */
    ig_file_write(zip->file, f.bytes, f.n);
    if (zip->wrong) return ig_fail(err, IG_E_INTERNAL, "a zip entry got fewer or more bytes than it declared");
    return zip->failed ? ig_oom(err) : IG_OK;
}
