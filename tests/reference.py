"""The pages of docs/reference, made from the code: `python -m tests.reference` writes them, with `--check` it compares.

What stands on a page and how it is laid out belongs here; every name, default, limit and meaning is read from the
declarations of the package.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast, get_args, get_origin

import click
from pydantic import BaseModel

import flamingo_bark_assets
from flamingo_bark_assets.analysis.features.agreement import SecondOpinion
from flamingo_bark_assets.audio.song_review import UNREVIEWED, SongReview
from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.claims.model import Claim
from flamingo_bark_assets.cli import main as command_line
from flamingo_bark_assets.definitions import defs as definitions
from flamingo_bark_assets.defs.checks import CHECKS
from flamingo_bark_assets.errors import FlamingoBarkError
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.parts import STEM_KINDS
from flamingo_bark_assets.pipeline import SongWork
from flamingo_bark_assets.prompts.levels import Prompt, TrainingPrompts
from flamingo_bark_assets.prompts.phrasebook_mix import MIX
from flamingo_bark_assets.prompts.phrasebook_stems import STEMS
from flamingo_bark_assets.provenance.inputs import settings_versions
from flamingo_bark_assets.record import Record
from flamingo_bark_assets.settings import Settings, Thresholds
from flamingo_bark_assets.splits.records import SPLITS_TABLE
from flamingo_bark_assets.steps import RECORDS, SETTINGS_GROUPS, STEPS
from flamingo_bark_assets.storage.tables import SQL_TYPES, Table, all_tables, tables_of
from flamingo_bark_assets.training.suitability import RULES, SONG, RuleResult, judge
from tests.evidence import make_evidence, row, unusable_song, with_separated_stems

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference"
_MADE = "<!-- Made from the code by `make docs`; changes belong there. -->"
Lines = Iterator[str]


def pages() -> dict[str, str]:
    """Make every page: its text by its file name."""
    makers: dict[str, Callable[[], Lines]] = {
        "tables.md": _tables, "settings.md": _settings, "checks.md": _checks, "cli.md": _cli, "errors.md": _errors,
        "wording.md": _wording,
    }  # fmt: skip
    return {name: "\n".join([_MADE, "", *make()]).rstrip() + "\n" for name, make in makers.items()}


def outdated(folder: Path) -> list[Path]:
    """Name the pages of a folder that are missing or differ from what the code gives."""
    paths = {folder / name: text for name, text in pages().items()}
    return [path for path, text in paths.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Lines:
    for cells in (heads, ["---"] * len(heads), *rows):
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
    yield ""


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


# Tables


def _tables() -> Lines:
    made_by = {table.name: step.name for step in STEPS for table in tables_of(step.record)}
    made_by[SPLITS_TABLE.name] = "training_splits"
    yield "# Tables\n"
    yield "Every table of `data/warehouse.duckdb`. A result is one row a song; what a song has many of stands in a"
    yield "table of its own. A *measured* column is null where it is unknown; the table `measurements` then says why.\n"
    tables = (*all_tables(RECORDS), SPLITS_TABLE)
    yield from _table(
        ("table", "made by", "key", "what it holds"),
        ((f"[`{t.name}`](#{t.name})", made_by.get(t.name, "every step"), _code(t.key), t.doc) for t in tables),
    )
    for table in tables:
        yield f"## {table.name}\n"
        yield f"{table.doc} Key: {_code(table.key)}.\n"
        yield from _table(("column", "type", "unit", "meaning"), _columns(table))


def _columns(table: Table) -> Iterator[tuple[str, ...]]:
    for spec in table.columns:
        kind = SQL_TYPES[spec.type] + (", measured" if spec.measured else "" if spec.nullable else ", never null")
        yield f"`{spec.name}`", kind, spec.unit, spec.doc


# Settings


def _settings() -> Lines:
    yield "# Settings\n"
    yield "Every key of `data/settings.toml`. A key that is missing takes its default; an unknown key, or a value"
    yield "outside its range, is refused by name. A step that reads a key is due again once it changes.\n"
    for title, field, model in _groups(Settings):
        yield f"## `{title}`\n"
        yield f"{(model.__doc__ or '').splitlines()[0]}\n"
        yield from _table(
            ("key", "default", "allowed", "meaning", "read by"),
            (
                (f"`{key}`", _default(schema), _allowed(schema), schema["description"], _readers(field, key))
                for key, schema in _properties(model).items()
            ),
        )


def _groups(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, str, type[BaseModel]]]:
    """Find the tables of a settings file: the line that each begins with, its first name, and what it holds."""
    for name, field in model.model_fields.items():
        names = (*path, name)
        is_list = get_origin(field.annotation) is tuple
        for inner in (field.annotation, *get_args(field.annotation)):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                title = f"[{'.'.join(names)}]"
                yield f"[{title}]" if is_list else title, names[0], inner
                yield from _groups(inner, names)


def _properties(model: type[BaseModel]) -> Mapping[str, Any]:
    """Give the JSON schemas of a model's keys but for tables, which have sections of their own."""
    properties: Mapping[str, Any] = model.model_json_schema()["properties"]
    return {
        key: schema
        for key, schema in properties.items()
        if "$ref" not in schema and "$ref" not in schema.get("items", {})
    }


