"""A second opinion on what a captioner said: CLAP's own labels, and how well sound and words fit.

Comparing captioner and CLAP belongs here; what CLAP computes stands in `clap`.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from flamingo_bark_assets.captioning.interface import Answer, Captions
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.inference.catalogue import ModelError
from flamingo_bark_assets.inference.clap import ClapUnavailable, LoadedClap, load_clap
from flamingo_bark_assets.inference.excerpts import typical_clip
from flamingo_bark_assets.inference.interface import Clip
from flamingo_bark_assets.inference.vocabulary import (
    TAGGED_SOURCE,
    VOCABULARY_NAMES,
    Label,
    Vocabulary,
    VocabularyName,
    agreement,
    load_vocabulary,
)
from flamingo_bark_assets.inference_settings import InferenceSettings, VocabularyFiles
from flamingo_bark_assets.parts import Part, Question

if TYPE_CHECKING:
    from flamingo_bark_assets.audio.signal import Sound

_log = logging.getLogger(__name__)

CLIP_S = 30.0
# Memory alignment moves CLAP's numbers by 1e-8 from run to run; results are the same to the byte.
_DIGITS = 6
_VOCABULARY_OF: dict[Question, VocabularyName] = {"genre": "genre", "mood": "mood", "instruments": "instrument"}


class SecondOpinion:
    """CLAP, loaded when the first song asks and kept for all songs after it."""

    def __init__(self, settings: InferenceSettings) -> None:
        self._settings = settings
        self._clap: LoadedClap | ClapUnavailable | None = None
        self._vocabularies: dict[VocabularyName, Vocabulary] = {}

    def on(self, captions: Captions, evidence: Evidence, audio: Callable[[Part], Sound]) -> Captions:
        """Add CLAP's labels, the fit of each text and the agreement of each list of labels.

        Without CLAP the captions are the same, with the reason.
        """
        clap = self._load()
        if isinstance(clap, ClapUnavailable):
            return dataclasses.replace(captions, second_opinion_reason=clap.reason)
        try:
            return self._compared(captions, evidence, audio, clap)
        except ModelError as error:
            return dataclasses.replace(captions, second_opinion_reason=str(error))

    def release(self) -> None:
        """Let go of CLAP; the next captions load it again."""
        if not isinstance(self._clap, ClapUnavailable):
            self._clap = None

    def _load(self) -> LoadedClap | ClapUnavailable:
        if self._clap is None:
            settings = self._settings
            self._clap = load_clap(
                settings.clap,
                offline=settings.offline,
                allow_download=settings.allow_download,
                cache_dir=settings.cache_folder,
            )
            if isinstance(self._clap, ClapUnavailable):
                _log.info("no second opinion: %s", self._clap.reason)
            else:
                self._vocabularies = {name: _vocabulary(name, settings.vocabularies) for name in VOCABULARY_NAMES}
        return self._clap

    def _compared(
        self, captions: Captions, evidence: Evidence, audio: Callable[[Part], Sound], clap: LoadedClap
    ) -> Captions:
        parts: tuple[Part, ...] = ("mix", *evidence.audible_kinds)
        labels: list[Label] = []
        answers = list(captions.answers)
        for part in parts:
            clip = typical_clip(
                audio(part), length_s=CLIP_S, sample_rate_hz=clap.sample_rate_hz, sections=evidence.song.sections
            )
            if clip is None:
                continue
            given = {
                name: tuple(map(_rounded, clap.label(clip, vocabulary, part=part)))
                for name, vocabulary in self._vocabularies.items()
            }
            labels += [label for found in given.values() for label in found[: self._settings.labels_per_vocabulary]]
            for index, answer in enumerate(answers):
                if answer.part == part and answer.text is not None:
                    answers[index] = self._weighed(answer, answer.text, clip, given, clap)
                    labels += _said(answer, answer.text)
        return dataclasses.replace(
            captions,
            answers=tuple(answers),
            labels=(*captions.labels, *labels),
            second_opinion=f"{clap.identity.model_id}@{clap.identity.revision}",
        )

    def _weighed(
        self,
        answer: Answer,
        text: str,
        clip: Clip,
        given: dict[VocabularyName, tuple[Label, ...]],
        clap: LoadedClap,
    ) -> Answer:
        vocabulary = next((name for question, name in _VOCABULARY_OF.items() if question == answer.question), None)
        if vocabulary is None:
            similarity = clap.similarity(clip, text)
            fit = None if similarity is None else round(similarity, _DIGITS)
            return dataclasses.replace(answer, audio_text_similarity=fit)
        agreed = agreement(given[vocabulary], text.split(", "), self._vocabularies[vocabulary])
        return dataclasses.replace(answer, label_agreement=agreed)


def _rounded(label: Label) -> Label:
    probability = label.probability
    return label if probability is None else dataclasses.replace(label, probability=round(probability, _DIGITS))


def _vocabulary(name: VocabularyName, files: VocabularyFiles) -> Vocabulary:
    given: Path | None = getattr(files, name)
    return load_vocabulary(name) if given is None else load_vocabulary(given, name=name)


def _said(answer: Answer, text: str) -> list[Label]:
    """Return the captioner's own labels, in its order; it gives no probability for one of several.

    The tagger's stand among the labels already, with theirs.
    """
    vocabulary = next((name for question, name in _VOCABULARY_OF.items() if question == answer.question), None)
    if vocabulary is None or answer.source == TAGGED_SOURCE:
        return []
    terms = list(dict.fromkeys(text.split(", ")))
    return [
        Label(
            part=answer.part,
            vocabulary=vocabulary,
            label=term,
            source=answer.captioner,
            probability=None,
            rank=rank,
            model_id=answer.model_id,
            revision=answer.revision,
        )
        for rank, term in enumerate(terms, start=1)
    ]
