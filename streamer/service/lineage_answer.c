#include "streamer/service/lineage_answer.h"

#include "streamer/base/clock.h"
#include "streamer/base/json_put.h"
#include "streamer/model/topology_text.h"
#include "streamer/service/lineage_event.h"

/* Records of an entity that staging has judged in this process. */
static int64_t staged(const struct metrics *m, enum entity e) {
    int64_t records = metric_get(&m->applied[e]) + metric_get(&m->unchanged[e]);
    for (int code = 0; code < REASON_COUNT; code++)
        records += metric_get(&m->quarantined[e][code]);
    return records;
}

/* Records read of an input, and written to any other topic, since this process began. -1: they are
 * not counted. */
static int64_t records_of(const struct metrics *m, enum topology_node_id id) {
    enum topic topic = topology_node(id)->topic;
    if (id == NODE_STAGING_CUSTOMERS || id == NODE_STAGING_ACCOUNTS)
        return staged(m, id == NODE_STAGING_CUSTOMERS ? ENTITY_CUSTOMER : ENTITY_ACCOUNT);
    if (topic == TOPIC_COUNT)
        return -1;
    return metric_get(topic_is_input(topic) ? &m->consumed[topic] : &m->emitted[topic]);
}

void lineage_answer(const struct answers *a, struct http_reply *reply) {
    const struct topology_names names = {a->config->app_id, a->config->topics,
                                         a->config->owners_topic};
    struct buf *out = &reply->body;
    int64_t records[NODE_COUNT];
    for (enum topology_node_id id = 0; id < NODE_COUNT; id++)
        records[id] = records_of(a->metrics, id);
    reply->status = 200;
    buf_put_byte(out, '{');
    json_put_time(out, "timestamp", clock_ms(clock_of_machine(), CLOCK_REALTIME));
    json_put_text(out, "app", a->config->app_id);
    buf_put_byte(out, ',');
    topology_put_json_members(&names, records, out);
    buf_put_str(out, ",\"datasets\":{");
    lineage_put_datasets(a->config, out);
    buf_put_str(out, "}}\n");
}
