"""What `streamer` must produce, computed the plainest way: an oracle for its tests.

Written from CONTRACT.md alone. Sections: JSON, text and numbers, staging (one record -> one Change), snapshots
(all accepted events of an id -> its versions), and Model, which holds the events and prints the result rows.
"""
from __future__ import annotations

import bisect
import datetime
import decimal
import functools
import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple, Union

TOPICS = ('customers', 'accounts')
ID_FIELD = {'customers': 'customer_id', 'accounts': 'account_id'}

MIN_TIME_MS = -62135596800000    # 0001-01-01T00:00:00.000Z
MAX_TIME_MS = 253402300799999    # 9999-12-31T23:59:59.999Z
MAX_JSON_DEPTH = 100             # the top-level object is level 1
MAX_TEXT_BYTES = 32768           # account_id and customer_name, UTF-8, trimmed
MAX_AMOUNT = Decimal('9999999999999999.99')
CENT = Decimal('0.01')
RATE = Decimal('0.001')
MONEY = decimal.Context(prec=100, rounding=decimal.ROUND_HALF_UP)    # HALF_UP is half away from zero


class Rejected(Exception):
    """A record that goes to the quarantine."""

    def __init__(self, code: str, reason: str | None = None):
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


def malformed() -> Rejected:
    return Rejected('malformed')


# ---------------------------------------------------------------------------------------------------------------- JSON

class Number(str):
    """A JSON number: its exact token."""


class Object(list):
    """A JSON object: its (name, value) pairs in the order of the text, duplicates included."""


class Missing:
    """The value of a member that is not there."""


MISSING = Missing()
JsonValue = Union[None, bool, str, Number, Object, list, Missing]


def _no_constant(token: str) -> None:
    raise ValueError(token)    # NaN, Infinity, -Infinity are not JSON


_decoder = json.JSONDecoder(object_pairs_hook=Object, parse_int=Number, parse_float=Number, parse_constant=_no_constant)
_json_string = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def parse_json(data: bytes) -> JsonValue:
    """Strict RFC 8259, except that member names may repeat. Raises Rejected('malformed')."""
    try:
        text = data.decode('utf-8')
        if json_depth(text) > MAX_JSON_DEPTH:
            raise malformed()
        value = _decoder.decode(text)
    except (ValueError, RecursionError):
        raise malformed() from None
    if '\\u' in text and has_bad_character(value):
        raise malformed()
    return value


def json_depth(text: str) -> int:
    """How deep objects and lists nest in a JSON text (at most; exact where it could matter)."""
    brackets = text.count('{') + text.count('[')
    if brackets <= MAX_JSON_DEPTH:
        return brackets
    level = deepest = 0
    for character in _json_string.sub('', text):
        if character in '{[':
            level += 1
            deepest = max(deepest, level)
        elif character in '}]':
            level -= 1
    return deepest


def has_bad_character(value: JsonValue) -> bool:
    """Whether any string or member name holds U+0000 or a lone surrogate (only \\u escapes can bring them)."""
    if isinstance(value, str):
        return any(character == '\0' or '\ud800' <= character <= '\udfff' for character in value)
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


# ---------------------------------------------------------------------------------------------------- text and numbers

ASCII_SPACE = ' \t\n\v\f\r'
NULL_WORDS = ('null', 'n/a', 'none')
_ascii_lower = {upper: upper + 32 for upper in range(ord('A'), ord('Z') + 1)}
_number = re.compile(r'([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:[eE]([+-]?)(\d+))?', re.ASCII)
_iso_time = re.compile(
    r'(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:(Z)|([+-])(\d\d)(?::?(\d\d))?)?)?', re.ASCII)


def ascii_lower(text: str) -> str:
    return text.translate(_ascii_lower)


def simple_lower(text: str) -> str:
    """Unicode simple lower case: one character for each character."""
    return ''.join('i' if character == '\u0130' else character.lower() for character in text)


def to_text(value: JsonValue) -> str | None:
    """The trimmed text of a scalar, as received; None where there is no value."""
    if value is None or value is MISSING:
        return None
    if isinstance(value, bool):
        return 'true' if value else 'false'
    assert isinstance(value, str)
    return value.strip(ASCII_SPACE)


def is_null(text: str | None) -> bool:
    return text is None or text == '' or ascii_lower(text) in NULL_WORDS


class Parsed(NamedTuple):
    """(-1 if negative) * 0.DIGITS * 10**point; digits has no zeros at either end and is '' for zero."""
    negative: bool
    digits: str
    point: int


