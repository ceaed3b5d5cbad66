"""`streamer topology`: every topic that the configuration names, in a form that other programs
read."""

import json
import re
import subprocess
from functools import cache
from typing import Any

import pytest
from streamer import INTERNAL_INPUTS, run_once

LAYERS = ("source", "staging", "snapshots", "intermediate", "marts")
APP = "bank"
# What each result is made of, as schemas/README.md has it.
MADE_OF = {
    "customer_history": {"staging.customers"},
    "account_history": {"staging.accounts"},
    "account_with_customer": {"customer_history", "account_history"},
    "account_summary": {"account_with_customer"},
    "customer_profile": {"customer_history", "account_summary"},
    "quarantine": {"staging.customers", "staging.accounts"},
}


@cache
def keys() -> list[str]:
    """The settings that name topics."""
    found = re.findall(
        r"^\| `(topic\.[a-z_]+)` ", run_once("help", "--markdown").stdout, re.MULTILINE
    )
    assert len(found) == 9
    return found


def name_of(key: str) -> str:
    return f"{key.removeprefix('topic.')}-of-test.1"


def topics() -> set[str]:
    internal = (*INTERNAL_INPUTS, "confirmations")
    return {name_of(key) for key in keys()} | {f"{APP}-{name}" for name in internal}


@cache
def topology(form: str) -> str:
    settings = [f"--set={key}={name_of(key)}" for key in keys()]
    done = run_once("topology", f"--format={form}", f"--set=app.id={APP}", *settings)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def drawn() -> dict[str, dict[str, Any]]:
    """The nodes, each with its layer."""
    return {
        node["id"]: {**node, "layer": layer["layer"]}
        for layer in json.loads(topology("json"))["layers"]
        for node in layer["nodes"]
    }


@pytest.mark.parametrize("form", ["text", "json", "dot", "mermaid"])
def test_topology__every_topic_is_in_it(form: str) -> None:
    named = re.findall(r"[A-Za-z0-9._-]+", topology(form))
    for topic in topics():
        assert topic in named, topic


def test_topology__json_has_no_other_topics_and_all_layers() -> None:
    assert {node["topic"] for node in drawn().values()} == topics() | {None}
    layers = [layer["layer"] for layer in json.loads(topology("json"))["layers"]]
    assert layers == [*LAYERS, "pipeline"]
    assert all(node["internal"] == (node["id"] not in PUBLIC) for node in drawn().values())


PUBLIC = {"customers", "accounts", "staging.customers", "staging.accounts", *MADE_OF}


def test_topology__edges_lead_forward_and_name_what_a_result_is_made_of() -> None:
    nodes = drawn()
    order = list(nodes)
    made_of: dict[str, set[str]] = {}
    for edge in json.loads(topology("json"))["edges"]:
        assert order.index(edge["from"]) < order.index(edge["to"]), edge
        made_of.setdefault(edge["to"], set()).add(edge["from"])
    for result, sources in MADE_OF.items():
        assert made_of[result] & PUBLIC == sources, result
    assert nodes.keys() - made_of.keys() == {"customers", "accounts", "owners"}


def test_topology__text_names_what_a_result_is_made_of() -> None:
    lines = [line.strip() for line in topology("text").splitlines()]
    at = next(i for i, line in enumerate(lines) if line.startswith("account_with_customer-of"))
    sources = lines[at + 1].removeprefix("from ").split(", ")
    assert sources == [
        f"{APP}-customer-refs",
        "customer_history-of-test.1",
        "account_history-of-test.1",
    ]


def test_topology__dot_is_read_by_graphviz() -> None:
    done = subprocess.run(
        ["dot", "-Tjson"], input=topology("dot"), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    graph = json.loads(done.stdout)
    groups = [o for o in graph["objects"] if o["name"].startswith("cluster_")]
    nodes = [o for o in graph["objects"] if not o["name"].startswith("cluster_")]
    assert {n["label"] for n in nodes} >= topics()
    assert [g["label"] for g in groups] == [*LAYERS, "pipeline"]
    in_groups = {i for g in groups for i in g["nodes"]}
    assert in_groups == {n["_gvid"] for n in nodes}
    ends = {o["_gvid"]: o["name"] for o in graph["objects"]}
    edges = json.loads(topology("json"))["edges"]
    assert {(ends[e["tail"]], ends[e["head"]]) for e in graph["edges"]} == {
        (e["from"], e["to"]) for e in edges
    }


def test_topology__mermaid_has_nodes_groups_and_edges() -> None:
    """Each line is one of the four statements that it is made of; an edge joins known nodes."""
    first, *lines = topology("mermaid").splitlines()
    assert first == "flowchart LR"
    nodes: dict[str, str] = {}
    groups: list[str] = []
    edges: list[tuple[str, str]] = []
    is_open = False
    for line in lines:
        if match := re.fullmatch(r"  subgraph ([a-z]+)", line):
            assert not is_open
            groups.append(match[1])
            is_open = True
        elif line == "  end":
            assert is_open
            is_open = False
        elif match := re.fullmatch(r'    (n\d+)(?:\["([^"]+)"\]|\("([^"]+)"\))', line):
            assert is_open
            assert match[1] not in nodes
            nodes[match[1]] = match[2] or match[3]
        else:
            match = re.fullmatch(r"  (n\d+) (?:-->|-\.->) (n\d+)", line)
            assert match, line
            assert not is_open
            edges.append((nodes[match[1]], nodes[match[2]]))
    assert groups == [*LAYERS, "pipeline"]
    labels = {node["id"]: node["topic"] or node["id"] for node in drawn().values()}
    assert sorted(nodes.values()) == sorted(labels.values())
    assert edges == [
        (labels[e["from"]], labels[e["to"]]) for e in json.loads(topology("json"))["edges"]
    ]


def test_topology__needs_no_broker_and_refuses_other_formats() -> None:
    done = run_once("topology", "--format", "svg")
    assert (done.returncode, done.stdout) == (2, "")
    assert "use text, json, dot or mermaid" in done.stderr
    plain = run_once("topology", "--set", "kafka.bootstrap.servers=nowhere.invalid:1")
    assert plain.returncode == 0
    assert plain.stdout.startswith("source: ")
