package peer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Reads what {@link Writer} wrote. */
final class Reader {
    private final byte[] data;
    private int at;

    Reader(byte[] data) {
        this.data = data;
    }

    boolean flag() {
        return octet() != 0;
    }

    int octet() {
        return data[at++];
    }

    long number() {
        long value = 0;
        for (int shift = 0; ; shift += 7) {
            byte b = data[at++];
            value |= (long) (b & 0x7F) << shift;
            if (b >= 0) {
                return value >>> 1 ^ -(value & 1);
            }
        }
    }

    String text() {
        int length = (int) number();
        String value = new String(data, at, length, StandardCharsets.UTF_8);
        at += length;
        return value;
    }

    byte[] blob() {
        int length = (int) number();
        if (length < 0) {
            return null;
        }
        byte[] value = Arrays.copyOfRange(data, at, at + length);
        at += length;
        return value;
    }
}
