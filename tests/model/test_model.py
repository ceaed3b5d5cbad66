"""The model against cases written by hand from CONTRACT.md, and the generator against its promises."""
from __future__ import annotations

import json
import random
from collections import Counter
from decimal import Decimal
from typing import Any, Iterable

import pytest

import generate as generator
from generate import Input, generate
from model import Event, Model, Version, fold, format_time, parse_amount, parse_int64, parse_iso_time, simple_lower

T = 1_707_955_200_000    # 2024-02-15T00:00:00.000Z
DAY = 86_400_000


# ------------------------------------------------------------------------------------------------------------- helpers

def put(model: Model, topic: str, record: Any, at: int = T, key: bytes | None = b'k') -> dict[str, Any] | None:
    """Applies one record (bytes, or what becomes JSON; None is a tombstone). Returns its quarantine entry, if any."""
    value = record if record is None or isinstance(record, bytes) else json.dumps(record).encode()
    before = len(model.quarantine())
    offset = model.counters[topic]['consumed']
    model.apply(topic, 0, offset, at, key, value)
    entries = model.quarantine()[before:]
    assert len(entries) <= 1
    return entries[0] if entries else None


def customer(name: Any = 'Alice', loan: Any = 'no', id_: Any = 1, **more: Any) -> dict[str, Any]:
    return {'customer_id': id_, 'customer_name': name, 'has_loan': loan, **more}


def account(balance: Any = '100', type_: Any = 'Savings', customer_id: Any = 1, id_: Any = 'A1', **more: Any) -> dict[str, Any]:
    return {'account_id': id_, 'customer_id': customer_id, 'balance': balance, 'account_type': type_, **more}


def without(record: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != field}


def verdict(topic: str, record: Any, at: int = T, key: bytes | None = b'k') -> tuple[str, str | None] | None:
    """What a fresh model says to one record: (code, reason), or None when it is accepted."""
    entry = put(Model(), topic, record, at, key)
    return (entry['code'], entry['reason']) if entry else None


def code(topic: str, record: Any, at: int = T, key: bytes | None = b'k') -> str | None:
    result = verdict(topic, record, at, key)
    return result[0] if result else None


def only_row(topic: str, record: Any, at: int = T, key: bytes | None = b'k') -> dict[str, Any]:
    """The history row that one record alone makes."""
    model = Model()
    assert put(model, topic, record, at, key) is None
    rows = model.expected()['customer_history' if topic == 'customers' else 'account_history']
    assert len(rows) == 1
    return next(iter(rows.values()))


def starts_at(topic: str, record: Any, at: int = T) -> int:
    model = Model()
    assert put(model, topic, record, at) is None
    (key,) = model.expected()['customer_history' if topic == 'customers' else 'account_history']
    return int(key.split('|')[1]) - T


def person(model: Model, name: str | None, at: int) -> dict[str, Any] | None:
    """Customer 1 is called so (or is deleted) at T + at; the Kafka timestamp says so."""
    record = {'op': 'd', 'before': {'customer_id': 1}} if name is None else customer(name)
    return put(model, 'customers', record, T + at)


def names(model: Model) -> list[tuple[str, int, int | None]]:
    """Customer 1's history as (name, from, to), from T on."""
    return [(version.state[0], version.valid_from_ms - T,
             None if version.valid_to_ms is None else version.valid_to_ms - T)
            for version in model.history('customers', 1)]


def people(*events: tuple[str | None, int], late_window_ms: int = 3 * DAY) -> list[tuple[str, int, int | None]]:
    model = Model(late_window_ms=late_window_ms)
    for name, at in events:
        assert person(model, name, at) is None
    return names(model)


# --------------------------------------------------------------------------------------------- contract 3: the formats

@pytest.mark.parametrize('record', [
    {'customer_id': 7, 'customer_name': 'Alice', 'has_loan': True},
    {'CustomerID': '7', 'CustomerName': 'Alice', 'HasLoan': 'yes'},
    {'Customer ID': ' 7 ', 'Customer Name': ' Alice ', 'Has Loan': 'Y'},
    {'CUSTOMER-ID': '7.0', 'NAME': 'aLICE', 'has_loan_flag': '1'},
    {'customer_id': '7', 'name': 'Alice', 'hasLoanFlag': 1, 'unknown': {'a': [1]}, 'balance': {}},
    {'customer_id': 7, 'name': 'Eve', 'customer_name': 'Alice', 'has_loan_flag': 'no', 'has_loan': 'true'},
    {'before': None, 'after': {'customer_id': 7, 'name': 'Alice', 'has_loan': 'yes'}, 'op': 'c', 'source': {}},
    {'after': {'customer_id': 7, 'name': 'Alice', 'has_loan': 'yes'}, 'op': 'r'},
    {'after': {'customer_id': 7, 'name': 'Alice', 'has_loan': 'yes'}, 'before': {'customer_id': []}, 'op': 'u',
     'source': None},
    {'schema': {'type': 'struct'}, 'payload':
        {'after': {'customer_id': 7, 'name': 'Alice', 'has_loan': 'yes'}, 'op': 'u'}},
    {'schema': None, 'payload': {'customer_id': 7, 'name': 'Alice', 'has_loan': 'yes'}},
    {'customer_id': 7, 'name': 'Alice', 'has_loan': 'yes', '__op': 'u', '__deleted': 'false', '__source_ts_ms': None},
    {'customer_id': 7, 'name': 'Alice', 'has_loan': 'yes', '__deleted': False},
    {'customer_id': 7, 'name': 'Alice', 'has_loan': 'yes', 'op': 'x', 'schema': 'public', 'source': 5},
    b' \r\n\t{"customer_id":7,"name":"Alice","has_loan":"yes"}\n',
    b'{"customer_id":7,"CustomerID":8,"name":"Alice","name":"Eve","has_loan":"yes"}',
    b'{"customer_id":7,"name":"\\u0041lice","has_loan":"yes","x":"\\ud83d\\ude00"}',
])
def test_formats__all_say_the_same(record: Any) -> None:
    row = only_row('customers', record)
    assert (row['customer_id'], row['customer_name'], row['has_loan_flag']) == (7, 'alice', True)


def test_formats__numbers_keep_their_decimal_text() -> None:
    row = only_row('accounts', b'{"account_id":7.50,"customer_id":1,"balance":1.005,"account_type":"savings"}')
    assert (row['account_id'], row['balance_amount']) == ('7.50', '1.01')
    assert only_row('customers', b'{"customer_id":9007199254740993,"name":12.30,"has_loan":1}')['customer_id'] == 2**53 + 1
    assert only_row('customers', b'{"customer_id":1,"name":12.30}')['customer_name'] == '12.30'
    assert only_row('customers', b'{"customer_id":1,"name":true}')['customer_name'] == 'true'
    assert only_row('accounts', b'{"account_id":true,"customer_id":1,"balance":1e3,"account_type":"savings"}') \
        ['account_id'] == 'true'


