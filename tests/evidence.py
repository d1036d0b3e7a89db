"""Evidence made by hand: all measurements of one song with known values, for tests that need no sound.

The builder and its usual variants belong here; tests and expectations do not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

import numpy as np

from flamingo_bark_assets.analysis.features.bass import BassFeatures, BassNote
from flamingo_bark_assets.analysis.features.drums import DrumFeatures, DrumHit
from flamingo_bark_assets.analysis.features.harmonic import ChordalFeatures, HarmonicChord
from flamingo_bark_assets.analysis.features.rhythm import Beat
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.features.vocals import VocalFeatures, VocalPhrase
from flamingo_bark_assets.analysis.kinds import RESULT_CLASSES, StemResult
from flamingo_bark_assets.audio.recording import RawSong, Stem, StemSet
from flamingo_bark_assets.audio.signal import Signal
from flamingo_bark_assets.audio.song_metadata import SongMetadata
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.inference_settings import InferenceSettings
from flamingo_bark_assets.lyrics.making import find_lyrics
from flamingo_bark_assets.lyrics.records import SongLyrics
from flamingo_bark_assets.lyrics.transcription import Transcriber
from flamingo_bark_assets.parts import STEM_KINDS, WHOLE_KINDS, StemKind, missing_kinds
from flamingo_bark_assets.record import Measurement, Record, Row, columns_of
from flamingo_bark_assets.separation.records import SeparatedStems
from flamingo_bark_assets.settings import LyricsSettings

METHOD = "by-hand"
CONFIDENCE = 0.9
DURATION_S = 180.5
TEMPO_BPM = 121.0

AnyRecord = TypeVar("AnyRecord", bound=Record)
AnyRow = TypeVar("AnyRow", bound=Row)
Values = Mapping[str, Any]
Kinds = tuple[StemKind, ...] | Collection[StemKind]

_BEAT_S = 60.0 / TEMPO_BPM
_BEAT_COUNT = int(DURATION_S / _BEAT_S)
_BARS = tuple(i * 4 * _BEAT_S for i in range(_BEAT_COUNT // 4))
_PROGRESSION = ("E:min", "C:maj", "G:maj", "D:maj")
_DRUM_OF_BEAT = ("kick", "snare")


def row(row_class: type[AnyRow], **values: Any) -> AnyRow:
    """Make a row; a column that is not given is 0.5, 1, False, a word, or None where it may be."""
    plain: Mapping[type, Any] = {float: 0.5, int: 1, bool: False, str: "word"}
    schema: Any = row_class
    given = {spec.name: None if spec.nullable else plain[spec.type] for spec in columns_of(schema)}
    return row_class(**{**given, **values})


RAW_SONG: Values = {
    "fingerprint": "0" * 64, "file_name": "song.wav", "content_sha256": "a" * 64, "size_bytes": 31_840_244,
    "file_format": "wav, pcm_s16le", "duration_s": DURATION_S, "declared_duration_s": DURATION_S,
    "sample_rate_hz": 44_100, "channels": 2,
    "peak_dbfs": -1.0, "clipped_fraction": 0.0, "silent_fraction": 0.02, "leading_silence_s": 0.1,
    "trailing_silence_s": 0.4, "noise_floor_dbfs": -65.0, "bandwidth_hz": 20_000.0, "dc_offset": 0.0001,
    "stereo_correlation": 0.8, "is_mono": False, "polarity_inverted": False,
}  # fmt: skip
METADATA: Values = {
    "title": "Title", "artist": "Artist", "genre_tags": "Electronic", "tags_source": "file tags",
    "licence": "CC-BY-4.0", "attribution": "Title by Artist", "lyrics": None, "edits_digest": "",
}  # fmt: skip
SONG: Values = {
    "tempo_bpm": TEMPO_BPM, "tempo_stability": 0.98, "beat_count": _BEAT_COUNT, "key": "E minor",
    "tuning_cents": 3.0, "loudness_integrated_lufs": -14.2, "loudness_range_lu": 6.5, "true_peak_dbtp": -0.8,
    "crest_factor_db": 13.5, "dynamic_range_db": 9.5, "onset_density_hz": 4.1, "spectral_centroid_hz": 2150.0,
    "spectral_bandwidth_hz": 2400.0, "spectral_rolloff_hz": 4600.0, "spectral_flatness": 0.02,
    "spectral_contrast_db": 21.0,
    "beats": tuple(row(Beat, beat=i, time_s=i * _BEAT_S) for i in range(_BEAT_COUNT)),
}  # fmt: skip
_COMMON: Values = {
    "loudness_integrated_lufs": -19.5, "energy_share": 0.25, "active_fraction": 0.9, "onset_density_hz": 2.5,
    "rhythm_complexity": 0.8, "spectral_centroid_hz": 1800.0, "spectral_flatness": 0.03,
}  # fmt: skip
DRUMS: Values = {
    **_COMMON, "onset_density_hz": 4.0, "spectral_centroid_hz": 5900.0, "kick_present": True,
    "snare_present": True, "hihat_present": True, "kick_density_hz": 1.0, "snare_density_hz": 1.0,
    "hihat_density_hz": 2.0,
    "drum_hits": tuple(
        row(DrumHit, hit=i, time_s=i * _BEAT_S, drum=_DRUM_OF_BEAT[i % 2], strength=0.8)
        for i in range(_BEAT_COUNT)
    ),
}  # fmt: skip
BASS: Values = {
    **_COMMON, "onset_density_hz": 1.8, "spectral_centroid_hz": 210.0, "f0_median_hz": 61.7,
    "f0_low_hz": 41.2, "f0_high_hz": 98.0, "voiced_fraction": 0.85, "note_count": len(_BARS),
    "sustain_s": 0.45, "fundamental_strength": 0.6,
    "bass_notes": tuple(
        row(BassNote, note=i, onset_s=start, offset_s=start + 0.45, f0_hz=61.74, midi=35)
        for i, start in enumerate(_BARS)
    ),
}  # fmt: skip
VOCALS: Values = {
    **_COMMON, "active_fraction": 0.6, "spectral_centroid_hz": 1700.0, "f0_median_hz": 261.6,
    "f0_low_hz": 196.0, "f0_high_hz": 392.0, "voiced_fraction": 0.7, "vibrato_present": True,
    "vibrato_rate_hz": 5.6, "vibrato_extent_cents": 45.0, "formant_f1_hz": 550.0, "formant_f2_hz": 1500.0,
    "formant_f3_hz": 2600.0,
    "vocal_phrases": (
        row(VocalPhrase, phrase=0, start_s=16.0, end_s=24.0, f0_median_hz=261.6),
        row(VocalPhrase, phrase=1, start_s=32.0, end_s=40.0, f0_median_hz=None),
    ),
}  # fmt: skip
CHORDAL: Values = {
    **_COMMON, "chord_count": 4, "main_chords": " ".join(_PROGRESSION), "harmonic_rhythm_hz": 0.5,
    "sustain": 0.75,
    "chords": tuple(
        row(HarmonicChord, chord=i, start_s=start, end_s=start + 4 * _BEAT_S, label=_PROGRESSION[i % 4])
        for i, start in enumerate(_BARS)
    ),
}  # fmt: skip
_STEM_VALUES: Mapping[type[StemResult], Values] = {
    DrumFeatures: DRUMS, BassFeatures: BASS, VocalFeatures: VOCALS, ChordalFeatures: CHORDAL,
}  # fmt: skip


def unknown(reason: str = "not measured") -> Measurement[Any]:
    """Make a measurement without a value."""
    return Measurement.unknown(reason, method=METHOD)


def measured(value: Any, confidence: float | None = CONFIDENCE) -> Measurement[Any]:
    """Make a measurement with a value."""
    return Measurement.of(value, method=METHOD, confidence=confidence)


def make_evidence(
    song_id: str = "song",
    *,
    kinds: Kinds = WHOLE_KINDS,
    silent: Kinds = (),
    **overrides: Any,
) -> Evidence:
    """Make all measurements of one song, sensible and complete unless told otherwise.

    Args:
        song_id: the song's identifier.
        kinds: the kinds of stem for which there is a file, by default those that make a whole mix; the
            records of the others are unusable.
        silent: those among them whose file holds no sound; their records are unusable.
        **overrides: by name of the record (raw_song, metadata, stems, song) or by kind of stem either a
            whole record or new values by field: a plain value of a measured field becomes a Measurement with
            confidence 0.9, None an unknown one; a Measurement stays as it is.
    """
    records: dict[str, Any] = {
        "raw_song": _record(RawSong, song_id, RAW_SONG, overrides.pop("raw_song", {})),
        "metadata": _record(SongMetadata, song_id, METADATA, overrides.pop("metadata", {})),
        "separated": _record(SeparatedStems, song_id, {"outcome": "given"}, overrides.pop("separated", {})),
        "song": _record(SongFeatures, song_id, SONG, overrides.pop("song", {})),
        "stems": _stem_set(song_id, kinds, silent, overrides.pop("stems", {})),
    }
    stem_features: dict[StemKind, StemResult] = {}
    for kind, record_class in RESULT_CLASSES.items():
        values = next(values for cls, values in _STEM_VALUES.items() if issubclass(record_class, cls))
        override = overrides.pop(kind, {})
        if kind not in kinds and not override:
            override = record_class.of_unusable(song_id, f"no {kind} stem")
        elif kind in silent and not override:
            override = record_class.of_unusable(song_id, f"the {kind} stem is silent")
        stem_features[kind] = _record(record_class, song_id, values, override)
    if overrides:
        raise TypeError(f"no such record: {', '.join(overrides)}")
    return Evidence(**records, stem_features=stem_features)


def without_stems(song_id: str = "song", **overrides: Any) -> Evidence:
    """Make a song of which there is only the mix."""
    return make_evidence(song_id, kinds=(), **overrides)


def with_separated_stems(song_id: str = "song", **overrides: Any) -> Evidence:
    """Make a song whose stems a separator made."""
    stems = tuple(make_stem(kind, origin="separated") for kind in STEM_KINDS if kind in WHOLE_KINDS)
    separated = {
        "outcome": "separated", "separator": "demucs", "model": "htdemucs", "model_licence": "MIT",
        "command": '["demucs", "{input}", "{output}"]', "version": None, "input_sha256": "a" * 64,
    }  # fmt: skip
    given = {"separated": separated, "stems": {"stems": stems}}
    return make_evidence(song_id, **{**given, **overrides})


def with_silent_stem(kind: StemKind, song_id: str = "song", **overrides: Any) -> Evidence:
    """Make a song with four stem files, of which one holds no sound."""
    return make_evidence(song_id, silent=(kind,), **overrides)


def with_unknown_key(song_id: str = "song") -> Evidence:
    """Make a song whose key could not be told."""
    return make_evidence(song_id, song={"key": unknown("no pitched sound")})


def unusable_song(song_id: str = "song", reason: str = "song.wav: cannot be decoded") -> Evidence:
    """Make a song of which nothing could be measured."""
    return Evidence(
        raw_song=RawSong.of_unusable(song_id, reason, fingerprint="0" * 64, file_name="song.wav"),
        metadata=_record(SongMetadata, song_id, METADATA, {}),
        separated=SeparatedStems(song_id=song_id, unusable=reason, outcome="unusable", reason=reason),
        stems=StemSet.of_unusable(song_id, reason),
        song=SongFeatures.of_unusable(song_id, reason),
        stem_features={kind: cls.of_unusable(song_id, reason) for kind, cls in RESULT_CLASSES.items()},
    )


def make_stem(kind: StemKind, **changes: Any) -> Stem:
    """Make one usable, audible, aligned stem file, but for `changes`."""
    name = "other" if kind == "harmonic" else kind
    values: dict[str, Any] = {
        "name": name, "file_name": f"{name}.wav", "origin": "given", "kind": kind, "fault": None,
        "content_sha256": "b" * 64, "duration_s": DURATION_S, "sample_rate_hz": 44_100, "channels": 2,
        "rms_dbfs": -22.0, "silent_fraction": 0.1, "clipped_fraction": 0.0, "audible": True,
        "length_difference_s": 0.0, "lag_s": 0.0, "lag_confidence": 0.95,
    }  # fmt: skip
    return Stem(**{**values, **changes})


def lyrics_of(evidence: Evidence, transcriber: Transcriber | None = None) -> SongLyrics:
    """Find the sung words of a song by its evidence; without a transcriber nothing is transcribed."""
    return find_lyrics(
        evidence.raw_song,
        evidence.metadata,
        evidence.stems,
        evidence.song,
        evidence.vocals,
        lambda: Signal(np.zeros((1, 16_000), np.float32), 16_000),
        transcriber or Transcriber(LyricsSettings(), InferenceSettings(), None),
    )


def _stem_set(song_id: str, kinds: Kinds, silent: Kinds, override: Values | Record) -> StemSet:
    there = [kind for kind in STEM_KINDS if kind in kinds]
    quiet: Values = {
        "audible": False, "rms_dbfs": None, "silent_fraction": 1.0, "lag_s": None, "lag_confidence": None,
    }  # fmt: skip
    values: Values = {
        "stem_files": len(there),
        "audible_kinds": sum(kind not in silent for kind in there),
        "missing_kinds": ", ".join(missing_kinds(kinds)) or "none",
        "residual_db": -35.0 if there else unknown("no stems"),
        "fitted_residual_db": -36.0 if there else unknown("no stems"),
        "stems": tuple(make_stem(kind, **(quiet if kind in silent else {})) for kind in there),
    }
    return _record(StemSet, song_id, values, override)


def _record(record_class: type[AnyRecord], song_id: str, values: Values, override: Values | Record) -> AnyRecord:
    if isinstance(override, record_class):
        return override
    assert not isinstance(override, Record), f"not a {record_class.__name__}: {override!r}"
    schema: Any = record_class
    merged = {"song_id": song_id, **values, **override}
    for spec in columns_of(schema):
        if spec.measured and not isinstance(merged.get(spec.name), Measurement):
            plain = merged.get(spec.name)
            merged[spec.name] = unknown() if plain is None else measured(plain)
    return record_class(**merged)
