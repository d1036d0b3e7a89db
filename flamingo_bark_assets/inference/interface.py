"""What a captioning model is asked and what it replies: the interface of all model families.

Clips, decoding and replies belong here; models stand in modules of their own, meaning and trust do not belong here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from flamingo_bark_assets.audio.signal import FloatArray


@dataclass(frozen=True, slots=True)
class Decoding:
    """How a reply is decoded.

    Attributes:
        max_new_tokens: most tokens of a reply.
        do_sample: sample, or take the likeliest token.
        temperature: of sampling; unused otherwise.
        top_p: nucleus of sampling; unused otherwise.
        top_k: likeliest tokens that are sampled from, 0 for all; unused otherwise.
        repetition_penalty: divides the odds of tokens that were said or asked; 1 changes nothing.
        seed: of sampling.
    """

    max_new_tokens: int = 160
    do_sample: bool = False
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment of a song.

    Attributes:
        start_s: where it begins, seconds into the song.
        end_s: where it ends.
    """

    start_s: float
    end_s: float


@dataclass(frozen=True, eq=False, slots=True)
class Clip:
    """Sound of a song for a model: one segment, or several that were joined.

    Attributes:
        samples: float32, shape (n_samples,), one channel.
        sample_rate_hz: samples a second.
        start_s: where it begins in the song.
        joined: the segments that it was joined of, in order; empty where it is one.
    """

    samples: FloatArray
    sample_rate_hz: int
    start_s: float = 0.0
    joined: tuple[Segment, ...] = ()

    @property
    def segments(self) -> tuple[Segment, ...]:
        """What of the song it holds, in order."""
        return self.joined or (Segment(self.start_s, self.start_s + self.samples.size / self.sample_rate_hz),)

    @property
    def end_s(self) -> float:
        """Where its last segment ends in the song."""
        return self.segments[-1].end_s


@dataclass(frozen=True, eq=False, slots=True)
class Query:
    """One question about one segment of sound.

    Attributes:
        clip: the sound; queries about one segment share the object or hold equal samples.
        prompt: without any audio token.
        decoding: how its reply is decoded.
    """

    clip: Clip
    prompt: str
    decoding: Decoding


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said.

    Attributes:
        text: decoded text without special tokens, unchanged otherwise.
        token_count: generated tokens, the end token included.
        mean_log_probability: mean natural log-probability of those tokens; None where the model gives none.
        truncated: whether it was cut off by `max_new_tokens`.
        repeating: whether it was stopped as it said the same over and over.
    """

    text: str
    token_count: int
    mean_log_probability: float | None
    truncated: bool
    repeating: bool = False

    @property
    def is_cut(self) -> bool:
        """Whether it has no end of its own."""
        return self.truncated or self.repeating


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model it is, exactly.

    Attributes:
        model_id: hub id or path as configured.
        family: one of `catalogue.Family`, such as audio-flamingo-2, qwen2-audio or server.
        revision: commit of the weights, or a digest of their files where there is none.
        licence: of the weights; None where nobody states it.
        dtype: of the weights in memory, with their quantisation; of a server's model it is not known.
        sound_sent_to: where sound is sent, in words; None where it stays in this process.
        files: digest of the files that were loaded, as `model_files.files_digest` gives it; None for a server.
        device: where it runs: cpu, cuda or mps; None for a server.
    """

    model_id: str
    family: str
    revision: str
    licence: str | None
    dtype: str
    sound_sent_to: str | None = None
    files: str | None = None
    device: str | None = None


def common_decoding(queries: Sequence[Query]) -> Decoding:
    """Return how a batch is decoded: with the most tokens that one of its queries may take.

    Raises:
        ValueError: there is none, or they differ in more than `max_new_tokens`.
    """
    most = max((query.decoding.max_new_tokens for query in queries), default=0)
    ways = {dataclasses.replace(query.decoding, max_new_tokens=most) for query in queries}
    if len(ways) != 1:
        raise ValueError(f"a batch is decoded in one way, not in {len(ways)}")
    return ways.pop()


class CaptioningModel(Protocol):
    """A loaded model."""

    @property
    def identity(self) -> ModelIdentity:
        """Which model it is."""
        ...

    @property
    def sample_rate_hz(self) -> int:
        """The rate it wants; other rates are resampled by the caller."""
        ...

    @property
    def max_clip_s(self) -> float:
        """The longest clip it takes; longer ones are cut by the caller."""
        ...

    def infer(self, queries: Sequence[Query]) -> list[Reply]:
        """Answer queries as one batch; they differ in decoding by `max_new_tokens` at most.

        Raises:
            torch.OutOfMemoryError: (or RuntimeError that says so) the batch is too large; the caller halves it.
        """
        ...


@runtime_checkable
class StreamingModel(CaptioningModel, Protocol):
    """A model that takes in the next query as soon as a reply is done."""

    def stream(self, queries: Iterable[Query], n_rows: int) -> Iterator[tuple[int, Reply]]:
        """Answer queries, at most `n_rows` at once, each with its number, counted from 0, as soon as it is done.

        Raises:
            torch.OutOfMemoryError: (or RuntimeError that says so) that many at once are too many.
        """
        ...
