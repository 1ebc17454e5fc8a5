/* What only the operating system can do. One implementation per system: platform_posix.c. */
#ifndef IG_BASE_PLATFORM_H
#define IG_BASE_PLATFORM_H

#include "base/def.h"

/* File input by memory mapping; files named by a model are opened beneath its folder. */
ig_io ig_platform_io(void);
/* Bytes of physical memory. */
uint64_t ig_platform_memory(void);

#endif
