/* What a schema says about types: which ones an input takes, which inputs and outputs have the same one. */
#include "infer/engine.h"

#include <stdio.h>

enum { MAX_SETS = 64 };

/* A type variable, not the text of one type. */
static bool is_variable(const ig_type_set *set) { return !strchr(set->name, '('); }

/* Element types and kinds differ; what isn't known doesn't. */
static bool conflict(const ig_type *a, const ig_type *b) {
    for (int depth = 0; a && b && a != b && depth < 8; a = a->of, b = b->of, depth++) {
        if (a->kind == IG_KIND_NONE || b->kind == IG_KIND_NONE) return false;
        if (a->kind != b->kind || (a->dtype && b->dtype && a->dtype != b->dtype)) return true;
    }
    return false;
}

/* More is known of a than of b. */
static bool says_more(const ig_type *a, const ig_type *b) { return !b || (a->dtype && !b->dtype) || (a->of && !b->of); }

static ig_status report_type(ig_infer_frame *f, const ig_step_types *s, size_t i, const ig_type_set *set) {
    char type[256], allowed[700], which[160];
    const ig_schema *schema = s->node->schema;
    const ig_formal *formal = ig_schema_input(schema, i);
    ig_type_text(s->in[i], type, sizeof type);
    ig_type_set_text(set, allowed, sizeof allowed);
    snprintf(which, sizeof which, "input %zu '%.80s'", i, s->node->in[i] ? ig_name_text(s->node->in[i]->name) : "");
    return ig_infer_report(f->e, IG_ERROR, IG_RULE_INPUT_TYPE, s->node->graph, s->node, which, "",
                           "%s of version %d takes for %s: %.700s; it is %s", schema->name, schema->since, formal->name,
                           allowed, type);
}

static ig_status report_conflict(ig_infer_frame *f, const ig_step_types *s, size_t i, const ig_type *other, const char *name) {
    char type[256], first[256], which[160];
    ig_type_text(s->in[i], type, sizeof type);
    ig_type_text(other, first, sizeof first);
    snprintf(which, sizeof which, "input %zu '%.80s'", i, s->node->in[i] ? ig_name_text(s->node->in[i]->name) : "");
    return ig_infer_report(
        f->e, IG_ERROR, IG_RULE_INPUT_TYPE, s->node->graph, s->node, which, "insert a Cast where the types part",
        "%s needs one type %s for several inputs, but they are %s and %s", s->node->schema->name, name, first, type);
}

ig_status ig_infer_check_inputs(ig_infer_frame *f, const ig_step_types *s) {
    const ig_schema *schema = s->node->schema;
    const ig_type *bound[MAX_SETS] = {0};
    if (schema->n_types > MAX_SETS) return IG_OK;
    for (size_t i = 0; i < s->node->n_in; i++) {
        const ig_formal *formal = ig_schema_input(schema, i);
        if (!formal || !s->in[i]) continue;
        const ig_type_set *set = &schema->types[formal->types];
        if (!ig_type_set_has(set, s->in[i])) {
            IG_TRY(report_type(f, s, i, set));
            continue;
        }
        if (!is_variable(set) || (formal->option == IG_VARIADIC && !formal->homogeneous)) continue;
        const ig_type **one = &bound[formal->types];
        if (*one && conflict(*one, s->in[i])) {
            IG_TRY(report_conflict(f, s, i, *one, set->name));
        } else if (says_more(s->in[i], *one)) {
            *one = s->in[i];
        }
    }
    return IG_OK;
}

/* The one type that a set leaves, as kind and element type; false when there are several. */
static bool only_type(const ig_type_set *set, ig_kind *kind, ig_dtype *dtype) {
    if (set->optional || set->optional_sequence || set->others) return false;
    uint32_t mask = set->tensor | set->sparse | set->sequence;
    int kinds = (set->tensor != 0) + (set->sparse != 0) + (set->sequence != 0);
    if (kinds != 1) return false;
    *kind = set->tensor ? IG_KIND_TENSOR : set->sparse ? IG_KIND_SPARSE : IG_KIND_SEQUENCE;
    *dtype = (mask & (mask - 1)) == 0 ? (ig_dtype)__builtin_ctz(mask) : IG_UNDEFINED;
    return true;
}

/* The type without shapes. */
static const ig_type *without_shape(ig_arena *arena, const ig_type *type) {
    if (type->kind == IG_KIND_TENSOR) return ig_type_tensor(arena, type->dtype, NULL);
    return type->kind == IG_KIND_MAP
               ? type
               : ig_type_of_kind(arena, type->kind, type->dtype, type->of ? without_shape(arena, type->of) : NULL);
}

static const ig_type *type_from_schema(ig_infer_frame *f, const ig_step_types *s, const ig_formal *out) {
    const ig_schema *schema = s->node->schema;
    const ig_type_set *set = &schema->types[out->types];
    ig_arena *arena = &f->e->arena;
    for (size_t i = 0; i < s->node->n_in && is_variable(set); i++) {
        const ig_formal *formal = ig_schema_input(schema, i);
        if (!formal || formal->types != out->types || !s->in[i] || (formal->option == IG_VARIADIC && !formal->homogeneous))
            continue;
        if (ig_type_set_has(set, s->in[i])) return without_shape(arena, s->in[i]);
    }
    ig_kind kind;
    ig_dtype dtype;
    if (!only_type(set, &kind, &dtype)) return NULL;
    if (kind != IG_KIND_SEQUENCE) {
        ig_type *t = ig_type_tensor(arena, dtype, NULL);
        if (t) t->kind = kind;
        return t;
    }
    return ig_type_of_kind(arena, kind, IG_UNDEFINED, dtype ? ig_type_tensor(arena, dtype, NULL) : NULL);
}

void ig_infer_fill_outputs(ig_infer_frame *f, ig_step_types *s) {
    for (size_t i = 0; i < s->node->n_out; i++) {
        const ig_formal *formal = ig_schema_output(s->node->schema, i);
        const ig_type *t = s->out[i];
        bool lacking = !t || (t->kind == IG_KIND_TENSOR && !t->dtype);
        if (!formal || !lacking || (formal->option == IG_VARIADIC && !formal->homogeneous)) continue;
        const ig_type *known = type_from_schema(f, s, formal);
        ig_merge_problem problem;
        if (known) s->out[i] = ig_type_merge(&f->e->arena, known, t, &problem);
    }
}
