"""Train the key model: `python -m tests.learning.keys FOLDER`, FOLDER being made by `tests.learning.key_songs`.

Fitting of the key model belongs here; its evaluation is in `flamingo_bark_assets.analysis.tonality.key`.

The weights of chord functions are learned from chord sequences, one half of `songs.compose`, one of
`key_songs.walked`, blurred as chord recognition blurs them; half are cut anywhere, as excerpts are, so that first and
last chord count for no more than they are worth. No recording was seen. The map to confidences is fitted to the
rendered songs of FOLDER, whole and cut, from the mix and with stems, none of which the weights saw.

What is printed of confidences comes from two halves: the songs of styles, fonts and kits that are kept from training
are judged by a map fitted to the others, and the other way about.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.frontend.view import NOTE_RATE_HZ
from flamingo_bark_assets.analysis.tonality import key
from flamingo_bark_assets.analysis.tonality.chord_model import CHORDS, QUALITIES
from flamingo_bark_assets.analysis.tonality.key import CHORD_EVIDENCE, Certainty, KeyEvidence
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.note_names import KEYS
from tests.learning.key_songs import walked
from tests.learning.songs import QUALITIES as TONES
from tests.learning.songs import SCALES, Chord, compose, draw_key

_SEQUENCES = 4000
# So sharp that the probabilities of rendered songs are about as large as the share of them that is right.
_SHARPNESS = 0.6
_EXCERPT_S = 15.0
_CUTS_S = (30.0, _EXCERPT_S, 8.0)
_SURE = 0.8
_BINS = 6


@dataclass(frozen=True, slots=True)
class Judged:
    """The key of a song or of a part of it.

    Attributes:
        song: name of the song.
        view: "mix", or "stems" together with the mix.
        cut_s: length of the part; 0 of the whole.
        held_out: whether style, fonts and kits are kept from training.
        chosen: index of the likeliest key.
        probability: of it.
        chords_s: seconds in which chords sound.
        truth: index of the right key.
    """

    song: str
    view: str
    cut_s: float
    held_out: bool
    chosen: int
    probability: float
    chords_s: float
    truth: int

    @property
    def score(self) -> float:
        """The MIREX score."""
        import mir_eval

        return float(mir_eval.key.weighted_score(KEYS[self.truth], KEYS[self.chosen]))


def blurred_sequence(rng: np.random.Generator) -> tuple[FloatArray, int]:
    """Evidence of a made-up chord sequence whose chords are now and then misheard, and the index of its key."""
    chords, index = _sequence(rng)
    heard = np.zeros((len(chords), CHORDS), np.float32)
    misheard: dict[tuple[int, str], NDArray[np.float64]] = {}
    rate = rng.uniform(0.0, 0.3)
    for row, chord in zip(heard, chords, strict=True):
        sounding = (chord.root, chord.quality)
        if sounding not in misheard or rng.random() < 0.2:
            misheard[sounding] = _encoder(rng, chord.root, TONES[chord.quality][1], rate)
        row[:] = misheard[sounding]
    lengths = np.array([c.beats for c in chords], np.float32)[:, None]
    whole, first, last = (
        key.frame_kinds(x).sum(axis=0).reshape(12, -1) for x in (heard * lengths, heard[:1], heard[-1:])
    )
    return key.chord_evidence(whole, first, last), index


def _sequence(rng: np.random.Generator) -> tuple[list[Chord], int]:
    """Draw chords and the index of their key; a tenth are power chords, half are cut."""
    beats = float(rng.uniform(16, 300))
    if rng.random() < 0.5:
        tonic, scale = draw_key(rng)
        chords = [c for c in compose(rng, tonic, scale, beats=beats) if c.root >= 0]
    else:
        tonic = int(rng.integers(12))
        scale, chords = walked(rng, tonic, 4, beats, 100.0)
    if rng.random() < 0.1:
        chords = [replace(c, quality="5") for c in chords]
    if rng.random() < 0.5 and len(chords) > 6:
        first = int(rng.integers(0, len(chords) // 2))
        chords = chords[first : first + int(rng.integers(3, len(chords) - first + 1))]
    return chords, tonic + 12 * (3 in SCALES[scale])


def _encoder(rng: np.random.Generator, root: int, quality: str, rate: float) -> NDArray[np.float64]:
    row = np.zeros(CHORDS)
    right = root * len(QUALITIES) + QUALITIES.index(quality)
    row[right] = 1.0
    if rng.random() < rate:
        minor = quality.startswith("min")
        other = int(rng.choice([3, 7, 5, 0] if minor else [9, 7, 5, 0, 4]))
        name = "min" if (not minor and other in {9, 0, 4}) else "maj"
        share = rng.uniform(0.3, 1.0)
        row *= 1.0 - share
        row[(root + other) % 12 * len(QUALITIES) + QUALITIES.index(name)] += share
    return row


def fit_functions(sequences: list[tuple[FloatArray, int]]) -> FloatArray:
    """Weights of chord functions by multinomial logistic regression, shape (2, CHORD_EVIDENCE)."""
    x = np.stack([evidence[:12] for evidence, _ in sequences]).astype(np.float64)
    truth = np.array([index for _, index in sequences])

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.reshape(2, CHORD_EVIDENCE)
        scores = np.concatenate([x @ weights[0], x @ weights[1]], axis=1)
        error, value = _softmax_error(scores, truth)
        gradient = np.stack([np.einsum("nt,ntf->f", error[:, 12 * m : 12 * m + 12], x) for m in (0, 1)])
        return value + 2e-4 * float(flat @ flat), gradient.ravel() + 4e-4 * flat

    return np.asarray(_minimum(loss, np.zeros(2 * CHORD_EVIDENCE)).reshape(2, CHORD_EVIDENCE), np.float32)


def _softmax_error(scores: NDArray[np.float64], truth: NDArray[np.int_]) -> tuple[NDArray[np.float64], float]:
    """Gradient of the mean cross-entropy by the scores, and its value."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    error = shifted / shifted.sum(axis=1, keepdims=True)
    rows = np.arange(truth.size)
    value = float(-np.log(np.maximum(error[rows, truth], 1e-12)).mean())
    error[rows, truth] -= 1.0
    return error / truth.size, value


