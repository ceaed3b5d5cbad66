package peer;

import java.math.BigDecimal;
import java.util.HashMap;
import java.util.Map;

/**
 * One record as received to one {@link Change}: what the benchmark feeds of the input that
 * schemas/README.md describes, flat records by event time, in JSON or Avro. One for each thread.
 */
final class Staging {
    private static final String UNAVAILABLE = "__debezium_unavailable_value";
    private static final int MAX_TEXT_BYTES = 32768;
    private static final int MAX_KNOWN_NAMES = 1000;

    /** Fields by their normalized names; of two names for one field the first is the better one. */
    enum Field {
        CUSTOMER_ID("customerid"),
        CUSTOMER_NAME("customername", "name"),
        HAS_LOAN("hasloan", "hasloanflag"),
        ACCOUNT_ID("accountid"),
        BALANCE("balance", "balanceamount"),
        ACCOUNT_TYPE("accounttype"),
        UPDATED_AT("updatedat");

        final String[] names;

        Field(String... names) {
            this.names = names;
        }
    }

    record Match(Field field, int rank) {}

    private static final Match UNKNOWN = new Match(null, 0);
    private static final Map<String, Match> FIELDS = new HashMap<>();

    static {
        for (Field field : Field.values()) {
            for (int rank = 0; rank < field.names.length; rank++) {
                FIELDS.put(field.names[rank], new Match(field, rank));
            }
        }
    }

    private final Entity entity;
    private final Field[] fields;
    private final int maxBytes;
    private final AvroRows avro; // null: all input is JSON
    private final Map<String, Match> known = new HashMap<>();
    private final Object[] values = new Object[Field.values().length];
    private final int[] ranks = new int[Field.values().length];

    Staging(Entity entity, int maxBytes, SchemaRegistry registry) {
        this.entity = entity;
        this.maxBytes = maxBytes;
        this.avro = registry == null ? null : new AvroRows(registry, this::match);
        this.fields = entity == Entity.CUSTOMERS
                ? new Field[] {Field.CUSTOMER_ID, Field.CUSTOMER_NAME, Field.HAS_LOAN,
                        Field.UPDATED_AT}
                : new Field[] {Field.ACCOUNT_ID, Field.CUSTOMER_ID, Field.BALANCE,
                        Field.ACCOUNT_TYPE, Field.UPDATED_AT};
    }

    Change stage(byte[] key, byte[] value, long timestampMs) throws Rejected {
        if (value == null) {
            return tombstone(key, timestampMs);
        }
        if (value.length > maxBytes) {
            throw new Rejected("too_large", "Record too large: " + value.length + " bytes");
        }
        if (avro != null && AvroRows.isFramed(value)) {
            avro.read(value, values);
            return upsert(null, timestampMs);
        }
        if (!(Json.parse(value) instanceof Json.Node record)) {
            throw Rejected.malformed("Malformed JSON: not an object");
        }
        if (record.get("schema") != null) {
            Object payload = record.get("payload");
            if (payload == Json.NULL) {
                return tombstone(key, timestampMs);
            }
            if (payload instanceof Json.Node node) {
                record = node;
            }
        }
        boolean envelope = record.get("before") != null || record.get("after") != null
                || record.get("source") instanceof Json.Node;
        return record.get("op") != null && envelope
                ? envelope(key, record, timestampMs)
                : flat(record, timestampMs);
    }

    private Change tombstone(byte[] key, long timestampMs) throws Rejected {
        return new Change(id(idInKey(key)), timestampMs, null, true);
    }

    private Change envelope(byte[] key, Json.Node record, long timestampMs) throws Rejected {
        Object source = record.get("source");
        Long sourceMs = null;
        if (source instanceof Json.Node node) {
            sourceMs = sourceTime(node.get("ts_ms"));
        } else if (source != null && source != Json.NULL) {
            throw Rejected.malformed("Malformed envelope: source is not an object");
        }
        Object op = record.get("op");
        if (isNested(op)) {
            throw Rejected.malformed("Malformed envelope: op is not a text");
        }
        checkOp(op);
        if (!"d".equals(op)) {
            if (!(record.get("after") instanceof Json.Node after)) {
                throw Rejected.malformed("Malformed envelope: after is not an object");
            }
            pick(after);
            return upsert(sourceMs, timestampMs);
        }
        Object before = record.get("before");
        if (before == null || before == Json.NULL) {
            before = new Json.Node();
        }
        if (!(before instanceof Json.Node row)) {
            throw Rejected.malformed("Malformed envelope: before is not an object");
        }
        return delete(row, key, true, sourceMs, timestampMs);
    }

