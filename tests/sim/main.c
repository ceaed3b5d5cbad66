/* sim: runs schedules of whole clusters in one process, each from one seed. Every schedule runs in
 * a child process, so that any failure there, even of an assertion or a sanitizer, ends as a failed
 * seed, with the command that repeats it.
 *
 *   sim [--seed N] [--schedules N] [--seconds N] [--events N] [--trace]
 *   sim_mutants --mutation NAME ...
 *       the same with a deliberate mistake (mutation.h)
 *   sim_mutants --mutations [--schedules N]
 *       each mistake must be found within N schedules; those of the model in rules O1 to O10
 *       (order_model.h), too
 */
#include "fiber.h"
#include "sim.h"

#include "streamer/base/clock.h"
#include "streamer/base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *const mutations[MUTATION_COUNT] = {
    [MUTATION_NONE] = "none",
    [MUTATION_PERSIST_BEFORE_COMMIT] = "persist-before-commit",
    [MUTATION_PERSIST_AFTER_FAILURE] = "persist-after-failure",
    [MUTATION_NO_ROLLBACK] = "no-rollback",
    [MUTATION_NO_REPLAY] = "no-replay",
    [MUTATION_REPLAY_LINKS_TO_END] = "replay-links-to-end",
    [MUTATION_REPLAY_TO_STABLE_END] = "replay-to-stable-end",
    [MUTATION_OFFSETS_OUTSIDE] = "offsets-outside",
    [MUTATION_ANY_GENERATION] = "any-generation",
    [MUTATION_NEWEST_GENERATION] = "newest-generation",
    [MUTATION_NO_FENCING] = "no-fencing",
    [MUTATION_READ_UNCOMMITTED] = "read-uncommitted",
    [MUTATION_UNSTABLE_OFFSETS] = "unstable-offsets",
    [MUTATION_LOSE_LINK] = "lose-link",
    [MUTATION_LOSE_REF] = "lose-ref",
    [MUTATION_LOSE_FORWARDED] = "lose-forwarded",
    [MUTATION_LOSE_CONFIRMATION] = "lose-confirmation",
    [MUTATION_LOSE_POSITION] = "lose-position",
    [MUTATION_LOSE_RESULT_TOMBSTONE] = "lose-result-tombstone",
    [MUTATION_NO_LOOK_AHEAD] = "no-look-ahead",
    [MUTATION_POSITION_TOO_FAR] = "position-too-far",
    [MUTATION_OLD_STATE_IS_FINE] = "old-state-is-fine",
    [MUTATION_TWICE] = "twice",
    [MUTATION_SKIP] = "skip",
    [MUTATION_OFFSET_TOO_LOW] = "offset-too-low",
    [MUTATION_REPLAY_NO_TOMBSTONES] = "replay-no-tombstones",
    [MUTATION_PLAN_UNASKED] = "plan-unasked",
    [MUTATION_TAKE_PARTS] = "take-parts",
    [MUTATION_LOSE_COUNTS] = "lose-counts",
    [MUTATION_GROW_OLD] = "grow-old",
    [MUTATION_LOSE_WAITING] = "lose-waiting",
    [MUTATION_PASS_WAITING] = "pass-waiting",
};

/* One mistake of each rule. tests/unit/layers/snapshots/test_mistakes.c has all of them. */
static const enum order_mistake mistakes[] = {
    ORDER_MISTAKE_O1_ALL_BY_TIME,   ORDER_MISTAKE_O2_FIRST_WINS, ORDER_MISTAKE_O3_BY_CLOCK,
    ORDER_MISTAKE_O4_NO_REPEATS,    ORDER_MISTAKE_O5_LOG_LATE,   ORDER_MISTAKE_O6_AT_KAFKA_TIME,
    ORDER_MISTAKE_O7_NO_COMPANIONS, ORDER_MISTAKE_O8_NOT_MOVED,  ORDER_MISTAKE_O9_NO_FLOOR,
    ORDER_MISTAKE_O10_BY_LOG,
};

/* A simulated process that was killed does not free its memory. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "detect_leaks=0";
}

struct options {
    uint64_t seed;
    int64_t schedules, seconds; /* -1: no limit */
    int events;
    enum mutation mutation;
    enum order_mistake mistake; /* of the model */
    bool trace, all_mutations;
};

static bool parse_mutation(const char *name, enum mutation *m) {
    for (int i = 0; i < MUTATION_COUNT; i++) {
        if (strcmp(mutations[i], name) == 0) {
            *m = (enum mutation)i;
            return true;
        }
    }
    return false;
}

