package peer;

import java.util.List;
import java.util.Objects;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.processor.api.ContextualFixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;

/** Snapshots: an accepted change becomes the rows of history that it changes, and the id's new current state. */
final class HistoryProcessor extends ContextualFixedKeyProcessor<byte[], Staged, Staged> {
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
        return new Staged.Refused(accepted.source(), "too_late", "Too late: " + time + " is before the late window");
    }

    /** Both are sorted and few: those that they have in common at either end are skipped first. */
    private void forwardRows(FixedKeyRecord<byte[], Staged> record, List<Version> before, List<Version> after) {
        int same = 0;
        while (same < before.size() && same < after.size() && before.get(same).equals(after.get(same))) {
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
        if (entity == Entity.CUSTOMERS) {
            Attributes state = now == null ? null : now.state();
            if (!Objects.equals(state, old == null ? null : old.state())) {
                long sequence = history.nextSequence();
                context().forward(record.withValue(new Staged.Current(currentCustomer((Customer) state, sequence), null)));
            }
            return;
        }
        boolean same = now == null ? old == null : isSame(now, old);
        if (!same) {
            Version shown = now == null ? old : now;
            context().forward(record.withValue(new Staged.Current(null, currentAccount(shown, now == null))));
        }
    }

    private static boolean isSame(Version a, Version b) {
        return b != null && a.fromMs() == b.fromMs() && a.state().equals(b.state());
    }

    private static Staged.CurrentCustomer currentCustomer(Customer state, long sequence) {
        return state == null ? null : new Staged.CurrentCustomer(state.name(), state.hasLoan(), sequence);
    }

    private static Staged.CurrentAccount currentAccount(Version version, boolean deleted) {
        Account state = (Account) version.state();
        return new Staged.CurrentAccount(
                state.customerId(), state.cents(), state.savings(), version.fromMs(), deleted);
    }
}
