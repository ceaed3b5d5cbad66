package peer;

/**
 * What a stage passes on for one input record: a {@link Accepted} change on its way to the history,
 * {@link Refused} input on its way to the quarantine, a {@link HistoryRow}, or the new {@link
 * Current} state of an id.
 */
sealed interface Staged {
    /**
     * Where a record was read, and what it was: all that the quarantine needs. Its headers travel
     * with the record.
     */
    record Source(int partition, long offset, byte[] key, byte[] value) {}

    record Accepted(Change change, Source source) implements Staged {}

    record Refused(Source source, String code, String reason) implements Staged {}

    /** A null version: the row is no more. */
    record HistoryRow(long fromMs, Version version) implements Staged {}

    /**
     * One of the two. What is deleted stays, marked, as a row of the foreign-key join, because that
     * loses two things about rows that come and go quickly. What it answers to a delete on its left
     * side is dropped when the row is there again by then. And a row on its right side that comes
     * and goes between two flushes of the table's cache is seen by those who look it up in the
     * meantime, but its end is not told to them.
     */
    record Current(CurrentCustomer customer, CurrentAccount account) implements Staged {}

    record CurrentCustomer(String name, boolean hasLoan, long sequence, boolean deleted) {}

    record CurrentAccount(
            long customerId, long cents, boolean savings, long fromMs, boolean deleted) {}
}
