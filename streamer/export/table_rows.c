#include "streamer/export/table_rows.h"

#include "streamer/export/as_of_rows.h"

#include <assert.h>
#include <inttypes.h>

struct loading {
    const struct table_rows_options *options;
    const char *topic;
    struct sorted_table *table;
    void *context; /* of options->progress */
};

void table_sources_release(struct table_sources *s) {
    for (size_t i = 0; i < s->count; i++)
        topic_positions_release(&s->of[i].positions);
    *s = (struct table_sources){0};
}

/* --- loading --- */

static bool put_row(void *context, const struct result_row *r, struct err *e) {
    const struct loading *l = context;
    if (sorted_table_put(l->table, r->key, r->row, e))
        return true;
    if (r->partition >= 0 && !result_key_sort(l->table->table, r->key, &l->table->key))
        (void)err_prefix(e, "topic %s, partition %d, offset %" PRId64, l->topic, r->partition,
                         r->offset);
    return false;
}

static void show_progress(void *context, uint64_t done, uint64_t total) {
    const struct loading *l = context;
    l->options->progress(l->context, done, total);
}

/* The end is that at the moment when it is reached: a row of before may be compacted away while the
 * topic is read, and then the row that has replaced it lies before that end. */
static bool load(const struct config *c, const struct table_rows_options *o, void *context,
                 struct sorted_table *table, struct table_sources *sources, struct err *e) {
    const struct result_reader_options options = {.table = table->table,
                                                  .end = TOPIC_READER_END_WHEN_REACHED,
                                                  .instance = o->instance,
                                                  .stop = o->stop,
                                                  .progress =
                                                      o->progress != NULL ? show_progress : NULL};
    struct loading l = {o, c->topics[result_topic(table->table)], table, context};
    assert(sources->count < TABLE_SOURCES_MAX);
    struct table_source *source = &sources->of[sources->count];
    source->topic = result_topic(table->table);
    if (!result_read(c, &options, put_row, &l, &source->positions, e))
        return false;
    sources->count++;
    return true;
}

/* --- rows as they are --- */

static bool give_rows(const struct table_rows_options *o, struct sorted_table *table,
                      sorted_table_seen *seen, void *context, struct err *e) {
    union result_any row;
    if (!sorted_table_begin(table, e))
        return false;
    while (sorted_table_next(table, &row, e))
        if (!as_of_goes_on(o->stop, e) || !seen(context, &row, e))
            return false;
    return e->class == ERR_NONE;
}

static bool read_table(const struct config *c, const struct table_rows_options *o,
                       sorted_table_seen *seen, void *context, struct table_sources *sources,
                       struct err *e) {
    struct sorted_table table;
    if (!sorted_table_init(&table, o->table, o->as_of, e))
        return false;
    bool ok = load(c, o, context, &table, sources, e) && give_rows(o, &table, seen, context, e);
    sorted_table_release(&table);
    return ok;
}

/* --- rows that are made from both histories --- */

static bool make_table(const struct config *c, const struct table_rows_options *o,
                       sorted_table_seen *seen, void *context, struct table_sources *sources,
                       struct err *e) {
    struct sorted_table accounts = {0}, customers = {0};
    const struct as_of_rows a = {.table = o->table,
                                 .accounts = &accounts,
                                 .customers = &customers,
                                 .rates = &c->rates,
                                 .stop = o->stop,
                                 .seen = seen,
                                 .context = context};
    bool ok = sorted_table_init(&accounts, ROW_ACCOUNT_HISTORY, o->as_of, e) &&
              sorted_table_init(&customers, ROW_CUSTOMER_HISTORY, o->as_of, e) &&
              load(c, o, context, &accounts, sources, e) &&
              load(c, o, context, &customers, sources, e) && as_of_rows(&a, e);
    sorted_table_release(&accounts);
    sorted_table_release(&customers);
    return ok;
}

bool table_rows(const struct config *c, const struct table_rows_options *o, sorted_table_seen *seen,
                void *context, struct table_sources *sources, struct err *e) {
    bool is_made = o->as_of != TIMESTAMP_NONE && !result_is_history(o->table);
    return is_made ? make_table(c, o, seen, context, sources, e)
                   : read_table(c, o, seen, context, sources, e);
}
