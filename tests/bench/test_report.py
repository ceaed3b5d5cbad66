"""The arithmetic of the report."""

import xml.etree.ElementTree as ElementTree

import pytest
from report import (
    Row,
    Spread,
    apart,
    compare_formats,
    lines_svg,
    number,
    ratios,
    spread,
    summarize,
    svg,
    table,
)


def result(run, peer, workload="changes", **measures):
    return {"run": run, "peer": peer, "workload": workload, **measures}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0], Spread(3, 3, 3)),
        ([5.0, 1.0, 9.0], Spread(5, 1, 9)),
        ([4.0, 1.0, 2.0, 8.0], Spread(3, 1, 8)),
    ],
)
def test_spread__median_lowest_highest(values, expected):
    assert spread(values) == expected


def test_ratios__only_of_runs_that_both_have():
    assert ratios({1: 10.0, 2: 6.0, 4: 1.0}, {1: 5.0, 2: 2.0, 3: 7.0}) == [2, 3]


def test_ratios__none_to_zero():
    assert ratios({1: 10.0, 2: 6.0}, {1: 0.0, 2: 2.0}) == [3]


def test_summarize__median_of_ratios_is_not_ratio_of_medians():
    rows = summarize(
        [
            *(result(run, "streamer", records_per_s=v) for run, v in ((1, 10), (2, 100), (3, 20))),
            *(result(run, "floor", records_per_s=v) for run, v in ((1, 40), (2, 100), (3, 60))),
        ]
    )
    assert rows == [
        Row("changes", "records_per_s", "streamer", Spread(20, 10, 100), None),
        Row("changes", "records_per_s", "floor", Spread(60, 40, 100), Spread(3, 1, 4)),
    ]


def test_summarize__leaves_out_what_was_not_measured():
    rows = summarize(
        [
            result(1, "streamer", p50_ms=None, peak_mib=7),
            result(2, "streamer", p50_ms=4.0),
            result(1, "floor", p50_ms=3.0, peak_mib=14),
        ]
    )
    assert rows == [
        Row("changes", "peak_mib", "streamer", Spread(7, 7, 7), None),
        Row("changes", "peak_mib", "floor", Spread(14, 14, 14), Spread(2, 2, 2)),
        Row("changes", "p50_ms", "streamer", Spread(4, 4, 4), None),
        Row("changes", "p50_ms", "floor", Spread(3, 3, 3), None),
    ]


def test_summarize__keeps_the_order_of_workloads():
    rows = summarize(
        [result(1, "streamer", workload, rate=1) for workload in ("zipf", "insert", "changes")]
    )
    assert [row.workload for row in rows] == ["zipf", "insert", "changes"]


def test_summarize__names_a_format_that_is_not_json():
    rows = summarize(
        [result(1, "streamer", format=format, rate=1) for format in ("json", "avro", "json")]
    )
    assert [row.workload for row in rows] == ["changes", "changes, avro"]


def test_compare_formats__ratios_within_each_run_of_each_peer():
    results = [
        *(
            result(run, "streamer", format="json", cpu_s_per_million=v)
            for run, v in ((1, 4), (2, 5))
        ),
        *(
            result(run, "streamer", format="avro", cpu_s_per_million=v)
            for run, v in ((1, 2), (2, 10))
        ),
        result(1, "floor", format="json", cpu_s_per_million=8, records_per_s=None),
        result(1, "floor", format="avro", cpu_s_per_million=4, records_per_s=3),
    ]
    assert compare_formats(results).splitlines() == [
        "| measure, avro / json | streamer | floor |",
        "|---|---|---|",
        "| changes: CPU s per million records | 1.25 (0.500 to 2.00) | 0.500 |",
    ]


def test_compare_formats__nothing_to_compare():
    assert compare_formats([result(1, "streamer", format="json", cpu_s_per_million=4)]) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1234567.8, "1,234,568"),
        (123.4, "123"),
        (12.34, "12.3"),
        (1.234, "1.23"),
        (0.01234, "0.0123"),
    ],
)
def test_number__three_digits(value, text):
    assert number(value) == text


ROWS = [
    Row("changes", "records_per_s", "streamer", Spread(20, 10, 100), None),
    Row("changes", "records_per_s", "floor", Spread(60, 40, 100), Spread(3, 1, 4)),
    Row("changes", "p50_ms", "floor", Spread(6, 4, 10), Spread(0.3, 0.2, 0.4)),
]


def test_table__a_line_for_each_measure_with_each_peers_ratio():
    assert table(ROWS).splitlines() == [
        "| measure | streamer | floor | floor / streamer |",
        "|---|---|---|---|",
        "| changes: records/s | 20.0 | 60.0 | 3.00 (1.00 to 4.00) |",
        "| changes: p50, ms |  | 6.00 | 0.300 (0.200 to 0.400) |",
    ]


def test_table__one_run_has_no_range():
    assert "| 3.00 |" in table([Row("a", "rate", "floor", Spread(6, 6, 6), Spread(3, 3, 3))])


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], []])
def test_svg__a_bar_for_each_ratio(rows):
    root = ElementTree.fromstring(svg(rows))
    bars = [e for e in root.iter("{http://www.w3.org/2000/svg}rect") if e.get("x")]
    assert len(bars) == sum(row.ratio is not None for row in rows)
    assert all(float(bar.get("width")) > 0 for bar in bars)


def test_lines_svg__a_line_with_all_its_points_for_each_name():
    lines = {"a < b": [(100, 1.0), (1000, 4.0), (10000, 2.0)], "c": [(100, 0.0)]}
    root = ElementTree.fromstring(lines_svg("title", lines))
    drawn = [e.get("points").split() for e in root.iter("{http://www.w3.org/2000/svg}polyline")]
    assert [len(points) for points in drawn] == [3, 1]
    heights = [float(point.split(",")[1]) for point in drawn[0]]
    assert heights[1] < heights[2] < heights[0]  # 4 is above 2 is above 1
    texts = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"title", "a < b", "c", "10,000"} <= set(texts)


def test_apart__texts_keep_their_order_and_a_distance():
    assert apart({"a": 100.0, "b": 98.0, "c": 50.0}) == {"a": 100.0, "b": 85.0, "c": 50.0}