def parse_number(text: str) -> Parsed | None:
    """By the grammar of the contract; the exponent may be absurd, so it saturates."""
    match = _number.fullmatch(text)
    if match is None:
        return None
    sign, whole, fraction, bare_fraction, exponent_sign, exponent_digits = match.groups()
    whole = whole or ''
    fraction = fraction or bare_fraction or ''
    exponent_digits = (exponent_digits or '').lstrip('0')
    exponent = int(exponent_digits or '0') if len(exponent_digits) <= 12 else 10**12
    if exponent_sign == '-':
        exponent = -exponent
    all_digits = whole + fraction
    significant = all_digits.lstrip('0')
    leading_zeros = len(all_digits) - len(significant)
    return Parsed(sign == '-', significant.rstrip('0'), len(whole) - leading_zeros + exponent)


def parse_int64(text: str) -> int | None:
    """The number's value where it is an integer of 64 bits."""
    number = parse_number(text)
    if number is None:
        return None
    if number.digits == '':
        return 0
    if not len(number.digits) <= number.point <= 19:
        return None
    value = int(number.digits) * 10 ** (number.point - len(number.digits))
    if number.negative:
        value = -value
    return value if -2**63 <= value < 2**63 else None


def parse_amount(text: str) -> Decimal | None:
    """Rounded to cents, half away from zero; None where it is no number or does not fit decimal(18,2)."""
    number = parse_number(text)
    if number is None:
        return None
    if number.digits == '' or number.point < -2:    # less than 0.001
        return Decimal('0.00')
    if number.point > 16:
        return None
    amount = Decimal(f'0.{number.digits}E{number.point}').quantize(CENT, context=MONEY)
    if amount > MAX_AMOUNT:
        return None
    return -amount if number.negative and amount != 0 else amount


def parse_iso_time(text: str) -> int | None:
    match = _iso_time.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, _utc, zone_sign, zone_hour, zone_minute = match.groups()
    try:
        days = datetime.date(int(year), int(month), int(day)).toordinal() - datetime.date(1970, 1, 1).toordinal()
    except ValueError:
        return None
    hours, minutes, seconds = int(hour or 0), int(minute or 0), int(second or 0)
    zone_hours, zone_minutes = int(zone_hour or 0), int(zone_minute or 0)
    if hours > 23 or minutes > 59 or seconds > 59 or zone_hours > 23 or zone_minutes > 59:
        return None
    milliseconds = int((fraction or '')[:3].ljust(3, '0'))
    zone_ms = (zone_hours * 60 + zone_minutes) * 60_000
    if zone_sign == '-':
        zone_ms = -zone_ms
    return ((days * 24 + hours) * 60 + minutes) * 60_000 + seconds * 1000 + milliseconds - zone_ms


@functools.lru_cache(maxsize=100_000)
def format_time(time_ms: int) -> str:
    time = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=time_ms)
    return time.isoformat(timespec='milliseconds') + 'Z'


# ------------------------------------------------------------------------------------------------------------- staging

CustomerState = tuple[str, bool]            # customer_name, has_loan_flag
AccountState = tuple[int, Decimal, str]     # customer_id, balance_amount, account_type
State = Union[CustomerState, AccountState]
Id = Union[int, str]


class Change(NamedTuple):
    """What one accepted record says."""
    id: Id
    time_ms: int
    state: State | None      # None: deleted
    is_tombstone: bool


# For each topic, field -> its normalized names, best first.
FIELDS: dict[str, dict[str, tuple[str, ...]]] = {
    'customers': {
        'customer_id': ('customerid',),
        'customer_name': ('customername', 'name'),
        'has_loan': ('hasloan', 'hasloanflag'),
        'updated_at': ('updatedat',),
    },
    'accounts': {
        'account_id': ('accountid',),
        'customer_id': ('customerid',),
        'balance': ('balance', 'balanceamount'),
        'account_type': ('accounttype',),
        'updated_at': ('updatedat',),
    },
}
UNAVAILABLE = '__debezium_unavailable_value'


@functools.lru_cache(maxsize=100_000)
def normalized(name: str) -> str:
    return ascii_lower(name).replace(' ', '').replace('_', '').replace('-', '')


