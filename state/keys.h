/* keys: the byte layout of the state's keys. Byte order is key order.
 *
 *   every key                    partition | …
 *   customers, customer_refs,
 *     refs_ahead                 partition | customer_id
 *   accounts                     partition | account_id
 *   customer_history             partition | customer_id | valid_from
 *   customer_confirmations       partition | customer_id | time of the confirmation
 *   account_history              partition | account_id | 0 | valid_from
 *   account_confirmations        partition | account_id | 0 | time of the confirmation
 *   links, links_ahead,
 *     accounts_by_customer,
 *     former_accounts            partition | customer_id | account_id
 *   meta                         partition | name
 *
 *   partition                    2 bytes, big-endian
 *   customer_id, times           8 bytes, big-endian, sign bit flipped
 *   account_id, name             UTF-8 bytes, none of them 0
 *   0                            1 byte, the terminator of an account_id
 *
 * RocksDB has all families in one column family, under "stored keys":
 *
 *   a stored key                 family: 1 byte | key */
#ifndef STREAMER_STATE_KEYS_H
#define STREAMER_STATE_KEYS_H

#include "state/kv.h"
#include "streamer/base/buf.h"
#include "streamer/base/slice.h"

#include <stdint.h>

/* Partitions are 0 … KEY_PARTITION_MAX. The facts about the whole store lie in
 * KEY_STORE_PARTITION. */
#define KEY_STORE_PARTITION 0xFFFF
#define KEY_PARTITION_MAX 0xFFFE

#define KEY_PARTITION_BYTES ((size_t)2)
#define KEY_CUSTOMER_BYTES (KEY_PARTITION_BYTES + 8) /* a partition and a customer_id */

/* Each clears `out` and fills it with a key, or with what keys begin with. */
void key_partition(struct buf *out, int32_t partition);
void key_text(struct buf *out, int32_t partition, struct slice text); /* an account_id or a name */
void key_customer(struct buf *out, int32_t partition, int64_t customer_id);
void key_customer_account(struct buf *out, int32_t partition, int64_t customer_id,
                          struct slice account_id);
/* Clears `out` and fills it with the stored key of `key`. Returns that: it points into `out`. */
struct slice key_stored(struct buf *out, enum family f, struct slice key);

/* Append to a key: the terminator of its account_id; a time. */
void key_add_terminator(struct buf *out);
void key_add_time(struct buf *out, int64_t ms);
/* Replaces the time that the key ends with. */
void key_replace_time(struct buf *key, int64_t ms);

/* The time that the key of a history or a confirmation ends with. */
int64_t key_time(struct slice key);
/* The account_id of an accounts key. Points into the key. */
struct slice key_account(struct slice key);
/* The account_id of a key with customer_id and account_id. Points into the key. */
struct slice key_account_of_customer(struct slice key);
/* The customer_id of a key that has one. */
int64_t key_customer_id(struct slice key);
int32_t key_partition_of(struct slice key);

#endif
