/* From -i and its kin to the values of a model's inputs. Arrays go to inputs by name; when the counts agree, what is left goes
 * by position. Sequences and maps are put together from name.0 …, name.keys and name.values. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------------------------------------------------------- open */

int cli_parse_dims(const char *command, const cli_list *list, ig_dim_value **out) {
    ig_dim_value *dims = *out = cli_alloc(list->n * sizeof *dims);
    for (size_t i = 0; i < list->n; i++) {
        const char *equals = strrchr(list->items[i], '=');
        char *end = NULL;
        if (equals) dims[i].value = strtoll(equals + 1, &end, 10);
        if (!equals || end == equals + 1 || *end || dims[i].value < 0)
            return cli_usage(command, "--dim wants NAME=N, not '%s'", list->items[i]);
        dims[i].name = cli_print("%.*s", (int)(equals - list->items[i]), list->items[i]);
    }
    return CLI_DONE;
}

void cli_dims_free(ig_dim_value *dims, size_t n) {
    for (size_t i = 0; i < n; i++) free((char *)(uintptr_t)dims[i].name);
    free(dims);
}

int cli_context(ig_context **context, const cli_list *ops) {
    ig_error err;
    *context = NULL;
    ig_status status = ig_context_create(context, NULL, &err);
    for (size_t i = 0; i < ops->n && status == IG_OK; i++) status = ig_context_load_ops(*context, ops->items[i], &err);
    if (status == IG_OK) return CLI_DONE;
    ig_context_free(*context);
    *context = NULL;
    return cli_fail(NULL, &err);
}

int cli_open(cli_ready *r, const char *command, const char *path, const cli_source *source, bool profile) {
    ig_error err;
    double start = cli_now_ms();
    ig_dim_value *dims;
    int code = cli_parse_dims(command, &source->dims, &dims);
    ig_status status = IG_OK;
    if (code == CLI_DONE) code = cli_context(&r->context, &source->ops);
    if (code == CLI_DONE && status == IG_OK) {
        const ig_open_options open = {IG_OPTIONS(ig_open_options), .context = r->context, .format = source->format,
                                      .signature = source->signature, .weights = source->weights};
        status = ig_model_open(&r->model, path, &open, &err);
    }
    if (code == CLI_DONE && status == IG_OK) {
        const ig_session_options session = {IG_OPTIONS(ig_session_options), .threads = (unsigned)source->threads,
                                            .seed = (uint64_t)source->seed, .dims = dims,
                                            .n_dims = source->dims.n,       .profile = profile};
        status = ig_session_create(&r->session, r->model, &session, &err);
    }
    cli_dims_free(dims, source->dims.n);
    r->load_ms = cli_now_ms() - start;
    return status != IG_OK ? cli_fail(path, &err) : code;
}

void cli_ready_free(cli_ready *r) {
    for (size_t i = 0; i < r->n; i++) ig_tensor_free(r->values[i]);
    free(r->values);
    free(r->names);
    ig_session_free(r->session);
    ig_model_free(r->model);
    ig_context_free(r->context);
}

/* -------------------------------------------------------------------------------------------------------------- values */

/* Inputs on their way: a value for each input of the model, NULL where there is none yet. */
typedef struct gathering {
    cli_ready *ready;
    const char *command;
    const cli_source *source;
    ig_tensor **values;
    size_t n;
    float mean[4], scale[4];
    size_t n_mean, n_scale;
    bool rounded; /* a note about rounding was printed */
} gathering;

static bool is_lossy(ig_dtype from, ig_dtype to) {
    return ig_dtype_bits(from) > ig_dtype_bits(to) && (from == IG_F64 || from == IG_F32) && to != IG_BOOL;
}

