/* Answers of a schema registry: any body of any status is understood as one result; what an error
 * shows of it is short and in one line.
 *
 * Input: the status as two bytes, then the body. */
#include "fuzz.h"

#include "streamer/registry/answer.h"

#include <assert.h>

#define SHOWN_MAX 400 /* bytes */

static void check_one_line(const struct buf *text) {
    for (size_t i = 0; i < text->n; i++)
        assert((unsigned char)text->p[i] >= ' ');
}

static void check_schema(const struct answer *a) {
    struct registry_schema schema = {0};
    if (answer_read_schema(a, 7, &schema)) {
        assert(schema.id >= 0 && schema.version >= 0);
        assert(memchr(schema.type_name, '\0', sizeof schema.type_name) != NULL);
    }
    registry_schema_release(&schema);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice input = slice_of(data, size);
    struct json json;
    struct buf text = {0};
    json_init(&json);
    struct answer a = {.status = take_byte(&input)};
    a.status = a.status << 8 | take_byte(&input);
    a.json = json_parse(&json, input);
    enum registry_result result = answer_result(&a);
    assert(result < REGISTRY_RESULT_COUNT);
    assert(result != REGISTRY_OK || (a.status == 200 && a.json != NULL));
    answer_put_error(&text, &a, input);
    assert(text.n <= SHOWN_MAX);
    check_one_line(&text);
    buf_clear(&text);
    answer_put_reasons(&text, &a);
    check_one_line(&text);
    check_schema(&a);
    buf_release(&text);
    json_release(&json);
    return 0;
}
