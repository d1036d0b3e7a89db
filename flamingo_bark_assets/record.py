"""How a result is declared: measurements, rows and records, from which every table schema is derived.

The vocabulary of results belongs here; the results themselves stand beside the function that makes them.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import typing
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Self, TypeVar

T = TypeVar("T", float, int, bool, str)
Scalar = float | int | bool | str


@dataclass(frozen=True, slots=True)
class Measurement(Generic[T]):
    """One measured value with its method and confidence, or the reason why there is none.

    What is computed as it is defined (`exact`) and what a person gave has confidence 1. What is detected or judged has
    the chance of being right that was seen on songs with known truth, or that of what it is computed from. All else has
    none: it is published, but no text tells it and no claim is held against it.

    Attributes:
        value: the value, in the unit of the field that declares it; None where unknown.
        method: short stable name of the procedure, for instance ``bs1770-4-gated``.
        confidence: 0 (guess) to 1 (certain); None where it was never held against the truth.
        reason: why the value is None; None where there is a value.
    """

    value: T | None
    method: str
    confidence: float | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        if (self.value is None) == (self.reason is None):
            raise ValueError(f"a measurement has either a value or a reason: {self!r}")

    @classmethod
    def of(cls, value: T, *, method: str, confidence: float | None = None) -> Measurement[T]:
        """Return a measured value; one that is not finite becomes unknown.

        Confidence is clipped to 0..1; numpy scalars are turned into Python's.
        """
        plain: Any = value.item() if hasattr(value, "item") else value
        if isinstance(plain, float) and not math.isfinite(plain):
            return cls.unknown("the method gave no finite number", method=method)
        if confidence is not None:
            confidence = min(1.0, max(0.0, float(confidence))) if math.isfinite(confidence) else None
        return cls(plain, method, confidence)

    @classmethod
    def exact(cls, value: T, *, method: str) -> Measurement[T]:
        """Return a value that is computed as it is defined: a level, a length, a count of files, a share of energy."""
        return cls.of(value, method=method, confidence=1.0)

    @classmethod
    def unknown(cls, reason: str, *, method: str) -> Measurement[T]:
        """Make a measurement without a value, for a reason that a user can read."""
        return cls(None, method, None, reason)


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One table column, derived from a dataclass field.

    Attributes:
        name: field and column name.
        type: float, int, bool or str.
        unit: empty where the value has none.
        doc: one sentence.
        nullable: whether None may stand there.
        measured: whether the field holds a `Measurement` of that type.
    """

    name: str
    type: type
    unit: str
    doc: str
    nullable: bool
    measured: bool

    @property
    def comment(self) -> str:
        """The sentence and unit as a table comment."""
        return f"{self.doc} [{self.unit}]" if self.unit else self.doc


def quantity(unit: str, doc: str) -> Any:
    """Declare a `Measurement` field. `unit` is empty for ratios, words and booleans."""
    return field(metadata={"unit": unit, "doc": doc})


def column(doc: str, *, unit: str = "") -> Any:
    """Declare a plain column of a row or record."""
    return field(metadata={"unit": unit, "doc": doc})


def optional_column(doc: str, *, unit: str = "") -> Any:
    """Declare a plain column that is None unless given."""
    return field(default=None, metadata={"unit": unit, "doc": doc})


def events(doc: str) -> Any:
    """Declare a tuple of `Row` values, stored as a long table of its own."""
    return field(default=(), metadata={"doc": doc})


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a long table; the song it belongs to is added when it is stored.

    Class attributes:
        TABLE: table name.
        KEY: the columns which, after `song_id`, tell each row from all others.
        FRAMES: whether there is a row for each short step of time, so that most rows of a library are such rows.
    """

    TABLE: ClassVar[str]
    KEY: ClassVar[tuple[str, ...]]
    FRAMES: ClassVar[bool] = False


AnyRow = TypeVar("AnyRow", bound=Row)


def rows_of(row_class: type[AnyRow], **columns: Any) -> tuple[AnyRow, ...]:
    """Make many rows from a sequence or array a column; a fifth of what a call of the class for each costs.

    Raises:
        ValueError: a column is missing, unknown or of another length.
    """
    names = tuple(columns)
    if set(names) != {spec.name for spec in columns_of(row_class)}:
        raise ValueError(f"{row_class.__name__} has other columns than {', '.join(names)}")
    values = (column.tolist() if hasattr(column, "tolist") else column for column in columns.values())
    rows = []
    for row_values in zip(*values, strict=True):
        row = object.__new__(row_class)
        row.__dict__.update(zip(names, row_values, strict=True))
        rows.append(row)
    return tuple(rows)


@dataclass(frozen=True, kw_only=True)
class Record:
    """The result of one asset for one song: one wide row, its measurements and its long tables.

    Class attributes:
        TABLE: name of the wide table.
        EVERY_SONG: whether a song that has results has this one; else what is not stored says nothing special.
    """

    TABLE: ClassVar[str]
    EVERY_SONG: ClassVar[bool] = True

    song_id: str = column("The song's identifier.")
    unusable: str | None = optional_column("Why nothing could be measured; null where something was.")

    @classmethod
    def of_unusable(cls, song_id: str, reason: str, **known: Any) -> Self:
        """Return a record in which every quantity is unknown for `reason`; `known` keeps what is known all the same."""
        values: dict[str, Any] = {
            spec.name: Measurement(None, "none", None, reason) for spec in columns_of(cls) if spec.measured
        }
        return cls(**{"song_id": song_id, "unusable": reason, **values, **known})

    def measurements(self) -> Iterator[tuple[ColumnSpec, Measurement[Any]]]:
        """Yield each declared quantity with its measurement."""
        for spec in columns_of(type(self)):
            if spec.measured:
                yield spec, getattr(self, spec.name)


def columns_of(cls: type[Row] | type[Record]) -> tuple[ColumnSpec, ...]:
    """Return the scalar columns of a row or record class, in order of declaration."""
    return _columns_of(typing.cast(Any, cls))


def events_of(cls: type[Record]) -> dict[str, type[Row]]:
    """Return field name and row class of each long table that a record class carries."""
    return _events_of(typing.cast(Any, cls))


# Cached behind the typed functions: mypy does not take the class of a dataclass for hashable.
@functools.cache
def _columns_of(cls: Any) -> tuple[ColumnSpec, ...]:
    hints = typing.get_type_hints(cls)
    return tuple(_column_spec(f, hints[f.name]) for f in dataclasses.fields(cls) if not _is_events(hints[f.name]))


@functools.cache
def _events_of(cls: Any) -> dict[str, type[Row]]:
    hints = typing.get_type_hints(cls)
    return {f.name: typing.get_args(hints[f.name])[0] for f in dataclasses.fields(cls) if _is_events(hints[f.name])}


def _is_events(hint: Any) -> bool:
    return typing.get_origin(hint) is tuple


def _column_spec(f: dataclasses.Field[Any], hint: Any) -> ColumnSpec:
    measured = typing.get_origin(hint) is Measurement
    if measured:
        (inner,) = typing.get_args(hint)
        nullable = True
    else:
        options = typing.get_args(hint) or (hint,)
        nullable = type(None) in options
        inner = next(o for o in options if o is not type(None))
    if typing.get_origin(inner) is typing.Literal or isinstance(inner, str):
        inner = str
    return ColumnSpec(f.name, inner, f.metadata["unit"], f.metadata["doc"], nullable, measured)
