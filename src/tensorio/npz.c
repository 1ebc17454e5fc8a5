/* NumPy's archives: a zip of .npy files, named after their arrays. */
#include "codec/zip.h"
#include "tensorio/tensorio.h"

bool ig_npz_probe(ig_span file) { return ig_zip_probe(file); }

static ig_status load_entry(ig_tensors *tensors, const ig_load *load, ig_zip *zip, size_t i) {
    ig_str name = ig_zip_name(zip, i);
    ig_buffer *content;
    ig_tensor *t = NULL;
    IG_TRY(ig_zip_read(&content, zip, i, load->err));
    bool array = ig_npy_probe(ig_buffer_span(content)); /* NumPy too passes over what isn't an array */
    ig_status status = array ? ig_npy_read(&t, load->context, content, IG_UNDEFINED, load->err) : IG_OK;
    ig_buffer_release(content);
    if (t) {
        char *key = NULL;
        if (ig_str_ends(name, ".npy")) name.n -= 4;
        ig_arena arena;
        ig_arena_init(&arena, load->context);
        key = ig_arena_printf(&arena, "%.*s", (int)ig_min_size(name.n, UINT16_MAX), name.s);
        status = key ? ig_tensors_set(tensors, key, t, load->err) : ig_oom(load->err);
        ig_arena_free(&arena);
    }
    ig_tensor_free(t);
    if (status != IG_OK) ig_error_at(load->err, "array '%.80s'", name.s);
    return status;
}

ig_status ig_npz_load(ig_tensors *tensors, const ig_load *load) {
    ig_zip *zip;
    ig_status status = ig_zip_open(&zip, load->context, load->file, load->err);
    if (status != IG_OK && load->file->size > 1 && load->file->data[0] == 0x80) {
        ig_fail(load->err, IG_E_UNSUPPORTED, "a Python pickle, which is never loaded because it could run code");
        ig_error_hint(load->err, "save the arrays with numpy.savez");
        return IG_E_UNSUPPORTED;
    }
    if (status != IG_OK) return status;
    for (size_t i = 0; i < ig_zip_count(zip) && status == IG_OK; i++) status = load_entry(tensors, load, zip, i);
    ig_zip_free(zip);
    return status;
}

static void put_zip(void *user, const void *data, size_t n) { ig_zip_put(user, data, n); }

static ig_status store_entry(ig_zip_out *zip, const ig_store *store, const char *name, const ig_tensor *t) {
    ig_npy_out out;
    IG_TRY(ig_npy_prepare(&out, zip->arena, t, store->raw_bits, store->err));
    char *member = ig_arena_printf(zip->arena, "%s.npy", name);
    if (!member) return ig_oom(store->err);
    if (strlen(member) > UINT16_MAX)
        return ig_fail(store->err, IG_E_ARGUMENT, "the name '%.80s' is too long for a zip file", name);
    ig_zip_entry_begin(zip, ig_str_c(member), out.bytes, 64);
    ig_npy_put(&out, (ig_sink){put_zip, zip});
    ig_zip_entry_end(zip);
    return IG_OK;
}

ig_status ig_npz_store(const ig_store *store, const ig_tensors *tensors) {
    ig_arena arena;
    ig_zip_out zip;
    ig_arena_init(&arena, store->context);
    ig_zip_begin(&zip, &arena, store->file);
    ig_status status = IG_OK;
    for (size_t i = 0; i < ig_tensors_count(tensors) && status == IG_OK; i++)
        status = store_entry(&zip, store, ig_tensors_name(tensors, i), ig_tensors_at(tensors, i));
    if (status == IG_OK) status = ig_zip_finish(&zip, store->err);
    ig_arena_free(&arena);
    return status;
}
