#include "streamer/files/json_lines.h"

#include "streamer/base/json.h"
#include "streamer/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define READ_SIZE 262144

struct json_lines {
    struct text_input *in;
    size_t line_max;

    char *input; /* `cap` bytes; those from `at` to `end` are unread */
    size_t at, end, cap;
    size_t searched; /* so many unread bytes are no line end */
    bool ended;

    uint64_t line;
    struct slice text; /* the line without its end */
    size_t cut;        /* the size of a line that is not kept; 0: it is kept */
    struct json json;  /* of a line with key and value */
    struct slice key, value;
};

struct json_lines *json_lines_new(struct text_input *in, size_t line_max) {
    struct json_lines *l = mem_calloc(1, sizeof *l);
    l->in = in;
    l->line_max = line_max;
    l->cap = READ_SIZE;
    l->input = mem_alloc(l->cap);
    json_init(&l->json);
    return l;
}

void json_lines_free(struct json_lines *l) {
    if (l == NULL)
        return;
    json_release(&l->json);
    free(l->input);
    free(l);
}

/* --- lines --- */

/* Makes room for `n` bytes behind the unread ones. */
static void make_room(struct json_lines *l, size_t n) {
    memmove(l->input, l->input + l->at, l->end - l->at);
    l->end -= l->at;
    l->at = 0;
    if (l->cap - l->end >= n)
        return;
    l->cap = 2 * l->cap + n;
    l->input = mem_realloc(l->input, l->cap);
}

static void refill(struct json_lines *l) {
    struct text_input *in = l->in;
    if (in->at == in->end && !in->ended)
        text_input_more(in);
    size_t n = in->end - in->at;
    make_room(l, n);
    memcpy(l->input + l->end, in->bytes + in->at, n);
    l->end += n;
    in->at = in->end;
    l->ended = n == 0 && in->ended;
}

/* Drops the unread bytes, which are part of a line that is too long. */
static void drop(struct json_lines *l) {
    l->cut += l->end - l->at;
    l->at = l->end;
    l->searched = 0;
}

static void take_line(struct json_lines *l, size_t n) {
    l->text = slice_of(l->input + l->at, n);
    if (l->cut > 0)
        l->cut += n;
    else if (n > l->line_max)
        l->cut = n;
    l->at += n;
    l->searched = 0;
}

/* Finds the next line end. False: the file ends before one. */
static bool find_line_end(struct json_lines *l, size_t *n) {
    for (;;) {
        const char *start = l->input + l->at;
        const char *end = memchr(start + l->searched, '\n', l->end - l->at - l->searched);
        if (end != NULL) {
            *n = (size_t)(end - start);
            return true;
        }
        l->searched = l->end - l->at;
        if (l->searched > l->line_max)
            drop(l);
        if (l->ended)
            return false;
        refill(l);
    }
}

/* Reads the next line. False: there is none, or reading failed before its end. */
static bool next_line(struct json_lines *l) {
    size_t n;
    l->cut = 0;
    bool has_end = find_line_end(l, &n);
    if (!has_end && (l->in->fault.class != ERR_NONE || (l->at == l->end && l->cut == 0)))
        return false;
    take_line(l, has_end ? n : l->end - l->at);
    l->at += has_end;
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

enum json_lines_result json_lines_next(struct json_lines *l, struct err *e) {
    do {
        if (!next_line(l)) {
            const struct err *fault = &l->in->fault;
            if (fault->class == ERR_NONE)
                return JSON_LINES_END;
            (void)err_set(e, fault->class, "%s:%" PRIu64 ": %s", l->in->name, l->line + 1,
                          fault->text);
            return JSON_LINES_ERROR;
        }
        if (l->line == 1)
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
