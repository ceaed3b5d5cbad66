package peer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Message and state keys: ids as UTF-8 text, alone or followed by a number. */
final class Keys {
    private Keys() {}

    static byte[] of(long customerId) {
        return Long.toString(customerId).getBytes(StandardCharsets.US_ASCII);
    }

    /** `id|number`. */
    static byte[] with(byte[] id, long number) {
        byte[] suffix = ("|" + number).getBytes(StandardCharsets.US_ASCII);
        byte[] key = Arrays.copyOf(id, id.length + suffix.length);
        System.arraycopy(suffix, 0, key, id.length, suffix.length);
        return key;
    }
}
