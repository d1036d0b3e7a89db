"""Hugging Face's audiofolder: a folder a split with its table, the dataset card and the Croissant description.

What `datasets` and what reads its cards take from these files belongs here.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from flamingo_bark_assets.verification.context import Check, base_of
from flamingo_bark_assets.verification.fields import TEXT_FIELDS, check_fields, facts_of_fields
from flamingo_bark_assets.verification.sound import SoundRules
from flamingo_bark_assets.verification.tables import read_rows, schema_of
from flamingo_bark_assets.verification.targets.hub_papers import check_card, check_croissant

TABLE = "metadata.parquet"
_OTHER_TABLES = ("metadata.csv", "metadata.jsonl")
SPLIT_OF = {
    "train": "train", "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test",
}  # fmt: skip
_LENGTH_TOLERANCE_S = 0.05
# Clips of exactly 30 s are kept by a limit that is a little higher, as the command of the export has it.
_MAX_S = 30.1
_DREAMBOOTHING = SoundRules(
    min_s=1.0, max_s=_MAX_S, short="musicgen-dreamboothing drops it without a word",
    long="musicgen-dreamboothing drops it without a word",
)  # fmt: skip
_SHA256 = re.compile(r"[0-9a-f]{64}")


def check(check: Check) -> None:
    """Replay what `datasets` reads."""
    tables = list(check.folder.files("", (TABLE,)))
    tables = [path for path in tables if posixpath.basename(path) == TABLE]
    if not tables:
        check.add("missing_index", TABLE, None, "there is no metadata.parquet; `datasets` loads sounds without texts")
    for path in check.folder.files("", _OTHER_TABLES):
        if f"{posixpath.dirname(path)}/{TABLE}".lstrip("/") in tables:
            check.add("split_layout", path, None, "stands beside metadata.parquet; `datasets` stops at two kinds of it")
    columns: dict[str, dict[str, str]] = {}
    counts: dict[str, int] = {}
    for table in tables:
        with check.findings.guarded(table):
            schema = schema_of(check, table)
            if schema is not None:
                columns[table] = schema
                counts[table] = _check_table(check, table, schema)
    _check_schemas(check, columns)
    check.check_formats()
    _check_unnamed(check, tables)
    with check.findings.guarded("README.md"):
        check_card(check, counts)
    with check.findings.guarded("croissant.json"):
        check_croissant(check)


def _check_table(check: Check, table: str, schema: Mapping[str, str]) -> int:
    folder = posixpath.dirname(table)
    if "file_name" not in schema:
        check.add("missing_key", table, None, "there is no column 'file_name'; `datasets` stops, or joins no row to a "
                  "sound")  # fmt: skip
    named = [name for name in schema if name == "file_name" or name.endswith("_file_name")]
    for name in named:
        if schema[name] not in {"String", "Null"}:
            check.add("field_type", table, None, f"the column {name!r} is {schema[name]} and no text; `datasets` stops")
    if not any(name in schema for name in TEXT_FIELDS):
        check.add("missing_key", table, None, f"there is no column of {', '.join(TEXT_FIELDS)}; clips have no text")
    row = 0
    seen: dict[str, int] = {}
    for row, values in enumerate(read_rows(check, table, schema), start=1):
        check.clips += 1
        with check.findings.guarded(table, row):
            _check_row(check, table, folder, row, values, named, seen)
    if not row:
        check.add("empty_split", table, None, "holds no row; `datasets` stops at an empty split")
    return row


def _check_row(
    check: Check, table: str, folder: str, row: int, values: dict[str, object], named: list[str], seen: dict[str, int]
) -> None:
    sounds = dict(_named_files(check, table, folder, row, values, named, seen))
    main = sounds.get("file_name")
    name = base_of(main) if main is not None else f"row {row}"
    clip = check.clip(main) if main is not None else None
    if any(field in values for field in TEXT_FIELDS):
        check_fields(check, table, row, values, name, clip)
    split = SPLIT_OF.get(posixpath.basename(folder))
    if split is not None:
        facts = clip or facts_of_fields(values, name)
        check.splits.add(split, table, row, clip=facts, name=name, sound=main)
    if main is None:
        return
    rules = SoundRules() if check.provenance.export.get("view") not in {None, "30s"} else _DREAMBOOTHING
    lengths = {}
    for column, path in sounds.items():
        sound = check.sound(path, rules)
        if sound is not None:
            lengths[column] = sound.duration_s
    stated = values.get("duration_s")
    real = lengths.get("file_name")
    if real is not None and isinstance(stated, int | float) and abs(stated - real) > _LENGTH_TOLERANCE_S:
        check.add("length", table, row, f"{name}: {stated} s are stated, the file has {real:.3f} s")
    for column, length in lengths.items():
        if abs(length - lengths.get("file_name", length)) > _LENGTH_TOLERANCE_S:
            check.add("length", table, row, f"{name}: {column} has {length:.3f} s, the mix "
                      f"{lengths['file_name']:.3f} s")  # fmt: skip
    _check_sha256(check, table, row, values.get("sha256"), main)


def _named_files(
    check: Check, table: str, folder: str, row: int, values: Mapping[str, object], named: list[str],
    seen: dict[str, int],
) -> Iterator[tuple[str, str]]:  # fmt: skip
    for column in named:
        value = values.get(column)
        if value is None and column != "file_name":
            continue  # a row without this stem
        if not isinstance(value, str) or not value:
            check.add("missing_key", table, row, f"{column} is {value!r}; `datasets` stops or loses the row")
            continue
        path = posixpath.normpath(f"{folder}/{value}") if folder and not value.startswith("/") else value
        if path in seen:
            check.add("duplicate_row", table, row, f"{value} is named at row {seen[path]} too; one of the rows is "
                      "lost, or a text belongs to another sound")  # fmt: skip
        seen.setdefault(path, row)
        if ".." in value.split("/"):
            check.add("unsafe_path", table, row, f"{column}: {value!r} leads out of its split")
            continue
        if check.has_file(table, row, path, "`datasets` stops, or loses the row"):
            yield column, path


def _check_sha256(check: Check, table: str, row: int, stated: object, path: str) -> None:
    if stated is None:
        return
    known = check.provenance.checksums.get(path)
    if not isinstance(stated, str) or not _SHA256.fullmatch(stated):
        check.add("field_value", table, row, f"sha256 {stated!r} is none")
    elif known is not None and known.hex() != stated:
        check.add("checksum", table, row, f"the sha256 of {path} is another")


def _check_schemas(check: Check, columns: Mapping[str, Mapping[str, str]]) -> None:
    """Report tables whose columns differ from the first: `datasets` casts all splits to one set of features."""
    if not columns:
        return
    first_table, first = next(iter(columns.items()))
    usual = max(columns.values(), key=lambda schema: sum(schema == other for other in columns.values()))
    if list(columns.values()).count(usual) == 1:
        usual = first
    for table, schema in columns.items():
        for name in sorted(usual.keys() ^ schema.keys()):
            check.add("key_set", table, None, f"the column {name!r} is in some tables only; `datasets` stops when it "
                      f"casts all splits to the features of {first_table}")  # fmt: skip
        for name in usual.keys() & schema.keys():
            if {usual[name], schema[name]} - {"Null"} != {usual[name]} - {"Null"}:
                check.add("field_type", table, None, f"the column {name!r} is {schema[name]} here and {usual[name]} in "
                          "other tables; `datasets` stops when it casts")  # fmt: skip


def _check_unnamed(check: Check, tables: list[str]) -> None:
    for table in tables:
        folder = posixpath.dirname(table)
        check.unnamed_sounds(folder, f"{table} does not name it; `datasets` loses it, or stops")
