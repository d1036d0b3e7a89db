"""Words that compare a song with its library: true of every song, steady when songs come, off by default."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.claims.checking import check_claims
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.pipeline import SongWork, run_step
from flamingo_bark_assets.prompts.levels import Prompt, TrainingPrompts
from flamingo_bark_assets.prompts.library_scale import (
    MIN_SONGS,
    TOPICS,
    Edges,
    LibraryScale,
    read_scale,
    renew_scale,
    renewed,
    scale_digest,
)
from flamingo_bark_assets.prompts.relative import relative_facts
from flamingo_bark_assets.provenance.inputs import settings_versions
from flamingo_bark_assets.settings import PromptSettings, Settings
from flamingo_bark_assets.steps import STEP_NAMED
from tests.evidence import make_evidence, measured

ON = PromptSettings(relative_words=True)
COUNT = 40


def a_song(number: int, **song: Any) -> Evidence:
    """One song of a library that is spread evenly: the higher its number, the faster, wider, brighter and busier."""
    values = {
        "tempo_bpm": 60.0 + 3.0 * number, "dynamic_range_db": 4.0 + 0.2 * number,
        "spectral_centroid_hz": 800.0 + 60.0 * number, "onset_density_hz": 1.0 + 0.1 * number,
    }  # fmt: skip
    return make_evidence(f"song-{number:02}", song={**values, **song})


def store(paths: DataPaths, *songs: Evidence) -> None:
    """Put songs into a library as if they had been measured."""
    for evidence in songs:
        (paths.songs / evidence.song_id).mkdir(parents=True, exist_ok=True)
        work = a_work(paths, evidence.song_id)
        results = (evidence.raw_song, evidence.metadata, evidence.separated, evidence.stems, evidence.song)
        for record in (*results, *evidence.stem_features.values()):
            work.store.write(record)
        work.store.write(MeasuredCaptioner().describe(evidence, deaf))


def a_work(paths: DataPaths, song_id: str, chosen: PromptSettings = ON) -> SongWork:
    return SongWork(find_song(paths, song_id), paths, Settings(prompts=chosen), MeasuredCaptioner())


def deaf(part: str) -> Any:
    raise AssertionError(part)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library as it is stored once, of which each test has its copy."""
    paths = DataPaths(tmp_path_factory.mktemp("library") / "data")
    store(paths, *map(a_song, range(COUNT)))
    return paths.root


@pytest.fixture
def library(stored: Path, tmp_path: Path) -> DataPaths:
    return DataPaths(Path(shutil.copytree(stored, tmp_path / "data")))


# The edges


def test_edges_are_the_quarters_of_all_songs() -> None:
    assert renewed({}, {"tempo": range(1, 41)}) == {"tempo": Edges(10, 30, 40)}


def test_fewer_songs_than_twenty_have_no_edges() -> None:
    values = {"tempo": range(MIN_SONGS - 1), "density": range(MIN_SONGS)}
    assert renewed({}, values).keys() == {"density"}
    assert renewed({"tempo": Edges(1, 2, 20), "density": Edges(4, 14, 20)}, values).keys() == {"density"}


def test_edges_stay_until_one_is_off_by_more_than_a_twentieth_of_the_songs() -> None:
    before = renewed({}, {"tempo": range(40)})
    assert renewed(before, {"tempo": [*range(40), 50, 51]}) is before
    assert renewed(before, {"tempo": [*range(40), *range(50, 60)]}) == {"tempo": Edges(12, 37, 50)}


def test_equal_songs_are_not_set_apart() -> None:
    (edges,) = renewed({}, {"tempo": [120.0] * 30 + [90.0, 150.0]}).values()
    assert edges.side(120.0) is None
    assert renewed({"tempo": edges}, {"tempo": [120.0] * 33}) == {"tempo": edges}


@given(st.lists(st.lists(st.integers(0, 60), max_size=12), max_size=8), st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_more_than_most_is_always_more_than_seven_of_ten_songs(groups: list[list[int]], seed: int) -> None:
    scale: LibraryScale = {}
    values = [(seed * 7 + 13 * number) % 61 for number in range(MIN_SONGS)]
    for group in groups:
        values = [*values, *group]
        scale = renewed(scale, {"tempo": values})
        for value in values:
            side = scale["tempo"].side(value)
            passed = sum(other < value if side == "above" else other > value for other in values)
            assert side is None or passed >= 0.69999 * len(values)


# The store


def test_a_library_is_measured_once_and_a_new_song_changes_nothing(library: DataPaths) -> None:
    assert renew_scale(library, ON)
    scale = read_scale(library)
    assert {edges.songs for edges in scale.values()} == {COUNT}
    assert {topic: (edges.low, edges.high) for topic, edges in scale.items()} == {
        "tempo": (87.0, 147.0), "dynamics": pytest.approx((5.8, 9.8)),
        "brightness": (1340.0, 2540.0), "density": pytest.approx((1.9, 3.9)),
    }  # fmt: skip
    digest = scale_digest(library)
    store(library, a_song(COUNT))
    assert not renew_scale(library, ON)
    assert scale_digest(library) == digest
    store(library, *(a_song(number) for number in range(COUNT + 1, COUNT + 12)))
    assert renew_scale(library, ON)
    assert scale_digest(library) != digest


def test_only_what_is_surely_measured_of_songs_in_the_library_counts(tmp_path: Path) -> None:
    paths = DataPaths(tmp_path / "data")
    store(paths, *(a_song(number, tempo_bpm=measured(100.0, 0.69 if number % 2 else 0.71)) for number in range(COUNT)))
    store(paths, a_song(90), a_song(91))
    for gone in ("song-90", "song-91"):
        (paths.songs / gone).rmdir()
    renew_scale(paths, ON)
    assert {topic: edges.songs for topic, edges in read_scale(paths).items()} == {
        "tempo": COUNT // 2, "dynamics": COUNT, "brightness": COUNT, "density": COUNT,
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"tempo": 3}', '{"tempo": {"low": NaN, "high": 2, "songs": 20}}', "[" * 30_000,
     '{"tempo": {"low": 3, "high": 2, "songs": 20}}', '{"tempo": {"low": 1}}'],
)  # fmt: skip
def test_a_damaged_file_is_no_scale_and_is_made_anew(library: DataPaths, text: str) -> None:
    path = library.root / "state" / "library_scale.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    assert read_scale(library) == {}
    assert renew_scale(library, ON)
    assert read_scale(library).keys() == TOPICS.keys()


