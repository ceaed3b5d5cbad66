package peer;

/** What an event says of its id, standardized: {@link Customer} or {@link Account}. */
sealed interface Attributes permits Customer, Account {
    void write(Writer to);
}
