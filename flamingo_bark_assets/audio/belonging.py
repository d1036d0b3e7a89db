"""Whether a stem belongs to the mix: its sound is in it, or would be found if it were.

The evidence and the decision belong here; finding sound in other sound stands in `alignment`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flamingo_bark_assets.audio.alignment import MAX_LAG_S, RATE_HZ, Match, MixReference, waveform_of, without_mean
from flamingo_bark_assets.audio.explanation import moved_by
from flamingo_bark_assets.audio.resample import resample
from flamingo_bark_assets.audio.signal import FloatArray, Sound

# Chosen, not held out, on generated songs (`python -m tests.benchmarks.foreign_stems`). Looser limits than these two
# (10 dB, 9) reject more foreign stems, and with them good ones that are only present reverberated in a 15 s excerpt.
FOUND_STRENGTH = 7.5
QUIETER_DB = 12.0
EXPECTED_STRENGTH = 10.0

_MIN_AGREEMENT = 0.45
_MIN_NEIGHBOURS = 5
_WIDE_RATE_HZ = 2000
_WIDE_LAG_S = 30.0
_WIDE_SHARE = 0.25
_WIDE_STRENGTH = 10.0
_SURE_STRENGTH = 15.0
_CHANCE_STRENGTH = 4.0


@dataclass(frozen=True, slots=True)
class Belonging:
    """Whether a stem belongs to the mix.

    Attributes:
        match: where it was found, or what came nearest to it; None where stem or mix hold no sound.
        rejected: why it does not belong, in words that follow a file name; None where it does or may.
        confidence: of that, 0 to 1; None where there is no match.
    """

    match: Match | None
    rejected: str | None
    confidence: float | None


class StemJudge:
    """Judges the stems of one mix: first each is looked for, then what was not found is judged.

    A stem is rejected only where it would have been found had it been in the mix, even 12 dB below its own level;
    where that is not so, it is kept, with a low confidence. Before it is rejected, it is also looked for in what the
    other stems leave of the mix, in the difference of the channels, and up to 30 s early or late.
    """

    def __init__(self, mix: Sound, waveform: FloatArray) -> None:
        self._mix = mix
        self._waveform = waveform
        self._reference = MixReference(waveform)
        self._rest = waveform
        self._wide: MixReference | None = None

    def look_for(self, waveform: FloatArray) -> Match | None:
        """Look for the waveform of a stem in the mix; one that is found is taken off what is left of the mix."""
        match = self._reference.match(waveform)
        if match is not None and match.strength >= FOUND_STRENGTH:
            self._take_off(waveform, match)
        return match

    def judge(self, stem: Sound, match: Match | None) -> Belonging:
        """Judge a stem after all stems have been looked for; it is read again where it was not found."""
        if match is None:
            return Belonging(None, None, None)
        if match.strength >= FOUND_STRENGTH:
            return Belonging(match, None, _confidence(match.strength))
        waveform = waveform_of(stem)
        expected = self._reference.expected_strength(waveform, 10.0 ** (-QUIETER_DB / 20.0))
        if expected < EXPECTED_STRENGTH:
            return Belonging(match, None, _confidence(match.strength))
        found = self._elsewhere(stem, waveform, match)
        if found is not None:
            return Belonging(found, None, _confidence(found.strength))
        return Belonging(match, _reason(match.strength, expected), min(1.0, 1.0 - match.strength / expected))

    def _elsewhere(self, stem: Sound, waveform: FloatArray, match: Match) -> Match | None:
        """Match a stem that is not found at one lag in the middle of the mix; None where it is nowhere."""
        if match.agreement >= _MIN_AGREEMENT and match.neighbours >= _MIN_NEIGHBOURS:
            return match  # its lag wanders, as of a tape
        for found in (self._in_rest(waveform), self._in_difference(stem)):
            if found is not None and found.strength >= FOUND_STRENGTH:
                return found
        far = self._far_away(waveform)
        return far if far is not None and far.strength >= _WIDE_STRENGTH else None

    def _in_rest(self, waveform: FloatArray) -> Match | None:
        return None if self._rest is self._waveform else MixReference(self._rest).match(waveform)

    def _in_difference(self, stem: Sound) -> Match | None:
        if self._mix.channels != 2 or stem.channels != 2:
            return None
        return MixReference(waveform_of(self._mix, difference=True)).match(waveform_of(stem, difference=True))

    def _far_away(self, waveform: FloatArray) -> Match | None:
        max_lag_s = min(_WIDE_LAG_S, _WIDE_SHARE * self._waveform.size / RATE_HZ)
        if max_lag_s <= MAX_LAG_S:
            return None
        if self._wide is None:
            self._wide = MixReference(_slower(self._waveform), rate_hz=_WIDE_RATE_HZ, max_lag_s=max_lag_s)
        return self._wide.match(_slower(waveform))

    def _take_off(self, waveform: FloatArray, match: Match) -> None:
        """Subtract a stem from what is left of the mix, at its lag and with the gain that leaves least."""
        aligned = moved_by(waveform, round(match.lag_s * RATE_HZ), self._waveform.size)
        energy = float(np.vdot(aligned, aligned))
        if energy > 0.0:
            gain = float(np.vdot(self._rest, aligned)) / energy
            aligned *= np.float32(gain)
            if self._rest is self._waveform:
                self._rest = self._waveform - aligned
            else:
                self._rest -= aligned


def _confidence(strength: float) -> float:
    """Return confidence that a stem of some strength is in the mix."""
    return min(1.0, max(0.0, (strength - _CHANCE_STRENGTH) / (_SURE_STRENGTH - _CHANCE_STRENGTH)))


def _reason(strength: float, expected: float) -> str:
    return (
        f"does not belong to this song: nothing of it is found in the mix (match {strength:.1f}; a stem that is in it "
        f"has {FOUND_STRENGTH:g} or more, and this one would have {expected:.0f} even {QUIETER_DB:g} dB quieter)"
    )


def _slower(waveform: FloatArray) -> FloatArray:
    return without_mean(resample(waveform[np.newaxis], RATE_HZ, _WIDE_RATE_HZ)[0])
