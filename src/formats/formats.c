/* The list of formats, and opening and saving through it. */
#include "formats/format.h"

#include "formats/lower.h"
#include "ops/schema.h"

#define IG_FORMAT(name) extern const ig_format ig_format_##name;
#include "formats/formats.def"
#undef IG_FORMAT

const ig_format *const ig_formats[] = {
#define IG_FORMAT(name) &ig_format_##name,
#include "formats/formats.def"
#undef IG_FORMAT
};

const size_t ig_formats_count = IG_COUNT_OF(ig_formats);

size_t ig_format_count(void) { return ig_formats_count; }

ig_format_info ig_format_at(size_t i) {
    if (i >= ig_formats_count) return (ig_format_info){0};
    const ig_format *f = ig_formats[i];
    const ig_lowering *own = f->domain ? ig_lowering_find(f->domain) : NULL;
    return (ig_format_info){f->name,          f->title,  f->extensions,         f->read != NULL,
                            f->write != NULL, f->domain, own ? own->n_rules : 0};
}

ig_pair ig_format_operator(size_t i, size_t operator_index) {
    const ig_lowering *own = i < ig_formats_count && ig_formats[i]->domain ? ig_lowering_find(ig_formats[i]->domain) : NULL;
    if (!own || operator_index >= own->n_rules) return (ig_pair){NULL, NULL};
    const ig_lower_rule *rule = &own->rules[operator_index];
    bool named = rule->to && ig_schema_newest("", rule->to);
    return (ig_pair){rule->op, named ? rule->to : ""};
}

const char *ig_model_format(const ig_model *model) { return model->format ? model->format->name : ""; }

const ig_format *ig_format_find(const char *name) {
    for (size_t i = 0; i < ig_formats_count; i++)
        if (strcmp(ig_formats[i]->name, name) == 0) return ig_formats[i];
    return NULL;
}

const char *ig_path_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static char lower(char c) { return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c); }

/* True when the path ends in a dot and one of the format's extensions, without regard to case. */
static bool extension_fits(const ig_format *f, const char *path) {
    const char *name = ig_path_name(path);
    size_t len = strlen(name);
    for (const char *e = f->extensions; *e;) {
        size_t n = strcspn(e, " "), i = 0;
        if (len > n && name[len - n - 1] == '.') {
            while (i < n && lower(name[len - n + i]) == e[i]) i++;
            if (i == n) return true;
        }
        e += n + (e[n] == ' ');
    }
    return false;
}

static ig_status unknown_format(const char *name, ig_error *err) {
    ig_fail(err, IG_E_ARGUMENT, "there is no format '%.40s'", name);
    char list[400];
    size_t used = 0;
    for (size_t i = 0; i < ig_formats_count && used + 40 < sizeof list; i++) {
        size_t n = strlen(ig_formats[i]->name);
        if (used) list[used++] = ' ';
        memcpy(list + used, ig_formats[i]->name, n);
        used += n;
    }
    ig_error_hint(err, "formats: %.*s", (int)used, list);
    return IG_E_ARGUMENT;
}

static ig_status choose_reader(const ig_format **out, const ig_source *s, ig_error *err) {
    *out = NULL;
    if (s->options.format) {
        *out = ig_format_find(s->options.format);
        if (!*out) return unknown_format(s->options.format, err);
        if (!(*out)->read) return ig_fail(err, IG_E_UNSUPPORTED, "igata can't read %s, only write it", (*out)->title);
        return IG_OK;
    }
    int best = 0, content = 0;
    for (size_t i = 0; i < ig_formats_count; i++) {
        const ig_format *f = ig_formats[i];
        if (!f->read || (!s->file && !(f->flags & IG_FORMAT_FOLDER))) continue;
        int score = f->probe(s);
        if (score > content) content = score;
        if (s->path && extension_fits(f, s->path)) score += score ? 10 : IG_PROBE_NAME;
        if (score <= best) continue;
        best = score;
        *out = f;
    }
    if (content == 0 && s->file) IG_TRY(ig_not_a_model(ig_buffer_span(s->file), err));
    if (*out) return IG_OK;
    ig_fail(err, IG_E_INPUT,
            s->file ? "not a model of any format that igata knows" : "a folder without a model that igata knows");
    ig_error_hint(err, s->file ? "say what it is if you know (--format), or check where the file came from"
                               : "give a model file in it");
    return IG_E_INPUT;
}

/* Gives the source its model. The buffer and the context's reference are the caller's. */
static ig_status open_source(ig_model **out, ig_source *s, ig_error *err) {
    const ig_format *format;
    ig_model *m;
    IG_TRY(choose_reader(&format, s, err));
    IG_TRY(ig_model_new(&m, s->context, err));
    bool ok = true;
    m->format = format;
    m->path = ig_arena_str(&m->arena, ig_str_c(s->path), &ok).s;
    m->folder = ig_arena_str(&m->arena, ig_str_c(s->folder), &ok).s;
    m->file_size = s->file ? s->file->size : 0;
    if (s->file) ok = ok && ig_model_keep(m, ig_buffer_retain(s->file));
    ig_status status = ok ? format->read(m, s, err) : ig_oom(err);
    if (status == IG_E_INPUT && s->file && format->probe(s) == IG_PROBE_NO)
        ig_error_hint(err, "the content doesn't look like %s: is it the right file, and complete?", format->title);
    if (status != IG_OK) {
        ig_model_free(m);
        return status;
    }
    *out = m;
    return IG_OK;
}

