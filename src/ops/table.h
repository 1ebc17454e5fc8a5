/* A hash table made once and then only read: what encoders and vocabularies look things up in. */
#ifndef IG_OPS_TABLE_H
#define IG_OPS_TABLE_H

#include "base/base.h"

/* A hash table from strings or 64-bit keys to positions. */
typedef struct ig_table {
    size_t n_slots;
    struct ig_table_slot {
        ig_str text;
        int64_t number;
        size_t position; /* + 1; 0: free */
    } * slots;
} ig_table;
/* Room for n keys in memory of ig_table_bytes(n). The first of equal keys wins. */
size_t ig_table_bytes(size_t n);
void ig_table_init(ig_table *table, void *memory, size_t n);
void ig_table_add_string(ig_table *table, ig_str key, size_t position);
void ig_table_add_number(ig_table *table, int64_t key, size_t position);
/* SIZE_MAX when absent. */
size_t ig_table_string(const ig_table *table, ig_str key);
size_t ig_table_number(const ig_table *table, int64_t key);

#endif
