#include "ops/loops/cells.h"

void ig_unpack_bits(ig_dtype dtype, const void *packed, size_t n, uint8_t *bytes) {
    const uint8_t *p = packed;
    size_t i = 0;
    if (ig_dtypes[dtype].bits == 4) {
        for (; i + 2 <= n; i += 2) {
            bytes[i] = p[i / 2] & 15;
            bytes[i + 1] = p[i / 2] >> 4;
        }
    } else if (ig_dtypes[dtype].bits == 2) {
        for (; i + 4 <= n; i += 4) {
            for (size_t k = 0; k < 4; k++) bytes[i + k] = (p[i / 4] >> 2 * k) & 3;
        }
    }
    for (; i < n; i++) bytes[i] = ig_load_bits(dtype, packed, i);
}

void ig_pack_bits(ig_dtype dtype, void *packed, size_t n, const uint8_t *bytes) {
    uint8_t *p = packed;
    size_t i = 0, total = 0;
    if (ig_dtypes[dtype].bits == 4) {
        for (; i + 2 <= n; i += 2) p[i / 2] = (uint8_t)(bytes[i] | bytes[i + 1] << 4);
    } else if (ig_dtypes[dtype].bits == 2) {
        for (; i + 4 <= n; i += 4) {
            p[i / 4] = (uint8_t)(bytes[i] | bytes[i + 1] << 2 | bytes[i + 2] << 4 | bytes[i + 3] << 6);
        }
    }
    size_t whole = i * ig_dtypes[dtype].bits / 8; /* the rest shares bytes: unused bits become 0 */
    if (i < n && ig_dtype_size(dtype, (int64_t)n, &total)) memset(p + whole, 0, total - whole);
    for (; i < n; i++) ig_store_bits(dtype, packed, i, bytes[i]);
}

ig_status ig_own_strings(ig_tensor *t, ig_error *err) {
    ig_str *strings = t->data;
    size_t total = 0;
    for (size_t i = 0; i < t->count; i++) {
        if (ig_add_overflows(total, strings[i].n, &total)) return ig_oom(err);
    }
    if (!t->strings) {
        t->strings = ig_alloc(t->context, sizeof *t->strings);
        if (!t->strings) return ig_oom(err);
        ig_arena_init(t->strings, t->context);
    }
    char *room = IG_NEW_ARRAY(t->strings, char, total);
    if (!room) return ig_oom(err);
    for (size_t i = 0; i < t->count; i++) {
        if (strings[i].n) memcpy(room, strings[i].s, strings[i].n);
        strings[i].s = room;
        room += strings[i].n;
    }
    return IG_OK;
}

static bool is_packed(ig_dtype dtype) { return ig_dtypes[dtype].bits < 8; }

ig_status ig_cells_in(ig_call *c, const ig_tensor *t, ig_cells *cells) {
    *cells = (ig_cells){t->data, ig_dtype_bytes(t->dtype), t->count};
    if (!is_packed(t->dtype)) return IG_OK;
    cells->size = 1;
    cells->data = ig_call_scratch(c, t->count);
    if (!cells->data) return ig_oom(c->err);
    ig_unpack_bits(t->dtype, t->data, t->count, (uint8_t *)cells->data);
    return IG_OK;
}

ig_status ig_cells_out(ig_call *c, const ig_tensor *t, ig_cells *cells) {
    *cells = (ig_cells){t->data, ig_dtype_bytes(t->dtype), t->count};
    if (!is_packed(t->dtype)) return IG_OK;
    cells->size = 1;
    cells->data = ig_call_scratch(c, t->count);
    return cells->data ? IG_OK : ig_oom(c->err);
}

ig_status ig_cells_done(ig_call *c, ig_tensor *t, const ig_cells *cells) {
    if (is_packed(t->dtype)) ig_pack_bits(t->dtype, t->data, t->count, (const uint8_t *)cells->data);
    return t->dtype == IG_STRING ? ig_own_strings(t, c->err) : IG_OK;
}
