/* The program. It finds the command in a table, reads its arguments and, where the command wants
 * it, the configuration, and runs it. */
#include "streamer/base/mem.h"
#include "streamer/base/nearest.h"
#include "streamer/base/version.h"
#include "streamer/commands/arguments.h"
#include "streamer/commands/commands.h"
#include "streamer/kafka/kafka.h"
#include "streamer/metrics/metric_text.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int usage_error(const char *command, struct err *e) {
    (void)err_prefix(e, "%s", command);
    return command_fail(e);
}

/* --- from arguments to commands */

static int run_run(const struct config *c, const struct arguments *a) {
    struct config_source source = {a->config_path, a->sets, a->set_count};
    return command_run(c, (a->options & OPTION_EMBEDDED) != 0, &source);
}

static int run_demo(const struct config *c, const struct arguments *a) {
    return command_demo(c, (a->options & OPTION_ONCE) != 0);
}

static int run_check(const struct config *c, const struct arguments *a) {
    return command_check(c, (a->options & OPTION_CONNECT) != 0);
}

static int run_reset(const struct config *c, const struct arguments *a) {
    return command_reset(c, (a->options & OPTION_YES) != 0,
                         (a->options & OPTION_KEEP_QUARANTINE) != 0);
}

static int run_quality(const struct config *c, const struct arguments *a) {
    return command_quality(c, a->url, a->is_json);
}

static int run_schemas(const struct config *c, const struct arguments *a) {
    return command_schemas(c, a->operands, a->operand_count);
}

static int run_status(const struct config *c, const struct arguments *a) {
    return command_status(c, a->url, a->is_json, (a->options & OPTION_WATCH) != 0);
}

static int run_freshness(const struct config *c, const struct arguments *a) {
    return command_freshness(c, a->url, a->is_json);
}

static int run_topology(const struct config *c, const struct arguments *a) {
    return command_topology(c, a->drawing);
}

static int run_feed(const struct config *c, const struct arguments *a) {
    struct err e;
    const char *what = a->operand_count > 0 ? a->operands[0] : "";
    if (strcmp(what, "customers") != 0 && strcmp(what, "accounts") != 0) {
        (void)err_set(&e, ERR_CONFIG,
                      "which rows? write streamer feed customers|accounts FILE.csv...");
        return usage_error("feed", &e);
    }
    if (a->operand_count < 2) {
        (void)err_set(&e, ERR_CONFIG,
                      "which file? write streamer feed %s FILE.csv... (- is standard input)", what);
        return usage_error("feed", &e);
    }
    enum entity entity = what[0] == 'c' ? ENTITY_CUSTOMER : ENTITY_ACCOUNT;
    struct feed_options o = {
        .rate = a->rate,
        .delimiter = a->delimiter,
        .maps = a->maps,
        .map_count = a->map_count,
        .missing = a->missing,
        .missing_count = a->missing_count,
    };
    return command_feed(c, entity, a->operands + 1, a->operand_count - 1, &o);
}

/* --- the table of commands */

static int run_help(const struct arguments *a);
static int run_version(const struct arguments *a);

#define OPTIONS_CONFIGURED (OPTION_CONFIG | OPTION_SET)
#define OPTIONS_CSV (OPTION_RATE | OPTION_DELIMITER | OPTION_MAP | OPTION_MISSING)
#define OPTIONS_ASKING (OPTIONS_CONFIGURED | OPTION_URL | OPTION_FORMAT)
#define USAGE_CONFIGURED "[-c FILE] [--set key=value]..."
#define USAGE_ASKING "[--url URL] [--format text|json] " USAGE_CONFIGURED
#define USAGE_CSV "[--rate N] [--delimiter ';'] [--map COLUMN=FIELD]... [--missing FIELD]..."

