package peer;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler;

/**
 * `KafkaStreamsPeer FILE`: does what `streamer run` does, by Kafka Streams. Prints "ready" when it
 * runs.
 */
public final class KafkaStreamsPeer {
    private static final List<String> RESULTS = List.of("customer_history", "account_history",
            "account_with_customer", "account_summary", "customer_profile");
    private static final Duration CLOSE_WITHIN = Duration.ofSeconds(60);

    private KafkaStreamsPeer() {}

    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 1) {
            System.err.println("usage: KafkaStreamsPeer PROPERTIES");
            System.exit(2);
        }
        Settings settings = Settings.load(Path.of(arguments[0]));
        int partitions = createTopics(settings);
        KafkaStreams streams =
                new KafkaStreams(Pipeline.build(settings, partitions), settings.forStreams());
        System.exit(run(streams) ? 0 : 1);
    }

    /** Until the process is told to stop (which ends in the hook, by 0) or fails. */
    private static boolean run(KafkaStreams streams) throws InterruptedException {
        CountDownLatch failed = new CountDownLatch(1);
        streams.setUncaughtExceptionHandler(e -> {
            e.printStackTrace();
            return StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.setStateListener((now, old) -> {
            if (now == KafkaStreams.State.RUNNING) {
                System.out.println("ready");
                System.out.flush();
            } else if (now == KafkaStreams.State.ERROR) {
                failed.countDown();
            }
        });
        Thread hook =
                new Thread(() -> Runtime.getRuntime().halt(streams.close(CLOSE_WITHIN) ? 0 : 1));
        Runtime.getRuntime().addShutdownHook(hook);
        streams.start();
        failed.await();
        Runtime.getRuntime().removeShutdownHook(hook);
        return false;
    }

    /** Returns the number of partitions of the results. */
    private static int createTopics(Settings settings)
            throws ExecutionException, InterruptedException {
        try (Admin admin = Admin.create(
                     Map.of("bootstrap.servers", settings.text("bootstrap.servers")))) {
            List<String> inputs = List.of(settings.topic("customers"), settings.topic("accounts"));
            int partitions = settings.partitions();
            for (var topic : admin.describeTopics(inputs).allTopicNames().get().values()) {
                partitions = Math.max(partitions, topic.partitions().size());
            }
            List<NewTopic> topics = new ArrayList<>();
            for (String name : RESULTS) {
                topics.add(topic(
                        settings.topic(name), partitions, Map.of("cleanup.policy", "compact")));
            }
            topics.add(
                    topic(settings.topic("quarantine"), partitions, Map.of("retention.ms", "-1")));
            Set<String> present = admin.listTopics().names().get();
            topics.removeIf(topic -> present.contains(topic.name()));
            create(admin, topics);
            return partitions;
        }
    }

    private static NewTopic topic(String name, int partitions, Map<String, String> config) {
        return new NewTopic(name, Optional.of(partitions), Optional.empty()).configs(config);
    }

    private static void create(Admin admin, List<NewTopic> topics)
            throws ExecutionException, InterruptedException {
        for (var created : admin.createTopics(topics).values().values()) {
            try {
                created.get();
            } catch (ExecutionException e) {
                // Another instance may have been faster.
                if (!(e.getCause() instanceof TopicExistsException)) {
                    throw e;
                }
            }
        }
    }
}
