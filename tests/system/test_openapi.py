"""What HTTP says of itself: /v1/openapi.json, which other programs read, and every request that
they can derive from it; /v1/export; /v1/lineage."""

import csv
import io
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from description import Description, every_request_gets_a_described_answer
from kafka import ROOT
from openapi_spec_validator import OpenAPIV31SpecValidator
from openlineage.client.generated import column_lineage_dataset, schema_dataset
from process import wait_until
from results import RESULTS, Message, read_topic
from streamer import EmbeddedStreamer, run_once, total

TOKEN = "a-token.of_the~bank+/="
BEARER = f"Authorization: Bearer {TOKEN}"
DATA = ROOT / "tests" / "data"
EXAMPLES = 20
DAY = "2025-06-01"  # of the sample data

# Each path, and targets of it, all that the sample data can bring to light. Those with "nobody" or
# "when" are refused.
PATHS: dict[str, tuple[str, ...]] = {
    "/": (),
    "/metrics": (),
    "/healthz": ("/healthz",),
    "/readyz": ("/readyz",),
    "/v1/status": (
        "/v1/status",
        "/v1/status?history=true",
        "/v1/status?all=true",
        "/v1/status?when",
    ),
    "/v1/freshness": ("/v1/freshness", "/v1/freshness?all=true"),
    "/v1/lineage": ("/v1/lineage", "/v1/lineage?all=true"),
    "/v1/quality": ("/v1/quality", "/v1/quality?all=true"),
    "/v1/openapi.json": ("/v1/openapi.json",),
    "/v1/customers/{id}": ("/v1/customers/1001", f"/v1/customers/1001?as_of={DAY}"),
    "/v1/customers/{id}/history": ("/v1/customers/1001/history",),
    "/v1/customers/{id}/accounts": (
        "/v1/customers/1001/accounts",
        "/v1/customers/1001/accounts?limit=1",
        "/v1/customers/nobody/accounts",
    ),
    "/v1/accounts/{id}": ("/v1/accounts/A-2001", "/v1/accounts/nobody"),
    "/v1/accounts/{id}/history": ("/v1/accounts/A-2001/history",),
    "/v1/account_with_customer/{id}": (
        "/v1/account_with_customer/A-2001",
        f"/v1/account_with_customer/A-2001?as_of={DAY}",
    ),
    "/v1/account_summary/{id}": (
        "/v1/account_summary/A-2001",
        f"/v1/account_summary/A-2001?as_of={DAY}",
    ),
    "/v1/customer_profile/{id}": (
        "/v1/customer_profile/1001",
        f"/v1/customer_profile/1001?as_of={DAY}",
        "/v1/customer_profile/1001?as_of=when",
    ),
    "/v1/why/{table}/{id}": (
        "/v1/why/customers/1001",
        "/v1/why/accounts/A-2001",
        "/v1/why/account_with_customer/A-2001",
        "/v1/why/account_summary/A-2001",
        "/v1/why/customer_profile/1001",
        "/v1/why/nobody/1001",
    ),
    "/v1/export/{table}": ("/v1/export/nobody", "/v1/export/account_summary?as_of=when"),
}


@pytest.fixture(scope="module")
def streamer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStreamer]:
    """An instance with a token and with the sample data in it."""
    directory = tmp_path_factory.mktemp("openapi")
    token = directory / "token"
    token.write_text(f"{TOKEN}\n")
    settings = {
        "http.token.file": str(token),
        "http.metrics.open": "true",
        "quality.orphans.warn": "0s",
    }
    with EmbeddedStreamer(directory / "streamer", settings) as s:
        s.wait_ready()
        s.wait_all_consumed({name: feed(s, name) for name in ("customers", "accounts")})
        yield s
        s.stop()


def feed(s: EmbeddedStreamer, name: str) -> int:
    """The number of rows of the sample."""
    file = DATA / f"{name}.csv"
    done = run_once("feed", f"--set=kafka.bootstrap.servers={s.bootstrap()}", name, str(file))
    assert done.returncode == 0, done.stderr
    return len(file.read_text().splitlines()) - 1


def ask(s: EmbeddedStreamer, path: str) -> Any:
    request = urllib.request.Request(url(s) + path, headers=dict([BEARER.split(": ")]))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as reply:
        return json.load(reply)


def url(s: EmbeddedStreamer) -> str:
    return f"http://{s.settings['http.listen']}"


