/* HDF5: element types and shapes (messages 0x0003 and 0x0001, sections IV.A.2.d and b). */
#include "codec/hdf5_file.h"

enum {
    CLASS_FIXED = 0,
    CLASS_FLOAT = 1,
    CLASS_STRING = 3,
    CLASS_BITFIELD = 4,
    CLASS_OPAQUE = 5,
    CLASS_ENUM = 8,
    CLASS_VARIABLE = 9
};

static ig_dtype integer(uint32_t size, bool is_signed) {
    switch (size) {
    case 1: return is_signed ? IG_I8 : IG_U8;
    case 2: return is_signed ? IG_I16 : IG_U16;
    case 4: return is_signed ? IG_I32 : IG_U32;
    case 8: return is_signed ? IG_I64 : IG_U64;
    default: return IG_UNDEFINED;
    }
}

/* The widths of exponent and mantissa tell the formats apart. */
static ig_dtype real(uint32_t size, unsigned exponent, unsigned mantissa) {
    for (int t = 1; t < IG_DTYPE_COUNT; t++)
        if (ig_dtype_is_float((ig_dtype)t) && ig_dtypes[t].bits == 8 * size && ig_dtypes[t].bits >= 16 &&
            ig_dtypes[t].exponent == exponent && ig_dtypes[t].mantissa == mantissa)
            return (ig_dtype)t;
    return IG_UNDEFINED;
}

/* h5py writes truth values as an enumeration of bytes named FALSE and TRUE. */
static bool is_bool(ig_reader *r, unsigned version, unsigned members) {
    static const char *const names[] = {"FALSE", "TRUE"};
    if (members != 2) return false;
    ig_read_bytes(r, 8 + 4); /* the base type: a fixed-point number with bit offset and precision */
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(names[i]) + 1, room = version < 3 ? ig_round_up(n, 8) : n;
        ig_span s = ig_read_bytes(r, room);
        if (r->failed || memcmp(s.p, names[i], n) != 0) return false;
    }
    ig_span values = ig_read_bytes(r, 2);
    return !r->failed && values.p[0] == 0 && values.p[1] == 1;
}

ig_status ig_hdf5_read_type(const ig_hdf5 *h, ig_span message, ig_hdf5_type *type, ig_error *err) {
    ig_reader r = {.span = message};
    uint8_t head = ig_read_u8(&r), bits = ig_read_u8(&r), more = ig_read_u8(&r);
    ig_read_u8(&r);
    *type = (ig_hdf5_type){.size = ig_read_u32(&r)};
    unsigned precision;
    if (r.failed) return ig_hdf5_bad(h, 0, err, "an element type is cut off");
    switch (head & 15) {
    case CLASS_FIXED:
    case CLASS_BITFIELD:
        ig_read_u16(&r);
        precision = ig_read_u16(&r);
        type->kind = precision == 8 * type->size ? IG_HDF5_NUMBER : IG_HDF5_OTHER;
        type->big_endian = bits & 1;
        type->dtype = integer(type->size, bits & 8 && (head & 15) == CLASS_FIXED);
        break;
    case CLASS_FLOAT:
        ig_read_bytes(&r, 5); /* bit offset, precision, place of the exponent */
        precision = ig_read_u8(&r);
        ig_read_u8(&r);
        type->kind = bits & 64 ? IG_HDF5_OTHER : IG_HDF5_NUMBER;
        type->big_endian = bits & 1;
        type->dtype = real(type->size, precision, ig_read_u8(&r));
        break;
    case CLASS_STRING:
        type->kind = IG_HDF5_TEXT;
        type->space_padded = (bits & 15) == 2;
        break;
    case CLASS_OPAQUE: type->kind = IG_HDF5_OPAQUE; break;
    case CLASS_ENUM:
        if (type->size == 1 && is_bool(&r, head >> 4, bits | (unsigned)more << 8)) {
            type->kind = IG_HDF5_NUMBER;
            type->dtype = IG_BOOL;
        }
        break;
    case CLASS_VARIABLE:
        if ((bits & 15) == 1) type->kind = IG_HDF5_VARIABLE;
        break;
    default: break;
    }
    if (r.failed && type->kind == IG_HDF5_NUMBER) return ig_hdf5_bad(h, 0, err, "an element type is cut off");
    if (type->kind == IG_HDF5_NUMBER && type->dtype == IG_UNDEFINED) type->kind = IG_HDF5_OTHER;
    if (type->size == 0) type->kind = IG_HDF5_OTHER;
    return IG_OK;
}

ig_status ig_hdf5_read_space(const ig_hdf5 *h, ig_span message, int *rank, int64_t *dims, int64_t *count, ig_error *err) {
    ig_reader r = {.span = message};
    unsigned version = ig_read_u8(&r), n = ig_read_u8(&r);
    ig_read_u8(&r);
    unsigned class = ig_read_u8(&r);
    *rank = 0;
    *count = 1;
    if (version == 1) ig_read_u32(&r);
    if (r.failed || version < 1 || version > 2) return ig_hdf5_bad(h, 0, err, "a shape is cut off or of an unknown version");
    if (n > IG_MAX_RANK) return ig_hdf5_bad(h, 0, err, "a shape has more than 32 dims");
    if (version == 2 && class == 2) {
        *rank = -1;
        *count = 0;
        return IG_OK;
    }
    for (unsigned i = 0; i < n; i++) {
        uint64_t d = ig_hdf5_length(h, &r);
        if (d > INT64_MAX) return ig_hdf5_bad(h, 0, err, "a dim is out of range");
        dims[i] = (int64_t)d;
    }
    if (r.failed) return ig_hdf5_bad(h, 0, err, "a shape is cut off");
    *rank = (int)n;
    return ig_dims_count(*rank, dims, count) ? IG_OK : ig_hdf5_bad(h, 0, err, "a shape has too many elements");
}

void ig_hdf5_read_max_dims(const ig_hdf5 *h, ig_span message, uint64_t *dims) {
    ig_reader r = {.span = message};
    unsigned version = ig_read_u8(&r), n = ig_read_u8(&r), flags = ig_read_u8(&r);
    ig_read_bytes(&r, version == 1 ? 5 : 1);
    for (unsigned pass = 0; pass < (flags & 1 ? 2u : 1u); pass++)
        for (unsigned i = 0; i < n && i < IG_MAX_RANK; i++) dims[i] = ig_hdf5_uint(&r, h->length_size);
    for (unsigned i = 0; i < n && i < IG_MAX_RANK && h->length_size < 8; i++)
        if (dims[i] == (UINT64_C(1) << 8 * h->length_size) - 1) dims[i] = IG_HDF5_NOWHERE;
}
