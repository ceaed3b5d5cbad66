/* Sets RocksDB up. */
#include "state/rocksdb/store_internal.h"
#include "streamer/base/mem.h"

#define OPEN_FILES_MAX 512
#define SORTED_RUNS 16
/* Debian 12's RocksDB, 7.8, reads no newer format. So a user who goes back to Debian 12 keeps the
 * state. */
#define TABLE_FORMAT 5

/* By level. Levels 0 and 1 are soon rewritten; compressing them is wasted. */
static const int compression[] = {rocksdb_no_compression, rocksdb_no_compression,
                                  rocksdb_lz4_compression};

/* Universal compaction: sorted runs of similar size are merged, and all of them once the newer ones
 * are together as large as the oldest. With levels, each compaction of a few commits would rewrite
 * all of level 1, because rows change at random; at 15,000 changes a second that took more CPU than
 * the changes themselves. A row may lie in any of SORTED_RUNS runs, which costs little because
 * their filters are in memory. */
static void set_compactions(rocksdb_options_t *o) {
    rocksdb_universal_compaction_options_t *u = rocksdb_universal_compaction_options_create();
    rocksdb_universal_compaction_options_set_max_size_amplification_percent(u, 100);
    rocksdb_options_set_compaction_style(o, rocksdb_universal_compaction);
    rocksdb_options_set_universal_compaction_options(o, u);
    rocksdb_options_set_level0_file_num_compaction_trigger(o, SORTED_RUNS);
    /* Commits must go on while all of a large state is merged, which takes seconds. */
    rocksdb_options_set_level0_slowdown_writes_trigger(o, 3 * SORTED_RUNS);
    rocksdb_options_set_level0_stop_writes_trigger(o, 6 * SORTED_RUNS);
    rocksdb_universal_compaction_options_destroy(u);
}

/* --- owners ---
 *
 * RocksDB calls the owner part of a stored key its prefix. The filters of files also know these
 * prefixes. So a cursor over the rows of one customer or account skips the files without rows of
 * that owner. */

/* The length of the stored key's owner part, including the byte for the family. 0: it has none. */
static size_t owner_n(const char *stored, size_t n) {
    size_t of_key = n > 0 ? family_owner_n((enum family)stored[0], slice_of(stored + 1, n - 1)) : 0;
    return of_key > 0 ? of_key + 1 : 0;
}

static unsigned char has_owner(void *state, const char *stored, size_t n) {
    (void)state;
    return owner_n(stored, n) > 0;
}

static char *owner_of(void *state, const char *stored, size_t n, size_t *length) {
    (void)state;
    *length = owner_n(stored, n);
    return (char *)(uintptr_t)stored;
}

static const char *owner_rule(void *state) {
    (void)state;
    return "streamer.owner.1"; /* is written into the files; another rule needs another name */
}

static void forget_rule(void *state) {
    (void)state;
}

/* --- RocksDB's own log ---
 *
 * It is switched off; errors are returned to the caller all the same. Debian builds RocksDB with
 * assertions, and one of them ends the program when this log is written after the disk was full.
 * RocksDB 7.8 writes no log at a level above all levels. 9.10 refuses to open a database with such
 * a level, so it gets a logger that drops each line. */
#if ROCKSDB_MAJOR < 9
#define ABOVE_ALL_LEVELS 6 /* NUM_INFO_LOG_LEVELS of rocksdb/env.h */

static void set_no_log(rocksdb_options_t *o) {
    rocksdb_options_set_info_log_level(o, ABOVE_ALL_LEVELS);
}
#else
#define HIGHEST_LEVEL 5

static void drop_line(void *state, unsigned level, char *line, size_t n) {
    (void)state, (void)level, (void)line, (void)n;
}

static void set_no_log(rocksdb_options_t *o) {
    rocksdb_logger_t *logger =
        rocksdb_logger_create_callback_logger(HIGHEST_LEVEL, drop_line, NULL);
    rocksdb_options_set_info_log(o, logger);
    rocksdb_logger_destroy(logger); /* the options keep a reference */
}
#endif

rocksdb_options_t *store_options_new(size_t cache_bytes, size_t buffer_bytes) {
    rocksdb_options_t *o = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(o, 1);
    rocksdb_options_set_compression_per_level(o, compression, (size_t)ARRAY_LEN(compression));
    rocksdb_options_set_uint64add_merge_operator(o); /* for the count of commits */
    rocksdb_options_set_db_write_buffer_size(o, buffer_bytes);
    rocksdb_options_set_write_buffer_size(o, buffer_bytes / 2);
    /* With these filters an absent key is not searched for in the write buffers. */
    rocksdb_options_set_memtable_whole_key_filtering(o, 1);
    rocksdb_options_set_memtable_prefix_bloom_size_ratio(o, 0.05);
    /* The index and the filter of a file stay in memory as long as the file is open. They take
     * about 1 % of the file. As blocks of the block cache they would be looked up for each read,
     * and read again as a whole whenever other blocks have evicted them. */
    rocksdb_options_set_max_open_files(o, OPEN_FILES_MAX);
    set_compactions(o);
    rocksdb_options_set_prefix_extractor(
        o, rocksdb_slicetransform_create(NULL, forget_rule, owner_of, has_owner, NULL, owner_rule));
    set_no_log(o);
    rocksdb_options_set_keep_log_file_num(o, 2);
    rocksdb_options_increase_parallelism(o, 2);
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_cache_t *cache = rocksdb_cache_create_lru(cache_bytes);
    rocksdb_block_based_options_set_block_cache(table, cache);
    rocksdb_block_based_options_set_format_version(table, TABLE_FORMAT);
    rocksdb_block_based_options_set_filter_policy(table,
                                                  rocksdb_filterpolicy_create_bloom_full(10));
    rocksdb_options_set_block_based_table_factory(o, table);
    rocksdb_block_based_options_destroy(table);
    rocksdb_cache_destroy(cache); /* the options keep a reference */
    return o;
}

rocksdb_options_t *store_file_options_new(rocksdb_options_t *options) {
    rocksdb_options_t *o = rocksdb_options_create_copy(options);
    rocksdb_options_set_compression_per_level(o, compression, 1);
    return o;
}

rocksdb_options_t *store_reading_options_new(void) {
    rocksdb_options_t *o = rocksdb_options_create();
    rocksdb_options_set_uint64add_merge_operator(o);
    set_no_log(o);
    return o;
}

struct read_options read_options_new(void) {
    struct read_options r = {rocksdb_readoptions_create(), rocksdb_readoptions_create()};
    rocksdb_readoptions_set_total_order_seek(r.all, 1);
    rocksdb_readoptions_set_fill_cache(r.all, 0);
    return r;
}

void read_options_free(struct read_options *r) {
    rocksdb_readoptions_destroy(r->all);
    rocksdb_readoptions_destroy(r->of_owner);
}