# --- /v1/openapi.json


def test_openapi__is_valid(streamer: EmbeddedStreamer) -> None:
    document = ask(streamer, "/v1/openapi.json")
    assert document["openapi"].startswith("3.1.")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_openapi__rows_are_those_of_the_avro_schemas(streamer: EmbeddedStreamer) -> None:
    schemas = ask(streamer, "/v1/openapi.json")["components"]["schemas"]
    files = list((ROOT / "schemas").glob("*.avsc"))
    assert len(files) == 5
    for file in files:
        fields = [field["name"] for field in json.loads(file.read_text())["fields"]]
        row = schemas[file.stem]
        assert [name for name in row["properties"] if name != "rates"] == fields
        assert set(fields) - set(row["required"]) <= {"calculated_at"}


def test_openapi__examples_are_of_the_sample_data(streamer: EmbeddedStreamer) -> None:
    """Who tries the description against the demo sees rows."""
    for path, item in ask(streamer, "/v1/openapi.json")["paths"].items():
        parameters = item["get"]["parameters"]
        ids = [p for p in parameters if p["in"] == "path" and p["name"] == "id"]
        if ids and "{table}" not in path:
            assert ask(streamer, path.replace("{id}", str(ids[0]["example"])))


def test_openapi__every_request_gets_a_described_answer(
    streamer: EmbeddedStreamer, tmp_path: Path
) -> None:
    every_request_gets_a_described_answer(url(streamer), tmp_path, EXAMPLES, "--header", BEARER)


def test_openapi__describes_each_path(streamer: EmbeddedStreamer) -> None:
    assert ask(streamer, "/v1/openapi.json")["paths"].keys() == PATHS.keys()


def test_openapi__answers_are_described_whole(streamer: EmbeddedStreamer) -> None:
    """Each member is named, and all that are required are there."""
    description = Description(ask(streamer, "/v1/openapi.json"))
    wait_until("a sample", lambda: samples(ask(streamer, "/v1/quality")), streamer.stderr)
    for path, targets in PATHS.items():
        for target in targets:
            status, answer = answer_to(streamer, target)
            assert (status == 200) is not ("nobody" in target or "when" in target), answer
            description.check(path, status, answer)


def answer_to(s: EmbeddedStreamer, target: str) -> tuple[int, Any]:
    try:
        return 200, ask(s, target)
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.load(refusal)


def samples(report: Any) -> list[Any]:
    return [sample for check in report["failures"] for sample in check["samples"]]


# --- /v1/export


def export(s: EmbeddedStreamer, target: str) -> tuple[Mapping[str, str], str]:
    request = urllib.request.Request(url(s) + target, headers=dict([BEARER.split(": ")]))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as reply:
        return reply.headers, reply.read().decode()


