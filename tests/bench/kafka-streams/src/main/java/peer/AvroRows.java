package peer;

import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.apache.avro.AvroRuntimeException;
import org.apache.avro.LogicalTypes;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;

/**
 * Flat records in Avro, in the registry's wire format: a zero byte, the schema's id in four bytes,
 * and the data. A schema is prepared once; its reader, the decoder and the record are used again.
 * One for each thread.
 *
 * <p>A value is a String, a Boolean, a Long, a BigDecimal (a decimal) or {@link Millis} (a
 * timestamp); null stands for no value.
 */
final class AvroRows {
    private static final int FRAME_BYTES = 5;

    record Millis(long ms) {}

    /** A member of the record that is a field of ours. */
    private record Column(Staging.Field field, int position, Function<Object, Object> convert) {}

    private static final class Plan {
        final GenericDatumReader<GenericRecord> reader;
        final Column[] columns;
        GenericRecord record;

        Plan(Schema schema, Column[] columns) {
            this.reader = new GenericDatumReader<>(schema);
            this.columns = columns;
        }
    }

    private final SchemaRegistry registry;
    private final Function<String, Staging.Match> match;
    private final Map<Integer, Plan> plans = new HashMap<>();
    private BinaryDecoder decoder;

    /** `match`: which field a name means. */
    AvroRows(SchemaRegistry registry, Function<String, Staging.Match> match) {
        this.registry = registry;
        this.match = match;
    }

    static boolean isFramed(byte[] bytes) {
        return bytes.length > 0 && bytes[0] == 0;
    }

    /** Sets the values of all fields, by their ordinals. */
    void read(byte[] bytes, Object[] values) throws Rejected {
        if (bytes.length < FRAME_BYTES) {
            throw Rejected.malformed("Malformed Avro: no schema id");
        }
        Plan plan = plan(ByteBuffer.wrap(bytes).getInt(1));
        decode(plan, bytes);
        Arrays.fill(values, null);
        for (Column column : plan.columns) {
            Object value = plan.record.get(column.position);
            values[column.field.ordinal()] = value == null ? null : column.convert.apply(value);
        }
    }

    /** Cents of a decimal that is not negative and has no more than two digits behind the point. */
    static Long cents(Object value) {
        if (!(value instanceof BigDecimal number) || number.signum() < 0 || number.scale() > 2
                || number.precision() - number.scale() > 16) {
            return null;
        }
        return number.movePointRight(2).longValueExact();
    }

    private void decode(Plan plan, byte[] bytes) throws Rejected {
        decoder = DecoderFactory.get().binaryDecoder(
                bytes, FRAME_BYTES, bytes.length - FRAME_BYTES, decoder);
        try {
            plan.record = plan.reader.read(plan.record, decoder);
            if (!decoder.isEnd()) {
                throw Rejected.malformed("Malformed Avro: bytes behind the record");
            }
        } catch (IOException | AvroRuntimeException e) {
            throw Rejected.malformed("Malformed Avro");
        }
    }

    // --- schemas

    private Plan plan(int id) throws Rejected {
        Plan plan = plans.get(id);
        if (plan == null) {
            plan = prepare(registry.byId(id));
            plans.put(id, plan);
        }
        return plan;
    }

    private Plan prepare(Schema schema) {
        List<Column> columns = new ArrayList<>();
        for (Schema.Field member : schema.getFields()) {
            Staging.Field field = match.apply(member.name()).field();
            if (field != null) {
                columns.add(new Column(field, member.pos(), conversion(typeOf(member.schema()))));
            }
        }
        return new Plan(schema, columns.toArray(new Column[0]));
    }

    /** The type that is not null, of a union. */
    private static Schema typeOf(Schema schema) {
        if (!schema.isUnion()) {
            return schema;
        }
        List<Schema> types = new ArrayList<>(schema.getTypes());
        types.removeIf(type -> type.getType() == Schema.Type.NULL);
        return types.get(0);
    }

    private static Function<Object, Object> conversion(Schema type) {
        switch (type.getType()) {
            case STRING:
                GenericData.setStringType(type, GenericData.StringType.String);
                return Object::toString;
            case BOOLEAN:
                return value -> value;
            case INT:
            case LONG:
                return type.getLogicalType() instanceof LogicalTypes.TimestampMillis
                        ? value -> new Millis((Long) value)
                        : value -> ((Number) value).longValue();
            case BYTES:
                int scale = ((LogicalTypes.Decimal) type.getLogicalType()).getScale();
                return value -> decimal((ByteBuffer) value, scale);
            default:
                throw new IllegalStateException("the benchmark has no fields of type " + type);
        }
    }

    private static BigDecimal decimal(ByteBuffer bytes, int scale) {
        return new BigDecimal(
                new BigInteger(bytes.array(), bytes.arrayOffset() + bytes.position(),
                        bytes.remaining()),
                scale);
    }
}