def pick_field(topic: str, record: Object, field: str) -> JsonValue:
    """A known field's value: the best of its names, the first of equal names. Raises where it is no value."""
    value: JsonValue = MISSING
    for name in FIELDS[topic][field]:
        values = [candidate for key, candidate in record if normalized(key) == name]
        if values:
            value = values[0]
            break
    if isinstance(value, list) or to_text(value) == UNAVAILABLE:
        raise malformed()
    return value


def pick_fields(topic: str, record: Object) -> dict[str, JsonValue]:
    return {field: pick_field(topic, record, field) for field in FIELDS[topic]}


def check_customer_id(value: JsonValue) -> int:
    text = to_text(value)
    if is_null(text):
        raise Rejected('invalid_customer_id', 'Invalid customer_id: null or empty')
    customer_id = parse_int64(text)
    if customer_id is None:
        raise Rejected('invalid_customer_id', f'Invalid customer_id: non-numeric value ({text})')
    return customer_id


def check_account_id(value: JsonValue) -> str:
    text = to_text(value)
    if is_null(text):
        raise Rejected('invalid_account_id', 'Invalid account_id: null or empty')
    if len(text.encode()) > MAX_TEXT_BYTES:
        raise Rejected('too_large')
    return text


def check_id(topic: str, value: JsonValue) -> Id:
    return check_customer_id(value) if topic == 'customers' else check_account_id(value)


def check_customer_name(value: JsonValue) -> str:
    text = to_text(value)
    if is_null(text):
        raise Rejected('invalid_name', 'Invalid name: null or empty')
    if len(text.encode()) > MAX_TEXT_BYTES:
        raise Rejected('too_large')
    return simple_lower(text)


def check_has_loan(value: JsonValue) -> bool:
    text = to_text(value)
    if is_null(text):
        return False
    if ascii_lower(text) in ('yes', 'y', 'true', '1'):
        return True
    if ascii_lower(text) in ('no', 'n', 'false', '0'):
        return False
    raise Rejected('invalid_has_loan', f'Invalid has_loan value: {text}')


def check_balance(value: JsonValue) -> Decimal:
    text = to_text(value)
    if text is None or text == '':
        raise Rejected('invalid_balance', 'Invalid balance: null or empty')
    if is_null(text):
        raise Rejected('invalid_balance', f'Invalid balance: null representation ({text})')
    amount = parse_amount(text)
    if amount is None:
        raise Rejected('invalid_balance', f'Invalid balance: non-numeric value ({text})')
    if amount < 0:
        raise Rejected('invalid_balance', f'Invalid balance: negative value ({text})')
    return amount


def check_account_type(value: JsonValue) -> str:
    text = to_text(value)
    if is_null(text):
        raise Rejected('invalid_account_type', 'Invalid account_type: null or empty')
    if ascii_lower(text) not in ('savings', 'checking'):
        raise Rejected('invalid_account_type', f'Invalid account_type: must be Savings or Checking ({text})')
    return ascii_lower(text)


def check_source_time(value: JsonValue) -> int | None:
    """source.ts_ms or __source_ts_ms; None where there is none."""
    if value is None or value is MISSING:
        return None
    if isinstance(value, list) or isinstance(value, bool):
        raise malformed()
    time_ms = parse_int64(to_text(value))
    if time_ms is None or not MIN_TIME_MS <= time_ms <= MAX_TIME_MS:
        raise malformed()
    return time_ms


def check_updated_at(value: JsonValue) -> int | None:
    text = to_text(value)
    if is_null(text):
        return None
    time_ms = parse_int64(text)
    if time_ms is None:
        time_ms = parse_iso_time(text)
    if time_ms is None or not MIN_TIME_MS <= time_ms <= MAX_TIME_MS:
        raise Rejected('invalid_updated_at')
    return time_ms


def event_time(source_ms: int | None, updated_at: JsonValue, timestamp_ms: int) -> int:
    if source_ms is not None:
        return source_ms
    updated_at_ms = check_updated_at(updated_at)
    return timestamp_ms if updated_at_ms is None else updated_at_ms


def id_in_key(topic: str, key: bytes | None) -> JsonValue:
    """The id that a message key holds: bare text, a JSON string, or a JSON object with or without schema."""
    if key is None:
        raise malformed()
    try:
        text = key.decode('utf-8').strip(ASCII_SPACE)
    except UnicodeDecodeError:
        raise malformed() from None
    if not text.startswith(('{', '"')):
        return text
    value = parse_json(key)
    if isinstance(value, Object) and member(value, 'schema') is not MISSING and member(value, 'payload') is not MISSING:
        value = member(value, 'payload')
    if isinstance(value, Object):
        value = pick_field(topic, value, ID_FIELD[topic])
    if isinstance(value, list):
        raise malformed()
    return value


