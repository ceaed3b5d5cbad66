#include "streamer/commands/show_instances.h"

#include "streamer/commands/command.h"

#include <stdio.h>

int show_instances(const struct config *c, const struct arguments *a, const char *path,
                   show_instances_text *put_text) {
    struct err e;
    struct buf body = {0}, text = {0};
    struct instances all;
    struct paint paint = {&text, paint_wants_colours(stdout)};
    int code = EXIT_FAILED;
    if (!instance_ask(c, arguments_value(a, "--url"), path, &body, &e) ||
        !instances_read(&all, buf_slice(&body), &e)) {
        code = command_fail(&e);
    } else {
        code = put_text(&all, &paint) ? EXIT_DONE : EXIT_FAILED;
        const struct buf *shown = arguments_wants_json(a) ? &body : &text;
        (void)fwrite(shown->p, 1, shown->n, stdout);
        instances_release(&all);
    }
    buf_release(&body);
    buf_release(&text);
    return code;
}
