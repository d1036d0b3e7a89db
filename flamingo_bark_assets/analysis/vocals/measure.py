"""Measurements of the vocals stem; never a guess at who sings.

What makes `VocalFeatures` belongs here; each measurement is in a module of its own.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.features.stem import VocalActivity
from flamingo_bark_assets.analysis.features.vocals import (
    LEAST_VOICE_PROBABILITY,
    VocalFeatures,
    VocalFormants,
    VocalPitch,
)
from flamingo_bark_assets.analysis.frontend.view import RATE_HZ, TONAL_RATE_HZ, AudioView
from flamingo_bark_assets.analysis.pitch.tracking import SINGER, PitchTrack, track_view
from flamingo_bark_assets.analysis.resolution import CONFIDENCE, F0_HZ, FORMANT_HZ, TIME_S, rounded
from flamingo_bark_assets.analysis.stem import activity_rows, measure_stem, of_something_else
from flamingo_bark_assets.analysis.vocals import activity, formants, presence, quality, register, vibrato
from flamingo_bark_assets.analysis.vocals.frames import bands_of, judge_frames
from flamingo_bark_assets.audio.levels import SILENCE_DBFS
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.record import Measurement, rows_of

FMIN_HZ, FMAX_HZ = 65.0, 1000.0
# High singers tune the first formant to the second harmonic (Joliveau et al., Nature 427, 2004), which then holds most
# of the power: little may be gained by an octave.
MANNER = replace(SINGER, octave_cost=0.05, too_low_cost=0.1, too_high_cost=0.03)
_PIECE_S, _MARGIN_S = 60.0, 1.0


def analyse_vocals(
    song_id: str, view: AudioView, *, energy_share: Measurement[float], song: SongFeatures | None = None
) -> VocalFeatures:
    """Measure the vocals stem; all is unknown, for the same reason, where it is silent or too short."""
    if view.unusable is not None:
        return VocalFeatures.of_unusable(song_id, view.unusable)
    track = track_view(view, TONAL_RATE_HZ, fmin_hz=FMIN_HZ, fmax_hz=FMAX_HZ, manner=MANNER)
    bands_db = bands_of(view, track)
    heard = presence.voice_probability(track, bands_db)
    if heard.value is not None and heard.value < LEAST_VOICE_PROBABILITY:
        return _without_voice(song_id, view, heard, energy_share=energy_share, song=song)
    frames = judge_frames(track, bands_db)
    track = activity.voice_only(track, frames)
    vowels, evidence = _vowels_and_quality(view, track)
    probability = activity.own_voice_probability(energy_share) * presence.trust(heard)
    frame_confidence = frames.right * np.float32(probability)
    sure = frame_confidence[track.voiced]
    voice_range = register.measure_range(track, confidence=float(sure.mean()) if sure.size else 0.0)
    swing = vibrato.measure_vibrato(track)
    f1, f2, f3 = formants.median_formants(vowels, track)
    steadiness = quality.measure_quality(evidence)
    phrases = activity.find_phrases(track, frames.active, probability=probability)
    return VocalFeatures(
        **vars(measure_stem(song_id, view, energy_share=energy_share, song=song)),
        voice_probability=heard,
        f0_median_hz=voice_range.median_hz,
        f0_low_hz=voice_range.low_hz,
        f0_high_hz=voice_range.high_hz,
        f0_range_semitones=voice_range.semitones,
        register=voice_range.register,
        voiced_fraction=activity.voiced_fraction(track, phrases),
        sung_tendency=register.measure_sung_tendency(track),
        vibrato_present=swing.present,
        vibrato_share=swing.share,
        vibrato_rate_hz=swing.rate_hz,
        vibrato_extent_cents=swing.extent_cents,
        formant_f1_hz=f1,
        formant_f2_hz=f2,
        formant_f3_hz=f3,
        jitter_local=steadiness.jitter_local,
        shimmer_local=steadiness.shimmer_local,
        hnr_relative_db=steadiness.hnr_relative_db,
        cepstral_peak_prominence_db=steadiness.cpp_db,
        vocal_phrases=phrases,
        vocal_activity=activity_rows(view, VocalActivity),
        vocal_f0=_pitch_rows(track, frame_confidence),
        vocal_formants=_formant_rows(vowels),
    )


def _without_voice(
    song_id: str,
    view: AudioView,
    heard: Measurement[float],
    *,
    energy_share: Measurement[float],
    song: SongFeatures | None,
) -> VocalFeatures:
    """Give what any stem has; what only a voice has is unknown."""
    reason = (
        "no voice: it sounds like an instrument or noise, without vowels and consonants "
        f"(probability of a voice {heard.value or 0.0:.2f})"
    )
    common = measure_stem(song_id, view, energy_share=energy_share, song=song)
    activity = activity_rows(view, VocalActivity)
    return of_something_else(VocalFeatures, reason, common, voice_probability=heard, vocal_activity=activity)


def _vowels_and_quality(
    view: AudioView, track: PitchTrack
) -> tuple[formants.FormantTrack, tuple[quality.Evidence, ...]]:
    """Return formants at 11 kHz and cycles at 22 kHz; of a long stem both at 11 kHz, piece by piece."""
    if not view.is_long:
        samples = view.mono(TONAL_RATE_HZ)
        vowels = formants.track_formants(samples, TONAL_RATE_HZ, track)
        return vowels, (quality.read_cycles(view.mono(RATE_HZ), RATE_HZ, track),)
    per_piece: list[formants.FormantTrack] = []
    evidence: list[quality.Evidence] = []
    for piece in view.mono_pieces(TONAL_RATE_HZ, piece_s=_PIECE_S, margin_s=_MARGIN_S):
        first, start, end = (
            round(at / TONAL_RATE_HZ / track.hop_s)
            for at in (piece.offset, piece.offset + piece.start, piece.offset + piece.end)
        )
        # Only the piece's own part counts as voiced; its margins are there for the windows.
        part = _cut(track, first, end)
        part = part.voiced_where(part.voiced & (np.arange(part.f0_hz.size) >= start - first))
        per_piece.append(formants.track_formants(piece.samples, TONAL_RATE_HZ, part, first_frame=first))
        evidence.append(quality.read_cycles(piece.samples, TONAL_RATE_HZ, part))
    return formants.joined(per_piece), tuple(evidence)


def _cut(track: PitchTrack, start: int, stop: int) -> PitchTrack:
    """Return the frames from `start` to before `stop`."""
    arrays: dict[str, Any] = {
        field.name: value[start:stop]
        for field in fields(track)
        if isinstance(value := getattr(track, field.name), np.ndarray)
    }
    return replace(track, **arrays)


def _pitch_rows(track: PitchTrack, confidence: FloatArray) -> tuple[VocalPitch, ...]:
    sounds = track.voiced.any() & (track.guess_hz > 0.0) & (track.voiced | (track.level_db >= SILENCE_DBFS))
    frames = np.flatnonzero(sounds)
    return rows_of(
        VocalPitch,
        frame=frames,
        time_s=rounded(frames * track.hop_s, TIME_S),
        f0_hz=rounded(track.guess_hz[frames], F0_HZ),
        voiced=track.voiced[frames],
        confidence=rounded(confidence[frames], CONFIDENCE),
    )


def _formant_rows(vowels: formants.FormantTrack) -> tuple[VocalFormants, ...]:
    f1_hz, f2_hz, f3_hz = rounded(vowels.hz.T, FORMANT_HZ)
    return rows_of(
        VocalFormants,
        frame=vowels.frames,
        time_s=rounded(vowels.times_s, TIME_S),
        f1_hz=f1_hz,
        f2_hz=f2_hz,
        f3_hz=f3_hz,
        confidence=rounded(vowels.confidence, CONFIDENCE),
    )
