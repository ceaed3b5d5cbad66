package peer;

import java.util.Arrays;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.streams.processor.StreamPartitioner;

/** A history's key is `<id>|<valid_from>`, its partition that of the id: murmur2(id) % n. */
final class IdPartitioner implements StreamPartitioner<byte[], byte[]> {
    @Override
    public Optional<Set<Integer>> partitions(
            String topic, byte[] key, byte[] value, int partitions) {
        int end = key.length - 1;
        while (key[end] != '|') {
            end--;
        }
        return Optional.of(
                Set.of(Utils.toPositive(Utils.murmur2(Arrays.copyOf(key, end))) % partitions));
    }
}
