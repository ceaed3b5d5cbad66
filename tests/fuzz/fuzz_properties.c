/* Files of settings: any bytes are settings with keys, or refused with an error. Input: the file.
 */
#include "fuzz.h"

#include "streamer/config/properties.h"

#include <assert.h>
#include <unistd.h>

static bool take_setting(void *context, size_t line, const char *key, const char *value,
                         struct err *e) {
    size_t *last = context;
    (void)e;
    assert(line > *last && key[0] != '\0' && value != NULL);
    assert(strlen(key) == slice_trim(slice_str(key)).n);
    assert(strlen(value) == slice_trim(slice_str(value)).n);
    *last = line;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[64];
    int fd;
    size_t line = 0;
    struct err e = {0};
    make_file(slice_of(data, size), path, &fd);
    assert(properties_read(path, take_setting, &line, &e) || e.text[0] != '\0');
    (void)close(fd);
    return 0;
}
