#include "codec/zip.h"

#include <zip.h>

/* No packed format this reads shrinks more: deflate codes at most 258 bytes in 2 bits. */
enum { MAX_RATIO = 1032 };

struct ig_zip {
    ig_context *context; /* retained */
    ig_buffer *file;
    zip_t *archive;
    uint64_t at;        /* of the source */
    uint64_t last_read; /* where the source was last read from */
    zip_error_t error;
};

bool ig_zip_probe(ig_span file) {
    return file.n >= 4 && (memcmp(file.p, "PK\3\4", 4) == 0 || memcmp(file.p, "PK\5\6", 4) == 0);
}

/* The archive's bytes for libzip: our own source instead of its buffer source tells us where an entry's data lies. */
static zip_int64_t source(void *user, void *data, zip_uint64_t length, zip_source_cmd_t command) {
    ig_zip *z = user;
    uint64_t size = z->file->size, n;
    zip_stat_t *st = data;
    zip_int64_t to;
    switch (command) {
    case ZIP_SOURCE_OPEN: z->at = 0; return 0;
    case ZIP_SOURCE_READ:
        n = z->at >= size ? 0 : size - z->at;
        if (n > length) n = length;
        z->last_read = z->at;
        if (n) memcpy(data, z->file->data + z->at, (size_t)n);
        z->at += n;
        return (zip_int64_t)n;
    case ZIP_SOURCE_SEEK:
        to = zip_source_seek_compute_offset(z->at, size, data, length, &z->error);
        if (to < 0) return -1;
        z->at = (uint64_t)to;
        return 0;
    case ZIP_SOURCE_TELL: return (zip_int64_t)z->at;
    case ZIP_SOURCE_STAT:
        zip_stat_init(st);
        st->valid = ZIP_STAT_SIZE;
        st->size = size;
        return sizeof *st;
    case ZIP_SOURCE_ERROR: return zip_error_to_data(&z->error, data, length);
    case ZIP_SOURCE_CLOSE:
    case ZIP_SOURCE_FREE: return 0;
    case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT,
                                              ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL,
                                              ZIP_SOURCE_SUPPORTS, -1);
    default: zip_error_set(&z->error, ZIP_ER_OPNOTSUPP, 0); return -1;
    }
}

ig_status ig_zip_open(ig_zip **out, ig_context *context, ig_buffer *file, ig_error *err) {
    *out = NULL;
    ig_zip *z = ig_calloc(context, sizeof *z);
    if (!z) return ig_oom(err);
    z->context = ig_context_retain(context);
    z->file = ig_buffer_retain(file);
    zip_error_init(&z->error);
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *s = zip_source_function_create(source, z, &error);
    z->archive = s ? zip_open_from_source(s, ZIP_RDONLY, &error) : NULL;
    ig_status status = IG_OK;
    if (!z->archive) {
        status = zip_error_code_zip(&error) == ZIP_ER_MEMORY
                     ? ig_oom(err)
                     : ig_fail(err, IG_E_INPUT, "malformed zip archive: %.200s", zip_error_strerror(&error));
        if (s) zip_source_free(s);
        ig_zip_free(z);
    } else
        *out = z;
    zip_error_fini(&error);
    return status;
}

void ig_zip_free(ig_zip *z) {
    if (!z) return;
    if (z->archive) zip_discard(z->archive);
    zip_error_fini(&z->error);
    ig_buffer_release(z->file);
    ig_context *context = z->context;
    ig_release(context, z);
    ig_context_free(context);
}

size_t ig_zip_count(const ig_zip *z) {
    zip_int64_t n = zip_get_num_entries(z->archive, 0);
    return n > 0 ? (size_t)n : 0;
}

ig_str ig_zip_name(const ig_zip *z, size_t i) {
    const char *name = zip_get_name(z->archive, i, ZIP_FL_ENC_GUESS);
    return ig_str_c(name ? name : "");
}

bool ig_zip_find(const ig_zip *z, const char *name, size_t *i) {
    zip_int64_t at = zip_name_locate(z->archive, name, ZIP_FL_ENC_GUESS);
    if (at < 0) return false;
    *i = (size_t)at;
    return true;
}

