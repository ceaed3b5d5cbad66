package peer;

import java.math.BigDecimal;
import java.math.BigInteger;

/**
 * A row of customer_profile; `nameSequence` says which state of the customer name and flag are
 * from.
 */
record Profile(String name, boolean hasLoan, long nameSequence, long count, BigDecimal balance,
        BigDecimal interest) {
    private static final int SCALE = 2;
    static final Profile NONE = new Profile(
            "", false, -1, 0, BigDecimal.ZERO.setScale(SCALE), BigDecimal.ZERO.setScale(SCALE));

    /**
     * Deltas of different accounts may arrive in any order: the name is that of the customer's
     * latest state among them.
     */
    Profile plus(ProfileDelta delta) {
        boolean newer = delta.nameSequence() > nameSequence;
        return new Profile(
                newer ? delta.name() : name,
                newer ? delta.hasLoan() : hasLoan,
                Math.max(nameSequence, delta.nameSequence()),
                count + delta.count(),
                balance.add(BigDecimal.valueOf(delta.balance(), SCALE)),
                interest.add(BigDecimal.valueOf(delta.interest(), SCALE)));
    }

    boolean sameContent(Profile other) {
        return count == other.count
                && hasLoan == other.hasLoan
                && balance.equals(other.balance)
                && interest.equals(other.interest)
                && name.equals(other.name);
    }

    static byte[] write(Profile p) {
        return new Writer()
                .text(p.name)
                .flag(p.hasLoan)
                .number(p.nameSequence)
                .number(p.count)
                .blob(p.balance.unscaledValue().toByteArray())
                .blob(p.interest.unscaledValue().toByteArray())
                .bytes();
    }

    static Profile read(byte[] data) {
        Reader from = new Reader(data);
        return new Profile(
                from.text(),
                from.flag(),
                from.number(),
                from.number(),
                new BigDecimal(new BigInteger(from.blob()), SCALE),
                new BigDecimal(new BigInteger(from.blob()), SCALE));
    }
}
