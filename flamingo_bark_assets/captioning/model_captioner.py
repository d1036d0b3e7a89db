"""The captioner by a model: one of the configured chain answers, and each claim it makes is checked.

Falling back from one to the next and keeping a model loaded belong here; what is asked stands in `questions`, what is
passed on in `model_answers`.
"""

from __future__ import annotations

import dataclasses
import itertools
import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flamingo_bark_assets.captioning.confidence import weigh
from flamingo_bark_assets.captioning.interface import CaptionerCandidate, Captions, Identity
from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.captioning.model_answers import rows_of_replies
from flamingo_bark_assets.captioning.progress import CaptioningProgress
from flamingo_bark_assets.captioning.questions import Questions, Replies, clips_of
from flamingo_bark_assets.captioning.second_opinion import SecondOpinion
from flamingo_bark_assets.captioning.tagged import TaggedCaptioner
from flamingo_bark_assets.errors import FlamingoBarkError
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.inference.batching import InferenceFault, OutOfMemory, batch_size_of, free_memory
from flamingo_bark_assets.inference.interface import CaptioningModel, ModelIdentity, Query, Reply, StreamingModel
from flamingo_bark_assets.inference.loading import Loaded, Skipped, load_first
from flamingo_bark_assets.inference.reply_cache import AnswerCache
from flamingo_bark_assets.inference.server_client import ServerFault
from flamingo_bark_assets.inference.vocabulary import load_vocabulary
from flamingo_bark_assets.inference_settings import InferenceSettings
from flamingo_bark_assets.parts import Part
from flamingo_bark_assets.settings import PromptSettings, TaggingSettings

if TYPE_CHECKING:
    from flamingo_bark_assets.audio.signal import Sound

_log = logging.getLogger(__name__)

# A model that fails on so many songs in a row is taken to fail on all: loading it again for each costs minutes.
MAX_FAULTS_IN_A_ROW = 3


