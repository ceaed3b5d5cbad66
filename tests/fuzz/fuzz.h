/* fuzz: what the targets of libFuzzer share: taking an input apart, and what holds for each record
 * that the source and staging layers have read, whatever its bytes are. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "streamer/layers/source/decode.h"

#include <stddef.h>
#include <stdint.h>

/* Each target's entry; libFuzzer calls it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Take bytes, or one byte (0 behind the end), from the front of an input. */
struct slice take(struct slice *input, size_t n);
uint8_t take_byte(struct slice *input);
/* A copy in a block of its own, so that the sanitizer sees a read past its end. The caller frees
 * it. */
char *copy(struct slice s);
/* The path of a file in memory with that content; *fd is its descriptor, which the caller closes.
 */
void make_file(struct slice content, char path[64], int *fd);

/* Decodes and standardizes the record, and asserts all that must hold. Returns whether it is
 * decoded; `out` and `why` are as decode() has set them. */
bool check_record(struct decoder *d, enum entity entity, const struct record *r,
                  struct decoded *out, struct reason *why);

#define FUZZ_KAFKA_TIME INT64_C(1707955200000)

#endif
