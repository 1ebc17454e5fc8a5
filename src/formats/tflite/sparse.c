/* Sparse tensors, made dense. The format is TACO's (Kjolstad et al., The Tensor Algebra Compiler, 2017): dims are visited in a
 * traversal order, each either dense (all indices) or compressed (segments and indices, as in CSR). A dim may be cut into
 * blocks, whose inside is traversed last. */
#include "formats/tflite/decode.h"

/* Integers of 32, 16 or 8 bits. */
typedef struct indices {
    const uint8_t *p;
    uint32_t n;
    uint8_t size;
} indices;

typedef struct level {
    bool sparse;
    int64_t size; /* of a dense level */
    indices segments, entries;
    int dim;        /* of the tensor */
    int64_t stride; /* coordinates that one step of this level is worth: the block's size for an outer level */
} level;

enum { MAX_LEVELS = 2 * IG_MAX_RANK };

typedef struct walk {
    level levels[MAX_LEVELS];
    int n;
    const ig_tensor *out;
    size_t element; /* bytes */
    ig_span content;
    int64_t at[IG_MAX_RANK]; /* coordinates so far */
} walk;

static int64_t entry(const indices *v, uint64_t i) {
    return v->size == 4 ? (int32_t)ig_load_u32(v->p + 4 * i) : v->size == 2 ? ig_load_u16(v->p + 2 * i) : v->p[i];
}

/* Stores value number `position` at the coordinates. */
static bool store(walk *w, uint64_t position) {
    size_t index = 0;
    if (position >= w->content.n / w->element) return false;
    for (int i = 0; i < w->out->rank; i++) {
        if (w->at[i] < 0 || w->at[i] >= w->out->dims[i]) return false;
        index = index * (size_t)w->out->dims[i] + (size_t)w->at[i];
    }
    memcpy((uint8_t *)w->out->data + index * w->element, w->content.p + position * w->element, w->element);
    return true;
}

/* Visits what lies below entry `position` of the level before. Each step of a dense level leads to a value or to a segment, so
 * the file's size bounds the work. At most MAX_LEVELS deep. */
static bool visit(walk *w, int depth, uint64_t position) {
    if (depth == w->n) return store(w, position);
    const level *l = &w->levels[depth];
    int64_t start = w->at[l->dim], from = 0, to = l->size;
    if (l->sparse) {
        if (position + 1 >= l->segments.n) return false;
        from = entry(&l->segments, position);
        to = entry(&l->segments, position + 1);
        if (from < 0 || to < from || to > (int64_t)l->entries.n) return false;
    }
    bool good = true;
    for (int64_t i = from; good && i < to; i++) {
        int64_t step = l->sparse ? entry(&l->entries, (uint64_t)i) : i;
        if (step < 0 || __builtin_mul_overflow(step, l->stride, &step)) return false;
        w->at[l->dim] = start + step;
        good = visit(w, depth + 1, l->sparse ? (uint64_t)i : position * (uint64_t)l->size + (uint64_t)i);
    }
    w->at[l->dim] = start;
    return good;
}

static indices read_indices(ig_fb *fb, ig_fb_table metadata, unsigned field) {
    static const uint8_t sizes[] = {0, 4, 2, 1};
    uint8_t kind = ig_fb_u8(fb, metadata, field - 1, 0), size = kind < sizeof sizes ? sizes[kind] : 0;
    if (!size) return (indices){0};
    ig_fb_vector v = ig_fb_scalars(fb, ig_fb_sub(fb, metadata, field), IG_TFL_INT32_VECTOR_VALUES, size);
    return (indices){v.p, v.n, size};
}

/* Reads the levels; false when they don't fit the tensor. */
static bool read_levels(ig_fb *fb, ig_fb_table sparsity, walk *w, int rank) {
    ig_fb_vector order = ig_fb_scalars(fb, sparsity, IG_TFL_SPARSITY_PARAMETERS_TRAVERSAL_ORDER, 4);
    ig_fb_vector map = ig_fb_scalars(fb, sparsity, IG_TFL_SPARSITY_PARAMETERS_BLOCK_MAP, 4);
    ig_fb_vector metadata = ig_fb_tables(fb, sparsity, IG_TFL_SPARSITY_PARAMETERS_DIM_METADATA);
    int64_t block[IG_MAX_RANK];
    if (order.n > MAX_LEVELS || order.n != metadata.n || order.n != (uint64_t)rank + map.n) return false;
    for (int i = 0; i < rank; i++) block[i] = 1;
    w->n = (int)order.n;
    for (uint32_t i = 0; i < order.n; i++) {
        level *l = &w->levels[i];
        uint32_t dim = ig_load_u32(order.p + 4 * (size_t)i);
        ig_fb_table m = ig_fb_item(fb, metadata, i);
        bool inner = dim >= (uint32_t)rank;
        if (inner && dim - (uint32_t)rank >= map.n) return false;
        if (inner) dim = ig_load_u32(map.p + 4 * (size_t)(dim - (uint32_t)rank));
        if (dim >= (uint32_t)rank) return false;
        l->dim = (int)dim;
        l->sparse = ig_fb_i8(fb, m, IG_TFL_DIMENSION_METADATA_FORMAT, 0) != 0;
        l->size = ig_fb_i32(fb, m, IG_TFL_DIMENSION_METADATA_DENSE_SIZE, 0);
        l->segments = read_indices(fb, m, IG_TFL_DIMENSION_METADATA_ARRAY_SEGMENTS);
        l->entries = read_indices(fb, m, IG_TFL_DIMENSION_METADATA_ARRAY_INDICES);
        l->stride = inner ? 1 : 0; /* of the outer ones: below, when the blocks are known */
        if (!l->sparse && l->size < 1) return false;
        if (inner) block[dim] = l->size;
    }
    for (int i = 0; i < w->n; i++)
        if (w->levels[i].stride == 0) w->levels[i].stride = block[w->levels[i].dim];
    return true;
}

ig_status ig_tfl_densify(ig_tfl_reader *r, ig_fb_table sparsity, ig_dtype dtype, int rank, const int64_t *dims, ig_span content,
                         const char *where, ig_tensor **out) {
    walk w = {.element = ig_dtype_bytes(dtype), .content = content};
    if (dtype == IG_STRING || w.element == 0) {
        ig_tfl_find(r, IG_ERROR, "sparsity", where, "a sparse tensor of type %s", ig_dtypes[dtype].name);
        return IG_OK;
    }
    bool good = read_levels(&r->fb, sparsity, &w, rank);
    IG_TRY(ig_tfl_sound(r));
    if (good) {
        IG_TRY(ig_tensor_create(out, r->model->context, dtype, rank, dims, r->err));
        w.out = *out;
        good = visit(&w, 0, 0);
    }
    if (good) return IG_OK;
    ig_tensor_free(*out);
    *out = NULL;
    ig_tfl_find(r, IG_ERROR, "sparsity", where, "the sparsity parameters don't fit the shape and the values");
    return IG_OK;
}
