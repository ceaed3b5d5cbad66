package peer;

import java.util.function.Function;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;

/** The binary forms of what state stores and internal topics hold. */
final class Codec {
    private Codec() {}

    static Serde<Staged.CurrentCustomer> currentCustomer() {
        return serde(
                c -> new Writer()
                        .text(c.name())
                        .flag(c.hasLoan())
                        .number(c.sequence())
                        .flag(c.deleted())
                        .bytes(),
                from -> new Staged.CurrentCustomer(
                        from.text(), from.flag(), from.number(), from.flag()));
    }

    static Serde<Staged.CurrentAccount> currentAccount() {
        return serde(
                a -> new Writer()
                        .number(a.customerId())
                        .number(a.cents())
                        .flag(a.savings())
                        .number(a.fromMs())
                        .flag(a.deleted())
                        .bytes(),
                from -> new Staged.CurrentAccount(
                        from.number(), from.number(), from.flag(), from.number(), from.flag()));
    }

    static Serde<Joined> joined() {
        return serde(
                j -> new Writer()
                        .number(j.customerId())
                        .text(j.name())
                        .flag(j.hasLoan())
                        .number(j.cents())
                        .flag(j.savings())
                        .number(j.fromMs())
                        .number(j.customerSequence())
                        .bytes(),
                from -> new Joined(
                        from.number(),
                        from.text(),
                        from.flag(),
                        from.number(),
                        from.flag(),
                        from.number(),
                        from.number()));
    }

    static Serde<ProfileDelta> profileDelta() {
        return serde(
                d -> new Writer()
                        .text(d.name())
                        .flag(d.hasLoan())
                        .number(d.nameSequence())
                        .number(d.count())
                        .number(d.balance())
                        .number(d.interest())
                        .bytes(),
                from -> new ProfileDelta(
                        from.text(),
                        from.flag(),
                        from.number(),
                        (int) from.number(),
                        from.number(),
                        from.number()));
    }

    static Serde<Profile> profile() {
        return Serdes.serdeFrom(
                (topic, p) -> p == null ? null : Profile.write(p),
                (topic, data) -> data == null ? null : Profile.read(data));
    }

    /** Of a change on its way to its id's partition, with the record that it came in. */
    static Serde<Staged> accepted(Entity entity) {
        return serde(
                staged -> {
                    Staged.Accepted accepted = (Staged.Accepted) staged;
                    Change change = accepted.change();
                    Writer to = new Writer()
                            .text(change.id())
                            .number(change.timeMs())
                            .flag(change.tombstone())
                            .flag(change.state() != null);
                    if (change.state() != null) {
                        change.state().write(to);
                    }
                    Staged.Source source = accepted.source();
                    return to.number(source.partition())
                            .number(source.offset())
                            .blob(source.key())
                            .blob(source.value())
                            .bytes();
                },
                from -> {
                    String id = from.text();
                    long timeMs = from.number();
                    boolean tombstone = from.flag();
                    Attributes state = from.flag() ? entity.read(from) : null;
                    Change change = new Change(id, timeMs, state, tombstone);
                    int partition = (int) from.number();
                    return new Staged.Accepted(change,
                            new Staged.Source(partition, from.number(), from.blob(), from.blob()));
                });
    }

    private static <T> Serde<T> serde(Function<T, byte[]> write, Function<Reader, T> read) {
        return Serdes.serdeFrom(
                (topic, value) -> value == null ? null : write.apply(value),
                (topic, data) -> data == null ? null : read.apply(new Reader(data)));
    }
}
