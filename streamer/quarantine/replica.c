#include "streamer/quarantine/replica.h"

#include "state/keys.h"
#include "state/memory.h"
#include "streamer/base/mem.h"
#include "streamer/base/murmur2.h"
#include "streamer/base/timestamp.h"
#include "streamer/model/entity.h"
#include "streamer/quarantine/schema_wait.h"
#include "streamer/quarantine/text_set.h"
#include "streamer/task/customer_ref.h"
#include "streamer/task/message_keys.h"
#include "streamer/task/pipeline.h"
#include "streamer/task/task_marts.h"
#include "streamer/task/task_rows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PARTITION 0 /* of the only task */

/* A record that is to be tried, with bytes of its own. */
struct trial {
    enum topic topic;
    struct buf key, value, key_schema_id, value_schema_id;
    struct record record; /* its slices point into these */
    bool is_truncate;
};

/* A row of a result topic, by number in `row_keys`. */
struct row {
    bool was, is; /* there was such a row before, and there is one now */
    struct buf before, after;
};

/* A link or ref on its way. */
struct letter {
    enum topic topic;
    struct buf key, value;
    bool has_value;
};

/* The ids of an entity that the replica has. The first `own` of them have records. */
struct wanted {
    struct text_set ids;
    size_t own;
};

struct replica {
    struct sink sink;     /* first */
    struct config config; /* the caller's, but results are written as JSON */
    const atomic_bool *stop;
    struct memory *memory;
    struct pipeline pipeline;
    struct task task;

    struct trial *trials;
    size_t trial_count, trial_cap, trial_bytes;
    struct wanted wanted[ENTITY_COUNT];
    int step;
    size_t from; /* the step is about the ids from this number on */

    struct text_set row_keys; /* one byte for the topic | the message's key */
    struct row *rows;
    size_t row_cap;
    struct letter *letters;
    size_t letter_count, letter_cap, letters_read;
    bool was_rejected; /* the record in work */
    struct buf row_key, text, ref;
};

/* --- what there is --- */

/* What a step reads, and which ids it is about. */
struct step {
    enum topic topic;
    enum entity entity;
};
static const struct step steps[REPLICA_STEPS] = {
    {TOPIC_ACCOUNT_HISTORY, ENTITY_ACCOUNT}, /* of accounts with records: shows their customers */
    {TOPIC_ACCOUNT_LINKS, ENTITY_CUSTOMER},  /* shows the accounts of customers with records */
    {TOPIC_ACCOUNT_HISTORY, ENTITY_ACCOUNT}, /* of these accounts */
    {TOPIC_CUSTOMER_HISTORY, ENTITY_CUSTOMER},     {TOPIC_CONFIRMATIONS, ENTITY_COUNT},
    {TOPIC_ACCOUNT_WITH_CUSTOMER, ENTITY_ACCOUNT}, {TOPIC_ACCOUNT_SUMMARY, ENTITY_ACCOUNT},
    {TOPIC_CUSTOMER_PROFILE, ENTITY_CUSTOMER},
};
#define STEP_OF_MORE_ACCOUNTS 2

static const struct row_type *type_of(enum topic topic) {
    switch (topic) {
    case TOPIC_CUSTOMER_HISTORY:
        return &customer_history_type;
    case TOPIC_ACCOUNT_HISTORY:
        return &account_history_type;
    case TOPIC_ACCOUNT_WITH_CUSTOMER:
        return &account_with_customer_type;
    case TOPIC_ACCOUNT_SUMMARY:
        return &account_summary_type;
    case TOPIC_CUSTOMER_PROFILE:
        return &customer_profile_type;
    default:
        return NULL;
    }
}

static bool too_many(struct err *e, const char *what, size_t most) {
    return err_set(
        e, ERR_STOP,
        "dry run: more than %zu %s, which is too much for memory; choose fewer records "
        "with --code, --topic, --id, --since or --until, or replay them without --dry-run",
        most, what);
}

