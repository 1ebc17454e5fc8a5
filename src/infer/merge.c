#include "infer/engine.h"

/* Types nest as deep as the reader allows; deeper ones are taken as they are. */
enum { MAX_NESTING = 64 };

static bool has_shape(const ig_type *t) { return t->kind == IG_KIND_TENSOR || t->kind == IG_KIND_SPARSE; }

/* A copy with other dims. */
static const ig_type *with_dims(ig_arena *arena, const ig_type *type, const ig_dim *dims) {
    ig_type *copy = IG_NEW(arena, ig_type);
    ig_dim *list = IG_NEW_ARRAY(arena, ig_dim, (size_t)type->rank);
    if (!copy || !list) return type;
    *copy = *type;
    copy->wire = (ig_span){0};
    memcpy(list, dims, (size_t)type->rank * sizeof *list);
    copy->dims = list;
    return copy;
}

static bool same_dims(const ig_dim *a, const ig_dim *b, int rank) {
    for (int i = 0; i < rank; i++)
        if (a[i].value != b[i].value || a[i].sym != b[i].sym) return false;
    return true;
}

static void set_problem(ig_merge_problem *p, const char *rule, int dim) {
    if (!p->rule) *p = (ig_merge_problem){rule, dim};
}

static const ig_type *merge_tensors(ig_arena *arena, const ig_type *a, const ig_type *b, ig_merge_problem *problem) {
    if (a->dtype && b->dtype && a->dtype != b->dtype) {
        set_problem(problem, "type", -1);
        return a;
    }
    if (a->rank >= 0 && b->rank >= 0 && a->rank != b->rank) {
        set_problem(problem, "shape", -1);
        return a;
    }
    const ig_type *shaped = a->rank >= 0 ? a : b, *base = b; /* b is the declared one: it may have denotations */
    ig_dtype dtype = a->dtype ? a->dtype : b->dtype;
    if (shaped->rank > IG_MAX_RANK) return a;
    ig_dim dims[IG_MAX_RANK];
    for (int i = 0; i < shaped->rank; i++) {
        dims[i] = shaped->dims[i];
        if (a->rank >= 0 && b->rank >= 0 && !ig_dim_merge(a->dims[i], b->dims[i], &dims[i])) set_problem(problem, "shape", i);
    }
    if (b->dtype == dtype && b->rank == shaped->rank && same_dims(dims, b->dims, b->rank)) return b;
    if (a->dtype == dtype && a->rank == shaped->rank && same_dims(dims, a->dims, a->rank) && !b->dim_denotations) return a;
    ig_type *t = IG_NEW(arena, ig_type);
    if (!t) return a;
    *t = *base;
    t->wire = (ig_span){0};
    t->dtype = dtype;
    t->rank = shaped->rank;
    if (b->rank != t->rank) t->dim_denotations = NULL;
    return t->rank > 0 ? with_dims(arena, t, dims) : t;
}

static const ig_type *merge(ig_arena *arena, const ig_type *a, const ig_type *b, ig_merge_problem *problem, int depth) {
    if (!a || a->kind == IG_KIND_NONE || a == b) return b;
    if (!b || b->kind == IG_KIND_NONE) return a;
    if (a->kind != b->kind || (!has_shape(a) && a->dtype && b->dtype && a->dtype != b->dtype)) {
        set_problem(problem, "type", -1);
        return a;
    }
    if (has_shape(a)) return merge_tensors(arena, a, b, problem);
    if (depth == 0) return a;
    const ig_type *of = merge(arena, a->of, b->of, problem, depth - 1);
    if (of == b->of) return b;
    if (of == a->of) return a;
    const ig_type *t = ig_type_of_kind(arena, a->kind, a->dtype ? a->dtype : b->dtype, of);
    return t ? t : a;
}

const ig_type *ig_type_merge(ig_arena *arena, const ig_type *a, const ig_type *b, ig_merge_problem *problem) {
    *problem = (ig_merge_problem){NULL, -1};
    return merge(arena, a, b, problem, MAX_NESTING);
}

const ig_type *ig_type_freshen(ig_arena *arena, ig_syms *syms, const ig_type *type) {
    if (!type || type->kind != IG_KIND_TENSOR || type->rank <= 0 || type->rank > IG_MAX_RANK) return type;
    ig_dim dims[IG_MAX_RANK];
    bool changed = false;
    for (int i = 0; i < type->rank; i++) {
        dims[i] = type->dims[i];
        if (ig_dim_known(dims[i]) || dims[i].sym) continue;
        dims[i] = ig_dim_fresh(syms);
        changed = true;
    }
    return changed ? with_dims(arena, type, dims) : type;
}

/* The type with each dim as `change` makes it. */
typedef struct change {
    ig_dim (*dim)(const struct change *c, ig_dim d);
    bool (*drop)(ig_dim d, uint32_t user);
    uint32_t user;
    ig_syms *syms;
    const ig_infer_options *options;
} change;

static const ig_type *map_dims(ig_arena *arena, const ig_type *type, const change *c, int depth) {
    if (!type || depth == 0) return type;
    if (type->of) {
        const ig_type *of = map_dims(arena, type->of, c, depth - 1);
        if (of == type->of) return type;
        const ig_type *t = ig_type_of_kind(arena, type->kind, type->dtype, of);
        return t ? t : type;
    }
    if (!has_shape(type) || type->rank <= 0 || type->rank > IG_MAX_RANK) return type;
    ig_dim dims[IG_MAX_RANK];
    for (int i = 0; i < type->rank; i++) dims[i] = c->dim(c, type->dims[i]);
    return same_dims(dims, type->dims, type->rank) ? type : with_dims(arena, type, dims);
}

static ig_dim dropped(const change *c, ig_dim d) { return c->drop(d, c->user) ? ig_dim_unknown() : d; }

const ig_type *ig_type_forget(ig_arena *arena, const ig_type *type, bool (*drop)(ig_dim d, uint32_t user), uint32_t user) {
    return map_dims(arena, type, &(change){.dim = dropped, .drop = drop, .user = user}, MAX_NESTING);
}

static int64_t value_of(void *user, ig_str name) {
    const ig_infer_options *o = user;
    for (size_t i = 0; i < o->n_dims; i++)
        if (ig_str_is(name, o->dims[i].name)) return o->dims[i].value;
    return IG_UNKNOWN;
}

static ig_dim substituted(const change *c, ig_dim d) { return ig_dim_substitute(c->syms, d, value_of, (void *)c->options); }

const ig_type *ig_type_substitute(ig_arena *arena, ig_syms *syms, const ig_type *type, const ig_infer_options *o) {
    if (!o->n_dims) return type;
    return map_dims(arena, type, &(change){.dim = substituted, .syms = syms, .options = o}, MAX_NESTING);
}
