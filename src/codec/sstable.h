/* Sorted tables of keys and values in one file: LevelDB's table format (leveldb doc/table_format), which TensorFlow uses for
 * the index of its checkpoints. */
#ifndef IG_CODEC_SSTABLE_H
#define IG_CODEC_SSTABLE_H

#include "base/base.h"

/* True when the file ends as a table does. */
bool ig_sstable_probe(ig_span file);

/* Called for each entry in the order of keys. The key lives until the call returns; the value lies in the file, or, where a
 * block was compressed, in the arena. Any other status than IG_OK ends the walk and is its result. */
typedef ig_status (*ig_sstable_visit)(void *user, ig_span key, ig_span value, ig_error *err);

/* Walks a whole table, checking every block's CRC. IG_E_INPUT says where it is malformed. */
ig_status ig_sstable_each(ig_arena *arena, ig_span file, ig_sstable_visit visit, void *user, ig_error *err);

#endif
