#include "ops/table.h"

static size_t slots_for(size_t n) {
    size_t slots = 8;
    while (slots < n * 2) slots *= 2;
    return slots;
}

size_t ig_table_bytes(size_t n) { return n > SIZE_MAX / 512 ? SIZE_MAX : slots_for(n) * sizeof(struct ig_table_slot); }

void ig_table_init(ig_table *table, void *memory, size_t n) {
    table->n_slots = slots_for(n);
    table->slots = memory;
    memset(memory, 0, ig_table_bytes(n));
}

/* The slot of a key, or the free one where it belongs. text.s is not NULL for strings. */
static struct ig_table_slot *find(const ig_table *table, ig_str text, int64_t number) {
    uint64_t hash = text.s ? ig_hash(text.s, text.n, 0) : ig_hash(&number, sizeof number, 0);
    for (size_t i = hash & (table->n_slots - 1);; i = (i + 1) & (table->n_slots - 1)) {
        struct ig_table_slot *slot = &table->slots[i];
        if (!slot->position || (text.s ? slot->text.s && ig_str_eq(slot->text, text) : slot->number == number)) return slot;
    }
}

static ig_str present(ig_str s) { return s.s ? s : IG_STR(""); }

void ig_table_add_string(ig_table *table, ig_str key, size_t position) {
    struct ig_table_slot *slot = find(table, present(key), 0);
    if (!slot->position) *slot = (struct ig_table_slot){present(key), 0, position + 1};
}

void ig_table_add_number(ig_table *table, int64_t key, size_t position) {
    struct ig_table_slot *slot = find(table, (ig_str){0}, key);
    if (!slot->position) *slot = (struct ig_table_slot){{0}, key, position + 1};
}

size_t ig_table_string(const ig_table *table, ig_str key) { return find(table, present(key), 0)->position - 1; }
size_t ig_table_number(const ig_table *table, int64_t key) { return find(table, (ig_str){0}, key)->position - 1; }
