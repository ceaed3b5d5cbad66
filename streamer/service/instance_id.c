#include "streamer/service/instance_id.h"

#include "streamer/base/buf.h"
#include "streamer/base/mem.h"

#include <stdio.h>
#include <string.h>

#define INSTANCE_FACT "instance"
#define RANDOM_BYTES 8

static bool put_random_digits(struct buf *out, struct err *e) {
    unsigned char random[RANDOM_BYTES];
    FILE *f = fopen("/dev/urandom", "rbe");
    bool ok = f != NULL && fread(random, 1, sizeof random, f) == sizeof random;
    if (f != NULL)
        (void)fclose(f);
    if (!ok)
        return err_set(e, ERR_STOP, "cannot read /dev/urandom");
    for (size_t i = 0; i < sizeof random; i++)
        buf_printf(out, "%02x", random[i]);
    return true;
}

/* The digits that the store has; a store without them gets some. */
static bool read_digits(struct store *store, struct buf *out, struct err *e) {
    if (!store_get_fact(store, INSTANCE_FACT, out, e))
        return false;
    return out->n > 0 ||
           (put_random_digits(out, e) && store_put_fact(store, INSTANCE_FACT, buf_slice(out), e));
}

char *instance_transactional_id(const struct config *c, struct store *store, struct err *e) {
    struct buf digits = {0}, id = {0};
    char *copy = NULL;
    if (read_digits(store, &digits, e)) {
        buf_printf(&id, "%s-%s", c->app_id,
                   c->instance_id != NULL ? c->instance_id : buf_cstr(&digits));
        copy = mem_strdup(buf_cstr(&id));
    }
    buf_release(&digits);
    buf_release(&id);
    return copy;
}