static bool want(struct replica *r, enum entity entity, struct slice id, struct err *e) {
    (void)text_set_add(&r->wanted[entity].ids, id);
    size_t count = r->wanted[ENTITY_CUSTOMER].ids.count + r->wanted[ENTITY_ACCOUNT].ids.count;
    return count <= REPLICA_IDS_MAX || too_many(e, "customers and accounts", REPLICA_IDS_MAX);
}

static bool want_customer(struct replica *r, int64_t customer_id, struct err *e) {
    buf_clear(&r->text);
    buf_put_int(&r->text, customer_id);
    return want(r, ENTITY_CUSTOMER, buf_slice(&r->text), e);
}

/* The row of a message; a new one if there is none. */
static struct row *find_row(struct replica *r, enum topic topic, struct slice key) {
    buf_clear(&r->row_key);
    buf_put_byte(&r->row_key, (char)topic);
    buf_put_slice(&r->row_key, key);
    size_t count = r->row_keys.count, i = text_set_add(&r->row_keys, buf_slice(&r->row_key));
    r->rows = mem_grow(r->rows, &r->row_cap, i + 1, sizeof *r->rows);
    if (i == count)
        r->rows[i] = (struct row){0};
    return &r->rows[i];
}

/* Sets `out` to the JSON of a row without calculated_at, which comes last. */
static void set_text(struct buf *out, struct slice json) {
    static const char last[] = ",\"calculated_at\":";
    const char *at = memmem(json.p, json.n, last, sizeof last - 1);
    buf_set(out, at != NULL ? slice_of(json.p, (size_t)(at - json.p)) : json);
    if (at != NULL)
        buf_put_byte(out, '}');
}

/* --- what the pipeline sends --- */

static void keep_letter(struct replica *r, const struct sink_message *m) {
    r->letters = mem_grow(r->letters, &r->letter_cap, r->letter_count + 1, sizeof *r->letters);
    struct letter *l = &r->letters[r->letter_count++];
    *l = (struct letter){.topic = m->topic, .has_value = m->value.p != NULL};
    buf_set(&l->key, m->key);
    buf_set(&l->value, m->value);
}

static void keep_row(struct replica *r, const struct sink_message *m) {
    struct row *row = find_row(r, m->topic, m->key);
    row->is = m->value.p != NULL;
    buf_clear(&row->after);
    if (row->is)
        set_text(&row->after, m->value);
}

static void keep_message(struct sink *s, const struct sink_message *m) {
    struct replica *r = (struct replica *)s;
    assert(!topic_is_repartition(m->topic)); /* all ids belong to the only task */
    if (m->topic == TOPIC_QUARANTINE)
        r->was_rejected = true;
    else if (m->topic == TOPIC_ACCOUNT_LINKS || m->topic == TOPIC_CUSTOMER_REFS)
        keep_letter(r, m);
    else if (type_of(m->topic) != NULL)
        keep_row(r, m);
}

/* --- life --- */

struct replica *replica_new(const struct config *config, const atomic_bool *stop) {
    struct replica *r = mem_calloc(1, sizeof *r);
    r->sink.send = keep_message;
    r->config = *config;
    r->config.output_format = OUTPUT_JSON;
    r->config.output_decimals = OUTPUT_DECIMALS_STRING;
    r->stop = stop;
    r->memory = memory_new();
    pipeline_init(&r->pipeline, &r->config, memory_kv(r->memory), &r->sink, 1,
                  (int32_t[ENTITY_COUNT]){1, 1});
    task_init(&r->task, PARTITION);
    return r;
}

static void trial_release(struct trial *t) {
    buf_release(&t->key);
    buf_release(&t->value);
    buf_release(&t->key_schema_id);
    buf_release(&t->value_schema_id);
}

static void letter_release(struct letter *l) {
    buf_release(&l->key);
    buf_release(&l->value);
}

static void row_release(struct row *row) {
    buf_release(&row->before);
    buf_release(&row->after);
}

