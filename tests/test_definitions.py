"""The code location: light to import, complete and well described."""

from __future__ import annotations

import json
import subprocess
import sys

import dagster as dg
import pytest

from flamingo_bark_assets.definitions import defs
from flamingo_bark_assets.defs.sensors import contiguous
from flamingo_bark_assets.defs.specs import SONG_ASSETS
from flamingo_bark_assets.pipeline import STEPS


def test_importing_the_code_location_imports_no_heavy_package() -> None:
    code = (
        "import sys, json, flamingo_bark_assets.definitions;"
        "print(json.dumps([m for m in ('torch', 'transformers', 'librosa', 'numba') if m in sys.modules]))"
    )
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert json.loads(shown) == []


def test_the_assets_are_those_of_the_design_with_their_dependencies() -> None:
    graph = defs.resolve_asset_graph()
    edges = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    features = {"song_features", "drum_features", "bass_features", "vocal_features", "harmonic_features"}
    assert edges == {
        "raw_song": set(),
        "stems": {"raw_song"},
        "song_features": {"raw_song", "stems"},
        **{name: {"stems", "song_features"} for name in features - {"song_features", "bass_features"}},
        "bass_features": {"stems", "song_features", "drum_features"},
        "flamingo_captions": features,
        "training_prompts": {"flamingo_captions"},
        "bark_dataset": {"training_prompts"},
        "training_manifest": {"bark_dataset"},
        "feature_warehouse": set(SONG_ASSETS),
    }


def test_the_steps_of_the_pipeline_need_what_the_assets_depend_on() -> None:
    for step in STEPS:
        _, spec = SONG_ASSETS[step.name]
        assert set(step.needs) == {dep.asset_key.to_user_string() for dep in spec.deps}, step.name


@pytest.mark.parametrize("key", sorted(defs.resolve_asset_graph().get_all_asset_keys()))
def test_every_asset_has_group_kinds_owner_description_and_columns(key: dg.AssetKey) -> None:
    node = defs.resolve_asset_graph().get(key)
    assert node.group_name in {"ingest", "features", "words", "datasets"}
    assert "python" in node.kinds
    assert node.owners
    assert len(node.description or "") > 40
    if key.to_user_string() != "feature_warehouse":
        assert node.metadata["dagster/column_schema"].columns


def test_there_are_jobs_for_one_song_for_all_and_for_publication() -> None:
    assert {"one_song", "all_songs", "publish"} <= {job.name for job in defs.resolve_all_job_defs()}


def test_the_daemon_starts_both_sensors_by_itself() -> None:
    repository = defs.get_repository_def()
    status = {sensor.name: sensor.default_status for sensor in repository.sensor_defs}
    assert status == {
        "song_library": dg.DefaultSensorStatus.RUNNING,
        "publication": dg.DefaultSensorStatus.RUNNING,
    }


@pytest.mark.parametrize(
    ("order", "due", "at_most", "groups"),
    [
        ("abcde", "abcde", 2, ["ab", "cd", "e"]),
        ("abcde", "ace", 9, ["a", "c", "e"]),
        ("abcde", "abde", 9, ["ab", "de"]),
        ("abcde", "", 9, []),
        ("a", "a", 9, ["a"]),
    ],
)
def test_only_songs_side_by_side_share_a_run(order: str, due: str, at_most: int, groups: list[str]) -> None:
    assert ["".join(group) for group in contiguous(list(order), set(due), at_most=at_most)] == groups
