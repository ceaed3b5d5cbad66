#include "streamer/files/json_lines.h"

#include "streamer/base/json.h"
#include "streamer/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct json_lines {
    struct text_input *in;
    size_t line_max;

    uint64_t line;
    struct buf part;   /* the beginning of a line that does not lie in the window as a whole */
    struct slice text; /* the line without its end */
    size_t cut;        /* the size of a line that is not kept; 0: it is kept */
    struct json json;  /* of a line with key and value */
    struct slice key, value;
};

struct json_lines *json_lines_new(struct text_input *in, size_t line_max) {
    struct json_lines *l = mem_calloc(1, sizeof *l);
    l->in = in;
    l->line_max = line_max;
    json_init(&l->json);
    return l;
}

void json_lines_free(struct json_lines *l) {
    if (l == NULL)
        return;
    json_release(&l->json);
    buf_release(&l->part);
    free(l);
}

/* --- lines --- */

/* Takes the next `n` bytes of the window, which are the end of a line. */
static void take_end(struct json_lines *l, size_t n) {
    struct slice end = slice_of(l->in->bytes + l->in->at, n);
    l->in->at += n;
    if (l->cut > 0 || l->part.n + n > l->line_max) {
        l->cut += l->part.n + n;
    } else if (l->part.n > 0) {
        buf_put_slice(&l->part, end);
        l->text = buf_slice(&l->part);
    } else {
        l->text = end;
    }
}

/* Takes the window, in which the line does not end. */
static void take_part(struct json_lines *l) {
    size_t n = l->in->end - l->in->at;
    if (l->cut > 0 || l->part.n + n > l->line_max) {
        l->cut += l->part.n + n;
        buf_clear(&l->part);
    } else {
        buf_put(&l->part, l->in->bytes + l->in->at, n);
    }
    l->in->at = l->in->end;
}

/* Where the line ends in the window. NULL: it does not. */
static const char *find_end(const struct text_input *in) {
    return in->at < in->end ? memchr(in->bytes + in->at, '\n', in->end - in->at) : NULL;
}

/* Reads the next line. False: there is none, or reading failed before its end. */
static bool next_line(struct json_lines *l) {
    struct text_input *in = l->in;
    const char *end;
    l->cut = 0;
    buf_clear(&l->part);
    while ((end = find_end(in)) == NULL && !in->ended) {
        take_part(l);
        text_input_more(in);
    }
    if (end == NULL &&
        (in->fault.class != ERR_NONE || (in->at == in->end && l->part.n == 0 && l->cut == 0)))
        return false;
    take_end(l, end != NULL ? (size_t)(end - (in->bytes + in->at)) : in->end - in->at);
    in->at += end != NULL;
    l->line++;
    return true;
}

static void skip_byte_order_marks(struct slice *text) {
    while (slice_has_prefix(*text, slice_str("\xEF\xBB\xBF")))
        *text = slice_of(text->p + 3, text->n - 3);
}

/* --- key and value --- */

static void skip_space(struct slice *text) {
    while (text->n > 0 && strchr(" \t\r\n", text->p[0]) != NULL && text->p[0] != '\0')
        *text = slice_of(text->p + 1, text->n - 1);
}

/* Skips one byte, which is there, and the white space around it. */
static void skip_sign(struct slice *text) {
    skip_space(text);
    *text = slice_of(text->p + 1, text->n - 1);
    skip_space(text);
}

/* Whether the line begins as an object whose first member is key or value. Few lines do, so that
 * few are parsed here. */
static bool may_have_key(struct slice text) {
    skip_space(&text);
    if (text.n == 0 || text.p[0] != '{')
        return false;
    skip_sign(&text);
    return slice_has_prefix(text, slice_str("\"key\"")) ||
           slice_has_prefix(text, slice_str("\"value\""));
}

/* The bytes of the string at the beginning of valid JSON, with its quotes. */
static size_t string_length(const char *p) {
    size_t n = 1;
    for (; p[n] != '"'; n++)
        n += p[n] == '\\';
    return n + 1;
}

/* The bytes of the value at the beginning of valid JSON. */
static size_t value_length(const char *p) {
    size_t n = 0, depth = 0;
    do {
        if (p[n] == '"')
            n += string_length(p + n);
        else if (depth == 0 && p[n] != '{' && p[n] != '[')
            return n + strcspn(p + n, ",} \t\r\n");
        else {
            depth += p[n] == '{' || p[n] == '[';
            depth -= p[n] == '}' || p[n] == ']';
            n++;
        }
    } while (depth > 0);
    return n;
}

/* Takes the next member of the object, and the sign behind it. */
static void take_member(struct slice *text, const cJSON *item, struct slice *out) {
    *text = slice_of(text->p + string_length(text->p), text->n - string_length(text->p));
    skip_sign(text);
    size_t n = value_length(text->p);
    *out = cJSON_IsString(item) && !json_is_number(item) ? json_text(item) : slice_of(text->p, n);
    if (cJSON_IsNull(item))
        *out = slice_null();
    *text = slice_of(text->p + n, text->n - n);
    skip_sign(text);
}

/* Reads a line that has exactly a key and a value. False: it is something else. */
static bool read_key_and_value(struct json_lines *l) {
    if (!may_have_key(l->text))
        return false;
    const cJSON *root = json_parse(&l->json, l->text);
    if (root == NULL || cJSON_GetArraySize(root) != 2)
        return false;
    const cJSON *key = json_member(root, "key");
    if (key == NULL || json_member(root, "value") == NULL)
        return false;
    struct slice rest = l->text;
    skip_sign(&rest);
    bool key_is_first = root->child == key;
    take_member(&rest, root->child, key_is_first ? &l->key : &l->value);
    take_member(&rest, root->child->next, key_is_first ? &l->value : &l->key);
    return true;
}

/* --- records --- */

static void read_record(struct json_lines *l) {
    l->key = slice_null();
    l->value = slice_null();
    if (l->cut == 0 && !read_key_and_value(l))
        l->value = l->text;
}

static enum json_lines_result end_of(const struct json_lines *l, struct err *e) {
    if (l->in->fault.class == ERR_NONE)
        return JSON_LINES_END;
    (void)err_set(e, l->in->fault.class, "%s:%" PRIu64 ": %s", l->in->name, l->line + 1,
                  l->in->fault.text);
    return JSON_LINES_ERROR;
}

enum json_lines_result json_lines_next(struct json_lines *l, struct err *e) {
    do {
        if (!next_line(l))
            return end_of(l, e);
        if (l->line == 1 && l->cut == 0)
            skip_byte_order_marks(&l->text);
    } while (l->cut == 0 && slice_trim(l->text).n == 0);
    read_record(l);
    return JSON_LINES_ROW;
}

struct slice json_lines_key(const struct json_lines *l) {
    return l->key;
}
struct slice json_lines_value(const struct json_lines *l) {
    return l->value;
}
size_t json_lines_cut(const struct json_lines *l) {
    return l->cut;
}
uint64_t json_lines_line(const struct json_lines *l) {
    return l->line;
}