def stage(topic: str, timestamp_ms: int, key: bytes | None, value: bytes | None) -> Change:
    """Standardizes one record. Raises Rejected."""
    if value is None:
        return stage_tombstone(topic, timestamp_ms, key)
    if value[:1] == b'\x00' or value[:2] == b'\xc3\x01':
        raise NotImplementedError('Avro is not in this model')
    record = parse_json(value)
    if not isinstance(record, Object):
        raise malformed()
    payload = member(record, 'payload')
    if member(record, 'schema') is not MISSING and payload is None:
        return stage_tombstone(topic, timestamp_ms, key)
    if member(record, 'schema') is not MISSING and isinstance(payload, Object):
        record = payload
    is_envelope = (
        member(record, 'before') is not MISSING
        or member(record, 'after') is not MISSING
        or isinstance(member(record, 'source'), Object)
    )
    if member(record, 'op') is not MISSING and is_envelope:
        return stage_envelope(topic, timestamp_ms, key, record)
    return stage_flat(topic, timestamp_ms, record)


def stage_tombstone(topic: str, timestamp_ms: int, key: bytes | None) -> Change:
    return Change(check_id(topic, id_in_key(topic, key)), timestamp_ms, None, is_tombstone=True)


def stage_envelope(topic: str, timestamp_ms: int, key: bytes | None, record: Object) -> Change:
    source = member(record, 'source')
    source_ms = None
    if isinstance(source, Object):
        source_ms = check_source_time(member(source, 'ts_ms'))
    elif source is not None and source is not MISSING:
        raise malformed()
    op = member(record, 'op')
    if isinstance(op, list):
        raise malformed()
    if op not in ('c', 'r', 'u', 'd'):
        raise Rejected('unsupported_op')
    if op == 'd':
        row = member(record, 'before')
        if row is None or row is MISSING:
            row = Object()
        if not isinstance(row, Object):
            raise malformed()
        return stage_delete(topic, timestamp_ms, source_ms, row, key, id_may_be_in_key=True)
    row = member(record, 'after')
    if not isinstance(row, Object):
        raise malformed()
    return stage_upsert(topic, timestamp_ms, source_ms, pick_fields(topic, row))


def stage_flat(topic: str, timestamp_ms: int, record: Object) -> Change:
    """Flat JSON, which Debezium flattened is too."""
    source_ms = check_source_time(member(record, '__source_ts_ms'))
    op = member(record, '__op')
    deleted = member(record, '__deleted')
    if isinstance(op, list) or isinstance(deleted, list):
        raise malformed()
    is_delete = op == 'd' or ascii_lower(to_text(deleted) or '') == 'true'
    if op is not MISSING and op is not None and op not in ('c', 'r', 'u', 'd'):
        pick_fields(topic, record)    # malformed comes first
        raise Rejected('unsupported_op')
    if is_delete:
        return stage_delete(topic, timestamp_ms, source_ms, record, None, id_may_be_in_key=False)
    return stage_upsert(topic, timestamp_ms, source_ms, pick_fields(topic, record))


def stage_delete(topic: str, timestamp_ms: int, source_ms: int | None, row: Object, key: bytes | None,
                 id_may_be_in_key: bool) -> Change:
    """A delete checks only its id and its event time."""
    id_value = pick_field(topic, row, ID_FIELD[topic])
    updated_at = pick_field(topic, row, 'updated_at')
    if id_may_be_in_key and (id_value is None or id_value is MISSING):
        id_value = id_in_key(topic, key)
    id_ = check_id(topic, id_value)
    return Change(id_, event_time(source_ms, updated_at, timestamp_ms), None, is_tombstone=False)


def stage_upsert(topic: str, timestamp_ms: int, source_ms: int | None, fields: dict[str, JsonValue]) -> Change:
    id_: Id
    state: State
    if topic == 'customers':
        id_ = check_customer_id(fields['customer_id'])
        state = (check_customer_name(fields['customer_name']), check_has_loan(fields['has_loan']))
    else:
        id_ = check_account_id(fields['account_id'])
        state = (check_customer_id(fields['customer_id']), check_balance(fields['balance']),
                 check_account_type(fields['account_type']))
    return Change(id_, event_time(source_ms, fields['updated_at'], timestamp_ms), state, is_tombstone=False)


