/* whatif: what other rates would change, before they go live. It writes nothing anywhere. */
#include "streamer/commands/command.h"
#include "streamer/commands/interrupt.h"
#include "streamer/commands/whatif_read.h"
#include "streamer/commands/whatif_state.h"
#include "streamer/commands/whatif_text.h"

#include "streamer/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIERS "rates.tiers"
#define BONUS "rates.loan.bonus"

/* --- the two rates --- */

/* Whether the set "key=value" is of that key. */
static bool is_set_of(const char *set, const char *key) {
    size_t n = strcspn(set, "=");
    return slice_eq(slice_trim(slice_of(set, n)), slice_str(key));
}

/* --set of rates are the other ones; what else is set says how things are today. `c` was loaded
 * with all of them, so the other rates have been checked as at a start. */
static bool take_wanted(const struct config *c, const struct arguments *a,
                        struct whatif_wanted *wanted, struct err *e) {
    const char *const *sets;
    size_t count = arguments_values(a, "--set", &sets);
    *wanted = (struct whatif_wanted){.rates = c->rates};
    for (size_t i = 0; i < count; i++) {
        wanted->has_tiers |= is_set_of(sets[i], TIERS);
        wanted->has_bonus |= is_set_of(sets[i], BONUS);
    }
    return wanted->has_tiers || wanted->has_bonus ||
           err_set(e, ERR_CONFIG,
                   "which rates? give --set rates.tiers=BELOW:RATE,... or --set "
                   "rates.loan.bonus=RATE; the configuration's are those of today");
}

/* Today's rates as the configuration has them: without the sets of rates. */
static bool load_configured(const struct arguments *a, struct rates *rates, struct err *e) {
    const char *const *sets;
    struct config today;
    size_t count = arguments_values(a, "--set", &sets), kept_count = 0;
    const char **kept = mem_calloc(count + 1, sizeof *kept);
    for (size_t i = 0; i < count; i++)
        if (!is_set_of(sets[i], TIERS) && !is_set_of(sets[i], BONUS))
            kept[kept_count++] = sets[i];
    bool ok = config_load(&today, arguments_value(a, "--config"), kept, kept_count, e);
    free(kept);
    if (ok) {
        *rates = today.rates;
        config_release(&today);
    }
    return ok;
}

/* --- the command --- */

static bool read_rows(struct whatif_read *r, const struct config *c, const struct arguments *a,
                      const struct rates *configured, struct err *e) {
    const char *state = arguments_value(a, "--state"), *url = arguments_value(a, "--url");
    if (state != NULL && url != NULL)
        return err_set(e, ERR_CONFIG,
                       "--url asks running instances and --state reads a directory; "
                       "give one of the two");
    return state != NULL ? whatif_read_state(r, configured, state, e)
                         : whatif_read_instances(r, c, url, e);
}

/* Returns the exit code. */
static int show(struct whatif_read *r, const struct arguments *a, const struct rates *configured) {
    struct buf text = {0};
    struct err e;
    rate_change_finish(&r->change);
    if (arguments_wants_json(a))
        whatif_put_json(r, configured, &text);
    else
        whatif_put_text(r, configured, &text);
    (void)fwrite(text.p, 1, text.n, stdout);
    buf_release(&text);
    if (r->gaps.n == 0)
        return EXIT_DONE;
    (void)fflush(stdout);
    (void)err_set(&e, ERR_STOP,
                  "whatif: the figures are not of the whole: not all partitions "
                  "were read");
    return command_fail(&e);
}

static int run(const struct config *c, const struct arguments *a) {
    struct whatif_wanted wanted;
    struct whatif_read r;
    struct rates configured;
    struct err e = {0};
    if (!take_wanted(c, a, &wanted, &e) || !load_configured(a, &configured, &e))
        return command_fail(&e);
    interrupt_install();
    whatif_read_init(&r, &wanted);
    int code = read_rows(&r, c, a, &configured, &e) ? show(&r, a, &configured) : command_fail(&e);
    whatif_read_release(&r);
    return code;
}

static const struct option options[] = {
    {"--state", .value = "DIR", .help = "reads the state of an instance that is stopped"},
    OPTION_URL,
    OPTION_FORMAT,
    {0},
};

static const char *const examples[] = {
    "streamer whatif -c streamer.properties --set rates.tiers=10000:0.012,20000:0.015,*:0.02",
    "streamer whatif --set rates.loan.bonus=0.01 --url http://localhost:9464 --format json",
    NULL,
};

const struct command whatif_command = {
    .name = "whatif",
    .summary = "what the rates of --set would change in account_summary beside those of today; "
               "writes nothing",
    .options = options,
    .examples = examples,
    .run = run,
};
