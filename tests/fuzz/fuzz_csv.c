/* CSV files: any bytes are read to their end, or refused with an error; what is read is text.
 *
 * Input: the delimiter (0: by the first line), the encoding (0: UTF-8), then the file. */
#include "fuzz.h"

#include "streamer/base/mem.h"
#include "streamer/base/utf8.h"
#include "streamer/files/csv.h"

#include <assert.h>
#include <unistd.h>

#define RECORD_MAX_BYTES 1000

static bool is_text(struct slice s) {
    return utf8_is_valid(s) && (s.n == 0 || memchr(s.p, 0, s.n) == NULL);
}

static void read_rows(struct csv *c) {
    struct err e = {0};
    uint64_t line = 0;
    enum csv_result result;
    for (size_t i = 0; i < csv_column_count(c); i++)
        assert(is_text(csv_column_name(c, i)));
    while ((result = csv_next(c, &e)) == CSV_ROW) {
        assert(csv_line(c) > line);
        line = csv_line(c);
        for (size_t i = 0; i < csv_column_count(c); i++)
            assert(is_text(csv_field(c, i)));
    }
    assert(result == CSV_END || e.text[0] != '\0');
}

/* As --delimiter takes it, or none. */
static char take_delimiter(struct slice *input) {
    char c = (char)(take_byte(input) & 0x7f);
    return c != '\0' && strchr("\"\r\n", c) != NULL ? '\0' : c;
}

/* As --encoding takes it. Those of iconv with a state, or with characters of several bytes, have
 * more ways to go wrong. */
static const char *take_encoding(struct slice *input) {
    static const char *const encodings[] = {
        NULL,      "windows-1252", "latin-1",    "utf-16", "utf-16le", "utf-16be",   "utf-32",
        "gb18030", "shift_jis",    "big5-hkscs", "ibm037", "utf-7",    "iso-2022-jp"};
    return encodings[take_byte(input) % ARRAY_LEN(encodings)];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice input = slice_of(data, size);
    char path[64];
    int fd;
    struct err e = {0};
    struct csv_options options = {.record_max_bytes = RECORD_MAX_BYTES, .command = "x"};
    options.delimiter = take_delimiter(&input);
    options.encoding = take_encoding(&input);
    make_file(input, path, &fd);
    struct csv *c = csv_open(path, &options, &e);
    if (c != NULL)
        read_rows(c);
    else
        assert(e.text[0] != '\0');
    csv_close(c);
    (void)close(fd);
    return 0;
}
