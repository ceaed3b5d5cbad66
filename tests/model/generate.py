"""Random input for `streamer`, deterministic in its seed: every format, rule and kind of dirt of
schemas/README.md, on few ids, so that things collide.

Modes:
  keyed      the key is the id, and all events of an id are in one partition, in order. Anything
             goes, but no positions and no truncates.
  scattered  keyed by anything: the events of an id are spread over partitions.
  unkeyed    null keys, spread over partitions.
In the last two the order of arrival across partitions is open, so that the results must not depend
on it: the event times of an id are distinct, and its Kafka timestamps are distinct; all are within
3 days; deletes have a time of their own; and there are no tombstones. What looks like a record of a
log has the header `streamer.order: event_time` (rule O10). The model's counters `late` and
`unchanged` do depend on the order there.
  log        each topic is a database's log as Debezium sends it: envelopes, flattened, deletes
             with or without their tombstones, or tombstones alone; positions of all kinds or none;
             snapshots, stretches sent again, clocks that go back, restored databases, truncates,
             bad records in between, and records that rule O10 places.
  mixed      a log, and feeds that go by event time of the same ids.
In these two an id's records are in one partition. A truncate lies in any partition and ends rows of
all of them, so that the results depend on when it is consumed: tell the model the same order, or
leave truncates out. With order='log' there are flattened records without metadata, too, which only
a program with `order.*=log` reads as a log.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import functools
import json
import random
import re
from dataclasses import dataclass
from typing import Any, Callable, Union

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
LATE_WINDOW_MS = 3 * DAY
START_MS = 1_707_955_200_000  # 2024-02-15T00:00:00Z
LONGEST_TEXT_BYTES = 32768


@dataclass(frozen=True, slots=True)
class Input:
    """One record to produce.

    code: the quarantine code that it is made for, '' for good ones. Those may still come too late
    or too early, or leave out a value that nothing holds; and a bad one is ignored if it is a
    repeat (O4). label: what it is, for the reader of a failing test.
    """

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: tuple[tuple[str, bytes | None], ...]
    code: str
    label: str


def generate(
    seed: int,
    n_events: int,
    customer_partitions: int,
    account_partitions: int,
    mode: str = "keyed",
    *,
    id_offset: int = 0,
    account_prefix: str = "A",
    start_ms: int = START_MS,
    record_max_bytes: int | None = None,
    order: str = "auto",
    truncates: bool = True,
) -> list[Input]:
    """n_events records in production order.

    id_offset: seeds that share a broker take multiples of 100, and each its own account_prefix.
    record_max_bytes: also make values of exactly that many bytes and of more (none when None).
    """
    assert mode in ("keyed", "scattered", "unkeyed", "log", "mixed") and order in ("auto", "log")
    # There must be room for what must not be too large.
    assert record_max_bytes is None or record_max_bytes >= 131072
    partitions = {"customers": customer_partitions, "accounts": account_partitions}
    settings = (
        seed,
        n_events,
        partitions,
        mode,
        id_offset,
        account_prefix,
        start_ms,
        record_max_bytes,
    )
    if mode in ("log", "mixed"):
        return LogGenerator(*settings, order, truncates).run()
    return Generator(*settings).run()


# --------------------------------------------------------------------------------------------------
# partition


@functools.lru_cache(maxsize=10_000)
def murmur2(data: bytes) -> int:
    """Kafka's, as an unsigned number."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = 0x9747B28C ^ len(data)
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    if whole < len(data):
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def partition_of(key: bytes, partitions: int) -> int:
    """As the Java client's default partitioner would choose."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


# --------------------------------------------------------------------------------------------------
# JSON


class Raw(str):
    """Text that goes into the JSON as it is: a number's token, or dirt."""


class Pairs(list):
    """A JSON object's members, in order; names may repeat."""


Value = Union[None, bool, str, Raw, Pairs, list]


class Typed:
    """A value whose type the schema part names; type_: the members of its Connect schema."""

    def __init__(self, value: Any, *type_: tuple[str, Any]):
        self.value = value
        self.type = Pairs(type_)


def connect_schema(value: Any) -> tuple[Any, Pairs]:
    """(the value without Typed in it, its Connect schema)"""
    if isinstance(value, Typed):
        return value.value, value.type
    if not isinstance(value, Pairs):
        return value, Pairs([("type", "string"), ("optional", True)])
    parts = [(name, *connect_schema(inner)) for name, inner in value]
    fields = [Pairs([*schema, ("field", name)]) for name, _, schema in parts]
    return Pairs((name, inner) for name, inner, _ in parts), Pairs(
        [("type", "struct"), ("fields", fields)]
    )


def has_types(value: Any) -> bool:
    return isinstance(value, Typed) or (
        isinstance(value, Pairs) and any(has_types(inner) for _, inner in value)
    )


def unscaled(number: str) -> tuple[str, int] | None:
    """A decimal's text as (base64 of its unscaled value, scale); None where there is no use in
    it."""
    match = re.fullmatch(r"([+-]?)([0-9]*)\.?([0-9]*)(?:[eE]([+-]?[0-9]{1,9}))?", number)
    if match is None or match[2] + match[3] == "":
        return None
    value = int(match[2] + match[3]) * (-1 if match[1] == "-" else 1)
    data = value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)
    return base64.b64encode(data).decode(), len(match[3]) - int(match[4] or 0)


CONNECT_DECIMAL = "org.apache.kafka.connect.data.Decimal"
VARIABLE_DECIMAL = "io.debezium.data.VariableScaleDecimal"


def connect_decimal(data: str, scale: int) -> Typed:
    return Typed(
        data,
        ("type", "bytes"),
        ("name", CONNECT_DECIMAL),
        ("version", Raw("1")),
        ("parameters", Pairs([("scale", str(scale))])),
    )


def variable_decimal(data: str, scale: int) -> Pairs:
    return Pairs([("scale", Raw(scale)), ("value", data)])


class Absent:
    """The value of a field that is left out."""


ABSENT = Absent()


