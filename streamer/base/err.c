#include "streamer/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool err_set(struct err *e, enum err_class class, const char *format, ...) {
    va_list args;
    va_start(args, format);
    e->class = class;
    (void)vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    return false;
}

bool err_prefix(struct err *e, const char *format, ...) {
    char old[sizeof e->text];
    memcpy(old, e->text, sizeof old);
    va_list args;
    va_start(args, format);
    int n = vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof e->text)
        (void)snprintf(e->text + n, sizeof e->text - (size_t)n, ": %.*s", (int)sizeof old, old);
    return false;
}

bool err_suffix(struct err *e, const char *format, ...) {
    char suffix[200];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(suffix, sizeof suffix, format, args);
    va_end(args);
    size_t n = strlen(e->text), room = sizeof e->text - 1 - strlen(suffix);
    (void)snprintf(e->text + (n < room ? n : room), sizeof suffix, "%s", suffix);
    return false;
}
