package peer;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.kstream.TableJoined;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorSupplier;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * The topology: stage, repartition by id, keep history, join current accounts with current
 * customers, keep the marts, emit. Every key is an id as UTF-8 text.
 */
final class Pipeline {
    private static final Serde<byte[]> BYTES = Serdes.ByteArray();

    private final StreamsBuilder builder = new StreamsBuilder();
    private final Settings settings;
    private final int partitions;
    private final SchemaRegistry registry;

    private Pipeline(Settings settings, int partitions) {
        this.settings = settings;
        this.partitions = partitions;
        this.registry = settings.registry();
    }

    static Topology build(Settings settings, int partitions) {
        Pipeline pipeline = new Pipeline(settings, partitions);
        KStream<byte[], Staged> customers = pipeline.history(Entity.CUSTOMERS);
        KStream<byte[], Staged> accounts = pipeline.history(Entity.ACCOUNTS);
        KStream<byte[], JoinedChange> joined = pipeline.join(
                current(accounts, Staged.Current::account, "accounts-current",
                        Codec.currentAccount()),
                current(customers, Staged.Current::customer, "customers-current",
                        Codec.currentCustomer()));
        pipeline.accountWithCustomer(joined);
        pipeline.accountSummary(joined);
        pipeline.customerProfile(joined);
        return pipeline.builder.build();
    }

    // --- source, staging, snapshots

    private KStream<byte[], Staged> history(Entity entity) {
        KStream<byte[], Staged> staged = builder.stream(settings.topic(entity.topic), consumed())
                .processValues(() -> new StageProcessor(
                                entity, settings.recordMaxBytes(), registry));
        KStream<byte[], Staged> changes =
                byId(entity, only(staged, Staged.Accepted.class))
                        .processValues(with(
                                () -> new HistoryProcessor(
                                        entity, settings.lateWindowMs(), settings.inlineEvents()),
                                store(HistoryStore.name(entity), BYTES),
                                store(HistoryStore.chunksName(entity), BYTES)));

        quarantine(entity, staged);
        quarantine(entity, changes);
        only(changes, Staged.HistoryRow.class)
                .map((id, staged1) -> {
                    Staged.HistoryRow row = (Staged.HistoryRow) staged1;
                    byte[] value =
                            row.version() == null ? null : Rows.history(entity, id, row.version());
                    return KeyValue.pair(Keys.with(id, row.fromMs()), value);
                })
                .to(settings.topic(entity.historyTopic()),
                        Produced.with(BYTES, BYTES, new IdPartitioner()));
        return changes;
    }

    /** Events of one id meet in one partition, whatever key the producer gave them. */
    private KStream<byte[], Staged> byId(Entity entity, KStream<byte[], Staged> accepted) {
        if (!settings.repartitions()) {
            return accepted.peek(
                    (key, staged) -> checkKey(key, ((Staged.Accepted) staged).change()));
        }
        return accepted.selectKey((key, staged) -> ((Staged.Accepted) staged).change().key())
                .repartition(Repartitioned.with(BYTES, Codec.accepted(entity))
                        .withName(entity.topic + "-by-id")
                        .withNumberOfPartitions(partitions));
    }

    private static void checkKey(byte[] key, Change change) {
        if (!Arrays.equals(key, change.key())) {
            throw new IllegalStateException(
                    "repartition=never, but the key of " + change.id() + " is not its id");
        }
    }

    private void quarantine(Entity entity, KStream<byte[], Staged> stream) {
        String topic = settings.topic(entity.topic);
        only(stream, Staged.Refused.class)
                .mapValues(staged -> (Staged.Refused) staged)
                .process(() -> new QuarantineProcessor(topic))
                .to(settings.topic("quarantine"), Produced.with(BYTES, BYTES));
    }

    private static <V> KTable<byte[], V> current(KStream<byte[], Staged> changes,
            Function<Staged.Current, V> side, String store, Serde<V> serde) {
        return only(changes, Staged.Current.class)
                .mapValues(staged -> side.apply((Staged.Current) staged))
                .toTable(Materialized.<byte[], V, KeyValueStore<Bytes, byte[]>>as(store)
                        .withKeySerde(BYTES)
                        .withValueSerde(serde));
    }

    // --- intermediate

