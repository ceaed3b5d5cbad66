/* out_file: an output file that is there whole, or not at all. What is written goes to a temporary
 * file in the same folder, which takes the file's place at the end. A file of before stays until
 * then, and the new one has its rights. Without a path it is standard output, whose bytes cannot be
 * taken back.
 *
 * Errors are ERR_STOP, unless it says something else, and name the file. One thread. */
#ifndef STREAMER_EXPORT_OUT_FILE_H
#define STREAMER_EXPORT_OUT_FILE_H

#include "streamer/base/buf.h"
#include "streamer/base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define OUT_FILE_SHA256_HEX 64

/* The hash of bytes as text. For those of a whole file: out_file_sha256. */
void sha256_hex(struct slice bytes, char hex[OUT_FILE_SHA256_HEX + 1]);

struct out_file;

/* path == NULL: standard output. The text is copied. NULL with ERR_CONFIG: the path is a folder or
 * something else that is no regular file, or its folder cannot be written to. */
struct out_file *out_file_new(const char *path, struct err *e);
/* Removes the temporary file, if it is still there. NULL is allowed. */
void out_file_free(struct out_file *f);

/* Appends bytes; they may stay in memory until there are enough of them. */
bool out_file_put(struct out_file *f, struct slice bytes, struct err *e);
/* Writes what is in memory. Nothing may be appended afterwards. */
bool out_file_flush(struct out_file *f, struct err *e);
/* The path of the temporary file, for a program that writes it itself, in place of out_file_put.
 * NULL: standard output, or the file has its place. */
const char *out_file_temporary(const struct out_file *f);

/* The bytes so far, and their hash as text. For out_file_put; after out_file_flush. */
int64_t out_file_bytes(const struct out_file *f);
void out_file_sha256(const struct out_file *f, char hex[OUT_FILE_SHA256_HEX + 1]);
/* Reads the temporary file instead, for a program that has written it itself. */
bool out_file_measure(struct out_file *f, struct err *e);

/* Puts the file into its place, and `beside` into "<path>.totals.json". Both are on the disk then.
 * Neither of them is ever beside the other's predecessor: the totals of before are removed first,
 * then the file gets its place, then its totals. Not for standard output. */
bool out_file_place(struct out_file *f, struct slice beside, struct err *e);

#endif
