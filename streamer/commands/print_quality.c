/* print_quality: what the quality checks of all instances say. */
#include "streamer/commands/commands.h"
#include "streamer/commands/instance.h"
#include "streamer/commands/paint.h"
#include "streamer/commands/quality_text.h"

#include <stdio.h>

int command_quality(const struct config *c, const char *url, bool as_json) {
    struct err e;
    struct buf body = {0}, text = {0};
    struct instances all;
    struct paint paint = {&text, paint_wants_colours(stdout)};
    int code = EXIT_FAILED;
    if (!instance_ask(c, url, "/v1/quality?all=true", &body, &e) ||
        !instances_read(&all, buf_slice(&body), &e)) {
        code = command_fail(&e);
    } else {
        code = quality_text(&all, &paint) ? EXIT_DONE : EXIT_FAILED;
        const struct buf *shown = as_json ? &body : &text;
        (void)fwrite(shown->p, 1, shown->n, stdout);
        instances_release(&all);
    }
    buf_release(&body);
    buf_release(&text);
    return code;
}
