/* CRC-32C (Castagnoli; RFC 3720), the checksum of TensorFlow's and LevelDB's files. */
#ifndef IG_CODEC_CRC32C_H
#define IG_CODEC_CRC32C_H

#include "base/base.h"

/* Of n bytes that follow those of which `crc` is the checksum; 0: of none. */
uint32_t ig_crc32c(uint32_t crc, const void *data, size_t n);

/* Checksums that are stored beside their data are rotated and shifted, because the CRC of data that ends in its own CRC tells
 * nothing (LevelDB, doc/log_format). */
static inline uint32_t ig_crc32c_mask(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }
static inline uint32_t ig_crc32c_unmask(uint32_t masked) {
    uint32_t rotated = masked - 0xa282ead8u;
    return (rotated >> 17) | (rotated << 15);
}

#endif
