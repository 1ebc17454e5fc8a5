#define _GNU_SOURCE
/* The public face: which format a file has, and what a name or a folder means. */
#include "tensorio/tensorio.h"

#include <strings.h>

/* In the order of ig_file_format. */
static const ig_tensor_format formats[] = {
    {IG_FILE_NPY, "npy", "npy", ig_npy_probe, ig_npy_load, ig_npy_store, false},
    {IG_FILE_NPZ, "npz", "npz", ig_npz_probe, NULL, NULL, false},
    {IG_FILE_PB, "pb", "pb", NULL, ig_pb_load, ig_pb_store, true},
    {IG_FILE_JSON, "json", "json", NULL, ig_json_load, ig_json_store, true},
    {IG_FILE_CSV, "csv", "csv tsv", NULL, ig_csv_load, ig_csv_store, false},
    {IG_FILE_RAW, "raw", "raw bin dat", NULL, ig_raw_load, ig_raw_store, false},
    {IG_FILE_IMAGE, "image", "png jpg jpeg bmp ppm pgm pbm webp tif tiff jp2 j2k", ig_image_probe, ig_image_load, NULL, false},
};
_Static_assert(IG_COUNT_OF(formats) == IG_FILE_IMAGE, "a format lacks its line");

static const ig_tensor_format *format_of(ig_file_format id) {
    return id > IG_FILE_AUTO && id <= IG_FILE_IMAGE ? &formats[id - 1] : NULL;
}

static bool has_extension(const char *list, ig_str extension) {
    for (const char *p = list; *p;) {
        size_t n = strcspn(p, " ");
        if (n == extension.n && strncasecmp(p, extension.s, n) == 0) return true;
        p += n + (p[n] == ' ');
    }
    return false;
}

static const ig_tensor_format *format_by_name(const char *path) {
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    for (size_t i = 0; dot && i < IG_COUNT_OF(formats); i++)
        if (has_extension(formats[i].extensions, ig_str_c(dot + 1))) return &formats[i];
    return NULL;
}

static const ig_tensor_format *format_of_file(ig_span file, const char *path, ig_file_format wanted, ig_error *err) {
    const ig_tensor_format *f = format_of(wanted);
    for (size_t i = 0; !f && i < IG_COUNT_OF(formats); i++)
        if (formats[i].probe && formats[i].probe(file)) f = &formats[i];
    if (!f) f = format_by_name(path);
    if (f) return f;
    ig_fail(err, IG_E_UNSUPPORTED, "neither content nor name says which format of tensors this is");
    ig_error_hint(err, "igata reads .npy, .npz, .pb, .json, .csv, .raw, .png and .jpg");
    return NULL;
}

ig_status ig_read_options_complete(ig_read_options *out, const ig_read_options *in, ig_error *err) {
    *out = (ig_read_options){0};
    ig_options_copy(out, sizeof *out, in);
    if (out->kind == IG_KIND_NONE) out->kind = IG_KIND_TENSOR;
    if (out->rank < 0 || out->rank > IG_MAX_RANK) return ig_fail(err, IG_E_ARGUMENT, "a rank of %d", out->rank);
    if ((unsigned)out->dtype >= IG_DTYPE_COUNT) return ig_fail(err, IG_E_ARGUMENT, "%d is no element type", (int)out->dtype);
    if (!out->context) return ig_context_create(&out->context, NULL, err);
    ig_context_retain(out->context);
    return IG_OK;
}

static ig_status read_one(ig_tensor **tensor, const ig_load *load, const ig_tensor_format *format) {
    if (!format->read) {
        ig_fail(load->err, IG_E_ARGUMENT, "an .npz file holds many tensors; one is wanted here");
        ig_error_hint(load->err, "give it without a name: its arrays have names of their own");
        return IG_E_ARGUMENT;
    }
    ig_c_locale l = ig_c_locale_enter();
    ig_status status = format->read(tensor, load);
    ig_c_locale_leave(l);
    return status != IG_OK || format->id == IG_FILE_NPY ? status : ig_tensor_fit(tensor, load->want, load->err);
}

