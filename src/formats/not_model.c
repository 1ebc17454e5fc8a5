/* Files that people hand over by mistake: what they are, by their first bytes, and what to do. */
#include "formats/format.h"

typedef struct other_file {
    const char *magic;
    uint16_t n, at; /* length and position of magic */
    bool text;      /* compared without regard to case, after white space */
    const char *what, *hint;
} other_file;

#define MAGIC(bytes, at, what, hint)                                                                                           \
    { bytes, sizeof(bytes) - 1, at, false, what, hint }
#define TEXT(bytes, what, hint)                                                                                                \
    { bytes, sizeof(bytes) - 1, 0, true, what, hint }

static const char lfs[] = "a Git LFS pointer, not the model itself";
static const char lfs_pull[] = "run `git lfs pull` in the repository that it came from";
static const char page[] = "a web page (HTML), not a model";
static const char message[] = "an error message of a server, not a model";
static const char fetch_again[] = "the download went wrong: fetch the file itself, not the page that shows it";
static const char unpack[] = "unpack it first and give the model inside";

/* clang-format off */
static const other_file others[] = {
    TEXT("version https://git-lfs.github.com/", lfs, lfs_pull),
    TEXT("version https://hawser.github.com/", lfs, lfs_pull),
    TEXT("<!doctype html", page, fetch_again),
    TEXT("<html", page, fetch_again),
    TEXT("<head", page, fetch_again),
    TEXT("<error><code>", message, fetch_again),
    TEXT("<?xml version=\"1.0\" encoding=\"utf-8\"?><error", message, fetch_again),
    TEXT("{\"error\"", message, fetch_again),
    TEXT("entry not found", message, fetch_again),
    TEXT("404: not found", message, fetch_again),
    TEXT("invalid username or password", message, "log in to the server and fetch the file again"),
    TEXT("access to model", message, "ask for access on the model's page and fetch the file again"),
    MAGIC("PK\003\004", 0, "a zip archive without a model that igata knows", unpack),
    MAGIC("PK\005\006", 0, "an empty zip archive", NULL),
    MAGIC("\037\213", 0, "a gzip archive", unpack),
    MAGIC("BZh", 0, "a bzip2 archive", unpack),
    MAGIC("\375" "7zXZ", 0, "an xz archive", unpack),
    MAGIC("7z\274\257\047\034", 0, "a 7-zip archive", unpack),
    MAGIC("\050\265\057\375", 0, "a zstd archive", unpack),
    MAGIC("Rar!\032\007", 0, "a RAR archive", unpack),
    MAGIC("ustar", 257, "a tar archive", unpack),
    MAGIC("%PDF-", 0, "a PDF document", NULL),
    MAGIC("\211PNG\r\n", 0, "a PNG picture", "pictures are inputs: `igata run model -i name=picture.png`"),
    MAGIC("\377\330\377", 0, "a JPEG picture", "pictures are inputs: `igata run model -i name=picture.jpg`"),
    MAGIC("GIF8", 0, "a GIF picture", NULL),
    MAGIC("RIFF", 0, "a sound, video or picture (RIFF)", NULL),
    MAGIC("\177" "ELF", 0, "a program or library (ELF)", NULL),
    MAGIC("MZ", 0, "a Windows program or library", NULL),
    MAGIC("#!", 0, "a script", NULL),
    MAGIC("SQLite format 3", 0, "an SQLite database", NULL),
    MAGIC("\223NUMPY", 0, "a NumPy array, not a model", "arrays are inputs: `igata run model -i name=array.npy`"),
};
/* clang-format on */

static char lower(uint8_t c) { return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c); }

static bool looks_like(const other_file *o, ig_span content) {
    size_t at = o->at;
    if (o->text) {
        if (content.n >= 3 && memcmp(content.p, "\357\273\277", 3) == 0) at = 3; /* byte order mark */
        while (at < content.n && at < 512 && memchr(" \t\r\n", content.p[at], 4)) at++;
    }
    ig_span part;
    if (!ig_span_sub(content, at, o->n, &part)) return false;
    if (!o->text) return memcmp(part.p, o->magic, o->n) == 0;
    for (size_t i = 0; i < o->n; i++)
        if (lower(part.p[i]) != o->magic[i]) return false;
    return true;
}

static bool all_zero(ig_span content) {
    size_t n = ig_min_size(content.n, 4096);
    for (size_t i = 0; i < n; i++)
        if (content.p[i]) return false;
    return true;
}

ig_status ig_not_a_model(ig_span content, ig_error *err) {
    if (content.n == 0) {
        ig_fail(err, IG_E_INPUT, "the file is empty");
        ig_error_hint(err, "the download or the export stopped before it began: make the file again");
        return IG_E_INPUT;
    }
    for (size_t i = 0; i < IG_COUNT_OF(others); i++) {
        if (!looks_like(&others[i], content)) continue;
        ig_fail(err, IG_E_INPUT, "this is %s", others[i].what);
        if (others[i].hint) ig_error_hint(err, "%s", others[i].hint);
        return IG_E_INPUT;
    }
    if (!all_zero(content)) return IG_OK;
    ig_fail(err, IG_E_INPUT, "the file begins with zeros only");
    ig_error_hint(err, "the download or the copy did not finish: make the file again");
    return IG_E_INPUT;
}
