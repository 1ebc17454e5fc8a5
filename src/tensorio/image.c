/* Pictures as the input of a vision model: decoded, scaled to the wanted size, laid out, normalized. The scaling
 * is Pillow's BILINEAR (a triangle filter as wide as the reduction, rounded to bytes after each of its two passes), because
 * that is what models are trained and evaluated with. */
#include "codec/picture/picture.h"
#include "tensorio/tensorio.h"

#include <math.h>

bool ig_image_probe(ig_span file) { return ig_picture_probe(file); }

/* ------------------------------------------------------------------------------------------------------------- layout */

/* What the tensor will look like. */
typedef struct plan {
    int rank, batch, channel, row, column; /* axes, -1: there is none */
    int64_t dims[IG_MAX_RANK];
    ig_dtype dtype;
} plan;

static bool is_channels(int64_t n) { return n == 1 || n == 3 || n == 4; }

static ig_status make_plan(plan *p, const ig_load *load, const ig_picture *pic) {
    const ig_read_options *o = load->want;
    int rank = o->dims ? o->rank : 4;
    bool nhwc = o->layout && strcmp(o->layout, "nhwc") == 0;
    *p = (plan){.rank = rank, .dtype = o->dtype ? o->dtype : IG_U8, .batch = -1, .channel = -1};
    if (o->layout && !nhwc && strcmp(o->layout, "nchw") != 0)
        return ig_fail(load->err, IG_E_ARGUMENT, "layout '%.20s' is neither nchw nor nhwc", o->layout);
    if (rank < 2 || rank > 4) {
        ig_fail(load->err, IG_E_ARGUMENT, "a picture can't be an input of rank %d", rank);
        ig_error_hint(load->err, "pictures fit inputs of shape [N,C,H,W], [N,H,W,C], [C,H,W], [H,W,C] or [H,W]");
        return IG_E_ARGUMENT;
    }
    if (ig_dtype_bits(p->dtype) == 0 || ig_dtype_number(p->dtype) == IG_NUMBER_COMPLEX)
        return ig_fail(load->err, IG_E_ARGUMENT, "a picture can't become a tensor of %s", ig_dtypes[p->dtype].name);
    for (int i = 0; i < rank; i++) p->dims[i] = o->dims ? o->dims[i] : -1;
    int first = rank - 3; /* axis of the channels or of the rows */
    if (rank == 2) {
        p->row = 0;
        p->column = 1;
    } else {
        if (!o->layout) nhwc = !is_channels(p->dims[first]) && is_channels(p->dims[rank - 1]);
        p->batch = rank == 4 ? 0 : -1;
        p->channel = nhwc ? rank - 1 : first;
        p->row = nhwc ? first : first + 1;
        p->column = p->row + 1;
        int64_t *channels = &p->dims[p->channel];
        if (*channels < 0) *channels = pic->grey ? 1 : 3;
        if (!is_channels(*channels))
            return ig_fail(load->err, IG_E_ARGUMENT, "a picture has 1, 3 or 4 channels, the input wants %lld",
                           (long long)*channels);
    }
    if (p->batch == 0 && p->dims[0] > 1)
        return ig_fail(load->err, IG_E_ARGUMENT, "one picture can't fill a batch of %lld", (long long)p->dims[0]);
    if (p->batch == 0) p->dims[0] = 1;
    if (p->dims[p->row] < 0) p->dims[p->row] = (int64_t)pic->height;
    if (p->dims[p->column] < 0) p->dims[p->column] = (int64_t)pic->width;
    if (p->dims[p->row] < 1 || p->dims[p->column] < 1 || p->dims[p->row] > UINT16_MAX || p->dims[p->column] > UINT16_MAX)
        return ig_fail(load->err, IG_E_ARGUMENT, "the input's height and width can't be a picture's");
    return IG_OK;
}

/* ------------------------------------------------------------------------------------------------------------ scaling */

/* Which source positions make target position i, with which weights (22 bits after the point). */
typedef struct filter {
    size_t taps; /* room for each position */
    size_t *first, *n;
    int32_t *weights;
} filter;

enum { WEIGHT_BITS = 22 };

/* Maps [from, from + length) of the source onto `size` positions. */
static bool make_filter(filter *f, ig_arena *arena, size_t source, double from, double length, size_t size) {
    double scale = length / (double)size, wide = fmax(scale, 1.0);
    f->taps = (size_t)ceil(wide) * 2 + 1;
    f->first = IG_NEW_ARRAY(arena, size_t, size);
    f->n = IG_NEW_ARRAY(arena, size_t, size);
    f->weights = ig_arena_array(arena, size, f->taps * sizeof *f->weights);
    double *w = IG_NEW_ARRAY(arena, double, f->taps);
    if (!f->first || !f->n || !f->weights || !w) return false;
    for (size_t i = 0; i < size; i++) {
        double center = from + ((double)i + 0.5) * scale, sum = 0;
        double low = fmax(0, floor(center - wide + 0.5)), high = fmin((double)source, floor(center + wide + 0.5));
        f->first[i] = (size_t)low;
        f->n[i] = ig_min_size((size_t)(high - low), f->taps);
        for (size_t k = 0; k < f->n[i]; k++) {
            double x = fabs(((double)k + low - center + 0.5) / wide);
            w[k] = x < 1 ? 1 - x : 0;
            sum += w[k];
        }
        for (size_t k = 0; k < f->n[i]; k++)
            f->weights[i * f->taps + k] = (int32_t)lround((sum != 0 ? w[k] / sum : 0) * (1 << WEIGHT_BITS));
    }
    return true;
}

