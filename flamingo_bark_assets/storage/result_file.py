"""How the results of one song become bytes and back.

The format and its checks belong here; where files stand, and which of them counts, does not.

A file is a head of 24 bytes and two frames of Zstandard (RFC 8878) with checksums. The first holds a directory and
then, result by result, its tables in JSON; the second, result by result, the long columns of numbers: 8 bytes each, all
first bytes before all second ones, as neighbours in a column share their high bytes. Numbers of few decimals are stored
as whole ones, and those that only rise by their steps. A result is replaced in a file without reading the others.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xxhash
import zstandard

from flamingo_bark_assets.errors import StorageError
from flamingo_bark_assets.record import ColumnSpec

HEAD_BYTES = 24
_HEAD = struct.Struct("<8s8sII")
_MAGIC = b"FBRESLT1"
# Shorter columns take more room as bytes, with what describes them, than as JSON.
_LONG_ROWS = 64
# A column of this many equal values is stored as one.
_SAME_ROWS = 4
# Texts of which at most this share differ are stored by their numbers.
_MOST_CHOICES = 0.25
# No song has so much: what claims to is damaged, and is not given the memory.
_MOST_BYTES = 1 << 30
# Whole numbers up to it are exact in a double.
_MOST = 2**53
_MOST_DECIMALS = 4
_TYPES: dict[type, np.dtype[Any]] = {float: np.dtype("<f8"), int: np.dtype("<i8")}

Dictionary = zstandard.ZstdCompressionDict


@dataclass(frozen=True, slots=True)
class EncodedResult:
    """One result as bytes, not compressed.

    Attributes:
        tables: names of the tables that have rows.
        text: the tables in JSON.
        numbers: their long columns.
    """

    tables: tuple[str, ...]
    text: bytes
    numbers: bytes

    @property
    def version(self) -> str:
        """Digest of its values, 16 hexadecimal digits; the same of values that were made and of those read back."""
        digest = xxhash.xxh3_64(self.text)
        digest.update(self.numbers)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class DecodedTable:
    """One table of one result.

    Attributes:
        n_rows: at least 1.
        columns: values by column: a list, None among its values, or an array of float64 or int64.
    """

    n_rows: int
    columns: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Head:
    """What the first bytes of a file say.

    Attributes:
        token: digest of all results in it, 16 hexadecimal digits.
        text_bytes: length of the first frame.
        numbers_bytes: length of the second.
    """

    token: str
    text_bytes: int
    numbers_bytes: int

    @property
    def file_bytes(self) -> int:
        """Length of the file."""
        return HEAD_BYTES + self.text_bytes + self.numbers_bytes


def encode_tables(tables: Iterable[tuple[str, Sequence[ColumnSpec], Mapping[str, Sequence[Any]]]]) -> EncodedResult:
    """Encode tables, each with its name, columns and values by column; one without rows is left out.

    Raises:
        ValueError, TypeError: a value is not of its column's type, or a text is not Unicode.
    """
    encoded: dict[str, Any] = {}
    numbers: list[bytes] = []
    place = 0
    for name, specs, values in tables:
        n_rows = len(values[specs[0].name])
        if not n_rows:
            continue
        columns: dict[str, Any] = {}
        for spec in specs:
            column = values[spec.name]
            if n_rows >= _LONG_ROWS and spec.type in _TYPES and None not in column:
                packed, decimals, by_steps = _packed(_array(column, spec))
                columns[spec.name] = {"at": place, "decimals": decimals, "by_steps": by_steps}
                numbers.append(packed)
                place += len(packed)
                continue
            if n_rows >= _LONG_ROWS and spec.type is bool and None not in column:
                bits = np.packbits(np.asarray(column, dtype=bool)).tobytes()
                columns[spec.name] = {"bits": place}
                numbers.append(bits)
                place += len(bits)
                continue
            plain = [None if value is None else spec.type(value) for value in column]
            if spec.type is int:
                _array([value for value in plain if value is not None], spec)
            # 0.0 and -0.0 are equal, and not the same.
            is_same = n_rows >= _SAME_ROWS and plain[0] != 0.0 and plain.count(plain[0]) == n_rows
            columns[spec.name] = {"all": plain[0]} if is_same else _by_choice(plain) if spec.type is str else plain
        encoded[name] = [n_rows, columns]
    text = json.dumps(encoded, ensure_ascii=False, separators=(",", ":")).encode()
    return EncodedResult(tuple(encoded), text, b"".join(numbers))


def _array(column: Sequence[Any], spec: ColumnSpec) -> np.ndarray[Any, Any]:
    """Return the numbers of a column.

    Raises:
        ValueError: a whole number is beyond 64 bits.
    """
    try:
        return np.asarray(column, dtype=_TYPES[spec.type])
    except OverflowError as error:
        raise ValueError(f"{spec.name}: a whole number is beyond 64 bits") from error


def decode_tables(result: EncodedResult, specs: Mapping[str, Sequence[ColumnSpec]]) -> dict[str, DecodedTable]:
    """Decode the tables that are named, with the columns that are named; what was not stored has no entry.

    Raises:
        ValueError: it is no result.
    """
    found: dict[str, DecodedTable] = {}
    for name, (n_rows, columns) in json.loads(result.text).items():
        found_columns = {
            spec.name: _column(columns[spec.name], spec, n_rows, result.numbers)
            for spec in specs.get(name, ())
            if spec.name in columns
        }
        if name in specs:
            found[name] = DecodedTable(n_rows, found_columns)
    return found


def rows_of_table(result: EncodedResult, table: str, specs: Sequence[ColumnSpec]) -> list[dict[str, Any]]:
    """Return the rows of one table, each by column; a column that was not stored is None.

    Raises:
        ValueError: it is no result.
    """
    decoded = decode_tables(result, {table: specs}).get(table)
    if decoded is None:
        return []
    nothing = [None] * decoded.n_rows
    columns = [decoded.columns.get(spec.name, nothing) for spec in specs]
    lists = [column if isinstance(column, list) else column.tolist() for column in columns]
    return [dict(zip([spec.name for spec in specs], row, strict=True)) for row in zip(*lists, strict=True)]


def _column(stored: Any, spec: ColumnSpec, n_rows: int, numbers: bytes) -> Any:
    if isinstance(stored, list):
        return stored
    if "all" in stored:
        return [stored["all"]] * n_rows
    if "choices" in stored:
        return [stored["choices"][choice] for choice in stored["rows"]]
    if "bits" in stored:
        packed = np.frombuffer(numbers, dtype=np.uint8, offset=stored["bits"], count=-(-n_rows // 8))
        return np.unpackbits(packed, count=n_rows).astype(bool).tolist()
    place, decimals = stored["at"], stored["decimals"]
    planes = np.frombuffer(numbers[place : place + 8 * n_rows], dtype=np.uint8).reshape(8, n_rows)
    flat = np.ascontiguousarray(planes.T).reshape(-1)
    if spec.type is float and decimals is None:
        return flat.view(_TYPES[float])
    whole = flat.view(_TYPES[int])
    if stored["by_steps"]:
        whole = np.cumsum(whole)
    return whole / 10.0**decimals if decimals is not None else whole


def _by_choice(texts: list[Any]) -> Any:
    """Return texts of which few differ as numbers of the different ones."""
    number_of = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    if len(number_of) > len(texts) * _MOST_CHOICES:
        return texts
    return {"choices": list(number_of), "rows": [number_of[text] for text in texts]}


def _packed(column: np.ndarray[Any, Any]) -> tuple[bytes, int | None, bool]:
    """Return the bytes of a column, to how many decimals it is stored as whole numbers, and whether by steps."""
    decimals = _decimals(column) if column.dtype == _TYPES[float] else None
    if decimals is not None:
        column = np.rint(column * 10.0**decimals).astype(_TYPES[int])
    by_steps = column.dtype == _TYPES[int] and bool(np.all(column[1:] >= column[:-1])) and abs(int(column[0])) < _MOST
    if by_steps and int(column[-1]) < _MOST:
        column = np.diff(column, prepend=column.dtype.type(0))
    else:
        by_steps = False
    return np.ascontiguousarray(column).view(np.uint8).reshape(-1, 8).T.tobytes(), decimals, by_steps


def _decimals(column: np.ndarray[Any, Any]) -> int | None:
    """Return to how many decimals, few, numbers were rounded, if whole numbers give back every bit of them."""
    if not np.isfinite(column).all() or np.abs(column).max() > _MOST / 10.0**_MOST_DECIMALS:
        return None
    if np.any(np.signbit(column) & (column == 0.0)):
        return None
    for decimals in range(_MOST_DECIMALS + 1):
        scale = 10.0**decimals
        if np.array_equal(np.rint(column * scale) / scale, column):
            return decimals
    return None


def pack_results(
    results: Mapping[str, EncodedResult], *, level: int = 3, dictionary: Dictionary | None = None
) -> bytes:
    """Make the bytes of a file from results by name, the same in whatever order; a dictionary helps the text alone."""
    results = dict(sorted(results.items()))
    directory = {
        name: [result.version, len(result.text), len(result.numbers), result.tables] for name, result in results.items()
    }
    first = json.dumps(directory, separators=(",", ":")).encode()
    text = b"".join([first, b"\n", *(result.text for result in results.values())])
    numbers = b"".join(result.numbers for result in results.values())
    token = xxhash.xxh3_64(first).digest()
    # The library's objects are not for several threads at once; making one costs microseconds.
    frames = [
        zstandard.ZstdCompressor(level=level, write_checksum=True, dict_data=dictionary).compress(text),
        zstandard.ZstdCompressor(level=level, write_checksum=True).compress(numbers),
    ]
    return b"".join([_HEAD.pack(_MAGIC, token, *map(len, frames)), *frames])


def read_head(data: bytes) -> Head:
    """Read the first `HEAD_BYTES` of a file.

    Raises:
        StorageError: they are not those of such a file.
    """
    if len(data) < HEAD_BYTES:
        raise StorageError("the file is cut")
    magic, token, text_bytes, numbers_bytes = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        raise StorageError("it is no file of results")
    return Head(token.hex(), text_bytes, numbers_bytes)


class ResultFile:
    """The results in the bytes of a file; what is not asked for stays compressed.

    Args:
        data: the whole file.
        dictionary: that it was compressed with.

    Raises:
        StorageError: the file is cut or damaged, here or when results are asked for.
    """

    def __init__(self, data: bytes, dictionary: Dictionary | None = None) -> None:
        head = read_head(data)
        self.token = head.token
        middle = HEAD_BYTES + head.text_bytes
        if len(data) != head.file_bytes:
            raise StorageError("the file is cut")
        self._numbers_frame = data[middle:]
        self._numbers: bytes | None = None
        first, _, self._texts = _decompressed(data[HEAD_BYTES:middle], dictionary).partition(b"\n")
        if xxhash.xxh3_64(first).hexdigest() != head.token:
            raise StorageError("its head does not belong to it")
        self._places: dict[str, tuple[str, slice, slice, tuple[str, ...]]] = {}
        text = number = 0
        for name, (version, text_bytes, number_bytes, tables) in json.loads(first).items():
            places = slice(text, text + text_bytes), slice(number, number + number_bytes)
            self._places[name] = version, *places, tuple(tables)
            text, number = text + text_bytes, number + number_bytes

    @property
    def versions(self) -> dict[str, str]:
        """Digest of each result, by name."""
        return {name: place[0] for name, place in self._places.items()}

    def with_table(self, table: str) -> list[str]:
        """Name the results that have rows of a table."""
        return [name for name, place in self._places.items() if table in place[3]]

    def result(self, name: str) -> EncodedResult | None:
        """Return a result; None where it is not in the file."""
        place = self._places.get(name)
        if place is None:
            return None
        _, text, numbers, tables = place
        if self._numbers is None and numbers.start != numbers.stop:
            self._numbers = _decompressed(self._numbers_frame)
        return EncodedResult(tables, self._texts[text], (self._numbers or b"")[numbers])

    def results(self) -> dict[str, EncodedResult]:
        """Return all results by name."""
        return {name: result for name in self._places if (result := self.result(name)) is not None}


def _decompressed(frame: bytes, dictionary: Dictionary | None = None) -> bytes:
    try:
        if zstandard.frame_content_size(frame) > _MOST_BYTES:
            raise StorageError("the file is damaged")
        return zstandard.ZstdDecompressor(dict_data=dictionary).decompress(frame)
    except zstandard.ZstdError as error:
        raise StorageError(f"the file is damaged ({error})") from error