def _minimum(loss: Callable[..., Any], start: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.optimize import minimize

    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 300}).x)


def judge(path: Path) -> list[Judged]:
    """Find the key of a song of `key_songs`, and of a part of each length, by the stored weights."""
    out = []
    with np.load(path) as stored:
        song = {name: stored[name] for name in stored.files}
    frames = song["mix_chords"].shape[0]
    rng = np.random.default_rng(int(path.stem.replace("_", "")))
    for cut_s in (0.0, *_CUTS_S):
        size = round(cut_s * NOTE_RATE_HZ) or frames
        if size > 0.85 * frames and cut_s:
            continue
        part = slice(first := int(rng.integers(0, frames - size + 1)), first + size)
        seen = {view: _seen(song, view, part) for view in ("mix", "stems") if f"{view}_chords" in song}
        for view, (_, chords_s) in seen.items():
            chances = key.key_probabilities(*(seen[name][0] for name in {view, "mix"}))
            best = int(np.argmax(chances))
            found = best, float(chances[best]), chords_s, int(song["key"])
            out.append(Judged(path.stem, view, cut_s, bool(song["judged"]), *found))
    return out


def _seen(song: dict[str, NDArray[Any]], view: str, part: slice) -> tuple[KeyEvidence, float]:
    probabilities = song[f"{view}_chords"][part].astype(np.float32)
    evidence = key.key_evidence(probabilities, song[f"{view}_salience"][part].astype(np.float32))
    sounding = song[f"{view}_sounding"][part].astype(bool)
    return evidence, float((1.0 - probabilities[sounding, CHORDS - 1]).sum() / NOTE_RATE_HZ)


