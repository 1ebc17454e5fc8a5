/* Changing a graph one step at a time, keeping values, uses and lists in agreement. */
#include "graph/graph.h"

ig_graph *ig_graph_new(ig_model *m, ig_graph *outer, ig_node *owner) {
    ig_graph *g = IG_NEW(&m->arena, ig_graph);
    if (!g) return NULL;
    g->model = m;
    g->outer = outer;
    g->owner = owner;
    g->function = outer ? outer->function : NULL;
    ig_map_init(&g->values, &m->arena);
    return g;
}

ig_value *ig_value_new(ig_graph *g, ig_name name, const ig_type *type) {
    ig_model *m = g->model;
    if (!name) name = ig_model_fresh_name(m, "v");
    ig_value *v = IG_NEW(&m->arena, ig_value);
    if (!v || !name) return NULL;
    v->name = name;
    v->graph = g;
    v->type = type;
    if (ig_map_get(&g->values, IG_KEY(name))) return v; /* a second value of this name: the first keeps it */
    return ig_map_set(&g->values, IG_KEY(name), v) ? v : NULL;
}

ig_value *ig_graph_find(const ig_graph *g, ig_name name) {
    for (; g; g = g->outer) {
        ig_value *v = ig_map_get(&g->values, IG_KEY(name));
        if (v) return v;
    }
    return NULL;
}

static void link_node(ig_node *node, ig_node *before) {
    ig_graph *g = node->graph;
    node->next = before;
    node->previous = before ? before->previous : g->last;
    *(node->previous ? &node->previous->next : &g->first) = node;
    *(before ? &before->previous : &g->last) = node;
    g->n_nodes++;
}

static void unlink_node(ig_node *node) {
    ig_graph *g = node->graph;
    *(node->previous ? &node->previous->next : &g->first) = node->next;
    *(node->next ? &node->next->previous : &g->last) = node->previous;
    node->next = node->previous = NULL;
    g->n_nodes--;
}

ig_node *ig_node_new(ig_graph *g, ig_name op, ig_name domain, uint32_t n_in, uint32_t n_out) {
    ig_arena *arena = &g->model->arena;
    ig_node *node = IG_NEW(arena, ig_node);
    ig_value **values = IG_NEW_ARRAY(arena, ig_value *, (size_t)n_in + n_out);
    if (!node || !values) return NULL;
    node->graph = g;
    node->op = op;
    node->domain = domain;
    node->in = values;
    node->out = values + n_in;
    node->n_in = n_in;
    node->n_out = n_out;
    link_node(node, NULL);
    g->model->n_nodes++;
    return node;
}

void ig_node_move(ig_node *node, ig_node *before) {
    if (before == node) return;
    unlink_node(node);
    link_node(node, before);
}

static bool add_use(ig_value *v, ig_node *node, ig_graph *graph, uint32_t index) {
    ig_use *use = IG_NEW(&v->graph->model->arena, ig_use);
    if (!use) return false;
    *use = (ig_use){.next = v->uses, .node = node, .graph = graph, .index = index};
    if (v->uses) v->uses->previous = use;
    v->uses = use;
    v->n_uses++;
    return true;
}

static void drop_use(ig_value *v, const ig_node *node, const ig_graph *graph, uint32_t index) {
    if (!v) return;
    for (ig_use *u = v->uses; u; u = u->next) {
        if (u->node != node || u->graph != graph || u->index != index) continue;
        *(u->previous ? &u->previous->next : &v->uses) = u->next;
        if (u->next) u->next->previous = u->previous;
        v->n_uses--;
        return;
    }
}

bool ig_node_set_input(ig_node *node, uint32_t index, ig_value *value) {
    if (value && !add_use(value, node, node->graph, index)) return false;
    drop_use(node->in[index], node, node->graph, index);
    node->in[index] = value;
    return true;
}

void ig_node_set_output(ig_node *node, uint32_t index, ig_value *value) {
    if (node->out[index]) node->out[index]->producer = NULL;
    node->out[index] = value;
    if (!value) return;
    value->producer = node;
    value->index = index;
}

bool ig_node_resize(ig_node *node, uint32_t n_in, uint32_t n_out) {
    ig_value **values = IG_NEW_ARRAY(&node->graph->model->arena, ig_value *, (size_t)n_in + n_out);
    if (!values) return false;
    for (uint32_t i = n_in; i < node->n_in; i++) drop_use(node->in[i], node, node->graph, i);
    for (uint32_t i = n_out; i < node->n_out; i++)
        if (node->out[i]) node->out[i]->producer = NULL;
    for (uint32_t i = 0; i < n_in && i < node->n_in; i++) values[i] = node->in[i];
    for (uint32_t i = 0; i < n_out && i < node->n_out; i++) values[n_in + i] = node->out[i];
    node->in = values;
    node->out = values + n_in;
    node->n_in = n_in;
    node->n_out = n_out;
    return true;
}

