"""Whether confidences can be trusted: how often the measurements are right among those of like confidence.

Comparing single answers with the truth and printing the bins belong here; mean scores are in `accuracy`.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from flamingo_bark_assets.analysis.features.bass import BassFeatures
from flamingo_bark_assets.analysis.features.drums import DrumFeatures
from flamingo_bark_assets.analysis.features.vocals import VocalFeatures
from flamingo_bark_assets.analysis.whole import Analysis

BINS = 5
SWING_TOLERANCE, TUNING_TOLERANCE_CENTS = 0.03, 5.0


class Judged(NamedTuple):
    """One answer: what was measured, in which view of the song, how confident, and whether it is right (0 to 1)."""

    quantity: str
    view: str
    confidence: float
    right: float


def judged_of(view: str, analysis: Analysis, truth: Mapping[str, Any]) -> list[Judged]:
    """Every answer of a song that has a confidence and a truth."""
    pairs: list[tuple[str, float, float]] = []
    if view != "separated":
        pairs += _song(analysis, truth)
    pairs += _stems(analysis, truth)
    return [Judged(name, view, confidence, right) for name, confidence, right in pairs]


def _song(analysis: Analysis, truth: Mapping[str, Any]) -> Iterator[tuple[str, float, float]]:
    import mir_eval

    song = analysis.song
    if song.tempo_bpm.value is not None and song.tempo_bpm.confidence is not None:
        right = abs(song.tempo_bpm.value / truth["tempo"]["bpm"] - 1.0) <= 0.04
        yield "tempo (Acc1)", song.tempo_bpm.confidence, float(right)
    if song.key.value is not None and song.key.confidence is not None:
        weight = mir_eval.key.weighted_score(truth["key"]["label"], _mir_key(song.key.value))
        yield "key (MIREX)", song.key.confidence, float(weight)
    if song.metre.value is not None and song.metre.confidence is not None:
        yield "metre", song.metre.confidence, float(song.metre.value == truth["meter"]["signature"])
    if song.mode_name.value is not None and song.mode_name.confidence is not None and song.key.value is not None:
        tonic_is_right = song.key.value.split()[0] == truth["key"]["label"].split()[0]
        if tonic_is_right:  # The mode of another key is that key's error.
            yield "mode", song.mode_name.confidence, float(song.mode_name.value == truth["key"]["mode_full"])
    if song.swing_ratio.value is not None and song.swing_ratio.confidence is not None:
        near = abs(song.swing_ratio.value - truth["swing"]["ratio"]) <= SWING_TOLERANCE
        yield "swing", song.swing_ratio.confidence, float(near)
    if song.tuning_cents.value is not None and song.tuning_cents.confidence is not None:
        near = abs(song.tuning_cents.value - truth["tuning_cents"]) <= TUNING_TOLERANCE_CENTS
        yield "tuning", song.tuning_cents.confidence, float(near)
    if song.key_change_count.value is not None and song.key_change_count.confidence is not None:
        changes = len(truth["key_segments"]) - 1
        yield "key changes", song.key_change_count.confidence, float(song.key_change_count.value == changes)
    starts = [chord[0] for chord in truth["chords"]]
    for chord in song.chords:
        index = bisect.bisect_right(starts, 0.5 * (chord.start_s + chord.end_s)) - 1
        if index >= 0:
            right = mir_eval.chord.majmin([truth["chords"][index][2]], [chord.label])[0]
            if right >= 0:
                yield "chord (majmin)", chord.confidence, float(right)


def _mir_key(key: str) -> str:
    tonic, _, mode = key.partition(" ")
    return f"{tonic} {mode}"


def _stems(analysis: Analysis, truth: Mapping[str, Any]) -> Iterator[tuple[str, float, float]]:
    drums, bass, voice = (analysis.stems.get(kind) for kind in ("drums", "bass", "vocals"))
    if isinstance(drums, DrumFeatures) and truth.get("drums"):
        for drum in ("kick", "snare", "hihat"):
            times = sorted(hit[0] for hit in truth["drums"]["hits"] if hit[1] == drum)
            for hit in drums.drum_hits:
                if hit.drum == drum:
                    yield f"hit ({drum})", hit.confidence, float(_near(times, hit.time_s, 0.05))
    if isinstance(bass, BassFeatures) and truth.get("bass"):
        notes = sorted((note[0], note[3]) for note in truth["bass"]["notes"])
        onsets = [note[0] for note in notes]
        for note in bass.bass_notes:
            low, high = bisect.bisect_left(onsets, note.onset_s - 0.05), bisect.bisect(onsets, note.onset_s + 0.05)
            right = any(abs(note.f0_hz / hz - 1.0) < 0.0293 for _, hz in notes[low:high])
            yield "bass note", note.confidence, float(right)
    vocals = truth.get("vocals")
    if isinstance(voice, VocalFeatures) and vocals:
        for point in [point for point in voice.vocal_f0 if point.voiced][::10]:
            index = round(point.time_s / vocals["hop"])
            if index < len(vocals["f0"]) and point.confidence is not None:
                hz = vocals["f0"][index]
                yield "vocal f0", point.confidence, float(hz > 0 and abs(point.f0_hz / hz - 1.0) < 0.0293)
        for phrase in voice.vocal_phrases:
            middle_s = 0.5 * (phrase.start_s + phrase.end_s)
            right = any(start_s <= middle_s <= end_s for start_s, end_s in vocals["active"])
            yield "vocal phrase", phrase.confidence, float(right)
        vibrato = voice.vibrato_present
        if vibrato.value is not None and vibrato.confidence is not None and "vibrato" in vocals:
            yield "vibrato", vibrato.confidence, float(vibrato.value == vocals["vibrato"]["present"])
    if isinstance(voice, VocalFeatures) and voice.voice_probability.value is not None:
        chance = voice.voice_probability.value
        right = (chance >= 0.5) == bool(vocals)
        yield "voice or none", max(chance, 1.0 - chance), float(right)


def _near(times: Sequence[float], time_s: float, within_s: float) -> bool:
    index = bisect.bisect_left(times, time_s - within_s)
    return index < len(times) and times[index] <= time_s + within_s


def print_reliability(judged: Iterable[Judged]) -> None:
    """Print, for each quantity and view, bins of equal size in order of confidence."""
    groups: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for one in judged:
        groups[one.quantity, one.view].append((one.confidence, one.right))
    print("\nReliability: mean confidence -> share that is right, in bins of equal size")
    for (quantity, view), pairs in sorted(groups.items()):
        pairs.sort()
        bins = [pairs[len(pairs) * i // BINS : len(pairs) * (i + 1) // BINS] for i in range(BINS)]
        cells = "  ".join(f"{_mean(c for c, _ in part):.2f}->{_mean(r for _, r in part):.2f}" for part in bins if part)
        print(f"  {quantity:16}{view:10} {len(pairs):>6}  {cells}")


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found)