@pytest.mark.parametrize('data', [
    b'', b' ', b'{', b'}', b'null', b'1', b'"a"', b'[]', b'[{"customer_id":1}]', b'{"a":01}', b'{"a":1.}', b'{"a":.5}',
    b'{"a":+1}', b'{"a":NaN}', b'{"a":Infinity}', b'{"a":-}', b'{"a":1e}', b'{"a":0x1}', b'{"a":1}x', b'{"a":1}{}',
    b'{"a":1,}', b'{,}', b"{'a':1}", b'{a:1}', b'{"a" 1}', b'{"a":"\xff"}', b'{"a":"\xc0\x80"}', b'{"a":"\xed\xa0\x80"}',
    b'{"a":"\n"}', b'{"a":"\x00"}', b'{"a":"\\x"}', b'{"a":"\\u12"}', b'{"a":"\\ud800"}', b'{"a":"\\udc00\\ud800"}',
    b'{"a":"\\u0000"}', b'{"\\u0000":1}', b'{"a":["\\ud800"]}', b'{"a":tru}', b'{"a":True}', b'{"a":1 /* */}',
    b'\xef\xbb\xbf{}', b'hello', b'{"a":"b}', b'{"a":\xa01}', b'{"a":\x0b1}',
])
def test_formats__not_json_is_malformed(data: bytes) -> None:
    good = b'"customer_id":1,"name":"x",'
    assert verdict('customers', data) == ('malformed', None)
    if data.startswith(b'{"'):
        assert verdict('customers', b'{' + good + data[1:]) == ('malformed', None)


def test_formats__depth() -> None:
    def nested(levels: int) -> bytes:
        inner = levels - 1
        return b'{"customer_id":1,"name":"x","d":' + b'[' * inner + b']' * inner + b'}'
    assert code('customers', nested(100)) is None
    assert code('customers', nested(101)) == 'malformed'
    assert code('customers', nested(100_000)) == 'malformed'
    brackets_in_text = json.dumps(customer(note='[{' * 500 + '\\"')).encode()
    assert code('customers', brackets_in_text) is None


@pytest.mark.parametrize('record', [
    customer(id_={}), customer(id_=[1]), customer(name={'s': 1}), customer(loan=[]), customer(updated_at={}),
    customer('__debezium_unavailable_value'), customer(loan='__debezium_unavailable_value'),
    customer(id_='none', loan=[]), customer(__source_ts_ms='x'), customer(__source_ts_ms=True),
    customer(__source_ts_ms=1.5), customer(__source_ts_ms={}), customer(__source_ts_ms=253402300800000),
    {'op': 'c', 'after': None}, {'op': 'u', 'before': {}}, {'op': 'r', 'after': []}, {'op': 'c', 'after': 'x'},
    {'op': 'c', 'after': customer(), 'source': {'ts_ms': 'soon'}},
    {'op': 'c', 'after': customer(), 'source': {'ts_ms': 10**17}},
    {'op': 'd', 'before': {'customer_id': {}}},
])
def test_formats__an_object_or_list_where_a_value_belongs_is_malformed(record: Any) -> None:
    assert verdict('customers', record) == ('malformed', None)


@pytest.mark.parametrize('record', [
    {'op': 't', 'before': None, 'after': None}, {'op': 'm', 'after': customer()}, {'op': 'C', 'after': customer()},
    {'op': 't', 'source': {'ts_ms': 5}}, {'op': 'm', 'source': {'ts_ms': 5}, 'message': {'prefix': 'x'}},
    {'op': None, 'before': None}, {'op': 1, 'after': customer()}, customer(__op='t'), customer(__op='x', id_='none'),
    customer(__op='x', __deleted='true'),
])
def test_formats__unsupported_op(record: Any) -> None:
    assert verdict('customers', record) == ('unsupported_op', None)


def test_formats__malformed_comes_before_the_operation_and_the_table() -> None:
    assert code('customers', customer(__op='x', name=[])) == 'malformed'
    assert code('customers', customer(id_='none', name={})) == 'malformed'


def test_formats__payload_that_is_no_object_is_not_unwrapped() -> None:
    assert verdict('customers', {'schema': 1, 'payload': 5}) == \
        ('invalid_customer_id', 'Invalid customer_id: null or empty')


def test_formats__record_max_bytes() -> None:
    model = Model(record_max_bytes=100)
    good = json.dumps(customer()).encode()
    assert put(model, 'customers', good.ljust(100)) is None
    entry = put(model, 'customers', good.ljust(101))
    assert (entry['code'], entry['reason']) == ('too_large', None)
    assert put(model, 'customers', b'{' * 101)['code'] == 'too_large'


# -------------------------------------------------------------------------------------------------- contract 3: times

@pytest.mark.parametrize('record, expected', [
    (customer(), 500),
    (customer(updated_at=T + 3), 3),
    (customer(updated_at=None), 500),
    (customer(updated_at=' N/A '), 500),
    (customer(__source_ts_ms=T + 2, updated_at=T + 3), 2),
    (customer(__source_ts_ms=f'{T + 2}', updated_at='garbage'), 2),
    (customer(__source_ts_ms=None, updated_at=T + 3), 3),
    ({'op': 'c', 'after': customer(updated_at=T + 3), 'source': {'ts_ms': T + 1}, 'ts_ms': T + 9}, 1),
    ({'op': 'c', 'after': customer(updated_at=T + 3), 'source': {'ts_ms': None}}, 3),
    ({'op': 'c', 'after': customer(updated_at=T + 3), 'source': {}}, 3),
    ({'op': 'c', 'after': customer(), 'ts_ms': T + 9}, 500),
])
def test_times__first_that_is_there(record: Any, expected: int) -> None:
    assert starts_at('customers', record, T + 500) == expected


def test_times__loaded_at_is_the_kafka_timestamp() -> None:
    row = only_row('customers', customer(updated_at='2024-02-15T00:00:00.001Z'), T + 1500)
    assert (row['valid_from_at'], row['loaded_at']) == ('2024-02-15T00:00:00.001Z', '2024-02-15T00:00:01.500Z')


@pytest.mark.parametrize('text, expected', [
    ('2024-02-15', 0), ('2024-02-15T00:00', 0), ('2024-02-15 00:00', 0), ('2024-02-15T01:02:03', 3_723_000),
    ('2024-02-15T00:00:00.5', 500), ('2024-02-15T00:00:00.0019', 1), ('2024-02-15T00:00:00.123456789Z', 123),
    ('2024-02-15T02:00+02:00', 0), ('2024-02-15T02:00:00+0200', 0), ('2024-02-15 02:00:00.250+02', 250),
    ('2024-02-14T18:30:00-05:30', 0), ('2024-02-15T00:00Z', 0), ('2024-02-29', 14 * DAY), (str(T + 5), 5),
    (f'+{T}', 0), (f'{T}.0', 0), ('17079552e5', 0), ('2024', 2024 - T), ('-1', -1 - T),
    ('0001-01-01', -62135596800000 - T), ('9999-12-31T23:59:59.999Z', 253402300799999 - T),
])
def test_times__updated_at(text: str, expected: int) -> None:
    assert starts_at('customers', customer(updated_at=text)) == expected


