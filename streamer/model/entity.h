/* entity: the one place that says which topics and which fields belong to each entity. */
#ifndef STREAMER_MODEL_ENTITY_H
#define STREAMER_MODEL_ENTITY_H

#include "streamer/model/event.h"
#include "streamer/model/topic.h"

struct entity_info {
    const char *name;       /* "customers", as labels and tables show it */
    enum topic input;       /* the topic that the user's records come from */
    enum topic repartition; /* the topic that takes them to the task that owns their id */
    enum field id;          /* the field that identifies a row of the entity */
    uint32_t fields;        /* FIELD_BITs of the fields that a row of the entity consists of */
};

const struct entity_info *entity_info(enum entity entity);

#endif
