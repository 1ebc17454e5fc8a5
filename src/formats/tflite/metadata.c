/* What a file says about itself, as properties of the model: which runtime it needs, TFLite Metadata (what inputs and outputs
 * are, normalization, labels) and the files that belong to it, which stand in a zip archive behind the model.
 *
 * Properties are "name", "author" …, "inputs[0].mean", "outputs[1].labels" …, and "file labels.txt" for each file, whose value
 * is its text when it is short.
 * https://github.com/tensorflow/tflite-support/blob/master/tensorflow_lite_support/metadata/metadata_schema.fbs */
#include "codec/zip.h"
#include "formats/tflite/decode.h"

#include <stdio.h>

enum {
    SHORT = 64 << 10,    /* bytes of a file that is told whole */
    MOST = 200,          /* files of an archive, tensors, entries that are told */
    ZIP_END = 22,        /* size of a zip's end record without its comment */
    ZIP_COMMENT = 65535, /* and of the longest comment */
};

/* Fields by their numbers in the schema of TFLite Metadata. */
enum { MODEL_NAME, MODEL_DESCRIPTION, MODEL_VERSION, MODEL_SUBGRAPHS, MODEL_AUTHOR, MODEL_LICENSE, MODEL_FILES, MODEL_PARSER };
enum { SUBGRAPH_INPUTS = 2, SUBGRAPH_OUTPUTS, SUBGRAPH_FILES, SUBGRAPH_INPUT_UNITS, SUBGRAPH_OUTPUT_UNITS };
enum { TENSOR_NAME, TENSOR_DESCRIPTION, TENSOR_DIMS, TENSOR_CONTENT, TENSOR_UNITS, TENSOR_STATS, TENSOR_FILES };
enum { FILE_NAME, FILE_DESCRIPTION, FILE_TYPE, FILE_LOCALE };
enum { CONTENT_KIND, CONTENT_PROPERTIES };
enum { CONTENT_IMAGE = 2, CONTENT_BOX, CONTENT_AUDIO };
enum { UNIT_KIND, UNIT_OPTIONS };
enum { UNIT_NORMALIZATION = 1, UNIT_CALIBRATION, UNIT_THRESHOLD, UNIT_BERT, UNIT_SENTENCEPIECE, UNIT_REGEX };

typedef struct teller {
    ig_tfl_reader *r;
    ig_fb fb; /* of the metadata, which is a FlatBuffer of its own */
    char prefix[32];
    ig_status status;
} teller;

static void tell(teller *t, const char *key, ig_str value) {
    char whole[80];
    if (t->status != IG_OK || !value.n) return;
    snprintf(whole, sizeof whole, "%s%s", t->prefix, key);
    t->status = ig_tfl_note(t->r, whole, value);
}

static void tell_text(teller *t, const char *key, const ig_text *text) {
    if (text->failed) t->status = ig_oom(t->r->err);
    tell(t, key, (ig_str){text->s, text->n});
}

static ig_text start(const teller *t) {
    ig_text text;
    ig_text_init(&text, &t->r->arena);
    return text;
}

static const char *word(const char *const *words, size_t n, uint32_t i) { return i < n ? words[i] : "unknown"; }

static void tell_floats(teller *t, const char *key, ig_fb_table table, unsigned field) {
    ig_fb_vector v = ig_fb_scalars(&t->fb, table, field, 4);
    ig_text text = start(t);
    for (uint32_t i = 0; i < v.n && i < MOST; i++)
        ig_text_printf(&text, "%s%g", i ? "," : "", (double)ig_load_f32(v.p + 4 * (size_t)i));
    tell_text(t, key, &text);
}

