#include "streamer/files/csv.h"

#include "streamer/base/buf.h"
#include "streamer/base/mem.h"
#include "streamer/base/shell_word.h"
#include "streamer/base/utf8.h"
#include "streamer/files/encoding.h"
#include "streamer/files/text_input.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct csv {
    struct text_input in;
    size_t record_max_bytes;
    char delimiter;
    unsigned char kinds[256]; /* ENDS_…: what ends a run of a field's text */

    uint64_t line;     /* of the next byte */
    uint64_t row_line; /* where the current record starts */

    struct buf text;    /* the fields of the record without quotes, one after another */
    size_t *ends;       /* where each field ends in `text`; room for CSV_COLUMNS_MAX */
    size_t field_count; /* may exceed the room of `ends` */

    struct buf header_text;
    struct slice *columns; /* into header_text */
    size_t column_count;
    uint64_t header_lines;
};

/* --- bytes --- */

enum { END_OF_FILE = -1, CTRL_Z = 0x1A };

/* The next byte, which stays unread, or END_OF_FILE. */
static int peek(struct csv *c) {
    if (c->in.at == c->in.end && !c->in.ended)
        text_input_more(&c->in);
    return c->in.at < c->in.end ? (unsigned char)c->in.bytes[c->in.at] : END_OF_FILE;
}

static void take(struct csv *c) {
    if (c->in.bytes[c->in.at++] == '\n')
        c->line++;
}

/* --- errors --- */

static bool fail_at(const struct csv *c, uint64_t line, struct err *e, const char *what) {
    return err_set(e, ERR_CONFIG, "%s:%" PRIu64 ": %s", c->in.name, line, what);
}

static bool too_long(const struct csv *c, struct err *e) {
    return err_set(
        e, ERR_CONFIG,
        "%s:%" PRIu64
        ": the record that starts here is longer than %zu bytes, look for a quote that is "
        "not closed, or raise record.max.bytes",
        c->in.name, c->row_line, c->record_max_bytes);
}

/* Says what is wrong with the file, and the filter that mends it where the file is UTF-8. */
static bool fail_filter(const struct csv *c, uint64_t line, const char *what, const char *filter,
                        struct err *e) {
    if (c->in.encoding != NULL)
        return err_set(e, ERR_CONFIG, "%s:%" PRIu64 ": %s, correct the file", c->in.name, line,
                       what);
    struct buf path = {0};
    shell_word_put(&path, c->in.fd == STDIN_FILENO ? "FILE" : c->in.path);
    (void)err_set(e, ERR_CONFIG, "%s:%" PRIu64 ": %s: %s <%s | %s -", c->in.name, line, what,
                  filter, buf_cstr(&path), c->in.command);
    buf_release(&path);
    return false;
}

static bool refuse_nul(const struct csv *c, struct err *e) {
    return fail_filter(c, c->line, "there is a NUL byte, the file is damaged or padded",
                       "tr -d '\\000'", e);
}

/* Programs of DOS write one behind the last line. */
static bool refuse_ctrl_z(const struct csv *c, struct err *e) {
    return fail_filter(c, c->line, "there is a Ctrl-Z, as programs of DOS end files",
                       "tr -d '\\032'", e);
}

/* --- fields: each ends before a delimiter, a line end or the end of the file --- */

enum { ENDS_PLAIN = 1, ENDS_QUOTED = 2 };

static void classify_bytes(struct csv *c) {
    c->kinds['\0'] = c->kinds['"'] = ENDS_PLAIN | ENDS_QUOTED;
    c->kinds['\r'] = ENDS_PLAIN;
    c->kinds['\n'] = ENDS_PLAIN | ENDS_QUOTED; /* in quotes it counts a line */
    c->kinds[(unsigned char)c->delimiter] |= ENDS_PLAIN;
}

/* Appends `n` bytes of the window to the text. */
static bool take_text(struct csv *c, size_t n, struct err *e) {
    if (n > c->record_max_bytes - c->text.n)
        return too_long(c, e);
    buf_put(&c->text, c->in.bytes + c->in.at, n);
    c->in.at += n;
    return true;
}

/* Appends the bytes of the window up to one of this kind. */
static bool take_run(struct csv *c, unsigned char kind, struct err *e) {
    const unsigned char *p = (const unsigned char *)c->in.bytes + c->in.at;
    size_t n = 0, left = c->in.end - c->in.at;
    while (n < left && (c->kinds[p[n]] & kind) == 0)
        n++;
    return take_text(c, n, e);
}

/* A carriage return is part of a line end only before a line feed. */
static bool take_carriage_return(struct csv *c, struct err *e) {
    take(c);
    int next = peek(c);
    if (next == '\n' || next == END_OF_FILE)
        return true;
    if (next == '\r')
        return fail_filter(c, c->line, "there are two carriage returns in a row", "tr -d '\\r'", e);
    return fail_filter(c, c->line, "there is a carriage return without a line feed",
                       "tr '\\r' '\\n'", e);
}