# ----------------------------------------------------------------------------------------------------------- snapshots

@dataclass(frozen=True, slots=True)
class Event:
    time_ms: int
    loaded_at_ms: int
    state: State | None      # None: deleted


@dataclass(frozen=True, slots=True)
class Version:
    valid_from_ms: int
    valid_to_ms: int | None  # None: current
    state: State
    loaded_at_ms: int


def fold(events: list[Event]) -> list[Version]:
    """The history that accepted events, given in arrival order, make."""
    winners: dict[int, Event] = {}
    for event in events:
        winner = winners.get(event.time_ms)
        if winner is None or winner.state != event.state:
            winners[event.time_ms] = event

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
    """All accepted events of one id, and what they say about any time."""

    def __init__(self) -> None:
        self.events: list[Event] = []              # in arrival order
        self._times: list[int] = []                # sorted, each once
        self._states: dict[int, State | None] = {}  # the last word on each time

    def add(self, event: Event) -> None:
        self.events.append(event)
        if event.time_ms not in self._states:
            bisect.insort(self._times, event.time_ms)
        self._states[event.time_ms] = event.state

    def newest_ms(self) -> int | None:
        return self._times[-1] if self._times else None

    def state_at(self, time_ms: int) -> State | None:
        """What holds at that time: the word of the last event at or before it."""
        index = bisect.bisect_right(self._times, time_ms)
        return self._states[self._times[index - 1]] if index > 0 else None

    def current_state(self) -> State | None:
        return self._states[self._times[-1]] if self._times else None


# --------------------------------------------------------------------------------------------------------------- model

COUNTERS = ('consumed', 'applied', 'unchanged', 'late', 'quarantined')
DEFAULT_TIERS = ((Decimal('10000'), Decimal('0.01')), (Decimal('20000'), Decimal('0.015')), (None, Decimal('0.02')))


