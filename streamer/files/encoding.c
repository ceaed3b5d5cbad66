#include "streamer/files/encoding.h"

#include "streamer/base/buf.h"
#include "streamer/base/mem.h"
#include "streamer/base/nearest.h"
#include "streamer/base/utf8.h"

#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define NAME_MAX_BYTES 40

struct encoding {
    char name[NAME_MAX_BYTES + 1]; /* as the user wrote it */
    iconv_t iconv;
    bool is_latin; /* 0x80 to 0x9F are control characters, as in ISO 8859 */
    bool is_wide;  /* UTF-16 or UTF-32 */
};

/* --- names --- */

/* What people write for what glibc calls otherwise. */
static const char *const aliases[][2] = {
    {"latin-1", "ISO-8859-1"}, {"latin-2", "ISO-8859-2"},  {"latin-9", "ISO-8859-15"},
    {"latin9", "ISO-8859-15"}, {"win-1252", "CP1252"},     {"windows1252", "CP1252"},
    {"utf16", "UTF-16"},       {"utf16le", "UTF-16LE"},    {"utf16be", "UTF-16BE"},
    {"utf32", "UTF-32"},       {"ebcdic", "IBM037"},       {"shift-jis", "SHIFT_JIS"},
    {"gb-18030", "GB18030"},   {"mac-roman", "MACINTOSH"}, {"cp-850", "CP850"},
};

/* The names that an unknown one is compared with. */
static const char *const known[] = {
    "utf-8",        "utf-16",       "utf-16le",     "utf-16be",     "utf-32",       "windows-1250",
    "windows-1251", "windows-1252", "windows-1253", "windows-1254", "windows-1257", "latin-1",
    "iso-8859-1",   "iso-8859-2",   "iso-8859-9",   "iso-8859-15",  "cp437",        "cp850",
    "cp852",        "cp1252",       "macintosh",    "koi8-r",       "shift_jis",    "euc-jp",
    "gb18030",      "big5",         "euc-kr",       "ibm037",
};

static const char *iconv_name(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
        if (strcasecmp(aliases[i][0], name) == 0)
            return aliases[i][1];
    return name;
}

static bool is_utf8(const char *name) {
    return strcasecmp(name, "utf-8") == 0 || strcasecmp(name, "utf8") == 0;
}

static bool refuse_name(const char *name, struct err *e) {
    struct nearest nearest = nearest_to(name);
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        nearest_offer(&nearest, known[i]);
    if (nearest.best[0] != '\0' && strcasecmp(nearest.best, name) == 0)
        return err_set(e, ERR_CONFIG,
                       "--encoding: this machine's C library cannot convert %s, install "
                       "libc-gconv-modules-extra or the like",
                       name);
    if (nearest.best[0] != '\0')
        return err_set(e, ERR_CONFIG, "--encoding: unknown encoding \"%.40s\", did you mean %s?",
                       name, nearest.best);
    return err_set(
        e, ERR_CONFIG,
        "--encoding: unknown encoding \"%.40s\", use e.g. windows-1252, latin-1, utf-16; "
        "`iconv -l` lists them",
        name);
}

/* --- what the first bytes tell --- */

enum wide { WIDE_NONE, WIDE_16LE, WIDE_16BE, WIDE_32LE, WIDE_32BE };

static const char *const wide_names[] = {NULL, "UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE"};

static enum wide wide_of_mark(struct slice start) {
    static const struct {
        enum wide wide;
        struct slice mark;
    } marks[] = {
        {WIDE_32LE, {"\xFF\xFE\0\0", 4}},
        {WIDE_32BE, {"\0\0\xFE\xFF", 4}},
        {WIDE_16LE, {"\xFF\xFE", 2}},
        {WIDE_16BE, {"\xFE\xFF", 2}},
    };
    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        if (slice_has_prefix(start, marks[i].mark))
            return marks[i].wide;
    return WIDE_NONE;
}

/* ASCII letters in UTF-16 have a zero in every second byte. At least a third of the first bytes
 * must be zeros, and all on one side. */
static enum wide wide_of_zeros(struct slice start) {
    size_t zeros[2] = {0, 0}, n = start.n < 256 ? start.n : 256;
    for (size_t i = 0; i < n; i++)
        zeros[i % 2] += start.p[i] == '\0';
    if (3 * (zeros[0] + zeros[1]) < n || (zeros[0] > 0 && zeros[1] > 0) || n < 4)
        return WIDE_NONE;
    return zeros[0] > 0 ? WIDE_16BE : WIDE_16LE;
}

