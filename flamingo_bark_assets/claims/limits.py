"""What a claimed word means in numbers: limits of agreement, each with its source.

Limits belong here; reading the measurements and judging a claim by them do not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from flamingo_bark_assets.descriptions.wording import (
    BANDWIDTH,
    BEAT,
    BRIGHTNESS,
    DYNAMIC_RANGE,
    LOUDNESS,
    PRESENCE,
    SWING,
    SYNCOPATION,
    TEMPO,
    VOCAL_RANGE,
    WIDTH,
    Scale,
)

# Own choice: the 4 % of the tempo accuracy measure (Gouyon et al. 2006, IEEE TASLP 14), which also counts the
# factors 2, 3, 1/2 and 1/3 as right (Accuracy 2).
TEMPO_TOLERANCE = 0.04
TEMPO_FACTORS: tuple[tuple[float, str | None], ...] = (
    (1.0, None), (0.5, "half tempo"), (2.0, "double tempo"), (1 / 3, "a third of the tempo"),
    (3.0, "three times the tempo"),
)  # fmt: skip

# Own choice: a voice or instrument that sounds less than this may be what the separation of stems left over.
FAINT_ENERGY_SHARE = 0.01
FAINT_ACTIVE_FRACTION = PRESENCE.steps[0][0]  # "in a small part of the song"
# Own choice: a length that is rounded to the second, or to a few in a long song.
DURATION_TOLERANCE, DURATION_TOLERANCE_S = 0.02, 2.0
# Own choice. The measured floor is never below the true one, and dense music may raise it.
CLEAN_NOISE_FLOOR_DBFS = -60.0
NOISY_NOISE_FLOOR_DBFS = -45.0


@dataclass(frozen=True, slots=True)
class WordLimits:
    """The range of a quantity in which a word is true, and the wider one outside which it is false.

    Attributes:
        low: least value for which the word is true; minus infinity where there is none.
        high: least value that is too high for it; infinity where there is none.
        open_low: below it the word is false; from there to `low` nothing is decided.
        open_high: from it upwards the word is false.
    """

    low: float
    high: float
    open_low: float
    open_high: float

    def holds(self, value: float) -> bool | None:
        """Tell whether the word is true of a value; None where that is not decided."""
        if self.low <= value < self.high:
            return True
        return None if self.open_low <= value < self.open_high else False


def _words(scale: Scale, *accepted: str, undecided: tuple[str, ...] = (), margin: float = 0.0) -> WordLimits:
    """Make limits of neighbouring words of a scale.

    Of `accepted` the claimed one is true; `undecided` neither bear it out nor contradict it. Nothing is decided up to
    `margin`, a share of a positive limit, beyond those.
    """
    low, ranges = -math.inf, {}
    for limit, word in scale.steps:
        ranges[word] = (low, limit)
        low = limit
    inner = [ranges[word] for word in accepted]
    outer = inner + [ranges[word] for word in undecided]
    lowest, highest = min(low for low, _ in outer), max(high for _, high in outer)
    return WordLimits(
        min(low for low, _ in inner), max(high for _, high in inner),
        lowest * (1 - margin) if margin else lowest, highest * (1 + margin) if margin else highest,
    )  # fmt: skip


# Own choice: a person's "slow" does not end at 76.0 BPM.
_PACE_MARGIN = 0.1
PACE: Mapping[str, WordLimits] = {
    "slow": _words(TEMPO, "very slow", "slow", margin=_PACE_MARGIN),
    "medium slow": _words(TEMPO, "slow", "moderate", margin=_PACE_MARGIN),
    "moderate": _words(TEMPO, "moderate", margin=_PACE_MARGIN),
    "medium fast": _words(TEMPO, "moderate", "fast", margin=_PACE_MARGIN),
    "fast": _words(TEMPO, "fast", "very fast", margin=_PACE_MARGIN),
    "driving": _words(TEMPO, "moderate", "fast", "very fast", margin=_PACE_MARGIN),
}
# The limits of these scales are own choice in part: only the opposite of a word contradicts it.
LOUD: Mapping[str, WordLimits] = {
    "loud": _words(LOUDNESS, "loud", "very loud", undecided=("moderately loud",)),
    "quiet": _words(LOUDNESS, "quiet", undecided=("moderately loud",)),
}
DYNAMIC: Mapping[str, WordLimits] = {
    "compressed": _words(DYNAMIC_RANGE, "narrow", undecided=("moderate",)),
    "dynamic": _words(DYNAMIC_RANGE, "wide", undecided=("moderate",)),
}
# Own choice, with wide borders, as no study gives limits for whole mixes: only the clear opposite contradicts.
WARM = {"warm": WordLimits(2.0, math.inf, -4.0, math.inf)}
THIN = {"thin": WordLimits(-math.inf, -12.0, -math.inf, -4.0)}
CRISP = {"crisp": WordLimits(1.2, math.inf, 0.8, math.inf)}
BOOMY = {"boomy": WordLimits(0.3, math.inf, 0.1, math.inf)}
IMAGE: Mapping[str, WordLimits] = {
    "wide": _words(WIDTH, "wide", undecided=("medium",)),
    "narrow": _words(WIDTH, "narrow", undecided=("medium",)),
}
# Own choice, level of the right channel over the left, dB.
BALANCE = {"right": WordLimits(2.0, math.inf, 0.5, math.inf), "left": WordLimits(-math.inf, -2.0, -math.inf, -0.5)}
VOICE_RANGE: Mapping[str, WordLimits] = {
    "wide": _words(VOCAL_RANGE, "wide", undecided=("",)), "narrow": _words(VOCAL_RANGE, "narrow", undecided=("",)),
}  # fmt: skip
OFF_BEAT: Mapping[str, WordLimits] = {
    "swung": _words(SWING, "swung", undecided=("",)), "straight": _words(SWING, "straight", undecided=("",)),
}  # fmt: skip
# Others may be syncopated where the drums are not: nothing contradicts it.
SYNCOPATED = {"syncopated": _words(SYNCOPATION, "syncopated", undecided=("none", ""))}
MODULATION = {"changes": WordLimits(1.0, math.inf, 1.0, math.inf)}
BRIGHT: Mapping[str, WordLimits] = {
    "bright": _words(BRIGHTNESS, "bright", undecided=("balanced",)),
    "dark": _words(BRIGHTNESS, "dark", undecided=("balanced",)),
}
FULL_BAND = _words(BANDWIDTH, "full", margin=0.1)
STEADINESS: Mapping[str, WordLimits] = {
    "steady": _words(BEAT, "steady", undecided=("slightly varying",)),
    "free": _words(BEAT, "free", undecided=("slightly varying",)),
}
STEADY = STEADINESS["steady"].low
"""From it on a tempo is taken to hold in every part of the song."""
_NEVER = math.inf  # a beat that varies does not tell which way the tempo goes
TEMPO_CHANGE: Mapping[str, WordLimits] = {
    "changes": STEADINESS["free"],
    **dict.fromkeys(("faster", "slower"), WordLimits(_NEVER, STEADY, -math.inf, STEADY)),
}
