"""What the measurements say in sentences: a caption and a description for the mix and for each kind of stem.

Which measurement is told in which order belongs here; thresholds stand in `wording`, answers in `measured`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import assert_never

from flamingo_bark_assets.analysis.features.bass import BassFeatures
from flamingo_bark_assets.analysis.features.drums import DrumFeatures
from flamingo_bark_assets.analysis.features.harmonic import ChordalFeatures
from flamingo_bark_assets.analysis.features.stem import StemFeatures
from flamingo_bark_assets.analysis.features.vocals import VocalFeatures
from flamingo_bark_assets.descriptions.phrases import (
    Phrase,
    Speaker,
    enumerate_phrases,
    join,
    known,
    least,
    sentence,
)
from flamingo_bark_assets.descriptions.wording import (
    BANDWIDTH,
    BASS_SUSTAIN,
    BEAT,
    BRIGHTNESS,
    DYNAMIC_RANGE,
    FUNDAMENTAL,
    HARMONIC_SUSTAIN,
    LOUDNESS,
    PRESENCE,
    TEMPO,
    VIBRATO,
    capitalised,
    chord_names,
    counted,
    figure,
    hertz,
    listed,
    lufs,
    note_name,
    seconds,
)
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.note_names import key_name
from flamingo_bark_assets.parts import KINDS, StemKind
from flamingo_bark_assets.record import Measurement


@dataclass(frozen=True, slots=True)
class Texts:
    """What can be said of one part.

    Attributes:
        caption: one or two sentences, about 30 words; None where nothing is sure enough.
        description: two to four sentences; None where nothing is sure enough.
    """

    caption: Phrase | None
    description: Phrase | None


# What only this kind of stem has: phrases of the first sentence, and further sentences.
_StemTexts = tuple[Sequence[Phrase | None], Sequence[Phrase | None]]


def say_key(speaker: Speaker, evidence: Evidence) -> Phrase | None:
    """Say the key, for instance 'in E minor'."""
    return speaker.of_key.say(lambda key: _after("in ", key_name(key)), evidence.song.key)


def _key_of(speaker: Speaker, evidence: Evidence) -> str | None:
    """Return the key in which notes and chords are spelled, which need be no surer than they; None where it is less."""
    key = evidence.song.key
    return key_name(str(key.value)) if speaker.trusts(key) else None


def say_tempo(speaker: Speaker, evidence: Evidence) -> Phrase | None:
    """Say the tempo, for instance 'at 121 BPM'."""
    return _of_tempo(speaker, evidence, lambda bpm: f"at {figure(bpm, 0)} BPM")


def _of_tempo(speaker: Speaker, evidence: Evidence, words: Callable[[float], str]) -> Phrase | None:
    return speaker.of_tempo.say(lambda bpm: words(bpm) if round(bpm) > 0 else None, evidence.song.one_tempo_bpm)


def say_stereo(speaker: Speaker, evidence: Evidence) -> Phrase | None:
    """Say 'mono' or 'stereo'; nothing for more than two channels."""
    song = evidence.raw_song
    return speaker.say(
        lambda mono, channels: ("mono" if mono else "stereo") if channels <= 2 else None,
        song.is_mono,
        song.channels,
    )


def mix_texts(speaker: Speaker, evidence: Evidence) -> Texts:
    """Tell about the mix: what is played, how loud, how it is recorded."""
    opening = _mix_opening(speaker, evidence)
    return Texts(
        caption=join(" ", opening, _mix_manner(speaker, evidence, "It" if opening else "The music")),
        description=join(" ", opening, *_mix_details(speaker, evidence)),
    )


def stem_texts(speaker: Speaker, evidence: Evidence, kind: StemKind) -> Texts:
    """Tell about one stem, with what only its kind has and what all stems have."""
    key = _key_of(speaker, evidence)
    match stem := evidence.of_stem(kind):
        case DrumFeatures():
            opening, details = _drum_texts(speaker, stem)
        case BassFeatures():
            opening, details = _bass_texts(speaker, stem, key)
        case VocalFeatures():
            opening, details = _vocal_texts(speaker, stem, key)
        case ChordalFeatures():
            opening, details = _chordal_texts(speaker, stem, kind, key)
        case _:
            assert_never(stem)
    told = join(", ", *opening)
    first = Phrase(f"{capitalised(_name(evidence, kind))} {told.text}.", told.confidence) if told else None
    return _with_common(speaker, stem, _subject(kind), first, *details)


def _name(evidence: Evidence, kind: StemKind) -> str:
    """Name a stem; what a separator made is said to be without a voice by no one."""
    noun = KINDS[kind].noun
    if kind in evidence.separated_kinds:
        return f"separated {noun}"
    return f"{noun} without vocals" if "vocals" not in KINDS[kind].sums and KINDS[kind].sums else noun


def drum_instruments(speaker: Speaker, evidence: Evidence) -> Phrase:
    """Name the drums that are detected, for instance 'drums (kick and snare)', or plainly 'drums'."""
    detected = _drums(speaker, evidence.drums, present=True)
    return enumerate_phrases(*detected, before="drums (", after=")") or Phrase("drums")


def _mix_opening(speaker: Speaker, evidence: Evidence) -> Phrase | None:
    pace = _of_tempo(speaker, evidence, TEMPO.word)
    kinds = evidence.audible_kinds
    instruments = Phrase(f"with {listed([KINDS[kind].noun for kind in kinds])}") if kinds else None
    told = known([say_key(speaker, evidence), say_tempo(speaker, evidence), instruments])
    if not told:
        return None
    words = [pace.text, "music"] if pace else ["music"]
    text = " ".join([*words, *(phrase.text for phrase in told)])
    return Phrase(f"{capitalised(text)}.", least(phrase.confidence for phrase in told))


def _mix_manner(speaker: Speaker, evidence: Evidence, subject: str) -> Phrase | None:
    song = evidence.song
    loudness = speaker.say(LOUDNESS.word, song.loudness_integrated_lufs)
    nouns = enumerate_phrases(
        speaker.say(lambda db: f"a {DYNAMIC_RANGE.word(db)} dynamic range", song.dynamic_range_db),
        _tone(speaker, song.spectral_centroid_hz),
        speaker.say(lambda share: f"a {BEAT.word(share)} beat", song.tempo_stability),
    )
    if loudness:
        return join("", Phrase(f"{subject} is "), join(", with ", loudness, nouns), Phrase("."))
    return join("", Phrase(f"{subject} has "), nouns, Phrase(".")) if nouns else None


def _mix_details(speaker: Speaker, evidence: Evidence) -> tuple[Phrase | None, ...]:
    song, raw = evidence.song, evidence.raw_song
    movement = sentence(
        speaker.say(lambda share: f"the beat is {BEAT.word(share)}", song.tempo_stability),
        _rate(speaker, song.onset_density_hz, "sound", "sounds"),
    )
    level = sentence(
        _loudness_clause(speaker, song.loudness_integrated_lufs),
        speaker.say(
            lambda db: f"the dynamic range is {DYNAMIC_RANGE.word(db)} ({figure(db)} dB)",
            song.dynamic_range_db,
        ),
    )
    recording = sentence(
        _tone_clause(speaker, song.spectral_centroid_hz),
        speaker.say(
            lambda hz: f"the bandwidth is {_bandwidth_word(hz)} (up to {hertz(hz)})" if hz >= 1 else None,
            raw.bandwidth_hz,
        ),
        _prefixed("the recording is in ", say_stereo(speaker, evidence)),
    )
    return movement, level, recording


def _drum_texts(speaker: Speaker, drums: DrumFeatures) -> _StemTexts:
    detected = enumerate_phrases(*_drums(speaker, drums, present=True), before="with ")
    rate = speaker.say(lambda hz: _after("at about ", _per_second(hz, "hit", "hits")), drums.onset_density_hz)
    missing = enumerate_phrases(*_drums(speaker, drums, present=False), before="There is no clear sign of ", after=".")
    counts = sentence(
        _hits(speaker, "kick", drums.kick_present, drums.kick_density_hz),
        _hits(speaker, "snare", drums.snare_present, drums.snare_density_hz),
        _hits(speaker, "hi-hat", drums.hihat_present, drums.hihat_density_hz),
    )
    return (detected, rate), (counts, missing)


def _bass_texts(speaker: Speaker, bass: BassFeatures, key: str | None) -> _StemTexts:
    pitch = speaker.say(partial(_pitch_range, key=key), bass.f0_low_hz, bass.f0_high_hz)
    length = speaker.say(_note_length, bass.sustain_s)
    strength = sentence(
        speaker.say(lambda value: f"the fundamental is {FUNDAMENTAL.word(value)}", bass.fundamental_strength),
        _rate(speaker, bass.onset_density_hz, "note", "notes"),
    )
    return (pitch, length), (strength,)


def _vocal_texts(speaker: Speaker, vocals: VocalFeatures, key: str | None) -> _StemTexts:
    pitch = speaker.say(partial(_pitch_range, key=key), vocals.f0_low_hz, vocals.f0_high_hz)
    vibrato = speaker.say(
        lambda present: "with vibrato" if present else "without clear vibrato", vocals.vibrato_present
    )
    trembling = sentence(
        speaker.say(
            lambda present, hz: f"the vibrato has a rate of {figure(hz)} Hz" if present and hz > 0 else None,
            vocals.vibrato_present,
            vocals.vibrato_rate_hz,
        ),
        speaker.say(
            lambda present, cents: (
                f"the extent of the vibrato is {VIBRATO.word(cents)} ({figure(cents, 0)} cents)"
                if present and cents >= 2
                else None
            ),
            vocals.vibrato_present,
            vocals.vibrato_extent_cents,
        ),
    )
    return (pitch, vibrato), (trembling,)


def _chordal_texts(speaker: Speaker, stem: ChordalFeatures, kind: StemKind, key: str | None) -> _StemTexts:
    is_sum = bool(KINDS[kind].sums)  # Short sounds of a sum are its drums.
    they_play = "they play" if KINDS[kind].plural else "it plays"
    chords = speaker.say(lambda labels: _after("playing mainly ", listed(chord_names(labels, key))), stem.main_chords)
    changes = speaker.say(
        lambda hz: _after("with about ", _per_second(hz, "chord change", "chord changes")),
        stem.harmonic_rhythm_hz,
    )
    sounds = sentence(
        speaker.say(lambda share: f"{they_play} {HARMONIC_SUSTAIN.word(share)}", stem.sustain) if not is_sum else None,
        _rate(speaker, stem.onset_density_hz, "sound", "sounds"),
    )
    return (chords, changes), (sounds,)


def _subject(kind: StemKind) -> str:
    """Return the beginning of a sentence about a stem, for instance 'The drums are'."""
    return f"{capitalised(KINDS[kind].subject)} {'are' if KINDS[kind].plural else 'is'}"


def _with_common(
    speaker: Speaker, stem: StemFeatures, subject: str, opening: Phrase | None, *details: Phrase | None
) -> Texts:
    presence = speaker.say(lambda share: f"{subject} heard {PRESENCE.word(share)}", stem.active_fraction)
    tone = _tone(speaker, stem.spectral_centroid_hz)
    if presence:
        manner = join("", join(", with ", presence, tone), Phrase("."))
    else:
        manner = enumerate_phrases(tone, before="The sound has ", after=".")
    facts = sentence(
        presence,
        _loudness_clause(speaker, stem.loudness_integrated_lufs),
        _tone_clause(speaker, stem.spectral_centroid_hz),
    )
    return Texts(caption=join(" ", opening, manner), description=join(" ", opening, *details, facts))


def _drums(speaker: Speaker, drums: DrumFeatures, *, present: bool) -> Sequence[Phrase | None]:
    article = "" if present else "a "

    def named(name: str, measurement: Measurement[bool]) -> Phrase | None:
        return speaker.say(lambda detected: f"{article}{name}" if detected is present else None, measurement)

    return (
        named("kick", drums.kick_present),
        named("snare", drums.snare_present),
        named("hi-hat", drums.hihat_present),
    )


def _hits(speaker: Speaker, name: str, present: Measurement[bool], density_hz: Measurement[float]) -> Phrase | None:
    return speaker.say(
        lambda detected, hz: _after(f"the {name} has ", _per_second(hz, "hit", "hits")) if detected else None,
        present,
        density_hz,
    )


def _rate(speaker: Speaker, density_hz: Measurement[float], singular: str, plural: str) -> Phrase | None:
    def words(hz: float) -> str | None:
        counted_notes = counted(hz, singular, plural)
        verb = "begins" if counted_notes == f"1 {singular}" else "begin"
        return f"about {counted_notes} {verb} per second" if counted_notes else None

    return speaker.say(words, density_hz)


def _per_second(hz: float, singular: str, plural: str) -> str | None:
    events = counted(hz, singular, plural)
    return f"{events} per second" if events else None


def _pitch_range(low_hz: float, high_hz: float, *, key: str | None) -> str | None:
    low, high = note_name(low_hz, key), note_name(high_hz, key)
    if low is None or high is None or low_hz > high_hz:
        return None
    if low == high:
        return f"around {low}"
    return f"ranging from {low} to {high}"


def _note_length(length_s: float) -> str | None:
    length = seconds(length_s)
    return f"with {BASS_SUSTAIN.word(length_s)} notes of about {length}" if length else None


def _tone(speaker: Speaker, centroid_hz: Measurement[float]) -> Phrase | None:
    return speaker.say(lambda hz: f"a {BRIGHTNESS.word(hz)} tone" if hz >= 1 else None, centroid_hz)


def _tone_clause(speaker: Speaker, centroid_hz: Measurement[float]) -> Phrase | None:
    return speaker.say(
        lambda hz: f"the tone is {BRIGHTNESS.word(hz)} (spectral centroid {hertz(hz)})" if hz >= 1 else None,
        centroid_hz,
    )


def _bandwidth_word(hz: float) -> str:
    return f"that of a {word}" if (word := BANDWIDTH.word(hz)) == "telephone" else word


def _loudness_clause(speaker: Speaker, loudness: Measurement[float]) -> Phrase | None:
    return speaker.say(lambda value: f"the integrated loudness is {lufs(value)}", loudness)


def _after(prefix: str, text: str | None) -> str | None:
    return f"{prefix}{text}" if text else None


def _prefixed(prefix: str, phrase: Phrase | None) -> Phrase | None:
    return Phrase(f"{prefix}{phrase.text}", phrase.confidence) if phrase else None
