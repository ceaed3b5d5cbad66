#include "streamer/files/columns.h"

#include "streamer/base/buf.h"
#include "streamer/base/mem.h"
#include "streamer/base/nearest.h"
#include "streamer/base/shell_word.h"
#include "streamer/base/utf8.h"
#include "streamer/model/entity.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX_BYTES 300

/* --map COLUMN=FIELD. */
struct column_map {
    struct slice column; /* borrowed */
    enum field field;
    struct field_names names; /* the entity's names, and the column's */
};

/* --- what was asked for --- */

static bool add_map(struct column_rules *f, const char *text, struct err *e) {
    const char *equals = strrchr(text, '=');
    struct column_map *m = &f->maps[f->map_count];
    struct buf more = {0};
    if (equals == NULL)
        return err_set(e, ERR_CONFIG, "\"%.80s\" has no '=', write COLUMN=FIELD", text);
    m->column = slice_trim(slice_of(text, (size_t)(equals - text)));
    if (!field_from_label(f->entity, slice_trim(slice_str(equals + 1)), &m->field, e))
        return false;
    buf_printf(&more, "%s=%.*s", field_label(m->field), (int)m->column.n, m->column.p);
    bool ok = field_names_init(&m->names, f->entity, buf_cstr(&more), e);
    f->map_count += ok;
    buf_release(&more);
    return ok;
}

static bool add_missing(struct column_rules *f, const char *label, struct err *e) {
    enum field field;
    if (!field_from_label(f->entity, slice_str(label), &field, e))
        return false;
    if (field == entity_info(f->entity)->id)
        return err_set(e, ERR_CONFIG, "%s cannot be missing, it is the key", label);
    f->may_miss[field] = true;
    return true;
}

bool column_rules_init(struct column_rules *f, enum entity entity, const char *more_names,
                       const char *const *maps, size_t map_count, const char *const *missing,
                       size_t missing_count, struct err *e) {
    *f = (struct column_rules){.entity = entity, .may_miss[FIELD_UPDATED_AT] = true};
    bool ok = field_names_init(&f->known, entity, more_names, e);
    f->maps = mem_calloc(map_count + 1, sizeof *f->maps);
    for (size_t i = 0; ok && i < map_count; i++)
        ok = add_map(f, maps[i], e) || err_prefix(e, "--map");
    for (size_t i = 0; ok && i < missing_count; i++)
        ok = add_missing(f, missing[i], e) || err_prefix(e, "--missing");
    if (!ok)
        column_rules_release(f);
    return ok;
}

void column_rules_release(struct column_rules *f) {
    for (size_t i = 0; i < f->map_count; i++)
        field_names_release(&f->maps[i].names);
    free(f->maps);
    field_names_release(&f->known);
    *f = (struct column_rules){0};
}

/* --- the columns of a file --- */

/* The field that has this name. NULL: none. */
static const struct field_name *find_field(const struct field_names *names, struct slice name) {
    size_t next = 0;
    return field_names_find(names, &next, slice_trim(name));
}

/* The map that renames the column. NULL: none. */
static const struct column_map *find_map(const struct column_rules *f, struct slice column) {
    for (size_t i = 0; i < f->map_count; i++) {
        const struct field_name *found = find_field(&f->maps[i].names, column);
        if (found != NULL && found->rank == FIELD_RANK_CONFIGURED)
            return &f->maps[i];
    }
    return NULL;
}

/* How many columns each field has. */
static void count_columns(const struct column_rules *f, const struct csv *csv,
                          size_t counts[FIELD_COUNT]) {
    memset(counts, 0, FIELD_COUNT * sizeof *counts);
    for (size_t i = 0; i < csv_column_count(csv); i++) {
        const struct column_map *map = find_map(f, csv_column_name(csv, i));
        const struct field_name *known = find_field(&f->known, csv_column_name(csv, i));
        if (map != NULL || known != NULL)
            counts[map != NULL ? map->field : known->field]++;
    }
}

static bool is_lacking(const struct column_rules *f, const size_t counts[FIELD_COUNT],
                       enum field field) {
    for (size_t i = 0; i < f->known.count; i++)
        if (f->known.names[i].field == field)
            return counts[field] == 0 && !f->may_miss[field];
    return false;
}

