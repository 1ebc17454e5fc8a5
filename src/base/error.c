#include "base/error.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
    ig_status status;
    const char *text;
} status_texts[] = {
    {IG_OK, "done"},
    {IG_NO, "the answer is no"},
    {IG_E_ARGUMENT, "wrong argument"},
    {IG_E_INPUT, "unreadable input"},
    {IG_E_UNSUPPORTED, "unsupported"},
    {IG_E_LIMIT, "out of a limit"},
    {IG_E_MEMORY, "out of memory"},
    {IG_E_IO, "input/output error"},
    {IG_E_CANCELLED, "cancelled"},
    {IG_E_INTERNAL, "internal error"},
};

const char *ig_status_text(ig_status status) {
    for (size_t i = 0; i < IG_COUNT_OF(status_texts); i++)
        if (status_texts[i].status == status) return status_texts[i].text;
    return "unknown status";
}

const char *ig_version(void) { return IG_VERSION_STRING; }

/* Characters that change how a terminal shows what follows: C1 controls, bidirectional overrides, zero-width, BOM. */
static bool deceptive(const unsigned char *s, size_t n) {
    if (n == 2 && s[0] == 0xC2 && s[1] < 0xA0) return true;
    if (n != 3) return false;
    unsigned c = ((s[0] & 0x0Fu) << 12) | ((s[1] & 0x3Fu) << 6) | (s[2] & 0x3Fu);
    return (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x2069) || c == 0xFEFF;
}

size_t ig_text_clean(char *out, size_t size, ig_str text) {
    size_t used = 0;
    if (size == 0) return 0;
    for (size_t i = 0; i < text.n;) {
        const unsigned char *s = (const unsigned char *)text.s + i;
        size_t n = ig_utf8_length((ig_str){text.s + i, text.n - i});
        bool plain = n > 0 && !(n == 1 && (*s < 0x20 || *s == 0x7F)) && !deceptive(s, n);
        if (n == 1 && *s == '\n') plain = true; /* our own messages have lines */
        size_t need = plain ? n : 4 * (n ? n : 1);
        if (need + 1 > size - used) break;
        if (plain) {
            memcpy(out + used, s, n);
        } else {
            for (size_t k = 0; k < (n ? n : 1); k++) snprintf(out + used + 4 * k, 5, "\\x%02x", s[k]);
        }
        used += need;
        i += n ? n : 1;
    }
    out[used] = 0;
    return used;
}

static void set_text(char *out, size_t size, const char *format, va_list args) {
    char raw[2048];
    int n = vsnprintf(raw, sizeof raw, format, args);
    size_t len = n < 0 ? 0 : ig_min_size((size_t)n, sizeof raw - 1);
    ig_text_clean(out, size, (ig_str){raw, len});
}

void ig_error_clear(ig_error *err) {
    if (!err) return;
    err->status = IG_OK;
    err->message[0] = err->detail[0] = err->hint[0] = 0;
}

ig_status ig_fail(ig_error *err, ig_status status, const char *format, ...) {
    if (!err) return status;
    va_list args;
    va_start(args, format);
    set_text(err->message, sizeof err->message, format, args);
    va_end(args);
    err->status = status;
    err->detail[0] = err->hint[0] = 0;
    return status;
}

void ig_oom_set(ig_error *err) {
    ig_fail(err, IG_E_MEMORY, "out of memory");
    ig_error_hint(err, "close other programs, raise the memory limit, or use a smaller input");
}

void ig_error_at(ig_error *err, const char *format, ...) {
    if (!err) return;
    char inner[sizeof err->detail];
    memcpy(inner, err->detail, sizeof inner);
    va_list args;
    va_start(args, format);
    set_text(err->detail, sizeof err->detail, format, args);
    va_end(args);
    if (!inner[0]) return;
    size_t n = strlen(err->detail);
    snprintf(err->detail + n, sizeof err->detail - n, ": %s", inner);
}

void ig_error_hint(ig_error *err, const char *format, ...) {
    if (!err || err->hint[0]) return;
    va_list args;
    va_start(args, format);
    set_text(err->hint, sizeof err->hint, format, args);
    va_end(args);
}
