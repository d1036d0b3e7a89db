"""What is found of each stem beside the mix, in words and numbers: what is corrected, and what speaks against it.

The decisions and their limits belong here; fit and spectra that they rest on stand in `explanation` and `bleed`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from flamingo_bark_assets.audio.alignment import RATE_HZ, Match
from flamingo_bark_assets.audio.belonging import FOUND_STRENGTH
from flamingo_bark_assets.audio.bleed import Character, character, coherence
from flamingo_bark_assets.audio.explanation import (
    Aligned,
    Fit,
    align,
    fit,
    gains_where_they_fit,
    residual_by_second,
)
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.parts import SUM_KINDS, StemKind, kinds_summed, missing_kinds

Bools = npt.NDArray[np.bool_]

# Chosen on the development seeds of `python -m tests.benchmarks.stem_truth`.
SURE_LAG_CONFIDENCE = 0.5
MAX_OFFSET = 0.005
"""Mean of a channel, full scale 1, that is taken off; sound without an offset stays below a tenth of it."""
EXACT = 10.0**-4.0
"""Residual, as a share of the mix, below which gains are as good as right."""
FITTED = 10.0**-1.2
"""Residual up to which the fitted gains are trusted."""

_FAR_BETTER = 4.0
_GAIN_DB = 1.0
_HEARD = 10.0**-2.5
_COMPLETE = 0.1
_HALF = 0.5
_GONE, _SEEN = 0.15, 0.3
_GONE_ALONE, _SEEN_ALONE, _CERTAIN_STRENGTH = 0.02, 0.05, 15.0
_TWICE_BETTER = 10.0
_TWICE_MORE = 2.0
_TWICE_LEFT = 10.0**-1.5
_SUMMED = 10.0**-1.5
_COPY, _SAME_GAIN, _SOUNDS = 0.999, 0.1, 1e-6
_NO_GAIN, _NEAR_GAIN, _OF_ITS_OWN = 0.1, 0.2, 0.02
_BLEED_SHARE = 10.0**-1.2
_BLEED_COHERENCE = 0.7
_WHOLE_COHERENCE = 0.86
_HOLE_LEFT, _HOLE_TIMES, _HOLE_S, _HOLE_SHARE = 0.1, 10.0, 2, 0.8
_TAIL_S = 2
_SILENT = 1e-4
_DRUMS_NOISE, _DRUMS_TIMES, _BASS_LOWS = 0.008, 8.0, 0.5
_HELD, _STRUCK, _SURE_TIMES = 0.75, 0.65, 50.0
_NO_BASS_LOWS, _SURE_BASS_LOWS = 0.2, 0.7
# The 576 samples of LAME with the 529 of an MP3 decoder, and the latter alone; the AAC encoders of FFmpeg and Apple.
_ENCODER_DELAYS = {1105: "MP3", 1024: "AAC", 2112: "AAC", 529: "MP3"}


@dataclass(frozen=True, slots=True)
class Heard:
    """One stem file that was read.

    Attributes:
        file_name: its name.
        kind: what its name says; None where it says nothing.
        sample_rate_hz: of the file.
        offsets: mean of each channel.
        waveform: as `alignment` reads it.
        match: where it was found; None where it is silent.
    """

    file_name: str
    kind: StemKind | None
    sample_rate_hz: int
    offsets: tuple[float, ...]
    waveform: FloatArray
    match: Match | None


@dataclass(slots=True)
class Finding:
    """What was found of one stem; the names are those of the columns of `Stem`."""

    delay_samples: int | None = None
    gain_db: float | None = None
    inverted: bool | None = None
    offsets: str | None = None
    mix_level_db: float | None = None
    mix_gain: float | None = None
    coherence: float | None = None
    bleed: str | None = None
    bleed_confidence: float | None = None
    misnamed: str | None = None
    doubt: str | None = None
    held: str | None = None
    twice: bool = False
    told: list[str] = field(default_factory=list)

    @property
    def corrected(self) -> str | None:
        """What is taken off, in words; None where nothing is."""
        return "; ".join(self.told) or None

    @property
    def added(self) -> bool:
        """Whether the stem is added to the others: no other one holds its sound."""
        return not self.twice and self.held is None


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found of all stems.

    Attributes:
        stems: of each, in their order.
        fitted_residual_db: what is left of the mix with a gain for each stem, dB of the mix, at 8 kHz in mono, up to
            `fitted_s`; None where nothing sounds.
        fitted_s: how far from the start of the mix it was fitted, whole seconds, rounded up.
        cause: what is wrong with them, in words; None where nothing is.
    """

    stems: tuple[Finding, ...]
    fitted_residual_db: float | None = None
    fitted_s: int = 0
    cause: str | None = None


