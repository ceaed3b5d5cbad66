#include "schemas/avro/avro_plan.h"

#include "streamer/base/mem.h"

#include <stdlib.h>

struct avro_plan {
    struct avro_op *ops;
    uint32_t count;
    int16_t slot_count;
};

/* --- compiling --- */

static uint32_t count_nodes(const struct avro_node *n) {
    uint32_t count = 1;
    for (uint32_t i = 0; i < n->count; i++)
        count += count_nodes(&n->children[i]);
    return count;
}

static bool has_slot(const struct avro_node *n) {
    bool has = n->slot != AVRO_NO_SLOT;
    for (uint32_t i = 0; i < n->count && !has; i++)
        has = has_slot(&n->children[i]);
    return has;
}

/* Fields that take no byte and go nowhere: without them each place that is read takes a byte, or
 * has a slot, so that no schema makes short values long to read. */
static bool is_left_out(const struct avro_node *parent, const struct avro_node *child) {
    return parent->kind == AVRO_KIND_RECORD && child->is_empty && !has_slot(child);
}

static void add(struct avro_plan *p, const struct avro_node *n) {
    uint32_t at = p->count++, children = 0;
    for (uint32_t i = 0; i < n->count; i++) {
        if (is_left_out(n, &n->children[i]))
            continue;
        children++;
        add(p, &n->children[i]);
    }
    p->ops[at] = (struct avro_op){
        .kind = (uint8_t)n->kind,
        .type = n->type,
        .slot = n->slot,
        .arg = n->kind == AVRO_KIND_FIXED || n->kind == AVRO_KIND_ENUM ? n->size : children,
        .next = p->count - at,
    };
}

struct avro_plan *avro_plan_new(const struct avro_node *root, int16_t slot_count) {
    struct avro_plan *p = mem_calloc(1, sizeof *p);
    p->slot_count = slot_count;
    p->ops = mem_calloc(count_nodes(root), sizeof *p->ops);
    add(p, root);
    return p;
}

void avro_plan_free(struct avro_plan *p) {
    if (p == NULL)
        return;
    free(p->ops);
    free(p);
}

size_t avro_plan_bytes(const struct avro_plan *p) {
    return sizeof *p + p->count * sizeof *p->ops;
}

/* --- reading --- */

struct reader {
    const char *p, *end;
    struct avro_slot *slots;
    const char *what;
};

static bool wrong(struct reader *r, const char *what) {
    r->what = what;
    return false;
}

static bool read_varint(struct reader *r, int64_t *v) {
    uint64_t zigzag = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (r->p == r->end)
            return wrong(r, "it ends within a number");
        uint64_t byte = (unsigned char)*r->p++;
        if (shift == 63 && byte > 1)
            break;
        zigzag |= (byte & 0x7f) << shift;
        if (byte < 0x80) {
            *v = (int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1);
            return true;
        }
    }
    return wrong(r, "a number of more than 64 bits");
}

static bool read_number(struct reader *r, int64_t *v) {
    if (r->p < r->end && (unsigned char)*r->p < 0x80) {
        int64_t zigzag = (unsigned char)*r->p++;
        *v = (zigzag >> 1) ^ -(zigzag & 1);
        return true;
    }
    return read_varint(r, v);
}

static bool read_int(struct reader *r, int64_t *v) {
    if (!read_number(r, v))
        return false;
    return (*v >= INT32_MIN && *v <= INT32_MAX) || wrong(r, "an int of more than 32 bits");
}

static bool take(struct reader *r, size_t n, struct slice *bytes) {
    if (n > (size_t)(r->end - r->p))
        return wrong(r, "it ends within a value");
    *bytes = slice_of(r->p, n);
    r->p += n;
    return true;
}

static bool read_bytes(struct reader *r, struct slice *bytes) {
    int64_t n;
    if (!read_number(r, &n))
        return false;
    if (n < 0 || n > r->end - r->p)
        return wrong(r, n < 0 ? "a length below 0" : "a length goes beyond the end");
    return take(r, (size_t)n, bytes);
}

