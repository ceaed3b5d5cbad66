"""From raw results to medians, ratios, a table and plots.

A raw result is what one peer did in one workload of one run:
{"run": 1, "peer": "streamer", "workload": "changes", "cpu_s_per_million": 12.3, ...}.
"format" is that of the input, JSON where it is missing. A measure that could not be taken is null
or missing. A ratio is taken within each run, where both peers met the same machine. Ratios are
summed up only then.
"""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

BASE = "streamer"
# What is shown, and whether it is plotted.
MEASURES = {
    "cpu_s_per_million": ("CPU s per million records", True),
    "records_per_s": ("records/s", True),
    "peak_mib": ("peak memory, MiB", True),
    "kafka_bytes_per_record": ("bytes to Kafka per record", True),
    "state_bytes_per_account": ("state bytes per account", True),
    "first_result_s": ("first result after start, s", True),
    "broker_cpu_s_per_million": ("CPU s of the broker per million records", True),
    "seconds": ("seconds from the start", False),
    "wall_s": ("seconds", True),
    "cpu_s": ("CPU s", True),
    "rows_per_s": ("customers and accounts/s", True),
    "read_back_per_s": ("records read back/s", False),
    "p50_ms": ("p50, ms", True),
    "p99_ms": ("p99, ms", True),
    "p999_ms": ("p99.9, ms", True),
    "max_ms": ("max, ms", False),
    "rate": ("changes/s", False),
    "missing": ("never came", False),
}

# How much more or less a peer needs for another format of the input.
COMPARED = ("cpu_s_per_million", "records_per_s", "peak_mib")

Result = Mapping[str, Any]


@dataclass(frozen=True)
class Spread:
    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    workload: str
    measure: str
    peer: str
    value: Spread
    ratio: Spread | None  # to the base; None of the base itself, and where it has none


def spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.median(values), min(values), max(values))


def ratios(values: Mapping[int, float], base: Mapping[int, float]) -> list[float]:
    """Of each run in which both were measured."""
    return [
        values[run] / base[run] for run in sorted(values.keys() & base.keys()) if base[run] != 0
    ]


def format_of(result: Result) -> str:
    return str(result.get("format", "json"))


def label(result: Result) -> str:
    """The workload, and its format if it is not JSON."""
    name, format = str(result["workload"]), format_of(result)
    return name if format == "json" else f"{name}, {format}"


def summarize(results: Iterable[Result]) -> list[Row]:
    """In the order in which workloads and peers first occur."""
    by_place: dict[tuple[str, str, str], dict[int, float]] = {}
    workloads: dict[str, None] = {}
    peers: dict[str, None] = {}
    for result in results:
        workload = label(result)
        workloads[workload] = peers[result["peer"]] = None
        for measure in MEASURES:
            if result.get(measure) is not None:
                place = (workload, measure, result["peer"])
                by_place.setdefault(place, {})[result["run"]] = float(result[measure])
    rows = []
    for place in ((w, m, p) for w in workloads for m in MEASURES for p in peers):
        if place not in by_place:
            continue
        found = (
            ratios(by_place[place], by_place.get((place[0], place[1], BASE), {}))
            if place[2] != BASE
            else []
        )
        rows.append(
            Row(*place, spread(list(by_place[place].values())), spread(found) if found else None)
        )
    return rows


