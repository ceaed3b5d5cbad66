package peer;

import java.util.List;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.processor.api.ContextualFixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;

/**
 * Snapshots: an accepted change becomes the rows of history that it changes, and the id's new
 * current state.
 */
final class HistoryProcessor extends ContextualFixedKeyProcessor<byte[], Staged, Staged> {
    private static final long FUTURE_WINDOW_MS = 86_400_000;

    private final Entity entity;
    private final long lateWindowMs;
    private final int inlineEvents;
    private HistoryStore store;

    HistoryProcessor(Entity entity, long lateWindowMs, int inlineEvents) {
        this.entity = entity;
        this.lateWindowMs = lateWindowMs;
        this.inlineEvents = inlineEvents;
    }

    @Override
    public void init(FixedKeyProcessorContext<byte[], Staged> context) {
        super.init(context);
        store = new HistoryStore(
                entity,
                context.getStateStore(HistoryStore.name(entity)),
                context.getStateStore(HistoryStore.chunksName(entity)),
                lateWindowMs,
                inlineEvents);
    }

    @Override
    public void process(FixedKeyRecord<byte[], Staged> record) {
        Staged.Accepted accepted = (Staged.Accepted) record.value();
        if (accepted.change().timeMs() > record.timestamp() + FUTURE_WINDOW_MS) {
            context().forward(record.withValue(tooEarly(accepted)));
            return;
        }
        History history = store.load(record.key(), accepted.change().timeMs());
        switch (history.apply(accepted.change(), record.timestamp(), lateWindowMs)) {
            case TOO_LATE -> context().forward(record.withValue(tooLate(accepted)));
            case CHANGED -> {
                FixedKeyRecord<byte[], Staged> result = record.withHeaders(new RecordHeaders());
                forwardRows(result, history.before(), history.after());
                forwardCurrent(result, history);
                store.save(record.key(), history);
            }
            case UNCHANGED -> {}
        }
    }

    private static Staged tooLate(Staged.Accepted accepted) {
        String time = Rows.time(accepted.change().timeMs());
        return new Staged.Refused(accepted.source(), "too_late",
                "Too late: " + time + " is before the late window");
    }

    private static Staged tooEarly(Staged.Accepted accepted) {
        String time = Rows.time(accepted.change().timeMs());
        return new Staged.Refused(accepted.source(), "too_early",
                "Too early: " + time + " is too far ahead");
    }

    /** Both are sorted and few: those that they have in common at either end are skipped first. */
    private void forwardRows(
            FixedKeyRecord<byte[], Staged> record, List<Version> before, List<Version> after) {
        int same = 0;
        while (same < before.size() && same < after.size()
                && before.get(same).equals(after.get(same))) {
            same++;
        }
        int i = same;
        int j = same;
        while (i < before.size() || j < after.size()) {
            Version old = i < before.size() ? before.get(i) : null;
            Version now = j < after.size() ? after.get(j) : null;
            if (now == null || old != null && old.fromMs() < now.fromMs()) {
                context().forward(record.withValue(new Staged.HistoryRow(old.fromMs(), null)));
                i++;
                continue;
            }
            if (!now.equals(old)) {
                context().forward(record.withValue(new Staged.HistoryRow(now.fromMs(), now)));
            }
            i += old != null && old.fromMs() == now.fromMs() ? 1 : 0;
            j++;
        }
    }

    private void forwardCurrent(FixedKeyRecord<byte[], Staged> record, History history) {
        Version old = History.current(history.before());
        Version now = History.current(history.after());
        boolean same = now == null || old == null ? now == old : showsSame(now, old);
        if (!same) {
            Version shown = now == null ? old : now;
            context().forward(
                    record.withValue(current(shown, history.nextSequence(), now == null)));
        }
    }

    /** A joined row shows when its account's version began, but not when its customer's did. */
    private boolean showsSame(Version a, Version b) {
        return a.state().equals(b.state())
                && (entity == Entity.CUSTOMERS || a.fromMs() == b.fromMs());
    }

    private static Staged.Current current(Version version, long sequence, boolean deleted) {
        if (version.state() instanceof Customer customer) {
            return new Staged.Current(new Staged.CurrentCustomer(customer.name(),
                                              customer.hasLoan(), sequence, deleted),
                    null);
        }
        Account account = (Account) version.state();
        return new Staged.Current(null,
                new Staged.CurrentAccount(account.customerId(), account.cents(), account.savings(),
                        version.fromMs(), deleted));
    }
}
