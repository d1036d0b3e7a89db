"""The technical text of a prompt: levels and quality of the recording, with their figures.

Figures that no listener would say belong here, and in no text to train on; those stand in `forms`.
"""

from __future__ import annotations

from collections.abc import Sequence

from flamingo_bark_assets.descriptions.phrases import Phrase, Speaker, known
from flamingo_bark_assets.descriptions.sentences import say_stereo
from flamingo_bark_assets.descriptions.wording import (
    BANDWIDTH,
    BRIGHTNESS,
    DYNAMIC_RANGE,
    capitalised,
    lufs,
)
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.parts import KINDS, StemKind
from flamingo_bark_assets.text import cut_attributes


def full_track_technical(speaker: Speaker, evidence: Evidence, budget: int) -> str:
    """Write 'Wide dynamic range recording at -14.2 LUFS, bright tone, full bandwidth'; '' if unknown."""
    song = evidence.song
    dynamics = speaker.say(lambda db: f"{DYNAMIC_RANGE.word(db)} dynamic range", song.dynamic_range_db)
    loudness = speaker.say(lambda value: f"at {lufs(value)}", song.loudness_integrated_lufs)
    clauses = known([
        Phrase(_words(dynamics, "recording", loudness)) if dynamics or loudness else None,
        speaker.say(lambda hz: f"{BRIGHTNESS.word(hz)} tone" if hz >= 1 else None, song.spectral_centroid_hz),
        speaker.say(
            lambda hz: f"{BANDWIDTH.word(hz)} bandwidth" if hz >= 1 else None, evidence.raw_song.bandwidth_hz
        ),
        say_stereo(speaker, evidence),
    ])  # fmt: skip
    return cut_attributes(capitalised(", ".join(clause.text for clause in clauses)), budget)


def stems_technical(speaker: Speaker, evidence: Evidence, kinds: Sequence[StemKind], budget: int) -> str:
    """Write 'Drums at -19.5 LUFS, bright tone; bass at -21.0 LUFS, dark tone'; '' where nothing is known."""
    texts = [text for kind in kinds if (text := _stem_technical(speaker, evidence, kind))]
    return cut_attributes(capitalised("; ".join(texts)), budget)


def _stem_technical(speaker: Speaker, evidence: Evidence, kind: StemKind) -> str:
    stem = evidence.of_stem(kind)
    loudness = speaker.say(lambda value: f"at {lufs(value)}", stem.loudness_integrated_lufs)
    tone = speaker.say(lambda hz: f"{BRIGHTNESS.word(hz)} tone" if hz >= 1 else None, stem.spectral_centroid_hz)
    name = KINDS[kind].noun
    if loudness:
        return f"{name} {loudness.text}" + (f", {tone.text}" if tone else "")
    return f"{name} with a {tone.text}" if tone else ""


def _words(*parts: Phrase | str | None) -> str:
    texts = [part.text if isinstance(part, Phrase) else part for part in parts if part]
    return capitalised(" ".join(text for text in texts if text))
