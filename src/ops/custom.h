/* Operators that the user registered with a context (ig_context_add_op). */
#ifndef IG_OPS_CUSTOM_H
#define IG_OPS_CUSTOM_H

#include "ops/op.h"

/* The schema of a registered operator, or NULL. It lives as long as the context. */
const ig_schema *ig_custom_find(const ig_context *context, const char *domain, const char *name, int64_t opset);
/* True for a schema made by a registration: nothing is known of its attributes and types. */
bool ig_schema_is_custom(const ig_schema *schema);
/* The entry behind such a schema. */
const ig_op *ig_custom_entry(const ig_schema *schema);

#endif