def fit_certainty(judged: Sequence[Judged]) -> Certainty:
    """Fit the map to confidences by logistic regression on the scores.

    The ceiling is the mean score of the surest tenth.
    """
    from scipy.optimize import minimize

    score = np.array([one.score for one in judged])
    chance = np.clip([one.probability for one in judged], 1e-4, 1.0 - 1e-4)
    longest_s = max(one.chords_s for one in judged)
    length = np.log(np.maximum([one.chords_s for one in judged], 1.0))
    x = np.stack([np.log(chance / (1.0 - chance)), length, np.ones(score.size)], axis=1)

    def loss(weights: NDArray[np.float64]) -> float:
        odds = x @ weights
        return float(np.mean(np.logaddexp(0.0, odds) - score * odds))

    slope, per_length, offset = minimize(loss, np.zeros(3)).x.tolist()
    surest = np.argsort(x @ np.array([slope, per_length, offset]))[-score.size // 10 :]
    return Certainty(slope, per_length, offset, longest_s, float(score[surest].mean()))


def print_worth(judged: Sequence[Judged]) -> None:
    """Print how often keys are right, what confidences are worth, and how often excerpts contradict their song."""
    halves = {side: fit_certainty([one for one in judged if one.held_out is not side]) for side in (False, True)}
    sure = {one: key.key_confidence(one.probability, one.chords_s, halves[one.held_out]) for one in judged}
    for view in ("mix", "stems"):
        for cut_s in (0.0, *_CUTS_S):
            some = sorted((one for one in judged if (one.view, one.cut_s) == (view, cut_s)), key=lambda one: sure[one])
            if some:
                exact = np.mean([one.chosen == one.truth for one in some])
                bins = " ".join(
                    f"{np.mean([sure[one] for one in part]):.2f}->{np.mean([one.score for one in part]):.2f}"
                    for part in (some[i * len(some) // _BINS : (i + 1) * len(some) // _BINS] for i in range(_BINS))
                    if part
                )
                mirex = np.mean([one.score for one in some])
                print(f"{view:6} {cut_s or 'whole':>6}  n {len(some):3}  exact {exact:.3f}  MIREX {mirex:.3f}  {bins}")
    wholes = {(one.song, one.view): one for one in judged if not one.cut_s}
    pairs = [(one, wholes[one.song, one.view]) for one in judged if one.cut_s == _EXCERPT_S]
    against = [(a, b) for a, b in pairs if a.chosen != b.chosen]
    both = [(a, b) for a, b in against if min(sure[a], sure[b]) > _SURE]
    print(
        f"{len(pairs)} excerpts of {_EXCERPT_S:g} s: {len(against)} in another key, {len(both)} both surer than {_SURE}"
    )


def store(functions: FloatArray, certainty: Certainty, songs: int) -> None:
    """Write the model into the package, with its provenance."""
    np.savez_compressed(
        Path(key.__file__).with_name("key_model.npz"),
        chords=functions.astype(np.float16),
        certainty=np.array(astuple(certainty), np.float32),
        provenance=np.array(" ".join((__doc__ or "").split()) + f" FOLDER held {songs} songs."),
        licence=np.array("Apache-2.0; trained on nothing but sequences and songs generated by tests.learning"),
    )
    key.key_model.cache_clear()


def main() -> None:
    """Fit weights and the map to confidences, store them and print what they are worth."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("songs", type=Path, help="folder of tests.learning.key_songs")
    paths = sorted(parser.parse_args().songs.glob("*.npz"))
    rng = np.random.default_rng(0)
    functions = _SHARPNESS * fit_functions([blurred_sequence(rng) for _ in range(_SEQUENCES)])
    store(functions, Certainty(1.0, 0.0, 0.0, 1.0, 1.0), len(paths))
    judged = [one for path in paths for one in judge(path)]
    certainty = fit_certainty(judged)
    store(functions, certainty, len(paths))
    print(certainty)
    print_worth(judged)


if __name__ == "__main__":
    main()
