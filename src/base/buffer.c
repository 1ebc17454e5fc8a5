#include "base/buffer.h"

#include "base/error.h"
#include "base/platform.h"

#include <errno.h>

static ig_buffer *buffer_new(ig_context *context, const void *data, size_t size, void (*destroy)(ig_buffer *)) {
    ig_buffer *b = ig_calloc(context, sizeof *b);
    if (!b) return NULL;
    b->context = ig_context_retain(context);
    b->data = (uint8_t *)(uintptr_t)data;
    b->size = size;
    b->destroy = destroy;
    atomic_init(&b->references, 1);
    return b;
}

static void destroy_heap(ig_buffer *b) { ig_release(b->context, b->data); }

static void destroy_map(ig_buffer *b) { b->context->io.unmap(b->context->io.user, b->data, b->size); }

ig_buffer *ig_buffer_create(ig_context *context, size_t size, bool zeroed) {
    void *data = zeroed ? ig_calloc(context, size) : ig_alloc(context, size);
    if (!data) return NULL;
    ig_buffer *b = buffer_new(context, data, size, destroy_heap);
    if (!b) ig_release(context, data);
    return b;
}

ig_buffer *ig_buffer_borrow(ig_context *context, const void *data, size_t size) {
    return buffer_new(context, data, size, NULL);
}

ig_buffer *ig_buffer_retain(ig_buffer *b) {
    if (b) atomic_fetch_add_explicit(&b->references, 1, memory_order_relaxed);
    return b;
}

void ig_buffer_release(ig_buffer *b) {
    if (!b || atomic_fetch_sub_explicit(&b->references, 1, memory_order_acq_rel) != 1) return;
    ig_context *context = b->context;
    if (b->destroy) b->destroy(b);
    ig_release(context, b);
    ig_context_free(context);
}

void ig_buffer_forget(const ig_buffer *b, const void *data, size_t size) {
    uintptr_t at = (uintptr_t)data, first = (uintptr_t)b->data;
    if (b->destroy != destroy_map || b->context->io.map != ig_platform_io().map) return; /* what others map may not come back */
    if (at < first || at - first > b->size || size > b->size - (at - first)) return;
    ig_platform_forget(data, size);
}

ig_status ig_path_check(ig_str path, ig_error *err) {
    const char *why = NULL;
    if (path.n == 0)
        why = "it is empty";
    else if (memchr(path.s, 0, path.n))
        why = "it has a NUL byte";
    else if (path.n > 4000)
        why = "it is too long";
    else if (path.s[0] == '/' || path.s[0] == '\\')
        why = "it is absolute";
    else if (path.n > 1 && path.s[1] == ':')
        why = "it is absolute (a drive letter)";
    for (size_t i = 0, start = 0; !why && i <= path.n; i++) {
        if (i < path.n && path.s[i] != '/' && path.s[i] != '\\') continue;
        if (i - start == 2 && path.s[start] == '.' && path.s[start + 1] == '.') why = "it leaves the model's folder with '..'";
        start = i + 1;
    }
    if (!why) return IG_OK;
    ig_fail(err, IG_E_INPUT, "external data path '%.*s' is refused: %s", (int)ig_min_size(path.n, 80), path.s ? path.s : "",
            why);
    ig_error_hint(err, "a model may only name files in its own folder or below; rewrite the path in the model");
    return IG_E_INPUT;
}

static const char *open_problem(int code, bool beneath) {
    switch (code) {
    case ENOENT: return "no such file";
    case EACCES:
    case EPERM: return "no permission to read it";
    case EISDIR: return "it is a folder";
    case EINVAL: return "not a regular file";
    case ELOOP: return beneath ? "a symbolic link in its path could leave the model's folder" : "too many symbolic links";
    case EXDEV: return "it leaves the model's folder";
    case ENOTDIR: return beneath ? "part of its path is not a folder, or a symbolic link" : "part of its path is not a folder";
    case ENXIO: return "not a regular file";
    case ENAMETOOLONG: return "the name is too long";
    default: return strerror(code);
    }
}

ig_status ig_buffer_map(ig_buffer **out, ig_context *context, const char *root, ig_str path, ig_error *err) {
    *out = NULL;
    if (root) IG_TRY(ig_path_check(path, err));
    char name[4096];
    if (path.n >= sizeof name) return ig_fail(err, IG_E_ARGUMENT, "path of %zu bytes is too long", path.n);
    memcpy(name, path.s, path.n);
    name[path.n] = 0;
    const ig_io *io = &context->io;
    void *handle = NULL;
    uint64_t size = 0;
    int problem = io->open(io->user, root, name, &handle, &size);
    if (problem) return ig_fail(err, IG_E_INPUT, "can't open '%.200s': %s", name, open_problem(problem, root != NULL));
    const void *data = size <= PTRDIFF_MAX ? io->map(io->user, handle, size) : NULL;
    io->close(io->user, handle); /* a model may have its weights in thousands of files, more than may be open at once */
    if (!data) {
        return ig_fail(err, IG_E_IO, "can't map '%.200s' (%llu bytes) into memory", name, (unsigned long long)size);
    }
    ig_buffer *b = buffer_new(context, data, (size_t)size, destroy_map);
    if (!b) {
        io->unmap(io->user, data, size);
        return ig_oom(err);
    }
    *out = b;
    return IG_OK;
}

const char *ig_path_folder(ig_arena *arena, const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return "";
    bool ok = true;
    ig_str folder = ig_arena_str(arena, (ig_str){path, slash == path ? 1 : (size_t)(slash - path)}, &ok);
    return ok ? folder.s : NULL;
}
