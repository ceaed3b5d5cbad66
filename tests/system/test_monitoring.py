"""docker/: Prometheus with its alerts, and Grafana's dashboard.

What they ask is asked of a real Prometheus that scrapes two real programs.
"""

import json
import math
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from kafka import ROOT
from prometheus import DOCKER, JOB, Prometheus
from streamer import INPUTS, EmbeddedStreamer, run_once, total

DASHBOARD = DOCKER / "grafana" / "dashboards" / "streamer.json"
RUNBOOK = (DOCKER / "README.md").read_text().split("\n## Runbook\n")[1].split("\n## ")[0]
ALERTS_TEST = Path(__file__).parent / "alerts.test.yml"
DATA = ROOT / "tests" / "data"


def succeeds(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


# --- the alerts


def alerts() -> list[dict[str, Any]]:
    return [rule for group in load(DOCKER / "alerts.yml")["groups"] for rule in group["rules"]]


def alert_names() -> list[str]:
    return [alert["alert"] for alert in alerts()]


def test_monitoring__prometheus_config_is_valid() -> None:
    succeeds("promtool", "check", "config", DOCKER / "prometheus.yml")


def test_monitoring__alerts_are_valid() -> None:
    succeeds("promtool", "check", "rules", DOCKER / "alerts.yml")


def test_monitoring__alerts_fire_when_they_must_and_only_then() -> None:
    succeeds("promtool", "test", "rules", ALERTS_TEST)


def test_monitoring__every_alert_is_tested() -> None:
    """Once with an expectation, and once with none."""
    expected: dict[str, set[bool]] = {}
    for test in load(ALERTS_TEST)["tests"]:
        for case in test.get("promql_expr_test", []):
            for name in re.findall(r'alertname="(\w+)"', case["expr"]):
                expected.setdefault(name, set()).add(case["exp_samples"] != [])
        for case in test.get("alert_rule_test", []):
            expected.setdefault(case["alertname"], set()).add(case["exp_alerts"] != [])
    assert expected == {name: {True, False} for name in alert_names()}


def test_monitoring__every_alert_says_what_happens_and_where_its_runbook_is() -> None:
    for alert in alerts():
        assert alert["labels"]["severity"] in ("critical", "warning"), alert["alert"]
        annotations = alert["annotations"]
        assert annotations.keys() == {"summary", "description", "runbook_url"}, alert["alert"]
        assert annotations["runbook_url"] == f"docker/README.md#{alert['alert'].lower()}"


def entries() -> dict[str, str]:
    """The runbook's text for each alert, by its heading."""
    parts = re.split(r"^### (\w+)\n", RUNBOOK, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_monitoring__every_alert_has_an_entry_in_the_runbook_and_no_other_has() -> None:
    assert list(entries()) == alert_names()
    for alert in alerts():
        text = entries()[alert["alert"]]
        assert f"**{alert['labels']['severity'].capitalize()}**" in text, alert["alert"]
        for part in ("Means", "Look at", "Do", "Wake"):
            assert f"\n- {part}: " in text, f"{alert['alert']}: {part}"


# --- the dashboard


def panels() -> list[dict[str, Any]]:
    """Those that show something; rows only group them."""
    every: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return [panel for panel in every if panel["type"] != "row"]


def queries() -> list[tuple[str, str]]:
    """(the panel's title, its query with Grafana's variables) of each query."""
    return [(panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]]


def test_monitoring__panels_use_the_provisioned_datasource() -> None:
    (datasource,) = load(DOCKER / "grafana/provisioning/datasources/prometheus.yml")["datasources"]
    variables = json.loads(DASHBOARD.read_text())["templating"]["list"]
    users = [*panels(), *variables]
    assert {user["datasource"]["uid"] for user in users} == {datasource["uid"]}


def test_monitoring__panels_say_what_they_show() -> None:
    every = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in every}) == len(every)
    for panel in panels():
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["description"].endswith("."), panel["title"]
        assert defaults["unit"] and defaults["thresholds"]["steps"], panel["title"]


def test_monitoring__queries_are_about_the_chosen_instances_only() -> None:
    """Otherwise two applications would be added up."""
    for title, query in queries():
        series = re.findall(r"\b(?:up|(?:streamer|process)_[a-z_]+)\b(\{[^}]*\})?", query)
        assert series, title
        for labels in series:
            assert 'instance=~"$instance"' in labels, f"{title}: {query}"


def test_monitoring__panels_lie_beside_each_other() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        at = panel["gridPos"]
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                assert x < 24 and (x, y) not in taken, f"{panel['title']} on {taken.get((x, y))}"
                taken[x, y] = panel["title"]


def test_monitoring__prometheus_scrapes_the_job_that_alerts_expect() -> None:
    (scrape,) = load(DOCKER / "prometheus.yml")["scrape_configs"]
    assert scrape["job_name"] == JOB
    assert scrape["static_configs"] == [{"targets": ["streamer:9464"]}]
    compose = load(DOCKER / "compose.yml")["services"]["streamer"]
    assert compose["environment"]["STREAMER_HTTP_HOSTS"] == "streamer"


# --- a Prometheus that scrapes two applications