/* "labels.txt (labels of an axis, en)" */
static void tell_files(teller *t, const char *key, ig_fb_table table, unsigned field) {
    static const char *const types[] = {
        "", "description", "labels of an axis", "labels of values", "calibration of scores", "vocabulary", "ScaNN index"};
    ig_fb_vector files = ig_fb_tables(&t->fb, table, field);
    ig_text text = start(t);
    for (uint32_t i = 0; i < files.n && i < MOST; i++) {
        ig_fb_table file = ig_fb_item(&t->fb, files, i);
        ig_str locale = ig_fb_str(&t->fb, file, FILE_LOCALE);
        const char *type = word(types, IG_COUNT_OF(types), ig_fb_u8(&t->fb, file, FILE_TYPE, 0));
        if (i) ig_text_add(&text, IG_STR(", "));
        ig_text_add(&text, ig_fb_str(&t->fb, file, FILE_NAME));
        if (type[0] || locale.n)
            ig_text_printf(&text, " (%s%s%.*s)", type, type[0] && locale.n ? ", " : "", (int)ig_min_size(locale.n, 40),
                           locale.s);
    }
    tell_text(t, key, &text);
}

static void tell_dims(teller *t, ig_fb_table tensor) {
    ig_fb_vector names = ig_fb_tables(&t->fb, tensor, TENSOR_DIMS);
    ig_text text = start(t);
    for (uint32_t i = 0; i < names.n && i < IG_MAX_RANK; i++) {
        if (i) ig_text_add(&text, IG_STR(","));
        ig_text_add(&text, ig_fb_item_str(&t->fb, names, i));
    }
    tell_text(t, "dims", &text);
}

/* "image RGB 224x224", "box boundaries ratio", "audio 16000 Hz, 1 channels" */
static void tell_content(teller *t, ig_fb_table tensor) {
    static const char *const colors[] = {"unknown", "RGB", "grayscale"}, *const boxes[] = {"unknown", "boundaries",
                                                                                           "upper left", "center"};
    ig_fb *fb = &t->fb;
    ig_fb_table content = ig_fb_sub(fb, tensor, TENSOR_CONTENT), p = ig_fb_sub(fb, content, CONTENT_PROPERTIES), size;
    ig_text text = start(t);
    switch (ig_fb_u8(fb, content, CONTENT_KIND, 0)) {
    case CONTENT_IMAGE:
        size = ig_fb_sub(fb, p, 1);
        ig_text_printf(&text, "image %s", word(colors, IG_COUNT_OF(colors), ig_fb_u8(fb, p, 0, 0)));
        if (size.at) ig_text_printf(&text, " %ux%u", ig_fb_u32(fb, size, 0, 0), ig_fb_u32(fb, size, 1, 0));
        break;
    case CONTENT_BOX:
        ig_text_printf(&text, "box %s %s", word(boxes, IG_COUNT_OF(boxes), ig_fb_u8(fb, p, 1, 0)),
                       ig_fb_u8(fb, p, 2, 0) ? "pixel" : "ratio");
        break;
    case CONTENT_AUDIO:
        ig_text_printf(&text, "audio %u Hz, %u channels", ig_fb_u32(fb, p, 0, 0), ig_fb_u32(fb, p, 1, 0));
        break;
    default: break;
    }
    tell_text(t, "content", &text);
}

static void tell_units(teller *t, ig_fb_table table, unsigned field) {
    static const char *const functions[] = {"identity", "log", "inverse logistic"};
    ig_fb *fb = &t->fb;
    ig_fb_vector units = ig_fb_tables(fb, table, field);
    for (uint32_t i = 0; i < units.n && i < MOST; i++) {
        ig_fb_table unit = ig_fb_item(fb, units, i), o = ig_fb_sub(fb, unit, UNIT_OPTIONS);
        ig_text text = start(t);
        switch (ig_fb_u8(fb, unit, UNIT_KIND, 0)) {
        case UNIT_NORMALIZATION:
            tell_floats(t, "mean", o, 0);
            tell_floats(t, "std", o, 1);
            break;
        case UNIT_CALIBRATION:
            ig_text_printf(&text, "%s, default %g", word(functions, IG_COUNT_OF(functions), ig_fb_u8(fb, o, 0, 0)),
                           (double)ig_fb_f32(fb, o, 1, 0));
            tell_text(t, "score_calibration", &text);
            break;
        case UNIT_THRESHOLD:
            ig_text_printf(&text, "%g", (double)ig_fb_f32(fb, o, 0, 0));
            tell_text(t, "score_threshold", &text);
            break;
        case UNIT_BERT:
            tell(t, "tokenizer", IG_STR("BERT"));
            tell_files(t, "vocabulary", o, 0);
            break;
        case UNIT_SENTENCEPIECE:
            tell(t, "tokenizer", IG_STR("SentencePiece"));
            tell_files(t, "model", o, 0);
            tell_files(t, "vocabulary", o, 1);
            break;
        case UNIT_REGEX:
            tell(t, "tokenizer", ig_fb_str(fb, o, 0));
            tell_files(t, "vocabulary", o, 1);
            break;
        default: break;
        }
    }
}

