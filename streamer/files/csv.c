#include "streamer/files/csv.h"

#include "streamer/base/buf.h"
#include "streamer/base/mem.h"
#include "streamer/base/utf8.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INPUT_SIZE 65536

struct csv {
    const char *name; /* borrowed */
    struct opened_file file;
    size_t record_max_bytes;
    char delimiter;

    char *input; /* INPUT_SIZE bytes; those from `at` to `end` are unread */
    size_t at, end;
    uint64_t bytes_read; /* into `input` so far */
    int read_errno; /* reading failed; it looks like the end of the file until the record is done */
    bool ended;

    uint64_t line;     /* of the next byte */
    uint64_t row_line; /* where the current record starts */

    struct buf text;    /* the fields of the record without quotes, one after another */
    size_t *ends;       /* where each field ends in `text`; room for CSV_COLUMNS_MAX */
    size_t field_count; /* may exceed the room of `ends` */

    struct buf header_text;
    struct slice *columns; /* into header_text */
    size_t column_count;
};

/* --- bytes --- */

enum { END_OF_FILE = -1 };

/* Reads more input after the unread bytes. */
static void refill(struct csv *c) {
    if (c->at == c->end)
        c->at = c->end = 0;
    ssize_t n = opened_file_read(&c->file, c->input + c->end, INPUT_SIZE - c->end);
    c->ended = n <= 0;
    c->end += n > 0 ? (size_t)n : 0;
    c->bytes_read += n > 0 ? (uint64_t)n : 0;
    if (n < 0)
        c->read_errno = errno;
}

/* The next byte, which stays unread, or END_OF_FILE. */
static int peek(struct csv *c) {
    if (c->at == c->end && !c->ended)
        refill(c);
    return c->at < c->end ? (unsigned char)c->input[c->at] : END_OF_FILE;
}

static void take(struct csv *c) {
    if (c->input[c->at++] == '\n')
        c->line++;
}

/* --- errors --- */

static bool fail_at(const struct csv *c, uint64_t line, struct err *e, const char *what) {
    return err_set(e, ERR_CONFIG, "%s:%" PRIu64 ": %s", c->name, line, what);
}

static bool too_long(const struct csv *c, struct err *e) {
    return err_set(
        e, ERR_CONFIG,
        "%s:%" PRIu64
        ": the record that starts here is longer than %zu bytes, look for a quote that is "
        "not closed, or raise record.max.bytes",
        c->name, c->row_line, c->record_max_bytes);
}

/* --- fields: each ends before a delimiter, a line end or the end of the file --- */

static bool take_text(struct csv *c, struct err *e) {
    char byte = c->input[c->at];
    if (byte == '\0')
        return fail_at(c, c->line, e, "there is a NUL byte, save the file as UTF-8 text");
    if (c->text.n == c->record_max_bytes)
        return too_long(c, e);
    buf_put_byte(&c->text, byte);
    take(c);
    return true;
}

/* A carriage return is part of a line end only before a line feed. */
static bool take_carriage_return(struct csv *c, struct err *e) {
    take(c);
    int next = peek(c);
    return next == '\n' || next == END_OF_FILE ||
           fail_at(c, c->line, e,
                   "there is a carriage return without a line feed, save the file with LF or CRLF");
}

static bool read_plain_field(struct csv *c, struct err *e) {
    for (;;) {
        int byte = peek(c);
        if (byte == c->delimiter || byte == '\n' || byte == END_OF_FILE)
            return true;
        if (byte == '\r')
            return take_carriage_return(c, e);
        if (byte == '"')
            return fail_at(c, c->line, e,
                           "there is a quote inside a field without "
                           "quotes, quote the field and double the quote");
        if (!take_text(c, e))
            return false;
    }
}

