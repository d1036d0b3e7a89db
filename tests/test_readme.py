"""What the README tells people to type works."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from flamingo_bark_assets.cli import main
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.library.song_toml import read_song_info
from flamingo_bark_assets.settings import Thresholds, load_settings
from flamingo_bark_assets.steps import RECORDS
from flamingo_bark_assets.storage.feature_store import FeatureStore
from flamingo_bark_assets.storage.warehouse import publish, query
from tests.running import ROOT
from tests.songs import write_song
from tests.test_bad_input import work_on

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def queries() -> list[str]:
    return [part.strip() for block in blocks("sql") for part in block.split(";") if part.strip()]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One whole song, one without stems and one broken: real tables with every kind of row."""
    paths = DataPaths(tmp_path_factory.mktemp("readme") / "data")
    write_song(paths.songs, "whole")
    write_song(paths.songs, "bare", stems=False, seed=1)
    (write_song(paths.songs, "broken") / "song.wav").write_bytes(b"")
    songs = ["bare", "broken", "whole"]
    for song_id in songs:
        work_on(paths.root, song_id)
    publish(FeatureStore(paths.features), songs, paths.warehouse, RECORDS)
    return paths.warehouse


def test_there_are_ten_queries() -> None:
    assert len(queries()) == 10


@pytest.mark.parametrize("sql", queries(), ids=lambda sql: sql.splitlines()[0].strip("- "))
def test_each_query_gives_rows(warehouse: Path, sql: str) -> None:
    # Late stems are what query 6 looks for; there are none here.
    assert query(warehouse, sql).columns
    if "abs(lag_s)" not in sql:
        assert query(warehouse, sql).rows


@pytest.mark.parametrize("sql", queries(), ids=lambda sql: sql.splitlines()[0].strip("- "))
def test_each_query_runs_as_it_is_pasted_with_its_comment(warehouse: Path, sql: str) -> None:
    arguments = ["--data", str(warehouse.parent), "sql"]
    pasted = CliRunner().invoke(main, [*arguments, f"{sql};"])
    assert pasted.exit_code == 0, pasted.output
    piped = CliRunner().invoke(main, [*arguments, "-", "--json"], input=f"{sql};\n")
    assert len(json.loads(piped.stdout)) == len(query(warehouse, sql).rows)


def test_a_shell_hands_over_each_query_as_it_stands(tmp_path: Path) -> None:
    script = "".join(f'printf "%s\\0" "{sql};"\n' for sql in queries())
    shown = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
    assert shown.split("\0")[:-1] == [f"{sql};" for sql in queries()]


def test_the_command_line_query_of_the_readme_runs(warehouse: Path) -> None:
    (sql,) = re.findall(r'flamingo-bark sql "(.*?)"', README)
    assert len(query(warehouse, sql).rows) == 3


def test_the_song_toml_of_the_readme_is_valid(tmp_path: Path) -> None:
    (text,) = [block for block in blocks("toml") if "title =" in block]
    (tmp_path / "song.toml").write_text(text, encoding="utf-8")
    assert read_song_info(tmp_path / "song.toml").info.genres == ("indie rock",)


def test_the_settings_of_the_readme_are_read(tmp_path: Path) -> None:
    (text,) = [block for block in blocks("toml") if "thresholds" in block]
    (tmp_path / "settings.toml").write_text(text, encoding="utf-8")
    assert load_settings(tmp_path / "settings.toml").thresholds.min_duration_s == 20
    assert Thresholds().min_duration_s != 20


def test_the_separators_of_the_readme_are_read(tmp_path: Path) -> None:
    known, own = (block for block in blocks("toml") if "[separation]" in block)
    for text in (known, own):
        (tmp_path / "settings.toml").write_text(text, encoding="utf-8")
        assert load_settings(tmp_path / "settings.toml").separation.enabled


def test_the_chain_of_the_readme_is_read(tmp_path: Path) -> None:
    (text,) = [block for block in blocks("toml") if "inference.chain" in block and "inference.servers" not in block]
    (tmp_path / "settings.toml").write_text(text, encoding="utf-8")
    chain = load_settings(tmp_path / "settings.toml").inference.chain
    assert [candidate.model for candidate in chain] == ["nvidia/music-flamingo-2601-hf", "nvidia/audio-flamingo-2-1.5B"]


def test_the_server_of_the_readme_is_read_and_is_on_this_machine(tmp_path: Path) -> None:
    (text,) = [block for block in blocks("toml") if "inference.servers" in block]
    (tmp_path / "settings.toml").write_text(text, encoding="utf-8")
    inference = load_settings(tmp_path / "settings.toml").inference
    server = inference.server(inference.chain[0].model)
    assert server is not None and server.is_loopback


def test_the_hand_edits_of_the_readme_are_read(tmp_path: Path) -> None:
    (text,) = [block for block in blocks("toml") if "[edits.mix]" in block]
    (tmp_path / "song.toml").write_text(text, encoding="utf-8")
    edits = read_song_info(tmp_path / "song.toml").info.edits
    assert edits.mix.genre == "deep house"
    assert set(edits.prompts) == {"stem:drums", "full_track/tags"}


def test_the_python_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = blocks("python")
    folder = write_song(tmp_path / "data", "demo")
    (folder / "song.wav").rename(folder / "song.mp3")  # the decoder goes by content, not by name
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    shown = capsys.readouterr().out
    assert "measured is a fallback" in shown
    assert (tmp_path / "bark_training" / "bark_training_dataset_song_001.json").exists()
    assert (tmp_path / "bark_training" / "training_instructions_song_001.md").exists()


def test_the_graph_of_the_readme_names_every_asset() -> None:
    from flamingo_bark_assets.definitions import defs

    (graph,) = blocks("mermaid")
    for key in defs.resolve_asset_graph().get_all_asset_keys():
        assert key.to_user_string() in graph
