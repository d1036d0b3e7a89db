"""Stems that are the mix without its voice: what a song is worth with one, through real runs of made songs.

Names that say such a stem stand in `test_stem_names`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from flamingo_bark_assets.analysis.features.harmonic import InstrumentalFeatures
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.song_reading import read_song
from flamingo_bark_assets.analysis.sources import find_sources
from flamingo_bark_assets.audio.recording import StemSet
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.claims.checking import check_claims
from flamingo_bark_assets.clips.records import TrainingClips
from flamingo_bark_assets.clips.rendering import SongRenderer
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.pipeline import SongWork, run_all, run_step
from flamingo_bark_assets.prompts.levels import TrainingPrompts
from flamingo_bark_assets.settings import Settings
from flamingo_bark_assets.steps import STEP_NAMED
from flamingo_bark_assets.training.suitability import Verdict
from tests.music import RATE_HZ
from tests.stem_songs import Case, song, summed

PARTS = song(7100)
WHOLE = summed({name: samples for name, samples in PARTS.items() if name != "vocals"})


def work_of(folder: Path, stems: Mapping[str, FloatArray], *steps: str) -> SongWork:
    paths = DataPaths(folder)
    Case("made", summed(PARTS), dict(stems)).write(paths.songs / "song")
    work = SongWork(find_song(paths, "song"), paths, Settings(), MeasuredCaptioner())
    for step in steps:
        run_step(STEP_NAMED[step], work)
    return work


def finished(folder: Path, stems: Mapping[str, FloatArray]) -> SongWork:
    work = work_of(folder, stems)
    run_all(work)
    return work


def compared(folder: Path, stems: Mapping[str, FloatArray]) -> StemSet:
    return work_of(folder, stems, "raw_song", "separated_stems", "stems").result(StemSet)


def texts_of(work: SongWork, name: str) -> list[str]:
    return [prompt.combined_prompt for prompt in work.result(TrainingPrompts).prompts if prompt.prompt == name]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> SongWork:
    return finished(tmp_path_factory.mktemp("two"), {"vocals": PARTS["vocals"], "no_vocals": WHOLE})


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> SongWork:
    return finished(tmp_path_factory.mktemp("five"), {**PARTS, "Song (Instrumental)": WHOLE})


@pytest.fixture(scope="module")
def karaoke(tmp_path_factory: pytest.TempPathFactory) -> SongWork:
    return finished(tmp_path_factory.mktemp("karaoke"), {"karaoke": WHOLE})


def test_vocals_and_instrumental_are_a_whole_set(two: SongWork) -> None:
    stems, verdict = two.result(StemSet), two.result(Verdict)
    assert (stems.missing_kinds.value, stems.cause) == ("none", None)
    assert (stems.residual_db.value or 0.0) < -40.0
    assert [rule.passed for rule in verdict.rules if (rule.subject, rule.rule) == ("song", "residual")] == [True]
    assert verdict.suitable
    assert verdict.suitable_kinds == ("vocals", "instrumental")


def test_its_texts_say_what_it_is(two: SongWork) -> None:
    captions = two.result(Captions)
    assert "with vocals and accompaniment" in str(captions.text("mix", "caption"))
    assert str(captions.text("instrumental", "caption")).startswith("Accompaniment without vocals")
    prompts = texts_of(two, "stem:instrumental")
    assert len(prompts) == 4
    assert all("instrumental" in text.casefold() for text in prompts)
    told = [answer.text or "" for answer in captions.answers] + [
        prompt.combined_prompt for prompt in two.result(TrainingPrompts).prompts
    ]
    assert not [text for text in told if "harmonic instruments" in text or "isolated accompaniment" in text.casefold()]
    assert {prompt.type for prompt in two.result(TrainingPrompts).prompts} == {"full_track", "stem"}


def test_what_a_sum_cannot_have_is_unknown_with_the_reason(two: SongWork) -> None:
    features = two.evidence().of_stem("instrumental")
    assert isinstance(features, InstrumentalFeatures)
    assert features.main_chords.value is not None
    assert features.sustain.value is not None
    for unknown in (features.polyphony, features.inharmonicity, features.harmonic_to_noise_db):
        assert (unknown.value, unknown.reason) == (None, "drums and bass sound in it as well")
    assert two.evidence().drums.unusable is not None


@pytest.mark.parametrize(
    ("part", "said", "verdicts"),
    [
        ("mix", "With drums, a guitar and vocals.", ["unverifiable", "unverifiable", "agree"]),
        ("instrumental", "Drums and a guitar.", ["unverifiable", "unverifiable"]),
        ("instrumental", "There are vocals.", ["conflict"]),
        ("instrumental", "An instrumental track.", ["agree"]),
    ],
)
def test_what_is_said_of_its_instruments_stays_open_and_a_voice_in_it_is_wrong(
    two: SongWork, part: str, said: str, verdicts: list[str]
) -> None:
    claims = check_claims(part, "caption", said, two.evidence(), 0.5)  # type: ignore[arg-type]
    assert [claim.verdict for claim in claims] == verdicts


def test_the_mix_without_its_voice_is_cut_from_the_file(two: SongWork) -> None:
    clips = [clip for clip in two.result(TrainingClips).clips if clip.source == "instrumental"]
    assert {clip.kinds for clip in clips} == {"instrumental"}
    assert all(clip.is_sung is False and "instrumental" in clip.text.casefold() for clip in clips)
    (full,) = [clip for clip in clips if clip.view == "full"]
    sound = SongRenderer(two.files, two.result(StemSet)).render(full, sample_rate_hz=RATE_HZ, channels=2)
    length = min(sound.samples.shape[1], WHOLE.shape[1]) - RATE_HZ
    lags = [np.corrcoef(sound.samples[0, 99:length], WHOLE[0, 99 + lag : length + lag])[0, 1] for lag in range(99)]
    assert max(lags) > 0.999


def test_beside_the_stems_whose_sum_it_is_nothing_is_added_twice(five: SongWork) -> None:
    stems, verdict, evidence = five.result(StemSet), five.result(Verdict), five.evidence()
    assert (stems.residual_db.value or 0.0) < -40.0
    assert stems.cause is None
    assert verdict.suitable
    assert verdict.suitable_kinds == evidence.audible_kinds == ("drums", "bass", "vocals", "harmonic")
    (rule,) = verdict.failed("instrumental")
    assert rule.rule == "as_named"
    assert "is the sum of bass.wav, drums.wav and other.wav, which are used in its place" in str(rule.reason)
    shares = [evidence.of_stem(kind).energy_share.value or 0.0 for kind in evidence.audible_kinds]
    assert sum(shares) == pytest.approx(1.0)
    assert evidence.of_stem("instrumental").unusable is not None
    (full,) = [c for c in five.result(TrainingClips).clips if (c.view, c.source) == ("full", "instrumental")]
    assert full.kinds == "drums+bass+harmonic"
    assert not [p for p in five.result(TrainingPrompts).prompts if "instrumental" in p.parts]


def test_a_lone_karaoke_track_is_told_and_says_nothing_of_the_voice_in_the_mix(karaoke: SongWork) -> None:
    verdict = karaoke.result(Verdict)
    assert karaoke.result(StemSet).missing_kinds.value == "vocals"
    assert verdict.suitable
    assert verdict.suitable_kinds == ("instrumental",)
    assert "with accompaniment" in str(karaoke.result(Captions).text("mix", "caption"))
    assert len(texts_of(karaoke, "stem:instrumental")) == 4
    sung = {clip.source: clip.is_sung for clip in karaoke.result(TrainingClips).clips if clip.view == "full"}
    assert sung == {"mix": None, "instrumental": False}


def test_key_chords_and_beat_are_those_of_the_mix_where_there_is_only_an_instrumental(
    karaoke: SongWork, tmp_path: Path
) -> None:
    alone = work_of(tmp_path, {}, "raw_song", "separated_stems", "stems", "song_features").result(SongFeatures)
    with_it = karaoke.result(SongFeatures)
    assert (with_it.key, with_it.chords, with_it.beats) == (alone.key, alone.chords, alone.beats)


def test_loose_files_are_read_alike(five: SongWork, two: SongWork) -> None:
    reading = {}
    for work in (five, two):
        folder = work.files.folder
        assert folder is not None
        (source,) = find_sources(folder).sources
        reading[work] = read_song(source)
    assert set(reading[two].views.stems) == {"vocals", "instrumental"}
    assert set(reading[five].views.stems) == {"drums", "bass", "vocals", "harmonic"}
    assert ["is the sum of" in told for told in reading[five].rejected] == [True]


def test_a_stem_that_stands_in_the_instrumental_is_used_and_not_added_to_it(tmp_path: Path) -> None:
    found = compared(tmp_path, {"vocals": PARTS["vocals"], "backing track": WHOLE, "drums": PARTS["drums"]})
    rows = {stem.name: stem for stem in found.stems}
    assert rows["drums"].held == "drums.wav stands in backing track.wav already, and is not added to it"
    assert all(row.usable for row in rows.values())
    assert (found.residual_db.value or 0.0) < -40.0


def test_an_instrumental_at_another_level_is_the_sum_all_the_same(tmp_path: Path) -> None:
    found = compared(tmp_path, {**PARTS, "instrumental": np.asarray(0.4 * WHOLE, np.float32)})
    (row,) = [stem for stem in found.stems if stem.name == "instrumental"]
    assert row.replaced is not None
    assert (found.residual_db.value or 0.0) < -40.0


def test_what_only_the_others_leave_is_no_instrumental(tmp_path: Path) -> None:
    stems = {("music" if name == "other" else name): samples for name, samples in PARTS.items()}
    found = compared(tmp_path, stems)
    (row,) = [stem for stem in found.stems if stem.name == "music"]
    assert "holds only what bass.wav and drums.wav leave of one" in str(row.misnamed)
    assert not row.usable
    assert (found.residual_db.value or 0.0) < -40.0
