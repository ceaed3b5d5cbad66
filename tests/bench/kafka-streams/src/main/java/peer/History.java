package peer;

import java.util.ArrayList;
import java.util.List;

/**
 * The part of one id's SCD2 history that can still change: the events of its late window (or its
 * newest ones, see {@link HistoryStore}), and before them the one that opens the version in which
 * those begin. Versions are read off the events sorted by time.
 */
final class History {
    enum Outcome {
        CHANGED,
        UNCHANGED,
        TOO_LATE
    }

    private final List<Event> events;
    private long sequence;
    private List<Version> before = List.of();
    private List<Version> after = List.of();

    /** The events are sorted, and from now on this one's. */
    History(List<Event> events, long sequence) {
        this.events = events;
        this.sequence = sequence;
    }

    List<Event> events() {
        return events;
    }

    long sequence() {
        return sequence;
    }

    /**
     * Grows with each change of the current version, whatever happens to the id: orders what
     * others hear of it.
     */
    long nextSequence() {
        return ++sequence;
    }

    /** `before` and `after` tell what the event changed; the events change only for CHANGED. */
    Outcome apply(Change change, long loadedAtMs, long lateWindowMs) {
        Event newest = newest();
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
        forgetBefore(newest().timeMs() - lateWindowMs);
        return Outcome.CHANGED;
    }

    /** Null when there is none. */
    Event newest() {
        return events.isEmpty() ? null : events.get(events.size() - 1);
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
                versions.add(new Version(
                        opener.timeMs(), event.timeMs(), opener.state(), opener.loadedAtMs()));
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
        int count = 0;
        while (events.get(count).timeMs() < timeMs) {
            count++;
        }
        if (count > 0) {
            forgetFirst(count);
        }
    }

    /** All of them, except for the one that opens the version that they end in. */
    void forgetFirst(int count) {
        List<Event> forgotten = events.subList(0, count);
        Event opener = null;
        for (Event event : forgotten) {
            if (opener == null || !event.says(opener.state())) {
                opener = event.state() == null ? null : event;
            }
        }
        forgotten.clear();
        if (opener != null) {
            events.add(0, opener);
        }
    }
}
