# Makes copies of the worker's files with mistakes in them. Each mistake is switched on by its name
# (mutation.h):
#   cmake -DFROM=<source folder> -DTO=<folder> -P mutations.cmake
# It is an error if a text that is to be replaced does not occur exactly once: whoever has changed
# the source then has to adapt the mutation.

# mutate(FILE OLD NEW): replaces OLD by NEW in FILE.
function(mutate file old new)
  string(REPLACE "\\\n" "" old "${old}")
  set(text "${${file}}")
  string(FIND "${text}" "${old}" first)
  string(FIND "${text}" "${old}" last REVERSE)
  if(first EQUAL -1 OR NOT first EQUAL last)
    message(FATAL_ERROR "mutations.cmake: ${file} does not have this text exactly once: ${old}")
  endif()
  string(REPLACE "${old}" "${new}" text "${text}")
  set(${file} "${text}" PARENT_SCOPE)
endfunction()

set(FILES worker/worker_cycle worker/worker_tasks worker/worker_process worker/worker_commit
          worker/worker_persist worker/restore task/catchup)
foreach(path ${FILES})
  get_filename_component(file ${path} NAME)
  file(READ ${FROM}/${path}.c ${file})
  set(${file} "#include \"tests/sim/mutation.h\"\n${${file}}")
endforeach()

mutate(worker_commit
[[#include "streamer/worker/worker_commit.h"
]]
[[#include "streamer/worker/worker_commit.h"
#include "streamer/worker/worker_persist.h"
]])
mutate(worker_commit
[[    if (!producer_commit(w->producer, offsets, w->membership, e)) {
]]
[[    if (mutated(MUTATION_PERSIST_BEFORE_COMMIT)) {
        w->in_transaction = false;
        w->backlogged = false;
        (void)worker_persist(w, offsets, e);
        w->in_transaction = true;
    }
    if (mutated(MUTATION_OFFSET_TOO_LOW) && mutated_now(MUTATION_OFFSET_TOO_LOW) &&
        offsets->elems[0].offset > 0)
        offsets->elems[0].offset--;
    rd_kafka_consumer_group_metadata_t *newest =
        mutated(MUTATION_NEWEST_GENERATION) ? w->o.kafka->membership(w->consumer) : NULL;
    if (!producer_commit(w->producer, offsets, newest != NULL ? newest : w->membership, e)) {
        if (mutated(MUTATION_PERSIST_AFTER_FAILURE)) {
            struct err ignored;
            w->in_transaction = false;
            (void)worker_persist(w, offsets, &ignored);
        }
]])
mutate(worker_persist
[[            t->meta.positions[i] = producer_position(w->producer, (enum topic)i, t->partition);
]]
[[            t->meta.positions[i] = producer_position(w->producer, (enum topic)i, t->partition) +
                                   (mutated(MUTATION_POSITION_TOO_FAR) ? 2 : 0);
]])
mutate(worker_persist
[[    int64_t age_ms = w->pipeline.env.now_ms - t->meta.committed_ms;
]]
[[    int64_t age_ms =
        mutated(MUTATION_GROW_OLD) ? 0 : w->pipeline.env.now_ms - t->meta.committed_ms;
]])
mutate(worker_process
[[    if (worker_is_parked(s))
        pipeline_ask_ahead(&w->pipeline, &in);
    else
        result = pipeline_process(&w->pipeline, task_of(w, s), &in);
]]
[[    if (mutated_now(MUTATION_SKIP))
        result = PIPELINE_DONE;
    else if (worker_is_parked(s) && !mutated(MUTATION_PASS_WAITING))
        pipeline_ask_ahead(&w->pipeline, &in);
    else
        result = pipeline_process(&w->pipeline, task_of(w, s), &in);
    if (result == PIPELINE_DONE && mutated_now(MUTATION_TWICE))
        (void)pipeline_process(&w->pipeline, task_of(w, s), &in);
    if (result == PIPELINE_WAITS && mutated(MUTATION_LOSE_WAITING))
        result = PIPELINE_DONE;
]])
mutate(worker_cycle
[[    bool ok = worker_persist(w, offsets, e);
]]
[[    bool ok = worker_persist(w, offsets, e);
    if (mutated(MUTATION_LOSE_COUNTS) && !ok)
        return false;
]])
mutate(worker_cycle
[[    w->must_rejoin = !worker_sources_are_whole(w, e);
]]
[[    w->must_rejoin = !mutated(MUTATION_TAKE_PARTS) && !worker_sources_are_whole(w, e);
]])

mutate(worker_tasks
[[    batch_clear(w->batch);
]]
[[    if (!mutated(MUTATION_NO_ROLLBACK))
        batch_clear(w->batch);
]])
mutate(worker_tasks
[[        task_rollback(&w->tasks[p]);
]]
[[        if (!mutated(MUTATION_NO_ROLLBACK))
            task_rollback(&w->tasks[p]);
]])
mutate(worker_tasks
[[worker_stage(w, p) == STAGE_WAITING && is_located(w, p))
]]
[[worker_stage(w, p) == STAGE_WAITING &&
            (mutated(MUTATION_PLAN_UNASKED) ? hold(w, p) : is_located(w, p)))
]])

mutate(restore
[[    r->probe = k->new_reader(k, false, e);
]]
[[    r->probe = k->new_reader(k, mutated(MUTATION_REPLAY_TO_STABLE_END), e);
]])
mutate(restore
[[        of[TOPIC_ACCOUNT_LINKS].high = requests[i].links_committed;
        of[TOPIC_CUSTOMER_REFS].high = requests[i].refs_committed;
]]
[[        if (mutated(MUTATION_REPLAY_LINKS_TO_END))
            continue;
        of[TOPIC_ACCOUNT_LINKS].high = requests[i].links_committed;
        of[TOPIC_CUSTOMER_REFS].high = requests[i].refs_committed;
]])
mutate(restore
[[    if (catchup_done(&r->catchups[r->count])) {
]]
[[    if (mutated(MUTATION_NO_REPLAY)) {
        r->finished[r->finished_count++] = task;
    } else if (catchup_done(&r->catchups[r->count])) {
]])

mutate(catchup
[[static bool is_old(int64_t committed_ms, int64_t now_ms, int64_t delete_retention_ms) {
]]
[[static bool is_old(int64_t committed_ms, int64_t now_ms, int64_t delete_retention_ms) {
    if (mutated(MUTATION_OLD_STATE_IS_FINE))
        return false;
]])
mutate(catchup
[[    bool ahead = is_also_input(topic) && offset >= s->target;
]]
[[    bool ahead = is_also_input(topic) && offset >= s->target;
    if (mutated(MUTATION_REPLAY_NO_TOMBSTONES) && value.p == NULL) {
        s->next = ahead ? s->next : offset + 1;
        return !ahead;
    }
    if (mutated(MUTATION_NO_LOOK_AHEAD) && ahead)
        return false;
]])

foreach(path ${FILES})
  get_filename_component(file ${path} NAME)
  file(WRITE ${TO}/${path}.c "${${file}}")
endforeach()
