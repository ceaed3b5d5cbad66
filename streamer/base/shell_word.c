#include "streamer/base/shell_word.h"

static bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("_-./,:=+@%", c) != NULL);
}

bool shell_word_is_plain(const char *text) {
    size_t n = 0;
    while (is_plain(text[n]))
        n++;
    return n > 0 && text[n] == '\0';
}

void shell_word_put(struct buf *out, const char *text) {
    if (shell_word_is_plain(text)) {
        buf_put_str(out, text);
        return;
    }
    buf_put_byte(out, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            buf_put_str(out, "'\\'");
        buf_put_byte(out, *text);
    }
    buf_put_byte(out, '\'');
}
