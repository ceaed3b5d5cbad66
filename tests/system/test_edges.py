"""What clusters and producers do at the edges: lost group offsets, odd timestamps, transactional
producers."""

from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from kafka import KafkaBroker
from process import wait_until
from results import read_topic
from scenario import Scenario, load

PARTITIONS = (2, 2)
FUTURE = {"message.timestamp.after.max.ms": str(2**63 - 1)}


def test_edges__lost_group_offsets_stop_it(broker: KafkaBroker, tmp_path: Path) -> None:
    """As when they expire: it must not process everything once more."""
    with Scenario(broker, tmp_path, PARTITIONS, {"instance.id": ""}) as s:
        s.fed.feed(load(300, PARTITIONS, "keyed", large=False))
        s.streamer.start()
        s.wait_drained()
        s.streamer.stop()
        before = len(read_topic(broker.bootstrap, s.names["quarantine"]))
        # The client must live until the answer is there.
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        admin.delete_consumer_groups([s.app_id])[s.app_id].result(60)
        s.streamer.start()
        assert s.streamer.wait_exit() == 1
        line = s.streamer.stderr.read_text().splitlines()[-1]
        assert "no committed offsets" in line and "streamer reset" in line, line
        assert len(read_topic(broker.bootstrap, s.names["quarantine"])) == before


def test_edges__timestamps_from_the_future(broker: KafkaBroker, tmp_path: Path) -> None:
    """The quarantine and the repartition topics take what the input topic took."""
    with Scenario(broker, tmp_path, (1, 2)) as s:
        for name in ("customers", "accounts"):
            broker.topic_alter(s.names[name], FUTURE)
        producer = Producer({"bootstrap.servers": broker.bootstrap})
        future_ms = 4102444800000  # 2100-01-01
        producer.produce(
            s.names["customers"],
            value=b'{"customer_id":7,"customer_name":"Ann"}',
            timestamp=future_ms,
        )
        producer.produce(s.names["customers"], value=b"not JSON", timestamp=future_ms)
        producer.flush()
        s.fed.counts["customers"] += 2
        s.streamer.start()
        s.wait_drained()
        (rejected,) = read_topic(broker.bootstrap, s.names["quarantine"])
        assert (rejected.value, rejected.timestamp_ms) == (b"not JSON", future_ms)
        (version,) = read_topic(broker.bootstrap, s.names["customer_history"])
        assert version.row()["valid_from_at"] == "2100-01-01T00:00:00.000Z"
        s.streamer.stop()


def test_edges__transactional_producer(broker: KafkaBroker, tmp_path: Path) -> None:
    """Aborted records and markers at the end of an input leave no lag, and no gap for the next
    start."""
    with Scenario(broker, tmp_path, (1, 1)) as s:
        producer = Producer(
            {"bootstrap.servers": broker.bootstrap, "transactional.id": f"{s.app_id}-feeder"}
        )
        producer.init_transactions()
        for name, end in (
            ("Ann", producer.commit_transaction),
            ("Bob", producer.abort_transaction),
        ):
            producer.begin_transaction()
            producer.produce(
                s.names["customers"], value=f'{{"customer_id":7,"customer_name":"{name}"}}'.encode()
            )
            producer.flush()
            end()
        s.streamer.start()
        s.streamer.wait_ready()
        s.streamer.wait_lag_zero()
        # Its last marker may be written a little after abort_transaction has returned.
        topic = s.names["customers"]
        wait_until(
            "committed behind the markers",
            lambda: (
                broker.end_offsets(topic) == {0: 4} == broker.committed_offsets(s.app_id, topic)
            ),
            s.streamer.stderr,
        )
        (version,) = read_topic(broker.bootstrap, s.names["customer_history"])
        assert version.row()["customer_name"] == "ann"
        s.streamer.stop()