def find(mix: FloatArray, stems: Sequence[Heard]) -> Findings:
    """Find what each of the stems that belong to a mix is in it."""
    found = tuple(Finding() for _ in stems)
    for stem, finding in zip(stems, found, strict=True):
        _offset(stem, finding)
    aligned = align(mix, [stem.waveform for stem in stems], dict(enumerate(map(_lag, stems)))) if stems else None
    if aligned is None or aligned.fit is None:
        return Findings(found)
    _delays(stems, aligned, found)
    kept, best = _once(mix, stems, aligned, found)
    _gains(stems, kept, best, found)
    _bleed(mix, [aligned.stems[i] for i in kept], [found[i] for i in kept], best)
    _swapped(stems, found)
    causes = [*_holes(stems, kept, best, found), *_gone(stems, kept, best, found)]
    causes = [*dict.fromkeys(f.misnamed for f in found if f.misnamed and "would be added twice" in f.misnamed), *causes]
    residual = max(best.residual, 1e-12)
    return Findings(found, 10.0 * math.log10(residual), best.fitted_s, "; ".join(causes) or None)


def _lag(stem: Heard) -> float | None:
    match = stem.match
    sure = match is not None and match.strength >= FOUND_STRENGTH and match.lag_confidence >= SURE_LAG_CONFIDENCE
    return match.lag_s if match is not None and sure else None


def _offset(stem: Heard, finding: Finding) -> None:
    largest = max(stem.offsets, key=abs, default=0.0)
    if abs(largest) > MAX_OFFSET:
        finding.offsets = " ".join(f"{offset:.9g}" for offset in stem.offsets)
        finding.told.append(f"an offset of {largest:.3g} (DC) was taken off")


def _delays(stems: Sequence[Heard], aligned: Aligned, found: Sequence[Finding]) -> None:
    for index, delay_s in aligned.delays_s.items():
        stem, finding = stems[index], found[index]
        finding.delay_samples = round(delay_s * stem.sample_rate_hz)
        if not finding.delay_samples:
            finding.delay_samples = None
            continue
        relation = "late" if delay_s > 0 else "early"
        codec = _ENCODER_DELAYS.get(finding.delay_samples)
        like_codec = f" (as {codec} without a gapless header is)" if codec else ""
        like_all = " like all stems" if aligned.together and len(stems) > 1 else ""
        by = f"{abs(delay_s) * 1e3:.2f} ms ({abs(finding.delay_samples)} samples)"
        finding.told.append(f"{by} {relation}{like_all}{like_codec}, taken off")


def _once(mix: FloatArray, stems: Sequence[Heard], aligned: Aligned, found: Sequence[Finding]) -> tuple[list[int], Fit]:
    """Leave out what other stems hold already; give the indices of the rest, and their fit."""
    assert aligned.fit is not None
    kept, best = _without_held(mix, stems, aligned.stems, aligned.fit, found)
    while len(kept) > 1:
        left_out = _copy(best) or _held_by_the_others(best) or _held_by_another(best)
        if left_out is None:
            break
        others = [index for at, index in enumerate(kept) if at not in left_out.at]
        again = fit(mix, [aligned.stems[i] for i in others])
        if again is None:
            break
        names = {at: stems[index].file_name for at, index in enumerate(kept)}
        for at in left_out.at:
            found[kept[at]].twice = True
        if left_out.whole is not None:
            held = ", ".join(names[at] for at in left_out.at)
            found[
                kept[left_out.whole]
            ].misnamed = f"{names[left_out.whole]} holds {held} as well, which would be added twice"
        elif left_out.like is not None:
            (at,) = left_out.at
            told = f"{names[at]} holds the same sound as {names[left_out.like]}, and would be added twice"
            found[kept[at]].misnamed = told
            if stems[kept[at]].kind != stems[kept[left_out.like]].kind:  # which of the two it is, is not known
                found[kept[left_out.like]].misnamed = told
        else:
            (at,) = left_out.at
            found[kept[at]].misnamed = f"{names[at]} holds what other stems hold already, and would be added twice"
        kept, best = others, again
    return kept, best