static bool refuse_quote(const struct csv *c, size_t start, struct err *e) {
    struct slice before = slice_of(c->text.p + start, c->text.n - start);
    return fail_at(c, c->line, e,
                   before.n > 0 && slice_trim(before).n == 0
                       ? "there is a space before a quote, remove it"
                       : "there is a quote inside a field without quotes, quote the field and "
                         "double the quote");
}

static bool read_plain_field(struct csv *c, struct err *e) {
    size_t start = c->text.n;
    for (;;) {
        int byte = peek(c);
        if (byte == c->delimiter || byte == '\n' || byte == END_OF_FILE)
            return true;
        if (byte == '\r')
            return take_carriage_return(c, e);
        if (byte == '"')
            return refuse_quote(c, start, e);
        if (byte == '\0')
            return refuse_nul(c, e);
        if (!take_run(c, ENDS_PLAIN, e))
            return false;
    }
}

/* Takes the quote and what follows it. *ended: it was the field's last. */
static bool take_quote(struct csv *c, bool *ended, struct err *e) {
    take(c);
    int byte = peek(c);
    *ended = byte != '"';
    if (byte == '"')
        return take_text(c, 1, e);
    if (byte == '\r')
        return take_carriage_return(c, e);
    if (byte == c->delimiter || byte == '\n' || byte == END_OF_FILE)
        return true;
    bool is_escaped = c->text.n > 0 && c->text.p[c->text.n - 1] == '\\';
    return fail_at(c, c->line, e,
                   is_escaped
                       ? "there is a backslash before a quote, double the quote instead"
                       : "there is text after a closing quote, double a quote inside quotes");
}

static bool read_quoted_field(struct csv *c, struct err *e) {
    uint64_t opened = c->line;
    bool ended = false;
    take(c);
    while (!ended) {
        int byte = peek(c);
        if (byte == END_OF_FILE)
            return fail_at(c, opened, e, "the quote that opens here is never closed, close it");
        if (byte == '\0')
            return refuse_nul(c, e);
        c->line += byte == '\n';
        bool ok = byte == '"'    ? take_quote(c, &ended, e)
                  : byte == '\n' ? take_text(c, 1, e)
                                 : take_run(c, ENDS_QUOTED, e);
        if (!ok)
            return false;
    }
    return true;
}

static bool read_field(struct csv *c, struct err *e) {
    if (!(peek(c) == '"' ? read_quoted_field(c, e) : read_plain_field(c, e)))
        return false;
    if (c->field_count < CSV_COLUMNS_MAX)
        c->ends[c->field_count] = c->text.n;
    c->field_count++;
    return true;
}

/* --- records --- */

static struct slice field(const struct csv *c, size_t i) {
    size_t start = i == 0 ? 0 : c->ends[i - 1];
    struct slice all = buf_slice(&c->text);
    return slice_of(all.p + start, c->ends[i] - start);
}

static bool refuse_bytes(const struct csv *c, size_t i, struct err *e) {
    struct slice rest = field(c, i);
    size_t n;
    while ((n = utf8_char_length(rest)) > 0)
        rest = slice_of(rest.p + n, rest.n - n);
    (void)encoding_refuse(NULL, rest, e);
    return err_prefix(e, "%s:%" PRIu64 ": field %zu", c->in.name, c->row_line, i + 1);
}

static bool check_utf8(const struct csv *c, struct err *e) {
    for (size_t i = 0; i < c->field_count && c->in.encoding == NULL; i++)
        if (!utf8_is_valid(field(c, i)))
            return refuse_bytes(c, i, e);
    return true;
}

static bool skip_blank_lines(struct csv *c, struct err *e) {
    for (;;) {
        int byte = peek(c);
        if (byte == '\n')
            take(c);
        else if (byte != '\r')
            return true;
        else if (!take_carriage_return(c, e))
            return false;
    }
}

/* *cut: the last field ends with the text, not with a line. */
static bool read_fields(struct csv *c, bool *cut, struct err *e) {
    *cut = false;
    if (peek(c) == CTRL_Z)
        return refuse_ctrl_z(c, e);
    for (;;) {
        if (!read_field(c, e))
            return false;
        int byte = peek(c);
        *cut = byte == END_OF_FILE;
        if (!*cut)
            take(c);
        if (byte != c->delimiter)
            return true;
    }
}

