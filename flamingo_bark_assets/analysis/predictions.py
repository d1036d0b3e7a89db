"""Many songs measured without the library, and their entries for a prediction file, which scorers read.

Renaming fields to that file's schema and sharing out the songs belong here; measuring one does not.
"""

from __future__ import annotations

import concurrent.futures
import json
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, assert_never

from flamingo_bark_assets.analysis.features.bass import BassFeatures, BassPitch
from flamingo_bark_assets.analysis.features.drums import DrumFeatures
from flamingo_bark_assets.analysis.features.harmonic import ChordalFeatures
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.features.vocals import VocalFeatures, VocalPitch
from flamingo_bark_assets.analysis.pitch.tracking import HOP_S
from flamingo_bark_assets.analysis.song_reading import read_song
from flamingo_bark_assets.analysis.sources import Source
from flamingo_bark_assets.analysis.whole import Analysis, analyse_whole
from flamingo_bark_assets.audio.quality import TechnicalQuality
from flamingo_bark_assets.errors import FlamingoBarkError
from flamingo_bark_assets.files.atomic import write_text

SYSTEM = "flamingo_bark_assets"
"""Name of this system in a prediction file."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What is told of a measured song first; None where it is unknown.

    Attributes:
        song_id: its name.
        tempo_bpm: tempo, beats a minute.
        metre: time signature.
        key: tonic and mode.
        loudness_integrated_lufs: integrated loudness, LUFS.
        sections: number of sections.
    """

    song_id: str
    tempo_bpm: float | None
    metre: str | None
    key: str | None
    loudness_integrated_lufs: float | None
    sections: int


@dataclass(frozen=True, slots=True)
class MeasuredSong:
    """One measured song, or why it could not be measured.

    Attributes:
        song_id: its name.
        prediction: its entry of a prediction file.
        summary: what is told of it first; None where it could not be measured.
        fault: what is wrong with its files; None where it was measured.
        rejected: one sentence for each stem file that helps with nothing.
        corrected: one sentence for each stem file of which something was taken off.
        oddities: one sentence for all that is odd about a file though it could be read.
    """

    song_id: str
    prediction: dict[str, Any]
    summary: Summary | None
    fault: str | None = None
    rejected: tuple[str, ...] = ()
    corrected: tuple[str, ...] = ()
    oddities: tuple[str, ...] = ()


def measure_all(sources: Sequence[Source], *, jobs: int) -> Iterator[MeasuredSong]:
    """Measure songs, in order; one that cannot be measured spoils no other."""
    if jobs == 1 or len(sources) < 2:
        yield from map(measure_source, sources)
        return
    # A Ctrl-C reaches the workers too: they end at once and say nothing, the command speaks for all.
    pool = concurrent.futures.ProcessPoolExecutor(
        min(jobs, len(sources)), initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_DFL)
    )
    try:
        for future in [pool.submit(measure_source, source) for source in sources]:
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def measure_source(source: Source) -> MeasuredSong:
    """Measure one song."""
    try:
        read = read_song(source)
        analysis = analyse_whole(source.song_id, read.views)
    except FlamingoBarkError as error:
        return MeasuredSong(source.song_id, {}, None, str(error))
    except Exception as error:  # whatever one song does, the others are measured
        return MeasuredSong(source.song_id, {}, None, f"could not be measured: {type(error).__name__}: {error}")
    song = analysis.song
    summary = Summary(
        source.song_id, song.tempo_bpm.value, song.metre.value, song.key.value, song.loudness_integrated_lufs.value,
        len(song.sections),
    )  # fmt: skip
    entry = prediction_of(analysis, read.quality)
    return MeasuredSong(
        source.song_id, entry, summary, rejected=read.rejected, corrected=read.corrected, oddities=read.oddities
    )


def write_predictions(path: Path, songs: Mapping[str, Mapping[str, Any]]) -> None:
    """Write a prediction file, whole or not at all."""
    write_text(path, json.dumps({"system": SYSTEM, "songs": songs}, allow_nan=False))


