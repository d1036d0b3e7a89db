"""A second opinion by librosa: honest measurements agree with it, and a wrong loop of ours does not."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from flamingo_bark_assets.analysis.agreement import by_librosa
from flamingo_bark_assets.analysis.agreement.choosing import is_chosen
from flamingo_bark_assets.analysis.agreement.comparing import with_second_opinion
from flamingo_bark_assets.analysis.features.agreement import DOUBTED, SecondOpinion
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.frontend import spectra
from flamingo_bark_assets.analysis.frontend.view import SongViews
from flamingo_bark_assets.analysis.rhythm import measure as rhythm
from flamingo_bark_assets.analysis.rhythm.beats import median_tempo_bpm
from flamingo_bark_assets.analysis.rhythm.onsets import peak_frames
from flamingo_bark_assets.analysis.song import analyse_song
from flamingo_bark_assets.analysis.timbre import cepstrum, chroma, crossings, frames, shape_kernels
from flamingo_bark_assets.analysis.tonality import measure as tonality
from flamingo_bark_assets.analysis.views import mix_view
from flamingo_bark_assets.audio.levels import Levels
from flamingo_bark_assets.audio.signal import Signal
from flamingo_bark_assets.kernels import librosa_module
from flamingo_bark_assets.note_names import KEYS
from tests import music
from tests.test_engine import HOSTILE

DURATION_S = 20.0
Patch = pytest.MonkeyPatch


@functools.cache
def mix(rate_hz: int = music.RATE_HZ, *, opposed: bool = False) -> Signal:
    """Chords, bass, drums and a little noise, in D major at 120 BPM, wider on one side."""
    chords = music.progression(music.cadence("D", "major") * 2, DURATION_S / 8)
    beats = np.arange(0.0, DURATION_S - 0.5, 0.5)
    drums = music.place(music.kick(), beats[::2], DURATION_S) + music.place(music.snare(), beats[1::2], DURATION_S)
    hats = music.place(music.hihat(), np.arange(0.0, DURATION_S - 0.5, 0.25), DURATION_S)
    whole = 0.3 * chords + 0.7 * drums + 0.2 * hats + music.noise(DURATION_S, level=0.003)
    pair = np.stack([whole, -whole if opposed else whole + 0.1 * hats])
    samples = np.asarray(0.5 * pair / np.abs(pair).max(), np.float32)
    if rate_hz != music.RATE_HZ:
        resample = librosa_module("librosa").resample
        samples = np.ascontiguousarray(resample(samples, orig_sr=music.RATE_HZ, target_sr=rate_hz), np.float32)
    return Signal(samples, rate_hz)


def measured(sound: Signal) -> SongFeatures:
    return with_second_opinion(analyse_song("s", SongViews(mix_view(sound))), lambda: sound)


def disagreeing(song: SongFeatures) -> dict[str, SecondOpinion]:
    return {opinion.quantity: opinion for opinion in song.second_opinions if opinion.agrees is False}


@pytest.mark.parametrize("rate_hz", [22_050, 44_100, 48_000, 96_000])
def test_honest_measurements_agree(rate_hz: int) -> None:
    song = measured(mix(rate_hz))
    assert disagreeing(song) == {}
    assert [opinion.quantity for opinion in song.second_opinions if opinion.agrees is None] == []
    assert {opinion.reason for opinion in song.second_opinions} == {None}


def test_a_channel_that_is_turned_over_is_turned_back_for_both() -> None:
    assert disagreeing(measured(mix(opposed=True))) == {}


def scaled_column(column: int, factor: float, kernel: Callable[..., None]) -> Callable[..., None]:
    """The kernel with a column of its result scaled, as another normalisation gives it."""

    def wrong(*arguments: Any) -> None:
        kernel(*arguments)
        arguments[-1][:, column] *= factor

    return wrong


def bin_too_far(column: int, kernel: Callable[..., None]) -> Callable[..., None]:
    """The kernel that counts its bins from 1."""

    def wrong(*arguments: Any) -> None:
        kernel(*arguments)
        arguments[-1][:, column] += music.RATE_HZ / frames.FRAME

    return wrong


def wrong_rate(patch: Patch) -> None:
    """44.1 kHz taken for 48 kHz."""
    right = frames.Grid.at
    patch.setattr(frames.Grid, "at", lambda rate_hz: right(rate_hz * 48_000 / 44_100))


def first_bin_is_one(patch: Patch) -> None:
    patch.setattr(shape_kernels, "moments", bin_too_far(frames.CENTROID, shape_kernels.moments))
    patch.setattr(shape_kernels, "rolloff_and_bands", bin_too_far(frames.ROLLOFF, shape_kernels.rolloff_and_bands))


def variance_of_one_less(patch: Patch) -> None:
    """The variance over one bin less than the 928 to 20 kHz."""
    factor = (928 / 927) ** 0.5
    patch.setattr(shape_kernels, "moments", scaled_column(frames.BANDWIDTH, factor, shape_kernels.moments))


def mean_of_one_bin_more(patch: Patch) -> None:
    """The arithmetic mean over 465 bins where there are 464."""
    patch.setattr(shape_kernels, "flatness", scaled_column(frames.FLATNESS, 465 / 464, shape_kernels.flatness))


def mel_bands_a_bin_higher(patch: Patch) -> None:
    right = cepstrum.CepstralPlan.at

    def shifted(rate_hz: float) -> cepstrum.CepstralPlan:
        plan = right(rate_hz)
        edges = np.minimum(plan.edges + 1, plan.filters.shape[1])
        return dataclasses.replace(plan, filters=np.ascontiguousarray(np.roll(plan.filters, 1, axis=1)), edges=edges)

    patch.setattr(cepstrum.CepstralPlan, "at", shifted)


def level_of_magnitudes(patch: Patch) -> None:
    """20 dB a decade of power."""
    right = cepstrum.cepstrum
    patch.setattr(frames, "cepstrum", lambda power, plan: 2.0 * right(power, plan))


def power_over_a_sample_less(patch: Patch) -> None:
    """The mean square of each frame over 2205 samples where there are 2206."""
    patch.setattr(Levels, "power", property(lambda self: self.frame_squares.sum(axis=1) / self.n_samples * 2206 / 2205))


def sums_in_half_precision(patch: Patch) -> None:
    """Squares added up in floats of 16 bits."""

    def power(self: Levels) -> Any:
        sums = np.cumsum(self.frame_squares.astype(np.float16), axis=1, dtype=np.float16)
        return sums[:, -1].astype(np.float64) / self.n_samples

    patch.setattr(Levels, "power", property(power))


def crossings_twice(patch: Patch) -> None:
    right = crossings._count
    patch.setattr(crossings, "_count", lambda *arguments: (2 * right(*arguments)[0], right(*arguments)[1]))


def border_of_a_block_crosses(patch: Patch) -> None:
    right = crossings._count
    patch.setattr(crossings, "_count", lambda *arguments: (right(*arguments)[0] + 1, right(*arguments)[1]))


def tuned_to_432(patch: Patch) -> None:
    right = spectra.NoteSpectrum.finish

    def wrong(self: spectra.NoteSpectrum) -> Any:
        notes, tuning = right(self)
        return notes, dataclasses.replace(tuning, cents=tuning.cents + 31.8)

    patch.setattr(spectra.NoteSpectrum, "finish", wrong)


def each_onset_twice(patch: Patch) -> None:
    right = peak_frames
    patch.setattr(rhythm, "peak_frames", lambda curve: np.repeat(right(curve), 2))


def every_other_onset(patch: Patch) -> None:
    right = peak_frames
    patch.setattr(rhythm, "peak_frames", lambda curve: right(curve)[::2])


def beats_at_another_rate(patch: Patch) -> None:
    right = median_tempo_bpm
    patch.setattr(rhythm, "median_tempo_bpm", lambda times_s: right(times_s) * 48_000 / 44_100)


def chroma_a_semitone_higher(patch: Patch) -> None:
    right = chroma.chroma_weights
    patch.setattr(chroma, "chroma_weights", lambda cents: np.roll(right(cents), 1, axis=1))


def keys_a_semitone_higher(patch: Patch) -> None:
    right = KEYS
    patch.setattr(tonality, "KEYS", (*right[1:12], right[0], *right[13:], right[12]))


FAULTS: dict[Callable[[Patch], None], set[str]] = {
    wrong_rate: {"spectral_centroid_hz", "spectral_bandwidth_hz", "spectral_rolloff_hz", "spectral_flatness"},
    first_bin_is_one: {"spectral_centroid_hz", "spectral_rolloff_hz"},
    variance_of_one_less: {"spectral_bandwidth_hz"},
    mean_of_one_bin_more: {"spectral_flatness"},
    mel_bands_a_bin_higher: {f"mfcc_{number}" for number in range(13)},
    level_of_magnitudes: {f"mfcc_{number}" for number in range(13)},
    power_over_a_sample_less: {"crest_factor_db"},
    sums_in_half_precision: {"crest_factor_db"},
    crossings_twice: {"zero_crossing_rate_hz"},
    border_of_a_block_crosses: {"zero_crossing_rate_hz"},
    tuned_to_432: {"tuning_cents"},
    each_onset_twice: {"onset_density_hz"},
    every_other_onset: {"onset_density_hz"},
    beats_at_another_rate: {"tempo_bpm"},
    chroma_a_semitone_higher: {"chroma"},
    keys_a_semitone_higher: {"key"},
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_wrong_loop_is_found(fault: Callable[[Patch], None], monkeypatch: Patch) -> None:
    fault(monkeypatch)
    found = disagreeing(measured(mix()))
    assert found.keys() >= FAULTS[fault]


def test_what_librosa_does_not_confirm_is_less_sure(monkeypatch: Patch) -> None:
    sure = measured(mix())
    crossings_twice(monkeypatch)
    beats_at_another_rate(monkeypatch)
    level_of_magnitudes(monkeypatch)
    song = measured(mix())
    before, after = sure.tempo_bpm.confidence, song.tempo_bpm.confidence
    assert before is not None
    assert after == pytest.approx(DOUBTED * before)
    assert sure.zero_crossing_rate_hz.confidence == 1.0
    assert song.zero_crossing_rate_hz.confidence == DOUBTED
    assert {row.confidence for row in song.mfcc} == {DOUBTED}
    assert {row.confidence for row in sure.mfcc} == {1.0}
    assert song.spectral_centroid_hz == sure.spectral_centroid_hz


@pytest.mark.parametrize("name", ["0.6 s", "DC", "1 Hz", "one impulse", "3 kHz rate", "six channels", "20 kHz"])
def test_of_any_sound_each_quantity_has_an_answer_or_a_reason(name: str) -> None:
    view = HOSTILE[name]()
    sound = view._source
    assert isinstance(sound, Signal)
    for opinion in measured(sound).second_opinions:
        assert (opinion.agrees is None) == (opinion.reason is not None)
        assert (opinion.difference is None) == (opinion.agrees is None)


def test_a_fault_of_librosa_is_a_reason(monkeypatch: Patch) -> None:
    by_librosa.compile_librosa()

    def fails(**arguments: object) -> None:
        raise ValueError("cannot be measured")

    monkeypatch.setattr(librosa_module("librosa").feature, "tempogram", fails)
    song = measured(mix())
    opinions = {opinion.quantity: opinion for opinion in song.second_opinions}
    assert opinions["tempo_bpm"].reason == "librosa: ValueError: cannot be measured"
    assert opinions["tempo_bpm"].agrees is None
    assert opinions["tempo_bpm"].ours == song.tempo_bpm.value
    assert opinions["spectral_centroid_hz"].agrees is True


def test_a_hash_of_the_id_chooses_the_share_that_is_asked_for() -> None:
    ids = [f"song-{number}" for number in range(4000)]
    chosen = {share: {one for one in ids if is_chosen(one, share)} for share in (0.0, 0.05, 0.5, 1.0)}
    assert (chosen[0.0], chosen[1.0]) == (set(), set(ids))
    assert chosen[0.05] < chosen[0.5]
    # Four standard deviations of a share of 4000.
    assert len(chosen[0.05]) == pytest.approx(200, abs=4 * (4000 * 0.05 * 0.95) ** 0.5)
