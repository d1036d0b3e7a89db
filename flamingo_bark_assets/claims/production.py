"""How the mix sounds and was recorded, held against its measurements: fidelity, noise, stereo, length.

Which measurement bears such a word out belongs here; words with a plain scale stand in `checking`.
"""

from __future__ import annotations

from flamingo_bark_assets.audio.recording import RawSong
from flamingo_bark_assets.claims.limits import (
    BALANCE,
    CLEAN_NOISE_FLOOR_DBFS,
    DURATION_TOLERANCE,
    DURATION_TOLERANCE_S,
    FULL_BAND,
    IMAGE,
    NOISY_NOISE_FLOOR_DBFS,
)
from flamingo_bark_assets.claims.verdicts import (
    NOT_OF_STEMS,
    Case,
    Judgement,
    Measured,
    judge_scaled,
    judged_unsure,
    unverifiable,
)
from flamingo_bark_assets.descriptions.wording import BANDWIDTH
from flamingo_bark_assets.record import Measurement


def judge_fidelity(case: Case) -> Judgement:
    """Judge by the bandwidth; a recording of full bandwidth may still be lo-fi unless it is free of noise."""
    measurement = case.evidence.raw_song.bandwidth_hz
    floor = _noise_measurement(case.evidence.raw_song)
    measured = Measured.of(measurement, unit="Hz", scale=BANDWIDTH)
    if case.part != "mix":
        return unverifiable(NOT_OF_STEMS, Measured.nothing())
    if unsure := judged_unsure(measurement, case.min_confidence, measured):
        return unsure
    is_full = FULL_BAND.holds(measured.number or 0.0)
    is_clean = floor.value is not None and floor.value < CLEAN_NOISE_FLOOR_DBFS
    if is_full is None:
        return unverifiable("near the limit", measured)
    if is_full and not is_clean:
        return unverifiable("full bandwidth, but not known to be free of noise", measured)
    return Judgement("agree" if is_full == (case.claim.value == "hi-fi") else "conflict", None, measured)


def _noise_measurement(raw: RawSong) -> Measurement[float]:
    """Return the noise floor; where music hides it, its upper bound, if that alone is low enough to count as clean."""
    ceiling = raw.noise_ceiling_dbfs
    is_clean = ceiling.value is not None and ceiling.value < CLEAN_NOISE_FLOOR_DBFS
    return ceiling if raw.noise_floor_dbfs.value is None and is_clean else raw.noise_floor_dbfs


def judge_noise(case: Case) -> Judgement:
    """Judge by the noise floor."""
    measurement = _noise_measurement(case.evidence.raw_song)
    measured = Measured.of(measurement, unit="dBFS")
    if case.part != "mix":
        return unverifiable(NOT_OF_STEMS, Measured.nothing())
    if unsure := judged_unsure(measurement, case.min_confidence, measured):
        return unsure
    floor = measured.number or 0.0
    if floor < CLEAN_NOISE_FLOOR_DBFS:
        return Judgement("agree" if case.claim.value == "clean" else "conflict", None, measured)
    if floor > NOISY_NOISE_FLOOR_DBFS and case.claim.value == "noisy":
        return Judgement("agree", None, measured)
    return unverifiable("dense music can look like noise", measured)


def judge_stereo(case: Case) -> Judgement:
    """Judge mono and stereo by the channels, width by the energy of their difference, a side by its level."""
    mono, width = case.evidence.raw_song.is_mono, case.evidence.song.stereo_width
    if case.part != "mix":
        return unverifiable(NOT_OF_STEMS, Measured.nothing())
    measured = Measured.of(mono, text="mono" if mono.value else "stereo")
    if unsure := judged_unsure(mono, case.min_confidence, measured):
        return unsure
    is_mono, value = bool(mono.value), case.claim.value
    if is_mono or value in {"mono", "stereo"}:
        is_right = value == "mono" if is_mono else value == "stereo"
        return Judgement("agree" if is_right else "conflict", None, measured)
    if value in BALANCE:
        return judge_scaled(case, case.evidence.song.stereo_balance_db, BALANCE, unit="dB")
    return judge_scaled(case, width, IMAGE)


def judge_duration(case: Case) -> Judgement:
    """Judge a length by the song's: a captioner that was given a window of it tells the window's."""
    measurement = case.evidence.raw_song.duration_s
    measured = Measured.of(measurement, unit="s")
    if unsure := judged_unsure(measurement, case.min_confidence, measured):
        return unsure
    said, length = (case.claim.numbers or (0.0, 0.0))[0], measured.number or 0.0
    is_near = abs(said - length) <= max(DURATION_TOLERANCE_S, DURATION_TOLERANCE * length)
    return Judgement("agree" if is_near else "conflict", None, measured)