static void tell_tensors(teller *t, ig_fb_table subgraph, unsigned field, const char *what) {
    ig_fb_vector tensors = ig_fb_tables(&t->fb, subgraph, field);
    for (uint32_t i = 0; i < tensors.n && i < MOST && t->status == IG_OK; i++) {
        ig_fb_table tensor = ig_fb_item(&t->fb, tensors, i), stats = ig_fb_sub(&t->fb, tensor, TENSOR_STATS);
        snprintf(t->prefix, sizeof t->prefix, "%s[%u].", what, i);
        tell(t, "name", ig_fb_str(&t->fb, tensor, TENSOR_NAME));
        tell(t, "description", ig_fb_str(&t->fb, tensor, TENSOR_DESCRIPTION));
        tell_dims(t, tensor);
        tell_content(t, tensor);
        tell_units(t, tensor, TENSOR_UNITS);
        tell_floats(t, "max", stats, 0);
        tell_floats(t, "min", stats, 1);
        tell_files(t, "labels", tensor, TENSOR_FILES);
    }
    t->prefix[0] = 0;
}

static ig_status tell_model(ig_tfl_reader *r, ig_span content) {
    teller t = {.r = r, .fb = ig_fb_open(content)};
    ig_fb_table model = ig_fb_root(&t.fb);
    ig_fb_vector subgraphs = ig_fb_tables(&t.fb, model, MODEL_SUBGRAPHS);
    tell(&t, "name", ig_fb_str(&t.fb, model, MODEL_NAME));
    tell(&t, "description", ig_fb_str(&t.fb, model, MODEL_DESCRIPTION));
    tell(&t, "version", ig_fb_str(&t.fb, model, MODEL_VERSION));
    tell(&t, "author", ig_fb_str(&t.fb, model, MODEL_AUTHOR));
    tell(&t, "license", ig_fb_str(&t.fb, model, MODEL_LICENSE));
    tell_files(&t, "files", model, MODEL_FILES);
    if (subgraphs.n) {
        ig_fb_table subgraph = ig_fb_item(&t.fb, subgraphs, 0);
        tell_files(&t, "subgraph files", subgraph, SUBGRAPH_FILES);
        tell_tensors(&t, subgraph, SUBGRAPH_INPUTS, "inputs");
        tell_tensors(&t, subgraph, SUBGRAPH_OUTPUTS, "outputs");
        snprintf(t.prefix, sizeof t.prefix, "inputs.");
        tell_units(&t, subgraph, SUBGRAPH_INPUT_UNITS);
        snprintf(t.prefix, sizeof t.prefix, "outputs.");
        tell_units(&t, subgraph, SUBGRAPH_OUTPUT_UNITS);
    }
    if (t.fb.wrong)
        ig_tfl_find(r, IG_WARNING, "metadata", "TFLITE_METADATA", "%s (at byte %zu of it)", t.fb.wrong, t.fb.wrong_at);
    return t.status;
}

/* ------------------------------------------------------------------------------------------------------------- texts, files */

/* Printable text, or how much there is. */
static ig_status note_content(ig_tfl_reader *r, const char *key, ig_span content) {
    char size[40];
    bool text = content.n <= SHORT;
    while (content.n && content.p[content.n - 1] == 0) content.n--; /* strings may be padded */
    for (size_t i = 0; i < content.n && text; i++)
        text = content.p[i] >= ' ' || content.p[i] == '\n' || content.p[i] == '\t' || content.p[i] == '\r';
    if (text && content.n) return ig_tfl_note(r, key, ig_str_of(content));
    snprintf(size, sizeof size, "%zu bytes", content.n);
    return ig_tfl_note(r, key, ig_str_c(size));
}