static ig_status begin(ig_source *s, const ig_open_options *options, ig_error *err) {
    if (options) memcpy(&s->options, options, ig_min_size(options->struct_size, sizeof *options));
    if (s->options.context) {
        s->context = ig_context_retain(s->options.context);
        return IG_OK;
    }
    return ig_context_create(&s->context, NULL, err);
}

/* The path, or the one that was meant. NULL when memory runs out. */
static const char *whole_path(ig_arena *arena, const char *path) {
    if (ig_path_kind_of(path) != IG_PATH_MISSING) return path;
    for (size_t i = 0; i < ig_formats_count; i++) {
        if (!ig_formats[i]->ending) continue;
        const char *longer = ig_arena_printf(arena, "%s%s", path, ig_formats[i]->ending);
        if (!longer || ig_path_kind_of(longer) == IG_PATH_FILE) return longer;
    }
    return path;
}

static ig_status open_path(ig_model **out, ig_source *s, ig_error *err) {
    ig_arena scratch;
    ig_arena_init(&scratch, s->context);
    const char *path = whole_path(&scratch, s->path);
    if (!path) {
        ig_arena_free(&scratch);
        return ig_oom(err);
    }
    s->path = path;
    bool folder = ig_path_kind_of(s->path) == IG_PATH_FOLDER;
    s->folder = folder ? s->path : ig_path_folder(&scratch, s->path);
    ig_status status = s->folder ? IG_OK : ig_oom(err);
    if (status == IG_OK && !folder) status = ig_buffer_map(&s->file, s->context, NULL, ig_str_c(s->path), err);
    if (status == IG_OK) {
        status = open_source(out, s, err);
        if (status != IG_OK) ig_error_at(err, "%.200s", s->path);
    }
    ig_buffer_release(s->file);
    ig_arena_free(&scratch);
    return status;
}

ig_status ig_model_open(ig_model **out, const char *path, const ig_open_options *options, ig_error *err) {
    ig_source s = {.path = path};
    *out = NULL;
    ig_error_clear(err);
    IG_TRY(begin(&s, options, err));
    ig_status status = open_path(out, &s, err);
    ig_context_free(s.context);
    return status;
}

ig_status ig_model_open_memory(ig_model **out, const void *data, size_t size, const ig_open_options *options, ig_error *err) {
    ig_source s = {0};
    *out = NULL;
    ig_error_clear(err);
    IG_TRY(begin(&s, options, err));
    s.file = ig_buffer_borrow(s.context, size ? data : "", size);
    ig_status status = s.file ? open_source(out, &s, err) : ig_oom(err);
    ig_buffer_release(s.file);
    ig_context_free(s.context);
    return status;
}

static ig_status choose_writer(const ig_format **out, const ig_target *t, ig_error *err) {
    *out = NULL;
    if (t->options.format) {
        *out = ig_format_find(t->options.format);
        if (!*out) return unknown_format(t->options.format, err);
    }
    for (size_t i = 0; i < ig_formats_count && !*out; i++)
        if (ig_formats[i]->write && extension_fits(ig_formats[i], t->path)) *out = ig_formats[i];
    for (size_t i = 0; i < ig_formats_count && !*out; i++)
        if (extension_fits(ig_formats[i], t->path)) *out = ig_formats[i];
    if (!*out) {
        ig_fail(err, IG_E_ARGUMENT, "the name '%.200s' doesn't say which format to write", ig_path_name(t->path));
        ig_error_hint(err, "use an extension such as .onnx, or name the format (--format)");
        return IG_E_ARGUMENT;
    }
    return (*out)->write ? IG_OK : ig_fail(err, IG_E_UNSUPPORTED, "igata can't write %s, only read it", (*out)->title);
}

static ig_status write_lowered(const ig_format *format, ig_model *model, const ig_target *t, ig_error *err) {
    ig_model *copy;
    if (!ig_model_is_foreign(model)) return format->write(model, t, err);
    IG_TRY(ig_model_clone(&copy, model, err));
    ig_model_resolve(copy);
    ig_status status = ig_model_lower(copy, err);
    if (status == IG_OK) status = format->write(copy, t, err);
    ig_model_free(copy);
    return status;
}

ig_status ig_model_save(ig_model *model, const char *path, const ig_save_options *options, ig_error *err) {
    ig_target t = {.context = model->context, .path = path};
    const ig_format *format;
    ig_error_clear(err);
    if (options) memcpy(&t.options, options, ig_min_size(options->struct_size, sizeof *options));
    ig_status status = choose_writer(&format, &t, err);
    if (status == IG_OK)
        status = format->flags & IG_FORMAT_LOWERED ? write_lowered(format, model, &t, err) : format->write(model, &t, err);
    if (status != IG_OK) ig_error_at(err, "%.200s", path);
    return status;
}
