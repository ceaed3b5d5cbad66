package peer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.streams.processor.StreamPartitioner;

/** A history's key is `<id>|<valid_from>`, its partition that of the id: murmur2(id) % n. */
final class IdPartitioner implements StreamPartitioner<byte[], byte[]> {
    @Override
    public Optional<Set<Integer>> partitions(String topic, byte[] key, byte[] value, int partitions) {
        int end = key.length - 1;
        while (key[end] != '|') {
            end--;
        }
        return Optional.of(Set.of(Utils.toPositive(Utils.murmur2(Arrays.copyOf(key, end))) % partitions));
    }

    static byte[] key(byte[] id, long fromMs) {
        byte[] suffix = ("|" + fromMs).getBytes(StandardCharsets.US_ASCII);
        byte[] key = Arrays.copyOf(id, id.length + suffix.length);
        System.arraycopy(suffix, 0, key, id.length, suffix.length);
        return key;
    }
}
