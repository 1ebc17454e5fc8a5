#include "codec/picture/picture.h"

#include <webp/decode.h>

ig_status ig_webp_decode(ig_picture *out, ig_context *context, ig_span file, ig_error *err) {
    int width, height;
    if (!WebPGetInfo(file.p, file.n, &width, &height) || width < 1 || height < 1)
        return ig_fail(err, IG_E_INPUT, "malformed WebP: no header");
    IG_TRY(ig_picture_create(out, context, (size_t)width, (size_t)height, err));
    if (!WebPDecodeRGBAInto(file.p, file.n, out->pixels, out->width * out->height * 4, width * 4))
        return ig_fail(err, IG_E_INPUT, "malformed WebP: the data is damaged, cut off or animated");
    return IG_OK;
}