@pytest.mark.parametrize('value', generator.BAD_TIMES)
def test_times__invalid_updated_at(value: Any) -> None:
    value = value if not isinstance(value, generator.Raw) else float(value)
    assert verdict('customers', customer(updated_at=value)) == ('invalid_updated_at', None)


def test_times__before_1970_round_down() -> None:
    assert parse_iso_time('1969-12-31T23:59:59.9999') == -1
    assert format_time(-1) == '1969-12-31T23:59:59.999Z'
    assert format_time(-62135596800000) == '0001-01-01T00:00:00.000Z'


def test_times__updated_at_is_checked_last() -> None:
    assert code('accounts', account(type_='x', updated_at='garbage')) == 'invalid_account_type'
    assert code('accounts', account(updated_at='garbage')) == 'invalid_updated_at'


# ------------------------------------------------------------------------------------------------ contract 3: deletes

DELETES = [
    ({'op': 'd', 'before': {'customer_id': '1'}, 'after': None}, None),
    ({'op': 'd', 'before': {'customer_id': 1, 'customer_name': '', 'has_loan': 'perhaps'}}, None),
    ({'op': 'd', 'before': None, 'after': None}, b'1'),
    ({'op': 'd', 'before': {'name': 'Alice'}}, b'{"CustomerID":1}'),
    ({'schema': {}, 'payload': {'op': 'd', 'before': {'customer_id': 1}}}, None),
    ({'customer_id': 1, '__deleted': 'true'}, None),
    ({'customer_id': 1, '__deleted': 'TRUE', '__op': 'u'}, None),
    ({'customer_id': 1, '__deleted': True}, None),
    ({'customer_id': 1, '__op': 'd', '__deleted': 'false', 'name': 'none'}, None),
    (None, b'1'), (None, b' 1 '), (None, b'1.0'), (None, b'"1"'), (None, b'{"customer_id":1}'),
    (None, b'{"tenant":4,"Customer ID":"1"}'), (None, b'{"schema":{"type":"struct"},"payload":{"customer_id":1}}'),
    (None, b'{"schema":{"type":"int64"},"payload":1}'), (None, b'{"schema":null,"payload":"1"}'),
    ({'schema': {}, 'payload': None}, b'1'),
]


@pytest.mark.parametrize('record, key', DELETES)
def test_deletes__all_say_the_same(record: Any, key: bytes | None) -> None:
    model = Model()
    person(model, 'Alice', 5)
    assert put(model, 'customers', record, T + 9, key) is None
    assert names(model) == [('alice', 5, 9)]


@pytest.mark.parametrize('record, key', DELETES)
def test_deletes__of_an_unknown_id_change_nothing(record: Any, key: bytes | None) -> None:
    model = Model()
    assert put(model, 'customers', record, T + 9, key) is None
    assert model.counters['customers'] == {'consumed': 1, 'applied': 0, 'unchanged': 1, 'late': 0, 'quarantined': 0}
    person(model, 'Alice', 5)
    is_tombstone = record is None or record.get('payload', 0) is None
    assert names(model) == [('alice', 5, None if is_tombstone else 9)]    # a tombstone was ignored, a delete counts


def test_deletes__event_time() -> None:
    model = Model()
    person(model, 'Alice', 5)
    put(model, 'customers', {'op': 'd', 'before': {'customer_id': 1, 'updated_at': T + 7}}, T + 100)
    assert names(model) == [('alice', 5, 7)]
    put(model, 'customers', {'op': 'd', 'before': {'customer_id': 1, 'updated_at': T + 7}, 'source': {'ts_ms': T + 6}}, T + 100)
    assert names(model) == [('alice', 5, 6)]


def test_deletes__check_id_and_time_only() -> None:
    assert code('customers', {'op': 'd', 'before': {'customer_id': 1, 'name': [], 'has_loan': '?'}}) is None
    assert verdict('customers', {'op': 'd', 'before': {'customer_id': 'x'}}) == \
        ('invalid_customer_id', 'Invalid customer_id: non-numeric value (x)')
    assert code('customers', {'op': 'd', 'before': {'customer_id': 1, 'updated_at': 'x'}}) == 'invalid_updated_at'
    assert verdict('accounts', {'customer_id': 1, '__deleted': 'true'}) == \
        ('invalid_account_id', 'Invalid account_id: null or empty')


@pytest.mark.parametrize('key, expected', [
    (None, 'malformed'), (b'\xff', 'malformed'), (b'{', 'malformed'), (b'"1', 'malformed'), (b'{"customer_id":1', 'malformed'),
    (b'{"customer_id":{}}', 'malformed'), (b'{"customer_id":1}x', 'malformed'), (b'null', 'invalid_customer_id'),
    (b'{}', 'invalid_customer_id'), (b'{"id":1}', 'invalid_customer_id'), (b'""', 'invalid_customer_id'),
    (b'abc', 'invalid_customer_id'), (b'{"schema":1,"payload":{}}', 'invalid_customer_id'),
])
def test_deletes__bad_keys(key: bytes | None, expected: str) -> None:
    assert code('customers', None, key=key) == expected
    assert code('customers', {'op': 'd', 'before': None, 'after': None}, key=key) == expected
    assert code('customers', {'schema': {}, 'payload': None}, key=key) == expected


def test_deletes__debezium_tombstone_after_a_delete_is_ignored() -> None:
    model = Model()
    person(model, 'Alice', 5)
    person(model, None, 9)
    assert put(model, 'customers', None, T + 10, b'1') is None
    person(model, 'Alice', 9)    # a late word: not deleted at 9, so Alice goes on, and the tombstone had no say
    assert names(model) == [('alice', 5, None)]
    assert model.counters['customers']['unchanged'] == 1


def test_deletes__tombstone_may_be_too_late_but_not_for_a_deleted_id() -> None:
    model = Model()
    person(model, 'Alice', 10 * DAY)
    assert put(model, 'customers', None, T, b'1')['code'] == 'too_late'
    person(model, None, 11 * DAY)
    assert put(model, 'customers', None, T, b'1') is None


# ----------------------------------------------------------------------------------------------- contract 4: the rules

EMPTY = ['', '  ', '\t\r\n\v\f', None]
NULLS = ['null', 'NULL', 'n/a', 'N/A', 'none', 'None', ' nOnE ']