static size_t count_lacking(const struct column_rules *f, const size_t counts[FIELD_COUNT]) {
    size_t n = 0;
    for (int field = 0; field < FIELD_COUNT; field++)
        n += is_lacking(f, counts, (enum field)field);
    return n;
}

/* --- advice --- */

/* Two or three bytes of UTF-8 as the number of the character. */
static unsigned code_point(struct slice c) {
    const unsigned char *p = (const unsigned char *)c.p;
    return c.n == 2 ? (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu)
                    : (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
}

/* Spaces that look like others, and marks that cannot be seen. */
static bool is_hidden(unsigned c) {
    return c == 0xA0 || c == 0xAD || (c >= 0x2000 && c <= 0x200F) || (c >= 0x2028 && c <= 0x202F) ||
           (c >= 0x205F && c <= 0x2064) || c == 0xFEFF;
}

/* Appends the name, with <U+200B> for what cannot be seen. */
static void put_visible(struct buf *out, struct slice name) {
    while (name.n > 0) {
        size_t n = utf8_char_length(name);
        unsigned c = n == 2 || n == 3 ? code_point(slice_of(name.p, n)) : 0;
        if (is_hidden(c))
            buf_printf(out, "<U+%04X>", c);
        else
            buf_put(out, name.p, n);
        name = slice_of(name.p + n, name.n - n);
    }
}

static void put_item(struct buf *out, struct slice item) {
    if (out->n > LIST_MAX_BYTES)
        return;
    buf_put_str(out, out->n > 0 ? ", " : "");
    put_visible(out, item);
}

/* The text without line breaks, which a name may contain. */
static const char *one_line(struct buf *text) {
    for (size_t i = 0; i < text->n; i++)
        if ((unsigned char)text->p[i] < ' ')
            text->p[i] = ' ';
    return buf_cstr(text);
}

static void put_columns(struct buf *out, const struct csv *csv) {
    for (size_t i = 0; i < csv_column_count(csv); i++)
        put_item(out, csv_column_name(csv, i));
}

/* The names of each missing field: "customer_name or name, has_loan or has_loan_flag". */
static void put_lacking(struct buf *out, const struct column_rules *f,
                        const size_t counts[FIELD_COUNT]) {
    for (int field = 0; field < FIELD_COUNT; field++) {
        const char *before = out->n > 0 ? ", " : "";
        for (size_t i = 0; i < f->known.count && is_lacking(f, counts, (enum field)field); i++) {
            if (f->known.names[i].field != (enum field)field)
                continue;
            buf_put_str(out, before);
            buf_put_slice(out, f->known.names[i].spelling);
            before = " or ";
        }
    }
}

/* The columns that only the other entity has, if the file has more fields of that than of this. */
static void put_columns_of_other(struct buf *out, const struct column_rules *f,
                                 const struct csv *csv, size_t lacking) {
    struct column_rules other;
    struct err ignored;
    size_t counts[FIELD_COUNT];
    if (!column_rules_init(&other, f->entity == ENTITY_CUSTOMER ? ENTITY_ACCOUNT : ENTITY_CUSTOMER,
                           NULL, NULL, 0, NULL, 0, &ignored))
        return;
    count_columns(&other, csv, counts);
    for (size_t i = 0; i < csv_column_count(csv) && count_lacking(&other, counts) < lacking; i++)
        if (find_field(&other.known, csv_column_name(csv, i)) != NULL &&
            find_field(&f->known, csv_column_name(csv, i)) == NULL)
            put_item(out, csv_column_name(csv, i));
    column_rules_release(&other);
}

/* Puts the column that `field` may mean into `name`: the one whose spelling is nearest, else the
 * only one that is no field, else "COLUMN". */
static void guess_column(struct buf *name, const struct column_rules *f, const struct csv *csv,
                         enum field field) {
    struct nearest nearest = nearest_to(field_label(field));
    size_t unknown = 0;
    for (size_t i = 0; i < csv_column_count(csv); i++) {
        if (find_field(&f->known, csv_column_name(csv, i)) != NULL)
            continue;
        unknown++;
        buf_set(name, slice_trim(csv_column_name(csv, i)));
        nearest_offer(&nearest, buf_cstr(name));
    }
    if (nearest.best[0] != '\0')
        buf_set(name, slice_str(nearest.best));
    else if (unknown != 1)
        buf_set(name, slice_str("COLUMN"));
}

/* Whether a part of the name between two `delimiter`s is a field's. */
static bool holds_field(const struct column_rules *f, struct slice name, char delimiter) {
    const char *end;
    if (name.n == 0 || memchr(name.p, delimiter, name.n) == NULL)
        return false;
    while ((end = memchr(name.p, delimiter, name.n)) != NULL) {
        size_t n = (size_t)(end - name.p);
        if (find_field(&f->known, slice_of(name.p, n)) != NULL)
            return true;
        name = slice_of(end + 1, name.n - n - 1);
    }
    return find_field(&f->known, name) != NULL;
}

/* The character that separates fields inside of a column's name: the file may be separated by it.
 * '\0': there is none. */
static char other_delimiter(const struct column_rules *f, const struct csv *csv) {
    for (const char *other = ";\t|,"; *other != '\0'; other++)
        for (size_t i = 0; i < csv_column_count(csv); i++)
            if (holds_field(f, csv_column_name(csv, i), *other))
                return *other;
    return '\0';
}

/* The advice for the first missing field: "rename one, or --map COLUMN=has_loan, or --missing
 * has_loan". */
static void put_ways_out(struct buf *out, const struct column_rules *f, const struct csv *csv,
                         const size_t counts[FIELD_COUNT]) {
    enum field field = 0;
    struct buf map = {0};
    char delimiter = other_delimiter(f, csv);
    if (delimiter != '\0') {
        buf_printf(out, delimiter == '\t' ? "use --delimiter '\\t'" : "use --delimiter '%c'",
                   delimiter);
        return;
    }
    while (!is_lacking(f, counts, field))
        field++;
    guess_column(&map, f, csv, field);
    buf_printf(&map, "=%s", field_label(field));
    buf_put_str(out, "rename one, or --map ");
    shell_word_put(out, buf_cstr(&map));
    if (is_lacking(f, counts, FIELD_HAS_LOAN)) /* null means no for this field only */
        buf_printf(out, ", or --missing %s", field_label(FIELD_HAS_LOAN));
    buf_release(&map);
}

/* "streamer feed" of "streamer feed customers". */
static struct slice without_entity(const char *command) {
    const char *end = strrchr(command, ' ');
    return end != NULL ? slice_of(command, (size_t)(end - command)) : slice_str(command);
}

static bool refuse_lacking(const struct column_rules *f, const struct csv *csv,
                           const size_t counts[FIELD_COUNT], struct err *e) {
    struct buf lacking = {0}, columns = {0}, others = {0}, ways = {0};
    put_lacking(&lacking, f, counts);
    put_columns(&columns, csv);
    put_columns_of_other(&others, f, csv, count_lacking(f, counts));
    put_ways_out(&ways, f, csv, counts);
    struct slice command = without_entity(csv_command(csv));
    if (others.n > 0)
        (void)err_set(
            e, ERR_CONFIG, "%s:%" PRIu64 ": no column %s, but %.400s: did you mean %.*s %s?",
            csv_name(csv), csv_line(csv), buf_cstr(&lacking), one_line(&others), (int)command.n,
            command.p, f->entity == ENTITY_CUSTOMER ? "accounts" : "customers");
    else
        (void)err_set(e, ERR_CONFIG, "%s:%" PRIu64 ": no column %s among %.400s; %s", csv_name(csv),
                      csv_line(csv), buf_cstr(&lacking), one_line(&columns), one_line(&ways));
    buf_release(&lacking), buf_release(&columns), buf_release(&others), buf_release(&ways);
    return false;
}

/* --- the whole --- */

static bool is_in_header(const struct column_map *map, const struct column_rules *f,
                         const struct csv *csv) {
    for (size_t column = 0; column < csv_column_count(csv); column++)
        if (find_map(f, csv_column_name(csv, column)) == map)
            return true;
    return false;
}

static bool refuse_map(const struct column_map *map, const struct csv *csv, struct err *e) {
    struct buf typed = {0}, name = {0};
    buf_set(&typed, map->column);
    struct nearest nearest = nearest_to(buf_cstr(&typed));
    for (size_t i = 0; i < csv_column_count(csv); i++) {
        buf_set(&name, slice_trim(csv_column_name(csv, i)));
        nearest_offer(&nearest, buf_cstr(&name));
    }
    bool has_nearest = nearest.best[0] != '\0';
    (void)err_set(e, ERR_CONFIG, "%s:%" PRIu64 ": no column \"%.100s\", which --map names, %s%s%s",
                  csv_name(csv), csv_line(csv), one_line(&typed),
                  has_nearest ? "did you mean \"" : "correct it", has_nearest ? nearest.best : "",
                  has_nearest ? "\"?" : "");
    buf_release(&typed), buf_release(&name);
    return false;
}

static bool check_maps(const struct column_rules *f, const struct csv *csv, struct err *e) {
    for (size_t i = 0; i < f->map_count; i++)
        if (!is_in_header(&f->maps[i], f, csv))
            return refuse_map(&f->maps[i], csv, e);
    return true;
}

static bool check_fields(const struct column_rules *f, const struct csv *csv, struct err *e) {
    size_t counts[FIELD_COUNT];
    count_columns(f, csv, counts);
    if (count_lacking(f, counts) > 0)
        return refuse_lacking(f, csv, counts, e);
    if (counts[entity_info(f->entity)->id] == 1)
        return true;
    struct buf columns = {0};
    put_columns(&columns, csv);
    (void)err_set(e, ERR_CONFIG, "%s:%" PRIu64 ": more than one column %s among %.400s, rename one",
                  csv_name(csv), csv_line(csv), field_label(entity_info(f->entity)->id),
                  one_line(&columns));
    buf_release(&columns);
    return false;
}

/* The name that the processor will know column `i` by. NULL: it is no field. */
static const struct field_name *published_name(const struct column_rules *f, const struct csv *csv,
                                               size_t i) {
    const struct column_map *map = find_map(f, csv_column_name(csv, i));
    return find_field(&f->known,
                      map != NULL ? slice_str(field_label(map->field)) : csv_column_name(csv, i));
}

/* As the processor chooses: the best name counts. Of equally good ones it would take the first; but
 * nobody knows whether that is meant, so it is an error. */
static bool choose_columns(struct columns *c, const struct column_rules *f, const struct csv *csv,
                           struct err *e) {
    enum field_rank ranks[FIELD_COUNT];
    size_t twins[FIELD_COUNT]; /* another column of the same rank */
    for (int field = 0; field < FIELD_COUNT; field++)
        c->of[field] = COLUMN_NONE;
    for (size_t i = 0; i < csv_column_count(csv); i++) {
        const struct field_name *name = published_name(f, csv, i);
        if (name == NULL)
            continue;
        enum field field = name->field;
        if (c->of[field] == COLUMN_NONE || name->rank < ranks[field]) {
            c->of[field] = i, twins[field] = COLUMN_NONE;
            ranks[field] = name->rank;
        } else if (name->rank == ranks[field])
            twins[field] = i;
    }
    for (int field = 0; field < FIELD_COUNT; field++)
        if (c->of[field] != COLUMN_NONE && twins[field] != COLUMN_NONE)
            return err_set(e, ERR_CONFIG,
                           "%s:%" PRIu64 ": columns %zu and %zu are both %s, rename one",
                           csv_name(csv), csv_line(csv), c->of[field] + 1, twins[field] + 1,
                           field_label((enum field)field));
    return true;
}

bool columns_init(struct columns *c, const struct column_rules *f, const struct csv *csv,
                  struct err *e) {
    if (!check_maps(f, csv, e) || !check_fields(f, csv, e) || !choose_columns(c, f, csv, e))
        return false;
    c->names = mem_calloc(csv_column_count(csv), sizeof *c->names);
    for (size_t i = 0; i < csv_column_count(csv); i++) {
        const struct column_map *map = find_map(f, csv_column_name(csv, i));
        c->names[i] = map != NULL ? slice_str(field_label(map->field)) : csv_column_name(csv, i);
    }
    return true;
}

void columns_release(struct columns *c) {
    free(c->names);
    *c = (struct columns){0};
}
