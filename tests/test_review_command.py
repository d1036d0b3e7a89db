"""`flamingo-bark review` and `correct`, and places that are locked: what is written into song.toml and told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flamingo_bark_assets.cli import main
from flamingo_bark_assets.library.judgements import Corrections, SectionCorrection
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.storage.feature_store import FeatureStore
from tests.evidence import make_evidence
from tests.songs import write_unreadable_song


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    """Two songs, of which one has a song.toml."""
    paths = DataPaths(tmp_path / "data")
    for song_id in ("a", "b"):
        write_unreadable_song(paths.songs, song_id)
    (paths.songs / "a/song.toml").write_text('# mine\ntitle = "x"  # as on the sleeve\n')
    return paths


def flamingo_bark(paths: DataPaths, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--data", str(paths.root), *arguments])


def done(paths: DataPaths, *arguments: str) -> str:
    result = flamingo_bark(paths, *arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_songs_are_accepted_excluded_and_cleared_and_nothing_else_changes(paths: DataPaths) -> None:
    done(paths, "review", "a", "b", "--accept", "--by", "maria", "--yes")
    review = find_song(paths, "a").info.review
    assert (review.state, review.by, find_song(paths, "b").info.review.state) == ("accepted", "maria", "accepted")
    assert (review.at or "").endswith("Z")
    done(paths, "review", "a", "--exclude", "--reason", "duet")
    assert (find_song(paths, "a").info.review.state, find_song(paths, "a").info.review.reason) == ("excluded", "duet")
    listed = json.loads(flamingo_bark(paths, "list", "--json").stdout)
    assert [(song["song_id"], song["review"].partition(" ")[0]) for song in listed] == [
        ("a", "excluded"),
        ("b", "accepted"),
    ]
    done(paths, "review", "a", "--clear")
    assert (paths.songs / "a/song.toml").read_text().rstrip() == '# mine\ntitle = "x"  # as on the sleeve'


def test_a_review_needs_a_decision_and_a_reason_goes_with_an_exclusion(paths: DataPaths) -> None:
    assert flamingo_bark(paths, "review", "a").exit_code == 2
    assert flamingo_bark(paths, "review", "a", "--accept", "--reason", "x").exit_code == 2
    assert flamingo_bark(paths, "review", "nobody", "--accept").exit_code == 1
    assert not (paths.songs / "b/song.toml").exists()


def test_measurements_are_corrected_and_taken_back(paths: DataPaths, tmp_path: Path) -> None:
    FeatureStore(paths.features).write(make_evidence(song_id="a").song)
    sections = tmp_path / "labels.txt"
    sections.write_text("0.0\t12.5\tintro\n# by ear\n12.5 verse two\n")
    done(
        paths, "correct", "a", "--tempo", "halve", "--key", "A# minor", "--metre", "3/4", "--first-downbeat", "0.3",
        "--sections-from", str(sections),
    )  # fmt: skip
    assert find_song(paths, "a").info.corrections == Corrections(
        tempo_bpm=60.5, key="Bb minor", metre="3/4", first_downbeat_s=0.3,
        sections=(SectionCorrection(start_s=0.0, label="intro"), SectionCorrection(start_s=12.5, label="verse two")),
    )  # fmt: skip
    done(paths, "correct", "a", "--clear")
    assert find_song(paths, "a").info.corrections == Corrections()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--tempo", "fast"], ("halve", "double")),
        (["--tempo", "1000"], ("tempo_bpm", "400")),
        (["--tempo", "nan"], ("tempo_bpm", "finite")),
        (["--tempo", "halve"], ("song_features",)),
        (["--key", "H dur"], ("corrections.key",)),
        (["--sections-from", "LABELS"], ("line 2", "12.5 verse")),
    ],
)
def test_a_wrong_correction_is_refused_and_writes_nothing(
    paths: DataPaths, tmp_path: Path, arguments: list[str], words: tuple[str, ...]
) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("0 intro\nverse\n")
    result = flamingo_bark(paths, "correct", "b", *(str(labels) if a == "LABELS" else a for a in arguments))
    assert result.exit_code == 1
    assert all(word in " ".join(result.output.split()) for word in words), result.output
    assert not (paths.songs / "b/song.toml").exists()


def test_a_bulk_edit_leaves_locked_places_alone_and_says_so(paths: DataPaths) -> None:
    locked = 'title = "x"\nlocked = ["title", "edits.mix"]\n'
    (paths.songs / "a/song.toml").write_text(locked)
    told = done(paths, "edit", "a", "b", "--title", "New", "--mood", "calm", "--artist", "Me", "--yes")
    assert "locked: a: title, edits.mix.mood" in told
    info = find_song(paths, "a").info
    assert (info.title, info.artist, info.edits.mix.mood) == ("x", "Me", None)
    assert find_song(paths, "b").info.title == "New"
