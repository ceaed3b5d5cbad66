package peer;

import java.util.ArrayList;
import java.util.List;

/**
 * The part of one id's SCD2 history that can still change: the events of its late window, and before them the one that
 * opens the version in which the window begins. Versions are read off the events sorted by time.
 *
 * <p>In the store: the sequence, count, then each event.
 */
final class History {
    enum Outcome {
        CHANGED,
        UNCHANGED,
        TOO_LATE
    }

    private final Entity entity;
    private final List<Event> events;
    private long sequence;
    private List<Version> before = List.of();
    private List<Version> after = List.of();

    private History(Entity entity, List<Event> events, long sequence) {
        this.entity = entity;
        this.events = events;
        this.sequence = sequence;
    }

    static History of(Entity entity, byte[] stored) {
        if (stored == null) {
            return new History(entity, new ArrayList<>(2), 0);
        }
        Reader from = new Reader(stored);
        long sequence = from.number();
        int count = (int) from.number();
        List<Event> events = new ArrayList<>(count + 1);
        for (int i = 0; i < count; i++) {
            events.add(Event.read(entity, from));
        }
        return new History(entity, events, sequence);
    }

    byte[] bytes() {
        Writer to = new Writer().number(sequence).number(events.size());
        for (Event event : events) {
            event.write(to);
        }
        return to.bytes();
    }

    /** Grows with each change of the current version, whatever happens to the id: orders what others hear of it. */
    long nextSequence() {
        return ++sequence;
    }

    /** `before` and `after` tell what the event changed; the events change only for CHANGED. */
    Outcome apply(Change change, long loadedAtMs, long lateWindowMs) {
        Event newest = events.isEmpty() ? null : events.get(events.size() - 1);
        if (change.tombstone() && (newest == null || newest.state() == null)) {
            return Outcome.UNCHANGED;
        }
        if (newest != null && change.timeMs() < newest.timeMs() - lateWindowMs) {
            return Outcome.TOO_LATE;
        }
        int place = placeOf(change.timeMs());
        boolean tie = place < events.size() && events.get(place).timeMs() == change.timeMs();
        if (tie && events.get(place).says(change.state())) {
            return Outcome.UNCHANGED;
        }
        before = versions();
        Event event = new Event(change.timeMs(), loadedAtMs, change.state());
        if (tie) {
            events.set(place, event);
        } else {
            events.add(place, event);
        }
        after = versions();
        forgetBefore(events.get(events.size() - 1).timeMs() - lateWindowMs);
        return Outcome.CHANGED;
    }

    List<Version> before() {
        return before;
    }

    List<Version> after() {
        return after;
    }

    /** The current one among versions, or null. */
    static Version current(List<Version> versions) {
        Version last = versions.isEmpty() ? null : versions.get(versions.size() - 1);
        return last != null && last.toMs() == null ? last : null;
    }

    /** The first event that is not before that time: searched from the end, where most belong. */
    private int placeOf(long timeMs) {
        int place = events.size();
        while (place > 0 && events.get(place - 1).timeMs() >= timeMs) {
            place--;
        }
        return place;
    }

    private List<Version> versions() {
        List<Version> versions = new ArrayList<>(4);
        Event opener = null;
        for (Event event : events) {
            if (opener != null && event.says(opener.state())) {
                continue;
            }
            if (opener != null) {
                versions.add(new Version(opener.timeMs(), event.timeMs(), opener.state(), opener.loadedAtMs()));
            }
            opener = event.state() == null ? null : event;
        }
        if (opener != null) {
            versions.add(new Version(opener.timeMs(), null, opener.state(), opener.loadedAtMs()));
        }
        return versions;
    }

    /** What is older can neither be moved nor be followed by a late event any more. */
    private void forgetBefore(long timeMs) {
        int kept = 0;
        while (events.get(kept).timeMs() < timeMs) {
            kept++;
        }
        Event opener = null;
        for (Event event : events.subList(0, kept)) {
            if (opener == null || !event.says(opener.state())) {
                opener = event.state() == null ? null : event;
            }
        }
        if (kept > 0) {
            events.subList(0, kept).clear();
            if (opener != null) {
                events.add(0, opener);
            }
        }
    }
}
