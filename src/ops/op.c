#include "ops/op.h"

#include "ops/custom.h"

#define IG_OP(symbol) extern const ig_op ig_op_##symbol;
#include "ops/ops.def"
#undef IG_OP

#define IG_OP(symbol) &ig_op_##symbol,
const ig_op *const ig_ops[] = {
#include "ops/ops.def"
    NULL,
};
#undef IG_OP

const size_t ig_op_count = IG_COUNT_OF(ig_ops) - 1;

static bool covers(const ig_op *op, const char *domain, const char *name, int version) {
    return op->name[0] == name[0] && strcmp(op->name, name) == 0 && strcmp(op->domain, domain) == 0 && version >= op->since &&
           (op->until == 0 || version <= op->until);
}

/* A few hundred names are compared by their first letter in less time than a node takes to infer or get ready, so the list may
 * stay in the order of its files. */
const ig_op *ig_op_find(const char *domain, const char *name, int version) {
    domain = ig_domain_canonical(domain);
    for (size_t i = 0; i < ig_op_count; i++) {
        if (covers(ig_ops[i], domain, name, version)) return ig_ops[i];
    }
    return NULL;
}

const ig_op *ig_op_of(const ig_node *node) {
    const ig_schema *s = node->schema;
    if (ig_schema_is_custom(s)) return ig_custom_entry(s);
    return s ? ig_op_find(s->domain, s->name, s->since) : NULL;
}
