#include "streamer/commands/schemas.h"

#include "streamer/base/mem.h"
#include "streamer/base/nearest.h"
#include "streamer/commands/command.h"
#include "streamer/service/result_schemas.h"

#include <stdio.h>
#include <string.h>

/* --- show --- */

static int show(const char *name) {
    struct nearest nearest = nearest_to(name);
    struct err e;
    for (int i = 0; i < PUBLIC_SCHEMA_COUNT; i++) {
        if (strcmp(public_schemas[i].name, name) == 0) {
            (void)fputs(public_schemas[i].text, stdout);
            return EXIT_DONE;
        }
        nearest_offer(&nearest, public_schemas[i].name);
    }
    if (nearest.best[0] != '\0')
        (void)err_set(&e, ERR_CONFIG, "schemas show: there is no schema %.80s, did you mean %s?",
                      name, nearest.best);
    else
        (void)err_set(&e, ERR_CONFIG,
                      "schemas show: there is no schema %.80s, `streamer schemas` lists them",
                      name);
    return command_fail(&e);
}

/* --- what needs the registry --- */

static void print_subject(const struct config *c, int i, const char *what) {
    struct buf subject = {0};
    (void)printf("%s: subject %s %s\n", public_schemas[i].name, result_subject(c, i, &subject),
                 what);
    buf_release(&subject);
}

/* Whether the next subject may have another answer: a registry that is down or refuses the login
 * has the same one for all. */
static bool may_differ(enum registry_result result) {
    return result != REGISTRY_UNAVAILABLE && result != REGISTRY_REFUSED;
}

/* The schema is missing, and `run` may not register it. */
static int fail_for_run(const struct config *c, int i) {
    struct buf subject = {0};
    struct err e;
    registry_set_missing(result_subject(c, i, &subject), &e);
    buf_release(&subject);
    return command_fail(&e);
}

int schemas_check(const struct config *c, struct registry *r) {
    int code = EXIT_DONE;
    struct buf what = {0};
    enum registry_result result = REGISTRY_OK;
    for (int i = 0; i < PUBLIC_SCHEMA_COUNT && may_differ(result); i++) {
        struct err e;
        result = result_schema_ask(c, r, i, &what, &e);
        if (result == REGISTRY_OK || result == REGISTRY_UNKNOWN)
            print_subject(c, i, buf_cstr(&what));
        else
            code = command_fail(&e);
        if (result == REGISTRY_UNKNOWN && c->output_format == OUTPUT_AVRO &&
            !c->registry.auto_register)
            code = fail_for_run(c, i);
    }
    buf_release(&what);
    return code;
}

static int register_all(const struct config *c, struct registry *r) {
    int code = EXIT_DONE;
    struct buf text = {0};
    enum registry_result result = REGISTRY_OK;
    for (int i = 0; i < PUBLIC_SCHEMA_COUNT && may_differ(result); i++) {
        struct err e;
        int32_t id = 0;
        result = registry_find_or_register(r, result_subject(c, i, &text),
                                           slice_str(public_schemas[i].text), true, &id, &e);
        buf_clear(&text);
        buf_printf(&text, "has our schema, id %d", id);
        if (result == REGISTRY_OK)
            print_subject(c, i, buf_cstr(&text));
        else
            code = command_fail(&e);
    }
    buf_release(&text);
    return code;
}

static int with_registry(const struct config *c, const char *action,
                         int (*run)(const struct config *c, struct registry *r)) {
    struct err e;
    if (c->registry.urls[0] == '\0') {
        (void)err_set(&e, ERR_CONFIG, "schemas %s: there is no registry, set schema.registry.url",
                      action);
        return command_fail(&e);
    }
    struct registry *r = registry_of_config(c, NULL, NULL, &e);
    int code = r != NULL ? run(c, r) : command_fail(&e);
    registry_free(r);
    return code;
}

/* --- the command --- */

static int list(const struct config *c) {
    if (c->registry.urls[0] != '\0')
        return with_registry(c, "", schemas_check);
    for (int i = 0; i < PUBLIC_SCHEMA_COUNT; i++)
        print_subject(c, i, "(schema.registry.url is not set)");
    return EXIT_DONE;
}

static int refuse(const char *what) {
    struct err e;
    (void)err_set(&e, ERR_CONFIG,
                  "schemas: %.80s, write streamer schemas [show NAME|register|check]", what);
    return command_fail(&e);
}

static int run(const struct config *c, const struct arguments *a) {
    if (a->operand_count == 0)
        return list(c);
    const char *action = a->operands[0];
    if (strcmp(action, "show") == 0)
        return a->operand_count == 2 ? show(a->operands[1]) : refuse("show takes one name");
    if (a->operand_count > 1)
        return refuse("one word too many");
    bool registers = strcmp(action, "register") == 0;
    return with_registry(c, action, registers ? register_all : schemas_check);
}

static const char *const words[] = {"show", "register", "check", NULL};

static const char *const examples[] = {
    "streamer schemas show account_summary",
    "streamer schemas register -c streamer.properties",
    "streamer schemas check -c streamer.properties",
    NULL,
};

const struct command schemas_command = {
    .name = "schemas",
    .operands = "[show NAME|register|check]",
    .summary = "the schemas of the results, and what the schema registry holds of them; show: one "
               "schema; register: gives them to the registry; check: whether it has them or would "
               "take them",
    .words = words,
    .examples = examples,
    .run = run,
};