static enum csv_result read_record(struct csv *c, struct err *e) {
    bool cut = true;
    buf_clear(&c->text);
    c->field_count = 0;
    bool ok = skip_blank_lines(c, e);
    c->row_line = c->line;
    bool at_end = ok && peek(c) == END_OF_FILE;
    if (ok && !at_end)
        ok = read_fields(c, &cut, e);
    /* What went wrong while reading explains why the record is cut short. */
    if ((!ok || cut) && peek(c) == END_OF_FILE && c->in.fault.class != ERR_NONE)
        ok = err_set(e, c->in.fault.class, "%s:%" PRIu64 ": %s", c->in.name, c->line,
                     c->in.fault.text);
    if (!ok)
        return CSV_ERROR;
    return at_end ? CSV_END : CSV_ROW;
}

/* Why a row may have another number of fields than the header. */
static const char *count_advice(const struct csv *c) {
    if (c->field_count > c->column_count)
        return "quote a field that holds the delimiter";
    return c->field_count == 1 ? "correct the row, or remove it if it is a footer"
                               : "correct the row";
}

enum csv_result csv_next(struct csv *c, struct err *e) {
    enum csv_result result = read_record(c, e);
    if (result != CSV_ROW)
        return result;
    if (c->field_count != c->column_count) {
        (void)err_set(e, ERR_CONFIG,
                      "%s:%" PRIu64 ": too %s fields: %zu, but the header has %zu, %s", c->in.name,
                      c->row_line, c->field_count < c->column_count ? "few" : "many",
                      c->field_count, c->column_count, count_advice(c));
        return CSV_ERROR;
    }
    return check_utf8(c, e) ? CSV_ROW : CSV_ERROR;
}

/* --- the header --- */

static bool check_header(const struct csv *c, struct err *e) {
    for (size_t i = 0; i < c->column_count; i++) {
        struct slice name = slice_trim(c->columns[i]);
        if (name.n == 0)
            return err_set(e, ERR_CONFIG, "%s:%" PRIu64 ": column %zu has no name, %s", c->in.name,
                           c->row_line, i + 1,
                           i + 1 < c->column_count
                               ? "give it one"
                               : "give it one, or remove the last delimiter of each line");
        for (size_t j = 0; j < i; j++)
            if (slice_eq(name, slice_trim(c->columns[j])))
                return err_set(e, ERR_CONFIG,
                               "%s:%" PRIu64
                               ": columns %zu and %zu are both called \"%.*s\", rename one",
                               c->in.name, c->row_line, j + 1, i + 1,
                               (int)(name.n < 100 ? name.n : 100), name.p);
    }
    return true;
}

static bool begins_with(const struct csv *c, const char *bytes) {
    return slice_has_prefix(slice_of(c->in.bytes + c->in.at, c->in.end - c->in.at),
                            slice_str(bytes));
}

/* A byte above ASCII would be taken for the end of the file. */
static bool can_delimit(char c) {
    return c > '\0' && strchr("\"\r\n", c) == NULL;
}

/* Takes Excel's first line "sep=;". */
static void take_delimiter_line(struct csv *c) {
    struct slice rest = slice_of(c->in.bytes + c->in.at, c->in.end - c->in.at);
    const char *end = rest.n > 0 ? memchr(rest.p, '\n', rest.n) : NULL;
    if (end == NULL || !begins_with(c, "sep="))
        return;
    struct slice line = slice_of(rest.p, (size_t)(end - rest.p));
    if (line.p[line.n - 1] == '\r')
        line.n--;
    if (line.n != strlen("sep=;") || !can_delimit(line.p[line.n - 1]))
        return;
    if (c->delimiter == '\0')
        c->delimiter = line.p[line.n - 1];
    c->in.at += (size_t)(end + 1 - rest.p);
    c->line++;
    text_input_fill_line(&c->in);
}

/* How often `delimiter` is in the next line, outside of quotes. */
static size_t count_delimiters(const struct csv *c, char delimiter) {
    size_t n = 0;
    bool quoted = false;
    for (size_t i = c->in.at; i < c->in.end && (quoted || c->in.bytes[i] != '\n'); i++) {
        quoted ^= c->in.bytes[i] == '"';
        n += !quoted && c->in.bytes[i] == delimiter;
    }
    return n;
}

struct delimiter_text {
    char text[3];
};

/* The delimiter as --delimiter takes it. */
static struct delimiter_text delimiter_text(char delimiter) {
    return delimiter == '\t' ? (struct delimiter_text){"\\t"}
                             : (struct delimiter_text){{delimiter, '\0'}};
}

/* Refuses a header that has no delimiter, but another character that files use as one. */
static bool check_delimiter(const struct csv *c, struct err *e) {
    if (count_delimiters(c, c->delimiter) > 0)
        return true;
    for (const char *other = ",;\t|"; *other != '\0'; other++)
        if (count_delimiters(c, *other) > 0)
            return err_set(e, ERR_CONFIG,
                           "%s:%" PRIu64 ": separated by '%s', not by '%s'; use --delimiter '%s'",
                           c->in.name, c->line, delimiter_text(*other).text,
                           delimiter_text(c->delimiter).text, delimiter_text(*other).text);
    return true;
}

