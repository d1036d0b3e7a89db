"""The patterns of the style and technical prompts, filled from measurements that are sure enough.

Style and technical texts belong here; which prompts a song has, and the combined text, stand in `levels`.
"""

from __future__ import annotations

from collections.abc import Sequence

from flamingo_bark_assets.descriptions.phrases import Phrase, Speaker, known
from flamingo_bark_assets.descriptions.sentences import say_key, say_stereo, say_tempo
from flamingo_bark_assets.descriptions.wording import (
    BANDWIDTH,
    BRIGHTNESS,
    DYNAMIC_RANGE,
    capitalised,
    listed,
    lufs,
)
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.parts import KINDS, StemKind
from flamingo_bark_assets.text import cut_attributes, first_fitting


def full_track_style(speaker: Speaker, evidence: Evidence, genres: Sequence[str], budget: int) -> str:
    """Write 'Electronic dance music in D major at 128 BPM with drums and bass', less what is not known.

    Within the budget instruments, then the genre, then all else give way.
    """
    names = [KINDS[kind].noun for kind in evidence.audible_kinds]
    instruments = f"with {listed(names)}" if names else ""
    music = _music(genres)
    pitch, pace = say_key(speaker, evidence), say_tempo(speaker, evidence)
    return first_fitting(
        [
            _words(music, pitch, pace, instruments),
            _words(music, pitch, pace),
            _words("music", pitch, pace),
            "Music",
        ],
        budget,
    )


def stems_style(
    speaker: Speaker, evidence: Evidence, kinds: Sequence[StemKind], genres: Sequence[str], budget: int
) -> str:
    """Write 'Isolated drums and bass from electronic music in D major at 128 BPM', less what is not known.

    The key is left out where no stem carries it, as for drums alone. Arguments as for `full_track_style`.
    """
    isolated = f"isolated {listed([KINDS[kind].noun for kind in kinds])}"
    pitch = say_key(speaker, evidence) if any(KINDS[kind].harmony != "none" for kind in kinds) else None
    pace = say_tempo(speaker, evidence)
    about_song = known([pitch, pace])
    return first_fitting(
        [
            _words(isolated, f"from {_music(genres)}" if genres or about_song else "", pitch, pace),
            _words(isolated, "from music" if about_song else "", pitch, pace),
            _words(isolated),
            "Isolated instruments",
        ],
        budget,
    )


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


def _music(genres: Sequence[str]) -> str:
    if not genres:
        return "music"
    names = listed(genres)
    return names if names.casefold().endswith("music") else f"{names} music"


def _words(*parts: Phrase | str | None) -> str:
    texts = [part.text if isinstance(part, Phrase) else part for part in parts if part]
    return capitalised(" ".join(text for text in texts if text))