static enum wide wide_of(struct slice start) {
    enum wide wide = wide_of_mark(start);
    return wide != WIDE_NONE ? wide : wide_of_zeros(start);
}

/* Whether all of `start` is UTF-8, but for a last character that is cut short, and some of it is
 * not ASCII. */
static bool looks_like_utf8(struct slice start) {
    bool has_other = false;
    while (start.n > 0) {
        size_t n = utf8_char_length(start);
        if (n == 0)
            return has_other && start.n < 4;
        has_other |= n > 1;
        start = slice_of(start.p + n, start.n - n);
    }
    return has_other;
}

/* --- opening --- */

/* What `bytes` are in UTF-8, into `out`. Returns the length; 0: iconv does not take them. */
static size_t probe(const char *name, const char *bytes, char out[16]) {
    iconv_t opened = iconv_open("UTF-8", name);
    if ((intptr_t)opened == -1)
        return 0;
    char in[16], *from = in, *to = out;
    size_t left = strlen(bytes), room = 16;
    memcpy(in, bytes, left + 1);
    size_t result = iconv(opened, &from, &left, &to, &room);
    (void)iconv_close(opened);
    return result == (size_t)-1 ? 0 : 16 - room;
}

/* Whether the two bytes that are "\u00FC" in UTF-8 are two characters, as in the encodings of
 * Windows. */
static bool is_single_byte(const char *name) {
    char out[16];
    size_t n = probe(name, "\xC3\xBC", out);
    return n >= 4 && utf8_char_length(slice_of(out, n)) == n / 2;
}

static bool has_control_characters(const char *name) {
    char out[16];
    return slice_eq(slice_of(out, probe(name, "\x80", out)), slice_str("\xC2\x80"));
}

static bool is_wide_name(const char *name) {
    return strncasecmp(name, "utf-16", 6) == 0 || strncasecmp(name, "utf-32", 6) == 0 ||
           strncasecmp(name, "ucs", 3) == 0;
}

/* The option for a file that is UTF-16 or UTF-32. */
static const char *wide_option(enum wide wide) {
    return wide == WIDE_32LE || wide == WIDE_32BE ? "utf-32" : "utf-16";
}

/* Whether a file that begins so can be UTF-8, or in the encoding that the user has named. */
static bool check_narrow(const char *name, struct slice start, struct err *e) {
    enum wide wide = wide_of(start);
    if (wide != WIDE_NONE)
        return err_set(e, ERR_CONFIG, "the file is %s: use --encoding %s", wide_names[wide],
                       wide_option(wide));
    return name == NULL || !looks_like_utf8(start) || !is_single_byte(iconv_name(name)) ||
           err_set(e, ERR_CONFIG, "the file is UTF-8, not %s: leave --encoding out", name);
}

/* Whether a file that begins so can be in this encoding of UTF-16 or UTF-32. Sets *canonical to the
 * one with the order of bytes. */
static bool check_wide(const char *name, struct slice start, const char **canonical,
                       struct err *e) {
    enum wide wide = wide_of(start), mark = wide_of_mark(start);
    bool has_order = strcasecmp(*canonical, "UTF-16") != 0 && strcasecmp(*canonical, "UTF-32") != 0;
    if (start.n > 0 && wide == WIDE_NONE && memchr(start.p, 0, start.n) == NULL)
        return err_set(e, ERR_CONFIG, "the file is not %s: leave --encoding out", name);
    if (mark != WIDE_NONE && strcasecmp(*canonical, wide_names[mark]) != 0 &&
        (has_order || strcasecmp(wide_option(mark), *canonical) != 0))
        return err_set(e, ERR_CONFIG, "the file is %s by its byte order mark: use --encoding %s",
                       wide_names[mark], wide_option(mark));
    if (has_order)
        return true;
    if (wide == WIDE_NONE && start.n > 0)
        return err_set(e, ERR_CONFIG,
                       "the file has no byte order mark: use --encoding %sle or %sbe", *canonical,
                       *canonical);
    *canonical = wide_names[start.n > 0 ? wide : WIDE_16LE]; /* nothing is the same in all */
    return true;
}

