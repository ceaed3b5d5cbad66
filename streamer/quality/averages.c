#include "streamer/quality/averages.h"

#include "streamer/base/decimal.h"

#include <string.h>

#define FIRST_LINE "averages 1"
#define LAST_LINE "end"

void averages_init(struct averages *a) {
    for (int i = 0; i < CHECK_COUNT; i++)
        a->of[i] = -1;
}

bool averages_equal(const struct averages *a, const struct averages *b) {
    return memcmp(a, b, sizeof *a) == 0;
}

void averages_put(const struct averages *a, struct buf *out) {
    buf_put_str(out, FIRST_LINE "\n");
    for (int i = 0; i < CHECK_COUNT; i++)
        if (a->of[i] >= 0)
            buf_printf(out, "%s %lld\n", check_of((enum check_id)i)->id, (long long)a->of[i]);
    buf_put_str(out, LAST_LINE "\n");
}

/* Takes the first line off the text. False: no whole line is left. */
static bool take_line(struct slice *text, struct slice *line) {
    const char *end = memchr(text->p, '\n', text->n);
    if (end == NULL)
        return false;
    *line = slice_of(text->p, (size_t)(end - text->p));
    *text = slice_of(end + 1, text->n - line->n - 1);
    return true;
}

/* CHECK_COUNT: there is no such check. */
static enum check_id find_check(struct slice id) {
    int i = 0;
    while (i < CHECK_COUNT && !slice_eq(id, slice_str(check_of((enum check_id)i)->id)))
        i++;
    return (enum check_id)i;
}

static bool parse_average(struct averages *a, struct slice line) {
    const char *space = memchr(line.p, ' ', line.n);
    if (space == NULL)
        return false;
    struct slice id = slice_of(line.p, (size_t)(space - line.p));
    enum check_id check = find_check(id);
    int64_t value;
    if (check == CHECK_COUNT || a->of[check] >= 0 ||
        decimal_parse_integer(slice_of(space + 1, line.n - id.n - 1), &value) != DECIMAL_OK)
        return false;
    a->of[check] = value;
    return value >= 0 && value <= AVERAGE_MAX;
}

bool averages_parse(struct averages *a, struct slice text) {
    struct slice line;
    averages_init(a);
    bool ok = take_line(&text, &line) && slice_eq(line, slice_str(FIRST_LINE));
    while (ok && (ok = take_line(&text, &line)) && !slice_eq(line, slice_str(LAST_LINE)))
        ok = parse_average(a, line);
    if (ok && text.n == 0)
        return true;
    averages_init(a);
    return false;
}
