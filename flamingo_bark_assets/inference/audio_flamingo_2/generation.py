"""Token by token: prompts about clips to replies as token ids with their probability, many at once.

Which rows are decoded together and which token comes next belong here; the network's passes stand in `decoder`, text
does not belong here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flamingo_bark_assets.inference.interface import Decoding
from flamingo_bark_assets.inference.penalties import penalties
from flamingo_bark_assets.inference.sampling import chooser, noise, widest_type

if TYPE_CHECKING:
    from torch import Tensor

    from flamingo_bark_assets.inference.audio_flamingo_2.network import AudioContext, AudioFlamingo2Network

# New rows are taken in when so much of the batch is free: each intake is a pass of its own.
_FREE_SHARE = 0.25
# A reply that says the same so many times in a row, in at least so many tokens together, says nothing more.
_REPEATS, _REPEATED_TOKENS, _LONGEST_REPEATED = 4, 24, 32
_LOOK_FOR_REPEATS_EVERY = 8


@dataclass(frozen=True, slots=True)
class Generated:
    """One reply.

    Attributes:
        tokens: ids, the end token included.
        mean_log_probability: mean natural log-probability of those tokens under the model, whatever the sampling;
            None where it is not finite.
        truncated: whether no end token came.
        repeating: whether it was stopped as it said the same over and over.
    """

    tokens: tuple[int, ...]
    mean_log_probability: float | None
    truncated: bool
    repeating: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """A prompt to continue.

    Attributes:
        tokens: of the prompt.
        clip: number of its clip in the context that it is given with.
        max_new_tokens: where the reply is cut off.
        seed: of its samples, which depend on nothing else that is decoded beside it.
    """

    tokens: tuple[int, ...]
    clip: int
    max_new_tokens: int
    seed: int = 0


Intake = Callable[[int], "tuple[AudioContext, Sequence[Request]] | None"]
"""Gives at most so many requests and the clips that they are about; None where there are no more."""


def generate(
    network: AudioFlamingo2Network,
    context: AudioContext,
    prompts: Sequence[Sequence[int]],
    decoding: Decoding,
    *,
    pad_id: int,
) -> list[Generated]:
    """Continue prompt i about clip i of a context, all at once.

    Raises:
        ValueError: a prompt is empty or there are not as many clips as prompts.
    """
    if len(context) != len(prompts):
        raise ValueError(f"{len(prompts)} prompts, but {len(context)} clips")
    requests = [Request(tuple(prompt), i, decoding.max_new_tokens, decoding.seed) for i, prompt in enumerate(prompts)]
    waiting = [(context, requests)]
    replies = dict(generate_all(network, lambda _: waiting.pop() if waiting else None, decoding, pad_id=pad_id,
                                n_rows=len(prompts)))  # fmt: skip
    return [replies[i] for i in range(len(prompts))]


def generate_all(
    network: AudioFlamingo2Network, intake: Intake, decoding: Decoding, *, pad_id: int, n_rows: int
) -> Iterator[tuple[int, Generated]]:
    """Continue requests, at most `n_rows` at once, for as long as there are any.

    A row that ends leaves the batch and makes room for the next request. Of `decoding` the limit and the seed are
    each request's own. Replies come as they end, with the number of their request, counted from 0 over all intakes.

    Raises:
        ValueError: a prompt is empty.
    """
    import torch

    batch = _Batch(network, decoding, pad_id=pad_id, n_rows=n_rows)
    may_be_more = True
    while may_be_more or batch.count:
        with torch.inference_mode():
            free = n_rows - batch.count
            if may_be_more and (not batch.count or free >= max(1, _FREE_SHARE * n_rows)):
                taken = intake(free)
                may_be_more = taken is not None
                if taken is not None:
                    batch.take_in(*taken)
            ended = batch.step() if batch.count else []
        yield from ended


class _Batch:
    """Rows that are decoded together: row i of every tensor belongs to one request."""

    def __init__(self, network: AudioFlamingo2Network, decoding: Decoding, *, pad_id: int, n_rows: int) -> None:
        import torch

        from flamingo_bark_assets.inference.audio_flamingo_2.decoder import Decoder

        self._decoder = Decoder(network, n_rows)
        self._choose = chooser(decoding) if decoding.do_sample else None
        self._penalties = penalties(decoding)
        self._pad_id = pad_id
        self._ends = torch.tensor(network.configuration.end_token_ids, dtype=torch.long, device=network.device)
        self._device = network.device
        self._context: AudioContext | None = None
        self._clips: list[int] = []
        self._numbers: list[int] = []
        self._n_taken = 0
        self._listeners: Any = None
        self._rows: _Rows

    @property
    def count(self) -> int:
        """Return how many rows there are."""
        return len(self._numbers)

    def take_in(self, context: AudioContext, requests: Sequence[Request]) -> None:
        """Read prompts into free rows: one pass over all of them."""
        import torch

        if not all(request.tokens for request in requests):
            raise ValueError("a prompt has no tokens")
        lengths = [len(request.tokens) for request in requests]
        room = max(length + request.max_new_tokens for length, request in zip(lengths, requests, strict=True))
        self._decoder.reserve(room)
        longest = max(lengths)
        rows = [[*request.tokens, *[self._pad_id] * (longest - len(request.tokens))] for request in requests]
        ids = torch.tensor(rows, device=self._device)
        listeners = self._decoder.listen(context, [request.clip for request in requests])
        # Behind a short prompt stands padding, which nothing attends to: its columns are written over, one by one.
        positions = torch.arange(longest, device=self._device).expand(len(rows), -1)
        hidden = self._decoder.hidden(self.count, ids, positions, longest - 1, listeners)
        lengths_there = torch.tensor(lengths, device=self._device)
        last = hidden[torch.arange(len(rows), device=self._device), lengths_there - 1]
        new = _Rows(
            history=torch.nn.functional.pad(ids, (0, room - longest), value=self._pad_id),
            asked=lengths_there,
            lengths=lengths_there.clone(),
            limits=torch.tensor([request.max_new_tokens for request in requests], device=self._device),
            scores=self._decoder.scores(last),
            log_probability=torch.zeros(len(rows), dtype=widest_type(self._device), device=self._device),
            noise=None if self._choose is None else noise([one.seed for one in requests], room, self._device),
        )
        first = len(self._context) if self._context is not None else 0
        self._context = context if self._context is None else self._context.joined(context)
        self._rows = new if not self.count else self._rows.joined(new, self._pad_id)
        self._clips += [first + request.clip for request in requests]
        self._numbers += range(self._n_taken, self._n_taken + len(requests))
        self._n_taken += len(requests)
        self._drop_unheard_clips()

    def step(self) -> list[tuple[int, Generated]]:
        """Add a token to each row; return the replies that end with it and go on with the others."""
        import torch

        rows, every = self._rows, torch.arange(self.count, device=self._device)
        scores = rows.scores
        for processor in self._penalties:
            scores = processor(rows.history, scores.clone())
        made = rows.lengths - rows.asked
        tokens = scores.argmax(dim=-1) if self._choose is None else self._choose(scores, rows.noise_at(made))
        chosen = rows.scores.gather(1, tokens[:, None])[:, 0] - rows.scores.logsumexp(dim=-1)
        rows.log_probability += chosen
        rows.history[every, rows.lengths] = tokens
        rows.lengths += 1
        has_ended = torch.isin(tokens, self._ends)
        # By each row's own tokens: where it is stopped must not depend on when the others began.
        repeats = (rows.lengths - rows.asked) % _LOOK_FOR_REPEATS_EVERY == 0
        if repeats.any():
            repeats &= self._repeating()
        done = has_ended | repeats | (rows.lengths - rows.asked >= rows.limits)
        ended = self._ended(done.nonzero()[:, 0].tolist(), has_ended, repeats)
        if ended:
            self._leave(done)
        if self.count:
            self._pass()
        return ended

    def _pass(self) -> None:
        """Let the network read the last token of each row."""
        import torch

        rows = self._rows
        positions = (rows.lengths - 1)[:, None]
        ids = rows.history[torch.arange(self.count, device=self._device)[:, None], positions]
        hidden = self._decoder.hidden(0, ids, positions, int(positions.max()), self._listeners)
        rows.scores = self._decoder.scores(hidden[:, 0])

    def _ended(self, rows: list[int], has_ended: Tensor, repeats: Tensor) -> list[tuple[int, Generated]]:
        ended = []
        for row in rows:
            asked, length = int(self._rows.asked[row]), int(self._rows.lengths[row])
            mean = float(self._rows.log_probability[row]) / (length - asked)
            ended.append((self._numbers[row], Generated(
                tokens=tuple(self._rows.history[row, asked:length].tolist()),
                mean_log_probability=mean if math.isfinite(mean) else None,
                truncated=not has_ended[row] and not repeats[row],
                repeating=bool(repeats[row] and not has_ended[row]),
            )))  # fmt: skip
        return ended

    def _repeating(self) -> Tensor:
        """Find the rows that end in several repeats of one phrase, as a bool a row."""
        import torch

        rows = self._rows
        made = rows.lengths - rows.asked
        found = torch.zeros_like(made, dtype=torch.bool)
        for period in range(1, _LONGEST_REPEATED + 1):
            span = period * max(_REPEATS, -(-_REPEATED_TOKENS // period))
            columns = (rows.lengths[:, None] - 1 - torch.arange(span, device=self._device)).clamp(min=0)
            tail = rows.history.gather(1, columns)
            found |= (made >= span) & (tail[:, period:] == tail[:, :-period]).all(dim=1)
        return found

    def _leave(self, done: Tensor) -> None:
        """Take ended rows out: rows from the end of the cache take their places."""
        import torch

        kept = (~done).nonzero()[:, 0]
        n = len(kept)
        free = done[:n].nonzero()[:, 0]
        movers = kept[kept >= n]
        if len(movers):
            self._decoder.move(movers, free)
        order = torch.arange(n, device=self._device)
        order[free] = movers
        self._rows = self._rows.of(order)
        chosen = order.tolist()
        self._numbers = [self._numbers[row] for row in chosen]
        self._clips = [self._clips[row] for row in chosen]
        self._drop_unheard_clips()

    def _drop_unheard_clips(self) -> None:
        """Keep the keys and values of clips that some row is about."""
        if self._context is None or not self.count:
            self._context = None
            return
        heard = sorted(set(self._clips))
        self._context = self._context.of_clips(heard)
        self._clips = [heard.index(clip) for clip in self._clips]
        self._listeners = self._decoder.listen(self._context, self._clips)


@dataclass(slots=True)
class _Rows:
    """What is known of each row.

    Attributes:
        history: its tokens, padded behind them, shape (n_rows, room).
        asked: tokens of its prompt.
        lengths: tokens in all.
        limits: tokens that it may make.
        scores: of its next token, shape (n_rows, vocabulary).
        log_probability: sum over the tokens that it made.
        noise: uniform numbers for its samples, shape (n_rows, most tokens that may be made); None for greedy decoding.
    """

    history: Tensor
    asked: Tensor
    lengths: Tensor
    limits: Tensor
    scores: Tensor
    log_probability: Tensor
    noise: Tensor | None

    def of(self, order: Tensor) -> _Rows:
        """Choose rows."""
        values: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        chosen: dict[str, Any] = {name: None if value is None else value[order] for name, value in values.items()}
        return _Rows(**chosen)

    def joined(self, other: _Rows, pad_id: int) -> _Rows:
        """Put other rows behind these."""
        import torch
        from torch.nn.functional import pad

        def both(name: str) -> Any:
            one, two = getattr(self, name), getattr(other, name)
            if one is None or one.ndim == 1 or name == "scores":
                return None if one is None else torch.cat((one, two))
            width = max(one.shape[1], two.shape[1])
            return torch.cat([pad(part, (0, width - part.shape[1]), value=pad_id) for part in (one, two)])

        joined: dict[str, Any] = {name: both(name) for name in self.__slots__}
        return _Rows(**joined)

    def noise_at(self, made: Tensor) -> Tensor:
        """Return the number that decides each row's next sample, shape (n_rows, 1)."""
        assert self.noise is not None
        return self.noise.gather(1, made[:, None])
