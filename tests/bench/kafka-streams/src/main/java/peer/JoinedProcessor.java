package peer;

import org.apache.kafka.streams.processor.api.ContextualFixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Lets through what differs from the last joined row, together with that: the join repeats itself
 * at times.
 */
final class JoinedProcessor extends ContextualFixedKeyProcessor<byte[], Joined, JoinedChange> {
    private final String storeName;
    private KeyValueStore<byte[], Joined> store;

    JoinedProcessor(String storeName) {
        this.storeName = storeName;
    }

    @Override
    public void init(FixedKeyProcessorContext<byte[], JoinedChange> context) {
        super.init(context);
        store = context.getStateStore(storeName);
    }

    @Override
    public void process(FixedKeyRecord<byte[], Joined> record) {
        Joined now = record.value();
        Joined old = store.get(record.key());
        if (now == null ? old == null : now.equals(old)) {
            return;
        }
        store.put(record.key(), now);
        context().forward(record.withValue(new JoinedChange(old, now)));
    }
}