def number(value: float) -> str:
    """Three significant digits, no exponent."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(digits, 4)}f}"


def table(rows: Iterable[Row]) -> str:
    """A line for each workload and measure; of each other peer its value and its ratio."""
    lines: dict[tuple[str, str], dict[str, Row]] = {}
    peers: dict[str, None] = {}
    for row in rows:
        lines.setdefault((row.workload, row.measure), {})[row.peer] = row
        if row.peer != BASE:
            peers[row.peer] = None
    head = ["measure", BASE]
    for peer in peers:
        head += [peer, f"{peer} / {BASE}"]
    texts = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for (workload, measure), found in lines.items():
        cells = [f"{workload}: {MEASURES[measure][0]}", value_of(found.get(BASE))]
        for peer in peers:
            cells += [value_of(found.get(peer)), ratio_of(found.get(peer))]
        texts.append("| " + " | ".join(cells) + " |")
    return "\n".join(texts) + "\n"


def compare_formats(results: Sequence[Result]) -> str:
    """A table of Avro / JSON, for each peer; empty where only one format was measured."""
    peers = list(dict.fromkeys(result["peer"] for result in results))
    workloads = list(dict.fromkeys(result["workload"] for result in results))
    head = ["measure, avro / json", *peers]
    lines = []
    for workload, measure in ((w, m) for w in workloads for m in COMPARED):
        found = [format_ratios(results, workload, measure, peer) for peer in peers]
        if any(found):
            cells = [spread_text(spread(values)) if values else "" for values in found]
            lines.append([f"{workload}: {MEASURES[measure][0]}", *cells])
    if not lines:
        return ""
    rule = "|" + "---|" * len(head)
    rows = ["| " + " | ".join(cells) + " |" for cells in (head, *lines)]
    return "\n".join([rows[0], rule, *rows[1:]]) + "\n"


def format_ratios(results: Iterable[Result], workload: str, measure: str, peer: str) -> list[float]:
    by_format: dict[str, dict[int, float]] = {"avro": {}, "json": {}}
    for result in results:
        is_meant = (result["workload"], result["peer"]) == (workload, peer)
        if is_meant and result.get(measure) is not None:
            by_format[format_of(result)][result["run"]] = float(result[measure])
    return ratios(by_format["avro"], by_format["json"])


def value_of(row: Row | None) -> str:
    return "" if row is None else number(row.value.median)


def ratio_of(row: Row | None) -> str:
    """With the lowest and the highest, where there was more than one run."""
    if row is None or row.ratio is None:
        return ""
    return spread_text(row.ratio)


def spread_text(s: Spread) -> str:
    ends = f" ({number(s.low)} to {number(s.high)})" if s.low != s.high else ""
    return number(s.median) + ends


# --- the plot: a bar for each ratio, from 1 to it, on a logarithmic scale

LABEL_WIDTH, PLOT_WIDTH, TEXT_WIDTH, ROW_HEIGHT, TOP = 430, 480, 90, 20, 50
COLOURS = (
    "#4c78a8",
    "#f58518",
    "#54a24b",
    "#b279a2",
    "#e45756",
    "#72b7b2",
    "#9d755d",
    "#bab0ac",
    "#eeca3b",
)


def svg(rows: Iterable[Row]) -> str:
    bars = [
        row
        for row in rows
        if row.ratio is not None and row.ratio.low > 0 and MEASURES[row.measure][1]
    ]
    peers = list(dict.fromkeys(row.peer for row in bars))
    ends = [end for row in bars if row.ratio for end in (row.ratio.low, row.ratio.high)]
    low = min(math.floor(math.log2(min(ends, default=1))), -1)  # powers of two
    high = max(math.ceil(math.log2(max(ends, default=1))), 1)

    def x(ratio: float) -> float:
        return LABEL_WIDTH + PLOT_WIDTH * (math.log2(ratio) - low) / (high - low)

    height = TOP + ROW_HEIGHT * len(bars) + 20
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg"'
        f' width="{LABEL_WIDTH + PLOT_WIDTH + TEXT_WIDTH}" height="{height}"'
        ' font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="10" y="18">Ratio to {BASE}, median of the runs;'
        " thin lines go from the lowest to the highest</text>",
    ]
    for power in range(low, high + 1):
        at, name = x(2.0**power), f"{2**power}" if power >= 0 else f"1/{2**-power}"
        colour = "black" if power == 0 else "#dddddd"
        parts.append(
            f'<line x1="{at:.1f}" y1="{TOP - 8}" x2="{at:.1f}" y2="{height - 12}"'
            f' stroke="{colour}"/>'
        )
        parts.append(f'<text x="{at:.1f}" y="{TOP - 12}" text-anchor="middle">{name}</text>')
    for i, row in enumerate(bars):
        assert row.ratio is not None
        y = TOP + ROW_HEIGHT * i
        label = f"{row.workload}: {MEASURES[row.measure][0]}, {row.peer}"
        left, right = sorted((x(1), x(row.ratio.median)))
        lowest, highest = x(row.ratio.low), x(row.ratio.high)
        middle, colour = y + ROW_HEIGHT / 2, COLOURS[peers.index(row.peer) % len(COLOURS)]
        parts += [
            f'<text x="{LABEL_WIDTH - 8}" y="{y + 14}" text-anchor="end">{escape(label)}</text>',
            f'<rect x="{left:.1f}" y="{y + 3}" width="{right - left:.1f}"'
            f' height="{ROW_HEIGHT - 6}" fill="{colour}"/>',
            f'<line x1="{lowest:.1f}" y1="{middle}" x2="{highest:.1f}" y2="{middle}"'
            ' stroke="black"/>',
            f'<text x="{LABEL_WIDTH + PLOT_WIDTH + 8}" y="{y + 14}">'
            f"{number(row.ratio.median)}</text>",
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


# --- the other plot: lines over a logarithmic scale from left to right, and from 0 upwards

WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM, TEXT_HEIGHT = 760, 360, 60, 230, 40, 15


def lines_svg(title: str, lines: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Of each line its name and its points (x, y), x > 0; with a dot and a name at its end."""
    points = [point for line in lines.values() for point in line]
    low, high = (f(math.log10(x) for x, _ in points) for f in (min, max))
    top = max(y for _, y in points) or 1

    def place(x: float, y: float) -> tuple[float, float]:
        share = (math.log10(x) - low) / (high - low or 1)
        return (
            LEFT + (WIDTH - LEFT - RIGHT) * share,
            HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * y / top,
        )

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"'
        ' font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="10" y="18">{escape(title)}</text>',
    ]
    for part in range(5):
        left, at = place(10**low, top * part / 4)
        parts.append(
            f'<line x1="{left:.1f}" y1="{at:.1f}" x2="{WIDTH - RIGHT}" y2="{at:.1f}"'
            ' stroke="#dddddd"/>'
        )
        parts.append(
            f'<text x="{left - 8:.1f}" y="{at + 4:.1f}" text-anchor="end">'
            f"{number(top * part / 4)}</text>"
        )
    for x in sorted({x for x, _ in points}):
        at, bottom = place(x, 0)
        parts.append(
            f'<text x="{at:.1f}" y="{bottom + 18:.1f}" text-anchor="middle">{x:,.0f}</text>'
        )
    ends = {name: place(*max(line))[1] for name, line in lines.items()}
    labels = apart(ends)
    for i, (name, line) in enumerate(lines.items()):
        colour = COLOURS[i % len(COLOURS)]
        places = [place(x, y) for x, y in sorted(line)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        end_x, end_y = places[-1]
        parts += [
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
            f'<circle cx="{end_x:.1f}" cy="{end_y:.1f}" r="3" fill="{colour}"/>',
            f'<text x="{end_x + 8:.1f}" y="{labels[name] + 4:.1f}" fill="{colour}">'
            f"{escape(name)}</text>",
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def apart(heights: Mapping[str, float]) -> dict[str, float]:
    """The heights of texts, moved upwards where two would lie on each other."""
    moved: dict[str, float] = {}
    above = math.inf
    for name, height in sorted(heights.items(), key=lambda item: -item[1]):
        above = moved[name] = min(height, above - TEXT_HEIGHT)
    return moved
