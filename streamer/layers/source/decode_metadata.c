/* What a record says of itself beside its row. An envelope says it in its member `source`, a
 * flattened record in members whose names begin with "__". */
#include "streamer/base/decimal.h"
#include "streamer/base/mem.h"
#include "streamer/base/timestamp.h"
#include "streamer/layers/source/decode_parts.h"
#include "streamer/model/position.h"

/* The name of a member of an envelope or of its `source`, and the mark that it stands for. */
struct member {
    struct slice name;
    enum mark mark;
};

#define MEMBER(name, mark)                                                                         \
    { {(name), sizeof(name) - 1}, mark }

/* Sorted by the length of the name, because most members of a `source` are not among these:
 * used_by_length finds the few with the right length. */
static const struct member used_members[] = {
    MEMBER("lsn", MARK_LSN),
    MEMBER("pos", MARK_POS),
    MEMBER("row", MARK_ROW),
    MEMBER("scn", MARK_SCN),
    MEMBER("name", MARK_NAME),
    MEMBER("file", MARK_FILE),
    MEMBER("ts_ms", MARK_TIME),
    MEMBER("connector", MARK_CONNECTOR),
    MEMBER("server_id", MARK_SERVER_ID),
    MEMBER("commit_lsn", MARK_COMMIT_LSN),
    MEMBER("change_lsn", MARK_CHANGE_LSN),
    MEMBER("commit_scn", MARK_COMMIT_SCN),
    MEMBER("event_serial_no", MARK_EVENT_SERIAL_NO),
};
static const struct {
    uint8_t first, count;
} used_by_length[] = {
    [3] = {0, 4}, [4] = {4, 2}, [5] = {6, 1}, [9] = {7, 2}, [10] = {9, 3}, [15] = {12, 1}};

/* Members that nothing here uses. They only tell that the record is Debezium's. */
static const struct member other_members[] = {
    MEMBER("table", MARK_OTHER),        MEMBER("db", MARK_OTHER),
    MEMBER("schema", MARK_OTHER),       MEMBER("snapshot", MARK_OTHER),
    MEMBER("version", MARK_OTHER),      MEMBER("sequence", MARK_OTHER),
    MEMBER("collection", MARK_OTHER),   MEMBER("ts_us", MARK_OTHER),
    MEMBER("ts_ns", MARK_OTHER),        MEMBER("txId", MARK_OTHER),
    MEMBER("xmin", MARK_OTHER),         MEMBER("gtid", MARK_OTHER),
    MEMBER("thread", MARK_OTHER),       MEMBER("query", MARK_OTHER),
    MEMBER("lcr_position", MARK_OTHER), MEMBER("rs_id", MARK_OTHER),
    MEMBER("ssn", MARK_OTHER),          MEMBER("redo_thread", MARK_OTHER),
    MEMBER("user_name", MARK_OTHER),    MEMBER("row_id", MARK_OTHER),
};

/* Returns MARK_COUNT if the name is not among the members. */
static enum mark find_member(const struct member *members, size_t count, struct slice name) {
    for (size_t i = 0; i < count; i++)
        if (slice_eq(members[i].name, name))
            return members[i].mark;
    return MARK_COUNT;
}

enum mark metadata_source_mark(struct slice name) {
    if (name.n >= ARRAY_LEN(used_by_length))
        return MARK_COUNT;
    return find_member(used_members + used_by_length[name.n].first, used_by_length[name.n].count,
                       name);
}

static bool take_prefix(struct slice *name, struct slice prefix) {
    if (!slice_has_prefix(*name, prefix))
        return false;
    *name = slice_of(name->p + prefix.n, name->n - prefix.n);
    return true;
}

/* The mark of a flattened member; `name` is without its "__". */
static enum mark flat_mark(struct slice name) {
    if (slice_eq(name, slice_str("op")))
        return MARK_OP;
    if (slice_eq(name, slice_str("deleted")))
        return MARK_DELETED;
    bool is_of_source = take_prefix(&name, slice_str("source_"));
    enum mark mark = metadata_source_mark(name);
    if (mark == MARK_TIME && !is_of_source) /* __ts_ms: when the connector saw the change */
        return MARK_OTHER;
    if (mark != MARK_COUNT)
        return mark;
    if (is_of_source || slice_has_prefix(name, slice_str("transaction_")))
        return MARK_OTHER;
    return find_member(other_members, ARRAY_LEN(other_members), name);
}

enum mark metadata_flat_mark(struct slice name) {
    if (slice_eq(name, slice_str("Op")))
        return MARK_DMS_OP;
    return take_prefix(&name, slice_str("__")) ? flat_mark(name) : MARK_COUNT;
}

bool metadata_has_name(struct slice name) {
    return take_prefix(&name, slice_str("__")) && flat_mark(name) != MARK_COUNT;
}

static bool is_dms_operation(struct slice text) {
    text = slice_trim(text);
    return text.n == 1 && strchr("IUD", text.p[0]) != NULL;
}

