/* status: what works and what is wrong, at a terminal. */
#include "streamer/commands/command.h"
#include "streamer/commands/instance.h"
#include "streamer/commands/paint.h"
#include "streamer/commands/status_text.h"

#include <stdio.h>
#include <unistd.h>

#define WATCH_S 2
#define CLEAR "\033[H\033[2J" /* the cursor goes to the top, and what is on the screen goes */

/* Asks once. On success `shown` is what is to be printed. Returns the exit code. */
static int look(const struct config *c, const char *url, bool as_json, struct buf *shown,
                struct err *e) {
    struct buf body = {0};
    struct instances all;
    struct paint paint = {shown, !as_json && paint_wants_colours(stdout)};
    int code = EXIT_FAILED;
    buf_clear(shown);
    if (instance_ask(c, url, "/v1/status?all=true", &body, e) &&
        instances_read(&all, buf_slice(&body), e)) {
        code = status_text(&all, &paint) ? EXIT_DONE : EXIT_FAILED;
        if (as_json)
            buf_set(shown, buf_slice(&body));
        instances_release(&all);
    }
    buf_release(&body);
    return code;
}

static void print(const struct buf *shown, bool clears) {
    (void)fputs(clears ? CLEAR : "", stdout);
    (void)fwrite(shown->p, 1, shown->n, stdout);
    (void)fflush(stdout);
}

/* Until a signal, or until nobody reads any more. An instance that cannot be asked now may come
 * back, so its error is shown in place of the status. */
static int watch(const struct config *c, const char *url, bool as_json) {
    struct buf shown = {0};
    bool clears = !as_json && paint_wants_colours(stdout);
    int code = EXIT_DONE;
    while (ferror(stdout) == 0) {
        struct err e = {0};
        code = look(c, url, as_json, &shown, &e);
        if (e.class == ERR_CONFIG)
            break;
        if (e.class != ERR_NONE)
            buf_printf(&shown, "%s\n", e.text);
        else if (!clears && !as_json)
            buf_put_byte(&shown, '\n');
        print(&shown, clears);
        (void)sleep(WATCH_S);
    }
    buf_release(&shown);
    return code;
}

static int run(const struct config *c, const struct arguments *a) {
    struct buf shown = {0};
    struct err e = {0};
    const char *url = arguments_value(a, "--url");
    bool as_json = arguments_wants_json(a);
    if (arguments_has(a, "--watch"))
        return watch(c, url, as_json);
    int code = look(c, url, as_json, &shown, &e);
    if (e.class != ERR_NONE)
        code = command_fail(&e);
    else
        print(&shown, false);
    buf_release(&shown);
    return code;
}

static const struct option options[] = {
    {"--watch", .help = "again every two seconds, until a signal"},
    OPTION_URL,
    OPTION_FORMAT,
    {0},
};

static const char *const examples[] = {
    "streamer status --watch",
    "streamer status --url http://localhost:9464 --format json",
    NULL,
};

const struct command status_command = {
    .name = "status",
    .summary = "what works and what is wrong, as all running instances say; exit code 1 if an "
               "instance is not ready or cannot be reached, or a problem is an error",
    .options = options,
    .examples = examples,
    .run = run,
};