@pytest.mark.parametrize('value', EMPTY + NULLS)
def test_rules__null_or_empty(value: Any) -> None:
    assert verdict('customers', customer(id_=value)) == ('invalid_customer_id', 'Invalid customer_id: null or empty')
    assert verdict('customers', customer(value)) == ('invalid_name', 'Invalid name: null or empty')
    assert only_row('customers', customer(loan=value))['has_loan_flag'] is False
    assert verdict('accounts', account(id_=value)) == ('invalid_account_id', 'Invalid account_id: null or empty')
    assert verdict('accounts', account(customer_id=value)) == ('invalid_customer_id', 'Invalid customer_id: null or empty')
    assert verdict('accounts', account(type_=value)) == ('invalid_account_type', 'Invalid account_type: null or empty')
    expected = 'null or empty' if value in EMPTY else f'null representation ({value.strip()})'
    assert verdict('accounts', account(value)) == ('invalid_balance', f'Invalid balance: {expected}')


def test_rules__missing_is_null() -> None:
    assert code('customers', without(customer(), 'customer_id')) == 'invalid_customer_id'
    assert code('customers', without(customer(), 'customer_name')) == 'invalid_name'
    assert only_row('customers', without(customer(), 'has_loan'))['has_loan_flag'] is False
    assert code('accounts', without(account(), 'account_id')) == 'invalid_account_id'
    assert verdict('accounts', without(account(), 'balance')) == ('invalid_balance', 'Invalid balance: null or empty')


@pytest.mark.parametrize('text, expected', [
    ('1001.0', 1001), ('1e3', 1000), ('+7', 7), ('-5', -5), ('0', 0), ('-0', 0), ('007', 7), ('5.', 5), ('.5e1', 5),
    ('120e-1', 12), ('9223372036854775807', 2**63 - 1), ('-9223372036854775808', -2**63), ('0e99999999999999999999', 0),
    ('0.' + '0' * 5000 + '1e5001', 1),
    ('9223372036854775808', None), ('1.5', None), ('1e19', None), ('1e999999999', None), ('1e-999999999', None),
    ('', None), ('.', None), ('+', None), ('1e', None), ('e1', None), ('0x1', None), ('1_0', None), ('--1', None),
    ('\uff11', None), ('1 ', None), ('1\n', None), ('inf', None),
])
def test_rules__integers(text: str, expected: int | None) -> None:
    assert parse_int64(text) == expected


@pytest.mark.parametrize('text, expected', [
    ('0', '0.00'), ('-0', '0.00'), ('-0.00', '0.00'), ('-0.004', '0.00'), ('-0.005', '-0.01'), ('0.005', '0.01'),
    ('0.0049999999999999999999', '0.00'), ('1.005', '1.01'), ('2.675', '2.68'), ('-2.675', '-2.68'), ('5.', '5.00'),
    ('.5', '0.50'), ('+5', '5.00'), ('1e3', '1000.00'), ('1.5E2', '150.00'), ('125e-3', '0.13'), ('5e-3', '0.01'),
    ('9999999999999999.99', '9999999999999999.99'), ('9999999999999999.994', '9999999999999999.99'),
    ('9999999999999999.995', None), ('10000000000000000', None), ('-10000000000000000', None), ('1e16', None),
    ('1e999999999', None), ('1e99999999999999999999', None), ('0e99999999999999999999', '0.00'),
    ('1e-99999999999999999999', '0.00'), ('0.' + '9' * 100_000, '1.00'), ('9' * 100_000, None), ('1' + '0' * 9000 + 'e-9000', '1.00'),
    ('12,5', None), ('1 000', None), ('$5', None), ('NaN', None), ('inf', None), ('\u0661', None), ('1e5.5', None),
])
def test_rules__amounts(text: str, expected: str | None) -> None:
    amount = parse_amount(text)
    assert amount == (None if expected is None else Decimal(expected))
    assert amount is None or format(amount, 'f') == expected


@pytest.mark.parametrize('value, text', [
    ('abc', 'abc'), (' 1.5 ', '1.5'), (1.5, '1.5'), (True, 'true'), (False, 'false'), ('1,000', '1,000'),
])
def test_rules__customer_id(value: Any, text: str) -> None:
    expected = ('invalid_customer_id', f'Invalid customer_id: non-numeric value ({text})')
    assert verdict('customers', customer(id_=value)) == expected
    assert verdict('accounts', account(customer_id=value)) == expected


def test_rules__the_reason_quotes_a_number_token_as_received() -> None:
    assert verdict('customers', b'{"customer_id":1.50E+0}') == \
        ('invalid_customer_id', 'Invalid customer_id: non-numeric value (1.50E+0)')


@pytest.mark.parametrize('text, expected', [
    (' ALICE Smith ', 'alice smith'), ('\u0130I', 'ii'), ('\u03a3\u03a3', '\u03c3\u03c3'), ('Stra\u00dfe \u1e9e', 'stra\u00dfe \u00df'),
    ('\U00010400', '\U00010428'), ('\u01c5', '\u01c6'), ('\u00a0X', '\u00a0x'), ('\u674e', '\u674e'), ('Nonee', 'nonee'),
])
def test_rules__customer_name(text: str, expected: str) -> None:
    assert only_row('customers', customer(text))['customer_name'] == expected


def test_rules__simple_lower_maps_one_to_one() -> None:
    everything = ''.join(chr(point) for point in range(0x110000) if not 0xd800 <= point <= 0xdfff)
    assert len(simple_lower(everything)) == len(everything)


@pytest.mark.parametrize('value, expected', [
    ('yes', True), ('Y', True), (' TRUE ', True), ('1', True), (1, True), (True, True),
    ('No', False), ('n', False), ('FALSE', False), ('0', False), (0, False), (False, False), ('none', False), (None, False),
])
def test_rules__has_loan(value: Any, expected: bool) -> None:
    assert only_row('customers', customer(loan=value))['has_loan_flag'] is expected


@pytest.mark.parametrize('value, text', [('Maybe', 'Maybe'), (' 2 ', '2'), (2, '2'), (1.0, '1.0'), ('yess', 'yess')])
def test_rules__invalid_has_loan(value: Any, text: str) -> None:
    assert verdict('customers', customer(loan=value)) == ('invalid_has_loan', f'Invalid has_loan value: {text}')


@pytest.mark.parametrize('value, expected', [
    ('abc', 'non-numeric value (abc)'), (True, 'non-numeric value (true)'), ('10000000000000000', 'non-numeric value (10000000000000000)'),
    ('-99999999999999999', 'non-numeric value (-99999999999999999)'), (' -1 ', 'negative value (-1)'), (-5, 'negative value (-5)'),
    ('-0.005', 'negative value (-0.005)'), ('N/A', 'null representation (N/A)'), (None, 'null or empty'),
])
def test_rules__invalid_balance(value: Any, expected: str) -> None:
    assert verdict('accounts', account(value)) == ('invalid_balance', f'Invalid balance: {expected}')


