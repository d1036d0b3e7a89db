"""The captioner without a model: it writes from measurements and the song's own tags only, and says so.

Which question is answered how belongs here; the sentences stand in `sentences`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from flamingo_bark_assets.audio.signal import Sound
from flamingo_bark_assets.captioning.interface import Answer, Captions, Identity
from flamingo_bark_assets.descriptions.phrases import Phrase, Speaker
from flamingo_bark_assets.descriptions.sentences import Texts, drum_instruments, mix_texts, stem_texts
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.parts import KINDS, Part, Question, StemKind
from flamingo_bark_assets.settings import PromptSettings
from flamingo_bark_assets.text import clean_genres

IDENTITY = Identity(name="measured", model_id=None, revision="1", licence=None, is_fallback=True)
MAX_TAGS = 5
SIDECAR = "sidecar "

NO_GENRE = "no genre tag in the file or song.toml, and no captioning model ran"
NO_READABLE_GENRE = "the genre tag holds no name of a genre, and no captioning model ran"
GENRE_OF_SONG = "a genre tag is about the whole song, and no captioning model ran on the stem"
NO_MOOD = "mood is not measured, and no captioning model ran"
NO_STEMS = "no stem with sound, and no captioning model ran"
NOTHING_SURE = "nothing was measured with enough confidence"


_answer = partial(Answer, captioner=IDENTITY.name, is_fallback=IDENTITY.is_fallback, revision=IDENTITY.revision)


@dataclass(frozen=True, slots=True)
class MeasuredCaptioner:
    """Writes what was measured, in words; a `Captioner`.

    Attributes:
        settings: its `min_claim_confidence` decides what is sure enough to be said, those of tempo and key likewise.
    """

    settings: PromptSettings = field(default_factory=PromptSettings)

    @property
    def identity(self) -> Identity:
        """Tell who answers: no model, and always a fallback."""
        return IDENTITY

    @property
    def answers_ahead(self) -> bool:
        """Whether it gains by `answer_ahead`: no, as nobody is asked."""
        return False

    def answer_ahead(self, songs: Iterable[tuple[Evidence, Callable[[Part], Sound]]]) -> None:
        """Ask nobody."""

    def expect(self, songs: int, tell: Callable[[str], None]) -> None:
        """Tell nothing: sentences take no time."""

    def release(self) -> None:
        """Let go of nothing: there is no model."""

    def describe(self, evidence: Evidence, audio: Callable[[Part], Sound]) -> Captions:
        """Answer all questions for the mix and for each audible stem; `audio` is never called.

        Answers have a text or the reason why there is none; an unusable song has that reason alone.
        """
        del audio
        unusable = evidence.untellable
        if unusable:
            return Captions.of_unusable(
                evidence.song_id, unusable, captioner=IDENTITY.name, is_fallback=IDENTITY.is_fallback
            )
        limits = self.settings
        speaker = Speaker(limits.min_claim_confidence, limits.min_tempo_confidence, limits.min_key_confidence)
        stems = [a for kind in evidence.audible_kinds for a in _stem_answers(speaker, evidence, kind)]
        return Captions(
            song_id=evidence.song_id,
            captioner=IDENTITY.name,
            is_fallback=IDENTITY.is_fallback,
            answers=(*_mix_answers(speaker, evidence), *stems),
        )


def _mix_answers(speaker: Speaker, evidence: Evidence) -> list[Answer]:
    names = [KINDS[kind].noun for kind in evidence.audible_kinds]
    return [
        *_text_answers("mix", mix_texts(speaker, evidence)),
        _genre(evidence.metadata.genre_tags, evidence.metadata.genre_source),
        _silent("mix", "mood", NO_MOOD),
        _measured("mix", "instruments", Phrase(", ".join(names)) if names else None, NO_STEMS),
    ]


def _stem_answers(speaker: Speaker, evidence: Evidence, kind: StemKind) -> list[Answer]:
    is_drums = kind == "drums"
    instruments = drum_instruments(speaker, evidence) if is_drums else Phrase(KINDS[kind].noun)
    return [
        *_text_answers(kind, stem_texts(speaker, evidence, kind)),
        _silent(kind, "genre", GENRE_OF_SONG),
        _silent(kind, "mood", NO_MOOD),
        _measured(kind, "instruments", instruments, NOTHING_SURE),
    ]


def _text_answers(part: Part, texts: Texts) -> list[Answer]:
    return [
        _measured(part, "caption", texts.caption, NOTHING_SURE),
        _measured(part, "description", texts.description, NOTHING_SURE),
    ]


def _genre(tags: str | None, given_by: str | None) -> Answer:
    if not tags or not tags.strip():
        return _silent("mix", "genre", NO_GENRE)
    genres = ", ".join(clean_genres(tags, limit=MAX_TAGS))
    if not genres:
        return _silent("mix", "genre", NO_READABLE_GENRE)
    source = "human" if given_by and given_by.startswith(SIDECAR) else "file_tags"
    return _answer(part="mix", question="genre", text=genres, source=source, raw_text=tags)


def _measured(part: Part, question: Question, phrase: Phrase | None, otherwise: str) -> Answer:
    if phrase is None:
        return _silent(part, question, otherwise)
    return _answer(part=part, question=question, text=phrase.text, source="measured", confidence=phrase.confidence)


def _silent(part: Part, question: Question, reason: str) -> Answer:
    return _answer(part=part, question=question, text=None, source="none", reason=reason)
