#include "base/error.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct ig_file {
    ig_context *context; /* retained */
    FILE *stream;
    int problem;
    bool overwrite, existed;
    char *path, *temporary; /* temporary NULL: path is written directly */
};

ig_path_kind ig_path_kind_of(const char *path) {
    struct stat st;
    if (stat(path, &st)) return errno == ENOENT || errno == ENOTDIR ? IG_PATH_MISSING : IG_PATH_OTHER;
    return S_ISREG(st.st_mode) ? IG_PATH_FILE : S_ISDIR(st.st_mode) ? IG_PATH_FOLDER : IG_PATH_OTHER;
}

ig_status ig_folder_create(const char *path, ig_error *err) {
    if (mkdir(path, 0777) == 0 || (errno == EEXIST && ig_path_kind_of(path) == IG_PATH_FOLDER)) return IG_OK;
    return ig_fail(err, IG_E_IO, "can't make the folder '%.200s': %s", path, strerror(errno));
}

static ig_status refuse_existing(const char *path, ig_error *err) {
    ig_fail(err, IG_E_ARGUMENT, "'%.200s' exists", path);
    ig_error_hint(err, "choose another name, or ask for it to be overwritten (--force)");
    return IG_E_ARGUMENT;
}

static ig_status fail_io(const char *path, int problem, ig_error *err) {
    return ig_fail(err, IG_E_IO, "can't write '%.200s': %s", path, strerror(problem));
}

static void file_free(ig_file *f) {
    ig_context *context = f->context;
    ig_release(context, f->temporary);
    ig_release(context, f->path);
    ig_release(context, f);
    ig_context_free(context);
}

static int open_temporary(ig_file *f, size_t path_size) {
    static const char tail_format[] = ".%08llx.tmp";
    for (unsigned attempt = 0; attempt < 100; attempt++) {
        uint64_t now = ig_clock_ns();
        unsigned long long mix = ((now ^ (uint64_t)getpid() << 20) * 0x9E3779B97F4A7C15u + attempt) >> 32;
        memcpy(f->temporary, f->path, path_size);
        snprintf(f->temporary + path_size, 16, tail_format, mix);
        int fd = open(f->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST) return fd;
    }
    return -1;
}

ig_status ig_file_create(ig_file **out, ig_context *context, const char *path, bool overwrite, ig_error *err) {
    *out = NULL;
    ig_path_kind kind = ig_path_kind_of(path);
    if (kind == IG_PATH_FOLDER) return ig_fail(err, IG_E_ARGUMENT, "'%.200s' is a folder", path);
    if (kind == IG_PATH_FILE && !overwrite) return refuse_existing(path, err);
    size_t n = strlen(path);
    ig_file *f = ig_calloc(context, sizeof *f);
    if (!f) return ig_oom(err);
    f->context = ig_context_retain(context);
    f->overwrite = overwrite;
    f->existed = kind == IG_PATH_FILE;
    f->path = ig_alloc(context, n + 1);
    if (kind != IG_PATH_OTHER) f->temporary = ig_alloc(context, n + 16);
    if (!f->path || (kind != IG_PATH_OTHER && !f->temporary)) {
        file_free(f);
        return ig_oom(err);
    }
    memcpy(f->path, path, n + 1);
    int fd = f->temporary ? open_temporary(f, n) : open(path, O_WRONLY | O_CLOEXEC);
    f->stream = fd < 0 ? NULL : fdopen(fd, "wb");
    if (!f->stream) {
        int problem = errno;
        if (fd >= 0) {
            close(fd);
            if (f->temporary) unlink(f->temporary);
        }
        file_free(f);
        return fail_io(path, problem, err);
    }
    *out = f;
    return IG_OK;
}

void ig_file_write(ig_file *f, const void *data, size_t n) {
    if (f->problem || n == 0) return;
    errno = 0;
    if (fwrite(data, 1, n, f->stream) != n) f->problem = errno ? errno : EIO;
}

void ig_file_printf(ig_file *f, const char *format, ...) {
    if (f->problem) return;
    va_list args;
    va_start(args, format);
    errno = 0;
    if (vfprintf(f->stream, format, args) < 0) f->problem = errno ? errno : EIO;
    va_end(args);
}

uint64_t ig_file_tell(ig_file *f) {
    off_t at = ftello(f->stream);
    return at < 0 ? 0 : (uint64_t)at;
}

void ig_file_seek(ig_file *f, uint64_t position) {
    if (!f->problem && fseeko(f->stream, (off_t)position, SEEK_SET)) f->problem = errno;
}

int ig_file_problem(const ig_file *f) { return f->problem; }

/* Without `overwrite` the name must still be free: link() refuses an existing one, rename() would replace it. Where a file
 * system has no hard links, an exclusive placeholder claims the name. Returns an errno value. */
static int give_name(const ig_file *f) {
    if (f->overwrite) return rename(f->temporary, f->path) ? errno : 0;
    if (link(f->temporary, f->path) == 0) return unlink(f->temporary) ? errno : 0;
    if (errno == EEXIST) return EEXIST;
    int fd = open(f->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) return errno;
    close(fd);
    return rename(f->temporary, f->path) ? errno : 0;
}

static ig_status report(const ig_file *f, ig_error *err) {
    return f->problem == EEXIST ? refuse_existing(f->path, err) : fail_io(f->path, f->problem, err);
}

ig_status ig_file_commit_all(ig_file *const *files, size_t n, ig_error *err) {
    const ig_file *wrong = NULL;
    size_t named = 0;
    for (size_t i = 0; i < n; i++) { /* what a full disk refuses shows here, before anything has its name */
        ig_file *f = files[i];
        errno = 0;
        if (fclose(f->stream) && !f->problem) f->problem = errno ? errno : EIO;
        if (f->problem && !wrong) wrong = f;
    }
    for (; !wrong && named < n; named++) {
        ig_file *f = files[named];
        if (f->temporary) f->problem = give_name(f);
        if (f->problem) {
            wrong = f;
            break;
        }
    }
    ig_status status = wrong ? report(wrong, err) : IG_OK;
    for (size_t i = 0; i < n; i++) {
        const ig_file *f = files[i];
        if (wrong && f->temporary && i >= named) unlink(f->temporary);
        if (wrong && f->temporary && i < named && !f->existed) unlink(f->path);
        file_free(files[i]);
    }
    return status;
}

ig_status ig_file_commit(ig_file *f, ig_error *err) { return ig_file_commit_all(&f, 1, err); }

void ig_file_discard(ig_file *f) {
    if (!f) return;
    fclose(f->stream);
    if (f->temporary) unlink(f->temporary);
    file_free(f);
}