@pytest.mark.parametrize('value, expected', [('Savings', 'savings'), (' CHECKING ', 'checking'), ('sAvInGs', 'savings')])
def test_rules__account_type(value: str, expected: str) -> None:
    assert only_row('accounts', account(type_=value))['account_type'] == expected


@pytest.mark.parametrize('value, text', [('Credit', 'Credit'), (' saving ', 'saving'), (1, '1'), ('chec\u212aing', 'chec\u212aing')])
def test_rules__invalid_account_type(value: Any, text: str) -> None:
    assert verdict('accounts', account(type_=value)) == \
        ('invalid_account_type', f'Invalid account_type: must be Savings or Checking ({text})')


def test_rules__the_first_failure_in_the_order_of_the_table_counts() -> None:
    record = account(id_='', customer_id='x', balance='y', type_='z')
    assert code('accounts', record) == 'invalid_account_id'
    assert code('accounts', {**record, 'account_id': 'A1'}) == 'invalid_customer_id'
    assert code('accounts', {**record, 'account_id': 'A1', 'customer_id': 1}) == 'invalid_balance'
    assert code('accounts', {**record, 'account_id': 'A1', 'customer_id': 1, 'balance': 2}) == 'invalid_account_type'
    assert code('customers', customer(id_='x', name='', loan='z')) == 'invalid_customer_id'
    assert code('customers', customer(name='', loan='z')) == 'invalid_name'


def test_rules__longest_texts() -> None:
    assert code('accounts', account(id_='x' * 32768 + ' ')) is None
    assert code('accounts', account(id_='x' * 32769)) == 'too_large'
    assert code('customers', customer('\u20ac' * 10923)) == 'too_large'    # 32769 bytes
    assert code('customers', customer('\u20ac' * 10922)) is None
    assert code('accounts', None, key=b'x' * 32769) == 'too_large'


def test_rules__a_bad_record_changes_no_state_and_keeps_its_bytes() -> None:
    model = Model()
    person(model, 'Alice', 5)
    before = model.expected()
    value = b'{"customer_id":1,"name":"Eve","has_loan":"?"}'
    model.apply('customers', 2, 17, T + 6, b'\xff', value)
    assert model.expected() == before
    assert model.quarantine() == [{
        'topic': 'customers', 'partition': 2, 'offset': 17, 'code': 'invalid_has_loan', 'reason': 'Invalid has_loan value: ?',
        'key': b'\xff', 'value': value, 'timestamp_ms': T + 6}]
    assert model.counters['customers'] == {'consumed': 2, 'applied': 1, 'unchanged': 0, 'late': 0, 'quarantined': 1}


# --------------------------------------------------------------------------------------------- contract 5: the history

def test_history__an_unchanged_event_is_a_witness() -> None:
    assert people(('Alice', 5), ('Alice', 10), ('Alice', 15)) == [('alice', 5, None)]
    assert people(('Alice', 5), ('Alice', 10), ('Alice', 15), ('Bob', 12)) == \
        [('alice', 5, 12), ('bob', 12, 15), ('alice', 15, None)]


def test_history__a_late_event_moves_the_start_of_its_equal() -> None:
    assert people(('Alice', 5), ('Charlie', 20), ('Charlie', 12)) == [('alice', 5, 12), ('charlie', 12, None)]
    assert people(('Alice', 5), ('Alice', 3)) == [('alice', 3, None)]


def test_history__a_moved_start_brings_its_own_loaded_at() -> None:
    model = Model()
    put(model, 'customers', customer('Alice', updated_at=T + 5), T + 100)
    put(model, 'customers', customer('Alice', updated_at=T + 3), T + 200)
    put(model, 'customers', customer('Alice', updated_at=T + 8), T + 300)
    assert model.history('customers', 1) == [Version(T + 3, None, ('alice', False), T + 200)]


def test_history__a_late_event_splits() -> None:
    assert people(('Alice', 5), ('Alice', 20), ('Bob', 12)) == [('alice', 5, 12), ('bob', 12, 20), ('alice', 20, None)]
    assert people(('Alice', 5), ('Charlie', 20), ('Bob', 12)) == [('alice', 5, 12), ('bob', 12, 20), ('charlie', 20, None)]


def test_history__a_delete_closes_and_leaves_a_gap() -> None:
    assert people(('Alice', 5), (None, 9)) == [('alice', 5, 9)]
    assert people(('Alice', 5), (None, 9), ('Alice', 12)) == [('alice', 5, 9), ('alice', 12, None)]
    assert people(('Alice', 5), ('Alice', 12), (None, 9)) == [('alice', 5, 9), ('alice', 12, None)]


def test_history__a_delete_before_its_event_still_ends_it() -> None:
    assert people((None, 9), ('Alice', 5)) == [('alice', 5, 9)]
    assert people((None, 9), ('Alice', 5), ('Bob', 7)) == [('alice', 5, 7), ('bob', 7, 9)]


def test_history__a_late_event_never_revives() -> None:
    assert people(('Alice', 5), (None, 20), ('Alice', 12), ('Bob', 15)) == [('alice', 5, 15), ('bob', 15, 20)]


def test_history__ties() -> None:
    assert people(('Alice', 5), ('Bob', 5)) == [('bob', 5, None)]
    assert people(('Alice', 5), ('Bob', 9), ('Alice', 9)) == [('alice', 5, None)]
    assert people(('Alice', 5), (None, 9), ('Alice', 9)) == [('alice', 5, None)]
    assert people(('Alice', 5), ('Bob', 9), (None, 9)) == [('alice', 5, 9)]
    assert people(('Alice', 5), (None, 5)) == []
    assert people((None, 5), ('Alice', 5)) == [('alice', 5, None)]
    assert people(('Alice', 5), ('Bob', 9), ('Charlie', 9), ('Bob', 12)) == \
        [('alice', 5, 9), ('charlie', 9, 12), ('bob', 12, None)]


def test_history__an_equal_tie_changes_nothing() -> None:
    model = Model()
    put(model, 'customers', customer('Alice', updated_at=T), T + 100)
    put(model, 'customers', customer('alice ', updated_at=T), T + 200)
    assert model.history('customers', 1)[0].loaded_at_ms == T + 100
    put(model, 'customers', customer('Bob', updated_at=T), T + 300)
    put(model, 'customers', customer('Alice', updated_at=T), T + 400)
    assert model.history('customers', 1)[0].loaded_at_ms == T + 400
    assert model.counters['customers'] == {'consumed': 4, 'applied': 3, 'unchanged': 1, 'late': 0, 'quarantined': 0}


