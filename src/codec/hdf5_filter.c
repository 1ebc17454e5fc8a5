/* HDF5: undoing filters. Those that h5py's writers use are built in; no plugin is ever loaded. */
#include "codec/hdf5_file.h"

#include <zlib.h>

enum { DEFLATE = 1, SHUFFLE = 2, FLETCHER32 = 3, LZF = 32000 };

/* What a filter that doesn't pack adds at most. */
enum { SLACK = 64 };

static ig_status damaged(ig_error *err, const char *what) { return ig_fail(err, IG_E_INPUT, "damaged HDF5 data: %s", what); }

/* -------------------------------------------------------------------------------------------------------------- deflate */

static voidpf z_alloc(voidpf user, uInt n, uInt size) { return ig_alloc(user, (size_t)n * size); }
static void z_free(voidpf user, voidpf p) { ig_release(user, p); }

static ig_status inflate_all(ig_hdf5 *h, ig_span in, uint8_t *out, size_t cap, size_t *n, ig_error *err) {
    z_stream z = {.zalloc = z_alloc, .zfree = z_free, .opaque = h->arena->context};
    int code = inflateInit(&z);
    if (code != Z_OK) return ig_oom(err);
    /* both sizes are those of a chunk, which is less than 4 GiB */
    z.next_in = (Bytef *)(uintptr_t)in.p;
    z.avail_in = (uInt)in.n;
    z.next_out = out;
    z.avail_out = (uInt)cap;
    code = inflate(&z, Z_FINISH);
    *n = cap - z.avail_out;
    inflateEnd(&z);
    if (code == Z_MEM_ERROR) return ig_oom(err);
    return code == Z_STREAM_END ? IG_OK : damaged(err, "a chunk can't be inflated");
}

/* ------------------------------------------------------------------------------------------------------------------ lzf */

/* LibLZF's format: runs of literals, and references to what came out before. */
static bool unpack_lzf(ig_span in, uint8_t *out, size_t cap, size_t *n) {
    size_t at = 0, to = 0;
    while (at < in.n) {
        size_t head = in.p[at++];
        if (head < 32) {
            size_t run = head + 1;
            if (run > in.n - at || run > cap - to) return false;
            memcpy(out + to, in.p + at, run);
            at += run;
            to += run;
            continue;
        }
        size_t run = head >> 5, back;
        if (run == 7 && at < in.n) run += in.p[at++];
        if (at == in.n) return false;
        back = ((head & 31) << 8 | in.p[at++]) + 1;
        run += 2;
        if (back > to || run > cap - to) return false;
        for (; run--; to++) out[to] = out[to - back];
    }
    *n = to;
    return true;
}

/* ------------------------------------------------------------------------------------------------------------- fletcher */

/* Sums of big-endian 16-bit words modulo 65535. */
static uint32_t fletcher32(const uint8_t *p, size_t n) {
    uint64_t a = 0, b = 0;
    for (size_t i = 0; i < n; i += 2) {
        a = (a + ((unsigned)p[i] << 8 | (i + 1 < n ? p[i + 1] : 0u))) % 65535;
        b = (b + a) % 65535;
    }
    return (uint32_t)(b << 16 | a);
}

/* Writers before 1.6.3 swapped bytes of the sum. */
static bool sum_fits(const uint8_t *p, size_t n) {
    uint32_t sum = fletcher32(p, n), stored = ig_load_u32(p + n),
             swapped = (stored & 0xFF00FF00u) >> 8 | (stored & 0x00FF00FFu) << 8;
    return sum == stored || sum == swapped;
}

/* -------------------------------------------------------------------------------------------------------------- shuffle */

/* Bytes were stored plane by plane: all first bytes of elements, then all second ones. */
static void unshuffle(const uint8_t *in, uint8_t *out, size_t n, size_t width) {
    size_t count = width ? n / width : 0;
    for (size_t b = 0; b < width; b++)
        for (size_t i = 0; i < count; i++) out[i * width + b] = in[b * count + i];
    memcpy(out + count * width, in + count * width, n - count * width);
}

/* ------------------------------------------------------------------------------------------------------------------ all */

static ig_status undo(ig_hdf5 *h, const ig_hdf5_filter *f, ig_span in, uint8_t *out, size_t cap, size_t *n, ig_error *err) {
    switch (f->id) {
    case DEFLATE: return inflate_all(h, in, out, cap, n, err);
    case LZF: return unpack_lzf(in, out, cap, n) ? IG_OK : damaged(err, "a chunk packed by LZF can't be unpacked");
    case SHUFFLE:
        if (in.n > cap) return damaged(err, "a chunk is too long");
        unshuffle(in.p, out, in.n, f->n ? f->values[0] : 0);
        *n = in.n;
        return IG_OK;
    case FLETCHER32:
        if (in.n < 4 || in.n - 4 > cap) return damaged(err, "a chunk is too short or too long");
        if (!sum_fits(in.p, in.n - 4)) return damaged(err, "the checksum of a chunk is wrong");
        memcpy(out, in.p, in.n - 4);
        *n = in.n - 4;
        return IG_OK;
    default: break;
    }
    ig_fail(err, IG_E_UNSUPPORTED, "an HDF5 dataset is packed by filter %u, which isn't read", (unsigned)f->id);
    ig_error_hint(err, "filters that are read: deflate (gzip), shuffle, fletcher32, lzf; h5repack -f NONE unpacks a file");
    return IG_E_UNSUPPORTED;
}

ig_status ig_hdf5_unfilter(ig_hdf5 *h, const ig_hdf5_layout *l, uint32_t mask, ig_span in, uint8_t *out, size_t size,
                           ig_error *err) {
    ig_context *context = h->arena->context;
    size_t cap = size + SLACK;
    uint8_t *room[2] = {NULL, NULL};
    ig_status status = cap <= UINT32_MAX && in.n <= UINT32_MAX ? IG_OK : damaged(err, "a chunk is too large");
    for (size_t i = l->n_filters, turn = 0; i-- > 0 && status == IG_OK;) {
        size_t n;
        if (mask >> i & 1) continue;
        if (!room[turn]) room[turn] = ig_alloc(context, cap);
        status = room[turn] ? undo(h, &l->filters[i], in, room[turn], cap, &n, err) : ig_oom(err);
        if (status != IG_OK) break;
        in = (ig_span){room[turn], n};
        turn ^= 1;
    }
    if (status == IG_OK && in.n != size) status = damaged(err, "a chunk has the wrong length");
    if (status == IG_OK) memcpy(out, in.p, size);
    ig_release(context, room[0]);
    ig_release(context, room[1]);
    return status;
}