/* The value with the element type that the input has (and of a map the type of its keys), in place of `t`. */
static ig_status cast(ig_tensor **t, ig_context *context, ig_dtype dtype, ig_dtype key, ig_error *err) {
    ig_tensor *made = NULL, *old = *t, **items;
    ig_status status = IG_OK;
    if (dtype == IG_UNDEFINED) return IG_OK;
    switch (ig_tensor_kind(old)) {
    case IG_KIND_TENSOR: status = dtype == IG_STRING ? IG_OK : ig_tensor_cast(&made, old, dtype, err); break;
    case IG_KIND_SEQUENCE:
        items = cli_alloc(ig_tensor_count(old) * sizeof(ig_tensor *));
        for (size_t i = 0; i < ig_tensor_count(old) && status == IG_OK; i++) {
            items[i] = ig_tensor_clone(ig_tensor_item(old, i));
            status = cast(&items[i], context, dtype, key, err);
        }
        if (status == IG_OK) status = ig_tensor_create_sequence(&made, context, items, ig_tensor_count(old), err);
        for (size_t i = 0; i < ig_tensor_count(old); i++) ig_tensor_free(items[i]);
        free(items);
        break;
    case IG_KIND_MAP: {
        ig_tensor *keys = ig_tensor_clone(ig_tensor_item(old, 0)), *values = ig_tensor_clone(ig_tensor_item(old, 1));
        status = cast(&values, context, dtype, IG_UNDEFINED, err);
        if (status == IG_OK) status = cast(&keys, context, key, IG_UNDEFINED, err);
        if (status == IG_OK) status = ig_tensor_create_map(&made, context, keys, values, err);
        ig_tensor_free(keys);
        ig_tensor_free(values);
        break;
    }
    default: break;
    }
    if (status != IG_OK || !made) return status;
    ig_tensor_free(old);
    *t = made;
    return IG_OK;
}

/* Takes over the reference. */
static int put(gathering *g, size_t input, ig_tensor *value, const char *where) {
    ig_error err;
    ig_session_value v = ig_session_input(g->ready->session, input);
    ig_dtype dtype = v.kind == IG_KIND_TENSOR ? v.dtype : v.element, from = ig_tensor_dtype(value);
    ig_status status = cast(&value, g->ready->context, dtype, v.kind == IG_KIND_MAP ? v.dtype : IG_UNDEFINED, &err);
    if (status != IG_OK) {
        char *name = cli_clean(v.name);
        cli_fail(where, &err);
        fprintf(stderr, "  for input '%s' %s\n", name, v.type);
        free(name);
        ig_tensor_free(value);
        return cli_exit_code(status);
    }
    if (dtype && ig_tensor_kind(value) == IG_KIND_TENSOR && is_lossy(from, dtype) && !g->rounded) {
        cli_note("input '%s': %s values were converted to %s", v.name, ig_dtype_name(from), ig_dtype_name(dtype));
        g->rounded = true;
    }
    ig_tensor_free(g->values[input]);
    g->values[input] = value;
    return CLI_DONE;
}

static size_t input_named(const gathering *g, const char *name, size_t n) {
    for (size_t i = 0; i < g->n; i++) {
        const char *have = ig_session_input(g->ready->session, i).name;
        if (strlen(have) == n && memcmp(have, name, n) == 0) return i;
    }
    return g->n;
}

static bool is_required(const gathering *g, size_t i) {
    ig_session_value v = ig_session_input(g->ready->session, i);
    return !g->values[i] && !v.has_default && v.kind != IG_KIND_OPTIONAL;
}

/* "a, b, c" for messages; to be freed. */
static char *input_names(const gathering *g, bool only_required) {
    char *list = cli_print("%s", "");
    for (size_t i = 0; i < g->n; i++) {
        if (only_required && !is_required(g, i)) continue;
        char *more = cli_print("%s%s%.80s", list, list[0] ? ", " : "", ig_session_input(g->ready->session, i).name);
        free(list);
        list = more;
    }
    return list;
}

static int read_named(gathering *g, size_t input, const char *path) {
    ig_error err;
    ig_session_value v = ig_session_input(g->ready->session, input);
    bool dense = v.kind == IG_KIND_TENSOR || v.kind == IG_KIND_NONE;
    const ig_read_options options = {
        IG_OPTIONS(ig_read_options),
        .context = g->ready->context,
        .kind = v.kind,
        .dtype = dense ? v.dtype : v.element,
        .rank = v.rank < 0 ? 0 : v.rank,
        .dims = dense && v.rank >= 0 ? v.dims : NULL,
        .layout = g->source->layout,
        .mean = g->n_mean ? g->mean : NULL,
        .scale = g->n_scale ? g->scale : NULL,
        .n_mean = g->n_mean,
        .n_scale = g->n_scale,
        .bgr = g->source->bgr,
        .crop = g->source->crop,
    };
    ig_tensor *value;
    if (ig_tensor_read(&value, path, &options, &err)) return cli_fail(path, &err);
    return put(g, input, value, path);
}

