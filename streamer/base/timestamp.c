#include "streamer/base/timestamp.h"

#include "streamer/base/decimal.h"
#include "streamer/base/digits.h"

#include <assert.h>

#define MS_PER_SECOND INT64_C(1000)
#define MS_PER_MINUTE (60 * MS_PER_SECOND)
#define MS_PER_HOUR (60 * MS_PER_MINUTE)
#define MS_PER_DAY (24 * MS_PER_HOUR)

/* The Gregorian calendar repeats every 400 years. If years begin in March, the leap day is last. */
#define DAYS_PER_ERA 146097
#define DAYS_FROM_0000_03_01_TO_1970 719468

#define BASIC_DATE_DIGITS 8
#define BASIC_DATE_TIME_DIGITS 14

struct date {
    int year, month, day;
};

static bool is_leap(int year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool date_is_real(struct date d) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (d.year < 1 || d.month < 1 || d.month > 12)
        return false;
    int last = d.month == 2 && is_leap(d.year) ? 29 : days[d.month - 1];
    return d.day >= 1 && d.day <= last;
}

/* Days since 1970-01-01. The algorithm is Howard Hinnant's ("chrono-compatible low-level date
 * algorithms"). */
static int64_t days_of_date(struct date d) {
    int64_t y = d.month <= 2 ? d.year - 1 : d.year;
    int64_t era = y / 400;
    int64_t year_of_era = y - era * 400;
    int64_t month_from_march = (d.month + 9) % 12;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + d.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_FROM_0000_03_01_TO_1970;
}

/* The inverse, for days since 0000-03-01. Unsigned 32 bits suffice and divide fastest. */
static struct date date_of_days(uint32_t days) {
    uint32_t era = days / DAYS_PER_ERA;
    uint32_t day_of_era = days - era * DAYS_PER_ERA;
    uint32_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t month_from_march = (5 * day_of_year + 2) / 153;
    uint32_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    uint32_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
    uint32_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    return (struct date){(int)year, (int)month, (int)day};
}

/* The rest of a text that is being read. Each take_ function moves on only if it returns true. */
struct cursor {
    const char *p;
    size_t n;
};

static bool take_char(struct cursor *c, char wanted) {
    if (c->n == 0 || c->p[0] != wanted)
        return false;
    c->p++;
    c->n--;
    return true;
}

static bool take_digits(struct cursor *c, size_t count, int *value) {
    if (c->n < count)
        return false;
    int v = 0;
    for (size_t i = 0; i < count; i++) {
        if (c->p[i] < '0' || c->p[i] > '9')
            return false;
        v = v * 10 + (c->p[i] - '0');
    }
    c->p += count;
    c->n -= count;
    *value = v;
    return true;
}

/* How many digits are at the front. */
static size_t count_digits(const struct cursor *c) {
    size_t n = 0;
    while (n < c->n && c->p[n] >= '0' && c->p[n] <= '9')
        n++;
    return n;
}

/* Takes YYYY-MM-DD, or YYYYMMDD if `basic`. */
static bool take_date(struct cursor *c, bool basic, int64_t *ms) {
    struct date d;
    if (!take_digits(c, 4, &d.year) || (!basic && !take_char(c, '-')) ||
        !take_digits(c, 2, &d.month) || (!basic && !take_char(c, '-')) ||
        !take_digits(c, 2, &d.day) || !date_is_real(d))
        return false;
    *ms = days_of_date(d) * MS_PER_DAY;
    return true;
}

/* Takes one digit or more. Those after the third are dropped. */
static bool take_fraction(struct cursor *c, int64_t *ms) {
    int digit;
    if (!take_digits(c, 1, &digit))
        return false;
    int64_t unit = 100;
    do {
        *ms += digit * unit;
        unit /= 10;
    } while (take_digits(c, 1, &digit));
    return true;
}

/* Takes HH:MM[:SS[.fraction]], or HHMMSS[.fraction] if `basic`, and adds it to *ms. */
static bool take_time(struct cursor *c, bool basic, int64_t *ms) {
    int hour, minute, second = 0;
    if (!take_digits(c, 2, &hour) || (!basic && !take_char(c, ':')) || !take_digits(c, 2, &minute))
        return false;
    if (basic || take_char(c, ':')) {
        if (!take_digits(c, 2, &second) || (take_char(c, '.') && !take_fraction(c, ms)))
            return false;
    }
    *ms += hour * MS_PER_HOUR + minute * MS_PER_MINUTE + second * MS_PER_SECOND;
    return hour <= 23 && minute <= 59 && second <= 59;
}

static bool take_separator(struct cursor *c) {
    return take_char(c, 'T') || take_char(c, 't') || take_char(c, ' ');
}

