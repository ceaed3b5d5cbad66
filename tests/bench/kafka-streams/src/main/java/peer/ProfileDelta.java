package peer;

/**
 * What the change of one row of account_summary adds to its customer's profile (subtractor and
 * adder in one).
 */
record ProfileDelta(
        String name, boolean hasLoan, long nameSequence, int count, long balance, long interest) {
    /** Either side may be null, not both; both are of the same customer. */
    static ProfileDelta between(Joined old, Joined now) {
        Joined named = now == null ? old : now;
        Summary minus = Joined.summary(old);
        Summary plus = Joined.summary(now);
        return new ProfileDelta(
                named.name(),
                named.hasLoan(),
                named.customerSequence(),
                (plus == null ? 0 : 1) - (minus == null ? 0 : 1),
                (plus == null ? 0 : plus.balance()) - (minus == null ? 0 : minus.balance()),
                (plus == null ? 0 : plus.interest()) - (minus == null ? 0 : minus.interest()));
    }
}