static bool stat_entry(const ig_zip *z, size_t i, zip_stat_t *st) {
    const zip_uint64_t want = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
    return zip_stat_index(z->archive, i, 0, st) == 0 && (st->valid & want) == want;
}

uint64_t ig_zip_size(const ig_zip *z, size_t i) {
    zip_stat_t st;
    return stat_entry(z, i, &st) ? st.size : 0;
}

static ig_status entry_error(ig_zip *z, size_t i, zip_error_t *error, ig_error *err) {
    int code = zip_error_code_zip(error);
    bool lacking = code == ZIP_ER_COMPNOTSUPP || code == ZIP_ER_ENCRNOTSUPP || code == ZIP_ER_NOPASSWD;
    ig_status status = code == ZIP_ER_MEMORY ? IG_E_MEMORY : lacking ? IG_E_UNSUPPORTED : IG_E_INPUT;
    return ig_fail(err, status, "zip entry '%.80s': %.200s", ig_zip_name(z, i).s, zip_error_strerror(error));
}

static ig_status read_into(ig_zip *z, size_t i, zip_file_t *f, ig_buffer *b, ig_error *err) {
    for (size_t done = 0; done < b->size;) {
        zip_int64_t n = zip_fread(f, b->data + done, b->size - done);
        if (n < 0) return entry_error(z, i, zip_file_get_error(f), err);
        if (n == 0)
            return ig_fail(err, IG_E_INPUT, "zip entry '%.80s' is cut off: %zu of %zu bytes", ig_zip_name(z, i).s, done,
                           b->size);
        done += (size_t)n;
    }
    char more;
    zip_int64_t n = zip_fread(f, &more, 1); /* reaching the end is what makes libzip compare the CRC */
    if (n < 0) return entry_error(z, i, zip_file_get_error(f), err);
    return n == 0 ? IG_OK : ig_fail(err, IG_E_INPUT, "zip entry '%.80s' is longer than it says", ig_zip_name(z, i).s);
}

ig_status ig_zip_read(ig_buffer **out, ig_zip *z, size_t i, ig_error *err) {
    *out = NULL;
    zip_stat_t st;
    if (!stat_entry(z, i, &st)) return ig_fail(err, IG_E_INPUT, "malformed zip archive: entry %zu has no size", i);
    if (st.comp_size > z->file->size || st.size / MAX_RATIO > st.comp_size)
        return ig_fail(err, IG_E_INPUT, "zip entry '%.80s' claims %llu bytes packed into %llu", ig_zip_name(z, i).s,
                       (unsigned long long)st.size, (unsigned long long)st.comp_size);
    if (st.size > z->context->limits.memory)
        return ig_fail(err, IG_E_LIMIT, "zip entry '%.80s' of %llu bytes passes the memory limit", ig_zip_name(z, i).s,
                       (unsigned long long)st.size);
    ig_buffer *b = ig_buffer_create(z->context, (size_t)st.size, false);
    if (!b) return ig_oom(err);
    zip_file_t *f = zip_fopen_index(z->archive, i, 0);
    ig_status status = f ? read_into(z, i, f, b, err) : entry_error(z, i, zip_get_error(z->archive), err);
    if (f) zip_fclose(f);
    if (status != IG_OK)
        ig_buffer_release(b);
    else
        *out = b;
    return status;
}

bool ig_zip_map(ig_span *content, ig_zip *z, size_t i) {
    zip_stat_t st;
    char first;
    if (!stat_entry(z, i, &st) || st.comp_method != ZIP_CM_STORE || st.comp_size != st.size) return false;
    *content = (ig_span){z->file->data, 0};
    if (st.size == 0) return true;
    zip_file_t *f = zip_fopen_index(z->archive, i, 0);
    bool read = f && zip_fread(f, &first, 1) == 1;
    uint64_t at = z->last_read;
    if (f) zip_fclose(f);
    return read && at <= z->file->size && ig_span_sub(ig_buffer_span(z->file), (size_t)at, (size_t)st.size, content) &&
           content->p[0] == (uint8_t)first;
}
