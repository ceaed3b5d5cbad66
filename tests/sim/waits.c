#include "waits.h"

#include "streamer/base/mem.h"
#include "streamer/base/murmur2.h"
#include "streamer/layers/source/decode_parts.h"

struct waits {
    struct format format; /* first; it is a table of one format, which takes all bytes */
    struct sim *sim;
};

static bool has_to_wait(const struct format *f, struct slice text) {
    struct sim *s = ((const struct waits *)f)->sim;
    return murmur2_partition(text, 8) == 0 && sim_strikes(s, 700);
}

static void read_value(const struct format *f, struct decoding *g) {
    if (has_to_wait(f, g->record->value))
        wait_for(g, "a schema");
    else
        json_read_value(f, g);
}

static void read_key(const struct format *f, struct decoding *g) {
    if (has_to_wait(f, g->record->key))
        wait_for(g, "a schema");
    else
        key_read_text(f, g);
}

struct waits *waits_new(struct sim *s) {
    struct waits *w = mem_calloc(1, sizeof *w);
    *w = (struct waits){.format = {"JSON", json_recognizes, read_value, read_key}, .sim = s};
    return w;
}

void waits_use(const struct waits *w, struct decoder *d) {
    d->formats = &w->format;
}
