"""Other rates take effect at the next start, on every row, with or without the local state."""

import shutil
from decimal import Decimal
from pathlib import Path

import pytest
from kafka import KafkaBroker
from model import Model
from scenario import RECORD_MAX_BYTES, Scenario, load

PARTITIONS = (2, 3)
TIERS = (
    (Decimal("500"), Decimal("0.003")),
    (Decimal("15000"), Decimal("0.1")),
    (None, Decimal("0.025")),
)
SETTINGS = {
    "rates.tiers": "500:0.003,15000:0.1,*:0.025",
    "rates.loan.bonus": "0.011",
    "transaction.max.messages": "7",
}


@pytest.mark.parametrize("state", ["kept", "lost"])
def test_rates__change(broker: KafkaBroker, tmp_path: Path, state: str) -> None:
    records = load(1500, PARTITIONS, "keyed", large=False)
    with Scenario(broker, tmp_path, PARTITIONS) as s:
        s.fed.feed(records[:1000])
        s.streamer.start()
        s.wait_drained()
        s.check()
        s.streamer.stop()
        s.streamer = s.another(tmp_path / "one", SETTINGS)
        if state == "lost":
            shutil.rmtree(s.streamer.settings["state.dir"])
        s.fed.model = with_other_rates(s, records[:1000])
        s.streamer.start()
        s.streamer.wait_ready()
        s.check()
        s.fed.feed(records[1000:])
        s.wait_drained()
        s.check()
        s.streamer.stop()


def with_other_rates(s: Scenario, records: list) -> Model:
    """A model that has seen the same; each record has the offset that it got in its partition."""
    model = Model(record_max_bytes=RECORD_MAX_BYTES, tiers=TIERS, bonus=Decimal("0.011"))
    offsets: dict[tuple[str, int], int] = {}
    for r in records:
        offset = offsets.setdefault((r.topic, r.partition), 0)
        model.apply(r.topic, r.partition, offset, r.timestamp_ms, r.key, r.value, r.headers)
        offsets[(r.topic, r.partition)] += 1
    return model
