"""Where in a song a claim can be heard: the chord, the phrase, the bar or the section that it is about.

The choice of the place belongs here; whether the claim holds stands in the package `claims`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from flamingo_bark_assets.analysis.features.drums import DrumFeatures
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.features.structure import SURE_NAME, Section
from flamingo_bark_assets.analysis.features.vocals import VocalFeatures, VocalPhrase
from flamingo_bark_assets.analysis.kinds import RESULT_CLASSES
from flamingo_bark_assets.audio.recording import RawSong
from flamingo_bark_assets.claims.lexicon import INSTRUMENT_KIND
from flamingo_bark_assets.claims.tonality import compare_keys
from flamingo_bark_assets.lyrics.records import SongLyrics
from flamingo_bark_assets.note_names import pitch_class
from flamingo_bark_assets.parts import STEM_KINDS, StemKind
from flamingo_bark_assets.record import events_of
from flamingo_bark_assets.studio.review.results import SongResults

_LONGEST_S = 12.0
_BEATS = 16
_NAMED = re.compile(r"\b(intro|outro|verse|chorus|refrain|bridge|beginning|opening|start|end|ending)\b", re.IGNORECASE)
_ROOT = re.compile(r"[A-G][#b]*")
_FIRST, _LAST = frozenset({"intro", "beginning", "opening", "start"}), frozenset({"outro", "end", "ending"})


@dataclass(frozen=True, slots=True)
class Place:
    """A place to play.

    Attributes:
        start_s: where it begins.
        end_s: where it ends.
        why: what it is, in a few words.
    """

    start_s: float
    end_s: float
    why: str

    def told(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return asdict(self)


class ClaimPlaces:
    """Finds the places of the claims about one song."""

    def __init__(self, results: SongResults) -> None:
        self._results = results
        self._song = results.get(SongFeatures)

    def place(self, part: str, kind: str, claimed: str, sentence: str) -> Place | None:
        """Return where to play for a claim; None where nothing is known of the song's course.

        Args:
            part: what the text is about: mix, or a kind of stem.
            kind: what the claim is about.
            claimed: its value.
            sentence: the sentence that it stands in, which may name a section.
        """
        song = self._song
        if song is None or song.unusable is not None:
            return None
        finders: tuple[Callable[[], Place | None], ...] = (
            lambda: self._of_kind(song, part, kind, claimed),
            lambda: self._named_section(song, sentence),
            lambda: self._sounding(part) if part != "mix" else None,
            lambda: self.typical,
        )
        return next((place for find in finders if (place := find()) is not None), None)

    @cached_property
    def typical(self) -> Place | None:
        """The section that is most like the whole song; without sections its middle."""
        song = self._song
        if song is not None and song.sections:
            section = min(song.sections, key=lambda each: each.deviation_db)
            return _of_section(section, "the most typical section")
        raw = self._results.get(RawSong)
        length_s = raw.duration_s.value if raw is not None else None
        if not length_s:
            return None
        start_s = max(0.0, (length_s - _LONGEST_S) / 2)
        return Place(start_s, min(length_s, start_s + _LONGEST_S), "the middle of the song")

    def _of_kind(self, song: SongFeatures, part: str, kind: str, claimed: str) -> Place | None:
        match kind:
            case "chord":
                return _chord(song, claimed)
            case "key" | "modulation":
                return _key(song, claimed, is_change=kind == "modulation")
            case "tempo" | "pace" | "steadiness" | "metre" | "swing" | "tempo_change":
                return _bars(song, self.typical)
            case "kick_pattern" | "syncopation":
                return self._drum_bars()
            case "vocals" | "singer" | "register" | "range" | "language":
                return self._phrase()
            case "instrument":
                found = INSTRUMENT_KIND.get(claimed.removeprefix("not "))
                return self._sounding(found) if found else None
            case "loudness":
                return _extreme(song, "the loudest section", loud=True)
            case "noise":
                return _extreme(song, "the quietest section", loud=False)
            case "duration":
                last = max((each.end_s for each in song.sections), default=0.0)
                return Place(max(0.0, last - _LONGEST_S), last, "the end of the song") if last else None
            case "course" | "dynamics":
                return _largest_step(song)
            case _:
                return None

    def _drum_bars(self) -> Place | None:
        drums = self._results.get(DrumFeatures)
        starts = sorted({bar.start_s for bar in drums.drum_bars if bar.drum == "kick"}) if drums else []
        if not starts:
            return None
        from_s = self.typical.start_s if self.typical else 0.0
        start_s = next((each for each in starts if each >= from_s), starts[0])
        return Place(start_s, start_s + _LONGEST_S / 2, "bars in which the bass drum plays")

    def _phrase(self) -> Place | None:
        vocals = self._results.get(VocalFeatures)
        phrases: Iterable[VocalPhrase] = vocals.vocal_phrases if vocals else ()
        longest = max(phrases, key=lambda each: each.end_s - each.start_s, default=None)
        if longest is None:
            return None
        return Place(
            longest.start_s, min(longest.end_s, longest.start_s + _LONGEST_S), "the longest phrase of the voice"
        )

    def _sounding(self, kind: str) -> Place | None:
        """Return the longest time in which the stems of a kind sound."""
        if kind not in STEM_KINDS:
            return None
        named: StemKind = kind
        features = self._results.get(RESULT_CLASSES[named])
        if features is None:
            return None
        table = next((name for name in events_of(type(features)) if name.endswith("_activity")), None)
        rows = getattr(features, table) if table else ()
        longest = max(rows, key=lambda each: each.end_s - each.start_s, default=None)
        if longest is None:
            return None
        end_s = min(longest.end_s, longest.start_s + _LONGEST_S)
        return Place(longest.start_s, end_s, f"where the {kind} stem sounds longest")

    def _named_section(self, song: SongFeatures, sentence: str) -> Place | None:
        found = _NAMED.search(sentence)
        if found is None or not song.sections:
            return None
        name = found[1].lower()
        wanted = "Chorus" if name == "refrain" else name.capitalize()
        lyrics = self._results.get(SongLyrics)
        tagged = next((s for s in lyrics.lyrics_sections if s.tag == wanted), None) if lyrics else None
        if tagged is not None:
            return Place(tagged.start_s, min(tagged.end_s, tagged.start_s + _LONGEST_S), f"the section called {wanted}")
        named = next((s for s in song.sections if s.name == wanted.lower() and s.name_confidence >= SURE_NAME), None)
        if named is not None:
            return _of_section(named, f"a section that is probably the {wanted.lower()}")
        if name in _FIRST:
            return _of_section(song.sections[0], "the first section")
        return _of_section(song.sections[-1], "the last section") if name in _LAST else None


def _of_section(section: Section, why: str) -> Place:
    return Place(section.start_s, min(section.end_s, section.start_s + _LONGEST_S), f"{why}, {section.label}")


def _chord(song: SongFeatures, claimed: str) -> Place | None:
    """Return the longest time that the claimed chord sounds, or else the longest chord of all."""
    chords = [each for each in song.chords if each.label != "N"]
    root = _root(claimed.removeprefix("not "))
    named = [each for each in chords if _root(each.label) == root]
    longest = max(named or chords, key=lambda each: each.end_s - each.start_s, default=None)
    if longest is None:
        return None
    return Place(longest.start_s, longest.end_s, f"where {longest.label} sounds longest")


def _root(chord: str) -> int | None:
    """Return the pitch class of a chord's root, of 'Eb major' as of D#:min; None where it has none."""
    match = _ROOT.match(chord)
    return pitch_class(match[0]) if match else None