void replica_free(struct replica *r) {
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->trial_count; i++)
        trial_release(&r->trials[i]);
    for (size_t i = 0; i < r->letter_count; i++)
        letter_release(&r->letters[i]);
    for (size_t i = 0; i < r->row_keys.count; i++)
        row_release(&r->rows[i]);
    for (int e = 0; e < ENTITY_COUNT; e++)
        text_set_release(&r->wanted[e].ids);
    text_set_release(&r->row_keys);
    free(r->trials);
    free(r->letters);
    free(r->rows);
    buf_release(&r->row_key);
    buf_release(&r->text);
    buf_release(&r->ref);
    task_release(&r->task);
    pipeline_release(&r->pipeline);
    memory_free(r->memory);
    free(r);
}

/* --- the records --- */

static struct slice copy(struct buf *to, struct slice from) {
    buf_set(to, from);
    return from.p != NULL ? buf_slice(to) : slice_null();
}

static struct trial *add_trial(struct replica *r, enum topic topic, const struct record *record) {
    r->trials = mem_grow(r->trials, &r->trial_cap, r->trial_count + 1, sizeof *r->trials);
    struct trial *t = &r->trials[r->trial_count++];
    *t = (struct trial){.topic = topic, .record = *record};
    t->record.key = copy(&t->key, record->key);
    t->record.value = copy(&t->value, record->value);
    t->record.key_schema_id = copy(&t->key_schema_id, record->key_schema_id);
    t->record.value_schema_id = copy(&t->value_schema_id, record->value_schema_id);
    return t;
}

/* The record as the next one of its topic. */
static struct input input_of(const struct trial *t, int64_t offset) {
    return (struct input){.topic = t->topic,
                          .partition = PARTITION,
                          .offset = offset,
                          .record = t->record,
                          .source_partition = PARTITION,
                          .source_offset = offset};
}

/* Reads what the record says itself. */
static bool read_trial(struct replica *r, const struct trial *t, struct event *event, bool *is_good,
                       struct err *e) {
    struct input in = input_of(t, 0);
    int64_t begun_ms = schema_wait_begin();
    while (!pipeline_read(&r->pipeline, &in, event, is_good))
        if (!schema_wait(begun_ms, r->stop, buf_cstr(&r->pipeline.reason.text), e))
            return false;
    return true;
}

bool replica_add(struct replica *r, enum topic topic, const struct record *record, struct err *e) {
    struct event event;
    bool is_good;
    r->trial_bytes += record->key.n + record->value.n;
    if (r->trial_count == REPLICA_RECORDS_MAX)
        return too_many(e, "records", REPLICA_RECORDS_MAX);
    if (r->trial_bytes > REPLICA_RECORD_BYTES_MAX)
        return too_many(e, "bytes of records", REPLICA_RECORD_BYTES_MAX);
    struct trial *t = add_trial(r, topic, record);
    if (!read_trial(r, t, &event, &is_good, e))
        return false;
    t->is_truncate = is_good && event.kind == CHANGE_TRUNCATE;
    return event.id.n == 0 || want(r, event.entity, event.id, e);
}

/* Wants the customers that the records of accounts name. The ids of customers with records must
 * come first, so this waits until all records are there. */
static bool want_named_customers(struct replica *r, struct err *e) {
    struct event event;
    bool is_good;
    for (int i = 0; i < ENTITY_COUNT; i++)
        r->wanted[i].own = r->wanted[i].ids.count;
    for (size_t i = 0; i < r->trial_count; i++) {
        if (r->trials[i].topic != TOPIC_ACCOUNTS)
            continue;
        if (!read_trial(r, &r->trials[i], &event, &is_good, e))
            return false;
        if (is_good && event.kind == CHANGE_UPSERT && !want_customer(r, event.customer_id, e))
            return false;
    }
    return true;
}

/* --- the steps --- */