/* Of a branch, symbol or boolean: 0 … count - 1. */
static bool read_choice(struct reader *r, uint32_t count, const char *what, int64_t *v) {
    if (!read_number(r, v))
        return false;
    return (*v >= 0 && *v < (int64_t)count) || wrong(r, what);
}

static bool read_boolean(struct reader *r, struct avro_slot *v) {
    if (!take(r, 1, &v->bytes))
        return false;
    v->number = (unsigned char)v->bytes.p[0];
    return v->number == 0 || v->number == 1 || wrong(r, "a boolean is neither 0 nor 1");
}

static bool read_place(struct reader *r, const struct avro_op *op);

static bool read_record(struct reader *r, const struct avro_op *op) {
    const struct avro_op *child = op + 1;
    for (uint32_t i = 0; i < op->arg; i++, child += child->next)
        if (!read_place(r, child))
            return false;
    return true;
}

static bool read_union(struct reader *r, const struct avro_op *op) {
    int64_t branch;
    if (!read_choice(r, op->arg, "a union has no such branch", &branch))
        return false;
    const struct avro_op *child = op + 1;
    while (branch-- > 0)
        child += child->next;
    return read_place(r, child);
}

/* How many items the next block has; 0: there is none. */
static bool read_block(struct reader *r, int64_t *count) {
    int64_t bytes;
    if (!read_number(r, count))
        return false;
    if (*count < 0) {
        if (*count == INT64_MIN)
            return wrong(r, "a block of too many items");
        if (!read_number(r, &bytes))
            return false;
        *count = -*count;
    }
    return *count <= r->end - r->p || wrong(r, "a block of more items than bytes");
}

/* An item takes a byte at least: avro_schema refuses others. */
static bool read_items(struct reader *r, const struct avro_op *op) {
    struct slice key;
    for (int64_t count;;) {
        if (!read_block(r, &count))
            return false;
        if (count == 0)
            return true;
        for (; count > 0; count--)
            if ((op->kind == AVRO_KIND_MAP && !read_bytes(r, &key)) || !read_place(r, op + 1))
                return false;
    }
}

static bool read_value(struct reader *r, const struct avro_op *op, struct avro_slot *v) {
    switch ((enum avro_kind)op->kind) {
    case AVRO_KIND_NULL:
        return true;
    case AVRO_KIND_BOOLEAN:
        return read_boolean(r, v);
    case AVRO_KIND_INT:
        return read_int(r, &v->number);
    case AVRO_KIND_LONG:
        return read_number(r, &v->number);
    case AVRO_KIND_FLOAT:
        return take(r, 4, &v->bytes);
    case AVRO_KIND_DOUBLE:
        return take(r, 8, &v->bytes);
    case AVRO_KIND_BYTES:
    case AVRO_KIND_STRING:
        return read_bytes(r, &v->bytes);
    case AVRO_KIND_FIXED:
        return take(r, op->arg, &v->bytes);
    case AVRO_KIND_ENUM:
        return read_choice(r, op->arg, "an enum has no such symbol", &v->number);
    case AVRO_KIND_RECORD:
        return read_record(r, op);
    case AVRO_KIND_ARRAY:
    case AVRO_KIND_MAP:
        return read_items(r, op);
    case AVRO_KIND_UNION:
        return read_union(r, op);
    }
    return wrong(r, "an unknown type");
}

static bool read_place(struct reader *r, const struct avro_op *op) {
    struct avro_slot skipped, *v = op->slot == AVRO_NO_SLOT ? &skipped : &r->slots[op->slot];
    v->op = op;
    return read_value(r, op, v);
}

bool avro_plan_read(const struct avro_plan *p, struct slice *in, struct avro_slot *slots,
                    const char **what) {
    struct reader r = {.p = in->p, .end = in->p + in->n, .slots = slots};
    for (int16_t i = 0; i < p->slot_count; i++)
        slots[i].op = NULL;
    bool ok = read_place(&r, p->ops);
    *in = slice_of(r.p, (size_t)(r.end - r.p));
    *what = r.what;
    return ok;
}