def dump(value: Value, rng: random.Random) -> str:
    """JSON text, in varying style."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii=rng.random() < 0.3)
        return text.replace("/", "\\/") if rng.random() < 0.1 else text
    space = rng.choice(("", "", " ", " ", "\n  ", "\t", "\r\n"))
    if isinstance(value, Pairs):
        members = [f"{dump(name, rng)}:{space}{dump(inner, rng)}" for name, inner in value]
        return "{" + f",{space}".join(members) + "}"
    return "[" + f",{space}".join(dump(inner, rng) for inner in value) + "]"


# --------------------------------------------------------------------------------------------------
# what to choose

NAMES = (
    "Alice",
    "Bob",
    "Charlie",
    "ZO\u00cb",
    "\u0130STANBUL \u0130",
    "\u039f\u0394\u03a5\u03a3\u03a3\u0395\u03a5\u03a3",
    "Stra\u00dfe \u1e9e",
    "\u674e\u96f7",
    "\U00010400\U00010428 Deseret",
    'O\'Brien "Q" \\ / x',
    "tab\tin\nside",
    "\u01c4 \u01c5 \u01c6",
    "\U0001f600",
    "\u023a\u023e",
    "a|b",
    "\u00a0nbsp\u00a0",
    "Nonee",
    "42",
    "true",
    "\x7f",
)
BALANCES = (
    "0",
    "0.00",
    "-0",
    "-0.00",
    "5.",
    ".5",
    "0.50",
    "0.004",
    "-0.004",
    "0.005",
    "1.005",
    "2.675",
    "1.995",
    "9999.99",
    "9999.994",
    "9999.995",
    "10000",
    "10000.00",
    "10000.01",
    "10000.33",
    "10001",
    "12333.37",
    "15000",
    "19999.99",
    "19999.994",
    "19999.995",
    "20000",
    "20000.00",
    "20000.01",
    "20000.005",
    "20001",
    "1e3",
    "1.5E2",
    "125e-3",
    "1E+2",
    "25000e-0",
    "0e99999999999999999999",
    "1e-999999999",
    "0.1e-1",
    "33.33",
    "9999999999999999.99",
    "9999999999999999.994",
    "99999999999999999e-1",
    "0000012.30",
    "1234567890123456.78",
    "0.015",
    "0.985",
    "1.00",
    "1",
    "50",
    "16500.00",
)
JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
TYPE_TEXTS = {
    "savings": ("Savings", "savings", "SAVINGS", " sAvInGs "),
    "checking": ("Checking", "checking", "CHECKING", "\tchecking\n"),
}
LOAN_TEXTS: dict[bool, tuple[Any, ...]] = {
    True: (
        "yes",
        "YES",
        "y",
        "Y",
        "true",
        "True",
        "1",
        " yes ",
        True,
        Raw("1"),
        "1.0",
        Raw("1.0"),
        "+1",
        "01.",
        "10e-1",
    ),
    False: (
        "no",
        "No",
        "n",
        "N",
        "false",
        "FALSE",
        "0",
        "",
        " ",
        "none",
        "None",
        "NULL",
        "n/a",
        False,
        Raw("0"),
        None,
        ABSENT,
        "0.0",
        Raw("0.00"),
        "-0",
        ".0",
        "0e7",
    ),
}
FIELD_NAMES = {
    "customer_id": (
        "customer_id",
        "customer_id",
        "CustomerID",
        "Customer ID",
        "CUSTOMER-ID",
        "customerId",
        "_customer__id_",
    ),
    "customer_name": (
        "customer_name",
        "customer_name",
        "CustomerName",
        "Customer Name",
        "name",
        "NAME",
    ),
    "has_loan": ("has_loan", "has_loan", "HasLoan", "has_loan_flag", "Has Loan Flag", "HAS-LOAN"),
    "account_id": ("account_id", "account_id", "AccountID", "Account ID", "ACCOUNT-ID"),
    "balance": (
        "balance",
        "balance",
        "Balance",
        "balance_amount",
        "BalanceAmount",
        "Balance Amount",
    ),
    "account_type": ("account_type", "account_type", "AccountType", "Account Type"),
    "updated_at": ("updated_at", "updated_at", "UpdatedAt", "updated-at"),
}
FIELDS = {
    "customers": ("customer_id", "customer_name", "has_loan"),
    "accounts": ("account_id", "customer_id", "balance", "account_type"),
}
EXTRAS: tuple[tuple[str, Value], ...] = (
    ("note", 'x, "y"'),
    ("nested", Pairs([("customer_id", "z"), ("deep", [Raw("1"), [None], Pairs()])])),
    ("list", [Raw("1"), "two", None]),
    ("ts", Raw("1.5e3")),
    ("op", "insert"),
    ("schema", "public"),
    ("toast", "__debezium_unavailable_value"),
    ("customers", Pairs()),
    ("id", "abc"),
    ("", ""),
    ("sch\u00e9ma", True),
    ("payload", Raw("-0")),
    ("ts_ms", "soon"),
)

NULL_TEXTS: tuple[Any, ...] = ("null", "NULL", "n/a", "N/A", "none", " None ")
EMPTY_TEXTS: tuple[Any, ...] = (ABSENT, None, "", "   ", "\t\r\n\v\f")
BLANK_NAMES: tuple[Any, ...] = (
    "\u00a0",
    "\ufeff",
    "\u200b\u200b",
    " \u3000\u2003 ",
    "\u0085\u1680",
    "\u2028\ufeff\u205f",
)
BAD_INTEGERS: tuple[Any, ...] = (
    "abc",
    "1.5",
    "1e",
    "e5",
    "0x10",
    "1_000",
    "1,000",
    "--5",
    "+",
    ".",
    "NaN",
    "Infinity",
    "9223372036854775808",
    "-9223372036854775809",
    "1e19",
    "1e999999999",
    "1e-999999999",
    "\uff11\uff12",
    "12 34",
    "1001L",
    " 7x ",
    "C\u00e9sar",
    True,
    False,
    Raw("1.5"),
    Raw("1e400"),
    Raw("12345678901234567890"),
    Raw("-0.1"),
    "(1001)",
)
BAD_LOANS: tuple[Any, ...] = (
    "maybe",
    "2",
    " Yess ",
    "oui",
    "-1",
    "1.01",
    "yes no",
    "\u662f",
    Raw("2"),
    Raw("1.5"),
    "nil",
    "1e1",
    "0.1",
    "11",
)
NON_NUMERIC: tuple[Any, ...] = (
    "12,5",
    "1 000",
    "abc",
    "$5",
    "1e",
    "e5",
    ".",
    "+-1",
    "5..",
    "10000000000000000",
    "9999999999999999.995",
    "-10000000000000000",
    "1e16",
    "1e999999999",
    "-1e999999999",
    "NaN",
    "inf",
    "0x1F",
    "\u0661\u0662",
    "1e5.5",
    "nulls",
    True,
    False,
    Raw("1e400"),
    Raw("99999999999999999999"),
    Raw("9999999999999999.995"),
)
NEGATIVE: tuple[Any, ...] = (
    "-1",
    "-0.005",
    "-0.01",
    "-1e3",
    "-.5",
    "-9999999999999999.99",
    " -12.5 ",
    Raw("-5"),
    Raw("-0.005"),
    Raw("-1E+1"),
)
BAD_TYPES: tuple[Any, ...] = (
    "Credit",
    "saving",
    "savings account",
    "chec\u212aing",
    "\u017favings",
    True,
    Raw("1"),
    "Savings,Checking",
)
BAD_TIMES: tuple[Any, ...] = (
    "yesterday",
    "2024-13-01",
    "2024-02-30",
    "2023-02-29",
    "2024-2-5",
    "2024-02-15T",
    "2024-02-15T24:00",
    "2024-02-15T12",
    "2024-02-15T12:60",
    "2024-02-15T12:00:60",
    "2024-02-15T12:00:00.",
    "2024-02-15T12:00:00,5",
    "2024-02-15T12:00 Z",
    "2024-02-15T12:00:00+1",
    "2024-02-15z",
    "15.02.2024",
    "2024-02-15  12:00",
    "1.5",
    "1e400",
    "-1e15",
    "2024-02-15T12:00:00ZZ",
    "\uff12024-02-15",
    "0001-01-01T00:00+00:01",
    "9999-12-31T23:59:59.999-00:01",
    "2024-00-10",
    "2024-01-00",
    True,
    Raw("0.5"),
    Raw("-62135596800001"),
    "0",
    Raw("0"),
    Raw("2024"),
    Raw("-1"),
    "+1707955200000",
    "-1707955200000",
    Raw("-1707955200"),
    "01707955200000",
    "0001707955200",
    "17079552",
    "17079552000",
    Raw("17079552000"),
    "170795520000000000000",
    Raw("17079552000000"),
    "17079552000000000",
    "1707955200000.5",
    Raw("1707955200.25"),
    "20240230",
    "20241301",
    "20240215T1030",
    "20240215T10",
    "20240215103060",
    "20240215T243000",
    "2024-02-15T12:00:00+24:00",
    "20240215103000,5",
    "20240215.5",
    "2024021",
    "2024-0215",
    "202402-15",
    "12:30",
    "2024-W07-4",
    "2024-046",
    "P1D",
    "__debezium_unavailable",
    "1707955200 000",
)
BAD_SOURCE_TIMES: tuple[Any, ...] = (
    "abc",
    "x1",
    True,
    Raw("1.5"),
    Pairs(),
    [],
    Raw("1e30"),
    "253402300800000",
    "2024-02-15",
    Raw("-62135596800001"),
)
BAD_OPS: tuple[Any, ...] = ("m", "T", "x", "C", "create", "cu", "1")

DEEP_OK = Raw("[" * 97 + "]" * 97)  # in the row of an envelope with schema: 100 levels
TOO_DEEP = Raw("[" * 100 + "]" * 100)  # in an object: 101 levels
VERY_DEEP = Raw("[" * 20000 + "]" * 20000)

HEADERS: tuple[tuple[tuple[str, bytes | None], ...], ...] = (
    (("trace", b"\x00\xff"),),
    (("a", b"1"), ("a", b"2"), ("empty", b"")),
    (("null", None),),
    (("quarantine.code", b"mine"), ("h\u00e9", "v\u00e9".encode())),
)


def broken_texts(text: str, rng: random.Random) -> tuple[str, bytes]:
    """Makes a JSON object's text unparseable: (how, result)."""
    data = text.encode()
    close = text.rindex("}")
    inside = "" if text[1:close].strip() == "" else ","
    kinds: list[tuple[str, Callable[[], bytes]]] = [
        ("truncated", lambda: data[: rng.randrange(1, len(text[:close].encode()) + 1)]),
        (
            "trailing garbage",
            lambda: data + rng.choice((b"x", b"}", b",", b" {}", b"\x00", b"1", b"//")),
        ),
        (
            "invalid UTF-8",
            lambda: (
                (text[:close] + inside + '"u":"').encode()
                + rng.choice(
                    (
                        b"\xff",
                        b"\xc0\xaf",
                        b"\xed\xa0\x80",
                        b"\xf4\x90\x80\x80",
                        b"\xe2\x82",
                        b"\x80",
                        b"\xf8\x88\x80\x80\x80",
                        b"\xc1\x81",
                    )
                )
                + b'"}'
            ),
        ),
        (
            "raw control character",
            lambda: (
                text[:close]
                + inside
                + '"c":"a'
                + rng.choice(("\x00", "\x01", "\n", "\t", "\x1f"))
                + '"}'
            ).encode(),
        ),
        (
            "bad number",
            lambda: (
                text[:close]
                + inside
                + '"n":'
                + rng.choice(
                    (
                        "01",
                        "-01",
                        "+1",
                        ".5",
                        "1.",
                        "1e",
                        "1e+",
                        "0x1",
                        "-",
                        "1_0",
                        "NaN",
                        "Infinity",
                        "-Infinity",
                        "1.e5",
                        "00",
                    )
                )
                + "}"
            ).encode(),
        ),
        (
            "bad literal",
            lambda: (
                text[:close]
                + inside
                + '"l":'
                + rng.choice(("tru", "True", "nul", "NULL", "undefined", "None", "truee", ""))
                + "}"
            ).encode(),
        ),
        (
            "bad string",
            lambda: (
                text[:close]
                + inside
                + '"s":'
                + rng.choice(("'x'", '"x', '"\\x41"', '"\\u12"', '"\\u00g0"', '"\\', '"\\ "', 'x"'))
                + "}"
            ).encode(),
        ),
        (
            "bad syntax",
            lambda: (
                text[:close]
                + rng.choice(
                    (
                        ",}",
                        ',,"a":1}',
                        ' "a":1 "b":2}',
                        inside + '"a" 1}',
                        inside + "a:1}",
                        inside + "1:1}",
                        inside + '"a":[1,]}',
                        inside + '"a":[1 2]}',
                        inside + '"a":1]',
                        "/**/,}",
                        inside + '"a":{]}}',
                        inside + '"a":"b":1}',
                    )
                )
            ).encode(),
        ),
        (
            "bad escape value",
            lambda: (
                text[:close]
                + inside
                + rng.choice(
                    (
                        '"s":"\\ud800"',
                        '"s":"\\udc00\\ud800"',
                        '"s":"\\ud83d x"',
                        '"s":"a\\u0000b"',
                        '"s":["\\uDFFF"]',
                        '"\\ud800":1',
                        '"\\u0000":1',
                    )
                )
                + "}"
            ).encode(),
        ),
        (
            "not an object",
            lambda: rng.choice(
                (f"[{text}]", "[]", "true", "1", '"text"', json.dumps(text), "-1.5e3")
            ).encode(),
        ),
        (
            "no JSON",
            lambda: rng.choice(
                (
                    b"",
                    b" ",
                    b"hello",
                    b"1001,Alice,yes",
                    b"<a/>",
                    b"{",
                    b"}",
                    b"\xff\xfe{\x00}\x00",
                    b"\x01\x02",
                    b"\n",
                )
            ),
        ),
        ("byte order mark", lambda: b"\xef\xbb\xbf" + data),
        ("two objects", lambda: data + data),
        (
            "too deep",
            lambda: (
                text[:close] + inside + '"d":' + rng.choice((TOO_DEEP, TOO_DEEP, VERY_DEEP)) + "}"
            ).encode(),
        ),
    ]
    how, make = rng.choice(kinds)
    return how, make()


