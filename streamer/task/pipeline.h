/* pipeline: one input record's way through the five layers. See pipeline.c. */
#ifndef STREAMER_TASK_PIPELINE_H
#define STREAMER_TASK_PIPELINE_H

#include "streamer/layers/source/decode.h"
#include "streamer/layers/staging/standardize.h"
#include "streamer/task/task.h"

/* A message of one of the topics that the processor consumes. */
struct input {
    enum topic topic;
    int32_t partition;
    int64_t offset;
    struct record record;
    const void *headers; /* what has them: opaque to the core, handed to the sink with what is
                            quarantined or forwarded */
    /* Where its producer put it: the same, or for a forwarded record what its header
     * PIPELINE_SOURCE_HEADER says. */
    int32_t source_partition;
    int64_t source_offset;
    struct slice origin; /* of links and refs: their header SINK_SOURCE_HEADER; empty: none */
};

/* "partition:offset" of a forwarded record in its input topic. Not passed on to quarantine. */
#define PIPELINE_SOURCE_HEADER "__streamer.source"

struct pipeline {
    struct task_env env;
    const struct config *config;
    bool in_place[ENTITY_COUNT];   /* the input topic has n partitions, so a record may lie where it
                                      belongs */
    int32_t quarantine_partitions; /* n, unless the topic was there before; may be changed after
                                      pipeline_init */
    struct decoder *decoder;
    struct standardizer standardizer;
    struct reason reason;
    struct buf header_text, time_text;
    bool has_told_of_tombstones[ENTITY_COUNT]; /* the log has a line about records behind tombstones
                                                */
};

/* `config`, `kv` and `sink` must outlive it. partitions: n; input_partitions: of the two input
 * topics. */
void pipeline_init(struct pipeline *p, const struct config *config, struct kv *kv,
                   struct sink *sink, int32_t partitions,
                   const int32_t input_partitions[ENTITY_COUNT]);
void pipeline_release(struct pipeline *p);

/* Tells the state what a record of that topic with that key, which will be processed soon, will ask
 * for. kv_fetch then reads it for many records together. */
void pipeline_want(struct pipeline *p, const struct task *task, enum topic topic, struct slice key);

/* Processes one record. `task` owns the record's partition number; NULL allowed where the input
 * topic is not in_place. False: part of it is done, commit that and call again with the same record
 * (a fan-out in chunks). A bad record is quarantined, never an error; an error of the state is
 * sticky in kv. */
bool pipeline_process(struct pipeline *p, struct task *task, const struct input *in);

#endif
