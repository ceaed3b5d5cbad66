/* release_data: a small state and the messages of its topics, as this version writes them. They are
 * kept under tests/data, so that every later version can show that it reads them:
 * tests/data/release.sh.
 *
 *   release_data INPUT DIR
 *
 * INPUT has a line for each record: {"topic":"accounts","key":…,"value":…}, both texts or null. DIR
 * gets the directory `state`, and `messages.jsonl` with a line for each message:
 *
 *   {"topic":2,"partition":0,"format":"avro","position":"…","source":"…","key":"…","value":"…",
 *    "row":{…}}
 *
 * `topic` is the number in enum topic; the value is base64, or null; `row` is what it says, as
 * JSON. The rows of results take turns in all formats. Internal topics have the format "". */
#include "rig.h"
#include "rows_peer.h"
#include "state/keys.h"
#include "state/rocksdb/store.h"
#include "streamer/base/base64.h"
#include "streamer/base/json.h"
#include "streamer/base/mem.h"
#include "streamer/task/task_history.h"

#include <stdio.h>
#include <string.h>

#define MEMORY_BYTES ((int64_t)8 << 20)
#define LINKS_MAX 1 /* so that some links have rows of their own */

static const struct codec *const codecs[] = {&codec_json, &codec_avro, &codec_connect_json,
                                             &codec_json_numbers};

static struct rig rig;

static void fail_with(const char *what) {
    (void)fprintf(stderr, "release_data: %s\n", what);
    exit(1);
}

/* --- the input --- */

static void feed(struct json *json, char *line) {
    char key[64], value[1024];
    const cJSON *record = json_parse(json, slice_str(line));
    struct slice k = json_text(json_member(record, "key")),
                 v = json_text(json_member(record, "value")),
                 topic = json_text(json_member(record, "topic"));
    if (record == NULL || k.n >= sizeof key || v.n >= sizeof value)
        fail_with(line);
    enum topic t = slice_eq(topic, slice_str("accounts")) ? TOPIC_ACCOUNTS : TOPIC_CUSTOMERS;
    (void)snprintf(key, sizeof key, "%.*s", (int)k.n, k.p != NULL ? k.p : "");
    (void)snprintf(value, sizeof value, "%.*s", (int)v.n, v.p != NULL ? v.p : "");
    rig_run_text(&rig, t, 0, k.p != NULL ? key : NULL, v.p != NULL ? value : NULL);
    rig_deliver(&rig);
}

static void feed_all(const char *path) {
    char line[2048];
    struct json json;
    FILE *f = fopen(path, "r");
    if (f == NULL)
        fail_with(path);
    json_init(&json);
    while (fgets(line, sizeof line, f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        feed(&json, line);
    }
    json_release(&json);
    (void)fclose(f);
}

/* --- the state --- */

/* Copies every second family. The next time that the store is opened, RocksDB moves what its log
 * has to a file, so that in the end there are both. */
static void copy_to_store(const char *dir, int first_family) {
    struct err e;
    struct store *store = store_open(dir, MEMORY_BYTES, 1, &e);
    if (store == NULL)
        fail_with(e.text);
    struct batch *batch = batch_new(store);
    for (int f = first_family; f < FAMILY_COUNT; f += 2) {
        struct kv_cursor *c = kv_cursor(memory_kv(rig.memory), (enum family)f);
        for (cursor_seek(c, slice_str("")); cursor_in(c, slice_str("")); cursor_next(c))
            kv_put(batch_kv(batch), (enum family)f, cursor_key(c), cursor_value(c));
        cursor_free(c);
    }
    if (!batch_commit(batch, &e))
        fail_with(e.text);
    batch_free(batch);
    store_close(store);
}

/* --- the messages --- */

static void put_text(struct buf *out, const char *name, struct slice text) {
    buf_printf(out, ",\"%s\":", name);
    if (text.p == NULL)
        buf_put_str(out, "null");
    else
        json_put_string(out, text);
}

static void put_base64(struct buf *out, struct slice bytes) {
    buf_put_str(out, ",\"value\":");
    if (bytes.p == NULL) {
        buf_put_str(out, "null");
        return;
    }
    buf_put_byte(out, '"');
    base64_put(out, bytes);
    buf_put_byte(out, '"');
}

/* The value of a result in another format, and the row as JSON. */
static void put_result(struct buf *out, const struct message *m, const struct codec *codec) {
    const struct row_type *type = row_result_types[m->topic - TOPIC_CUSTOMER_HISTORY];
    struct codec_reader reader;
    struct codec_writer writer;
    struct buf value = {0};
    union any_result row;
    struct err e;
    codec_reader_init(&reader, NULL, NULL);
    codec_writer_init(&writer, codec, own_schema_ids);
    if (!codec_read(&reader, type, message_value(m), &row, &e))
        fail_with(e.text);
    codec_write(&writer, type, &row, &value);
    put_base64(out, buf_slice(&value));
    buf_put_str(out, ",\"row\":");
    row_put_json(type, &row, out);
    buf_release(&value);
    codec_writer_release(&writer);
    codec_reader_release(&reader);
}

static void put_message(struct buf *out, const struct message *m, const struct codec *codec) {
    bool is_result = topic_is_result(m->topic);
    buf_printf(out, "{\"topic\":%d,\"partition\":%d,\"format\":\"%s\"", (int)m->topic,
               (int)m->partition, is_result && m->has_value ? codec->name : "");
    put_text(out, "position", message_header(m, TASK_POSITION_HEADER));
    put_text(out, "source", message_header(m, SINK_SOURCE_HEADER));
    put_text(out, "key", message_key(m));
    if (is_result && m->has_value)
        put_result(out, m, codec);
    else
        put_base64(out, message_value(m));
    buf_put_str(out, "}\n");
}

static void write_messages(const char *path) {
    struct buf out = {0};
    size_t turn = 0;
    FILE *f = fopen(path, "w");
    if (f == NULL)
        fail_with(path);
    for (size_t i = 0; i < rig.sent.count; i++)
        if (topic_is_replayed(rig.sent.messages[i].topic))
            put_message(&out, &rig.sent.messages[i], codecs[turn++ % ARRAY_LEN(codecs)]);
    if (fwrite(out.p, 1, out.n, f) != out.n || fclose(f) != 0)
        fail_with(path);
    buf_release(&out);
}

int main(int argc, char **argv) {
    char path[512];
    if (argc != 3)
        fail_with("release_data INPUT DIR");
    rig_init(&rig, 1, 1, NULL);
    rig.pipeline.env.links_max = LINKS_MAX;
    feed_all(argv[1]);
    rig_restart(&rig); /* saves the tasks' meta */
    (void)snprintf(path, sizeof path, "%s/state", argv[2]);
    copy_to_store(path, 0);
    copy_to_store(path, 1);
    (void)snprintf(path, sizeof path, "%s/messages.jsonl", argv[2]);
    write_messages(path);
    rig_release(&rig);
    return 0;
}
