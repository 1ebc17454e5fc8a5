/* The ground floor in one include: memory, errors, text, containers, numbers. Everything above includes this. */
#ifndef IG_BASE_BASE_H
#define IG_BASE_BASE_H

#include <igata/igata.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/bytes.h"
#include "base/context.h"
#include "base/def.h"
#include "base/dtype.h"
#include "base/error.h"
#include "base/file.h"
#include "base/map.h"
#include "base/name.h"
#include "base/number.h"
#include "base/text.h"
#include "base/vec.h"

#endif
