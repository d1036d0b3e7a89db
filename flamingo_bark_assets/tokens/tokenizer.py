"""Sounds in, tokens out: what is cached is not asked again, and sounds of one length go together.

The course of it belongs here; the models stand in `semantic` and `acoustic`, what is kept in `cache`.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.audio.resample import resample
from flamingo_bark_assets.inference.batching import OutOfMemory
from flamingo_bark_assets.inference.memory import is_out_of_memory
from flamingo_bark_assets.tokens.acoustic import ACOUSTIC_RATE_HZ, acoustic_tokens
from flamingo_bark_assets.tokens.cache import TokenCache, Tokens, sound_digest
from flamingo_bark_assets.tokens.catalogue import TokenModels, find_models
from flamingo_bark_assets.tokens.frames import SEMANTIC_RATE_HZ
from flamingo_bark_assets.tokens.loading import LoadedModels, load_models
from flamingo_bark_assets.tokens.semantic import semantic_tokens

Wave = NDArray[np.float32]

BATCH_SIZE = 8


def tokenizer_for(models: TokenModels) -> Tokenizer:
    """Return the tokenizer over some models; they are loaded at the first sound that is not cached, and kept.

    Raises:
        ModelError: a model is not on this machine.
    """
    return _tokenizer(models, find_models(models).revisions())


@functools.lru_cache(maxsize=1)
def _tokenizer(models: TokenModels, revisions: tuple[str, ...]) -> Tokenizer:
    return Tokenizer(models, revisions)


def to_semantic_rate(wave: Wave) -> Wave:
    """Resample a wave of 24 kHz, shape (samples,), to the 16 kHz that HuBERT reads; band-limited, no delay."""
    resampled: Wave = resample(wave[np.newaxis], ACOUSTIC_RATE_HZ, SEMANTIC_RATE_HZ)[0]
    return resampled


class Tokenizer:
    """Turns sound into Bark's tokens; one caller at a time, others wait.

    Args:
        models: where they lie and where tokens are kept.
        revisions: which weights they are.
        batch_size: most sounds of one length at once; halved where memory runs out.
    """

    def __init__(self, models: TokenModels, revisions: Sequence[str], *, batch_size: int = BATCH_SIZE) -> None:
        self._models = models
        self.revisions = tuple(revisions)
        self._cache = TokenCache(models.token_cache) if models.token_cache is not None else None
        self._batch_size = max(1, batch_size)
        self._loaded: LoadedModels | None = None
        self._lock = threading.Lock()

    def tokens(self, waves: Sequence[Wave]) -> list[Tokens]:
        """Tokenise sounds; each batch is kept as soon as it is done, so that what is interrupted goes on there.

        Args:
            waves: float32, each of shape (samples,), 24 kHz.

        Returns:
            The tokens of each sound, in order: those that it would get alone.

        Raises:
            ModelError: a model cannot be loaded, or one sound alone does not fit into memory.
            WriteError: tokens cannot be kept.
        """
        digests = [sound_digest(wave, self.revisions) for wave in waves]
        spoken = [to_semantic_rate(wave) for wave in waves]
        known: dict[str, Tokens] = {}
        waiting: dict[str, int] = {}
        for i, digest in enumerate(digests):
            if digest in known or digest in waiting:
                continue
            kept = self._kept(digest, waves[i].size, spoken[i].size)
            if kept is None:
                waiting[digest] = i
            else:
                known[digest] = kept
        with self._lock:
            for batch in _equal_lengths(list(waiting.values()), waves, self._batch_size):
                made = self._made(np.stack([waves[i] for i in batch]), np.stack([spoken[i] for i in batch]))
                for i, tokens in zip(batch, made, strict=True):
                    known[digests[i]] = tokens
                    if self._cache is not None:
                        self._cache.put(digests[i], tokens)
        return [known[digest] for digest in digests]

    def _kept(self, digest: str, n_samples_24k: int, n_samples_16k: int) -> Tokens | None:
        if self._cache is None:
            return None
        return self._cache.get(digest, n_samples_24k=n_samples_24k, n_samples_16k=n_samples_16k)

    def _made(self, waves: Wave, spoken: Wave) -> list[Tokens]:
        """Tokenise one batch, in halves where it does not fit into memory."""
        if self._loaded is None:
            self._loaded = load_models(find_models(self._models), self._models.device)
        models = self._loaded
        try:
            semantic = semantic_tokens(models.hubert, models.quantizer, spoken)
            fine = acoustic_tokens(models.encodec, waves)
            return [Tokens(*both) for both in zip(semantic, fine, strict=True)]
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            if len(waves) == 1:
                raise OutOfMemory("tokens: out of memory with one clip; set device to cpu") from error
        self._batch_size = half = len(waves) // 2
        return [*self._made(waves[:half], spoken[:half]), *self._made(waves[half:], spoken[half:])]


def _equal_lengths(indices: Sequence[int], waves: Sequence[Wave], batch_size: int) -> Iterator[list[int]]:
    """Group sounds by length, the longest first: what does not fit into memory shows first."""
    lengths: dict[int, list[int]] = {}
    for i in indices:
        lengths.setdefault(waves[i].size, []).append(i)
    for _, group in sorted(lengths.items(), reverse=True):
        for start in range(0, len(group), batch_size):
            yield group[start : start + batch_size]
