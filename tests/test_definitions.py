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
from flamingo_bark_assets.exports.registry import TARGETS
from flamingo_bark_assets.pipeline import WORK
from flamingo_bark_assets.steps import SETTINGS_GROUPS, STEPS


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
    features = {
        "song_features", "drum_features", "bass_features", "vocal_features", "guitar_features", "piano_features",
        "harmonic_features", "instrumental_features",
    }  # fmt: skip
    evidence = {"raw_song", "song_metadata", "separated_stems", "stems", *features}
    exported = {"training_clips", "training_splits", "song_metadata", "song_review", "song_lyrics"}
    stem_needs = {"raw_song", "stems", "song_features"}
    assert edges == {
        **{f"settings/{group}": set() for group in SETTINGS_GROUPS},
        "raw_song": {"settings/decoding"},
        "song_metadata": {"settings/sidecars"},
        "song_review": set(),
        "separated_stems": {"raw_song", "settings/separation"},
        "stems": {"raw_song", "separated_stems", "settings/decoding"},
        "song_features": {"raw_song", "stems"},
        **dict.fromkeys(features - {"song_features", "bass_features"}, stem_needs),
        "bass_features": {*stem_needs, "drum_features"},
        "flamingo_captions": {*evidence, "settings/captioning"},
        "training_prompts": {*evidence, "flamingo_captions", "settings/prompts"},
        "song_lyrics": {*stem_needs, "song_metadata", "vocal_features", "settings/lyrics"},
        "bark_dataset": {*evidence, "song_lyrics", "flamingo_captions", "training_prompts", "settings/suitability"},
        "training_clips": {
            *evidence,
            "song_lyrics",
            "flamingo_captions",
            "training_prompts",
            "bark_dataset",
            "settings/prompts",
            "settings/clips",
        },
        "training_manifest": {"bark_dataset", "song_review"},
        "training_splits": {"raw_song", "stems", "song_metadata", "song_review"},
        "feature_warehouse": {*SONG_ASSETS, "training_splits"},
        **{f"export_{name.replace('-', '_')}": exported for name in TARGETS},
    }


def test_every_step_has_its_work_and_stands_after_what_it_needs() -> None:
    assert list(WORK) == [step.name for step in STEPS]
    seen: set[str] = set()
    for step in STEPS:
        assert seen.issuperset(step.needs), step.name
        seen.add(step.name)


@pytest.mark.parametrize("key", sorted(defs.resolve_asset_graph().get_all_asset_keys()))
def test_every_asset_has_group_kinds_owner_description_and_columns(key: dg.AssetKey) -> None:
    node = defs.resolve_asset_graph().get(key)
    assert node.group_name in {"ingest", "features", "text", "datasets", "exports", "settings"}
    assert "python" in node.kinds
    assert node.owners
    assert len(node.description or "") > 40
    if node.is_materializable and key.to_user_string() != "feature_warehouse" and node.group_name != "exports":
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