def test_history__too_late() -> None:
    model = Model(late_window_ms=10)
    person(model, 'Alice', 100)
    assert person(model, 'Bob', 90) is None
    assert person(model, 'Eve', 89)['code'] == 'too_late'
    assert person(model, None, 89)['code'] == 'too_late'
    assert names(model) == [('bob', 90, 100), ('alice', 100, None)]
    person(model, None, 105)    # deletes count as the newest event too, and so do events that change nothing
    assert person(model, 'Bob', 94)['code'] == 'too_late'
    person(model, None, 110)
    assert person(model, 'Bob', 99)['code'] == 'too_late'
    assert put(model, 'customers', customer('Zoe', id_=2), T + 1) is None    # each id for itself
    assert model.counters['customers'] == {'consumed': 9, 'applied': 4, 'unchanged': 1, 'late': 1, 'quarantined': 4}


def test_history__too_late_comes_after_all_rules() -> None:
    model = Model(late_window_ms=10)
    person(model, 'Alice', 100)
    assert put(model, 'customers', customer('', updated_at=T))['code'] == 'invalid_name'


def test_history__counters() -> None:
    model = Model()
    for name, at in (('Alice', 5), ('Alice', 7), ('Alice', 6), ('Bob', 6), (None, 1), ('Bob', 8)):
        person(model, name, at)
    assert model.counters['customers'] == {'consumed': 6, 'applied': 3, 'unchanged': 3, 'late': 3, 'quarantined': 0}
    assert model.counters['accounts'] == dict.fromkeys(model.counters['accounts'], 0)


def test_history__rows() -> None:
    model = Model()
    put(model, 'customers', customer('Alice', 'yes', 1001, updated_at='2024-02-15'), T + 1)
    put(model, 'customers', customer('Bob', 'yes', 1001, updated_at='2024-02-16T12:00'), T + 2)
    put(model, 'accounts', account('16500', id_='A|1', customer_id=5), T - DAY)
    rows = model.expected()
    first = rows['customer_history']['1001|1707955200000']
    assert list(first.items()) == [
        ('customer_id', 1001), ('customer_name', 'alice'), ('has_loan_flag', True), ('loaded_at', '2024-02-15T00:00:00.001Z'),
        ('valid_from_at', '2024-02-15T00:00:00.000Z'), ('valid_to_at', '2024-02-16T12:00:00.000Z')]
    assert rows['customer_history']['1001|1708084800000']['valid_to_at'] is None
    assert list(rows['account_history']['A|1|1707868800000'].items()) == [
        ('account_id', 'A|1'), ('customer_id', 5), ('balance_amount', '16500.00'), ('account_type', 'savings'),
        ('loaded_at', '2024-02-14T00:00:00.000Z'), ('valid_from_at', '2024-02-14T00:00:00.000Z'), ('valid_to_at', None)]


# -------------------------------------------------------------------------------------------- contract 6: join and marts

def test_marts__rows() -> None:
    model = Model()
    put(model, 'accounts', account('16500', id_='A1'), T)
    put(model, 'accounts', account('100.5', id_='A2'), T)
    put(model, 'accounts', account('7', 'Checking', id_='A3'), T)
    assert model.expected()['account_with_customer'] == {}    # orphans
    put(model, 'customers', customer('Alice', 'yes'), T + 5)
    rows = model.expected()
    assert list(rows['account_with_customer']) == ['A1', 'A2', 'A3']
    assert list(rows['account_with_customer']['A1'].items()) == [
        ('account_id', 'A1'), ('customer_id', 1), ('customer_name', 'alice'), ('has_loan_flag', True),
        ('balance_amount', '16500.00'), ('account_type', 'savings'), ('valid_from_at', '2024-02-15T00:00:00.000Z')]
    assert list(rows['account_summary']) == ['A1', 'A2']
    assert list(rows['account_summary']['A1'].items()) == [
        ('account_id', 'A1'), ('customer_id', 1), ('original_balance_amount', '16500.00'), ('interest_rate_pct', '0.020'),
        ('annual_interest_amount', '330.00'), ('new_balance_amount', '16830.00')]
    assert {key: list(row.items()) for key, row in rows['customer_profile'].items()} == {'1': [
        ('customer_id', 1), ('customer_name', 'alice'), ('has_loan_flag', True), ('total_accounts_count', 2),
        ('total_balance_amount', '16600.50'), ('total_annual_interest_amount', '331.51')]}    # 330.00 + 1.5075


@pytest.mark.parametrize('balance, loan, rate, interest, total', [
    ('0', 'no', '0.010', '0.00', '0.00'), ('9999.99', 'no', '0.010', '100.00', '10099.99'),
    ('9999.995', 'no', '0.015', '150.00', '10150.00'), ('10000', 'no', '0.015', '150.00', '10150.00'),
    ('19999.99', 'no', '0.015', '300.00', '20299.99'), ('20000', 'no', '0.020', '400.00', '20400.00'),
    ('100', 'yes', '0.015', '1.50', '101.50'), ('10000', 'yes', '0.020', '200.00', '10200.00'),
    ('20000', 'yes', '0.025', '500.00', '20500.00'), ('0.50', 'no', '0.010', '0.01', '0.51'),
    ('0.49', 'no', '0.010', '0.00', '0.49'), ('1.50', 'no', '0.010', '0.02', '1.52'), ('10001', 'no', '0.015', '150.02', '10151.02'),
    ('9999999999999999.99', 'yes', '0.025', '250000000000000.00', '10249999999999999.99'),
])
def test_marts__interest(balance: str, loan: str, rate: str, interest: str, total: str) -> None:
    model = Model()
    put(model, 'customers', customer(loan=loan))
    put(model, 'accounts', account(balance))
    row = model.expected()['account_summary']['A1']
    assert (row['interest_rate_pct'], row['annual_interest_amount'], row['new_balance_amount']) == (rate, interest, total)


def test_marts__tiers_and_bonus_are_configuration() -> None:
    model = Model(tiers=((Decimal('50'), Decimal('0.1')), (None, Decimal('0.2'))), bonus=Decimal('0.001'))
    put(model, 'customers', customer(loan='yes'))
    put(model, 'accounts', account('50'))
    row = model.expected()['account_summary']['A1']
    assert (row['interest_rate_pct'], row['annual_interest_amount']) == ('0.201', '10.05')


def test_marts__totals_do_not_round() -> None:
    model = Model()
    put(model, 'customers', customer())
    for i in range(30):
        put(model, 'accounts', account('9999999999999999.99', id_=f'A{i}'))
    assert model.expected()['customer_profile']['1']['total_balance_amount'] == '299999999999999999.70'


