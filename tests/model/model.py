"""What `streamer` must produce, computed the plainest way: an oracle for its tests.

Written from schemas/README.md alone. Sections: JSON, text and numbers, typed values, names, the
table's rules, times, keys, positions, staging (one record -> one Reading), snapshots (all accepted
events of an id -> its versions), and Model, which gives each record its place by the rules O1 to
O10, holds all events, and prints the result rows. Not here: Avro, Protobuf and the schema registry.
"""

from __future__ import annotations

import base64
import binascii
import bisect
import copy
import datetime
import decimal
import functools
import json
import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple, Union

TOPICS = ("customers", "accounts")
ID_FIELD = {"customers": "customer_id", "accounts": "account_id"}

MIN_TIME_MS = -62135596800000  # 0001-01-01T00:00:00.000Z
MAX_TIME_MS = 253402300799999  # 9999-12-31T23:59:59.999Z
MAX_JSON_DEPTH = 100  # the top-level object is level 1
MAX_TEXT_BYTES = 32768  # account_id and customer_name, UTF-8, trimmed
MAX_AMOUNT = Decimal("9999999999999999.99")
CENT = Decimal("0.01")
RATE = Decimal("0.001")
MONEY = decimal.Context(prec=100, rounding=decimal.ROUND_HALF_UP)  # HALF_UP is half away from zero


class Rejected(Exception):
    """A record that goes to the quarantine.

    id: of which id the record is, where that could be read, from its value or its key
    (`quarantine.id`). foreign: the format that the reason must name, where schemas/README.md says
    so.
    """

    def __init__(self, code: str, reason: str | None = None, foreign: str | None = None):
        super().__init__(code, reason)
        self.code = code
        self.reason = reason
        self.foreign = foreign
        self.id: Id | None = None


def malformed(foreign: str | None = None) -> Rejected:
    return Rejected("malformed", foreign=foreign)


# --------------------------------------------------------------------------------------------------
# JSON


class Number(str):
    """A JSON number: its exact token."""


class Object(list):
    """A JSON object: its (name, value) pairs in the order of the text, duplicates included."""


class Missing:
    """The value of a member that is not there."""


MISSING = Missing()
JsonValue = Union[None, bool, str, Number, Object, list, Missing]


def _no_constant(token: str) -> None:
    raise ValueError(token)  # NaN, Infinity, -Infinity are not JSON


_decoder = json.JSONDecoder(
    object_pairs_hook=Object, parse_int=Number, parse_float=Number, parse_constant=_no_constant
)
_json_string = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def parse_json(data: bytes) -> JsonValue:
    """Strict RFC 8259, except that member names may repeat. Raises Rejected('malformed')."""
    try:
        text = data.decode("utf-8")
        if json_depth(text) > MAX_JSON_DEPTH:
            raise malformed()
        value = _decoder.decode(text)
    except (ValueError, RecursionError):
        raise malformed() from None
    if "\\u" in text and has_bad_character(value):
        raise malformed()
    return value


def json_depth(text: str) -> int:
    """How deep objects and lists nest in a JSON text (at most; exact where it could matter)."""
    brackets = text.count("{") + text.count("[")
    if brackets <= MAX_JSON_DEPTH:
        return brackets
    level = deepest = 0
    for character in _json_string.sub("", text):
        if character in "{[":
            level += 1
            deepest = max(deepest, level)
        elif character in "}]":
            level -= 1
    return deepest


def has_bad_character(value: JsonValue) -> bool:
    """Whether any string or member name holds U+0000 or a lone surrogate (only \\u escapes can
    bring them)."""
    if isinstance(value, str):
        return any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, Object):
        return any(has_bad_character(name) or has_bad_character(member) for name, member in value)
    if isinstance(value, list):
        return any(has_bad_character(member) for member in value)
    return False


def member(record: Object, name: str) -> JsonValue:
    """The first member of exactly that name."""
    for key, value in record:
        if key == name:
            return value
    return MISSING


# --------------------------------------------------------------------------------------------------
# text and numbers

ASCII_SPACE = " \t\n\v\f\r"
NULL_WORDS = ("null", "n/a", "none")
_ascii_lower = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_number = re.compile(r"([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:[eE]([+-]?)(\d+))?", re.ASCII)
_zone = r"(?P<zone>Z|[+-]\d\d(?::?\d\d)?)?"
_iso_time = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?" + _zone, re.ASCII
)
_basic_time = re.compile(
    r"(\d{4})(\d\d)(\d\d)(?:T?(\d\d)(\d\d)(\d\d)(?:\.(\d+))?)?" + _zone, re.ASCII
)


def ascii_lower(text: str) -> str:
    return text.translate(_ascii_lower)


def simple_lower(text: str) -> str:
    """Unicode simple lower case: one character for each character."""
    return "".join("i" if character == "\u0130" else character.lower() for character in text)


def to_text(value: JsonValue) -> str | None:
    """The trimmed text of a scalar, as received; None where there is no value."""
    if value is None or value is MISSING:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    assert isinstance(value, str)
    return value.strip(ASCII_SPACE)


def is_null(text: str | None) -> bool:
    return text is None or text == "" or ascii_lower(text) in NULL_WORDS


class Parsed(NamedTuple):
    """(-1 if negative) * 0.DIGITS * 10**point; digits has no zeros at either end and is '' for
    zero."""

    negative: bool
    digits: str
    point: int


def parse_number(text: str) -> Parsed | None:
    """By the grammar of schemas/README.md; the exponent may be absurd, so it saturates."""
    match = _number.fullmatch(text)
    if match is None:
        return None
    sign, whole, fraction, bare_fraction, exponent_sign, exponent_digits = match.groups()
    whole = whole or ""
    fraction = fraction or bare_fraction or ""
    exponent_digits = (exponent_digits or "").lstrip("0")
    exponent = int(exponent_digits or "0") if len(exponent_digits) <= 12 else 10**12
    if exponent_sign == "-":
        exponent = -exponent
    all_digits = whole + fraction
    significant = all_digits.lstrip("0")
    leading_zeros = len(all_digits) - len(significant)
    return Parsed(sign == "-", significant.rstrip("0"), len(whole) - leading_zeros + exponent)


def parse_int64(text: str) -> int | None:
    """The number's value where it is an integer of 64 bits."""
    number = parse_number(text)
    if number is None:
        return None
    if number.digits == "":
        return 0
    if not len(number.digits) <= number.point <= 19:
        return None
    value = int(number.digits) * 10 ** (number.point - len(number.digits))
    if number.negative:
        value = -value
    return value if -(2**63) <= value < 2**63 else None


def parse_amount(text: str) -> Decimal | None:
    """Rounded to cents, half away from zero; None where it is no number or does not fit
    decimal(18,2)."""
    number = parse_number(text)
    if number is None:
        return None
    if number.digits == "" or number.point < -2:  # less than 0.001
        return Decimal("0.00")
    if number.point > 16:
        return None
    amount = Decimal(f"0.{number.digits}E{number.point}").quantize(CENT, context=MONEY)
    if amount > MAX_AMOUNT:
        return None
    return -amount if number.negative and amount != 0 else amount


def parse_iso_time(text: str) -> int | None:
    """ISO-8601, extended or basic; of a date alone its beginning, in its zone. UTC without a
    zone."""
    match = _iso_time.fullmatch(text) or _basic_time.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        days = (
            datetime.date(int(year), int(month), int(day)).toordinal()
            - datetime.date(1970, 1, 1).toordinal()
        )
    except ValueError:
        return None
    hours, minutes, seconds = int(hour or 0), int(minute or 0), int(second or 0)
    zone_ms = parse_zone(zone)
    if hours > 23 or minutes > 59 or seconds > 59 or zone_ms is None:
        return None
    milliseconds = int((fraction or "")[:3].ljust(3, "0"))
    return ((days * 24 + hours) * 60 + minutes) * 60_000 + seconds * 1000 + milliseconds - zone_ms