/* Programs write remarks before the header, or begin it with a '#'. */
static bool check_comment(const struct csv *c, struct err *e) {
    if (!begins_with(c, "#"))
        return true;
    if (count_delimiters(c, c->delimiter) > 0)
        return fail_filter(c, c->line, "the header begins with '#'", "sed 's/^#//'", e);
    char tail[40];
    (void)snprintf(tail, sizeof tail, "tail -n +%" PRIu64, c->line + 1);
    return fail_filter(c, c->line, "there is a comment in the place of the header", tail, e);
}

/* Reads what comes before the header. */
static bool prepare(struct csv *c, struct err *e) {
    while (begins_with(c, "\xEF\xBB\xBF"))
        c->in.at += 3;
    take_delimiter_line(c);
    if (c->delimiter == '\0')
        c->delimiter = ',';
    if (!skip_blank_lines(c, e))
        return false;
    text_input_fill_line(&c->in);
    classify_bytes(c);
    return check_comment(c, e) && check_delimiter(c, e);
}

static bool read_header(struct csv *c, struct err *e) {
    enum csv_result result = read_record(c, e);
    if (result == CSV_END)
        return fail_at(c, c->row_line, e,
                       "the file is empty, it needs a header line with the names of the columns");
    if (result == CSV_ERROR)
        return false;
    if (c->field_count > CSV_COLUMNS_MAX)
        return err_set(e, ERR_CONFIG,
                       "%s:%" PRIu64 ": there are %zu columns, at most %d are supported",
                       c->in.name, c->row_line, c->field_count, CSV_COLUMNS_MAX);
    if (!check_utf8(c, e))
        return false;
    buf_set(&c->header_text, buf_slice(&c->text));
    c->column_count = c->field_count;
    c->columns = mem_calloc(c->column_count, sizeof *c->columns);
    const char *names = buf_slice(&c->header_text).p;
    for (size_t i = 0; i < c->column_count; i++)
        c->columns[i] = slice_of(names + (i == 0 ? 0 : c->ends[i - 1]), field(c, i).n);
    return check_header(c, e);
}

struct csv *csv_open(const char *path, const struct csv_options *o, struct err *e) {
    struct text_input_options input = {
        .encoding = o->encoding, .command = o->command, .stop = o->stop};
    struct text_input in;
    return text_input_open(&in, path, &input, e) ? csv_open_input(&in, o, e) : NULL;
}

struct csv *csv_open_input(const struct text_input *in, const struct csv_options *o,
                           struct err *e) {
    struct csv *c = mem_calloc(1, sizeof *c);
    c->in = *in;
    c->record_max_bytes = o->record_max_bytes;
    c->delimiter = o->delimiter;
    c->line = 1;
    c->ends = mem_calloc(CSV_COLUMNS_MAX, sizeof *c->ends);
    if (prepare(c, e) && read_header(c, e)) {
        c->header_lines = c->line - 1;
        return c;
    }
    csv_close(c);
    return NULL;
}

void csv_close(struct csv *c) {
    if (c == NULL)
        return;
    text_input_release(&c->in);
    free(c->ends);
    free(c->columns);
    buf_release(&c->text);
    buf_release(&c->header_text);
    free(c);
}

size_t csv_column_count(const struct csv *c) {
    return c->column_count;
}
struct slice csv_column_name(const struct csv *c, size_t column) {
    assert(column < c->column_count);
    return c->columns[column];
}
struct slice csv_field(const struct csv *c, size_t column) {
    assert(column < c->field_count);
    return field(c, column);
}
uint64_t csv_line(const struct csv *c) {
    return c->row_line;
}
uint64_t csv_header_lines(const struct csv *c) {
    return c->header_lines;
}
uint64_t csv_bytes_read(const struct csv *c) {
    return text_input_position(&c->in);
}
const char *csv_name(const struct csv *c) {
    return c->in.name;
}
const char *csv_command(const struct csv *c) {
    return c->in.command;
}

bool csv_parse_delimiter(const char *text, char *delimiter, struct err *e) {
    const char *c = strcmp(text, "\\t") == 0 ? "\t" : text;
    if (c[0] <= '\0' || c[1] != '\0' ||
        strchr("\"\r\n", c[0]) != NULL) /* a negative char is no ASCII */
        return err_set(e, ERR_CONFIG,
                       "--delimiter: \"%.20s\" is not one character, use e.g. ';', '|' or '\\t'",
                       text);
    *delimiter = c[0];
    return true;
}
