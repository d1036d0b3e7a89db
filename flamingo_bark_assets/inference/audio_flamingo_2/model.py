"""Audio Flamingo 2 as a captioning model: clips and questions in, replies with their probability out.

Prompts and text belong here; the network, its files and decoding do not.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from flamingo_bark_assets.inference.audio_flamingo_2 import frontend
from flamingo_bark_assets.inference.audio_flamingo_2.checkpoint import DType, load_network
from flamingo_bark_assets.inference.audio_flamingo_2.configuration import CheckpointError
from flamingo_bark_assets.inference.audio_flamingo_2.encoding import ClipEncoder
from flamingo_bark_assets.inference.audio_flamingo_2.generation import Request, generate_all
from flamingo_bark_assets.inference.audio_flamingo_2.release import fingerprint, open_release
from flamingo_bark_assets.inference.foreign_code import refuse_foreign_code
from flamingo_bark_assets.inference.interface import ModelIdentity, Query, Reply, common_decoding
from flamingo_bark_assets.inference.model_files import files_digest

if TYPE_CHECKING:
    from flamingo_bark_assets.inference.audio_flamingo_2.network import AudioContext, AudioFlamingo2Network

FAMILY = "audio-flamingo-2"
LICENCE = "NVIDIA OneWay Noncommercial License (research or evaluation); Qwen Research License"
MAX_PROMPT_TOKENS = 512

# Added to the base tokenizer in this order, which gives their ids.
ADDED_TOKENS = ("<audio>", "<|endofchunk|>", "<|PAD_TOKEN|>", "<SEP>")


@dataclass(frozen=True, slots=True)
class AddedTokenIds:
    """Ids of the tokens that the base tokenizer does not have.

    Attributes:
        audio: stands before the question.
        end_of_chunk: ended texts in training.
        pad: fills rows of a batch.
        separator: stands after the question.
    """

    audio: int
    end_of_chunk: int
    pad: int
    separator: int


class AudioFlamingo2:
    """A loaded Audio Flamingo 2; a `CaptioningModel`. Threads may share it: one is served at a time."""

    def __init__(self, network: AudioFlamingo2Network, tokenizer: Any, identity: ModelIdentity) -> None:
        """Join a network and its tokenizer.

        The tokenizer is transformers' of the base language model; what is missing of the added tokens is added.

        Raises:
            CheckpointError: the tokenizer is not the one that the network was trained with.
        """
        self.network = network
        self._tokenizer = tokenizer
        self._identity = identity
        self._ids = _add_tokens(tokenizer, network)
        self._encoder = ClipEncoder(network)
        self._lock = threading.Lock()

    @property
    def identity(self) -> ModelIdentity:
        """Which model it is."""
        return self._identity

    @property
    def sample_rate_hz(self) -> int:
        """16 kHz; clips of another rate are resampled."""
        return frontend.SAMPLE_RATE_HZ

    @property
    def max_clip_s(self) -> float:
        """120 s; what lies behind is left out."""
        return frontend.MAX_CLIP_S

    def infer(self, queries: Sequence[Query]) -> list[Reply]:
        """Answer queries, all as one batch.

        Raises:
            ValueError: samples that are not finite, or queries that are decoded in several ways.
            torch.OutOfMemoryError: the batch is too large.
        """
        replies = dict(self.stream(queries, len(queries)))
        return [replies[i] for i in range(len(queries))]

    def stream(self, queries: Iterable[Query], n_rows: int) -> Iterator[tuple[int, Reply]]:
        """Answer queries, at most `n_rows` at once, each with its number as soon as it is done.

        A reply that ends makes room for the next query, which is only then asked for; queries about one clip should
        follow one another. A clip that stands in the batch several times, or was encoded a moment ago, is encoded once.
        Prompts are put in lower case, as the model was trained. A reply, also a sampled one, does not depend on what is
        decoded beside it, but for rounding.

        Raises:
            ValueError: samples that are not finite, or queries that are decoded in several ways.
            torch.OutOfMemoryError: the batch is too large.
        """
        waiting = iter(queries)
        first = next(waiting, None)
        if first is None:
            return
        waiting = itertools.chain([first], waiting)
        # transformers' tokenizers may not be shared by threads either.
        with self._lock:
            for number, one in generate_all(
                self.network,
                lambda free: self._intake(list(itertools.islice(waiting, free)), first),
                first.decoding,
                pad_id=self._ids.pad,
                n_rows=n_rows,
            ):
                yield (
                    number,
                    Reply(
                        text=self._text(one.tokens),
                        token_count=len(one.tokens),
                        mean_log_probability=one.mean_log_probability,
                        truncated=one.truncated,
                        repeating=one.repeating,
                    ),
                )

    def _intake(self, queries: Sequence[Query], first: Query) -> tuple[AudioContext, list[Request]] | None:
        if not queries:
            return None
        common_decoding([first, *queries])
        audio, window_mask, rows = self._encoder.encode([query.clip for query in queries])
        context = self.network.project_audio(audio, window_mask)
        return context, [
            Request(tuple(self._prompt_ids(query.prompt)), clip, query.decoding.max_new_tokens, query.decoding.seed)
            for query, clip in zip(queries, rows, strict=True)
        ]

    def _prompt_ids(self, prompt: str) -> list[int]:
        # A special token that is spelled out in a question stays text.
        words = self._tokenizer.encode(prompt.lower().strip(), add_special_tokens=False, split_special_tokens=True)
        # The separator must stay, so it is the question that is cut.
        return [self._ids.audio, *words[: MAX_PROMPT_TOKENS - 2], self._ids.separator]

    def _text(self, tokens: Sequence[int]) -> str:
        last = max((i for i, token in enumerate(tokens) if token == self._ids.separator), default=-1)
        return str(
            self._tokenizer.decode(
                list(tokens[last + 1 :]), skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        )


def load_audio_flamingo_2(
    path: Path,
    *,
    base_lm_path: Path | None = None,
    dtype: DType = "bfloat16",
    device: str = "cpu",
    tokenizer: Any = None,
    cache_folder: Path | None = None,
    model_id: str | None = None,
    revision: str | None = None,
    quantisation: Literal["none", "int8"] = "none",
) -> AudioFlamingo2:
    """Load a released checkpoint from disk; nothing is downloaded.

    Arguments are as of `load_network`; the tokenizer is read from `base_lm_path` where none is given. Records call the
    model by `model_id`, else by the path; its revision is a digest of its files where none is given.

    Raises:
        CheckpointError: the checkpoint or the tokenizer is missing, incomplete, broken or of another model.
    """
    if tokenizer is None:
        tokenizer = _read_tokenizer(base_lm_path, path)
    network = load_network(
        path,
        base_lm_path=base_lm_path,
        dtype=dtype,
        device=device,
        cache_folder=cache_folder,
        is_int8=quantisation == "int8",
    )
    identity = ModelIdentity(
        model_id=model_id or str(path),
        family=FAMILY,
        revision=revision or fingerprint(open_release(path)),
        licence=LICENCE,
        dtype=dtype if quantisation == "none" else f"{dtype}+{quantisation}",
        files=files_digest(path, base_lm_path),
        device=device,
    )
    return AudioFlamingo2(network, tokenizer, identity)


def _read_tokenizer(base_lm_path: Path | None, path: Path) -> Any:
    from transformers import AutoTokenizer

    if base_lm_path is None:
        raise CheckpointError(f"{path}: no tokenizer; give the folder of its Qwen2.5 base model as base_lm_path")
    refuse_foreign_code(base_lm_path, str(path))
    # Without these, transformers makes up an empty tokenizer.
    if not any((base_lm_path / name).is_file() for name in ("tokenizer.json", "vocab.json")):
        raise CheckpointError(f"{base_lm_path}: no tokenizer; tokenizer.json of the Qwen2.5 base model is missing")
    try:
        return AutoTokenizer.from_pretrained(str(base_lm_path), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{base_lm_path}: the tokenizer cannot be read: {error}") from error


def _add_tokens(tokenizer: Any, network: AudioFlamingo2Network) -> AddedTokenIds:
    """Add the four tokens and make sure that tokenizer and network agree on every id that matters."""
    from tokenizers import AddedToken

    tokenizer.add_tokens([AddedToken(t, special=True, normalized=False) for t in ADDED_TOKENS], special_tokens=True)
    ids = tuple(tokenizer.convert_tokens_to_ids(token) for token in ADDED_TOKENS)
    rows = network.configuration.vocabulary_size
    if ids != tuple(range(rows - len(ADDED_TOKENS), rows)) or len(tokenizer) != rows:
        raise CheckpointError(
            f"the tokenizer gives {', '.join(ADDED_TOKENS)} the ids {ids} of {len(tokenizer)}, but the model's last "
            f"of {rows} rows belong to them: it is the tokenizer of another base model"
        )
    ends = network.configuration.end_token_ids
    if tokenizer.eos_token_id not in ends:
        raise CheckpointError(
            f"the tokenizer ends texts with token {tokenizer.eos_token_id}, but the base model's config with {ends}: "
            "take both from the base model, not from its Instruct version"
        )
    return AddedTokenIds(*ids)