def _key(song: SongFeatures, claimed: str, *, is_change: bool) -> Place | None:
    if is_change and len(song.key_segments) > 1:
        at_s = song.key_segments[1].start_s
        return Place(max(0.0, at_s - _LONGEST_S / 2), at_s + _LONGEST_S / 2, "where the key changes first")
    segments = [each for each in song.key_segments if compare_keys(claimed, each.key) == "same"] or list(
        song.key_segments
    )
    longest = max(segments, key=lambda each: each.end_s - each.start_s, default=None)
    if longest is None:
        return None
    return Place(
        longest.start_s, min(longest.end_s, longest.start_s + _LONGEST_S), f"where {longest.key} holds longest"
    )


def _bars(song: SongFeatures, typical: Place | None) -> Place | None:
    """Return some bars from the first downbeat of the most typical section on."""
    from_s = typical.start_s if typical else 0.0
    beats = [each for each in song.beats if each.time_s >= from_s - 0.05]
    first = next((number for number, each in enumerate(beats) if each.position == 1), None)
    if first is None:
        return None
    last = beats[min(first + _BEATS, len(beats) - 1)]
    return (
        Place(beats[first].time_s, last.time_s, "bars of the most typical section")
        if last is not beats[first]
        else None
    )


def _extreme(song: SongFeatures, why: str, *, loud: bool) -> Place | None:
    choose = max if loud else min
    section = choose(song.sections, key=lambda each: each.level_db, default=None)
    return _of_section(section, why) if section else None


def _largest_step(song: SongFeatures) -> Place | None:
    steps = list(zip(song.sections, song.sections[1:], strict=False))
    if not steps:
        return None
    _, after = max(steps, key=lambda pair: abs(pair[1].level_db - pair[0].level_db))
    return Place(
        max(0.0, after.start_s - _LONGEST_S / 2), after.start_s + _LONGEST_S / 2, "where the level changes most"
    )
