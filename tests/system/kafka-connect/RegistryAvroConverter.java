import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.apicurio.registry.utils.converter.avro.AvroData;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.storage.Converter;

/**
 * Connect's data as Avro in Confluent's wire format, with a registry that speaks Confluent's REST
 * API. It stands for Confluent's AvroConverter, which is not on Maven Central. Apicurio's AvroData
 * translates schemas and values.
 */
public class RegistryAvroConverter implements Converter {
    private static final int HEAD_BYTES = 5; // 0, then the id of the schema

    private final AvroData data = new AvroData(100);
    private final ObjectMapper json = new ObjectMapper();
    private final HttpClient http = HttpClient.newHttpClient();
    private final Map<Map.Entry<String, org.apache.avro.Schema>, Integer> ids =
            new ConcurrentHashMap<>();
    private final Map<Integer, org.apache.avro.Schema> schemas = new ConcurrentHashMap<>();
    private String url;
    private String suffix;

    @Override
    public void configure(Map<String, ?> settings, boolean isKey) {
        url = (String) settings.get("schema.registry.url");
        suffix = isKey ? "-key" : "-value";
    }

    @Override
    public byte[] fromConnectData(String topic, Schema schema, Object value) {
        if (value == null) {
            return null;
        }
        org.apache.avro.Schema avro = data.fromConnectSchema(schema);
        int id = ids.computeIfAbsent(
                Map.entry(topic + suffix, avro), of -> register(of.getKey(), of.getValue()));
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try {
            bytes.write(ByteBuffer.allocate(HEAD_BYTES).putInt(1, id).array());
            BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(bytes, null);
            Object datum = data.fromConnectData(schema, value);
            new GenericDatumWriter<>(avro).write(datum, encoder);
            encoder.flush();
        } catch (IOException e) {
            throw new DataException(e);
        }
        return bytes.toByteArray();
    }

    @Override
    public SchemaAndValue toConnectData(String topic, byte[] bytes) {
        if (bytes == null) {
            return SchemaAndValue.NULL;
        }
        org.apache.avro.Schema avro =
                schemas.computeIfAbsent(ByteBuffer.wrap(bytes).getInt(1), this::fetch);
        var decoder = DecoderFactory.get()
                .binaryDecoder(bytes, HEAD_BYTES, bytes.length - HEAD_BYTES, null);
        try {
            return data.toConnectData(avro, new GenericDatumReader<>(avro).read(null, decoder));
        } catch (IOException e) {
            throw new DataException(e);
        }
    }

    private int register(String subject, org.apache.avro.Schema schema) {
        String body = json.createObjectNode().put("schema", schema.toString()).toString();
        HttpRequest.Builder request = request("/subjects/" + subject + "/versions");
        return ask(request.POST(BodyPublishers.ofString(body))).get("id").asInt();
    }

    private org.apache.avro.Schema fetch(int id) {
        String text = ask(request("/schemas/ids/" + id)).get("schema").asText();
        return new org.apache.avro.Schema.Parser().parse(text);
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(URI.create(url + path))
                .header("Content-Type", "application/vnd.schemaregistry.v1+json");
    }

    private JsonNode ask(HttpRequest.Builder request) {
        try {
            var reply = http.send(request.build(), BodyHandlers.ofString());
            if (reply.statusCode() != 200) {
                throw new DataException(reply.statusCode() + " " + reply.body());
            }
            return json.readTree(reply.body());
        } catch (IOException e) {
            throw new RetriableException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new RetriableException(e);
        }
    }
}
