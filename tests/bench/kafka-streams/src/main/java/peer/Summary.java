package peer;

/** A row of account_summary. Money is in cents, the rate in thousandths. */
record Summary(long customerId, long balance, int rate, long interest) {
    private static final long LOW = 10_000_00;
    private static final long MIDDLE = 20_000_00;
    private static final int BONUS = 5;

    static Summary of(Joined joined) {
        int base = joined.cents() < LOW ? 10 : joined.cents() < MIDDLE ? 15 : 20;
        int rate = base + (joined.hasLoan() ? BONUS : 0);
        return new Summary(
                joined.customerId(), joined.cents(), rate, interest(joined.cents(), rate));
    }

    /**
     * round(balance × rate, 2), half away from zero, without overflow: the whole thousands of
     * cents are exact.
     */
    private static long interest(long cents, int rate) {
        return cents / 1000 * rate + (cents % 1000 * rate + 500) / 1000;
    }
}
