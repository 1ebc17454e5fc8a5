/* The guard in front of every kernel: the inputs that a node gets are of the kinds its operator knows, and as many. */
#include "ops/call.h"

enum { MAX_SETS = 64 };

static bool is_number(ig_dtype t) { return ig_dtype_number(t) != IG_NUMBER_NONE && ig_dtype_number(t) != IG_NUMBER_COMPLEX; }

/* True when elements of the type may stand where the mask says. Numbers of other sizes pass: kernels often know more than the
 * version of the schema, and refuse what they don't. */
static bool has_dtype(uint32_t mask, ig_dtype dtype) {
    if (!dtype || (mask >> dtype & 1)) return mask != 0;
    if (!is_number(dtype)) return false;
    for (int t = 1; t < IG_DTYPE_COUNT; t++)
        if ((mask >> t & 1) && is_number((ig_dtype)t)) return true;
    return false;
}

/* An optional that holds a value is that value. */
static bool takes(const ig_type_set *set, ig_kind kind, ig_dtype dtype) {
    switch (kind) {
    case IG_KIND_TENSOR: return has_dtype(set->tensor | set->optional, dtype);
    case IG_KIND_SPARSE: return set->sparse != 0;
    case IG_KIND_SEQUENCE: return set->sequence || set->optional_sequence || set->others;
    case IG_KIND_NONE:
    case IG_KIND_OPTIONAL: return set->optional || set->optional_sequence;
    default: return set->others != NULL;
    }
}

static ig_status refuse(const ig_node *node, size_t i, const ig_type_set *set, const char *is, ig_error *err) {
    char allowed[600];
    ig_type_set_text(set, allowed, sizeof allowed);
    return ig_fail(err, IG_E_INPUT, "input %zu '%.80s' is %.200s; %s of version %d takes %.600s", i,
                   node->in[i] ? ig_name_text(node->in[i]->name) : "", is, node->schema->name, node->schema->since, allowed);
}

static ig_status check_input(const ig_node *node, size_t i, const ig_type *type, const ig_tensor *value, ig_dtype *bound,
                             ig_error *err) {
    const ig_formal *formal = ig_schema_input(node->schema, i);
    if (!formal || (!type && !value)) return IG_OK;
    const ig_type_set *set = &node->schema->types[formal->types];
    ig_kind kind = value ? value->kind : type->kind;
    ig_dtype dtype = value ? value->dtype : type->dtype;
    if (!value && kind == IG_KIND_NONE) return IG_OK; /* nothing known yet */
    if (!takes(set, kind, dtype)) {
        char text[200];
        if (type && type->kind != IG_KIND_NONE)
            ig_type_text(type, text, sizeof text);
        else
            memcpy(text, "absent", sizeof "absent");
        return refuse(node, i, set, text, err);
    }
    bool shared = !strchr(set->name, '(') && (formal->option != IG_VARIADIC || formal->homogeneous);
    if (kind != IG_KIND_TENSOR || !dtype || !shared || formal->types >= MAX_SETS) return IG_OK;
    ig_dtype *one = &bound[formal->types];
    if (*one && *one != dtype)
        return ig_fail(err, IG_E_INPUT, "inputs must have the same element type; there are %s and %s", ig_dtype_name(*one),
                       ig_dtype_name(dtype));
    *one = dtype;
    return IG_OK;
}

ig_status ig_node_accepts(const ig_node *node, const ig_type *const *in, const ig_tensor *const *data, ig_error *err) {
    char problem[200];
    ig_dtype bound[MAX_SETS] = {0};
    if (!node->schema) return IG_OK;
    if (!ig_node_arity(node, problem, sizeof problem)) return ig_fail(err, IG_E_INPUT, "%s %s", node->schema->name, problem);
    for (size_t i = 0; i < node->n_in; i++) IG_TRY(check_input(node, i, in[i], data ? data[i] : NULL, bound, err));
    return IG_OK;
}
