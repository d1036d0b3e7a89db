"""Transcribing the vocals of a song by the configured model, once; where it cannot be had, the reason why.

Loading by the settings, going over windows and keeping transcripts belong here; running the model on a window stands in
`whisper`, dropping what is not sung in `transcript`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flamingo_bark_assets.audio.signal import FloatArray, Sound
from flamingo_bark_assets.errors import WriteError
from flamingo_bark_assets.files.atomic import write_text
from flamingo_bark_assets.inference.catalogue import ModelError
from flamingo_bark_assets.inference.fetching import cached, revision_of
from flamingo_bark_assets.inference.loading import (
    check_memory,
    fetch_allowed,
    local_folder,
    refuse_unasked_download,
    weights_bytes_of,
)
from flamingo_bark_assets.inference.loading_checks import (
    UNKNOWN_LICENCE,
    choose_device,
    choose_dtype,
    refuse_damaged_files,
    why_not_loaded,
)
from flamingo_bark_assets.inference_settings import InferenceSettings, ModelCandidate
from flamingo_bark_assets.lyrics.catalogue import KNOWN_WHISPERS, known_whisper
from flamingo_bark_assets.lyrics.phrases import Span
from flamingo_bark_assets.lyrics.transcript import TranscribedSegment, TranscribedWord, Transcript
from flamingo_bark_assets.lyrics.whisper import SAMPLE_RATE_HZ, WINDOW_S, Whisper, load_whisper
from flamingo_bark_assets.lyrics.windows import cut_windows, plan_windows
from flamingo_bark_assets.settings import LyricsSettings

_log = logging.getLogger(__name__)

VERSION = 1
_MAX_FILE_BYTES = 16_000_000  # the words of an hour take less than one
_LANGUAGE_WINDOWS = 3
"""The longest windows tell the language of the song: one for all, as single windows are often taken for another."""
_MIN_REST_S = 2.0
"""What is left of a window behind the last segment is transcribed again where so much of it is sung."""
NOT_CONFIGURED = "no model is configured; `[lyrics] model` in settings.toml names one, see `flamingo-bark models list`"


@dataclass(frozen=True, slots=True)
class NotTranscribed:
    """Why there is no transcript."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Located:
    """The model's files, not loaded yet."""

    folder: Path
    model_id: str
    revision: str
    licence: str
    candidate: ModelCandidate


class Transcriber:
    """Transcribes songs; its model is loaded when the first song asks, and only where the song was not transcribed yet.

    Args:
        settings: which model.
        inference: what may be downloaded, and where models are kept.
        folder: where transcripts are kept; None keeps none.
    """

    def __init__(self, settings: LyricsSettings, inference: InferenceSettings, folder: Path | None) -> None:
        self._settings = settings
        self._inference = inference
        self._folder = folder
        self._located: _Located | NotTranscribed | None = None
        self._model: Whisper | NotTranscribed | None = None

    def transcribe(
        self, sound: Sound, phrases: Sequence[Span], duration_s: float, language: str | None
    ) -> Transcript | NotTranscribed:
        """Transcribe the phrases of a song.

        Args:
            sound: its vocals.
            phrases: where somebody sings; nothing else is transcribed.
            duration_s: length of the vocals.
            language: ISO 639-1 code, where it is known.
        """
        if self._settings.model is None:
            return NotTranscribed(NOT_CONFIGURED)
        if not phrases:
            return NotTranscribed("nobody was measured to sing")
        located = self._locate()
        if isinstance(located, NotTranscribed):
            return located
        windows = plan_windows(phrases, duration_s, longest_s=WINDOW_S)
        key = self._key(located, windows, cut_windows(sound, windows, SAMPLE_RATE_HZ), language)
        kept = self._kept(key)
        if kept is not None:
            return kept
        model = self._loaded(located)
        if isinstance(model, NotTranscribed):
            return model
        try:
            spoken, segments = _transcribed(model, sound, windows, phrases, language)
        except Exception as error:  # whatever a strange model makes a library raise
            return _failed(located.model_id, error)
        made = Transcript(segments, spoken, located.model_id, located.revision, located.licence)
        self._keep(key, made)
        return made

    def _locate(self) -> _Located | NotTranscribed:
        if self._located is None:
            candidate = ModelCandidate(
                model=self._settings.model or "", revision=self._settings.revision, dtype=self._settings.dtype,
                device=self._settings.device,
            )  # fmt: skip
            try:
                self._located = _locate(candidate, self._inference)
            except Exception as error:  # the song goes on without words
                self._located = _failed(candidate.model, error)
        return self._located

    def _loaded(self, located: _Located) -> Whisper | NotTranscribed:
        if self._model is None:
            try:
                self._model = _load(located)
            except Exception as error:  # likewise
                self._model = _failed(located.model_id, error)
        return self._model

    def _key(
        self, located: _Located, windows: Sequence[Span], samples: Iterator[FloatArray], language: str | None
    ) -> dict[str, Any]:
        sound = hashlib.sha256()
        for window, cut in zip(windows, samples, strict=True):
            sound.update(f"{window.start_s:.6f} {cut.size} ".encode())
            sound.update(cut.astype("<f4").tobytes())
        return {
            "sound": sound.hexdigest(), "model_id": located.model_id, "revision": located.revision,
            "dtype": located.candidate.dtype, "language": language,
        }  # fmt: skip

    def _path(self, key: dict[str, Any]) -> Path | None:
        if self._folder is None:
            return None
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        return self._folder / digest[:2] / f"{digest}.transcript.json"

    def _kept(self, key: dict[str, Any]) -> Transcript | None:
        path = self._path(key)
        try:
            if path is None or path.stat().st_size > _MAX_FILE_BYTES:
                return None
            content = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        if not isinstance(content, dict) or content.get("version") != VERSION or content.get("key") != key:
            return None
        return _transcript(content.get("transcript"))

    def _keep(self, key: dict[str, Any], made: Transcript) -> None:
        path = self._path(key)
        if path is not None:
            try:
                write_text(path, json.dumps({"version": VERSION, "key": key, "transcript": dataclasses.asdict(made)}))
            except WriteError as error:
                _log.warning("a transcript is not kept: %s", error)


