#include "ops/tokenize/tokenize.h"

#include <math.h>

/* A pair that could be merged. It is out of date when one of its symbols has changed since. */
typedef struct pair_entry {
    double rank;
    int32_t left, right;
    size_t size; /* bytes of both together then */
    int64_t id;
} pair_entry;

typedef struct heap {
    pair_entry *items;
    size_t n;
} heap;

static bool before(const pair_entry *a, const pair_entry *b) {
    return a->rank != b->rank ? a->rank < b->rank : a->left < b->left;
}

static void push(heap *h, pair_entry e) {
    size_t i = h->n++;
    for (; i && before(&e, &h->items[(i - 1) / 2]); i = (i - 1) / 2) h->items[i] = h->items[(i - 1) / 2];
    h->items[i] = e;
}

static pair_entry pop(heap *h) {
    pair_entry top = h->items[0], last = h->items[--h->n];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < h->n; i = child) {
        if (child + 1 < h->n && before(&h->items[child + 1], &h->items[child])) child++;
        if (!before(&h->items[child], &last)) break;
        h->items[i] = h->items[child];
    }
    h->items[i] = last;
    return top;
}

bool ig_merge_symbols(ig_symbol *s, size_t n, ig_arena *scratch,
                      double (*pair)(const void *user, const ig_symbol *left, const ig_symbol *right, int64_t *id),
                      const void *user) {
    if (n < 2) return true;
    if (n > INT32_MAX / 4) return false;
    heap h = {IG_NEW_ARRAY(scratch, pair_entry, 3 * n), 0}; /* every merge takes one out and puts two in */
    if (!h.items) return false;
    pair_entry e;
    for (size_t i = 0; i + 1 < n; i++) {
        e = (pair_entry){.left = (int32_t)i, .right = (int32_t)i + 1, .size = s[i + 1].end - s[i].begin};
        e.rank = pair(user, &s[i], &s[i + 1], &e.id);
        if (e.rank < INFINITY) push(&h, e);
    }
    while (h.n) {
        pair_entry top = pop(&h);
        ig_symbol *left = &s[top.left], *right = &s[top.right];
        bool stale = left->begin == left->end || right->begin == right->end || left->next != top.right ||
                     right->end - left->begin != top.size;
        if (stale) continue;
        left->end = right->end;
        left->id = top.id;
        left->next = right->next;
        if (right->next >= 0) s[right->next].previous = top.left;
        right->begin = right->end;
        const int32_t ends[2][2] = {{left->previous, top.left}, {top.left, left->next}};
        for (int k = 0; k < 2; k++) {
            if (ends[k][0] < 0 || ends[k][1] < 0) continue;
            e = (pair_entry){.left = ends[k][0], .right = ends[k][1]};
            e.size = s[e.right].end - s[e.left].begin;
            e.rank = pair(user, &s[e.left], &s[e.right], &e.id);
            if (e.rank < INFINITY) push(&h, e);
        }
    }
    return true;
}
