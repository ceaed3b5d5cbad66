package peer;

import com.fasterxml.jackson.core.io.JsonStringEncoder;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;

/** The rows of the result topics as JSON: schemas/README.md, "Output encoding". */
final class Rows {
    private static final JsonStringEncoder QUOTER = JsonStringEncoder.getInstance();
    private final StringBuilder text = new StringBuilder(192);

    private Rows() {}

    static byte[] history(Entity entity, byte[] id, Version version) {
        Rows row = new Rows();
        if (entity == Entity.CUSTOMERS) {
            Customer customer = (Customer) version.state();
            row.bare("customer_id", text(id)).quoted("customer_name", customer.name());
            row.bare("has_loan_flag", customer.hasLoan());
        } else {
            Account account = (Account) version.state();
            row.quoted("account_id", text(id)).bare("customer_id", account.customerId());
            row.amount("balance_amount", account.cents())
                    .plain("account_type", type(account.savings()));
        }
        row.time("loaded_at", version.loadedAtMs()).time("valid_from_at", version.fromMs());
        return row.time("valid_to_at", version.toMs()).bytes();
    }

    static byte[] joined(byte[] id, Joined joined) {
        return new Rows()
                .quoted("account_id", text(id))
                .bare("customer_id", joined.customerId())
                .quoted("customer_name", joined.name())
                .bare("has_loan_flag", joined.hasLoan())
                .amount("balance_amount", joined.cents())
                .plain("account_type", type(joined.savings()))
                .time("valid_from_at", joined.fromMs())
                .bytes();
    }

    static byte[] summary(byte[] id, Summary summary, long nowMs) {
        return new Rows()
                .quoted("account_id", text(id))
                .bare("customer_id", summary.customerId())
                .amount("original_balance_amount", summary.balance())
                .plain("interest_rate_pct", BigDecimal.valueOf(summary.rate(), 3).toPlainString())
                .amount("annual_interest_amount", summary.interest())
                .amount("new_balance_amount", summary.balance() + summary.interest())
                .time("calculated_at", nowMs)
                .bytes();
    }

    static byte[] profile(byte[] id, Profile profile, long nowMs) {
        return new Rows()
                .bare("customer_id", text(id))
                .quoted("customer_name", profile.name())
                .bare("has_loan_flag", profile.hasLoan())
                .bare("total_accounts_count", profile.count())
                .plain("total_balance_amount", profile.balance().toPlainString())
                .plain("total_annual_interest_amount", profile.interest().toPlainString())
                .time("calculated_at", nowMs)
                .bytes();
    }

    static String time(long ms) {
        StringBuilder text = new StringBuilder(24);
        Texts.appendTime(text, ms);
        return text.toString();
    }

    private static String text(byte[] id) {
        return new String(id, StandardCharsets.UTF_8);
    }

    private static String type(boolean savings) {
        return savings ? "savings" : "checking";
    }

    // --- members

    private Rows name(String name) {
        text.append(text.length() == 0 ? '{' : ',').append('"').append(name).append("\":");
        return this;
    }

    private Rows bare(String name, Object value) {
        name(name).text.append(value);
        return this;
    }

    private Rows bare(String name, long value) {
        name(name).text.append(value);
        return this;
    }

    /** A text without anything to escape. */
    private Rows plain(String name, String value) {
        name(name).text.append('"').append(value).append('"');
        return this;
    }

    private Rows quoted(String name, String value) {
        name(name).text.append('"');
        QUOTER.quoteAsString(value, text);
        text.append('"');
        return this;
    }

    private Rows amount(String name, long cents) {
        name(name)
                .text.append('"')
                .append(cents / 100)
                .append(cents % 100 < 10 ? ".0" : ".")
                .append(cents % 100)
                .append('"');
        return this;
    }

    private Rows time(String name, Long ms) {
        name(name);
        if (ms == null) {
            text.append("null");
        } else {
            text.append('"');
            Texts.appendTime(text, ms);
            text.append('"');
        }
        return this;
    }

    private byte[] bytes() {
        return text.append('}').toString().getBytes(StandardCharsets.UTF_8);
    }
}
