#include "ops/control/control.h"

static bool is_tensor(const ig_type *t) { return t->kind == IG_KIND_TENSOR || t->kind == IG_KIND_SPARSE; }

static bool join_tensors(ig_arena *arena, const ig_type *a, const ig_type *b, const ig_type **out) {
    ig_shape x = ig_type_shape(a), y = ig_type_shape(b);
    if (a->dtype && b->dtype && a->dtype != b->dtype) return false;
    if (x.rank != y.rank) x.rank = IG_UNRANKED;
    for (int i = 0; i < x.rank; i++) {
        if (!ig_dim_equal(x.dims[i], y.dims[i])) x.dims[i] = ig_dim_unknown();
    }
    ig_type *t = ig_type_tensor(arena, a->dtype == b->dtype ? a->dtype : IG_UNDEFINED, &x);
    if (t) t->kind = a->kind;
    *out = t;
    return true;
}

/* Types nest as deep as readers allow. */
bool ig_type_join(ig_arena *arena, const ig_type *a, const ig_type *b, const ig_type **out) {
    *out = NULL;
    if (!a || !b || a->kind == IG_KIND_NONE || b->kind == IG_KIND_NONE) return true;
    if (a == b) {
        *out = a;
        return true;
    }
    if (a->kind != b->kind) return false;
    if (is_tensor(a)) return join_tensors(arena, a, b, out);
    if (a->dtype && b->dtype && a->dtype != b->dtype) return false; /* keys of a map */
    const ig_type *of;
    if (!ig_type_join(arena, a->of, b->of, &of)) return false;
    *out = a->kind == IG_KIND_OPAQUE ? a : ig_type_of_kind(arena, a->kind, a->dtype, of);
    return true;
}

const ig_type *ig_type_stack(ig_arena *arena, const ig_type *element, int64_t axis, ig_dim dim, bool *bad) {
    if (!element || element->kind != IG_KIND_TENSOR) return NULL;
    ig_shape shape = ig_type_shape(element);
    if (shape.rank < 0 || shape.rank >= IG_MAX_RANK) return ig_type_tensor(arena, element->dtype, NULL);
    if (axis < 0) axis += shape.rank + 1;
    if (axis < 0 || axis > shape.rank) {
        *bad = true;
        return NULL;
    }
    memmove(shape.dims + axis + 1, shape.dims + axis, (size_t)(shape.rank - axis) * sizeof shape.dims[0]);
    shape.dims[axis] = dim;
    shape.rank++;
    return ig_type_tensor(arena, element->dtype, &shape);
}