/* Reads into whichever of `tensor` and `tensors` isn't NULL. */
static ig_status read_file(ig_tensor **tensor, ig_tensors **tensors, const char *path, const ig_read_options *options,
                           ig_error *err) {
    ig_read_options want;
    IG_TRY(ig_read_options_complete(&want, options, err));
    ig_load load = {.context = want.context, .want = &want, .err = err};
    const ig_tensor_format *format = NULL;
    ig_tensor *one = NULL;
    ig_status status = ig_buffer_map(&load.file, want.context, NULL, ig_str_c(path), err);
    if (status == IG_OK) {
        format = format_of_file(ig_buffer_span(load.file), path, want.format, err);
        if (!format) status = err ? err->status : IG_E_INPUT;
    }
    if (status == IG_OK && tensors) status = ig_tensors_create(tensors, want.context, err);
    if (status == IG_OK && tensors && format->id == IG_FILE_NPZ)
        status = ig_npz_load(*tensors, &load);
    else if (status == IG_OK) {
        status = read_one(tensor ? tensor : &one, &load, format);
        if (status == IG_OK && one) status = ig_tensors_set(*tensors, "", one, err);
        ig_tensor_free(one);
    }
    if (status != IG_OK) {
        ig_error_at(err, "%.200s", path);
        if (tensors && *tensors) {
            ig_tensors_free(*tensors);
            *tensors = NULL;
        }
    }
    ig_buffer_release(load.file);
    ig_context_free(want.context);
    return status;
}

ig_status ig_tensor_read(ig_tensor **tensor, const char *path, const ig_read_options *options, ig_error *err) {
    *tensor = NULL;
    return read_file(tensor, NULL, path, options, err);
}

ig_status ig_tensors_read(ig_tensors **tensors, const char *path, const ig_read_options *options, ig_error *err) {
    *tensors = NULL;
    return read_file(NULL, tensors, path, options, err);
}

/* ------------------------------------------------------------------------------------------------------------ writing */

static const ig_tensor_format *format_to_write(const char *path, ig_file_format wanted, ig_error *err) {
    const ig_tensor_format *f = wanted ? format_of(wanted) : format_by_name(path);
    if (f && (f->write || f->id == IG_FILE_NPZ)) return f;
    ig_fail(err, IG_E_ARGUMENT, f ? "igata does not write %s files" : "which format should '%.200s' have?", f ? f->name : path);
    ig_error_hint(err, "it writes .npy, .npz, .pb, .json, .csv and .raw");
    return NULL;
}

/* Writes `tensor`, number `i` of what is written, or for an archive all of `tensors`. */
static ig_status write_file(const ig_tensor *tensor, const ig_tensors *tensors, size_t i, const char *name, const char *path,
                            const ig_tensor_format *format, const ig_write_options *o, ig_error *err) {
    ig_context *context = tensors ? ig_tensors_context(tensors) : tensor->context;
    ig_store store = {.context = context, .name = name, .raw_bits = o->raw_bits, .err = err};
    if (o->kinds && format->any_kind) store.kind = o->kinds[i];
    IG_TRY(ig_file_create(&store.file, context, path, o->overwrite, err));
    ig_c_locale l = ig_c_locale_enter();
    ig_status status = tensors ? ig_npz_store(&store, tensors) : format->write(&store, tensor);
    ig_c_locale_leave(l);
    if (status == IG_OK) return ig_file_commit(store.file, err);
    ig_file_discard(store.file);
    ig_error_at(err, "%.200s", path);
    return status;
}

/* All values as dense tensors. */
static ig_status flatten_all(ig_tensors **out, const ig_tensors *tensors, ig_error *err) {
    IG_TRY(ig_tensors_create(out, ig_tensors_context(tensors), err));
    ig_status status = IG_OK;
    for (size_t i = 0; i < ig_tensors_count(tensors) && status == IG_OK; i++)
        status = ig_tensors_flatten(*out, ig_tensors_name(tensors, i), ig_tensors_at(tensors, i), err);
    if (status == IG_OK) return IG_OK;
    ig_tensors_free(*out);
    *out = NULL;
    return status;
}

ig_status ig_tensor_write(const ig_tensor *tensor, const char *name, const char *path, const ig_write_options *options,
                          ig_error *err) {
    ig_write_options o = {0};
    ig_options_copy(&o, sizeof o, options);
    const ig_tensor_format *format = format_to_write(path, o.format, err);
    if (!format) return IG_E_ARGUMENT;
    if (format->id != IG_FILE_NPZ) return write_file(tensor, NULL, 0, name, path, format, &o, err);
    ig_tensors *one;
    IG_TRY(ig_tensors_create(&one, tensor->context, err));
    ig_status status = ig_tensors_set(one, name ? name : "arr_0", (ig_tensor *)(uintptr_t)tensor, err);
    if (status == IG_OK) status = ig_tensors_write(one, path, &o, err);
    ig_tensors_free(one);
    return status;
}

