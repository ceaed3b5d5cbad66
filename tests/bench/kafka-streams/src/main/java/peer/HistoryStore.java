package peer;

import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Histories in state stores. One read and one write for an event in its order, of a size that does
 * not grow with the number of events in the late window: an id's newest events are in its entry,
 * older ones in chunks.
 *
 * <pre>
 * entry  id            -> sequence, number of the next chunk, chunks: count, (number, end)…,
 *                         events: count, event…
 * chunk  id|number     -> events: count, event…
 * </pre>
 *
 * A chunk's end is the time of the first event after it. Entry and chunks each begin with the event
 * that opens the version that they begin in, which may be a copy of an event in an earlier chunk.
 */
final class HistoryStore {
    private record Chunk(long number, long endMs) {}

    private final Entity entity;
    private final KeyValueStore<byte[], byte[]> entries;
    private final KeyValueStore<byte[], byte[]> chunks;
    private final long lateWindowMs;
    private final int inlineEvents;

    // Of the history that was loaded last.
    private long nextNumber;
    private final List<Chunk> present = new ArrayList<>();
    private final List<Chunk> stale = new ArrayList<>();

    HistoryStore(
            Entity entity,
            KeyValueStore<byte[], byte[]> entries,
            KeyValueStore<byte[], byte[]> chunks,
            long lateWindowMs,
            int inlineEvents) {
        this.entity = entity;
        this.entries = entries;
        this.chunks = chunks;
        this.lateWindowMs = lateWindowMs;
        this.inlineEvents = inlineEvents;
    }

    static String name(Entity entity) {
        return entity.topic + "-history";
    }

    static String chunksName(Entity entity) {
        return entity.topic + "-history-chunks";
    }

    /** As much of it as an event of that time can touch. */
    History load(byte[] id, long timeMs) {
        present.clear();
        stale.clear();
        nextNumber = 0;
        byte[] stored = entries.get(id);
        if (stored == null) {
            return new History(new ArrayList<>(2), 0);
        }
        Reader from = new Reader(stored);
        long sequence = from.number();
        nextNumber = from.number();
        for (long i = from.number(); i > 0; i--) {
            present.add(new Chunk(from.number(), from.number()));
        }
        History history = new History(events(from), sequence);
        boolean inEntry = present.isEmpty() || timeMs >= present.get(present.size() - 1).endMs();
        boolean tooLate = timeMs < history.newest().timeMs() - lateWindowMs;
        return inEntry || tooLate ? history
                                  : new History(withChunks(id, history.events()), sequence);
    }

    private List<Event> withChunks(byte[] id, List<Event> newest) {
        List<Event> all = new ArrayList<>();
        long endMs = Long.MIN_VALUE;
        for (Chunk chunk : present) {
            addFrom(endMs, events(new Reader(chunks.get(Keys.with(id, chunk.number())))), all);
            endMs = chunk.endMs();
        }
        addFrom(endMs, newest, all);
        stale.addAll(present);
        present.clear();
        return all;
    }

    /** Without the copy of an earlier event. */
    private static void addFrom(long fromMs, List<Event> events, List<Event> to) {
        for (Event event : events) {
            if (event.timeMs() >= fromMs) {
                to.add(event);
            }
        }
    }

    /** Of the history that was loaded last. */
    void save(byte[] id, History history) {
        long windowStart = history.newest().timeMs() - lateWindowMs;
        while (!present.isEmpty() && present.get(0).endMs() <= windowStart) {
            stale.add(present.remove(0));
        }
        for (Chunk chunk : stale) {
            chunks.delete(Keys.with(id, chunk.number()));
        }
        while (history.events().size() > inlineEvents) {
            moveToChunk(id, history);
        }
        Writer to =
                new Writer().number(history.sequence()).number(nextNumber).number(present.size());
        for (Chunk chunk : present) {
            to.number(chunk.number()).number(chunk.endMs());
        }
        entries.put(id, write(to, history.events()));
    }

    private void moveToChunk(byte[] id, History history) {
        List<Event> events = history.events();
        int count = Math.max(2, inlineEvents * 2 / 3);
        Chunk chunk = new Chunk(nextNumber++, events.get(count).timeMs());
        chunks.put(Keys.with(id, chunk.number()), write(new Writer(), events.subList(0, count)));
        present.add(chunk);
        history.forgetFirst(count);
    }

    private static byte[] write(Writer to, List<Event> events) {
        to.number(events.size());
        for (Event event : events) {
            event.write(to);
        }
        return to.bytes();
    }

    private List<Event> events(Reader from) {
        int count = (int) from.number();
        List<Event> events = new ArrayList<>(count + 1);
        for (int i = 0; i < count; i++) {
            events.add(Event.read(entity, from));
        }
        return events;
    }
}
