# Makes copies of the worker's files with mistakes in them, each switched on by its name (mutation.h):
#   cmake -DFROM=<source folder> -DTO=<folder> -P mutations.cmake
# Text that is not there any more, or twice, is an error: then a mutation is to be put anew.

# mutate(FILE OLD NEW): in FILE, NEW takes the place of OLD.
function(mutate file old new)
  string(REPLACE "\\\n" "" old "${old}")
  set(text "${${file}}")
  string(FIND "${text}" "${old}" first)
  string(FIND "${text}" "${old}" last REVERSE)
  if(first EQUAL -1 OR NOT first EQUAL last)
    message(FATAL_ERROR "mutations.cmake: ${file} has this not once: ${old}")
  endif()
  string(REPLACE "${old}" "${new}" text "${text}")
  set(${file} "${text}" PARENT_SCOPE)
endfunction()

set(FILES worker/worker_cycle worker/worker_tasks worker/restore task/catchup)
foreach(path ${FILES})
  get_filename_component(file ${path} NAME)
  file(READ ${FROM}/${path}.c ${file})
  set(${file} "#include \"tests/sim/mutation.h\"\n${${file}}")
endforeach()

mutate(worker_cycle
[[    if (!producer_commit(w->producer, offsets, w->membership, e)) {
]]
[[    if (mutated(MUTATION_KEEP_BEFORE_COMMIT)) {
        w->in_transaction = false;
        w->unwritten = true;
        note_positions(w, offsets);
        (void)worker_write_state(w, e);
        w->in_transaction = true;
    }
    if (mutated(MUTATION_OFFSET_TOO_LOW) && mutated_now(MUTATION_OFFSET_TOO_LOW) && offsets->elems[0].offset > 0)
        offsets->elems[0].offset--;
    rd_kafka_consumer_group_metadata_t *newest = mutated(MUTATION_NEWEST_GENERATION) ? w->o.kafka->membership(w->consumer) : NULL;
    if (!producer_commit(w->producer, offsets, newest != NULL ? newest : w->membership, e)) {
        if (mutated(MUTATION_KEEP_AFTER_FAILURE)) {
            struct err ignored;
            (void)persist_state(w, offsets, &ignored);
        }
]])
mutate(worker_cycle
[[            t->meta.positions[i] = producer_position(w->producer, (enum topic)i, t->partition);
]]
[[            t->meta.positions[i] = producer_position(w->producer, (enum topic)i, t->partition) + (mutated(MUTATION_POSITION_TOO_FAR) ? 2 : 0);
]])
mutate(worker_cycle
[[        done = pipeline_process(&w->pipeline, task_of(w, s), &in);
]]
[[        done = mutated_now(MUTATION_SKIP) || pipeline_process(&w->pipeline, task_of(w, s), &in);
        if (done && mutated_now(MUTATION_TWICE))
            (void)pipeline_process(&w->pipeline, task_of(w, s), &in);
]])

mutate(worker_cycle
[[    if (w->commits > commits) { /* though its state may not be written */
]]
[[    if (mutated(MUTATION_LOSE_COUNTS) ? ok : w->commits > commits) {
]])
mutate(worker_cycle
[[    int64_t age_ms = w->pipeline.env.now_ms - t->meta.committed_ms;
]]
[[    int64_t age_ms = mutated(MUTATION_GROW_OLD) ? 0 : w->pipeline.env.now_ms - t->meta.committed_ms;
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
[[stage_of(w, p) == STAGE_WAITING && is_located(w, p))
]]
[[stage_of(w, p) == STAGE_WAITING && (mutated(MUTATION_PLAN_UNASKED) ? hold(w, p) : is_located(w, p)))
]])
mutate(worker_tasks
[[    w->must_rejoin = !assignment_is_whole(w, e);
]]
[[    w->must_rejoin = !mutated(MUTATION_TAKE_PARTS) && !assignment_is_whole(w, e);
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
