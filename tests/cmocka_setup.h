/* What cmocka's header needs before it, in its order. */
#ifndef IG_TESTS_CMOCKA_SETUP_H
#define IG_TESTS_CMOCKA_SETUP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