/* Wants the customers of the accounts that are there, those of closed versions included. */
static bool want_their_customers(struct replica *r, struct err *e) {
    static const enum family families[] = {FAMILY_ACCOUNTS_BY_CUSTOMER, FAMILY_FORMER_ACCOUNTS};
    bool ok = true;
    key_partition(&r->row_key, PARTITION);
    for (size_t i = 0; ok && i < ARRAY_LEN(families); i++) {
        struct kv_cursor *c = kv_cursor(memory_kv(r->memory), families[i]);
        for (cursor_seek(c, buf_slice(&r->row_key)); ok && cursor_in(c, buf_slice(&r->row_key));
             cursor_next(c))
            ok = want_customer(r, key_customer_id(cursor_key(c)), e);
        cursor_free(c);
    }
    return ok;
}

static bool prepare(struct replica *r, int step, struct err *e) {
    r->step = step;
    r->from = step == STEP_OF_MORE_ACCOUNTS ? r->wanted[ENTITY_ACCOUNT].own : 0;
    if (step == 0)
        return want_named_customers(r, e);
    return step != 1 || want_their_customers(r, e);
}

static size_t count_of(const struct replica *r, enum entity entity) {
    return entity != ENTITY_COUNT ? r->wanted[entity].ids.count
                                  : r->wanted[ENTITY_CUSTOMER].own + r->wanted[ENTITY_ACCOUNT].own;
}

bool replica_begin_step(struct replica *r, int step, enum topic *topic, bool *is_needed,
                        struct err *e) {
    assert(step >= 0 && step < REPLICA_STEPS);
    *topic = steps[step].topic;
    if (!prepare(r, step, e))
        return false;
    *is_needed = count_of(r, steps[step].entity) > r->from;
    return true;
}

static bool has_in_partition(const struct text_set *ids, size_t from, int32_t partition,
                             int32_t n) {
    for (size_t i = from; i < ids->count; i++)
        if (murmur2_partition(text_set_at(ids, i), n) == partition)
            return true;
    return false;
}

bool replica_needs_partition(const struct replica *r, int32_t partition, int32_t n) {
    enum entity entity = steps[r->step].entity;
    if (entity != ENTITY_COUNT)
        return has_in_partition(&r->wanted[entity].ids, r->from, partition, n);
    return has_in_partition(&r->wanted[ENTITY_CUSTOMER].ids, 0, partition, n) ||
           has_in_partition(&r->wanted[ENTITY_ACCOUNT].ids, 0, partition, n);
}

static bool is_wanted(const struct replica *r, enum entity entity, struct slice id) {
    size_t number;
    return text_set_find(&r->wanted[entity].ids, id, &number) && number >= r->from;
}

static bool confirmation_is_wanted(const struct replica *r, struct slice key) {
    enum entity entity;
    struct slice id;
    int64_t at;
    /* A floor is left out: a replay never meets it (rule O9). */
    return confirmations_key_read(key, &entity, &id, &at) != CONFIRMATIONS_OTHER &&
           is_wanted(r, entity, id);
}

static bool message_is_wanted(const struct replica *r, struct slice key) {
    struct slice id, account;
    int64_t from;
    switch (steps[r->step].topic) {
    case TOPIC_CUSTOMER_HISTORY:
        return history_key_read(key, &id, &from) && is_wanted(r, ENTITY_CUSTOMER, id);
    case TOPIC_ACCOUNT_HISTORY:
        return history_key_read(key, &id, &from) && is_wanted(r, ENTITY_ACCOUNT, id);
    case TOPIC_ACCOUNT_LINKS:
        return link_key_read(key, &id, &account) && is_wanted(r, ENTITY_CUSTOMER, id);
    case TOPIC_CONFIRMATIONS:
        return confirmation_is_wanted(r, key);
    default:
        return is_wanted(r, steps[r->step].entity, key);
    }
}

/* A customer's change touches all its accounts. */
static bool want_linked(struct replica *r, struct slice key, struct err *e) {
    struct slice customer, account;
    size_t number;
    if (!link_key_read(key, &customer, &account) ||
        !text_set_find(&r->wanted[ENTITY_CUSTOMER].ids, customer, &number) ||
        number >= r->wanted[ENTITY_CUSTOMER].own)
        return true;
    return want(r, ENTITY_ACCOUNT, account, e);
}

