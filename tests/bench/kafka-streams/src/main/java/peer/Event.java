package peer;

/** One accepted event of an id. State is null for a delete. */
record Event(long timeMs, long loadedAtMs, Attributes state) {
    boolean says(Attributes other) {
        return state == null ? other == null : state.equals(other);
    }

    void write(Writer to) {
        to.number(timeMs).number(loadedAtMs).flag(state != null);
        if (state != null) {
            state.write(to);
        }
    }

    static Event read(Entity entity, Reader from) {
        return new Event(from.number(), from.number(), from.flag() ? entity.read(from) : null);
    }
}
