"""What the documents say is so: tables are the program's own, examples are replayed."""

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest
from kafka import ROOT
from model import Model
from process import wait_until
from registry import Registry
from results import RESULTS, Row, check_results, read_topic
from streamer import BINARY, INPUTS, EmbeddedStreamer, environment, run_once, total

DOCUMENTS = {
    path: path.read_text()
    for path in (
        *ROOT.glob("*.md"),
        *(ROOT / folder / "README.md" for folder in ("schemas", "docker", "state", "tests")),
        ROOT / "tests" / "bench" / "README.md",
        ROOT / "tests" / "data" / "README.md",
        ROOT / "streamer" / "commands" / "README.md",
    )
}
RUNNING = DOCUMENTS[ROOT / "docker" / "README.md"]
COLUMNS = 100
TWO_MINUTES = 12 * 1024  # bytes of README.md
DATA = ROOT / "tests" / "data"
PARTITIONS = 2  # what the embedded broker has, unless told otherwise

_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
_TIME_OF_THE_RUN = re.compile(rf'((?:loaded|calculated)_at":"|"since":"|quarantine\.at=){_TIME}')
# What differs from run to run at the data desk, where no record says a time.
_OF_THE_RUN = re.compile(
    rf'{_TIME}|(?<=\|)\d{{13}}|(?<=quarantine/0@)\d+|(?<=sha256":")\w+|in [\d.]+ s \(\d+ rows/s\)'
)


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedStreamer]:
    with EmbeddedStreamer(tmp_path / "embedded", {}) as streamer:
        streamer.wait_ready()
        yield streamer
        streamer.stop()


def marked(name: str) -> list[str]:
    """What stands between `<!-- name:begin -->` and `<!-- name:end -->`, in any document."""
    texts = "\n".join(DOCUMENTS.values())
    found = re.findall(rf"<!-- {name}:begin -->\n(.*?)<!-- {name}:end -->", texts, re.DOTALL)
    assert found, f"no document has <!-- {name}:begin -->"
    return found