def _without_held(
    mix: FloatArray, stems: Sequence[Heard], moved: Sequence[FloatArray], whole: Fit, found: Sequence[Finding]
) -> tuple[list[int], Fit]:
    """Leave out an instrumental beside the stems that it is the sum of, or else those that stand in it."""
    kept, best = list(range(len(stems))), whole
    for index, stem in enumerate(stems):
        parts = [i for i in kept if stem.kind in SUM_KINDS and stems[i].kind in kinds_summed(stem.kind)]
        if not parts or stem.match is None:
            continue
        without, alone = [i for i in kept if i != index], [i for i in kept if i not in parts]
        left, left_alone = whole.common_residual_with(without), whole.common_residual_with(alone)
        if whole.common_residual_with(kept) * _FAR_BETTER <= min(left, left_alone):
            found[index].misnamed = (
                f"{stem.file_name} is named an instrumental, and holds only what {_names(stems, parts)} leave of one: "
                "they explain the mix together; name it other"
            )
            continue
        is_complete = not missing_kinds([stems[i].kind for i in without])
        is_sum = whole.residual_of(index, parts) <= _SUMMED
        if is_sum or left <= left_alone * (_TWICE_BETTER if is_complete else 1.0):
            found[index].held = f"{stem.file_name} is the sum of {_names(stems, parts)}, which are used in its place"
            kept = without
        else:
            for i in parts:
                found[i].held = f"{stems[i].file_name} stands in {stem.file_name} already, and is not added to it"
            kept = alone
    if len(kept) < len(stems):
        best = fit(mix, [moved[i] for i in kept]) or whole
    return (kept, best) if best is not whole else (list(range(len(stems))), whole)


def _names(stems: Sequence[Heard], indices: Sequence[int]) -> str:
    *others, last = (stems[i].file_name for i in indices)
    return f"{', '.join(others)} and {last}" if others else last


@dataclass(frozen=True, slots=True)
class _LeftOut:
    """Stems that are not added up, as other stems hold their sound.

    Attributes:
        at: which they are, places in the fit.
        whole: the stem that holds them beside sound of its own, which is at fault; None where they are at fault.
        like: the stem of which the one that is left out is a copy; None where it is none.
    """

    at: tuple[int, ...]
    whole: int | None = None
    like: int | None = None


def _copy(best: Fit) -> _LeftOut | None:
    """Find a stem that is the same as an earlier one and is in the mix once, however quiet."""
    total = best.products.sum(axis=0)
    energies = np.maximum(np.diag(total)[:-1], 1e-30)
    for later in range(1, energies.size):
        for earlier in range(later):
            product = total[earlier, later]
            same = product >= _COPY * math.sqrt(energies[earlier] * energies[later])
            same = same and abs(product / energies[earlier] - 1.0) <= _SAME_GAIN
            sounds = energies[later] > _SOUNDS * total[-1, -1]
            if same and sounds and best.common_residual_without(later) < best.common_residual:
                return _LeftOut((later,), like=earlier)
    return None


def _held_by_the_others(best: Fit) -> _LeftOut | None:
    """Find the stem without which far less is left with one gain for all: it is in others, or is their sum."""
    # What is quieter may be bleed, and changes little. Of two that are the same, the later one is left out.
    loud = best.given_energies > _BLEED_SHARE
    count = loud.size
    without = [best.common_residual_without(i) if loud[i] else 1.0 for i in range(count)]
    at = min(range(count), key=lambda i: (round(10.0 * math.log10(max(without[i], 1e-9))), -i))
    if without[at] > _TWICE_LEFT or without[at] * _TWICE_BETTER > best.common_residual:
        return None
    if best.residual_without(at) > _TWICE_MORE * max(best.residual, 1e-6):
        return None  # it is only too loud
    whole = next((i for i in range(count) if i != at and _rest_beside(best, i, (at,)) > _OF_ITS_OWN), None)
    return _LeftOut((at,), whole=whole)


def _held_by_another(best: Fit) -> _LeftOut | None:
    """Find the stem that holds several others, which explain nothing of the mix beside it."""
    if best.residual > FITTED:
        return None
    unneeded = (np.abs(best.gains) < _NO_GAIN * best.common_gain) & (best.given_energies > _HEARD)
    for whole in np.flatnonzero(np.abs(np.abs(best.gains) - best.common_gain) < _NEAR_GAIN * best.common_gain):
        at = tuple(int(i) for i in np.flatnonzero(unneeded))
        if at and _rest_beside(best, int(whole), at) >= 0.0:
            return _LeftOut(at, whole=int(whole))
    return None


def _rest_beside(best: Fit, whole: int, parts: tuple[int, ...]) -> float:
    """Return the share of a stem beside others that it holds at their own level; -1 where it does not hold them."""
    total = best.products.sum(axis=0)[:-1, :-1]
    gram, product, energy = total[np.ix_(parts, parts)], total[list(parts), whole], total[whole, whole]
    if not energy > 0.0 or not np.all(np.diag(gram) > 0.0):
        return -1.0
    gains = np.linalg.lstsq(gram, product, rcond=1e-6)[0]
    if np.any(np.abs(gains - 1.0) > _SAME_GAIN):
        return -1.0
    return max(0.0, 1.0 - float(gains @ product) / float(energy))