def _failed(model_id: str, error: Exception) -> NotTranscribed:
    reason = why_not_loaded(model_id, error, without_memory="choose a smaller model or bfloat16")
    _log.info("nothing is transcribed: %s", reason)
    return NotTranscribed(reason)


def _locate(candidate: ModelCandidate, inference: InferenceSettings) -> _Located:
    """Find the configured model's files; download them only where the settings allow it.

    Raises:
        ModelError: they cannot be had.
    """
    folder = local_folder(candidate.model)
    if folder is not None:
        return _Located(folder, candidate.model, revision_of(folder), UNKNOWN_LICENCE, candidate)
    known = known_whisper(candidate.model)
    if known is None:
        ids = ", ".join(each.model_id for each in KNOWN_WHISPERS)
        raise ModelError(f"{candidate.model}: neither a folder nor a known model of transcription; there are {ids}")
    snapshot = cached(known, inference.cache_folder, revision=candidate.revision)
    if snapshot is None:
        refuse_unasked_download(known, inference)
        device = choose_device(candidate.model, candidate.device)
        check_memory(candidate, device, known.memory_bytes(candidate.dtype))
        snapshot = fetch_allowed(known, candidate, inference)
    return _Located(snapshot.path, known.model_id, snapshot.revision, known.licence, candidate)


def _load(located: _Located) -> Whisper:
    """Load a model from its files.

    Raises:
        ModelError: it is none, or does not fit.
    """
    candidate = located.candidate
    device = choose_device(candidate.model, candidate.device)
    check_memory(candidate, device, weights_bytes_of(located.folder, candidate))
    refuse_damaged_files(located.folder, located.model_id)
    dtype = choose_dtype(candidate.dtype, device)
    return load_whisper(located.folder, model_id=located.model_id, dtype=dtype, device=device)


def _transcribed(
    model: Whisper, sound: Sound, windows: Sequence[Span], phrases: Sequence[Span], language: str | None
) -> tuple[str | None, tuple[TranscribedSegment, ...]]:
    spoken = language if language in model.languages else _language(model, sound, windows)
    segments: list[TranscribedSegment] = []
    for window, samples in zip(windows, cut_windows(sound, windows, SAMPLE_RATE_HZ), strict=True):
        segments += _window(model, samples, window, phrases, spoken)
    return spoken, tuple(segments)


def _window(
    model: Whisper, samples: FloatArray, window: Span, phrases: Sequence[Span], language: str | None
) -> list[TranscribedSegment]:
    """Transcribe a window, and again what the model left out at its end."""
    segments: list[TranscribedSegment] = []
    at_s = window.start_s
    while samples.size:
        found = model.transcribe(samples, start_s=at_s, language=language)
        segments += found
        reached_s = max((segment.end_s for segment in found), default=window.end_s)
        rest_s = sum(phrase.overlap_s(reached_s, window.end_s) for phrase in phrases)
        if rest_s < _MIN_REST_S or reached_s - at_s < _MIN_REST_S:
            break
        samples = samples[round((reached_s - at_s) * SAMPLE_RATE_HZ) :]
        at_s = reached_s
    return segments


def _language(model: Whisper, sound: Sound, windows: Sequence[Span]) -> str | None:
    """Return the language that is likeliest over the longest windows; None for a model of one language."""
    if not model.languages:
        return None
    longest = sorted(windows, key=lambda window: -window.duration_s)[:_LANGUAGE_WINDOWS]
    told = sorted(longest, key=lambda window: window.start_s)
    logs: dict[str, float] = dict.fromkeys(sorted(model.languages), 0.0)
    for samples in cut_windows(sound, told, SAMPLE_RATE_HZ):
        for name, share in model.voice_in(samples).languages.items():
            logs[name] += math.log(max(share, 1e-9))
    return max(logs, key=lambda name: logs[name])


def _transcript(values: Any) -> Transcript | None:
    """Return a transcript from what stands in a file; None where it is none."""
    try:
        segments = tuple(
            TranscribedSegment(**{**segment, "words": tuple(TranscribedWord(**word) for word in segment["words"])})
            for segment in values["segments"]
        )
        return Transcript(**{**values, "segments": segments})
    except (TypeError, KeyError):
        return None