static bool read_quoted_field(struct csv *c, struct err *e) {
    uint64_t opened = c->line;
    take(c);
    for (;;) {
        int byte = peek(c);
        if (byte == END_OF_FILE)
            return fail_at(c, opened, e, "the quote that opens here is never closed, close it");
        if (byte == '"') {
            take(c);
            byte = peek(c);
            if (byte == '\r')
                return take_carriage_return(c, e);
            if (byte == c->delimiter || byte == '\n' || byte == END_OF_FILE)
                return true;
            if (byte != '"')
                return fail_at(c, c->line, e,
                               "there is text after a closing quote, double a quote inside quotes");
        }
        if (!take_text(c, e))
            return false;
    }
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

static bool check_utf8(const struct csv *c, struct err *e) {
    for (size_t i = 0; i < c->field_count; i++) {
        struct slice f = field(c, i);
        if (!utf8_is_valid(f))
            return err_set(e, ERR_CONFIG,
                           "%s:%" PRIu64 ": field %zu is not valid UTF-8, save the file as UTF-8",
                           c->name, c->row_line, i + 1);
    }
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

static bool read_fields(struct csv *c, struct err *e) {
    for (;;) {
        if (!read_field(c, e))
            return false;
        int byte = peek(c);
        if (byte != END_OF_FILE)
            take(c);
        if (byte != c->delimiter)
            return true;
    }
}

static enum csv_result read_record(struct csv *c, struct err *e) {
    buf_clear(&c->text);
    c->field_count = 0;
    bool ok = skip_blank_lines(c, e);
    c->row_line = c->line;
    bool at_end = ok && peek(c) == END_OF_FILE;
    if (ok && !at_end)
        ok = read_fields(c, e);
    if (c->read_errno != 0) /* the error has cut the last record short */
        ok = err_set(e, ERR_CONFIG, "%s:%" PRIu64 ": cannot read: %s", c->name, c->line,
                     strerror(c->read_errno));
    if (!ok)
        return CSV_ERROR;
    return at_end ? CSV_END : CSV_ROW;
}

enum csv_result csv_next(struct csv *c, struct err *e) {
    enum csv_result result = read_record(c, e);
    if (result != CSV_ROW)
        return result;
    if (c->field_count != c->column_count) {
        (void)err_set(e, ERR_CONFIG,
                      "%s:%" PRIu64 ": too %s fields: %zu, but the header has %zu, correct the row",
                      c->name, c->row_line, c->field_count < c->column_count ? "few" : "many",
                      c->field_count, c->column_count);
        return CSV_ERROR;
    }
    return check_utf8(c, e) ? CSV_ROW : CSV_ERROR;
}

/* --- the header --- */

static bool check_header(const struct csv *c, struct err *e) {
    for (size_t i = 0; i < c->column_count; i++) {
        struct slice name = slice_trim(c->columns[i]);
        if (name.n == 0)
            return err_set(e, ERR_CONFIG, "%s:%" PRIu64 ": column %zu has no name, give it one",
                           c->name, c->row_line, i + 1);
        for (size_t j = 0; j < i; j++)
            if (slice_eq(name, slice_trim(c->columns[j])))
                return err_set(
                    e, ERR_CONFIG,
                    "%s:%" PRIu64 ": columns %zu and %zu are both called \"%.*s\", rename one",
                    c->name, c->row_line, j + 1, i + 1, (int)(name.n < 100 ? name.n : 100), name.p);
    }
    return true;
}

/* Reads until the whole next line is in the input, if it fits. A pipe may deliver single bytes. */
static void fill_line(struct csv *c) {
    while (!c->ended && c->end < INPUT_SIZE &&
           (c->at == c->end || memchr(c->input + c->at, '\n', c->end - c->at) == NULL))
        refill(c);
}

static bool begins_with(const struct csv *c, const char *bytes) {
    return slice_has_prefix(slice_of(c->input + c->at, c->end - c->at), slice_str(bytes));
}

static bool is_text(const struct csv *c, const char *command, struct err *e) {
    if (begins_with(c, "\x1F\x8B"))
        return err_set(e, ERR_CONFIG, "%s: is gzip: zcat %s | %s -", c->name,
                       c->file.fd == STDIN_FILENO ? "FILE" : c->name, command);
    if (begins_with(c, "PK\x03\x04"))
        return err_set(e, ERR_CONFIG,
                       "%s: is a zip archive or a workbook, save the table in it as CSV in UTF-8",
                       c->name);
    if (begins_with(c, "\xFF\xFE") || begins_with(c, "\xFE\xFF"))
        return fail_at(c, 1, e, "the file is UTF-16, save it as UTF-8");
    return true;
}

/* A byte above ASCII would be taken for the end of the file. */
static bool can_delimit(char c) {
    return c > '\0' && strchr("\"\r\n", c) == NULL;
}

/* Takes Excel's first line "sep=;". */
static void take_delimiter_line(struct csv *c) {
    struct slice rest = slice_of(c->input + c->at, c->end - c->at);
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
    c->at += (size_t)(end + 1 - rest.p);
    c->line++;
    fill_line(c);
}

/* How often `delimiter` is in the next line, outside of quotes. */
static size_t count_delimiters(const struct csv *c, char delimiter) {
    size_t n = 0;
    bool quoted = false;
    for (size_t i = c->at; i < c->end && (quoted || c->input[i] != '\n'); i++) {
        quoted ^= c->input[i] == '"';
        n += !quoted && c->input[i] == delimiter;
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
                           c->name, c->line, delimiter_text(*other).text,
                           delimiter_text(c->delimiter).text, delimiter_text(*other).text);
    return true;
}

/* Reads what comes before the header. */
static bool prepare(struct csv *c, const char *command, struct err *e) {
    fill_line(c);
    if (!is_text(c, command, e))
        return false;
    while (begins_with(c, "\xEF\xBB\xBF"))
        c->at += 3;
    take_delimiter_line(c);
    if (c->delimiter == '\0')
        c->delimiter = ',';
    if (!skip_blank_lines(c, e))
        return false;
    fill_line(c);
    return check_delimiter(c, e);
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
                       "%s:%" PRIu64 ": there are %zu columns, at most %d are supported", c->name,
                       c->row_line, c->field_count, CSV_COLUMNS_MAX);
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
    struct opened_file file;
    return opened_file_init(&file, path, e) ? csv_open_file(&file, o, e) : NULL;
}

struct csv *csv_open_file(const struct opened_file *file, const struct csv_options *o,
                          struct err *e) {
    struct csv *c = mem_calloc(1, sizeof *c);
    c->file = *file;
    c->name = file->name;
    c->record_max_bytes = o->record_max_bytes;
    c->delimiter = o->delimiter;
    c->input = mem_alloc(INPUT_SIZE);
    c->ends = mem_calloc(CSV_COLUMNS_MAX, sizeof *c->ends);
    c->line = 1;
    if (prepare(c, o->command, e) && read_header(c, e))
        return c;
    csv_close(c);
    return NULL;
}

void csv_close(struct csv *c) {
    if (c == NULL)
        return;
    opened_file_release(&c->file);
    free(c->input);
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
uint64_t csv_bytes_read(const struct csv *c) {
    return c->bytes_read;
}
const char *csv_name(const struct csv *c) {
    return c->name;
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
