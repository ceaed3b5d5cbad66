package peer;

import java.time.DateTimeException;
import java.time.LocalDate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What texts say: null words, numbers, amounts and times. */
final class Texts {
    static final long MIN_TIME_MS = -62135596800000L; // 0001-01-01T00:00:00.000Z
    static final long MAX_TIME_MS = 253402300799999L; // 9999-12-31T23:59:59.999Z
    private static final long DAY_MS = 86_400_000;
    private static final int MAX_CENT_DIGITS = 18;
    private static final long HUGE_EXPONENT = 1_000_000_000_000L;
    private static final String ZONE = "(?:(Z)|([+-])([0-9]{2})(?::?([0-9]{2}))?)?";
    private static final Pattern ISO_TIME =
            Pattern.compile("([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[Tt ]([0-9]{2}):([0-9]{2})"
                    + "(?::([0-9]{2})(?:\\.([0-9]+))?)?)?" + ZONE);
    private static final Pattern BASIC_TIME = Pattern.compile(
            "([0-9]{4})([0-9]{2})([0-9]{2})(?:T?([0-9]{2})([0-9]{2})([0-9]{2})(?:\\.([0-9]+))?)?"
            + ZONE);

    private Texts() {}

    static String trim(String text) {
        int start = 0;
        int end = text.length();
        while (start < end && isSpace(text.charAt(start))) {
            start++;
        }
        while (end > start && isSpace(text.charAt(end - 1))) {
            end--;
        }
        return text.substring(start, end);
    }

    private static boolean isSpace(char c) {
        return c == ' ' || c >= '\t' && c <= '\r';
    }

