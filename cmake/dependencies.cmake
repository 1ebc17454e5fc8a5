# Libraries from the system; why each was chosen stands in docs/dependencies.md.
find_library(PTHREADPOOL_LIBRARY pthreadpool REQUIRED)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(LIBZIP REQUIRED IMPORTED_TARGET libzip)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(LIBPNG REQUIRED IMPORTED_TARGET libpng)
pkg_check_modules(LIBJPEG REQUIRED IMPORTED_TARGET libjpeg)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
find_library(SNAPPY_LIBRARY snappy REQUIRED)
set(IGATA_LIBRARIES PkgConfig::JANSSON PkgConfig::LIBZIP PkgConfig::ZLIB PkgConfig::LIBPNG PkgConfig::LIBJPEG PkgConfig::UTF8PROC PkgConfig::PCRE2
                    ${PTHREADPOOL_LIBRARY} ${SNAPPY_LIBRARY} Threads::Threads m)
set(IGATA_CLI_LIBRARIES PkgConfig::JANSSON)
