"""Where sections begin: the choice of bars by evidence and by how long sections usually are.

The length prior and the search belong here; the evidence and the letters do not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.kernels import compiled

Values = NDArray[np.float64]

# Section lengths of pop songs have a log-normal distribution: most are 8 to 40 s long, and annotations of the Beatles
# and of SALAMI (Smith and others, ISMIR 2011) have means of 15 to 25 s.
_USUAL_S, _SHORTER, _LONGER = 16.0, 0.5, 1.6
# So long they are in a song of this length; a shorter one has fewer and shorter sections. Chosen on 14 generated songs
# of 50 s and ten of three minutes, and right for 14 others.
_USUAL_SONG_S, _SHARE_OF_LENGTH = 180.0, 0.25
# Phrase lengths in bars and the log odds of each being the song's own.
_PHRASES = {4: 0.0, 6: -2.0, 8: 0.0, 12: -1.5, 16: -0.5}
# Log weights of a section that has the song's phrase length, half or twice it, other multiples of four, of two, others.
_WHOLE, _OCTAVE, _FOUR, _TWO, _ODD = 0.0, -0.85, -1.35, -2.1, -2.6
# Log weights of an intro and an ending of any length from so many seconds on.
_FIRST_LOG, _LAST_LOG = -3.0, -2.5
_SHORTEST_S = 3.5
# No section is sought that is longer than both.
_LONGEST_S, _LONGEST_BARS = 240.0, 128


@dataclass(frozen=True, slots=True)
class Parting:
    """How a song is parted.

    Attributes:
        starts: bars at which a section begins, 0 first.
        probability: marginal probability of each bar being such a start, given the song's phrase length, (n_bars,).
        phrase_bars: the phrase length that explains the song best.
    """

    starts: list[int]
    probability: Values
    phrase_bars: int


def part(log_odds: Values, bar_s: float) -> Parting:
    """Split a song into sections: a semi-Markov chain over bars.

    Each section pays for its length, in seconds as sections of such a song are long, and in bars: least where it is the
    phrase length of the song, a little more for half or twice that, for other multiples of four, of two, most for
    odd lengths; each bar line that parts sections adds its log odds. First and last sections may be short. The phrase
    length is 4, 6, 8, 12 or 16, whichever parts it best.

    Args:
        log_odds: of each bar beginning a section, shape (n_bars,).
        bar_s: length of a bar in seconds.
    """
    readings = [(length, odds, *_search(log_odds, length, bar_s)) for length, odds in _PHRASES.items()]
    length, _, _, starts, probability = max(readings, key=lambda reading: reading[1] + reading[2])
    return Parting(starts, probability, length)


def _length_prior(phrase: int, bar_s: float, n_bars: int) -> Values:
    """Return log weight of each section length from 0 bars to the longest."""
    usual_s = _USUAL_S * (n_bars * bar_s / _USUAL_SONG_S) ** _SHARE_OF_LENGTH
    longest = min(n_bars, max(_LONGEST_BARS, round(_LONGEST_S / bar_s)))
    lengths = np.arange(longest + 1)
    regular = np.where(lengths % 4 == 0, _FOUR, np.where(lengths % 2 == 0, _TWO, _ODD))
    for length, log in ((2 * phrase, _OCTAVE), (phrase // 2, _OCTAVE), (phrase, _WHOLE)):
        if length <= longest:
            regular[length] = log
    away = np.log(np.maximum(lengths, 1) * bar_s / usual_s)
    prior = regular - 0.5 * np.square(away / np.where(away < 0.0, _SHORTER, _LONGER))
    prior[0] = -np.inf
    return np.asarray(prior)


def _search(log_odds: Values, phrase: int, bar_s: float) -> tuple[float, list[int], Values]:
    """Find the best partition for a phrase length: its log weight, its starts, and the probability of each bar."""
    n = log_odds.size
    prior = _length_prior(phrase, bar_s, n)
    shortest = max(1, math.ceil(_SHORTEST_S / bar_s))
    back = np.zeros(n + 1, np.int64)
    best, forward, backward = np.full(n + 1, -np.inf), np.full(n + 1, -np.inf), np.full(n + 1, -np.inf)
    odds = np.ascontiguousarray(log_odds, np.float64)
    _sum_and_search(odds, prior, _FIRST_LOG, _LAST_LOG, shortest, best, forward, backward, back)
    starts, at = [], n
    while at > 0:
        at = int(back[at])
        starts.append(at)
    return float(best[n]), starts[::-1], np.exp(np.minimum(forward[:n] + backward[:n] - forward[n], 0.0))


@compiled(
    "void(float64[::1], float64[::1], float64, float64, int64, float64[::1], float64[::1], float64[::1], int64[::1])"
)
def _sum_and_search(
    log_odds: Values,
    prior: Values,
    first_log: float,
    last_log: float,
    shortest: int,
    best: Values,
    forward: Values,
    backward: Values,
    back: NDArray[np.int64],
) -> None:
    n = log_odds.size
    longest = prior.size - 1
    best[0] = 0.0
    forward[0] = 0.0
    backward[n] = 0.0
    for step in range(2):
        for index in range(1, n + 1):
            here = index if step == 0 else n - index
            largest = -np.inf
            total = 0.0
            low = max(0, here - longest) if step == 0 else here + 1
            high = here if step == 0 else min(n, here + longest) + 1
            for there in range(low, high):
                start, end = (there, here) if step == 0 else (here, there)
                weight = prior[end - start]
                # An intro or ending may have any length from the shortest, a song any length at all.
                if end - start >= shortest and start == 0:
                    weight = max(weight, first_log)
                if end - start >= shortest and end == n:
                    weight = max(weight, last_log)
                if end < n:
                    weight += log_odds[end]
                value = weight + (forward[there] if step == 0 else backward[there])
                if step == 0 and weight + best[there] > best[here]:
                    best[here] = weight + best[there]
                    back[here] = there
                if value > largest:
                    total = total * math.exp(largest - value) + 1.0
                    largest = value
                elif value > -np.inf:
                    total += math.exp(value - largest)
            logged = largest + math.log(total) if total > 0.0 else -np.inf
            if step == 0:
                forward[here] = logged
            else:
                backward[here] = logged