static bool parse(int argc, char **argv, struct options *o) {
    *o = (struct options){.seed = 1, .schedules = -1, .seconds = -1, .events = 400};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--trace") == 0) {
            o->trace = true;
            continue;
        }
        if (strcmp(argv[i], "--mutations") == 0) {
            o->all_mutations = true;
            continue;
        }
        i++;
        if (strcmp(argv[i - 1], "--seed") == 0)
            o->seed = strtoull(value, NULL, 10);
        else if (strcmp(argv[i - 1], "--schedules") == 0)
            o->schedules = strtoll(value, NULL, 10);
        else if (strcmp(argv[i - 1], "--seconds") == 0)
            o->seconds = strtoll(value, NULL, 10);
        else if (strcmp(argv[i - 1], "--events") == 0)
            o->events = (int)strtol(value, NULL, 10);
        else if (strcmp(argv[i - 1], "--mutation") != 0 || !parse_mutation(value, &o->mutation))
            return false;
    }
    if (o->schedules < 0 && o->seconds < 0)
        o->schedules = o->trace ? 1 : 1000;
    return HAS_MUTANTS || (!o->all_mutations && o->mutation == MUTATION_NONE);
}

/* Runs one schedule in a child process. True if it succeeds. quiet: its output is not shown. */
static bool run_child(const struct options *o, uint64_t seed, bool quiet) {
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        int null = quiet ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;
        if (null >= 0) {
            (void)dup2(null, STDOUT_FILENO);
            (void)dup2(null, STDERR_FILENO);
        }
        (void)alarm(quiet ? 20 : 120); /* a mistake may also cause an endless loop */
        (void)sim_run(seed, o->events, o->mutation, o->mistake, o->trace);
        exit(0);
    }
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        perror("sim");
        exit(2);
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static double now(void) {
    return (double)clock_us(clock_of_machine(), CLOCK_MONOTONIC) / 1e6;
}

static int run_schedules(const struct options *o) {
    double began = now();
    int64_t done = 0;
    for (uint64_t seed = o->seed; (o->schedules < 0 || done < o->schedules) &&
                                  (o->seconds < 0 || now() - began < (double)o->seconds);
         seed++, done++) {
        if (run_child(o, seed, false))
            continue;
        printf("seed %llu failed; again: sim --seed %llu --events %d --trace\n",
               (unsigned long long)seed, (unsigned long long)seed, o->events);
        return 1;
    }
    printf("%lld schedules, %lld input records, %.0f a minute\n", (long long)done,
           (long long)(done * o->events), (double)(done * o->events) / (now() - began) * 60);
    return 0;
}

/* Whether one of the schedules finds the mistake. */
static bool is_found(const struct options *o, const char *name) {
    int64_t schedules = 1;
    while (schedules <= o->schedules && run_child(o, o->seed + (uint64_t)schedules - 1, true))
        schedules++;
    bool found = schedules <= o->schedules;
    if (found)
        printf("%-28s found by schedule %lld\n", name, (long long)schedules);
    else
        printf("%-28s NOT FOUND in %lld schedules\n", name, (long long)o->schedules);
    return found;
}

static int run_mutations(const struct options *o) {
    int missed = 0;
    for (int m = MUTATION_NONE + 1; m < MUTATION_COUNT; m++) {
        struct options one = *o;
        one.mutation = (enum mutation)m;
        missed += !is_found(&one, mutations[m]);
    }
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        struct options one = *o;
        one.mistake = mistakes[i];
        missed += !is_found(&one, order_mistake_names[mistakes[i]]);
    }
    int all = MUTATION_COUNT - 1 + (int)ARRAY_LEN(mistakes);
    printf("%d passed, %d failed\n", all - missed, missed);
    return missed > 0;
}

static void do_nothing(void *context) {
    (void)context;
}

/* AddressSanitizer warns about fibers once in each process. This makes it warn here, and not in
 * every child. */
static void try_fibers(void) {
    struct fiber *f = fiber_new(do_nothing, NULL);
    (void)fiber_resume(f);
    fiber_free(f);
}

int main(int argc, char **argv) {
    struct options o;
    if (!parse(argc, argv, &o)) {
        fprintf(stderr,
                "sim: usage: sim [--seed N] [--schedules N] [--seconds N] [--events N] [--trace]; "
                "of sim_mutants also: --mutation NAME, or --mutations [--schedules N]\n");
        return 2;
    }
    try_fibers();
    return o.all_mutations ? run_mutations(&o) : run_schedules(&o);
}
