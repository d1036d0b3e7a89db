"""Stems against the mix: lags and sums that were made on purpose are measured, faults are told apart."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from flamingo_bark_assets.audio import explanation
from flamingo_bark_assets.audio.belonging import FOUND_STRENGTH
from flamingo_bark_assets.audio.decode import Decoded
from flamingo_bark_assets.audio.recording import Stem, StemSet
from flamingo_bark_assets.audio.resample import resample
from flamingo_bark_assets.audio.signal import FloatArray, Signal, Sound
from flamingo_bark_assets.audio.stems import StemInput, compare_stems, energy_share, stem_signal, why_unmeasured
from flamingo_bark_assets.library.layout import StemFile
from flamingo_bark_assets.parts import WHOLE_KINDS, StemKind
from tests.signals import RATE_HZ, as_signal, clicks, decode_signal, join, music, noise, silence, sine
from tests.songs import tiny_stems

SECONDS = 12.0
DRUMS = clicks(118, SECONDS, first_s=0.1) + noise(SECONDS, level_dbfs=-60, seed=7)
BASS = music(SECONDS, seed=1, level_dbfs=-14)
VOCALS = music(SECONDS, seed=2, level_dbfs=-14)
HARMONIC = music(SECONDS, seed=3, level_dbfs=-14)
MIX = np.asarray(DRUMS + BASS + VOCALS + HARMONIC, dtype=np.float32)


def stem(name: str, kind: StemKind | None, signal: Signal | None, *, fault: str | None = None) -> StemInput:
    decoded = Decoded(signal, "WAV/PCM_16", None) if signal is not None else None
    return StemInput(StemFile(name, kind, Path(f"/songs/a/stems/{name}.wav")), decoded, fault, "ab" * 32)


def mono(wave: FloatArray) -> Signal:
    return as_signal(wave)


def all_stems() -> list[StemInput]:
    return [
        stem("drums", "drums", mono(DRUMS)),
        stem("bass", "bass", mono(BASS)),
        stem("vocals", "vocals", mono(VOCALS)),
        stem("other", "harmonic", mono(HARMONIC)),
    ]


def compare(*stems: StemInput, mix: Signal | None = None) -> StemSet:
    return compare_stems("a", mix if mix is not None else mono(MIX), stems)


def test_what_is_odd_about_a_stem_file_stands_in_its_row() -> None:
    odd = Decoded(mono(BASS), "WAV/PCM_16", None, truncated="its last frame is cut", notes=("it is odd", "and old"))
    (row,) = compare(StemInput(StemFile("bass", "bass", Path("/songs/a/stems/bass.wav")), odd)).stems
    assert row.file_notes == "truncated: its last frame is cut; it is odd; and old"
    assert [row.file_notes for row in compare(*all_stems()).stems] == [None] * 4


def test_what_a_fit_leaves_is_unknown_where_it_does_not_reach_the_end_of_the_mix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (compare(*all_stems()).fitted_residual_db.value or 0.0) < -40.0
    monkeypatch.setattr(explanation, "LONGEST_FITTED_S", 6.0)
    left = compare(*all_stems()).fitted_residual_db
    assert (left.value, left.reason) == (None, "only the first 6 s of the mix were fitted")


def sound_of(kind: StemKind, *stems: StemInput) -> Sound | None:
    return stem_signal(kind, stems, compare(*stems))


def late(wave: FloatArray, seconds: float) -> FloatArray:
    """The wave, that much later (earlier if negative), at the same length."""
    shift = round(seconds * RATE_HZ)
    if shift >= 0:
        return join(np.zeros(shift, dtype=np.float32), wave[: wave.size - shift])
    return join(wave[-shift:], np.zeros(-shift, dtype=np.float32))


@pytest.mark.parametrize("lag_s", [0.0, 0.003, 0.0123, -0.05, 0.4, -1.0, 1.5])
@pytest.mark.parametrize("part", [BASS, VOCALS, DRUMS], ids=["bass", "vocals", "drums"])
def test_the_lag_of_one_part_of_the_mix_is_found_to_a_millisecond(part: FloatArray, lag_s: float) -> None:
    (row,) = compare(stem("part", "bass", mono(late(part, lag_s)))).stems
    assert row.lag_s is not None
    assert row.lag_confidence is not None
    assert row.lag_s == pytest.approx(lag_s, abs=0.001)
    assert row.lag_confidence > 0.4


def test_a_stem_that_sounds_only_for_a_while_is_aligned() -> None:
    part = VOCALS.copy()
    part[: 8 * RATE_HZ] = 0
    (row,) = compare(stem("vocals", "vocals", mono(late(part, 0.02)))).stems
    assert row.lag_s == pytest.approx(0.02, abs=0.001)


def test_the_lag_of_a_stem_of_another_rate_and_polarity_is_found() -> None:
    wave = resample(-late(VOCALS, 0.02)[np.newaxis], RATE_HZ, 32000)
    (row,) = compare(stem("vocals", "vocals", Signal(wave, 32000))).stems
    assert row.lag_s == pytest.approx(0.02, abs=0.001)


@pytest.mark.parametrize(
    "foreign",
    [noise(SECONDS, seed=99), music(SECONDS, seed=98), sine(440, SECONDS), clicks(97, SECONDS)],
    ids=["noise", "music", "tone", "clicks"],
)
def test_a_stem_of_another_song_has_a_far_lower_confidence(foreign: FloatArray) -> None:
    (row,) = compare(stem("foreign", "bass", mono(foreign))).stems
    (own,) = compare(stem("own", "bass", mono(BASS))).stems
    assert own.lag_confidence is not None
    assert (row.lag_confidence or 0.0) < 0.6 * own.lag_confidence


def test_stems_that_sum_to_the_mix_leave_no_residual() -> None:
    residual = compare(*all_stems()).residual_db
    assert residual.value is not None
    assert residual.value < -90


def test_a_common_gain_leaves_no_residual() -> None:
    parts = {"drums": DRUMS, "bass": BASS, "vocals": VOCALS, "harmonic": HARMONIC}
    stems = [stem(kind, kind, mono(0.3 * parts[kind])) for kind in WHOLE_KINDS]
    assert (compare(*stems).residual_db.value or 0.0) < -90


def test_the_residual_of_a_missing_stem_is_its_share_of_the_energy() -> None:
    extra = noise(SECONDS, level_dbfs=-30, seed=5)
    mix = np.asarray(VOCALS + extra, dtype=np.float32)
    expected = 10 * np.log10(np.mean(extra.astype(np.float64) ** 2) / np.mean(mix.astype(np.float64) ** 2))
    found = compare(stem("vocals", "vocals", mono(VOCALS)), mix=mono(mix)).residual_db.value
    assert found == pytest.approx(expected, abs=0.1)


def test_stems_of_another_song_explain_nothing() -> None:
    found = compare(stem("x", "bass", mono(noise(SECONDS, seed=50))))
    assert found.residual_db.reason == "no stem belongs to the mix"
    assert found.audible_kinds.value == 0


def test_stems_of_another_rate_are_resampled_before_they_are_summed() -> None:
    stems = all_stems()
    smooth = resample(resample(BASS[np.newaxis], RATE_HZ, 22050), 22050, RATE_HZ)[0]
    mix = np.asarray(MIX - BASS + smooth[: MIX.size], dtype=np.float32)
    stems[1] = stem("bass", "bass", Signal(resample(BASS[np.newaxis], RATE_HZ, 22050), 22050))
    assert (compare(*stems, mix=mono(mix)).residual_db.value or 0.0) < -60


def test_mono_stems_are_compared_with_the_mono_of_a_stereo_mix() -> None:
    found = compare(*all_stems(), mix=as_signal(MIX, MIX))
    assert (found.residual_db.value or 0.0) < -90
    assert all(row.lag_s == pytest.approx(0.0, abs=0.001) for row in found.stems)


def test_a_stem_that_ends_early_counts_as_silent_after_its_end() -> None:
    vocals = VOCALS.copy()
    vocals[8 * RATE_HZ :] = 0
    mix = np.asarray(vocals + BASS, dtype=np.float32)
    stems = [stem("vocals", "vocals", mono(vocals[: 8 * RATE_HZ])), stem("bass", "bass", mono(BASS))]
    assert (compare(*stems, mix=mono(mix)).residual_db.value or 0.0) < -90


def test_files_of_unknown_kind_count_in_the_sum_and_in_no_kind() -> None:
    stems = all_stems()
    stems[1] = stem("mystery", None, mono(BASS))
    found = compare(*stems)
    assert (found.residual_db.value or 0.0) < -90
    assert found.audible_kinds.value == 3
    assert found.missing_kinds.value == "bass"


def test_a_file_with_a_fault_keeps_its_row_and_leaves_the_sum() -> None:
    stems = all_stems()
    stems[0] = stem("drums", "drums", None, fault="drums.wav: the file is empty")
    found = compare(*stems)
    assert found.stems[0].fault == "drums.wav: the file is empty"
    assert found.stems[0].duration_s is None
    assert not found.stems[0].audible
    assert found.stem_files.value == 4
    assert found.audible_kinds.value == 3
    assert found.missing_kinds.value == "none"
    assert (found.residual_db.value or 0.0) > -60


def test_lengths_rates_and_levels_are_described() -> None:
    part = sine(440, SECONDS - 0.5, level_dbfs=-10)
    (row,) = compare(stem("lead", "harmonic", as_signal(part, part))).stems
    assert (row.name, row.file_name, row.kind, row.fault) == ("lead", "lead.wav", "harmonic", None)
    assert row.length_difference_s == pytest.approx(-0.5, abs=1e-4)
    assert (row.sample_rate_hz, row.channels) == (RATE_HZ, 2)
    assert row.rms_dbfs == pytest.approx(-13.01, abs=0.01)
    assert row.silent_fraction == 0.0
    assert row.clipped_fraction == 0.0


def test_a_silent_stem_is_there_but_not_audible() -> None:
    found = compare(stem("drums", "drums", mono(silence(SECONDS))), stem("bass", "bass", mono(BASS)))
    row = found.stems[0]
    assert (row.audible, row.rms_dbfs, row.lag_s, row.lag_confidence) == (False, None, None, None)
    assert found.audible_kinds.value == 1
    assert found.missing_kinds.value == "vocals, harmonic"


def test_audible_means_a_second_of_sound_in_all() -> None:
    short = join(sine(440, 0.5), silence(3.0), sine(440, 0.3), silence(8.2))
    enough = join(sine(440, 0.5), silence(3.0), sine(440, 0.6), silence(7.9))
    rows = compare(stem("a", "bass", mono(short)), stem("b", "bass", mono(enough))).stems
    assert [row.audible for row in rows] == [False, True]


def test_no_stems_are_said_to_be_none() -> None:
    found = compare()
    assert found.unusable == "the song has no stems"
    assert found.missing_kinds.value == "drums, bass, vocals, harmonic"
    assert found.residual_db.reason == "there is no usable stem"


def test_a_silent_mix_has_no_residual() -> None:
    found = compare(*all_stems(), mix=mono(silence(SECONDS)))
    assert found.residual_db.value is None
    assert all(row.lag_s is None for row in found.stems)


@pytest.mark.parametrize("samples", [1, 50])
def test_a_few_samples_do_not_crash(samples: int) -> None:
    tiny = Signal(np.full((1, samples), 0.5, dtype=np.float32), RATE_HZ)
    compare(stem("bass", "bass", tiny), mix=tiny)
    compare(stem("bass", "bass", tiny))


def test_files_of_one_kind_are_summed() -> None:
    guitar = stem("guitar", "harmonic", mono(HARMONIC))
    piano = stem("piano", "harmonic", as_signal(VOCALS[: 5 * RATE_HZ], BASS[: 5 * RATE_HZ]))
    total = sound_of("harmonic", guitar, stem("bass", "bass", mono(BASS)), piano)
    assert total is not None
    assert (total.channels, total.n_samples) == (2, HARMONIC.size)
    samples = np.concatenate(list(total.blocks()), axis=1)
    assert samples.shape == (2, HARMONIC.size)
    np.testing.assert_allclose(samples[1, :100], HARMONIC[:100] + BASS[:100], atol=1e-6)
    np.testing.assert_allclose(samples[0, -100:], HARMONIC[-100:], atol=1e-6)


def test_files_of_one_kind_are_summed_at_the_rate_of_the_first() -> None:
    low = Signal(resample(sine(440, 2.0)[np.newaxis], RATE_HZ, 16000), 16000)
    total = sound_of("harmonic", stem("a", "harmonic", low), stem("b", "harmonic", mono(sine(440, 2.0))))
    assert total is not None
    assert total.sample_rate_hz == 16000
    samples = np.concatenate(list(total.blocks()), axis=1)
    np.testing.assert_allclose(samples[0, 500:-500], 2 * low.samples[0, 500:-500], atol=1e-3)


def test_a_kind_without_a_usable_file_has_no_signal() -> None:
    assert sound_of("vocals", stem("vocals", "vocals", None, fault="broken")) is None
    assert sound_of("vocals", stem("vocals", "vocals", mono(VOCALS), fault="broken")) is None


def test_energy_shares_follow_the_levels_and_sum_to_one() -> None:
    stems = compare(
        stem("bass", "bass", mono(sine(440, 4.0, level_dbfs=-10))),
        stem("drums", "drums", mono(sine(440, 4.0, level_dbfs=-20))),
        stem("vocals", "vocals", mono(silence(4.0))),
    )
    assert energy_share(stems, "bass").value == pytest.approx(10 / 11, abs=1e-3)
    assert energy_share(stems, "drums").value == pytest.approx(1 / 11, abs=1e-3)
    assert energy_share(stems, "vocals").value == 0.0
    assert energy_share(compare(), "bass").value is None


# Whether a stem belongs to the mix


def stereo(wave: FloatArray, *, pan: float = 0.0) -> Signal:
    return as_signal(np.asarray((1 - pan) * wave), np.asarray((1 + pan) * wave))


def row_of(changed: Signal, kind: StemKind = "vocals", *, mix: Signal | None = None) -> Stem:
    """The row of one changed stem beside the other three."""
    stems = [stem(kind, kind, changed) if s.file.kind == kind else s for s in all_stems()]
    (found,) = [row for row in compare(*stems, mix=mix).stems if row.kind == kind]
    return found


CHANGED = {
    "in inverted polarity": mono(-VOCALS),
    "late by 25 ms": mono(late(VOCALS, 0.025)),
    "late by 2 s": mono(late(VOCALS, 1.99)),
    "20 dB louder": mono(10 * VOCALS),
    "30 dB quieter": mono(np.float32(1 / 32) * VOCALS),
    "of another rate": Signal(resample(VOCALS[np.newaxis], RATE_HZ, 32_000), 32_000),
    "in stereo, panned": stereo(VOCALS, pan=0.8),
    "driven hard": mono(np.asarray(np.tanh(20 * VOCALS), np.float32)),
    "with the bleed of all others": mono(VOCALS + 0.3 * MIX),
    "shorter": mono(VOCALS[: 8 * RATE_HZ]),
    "with four seconds of something else": mono(join(noise(4.0, seed=8, level_dbfs=-30), VOCALS[4 * RATE_HZ :])),
    "with noise as loud": mono(VOCALS + noise(SECONDS, seed=9, level_dbfs=-27)),
}


@pytest.mark.parametrize("changed", CHANGED.values(), ids=CHANGED.keys())
def test_a_changed_stem_of_the_song_is_kept(changed: Signal) -> None:
    row = row_of(changed)
    assert row.rejected is None
    assert row.usable
    assert (row.mix_match or 0.0) >= FOUND_STRENGTH
    assert (row.match_confidence or 0.0) > 0.3


def test_a_stem_under_the_wrong_name_belongs() -> None:
    assert row_of(mono(DRUMS), "bass").rejected is None


def test_a_stem_that_is_all_in_the_difference_of_the_channels_belongs() -> None:
    mix = as_signal(MIX + BASS, MIX - BASS)
    assert row_of(as_signal(BASS, -0.9 * BASS + 0.05 * noise(SECONDS, seed=4)), "bass", mix=mix).rejected is None


def test_the_stems_of_a_mix_that_was_limited_hard_belong() -> None:
    mix = mono(np.asarray(np.tanh(12 * MIX), np.float32))
    assert [row.rejected for row in compare(*all_stems(), mix=mix).stems] == [None] * 4


def test_a_stem_whose_clock_runs_otherwise_belongs() -> None:
    at = np.arange(VOCALS.size) * 1.0003
    assert row_of(mono(np.interp(at, np.arange(VOCALS.size), VOCALS).astype(np.float32))).rejected is None


FOREIGN = {
    "noise": noise(SECONDS, seed=99),
    "clicks of another tempo": clicks(97, SECONDS, level_dbfs=-6) + noise(SECONDS, level_dbfs=-60, seed=3),
    "other notes": resample(music(SECONDS * 1.07, seed=98)[np.newaxis], RATE_HZ, round(RATE_HZ / 1.07))[0],
}


@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN.keys())
@pytest.mark.parametrize("gain", [0.5, 1.0, 4.0])
def test_a_stem_of_another_song_is_rejected_with_the_number_behind_it(foreign: FloatArray, gain: float) -> None:
    row = row_of(mono(gain * foreign))
    assert row.rejected is not None
    assert row.rejected.startswith("vocals.wav: does not belong to this song")
    assert row.mix_match is not None
    assert row.mix_match < FOUND_STRENGTH
    assert f"match {row.mix_match:.1f}" in row.rejected
    assert (row.match_confidence or 0.0) > 0.3
    assert not row.usable


def test_a_stem_that_would_not_be_found_if_it_were_in_the_mix_is_kept_and_unsure() -> None:
    row = row_of(mono(0.001 * noise(SECONDS, seed=99)))
    assert row.rejected is None
    assert (row.match_confidence or 0.0) < 0.3


def test_a_rejected_stem_is_in_no_sum_no_share_and_no_count() -> None:
    stems = all_stems()
    stems[0] = dataclasses.replace(stem("drums", "drums", mono(noise(SECONDS, seed=99))), content_sha256="cd" * 32)
    found = compare(*stems)
    assert [row.rejected is None for row in found.stems] == [False, True, True, True]
    without = compare(*stems[1:])
    assert found.residual_db.value == without.residual_db.value
    assert found.audible_kinds.value == 3
    assert energy_share(found, "drums").value == 0.0
    assert energy_share(found, "bass") == energy_share(without, "bass")
    assert stem_signal("drums", stems, found) is None
    assert stem_signal("bass", stems, found) is stems[1].usable


def test_of_several_files_of_a_kind_those_that_belong_are_summed() -> None:
    good = stem("guitar", "harmonic", mono(HARMONIC))
    bad = dataclasses.replace(stem("piano", "harmonic", mono(noise(SECONDS, seed=99))), content_sha256="cd" * 32)
    found = compare(good, bad)
    assert stem_signal("harmonic", (good, bad), found) is good.usable
    assert "piano.wav: does not belong" in (why_unmeasured("harmonic", found) or "")


def test_a_lossy_song_has_its_own_lossy_stems_and_no_others() -> None:
    demo = Path(__file__).parents[1] / "data" / "demo"
    sounds = {path.stem: decode_signal(path, max_duration_s=600) for path in (demo / "stems").iterdir()}
    mix = decode_signal(demo / "song.mp3", max_duration_s=600)
    rows = compare(*(stem(name, None, sound) for name, sound in sounds.items()), mix=mix).stems
    assert all(row.rejected is None and (row.mix_match or 0.0) > 2 * FOUND_STRENGTH for row in rows)
    others = tiny_stems(mix.duration_s, bpm=93.0)
    rows = compare(*(stem(name, None, as_signal(x, rate_hz=22_050)) for name, x in others.items()), mix=mix).stems
    assert all((row.mix_match or 0.0) < FOUND_STRENGTH for row in rows)
    assert {row.name for row in rows if row.rejected is not None} >= {"drums", "other"}
