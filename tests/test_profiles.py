"""The profiles of dagster.yaml: chosen by one variable, never over a person's own settings, missing parts named."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from flamingo_bark_assets.cli import main
from flamingo_bark_assets.defs import profile
from flamingo_bark_assets.defs.home import make_whole
from flamingo_bark_assets.defs.profile import PROFILES, settings_of
from flamingo_bark_assets.errors import ConfigurationError, HomeError
from flamingo_bark_assets.library.layout import DataPaths
from tests.songs import write_unreadable_song

ROOT = Path(__file__).resolve().parents[1]
URL = "postgresql+psycopg2://someone:secret@127.0.0.1:5432/songs"


@pytest.fixture(autouse=True)
def _all_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the extra were installed and every variable set."""
    monkeypatch.setattr(profile, "find_spec", lambda name: name)
    for name, value in {
        "FLAMINGO_BARK_POSTGRES_URL": URL, "FLAMINGO_BARK_MAX_RUNS": "8", "RAY_API_SERVER_ADDRESS": "http://head:8265",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("FLAMINGO_BARK_PROFILE", raising=False)


def choose(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("FLAMINGO_BARK_PROFILE", name)


def launcher(home: Path) -> str:
    return str(yaml.safe_load((home / "dagster.yaml").read_text())["run_launcher"]["class"])


def test_a_new_home_is_embedded_unless_a_profile_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_whole(tmp_path / "one")
    assert (tmp_path / "one" / "dagster.yaml").read_text() == settings_of("embedded")
    choose(monkeypatch, "ray")
    make_whole(tmp_path / "many")
    assert launcher(tmp_path / "many") == "RayRunLauncher"
    assert not (tmp_path / "many" / "history").exists()  # its databases are Postgres


def test_a_home_changes_its_profile_when_another_is_chosen_and_keeps_it_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ray", "postgres"):
        choose(monkeypatch, name)
        make_whole(tmp_path)
        assert (tmp_path / "dagster.yaml").read_text() == settings_of(name)
    monkeypatch.delenv("FLAMINGO_BARK_PROFILE")
    make_whole(tmp_path)
    assert (tmp_path / "dagster.yaml").read_text() == settings_of("postgres")


def test_what_a_person_changed_in_a_profile_is_kept_and_never_replaced_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(monkeypatch, "ray")
    make_whole(tmp_path)
    own = settings_of("ray").replace("num_cpus: 1", "num_cpus: 4")
    (tmp_path / "dagster.yaml").write_text(own)
    make_whole(tmp_path)
    choose(monkeypatch, "embedded")
    with pytest.raises(HomeError, match="was changed by hand and is not of the profile embedded; move it away"):
        make_whole(tmp_path)
    assert (tmp_path / "dagster.yaml").read_text() == own


def test_a_profile_whose_extra_is_missing_is_told_in_one_line(
    data: DataPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profile, "find_spec", lambda name: None if "ray" in name else importlib.util.find_spec("json"))
    choose(monkeypatch, "ray")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    write_unreadable_song(data.songs, "a")
    shown = CliRunner().invoke(main, ["--data", str(data.root), "run"])
    assert shown.exit_code == 1
    (line,) = shown.output.splitlines()
    assert "the profile ray needs dagster_ray, ray: pip install 'flamingo-bark-assets[cluster]'" in line


@pytest.mark.parametrize(
    ("name", "variable", "value", "told"),
    [
        ("nowhere", "FLAMINGO_BARK_MAX_RUNS", "1", "no profile 'nowhere'; there are embedded, postgres, ray"),
        ("postgres", "FLAMINGO_BARK_POSTGRES_URL", "", "needs the environment variable FLAMINGO_BARK_POSTGRES_URL"),
        ("ray", "FLAMINGO_BARK_MAX_RUNS", "", "needs the environment variable FLAMINGO_BARK_MAX_RUNS"),
        ("postgres", "FLAMINGO_BARK_POSTGRES_URL", "postgresql://me@host/songs", r"begin with postgresql\+psycopg2"),
    ],
)
def test_what_a_profile_lacks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, variable: str, value: str, told: str
) -> None:
    choose(monkeypatch, name)
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=told):
        make_whole(tmp_path)


def test_the_profiles_differ_only_in_where_runs_and_their_history_are() -> None:
    parsed = {name: yaml.safe_load(settings_of(name)) for name in PROFILES}
    records, runs = {"storage", "instance_class"}, {"run_launcher", "run_queue", "run_monitoring"}
    embedded, postgres, ray = (_without(parsed[name], records) for name in ("embedded", "postgres", "ray"))
    assert postgres == embedded
    assert _without(ray, runs) == _without(embedded, runs)
    assert ray["run_monitoring"]["enabled"]
    assert parsed["ray"]["storage"] == parsed["postgres"]["storage"]


def _without(settings: dict[str, Any], keys: set[str]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in keys}


def test_the_folder_of_profiles_is_that_of_the_package() -> None:
    shown = {path.stem: path.read_text() for path in (ROOT / "dagster_home" / "profiles").glob("*.yaml")}
    assert shown == {name: settings_of(name) for name in PROFILES}
