#include "streamer/layers/marts/customer_profile.h"

#include "streamer/base/mem.h"
#include "streamer/layers/marts/account_summary.h"

#include <stdlib.h>
#include <string.h>

void totals_clear(struct totals *t) {
    t->sums = (struct customer_totals){0};
    t->partition_count = 0;
}

void totals_release(struct totals *t) {
    free(t->partitions);
    *t = (struct totals){0};
}

/* The partitions ascend, so that the same links are the same bytes. */
static void insert_partition(struct totals *t, size_t at, int32_t partition, int64_t links) {
    t->partitions =
        mem_grow(t->partitions, &t->partition_cap, t->partition_count + 1, sizeof *t->partitions);
    memmove(&t->partitions[at + 1], &t->partitions[at],
            (t->partition_count - at) * sizeof *t->partitions);
    t->partitions[at] = (struct totals_partition){partition, links};
    t->partition_count++;
}

static void remove_partition(struct totals *t, size_t at) {
    t->partition_count--;
    memmove(&t->partitions[at], &t->partitions[at + 1],
            (t->partition_count - at) * sizeof *t->partitions);
}

int64_t totals_links(const struct totals *t) {
    int64_t sum = 0;
    for (size_t i = 0; i < t->partition_count; i++)
        sum += t->partitions[i].links;
    return sum;
}

static int64_t count_link(struct totals *t, int32_t partition, int times) {
    size_t i = 0;
    while (i < t->partition_count && t->partitions[i].partition < partition)
        i++;
    if (i == t->partition_count || t->partitions[i].partition != partition) {
        if (times < 0)
            return -1;
        insert_partition(t, i, partition, 0);
    }
    int64_t links = t->partitions[i].links += times;
    if (links == 0)
        remove_partition(t, i);
    return links;
}

int64_t totals_add(struct totals *t, const struct rates *rates, const struct account_link *link,
                   int times) {
    if (account_is_savings(link->account_type)) {
        t->sums.accounts += times;
        t->sums.balance += (int128)times * link->balance_amount;
        t->sums.interest_without_loan +=
            (int128)times * account_interest_cents(rates, link->balance_amount, false);
        t->sums.interest_with_loan +=
            (int128)times * account_interest_cents(rates, link->balance_amount, true);
    }
    return count_link(t, (int32_t)link->partition, times);
}

void totals_encode(const struct totals *t, struct buf *out) {
    avro_put_long(out, t->sums.accounts);
    avro_put_decimal(out, t->sums.balance);
    avro_put_decimal(out, t->sums.interest_without_loan);
    avro_put_decimal(out, t->sums.interest_with_loan);
    if (t->partition_count > 0)
        avro_put_long(out, (int64_t)t->partition_count);
    for (size_t i = 0; i < t->partition_count; i++) {
        avro_put_long(out, t->partitions[i].partition);
        avro_put_long(out, t->partitions[i].links);
    }
    avro_put_long(out, 0);
}

bool totals_decode(struct slice *in, struct totals *t) {
    int64_t count;
    bool ok;
    totals_clear(t);
    if (!avro_get_long(in, &t->sums.accounts) || !avro_get_decimal(in, &t->sums.balance) ||
        !avro_get_decimal(in, &t->sums.interest_without_loan) ||
        !avro_get_decimal(in, &t->sums.interest_with_loan))
        return false;
    while ((ok = avro_get_long(in, &count)) && count > 0) {
        for (; count > 0; count--) {
            int64_t partition, links;
            if (!avro_get_long(in, &partition) || !avro_get_long(in, &links) || partition < 0 ||
                partition > INT32_MAX)
                return false;
            insert_partition(t, t->partition_count, (int32_t)partition, links);
        }
    }
    return ok && count == 0;
}

bool customer_profile(const struct totals *t, int64_t customer_id,
                      const struct customer_ref *customer, int64_t now_ms,
                      struct customer_profile_row *row) {
    if (!customer->known || t->sums.accounts == 0)
        return false;
    *row = (struct customer_profile_row){
        .customer_id = customer_id,
        .customer_name = customer->customer_name,
        .has_loan_flag = customer->has_loan_flag,
        .total_accounts_count = t->sums.accounts,
        .total_balance_amount = t->sums.balance,
        .total_annual_interest_amount =
            customer->has_loan_flag ? t->sums.interest_with_loan : t->sums.interest_without_loan,
        .calculated_at = now_ms,
    };
    return true;
}