/* ------------------------------------------------------------------------------------------------------------ archives */

typedef struct archive {
    const char *path;
    ig_context *context;
    ig_tensors *arrays;
    bool *used;
} archive;

static ig_tensor *take(archive *a, const char *name) {
    for (size_t i = 0; i < ig_tensors_count(a->arrays); i++) {
        if (strcmp(ig_tensors_name(a->arrays, i), name) != 0) continue;
        a->used[i] = true;
        return ig_tensor_clone(ig_tensors_at(a->arrays, i));
    }
    return NULL;
}

static bool has_prefix(const archive *a, const char *prefix) {
    size_t n = strlen(prefix);
    for (size_t i = 0; i < ig_tensors_count(a->arrays); i++)
        if (strncmp(ig_tensors_name(a->arrays, i), prefix, n) == 0) return true;
    return false;
}

/* Row i of a table as a rank-1 tensor. */
static ig_status row_of(ig_tensor **out, ig_context *context, const ig_tensor *table, int64_t row, ig_error *err) {
    int64_t n = ig_tensor_dims(table)[1];
    ig_dtype dtype = ig_tensor_dtype(table);
    if (dtype == IG_STRING) {
        ig_str *strings = cli_alloc((size_t)n * sizeof *strings);
        for (int64_t k = 0; k < n; k++) strings[k] = ig_tensor_string(table, (size_t)(row * n + k));
        ig_status status = ig_tensor_create_strings(out, context, 1, &n, strings, err);
        free(strings);
        return status;
    }
    if (ig_dtype_bits(dtype) % 8) return IG_E_UNSUPPORTED;
    if (ig_tensor_create(out, context, dtype, 1, &n, err)) return err->status;
    size_t bytes = (size_t)n * ig_dtype_bits(dtype) / 8;
    if (bytes) memcpy(ig_tensor_data_mut(*out), (const char *)ig_tensor_data(table) + (size_t)row * bytes, bytes);
    return IG_OK;
}

/* name.keys (K) and name.values (rows × K) as a sequence of maps. */
static ig_status table_of_maps(ig_tensor **out, ig_context *context, ig_tensor *keys, const ig_tensor *values, ig_error *err) {
    size_t rows = (size_t)ig_tensor_dims(values)[0], made = 0;
    ig_tensor **maps = cli_alloc(rows * sizeof *maps), *row;
    ig_status status = IG_OK;
    for (; made < rows && status == IG_OK; made++) {
        status = row_of(&row, context, values, (int64_t)made, err);
        if (status != IG_OK) break;
        status = ig_tensor_create_map(&maps[made], context, keys, row, err);
        ig_tensor_free(row);
    }
    if (status == IG_OK) status = ig_tensor_create_sequence(out, context, maps, rows, err);
    for (size_t i = 0; i < rows; i++) ig_tensor_free(maps[i]);
    free(maps);
    return status;
}

