#include "streamer/commands/help.h"

#include "streamer/base/version.h"
#include "streamer/commands/help_text.h"
#include "streamer/commands/man_text.h"
#include "streamer/metrics/metric_text.h"

#include <stdio.h>

static int print(struct buf *text) {
    (void)fwrite(text->p, 1, text->n, stdout);
    buf_release(text);
    return EXIT_DONE;
}

int help_print(const struct command *command) {
    struct buf text = {0};
    help_text_put_command(command, &text);
    return print(&text);
}

static int print_command(const struct command *const *all, const char *name) {
    struct err e;
    const struct command *command = command_find(all, name, &e);
    return command != NULL ? help_print(command) : command_refuse(&help_command, &e);
}

static int print_metrics(void) {
    struct buf table = {0};
    metrics_put_markdown(&table);
    return print(&table);
}

static int print_settings(void) {
    config_print_markdown();
    return EXIT_DONE;
}

static int print_manual(const struct command *const *all) {
    struct buf page = {0};
    man_text_put(all, &page);
    return print(&page);
}

static int print_all(const struct command *const *all) {
    struct buf text = {0};
    buf_printf(
        &text,
        "streamer %s: customer and account changes from Kafka, standardized, with history, joined "
        "and summarized, exactly once\n\nCommands:\n",
        streamer_version());
    for (; *all != NULL; all++)
        help_text_put_entry(*all, &text);
    buf_put_str(&text,
                "\nExit codes: 0 done, 1 failed while running, 2 wrong usage or configuration.\n"
                "`streamer COMMAND --help` shows what each option does, and examples.\n\n"
                "Settings, as key=value in FILE, as variables (app.id: STREAMER_APP_ID) or "
                "by --set; later ones win:\n");
    help_text_put_settings(&text);
    return print(&text);
}

static int run(const struct command *const *all, const struct arguments *a) {
    if (a->operand_count > 0)
        return print_command(all, a->operands[0]);
    if (arguments_has(a, "--metrics"))
        return print_metrics();
    if (arguments_has(a, "--man"))
        return print_manual(all);
    return arguments_has(a, "--markdown") ? print_settings() : print_all(all);
}

static const struct option options[] = {
    {"--markdown", .help = "the settings as a table"},
    {"--metrics", .help = "the metrics as a table"},
    {"--man", .help = "the manual page streamer(1), in roff"},
    {0},
};

static const char *const examples[] = {"streamer help feed", "streamer help --markdown",
                                       "streamer help --man | man -l -", NULL};

const struct command help_command = {
    .name = "help",
    .operands = "[COMMAND]",
    .summary = "all commands and every setting, or one command",
    .options = options,
    .examples = examples,
    .run_about = run,
};
