/* print_topology: prints the five layers with their topics, as the configuration names them. */
#include "streamer/base/json.h"
#include "streamer/base/mem.h"
#include "streamer/commands/commands.h"
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

static const struct format *find_format(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

int command_topology(const struct config *c, const char *format_name) {
    const struct format *format = find_format(format_name != NULL ? format_name : "text");
    const struct topology_names names = {c->app_id, c->topics, c->owners_topic};
    struct buf out = {0};
    struct err e;
    if (format == NULL) {
        (void)err_set(&e, ERR_CONFIG,
                      "topology: --format: \"%.20s\" is not valid, use text, json, dot or mermaid",
                      format_name);
        return command_fail(&e);
    }
    format->put(&names, &out);
    (void)fwrite(out.p, 1, out.n, stdout);
    buf_release(&out);
    return EXIT_DONE;
}
