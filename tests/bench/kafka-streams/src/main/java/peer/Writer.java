package peer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Appends the compact binary form of state and internal topics to a growing array. */
final class Writer {
    private byte[] data = new byte[128];
    private int size;

    byte[] bytes() {
        return Arrays.copyOf(data, size);
    }

    Writer flag(boolean value) {
        return octet(value ? 1 : 0);
    }

    Writer octet(int value) {
        reserve(1);
        data[size++] = (byte) value;
        return this;
    }

    /** Zigzag, 7 bits a byte. */
    Writer number(long value) {
        reserve(10);
        long left = value << 1 ^ value >> 63;
        while ((left & ~0x7FL) != 0) {
            data[size++] = (byte) (left & 0x7F | 0x80);
            left >>>= 7;
        }
        data[size++] = (byte) left;
        return this;
    }

    Writer text(String value) {
        return blob(value.getBytes(StandardCharsets.UTF_8));
    }

    /** Null is told apart from empty. */
    Writer blob(byte[] value) {
        if (value == null) {
            return number(-1);
        }
        number(value.length);
        reserve(value.length);
        System.arraycopy(value, 0, data, size, value.length);
        size += value.length;
        return this;
    }

    private void reserve(int count) {
        if (size + count > data.length) {
            data = Arrays.copyOf(data, Math.max(2 * data.length, size + count));
        }
    }
}