/* The value called `name`, *out NULL when the archive has none. */
static ig_status build(ig_tensor **out, archive *a, const char *name, int depth, ig_error *err) {
    *out = take(a, name);
    char *keys_name = cli_print("%s.keys", name), *values_name = cli_print("%s.values", name);
    ig_tensor *keys = NULL, *values = NULL;
    ig_status status = IG_OK;
    if (!*out && depth > 0 && (keys = take(a, keys_name))) {
        status = build(&values, a, values_name, depth - 1, err);
        bool table = values && ig_tensor_kind(values) == IG_KIND_TENSOR && ig_tensor_rank(values) == 2;
        if (status == IG_OK && values)
            status = table ? table_of_maps(out, a->context, keys, values, err)
                           : ig_tensor_create_map(out, a->context, keys, values, err);
    } else if (!*out && depth > 0) {
        char *first = cli_print("%s.0", name);
        if (has_prefix(a, first)) {
            size_t n = 0, cap = ig_tensors_count(a->arrays);
            ig_tensor **items = cli_alloc((cap + 1) * sizeof *items);
            while (n < cap && status == IG_OK) {
                char *item = cli_print("%s.%zu", name, n);
                status = build(&items[n], a, item, depth - 1, err);
                free(item);
                if (!items[n]) break;
                n++;
            }
            if (status == IG_OK && n) status = ig_tensor_create_sequence(out, a->context, items, n, err);
            for (size_t i = 0; i < n; i++) ig_tensor_free(items[i]);
            free(items);
        }
        free(first);
    }
    ig_tensor_free(keys);
    ig_tensor_free(values);
    free(keys_name);
    free(values_name);
    return status;
}

/* The value's name that an array belongs to: without .0, .keys, .values at its end. To be freed. */
static char *base_name(const char *array) {
    char *base = cli_print("%s", array), *dot;
    while (
        (dot = strrchr(base, '.')) && dot != base &&
        (strcmp(dot, ".keys") == 0 || strcmp(dot, ".values") == 0 || (dot[1] && dot[1 + strspn(dot + 1, "0123456789")] == 0)))
        *dot = 0;
    return base;
}

static int by_name(gathering *g, archive *a) {
    ig_error err;
    for (size_t i = 0; i < g->n; i++) {
        ig_tensor *value;
        ig_status status = build(&value, a, ig_session_input(g->ready->session, i).name, 8, &err);
        if (status != IG_OK) return cli_fail(a->path, &err);
        int code = value ? put(g, i, value, a->path) : CLI_DONE;
        if (code != CLI_DONE) return code;
    }
    return CLI_DONE;
}

/* Values of the archive that no input took, in order. Each name is to be freed. */
static size_t unused_values(const archive *a, char **names) {
    size_t n = 0;
    for (size_t i = 0; i < ig_tensors_count(a->arrays); i++) {
        if (a->used[i]) continue;
        char *base = base_name(ig_tensors_name(a->arrays, i));
        if (n && strcmp(names[n - 1], base) == 0)
            free(base);
        else
            names[n++] = base;
    }
    return n;
}

static int by_position(gathering *g, archive *a, char *const *names, size_t n) {
    ig_error err;
    size_t next = 0;
    for (size_t i = 0; i < g->n && next < n; i++) {
        if (!is_required(g, i)) continue;
        ig_tensor *value;
        ig_session_value v = ig_session_input(g->ready->session, i);
        ig_status status = build(&value, a, names[next], 8, &err);
        if (status != IG_OK) return cli_fail(a->path, &err);
        if (!value) return cli_usage(g->command, "the arrays of '%s' in %s make no value", names[next], a->path);
        cli_note("array '%s' of %s goes to input '%s' by its position", names[next], a->path, v.name);
        int code = put(g, i, value, a->path);
        if (code != CLI_DONE) return code;
        next++;
    }
    return CLI_DONE;
}

static int read_archive(gathering *g, const char *path) {
    ig_error err;
    archive a = {.path = path, .context = g->ready->context};
    const ig_read_options options = {IG_OPTIONS(ig_read_options), .context = g->ready->context, .format = IG_FILE_NPZ};
    if (ig_tensors_read(&a.arrays, path, &options, &err)) return cli_fail(path, &err);
    size_t count = ig_tensors_count(a.arrays);
    a.used = cli_alloc(count);
    char **names = cli_alloc(count * sizeof *names);
    int code = by_name(g, &a);
    size_t left = unused_values(&a, names), wanting = 0;
    for (size_t i = 0; i < g->n; i++) wanting += is_required(g, i);
    if (code == CLI_DONE && left && left == wanting)
        code = by_position(g, &a, names, left);
    else
        for (size_t i = 0; i < left && code == CLI_DONE; i++)
            cli_note("array '%s' of %s is no input of the model and is left out", names[i], path);
    for (size_t i = 0; i < left; i++) free(names[i]);
    free(names);
    free(a.used);
    ig_tensors_free(a.arrays);
    return code;
}

