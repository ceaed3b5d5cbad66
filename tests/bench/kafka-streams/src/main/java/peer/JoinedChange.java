package peer;

/** From one joined row of an account to the next; null where there is none. */
record JoinedChange(Joined old, Joined now) {
    boolean changesRow() {
        return now == null || !now.sameContent(old);
    }
}
