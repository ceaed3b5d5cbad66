package peer;

import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.Record;

/** Refused input as it was received, and why in headers. */
final class QuarantineProcessor
        extends ContextualProcessor<byte[], Staged.Refused, byte[], byte[]> {
    private final String topic;

    QuarantineProcessor(String topic) {
        this.topic = topic;
    }

    @Override
    public void process(Record<byte[], Staged.Refused> record) {
        Staged.Refused refused = record.value();
        Staged.Source source = refused.source();
        Headers headers = new RecordHeaders(record.headers().toArray());
        add(headers, "code", refused.code());
        add(headers, "reason", refused.reason());
        add(headers, "topic", topic);
        add(headers, "partition", Integer.toString(source.partition()));
        add(headers, "offset", Long.toString(source.offset()));
        add(headers, "at", Rows.time(context().currentSystemTimeMs()));
        context().forward(new Record<>(source.key(), source.value(), record.timestamp(), headers));
    }

    private static void add(Headers headers, String name, String text) {
        headers.add("quarantine." + name, text.getBytes(StandardCharsets.UTF_8));
    }
}