    static boolean equalsAscii(String text, String lower) {
        if (text.length() != lower.length()) {
            return false;
        }
        for (int i = 0; i < lower.length(); i++) {
            char c = text.charAt(i);
            if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != lower.charAt(i)) {
                return false;
            }
        }
        return true;
    }

    static boolean isOneOf(String text, String... words) {
        for (String word : words) {
            if (equalsAscii(text, word)) {
                return true;
            }
        }
        return false;
    }

    static boolean isNull(String text) {
        return text == null || text.isEmpty() || isOneOf(text, "null", "n/a", "none");
    }

    /** Unicode simple lower case: one character for each character. */
    static String lower(String text) {
        StringBuilder lower = new StringBuilder(text.length());
        for (int i = 0; i < text.length(); ) {
            int c = text.codePointAt(i);
            lower.appendCodePoint(Character.toLowerCase(c));
            i += Character.charCount(c);
        }
        return lower.toString();
    }

    /** Whether nothing but Unicode White_Space, byte order marks and zero-width spaces is in it. */
    static boolean isBlank(String text) {
        return text.chars()
                .allMatch(c -> c >= 9 && c <= 13
                        || c == 0x85
                        || c == 0xa0
                        || c == 0xfeff
                        || c == 0x200b
                        || Character.isSpaceChar(c));
    }

    static int utf8Length(String text) {
        int length = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            length += c < 0x80 ? 1 : c < 0x800 || Character.isSurrogate(c) ? 2 : 3;
        }
        return length;
    }

    // --- numbers

    /**
     * (-1 if negative) * 0.DIGITS * 10**point; no zeros at either end of the digits, none at all
     * for zero.
     */
    record Decimal(boolean negative, String digits, long point) {}

    /**
     * [+-]?(digits[.[digits]]|.digits)([eE][+-]?digits)?, or null; the exponent may be absurd, so
     * it saturates.
     */
    static Decimal decimal(String text) {
        int at = 0;
        int end = text.length();
        boolean negative = end > 0 && text.charAt(0) == '-';
        if (negative || end > 0 && text.charAt(0) == '+') {
            at++;
        }
        int whole = at;
        at = skipDigits(text, at);
        int wholeLength = at - whole;
        int fraction = at;
        if (at < end && text.charAt(at) == '.') {
            fraction = at + 1;
            at = skipDigits(text, fraction);
        }
        int fractionLength = at - fraction;
        if (wholeLength + fractionLength == 0) {
            return null;
        }
        long exponent = 0;
        int mantissaEnd = fraction + fractionLength;
        if (at < end) {
            if (text.charAt(at) != 'e' && text.charAt(at) != 'E') {
                return null;
            }
            at++;
            boolean down = at < end && text.charAt(at) == '-';
            if (down || at < end && text.charAt(at) == '+') {
                at++;
            }
            int start = at;
            at = skipDigits(text, at);
            if (at == start || at < end) {
                return null;
            }
            for (int i = start; i < at; i++) {
                exponent = Math.min(exponent * 10 + text.charAt(i) - '0', HUGE_EXPONENT);
            }
            exponent = down ? -exponent : exponent;
        }
        String digits =
                text.substring(whole, whole + wholeLength) + text.substring(fraction, mantissaEnd);
        int first = 0;
        int last = digits.length();
        while (first < last && digits.charAt(first) == '0') {
            first++;
        }
        while (last > first && digits.charAt(last - 1) == '0') {
            last--;
        }
        return new Decimal(negative, digits.substring(first, last), wholeLength - first + exponent);
    }

    private static int skipDigits(String text, int at) {
        while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
            at++;
        }
        return at;
    }

    /** The value of a number that is an integer of 64 bits, or null. */
    static Long int64(String text) {
        Decimal number = decimal(text);
        if (number == null) {
            return null;
        }
        int length = number.digits.length();
        if (length == 0) {
            return 0L;
        }
        if (number.point < length || number.point > 19) {
            return null;
        }
        String digits = number.digits + "0".repeat((int) number.point - length);
        try {
            return Long.valueOf(number.negative ? "-" + digits : digits);
        } catch (NumberFormatException e) {
            return null;
        }
    }

    /**
     * decimal(18,2) as cents, rounded half away from zero; null where it is no number or does not
     * fit.
     */
    static Long cents(String text) {
        Decimal number = decimal(text);
        if (number == null) {
            return null;
        }
        if (number.digits.isEmpty() || number.point < -2) {
            return 0L;
        }
        if (number.point > MAX_CENT_DIGITS - 2) {
            return null;
        }
        int keep = (int) number.point + 2;
        int length = number.digits.length();
        long cents = 0;
        for (int i = 0; i < keep; i++) {
            cents = cents * 10 + (i < length ? number.digits.charAt(i) - '0' : 0);
        }
        if (keep < length && number.digits.charAt(keep) >= '5') {
            cents++;
        }
        if (cents > 999_999_999_999_999_999L) {
            return null;
        }
        return number.negative ? -cents : cents;
    }

    // --- times

    static boolean isTime(Long ms) {
        return ms != null && ms >= MIN_TIME_MS && ms <= MAX_TIME_MS;
    }

    /**
     * An integer told by its digits: seconds, milliseconds, microseconds or nanoseconds; no sign,
     * no leading zero.
     */
    static Long epochTime(String text) {
        Decimal number =
                text.isEmpty() || "+-0".indexOf(text.charAt(0)) >= 0 ? null : decimal(text);
        if (number == null || number.digits.isEmpty() || number.point < number.digits.length()
                || number.point > 19) {
            return null;
        }
        int length = (int) number.point;
        String digits = number.digits + "0".repeat(length - number.digits.length());
        return switch (length) {
            case 9, 10 -> Long.parseLong(digits) * 1000;
            case 12, 13 -> Long.valueOf(digits);
            case 15, 16 -> Long.valueOf(digits.substring(0, length - 3));
            case 18, 19 -> Long.valueOf(digits.substring(0, length - 6));
            default -> null;
        };
    }

    /** Milliseconds since 1970, or null. */
    static Long isoTime(String text) {
        Matcher m = ISO_TIME.matcher(text);
        if (!m.matches()) {
            m = BASIC_TIME.matcher(text);
        }
        if (!m.matches()) {
            return null;
        }
        long days;
        try {
            int year = number(m.group(1));
            if (year == 0) {
                return null;
            }
            days = LocalDate.of(year, number(m.group(2)), number(m.group(3))).toEpochDay();
        } catch (DateTimeException e) {
            return null;
        }
        int hour = number(m.group(4));
        int minute = number(m.group(5));
        int second = number(m.group(6));
        int zoneHour = number(m.group(10));
        int zoneMinute = number(m.group(11));
        if (hour > 23 || minute > 59 || second > 59 || zoneHour > 23 || zoneMinute > 59) {
            return null;
        }
        String fraction = m.group(7) == null ? "000" : (m.group(7) + "00").substring(0, 3);
        long zone = (zoneHour * 60L + zoneMinute) * 60_000 * ("-".equals(m.group(9)) ? -1 : 1);
        return days * DAY_MS + (hour * 60L + minute) * 60_000 + second * 1000L + number(fraction)
                - zone;
    }

    private static int number(String digits) {
        return digits == null ? 0 : Integer.parseInt(digits);
    }

    /** 2024-02-15T00:00:00.000Z. */
    static void appendTime(StringBuilder to, long ms) {
        LocalDate day = LocalDate.ofEpochDay(Math.floorDiv(ms, DAY_MS));
        int left = (int) Math.floorMod(ms, DAY_MS);
        appendPadded(to, day.getYear(), 4).append('-');
        appendPadded(to, day.getMonthValue(), 2).append('-');
        appendPadded(to, day.getDayOfMonth(), 2).append('T');
        appendPadded(to, left / 3_600_000, 2).append(':');
        appendPadded(to, left / 60_000 % 60, 2).append(':');
        appendPadded(to, left / 1000 % 60, 2).append('.');
        appendPadded(to, left % 1000, 3).append('Z');
    }

    private static StringBuilder appendPadded(StringBuilder to, int number, int width) {
        int limit = 10;
        for (int i = 1; i < width; i++) {
            if (number < limit) {
                to.append('0');
            }
            limit *= 10;
        }
        return to.append(number);
    }
}