def test_marts__a_moved_account_and_deletes() -> None:
    model = Model()
    put(model, 'customers', customer('Alice', id_=1), T)
    put(model, 'customers', customer('Bob', id_=2), T)
    put(model, 'accounts', account(customer_id=1), T)
    assert list(model.expected()['customer_profile']) == ['1']
    put(model, 'accounts', account(customer_id=2), T + 1)
    assert list(model.expected()['customer_profile']) == ['2']
    assert model.expected()['account_with_customer']['A1']['valid_from_at'] == '2024-02-15T00:00:00.001Z'
    put(model, 'customers', {'customer_id': 2, '__deleted': True}, T + 2)
    rows = model.expected()
    assert (rows['account_with_customer'], rows['account_summary'], rows['customer_profile']) == ({}, {}, {})
    assert len(rows['account_history']) == 2
    put(model, 'customers', customer('Bob', id_=2), T + 3)
    assert model.expected()['customer_profile']['2']['total_balance_amount'] == '100.00'
    put(model, 'accounts', account(customer_id=2, type_='Checking'), T + 4)
    rows = model.expected()
    assert (list(rows['account_with_customer']), rows['account_summary'], rows['customer_profile']) == (['A1'], {}, {})
    put(model, 'accounts', None, T + 5, b'A1')
    assert model.expected()['account_with_customer'] == {}


# ----------------------------------------------------------------------------------------------------- the model itself

def random_events(seed: int, count: int, times: int) -> list[Event]:
    rng = random.Random(seed)
    return [Event(rng.randrange(times), i, rng.choice((None, ('a', True), ('b', True)))) for i in range(count)]


@pytest.mark.parametrize('seed', range(200))
def test_fold__versions_are_disjoint_and_maximal(seed: int) -> None:
    versions = fold(random_events(seed, 12, 15))
    for version in versions[:-1]:
        assert version.valid_to_ms is not None
    for earlier, later in zip(versions, versions[1:]):
        assert earlier.valid_from_ms < earlier.valid_to_ms <= later.valid_from_ms
        assert earlier.valid_to_ms < later.valid_from_ms or earlier.state != later.state


@pytest.mark.parametrize('seed', range(200))
def test_fold__order_of_arrival_does_not_matter(seed: int) -> None:
    by_time = {event.time_ms: event for event in random_events(seed, 12, 15)}
    events = list(by_time.values())
    expected = fold(events)
    random.Random(seed).shuffle(events)
    assert fold(events) == expected


@pytest.mark.parametrize('seed', range(200))
def test_model__applied_means_that_a_row_differs(seed: int) -> None:
    model = Model()
    events: list[Event] = []
    for event in random_events(seed, 15, 12):
        record = customer(event.state[0], 'yes') if event.state else {'customer_id': 1, '__deleted': 'true'}
        record['updated_at'] = event.time_ms
        applied = model.counters['customers']['applied']
        assert put(model, 'customers', record, event.loaded_at_ms) is None
        differs = fold(events + [event]) != fold(events)
        assert model.counters['customers']['applied'] - applied == (1 if differs else 0)
        events.append(event)
    assert model.history('customers', 1) == fold(events)


# -------------------------------------------------------------------------------------------------------- the generator

SEEDS = range(30)
EVENTS = 700
RECORD_MAX_BYTES = 150_000


def inputs_of(seed: int, mode: str, n_events: int = EVENTS) -> list[Input]:
    return generate(seed, n_events, 3, 4, mode, record_max_bytes=RECORD_MAX_BYTES)


def feed(inputs: Iterable[tuple[int, Input]], model: Model) -> list[str]:
    """Applies inputs with their offsets; returns each one's code ('' when accepted)."""
    codes = []
    for offset, record in inputs:
        before = model.counters[record.topic]['quarantined']
        model.apply(record.topic, record.partition, offset, record.timestamp_ms, record.key, record.value)
        quarantined = model.counters[record.topic]['quarantined'] > before
        codes.append(model._quarantine[-1]['code'] if quarantined else '')
    return codes


def with_offsets(inputs: list[Input]) -> list[tuple[int, Input]]:
    next_offset: Counter[tuple[str, int]] = Counter()
    result = []
    for record in inputs:
        place = (record.topic, record.partition)
        result.append((next_offset[place], record))
        next_offset[place] += 1
    return result


def interleaved(inputs: list[tuple[int, Input]], seed: int) -> list[tuple[int, Input]]:
    """Another order of arrival: each partition's order stays, the partitions race."""
    queues: dict[tuple[str, int], list[tuple[int, Input]]] = {}
    for offset, record in inputs:
        queues.setdefault((record.topic, record.partition), []).append((offset, record))
    rng = random.Random(seed)
    turns = [place for place, queue in queues.items() for _ in queue]
    rng.shuffle(turns)
    streams = {place: iter(queue) for place, queue in queues.items()}
    return [next(streams[place]) for place in turns]


def sorted_quarantine(model: Model) -> list[dict[str, Any]]:
    return sorted(model.quarantine(), key=lambda entry: (entry['topic'], entry['partition'], entry['offset']))


def situations(events: list[Event]) -> set[str]:
    """What happened to one id's history as its events came."""
    found: set[str] = set()
    winners: dict[int, Event] = {}
    for count, event in enumerate(events):
        before, after = fold(events[:count]), fold(events[:count + 1])
        tied = winners.get(event.time_ms)
        if tied is not None:
            kinds = 'equal' if tied.state == event.state else 'delete' if None in (tied.state, event.state) else 'other'
            found.add(f'tie, {kinds}')
        winners[event.time_ms] = event
        opened = next((version for version in after if version.valid_from_ms == event.time_ms), None)
        for old in before:
            covers = old.valid_from_ms < event.time_ms and (old.valid_to_ms is None or event.time_ms < old.valid_to_ms)
            parts = [version for version in after if version.state == old.state and version not in before]
            if covers and opened and opened.state != old.state and len(parts) == 2:
                found.add('split by an event')
            if covers and event.state is None and len(parts) == 2:
                found.add('split by a delete')
            vanished = all(version.valid_from_ms != old.valid_from_ms for version in after)
            if vanished and opened and (opened.state, opened.valid_to_ms) == (old.state, old.valid_to_ms):
                found.add('moved start')
        if tied is None and opened and opened.valid_to_ms is not None and opened not in before:
            end = winners.get(opened.valid_to_ms)
            if end is not None and end.state is None:
                found.add('delete before its event')
        if event.state is None and not before:
            found.add('delete of an unknown id')
        for earlier, later in zip(after, after[1:]):
            if earlier.valid_to_ms < later.valid_from_ms:
                found.add('restart after a gap')
                if earlier.state == later.state:
                    found.add('restart after a gap, equal')
            elif len(later.state) == 3 and earlier.state[0] != later.state[0]:
                found.add('account moved')
    return found


@pytest.mark.parametrize('mode', ['keyed', 'scattered', 'unkeyed'])
@pytest.mark.parametrize('seed', SEEDS)
def test_generator__the_model_finds_what_the_generator_meant(seed: int, mode: str) -> None:
    inputs = inputs_of(seed, mode)
    model = Model(record_max_bytes=RECORD_MAX_BYTES)
    for record, found in zip(inputs, feed(with_offsets(inputs), model)):
        if not (mode == 'keyed' and record.code == '' and found == 'too_late'):
            assert found == record.code, record
    assert len(inputs) == EVENTS


