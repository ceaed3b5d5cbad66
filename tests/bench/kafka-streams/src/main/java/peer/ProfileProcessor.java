package peer;

import org.apache.kafka.streams.processor.api.ContextualFixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.state.KeyValueStore;

/** Keeps the totals of each customer, and passes on the rows whose content changes. */
final class ProfileProcessor extends ContextualFixedKeyProcessor<byte[], ProfileDelta, byte[]> {
    private final String storeName;
    private KeyValueStore<byte[], Profile> store;

    ProfileProcessor(String storeName) {
        this.storeName = storeName;
    }

    @Override
    public void init(FixedKeyProcessorContext<byte[], byte[]> context) {
        super.init(context);
        store = context.getStateStore(storeName);
    }

    @Override
    public void process(FixedKeyRecord<byte[], ProfileDelta> record) {
        Profile stored = store.get(record.key());
        Profile old = stored == null ? Profile.NONE : stored;
        Profile now = old.plus(record.value());
        boolean isRow = now.count() > 0;
        store.put(record.key(), isRow ? now : null);
        if (isRow ? !now.sameContent(old) : stored != null) {
            byte[] row =
                    isRow ? Rows.profile(record.key(), now, context().currentSystemTimeMs()) : null;
            context().forward(record.withValue(row));
        }
    }
}
