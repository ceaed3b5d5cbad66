package peer;

/**
 * What a stage passes on for one input record: a {@link Accepted} change on its way to the history, {@link Refused}
 * input on its way to the quarantine, a {@link HistoryRow}, or the new {@link Current} state of an id.
 */
sealed interface Staged {
    /** Where a record was read, and what it was: all that the quarantine needs. Its headers travel with the record. */
    record Source(int partition, long offset, byte[] key, byte[] value) {}

    record Accepted(Change change, Source source) implements Staged {}

    record Refused(Source source, String code, String reason) implements Staged {}

    /** A null version: the row is no more. */
    record HistoryRow(long fromMs, Version version) implements Staged {}

    /** Of a customer: null state when there is none. Of an account: its last state even when it is deleted. */
    record Current(CurrentCustomer customer, CurrentAccount account) implements Staged {}

    record CurrentCustomer(String name, boolean hasLoan, long sequence) {}

    /**
     * A deleted account stays, marked, as a row of the foreign-key join's left side: what the join answers to a delete
     * is lost when the account is created anew before the answer arrives, but not what it answers to an update.
     */
    record CurrentAccount(long customerId, long cents, boolean savings, long fromMs, boolean deleted) {}
}
