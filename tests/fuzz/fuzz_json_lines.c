/* JSON lines: any bytes are read to their end, and each line becomes one record; what a record is
 * judged as holds what fuzz.h asserts.
 *
 * Input: the file. */
#include "fuzz.h"

#include "streamer/files/json_lines.h"

#include <assert.h>
#include <unistd.h>

#define LINE_MAX_BYTES 300

static void check(struct decoder *d, const struct json_lines *l) {
    struct decoded decoded;
    struct reason why = {0};
    struct record record = {
        .key = json_lines_key(l), .value = json_lines_value(l), .timestamp_ms = FUZZ_KAFKA_TIME};
    assert(json_lines_cut(l) == 0 || (record.key.p == NULL && record.value.p == NULL));
    for (enum entity entity = 0; entity < ENTITY_COUNT; entity++)
        (void)check_record(d, entity, &record, &decoded, &why);
    buf_release(&why.text);
}

static void read_lines(struct json_lines *l, const struct text_input *in) {
    struct decoder *d = decoder_new(&(struct decoder_options){.record_max_bytes = LINE_MAX_BYTES});
    struct err e;
    uint64_t line = 0;
    enum json_lines_result result;
    while ((result = json_lines_next(l, &e)) == JSON_LINES_ROW) {
        assert(json_lines_line(l) > line);
        line = json_lines_line(l);
        check(d, l);
    }
    assert(result == (in->fault.class == ERR_NONE ? JSON_LINES_END : JSON_LINES_ERROR));
    decoder_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[64];
    int fd;
    struct err e;
    const struct text_input_options options = {.command = "streamer try customers",
                                               .may_be_json = true};
    struct text_input in;
    make_file(slice_of(data, size), path, &fd);
    if (text_input_open(&in, path, &options, &e)) {
        struct json_lines *l = json_lines_new(&in, LINE_MAX_BYTES);
        read_lines(l, &in);
        json_lines_free(l);
        text_input_release(&in);
    }
    (void)close(fd);
    return 0;
}
