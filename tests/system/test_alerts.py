"""A night: a customer waits for a schema registry that is down, and an account for that customer,
until the registry is back.

The program itself tells its webhook, whose receiver fails at first. Another path of the receiver
gets the OpenLineage events. Only an authority of the bank's own vouches for the receiver.
Prometheus scrapes the program, and its Alertmanager tells another receiver of docker/alerts.yml.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import confluent_kafka
import fastavro
import pytest
from kafka import ROOT
from logins import Authority
from openlineage.client import event_v2, facet_v2
from openlineage.client.serde import Serde
from process import wait_until
from prometheus import DOCKER, Alertmanager, Prometheus
from receiver import Receiver, Request
from registry import Registry
from streamer import EmbeddedStreamer, run_once, total
from test_registry import CUSTOMER, framed_customer

HOOK = "/services/T0/s3cret"
MANAGER = "/alertmanager"
LINEAGE = "/marquez/api/v1/lineage"
RULE = "StreamerOrphanAccounts"
RESULTS = (
    "customer_history",
    "account_history",
    "account_with_customer",
    "account_summary",
    "customer_profile",
)


def quick_rules(directory: Path) -> Path:
    """docker/alerts.yml, but one orphan is enough for its alert, and at once."""
    text = (DOCKER / "alerts.yml").read_text()
    rule = re.search(rf"- alert: {RULE}\n.*?(?=\n\n)", text, re.DOTALL)
    assert rule
    quick = rule[0].replace("> 100\n", "> 0\n").replace("for: 1h", "for: 1s")
    assert quick.count("> 0\n") == 1 and quick.count("for: 1s") == 1
    path = directory / "alerts.yml"
    path.write_text(text.replace(rule[0], quick))
    return path


@dataclass
class Night:
    """What the receiver has got when all is over, and what the program said."""

    streamer: EmbeddedStreamer
    began_at: datetime
    broke_at: datetime
    hooks: list[Request]
    managed: list[Request]
    lineage: list[Request]
    sent: float
    log: str


def produce(streamer: EmbeddedStreamer, **values: bytes) -> None:
    """A record for each of these topics."""
    producer = confluent_kafka.Producer({"bootstrap.servers": streamer.bootstrap()})
    for topic, value in values.items():
        producer.produce(topic, value)
    assert producer.flush(60) == 0


def break_it(streamer: EmbeddedStreamer, registry: Registry) -> None:
    """Nobody can say what the customer's schema is."""
    schema_id = registry.register("customers-value", CUSTOMER)
    registry.fault = 503
    account = b'{"account_id":"A","customer_id":7,"balance":"1","account_type":"Savings"}'
    produce(streamer, customers=framed_customer(schema_id, 7), accounts=account)


def states(managed: list[Request]) -> list[str]:
    """What Alertmanager said of the rule, each thing once."""
    told = [
        alert["status"]
        for request in managed
        for alert in request.body["alerts"]
        if alert["labels"]["alertname"] == RULE
    ]
    return list(dict.fromkeys(told))


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    directory = tmp_path_factory.mktemp("night")
    secret = directory / "webhook"
    with ExitStack() as stack:
        authority = Authority(directory / "authority")
        receiver = stack.enter_context(Receiver(authority.issue("receiver")))
        registry = stack.enter_context(Registry())
        for_manager = stack.enter_context(Receiver())
        secret.write_text(f"{receiver.url}{HOOK}\n")
        settings = {
            "app.id": "bank",
            "instance.id": "rack-1",
            "schema.registry.url": registry.url,
            "alert.webhook.url.file": str(secret),
            "alert.webhook.ssl.ca.location": str(authority.certificate),
            "openlineage.url": f"{receiver.url}/marquez",
            "openlineage.api.key": "lin3age",
            "openlineage.ssl.ca.location": str(authority.certificate),
        }
        streamer = EmbeddedStreamer(directory / "streamer", settings)
        began_at = datetime.now(UTC)
        stack.enter_context(streamer)
        manager = Alertmanager(directory / "alertmanager", f"{for_manager.url}{MANAGER}")
        stack.enter_context(manager)
        prometheus = Prometheus(
            directory / "prometheus",
            [streamer.settings["http.listen"]],
            quick_rules(directory),
            manager,
        )
        stack.enter_context(prometheus)
        streamer.wait_ready()

        def wait(what: str, check: Any) -> None:
            wait_until(what, check, streamer.stderr, streamer.process)

        wait("telling its lineage", lambda: receiver.requests(LINEAGE))
        receiver.answer(HOOK, 500, "silence", "reset")
        broke_at = datetime.now(UTC)
        break_it(streamer, registry)
        wait("telling the webhook", lambda: len(receiver.requests(HOOK)) == 4)
        manager.wait("firing", lambda: states(for_manager.requests(MANAGER)) == ["firing"])
        wait(
            "counting the message", lambda: total(streamer.metrics(), "streamer_alerts_sent_total")
        )
        registry.fault = None
        streamer.wait_ready()
        manager.wait(
            "resolved", lambda: states(for_manager.requests(MANAGER)) == ["firing", "resolved"]
        )
        sent = total(streamer.metrics(), "streamer_alerts_sent_total", result="ok")
        streamer.stop()
        yield Night(
            streamer,
            began_at,
            broke_at,
            receiver.requests(HOOK),
            for_manager.requests(MANAGER),
            receiver.requests(LINEAGE),
            sent,
            streamer.stderr.read_text(),
        )