def texts_of(value: Any) -> str:
    """A value of a row as a field of CSV."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


@pytest.mark.parametrize("table", RESULTS)
def test_export__has_the_last_row_of_each_key(streamer: EmbeddedStreamer, table: str) -> None:
    messages = read_topic(streamer.bootstrap(), table)
    last = {m.key: m.value for m in messages}
    expected = [json.loads(value) for value in last.values() if value is not None]
    headers, text = export(streamer, f"/v1/export/{table}?format=jsonl")
    rows = [json.loads(line) for line in text.splitlines()]
    assert sorted(map(str, rows)) == sorted(map(str, expected))
    _, text = export(streamer, f"/v1/export/{table}")
    in_csv = list(csv.reader(io.StringIO(text, newline="")))
    assert in_csv[0] == list(expected[0])
    assert in_csv[1:] == [[texts_of(value) for value in row.values()] for row in rows]
    check_positions(headers, messages)


def check_positions(headers: Mapping[str, str], messages: list[Message]) -> None:
    partitions = int(headers["X-Streamer-Partition-Count"])
    assert headers["X-Streamer-Partitions"] == f"0-{partitions - 1}"
    positions = dict(pair.split("=") for pair in headers["X-Streamer-Positions"].split(","))
    assert list(positions) == [str(p) for p in range(partitions)]
    for m in messages:
        assert m.offset < int(positions[str(m.partition)])


def test_export__of_a_history_as_of_a_time(streamer: EmbeddedStreamer) -> None:
    _, text = export(streamer, "/v1/export/account_history?format=jsonl")
    versions = [json.loads(line) for line in text.splitlines()]
    for at in sorted({version["valid_from_at"] for version in versions})[::7]:
        _, text = export(streamer, f"/v1/export/account_history?format=jsonl&as_of={at}")
        valid = [
            v
            for v in versions
            if v["valid_from_at"] <= at and (v["valid_to_at"] is None or at < v["valid_to_at"])
        ]
        assert [json.loads(line) for line in text.splitlines()] == valid


def test_export__needs_the_token(streamer: EmbeddedStreamer) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{url(streamer)}/v1/export/account_summary", timeout=60)


# --- /v1/lineage


def nodes(lineage: Any) -> dict[str, Any]:
    return {node["id"]: node for layer in lineage["layers"] for node in layer["nodes"]}


def test_lineage__counts_are_those_of_the_metrics(streamer: EmbeddedStreamer) -> None:
    counted = nodes(ask(streamer, "/v1/lineage"))
    metrics = streamer.metrics()
    for node in counted.values():
        if node["topic"] is None or node["id"] == "owners":
            continue
        figure = "consumed" if node["id"] in ("customers", "accounts") else "emitted"
        name = f"streamer_records_{figure}_total"
        assert node["records"] == total(metrics, name, topic=node["topic"]), node
    for name in ("customers", "accounts"):
        rows = len((DATA / f"{name}.csv").read_text().splitlines()) - 1
        assert counted[name]["records"] == counted[f"staging.{name}"]["records"] == rows
    assert counted["owners"]["records"] is None


def test_lineage__draws_what_the_command_draws(streamer: EmbeddedStreamer) -> None:
    settings = [f"--set={key}={value}" for key, value in streamer.settings.items()]
    told = json.loads(run_once("topology", "--format=json", *settings).stdout)
    lineage = ask(streamer, "/v1/lineage")
    for node in nodes(lineage).values():
        del node["records"]
    assert {key: lineage[key] for key in ("app", "layers", "edges")} == told


def test_lineage__all_instances_are_asked(streamer: EmbeddedStreamer) -> None:
    (instance,) = ask(streamer, "/v1/lineage?all=true")["instances"]
    assert instance["answer"]["app"] == streamer.app_id


def test_lineage__datasets_are_what_openlineage_reads(streamer: EmbeddedStreamer) -> None:
    datasets = ask(streamer, "/v1/lineage")["datasets"]
    inputs, outputs = ({d["name"]: d for d in datasets[side]} for side in ("inputs", "outputs"))
    results = {file.stem: file for file in (ROOT / "schemas").glob("*.avsc")}
    assert inputs.keys() == {"customers", "accounts"}
    assert outputs.keys() == {"quarantine", *results}
    for dataset in (*inputs.values(), *outputs.values()):
        assert dataset["namespace"] == f"kafka://{streamer.bootstrap()}"
    for name, file in results.items():
        columns = [field["name"] for field in json.loads(file.read_text())["fields"]]
        facets = outputs[name]["facets"]
        assert fields_of(facets["schema"]) == columns
        check_columns(facets["columnLineage"], columns, inputs)


def taken(cls: type, facet: dict[str, Any]) -> dict[str, Any]:
    """What a facet says, if its schema is the one that OpenLineage's own class stands for."""
    assert facet["_schemaURL"] == cls._get_schema()
    assert facet["_producer"].startswith("urn:streamer:")
    return {key: value for key, value in facet.items() if not key.startswith("_")}


def fields_of(facet: dict[str, Any]) -> list[str]:
    said = taken(schema_dataset.SchemaDatasetFacet, facet)
    fields = [schema_dataset.SchemaDatasetFacetFields(**field) for field in said.pop("fields")]
    assert not said
    return [field.name for field in fields]


def check_columns(facet: dict[str, Any], columns: list[str], inputs: dict[str, Any]) -> None:
    """Each column but calculated_at comes from columns that the inputs have."""
    said = taken(column_lineage_dataset.ColumnLineageDatasetFacet, facet)
    assert list(said["fields"]) == [c for c in columns if c != "calculated_at"]
    sources = [s for field in said["fields"].values() for s in field["inputFields"]]
    for source in sources + said.get("dataset", []):
        read = column_lineage_dataset.InputField(
            **{key: value for key, value in source.items() if key != "transformations"},
            transformations=[
                column_lineage_dataset.Transformation(**t) for t in source["transformations"]
            ],
        )
        assert read.field in fields_of(inputs[read.name]["facets"]["schema"])