/* Drops the uses that a graph and the graphs in it have. Nesting is bounded by the reader. */
static void drop_graph_uses(ig_graph *g);

static void drop_node_uses(ig_node *node) {
    for (uint32_t i = 0; i < node->n_in; i++) drop_use(node->in[i], node, node->graph, i);
    for (ig_attr *a = node->attrs; a; a = a->next) {
        if (a->kind == IG_ATTR_GRAPH && a->g) drop_graph_uses(a->g);
        if (a->kind == IG_ATTR_GRAPHS)
            for (size_t i = 0; i < a->n; i++) drop_graph_uses(a->graphs[i]);
    }
}

static void drop_graph_uses(ig_graph *g) {
    for (ig_node *n = g->first; n; n = n->next) drop_node_uses(n);
    for (size_t i = 0; i < g->outputs.n; i++) drop_use(g->outputs.items[i].value, NULL, g, (uint32_t)i);
}

void ig_node_erase(ig_node *node) {
    drop_node_uses(node);
    for (uint32_t i = 0; i < node->n_out; i++)
        if (node->out[i]) node->out[i]->producer = NULL;
    unlink_node(node);
    node->graph->model->n_nodes--;
}

bool ig_value_replace(ig_value *from, ig_value *to) {
    if (from == to) return true;
    while (from->uses) {
        ig_use *u = from->uses;
        if (u->node ? !ig_node_set_input(u->node, u->index, to) : !ig_graph_set_output(u->graph, u->index, to)) return false;
    }
    return true;
}

void ig_value_remove(ig_value *v) {
    ig_graph *g = v->graph;
    if (ig_map_get(&g->values, IG_KEY(v->name)) == v) ig_map_remove(&g->values, IG_KEY(v->name));
    if (v->constant) {
        size_t kept = 0;
        for (size_t i = 0; i < g->initializers.n; i++)
            if (g->initializers.items[i] != v) g->initializers.items[kept++] = g->initializers.items[i];
        g->initializers.n = kept;
    }
    size_t kept = 0;
    for (size_t i = 0; i < g->value_infos.n; i++)
        if (g->value_infos.items[i].value != v) g->value_infos.items[kept++] = g->value_infos.items[i];
    g->value_infos.n = kept;
}

bool ig_graph_add_input(ig_graph *g, ig_value *v) {
    v->is_input = true;
    v->index = (uint32_t)g->inputs.n;
    ig_value_info info = {.value = v, .name = v->name, .type = v->type};
    return IG_PUSH(&g->model->arena, &g->inputs, info);
}

bool ig_graph_add_output(ig_graph *g, ig_value *v) {
    ig_value_info info = {.value = v, .name = v->name, .type = v->type};
    return IG_PUSH(&g->model->arena, &g->outputs, info) && add_use(v, NULL, g, (uint32_t)g->outputs.n - 1);
}

bool ig_graph_set_output(ig_graph *g, size_t index, ig_value *v) {
    ig_value_info *info = &g->outputs.items[index];
    if (!add_use(v, NULL, g, (uint32_t)index)) return false;
    drop_use(info->value, NULL, g, (uint32_t)index);
    info->value = v;
    return true;
}

void ig_graph_drop_last_output(ig_graph *g) {
    if (g->outputs.n == 0) return;
    g->outputs.n--;
    drop_use(g->outputs.items[g->outputs.n].value, NULL, g, (uint32_t)g->outputs.n);
}

void ig_graph_clear_outputs(ig_graph *g) {
    while (g->outputs.n) ig_graph_drop_last_output(g);
}

void ig_graph_remove_input(ig_value *v) {
    ig_graph *g = v->graph;
    size_t kept = 0;
    if (!v->is_input) return;
    for (size_t i = 0; i < g->inputs.n; i++) {
        if (g->inputs.items[i].value == v) continue;
        if (g->inputs.items[i].value) g->inputs.items[i].value->index = (uint32_t)kept;
        g->inputs.items[kept++] = g->inputs.items[i];
    }
    g->inputs.n = kept;
    v->is_input = false;
}

static void rename_infos(ig_value_info *infos, size_t n, const ig_value *v, ig_name name) {
    for (size_t i = 0; i < n; i++)
        if (infos[i].value == v) infos[i].name = name;
}