# --- the webhook


def test_alerts__the_webhook_gets_one_message_in_four_attempts(night: Night) -> None:
    """It is not told of the recovery, as that waits for its minute, and the program ends before.

    The pauses are those before the second, third and fourth attempt; the second one also waited for
    an answer.
    """
    assert [request.answer for request in night.hooks] == [500, "silence", "reset", 200]
    assert len({request.raw for request in night.hooks}) == 1
    times = [request.at_s for request in night.hooks]
    pauses = [after - before for before, after in pairwise(times)]
    assert all(pause >= least for pause, least in zip(pauses, (0.9, 1.9, 3.9), strict=True))
    assert night.sent == 1


def test_alerts__the_message_says_what_where_and_since_when(night: Night) -> None:
    body = night.hooks[-1].body
    assert body["app"] == "bank"
    assert body["instance"] == "rack-1"
    assert body["check"] == "readiness"
    assert (body["previous"], body["status"]) == ("pass", "fail")
    assert "status 503" in body["message"]
    assert timedelta() <= datetime.fromisoformat(body["since"]) - night.broke_at
    what, where, do = body["text"].split("\n")
    assert what == f"*FAIL* readiness: {body['message']}"
    assert where == f"bank on rack-1, since {body['since'][:-5]}Z"
    assert do.endswith(f"Runbook: {body['runbook']}")
    assert body["runbook"] == "docker/README.md#streamernotcommitting"


def test_alerts__the_log_says_each_change_and_no_secret(night: Night) -> None:
    changes = re.findall(
        r'msg="a check has changed" check=readiness status=(\w+) before=(\w+)', night.log
    )
    assert changes == [("fail", "pass"), ("pass", "fail")]
    for secret in ("s3cret", "lin3age"):
        assert secret not in night.log
        config = str(night.streamer.properties)
        done = run_once("check", "-c", config)
        assert secret not in done.stdout + done.stderr


def test_alerts__help_names_entries_of_the_runbook() -> None:
    """Those of all checks, as alert_text.c has them."""
    source = (ROOT / "streamer" / "service" / "alert_text.c").read_text()
    headings = re.findall(r"^### (\w+)$", (DOCKER / "README.md").read_text(), re.MULTILINE)
    named = set(re.findall(r'RUNBOOK "(\w+)"', source))
    assert named - {heading.lower() for heading in headings} == set()


# --- Prometheus


def test_alerts__alertmanager_tells_of_the_rule_that_fires_and_is_resolved(night: Night) -> None:
    assert states(night.managed) == ["firing", "resolved"]
    first = next(
        alert
        for request in night.managed
        for alert in request.body["alerts"]
        if alert["labels"]["alertname"] == RULE
    )
    assert first["labels"]["app_id"] == "bank"
    assert first["annotations"]["runbook_url"] == f"docker/README.md#{RULE.lower()}"


# --- OpenLineage


def test_alerts__lineage_of_the_run_begins_and_completes(night: Night) -> None:
    events = [request.body for request in night.lineage]
    assert [event["eventType"] for event in events] == ["START", "COMPLETE"]
    assert len({event["run"]["runId"] for event in events}) == 1
    assert {request.authorization for request in night.lineage} == {"Bearer lin3age"}
    times = [datetime.fromisoformat(event["eventTime"]) for event in events]
    assert night.began_at <= times[0] < night.broke_at < times[1] <= datetime.now(UTC)


def without_nothing(value: Any) -> Any:
    """As the client writes events: what is null or empty is left out."""
    if isinstance(value, dict):
        pairs = {key: without_nothing(item) for key, item in value.items()}
        return {key: item for key, item in pairs.items() if item not in (None, {}, [])}
    return [without_nothing(item) for item in value] if isinstance(value, list) else value


def facet(kind: Any, raw: dict[str, Any], **made: Any) -> Any:
    """Of the client's class. Members that the class does not know are an error."""
    own = {key: value for key, value in raw.items() if not key.startswith("_")}
    return kind(**{**own, **made}, producer=raw["_producer"])


def schema_facet(raw: dict[str, Any]) -> Any:
    fields = [facet_v2.schema_dataset.SchemaDatasetFacetFields(**one) for one in raw["fields"]]
    return facet(facet_v2.schema_dataset.SchemaDatasetFacet, raw, fields=fields)


def input_fields(raw: list[dict[str, Any]]) -> list[Any]:
    module = facet_v2.column_lineage_dataset
    return [
        module.InputField(
            **{
                **one,
                "transformations": [module.Transformation(**t) for t in one["transformations"]],
            }
        )
        for one in raw
    ]


