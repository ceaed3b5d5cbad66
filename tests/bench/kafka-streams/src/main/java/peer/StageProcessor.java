package peer;

import org.apache.kafka.streams.processor.api.ContextualFixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.processor.api.RecordMetadata;

/** Source and staging: a record as received becomes an accepted change or refused input. */
final class StageProcessor extends ContextualFixedKeyProcessor<byte[], byte[], Staged> {
    private final Staging staging;

    /** `registry`: null where all input is JSON. */
    StageProcessor(Entity entity, int recordMaxBytes, SchemaRegistry registry) {
        this.staging = new Staging(entity, recordMaxBytes, registry);
    }

    @Override
    public void process(FixedKeyRecord<byte[], byte[]> record) {
        RecordMetadata at = context().recordMetadata().orElseThrow();
        Staged.Source source =
                new Staged.Source(at.partition(), at.offset(), record.key(), record.value());
        Staged staged;
        try {
            staged = new Staged.Accepted(
                    staging.stage(record.key(), record.value(), record.timestamp()), source);
        } catch (Rejected rejected) {
            staged = new Staged.Refused(source, rejected.code, rejected.reason);
        }
        context().forward(record.withValue(staged));
    }
}