/* Decodes a row, and waits for its schema if that is not here yet. */
static bool read_row(struct replica *r, const struct row_type *type, struct slice value, void *row,
                     struct err *e) {
    int64_t begun_ms = schema_wait_begin();
    while (!codec_read(&r->pipeline.env.reader, type, value, row, e)) {
        struct err why = *e;
        if (why.class != ERR_RETRY)
            return err_prefix(e, "dry run: topic %s", r->config.topics[steps[r->step].topic]);
        if (!schema_wait(begun_ms, r->stop, why.text, e))
            return false;
    }
    return true;
}

/* Counts the message's key as a row, and notes the row of a result topic as it is before the
 * records. */
static bool note_row(struct replica *r, struct slice key, struct slice value, struct err *e) {
    enum topic topic = steps[r->step].topic;
    const struct row_type *type = type_of(topic);
    union {
        struct customer_history_row customer_history;
        struct account_history_row account_history;
        struct account_with_customer_row account_with_customer;
        struct account_summary_row account_summary;
        struct customer_profile_row customer_profile;
    } row;
    struct row *noted = find_row(r, topic, key);
    if (r->row_keys.count > REPLICA_ROWS_MAX)
        return too_many(e, "rows", REPLICA_ROWS_MAX);
    if (type == NULL)
        return true;
    noted->was = noted->is = value.p != NULL;
    buf_clear(&noted->before);
    if (noted->was) {
        if (!read_row(r, type, value, &row, e))
            return false;
        buf_clear(&r->text);
        row_put_json(type, &row, &r->text);
        set_text(&noted->before, buf_slice(&r->text));
    }
    buf_set(&noted->after, buf_slice(&noted->before));
    return true;
}

static bool state_is_good(struct replica *r, struct err *e) {
    struct kv *kv = memory_kv(r->memory);
    if (!kv_failed(kv))
        return true;
    *e = kv->err;
    return err_prefix(e, "dry run");
}

bool replica_take(struct replica *r, struct slice key, struct slice value, struct err *e) {
    enum topic topic = steps[r->step].topic;
    if (key.p == NULL || !message_is_wanted(r, key))
        return true;
    if (!note_row(r, key, value, e) || (topic == TOPIC_ACCOUNT_LINKS && !want_linked(r, key, e)))
        return false;
    task_replay(&r->pipeline.env, &r->task, topic, key, value, (struct history_headers){0});
    if (!state_is_good(r, e))
        return false;
    memory_commit(r->memory);
    return true;
}

/* --- trying --- */

/* Puts the ref of a current customer, so that an account that comes to it joins at once. Refs are
 * not read from their topic: those of one customer are in many partitions and say the same. */
static void put_ref(struct replica *r, struct slice id) {
    struct task_env *env = &r->pipeline.env;
    int64_t customer_id;
    if (!task_parse_customer_id(id, &customer_id))
        return;
    task_load_customer(env, &r->task, customer_id);
    struct customer_ref ref = task_current_customer(env);
    struct ref_origin origin = customer_row_ref_origin(&env->customer);
    if (!ref.known || kv_failed(env->kv))
        return;
    buf_clear(&r->ref);
    buf_put_byte(&r->ref, MESSAGE_FORMAT);
    customer_ref_encode(&ref, &origin, &r->ref);
    task_replay(env, &r->task, TOPIC_CUSTOMER_REFS, id, buf_slice(&r->ref),
                (struct history_headers){0});
}

static bool put_refs(struct replica *r, struct err *e) {
    const struct text_set *ids = &r->wanted[ENTITY_CUSTOMER].ids;
    for (size_t i = 0; i < ids->count; i++)
        put_ref(r, text_set_at(ids, i));
    if (!state_is_good(r, e))
        return false;
    memory_commit(r->memory);
    return true;
}

