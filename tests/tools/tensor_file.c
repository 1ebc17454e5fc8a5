/* Reads a tensor file and writes it as another: tensor_file IN OUT [key=value ...], for the Python checks.
 * Keys: dtype, dims (1,-1,3), layout, mean, scale (a,b,c), bgr, crop, raw, kind (sequence, map, optional). Exit: the status. */
#include <igata/igata.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int report(const ig_error *err) {
    fprintf(stderr, "%s: %s; %s\n", err->detail, err->message, err->hint);
    return (int)err->status;
}

static size_t numbers(const char *text, double *out, size_t max) {
    size_t n = 0;
    char *end;
    for (const char *p = text; *p && n < max; p = *end ? end + 1 : end) out[n++] = strtod(p, &end);
    return n;
}

int main(int argc, char **argv) {
    ig_error err = {0};
    ig_read_options in = {IG_OPTIONS(ig_read_options)};
    ig_write_options out = {IG_OPTIONS(ig_write_options), .overwrite = true};
    int64_t dims[IG_MAX_RANK];
    float mean[4], scale[4];
    double values[IG_MAX_RANK];
    if (argc < 3) return 2;
    for (int i = 3; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (!value) return 2;
        *value++ = 0;
        size_t n = numbers(value, values, IG_MAX_RANK);
        if (strcmp(argv[i], "dtype") == 0) in.dtype = ig_dtype_from_name(value);
        if (strcmp(argv[i], "layout") == 0) in.layout = value;
        if (strcmp(argv[i], "bgr") == 0) in.bgr = true;
        if (strcmp(argv[i], "crop") == 0) in.crop = true;
        if (strcmp(argv[i], "raw") == 0) out.raw_bits = true;
        if (strcmp(argv[i], "kind") == 0)
            in.kind = value[0] == 's' ? IG_KIND_SEQUENCE : value[0] == 'm' ? IG_KIND_MAP : IG_KIND_OPTIONAL;
        if (strcmp(argv[i], "dims") == 0) {
            for (size_t k = 0; k < n; k++) dims[k] = (int64_t)values[k];
            in.dims = dims;
            in.rank = (int)n;
        }
        bool is_mean = strcmp(argv[i], "mean") == 0;
        for (size_t k = 0; k < n && k < 4 && (is_mean || strcmp(argv[i], "scale") == 0); k++) {
            (is_mean ? mean : scale)[k] = (float)values[k];
            *(is_mean ? &in.mean : &in.scale) = is_mean ? mean : scale;
            *(is_mean ? &in.n_mean : &in.n_scale) = k + 1;
        }
    }
    const char *dot = strrchr(argv[1], '.');
    if (dot && strcmp(dot, ".npz") == 0) {
        ig_tensors *tensors;
        if (ig_tensors_read(&tensors, argv[1], &in, &err)) return report(&err);
        ig_status status = ig_tensors_write(tensors, argv[2], &out, &err);
        ig_tensors_free(tensors);
        return status ? report(&err) : 0;
    }
    ig_tensor *tensor;
    if (ig_tensor_read(&tensor, argv[1], &in, &err)) return report(&err);
    ig_status status = ig_tensor_write(tensor, "x", argv[2], &out, &err);
    ig_tensor_free(tensor);
    return status ? report(&err) : 0;
}
