"""What is told of a mix or a stem: facts out of the measurements, each sure enough, each under one topic.

Limits that only prompts have belong here, with their sources; those that captions and the checker of claims share stand
in `descriptions.wording`, the words for a fact in the phrasebooks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flamingo_bark_assets.analysis.features.bass import BassFeatures
from flamingo_bark_assets.analysis.features.drums import DrumFeatures
from flamingo_bark_assets.analysis.features.harmonic import ChordalFeatures
from flamingo_bark_assets.analysis.features.stem import StemFeatures
from flamingo_bark_assets.analysis.features.tonality import Chord
from flamingo_bark_assets.analysis.features.vocals import VocalFeatures
from flamingo_bark_assets.descriptions.phrases import Speaker, least
from flamingo_bark_assets.descriptions.wording import (
    BASS_SUSTAIN,
    BEAT,
    BRIGHTNESS,
    DYNAMIC_RANGE,
    HARMONIC_SUSTAIN,
    LOUDNESS,
    PRESENCE,
    SWING,
    SYNCOPATION,
    TEMPO,
    VOCAL_RANGE,
    WIDTH,
    Scale,
    chord_names,
    figure,
    listed,
    scale,
)
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.note_names import key_name
from flamingo_bark_assets.parts import KINDS, StemKind
from flamingo_bark_assets.record import Measurement
from flamingo_bark_assets.settings import PromptSettings

# Own choice: thirds of the songs of the synthetic corpus that the engine is judged on, rounded.
DENSITY = scale("note onsets of the mix, 1/s", "own choice", "sparse", 2.5, "moderate", 4.5, "busy")
STEM_DENSITY = scale("note onsets of a stem, 1/s", "own choice", "sparse", 1.5, "moderate", 4.5, "busy")
LOWS = scale("share of the energy below 250 Hz", "own choice", "light", 0.3, "", 0.65, "heavy")
MIDS = scale("share of the energy in 250 to 2000 Hz", "own choice", "", 0.6, "strong")
HARMONY_PACE = scale("chord changes, 1/s", "own choice", "slow", 0.3, "moderate", 0.7, "quick")
REPETITION = scale("share of bars with the most common pattern", "own choice", "varied", 0.25, "", 0.6, "looped")
TIMING = scale("median distance from the grid, ms", "own choice", "tight", 6.0, "", 12.0, "loose")
ARTICULATION = scale("length of notes over their distance", "own choice", "staccato", 0.5, "", 0.9, "legato")
TONE = scale("spectral centroid of a stem, Hz", "own choice", "mellow", 1300, "", 2500, "crisp")
_SHARES = {"ghost": 0.2, "locked": 0.6, "roots": 0.8, "sevenths": 0.4, "colour": 0.6}
"""Least shares, own choice: ghost notes among snare hits, bass notes with the kick, on roots, chords of a kind."""
OTHERS = "the other instruments"
"""What the stem that holds the rest is called where other parts are told of too."""
NEEDED: Mapping[str, StemKind] = {"bass and kick": "drums"}
"""Topics of a stem that name another one, which must be heard too."""
_BAR_SHARE = 0.5
"""Least share of a drum's bars that have its most common pattern, before that pattern is told: own choice."""
_PLAIN_MODES = frozenset({"major", "minor"})
_SURE_MODE = 0.7
"""Least confidence of a church mode, own choice: 0.6 is where its degrees are only just clear."""
_PRESENCE = {
    "in a small part of the song": "small part", "in parts of the song": "parts", "through most of the song": "most",
    "throughout the song": "throughout",
}  # fmt: skip
_SUSTAIN = {
    "mostly short sounds": "short", "both short and sustained sounds": "mixed", "mostly sustained sounds": "long",
}  # fmt: skip
_PLAIN = ("moderate", "medium", "balanced", "moderately loud")
"""Words for the middle of a scale, which set no song apart: they are told last."""
_SURE_GHOSTS = 0.82
"""Least confidence of a share of ghost notes. Of 112 songs of the corpus generator 20 of the 23 above it play them;
above `min_claim_confidence` 21 of 36."""
_CHORD_SURE = 0.5
"""Least confidence of a chord that is told, own choice: root and third are right for half of its time."""
_CHORDS_TIME = 0.5
"""Least share of the chords' time that such chords fill, before their colour is told: own choice."""
_MAX_CHORDS = 4


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is known of a part.

    Attributes:
        topic: what it is about; a text tells each topic once.
        value: which wording of the phrasebook it takes.
        slots: what is put into the wording.
        rank: 0 what few songs share, which is told before others; 1 the usual; 2 what is so with most.
    """

    topic: str
    value: str
    slots: Mapping[str, str] = field(default_factory=dict)
    rank: int = 1


@dataclass(frozen=True, slots=True)
class Teller:
    """Turns measurements that are sure enough into facts.

    Attributes:
        evidence: the measurements, of a song or of a part of it.
        settings: the least confidences.
    """

    evidence: Evidence
    settings: PromptSettings

    @property
    def bpm(self) -> str | None:
        """The tempo in whole BPM; None where it is not sure enough, or not one throughout."""
        tempo = self.evidence.song.one_tempo_bpm
        sure = Speaker(self.settings.min_tempo_confidence).trusts(tempo)
        return figure(tempo.value, 0) if sure and tempo.value is not None and round(tempo.value) > 0 else None

    @property
    def key(self) -> str | None:
        """The key as it is spelled, with its mode where that is sure: 'E minor', 'E Dorian'; None where unsure."""
        key, mode = self.evidence.song.key, self.evidence.song.mode_name
        if not Speaker(self.settings.min_key_confidence).trusts(key):
            return None
        name = key_name(str(key.value))
        if name and mode.value and mode.value not in _PLAIN_MODES and Speaker(_SURE_MODE).trusts(mode):
            return f"{name.split()[0]} {mode.value.capitalize()}"
        return name

    def mix(self) -> list[Fact]:
        """Return what is known of the mix, in a fixed order."""
        song, raw = self.evidence.song, self.evidence.raw_song
        tempo = [Fact("tempo", "known", {"bpm": self.bpm})] if self.bpm else []
        pace = [Fact("pace", TEMPO.word(song.tempo_bpm.value or 0.0))] if self.bpm else []
        key = [Fact("key", "known", {"key": self.key})] if self.key else []
        metre, sure = song.metre, Speaker(self.settings.min_metre_confidence)
        metres = (
            [Fact("metre", "known", {"metre": str(metre.value)}, int(metre.value == "4/4"))]
            if sure.trusts(metre)
            else []
        )
        steadiness = self._worded("steadiness", BEAT, song.tempo_stability, rare=("free", "slightly varying"))
        lows = _sum(song.sub_energy_share, song.bass_energy_share)
        mids = _sum(song.low_mid_energy_share, song.mid_energy_share)
        return [
            *pace, *tempo, *key, *metres,
            *self._worded("swing", SWING, song.swing_ratio, rare=("swung",)),
            *(fact for fact in steadiness if self.bpm),
            *self._worded("loudness", LOUDNESS, song.loudness_integrated_lufs),
            *self._worded("dynamics", DYNAMIC_RANGE, song.dynamic_range_db),
            *self._worded("brightness", BRIGHTNESS, song.spectral_centroid_hz, least=1.0),
            *self._stereo(raw.is_mono, raw.channels, song.stereo_width),
            # Without a sure pulse, swells count as onsets: slow strings have as many as metal.
            *(fact for fact in self._worded("density", DENSITY, song.onset_density_hz) if self.bpm),
            *self._worded("lows", LOWS, lows),
            *self._worded("mids", MIDS, mids),
            *self._worded("harmony pace", HARMONY_PACE, song.chord_change_rate_hz),
            *_chord_colour(song.chords),
        ]  # fmt: skip

    def stem(self, kind: StemKind) -> list[Fact]:
        """Return what is known of a stem, in a fixed order: what only its kind has comes first."""
        features = self.evidence.of_stem(kind)
        match features:
            case DrumFeatures():
                own = self._drums(features)
            case BassFeatures():
                own = self._bass(features)
            case VocalFeatures():
                own = self._vocals(features)
            case ChordalFeatures():
                own = self._chordal(kind, features)
        slots = stem_slots(kind)
        facts = [*own, *self._any_stem(kind, features)]
        return [Fact(f.topic, f.value, {**slots, **f.slots}, f.rank) for f in facts]

    def _any_stem(self, stem_kind: StemKind, stem: StemFeatures) -> Iterator[Fact]:
        if not KINDS[stem_kind].sums:  # The scale is that of one player.
            yield from self._worded("density", STEM_DENSITY, stem.onset_density_hz)
        for word in self._word(PRESENCE, stem.active_fraction):
            yield Fact("presence", _PRESENCE[word])
        if KINDS[stem_kind].harmony in {"chords", "melody"}:  # Drums are always bright, basses always dark.
            yield from self._worded("tone", TONE, stem.spectral_centroid_hz, least=1.0)

    def _drums(self, drums: DrumFeatures) -> Iterator[Fact]:
        speaker = self._speaker
        present = {
            "kick": drums.kick_present, "snare": drums.snare_present, "hi-hat": drums.hihat_present,
            "toms": drums.tom_present,
        }  # fmt: skip
        played = [name for name, heard in present.items() if heard.value and speaker.trusts(heard)]
        if len(played) > 1:
            yield Fact("drum kit", "known", {"pieces": "\x1f".join(played)})
        yield from _patterns(drums, played)
        yield from self._worded("drum syncopation", SYNCOPATION, drums.kick_snare_syncopation, rare=("syncopated",))
        yield from self._worded("drum repetition", REPETITION, drums.pattern_repetition)
        yield from self._worded("drum timing", TIMING, drums.timing_spread_ms)
        ghosts = drums.ghost_note_share
        if "snare" in played and Speaker(_SURE_GHOSTS).trusts(ghosts) and self._reaches("ghost", ghosts):
            yield Fact("ghost notes", "many", rank=0)

    def _bass(self, bass: BassFeatures) -> Iterator[Fact]:
        yield from self._named("bass register", bass.register)
        yield from self._worded("bass notes", BASS_SUSTAIN, bass.sustain_s)
        yield from self._worded("bass articulation", ARTICULATION, bass.legato)
        kick = self.evidence.drums.kick_present
        with_kick = "drums" in self.evidence.audible_kinds and kick.value and self._speaker.trusts(kick)
        if with_kick and self._reaches("locked", bass.kick_lock):
            yield Fact("bass and kick", "locked", rank=0)
        if self._reaches("roots", bass.root_share):
            yield Fact("bass and chords", "roots")

    def _vocals(self, vocals: VocalFeatures) -> Iterator[Fact]:
        yield from self._named("vocal register", vocals.register)
        yield from self._worded("vocal range", VOCAL_RANGE, vocals.f0_range_semitones)

    def _chordal(self, kind: StemKind, stem: ChordalFeatures) -> Iterator[Fact]:
        if not KINDS[kind].sums:  # Short sounds of a sum are its drums.
            yield from (Fact("sustain", _SUSTAIN[word]) for word in self._word(HARMONIC_SUSTAIN, stem.sustain))
        pace = [word for word in self._word(HARMONY_PACE, stem.harmonic_rhythm_hz) if word != "moderate"]
        yield from (Fact("stem harmony", word) for word in pace)
        if self._reaches("sevenths", stem.seventh_share):
            yield Fact("sevenths", "many", rank=0)
        if Speaker(max(_CHORD_SURE, self.settings.min_claim_confidence)).trusts(stem.main_chords):
            names = chord_names(str(stem.main_chords.value), self._plain_key)[:_MAX_CHORDS]
            if len(names) > 1:
                yield Fact("main chords", "known", {"chords": listed(names)})

    @property
    def _plain_key(self) -> str | None:
        """The key in which chords are spelled."""
        return key_name(str(self.evidence.song.key.value)) if self.key else None

    def _stereo(self, is_mono: Measurement[bool], channels: Measurement[int], width: Measurement[float]) -> list[Fact]:
        if not self._speaker.trusts(is_mono) or (channels.value or 0) > 2:
            return []
        return [Fact("stereo", "mono", rank=0)] if is_mono.value else self._worded("stereo", WIDTH, width)

    def _worded(
        self,
        topic: str,
        words: Scale,
        measurement: Measurement[float],
        *,
        rare: tuple[str, ...] = (),
        least: float = 0.0,
    ) -> list[Fact]:
        """Return the fact of a measurement that has a scale; none where the scale has no word for it."""
        if measurement.value is not None and least and measurement.value < least:
            return []
        ranks = {**dict.fromkeys(_PLAIN, 2), **dict.fromkeys(rare, 0)}
        return [Fact(topic, word, rank=ranks.get(word, 1)) for word in self._word(words, measurement)]

    def _word(self, words: Scale, measurement: Measurement[float]) -> list[str]:
        value = measurement.value
        word = words.word(value) if value is not None and self._speaker.trusts(measurement) else ""
        return [word] if word else []

    def _named(self, topic: str, measurement: Measurement[str]) -> list[Fact]:
        return [Fact(topic, str(measurement.value))] if self._speaker.trusts(measurement) else []

    def _reaches(self, share: str, measurement: Measurement[float]) -> bool:
        trusted = measurement.value is not None and self._speaker.trusts(measurement)
        return trusted and (measurement.value or 0.0) >= _SHARES[share]

    @property
    def _speaker(self) -> Speaker:
        return Speaker(self.settings.min_claim_confidence)


def stem_slots(kind: StemKind) -> dict[str, str]:
    """Return what every wording of a stem may name: the part and the endings that agree with it."""
    facts = KINDS[kind]
    endings = ("", "", "are", "have", "their") if facts.plural else ("s", "es", "is", "has", "its")
    return {
        "the": facts.subject,
        "noun": facts.noun,
        "notes": "hits" if facts.harmony == "none" else "notes",
        **dict(zip(("s", "es", "is", "has", "its"), endings, strict=True)),
    }


def beside_others(facts: Iterable[Fact], kind: StemKind) -> list[Fact]:
    """Return facts of a stem for a text about others too, where 'the instruments' alone would be all that plays."""
    slots = {"the": OTHERS} if KINDS[kind].holds_rest else {}
    return [replace(fact, slots={**fact.slots, **slots}) for fact in facts]


def _sum(*shares: Measurement[Any]) -> Measurement[float]:
    values = [float(share.value) for share in shares if share.value is not None]
    if len(values) < len(shares):
        return Measurement.unknown("a band is unknown", method="sum")
    return Measurement.of(sum(values), method="sum", confidence=least(share.confidence for share in shares))


def _chord_colour(chords: Sequence[Chord]) -> list[Fact]:
    """Return which chords fill most of the time: minor, major, or those with a seventh."""
    named = [chord for chord in chords if chord.label != "N" and chord.confidence >= _CHORD_SURE]
    time_s: defaultdict[str, float] = defaultdict(float)
    for chord in named:
        quality = chord.label.partition(":")[2].partition("/")[0]
        length_s = chord.end_s - chord.start_s
        time_s["seventh"] += length_s * ("7" in quality)
        time_s["minor" if quality.startswith("min") else "major" if quality.startswith(("maj", "7")) else ""] += (
            length_s
        )
    total_s = sum(chord.end_s - chord.start_s for chord in named)
    if total_s <= 0.0 or total_s < _CHORDS_TIME * sum(chord.end_s - chord.start_s for chord in chords):
        return []
    shares = {name: time_s[name] / total_s for name in ("seventh", "minor", "major")}
    return next(([Fact("chord colour", name)] for name, share in shares.items() if share >= _SHARES["colour"]), [])


def _patterns(drums: DrumFeatures, played: Iterable[str]) -> Iterator[Fact]:
    """Tell the patterns that have a name, where a drum plays them in enough of its bars."""
    common = {row.drum: row for row in drums.drum_patterns if row.bar_share >= _BAR_SHARE}
    names = {"kick": "kick", "snare": "snare", "hi-hat": "hihat"}
    for name in played:
        row = common.get(names.get(name, ""))
        if row is None or row.steps != _STEPS:
            continue
        value = _NAMED.get((name, frozenset(i for i, step in enumerate(row.pattern) if step != ".")))
        if value:
            yield Fact(name, value, rank=0 if name == "kick" else 1)


_STEPS = 16
_NAMED: Mapping[tuple[str, frozenset[int]], str] = {
    ("kick", frozenset({0, 4, 8, 12})): "four on the floor",
    ("snare", frozenset({4, 12})): "backbeat",
    ("hi-hat", frozenset(range(0, 16, 2))): "eighths",
    ("hi-hat", frozenset(range(16))): "sixteenths",
    ("hi-hat", frozenset({2, 6, 10, 14})): "off-beats",
}