static bool process(struct replica *r, const struct input *in, struct err *e) {
    int64_t begun_ms = schema_wait_begin();
    enum pipeline_result result;
    while ((result = pipeline_process(&r->pipeline, &r->task, in)) != PIPELINE_DONE) {
        if (!state_is_good(r, e) ||
            (result == PIPELINE_WAITS &&
             !schema_wait(begun_ms, r->stop, buf_cstr(&r->pipeline.reason.text), e)))
            return false;
    }
    if (!state_is_good(r, e))
        return false;
    memory_commit(r->memory);
    return true;
}

static enum replica_verdict verdict_of(const struct replica *r, enum entity entity) {
    const struct counts *c = &r->pipeline.env.counts;
    if (r->was_rejected)
        return REPLICA_REJECTED;
    return c->applied[entity] > 0 ? REPLICA_APPLIED : REPLICA_UNCHANGED;
}

static bool try_one(struct replica *r, size_t i, replica_judged *judged, void *context,
                    struct err *e) {
    const struct trial *t = &r->trials[i];
    struct input in = input_of(t, (int64_t)i);
    if (t->is_truncate)
        return judged(context, i, REPLICA_NOT_JUDGED, NULL, e);
    r->was_rejected = false;
    counts_clear(&r->pipeline.env.counts);
    if (!process(r, &in, e))
        return false;
    enum entity entity = t->topic == TOPIC_ACCOUNTS ? ENTITY_ACCOUNT : ENTITY_CUSTOMER;
    return judged(context, i, verdict_of(r, entity), &r->pipeline.reason, e);
}

/* Processes the oldest letter. */
static bool deliver_one(struct replica *r, struct err *e) {
    struct letter l = r->letters[r->letters_read];
    r->letters[r->letters_read++] = (struct letter){0}; /* the array moves when more are sent */
    struct input in = {
        .topic = l.topic,
        .partition = PARTITION,
        .record = {.key = buf_slice(&l.key),
                   .value = l.has_value ? buf_slice(&l.value) : slice_null()},
        .origin = slice_of("", 0),
    };
    bool ok = process(r, &in, e);
    letter_release(&l);
    return ok;
}

bool replica_try(struct replica *r, int64_t now_ms, replica_judged *judged, void *context,
                 struct err *e) {
    bool ok = put_refs(r, e);
    r->pipeline.env.now_ms = now_ms;
    for (size_t i = 0; ok && i < r->trial_count; i++)
        ok = try_one(r, i, judged, context, e);
    while (ok && r->letters_read < r->letter_count)
        ok = deliver_one(r, e);
    return ok;
}

/* --- what differs --- */

static bool differs(const struct row *row) {
    return row->was != row->is ||
           (row->was && !slice_eq(buf_slice(&row->before), buf_slice(&row->after)));
}

static int compare_keys(const void *a, const void *b, void *context) {
    const struct replica *r = context;
    return slice_compare(text_set_at(&r->row_keys, *(const size_t *)a),
                         text_set_at(&r->row_keys, *(const size_t *)b));
}

static bool show_row(const struct replica *r, size_t i, replica_changed *changed, void *context,
                     struct err *e) {
    const struct row *row = &r->rows[i];
    struct slice key = text_set_at(&r->row_keys, i);
    struct replica_row shown = {
        .topic = (enum topic)key.p[0],
        .key = slice_of(key.p + 1, key.n - 1),
        .before = row->was ? buf_slice(&row->before) : slice_null(),
        .after = row->is ? buf_slice(&row->after) : slice_null(),
    };
    return changed(context, &shown, e);
}

bool replica_rows(struct replica *r, replica_changed *changed, void *context, struct err *e) {
    size_t *order = mem_calloc(r->row_keys.count + 1, sizeof *order), n = 0;
    bool ok = true;
    for (size_t i = 0; i < r->row_keys.count; i++)
        if (differs(&r->rows[i]))
            order[n++] = i;
    qsort_r(order, n, sizeof *order, compare_keys, r);
    for (size_t i = 0; ok && i < n; i++)
        ok = show_row(r, order[i], changed, context, e);
    free(order);
    return ok;
}