def rows(table: str) -> list[list[str]]:
    """The cells of a Markdown table, without its head; back quotes are taken off."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[2:]]


# --- tables


def test_readme__options_are_those_of_help() -> None:
    (table,) = marked("options")
    assert table == run_once("help", "--markdown").stdout


def test_readme__metrics_are_those_of_help() -> None:
    (table,) = marked("metrics")
    assert table == run_once("help", "--metrics").stdout


def test_readme__metrics_are_those_exported(embedded: EmbeddedStreamer) -> None:
    (table,) = marked("metrics")
    told = {
        name: (kind, set(labels.split(", ")) - {""}) for name, kind, _, labels, _ in rows(table)
    }
    status, text = embedded.get_text("/metrics")
    assert status == 200
    types = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE)
    exported = {name: kind for name, kind in types if not name.startswith("process_")}
    assert {name: kind for name, (kind, _) in told.items()} == exported
    for name, labels in re.findall(r"^(streamer_\w+)(?:\{(.*)\})? ", text, re.MULTILINE):
        family = name if name in told else re.sub(r"_(bucket|sum|count)$", "", name)
        assert set(re.findall(r'(\w+)="', labels)) - {"le"} == told[family][1], name


def source(path: str) -> str:
    return (ROOT / path).read_text()


def section(title: str) -> str:
    return RUNNING.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_readme__quality_checks_are_those_of_the_program() -> None:
    """With their severity."""
    told = {
        (id_, severity)
        for ids, severity, *_ in rows(section("Quality"))
        for id_ in re.findall(r"[\w.]+", ids)
    }
    table = re.findall(
        r'{"([\w.]+)", LAYER_\w+,\s*SEVERITY_(\w+)', source("streamer/quality/checks.c")
    )
    assert told == {(id_, severity.lower()) for id_, severity in table}


def test_readme__paths_are_those_that_are_served() -> None:
    told = set(re.findall(r"`(/[\w/{}.]*)", section("HTTP").split("\nAnswers show")[0]))
    served = re.findall(r'{"GET", "([^"]+)"', source("streamer/http/routes.c"))
    assert told == set(served)


# --- examples


@dataclass
class Step:
    """A command of an example and what it prints."""

    command: str
    output: list[str] = field(default_factory=list)


def steps(console: str) -> Iterator[Step]:
    """`$ ` begins a command, which may have a here document up to EOF; what follows is its
    output."""
    lines = iter(console.splitlines())
    step: Step | None = None
    for line in lines:
        if not line.startswith("$ "):
            assert step is not None, f"no command before {line!r}"
            step.output.append(line)
            continue
        if step is not None:
            yield step
        step = Step(line.removeprefix("$ "))
        if "<<'EOF'" in line:
            document = iter(lambda: next(lines), "EOF")
            step.command = "\n".join([step.command, *document, "EOF"])
    if step is not None:
        yield step


def masked(text: str) -> str:
    """Without the times at which this run and that of the README took place."""
    return _TIME_OF_THE_RUN.sub(r"\1(now)", text).rstrip("\n")


def masked_desk(text: str) -> str:
    return _OF_THE_RUN.sub("(of the run)", text).rstrip("\n")


def replay(
    step: Step, directory: Path, variables: dict[str, str], mask: Callable[[str], str] = masked
) -> None:
    """Runs it until its output is the README's: results follow their events by some
    milliseconds."""
    want = mask("\n".join(step.output))
    deadline = time.monotonic() + 20
    while True:
        done = subprocess.run(
            ["bash", "-c", step.command],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=directory,
            env=environment() | variables,
        )
        got = mask(done.stdout)
        if got == want:
            return
        assert time.monotonic() < deadline, (
            f"$ {step.command}\nexpected {want}\n\ngot {got}\n{done.stderr}"
        )
        time.sleep(0.1)


def variables_of(streamer: EmbeddedStreamer) -> dict[str, str]:
    """For commands that are to find it."""
    return {
        "PATH": f"{BINARY.parent}:{os.environ['PATH']}",
        "BROKER": streamer.bootstrap(),
        "STREAMER_APP_ID": streamer.app_id,
        "STREAMER_KAFKA_BOOTSTRAP_SERVERS": streamer.bootstrap(),
        "STREAMER_HTTP_LISTEN": streamer.settings["http.listen"],
    }


def test_readme__examples(embedded: EmbeddedStreamer, tmp_path: Path) -> None:
    consoles = [
        c
        for part in marked("example")
        for c in re.findall(r"```console\n(.*?)```", part, re.DOTALL)
    ]
    assert consoles
    for console in consoles:
        for step in steps(console.replace("127.0.0.1:9464", embedded.settings["http.listen"])):
            replay(step, tmp_path, variables_of(embedded))


def test_readme__data_desk(tmp_path: Path) -> None:
    """The examples of streamer/commands/README.md, in their order. A command is run until its
    output is right, as those before it take a moment."""
    with EmbeddedStreamer(tmp_path / "embedded", {"app.id": "streamer"}) as streamer:
        streamer.wait_ready()
        http = streamer.settings["http.listen"]
        for part in marked("desk"):
            (console,) = re.findall(r"```console\n(.*?)```", part, re.DOTALL)
            for step in steps(console.replace("127.0.0.1:9464", http)):
                replay(step, tmp_path, variables_of(streamer), masked_desk)
        streamer.stop()


def test_readme__the_properties_files_are_valid(tmp_path: Path) -> None:
    path = tmp_path / "streamer.properties"
    secret = tmp_path / "password"
    secret.write_text("change-me\n")
    blocks = re.findall(r"```properties\n(.*?)```", RUNNING, re.DOTALL)
    blocks += re.findall(r"<<'END'\n(.*?)END\n", DOCUMENTS[ROOT / "README.md"], re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        text = re.sub(r"^ +", "", block, flags=re.MULTILINE)
        path.write_text(text.replace("/etc/streamer/password", str(secret)))
        done = run_once("check", "-c", str(path), f"--set=state.dir={tmp_path / 'state'}")
        assert done.returncode == 0, done.stderr


def test_readme__commands_are_those_of_help() -> None:
    told = set(
        re.findall(r"`streamer ([a-z]+)", RUNNING.split("\n## Commands\n")[1].split("\n## ")[0])
    )
    assert told == set(re.findall(r"^  streamer ([a-z]+)", run_once("help").stdout, re.MULTILINE))


def anchors(text: str) -> set[str]:
    """Of the headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


EACH_DOCUMENT = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT))
)


@EACH_DOCUMENT
def test_readme__links_lead_somewhere(document: Path) -> None:
    for link, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]+))?\)", DOCUMENTS[document]):
        target = (document.parent / link).resolve() if link else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text()), f"{link}#{anchor}"


@EACH_DOCUMENT
def test_readme__files_that_are_named_exist(document: Path) -> None:
    """By their whole path or the end of it. Those of librdkafka and of the machine are not ours."""
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    for name in re.findall(
        r"`(?:\./)?([\w.][\w./-]*\.(?:c|h|py|cmake|yml|service))`", DOCUMENTS[document]
    ):
        ours = any(f"/{file}".endswith(f"/{name}") for file in files)
        assert ours or name.startswith("rdkafka_"), name


@EACH_DOCUMENT
def test_readme__lines_are_short(document: Path) -> None:
    prose = re.sub(r"```.*?```", "", DOCUMENTS[document], flags=re.DOTALL)
    long = [x for x in prose.splitlines() if len(x) > COLUMNS and not x.startswith(("|", "!["))]
    assert not long


def test_readme__the_first_page_is_short() -> None:
    assert len((ROOT / "README.md").read_bytes()) <= TWO_MINUTES


# --- the sample data


def recipe(name: str) -> str:
    (text,) = marked(name)
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    return str(code)