bool ig_value_rename(ig_value *v, ig_name name) {
    ig_graph *g = v->graph;
    if (!ig_map_set(&g->values, IG_KEY(name), v)) return false;
    if (v->name != name && ig_map_get(&g->values, IG_KEY(v->name)) == v) ig_map_remove(&g->values, IG_KEY(v->name));
    rename_infos(g->inputs.items, g->inputs.n, v, name);
    rename_infos(g->outputs.items, g->outputs.n, v, name);
    rename_infos(g->value_infos.items, g->value_infos.n, v, name);
    v->name = name;
    return true;
}

ig_value *ig_graph_add_initializer(ig_graph *g, ig_const *c) {
    ig_shape shape = {.rank = c->rank};
    for (int i = 0; i < c->rank; i++) shape.dims[i] = ig_dim_of(c->dims[i]);
    ig_type *type = ig_type_tensor(&g->model->arena, c->dtype, &shape);
    ig_value *v = type ? ig_value_new(g, c->name, type) : NULL;
    if (!v || !IG_PUSH(&g->model->arena, &g->initializers, v)) return NULL;
    if (!c->name) c->name = v->name;
    v->constant = c;
    return v;
}

ig_attr *ig_attr_find(const ig_node *node, const char *name) {
    for (ig_attr *a = node->attrs; a; a = a->next)
        if (a->name && strcmp(a->name, name) == 0) return a;
    return NULL;
}

bool ig_attr_put(ig_node *node, const ig_attr *attr) {
    ig_attr **link = &node->attrs;
    for (; *link; link = &(*link)->next)
        if ((*link)->name == attr->name) break;
    ig_attr *a = IG_NEW(&node->graph->model->arena, ig_attr);
    if (!a) return false;
    *a = *attr;
    a->next = *link ? (*link)->next : NULL;
    *link = a;
    return true;
}

static bool put(ig_node *node, const char *name, ig_attr attr) {
    attr.name = ig_model_name(node->graph->model, name);
    return attr.name && ig_attr_put(node, &attr);
}

bool ig_attr_put_int(ig_node *node, const char *name, int64_t value) {
    return put(node, name, (ig_attr){.kind = IG_ATTR_INT, .i = value});
}

bool ig_attr_put_float(ig_node *node, const char *name, float value) {
    return put(node, name, (ig_attr){.kind = IG_ATTR_FLOAT, .f = value});
}

bool ig_attr_put_str(ig_node *node, const char *name, const char *value) {
    bool ok = true;
    ig_str copy = ig_arena_str(&node->graph->model->arena, ig_str_c(value), &ok);
    return ok && put(node, name, (ig_attr){.kind = IG_ATTR_STRING, .s = copy});
}

bool ig_attr_put_ints(ig_node *node, const char *name, const int64_t *values, size_t n) {
    int64_t *copy = IG_NEW_ARRAY(&node->graph->model->arena, int64_t, n);
    if (!copy) return false;
    if (n) memcpy(copy, values, n * sizeof *copy);
    return put(node, name, (ig_attr){.kind = IG_ATTR_INTS, .ints = copy, .n = n});
}

void ig_attr_remove(ig_node *node, const char *name) {
    for (ig_attr **link = &node->attrs; *link; link = &(*link)->next)
        if ((*link)->name && strcmp((*link)->name, name) == 0) {
            *link = (*link)->next;
            return;
        }
}

const char *ig_attr_kind_name(ig_attr_kind kind) {
    static const char *const names[IG_ATTR_KIND_COUNT] = {
        "UNDEFINED", "FLOAT",   "INT",    "STRING",        "TENSOR",         "GRAPH",      "FLOATS",     "INTS",
        "STRINGS",   "TENSORS", "GRAPHS", "SPARSE_TENSOR", "SPARSE_TENSORS", "TYPE_PROTO", "TYPE_PROTOS"};
    return (unsigned)kind < IG_ATTR_KIND_COUNT ? names[kind] : "an unknown kind";
}

/* drop_graph_uses, ig_graph_each and the like descend into subgraphs: the reader bounds their nesting. */
ig_status ig_graph_each(ig_graph *g, ig_status (*visit)(ig_graph *graph, void *user), void *user) {
    IG_TRY(visit(g, user));
    for (ig_node *n = g->first; n; n = n->next)
        for (ig_attr *a = n->attrs; a; a = a->next) {
            if (a->kind == IG_ATTR_GRAPH && a->g) IG_TRY(ig_graph_each(a->g, visit, user));
            if (a->kind == IG_ATTR_GRAPHS)
                for (size_t i = 0; i < a->n; i++) IG_TRY(ig_graph_each(a->graphs[i], visit, user));
        }
    return IG_OK;
}