# --------------------------------------------------------------------------------------------------
# generator


class Generator:
    """Lives for one run. `states` is what the source system holds: the attributes of each living
    id."""

    def __init__(
        self,
        seed: int,
        n_events: int,
        partitions: dict[str, int],
        mode: str,
        id_offset: int,
        account_prefix: str,
        start_ms: int,
        record_max_bytes: int | None,
    ):
        self.rng = random.Random(seed)
        self.n_events = n_events
        self.partitions = partitions
        self.mode = mode
        self.keyed = mode not in ("scattered", "unkeyed")
        self.start_ms = start_ms
        self.record_max_bytes = record_max_bytes
        customers = [str(1001 + id_offset + i) for i in range(12)]
        customers += [
            str(-7 - id_offset),
            str(9007199254740993 + id_offset),
        ]  # the last is no double
        accounts = [f"{account_prefix}{id_offset + i:04d}" for i in range(27)]
        accounts += [
            f"{account_prefix}{id_offset} \u00fc\U0001f600",
            f'{account_prefix}{id_offset}|"x"\\',
            str(900001 + id_offset),
        ]
        self.ids = {"customers": customers, "accounts": accounts}
        # Ids appear bit by bit, each topic in its own order, so that accounts come before their
        # customers.
        self.born_at = {
            id_: self.rng.randrange(max(1, n_events // 2)) if self.rng.random() < 0.5 else 0
            for id_ in customers + accounts
        }
        self.states: dict[str, tuple[Any, ...]] = {}
        # Event times, as produced.
        self.times: dict[str, list[int]] = {id_: [] for id_ in customers + accounts}
        self.used_times: dict[str, set[int]] = {id_: set() for id_ in customers + accounts}
        # The span is about this long, and at most twice as long.
        span_ms = min(n_events * 10 * MINUTE, 120 * DAY) if self.keyed else DAY
        self.step_ms = max(2, span_ms // max(1, n_events) * 2)
        self.refeed_every_ms = DAY if self.keyed else 8 * HOUR
        self.clock_ms = start_ms + 9 * HOUR
        self.next_refeed_ms = start_ms + self.refeed_every_ms
        self.inputs: list[Input] = []

    # -- the course of events

    def run(self) -> list[Input]:
        while len(self.inputs) < self.n_events:
            self.step()
        return self.inputs[: self.n_events]

    def step(self) -> None:
        topic = self.rng.choice(("customers", "accounts", "accounts"))
        id_ = self.rng.choice(self.ids[topic])
        if self.born_at[id_] > len(self.inputs):
            return
        self.clock_ms += self.rng.randrange(1, self.step_ms)
        if self.clock_ms >= self.next_refeed_ms:
            self.next_refeed_ms += self.refeed_every_ms
            self.refeed()
        dice = self.rng.random()
        if dice < 0.12:
            self.dirt(topic, id_)
        elif dice < 0.20:
            self.delete(topic, id_)
        elif dice < 0.23 and self.keyed:
            self.tombstone(topic, id_)
        elif dice < 0.26 and self.keyed:
            self.repeat()
        else:
            self.upsert(topic, id_, self.next_state(topic, id_))

    def refeed(self) -> None:
        """The daily full extract: most of it says what is known."""
        style = self.rng.choice(("flat", "flat", "flattened", "envelope"))
        dated = self.keyed and self.rng.random() < 0.5
        for topic in self.rng.sample(("customers", "accounts"), 2):
            for id_ in self.ids[topic]:
                if self.born_at[id_] > len(self.inputs):
                    continue
                deleted = id_ not in self.states
                if deleted and self.rng.random() < 0.7:
                    continue
                changed = deleted or self.rng.random() < 0.07
                state = self.next_state(topic, id_) if changed else self.states[id_]
                self.clock_ms += 1
                midnight = self.clock_ms // DAY * DAY
                self.upsert(
                    topic, id_, state, style=style, time_ms=midnight if dated else self.clock_ms
                )

    def repeat(self) -> None:
        """The same message once more, as an at-least-once producer sends it."""
        if not self.inputs:
            return
        old = self.rng.choice(self.inputs[-40:])
        timestamp_ms = self.rng.choice((old.timestamp_ms, self.clock_ms))
        self.inputs.append(
            Input(
                old.topic,
                old.partition,
                old.key,
                old.value,
                timestamp_ms,
                old.headers,
                old.code,
                "repeated " + old.label.removeprefix("repeated "),
            )
        )

    # -- what the source system holds

    def next_state(self, topic: str, id_: str) -> tuple[Any, ...]:
        old = self.states.get(id_)
        if old is not None and self.rng.random() < 0.35:
            return old
        new = self.random_state(topic)
        if old is None:
            return new
        changed = self.rng.randrange(len(new))
        return tuple(new[i] if i == changed else old[i] for i in range(len(new)))

    def random_state(self, topic: str) -> tuple[Any, ...]:
        if topic == "customers":
            name = self.rng.choice(NAMES[:3]) if self.rng.random() < 0.6 else self.rng.choice(NAMES)
            return (name, self.rng.random() < 0.5)
        cents = self.rng.randrange(4_000_000)
        balance = (
            self.rng.choice(BALANCES)
            if self.rng.random() < 0.7
            else f"{cents // 100}.{cents % 100:02d}"
        )
        account_type = "savings" if self.rng.random() < 0.75 else "checking"
        return (self.rng.choice(self.ids["customers"]), balance, account_type)

    # -- when an event happened

    def choose_time(self, id_: str) -> tuple[int, int]:
        """(event time, Kafka timestamp); where they are equal, the event need not say its time."""
        if not self.keyed:
            return self.choose_distinct_time(id_)
        timestamp_ms = self.clock_ms
        if self.rng.random() < 0.1:
            timestamp_ms -= self.rng.choice((SECOND, MINUTE, DAY, 4 * DAY))
        dice = self.rng.random()
        known = self.times[id_]
        if dice < 0.50 or not known:
            return timestamp_ms, timestamp_ms
        if dice < 0.60:
            time_ms = self.clock_ms - self.rng.randrange(HOUR)
        elif dice < 0.76:
            time_ms = self.clock_ms - self.rng.randrange(LATE_WINDOW_MS)
        elif dice < 0.84:
            time_ms = self.rng.choice(known[-6:])  # a tie
        elif dice < 0.88:
            time_ms = self.rng.choice(known[-6:]) + self.rng.choice((-1, 1))
        elif dice < 0.92:
            time_ms = max(known) - LATE_WINDOW_MS + self.rng.choice((-1, 0, 1))  # on the edge
        elif dice < 0.95:
            time_ms = self.clock_ms - LATE_WINDOW_MS - self.rng.randrange(10 * DAY)
        elif dice < 0.98:
            time_ms = self.clock_ms + self.rng.randrange(6 * HOUR)
        else:
            time_ms = self.clock_ms // DAY * DAY
        if self.rng.random() < 0.2:
            time_ms = time_ms // SECOND * SECOND
        return time_ms, timestamp_ms

    def choose_distinct_time(self, id_: str) -> tuple[int, int]:
        time_ms = self.clock_ms
        # Neither too late nor too early.
        span_ms = min(LATE_WINDOW_MS, self.clock_ms - self.start_ms + 20 * HOUR)
        if self.rng.random() < 0.6:
            time_ms = self.start_ms + self.rng.randrange(span_ms)
        while time_ms in self.used_times[id_]:
            time_ms = self.start_ms + self.rng.randrange(span_ms)
        return time_ms, self.clock_ms

    def note_time(self, id_: str, time_ms: int) -> None:
        assert self.keyed or time_ms not in self.used_times[id_]
        self.times[id_].append(time_ms)
        self.used_times[id_].add(time_ms)

    def spell_time(self, time_ms: int) -> Value:
        """updated_at: that moment in one of the ways to write it."""
        rng = self.rng
        dice = rng.random()
        if dice < 0.15:
            return Raw(time_ms)
        if dice < 0.30:
            return rng.choice(
                (f"{time_ms}", f" {time_ms} ", f"{time_ms}.000", Raw(f"{time_ms}.0"), f"{time_ms}.")
            )
        if dice < 0.40:
            return self.spell_ticks(time_ms)
        offset_minutes = rng.choice((0, 0, 0, 120, -330, 840, -1))
        local = datetime.datetime(1970, 1, 1) + datetime.timedelta(
            milliseconds=time_ms, minutes=offset_minutes
        )
        if time_ms % DAY == 0 and rng.random() < 0.5:
            day = local - datetime.timedelta(minutes=offset_minutes)
            return rng.choice(
                (
                    f"{day:%Y-%m-%d}",
                    f"{day:%Y-%m-%d}",
                    f"{day:%Y-%m-%d}Z",
                    f"{day:%Y%m%d}",
                    Raw(f"{day:%Y%m%d}"),
                    f"{day:%Y%m%d}+00:00",
                )
            )
        hours, minutes = divmod(abs(offset_minutes), 60)
        sign = "-" if offset_minutes < 0 else "+"
        zones = [f"{sign}{hours:02d}:{minutes:02d}", f"{sign}{hours:02d}{minutes:02d}"]
        if minutes == 0:
            zones.append(f"{sign}{hours:02d}")
        if offset_minutes == 0:
            zones += ["", "", "Z", "Z", "-00:00"]
        if (
            time_ms + offset_minutes * MINUTE
        ) % DAY == 0 and rng.random() < 0.3:  # midnight in that zone
            return f"{local:%Y-%m-%d}" + rng.choice(zones)
        if rng.random() < 0.2:
            text = f"{local:%Y%m%d}{rng.choice(('T', ''))}{local:%H%M%S}"
            return (
                text
                + (f".{time_ms % 1000:03d}" if time_ms % 1000 else rng.choice(("", ".0")))
                + rng.choice(zones)
            )
        text = f"{local:%Y-%m-%d}{rng.choice('Tt ')}{local:%H:%M}"
        millisecond = time_ms % 1000
        if millisecond:
            digits = f"{millisecond:03d}"
            text += f":{local.second:02d}." + rng.choice(
                (digits, digits + "999", digits + "000000", digits.rstrip("0"))
            )
        elif local.second or rng.random() < 0.5:
            text += f":{local.second:02d}" + rng.choice(("", "", ".0", ".000", ".0009"))
        return text + rng.choice(zones)

    def spell_ticks(self, time_ms: int) -> Value:
        """Seconds, microseconds or nanoseconds: told by their digits. What is finer than a
        millisecond is cut off."""
        rng = self.rng
        if time_ms % SECOND == 0 and rng.random() < 0.5:
            text = f"{time_ms // SECOND}"
        else:
            digits = rng.choice((3, 6))
            text = f"{time_ms}{rng.randrange(10**digits):0{digits}d}"
        return Raw(text) if rng.random() < 0.6 else text + rng.choice(("", "", ".0"))

    # -- how a row is spelled

    def spell_customer_id(self, id_: str) -> Value:
        dice = self.rng.random()
        if dice < 0.4:
            return Raw(id_)
        if dice < 0.8:
            return id_
        sign, digits = ("-", id_[1:]) if id_.startswith("-") else ("", id_)
        return self.rng.choice(
            (
                f" {id_}\t",
                f"{id_}.0",
                f"{id_}.",
                f"{sign}00{digits}",
                f"{id_}0e-1",
                f"{id_}e0",
                f"{id_}E+00",
                f"{sign or '+'}{digits}",
                f"{sign}0.{digits}e{len(digits)}",
                Raw(f"{id_}.00"),
                Raw(f"{id_}e0"),
                Raw(f"{id_}00E-2"),
            )
        )

    def spell_account_id(self, id_: str) -> Value:
        if id_.isdigit() and self.rng.random() < 0.5:
            return Raw(id_)
        return id_ if self.rng.random() < 0.8 else f"\t {id_}\n"

    def spell_name(self, name: str) -> Value:
        dice = self.rng.random()
        if name == "42" and dice < 0.5:
            return Raw("42")
        if name == "true" and dice < 0.5:
            return True
        if dice < 0.7:
            return name
        if dice < 0.85:
            return f" \t{name}\r\n"
        swap = {
            ord(c): c.swapcase() for c in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
        }
        return name.translate(swap)

    def spell_balance(self, balance: str) -> Value:
        dice = self.rng.random()
        if dice < 0.35 and JSON_NUMBER.fullmatch(balance):
            return Raw(balance)
        if dice < 0.75:
            return balance
        if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", balance):
            return f" {balance}\n"
        return self.rng.choice(
            (
                "+" + balance,
                "00" + balance,
                balance + ("000" if "." in balance else "."),
                balance + "e0",
                balance + "E-0",
            )
        )

    def spell_row(self, topic: str, id_: str, state: tuple[Any, ...]) -> dict[str, Any]:
        """Field -> its spelled value, fit for dirtying."""
        if topic == "customers":
            name, has_loan = state
            return {
                "customer_id": self.spell_customer_id(id_),
                "customer_name": self.spell_name(name),
                "has_loan": self.rng.choice(LOAN_TEXTS[has_loan]),
            }
        customer_id, balance, account_type = state
        return {
            "account_id": self.spell_account_id(id_),
            "customer_id": self.spell_customer_id(customer_id),
            "balance": self.spell_balance(balance),
            "account_type": self.rng.choice(TYPE_TEXTS[account_type]),
        }

    def name_fields(self, row: dict[str, Any]) -> Pairs:
        """The row as members: names vary, the order too; unknown, shadowed and repeated fields come
        along."""
        rng = self.rng
        members = []
        for field, value in row.items():
            if value is not ABSENT:
                members.append(
                    (field if rng.random() < 0.6 else rng.choice(FIELD_NAMES[field]), value)
                )
        names = [name for name, _ in members]
        if rng.random() < 0.5:
            rng.shuffle(members)
        if rng.random() < 0.03:  # a mark that no eye sees
            name, value = members[0]
            members[0] = (rng.choice(("\ufeff", "\u200b", "\ufeff\u200b")) + name, value)
        if rng.random() < 0.15:
            members.insert(rng.randrange(len(members) + 1), rng.choice(EXTRAS))
        if rng.random() < 0.05:  # an alias beside its canonical name, which wins
            for canonical, alias, decoy in (
                ("customer_name", "Name", "Decoy"),
                ("has_loan", "has_loan_flag", "maybe"),
                ("balance", "balance_amount", "-77"),
            ):
                if canonical in names:
                    members.insert(rng.randrange(len(members) + 1), (alias, decoy))
        if rng.random() < 0.05:  # the same field twice: the first wins
            for field in ("customer_id", "account_id"):
                if row.get(field, ABSENT) is not ABSENT:
                    members.append((rng.choice(FIELD_NAMES[field]), "decoy"))
        if rng.random() < 0.01:
            members.append(("deep", DEEP_OK))
        return Pairs(members)

    # -- messages

    def choose_style(self) -> str:
        return self.rng.choice(("flat", "flat", "flat", "envelope", "envelope", "flattened"))

    def upsert(
        self,
        topic: str,
        id_: str,
        state: tuple[Any, ...],
        style: str | None = None,
        time_ms: int | None = None,
    ) -> None:
        if time_ms is None:
            time_ms, timestamp_ms = self.choose_time(id_)
        else:
            timestamp_ms = self.clock_ms
        if not self.keyed and time_ms in self.used_times[id_]:
            time_ms, timestamp_ms = self.choose_distinct_time(id_)
        self.note_time(id_, time_ms)
        row = self.spell_row(topic, id_, state)
        if topic == "customers" and self.rng.random() < 0.0005:
            row["customer_name"] = "\u00cb" * (LONGEST_TEXT_BYTES // 2) + " "
        else:
            self.states[id_] = state
        style = style or self.choose_style()
        unavailable = self.keyed and self.rng.random() < 0.02
        if unavailable:
            row[self.rng.choice(FIELDS[topic][1:])] = "__debezium_unavailable_value"
        elif self.rng.random() < 0.08:
            self.type_row(topic, row, state, time_ms)
        value, label = self.message(topic, row, style, time_ms, timestamp_ms)
        self.send(topic, id_, value, timestamp_ms, label + (" unavailable" if unavailable else ""))

    def type_row(
        self, topic: str, row: dict[str, Any], state: tuple[Any, ...], time_ms: int
    ) -> None:
        """Decimals in bytes, and times whose type the schema names."""
        rng = self.rng
        if topic == "accounts":
            for field, number in (("balance", state[1]), ("customer_id", state[0])):
                parts = unscaled(number)
                if parts is not None and rng.random() < 0.7:
                    typed = (
                        connect_decimal
                        if rng.random() < 0.5 and abs(parts[1]) < 1000
                        else variable_decimal
                    )
                    row[field] = typed(*parts)
        elif rng.random() < 0.5:
            ones = (
                connect_decimal("Cg==", 1),
                variable_decimal("AQ==", 0),
                connect_decimal("AQ==", 0),
            )
            row["has_loan"] = rng.choice(
                ones if state[1] else (connect_decimal("AA==", 0), variable_decimal("AAA=", 3))
            )
        if rng.random() < 0.5:
            row["updated_at"] = self.type_time(time_ms)

    def type_time(self, time_ms: int) -> Typed:
        kinds = [
            ("int64", "io.debezium.time.Timestamp", Raw(time_ms)),
            ("int64", "org.apache.kafka.connect.data.Timestamp", Raw(time_ms)),
            (
                "int64",
                "io.debezium.time.MicroTimestamp",
                Raw(time_ms * 1000 + self.rng.randrange(1000)),
            ),
            (
                "int64",
                "io.debezium.time.NanoTimestamp",
                Raw(time_ms * 10**6 + self.rng.randrange(10**6)),
            ),
        ]
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=time_ms)
        zoned = (
            f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}" + self.rng.choice(("", "456")) + "Z"
        )
        kinds.append(("string", "io.debezium.time.ZonedTimestamp", zoned))
        kinds.append(("string", "io.debezium.time.IsoTimestamp", zoned))
        if time_ms % DAY == 0:
            kinds += [
                ("int32", "io.debezium.time.Date", Raw(time_ms // DAY)),
                ("int32", "org.apache.kafka.connect.data.Date", Raw(time_ms // DAY)),
                ("string", "io.debezium.time.IsoDate", f"{moment:%Y-%m-%d}Z"),
            ] * 3
        type_, name, value = self.rng.choice(kinds)
        return Typed(value, ("type", type_), ("name", name), ("version", Raw("1")))

    def message(
        self,
        topic: str,
        row: dict[str, Any],
        style: str,
        time_ms: int,
        timestamp_ms: int,
        op: Value | None = None,
        after: Value | Absent = ABSENT,
        deleted: Value | Absent = ABSENT,
        source_time: Value | Absent = ABSENT,
    ) -> tuple[Pairs, str]:
        """An upsert's JSON (unless op, after, deleted or source_time make it something else) and
        its label."""
        rng = self.rng
        row = dict(row)
        no_time = time_ms == timestamp_ms and rng.random() < 0.8
        in_source = style != "flat" and rng.random() < 0.7
        if source_time is ABSENT:
            source_time = rng.choice((ABSENT, ABSENT, None, None, Raw("0")))
            if not no_time and in_source:
                source_time = rng.choice(
                    (Raw(time_ms), Raw(time_ms), f"{time_ms}", Raw(f"{time_ms}.0"))
                )
        shadowed = source_time is not ABSENT and source_time is not None and source_time != "0"
        if "updated_at" not in row:
            if shadowed:
                row["updated_at"] = rng.choice(
                    (ABSENT, ABSENT, None, "garbage", "2024-01-01", Raw("5"))
                )
            elif no_time:
                row["updated_at"] = rng.choice((ABSENT, ABSENT, ABSENT, None, "", "N/A", "null"))
            else:
                row["updated_at"] = self.spell_time(time_ms)
        if style == "envelope":
            record, label = self.envelope(topic, row, op, after, source_time), "envelope"
        else:
            record, label = self.name_fields(row), style
            if style == "flattened":
                marks = [("__op", op or rng.choice("cru")), ("__table", topic)]
                if deleted is not ABSENT or rng.random() < 0.7:
                    marks.append(
                        (
                            "__deleted",
                            rng.choice(("false", "False", False, None))
                            if deleted is ABSENT
                            else deleted,
                        )
                    )
                if source_time is not ABSENT:
                    marks.append(("__source_ts_ms", source_time))
                rng.shuffle(marks)
                record = Pairs(marks[:1] + record + marks[1:])
            elif rng.random() < 0.05:  # AWS DMS, or a column that is called so
                record.insert(
                    rng.randrange(len(record) + 1),
                    ("Op", rng.choice(("I", "U", "U", "X", "d", None))),
                )
        return self.wrap(topic, record, label)

    def wrap(
        self, topic: str, record: Pairs, label: str, chance: float = 0.25
    ) -> tuple[Pairs, str]:
        """With a schema part, or without."""
        rng = self.rng
        if not has_types(record):
            if rng.random() >= chance or any(name in ("schema", "payload") for name, _ in record):
                return record, label
            schema: Value = Pairs(
                [("type", "struct"), ("optional", False), ("name", f"db.{topic}.Envelope")]
            )
            schema = rng.choice((schema, None))
        else:
            label += " typed"
            record, schema = connect_schema(
                Pairs(pair for pair in record if pair[0] not in ("schema", "payload"))
            )
        wrapped = [("schema", schema), ("payload", record)]
        return Pairs(wrapped if rng.random() < 0.8 else wrapped[::-1]), label + "+schema"

    def envelope(
        self,
        topic: str,
        row: dict[str, Any],
        op: Value | None,
        after: Value | Absent,
        source_time: Value | Absent,
    ) -> Pairs:
        rng = self.rng
        op = op or rng.choice(("c", "r", "u", "u"))
        old = (
            self.name_fields({"account_id": "old", "customer_id": "?"})
            if op == "u" and rng.random() < 0.5
            else None
        )
        members: list[tuple[str, Any]] = [
            ("after", self.name_fields(row) if after is ABSENT else after),
            ("op", op),
        ]
        if op != "c" or rng.random() < 0.5:
            members.append(("before", old))
        if source_time is not ABSENT or rng.random() < 0.5:
            source = Pairs([("version", "2.5.0"), ("connector", "postgresql"), ("table", topic)])
            if source_time is not ABSENT:
                source.insert(1, ("ts_ms", source_time))
            members.append(("source", source))
        elif rng.random() < 0.3:
            members.append(("source", None))
        if rng.random() < 0.7:
            members.append(("ts_ms", Raw(self.clock_ms + 7)))
        members.append(("transaction", None))
        if rng.random() < 0.5:
            rng.shuffle(members)
        return Pairs([(name, value) for name, value in members if value is not ABSENT])

    def delete(self, topic: str, id_: str) -> None:
        """A delete event. Its row may lack or spoil anything but the id and the time."""
        rng = self.rng
        time_ms, timestamp_ms = self.choose_time(id_)
        self.note_time(id_, time_ms)
        state = self.states.pop(id_, None) or self.random_state(topic)
        row = self.spell_row(topic, id_, state)
        for field in FIELDS[topic][1:]:
            if rng.random() < 0.3:
                row[field] = rng.choice((ABSENT, None, "", "spoiled", "null"))
        key: bytes | None = None
        own = ABSENT if self.keyed else rng.choice((Raw(time_ms), f"{time_ms}"))
        if rng.random() < 0.5:
            mark, op = rng.choice(
                (
                    (True, "d"),
                    ("true", "d"),
                    ("TRUE", "u"),
                    ("false", "d"),
                    (ABSENT, "d"),
                    (True, "c"),
                )
            )
            record, label = self.message(
                topic, row, "flattened", time_ms, timestamp_ms, op=op, deleted=mark, source_time=own
            )
            label = "delete " + label
        elif self.keyed and rng.random() < 0.1:
            record, label = Pairs([("Op", "D")] + self.name_fields(row)), "delete flat, Op"
        else:
            record, label = self.message(
                topic, row, "envelope", time_ms, timestamp_ms, op="d", source_time=own
            )
            record, label, key = self.turn_into_delete(
                topic, id_, record, "delete " + label, time_ms == timestamp_ms
            )
        self.send(topic, id_, record, timestamp_ms, label, key=key)
        if self.keyed and rng.random() < 0.6:  # Debezium's own
            self.send(
                topic,
                id_,
                None,
                timestamp_ms + rng.randrange(3),
                "tombstone after delete",
                key=self.tombstone_key(topic, id_)[0],
            )

    def turn_into_delete(
        self, topic: str, id_: str, record: Pairs, label: str, at_kafka_time: bool
    ) -> tuple[Pairs, str, bytes | None]:
        """Moves an envelope's row from `after` to `before`, or (keyed) its id into the key."""
        wrapped = label.endswith("+schema")
        members = dict(dict(record)["payload"] if wrapped else record)
        members["before"] = members["after"]
        members["after"] = None
        key = None
        timed = any(
            name == "ts_ms" and value is not None for name, value in members.get("source") or []
        )
        if self.keyed and (timed or at_kafka_time) and self.rng.random() < 0.3:
            has_no_id = Pairs([("note", "no id here")])
            members["before"] = self.rng.choice((None, Pairs(), has_no_id))
            key, how = self.tombstone_key(topic, id_)
            label += f" id in {how} key"
        if self.rng.random() < 0.2:
            del members["after"]
        envelope = Pairs(members.items())
        return (
            (Pairs([("schema", None), ("payload", envelope)]) if wrapped else envelope),
            label,
            key,
        )

    def tombstone_key(self, topic: str, id_: str) -> tuple[bytes, str]:
        rng = self.rng
        field = FIELDS[topic][0]
        spelled = (
            self.spell_customer_id(id_) if topic == "customers" else self.spell_account_id(id_)
        )
        how = rng.choice(("bare", "bare", "quoted", "json", "json", "json+schema", "payload"))
        if how == "bare":
            return spelled.encode(), how
        members = Pairs([(rng.choice(FIELD_NAMES[field]), spelled)])
        if rng.random() < 0.3:
            members.insert(rng.randrange(2), ("tenant", Raw("5")))
        schema = Pairs([("type", "struct"), ("optional", False)])
        content: Value = {
            "quoted": str(spelled),
            "json": members,
            "json+schema": Pairs([("schema", schema), ("payload", members)]),
            "payload": Pairs([("schema", schema), ("payload", spelled)]),
        }[how]
        return dump(content, rng).encode(), how

    def tombstone(self, topic: str, id_: str) -> None:
        timestamp_ms = self.clock_ms - (
            self.rng.choice((SECOND, DAY, 4 * DAY)) if self.rng.random() < 0.2 else 0
        )
        self.states.pop(id_, None)
        self.note_time(id_, timestamp_ms)
        key, how = self.tombstone_key(topic, id_)
        dice = self.rng.random()
        if dice < 0.1:
            text = self.rng.choice((b"null", b"null", b" null\n"))
            self.send(topic, id_, text, timestamp_ms, f"tombstone JSON null, {how} key", key=key)
        elif dice < 0.2:
            value: Value = Pairs([("schema", self.rng.choice((None, Pairs()))), ("payload", None)])
            self.send(
                topic, id_, value, timestamp_ms, f"tombstone null payload, {how} key", key=key
            )
        else:
            self.send(topic, id_, None, timestamp_ms, f"tombstone {how} key", key=key)

    # -- dirt

    def dirt(self, topic: str, id_: str) -> None:
        """One record for the quarantine. It is about a known id, and would change it if it were let
        through."""
        state = self.random_state(topic)
        row = self.spell_row(topic, id_, state)
        time_ms = self.clock_ms - self.rng.randrange(HOUR)
        makers = (
            (self.bad_field, 40),
            (self.bad_json, 25),
            (self.bad_structure, 15),
            (self.bad_op, 6),
            (self.bad_time, 6),
            (self.too_early, 3),
            (self.foreign, 4),
            (self.too_large, 2),
            (self.bad_tombstone, 5),
        )
        maker = self.rng.choices([maker for maker, _ in makers], [weight for _, weight in makers])[
            0
        ]
        maker(topic, id_, row, time_ms)

    def dirty_message(
        self,
        topic: str,
        id_: str,
        row: dict[str, Any],
        time_ms: int,
        code: str,
        how: str,
        style: str | None = None,
        **parts: Any,
    ) -> None:
        record, label = self.message(
            topic, row, style or self.choose_style(), time_ms, self.clock_ms, **parts
        )
        self.send(topic, id_, record, self.clock_ms, f"{code}: {how}, {label}", code=code)

    def bad_field(self, topic: str, id_: str, row: dict[str, Any], time_ms: int) -> None:
        """One to three fields are wrong; the first in the order of the table gives the code."""
        rng = self.rng
        fields = [field for field in FIELDS[topic]]
        wrong = rng.sample(fields, rng.choice((1, 1, 1, 2, 3)))
        for field in wrong:
            row[field] = rng.choice(
                {
                    "customer_id": rng.choice(
                        (BAD_INTEGERS, BAD_INTEGERS, EMPTY_TEXTS + NULL_TEXTS)
                    ),
                    "customer_name": EMPTY_TEXTS + NULL_TEXTS + BLANK_NAMES,
                    "has_loan": BAD_LOANS,
                    "account_id": EMPTY_TEXTS + NULL_TEXTS,
                    "balance": rng.choice(
                        (NON_NUMERIC, NON_NUMERIC, NEGATIVE, NULL_TEXTS, EMPTY_TEXTS)
                    ),
                    "account_type": rng.choice((BAD_TYPES, EMPTY_TEXTS + NULL_TEXTS)),
                }[field]
            )
        if rng.random() < 0.1:
            row["updated_at"] = "garbage"  # checked last
        first = next(field for field in fields if field in wrong)
        code = "invalid_" + {"customer_name": "name"}.get(first, first)
        self.dirty_message(topic, id_, row, time_ms, code, first)

    def bad_json(self, topic: str, id_: str, row: dict[str, Any], time_ms: int) -> None:
        record, label = self.message(topic, row, self.choose_style(), time_ms, self.clock_ms)
        how, data = broken_texts(dump(record, self.rng), self.rng)
        self.send(topic, id_, data, self.clock_ms, f"malformed: {how}, {label}", code="malformed")

    def bad_structure(self, topic: str, id_: str, row: dict[str, Any], time_ms: int) -> None:
        rng = self.rng
        kind = rng.choice(
            (
                "object",
                "list",
                "unavailable",
                "after",
                "source time",
                "flat source time",
                "delete",
                "decimal",
            )
        )
        if kind in ("object", "list", "unavailable"):
            field = (
                FIELDS[topic][0]
                if kind == "unavailable"
                else rng.choice(FIELDS[topic] + ("updated_at",))
            )
            row[field] = {
                "object": rng.choice((Pairs(), Pairs([("int", "5")]))),
                "list": rng.choice(([], [Raw("1001")])),
                "unavailable": "__debezium_unavailable_value",
            }[kind]
            other = rng.choice(FIELDS[topic])
            if other != field and rng.random() < 0.3:
                row[other] = "none"  # comes after malformed
            self.dirty_message(topic, id_, row, time_ms, "malformed", f"{kind} as {field}")
        elif kind == "decimal":
            field = "balance" if topic == "accounts" else "has_loan"
            make = rng.choice((connect_decimal, variable_decimal))
            row[field] = make(rng.choice(("A+0", "*", "A+0=A", "soo", "A" * 87 + "=", "A+_=")), 2)
            self.dirty_message(topic, id_, row, time_ms, "malformed", "decimal")
        elif kind == "after":
            after = rng.choice((None, [], "text", Raw("1"), True, [Pairs()]))
            self.dirty_message(
                topic,
                id_,
                row,
                time_ms,
                "malformed",
                "after is no object",
                style="envelope",
                after=after,
            )
        elif kind == "delete":
            row[FIELDS[topic][0]] = rng.choice((Pairs(), []))
            self.dirty_message(
                topic,
                id_,
                row,
                time_ms,
                "malformed",
                "delete with object as id",
                style="flattened",
                op="d",
            )
        else:
            style = "envelope" if kind == "source time" else "flattened"
            source_time = rng.choice(BAD_SOURCE_TIMES)
            self.dirty_message(
                topic, id_, row, time_ms, "malformed", kind, style=style, source_time=source_time
            )

    def bad_op(self, topic: str, id_: str, row: dict[str, Any], time_ms: int) -> None:
        style = self.rng.choice(("envelope", "flattened"))
        after = None if style == "envelope" and self.rng.random() < 0.3 else ABSENT
        if self.rng.random() < 0.3:
            row[FIELDS[topic][0]] = "none"  # comes after the operation
        self.dirty_message(
            topic,
            id_,
            row,
            time_ms,
            "unsupported_op",
            "op",
            style=style,
            op=self.rng.choice(BAD_OPS),
            after=after,
        )

    def bad_time(self, topic: str, id_: str, row: dict[str, Any], time_ms: int) -> None:
        rng = self.rng
        row["updated_at"] = rng.choice(BAD_TIMES)
        if rng.random() < 0.2:
            name, value = rng.choice(
                (
                    ("Year", Raw("2024")),
                    ("MicroTime", Raw("3600000000")),
                    ("ZonedTime", "10:00:00Z"),
                    ("IsoDate", "19768"),
                    ("Timestamp", "noon"),
                    ("Interval", "P1D"),
                    ("MicroTimestamp", "2024-02-15"),
                    ("ZonedTimestamp", "1707955200000"),
                )
            )
            row["updated_at"] = Typed(
                value, ("type", "int64"), ("name", f"io.debezium.time.{name}")
            )
        self.dirty_message(
            topic, id_, row, time_ms, "invalid_updated_at", "updated_at", source_time=None
        )

    def too_early(self, topic: str, id_: str, row: dict[str, Any], time_ms: int) -> None:
        """So far ahead that it is too early when it is repeated, too."""
        row["updated_at"] = self.spell_time(self.clock_ms + 20 * DAY)
        self.dirty_message(topic, id_, row, time_ms, "too_early", "updated_at", style="flat")

    def foreign(self, topic: str, id_: str, row: dict[str, Any], time_ms: int) -> None:
        """Formats that are known but not read."""
        seconds, data = Raw(time_ms // SECOND), self.name_fields(row)
        how, record = self.rng.choice(
            (
                (
                    "Maxwell",
                    Pairs(
                        [
                            ("database", "b"),
                            ("table", topic),
                            ("type", "update"),
                            ("ts", seconds),
                            ("data", data),
                        ]
                    ),
                ),
                (
                    "Canal",
                    Pairs(
                        [
                            ("data", [data]),
                            ("database", "b"),
                            ("es", Raw(time_ms)),
                            ("isDdl", False),
                            ("table", topic),
                            ("type", "UPDATE"),
                        ]
                    ),
                ),
                (
                    "GoldenGate",
                    Pairs(
                        [
                            ("table", f"B.{topic}"),
                            ("op_type", "U"),
                            ("op_ts", "2024-02-15 10:00:00"),
                            ("after", data),
                        ]
                    ),
                ),
                (
                    "CloudEvents",
                    Pairs(
                        [
                            ("specversion", "1.0"),
                            ("id", "x"),
                            ("source", "/b"),
                            ("type", "change"),
                            ("data", data),
                        ]
                    ),
                ),
                ("JSON", dump(dump(data, self.rng), self.rng).encode()),
            )
        )
        self.send(topic, id_, record, self.clock_ms, f"malformed: {how}", code="malformed")

    def too_large(self, topic: str, id_: str, row: dict[str, Any], time_ms: int) -> None:
        if self.record_max_bytes is None or self.rng.random() < 0.5:
            field = "customer_name" if topic == "customers" else "account_id"
            row[field] = self.rng.choice(
                ("x" * (LONGEST_TEXT_BYTES + 1), "\u20ac" * (LONGEST_TEXT_BYTES // 3 + 1))
            )
            self.dirty_message(topic, id_, row, time_ms, "too_large", field)
            return
        record, label = self.message(topic, row, self.choose_style(), time_ms, self.clock_ms)
        data = dump(record, self.rng).encode()
        data += b" " * (self.record_max_bytes + self.rng.choice((1, 100)) - len(data))
        if self.rng.random() < 0.3:
            data = b"{" + data  # too large comes before malformed
        self.send(topic, id_, data, self.clock_ms, f"too_large: record, {label}", code="too_large")

    def bad_tombstone(self, topic: str, id_: str, row: dict[str, Any], time_ms: int) -> None:
        rng = self.rng
        if not self.keyed:
            if self.mode == "unkeyed":
                self.send(
                    topic,
                    id_,
                    None,
                    self.clock_ms,
                    "malformed: tombstone without key",
                    code="malformed",
                )
            return
        dice = rng.random()
        if dice < 0.2:
            self.send_raw(
                topic,
                id_,
                None,
                None,
                self.clock_ms,
                "malformed: tombstone without key",
                "malformed",
            )
        elif dice < 0.3:
            value = b'{"op":"d","before":null,"after":null}'
            self.send_raw(
                topic,
                id_,
                None,
                value,
                self.clock_ms,
                "malformed: delete without id and key",
                "malformed",
            )
        elif dice < 0.6:
            field = FIELDS[topic][0].encode()
            key = rng.choice(
                (
                    b"\xff\xfe",
                    b'{"%s":' % field,
                    b'{"%s":{}}' % field,
                    b'"abc',
                    b'{"%s":"1"} x' % field,
                    b'{"%s":[1]}' % field,
                    b"{",
                    b'"',
                    b'{"%s":01}' % field,
                    b'"\\ud800"',
                    b'"a" 1',
                )
            )
            self.send_raw(
                topic, id_, key, None, self.clock_ms, "malformed: tombstone key", "malformed"
            )
        else:
            key = rng.choice(
                (
                    b"null",
                    b" N/A ",
                    b"none",
                    b"{}",
                    b'{"key":5}',
                    b'""',
                    b'" "',
                    b"   ",
                    b'{"schema":{},"payload":{}}',
                )
            )
            if topic == "customers" and rng.random() < 0.5:
                key = rng.choice(
                    (b"abc", b"1.5", b'"x"', b'{"customer_id":true}', b'{"CustomerID":"x"}')
                )
            code = "invalid_" + FIELDS[topic][0]
            self.send_raw(topic, id_, key, None, self.clock_ms, f"{code}: tombstone key", code)

    # -- keys, partitions and headers

    def send(
        self,
        topic: str,
        id_: str,
        value: Pairs | bytes | None,
        timestamp_ms: int,
        label: str,
        code: str = "",
        key: bytes | None = None,
    ) -> None:
        rng = self.rng
        data = value
        if isinstance(value, Pairs):
            data = dump(value, rng).encode()
            if rng.random() < 0.03:
                data = (
                    rng.choice((b" ", b"\n", b"\r\n\t ")) + data + rng.choice((b"", b"\n", b" \t"))
                )
            if self.record_max_bytes is not None and code == "" and rng.random() < 0.003:
                data += b" " * (self.record_max_bytes - len(data))
                label += " of the largest size"
        # No id can be read from it, so it may be anywhere.
        is_no_ones = code != "" and isinstance(value, bytes)
        stray = self.keyed and is_no_ones and rng.random() < 0.3
        if stray:
            key = rng.choice((None, b"", b"\xff\x00junk", b'{"a":1}'))
        elif key is None:
            key = self.choose_key(topic, id_)
        self.send_raw(topic, id_, key, data, timestamp_ms, label, code, stray)

    def send_raw(
        self,
        topic: str,
        id_: str,
        key: bytes | None,
        data: bytes | None,
        timestamp_ms: int,
        label: str,
        code: str,
        stray: bool = False,
    ) -> None:
        partitions = self.partitions[topic]
        if self.keyed and not stray:
            partition = partition_of(id_.encode(), partitions)
        elif key is not None and not stray:
            partition = partition_of(key, partitions)
        else:
            partition = self.rng.randrange(partitions)
        headers = self.rng.choice(HEADERS) if self.rng.random() < 0.1 else ()
        looks_like_log = "envelope" in label or "flattened" in label
        if looks_like_log and not self.keyed:
            headers += (("streamer.order", b"event_time"),)
        elif looks_like_log and self.mode == "keyed" and self.rng.random() < 0.15:
            headers += self.by_time_headers(timestamp_ms)
        self.inputs.append(Input(topic, partition, key, data, timestamp_ms, headers, code, label))
        if not self.keyed:
            self.clock_ms += 1  # Kafka timestamps stay distinct

    def by_time_headers(self, timestamp_ms: int) -> tuple[tuple[str, bytes | None], ...]:
        """Rule O10: what `feed --complete` and `quarantine replay` say of their records."""
        replayed_ms = timestamp_ms + self.rng.randrange(3 * DAY)
        replayed = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=replayed_ms)
        replayed_at = replayed.isoformat(timespec="milliseconds") + "Z"
        return self.rng.choice(
            (
                (("streamer.order", b"event_time"),),
                (("quarantine.replays", b"1"),),
                (("quarantine.replays", b"2"), ("quarantine.replayed_at", replayed_at.encode())),
            )
        )

    def choose_key(self, topic: str, id_: str) -> bytes | None:
        rng = self.rng
        if self.keyed:
            return id_.encode()
        if self.mode == "unkeyed":
            return None
        if topic == "accounts" and rng.random() < 0.5:
            return rng.choice(self.ids["customers"]).encode()
        return rng.choice(
            (
                None,
                b"",
                b"same",
                id_.encode(),
                b"\xff\x00",
                f"{rng.randrange(10**6)}".encode(),
                f'{{"k":{rng.randrange(100)}}}'.encode(),
            )
        )


# --------------------------------------------------------------------------------------------------
# logs


class Log:
    """Where a database's log stands, and how its connector says so."""

    def __init__(self, rng: random.Random):
        self.rng = rng
        self.kind = rng.choice(("lsn", "file", "commit_lsn", "commit_scn", "none"))
        self.at = rng.randrange(1000, 2000)
        self.name = "bank"
        self.server_id = 223344

    def advance(self) -> None:
        self.at += self.rng.choice((0, 1, 1, 1, 3))

    def restore(self) -> None:
        """The database is set back, under its old name or another."""
        self.at = max(10, self.at - self.rng.randrange(1, 200))
        if self.rng.random() < 0.6:
            self.name += "x"
            self.server_id += self.rng.choice((0, 1))

    def members(self, snapshot: bool) -> list[tuple[str, Value]]:
        """The source's members that say where a record lies."""
        at, rng = self.at, self.rng
        nothing = rng.choice((None, Raw("0"), ABSENT, ""))
        connector = {
            "lsn": "postgresql",
            "file": "mysql",
            "commit_lsn": "sqlserver",
            "commit_scn": "oracle",
            "none": "db2",
        }
        parts: list[tuple[str, Any]] = {
            "lsn": [("lsn", rng.choice((Raw(at * 8), Raw(at * 8), f"{at * 8}")))],
            "file": [
                ("file", f"mysql-bin.{999_980 + at // 60:06d}"),
                ("pos", Raw(4 + at % 60 // 3 * 100)),
                ("row", Raw(0 if snapshot else at % 3)),
                ("server_id", Raw(self.server_id)),
            ],
            "commit_lsn": [
                ("commit_lsn", f"{at // 9:08x}:{at // 3 % 3:08x}:0001"),
                (
                    "change_lsn",
                    nothing if snapshot else f"{at // 9:08x}:{at // 3 % 3:08x}:{at % 3:04x}",
                ),
                ("event_serial_no", nothing if snapshot else Raw(1 + at % 3)),
            ],
            "commit_scn": [
                ("commit_scn", nothing if snapshot else f"{at // 4 + 10}"),
                ("scn", f"{at}"),
            ],
            "none": [("lsn", nothing)],
        }[self.kind]
        return [("connector", connector[self.kind]), ("name", self.name), *parts]


class LogGenerator(Generator):
    """What connectors send of two databases, each the log of one topic."""

    def __init__(
        self,
        seed: int,
        n_events: int,
        partitions: dict[str, int],
        mode: str,
        id_offset: int,
        account_prefix: str,
        start_ms: int,
        record_max_bytes: int | None,
        order: str,
        truncates: bool,
    ):
        super().__init__(
            seed, n_events, partitions, mode, id_offset, account_prefix, start_ms, record_max_bytes
        )
        rng = self.rng
        self.truncates = truncates
        self.logs = {topic: Log(rng) for topic in FIELDS}
        self.db_ms = {topic: self.clock_ms for topic in FIELDS}
        styles = ("envelope", "envelope", "flattened") + (
            ("bare", "bare") if order == "log" else ()
        )
        self.styles = {id_: rng.choice(styles) for id_ in self.born_at}
        self.delete_ways = {
            id_: rng.choice(("both", "both", "delete", "tombstone")) for id_ in self.born_at
        }
        self.marks = {id_: rng.choice(("__source_", "__")) for id_ in self.born_at}

    def step(self) -> None:
        rng = self.rng
        topic = rng.choice(("customers", "accounts", "accounts"))
        id_ = rng.choice(self.ids[topic][:8] if rng.random() < 0.7 else self.ids[topic])
        if self.born_at[id_] > len(self.inputs):
            return
        self.tick(topic)
        if self.mode == "mixed" and rng.random() < 0.25:
            self.feed_by_time(topic, id_)
            return
        steps = (
            (self.change, 60),
            (self.replace_within_lag, 5),
            (self.snapshot, 2),
            (self.send_again, 6),
            (self.bad_record, 8),
            (self.unavailable, 4),
            (self.place_by_time, 6),
            (self.truncate, 2 if self.truncates else 0),
        )
        maker = rng.choices([maker for maker, _ in steps], [weight for _, weight in steps])[0]
        maker(topic, id_)

    def tick(self, topic: str) -> None:
        """The database's clock may stand still, step back or leap; the connector is behind it."""
        rng = self.rng
        self.logs[topic].advance()
        if rng.random() < 0.01:
            self.logs[topic].restore()
        if rng.random() < 0.06:
            self.db_ms[topic] -= rng.choice((1, 5, 500, 5 * SECOND, HOUR, 4 * DAY))
        elif rng.random() < 0.6:
            self.db_ms[topic] += rng.choice((0, 0, 1, 1, 5, SECOND, 10 * MINUTE))
        else:
            self.db_ms[topic] = max(self.db_ms[topic], self.clock_ms)
        self.lag()

    def lag(self) -> None:
        self.clock_ms += self.rng.choice((0, 1, 1, 5, 200, MINUTE, 5 * MINUTE))
        self.clock_ms = max(self.clock_ms, *self.db_ms.values())

    # -- what the database does

    def change(self, topic: str, id_: str) -> None:
        if id_ in self.states and self.rng.random() < 0.25:
            self.delete_row(topic, id_)
        else:
            self.write_row(topic, id_)

    def write_row(self, topic: str, id_: str) -> None:
        op = "u" if id_ in self.states else "c"
        self.states[id_] = self.next_state(topic, id_)
        self.send_row(topic, id_, op, self.source_time(topic))

    def delete_row(self, topic: str, id_: str) -> None:
        state = self.states.pop(id_, None) or self.random_state(topic)
        way = "tombstone" if self.styles[id_] == "bare" else self.delete_ways[id_]
        if way != "tombstone":
            row = self.spell_row(topic, id_, state)
            for field in FIELDS[topic][1:]:
                if self.rng.random() < 0.3:
                    row[field] = self.rng.choice((ABSENT, None, "", "spoiled"))
            record, label = self.log_message(topic, id_, row, "d", self.source_time(topic))
            self.send(topic, id_, record, self.clock_ms, f"log: delete {label}")
        # Debezium sends both at once, but others write, too.
        if way == "both" and self.rng.random() < 0.1:
            self.rng.choice((self.bad_record, self.place_by_time))(topic, id_)
        if way != "delete":
            self.clock_ms += self.rng.choice((0, 1))
            self.send(
                topic,
                id_,
                self.rng.choice((None, None, b"null")),
                self.clock_ms,
                f"log: tombstone, {way}",
                key=self.tombstone_key(topic, id_)[0],
            )

    def replace_within_lag(self, topic: str, id_: str) -> None:
        """A delete and an insert, before the connector sends either."""
        if id_ not in self.states:
            self.write_row(topic, id_)
        self.lag()
        self.delete_row(topic, id_)
        self.logs[topic].advance()
        self.db_ms[topic] += self.rng.choice((0, 1, 1, 20))
        self.write_row(topic, id_)

    def truncate(self, topic: str, id_: str) -> None:
        """With inserts directly before and after, in the same millisecond or the next, and in other
        partitions."""
        rng = self.rng
        others = [
            other
            for other in self.ids[topic]
            if self.styles[other] != "bare" and self.born_at[other] <= len(self.inputs)
        ]
        for other in rng.sample(others, min(len(others), rng.randrange(3))):
            self.write_row(topic, other)
        self.logs[topic].advance()
        self.db_ms[topic] += rng.choice((0, 1, 1))
        self.states = {
            key: state for key, state in self.states.items() if key not in self.ids[topic]
        }
        source = Pairs(self.source(topic, self.source_time(topic), snapshot=False))
        envelope = Pairs(
            [
                ("before", None),
                ("after", None),
                ("source", source),
                ("op", "t"),
                ("ts_ms", Raw(self.clock_ms)),
            ]
        )
        if rng.random() < 0.5:
            envelope = Pairs(pair for pair in envelope if pair[0] not in ("before", "after"))
        late = [other for other in others if rng.random() < 0.1]
        before = {
            other: (self.db_ms[topic] - rng.choice((1, 50)), self.random_state(topic))
            for other in late
        }
        record, label = self.wrap(topic, envelope, "truncate")
        partition = rng.randrange(self.partitions[topic])
        data = dump(record, rng).encode()
        self.inputs.append(
            Input(topic, partition, None, data, self.clock_ms, (), "", f"log: {label}")
        )
        for other, (
            time_ms,
            state,
        ) in before.items():  # from before it, but in partitions that are read later
            if (
                partition_of(other.encode(), self.partitions[topic]) != partition
                and self.logs[topic].kind != "none"
            ):
                self.logs[topic].at -= 5
                record, label = self.log_message(
                    topic, other, self.spell_row(topic, other, state), "c", Raw(time_ms)
                )
                self.send(topic, other, record, self.clock_ms, f"log: before a truncate, {label}")
                self.logs[topic].at += 5
        for other in rng.sample(others, min(len(others), rng.randrange(3))):
            self.logs[topic].advance()
            self.db_ms[topic] += rng.choice((0, 0, 1))
            self.write_row(topic, other)

    # -- what the connector does

    def snapshot(self, topic: str, id_: str) -> None:
        """All rows as they are, stamped later than what is streamed next."""
        if self.rng.random() < 0.3:
            self.logs[topic].restore()
        stamp = Raw(self.db_ms[topic] + self.rng.choice((0, 3, SECOND, MINUTE)))
        for other in self.ids[topic]:
            if other in self.states and self.rng.random() < 0.7:
                self.clock_ms += self.rng.choice((0, 1))
                self.send_row(topic, other, "r", stamp)

    def send_again(self, topic: str, id_: str) -> None:
        """Of one partition, the newest stretch of the log once more."""
        partition = self.rng.randrange(self.partitions[topic])
        place = (topic, partition)
        sent = [
            old
            for old in self.inputs[-150:]
            if (old.topic, old.partition) == place and old.label.startswith("log:")
        ]
        for old in sent[-self.rng.choice((1, 2, 3, 5, 10, 20)) :]:
            self.clock_ms += self.rng.choice((0, 1, 5))
            self.inputs.append(dataclasses.replace(old, timestamp_ms=self.clock_ms))

    def unavailable(self, topic: str, id_: str) -> None:
        if id_ in self.states:
            state = self.next_state(topic, id_)
            row = self.spell_row(topic, id_, state)
            hidden = self.rng.randrange(len(state))
            row[FIELDS[topic][1:][hidden]] = "__debezium_unavailable_value"
            self.states[id_] = tuple(
                old if at == hidden else new
                for at, (old, new) in enumerate(zip(self.states[id_], state))
            )
            record, label = self.log_message(topic, id_, row, "u", self.source_time(topic))
            self.send(topic, id_, record, self.clock_ms, f"log: {label} unavailable")

    def bad_record(self, topic: str, id_: str) -> None:
        """A row that the table refuses, in the log."""
        row = self.spell_row(topic, id_, self.random_state(topic))
        field, value, code = self.rng.choice(
            {
                "customers": (
                    ("has_loan", "maybe", "invalid_has_loan"),
                    ("customer_name", "n/a", "invalid_name"),
                    ("customer_name", [], "malformed"),
                    ("customer_id", "x", "invalid_customer_id"),
                ),
                "accounts": (
                    ("balance", "-5", "invalid_balance"),
                    ("account_type", "Credit", "invalid_account_type"),
                    ("balance", [], "malformed"),
                    ("account_id", "", "invalid_account_id"),
                ),
            }[topic]
        )
        row[field] = value
        record, label = self.log_message(topic, id_, row, "u", self.source_time(topic))
        self.send(topic, id_, record, self.clock_ms, f"log: {code} {label}", code=code)

    def place_by_time(self, topic: str, id_: str) -> None:
        """Rule O10: a replayed row, or a delete of `feed --complete`; at a time somewhere near the
        newest ones."""
        rng = self.rng
        time_ms = self.db_ms[topic] + rng.choice((0, 1, -1, -50, -5 * SECOND, -HOUR, MINUTE))
        if rng.random() < 0.08:  # too early, unless it was replayed late enough
            time_ms = self.clock_ms + DAY + rng.randrange(DAY)
        op = "d" if rng.random() < 0.3 else "u"
        row = self.spell_row(topic, id_, self.random_state(topic))
        record, label = self.log_message(topic, id_, row, op, Raw(time_ms))
        code = ""
        if op == "u" and rng.random() < 0.15:
            row[FIELDS[topic][2]] = []
            record, label = self.log_message(topic, id_, row, op, Raw(time_ms))
            code = "malformed"
        self.send(topic, id_, record, self.clock_ms, f"by time: {op} {label}", code=code)
        self.inputs[-1] = dataclasses.replace(
            self.inputs[-1], headers=self.by_time_headers(self.clock_ms)
        )

    def feed_by_time(self, topic: str, id_: str) -> None:
        """Mixed with the log: a flat record of the same id."""
        dice = self.rng.random()
        if dice < 0.12:
            self.send(
                topic,
                id_,
                None,
                self.clock_ms,
                "fed: tombstone",
                key=self.tombstone_key(topic, id_)[0],
            )
        elif dice < 0.2:
            record = Pairs(
                [("Op", "D")]
                + self.name_fields(self.spell_row(topic, id_, self.random_state(topic)))
            )
            self.send(topic, id_, record, self.clock_ms, "fed: delete")
        elif dice < 0.3:  # fed again behind its tombstone
            self.send(
                topic,
                id_,
                None,
                self.clock_ms,
                "fed: tombstone",
                key=self.tombstone_key(topic, id_)[0],
            )
            time_ms = self.clock_ms - self.rng.choice((0, 1, 50, MINUTE))
            self.upsert(topic, id_, self.next_state(topic, id_), style="flat", time_ms=time_ms)
        else:
            self.upsert(topic, id_, self.next_state(topic, id_), style="flat")

    # -- how it is spelled

    def source_time(self, topic: str) -> Value | Absent:
        """The time of the change; now and then none, 0, or one that cannot be."""
        dice = self.rng.random()
        if dice < 0.03:
            return self.rng.choice((ABSENT, None, Raw("0")))
        if dice < 0.05:
            return Raw(self.clock_ms + DAY + self.rng.choice((0, 1, 9 * DAY)))
        return Raw(self.db_ms[topic])

    def source(self, topic: str, time: Value | Absent, snapshot: bool) -> list[tuple[str, Value]]:
        members: list[tuple[str, Any]] = [
            ("version", "3.0.0.Final"),
            ("ts_ms", time),
            ("table", topic),
        ]
        members += self.logs[topic].members(snapshot)
        if self.rng.random() < 0.02:  # a part that is not there
            at = self.rng.randrange(5, len(members))
            members[at] = (members[at][0], self.rng.choice((None, Raw("0"), "")))
        return [(name, value) for name, value in members if value is not ABSENT]

    def send_row(self, topic: str, id_: str, op: str, time: Value | Absent) -> None:
        row = self.spell_row(topic, id_, self.states[id_])
        if self.rng.random() < 0.08 and self.styles[id_] != "bare":
            self.type_row(topic, row, self.states[id_], self.db_ms[topic])
        record, label = self.log_message(topic, id_, row, op, time)
        self.send(topic, id_, record, self.clock_ms, f"log: {op} {label}")

    def log_message(
        self, topic: str, id_: str, row: dict[str, Any], op: str, time: Value | Absent
    ) -> tuple[Pairs, str]:
        style, rng = self.styles[id_], self.rng
        source = self.source(topic, time, snapshot=op == "r")
        label = f"{style} {self.logs[topic].kind}"
        if style == "envelope":
            old = (
                self.name_fields({"account_id": "old"})
                if op == "u" and rng.random() < 0.3
                else None
            )
            before, after = (
                (self.name_fields(row), None) if op == "d" else (old, self.name_fields(row))
            )
            return self.wrap(
                topic,
                Pairs(
                    [
                        ("before", before),
                        ("after", after),
                        ("source", Pairs(source)),
                        ("op", op),
                        ("ts_ms", Raw(self.clock_ms)),
                    ]
                ),
                label,
            )
        if style == "bare":
            if (
                time is not ABSENT
                and time is not None
                and time != "0"
                and "updated_at" not in row
                and rng.random() < 0.8
            ):
                row = {**row, "updated_at": self.spell_time(int(time))}
            return self.wrap(topic, self.name_fields(row), "bare", 0.1)
        if op == "d" and rng.random() < 0.3:
            # A flattened delete without a time of its own.
            source = [pair for pair in source if pair[0] != "ts_ms"]
        marks: list[tuple[str, Value]] = [
            ("__source_ts_ms" if name == "ts_ms" else self.marks[id_] + name, value)
            for name, value in source
        ]
        deleted = rng.choice(("true", True)) if op == "d" else rng.choice(("false", False))
        marks += [("__op", op), ("__deleted", deleted)] if rng.random() < 0.7 else [("__op", op)]
        return self.wrap(topic, Pairs(self.name_fields(row) + marks), label)