def check_recipe(code: str, arguments: list[str], summaries: list[Row]) -> None:
    """What the Python consumer in schemas/README.md prints: how many rows, and their balances."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    total = sum(Decimal(row["original_balance_amount"]) for row in summaries)
    assert done.stdout == f"{len(summaries)} {total}\n", done.stderr


def test_readme__sample_data(embedded: EmbeddedStreamer) -> None:
    """The results are the model's, the quarantine what tests/data/README.md says."""
    broker = embedded.bootstrap()
    model = Model()
    counts = {}
    for name in INPUTS:
        done = run_once(
            "feed", "--set", f"kafka.bootstrap.servers={broker}", name, str(DATA / f"{name}.csv")
        )
        assert done.returncode == 0, done.stderr
        messages = read_topic(broker, name)
        counts[name] = len(messages)
        for m in messages:
            model.apply(
                name, m.partition, m.offset, m.timestamp_ms, m.key, m.value, tuple(m.headers)
            )
    embedded.wait_all_consumed(counts)
    names = {name: name for name in (*INPUTS, *RESULTS, "quarantine")}
    expected = model.expected()
    check_results(broker, names, expected, model.quarantine(), PARTITIONS)
    check_recipe(recipe("recipe-python"), [broker], list(expected["account_summary"].values()))

    text = (DATA / "README.md").read_text()
    told = {
        (topic, code): int(n)
        for code, *ns in rows(text)
        for topic, n in zip(INPUTS, ns, strict=True)
        if n != "0"
    }
    assert told == Counter((rejected["topic"], rejected["code"]) for rejected in model.quarantine())
    for name in INPUTS:
        assert f"`{name}.csv` ({counts[name]} rows)" in text
        good, dirty = (
            re.search(rf"\*\*{name.title()}, {kind} \((\d+)\)", text) for kind in ("good", "dirty")
        )
        assert good and dirty
        quarantined = model.counters[name]["quarantined"]
        assert (int(good[1]), int(dirty[1])) == (counts[name] - quarantined, quarantined)


def test_readme__recipe_for_avro(tmp_path: Path) -> None:
    account = b'{"account_id":"A","customer_id":1,"balance":%s,"account_type":"Savings"}'
    with (
        Registry() as registry,
        EmbeddedStreamer(
            tmp_path, {"output.format": "avro", "schema.registry.url": registry.url}
        ) as streamer,
    ):
        streamer.wait_ready()
        producer = confluent_kafka.Producer({"bootstrap.servers": streamer.bootstrap()})
        producer.produce("customers", b'{"customer_id":1,"name":"Ada","has_loan":"no"}')
        producer.produce("accounts", account % b'"90071992547409.93"')
        assert producer.flush(60) == 0
        streamer.wait_all_consumed({"customers": 1, "accounts": 1})
        code = recipe("recipe-python-avro") + recipe("recipe-python").replace(
            "json.loads(message.value())", "deserialize(message.value(), VALUE)"
        )
        arguments = [streamer.bootstrap(), registry.url]
        check_recipe(code, arguments, [{"original_balance_amount": "90071992547409.93"}])
        streamer.stop()


def test_readme__demo_shows_the_sample_data() -> None:
    """`demo --once` ends by itself, with every code of the quarantine and every summary on the
    page."""
    done = run_once("demo", "--once", "--set", "http.listen=")
    assert done.returncode == 0, done.stderr
    told: Counter[str] = Counter()
    for code, *ns in rows((DATA / "README.md").read_text()):
        told[code] += sum(map(int, ns))
    page = done.stdout.split("QUARANTINE")[1].split("\n\n")[0]
    assert dict(re.findall(r"^  (\w+) +(\d+)  ", page, re.MULTILINE)) == {
        code: str(n) for code, n in told.items()
    }


class Demo(EmbeddedStreamer):
    def _arguments(self) -> list[str]:
        return ["demo", "-c", str(self.properties)]


def test_readme__demo_serves_a_page_worth_looking_at(tmp_path: Path) -> None:
    """Events keep coming, there are orphans and a quarantine, and one check fails on purpose."""
    demo = Demo(tmp_path, {"freshness.warn": "3s", "freshness.error": "4s"})
    fed = {name: len((DATA / f"{name}.csv").read_text().splitlines()) - 1 for name in INPUTS}
    with demo:
        wait_until("serving", lambda: "Serving" in demo.stderr.read_text(), demo.stderr)
        told = demo.stderr.read_text()
        assert f"Operator's page  http://{demo.settings['http.listen']}/\nServing" in told
        assert "source.freshness.customers" in told and "silent for 4 s" in told
        assert "<title>" in demo.get_text("/")[1]
        wait_until("moving on", lambda: moved(demo, fed["accounts"] + 5), demo.stderr)
        status = demo.get("/v1/status")[1]
        assert [p["subject"] for p in status["problems"]] == ["source.freshness.customers"]
        assert status["problems"][0]["status"] == "fail"
        assert status["state"]["orphan_accounts"] == 3
        assert counts_of(status)["quarantine"] > 32  # those of the files, and one of each round
        assert total(demo.metrics(), "streamer_records_late_total", entity="accounts") > 2
        demo.stop()


def counts_of(status: Any) -> dict[str, int]:
    return {node["id"]: node["records"] for node in status["nodes"]}


def moved(demo: Demo, accounts: int) -> bool:
    status = demo.get("/v1/status")[1]
    return counts_of(status)["accounts"] >= accounts and bool(status["problems"])
