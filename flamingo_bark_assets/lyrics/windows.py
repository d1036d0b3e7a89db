"""Which windows of the vocals stem are transcribed: those with measured phrases, and nothing else.

Choosing and cutting windows belongs here; transcribing them does not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from flamingo_bark_assets.audio.signal import FloatArray, Sound
from flamingo_bark_assets.audio.sums import equal_blocks
from flamingo_bark_assets.lyrics.phrases import Span

PAD_S = 0.3
"""Kept around the phrases of a window: consonants begin before there is a pitch."""
LONGEST_GAP_S = 5.0
"""A longer pause parts windows: models put words into silence."""


def plan_windows(phrases: Sequence[Span], duration_s: float, *, longest_s: float) -> tuple[Span, ...]:
    """Return the windows to transcribe: phrases in a row, with a pad, none overlapping another.

    A phrase that is longer than a window is cut into equal parts.

    Args:
        phrases: the measured phrases in order.
        duration_s: length of the stem.
        longest_s: what the model reads at once.
    """
    pieces = [piece for phrase in phrases for piece in _cut(phrase, longest_s - 2 * PAD_S)]
    groups: list[Span] = []
    for piece in pieces:
        last = groups[-1] if groups else None
        if (
            last is not None
            and piece.start_s - last.end_s <= LONGEST_GAP_S
            and piece.end_s - last.start_s <= longest_s - 2 * PAD_S
        ):
            groups[-1] = Span(last.start_s, piece.end_s)
        else:
            groups.append(piece)
    borders = [-math.inf, *((a.end_s + b.start_s) / 2 for a, b in pairwise(groups)), math.inf]
    return tuple(
        Span(max(0.0, before, group.start_s - PAD_S), min(duration_s, after, group.end_s + PAD_S))
        for group, (before, after) in zip(groups, pairwise(borders), strict=True)
    )


def cut_windows(sound: Sound, windows: Sequence[Span], sample_rate_hz: int) -> Iterator[FloatArray]:
    """Give the samples of each window, mono, float32, shape (n_samples,); the sound is read once and never held."""
    blocks = equal_blocks(sound, sample_rate_hz, 1)
    held, offset = np.zeros(0, np.float32), 0
    for window in windows:
        first, end = (round(time_s * sample_rate_hz) for time_s in (window.start_s, window.end_s))
        while offset + held.size < end and (block := next(blocks, None)) is not None:
            if offset + held.size <= first:
                held, offset = held[:0], offset + held.size
            held = np.concatenate([held, np.asarray(block[0], np.float32)])
        yield held[max(0, first - offset) : max(0, end - offset)]


def _cut(phrase: Span, longest_s: float) -> Iterator[Span]:
    count = max(1, math.ceil(phrase.duration_s / longest_s))
    length_s = phrase.duration_s / count
    for number in range(count):
        yield Span(phrase.start_s + number * length_s, phrase.start_s + (number + 1) * length_s)
