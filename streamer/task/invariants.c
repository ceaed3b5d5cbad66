#include "streamer/task/invariants.h"

const char *invariant_name(enum invariant i) {
    static const char *const names[INVARIANT_COUNT] = {
        [INVARIANT_CONSERVATION] = "conservation",
        [INVARIANT_OFFSETS] = "offsets",
        [INVARIANT_ROWS] = "rows",
    };
    return names[i];
}

static bool conserved(const struct counts *c, enum entity entity, int64_t consumed,
                      const char *name, struct err *e) {
    int64_t quarantined = 0;
    for (int r = 0; r < REASON_COUNT; r++)
        quarantined += c->quarantined[entity][r];
    int64_t did = c->applied[entity] + c->unchanged[entity] + quarantined + c->forwarded[entity];
    return consumed == did || err_set(e, ERR_STOP,
                                      "%s: consumed %lld, but applied %lld, unchanged "
                                      "%lld, quarantined %lld, forwarded %lld",
                                      name, (long long)consumed, (long long)c->applied[entity],
                                      (long long)c->unchanged[entity], (long long)quarantined,
                                      (long long)c->forwarded[entity]);
}

bool invariant_conservation(const struct counts *c, struct err *e) {
    return conserved(c, ENTITY_CUSTOMER,
                     c->consumed[TOPIC_CUSTOMERS] + c->consumed[TOPIC_REPARTITION_CUSTOMERS],
                     "customers", e) &&
           conserved(c, ENTITY_ACCOUNT,
                     c->consumed[TOPIC_ACCOUNTS] + c->consumed[TOPIC_REPARTITION_ACCOUNTS],
                     "accounts", e);
}

bool invariant_offset(int64_t committed_before, int64_t committed_now, int64_t next,
                      struct err *e) {
    return (committed_now >= 0 && committed_now >= committed_before && committed_now <= next) ||
           err_set(e, ERR_STOP, "offset %lld after %lld, with %lld to be read next",
                   (long long)committed_now, (long long)committed_before, (long long)next);
}

bool invariant_rows(const struct task_meta *m, struct err *e) {
    for (int f = 0; f < FAMILY_COUNT; f++)
        if (m->rows[f] < 0)
            return err_set(e, ERR_STOP, "%lld rows in %s", (long long)m->rows[f],
                           family_name((enum family)f));
    int64_t indexed = m->rows[FAMILY_ACCOUNTS_BY_CUSTOMER], joined = m->joined_accounts,
            summaries = m->summaries;
    return (m->current_accounts == indexed && joined <= indexed && summaries >= 0 &&
            summaries <= joined) ||
           err_set(e, ERR_STOP,
                   "%lld current accounts, %lld by customer, %lld joined, %lld with a summary",
                   (long long)m->current_accounts, (long long)indexed, (long long)joined,
                   (long long)summaries);
}