def parse_zone(zone: str | None) -> int | None:
    """How far the zone is ahead of UTC, in milliseconds."""
    if zone is None or zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[3:].lstrip(":") or "0")
    if hours > 23 or minutes > 59:
        return None
    return (hours * 60 + minutes) * (-60_000 if zone[0] == "-" else 60_000)


def parse_epoch(text: str) -> int | None:
    """An integer told by its digits: seconds, milliseconds, microseconds or nanoseconds. No sign,
    no leading zero."""
    if text[:1] in ("+", "-", "0"):
        return None
    number = parse_number(text)
    if number is None or not 0 < len(number.digits) <= number.point <= 19:
        return None
    value = int(number.digits.ljust(number.point, "0"))
    units = {
        9: 1,
        10: 1,
        12: 1000,
        13: 1000,
        15: 10**6,
        16: 10**6,
        18: 10**9,
        19: 10**9,
    }  # digits -> ticks a second
    ticks_per_second = units.get(number.point)
    return None if ticks_per_second is None else value * 1000 // ticks_per_second


@functools.lru_cache(maxsize=100_000)
def format_time(time_ms: int) -> str:
    time = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=time_ms)
    return time.isoformat(timespec="milliseconds") + "Z"


# --------------------------------------------------------------------------------------------------
# typed values


class Text(Number):
    """The text of a decoded decimal. written_out: whether it has all its digits (else an exponent
    stands for zeros)."""

    written_out = True