    private Change flat(Json.Node record, long timestampMs) throws Rejected {
        Long sourceMs = sourceTime(record.get("__source_ts_ms"));
        Object op = record.get("__op");
        Object deleted = record.get("__deleted");
        if (isNested(op) || isNested(deleted)) {
            throw Rejected.malformed("Malformed record: __op or __deleted is not a value");
        }
        if (op != null && op != Json.NULL && !isOp(op)) {
            pick(record); // malformed comes first
            checkOp(op);
        }
        String isDeleted = text(deleted);
        if ("d".equals(op) || isDeleted != null && Texts.equalsAscii(isDeleted, "true")) {
            return delete(record, null, false, sourceMs, timestampMs);
        }
        pick(record);
        return upsert(sourceMs, timestampMs);
    }

    private static void checkOp(Object op) throws Rejected {
        if (!isOp(op)) {
            throw new Rejected("unsupported_op", "Unsupported operation: " + text(op));
        }
    }

    private static boolean isOp(Object op) {
        return "c".equals(op) || "r".equals(op) || "u".equals(op) || "d".equals(op);
    }

    /** A delete checks only its id and its event time. */
    private Change delete(Json.Node row, byte[] key, boolean idMayBeInKey, Long sourceMs,
            long timestampMs) throws Rejected {
        pickAll(row);
        Field idField = fields[0];
        checkPicked(idField);
        checkPicked(Field.UPDATED_AT);
        Object id = values[idField.ordinal()];
        if (idMayBeInKey && (id == null || id == Json.NULL)) {
            id = idInKey(key);
        }
        return new Change(id(id), eventTime(sourceMs, timestampMs), null, false);
    }

    private Change upsert(Long sourceMs, long timestampMs) throws Rejected {
        String id = id(values[fields[0].ordinal()]);
        Attributes state = entity == Entity.CUSTOMERS
                ? new Customer(customerName(), hasLoan())
                : new Account(
                        customerId(values[Field.CUSTOMER_ID.ordinal()]), balance(), isSavings());
        return new Change(id, eventTime(sourceMs, timestampMs), state, false);
    }

    // --- fields

    /** Fills `values`; raises where a known field holds no value. */
    private void pick(Json.Node record) throws Rejected {
        pickAll(record);
        for (Field field : fields) {
            checkPicked(field);
        }
    }

    private void pickAll(Json.Node record) {
        for (Field field : Field.values()) {
            values[field.ordinal()] = null;
            ranks[field.ordinal()] = Integer.MAX_VALUE;
        }
        for (int i = 0; i < record.size(); i++) {
            Match match = match(record.name(i));
            if (match.field != null && match.rank < ranks[match.field.ordinal()]) {
                ranks[match.field.ordinal()] = match.rank;
                values[match.field.ordinal()] = record.value(i);
            }
        }
    }

    private void checkPicked(Field field) throws Rejected {
        Object value = values[field.ordinal()];
        if (isNested(value)
                || value instanceof String text && Texts.trim(text).equals(UNAVAILABLE)) {
            throw Rejected.malformed("Malformed record: no value in " + field.name().toLowerCase());
        }
    }

    private Match match(String name) {
        Match match = known.get(name);
        if (match == null) {
            match = FIELDS.getOrDefault(normalized(name), UNKNOWN);
            if (known.size() < MAX_KNOWN_NAMES) {
                known.put(name, match);
            }
        }
        return match;
    }

    private static String normalized(String name) {
        StringBuilder text = new StringBuilder(name.length());
        int start = 0;
        while (start < name.length()
                && (name.charAt(start) == 0xfeff || name.charAt(start) == 0x200b)) {
            start++; // byte order marks and zero-width spaces
        }
        for (int i = start; i < name.length(); i++) {
            char c = name.charAt(i);
            if (c != ' ' && c != '_' && c != '-') {
                text.append(c >= 'A' && c <= 'Z' ? (char) (c + 32) : c);
            }
        }
        return text.toString();
    }

    private static boolean isNested(Object value) {
        return value == Json.LIST || value instanceof Json.Node;
    }

    /** The trimmed text of a scalar of JSON or Avro; null where there is no value. */
    private static String text(Object value) {
        if (value instanceof String text) {
            return Texts.trim(text);
        }
        if (value instanceof Json.Number number) {
            return number.token();
        }
        if (value instanceof BigDecimal number) {
            return number.toPlainString();
        }
        return value instanceof Boolean || value instanceof Long ? value.toString() : null;
    }

    // --- rules

    private String id(Object value) throws Rejected {
        return entity == Entity.CUSTOMERS ? Long.toString(customerId(value)) : accountId(value);
    }

    private static long customerId(Object value) throws Rejected {
        if (value instanceof Long id) {
            return id;
        }
        String text = text(value);
        if (Texts.isNull(text)) {
            throw new Rejected("invalid_customer_id", "Invalid customer_id: null or empty");
        }
        Long id = Texts.int64(text);
        if (id == null) {
            throw new Rejected(
                    "invalid_customer_id", "Invalid customer_id: non-numeric value (" + text + ")");
        }
        return id;
    }

    private static String accountId(Object value) throws Rejected {
        String text = text(value);
        if (Texts.isNull(text)) {
            throw new Rejected("invalid_account_id", "Invalid account_id: null or empty");
        }
        checkLength(text, "account_id");
        return text;
    }