/* One pass over `lines` lines of `stride` bytes: target position i of a line reads positions `step` bytes apart. */
static uint8_t apply(const filter *f, size_t i, const uint8_t *source, size_t step) {
    int64_t sum = 1 << (WEIGHT_BITS - 1);
    const int32_t *w = f->weights + i * f->taps;
    const uint8_t *p = source + f->first[i] * step;
    for (size_t k = 0; k < f->n[i]; k++) sum += (int64_t)w[k] * p[k * step];
    return (uint8_t)ig_clamp_i64(sum >> WEIGHT_BITS, 0, 255);
}

/* Across, then down, as Pillow does; a pass that changes nothing is left out. */
static bool scale(ig_picture *pic, ig_context *context, ig_arena *arena, size_t width, size_t height, bool crop) {
    double w = (double)pic->width, h = (double)pic->height, from_x = 0, from_y = 0, length_x = w, length_y = h;
    if (crop) { /* the largest middle part with the target's aspect ratio */
        double ratio = fmin(w / (double)width, h / (double)height);
        length_x = ratio * (double)width;
        length_y = ratio * (double)height;
        from_x = (w - length_x) / 2;
        from_y = (h - length_y) / 2;
    }
    size_t c = pic->channels;
    filter f;
    if (pic->width != width || length_x != w) {
        uint8_t *to = ig_alloc(context, pic->height * width * c);
        if (!to || !make_filter(&f, arena, pic->width, from_x, length_x, width)) {
            ig_release(context, to);
            return false;
        }
        for (size_t y = 0; y < pic->height; y++)
            for (size_t x = 0; x < width; x++)
                for (size_t k = 0; k < c; k++)
                    to[(y * width + x) * c + k] = apply(&f, x, pic->pixels + y * pic->width * c + k, c);
        ig_release(context, pic->pixels);
        pic->pixels = to;
        pic->width = width;
    }
    if (pic->height != height || length_y != h) {
        uint8_t *to = ig_alloc(context, height * width * c);
        if (!to || !make_filter(&f, arena, pic->height, from_y, length_y, height)) {
            ig_release(context, to);
            return false;
        }
        for (size_t y = 0; y < height; y++)
            for (size_t x = 0; x < width * c; x++) to[y * width * c + x] = apply(&f, y, pic->pixels + x, width * c);
        ig_release(context, pic->pixels);
        pic->pixels = to;
        pic->height = height;
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------------------- values */

static unsigned channel_of(const uint8_t *p, int64_t channels, int64_t c, bool bgr) {
    if (channels == 1) return ig_picture_luma(p);
    return p[bgr && c < 3 ? 2 - c : c];
}

static ig_status check_factors(const ig_load *load, int64_t channels) {
    const ig_read_options *o = load->want;
    const size_t counts[] = {o->mean ? o->n_mean : 1, o->scale ? o->n_scale : 1};
    for (size_t i = 0; i < 2; i++)
        if (counts[i] != 1 && counts[i] != (size_t)channels)
            return ig_fail(load->err, IG_E_ARGUMENT, "%zu %s values for %lld channels", counts[i], i ? "scale" : "mean",
                           (long long)channels);
    return IG_OK;
}

static ig_status lay_out(ig_tensor **out, const ig_load *load, const plan *p, const ig_picture *pic) {
    const ig_read_options *o = load->want;
    int64_t channels = p->channel < 0 ? 1 : p->dims[p->channel], height = p->dims[p->row], width = p->dims[p->column];
    bool is_float = ig_dtype_is_float(p->dtype);
    IG_TRY(check_factors(load, channels));
    IG_TRY(ig_tensor_new(out, load->context, p->dtype, p->rank, p->dims, load->err));
    bool last = p->channel > p->column;
    for (int64_t c = 0; c < channels; c++) {
        double mean = o->mean ? (double)o->mean[o->n_mean == 1 ? 0 : c] : 0;
        double factor = o->scale ? (double)o->scale[o->n_scale == 1 ? 0 : c] : is_float ? 1.0 / 255 : 1;
        double low = is_float ? -INFINITY : ig_dtype_number(p->dtype) == IG_NUMBER_SIGNED ? -128 : 0;
        double high = is_float ? INFINITY : p->dtype == IG_I8 ? 127 : p->dtype == IG_BOOL ? 1 : 255;
        double table[256]; /* of what each pixel value becomes */
        for (int v = 0; v < 256; v++) {
            double x = ((double)v - mean) * factor;
            table[v] = is_float ? x : fmin(fmax(nearbyint(x), low), high);
        }
        for (int64_t i = 0; i < height * width; i++) {
            unsigned v = channel_of(pic->pixels + (size_t)i * pic->channels, channels, c, o->bgr);
            ig_store_f64(p->dtype, (*out)->data, (size_t)(last ? i * channels + c : c * height * width + i), table[v]);
        }
    }
    return IG_OK;
}

ig_status ig_image_load(ig_tensor **out, const ig_load *load) {
    ig_span file = ig_buffer_span(load->file);
    ig_picture pic = {0};
    plan p;
    ig_arena arena;
    ig_arena_init(&arena, load->context);
    ig_status status = ig_picture_decode(&pic, load->context, file, load->err);
    if (status == IG_OK) status = make_plan(&p, load, &pic);
    if (status == IG_OK &&
        !scale(&pic, load->context, &arena, (size_t)p.dims[p.column], (size_t)p.dims[p.row], load->want->crop))
        status = ig_oom(load->err);
    if (status == IG_OK) status = lay_out(out, load, &p, &pic);
    ig_release(load->context, pic.pixels);
    ig_arena_free(&arena);
    return status;
}
