/* rocksdb_rate: what RocksDB alone takes for the rows of a change. */
#ifndef TESTS_BENCH_ROCKSDB_RATE_H
#define TESTS_BENCH_ROCKSDB_RATE_H

#include <stdint.h>

/* Takes the rows of the store in `dir`, which nobody has open, into a new database of RocksDB's
 * defaults (but lz4 and write buffers of `buffer_bytes`) beside it. Then writes there, `changes`
 * times, a row of each table that a change of an account writes to, with the keys and values that
 * are in the store, in atomic batches of `batch` changes sorted by key; then reads as often the two
 * rows that it has to read. Prints the CPU time of both for each change. */
void rocksdb_rate(const char *dir, int64_t changes, int64_t batch, int64_t buffer_bytes);

#endif
