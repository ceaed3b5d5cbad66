/* worker_sources: the partitions that the group gave to this worker, and the offsets at which
 * each of them begins. */
#ifndef STREAMER_WORKER_WORKER_SOURCES_H
#define STREAMER_WORKER_WORKER_SOURCES_H

#include "streamer/worker/worker_internal.h"

/* The topic's name in the configuration. */
const char *worker_topic(const struct worker *w, enum topic t);

/* Takes the partitions of `list` as the worker's sources; it must have none before. A partition
 * that is new since the start sets w->fatal. */
void worker_take_sources(struct worker *w, const rd_kafka_topic_partition_list_t *list);
/* Forgets all sources. */
void worker_forget_sources(struct worker *w);
/* Makes every source begin at its committed offset again, which worker_locate_sources then
 * reads. */
void worker_restart_sources(struct worker *w);

/* NULL: this worker does not have the partition. */
struct source *worker_find_source(struct worker *w, enum topic topic, int32_t partition);
/* The same by the topic's name. */
struct source *worker_find_source_named(struct worker *w, const char *topic, int32_t partition);
/* The source that a message comes from, or NULL. */
struct source *worker_source_of(struct worker *w, const rd_kafka_message_t *m);

/* The source's partition has no task on this worker: its records can only be forwarded. */
bool worker_is_forward_only(const struct worker *w, const struct source *s);

/* Topics with as many partitions as there are tasks are assigned alike: the member that has a
 * partition of one has that partition of all. ERR_RETRY: one is missing, because the group's leader
 * did not know its topic yet. */
bool worker_sources_are_whole(struct worker *w, struct err *e);

/* Reads the committed offsets of these sources, and checks that nothing between there and the start
 * of the topic is lost. Sets `located`. ERR_STOP: records are lost, or a topic is another one. */
bool worker_locate_sources(struct worker *w, struct source *const *which, size_t count,
                           struct err *e);
/* `e` says that the committed offset of `s` is fatal. That offset is some moments old: if this
 * process stood still, another instance may have taken the partition over. So the offset is read
 * again, and if it has changed, `e` becomes ERR_RETRY. Returns false. */
bool worker_confirm_fatal(struct worker *w, struct source *s, struct err *e);

/* Sets the offset of a source in a list of offsets to commit. */
void worker_note_offset(const struct worker *w, rd_kafka_topic_partition_list_t *offsets,
                        const struct source *s, int64_t offset);
/* Adds the end of each input partition behind which only transaction markers and aborted records
 * follow. They have to be committed, too: else, once retention has deleted everything, they would
 * look like records that were never processed. The batch must be empty. */
void worker_note_markers(const struct worker *w, rd_kafka_topic_partition_list_t *offsets);
/* After that commit: the sources go on behind the markers. */
void worker_skip_markers(struct worker *w);

#endif