@dataclass
class Monitored:
    """Two applications, of which `bank` has got the sample data and the other nothing."""

    prometheus: Prometheus
    bank: EmbeddedStreamer
    names: dict[str, str]  # app.id -> its instance label

    def variables(self, app: str) -> dict[str, list[str]]:
        """The choices of the dashboard's variables where `app` is chosen."""
        choices: dict[str, list[str]] = {}
        for variable in json.loads(DASHBOARD.read_text())["templating"]["list"]:
            asked = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"])
            assert asked, variable["query"]
            series = asked[1].replace("$app", app)
            choices[variable["name"]] = self.prometheus.label_values(asked[2], series)
        return choices

    def expand(self, expression: str, app: str) -> str:
        """As Grafana does it for all instances of `app`."""
        names = self.variables(app)["instance"]
        assert names, f"the variable of the instances of {app} is empty"
        instances = "|".join(map(re.escape, names))
        text = expression.replace("$__rate_interval", "5m").replace("$__range", "1h")
        text = text.replace("$instance", f"({instances})".replace("\\", "\\\\"))
        assert "$" not in text, text
        return text


@pytest.fixture(scope="module")
def monitored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitored]:
    """Prometheus has seen the programs before they got the sample data, and after."""
    directory = tmp_path_factory.mktemp("monitored")
    with ExitStack() as stack:
        bank, other = (
            EmbeddedStreamer(directory / app, {"app.id": app}) for app in ("bank", "other")
        )
        for program in (bank, other):
            stack.enter_context(program)
            program.wait_ready()
        names = {program.app_id: program.settings["http.listen"] for program in (bank, other)}
        prometheus = Prometheus(directory / "prometheus", [*names.values()])
        stack.enter_context(prometheus)
        prometheus.wait("scraping", lambda: prometheus.query(f'count(up{{job="{JOB}"}} == 1) == 2'))
        feed(bank)
        applied = total(bank.metrics(), "streamer_records_applied_total")
        scraped = f"sum(streamer_records_applied_total) == {applied:.0f}"
        prometheus.wait("scraping the results", lambda: prometheus.query(scraped))
        yield Monitored(prometheus, bank, names)


def feed(streamer: EmbeddedStreamer) -> None:
    broker = f"kafka.bootstrap.servers={streamer.bootstrap()}"
    for name in INPUTS:
        done = run_once("feed", "--set", broker, name, str(DATA / f"{name}.csv"))
        assert done.returncode == 0, done.stderr
    rows = {name: len((DATA / f"{name}.csv").read_text().splitlines()) - 1 for name in INPUTS}
    streamer.wait_all_consumed(rows)


def test_monitoring__variables_offer_each_application_and_its_instances(
    monitored: Monitored,
) -> None:
    for app, instance in monitored.names.items():
        assert monitored.variables(app) == {"app": ["bank", "other"], "instance": [instance]}


@pytest.mark.parametrize(("title", "expression"), queries())
def test_monitoring__every_query_of_the_dashboard_has_data(
    monitored: Monitored, title: str, expression: str
) -> None:
    """Also where there is nothing to complain of: 0, not nothing."""
    query = monitored.expand(expression, "bank")

    def numbers() -> list[float]:
        found = [float(series["value"][1]) for series in monitored.prometheus.query(query)]
        return [] if any(map(math.isnan, found)) else found

    assert monitored.prometheus.wait(f"data for {title}: {query}", numbers)


def test_monitoring__panels_show_what_the_program_counts(monitored: Monitored) -> None:
    """The program's gauges and Prometheus follow within a second or two each."""
    asked = dict(queries())
    prometheus = monitored.prometheus
    orphans = asked["Orphan accounts"]
    prometheus.wait("showing three", lambda: number_of(monitored, orphans, "bank") == 3)
    assert total(monitored.bank.metrics(), "streamer_orphan_accounts") == 3
    assert number_of(monitored, asked["Orphan accounts"], "other") == 0
    assert number_of(monitored, asked["Quarantined"], "bank") > 0
    assert number_of(monitored, asked["Quarantined"], "other") == 0
    assert number_of(monitored, asked["Violations"], "bank") == 0
    assert number_of(monitored, asked["Readiness"], "bank") == 2


def number_of(monitored: Monitored, expression: str, app: str) -> float:
    (series,) = monitored.prometheus.query(monitored.expand(expression, app))
    return float(series["value"][1])


def test_monitoring__prometheus_evaluates_every_alert_and_none_fires(monitored: Monitored) -> None:
    def evaluated() -> list[dict[str, Any]]:
        groups = monitored.prometheus.ask("rules")["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        return rules if all(rule["health"] != "unknown" for rule in rules) else []

    rules = monitored.prometheus.wait("evaluating the alerts", evaluated)
    assert [rule["name"] for rule in rules] == alert_names()
    assert [rule for rule in rules if rule["health"] != "ok"] == []
    assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []


def test_monitoring__alerts_and_dashboard_ask_for_metrics_that_exist(monitored: Monitored) -> None:
    status, text = monitored.bank.get_text("/metrics")
    assert status == 200
    exported = {name for name, _ in monitored.bank.metrics()}
    exported |= set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))
    expressions = [*(query for _, query in queries()), *(alert["expr"] for alert in alerts())]
    asked = set(re.findall(r"\b(?:streamer|process)_[a-z_]+", " ".join(expressions)))
    assert asked
    assert asked - exported == set()