static const struct command {
    const char *name;
    const char *usage; /* what follows the name */
    const char *summary;
    unsigned options;  /* OPTION_…, those that it takes */
    bool has_operands; /* else an operand is an error */
    /* One of the two is set: the command wants the configuration, or does without. */
    int (*run)(const struct config *c, const struct arguments *a);
    int (*run_bare)(const struct arguments *a);
    int (*fail)(const struct err *e); /* how it reports wrong usage; NULL: command_fail */
} commands[] = {
    {"run", "[--embedded] " USAGE_CONFIGURED,
     "the processor, until SIGTERM or SIGINT; --embedded: with a broker inside the process, "
     "nothing else to install",
     OPTIONS_CONFIGURED | OPTION_EMBEDDED, false, run_run, NULL, command_fail_in_log},
    {"feed", USAGE_CONFIGURED " " USAGE_CSV " customers|accounts FILE.csv...",
     "publishes the rows of CSV files (- is standard input) as events; --rate: rows a second; "
     "--map: the column is that field; --missing: the files lack that field",
     OPTIONS_CONFIGURED | OPTIONS_CSV, true, run_feed, NULL, NULL},
    {"demo", "[--once] " USAGE_CONFIGURED,
     "embedded broker, sample data and the processor; --once: ends when all is processed",
     OPTIONS_CONFIGURED | OPTION_ONCE, false, run_demo, NULL, NULL},
    {"check", "[--connect] " USAGE_CONFIGURED,
     "checks the configuration and the state directory, and shows them; --connect: and the "
     "cluster; changes nothing",
     OPTIONS_CONFIGURED | OPTION_CONNECT, false, run_check, NULL, NULL},
    {"reset", "[--yes] [--keep-quarantine] " USAGE_CONFIGURED,
     "full refresh: forgets state and results, so that the next run reprocesses the input from "
     "its beginning; says what is lost by that and asks first, --yes: does not ask",
     OPTIONS_CONFIGURED | OPTION_YES | OPTION_KEEP_QUARANTINE, false, run_reset, NULL, NULL},
    {"status", "[--watch] " USAGE_ASKING,
     "what works and what is wrong, as all running instances say; --watch: again every two "
     "seconds; exit code 1 if an instance is not ready or cannot be reached, or a problem is an "
     "error",
     OPTIONS_ASKING | OPTION_WATCH, false, run_status, NULL, NULL},
    {"freshness", USAGE_ASKING,
     "how old the newest record of each input is, as all running instances say; exit code 1 if "
     "one is too old (freshness.error) or an instance cannot be reached",
     OPTIONS_ASKING, false, run_freshness, NULL, NULL},
    {"quality", USAGE_ASKING,
     "what the quality checks of all running instances say; exit code 1 if a check fails or an "
     "instance cannot be reached",
     OPTIONS_ASKING, false, run_quality, NULL, NULL},
    {"schemas", USAGE_CONFIGURED " [show NAME|register|check]",
     "the schemas of the results, and what the schema registry holds of them; show: one schema; "
     "register: gives them to the registry; check: whether it has them or would take them",
     OPTIONS_CONFIGURED, true, run_schemas, NULL, NULL},
    {"topology", "[--format text|json|dot|mermaid] " USAGE_CONFIGURED,
     "the five layers with their topics, as the configuration names them, and what is made of "
     "what; dot is for Graphviz",
     OPTIONS_CONFIGURED | OPTION_DRAWING, false, run_topology, NULL, NULL},
    {"help", "[--markdown] [--metrics] [COMMAND]",
     "this, and every setting, or one command; --markdown: the settings as a table; --metrics: the "
     "metrics as a table",
     OPTION_MARKDOWN | OPTION_METRICS, true, NULL, run_help, NULL},
    {"version", "", "the version, and that of its Kafka library", 0, false, NULL, run_version,
     NULL},
};

/* --- help and version */

static void print_usage(const struct command *command) {
    (void)printf("  streamer %s%s%s\n      %s\n", command->name,
                 command->usage[0] != '\0' ? " " : "", command->usage, command->summary);
}

static const struct command *find_command(const char *name, struct err *e);

static int help_command(const char *name) {
    struct err e;
    const struct command *command = find_command(name, &e);
    if (command == NULL)
        return usage_error("help", &e);
    print_usage(command);
    return EXIT_DONE;
}

static void print_metrics(void) {
    struct buf table = {0};
    metrics_put_markdown(&table);
    (void)fwrite(table.p, 1, table.n, stdout);
    buf_release(&table);
}

static int run_help(const struct arguments *a) {
    if (a->operand_count > 0)
        return help_command(a->operands[0]);
    if ((a->options & OPTION_METRICS) != 0) {
        print_metrics();
        return EXIT_DONE;
    }
    if ((a->options & OPTION_MARKDOWN) != 0) {
        config_print_markdown();
        return EXIT_DONE;
    }
    (void)printf(
        "streamer %s: customer and account changes from Kafka, standardized, with history, joined "
        "and summarized, exactly once\n\nCommands:\n",
        streamer_version());
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        print_usage(&commands[i]);
    (void)printf(
        "\nExit codes: 0 done, 1 failed while running, 2 wrong usage or configuration.\n\n"
        "Settings, as key=value in FILE, as variables (app.id: STREAMER_APP_ID) or by --set; later "
        "ones win:\n");
    config_print_help();
    return EXIT_DONE;
}

