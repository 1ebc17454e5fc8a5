/* Between channels that lie plane by plane and channels in blocks. */
#include "kernels/blocked/blocked.h"

#include "kernels/gemm/pack.h"

typedef struct job {
    size_t size, channels, places, width, blocks;
    const char *x;
    char *y;
} job;

/* to[p * to_step + i] = from[i * from_step + p] for i < n, p < places. */
static void bytes_to_block(uint8_t *to, size_t to_step, const uint8_t *from, size_t from_step, size_t n, size_t places) {
    for (size_t p = 0; p < places; p++)
        for (size_t i = 0; i < n; i++) to[p * to_step + i] = from[i * from_step + p];
}

enum { SOME = 64 }; /* places whose lines of memory stay in the first cache */

static void from_range(void *arg, size_t begin, size_t end) {
    const job *j = arg;
    for (size_t b = begin; b < end; b++) {
        size_t first = b % j->blocks * j->width, n = ig_min_size(j->width, j->channels - first);
        const char *x = j->x + (b / j->blocks * j->channels + first) * j->places * j->size;
        char *y = j->y + b * j->places * j->width * j->size;
        if (j->size == sizeof(float)) {
            ig_gemm_pack_lanes((float *)y, j->width, x, j->places, 1, n, j->places);
            continue;
        }
        if (n < j->width) memset(y, 0, j->places * j->width);
        for (size_t p = 0; p < j->places; p += SOME)
            bytes_to_block((uint8_t *)y + p * j->width, j->width, (const uint8_t *)x + p, j->places, n,
                           ig_min_size(SOME, j->places - p));
    }
}

static void to_range(void *arg, size_t begin, size_t end) {
    const job *j = arg;
    for (size_t b = begin; b < end; b++) {
        size_t first = b % j->blocks * j->width, n = ig_min_size(j->width, j->channels - first);
        const char *x = j->x + b * j->places * j->width * j->size;
        char *y = j->y + (b / j->blocks * j->channels + first) * j->places * j->size;
        if (j->size == sizeof(float)) {
            ig_gemm_pack_lanes((float *)y, j->places, x, j->width, 1, j->places, n);
            continue;
        }
        for (size_t p = 0; p < j->places; p += SOME)
            for (size_t i = 0; i < n; i++)
                for (size_t q = p; q < ig_min_size(p + SOME, j->places); q++)
                    ((uint8_t *)y)[i * j->places + q] = ((const uint8_t *)x)[q * j->width + i];
    }
}

static void run(ig_threads *threads, job j, size_t images, ig_range_fn fn) {
    j.blocks = j.channels ? (j.channels - 1) / j.width + 1 : 0;
    if (j.places) ig_parallel(threads, images * j.blocks, 1 + 4096 / (j.places * j.width), fn, &j);
}

void ig_blocked_from(ig_threads *threads, size_t size, size_t images, size_t channels, size_t places, size_t width,
                     const void *x, void *y) {
    run(threads, (job){.size = size, .channels = channels, .places = places, .width = width, .x = x, .y = y}, images,
        from_range);
}

void ig_blocked_to(ig_threads *threads, size_t size, size_t images, size_t channels, size_t places, size_t width, const void *x,
                   void *y) {
    run(threads, (job){.size = size, .channels = channels, .places = places, .width = width, .x = x, .y = y}, images, to_range);
}
