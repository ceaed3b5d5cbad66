package peer;

/** A row of account_with_customer (its key aside), and which state of the customer it shows. */
record Joined(long customerId, String name, boolean hasLoan, long cents, boolean savings,
        long fromMs, long customerSequence) {
    boolean sameContent(Joined other) {
        return other != null
                && customerId == other.customerId
                && hasLoan == other.hasLoan
                && cents == other.cents
                && savings == other.savings
                && fromMs == other.fromMs
                && name.equals(other.name);
    }

    /** Its row of account_summary, or null. */
    static Summary summary(Joined joined) {
        return joined == null || !joined.savings ? null : Summary.of(joined);
    }
}
