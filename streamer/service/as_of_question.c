#include "streamer/service/as_of_question.h"

#include "streamer/base/murmur2.h"
#include "streamer/base/timestamp.h"
#include "streamer/http/query.h"
#include "streamer/task/task_rows.h"

#include <string.h>

bool as_of_question_read(struct as_of_question *q, struct answers *a, const struct route *route,
                         const struct http_request *request, struct http_reply *reply) {
    *q = (struct as_of_question){.answers = a, .route = route};
    if (!query_read_id(request->path, 2, route->entity, &q->id, reply))
        return false;
    q->at = route_time(request, AS_OF_PARAMETER);
    q->partition = murmur2_partition(buf_slice(&q->id), a->partitions);
    return route->entity == ENTITY_ACCOUNT ||
           task_parse_customer_id(buf_slice(&q->id), &q->customer_id);
}

void as_of_question_move(struct as_of_question *to, struct as_of_question *q) {
    *to = *q;
    q->id = (struct buf){0};
}

void as_of_question_release(struct as_of_question *q) {
    buf_release(&q->id);
}

void as_of_reply_none(struct as_of_question *q, struct http_reply *reply) {
    struct buf text = {0};
    buf_printf(&text, "no row at that time of %s/%s", q->route->table, buf_cstr(&q->id));
    http_reply_error(reply, 404, buf_cstr(&text));
    buf_release(&text);
}

void as_of_reply_row(const struct row_type *type, const void *row, struct http_reply *reply) {
    struct row_type shown = *type;
    bool is_mart = strcmp(type->fields[type->field_count - 1].name, "calculated_at") == 0;
    shown.field_count -= is_mart;
    reply->status = 200;
    reply->content_type = "application/json";
    row_put_json(&shown, row, &reply->body);
    if (is_mart) {
        reply->body.n--; /* the bracket that ends the object */
        buf_put_str(&reply->body, ",\"rates\":\"current\"}");
    }
    buf_put_byte(&reply->body, '\n');
}
