package peer;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.streams.StreamsConfig;

/**
 * The properties file: what is of ours, and everything else as Kafka Streams takes it (also with
 * its prefixes consumer., producer., topic.).
 *
 * <pre>
 * schema.registry.url                 Avro is read with the schemas of this registry
 * late.window.ms        259200000   how far behind the newest event of its id an event may be
 * record.max.bytes      1048576     larger values go to the quarantine
 * repartition           always      or never: when the input is keyed by id already, in as many
 *                                   partitions as results
 * history.inline.events 24          an id's events beyond that many go to chunks of their own in
 * the store names.TOPIC           TOPIC       what an input topic, a result topic or the quarantine
 * is called partitions                        of the results; by default as many as the larger
 * input has rocksdb.cache.bytes   134217728   block cache and memtables of all stores together
 * rocksdb.memtable.bytes 33554432   the memtables' part in it
 * </pre>
 */
final class Settings {
    private static final Set<String> OWN =
            Set.of("schema.registry.url", "late.window.ms", "record.max.bytes", "repartition",
                    "partitions", "history.inline.events", "rocksdb.cache.bytes",
                    "rocksdb.memtable.bytes");
    private static final Map<String, String> DEFAULTS = Map.of(
            StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2,
            StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, "100",
            StreamsConfig.NUM_STREAM_THREADS_CONFIG, "1",
            StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, "67108864",
            StreamsConfig.METRICS_RECORDING_LEVEL_CONFIG, "INFO",
            StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4",
            StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), "131072",
            StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest",
            StreamsConfig.consumerPrefix("max.poll.records"), "4000");

    private final Properties all = new Properties();

    static Settings load(Path file) throws IOException {
        Settings settings = new Settings();
        settings.all.putAll(DEFAULTS);
        try (var reader = Files.newBufferedReader(file)) {
            settings.all.load(reader);
        }
        // The same for every kind of producer and broker-side topic, said in one word.
        String compression = settings.all.getProperty("compression.type");
        if (compression != null) {
            settings.all.remove("compression.type");
            settings.all.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG),
                    compression);
        }
        settings.all.putIfAbsent(StreamsConfig.POLL_MS_CONFIG, Long.toString(settings.pollMs()));
        return settings;
    }

    /** A thread without input looks at the time to commit only this often. */
    private long pollMs() {
        return Math.max(1, Math.min(100, number(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100) / 4));
    }

    Properties forStreams() {
        Properties streams = new Properties();
        all.forEach((name, value) -> {
            if (!OWN.contains(name.toString()) && !name.toString().startsWith("names.")) {
                streams.put(name, value);
            }
        });
        streams.put(StreamsConfig.ROCKSDB_CONFIG_SETTER_CLASS_CONFIG, RocksTuning.class.getName());
        streams.put(RocksTuning.CACHE_BYTES, number("rocksdb.cache.bytes", 128 << 20));
        streams.put(RocksTuning.MEMTABLE_BYTES, number("rocksdb.memtable.bytes", 32 << 20));
        return streams;
    }

    String text(String name) {
        return all.getProperty(name);
    }

    String topic(String name) {
        return all.getProperty("names." + name, name);
    }

    long lateWindowMs() {
        return number("late.window.ms", 3 * 86_400_000L);
    }

    /** Null: there is none, and all input is JSON. */
    SchemaRegistry registry() {
        String url = text("schema.registry.url");
        return url == null ? null : new SchemaRegistry(url);
    }

    int recordMaxBytes() {
        return (int) number("record.max.bytes", 1 << 20);
    }

    int inlineEvents() {
        return (int) number("history.inline.events", 24);
    }

    boolean repartitions() {
        return !"never".equals(all.getProperty("repartition"));
    }

    /** 0: not said. */
    int partitions() {
        return (int) number("partitions", 0);
    }

    private long number(String name, long byDefault) {
        String text = all.getProperty(name);
        return text == null ? byDefault : Long.parseLong(text.trim());
    }
}
