/* keys: the byte layout of state keys. Byte order is key order.
 *
 *   every key           partition: 2 bytes, big-endian
 *   customers, refs     partition | customer_id: 8 bytes, big-endian, sign bit flipped
 *   accounts            partition | account_id: its UTF-8 bytes (never contain 0)
 *   customer_history    partition | customer_id | valid_from: 8 bytes, big-endian, sign bit flipped
 *   account_history     partition | account_id | 0 | valid_from
 *   …_confirmations     as the history's, with the confirmation's time
 *   links, by_customer  partition | customer_id | account_id
 *   meta                partition | name
 */
#ifndef STREAMER_STATE_KEYS_H
#define STREAMER_STATE_KEYS_H

#include "streamer/base/buf.h"
#include "streamer/base/slice.h"

#include <stdint.h>

/* Partitions are 0 … KEY_PARTITION_MAX; this one holds the meta data of the whole store. */
#define KEY_STORE_PARTITION 0xFFFF
#define KEY_PARTITION_MAX 0xFFFE

#define KEY_PARTITION_BYTES ((size_t)2)
#define KEY_CUSTOMER_BYTES (KEY_PARTITION_BYTES + 8) /* of a partition and a customer_id */

/* Each clears `out` and fills it. */
void key_partition(struct buf *out, int32_t partition);
void key_text(struct buf *out, int32_t partition, struct slice text);
void key_customer(struct buf *out, int32_t partition, int64_t customer_id);
void key_customer_account(struct buf *out, int32_t partition, int64_t customer_id,
                          struct slice account_id);

/* Appends to a key: the terminator of an account_id in account_history; a time. */
void key_add_terminator(struct buf *out);
void key_add_time(struct buf *out, int64_t ms);
/* Puts `ms` in place of the time that the key ends with. */
void key_replace_time(struct buf *key, int64_t ms);
/* The time that a history key ends with. */
int64_t key_time(struct slice key);
/* The account_id of an accounts key. */
struct slice key_account(struct slice key);
/* The account_id that ends a links or by_customer key; the customer_id of one of these or of a
 * customer key.
 */
struct slice key_account_of_customer(struct slice key);
int64_t key_customer_id(struct slice key);
int32_t key_partition_of(struct slice key);

#endif
