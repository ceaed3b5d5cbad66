/* store_rig: what the tests of the store on disk share: small steps with a store and its batches,
 * a store with many rows, its files, another process. Whatever goes wrong fails the test. */
#ifndef TESTS_UNIT_STORE_RIG_H
#define TESTS_UNIT_STORE_RIG_H

#include "support.h"

#include "state/rocksdb/store.h"

#include <sys/resource.h>
#include <sys/types.h>

#define MEMORY_BYTES (4 << 20) /* so little that files are written soon */

/* --- stores and batches --- */

/* The caller closes it. */
struct store *open_store(const char *dir);
/* store_open must fail with that class, and a text that says `part` and the directory. */
void assert_refused(const char *dir, enum err_class class, const char *part);
void commit(struct batch *b);

/* The key is a text (key_text). expected == NULL: the row must be absent. */
void put_text(struct batch *b, enum family f, int32_t partition, const char *key,
              const char *value);
void assert_value(struct kv *kv, enum family f, int32_t partition, const char *key,
                  const char *expected);
/* The same through a reader. */
void assert_committed(struct store *s, enum family f, int32_t partition, const char *key,
                      const char *expected);

/* Writes so much that the commit makes a file of its own (commit.c): rows "much00" to "much39" of
 * the meta family in partition 1. Their values end with `number`. */
void put_much(struct kv *kv, int64_t number);

/* --- a store with many rows --- */

#define ROWS 20000

/* The key of row i: eight digits. */
void name_of(char name[16], int i);
/* Makes a store with ROWS rows of FAMILY_LINKS in partition 1, which lie in a table file, and
 * closes it. Returns its directory, for remove_scratch. */
char *make_full_store(void);
/* Prefetches rows `from`, `from` + `step`, … before `to`. */
void fetch_every(struct kv *kv, int from, int to, int step);

/* --- files and limits --- */

/* The path of the largest file whose name holds `part`. The caller frees it. */
char *find_file(const char *dir, const char *part);
void overwrite(const char *path, off_t at, const char *bytes, size_t n);
/* Sets the soft limit. Returns what it was. */
rlim_t set_limit(__rlimit_resource_t what, rlim_t soft);

/* --- another process --- */

/* Starts this program anew, as `PROGRAM what dir`, for its main() to do something there. Returns
 * the exit code. (A fork would not do: in a process with threads it may hang in the first lock that
 * one of them held.) */
int in_other_process(const char *what, const char *dir);

#endif
