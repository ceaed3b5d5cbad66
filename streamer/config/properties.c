#include "streamer/config/properties.h"

#include "streamer/base/mem.h"
#include "streamer/base/slice.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The keys so far, so that a key that is set twice is refused. */
struct seen_keys {
    struct {
        char *key;
        size_t line;
    } * entries;
    size_t count;
};

struct reader {
    const char *path;
    size_t line; /* 1-based */
    struct seen_keys seen;
    properties_handler *handler;
    void *context;
};

static void seen_release(struct seen_keys *s) {
    for (size_t i = 0; i < s->count; i++)
        free(s->entries[i].key);
    free(s->entries);
}

/* The line that set `key` before. 0: the key is new, and is remembered. */
static size_t seen_before(struct seen_keys *s, const char *key, size_t line) {
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->entries[i].key, key) == 0)
            return s->entries[i].line;
    s->entries = mem_realloc(s->entries, (s->count + 1) * sizeof *s->entries);
    s->entries[s->count].key = mem_strdup(key);
    s->entries[s->count++].line = line;
    return 0;
}

bool properties_split(char *text, size_t n, char **key, char **value) {
    char *equals = memchr(text, '=', n);
    if (equals == NULL)
        return false;
    char *after = equals + 1;
    struct slice k = slice_trim(slice_of(text, (size_t)(equals - text)));
    struct slice v = slice_trim(slice_of(after, n - (size_t)(after - text)));
    *key = text + (k.p - text);
    *value = after + (v.p - after);
    (*key)[k.n] = '\0';
    (*value)[v.n] = '\0';
    return k.n > 0;
}

static bool read_line(struct reader *r, char *line, size_t n, struct err *e) {
    if (memchr(line, '\0', n) != NULL)
        return err_set(e, ERR_CONFIG, "%s:%zu: there is a NUL byte, save the file as UTF-8 text",
                       r->path, r->line);
    struct slice trimmed = slice_trim(slice_of(line, n));
    if (trimmed.n == 0 || trimmed.p[0] == '#' || trimmed.p[0] == '!')
        return true;
    char *key, *value;
    /* No key has a colon, and a secret may follow it. */
    const char *colon = memchr(trimmed.p, ':', trimmed.n),
               *equals = memchr(trimmed.p, '=', trimmed.n);
    if (colon != NULL && colon > trimmed.p && (equals == NULL || colon < equals))
        return err_set(e, ERR_CONFIG, "%s:%zu: %.*s: write '=', not ':', between key and value",
                       r->path, r->line, (int)(colon - trimmed.p), trimmed.p);
    if (!properties_split(line, n, &key, &value))
        return err_set(e, ERR_CONFIG, "%s:%zu: this is not a setting, write key=value", r->path,
                       r->line);
    size_t first = seen_before(&r->seen, key, r->line);
    if (first != 0)
        return err_set(e, ERR_CONFIG,
                       "%s:%zu: %.100s: is set a second time (first in line %zu), remove one",
                       r->path, r->line, key, first);
    return r->handler(r->context, r->line, key, value, e);
}

bool properties_read(const char *path, properties_handler *handler, void *context, struct err *e) {
    static const char bom[] = "\xEF\xBB\xBF";
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return err_set(e, ERR_CONFIG, "%s: cannot open the configuration file: %s, check -c", path,
                       strerror(errno));
    struct reader r = {.path = path, .handler = handler, .context = context};
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    bool ok = true;
    while (ok && (n = getline(&line, &cap, f)) >= 0) {
        r.line++;
        bool has_bom = r.line == 1 && strncmp(line, bom, strlen(bom)) == 0;
        size_t skip = has_bom ? strlen(bom) : 0;
        ok = read_line(&r, line + skip, (size_t)n - skip, e);
    }
    if (ok && ferror(f))
        ok = err_set(e, ERR_CONFIG, "%s: cannot read the configuration file: %s, check -c", path,
                     strerror(errno));
    free(line);
    seen_release(&r.seen);
    (void)fclose(f);
    return ok;
}
