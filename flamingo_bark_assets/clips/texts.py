"""What is told of a clip: the prompt of its level, written from what was measured inside it.

Choosing and checking words belongs here; restricting the measurements stands in `within`, the patterns in `prompts`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass

from flamingo_bark_assets.audio.signal import Sound
from flamingo_bark_assets.captioning.edits import HUMAN
from flamingo_bark_assets.captioning.interface import Answer, Captions
from flamingo_bark_assets.captioning.measured import IDENTITY, MeasuredCaptioner
from flamingo_bark_assets.claims.checking import check_claims
from flamingo_bark_assets.claims.finding import find_claims
from flamingo_bark_assets.claims.model import Claim
from flamingo_bark_assets.claims.rewriting import rewrite
from flamingo_bark_assets.claims.scope import scope_of
from flamingo_bark_assets.claims.tokens import split_sentences as sentences_of
from flamingo_bark_assets.clips.within import Inside
from flamingo_bark_assets.custom_tag import CustomTag, TagPosition
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.parts import Part, Question, StemKind
from flamingo_bark_assets.prompts.answered import WRITTEN
from flamingo_bark_assets.prompts.forms import Form
from flamingo_bark_assets.prompts.grammar import Choices
from flamingo_bark_assets.prompts.levels import (
    Prompt,
    PromptWriter,
    TrainingPrompts,
    form_weights,
    prompt_name,
    prompt_weight,
)
from flamingo_bark_assets.prompts.library_scale import LibraryScale
from flamingo_bark_assets.settings import PromptSettings
from flamingo_bark_assets.text import fit, non_space_length, split_sentences

_SAID = WRITTEN | {"tagged"}
"""Sources of answers that were not measured inside the clip: what of them does not hold there is left out."""
_MUST_HOLD = frozenset({"tempo", "pace", "key"})
# What is said of the whole song: how long it is, and what happens in its course.
_OF_WHOLE = frozenset({"duration", "course", "modulation", "tempo_change"})
_VOICE = frozenset({"vocals", "singer"})
# Raw figures of levels and probabilities, which a listener would never say.
_FIGURES = re.compile(r"\b(?:LUFS|dB(?:FS|TP)?|LU)\b|\d\s?%")


@dataclass(frozen=True, slots=True)
class ClipText:
    """What is told of one clip.

    Attributes:
        prompt: name of the prompt of the song whose level it has.
        form: the form that was chosen for it.
        text: the words to train on.
        measured_text: the same without any word of a captioning model or a person.
        weight: training weight of the level.
        captioner: who wrote the words of `text` that were not measured; `measured` where all were.
        licence: of that model's weights; None without a model.
        is_fallback: whether that captioner ran because no model could be had.
    """

    prompt: str
    form: Form
    text: str
    measured_text: str
    weight: float
    captioner: str
    licence: str | None
    is_fallback: bool


class ClipWriter:
    """Writes the texts of the clips of one song.

    Args:
        captions: the answers about the song.
        prompts: its prompts, of which those that its owner wrote by hand go before made ones.
        settings: weights, budget and least confidence.
        scale: by which clips are compared with the songs of the library; empty for no such words.
    """

    def __init__(
        self, captions: Captions, prompts: TrainingPrompts, settings: PromptSettings, scale: LibraryScale
    ) -> None:
        self._captions = captions
        self._by_hand = {(p.prompt, p.form): _untagged(p) for p in prompts.prompts if p.captioner == HUMAN}
        self._settings = settings
        self._scale = scale
        self._measured = MeasuredCaptioner(settings)
        self._checked: dict[tuple[object, ...], str] = {}
        self._written = any(answer.source in _SAID and answer.text for answer in captions.answers)
        self._last: tuple[Inside | None, dict[bool, tuple[Evidence, Captions]]] = (None, {})

    def write(
        self, inside: Inside, kinds: tuple[StemKind, ...], *, clip: str, is_mix: bool, is_whole: bool
    ) -> ClipText:
        """Write the texts of one clip.

        Args:
            inside: what was measured inside it.
            kinds: the kinds of stem that sound together; none for the mix.
            clip: its name, by which form and words are chosen.
            is_mix: whether it is told as a mix: the mix, or all of it but the voice.
            is_whole: whether it holds the whole song, so that words about its course hold too.
        """
        evidence, measured = self._measured_inside(inside, voiceless=bool(kinds) and "vocals" not in kinds)
        of_level = () if is_mix else kinds
        form = Choices(evidence.song_id, clip).weighted(form_weights(self._settings), "form")
        writer = PromptWriter(evidence, measured, self._settings, None, self._scale, is_whole)
        plain = writer.text(of_level, form, seed=clip)
        made, said = plain, measured
        if self._written:
            said = self._captions_inside(evidence, measured, kinds, is_whole=is_whole)
            made = dataclasses.replace(writer, captions=said).text(of_level, form, seed=clip)
        level = prompt_name(of_level)
        name = level if not kinds or not is_mix else f"multi_instrument:{'+'.join(kinds)}"
        weight = prompt_weight(of_level, self._settings)
        weight = weight if name == level else self._settings.multi_instrument_weight
        if by_hand := self._hand_written(name, form, evidence, kinds, is_whole=is_whole):
            return ClipText(name, form, by_hand, plain, weight, HUMAN, None, False)
        if made == plain:
            names, licence, is_fallback = IDENTITY.name, None, bool(self._captions.is_fallback)
        else:
            names, licence, is_fallback = _authors(said, of_level)
        return ClipText(name, form, made, plain, weight, names, licence, is_fallback)

    def _measured_inside(self, inside: Inside, *, voiceless: bool) -> tuple[Evidence, Captions]:
        """Return what holds inside, with or without the voice, and the measured answers about it: once a piece."""
        if self._last[0] is not inside:
            self._last = (inside, {})
        known = self._last[1]
        if voiceless not in known:
            evidence = _voiceless(inside.evidence) if voiceless else inside.evidence
            known[voiceless] = evidence, self._measured.describe(evidence, _no_sound)
        return known[voiceless]

    def _captions_inside(
        self, evidence: Evidence, measured: Captions, kinds: tuple[StemKind, ...], *, is_whole: bool
    ) -> Captions:
        """Return the answers that hold inside: what was said of the song, and else what is measured inside."""
        answers = {(answer.part, answer.question): answer for answer in measured.answers}
        for answer in self._captions.answers:
            is_told = answer.source in _SAID and (is_whole or answer.question != "instruments")
            text = self._check(answer, evidence, kinds, is_whole=is_whole) if is_told else ""
            if text:
                answers[answer.part, answer.question] = dataclasses.replace(answer, text=text)
        return dataclasses.replace(self._captions, answers=tuple(answers.values()), claims=(), labels=())

    def _check(self, answer: Answer, evidence: Evidence, kinds: tuple[StemKind, ...], *, is_whole: bool) -> str:
        """Return what of an answer holds inside; '' where nothing does. A genre or mood is of the whole song."""
        if answer.question not in {"caption", "description"}:
            return answer.text or ""
        part: Part = answer.part  # type: ignore[assignment]
        question: Question = answer.question  # type: ignore[assignment]
        return self._holding(part, question, answer.text or "", evidence, kinds, is_whole=is_whole)

    def _holding(
        self, part: Part, question: Question, text: str, evidence: Evidence, kinds: tuple[StemKind, ...],
        *, is_whole: bool,
    ) -> str:  # fmt: skip
        song, drums = evidence.song, evidence.drums
        state = (
            evidence.audible_kinds, song.key.value, round(song.tempo_bpm.value or 0.0), drums.kick_present.value,
            drums.snare_present.value, drums.hihat_present.value,
        )  # fmt: skip
        voiceless = bool(kinds) and "vocals" not in kinds
        key = (part, text, state, voiceless, is_whole)
        if key not in self._checked:
            told = text if is_whole else _without_course(text)
            claims = check_claims(part, question, told, evidence, self._settings.min_claim_confidence)
            told = rewrite(told, [_strictly(claim, evidence, is_whole=is_whole) for claim in claims])
            self._checked[key] = " ".join(s for s in split_sentences(told) if _may_be_said(s, voiceless=voiceless))
        return self._checked[key]

    def _hand_written(
        self, name: str, form: Form, evidence: Evidence, kinds: tuple[StemKind, ...], *, is_whole: bool
    ) -> str | None:
        """Return what the owner wrote for this level, as far as it holds inside; None where nothing does."""
        text = self._by_hand.get((name, form))
        if not text:
            return None
        part: Part = kinds[0] if len(kinds) == 1 else "mix"
        told = self._holding(part, "caption", text, evidence, kinds, is_whole=is_whole)
        budget = self._settings.max_non_space_characters
        return (told if non_space_length(told) <= budget else fit("", split_sentences(told), budget)) or None


def _untagged(prompt: Prompt) -> str:
    """Return the text that its owner wrote, without the custom tag: exports put that into clips."""
    text = prompt.combined_prompt
    if prompt.custom_tag is None or prompt.held_tag:
        return text
    positions: tuple[TagPosition, ...] = ("prepend", "append")
    found = (CustomTag(prompt.custom_tag, position).taken_out_of(text) for position in positions)
    return next((shorter for shorter in found if shorter != text), text)


def _voiceless(evidence: Evidence) -> Evidence:
    """Return the measurements of the same part without its voice."""
    stems = tuple(
        dataclasses.replace(stem, audible=False) if stem.kind == "vocals" else stem for stem in evidence.stems.stems
    )
    return dataclasses.replace(evidence, stems=dataclasses.replace(evidence.stems, stems=stems))


def _without_course(text: str) -> str:
    """Leave out the sentences that tell of a part of the song: its intro, a drop, what begins later."""
    kept = [text[s.start : s.end] for s in sentences_of(text) if not any(scope_of(s).local)]
    return " ".join(kept)


def _strictly(claim: Claim, evidence: Evidence, *, is_whole: bool) -> Claim:
    """Take a tempo or key for wrong that is not known inside, or only agrees as half the tempo or a relative key.

    The song's may be another one there, and the text names the measured one beside it. Of a part of the song, what is
    said of the whole is wrong too.
    """
    if claim.kind in _OF_WHOLE and not is_whole:
        return dataclasses.replace(claim, verdict="conflict", measured=None, measured_number=None)
    if claim.kind not in _MUST_HOLD:
        return claim
    measured = evidence.song.key if claim.kind == "key" else evidence.song.tempo_bpm
    if measured.value is None:
        return dataclasses.replace(claim, verdict="conflict", measured=None, measured_number=None)
    return dataclasses.replace(claim, verdict="conflict") if claim.verdict == "agree" and claim.note else claim


def _may_be_said(sentence: str, *, voiceless: bool) -> bool:
    if _FIGURES.search(sentence):
        return False
    return not (voiceless and any(claim.kind in _VOICE for claim in find_claims(sentence)))


def _authors(said: Captions, kinds: Sequence[StemKind]) -> tuple[str, str | None, bool]:
    """Name who wrote what a prompt may hold: captions of its parts and the genre of the song."""
    labels = ("genre",) if kinds else ("genre", "mood", "instruments")
    read = {*(("mix", label) for label in labels), *((part, "caption") for part in kinds or ("mix",))}
    used = [a for a in said.answers if a.text and a.source in _SAID and (a.part, a.question) in read]
    names = list(dict.fromkeys(answer.captioner for answer in used)) or [IDENTITY.name]
    licence = next((answer.licence for answer in used if answer.licence), None)
    if any(answer.source == "model" and not answer.licence for answer in used):
        licence = None  # What nobody states for one of them is not stated for the text.
    return ", ".join(names), licence, any(answer.is_fallback for answer in used)


def _no_sound(part: Part) -> Sound:
    raise LookupError(f"a captioner without a model does not listen to the {part}")
