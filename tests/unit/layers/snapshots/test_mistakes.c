/* Deliberate mistakes in the model of the order of events, at least one for each of the rules O1 to
 * O10: random worlds must tell the program from a model that has one. A world ends its process
 * where something is not as the model says, so each runs in a child. */
#include "world.h"

#include "streamer/base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORLDS 3000 /* most are told by the first few */

static struct world world;

/* Whether the world differs. */
static bool is_told(uint64_t seed, enum order_mistake mistake) {
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        (void)dup2(null, STDOUT_FILENO);
        (void)dup2(null, STDERR_FILENO);
        (void)alarm(60);
        world_run(&world, seed, seed % 3 == 0 ? 1 : 3, 1 + (int64_t)(seed % 4), mistake);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

static void test_mistakes__are_told(void **state) {
    (void)state;
    for (int m = ORDER_MISTAKE_NONE + 1; m < ORDER_MISTAKE_COUNT; m++) {
        uint64_t seed = 0;
        while (seed < WORLDS && !is_told(seed, (enum order_mistake)m))
            seed++;
        if (seed == WORLDS)
            fail_msg("%s is not told by %d worlds", order_mistake_names[m], WORLDS);
        if (getenv("SHOW") != NULL)
            printf("%-24s told by world %d\n", order_mistake_names[m], (int)seed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mistakes__are_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