/* Entries of the model's own table of metadata. */
static ig_status note_entries(ig_tfl_reader *r) {
    ig_fb_vector list = ig_fb_tables(&r->fb, r->root, IG_TFL_MODEL_METADATA);
    for (uint32_t i = 0; i < list.n && i < MOST; i++) {
        ig_fb_table entry = ig_fb_item(&r->fb, list, i);
        ig_str name = ig_fb_str(&r->fb, entry, IG_TFL_METADATA_NAME);
        uint32_t buffer = ig_fb_u32(&r->fb, entry, IG_TFL_METADATA_BUFFER, 0);
        char key[100];
        if (!name.n || buffer >= r->n_buffers) continue;
        if (ig_str_is(name, "TFLITE_METADATA")) {
            IG_TRY(tell_model(r, r->buffers[buffer]));
            continue;
        }
        snprintf(key, sizeof key, "%.*s", (int)ig_min_size(name.n, 80), name.s);
        IG_TRY(note_content(r, key, r->buffers[buffer]));
    }
    return ig_tfl_sound(r);
}

/* The archive that ends where the file ends. Its offsets count from its own start or from that of the file. */
static bool find_archive(ig_span file, ig_span *archive) {
    size_t most = ig_min_size(file.n, ZIP_END + ZIP_COMMENT);
    for (size_t back = ZIP_END; back <= most; back++) {
        const uint8_t *p = file.p + file.n - back;
        if (memcmp(p, "PK\5\6", 4) != 0 || ig_load_u16(p + 20) != back - ZIP_END) continue;
        uint64_t before = (uint64_t)ig_load_u32(p + 12) + ig_load_u32(p + 16); /* size and offset of the directory */
        if (before > file.n - back) return false;
        size_t start = file.n - back - (size_t)before;
        *archive = (ig_span){file.p + start, file.n - start};
        return true;
    }
    return false;
}

static ig_status note_file(ig_tfl_reader *r, ig_zip *zip, size_t i) {
    ig_str name = ig_zip_name(zip, i);
    ig_buffer *content = NULL;
    ig_error why;
    char key[200], size[40];
    if (!name.n || name.s[name.n - 1] == '/') return IG_OK;
    snprintf(key, sizeof key, "file %.*s", (int)ig_min_size(name.n, 180), name.s);
    if (ig_zip_size(zip, i) > SHORT) {
        snprintf(size, sizeof size, "%llu bytes", (unsigned long long)ig_zip_size(zip, i));
        return ig_tfl_note(r, key, ig_str_c(size));
    }
    ig_status status = ig_zip_read(&content, zip, i, &why);
    if (status == IG_E_MEMORY) return ig_oom(r->err);
    if (status != IG_OK) {
        ig_tfl_find(r, IG_WARNING, "metadata", key, "%s", why.message);
        return IG_OK;
    }
    status = note_content(r, key, ig_buffer_span(content));
    ig_buffer_release(content);
    return status;
}

static ig_status note_files(ig_tfl_reader *r) {
    ig_zip *zip;
    ig_error why;
    ig_span archive;
    if (!find_archive(ig_buffer_span(r->file), &archive)) return IG_OK;
    ig_buffer *part = ig_buffer_borrow(r->model->context, archive.p, archive.n);
    if (!part) return ig_oom(r->err);
    ig_status status = ig_zip_open(&zip, r->model->context, part, &why);
    ig_buffer_release(part);
    if (status == IG_E_MEMORY) return ig_oom(r->err);
    if (status != IG_OK) {
        ig_tfl_find(r, IG_WARNING, "metadata", "the archive behind the model", "%s", why.message);
        return IG_OK;
    }
    for (size_t i = 0; i < ig_zip_count(zip) && i < MOST && status == IG_OK; i++) status = note_file(r, zip, i);
    ig_zip_free(zip);
    return status;
}

ig_status ig_tfl_read_metadata(ig_tfl_reader *r) {
    IG_TRY(note_entries(r));
    return note_files(r);
}
