/* pipeline: the way of one input record through the five layers; pipeline.c shows it. */
#ifndef STREAMER_TASK_PIPELINE_H
#define STREAMER_TASK_PIPELINE_H

#include "streamer/layers/source/decode.h"
#include "streamer/layers/staging/standardize.h"
#include "streamer/task/rejects.h"
#include "streamer/task/task.h"

/* A message of one of the topics that the processor consumes. */
struct input {
    enum topic topic;
    int32_t partition;
    int64_t offset;
    struct record record;
    /* What the message's headers are read from. It is opaque to the pipeline, which hands it to the
     * sink with a message that it quarantines or forwards. */
    const void *headers;
    /* Where the record's producer put it. These equal partition and offset, unless the record was
     * forwarded: then its header PIPELINE_SOURCE_HEADER says so. */
    int32_t source_partition;
    int64_t source_offset;
    struct slice origin; /* the header SINK_SOURCE_HEADER of a link or a ref; empty: none */
};

/* The header with the "partition:offset" that a forwarded record had in its input topic. A
 * quarantined message does not keep it. */
#define PIPELINE_SOURCE_HEADER "__streamer.source"

struct pipeline {
    struct task_env env;
    struct codec_writer writer;
    const struct config *config;
    /* The input topic has n partitions, so that a record may already be in the one of its owner. */
    bool in_place[ENTITY_COUNT];
    /* Of the quarantine topic: n, unless the topic existed before. The owner of the pipeline may
     * change it after pipeline_init. */
    int32_t quarantine_partitions;
    struct decoder *decoder;
    struct standardizer standardizer;
    struct reason reason; /* of the record in work, if it is bad or waits */
    /* The newest that were quarantined since the owner of the pipeline has cleared them. */
    struct rejects rejects;
    struct buf header_text, time_text;
    struct schema_text schema; /* of a value that is replayed */
    /* The log already has a line about records behind tombstones. */
    bool has_told_of_tombstones[ENTITY_COUNT];
};

/* `config`, `kv` and `sink` are borrowed and must outlive the pipeline. `partitions` is n;
 * `input_partitions` are the numbers of partitions of the two input topics. */
void pipeline_init(struct pipeline *p, const struct config *config, struct kv *kv,
                   struct sink *sink, int32_t partitions,
                   const int32_t input_partitions[ENTITY_COUNT]);
void pipeline_release(struct pipeline *p);

/* Tells the state which rows a record of `topic` with this key, which will be processed soon, will
 * ask for. kv_fetch then reads the rows of many records together. */
void pipeline_want(struct pipeline *p, const struct task *task, enum topic topic, struct slice key);

/* Asks for what a record needs that is not here, such as its schema, and changes nothing. A record
 * behind one that waits then seldom has to wait itself. */
void pipeline_ask_ahead(struct pipeline *p, const struct input *in);

/* Reads a record of an input topic through the source and the staging layer alone, without a task.
 * It changes and counts nothing. `event` is what standardize() or standardize_rejected() says,
 * with the record's place; its slices are good until the next record. *is_good: neither layer has
 * found a fault. False: the record has to wait (PIPELINE_WAITS). */
bool pipeline_read(struct pipeline *p, const struct input *in, struct event *event, bool *is_good);

enum pipeline_result {
    PIPELINE_DONE,
    /* A part of the record is done (a fan-out in chunks). Commit that part, then call again with
     * the same record. */
    PIPELINE_PART,
    /* The record needs something that is not here yet; the text of p->reason says what. This call
     * has changed, counted and sent nothing. Call again later with the same record, and process no
     * record behind it in its partition before. Records of other partitions may come before, even
     * if a part of this record is done: it then begins anew. */
    PIPELINE_WAITS,
};

/* Processes one record. `task` owns the record's partition number; it may be NULL where the input
 * topic is not in_place. A bad record is quarantined and is not an error. An error of the state
 * stays in kv, whatever this returns. */
enum pipeline_result pipeline_process(struct pipeline *p, struct task *task,
                                      const struct input *in);

#endif
