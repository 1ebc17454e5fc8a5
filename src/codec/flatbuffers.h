/* FlatBuffers read where they lie. Nothing is copied and nothing is believed: every offset, vtable, vector and string is
 * checked when it is followed, so a reader pays for what it looks at and a damaged part that nobody looks at does no harm.
 *
 * A buffer is a root offset, tables and vectors. A table begins with the distance to its vtable, which says where each field
 * lies; a field that is missing there has its default. https://flatbuffers.dev/internals/
 *
 *     ig_fb fb = ig_fb_open(file);
 *     ig_fb_table model = ig_fb_root(&fb);
 *     ig_fb_vector graphs = ig_fb_tables(&fb, model, MODEL_SUBGRAPHS);
 *     for (uint32_t i = 0; i < graphs.n; i++) name = ig_fb_str(&fb, ig_fb_item(&fb, graphs, i), SUBGRAPH_NAME);
 *     if (fb.wrong) return ig_fb_fail(&fb, err);
 *
 * Mistakes are sticky: the first one is kept in `wrong` and `wrong_at`, what can't be followed reads as absent, empty or the
 * default, and reading on is harmless. Numbers need no alignment.
 *
 * Tables may be shared, so a small file can describe a large tree. What is followed is therefore counted against a budget that
 * is a multiple of the file's size: no honest file comes near it.
 */
#ifndef IG_CODEC_FLATBUFFERS_H
#define IG_CODEC_FLATBUFFERS_H

#include "base/base.h"

typedef struct ig_fb {
    ig_span file;
    uint64_t budget;   /* bytes that may still be looked at */
    const char *wrong; /* the first mistake; NULL so far */
    size_t wrong_at;   /* its offset in the file */
} ig_fb;

/* A table; at 0: absent, every field has its default. */
typedef struct ig_fb_table {
    uint32_t at;
    uint32_t vtable;
    uint16_t vtable_size, size; /* bytes */
} ig_fb_table;

/* Elements of one kind, all inside the file. */
typedef struct ig_fb_vector {
    const uint8_t *p; /* NULL: absent */
    uint32_t n;
    uint32_t at; /* offset of the first element */
} ig_fb_vector;

ig_fb ig_fb_open(ig_span file);
/* The four bytes behind the root offset are this identifier. */
bool ig_fb_has_identifier(ig_span file, const char *identifier);
ig_fb_table ig_fb_root(ig_fb *fb);
/* IG_E_INPUT with the first mistake and its offset. */
ig_status ig_fb_fail(const ig_fb *fb, ig_error *err);

/* A field is numbered in the order of the schema, from 0; a union takes two numbers, the first for its type. */
bool ig_fb_has(const ig_fb *fb, ig_fb_table table, unsigned field);
bool ig_fb_bool(ig_fb *fb, ig_fb_table table, unsigned field, bool otherwise);
int8_t ig_fb_i8(ig_fb *fb, ig_fb_table table, unsigned field, int8_t otherwise);
uint8_t ig_fb_u8(ig_fb *fb, ig_fb_table table, unsigned field, uint8_t otherwise);
int32_t ig_fb_i32(ig_fb *fb, ig_fb_table table, unsigned field, int32_t otherwise);
uint32_t ig_fb_u32(ig_fb *fb, ig_fb_table table, unsigned field, uint32_t otherwise);
int64_t ig_fb_i64(ig_fb *fb, ig_fb_table table, unsigned field, int64_t otherwise);
uint64_t ig_fb_u64(ig_fb *fb, ig_fb_table table, unsigned field, uint64_t otherwise);
float ig_fb_f32(ig_fb *fb, ig_fb_table table, unsigned field, float otherwise);
double ig_fb_f64(ig_fb *fb, ig_fb_table table, unsigned field, double otherwise);
/* A table, also the content of a union. */
ig_fb_table ig_fb_sub(ig_fb *fb, ig_fb_table table, unsigned field);
/* Characters without the NUL behind them; absent when the field is. */
ig_str ig_fb_str(ig_fb *fb, ig_fb_table table, unsigned field);
/* A vector of scalars of `size` bytes (or structs). */
ig_fb_vector ig_fb_scalars(ig_fb *fb, ig_fb_table table, unsigned field, size_t size);
static inline ig_span ig_fb_bytes(ig_fb *fb, ig_fb_table table, unsigned field) {
    ig_fb_vector v = ig_fb_scalars(fb, table, field, 1);
    return (ig_span){v.p, v.n};
}
/* A vector of offsets to tables or strings, and what entry i < n points to. */
ig_fb_vector ig_fb_tables(ig_fb *fb, ig_fb_table table, unsigned field);
ig_fb_table ig_fb_item(ig_fb *fb, ig_fb_vector tables, uint32_t i);
ig_str ig_fb_item_str(ig_fb *fb, ig_fb_vector strings, uint32_t i);

#endif
