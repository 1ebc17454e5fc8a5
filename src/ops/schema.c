#include "ops/schema.h"

#include "ops/custom.h"

#include <stdio.h>

static const ig_type_set type_sets[] = {
#include "ops/schemas/types.inc"
};

static const ig_formal formals[] = {
#include "ops/schemas/formals.inc"
};

static const ig_schema_attr attrs[] = {
#include "ops/schemas/attrs.inc"
};

const ig_schema ig_schemas[] = {
#include "ops/schemas/operators.inc"
};

const size_t ig_schema_count = IG_COUNT_OF(ig_schemas);

static const struct {
    const char *domain;
    int64_t newest;
} domains[] = {
#include "ops/schemas/domains.inc"
};

/* com.microsoft.extensions is another name of onnxruntime-extensions' domain: files use either. */
static const char *domain_of_tables(const char *domain) {
    domain = ig_domain_canonical(domain);
    return strcmp(domain, "com.microsoft.extensions") == 0 ? "ai.onnx.contrib" : domain;
}

/* First schema that is not before (domain, name), or not before all its versions when `past`. */
static size_t position(const char *domain, const char *name, bool past) {
    size_t low = 0, high = ig_schema_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(ig_schemas[middle].domain, domain);
        if (order == 0) order = strcmp(ig_schemas[middle].name, name);
        if (order < 0 || (past && order == 0)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const ig_schema *ig_schema_find(const char *domain, const char *name, int64_t opset) {
    domain = domain_of_tables(domain);
    const ig_schema *found = NULL;
    for (size_t i = position(domain, name, false); i < ig_schema_count; i++) {
        const ig_schema *s = &ig_schemas[i];
        if (s->since > opset || strcmp(s->name, name) != 0 || strcmp(s->domain, domain) != 0) break;
        found = s;
    }
    return found;
}

const ig_schema *ig_schema_newest(const char *domain, const char *name) {
    domain = domain_of_tables(domain);
    size_t i = position(domain, name, true);
    if (i == 0) return NULL;
    const ig_schema *s = &ig_schemas[i - 1];
    return strcmp(s->name, name) == 0 && strcmp(s->domain, domain) == 0 ? s : NULL;
}

int64_t ig_ir_of_opset(int64_t opset) {
    static const struct {
        uint8_t opset, ir;
    } pairs[] = {{28, 14}, {25, 13}, {24, 12}, {23, 11}, {21, 10}, {19, 9}, {15, 8}, {12, 7}, {11, 6}, {10, 5}, {9, 4}};
    for (size_t i = 0; i < IG_COUNT_OF(pairs); i++)
        if (opset >= pairs[i].opset) return pairs[i].ir;
    return 3;
}

int64_t ig_domain_newest(const char *domain) {
    domain = domain_of_tables(domain);
    for (size_t i = 0; i < IG_COUNT_OF(domains); i++) {
        if (strcmp(domains[i].domain, domain) == 0) return domains[i].newest;
    }
    return 0;
}

const ig_schema_attr *ig_schema_attr_find(const ig_schema *schema, const char *name) {
    for (size_t i = 0; i < schema->n_attrs; i++) {
        if (strcmp(schema->attrs[i].name, name) == 0) return &schema->attrs[i];
    }
    return NULL;
}

static const ig_formal *formal_at(const ig_formal *list, size_t n, size_t i) {
    if (i < n) return &list[i];
    return n && list[n - 1].option == IG_VARIADIC ? &list[n - 1] : NULL;
}

const ig_formal *ig_schema_input(const ig_schema *schema, size_t i) { return formal_at(schema->in, schema->n_in, i); }
const ig_formal *ig_schema_output(const ig_schema *schema, size_t i) { return formal_at(schema->out, schema->n_out, i); }

/* --------------------------------------------------------------------------------------------------------------- types */

/* True when the words of `texts` hold `text`. */
static bool has_word(const char *texts, const char *text) {
    size_t n = strlen(text);
    for (const char *p = texts; (p = strstr(p, text)); p++) {
        if ((p == texts || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0')) return true;
    }
    return false;
}

/* "map(int64,float)" for a type of maps, in the form that schema tables use; false when it has unknown parts. */
static bool other_text(const ig_type *type, char *out, size_t size) {
    const ig_type *map = type->kind == IG_KIND_SEQUENCE ? type->of : type;
    if (map->kind != IG_KIND_MAP || !map->dtype || !map->of || map->of->kind != IG_KIND_TENSOR || !map->of->dtype) return false;
    bool sequence = map != type;
    snprintf(out, size, "%smap(%s,%s)%s", sequence ? "seq(" : "", ig_dtypes[map->dtype].name, ig_dtypes[map->of->dtype].name,
             sequence ? ")" : "");
    return true;
}

static bool mask_has(uint32_t mask, ig_dtype dtype) { return mask && (dtype == IG_UNDEFINED || (mask >> dtype & 1)); }

bool ig_type_set_has(const ig_type_set *set, const ig_type *type) {
    if (!type || type->kind == IG_KIND_NONE) return true;
    const ig_type *of = type->of;
    char text[64];
    switch (type->kind) {
    case IG_KIND_TENSOR: return mask_has(set->tensor, type->dtype);
    case IG_KIND_SPARSE: return mask_has(set->sparse, type->dtype);
    case IG_KIND_SEQUENCE:
        if (!of) return set->sequence || set->others;
        if (of->kind == IG_KIND_TENSOR) return mask_has(set->sequence, of->dtype);
        break;
    case IG_KIND_OPTIONAL:
        if (!of) return set->optional || set->optional_sequence;
        if (of->kind == IG_KIND_TENSOR) return mask_has(set->optional, of->dtype);
        if (of->kind == IG_KIND_SEQUENCE && !of->of) return set->optional_sequence != 0;
        if (of->kind == IG_KIND_SEQUENCE && of->of->kind == IG_KIND_TENSOR) {
            return mask_has(set->optional_sequence, of->of->dtype);
        }
        return false;
    default: break;
    }
    if (type->kind == IG_KIND_OPAQUE) return true;
    if (!set->others) return false;
    return !other_text(type, text, sizeof text) || has_word(set->others, text);
}

size_t ig_type_set_text(const ig_type_set *set, char *out, size_t size) {
    const struct {
        uint32_t mask;
        const char *open, *close;
    } parts[] = {{set->tensor, "tensor(", ")"},
                 {set->sparse, "sparse_tensor(", ")"},
                 {set->sequence, "seq(tensor(", "))"},
                 {set->optional, "optional(tensor(", "))"},
                 {set->optional_sequence, "optional(seq(tensor(", ")))"}};
    size_t n = 0;
    if (size) out[0] = '\0';
    for (size_t p = 0; p < IG_COUNT_OF(parts); p++) {
        for (int t = 1; t < IG_DTYPE_COUNT; t++) {
            if (!(parts[p].mask >> t & 1) || n >= size) continue;
            int more = snprintf(out + n, size - n, "%s%s%s%s", n ? ", " : "", parts[p].open, ig_dtypes[t].name, parts[p].close);
            n += (size_t)more;
        }
    }
    if (set->others && n < size) n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : "", set->others);
    return n < size ? n : size ? size - 1 : 0;
}

/* --------------------------------------------------------------------------------------------------------------- arity */

/* "takes 2 inputs, has 1", "takes 1 to 3 inputs, has 5", "takes 1 or more inputs, has none". */
static bool count_fits(const char *what, size_t n, size_t least, size_t most, char *out, size_t size) {
    char allowed[64], has[24] = "none";
    if (n >= least && (most == UINT16_MAX || n <= most)) return true;
    if (most == UINT16_MAX) {
        snprintf(allowed, sizeof allowed, "%zu or more", least);
    } else if (least == most) {
        snprintf(allowed, sizeof allowed, "%zu", least);
    } else {
        snprintf(allowed, sizeof allowed, "%zu to %zu", least, most);
    }
    if (n) snprintf(has, sizeof has, "%zu", n);
    bool one = least == most && least == 1;
    bool input = what[0] == 'i';
    snprintf(out, size, "%s %s %s%s, has %s", input ? "takes" : "gives", allowed, what, one ? "" : "s", has);
    return false;
}

bool ig_node_arity(const ig_node *node, char *problem, size_t size) {
    const ig_schema *s = node->schema;
    if (!s) return true;
    size_t n_in = node->n_in;
    while (n_in > s->max_in && !node->in[n_in - 1]) n_in--; /* an absent input more is nothing more */
    if (!count_fits("input", n_in, s->min_in, s->max_in, problem, size)) return false;
    if (!count_fits("output", node->n_out, s->min_out, s->max_out, problem, size)) return false;
    for (size_t i = 0; i < n_in; i++) {
        const ig_formal *f = ig_schema_input(s, i);
        if (node->in[i] || !f || f->option == IG_OPTIONAL || ig_schema_is_custom(s))
            continue; /* variadic ones aren't optional */
        snprintf(problem, size, "lacks input %zu '%s'", i, f->name);
        return false;
    }
    return true;
}

/* ---------------------------------------------------------------------------------------------------------- resolution */

static bool same_text(ig_name a, ig_name b) { return strcmp(ig_name_text(a), ig_name_text(b)) == 0; }

static bool calls(const ig_node *node, const ig_function *f) {
    return f->name == node->op && same_text(f->overload, node->overload) &&
           strcmp(ig_domain_canonical(f->domain), ig_node_domain(node)) == 0;
}

/* Opset version that a node's operator is looked up in. IR versions before 3 have no imports and mean the first version. A
 * file that uses com.microsoft without importing it is what onnxruntime accepts, so it means something. */
static int64_t opset_of(const ig_node *node) {
    int64_t version = ig_graph_opset(node->graph, node->domain);
    if (version != 0) return version;
    const ig_model *model = node->graph->model;
    if (node->domain == NULL || ig_node_domain(node)[0] == '\0') return model->ir_version < 3 && model->opsets.n == 0 ? 1 : 0;
    return strcmp(ig_node_domain(node), "com.microsoft") == 0 ? 1 : 0;
}

static void resolve_from(ig_node *node, size_t first_function) {
    ig_model *model = node->graph->model;
    const ig_schema *now = node->schema;
    bool same = now && node->op && strcmp(now->name, node->op) == 0 && strcmp(now->domain, ig_node_domain(node)) == 0;
    if (node->pinned && same) return;
    node->pinned = false;
    node->schema = NULL;
    node->function = NULL;
    for (size_t i = first_function; i < model->functions.n; i++) {
        if (!calls(node, model->functions.items[i])) continue;
        node->function = model->functions.items[i];
        return;
    }
    if (!node->op) return;
    const char *domain = ig_node_domain(node);
    if (model->context->ops) node->schema = ig_custom_find(model->context, domain, node->op, opset_of(node));
    if (!node->schema) node->schema = ig_schema_find(domain, node->op, opset_of(node));
}

void ig_node_resolve(ig_node *node) { resolve_from(node, 0); }

static ig_status resolve_early(ig_graph *graph, void *user) {
    IG_UNUSED(user);
    for (ig_node *n = graph->first; n; n = n->next) {
        const char *domain = ig_node_domain(n);
        int64_t newest = ig_domain_newest(domain);
        if (n->schema || n->function || !n->op || opset_of(n) < 1) continue;
        for (int64_t v = opset_of(n) + 1; v <= newest && !n->schema; v++) n->schema = ig_schema_find(domain, n->op, v);
        n->pinned = n->schema != NULL;
    }
    return IG_OK;
}

void ig_model_resolve_early(ig_model *model) {
    if (model->graph) ig_graph_each(model->graph, resolve_early, NULL);
    for (size_t i = 0; i < model->functions.n; i++) ig_graph_each(model->functions.items[i]->body, resolve_early, NULL);
}

typedef struct resolver {
    ig_map first; /* function name -> address of the first function of that name in model->functions */
    bool complete;
} resolver;

static ig_status resolve_graph(ig_graph *graph, void *user) {
    const resolver *r = user;
    ig_model *model = graph->model;
    for (ig_node *n = graph->first; n; n = n->next) {
        ig_function **f = r->complete ? ig_map_get(&r->first, IG_KEY(n->op)) : model->functions.items;
        resolve_from(n, f ? (size_t)(f - model->functions.items) : model->functions.n);
    }
    return IG_OK;
}

void ig_model_resolve(ig_model *model) {
    ig_arena scratch;
    ig_arena_init(&scratch, model->context);
    resolver r = {.complete = true};
    ig_map_init(&r.first, &scratch);
    for (size_t i = 0; i < model->functions.n && r.complete; i++) {
        uint64_t key = IG_KEY(model->functions.items[i]->name);
        if (!ig_map_get(&r.first, key)) r.complete = ig_map_set(&r.first, key, &model->functions.items[i]);
    }
    if (model->graph) ig_graph_each(model->graph, resolve_graph, &r);
    for (size_t i = 0; i < model->functions.n; i++) ig_graph_each(model->functions.items[i]->body, resolve_graph, &r);
    for (size_t i = 0; i < model->trainings.n; i++) {
        const ig_training *t = &model->trainings.items[i];
        if (t->initialization) ig_graph_each(t->initialization, resolve_graph, &r);
        if (t->algorithm) ig_graph_each(t->algorithm, resolve_graph, &r);
    }
    ig_arena_free(&scratch);
}

/* ---------------------------------------------------------------------------------------------------------- attributes */

/* The node's attribute of this name and kind. One that refers to a function's attribute has no value of its own. */
static const ig_attr *own(const ig_node *node, const char *name, ig_attr_kind kind) {
    const ig_attr *a = ig_attr_find(node, name);
    return a && a->kind == kind && !a->ref ? a : NULL;
}

static const ig_schema_attr *preset(const ig_node *node, const char *name, ig_attr_kind kind) {
    const ig_schema_attr *a = node->schema ? ig_schema_attr_find(node->schema, name) : NULL;
    return a && a->has_default && a->kind == kind ? a : NULL;
}

bool ig_attr_given(const ig_node *node, const char *name) { return ig_attr_find(node, name) != NULL; }

int64_t ig_attr_int(const ig_node *node, const char *name) {
    const ig_attr *a = own(node, name, IG_ATTR_INT);
    if (a) return a->i;
    const ig_schema_attr *d = preset(node, name, IG_ATTR_INT);
    return d ? d->i : 0;
}

float ig_attr_float(const ig_node *node, const char *name) {
    const ig_attr *a = own(node, name, IG_ATTR_FLOAT);
    if (a) return a->f;
    const ig_schema_attr *d = preset(node, name, IG_ATTR_FLOAT);
    return d ? d->f : 0;
}

ig_str ig_attr_str(const ig_node *node, const char *name) {
    const ig_attr *a = own(node, name, IG_ATTR_STRING);
    if (a) return a->s;
    const ig_schema_attr *d = preset(node, name, IG_ATTR_STRING);
    return d ? ig_str_c(d->s) : (ig_str){NULL, 0};
}

/* A list attribute: its entries, or NULL with *n = 0. */
static const void *list(const ig_node *node, const char *name, ig_attr_kind kind, size_t *n) {
    const ig_attr *a = own(node, name, kind);
    const ig_schema_attr *d = a ? NULL : preset(node, name, kind);
    *n = a ? a->n : d ? d->n : 0;
    return a ? (const void *)a->ints : d ? d->list : NULL;
}

const int64_t *ig_attr_ints(const ig_node *node, const char *name, size_t *n) { return list(node, name, IG_ATTR_INTS, n); }
const float *ig_attr_floats(const ig_node *node, const char *name, size_t *n) { return list(node, name, IG_ATTR_FLOATS, n); }
const ig_str *ig_attr_strs(const ig_node *node, const char *name, size_t *n) { return list(node, name, IG_ATTR_STRINGS, n); }

ig_graph *ig_attr_graph(const ig_node *node, const char *name) {
    const ig_attr *a = own(node, name, IG_ATTR_GRAPH);
    return a ? a->g : NULL;
}

ig_const *ig_attr_const(const ig_node *node, const char *name) {
    const ig_attr *a = own(node, name, IG_ATTR_TENSOR);
    if (!a) a = own(node, name, IG_ATTR_SPARSE);
    return a ? (ig_const *)a->t : NULL;
}

const ig_type *ig_attr_type(const ig_node *node, const char *name) {
    const ig_attr *a = own(node, name, IG_ATTR_TYPE);
    return a ? a->type : NULL;
}

bool ig_attr_is(const ig_node *node, const char *name, const char *text) { return ig_str_is(ig_attr_str(node, name), text); }
