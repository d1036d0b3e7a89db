"""What a model transcribed, before and after what cannot be sung words was dropped.

The values and the rules of dropping belong here; running a model does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from flamingo_bark_assets.claims.lexicon import words as word_set
from flamingo_bark_assets.lyrics.phrases import Span, sung_share
from flamingo_bark_assets.text import clean_text, plain_words

Rule = Literal["caption", "no_speech", "pace", "no_voice", "loop"]
"""What drops words of a transcription, in the order in which the rules are applied.

`caption`: captions of silence or of sound, as videos have them, are no sung words. `no_speech`: the model itself takes
the window for one without a voice, and is unsure of its words. `pace`: more words a second than are taken for sung.
`no_voice`: nobody was measured to sing there. `loop`: one phrase returns again and again, as models repeat themselves.
"""

# Whisper's own limits for a window without speech (Radford and others 2022, section 4.5).
MAX_NO_SPEECH, MIN_MEAN_PROBABILITY = 0.6, 0.37
MIN_SUNG_SHARE = 0.25
"""Words that overlap less with the measured phrases are dropped; times of words are right within 0.2 s or so."""
_TOLERANCE_S = 0.2
MAX_WORDS_A_SECOND = 8.0
_MIN_PACED_WORDS = 4
MAX_REPEATS, MAX_REPEATS_OF_A_WORD = 4, 12
"""A phrase, and a single word, may be sung so often in a row; of what returns more often only the first is kept."""
_LONGEST_LOOP = 12

_SOUND = re.compile(r"[\[(*♪♫#][^\])*♪♫#]*[\])*♪♫#]|[♪♫]+")
# What was learned from subtitles of videos and comes back where nobody speaks; compared as words in lower case.
_CAPTIONS = (
    "thanks for watching", "thank you for watching", "thank you so much for watching", "please subscribe",
    "subscribe to my channel", "like and subscribe", "dont forget to subscribe", "see you in the next video",
    "see you next time", "subtitles by", "subtitles made by", "captions by", "captioned by", "transcribed by",
    "transcription by", "translated by", "amara org", "www", "copyright", "untertitel", "untertitelung", "sous titres",
    "sous titrage", "subtitulos", "subtítulos", "legendas", "sottotitoli", "ondertiteld", "napisy", "субтитры",
    "продолжение следует", "ご視聴ありがとうございました", "字幕", "请不吝点赞", "시청해주셔서 감사합니다",
)  # fmt: skip
_SOUND_NAMES = word_set(
    "music musik musique musica música applause laughter laughs silence instrumental humming singing cheering "
    "inaudible foreign bgm"
)


@dataclass(frozen=True, slots=True)
class TranscribedWord:
    """One word as the model gives it.

    Attributes:
        text: as it is written, without white space around it.
        start_s: when it begins in the song; None where the model gives times of segments only.
        end_s: when it ends; None where the model gives times of segments only.
        probability: geometric mean of the probabilities of its tokens.
    """

    text: str
    start_s: float | None
    end_s: float | None
    probability: float


@dataclass(frozen=True, slots=True)
class TranscribedSegment:
    """Words that the model gives as one line.

    Attributes:
        words: in order.
        start_s: when it begins in the song.
        end_s: when it ends.
        no_speech_probability: the model's probability that nobody speaks or sings in its window.
    """

    words: tuple[TranscribedWord, ...]
    start_s: float
    end_s: float
    no_speech_probability: float

    @property
    def text(self) -> str:
        """Its words as one line."""
        return " ".join(word.text for word in self.words)

    @property
    def probability(self) -> float:
        """Mean probability of its words; 0 without any."""
        return sum(word.probability for word in self.words) / len(self.words) if self.words else 0.0

    def times_of(self, words: Sequence[TranscribedWord]) -> tuple[float, float]:
        """Return start and end of some of its words, seconds of the song; its own where they have no times."""
        starts = [word.start_s for word in words if word.start_s is not None]
        ends = [word.end_s for word in words if word.end_s is not None]
        return (min(starts), max(ends)) if starts and ends else (self.start_s, self.end_s)


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words of a song as a model gives them.

    Attributes:
        segments: in order.
        language: the language that it was decoded in, as the model names it; None for a model of one language.
        model_id: hub id or path as configured.
        revision: commit of the weights, or a digest of their files.
        licence: of the weights.
    """

    segments: tuple[TranscribedSegment, ...]
    language: str | None
    model_id: str
    revision: str
    licence: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """Words that were dropped together.

    Attributes:
        words: the words.
        start_s: of the first, or of its segment.
        end_s: of the last, or of its segment.
        rule: by which.
        reason: in words.
    """

    words: tuple[TranscribedWord, ...]
    start_s: float
    end_s: float
    rule: Rule
    reason: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What is left of a transcript, and what was dropped."""

    segments: tuple[TranscribedSegment, ...]
    dropped: tuple[Dropped, ...]

    @property
    def dropped_words(self) -> int:
        """Number of words that were dropped."""
        return sum(len(group.words) for group in self.dropped)


def drop_unsung(segments: Sequence[TranscribedSegment], phrases: Sequence[Span]) -> Kept:
    """Drop what cannot be sung words, by each `Rule` in turn.

    Args:
        segments: as the model gives them, in order.
        phrases: the measured phrases; words outside them are dropped.
    """
    kept: list[TranscribedSegment] = []
    dropped: list[Dropped] = []
    for segment in segments:
        fault = _fault_of_segment(segment)
        if fault is not None:
            dropped.append(Dropped(segment.words, segment.start_s, segment.end_s, *fault))
            continue
        sung, unsung = _sung_words(segment, phrases)
        if unsung:
            share = sung_share(phrases, *segment.times_of(unsung))
            reason = f"the voice sings in {100 * share:.0f} % of that time; {100 * MIN_SUNG_SHARE:g} % is needed"
            dropped.append(Dropped(unsung, *segment.times_of(unsung), "no_voice", reason))
        if sung:
            start_s, end_s = segment.times_of(sung) if unsung else (segment.start_s, segment.end_s)
            kept.append(replace(segment, words=sung, start_s=start_s, end_s=end_s))
    without, loops = _without_loops(kept)
    return Kept(without, tuple(sorted([*dropped, *loops], key=lambda group: group.start_s)))


def _fault_of_segment(segment: TranscribedSegment) -> tuple[Rule, str] | None:
    """Say by which rule all of a segment is dropped; None where it is not."""
    if caption := _caption(segment.text):
        return "caption", f"'{caption}' is taken for a caption of a video"
    mean = segment.probability
    if segment.no_speech_probability > MAX_NO_SPEECH and mean < MIN_MEAN_PROBABILITY:
        chance = segment.no_speech_probability
        return "no_speech", f"no voice with a probability of {chance:.2f}, words with {mean:.2f}"
    start_s, end_s = segment.times_of(segment.words)
    count, length_s = len(segment.words), end_s - start_s
    if count >= _MIN_PACED_WORDS and count > MAX_WORDS_A_SECOND * length_s:
        return "pace", f"{count} words in {length_s:.1f} s; {MAX_WORDS_A_SECOND:g} a second is the limit"
    return None


def _caption(text: str) -> str | None:
    """Return the caption that a text is; None where it is none."""
    words = " ".join(plain_words(_SOUND.sub(" ", text)))
    if not words:
        return clean_text(text) or "♪"
    if set(words.split()) <= _SOUND_NAMES:
        return words
    return next((caption for caption in _CAPTIONS if f" {caption} " in f" {words} "), None)


def _sung_words(
    segment: TranscribedSegment, phrases: Sequence[Span]
) -> tuple[tuple[TranscribedWord, ...], tuple[TranscribedWord, ...]]:
    """Part the words of a segment into those where the voice sings and the others."""
    whole = sung_share(phrases, segment.start_s, segment.end_s) >= MIN_SUNG_SHARE
    sung: list[TranscribedWord] = []
    unsung: list[TranscribedWord] = []
    for word in segment.words:
        if word.start_s is None or word.end_s is None:
            is_sung = whole
        else:
            middle_s = (word.start_s + word.end_s) / 2
            near = any(p.start_s - _TOLERANCE_S <= middle_s <= p.end_s + _TOLERANCE_S for p in phrases)
            is_sung = near or sung_share(phrases, word.start_s, word.end_s) >= MIN_SUNG_SHARE
        (sung if is_sung else unsung).append(word)
    return tuple(sung), tuple(unsung)


def _without_loops(segments: Sequence[TranscribedSegment]) -> tuple[tuple[TranscribedSegment, ...], list[Dropped]]:
    """Drop all but the first of a phrase that returns too often in a row, across segments."""
    places = [(i, j) for i, segment in enumerate(segments) for j in range(len(segment.words))]
    plain = ["".join(plain_words(segments[i].words[j].text)) for i, j in places]
    looped: dict[tuple[int, int], str] = {}
    for first, end, length, repeats in _loops(plain):
        phrase = " ".join(segments[i].words[j].text for i, j in places[first : first + length])
        for place in places[first + length : end]:
            looped[place] = f"'{clean_text(phrase)[:80]}' returns {repeats} times in a row"
    kept, dropped = [], []
    for i, segment in enumerate(segments):
        gone = [j for j in range(len(segment.words)) if (i, j) in looped]
        if not gone:
            kept.append(segment)
            continue
        words = tuple(segment.words[j] for j in gone)
        dropped.append(Dropped(words, *segment.times_of(words), "loop", looped[i, gone[0]]))
        rest = tuple(word for j, word in enumerate(segment.words) if j not in gone)
        if rest:
            start_s, end_s = segment.times_of(rest)
            kept.append(replace(segment, words=rest, start_s=start_s, end_s=end_s))
    return tuple(kept), dropped


def _loops(words: Sequence[str]) -> Iterator[tuple[int, int, int, int]]:
    """Give first word, word behind the last, length of the phrase and repeats of each loop."""
    at = 0
    while at < len(words):
        found = None
        for length in range(1, _LONGEST_LOOP + 1):
            phrase = words[at : at + length]
            repeats = 1
            while len(phrase) == length and words[at + repeats * length : at + (repeats + 1) * length] == phrase:
                repeats += 1
            if repeats > (MAX_REPEATS_OF_A_WORD if len(set(phrase)) == 1 else MAX_REPEATS):
                found = (at, at + repeats * length, length, repeats)
                break
        if found is None:
            at += 1
        else:
            yield found
            at = found[1]
