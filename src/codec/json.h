/* JSON text as a tree in an arena, for model files. (Tensor files use jansson, see tensorio/json.c.) It takes what Python's
 * json module writes, NaN and Infinity included, which jansson refuses; all memory is the context's; and every value knows the
 * text that it was read from, so that a part can be kept as it was. */
#ifndef IG_CODEC_JSON_H
#define IG_CODEC_JSON_H

#include "base/base.h"

typedef enum ig_json_kind {
    IG_JSON_NULL,
    IG_JSON_BOOL,
    IG_JSON_INT,
    IG_JSON_REAL, /* also whole numbers that 64 bits don't hold */
    IG_JSON_TEXT,
    IG_JSON_LIST,
    IG_JSON_OBJECT,
} ig_json_kind;

typedef struct ig_json {
    ig_json_kind kind;
    ig_str source; /* the characters of the value in the file */
    union {
        bool b;
        int64_t i;
        double r;
        ig_str s; /* escapes resolved; may hold NULs */
        struct {
            size_t n;
            const struct ig_json *items;
            const ig_str *keys; /* of an object */
        };
    };
} ig_json;

/* Views of `text` stay in the tree. Errors say the line. */
ig_status ig_json_parse(const ig_json **out, ig_arena *arena, ig_str text, ig_error *err);

/* All of these take NULL and values of other kinds, which gives NULL, the absent text, or the default. */
const ig_json *ig_json_get(const ig_json *object, const char *key); /* NULL also for null */
const ig_json *ig_json_at(const ig_json *list, size_t i);
static inline bool ig_json_is_kind(const ig_json *v, ig_json_kind kind) { return v && v->kind == kind; }
static inline size_t ig_json_count(const ig_json *v) {
    return ig_json_is_kind(v, IG_JSON_LIST) || ig_json_is_kind(v, IG_JSON_OBJECT) ? v->n : 0;
}
static inline ig_str ig_json_text(const ig_json *v) { return ig_json_is_kind(v, IG_JSON_TEXT) ? v->s : (ig_str){0}; }
static inline bool ig_json_is(const ig_json *v, const char *text) {
    return ig_json_is_kind(v, IG_JSON_TEXT) && ig_str_is(v->s, text);
}
int64_t ig_json_int(const ig_json *v, int64_t otherwise); /* truth values are 0 and 1, whole reals are numbers too */
double ig_json_real(const ig_json *v, double otherwise);
bool ig_json_bool(const ig_json *v, bool otherwise);

#endif
