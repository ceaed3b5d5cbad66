#include "streamer/commands/man_text.h"

#include "streamer/base/version.h"
#include "streamer/commands/help_text.h"

#include <string.h>

/* Without hyphens at the ends of lines, which would look as if they were part of an option. */
static const char head[] =
    ".ad l\n"
    ".nh\n"
    ".SH NAME\n"
    "streamer \\- customer and account changes from Kafka, with history, joined and summarized\n"
    ".SH SYNOPSIS\n"
    ".B streamer\n"
    ".I COMMAND\n"
    ".RI [ OPTION ]...\n"
    ".SH DESCRIPTION\n"
    ".B streamer\n"
    "reads change events of customers and accounts from Kafka, standardizes each record,\n"
    "sends what it cannot accept to a quarantine, keeps the full history of both (SCD2),\n"
    "joins the current rows, and keeps two marts right on every single change:\n"
    "interest by account, totals by customer.\n"
    "Results go back to Kafka, exactly once.\n"
    "The local state is rebuilt from the topics if it is lost.\n"
    ".SH COMMANDS\n";

static const char settings[] = ".SH SETTINGS\n"
                               "As\n"
                               ".I key=value\n"
                               "in the file that\n"
                               ".B \\-c\n"
                               "names, as environment variables\n"
                               ".RB ( app.id\n"
                               "is\n"
                               ".BR STREAMER_APP_ID ),\n"
                               "or by\n"
                               ".BR \\-\\-set ;\n"
                               "later ones win.\n";

static const char tail[] =
    ".SH EXIT STATUS\n"
    ".TP\n"
    ".B 0\n"
    "done\n"
    ".TP\n"
    ".B 1\n"
    "failed while running\n"
    ".TP\n"
    ".B 2\n"
    "wrong usage or configuration\n"
    ".SH SIGNALS\n"
    ".B SIGTERM\n"
    "and\n"
    ".B SIGINT\n"
    "end\n"
    ".B streamer run\n"
    "within 10 seconds: it commits and exits with 0, or with 1 where a broker does not answer.\n"
    ".PP\n"
    ".B SIGHUP\n"
    "makes it read the passwords and certificates of\n"
    ".B kafka.*\n"
    "and\n"
    ".BR schema.registry.* ,\n"
    ".B alert.webhook.url\n"
    "and\n"
    ".B openlineage.api.key\n"
    "again, and make its clients anew if the brokers let them in.\n"
    ".PP\n"
    ".B SIGUSR1\n"
    "makes its log show more,\n"
    ".B SIGUSR2\n"
    "less.\n"
    ".SH ENVIRONMENT\n"
    ".TP\n"
    ".I STREAMER_*\n"
    "the settings: their keys in capitals, with _ for each . in them\n"
    ".TP\n"
    ".B NO_COLOR\n"
    "if it is set, no output is in colours\n"
    ".TP\n"
    ".BR NOTIFY_SOCKET \", \" WATCHDOG_USEC\n"
    "set by\n"
    ".BR systemd (1):\n"
    "it is told when the service is ready, when it stops,\n"
    "and, as long as the workers make progress, that it is alive.\n"
    ".SH FILES\n"
    ".TP\n"
    ".I /etc/streamer/streamer.properties\n"
    "the settings of the service\n"
    ".TP\n"
    ".I /var/lib/streamer\n"
    "the local state of the service\n"
    ".TP\n"
    ".I /usr/share/streamer/schemas\n"
    "Avro schemas of the results\n"
    ".SH SEE ALSO\n"
    ".I /usr/share/doc/streamer/README.md\n";

/* Appends the text so that roff shows it as it is, also at the beginning of a line, where a dot or
 * an apostrophe would begin a command. */
static void put_text(const char *text, struct buf *out) {
    if (text[0] == '.' || text[0] == '\'')
        buf_put_str(out, "\\&");
    for (; text[0] != '\0'; text++) {
        if (text[0] == '\\')
            buf_put_str(out, "\\e");
        else if (text[0] == '-')
            buf_put_str(out, "\\-");
        else if (text[0] == '\'')
            buf_put_str(out, "\\(aq");
        else if (text[0] == '`')
            buf_put_str(out, "\\(ga");
        else
            buf_put_byte(out, text[0]);
    }
}

/* Appends an item: its name in bold, and what it is. */
static void put_item(const char *name, const char *text, struct buf *out) {
    buf_put_str(out, ".TP\n\\fB");
    put_text(name, out);
    buf_put_str(out, "\\fR\n");
    put_text(text, out);
    buf_put_byte(out, '\n');
}

static void put_options(const struct command *command, struct buf *out) {
    const struct option *o;
    struct buf name = {0}, text = {0};
    for (size_t i = 0; (o = command_option(command, i)) != NULL; i++) {
        buf_clear(&name);
        buf_clear(&text);
        help_text_put_option(o, &name);
        help_text_put_use(o, &text);
        put_item(buf_cstr(&name), buf_cstr(&text), out);
    }
    buf_release(&name);
    buf_release(&text);
}

static void put_examples(const struct command *command, struct buf *out) {
    buf_put_str(out, ".PP\nFor example:\n.PP\n.EX\n");
    for (const char *const *example = command->examples; *example != NULL; example++) {
        put_text(*example, out);
        buf_put_byte(out, '\n');
    }
    buf_put_str(out, ".EE\n");
}

static void put_command(const struct command *command, struct buf *out) {
    struct buf usage = {0};
    help_text_put_line(command, &usage);
    buf_printf(out, ".SS streamer %s\n", command->name);
    put_text(buf_cstr(&usage), out);
    buf_put_str(out, "\n.PP\n");
    put_text(command->summary, out);
    buf_put_byte(out, '\n');
    put_options(command, out);
    put_examples(command, out);
    buf_release(&usage);
}

static void put_settings(struct buf *out) {
    struct setting_text s;
    struct buf name = {0}, text = {0};
    for (size_t i = 0; config_describe(i, &s); i++) {
        buf_clear(&name);
        buf_clear(&text);
        help_text_put_setting(&s, &name);
        help_text_put_meaning(&s, &text);
        put_item(buf_cstr(&name), buf_cstr(&text), out);
    }
    buf_release(&name);
    buf_release(&text);
}

void man_text_put(const struct command *const *all, struct buf *out) {
    buf_printf(out, ".TH STREAMER 1 \"\" \"streamer %s\" \"User Commands\"\n", streamer_version());
    buf_put_str(out, head);
    for (; *all != NULL; all++)
        put_command(*all, out);
    buf_put_str(out, settings);
    put_settings(out);
    buf_put_str(out, tail);
}
