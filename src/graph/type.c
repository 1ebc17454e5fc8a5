#include "graph/type.h"
#include "graph/dim.h"

#include <stdio.h>

ig_type *ig_type_tensor(ig_arena *arena, ig_dtype dtype, const ig_shape *shape) {
    ig_type *t = IG_NEW(arena, ig_type);
    if (!t) return NULL;
    t->kind = IG_KIND_TENSOR;
    t->dtype = dtype;
    t->rank = shape ? shape->rank : IG_UNRANKED;
    if (t->rank <= 0) return t;
    ig_dim *dims = IG_NEW_ARRAY(arena, ig_dim, (size_t)t->rank);
    if (!dims) return NULL;
    memcpy(dims, shape->dims, (size_t)t->rank * sizeof *dims);
    t->dims = dims;
    return t;
}

ig_type *ig_type_of_kind(ig_arena *arena, ig_kind kind, ig_dtype map_key, const ig_type *of) {
    ig_type *t = IG_NEW(arena, ig_type);
    if (!t) return NULL;
    t->kind = kind;
    t->dtype = map_key;
    t->rank = IG_UNRANKED;
    t->of = of;
    return t;
}

static bool copy_dims(ig_arena *arena, ig_type *t) {
    if (t->rank <= 0) return true;
    size_t n = (size_t)t->rank;
    ig_dim *dims = IG_NEW_ARRAY(arena, ig_dim, n);
    if (!dims) return false;
    memcpy(dims, t->dims, n * sizeof *dims);
    t->dims = dims;
    if (!t->dim_denotations) return true;
    ig_str *texts = IG_NEW_ARRAY(arena, ig_str, n);
    if (!texts) return false;
    bool ok = true;
    for (size_t i = 0; i < n; i++) texts[i] = ig_arena_str(arena, t->dim_denotations[i], &ok);
    t->dim_denotations = texts;
    return ok;
}

/* Nesting is bounded by the reader's depth limit; a loop, because the bound is the caller's. */
ig_type *ig_type_clone(ig_arena *arena, const ig_type *type) {
    ig_type *first = NULL;
    const ig_type **link = NULL;
    for (; type; type = type->of) {
        ig_type *t = IG_NEW(arena, ig_type);
        bool ok = t != NULL;
        if (!ok) return NULL;
        *t = *type;
        t->wire = (ig_span){0};
        t->denotation = ig_arena_str(arena, t->denotation, &ok);
        t->opaque_domain = ig_arena_str(arena, t->opaque_domain, &ok);
        t->opaque_name = ig_arena_str(arena, t->opaque_name, &ok);
        if (!copy_dims(arena, t) || !ok) return NULL;
        if (link)
            *link = t;
        else
            first = t;
        link = &t->of;
    }
    return first;
}

ig_shape ig_type_shape(const ig_type *type) {
    ig_shape s;
    s.rank = IG_UNRANKED;
    if (!type || (type->kind != IG_KIND_TENSOR && type->kind != IG_KIND_SPARSE) || type->rank > IG_MAX_RANK) return s;
    s.rank = type->rank;
    if (s.rank > 0) memcpy(s.dims, type->dims, (size_t)s.rank * sizeof *s.dims);
    return s;
}

bool ig_type_static(const ig_type *type) {
    if (!type || type->kind != IG_KIND_TENSOR || type->rank < 0) return false;
    for (int i = 0; i < type->rank; i++)
        if (!ig_dim_known(type->dims[i])) return false;
    return true;
}

bool ig_type_equal(const ig_type *a, const ig_type *b) {
    for (; a && b && a != b; a = a->of, b = b->of) {
        if (a->kind != b->kind || a->dtype != b->dtype || a->rank != b->rank) return false;
        for (int i = 0; i < a->rank; i++)
            if (a->dims[i].value != b->dims[i].value || a->dims[i].sym != b->dims[i].sym) return false;
    }
    return a == b;
}

/* Text cut to a buffer: keeps counting nothing past the end. */
typedef struct out_text {
    char *s;
    size_t size, n;
} out_text;

static void put(out_text *o, const char *text) {
    for (; *text && o->n + 1 < o->size; text++) o->s[o->n++] = *text;
}

static void put_shape(out_text *o, const ig_type *t) {
    if (t->rank < 0) {
        put(o, "[...]");
        return;
    }
    put(o, "[");
    for (int i = 0; i < t->rank; i++) {
        char dim[128];
        ig_dim_text(t->dims[i], dim, sizeof dim);
        if (i) put(o, ",");
        put(o, dim);
    }
    put(o, "]");
}

size_t ig_type_text(const ig_type *type, char *text, size_t size) {
    static const char *const words[] = {
        [IG_KIND_SEQUENCE] = "seq(", [IG_KIND_OPTIONAL] = "optional(", [IG_KIND_MAP] = "map(", [IG_KIND_SPARSE] = "sparse "};
    if (size == 0) return 0;
    out_text o = {text, size, 0};
    size_t closing = 0;
    for (const ig_type *t = type;; t = t->of) {
        ig_kind kind = t ? t->kind : IG_KIND_NONE;
        if (kind == IG_KIND_SEQUENCE || kind == IG_KIND_OPTIONAL || kind == IG_KIND_MAP) {
            put(&o, words[kind]);
            if (kind == IG_KIND_MAP) {
                put(&o, ig_dtype_name(t->dtype));
                put(&o, ",");
            }
            closing++;
            continue;
        }
        if (kind == IG_KIND_TENSOR || kind == IG_KIND_SPARSE) {
            if (kind == IG_KIND_SPARSE) put(&o, words[kind]);
            put(&o, t->dtype ? ig_dtype_name(t->dtype) : "?");
            put_shape(&o, t);
        } else
            put(&o, kind == IG_KIND_OPAQUE ? "opaque" : "?");
        break;
    }
    while (closing--) put(&o, ")");
    text[o.n] = 0;
    return o.n;
}