def prediction_of(analysis: Analysis, quality: TechnicalQuality) -> dict[str, Any]:
    """Return one song's entry: only what was measured is in it."""
    entry = {**_rhythm(analysis.song), **_tonality(analysis.song), "technical": _technical(quality)}
    loudness = {
        "integrated_lufs": analysis.song.loudness_integrated_lufs.value,
        "true_peak_dbtp": analysis.song.true_peak_dbtp.value,
        "lra": analysis.song.loudness_range_lu.value,
    }
    entry["loudness"] = _known(loudness)
    for kind, stem in analysis.stems.items():
        if stem.unusable is None:
            match stem:
                case DrumFeatures():
                    entry[kind] = _drums(stem)
                case BassFeatures():
                    entry[kind] = _bass(stem)
                case VocalFeatures():
                    entry[kind] = _vocals(stem)
                case ChordalFeatures():  # no scorer reads them
                    pass
                case _:
                    assert_never(stem)
    return entry


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _rhythm(song: SongFeatures) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "beats": [beat.time_s for beat in song.beats],
        "downbeats": [beat.time_s for beat in song.beats if beat.position == 1],
        "sections": [[section.start_s, section.end_s, section.label] for section in song.sections],
    }
    if song.tempo_bpm.value is not None:
        entry["tempo"] = {"bpm": song.tempo_bpm.value}
    if song.beats_per_bar.value is not None:
        entry["meter"] = {"beats_per_bar": song.beats_per_bar.value}
    if song.swing_ratio.value is not None:
        entry["swing"] = {"ratio": song.swing_ratio.value}
    return entry


def _tonality(song: SongFeatures) -> dict[str, Any]:
    entry: dict[str, Any] = {"chords": [[chord.start_s, chord.end_s, chord.label] for chord in song.chords]}
    if song.key.value is not None:
        tonic, _, mode = song.key.value.partition(" ")
        entry["key"] = {"tonic": tonic, "mode": mode}
    if song.tuning_cents.value is not None:
        entry["tuning_cents"] = song.tuning_cents.value
    return entry


def _technical(quality: TechnicalQuality) -> dict[str, Any]:
    return _known(
        {
            "clipped": quality.clipped.value,
            "lowpass_detected": quality.lowpass_detected.value,
            "bandwidth_hz": quality.bandwidth_hz.value,
            "noise_floor_dbfs": quality.noise_floor_dbfs.value,
            "dc_offset": quality.dc_offset.value,
            "lead_silence": quality.leading_silence_s.value,
            "is_mono": quality.is_mono.value,
            "phase_inverted": quality.polarity_inverted.value,
        }
    )


def _drums(drums: DrumFeatures) -> dict[str, Any]:
    return {
        "hits": [[hit.time_s, hit.drum] for hit in drums.drum_hits],
        "onsets": [onset.time_s for onset in drums.drum_onsets],
    }


def _bass(bass: BassFeatures) -> dict[str, Any]:
    return {
        "f0": _contour(bass.bass_f0),
        "notes": [[note.onset_s, note.offset_s, note.f0_hz] for note in bass.bass_notes],
    }


def _contour(points: Sequence[BassPitch | VocalPitch]) -> dict[str, Any]:
    """Return the pitch of every frame up to the last row, Hz.

    0 where there is none; the guess of an unvoiced frame as a negative number.
    """
    hz = [0.0] * (points[-1].frame + 1 if points else 0)
    for point in points:
        hz[point.frame] = point.f0_hz if point.voiced else -point.f0_hz
    return {"times": [frame * HOP_S for frame in range(len(hz))], "hz": hz}


def _vocals(vocals: VocalFeatures) -> dict[str, Any]:
    formants = vocals.vocal_formants
    return {
        "f0": _contour(vocals.vocal_f0),
        "active": [[phrase.start_s, phrase.end_s] for phrase in vocals.vocal_phrases],
        "vibrato": {
            "present": bool(vocals.vibrato_present.value),
            "rate_hz": vocals.vibrato_rate_hz.value,
            "extent_cents": vocals.vibrato_extent_cents.value,
        },
        "formants": {
            "times": [point.time_s for point in formants],
            "F1": [point.f1_hz for point in formants],
            "F2": [point.f2_hz for point in formants],
            "F3": [point.f3_hz for point in formants],
        },
        "quality": _known(
            {
                "jitter_local": vocals.jitter_local.value,
                "shimmer_local": vocals.shimmer_local.value,
                "hnr_db": vocals.hnr_relative_db.value,
            }
        ),
    }