def test_texts_depend_on_the_edges_only_while_the_setting_is_on(library: DataPaths) -> None:
    def versions(chosen: PromptSettings) -> str:
        return settings_versions(Settings(prompts=chosen), library).prompts

    before = versions(PromptSettings()), versions(ON)
    renew_scale(library, ON)
    after = versions(PromptSettings()), versions(ON)
    assert (before[0] == after[0], before[1] == after[1]) == (True, False)
    assert after[0] != after[1]
    store(library, a_song(COUNT))
    renew_scale(library, ON)
    assert versions(ON) == after[1]


# The texts


def written(paths: DataPaths, song_id: str, chosen: PromptSettings = ON) -> TrainingPrompts:
    """Write the prompts of a song out of its stored results, by the step of the pipeline."""
    work = a_work(paths, song_id, chosen)
    run_step(STEP_NAMED["training_prompts"], work)
    return work.result(TrainingPrompts)


WORDS: Mapping[str, tuple[str, ...]] = {
    "above": ("faster than", "faster pace", "wider dynamics", "more than in", "further than", "brighter", "busier",
              "closer together"),
    "below": ("slower", "more even", "less than in", "darker", "sparser", "further apart"),
}  # fmt: skip


def test_every_text_that_compares_is_true_names_the_library_and_its_bins(library: DataPaths) -> None:
    renew_scale(library, ON)
    sides: dict[str, int] = {"above": 0, "below": 0}
    for number in range(COUNT):
        evidence = a_song(number)
        for prompt in written(library, evidence.song_id).prompts:
            text = prompt.combined_prompt.lower()
            told = {side for side, words in WORDS.items() if any(word in text for word in words)}
            assert bool(told) == (" here" in text.replace("go together here", "") or "this library" in text), text
            assert told <= ({"above"} if number > 29 else {"below"} if number < 9 else set()), text
            assert (prompt.relative_bins is not None) == bool(told), text
            for side in told:
                sides[side] += 1
                assert f"quarter of {COUNT} songs" in str(prompt.relative_bins)
                assert prompt.type == "full_track"
            assert conflicts(prompt, evidence) == []
    assert min(sides.values()) >= 15


def conflicts(prompt: Prompt, evidence: Evidence) -> list[str]:
    part: Any = prompt.parts if prompt.type == "stem" else "mix"
    claims = check_claims(part, "caption", prompt.combined_prompt, evidence, ON.min_claim_confidence)
    return [claim.said for claim in claims if claim.verdict == "conflict"]


def test_the_same_library_gives_the_same_bytes_and_off_gives_those_without_it(library: DataPaths) -> None:
    without = written(library, "song-39", PromptSettings())
    renew_scale(library, ON)
    assert written(library, "song-39", PromptSettings()) == without
    assert written(library, "song-39") == written(library, "song-39") != without
    assert {prompt.relative_bins for prompt in without.prompts} == {None}


def test_a_part_of_a_song_is_not_compared_by_its_dynamics_nor_by_what_is_unsure() -> None:
    scale = dict.fromkeys(TOPICS, Edges(1.0, 2.0, 20))
    song = a_song(39, onset_density_hz=1.5, spectral_centroid_hz=0.5)
    unsure = a_song(39, onset_density_hz=1.5, spectral_centroid_hz=0.5, tempo_bpm=measured(200.0, 0.5))
    told = [
        {(fact.topic, fact.value) for fact, _ in relative_facts(one, ON, scale, is_whole=is_whole)}
        for one, is_whole in ((song, True), (song, False), (unsure, True))
    ]
    tempo, dynamics, tone = ("tempo here", "above"), ("dynamics here", "above"), ("brightness here", "below")
    assert told == [{tempo, dynamics, tone}, {tempo, tone}, {dynamics, tone}]


@pytest.mark.dagster
def test_publication_renews_the_edges(instance: dg.DagsterInstance, data: DataPaths) -> None:
    from flamingo_bark_assets.definitions import defs

    store(data, *map(a_song, range(MIN_SONGS)))
    result = defs.resolve_job_def("publish").execute_in_process(instance=instance, raise_on_error=False)
    assert result.success
    stored = json.loads((data.root / "state" / "library_scale.json").read_text())
    assert stored["tempo"] == {"low": 72.0, "high": 102.0, "songs": MIN_SONGS}
