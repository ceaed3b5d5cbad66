/* whole_file: a small file of text that is there whole, or as it was before, or not at all, also
 * after a crash of the machine. All set errno where they fail. */
#ifndef STREAMER_BASE_WHOLE_FILE_H
#define STREAMER_BASE_WHOLE_FILE_H

#include "streamer/base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends what the file holds. False with errno: ENOENT if there is none, EFBIG if it holds more
 * than `max` bytes. */
bool whole_file_read(const char *path, size_t max, struct buf *out);

/* Replaces the file: writes `<path>.tmp` to the disk, and renames it. False with errno: the file is
 * as it was. One writer of a path at a time. */
bool whole_file_write(const char *path, struct slice content);

#endif