def _gains(stems: Sequence[Heard], kept: Sequence[int], best: Fit, found: Sequence[Finding]) -> None:
    """Turn over inverted stems, and level those that were normalised one by one, where the fit shows it."""
    energies, limit = best.energies, max(best.residual, 1e-6) * _FAR_BETTER
    for i, index in enumerate(kept):
        found[index].mix_gain = float(best.gains[i])
        found[index].mix_level_db = 10.0 * math.log10(max(float(energies[i]), 1e-20))
    if best.residual > FITTED:
        return
    certain = [
        i for i in range(len(kept)) if float(best.constrained[i]) >= limit and energies[i] > _HEARD
    ]  # with the gain of the others far more would be left
    for i in certain:
        if best.gains[i] < 0.0:
            found[kept[i]].inverted = True
            found[kept[i]].told.append("inverted polarity, turned over")
    levels = 20.0 * np.log10(np.maximum(np.abs(best.gains), 1e-6) / best.common_gain)
    deviating = [i for i in certain if abs(levels[i]) > _GAIN_DB]
    if not deviating or best.common_residual_of(np.sign(best.gains)) <= EXACT:
        return
    for i, index in enumerate(kept):
        gain_db = 20.0 * math.log10(max(abs(float(best.gains[i])), 1e-6))
        if len(deviating) == 1 and i not in deviating:
            continue
        relative = gain_db if len(deviating) > 1 else float(levels[i])
        found[index].gain_db = relative
        one_by_one = "as if normalised one by one, " if len(deviating) > 1 else ""
        found[index].told.append(f"{one_by_one}its gain in the mix is {relative:+.1f} dB, applied")


def _bleed(mix: FloatArray, stems: Sequence[FloatArray], found: Sequence[Finding], best: Fit) -> None:
    """Find stems that are far below the mix and hold nothing but what is left of the others."""
    gains = [float(best.gains[i] if one.gain_db is not None else best.common_gain) for i, one in enumerate(found)]
    complete = best.residual <= _COMPLETE and len(stems) > 1
    beside = "the other stems" if complete else "the rest of the mix"
    for i, (stem, finding) in enumerate(zip(stems, found, strict=True)):
        level = float((best.energies if finding.gain_db is not None else best.given_energies)[i])
        if not 0.0 < level <= _BLEED_SHARE:
            continue
        finding.coherence = coherence(stem, _others(mix, stems, gains, i, complete=complete))
        finding.mix_level_db = 10.0 * math.log10(level)
        if finding.coherence >= _BLEED_COHERENCE:
            finding.bleed = (
                f"it holds only what is left of {beside}: {finding.mix_level_db:.0f} dB of the mix, "
                f"{100.0 * finding.coherence:.0f} % of its energy keeps the phase of that"
            )
        sureness = abs(finding.coherence - _BLEED_COHERENCE) / (_WHOLE_COHERENCE - _BLEED_COHERENCE)
        finding.bleed_confidence = min(1.0, sureness)


def _others(
    mix: FloatArray, stems: Sequence[FloatArray], gains: Sequence[float], index: int, *, complete: bool
) -> FloatArray:
    """Return all that sounds beside one stem: the other stems where they give the mix, else the mix without it."""
    added = [i for i in range(len(stems)) if i != index] if complete else [index]
    total = np.zeros_like(mix)
    for i in added:
        length = min(mix.size, stems[i].size)
        total[:length] += np.float32(gains[i]) * stems[i][:length]
    return total if complete else mix - total


def _swapped(stems: Sequence[Heard], found: Sequence[Finding]) -> None:
    """Find pairs of stems each of which sounds like what the other is called: drums or a bass and any other kind."""
    sounding = [i for i in range(len(stems)) if stems[i].match is not None and not found[i].twice]
    of_kind: dict[StemKind, list[int]] = {}
    for i in sounding:
        if (kind := stems[i].kind) is not None:
            of_kind.setdefault(kind, []).append(i)
    alone = {kind: indices[0] for kind, indices in of_kind.items() if len(indices) == 1}
    if "drums" not in alone and "bass" not in alone:
        return
    like = {kind: character(stems[i].waveform) for kind, i in alone.items()}
    for one, other in itertools.combinations(alone, 2):
        told = _why_swapped(one, other, like, {kind: stems[i].file_name for kind, i in alone.items()})
        for kind in (one, other) if told else ():
            found[alone[kind]].misnamed = found[alone[kind]].misnamed or told


