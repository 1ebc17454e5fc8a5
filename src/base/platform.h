/* What only the operating system can do. One implementation per system: platform_posix.c. */
#ifndef IG_BASE_PLATFORM_H
#define IG_BASE_PLATFORM_H

#include "base/def.h"

/* File input by memory mapping; files named by a model are opened beneath its folder. */
ig_io ig_platform_io(void);
/* Lets go of the memory behind a part of a mapping of ig_platform_io: reading it again reads the file again. */
void ig_platform_forget(const void *data, size_t size);
/* Bytes of physical memory. */
uint64_t ig_platform_memory(void);

/* Loads a shared library and finds a function in it. NULL and a message in `problem` (of `size` bytes) when there is none. */
void *ig_platform_load(const char *path, const char *symbol, void **function, char *problem, size_t size);
void ig_platform_unload(void *library);

#endif
