import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.math.BigDecimal;
import java.util.Base64;
import java.util.Date;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.storage.Converter;

/**
 * What a sink of Kafka Connect gets: reads values by a converter and prints the records.
 *
 * Arguments: the converter's class, then its settings as key=value. Each line of standard input is
 * a topic, a space and a value in base64. Each line of standard output is a JSON object that has,
 * of each field, the schema's type and name, the class of the value, and the value.
 */
public class ReadValues {
    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] arguments) throws Exception {
        Map<String, String> settings = new HashMap<>();
        for (int i = 1; i < arguments.length; i++) {
            String[] setting = arguments[i].split("=", 2);
            settings.put(setting[0], setting[1]);
        }
        Converter converter =
                (Converter) Class.forName(arguments[0]).getDeclaredConstructor().newInstance();
        converter.configure(settings, false);
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String[] parts = line.split(" ", 2);
            byte[] bytes = Base64.getDecoder().decode(parts[1]);
            System.out.println(describe(converter.toConnectData(parts[0], bytes)));
        }
    }

    private static ObjectNode describe(SchemaAndValue record) {
        ObjectNode fields = JSON.createObjectNode();
        Struct row = (Struct) record.value();
        row.validate();
        for (Field field : record.schema().fields()) {
            Object value = row.get(field);
            ObjectNode described = fields.putObject(field.name());
            described.put("type", field.schema().type().getName());
            described.put("name", field.schema().name());
            described.put("optional", field.schema().isOptional());
            described.put("class", value == null ? null : value.getClass().getName());
            described.set("value", JSON.valueToTree(plain(value)));
        }
        return fields;
    }

    private static Object plain(Object value) {
        if (value instanceof BigDecimal) {
            return ((BigDecimal) value).toPlainString();
        }
        return value instanceof Date ? ((Date) value).getTime() : value;
    }
}