def _why_swapped(
    one: StemKind, other: StemKind, like: Mapping[StemKind, Character], names: Mapping[StemKind, str]
) -> str | None:
    """Say how it is heard that the stems of two kinds are swapped; None where it is not."""
    pair = {one, other}
    if pair == {"drums", "bass"} or (pair >= {"drums"} and like["drums"].steadiness >= _HELD):
        (rest,) = pair - {"drums"}
        noise, of_rest = like["drums"].noisiness, like[rest].noisiness
        if of_rest < max(_DRUMS_NOISE, _DRUMS_TIMES * noise):
            return None
        if rest == "bass" and like["drums"].lows < _BASS_LOWS:
            return None
        if rest != "bass" and like[rest].steadiness > _STRUCK and of_rest < _SURE_TIMES * noise:
            return None
        what = "like a bass" if rest == "bass" else "not like drums"
        return (
            f"{names['drums']} sounds {what} and {names[rest]} like drums (spectral flatness {noise:.3f} and "
            f"{of_rest:.3f}): they seem to be swapped"
        )
    if "bass" in pair and "drums" not in pair:
        (rest,) = pair - {"bass"}
        if like["bass"].lows <= _NO_BASS_LOWS and like[rest].lows >= _SURE_BASS_LOWS:
            return (
                f"{names['bass']} has {100 * like['bass'].lows:.0f} % of its energy below 250 Hz and {names[rest]} "
                f"{100 * like[rest].lows:.0f} %, as a bass has: they seem to be swapped"
            )
    return None


def _holes(stems: Sequence[Heard], kept: Sequence[int], best: Fit, found: Sequence[Finding]) -> list[str]:
    """Find the stem that is silent where its sound is missing, and only there: the others explain the rest."""
    # Up to where the first stem ends whose tail alone is cut off, which is missing in each second after it.
    seconds = best.products.shape[0]
    ends = [stems[index].waveform.size // RATE_HZ for index in kept]
    products = best.products[: min((end for end in ends if end >= seconds - _TAIL_S), default=seconds)]
    if not products.size:
        return []
    gains = gains_where_they_fit(products, best.gains)
    left, mix = residual_by_second(products, gains)
    holes: list[tuple[float, int, Bools]] = []
    for i in range(len(kept)):
        own = gains[i] ** 2 * products[:, i, i]
        silent = (own <= _SILENT * own.max()) & (mix > _SILENT * mix.max())
        if silent.sum() < _HOLE_S or silent.sum() > _HOLE_SHARE * own.size:
            continue
        missing, elsewhere = float(left[silent].mean()), float(left[~silent].mean())
        if missing > max(_HOLE_LEFT * float(own[~silent].mean()), _HOLE_TIMES * elsewhere):
            holes.append((missing / max(elsewhere, 1e-30), i, silent))
    if not holes:
        return []
    _, i, silent = max(holes, key=lambda hole: hole[0])
    where = np.flatnonzero(silent)
    doubt = (
        f"{stems[kept[i]].file_name} is silent in {where.size} s between {where[0]} s and {where[-1] + 1} s, where "
        f"{10.0 * math.log10(float(left[silent].sum() / mix[silent].sum())):.0f} dB of the mix are not in the stems: "
        "part of it is missing"
    )
    found[kept[i]].doubt = doubt
    return [doubt]


def _gone(stems: Sequence[Heard], kept: Sequence[int], best: Fit, found: Sequence[Finding]) -> list[str]:
    """Find stems that explain nothing of the mix, though it would be seen in what is left if they did."""
    told = []
    own = np.diag(best.products.sum(axis=0))[:-1] / best.products[:, -1, -1].sum()
    for i, index in enumerate(kept):
        match, without = stems[index].match, best.residual_without(i)
        if found[index].doubt is not None or found[index].bleed is not None or match is None:
            continue
        explained = without - best.residual
        if best.residual < _HALF:  # the others say how loud it would be
            expected = float(best.given_energies[i])
            gone = explained < min(_GONE * expected, _HALF * without) and expected >= _SEEN * best.residual
        else:
            gone = explained < _GONE_ALONE * without and own[i] >= _SEEN_ALONE and match.strength < _CERTAIN_STRENGTH
        if gone:
            beside = f", {best.common_gain:.2f} is that of most of the sound" if len(kept) > 1 else ""
            doubt = (
                f"{stems[index].file_name} explains nothing of the mix (it fits with a gain of {best.gains[i]:.2f}"
                f"{beside}): it may be another take or version"
            )
            found[index].doubt = doubt
            told.append(doubt)
    return told
