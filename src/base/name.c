#include "base/name.h"
#include "base/map.h"

typedef struct name_head {
    uint64_t hash;
    size_t len;
    char s[];
} name_head;

static const name_head *head_of(ig_name name) { return (const name_head *)(const void *)(name - offsetof(name_head, s)); }

void ig_names_init(ig_names *names, ig_arena *arena) {
    *names = (ig_names){.arena = arena, .seed = IG_KEY(names) * 0x9E3779B97F4A7C15u ^ ig_clock_ns()};
}

size_t ig_name_len(ig_name name) { return name ? head_of(name)->len : 0; }

/* The slot that holds the text, or the free one where it belongs. */
static size_t slot_of(const ig_names *names, ig_str text, uint64_t hash) {
    size_t mask = names->n_slots - 1, s = (size_t)hash & mask;
    for (; names->slots[s]; s = (s + 1) & mask) {
        const name_head *h = head_of(names->slots[s]);
        if (h->hash == hash && h->len == text.n && (text.n == 0 || memcmp(h->s, text.s, text.n) == 0)) break;
    }
    return s;
}

static bool grow(ig_names *names) {
    size_t old_n = names->n_slots, n = old_n ? old_n * 2 : 64;
    ig_name *old = names->slots, *slots = IG_NEW_ARRAY(names->arena, ig_name, n);
    if (!slots) return false;
    names->slots = slots;
    names->n_slots = n;
    for (size_t i = 0; i < old_n; i++)
        if (old[i]) names->slots[slot_of(names, ig_name_str(old[i]), head_of(old[i])->hash)] = old[i];
    return true;
}

ig_name ig_names_find(const ig_names *names, ig_str text) {
    if (!text.s || names->n_slots == 0) return NULL;
    return names->slots[slot_of(names, text, ig_hash(text.s, text.n, names->seed))];
}

ig_name ig_intern(ig_names *names, ig_str text, bool *ok) {
    if (!text.s) return NULL;
    name_head *h = NULL;
    if (2 * (names->n + 1) > names->n_slots && !grow(names)) goto failed;
    uint64_t hash = ig_hash(text.s, text.n, names->seed);
    size_t s = slot_of(names, text, hash);
    if (names->slots[s]) return names->slots[s];
    if (text.n > SIZE_MAX / 2) goto failed;
    h = ig_arena_alloc(names->arena, sizeof *h + text.n + 1);
    if (!h) goto failed;
    h->hash = hash;
    h->len = text.n;
    memcpy(h->s, text.s, text.n);
    names->n++;
    return names->slots[s] = h->s;
failed:
    *ok = false;
    return NULL;
}
