package peer;

import java.nio.charset.StandardCharsets;

/** What one staged record says. State is null for a delete. */
record Change(String id, long timeMs, Attributes state, boolean tombstone) {
    byte[] key() {
        return id.getBytes(StandardCharsets.UTF_8);
    }
}