    private KStream<byte[], JoinedChange> join(KTable<byte[], Staged.CurrentAccount> accounts,
            KTable<byte[], Staged.CurrentCustomer> customers) {
        KTable<byte[], Joined> joined = accounts.join(customers,
                account -> Keys.of(account.customerId()), Pipeline::joined,
                TableJoined.as("joined"));
        return joined.toStream().processValues(
                with(() -> new JoinedProcessor("joined"), store("joined", Codec.joined())));
    }

    private static Joined joined(Staged.CurrentAccount account, Staged.CurrentCustomer customer) {
        if (account.deleted() || customer.deleted()) {
            return null;
        }
        return new Joined(
                account.customerId(),
                customer.name(),
                customer.hasLoan(),
                account.cents(),
                account.savings(),
                account.fromMs(),
                customer.sequence());
    }

    private void accountWithCustomer(KStream<byte[], JoinedChange> joined) {
        joined.filter((id, change) -> change.changesRow())
                .mapValues(
                        (id, change) -> change.now() == null ? null : Rows.joined(id, change.now()))
                .to(settings.topic("account_with_customer"), Produced.with(BYTES, BYTES));
    }

    // --- marts

    private void accountSummary(KStream<byte[], JoinedChange> joined) {
        joined.flatMapValues((id, change) -> {
                    Summary old = Joined.summary(change.old());
                    Summary now = Joined.summary(change.now());
                    List<byte[]> rows = new ArrayList<>(1);
                    if (now != null && !now.equals(old)) {
                        rows.add(Rows.summary(id, now, System.currentTimeMillis()));
                    } else if (now == null && old != null) {
                        rows.add(null);
                    }
                    return rows;
                })
                .to(settings.topic("account_summary"), Produced.with(BYTES, BYTES));
    }

    private void customerProfile(KStream<byte[], JoinedChange> joined) {
        joined.flatMap((id, change) -> deltas(change))
                .repartition(Repartitioned.with(BYTES, Codec.profileDelta())
                                     .withName("profile")
                                     .withNumberOfPartitions(partitions))
                .processValues(with(
                        () -> new ProfileProcessor("profile"), store("profile", Codec.profile())))
                .to(settings.topic("customer_profile"), Produced.with(BYTES, BYTES));
    }

    private static List<KeyValue<byte[], ProfileDelta>> deltas(JoinedChange change) {
        Joined old = Joined.summary(change.old()) == null ? null : change.old();
        Joined now = Joined.summary(change.now()) == null ? null : change.now();
        List<KeyValue<byte[], ProfileDelta>> deltas = new ArrayList<>(2);
        if (old != null && now != null && old.customerId() == now.customerId()) {
            deltas.add(KeyValue.pair(Keys.of(now.customerId()), ProfileDelta.between(old, now)));
            return deltas;
        }
        if (old != null) {
            deltas.add(KeyValue.pair(Keys.of(old.customerId()), ProfileDelta.between(old, null)));
        }
        if (now != null) {
            deltas.add(KeyValue.pair(Keys.of(now.customerId()), ProfileDelta.between(null, now)));
        }
        return deltas;
    }

    // --- small parts

    private static Consumed<byte[], byte[]> consumed() {
        return Consumed.with(BYTES, BYTES)
                .withTimestampExtractor((record, partitionTime) -> Math.max(record.timestamp(), 0));
    }

    private static KStream<byte[], Staged> only(
            KStream<byte[], Staged> stream, Class<? extends Staged> kind) {
        return stream.filter((id, staged) -> kind.isInstance(staged));
    }

    private static <V> StoreBuilder<KeyValueStore<byte[], V>> store(String name, Serde<V> serde) {
        return Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(name), BYTES, serde)
                .withCachingEnabled();
    }

    private static <I, O> FixedKeyProcessorSupplier<byte[], I, O> with(
            Supplier<FixedKeyProcessor<byte[], I, O>> processor, StoreBuilder<?>... stores) {
        return new FixedKeyProcessorSupplier<>() {
            @Override
            public FixedKeyProcessor<byte[], I, O> get() {
                return processor.get();
            }

            @Override
            public Set<StoreBuilder<?>> stores() {
                return Set.of(stores);
            }
        };
    }
}
