/* Writing files so that a failure leaves nothing behind: what is written goes to a temporary file in the same folder, which
 * takes the wanted name only when it is complete. */
#ifndef IG_BASE_FILE_H
#define IG_BASE_FILE_H

#include "base/context.h"

typedef struct ig_file ig_file;

/* Begins a file that will be called `path`. An existing file is refused (IG_E_ARGUMENT) unless `overwrite`. What exists and is
 * no regular file (a pipe, /dev/stdout) is written directly. */
ig_status ig_file_create(ig_file **file, ig_context *context, const char *path, bool overwrite, ig_error *err);
/* Appends at the current position. A failure is remembered: later calls do nothing and ig_file_commit reports it. */
void ig_file_write(ig_file *file, const void *data, size_t n);
void ig_file_printf(ig_file *file, const char *format, ...) IG_PRINTF(2, 3);
/* Bytes from the start; pipes can't seek. */
uint64_t ig_file_tell(ig_file *file);
void ig_file_seek(ig_file *file, uint64_t position);
/* The OS's number (errno) of the first failure, 0 so far. */
int ig_file_problem(const ig_file *file);
/* Ends the file and gives it its name, or reports what went wrong. Frees it either way. */
ig_status ig_file_commit(ig_file *file, ig_error *err);
/* The same for files that belong together: all get their names, or none does (a file that was there before is lost when another
 * one's renaming fails after it was replaced). Frees them all. */
ig_status ig_file_commit_all(ig_file *const *files, size_t n, ig_error *err);
/* Ends and removes it. NULL is allowed. */
void ig_file_discard(ig_file *file);

typedef enum ig_path_kind { IG_PATH_MISSING, IG_PATH_FILE, IG_PATH_FOLDER, IG_PATH_OTHER } ig_path_kind;
ig_path_kind ig_path_kind_of(const char *path);
/* Makes a folder unless it exists. */
ig_status ig_folder_create(const char *path, ig_error *err);

#endif