    private static void checkLength(String text, String field) throws Rejected {
        if (text.length() > MAX_TEXT_BYTES / 3 && Texts.utf8Length(text) > MAX_TEXT_BYTES) {
            throw new Rejected("too_large", "Value too large: " + field);
        }
    }

    private String customerName() throws Rejected {
        String text = text(values[Field.CUSTOMER_NAME.ordinal()]);
        if (Texts.isNull(text) || Texts.isBlank(text)) {
            throw new Rejected("invalid_name", "Invalid name: null or empty");
        }
        checkLength(text, "customer_name");
        return Texts.lower(text);
    }

    private boolean hasLoan() throws Rejected {
        if (values[Field.HAS_LOAN.ordinal()] instanceof Boolean flag) {
            return flag;
        }
        String text = text(values[Field.HAS_LOAN.ordinal()]);
        if (Texts.isNull(text) || Texts.isOneOf(text, "no", "n", "false", "0")) {
            return false;
        }
        if (Texts.isOneOf(text, "yes", "y", "true", "1")) {
            return true;
        }
        Long number = Texts.int64(text);
        if (number != null && (number == 0 || number == 1)) {
            return number == 1;
        }
        throw new Rejected("invalid_has_loan", "Invalid has_loan value: " + text);
    }

    private long balance() throws Rejected {
        Long typed = AvroRows.cents(values[Field.BALANCE.ordinal()]);
        if (typed != null) {
            return typed;
        }
        String text = text(values[Field.BALANCE.ordinal()]);
        if (text == null || text.isEmpty()) {
            throw new Rejected("invalid_balance", "Invalid balance: null or empty");
        }
        if (Texts.isNull(text)) {
            throw new Rejected(
                    "invalid_balance", "Invalid balance: null representation (" + text + ")");
        }
        Long cents = Texts.cents(text);
        if (cents == null) {
            throw new Rejected(
                    "invalid_balance", "Invalid balance: non-numeric value (" + text + ")");
        }
        if (cents < 0) {
            throw new Rejected("invalid_balance", "Invalid balance: negative value (" + text + ")");
        }
        return cents;
    }

    private boolean isSavings() throws Rejected {
        String text = text(values[Field.ACCOUNT_TYPE.ordinal()]);
        if (Texts.isNull(text)) {
            throw new Rejected("invalid_account_type", "Invalid account_type: null or empty");
        }
        if (Texts.equalsAscii(text, "savings")) {
            return true;
        }
        if (Texts.equalsAscii(text, "checking")) {
            return false;
        }
        throw new Rejected("invalid_account_type",
                "Invalid account_type: must be Savings or Checking (" + text + ")");
    }

    // --- times

    private static Long sourceTime(Object value) throws Rejected {
        if (value == null || value == Json.NULL) {
            return null;
        }
        Long ms = isNested(value) || value instanceof Boolean ? null : Texts.int64(text(value));
        if (!Texts.isTime(ms)) {
            throw Rejected.malformed("Malformed record: source time");
        }
        return ms;
    }

    private long eventTime(Long sourceMs, long timestampMs) throws Rejected {
        if (sourceMs != null) {
            return sourceMs;
        }
        Object value = values[Field.UPDATED_AT.ordinal()];
        if (value instanceof AvroRows.Millis time && Texts.isTime(time.ms())) {
            return time.ms();
        }
        String text = value instanceof AvroRows.Millis time ? "" + time.ms() : text(value);
        if (Texts.isNull(text)) {
            return timestampMs;
        }
        Long ms = Texts.epochTime(text);
        if (ms == null) {
            ms = Texts.isoTime(text);
        }
        if (!Texts.isTime(ms)) {
            throw new Rejected("invalid_updated_at", "Invalid updated_at: " + text);
        }
        return ms;
    }

    // --- keys

    /**
     * The id that a message key holds: bare text, a JSON string, a JSON object with or without
     * schema, or a record in Avro.
     */
    private Object idInKey(byte[] key) throws Rejected {
        if (avro != null && key != null && AvroRows.isFramed(key)) {
            avro.read(key, values);
            return values[fields[0].ordinal()];
        }
        String decoded = key == null ? null : Json.decode(key);
        if (decoded == null) {
            throw Rejected.malformed("Malformed key: a delete without an id");
        }
        String text = Texts.trim(decoded);
        if (!text.startsWith("{") && !text.startsWith("\"")) {
            return text;
        }
        Object value = Json.parse(key);
        if (value instanceof Json.Node node && node.get("schema") != null
                && node.get("payload") != null) {
            value = node.get("payload");
        }
        if (value instanceof Json.Node node) {
            Object[] saved = values.clone();
            pickAll(node);
            checkPicked(fields[0]);
            value = values[fields[0].ordinal()];
            System.arraycopy(saved, 0, values, 0, values.length);
        }
        if (isNested(value)) {
            throw Rejected.malformed("Malformed key: not a value");
        }
        return value;
    }
}
