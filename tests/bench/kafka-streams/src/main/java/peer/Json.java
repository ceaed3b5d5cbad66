package peer;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Strict JSON to the little that staging asks about: members in the order of the text, duplicates
 * included.
 *
 * <p>A value is a String, a {@link Number} (its exact token), a Boolean, {@link #NULL}, {@link
 * #LIST} (what is in a list never matters) or a {@link Node}; Java's null stands for a member that
 * is not there.
 */
final class Json {
    static final Object NULL = new Object();
    static final Object LIST = new Object();
    private static final int MAX_DEPTH = 100;

    private static final JsonFactory FACTORY = JsonFactory.builder()
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .disable(JsonFactory.Feature.CHARSET_DETECTION)
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(MAX_DEPTH)
                    .maxNumberLength(Integer.MAX_VALUE)
                    .maxStringLength(Integer.MAX_VALUE)
                    .maxNameLength(Integer.MAX_VALUE)
                    .build())
            .build();

    private Json() {}

    record Number(String token) {}

    /** An object. */
    static final class Node {
        private String[] names = new String[8];
        private Object[] values = new Object[8];
        private int size;

        int size() {
            return size;
        }

        String name(int i) {
            return names[i];
        }

        Object value(int i) {
            return values[i];
        }

        /** The first member of exactly that name. */
        Object get(String name) {
            for (int i = 0; i < size; i++) {
                if (names[i].equals(name)) {
                    return values[i];
                }
            }
            return null;
        }

        private void add(String name, Object value) {
            if (size == names.length) {
                names = Arrays.copyOf(names, 2 * size);
                values = Arrays.copyOf(values, 2 * size);
            }
            names[size] = name;
            values[size++] = value;
        }
    }

    static Object parse(byte[] data) throws Rejected {
        boolean escapes = checkBytes(data);
        try (JsonParser parser = FACTORY.createParser(data)) {
            if (parser.nextToken() == null) {
                throw Rejected.malformed("Malformed JSON: nothing there");
            }
            Object value = value(parser, escapes);
            if (parser.nextToken() != null) {
                throw Rejected.malformed("Malformed JSON: more than one value");
            }
            return value;
        } catch (IOException e) {
            throw Rejected.malformed("Malformed JSON");
        }
    }

    private static Object value(JsonParser parser, boolean escapes) throws IOException, Rejected {
        switch (parser.currentToken()) {
            case START_OBJECT:
                return node(parser, escapes);
            case START_ARRAY:
                skipList(parser, escapes);
                return LIST;
            case VALUE_STRING:
                return text(parser, escapes);
            case VALUE_NUMBER_INT:
            case VALUE_NUMBER_FLOAT:
                return new Number(parser.getText());
            case VALUE_TRUE:
                return Boolean.TRUE;
            case VALUE_FALSE:
                return Boolean.FALSE;
            default:
                return NULL;
        }
    }

    private static Node node(JsonParser parser, boolean escapes) throws IOException, Rejected {
        Node node = new Node();
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            String name = text(parser, escapes);
            parser.nextToken();
            node.add(name, value(parser, escapes));
        }
        return node;
    }

    private static void skipList(JsonParser parser, boolean escapes) throws IOException, Rejected {
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            value(parser, escapes);
        }
    }

    private static String text(JsonParser parser, boolean escapes) throws IOException, Rejected {
        String text = parser.getText();
        if (escapes && hasBadCharacter(text)) {
            throw Rejected.malformed("Malformed JSON: U+0000 or a lone surrogate");
        }
        return text;
    }

    /** UTF-8 of which Jackson is not strict enough. Returns whether there is any \\u escape. */
    private static boolean checkBytes(byte[] data) throws Rejected {
        boolean ascii = true;
        boolean escapes = false;
        for (int i = 0; i < data.length; i++) {
            byte b = data[i];
            ascii &= b >= 0;
            escapes |= b == 'u' && i > 0 && data[i - 1] == '\\';
        }
        boolean mark = data.length > 2 && data[0] == (byte) 0xEF && data[1] == (byte) 0xBB
                && data[2] == (byte) 0xBF;
        if (mark || !ascii && decode(data) == null) {
            throw Rejected.malformed("Malformed JSON: not UTF-8");
        }
        return escapes;
    }

    /** Null where it is not UTF-8. */
    static String decode(byte[] data) {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .onMalformedInput(CodingErrorAction.REPORT)
                    .onUnmappableCharacter(CodingErrorAction.REPORT)
                    .decode(ByteBuffer.wrap(data))
                    .toString();
        } catch (CharacterCodingException e) {
            return null;
        }
    }

    private static boolean hasBadCharacter(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == 0 || Character.isLowSurrogate(c)) {
                return true;
            }
            if (Character.isHighSurrogate(c)) {
                if (i + 1 == text.length() || !Character.isLowSurrogate(text.charAt(i + 1))) {
                    return true;
                }
                i++;
            }
        }
        return false;
    }
}