class Model:
    """Feed it records in arrival order, then ask what the result topics must hold.

    counters[topic][name], for topic 'customers' and 'accounts':
    consumed = applied + unchanged + quarantined; late is a part of applied and unchanged.
    """

    def __init__(self, late_window_ms: int = 3 * 86_400_000,
                 tiers: tuple[tuple[Decimal | None, Decimal], ...] = DEFAULT_TIERS,
                 bonus: Decimal = Decimal('0.005'), record_max_bytes: int = 1048576):
        self.late_window_ms = late_window_ms
        self.tiers = tiers
        self.bonus = bonus
        self.record_max_bytes = record_max_bytes
        self.pasts: dict[str, dict[Id, Past]] = {topic: {} for topic in TOPICS}
        self.counters: dict[str, dict[str, int]] = {topic: dict.fromkeys(COUNTERS, 0) for topic in TOPICS}
        self._quarantine: list[dict[str, Any]] = []

    def apply(self, topic: str, partition: int, offset: int, timestamp_ms: int, key: bytes | None,
              value: bytes | None) -> None:
        count = self.counters[topic]
        count['consumed'] += 1
        try:
            if value is not None and len(value) > self.record_max_bytes:
                raise Rejected('too_large')
            changed = self._accept(topic, timestamp_ms, stage(topic, timestamp_ms, key, value))
            count['applied' if changed else 'unchanged'] += 1
        except Rejected as rejected:
            count['quarantined'] += 1
            self._quarantine.append({
                'topic': topic, 'partition': partition, 'offset': offset, 'code': rejected.code,
                'reason': rejected.reason, 'key': key, 'value': value, 'timestamp_ms': timestamp_ms})

    def _accept(self, topic: str, timestamp_ms: int, change: Change) -> bool:
        """Returns whether any row of the history changed."""
        past = self.pasts[topic].get(change.id) or Past()
        if change.is_tombstone and past.current_state() is None:
            return False
        newest_ms = past.newest_ms()
        if newest_ms is not None and change.time_ms < newest_ms - self.late_window_ms:
            raise Rejected('too_late')
        if newest_ms is not None and change.time_ms < newest_ms:
            self.counters[topic]['late'] += 1
        # An event that says what held at its time anyhow changes nothing; any other moves a boundary.
        changed = past.state_at(change.time_ms) != change.state
        past.add(Event(change.time_ms, timestamp_ms, change.state))
        self.pasts[topic][change.id] = past
        return changed

    def quarantine(self) -> list[dict[str, Any]]:
        return list(self._quarantine)

    def history(self, topic: str, id_: Id) -> list[Version]:
        past = self.pasts[topic].get(id_)
        return fold(past.events) if past else []

    def expected(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Result topic -> key text -> the live row, without calculated_at."""
        customers = {id_: fold(past.events) for id_, past in self.pasts['customers'].items()}
        accounts = {id_: fold(past.events) for id_, past in self.pasts['accounts'].items()}
        with decimal.localcontext(MONEY):
            joined = self._join(current_versions(customers), current_versions(accounts))
            summary = {key: self._summary_row(row) for key, row in joined.items() if row['account_type'] == 'savings'}
            profile = profile_rows(joined, summary)
            return {
                'customer_history': history_rows(customers, customer_history_row),
                'account_history': history_rows(accounts, account_history_row),
                'account_with_customer': {key: printed(row) for key, row in joined.items()},
                'account_summary': {key: printed(row) for key, row in summary.items()},
                'customer_profile': {key: printed(row) for key, row in profile.items()},
            }

    def _join(self, customers: dict[int, Version], accounts: dict[str, Version]) -> dict[str, dict[str, Any]]:
        joined: dict[str, dict[str, Any]] = {}
        for account_id, account in accounts.items():
            customer_id, balance, account_type = account.state
            if customer_id not in customers:
                continue    # an orphan
            customer_name, has_loan_flag = customers[customer_id].state
            joined[account_id] = {
                'account_id': account_id,
                'customer_id': customer_id,
                'customer_name': customer_name,
                'has_loan_flag': has_loan_flag,
                'balance_amount': balance,
                'account_type': account_type,
                'valid_from_at': format_time(account.valid_from_ms),
            }
        return joined

    def _summary_row(self, joined: dict[str, Any]) -> dict[str, Any]:
        balance = joined['balance_amount']
        rate = next(rate for limit, rate in self.tiers if limit is None or balance < limit)
        if joined['has_loan_flag']:
            rate += self.bonus
        interest = (balance * rate).quantize(CENT)
        return {
            'account_id': joined['account_id'],
            'customer_id': joined['customer_id'],
            'original_balance_amount': balance,
            'interest_rate_pct': rate.quantize(RATE),
            'annual_interest_amount': interest,
            'new_balance_amount': balance + interest,
        }


def current_versions(histories: dict[Id, list[Version]]) -> dict[Id, Version]:
    return {id_: versions[-1] for id_, versions in histories.items()
            if versions and versions[-1].valid_to_ms is None}


def profile_rows(joined: dict[str, dict[str, Any]], summary: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    profiles: dict[str, dict[str, Any]] = {}
    for account_id, row in summary.items():
        key = str(row['customer_id'])
        if key not in profiles:
            profiles[key] = {
                'customer_id': row['customer_id'],
                'customer_name': joined[account_id]['customer_name'],
                'has_loan_flag': joined[account_id]['has_loan_flag'],
                'total_accounts_count': 0,
                'total_balance_amount': Decimal('0.00'),
                'total_annual_interest_amount': Decimal('0.00'),
            }
        profiles[key]['total_accounts_count'] += 1
        profiles[key]['total_balance_amount'] += row['original_balance_amount']
        profiles[key]['total_annual_interest_amount'] += row['annual_interest_amount']
    return profiles


def customer_history_row(customer_id: int, version: Version) -> dict[str, Any]:
    customer_name, has_loan_flag = version.state
    return {'customer_id': customer_id, 'customer_name': customer_name, 'has_loan_flag': has_loan_flag}


def account_history_row(account_id: str, version: Version) -> dict[str, Any]:
    customer_id, balance, account_type = version.state
    return {'account_id': account_id, 'customer_id': customer_id, 'balance_amount': balance,
            'account_type': account_type}


def history_rows(histories: dict[Id, list[Version]], attributes: Any) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    for id_, versions in histories.items():
        for version in versions:
            row = attributes(id_, version)
            row['loaded_at'] = format_time(version.loaded_at_ms)
            row['valid_from_at'] = format_time(version.valid_from_ms)
            row['valid_to_at'] = None if version.valid_to_ms is None else format_time(version.valid_to_ms)
            rows[f'{id_}|{version.valid_from_ms}'] = printed(row)
    return rows


def printed(row: dict[str, Any]) -> dict[str, Any]:
    """As the JSON output says it: decimals are strings with all their decimals."""
    return {name: format(value, 'f') if isinstance(value, Decimal) else value for name, value in row.items()}