class ModelCaptioner:
    """Runs the first model of the chain that can be had; without one tagger and measured captioner write.

    The model is loaded when the first song asks and is kept for all songs after it. Answers are kept in `cache_folder`,
    so that nothing is asked twice; of `prompts`, `min_claim_confidence` says how sure a measurement must be to
    contradict a model. `tagging` says how much of a song the built-in tagger reads; it tags beside a model too.
    `asks_clap` says whether CLAP gives a second opinion.
    """

    def __init__(
        self,
        settings: InferenceSettings,
        prompts: PromptSettings,
        cache_folder: Path,
        tagging: TaggingSettings | None = None,
        *,
        asks_clap: bool = True,
    ) -> None:
        self._settings = settings
        self._prompts = prompts
        self._cache = AnswerCache(cache_folder)
        self._fallback = MeasuredCaptioner(prompts)
        self._tagged = TaggedCaptioner(tagging or TaggingSettings(), prompts)
        self._second_opinion = SecondOpinion(settings) if asks_clap else None
        own_genres = settings.vocabularies.genre
        self._genres = load_vocabulary(own_genres, name="genre") if own_genres is not None else None
        self._progress = CaptioningProgress()
        self._loaded: Loaded | None = None
        self._skipped: tuple[Skipped, ...] = ()
        self._faults_in_a_row = 0
        self._is_stand_in = False

    @property
    def identity(self) -> Identity:
        """Who answers; loads the model."""
        model = self._load().model
        return self._fallback.identity if model is None else _identity(model.identity)

    @property
    def advice(self) -> str | None:
        """One line on why no captioning model runs and what to do; None where one does."""
        return self._load().advice

    def expect(self, songs: int, tell: Callable[[str], None]) -> None:
        """Say from now on how far it is, and how long it will take: `songs` will be described."""
        self._progress = CaptioningProgress(songs, tell)

    @property
    def answers_ahead(self) -> bool:
        """Whether the model takes in the next question as soon as a row of its batch is free; loads it."""
        return isinstance(self._load().model, StreamingModel)

    def answer_ahead(self, songs: Iterable[tuple[Evidence, Callable[[Part], Sound]]]) -> None:
        """Ask the first questions about many songs, the batch kept full from song to song, and keep the replies.

        What fails is asked again, and told, when the song is described: there the next candidate of the chain answers.
        """
        loaded = self._load()
        if loaded.model is None:
            return
        model, batch_size = loaded.model, batch_size_of(loaded.candidate, loaded.model)
        asked = self._first_questions(songs, model)
        first = next((queries for queries in asked if self._cache.unanswered(model, queries)), [])
        queries = itertools.chain(first, itertools.chain.from_iterable(asked))
        try:
            if first:  # before the batch begins: a model does one thing at a time
                self._progress.estimate(model, first, batch_size)
            self._cache.answer_ahead(model, queries, batch_size=batch_size, on_reply=self._progress.answered)
        except FlamingoBarkError as error:
            _log.warning("songs are asked about one by one from here on: %s", error)

    def _first_questions(
        self, songs: Iterable[tuple[Evidence, Callable[[Part], Sound]]], model: CaptioningModel
    ) -> Iterator[list[Query]]:
        """Give what is asked at first about each song; without a song whose sound cannot be read any more.

        Hours may lie between measuring and asking: such a song must not end the stream of all others.
        """
        questions = Questions(self._settings, model.identity, self._genres)
        for evidence, audio in songs:
            if evidence.untellable:
                continue
            try:
                clips = clips_of(evidence, audio, self._settings, model)
            except Exception as error:  # the same will stop this song alone
                _log.warning("%s: it is asked about later: %s", evidence.song_id, error)
                continue
            yield [one.query for one in questions.first(clips)]

    def describe(self, evidence: Evidence, audio: Callable[[Part], Sound]) -> Captions:
        """Answer all questions for the mix and for each audible stem.

        Where memory runs out, or a server fails, the next candidate of the chain answers, this song and those after
        it, and at its end the tagger and, for what that is not sure of, the measured captioner. Where a model fails in
        another way, the next one answers for this song only.
        """
        if evidence.untellable:
            return self._fallback.describe(evidence, audio)
        captions = None
        try:
            while captions is None:
                captions = self._try(evidence, audio)
        finally:
            if self._is_stand_in:  # the next song is the first candidate's again
                self._is_stand_in = False
                self._unload()
        tagged = self._tagged.on(captions, evidence, audio)
        judged = tagged if self._second_opinion is None else self._second_opinion.on(tagged, evidence, audio)
        return weigh(judged, evidence)

    def release(self) -> None:
        """Let go of the model, of CLAP and of their memory; the next question loads them again."""
        if self._second_opinion is not None:
            self._second_opinion.release()
        self._unload()

    def _unload(self) -> None:
        self._loaded = None
        free_memory()

    def _load(self) -> Loaded:
        if self._loaded is None:
            self._loaded = load_first(self._settings, skipped=self._skipped)
            if self._loaded.advice:
                _log.warning("%s", self._loaded.advice)
        return self._loaded

    def _try(self, evidence: Evidence, audio: Callable[[Part], Sound]) -> Captions | None:
        """Let the present candidate answer; None where it cannot go on and the next candidate stands ready."""
        loaded = self._load()
        if loaded.model is None:
            return self._measured(evidence, audio, loaded)
        try:
            captions = self._inferred(evidence, audio, loaded, loaded.model)
        except OutOfMemory as error:
            skipped = loaded.failed(f"out of memory in inference on {evidence.song_id}: {error}")
        except ServerFault as error:
            skipped = loaded.failed(f"{error}; while {evidence.song_id} was described")
            _log.warning("skipped from here on: %s", skipped[-1].reason)
        except InferenceFault as error:
            skipped = loaded.failed(f"failed on {evidence.song_id}: {error}")
            _log.warning("the next candidate answers: %s", skipped[-1].reason)
            self._faults_in_a_row += not self._is_stand_in
            self._is_stand_in = self._is_stand_in or self._faults_in_a_row < MAX_FAULTS_IN_A_ROW
        else:
            self._faults_in_a_row *= self._is_stand_in
            return captions
        if not self._is_stand_in:
            self._skipped, self._faults_in_a_row = skipped, 0
        # The next model finds room only when nothing holds the last one, the error's traceback included.
        del loaded
        self._unload()
        self._loaded = load_first(self._settings, skipped=skipped)
        return None

    def _measured(self, evidence: Evidence, audio: Callable[[Part], Sound], loaded: Loaded) -> Captions:
        captions = self._fallback.describe(evidence, audio)
        return dataclasses.replace(captions, candidates=_candidates(loaded.skipped, "measured"))

    def _inferred(
        self, evidence: Evidence, audio: Callable[[Part], Sound], loaded: Loaded, model: CaptioningModel
    ) -> Captions:
        questions = Questions(self._settings, model.identity, self._genres)
        asked = questions.first(clips_of(evidence, audio, self._settings, model))
        batch_size = batch_size_of(loaded.candidate, model)
        first = [one.query for one in asked]
        with self._progress.song(evidence.song_id, model, self._cache, first, batch_size) as answered:
            replies = self._asked(questions.course(asked), model, batch_size, answered)
        answers, claims = rows_of_replies(replies, model.identity, evidence, self._prompts.min_claim_confidence)
        return Captions(
            song_id=evidence.song_id,
            captioner=model.identity.family,
            is_fallback=False,
            model_id=model.identity.model_id,
            model_runtime=_runtime(model.identity),
            answers=answers,
            claims=claims,
            candidates=_candidates(loaded.skipped, model.identity.model_id, model.identity.sound_sent_to),
        )

    def _asked(
        self,
        course: Generator[list[Query], list[Reply], Replies],
        model: CaptioningModel,
        batch_size: int,
        answered: Callable[[], None],
    ) -> Replies:
        """Ask round by round until the course of the questions is at its end."""
        try:
            queries = next(course)
            while True:
                queries = course.send(self._cache.ask(model, queries, batch_size=batch_size, on_reply=answered))
        except StopIteration as end:
            replies: Replies = end.value
            return replies


def _runtime(model: ModelIdentity) -> str | None:
    if model.device is None:
        return None
    runtime = f"{model.dtype} on {model.device}"
    if not model.dtype.endswith("+int8"):
        return runtime
    from flamingo_bark_assets.inference.quantisation import feature_for_int8

    feature = feature_for_int8()
    return runtime if feature is None else f"{runtime} with {feature}"


def _identity(model: ModelIdentity) -> Identity:
    return Identity(model.family, model.model_id, model.revision, model.licence, is_fallback=False)


def _candidates(
    skipped: Sequence[Skipped], answered: str, sound_sent_to: str | None = None
) -> tuple[CaptionerCandidate, ...]:
    passed = [
        CaptionerCandidate(
            candidate=n,
            captioner=skip.candidate.model,
            outcome="skipped",
            reason=skip.reason,
            sound_sent_to=skip.sound_sent_to,
        )
        for n, skip in enumerate(skipped)
    ]
    last = CaptionerCandidate(
        candidate=len(passed), captioner=answered, outcome="answered", sound_sent_to=sound_sent_to
    )
    return (*passed, last)
