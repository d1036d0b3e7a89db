"""A file of results gives back what went in, or says that it is damaged; it never gives anything else."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flamingo_bark_assets.errors import StorageError
from flamingo_bark_assets.record import ColumnSpec
from flamingo_bark_assets.storage.result_file import (
    EncodedResult,
    ResultFile,
    decode_tables,
    encode_tables,
    pack_results,
    rows_of_table,
)


def spec(name: str, of: type, *, nullable: bool = True) -> ColumnSpec:
    return ColumnSpec(name, of, "", "doc", nullable, False)


SPECS = (spec("number", int), spec("value", float), spec("flag", bool), spec("text", str))
INTEGERS = st.integers(-(2**63), 2**63 - 1)
ROWS = st.tuples(
    st.none() | INTEGERS, st.none() | st.floats(allow_nan=False), st.none() | st.booleans(),
    st.none() | st.text(st.characters(codec="utf-8")),
)  # fmt: skip


def encoded(rows: list[tuple[Any, ...]]) -> EncodedResult:
    columns = {spec.name: [row[place] for row in rows] for place, spec in enumerate(SPECS)}
    return encode_tables([("table", SPECS, columns)])


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=12), st.integers(1, 12))
def test_rows_come_back_as_they_went_in_few_or_many(rows: list[tuple[Any, ...]], times: int) -> None:
    many = rows * times
    file = ResultFile(pack_results({"result": encoded(many)}))
    result = file.result("result")
    assert result is not None
    assert [tuple(row.values()) for row in rows_of_table(result, "table", SPECS)] == many
    assert file.versions == {"result": encoded(many).version}
    assert file.with_table("table") == ["result"]


def test_long_columns_keep_every_bit_of_their_numbers() -> None:
    values = [math.pi * 10.0**power for power in range(-150, 150)] + [-0.0, 5e-324, math.inf]
    numbers = [(-1) ** n * (2**62 - n) for n in range(len(values))]
    result = encode_tables([("table", SPECS[:2], {"number": numbers, "value": values})])
    found = decode_tables(result, {"table": SPECS})["table"].columns
    assert found["value"].tobytes() == np.array(values).tobytes()
    assert found["number"].tolist() == numbers


def test_columns_of_few_texts_and_long_ones_of_booleans_come_back_as_they_were() -> None:
    texts = ["a", None, "b", "a"] * 40
    flags = [n % 3 == 0 for n in range(160)]
    result = encode_tables([("table", SPECS[2:], {"flag": flags, "text": texts})])
    rows = rows_of_table(result, "table", SPECS[2:])
    assert [row["text"] for row in rows] == texts
    assert [row["flag"] for row in rows] == flags
    assert len(result.text) < 500


def test_a_result_is_replaced_and_the_others_are_not_looked_into() -> None:
    one, two, other = (
        encoded([(1, 1.0, True, "x")]),
        encoded([(2, 2.0, None, "y")] * 100),
        encoded([(3, None, None, "z")]),
    )
    before = ResultFile(pack_results({"one": one, "two": two}))
    after = ResultFile(pack_results({**before.results(), "one": other}))
    assert after.results() == {"one": other, "two": two}
    assert after.token != before.token


def test_a_column_that_was_not_stored_is_none_and_one_that_is_not_asked_for_is_passed_over() -> None:
    result = encode_tables([("table", SPECS[:1], {"number": [1, 2]})])
    assert rows_of_table(result, "table", (SPECS[3],)) == [{"text": None}, {"text": None}]
    assert rows_of_table(result, "another", SPECS) == []


def test_text_that_is_not_unicode_is_refused_before_anything_is_stored() -> None:
    with pytest.raises(UnicodeEncodeError):
        encoded([(1, 1.0, True, "\ud800")])


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_byte_is_damaged_or_missing_nothing_else_is_read(data: st.DataObject) -> None:
    rows = [(n, n / 7.0, n % 2 == 0, f"text {n}") for n in range(100)]
    whole = pack_results({"a": encoded(rows), "b": encoded(rows[:5])})
    damaged = bytearray(whole)
    place = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        damaged = damaged[:place]
    else:
        damaged[place] ^= data.draw(st.integers(1, 255))
    try:
        found = ResultFile(bytes(damaged)).results()
    except StorageError:
        return
    assert found == ResultFile(whole).results()


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
@pytest.mark.parametrize("times", [1, 100])
def test_a_whole_number_beyond_64_bits_is_refused_by_the_name_of_its_column(number: int, times: int) -> None:
    with pytest.raises(ValueError, match="number: a whole number is beyond 64 bits"):
        encoded([(number, None, None, None)] * times)
