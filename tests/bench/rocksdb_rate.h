/* rocksdb_rate: what RocksDB alone needs for the rows of a change. */
#ifndef TESTS_BENCH_ROCKSDB_RATE_H
#define TESTS_BENCH_ROCKSDB_RATE_H

#include <stdint.h>

/* Copies rows of the store in `dir`, which nobody may have open, into a new database beside it.
 * That has RocksDB's defaults, except for lz4 and write buffers of `buffer_bytes`. Then it writes
 * there, `changes` times, the rows that a change of an account writes: one of each family, in
 * atomic batches of `batch` changes sorted by key. After that it reads, as often, the two rows that
 * a change reads. Prints the CPU time of a change for both. The new database is removed again. */
void rocksdb_rate(const char *dir, int64_t changes, int64_t batch, int64_t buffer_bytes);

#endif