static int run_version(const struct arguments *a) {
    (void)a;
    (void)printf("streamer %s (librdkafka %s)\n", streamer_version(), kafka_library_version());
    return EXIT_DONE;
}

/* --- the life of the program */

static const struct command *find_command(const char *name, struct err *e) {
    if (strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0)
        name = "help";
    if (strcmp(name, "-V") == 0 || strcmp(name, "--version") == 0)
        name = "version";
    struct nearest nearest = nearest_to(name);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
        nearest_offer(&nearest, commands[i].name);
    }
    if (nearest.best[0] != '\0')
        (void)err_set(e, ERR_CONFIG, "unknown command %.80s, did you mean %s?", name, nearest.best);
    else
        (void)err_set(e, ERR_CONFIG, "unknown command %.80s, `streamer help` lists the valid ones",
                      name);
    return NULL;
}

static int fail(const struct command *command, const struct err *e) {
    return (command->fail != NULL ? command->fail : command_fail)(e);
}

static int wrong_usage(const struct command *command, struct err *e) {
    (void)err_prefix(e, "%s", command->name);
    return fail(command, e);
}

static int run_configured(const struct command *command, const struct arguments *a) {
    struct config config;
    struct err e;
    if (!config_load(&config, a->config_path, a->sets, a->set_count, &e))
        return fail(command, &e);
    log_set_level(config.log_level);
    log_set_format(config.log_format);
    int code = command->run(&config, a);
    config_release(&config);
    return code;
}

/* Refuses an operand, and proposes the option that people forget before a file or a setting. What
 * follows a '=' is not shown: it may be a secret. */
static int unexpected_operand(const struct command *command, const char *operand) {
    struct err e;
    int key_length = (int)strcspn(operand, "=");
    bool is_setting = operand[key_length] == '=',
         configured = (command->options & OPTION_CONFIG) != 0;
    if (configured && is_setting)
        (void)err_set(&e, ERR_CONFIG, "unexpected argument %.*s=..., did you mean --set %.*s=...?",
                      key_length, operand, key_length, operand);
    else if (configured)
        (void)err_set(&e, ERR_CONFIG, "unexpected argument %.80s, did you mean -c %.80s?", operand,
                      operand);
    else
        (void)err_set(&e, ERR_CONFIG, "unexpected argument %.80s, remove it", operand);
    return wrong_usage(command, &e);
}

static int run_command(const struct command *command, const struct arguments *a) {
    if ((a->options & OPTION_HELP) != 0) {
        print_usage(command);
        return EXIT_DONE;
    }
    if (!command->has_operands && a->operand_count > 0)
        return unexpected_operand(command, a->operands[0]);
    return command->run != NULL ? run_configured(command, a) : command->run_bare(a);
}

static const struct command *choose_command(int argc, char **argv, struct err *e) {
    if (argc >= 2)
        return find_command(argv[1], e);
    (void)err_set(e, ERR_CONFIG, "which command? `streamer help` lists them");
    return NULL;
}

/* Writes what is still buffered, which may fail: a full disk, a closed pipe. */
static int finish_output(void) {
    struct err e;
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return EXIT_DONE;
    (void)err_set(&e, ERR_STOP, "cannot write to standard output: the output is not complete");
    return command_fail(&e);
}

/* Ends the process. The threads of a client that could not be ended (kafka_destroy) may use what
 * the exit handlers of libraries take apart, OpenSSL's among them. So with such a client these
 * handlers are left out. */
static int leave(int code) {
    if (!kafka_clients_ended(0)) {
        (void)fflush(NULL);
        _exit(code);
    }
    return code;
}

int main(int argc, char **argv) {
    struct err e;
    struct arguments arguments;
    (void)signal(SIGPIPE, SIG_IGN); /* writing to a closed pipe is an error, not the end */
    const struct command *command = choose_command(argc, argv, &e);
    if (command == NULL)
        return command_fail(&e);
    if (!arguments_parse(&arguments, command->options, argc - 2, argv + 2, &e))
        return wrong_usage(command, &e);
    int code = run_command(command, &arguments);
    arguments_release(&arguments);
    int finished = finish_output();
    return leave(code == EXIT_DONE ? finished : code);
}