@pytest.mark.parametrize('mode', ['keyed', 'scattered', 'unkeyed'])
@pytest.mark.parametrize('seed', range(6))
def test_generator__results_do_not_depend_on_the_race_of_partitions(seed: int, mode: str) -> None:
    inputs = with_offsets(inputs_of(seed, mode, 2000))
    one, other = Model(record_max_bytes=RECORD_MAX_BYTES), Model(record_max_bytes=RECORD_MAX_BYTES)
    feed(inputs, one)
    feed(interleaved(inputs, seed), other)
    assert one.expected() == other.expected()
    assert sorted_quarantine(one) == sorted_quarantine(other)
    if mode == 'keyed':
        assert one.counters == other.counters


@pytest.mark.parametrize('mode', ['scattered', 'unkeyed'])
def test_generator__without_keys_times_are_distinct_and_in_the_window(mode: str) -> None:
    for n_events in (5, 100, 3000):
        model = Model(record_max_bytes=RECORD_MAX_BYTES)
        inputs = with_offsets(inputs_of(1, mode, n_events))
        feed(inputs, model)
        for topic in ('customers', 'accounts'):
            for past in model.pasts[topic].values():
                times = [event.time_ms for event in past.events]
                assert len(set(times)) == len(times) and max(times) - min(times) < 3 * DAY
                assert len({event.loaded_at_ms for event in past.events}) == len(times)


def test_generator__is_deterministic_and_ids_can_be_kept_apart() -> None:
    assert inputs_of(5, 'keyed') == inputs_of(5, 'keyed')
    assert inputs_of(5, 'keyed') != inputs_of(6, 'keyed')
    keys: set[tuple[str, str]] = set()
    for seed in range(5):
        model = Model()
        feed(with_offsets(generate(seed, 500, 3, 4, id_offset=100 * seed, account_prefix=f'S{seed}-')), model)
        own = {(topic, key) for topic, rows in model.expected().items() for key in rows}
        assert own and not own & keys
        keys |= own


def test_generator__keyed_means_one_partition_for_each_id() -> None:
    for record in inputs_of(3, 'keyed', 3000):
        if record.code == '' and 'tombstone' not in record.label and 'in' not in record.label.split():
            assert record.partition == generator.partition_of(record.key, 3 if record.topic == 'customers' else 4)


def test_generator__murmur2_is_kafkas() -> None:
    def signed(value: int) -> int:
        return value - 2**32 if value >= 2**31 else value
    # Kafka's own test vectors (UtilsTest.testMurmur2).
    assert signed(generator.murmur2(b'21')) == -973932308
    assert signed(generator.murmur2(b'foobar')) == -790332482
    assert signed(generator.murmur2(b'a-little-bit-long-string')) == -985981536
    assert signed(generator.murmur2(b'a-little-bit-longer-string')) == -1486304829
    assert signed(generator.murmur2(b'lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8')) == -58897971
    assert signed(generator.murmur2(b'abc')) == 479470107


def test_generator__everything_occurs() -> None:
    reasons: set[str | None] = set()
    codes: set[str] = set()
    labels: set[str] = set()
    found: set[str] = set()
    rates: set[str] = set()
    for seed in SEEDS:
        model = Model(record_max_bytes=RECORD_MAX_BYTES)
        inputs = inputs_of(seed, 'keyed')
        orphans: set[str] = set()
        offsets = with_offsets(inputs)
        for start in range(0, len(offsets), 100):
            feed(offsets[start:start + 100], model)
            rows = model.expected()
            current = {row['account_id'] for row in rows['account_history'].values() if row['valid_to_at'] is None}
            if orphans & rows['account_with_customer'].keys():
                found.add('orphan joins later')
            orphans = current - rows['account_with_customer'].keys()
            rates |= {row['interest_rate_pct'] for row in rows['account_summary'].values()}
        for entry in model.quarantine():
            codes.add(entry['code'])
            reasons.add(entry['reason'].split(' (')[0].split(' value:')[0] if entry['reason'] else None)
            if entry['code'] == 'too_late' and entry['value'] is None:
                found.add('tombstone too late')
        for topic in ('customers', 'accounts'):
            for past in model.pasts[topic].values():
                found |= situations(past.events)
        labels |= {record.label for record in inputs}

    assert codes == {
        'malformed', 'unsupported_op', 'invalid_customer_id', 'invalid_name', 'invalid_has_loan', 'invalid_account_id',
        'invalid_balance', 'invalid_account_type', 'invalid_updated_at', 'too_late', 'too_large'}
    assert reasons == {
        None, 'Invalid customer_id: null or empty', 'Invalid customer_id: non-numeric value', 'Invalid name: null or empty',
        'Invalid has_loan', 'Invalid account_id: null or empty', 'Invalid balance: null or empty',
        'Invalid balance: null representation', 'Invalid balance: non-numeric value', 'Invalid balance: negative value',
        'Invalid account_type: null or empty', 'Invalid account_type: must be Savings or Checking'}
    assert found == {
        'split by an event', 'split by a delete', 'moved start', 'delete before its event', 'delete of an unknown id',
        'restart after a gap', 'restart after a gap, equal', 'tie, equal', 'tie, delete', 'tie, other', 'account moved',
        'orphan joins later', 'tombstone too late'}
    assert rates == {'0.010', '0.015', '0.020', '0.025'}

    formats = {'flat', 'envelope', 'flattened'}
    expected_labels = formats | {f'{name}+schema' for name in formats}
    expected_labels |= {f'delete {name}{schema}' for name in ('envelope', 'flattened') for schema in ('', '+schema')}
    keys = ('bare', 'quoted', 'json', 'json+schema', 'payload')
    expected_labels |= {f'tombstone {key} key' for key in keys}
    expected_labels |= {f'tombstone null payload, {key} key' for key in keys}
    expected_labels |= {f'delete envelope id in {key} key' for key in keys}
    expected_labels |= {'tombstone after delete', 'malformed: tombstone key', 'malformed: tombstone without key',
                        'malformed: delete without id and key', 'invalid_customer_id: tombstone key',
                        'invalid_account_id: tombstone key'}
    assert expected_labels <= labels
    kinds = {label.split(', ')[0] for label in labels}
    assert kinds >= {f'malformed: {how}' for how in (
        'truncated', 'trailing garbage', 'invalid UTF-8', 'raw control character', 'bad number', 'bad literal', 'bad string',
        'bad syntax', 'bad escape value', 'not an object', 'no JSON', 'byte order mark', 'two objects', 'too deep',
        'after is no object', 'source time', 'flat source time', 'delete with object as id', 'object as customer_id',
        'list as balance', 'unavailable as customer_name', 'object as updated_at')}
    assert kinds >= {'too_large: record', 'too_large: customer_name', 'too_large: account_id', 'invalid_updated_at: delete',
                     'invalid_updated_at: updated_at', 'unsupported_op: op'}
    assert any(label.startswith('repeated ') for label in labels) and any('largest size' in label for label in labels)