/* Takes Z, ±HH, ±HHMM, ±HH:MM or nothing, which means UTC. Subtracts the zone from *ms. */
static bool take_zone(struct cursor *c, int64_t *ms) {
    if (c->n == 0 || take_char(c, 'Z'))
        return true;
    int sign = take_char(c, '+') ? 1 : -1;
    if (sign < 0 && !take_char(c, '-'))
        return false;
    int hours, minutes = 0;
    if (!take_digits(c, 2, &hours))
        return false;
    if ((take_char(c, ':') || c->n > 0) && !take_digits(c, 2, &minutes))
        return false;
    *ms -= sign * (hours * MS_PER_HOUR + minutes * MS_PER_MINUTE);
    return hours <= 23 && minutes <= 59;
}

static bool in_range(int64_t ms) {
    return ms >= TIMESTAMP_MIN && ms <= TIMESTAMP_MAX;
}

/* `digits`: how many digits the text begins with, of a year, a basic date, or a basic date with its
 * time. */
static bool take_date_time(struct cursor *c, size_t digits, int64_t *ms) {
    bool basic = digits != 4;
    if ((basic && digits != BASIC_DATE_DIGITS && digits != BASIC_DATE_TIME_DIGITS) ||
        !take_date(c, basic, ms))
        return false;
    bool has_time = take_separator(c) || digits == BASIC_DATE_TIME_DIGITS;
    return !has_time || take_time(c, basic, ms);
}

bool timestamp_parse_iso(struct slice text, int64_t *ms) {
    struct cursor c = {text.p, text.n};
    int64_t at;
    if (!take_date_time(&c, count_digits(&c), &at) || !take_zone(&c, &at) || c.n > 0 ||
        !in_range(at))
        return false;
    *ms = at;
    return true;
}

static bool is_epoch_length(size_t digits) {
    return digits >= 9 && digits <= 19 && digits % 3 != 2;
}

/* `number` is since the epoch and has so many digits, which tell its unit. */
static int64_t epoch_to_ms(uint64_t number, size_t digits) {
    static const uint32_t divisors[] = {1, 1000, 1000000,
                                        1000000000}; /* s, ms, µs, ns to seconds */
    uint32_t divisor = divisors[digits / 3 - 3];
    return (int64_t)(divisor == 1 ? number * MS_PER_SECOND : number / (divisor / MS_PER_SECOND));
}

static bool begins_as_integer(struct slice text) {
    return text.n > 0 && text.p[0] >= '1' && text.p[0] <= '9';
}

/* Reads a number that is written in another way than by its digits alone. */
static bool parse_number(struct slice text, int64_t *ms) {
    uint64_t number;
    if (!begins_as_integer(text) || decimal_parse_unsigned(text, &number) != DECIMAL_OK)
        return false;
    char digits[DIGITS_UINT64_MAX];
    char *end = digits + sizeof digits, *p = digits_put_before(end, number);
    size_t n = (size_t)(end - p);
    if (!is_epoch_length(n))
        return timestamp_parse_iso(slice_of(p, n), ms);
    *ms = epoch_to_ms(number, n);
    return true;
}

bool timestamp_parse(struct slice text, int64_t *ms) {
    uint64_t number;
    size_t digits = count_digits(&(struct cursor){text.p, text.n});
    if (digits < text.n || !is_epoch_length(digits))
        return timestamp_parse_iso(text, ms) || parse_number(text, ms);
    if (!begins_as_integer(text) || decimal_parse_unsigned(text, &number) != DECIMAL_OK)
        return false;
    *ms = epoch_to_ms(number, digits);
    return true;
}

void timestamp_put_iso(struct buf *out, int64_t ms) {
    assert(in_range(ms));
    /* Counted from MIN, so that nothing is negative and division rounds down. */
    uint64_t since_min = (uint64_t)(ms - TIMESTAMP_MIN);
    uint32_t days = (uint32_t)(since_min / MS_PER_DAY);
    struct date d =
        date_of_days(days + (uint32_t)(DAYS_FROM_0000_03_01_TO_1970 + TIMESTAMP_MIN / MS_PER_DAY));
    uint32_t in_day = (uint32_t)(since_min - (uint64_t)days * MS_PER_DAY);
    uint32_t second = in_day / 1000, minute = second / 60, hour = minute / 60;
    static const char form[] = "0000-00-00T00:00:00.000Z";
    char *to = buf_reserve(out, sizeof form - 1);
    memcpy(to, form, sizeof form - 1);
    digits_put_pair(to, (uint32_t)d.year / 100);
    digits_put_pair(to + 2, (uint32_t)d.year % 100);
    digits_put_pair(to + 5, (uint32_t)d.month);
    digits_put_pair(to + 8, (uint32_t)d.day);
    digits_put_pair(to + 11, hour);
    digits_put_pair(to + 14, minute % 60);
    digits_put_pair(to + 17, second % 60);
    to[20] = (char)('0' + in_day % 1000 / 100);
    digits_put_pair(to + 21, in_day % 100);
    out->n += sizeof form - 1;
}

void timestamp_put_nearest(struct buf *out, int64_t ms) {
    timestamp_put_iso(out, ms < TIMESTAMP_MIN   ? TIMESTAMP_MIN
                           : ms > TIMESTAMP_MAX ? TIMESTAMP_MAX
                                                : ms);
}
