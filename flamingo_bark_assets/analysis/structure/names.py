"""What a section may be called: intro, verse, chorus and so on, as a proposal with its probability.

Naming by repetition, level, voice and place belongs here; which sections are alike does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.features.structure import SECTION_NAMES, UNSUNG_SHARE
from flamingo_bark_assets.analysis.frontend.view import ACTIVITY_FRAME_S, AudioView
from flamingo_bark_assets.analysis.structure.model import section_model

Values = NDArray[np.float64]

NAMES = SECTION_NAMES
NAME_COLUMNS = (
    "first", "last", "place", "late", "length", "times", "share of the song", "level", "loudest that returns",
    "returns", "was there", "onsets", "sung", "letter sung", "before the voice", "after the voice",
)  # fmt: skip
# Own choice: a name that is less probable is not given.
_LEAST = 0.4
# Verse and chorus are parts of songs that are sung. Where nobody knows whether somebody sings, or nobody does, the form
# alone says little, whatever the generated songs say that the weights saw.
_MOST_UNKNOWN, _MOST_UNSUNG = 0.5, 0.35
_OF_SONGS = frozenset({"verse", "chorus", "bridge"})
_USUAL_S = 16.0
_INTRO_UNTIL, _OUTRO_FROM, _HARDLY = 0.2, 0.8, 1e-3
_VOICE_RANGE_DB, _BLEED_DB = 20.0, 26.0


@dataclass(frozen=True, slots=True)
class Outline:
    """What the names follow from, one value a section, in order.

    Attributes:
        letters: which are alike.
        lengths_s: how long each is.
        level_db: mean level over that of the song.
        onsets: mean rise of the levels over that of the song, as a logarithm.
        sung: share of the time in which somebody sings; None where that is unknown.
    """

    letters: Sequence[str]
    lengths_s: Values
    level_db: Values
    onsets: Values
    sung: Values | None


@dataclass(frozen=True, slots=True)
class Name:
    """A proposal: one of `NAMES`, or None where nothing distinguishes the section, and its probability."""

    name: str | None
    confidence: float


def sung_shares(voice: AudioView, mix: AudioView, edges_s: Sequence[tuple[float, float]]) -> Values:
    """Return the share of each span in which the stem of the voice is loud; 0 where all of it is but bleed."""
    power = np.asarray(voice.activity_power, np.float64)
    loud = float(np.percentile(power, 95.0)) if power.size else 0.0
    if loud < float(np.percentile(mix.activity_power, 95.0)) * 10.0 ** (-_BLEED_DB / 10.0):
        return np.zeros(len(edges_s))
    sings = power > loud * 10.0 ** (-_VOICE_RANGE_DB / 10.0)
    frames = [(round(a / ACTIVITY_FRAME_S), max(round(a / ACTIVITY_FRAME_S) + 1, round(b / ACTIVITY_FRAME_S)))
              for a, b in edges_s]  # fmt: skip
    return np.array([float(sings[a:b].mean()) if sings[a:b].size else 0.0 for a, b in frames])


def propose_names(outline: Outline) -> list[Name]:
    """Return a proposal for each section.

    The probabilities are those of a softmax regression on `NAME_COLUMNS`; sections with the same letter, but for the
    first and the last, share them. A song of one section has no names.
    """
    count = len(outline.letters)
    if count < 2:
        return [Name(None, 0.0)] * count
    model = section_model("mix" if outline.sung is None else "stems")
    scores = name_columns(outline) @ model.name_weights + model.name_bias
    logs = scores - np.log(np.exp(scores - scores.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True))
    logs -= scores.max(axis=1, keepdims=True)
    names = np.array(outline.letters)
    inner = (np.arange(count) > 0) & (np.arange(count) < count - 1)
    for letter in set(outline.letters):
        alike = (names == letter) & inner
        if alike.sum() > 1:
            logs[alike] = logs[alike].mean(axis=0)
    shares = np.exp(logs) * _possible(outline)
    shares /= shares.sum(axis=1, keepdims=True)
    return [_chosen(row, outline.sung, int((names == one).sum())) for row, one in zip(shares, names, strict=True)]


def _possible(outline: Outline) -> Values:
    """Return 1 where a section may have a name, else a little: an intro begins a song, an outro ends it."""
    ends = np.cumsum(outline.lengths_s)
    place = (ends - 0.5 * outline.lengths_s) / ends[-1]
    names = np.array(outline.letters)
    possible = np.ones((names.size, len(NAMES)))
    possible[place > _INTRO_UNTIL, NAMES.index("intro")] = _HARDLY
    possible[place < _OUTRO_FROM, NAMES.index("outro")] = _HARDLY
    # A bridge comes once, or in two parts.
    possible[(names[:, None] == names[None, :]).sum(axis=1) > 2, NAMES.index("bridge")] = _HARDLY
    return possible


def _chosen(shares: Values, sung: Values | None, times: int) -> Name:
    best = int(np.argmax(shares))
    confidence = float(shares[best])
    if NAMES[best] in _OF_SONGS:
        if sung is None:
            # What does not return is no verse and no chorus for all that is known of it.
            confidence = min(confidence, _MOST_UNKNOWN if times > 1 or NAMES[best] == "bridge" else _MOST_UNSUNG)
        elif float(sung.max()) < UNSUNG_SHARE:
            confidence = min(confidence, _MOST_UNSUNG)
    return Name(NAMES[best] if confidence >= _LEAST else None, confidence)


def name_columns(outline: Outline) -> Values:
    """Return what the names follow from, shape (n_sections, 16), columns as in `NAME_COLUMNS`."""
    names, lengths_s = np.array(outline.letters), outline.lengths_s
    count = names.size
    order = np.arange(count)
    ends = np.cumsum(lengths_s)
    place = (ends - 0.5 * lengths_s) / ends[-1]
    same = names[:, None] == names[None, :]
    times = same.sum(axis=1)
    level = (same * outline.level_db).sum(axis=1) / times
    loudest = float(level[times > 1].max()) if (times > 1).any() else np.inf
    sung = np.zeros(count) if outline.sung is None else outline.sung
    sings = sung >= UNSUNG_SHARE
    voiced = sings.any()
    first_sung, last_sung = (int(np.argmax(sings)), count - 1 - int(np.argmax(sings[::-1]))) if voiced else (0, count)
    return np.stack(
        [
            order == 0,
            order == count - 1,
            place,
            np.square(place - 0.65),
            np.log(lengths_s / _USUAL_S),
            np.minimum(times - 1, 3) / 3.0,
            (same * lengths_s).sum(axis=1) / ends[-1],
            np.clip(outline.level_db, -15.0, 15.0) / 6.0,
            (times > 1) & (level >= loudest - 0.5),
            (same & (order[None, :] > order[:, None])).any(axis=1),
            (same & (order[None, :] < order[:, None])).any(axis=1),
            np.clip(outline.onsets, -2.0, 2.0),
            sung,
            (same * sung).sum(axis=1) / times,
            voiced & (order < first_sung),
            voiced & (order > last_sung),
        ],
        axis=1,
    ).astype(np.float64)