/* ----------------------------------------------------------------------------------------------------------------- all */

static bool is_archive(const char *path) {
    char magic[2] = {0};
    FILE *f = fopen(path, "rb");
    if (f) {
        if (fread(magic, 1, 2, f) != 2) magic[0] = 0;
        fclose(f);
    }
    size_t n = strlen(path);
    return memcmp(magic, "PK", 2) == 0 || (n > 4 && strcmp(path + n - 4, ".npz") == 0);
}

static bool exists(const char *path) {
    FILE *f = fopen(path, "rb");
    if (f) fclose(f);
    return f != NULL;
}

/* One -i: NAME=FILE when the part before some '=' is an input's name, else a file. */
static int read_item(gathering *g, const char *item) {
    for (const char *p = strchr(item, '='); p; p = strchr(p + 1, '=')) {
        size_t input = input_named(g, item, (size_t)(p - item));
        if (input < g->n) return read_named(g, input, p + 1);
    }
    if (is_archive(item)) return read_archive(g, item);
    const char *equals = strchr(item, '=');
    if (equals && !exists(item)) {
        char *names = input_names(g, false);
        int code = cli_usage(g->command, "the model has no input '%.*s'; it has: %s", (int)(equals - item), item, names);
        free(names);
        return code;
    }
    size_t wanting = 0, only = 0;
    for (size_t i = 0; i < g->n; i++)
        if (is_required(g, i) && wanting++ == 0) only = i;
    if (wanting == 1) return read_named(g, only, item);
    char *names = input_names(g, true);
    int code = wanting ? cli_usage(g->command, "which input is '%s' for? Give it as NAME=FILE, one of: %s", item, names)
                       : cli_usage(g->command, "'%s' is one input too many", item);
    free(names);
    return code;
}

static int parse_floats(const char *command, const char *option, const char *text, float *out, size_t *n) {
    *n = 0;
    while (text && *text) {
        char *end;
        if (*n == 4) return cli_usage(command, "--%s takes at most 4 numbers", option);
        out[(*n)++] = strtof(text, &end);
        if (end == text || (*end && *end != ',')) return cli_usage(command, "--%s wants numbers with commas between", option);
        text = *end ? end + 1 : end;
    }
    return CLI_DONE;
}

/* What is still missing: made up, or named in an error. */
static int complete(gathering *g, bool random_rest) {
    ig_error err;
    for (size_t i = 0; i < g->n; i++) {
        if (!is_required(g, i)) continue;
        ig_session_value v = ig_session_input(g->ready->session, i);
        if (!random_rest) {
            char *type = cli_clean(v.type);
            int code = cli_usage(g->command, "input '%s' %s is not given; give it with -i, or use --random", v.name, type);
            free(type);
            return code;
        }
        if (ig_session_random_input(&g->values[i], g->ready->session, i, (uint64_t)g->source->seed, &err))
            return cli_fail(NULL, &err);
    }
    return CLI_DONE;
}

int cli_read_inputs(cli_ready *r, const char *command, const cli_source *source, bool random_rest) {
    gathering g = {.ready = r, .command = command, .source = source, .n = ig_session_input_count(r->session)};
    g.values = cli_alloc(g.n * sizeof *g.values);
    int code = parse_floats(command, "mean", source->mean, g.mean, &g.n_mean);
    if (code == CLI_DONE) code = parse_floats(command, "scale", source->scale, g.scale, &g.n_scale);
    for (size_t i = 0; i < source->inputs.n && code == CLI_DONE; i++) code = read_item(&g, source->inputs.items[i]);
    if (code == CLI_DONE) code = complete(&g, random_rest || source->random);
    r->names = cli_alloc(g.n * sizeof *r->names);
    r->values = cli_alloc(g.n * sizeof *r->values);
    for (size_t i = 0; i < g.n; i++) {
        if (!g.values[i]) continue;
        r->names[r->n] = ig_session_input(r->session, i).name;
        r->values[r->n++] = g.values[i];
    }
    free(g.values);
    return code;
}
