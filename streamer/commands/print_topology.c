/* print_topology: prints the five layers with their topics, as the configuration names them. */
#include "streamer/base/json.h"
#include "streamer/commands/command.h"
#include "streamer/model/topology_text.h"

#include <stdio.h>
#include <string.h>

static void put_json(const struct topology_names *n, struct buf *out) {
    buf_put_str(out, "{\"app\":");
    json_put_string(out, slice_str(n->app_id));
    buf_put_byte(out, ',');
    topology_put_json_members(n, NULL, out);
    buf_put_str(out, "}\n");
}

static const struct format {
    const char *name;
    void (*put)(const struct topology_names *n, struct buf *out);
} formats[] = {
    {"text", topology_put_text},
    {"json", put_json},
    {"dot", topology_put_dot},
    {"mermaid", topology_put_mermaid},
};

/* The first one, unless --format names another. */
static const struct format *chosen_format(const struct arguments *a) {
    const char *name = arguments_value(a, "--format");
    size_t i = 0;
    while (name != NULL && strcmp(formats[i].name, name) != 0)
        i++;
    return &formats[i];
}

static int run(const struct config *c, const struct arguments *a) {
    const struct topology_names names = {c->app_id, c->topics, c->owners_topic};
    struct buf out = {0};
    chosen_format(a)->put(&names, &out);
    (void)fwrite(out.p, 1, out.n, stdout);
    buf_release(&out);
    return EXIT_DONE;
}

static const struct option options[] = {
    {"--format", .choices = "text|json|dot|mermaid",
     .help = "text is the default; dot is for "
             "Graphviz"},
    {0},
};

static const char *const examples[] = {
    "streamer topology",
    "streamer topology --format dot | dot -Tsvg > topology.svg",
    NULL,
};

const struct command topology_command = {
    .name = "topology",
    .summary = "the five layers with their topics, as the configuration names them, and what is "
               "made of what",
    .options = options,
    .examples = examples,
    .run = run,
};
