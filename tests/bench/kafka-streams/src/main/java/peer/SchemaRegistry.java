package peer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.avro.Schema;

/** Schemas by their ids, over Confluent's REST API. Each is fetched once, for all threads. */
final class SchemaRegistry {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final HttpClient client = HttpClient.newHttpClient();
    private final Map<Integer, Optional<Schema>> known = new ConcurrentHashMap<>();
    private final String url;

    SchemaRegistry(String url) {
        this.url = url;
    }

    Schema byId(int id) throws Rejected {
        return known.computeIfAbsent(id, this::fetch)
                .orElseThrow(() -> new Rejected("unknown_schema", "Unknown schema: id " + id));
    }

    /** Empty where the registry does not know it. Any other failure ends the program. */
    private Optional<Schema> fetch(int id) {
        URI address = URI.create(url + "/schemas/ids/" + id);
        try {
            HttpResponse<byte[]> answer =
                    client.send(HttpRequest.newBuilder(address).build(),
                            HttpResponse.BodyHandlers.ofByteArray());
            if (answer.statusCode() == 404) {
                return Optional.empty();
            }
            if (answer.statusCode() != 200) {
                throw new IOException(address + ": status " + answer.statusCode());
            }
            JsonNode body = JSON.readTree(answer.body());
            return Optional.of(new Schema.Parser().parse(body.get("schema").asText()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(address + ": interrupted", e);
        }
    }
}
