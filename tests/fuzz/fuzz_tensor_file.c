/* Any bytes as a tensor file of each format: reading never fails in a bad way. The first byte picks the format. */
#define _GNU_SOURCE
#include <igata/igata.h>

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    const ig_context_options limits = {IG_OPTIONS(ig_context_options), .limits = {.memory = 64 << 20}};
    ig_context *context;
    if (ig_context_create(&context, &limits, NULL) != IG_OK) return 0;
    int fd = memfd_create("tensor", 0);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (fd >= 0 && write(fd, data + 1, size - 1) == (ssize_t)(size - 1)) {
        static const ig_kind kinds[] = {IG_KIND_TENSOR, IG_KIND_SEQUENCE, IG_KIND_OPTIONAL, IG_KIND_MAP};
        const int64_t dims[] = {1, -1, 3};
        ig_read_options options = {IG_OPTIONS(ig_read_options), .context = context};
        options.format = (ig_file_format)(IG_FILE_NPY + data[0] % IG_FILE_IMAGE);
        options.kind = kinds[data[0] >> 6];
        if (data[0] & 16) options.dtype = IG_F32, options.dims = dims, options.rank = 3;
        ig_error err;
        if (options.format == IG_FILE_NPZ) {
            ig_tensors *all;
            if (ig_tensors_read(&all, path, &options, &err) == IG_OK) ig_tensors_free(all);
        } else {
            ig_tensor *t;
            if (ig_tensor_read(&t, path, &options, &err) == IG_OK) ig_tensor_free(t);
        }
    }
    if (fd >= 0) close(fd);
    ig_context_free(context);
    return 0;
}