void metadata_set(struct metadata *m, enum mark mark, struct slice text) {
    if (mark == MARK_DMS_OP && !is_dms_operation(text))
        return;
    uint32_t bit = UINT32_C(1) << mark;
    if (mark != MARK_OTHER && (m->exists & bit) == 0)
        m->texts[mark] = text;
    m->exists |= bit;
}

enum mark metadata_take_flat(struct metadata *m, struct slice name, struct slice text) {
    enum mark mark = metadata_flat_mark(name);
    if (mark == MARK_COUNT || (mark == MARK_DMS_OP && !is_dms_operation(text)))
        return MARK_COUNT;
    metadata_set(m, mark, text);
    return mark;
}

void metadata_refuse_time(struct decoding *g, const char *name) {
    g->refused |= FIELD_BIT(FIELD_UPDATED_AT); /* updated_at does not stand in for it */
    refuse(g, REASON_MALFORMED,
           "Malformed record: %s is not epoch milliseconds within the years 0001 to 9999", name);
}

/* Reads the database's time of the change, in epoch ms. It may be absent or 0: the event time then
 * comes from elsewhere. */
static void read_time(struct decoding *g, struct slice text, const char *name) {
    int64_t ms;
    if (text.p == NULL)
        return;
    if (decimal_parse_integer(slice_trim(text), &ms) != DECIMAL_OK || ms < TIMESTAMP_MIN ||
        ms > TIMESTAMP_MAX) {
        metadata_refuse_time(g, name);
        return;
    }
    g->out->has_source_time = ms != 0;
    g->out->source_time_ms = ms;
}

/* The marks that the parts of a position are made from. MARK_OTHER: the kind has no such part. */
static const struct {
    enum position_kind kind;
    enum mark parts[POSITION_PARTS];
} positions[] = {
    {POSITION_LSN, {MARK_LSN, MARK_OTHER, MARK_OTHER}},
    {POSITION_BINLOG, {MARK_FILE, MARK_POS, MARK_ROW}},
    {POSITION_COMMIT_LSN, {MARK_COMMIT_LSN, MARK_CHANGE_LSN, MARK_EVENT_SERIAL_NO}},
    {POSITION_SCN, {MARK_COMMIT_SCN, MARK_SCN, MARK_OTHER}},
};

/* Makes the position from the first kind of which a part is there. */
static void read_position(struct decoding *g, const struct metadata *m) {
    struct buf *position = &g->decoder->position;
    struct position_source source = {m->texts[MARK_CONNECTOR], m->texts[MARK_NAME],
                                     m->texts[MARK_SERVER_ID]};
    buf_clear(position);
    for (size_t i = 0; i < ARRAY_LEN(positions) && position->n == 0; i++) {
        struct slice parts[POSITION_PARTS];
        bool any = false;
        for (size_t k = 0; k < POSITION_PARTS; k++) {
            parts[k] = m->texts[positions[i].parts[k]];
            any |= parts[k].n > 0;
        }
        if (any)
            position_put(position, positions[i].kind, &source, parts);
    }
    if (position->n > 0)
        g->out->position = buf_slice(position);
}

void metadata_finish_source(struct decoding *g, const struct metadata *m) {
    g->out->has_metadata = true;
    read_time(g, m->texts[MARK_TIME], "source.ts_ms");
    read_position(g, m);
}

void metadata_refuse_source(struct decoding *g) {
    refuse(g, REASON_MALFORMED, "Malformed record: source is not an object");
}

void metadata_read_source(struct decoding *g, const cJSON *source) {
    if (source == NULL || cJSON_IsNull(source))
        return;
    if (!cJSON_IsObject(source)) {
        metadata_refuse_source(g);
        return;
    }
    struct metadata m = {0};
    const cJSON *member;
    cJSON_ArrayForEach(member, source) {
        enum mark mark = metadata_source_mark(slice_str(member->string));
        if (mark != MARK_COUNT)
            metadata_set(&m, mark, json_text(member));
        if (mark == MARK_TIME && !json_is_scalar(member))
            metadata_refuse_time(g, "source.ts_ms");
    }
    metadata_finish_source(g, &m);
}

void metadata_finish_flat(struct decoding *g, const struct metadata *m) {
    g->out->has_metadata = (m->exists & ~(UINT32_C(1) << MARK_DMS_OP)) != 0;
    read_time(g, m->texts[MARK_TIME], "__source_ts_ms");
    read_position(g, m);
}

static void refuse_mark(struct decoding *g, enum mark mark, const cJSON *member) {
    if (mark == MARK_TIME)
        metadata_refuse_time(g, member->string);
    else if (mark == MARK_OP || mark == MARK_DELETED)
        refuse_nested(g, member->string, member);
}

void metadata_read_flat(struct decoding *g, const cJSON *row, struct metadata *m) {
    const cJSON *member;
    cJSON_ArrayForEach(member, row) {
        enum mark mark = metadata_take_flat(m, slice_str(member->string), json_text(member));
        if (mark != MARK_COUNT && !json_is_scalar(member))
            refuse_mark(g, mark, member);
    }
    metadata_finish_flat(g, m);
}