static struct encoding *open_encoding(const char *name, const char *canonical, struct err *e) {
    iconv_t opened = iconv_open("UTF-8", canonical);
    if ((intptr_t)opened == -1 && errno == EINVAL)
        return refuse_name(name, e), NULL;
    if ((intptr_t)opened == -1)
        return err_set(e, ERR_STOP, "--encoding %s: %s", name, strerror(errno)), NULL;
    struct encoding *c = mem_calloc(1, sizeof *c);
    (void)snprintf(c->name, sizeof c->name, "%s", name);
    c->iconv = opened;
    c->is_wide = is_wide_name(canonical);
    c->is_latin = !c->is_wide && has_control_characters(canonical);
    return c;
}

bool encoding_choose(const char *name, struct slice start, struct encoding **out, struct err *e) {
    *out = NULL;
    if (name == NULL || is_utf8(name))
        return check_narrow(NULL, start, e);
    /* iconv takes "//IGNORE" behind a name, and "" for the locale's encoding. */
    if (name[0] == '\0' || strchr(name, '/') != NULL)
        return refuse_name(name, e);
    const char *canonical = iconv_name(name);
    struct encoding *c = open_encoding(name, canonical, e);
    if (c == NULL)
        return false;
    bool is_wide = c->is_wide;
    encoding_free(c);
    if (!(is_wide ? check_wide(name, start, &canonical, e) : check_narrow(name, start, e)))
        return false;
    *out = open_encoding(name, canonical, e);
    return *out != NULL;
}

void encoding_free(struct encoding *c) {
    if (c == NULL)
        return;
    (void)iconv_close(c->iconv);
    free(c);
}

/* --- conversion --- */

static bool is_control(char byte) {
    return (unsigned char)byte >= 0x80 && (unsigned char)byte <= 0x9F;
}

/* How much of the input iconv may see. */
static size_t allowed(const struct encoding *c, struct slice in) {
    size_t n = 0;
    if (!c->is_latin)
        return in.n;
    while (n < in.n && !is_control(in.p[n]))
        n++;
    return n;
}

enum encoding_step encoding_convert(struct encoding *c, struct slice *in, char *out, size_t room,
                                    size_t *n) {
    size_t n_allowed = allowed(c, *in), left = n_allowed, free_bytes = room;
    char *from = (char *)(uintptr_t)in->p;
    size_t result = iconv(c->iconv, &from, &left, &out, &free_bytes);
    int reason = result == (size_t)-1 ? errno : 0;
    size_t taken = n_allowed - left;
    *in = slice_of(in->p + taken, in->n - taken);
    *n = room - free_bytes;
    if (reason == E2BIG)
        return ENCODING_FULL;
    return reason == EILSEQ || (left == 0 && in->n > 0) ? ENCODING_WRONG : ENCODING_MORE;
}

size_t encoding_finish(struct encoding *c, char *out, size_t room) {
    size_t left = room;
    (void)iconv(c->iconv, NULL, NULL, &out, &left);
    return room - left;
}

/* --- advice --- */

/* Whether windows-1252 has no character for the byte. */
static bool is_no_windows(char byte) {
    return byte != '\0' && strchr("\x81\x8D\x8F\x90\x9D", byte) != NULL;
}

static const char *advice(const struct encoding *c, struct slice rest) {
    if (c != NULL && c->is_wide)
        return "the file is damaged, get it again";
    if (c != NULL && looks_like_utf8(rest))
        return "it looks like UTF-8, try without --encoding";
    if (is_no_windows(rest.p[0]))
        return "try --encoding cp850 (DOS) or windows-1250 (Central Europe)";
    if (c == NULL || c->is_latin || strstr(c->name, "1252") == NULL)
        return "try --encoding windows-1252";
    return "ask its sender for the encoding";
}

bool encoding_refuse(const struct encoding *c, struct slice rest, struct err *e) {
    const unsigned char *byte = (const unsigned char *)rest.p;
    if (c != NULL && c->is_wide && rest.n >= 2)
        return err_set(e, ERR_CONFIG, "the bytes 0x%02X 0x%02X are no character in %s, %s", byte[0],
                       byte[1], c->name, advice(c, rest));
    return err_set(e, ERR_CONFIG, "the byte 0x%02X is %s in %s, %s", byte[0],
                   c != NULL && c->is_latin ? "a control character" : "no character",
                   c != NULL ? c->name : "UTF-8", advice(c, rest));
}
