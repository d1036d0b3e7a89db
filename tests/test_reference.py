"""The reference pages say what the code says, and every error has a code of its own."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

import pytest

import flamingo_bark_assets
from flamingo_bark_assets.cli import main as command_line
from flamingo_bark_assets.errors import FlamingoBarkError
from flamingo_bark_assets.settings import Settings, load_settings
from flamingo_bark_assets.steps import RECORDS
from flamingo_bark_assets.storage.tables import all_tables
from flamingo_bark_assets.training.suitability import RULES
from tests import reference


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return reference.pages()


def test_the_pages_are_what_the_code_gives() -> None:
    assert reference.outdated(reference.FOLDER) == []


def test_a_page_that_is_out_of_date_is_named_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "docs" / "reference"
    monkeypatch.setattr(reference, "FOLDER", folder)
    monkeypatch.setattr(sys, "argv", ["reference"])
    reference.main()
    (folder / "tables.md").write_text("# Tables\n", encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["reference", "--check"])
    with pytest.raises(SystemExit, match="1"):
        reference.main()
    assert capsys.readouterr().err == "docs/reference/tables.md is out of date; `make docs` writes it\n"


def test_every_column_stands_on_the_page_of_tables(pages: dict[str, str]) -> None:
    sections = dict(part.split("\n", 1) for part in pages["tables.md"].split("\n## ")[1:])
    for table in all_tables(RECORDS):
        for spec in table.columns:
            assert f"| `{spec.name}` |" in sections[table.name], (table.name, spec.name)


def test_every_key_stands_on_the_page_of_settings(pages: dict[str, str]) -> None:
    schema = Settings.model_json_schema()
    keys = [key for model in schema["$defs"].values() for key, spec in model["properties"].items()
            if not {"$ref", "items"} & set(spec)]  # fmt: skip
    assert len(keys) > 40
    for key in keys:
        assert f"| `{key}` |" in pages["settings.md"], key


def test_a_table_of_the_page_of_settings_is_one_that_a_file_may_hold(pages: dict[str, str], tmp_path: Path) -> None:
    titles = re.findall(r"^## `(\[.*\])`$", pages["settings.md"], flags=re.MULTILINE)
    assert {"[thresholds]", "[[inference.chain]]", "[inference.vocabularies]"} <= set(titles)
    needed = {
        "[[inference.prompts]]": 'part = "mix"\nquestion = "caption"\nprompt = "What is it?"\n',
        "[[inference.servers]]": 'name = "mine"\nbase_url = "http://127.0.0.1:8000/v1"\nmodel = "x"\n',
    }
    file = tmp_path / "settings.toml"
    file.write_text("".join(f"{title}\n{needed.get(title, '')}" for title in titles))
    assert load_settings(file).inference.prompts[0].prompt == "What is it?"


def test_every_command_stands_on_the_page_of_the_command_line(pages: dict[str, str]) -> None:
    for name in command_line.commands:
        assert f"\n## flamingo-bark {name}" in pages["cli.md"]


def test_a_rule_names_the_setting_of_its_limit(pages: dict[str, str]) -> None:
    assert "| stem | `silence` |" in pages["checks.md"]
    (line,) = [line for line in pages["checks.md"].splitlines() if line.startswith("| stem | `silence` |")]
    assert line.endswith("| <= 0.9 | `max_stem_silent_fraction` |")


def test_every_rule_stands_on_the_page_as_a_check_or_the_verdict_applies_it(pages: dict[str, str]) -> None:
    for rule in RULES:
        assert f" | `{rule}` | " in pages["checks.md"], f"no check and no verdict applies {rule}"


def test_every_error_has_a_code_and_advice_of_its_own() -> None:
    classes = reference.error_classes()
    for error in classes:
        assert {"code", "remedy"} <= set(vars(error)), f"{error.__name__} has no code or remedy of its own"
    codes = Counter(error.code for error in classes)
    assert max(codes.values()) == 1, codes


def test_no_class_of_error_is_without_a_code() -> None:
    found = {error.__name__ for error in reference.error_classes()}
    (package,) = map(Path, flamingo_bark_assets.__path__)
    text = "\n".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
    derived = {name for name, bases in re.findall(r"^class (\w+)\((.*?)\)", text, flags=re.MULTILINE)
               if found & {*bases.split(", ")}}  # fmt: skip
    assert len(derived) > 15
    assert derived | {FlamingoBarkError.__name__} == found


def test_every_error_stands_on_the_page_of_errors(pages: dict[str, str]) -> None:
    for error in reference.error_classes():
        assert f"| {error.code} | `{error.__name__}` |" in pages["errors.md"]
