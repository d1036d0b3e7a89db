"""The tagger: which terms fit a sound, how surely, and what of that is sure enough to be told.

Running the networks over a sound and reading their output belongs here; what becomes of it in captions does not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from flamingo_bark_assets.audio.signal import FloatArray, Sound
from flamingo_bark_assets.errors import FileFault
from flamingo_bark_assets.tagging.mel import log_mel_windows
from flamingo_bark_assets.tagging.network import NETWORKS, Network, NetworkName, weights_path
from flamingo_bark_assets.tagging.vocabulary import TAGS, TERMS, Term, TermKind

LICENCE = "ISC"
MODEL_IDS: dict[NetworkName, str] = {"msd": "musicnn/MSD_musicnn", "mtt": "musicnn/MTT_musicnn"}
_REVISION_DIGITS = 12
# A sum in another order moves the last digits; results are the same to the byte.
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Tag:
    """One term for one sound.

    Attributes:
        term: the term.
        score: mean over the windows of what its network gives its likeliest tag, 0 to 1.
        windows: number of windows of 3 s that were read.
    """

    term: Term
    score: float
    windows: int

    @property
    def probability(self) -> float:
        """How likely the term is right, calibrated, 0 to 1."""
        return round(self.term.probability(self.score), _DIGITS)

    @property
    def is_sure(self) -> bool:
        """Whether it is told: the score reaches the term's own threshold."""
        return self.score >= self.term.threshold


class Tagger:
    """Both networks, each loaded when it is first asked."""

    def __init__(self) -> None:
        self._networks: dict[NetworkName, Network] = {}

    @cached_property
    def revision(self) -> str:
        """Digest of the shipped weights, 12 hexadecimal digits.

        Raises:
            FileFault: they cannot be read.
        """
        digest = hashlib.sha256()
        for name in NETWORKS:
            try:
                digest.update(weights_path(name).read_bytes())
            except OSError as error:
                raise FileFault(f"{weights_path(name).name}: cannot be read; install the package anew") from error
        return digest.hexdigest()[:_REVISION_DIGITS]

    def tag(self, sound: Sound, kinds: Sequence[TermKind], windows: int) -> tuple[Tag, ...]:
        """Return the terms of some kinds for a sound, within a kind the likeliest first, ties by name.

        Empty where nothing sounds above -60 dBFS, or the sound is shorter than a second. Only the networks that know a
        term of those kinds run. `windows` is the largest number of windows.

        Raises:
            FileFault: the weights cannot be read.
        """
        mels = log_mel_windows(sound, windows)
        if not len(mels):
            return ()
        terms = [term for term in TERMS if term.kind in kinds]
        scores = {name: self._scores(name, mels) for name in NETWORKS if any(t.network == name for t in terms)}
        tags = [Tag(term, _score(term, scores[term.network]), len(mels)) for term in terms]
        return tuple(sorted(tags, key=lambda tag: (kinds.index(tag.term.kind), -tag.probability, tag.term.label)))

    def _scores(self, name: NetworkName, mels: FloatArray) -> dict[str, float]:
        if name not in self._networks:
            self._networks[name] = Network.load(name)
        means = self._networks[name].tag(mels).mean(axis=0, dtype=np.float64)
        return dict(zip(TAGS[name], map(float, means), strict=True))


def _score(term: Term, scores: dict[str, float]) -> float:
    return round(max(scores[tag] for tag in term.tags), _DIGITS)