def decode_decimal(value: JsonValue, scale: int) -> Number:
    """Connect's Decimal: big-endian two's complement in base64. A JSON number
    (decimal.format=NUMERIC) is as it is."""
    if isinstance(value, Number):
        return value
    if not isinstance(value, str):
        raise malformed()
    try:
        data = base64.b64decode(value.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise malformed() from None
    if not 1 <= len(data) <= 64:
        raise malformed()
    return decimal_text(int.from_bytes(data, "big", signed=True), scale)


def decimal_text(unscaled: int, scale: int) -> Text:
    sign, digits = ("-" if unscaled < 0 else ""), str(abs(unscaled))
    if abs(scale) > MAX_TEXT_BYTES:
        text = Text(f"{sign}{digits}E{-scale}")
        text.written_out = False
        return text
    if scale <= 0:
        return Text(sign + (digits + "0" * -scale if unscaled != 0 else digits))
    digits = digits.rjust(scale + 1, "0")
    return Text(f"{sign}{digits[:-scale]}.{digits[-scale:]}")


def is_variable_scale(value: JsonValue) -> bool:
    """Debezium's VariableScaleDecimal is known by its two members, with or without a schema."""
    return isinstance(value, Object) and sorted(name for name, _ in value) == ["scale", "value"]


def decode_variable_scale(value: Object) -> Number:
    scale, unscaled = member(value, "scale"), member(value, "value")
    if (
        not isinstance(scale, Number)
        or not isinstance(unscaled, str)
        or isinstance(unscaled, Number)
    ):
        raise malformed()
    return decode_decimal(unscaled, whole_number(scale))


def whole_number(value: JsonValue) -> int:
    is_text = isinstance(value, str)
    number = parse_int64(to_text(value)) if is_text else None
    if number is None:
        raise malformed()
    return number


def type_name(schema: JsonValue) -> str | None:
    """The name of the semantic type that a Connect schema gives."""
    name = member(schema, "name") if isinstance(schema, Object) else None
    return str(name) if isinstance(name, str) else None


def field_schema(schema: JsonValue, name: str) -> JsonValue:
    """The schema of a field of a Connect struct."""
    fields = member(schema, "fields") if isinstance(schema, Object) else MISSING
    for one in fields if isinstance(fields, list) and not isinstance(fields, Object) else []:
        if isinstance(one, Object) and member(one, "field") == name:
            return one
    return MISSING


def scalar(value: JsonValue, schema: JsonValue) -> JsonValue:
    """The value as text, number, boolean or null. Raises where an object or list stands where a
    value belongs."""
    if (
        value is None
        or value is MISSING
        or (isinstance(value, str) and to_text(value) == UNAVAILABLE)
    ):
        return value
    if type_name(schema) == "org.apache.kafka.connect.data.Decimal":
        parameters = member(schema, "parameters")
        scale = member(parameters, "scale") if isinstance(parameters, Object) else MISSING
        return decode_decimal(value, whole_number(scale))
    if is_variable_scale(value):
        return decode_variable_scale(value)
    if isinstance(value, list) or type_name(schema) == "io.debezium.data.VariableScaleDecimal":
        raise malformed()
    return value


# --------------------------------------------------------------------------------------------------
# names

# For each topic, field -> its normalized names, best first; those in one tuple are equally good.
Fields = dict[str, tuple[tuple[str, ...], ...]]
FIELDS: dict[str, Fields] = {
    "customers": {
        "customer_id": (("customerid",),),
        "customer_name": (("customername",), ("name",)),
        "has_loan": (("hasloan",), ("hasloanflag",)),
        "updated_at": (("updatedat",),),
    },
    "accounts": {
        "account_id": (("accountid",),),
        "customer_id": (("customerid",),),
        "balance": (("balance",), ("balanceamount",)),
        "account_type": (("accounttype",),),
        "updated_at": (("updatedat",),),
    },
}
UNAVAILABLE = "__debezium_unavailable_value"
MARKS = "\ufeff\u200b"  # byte order mark, zero-width space


@functools.lru_cache(maxsize=100_000)
def normalized(name: str) -> str:
    return ascii_lower(name.lstrip(MARKS)).replace(" ", "").replace("_", "").replace("-", "")


def with_more_names(topic: str, setting: str) -> Fields:
    """`fields.customers`, `fields.accounts`: more names, as in `customer_id=cust_no,has_loan=loan`.

    They come after the field's own name, and before the others that are built in.
    """
    configured: dict[str, tuple[str, ...]] = {}
    for pair in filter(None, setting.split(",")):
        name, more = (text.strip() for text in pair.split("="))
        configured[name] = (*configured.get(name, ()), normalized(more))
    return {
        name: (own, configured.get(name, ()), *others)
        for name, (own, *others) in FIELDS[topic].items()
    }


class Row(NamedTuple):
    """A JSON object and the Connect schema that types its members, if any."""

    record: Object
    schema: JsonValue = MISSING


class Picked(NamedTuple):
    value: JsonValue
    schema: JsonValue


def find_field(fields: Fields, row: Row, field_name: str) -> Picked:
    """A known field: the best of its names, the first of equal names."""
    for names in fields[field_name]:
        for key, value in row.record:
            if normalized(key) in names:
                return Picked(value, field_schema(row.schema, key))
    return Picked(MISSING, MISSING)


def pick_field(fields: Fields, row: Row, field_name: str) -> JsonValue:
    """A known field's value. Raises where it is no value."""
    return scalar(*find_field(fields, row, field_name))


# --------------------------------------------------------------------------------------------------
# the table's rules

CustomerState = tuple[str, bool]  # customer_name, has_loan_flag
AccountState = tuple[int, Decimal, str]  # customer_id, balance_amount, account_type
State = Union[CustomerState, AccountState]
Id = Union[int, str]

WHITE_SPACE = (
    *range(9, 14),
    0x20,
    0x85,
    0xA0,
    0x1680,
    *range(0x2000, 0x200B),
    0x2028,
    0x2029,
    0x202F,
    0x205F,
    0x3000,
)
BLANK = frozenset([*map(chr, WHITE_SPACE), *MARKS])  # Unicode White_Space and the two marks


class Keep:
    """Stands in a state for an unavailable value: what the version says that holds at the record's
    place."""

    def __repr__(self) -> str:
        return "KEEP"


KEEP = Keep()


def complaint(code: str, text: str, value: str, original: JsonValue) -> Rejected:
    """The reason quotes the value; of a decimal that is long to write out the reason is open."""
    long_decimal = isinstance(original, Text) and (not original.written_out or len(original) > 100)
    return Rejected(code, None if long_decimal else f"{text}{value}")


def check_length(text: str, original: JsonValue) -> None:
    if len(text.encode()) > MAX_TEXT_BYTES or (
        isinstance(original, Text) and not original.written_out
    ):
        raise Rejected("too_large")


def check_customer_id(value: JsonValue) -> int:
    text = to_text(value)
    if is_null(text):
        raise Rejected("invalid_customer_id", "Invalid customer_id: null or empty")
    customer_id = parse_int64(text)
    if customer_id is None:
        raise complaint(
            "invalid_customer_id", "Invalid customer_id: ", f"non-numeric value ({text})", value
        )
    return customer_id


def check_account_id(value: JsonValue) -> str:
    text = to_text(value)
    if is_null(text):
        raise Rejected("invalid_account_id", "Invalid account_id: null or empty")
    check_length(text, value)
    return text


def check_id(topic: str, value: JsonValue) -> Id:
    if to_text(value) == UNAVAILABLE:
        raise malformed()
    return check_customer_id(value) if topic == "customers" else check_account_id(value)


def check_customer_name(value: JsonValue) -> str:
    text = to_text(value)
    if is_null(text) or all(character in BLANK for character in text):
        raise Rejected("invalid_name", "Invalid name: null or empty")
    check_length(text, value)
    return simple_lower(text)


def check_has_loan(value: JsonValue) -> bool:
    text = to_text(value)
    if is_null(text):
        return False
    if ascii_lower(text) in ("yes", "y", "true") or parse_int64(text) == 1:
        return True
    if ascii_lower(text) in ("no", "n", "false") or parse_int64(text) == 0:
        return False
    raise complaint("invalid_has_loan", "Invalid has_loan value: ", text, value)


def check_balance(value: JsonValue) -> Decimal:
    text = to_text(value)
    if text is None or text == "":
        raise Rejected("invalid_balance", "Invalid balance: null or empty")
    if is_null(text):
        raise Rejected("invalid_balance", f"Invalid balance: null representation ({text})")
    amount = parse_amount(text)
    if amount is None:
        raise complaint(
            "invalid_balance", "Invalid balance: ", f"non-numeric value ({text})", value
        )
    if amount < 0:
        raise complaint("invalid_balance", "Invalid balance: ", f"negative value ({text})", value)
    return amount


def check_account_type(value: JsonValue) -> str:
    text = to_text(value)
    if is_null(text):
        raise Rejected("invalid_account_type", "Invalid account_type: null or empty")
    if ascii_lower(text) not in ("savings", "checking"):
        raise complaint(
            "invalid_account_type",
            "Invalid account_type: ",
            f"must be Savings or Checking ({text})",
            value,
        )
    return ascii_lower(text)


CHECKS: dict[str, dict[str, Any]] = {
    "customers": {"customer_name": check_customer_name, "has_loan": check_has_loan},
    "accounts": {
        "customer_id": check_customer_id,
        "balance": check_balance,
        "account_type": check_account_type,
    },
}


def check_state(topic: str, values: dict[str, JsonValue]) -> tuple[Any, ...]:
    """The attributes, in the order of the table. An unavailable one becomes KEEP."""
    return tuple(
        KEEP if to_text(values[name]) == UNAVAILABLE else check(values[name])
        for name, check in CHECKS[topic].items()
    )


# --------------------------------------------------------------------------------------------------
# times

TICKS = {  # types of numbers that are dates: (ticks a millisecond, milliseconds a tick)
    "io.debezium.time.Timestamp": (1, 1),
    "org.apache.kafka.connect.data.Timestamp": (1, 1),
    "io.debezium.time.MicroTimestamp": (1000, 1),
    "io.debezium.time.NanoTimestamp": (10**6, 1),
    "io.debezium.time.Date": (1, 86_400_000),
    "org.apache.kafka.connect.data.Date": (1, 86_400_000),
}
TEXT_TIMES = (
    "io.debezium.time.ZonedTimestamp",
    "io.debezium.time.IsoTimestamp",
    "io.debezium.time.IsoDate",
)


def in_range(time_ms: int | None) -> bool:
    return time_ms is not None and MIN_TIME_MS <= time_ms <= MAX_TIME_MS


def check_source_time(value: JsonValue) -> int | None:
    """source.ts_ms or __source_ts_ms; None where there is none, which 0 is too."""
    if value is None or value is MISSING:
        return None
    if isinstance(value, list) or isinstance(value, bool):
        raise malformed()
    time_ms = parse_int64(to_text(value))
    if not in_range(time_ms):
        raise malformed()
    return time_ms or None


def check_updated_at(value: JsonValue, schema: JsonValue) -> int | None:
    text = to_text(value)
    if text == UNAVAILABLE:
        raise malformed()
    if is_null(text):
        return None
    time_ms = parse_typed_time(text, type_name(schema))
    if not in_range(time_ms):
        raise Rejected("invalid_updated_at")
    return time_ms


def parse_typed_time(text: str, type_: str | None) -> int | None:
    """Where a schema names a type, that decides; a type that is no date gives no time."""
    if type_ is None:
        time_ms = parse_epoch(text)
        return parse_iso_time(text) if time_ms is None else time_ms
    if type_ in TEXT_TIMES:
        return parse_iso_time(text)
    value = parse_int64(text)
    if type_ not in TICKS or value is None:
        return None
    divisor, factor = TICKS[type_]
    return value * factor // divisor


# --------------------------------------------------------------------------------------------------
# keys


def id_in_key(topic: str, fields: Fields, key: bytes | None) -> JsonValue:
    """The id that a message key holds: bare text, a JSON string, or a JSON object with or without
    schema."""
    if key is None:
        raise malformed()
    if key[:1] == b"\x00":  # a key in a binary format
        raise Rejected("unknown_schema")
    try:
        text = key.decode("utf-8").strip(ASCII_SPACE)
    except UnicodeDecodeError:
        raise malformed() from None
    if not text.startswith(("{", '"')):
        return text
    value = parse_json(key)
    if is_encoded_twice(value):
        raise malformed("JSON")
    schema: JsonValue = MISSING
    if (
        isinstance(value, Object)
        and member(value, "schema") is not MISSING
        and member(value, "payload") is not MISSING
    ):
        schema, value = member(value, "schema"), member(value, "payload")
    if isinstance(value, Object) and not is_variable_scale(value):
        return pick_field(fields, Row(value, schema), ID_FIELD[topic])
    return scalar(value, schema)


def is_encoded_twice(value: JsonValue) -> bool:
    """Whether a JSON string holds the text of a JSON object or string once more."""
    if (
        not isinstance(value, str)
        or isinstance(value, Number)
        or not value.strip(ASCII_SPACE).startswith(("{", '"'))
    ):
        return False
    try:
        parse_json(value.encode())
    except Rejected:
        return False
    return True


# --------------------------------------------------------------------------------------------------
# positions

# O4: the kinds of positions, and the parts of each, the heaviest first.
POSITION_KINDS = {
    "lsn": ("lsn",),
    "file": ("file", "pos", "row"),
    "commit_lsn": ("commit_lsn", "change_lsn", "event_serial_no"),
    "commit_scn": ("commit_scn", "scn"),
}
LSN_TEXTS = ("commit_lsn", "change_lsn")
ABSENT_PART = (0,)  # lies before all that are there: those are (1, value)
Part = tuple[Any, ...]


class Position(NamedTuple):
    """Where in its database's log a record lies. Positions are comparable if `scale` agrees."""

    scale: tuple[Any, ...]  # kind, connector, name and (MySQL) server_id
    parts: tuple[Part, ...]


def comparable(one: Position | None, other: Position | None) -> bool:
    return one is not None and other is not None and one.scale == other.scale


def lies_before(one: Position, other: Position) -> bool:
    return one.parts < other.parts


def is_not_behind(one: Position | None, other: Position | None) -> bool:
    return comparable(one, other) and one.parts <= other.parts


def read_part(name: str, text: str | None) -> Part:
    """null, 0, empty, and what is no number where one belongs count as not there."""
    if text is None or text == "":
        return ABSENT_PART
    if name in LSN_TEXTS:
        return ABSENT_PART if text == "0" else (1, text)
    if name == "file":
        digits = re.search(r"[0-9]*\Z", text).group()
        text = digits or "0"
    number = int(text) if re.fullmatch(r"[0-9]+", text) else parse_int64(text)
    return (1, number) if number else ABSENT_PART


def read_position(part: Any) -> Position | None:
    """part(name): the text of that member of the source, None where there is none."""
    for kind, names in POSITION_KINDS.items():
        parts = tuple(read_part(name, part(name)) for name in names)
        if any(one != ABSENT_PART for one in parts):
            server_id = read_part("server_id", part("server_id")) if kind == "file" else ABSENT_PART
            return Position((kind, part("connector"), part("name"), server_id), parts)
    return None


def source_text(value: JsonValue) -> str | None:
    return None if isinstance(value, list) else to_text(value) or None


def position_in_source(source: Object) -> Position | None:
    return read_position(lambda name: source_text(member(source, name)))


def position_in_flat(record: Object) -> Position | None:
    def part(name: str) -> str | None:
        texts = [source_text(member(record, prefix + name)) for prefix in ("__source_", "__")]
        return next((text for text in texts if text not in (None, "0")), None)

    return read_position(part)


# --------------------------------------------------------------------------------------------------
# staging

Headers = tuple[tuple[str, Union[bytes, None]], ...]


class Record(NamedTuple):
    """One message of an input topic."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


@dataclass(slots=True)
class Reading:
    """What one record says, as far as it can be read. fault: the first failure in the order of the
    contract."""

    kind: str | None = None  # 'upsert', 'delete', 'tombstone' or 'truncate'
    id: Id | None = None
    id_is_in_value: bool = False
    says_log: bool = False  # O1: what order=auto makes of it
    is_read: bool = False  # op: r
    own_ms: int | None = None  # its own time; None: it has none
    own_time_is_bad: bool = False
    position: Position | None = None
    state: tuple[Any, ...] | None = None  # may hold KEEP
    fault: Rejected | None = None

    def refuse(self, fault: Rejected) -> None:
        if self.fault is None:
            self.fault = fault

    def attempt(self, step: Any, *arguments: Any) -> Any:
        """The result of the step; None, and its fault noted, where it fails."""
        try:
            return step(*arguments)
        except Rejected as fault:
            self.refuse(fault)
            return None

    def attempt_time(self, step: Any, *arguments: Any) -> None:
        """Sets the record's own time, unless a better one is there."""
        if self.own_ms is not None or self.own_time_is_bad:
            return
        try:
            self.own_ms = step(*arguments)
        except Rejected as fault:
            self.own_time_is_bad = True
            self.refuse(fault)


def read(record: Record, fields: Fields) -> Reading:
    """Standardizes one record."""
    reading = Reading()
    if record.timestamp_ms == -1:  # Kafka's "no timestamp"
        reading.refuse(malformed())
    if record.value is None:
        read_tombstone(reading, record, fields)
        return reading
    if record.value[:1] == b"\x00":
        reading.refuse(Rejected("unknown_schema", foreign="wire format"))  # there is no registry
        return reading
    if record.value[:2] == b"\xc3\x01":
        raise NotImplementedError("Avro is not in this model")
    try:
        value = parse_json(record.value)
    except Rejected as fault:
        reading.refuse(fault)
        return reading
    if value is None:
        read_tombstone(reading, record, fields)
    elif isinstance(value, Object):
        read_object(reading, record, fields, value)
    else:
        reading.refuse(malformed("JSON" if is_encoded_twice(value) else None))
    return reading


def read_tombstone(reading: Reading, record: Record, fields: Fields) -> None:
    reading.kind = "tombstone"
    reading.attempt(read_id_in_key, reading, record, fields)


def read_id_in_key(reading: Reading, record: Record, fields: Fields) -> None:
    reading.id = check_id(record.topic, id_in_key(record.topic, fields, record.key))


def read_object(reading: Reading, record: Record, fields: Fields, value: Object) -> None:
    schema, payload = member(value, "schema"), member(value, "payload")
    if schema is not MISSING and payload is None:
        read_tombstone(reading, record, fields)
        return
    row = Row(value)
    if schema is not MISSING and isinstance(payload, Object):
        row = Row(payload, schema)
    if is_envelope(row.record):
        read_envelope(reading, record, fields, row)
        return
    foreign = foreign_format(fields, record.topic, row)
    if foreign is not None:
        reading.refuse(malformed(foreign))
        return
    read_flat(reading, record, fields, row)


def is_envelope(record: Object) -> bool:
    has_rows = member(record, "before") is not MISSING or member(record, "after") is not MISSING
    return member(record, "op") is not MISSING and (
        has_rows or isinstance(member(record, "source"), Object)
    )


def foreign_format(fields: Fields, topic: str, row: Row) -> str | None:
    """The name of a format that is known but not read. A record that has the field of the id is
    none of them."""
    if find_field(fields, row, ID_FIELD[topic]).value is not MISSING:
        return None
    names = {name for name, _ in row.record}
    data = member(row.record, "data")
    if {"specversion", "type", "source"} <= names:
        return "CloudEvents"
    if {"database", "table", "type", "data"} <= names:
        is_list = "isDdl" in names or (isinstance(data, list) and not isinstance(data, Object))
        return "Canal" if is_list else "Maxwell"
    return "GoldenGate" if {"table", "op_type"} <= names else None


def read_envelope(reading: Reading, record: Record, fields: Fields, envelope: Row) -> None:
    source = member(envelope.record, "source")
    if isinstance(source, Object):
        reading.says_log = True
        reading.position = position_in_source(source)
        reading.attempt_time(check_source_time, member(source, "ts_ms"))
    elif source is not None and source is not MISSING:
        reading.refuse(malformed())
    op = member(envelope.record, "op")
    if isinstance(op, list):
        reading.refuse(malformed())
    elif op not in ("c", "r", "u", "d", "t"):
        reading.refuse(Rejected("unsupported_op"))
    reading.is_read = op == "r"
    if op == "t":
        reading.kind = "truncate"
        return
    if op == "d":
        read_envelope_delete(reading, record, fields, envelope)
        return
    after = member(envelope.record, "after")
    if not isinstance(after, Object):
        reading.refuse(malformed())
        return
    read_upsert(reading, record, fields, Row(after, field_schema(envelope.schema, "after")))


def read_envelope_delete(reading: Reading, record: Record, fields: Fields, envelope: Row) -> None:
    before = member(envelope.record, "before")
    if before is None or before is MISSING:
        before = Object()
    if not isinstance(before, Object):
        reading.refuse(malformed())
        return
    row = Row(before, field_schema(envelope.schema, "before"))
    reading.kind = "delete"
    if find_field(fields, row, ID_FIELD[record.topic]).value in (None, MISSING):
        reading.attempt(read_id_in_key, reading, record, fields)
    else:
        read_id(reading, record, fields, row)


def read_flat(reading: Reading, record: Record, fields: Fields, row: Row) -> None:
    """Flat JSON, which Debezium flattened and AWS DMS are too."""
    names = [name for name, _ in row.record]
    reading.says_log = any(
        name in ("__op", "__deleted", "__lsn") or name.startswith("__source_") for name in names
    )
    reading.position = position_in_flat(row.record)
    reading.attempt_time(check_source_time, member(row.record, "__source_ts_ms"))
    op, deleted = member(row.record, "__op"), member(row.record, "__deleted")
    if isinstance(op, list) or isinstance(deleted, list):
        reading.refuse(malformed())
        deleted = None
    reading.is_read = op == "r"
    if op == "t":
        reading.kind = "truncate"
    elif op is not MISSING and op is not None and op not in ("c", "r", "u", "d"):
        read_unsupported(reading, record, fields, row)
    elif (
        op == "d"
        or ascii_lower(to_text(deleted) or "") == "true"
        or member(row.record, "Op") == "D"
    ):
        reading.kind = "delete"
        read_id(reading, record, fields, row)
    else:
        read_upsert(reading, record, fields, row)


def read_unsupported(reading: Reading, record: Record, fields: Fields, row: Row) -> None:
    """Another operation: what is malformed comes first, and the id is read for `quarantine.id`."""
    for name in fields:
        reading.attempt(pick_field, fields, row, name)
    reading.refuse(Rejected("unsupported_op"))
    read_id(reading, record, fields, row)


def read_id(reading: Reading, record: Record, fields: Fields, row: Row) -> None:
    """A delete checks only its id and its source time."""
    value = reading.attempt(pick_field, fields, row, ID_FIELD[record.topic])
    reading.id = reading.attempt(check_id, record.topic, value)
    reading.id_is_in_value = reading.id is not None


def read_upsert(reading: Reading, record: Record, fields: Fields, row: Row) -> None:
    """Faults, in this order: an object or list where a value belongs, the table's, updated_at."""
    reading.kind = "upsert"
    values = {name: reading.attempt(pick_field, fields, row, name) for name in fields}
    read_id(reading, record, fields, row)
    reading.state = reading.attempt(check_state, record.topic, values)
    updated_at = find_field(fields, row, "updated_at")
    reading.attempt_time(lambda: check_updated_at(scalar(*updated_at), updated_at.schema))


# --------------------------------------------------------------------------------------------------
# snapshots


@dataclass(frozen=True, slots=True)
class Truncate:
    """O9: a truncate at its place among the records."""

    time_ms: int
    position: Position | None
    partition: int
    offset: int
    has_own_time: bool = True

    def end_ms(self, newest_ms: int) -> int:
        """Where it ends an id with that newest event: at its time; without one as O6 says of any
        delete."""
        if not self.has_own_time and newest_ms >= self.time_ms:
            return newest_ms + 1
        return max(self.time_ms, newest_ms)


@dataclass(frozen=True, slots=True)
class Event:
    """One accepted record at the time that the rules gave it."""

    time_ms: int
    loaded_at_ms: int
    state: State | None  # None: deleted
    is_timeless_delete: bool = False  # O6: a delete that had no time of its own
    ended_by: Truncate | None = None  # O9: no record of the id, but the end that a truncate made


def is_end_of(event: Event, truncate: Truncate) -> bool:
    """O9: no record, but an end that the truncate made, or would have made, had none of another
    stood there."""
    return event.ended_by is not None and (
        event.ended_by == truncate or event.time_ms >= truncate.time_ms
    )


@dataclass(frozen=True, slots=True)
class Version:
    valid_from_ms: int
    valid_to_ms: int | None  # None: current
    state: State
    loaded_at_ms: int


def words(events: list[Event]) -> dict[int, Event]:
    """O2: of each time the event that wins there: the last one, but the first of equal ones in a
    row."""
    winners: dict[int, Event] = {}
    for event in events:
        winner = winners.get(event.time_ms)
        if winner is None or winner.state != event.state:
            winners[event.time_ms] = event
    return winners


def fold(events: list[Event]) -> list[Version]:
    """The history that accepted events, given in arrival order, make."""
    winners = words(events)
    versions: list[Version] = []
    opener: Event | None = None
    for time_ms in sorted(winners):
        event = winners[time_ms]
        if opener is not None and event.state == opener.state:
            continue
        if opener is not None:
            versions.append(Version(opener.time_ms, time_ms, opener.state, opener.loaded_at_ms))
        opener = event if event.state is not None else None
    if opener is not None:
        versions.append(Version(opener.time_ms, None, opener.state, opener.loaded_at_ms))
    return versions


class Past:
    """What is known of one id. `events` says it all; `_words` and `_times` only make it quick to
    ask."""

    def __init__(self) -> None:
        self.events: list[Event] = []  # in arrival order
        self._times: list[int] = []  # sorted, each once
        self._words: dict[int, Event] = {}  # the winner of each time
        self.position: Position | None = None  # O4: of the last applied record that carried one
        self.position_is_read = False  # O4: that was a snapshot row
        self.seen: Position | None = None  # O4: the position before such rows
        self.last_position: Position | None = None  # O9: of the record that said what holds now
        self.came_last = "other"  # O7: 'delete', 'repeat' or 'other'
        self.outdated = False

    def add(self, event: Event) -> None:
        self.events.append(event)
        if event.time_ms not in self._words:
            bisect.insort(self._times, event.time_ms)
        winner = self._words.get(event.time_ms)
        if winner is None or winner.state != event.state:
            self._words[event.time_ms] = event

    def remove(self, gone: Any) -> None:
        """Forgets the events of which gone(event) says so."""
        self.events = [event for event in self.events if not gone(event)]
        self._words = words(self.events)
        self._times = sorted(self._words)

    def newest(self) -> Event | None:
        return self._words[self._times[-1]] if self._times else None

    def newest_before(self, time_ms: int) -> Event | None:
        index = bisect.bisect_left(self._times, time_ms)
        return self._words[self._times[index - 1]] if index > 0 else None

    def newest_ms(self) -> int | None:
        return self._times[-1] if self._times else None

    def word_at(self, time_ms: int) -> Event | None:
        return self._words.get(time_ms)

    def state_at(self, time_ms: int) -> State | None:
        """What holds at that time: the word of the last event at or before it."""
        index = bisect.bisect_right(self._times, time_ms)
        return self._words[self._times[index - 1]].state if index > 0 else None

    def current_state(self) -> State | None:
        newest = self.newest()
        return newest.state if newest is not None else None


# --------------------------------------------------------------------------------------------------
# model

DAY_MS = 86_400_000
COUNTERS = (
    "consumed",
    "applied",
    "unchanged",
    "late",
    "quarantined",
    "reordered",
    "repeated",
    "behind_tombstone",
    "tombstones_unknown",
)
DEFAULT_TIERS = (
    (Decimal("10000"), Decimal("0.01")),
    (Decimal("20000"), Decimal("0.015")),
    (None, Decimal("0.02")),
)


@dataclass(slots=True)
class Place:
    """Where a record goes. counts: the counters that it raises if it is accepted."""

    time_ms: int
    moves_delete: bool = False  # O8: the newest event is a delete that moves to this time
    counts: list[str] = field(default_factory=list)


class Model:
    """Feed it records in the order in which they are consumed, then ask what the result topics must
    hold.

    order: of each topic 'auto', 'event_time' or 'log'. truncate: 'apply' or 'quarantine'. fields:
    of each topic more names, as `fields.customers` gives them. counters[topic][name], for topic
    'customers' and 'accounts': consumed = applied + unchanged + quarantined; all others are parts
    of applied and unchanged.
    """

    def __init__(
        self,
        late_window_ms: int = 3 * DAY_MS,
        tiers: tuple[tuple[Decimal | None, Decimal], ...] = DEFAULT_TIERS,
        bonus: Decimal = Decimal("0.005"),
        record_max_bytes: int = 1048576,
        *,
        future_window_ms: int = DAY_MS,
        order: dict[str, str] | None = None,
        truncate: str = "apply",
        fields: dict[str, str] | None = None,
    ):
        self.late_window_ms = late_window_ms
        self.future_window_ms = future_window_ms
        self.tiers = tiers
        self.bonus = bonus
        self.record_max_bytes = record_max_bytes
        self.order = {topic: (order or {}).get(topic, "auto") for topic in TOPICS}
        self.truncate = truncate
        self.fields = {
            topic: with_more_names(topic, (fields or {}).get(topic, "")) for topic in TOPICS
        }
        self.pasts: dict[str, dict[Id, Past]] = {topic: {} for topic in TOPICS}
        self.floors: dict[str, Truncate | None] = dict.fromkeys(TOPICS)  # O9: the latest truncate
        self.counters: dict[str, dict[str, int]] = {
            topic: dict.fromkeys(COUNTERS, 0) for topic in TOPICS
        }
        self._quarantine: list[dict[str, Any]] = []

    def apply(
        self,
        topic: str,
        partition: int,
        offset: int,
        timestamp_ms: int,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
    ) -> Id | None:
        """Returns of which id the record is, as far as it says that."""
        record = Record(topic, partition, offset, timestamp_ms, key, value, tuple(headers))
        self.counters[topic]["consumed"] += 1
        if value is not None and len(value) > self.record_max_bytes:
            self._refuse(record, Reading(), Rejected("too_large"))
            return None
        reading = read(record, self.fields[topic])
        try:
            changed = self._take(record, reading)
            self.counters[topic]["applied" if changed else "unchanged"] += 1
        except Rejected as rejected:
            self._refuse(record, reading, rejected)
        return reading.id

    def _take(self, record: Record, reading: Reading) -> bool:
        """Returns whether the record counts as applied."""
        past = self.pasts[record.topic].get(reading.id)
        # O4: repeats are recognized before anything else is looked at.
        if past is not None and self.is_repeat(record, reading, past):
            self.counters[record.topic]["repeated"] += 1
            past.came_last = "repeat"
            return False
        if reading.fault is not None:
            raise reading.fault
        if reading.kind == "truncate":
            return self.apply_truncate(record, reading)
        if reading.kind == "tombstone" and self._is_ignored_tombstone(record, past):
            return False
        return self._accept(record, reading, past or Past())

    def _refuse(self, record: Record, reading: Reading, rejected: Rejected) -> None:
        rejected.id = reading.id
        past = self.pasts[record.topic].get(reading.id)
        if past is not None:
            self._note_refusal(record, reading, rejected, past)
        self.counters[record.topic]["quarantined"] += 1
        self._quarantine.append(
            {
                "topic": record.topic,
                "partition": record.partition,
                "offset": record.offset,
                "code": rejected.code,
                "reason": rejected.reason,
                "foreign": rejected.foreign,
                "id": rejected.id,
                "key": record.key,
                "value": record.value,
                "timestamp_ms": record.timestamp_ms,
            }
        )

    def _note_refusal(
        self, record: Record, reading: Reading, rejected: Rejected, past: Past
    ) -> None:
        is_late_delete = reading.kind == "delete" and rejected.code == "too_late"
        if (reading.id_is_in_value or is_late_delete) and not self.is_placed_by_time(record):  # O7
            past.came_last = "delete" if is_late_delete else "other"
        if past.current_state() is None or rejected.code == "too_late":
            return
        time_ms = reading.own_ms
        if time_ms is None or reading.own_time_is_bad or rejected.code == "too_early":
            time_ms = record.timestamp_ms
        if self.is_log(record, reading) or time_ms >= past.newest_ms():
            past.outdated = True

    # -- O1, O10: which order a record is in

    def is_log(self, record: Record, reading: Reading) -> bool:
        """O1: whether the record is part of a database's log. O10: some never are."""
        if self.is_placed_by_time(record):
            return False
        order = self.order[record.topic]
        return reading.says_log if order == "auto" else order == "log"

    def is_placed_by_time(self, record: Record) -> bool:
        """O10: replayed records, and those that say so, are placed by O2 whatever they carry."""
        return any(
            name == "quarantine.replays" or (name == "streamer.order" and value == b"event_time")
            for name, value in record.headers
        )

    def known_ms(self, record: Record) -> int:
        """O10: the time that too_early is judged by."""
        times = [value for name, value in record.headers if name == "quarantine.replayed_at"]
        if times and times[-1] is not None and self.is_placed_by_time(record):
            replayed_ms = parse_iso_time(times[-1].decode("utf-8", "replace").strip(ASCII_SPACE))
            if replayed_ms is not None:
                return replayed_ms
        return record.timestamp_ms

    # -- O4, O7: what is ignored

    def is_repeat(self, record: Record, reading: Reading, past: Past) -> bool:
        """O4: the record's position lies before that of its id, and it is not newer than the newest
        event."""
        if reading.kind == "tombstone":
            return past.came_last == "repeat" and not self.is_placed_by_time(record)
        if (
            not self.is_log(record, reading)
            or reading.is_read
            or reading.kind == "truncate"
            or not past.events
        ):
            return False
        if not comparable(reading.position, past.position) or not lies_before(
            reading.position, past.position
        ):
            return False
        if past.position_is_read and not is_not_behind(reading.position, past.seen):
            return False
        was_replaced = reading.own_ms is not None and self.is_in_the_future(record, reading.own_ms)
        return reading.own_ms is None or was_replaced or reading.own_ms <= past.newest_ms()

    def move_position(self, reading: Reading, past: Past) -> None:
        """O4. A transaction may write before a snapshot reads and commit behind it: its changes lie
        before the rows of the snapshot, which do not contain them. So only what was `seen` before
        such rows is known."""
        before = past.seen if past.position_is_read else past.position
        past.seen = before if reading.is_read and is_not_behind(before, reading.position) else None
        past.position = reading.position
        past.position_is_read = reading.is_read

    def _is_ignored_tombstone(self, record: Record, past: Past | None) -> bool:
        if past is None:
            self.counters[record.topic]["tombstones_unknown"] += 1
            return True
        if self.is_companion(record, past):
            past.came_last = "other"
            return True
        if past.current_state() is not None:
            return False
        if not self.is_placed_by_time(record):
            past.came_last = "other"
        return True

    def is_companion(self, record: Record, past: Past) -> bool:
        """O7: Debezium sends a delete and a tombstone; the second says nothing."""
        return past.came_last == "delete" and not self.is_placed_by_time(record)

    # -- O3, O5, O6, O8: where a record goes

    def is_in_the_future(self, record: Record, time_ms: int) -> bool:
        """O5"""
        return time_ms > self.known_ms(record) + self.future_window_ms

    def place(self, record: Record, reading: Reading, past: Past) -> Place:
        """The record's place among the events of its id. Raises Rejected."""
        is_delete = reading.kind != "upsert"
        if is_delete and reading.own_ms is None and not self.is_placed_by_time(record):
            return Place(self.timeless_delete_ms(record, past))
        time_ms = record.timestamp_ms if reading.own_ms is None else reading.own_ms
        if self.is_log(record, reading):
            return self.place_in_log(record, reading, past, time_ms)
        return self.place_by_time(record, reading, past, time_ms)

    def timeless_delete_ms(self, record: Record, past: Past) -> int:
        """O6: at its Kafka timestamp, but behind what it ends."""
        newest_ms = past.newest_ms()
        return record.timestamp_ms if newest_ms is None else max(record.timestamp_ms, newest_ms + 1)

    def place_in_log(self, record: Record, reading: Reading, past: Past, time_ms: int) -> Place:
        if self.is_in_the_future(record, time_ms):  # O5
            time_ms = record.timestamp_ms
        newest_ms = past.newest_ms()
        if reading.kind == "upsert" and self.moves_delete(past, time_ms):  # O8
            return Place(time_ms, moves_delete=True)
        if newest_ms is not None and time_ms < newest_ms:  # O3
            return Place(newest_ms, counts=["reordered"])
        return Place(time_ms)

    def moves_delete(self, past: Past, time_ms: int) -> bool:
        """O8: the id existed behind the event before a timeless delete, and not behind the
        delete."""
        newest = past.newest()
        if newest is None or not newest.is_timeless_delete or time_ms > newest.time_ms:
            return False
        before = past.newest_before(newest.time_ms)
        return before is None or time_ms > before.time_ms

    def is_behind_tombstone(self, past: Past, time_ms: int) -> bool:
        """O8 in event_time: such a record stays late, and is counted, also at the time of the event
        before the delete."""
        newest = past.newest()
        if newest is None or not newest.is_timeless_delete or time_ms > newest.time_ms:
            return False
        before = past.newest_before(newest.time_ms)
        return before is None or time_ms >= before.time_ms

    def place_by_time(self, record: Record, reading: Reading, past: Past, time_ms: int) -> Place:
        """O2: where its time belongs; O5: within the windows."""
        newest_ms = past.newest_ms()
        if reading.kind == "upsert" and self.is_behind_tombstone(past, time_ms):
            self.counters[record.topic]["behind_tombstone"] += 1  # also if it is refused below
        if newest_ms is not None and time_ms < newest_ms - self.late_window_ms:
            raise Rejected("too_late")
        if self.is_in_the_future(record, time_ms):
            raise Rejected("too_early")
        return Place(
            time_ms, counts=["late"] if newest_ms is not None and time_ms < newest_ms else []
        )

    # -- what an accepted record does

    def _accept(self, record: Record, reading: Reading, past: Past) -> bool:
        """Returns whether any row of the history changed."""
        floor = self.floors[record.topic]
        before = fold(past.events) if floor is not None else []
        meets_floor = floor is not None and self.meets_floor(record, reading, past, floor)
        ends = []
        if meets_floor and self.is_log(record, reading) and past.events:
            ends = self.newest_ends(record, reading, past, floor)
        if ends:
            past.remove(lambda event: event in ends)
        try:
            changed = self._add(record, reading, past)
        except Rejected:
            for event in ends:
                past.add(event)
            raise
        lives_on = past.current_state() is not None  # a delete is an end by itself
        if meets_floor and (
            lives_on or (ends and floor.end_ms(past.newest_ms()) > past.newest_ms())
        ):
            self._end(past, floor, record)
        self.pasts[record.topic][reading.id] = past
        return changed if floor is None else fold(past.events) != before

    def newest_ends(
        self, record: Record, reading: Reading, past: Past, floor: Truncate
    ) -> list[Event]:
        """O9: the ends that the truncate made at the time of the newest event. A delete that the
        record moves (O8) is no event."""
        newest = past.newest()
        if self.place(record, reading, past).moves_delete:
            newest = past.newest_before(past.newest_ms())
        if newest is None or not is_end_of(newest, floor):
            return []
        return [
            event
            for event in past.events
            if is_end_of(event, floor) and event.time_ms == newest.time_ms
        ]

    def _add(self, record: Record, reading: Reading, past: Past) -> bool:
        place = self.place(record, reading, past)
        event = self._event(record, reading, past, place)
        newest_ms = past.newest_ms()
        if place.moves_delete:
            past.remove(lambda old: old.time_ms == newest_ms)
        changed = place.moves_delete or past.state_at(place.time_ms) != event.state
        is_known = (
            past.word_at(place.time_ms) is not None
            and past.word_at(place.time_ms).state == event.state
        )
        past.add(event)
        for name in place.counts:
            self.counters[record.topic][name] += 1
        self._note_acceptance(record, reading, past, past.newest_ms() == place.time_ms, is_known)
        return changed

    def _event(self, record: Record, reading: Reading, past: Past, place: Place) -> Event:
        """Fills unavailable values from the version that holds at the record's place."""
        if reading.kind != "upsert":
            is_timeless = reading.own_ms is None and not self.is_placed_by_time(record)
            return Event(place.time_ms, record.timestamp_ms, None, is_timeless_delete=is_timeless)
        state = reading.state
        if KEEP in state:
            kept = self._kept(past, place)
            if kept is None:
                raise malformed()
            state = tuple(old if new is KEEP else new for old, new in zip(kept, state))
        return Event(place.time_ms, record.timestamp_ms, state)

    def _kept(self, past: Past, place: Place) -> State | None:
        """What holds at the place. Of a moved delete: what held before it."""
        if not place.moves_delete:
            return past.state_at(place.time_ms)
        before = past.newest_before(past.newest_ms())
        return before.state if before is not None else None

    def _note_acceptance(
        self, record: Record, reading: Reading, past: Past, says_what_holds: bool, is_known: bool
    ) -> None:
        """is_known: the same was said of the same time before."""
        if says_what_holds:
            past.outdated = False
        if self.is_log(record, reading):
            past.last_position = reading.position
        elif says_what_holds and not is_known:
            past.last_position = None
        if self.is_log(record, reading) and reading.position is not None:
            self.move_position(reading, past)
        if not self.is_placed_by_time(record):  # O7
            past.came_last = "delete" if reading.kind == "delete" else "other"

    # -- O9: truncate

    def apply_truncate(self, record: Record, reading: Reading) -> bool:
        """O9: ends every row whose last record lies before it. Told in the order in which records
        are consumed."""
        if self.truncate == "quarantine":
            raise Rejected("unsupported_op")
        in_log = self.is_log(record, reading)
        time_ms = record.timestamp_ms if reading.own_ms is None else reading.own_ms
        if self.is_in_the_future(record, time_ms):  # O5
            if not in_log:
                raise Rejected("too_early")
            time_ms = record.timestamp_ms
        truncate = Truncate(
            time_ms,
            reading.position if in_log else None,
            record.partition,
            record.offset,
            reading.own_ms is not None,
        )
        for past in self.pasts[record.topic].values():
            if past.current_state() is not None and self.row_lies_before(past, truncate):
                self._end(past, truncate, record)
        floor = self.floors[record.topic]
        if floor is None or not self.lies_before_truncate(truncate, floor):
            self.floors[record.topic] = truncate
        return True

    def _end(self, past: Past, truncate: Truncate, record: Record) -> None:
        """At the time of the newest event the end wins alone (O2): that is gone, also if the end
        moves later."""
        end_ms = truncate.end_ms(past.newest_ms())
        past.remove(lambda event: event.time_ms == end_ms)
        past.add(Event(end_ms, record.timestamp_ms, None, ended_by=truncate))

    def row_lies_before(self, past: Past, truncate: Truncate) -> bool:
        """O9: by position where both have comparable ones, else by time, strictly. Ends made by it
        do not count."""
        newest_ms = self.newest_record_ms(past, truncate)
        if newest_ms is None:
            return True
        if comparable(past.last_position, truncate.position):
            return lies_before(past.last_position, truncate.position)
        return newest_ms < truncate.time_ms

    def newest_record_ms(self, past: Past, truncate: Truncate) -> int | None:
        return max(
            (event.time_ms for event in past.events if not is_end_of(event, truncate)), default=None
        )

    def lies_before_truncate(self, one: Truncate, truncate: Truncate) -> bool:
        """O9: so of a record that is not applied yet, here given by the same four facts."""
        if one.partition == truncate.partition and one.offset > truncate.offset:
            return False
        if comparable(one.position, truncate.position):
            return lies_before(one.position, truncate.position)
        return one.time_ms < truncate.time_ms

    def meets_floor(self, record: Record, reading: Reading, past: Past, floor: Truncate) -> bool:
        """O9: a record of a log from before the latest truncate, of an id that has no newer event.

        With order=event_time all records count, by time.
        """
        in_log = self.is_log(record, reading)
        if not in_log and (
            self.order[record.topic] != "event_time" or self.is_placed_by_time(record)
        ):
            return False
        if reading.kind != "upsert" and reading.own_ms is None:  # O6: behind whatever there is
            return False
        time_ms = record.timestamp_ms if reading.own_ms is None else reading.own_ms
        if in_log:
            if self.is_in_the_future(record, time_ms):  # O5
                time_ms = record.timestamp_ms
            # O8: the delete is no newer event then.
            if reading.kind == "upsert" and self.moves_delete(past, time_ms):
                past = copy.deepcopy(past)
                newest_ms = past.newest_ms()
                past.remove(lambda event: event.time_ms == newest_ms)
            newest_ms = self.newest_record_ms(past, floor)
            time_ms = time_ms if newest_ms is None else max(time_ms, newest_ms)  # O3
        facts = Truncate(
            time_ms, reading.position if in_log else None, record.partition, record.offset
        )
        return self.lies_before_truncate(facts, floor) and self.row_lies_before(past, floor)

    # -- results

    def quarantine(self) -> list[dict[str, Any]]:
        return list(self._quarantine)

    def history(self, topic: str, id_: Id) -> list[Version]:
        past = self.pasts[topic].get(id_)
        return fold(past.events) if past else []

    def outdated_rows(self, topic: str) -> int:
        """Current rows of which a later record was rejected."""
        return sum(
            past.outdated and past.current_state() is not None
            for past in self.pasts[topic].values()
        )

    def expected(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Result topic -> key text -> the live row, without calculated_at."""
        customers, accounts = self.histories("customers"), self.histories("accounts")
        return {
            "customer_history": history_rows(customers, customer_history_row),
            "account_history": history_rows(accounts, account_history_row),
            **self.derived(current_versions(customers), current_versions(accounts)),
        }

    def expected_at(self, time_ms: int) -> dict[str, dict[str, dict[str, Any]]]:
        """What join and marts were at that time, by all that is known now."""
        return self.derived(
            versions_at(self.histories("customers"), time_ms),
            versions_at(self.histories("accounts"), time_ms),
        )

    def histories(self, topic: str) -> dict[Any, list[Version]]:
        return {id_: fold(past.events) for id_, past in self.pasts[topic].items()}

    def derived(
        self, customers: dict[int, Version], accounts: dict[str, Version]
    ) -> dict[str, dict[str, dict[str, Any]]]:
        """Join and marts of these versions, one of each id."""
        with decimal.localcontext(MONEY):
            joined = self._join(customers, accounts)
            summary = {
                key: self._summary_row(row)
                for key, row in joined.items()
                if row["account_type"] == "savings"
            }
            profile = profile_rows(joined, summary)
            return {
                "account_with_customer": {key: printed(row) for key, row in joined.items()},
                "account_summary": {key: printed(row) for key, row in summary.items()},
                "customer_profile": {key: printed(row) for key, row in profile.items()},
            }

    def _join(
        self, customers: dict[int, Version], accounts: dict[str, Version]
    ) -> dict[str, dict[str, Any]]:
        joined: dict[str, dict[str, Any]] = {}
        for account_id, account in accounts.items():
            customer_id, balance, account_type = account.state
            if customer_id not in customers:
                continue  # an orphan
            customer_name, has_loan_flag = customers[customer_id].state
            joined[account_id] = {
                "account_id": account_id,
                "customer_id": customer_id,
                "customer_name": customer_name,
                "has_loan_flag": has_loan_flag,
                "balance_amount": balance,
                "account_type": account_type,
                "valid_from_at": format_time(account.valid_from_ms),
            }
        return joined

    def _summary_row(self, joined: dict[str, Any]) -> dict[str, Any]:
        balance = joined["balance_amount"]
        rate = next(rate for limit, rate in self.tiers if limit is None or balance < limit)
        if joined["has_loan_flag"]:
            rate += self.bonus
        interest = (balance * rate).quantize(CENT)
        return {
            "account_id": joined["account_id"],
            "customer_id": joined["customer_id"],
            "original_balance_amount": balance,
            "interest_rate_pct": rate.quantize(RATE),
            "annual_interest_amount": interest,
            "new_balance_amount": balance + interest,
        }


def current_versions(histories: dict[Id, list[Version]]) -> dict[Id, Version]:
    return {
        id_: versions[-1]
        for id_, versions in histories.items()
        if versions and versions[-1].valid_to_ms is None
    }


def versions_at(histories: dict[Id, list[Version]], time_ms: int) -> dict[Id, Version]:
    """Of each id the version that was valid then: from its beginning, and not at its end."""
    return {
        id_: version
        for id_, versions in histories.items()
        for version in versions
        if version.valid_from_ms <= time_ms
        and (version.valid_to_ms is None or time_ms < version.valid_to_ms)
    }


def profile_rows(
    joined: dict[str, dict[str, Any]], summary: dict[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    profiles: dict[str, dict[str, Any]] = {}
    for account_id, row in summary.items():
        key = str(row["customer_id"])
        if key not in profiles:
            profiles[key] = {
                "customer_id": row["customer_id"],
                "customer_name": joined[account_id]["customer_name"],
                "has_loan_flag": joined[account_id]["has_loan_flag"],
                "total_accounts_count": 0,
                "total_balance_amount": Decimal("0.00"),
                "total_annual_interest_amount": Decimal("0.00"),
            }
        profiles[key]["total_accounts_count"] += 1
        profiles[key]["total_balance_amount"] += row["original_balance_amount"]
        profiles[key]["total_annual_interest_amount"] += row["annual_interest_amount"]
    return profiles


def customer_history_row(customer_id: int, version: Version) -> dict[str, Any]:
    customer_name, has_loan_flag = version.state
    return {
        "customer_id": customer_id,
        "customer_name": customer_name,
        "has_loan_flag": has_loan_flag,
    }


def account_history_row(account_id: str, version: Version) -> dict[str, Any]:
    customer_id, balance, account_type = version.state
    return {
        "account_id": account_id,
        "customer_id": customer_id,
        "balance_amount": balance,
        "account_type": account_type,
    }


def history_rows(histories: dict[Id, list[Version]], attributes: Any) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    for id_, versions in histories.items():
        for version in versions:
            row = attributes(id_, version)
            row["loaded_at"] = format_time(version.loaded_at_ms)
            row["valid_from_at"] = format_time(version.valid_from_ms)
            row["valid_to_at"] = (
                None if version.valid_to_ms is None else format_time(version.valid_to_ms)
            )
            rows[f"{id_}|{version.valid_from_ms}"] = printed(row)
    return rows


def printed(row: dict[str, Any]) -> dict[str, Any]:
    """As the JSON output says it: decimals are strings with all their decimals."""
    return {
        name: format(value, "f") if isinstance(value, Decimal) else value
        for name, value in row.items()
    }
