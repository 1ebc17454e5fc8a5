/* Zip archives. Reading is libzip's, from memory, bounded by the context; nothing is ever unpacked to disk. Writing makes
 * stored entries with a fixed time stamp, streamed in one pass, so that equal content gives equal bytes. */
#ifndef IG_CODEC_ZIP_H
#define IG_CODEC_ZIP_H

#include "base/base.h"

typedef struct ig_zip ig_zip;

bool ig_zip_probe(ig_span file);
/* Retains the buffer. Used by one thread at a time. */
ig_status ig_zip_open(ig_zip **zip, ig_context *context, ig_buffer *file, ig_error *err);
void ig_zip_free(ig_zip *zip);
size_t ig_zip_count(const ig_zip *zip);
/* Name of an entry as UTF-8; lives as long as the archive. It is a mere label: it may hold "..", slashes, anything. */
ig_str ig_zip_name(const ig_zip *zip, size_t i);
/* The first entry of this name; false when there is none. */
bool ig_zip_find(const ig_zip *zip, const char *name, size_t *i);
/* Bytes of the unpacked content, as the archive claims. */
uint64_t ig_zip_size(const ig_zip *zip, size_t i);
/* Unpacks an entry and checks its CRC. */
ig_status ig_zip_read(ig_buffer **content, ig_zip *zip, size_t i, ig_error *err);
/* Where the content of a stored entry lies in the file, without touching it (so without a CRC check). False for packed entries
 * and for malformed ones. */
bool ig_zip_map(ig_span *content, ig_zip *zip, size_t i);

typedef struct ig_zip_entry ig_zip_entry;

/* An archive being written; the fields are the writer's own. */
typedef struct ig_zip_out {
    ig_file *file;
    ig_arena *arena;
    IG_VEC(ig_zip_entry *) entries;
    ig_zip_entry *open;
    bool failed; /* memory ran out */
    bool wrong;  /* an entry did not get the bytes it declared */
} ig_zip_out;

/* Failures are remembered, as those of the file are, and reported by ig_zip_finish. */
void ig_zip_begin(ig_zip_out *zip, ig_arena *arena, ig_file *file);
/* Starts an entry of exactly `size` bytes; its content begins at a multiple of `align` bytes in the file (a power of two, 1 for
 * anywhere, at most 4096). */
void ig_zip_entry_begin(ig_zip_out *zip, ig_str name, uint64_t size, unsigned align);
void ig_zip_put(ig_zip_out *zip, const void *data, size_t n);
void ig_zip_entry_end(ig_zip_out *zip);
/* Writes the directory. The file is still the caller's to commit or discard. */
ig_status ig_zip_finish(ig_zip_out *zip, ig_error *err);

#endif