def lineage_facet(raw: dict[str, Any]) -> Any:
    module = facet_v2.column_lineage_dataset
    fields = {
        column: module.Fields(inputFields=input_fields(one["inputFields"]))
        for column, one in raw["fields"].items()
    }
    dataset = input_fields(raw.get("dataset", []))
    return facet(module.ColumnLineageDatasetFacet, raw, fields=fields, dataset=dataset)


FACETS = {
    "schema": schema_facet,
    "columnLineage": lineage_facet,
    "dataSource": lambda raw: facet(facet_v2.datasource_dataset.DatasourceDatasetFacet, raw),
    "jobType": lambda raw: facet(facet_v2.job_type_job.JobTypeJobFacet, raw),
    "processing_engine": lambda raw: facet(
        facet_v2.processing_engine_run.ProcessingEngineRunFacet, raw
    ),
}


def facets(raw: dict[str, Any]) -> dict[str, Any]:
    return {name: FACETS[name](value) for name, value in raw["facets"].items()}


def as_the_client_has_it(raw: dict[str, Any]) -> event_v2.RunEvent:
    run, job = raw["run"], raw["job"]
    return event_v2.RunEvent(
        eventType=event_v2.RunState[raw["eventType"]],
        eventTime=raw["eventTime"],
        producer=raw["producer"],
        run=event_v2.Run(runId=run["runId"], facets=facets(run)),
        job=event_v2.Job(namespace=job["namespace"], name=job["name"], facets=facets(job)),
        inputs=[
            event_v2.InputDataset(one["namespace"], one["name"], facets=facets(one))
            for one in raw["inputs"]
        ],
        outputs=[
            event_v2.OutputDataset(one["namespace"], one["name"], facets=facets(one))
            for one in raw["outputs"]
        ],
    )


def test_alerts__lineage_events_are_what_the_official_client_makes_of_them(night: Night) -> None:
    """Its classes check ids and times, and write the schema that each facet is of."""
    for request in night.lineage:
        raw = request.body
        assert without_nothing(Serde.to_dict(as_the_client_has_it(raw))) == without_nothing(raw)


def test_alerts__lineage_names_datasets_and_their_columns(night: Night) -> None:
    event = night.lineage[0].body
    namespace = "kafka://" + night.streamer.bootstrap()
    assert event["job"]["namespace"] == namespace
    assert event["job"]["name"] == "bank"
    assert [one["name"] for one in event["inputs"]] == ["customers", "accounts"]
    outputs = {one["name"]: one for one in event["outputs"]}
    assert list(outputs) == [*RESULTS, "quarantine"]
    for name in RESULTS:
        schema: Any = fastavro.schema.load_schema(str(ROOT / "schemas" / f"{name}.avsc"))
        fields = outputs[name]["facets"]["schema"]["fields"]
        assert [one["name"] for one in fields] == [one["name"] for one in schema["fields"]]
        assert outputs[name]["facets"]["dataSource"]["uri"] == namespace
        columns = outputs[name]["facets"]["columnLineage"]["fields"]
        clock = [] if name.endswith("history") or "with" in name else ["calculated_at"]
        assert [*columns, *clock] == [one["name"] for one in fields]


def sources(night: Night, dataset: str, column: str) -> set[tuple[str, str, str]]:
    outputs = {one["name"]: one for one in night.lineage[0].body["outputs"]}
    fields = outputs[dataset]["facets"]["columnLineage"]["fields"][column]["inputFields"]
    return {
        (one["name"], one["field"], transformation["subtype"])
        for one in fields
        for transformation in one["transformations"]
    }


def test_alerts__lineage_of_some_columns_is_that_of_the_contract(night: Night) -> None:
    assert sources(night, "account_summary", "interest_rate_pct") == {
        ("accounts", "balance", "TRANSFORMATION"),
        ("customers", "has_loan", "TRANSFORMATION"),
    }
    assert sources(night, "account_history", "loaded_at") == {("accounts", "timestamp", "IDENTITY")}
    assert sources(night, "customer_profile", "total_balance_amount") == {
        ("accounts", "balance", "AGGREGATION")
    }


# --- whom the program does not trust


def test_alerts__a_receiver_that_no_authority_vouches_for_is_told_nothing(tmp_path: Path) -> None:
    certificate = Authority(tmp_path / "authority").issue("receiver")
    with Receiver(certificate) as receiver:
        settings = {"openlineage.url": receiver.url}
        with EmbeddedStreamer(tmp_path / "streamer", settings) as streamer:
            said = f'error="openlineage.url: POST {receiver.url}: SSL certificate problem'
            wait_until(
                "refusing the receiver",
                lambda: said in streamer.stderr.read_text(),
                streamer.stderr,
                streamer.process,
            )
            streamer.stop()
        assert receiver.requests("/api/v1/lineage") == []
