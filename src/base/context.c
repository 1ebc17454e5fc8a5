#include "base/context.h"
#include "base/error.h"
#include "base/platform.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void *heap_resize(void *user, void *p, size_t old_size, size_t new_size) {
    IG_UNUSED(user);
    IG_UNUSED(old_size);
    if (new_size == 0) {
        free(p);
        return NULL;
    }
    return realloc(p, new_size);
}

ig_status ig_context_create(ig_context **out, const ig_context_options *options, ig_error *err) {
    *out = NULL;
    ig_context_options o = {0};
    ig_options_copy(&o, sizeof o, options);
    ig_allocator allocator = o.allocator.resize ? o.allocator : (ig_allocator){heap_resize, NULL};
    ig_cpu cpu = ig_cpu_detect(), wanted;
    if (o.cpu) {
        if (!ig_cpu_from_name(o.cpu, &wanted)) return ig_fail(err, IG_E_ARGUMENT, "unknown CPU level '%.40s'", o.cpu);
        if (wanted > cpu) return ig_fail(err, IG_E_UNSUPPORTED, "this CPU has no %s", ig_cpu_name(wanted));
        cpu = wanted;
    }
    ig_context *c = allocator.resize(allocator.user, NULL, 0, sizeof *c);
    if (!c) return ig_oom(err);
    memset(c, 0, sizeof *c);
    c->allocator = allocator;
    c->limits = o.limits;
    if (!c->limits.memory) c->limits.memory = ig_platform_memory() / 4 * 3;
    if (!c->limits.depth) c->limits.depth = 64;
    if (!c->limits.nodes) c->limits.nodes = 10 * 1000 * 1000;
    if (!c->limits.loop_iterations) c->limits.loop_iterations = 1000 * 1000;
    c->io = o.io.open ? o.io : ig_platform_io();
    c->log = o.log;
    c->log_user = o.log_user;
    c->cpu = cpu;
    atomic_init(&c->references, 1);
    *out = c;
    return IG_OK;
}

ig_context *ig_context_retain(ig_context *context) {
    atomic_fetch_add_explicit(&context->references, 1, memory_order_relaxed);
    return context;
}

void ig_context_free(ig_context *context) {
    if (!context || atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel) != 1) return;
    if (context->free_ops) context->free_ops(context);
    context->allocator.resize(context->allocator.user, context, sizeof *context, 0);
}

uint64_t ig_context_memory(const ig_context *context, uint64_t *peak) {
    if (peak) *peak = atomic_load(&context->memory_peak);
    return atomic_load(&context->memory);
}

const char *ig_context_cpu(const ig_context *context) { return ig_cpu_name(context->cpu); }

/* What stands right before each block: kernels want 64-byte alignment, the user's allocator promises 16 at most. */
typedef struct block_head {
    void *raw;
    size_t raw_size;
} block_head;

enum { ALIGN = 64, EXTRA = ALIGN + sizeof(block_head) };

static bool charge(ig_context *c, size_t size) {
    uint64_t now = atomic_fetch_add_explicit(&c->memory, size, memory_order_relaxed) + size;
    if (now > c->limits.memory) {
        atomic_fetch_sub_explicit(&c->memory, size, memory_order_relaxed);
        return false;
    }
    uint64_t peak = atomic_load_explicit(&c->memory_peak, memory_order_relaxed);
    while (now > peak &&
           !atomic_compare_exchange_weak_explicit(&c->memory_peak, &peak, now, memory_order_relaxed, memory_order_relaxed)) {}
    return true;
}

void *ig_alloc(ig_context *c, size_t size) {
    size_t raw_size;
    if (ig_add_overflows(size, EXTRA, &raw_size) || raw_size > PTRDIFF_MAX || !charge(c, raw_size)) return NULL;
    char *raw = c->allocator.resize(c->allocator.user, NULL, 0, raw_size);
    if (!raw) {
        atomic_fetch_sub_explicit(&c->memory, raw_size, memory_order_relaxed);
        return NULL;
    }
    char *p = raw + sizeof(block_head);
    p += (ALIGN - (uintptr_t)p % ALIGN) % ALIGN;
    ((block_head *)(void *)p)[-1] = (block_head){raw, raw_size};
    return p;
}

void *ig_calloc(ig_context *c, size_t size) {
    void *p = ig_alloc(c, size);
    return p ? memset(p, 0, size) : NULL;
}

void *ig_resize(ig_context *c, void *p, size_t size) {
    void *q = ig_alloc(c, size);
    if (!q || !p) return q;
    const block_head *head = (block_head *)p - 1;
    size_t old_size = head->raw_size - (size_t)((char *)p - (char *)head->raw);
    memcpy(q, p, ig_min_size(old_size, size));
    ig_release(c, p);
    return q;
}

void ig_release(ig_context *c, void *p) {
    if (!p) return;
    block_head head = ((block_head *)p)[-1];
    atomic_fetch_sub_explicit(&c->memory, head.raw_size, memory_order_relaxed);
    c->allocator.resize(c->allocator.user, head.raw, head.raw_size, 0);
}

void ig_log(ig_context *context, ig_log_level level, const char *format, ...) {
    if (!context->log) return;
    char raw[1024], clean[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(raw, sizeof raw, format, args);
    va_end(args);
    ig_text_clean(clean, sizeof clean, (ig_str){raw, n < 0 ? 0 : ig_min_size((size_t)n, sizeof raw - 1)});
    context->log(context->log_user, level, clean);
}