/* The name of a tensor as a file's: a name from a model may hold slashes, control characters, anything. */
static void file_name(ig_text *out, const char *name) {
    size_t n = ig_min_size(strlen(name), 120);
    for (size_t i = 0; i < n; i++) {
        char c = name[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
                     (c == '.' && i > 0);
        ig_text_add(out, (ig_str){plain ? &c : "_", 1});
    }
    if (n == 0) ig_text_add(out, IG_STR("_"));
}

/* Paths of the files for each tensor, all different, in the arena. */
static ig_status name_files(const char **paths, ig_arena *arena, const ig_tensors *tensors, const char *folder,
                            const ig_tensor_format *format, ig_error *err) {
    ig_names used;
    ig_names_init(&used, arena);
    int extension = (int)strcspn(format->extensions, " ");
    for (size_t i = 0; i < ig_tensors_count(tensors); i++) {
        for (size_t attempt = 0;; attempt++) {
            ig_text t;
            ig_text_init(&t, arena);
            ig_text_printf(&t, "%s/", folder);
            if (format->id == IG_FILE_PB)
                ig_text_printf(&t, "output_%zu", i);
            else
                file_name(&t, ig_tensors_name(tensors, i));
            if (attempt) ig_text_printf(&t, "_%zu", attempt + 1);
            ig_text_printf(&t, ".%.*s", extension, format->extensions);
            bool ok = !t.failed;
            bool taken = ok && ig_names_find(&used, (ig_str){t.s, t.n});
            if (!ok || !ig_intern(&used, (ig_str){t.s, t.n}, &ok) || !ok) return ig_oom(err);
            paths[i] = t.s;
            if (!taken) break;
        }
    }
    return IG_OK;
}

static ig_status write_folder(const ig_tensors *tensors, const char *folder, const ig_tensor_format *format,
                              const ig_write_options *o, ig_arena *arena, ig_error *err) {
    size_t n = ig_tensors_count(tensors);
    const char **paths = IG_NEW_ARRAY(arena, const char *, n);
    if (!paths) return ig_oom(err);
    IG_TRY(name_files(paths, arena, tensors, folder, format, err));
    for (size_t i = 0; i < n && !o->overwrite; i++) { /* all or none */
        if (ig_path_kind_of(paths[i]) == IG_PATH_MISSING) continue;
        ig_fail(err, IG_E_ARGUMENT, "'%.200s' exists", paths[i]);
        ig_error_hint(err, "choose another folder, or ask for files to be overwritten (--force)");
        return IG_E_ARGUMENT;
    }
    IG_TRY(ig_folder_create(folder, err));
    for (size_t i = 0; i < n; i++)
        IG_TRY(write_file(ig_tensors_at(tensors, i), NULL, i, ig_tensors_name(tensors, i), paths[i], format, o, err));
    return IG_OK;
}

static ig_status write_all(const ig_tensors *tensors, const char *path, bool folder, const ig_tensor_format *format,
                           const ig_write_options *o, ig_error *err) {
    ig_context *context = ig_tensors_context(tensors);
    size_t n = ig_tensors_count(tensors);
    if (folder) {
        ig_arena arena;
        ig_arena_init(&arena, context);
        ig_status status = write_folder(tensors, path, format, o, &arena, err);
        ig_arena_free(&arena);
        return status;
    }
    if (format->id == IG_FILE_NPZ) return write_file(NULL, tensors, 0, NULL, path, format, o, err);
    if (n == 1) return write_file(ig_tensors_at(tensors, 0), NULL, 0, ig_tensors_name(tensors, 0), path, format, o, err);
    ig_fail(err, IG_E_ARGUMENT, "a .%s file holds one tensor, there are %zu", format->name, n);
    ig_error_hint(err, "write an .npz file, or into a folder with --output-format %s", format->name);
    return IG_E_ARGUMENT;
}

ig_status ig_tensors_write(const ig_tensors *tensors, const char *path, const ig_write_options *options, ig_error *err) {
    ig_write_options o = {0};
    ig_options_copy(&o, sizeof o, options);
    bool folder = ig_path_kind_of(path) == IG_PATH_FOLDER || (o.format != IG_FILE_NPZ && !format_by_name(path));
    if (folder && !o.format) o.format = IG_FILE_NPY;
    const ig_tensor_format *format = format_to_write(path, o.format, err);
    if (!format) return IG_E_ARGUMENT;
    if (folder && format->id == IG_FILE_NPZ) return ig_fail(err, IG_E_ARGUMENT, "'%.200s' is a folder", path);
    if (format->any_kind) return write_all(tensors, path, folder, format, &o, err);
    ig_tensors *flat;
    IG_TRY(flatten_all(&flat, tensors, err));
    ig_status status = write_all(flat, path, folder, format, &o, err);
    ig_tensors_free(flat);
    return status;
}
