"""What the tags of both networks mean: the terms that are told, how sure a score makes each, and from which score on.

Terms and their calibration belong here; how it was found, and its limits, stand in docs/decisions. Nothing here
computes tags.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from flamingo_bark_assets.tagging.network import NetworkName

TermKind = Literal["genre", "mood", "instrument", "voice", "era", "pace", "character"]

# In the order of the networks' outputs: musicnn/configuration.py of the wheel.
TAGS: Mapping[NetworkName, tuple[str, ...]] = {
    "msd": (
        "rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s", "alternative rock",
        "jazz", "beautiful", "metal", "chillout", "male vocalists", "classic rock", "soul", "indie rock", "Mellow",
        "electronica", "80s", "folk", "90s", "chill", "instrumental", "punk", "oldies", "blues", "hard rock",
        "ambient", "acoustic", "experimental", "female vocalist", "guitar", "Hip-Hop", "70s", "party", "country",
        "easy listening", "sexy", "catchy", "funk", "electro", "heavy metal", "Progressive rock", "60s", "rnb",
        "indie pop", "sad", "House", "happy",
    ),
    "mtt": (
        "guitar", "classical", "slow", "techno", "strings", "drums", "electronic", "rock", "fast", "piano", "ambient",
        "beat", "violin", "vocal", "synth", "female", "indian", "opera", "male", "singing", "vocals", "no vocals",
        "harpsichord", "loud", "quiet", "flute", "woman", "male vocal", "no vocal", "pop", "soft", "sitar", "solo",
        "man", "classic", "choir", "voice", "new age", "dance", "male voice", "female vocal", "beats", "harp", "cello",
        "no voice", "weird", "country", "metal", "female voice", "choral",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Curve:
    """How likely a term is right, by the score of its network: logistic in the logit of the score."""

    intercept: float
    slope: float


# Fitted on rendered songs of known style, instruments and singers, the offsets and thresholds also on game music; see
# the decision page. Moods and eras of the Million Song Dataset take the curve of its genres, which the same listeners
# gave. Of the moods only `chill` reached scores that tell anything.
_CURVES: Mapping[TermKind, Curve] = {
    "genre": Curve(2.30, 1.99),
    "mood": Curve(2.30, 1.99),
    "era": Curve(2.30, 1.99),
    "instrument": Curve(1.01, 0.89),
    "voice": Curve(4.35, 2.03),
    "pace": Curve(1.01, 0.89),
    "character": Curve(1.01, 0.89),
}
# A term that no sound of known truth could test is told only where its network is far surer than of any wrong one.
_UNTESTED_SCORE = 0.35


@dataclass(frozen=True, slots=True)
class Term:
    """One term, told where at least one of its tags scores high enough.

    Attributes:
        kind: what it is about.
        label: the term.
        network: the network whose tags it has.
        tags: the tags that mean it, in the network's spelling; the likeliest counts.
        threshold: least score from which on it is told: where the curve gives .5 or, if that is higher, a tenth above
            the highest score of a song that it was wrong for.
        offset: what is added to the curve's intercept for this term.
        tested: whether there were songs for which it is known to be right or wrong.
    """

    kind: TermKind
    label: str
    network: NetworkName
    tags: tuple[str, ...]
    threshold: float = _UNTESTED_SCORE
    offset: float = 0.0
    tested: bool = False

    def probability(self, score: float) -> float:
        """Return how likely the term is right at a score of its network, both 0 to 1."""
        curve = _CURVES[self.kind]
        bounded = min(1.0 - 1e-6, max(1e-6, score))
        logit = curve.intercept + self.offset + curve.slope * math.log(bounded / (1.0 - bounded))
        return 1.0 / (1.0 + math.exp(-logit))


def _msd(kind: TermKind, label: str, threshold: float | None = None, offset: float = 0.0, *tags: str) -> Term:
    return _term(kind, label, "msd", threshold, offset, tags)


def _mtt(kind: TermKind, label: str, threshold: float | None = None, offset: float = 0.0, *tags: str) -> Term:
    return _term(kind, label, "mtt", threshold, offset, tags)


def _term(
    kind: TermKind, label: str, network: NetworkName, threshold: float | None, offset: float, tags: tuple[str, ...]
) -> Term:
    given = _UNTESTED_SCORE if threshold is None else threshold
    return Term(kind, label, network, tags or (label,), given, offset, threshold is not None)


TERMS: tuple[Term, ...] = (
    _msd("genre", "rock", 0.26, -0.16),
    _msd("genre", "electronic", 0.30, -0.34),
    _msd("genre", "dance", 0.20, 0.58),
    _msd("genre", "jazz", 0.33, -0.89),
    _msd("genre", "house", 0.19, 0.59, "House"),
    _msd("genre", "folk", 0.24, 0.05),
    _msd("genre", "funk", 0.23, 0.20),
    _msd("genre", "blues", 0.23, 0.13),
    _msd("genre", "hip hop", 0.20, 0.48, "Hip-Hop"),
    _msd("genre", "alternative rock", 0.25, -0.04),
    _msd("genre", "classic rock", 0.25, -0.08),
    _msd("genre", "indie rock", 0.25, -0.05),
    _msd("genre", "hard rock", 0.25, -0.01),
    _msd("genre", "progressive rock", 0.26, -0.12, "Progressive rock"),
    _msd("genre", "punk", 0.25, -0.02),
    _msd("genre", "metal", 0.24),
    _msd("genre", "heavy metal", 0.24),
    _msd("genre", "soul", 0.27, -0.28),
    _msd("genre", "r&b", 0.25, -0.04, "rnb"),
    _msd("genre", "country", 0.36, -0.08),
    _msd("genre", "ambient", 0.36, -0.77),
    _msd("genre", "electro", 0.24),
    _msd("genre", "electronica", 0.25, -0.01),
    _msd("genre", "pop"),
    _msd("genre", "indie pop"),
    _msd("genre", "indie"),
    _msd("genre", "alternative"),
    _msd("genre", "experimental"),
    _msd("genre", "easy listening"),
    # MagnaTagATune's players say techno of anything electronic with a beat.
    _mtt("genre", "techno", 0.79, -2.72),
    _mtt("genre", "classical", 0.40, 0.30, "classical", "classic"),
    _mtt("genre", "opera", 0.25, -0.03),
    _mtt("genre", "new age", 0.25, -0.01),
    _mtt("genre", "indian classical", 0.35, -0.25, "indian"),
    _msd("mood", "chill", 0.22, 0.63, "chill", "chillout"),
    _msd("mood", "mellow", None, 0.0, "Mellow"),
    _msd("mood", "beautiful"),
    _msd("mood", "happy"),
    _msd("mood", "sad"),
    _msd("mood", "sexy"),
    _msd("mood", "catchy"),
    _msd("mood", "party"),
    _mtt("instrument", "drums", 0.15, 1.80, "drums", "beat", "beats"),
    _mtt("instrument", "guitar", 0.73, -0.25),
    _mtt("instrument", "piano", 0.30, 0.34),
    _mtt("instrument", "synth", 0.20, 1.13),
    _mtt("instrument", "strings", 0.38, -0.55),
    _mtt("instrument", "violin", 0.64, -0.80),
    _mtt("instrument", "cello", 0.31, -0.26),
    _mtt("instrument", "harp", 0.43, -0.73),
    _mtt("instrument", "harpsichord", 0.44, -0.77),
    _mtt("instrument", "flute", 0.31, 0.13),
    _mtt("instrument", "sitar", 0.50, -0.52),
    _mtt("voice", "female vocals", 0.28, 0.04, "female", "woman", "female vocal", "female voice"),
    _mtt("voice", "male vocals", 0.15, -0.04, "male", "man", "male vocal", "male voice"),
    _mtt("voice", "choir", None, 0.0, "choir", "choral"),
    _mtt("voice", "singing", None, 0.0, "singing", "vocal", "vocals", "voice"),
    _mtt("voice", "no vocals", None, 0.0, "no vocals", "no vocal", "no voice"),
    _msd("era", "60s"),
    _msd("era", "70s"),
    _msd("era", "80s"),
    _msd("era", "90s"),
    _msd("era", "2000s", None, 0.0, "00s"),
    _msd("era", "oldies"),
    _mtt("pace", "slow"),
    _mtt("pace", "fast"),
    _mtt("character", "loud"),
    _mtt("character", "quiet"),
    _mtt("character", "soft"),
    _mtt("character", "solo"),
    _mtt("character", "weird"),
    _msd("character", "acoustic"),
    _msd("character", "instrumental"),
)
"""Tags of one network that the other one has too are left to the one that knows them better: genres to MSD, guitar and
voices to MTT."""
