package peer;

/**
 * A record that goes to the quarantine. Without a stack trace: it is an outcome, not an accident.
 */
final class Rejected extends Exception {
    final String code;
    final String reason;

    Rejected(String code, String reason) {
        super(reason, null, false, false);
        this.code = code;
        this.reason = reason;
    }

    static Rejected malformed(String reason) {
        return new Rejected("malformed", reason);
    }
}