def _default(schema: Mapping[str, Any]) -> str:
    if "default" not in schema:
        return "must be given"
    default = schema["default"]
    if isinstance(default, list):
        return _code(default) or "none"
    return "none" if default is None else f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _allowed(schema: Mapping[str, Any]) -> str:
    options = [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]
    return " or ".join(map(_allowed_value, options))


def _allowed_value(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return _code(schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_allowed_value(schema['items'])}"
    limits = {"exclusiveMinimum": "> ", "minimum": ">= ", "exclusiveMaximum": "< ", "maximum": "<= "}
    ranges = [f"{sign}{schema[key]:.20g}" for key, sign in limits.items() if key in schema]
    if "maxLength" in schema:
        ranges.append(f"up to {schema['maxLength']} characters")
    words = {"number": "number", "integer": "whole number", "boolean": "`true`, `false`", "string": "text"}
    kind = "path" if schema.get("format") == "path" else words[schema["type"]]
    return ", ".join([kind, *ranges])


def _readers(field: str, key: str) -> str:
    """Find the steps that read a key: those whose group of settings gets another version where the key changes."""
    settings = Settings()
    group: BaseModel = getattr(settings, field)
    # All of the tables below [inference] are read together, as are those below [clips], [prompts] and [lyrics]; those
    # of [separation] only while it is enabled.
    key = {"inference": "clap", "clips": "min_active_fraction", "lyrics": "dtype", "separation": "enabled"}.get(
        field, key if hasattr(group, key) else "stem_weight"
    )
    value = getattr(group, key)
    changed = group.model_copy(update={key: _another(value)})
    paths = DataPaths(Path("data"))
    before, after = (settings_versions(s, paths) for s in (settings, settings.model_copy(update={field: changed})))
    groups = {name for name in SETTINGS_GROUPS if before.of(name) != after.of(name)}
    others = {
        "splits": "`training_splits`",
        "exports": "the exports",
        "analysis": "`song_features`, of songs newly chosen",
    }.get(field, "the sensors")
    return _code(step.name for step in STEPS if groups & set(step.settings)) or others


def _another(value: Any) -> Any:
    """Return a value that differs from a setting's."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, tuple):
        return (*value, "?")
    return f"{value}?" if isinstance(value, str) else value + 1


# Checks and rules


class _Results:
    """What a check reads of the work on a song, made by hand: every rule is in it, whatever its outcome."""

    def __init__(self, evidence: Evidence, settings: Settings) -> None:
        self._evidence, self.settings = evidence, settings

    def evidence(self) -> Evidence:
        return self._evidence

    def result(self, record: type[Record]) -> Record:
        captions = Captions(song_id=self._evidence.song_id, claims=(row(Claim, verdict="agree"),))
        tagged = row(Prompt, combined_prompt="zxcv", custom_tag="zxcv")
        prompts = TrainingPrompts(song_id=self._evidence.song_id, prompts=(tagged,))
        review = SongReview(song_id=self._evidence.song_id, state=UNREVIEWED, repeats=1)
        parts = (getattr(self._evidence, f.name) for f in dataclasses.fields(self._evidence))
        results = (*parts, captions, prompts, review)
        return next(result for result in results if isinstance(result, record))


def _songs() -> tuple[Evidence, ...]:
    """Make songs that meet every rule between them.

    Whole, unreadable, too short, silent with a broken song.toml, separated, measured twice.
    """
    whole = make_evidence()
    silent = type(whole.song).of_unusable(whole.song_id, "silent")
    return whole, unusable_song(), make_evidence(raw_song={"duration_s": 1.0}), make_evidence(
        song=silent, metadata={"unusable": "no TOML"}
    ), with_separated_stems(), make_evidence(
        song={"second_opinions": (row(SecondOpinion, quantity="key", difference=0.5, agrees=True),)}
    )  # fmt: skip


def _rules_of_check(rules: Callable[[SongWork], tuple[RuleResult, ...]], settings: Settings) -> dict[str, RuleResult]:
    works = [cast(SongWork, _Results(evidence, settings)) for evidence in _songs()]
    return {rule.rule: rule for work in works for rule in rules(work)}


def _all_rules(thresholds: Thresholds) -> dict[tuple[str, str], RuleResult]:
    """Give one result a rule and kind of subject, in the order in which they are applied."""
    found = [rule for evidence in _songs() for rule in judge(evidence, thresholds).rules]
    for check in CHECKS:
        found += _rules_of_check(check.rules, Settings(thresholds=thresholds)).values()
    return {("stem" if rule.subject in STEM_KINDS else SONG, rule.rule): rule for rule in found}


def _threshold_keys() -> dict[tuple[str, str], str]:
    """Find the setting of each rule: the one with which its limit changes."""
    defaults = Thresholds()
    before = _all_rules(defaults)
    found: dict[tuple[str, str], str] = {}
    for key in Thresholds.model_fields:
        after = _all_rules(defaults.model_copy(update={key: getattr(defaults, key) / 2}))
        found |= {rule: key for rule in after if after[rule].threshold != before[rule].threshold}
    return found


def _checks() -> Lines:
    yield "# Checks and suitability rules\n"
    yield "A check shows rules and stops nothing; only the verdict of `bark_dataset` keeps a song out of the"
    yield "manifest.\n"
    yield from _table(
        ("asset", "check", "severity", "what must hold", "rules"),
        (
            (
                f"`{check.asset}`", f"`{check.name}`", check.severity.value, check.description,
                _code(_rules_of_check(check.rules, Settings())),
            )
            for check in CHECKS
        ),
    )  # fmt: skip
    graph = definitions.resolve_asset_graph()
    of_songs = {(check.asset, check.name) for check in CHECKS}
    others = {(key.asset_key.to_user_string(), key.name): graph.get_check_spec(key) for key in graph.asset_check_keys}
    yield "## Checks of the library and of exports\n"
    yield from _table(
        ("asset", "check", "what must hold"),
        (
            (f"`{asset}`", f"`{name}`", spec.description or "")
            for (asset, name), spec in sorted(others.items())
            if (asset, name) not in of_songs
        ),
    )
    yield "## Rules\n"
    yield "Each rule is a row of `suitability_rules` with value and limit. An unknown value does not pass. A setting is"
    yield "a key of `[thresholds]`; the value of a rule without one is 1 (yes) or 0 (no), or a count.\n"
    keys = _threshold_keys()
    yield from _table(
        ("subject", "rule", "what must hold", "limit", "setting"),
        (
            (
                subject, f"`{name}`", RULES[name],
                f"{rule.comparison} {rule.threshold:g} {rule.unit}".strip(),
                f"`{keys[subject, name]}`" if (subject, name) in keys else "",
            )
            for (subject, name), rule in _all_rules(Thresholds()).items()
        ),
    )  # fmt: skip
    helping = sorted(set(Thresholds.model_fields) - set(keys.values()))
    yield f"Thresholds that are no rule's limit but are used by one: {_code(helping)}."


# Command line


def _cli() -> Lines:
    yield "# Command line\n"
    yield "Every command ends with 0 where all went well, 1 after a fault, 2 after a wrong use and 130 after Ctrl-C;"
    yield "`run` and `demo` end with 3 where all is made and songs are unfit. A fault is one line on standard error,"
    yield "with the [code](errors.md) of its kind at the end.\n"
    yield from _command(command_line, "flamingo-bark")


def _command(command: click.Command, name: str) -> Lines:
    arguments = [p.make_metavar(click.Context(command)) for p in command.params if isinstance(p, click.Argument)]
    yield f"## {' '.join([name, *arguments])}\n"
    yield f"{' '.join((command.help or '').split())}\n"
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    if options:
        yield from _table(("option", "default", "meaning"), map(_option, options))
    if isinstance(command, click.Group):
        for sub_name, sub_command in sorted(command.commands.items()):
            yield from _command(sub_command, f"{name} {sub_name}")


def _option(option: click.Option) -> tuple[str, str, str]:
    value = "" if option.is_flag else f" {option.make_metavar(click.Context(command_line)).removesuffix(' RANGE')}"
    default = f"`{option.default}`" if option.show_default else ""
    meaning = option.help or ""
    if isinstance(option.type, (click.IntRange, click.FloatRange)):
        limits = (("At least", option.type.min), ("At most", option.type.max))
        meaning += "".join(f" {words} {limit}." for words, limit in limits if limit is not None)
    return f"`{option.opts[0]}{value}`", "must be given" if option.required else default, meaning


# Errors


def _errors() -> Lines:
    yield "# Error codes\n"
    yield "A fault of the outside world ends a command in one line, `Error: what is wrong; what to do [code]`. The code"
    yield "of a kind never changes. A line without one tells what the system refused, or a wrong use of a command.\n"
    classes = sorted(error_classes(), key=lambda error: error.code)
    yield from _table(
        ("code", "error", "meaning", "what to do"),
        ((error.code, f"`{error.__name__}`", (error.__doc__ or "").splitlines()[0], error.remedy) for error in classes),
    )


def error_classes() -> set[type[FlamingoBarkError]]:
    """Find every class of error that has a code, wherever in the package it stands."""
    package = Path(flamingo_bark_assets.__path__[0])
    for path in package.rglob("*.py"):
        if '    code = "' in path.read_text(encoding="utf-8"):
            importlib.import_module(".".join(path.relative_to(package.parent).with_suffix("").parts))
    return {FlamingoBarkError, *_subclasses(FlamingoBarkError)}


def _subclasses(error: type[FlamingoBarkError]) -> Iterator[type[FlamingoBarkError]]:
    for subclass in error.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


# Wording


def _wording() -> Lines:
    yield "# Wording of the prompts\n"
    yield "All that a text may say of a fact: `{one|another}` are alternatives, `<slot>` is filled. Which one is taken"
    yield "follows from a SHA-256 of song, prompt and form. When a fact holds stands in `prompts/facts.py`.\n"
    for title, book in (("The mix", MIX), ("Stems", STEMS)):
        yield f"## {title}\n"
        yield from _table(
            ("topic", "value", "clauses", "with ...", "adjectives", "tags"),
            (
                (topic, value, *(_code(texts) for texts in (w.clauses, w.nouns, w.adjectives, w.tags)))
                for (topic, value), w in book.items()
            ),
        )


def main() -> None:
    """Write the pages, or name those that are out of date and exit with 1."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where a page is out of date")
    if parser.parse_args().check:
        for path in (stale := outdated(FOLDER)):
            print(f"{path.relative_to(FOLDER.parents[1])} is out of date; `make docs` writes it", file=sys.stderr)
        sys.exit(1 if stale else 0)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
