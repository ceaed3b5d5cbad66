#include "streamer/quarantine/outgoing.h"

#include "streamer/base/mem.h"

static struct slice copy(char **to, struct slice bytes) {
    if (bytes.p == NULL)
        return bytes;
    char *at = *to;
    if (bytes.n > 0)
        memcpy(at, bytes.p, bytes.n);
    at[bytes.n] = '\0';
    *to += bytes.n + 1;
    return slice_of(at, bytes.n);
}

static size_t size_of(const struct sender_message *m, struct slice mark) {
    size_t size = sizeof(struct outgoing) + m->header_count * sizeof *m->headers;
    size += m->key.n + m->value.n + mark.n + 3;
    for (size_t i = 0; i < m->header_count; i++)
        size += strlen(m->headers[i].name) + m->headers[i].value.n + 2;
    return size;
}

struct outgoing *outgoing_new(const struct sender_message *m, struct slice mark) {
    size_t size = size_of(m, mark);
    struct outgoing *o = mem_alloc(size);
    struct sink_header *headers = (struct sink_header *)(void *)(o + 1);
    char *to = (char *)(headers + m->header_count);
    *o = (struct outgoing){.message = *m, .mark = copy(&to, mark), .size = size};
    o->message.key = copy(&to, m->key);
    o->message.value = copy(&to, m->value);
    o->message.headers = headers;
    for (size_t i = 0; i < m->header_count; i++)
        headers[i] = (struct sink_header){copy(&to, slice_str(m->headers[i].name)).p,
                                          copy(&to, m->headers[i].value)};
    return o;
}
